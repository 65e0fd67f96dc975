/* stdout: writes records to standard output. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink.h"

struct std_out {
    struct sink sink;
};

static const struct cp_option options[] = {
    SINK_OPTIONS(struct std_out, sink),
    {NULL},
};

static int stdout_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct std_out *self = data;
    return sink_setting(p, &self->sink, set, p->options->format);
}

static int stdout_plan(struct cp_planner *p, void *data)
{
    struct std_out *self = data;
    struct cp_words rest;

    if (sink_words(p, &self->sink, options, self, &rest, p->options->format) < 0)
        return -1;
    if (rest.n > 0)
        return cp_diag_error(p->diags, cp_text_pos(&rest.v[0].text, 0, rest.v[0].text.s.n),
                             "file PATH writes a file", "stdout takes no arguments");
    return sink_plan(p, &self->sink, p->options->format);
}

static int stdout_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct std_out *self = data;
    struct stat st;

    if (s->worker > 0)
        return sink_join(s, &self->sink, err);
    if (fstat(STDOUT_FILENO, &st) < 0)
        return cp_err_set(err, CP_EXIT_IO, 0, "cannot write standard output: it is closed");
    if (S_ISREG(st.st_mode) && st.st_size > 0 && cp_stage_is_read(s, st.st_dev, st.st_ino))
        return cp_err_set(err, CP_EXIT_IO, 0, "standard output is a file that the pipeline reads");
    bool appends = fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND;
    if (S_ISREG(st.st_mode) && cp_stage_writes(s, st.st_dev, st.st_ino, appends, err) < 0)
        return -1;
    return sink_open(s, &self->sink, STDOUT_FILENO, "standard output", err);
}

const struct cp_stage_type cp_stage_stdout = {
    .name = "stdout",
    .kind = CP_SINK,
    .summary = "Writes records to standard output",
    .usage = "[format=FORMAT]",
    .doc = "The sink of a pipeline that names none. The format is that of option -o, else a table "
           "for counts and statistics "
           "on a terminal, the lines themselves when the pipeline never parsed, JSON otherwise. "
           "Nothing is held back: what "
           "has come is written before the stage waits for more.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_STATELESS | CP_STAGE_SEES_ALL,
    .size = sizeof(struct std_out),
    .options = options,
    .setting = stdout_setting,
    .plan = stdout_plan,
    .open = stdout_open,
    SINK_FUNCTIONS,
    .finish = sink_stage_finish,
    .close = sink_stage_close,
};
