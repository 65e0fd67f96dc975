/* operand.h: a value that a stage reads from every record: of a field, in place where it can be, or
 * of an expression. */
#ifndef CP_STAGES_OPERAND_H
#define CP_STAGES_OPERAND_H

#include "../lib/stage.h"

struct operand {
    struct cp_expr *x; /* NULL: a field, by ref */
    struct cp_ref ref;
    const struct cp_path *path;
    struct cp_value *own;          /* a column for values that are in none of the batch */
    const struct cp_value *values; /* of the batch read last, by number of the record */
};

/* Binds a parsed expression. -1 after a diagnostic. */
int operand_plan(struct cp_planner *p, struct operand *o, struct cp_expr *x);
/* The same for the value of a field. */
void operand_plan_path(struct cp_planner *p, struct operand *o, const struct cp_path *path,
                       struct cp_pos pos);
/* Whether two operands read the same field. */
bool operand_equal(const struct operand *a, const struct operand *b);
void operand_open(struct cp_stage *s, struct operand *o);
/* Reads the values of all selected records. */
enum cp_eval_status operand_eval(struct operand *o, struct cp_eval *ev, const struct cp_batch *b);

#endif
