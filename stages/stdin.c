/* stdin: reads standard input. */
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/run/feed.h"
#include "source.h"

struct std_in {
    struct source_options common;
    struct cp_framing *framing;
};

static const struct cp_option options[] = {
    SOURCE_OPTIONS(struct std_in, common),
    {NULL},
};

static int stdin_plan(struct cp_planner *p, void *data)
{
    struct std_in *self = data;

    self->framing = p->framing;
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (w->key.n == 0)
            return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n),
                                 "files reads files", "stdin takes no arguments");
        if (cp_plan_word_option(p, w) < 0)
            return -1;
    }
    source_plan(p, &self->common);
    return 0;
}

static int stdin_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct stat st;

    (void)data;
    (void)err;
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
        cp_stage_reads(s, st.st_dev, st.st_ino);
    return 0;
}

static void stdin_run(struct cp_stage *s, void *data)
{
    struct std_in *self = data;
    struct cp_feed feed;
    struct cp_reader r;

    cp_feed_init(&feed, s, self->framing);
    if (cp_reader_open_fd(&r, STDIN_FILENO, "-", s->stop_fd, &s->err) < 0) {
        cp_stage_report(s);
        return;
    }
    cp_feed_input(&feed, &r);
    cp_reader_close(&r);
}

const struct cp_stage_type cp_stage_stdin = {
    .name = "stdin",
    .kind = CP_SOURCE,
    .summary = "Reads standard input",
    .usage = "",
    .doc = "The source of a pipeline that names none, when no files are given on the command line.",
    .args = CP_ARGS_WORDS,
    .size = sizeof(struct std_in),
    .options = options,
    .plan = stdin_plan,
    .open = stdin_open,
    .run = stdin_run,
};
