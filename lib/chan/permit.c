/*
 * permit.c - permits: room taken in advance.
 *
 * A permit is the sender it was made with and no more: which slot its value goes to is decided by
 * the commit, so that a permit that is not used delays nobody.
 */
#include "chan_impl.h"

/* Takes room for one value, waiting for it until `deadline`. */
static enum chan_status take_room(struct chan *chan, int64_t deadline)
{
    struct chani_ring *ring = chan->ring;
    const struct chani_goal goal = {chan, CHANI_SENDING, NULL};
    struct chani_wait wait;
    enum chani_moved how;

    if (chan->meet != NULL)
        return CHAN_INVALID;
    chani_wait_init(&wait, &chan->not_full, deadline);
    chani_cycle_sleep(&goal, deadline);
    while ((how = ring->ops->reserve(ring)) == CHANI_BLOCKED)
        if (!chani_wait_again(&wait, false))
            break;
    chani_cycle_awake();
    chani_wait_end(&wait);
    if (wait.slept && how != CHANI_BLOCKED)
        chani_pass_on(chan, CHANI_SENDING);
    if (how == CHANI_MOVED)
        return CHAN_OK;
    if (how == CHANI_SHUT)
        return CHAN_CLOSED;
    if (how == CHANI_LIMIT)
        return CHAN_INVALID;
    return deadline == CHANI_NOW ? CHAN_FULL : CHAN_TIMEOUT;
}

static enum chan_status reserve_one(chan_tx *tx, struct chan_permit *permit, int64_t deadline,
                                    const char *call)
{
    enum chan_status status;

    chani_guard_enter(&tx->guard, call);
    status = take_room(tx->chan, deadline);
    if (status == CHAN_OK) {
        chani_guard_permit(&tx->guard);
        permit->tx = tx;
    }
    chani_guard_leave(&tx->guard);
    return status;
}

enum chan_status chan_reserve(chan_tx *tx, struct chan_permit *permit)
{
    return reserve_one(tx, permit, CHAN_FOREVER, "chan_reserve");
}

enum chan_status chan_try_reserve(chan_tx *tx, struct chan_permit *permit)
{
    return reserve_one(tx, permit, CHANI_NOW, "chan_try_reserve");
}

enum chan_status chan_reserve_deadline(chan_tx *tx, struct chan_permit *permit, int64_t deadline_ns)
{
    return reserve_one(tx, permit, chani_deadline_public(deadline_ns), "chan_reserve_deadline");
}

/* The clock is read only when the first attempt fails. */
enum chan_status chan_reserve_timeout(chan_tx *tx, struct chan_permit *permit, int64_t timeout_ns)
{
    enum chan_status status = reserve_one(tx, permit, CHANI_NOW, "chan_reserve_timeout");

    if (status != CHAN_FULL)
        return status;
    if (timeout_ns <= 0)
        return CHAN_TIMEOUT;
    return reserve_one(tx, permit, chani_deadline_after(timeout_ns), "chan_reserve_timeout");
}

/* Begins the end of a permit, a transfer on the handle that it gives. */
static chan_tx *permit_enter(struct chan_permit *permit, const char *call)
{
    chan_tx *tx = permit->tx;

    chani_guard_end_permit(tx != NULL ? &tx->guard : NULL, call);
    chani_guard_enter(&tx->guard, call);
    permit->tx = NULL;
    return tx;
}

enum chan_status chan_commit(struct chan_permit *permit, const void *elem)
{
    chan_tx *tx = permit_enter(permit, "chan_commit");
    struct chan *chan = tx->chan;
    enum chani_moved how;

    how = chan->ring->ops->commit(chan->ring, elem);
    chani_tell_pushed(chan, how, 1);
    chani_guard_leave(&tx->guard);
    if (how == CHANI_MOVED)
        return CHAN_OK;
    return how == CHANI_NOMEM ? CHAN_NOMEM : CHAN_CLOSED;
}

void chan_permit_release(struct chan_permit *permit)
{
    chan_tx *tx = permit_enter(permit, "chan_permit_release");
    struct chan *chan = tx->chan;

    chan->ring->ops->release(chan->ring);
    chani_park_notify(&chan->not_full, 1);
    chani_guard_leave(&tx->guard);
}
