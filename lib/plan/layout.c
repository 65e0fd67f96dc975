/* layout.c: what a complete plan needs to run: workers, columns, pools. */
#include "plan_impl.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "../data/keeper.h"

enum {
    DEFAULT_CAPACITY = 4,
    MAX_BURST = 8,
    MAX_THREADS = 512,
    ARENA_GUARDS = 16 * CP_PAD, /* see work_part in worker.c */
    MARKS_ARENA = 512 * 1024,   /* of a batch; records beyond it are left without marks */
};

/* Rows of an aggregate: nothing of the records before it is in them. */
static bool makes_rows(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_MAKES && !s->keeps_records;
}

/* Who fills each slot. */
static struct cp_stage **find_makers(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage **maker = cp_xcalloc(plan->n_slots + 1, sizeof *maker);

    for (size_t k = 0; k < plan->n; k++) {
        size_t end = k + 1 < plan->n ? w->slots_before[k + 1] : plan->n_slots;
        for (size_t slot = w->slots_before[k]; slot < end; slot++)
            maker[slot] = plan->stages[k];
    }
    for (struct wants_of *o = w->wants; o; o = o->next) {
        for (size_t i = 0; i < o->wants->n; i++)
            maker[o->wants->v[i].slot] = o->stage;
        if (o->wants->marks_slot != CP_NO_SLOT)
            maker[o->wants->marks_slot] = o->stage;
    }
    return maker;
}

static bool is_listed(const uint16_t *slots, size_t n, size_t slot)
{
    for (size_t k = 0; k < n; k++)
        if (slots[k] == slot)
            return true;
    return false;
}

/* Whether a slot is filled in what goes over e; is_new: the stage above makes it. Records that
 * failed are as they came, but for a few columns. */
static bool is_live_in(const struct cp_edge *e, bool is_new, size_t slot)
{
    const struct cp_stage *s = e->from;
    bool is_of_failure = (int)slot == s->to.error_slot || (int)slot == s->to.line_slot;

    if (is_new)
        return is_of_failed(e) == is_of_failure;
    return (is_of_failed(e) || !makes_rows(s)) && is_listed(s->live, s->n_live, slot);
}

/* Slots that are filled when a batch arrives at a stage: those that stages before it made, from the
 * last one on that makes rows. Stages before it have theirs. */
static void plan_live(struct cp_plan *plan, struct cp_stage *s, struct cp_stage *const *maker)
{
    s->live = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *s->live);
    for (size_t slot = 0; slot < plan->n_slots; slot++) {
        bool is_live = false;
        for (size_t k = 0; k < s->n_ins; k++)
            is_live |= is_listed(s->ins[k]->live, s->ins[k]->n_live, slot);
        if (is_live)
            s->live[s->n_live++] = (uint16_t)slot;
    }
    for (size_t k = 0; k < s->n_outs; k++) {
        struct cp_edge *e = s->outs[k];
        e->live = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *e->live);
        for (size_t slot = 0; slot < plan->n_slots; slot++)
            if (is_live_in(e, maker[slot] == s, slot))
                e->live[e->n_live++] = (uint16_t)slot;
    }
}

static bool are_placed_above(const struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_ins; k++)
        if (s->ins[k]->from->index == SIZE_MAX)
            return false;
    return true;
}

/* Puts every stage behind those it gets records from; otherwise as the user wrote them. */
static void sort_stages(struct cp_plan *plan)
{
    struct cp_stage **sorted = cp_heap_take(&plan->heap, (plan->n + 1) * sizeof *sorted);
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        plan->stages[i]->index = SIZE_MAX;
    while (n < plan->n) {
        size_t i = 0;
        while (plan->stages[i]->index != SIZE_MAX || !are_placed_above(plan->stages[i]))
            i++;
        plan->stages[i]->index = n;
        sorted[n++] = plan->stages[i];
    }
    plan->stages = sorted;
}

/* ---- Pools ---- */

/* What a batch comes by on its way down from an origin. */
struct way {
    size_t places;                /* that can hold one at a time */
    size_t arena;                 /* bytes that its arena must have */
    bool is_unbounded;            /* one of the places has room for any number */
    bool is_seen[CP_PLAN_STAGES]; /* by number of the stage */
};

static void follow(struct way *w, const struct cp_edge *e);

static void follow_all(struct way *w, const struct cp_stage *s, bool own)
{
    for (size_t k = 0; k < s->n_outs; k++)
        if (is_own(s->outs[k]) == own)
            follow(w, s->outs[k]);
}

