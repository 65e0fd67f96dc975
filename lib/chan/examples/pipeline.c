/*
 * pipeline.c - three stages, a thread each: numbers, their squares, and those that are even. Each
 * stage ends when the one before it has dropped its sender. A stage that finds its receiver gone
 * ends too, so that the whole pipeline stops when the last stage has had enough.
 *
 * Output:
 *     0 4 16 36 64
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WANTED 5

struct stage {
    pthread_t thread;
    chan_rx *in;  /* owned; NULL for the first */
    chan_tx *out; /* owned */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "pipeline: %s\n", chan_status_name(status));
    exit(1);
}

static void *end(struct stage *stage)
{
    chan_rx_drop(stage->in);
    chan_tx_drop(stage->out);
    return NULL;
}

static void *count_up(void *arg)
{
    struct stage *self = arg;

    for (int n = 0; chan_send(self->out, &n) == CHAN_OK; n++)
        continue;
    return end(self);
}

static void *square(void *arg)
{
    struct stage *self = arg;
    int n;

    while (chan_recv(self->in, &n) == CHAN_OK)
        if (chan_send(self->out, &(int){n * n}) != CHAN_OK)
            break;
    return end(self);
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 8, .elem_size = sizeof(int), .one_to_one = true};
    struct stage first = {.in = NULL};
    struct stage second;
    chan_rx *squares;
    int n;

    must(chan_open(&options, &first.out, &second.in));
    must(chan_open(&options, &second.out, &squares));
    if (pthread_create(&first.thread, NULL, count_up, &first) != 0 ||
        pthread_create(&second.thread, NULL, square, &second) != 0)
        return 1;

    for (int seen = 0; seen < WANTED && chan_recv(squares, &n) == CHAN_OK;)
        if (n % 2 == 0)
            printf("%d%c", n, ++seen < WANTED ? ' ' : '\n');
    chan_rx_drop(squares);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    return 0;
}
