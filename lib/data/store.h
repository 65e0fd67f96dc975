/* store.h: the memory of a stage that keeps state: bounded, given back all at once.
 *
 * DESIGN. State grows with the data, so that every byte of it comes out of one budget (semantics
 * 35). A store counts what it takes from the system, also what it wastes, and refuses before the
 * budget is exceeded; the caller then has a rule for what happens to the data (the group `other`, a
 * value left out and counted). Two kinds of memory:
 *
 *   copies   of key texts: packed densely, never given back
 *   pieces   of arrays that grow: a power of two of bytes, given back to a list of their size.
 * Large ones come from the system and return to it.
 *
 * Nothing that is handed out moves; CP_PAD bytes behind it can be read. Not thread safe.
 */
#ifndef CP_DATA_STORE_H
#define CP_DATA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CP_STORE_MIN = 16, /* the smallest piece */
    CP_STORE_CLASSES = 40,
    CP_STORE_MIN_BUDGET = 65536, /* less makes no sense */
};

struct cp_store_chunk;

struct cp_store {
    size_t max;  /* constant: bytes it may take */
    size_t used; /* taken from the system or reserved */
    struct cp_store_chunk *chunks, *large;
    size_t chunk_size;                   /* of the next chunk */
    char *at, *end;                      /* the free part of the chunk in use */
    void *free_pieces[CP_STORE_CLASSES]; /* of 2^k bytes, linked through their first word */
};

void cp_store_init(struct cp_store *s, size_t max);
/* Gives everything back. A zeroed store is allowed. */
void cp_store_release(struct cp_store *s);

/* A copy of p[0..n), unaligned; NULL when it is refused. */
char *cp_store_copy(struct cp_store *s, const char *p, size_t n);
/* n zeroed bytes, aligned to 8, for good; NULL when refused. */
void *cp_store_take(struct cp_store *s, size_t n);

/* The bytes that a piece of n bytes really has. */
size_t cp_store_piece_size(size_t n);
/* A piece of at least n bytes, not zeroed, aligned to 16; NULL when refused. */
void *cp_store_piece(struct cp_store *s, size_t n);
/* The piece made larger: the first `old` bytes are kept. p may be NULL. NULL when refused: p stays
 * as it was. */
void *cp_store_grow(struct cp_store *s, void *p, size_t old, size_t n);
/* Gives a piece of (at least) n bytes back; NULL is allowed. */
void cp_store_give(struct cp_store *s, void *p, size_t n);

/* Counts memory that the caller takes from the system on its own; false when there is no room for
 * it. */
bool cp_store_reserve(struct cp_store *s, size_t n);
void cp_store_unreserve(struct cp_store *s, size_t n);

#endif
