/* pull.h: an edge from a source without a thread: its receivers read.
 *
 * DESIGN. Where several workers follow a source, a thread that reads for them costs a wake-up per
 * batch, and the bytes go from its processor's cache to another's. So there is none: a worker that
 * has nothing to do takes the source and calls it for batches. Those whose turn is another worker's
 * it deals to that one's channel, the first of its own turn it keeps, gives the source back, and
 * works on it while the bytes are warm in its cache. A worker that is slow finds in its channel
 * what others have read for it; so nobody waits as long as there are bytes and room in the
 * channels.
 *
 * The source, its account and the senders of the edge included, belongs to who has taken it. It is
 * taken and given back by a token in a channel, so that a worker waits for the token and for what
 * is dealt to it at a time. Who finds the end of the input ends the source and keeps the token: the
 * senders go, and so the others learn of it.
 */
#ifndef CP_RUN_PULL_H
#define CP_RUN_PULL_H

#include "edge.h"

struct cp_pull;

/* Of an edge whose channels are open. */
int cp_pull_open(struct cp_edge *e, struct cp_heap *heap, struct cp_err *err);
/* Gives the token out: all threads run. */
void cp_pull_begin(struct cp_edge *e);
/* As cp_edge_try_receive, without counting the batch. Reads if nobody else does: that waits for the
 * input. */
enum chan_status cp_pull_take(struct cp_edge *e, size_t worker, struct cp_batch **b);
/* As cp_edge_receive. A stage that waits for a time or a mark meanwhile has one worker. */
enum chan_status cp_pull_wait(struct cp_edge *e, size_t worker, struct cp_batch **b);
/* The source sends *b to that receiver: who reads keeps it, or deals it. CHAN_OK or CHAN_CLOSED. */
enum chan_status cp_pull_send(struct cp_edge *e, size_t to, struct cp_batch **b);
/* The source ends, for the token was never given out. */
void cp_pull_abort(struct cp_edge *e);
/* When all threads have ended. */
void cp_pull_close(struct cp_edge *e);

#endif
