/*
 * ring_many.c - the queue of a bounded channel with many senders and receivers.
 *
 * DESIGN
 *
 * A ring of slots with stamps. A position is {lap, index}: the index of a slot in the lower bits,
 * above it how often the ring went round. For the slot of a position p its stamp says what may be
 * done with it:
 *
 *     p          free for the push of position p
 *     p + 1      holds the value of position p
 *     p + lap    free for the push of the next lap
 *
 * Push claims the tail position with a compare-and-exchange, copies the value and sets the stamp;
 * pop does the same at the head. A batch claims as many positions at once as have the right stamp,
 * up to the end of the lap: a stamp that allows a claim changes only by a claim, and then the
 * compare-and-exchange fails. A position is claimed only when its stamp allows it, so the ring
 * holds exactly `capacity` values and FULL or EMPTY are true at some instant. A peer that was
 * stopped between its claim and its stamp makes the ring CHANI_BUSY for the position behind it: the
 * caller parks like any other waiter, and the peer's stamp is the event that wakes it. Rejected:
 * spinning or yielding until the peer is done, which wastes whole time slices when both share a
 * processor.
 *
 * The claim is the one full barrier of a push or pop; the stamp is stored lightly where the system
 * has a heavy barrier (CHANI_PUBLISH_CLAIMED in publish.h). Whoever finds the ring full or empty
 * has seen that there is no claim, and the claim of the next peer comes before that peer looks for
 * waiters.
 *
 * The tail word is {reserved: 15, position: 48, closed: 1}. With the closed bit in it no push can
 * be claimed after the close. With the number of permits in it one compare-and-exchange keeps
 *
 *     values + reserved <= capacity
 *
 * exact: a push that finds permits out, and every reserve, counts the values between head and tail
 * as well (the tail is read first: the head it sees is not older, so that "full" was true when the
 * tail was read); without permits the stamp alone decides. A commit turns a permit into a claim of
 * the next position in one step. By the invariant the head is beyond the value that was in that
 * slot a lap ago, so at most a receiver in the middle of copying it out has to be waited for. That
 * wait is not for room, and a wake-up meant for it must not go to somebody who waits for room: it
 * parks apart, and who sets a stamp looks there, too.
 *
 * A send that evicts first adds a permit beyond the capacity, and then pops a value, which makes
 * the permit a proper one: nobody can come between and take the room, so that one value per call is
 * enough. It pops nothing when room comes in the meantime. One evicts at a time, so that whoever
 * finds no value and all room reserved knows that real permits hold it. Rejected: to pop first and
 * push then, which may find the room gone with one value in hand, and has no place for a second.
 *
 * Positions count modulo 2^48 (years at full speed, but a wrong answer then is a lost value): laps
 * are powers of two, so that the wrap falls between two laps. They are compared for equality and
 * subtracted, never compared for order.
 */
#include "barrier.h"
#include "park.h"
#include "ring.h"

#include <sched.h>
#include <stdlib.h>

/* The tail word. */
#define CLOSED 1u
#define POSITION_BITS 48
#define POSITIONS (((uint64_t)1 << POSITION_BITS) - 1)
#define RESERVED ((uint64_t)1 << (POSITION_BITS + 1)) /* one permit */
_Static_assert(UINT64_MAX / RESERVED == CHANI_PERMITS_MAX, "permits fit into the tail");

#define OUTDATED UINT64_MAX

/* What of the head and of the count of releases goes into a token. */
#define TOKEN_RELEASES_BITS 28
#define TOKEN_RELEASES (((uint64_t)1 << TOKEN_RELEASES_BITS) - 1)
#define TOKEN_HEAD (((uint64_t)1 << 31) - 1)

/* More would not fit into any memory. */
#define LAP_BITS_MAX 46

/* Attempts on a busy slot before the caller is told. */
#define BUSY_SPINS 16

struct slot {
    _Atomic uint64_t stamp;
};

/* A position and the slot of it. */
struct place {
    uint64_t pos;
    size_t index;
    struct slot *slot;
};

