/* aggregate.c: the table of aggregates. A new one is a new entry here. */
#include "aggregate.h"

#include <math.h>

#include "../base/err.h"
#include "../base/moment.h"
#include "distinct.h"
#include "kept.h"
#include "list.h"
#include "quantile.h"
#include "total.h"

/* What every add, merge and finish of the table is given. */
#define ADD(name)                                                                                  \
    static void name(struct cp_agg_env *env, const struct cp_agg_call *call, void *state,          \
                     const struct cp_value *v, const struct cp_num *num, uint64_t position)
#define MERGE(name)                                                                                \
    static void name(struct cp_agg_env *env, const struct cp_agg_call *call, void *state,          \
                     const void *other)
#define FINISH(name)                                                                               \
    static struct cp_value name(struct cp_agg_env *env, const struct cp_agg_call *call, void *state)
#define UNUSED_ADD (void)env, (void)call, (void)v, (void)num, (void)position
#define UNUSED (void)env, (void)call

/* ---- count ---- */

ADD(count_add)
{
    UNUSED_ADD;
    ++*(uint64_t *)state;
}

MERGE(count_merge)
{
    UNUSED;
    *(uint64_t *)state += *(const uint64_t *)other;
}

FINISH(count_finish)
{
    UNUSED;
    return cp_int((int64_t) * (uint64_t *)state);
}

/* ---- sum, avg, stdev, rate ---- */

ADD(sum_add)
{
    UNUSED_ADD;
    total_add(env, state, num);
}

MERGE(sum_merge)
{
    UNUSED;
    total_merge(env, state, other);
}

static struct cp_value finite_value(double d)
{
    return isfinite(d) ? cp_double(d) : cp_null();
}

static struct cp_value num_value(const struct cp_num *num)
{
    return num->kind == CP_NUM_INT ? cp_int(num->i) : finite_value(num->d);
}

FINISH(sum_finish)
{
    struct cp_sum sum;
    struct cp_num num;
    UNUSED;
    total_sum(state, &sum);
    cp_sum_result(&sum, &num);
    return num_value(&num);
}

FINISH(avg_finish)
{
    const struct total *t = state;
    struct cp_sum sum;
    UNUSED;
    if (t->n == 0)
        return cp_null();
    total_sum(t, &sum);
    return finite_value(cp_sum_divide(&sum, t->n));
}

struct deviation {
    struct total sum, squares;
};

ADD(stdev_add)
{
    struct deviation *d = state;
    UNUSED_ADD;
    total_add(env, &d->sum, num);
    total_add_square(env, &d->squares, num);
}

MERGE(stdev_merge)
{
    struct deviation *d = state;
    const struct deviation *o = other;
    UNUSED;
    total_merge(env, &d->sum, &o->sum);
    total_merge(env, &d->squares, &o->squares);
}

FINISH(stdev_finish)
{
    const struct deviation *d = state;
    UNUSED;
    return total_deviation(&d->sum, &d->squares);
}

ADD(rate_add)
{
    UNUSED_ADD;
    if (v)
        total_add(env, state, num);
    else
        total_add_int(state, 1);
}

FINISH(rate_finish)
{
    struct cp_value sum = sum_finish(env, call, state);
    double span = (double)env->last_time - (double)env->first_time;
    struct cp_num num;

    if (!env->has_time || span <= 0 || !cp_value_number(&sum, &num))
        return cp_null();
    return finite_value(cp_num_to_double(&num) * (double)CP_NS_PER_SECOND / span);
}

/* ---- min, max ---- */

struct extreme {
    struct kept kept;
    struct cp_num num; /* of the kept value, when it is one */
    uint64_t position;
};

static bool may_be_number(const struct cp_value *v)
{
    return v->kind == CP_INT || v->kind == CP_DOUBLE || v->kind == CP_NUMBER || v->kind == CP_TEXT;
}

/* sign 1: the largest, -1: the smallest. Of equal ones the first is kept. */
static void extreme_add(struct cp_agg_env *env, struct extreme *e, const struct cp_value *v,
                        uint64_t position, int sign)
{
    struct cp_num num = {.kind = CP_NUM_NONE};
    int c = 1;

    if (may_be_number(v))
        cp_value_number(v, &num);
    if (e->kept.v.kind != CP_MISSING) {
        bool are_numbers = num.kind != CP_NUM_NONE && e->num.kind != CP_NUM_NONE;
        c = are_numbers ? cp_num_compare(&num, &e->num)
                        : cp_value_sort_compare(v, &e->kept.v, env->zone);
        c *= sign;
    }
    if (c < 0 || (c == 0 && position > e->position) || !kept_set(env, &e->kept, v))
        return;
    e->num = num;
    e->position = position;
}

ADD(min_add)
{
    UNUSED_ADD;
    extreme_add(env, state, v, position, -1);
}

ADD(max_add)
{
    UNUSED_ADD;
    extreme_add(env, state, v, position, 1);
}

