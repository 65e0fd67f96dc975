/*
 * descriptor.c - handles in poll and epoll.
 *
 * DESIGN
 *
 * A descriptor is a bell that an observer of the park rings: one watcher, registered by arm, which
 * then looks once more. It is told of every event and uses none up, for nobody knows when its owner
 * will act on it; two descriptors of one channel both become readable for one value. The first
 * event takes the observer out of the list, so that a channel whose descriptor is not armed pays
 * nothing. The descriptor of a timer rings by itself when the timer is due.
 *
 * Rejected: a descriptor that is readable as long as there is something to receive. It needs a
 * system call for every send and receive, or an answer that is late.
 */
#include "barrier.h"
#include "bell.h"
#include "chan_impl.h"

#include <errno.h>

struct chani_descriptor {
    /* Constant after start. */
    struct chan *chan;
    enum chani_side side;
    struct chani_bell bell;

    struct chani_lock lock;       /* one arm at a time */
    bool armed;                   /* guarded by lock: the watcher was registered */
    struct chani_watcher watcher; /* guarded by the lock of the park */
};

static void ring_bell(struct chani_watcher *watcher)
{
    struct chani_descriptor *descriptor =
        (struct chani_descriptor *)(void *)((unsigned char *)watcher -
                                            offsetof(struct chani_descriptor, watcher));

    chani_bell_ring(&descriptor->bell);
}

static void disarm(struct chani_descriptor *descriptor)
{
    if (descriptor->armed)
        chani_park_unwatch(chani_park_of(descriptor->chan, descriptor->side), &descriptor->watcher);
    descriptor->armed = false;
}

/* NULL with errno set. */
static struct chani_descriptor *descriptor_new(struct chan *chan, enum chani_side side)
{
    struct chani_descriptor *descriptor = malloc(sizeof(*descriptor));

    if (descriptor == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset(descriptor, 0, sizeof(*descriptor));
    descriptor->chan = chan;
    descriptor->side = side;
    descriptor->watcher.observe = ring_bell;
    chani_lock_init(&descriptor->lock);
    if (!chani_bell_open(&descriptor->bell, chan->ring->ops->next_event != NULL)) {
        free(descriptor);
        return NULL;
    }
    return descriptor;
}

void chani_descriptor_free(struct chani_descriptor *descriptor)
{
    if (descriptor == NULL)
        return;
    disarm(descriptor);
    chani_bell_close(&descriptor->bell);
    free(descriptor);
}

/* The descriptor in its place in the handle, made if it is not there. */
static int descriptor_fd(_Atomic(struct chani_descriptor *) *place, struct chan *chan,
                         enum chani_side side)
{
    struct chani_descriptor *there = atomic_load(place);
    struct chani_descriptor *made;

    if (there != NULL)
        return there->bell.fd;
    made = descriptor_new(chan, side);
    if (made == NULL)
        return -1;
    if (atomic_compare_exchange_strong(place, &there, made))
        return made->bell.fd;
    chani_descriptor_free(made);
    return there->bell.fd;
}

/* True when the next call would not wait. */
static bool descriptor_arm(struct chani_descriptor *descriptor)
{
    struct chan *chan = descriptor->chan;
    bool is_ready;

    chani_lock_take(&descriptor->lock);
    disarm(descriptor);
    chani_bell_hush(&descriptor->bell);
    if (descriptor->bell.timed)
        chani_bell_ring_at(&descriptor->bell, chan->ring->ops->next_event(chan->ring));
    chani_park_watch(chani_park_of(chan, descriptor->side), &descriptor->watcher);
    descriptor->armed = true;
    is_ready = chani_is_ready(chan, descriptor->side);
    if (!is_ready && chani_park_hides(chani_park_of(chan, descriptor->side), true)) {
        chani_barrier_heavy();
        is_ready = chani_is_ready(chan, descriptor->side);
    }
    if (is_ready) {
        disarm(descriptor);
        chani_bell_ring(&descriptor->bell);
    }
    chani_lock_release(&descriptor->lock);
    return is_ready;
}

static enum chan_status arm(struct chani_descriptor *descriptor, enum chan_status blocked)
{
    if (descriptor == NULL)
        return CHAN_INVALID;
    return descriptor_arm(descriptor) ? CHAN_OK : blocked;
}

int chan_tx_fd(chan_tx *tx)
{
    int fd;

    chani_guard_enter(&tx->guard, "chan_tx_fd");
    fd = descriptor_fd(&tx->descriptor, tx->chan, CHANI_SENDING);
    chani_guard_leave(&tx->guard);
    return fd;
}

int chan_rx_fd(chan_rx *rx)
{
    int fd;

    chani_guard_enter(&rx->guard, "chan_rx_fd");
    fd = descriptor_fd(&rx->descriptor, rx->chan, CHANI_RECEIVING);
    chani_guard_leave(&rx->guard);
    return fd;
}

enum chan_status chan_tx_arm(chan_tx *tx)
{
    enum chan_status status;

    chani_guard_enter(&tx->guard, "chan_tx_arm");
    status = arm(atomic_load(&tx->descriptor), CHAN_FULL);
    chani_guard_leave(&tx->guard);
    return status;
}

enum chan_status chan_rx_arm(chan_rx *rx)
{
    enum chan_status status;

    chani_guard_enter(&rx->guard, "chan_rx_arm");
    status = arm(atomic_load(&rx->descriptor), CHAN_EMPTY);
    chani_guard_leave(&rx->guard);
    return status;
}
