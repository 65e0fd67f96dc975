/* edge.h: what lies between two stages: a channel for each pair of their workers that exchange
 * batches.
 *
 * DESIGN. The order of the input survives workers without anything being sorted or held back. What
 * goes over an edge are groups: one batch, or several where a stage had to split one. With F
 * senders and T receivers, group t is sent by worker t mod F and received by worker t mod T, over
 * the channel of that pair. Each sender sends one group per turn, an empty batch where nothing is
 * left of it; each channel keeps its order; so a receiver that takes its turns one after the other
 * receives the groups in order. Stages with the same number of workers are joined worker to worker.
 * How far a fast worker gets ahead of a slow one is bounded by the capacity of its channel.
 *
 * Rejected: one channel that all workers share, and a buffer in which the receiver puts what came
 * in order again: it balances uneven batches a little better, but its size is that of the whole
 * pool, and all channels become those of many threads.
 */
#ifndef CP_RUN_EDGE_H
#define CP_RUN_EDGE_H

#include "../chan/chan.h"
#include "../stage.h"

struct cp_edge {
    /* Constant after cp_edge_open. */
    struct cp_stage *from, *to; /* the first workers */
    size_t senders, receivers;
    bool is_turned; /* more than one of either: empty groups are sent too */
    chan_tx **tx;   /* of sender i to receiver j: [i * receivers + j]; NULL: they never meet */
    chan_rx **rx;
};

/* Makes the edge and joins the stages by it. The edge lives in the heap. */
int cp_edge_open(struct cp_stage *from, struct cp_stage *to, struct cp_heap *heap,
                 struct cp_err *err);
/* Gives the receivers back: after all threads have ended. Those of senders are gone by then. */
void cp_edge_close(struct cp_edge *e);

/* Sends a batch of worker s; waits for room. b->has_more says that its group goes on. False: the
 * receiver has closed; b is still the caller's. */
bool cp_edge_send(struct cp_stage *s, struct cp_batch *b);
/* The next batch for worker s: CHAN_OK or CHAN_CLOSED; try also CHAN_EMPTY. */
enum chan_status cp_edge_try_receive(struct cp_stage *s, struct cp_batch **b);
enum chan_status cp_edge_receive(struct cp_stage *s, struct cp_batch **b);

/* Worker s sends nothing more. */
void cp_edge_end_sender(struct cp_stage *s);
/* Worker s takes nothing more: what is queued for it is released. */
void cp_edge_end_receiver(struct cp_stage *s);
/* Nobody takes anything more. Any thread, until cp_edge_close. */
void cp_edge_shut(struct cp_edge *e);

#endif
