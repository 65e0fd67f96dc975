/*
 * ring_unbounded.c - the queue of an unbounded channel: a list of segments.
 *
 * DESIGN
 *
 * Senders append to the last segment, receivers take from the first. Each end has a word {values so
 * far, locked, closed}: whoever works at an end holds its lock, and gives it back together with the
 * new count, so that a push or pop of one value and of a batch both cost two atomic operations. The
 * ends do not touch each other's fields; a receiver remembers the count of the tail and reads it
 * again only when its values are used up.
 *
 * The closed bit is in the tail's word, and publishing is a compare-and-exchange that fails when
 * the bit came in between: a push is either before the close, and discard finds it, or it fails and
 * the value stays the sender's. So nobody waits for a push that was begun before the close, and
 * discard has the values for itself.
 *
 * Senders never park here, hence only the tail must be published for parking (see park.h). A thread
 * that finds an end locked waits in a park of that end, as any waiter does: spinning, yielding,
 * then asleep, until the holder has copied its values. A one_to_one channel has one thread at each
 * end and leaves the locks out.
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
#include "chan.h"
#include "park.h"
#include "ring.h"

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
    /* Atomic (seq_cst). Written by who holds the lock; anybody may set CLOSED in the tail. */
    _Alignas(CHANI_LINE) _Atomic uint64_t word; /* values so far * STEP | LOCKED | CLOSED */

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

    struct end tail;
    struct end head;

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

static bool end_wait_enter(struct end *end, uint64_t *word)
{
    struct chani_wait wait;

    chani_wait_init(&wait, &end->unlocked, INT64_MAX);
    while (!end_try_enter(end, word)) {
        for (int i = 0; i < LOCKED_PAUSES; i++)
            chani_relax();
        chani_wait_again(&wait, true);
    }
    chani_wait_end(&wait);
    return !(*word & CLOSED);
}

/* Takes the lock; *word is the word without it. False when the end is closed. */
static inline bool end_enter(struct end *end, uint64_t *word)
{
    *word = atomic_load_explicit(&end->word, memory_order_relaxed);
    if (!(*word & (CLOSED | LOCKED)) &&
        atomic_compare_exchange_strong(&end->word, word, *word | LOCKED))
        return true;
    return end_wait_enter(end, word);
}

/* Gives the lock of the head back, n values on. */
static inline void head_leave(struct end *head, uint64_t word, size_t n)
{
    atomic_store(&head->word, word + n * STEP);
    chani_park_notify(&head->unlocked, 1);
}

/* Gives the lock of the tail back, n values on. False when it was closed: they do not count. */
static inline bool tail_leave(struct end *tail, uint64_t word, size_t n)
{
    uint64_t locked = word | LOCKED;
    bool open = atomic_compare_exchange_strong(&tail->word, &locked, word + n * STEP);

    if (!open)
        atomic_fetch_and(&tail->word, ~(uint64_t)LOCKED);
    chani_park_notify(&tail->unlocked, 1);
    return open;
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
        run = min_size(n - done, ring->slots - tail->slot);
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
        run = min_size(n, ring->slots - head->slot);
        chani_copy(elems, next_value(ring, head), run, size);
        head->slot += run;
        n -= run;
        if (size > 0)
            elems += run * size;
    }
}

/* How many of n values are there. */
static inline size_t queued(struct ring_unbounded *ring, uint64_t head_word, size_t n)
{
    uint64_t head = head_word / STEP;

    if (ring->head.seen - head < n)
        ring->head.seen = atomic_load(&ring->tail.word) / STEP;
    return min_size(n, (size_t)(ring->head.seen - head));
}

static CHANI_BOTH enum chani_moved push(struct chani_ring *base, const void *elems, size_t n,
                                        size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word;

    if (!end_enter(&ring->tail, &word))
        return CHANI_SHUT;
    *moved = append(ring, elems, n);
    if (!tail_leave(&ring->tail, word, *moved))
        return CHANI_SHUT;
    return *moved > 0 ? CHANI_MOVED : CHANI_NOMEM;
}

static CHANI_BOTH enum chani_moved pop(struct chani_ring *base, void *elems, size_t n,
                                       size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word;

    end_enter(&ring->head, &word);
    n = queued(ring, word, n);
    take(ring, elems, n);
    head_leave(&ring->head, word, n);
    *moved = n;
    return n > 0 ? CHANI_MOVED : CHANI_BLOCKED;
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
    uint64_t word = atomic_load(&ring->tail.word);

    if (word & CLOSED)
        return CHANI_SHUT;
    n = append(ring, elems, n);
    if (n == 0)
        return CHANI_NOMEM;
    if (!atomic_compare_exchange_strong(&ring->tail.word, &word, word + n * STEP))
        return CHANI_SHUT;
    *moved = n;
    return CHANI_MOVED;
}

static CHANI_BOTH enum chani_moved pop_alone(struct chani_ring *base, void *elems, size_t n,
                                             size_t *moved)
{
    struct ring_unbounded *ring = ring_of(base);
    uint64_t word = atomic_load_explicit(&ring->head.word, memory_order_relaxed);

    n = queued(ring, word, n);
    if (n == 0)
        return CHANI_BLOCKED;
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

static bool can_push(const struct chani_ring *base)
{
    return !(atomic_load(&const_ring_of(base)->tail.word) & CLOSED);
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

/* The counts are of one instant when the head did not move meanwhile. */
static size_t len(const struct chani_ring *base)
{
    const struct ring_unbounded *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head.word) / STEP;
    uint64_t before;
    uint64_t tail;

    do {
        before = head;
        tail = atomic_load(&ring->tail.word) / STEP;
        head = atomic_load(&ring->head.word) / STEP;
    } while (head != before);
    return (size_t)(tail - head);
}

static bool can_pop(const struct chani_ring *base)
{
    const struct ring_unbounded *ring = const_ring_of(base);
    uint64_t head = atomic_load(&ring->head.word) / STEP;

    return atomic_load(&ring->tail.word) / STEP != head;
}

/* A push is never blocked. */
static uint64_t push_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail.word) & CLOSED;
}

static uint64_t pop_token(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail.word) & ~(uint64_t)LOCKED & TOKEN_BITS;
}

static void close_ring(struct chani_ring *base)
{
    struct ring_unbounded *ring = ring_of(base);

    atomic_fetch_or(&ring->tail.word, CLOSED);
    chani_park_notify(&ring->tail.unlocked, SIZE_MAX);
}

static bool is_closed(const struct chani_ring *base)
{
    return atomic_load(&const_ring_of(base)->tail.word) & CLOSED;
}

/*
 * Takes a run of adjacent values out, which stay where they are. *passed is the segment they are
 * in when nothing else is left in it, the caller's then; else NULL.
 */
static size_t take_run(struct ring_unbounded *ring, unsigned char **values, struct segment **passed)
{
    struct end *head = &ring->head;
    uint64_t word;
    size_t all;
    size_t run;

    end_enter(head, &word);
    all = queued(ring, word, SIZE_MAX);
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
    head_leave(head, word, run);
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
    .close = close_ring,
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

static struct chani_ring *ring_new(const struct chani_ring_ops *its_ops, size_t elem_size)
{
    struct ring_unbounded *ring = aligned_alloc(CHANI_LINE, sizeof(*ring));

    if (ring == NULL)
        return NULL;
    memset(ring, 0, sizeof(*ring));
    ring->base =
        (struct chani_ring){.ops = its_ops, .capacity = CHAN_UNBOUNDED, .elem_size = elem_size};
    chani_park_init(&ring->tail.unlocked);
    chani_park_init(&ring->head.unlocked);
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
