/* stdin: reads standard input. */
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/run/feed.h"
#include "source.h"

struct std_in {
    struct source_options common;
    struct cp_framing *framing;
    struct cp_feed feed;
    struct cp_reader reader;
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
    struct std_in *self = data;
    struct stat st;

    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
        cp_stage_reads(s, st.st_dev, st.st_ino);
    cp_feed_init(&self->feed, s, self->framing);
    return cp_reader_open_fd(&self->reader, STDIN_FILENO, "-", s->stop_fd, err);
}

static struct cp_batch *stdin_next(struct cp_stage *s, void *data)
{
    struct std_in *self = data;

    (void)s;
    return cp_feed_next(&self->feed, &self->reader);
}

static int stdin_finish(struct cp_stage *s, void *data)
{
    struct std_in *self = data;

    (void)s;
    cp_feed_release(&self->feed);
    return 0;
}

static void stdin_close(void *data)
{
    struct std_in *self = data;

    cp_feed_release(&self->feed);
    cp_reader_close(&self->reader);
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
    .next = stdin_next,
    .finish = stdin_finish,
    .close = stdin_close,
};
