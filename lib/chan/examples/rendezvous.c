/*
 * rendezvous.c - capacity 0: a value is handed from one thread to the other, and a send is done
 * when its value is with the receiver. Nothing is ever in between.
 *
 * Output:
 *     nobody is there: full
 *     given: 42
 *     the receiver has gone: closed
 */
#include <chan.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int taken;

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "rendezvous: %s\n", chan_status_name(status));
    exit(1);
}

static void *take_one(void *arg)
{
    int value;

    must(chan_recv(arg, &value));
    atomic_store(&taken, value);
    chan_rx_drop(arg);
    return NULL;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 0, .elem_size = sizeof(int)};
    int value = 42;
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;

    must(chan_open(&options, &tx, &rx));
    printf("nobody is there: %s\n", chan_status_name(chan_try_send(tx, &value)));

    if (pthread_create(&thread, NULL, take_one, rx) != 0)
        return 1;
    must(chan_send(tx, &value)); /* waits for the receiver */
    pthread_join(thread, NULL);
    printf("given: %d\n", atomic_load(&taken));

    printf("the receiver has gone: %s\n", chan_status_name(chan_send(tx, &value)));
    chan_tx_drop(tx);
    return 0;
}
