/* exec_stream.c: a co-process whose lines are records.
 *
 * What it prints has no place among the records that go in: it leaves when it comes, behind the
 * records of the batch at hand, or of the last one. Before the first batch there is no such place,
 * so nothing is read until then.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "../lib/run/feed.h"
#include "exec.h"

struct stream {
    struct cp_stage *stage;
    struct exec *exec;
    struct cp_process process;
    struct cp_feed feed;

    /* The group of what it prints, when no batch is at hand (run/edge.h). */
    uint64_t seq;
    uint32_t ordinal;
    bool has_more;

    bool has_begun;  /* a batch has come, or the input has ended */
    bool has_input;  /* that is not so yet */
    bool must_end;   /* nobody wants what it prints, or the stage has failed */
    bool in_line;    /* what was written last ends within a line */
    bool skips_line; /* the first half of a line went to a program that has ended */
    uint64_t deaths; /* without a record in between */
    uint64_t restarts;
};

/* ---- What it prints ---- */

/* Where branches meet: behind all that has come. */
static void set_orders(const struct cp_stage *s, struct cp_batch *b)
{
    for (size_t d = 0; d < s->depth; d++) {
        uint16_t place = (uint16_t)cp_stage_due_place(s, d);
        b->orders[d].seq = s->is_ending ? CP_LAST_SEQ : s->heard[d].seq;
        b->orders[d].has_more = true;
        b->orders[d].until = 0;
        for (uint32_t i = 0; i < b->n; i++)
            b->orders[d].places[i] = place;
    }
}

static bool emit(struct stream *x, struct cp_batch *b)
{
    x->deaths = 0;
    set_orders(x->stage, b);
    if (!x->stage->current) {
        b->seq = x->seq;
        b->ordinal = x->ordinal;
        b->has_more = x->has_more;
        x->ordinal += b->n;
    }
    return cp_emit(x->stage, b);
}

/* Sends what can be cut of what was put into the feed. */
static void emit_all(struct stream *x)
{
    struct cp_batch *b;

    while (!x->must_end && (b = cp_feed_cut(&x->feed)))
        x->must_end = !emit(x, b);
    x->must_end |= x->stage->err.exit != CP_EXIT_OK;
}

static void begin_output(struct stream *x)
{
    cp_feed_begin(&x->feed, x->exec->program.name, 0);
}

/* It prints nothing more: what came last may be no whole line. */
static void end_output(struct stream *x)
{
    cp_feed_put(&x->feed, 0, false);
    emit_all(x);
    cp_process_close_out(&x->process);
    cp_feed_release(&x->feed);
}

/* Reads what is there. */
static void read_some(struct stream *x)
{
    size_t room;
    uint8_t *p = cp_feed_room(&x->feed, &room);
    ssize_t n = read(x->process.out, p, room);

    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        cp_stage_fail(x->stage, CP_EXIT_IO, errno, "cannot read what %s prints",
                      x->exec->program.name);
        x->must_end = true;
    }
    if (n == 0)
        end_output(x);
    if (n <= 0)
        return;
    cp_feed_put(&x->feed, (size_t)n,
                cp_feed_is_choosing(&x->feed) &&
                    cp_feed_is_coming(x->process.out, x->stage->stop_fd));
    emit_all(x);
}

/* ---- How it ends ---- */

/* It may end like this. */
static bool is_content(const struct stream *x, bool is_early)
{
    if (x->exec->on_exit == EXEC_END && cp_process_signal(&x->process) == 0)
        return true;
    return !is_early && cp_process_is_good(&x->process);
}

/* Reads what it has still to say. What it has started may go on printing when it has ended, and is
 * waited for as the shell does; but not when that end is a failure, or it is started again. */
static void read_rest(struct stream *x, bool is_early)
{
    enum { TICK_MS = 10 };
    struct cp_process *process = &x->process;

    while (!x->must_end && process->out >= 0) {
        struct pollfd fds[2] = {{.fd = process->out, .events = POLLIN},
                                {.fd = process->ended_fd, .events = POLLIN}};
        bool is_last = process->pid == 0 && !is_content(x, is_early);
        bool cannot_tell = process->pid != 0 && process->ended_fd < 0;
        int timeout_ms = is_last ? 0 : cannot_tell ? TICK_MS : -1;
        if (cp_stage_poll(x->stage, fds, 2, timeout_ms, NULL) == CP_CAME_STOP)
            x->must_end = true;
        else if (fds[0].revents)
            read_some(x);
        else if (is_last)
            end_output(x);
        else
            cp_process_wait(process, 0, -1);
    }
}

