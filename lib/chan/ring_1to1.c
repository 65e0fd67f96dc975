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
 * The line of an index holds nothing else, since the other side polls it: each side works with its
 * own copy, and stores the index when it is done.
 *
 * The tail is published lightly, and closed, as tail.h says; the head in the same way, and it needs
 * no end. Rings below LIGHT_MIN_CAPACITY go without, for their threads sleep so often that the
 * barrier of the sleeper costs more (16 us while the other side runs) than all that is saved.
 * Measured in turn, ns per value: capacity 64 99 with read-modify-writes and 56 without, capacity
 * 1024 85 and 57.
 *
 * Permits are a count that only the producer changes: what it finds room for is less by that. At
 * all times tail - seen_head + reserved <= capacity, so that a commit need not look.
 */
#include "barrier.h"
#include "park.h"
#include "ring.h"
#include "tail.h"

#include <stdlib.h>

#define LIGHT_MIN_CAPACITY 16u

struct ring_1to1 {
    /* Constant after start. */
    struct chani_ring base;
    unsigned char *slots;

    /* Producer only; others may read the limit. */
    _Alignas(CHANI_LINE) uint64_t my_tail; /* values pushed */
    uint64_t seen_head;
    size_t tail_slot;
    _Atomic size_t limit; /* (relaxed) capacity less permits */

    struct chani_tail tail; /* my_tail for the consumer */

    /* Atomic. Written by the consumer: my_head for the producer. */
    _Alignas(CHANI_LINE) _Atomic uint64_t head;

    /* Consumer only. */
    _Alignas(CHANI_LINE) uint64_t my_head; /* values popped */
    uint64_t seen_tail;
    size_t head_slot;
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
static inline size_t before_wrap(const struct ring_1to1 *ring, size_t slot, size_t n)
{
    return n == 1 ? 1 : min_size(n, ring->base.capacity - slot);
}

static inline size_t slot_after(const struct ring_1to1 *ring, size_t slot, size_t n)
{
    size_t room = ring->base.capacity - slot;

    if (n == 1)
        return room == 1 ? 0 : slot + 1;
    return n < room ? slot + n : n - room;
}

static inline void copy_in(struct ring_1to1 *ring, const unsigned char *elems, size_t n)
{
    size_t size = ring->base.elem_size;
    size_t first = before_wrap(ring, ring->tail_slot, n);

    chani_copy(ring->slots + ring->tail_slot * size, elems, first, size);
    if (first < n && size > 0)
        memcpy(ring->slots, elems + first * size, (n - first) * size);
}

static inline void copy_out(struct ring_1to1 *ring, unsigned char *elems, size_t n)
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
static inline size_t seen_room(const struct ring_1to1 *ring)
{
    return limit_of(ring) - (size_t)(ring->my_tail - ring->seen_head);
}

/* The producer looks at the head again. */
static CHANI_SLOW size_t room_now(struct ring_1to1 *ring)
{
    ring->seen_head = atomic_load(&ring->head);
    if (seen_room(ring) == 0) {
        chani_barrier_own(ring->tail.light);
        ring->seen_head = atomic_load(&ring->head);
    }
    return seen_room(ring);
}

/* The consumer looks at the tail again. */
static CHANI_SLOW size_t values_now(struct ring_1to1 *ring)
{
    ring->seen_tail = chani_tail_settled(&ring->tail);
    if (ring->seen_tail == ring->my_head) {
        chani_barrier_own(ring->tail.light);
        ring->seen_tail = chani_tail_settled(&ring->tail);
    }
    return (size_t)(ring->seen_tail - ring->my_head);
}

static bool is_closed(const struct chani_ring *base)
{
    return chani_tail_is_closed(&const_ring_of(base)->tail);
}

static CHANI_BOTH enum chani_moved push(struct chani_ring *base, const void *elems, size_t n,
                                        size_t *moved)
{
    struct ring_1to1 *ring = ring_of(base);
    size_t room = seen_room(ring);
    uint64_t tail;

    if (is_closed(base))
        return CHANI_SHUT;
    if (room < n) {
        room = room_now(ring);
        if (room == 0)
            return CHANI_BLOCKED;
        n = min_size(n, room);
    }
    copy_in(ring, elems, n);
    tail = ring->my_tail + n;
    if (!chani_tail_publish(&ring->tail, tail))
        return CHANI_SHUT;
    ring->my_tail = tail;
    ring->tail_slot = slot_after(ring, ring->tail_slot, n);
    *moved = n;
    return CHANI_MOVED;
}

static CHANI_BOTH enum chani_moved pop(struct chani_ring *base, void *elems, size_t n,
                                       size_t *moved)
{
    struct ring_1to1 *ring = ring_of(base);
    size_t queued = (size_t)(ring->seen_tail - ring->my_head);

    if (queued < n) {
        queued = values_now(ring);
        if (queued == 0)
            return CHANI_BLOCKED;
        n = min_size(n, queued);
    }
    copy_out(ring, elems, n);
    ring->head_slot = slot_after(ring, ring->head_slot, n);
    ring->my_head += n;
    chani_barrier_light_store(&ring->head, ring->my_head, ring->tail.light);
    *moved = n;
    return CHANI_MOVED;
}

static enum chani_moved push_one(struct chani_ring *base, const void *elem)
{
    size_t moved;

    return push(base, elem, 1, &moved);
}

static enum chani_moved pop_one(struct chani_ring *base, void *elem)
{
    size_t moved;

    return pop(base, elem, 1, &moved);
}

/* The counts are of one instant when the head did not move meanwhile. */
static size_t len(const struct chani_ring *base)
{
    const struct ring_1to1 *ring = const_ring_of(base);
    uint64_t before;
    uint64_t head;
    uint64_t tail;

    chani_barrier_own(ring->tail.light);
    head = atomic_load(&ring->head);
    do {
        before = head;
        tail = chani_tail_seen(&ring->tail);
        head = atomic_load(&ring->head);
    } while (head != before);
    return (size_t)(tail - head);
}

static bool has_room(const struct chani_ring *base)
{
    return len(base) < limit_of(const_ring_of(base));
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
    return atomic_load(&const_ring_of(base)->head) << 1 | is_closed(base);
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail.count);
}

static enum chani_moved reserve(struct chani_ring *base)
{
    struct ring_1to1 *ring = ring_of(base);

    if (is_closed(base))
        return CHANI_SHUT;
    if (seen_room(ring) == 0 && room_now(ring) == 0)
        return CHANI_BLOCKED;
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
    chani_tail_close(&ring_of(base)->tail);
}

static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    struct ring_1to1 *ring = ring_of(base);
    uint64_t tail = chani_tail_settled(&ring->tail);

    while (ring->my_head < tail) {
        if (drop != NULL)
            drop(ring->slots + ring->head_slot * base->elem_size, ctx);
        ring->head_slot = slot_after(ring, ring->head_slot, 1);
        ring->my_head++;
        atomic_store_explicit(&ring->head, ring->my_head, memory_order_relaxed);
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
    .push_one = push_one,
    .pop_one = pop_one,
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
    chani_tail_init(&ring->tail, capacity >= LIGHT_MIN_CAPACITY && chani_barrier_is_possible());
    if (ring->tail.light)
        ring->base.publish = CHANI_PUBLISH_LIGHT;
    atomic_init(&ring->limit, capacity);
    ring->slots = malloc(bytes > 0 ? bytes : 1);
    if (ring->slots == NULL) {
        free(ring);
        return NULL;
    }
    return &ring->base;
}
