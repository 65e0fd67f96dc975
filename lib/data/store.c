/* store.c: bounded memory of a stage. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "value.h"

enum {
    ALIGN = 16,
    CHUNK_FIRST = 4096,
    CHUNK_MAX = 256 * 1024,
    LARGE = 64 * 1024, /* pieces from here on come from the system */
};

struct cp_store_chunk {
    _Alignas(ALIGN) struct cp_store_chunk *next;
    struct cp_store_chunk **link; /* what points at it */
};

void cp_store_init(struct cp_store *s, size_t max)
{
    *s = (struct cp_store){.max = max, .chunk_size = CHUNK_FIRST};
}

static void chunks_free(struct cp_store_chunk *chunk)
{
    while (chunk) {
        struct cp_store_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void cp_store_release(struct cp_store *s)
{
    chunks_free(s->chunks);
    chunks_free(s->large);
    *s = (struct cp_store){0};
}

bool cp_store_reserve(struct cp_store *s, size_t n)
{
    if (n > s->max - s->used)
        return false;
    s->used += n;
    return true;
}

void cp_store_unreserve(struct cp_store *s, size_t n)
{
    s->used -= n;
}

/* What a chunk with room for n bytes takes. */
static size_t chunk_bytes(size_t n)
{
    return sizeof(struct cp_store_chunk) + n + CP_PAD;
}

static char *chunk_new(struct cp_store *s, struct cp_store_chunk **list, size_t n)
{
    if (n > s->max || !cp_store_reserve(s, chunk_bytes(n)))
        return NULL;
    struct cp_store_chunk *chunk = cp_xcalloc(1, chunk_bytes(n));
    chunk->next = *list;
    chunk->link = list;
    if (*list)
        (*list)->link = &chunk->next;
    *list = chunk;
    return (char *)(chunk + 1);
}

/* Room for n bytes at s->at; near the end of the budget a chunk just as large as needed. */
static bool make_room(struct cp_store *s, size_t n)
{
    size_t size = s->chunk_size;
    char *p = n > size / 4 ? NULL : chunk_new(s, &s->chunks, size);

    if (!p && !(p = chunk_new(s, &s->chunks, size = n)))
        return false;
    s->at = p;
    s->end = p + size;
    if (s->chunk_size < CHUNK_MAX)
        s->chunk_size *= 2;
    return true;
}

/* A large text gets a chunk of its own, so that the rest of the one in use is not lost. */
static char *take(struct cp_store *s, size_t n, size_t align)
{
    size_t skip = -(uintptr_t)s->at & (align - 1);
    if (!s->at || n + skip > (size_t)(s->end - s->at)) {
        if (n > s->chunk_size / 4)
            return chunk_new(s, &s->chunks, n);
        if (!make_room(s, n))
            return NULL;
        skip = 0;
    }
    char *p = s->at + skip;
    s->at = p + n;
    return p;
}

char *cp_store_copy(struct cp_store *s, const char *p, size_t n)
{
    char *copy = take(s, n, 1);
    if (copy && n > 0)
        memcpy(copy, p, n);
    return copy;
}

void *cp_store_take(struct cp_store *s, size_t n)
{
    return take(s, n, 8);
}

/* ---- Pieces ---- */

static unsigned class_of(size_t n)
{
    return n <= CP_STORE_MIN ? 4 : 64 - (unsigned)__builtin_clzl(n - 1);
}

size_t cp_store_piece_size(size_t n)
{
    return (size_t)1 << class_of(n);
}

void *cp_store_piece(struct cp_store *s, size_t n)
{
    unsigned class = class_of(n);
    if (class >= CP_STORE_CLASSES)
        return NULL;
    void *p = s->free_pieces[class];
    if (p) {
        memcpy(&s->free_pieces[class], p, sizeof p);
        return p;
    }
    size_t size = (size_t)1 << class;
    return size >= LARGE ? chunk_new(s, &s->large, size) : take(s, size, ALIGN);
}

static void large_free(struct cp_store *s, void *p, size_t size)
{
    struct cp_store_chunk *chunk = (struct cp_store_chunk *)p - 1;
    *chunk->link = chunk->next;
    if (chunk->next)
        chunk->next->link = chunk->link;
    free(chunk);
    s->used -= chunk_bytes(size);
}

void cp_store_give(struct cp_store *s, void *p, size_t n)
{
    unsigned class = class_of(n);
    if (!p)
        return;
    if ((size_t)1 << class >= LARGE) {
        large_free(s, p, (size_t)1 << class);
        return;
    }
    memcpy(p, &s->free_pieces[class], sizeof p);
    s->free_pieces[class] = p;
}

void *cp_store_grow(struct cp_store *s, void *p, size_t old, size_t n)
{
    if (p && class_of(old) == class_of(n))
        return p;
    void *q = cp_store_piece(s, n);
    if (!q || !p)
        return q;
    memcpy(q, p, old);
    cp_store_give(s, p, old);
    return q;
}
