/* sample: passes some of the records: every Nth, or a share chosen at random. */
#include <math.h>

#include "../lib/base/number.h"
#include "../lib/stage.h"

struct sample {
    uint64_t seed; /* option */

    uint64_t every;     /* 0: at random */
    uint64_t threshold; /* at random: passes below it */
    uint64_t seen;
};

static const struct cp_option options[] = {
    {"seed", CP_OPT_COUNT, offsetof(struct sample, seed), NULL, "0",
     "for a share: another number chooses other records; the same one the same records"},
    {NULL},
};

static int bad_amount(struct cp_planner *p, const struct cp_text *t)
{
    return cp_diag_error(p->diags, cp_text_pos(t, 0, t->s.n),
                         "sample 100 passes every 100th, sample 1% one in a hundred",
                         "%.*s is no number of records and no share", (int)t->s.n, t->s.p);
}

/* `1%`, `0.5%`. */
static int take_share(struct cp_planner *p, struct sample *self, const struct cp_text *t)
{
    struct cp_num num;

    if (!cp_num_parse(t->s.p, t->s.n - 1, &num))
        return bad_amount(p, t);
    double share = num.kind == CP_NUM_INT ? (double)num.i : num.d;
    if (!(share >= 0 && share <= 100))
        return bad_amount(p, t);
    self->threshold = share >= 100 ? UINT64_MAX : (uint64_t)ldexp(share / 100, 64);
    return 0;
}

static int take_amount(struct cp_planner *p, struct sample *self, const struct cp_text *t)
{
    struct cp_num num;

    if (t->s.n > 1 && t->s.p[t->s.n - 1] == '%')
        return take_share(p, self, t);
    if (!cp_num_parse(t->s.p, t->s.n, &num) || num.kind != CP_NUM_INT || num.i < 1)
        return bad_amount(p, t);
    self->every = (uint64_t)num.i;
    return 0;
}

static int sample_plan(struct cp_planner *p, void *data)
{
    struct sample *self = data;
    const struct cp_text *amount = NULL;

    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        const struct cp_option *o = w->key.n > 0 ? cp_option_find(options, w->key) : NULL;
        if (o && cp_option_set_text(o, self, &w->text, p->heap, p->diags) < 0)
            return -1;
        if (o)
            continue;
        if (w->key.n > 0 || amount)
            return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                                 "sample takes one number or share, and the option seed");
        amount = &w->text;
    }
    if (!amount)
        return cp_diag_error(p->diags, p->stage->pos, "sample 100, sample 1%",
                             "sample needs a number or a share");
    return take_amount(p, self, amount);
}

/* A good mixture of the bits of x (splitmix64). */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Record number `seen`, counted from 0. What is chosen depends on the number alone, not on the
 * batches. */
static bool is_chosen(const struct sample *self)
{
    if (self->every)
        return (self->seen + 1) % self->every == 0;
    return self->threshold == UINT64_MAX || mix(mix(self->seed) + self->seen) < self->threshold;
}

static enum cp_outcome sample_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct sample *self = data;
    uint32_t kept = 0;

    for (uint32_t k = 0; k < b->n_sel; k++, self->seen++)
        if (is_chosen(self))
            b->sel[kept++] = b->sel[k];
    s->account.filtered += b->n_sel - kept;
    b->n_sel = kept;
    return CP_OUTCOME_OK;
}

const struct cp_stage_type cp_stage_sample = {
    .name = "sample",
    .kind = CP_FILTER,
    .summary = "Passes every Nth record, or a share of them",
    .usage = "N | SHARE% [seed=NUMBER]",
    .doc = "sample 100 passes the 100th, the 200th record and so on. sample 1% passes each record "
           "with a chance of one in a "
           "hundred; which ones depends on the seed and on their place alone, so that the same "
           "input gives the same records.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_COUNTS,
    .size = sizeof(struct sample),
    .options = options,
    .plan = sample_plan,
    .process = sample_process,
    .examples =
        (const struct cp_example[]){
            {"sample 2", "a\nb\nc\nd\ne\n", "b\nd\n", "every second record"},
            {"sample 100%", "a\nb\n", "a\nb\n", NULL},
            {"sample 0%", "a\nb\n", "", NULL},
            {NULL},
        },
};
