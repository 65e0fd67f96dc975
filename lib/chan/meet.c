/*
 * meet.c - the meeting place of a channel with capacity 0.
 *
 * DESIGN
 *
 * A lock and a queue of offers for each side, oldest first. Who comes claims the first waiter of
 * the other side that can still be claimed, copies the value with the lock held, takes the offer
 * out and finishes the waiter. So a value moves at the instant of the claim, and nobody reports a
 * success without a partner that has it, or gave it. An offer whose waiter was claimed elsewhere
 * (a select leaves offers in several places), notified or cancelled is passed over: its owner is
 * awake and takes it back.
 *
 * Looking for a partner and leaving an offer happen with the lock held once, so that two that come
 * together cannot miss each other. The counters are read without the lock only to say that nobody
 * is there, which is true at the instant of the load. An offer is counted, by a seq_cst store,
 * before the park of the other side is asked for watchers; a watcher enters the park before it
 * looks at the counter: the argument of park.c.
 *
 * Rejected: copying after the unlock, with the partner held in the claimed state. It shortens the
 * lock, but a thread stopped in the middle of it stalls a partner that has a deadline, and closing
 * would have to wait for it.
 */
#include "meet.h"

#include "chan.h"

#include <stdlib.h>

/* Waiters that are sent home with the lock taken once. */
#define CLOSE_BATCH 16

static struct chani_meet *meet_of(struct chani_ring *base)
{
    return (struct chani_meet *)(void *)base;
}

static enum chani_side other_side(enum chani_side side)
{
    return side == CHANI_SENDING ? CHANI_RECEIVING : CHANI_SENDING;
}

void chani_meet_lock(struct chani_meet *meet)
{
    chani_lock_take(&meet->lock);
}

void chani_meet_unlock(struct chani_meet *meet)
{
    chani_lock_release(&meet->lock);
}

static void count_locked(struct chani_meet *meet, enum chani_side side, size_t change)
{
    size_t n = atomic_load_explicit(&meet->queued[side], memory_order_relaxed);

    atomic_store(&meet->queued[side], n + change);
}

void chani_meet_offer_locked(struct chani_meet *meet, enum chani_side side,
                             struct chani_offer *offer)
{
    struct chani_offer *head = &meet->offers[side];

    offer->prev = head->prev;
    offer->next = head;
    head->prev->next = offer;
    head->prev = offer;
    offer->queued = true;
    count_locked(meet, side, 1);
}

static void unlink_locked(struct chani_meet *meet, enum chani_side side, struct chani_offer *offer)
{
    offer->prev->next = offer->next;
    offer->next->prev = offer->prev;
    offer->queued = false;
    count_locked(meet, side, (size_t)-1);
}

/* Claims the oldest offer of `side` and takes it out; NULL when there is none. */
static struct chani_offer *claim_locked(struct chani_meet *meet, enum chani_side side)
{
    struct chani_offer *head = &meet->offers[side];

    for (struct chani_offer *offer = head->next; offer != head; offer = offer->next)
        if (chani_waiter_claim(offer->waiter)) {
            unlink_locked(meet, side, offer);
            return offer;
        }
    return NULL;
}

/* Ends the claim of an offer; the waiter if it is to be woken. */
static struct chani_waiter *finish_locked(struct chani_offer *offer, enum chani_moved how)
{
    struct chani_waiter *waiter = offer->waiter;

    return chani_waiter_finish(waiter, offer->which, how) ? waiter : NULL;
}

enum chani_moved chani_meet_pair_locked(struct chani_meet *meet, enum chani_side side, void *elem,
                                        struct chani_waiter **wake)
{
    struct chani_offer *offer;

    *wake = NULL;
    if (atomic_load(&meet->closed[side]))
        return CHANI_SHUT;
    offer = claim_locked(meet, other_side(side));
    if (offer == NULL)
        return CHANI_BLOCKED;
    if (side == CHANI_SENDING)
        chani_copy(offer->elem, elem, 1, meet->base.elem_size);
    else
        chani_copy(elem, offer->elem, 1, meet->base.elem_size);
    *wake = finish_locked(offer, CHANI_MOVED);
    return CHANI_MOVED;
}

bool chani_meet_can_pair_locked(struct chani_meet *meet, enum chani_side side)
{
    struct chani_offer *head = &meet->offers[other_side(side)];

    if (atomic_load(&meet->closed[side]))
        return true;
    for (struct chani_offer *offer = head->next; offer != head; offer = offer->next)
        if (chani_waiter_is_waiting(offer->waiter))
            return true;
    return false;
}

void chani_meet_announce(struct chani_meet *meet, enum chani_side side)
{
    chani_park_notify(meet->parks[other_side(side)], 1);
}

void chani_meet_withdraw(struct chani_meet *meet, enum chani_side side, struct chani_offer *offer)
{
    chani_meet_lock(meet);
    if (offer->queued)
        unlink_locked(meet, side, offer);
    chani_meet_unlock(meet);
}

/* Leaves an offer, with the lock held, releases it and waits. */
static enum chani_moved wait_unlock(struct chani_meet *meet, enum chani_side side, void *elem,
                                    int64_t deadline)
{
    struct chani_waiter waiter;
    struct chani_offer offer = {.waiter = &waiter, .elem = elem};

    chani_waiter_init(&waiter);
    chani_meet_offer_locked(meet, side, &offer);
    chani_meet_unlock(meet);
    chani_meet_announce(meet, side);
    if (chani_waiter_wait(&waiter, &meet->parks[side]->spin, deadline) == CHANI_DONE)
        return waiter.how;
    chani_meet_withdraw(meet, side, &offer);
    return CHANI_BLOCKED;
}

