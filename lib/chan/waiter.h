/*
 * waiter.h - one thread that waits for the first of several things.
 *
 * A waiter lives on the stack of its thread. Watchers (park.h) tell it that something may be done;
 * partners of a rendezvous (meet.h) claim it, move a value for it and finish it. All of them know
 * it from lists, and must reach it with the lock of that list held; a waiter leaves all lists
 * before it goes.
 *
 *     owner                                others, with the lock of a list
 *     chani_waiter_init
 *     enter lists
 *     chani_waiter_wait                    chani_waiter_notify, or
 *                                          chani_waiter_claim, transfer, chani_waiter_finish
 *     leave lists                          without the lock: chani_waiter_wake
 */
#ifndef CHANI_WAITER_H
#define CHANI_WAITER_H

#include "futex.h"
#include "ring.h"
#include "spin.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chani_waiter_phase {
    CHANI_WAITING,
    CHANI_NOTIFIED, /* something may be done: the owner tries */
    CHANI_CLAIMED,  /* a partner is about to finish it */
    CHANI_DONE,     /* finished by a partner */
    CHANI_CANCELLED /* the time was over; nobody can claim it any more */
};

struct chani_waiter {
    /* Atomic (seq_cst): the phase, and whether the owner may be asleep. */
    _Atomic uint32_t state;

    /* Written by who claimed it, before it is finished. */
    size_t which;         /* the thing that came to pass */
    enum chani_moved how; /* CHANI_MOVED, or CHANI_SHUT */
};

static inline void chani_waiter_init(struct chani_waiter *waiter)
{
    atomic_init(&waiter->state, CHANI_WAITING);
}

/*
 * Waits, spinning at first, until it is CHANI_NOTIFIED or CHANI_DONE. CHANI_CANCELLED when the
 * deadline came before both.
 */
enum chani_waiter_phase chani_waiter_wait(struct chani_waiter *waiter, struct chani_spin *spin,
                                          int64_t deadline);

/* Nobody has claimed or notified it yet. */
bool chani_waiter_is_waiting(const struct chani_waiter *waiter);

/* Something may be done. True when it is to be woken. */
bool chani_waiter_notify(struct chani_waiter *waiter);

/* Makes the caller its partner; false when another was faster, or its time is over. */
bool chani_waiter_claim(struct chani_waiter *waiter);

/* Ends a claim. True when it is to be woken; its memory may be gone from now on. */
bool chani_waiter_finish(struct chani_waiter *waiter, size_t which, enum chani_moved how);

/* Only the address counts, so that the waiter may be gone. Without any lock held. */
static inline void chani_waiter_wake(struct chani_waiter *waiter)
{
    chani_futex_wake(&waiter->state, INT_MAX);
}

#endif
