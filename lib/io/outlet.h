/* outlet.h: full buffers on their way to one descriptor, from one worker or from several in turn.
 *
 * DESIGN. A worker fills one buffer while its others wait to be written.
 *
 * Beside one worker a thread writes, so that filling and writing overlap. It is started with the
 * first full buffer: a sink with little to say has none.
 *
 * Several workers write by themselves. What they hand over leaves by turns, as batches come over an
 * edge (run/edge.h): turn t is that of worker t mod N. Who hands something over does not wait for
 * its turn: if nobody writes it writes what is there, its own and what others have left, as far as
 * the turns have come; else whoever writes looks again before it stops. So no thread is woken for a
 * buffer, and a worker waits for nothing but buffers of its own. What is small is gathered, so that
 * a system call is for many.
 *
 * Rejected: a thread that writes for several workers, which is woken for each turn.
 *
 * Functions with a worker's number are called by that worker. Those that wait call cp_before_wait
 * (base/wait.h) first.
 */
#ifndef CP_IO_OUTLET_H
#define CP_IO_OUTLET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/arena.h"
#include "../base/err.h"
#include "../chan/chan.h"

enum { CP_OUTLET_BUFFERS = 2 }; /* of a worker: those that can wait, and the one that it fills */

/* A worker's way out. */
struct cp_outlet_lane {
    /* The worker's. */
    char *spare[CP_OUTLET_BUFFERS - 1];
    size_t n_spare;
    chan_tx *full_tx;
    chan_rx *free_rx;

    /* Of who writes. */
    chan_rx *full_rx;
    chan_tx *free_tx;
    uint64_t taken; /* records that were written or gathered */

    _Atomic uint64_t written; /* records that are written for sure; relaxed */
};

struct cp_outlet {
    /* Set before cp_outlet_open. */
    const char *name;                                 /* of the thread */
    int (*write)(void *ctx, const char *p, size_t n); /* all of it: 0 or -1; one call at a time */
    void (*on_failure)(void *ctx); /* called once, by any thread, when a write has failed */
    void *ctx;
    size_t n;      /* workers */
    bool is_loose; /* there are no turns */
    size_t size;   /* bytes of a buffer */

    /* Private. */
    struct cp_outlet_lane *lanes; /* one each */
    bool has_thread;              /* of one worker */
    pthread_t thread;

    /* Of who writes. */
    char *gathered; /* a buffer; NULL: nothing is */
    size_t n_gathered;
    size_t turn;  /* the worker that is next */
    bool is_mid;  /* it has begun its turn */
    bool is_over; /* nothing is written any more */

    _Atomic size_t calls; /* to write what is there: of who writes, and since */
    _Atomic bool must_flush;
    _Atomic bool has_failed;
};

/* Takes what it needs from the heap. */
int cp_outlet_open(struct cp_outlet *o, struct cp_heap *heap, struct cp_err *err);
/* The first buffer to fill: o->size bytes. */
char *cp_outlet_buffer(struct cp_outlet *o, size_t worker);
/* Hands over the n bytes at the start of the buffer, with which `records` of that worker are
 * complete, and returns the buffer to fill next. ends_turn: they are the last of its turn. */
char *cp_outlet_give(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records,
                     bool ends_turn);
/* The same in the midst of a turn, and sees to it that whatever has had its turn is written. */
char *cp_outlet_flush(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records);
/* The worker gives nothing more after these bytes: waits until what it gave is written, or never
 * will be: behind the turn of a worker that has left, or after a failure. */
void cp_outlet_leave(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records);
/* How many of the worker's records are written; of those given since, some may be as well. */
uint64_t cp_outlet_written(const struct cp_outlet *o, size_t worker);
/* A write has failed: nothing is written any more. Any thread. */
bool cp_outlet_has_failed(const struct cp_outlet *o);
/* One worker: waits until all is written, and ends the thread. May be called again. */
void cp_outlet_end(struct cp_outlet *o);
/* When nobody uses it: gives back what is not of the heap. May be called again, and before
 * cp_outlet_open. */
void cp_outlet_close(struct cp_outlet *o);

#endif
