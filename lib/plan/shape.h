/* shape.h: from a scope to what writers see of its records. Internal to the planner; stages call
 * cp_plan_shape. */
#ifndef CP_PLAN_SHAPE_H
#define CP_PLAN_SHAPE_H

#include "../expr/scope.h"
#include "../format/shape.h"

/* The shape of a scope; asks parsers for every field that a writer writes. Constant, in the heap.
 */
struct cp_shape *cp_shape_of(struct cp_heap *heap, struct cp_scope *s);
/* The same without its fields: asks for nothing. */
struct cp_shape *cp_shape_of_bytes(struct cp_heap *heap, struct cp_scope *s);

#endif
