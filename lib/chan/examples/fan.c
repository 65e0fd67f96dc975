/*
 * fan.c - fan-out by key, and fan-in: all orders of a customer go to the same lane, where they stay
 * in order; the lanes work side by side, and their totals meet in one channel.
 *
 * Output:
 *     5 totals, 780 in all
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define LANES 2
#define CUSTOMERS 5

struct order {
    int customer;
    int amount;
};

struct lane {
    pthread_t thread;
    chan_tx *orders; /* owned by the one who fans out */
    chan_rx *in;     /* owned by the lane */
    chan_tx *totals; /* owned by the lane */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "fan: %s\n", chan_status_name(status));
    exit(1);
}

static void *sum_up(void *arg)
{
    struct lane *self = arg;
    int totals[CUSTOMERS] = {0};
    struct order order;

    CHAN_FOR_EACH(self->in, &order)
    totals[order.customer] += order.amount;
    for (int c = 0; c < CUSTOMERS; c++)
        if (totals[c] > 0)
            must(chan_send(self->totals, &(struct order){c, totals[c]}));
    chan_rx_drop(self->in);
    chan_tx_drop(self->totals);
    return NULL;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 4, .elem_size = sizeof(struct order)};
    struct lane lanes[LANES];
    struct order order;
    int count = 0, sum = 0;
    chan_tx *tx;
    chan_rx *totals;

    must(chan_open(&options, &tx, &totals));
    for (int i = 0; i < LANES; i++) {
        must(chan_open(&options, &lanes[i].orders, &lanes[i].in));
        must(chan_tx_clone(tx, &lanes[i].totals));
        if (pthread_create(&lanes[i].thread, NULL, sum_up, &lanes[i]) != 0)
            return 1;
    }
    chan_tx_drop(tx);
    for (int i = 0; i < 40; i++) {
        order = (struct order){.customer = i % CUSTOMERS, .amount = i};
        must(chan_send(lanes[order.customer % LANES].orders, &order));
    }
    for (int i = 0; i < LANES; i++)
        chan_tx_drop(lanes[i].orders);
    for (; chan_recv(totals, &order) == CHAN_OK; count++)
        sum += order.amount;
    printf("%d totals, %d in all\n", count, sum);
    for (int i = 0; i < LANES; i++)
        pthread_join(lanes[i].thread, NULL);
    chan_rx_drop(totals);
    return 0;
}