/* Down to the next origin: what comes out of that are other batches. */
static void follow(struct way *w, const struct cp_edge *e)
{
    const struct cp_stage *s = e->to;

    if (e->capacity == CP_UNBOUNDED)
        w->is_unbounded = true;
    else
        w->places += e->capacity * cp_edge_channels(e);
    w->places += cp_edge_drops(e); /* a mark that waits for room */
    if (w->is_seen[s->index])
        return;
    w->is_seen[s->index] = true;
    w->places += s->n_workers * (s->makes_text || s->waits ? 3 : 1); /* see work_shrink */
    if (s->type->flags & CP_STAGE_JOINS)
        w->places += 3 * s->n_ins; /* see merge.c: two parts and one at hand for each input */
    if (s->makes_text)
        w->arena = 2 * s->max_line + ARENA_GUARDS;
    else if (s->makes_marks && w->arena == 0)
        w->arena = MARKS_ARENA;
    follow_all(w, s, false);
}

/* One batch for every place, and the one that is being filled. That is what a pipeline that keeps
 * up needs. It is no strict bound where batches of records that joined hold on to several; there a
 * pool may run dry, but comes to be filled again: what parts records gives each batch to all
 * outputs before the next, so a join can always send on what it has. */
static struct cp_pool_size pool_size(const struct cp_plan *plan, const struct way *w)
{
    return (struct cp_pool_size){
        .batches = w->places + 1,
        .records = plan->batch_records,
        .slots = plan->n_slots,
        .arena = w->arena,
        .grows = w->is_unbounded,
    };
}

/* The largest record that comes in; from the top down. */
static void plan_record(struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_ins; k++) {
        const struct cp_stage *above = s->ins[k]->from;
        size_t n = is_own(s->ins[k]) ? cp_keeper_max_record(&above->pool_size) : above->max_record;
        s->max_record = n > s->max_record ? n : s->max_record;
    }
}

static void plan_pool(struct cp_plan *plan, struct cp_stage *s)
{
    struct cp_pool_size *size = &s->pool_size;
    struct way w = {0};

    follow_all(&w, s, is_origin(s));
    *size = pool_size(plan, &w);
    size->max_record = s->max_line;
    if (s->type->kind == CP_SOURCE || s->cuts_records) {
        size->blocks = size->batches + 1; /* and the one that the source fills */
        size->block_size = plan->block_size;
        size->large_blocks = 2;
        size->origins = s->tells_origins;
    }
    if (s->keeps_records) {
        size->blocks = size->batches;
        size->block_size = plan->block_size;
        size->large_blocks = 2;
        size->max_record = s->max_record;
        size->origins = true;
        size->branches = true;
        if (s->makes_text && size->arena < 2 * s->max_line)
            size->arena = 2 * s->max_line;
    }
    if (s->type->flags & (CP_STAGE_JOINS | CP_STAGE_STREAMS))
        size->depth = s->depth;
    if (s->type->flags & CP_STAGE_JOINS && s->keeps_records)
        size->batches++; /* one that is joined, beside the one that is given back */
    if (s->type->flags & CP_STAGE_JOINS) {
        size->parts = 2 * s->n_ins;
        size->origins = true;
        size->branches = true;
    }
}

/* Views go over all outputs but one: that gets the batch itself. */
static void plan_views(struct cp_plan *plan, struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_outs; k++) {
        struct way w = {0};
        if (k + 1 == cp_stage_outputs(s))
            continue;
        follow(&w, s->outs[k]);
        w.places += s->n_workers; /* that fill one */
        /* A batch of records that joined again may hold on to two. */
        w.places *= 2;
        s->outs[k]->view_size = pool_size(plan, &w);
        s->outs[k]->view_size.parts = 1;
    }
}

/* One worker reads at a time, and one writes: more than eight would wait for each other. */
static size_t auto_workers(const struct cp_plan_options *o)
{
    return o->processors < 1 ? 1 : o->processors < 8 ? o->processors : 8;
}

size_t plan_wanted_workers(const struct cp_plan_options *o, const struct cp_stage *s)
{
    size_t n = s->n_workers ? s->n_workers : s->default_workers ? s->default_workers : o->workers;

    if (s->wants_workers)
        n = CP_WORKERS_AUTO;
    return n == CP_WORKERS_AUTO ? auto_workers(o) : n;
}

/* What comes from one worker one thread can encode. */
static bool is_below_one(const struct cp_stage *s)
{
    const struct cp_stage *from = s->n_ins > 0 ? s->ins[0]->from : NULL;

    return from && (from->n_workers == 1 || from->type->merge);
}

