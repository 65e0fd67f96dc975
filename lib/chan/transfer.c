/*
 * transfer.c - sending and receiving: attempts on the ring, and waiting between them.
 */
#include "chan_impl.h"

/*
 * A transfer that slept may have used up a wake-up meant for the operation behind it; see DESIGN in
 * park.c. What it leaves it offers to the next waiter.
 */
static void pass_on(struct chani_park *park, const struct chani_ring *ring,
                    bool (*can_move)(const struct chani_ring *ring))
{
    if (can_move(ring))
        chani_park_notify(park, 1);
}

enum chani_moved chani_push_now(struct chan *chan, const void *elem)
{
    enum chani_moved how = chan->ring->ops->push_one(chan->ring, elem);

    if (chan->meet == NULL)
        chani_tell_pushed(chan, how, 1);
    return how;
}

static enum chan_status status_of(enum chani_moved how, enum chan_status blocked, int64_t deadline)
{
    if (how == CHANI_MOVED)
        return CHAN_OK;
    if (how == CHANI_SHUT)
        return CHAN_CLOSED;
    if (how == CHANI_NOMEM)
        return CHAN_NOMEM;
    return deadline == CHANI_NOW ? blocked : CHAN_TIMEOUT;
}

/* Waiting may help. */
static bool is_pending(enum chani_moved how)
{
    return how == CHANI_BLOCKED || how == CHANI_BUSY;
}

/* Sends one value at capacity 0. */
static CHANI_SLOW enum chan_status send_meet(struct chan *chan, const void *elem, int64_t deadline,
                                             size_t *moved)
{
    const struct chani_goal goal = {chan, CHANI_SENDING, NULL};
    enum chani_moved how;

    chani_cycle_sleep(&goal, deadline);
    how = chani_meet_transfer(chan->meet, CHANI_SENDING, (void *)elem, deadline);
    chani_cycle_awake();
    *moved = 1;
    return status_of(how, CHAN_FULL, deadline);
}

/* Receives at capacity 0: waits for the first value, then takes those of other waiting senders. */
static CHANI_SLOW enum chan_status recv_meet(struct chan *chan, void *elems, size_t n,
                                             int64_t deadline, size_t *moved)
{
    struct chani_ring *ring = chan->ring;
    const struct chani_goal goal = {chan, CHANI_RECEIVING, NULL};
    enum chani_moved how;
    size_t more;

    chani_cycle_sleep(&goal, deadline);
    how = chani_meet_transfer(chan->meet, CHANI_RECEIVING, elems, deadline);
    chani_cycle_awake();
    *moved = 1;
    if (how == CHANI_MOVED && n > 1 &&
        ring->ops->pop(ring, (unsigned char *)elems + ring->elem_size, n - 1, &more) == CHANI_MOVED)
        *moved += more;
    return status_of(how, CHAN_EMPTY, deadline);
}

/* The rest of send_some after an attempt that gave `how`. */
static CHANI_SLOW enum chan_status send_wait(struct chan *chan, const void *elems, size_t n,
                                             int64_t deadline, size_t *moved, enum chani_moved how)
{
    struct chani_ring *ring = chan->ring;
    const struct chani_goal goal = {chan, CHANI_SENDING, NULL};
    struct chani_wait wait;

    chani_wait_init(&wait, &chan->not_full, deadline);
    chani_cycle_sleep(&goal, deadline);
    while (is_pending(how) && chani_wait_again(&wait, how == CHANI_BUSY))
        how = ring->ops->push(ring, elems, n, moved);
    chani_cycle_awake();
    chani_wait_end(&wait);
    chani_tell_pushed(chan, how, how == CHANI_MOVED ? *moved : 0);
    if (how == CHANI_MOVED && wait.slept)
        pass_on(&chan->not_full, ring, ring->ops->can_push);
    return status_of(how, CHAN_FULL, deadline);
}

