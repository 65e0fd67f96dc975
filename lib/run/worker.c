/* worker.c: the thread of one worker of a stage: receiving, processing, sending, finishing. */
#include <errno.h>
#include <limits.h>

#include "../base/wait.h"
#include "chain.h"
#include "edge.h"
#include "rejects.h"
#include "run_impl.h"

/* ---- Sending ---- */

struct cp_batch *cp_stage_batch(struct cp_stage *s)
{
    struct cp_batch *b = cp_pool_batch(s->pool);
    b->seq = s->next_seq++;
    for (size_t d = 0; d < s->depth && b->orders[d].places; d++)
        memset(b->orders[d].places, 0, s->records * sizeof *b->orders[d].places);
    return b;
}

/* when_full: fail. The stage that is too slow may well stand still: the end does not wait for it.
 */
static void fail_full(struct cp_stage *s, const struct cp_edge *e)
{
    cp_stage_fail(s, CP_EXIT_IO, 0, "the channel from %s to %s is full, and when_full is fail",
                  e->from->name, e->to->name);
    atomic_store(&s->run->is_late, true);
    run_wake(s->run);
}

static bool send_over(struct cp_stage *s, size_t output, struct cp_batch *b)
{
    s->account.out += b->n_sel;
    s->account.batches += b->n_sel > 0;
    cp_account_show(s);
    enum chan_status status = cp_edge_send(s->outs[output], s->worker, b);
    if (status == CHAN_FULL)
        fail_full(s, s->outs[output]);
    return status == CHAN_OK;
}

/* What comes out is made when the input has ended: nobody below listens before. An empty batch sent
 * on would fill the channel, stop the stage, and with it those that the others wait for. */
static bool is_silent(const struct cp_stage *s)
{
    return s->type->merge ||
           (s->type->flags & (CP_STAGE_MAKES | CP_STAGE_STREAMS)) == CP_STAGE_MAKES;
}

/* Sends b on. False: nobody takes anything more. */
static bool stage_forward(struct cp_stage *s, struct cp_batch *b)
{
    size_t n = cp_stage_outputs(s);

    if (n == 0 || (is_silent(s) && b->n_sel == 0)) {
        cp_batch_release(b);
        return true;
    }
    return send_over(s, n - 1, b) || (s->n_outs > 1 && run_is_wanted(s));
}

/* An edge that refuses is known to be shut: is_wanted sees it. */
void cp_emit_to(struct cp_stage *s, size_t output, struct cp_batch *b)
{
    send_over(s, output, b);
}

bool cp_stage_is_taken(const struct cp_stage *s, size_t output)
{
    return !atomic_load_explicit(&s->outs[output]->is_shut, memory_order_relaxed);
}

struct cp_batch *cp_stage_view(struct cp_stage *s, size_t output, struct cp_batch *b)
{
    struct cp_batch *view = cp_batch_view(s->outs[output]->views, b, s->live, s->n_live);

    view->has_more = b->has_more;
    return view;
}

/* Where what a stage makes stands among the records that parted above: with the batch received
 * last; at the end of the input behind all. */
static void set_orders(const struct cp_stage *s, struct cp_batch *b)
{
    for (size_t d = 0; d < s->depth; d++) {
        b->orders[d].seq = s->is_ending ? CP_LAST_SEQ : s->heard[d].seq;
        b->orders[d].has_more = true;
        b->orders[d].until = 0;
    }
}

/* What is made without a batch at hand belongs to the last one. */
static void emit_due(struct cp_stage *s, struct cp_batch *b)
{
    b->seq = s->heard_seq;
    b->ordinal = s->heard_ordinal;
    s->heard_ordinal += b->n;
}

/* What is made of a batch belongs to its group, before it. */
bool cp_emit(struct cp_stage *s, struct cp_batch *b)
{
    if (s->is_due) {
        emit_due(s, b);
    } else if (s->current) {
        b->seq = s->current->seq;
        b->ordinal = s->current->ordinal;
        b->has_more = true;
        s->current->ordinal += b->n;
    }
    if (!s->type->run)
        set_orders(s, b);
    return stage_forward(s, b) && !atomic_load_explicit(&s->must_stop, memory_order_relaxed);
}

