/*
 * chan.h - channels: passing values between threads.
 *
 * A channel is a queue with two kinds of handles: senders (chan_tx) put values in, receivers
 * (chan_rx) take them out, in order. A channel holds exactly `capacity` values; a sender that finds
 * it full waits, a receiver that finds it empty waits. With capacity 0 every value is handed from a
 * sender to a receiver that is there for it (a rendezvous); with CHAN_UNBOUNDED senders never wait.
 * Values have a fixed size and are copied in and out.
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
 *     32767 threads may wait on one side of a channel. A process that forked must not use its
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
 *     dropped while in use or with permits out, when a permit is ended twice, or when two threads
 *     use one handle of a one_to_one channel at once.
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
    CHAN_EMPTY,   /* try_ calls: receiving would have to wait, or no case of a select is ready */
    CHAN_TIMEOUT, /* the time was over before the transfer could be made */
    CHAN_INVALID, /* the channel cannot do this, or the options make no sense */
    CHAN_NOMEM    /* out of memory */
};

/* A deadline that never comes. */
#define CHAN_FOREVER INT64_MAX

/* A capacity: sends never wait, and memory alone limits what is queued. */
#define CHAN_UNBOUNDED SIZE_MAX

/*
 * What a channel is, fixed at its creation. Set `size` to sizeof(struct chan_options) and all that
 * you do not need to zero. Fields are only ever added at the end, so that a library understands the
 * shorter struct of an older caller.
 */