/* How many workers a stage gets when it does not say so itself; those above it have got theirs. */
static size_t default_workers(const struct cp_plan *plan, const struct cp_stage *s)
{
    size_t n = plan_wanted_workers(&plan->options, s);

    if (!can_share(s) || limits_errors(s) || s->numbers || n == 0)
        return 1;
    return s->type->kind == CP_SINK && is_below_one(s) ? 1 : n;
}

/* Turns are kept only where no batch is lost: a drop policy has one worker on either side. */
static void plan_one_worker(struct walk *w, const struct cp_edge *e, struct cp_stage *s)
{
    if (s->n_workers > 1)
        cp_diag_error(w->diags, e->to->pos, "give it one worker, or put a stage between",
                      "when_full of %s needs one worker on both sides of the channel, but %s has "
                      "%zu",
                      e->to->name, s->name, s->n_workers);
    s->n_workers = 1;
}

static void plan_drops(struct walk *w)
{
    for (size_t i = 0; i < w->plan->n_edges; i++) {
        const struct cp_edge *e = w->plan->edges[i];
        if (e->to->when_full != CP_FULL_DROP_NEW && e->to->when_full != CP_FULL_DROP_OLD)
            continue;
        plan_one_worker(w, e, e->to);
        if (!e->from->type->merge || is_of_failed(e)) /* what workers have is sent by one */
            plan_one_worker(w, e, e->from);
    }
}

static void plan_capacities(struct cp_plan *plan)
{
    size_t capacity = plan->options.has_capacity ? plan->options.capacity : DEFAULT_CAPACITY;

    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        if (s->has_capacity)
            continue;
        s->capacity = capacity == 0 && s->when_full == CP_FULL_DROP_OLD ? 1 : capacity;
    }
}

/* The structs of all workers. */
static void plan_workers(struct walk *w)
{
    struct cp_plan *plan = w->plan;

    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        if (s->n_workers == 0)
            s->n_workers = default_workers(plan, s);
        if (s->numbers && s->n_workers > 1)
            cp_diag_error(w->diags, s->pos, "give it one worker",
                          "the records that part at %s come together in order: that takes one "
                          "worker",
                          s->name);
        s->workers = cp_heap_take(&plan->heap, s->n_workers * sizeof *s->workers);
        s->workers[0] = s;
    }
}

static void check_threads(struct walk *w)
{
    const struct cp_stage *most = w->plan->stages[0];
    size_t n = 0;

    for (size_t i = 0; i < w->plan->n; i++) {
        const struct cp_stage *s = w->plan->stages[i];
        n += cp_stage_has_threads(s) ? s->n_workers : 0;
        if (s->n_workers > most->n_workers)
            most = s;
    }
    if (n > MAX_THREADS)
        cp_diag_error(w->diags, most->pos, "fewer workers, or fewer stages",
                      "the pipeline has %zu threads, more than %d", n, MAX_THREADS);
}

size_t cp_edge_channels(const struct cp_edge *e)
{
    if (e->is_chained)
        return 0;
    if (e->is_shared)
        return 1;
    return e->senders * e->receivers / cp_greatest_divisor(e->senders, e->receivers);
}

/* Each worker of the second stage can work in the thread of one of the first: it gets all that this
 * one sends, and waits for nothing but its input. Who gives a capacity wants a channel. */
static bool can_be_chained(const struct cp_plan *plan, const struct cp_edge *e)
{
    const struct cp_stage_type *from = e->from->type, *to = e->to->type;

    if (e->senders != e->receivers || e->senders == 1 || e->when_full != CP_FULL_WAIT ||
        e->to->has_capacity || plan->options.has_capacity)
        return false;
    if (e->from->n_outs != 1 || e->to->n_ins != 1 || is_of_failed(e))
        return false;
    return from->process && !from->run && !from->due && !from->finish && to->process && !to->run &&
           !to->due;
}

/* Several workers can read from the source by themselves: what waits has a place, nobody else gets
 * what the source sends, and who receives waits for nothing else meanwhile. */
static bool can_be_pulled(const struct cp_edge *e)
{
    const struct cp_stage_type *to = e->to->type;

    if (!to->process || to->run || to->due || e->when_full != CP_FULL_WAIT)
        return false;
    return e->from->type->next && e->from->n_outs == 1 && e->receivers > 1 && e->capacity > 0;
}

/* Nothing parts or comes together: who waits for a batch waits for its own sender, which tells
 * before it waits itself. */
static bool is_line(const struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->stages[i]->n_ins > 1 || plan->stages[i]->n_outs > 1)
            return false;
    return true;
}

/* A sender that has more at hand wakes a receiver once for several batches, but before the channel
 * is full. One that waits in its own ways wakes for each. */
