/*
 * log.c - several threads log, one writes: a batch is flushed when it has four lines, when its
 * first line has waited for 50 ms, and at the end.
 *
 * Output:
 *     4 lines, full
 *     4 lines, full
 *     1 lines, time is over
 *     2 lines, end
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 4
#define WAIT_NS (50 * 1000000)

struct line {
    char text[80];
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "log: %s\n", chan_status_name(status));
    exit(1);
}

static void *log_lines(void *tx)
{
    for (int i = 0; i < BATCH; i++)
        must(chan_send(tx, &(struct line){"something happened"}));
    return NULL;
}

/* Collects a batch and flushes it: CHAN_OK because it is full, CHAN_TIMEOUT or CHAN_CLOSED. */
static enum chan_status flush_one(chan_rx *lines)
{
    struct line batch[BATCH];
    int n = 0;
    enum chan_status status = chan_recv(lines, &batch[0]);
    int64_t deadline = chan_now_ns() + WAIT_NS;

    while (status == CHAN_OK && ++n < BATCH)
        status = chan_recv_deadline(lines, &batch[n], deadline);
    if (n > 0) /* here the batch would be written */
        printf("%d lines, %s\n", n,
               status == CHAN_OK       ? "full"
               : status == CHAN_CLOSED ? "end"
                                       : "time is over");
    return status;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 64, .elem_size = sizeof(struct line)};
    pthread_t loggers[2];
    chan_tx *tx;
    chan_rx *rx;

    must(chan_open(&options, &tx, &rx));
    for (int i = 0; i < 2; i++)
        if (pthread_create(&loggers[i], NULL, log_lines, tx) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        pthread_join(loggers[i], NULL); /* so that the output is the same each time */
    flush_one(rx);
    flush_one(rx);
    must(chan_send(tx, &(struct line){"a line that stays alone"}));
    flush_one(rx);
    must(chan_send(tx, &(struct line){"almost the last"}));
    must(chan_send(tx, &(struct line){"the last"}));
    chan_tx_drop(tx);
    while (flush_one(rx) != CHAN_CLOSED)
        continue;
    chan_rx_drop(rx);
    return 0;
}
