/*
 * ring_many.c - the queue of a bounded channel with many senders and receivers.
 *
 * DESIGN
 *
 * A ring of slots with stamps. A position is {lap, index}: the index of a slot in the lower bits,
 * above it how often the ring went round, 64 bits in all, which do not wrap. For the slot of a
 * position p its stamp says what may be done with it:
 *
 *     p          free for the push of position p
 *     p + 1      holds the value of position p
 *     p + lap    free for the push of the next lap
 *
 * Push claims the tail position with a compare-and-exchange, copies the value and sets the stamp;
 * pop does the same at the head. A position is claimed only when its stamp allows it, so the ring
 * holds exactly `capacity` values and FULL or EMPTY are true at some instant. A peer that was
 * stopped between its claim and its stamp makes the ring CHANI_BUSY for the position behind it: the
 * caller parks like any other waiter, and the peer's stamp is the event that wakes it. Rejected:
 * spinning or yielding until the peer is done, which wastes whole time slices when both share a
 * processor.
 *
 * The tail word is position * 2 | closed, so that no push can be claimed after the close.
 */
#include "park.h"
#include "ring.h"

#include <stdlib.h>

#define CLOSED 1u

/* Attempts on a busy slot before the caller is told. */
#define BUSY_SPINS 16

struct slot {
    _Atomic uint64_t stamp;
};

struct ring_many {
    /* Constant after start. */
    struct chani_ring base;
    unsigned char *slots;
    size_t stride; /* bytes from slot to slot */
    size_t offset; /* of the value in a slot */
    uint64_t lap;  /* a power of two, at least the capacity and at least 2 */

    /* Written by senders, and by anybody who closes. */
    _Alignas(CHANI_LINE) _Atomic uint64_t tail; /* position * 2 | CLOSED */

    /* Written by receivers. */
    _Alignas(CHANI_LINE) _Atomic uint64_t head; /* position */
};

static struct ring_many *ring_of(struct chani_ring *base)
{
    return (struct ring_many *)(void *)base;
}

static const struct ring_many *const_ring_of(const struct chani_ring *base)
{
    return (const struct ring_many *)(const void *)base;
}

static size_t index_of(const struct ring_many *ring, uint64_t pos)
{
    return (size_t)(pos & (ring->lap - 1));
}

static struct slot *slot_at(const struct ring_many *ring, uint64_t pos)
{
    return (struct slot *)(void *)(ring->slots + index_of(ring, pos) * ring->stride);
}

static unsigned char *value_of(const struct ring_many *ring, struct slot *slot)
{
    return (unsigned char *)slot + ring->offset;
}

static uint64_t next_pos(const struct ring_many *ring, uint64_t pos)
{
    size_t index = index_of(ring, pos);

    return index + 1 < ring->base.capacity ? pos + 1 : pos - index + ring->lap;
}

/* Positions as a count of values since the start. */
static uint64_t count_of(const struct ring_many *ring, uint64_t pos)
{
    return pos / ring->lap * ring->base.capacity + index_of(ring, pos);
}

/* A peer holds the slot: true as long as it makes sense to look again at once. */
static bool is_worth_spinning(unsigned *spins)
{
    chani_relax();
    return ++*spins < BUSY_SPINS;
}

/* Claims the next slot to push into; *pos is its position. */
static enum chani_moved claim_push(struct ring_many *ring, uint64_t *pos)
{
    uint64_t tail = atomic_load(&ring->tail);
    uint64_t stamp;
    unsigned spins = 0;

    while (!(tail & CLOSED)) {
        *pos = tail / 2;
        stamp = atomic_load(&slot_at(ring, *pos)->stamp);
        if (stamp == *pos) {
            if (atomic_compare_exchange_weak(&ring->tail, &tail, next_pos(ring, *pos) * 2))
                return CHANI_MOVED;
            continue;
        }
        if (stamp + ring->lap == *pos + 1) {
            /* The value of the lap before: nobody takes it yet, or somebody is about to. */
            if (atomic_load(&ring->head) + ring->lap == *pos)
                return CHANI_BLOCKED;
            if (atomic_load(&ring->tail) == tail && !is_worth_spinning(&spins))
                return CHANI_BUSY;
        }
        tail = atomic_load(&ring->tail);
    }
    return CHANI_SHUT;
}

/* Claims the next slot to take a value from; *pos is its position. */
static enum chani_moved claim_pop(struct ring_many *ring, uint64_t *pos)
{
    uint64_t head = atomic_load(&ring->head);
    uint64_t stamp;
    unsigned spins = 0;

    for (;;) {
        stamp = atomic_load(&slot_at(ring, head)->stamp);
        if (stamp == head + 1) {
            *pos = head;
            if (atomic_compare_exchange_weak(&ring->head, &head, next_pos(ring, head)))
                return CHANI_MOVED;
            continue;
        }
        if (stamp == head) {
            /* No value yet: nobody brings one, or somebody is about to. */
            if (atomic_load(&ring->tail) / 2 == head)
                return CHANI_BLOCKED;
            if (atomic_load(&ring->head) == head && !is_worth_spinning(&spins))
                return CHANI_BUSY;
        }
        head = atomic_load(&ring->head);
    }
}