struct ring_many {
    /* Constant after start. */
    struct chani_ring base;
    unsigned char *slots;
    size_t stride;     /* bytes from slot to slot */
    size_t offset;     /* of the value in a slot */
    uint64_t lap;      /* a power of two, at least the capacity and at least 2 */
    unsigned lap_bits; /* its logarithm */

    /* Written by senders, and by anybody who closes. */
    _Alignas(CHANI_LINE) _Atomic uint64_t tail;

    /* Written by receivers. */
    _Alignas(CHANI_LINE) _Atomic uint64_t head; /* position */

    struct chani_park stamped;  /* who waits for a copy alone waits here */
    struct chani_lock evicting; /* held by the one who evicts */

    /* Atomic (seq_cst). Permits given back, before and after the tail shows it. */
    _Atomic uint64_t releases_begun;
    _Atomic uint64_t releases_ended;
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

static inline struct place place_at(const struct ring_many *ring, uint64_t pos)
{
    size_t index = index_of(ring, pos);

    return (struct place){pos, index, (struct slot *)(void *)(ring->slots + index * ring->stride)};
}

static unsigned char *value_of(const struct ring_many *ring, struct slot *slot)
{
    return (unsigned char *)slot + ring->offset;
}

/* The position behind the last one of a lap. */
static uint64_t next_lap(const struct ring_many *ring, uint64_t pos)
{
    return (pos - index_of(ring, pos) + ring->lap) & POSITIONS;
}

static uint64_t lap_before(const struct ring_many *ring, uint64_t pos)
{
    return (pos - ring->lap) & POSITIONS;
}

static uint64_t lap_after(const struct ring_many *ring, uint64_t pos)
{
    return (pos + ring->lap) & POSITIONS;
}

/* How many values lie between two positions; more than any capacity when `to` is behind. */
static uint64_t distance(const struct ring_many *ring, uint64_t from, uint64_t to)
{
    uint64_t laps = (to >> ring->lap_bits) - (from >> ring->lap_bits);

    laps &= POSITIONS >> ring->lap_bits;
    return laps * ring->base.capacity + index_of(ring, to) - index_of(ring, from);
}

static uint64_t tail_pos(uint64_t tail)
{
    return tail >> 1 & POSITIONS;
}

/*
 * The word that is n positions on from the one at `at`. It goes at most to the end of the lap:
 * nothing is carried.
 */
static inline uint64_t tail_after(const struct ring_many *ring, struct place at, uint64_t tail,
                                  size_t n)
{
    if (at.index + n == ring->base.capacity)
        return (tail & ~(POSITIONS << 1)) | next_lap(ring, at.pos) << 1;
    return tail + 2 * n;
}

static inline uint64_t head_after(const struct ring_many *ring, struct place at, size_t n)
{
    return at.index + n == ring->base.capacity ? next_lap(ring, at.pos) : at.pos + n;
}

static uint64_t tail_reserved(uint64_t tail)
{
    return tail / RESERVED;
}

/* Values and permits at a tail that was just read; OUTDATED when the head is beyond it already. */
static uint64_t taken_at(const struct ring_many *ring, uint64_t tail)
{
    uint64_t values = distance(ring, atomic_load(&ring->head), tail_pos(tail));

    return values <= ring->base.capacity ? values + tail_reserved(tail) : OUTDATED;
}

/* A tail that was just read leaves no room. Of one that is out of date this is not known. */
static bool is_full_at(const struct ring_many *ring, uint64_t tail)
{
    uint64_t taken = taken_at(ring, tail);

    return taken >= ring->base.capacity && taken != OUTDATED;
}

static bool is_light(const struct ring_many *ring)
{
    return ring->base.publish == CHANI_PUBLISH_CLAIMED;
}

/* The copy is over: says so in the stamp, and to who waits for just this. */
static inline void set_stamp(struct ring_many *ring, struct slot *slot, uint64_t stamp)
{
    chani_barrier_light_store(&slot->stamp, stamp, is_light(ring));
    chani_park_notify(&ring->stamped, SIZE_MAX);
}

/* Waits for the peer that is in the middle of copying: until the stamp is not `busy`. */
static void await_stamp(struct ring_many *ring, struct slot *slot, uint64_t busy)
{
    struct chani_wait wait;

    chani_wait_init(&wait, &ring->stamped, INT64_MAX);
    while (atomic_load(&slot->stamp) == busy)
        chani_wait_again(&wait, true);
    chani_wait_end(&wait);
}

/* A peer holds the slot: true as long as it makes sense to look again at once. */
static bool is_worth_spinning(unsigned *spins)
{
    chani_relax();
    return ++*spins < BUSY_SPINS;
}

/* The place behind, in the same lap. */
static inline void advance(const struct ring_many *ring, struct place *at)
{
    at->pos++;
    at->index++;
    at->slot = (struct slot *)(void *)((unsigned char *)at->slot + ring->stride);
}

/* How many of n slots have the stamp of their position plus `filled`, to the end of the lap. */
static inline size_t run_at(const struct ring_many *ring, struct place at, size_t n,
                            uint64_t filled)
{
    size_t most = ring->base.capacity - at.index;
    size_t run = 1; /* that of the first was seen */

    if (most > n)
        most = n;
    for (; run < most; run++) {
        advance(ring, &at);
        if (atomic_load(&at.slot->stamp) != at.pos + filled)
            break;
    }
    return run;
}

/* Lowers *run to what is not reserved; false when nothing is left. */
static bool fit_permits(const struct ring_many *ring, uint64_t tail, size_t *run)
{
    uint64_t taken;

    if (tail < RESERVED)
        return true;
    taken = taken_at(ring, tail);
    if (taken == OUTDATED)
        return true; /* to be found by the compare-and-exchange */
    if (taken >= ring->base.capacity)
        return false;
    if (*run > ring->base.capacity - taken)
        *run = (size_t)(ring->base.capacity - taken);
    return true;
}

/* Claims the next 1..n slots to push into; *run says how many. */
static CHANI_BOTH enum chani_moved claim_push(struct ring_many *ring, struct place *at, size_t n,
                                              size_t *run)
{
    uint64_t tail = atomic_load(&ring->tail);
    uint64_t seen;
    unsigned spins = 0;

    while (!(tail & CLOSED)) {
        *at = place_at(ring, tail_pos(tail));
        if (atomic_load(&at->slot->stamp) == at->pos) {
            *run = run_at(ring, *at, n, 0);
            if (!fit_permits(ring, tail, run))
                return CHANI_BLOCKED;
            if (atomic_compare_exchange_weak(&ring->tail, &tail, tail_after(ring, *at, tail, *run)))
                return CHANI_MOVED;
            continue;
        }
        /* The slot is in use: for a value that nobody takes yet, or somebody copies. */
        if (atomic_load(&ring->head) == lap_before(ring, at->pos))
            return CHANI_BLOCKED;
        seen = tail;
        tail = atomic_load(&ring->tail);
        if (tail == seen && !is_worth_spinning(&spins))
            return CHANI_BUSY;
    }
    return CHANI_SHUT;
}

/* Claims the next 1..n slots to take values from; *run says how many. */
static CHANI_BOTH enum chani_moved claim_pop(struct ring_many *ring, struct place *at, size_t n,
                                             size_t *run)
{
    uint64_t head = atomic_load(&ring->head);
    uint64_t seen;
    unsigned spins = 0;

    for (;;) {
        *at = place_at(ring, head);
        if (atomic_load(&at->slot->stamp) == head + 1) {
            *run = run_at(ring, *at, n, 1);
            if (atomic_compare_exchange_weak(&ring->head, &head, head_after(ring, *at, *run)))
                return CHANI_MOVED;
            continue;
        }
        /* No value yet: nobody brings one, or somebody copies. */
        if (tail_pos(atomic_load(&ring->tail)) == head)
            return CHANI_BLOCKED;
        seen = head;
        head = atomic_load(&ring->head);
        if (head == seen && !is_worth_spinning(&spins))
            return CHANI_BUSY;
    }
}

/* Copies the value into a slot that was claimed, and out of one. */
static inline void fill(struct ring_many *ring, const struct place *at, const void *elem)
{
    chani_copy(value_of(ring, at->slot), elem, 1, ring->base.elem_size);
    set_stamp(ring, at->slot, at->pos + 1);
}

static inline void empty(struct ring_many *ring, const struct place *at, void *elem)
{
    chani_copy(elem, value_of(ring, at->slot), 1, ring->base.elem_size);
    set_stamp(ring, at->slot, lap_after(ring, at->pos));
}

static enum chani_moved push(struct chani_ring *base, const void *elems, size_t n, size_t *moved)
{
    struct ring_many *ring = ring_of(base);
    const unsigned char *elem = elems;
    enum chani_moved how = CHANI_MOVED;
    struct place at;
    size_t done = 0;
    size_t run;

