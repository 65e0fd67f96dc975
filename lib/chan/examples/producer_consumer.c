/*
 * producer_consumer.c - a producer that is faster than its consumer: the channel makes it wait.
 *
 * Output:
 *     the channel is full after 3 values
 *     received 100 values, their sum is 5050
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "producer_consumer: %s\n", chan_status_name(status));
    exit(1);
}

/* Sends the rest; where the channel is full, chan_send waits until the consumer has made room. */
static void *produce(void *arg)
{
    chan_tx *numbers = arg;

    for (int number = 4; number <= 100; number++)
        must(chan_send(numbers, &number));
    chan_tx_drop(numbers); /* the consumer sees the end */
    return NULL;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 3, .elem_size = sizeof(int), .one_to_one = true};
    pthread_t producer;
    chan_tx *tx;
    chan_rx *rx;
    int count = 0;
    int sum = 0;
    int number;

    must(chan_open(&options, &tx, &rx));
    for (number = 1; chan_try_send(tx, &number) == CHAN_OK; number++)
        continue;
    printf("the channel is full after %d values\n", number - 1);

    if (pthread_create(&producer, NULL, produce, tx) != 0)
        return 1;
    CHAN_FOR_EACH(rx, &number)
    {
        count++;
        sum += number;
    }
    printf("received %d values, their sum is %d\n", count, sum);
    pthread_join(producer, NULL);
    chan_rx_drop(rx);
    return 0;
}
