/* exec_each.c: co-processes that answer each line with a line.
 *
 * DESIGN. Records wait for their answers in one queue, in their order, as copies (data/keeper.h):
 * batches that are held would be missing above. Each has been given to one program. The one at the
 * head leaves as soon as there is an answer for it; answers that come before their turn wait where
 * they were read. A batch that has been taken is closed by a mark behind its records, so that what
 * leaves is grouped as what came.
 *
 * A program is full when PEER_WEIGHT bytes of lines have been given to it that have not left,
 * counting an eighth of the copies, also of records that get no answer and wait for their turn.
 * When it is that of the record at the head, and all was written to it and read by it, it seems to
 * wait for more, and so would we, for ever: an error, once it has said nothing for long. When
 * it is another one, new records go to those with room, and so, at last, to that of the head. A
 * program that only takes its time is hardly in danger: what it does not read waits in its pipe,
 * which is small.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/chan/chan.h"
#include "../lib/format/json.h"
#include "peer.h"

enum {
    MOST_WEIGHT = PEER_WEIGHT / 4, /* of one record, whatever it is */
    KEPT_SHARE = 8,                /* bytes of a copy that weigh as much as one of the line */
    SUSPECT_MS = 50,               /* no descriptor tells that a pipe has become empty */
    TICK_MS = 10,                  /* nor, in some systems, that a program has ended */
};

/* Where a record or batch stands in one of the orders of batches. */
struct standing {
    uint64_t seq;
    uint32_t place; /* of a record; of the end of a batch: until */
    bool has_more;
};

/* In the queue: a record, or the end of a batch. Its standings follow, then the copy of the record.
 */
struct entry {
    uint32_t size;    /* with what follows; a multiple of 8 */
    uint32_t line;    /* bytes of its line */
    uint32_t weight;  /* of it */
    uint32_t ordinal; /* of its batch */
    uint64_t seq;     /* the same */
    uint16_t peer;    /* whose weight it is part of */
    uint8_t kind;
    bool has_more;
    const char *reason; /* UNANSWERED: why it gets no answer */
};

enum kind { ASKED, UNANSWERED, END_OF_BATCH };

struct each {
    struct cp_stage *stage;
    struct exec *exec;
    struct peer *peers;
    size_t n;
    struct cp_keeper keeper;
    struct bytes queue;
    uint64_t waiting; /* records in it */

    struct cp_batch *batch; /* being taken, up to sel[at]; or NULL */
    uint32_t at;
    struct peer *to; /* who gets its records */

    uint64_t seq; /* of the batch whose records leave */
    uint32_t ordinal;
    bool has_input;
    bool must_end; /* nobody wants more, or the stage has failed */
};

/* ---- Failing ---- */

static void fail_hinting(struct each *x, const char *hint, const char *message)
{
    struct cp_stage *s = x->stage;

    cp_err_set(&s->err, CP_EXIT_IO, 0, "%s: %s", x->exec->program.name, message);
    cp_err_hint(&s->err, "%s", hint);
    cp_stage_report(s);
    x->must_end = true;
}

static void fail_silence(struct each *x, const struct peer *peer)
{
    char message[160];

    snprintf(message, sizeof message,
             "it has read %" PRIu64 " lines (%zu bytes) and answered none for %d seconds",
             peer->open, bytes_held(&peer->lines), PEER_SILENCE_MS / 1000);
    fail_hinting(x,
                 "it holds its answers back: have it write each line at once (stdbuf -oL PROGRAM, "
                 "python3 -u, PYTHONUNBUFFERED=1, grep --line-buffered)",
                 message);
}

static void fail_extra(struct each *x)
{
    fail_hinting(x, "with mode=stream every line that it prints is a record of its own",
                 "it has printed more lines than it was given");
}

static void fail_long(struct each *x)
{
    fail_hinting(x, "max_line=4MiB before the program allows more",
                 "its answer is longer than max_line");
}

static void fail_sys(struct each *x, const char *what)
{
    cp_stage_fail(x->stage, CP_EXIT_IO, errno, "cannot %s %s", what, x->exec->program.name);
    x->must_end = true;
}

/* ---- Taking records ---- */

/* The one with the least to do; NULL: all are full. */
static struct peer *choose(struct each *x)
{
    struct peer *best = NULL;

    for (size_t k = 0; k < x->n; k++)
        if (peer_has_room(&x->peers[k]) && (!best || x->peers[k].weight < best->weight))
            best = &x->peers[k];
    return best;
}