    while (done < n && (how = claim_push(ring, &at, n - done, &run)) == CHANI_MOVED) {
        done += run;
        for (; run > 0; run--) {
            fill(ring, &at, elem);
            advance(ring, &at);
            if (base->elem_size > 0)
                elem += base->elem_size;
        }
    }
    *moved = done;
    return done > 0 ? CHANI_MOVED : how;
}

static enum chani_moved pop(struct chani_ring *base, void *elems, size_t n, size_t *moved)
{
    struct ring_many *ring = ring_of(base);
    unsigned char *elem = elems;
    enum chani_moved how = CHANI_MOVED;
    struct place at;
    size_t done = 0;
    size_t run;

    while (done < n && (how = claim_pop(ring, &at, n - done, &run)) == CHANI_MOVED) {
        done += run;
        for (; run > 0; run--) {
            empty(ring, &at, elem);
            advance(ring, &at);
            if (base->elem_size > 0)
                elem += base->elem_size;
        }
    }
    *moved = done;
    return done > 0 ? CHANI_MOVED : how;
}

/* push_one when it is not as simple as that. */
static CHANI_SLOW enum chani_moved push_one_slow(struct ring_many *ring, const void *elem)
{
    enum chani_moved how;
    struct place at;
    size_t run;

    how = claim_push(ring, &at, 1, &run);
    if (how == CHANI_MOVED)
        fill(ring, &at, elem);
    return how;
}

/* One attempt at what is most likely: open, no permits, the slot free, and nobody in between. */
static enum chani_moved push_one(struct chani_ring *base, const void *elem)
{
    struct ring_many *ring = ring_of(base);
    uint64_t tail = atomic_load(&ring->tail);
    struct place at = place_at(ring, tail_pos(tail));

