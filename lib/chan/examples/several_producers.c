/*
 * several_producers.c - three threads send to one: each owns a sender, and the channel closes when
 * the last of them has dropped its own. The values of one producer arrive in order.
 *
 * Output:
 *     producer 0: 1000 values in order
 *     producer 1: 1000 values in order
 *     producer 2: 1000 values in order
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PRODUCERS 3
#define VALUES 1000

struct value {
    int producer;
    int number;
};

struct producer {
    pthread_t thread;
    chan_tx *tx; /* owned */
    int id;
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "several_producers: %s\n", chan_status_name(status));
    exit(1);
}

static void *produce(void *arg)
{
    struct producer *self = arg;

    for (int i = 0; i < VALUES; i++)
        must(chan_send(self->tx, &(struct value){self->id, i}));
    chan_tx_drop(self->tx);
    return NULL;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 16, .elem_size = sizeof(struct value)};
    struct producer producers[PRODUCERS];
    int next[PRODUCERS] = {0};
    struct value value;
    chan_tx *tx;
    chan_rx *rx;

    must(chan_open(&options, &tx, &rx));
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].id = i;
        must(chan_tx_clone(tx, &producers[i].tx));
        if (pthread_create(&producers[i].thread, NULL, produce, &producers[i]) != 0)
            return 1;
    }
    chan_tx_drop(tx); /* or the loop below would wait for values of ours, for ever */

    CHAN_FOR_EACH(rx, &value)
    if (value.number == next[value.producer])
        next[value.producer]++;
    for (int i = 0; i < PRODUCERS; i++) {
        printf("producer %d: %d values in order\n", i, next[i]);
        pthread_join(producers[i].thread, NULL);
    }
    chan_rx_drop(rx);
    return 0;
}
