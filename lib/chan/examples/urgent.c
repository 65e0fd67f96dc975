/*
 * urgent.c - urgent messages before normal ones, and something to do when nothing comes: a select
 * with CHAN_BIASED tries its cases in order, and its timeout tells that all is quiet.
 *
 * Output:
 *     urgent: 1
 *     urgent: 2
 *     normal: 10
 *     normal: 20
 *     idle
 *     urgent is closed
 *     normal is closed
 */
#include <chan.h>

#include <stdio.h>
#include <stdlib.h>

#define IDLE_NS (20 * 1000000)

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "urgent: %s\n", chan_status_name(status));
    exit(1);
}

int main(void)
{
    static const char *const names[] = {"urgent", "normal"};
    struct chan_options options = {
        .size = sizeof(options), .capacity = 16, .elem_size = sizeof(int)};
    struct chan_case cases[2] = {{.tx = NULL}};
    chan_tx *tx[2];
    chan_rx *rx[2];
    int message;
    int open = 2;

    for (int i = 0; i < 2; i++) {
        must(chan_open(&options, &tx[i], &rx[i]));
        cases[i] = (struct chan_case){.rx = rx[i], .elem = &message};
    }
    must(chan_send(tx[1], &(int){10}));
    must(chan_send(tx[0], &(int){1}));
    must(chan_send(tx[1], &(int){20}));
    must(chan_send(tx[0], &(int){2}));

    while (open > 0) {
        size_t chosen;

        switch (chan_select_timeout(cases, 2, CHAN_BIASED, IDLE_NS, &chosen)) {
        case CHAN_OK:
            printf("%s: %d\n", names[chosen], message);
            break;
        case CHAN_CLOSED:
            printf("%s is closed\n", names[chosen]);
            cases[chosen].rx = NULL; /* a case without a channel is never chosen */
            open--;
            break;
        case CHAN_TIMEOUT:
            printf("idle\n");
            for (int i = 0; i < 2; i++)
                chan_tx_drop(tx[i]); /* let it end */
            break;
        default:
            return 1;
        }
    }
    for (int i = 0; i < 2; i++)
        chan_rx_drop(rx[i]);
    return 0;
}