    if ((tail & ~(POSITIONS << 1)) != 0 || atomic_load(&at.slot->stamp) != at.pos ||
        !atomic_compare_exchange_strong(&ring->tail, &tail, tail_after(ring, at, tail, 1)))
        return push_one_slow(ring, elem);
    fill(ring, &at, elem);
    return CHANI_MOVED;
}

static CHANI_SLOW enum chani_moved pop_one_slow(struct ring_many *ring, void *elem)
{
    enum chani_moved how;
    struct place at;
    size_t run;

    how = claim_pop(ring, &at, 1, &run);
    if (how == CHANI_MOVED)
        empty(ring, &at, elem);
    return how;
}

static enum chani_moved pop_one(struct chani_ring *base, void *elem)
{
    struct ring_many *ring = ring_of(base);
    uint64_t head = atomic_load(&ring->head);
    struct place at = place_at(ring, head);

    if (atomic_load(&at.slot->stamp) != head + 1 ||
        !atomic_compare_exchange_strong(&ring->head, &head, head_after(ring, at, 1)))
        return pop_one_slow(ring, elem);
    empty(ring, &at, elem);
    return CHANI_MOVED;
}

static bool has_room(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);

    return !is_full_at(ring, atomic_load(&ring->tail));
}

/*
 * "No" is true at some instant: an index that moved in between is looked at again, since who asks
 * on behalf of a sleeper (pass_on) must not be misled by somebody who went ahead. Stamps that this
 * thread set itself are seen by all others first: see ring_1to1.c.
 */