/* cp_out.write: the line of the record at hand. */
static int add_line(void *ctx, const char *p, size_t n)
{
    struct each *x = ctx;
    struct bytes *lines = &x->to->lines;

    memcpy(bytes_room(lines, n, &x->to->sent), p, n);
    lines->to += n;
    return 0;
}

static struct standing *standings(const struct entry *e)
{
    return (struct standing *)(uintptr_t)(e + 1);
}

static char *copy_of(const struct each *x, const struct entry *e)
{
    return (char *)(standings(e) + x->stage->depth);
}

static struct entry *add_entry(struct each *x, size_t copy)
{
    size_t n = sizeof(struct entry) + x->stage->depth * sizeof(struct standing) + copy;
    struct entry *e = (struct entry *)(void *)bytes_room(&x->queue, n, NULL);

    *e = (struct entry){.size = (uint32_t)n, .seq = x->batch->seq};
    e->ordinal = x->batch->ordinal;
    x->queue.to += n;
    return e;
}

/* Writes the line of record i. Returns why it has none. */
static const char *encode(struct each *x, uint16_t i, uint32_t *length)
{
    struct sink *k = &x->exec->sink;
    struct bytes *lines = &x->to->lines;
    size_t before = bytes_held(lines), done;
    const char *reason = sink_encode(k, x->batch, &i, 1, &done);

    cp_out_flush(&k->out);
    size_t n = bytes_held(lines) - before;
    if (!reason && (n == 0 || memchr(lines->p + lines->to - n, '\n', n - 1)))
        reason = "a record of several lines gets no answer of one line: format=json";
    if (reason)
        lines->to -= n;
    *length = reason ? 0 : (uint32_t)n;
    return reason;
}

/* A record that cannot be written. False: it is left out. */
static bool record_failed(struct each *x, uint16_t i, const char *reason)
{
    struct cp_stage *s = x->stage;
    enum cp_fate fate = s->on_error == CP_ON_ERROR_KEEP
                            ? cp_stage_failed(s, x->batch, i, x->at, reason)
                            : cp_stage_give_up(s, x->batch, i, x->at, reason);

    if (fate == CP_FATE_STOPS) {
        cp_stage_stop_at(s, x->batch, x->batch->n_sel, 0);
        x->must_end = true;
    }
    return fate == CP_FATE_PASSES;
}

/* Entry e is one for this program to leave. */
static void charge(struct each *x, struct peer *peer, struct entry *e)
{
    size_t weight = e->line + e->size / KEPT_SHARE;

    e->weight = (uint32_t)(weight < MOST_WEIGHT ? weight : MOST_WEIGHT);
    e->peer = (uint16_t)(peer - x->peers);
    peer->weight += e->weight;
}

static void take_record(struct each *x, uint16_t i)
{
    uint32_t line;
    const char *reason = encode(x, i, &line);

    if (reason && !record_failed(x, i, reason))
        return;
    struct entry *e = add_entry(x, cp_keeper_measure(&x->keeper, i));
    cp_keeper_write(&x->keeper, copy_of(x, e));
    for (size_t d = 0; d < x->stage->depth; d++) {
        const struct cp_order *o = &x->batch->orders[d];
        standings(e)[d] = (struct standing){.seq = o->seq, .place = cp_order_place(o, i)};
    }
    e->kind = reason ? UNANSWERED : ASKED;
    e->line = line;
    e->reason = reason;
    charge(x, x->to, e);
    x->to->open += e->kind == ASKED;
    x->waiting++;
}

/* Takes of the batch at hand what the programs have room for. */
static void take(struct each *x)
{
    struct cp_batch *b = x->batch;

    while (b && x->at < b->n_sel && !x->must_end) {
        if (!x->to || !peer_has_room(x->to))
            x->to = choose(x);
        if (!x->to)
            return;
        take_record(x, b->sel[x->at]);
        x->at++;
    }
    if (b && cp_rejects_flush(x->stage) < 0)
        x->must_end = true;
    if (!b || x->must_end)
        return;
    struct entry *e = add_entry(x, 0);
    e->kind = END_OF_BATCH;
    charge(x, x->to ? x->to : x->peers, e);
    e->has_more = b->has_more;
    for (size_t d = 0; d < x->stage->depth; d++) {
        const struct cp_order *o = &b->orders[d];
        standings(e)[d] = (struct standing){o->seq, o->until, o->has_more};
    }
    x->stage->seen += b->n_sel;
    x->batch = NULL;
    x->to = NULL;
    cp_batch_release(b);
}

static void begin_batch(struct each *x, struct cp_batch *b)
{
    x->batch = b;
    x->at = 0;
    x->to = choose(x);
    cp_keeper_begin(&x->keeper, b);
}

