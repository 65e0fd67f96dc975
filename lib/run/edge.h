/* edge.h: what goes over an edge: a channel for each pair of workers that exchange batches.
 *
 * DESIGN. The order of the input survives workers without anything being sorted or held back. What
 * goes over an edge are groups: one batch, or several where a stage had to split one. With F
 * senders and T receivers, group t is sent by worker t mod F and received by worker t mod T, over
 * the channel of that pair. Each sender sends one group per turn, an empty batch where nothing is
 * left of it; each channel keeps its order; so a receiver that takes its turns one after the other
 * receives the groups in order. Stages with the same number of workers are joined worker to worker.
 * How far a fast worker gets ahead of a slow one is bounded by the capacity of its channel.
 *
 * A policy other than waiting (enum cp_when_full) is the sender's. What drops batches has one
 * sender and one receiver: nobody takes turns there, and a group may be missing. Where branches
 * come together below in their order that is no loss of order, since any later batch implies the
 * groups before it; but until one comes the join waits. So the last batch of a group that was
 * dropped stays with the sender as a mark, without its records, and is sent when there is room:
 * before that thread waits for anything else (cp_edge_select), unless a later batch goes first.
 *
 * Where the order is waived there is one channel that all workers share: whoever is free takes what
 * comes next, and a slow batch holds up its worker alone. That goes on down to the next stage with
 * one worker: where nobody knows whose batch comes next there are no turns.
 *
 * Where all stages are in a line, a sender that has more to do at once sends without waking a
 * receiver that sleeps, up to a number of batches (`burst`), and wakes it for all of them, or when
 * it is about to wait itself (cp_edge_tell). A stage that is much faster than the one above it
 * would be woken for each batch otherwise. A sender that takes its time wakes for
 * each; so a batch may go unseen for as long as its sender works on the next one, if that takes
 * longer than those before.
 *
 * Where several workers read from a source they read by themselves: pull.h. Where a stage has as
 * many workers as the one above it they work in the same threads: chain.h.
 *
 * Rejected: such a channel everywhere, and a buffer in which the receiver puts what came
 * in order again: it balances uneven batches a little better, but its size is that of the whole
 * pool, and all channels become those of many threads.
 */
#ifndef CP_RUN_EDGE_H
#define CP_RUN_EDGE_H

#include "../chan/chan.h"
#include "../plan/plan.h"

/* One worker's end of an edge; that thread's. */
struct cp_edge_end {
    _Alignas(64) size_t turn; /* the group that is next */
    struct cp_batch *mark;    /* of a sender: waits for room; or NULL */
    uint64_t batches;         /* of a sender: those with records */
    uint64_t thinned;         /* of a sender: records that CP_FULL_SAMPLE has seen */
    uint64_t untold;          /* of a sender: a bit for each receiver that may not know of all */
    size_t n_untold;          /* batches that they may not know of */
    int64_t sent_at;          /* of a sender: when the last one left, on the clock of chan_now_ns */

    /* Atomic, relaxed: written by that thread, read by any. */
    _Atomic uint64_t records; /* of a sender: sent; of a receiver: received */
    _Atomic uint64_t dropped; /* of a sender: as when_full says */
    _Atomic uint64_t lost; /* of a sender: refused, for the receiver had closed; of a receiver: in
                              the channel when it closed */
};

/* Makes the channels. */
int cp_edge_open(struct cp_edge *e, struct cp_heap *heap, struct cp_err *err);
/* Gives the receivers back: after all threads have ended. Those of senders are gone by then. */
void cp_edge_close(struct cp_edge *e);

/* Sends a batch of that worker, which is gone whatever comes of it; a full channel is met as
 * e->when_full says. b->has_more says that its group goes on. A batch that nobody has to see is
 * released. CHAN_CLOSED: the receiver has closed; CHAN_FULL: with CP_FULL_FAIL. */
enum chan_status cp_edge_send(struct cp_edge *e, size_t worker, struct cp_batch *b);
/* Wakes whoever sleeps and does not know of what that worker has sent. In its thread cp_before_wait
 * (base/wait.h) does this. */
void cp_edge_tell(const struct cp_stage *s);
/* As chan_select with the first n cases, and delivers meanwhile the marks that worker s has for its
 * outputs. There is room for s->n_outs more cases. */
enum chan_status cp_edge_select(const struct cp_stage *s, struct chan_case *cases, size_t n,
                                unsigned flags, size_t *chosen);
/* Waits for one case until a time, as cp_edge_select. */
enum chan_status cp_edge_await(const struct cp_stage *s, struct chan_case one, int64_t deadline);
/* The next batch for that worker: CHAN_OK or CHAN_CLOSED; try also CHAN_EMPTY. Both may read from a
 * source themselves (pull.h), and wait for its input. */
enum chan_status cp_edge_try_receive(struct cp_edge *e, size_t worker, struct cp_batch **b);
enum chan_status cp_edge_receive(struct cp_edge *e, size_t worker, struct cp_batch **b);
/* The same until a time on the clock of chan_now_ns, CHAN_FOREVER or else also CHAN_TIMEOUT. */
enum chan_status cp_edge_receive_until(struct cp_edge *e, size_t worker, int64_t deadline,
                                       struct cp_batch **b);

/* Does for s, which has one worker, what cp_stage_poll does, and delivers meanwhile the marks that
 * it has. */
struct pollfd;
enum cp_came cp_edge_poll(struct cp_stage *s, struct pollfd *fds, size_t n, int timeout_ms,
                          struct cp_batch **b);

/* The channel by which the next batch for that worker comes. */
chan_rx *cp_edge_next(const struct cp_edge *e, size_t worker);
/* Counts a batch that was received from it. */
void cp_edge_count(struct cp_edge *e, size_t worker, const struct cp_batch *b);

/* That worker sends nothing more. */
void cp_edge_end_sender(struct cp_edge *e, size_t worker);
/* That worker takes nothing more: what is queued for it is released. */
void cp_edge_end_receiver(struct cp_edge *e, size_t worker);
/* Nobody takes anything more. Any thread, until cp_edge_close. False: that was so before. */
bool cp_edge_shut(struct cp_edge *e);

/* What its ends counted. Any thread; the terms fit together when all threads have ended. */
struct cp_edge_account {
    uint64_t sent, received, dropped, cut;
};
struct cp_edge_account cp_edge_account(const struct cp_edge *e);

#endif
