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

    /* Atomic. Handles of each side, and sides that have handles: the last one frees. */
    _Alignas(CHANI_LINE) _Atomic size_t senders;
    _Atomic size_t receivers;
    _Atomic int sides;

    struct chani_park not_empty; /* receivers wait here */
    struct chani_park not_full;  /* senders wait here */
};

struct chan_tx {
    struct chani_guard guard;
    struct chan *chan;
};

struct chan_rx {
    struct chani_guard guard;
    struct chan *chan;
};

#endif
