/*
 * chan.c - making, sharing, closing and asking about channels; transfers are in transfer.c.
 *
 * DESIGN
 *
 * A handle is a small block of its own, so that clones can be told apart. Each side counts its
 * handles; the last drop of a side closes the channel for the other side. The channel itself is
 * held by each side that has handles and by each weak sender, and goes with the last of these
 * holders. Whoever drops holds its side until it has woken the others, so nothing is freed under a
 * notifier.
 *
 * A weak sender becomes a sender by a compare-and-exchange that counts up from anything but 0: the
 * drop that brought the count to 0 has closed the channel, and nothing opens it again.
 *
 * Closing for senders is a bit in the ring, so that no push slips in behind the discard. Closing
 * for receivers is a bit in the state: all pushes are over when it is set, and a receiver that sees
 * it and then an empty ring is at the end.
 */
#include "chan_impl.h"

#include <string.h>

/* The size of struct chan_options when the library was first released. */
#define OPTIONS_MIN_SIZE sizeof(struct chan_options)

/* Reads options of any age: what the caller does not know is zero, what we do not know must be. */
static bool read_options(struct chan_options *to, const struct chan_options *from)
{
    const unsigned char *bytes = (const unsigned char *)from;

    if (from == NULL || from->size < OPTIONS_MIN_SIZE)
        return false;
    for (size_t i = sizeof(*to); i < from->size; i++)
        if (bytes[i] != 0)
            return false;
    memset(to, 0, sizeof(*to));
    memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    return true;
}

static void chan_free(struct chan *chan)
{
    if (chan == NULL)
        return;
    if (chan->ring != NULL)
        chan->ring->ops->free(chan->ring);
    free(chan->name);
    free(chan);
}

/* The queue of a channel; NULL when out of memory. */
static struct chani_ring *ring_new(struct chan *chan, const struct chan_options *options)
{
    if (options->capacity == 0)
        return chani_meet_new(options->elem_size, &chan->not_full, &chan->not_empty);
    if (options->capacity == CHAN_UNBOUNDED)
        return options->one_to_one ? chani_ring_unbounded_1to1_new(options->elem_size)
                                   : chani_ring_unbounded_new(options->elem_size);
    return options->one_to_one ? chani_ring_1to1_new(options->capacity, options->elem_size)
                               : chani_ring_many_new(options->capacity, options->elem_size);
}

/* A channel without a queue yet; NULL when out of memory. */
static struct chan *chan_alloc(const struct chan_options *options)
{
    struct chan *chan = aligned_alloc(CHANI_LINE, sizeof(*chan));

    if (chan == NULL)
        return NULL;
    memset(chan, 0, sizeof(*chan));
    chan->drop = options->drop;
    chan->drop_ctx = options->drop_ctx;
    chan->one_to_one = options->one_to_one;
    atomic_init(&chan->senders, 1);
    atomic_init(&chan->receivers, 1);
    atomic_init(&chan->holders, 2);
    chani_park_init(&chan->not_empty);
    chani_park_init(&chan->not_full);
    return chan;
}

/* NULL when out of memory. */
static struct chan *chan_new(const struct chan_options *options)
{
    struct chan *chan = chan_alloc(options);

    if (chan == NULL)
        return NULL;
    chan->ring = ring_new(chan, options);
    if (options->capacity == 0)
        chan->meet = (struct chani_meet *)(void *)chan->ring;
    if (options->name != NULL)
        chan->name = strdup(options->name);
    if (chan->ring == NULL || (options->name != NULL && chan->name == NULL)) {
        chan_free(chan);
        return NULL;
    }
    chani_park_set_publish(&chan->not_empty, chan->ring->publish);
    chani_park_set_publish(&chan->not_full, chan->ring->publish);
    chani_spin_set_queue(&chan->not_full.spin, options->capacity);
    return chan;
}

static chan_tx *tx_new(struct chan *chan)
{
    chan_tx *tx = malloc(sizeof(*tx));

    if (tx == NULL)
        return NULL;
    chani_guard_init(&tx->guard, chan->one_to_one);
    chani_guard_join(&tx->guard, chan, CHANI_SENDING);
    tx->chan = chan;
    atomic_init(&tx->descriptor, NULL);
    return tx;
}

static chan_rx *rx_new(struct chan *chan)
{
    chan_rx *rx = malloc(sizeof(*rx));

    if (rx == NULL)
        return NULL;
    chani_guard_init(&rx->guard, chan->one_to_one);
    chani_guard_join(&rx->guard, chan, CHANI_RECEIVING);
    rx->chan = chan;
    atomic_init(&rx->descriptor, NULL);
    return rx;
}

enum chan_status chan_open(const struct chan_options *options, chan_tx **tx, chan_rx **rx)
{
    struct chan_options known;
    struct chan *chan;
    chan_tx *new_tx;
    chan_rx *new_rx;