/* Sends the first 1..n values, waiting until `deadline` for room. */
static enum chan_status send_some(struct chan *chan, const void *elems, size_t n, int64_t deadline,
                                  size_t *moved)
{
    struct chani_ring *ring = chan->ring;
    enum chani_moved how;

    if (chan->meet != NULL)
        return send_meet(chan, elems, deadline, moved);
    how = ring->ops->push(ring, elems, n, moved);
    if (how != CHANI_MOVED)
        return send_wait(chan, elems, n, deadline, moved, how);
    chani_park_notify(&chan->not_empty, *moved);
    return CHAN_OK;
}

/*
 * Pops 1..n values; CHANI_SHUT when there will never be one. An empty ring is looked at again after
 * the senders are known to be gone: their last value may have come in between.
 */
static enum chani_moved take(struct chan *chan, void *elems, size_t n, size_t *moved)
{
    struct chani_ring *ring = chan->ring;
    enum chani_moved how;

    if (atomic_load(&chan->state) & CHANI_RX_SHUT)
        return CHANI_SHUT;
    how = ring->ops->pop(ring, elems, n, moved);
    if (how != CHANI_BLOCKED || !(atomic_load(&chan->state) & CHANI_TX_GONE))
        return how;
    how = ring->ops->pop(ring, elems, n, moved);
    return how == CHANI_BLOCKED ? CHANI_SHUT : how;
}

/* The same for one value. */
static inline enum chani_moved take_one(struct chan *chan, void *elem)
{
    struct chani_ring *ring = chan->ring;
    enum chani_moved how;

    if (atomic_load(&chan->state) & CHANI_RX_SHUT)
        return CHANI_SHUT;
    how = ring->ops->pop_one(ring, elem);
    if (how != CHANI_BLOCKED || !(atomic_load(&chan->state) & CHANI_TX_GONE))
        return how;
    how = ring->ops->pop_one(ring, elem);
    return how == CHANI_BLOCKED ? CHANI_SHUT : how;
}

enum chani_moved chani_pop_now(struct chan *chan, void *elem)
{
    enum chani_moved how = take_one(chan, elem);

    if (how == CHANI_MOVED && chan->meet == NULL)
        chani_park_notify(&chan->not_full, 1);
    return how;
}

bool chani_is_ready(const struct chan *chan, enum chani_side side)
{
    const struct chani_ring *ring = chan->ring;

    if (side == CHANI_SENDING)
        return ring->ops->can_push(ring) || ring->ops->is_closed(ring);
    return ring->ops->can_pop(ring) || atomic_load(&chan->state) != 0;
}

void chani_pass_on(struct chan *chan, enum chani_side side)
{
    if (side == CHANI_SENDING)
        pass_on(&chan->not_full, chan->ring, chan->ring->ops->can_push);
    else
        pass_on(&chan->not_empty, chan->ring, chan->ring->ops->can_pop);
}

/* As chani_wait_again, for a receiver, whose value may come with the time. */
static bool recv_again(struct chani_wait *wait, const struct chani_ring *ring, bool busy)
{
    if (ring->ops->next_event != NULL)
        wait->event = ring->ops->next_event(ring);
    return chani_wait_again(wait, busy);
}

/* The rest of recv_some after an attempt that gave `how`. */
static CHANI_SLOW enum chan_status recv_wait(struct chan *chan, void *elems, size_t n,
                                             int64_t deadline, size_t *moved, enum chani_moved how)
{
    struct chani_ring *ring = chan->ring;
    const struct chani_goal goal = {chan, CHANI_RECEIVING, NULL};
    struct chani_wait wait;

    chani_wait_init(&wait, &chan->not_empty, deadline);
    chani_cycle_sleep(&goal, deadline);
    while (is_pending(how) && recv_again(&wait, ring, how == CHANI_BUSY))
        how = take(chan, elems, n, moved);
    chani_cycle_awake();
    chani_wait_end(&wait);
    if (how == CHANI_MOVED) {
        chani_park_notify(&chan->not_full, *moved);
        if (wait.slept)
            pass_on(&chan->not_empty, ring, ring->ops->can_pop);
    }
    return status_of(how, CHAN_EMPTY, deadline);
}

