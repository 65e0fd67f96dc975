/* fn_time.c: functions of the group time. Hours and days are those of the input's clock: option tz,
 * default UTC. */
#include <math.h>

#include "../base/moment.h"
#include "node.h"

static const char no_time[] = "not a time";

/* Times, text that is one, and numbers with the limits of semantics 27. */
static bool time_of(const struct cp_call *c, const struct cp_value *v, int64_t *ns)
{
    struct cp_num num;

    if (v->kind == CP_INT || v->kind == CP_DOUBLE || v->kind == CP_NUMBER)
        return cp_value_number(v, &num) && cp_time_from_number(&num, ns);
    return cp_value_time(v, c->ev->zone, ns);
}

static int32_t offset_of(const struct cp_call *c)
{
    return c->ev->zone->offset;
}

static const char *fn_now(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    (void)args;
    *out = cp_time(c->now);
    return NULL;
}

static const char *fn_time(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice text, format;
    int64_t ns;

    if (c->n == 1) {
        if (!time_of(c, &args[0], &ns))
            return no_time;
    } else {
        if (cp_call_text(c, &args[0], &text) || cp_call_text(c, &args[1], &format))
            return cp_call_full;
        if (!cp_time_strptime(text.p, text.n, format.p, format.n, c->ev->zone, &ns))
            return "the text does not fit the time format";
    }
    *out = cp_time(ns);
    return NULL;
}

static const char *give_format(const struct cp_call *c, int64_t ns, struct cp_slice format,
                               struct cp_value *out)
{
    struct cp_builder t;
    size_t len = cp_time_strftime(NULL, 0, format.p, format.n, ns, offset_of(c));
    char *p;

    cp_builder_init(&t, c);
    p = cp_builder_room(&t, len);
    if (p)
        cp_time_strftime(p, len, format.p, format.n, ns, offset_of(c));
    return cp_builder_give(&t, CP_TEXT, out);
}

static const char *fn_strftime(const struct cp_call *c, const struct cp_value *args,
                               struct cp_value *out)
{
    struct cp_slice format;
    int64_t ns;

    if (!time_of(c, &args[0], &ns))
        return no_time;
    if (cp_call_text(c, &args[1], &format))
        return cp_call_full;
    return give_format(c, ns, format, out);
}

static const char *fn_day(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    int64_t ns;

    return time_of(c, &args[0], &ns) ? give_format(c, ns, CP_SLICE("%F"), out) : no_time;
}

static const char *fn_hour(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_time_parts parts;
    int64_t ns;

    if (!time_of(c, &args[0], &ns))
        return no_time;
    cp_time_split(ns, offset_of(c), &parts);
    *out = cp_int(parts.hour);
    return NULL;
}

static const char *fn_minute(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    struct cp_time_parts parts;
    int64_t ns;

    if (!time_of(c, &args[0], &ns))
        return no_time;
    cp_time_split(ns, offset_of(c), &parts);
    *out = cp_int(parts.minute);
    return NULL;
}

/* ---- trunc ---- */

/* A duration: a number of seconds, or text such as 5m. */
static const char *duration_of(const struct cp_call *c, const struct cp_value *v, int64_t *ns)
{
    struct cp_slice text;
    struct cp_num num;

    if (cp_value_number(v, &num)) {
        double d = cp_num_to_double(&num) * 1e9;
        if (!(fabs(d) < 9.2e18))
            return "the duration is out of range";
        *ns = num.kind == CP_NUM_INT ? num.i * CP_NS_PER_SECOND : (int64_t)round(d);
        return NULL;
    }
    if (v->kind != CP_TEXT)
        return "not a duration";
    if (cp_call_text(c, v, &text))
        return cp_call_full;
    return cp_duration_parse(text.p, text.n, ns) ? NULL : "not a duration";
}

static int32_t months_of(const struct cp_value *unit)
{
    static const struct {
        const char *name;
        int32_t months;
    } units[] = {{"month", 1}, {"quarter", 3}, {"year", 12}};

    for (size_t i = 0; i < sizeof units / sizeof *units && unit->kind == CP_TEXT; i++)
        if (cp_slice_is((struct cp_slice){unit->p, unit->len}, units[i].name))
            return units[i].months;
    return 0;
}

static const char *trunc_time(const struct cp_call *c, int64_t ns, const struct cp_value *unit,
                              struct cp_value *out)
{
    int32_t months = months_of(unit);
    int64_t step;

    if (months > 0) {
        *out = cp_time(cp_time_trunc_months(ns, months, offset_of(c)));
        return NULL;
    }
    const char *why = duration_of(c, unit, &step);
    if (why)
        return why;
    if (step <= 0)
        return "trunc takes a duration above zero";
    *out = cp_time(cp_time_trunc(ns, step, offset_of(c)));
    return NULL;
}

