/* layout.c: what a complete plan needs to run: workers, columns, pools. */
#include "plan_impl.h"

#include "../data/keeper.h"

enum {
    DEFAULT_CAPACITY = 4,
    MARKS_ARENA = 512 * 1024, /* of a batch; records beyond it are left without marks */
};

/* Rows of an aggregate: nothing of the records before it is in them. */
static bool makes_rows(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_MAKES && !s->keeps_records;
}

/* Slots that are filled when a batch arrives at stage k: those that stages before it made, from the
 * last one on that makes rows. */
static void plan_live(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    uint16_t *maker = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *maker);
    for (size_t k = 0; k < plan->n; k++) {
        size_t end = k + 1 < plan->n ? w->slots_before[k + 1] : plan->n_slots;
        for (size_t slot = w->slots_before[k]; slot < end; slot++)
            maker[slot] = (uint16_t)k;
    }
    for (struct wants_of *o = w->wants; o; o = o->next) {
        for (size_t i = 0; i < o->wants->n; i++)
            maker[o->wants->v[i].slot] = (uint16_t)o->stage;
        if (o->wants->marks_slot != CP_NO_SLOT)
            maker[o->wants->marks_slot] = (uint16_t)o->stage;
    }
    for (size_t k = 0, first = 0; k < plan->n; k++) {
        struct cp_stage *s = plan->stages[k];
        s->live = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *s->live);
        for (size_t slot = 0; slot < plan->n_slots; slot++)
            if (maker[slot] >= first && maker[slot] < k)
                s->live[s->n_live++] = (uint16_t)slot;
        if (makes_rows(s))
            first = k;
    }
}

static bool is_origin(const struct cp_stage *s)
{
    return s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_MAKES;
}

/* Blocks for a stage that gives kept records back. They hold what the batches they came in held of
 * a record. */
static void plan_kept_blocks(struct cp_plan *plan, size_t k, struct cp_pool_size *size)
{
    size_t above = k - 1;

    while (!is_origin(plan->stages[above]))
        above--;
    size->blocks = size->batches;
    size->block_size = plan->block_size;
    size->large_blocks = 2;
    size->max_record = cp_keeper_max_record(&plan->stages[above]->pool_size);
    size->origins = true;
}

/* The pool of origin k: one batch for every place that can hold one at a time, down to the next
 * origin. */
static void plan_pool(struct cp_plan *plan, size_t k)
{
    struct cp_stage *s = plan->stages[k];
    struct cp_pool_size *size = &s->pool_size;

    size->batches = 1;
    for (size_t i = k + 1; i < plan->n; i++) {
        const struct cp_stage *t = plan->stages[i];
        size->batches += t->capacity * cp_edge_channels(t->ins[0]) +
                         t->n_workers * (t->makes_text ? 3 : 1); /* see work_shrink */
        if (t->makes_text)
            size->arena = 2 * t->max_line;
        else if (t->makes_marks && size->arena == 0)
            size->arena = MARKS_ARENA;
        if (is_origin(t))
            break;
    }
    size->records = plan->batch_records;
    size->slots = plan->n_slots;
    size->max_record = s->max_line;
    if (s->type->kind == CP_SOURCE) {
        size->blocks = size->batches + 1; /* and the one that the source fills */
        size->block_size = plan->block_size;
        size->large_blocks = 2;
    }
    if (s->keeps_records)
        plan_kept_blocks(plan, k, size);
}

/* `auto`: on the machines that there are, what parses and what follows it up to the sink is most of
 * the work. */
static size_t auto_workers(const struct cp_plan *plan, const struct cp_stage *s)
{
    (void)plan;
    (void)s;
    return 2;
}

/* How many workers a stage that may have several gets when it does not say so itself. */
static size_t default_workers(const struct cp_plan *plan, const struct cp_stage *s)
{
    size_t n = plan->options.workers;

    if (s->wants_workers)
        n = CP_WORKERS_AUTO;
    if (!can_share(s) || s->on_error == CP_ON_ERROR_STOP || n == 0)
        return 1;
    return n == CP_WORKERS_AUTO ? auto_workers(plan, s) : n;
}

/* The structs of all workers. */
static void plan_workers(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        if (s->n_workers == 0)
            s->n_workers = default_workers(plan, s);
        s->workers = cp_heap_take(&plan->heap, s->n_workers * sizeof *s->workers);
        s->workers[0] = s;
    }
}

size_t cp_edge_channels(const struct cp_edge *e)
{
    return e->senders * e->receivers / cp_greatest_divisor(e->senders, e->receivers);
}

static void plan_edges(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n_edges; i++) {
        struct cp_edge *e = plan->edges[i];
        e->capacity = e->to->capacity;
        e->senders = e->from->type->merge ? 1 : e->from->n_workers; /* what they have is merged */
        e->receivers = e->to->n_workers;
        e->is_counted = e->senders > 1 || e->receivers > 1;
    }
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
    size_t capacity = plan->options.capacity ? plan->options.capacity : DEFAULT_CAPACITY;

    for (size_t i = 0; i < plan->n; i++)
        if (plan->stages[i]->capacity == 0)
            plan->stages[i]->capacity = capacity;
    plan_workers(plan);
    plan_edges(plan);
    for (size_t i = 0; i < plan->n; i++)
        if (is_origin(plan->stages[i]))
            plan_pool(plan, i);
    plan_live(w);
    plan_forks(plan);
}
