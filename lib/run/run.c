/* run.c: threads, channels, close and failure. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "../io/process.h"
#include "edge.h"
#include "rejects.h"

enum { STACK_SIZE = 256 * 1024 };

/* A file that a stage reads or writes. */
struct used_file {
    uint64_t device, inode;
    const struct cp_stage *writer; /* NULL: a source reads it */
    struct used_file *next;
};

struct cp_run {
    struct cp_plan *plan;
    struct used_file *used_files; /* filled while stages are opened */
    struct cp_rejects_file *rejects_files;
    const struct cp_run_options *options;
    _Atomic size_t ended;      /* threads */
    _Atomic bool is_late;      /* what is left to do has the time of grace only */
    struct cp_stage **workers; /* of all stages, in the order of the plan */
    pthread_t *threads;        /* one each; the last ones are started first */
    size_t n_workers, started;
    _Atomic bool is_aborted; /* not all threads could be started: nothing is to be finished */
    int done_fd;             /* eventfd: readable when `ended` or `is_late` changed */

    pthread_mutex_t mu;
    struct cp_run_result *result; /* guarded by mu while threads run */
};

/* ---- Ending ---- */

static void source_stop(struct cp_stage *s)
{
    uint64_t one = 1;
    atomic_store(&s->must_stop, true);
    ssize_t n = write(s->stop_fd, &one, sizeof one);
    (void)n; /* cannot fail: the counter is far from its limit */
}

/* A sink wants all there is until it says otherwise itself. */
static bool is_wanted(const struct cp_stage *s)
{
    if (s->type->kind == CP_SINK)
        return true;
    for (size_t k = 0; k < s->n_outs; k++)
        if (!atomic_load(&s->outs[k]->is_shut))
            return true;
    return false;
}

/* A stage that waits for a time does not any more. */
static void stage_wake(struct cp_stage *s)
{
    if (s->wake)
        chan_rx_shutdown(s->wake);
}

/* Nobody wants what comes into s any more: shuts those edges, and passes it up where nobody else
 * wants anything. Any thread: edges live until all threads have ended. */
void cp_stage_cut_input(struct cp_stage *s)
{
    if (s->stop_fd >= 0)
        source_stop(s);
    stage_wake(s);
    for (size_t k = 0; k < s->n_ins; k++)
        if (cp_edge_shut(s->ins[k]) && !is_wanted(s->ins[k]->from))
            cp_stage_cut_input(s->ins[k]->from);
}

static void run_stop_sources(struct cp_run *run)
{
    for (size_t i = 0; i < run->plan->n; i++) {
        if (run->plan->stages[i]->type->kind == CP_SOURCE)
            source_stop(run->plan->stages[i]);
        stage_wake(run->plan->stages[i]);
    }
}

void cp_stage_report(struct cp_stage *s)
{
    struct cp_run *run = s->run;
    pthread_mutex_lock(&run->mu);
    if (run->result->err.exit == CP_EXIT_OK) {
        run->result->err = s->err;
        run->result->err_stage = s->name;
    }
    pthread_mutex_unlock(&run->mu);
    run_stop_sources(run);
}

enum cp_outcome cp_stage_fail(struct cp_stage *s, enum cp_exit exit, int sys, const char *fmt, ...)
{
    char text[sizeof s->err.message];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cp_err_set(&s->err, exit, sys, "%s", text);
    cp_stage_report(s);
    return CP_OUTCOME_FAILED;
}

void cp_stage_blame_signal(struct cp_stage *s, int signo)
{
    s->err.signal = signo;
}

void cp_stage_reader_left(struct cp_stage *s)
{
    pthread_mutex_lock(&s->run->mu);
    if (s->run->result->signal == 0)
        s->run->result->signal = SIGPIPE;
    pthread_mutex_unlock(&s->run->mu);
    run_stop_sources(s->run);
}

void cp_stage_note(struct cp_stage *s, const char *fmt, ...)
{
    struct cp_run *run = s->run;
    char text[512];
    va_list ap;

    if (!run->options->note)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&run->mu);
    run->options->note(text);
    pthread_mutex_unlock(&run->mu);
}

