/* route: the first case whose condition is true gets the record. */
#include "../lib/stage.h"

struct route {
    struct cp_expr **when; /* NULL: else */
    size_t n;
    uint8_t *taken;      /* by number of the record: the case that takes it */
    uint16_t *rest, *of; /* selections: what no case has taken yet; what one takes */
};

static int plan_case(struct cp_planner *p, struct route *self, const struct cp_branch *b)
{
    struct cp_expr *when = NULL;

    if (!b->is_else) {
        p->lexer = cp_lexer_new(&b->when, p->heap, p->diags);
        when = cp_plan_expr(p);
        if (!when || cp_lexer_expect_end(p->lexer, "an operator, or the end of the condition") < 0)
            return -1;
    }
    self->when[self->n++] = when;
    return 0;
}

static int route_plan(struct cp_planner *p, void *data)
{
    struct route *self = data;
    int rc = 0;

    self->when = cp_heap_take(p->heap, (p->item->n_branches + 1) * sizeof *self->when);
    for (size_t k = 0; k < p->item->n_branches; k++)
        if (plan_case(p, self, &p->item->branches[k]) < 0)
            rc = -1;
    return rc;
}

static int route_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct route *self = data;

    (void)err;
    self->taken = cp_heap_take(s->heap, s->records);
    self->rest = cp_heap_take(s->heap, s->records * sizeof *self->rest);
    self->of = cp_heap_take(s->heap, s->records * sizeof *self->of);
    cp_stage_prepare(s, NULL);
    for (size_t k = 0; k < self->n; k++)
        if (self->when[k])
            cp_stage_prepare(s, self->when[k]);
    return 0;
}

/* Notes case k for records of[0..n) and takes them out of the rest. */
static size_t take(struct route *self, size_t k, size_t n, size_t rest)
{
    size_t kept = 0, at = 0;

    for (size_t i = 0; i < rest; i++) {
        bool is_taken = at < n && self->of[at] == self->rest[i];
        if (is_taken)
            self->taken[self->of[at++]] = (uint8_t)k;
        else
            self->rest[kept++] = self->rest[i];
    }
    return kept;
}

/* Decides for all records. */
static enum cp_eval_status decide(struct route *self, struct cp_eval *ev, const struct cp_batch *b)
{
    size_t rest = b->n_sel, n;

    memcpy(self->rest, b->sel, rest * sizeof *self->rest);
    for (size_t k = 0; k < self->n && rest > 0; k++) {
        if (!self->when[k]) {
            break;
        }
        if (cp_expr_select(self->when[k], ev, self->rest, rest, self->of, &n) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
        rest = take(self, k, n, rest);
    }
    for (size_t i = 0; i < rest; i++) /* else, or the output for what no case took */
        self->taken[self->rest[i]] =
            (uint8_t)(self->n > 0 && !self->when[self->n - 1] ? self->n - 1 : self->n);
    return CP_EVAL_OK;
}

static uint32_t choose(const struct route *self, const struct cp_batch *b, size_t k, uint16_t *to)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->n_sel; i++)
        if (self->taken[b->sel[i]] == k)
            to[n++] = b->sel[i];
    return n;
}

static enum cp_outcome route_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct route *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    if (decide(self, ev, b) == CP_EVAL_FULL)
        return CP_OUTCOME_FULL;
    enum cp_outcome outcome = cp_stage_settle(s, b, ev);
    size_t last = cp_stage_outputs(s) - 1;
    for (size_t k = 0; k < last; k++) {
        if (!cp_stage_is_taken(s, k)) {
            s->account.filtered += choose(self, b, k, self->of);
            continue;
        }
        struct cp_batch *view = cp_stage_view(s, k, b);
        view->n_sel = choose(self, b, k, view->sel);
        cp_emit_to(s, k, view);
    }
    b->n_sel = choose(self, b, last, b->sel);
    return outcome;
}

const struct cp_stage_type cp_stage_route = {
    .name = "route",
    .kind = CP_FLOW,
    .summary = "Gives each record to the first case whose condition is true",
    .usage = "{ CONDITION => PIPELINE ; [NAME:] CONDITION => PIPELINE ; else => PIPELINE }",
    .doc = "Records of no case take else; without else they go on below unchanged. Cases that do "
           "not end in a sink come together again below, in the order of the input.\n"
           "A later stage reads the records of one case with from: NAME.CASE, where CASE is its "
           "name, its number from 1 on, or else.",
    .args = CP_ARGS_WORDS,
    .branches = CP_BRANCHES_CASES,
    .size = sizeof(struct route),
    .plan = route_plan,
    .open = route_open,
    .process = route_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | route { n > 2 => set size = \"big\" ; n == 1 => discard ; else => set "
             "size = \"small\" }",
             "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n",
             "{\"n\":2,\"size\":\"small\"}\n{\"n\":3,\"size\":\"big\"}\n", "three ways"},
            {"parse json | route { n > 2 => set big = true }", "{\"n\":1}\n{\"n\":3}\n",
             "{\"n\":1}\n{\"n\":3,\"big\":true}\n", "what no case takes goes on"},
            {NULL},
        },
};