/* ---- Waiting ---- */

bool cp_stage_wait(struct cp_stage *s, int64_t until)
{
    char nothing;

    cp_account_show(s);
    cp_before_wait();
    return cp_edge_await(s, (struct chan_case){.rx = s->wake, .elem = &nothing}, until) ==
           CHAN_TIMEOUT;
}

void cp_stage_put_off(struct cp_stage *s, struct cp_batch *b, size_t from)
{
    for (size_t k = from; s->eval && s->eval->n_failed > 0 && k < b->n_sel; k++) {
        const char **reason = &s->eval->reason[b->sel[k]];
        s->eval->n_failed -= *reason != NULL;
        *reason = NULL;
    }
    *s->rest = cp_batch_move(b, from, s->live, s->n_live, *s->rest);
}

/* ---- Several inputs ---- */

struct cp_batch *cp_stage_receive(struct cp_stage *s, size_t input)
{
    struct cp_batch *b;

    if (cp_edge_receive(s->ins[input], s->worker, &b) != CHAN_OK)
        return NULL;
    s->account.in += b->n_sel;
    return b;
}

static bool is_any(const struct chan_case *cases, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (cases[k].rx)
            return true;
    return false;
}

struct cp_batch *cp_stage_receive_any(struct cp_stage *s, bool by_priority, size_t *input)
{
    struct chan_case cases[2 * CP_PLAN_STAGES]; /* and those of marks */
    struct cp_batch *b[CP_PLAN_STAGES];
    unsigned flags = by_priority ? CHAN_BIASED : 0;
    enum chan_status status = CHAN_CLOSED;

    for (size_t k = 0; k < s->n_ins; k++)
        cases[k] = (struct chan_case){.rx = cp_edge_next(s->ins[k], s->worker), .elem = &b[k]};
    while (is_any(cases, s->n_ins) &&
           (status = cp_edge_select(s, cases, s->n_ins, flags, input)) == CHAN_CLOSED)
        cases[*input].rx = NULL;
    if (status != CHAN_OK)
        return NULL; /* no case is left */
    cp_edge_count(s->ins[*input], s->worker, b[*input]);
    s->account.in += b[*input]->n_sel;
    return b[*input];
}

bool cp_stage_brings(const struct cp_stage *s, size_t input, uint16_t slot)
{
    const struct cp_edge *e = s->ins[input];

    for (size_t k = 0; k < e->n_live; k++)
        if (e->live[k] == slot)
            return true;
    return false;
}

bool cp_stage_is_late(const struct cp_stage *s, size_t input)
{
    return s->ins[input]->is_late;
}

/* ---- Waiting for more than the input ---- */

enum cp_came cp_stage_poll(struct cp_stage *s, struct pollfd *fds, size_t n, int timeout_ms,
                           struct cp_batch **b)
{
    cp_account_show(s);
    enum cp_came came = cp_edge_poll(s, fds, n, timeout_ms, b);
    if (came == CP_CAME_BATCH) {
        s->account.in += (*b)->n_sel;
        memcpy(s->heard, (*b)->orders, sizeof s->heard);
    }
    s->is_ending |= came == CP_CAME_END;
    return came;
}

/* ---- One stage's thread ---- */

/* What a stage holds while it works: the batch, and the records that have to wait because the arena
 * was full. */
struct work {
    struct cp_batch *batch, *rest;
    bool is_alone; /* one record in an arena that holds only its texts */
    bool has_more; /* the group goes on with the batch that is received next */
};

/* The arena is full: makes the batch smaller, or moves its one record to where it is alone. Even
 * that was not enough: the record is given up. At most three batches are held at a time; the plan
 * counted them. */
static enum cp_outcome work_shrink(struct cp_stage *s, struct work *w)
{
    struct cp_batch *b = w->batch;
    enum cp_outcome step = CP_OUTCOME_OK;

