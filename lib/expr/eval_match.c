/* eval_match.c: =~ !~ and ~ (semantics 25). */
#include "eval.h"

/* What matching the value of one record gives. */
enum outcome { NO, YES, LIMIT, FULL };

/* A group is a piece of the text that was searched; one that took no part is null. */
static void set_groups(const struct cp_expr *x, struct cp_eval *ev, uint16_t i,
                       struct cp_slice text)
{
    const size_t *found = ev->regex->found;

    for (size_t t = 0; t < x->n_targets; t++) {
        size_t from = found[2 * x->targets[t].number], to = found[2 * x->targets[t].number + 1];
        struct cp_value *v = &ev->batch->col[x->targets[t].slot][i];
        *v = from == PCRE2_UNSET || to < from ? cp_null() : cp_untyped(text.p + from, to - from);
    }
}

/* A text that was decoded only to be searched is given back. */
static enum outcome match_regex(const struct cp_expr *x, struct cp_eval *ev, uint16_t i,
                                const struct cp_value *v)
{
    struct cp_arena *arena = &ev->batch->arena;
    size_t mark = arena->used;
    struct cp_slice text;
    int rc;

    if (!cp_value_text(v, arena, &text))
        return FULL;
    rc = cp_regex_find(x->regex, ev->regex, text.p, text.n, 0);
    if (rc > 0 && x->n_targets > 0)
        set_groups(x, ev, i, text);
    else
        arena->used = mark;
    return rc > 0 ? YES : rc == 0 ? NO : LIMIT;
}

static enum outcome match_glob(const struct cp_expr *x, struct cp_eval *ev,
                               const struct cp_value *v, const struct cp_value *pattern)
{
    struct cp_arena *arena = &ev->batch->arena;
    size_t mark = arena->used;
    struct cp_slice text, shape;
    bool matches;

    if (!cp_value_text(v, arena, &text))
        return FULL;
    if (x->glob) {
        matches = cp_glob_matches(x->glob, text);
    } else {
        if (cp_is_null(pattern))
            return NO;
        if (!cp_value_text(pattern, arena, &shape))
            return FULL;
        matches = cp_glob_match(shape, text);
    }
    arena->used = mark;
    return matches ? YES : NO;
}

static enum outcome match(const struct cp_expr *x, struct cp_eval *ev, uint16_t i,
                          const struct cp_operand *a, const struct cp_operand *b)
{
    const struct cp_value *v = cp_operand_at(a, i);
    enum outcome o = cp_is_null(v) ? NO
                     : x->op == CP_OP_GLOB
                         ? match_glob(x, ev, v, x->glob ? NULL : cp_operand_at(b, i))
                         : match_regex(x, ev, i, v);

    if (o == LIMIT)
        cp_eval_fail(ev, i, cp_regex_limit);
    if (x->op == CP_OP_NOMATCH && o <= YES)
        o = o == YES ? NO : YES;
    return o;
}

static enum cp_eval_status operands(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, struct cp_operand *a,
                                    struct cp_operand *b)
{
    *b = (struct cp_operand){0};
    if (cp_operand_eval(x->args[0], ev, sel, n, a) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    return x->regex || x->glob ? CP_EVAL_OK : cp_operand_eval(x->args[1], ev, sel, n, b);
}

enum cp_eval_status cp_match_select(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    struct cp_operand a, b;
    size_t left = 0;

    if (operands(x, ev, sel, n, &a, &b) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        enum outcome o = match(x, ev, i, &a, &b);
        if (o == FULL)
            return CP_EVAL_FULL;
        keep[left] = i;
        left += o == YES;
    }
    *kept = left;
    return CP_EVAL_OK;
}

enum cp_eval_status cp_match_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                  size_t n, struct cp_value *out)
{
    struct cp_operand a, b;

    if (operands(x, ev, sel, n, &a, &b) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        enum outcome o = match(x, ev, sel[k], &a, &b);
        if (o == FULL)
            return CP_EVAL_FULL;
        out[sel[k]] = o == LIMIT ? cp_null() : cp_bool(o == YES);
    }
    return CP_EVAL_OK;
}
