/* sorter.c: sorting in bounded memory. */
#include "sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "value.h"

enum {
    RADIX_FROM = 512, /* items; fewer are merged */
    INSERTION_MAX = 12,
    CUT_SLACK = 1024,
    LEAST_BUFFER = 16384,
};

/* An entry: the head, the record, the key, padding to 8. */
struct head {
    uint32_t size, key_len;
};

struct cp_sort_item {
    uint64_t prefix; /* 8 bytes of the key, the first of them highest */
    size_t at;       /* of the entry in memory */
};

/* ---- Entries ---- */

static size_t entry_size(size_t size, size_t key_len)
{
    return (sizeof(struct head) + size + key_len + 7) & ~(size_t)7;
}

static struct head head_of(const char *entry)
{
    struct head h;
    memcpy(&h, entry, sizeof h);
    return h;
}

static size_t size_of(const char *entry)
{
    struct head h = head_of(entry);
    return entry_size(h.size, h.key_len);
}

struct key {
    const char *p;
    size_t n;
};

static struct key key_of(const char *entry)
{
    struct head h = head_of(entry);
    return (struct key){entry + sizeof h + h.size, h.key_len};
}

/* Bytes [from, from + 8) of a key as a number; those behind its end are zero. No key is the
 * beginning of another, so that they decide nothing. */
