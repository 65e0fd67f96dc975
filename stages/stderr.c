/* stderr: writes records to standard error. */
#include <sys/stat.h>
#include <unistd.h>

#include "sink.h"

struct std_err {
    struct sink sink; /* the first: sink_stage_process and its like rely on it */
};

static const struct cp_option options[] = {
    SINK_OPTIONS(struct std_err, sink),
    {NULL},
};

static int stderr_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct std_err *self = data;
    return sink_setting(p, &self->sink, set, p->options->format);
}

static int stderr_plan(struct cp_planner *p, void *data)
{
    struct std_err *self = data;
    struct cp_words rest;

    if (sink_words(p, &self->sink, options, self, &rest, p->options->format) < 0)
        return -1;
    if (rest.n > 0)
        return cp_diag_error(p->diags, cp_text_pos(&rest.v[0].text, 0, rest.v[0].text.s.n),
                             "file PATH writes a file", "stderr takes no arguments");
    return sink_plan(p, &self->sink, p->options->format);
}

static int stderr_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct std_err *self = data;
    struct stat st;

    if (s->worker > 0)
        return sink_join(s, &self->sink, err);
    if (fstat(STDERR_FILENO, &st) < 0)
        return cp_err_set(err, CP_EXIT_IO, 0, "cannot write standard error: it is closed");
    return sink_open(s, &self->sink, STDERR_FILENO, "standard error", err);
}

const struct cp_stage_type cp_stage_stderr = {
    .name = "stderr",
    .kind = CP_SINK,
    .summary = "Writes records to standard error",
    .usage = "[format=FORMAT]",
    .doc = "As stdout, but to standard error, where messages of the pipeline may stand between the "
           "records.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_STATELESS | CP_STAGE_SEES_ALL,
    .size = sizeof(struct std_err),
    .options = options,
    .setting = stderr_setting,
    .plan = stderr_plan,
    .open = stderr_open,
    SINK_FUNCTIONS,
    .finish = sink_stage_finish,
    .close = sink_stage_close,
    .examples =
        (const struct cp_example[]){
            {"parse logfmt | stderr format=json", "a=1\n", "",
             "nothing is left for standard output"},
            {NULL},
        },
};
