/*
 * workloads.h - what every queue of the benchmark has to do; one program per queue.
 *
 *     PROGRAM WORKLOAD SENDERS RECEIVERS CAPACITY N
 *
 * moves N words of 8 bytes and prints the nanoseconds that it took. CAPACITY is a number or
 * `unbounded`. Exit status 3: this queue cannot do that; 1: it went wrong. Workloads:
 *
 *     flow    every sender sends its share, receivers take what comes until the queue is closed
 *     batch   the same, up to BATCH words per call
 *     select  SENDERS queues with a sender each, one receiver selects among them
 *     ping    two threads and two queues, N round trips
 *     seq     one thread fills the queue (ROUND words if unbounded), then empties it
 *
 * The words are 1..N and their sum is verified. Threads are not pinned, their start and end is part
 * of the time. The peers in Rust and Go are programs of the same kind.
 *
 * A program includes this file first and then defines struct queue and the functions that are
 * declared here. They are not behind pointers, so that the compiler may inline them as it does with
 * the generic channels of the other languages.
 */
#ifndef WORKLOADS_H
#define WORKLOADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 32,
    ROUND = 10000,
    MOST_THREADS = 64,
    EXIT_CANNOT = 3,
};

#define UNBOUNDED SIZE_MAX

struct setup {
    const char *workload;
    unsigned senders, receivers; /* of the workload; a queue of `select` has one each */
    size_t capacity;
    uint64_t n;
};

struct queue;

/* NULL when the queue cannot do this. */
static struct queue *queue_new(const struct setup *setup);
static void queue_free(struct queue *queue);

static void queue_send(struct queue *queue, uint64_t word);
static void queue_send_many(struct queue *queue, const uint64_t *words, size_t n);

/* After the last send, once. */
static void queue_close(struct queue *queue);

/* False, or 0, when the queue is closed and empty. */
static bool queue_recv(struct queue *queue, uint64_t *word);
static size_t queue_recv_many(struct queue *queue, uint64_t *words, size_t n);

/* The sum of all words of all queues, received through a select; defined with HAS_SELECT. */
static uint64_t queue_select(struct queue **queues, size_t n);

#ifndef HAS_SELECT
static uint64_t queue_select(struct queue **queues, size_t n)
{
    (void)queues;
    (void)n;
    exit(EXIT_CANNOT);
}
#endif

struct worker {
    const struct setup *setup;
    struct queue *queue;
    struct queue *back;   /* ping: where the words return */
    atomic_uint *senders; /* at work on the queue: the last one closes it */
    unsigned index;
    uint64_t sum;
    pthread_t thread;
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void start(struct worker *worker, void *(*run)(void *))
{
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        fail("cannot start a thread");
}

/* What the worker added up. */
static uint64_t finish(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    return worker->sum;
}

static struct queue *open_queue(const struct setup *setup)
{
    struct queue *queue = queue_new(setup);

    if (queue == NULL)
        exit(EXIT_CANNOT);
    return queue;
}

/* ---- Threads ---- */

/* The sender sends the words after this one, up to that of the next sender. */
static uint64_t first_word(const struct setup *setup, unsigned sender)
{
    return setup->n * sender / setup->senders;
}

static void send_all(struct queue *queue, uint64_t word, uint64_t last)
{
    while (word < last)
        queue_send(queue, ++word);
}

static void send_batches(struct queue *queue, uint64_t word, uint64_t last)
{
    uint64_t words[BATCH];
    size_t n;

    while (word < last) {
        for (n = 0; n < BATCH && word < last; n++)
            words[n] = ++word;
        queue_send_many(queue, words, n);
    }
}

static void *run_sender(void *arg)
{
    struct worker *worker = arg;
    uint64_t word = first_word(worker->setup, worker->index);
    uint64_t last = first_word(worker->setup, worker->index + 1);

    if (strcmp(worker->setup->workload, "batch") == 0)
        send_batches(worker->queue, word, last);
    else
        send_all(worker->queue, word, last);
    if (atomic_fetch_sub(worker->senders, 1) == 1)
        queue_close(worker->queue);
    return NULL;
}

static uint64_t recv_all(struct queue *queue)
{
    uint64_t sum = 0;
    uint64_t word;

    while (queue_recv(queue, &word))
        sum += word;
    return sum;
}

static uint64_t recv_batches(struct queue *queue)
{
    uint64_t words[BATCH];
    uint64_t sum = 0;
    size_t n;

    while ((n = queue_recv_many(queue, words, BATCH)) > 0)
        for (size_t i = 0; i < n; i++)
            sum += words[i];
    return sum;
}

static void *run_receiver(void *arg)
{
    struct worker *worker = arg;
    bool batches = strcmp(worker->setup->workload, "batch") == 0;

    worker->sum = batches ? recv_batches(worker->queue) : recv_all(worker->queue);
    return NULL;
}

/* ---- Workloads; each gives the sum of what was received ---- */

static uint64_t run_flow(const struct setup *setup, struct queue **queues)
{
    struct worker workers[2 * MOST_THREADS];
    atomic_uint senders = setup->senders;
    unsigned n = setup->senders + setup->receivers;
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        workers[i] =
            (struct worker){.setup = setup, .queue = queues[0], .senders = &senders, .index = i};
        start(&workers[i], i < setup->senders ? run_sender : run_receiver);
    }
    for (unsigned i = 0; i < n; i++)
        sum += finish(&workers[i]);
    return sum;
}

