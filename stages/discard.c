/* discard: a sink that writes nothing. */
#include "../lib/stage.h"

static int discard_plan(struct cp_planner *p, void *data)
{
    (void)data;
    if (p->words.n > 0)
        return cp_diag_error(p->diags, p->words.v[0].text.pos, NULL, "discard takes no arguments");
    return 0;
}

static enum cp_outcome discard_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    (void)data;
    s->account.out += b->n_sel;
    return CP_OUTCOME_OK;
}

const struct cp_stage_type cp_stage_discard = {
    .name = "discard",
    .kind = CP_SINK,
    .summary = "Takes records and does nothing with them",
    .usage = "",
    .doc = "For trying and timing what comes before it.",
    .args = CP_ARGS_WORDS,
    .size = 1,
    .plan = discard_plan,
    .process = discard_process,
};
