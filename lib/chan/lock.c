/*
 * lock.c - waiting for a lock: a short spin, since it is held for a few instructions, then sleep.
 */
#include "lock.h"

#include "chan.h"
#include "spin.h"

#define LOCK_SPINS 40

void chani_lock_wait(struct chani_lock *lock)
{
    uint32_t expected;

    for (int i = 0; i < LOCK_SPINS; i++) {
        chani_relax();
        expected = CHANI_LOCK_FREE;
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == CHANI_LOCK_FREE &&
            atomic_compare_exchange_weak_explicit(&lock->word, &expected, CHANI_LOCK_HELD,
                                                  memory_order_acquire, memory_order_relaxed))
            return;
    }
    while (atomic_exchange_explicit(&lock->word, CHANI_LOCK_WANTED, memory_order_acquire) !=
           CHANI_LOCK_FREE)
        chani_futex_wait(&lock->word, CHANI_LOCK_WANTED, CHAN_FOREVER);
}