struct chan_options {
    size_t size;
    size_t capacity;  /* values the channel holds; 0 is a rendezvous; CHAN_UNBOUNDED */
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
 * A sender that does not keep the channel open. It cannot send; chan_weak_upgrade makes a sender of
 * it, or gives CHAN_CLOSED when the last sender has been dropped. All of them give CHAN_INVALID on
 * a one_to_one channel and CHAN_NOMEM; nothing is written then. A weak sender is owned by the
 * caller and given up with chan_weak_drop (NULL is allowed). Do not block.
 */
typedef struct chan_weak chan_weak;

enum chan_status chan_tx_downgrade(const chan_tx *tx, chan_weak **weak);
enum chan_status chan_weak_upgrade(const chan_weak *weak, chan_tx **tx);
enum chan_status chan_weak_clone(const chan_weak *weak, chan_weak **clone);
void chan_weak_drop(chan_weak *weak);

/*
 * Send one value, copied from *elem. CHAN_OK, or CHAN_CLOSED when no receiver is left; on an
 * unbounded channel also CHAN_NOMEM.
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
 * For a sender that has more to send in a moment: one wake-up for several values.
 * chan_try_send_quiet is chan_try_send, but wakes nobody: who is awake finds the value, who sleeps
 * may sleep on until chan_tx_wake, which tells of all values that are still there, or the close.
 * Call chan_tx_wake before waiting for anything, this channel included: until then nobody may know.
 * CHAN_INVALID at capacity 0. Neither blocks.
 */
enum chan_status chan_try_send_quiet(chan_tx *tx, const void *elem);
void chan_tx_wake(chan_tx *tx);

/*
 * Sends the n values of the array elems in order, waits where the channel is full, and wakes
 * receivers once per batch. *count (may be NULL) tells how many were sent, whatever the status: the
 * first *count values are gone, the rest is still the caller's. CHAN_OK when all were sent,
 * CHAN_CLOSED when the receivers went before that. n = 0 gives CHAN_OK and 0. The values need not
 * stay adjacent when other senders are at work.
 */
enum chan_status chan_send_many(chan_tx *tx, const void *elems, size_t n, size_t *count);

/*
 * Sends without waiting: takes the oldest value out of a full channel to make room. That value goes
 * to *evicted and is the caller's, and *did_evict is true. Receivers see the values that are left
 * in order. A call evicts at most one value, and no other sender can take the room it makes.
 *
 * CHAN_CLOSED and CHAN_NOMEM as for chan_send; when the channel closes after the eviction,
 * *did_evict is true with CHAN_CLOSED, and both values are the caller's. CHAN_FULL when there is
 * nothing to evict because permits hold all the room (or 32767 are out). CHAN_INVALID on one_to_one
 * channels and at capacity 0.
 */
enum chan_status chan_send_evict(chan_tx *tx, const void *elem, void *evicted, bool *did_evict);

/*
 * A permit is room for one value, taken in advance: a commit never waits for receivers. It reserves
 * capacity, not a place in the order, so that a permit that is not used delays nobody; other
 * senders find that much less room. The struct is the caller's; its inside is the library's.
 *
 * chan_reserve and its kin wait for room as the sends do and give the same statuses, CHAN_INVALID
 * at capacity 0 or with 32767 permits out on one bounded channel; *permit is untouched then. Each
 * permit is ended by one chan_commit, whatever its status, or one chan_permit_release, before its
 * sender is dropped. chan_commit sends *elem: CHAN_OK, or CHAN_CLOSED when the last receiver has
 * gone (the value stays the caller's), or CHAN_NOMEM on an unbounded channel.
 */
struct chan_permit {
    chan_tx *tx;
};

enum chan_status chan_reserve(chan_tx *tx, struct chan_permit *permit);
enum chan_status chan_try_reserve(chan_tx *tx, struct chan_permit *permit);
enum chan_status chan_reserve_deadline(chan_tx *tx, struct chan_permit *permit,
                                       int64_t deadline_ns);
enum chan_status chan_reserve_timeout(chan_tx *tx, struct chan_permit *permit, int64_t timeout_ns);
enum chan_status chan_commit(struct chan_permit *permit, const void *elem);
void chan_permit_release(struct chan_permit *permit);

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
 * Loops over the values of a channel, each received into *elem: until it is closed, or as long as
 * there is something without waiting.
 */
#define CHAN_FOR_EACH(rx, elem) while (chan_recv((rx), (elem)) == CHAN_OK)
#define CHAN_FOR_EACH_NOW(rx, elem) while (chan_try_recv((rx), (elem)) == CHAN_OK)

/*
 * Timers are receivers without a sender. Their values are int64_t: the time, on the clock of
 * chan_now_ns, for which the value was due. They can be cloned, waited for in a select, and must be
 * dropped. CHAN_NOMEM; CHAN_INVALID for a period that is not positive.
 *
 * chan_after  one value once timeout_ns are over (negative is 0); then never again
 * chan_at     one value at deadline_ns; then never again
 * chan_tick   a value every period_ns, the first after one period. Ticks keep their grid: one that
 *             is not taken in time waits, those that come due meanwhile are left out
 * chan_never  no value, ever; the place holder of a select
 */
enum chan_status chan_after(int64_t timeout_ns, chan_rx **rx);
enum chan_status chan_at(int64_t deadline_ns, chan_rx **rx);
enum chan_status chan_tick(int64_t period_ns, chan_rx **rx);
enum chan_status chan_never(chan_rx **rx);

/*
 * Select: one of several sends and receives, the first that can be done. Fill one struct per case:
 * tx and elem to send, rx and elem to receive; a case whose tx and rx are both NULL is disabled. A
 * case is ready when its call would not wait, which includes that its channel is closed.
 *
 *     struct chan_case cases[] = {{.rx = jobs, .elem = &job}, {.tx = log, .elem = &line}};
 *     size_t chosen;
 *
 *     switch (chan_select(cases, 2, 0, &chosen)) {
 *     case CHAN_OK:      cases[chosen] was done
 *     case CHAN_CLOSED:  cases[chosen] found its channel closed
 *
 * The ready case is chosen at random, each with the same chance; with CHAN_BIASED the first one in
 * the array. With CHAN_READY nothing is transferred: CHAN_OK tells that cases[*chosen] was ready,
 * and somebody else may be faster. (At capacity 0 "ready" is that a partner waits; two sides that
 * only ask never meet.)
 *
 * chan_try_select gives CHAN_EMPTY when at some instant no case was ready; the other two give
 * CHAN_TIMEOUT. *chosen is n then. CHAN_INVALID for a blocking select with no case enabled, which
 * could never end, and for a case with both tx and rx; CHAN_NOMEM as for sends. elem of a case that
 * was not chosen is untouched. One select may hold a handle, or both sides of a channel, in several
 * cases; it never transfers to itself.
 */
struct chan_case {
    chan_tx *tx;
    chan_rx *rx;
    void *elem; /* read by a send, written by a receive */
};

#define CHAN_BIASED 1u
#define CHAN_READY 2u

enum chan_status chan_select(const struct chan_case *cases, size_t n, unsigned flags,
                             size_t *chosen);
enum chan_status chan_try_select(const struct chan_case *cases, size_t n, unsigned flags,
                                 size_t *chosen);
enum chan_status chan_select_deadline(const struct chan_case *cases, size_t n, unsigned flags,
                                      int64_t deadline_ns, size_t *chosen);
enum chan_status chan_select_timeout(const struct chan_case *cases, size_t n, unsigned flags,
                                     int64_t timeout_ns, size_t *chosen);

/*
 * A descriptor for poll, epoll or select(2), made at the first request and closed with the handle;
 * a channel without one pays nothing. -1 with errno set when there can be none.
 *
 * Before each wait arm it: CHAN_OK says that the next call on this handle would not wait (the
 * descriptor is readable then too); CHAN_EMPTY or CHAN_FULL that it would, and the descriptor
 * becomes readable once that changes. One arm gives one answer. CHAN_INVALID without a descriptor.
 * Only wait for readability; do not read from the descriptor or write to it. Do not block.
 */
int chan_tx_fd(chan_tx *tx);
int chan_rx_fd(chan_rx *rx);
enum chan_status chan_tx_arm(chan_tx *tx);
enum chan_status chan_rx_arm(chan_rx *rx);

/*
 * The state of the channel at some instant during the call; it may have changed on return. Any
 * thread may ask, nothing blocks.
 *
 * _len        values queued; 0 at capacity 0
 * _capacity   values the channel holds at most
 * _senders    senders alive, weak ones not counted
 * _receivers  receivers alive
 * _name       the name of the options, "" without one; valid as long as the handle
 * _is_full    a send would have to wait (of an open channel; at capacity 0 always true)
 * _is_empty   nothing is queued
 * _is_closed  the next send or receive gives CHAN_CLOSED, and so will all later ones
 * _is_same    both handles are of one channel
 */
size_t chan_tx_len(const chan_tx *tx);
size_t chan_rx_len(const chan_rx *rx);
size_t chan_tx_capacity(const chan_tx *tx);
size_t chan_rx_capacity(const chan_rx *rx);
size_t chan_tx_senders(const chan_tx *tx);
size_t chan_rx_senders(const chan_rx *rx);
size_t chan_tx_receivers(const chan_tx *tx);
size_t chan_rx_receivers(const chan_rx *rx);
const char *chan_tx_name(const chan_tx *tx);
const char *chan_rx_name(const chan_rx *rx);
bool chan_tx_is_full(const chan_tx *tx);
bool chan_rx_is_empty(const chan_rx *rx);
bool chan_tx_is_closed(const chan_tx *tx);
bool chan_rx_is_closed(const chan_rx *rx);
bool chan_tx_is_same(const chan_tx *a, const chan_tx *b);
bool chan_rx_is_same(const chan_rx *a, const chan_rx *b);
bool chan_is_same(const chan_tx *tx, const chan_rx *rx);

/* Nanoseconds on the clock of all deadlines, CLOCK_MONOTONIC. */
int64_t chan_now_ns(void);

/* The status as a word in lower case ("closed"), for messages. */
const char *chan_status_name(enum chan_status status);

#ifdef __cplusplus
}
#endif

#endif
