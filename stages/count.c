/* count: counts records. */
#include "grouping.h"

struct count {
    struct grouping g;
};

static const struct cp_option options[] = {
    GROUPING_OPTIONS(struct count, g),
    {NULL},
};

static bool at_clause(struct cp_lexer *lx)
{
    return cp_lexer_at_end(lx) || cp_lexer_peek_word(lx, "by") || cp_lexer_peek_word(lx, "as");
}

static int plan_name(struct cp_planner *p, struct cp_slice *name)
{
    return !cp_lexer_accept_word(p->lexer, "as") || cp_lexer_name(p->lexer, name) ? 0 : -1;
}

/* [CONDITION] [as NAME] [by …] [as NAME] */
static int count_plan(struct cp_planner *p, void *data)
{
    struct grouping *g = &((struct count *)data)->g;
    struct cp_slice name = CP_SLICE("count");
    struct cp_expr *when = NULL;
    struct cp_agg_call call;

    if (!at_clause(p->lexer) && !(when = cp_expr_parse(p->lexer)))
        return -1;
    cp_aggregate_find(CP_SLICE("count"), &call);
    if (plan_name(p, &name) < 0 || grouping_plan_by(p, g) < 0 || plan_name(p, &name) < 0 ||
        grouping_add_call(p, g, call, when, name) < 0)
        return -1;
    return grouping_plan_end(p, g);
}

static int count_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    (void)err;
    return grouping_open(s, &((struct count *)data)->g);
}

static enum cp_outcome count_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    return grouping_process(s, &((struct count *)data)->g, b);
}

static int count_finish(struct cp_stage *s, void *data)
{
    return grouping_finish(s, &((struct count *)data)->g);
}

static void count_fork(struct cp_stage *s, void *data)
{
    const struct count *planned = s->workers[0]->self;

    grouping_fork(&((struct count *)data)->g, &planned->g);
}

static void count_merge(struct cp_stage *s, void *data, void *other)
{
    (void)s;
    grouping_merge(&((struct count *)data)->g, &((struct count *)other)->g);
}

static void count_close(void *data)
{
    grouping_close(&((struct count *)data)->g);
}

const struct cp_stage_type cp_stage_count = {
    .name = "count",
    .kind = CP_AGGREGATE,
    .summary = "Counts records, by groups if asked",
    .usage = "[CONDITION] [as NAME] [by EXPRESSION [as NAME], ...]",
    .doc = "Makes one record for each group, in the order in which the groups first came: the "
           "fields of by, then count. With a "
           "condition all groups are there, but only records for which it is true are counted. "
           "Values are the same when "
           "their texts are; null and missing are one group, shown as null.\n"
           "Groups take at most max_memory; beyond it new ones are counted together in one group, "
           "other, and the summary "
           "says so.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_MAKES,
    .size = sizeof(struct count),
    .options = options,
    .plan = count_plan,
    .fork = count_fork,
    .open = count_open,
    .process = count_process,
    .merge = count_merge,
    .finish = count_finish,
    .close = count_close,
    .examples =
        (const struct cp_example[]){
            {"count", "a\nb\nc\n", "{\"count\":3}\n", "how many records there are"},
            {"parse json | count by path",
             "{\"path\":\"/b\"}\n{\"path\":\"/a\"}\n{\"path\":\"/b\"}\n{}\n{\"path\":null}\n",
             "{\"path\":\"/b\",\"count\":2}\n{\"path\":\"/"
             "a\",\"count\":1}\n{\"path\":null,\"count\":2}\n",
             "how many of each"},
            {"parse logfmt | count status >= 500 as errors by host, method as verb",
             "host=a method=GET status=200\nhost=b method=GET status=500\nhost=a method=GET "
             "status=503\n",
             "{\"host\":\"a\",\"verb\":\"GET\",\"errors\":1}\n{\"host\":\"b\",\"verb\":\"GET\","
             "\"errors\":1}\n",
             "how many fulfil a condition"},
            {NULL},
        },
};
