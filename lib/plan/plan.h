/* plan.h: a checked pipeline: stages in order, what flows between them, how much memory it takes.
 *
 *     struct cp_doc ─ cp_plan_make ─> struct cp_plan ─ cp_run (run/run.h)
 *
 * DESIGN. Planning is one walk from the source to the sink. It hands a scope (expr/scope.h) from
 * stage to stage; every stage reads its arguments, binds its expressions to the scope and changes
 * it. A parser learns which fields anybody reads because reading a name asks it for a column. When
 * the walk is over everything is known: columns, pools, the memory bound. Mistakes do not stop the
 * walk: all of them are reported in one run.
 */
#ifndef CP_PLAN_PLAN_H
#define CP_PLAN_PLAN_H

#include "../stage.h"

enum { CP_PLAN_STAGES = CP_DOC_MAX_STAGES * 3 }; /* with those that nobody wrote */

/* What lies between two stages. */
struct cp_edge {
    /* Constant after planning. */
    struct cp_stage *from, *to; /* the first workers */
    size_t port, input;         /* which output of `from`, which input of `to` */
    size_t capacity;            /* batches in each channel; CP_UNBOUNDED */
    enum cp_when_full when_full;
    uint64_t sample;           /* CP_FULL_SAMPLE: of so many records one is kept */
    size_t lose;               /* of cp_plan_options */
    size_t senders, receivers; /* workers that send and receive */
    bool is_shared;            /* by all of them: one channel, and no turns */
    bool is_pulled;            /* the receivers read from the source: run/pull.h */
    bool is_chained;           /* each receiver works in the thread of its sender: run/chain.h */
    size_t burst;              /* batches between two wake-ups of a receiver, at most */
    bool is_counted;           /* the receiver counts groups: empty ones are sent too */
    bool is_late;              /* all that goes over it is made when the input has ended */
    uint16_t *live;            /* slots that are filled in what goes over it */
    size_t n_live;
    struct cp_pool_size view_size; /* of the pool of views that go over it; no batches: not views */

    /* The runtime's (run/edge.h). */
    struct cp_edge_end *ends; /* of the senders, then of the receivers */
    struct cp_pool *views;
    _Atomic bool is_shut; /* nobody takes anything more */
    struct chan_tx **tx;
    struct chan_rx **rx;
    struct cp_pull *pull; /* is_pulled */
};

/* How many channels it has: one for each pair of workers that exchange batches by turns. */
size_t cp_edge_channels(const struct cp_edge *e);

/* The stage in whose threads s runs: itself, unless it is a source that others call, or takes what
 * comes in the thread of who sends it. */
static inline const struct cp_stage *cp_stage_host(const struct cp_stage *s)
{
    if (s->type->next && s->outs[0]->is_pulled)
        return s->outs[0]->to;
    while (s->n_ins == 1 && s->ins[0]->is_chained)
        s = s->ins[0]->from;
    return s;
}

static inline bool cp_stage_has_threads(const struct cp_stage *s)
{
    return cp_stage_host(s) == s;
}

/* Whether it loses batches when it is full. There is one sender then, and one receiver. */
static inline bool cp_edge_drops(const struct cp_edge *e)
{
    return e->when_full == CP_FULL_DROP_NEW || e->when_full == CP_FULL_DROP_OLD;
}

/* Whether its sender has to wait when the receiver is slow. */
static inline bool cp_edge_waits(const struct cp_edge *e)
{
    return e->when_full == CP_FULL_WAIT || e->when_full == CP_FULL_SAMPLE;
}

struct cp_plan {
    struct cp_heap heap; /* all of the plan */
    struct cp_plan_options options;
    const char *name;         /* of the pipeline, or NULL */
    struct cp_stage **stages; /* the source first, a sink last */
    size_t n;
    struct cp_edge **edges;
    size_t n_edges;
    size_t n_slots; /* columns of a batch */
    size_t block_size, batch_records;
};

/* Makes a plan. The doc, its source text and the options must outlive it. -1 after diagnostics; the
 * plan must be released in any case. */
int cp_plan_make(struct cp_plan *plan, const struct cp_doc *doc,
                 const struct cp_plan_options *options, struct cp_diags *diags);
void cp_plan_release(struct cp_plan *plan);

#endif