enum chani_moved chani_meet_transfer(struct chani_meet *meet, enum chani_side side, void *elem,
                                     int64_t deadline)
{
    struct chani_waiter *wake;
    enum chani_moved how;

    chani_meet_lock(meet);
    how = chani_meet_pair_locked(meet, side, elem, &wake);
    if (how == CHANI_BLOCKED && deadline != CHANI_NOW)
        return wait_unlock(meet, side, elem, deadline);
    chani_meet_unlock(meet);
    if (wake != NULL)
        chani_waiter_wake(wake);
    return how;
}

/* Sends up to CLOSE_BATCH waiters home; false when all are gone. */
static bool close_some(struct chani_meet *meet, enum chani_side side)
{
    struct chani_waiter *asleep[CLOSE_BATCH];
    struct chani_offer *offer = NULL;
    size_t count = 0;

    chani_meet_lock(meet);
    atomic_store(&meet->closed[side], true);
    while (count < CLOSE_BATCH && (offer = claim_locked(meet, side)) != NULL) {
        asleep[count] = finish_locked(offer, CHANI_SHUT);
        if (asleep[count] != NULL)
            count++;
    }
    chani_meet_unlock(meet);
    for (size_t i = 0; i < count; i++)
        chani_waiter_wake(asleep[i]);
    return offer != NULL;
}

void chani_meet_close(struct chani_meet *meet, enum chani_side side)
{
    while (close_some(meet, side))
        ;
}

size_t chani_meet_waiters(const struct chani_meet *meet, enum chani_side side)
{
    return atomic_load(&meet->queued[side]);
}

/*
 * Without the lock: true when at some instant a transfer of this side would have been blocked. What
 * is open at the second load was open at the first.
 */
static bool is_deserted(const struct chani_meet *meet, enum chani_side side)
{
    return atomic_load(&meet->queued[other_side(side)]) == 0 && !atomic_load(&meet->closed[side]);
}

/* Moves 1..n values with partners that are waiting. */
static enum chani_moved transfer_now(struct chani_meet *meet, enum chani_side side,
                                     unsigned char *elem, size_t n, size_t *moved)
{
    enum chani_moved how = CHANI_MOVED;
    size_t done = 0;

    while (done < n) {
        if (is_deserted(meet, side))
            how = CHANI_BLOCKED;
        else
            how = chani_meet_transfer(meet, side, elem, CHANI_NOW);
        if (how != CHANI_MOVED)
            break;
        done++;
        if (meet->base.elem_size > 0)
            elem += meet->base.elem_size;
    }
    *moved = done;
    return done > 0 ? CHANI_MOVED : how;
}

static enum chani_moved push(struct chani_ring *base, const void *elems, size_t n, size_t *moved)
{
    return transfer_now(meet_of(base), CHANI_SENDING, (unsigned char *)elems, n, moved);
}

static enum chani_moved pop(struct chani_ring *base, void *elems, size_t n, size_t *moved)
{
    return transfer_now(meet_of(base), CHANI_RECEIVING, elems, n, moved);
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

static bool can_pair(const struct chani_ring *base, enum chani_side side)
{
    struct chani_meet *meet = (struct chani_meet *)(void *)base;
    bool can;

    if (is_deserted(meet, side))
        return false;
    chani_meet_lock(meet);
    can = chani_meet_can_pair_locked(meet, side);
    chani_meet_unlock(meet);
    return can;
}

static bool can_push(const struct chani_ring *base)
{
    return can_pair(base, CHANI_SENDING);
}

static bool can_pop(const struct chani_ring *base)
{
    return can_pair(base, CHANI_RECEIVING);
}

static size_t len(const struct chani_ring *base)
{
    (void)base;
    return 0;
}

static void close_ring(struct chani_ring *base)
{
    chani_meet_close(meet_of(base), CHANI_SENDING);
}

static bool is_closed(const struct chani_ring *base)
{
    return atomic_load(&((const struct chani_meet *)(const void *)base)->closed[CHANI_SENDING]);
}

static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    (void)base;
    (void)drop;
    (void)ctx;
    return CHANI_BLOCKED;
}

static void free_ring(struct chani_ring *base)
{
    free(base);
}

static const struct chani_ring_ops ops = {
    .push = push,
    .pop = pop,
    .push_one = push_one,
    .pop_one = pop_one,
    .can_push = can_push,
    .can_pop = can_pop,
    .len = len,
    .close = close_ring,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

struct chani_ring *chani_meet_new(size_t elem_size, struct chani_park *senders,
                                  struct chani_park *receivers)
{
    struct chani_meet *meet;

    if (elem_size > PTRDIFF_MAX)
        return NULL;
    meet = aligned_alloc(CHANI_LINE, sizeof(*meet));
    if (meet == NULL)
        return NULL;
    memset(meet, 0, sizeof(*meet));
    meet->base = (struct chani_ring){.ops = &ops, .capacity = 0, .elem_size = elem_size};
    chani_lock_init(&meet->lock);
    meet->parks[CHANI_SENDING] = senders;
    meet->parks[CHANI_RECEIVING] = receivers;
    for (int side = 0; side < 2; side++) {
        meet->offers[side].prev = &meet->offers[side];
        meet->offers[side].next = &meet->offers[side];
        atomic_init(&meet->queued[side], 0);
        atomic_init(&meet->closed[side], false);
    }
    return &meet->base;
}