    if (!read_options(&known, options))
        return CHAN_INVALID;
    chan = chan_new(&known);
    if (chan == NULL)
        return CHAN_NOMEM;
    new_tx = tx_new(chan);
    new_rx = rx_new(chan);
    if (new_tx == NULL || new_rx == NULL) {
        free(new_tx);
        free(new_rx);
        chan_free(chan);
        return CHAN_NOMEM;
    }
    *tx = new_tx;
    *rx = new_rx;
    return CHAN_OK;
}

enum chan_status chani_open_receiver(struct chani_ring *ring, chan_rx **rx)
{
    struct chan_options options = {.elem_size = ring->elem_size};
    struct chan *chan = chan_alloc(&options);
    chan_rx *made = chan != NULL ? rx_new(chan) : NULL;

    if (made == NULL) {
        ring->ops->free(ring);
        chan_free(chan);
        return CHAN_NOMEM;
    }
    chan->ring = ring;
    atomic_init(&chan->senders, 0);
    atomic_init(&chan->holders, 1);
    *rx = made;
    return CHAN_OK;
}

enum chan_status chan_tx_clone(const chan_tx *tx, chan_tx **clone)
{
    chan_tx *made;

    chani_guard_check(&tx->guard, "chan_tx_clone");
    if (tx->chan->one_to_one)
        return CHAN_INVALID;
    made = tx_new(tx->chan);
    if (made == NULL)
        return CHAN_NOMEM;
    atomic_fetch_add(&tx->chan->senders, 1);
    *clone = made;
    return CHAN_OK;
}

enum chan_status chan_rx_clone(const chan_rx *rx, chan_rx **clone)
{
    chan_rx *made;

    chani_guard_check(&rx->guard, "chan_rx_clone");
    if (rx->chan->one_to_one)
        return CHAN_INVALID;
    made = rx_new(rx->chan);
    if (made == NULL)
        return CHAN_NOMEM;
    atomic_fetch_add(&rx->chan->receivers, 1);
    *clone = made;
    return CHAN_OK;
}

static void chan_release(struct chan *chan)
{
    if (atomic_fetch_sub(&chan->holders, 1) == 1)
        chan_free(chan);
}

/* From now on sends give CHAN_CLOSED; wakes those that wait. */
static void close_sending(struct chan *chan)
{
    chan->ring->ops->close(chan->ring);
    chani_park_notify(&chan->not_full, SIZE_MAX);
}

/* From now on receives give CHAN_CLOSED: at once, or when nothing is queued (CHANI_TX_GONE). */
static void close_receiving(struct chan *chan, uint32_t why)
{
    atomic_fetch_or(&chan->state, why);
    if (chan->meet != NULL)
        chani_meet_close(chan->meet, CHANI_RECEIVING);
    chani_park_notify(&chan->not_empty, SIZE_MAX);
}

void chan_tx_drop(chan_tx *tx)
{
    struct chan *chan;

    if (tx == NULL)
        return;
    chani_guard_drop(&tx->guard, "chan_tx_drop");
    chan = tx->chan;
    chani_descriptor_free(atomic_load(&tx->descriptor));
    chani_guard_free(tx);
    if (atomic_fetch_sub(&chan->senders, 1) > 1)
        return;
    close_receiving(chan, CHANI_TX_GONE);
    chan_release(chan);
}

/* Destroys what is queued. A push that began before the close is waited for. */
static void discard_queued(struct chan *chan)
{
    struct chani_ring *ring = chan->ring;
    struct chani_wait wait;

    chani_wait_init(&wait, &chan->not_empty, CHAN_FOREVER);
    while (ring->ops->discard(ring, chan->drop, chan->drop_ctx) == CHANI_BUSY)
        chani_wait_again(&wait, true);
    chani_wait_end(&wait);
}

void chan_rx_drop(chan_rx *rx)
{
    struct chan *chan;

    if (rx == NULL)
        return;
    chani_guard_drop(&rx->guard, "chan_rx_drop");
    chan = rx->chan;
    chani_descriptor_free(atomic_load(&rx->descriptor));
    chani_guard_free(rx);
    if (atomic_fetch_sub(&chan->receivers, 1) > 1)
        return;
    close_sending(chan);
    discard_queued(chan);
    chan_release(chan);
}

void chan_rx_shutdown(chan_rx *rx)
{
    struct chan *chan;

    chani_guard_check(&rx->guard, "chan_rx_shutdown");
    chan = rx->chan;
    close_sending(chan);
    close_receiving(chan, CHANI_RX_SHUT);
}

void chan_rx_discard(chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_discard");
    discard_queued(rx->chan);
}

static enum chan_status weak_new(struct chan *chan, chan_weak **weak)
{
    chan_weak *made = malloc(sizeof(*made));

    if (made == NULL)
        return CHAN_NOMEM;
    chani_guard_init(&made->guard, false);
    chani_guard_join(&made->guard, chan, CHANI_SENDING); /* it may become a sender */
    made->chan = chan;
    atomic_fetch_add(&chan->holders, 1);
    *weak = made;
    return CHAN_OK;
}

