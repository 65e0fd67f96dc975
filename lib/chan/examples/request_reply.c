/*
 * request_reply.c - a request carries the sender for its reply, and who has the request owns it. A
 * request that is destroyed drops that sender, and who asked learns that no reply will come.
 *
 * Output:
 *     12 squared is 144
 *     13 squared is 169
 *     14: no reply, closed
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct request {
    int number;
    chan_tx *reply; /* owned by the request */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "request_reply: %s\n", chan_status_name(status));
    exit(1);
}

static void request_drop(void *elem, void *ctx)
{
    struct request *request = elem;

    (void)ctx;
    chan_tx_drop(request->reply);
}

/* Answers two requests, then goes. */
static void *serve(void *requests)
{
    struct request request;

    for (int i = 0; i < 2 && chan_recv(requests, &request) == CHAN_OK; i++) {
        must(chan_send(request.reply, &(int){request.number * request.number}));
        chan_tx_drop(request.reply);
    }
    chan_rx_drop(requests); /* destroys what is still queued, by request_drop */
    return NULL;
}

static void ask(chan_tx *requests, int number)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 1, .elem_size = sizeof(int), .one_to_one = true};
    struct request request = {.number = number};
    enum chan_status status;
    chan_rx *reply;
    int answer;

    must(chan_open(&options, &request.reply, &reply));
    if (chan_send(requests, &request) != CHAN_OK)
        request_drop(&request, NULL); /* not sent: it is still ours */
    status = chan_recv(reply, &answer);
    if (status == CHAN_OK)
        printf("%d squared is %d\n", number, answer);
    else
        printf("%d: no reply, %s\n", number, chan_status_name(status));
    chan_rx_drop(reply);
}

int main(void)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = 4,
                                   .elem_size = sizeof(struct request),
                                   .drop = request_drop};
    pthread_t server;
    chan_tx *tx;
    chan_rx *rx;

    must(chan_open(&options, &tx, &rx));
    if (pthread_create(&server, NULL, serve, rx) != 0)
        return 1;
    for (int number = 12; number <= 14; number++)
        ask(tx, number);
    chan_tx_drop(tx);
    pthread_join(server, NULL);
    return 0;
}
