/* Tests of lib/io/outlet: what workers have flushed is written. TAP. */
#include "../../lib/io/outlet.h"

#include <sched.h>
#include <stdio.h>

enum { WORKERS = 2, ROUNDS = 100000 };

static struct cp_outlet outlet;
static _Atomic size_t written;
static _Atomic size_t done; /* steps, of all workers */
static _Atomic size_t rounds_short;

static int write_bytes(void *ctx, const char *p, size_t n)
{
    (void)ctx, (void)p;
    atomic_fetch_add(&written, n);
    return 0;
}

static void on_failure(void *ctx)
{
    (void)ctx;
}

/* Waits until all workers have come as far. */
static void meet(size_t *step)
{
    size_t all = ++*step * WORKERS;

    atomic_fetch_add(&done, 1);
    while (atomic_load(&done) < all)
        sched_yield();
}

/* Gives a byte and flushes, as a worker does that has nothing more to do; when all have, nobody
 * comes to write what is left. */
static void *work(void *arg)
{
    size_t worker = *(const size_t *)arg, step = 0;
    char *buffer = cp_outlet_buffer(&outlet, worker);

    for (size_t round = 1; round <= ROUNDS; round++) {
        *buffer = 'x';
        buffer = cp_outlet_give(&outlet, worker, buffer, 1, round, true);
        buffer = cp_outlet_flush(&outlet, worker, buffer, 0, round);
        meet(&step);
        if (worker == 0)
            rounds_short += atomic_load(&written) < round * WORKERS;
        meet(&step);
    }
    cp_outlet_leave(&outlet, worker, buffer, 0, ROUNDS);
    return NULL;
}

int main(void)
{
    struct cp_heap heap = {0};
    struct cp_err err = {0};
    pthread_t threads[WORKERS];
    size_t numbers[WORKERS];

    outlet = (struct cp_outlet){
        .name = "test", .write = write_bytes, .on_failure = on_failure, .n = WORKERS, .size = 4096};
    if (cp_outlet_open(&outlet, &heap, &err) < 0)
        return 1;
    for (size_t k = 0; k < WORKERS; k++) {
        numbers[k] = k;
        if (pthread_create(&threads[k], NULL, work, &numbers[k]) != 0)
            return 1;
    }
    for (size_t k = 0; k < WORKERS; k++)
        pthread_join(threads[k], NULL);
    printf("%sok 1 - what all have flushed is written (%zu times it was not)\n",
           rounds_short == 0 ? "" : "not ", (size_t)rounds_short);
    printf("%sok 2 - all records are written when all have left\n",
           cp_outlet_written(&outlet, 0) == ROUNDS && cp_outlet_written(&outlet, 1) == ROUNDS
               ? ""
               : "not ");
    printf("1..2\n");
    cp_outlet_close(&outlet);
    cp_heap_release(&heap);
    return rounds_short > 0;
}