/* Waits for its end. */
static void drain(struct stream *x, bool is_early)
{
    read_rest(x, is_early);
    if (!x->must_end && !cp_process_wait(&x->process, -1, x->stage->stop_fd))
        x->must_end = true;
}

static void start_again(struct stream *x)
{
    struct cp_stage *s = x->stage;

    int pause = exec_pause_ms(x->exec, ++x->deaths);
    x->restarts++;
    if (cp_stage_poll(s, NULL, 0, pause, NULL) == CP_CAME_STOP) {
        x->must_end = true;
        return;
    }
    if (cp_process_start(&x->process, x->exec->program.argv,
                         CP_PROCESS_IN | CP_PROCESS_OUT | CP_PROCESS_GROUP, &s->err) < 0) {
        cp_stage_report(s);
        x->must_end = true;
        return;
    }
    x->skips_line = x->in_line;
    x->in_line = false;
    begin_output(x);
}

/* It has ended, or reads no more, before its input had ended. */
static void ended_early(struct stream *x)
{
    const struct exec *exec = x->exec;

    cp_process_close_in(&x->process);
    drain(x, true);
    if (x->must_end)
        return;
    if (exec->on_exit == EXEC_RESTART && x->deaths < exec->restarts) {
        start_again(x);
    } else if (is_content(x, true)) {
        x->must_end = true;
    } else {
        exec_fail(x->stage, &exec->program, &x->process, " before it had read all records");
        x->must_end = true;
    }
}

/* ---- What is written to it ---- */

static void write_some(struct stream *x, const char **p, size_t *n)
{
    ssize_t k = write(x->process.in, *p, *n);

    if (k < 0 && errno == EPIPE) {
        ended_early(x);
    } else if (k < 0 && errno != EINTR && errno != EAGAIN) {
        cp_stage_fail(x->stage, CP_EXIT_IO, errno, "cannot write to %s", x->exec->program.name);
        x->must_end = true;
    } else if (k > 0) {
        x->in_line = (*p)[k - 1] != '\n';
        *p += k;
        *n -= (size_t)k;
    }
}

/* After a restart: the rest of a line whose first half is lost. */
static void skip_line(struct stream *x, const char **p, size_t *n)
{
    const char *end = memchr(*p, '\n', *n);
    size_t k = end ? (size_t)(end + 1 - *p) : *n;

    x->skips_line = end == NULL;
    *p += k;
    *n -= k;
}

/* Writes all of it, and reads meanwhile. */
static int write_lines(void *ctx, const char *p, size_t n)
{
    struct stream *x = ctx;

    while (n > 0 && !x->must_end) {
        if (x->skips_line) {
            skip_line(x, &p, &n);
            continue;
        }
        struct pollfd fds[2] = {{.fd = x->process.in, .events = POLLOUT},
                                {.fd = x->process.out, .events = POLLIN}};
        if (cp_stage_poll(x->stage, fds, 2, -1, NULL) == CP_CAME_STOP)
            x->must_end = true;
        else if (fds[1].revents)
            read_some(x);
        else if (fds[0].revents)
            write_some(x, &p, &n);
    }
    return n > 0 ? -1 : 0;
}

static void write_batch(struct stream *x, struct cp_batch *b)
{
    struct cp_stage *s = x->stage;
    struct sink *k = &x->exec->sink;
    struct cp_account before = s->account;
    const uint16_t *sel = b->sel;
    size_t n = b->n_sel;

    while (n > 0 && !x->must_end) {
        size_t done;
        const char *reason = sink_encode(k, b, sel, n, &done);
        s->account.taken += done;
        if (reason && !exec_record_failed(s, b, sel[done], (uint32_t)(b->n_sel - n + done), reason))
            x->must_end = true;
        done += reason != NULL;
        sel += done;
        n -= done;
    }
    cp_out_flush(&k->out);
    s->account.bad_utf8 = k->out.bad_utf8;
    if (k->out.failed) { /* nobody knows what of the batch was read */
        s->account.taken = before.taken;
        n = b->n_sel - (s->account.errored - before.errored);
    }
    if (cp_rejects_flush(s) < 0)
        x->must_end = true;
    s->seen += b->n_sel;
    if (s->err.exit != CP_EXIT_OK)
        s->account.held += n;
    else
        s->account.filtered += n;
}

