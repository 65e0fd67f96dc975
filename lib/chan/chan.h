/*
 * chan.h - channels: passing values between threads.
 *
 * A channel is a queue with two kinds of handles: senders (chan_tx) put values in, receivers
 * (chan_rx) take them out, in order. A channel holds exactly `capacity` values; a sender that finds
 * it full waits, a receiver that finds it empty waits. Values have a fixed size and are copied in
 * and out.
 *
 *     struct chan_options options = {
 *         .size = sizeof(options), .capacity = 16, .elem_size = sizeof(struct job)};
 *     chan_tx *tx;
 *     chan_rx *rx;
 *     if (chan_open(&options, &tx, &rx) != CHAN_OK)
 *         return -1;
 *     ...
 *     chan_send(tx, &job);                          one thread
 *     while (chan_recv(rx, &job) == CHAN_OK)        another thread
 *         run(&job);
 *
 * Closing
 *     A channel closes for receivers when its last sender is dropped: they still receive what is
 *     queued, then CHAN_CLOSED. It closes for senders when its last receiver is dropped: queued
 *     values are destroyed at once, later sends and sends that are waiting give CHAN_CLOSED.
 *
 * Ownership
 *     A send that moved a value (CHAN_OK) has taken it from the caller. After any other status the
 *     value is still the caller's. Values that nobody will receive are destroyed by the drop
 *     function of the options, which runs in the thread that drops the last receiver, without any
 *     lock held; it may use other channels.
 *
 * Status
 *     Every transfer gives one of the statuses below. Success comes before CHAN_CLOSED, and
 *     CHAN_CLOSED before CHAN_FULL, CHAN_EMPTY and CHAN_TIMEOUT: a receive with a timeout of 0 that
 *     finds a value gives CHAN_OK.
 *
 * Threads
 *     Handles of an ordinary channel may be used by any number of threads at once. Of a one_to_one
 *     channel, each handle may be used by one thread at a time (handing it on takes the usual
 *     synchronisation); only chan_rx_shutdown and the queries (len, capacity, name, is_...) may be
 *     called from elsewhere at the same time. Dropping a handle must be the last use of it. At most
 *     65535 threads may wait on one side of a channel. A process that forked must not use its
 *     parent's channels.
 *
 * Order
 *     Values of one sending thread arrive in the order they were sent. The k-th receive happens
 *     before the (k + capacity)-th send completes.
 *
 * Blocking
 *     Calls named try_ do not wait for the other side. They may wait for a peer in the middle of
 *     copying a value, never for longer. Waiting costs no processor time beyond a spin of a few
 *     microseconds, which is left out where it does not pay.
 *
 * Misuse
 *     Handles must not be NULL, except to the drop calls. A library built with CHAN_DEBUG aborts
 *     with a message that names the call when a handle is dropped twice, used after its drop or
 *     dropped while in use, or when two threads use one handle of a one_to_one channel at once.
 */
#ifndef CHAN_H
#define CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct chan_tx chan_tx; /* a sender */
typedef struct chan_rx chan_rx; /* a receiver */

enum chan_status {
    CHAN_OK = 0,  /* done */
    CHAN_CLOSED,  /* the other side is gone, and nothing is left to receive */
    CHAN_FULL,    /* try_ calls: sending would have to wait */
    CHAN_EMPTY,   /* try_ calls: receiving would have to wait */
    CHAN_TIMEOUT, /* the time was over before the transfer could be made */
    CHAN_INVALID, /* the channel cannot do this, or the options make no sense */
    CHAN_NOMEM    /* out of memory */
};

/* A deadline that never comes. */
#define CHAN_FOREVER INT64_MAX

/*
 * What a channel is, fixed at its creation. Set `size` to sizeof(struct chan_options) and all that
 * you do not need to zero. Fields are only ever added at the end, so that a library understands the
 * shorter struct of an older caller.
 */
struct chan_options {
    size_t size;
    size_t capacity;  /* values the channel holds, at least 1 */
    size_t elem_size; /* bytes of one value; 0 makes a channel of mere signals */

    /*
     * Destroys a value that nobody will receive; may be NULL. `elem` points to a value inside the
     * channel, aligned for any type up to max_align_t, valid only during the call.
     */
    void (*drop)(void *elem, void *drop_ctx);
    void *drop_ctx;

    const char *name; /* for messages, copied; may be NULL */

    /* One sender and one receiver for ever: faster, and cloning gives CHAN_INVALID. */
    bool one_to_one;
};

/*
 * Makes a channel with one sender and one receiver, both owned by the caller. CHAN_INVALID for
 * options that make no sense or that this library does not know, CHAN_NOMEM; *tx and *rx are
 * untouched then.
 */
enum chan_status chan_open(const struct chan_options *options, chan_tx **tx, chan_rx **rx);

