/* sorter.h: sorts pieces of bytes by keys of bytes, in bounded memory: what does not fit goes to a
 * temporary file.
 *
 * DESIGN. Entries (a record, then its key) fill one reserved range of memory from below, the index
 * of 16-byte items (the first 8 bytes of the key and where the entry lies) from above. When they
 * meet, the index is sorted and the entries are written to the file in that order: a run. At the
 * end the runs are merged, CP_SORT_FAN at a time. Sorting is by 8 bytes of the key at a time (radix
 * sort for many items), then, within items that have these in common, by the next 8 bytes in which
 * they differ; so keys are read from the front to the back and no byte twice. It is stable. Memory
 * that was never filled is never touched.
 *
 * With a limit only so many of the first are kept: an entry that cannot be among them is refused at
 * once.
 *
 *     cp_sorter_init(&s, max_memory, limit);
 *     if (cp_sorter_wants(&s, key, n)) to = cp_sorter_add(&s, key, n, size, &err);   write size
 * bytes to `to` cp_sorter_end(&s, &err); while ((record = cp_sorter_next(&s, &err))) …
 *     cp_sorter_release(&s);
 *
 * One thread. The file has no name; it lies in $TMPDIR or /tmp and is gone with the process.
 */
#ifndef CP_DATA_SORTER_H
#define CP_DATA_SORTER_H

#include <sys/types.h>

#include "../base/err.h"

enum {
    CP_SORT_FAN = 64,            /* runs merged at a time */
    CP_SORT_MIN_MEMORY = 65536,  /* less makes no sense */
    CP_SORT_WRITE_SIZE = 262144, /* beside max_memory */
};

struct cp_sort_item;

/* A sorted run in the file, and what has been read of it. */
struct cp_sort_run {
    off_t at, end; /* bytes of the file still to be read */
    char *buf;     /* cap bytes */
    size_t pos, have, cap;
    size_t order; /* among those merged: for stability */
};

struct cp_sort_file {
    int fd; /* -1: none */
    off_t size;
    struct cp_sort_run *runs;
    size_t n, cap;
};

struct cp_sorter {
    /* Constant. */
    size_t max;     /* bytes of memory */
    uint64_t limit; /* 0: none */

    char *memory;
    size_t used;    /* bytes of entries */
    size_t n;       /* items */
    size_t largest; /* entry */
    bool is_cut;    /* the first `limit` items are sorted, and the last of them is the bound */
    size_t bound;   /* where that entry lies */

    struct cp_sort_file file;
    char *out; /* write buffer */
    size_t out_used;
    uint64_t spilled; /* bytes written to files in all */

    /* After the end. */
    struct cp_sort_item *order; /* in memory; or */
    struct cp_sort_run *heap[CP_SORT_FAN];
    size_t heap_n;
    bool is_merging, has_current;
    size_t next;
    uint64_t given;
};

/* max_memory: at least CP_SORT_MIN_MEMORY; an entry may have a quarter of it. limit: 0, or how many
 * entries are wanted. */
void cp_sorter_init(struct cp_sorter *s, size_t max_memory, uint64_t limit);
void cp_sorter_release(struct cp_sorter *s);

/* False: with such a key it cannot be among the first `limit`. */
bool cp_sorter_wants(const struct cp_sorter *s, const char *key, size_t n);
/* Adds an entry; the caller writes the size bytes of its record (aligned to 8) before the next
 * call. NULL: err is set. */
char *cp_sorter_add(struct cp_sorter *s, const char *key, size_t n, size_t size,
                    struct cp_err *err);
/* No more of them. -1: err is set. */
int cp_sorter_end(struct cp_sorter *s, struct cp_err *err);
/* The next record in order, valid until the next call; NULL at the end or with err set. */
const char *cp_sorter_next(struct cp_sorter *s, struct cp_err *err);

#endif