/* Owns b: it goes on without its records, for those who count batches. */
static void take(struct stream *x, struct cp_batch *b)
{
    struct cp_stage *s = x->stage;

    x->has_begun = true;
    s->current = b;
    if (b->n_sel > 0)
        write_batch(x, b);
    s->current = NULL;
    x->seq = b->seq;
    x->ordinal = b->ordinal;
    x->has_more = b->has_more;
    b->n_sel = 0;
    for (size_t d = 0; d < s->depth; d++) { /* more may come at any time */
        b->orders[d].has_more = true;
        b->orders[d].until = cp_stage_due_place(s, d);
    }
    if (!cp_emit(s, b))
        x->must_end = true;
}

static void end_input(struct stream *x)
{
    struct sink *k = &x->exec->sink;

    x->has_input = false;
    x->has_begun = true;
    x->seq = CP_LAST_SEQ;
    x->ordinal = 0;
    x->has_more = false;
    if (k->format->encode_end)
        k->format->encode_end(k->encoder, &k->out);
    cp_out_flush(&k->out);
    if (!x->must_end && cp_process_wait(&x->process, 0, -1) && cp_process_unread(&x->process) > 0)
        ended_early(x);
    cp_process_close_in(&x->process);
}

/* All was written and read: what does it think of it? */
static void see_ending(struct stream *x)
{
    const struct exec *exec = x->exec;

    drain(x, false);
    if (!x->must_end && !is_content(x, false))
        exec_fail(x->stage, &exec->program, &x->process, "");
}

/* ---- The thread ---- */

/* Waits for the input, for what is printed, or, once that has ended, for the end. */
static void step(struct stream *x)
{
    struct cp_process *process = &x->process;
    bool has_out = process->out >= 0;
    struct pollfd fd = {.fd = !x->has_begun ? -1
                              : has_out     ? process->out
                                            : process->ended_fd,
                        .events = POLLIN};
    struct cp_batch *b = NULL;
    enum cp_came came = cp_stage_poll(x->stage, &fd, 1, -1, x->has_input ? &b : NULL);

    if (fd.revents && has_out)
        read_some(x);
    else if (fd.revents && cp_process_wait(process, 0, -1) && came != CP_CAME_BATCH &&
             came != CP_CAME_END && !exec_may_have_ended(process, x->exec->on_exit))
        ended_early(x);
    if (came == CP_CAME_BATCH)
        take(x, b);
    else if (came == CP_CAME_END)
        end_input(x);
    else if (came == CP_CAME_STOP)
        x->must_end = true;
}

void exec_stream_run(struct cp_stage *s, struct exec *exec)
{
    struct stream *x = exec->stream;

    begin_output(x);
    while (!x->must_end && x->has_input)
        step(x);
    if (!x->must_end)
        see_ending(x);
    if (x->restarts > 0)
        snprintf(s->note, sizeof s->note,
                 "the program was started again %" PRIu64 " time%s: what it had read without an "
                 "answer is lost",
                 x->restarts, x->restarts == 1 ? "" : "s");
    s->has_failed = s->err.exit != CP_EXIT_OK;
    cp_stage_cut_input(s);
    cp_process_stop(&x->process);
    cp_feed_release(&x->feed);
}

int exec_stream_open(struct cp_stage *s, struct exec *exec, struct cp_err *err)
{
    struct stream *x = exec->stream = cp_heap_take(s->heap, sizeof *x);

    *x = (struct stream){.stage = s, .exec = exec, .process = CP_PROCESS_NONE, .has_input = true};
    cp_feed_init(&x->feed, s, exec->framing);
    x->feed.counter = &s->account.made;
    if (cp_process_start(&x->process, exec->program.argv,
                         CP_PROCESS_IN | CP_PROCESS_OUT | CP_PROCESS_GROUP, err) < 0)
        return -1;
    return exec_open_encoder(s, exec, write_lines, x, err);
}

void exec_stream_close(struct exec *exec)
{
    if (exec->stream && exec->stream->process.pid != 0)
        cp_process_stop(&exec->stream->process);
}
