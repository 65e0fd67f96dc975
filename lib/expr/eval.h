/* eval.h: what the evaluators share. Internal to lib/expr. */
#ifndef CP_EXPR_EVAL_H
#define CP_EXPR_EVAL_H

#include "node.h"

/* The values of one operand: a column, or one constant for all records. */
struct cp_operand {
    const struct cp_value *v;
    size_t mask; /* 0 for a constant */
};
static inline const struct cp_value *cp_operand_at(const struct cp_operand *o, uint16_t i)
{
    return &o->v[i & o->mask];
}

/* Gives the operand's values, in a temporary column where there is none yet. */
enum cp_eval_status cp_operand_eval(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, struct cp_operand *out);

/* Temporary columns and selections: taken from a stack, given back by setting its top back. */
static inline struct cp_value *cp_eval_column(struct cp_eval *ev)
{
    return ev->scratch[ev->scratch_top++];
}
static inline uint16_t *cp_eval_selection(struct cp_eval *ev)
{
    return ev->selections[ev->selections_top++];
}

/* A value as the result of an expression. */
static inline struct cp_value cp_as_result(struct cp_value v)
{
    if (v.kind == CP_MISSING)
        v.kind = CP_NULL;
    return v;
}

/* What is left of sel[0..n) without those of less[0..m), which come in the same order. out may be
 * either. */
size_t cp_selection_without(const uint16_t *sel, size_t n, const uint16_t *less, size_t m,
                            uint16_t *out);

/* One per topic. The eval ones write out, the select ones keep. */
enum cp_eval_status cp_compare_select(const struct cp_expr *x, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept);
enum cp_eval_status cp_in_select(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, uint16_t *keep, size_t *kept);
enum cp_eval_status cp_match_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                  size_t n, struct cp_value *out);
enum cp_eval_status cp_match_select(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept);
enum cp_eval_status cp_logic_select(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept);
enum cp_eval_status cp_logic_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                  size_t n, struct cp_value *out);
enum cp_eval_status cp_arithmetic_eval(const struct cp_expr *x, struct cp_eval *ev,
                                       const uint16_t *sel, size_t n, struct cp_value *out);
enum cp_eval_status cp_text_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out);
enum cp_eval_status cp_call_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out);

#endif
