/*
 * meet.h - the meeting place of a channel with capacity 0: values go from hand to hand.
 *
 * Who finds no partner leaves an offer and waits; who comes later takes the oldest offer of the
 * other side and moves the value, for both. Towards transfer.c and the queries a meeting place is a
 * ring whose push and pop succeed only when a partner is waiting.
 */
#ifndef CHANI_MEET_H
#define CHANI_MEET_H

#include "park.h"
#include "ring.h"
#include "side.h"
#include "waiter.h"

/* What a waiter would do here; lives on the stack of its thread. Guarded by the lock of the meet.
 */
struct chani_offer {
    struct chani_offer *prev;
    struct chani_offer *next;
    struct chani_waiter *waiter;
    void *elem;
    size_t which; /* told to the waiter */
    bool queued;
};

struct chani_meet {
    /* Constant after start. */
    struct chani_ring base;
    struct chani_park *parks[2]; /* for each side the place of its watchers */

    _Alignas(CHANI_LINE) struct chani_lock lock;

    /* Guarded by lock; `queued` and `closed` may be read without it (seq_cst). */
    struct chani_offer offers[2]; /* heads of the queues, oldest first */
    _Atomic size_t queued[2];
    _Atomic bool closed[2]; /* for the transfers of this side */
};

/* NULL when out of memory. The watchers of senders are in `senders`, those of receivers in the
 * other park; both belong to the caller and outlive the meeting place. */
struct chani_ring *chani_meet_new(size_t elem_size, struct chani_park *senders,
                                  struct chani_park *receivers);

/*
 * Moves one value between *elem and a partner, waiting for one until the deadline. CHANI_BLOCKED
 * when nobody came in time, CHANI_SHUT when the channel is closed for this side.
 */
enum chani_moved chani_meet_transfer(struct chani_meet *meet, enum chani_side side, void *elem,
                                     int64_t deadline);

/* Closes the place for one side and sends home all who wait on it. Any number of times. */
void chani_meet_close(struct chani_meet *meet, enum chani_side side);

/* Number of offers on one side. */
size_t chani_meet_waiters(const struct chani_meet *meet, enum chani_side side);

/*
 * The pieces, for a select, which holds the locks of several places at once (in the order of their
 * addresses). chani_meet_pair moves a value as chani_meet_transfer does, without waiting; *wake is
 * a waiter to be woken after the unlock, or NULL. chani_meet_can_pair tells whether it would give
 * CHANI_MOVED or CHANI_SHUT. chani_meet_offer leaves an offer whose waiter, elem and which are set;
 * after the unlock it must be announced, so that watchers of the other side hear of it. Each offer
 * is taken back with chani_meet_withdraw, also after the waiter is done. O(1), but for offers of
 * selects that are leaving, which are passed over.
 */
void chani_meet_lock(struct chani_meet *meet);
void chani_meet_unlock(struct chani_meet *meet);
enum chani_moved chani_meet_pair_locked(struct chani_meet *meet, enum chani_side side, void *elem,
                                        struct chani_waiter **wake);
bool chani_meet_can_pair_locked(struct chani_meet *meet, enum chani_side side);
void chani_meet_offer_locked(struct chani_meet *meet, enum chani_side side,
                             struct chani_offer *offer);
void chani_meet_announce(struct chani_meet *meet, enum chani_side side);
void chani_meet_withdraw(struct chani_meet *meet, enum chani_side side, struct chani_offer *offer);

#endif