static void extreme_merge(struct cp_agg_env *env, struct extreme *e, const struct extreme *other,
                          int sign)
{
    if (other->kept.v.kind != CP_MISSING)
        extreme_add(env, e, &other->kept.v, other->position, sign);
}

MERGE(min_merge)
{
    UNUSED;
    extreme_merge(env, state, other, -1);
}

MERGE(max_merge)
{
    UNUSED;
    extreme_merge(env, state, other, 1);
}

FINISH(extreme_finish)
{
    UNUSED;
    return kept_value(&((struct extreme *)state)->kept);
}

/* ---- first, last ---- */

struct placed {
    struct kept kept;
    uint64_t position;
};

static void placed_add(struct cp_agg_env *env, struct placed *p, const struct cp_value *v,
                       uint64_t position, bool is_last)
{
    bool is_none = p->kept.v.kind == CP_MISSING;
    if ((is_none || (is_last ? position > p->position : position < p->position)) &&
        kept_set(env, &p->kept, v))
        p->position = position;
}

ADD(first_add)
{
    UNUSED_ADD;
    placed_add(env, state, v, position, false);
}

ADD(last_add)
{
    UNUSED_ADD;
    placed_add(env, state, v, position, true);
}

static void placed_merge(struct cp_agg_env *env, struct placed *p, const struct placed *other,
                         bool is_last)
{
    if (other->kept.v.kind != CP_MISSING)
        placed_add(env, p, &other->kept.v, other->position, is_last);
}

MERGE(first_merge)
{
    UNUSED;
    placed_merge(env, state, other, false);
}

MERGE(last_merge)
{
    UNUSED;
    placed_merge(env, state, other, true);
}

FINISH(placed_finish)
{
    UNUSED;
    return kept_value(&((struct placed *)state)->kept);
}

/* ---- Percentiles ---- */

ADD(percentile_add)
{
    UNUSED_ADD;
    quantile_add(env, state, v, num);
}

MERGE(percentile_merge)
{
    UNUSED;
    quantile_merge(env, state, other);
}

FINISH(percentile_finish)
{
    return quantile_at(env, state, call->param, call->scale);
}

/* ---- uniq, ~uniq, topk, list ---- */

ADD(distinct_add)
{
    UNUSED_ADD;
    uniq_add(env, state, v);
}

MERGE(distinct_merge)
{
    UNUSED;
    uniq_merge(env, state, other);
}

FINISH(distinct_finish)
{
    UNUSED;
    return cp_int(((struct marks *)state)->n);
}

ADD(estimate_add)
{
    UNUSED_ADD;
    sketch_add(env, state, v);
}

MERGE(estimate_merge)
{
    UNUSED;
    sketch_merge(env, state, other);
}

FINISH(estimate_finish)
{
    UNUSED;
    return cp_int((int64_t)sketch_count(state));
}

ADD(topk_add)
{
    UNUSED_ADD;
    ranking_add(env, state, v, position);
}

MERGE(topk_merge)
{
    UNUSED;
    ranking_merge(env, state, other);
}

FINISH(topk_finish)
{
    return ranking_list(env, state, call->param);
}

ADD(values_add)
{
    UNUSED_ADD;
    list_add(env, state, v, position);
}

MERGE(values_merge)
{
    UNUSED;
    list_merge(env, state, other);
}

FINISH(values_finish)
{
    UNUSED;
    return list_text(env, state);
}

/* ---- The table ---- */

#define NUMBERS (CP_AGG_VALUE | CP_AGG_NUMBERS)
#define GROWING (CP_AGG_VALUE | CP_AGG_GROWS)

