/* reader.c: opening, waiting, unpacking. */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../base/alloc.h"
#include "../base/wait.h"

enum { GZIP_INPUT = 64 * 1024, PIPE_SIZE = 1 << 20 };

struct cp_gzip {
    z_stream z;
    bool is_in_member; /* between a member's header and its end */
    unsigned char in[GZIP_INPUT];
};

/* ---- Opening ---- */

static int check_kind(struct cp_reader *r, const struct stat *st, struct cp_err *err)
{
    if (S_ISDIR(st->st_mode)) {
        cp_err_set(err, CP_EXIT_IO, 0, "%s is a directory", r->name);
        return cp_err_hint(err, "name the files in it: %s/*.log", r->name);
    }
    return 0;
}

/* Years before 1677 and after 2262 are beyond what is counted here: taken as unknown. */
static int64_t nanoseconds(const struct timespec *t)
{
    int64_t ns;
    if (__builtin_mul_overflow(t->tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, t->tv_nsec, &ns))
        return 0;
    return ns;
}

int cp_reader_open_fd(struct cp_reader *r, int fd, const char *name, int stop_fd,
                      struct cp_err *err)
{
    struct stat st;

    *r = (struct cp_reader){.name = name, .fd = fd, .stop_fd = stop_fd};
    if (fstat(fd, &st) < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot read %s", name);
    r->is_regular = S_ISREG(st.st_mode);
    if (r->is_regular) {
        r->modified = nanoseconds(&st.st_mtim);
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else if (S_ISFIFO(st.st_mode)) {
        fcntl(fd, F_SETPIPE_SZ,
              PIPE_SIZE); /* a larger pipe costs its writer fewer wake-ups; may be refused */
    }
    return check_kind(r, &st, err);
}

int cp_reader_open(struct cp_reader *r, const char *path, int stop_fd, struct cp_err *err)
{
    if (strcmp(path, "-") == 0)
        return cp_reader_open_fd(r, STDIN_FILENO, "-", stop_fd, err);
    cp_before_wait(); /* a FIFO without a writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot open %s", path);
    if (cp_reader_open_fd(r, fd, path, stop_fd, err) < 0) {
        close(fd);
        return -1;
    }
    r->owns_fd = true;
    return 0;
}

void cp_reader_close(struct cp_reader *r)
{
    if (r->gzip) {
        inflateEnd(&r->gzip->z);
        free(r->gzip);
        r->gzip = NULL;
    }
    if (r->owns_fd)
        close(r->fd);
    r->owns_fd = false;
}

/* ---- Reading ---- */

/* Waits until the descriptor has something to say. 1, CP_READER_STOPPED, or -1 and errno. */
static int wait_readable(const struct cp_reader *r)
{
    struct pollfd fds[2] = {{.fd = r->fd, .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN}};
    int ready, timeout = 0;

    while ((ready = poll(fds, 2, timeout)) <= 0) {
        if (ready < 0 && errno != EINTR)
            return -1;
        if (timeout == 0)
            cp_before_wait();
        timeout = -1;
    }
    return fds[1].revents == 0 ? 1 : CP_READER_STOPPED;
}

/* Some files that are regular by name make readers wait; then there was little the time before. */
static int wait_regular(const struct cp_reader *r)
{
    if (r->was_short)
        cp_before_wait();
    return 1;
}

static ssize_t read_fd(struct cp_reader *r, void *buf, size_t n, struct cp_err *err)
{
    for (;;) {
        int ready = r->is_regular ? wait_regular(r) : wait_readable(r);
        if (ready == CP_READER_STOPPED)
            return ready;
        ssize_t got = ready < 0 ? -1 : read(r->fd, buf, n);
        if (got >= 0) {
            r->bytes += (uint64_t)got;
            r->was_short = (size_t)got < n;
            return got;
        }
        if (ready < 0 || (errno != EINTR && errno != EAGAIN))
            return cp_err_set(err, CP_EXIT_IO, errno, "cannot read %s", r->name);
    }
}

static const char *compression_of(const unsigned char *p, size_t n)
{
    static const struct {
        const char *name;
        size_t n;
        const char *magic;
    } known[] = {
        {"zstd", 4, "\x28\xb5\x2f\xfd"},
        {"xz", 6,
         "\xfd"
         "7zXZ\0"},
        {"bzip2", 3, "BZh"},
        {"lz4", 4, "\x04\x22\x4d\x18"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n > known[i].n && memcmp(p, known[i].magic, known[i].n) == 0)
            return known[i].name;
    return NULL;
}

static bool is_gzip(const unsigned char *p, size_t n)
{
    return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static void gzip_open(struct cp_reader *r, const void *first, size_t n)
{
    r->gzip = cp_xcalloc(1, sizeof *r->gzip);
    memcpy(r->gzip->in, first, n);
    r->gzip->z.next_in = r->gzip->in;
    r->gzip->z.avail_in = (unsigned)n;
    if (inflateInit2(&r->gzip->z, 15 + 16) != Z_OK)
        cp_oom();
    r->gzip->is_in_member = true;
}

static int gzip_error(struct cp_reader *r, struct cp_err *err, const char *what)
{
    return cp_err_set(err, CP_EXIT_IO, 0, "%s: %s at byte %llu of the compressed data", r->name,
                      what, (unsigned long long)(r->bytes - r->gzip->z.avail_in));
}

/* More compressed bytes: 1 there are some, 0 the end, else as cp_reader_read. */
static ssize_t gzip_fill(struct cp_reader *r, struct cp_err *err)
{
    struct cp_gzip *g = r->gzip;
    if (g->z.avail_in > 0)
        return 1;
    ssize_t n = read_fd(r, g->in, sizeof g->in, err);
    if (n <= 0)
        return n;
    g->z.next_in = g->in;
    g->z.avail_in = (unsigned)n;
    return 1;
}

/* Behind a member: another one may follow, or zeros that pad; anything else is damage. */
static void gzip_next_member(struct cp_gzip *g)
{
    while (g->z.avail_in > 0 && *g->z.next_in == 0) {
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (g->z.avail_in == 0)
        return;
    inflateReset(&g->z);
    g->is_in_member = true;
}

static ssize_t read_gzip(struct cp_reader *r, void *buf, size_t n, struct cp_err *err)
{
    struct cp_gzip *g = r->gzip;

    g->z.next_out = buf;
    g->z.avail_out = (unsigned)n;
    while (g->z.avail_out == n) {
        ssize_t st = gzip_fill(r, err);
        if (st == 0 && g->is_in_member)
            return gzip_error(r, err, "the gzip data ends too early");
        if (st <= 0)
            return st;
        if (!g->is_in_member)
            gzip_next_member(g);
        if (!g->is_in_member)
            continue;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            g->is_in_member = false;
        else if (rc != Z_OK && rc != Z_BUF_ERROR)
            return gzip_error(r, err, "the gzip data is damaged");
    }
    return (ssize_t)(n - g->z.avail_out);
}

/* The first bytes tell the compression. A first read of one or two bytes is taken as it is unless
 * it may be a gzip header. */
static ssize_t read_first(struct cp_reader *r, void *buf, size_t n, struct cp_err *err)
{
    unsigned char *p = buf;
    ssize_t got = read_fd(r, p, n < GZIP_INPUT ? n : GZIP_INPUT, err);

    while (got > 0 && got < 3 && p[0] == 0x1f && n >= 3) {
        ssize_t more = read_fd(r, p + got, 3 - (size_t)got, err);
        if (more <= 0)
            break;
        got += more;
    }
    if (got <= 0)
        return got;
    r->is_started = true;
    const char *name = compression_of(p, (size_t)got);
    if (name) {
        cp_err_set(err, CP_EXIT_IO, 0, "%s is compressed with %s, which this version does not read",
                   r->name, name);
        return cp_err_hint(err, "unpack it in front: %s -dc %s | chanpipe …", name, r->name);
    }
    if (!is_gzip(p, (size_t)got))
        return got;
    gzip_open(r, p, (size_t)got);
    return read_gzip(r, buf, n, err);
}

ssize_t cp_reader_read(struct cp_reader *r, void *buf, size_t n, struct cp_err *err)
{
    if (!r->is_started)
        return read_first(r, buf, n, err);
    return r->gzip ? read_gzip(r, buf, n, err) : read_fd(r, buf, n, err);
}
