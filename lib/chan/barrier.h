/*
 * barrier.h - a memory barrier that one thread asks for and all others pay, when it is rare enough.
 *
 * Two threads that each write something and then read what the other wrote need a full barrier in
 * between, both of them, or both may miss the other. Where one of the two does this a thousand
 * times as often, it may leave its barrier to the other:
 *
 *     the frequent one                     the rare one
 *     chani_barrier_light_store            sequentially consistent read-modify-write
 *     load                                 chani_barrier_heavy
 *                                          load
 *
 * Either the load of the frequent one sees what the rare one wrote, or the other way round.
 */
#ifndef CHANI_BARRIER_H
#define CHANI_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHANI_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CHANI_TSAN 1
#endif

/*
 * Whether this process can do that; where it says no, both sides use sequentially consistent
 * operations. To be asked once for each pair of sides: it may say no later, when the system refuses
 * what it allowed before, and chani_barrier_heavy still works for those it said yes to.
 */
bool chani_barrier_is_possible(void);

/* All other threads of the process have passed a full barrier when it returns. errno is kept. */
void chani_barrier_heavy(void);

/* Stores for the frequent one; `light` says that the other side uses chani_barrier_heavy. */
static inline void chani_barrier_light_store(_Atomic uint64_t *to, uint64_t value, bool light)
{
    if (light) {
        atomic_store_explicit(to, value, memory_order_release);
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the order, too */
    } else {
        atomic_store(to, value);
    }
}

/*
 * For a thread that is about to say "nothing there": what it stored itself is seen by others before
 * it loads again. See DESIGN in ring_1to1.c.
 */
static inline void chani_barrier_own(bool light)
{
#ifdef CHANI_TSAN
    (void)light; /* never light: see barrier.c */
#else
    if (light)
        atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
