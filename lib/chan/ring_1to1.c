/*
 * ring_1to1.c - the queue of a one_to_one channel: an index ring.
 *
 * DESIGN
 *
 * Head and tail count values since the start (64 bits do not wrap), so that full and empty differ
 * without a slot lost; each side keeps its place in the slots apart, so that no capacity is
 * rounded. Each side remembers the index of the other side and reads it again only when it seems to
 * be out of room or values; in a steady flow the lines of the indices move once per batch.
 *
 * The lowest bit of the tail says closed. The producer publishes with a compare-and-exchange that
 * fails when the bit came in between: so a push is either before the close, and discard finds it,
 * or it fails and the value stays the sender's. The same instruction is the barrier that parking
 * needs. Rejected: a flag of its own, which lets a value slip in behind the discard.
 *
 * Permits are a count that only the producer changes: what it finds room for is less by that. At
 * all times tail - seen_head + reserved <= capacity, so that a commit need not look.
 */
#include "park.h"
#include "ring.h"

#include <stdlib.h>

#define CLOSED 1u
#define STEP 2u

struct ring_1to1 {
    /* Constant after start. */
    struct chani_ring base;
    unsigned char *slots;

    /* Written by the producer; anybody may set CLOSED in the tail. */
    _Alignas(CHANI_LINE) _Atomic uint64_t tail; /* values pushed * STEP | CLOSED */
    uint64_t seen_head;                         /* producer only */
    size_t tail_slot;                           /* producer only */
    _Atomic size_t limit; /* (relaxed) capacity less permits; written by the producer */

    /* Written by the consumer. */
    _Alignas(CHANI_LINE) _Atomic uint64_t head; /* values popped */
    uint64_t seen_tail;                         /* consumer only */
    size_t head_slot;                           /* consumer only */
};

static struct ring_1to1 *ring_of(struct chani_ring *base)
{
    return (struct ring_1to1 *)(void *)base;
}

static const struct ring_1to1 *const_ring_of(const struct chani_ring *base)
{
    return (const struct ring_1to1 *)(const void *)base;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many of n slots, counted from `slot`, come before the end of the array. */
static size_t before_wrap(const struct ring_1to1 *ring, size_t slot, size_t n)
{
    return min_size(n, ring->base.capacity - slot);
}

static size_t slot_after(const struct ring_1to1 *ring, size_t slot, size_t n)
{
    size_t room = ring->base.capacity - slot;

    return n < room ? slot + n : n - room;
}

static void copy_in(struct ring_1to1 *ring, const unsigned char *elems, size_t n)
{
    size_t size = ring->base.elem_size;
    size_t first = before_wrap(ring, ring->tail_slot, n);

    chani_copy(ring->slots + ring->tail_slot * size, elems, first, size);
    if (first < n && size > 0)
        memcpy(ring->slots, elems + first * size, (n - first) * size);
}

static void copy_out(struct ring_1to1 *ring, unsigned char *elems, size_t n)
{
    size_t size = ring->base.elem_size;
    size_t first = before_wrap(ring, ring->head_slot, n);

    chani_copy(elems, ring->slots + ring->head_slot * size, first, size);
    if (first < n && size > 0)
        memcpy(elems + first * size, ring->slots, (n - first) * size);
}

/* The capacity that is not reserved. */
static size_t limit_of(const struct ring_1to1 *ring)
{
    return atomic_load_explicit(&ring->limit, memory_order_relaxed);
}

/* Room at the tail as far as the producer knows. */
static inline size_t seen_room(const struct ring_1to1 *ring, uint64_t tail)
{
    return limit_of(ring) - (size_t)(tail / STEP - ring->seen_head);
}

static enum chani_moved push(struct chani_ring *base, const void *elems, size_t n, size_t *moved)
{
    struct ring_1to1 *ring = ring_of(base);
    uint64_t tail = atomic_load(&ring->tail);
    size_t room = seen_room(ring, tail);

    if (tail & CLOSED)
        return CHANI_SHUT;
    if (room < n) {
        ring->seen_head = atomic_load(&ring->head);
        room = seen_room(ring, tail);
        if (room == 0)
            return CHANI_BLOCKED;
        n = min_size(n, room);
    }
    copy_in(ring, elems, n);
    if (!atomic_compare_exchange_strong(&ring->tail, &tail, tail + n * STEP))
        return CHANI_SHUT;
    ring->tail_slot = slot_after(ring, ring->tail_slot, n);
    *moved = n;
    return CHANI_MOVED;
}

static enum chani_moved pop(struct chani_ring *base, void *elems, size_t n, size_t *moved)
{
    struct ring_1to1 *ring = ring_of(base);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t queued = (size_t)(ring->seen_tail - head);

    if (queued < n) {
        ring->seen_tail = atomic_load(&ring->tail) / STEP;
        queued = (size_t)(ring->seen_tail - head);
        if (queued == 0)
            return CHANI_BLOCKED;
        n = min_size(n, queued);
    }
    copy_out(ring, elems, n);
    ring->head_slot = slot_after(ring, ring->head_slot, n);
    atomic_store(&ring->head, head + n);
    *moved = n;
    return CHANI_MOVED;
}

/* The counts are of one instant when the head did not move meanwhile. */
static size_t len(const struct chani_ring *base)
{
    const struct ring_1to1 *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head);
    uint64_t before;
    uint64_t tail;

    do {
        before = head;
        tail = atomic_load(&ring->tail) / STEP;
        head = atomic_load(&ring->head);
    } while (head != before);
    return (size_t)(tail - head);
}

