/* fn_time.c: functions of times and durations. */
#include <math.h>

#include "../base/moment.h"
#include "function.h"

enum { FORMATTED = 512 };

/* ---- Arguments ---- */

/* Numbers are seconds, ms, us or ns by their size (semantics 27). */
static bool to_time(const struct cp_call *c, const struct cp_value *v, int64_t *ns)
{
    struct cp_num num;
    if (v->kind == CP_INT || v->kind == CP_DOUBLE || v->kind == CP_NUMBER)
        return cp_value_number(v, &num) && cp_time_from_number(&num, ns);
    return cp_value_time(v, c->ev ? c->ev->zone : NULL, ns);
}

/* A duration: a number of seconds, or a text such as 5m. */
static bool to_duration(const struct cp_value *v, int64_t *ns)
{
    struct cp_num num;
    if (v->kind == CP_TEXT && v->esc == CP_PLAIN && cp_duration_parse(v->p, v->len, ns))
        return true;
    if (!cp_value_number(v, &num))
        return false;
    double d = cp_num_to_double(&num) * 1e9;
    if (!(fabs(d) < 9.2e18))
        return false;
    *ns = num.kind == CP_NUM_INT ? num.i * CP_NS_PER_SECOND : (int64_t)llround(d);
    return true;
}

static int32_t zone_of(const struct cp_call *c)
{
    return c->ev && c->ev->zone ? c->ev->zone->offset : 0;
}

/* ---- Functions ---- */

static const char *fn_now(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    (void)args;
    *out = cp_time(c->now);
    return NULL;
}

static const char *fn_ago(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    int64_t d, at;
    if (!to_duration(&args[0], &d))
        return "ago: not a duration";
    if (__builtin_sub_overflow(c->now, d, &at))
        return "ago: out of range";
    *out = cp_time(at);
    return NULL;
}

static const char *fn_time(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s, format;
    const char *why;
    int64_t ns;

    if (c->n == 1) {
        if (!to_time(c, &args[0], &ns))
            return "time: not a time";
        *out = cp_time(ns);
        return NULL;
    }
    if ((why = cp_call_text(c, &args[0], &s)) || (why = cp_call_text(c, &args[1], &format)))
        return why;
    if (!cp_time_strptime(s.p, s.n, format.p, format.n, c->ev ? c->ev->zone : NULL, &ns))
        return "time: does not fit the format";
    *out = cp_time(ns);
    return NULL;
}

static const char *format_time(const struct cp_call *c, const struct cp_value *v, struct cp_slice format,
                               struct cp_value *out)
{
    char buf[FORMATTED], *p;
    int64_t ns;

    if (!to_time(c, v, &ns))
        return "not a time";
    size_t n = cp_time_strftime(buf, sizeof buf, format.p, format.n, ns, zone_of(c));
    if (n > sizeof buf)
        return "strftime: the result is too long";
    const char *why = cp_call_room(c, n, &p);
    if (why)
        return why;
    memcpy(p, buf, n);
    *out = cp_text(p, n);
    return NULL;
}

static const char *fn_strftime(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice format;
    const char *why = cp_call_text(c, &args[1], &format);
    return why ? why : format_time(c, &args[0], format, out);
}

static const char *fn_day(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    return format_time(c, &args[0], CP_SLICE("%Y-%m-%d"), out);
}

static const char *part_of(const struct cp_call *c, const struct cp_value *v, struct cp_time_parts *parts)
{
    int64_t ns;
    if (!to_time(c, v, &ns))
        return "not a time";
    cp_time_split(ns, zone_of(c), parts);
    return NULL;
}

static const char *fn_hour(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_time_parts parts;
    const char *why = part_of(c, &args[0], &parts);
    if (!why)
        *out = cp_int(parts.hour);
    return why;
}

static const char *fn_minute(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_time_parts parts;
    const char *why = part_of(c, &args[0], &parts);
    if (!why)
        *out = cp_int(parts.minute);
    return why;
}

static const char *fn_trunc(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    int64_t ns, unit;
    if (!to_time(c, &args[0], &ns))
        return "trunc: not a time";
    if (!to_duration(&args[1], &unit) || unit <= 0)
        return "trunc: not a duration above zero";
    *out = cp_time(cp_time_trunc(ns, unit, zone_of(c)));
    return NULL;
}

const struct cp_function cp_functions_time[] = {
    {
        .name = "now",
        .signature = "now()",
        .doc = "The time when the pipeline started.",
        .flags = CP_FN_INFALLIBLE | CP_FN_ZONE,
        .eval = fn_now,
        .examples = {{"now() == now()", "true"}},
    },
    {
        .name = "ago",
        .signature = "ago(duration)",
        .doc = "The time that lies that long before now().",
        .min = 1,
        .max = 1,
        .flags = CP_FN_ZONE,
        .eval = fn_ago,
        .examples = {{"now() - ago(1h)", "3600"}, {"ago(\"soon\")", "error: ago: not a duration"}},
    },
    {
        .name = "time",
        .signature = "time(value, format?)",
        .doc = "The time that a text or number stands for; with a format, by the conversions of strftime.",
        .min = 1,
        .max = 2,
        .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
        .eval = fn_time,
        .examples = {{"time(\"20/Nov/2026:18:00:00 +0000\")", "\"2026-11-20T18:00:00Z\""},
                     {"time(1763661600)", "\"2025-11-20T18:00:00Z\""},
                     {"time(\"20.11.2026\", \"%d.%m.%Y\")", "\"2026-11-20T00:00:00Z\""},
                     {"time(\"x\")", "error: time: not a time"}},
    },
    {
        .name = "strftime",
        .signature = "strftime(time, format)",
        .doc = "A time as text: %Y %m %d %H %M %S %f %L %j %e %b %B %a %A %z %Z %s %T %F and others.",
        .min = 2,
        .max = 2,
        .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
        .eval = fn_strftime,
        .examples = {{"strftime(2026-11-20T18:05:00Z, \"%d.%m. %H:%M\")", "\"20.11. 18:05\""}},
    },
    {
        .name = "day",
        .signature = "day(time)",
        .doc = "The date of a time, as in 2026-11-20.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_ZONE | CP_FN_MAKES_TEXT,
        .eval = fn_day,
        .examples = {{"day(2026-11-20T18:05:00Z)", "\"2026-11-20\""}, {"day(\"x\")", "error: not a time"}},
    },
    {
        .name = "hour",
        .signature = "hour(time)",
        .doc = "The hour of a time, 0 to 23.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_ZONE,
        .eval = fn_hour,
        .examples = {{"hour(2026-11-20T18:05:00Z)", "18"}},
    },
    {
        .name = "minute",
        .signature = "minute(time)",
        .doc = "The minute of a time, 0 to 59.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_ZONE,
        .eval = fn_minute,
        .examples = {{"minute(2026-11-20T18:05:00Z)", "5"}},
    },
    {
        .name = "trunc",
        .signature = "trunc(time, duration)",
        .doc = "The start of the span of that length that a time lies in; days start at midnight, weeks on Monday.",
        .min = 2,
        .max = 2,
        .flags = CP_FN_ZONE,
        .eval = fn_trunc,
        .examples = {{"trunc(2026-11-20T18:05:30Z, 1h)", "\"2026-11-20T18:00:00Z\""},
                     {"trunc(2026-11-20T18:05:30Z, 1d)", "\"2026-11-20T00:00:00Z\""}},
    },
    {.name = NULL},
};