static const char *trunc_number(const struct cp_num *num, const struct cp_value *unit,
                                struct cp_value *out)
{
    struct cp_num step = {.kind = CP_NUM_INT, .i = 1};
    double d;

    if (unit && !cp_value_number(unit, &step))
        return "not a number";
    if (cp_num_to_double(&step) <= 0)
        return "trunc takes a step above zero";
    if (num->kind == CP_NUM_INT && step.kind == CP_NUM_INT) {
        int64_t rest = num->i % step.i;
        if (unit && rest < 0)
            rest += step.i;
        if (num->i < INT64_MIN + rest)
            return "the result is out of range";
        *out = cp_int(num->i - rest);
        return NULL;
    }
    d = cp_num_to_double(num);
    if (!unit)
        d = trunc(d);
    else
        d = floor(d / cp_num_to_double(&step)) * cp_num_to_double(&step);
    return cp_call_give_double(out, d);
}

/* Text that looks like a number is one here; with a unit of months a number is a time. */
static const char *fn_trunc(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    const struct cp_value *unit = c->n > 1 ? &args[1] : NULL;
    struct cp_num num;
    int64_t ns;

    if (cp_value_number(&args[0], &num) && !(unit && months_of(unit)))
        return trunc_number(&num, unit, out);
    if (!time_of(c, &args[0], &ns))
        return "neither a number nor a time";
    return unit ? trunc_time(c, ns, unit, out) : "trunc of a time needs a duration";
}

static const char *fn_ago(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    int64_t ns;
    const char *why = duration_of(c, &args[0], &ns);

    if (why)
        return why;
    if (__builtin_sub_overflow(c->now, ns, &ns))
        return "the time is out of range";
    *out = cp_time(ns);
    return NULL;
}

const struct cp_function cp_functions_time[] = {
    {.name = "now",
     .signature = "now()",
     .doc = "The time when the pipeline started; in tests a fixed one.",
     .min = 0,
     .max = 0,
     .flags = CP_FN_INFALLIBLE,
     .eval = fn_now,
     .examples = {{"type(now())", "\"time\""}}},
    {.name = "time",
     .signature = "time(x, format?)",
     .doc = "The time that x stands for: text of any known form or of the given format of "
            "strptime, or seconds (also ms, us, ns) since 1970.",
     .min = 1,
     .max = 2,
     .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
     .eval = fn_time,
     .examples = {{"time(\"20/Nov/2026:18:00:00 +0100\")", "\"2026-11-20T17:00:00Z\""},
                  {"time(1795200000)", "\"2026-11-20T18:40:00Z\""},
                  {"time(\"20.11.2026 18:00\", \"%d.%m.%Y %H:%M\")", "\"2026-11-20T18:00:00Z\""},
                  {"time(\"soon\")", "error: not a time"}}},
    {.name = "strftime",
     .signature = "strftime(time, format)",
     .doc = "A time as text: %Y %m %d %H %M %S %f %z and the others of strftime(3).",
     .min = 2,
     .max = 2,
     .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
     .eval = fn_strftime,
     .examples = {{"strftime(2026-11-20T18:00:00Z, \"%d %b %Y %H:%M\")", "\"20 Nov 2026 18:00\""}}},
    {.name = "day",
     .signature = "day(time)",
     .doc = "The date of a time, as in 2026-11-20.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
     .eval = fn_day,
     .examples = {{"day(2026-11-20T18:00:00Z)", "\"2026-11-20\""}}},
    {.name = "hour",
     .signature = "hour(time)",
     .doc = "The hour of a time, 0 to 23.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_ZONE,
     .eval = fn_hour,
     .examples = {{"hour(2026-11-20T18:30:00Z)", "18"}}},
    {.name = "minute",
     .signature = "minute(time)",
     .doc = "The minute of a time, 0 to 59.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_ZONE,
     .eval = fn_minute,
     .examples = {{"minute(2026-11-20T18:30:00Z)", "30"}}},
    {.name = "trunc",
     .signature = "trunc(x, unit?)",
     .doc = "The last multiple of a duration (or month, quarter, year) not after a time, or of "
            "a step not above a number; without unit a number is cut toward zero.",
     .min = 1,
     .max = 2,
     .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
     .eval = fn_trunc,
     .examples = {{"trunc(2026-11-20T18:47:11Z, 1h)", "\"2026-11-20T18:00:00Z\""},
                  {"trunc(2026-11-20T18:47:11Z, \"month\")", "\"2026-11-01T00:00:00Z\""},
                  {"trunc(17, 5)", "15"},
                  {"trunc(-2.7)", "-2"}}},
    {.name = "ago",
     .signature = "ago(duration)",
     .doc = "The time that long before now().",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_ago,
     .examples = {{"now() - ago(90s)", "90"}}},
    {.name = NULL},
};
