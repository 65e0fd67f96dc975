/* eval_text.c: .. (join), lists, x[i]. */
#include "../format/json.h"
#include "eval.h"

static enum cp_eval_status operands_of(const struct cp_expr *x, struct cp_eval *ev,
                                       const uint16_t *sel, size_t n, struct cp_operand *out)
{
    for (size_t a = 0; a < x->n; a++)
        if (cp_operand_eval(x->args[a], ev, sel, n, &out[a]) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    return CP_EVAL_OK;
}

/* n bytes in the arena; or out is null: too long. */
static enum cp_eval_status take_room(struct cp_eval *ev, uint16_t i, size_t n, char **p,
                                     struct cp_value *out)
{
    *p = NULL;
    if (n > ev->max_text) {
        cp_eval_fail(ev, i, cp_call_too_long);
        *out = cp_null();
        return CP_EVAL_OK;
    }
    *p = cp_arena_take(&ev->batch->arena, n);
    return *p ? CP_EVAL_OK : CP_EVAL_FULL;
}

static enum cp_eval_status join_record(const struct cp_expr *x, struct cp_eval *ev, uint16_t i,
                                       const struct cp_operand *args, struct cp_value *out)
{
    struct cp_slice text[CP_FUNCTION_ARGS];
    size_t len = 0;
    char *p;

    for (size_t a = 0; a < x->n; a++) {
        if (!cp_value_text(cp_operand_at(&args[a], i), &ev->batch->arena, &text[a]))
            return CP_EVAL_FULL;
        len += text[a].n;
    }
    if (take_room(ev, i, len, &p, out) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    if (!p)
        return CP_EVAL_OK;
    *out = cp_text(p, len);
    for (size_t a = 0; a < x->n; a++) {
        memcpy(p, text[a].p, text[a].n);
        p += text[a].n;
    }
    return CP_EVAL_OK;
}

static enum cp_eval_status list_record(const struct cp_expr *x, struct cp_eval *ev, uint16_t i,
                                       const struct cp_operand *args, struct cp_value *out)
{
    size_t len = x->n == 0 ? 2 : x->n + 1;
    char *p, *end;

    for (size_t a = 0; a < x->n; a++)
        len += cp_json_format(cp_operand_at(&args[a], i), NULL, 0);
    if (take_room(ev, i, len, &p, out) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    if (!p)
        return CP_EVAL_OK;
    *out = cp_span(CP_LIST, p, len);
    end = p + len;
    *p++ = '[';
    for (size_t a = 0; a < x->n; a++) {
        if (a > 0)
            *p++ = ',';
        p += cp_json_format(cp_operand_at(&args[a], i), p, (size_t)(end - p));
    }
    *p = ']';
    return CP_EVAL_OK;
}

static enum cp_eval_status index_record(struct cp_eval *ev, uint16_t i, const struct cp_value *v,
                                        const struct cp_value *at, struct cp_value *out)
{
    struct cp_step step = {0};
    struct cp_num num;

    *out = cp_null();
    if (cp_is_null(v) || cp_is_null(at))
        return CP_EVAL_OK;
    if (v->kind == CP_OBJECT) {
        if (!cp_value_text(at, &ev->batch->arena, &step.name))
            return CP_EVAL_FULL;
    } else if (v->kind != CP_LIST) {
        return CP_EVAL_OK;
    } else if (!cp_value_number(at, &num) || num.kind != CP_NUM_INT) {
        cp_eval_fail(ev, i, "the index of a list is no whole number");
        return CP_EVAL_OK;
    } else {
        step.index = num.i;
    }
    *out = cp_as_result(cp_json_get(v, &step, 1));
    return CP_EVAL_OK;
}

enum cp_eval_status cp_text_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out)
{
    struct cp_operand args[CP_FUNCTION_ARGS];
    enum cp_eval_status status = operands_of(x, ev, sel, n, args);

    for (size_t k = 0; k < n && status == CP_EVAL_OK; k++) {
        uint16_t i = sel[k];
        struct cp_value v;
        status = x->op == CP_OP_JOIN   ? join_record(x, ev, i, args, &v)
                 : x->op == CP_OP_LIST ? list_record(x, ev, i, args, &v)
                                       : index_record(ev, i, cp_operand_at(&args[0], i),
                                                      cp_operand_at(&args[1], i), &v);
        out[i] = v;
    }
    return status;
}