static uint64_t run_select(const struct setup *setup, struct queue **queues)
{
    struct worker workers[MOST_THREADS];
    atomic_uint senders[MOST_THREADS];
    uint64_t sum;

    for (unsigned i = 0; i < setup->senders; i++) {
        senders[i] = 1;
        workers[i] =
            (struct worker){.setup = setup, .queue = queues[i], .senders = &senders[i], .index = i};
        start(&workers[i], run_sender);
    }
    sum = queue_select(queues, setup->senders);
    for (unsigned i = 0; i < setup->senders; i++)
        finish(&workers[i]);
    return sum;
}

static void *run_echo(void *arg)
{
    struct worker *worker = arg;
    uint64_t word;

    while (queue_recv(worker->queue, &word))
        queue_send(worker->back, word);
    return NULL;
}

static uint64_t run_ping(const struct setup *setup, struct queue **queues)
{
    struct worker echo = {.queue = queues[0], .back = queues[1]};
    uint64_t sum = 0;
    uint64_t word;

    start(&echo, run_echo);
    for (uint64_t i = 1; i <= setup->n; i++) {
        queue_send(queues[0], i);
        if (!queue_recv(queues[1], &word))
            fail("closed too early");
        sum += word;
    }
    queue_close(queues[0]);
    finish(&echo);
    queue_close(queues[1]);
    return sum;
}

static uint64_t run_seq(const struct setup *setup, struct queue **queues)
{
    size_t round = setup->capacity == UNBOUNDED ? ROUND : setup->capacity;
    uint64_t sum = 0;
    uint64_t sent = 0;
    uint64_t last;
    uint64_t word;

    while (sent < setup->n) {
        last = setup->n - sent < round ? setup->n : sent + round;
        send_all(queues[0], sent, last);
        for (; sent < last && queue_recv(queues[0], &word); sent++)
            sum += word;
    }
    queue_close(queues[0]);
    return sum;
}

static unsigned number_of_queues(const struct setup *setup)
{
    if (strcmp(setup->workload, "select") == 0)
        return setup->senders;
    return strcmp(setup->workload, "ping") == 0 ? 2 : 1;
}

static uint64_t run(const struct setup *setup, struct queue **queues)
{
    if (strcmp(setup->workload, "select") == 0)
        return run_select(setup, queues);
    if (strcmp(setup->workload, "ping") == 0)
        return run_ping(setup, queues);
    if (strcmp(setup->workload, "seq") == 0)
        return run_seq(setup, queues);
    return run_flow(setup, queues);
}

static struct setup read_setup(char **args)
{
    struct setup setup = {
        .workload = args[0],
        .senders = (unsigned)atoi(args[1]),
        .receivers = (unsigned)atoi(args[2]),
        .capacity = strcmp(args[3], "unbounded") == 0 ? UNBOUNDED : strtoul(args[3], NULL, 10),
        .n = strtoull(args[4], NULL, 10),
    };

    if (setup.senders - 1 >= MOST_THREADS || setup.receivers - 1 >= MOST_THREADS)
        fail("too many threads, or none");
    return setup;
}

int main(int argc, char **argv)
{
    struct queue *queues[MOST_THREADS];
    struct setup setup;
    uint64_t begin, end, sum;

    if (argc != 6)
        fail("usage: PROGRAM WORKLOAD SENDERS RECEIVERS CAPACITY N");
    setup = read_setup(argv + 1);
    for (unsigned i = 0; i < number_of_queues(&setup); i++)
        queues[i] = open_queue(&setup);
    begin = now_ns();
    sum = run(&setup, queues);
    end = now_ns();
    for (unsigned i = 0; i < number_of_queues(&setup); i++)
        queue_free(queues[i]);
    if (sum != setup.n * (setup.n + 1) / 2)
        fail("the sum of the words is wrong");
    printf("%llu\n", (unsigned long long)(end - begin));
    return 0;
}

#endif
