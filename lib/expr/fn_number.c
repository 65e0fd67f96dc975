/* fn_number.c: functions of the group number. */
#include <math.h>

#include "../base/moment.h"
#include "node.h"

/* Also times: as seconds since 1970. */
static const char *number_of(const struct cp_call *c, const struct cp_value *v, struct cp_num *out)
{
    int64_t ns;

    if ((v->kind == CP_TIME || v->kind == CP_STAMP) && cp_value_time(v, c->ev->zone, &ns)) {
        cp_time_to_number(ns, out);
        return NULL;
    }
    return cp_call_number(v, out);
}

/* A whole double as an integer where it fits. */
static const char *give_whole(struct cp_value *out, double d)
{
    if (fabs(d) < 9.2e18) {
        *out = cp_int((int64_t)d);
        return NULL;
    }
    return cp_call_give_double(out, d);
}

static const char *fn_int(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_num num;
    const char *why = number_of(c, &args[0], &num);

    if (why)
        return why;
    return num.kind == CP_NUM_INT ? cp_call_give(out, &num) : give_whole(out, trunc(num.d));
}

static const char *fn_float(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_num num;
    const char *why = number_of(c, &args[0], &num);

    return why ? why : cp_call_give_double(out, cp_num_to_double(&num));
}

/* Half away from zero, at a number of digits behind (or before) the point. */
static const char *round_digits(const struct cp_num *num, int64_t digits, struct cp_value *out)
{
    double scale, d = cp_num_to_double(num);

    if (num->kind == CP_NUM_INT && digits >= 0)
        return cp_call_give(out, num);
    if (digits > 300 || digits < -300)
        return digits > 0 ? cp_call_give_double(out, d) : cp_call_give_double(out, 0);
    if (digits <= 0) {
        scale = pow(10, (double)-digits);
        return give_whole(out, round(d / scale) * scale);
    }
    scale = pow(10, (double)digits);
    if (!isfinite(d * scale) ||
        fabs(d * scale) >= 4503599627370496.0) /* no digits are left behind it */
        return cp_call_give_double(out, d);
    return cp_call_give_double(out, round(d * scale) / scale);
}

static const char *fn_round(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_num num;
    int64_t digits = 0;
    const char *why = cp_call_number(&args[0], &num);

    if (!why && c->n > 1)
        why = cp_call_integer(&args[1], &digits);
    return why ? why : round_digits(&num, digits, out);
}

static const char *whole(const struct cp_value *v, double (*fn)(double), struct cp_value *out)
{
    struct cp_num num;
    const char *why = cp_call_number(v, &num);

    if (why)
        return why;
    return num.kind == CP_NUM_INT ? cp_call_give(out, &num) : give_whole(out, fn(num.d));
}

static const char *fn_floor(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    (void)c;
    return whole(&args[0], floor, out);
}

static const char *fn_ceil(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    (void)c;
    return whole(&args[0], ceil, out);
}

static const char *fn_abs(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_num num;
    const char *why = cp_call_number(&args[0], &num);

    (void)c;
    if (why)
        return why;
    if (num.kind != CP_NUM_INT || num.i == INT64_MIN)
        return cp_call_give_double(out, fabs(cp_num_to_double(&num)));
    *out = cp_int(num.i < 0 ? -num.i : num.i);
    return NULL;
}

static const char *fn_log(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_num num;
    const char *why = cp_call_number(&args[0], &num);

    (void)c;
    return why ? why : cp_call_give_double(out, log(cp_num_to_double(&num)));
}

/* The smallest or largest of those that are not null, in the order of sort, as it is spelled. */
static const char *extreme(const struct cp_call *c, const struct cp_value *args, int sign,
                           struct cp_value *out)
{
    *out = cp_null();
    for (size_t a = 0; a < c->n; a++) {
        if (cp_is_null(&args[a]))
            continue;
        if (cp_is_null(out) || cp_value_sort_compare(&args[a], out, c->ev->zone) * sign > 0)
            *out = args[a];
    }
    return NULL;
}

