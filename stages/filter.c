/* filter: passes the records for which an expression is true. */
#include "../lib/stage.h"

struct filter {
    struct cp_expr *when;
};

/* Hands what the condition needs of the raw bytes to the parser, which then need not look at
 * records without it. */
static void offer_prefilter(struct cp_planner *p, const struct cp_expr *when)
{
    struct cp_prefilter *pre = p->prefilter;
    size_t max = sizeof pre->needs / sizeof *pre->needs;

    if (!cp_expr_is_infallible(when)) {
        p->prefilter = NULL;
        return;
    }
    if (pre->n > 0)
        return;
    size_t n = cp_expr_needs(when, pre->needs, max);
    bool can = n > 0;
    for (size_t i = 0; i < n; i++)
        can = can && pre->can_probe(pre->decoder, &pre->needs[i]);
    pre->n = can ? n : 0;
}

static int filter_plan(struct cp_planner *p, void *data)
{
    struct filter *self = data;

    if (!(self->when = cp_plan_expr(p)) || cp_lexer_expect_end(p->lexer, "one condition") < 0)
        return -1;
    if (p->prefilter && !p->prefilter->is_off)
        offer_prefilter(p, self->when);
    return 0;
}

static int filter_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct filter *self = data;
    (void)err;
    cp_stage_prepare(s, self->when);
    return 0;
}

static enum cp_outcome filter_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct filter *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);
    uint16_t keep[CP_BATCH_RECORDS];
    size_t kept;

    if (cp_expr_select(self->when, ev, b->sel, b->n_sel, keep, &kept) == CP_EVAL_FULL)
        return CP_OUTCOME_FULL;
    return cp_stage_pass(s, b, ev, keep, kept);
}

const struct cp_stage_type cp_stage_filter = {
    .name = "filter",
    .kind = CP_FILTER,
    .summary = "Passes the records for which an expression is true",
    .usage = "EXPRESSION",
    .doc = "False are null, false, 0, empty text and the text false. Named groups of a regular "
           "expression that matches "
           "become fields.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct filter),
    .plan = filter_plan,
    .open = filter_open,
    .process = filter_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | filter status >= 500 and path != \"/health\"",
             "{\"status\":200,\"path\":\"/\"}\n{\"status\":503,\"path\":\"/"
             "a\"}\n{\"status\":500,\"path\":\"/health\"}\n",
             "{\"status\":503,\"path\":\"/a\"}\n", NULL},
            {NULL},
        },
};