static bool can_push(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t tail;
    uint64_t seen;

    chani_barrier_own(is_light(ring));
    tail = atomic_load(&ring->tail);
    do {
        if (tail & CLOSED)
            return false;
        if (atomic_load(&slot_at(ring, tail_pos(tail))->stamp) == tail_pos(tail))
            return tail < RESERVED || !is_full_at(ring, tail);
        seen = tail;
        tail = atomic_load(&ring->tail);
    } while (tail != seen);
    return false;
}

static bool can_pop(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t head;
    uint64_t seen;

    chani_barrier_own(is_light(ring));
    head = atomic_load(&ring->head);
    do {
        if (atomic_load(&slot_at(ring, head)->stamp) == head + 1)
            return true;
        seen = head;
        head = atomic_load(&ring->head);
    } while (head != seen);
    return false;
}

/*
 * A push that is blocked waits for a pop to claim its position, which moves the head, or for a
 * release. Of both counts goes in what fits: enough not to come round between two looks.
 */
static uint64_t push_token(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head) & TOKEN_HEAD;
    uint64_t releases;

    while ((releases = atomic_load(&ring->releases_begun)) != atomic_load(&ring->releases_ended))
        sched_yield();
    releases &= TOKEN_RELEASES;
    return (head << TOKEN_RELEASES_BITS | releases) << 1 | (atomic_load(&ring->tail) & CLOSED);
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail) & (RESERVED - 1);
}

/* The positions are of one instant when the head did not move meanwhile. */
static size_t len(const struct chani_ring *base)
{
    const struct ring_many *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head);
    uint64_t before;
    uint64_t tail;

    do {
        before = head;
        tail = atomic_load(&ring->tail);
        head = atomic_load(&ring->head);
    } while (head != before);
    return (size_t)distance(ring, head, tail_pos(tail));
}

static enum chani_moved reserve(struct chani_ring *base)
{
    struct ring_many *ring = ring_of(base);
    uint64_t tail = atomic_load(&ring->tail);

    while (!(tail & CLOSED)) {
        if (is_full_at(ring, tail))
            return CHANI_BLOCKED;
        if (tail_reserved(tail) == CHANI_PERMITS_MAX)
            return CHANI_LIMIT;
        if (atomic_compare_exchange_weak(&ring->tail, &tail, tail + RESERVED))
            return CHANI_MOVED;
    }
    return CHANI_SHUT;
}

/* Counted on both sides, so that a select knows whether there was one between two looks. */
static void release(struct chani_ring *base)
{
    struct ring_many *ring = ring_of(base);

    atomic_fetch_add(&ring->releases_begun, 1);
    atomic_fetch_sub(&ring->tail, RESERVED);
    atomic_fetch_add(&ring->releases_ended, 1);
}

/* Turns a permit into a claim of the next slot. */
static enum chani_moved claim_commit(struct ring_many *ring, struct place *at)
{
    uint64_t tail = atomic_load(&ring->tail);
    uint64_t stamp;

    while (!(tail & CLOSED)) {
        *at = place_at(ring, tail_pos(tail));
        stamp = atomic_load(&at->slot->stamp);
        if (stamp == at->pos) {
            if (atomic_compare_exchange_weak(&ring->tail, &tail,
                                             tail_after(ring, *at, tail, 1) - RESERVED))
                return CHANI_MOVED;
            continue;
        }
        if (stamp == lap_before(ring, at->pos) + 1)
            await_stamp(ring, at->slot, stamp);
        tail = atomic_load(&ring->tail);
    }
    release(&ring->base);
    return CHANI_SHUT;
}

static enum chani_moved commit(struct chani_ring *base, const void *elem)
{
    struct ring_many *ring = ring_of(base);
    enum chani_moved how;
    struct place at;

    how = claim_commit(ring, &at);
    if (how == CHANI_MOVED)
        fill(ring, &at, elem);
    return how;
}

/* Takes a permit, if need be one more than there is room for. */
static enum chani_moved overbook(struct ring_many *ring)
{
    uint64_t tail = atomic_load(&ring->tail);

