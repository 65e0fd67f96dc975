/* rejects.c: writing records that failed. */
#include "rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "../base/wait.h"
#include "../io/writer.h"

extern const struct cp_format cp_format_json;

struct cp_rejects_file {
    struct cp_rejects_file *next;
    const char *path;
    uint64_t device, inode;
    bool is_regular;

    pthread_mutex_t mu;
    struct cp_writer writer; /* guarded by mu */
    uint64_t whole;          /* guarded by mu: bytes up to the last newline */
};

struct cp_rejects {
    struct cp_rejects_file *file;
    struct cp_out out;
    bool has_lock; /* of the file: in the middle of a line */
    void *json;    /* encoder of made records */

    /* Lines of the batch at hand that have been counted: up to this byte of its block. */
    const struct cp_batch *batch;
    uint32_t at;
    uint64_t line;
};

/* ---- Opening ---- */

static int refuse(struct cp_err *err, const char *path, int fd, int sys)
{
    cp_err_set(err, CP_EXIT_IO, sys, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static struct cp_rejects_file *find_file(struct cp_rejects_file *f, const struct stat *st)
{
    while (f && (f->device != st->st_dev || f->inode != st->st_ino))
        f = f->next;
    return f;
}

static int open_file(struct cp_rejects_file **files, struct cp_stage *s, struct cp_err *err,
                     struct cp_rejects_file **file)
{
    const char *path = s->to.file;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(err, path, fd, errno);
    if ((*file = find_file(*files, &st))) {
        close(fd);
        return 0;
    }
    if (S_ISREG(st.st_mode) && cp_stage_is_read(s, st.st_dev, st.st_ino)) {
        close(fd);
        return cp_err_set(err, CP_EXIT_IO, 0, "cannot write %s: the pipeline reads this file",
                          path);
    }
    if (S_ISREG(st.st_mode) && cp_stage_writes(s, st.st_dev, st.st_ino, false, err) < 0) {
        close(fd);
        return -1;
    }
    if (S_ISREG(st.st_mode))
        cp_stage_empties(s, fd, path);
    *file = cp_xcalloc(1, sizeof **file);
    **file = (struct cp_rejects_file){.next = *files,
                                      .path = path,
                                      .device = st.st_dev,
                                      .inode = st.st_ino,
                                      .is_regular = S_ISREG(st.st_mode),
                                      .writer = {.fd = fd}};
    pthread_mutex_init(&(*file)->mu, NULL);
    *files = *file;
    return 0;
}

static int write_bytes(void *ctx, const char *p, size_t n)
{
    struct cp_rejects *r = ctx;

    if (!r->has_lock)
        pthread_mutex_lock(&r->file->mu);
    r->has_lock = true;
    return r->file->writer.sys ? -1 : cp_writer_write(&r->file->writer, p, n);
}

int cp_rejects_open(struct cp_rejects_file **files, struct cp_stage *s, struct cp_err *err)
{
    struct cp_rejects_file *file;
    struct cp_rejects *r;

    if (!s->to.file)
        return 0;
    if (open_file(files, s, err, &file) < 0)
        return -1;
    r = s->rejects = cp_heap_take(s->heap, sizeof *r);
    r->file = file;
    r->json = cp_heap_take(s->heap, cp_format_json.encoder_size + 1);
    cp_out_init(&r->out, cp_heap_take(s->heap, CP_REJECTS_BUFFER), CP_REJECTS_BUFFER, write_bytes,
                r);
    return cp_format_json.encode_open ? cp_format_json.encode_open(r->json, s->heap, err) : 0;
}

/* ---- Writing ---- */

/* Behind a whole line. */
static void unlock(struct cp_rejects *r)
{
    if (!r->has_lock)
        return;
    if (r->file->writer.sys == 0)
        r->file->whole = r->file->writer.bytes;
    r->has_lock = false;
    pthread_mutex_unlock(&r->file->mu);
}

/* What the buffer could not hold has left already. */
static void end_line(struct cp_rejects *r)
{
    if (!r->has_lock)
        return;
    cp_out_flush(&r->out);
    unlock(r);
}

/* cp_batch_line, for records that come one after the other. */
static uint64_t count_lines(struct cp_rejects *r, const struct cp_batch *b, uint32_t i)
{
    uint32_t off = b->rec[i].off;

    if (b->origin)
        return b->origin[i].line;
    if (r->batch != b || off < r->at) {
        r->batch = b;
        r->at = b->start;
        r->line = b->first_line;
    }
    r->line += cp_scan_count(b->block->data + r->at, off - r->at, '\n');
    r->at = off;
    return r->line;
}

void cp_rejects_put(struct cp_stage *s, struct cp_batch *b, uint32_t i, const char *reason)
{
    struct cp_rejects *r = s->rejects;
    bool has_bytes = b->block && cp_batch_input(b, i);
    struct cp_reject line = cp_reject_of(b, i, has_bytes ? count_lines(r, b, i) : 0);

    line.stage = cp_slice_of(s->name);
    line.reason = cp_slice_of(reason);
    if (has_bytes) {
        cp_reject_put(&r->out, &line);
    } else {
        b->shape = cp_shape_of_record(s->to.shape, b, i);
        cp_reject_put_made(&r->out, &line, r->json, b, (uint16_t)i);
    }
    end_line(r);
}

void cp_rejects_put_lost(struct cp_stage *s, const struct cp_reject *r)
{
    cp_reject_put(&s->rejects->out, r);
    end_line(s->rejects);
}

/* The file ends behind its last whole line. */
static void cut_back(struct cp_rejects_file *f)
{
    struct stat st;

    if (f->is_regular && fstat(f->writer.fd, &st) == 0 && (uint64_t)st.st_size == f->writer.bytes &&
        ftruncate(f->writer.fd, (off_t)f->whole) == 0)
        f->writer.bytes = f->whole;
}

static int write_failed(struct cp_stage *s)
{
    struct cp_rejects_file *f = s->rejects->file;

    pthread_mutex_lock(&f->mu);
    cut_back(f);
    cp_stage_fail(s, CP_EXIT_IO, f->writer.sys, "cannot write %s after %llu bytes", f->path,
                  (unsigned long long)f->writer.bytes);
    pthread_mutex_unlock(&f->mu);
    return -1;
}

int cp_rejects_flush(struct cp_stage *s)
{
    struct cp_rejects *r = s->rejects;

    if (!r)
        return 0;
    r->batch = NULL;
    cp_before_wait(); /* the file may be slow */
    cp_out_flush(&r->out);
    unlock(r);
    return r->out.failed ? write_failed(s) : 0;
}

/* ---- Closing ---- */

static int close_file(struct cp_rejects_file *f, struct cp_err *err)
{
    int rc = close(f->writer.fd);

    if (rc < 0 && errno != EINTR && f->writer.sys == 0)
        rc = cp_err_set(err, CP_EXIT_IO, errno, "cannot write %s after %llu bytes", f->path,
                        (unsigned long long)f->writer.bytes);
    else
        rc = 0;
    pthread_mutex_destroy(&f->mu);
    free(f);
    return rc;
}

int cp_rejects_close(struct cp_rejects_file *files, struct cp_err *err)
{
    int rc = 0;

    while (files) {
        struct cp_rejects_file *next = files->next;
        if (close_file(files, err) < 0)
            rc = -1;
        files = next;
    }
    return rc;
}

void cp_rejects_release(struct cp_stage *s)
{
    if (s->rejects && cp_format_json.encode_close)
        cp_format_json.encode_close(s->rejects->json);
    s->rejects = NULL;
}