enum chan_status chan_tx_downgrade(const chan_tx *tx, chan_weak **weak)
{
    chani_guard_check(&tx->guard, "chan_tx_downgrade");
    if (tx->chan->one_to_one)
        return CHAN_INVALID;
    return weak_new(tx->chan, weak);
}

enum chan_status chan_weak_clone(const chan_weak *weak, chan_weak **clone)
{
    chani_guard_check(&weak->guard, "chan_weak_clone");
    return weak_new(weak->chan, clone);
}

enum chan_status chan_weak_upgrade(const chan_weak *weak, chan_tx **tx)
{
    struct chan *chan;
    chan_tx *made;
    size_t senders;

    chani_guard_check(&weak->guard, "chan_weak_upgrade");
    chan = weak->chan;
    made = tx_new(chan);
    if (made == NULL)
        return CHAN_NOMEM;
    senders = atomic_load(&chan->senders);
    do {
        if (senders == 0) {
            chani_guard_part(&made->guard);
            free(made);
            return CHAN_CLOSED;
        }
    } while (!atomic_compare_exchange_weak(&chan->senders, &senders, senders + 1));
    *tx = made;
    return CHAN_OK;
}

void chan_weak_drop(chan_weak *weak)
{
    struct chan *chan;

    if (weak == NULL)
        return;
    chani_guard_drop(&weak->guard, "chan_weak_drop");
    chan = weak->chan;
    chani_guard_free(weak);
    chan_release(chan);
}

size_t chan_tx_len(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_len");
    return tx->chan->ring->ops->len(tx->chan->ring);
}

size_t chan_rx_len(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_len");
    return rx->chan->ring->ops->len(rx->chan->ring);
}

size_t chan_tx_capacity(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_capacity");
    return tx->chan->ring->capacity;
}

size_t chan_rx_capacity(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_capacity");
    return rx->chan->ring->capacity;
}

size_t chan_tx_senders(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_senders");
    return atomic_load(&tx->chan->senders);
}

size_t chan_rx_senders(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_senders");
    return atomic_load(&rx->chan->senders);
}

size_t chan_tx_receivers(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_receivers");
    return atomic_load(&tx->chan->receivers);
}

size_t chan_rx_receivers(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_receivers");
    return atomic_load(&rx->chan->receivers);
}

static const char *chan_name(const struct chan *chan)
{
    return chan->name != NULL ? chan->name : "";
}

const char *chan_tx_name(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_name");
    return chan_name(tx->chan);
}

const char *chan_rx_name(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_name");
    return chan_name(rx->chan);
}

bool chan_tx_is_full(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_is_full");
    return tx->chan->meet != NULL || !tx->chan->ring->ops->has_room(tx->chan->ring);
}

bool chan_rx_is_empty(const chan_rx *rx)
{
    chani_guard_check(&rx->guard, "chan_rx_is_empty");
    return rx->chan->ring->ops->len(rx->chan->ring) == 0;
}

bool chan_tx_is_closed(const chan_tx *tx)
{
    chani_guard_check(&tx->guard, "chan_tx_is_closed");
    return tx->chan->ring->ops->is_closed(tx->chan->ring);
}

bool chan_rx_is_closed(const chan_rx *rx)
{
    const struct chan *chan = rx->chan;
    uint32_t state;

    chani_guard_check(&rx->guard, "chan_rx_is_closed");
    state = atomic_load(&chan->state);
    if (state & CHANI_RX_SHUT)
        return true;
    return (state & CHANI_TX_GONE) && chan->ring->ops->len(chan->ring) == 0;
}

bool chan_tx_is_same(const chan_tx *a, const chan_tx *b)
{
    chani_guard_check(&a->guard, "chan_tx_is_same");
    chani_guard_check(&b->guard, "chan_tx_is_same");
    return a->chan == b->chan;
}

bool chan_rx_is_same(const chan_rx *a, const chan_rx *b)
{
    chani_guard_check(&a->guard, "chan_rx_is_same");
    chani_guard_check(&b->guard, "chan_rx_is_same");
    return a->chan == b->chan;
}

bool chan_is_same(const chan_tx *tx, const chan_rx *rx)
{
    chani_guard_check(&tx->guard, "chan_is_same");
    chani_guard_check(&rx->guard, "chan_is_same");
    return tx->chan == rx->chan;
}

const char *chan_status_name(enum chan_status status)
{
    static const char *const names[] = {
        [CHAN_OK] = "ok",           [CHAN_CLOSED] = "closed",   [CHAN_FULL] = "full",
        [CHAN_EMPTY] = "empty",     [CHAN_TIMEOUT] = "timeout", [CHAN_INVALID] = "invalid",
        [CHAN_NOMEM] = "no memory",
    };

    if ((size_t)status >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[status];
}