static bool has_room(const struct chani_ring *base)
{
    return len(base) < limit_of(const_ring_of(base));
}

static bool is_closed(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail) & CLOSED;
}

static bool can_push(const struct chani_ring *base)
{
    return !is_closed(base) && has_room(base);
}

static bool can_pop(const struct chani_ring *base)
{
    return len(base) > 0;
}

static uint64_t push_token(const struct chani_ring *base)
{
    const struct ring_1to1 *ring = const_ring_of(base);

    return atomic_load(&ring->head) * STEP | (atomic_load(&ring->tail) & CLOSED);
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail);
}

static enum chani_moved reserve(struct chani_ring *base)
{
    struct ring_1to1 *ring = ring_of(base);
    uint64_t tail = atomic_load(&ring->tail);

    if (tail & CLOSED)
        return CHANI_SHUT;
    if (seen_room(ring, tail) == 0) {
        ring->seen_head = atomic_load(&ring->head);
        if (seen_room(ring, tail) == 0)
            return CHANI_BLOCKED;
    }
    if (base->capacity - limit_of(ring) == CHANI_PERMITS_MAX)
        return CHANI_LIMIT;
    atomic_store_explicit(&ring->limit, limit_of(ring) - 1, memory_order_relaxed);
    return CHANI_MOVED;
}

static void release(struct chani_ring *base)
{
    struct ring_1to1 *ring = ring_of(base);

    atomic_store_explicit(&ring->limit, limit_of(ring) + 1, memory_order_relaxed);
}

static enum chani_moved commit(struct chani_ring *base, const void *elem)
{
    size_t moved;

    release(base);
    return push(base, elem, 1, &moved);
}

static void close_ring(struct chani_ring *base)
{
    atomic_fetch_or(&ring_of(base)->tail, CLOSED);
}

static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    struct ring_1to1 *ring = ring_of(base);
    uint64_t tail = atomic_load(&ring->tail) / STEP;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    for (; head < tail; head++) {
        if (drop != NULL)
            drop(ring->slots + ring->head_slot * base->elem_size, ctx);
        ring->head_slot = slot_after(ring, ring->head_slot, 1);
        atomic_store_explicit(&ring->head, head + 1, memory_order_relaxed);
    }
    return CHANI_BLOCKED;
}

static void free_ring(struct chani_ring *base)
{
    free(ring_of(base)->slots);
    free(base);
}

static const struct chani_ring_ops ops = {
    .push = push,
    .pop = pop,
    .can_push = can_push,
    .can_pop = can_pop,
    .push_token = push_token,
    .pop_token = pop_token,
    .has_room = has_room,
    .len = len,
    .reserve = reserve,
    .commit = commit,
    .release = release,
    .close = close_ring,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

struct chani_ring *chani_ring_1to1_new(size_t capacity, size_t elem_size)
{
    struct ring_1to1 *ring;
    size_t bytes;

    if (__builtin_mul_overflow(capacity, elem_size, &bytes) || bytes > PTRDIFF_MAX)
        return NULL;
    ring = aligned_alloc(CHANI_LINE, sizeof(*ring));
    if (ring == NULL)
        return NULL;
    memset(ring, 0, sizeof(*ring));
    ring->base = (struct chani_ring){.ops = &ops, .capacity = capacity, .elem_size = elem_size};
    atomic_init(&ring->limit, capacity);
    ring->slots = malloc(bytes > 0 ? bytes : 1);
    if (ring->slots == NULL) {
        free(ring);
        return NULL;
    }
    return &ring->base;
}
