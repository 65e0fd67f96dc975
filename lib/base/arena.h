/* arena.h: two ways to make memory that is given back all at once.
 *
 * cp_arena: a bump allocator over one fixed piece of memory; for texts that records of one batch
 * compute. It never grows: when it is full the caller is told, undoes its work (cp_arena_reset to a
 * mark) and does it again on fewer records.
 *
 * cp_heap: a growing list of chunks; for what lives as long as the plan or a stage. Out of memory
 * ends the program with a message and status 4 (alloc.h), the one way out that everything above
 * libchan uses.
 */
#ifndef CP_BASE_ARENA_H
#define CP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cp_arena {
    char *base; /* constant */
    size_t cap; /* bytes that may be given out; CP_PAD more exist behind them */
    size_t used;
    bool full; /* an allocation failed since the last reset */
};

/* n bytes, unaligned, or NULL and a->full when fewer are left. */
static inline char *cp_arena_take(struct cp_arena *a, size_t n)
{
    if (n > a->cap - a->used) {
        a->full = true;
        return NULL;
    }
    char *p = a->base + a->used;
    a->used += n;
    return p;
}

/* Others read from now on what was given out, and n bytes behind it: these are left alone. */
static inline void cp_arena_guard(struct cp_arena *a, size_t n)
{
    if (a->used > 0)
        a->used += n < a->cap - a->used ? n : a->cap - a->used;
}

static inline void cp_arena_reset(struct cp_arena *a, size_t mark)
{
    a->used = mark;
    a->full = false;
}

struct cp_heap_chunk;

struct cp_heap {
    struct cp_heap_chunk *head;
    char *at, *end; /* the free part of the head chunk */
    size_t bytes;   /* taken from the system, chunk headers included */
};

/* Zeroed, aligned to 16, never NULL; CP_PAD readable bytes follow. */
void *cp_heap_take(struct cp_heap *h, size_t n);
/* Room for one more element of that size behind v[0..n), an array that only this call has grown. */
void *cp_heap_grow(struct cp_heap *h, void *v, size_t n, size_t size);
/* A copy of p[0..n) that ends in NUL, with CP_PAD readable bytes behind it; unaligned, so that keys
 * pack densely. */
char *cp_heap_copy(struct cp_heap *h, const char *p, size_t n);
/* printf into the heap. */
char *cp_heap_printf(struct cp_heap *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Gives everything back. The heap can be used again. */
void cp_heap_release(struct cp_heap *h);

#endif
