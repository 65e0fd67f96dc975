/*
 * lock.h - a lock of four bytes, for lists that are held for a few instructions only.
 *
 * Needs no end: memory that holds a free lock may be given back. Who releases it touches nothing
 * after the release but the address.
 */
#ifndef CHANI_LOCK_H
#define CHANI_LOCK_H

#include "futex.h"

#include <stdatomic.h>
#include <stdint.h>

#define CHANI_LOCK_FREE 0u
#define CHANI_LOCK_HELD 1u
#define CHANI_LOCK_WANTED 2u /* held, and somebody may sleep on it */

struct chani_lock {
    _Atomic uint32_t word;
};

static inline void chani_lock_init(struct chani_lock *lock)
{
    atomic_init(&lock->word, CHANI_LOCK_FREE);
}

/* The slow half of chani_lock_take. */
void chani_lock_wait(struct chani_lock *lock);

static inline void chani_lock_take(struct chani_lock *lock)
{
    uint32_t expected = CHANI_LOCK_FREE;

    if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, CHANI_LOCK_HELD,
                                                 memory_order_acquire, memory_order_relaxed))
        chani_lock_wait(lock);
}

static inline void chani_lock_release(struct chani_lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, CHANI_LOCK_FREE, memory_order_release) ==
        CHANI_LOCK_WANTED)
        chani_futex_wake(&lock->word, 1);
}

#endif
