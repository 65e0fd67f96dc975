/* tee: every branch gets every record. */
#include "../lib/stage.h"

static int tee_plan(struct cp_planner *p, void *data)
{
    (void)p;
    (void)data;
    return 0;
}

/* All outputs but the last get views; the runtime sends the batch itself over that one. */
static enum cp_outcome tee_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    (void)data;
    for (size_t k = 0; k + 1 < cp_stage_outputs(s); k++) {
        if (!cp_stage_is_taken(s, k))
            continue;
        struct cp_batch *view = cp_stage_view(s, k, b);
        memcpy(view->sel, b->sel, b->n_sel * sizeof *b->sel);
        view->n_sel = b->n_sel;
        s->account.made += b->n_sel;
        cp_emit_to(s, k, view);
    }
    return CP_OUTCOME_OK;
}

const struct cp_stage_type cp_stage_tee = {
    .name = "tee",
    .kind = CP_FLOW,
    .summary = "Gives every record to every branch",
    .usage = "{ PIPELINE ; PIPELINE ... }",
    .doc = "What a branch changes does not show in the others. Branches that end in a sink keep "
           "their records; those that do not come together again below, in the order of the input, "
           "for each record first what the first branch made of it. Where all branches end in a "
           "sink, the records themselves go on below, as with tee(1).\n"
           "A branch that is slow slows the others down, and so the source.",
    .args = CP_ARGS_WORDS,
    .branches = CP_BRANCHES_PLAIN,
    .plan = tee_plan,
    .process = tee_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | tee { filter n > 1 | set big = true ; filter n < 3 }",
             "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n",
             "{\"n\":1}\n{\"n\":2,\"big\":true}\n{\"n\":2}\n{\"n\":3,\"big\":true}\n",
             "branches come together in the order of the input"},
            {"tee { grep b | discard } | head 2", "a\nb\nc\n", "a\nb\n",
             "no branch comes back: the records go on"},
            {NULL},
        },
};
