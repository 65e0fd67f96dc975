/*
 * ring_unbounded.c - the queue of an unbounded channel: a list of segments.
 *
 * DESIGN
 *
 * Senders append to the last segment, receivers take from the first. Each end has a word {values so
 * far, locked, closed}: whoever works at an end takes its lock by a compare-and-exchange, and gives
 * it back together with the new count, so that a push or pop of one value and of a batch both cost
 * one full barrier. The ends do not touch each other's fields; a receiver remembers the count of
 * the tail and reads it again only when its values are used up.
 *
 * Where the system has a heavy barrier the new count is stored lightly; the lock that was taken
 * before is the claim of CHANI_PUBLISH_CLAIMED (publish.h): a receiver that finds no value and the
 * tail locked is told CHANI_BUSY. Senders never park here but on a lock, hence only the tail must
 * be published for parking.
 *
 * Closing takes the lock of the tail and gives it back with the closed bit, so that a push is
 * either before the close, and discard finds it, or it fails and the value stays the sender's; and
 * discard has the values for itself.
 *
 * A thread that finds an end locked waits in a park of that end, as any waiter does: spinning,
 * yielding, then asleep, until the holder has copied its values. A one_to_one channel has one
 * thread at each end and leaves the locks out; its tail is that of tail.h.
 *
 * A segment that was emptied is kept as a spare for the next sender that needs one, so that a
 * steady flow allocates nothing; when there is a spare already it is freed. A drained queue has one
 * segment and at most one spare.
 *
 * Rejected: a lock-free list as crossbeam's (claim an index, state per slot, the last reader of a
 * segment frees it). It takes as many atomic operations for one value and more for a batch, and was
 * no faster. Processor time in ns per value, halved, on two processors (mean of three runs of five,
 * the machine shared), list and this: 20 and 19 with one sender and one receiver, 24 and 22 with 4
 * and 1, 23 and 23 with 2 and 2, 26 and 26 with 4 and 4.
 */
#include "barrier.h"
#include "chan.h"
#include "park.h"
#include "ring.h"
#include "tail.h"

#include <stdlib.h>

#define CLOSED 1u
#define LOCKED 2u
#define STEP 4u

/* What of a word fits into a token: enough not to come round between two looks. */
#define TOKEN_BITS (((uint64_t)1 << 60) - 1)

/* Values of a segment: as many as fit into so many bytes, but a few in any case. */
#define SEGMENT_BYTES 1008u
#define SEGMENT_MIN_SLOTS 4u

/* Pauses of a thread that finds an end locked: more than a copy of a small value takes. */
#define LOCKED_PAUSES 32

struct segment {
    struct segment *next; /* set before a count that goes beyond this segment is published */
    _Alignas(max_align_t) unsigned char values[];
};

/* One end of the list. */
struct end {
    /*
     * Atomic. Values so far * STEP | LOCKED | CLOSED; only who holds the lock changes it. Without
     * locks that of the head is the receiver's, and that of the tail is not used.
     */
    _Alignas(CHANI_LINE) _Atomic uint64_t word;

    /* Guarded by LOCKED; on a one_to_one channel the one thread's. */
    struct segment *segment;
    size_t slot;   /* the next one in the segment */
    uint64_t seen; /* head: count of the tail when it was read last */

    struct chani_park unlocked; /* who finds the end locked waits here */
};

struct ring_unbounded {
    /* Constant after start. */
    struct chani_ring base;
    size_t slots;         /* in a segment */
    size_t segment_bytes; /* what to allocate for one */
    bool alone;           /* one_to_one: without locks */

    struct end tail;
    struct end head;
    struct chani_tail tail_alone; /* count and end of a one_to_one channel */

    /* Atomic (acq_rel). An empty segment for the next sender that needs one, or NULL. */
    _Alignas(CHANI_LINE) struct segment *_Atomic spare;
};

static struct ring_unbounded *ring_of(struct chani_ring *base)
{
    return (struct ring_unbounded *)(void *)base;
}