/* Receives 1..n values, waiting until `deadline` for the first. */
static enum chan_status recv_some(struct chan *chan, void *elems, size_t n, int64_t deadline,
                                  size_t *moved)
{
    enum chani_moved how;

    if (chan->meet != NULL)
        return recv_meet(chan, elems, n, deadline, moved);
    how = take(chan, elems, n, moved);
    if (how != CHANI_MOVED)
        return recv_wait(chan, elems, n, deadline, moved, how);
    chani_park_notify(&chan->not_full, *moved);
    return CHAN_OK;
}

/* The rest of send_one after an attempt that gave `how`, or without one at capacity 0. */
static CHANI_SLOW enum chan_status send_one_slow(struct chan *chan, const void *elem,
                                                 int64_t deadline, enum chani_moved how)
{
    size_t moved;

    if (chan->meet != NULL)
        return send_meet(chan, elem, deadline, &moved);
    return send_wait(chan, elem, 1, deadline, &moved, how);
}

static CHANI_SLOW enum chan_status recv_one_slow(struct chan *chan, void *elem, int64_t deadline,
                                                 enum chani_moved how)
{
    size_t moved;

    if (chan->meet != NULL)
        return recv_meet(chan, elem, 1, deadline, &moved);
    return recv_wait(chan, elem, 1, deadline, &moved, how);
}

static inline enum chan_status send_one(chan_tx *tx, const void *elem, int64_t deadline,
                                        const char *call)
{
    struct chan *chan = tx->chan;
    enum chani_moved how = CHANI_BLOCKED;
    enum chan_status status = CHAN_OK;

    chani_guard_enter(&tx->guard, call);
    if (chan->meet == NULL)
        how = chan->ring->ops->push_one(chan->ring, elem);
    if (how == CHANI_MOVED)
        chani_park_notify(&chan->not_empty, 1);
    else
        status = send_one_slow(chan, elem, deadline, how);
    chani_guard_leave(&tx->guard);
    return status;
}

static inline enum chan_status recv_one(chan_rx *rx, void *elem, int64_t deadline, const char *call)
{
    struct chan *chan = rx->chan;
    enum chani_moved how = CHANI_BLOCKED;
    enum chan_status status = CHAN_OK;

    chani_guard_enter(&rx->guard, call);
    if (chan->meet == NULL)
        how = take_one(chan, elem);
    if (how == CHANI_MOVED)
        chani_park_notify(&chan->not_full, 1);
    else
        status = recv_one_slow(chan, elem, deadline, how);
    chani_guard_leave(&rx->guard);
    return status;
}

int64_t chani_deadline_after(int64_t timeout_ns)
{
    int64_t now = chan_now_ns();

    if (timeout_ns <= 0)
        return now;
    return timeout_ns < CHAN_FOREVER - now ? now + timeout_ns : CHAN_FOREVER;
}

int64_t chani_deadline_public(int64_t deadline_ns)
{
    return deadline_ns > 0 ? deadline_ns : 0;
}

enum chan_status chan_send(chan_tx *tx, const void *elem)
{
    return send_one(tx, elem, CHAN_FOREVER, "chan_send");
}

enum chan_status chan_try_send(chan_tx *tx, const void *elem)
{
    return send_one(tx, elem, CHANI_NOW, "chan_try_send");
}

enum chan_status chan_send_deadline(chan_tx *tx, const void *elem, int64_t deadline_ns)
{
    return send_one(tx, elem, chani_deadline_public(deadline_ns), "chan_send_deadline");
}

/* The clock is read only when the first attempt fails. */
enum chan_status chan_send_timeout(chan_tx *tx, const void *elem, int64_t timeout_ns)
{
    enum chan_status status = send_one(tx, elem, CHANI_NOW, "chan_send_timeout");

    if (status != CHAN_FULL)
        return status;
    if (timeout_ns <= 0)
        return CHAN_TIMEOUT;
    return send_one(tx, elem, chani_deadline_after(timeout_ns), "chan_send_timeout");
}

enum chan_status chan_try_send_quiet(chan_tx *tx, const void *elem)
{
    struct chan *chan = tx->chan;
    enum chan_status status = CHAN_INVALID;