/* ---- Giving them back ---- */

/* Sends what has been put together. end: of the batch that it belongs to; NULL: not yet. */
static void send(struct each *x, const struct entry *end)
{
    struct cp_batch *b = x->keeper.to;

    x->keeper.to = NULL;
    if (!b)
        b = cp_stage_batch(x->stage);
    b->seq = x->seq;
    b->ordinal = x->ordinal;
    b->has_more = !end || end->has_more;
    x->ordinal += b->n;
    for (size_t d = 0; d < x->stage->depth; d++) {
        struct cp_order *o = &b->orders[d];
        o->has_more = !end || standings(end)[d].has_more;
        o->until = end ? standings(end)[d].place : 0;
        if (end)
            o->seq = standings(end)[d].seq;
    }
    if (!cp_emit(x->stage, b))
        x->must_end = true;
}

/* Before it waits: nothing that is ready stays. */
static void flush(struct each *x)
{
    if (x->keeper.to)
        send(x, NULL);
}

/* The batch that record e goes on in, with room for its answer. */
static struct cp_batch *batch_for(struct each *x, const struct entry *e, size_t answer)
{
    struct cp_keeper *k = &x->keeper;
    const char *copy = copy_of(x, e);

    if (k->to && answer > k->to->arena.cap - k->to->arena.used)
        flush(x);
    for (;;) {
        if (!k->to) {
            x->ordinal = x->seq == e->seq && x->ordinal > e->ordinal ? x->ordinal : e->ordinal;
            x->seq = e->seq;
            k->to = cp_stage_batch(x->stage);
            for (size_t d = 0; d < x->stage->depth; d++)
                k->to->orders[d].seq = standings(e)[d].seq;
        }
        if (cp_keeper_read(k, k->to, copy))
            return k->to;
        flush(x);
    }
}

/* What a line says: JSON where it begins like that, else text as in a cell. */
static struct cp_value value_of(struct cp_batch *b, const char *p, size_t n)
{
    struct cp_value v;
    size_t at;

    if (n > 0 && p[n - 1] == '\r')
        n--;
    if (n == 0)
        return (struct cp_value){.kind = CP_NULL};
    char *text = cp_arena_take(&b->arena, n);
    memcpy(text, p, n);
    if (strchr("{[\"", text[0]) && cp_json_value(text, n, &v, &at) == NULL)
        return v;
    return cp_untyped(text, n);
}

/* The record goes on, with its answer; p NULL: without. */
static void give(struct each *x, const struct entry *e, const char *p, size_t n)
{
    static const struct cp_value missing = {.kind = CP_MISSING};
    struct cp_stage *s = x->stage;
    struct cp_batch *b = batch_for(x, e, n);
    uint32_t i = b->n - 1;

    for (size_t d = 0; d < s->depth; d++)
        b->orders[d].places[i] = (uint16_t)standings(e)[d].place;
    b->col[x->exec->answer_slot][i] = p ? value_of(b, p, n) : missing;
    if (s->error_slot != CP_NO_SLOT)
        b->col[s->error_slot][i] = e->reason ? cp_stage_reason(s, e->reason) : missing;
    x->waiting--;
}

/* The record at the head, if it has been answered. */
static bool give_answered(struct each *x, const struct entry *e)
{
    struct peer *peer = &x->peers[e->peer];
    size_t n;

    if (!peer_next_answer(peer, &n))
        return false;
    if (peer->sent < peer->lines.from + e->line) {
        fail_extra(x);
        return false;
    }
    if (n > x->stage->max_line) {
        fail_long(x);
        return false;
    }
    give(x, e, peer->answers.p + peer->answers.from, n);
    peer_pass_answer(peer, n, e->line);
    peer->open--;
    return true;
}

/* Gives back from the head of the queue what is ready. */
static void give_ready(struct each *x)
{
    struct bytes *q = &x->queue;

    while (bytes_held(q) > 0 && !x->must_end) {
        const struct entry *e = (const struct entry *)(const void *)(q->p + q->from);
        if (e->kind == END_OF_BATCH) {
            x->ordinal = x->seq == e->seq && x->ordinal > e->ordinal ? x->ordinal : e->ordinal;
            x->seq = e->seq;
            send(x, e);
        } else if (e->kind == UNANSWERED) {
            give(x, e, NULL, 0);
        } else if (!give_answered(x, e)) {
            break;
        }
        x->peers[e->peer].weight -= e->weight;
        q->from += e->size;
    }
    if (!x->must_end)
        flush(x);
}

/* ---- The programs ---- */

static int64_t now_ms(void)
{
    return chan_now_ns() / 1000000;
}

