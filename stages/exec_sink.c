/* exec_sink.c: records are written to a program. */
#include <poll.h>
#include <signal.h>

#include "exec.h"

struct to_program {
    struct sink sink; /* the first: as in all sinks */
    int on_exit;
    struct exec_program program;
    struct cp_process process;
};

static const struct cp_option options[] = {
    SINK_OPTIONS(struct to_program, sink),
    {"on_exit", CP_OPT_CHOICE, offsetof(struct to_program, on_exit), "fail end", NULL,
     "when the program ends before it has read all, or with an exit status that is not 0: fail "
     "ends the pipeline with status 4; end takes nothing more and is content"},
    {NULL},
};

static int to_program_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct to_program *self = data;
    return sink_setting(p, &self->sink, set, p->options->format);
}

static int to_program_plan(struct cp_planner *p, void *data)
{
    struct to_program *self = data;
    struct cp_words rest;

    if (exec_plan_program(p, options, &self->program) < 0 ||
        sink_words(p, &self->sink, options, self, &rest, p->options->format) < 0)
        return -1;
    return sink_plan(p, &self->sink, p->options->format);
}

/* The program has ended, or reads no more. What it thinks of that is its exit status; whoever reads
 * what it prints may have left before. */
static enum cp_outcome reader_left(struct cp_stage *s, struct sink *k)
{
    struct to_program *self = (struct to_program *)(void *)k;

    cp_process_close_in(&self->process);
    cp_stage_cut_input(s); /* at once: the program may take its time to end */
    cp_process_wait(&self->process, -1, -1);
    if (cp_process_signal(&self->process) == SIGPIPE) {
        cp_stage_reader_left(s);
        return CP_OUTCOME_DONE;
    }
    if (self->on_exit == EXEC_END && cp_process_signal(&self->process) == 0)
        return CP_OUTCOME_DONE;
    return exec_fail(s, &self->program, &self->process, " before it had read all records");
}

static int to_program_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct to_program *self = data;

    if (cp_process_start(&self->process, self->program.argv, CP_PROCESS_IN, err) < 0)
        return -1;
    self->sink.reader_left = reader_left;
    return sink_open(s, &self->sink, self->process.in, self->program.name, err);
}

/* What there is to wait for of the program. It may close its input before it ends. */
enum { END, IN, WATCHED };

static bool has_left(struct to_program *self, const struct pollfd *fds)
{
    if (fds[IN].revents != 0)
        return true;
    return cp_process_wait(&self->process, 0, -1) &&
           !exec_may_have_ended(&self->process, self->on_exit);
}

/* Writes what is held back, then waits for more, or for the program to leave. False: it has left.
 */
static bool wait_for_more(struct cp_stage *s, struct to_program *self, enum cp_came *came,
                          struct cp_batch **b)
{
    struct pollfd fds[WATCHED] = {[END] = {.fd = self->process.ended_fd, .events = POLLIN},
                                  /* POLLERR: nobody reads it */
                                  [IN] = {.fd = self->on_exit == EXEC_END ? self->process.in : -1}};

    *came = cp_stage_poll(s, fds, WATCHED, 0, b);
    if (*came != CP_CAME_NOTHING)
        return true;
    if (sink_idle(s, &self->sink) < 0)
        return false;
    *came = cp_stage_poll(s, fds, WATCHED, -1, b);
    if (*came != CP_CAME_NOTHING || !has_left(self, fds))
        return true;
    cp_outlet_end(&self->sink.end->outlet);
    s->has_failed = reader_left(s, &self->sink) == CP_OUTCOME_FAILED;
    return false;
}

static enum cp_outcome take(struct cp_stage *s, struct to_program *self, struct cp_batch *b)
{
    uint32_t n = b->n_sel;
    enum cp_outcome step = n > 0 ? sink_process(s, &self->sink, b) : CP_OUTCOME_OK;

    s->seen += n;
    if (cp_rejects_flush(s) < 0 && step == CP_OUTCOME_OK)
        step = CP_OUTCOME_DONE;
    if (step == CP_OUTCOME_FAILED)
        s->account.held += b->n_sel;
    cp_batch_release(b);
    return step;
}

/* The input has ended: the program gets all of it, and says by its exit status what it made of it.
 */
static void end(struct cp_stage *s, struct to_program *self)
{
    struct cp_process *process = &self->process;

    if (sink_finish(s, &self->sink) < 0)
        return;
    if (cp_process_wait(process, 0, -1) && cp_process_unread(process) > 0) {
        reader_left(s, &self->sink);
        return;
    }
    cp_process_close_in(process);
    cp_process_wait(process, -1, -1);
    if (cp_process_signal(process) == SIGPIPE)
        cp_stage_reader_left(s);
    else if (!cp_process_is_good(process) &&
             (self->on_exit == EXEC_FAIL || cp_process_signal(process) != 0))
        exec_fail(s, &self->program, process, "");
}

static void to_program_run(struct cp_stage *s, void *data)
{
    struct to_program *self = data;
    enum cp_came came = CP_CAME_NOTHING;
    enum cp_outcome step = CP_OUTCOME_OK;
    struct cp_batch *b;

    while (step == CP_OUTCOME_OK && wait_for_more(s, self, &came, &b)) {
        if (came == CP_CAME_BATCH)
            step = take(s, self, b);
        else if (came != CP_CAME_NOTHING)
            break;
    }
    if (came == CP_CAME_END && step == CP_OUTCOME_OK)
        end(s, self);
    else if (came == CP_CAME_STOP)
        sink_finish(s, &self->sink); /* a write has failed: says why */
    cp_stage_cut_input(s);
    cp_outlet_end(&self->sink.end->outlet);
    cp_process_stop(&self->process);
}

static void to_program_close(void *data)
{
    struct to_program *self = data;

    sink_close(&self->sink);
    if (self->process.pid != 0)
        cp_process_stop(&self->process);
}

const struct cp_stage_type exec_sink = {
    .name = "exec",
    .kind = CP_SINK,
    .summary = "Runs a program and writes the records to it",
    .usage = "[KEY=VALUE ...] PROGRAM [ARGUMENT ...]",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_POLLS,
    .size = sizeof(struct to_program),
    .options = options,
    .setting = to_program_setting,
    .plan = to_program_plan,
    .open = to_program_open,
    .run = to_program_run,
    .close = to_program_close,
};
