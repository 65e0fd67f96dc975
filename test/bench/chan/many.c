/* many.c: libchan in the benchmark, the flavour for all numbers of senders and receivers. */
#define HAS_SELECT
#include "workloads.h"

#include "../../../lib/chan/chan.h"

#ifndef ONE_TO_ONE
#define ONE_TO_ONE false
#endif

struct queue {
    chan_tx *tx;
    chan_rx *rx;
};

static bool is_one_to_one(const struct setup *setup)
{
    return strcmp(setup->workload, "select") == 0 || (setup->senders == 1 && setup->receivers == 1);
}

static struct queue *queue_new(const struct setup *setup)
{
    struct queue *queue = malloc(sizeof(*queue));
    struct chan_options options = {
        .size = sizeof(options),
        .capacity = setup->capacity == UNBOUNDED ? CHAN_UNBOUNDED : setup->capacity,
        .elem_size = sizeof(uint64_t),
        .one_to_one = ONE_TO_ONE,
    };

    if (ONE_TO_ONE && !is_one_to_one(setup))
        return NULL;
    if (queue == NULL || chan_open(&options, &queue->tx, &queue->rx) != CHAN_OK)
        fail("chan_open failed");
    return queue;
}

static void queue_free(struct queue *queue)
{
    chan_tx_drop(queue->tx);
    chan_rx_drop(queue->rx);
    free(queue);
}

static void queue_send(struct queue *queue, uint64_t word)
{
    if (chan_send(queue->tx, &word) != CHAN_OK)
        fail("chan_send failed");
}

static void queue_send_many(struct queue *queue, const uint64_t *words, size_t n)
{
    if (chan_send_many(queue->tx, words, n, NULL) != CHAN_OK)
        fail("chan_send_many failed");
}

static void queue_close(struct queue *queue)
{
    chan_tx_drop(queue->tx);
    queue->tx = NULL;
}

static bool queue_recv(struct queue *queue, uint64_t *word)
{
    return chan_recv(queue->rx, word) == CHAN_OK;
}

static size_t queue_recv_many(struct queue *queue, uint64_t *words, size_t n)
{
    size_t count;

    chan_recv_many(queue->rx, words, n, &count);
    return count;
}

static uint64_t queue_select(struct queue **queues, size_t n)
{
    struct chan_case cases[MOST_THREADS] = {{0}};
    size_t open = n;
    size_t chosen;
    uint64_t sum = 0;
    uint64_t word;

    for (size_t i = 0; i < n; i++)
        cases[i] = (struct chan_case){.rx = queues[i]->rx, .elem = &word};
    while (open > 0) {
        switch (chan_select(cases, n, 0, &chosen)) {
        case CHAN_OK:
            sum += word;
            break;
        case CHAN_CLOSED:
            cases[chosen].rx = NULL;
            open--;
            break;
        default:
            fail("chan_select failed");
        }
    }
    return sum;
}
