/*
 * tail.h - the count of values that one sender has published, and the end that closing sets to it.
 *
 * DESIGN
 *
 * Publishing is a plain store where the system has a heavy barrier (barrier.h), else a seq_cst
 * store. In the first case a count may be seen a little after the call that stored it has returned.
 * Parking allows for that (CHANI_PUBLISH_LIGHT). And so that no two answers contradict each other,
 * such as "Y is empty" from who has sent to X and "X is empty" from who has sent to Y, a full
 * barrier of the asking thread (chani_barrier_own) goes before each look that says empty or full:
 * what it stored before is seen by all others then. It costs nothing where it counts, since no
 * value moves.
 *
 * Closing must not lose a value that is on its way: a push is either before the close, and discard
 * finds it, or it fails and the value stays the sender's. `end` is OPEN, then CLOSING, then for
 * good the number of values that count. Who closes sets CLOSING, then the heavy barrier, reads the
 * count, and makes this the end with a compare-and-exchange from CLOSING. The producer, which does
 * not begin a push unless the end is OPEN, looks again after it has published:
 *
 *     OPEN       by the barrier (or the seq_cst order) who closes will see this count
 *     CLOSING    it tries to make its own count the end: there is none beyond it
 *     a number   settled: the push counts if it is not beyond
 *
 * The consumer looks at the end after the count. If it is OPEN, the same argument says that the end
 * will not be before this count. If it is CLOSING, the consumer does what the closing thread does,
 * for the count that it read may be too old. If it is a number, values beyond it do not exist. So
 * every end that is tried is at least every count that somebody acted upon with the end still OPEN,
 * and one is chosen, once. Rejected: the closed bit in the count and a compare-and-exchange to
 * publish, which is simple and slower; and a flag of its own without an end,
 * which lets a value slip in behind the discard. test/model/light.pml.
 */
#ifndef CHANI_TAIL_H
#define CHANI_TAIL_H

#include "barrier.h"
#include "park.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Values of `end` before it is a count. */
#define CHANI_TAIL_OPEN UINT64_MAX
#define CHANI_TAIL_CLOSING (UINT64_MAX - 1)

struct chani_tail {
    /* Atomic (seq_cst). How many values count: OPEN, CLOSING or the number, which is final. */
    _Alignas(CHANI_LINE) _Atomic uint64_t end;
    bool light; /* constant after start */

    /* Atomic. Written by the producer, polled by the consumer; nothing else is in its line. */
    _Alignas(CHANI_LINE) _Atomic uint64_t count;
};

/* `light`: published lightly; all who park on it know. */
static inline void chani_tail_init(struct chani_tail *tail, bool light)
{
    atomic_init(&tail->end, CHANI_TAIL_OPEN);
    atomic_init(&tail->count, 0);
    tail->light = light;
}

static inline bool chani_tail_is_closed(const struct chani_tail *tail)
{
    return atomic_load(&tail->end) != CHANI_TAIL_OPEN;
}

/* A close has begun: settles the end at `count` unless that is done. */
static inline uint64_t chani_tail_settle(struct chani_tail *tail, uint64_t count)
{
    uint64_t end = CHANI_TAIL_CLOSING;

    return atomic_compare_exchange_strong(&tail->end, &end, count) ? count : end;
}

/* The same for who does not know the newest count. */
static inline uint64_t chani_tail_settle_unknown(struct chani_tail *tail)
{
    if (tail->light)
        chani_barrier_heavy();
    return chani_tail_settle(tail, atomic_load(&tail->count));
}

/* For the producer: `count` values were pushed. False when the end came before the last of them. */
static inline bool chani_tail_publish(struct chani_tail *tail, uint64_t count)
{
    chani_barrier_light_store(&tail->count, count, tail->light);
    return !chani_tail_is_closed(tail) || chani_tail_settle(tail, count) >= count;
}

/* For the consumer: how many values were pushed. No close takes back what was counted here. */
static inline uint64_t chani_tail_settled(struct chani_tail *tail)
{
    uint64_t count = atomic_load(&tail->count);
    uint64_t end = atomic_load(&tail->end);

    if (end == CHANI_TAIL_OPEN)
        return count;
    if (end == CHANI_TAIL_CLOSING)
        end = chani_tail_settle_unknown(tail);
    return count < end ? count : end;
}

/* The same for who only asks. */
static inline uint64_t chani_tail_seen(const struct chani_tail *tail)
{
    uint64_t count = atomic_load(&tail->count);
    uint64_t end = atomic_load(&tail->end);

    return count < end ? count : end;
}

/* Any thread, any number of times. */
static inline void chani_tail_close(struct chani_tail *tail)
{
    uint64_t end = CHANI_TAIL_OPEN;

    atomic_compare_exchange_strong(&tail->end, &end, CHANI_TAIL_CLOSING);
    chani_tail_settle_unknown(tail);
}

#endif