static enum chani_moved push(struct chani_ring *base, const void *elems, size_t n, size_t *moved)
{
    struct ring_many *ring = ring_of(base);
    const unsigned char *elem = elems;
    enum chani_moved how = CHANI_MOVED;
    struct slot *slot;
    uint64_t pos;
    size_t done = 0;

    while (done < n && (how = claim_push(ring, &pos)) == CHANI_MOVED) {
        slot = slot_at(ring, pos);
        chani_copy(value_of(ring, slot), elem, 1, base->elem_size);
        atomic_store(&slot->stamp, pos + 1);
        done++;
        if (base->elem_size > 0)
            elem += base->elem_size;
    }
    *moved = done;
    return done > 0 ? CHANI_MOVED : how;
}

static enum chani_moved pop(struct chani_ring *base, void *elems, size_t n, size_t *moved)
{
    struct ring_many *ring = ring_of(base);
    unsigned char *elem = elems;
    enum chani_moved how = CHANI_MOVED;
    struct slot *slot;
    uint64_t pos;
    size_t done = 0;

    while (done < n && (how = claim_pop(ring, &pos)) == CHANI_MOVED) {
        slot = slot_at(ring, pos);
        chani_copy(elem, value_of(ring, slot), 1, base->elem_size);
        atomic_store(&slot->stamp, pos + ring->lap);
        done++;
        if (base->elem_size > 0)
            elem += base->elem_size;
    }
    *moved = done;
    return done > 0 ? CHANI_MOVED : how;
}

static bool can_push(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t tail = atomic_load(&ring->tail);

    return !(tail & CLOSED) && atomic_load(&slot_at(ring, tail / 2)->stamp) == tail / 2;
}

static bool can_pop(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head);

    return atomic_load(&slot_at(ring, head)->stamp) == head + 1;
}

/* A push that is blocked waits for a pop to claim its position, which moves the head. */
static uint64_t push_token(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);

    return atomic_load(&ring->head) * 2 | (atomic_load(&ring->tail) & CLOSED);
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail);
}

static size_t len(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head);
    uint64_t tail = atomic_load(&ring->tail) / 2;
    uint64_t n = count_of(ring, tail) - count_of(ring, head);

    /* Between the two loads more may have gone through than the ring holds. */
    return n < base->capacity ? (size_t)n : base->capacity;
}

static void close_ring(struct chani_ring *base)
{
    atomic_fetch_or(&ring_of(base)->tail, CLOSED);
}

static bool is_closed(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail) & CLOSED;
}

static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    struct ring_many *ring = ring_of(base);
    enum chani_moved how;
    struct slot *slot;
    uint64_t pos;

    while ((how = claim_pop(ring, &pos)) == CHANI_MOVED) {
        slot = slot_at(ring, pos);
        if (drop != NULL)
            drop(value_of(ring, slot), ctx);
        atomic_store(&slot->stamp, pos + ring->lap);
    }
    return how;
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
    .len = len,
    .close = close_ring,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

/*
 * Lays a slot out: small values directly behind the stamp, others aligned for any type. The stride
 * keeps the alignment for the slots that follow. False when the size is beyond all memory.
 */
static bool layout_slots(struct ring_many *ring, size_t *bytes)
{
    size_t align =
        ring->base.elem_size > sizeof(struct slot) ? _Alignof(max_align_t) : sizeof(struct slot);

    ring->offset = align;
    if (ring->base.elem_size > PTRDIFF_MAX)
        return false;
    ring->stride = (align + ring->base.elem_size + align - 1) / align * align;
    return !__builtin_mul_overflow(ring->stride, ring->base.capacity, bytes) &&
           *bytes <= PTRDIFF_MAX;
}

static void init_slots(struct ring_many *ring)
{
    ring->lap = 2;
    while (ring->lap < ring->base.capacity)
        ring->lap *= 2;
    for (uint64_t i = 0; i < ring->base.capacity; i++)
        atomic_init(&slot_at(ring, i)->stamp, i);
}

struct chani_ring *chani_ring_many_new(size_t capacity, size_t elem_size)
{
    struct ring_many *ring;
    size_t bytes;

    ring = aligned_alloc(CHANI_LINE, sizeof(*ring));
    if (ring == NULL)
        return NULL;
    memset(ring, 0, sizeof(*ring));
    ring->base = (struct chani_ring){.ops = &ops, .capacity = capacity, .elem_size = elem_size};
    ring->slots = layout_slots(ring, &bytes) ? malloc(bytes) : NULL;
    if (ring->slots == NULL) {
        free(ring);
        return NULL;
    }
    init_slots(ring);
    return &ring->base;
}