static const char *fn_min(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    return extreme(c, args, -1, out);
}

static const char *fn_max(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    return extreme(c, args, 1, out);
}

static const char *fn_bytes(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_slice text;
    struct cp_num num;
    uint64_t bytes;

    if (cp_value_number(&args[0], &num))
        return cp_call_give(out, &num);
    if (args[0].kind != CP_TEXT)
        return "not a size";
    if (cp_call_text(c, &args[0], &text))
        return cp_call_full;
    if (!cp_size_parse(text.p, text.n, &bytes) || bytes > INT64_MAX)
        return "not a size";
    *out = cp_int((int64_t)bytes);
    return NULL;
}

const struct cp_function cp_functions_number[] = {
    {.name = "int",
     .signature = "int(x)",
     .doc = "The number x without its fraction (cut toward zero); a time gives seconds since "
            "1970.",
     .min = 1,
     .max = 1,
     .eval = fn_int,
     .examples = {{"int(\"12\")", "12"},
                  {"int(-2.9)", "-2"},
                  {"int(\"abc\")", "error: not a number"}}},
    {.name = "float",
     .signature = "float(x)",
     .doc = "The number that x stands for; a time gives seconds since 1970.",
     .min = 1,
     .max = 1,
     .eval = fn_float,
     .examples = {{"float(\"1.50\")", "1.5"}, {"float(3)", "3"}}},
    {.name = "round",
     .signature = "round(x, digits?)",
     .doc = "The number x rounded half away from zero, at so many digits behind the point.",
     .min = 1,
     .max = 2,
     .eval = fn_round,
     .examples = {{"round(2.5)", "3"},
                  {"round(-2.5)", "-3"},
                  {"round(3.14159, 2)", "3.14"},
                  {"round(1250, -2)", "1300"}}},
    {.name = "floor",
     .signature = "floor(x)",
     .doc = "The largest whole number that is not above x.",
     .min = 1,
     .max = 1,
     .eval = fn_floor,
     .examples = {{"floor(-2.1)", "-3"}}},
    {.name = "ceil",
     .signature = "ceil(x)",
     .doc = "The smallest whole number that is not below x.",
     .min = 1,
     .max = 1,
     .eval = fn_ceil,
     .examples = {{"ceil(2.1)", "3"}}},
    {.name = "abs",
     .signature = "abs(x)",
     .doc = "The number x without its sign.",
     .min = 1,
     .max = 1,
     .eval = fn_abs,
     .examples = {{"abs(-5)", "5"}, {"abs(-1.5)", "1.5"}}},
    {.name = "min",
     .signature = "min(a, b, ...)",
     .doc = "The smallest of the values in the order of sort; nulls are passed over.",
     .min = 1,
     .max = CP_FUNCTION_ARGS,
     .flags = CP_FN_INFALLIBLE | CP_FN_TAKES_NULL,
     .eval = fn_min,
     .examples = {{"min(3, 1.5, null)", "1.5"}, {"min(null)", "null"}}},
    {.name = "max",
     .signature = "max(a, b, ...)",
     .doc = "The largest of the values in the order of sort; nulls are passed over.",
     .min = 1,
     .max = CP_FUNCTION_ARGS,
     .flags = CP_FN_INFALLIBLE | CP_FN_TAKES_NULL,
     .eval = fn_max,
     .examples = {{"max(3, 1.5, null)", "3"}, {"max(\"a\", \"b\")", "\"b\""}}},
    {.name = "log",
     .signature = "log(x)",
     .doc = "The natural logarithm.",
     .min = 1,
     .max = 1,
     .eval = fn_log,
     .examples = {{"log(1)", "0"}, {"log(0)", "error: the result is no finite number"}}},
    {.name = "bytes",
     .signature = "bytes(size)",
     .doc = "A size such as 10KiB as a number of bytes.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_bytes,
     .examples = {{"bytes(\"10KiB\")", "10240"}, {"bytes(\"10kB\")", "10000"}, {"bytes(7)", "7"}}},
    {.name = NULL},
};