    if (b->n_sel > 1) {
        s->portion = b->n_sel / 2;
    } else if (!w->is_alone) {
        w->batch = cp_batch_move(b, 0, s->live, s->n_live, NULL);
        w->is_alone = true;
        cp_batch_release(b);
    } else {
        if (cp_stage_give_up(s, b, b->sel[0], 0, "its computed texts are too large") ==
            CP_FATE_STOPS)
            step = cp_stage_stop_at(s, b, 0, 0);
        s->seen++;
        b->n_sel = 0;
    }
    return step;
}

/* Leaves as many records in the batch as its arena has lately been enough for. */
static void work_cut(struct cp_stage *s, struct work *w)
{
    if (s->portion > 0 && w->batch->n_sel > s->portion)
        w->rest = cp_batch_move(w->batch, s->portion, s->live, s->n_live, w->rest);
}

/* The arena was enough: next time for more. */
static void work_grow(struct cp_stage *s)
{
    s->portion = s->portion < s->records / 2 ? s->portion * 2 : 0;
}

/* From which place on a stage may send more by itself, of the batch received last. */
uint32_t cp_stage_due_place(const struct cp_stage *s, size_t d)
{
    return s->heard[d].has_more ? s->heard[d].until : UINT16_MAX;
}

/* Whether the group goes on behind the batch, and from which record on. In an order it does also
 * while the stage may send more by itself. */
static void work_mark(const struct cp_stage *s, const struct work *w)
{
    w->batch->has_more = w->has_more || w->rest;
    for (size_t d = 0; d < s->depth; d++) {
        struct cp_order *o = &w->batch->orders[d];
        o->has_more = s->heard[d].has_more || w->rest || s->due_at > 0;
        o->until = w->rest ? cp_order_place(&w->rest->orders[d], w->rest->sel[0])
                           : cp_stage_due_place(s, d);
    }
}

/* What goes several ways: its number among those that part here; its texts are read by others while
 * one of them goes on filling its arena. */
static void work_part(struct cp_stage *s, struct cp_batch *b)
{
    if (s->n_outs < 2)
        return;
    cp_arena_guard(&b->arena, CP_PAD);
    if (s->numbers)
        b->orders[s->depth] = (struct cp_order){.seq = s->next_seq++};
}

/* Records that come again in another batch. */
static uint32_t work_waiting(const struct work *w)
{
    return w->rest ? w->rest->n_sel : 0;
}

/* Sends the records that failed, where on_error says so; without any the end of the group may be
 * waited for. */
static void work_send_rejected(struct cp_stage *s, const struct work *w)
{
    struct cp_batch *view = s->rejected;
    size_t output = s->to.output;

    if (output == CP_NO_OUTPUT)
        return;
    if (!view && s->outs[output]->is_counted && cp_stage_is_taken(s, output))
        view = cp_stage_view(s, output, w->batch);
    s->rejected = NULL;
    if (!view)
        return;
    view->has_more = w->batch->has_more;
    for (size_t d = 0; d < s->depth; d++) {
        view->orders[d].has_more = w->batch->orders[d].has_more;
        view->orders[d].until = w->batch->orders[d].until;
    }
    cp_emit_to(s, output, view);
}

/* Processes the batch until its arena suffices, and sends it on. */
static enum cp_outcome work_batch(struct cp_stage *s, struct work *w)
{
    enum cp_outcome step = CP_OUTCOME_OK;
    bool sees_all = cp_stage_outputs(s) > 1 || s->numbers || s->type->flags & CP_STAGE_SEES_ALL;