static const struct ring_unbounded *const_ring_of(const struct chani_ring *base)
{
    return (const struct ring_unbounded *)(const void *)base;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One attempt at the lock. True when that is settled: *word says CLOSED, or the end is ours. */
static bool end_try_enter(struct end *end, uint64_t *word)
{
    *word = atomic_load(&end->word);
    if (*word & CLOSED)
        return true;
    return !(*word & LOCKED) && atomic_compare_exchange_weak(&end->word, word, *word | LOCKED);
}

static __attribute__((noinline)) uint64_t end_wait_enter(struct end *end)
{
    struct chani_wait wait;
    uint64_t word;

    chani_wait_init(&wait, &end->unlocked, INT64_MAX);
    while (!end_try_enter(end, &word)) {
        for (int i = 0; i < LOCKED_PAUSES; i++)
            chani_relax();
        chani_wait_again(&wait, true);
    }
    chani_wait_end(&wait);
    return word;
}

/* Takes the lock and gives the word without it; with CLOSED in it, the lock was not taken. */
static inline uint64_t end_enter(struct end *end)
{
    uint64_t word = atomic_load_explicit(&end->word, memory_order_relaxed);

    if (!(word & (CLOSED | LOCKED)) &&
        atomic_compare_exchange_strong(&end->word, &word, word | LOCKED))
        return word;
    return end_wait_enter(end);
}

static bool is_light(const struct ring_unbounded *ring)
{
    return ring->base.publish != CHANI_PUBLISH_FENCED;
}

/* Gives the lock back, n values on. */
static inline void end_leave(const struct ring_unbounded *ring, struct end *end, uint64_t word,
                             size_t n)
{
    chani_barrier_light_store(&end->word, word + n * STEP, is_light(ring));
    chani_park_notify(&end->unlocked, 1);
}

/* NULL when out of memory. */
static struct segment *segment_new(const struct ring_unbounded *ring)
{
    struct segment *segment = malloc(ring->segment_bytes);

    if (segment != NULL)
        segment->next = NULL;
    return segment;
}

/* Keeps an empty segment as the spare, or frees it. */
static void segment_retire(struct ring_unbounded *ring, struct segment *segment)
{
    if (atomic_load_explicit(&ring->spare, memory_order_relaxed) == NULL)
        segment = atomic_exchange(&ring->spare, segment);
    free(segment);
}

/* False when out of memory. */
static bool tail_extend(struct ring_unbounded *ring)
{
    struct segment *segment = atomic_exchange(&ring->spare, NULL);

    if (segment == NULL)
        segment = segment_new(ring);
    if (segment == NULL)
        return false;
    segment->next = NULL;
    ring->tail.segment->next = segment;
    ring->tail.segment = segment;
    ring->tail.slot = 0;
    return true;
}

/* Goes on to the next segment, of which a value has been published. */
static void head_advance(struct ring_unbounded *ring)
{
    struct segment *empty = ring->head.segment;

    ring->head.segment = empty->next;
    ring->head.slot = 0;
    segment_retire(ring, empty);
}

static unsigned char *next_value(const struct ring_unbounded *ring, const struct end *end)
{
    return end->segment->values + end->slot * ring->base.elem_size;
}

/* How many of n values are in the segment; there is one at least. */
static inline size_t run_of(const struct ring_unbounded *ring, const struct end *end, size_t n)
{
    return n == 1 ? 1 : min_size(n, ring->slots - end->slot);
}

/* Copies n values in, without publishing them; gives how many there was memory for. */
static inline size_t append(struct ring_unbounded *ring, const unsigned char *elems, size_t n)
{
    size_t size = ring->base.elem_size;
    struct end *tail = &ring->tail;
    size_t done = 0;
    size_t run;

    while (done < n) {
        if (tail->slot == ring->slots && !tail_extend(ring))
            break;
        run = run_of(ring, tail, n - done);
        chani_copy(next_value(ring, tail), elems, run, size);
        tail->slot += run;
        done += run;
        if (size > 0)
            elems += run * size;
    }
    return done;
}

/* Copies n values out, which must be there. */
static inline void take(struct ring_unbounded *ring, unsigned char *elems, size_t n)
{
    size_t size = ring->base.elem_size;
    struct end *head = &ring->head;
    size_t run;

    while (n > 0) {
        if (head->slot == ring->slots)
            head_advance(ring);
        run = run_of(ring, head, n);
        chani_copy(elems, next_value(ring, head), run, size);
        head->slot += run;
        n -= run;
        if (size > 0)
            elems += run * size;
    }
}

/* How many of n values are there, as far as the receiver knows. */
static inline size_t seen_queued(const struct ring_unbounded *ring, uint64_t head_word, size_t n)
{
    return min_size(n, (size_t)(ring->head.seen - head_word / STEP));
}

/* The same after a look at the tail, if that may help; *tail is its word then. */
static inline size_t queued(struct ring_unbounded *ring, uint64_t head_word, size_t n,
                            uint64_t *tail)
{
    *tail = 0;
    if (ring->head.seen - head_word / STEP < n) {
        *tail = atomic_load(&ring->tail.word);
        ring->head.seen = *tail / STEP;
    }
    return seen_queued(ring, head_word, n);
}

static CHANI_BOTH enum chani_moved push(struct chani_ring *base, const void *elems, size_t n,
                                        size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word = end_enter(&ring->tail);

    if (word & CLOSED)
        return CHANI_SHUT;
    *moved = append(ring, elems, n);
    end_leave(ring, &ring->tail, word, *moved);
    return *moved > 0 ? CHANI_MOVED : CHANI_NOMEM;
}

static CHANI_BOTH enum chani_moved pop(struct chani_ring *base, void *elems, size_t n,
                                       size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word = end_enter(&ring->head);
    uint64_t tail;

    n = queued(ring, word, n, &tail);
    take(ring, elems, n);
    end_leave(ring, &ring->head, word, n);
    *moved = n;
    if (n > 0)
        return CHANI_MOVED;
    return tail & LOCKED ? CHANI_BUSY : CHANI_BLOCKED;
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

/* push and pop with one thread at each end. */
static CHANI_BOTH enum chani_moved push_alone(struct chani_ring *base, const void *elems, size_t n,
                                              size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t count = atomic_load_explicit(&ring->tail_alone.count, memory_order_relaxed);

    if (chani_tail_is_closed(&ring->tail_alone))
        return CHANI_SHUT;
    n = append(ring, elems, n);
    if (n == 0)
        return CHANI_NOMEM;
    if (!chani_tail_publish(&ring->tail_alone, count + n))
        return CHANI_SHUT;
    *moved = n;
    return CHANI_MOVED;
}

/* The receiver looks at the tail again. */
static size_t queued_alone(struct ring_unbounded *ring, uint64_t head_word, size_t n)
{
    ring->head.seen = chani_tail_settled(&ring->tail_alone);
    if (ring->head.seen == head_word / STEP) {
        chani_barrier_own(is_light(ring));
        ring->head.seen = chani_tail_settled(&ring->tail_alone);
    }
    return seen_queued(ring, head_word, n);
}

static CHANI_BOTH enum chani_moved pop_alone(struct chani_ring *base, void *elems, size_t n,
                                             size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word = atomic_load_explicit(&ring->head.word, memory_order_relaxed);

    if (seen_queued(ring, word, n) < n) {
        n = queued_alone(ring, word, n);
        if (n == 0)
            return CHANI_BLOCKED;
    }
    take(ring, elems, n);
    atomic_store_explicit(&ring->head.word, word + n * STEP, memory_order_release);
    *moved = n;
    return CHANI_MOVED;
}

static enum chani_moved push_one_alone(struct chani_ring *base, const void *elem)
{
    size_t moved;

    return push_alone(base, elem, 1, &moved);
}

static enum chani_moved pop_one_alone(struct chani_ring *base, void *elem)
{
    size_t moved;

    return pop_alone(base, elem, 1, &moved);
}

static bool is_closed(const struct chani_ring *base)
{
    const struct ring_unbounded *ring = const_ring_of(base);

    return ring->alone ? chani_tail_is_closed(&ring->tail_alone)
                       : atomic_load(&ring->tail.word) & CLOSED;
}

static bool can_push(const struct chani_ring *base)
{
    return !is_closed(base);
}

/* A permit is nothing here but a promise. */
static enum chani_moved reserve(struct chani_ring *base)
{
    return can_push(base) ? CHANI_MOVED : CHANI_SHUT;
}

static enum chani_moved commit(struct chani_ring *base, const void *elem)
{
    size_t moved;

    return base->ops->push(base, elem, 1, &moved);
}

static void release(struct chani_ring *base)
{
    (void)base;
}

static bool has_room(const struct chani_ring *base)
{
    (void)base;
    return true;
}

/* How many values were pushed. */
static uint64_t pushed(const struct ring_unbounded *ring)
{
    return ring->alone ? chani_tail_seen(&ring->tail_alone) : atomic_load(&ring->tail.word) / STEP;
}

/* The counts are of one instant when the head did not move meanwhile. */
static size_t len(const struct chani_ring *base)
{
    const struct ring_unbounded *ring = const_ring_of(base);
    uint64_t before;
    uint64_t head;
    uint64_t tail;

    chani_barrier_own(is_light(ring));
    head = atomic_load(&ring->head.word) / STEP;
    do {
        before = head;
        tail = pushed(ring);
        head = atomic_load(&ring->head.word) / STEP;
    } while (head != before);
    return (size_t)(tail - head);
}

static bool can_pop(const struct chani_ring *base)
{
    return len(base) > 0;
}

/* A push is never blocked. */
static uint64_t push_token(const struct chani_ring *base)
{
    return is_closed(base);
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return pushed(const_ring_of(base)) & TOKEN_BITS;
}

/* Waits for a push that began before. */
static void close_ring(struct chani_ring *base)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word = end_enter(&ring->tail);

    if (word & CLOSED)
        return;
    atomic_store(&ring->tail.word, word | CLOSED);
    chani_park_notify(&ring->tail.unlocked, SIZE_MAX);
}

static void close_ring_alone(struct chani_ring *base)
{
    chani_tail_close(&ring_of(base)->tail_alone);
}

/*
 * Takes a run of adjacent values out, which stay where they are. *passed is the segment they are
 * in when nothing else is left in it, the caller's then; else NULL.
 */
static size_t take_run(struct ring_unbounded *ring, unsigned char **values, struct segment **passed)
{
    struct end *head = &ring->head;
    uint64_t word = end_enter(head);
    uint64_t tail;
    size_t all;
    size_t run;

    all = ring->alone ? queued_alone(ring, word, SIZE_MAX) : queued(ring, word, SIZE_MAX, &tail);
    if (all > 0 && head->slot == ring->slots)
        head_advance(ring);
    run = min_size(all, ring->slots - head->slot);
    *values = next_value(ring, head);
    *passed = NULL;
    head->slot += run;
    if (run < all) {
        *passed = head->segment;
        head->segment = head->segment->next;
        head->slot = 0;
    }
    end_leave(ring, head, word, run);
    return run;
}

/* The last segment stays: a sender that came too late may still be writing to it. */
static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    struct ring_unbounded *ring = ring_of(base);
    struct segment *passed;
    unsigned char *value;
    size_t run;

    while ((run = take_run(ring, &value, &passed)) > 0) {
        for (; run > 0 && drop != NULL; run--, value += base->elem_size)
            drop(value, ctx);
        free(passed);
    }
    return CHANI_BLOCKED;
}

