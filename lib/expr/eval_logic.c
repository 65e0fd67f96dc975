/* eval_logic.c: and, or, not, if, ??, coalesce: a side is evaluated only for the records that need
 * it. */
#include "eval.h"

/* Each side sees what the sides before have left. */
static enum cp_eval_status select_and(const struct cp_expr *x, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    for (size_t a = 0; a < x->n; a++) {
        if (cp_expr_select(x->args[a], ev, sel, n, keep, kept) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
        sel = keep;
        n = *kept;
    }
    return CP_EVAL_OK;
}

/* Each side sees what no side before was true for; the result is all but what is left in the end.
 */
static enum cp_eval_status select_or(const struct cp_expr *x, struct cp_eval *ev,
                                     const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    uint16_t *rest = cp_eval_selection(ev), *hits = cp_eval_selection(ev);
    size_t left = n, hit;

    memcpy(rest, sel, n * sizeof *sel);
    for (size_t a = 0; a < x->n; a++) {
        if (cp_expr_select(x->args[a], ev, rest, left, hits, &hit) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
        left = cp_selection_without(rest, left, hits, hit, rest);
    }
    *kept = cp_selection_without(sel, n, rest, left, keep);
    return CP_EVAL_OK;
}

static enum cp_eval_status select_not(const struct cp_expr *x, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    uint16_t *hits = cp_eval_selection(ev);
    size_t hit;

    if (cp_expr_select(x->args[0], ev, sel, n, hits, &hit) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    *kept = cp_selection_without(sel, n, hits, hit, keep);
    return CP_EVAL_OK;
}

enum cp_eval_status cp_logic_select(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    return x->op == CP_OP_AND  ? select_and(x, ev, sel, n, keep, kept)
           : x->op == CP_OP_OR ? select_or(x, ev, sel, n, keep, kept)
                               : select_not(x, ev, sel, n, keep, kept);
}

static enum cp_eval_status eval_if(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                   size_t n, struct cp_value *out)
{
    uint16_t *yes = cp_eval_selection(ev), *no = cp_eval_selection(ev);
    size_t n_yes, n_no;

    if (cp_expr_select(x->args[0], ev, sel, n, yes, &n_yes) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    n_no = cp_selection_without(sel, n, yes, n_yes, no);
    if (cp_expr_eval(x->args[1], ev, yes, n_yes, out) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    if (x->n == 3)
        return cp_expr_eval(x->args[2], ev, no, n_no, out);
    for (size_t k = 0; k < n_no; k++)
        out[no[k]] = cp_null();
    return CP_EVAL_OK;
}

static enum cp_eval_status eval_coalesce(const struct cp_expr *x, struct cp_eval *ev,
                                         const uint16_t *sel, size_t n, struct cp_value *out)
{
    uint16_t *nulls = cp_eval_selection(ev);

    for (size_t a = 0; a < x->n && n > 0; a++) {
        size_t left = 0;
        if (cp_expr_eval(x->args[a], ev, sel, n, out) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
        for (size_t k = 0; k < n; k++) {
            uint16_t i = sel[k];
            nulls[left] = i;
            left += cp_is_null(&out[i]);
        }
        sel = nulls;
        n = left;
    }
    return CP_EVAL_OK;
}

enum cp_eval_status cp_logic_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                  size_t n, struct cp_value *out)
{
    return x->op == CP_OP_IF ? eval_if(x, ev, sel, n, out) : eval_coalesce(x, ev, sel, n, out);
}
