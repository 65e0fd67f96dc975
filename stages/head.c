/* head: passes the first records and ends. */
#include "../lib/stage.h"

struct head {
    uint64_t left;
};

/* Right behind sort: it need not keep more than these. */
static void offer_cut(struct cp_planner *p, uint64_t n)
{
    const struct cp_cut *cut = &p->cut;

    if (!cut->limit || cut->stage != p->above || n == 0 || n > UINT32_MAX)
        return;
    if (*cut->limit == 0 || n < *cut->limit)
        *cut->limit = n;
}

static int head_plan(struct cp_planner *p, void *data)
{
    struct head *self = data;

    self->left = 10;
    if (cp_plan_count(p, &self->left, "a number of records, as in head 10") < 0)
        return -1;
    offer_cut(p, self->left);
    return 0;
}

static enum cp_outcome head_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct head *self = data;

    if (b->n_sel < self->left) {
        self->left -= b->n_sel;
        return CP_OUTCOME_OK;
    }
    s->account.filtered += b->n_sel - self->left;
    b->n_sel = (uint32_t)self->left;
    self->left = 0;
    return CP_OUTCOME_DONE;
}

/* head 0 has them all before the first one comes. */
static int head_idle(struct cp_stage *s, void *data)
{
    const struct head *self = data;

    (void)s;
    return self->left == 0 ? -1 : 0;
}

const struct cp_stage_type cp_stage_head = {
    .name = "head",
    .kind = CP_FILTER,
    .summary = "Passes the first records and ends",
    .usage = "[N]",
    .doc = "Without N, 10. When it has them all it closes its input, and everything before it ends "
           "too. Over several files "
           "it counts over all of them.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_COUNTS,
    .size = sizeof(struct head),
    .plan = head_plan,
    .process = head_process,
    .idle = head_idle,
    .examples =
        (const struct cp_example[]){
            {"head 2", "a\nb\nc\n", "a\nb\n", NULL},
            {"parse json | filter n > 1 | head 1", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n",
             "{\"n\":2}\n", "the first one that passes"},
            {"head 0", "a\n", "", NULL},
            {NULL},
        },
};