static void free_ring(struct chani_ring *base)
{
    struct ring_unbounded *ring = ring_of(base);
    struct segment *next;

    for (struct segment *segment = ring->head.segment; segment != NULL; segment = next) {
        next = segment->next;
        free(segment);
    }
    free(atomic_load(&ring->spare));
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
    .close = close_ring,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

static const struct chani_ring_ops ops_alone = {
    .push = push_alone,
    .pop = pop_alone,
    .push_one = push_one_alone,
    .pop_one = pop_one_alone,
    .can_push = can_push,
    .can_pop = can_pop,
    .push_token = push_token,
    .pop_token = pop_token,
    .has_room = has_room,
    .len = len,
    .reserve = reserve,
    .commit = commit,
    .release = release,
    .close = close_ring_alone,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

/* False when the size is beyond all memory. */
static bool layout_segments(struct ring_unbounded *ring)
{
    size_t size = ring->base.elem_size;
    size_t bytes;

    ring->slots = SEGMENT_BYTES / (size > 0 ? size : 1);
    if (ring->slots < SEGMENT_MIN_SLOTS)
        ring->slots = SEGMENT_MIN_SLOTS;
    return !__builtin_mul_overflow(ring->slots, size, &bytes) &&
           !__builtin_add_overflow(bytes, sizeof(struct segment), &ring->segment_bytes) &&
           ring->segment_bytes <= PTRDIFF_MAX;
}

static void set_publish(struct ring_unbounded *ring)
{
    bool light = chani_barrier_is_possible();

    chani_tail_init(&ring->tail_alone, light);
    if (!light)
        return;
    ring->base.publish = ring->alone ? CHANI_PUBLISH_LIGHT : CHANI_PUBLISH_CLAIMED;
    chani_park_set_publish(&ring->tail.unlocked, CHANI_PUBLISH_LIGHT);
    chani_park_set_publish(&ring->head.unlocked, CHANI_PUBLISH_LIGHT);
}

static struct chani_ring *ring_new(const struct chani_ring_ops *its_ops, size_t elem_size)
{
    struct ring_unbounded *ring = aligned_alloc(CHANI_LINE, sizeof(*ring));

    if (ring == NULL)
        return NULL;
    memset(ring, 0, sizeof(*ring));
    ring->base =
        (struct chani_ring){.ops = its_ops, .capacity = CHAN_UNBOUNDED, .elem_size = elem_size};
    ring->alone = its_ops == &ops_alone;
    chani_park_init(&ring->tail.unlocked);
    chani_park_init(&ring->head.unlocked);
    set_publish(ring);
    if (layout_segments(ring))
        ring->head.segment = segment_new(ring);
    ring->tail.segment = ring->head.segment;
    if (ring->head.segment == NULL) {
        free(ring);
        return NULL;
    }
    return &ring->base;
}

struct chani_ring *chani_ring_unbounded_new(size_t elem_size)
{
    return ring_new(&ops, elem_size);
}

struct chani_ring *chani_ring_unbounded_1to1_new(size_t elem_size)
{
    return ring_new(&ops_alone, elem_size);
}
