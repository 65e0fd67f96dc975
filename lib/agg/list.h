/* list.h: all values of a group, in the order of the records. Internal to lib/agg. */
#ifndef CP_AGG_LIST_H
#define CP_AGG_LIST_H

#include "aggregate.h"

struct list {
    char *p; /* items: a head, then the value as JSON */
    size_t used, cap, n;
    uint64_t last;        /* position of the item added last */
    bool is_mixed;        /* items are not in order */
    struct cp_value text; /* the finished list */
};

/* Values for which there is no memory are left out and counted (env->lost). */
void list_add(struct cp_agg_env *env, struct list *l, const struct cp_value *v, uint64_t position);
void list_merge(struct cp_agg_env *env, struct list *l, const struct list *other);
/* Finishes the list: nothing is added any more, and it is not merged. */
struct cp_value list_text(struct cp_agg_env *env, struct list *l);

#endif