/* ---- Files ---- */

static void add_file(struct cp_stage *s, uint64_t device, uint64_t inode,
                     const struct cp_stage *writer)
{
    struct used_file *f = cp_heap_take(s->heap, sizeof *f);
    *f = (struct used_file){device, inode, writer, s->run->used_files};
    s->run->used_files = f;
}

static const struct used_file *find_file(const struct cp_stage *s, uint64_t device, uint64_t inode,
                                         bool is_written)
{
    for (const struct used_file *f = s->run->used_files; f; f = f->next)
        if (f->device == device && f->inode == inode && (f->writer != NULL) == is_written)
            return f;
    return NULL;
}

void cp_stage_reads(struct cp_stage *s, uint64_t device, uint64_t inode)
{
    add_file(s, device, inode, NULL);
}

bool cp_stage_is_read(const struct cp_stage *s, uint64_t device, uint64_t inode)
{
    return find_file(s, device, inode, false) != NULL;
}

/* `file2 (p.yaml:4:5)`. */
static void name_with_place(const struct cp_stage *s, char *out, size_t size)
{
    size_t line, col;

    if (!s->pos.source) {
        snprintf(out, size, "%s", s->name);
        return;
    }
    cp_pos_line(s->pos, &line, &col);
    snprintf(out, size, "%s (%s:%zu:%zu)", s->name, s->pos.source->name, line, col);
}

int cp_stage_writes(struct cp_stage *s, uint64_t device, uint64_t inode, struct cp_err *err)
{
    const struct used_file *f = find_file(s, device, inode, true);
    char first[160], second[160];

    if (!f) {
        add_file(s, device, inode, s);
        return 0;
    }
    name_with_place(f->writer, first, sizeof first);
    name_with_place(s, second, sizeof second);
    cp_err_set(err, CP_EXIT_IO, 0, "%s and %s would write into the same file", first, second);
    return cp_err_hint(err, "give each a file of its own");
}

/* ---- Sending ---- */

struct cp_batch *cp_stage_batch(struct cp_stage *s)
{
    struct cp_batch *b = cp_pool_batch(s->pool);
    b->seq = s->next_seq++;
    for (size_t d = 0; d < s->depth && b->orders[d].places; d++)
        memset(b->orders[d].places, 0, s->records * sizeof *b->orders[d].places);
    return b;
}

static void wake_caller(struct cp_run *run)
{
    uint64_t one = 1;
    ssize_t n = write(run->done_fd, &one, sizeof one);
    (void)n; /* cannot fail: the counter is far from its limit */
}

/* when_full: fail. The stage that is too slow may well stand still: the end does not wait for it.
 */
static void fail_full(struct cp_stage *s, const struct cp_edge *e)
{
    cp_stage_fail(s, CP_EXIT_IO, 0, "the channel from %s to %s is full, and when_full is fail",
                  e->from->name, e->to->name);
    atomic_store(&s->run->is_late, true);
    wake_caller(s->run);
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
    return send_over(s, n - 1, b) || (s->n_outs > 1 && is_wanted(s));
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
    struct pollfd all[2 * CP_MAX_WORKERS + 1];
    enum cp_came came;

    cp_account_show(s);
    if (n > 0)
        memcpy(all, fds, n * sizeof *all);
    all[n] = (struct pollfd){.fd = s->stop_fd, .events = POLLIN};
    came = cp_edge_poll(s, all, n + 1, timeout_ms, b);
    for (size_t k = 0; k < n; k++)
        fds[k].revents = all[k].revents;
    if (came == CP_CAME_BATCH) {
        s->account.in += (*b)->n_sel;
        memcpy(s->heard, (*b)->orders, sizeof s->heard);
    }
    s->is_ending |= came == CP_CAME_END;
    return came != CP_CAME_BATCH && all[n].revents != 0 ? CP_CAME_STOP : came;
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
    bool is_parting = cp_stage_outputs(s) > 1 || s->numbers;

    w->is_alone = false;
    while (w->batch->n_sel > 0 || (is_parting && step == CP_OUTCOME_OK)) {
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
        cp_account_show(s);
    }
}