/* Starts those again whose pause is over. Returns how long the others have still to wait; -1: there
 * are none. */
static int start_again(struct each *x)
{
    int64_t now = now_ms();
    int least = -1;

    for (size_t k = 0; k < x->n && !x->must_end; k++) {
        struct peer *peer = &x->peers[k];
        int left = (int)(peer->again_at - now);
        if (peer->again_at == 0)
            continue;
        if (left > 0) {
            least = least < 0 || left < least ? left : least;
            continue;
        }
        if (peer_start(peer, &x->exec->program, &x->stage->err) < 0) {
            cp_stage_report(x->stage);
            x->must_end = true;
        }
    }
    return least;
}

/* Its output has ended within a line: an answer without its line end, unless the program came to
 * grief over it. */
static void end_line(struct each *x, struct peer *peer)
{
    struct bytes *a = &peer->answers;

    if (!cp_process_is_good(&peer->process)) {
        a->from = a->to;
        return;
    }
    peer_end_line(peer);
    give_ready(x);
}

/* Records that nobody has been given yet. */
static bool has_records(const struct each *x)
{
    return x->batch && x->at < x->batch->n_sel;
}

/* Whether it has ended. Without its output it is of no use to records that want an answer: then it
 * is made to; else it may take its time. */
static bool has_ended(struct each *x, struct peer *peer)
{
    uint64_t last = bytes_held(&peer->answers) > 0; /* the answer without its line end */

    if (peer->open > last || has_records(x))
        cp_process_stop(&peer->process);
    return cp_process_wait(&peer->process, 0, -1);
}

/* It has ended, and all that it has printed has left. */
static void judge(struct each *x, struct peer *peer)
{
    const struct exec *exec = x->exec;
    bool may_come = x->has_input || x->batch;

    if (cp_process_is_good(&peer->process) && peer->open == 0 && !has_records(x)) {
        peer->runs = may_come; /* the next record finds that it has ended too early */
        return;
    }
    bool is_early = peer->open > 0 || may_come;
    if (is_early && exec->on_exit == EXEC_RESTART && peer->deaths < exec->restarts) {
        peer_start_later(peer, now_ms(), exec_pause_ms(exec, peer->deaths + 1));
        return;
    }
    peer->runs = false;
    exec_fail(x->stage, &exec->program, &peer->process,
              peer->open > 0 ? " before it had answered all records"
              : is_early     ? " before its input had ended"
                             : "");
    x->must_end = true;
}

/* Its output has ended, and all whole lines have left. */
static void see_ending(struct each *x, struct peer *peer)
{
    if (!has_ended(x, peer))
        return;
    if (bytes_held(&peer->answers) > 0)
        end_line(x, peer);
    if (bytes_held(&peer->answers) == 0 && !x->must_end)
        judge(x, peer);
}

/* What no line of an answer may be, and no program do. */
static void check_peer(struct each *x, struct peer *peer)
{
    size_t n;
    bool has_line = peer_next_answer(peer, &n);

    peer_close_drained(peer);
    if (peer->open == 0 && bytes_held(&peer->answers) > 0)
        fail_extra(x);
    else if (!has_line && bytes_held(&peer->answers) > x->stage->max_line)
        fail_long(x);
    else if (!has_line && peer_is_at_end(peer))
        see_ending(x, peer);
}

/* The program that the record at the head waits for, where that may wait for more than it will get.
 * Else NULL. */
static struct peer *suspect(const struct each *x)
{
    const struct entry *e = (const struct entry *)(const void *)(x->queue.p + x->queue.from);

    if (bytes_held(&x->queue) == 0 || e->kind != ASKED)
        return NULL;
    struct peer *peer = &x->peers[e->peer];
    return peer_is_suspect(peer) ? peer : NULL;
}

/* ---- The thread ---- */

static bool is_done(const struct each *x)
{
    if (x->has_input || x->batch || bytes_held(&x->queue) > 0)
        return false;
    for (size_t k = 0; k < x->n; k++)
        if (x->peers[k].runs)
            return false;
    return true;
}

/* All records are on their way: who has got all of his needs no more. */
static void close_inputs(struct each *x)
{
    for (size_t k = 0; k < x->n && !x->has_input && !x->batch; k++)
        if (!peer_has_lines(&x->peers[k]))
            cp_process_close_in(&x->peers[k].process);
}

/* Somebody has room for records, or is to hear of them. */
static bool wants_input(struct each *x)
{
    bool wants = choose(x) != NULL;

    for (size_t k = 0; k < x->n; k++)
        wants |= peer_is_finished(&x->peers[k]);
    return wants && x->has_input && !x->batch;
}

