/* run_impl.h: what the files of a running pipeline share. */
#ifndef CP_RUN_RUN_IMPL_H
#define CP_RUN_RUN_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "rejects.h"
#include "run.h"

/* A file that a stage reads or writes. */
struct used_file {
    uint64_t device, inode;
    const struct cp_stage *writer; /* NULL: a source reads it */
    bool appends;                  /* the writer */
    struct used_file *next;
};

/* A file that is written anew. */
struct emptied_file {
    const struct cp_stage *writer;
    const char *path;
    int fd;
    struct emptied_file *next;
};

struct cp_run {
    struct cp_plan *plan;
    struct used_file *used_files;       /* filled while stages are opened */
    struct emptied_file *emptied_files; /* likewise */
    struct cp_rejects_file *rejects_files;
    const struct cp_run_options *options;
    _Atomic size_t ended;    /* threads */
    _Atomic bool is_late;    /* what is left to do has the time of grace only */
    struct cp_stage **heads; /* workers that have threads, in the order of the plan */
    pthread_t *threads;      /* one each; the last ones are started first */
    size_t n_heads, started;
    _Atomic bool is_aborted; /* not all threads could be started: nothing is to be finished */
    int done_fd;             /* eventfd: readable when `ended` or `is_late` changed */

    pthread_mutex_t mu;
    struct cp_run_result *result; /* guarded by mu while threads run */
};

/* worker.c: the thread of a worker; its argument is the worker. */
void *worker_thread(void *arg);

/* run.c. Any thread. */

/* Whether anybody takes what comes out of s. A sink wants all there is until it says otherwise
 * itself. */
bool run_is_wanted(const struct cp_stage *s);
/* The calling thread looks at `ended` and `is_late`. */
void run_wake(struct cp_run *run);

#endif