static size_t burst_of(const struct cp_edge *e)
{
    const struct cp_stage_type *from = e->from->type;
    bool can_tell = (from->process && !from->run) || from->next;
    size_t burst = e->capacity - e->capacity / 4;

    if (!can_tell || e->is_shared || e->is_pulled || e->is_chained ||
        e->when_full != CP_FULL_WAIT || burst == 0)
        return 1;
    return burst < MAX_BURST ? burst : MAX_BURST;
}

static void plan_edges(struct cp_plan *plan)
{
    bool has_bursts = is_line(plan);

    for (size_t i = 0; i < plan->n_edges; i++) {
        struct cp_edge *e = plan->edges[i];
        e->capacity = e->to->capacity;
        e->when_full = e->to->when_full;
        e->sample = e->to->sample;
        e->lose = plan->options.lose;
        bool is_merged = e->from->type->merge && !is_of_failed(e);
        e->senders = is_merged ? 1 : e->from->n_workers;
        e->receivers = e->to->n_workers;
        bool has_many = e->senders > 1 || e->receivers > 1;
        e->is_shared = has_many && ((e->senders > 1 && e->from->is_loose) || e->to->is_loose);
        e->is_counted |= has_many && !e->is_shared;
        e->is_chained = can_be_chained(plan, e);
        e->is_shared &= !e->is_chained;
        e->is_pulled = can_be_pulled(e);
        e->burst = has_bursts ? burst_of(e) : 1;
    }
}

/* What comes out of workers without turns reaches the next stage without an order: its workers
 * cannot take turns either. */
static bool is_below_loose(const struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_ins; k++) {
        const struct cp_stage *from = s->ins[k]->from;
        if (from->is_loose && (!from->type->merge || is_of_failed(s->ins[k])))
            return true;
    }
    return false;
}

/* By the number of a stage: one below it that needs the order, or NULL. */
static const struct cp_stage **find_needs(const struct cp_plan *plan)
{
    const struct cp_stage **needs = cp_xcalloc(plan->n, sizeof(const struct cp_stage *));

    for (size_t i = plan->n; i-- > 0;)
        for (size_t k = 0; k < plan->stages[i]->n_outs; k++) {
            const struct cp_stage *to = plan->stages[i]->outs[k]->to;
            const struct cp_stage *needing = to->needs_order ? to : needs[to->index];
            needs[i] = needing ? needing : needs[i];
        }
    return needs;
}

static void warn_of_order(struct walk *w, const struct cp_stage *s, const struct cp_stage *needing)
{
    if (needing)
        cp_diag_warning(w->diags, s->pos, NULL,
                        "order: false of %s is not heeded: %s below needs the order", s->name,
                        needing->name);
    else
        cp_diag_warning(w->diags, s->pos, NULL,
                        "order: false of %s is not heeded: its records come together with others "
                        "in their order",
                        s->name);
}

/* Down from the source. Where records come together in order every batch is waited for. */
static void plan_loose(struct walk *w)
{
    const struct cp_stage **needs = find_needs(w->plan);

    for (size_t i = 0; i < w->plan->n; i++) {
        struct cp_stage *s = w->plan->stages[i];
        bool is_needed = s->depth > 0 || needs[i];
        if (s->n_workers < 2)
            continue;
        s->is_loose = !is_needed && (s->waives_order || is_below_loose(s));
        if (s->waives_order && is_needed)
            warn_of_order(w, s, needs[i]);
    }
    free(needs);
}

static struct cp_stage *worker_copy(struct cp_plan *plan, const struct cp_stage *s)
{
    struct cp_stage *w = cp_heap_take(&plan->heap, sizeof *w);

    *w = *s;
    w->self = cp_heap_take(&plan->heap, s->type->size);
    memcpy(w->self, s->self, s->type->size);
    return w;
}

/* Copies of the planned structs for the other workers: when nothing is changed in them any more. */
static void plan_forks(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        for (size_t k = 1; k < s->n_workers; k++) {
            struct cp_stage *w = s->workers[k] = worker_copy(plan, s);
            w->worker = k;
            if (s->type->fork)
                s->type->fork(w, w->self);
        }
    }
}

void plan_layout(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage **maker = find_makers(w);

    sort_stages(plan);
    plan_capacities(plan);
    plan_order(w);
    plan_drops(w);
    plan_workers(w);
    plan_loose(w);
    plan_edges(plan);
    check_threads(w);
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        plan_record(s);
        if (is_origin(s) || s->type->flags & CP_STAGE_JOINS)
            plan_pool(plan, s);
        plan_views(plan, s);
        plan_live(plan, s, maker);
    }
    plan_forks(plan);
    free(maker);
}
