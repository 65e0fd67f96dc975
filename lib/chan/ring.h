/*
 * ring.h - what a channel needs from the queue inside it.
 *
 * A ring never waits for the other side and never wakes it: it says what is the matter, and
 * transfer.c does the rest. What it publishes for the other side it publishes as it says in
 * `publish` (publish.h), and what it reads of the other side to say CHANI_BLOCKED, CHANI_BUSY or
 * CHANI_CLOSED with seq_cst loads, so that the caller may park on the answer (see park.h). Where a
 * peer on the same side is in the middle of an operation the ring may wait for that by itself.
 */
#ifndef CHANI_RING_H
#define CHANI_RING_H

#include "publish.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum chani_moved {
    CHANI_MOVED,   /* at least one value */
    CHANI_BLOCKED, /* full, or empty */
    CHANI_BUSY,    /* a peer is in the middle of moving the value or slot that is next */
    CHANI_SHUT,    /* push, reserve, commit: closed */
    CHANI_NOMEM,   /* push, commit: out of memory */
    CHANI_LIMIT    /* reserve: more permits than can be counted */
};

/* Permits out on one bounded ring. */
#define CHANI_PERMITS_MAX 32767

/* For push and pop, so that push_one and pop_one become functions of their own: half the time. */
#define CHANI_BOTH inline __attribute__((always_inline))

/* Kept out of the functions that call it, whose common path needs fewer registers then. */
#define CHANI_SLOW __attribute__((noinline))

struct chani_ring;

struct chani_ring_ops {
    /* Move the first 1..n values, n > 0. *moved is set on CHANI_MOVED. */
    enum chani_moved (*push)(struct chani_ring *ring, const void *elems, size_t n, size_t *moved);
    enum chani_moved (*pop)(struct chani_ring *ring, void *elems, size_t n, size_t *moved);

    /* The same with n = 1, without a count in memory. */
    enum chani_moved (*push_one)(struct chani_ring *ring, const void *elem);
    enum chani_moved (*pop_one)(struct chani_ring *ring, void *elem);

    /* A push or pop would move something now. */
    bool (*can_push)(const struct chani_ring *ring);
    bool (*can_pop)(const struct chani_ring *ring);

    /*
     * Numbers below 2^60, for a select that must know that nothing came between two looks: as long
     * as the number is the same, a push (a pop) that gave CHANI_BLOCKED would give it still. Any
     * thread. NULL in a meeting place, where the lock does this.
     */
    uint64_t (*push_token)(const struct chani_ring *ring);
    uint64_t (*pop_token)(const struct chani_ring *ring);

    /*
     * When a pop may begin to succeed without a push, on the clock of chan_now_ns; CHAN_FOREVER for
     * never. NULL in all rings but timers, which in turn have no push, can_push and push_token.
     */
    int64_t (*next_event)(const struct chani_ring *ring);

    /* A push would not find the ring full; of a closed ring, too. NULL as push_token. */
    bool (*has_room)(const struct chani_ring *ring);

    size_t (*len)(const struct chani_ring *ring);

    /*
     * Room for one value, taken in advance. A reserve that gives CHANI_MOVED is ended by one
     * commit, whatever it gives, or one release; only the latter leaves room for others. A commit
     * is never CHANI_BLOCKED or CHANI_BUSY, it waits for a receiver that is copying a value. NULL
     * as push_token.
     */
    enum chani_moved (*reserve)(struct chani_ring *ring);
    enum chani_moved (*commit)(struct chani_ring *ring, const void *elem);
    void (*release)(struct chani_ring *ring);

    /*
     * A push that takes the oldest value out of a full ring; *did_evict is set then, also when the
     * push gives CHANI_SHUT afterwards. CHANI_BLOCKED when permits hold all the room. Waits for
     * peers that are copying. NULL where pushing threads cannot pop, or never have to.
     */
    enum chani_moved (*evict)(struct chani_ring *ring, const void *elem, void *evicted,
                              bool *did_evict);

    /* Makes every later push give CHANI_SHUT. Any thread, any number of times. */
    void (*close)(struct chani_ring *ring);
    bool (*is_closed)(const struct chani_ring *ring);

    /*
     * Destroys the values of a closed ring, on the popping side. CHANI_BLOCKED when all are gone,
     * CHANI_BUSY when a push that began before the close is not finished.
     */
    enum chani_moved (*discard)(struct chani_ring *ring, void (*drop)(void *elem, void *ctx),
                                void *ctx);

    void (*free)(struct chani_ring *ring);
};

/* The head of every ring. Constant after start. */
struct chani_ring {
    const struct chani_ring_ops *ops;
    size_t capacity;
    size_t elem_size;
    enum chani_publish publish;
};

/* NULL when out of memory. */
struct chani_ring *chani_ring_1to1_new(size_t capacity, size_t elem_size);
struct chani_ring *chani_ring_many_new(size_t capacity, size_t elem_size);

/* For tests: a ring whose positions wrap after so many laps. */
struct chani_ring *chani_ring_many_new_at(size_t capacity, size_t elem_size, uint64_t laps);

/* One with locks, and one for a single thread at each end. */
struct chani_ring *chani_ring_unbounded_new(size_t elem_size);
struct chani_ring *chani_ring_unbounded_1to1_new(size_t elem_size);

/* Copies n values. A value of 8 bytes, most likely a pointer, costs no call. */
static inline void chani_copy(void *to, const void *from, size_t n, size_t elem_size)
{
    if (elem_size == 8 && n == 1)
        memcpy(to, from, 8);
    else if (elem_size > 0)
        memcpy(to, from, n * elem_size);
}

#endif