    do {
        if (tail & CLOSED)
            return CHANI_SHUT;
        if (tail_reserved(tail) == CHANI_PERMITS_MAX)
            return CHANI_BLOCKED;
    } while (!atomic_compare_exchange_weak(&ring->tail, &tail, tail + RESERVED));
    return CHANI_MOVED;
}

/*
 * Makes the overbooked permit a proper one, by evicting a value if no room comes of itself.
 * CHANI_BLOCKED when there is no value because other permits hold all the room.
 */
static enum chani_moved cover(struct ring_many *ring, void *evicted, bool *did_evict)
{
    struct place at;
    uint64_t taken;
    uint64_t tail;
    size_t run;

    for (;;) {
        tail = atomic_load(&ring->tail);
        taken = taken_at(ring, tail);
        if (taken <= ring->base.capacity)
            return CHANI_MOVED;
        if (tail_reserved(tail) > ring->base.capacity)
            return CHANI_BLOCKED;
        if (taken == OUTDATED)
            continue;
        switch (claim_pop(ring, &at, 1, &run)) {
        case CHANI_MOVED:
            empty(ring, &at, evicted);
            *did_evict = true;
            return CHANI_MOVED;
        case CHANI_BUSY:
            await_stamp(ring, at.slot, at.pos);
            break;
        default:
            break;
        }
    }
}

static enum chani_moved evict(struct chani_ring *base, const void *elem, void *evicted,
                              bool *did_evict)
{
    struct ring_many *ring = ring_of(base);
    enum chani_moved how;

    chani_lock_take(&ring->evicting);
    how = overbook(ring);
    if (how == CHANI_MOVED) {
        how = cover(ring, evicted, did_evict);
        if (how == CHANI_MOVED)
            how = commit(base, elem);
        else
            release(base);
    }
    chani_lock_release(&ring->evicting);
    return how;
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
    struct place at;
    size_t run;

    while ((how = claim_pop(ring, &at, 1, &run)) == CHANI_MOVED) {
        if (drop != NULL)
            drop(value_of(ring, at.slot), ctx);
        set_stamp(ring, at.slot, lap_after(ring, at.pos));
    }
    return how;
}

static void free_ring(struct chani_ring *base)
{
    struct ring_many *ring = ring_of(base);

    free(ring->slots);
    free(ring);
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
    .evict = evict,
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
    if (ring->base.elem_size > PTRDIFF_MAX || ring->base.capacity >> LAP_BITS_MAX > 0)
        return false;
    ring->stride = (align + ring->base.elem_size + align - 1) / align * align;
    return !__builtin_mul_overflow(ring->stride, ring->base.capacity, bytes) &&
           *bytes <= PTRDIFF_MAX;
}

/* Positions begin so many laps before they wrap; 0 is a full turn. */
static void init_slots(struct ring_many *ring, uint64_t laps)
{
    uint64_t start;

    ring->lap_bits = 1;
    while ((uint64_t)1 << ring->lap_bits < ring->base.capacity)
        ring->lap_bits++;
    ring->lap = (uint64_t)1 << ring->lap_bits;
    start = (0 - laps * ring->lap) & POSITIONS;
    atomic_init(&ring->head, start);
    atomic_init(&ring->tail, start << 1);
    for (uint64_t i = 0; i < ring->base.capacity; i++)
        atomic_init(&slot_at(ring, i)->stamp, start + i);
}

struct chani_ring *chani_ring_many_new_at(size_t capacity, size_t elem_size, uint64_t laps)
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
    init_slots(ring, laps);
    chani_park_init(&ring->stamped);
    if (chani_barrier_is_possible()) {
        ring->base.publish = CHANI_PUBLISH_CLAIMED;
        chani_park_set_publish(&ring->stamped, CHANI_PUBLISH_LIGHT);
    }
    chani_lock_init(&ring->evicting);
    return &ring->base;
}

struct chani_ring *chani_ring_many_new(size_t capacity, size_t elem_size)
{
    return chani_ring_many_new_at(capacity, elem_size, 0);
}
