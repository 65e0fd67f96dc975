/* skip: leaves out the first records. */
#include "../lib/stage.h"

struct skip {
    uint64_t left;
};

static int skip_plan(struct cp_planner *p, void *data)
{
    struct skip *self = data;

    if (p->words.n == 0)
        return cp_diag_error(p->diags, p->stage->pos, "skip 1", "skip needs a number of records");
    return cp_plan_count(p, &self->left, "a number of records, as in skip 1");
}

static enum cp_outcome skip_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct skip *self = data;
    uint32_t n = self->left < b->n_sel ? (uint32_t)self->left : b->n_sel;

    if (n == 0)
        return CP_OUTCOME_OK;
    b->n_sel -= n;
    memmove(b->sel, b->sel + n, b->n_sel * sizeof *b->sel);
    s->account.filtered += n;
    self->left -= n;
    return CP_OUTCOME_OK;
}

const struct cp_stage_type cp_stage_skip = {
    .name = "skip",
    .kind = CP_FILTER,
    .summary = "Leaves out the first records",
    .usage = "N",
    .doc = "Over several files it counts over all of them.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_COUNTS,
    .size = sizeof(struct skip),
    .plan = skip_plan,
    .process = skip_process,
    .examples =
        (const struct cp_example[]){
            {"skip 1", "a\nb\nc\n", "b\nc\n", NULL},
            {"skip 1 | head 1", "a\nb\nc\n", "b\n", "the second record"},
            {"skip 5", "a\nb\n", "", NULL},
            {NULL},
        },
};
