/*
 * events.c - events for several subscribers, each with a channel of its own. The publisher never
 * waits: a subscriber whose channel is full misses the event, one that is gone is left out.
 *
 * Output:
 *     brief got 1 and missed 0
 *     eager got 1 2 3 4 and missed 0
 *     slow got 1 2 and missed 2
 */
#include <chan.h>

#include <stdio.h>
#include <stdlib.h>

struct subscriber {
    const char *name;
    chan_tx *tx; /* the publisher's; NULL once the subscriber has gone */
    chan_rx *rx; /* the subscriber's own; dropping it ends the subscription */
    int missed;
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "events: %s\n", chan_status_name(status));
    exit(1);
}

static void subscribe(struct subscriber *subscriber, size_t capacity)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = capacity, .elem_size = sizeof(int)};

    must(chan_open(&options, &subscriber->tx, &subscriber->rx));
}

static void publish(struct subscriber *subscribers, size_t n, int event)
{
    for (struct subscriber *s = subscribers; s < subscribers + n; s++) {
        enum chan_status status = s->tx != NULL ? chan_try_send(s->tx, &event) : CHAN_OK;

        if (status == CHAN_FULL)
            s->missed++;
        if (status == CHAN_CLOSED) {
            chan_tx_drop(s->tx);
            s->tx = NULL;
        }
    }
}

/* What a subscriber's thread would do. */
static void print_events(struct subscriber *subscriber)
{
    int event;

    printf("%s got", subscriber->name);
    CHAN_FOR_EACH_NOW(subscriber->rx, &event)
    printf(" %d", event);
    printf(" and missed %d\n", subscriber->missed);
    chan_rx_drop(subscriber->rx);
}

int main(void)
{
    struct subscriber subscribers[] = {{.name = "eager"}, {.name = "slow"}, {.name = "brief"}};

    subscribe(&subscribers[0], 16);
    subscribe(&subscribers[1], 2);
    subscribe(&subscribers[2], 16);
    publish(subscribers, 3, 1);
    print_events(&subscribers[2]);
    for (int event = 2; event <= 4; event++)
        publish(subscribers, 3, event);
    print_events(&subscribers[0]);
    print_events(&subscribers[1]);
    chan_tx_drop(subscribers[0].tx);
    chan_tx_drop(subscribers[1].tx);
    return 0;
}
