/* function.c: the registry of functions, calling them, and what they share. */
#include "function.h"

#include <math.h>

#include "../format/json.h"
#include "eval.h"

const struct cp_function_group cp_function_groups[] = {
    {"text", cp_functions_text},
    {"number", cp_functions_number},
    {"time", cp_functions_time},
    {"logic", cp_functions_logic},
    {"net", cp_functions_net},
    {"json", cp_functions_json},
    {NULL, NULL},
};

const char cp_call_full[] = "the arena is full";
const char cp_call_too_long[] = "text too long";

const struct cp_function *cp_function_find(struct cp_slice name)
{
    for (const struct cp_function_group *g = cp_function_groups; g->name; g++)
        for (const struct cp_function *f = g->functions; f->name; f++)
            if (cp_slice_is(name, f->name))
                return f;
    return NULL;
}

const char *cp_function_nearest(struct cp_slice name)
{
    const char *names[128];
    size_t n = 0;

    for (const struct cp_function_group *g = cp_function_groups; g->name; g++)
        for (const struct cp_function *f = g->functions;
             f->name && n < sizeof names / sizeof *names; f++)
            names[n++] = f->name;
    return cp_nearest(name.p, name.n, names, n);
}

/* ---- What evaluators share ---- */

const char *cp_call_text(const struct cp_call *c, const struct cp_value *v, struct cp_slice *out)
{
    return cp_value_text(v, &c->ev->batch->arena, out) ? NULL : cp_call_full;
}

const char *cp_call_room(const struct cp_call *c, size_t n, char **p)
{
    if (n > c->ev->max_text)
        return cp_call_too_long;
    *p = cp_arena_take(&c->ev->batch->arena, n);
    return *p ? NULL : cp_call_full;
}

void cp_builder_init(struct cp_builder *t, const struct cp_call *c)
{
    struct cp_arena *arena = &c->ev->batch->arena;

    *t = (struct cp_builder){.call = c, .start = arena->base + arena->used};
}

char *cp_builder_room(struct cp_builder *t, size_t n)
{
    char *p = NULL;

    if (!t->why && t->len + n > t->call->ev->max_text)
        t->why = cp_call_too_long;
    if (!t->why)
        t->why = cp_call_room(t->call, n, &p);
    if (t->why)
        return NULL;
    t->len += n;
    return p;
}

void cp_builder_put(struct cp_builder *t, const char *p, size_t n)
{
    char *to = n > 0 ? cp_builder_room(t, n) : NULL;

    if (to)
        memcpy(to, p, n);
}

void cp_builder_json(struct cp_builder *t, const struct cp_value *v)
{
    size_t n = cp_json_format(v, NULL, 0);
    char *to = cp_builder_room(t, n);

    if (to)
        cp_json_format(v, to, n);
}

const char *cp_builder_give(struct cp_builder *t, enum cp_kind kind, struct cp_value *out)
{
    if (!t->why)
        *out = cp_span(kind, t->start, t->len);
    return t->why;
}

const char *cp_call_number(const struct cp_value *v, struct cp_num *out)
{
    return cp_value_number(v, out) ? NULL : "not a number";
}

const char *cp_call_integer(const struct cp_value *v, int64_t *out)
{
    struct cp_num num;

    if (!cp_value_number(v, &num))
        return "not a number";
    if (num.kind == CP_NUM_INT) {
        *out = num.i;
        return NULL;
    }
    if (num.d != trunc(num.d) || fabs(num.d) > 9e18)
        return "not a whole number";
    *out = (int64_t)num.d;
    return NULL;
}

const char *cp_call_give_double(struct cp_value *out, double d)
{
    *out = cp_double(d);
    return isfinite(d) ? NULL : "the result is no finite number";
}

const char *cp_call_give(struct cp_value *out, const struct cp_num *num)
{
    if (num->kind != CP_NUM_INT)
        return cp_call_give_double(out, num->d);
    *out = cp_int(num->i);
    return NULL;
}

/* ---- Calling ---- */

static bool has_null(const struct cp_value *args, size_t n)
{
    for (size_t a = 0; a < n; a++)
        if (cp_is_null(&args[a]))
            return true;
    return false;
}

static const char *call(const struct cp_function *f, const struct cp_call *c,
                        const struct cp_value *args, struct cp_value *out)
{
    if (!(f->flags & CP_FN_TAKES_NULL) && has_null(args, c->n)) {
        *out = f->flags & CP_FN_NULL_FALSE ? cp_bool(false) : cp_null();
        return NULL;
    }
    return f->eval(c, args, out);
}

/* The columns of the arguments; a regex is none. */
static enum cp_eval_status arguments(const struct cp_expr *x, struct cp_eval *ev,
                                     const uint16_t *sel, size_t n, struct cp_operand *args)
{
    static const struct cp_value regex = {.kind = CP_TRUE};

    for (size_t a = 0; a < x->n; a++) {
        if (x->args[a]->op == CP_OP_REGEX)
            args[a] = (struct cp_operand){&regex, 0};
        else if (cp_operand_eval(x->args[a], ev, sel, n, &args[a]) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    }
    return CP_EVAL_OK;
}

enum cp_eval_status cp_call_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out)
{
    struct cp_operand operands[CP_FUNCTION_ARGS];
    struct cp_value args[CP_FUNCTION_ARGS], v;
    const struct cp_call c = {
        .ev = ev, .x = x, .prepared = x->prepared, .regex = x->regex, .n = x->n, .now = x->value.i};

    if (arguments(x, ev, sel, n, operands) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        for (size_t a = 0; a < x->n; a++)
            args[a] = *cp_operand_at(&operands[a], i);
        const char *why = call(x->function, &c, args, &v);
        if (why == cp_call_full)
            return CP_EVAL_FULL;
        if (why) {
            cp_eval_fail(ev, i, why);
            v = cp_null();
        }
        out[i] = v;
    }
    return CP_EVAL_OK;
}
