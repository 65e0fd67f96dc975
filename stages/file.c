/* file: writes records to a file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink.h"

struct file {
    struct sink sink; /* the first: sink_stage_process and its like rely on it */

    /* Options. */
    struct cp_slice path_option;
    bool appends, syncs;

    const char *path;
    int fd; /* plus one: 0 is none */
    bool is_regular;
};

static const struct cp_option options[] = {
    SINK_OPTIONS(struct file, sink),
    {"path", CP_OPT_TEXT, offsetof(struct file, path_option), NULL, NULL,
     "the file, instead of an argument"},
    {"append", CP_OPT_BOOL, offsetof(struct file, appends), NULL, "false",
     "write behind what the file holds already"},
    {"sync", CP_OPT_BOOL, offsetof(struct file, syncs), NULL, "false",
     "at the end wait until the disk has all of it"},
    {NULL},
};

/* ---- Planning ---- */

static bool ends_in(struct cp_slice s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.n > n && memcmp(s.p + s.n - n, suffix, n) == 0;
}

static const char *format_of(const struct cp_planner *p, struct cp_slice path)
{
    static const char *const table[][2] = {
        {".json", "json"}, {".jsonl", "json"},    {".ndjson", "json"}, {".csv", "csv"},
        {".tsv", "tsv"},   {".logfmt", "logfmt"}, {".log", "raw"},     {".txt", "raw"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (ends_in(path, table[i][0]))
            return table[i][1];
    return p->options->format;
}

/* The path: the one word without a key, or the option. */
static struct cp_slice find_path(const struct cp_planner *p, const struct file *self)
{
    for (size_t i = 0; i < p->words.n; i++)
        if (p->words.v[i].key.n == 0)
            return p->words.v[i].text.s;
    return self->path_option;
}

static int file_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct file *self = data;
    return sink_setting(p, &self->sink, set, format_of(p, find_path(p, self)));
}

static int refuse_compressed(struct cp_planner *p, struct cp_slice path)
{
    static const char *const suffixes[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_in(path, suffixes[i]))
            return cp_diag_error(
                p->diags, p->stage->pos, "write to stdout and pipe it into the compressor",
                "compressed files cannot be written in this version: %.*s", (int)path.n, path.p);
    return 0;
}

static int file_plan(struct cp_planner *p, void *data)
{
    struct file *self = data;
    struct cp_slice path = find_path(p, self);
    struct cp_words rest;

    if (sink_words(p, &self->sink, options, self, &rest, format_of(p, path)) < 0)
        return -1;
    path = find_path(p, self);
    if (rest.n > 1)
        return cp_diag_error(p->diags, cp_text_pos(&rest.v[1].text, 0, rest.v[1].text.s.n), NULL,
                             "file writes one file");
    if (path.n == 0)
        return cp_diag_error(p->diags, p->stage->pos, "file out.json", "file needs a path");
    if (cp_slice_is(path, "-"))
        return cp_diag_error(p->diags, p->stage->pos, "stdout writes to standard output",
                             "- is no file");
    if (refuse_compressed(p, path) < 0)
        return -1;
    self->path = cp_heap_copy(p->heap, path.p, path.n);
    if (cp_plan_writes(p, self->path) < 0)
        return -1;
    return sink_plan(p, &self->sink, format_of(p, path));
}

/* ---- Working ---- */

static int start_file(struct cp_stage *s, struct file *self, int fd, struct cp_err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot write %s", self->path);
    self->is_regular = S_ISREG(st.st_mode);
    if (self->is_regular && cp_stage_is_read(s, st.st_dev, st.st_ino))
        return cp_err_set(err, CP_EXIT_IO, 0, "cannot write %s: the pipeline reads this file",
                          self->path);
    if (self->is_regular && cp_stage_writes(s, st.st_dev, st.st_ino, self->appends, err) < 0)
        return -1;
    if (self->is_regular && !self->appends)
        cp_stage_empties(s, fd, self->path);
    if (sink_open(s, &self->sink, fd, self->path, err) < 0)
        return -1;
    if (self->is_regular)
        sink_cuts(&self->sink, self->appends ? (uint64_t)st.st_size : 0);
    return 0;
}

static int file_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct file *self = data;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (self->appends ? O_APPEND : 0);

    if (s->worker > 0)
        return sink_join(s, &self->sink, err);
    int fd = open(self->path, flags, 0644);
    if (fd < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot write %s", self->path);
    self->fd = fd + 1;
    return start_file(s, self, fd, err);
}

/* What was written may fail as late as when it is closed (NFS, quotas). */
static int close_file(struct cp_stage *s, struct file *self)
{
    int fd = self->fd - 1;
    bool has_failed = false;

    if (self->fd == 0)
        return 0;
    self->fd = 0;
    if (self->syncs && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        has_failed = true;
    int sys = errno;
    if (close(fd) < 0 && errno != EINTR && !has_failed) {
        has_failed = true;
        sys = errno;
    }
    if (!has_failed)
        return 0;
    cp_stage_fail(s, CP_EXIT_IO, sys, "cannot write %s after %llu bytes", self->path,
                  (unsigned long long)self->sink.end->writer.bytes);
    return -1;
}

static int file_finish(struct cp_stage *s, void *data)
{
    struct file *self = data;
    int rc = sink_finish(s, &self->sink);
    return close_file(s, self) < 0 ? -1 : rc;
}

static void file_close(void *data)
{
    struct file *self = data;

    sink_close(&self->sink);
    if (self->fd != 0)
        close(self->fd - 1);
}

const struct cp_stage_type cp_stage_file = {
    .name = "file",
    .kind = CP_SINK,
    .summary = "Writes records to a file",
    .usage = "PATH [format=FORMAT] [append=true] [sync=true]",
    .doc = "A file that exists is replaced unless append=true. The format follows from the end of "
           "the name: .json .jsonl "
           ".ndjson .csv .tsv .logfmt, raw for .log and .txt; else it is that of option -o, or "
           "JSON, or the lines "
           "themselves when the pipeline never parsed. When a write fails the file is cut back to "
           "its last whole line and "
           "the pipeline ends with status 4. A file that the pipeline reads, or that another stage "
           "writes, is refused. csv and "
           "tsv begin "
           "with a header line each time, also behind what the file holds already.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_STATELESS | CP_STAGE_SEES_ALL,
    .size = sizeof(struct file),
    .options = options,
    .setting = file_setting,
    .plan = file_plan,
    .open = file_open,
    SINK_FUNCTIONS,
    .finish = file_finish,
    .close = file_close,
    .examples =
        (const struct cp_example[]){
            {"parse logfmt | file /dev/stdout format=csv", "a=1 b=2\na=3 b=4\n", "a,b\n1,2\n3,4\n",
             "any path, any format"},
            {"parse json | file /dev/null", "{\"a\":1}\n", "", NULL},
            {NULL},
        },
};