static uint64_t key_word(struct key k, size_t from)
{
    uint64_t v = 0;
    if (from < k.n)
        memcpy(&v, k.p + from, k.n - from < 8 ? k.n - from : 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static int key_compare(struct key a, struct key b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

/* ---- Sorting the index ---- */

static void insertion_sort(struct cp_sort_item *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct cp_sort_item x = v[i];
        size_t k = i;
        for (; k > 0 && v[k - 1].prefix > x.prefix; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

static void merge_sort(struct cp_sort_item *v, size_t n, struct cp_sort_item *spare)
{
    if (n <= INSERTION_MAX) {
        insertion_sort(v, n);
        return;
    }
    size_t half = n / 2, i = 0, k = half, at = 0;
    merge_sort(v, half, spare);
    merge_sort(v + half, n - half, spare);
    memcpy(spare, v, half * sizeof *v);
    while (i < half && k < n)
        v[at++] = v[k].prefix < spare[i].prefix ? v[k++] : spare[i++];
    memcpy(v + at, spare + i, (half - i) * sizeof *v);
}

/* By the bytes of the prefix from the last to the first; those that all have in common are passed
 * over. */
static void radix_sort(struct cp_sort_item *v, size_t n, struct cp_sort_item *spare)
{
    uint32_t count[8][256] = {0};
    struct cp_sort_item *from = v, *to = spare;

    for (size_t i = 0; i < n; i++)
        for (unsigned byte = 0; byte < 8; byte++)
            count[byte][v[i].prefix >> (8 * byte) & 0xFF]++;
    for (unsigned byte = 0; byte < 8; byte++) {
        uint32_t at = 0;
        if (count[byte][v[0].prefix >> (8 * byte) & 0xFF] == n)
            continue;
        for (size_t d = 0; d < 256; d++) {
            uint32_t c = count[byte][d];
            count[byte][d] = at;
            at += c;
        }
        for (size_t i = 0; i < n; i++)
            to[count[byte][from[i].prefix >> (8 * byte) & 0xFF]++] = from[i];
        struct cp_sort_item *t = from;
        from = to;
        to = t;
    }
    if (from != v)
        memcpy(v, from, n * sizeof *v);
}

static void sort_by_prefix(struct cp_sort_item *v, size_t n, struct cp_sort_item *spare)
{
    if (n < RADIX_FROM)
        merge_sort(v, n, spare);
    else
        radix_sort(v, n, spare);
}

/* How many bytes from `from` on all keys have in common; SIZE_MAX: they are the same. */
static size_t common_bytes(const char *memory, const struct cp_sort_item *v, size_t n, size_t from)
{
    struct key first = key_of(memory + v[0].at);
    size_t common = SIZE_MAX;

    for (size_t i = 1; i < n; i++) {
        struct key k = key_of(memory + v[i].at);
        size_t most = k.n < first.n ? k.n : first.n, at = from;
        if (common != SIZE_MAX && most > from + common)
            most = from + common;
        while (at < most && k.p[at] == first.p[at])
            at++;
        if (at < most || (common == SIZE_MAX && k.n != first.n))
            common = at - from;
    }
    return common;
}

static void sort_items(const char *memory, struct cp_sort_item *v, size_t n,
                       struct cp_sort_item *spare, size_t from);

/* Sorts each stretch of items with the same prefix by what follows, but the longest, which is left
 * to the caller: so the depth of the recursion is a logarithm. */
static size_t sort_stretches(const char *memory, struct cp_sort_item *v, size_t n,
                             struct cp_sort_item *spare, size_t from, size_t *longest_at)
{
    size_t longest = 1;

    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && v[k].prefix == v[i].prefix; k++)
            ;
        if (k - i <= longest) {
            if (k - i > 1)
                sort_items(memory, v + i, k - i, spare, from);
            continue;
        }
        if (longest > 1)
            sort_items(memory, v + *longest_at, longest, spare, from);
        longest = k - i;
        *longest_at = i;
    }
    return longest;
}

/* Items whose keys are the same in their first `from` bytes. spare: n of them. */
static void sort_items(const char *memory, struct cp_sort_item *v, size_t n,
                       struct cp_sort_item *spare, size_t from)
{
    while (n > 1) {
        size_t common = common_bytes(memory, v, n, from), at = 0;
        if (common == SIZE_MAX)
            return;
        from += common;
        for (size_t i = 0; i < n; i++)
            v[i].prefix = key_word(key_of(memory + v[i].at), from);
        sort_by_prefix(v, n, spare);
        n = sort_stretches(memory, v, n, spare, from + 8, &at);
        v += at;
        from += 8;
    }
}

/* The index lies below the top of the memory, the newest item first. */
static struct cp_sort_item *items(const struct cp_sorter *s)
{
    return (struct cp_sort_item *)(void *)(s->memory + s->max) - s->n;
}

static void reverse(struct cp_sort_item *v, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct cp_sort_item t = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = t;
    }
}

/* Sorts the index in place, oldest items first among equals. */
static struct cp_sort_item *sort_index(struct cp_sorter *s)
{
    struct cp_sort_item *v = items(s), *spare = v - s->n;
    size_t at = 0;

    reverse(v, s->n);
    if (s->n < 2)
        return v;
    sort_by_prefix(v, s->n, spare);
    size_t n = sort_stretches(s->memory, v, s->n, spare, 8, &at);
    sort_items(s->memory, v + at, n, spare, 8);
    return v;
}

/* ---- Limits ---- */

static int compare_at(const void *a, const void *b)
{
    size_t x = ((const struct cp_sort_item *)a)->at, y = ((const struct cp_sort_item *)b)->at;
    return (x > y) - (x < y);
}

/* Leaves only the first `limit` items. Their entries move together in the order they came, so that
 * equal ones stay in order. */
static void cut(struct cp_sorter *s)
{
    struct cp_sort_item *v = sort_index(s);
    size_t keep = (size_t)s->limit, bound = v[keep - 1].at, used = 0;

    qsort(v, keep, sizeof *v, compare_at);
    for (size_t i = 0; i < keep; i++) {
        size_t size = size_of(s->memory + v[i].at);
        memmove(s->memory + used, s->memory + v[i].at, size);
        if (v[i].at == bound)
            s->bound = used;
        v[i].at = used;
        v[i].prefix = key_word(key_of(s->memory + used), 0);
        used += size;
    }
    struct cp_sort_item *to = (struct cp_sort_item *)(void *)(s->memory + s->max) - keep;
    memmove(to, v, keep * sizeof *v);
    s->n = keep;
    s->used = used;
    reverse(to, keep);
    s->is_cut = true;
}

bool cp_sorter_wants(const struct cp_sorter *s, const char *key, size_t n)
{
    return !s->is_cut || key_compare((struct key){key, n}, key_of(s->memory + s->bound)) < 0;
}

/* ---- The file ---- */

static const char *temporary_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

static int file_error(struct cp_err *err, int sys, const char *what)
{
    return cp_err_set(err, CP_EXIT_IO, sys, "cannot %s a temporary file in %s", what,
                      temporary_folder());
}

/* Where the file system knows no files without a name, one is removed at once. */
static int open_unlinked(const char *folder)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/chanpipe-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int file_open(struct cp_sort_file *f, struct cp_err *err)
{
    *f = (struct cp_sort_file){
        .fd = open(temporary_folder(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600)};
    if (f->fd < 0)
        f->fd = open_unlinked(temporary_folder());
    return f->fd >= 0 ? 0 : file_error(err, errno, "make");
}

static void file_close(struct cp_sort_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->runs);
    *f = (struct cp_sort_file){.fd = -1};
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int out_flush(struct cp_sorter *s, struct cp_sort_file *f, struct cp_err *err)
{
    if (write_all(f->fd, s->out, s->out_used) < 0)
        return file_error(err, errno, "write");
    f->size += (off_t)s->out_used;
    s->spilled += s->out_used;
    s->out_used = 0;
    return 0;
}

static int out_put(struct cp_sorter *s, struct cp_sort_file *f, const char *p, size_t n,
                   struct cp_err *err)
{
    while (n > 0) {
        size_t part = CP_SORT_WRITE_SIZE - s->out_used < n ? CP_SORT_WRITE_SIZE - s->out_used : n;
        memcpy(s->out + s->out_used, p, part);
        s->out_used += part;
        p += part;
        n -= part;
        if (s->out_used == CP_SORT_WRITE_SIZE && out_flush(s, f, err) < 0)
            return -1;
    }
    return 0;
}

/* What has been written since `from` is a run. */
static int run_end(struct cp_sorter *s, struct cp_sort_file *f, off_t from, struct cp_err *err)
{
    if (out_flush(s, f, err) < 0)
        return -1;
    f->runs = cp_xgrow(f->runs, f->n, &f->cap, sizeof *f->runs);
    f->runs[f->n++] = (struct cp_sort_run){.at = from, .end = f->size};
    return 0;
}

static uint64_t run_limit(const struct cp_sorter *s, uint64_t n)
{
    return s->limit && s->limit < n ? s->limit : n;
}

/* Writes what is in memory as a run. */
static int spill(struct cp_sorter *s, struct cp_err *err)
{
    struct cp_sort_item *v = sort_index(s);
    uint64_t n = run_limit(s, s->n);
    off_t from;

    if (s->file.fd < 0 && file_open(&s->file, err) < 0)
        return -1;
    if (!s->out)
        s->out = cp_xmalloc(CP_SORT_WRITE_SIZE);
    from = s->file.size;
    for (uint64_t i = 0; i < n; i++) {
        const char *entry = s->memory + v[i].at;
        if (out_put(s, &s->file, entry, size_of(entry), err) < 0)
            return -1;
    }
    s->n = s->used = 0;
    s->is_cut = false;
    return run_end(s, &s->file, from, err);
}

/* ---- Adding ---- */

void cp_sorter_init(struct cp_sorter *s, size_t max_memory, uint64_t limit)
{
    *s = (struct cp_sorter){.max = max_memory & ~(size_t)15, .limit = limit, .file.fd = -1};
    s->memory = mmap(NULL, s->max + CP_PAD, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->memory == MAP_FAILED)
        cp_oom();
}

void cp_sorter_release(struct cp_sorter *s)
{
    if (!s->memory)
        return;
    munmap(s->memory, s->max + CP_PAD);
    file_close(&s->file);
    free(s->out);
    s->memory = NULL;
}

/* The index and as much again to sort it. */
static bool has_room(const struct cp_sorter *s, size_t entry)
{
    return s->used + entry + 2 * (s->n + 1) * sizeof(struct cp_sort_item) <= s->max;
}

static int make_room(struct cp_sorter *s, size_t entry, struct cp_err *err)
{
    bool can_cut = s->limit > 0 && s->n > s->limit;

    if (can_cut && (s->n >= 2 * s->limit + CUT_SLACK || !has_room(s, entry)))
        cut(s);
    if (has_room(s, entry))
        return 0;
    return spill(s, err);
}

char *cp_sorter_add(struct cp_sorter *s, const char *key, size_t n, size_t size, struct cp_err *err)
{
    size_t entry = entry_size(size, n);
    struct head h = {(uint32_t)size, (uint32_t)n};
    char *to;

    if (entry > s->max / 4 || entry > UINT32_MAX) {
        cp_err_set(err, CP_EXIT_IO, 0,
                   "a record of %zu bytes is too large to be sorted in %zu bytes of memory", entry,
                   s->max);
        return NULL;
    }
    if (make_room(s, entry, err) < 0)
        return NULL;
    to = s->memory + s->used;
    memcpy(to, &h, sizeof h);
    memcpy(to + sizeof h + size, key, n);
    s->n++;
    *items(s) = (struct cp_sort_item){key_word((struct key){key, n}, 0), s->used};
    s->used += entry;
    if (entry > s->largest)
        s->largest = entry;
    return to + sizeof h;
}

/* ---- Reading runs ---- */

/* Reads on, so that a whole entry is in the buffer. 1: there is one, 0: the run has ended, -1: err
 * is set. */
static int run_fill(const struct cp_sorter *s, struct cp_sort_run *r, struct cp_err *err)
{
    size_t left = r->have - r->pos;

    if (left >= sizeof(struct head) && left >= size_of(r->buf + r->pos))
        return 1;
    memmove(r->buf, r->buf + r->pos, left);
    r->pos = 0;
    r->have = left;
    while (r->have < r->cap && r->at < r->end) {
        size_t n = (size_t)(r->end - r->at) < r->cap - r->have ? (size_t)(r->end - r->at)
                                                               : r->cap - r->have;
        ssize_t got = pread(s->file.fd, r->buf + r->have, n, r->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return file_error(err, got < 0 ? errno : EIO, "read");
        r->have += (size_t)got;
        r->at += got;
    }
    return r->have > 0;
}

static bool run_before(const struct cp_sort_run *a, const struct cp_sort_run *b)
{
    int c = key_compare(key_of(a->buf + a->pos), key_of(b->buf + b->pos));
    return c != 0 ? c < 0 : a->order < b->order;
}

static void heap_down(struct cp_sorter *s, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < s->heap_n; i = child) {
        if (child + 1 < s->heap_n && run_before(s->heap[child + 1], s->heap[child]))
            child++;
        if (run_before(s->heap[i], s->heap[child]))
            return;
        struct cp_sort_run *t = s->heap[i];
        s->heap[i] = s->heap[child];
        s->heap[child] = t;
    }
}

/* Prepares n runs for merging; they share the memory. */
static int heap_start(struct cp_sorter *s, struct cp_sort_run *runs, size_t n, struct cp_err *err)
{
    size_t share = s->max / n & ~(size_t)7;

    s->heap_n = 0;
    for (size_t i = 0; i < n; i++) {
        runs[i].buf = s->memory + i * share;
        runs[i].cap = share;
        runs[i].pos = runs[i].have = 0;
        runs[i].order = i;
        int rc = run_fill(s, &runs[i], err);
        if (rc < 0)
            return -1;
        if (rc > 0)
            s->heap[s->heap_n++] = &runs[i];
    }
    for (size_t i = s->heap_n; i-- > 0;)
        heap_down(s, i);
    return 0;
}

/* Passes over the first entry. */
static int heap_advance(struct cp_sorter *s, struct cp_err *err)
{
    struct cp_sort_run *r = s->heap[0];
    int rc;

    r->pos += size_of(r->buf + r->pos);
    if ((rc = run_fill(s, r, err)) < 0)
        return -1;
    if (rc == 0)
        s->heap[0] = s->heap[--s->heap_n];
    heap_down(s, 0);
    return 0;
}

/* ---- Merging ---- */

/* Runs that can be merged at a time, each with a buffer for the largest entry. */
static size_t fan(const struct cp_sorter *s)
{
    size_t n = s->max / (s->largest > LEAST_BUFFER ? s->largest : LEAST_BUFFER);
    return n > CP_SORT_FAN ? CP_SORT_FAN : n < 2 ? 2 : n;
}

static int merge_runs(struct cp_sorter *s, struct cp_sort_run *runs, size_t n,
                      struct cp_sort_file *to, struct cp_err *err)
{
    off_t from = to->size;
    uint64_t left = s->limit ? s->limit : UINT64_MAX;

    if (heap_start(s, runs, n, err) < 0)
        return -1;
    for (; s->heap_n > 0 && left > 0; left--) {
        const char *entry = s->heap[0]->buf + s->heap[0]->pos;
        if (out_put(s, to, entry, size_of(entry), err) < 0 || heap_advance(s, err) < 0)
            return -1;
    }
    return run_end(s, to, from, err);
}

/* Merges neighbouring runs into a new file, which takes the place of the old one. */
static int merge_pass(struct cp_sorter *s, struct cp_err *err)
{
    size_t width = fan(s);
    struct cp_sort_file to;
    int rc = file_open(&to, err);

    for (size_t i = 0; i < s->file.n && rc == 0; i += width)
        rc = merge_runs(s, s->file.runs + i, s->file.n - i < width ? s->file.n - i : width, &to,
                        err);
    file_close(&s->file);
    s->file = to;
    return rc;
}

int cp_sorter_end(struct cp_sorter *s, struct cp_err *err)
{
    if (s->file.n == 0) {
        s->order = sort_index(s);
        return 0;
    }
    if (s->n > 0 && spill(s, err) < 0)
        return -1;
    while (s->file.n > fan(s))
        if (merge_pass(s, err) < 0)
            return -1;
    s->is_merging = true;
    return heap_start(s, s->file.runs, s->file.n, err);
}

const char *cp_sorter_next(struct cp_sorter *s, struct cp_err *err)
{
    if (s->limit && s->given == s->limit)
        return NULL;
    s->given++;
    if (!s->is_merging)
        return s->next < s->n ? s->memory + s->order[s->next++].at + sizeof(struct head) : NULL;
    if (s->has_current && heap_advance(s, err) < 0)
        return NULL;
    s->has_current = true;
    return s->heap_n > 0 ? s->heap[0]->buf + s->heap[0]->pos + sizeof(struct head) : NULL;
}
