/* chain.h: stages that work in the threads of the stage above them.
 *
 * DESIGN. Where two stages have the same number of workers, more than one, the second one's worker
 * k gets all that the first one's worker k sends, and nothing else. A channel between the two would
 * move every batch from one processor's cache to another's and cost a wake-up now and then, while
 * there are threads for all processors as it is. So there is none: to send over a chained edge is
 * to have the second worker process the batch, in the same thread, while it is warm. All else is as
 * over any other edge: groups, the account, a receiver that takes nothing more, the end.
 *
 * Two stages with one worker each have two threads: to work side by side is all that they can do.
 *
 * The head of a chain is the worker that has the thread; a worker in no chain is one by itself.
 */
#ifndef CP_RUN_CHAIN_H
#define CP_RUN_CHAIN_H

#include "../plan/plan.h"

/* The worker behind s in its chain; NULL: s is the last one. */
static inline struct cp_stage *cp_chain_next(const struct cp_stage *s)
{
    const struct cp_edge *e = s->n_outs > 0 ? s->outs[0] : NULL;

    return e && e->is_chained ? e->to->workers[s->worker] : NULL;
}

/* In worker.c. s takes b, which comes over its chained edge: works on it, and sends it on. */
void cp_chain_take(struct cp_stage *s, struct cp_batch *b);
/* Before the thread of that head waits: whoever sleeps is told of what the chain has sent, and if
 * the head waits for input all of them hear that there is no more at hand. */
void cp_chain_wait(struct cp_stage *head);
/* The chain takes and sends nothing more. Also for one whose thread could not be started. */
void cp_chain_end(struct cp_stage *head);

#endif
