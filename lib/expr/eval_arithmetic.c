/* eval_arithmetic.c: - * / % + (semantics 19, 23, 52). */
#include <math.h>

#include "../base/moment.h"
#include "eval.h"

static const char out_of_range[] = "the result is no finite number";
static const char no_such_time[] = "the time is out of range";

static const char *give_int(struct cp_value *out, int64_t i)
{
    *out = cp_int(i);
    return NULL;
}

static const char *give_double(struct cp_value *out, double d)
{
    *out = cp_double(d);
    return isfinite(d) ? NULL : out_of_range;
}

static const char *divide(const struct cp_num *a, const struct cp_num *b, struct cp_value *out)
{
    if (cp_num_to_double(b) == 0)
        return "division by zero";
    if (a->kind == CP_NUM_INT && b->kind == CP_NUM_INT && !(a->i == INT64_MIN && b->i == -1) &&
        a->i % b->i == 0)
        return give_int(out, a->i / b->i);
    return give_double(out, cp_num_to_double(a) / cp_num_to_double(b));
}

static const char *modulo(const struct cp_num *a, const struct cp_num *b, struct cp_value *out)
{
    if (cp_num_to_double(b) == 0)
        return "division by zero";
    if (a->kind == CP_NUM_INT && b->kind == CP_NUM_INT)
        return give_int(out, b->i == -1 ? 0 : a->i % b->i);
    return give_double(out, fmod(cp_num_to_double(a), cp_num_to_double(b)));
}

static const char *number_op(enum cp_op op, const struct cp_num *a, const struct cp_num *b,
                             struct cp_value *out)
{
    bool is_int = a->kind == CP_NUM_INT && b->kind == CP_NUM_INT;
    int64_t i;

    switch (op) {
    case CP_OP_ADD:
        if (is_int && !__builtin_add_overflow(a->i, b->i, &i))
            return give_int(out, i);
        return give_double(out, cp_num_to_double(a) + cp_num_to_double(b));
    case CP_OP_SUB:
        if (is_int && !__builtin_sub_overflow(a->i, b->i, &i))
            return give_int(out, i);
        return give_double(out, cp_num_to_double(a) - cp_num_to_double(b));
    case CP_OP_MUL:
        if (is_int && !__builtin_mul_overflow(a->i, b->i, &i))
            return give_int(out, i);
        return give_double(out, cp_num_to_double(a) * cp_num_to_double(b));
    case CP_OP_DIV:
        return divide(a, b, out);
    default:
        return modulo(a, b, out);
    }
}

static bool is_time(const struct cp_value *v)
{
    return v->kind == CP_TIME || v->kind == CP_STAMP;
}

static bool is_seconds(const struct cp_value *v)
{
    return (v->kind == CP_INT || v->kind == CP_DOUBLE) && (v->flags & CP_SECONDS);
}

/* Seconds to nanoseconds; false: out of range. */
static bool duration_of(const struct cp_num *num, int64_t *ns)
{
    if (num->kind == CP_NUM_INT)
        return !__builtin_mul_overflow(num->i, CP_NS_PER_SECOND, ns);
    double d = round(num->d * 1e9);
    if (!(d >= -9.2e18 && d <= 9.2e18))
        return false;
    *ns = (int64_t)d;
    return true;
}

static const char *time_difference(int64_t a, int64_t b, struct cp_value *out)
{
    struct cp_num num;
    int64_t ns;

    if (__builtin_sub_overflow(a, b, &ns))
        return no_such_time;
    cp_duration_to_number(ns, &num);
    *out = num.kind == CP_NUM_INT ? cp_int(num.i) : cp_double(num.d);
    out->flags = CP_SECONDS;
    return NULL;
}

/* time - time, time + duration, time - duration, duration + time. */
static const char *time_op(enum cp_op op, const struct cp_value *a, const struct cp_value *b,
                           const struct cp_time_zone *zone, struct cp_value *out)
{
    const struct cp_value *time = is_time(a) ? a : b, *other = time == a ? b : a;
    struct cp_num num;
    int64_t ns, add;

    if ((op != CP_OP_ADD && op != CP_OP_SUB) || (op == CP_OP_SUB && time == b && !is_time(a)))
        return "a time takes no part in this";
    if (!cp_value_time(time, zone, &ns))
        return "not a time";
    if (is_time(other)) {
        if (op == CP_OP_ADD)
            return "two times cannot be added";
        return cp_value_time(other, zone, &add) ? time_difference(ns, add, out) : "not a time";
    }
    if (!cp_value_number(other, &num))
        return "not a duration";
    if (!duration_of(&num, &add))
        return no_such_time;
    if (op == CP_OP_ADD ? __builtin_add_overflow(ns, add, &ns)
                        : __builtin_sub_overflow(ns, add, &ns))
        return no_such_time;
    *out = cp_time(ns);
    return NULL;
}

/* Whether the result is a duration: 2 * 5s is, 10s / 5s is not. */
static bool makes_seconds(enum cp_op op, const struct cp_value *a, const struct cp_value *b)
{
    bool as = is_seconds(a), bs = is_seconds(b);

    if (op == CP_OP_ADD || op == CP_OP_SUB)
        return as || bs;
    if (op == CP_OP_MUL)
        return as != bs;
    return op == CP_OP_DIV ? as && !bs : as;
}

static const char *apply(enum cp_op op, const struct cp_value *a, const struct cp_value *b,
                         const struct cp_time_zone *zone, struct cp_value *out)
{
    struct cp_num an, bn;
    const char *why;

    if (cp_is_null(a) || cp_is_null(b)) {
        *out = cp_null();
        return NULL;
    }
    if (is_time(a) || is_time(b))
        return time_op(op, a, b, zone, out);
    if (!cp_value_number(a, &an) || !cp_value_number(b, &bn))
        return "not a number";
    why = number_op(op, &an, &bn, out);
    out->flags = makes_seconds(op, a, b) ? CP_SECONDS : 0;
    return why;
}

static const char *negate(const struct cp_value *a, struct cp_value *out)
{
    struct cp_num num;
    const char *why;

    if (cp_is_null(a)) {
        *out = cp_null();
        return NULL;
    }
    if (!cp_value_number(a, &num))
        return "not a number";
    why = num.kind == CP_NUM_INT && num.i != INT64_MIN ? give_int(out, -num.i)
                                                       : give_double(out, -cp_num_to_double(&num));
    out->flags = is_seconds(a) ? CP_SECONDS : 0;
    return why;
}

enum cp_eval_status cp_arithmetic_eval(const struct cp_expr *x, struct cp_eval *ev,
                                       const uint16_t *sel, size_t n, struct cp_value *out)
{
    struct cp_operand a, b = {0};

    if (cp_operand_eval(x->args[0], ev, sel, n, &a) == CP_EVAL_FULL ||
        (x->n > 1 && cp_operand_eval(x->args[1], ev, sel, n, &b) == CP_EVAL_FULL))
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        struct cp_value v;
        const char *why =
            x->n == 1 ? negate(cp_operand_at(&a, i), &v)
                      : apply(x->op, cp_operand_at(&a, i), cp_operand_at(&b, i), ev->zone, &v);
        if (why) {
            cp_eval_fail(ev, i, why);
            v = cp_null();
        }
        out[i] = v;
    }
    return CP_EVAL_OK;
}
