/* arena.c: the growing heap of what lives as long as a plan.
 *
 * DESIGN. Chunks come zeroed from the system and every byte of them is given out once, so that a
 * taken piece is zeroed without being touched again. PAD bytes at the end of each chunk are never
 * given out: whatever is last in a chunk can be read past its end, and whatever is not last has its
 * neighbours there. A piece too large for a quarter of a chunk gets one of its own, behind the
 * head, so that the rest of the head is not lost.
 */
#include "arena.h"

#include "alloc.h"
#include "scan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAD = CP_SCAN_PADDING,
    ALIGN = 16,
    CHUNK_MIN = 4096,
    CHUNK_MAX = 256 * 1024,
};

struct cp_heap_chunk {
    _Alignas(ALIGN) struct cp_heap_chunk *next;
};

/* A chunk with room for n bytes; it is in no list yet. */
static struct cp_heap_chunk *chunk_new(struct cp_heap *h, size_t n)
{
    size_t size;

    if (__builtin_add_overflow(n, sizeof(struct cp_heap_chunk) + PAD, &size))
        cp_oom();
    struct cp_heap_chunk *chunk = cp_xcalloc(1, size);
    h->bytes += size;
    return chunk;
}

/* As large as all before it together, within limits. */
static void head_new(struct cp_heap *h)
{
    size_t size = h->bytes < CHUNK_MIN ? CHUNK_MIN : h->bytes > CHUNK_MAX ? CHUNK_MAX : h->bytes;
    size_t room = size - sizeof(struct cp_heap_chunk) - PAD;
    struct cp_heap_chunk *chunk = chunk_new(h, room);

    chunk->next = h->head;
    h->head = chunk;
    h->at = (char *)(chunk + 1);
    h->end = h->at + room;
}

static char *take_alone(struct cp_heap *h, size_t n)
{
    struct cp_heap_chunk *chunk = chunk_new(h, n);

    chunk->next = h->head->next;
    h->head->next = chunk;
    return (char *)(chunk + 1);
}

/* align is a power of two, at most ALIGN. */
static char *take(struct cp_heap *h, size_t n, size_t align)
{
    if (!h->head)
        head_new(h);
    size_t skip = -(uintptr_t)h->at & (align - 1);
    size_t left = (size_t)(h->end - h->at);
    if (left < skip || n > left - skip) {
        if (n > CHUNK_MIN / 4)
            return take_alone(h, n);
        head_new(h);
        skip = 0;
    }
    char *p = h->at + skip;
    h->at = p + n;
    return p;
}

void *cp_heap_take(struct cp_heap *h, size_t n)
{
    return take(h, n, ALIGN);
}

void *cp_heap_grow(struct cp_heap *h, void *v, size_t n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return v;
    void *larger = cp_heap_take(h, (n == 0 ? 1 : n * 2) * size);
    if (n > 0)
        memcpy(larger, v, n * size);
    return larger;
}

char *cp_heap_copy(struct cp_heap *h, const char *p, size_t n)
{
    char *copy = take(h, n + 1, 1);

    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

char *cp_heap_printf(struct cp_heap *h, const char *fmt, ...)
{
    va_list args, again;

    assert(fmt);
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        cp_oom();
    char *text = take(h, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void cp_heap_release(struct cp_heap *h)
{
    for (struct cp_heap_chunk *chunk = h->head, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *h = (struct cp_heap){0};
}
