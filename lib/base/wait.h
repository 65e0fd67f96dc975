/* wait.h: what a thread does before it waits.
 *
 * A thread of a pipeline may have sent batches without waking the one that they are for
 * (run/edge.h), and may hold back what it has made, to write more at a time (run/chain.h). It must
 * tell of the one and write the other before it waits for anything, or both may rest for ever: for
 * a descriptor, a process, a free batch or block, a file that may block. Who waits below the
 * runtime calls cp_before_wait, and need not know why.
 */
#ifndef CP_BASE_WAIT_H
#define CP_BASE_WAIT_H

/* From now on cp_before_wait calls fn in this thread; NULL: nothing, as at first. */
void cp_on_wait(void (*fn)(void *ctx), void *ctx);
/* The calling thread may wait now. Holds no lock: what is held back is written here, which may
 * take its time. */
void cp_before_wait(void);

#endif
