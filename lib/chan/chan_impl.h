/*
 * chan_impl.h - the inside of a channel, for the library's own files and their tests.
 */
#ifndef CHANI_CHAN_IMPL_H
#define CHANI_CHAN_IMPL_H

#include "chan.h"
#include "guard.h"
#include "meet.h"
#include "park.h"
#include "ring.h"

/* Bits of chan->state. They are only ever set. */
#define CHANI_TX_GONE 1u /* the last sender was dropped: no push will come */
#define CHANI_RX_SHUT 2u /* chan_rx_shutdown was called */

struct chan {
    /* Constant after start. */
    struct chani_ring *ring;
    struct chani_meet *meet; /* the ring at capacity 0, else NULL */
    void (*drop)(void *elem, void *drop_ctx);
    void *drop_ctx;
    char *name; /* owned; NULL without a name */
    bool one_to_one;

    /* Atomic (seq_cst). Read in every receive, written at most twice. */
    _Atomic uint32_t state;

    /* Atomic. Handles of each side; sides that have handles and weak senders: the last one frees.
     */
    _Alignas(CHANI_LINE) _Atomic size_t senders;
    _Atomic size_t receivers;
    _Atomic size_t holders;

    struct chani_park not_empty; /* receivers wait here */
    struct chani_park not_full;  /* senders wait here */

#ifdef CHAN_DEBUG
    struct chani_handles handles; /* guarded by the lock in cycle.c */
#endif
};

struct chani_descriptor;

struct chan_tx {
    struct chani_guard guard;
    struct chan *chan;
    _Atomic(struct chani_descriptor *) descriptor; /* owned; NULL until it is asked for */
};

struct chan_rx {
    struct chani_guard guard;
    struct chan *chan;
    _Atomic(struct chani_descriptor *) descriptor; /* owned; NULL until it is asked for */
};

struct chan_weak {
    struct chani_guard guard;
    struct chan *chan;
};

/* A receiver, owned by the caller, of a channel without senders. Owns the ring, also on failure. */
enum chan_status chani_open_receiver(struct chani_ring *ring, chan_rx **rx);

/* One attempt, which wakes the other side when it moved something. */
enum chani_moved chani_push_now(struct chan *chan, const void *elem);
enum chani_moved chani_pop_now(struct chan *chan, void *elem);

/* An attempt on this side would move something, or find the channel closed. */
bool chani_is_ready(const struct chan *chan, enum chani_side side);

/* Offers a wake-up that was not used to the next waiter of this side. */
void chani_pass_on(struct chan *chan, enum chani_side side);

/* Where waiters and watchers of this side are. */
static inline struct chani_park *chani_park_of(struct chan *chan, enum chani_side side)
{
    return side == CHANI_SENDING ? &chan->not_full : &chan->not_empty;
}

/*
 * Wakes receivers for a push that gave `how`, of n values. One that ran out of memory may have been
 * what receivers wait for that were told CHANI_BUSY.
 */
static inline void chani_tell_pushed(struct chan *chan, enum chani_moved how, size_t n)
{
    if (how == CHANI_MOVED)
        chani_park_notify(&chan->not_empty, n);
    else if (how == CHANI_NOMEM)
        chani_park_notify(&chan->not_empty, SIZE_MAX);
}

/* The deadline that is `timeout_ns` from now. */
int64_t chani_deadline_after(int64_t timeout_ns);

/* A deadline of the caller, never taken for CHANI_NOW, which gives another status. */
int64_t chani_deadline_public(int64_t deadline_ns);

/* Closes the descriptor of a handle; NULL is allowed. */
void chani_descriptor_free(struct chani_descriptor *descriptor);

#endif
