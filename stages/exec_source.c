/* exec_source.c: what a program prints is the input. */
#include <poll.h>

#include "../lib/run/feed.h"
#include "exec.h"
#include "source.h"

struct from_program {
    struct source_options common;
    int on_exit;
    struct cp_framing *framing;
    struct exec_program program;
    struct cp_process process;
    struct cp_feed feed;
    struct cp_reader reader;
};

static const struct cp_option options[] = {
    SOURCE_OPTIONS(struct from_program, common),
    {"on_exit", CP_OPT_CHOICE, offsetof(struct from_program, on_exit), "fail end", NULL,
     "when the exit status of the program is not 0: fail ends the pipeline with status 4; end "
     "takes it for the end of the input"},
    {NULL},
};

static int from_program_plan(struct cp_planner *p, void *data)
{
    struct from_program *self = data;

    self->framing = p->framing;
    if (exec_plan_program(p, options, &self->program) < 0)
        return -1;
    for (size_t i = 0; i < p->words.n; i++)
        if (cp_plan_word_option(p, &p->words.v[i]) < 0)
            return -1;
    source_plan(p, &self->common);
    return 0;
}

static int from_program_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct from_program *self = data;

    cp_feed_init(&self->feed, s, self->framing);
    if (cp_process_start(&self->process, self->program.argv, CP_PROCESS_OUT, err) < 0)
        return -1;
    return cp_reader_open_fd(&self->reader, self->process.out, self->program.name, s->stop_fd, err);
}

/* The program has said all: how did it end? */
static void see_ending(struct cp_stage *s, struct from_program *self)
{
    cp_process_close_out(&self->process);
    if (!cp_process_wait(&self->process, -1, s->stop_fd))
        return; /* nobody wants to know any more */
    bool is_error = !cp_process_is_good(&self->process) &&
                    (self->on_exit == EXEC_FAIL || cp_process_signal(&self->process) != 0);
    if (is_error && !atomic_load(&s->must_stop))
        exec_fail(s, &self->program, &self->process, "");
}

static struct cp_batch *from_program_next(struct cp_stage *s, void *data)
{
    struct from_program *self = data;
    struct cp_batch *b = cp_feed_next(&self->feed, &self->reader);

    if (!b && cp_feed_has_ended(&self->feed))
        see_ending(s, self);
    return b;
}

static int from_program_finish(struct cp_stage *s, void *data)
{
    struct from_program *self = data;

    (void)s;
    cp_feed_release(&self->feed);
    cp_process_stop(&self->process);
    return 0;
}

static void from_program_close(void *data)
{
    struct from_program *self = data;

    cp_feed_release(&self->feed);
    cp_reader_close(&self->reader);
    if (self->process.pid != 0)
        cp_process_stop(&self->process);
}

const struct cp_stage_type exec_source = {
    .name = "exec",
    .kind = CP_SOURCE,
    .summary = "Runs a program and reads what it prints",
    .usage = "[KEY=VALUE ...] PROGRAM [ARGUMENT ...]",
    .args = CP_ARGS_WORDS,
    .size = sizeof(struct from_program),
    .options = options,
    .plan = from_program_plan,
    .open = from_program_open,
    .next = from_program_next,
    .finish = from_program_finish,
    .close = from_program_close,
};