/* The next batch, or NULL at the end; tells the stage when there is none at hand. */
static enum cp_outcome stage_receive(struct cp_stage *s, struct cp_batch **b)
{
    cp_account_show(s);
    enum chan_status st = cp_edge_try_receive(s->ins[0], s->worker, b);
    if (st == CHAN_EMPTY) {
        *b = NULL;
        if (s->type->idle && s->type->idle(s, s->self) < 0)
            return CP_OUTCOME_DONE;
        st = wait_receive(s, b);
    }
    if (st == CHAN_INVALID)
        return CP_OUTCOME_DONE;
    if (st == CHAN_OK)
        s->account.in += (*b)->n_sel;
    else
        *b = NULL;
    return CP_OUTCOME_OK;
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
    s->has_failed = step == CP_OUTCOME_FAILED;
    if (step != CP_OUTCOME_OK)
        cp_stage_cut_input(s);
    else
        cp_stage_check_errors(s);
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

static void stage_end(struct cp_stage *s)
{
    end_receiving(s);
    if (s->to.output != CP_NO_OUTPUT) /* what failed each worker has sent itself */
        cp_edge_end_sender(s->outs[s->to.output], s->worker);
    stage_finish(s);
    if (!s->type->merge)
        end_sending(s);
}

static void stage_run(struct cp_stage *s)
{
    s->type->run(s, s->self);
    if (!atomic_load(&s->must_stop))
        cp_stage_check_errors(s);
}

static void *stage_thread(void *arg)
{
    struct cp_stage *s = arg;

    if (s->type->run)
        stage_run(s);
    else
        stage_loop(s);
    stage_end(s);
    atomic_fetch_add(&s->run->ended, 1);
    wake_caller(s->run);
    return NULL;
}

/* ---- Setting up ---- */

static int open_wake(struct cp_stage *s, struct cp_err *err)
{
    struct chan_options o = {.size = sizeof o, .capacity = 1, .elem_size = 1, .name = s->name};
    enum chan_status st = chan_open(&o, &s->wake_tx, &s->wake);

    if (st == CHAN_OK)
        return 0;
    return cp_err_set(err, CP_EXIT_IO, 0, "cannot make a channel: %s", chan_status_name(st));
}

static int stage_open(struct cp_run *run, struct cp_stage *s, struct cp_err *err)
{
    s->run = run;
    s->stop_fd = -1;
    s->pool = s->workers[0]->pool;
    if (s->pool_size.batches > 0 && !s->pool)
        s->pool = cp_pool_new(&s->pool_size);
    if ((s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_POLLS) &&
        (s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot make an event descriptor");
    if (s->waits && open_wake(s, err) < 0)
        return -1;
    return s->type->open ? s->type->open(s, s->self, err) : 0;
}

static void run_list_workers(struct cp_run *run)
{
    struct cp_plan *plan = run->plan;

    for (size_t i = 0; i < plan->n; i++)
        run->n_workers += plan->stages[i]->n_workers;
    run->workers = cp_heap_take(&plan->heap, run->n_workers * sizeof *run->workers);
    run->n_workers = 0;
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        atomic_init(&s->workers_alive, s->n_workers);
        for (size_t k = 0; k < s->n_workers; k++)
            run->workers[run->n_workers++] = s->workers[k];
    }
}

static int run_open_rejects(struct cp_run *run)
{
    for (size_t i = 0; i < run->n_workers; i++) {
        if (cp_rejects_open(&run->rejects_files, run->workers[i], &run->result->err) < 0) {
            run->result->err_stage = run->workers[i]->name;
            return -1;
        }
    }
    return 0;
}

static int run_open(struct cp_run *run)
{
    struct cp_err *err = &run->result->err;

    run_list_workers(run);
    run->done_fd = eventfd(0, EFD_CLOEXEC);
    if (run->done_fd < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot make an event descriptor");
    for (size_t i = 0; i < run->n_workers; i++) {
        if (stage_open(run, run->workers[i], err) < 0) {
            run->result->err_stage = run->workers[i]->name;
            return -1;
        }
    }
    return run_open_rejects(run);
}

static int run_connect(struct cp_run *run)
{
    struct cp_plan *plan = run->plan;
    for (size_t i = 0; i < plan->n_edges; i++)
        if (cp_edge_open(plan->edges[i], &plan->heap, &run->result->err) < 0)
            return -1;
    return 0;
}

static void thread_name(const struct cp_stage *s, pthread_t thread)
{
    char name[16];
    snprintf(name, sizeof name, "cp:%.9s/%zu", s->name, s->worker + 1);
    pthread_setname_np(thread, name);
}

/* Starts the threads, sinks first, so that nothing is read before everybody is there. */
static int run_start(struct cp_run *run)
{
    pthread_attr_t attr;
    int rc = 0;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    run->threads = cp_xcalloc(run->n_workers, sizeof *run->threads);
    for (size_t i = run->n_workers; i-- > 0 && rc == 0;) {
        rc = pthread_create(&run->threads[i], &attr, stage_thread, run->workers[i]);
        if (rc == 0) {
            thread_name(run->workers[i], run->threads[i]);
            run->started++;
        }
    }
    pthread_attr_destroy(&attr);
    return rc == 0 ? 0 : cp_err_set(&run->result->err, CP_EXIT_IO, rc, "cannot start a thread");
}

/* Ends the workers whose threads could not be started: that ends those that run. */
static void run_unwind(struct cp_run *run)
{
    atomic_store(&run->is_aborted, true);
    for (size_t i = 0; i < run->n_workers - run->started; i++)
        stage_end(run->workers[i]);
}

/* ---- The calling thread ---- */

/* The sink that writes to standard output, or NULL. */
static struct cp_stage *stdout_sink(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(plan->stages[i]->type->name, "stdout") == 0)
            return plan->stages[i];
    return NULL;
}

struct watch {
    struct pollfd fds[3]; /* done, signals, standard output */
    struct cp_stage *sink;
    bool is_stopping; /* a signal came */
    int64_t deadline; /* of grace; INT64_MAX: none */
};

static void begin_grace(const struct cp_run *run, struct watch *w)
{
    if (w->deadline == INT64_MAX)
        w->deadline = chan_now_ns() + run->options->grace;
}

/* The first signal stops the sources; the second, or the end of grace, leaves everything as it is.
 */
static bool on_signal(struct cp_run *run, struct watch *w)
{
    struct signalfd_siginfo info;
    if (read(w->fds[1].fd, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo == SIGUSR1) {
        if (run->options->show)
            run->options->show(run->plan);
        return true;
    }
    pthread_mutex_lock(&run->mu);
    run->result->signal = (int)info.ssi_signo;
    pthread_mutex_unlock(&run->mu);
    if (w->is_stopping)
        return false;
    w->is_stopping = true;
    begin_grace(run, w);
    run_stop_sources(run);
    return true;
}

/* A thread ended, or has no time to wait for all. */
static void on_done(struct cp_run *run, struct watch *w)
{
    uint64_t n;
    if (read(run->done_fd, &n, sizeof n) == sizeof n && atomic_load(&run->is_late))
        begin_grace(run, w);
}

static void on_hangup(struct watch *w)
{
    w->fds[2].fd = -1;
    cp_stage_reader_left(w->sink);
    cp_stage_cut_input(w->sink);
}

static int wait_ms(const struct watch *w)
{
    if (w->deadline == INT64_MAX)
        return -1;
    int64_t left = w->deadline - chan_now_ns();
    if (left <= 0)
        return 0;
    return left / 1000000 < INT_MAX ? (int)(left / 1000000 + 1) : INT_MAX;
}

/* Until all threads have ended. False: they are left behind. */
static bool run_wait(struct cp_run *run, struct watch *w)
{
    while (atomic_load(&run->ended) < run->started) {
        int n = poll(w->fds, 3, wait_ms(w));
        if (n < 0)
            continue;
        if (n == 0)
            return false;
        if (w->fds[0].revents)
            on_done(run, w);
        if (w->fds[1].revents && !on_signal(run, w))
            return false;
        if (w->fds[2].revents & (POLLERR | POLLHUP))
            on_hangup(w);
    }
    return true;
}

/* A signal that was ignored when the program started stays so: nohup, jobs in the background of a
 * script. */
static void add_unless_ignored(sigset_t *set, int signo)
{
    struct sigaction old;
    if (sigaction(signo, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaddset(set, signo);
}

/* SIGPIPE would end the process in the middle of a write; a write then says EPIPE. */
static int signals_open(const struct cp_run_options *options)
{
    sigset_t set;
    if (!options->handles_signals)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    add_unless_ignored(&set, SIGINT);
    add_unless_ignored(&set, SIGTERM);
    add_unless_ignored(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run_join(struct cp_run *run)
{
    for (size_t i = run->n_workers - run->started; i < run->n_workers; i++)
        pthread_join(run->threads[i], NULL);
    for (size_t i = 0; i < run->plan->n_edges; i++)
        cp_edge_close(run->plan->edges[i]);
    for (size_t i = 0; i < run->plan->n; i++)
        cp_account_gather(run->plan->stages[i]);
}

/* The signal that ended us may have ended a program of a stage first, as the interrupt key does:
 * that is no failure. */
static void forgive_signal(struct cp_run *run, struct watch *w)
{
    struct cp_run_result *result = run->result;

    pthread_mutex_lock(&run->mu);
    int signo = result->err.signal;
    pthread_mutex_unlock(&run->mu);
    if (signo == 0)
        return;
    while (poll(&w->fds[1], 1, 0) > 0)
        if (!on_signal(run, w))
            break;
    pthread_mutex_lock(&run->mu);
    if (result->signal == signo)
        result->err = (struct cp_err){0};
    pthread_mutex_unlock(&run->mu);
}

static void run_threads(struct cp_run *run)
{
    struct watch w = {.sink = stdout_sink(run->plan), .deadline = INT64_MAX};
    int signal_fd = signals_open(run->options);

    w.fds[0] = (struct pollfd){.fd = run->done_fd, .events = POLLIN};
    w.fds[1] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    w.fds[2] = (struct pollfd){.fd = w.sink ? STDOUT_FILENO : -1};
    if (run_start(run) < 0)
        run_unwind(run);
    run->result->is_cut = !run_wait(run, &w);
    if (run->result->is_cut)
        cp_process_leave_all();
    else
        run_join(run);
    forgive_signal(run, &w);
    if (signal_fd >= 0)
        close(signal_fd);
}

int cp_run(struct cp_plan *plan, const struct cp_run_options *options, struct cp_run_result *result)
{
    struct cp_run *run = cp_heap_take(&plan->heap, sizeof *run);
    int64_t start = chan_now_ns();

    *result = (struct cp_run_result){0};
    *run = (struct cp_run){.plan = plan, .options = options, .result = result, .done_fd = -1};
    pthread_mutex_init(&run->mu, NULL);
    if (run_open(run) == 0 && run_connect(run) == 0)
        run_threads(run);
    result->wall_ns = chan_now_ns() - start;
    if (!result->is_cut) {
        cp_rejects_close(run->rejects_files, &result->err);
        free(run->threads);
        close(run->done_fd);
    }
    return result->err.exit == CP_EXIT_OK ? 0 : -1;
}

static void worker_close(struct cp_stage *s)
{
    if (s->type->close)
        s->type->close(s->self);
    cp_stage_forget_reasons(s);
    chan_tx_drop(s->wake_tx);
    chan_rx_drop(s->wake);
    cp_rejects_release(s);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
}

void cp_run_close(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        for (size_t k = 0; k < plan->stages[i]->n_workers; k++)
            worker_close(plan->stages[i]->workers[k]);
    for (size_t i = 0; i < plan->n_edges; i++)
        cp_pool_free(plan->edges[i]->views);
    for (size_t i = 0; i < plan->n; i++)
        cp_pool_free(plan->stages[i]->pool);
}
