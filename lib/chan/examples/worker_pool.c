/*
 * worker_pool.c - four workers take jobs from one channel, whoever is free, and send their results
 * to another. Dropping the jobs' sender ends the workers, and the last worker's end the results.
 *
 * Output:
 *     20 results, sum of squares 2870
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKERS 4
#define JOBS 20

struct worker {
    pthread_t thread;
    chan_rx *jobs;    /* owned */
    chan_tx *results; /* owned */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "worker_pool: %s\n", chan_status_name(status));
    exit(1);
}

static void *work(void *arg)
{
    struct worker *self = arg;
    long job;

    CHAN_FOR_EACH(self->jobs, &job)
    must(chan_send(self->results, &(long){job * job}));
    chan_rx_drop(self->jobs);
    chan_tx_drop(self->results);
    return NULL;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = JOBS, .elem_size = sizeof(long)};
    struct worker workers[WORKERS];
    chan_tx *jobs_tx, *results_tx;
    chan_rx *jobs_rx, *results_rx;
    long result;
    long sum = 0;
    int count = 0;

    must(chan_open(&options, &jobs_tx, &jobs_rx));
    must(chan_open(&options, &results_tx, &results_rx));
    for (int i = 0; i < WORKERS; i++) {
        must(chan_rx_clone(jobs_rx, &workers[i].jobs));
        must(chan_tx_clone(results_tx, &workers[i].results));
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 1;
    }
    chan_rx_drop(jobs_rx);
    chan_tx_drop(results_tx);

    for (long job = 1; job <= JOBS; job++)
        must(chan_send(jobs_tx, &job));
    chan_tx_drop(jobs_tx);

    CHAN_FOR_EACH(results_rx, &result)
    {
        count++;
        sum += result;
    }
    printf("%d results, sum of squares %ld\n", count, sum);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    chan_rx_drop(results_rx);
    return 0;
}