    w->is_alone = false;
    while (w->batch->n_sel > 0 || (sees_all && step == CP_OUTCOME_OK)) {
        work_cut(s, w);
        work_mark(s, w);
        work_part(s, w->batch);
        size_t mark = w->batch->arena.used;
        uint32_t n = w->batch->n_sel + work_waiting(w);
        s->current = w->batch;
        s->rest = &w->rest;
        step = s->type->process(s, s->self, w->batch);
        s->current = NULL;
        if (step != CP_OUTCOME_FULL) {
            s->seen += n - work_waiting(w);
            work_grow(s);
            break;
        }
        cp_arena_reset(&w->batch->arena, mark);
        step = work_shrink(s, w);
    }
    work_mark(s, w);
    s->heard_seq = w->batch->seq;
    s->heard_ordinal = w->batch->ordinal;
    work_send_rejected(s, w);
    if (cp_rejects_flush(s) < 0 && step == CP_OUTCOME_OK)
        step = CP_OUTCOME_DONE;
    if (step != CP_OUTCOME_FAILED)
        return stage_forward(s, w->batch) ? step : CP_OUTCOME_DONE;
    s->account.held += w->batch->n_sel;
    cp_batch_release(w->batch);
    return step;
}

/* Processes b and sends it on; owns it. */
static enum cp_outcome stage_work(struct cp_stage *s, struct cp_batch *b)
{
    struct work w = {.rest = b, .has_more = b->has_more};
    enum cp_outcome step = CP_OUTCOME_OK;

    memcpy(s->heard, b->orders, sizeof s->heard);
    while (w.rest && step == CP_OUTCOME_OK) {
        w.batch = w.rest;
        w.rest = NULL;
        step = work_batch(s, &w);
    }
    if (w.rest) {
        s->account.filtered += w.rest->n_sel;
        cp_batch_release(w.rest);
    }
    return step;
}

/* The time that the stage has set is over: what it held back leaves, then its group goes on as the
 * batch that came last said. */
static bool stage_due(struct cp_stage *s)
{
    struct cp_batch *b;
    bool is_wanted;

    s->due_at = 0;
    s->is_due = true;
    is_wanted = s->type->due(s, s->self) == 0;
    s->is_due = false;
    if (!is_wanted)
        return false;
    b = cp_stage_batch(s);
    emit_due(s, b);
    for (size_t d = 0; d < s->depth; d++) {
        b->orders[d].seq = s->heard[d].seq;
        b->orders[d].has_more = s->heard[d].has_more;
        b->orders[d].until = s->heard[d].until;
    }
    return stage_forward(s, b);
}

/* Waits for a batch, and meanwhile for the time that the stage has set. CHAN_INVALID: the stage
 * wants nothing more. */
static enum chan_status wait_receive(struct cp_stage *s, struct cp_batch **b)
{
    for (;;) {
        int64_t deadline = s->due_at ? s->due_at : CHAN_FOREVER;
        enum chan_status st = cp_edge_receive_until(s->ins[0], s->worker, deadline, b);
        if (st != CHAN_TIMEOUT)
            return st;
        if (!stage_due(s))
            return CHAN_INVALID;
        cp_before_wait();
        cp_account_show(s);
    }
}

/* The next batch, or NULL at the end. */
static enum cp_outcome stage_receive(struct cp_stage *s, struct cp_batch **b)
{
    cp_account_show(s);
    s->is_receiving = true;
    enum chan_status st = cp_edge_try_receive(s->ins[0], s->worker, b);
    if (st == CHAN_EMPTY) {
        cp_before_wait();
        st = wait_receive(s, b);
    }
    s->is_receiving = false;
    if (st == CHAN_INVALID)
        return CP_OUTCOME_DONE;
    if (st == CHAN_OK)
        s->account.in += (*b)->n_sel;
    else
        *b = NULL;
    return CP_OUTCOME_OK;
}

/* Takes nothing more. */
static void stage_stop(struct cp_stage *s, enum cp_outcome step)
{
    s->has_stopped = true;
    s->has_failed |= step == CP_OUTCOME_FAILED;
    cp_stage_cut_input(s);
}

static void stage_loop(struct cp_stage *s)
{
    struct cp_batch *b;
    enum cp_outcome step = stage_receive(s, &b);

    while (b && step == CP_OUTCOME_OK) {
        step = stage_work(s, b);
        if (step == CP_OUTCOME_OK)
            step = stage_receive(s, &b);
    }
    if (step != CP_OUTCOME_OK)
        stage_stop(s, step);
}

