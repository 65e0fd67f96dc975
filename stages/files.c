/* files: reads files, one after another. */
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/run/feed.h"
#include "source.h"

struct files {
    struct source_options common;
    struct cp_list paths; /* as an option: `paths: [a, b]` */

    struct cp_framing *framing;
    char **names; /* in the heap */
    size_t n;

    /* What is read now. */
    size_t at; /* its name */
    bool is_open;
    struct cp_feed feed;
    struct cp_reader reader;
};

static const struct cp_option options[] = {
    {"paths", CP_OPT_LIST, offsetof(struct files, paths), NULL, NULL,
     "the files, instead of arguments"},
    SOURCE_OPTIONS(struct files, common),
    {NULL},
};

static void add_name(struct files *self, struct cp_heap *heap, const char *name)
{
    self->names = cp_heap_grow(heap, self->names, self->n, sizeof *self->names);
    self->names[self->n++] = cp_heap_copy(heap, name, strlen(name));
}

static void add_pattern(struct cp_planner *p, struct files *self, const char *pattern,
                        struct cp_pos pos)
{
    glob_t g;
    int rc = glob(pattern, GLOB_BRACE | GLOB_TILDE, NULL, &g);

    for (size_t i = 0; rc == 0 && i < g.gl_pathc; i++)
        add_name(self, p->heap, g.gl_pathv[i]);
    if (rc == GLOB_NOMATCH)
        cp_diag_error(p->diags, pos, NULL, "no file matches %s", pattern);
    else if (rc != 0)
        cp_diag_error(p->diags, pos, NULL, "cannot list the files of %s", pattern);
    if (rc == 0)
        globfree(&g);
}

static bool has_wildcard(const char *s)
{
    return strpbrk(s, "*?[{~") != NULL;
}

static void add(struct cp_planner *p, struct files *self, const struct cp_slice *name,
                bool is_literal, struct cp_pos pos)
{
    char *path = cp_heap_copy(p->heap, name->p, name->n);
    if (!is_literal && has_wildcard(path))
        add_pattern(p, self, path, pos);
    else
        add_name(self, p->heap, path);
}

static int files_plan(struct cp_planner *p, void *data)
{
    struct files *self = data;

    self->framing = p->framing;
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (w->key.n > 0)
            cp_plan_word_option(p, w);
        else
            add(p, self, &w->text.s, w->quoted, cp_text_pos(&w->text, 0, w->text.s.n));
    }
    for (size_t i = 0; i < self->paths.n; i++)
        add(p, self, &self->paths.v[i], false, p->stage->pos);
    source_plan(p, &self->common);
    if (self->n == 0 && p->diags->errors == 0)
        return cp_diag_error(p->diags, p->stage->pos, "files access.log, files \"logs/*.log\"",
                             "files needs a path");
    return 0;
}

static void note_file(struct cp_stage *s, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        cp_stage_reads(s, st.st_dev, st.st_ino);
}

/* What is no regular file is opened once: the writer of a FIFO would lose what it wrote between two
 * readers. */
static bool is_opened_once(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
           access(path, R_OK) == 0;
}

/* All files are looked at before anything runs, so that a mistyped name costs nothing. */
static int files_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct files *self = data;
    for (size_t i = 0; i < self->n; i++) {
        struct cp_reader r;
        if (strcmp(self->names[i], "-") == 0) {
            note_file(s, STDIN_FILENO);
            continue;
        }
        if (is_opened_once(self->names[i]))
            continue;
        if (cp_reader_open(&r, self->names[i], s->stop_fd, err) < 0)
            return -1;
        note_file(s, r.fd);
        cp_reader_close(&r);
    }
    cp_feed_init(&self->feed, s, self->framing);
    return 0;
}

static bool begin_file(struct cp_stage *s, struct files *self)
{
    self->is_open = cp_reader_open(&self->reader, self->names[self->at], s->stop_fd, &s->err) == 0;
    if (!self->is_open)
        cp_stage_report(s);
    return self->is_open;
}

static void end_file(struct files *self)
{
    cp_feed_release(&self->feed);
    if (self->is_open)
        cp_reader_close(&self->reader);
    self->is_open = false;
}

static struct cp_batch *files_next(struct cp_stage *s, void *data)
{
    struct files *self = data;
    struct cp_batch *b = NULL;

    while (self->at < self->n && !b) {
        if (!self->is_open && !begin_file(s, self))
            return NULL;
        b = cp_feed_next(&self->feed, &self->reader);
        if (!b && !cp_feed_has_ended(&self->feed))
            return NULL;
        if (!b) {
            end_file(self);
            self->at++;
        }
    }
    return b;
}

static int files_finish(struct cp_stage *s, void *data)
{
    (void)s;
    end_file(data);
    return 0;
}

static void files_close(void *data)
{
    end_file(data);
}

const struct cp_stage_type cp_stage_files = {
    .name = "files",
    .kind = CP_SOURCE,
    .summary = "Reads files, one after another",
    .usage = "PATH ...",
    .doc = "Shell patterns (* ? [a-c] {a,b} ~) are replaced by the files that match, in the order "
           "of their names; - is standard "
           "input. Files compressed with gzip are told by their first bytes and unpacked. A file "
           "that cannot be opened is an "
           "error before anything runs.",
    .args = CP_ARGS_WORDS,
    .size = sizeof(struct files),
    .options = options,
    .plan = files_plan,
    .open = files_open,
    .next = files_next,
    .finish = files_finish,
    .close = files_close,
};