/*
 * Make one more handle to the same channel, owned by the caller. CHAN_INVALID on a one_to_one
 * channel, CHAN_NOMEM; *clone is untouched then. Do not block.
 */
enum chan_status chan_tx_clone(const chan_tx *tx, chan_tx **clone);
enum chan_status chan_rx_clone(const chan_rx *rx, chan_rx **clone);

/*
 * Give a handle up; NULL is allowed. The last one of a side closes the channel for the other side
 * and wakes all that wait there. The last receiver destroys what is queued before it returns. The
 * channel itself goes with its last handle.
 */
void chan_tx_drop(chan_tx *tx);
void chan_rx_drop(chan_rx *rx);

/*
 * Ends the receiving side without giving the handle up: from now on every send and every receive on
 * this channel gives CHAN_CLOSED, those that are waiting included. Any thread may call it while the
 * handle is alive, also during a receive on it, also repeatedly. What is queued is destroyed when
 * the last receiver is dropped, or by chan_rx_discard(). Does not block.
 */
void chan_rx_shutdown(chan_rx *rx);

/*
 * Destroys what is queued in a channel that has been shut down. As a receive, only the thread that
 * uses the handle may call it. Waits for a send that is just being made.
 */
void chan_rx_discard(chan_rx *rx);

/*
 * Send one value, copied from *elem. CHAN_OK, or CHAN_CLOSED when no receiver is left.
 *
 * chan_send waits as long as the channel is full, chan_try_send gives CHAN_FULL instead. The other
 * two give CHAN_TIMEOUT once the deadline (nanoseconds on the clock of chan_now_ns) or the timeout
 * (nanoseconds from now, negative is 0) is over.
 */
enum chan_status chan_send(chan_tx *tx, const void *elem);
enum chan_status chan_try_send(chan_tx *tx, const void *elem);
enum chan_status chan_send_deadline(chan_tx *tx, const void *elem, int64_t deadline_ns);
enum chan_status chan_send_timeout(chan_tx *tx, const void *elem, int64_t timeout_ns);

/*
 * Sends the n values of the array elems in order, waits where the channel is full, and wakes
 * receivers once per batch. *count (may be NULL) tells how many were sent, whatever the status: the
 * first *count values are gone, the rest is still the caller's. CHAN_OK when all were sent,
 * CHAN_CLOSED when the receivers went before that. n = 0 gives CHAN_OK and 0. The values need not
 * stay adjacent when other senders are at work.
 */
enum chan_status chan_send_many(chan_tx *tx, const void *elems, size_t n, size_t *count);

/*
 * Receive one value, copied to *elem and owned by the caller then. CHAN_OK, or CHAN_CLOSED when
 * nothing is queued and no sender is left, or after a shutdown. *elem is untouched unless CHAN_OK.
 *
 * chan_recv waits as long as the channel is empty, chan_try_recv gives CHAN_EMPTY instead. The
 * other two give CHAN_TIMEOUT, as for sends.
 */
enum chan_status chan_recv(chan_rx *rx, void *elem);
enum chan_status chan_try_recv(chan_rx *rx, void *elem);
enum chan_status chan_recv_deadline(chan_rx *rx, void *elem, int64_t deadline_ns);
enum chan_status chan_recv_timeout(chan_rx *rx, void *elem, int64_t timeout_ns);

/*
 * Receives up to n values into the array elems: waits for the first one, takes what is there, and
 * does not wait for more. *count (may be NULL) tells how many came, 0 unless CHAN_OK. n = 0 gives
 * CHAN_OK and 0.
 */
enum chan_status chan_recv_many(chan_rx *rx, void *elems, size_t n, size_t *count);

/*
 * The state of the channel at some instant during the call; it may have changed on return. Any
 * thread may ask, nothing blocks.
 *
 * _len       values queued
 * _capacity  values the channel holds at most
 * _name      the name of the options, "" without one; valid as long as the handle
 * _is_full   a send would have to wait
 * _is_empty  nothing is queued
 * _is_closed the next send or receive gives CHAN_CLOSED, and so will all later ones
 */
size_t chan_tx_len(const chan_tx *tx);
size_t chan_rx_len(const chan_rx *rx);
size_t chan_tx_capacity(const chan_tx *tx);
size_t chan_rx_capacity(const chan_rx *rx);
const char *chan_tx_name(const chan_tx *tx);
const char *chan_rx_name(const chan_rx *rx);
bool chan_tx_is_full(const chan_tx *tx);
bool chan_rx_is_empty(const chan_rx *rx);
bool chan_tx_is_closed(const chan_tx *tx);
bool chan_rx_is_closed(const chan_rx *rx);

/* Nanoseconds on the clock of all deadlines, CLOCK_MONOTONIC. */
int64_t chan_now_ns(void);

/* The status as a word in lower case ("closed"), for messages. */
const char *chan_status_name(enum chan_status status);

#ifdef __cplusplus
}
#endif

#endif