void cp_chain_take(struct cp_stage *s, struct cp_batch *b)
{
    enum cp_outcome step;

    s->account.in += b->n_sel;
    step = stage_work(s, b);
    cp_account_show(s);
    if (step != CP_OUTCOME_OK)
        stage_stop(s, step);
}

/* There is nothing more at hand. Who wants nothing more then hears so from its input. */
static void chain_idle(struct cp_stage *head)
{
    for (struct cp_stage *s = head; s; s = cp_chain_next(s))
        if (s->type->idle && !s->has_stopped && s->type->idle(s, s->self) < 0)
            stage_stop(s, CP_OUTCOME_DONE);
}

void cp_chain_wait(struct cp_stage *head)
{
    for (struct cp_stage *s = head; s; s = cp_chain_next(s))
        cp_edge_tell(s);
    if (!head->is_receiving)
        return;
    head->is_receiving = false; /* what is done now may wait as well */
    chain_idle(head);
    head->is_receiving = true;
}

static bool has_failed(const struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_workers; k++)
        if (s->workers[k]->has_failed)
            return true;
    return false;
}

static void end_sending(struct cp_stage *s)
{
    for (size_t k = 0; k < cp_stage_outputs(s); k++)
        cp_edge_end_sender(s->outs[k], s->worker);
}

/* The worker that ends last finishes the stage for all of them, in the place of the first one. */
static void stage_finish(struct cp_stage *s)
{
    struct cp_stage *first = s->workers[0];

    cp_account_show(s); /* from here on that of the first is the last one's */
    if (atomic_fetch_sub(&first->workers_alive, 1) > 1)
        return;
    first->is_ending = true;
    if (s->type->finish && !has_failed(s) && !atomic_load(&s->run->is_aborted)) {
        for (size_t k = 1; s->type->merge && k < s->n_workers; k++)
            s->type->merge(first, first->self, s->workers[k]->self);
        s->type->finish(first, first->self);
        cp_account_show(first);
    }
    if (s->type->merge)
        end_sending(first);
}

/* Gives up what it will not take any more: the source may be waiting for these batches. */
static void end_receiving(struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_ins; k++)
        cp_edge_end_receiver(s->ins[k], s->worker);
}

static void worker_end(struct cp_stage *s)
{
    end_receiving(s);
    if (s->type->leave && s->n_workers > 1)
        s->type->leave(s, s->self);
    if (s->to.output != CP_NO_OUTPUT) /* what failed each worker has sent itself */
        cp_edge_end_sender(s->outs[s->to.output], s->worker);
    stage_finish(s);
    if (!s->type->merge)
        end_sending(s);
}

void cp_chain_end(struct cp_stage *head)
{
    for (struct cp_stage *s = head; s; s = cp_chain_next(s)) {
        if (s->type->process && !s->type->run && !s->has_stopped)
            cp_stage_check_errors(s);
        worker_end(s);
    }
}

static void stage_run(struct cp_stage *s)
{
    s->type->run(s, s->self);
    if (!atomic_load(&s->must_stop) || s->is_ending) /* it has got all that there is */
        cp_stage_check_errors(s);
}

static void source_loop(struct cp_stage *s)
{
    struct cp_batch *b;

    cp_account_show(s);
    while ((b = s->type->next(s, s->self)) && cp_emit(s, b))
        ;
    if (!atomic_load(&s->must_stop))
        cp_stage_check_errors(s);
}

static void before_wait(void *arg)
{
    cp_chain_wait(arg);
}

void *worker_thread(void *arg)
{
    struct cp_stage *s = arg;

    cp_on_wait(before_wait, s);
    if (s->type->next)
        source_loop(s);
    else if (s->type->run)
        stage_run(s);
    else
        stage_loop(s);
    cp_before_wait(); /* the end may take its time */
    cp_chain_end(s);
    cp_on_wait(NULL, NULL);
    atomic_fetch_add(&s->run->ended, 1);
    run_wake(s->run);
    return NULL;
}