    chani_guard_enter(&tx->guard, "chan_try_send_quiet");
    if (chan->meet == NULL)
        status = status_of(chan->ring->ops->push_one(chan->ring, elem), CHAN_FULL, CHANI_NOW);
    chani_guard_leave(&tx->guard);
    return status;
}

void chan_tx_wake(chan_tx *tx)
{
    struct chan *chan = tx->chan;
    size_t n;

    chani_guard_enter(&tx->guard, "chan_tx_wake");
    n = chan->ring->ops->len(chan->ring);
    if (chan->meet == NULL && n > 0)
        chani_park_notify(&chan->not_empty, n);
    chani_guard_leave(&tx->guard);
}

enum chan_status chan_send_many(chan_tx *tx, const void *elems, size_t n, size_t *count)
{
    const unsigned char *elem = elems;
    enum chan_status status = CHAN_OK;
    size_t sent = 0;
    size_t moved;

    chani_guard_enter(&tx->guard, "chan_send_many");
    while (sent < n && status == CHAN_OK) {
        status = send_some(tx->chan, elem, n - sent, CHAN_FOREVER, &moved);
        if (status != CHAN_OK)
            break;
        sent += moved;
        if (tx->chan->ring->elem_size > 0)
            elem += moved * tx->chan->ring->elem_size;
    }
    chani_guard_leave(&tx->guard);
    if (count != NULL)
        *count = sent;
    return status;
}

/* Sends without waiting for a receiver, evicting if need be. */
static enum chan_status send_evicting(struct chan *chan, const void *elem, void *evicted,
                                      bool *did_evict)
{
    struct chani_ring *ring = chan->ring;
    enum chan_status status;
    enum chani_moved how;
    size_t moved;

    status = send_some(chan, elem, 1, CHANI_NOW, &moved);
    if (status != CHAN_FULL)
        return status;
    how = ring->ops->evict(ring, elem, evicted, did_evict);
    if (how == CHANI_MOVED)
        chani_park_notify(&chan->not_empty, 1);
    /* Who found no room meanwhile may have used up a wake-up. */
    chani_pass_on(chan, CHANI_SENDING);
    return status_of(how, CHAN_FULL, CHANI_NOW);
}

enum chan_status chan_send_evict(chan_tx *tx, const void *elem, void *evicted, bool *did_evict)
{
    enum chan_status status;

    chani_guard_enter(&tx->guard, "chan_send_evict");
    *did_evict = false;
    if (tx->chan->one_to_one || tx->chan->meet != NULL)
        status = CHAN_INVALID;
    else
        status = send_evicting(tx->chan, elem, evicted, did_evict);
    chani_guard_leave(&tx->guard);
    return status;
}

enum chan_status chan_recv(chan_rx *rx, void *elem)
{
    return recv_one(rx, elem, CHAN_FOREVER, "chan_recv");
}

enum chan_status chan_try_recv(chan_rx *rx, void *elem)
{
    return recv_one(rx, elem, CHANI_NOW, "chan_try_recv");
}

enum chan_status chan_recv_deadline(chan_rx *rx, void *elem, int64_t deadline_ns)
{
    return recv_one(rx, elem, chani_deadline_public(deadline_ns), "chan_recv_deadline");
}

enum chan_status chan_recv_timeout(chan_rx *rx, void *elem, int64_t timeout_ns)
{
    enum chan_status status = recv_one(rx, elem, CHANI_NOW, "chan_recv_timeout");

    if (status != CHAN_EMPTY)
        return status;
    if (timeout_ns <= 0)
        return CHAN_TIMEOUT;
    return recv_one(rx, elem, chani_deadline_after(timeout_ns), "chan_recv_timeout");
}

enum chan_status chan_recv_many(chan_rx *rx, void *elems, size_t n, size_t *count)
{
    enum chan_status status = CHAN_OK;
    size_t moved = 0;

    chani_guard_enter(&rx->guard, "chan_recv_many");
    if (n > 0)
        status = recv_some(rx->chan, elems, n, CHAN_FOREVER, &moved);
    chani_guard_leave(&rx->guard);
    if (count != NULL)
        *count = status == CHAN_OK ? moved : 0;
    return status;
}