const struct cp_aggregate cp_aggregates[] = {
    {"count", "count() count(CONDITION)",
     "How many records there are, or for how many of them a condition is true.",
     "true false 3 \"\"", "2", CP_AGG_BARE | CP_AGG_VALUE | CP_AGG_TRUTHS, sizeof(uint64_t),
     count_add, count_merge, count_finish},
    {"sum", "sum(x)", "The exact sum of the numbers, rounded once.", "0.1 0.2 null 0.3 \"x\"",
     "0.6", NUMBERS, sizeof(struct total), sum_add, sum_merge, sum_finish},
    {"avg", "avg(x)", "The mean of the numbers, rounded once from the exact sum.", "1 2 null 4.5",
     "2.5", NUMBERS, sizeof(struct total), sum_add, sum_merge, avg_finish},
    {"min", "min(x)", "The first value in the order of sort, as it is spelled.", "10 9.0 \"b\"",
     "9.0", CP_AGG_VALUE, sizeof(struct extreme), min_add, min_merge, extreme_finish},
    {"max", "max(x)", "The last value in the order of sort, as it is spelled.", "10 9.0 1e1", "10",
     CP_AGG_VALUE, sizeof(struct extreme), max_add, max_merge, extreme_finish},
    {"first", "first(x)", "The value of the first record that has one.", "null \"a\" \"b\"",
     "\"a\"", CP_AGG_VALUE, sizeof(struct placed), first_add, first_merge, placed_finish},
    {"last", "last(x)", "The value of the last record that has one.", "\"a\" \"b\" null", "\"b\"",
     CP_AGG_VALUE, sizeof(struct placed), last_add, last_merge, placed_finish},
    {"stdev", "stdev(x)", "The standard deviation of the sample; null for fewer than two numbers.",
     "1 2 3 4 5 6 7 8 9 10 11 12", "3.605551275463989", NUMBERS, sizeof(struct deviation),
     stdev_add, stdev_merge, stdev_finish},
    {"pN", "p50(x) p99.9(x)",
     "A percentile by nearest rank: a value as it is spelled, above 4,096 values per group an "
     "estimate within 0.5 %.",
     "5 3.0 1 4 2", "3.0", NUMBERS | CP_AGG_GROWS, sizeof(struct quantile), percentile_add,
     percentile_merge, percentile_finish},
    {"pct", "pct(x, 99.95)", "The percentile that the second argument names.", "5 3.0 1 4 2", "3.0",
     NUMBERS | CP_AGG_GROWS | CP_AGG_PARAM, sizeof(struct quantile), percentile_add,
     percentile_merge, percentile_finish},
    {"uniq", "uniq(x)", "How many different values there are.", "1 \"1\" 1.0 null 2", "3", GROWING,
     sizeof(struct marks), distinct_add, distinct_merge, distinct_finish},
    {"~uniq", "~uniq(x)",
     "About how many different values there are: exact up to 1,024, then with a standard error of "
     "0.8 %, in 16 KiB a group.",
     "1 \"1\" 1.0 null 2", "3", GROWING, sizeof(struct sketch), estimate_add, estimate_merge,
     estimate_finish},
    {"topk", "topk(x, 3)",
     "A list of the most frequent values, ties in the order of their first records.",
     "\"a\" \"b\" \"c\" \"c\" \"b\" 7", "[\"b\",\"c\",\"a\"]", GROWING | CP_AGG_PARAM,
     sizeof(struct ranking), topk_add, topk_merge, topk_finish},
    {"list", "list(x)",
     "A list of all values in the order of the records; those for which max_memory has no room are "
     "left out and counted.",
     "2 null \"a\" 1.0", "[2,\"a\",1.0]", GROWING, sizeof(struct list), values_add, values_merge,
     values_finish},
    {"rate", "rate() rate(x)",
     "Records, or the sum of x, per second of the event time (_time) that all records span, from "
     "the first to the last.",
     NULL, NULL, CP_AGG_BARE | NUMBERS | CP_AGG_TIMES, sizeof(struct total), rate_add, sum_merge,
     rate_finish},
    {NULL},
};

/* ---- Names ---- */

/* A decimal number as digits over a power of ten. */
static bool read_decimal(struct cp_slice s, uint64_t *param, uint64_t *scale)
{
    bool has_point = false;
    size_t digits = 0;

    *param = 0;
    *scale = 1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && !has_point) {
            has_point = true;
        } else if (s.p[i] >= '0' && s.p[i] <= '9' && digits++ < 12) {
            *param = *param * 10 + (uint64_t)(s.p[i] - '0');
            *scale *= has_point ? 10 : 1;
        } else {
            return false;
        }
    }
    return digits > 0;
}

static const struct cp_aggregate *find(struct cp_slice name)
{
    for (const struct cp_aggregate *a = cp_aggregates; a->name; a++)
        if (cp_slice_is(name, a->name))
            return a;
    return NULL;
}

bool cp_aggregate_find(struct cp_slice name, struct cp_agg_call *call)
{
    struct cp_slice rest = {name.p + 1, name.n - 1};

    *call = (struct cp_agg_call){.scale = 1};
    if (name.n > 1 && name.p[0] == 'p' && read_decimal(rest, &call->param, &call->scale)) {
        call->type = find(CP_SLICE("pN"));
        return call->param <= 100 * call->scale;
    }
    call->type = cp_slice_is(name, "pN") ? NULL : find(name);
    return call->type != NULL;
}

const char *cp_aggregate_param(struct cp_agg_call *call, struct cp_slice text)
{
    bool is_number = read_decimal(text, &call->param, &call->scale);

    if (call->type->add == topk_add)
        return is_number && call->scale == 1 && call->param > 0 && call->param <= 1000000
                   ? NULL
                   : "a whole number such as 10";
    return is_number && call->param <= 100 * call->scale
               ? NULL
               : "a percentage from 0 to 100 such as 99.95";
}

bool cp_aggregate_same_state(const struct cp_agg_call *a, const struct cp_agg_call *b)
{
    return a->type->add == b->type->add && a->type->size == b->type->size;
}

const char *cp_aggregate_nearest(struct cp_slice name)
{
    const char *names[sizeof cp_aggregates / sizeof *cp_aggregates + 4];
    size_t n = 0;

    for (const struct cp_aggregate *a = cp_aggregates; a->name; a++)
        names[n++] = strcmp(a->name, "pN") == 0 ? "p99" : a->name;
    names[n++] = "p50";
    return cp_nearest(name.p, name.n, names, n);
}