static void attend(struct each *x, struct peer *peer, const struct pollfd *fds)
{
    const char *what = peer_attend(peer, fds);

    if (what)
        fail_sys(x, what);
}

/* Waits for something to do, and reads and writes. */
static void wait_for_news(struct each *x, int timeout_ms)
{
    struct pollfd fds[CP_MAX_WORKERS * PEER_WATCHED];
    struct cp_batch *b = NULL;

    for (size_t k = 0; k < x->n; k++) {
        peer_watch(&x->peers[k], x->stage->max_line, fds + k * PEER_WATCHED);
        if (peer_cannot_tell(&x->peers[k]) && (timeout_ms < 0 || timeout_ms > TICK_MS))
            timeout_ms = TICK_MS;
    }
    enum cp_came came =
        cp_stage_poll(x->stage, fds, x->n * PEER_WATCHED, timeout_ms, wants_input(x) ? &b : NULL);
    for (size_t k = 0; k < x->n && !x->must_end; k++)
        attend(x, &x->peers[k], fds + k * PEER_WATCHED);
    if (came == CP_CAME_BATCH)
        begin_batch(x, b);
    else if (came == CP_CAME_END)
        x->has_input = false;
    else if (came == CP_CAME_STOP)
        x->must_end = true;
}

static void run(struct each *x)
{
    while (!x->must_end && !is_done(x)) {
        int pause = start_again(x);
        take(x);
        close_inputs(x);
        struct peer *peer = suspect(x);
        if (peer && peer_is_silent(peer, now_ms()))
            fail_silence(x, peer);
        if (x->must_end)
            return;
        wait_for_news(x, peer && (pause < 0 || pause > SUSPECT_MS) ? SUSPECT_MS : pause);
        give_ready(x);
        for (size_t k = 0; k < x->n && !x->must_end; k++)
            check_peer(x, &x->peers[k]);
    }
}

/* What has not left: nobody wants it, or the stage has failed. */
static void give_up(struct each *x)
{
    struct cp_stage *s = x->stage;
    uint64_t n = x->waiting + (x->batch ? x->batch->n_sel - x->at : 0) +
                 (x->keeper.to ? x->keeper.to->n_sel : 0);

    if (s->err.exit != CP_EXIT_OK)
        s->account.held += n;
    else
        s->account.filtered += n;
    cp_batch_release(x->batch);
    cp_batch_release(x->keeper.to);
    x->batch = x->keeper.to = NULL;
}

static void stop_all(struct each *x)
{
    struct cp_process *list[CP_MAX_WORKERS];

    for (size_t k = 0; k < x->n; k++)
        list[k] = &x->peers[k].process;
    cp_process_stop_all(list, x->n);
}

void exec_each_run(struct cp_stage *s, struct exec *exec)
{
    struct each *x = exec->each;

    run(x);
    s->has_failed = s->err.exit != CP_EXIT_OK;
    give_up(x);
    cp_stage_cut_input(s);
    stop_all(x);
}

size_t exec_each_memory(const struct cp_planner *p, size_t n)
{
    /* Twice as much before the front is given up, and a quarter more when it grows. */
    size_t copies = (size_t)KEPT_SHARE * PEER_WEIGHT + PEER_WEIGHT / MOST_WEIGHT * p->max_line;
    size_t lines = PEER_WEIGHT + PEER_WEIGHT / MOST_WEIGHT * p->max_line;
    size_t answers = p->max_line + 2 * PEER_READ_SIZE;

    return n * (copies + lines + answers) / 2 * 5;
}

int exec_each_open(struct cp_stage *s, struct exec *exec, struct cp_err *err)
{
    struct each *x = exec->each = cp_heap_take(s->heap, sizeof *x);

    *x = (struct each){.stage = s, .exec = exec, .n = exec->n_processes, .has_input = true};
    x->peers = cp_heap_take(s->heap, x->n * sizeof *x->peers);
    for (size_t k = 0; k < x->n; k++)
        x->peers[k] = PEER_NONE;
    cp_keeper_init(&x->keeper, s->live, s->n_live);
    for (size_t k = 0; k < x->n; k++)
        if (peer_start(&x->peers[k], &exec->program, err) < 0)
            return -1;
    return exec_open_encoder(s, exec, add_line, x, err);
}

void exec_each_close(struct exec *exec)
{
    struct each *x = exec->each;

    if (!x)
        return;
    stop_all(x);
    for (size_t k = 0; k < x->n; k++)
        peer_release(&x->peers[k]);
    free(x->queue.p);
    cp_keeper_release(&x->keeper);
}
