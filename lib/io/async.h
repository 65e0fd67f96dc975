/* async.h: a second thread that writes while the first one fills the next buffer.
 *
 * Two buffers of equal size go round: the one being filled and the one being written. The thread is
 * started with the first full buffer, so that a sink with little to say has none. All calls come
 * from one thread, the owner's.
 */
#ifndef CP_IO_ASYNC_H
#define CP_IO_ASYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "../chan/chan.h"

struct cp_async {
    /* Constant once open. */
    const char *name; /* of the thread */
    int (*write)(void *ctx, const char *p,
                 size_t n); /* all of it; 0 or -1; called by the writing thread, or while that is
                             * idle by the owner */
    void (*on_failure)(void *ctx); /* called once, by the writing thread, when a write has failed */
    void *ctx;

    /* The owner's. */
    char *spare; /* the buffer that nobody uses; NULL: it is being written */
    bool is_running;
    pthread_t thread;
    chan_tx *full_tx;
    chan_rx *full_rx, *free_rx;
    chan_tx *free_tx;

    _Atomic bool has_failed; /* nothing is written any more */
};

/* Hands n bytes at the start of `buffer` over and returns the other buffer, once it is free. */
char *cp_async_give(struct cp_async *a, char *buffer, size_t n);
/* Waits until what was handed over is written. 0, or -1 when a write has failed. */
int cp_async_drain(struct cp_async *a);
/* Drains and ends the thread. May be called again. */
int cp_async_close(struct cp_async *a);

#endif
