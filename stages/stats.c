/* stats: aggregates over all records or over groups. */
#include "grouping.h"

struct stats {
    struct grouping g;
};

static const struct cp_option options[] = {
    GROUPING_OPTIONS(struct stats, g),
    {NULL},
};

static int stats_plan(struct cp_planner *p, void *data)
{
    struct grouping *g = &((struct stats *)data)->g;

    if (cp_lexer_at_end(p->lexer))
        return cp_diag_error(p->diags, p->stage->pos, "stats count(), avg(dur), p99(dur) by path",
                             "stats needs an aggregate");
    do {
        if (grouping_plan_call(p, g) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    return grouping_plan_by(p, g) < 0 ? -1 : grouping_plan_end(p, g);
}

static int stats_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    (void)err;
    return grouping_open(s, &((struct stats *)data)->g);
}

static enum cp_outcome stats_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    return grouping_process(s, &((struct stats *)data)->g, b);
}

static int stats_finish(struct cp_stage *s, void *data)
{
    return grouping_finish(s, &((struct stats *)data)->g);
}

static void stats_fork(struct cp_stage *s, void *data)
{
    const struct stats *planned = s->workers[0]->self;

    grouping_fork(&((struct stats *)data)->g, &planned->g);
}

static void stats_merge(struct cp_stage *s, void *data, void *other)
{
    (void)s;
    grouping_merge(&((struct stats *)data)->g, &((struct stats *)other)->g);
}

static void stats_close(void *data)
{
    grouping_close(&((struct stats *)data)->g);
}

const struct cp_stage_type cp_stage_stats = {
    .name = "stats",
    .kind = CP_AGGREGATE,
    .summary = "Makes counts, sums, percentiles and the like of all records or of groups",
    .usage = "AGGREGATE [as NAME], ... [by EXPRESSION [as NAME], ...]",
    .doc = "Aggregates are count sum avg min max first last stdev p50 ... p99.9 pct uniq ~uniq "
           "topk list and rate. count(x) "
           "is the number of records for which x is true. The others skip "
           "null; sum, avg, stdev, rate and percentiles also skip what is no number, and count it. "
           "Sums are exact and rounded "
           "once. min, max, first, last and percentiles give a value as it is spelled.\n"
           "The percentile is the nearest rank, exact up to 4,096 values of a group; above that it "
           "is an estimate within 0.5 "
           "%, and the summary says so. ~uniq is exact up to 1,024 values, then an estimate with a "
           "standard error of 0.8 %.\n"
           "rate() is the number of records, rate(x) the sum of x, per second of the event time "
           "that all records span.\n"
           "Groups leave in the order in which they first came. A result is named after the "
           "aggregate and the field, sum_bytes; "
           "as gives it another name. Groups and values take at most max_memory; beyond it new "
           "groups are counted together "
           "in one group, other, values that find no room are left out, and the summary says so.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_MAKES,
    .size = sizeof(struct stats),
    .options = options,
    .plan = stats_plan,
    .fork = stats_fork,
    .open = stats_open,
    .process = stats_process,
    .merge = stats_merge,
    .finish = stats_finish,
    .close = stats_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | stats count(), sum(n), avg(n), max(n) by k",
             "{\"k\":\"a\",\"n\":1}\n{\"k\":\"b\",\"n\":2.50}\n{\"k\":\"a\",\"n\":4}\n",
             "{\"k\":\"a\",\"count\":2,\"sum_n\":5,\"avg_n\":2.5,\"max_n\":4}\n"
             "{\"k\":\"b\",\"count\":1,\"sum_n\":2.5,\"avg_n\":2.5,\"max_n\":2.50}\n",
             "several figures for each group"},
            {"parse json | stats p50(n), p99.9(n) as top, pct(n, 25)",
             "{\"n\":4}\n{\"n\":1.0}\n{\"n\":3}\n{\"n\":2}\n",
             "{\"p50_n\":2,\"top\":4,\"pct_n\":1.0}\n", "percentiles"},
            {"parse json | stats count(ok), uniq(k), topk(k, 2), list(k), first(k), last(k)",
             "{\"k\":\"a\",\"ok\":true}\n{\"k\":\"b\",\"ok\":false}\n{\"k\":\"b\",\"ok\":1}\n",
             "{\"count_ok\":2,\"uniq_k\":2,\"topk_k\":[\"b\",\"a\"],\"list_k\":[\"a\",\"b\",\"b\"],"
             "\"first_k\":\"a\","
             "\"last_k\":\"b\"}\n",
             "which values there are"},
            {"parse json | stats rate(), rate(bytes)",
             "{\"time\":\"2026-11-20T10:00:00Z\",\"bytes\":100}\n{\"time\":\"2026-11-20T10:00:"
             "04Z\",\"bytes\":300}\n",
             "{\"rate\":0.5,\"rate_bytes\":100}\n", "per second of event time"},
            {NULL},
        },
};
