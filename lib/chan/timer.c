/*
 * timer.c - receivers whose values come with the time.
 *
 * DESIGN
 *
 * A timer is a channel without senders, whose ring is nothing but the time when the next value is
 * due. Who receives takes that value by moving the time on, with a compare-and-exchange, so that
 * clones share the ticks. No thread and no timer of the system runs behind it: whoever waits asks
 * for the time of the next event and sleeps no longer. So a timer that nobody waits for costs
 * nothing.
 */
#include "chan_impl.h"

#include <stdlib.h>

struct timer {
    /* Constant after start. */
    struct chani_ring base;
    int64_t period; /* 0: one value only */

    /* Atomic (seq_cst): when the next value is due; CHAN_FOREVER when none will come. */
    _Atomic int64_t due;
};

static struct timer *timer_of(struct chani_ring *base)
{
    return (struct timer *)(void *)base;
}

static const struct timer *const_timer_of(const struct chani_ring *base)
{
    return (const struct timer *)(const void *)base;
}

/* The first point of the grid after `now`. */
static int64_t due_after(const struct timer *timer, int64_t due, int64_t now)
{
    int64_t steps;
    int64_t next;

    if (timer->period == 0)
        return CHAN_FOREVER;
    steps = (now - due) / timer->period + 1;
    if (__builtin_mul_overflow(steps, timer->period, &next) ||
        __builtin_add_overflow(next, due, &next))
        return CHAN_FOREVER;
    return next;
}

static enum chani_moved pop(struct chani_ring *base, void *elems, size_t n, size_t *moved)
{
    struct timer *timer = timer_of(base);
    int64_t due = atomic_load(&timer->due);
    int64_t now;

    (void)n;
    do {
        if (due == CHAN_FOREVER || (now = chan_now_ns()) < due)
            return CHANI_BLOCKED;
    } while (!atomic_compare_exchange_weak(&timer->due, &due, due_after(timer, due, now)));
    memcpy(elems, &due, sizeof(due));
    *moved = 1;
    return CHANI_MOVED;
}

static enum chani_moved pop_one(struct chani_ring *base, void *elem)
{
    size_t moved;

    return pop(base, elem, 1, &moved);
}

static bool can_pop(const struct chani_ring *base)
{
    int64_t due = atomic_load(&const_timer_of(base)->due);

    return due != CHAN_FOREVER && chan_now_ns() >= due;
}

/* What was blocked stays so until its time comes. */
static uint64_t pop_token(const struct chani_ring *base)
{
    return can_pop(base);
}

static int64_t next_event(const struct chani_ring *base)
{
    return atomic_load(&const_timer_of(base)->due);
}

static size_t len(const struct chani_ring *base)
{
    return can_pop(base);
}

static void close_ring(struct chani_ring *base)
{
    (void)base;
}

static bool is_closed(const struct chani_ring *base)
{
    (void)base;
    return false;
}

static enum chani_moved discard(struct chani_ring *base, void (*drop)(void *elem, void *ctx),
                                void *ctx)
{
    (void)base;
    (void)drop;
    (void)ctx;
    return CHANI_BLOCKED;
}

static void free_ring(struct chani_ring *base)
{
    free(base);
}

static const struct chani_ring_ops ops = {
    .pop = pop,
    .pop_one = pop_one,
    .can_pop = can_pop,
    .pop_token = pop_token,
    .next_event = next_event,
    .len = len,
    .close = close_ring,
    .is_closed = is_closed,
    .discard = discard,
    .free = free_ring,
};

static enum chan_status open_timer(int64_t due, int64_t period, chan_rx **rx)
{
    struct timer *timer = malloc(sizeof(*timer));

    if (timer == NULL)
        return CHAN_NOMEM;
    timer->base = (struct chani_ring){.ops = &ops, .capacity = 1, .elem_size = sizeof(int64_t)};
    timer->period = period;
    atomic_init(&timer->due, due);
    return chani_open_receiver(&timer->base, rx);
}

enum chan_status chan_after(int64_t timeout_ns, chan_rx **rx)
{
    return open_timer(chani_deadline_after(timeout_ns), 0, rx);
}

enum chan_status chan_at(int64_t deadline_ns, chan_rx **rx)
{
    return open_timer(deadline_ns, 0, rx);
}

enum chan_status chan_tick(int64_t period_ns, chan_rx **rx)
{
    if (period_ns <= 0)
        return CHAN_INVALID;
    return open_timer(chani_deadline_after(period_ns), period_ns, rx);
}

enum chan_status chan_never(chan_rx **rx)
{
    return open_timer(CHAN_FOREVER, 0, rx);
}
