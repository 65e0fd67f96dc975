/*
 * two_way.c - a talk in both directions is two channels; each party has one end of both.
 *
 * Output:
 *     host: how are you?
 *     guest: fine, and you?
 *     host: fine, goodbye
 *     guest: goodbye
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct party {
    chan_tx *tx; /* owned */
    chan_rx *rx; /* owned */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "two_way: %s\n", chan_status_name(status));
    exit(1);
}

/* Connects two parties: what one sends, the other receives. */
static void connect_parties(struct party *a, struct party *b)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = 1,
                                   .elem_size = sizeof(const char *),
                                   .one_to_one = true};

    must(chan_open(&options, &a->tx, &b->rx));
    must(chan_open(&options, &b->tx, &a->rx));
}

static void leave(struct party *party)
{
    chan_tx_drop(party->tx);
    chan_rx_drop(party->rx);
}

static void *be_guest(void *arg)
{
    struct party *self = arg;
    const char *answers[] = {"fine, and you?", "goodbye"};
    const char *heard;

    for (int i = 0; i < 2 && chan_recv(self->rx, &heard) == CHAN_OK; i++) {
        printf("host: %s\n", heard);
        must(chan_send(self->tx, &answers[i]));
    }
    leave(self);
    return NULL;
}

int main(void)
{
    const char *phrases[] = {"how are you?", "fine, goodbye"};
    struct party host;
    struct party guest;
    pthread_t thread;
    const char *heard;

    connect_parties(&host, &guest);
    if (pthread_create(&thread, NULL, be_guest, &guest) != 0)
        return 1;
    for (int i = 0; i < 2; i++) {
        must(chan_send(host.tx, &phrases[i]));
        must(chan_recv(host.rx, &heard));
        printf("guest: %s\n", heard);
    }
    pthread_join(thread, NULL);
    leave(&host);
    return 0;
}
