/*
 * park.h - waiting for the other side of a channel: spin a little, yield, then sleep.
 *
 * A park is the place where threads wait for one kind of event ("a value came", "a slot is free").
 * Who makes the event happen calls chani_park_notify afterwards; who needs it calls an attempt in a
 * loop:
 *
 *     struct chani_wait wait;
 *     chani_wait_init(&wait, park, deadline);
 *     while (!attempt())
 *         if (!chani_wait_again(&wait, false))
 *             break;                               the time is over
 *     chani_wait_end(&wait);
 *
 * The attempt must read what the event changes with seq_cst loads, and the event must be published
 * as the park was told (publish.h): see DESIGN in park.c.
 */
#ifndef CHANI_PARK_H
#define CHANI_PARK_H

#include "lock.h"
#include "publish.h"
#include "spin.h"
#include "waiter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields that different threads write are kept this far apart. */
#define CHANI_LINE 64

/* A deadline that was over before the wait began: try, do not wait. */
#define CHANI_NOW INT64_MIN

/*
 * Wants to know of the next event: on behalf of a waiter, or, with `waiter` NULL, as an observer
 * that is told of it by a call. Other fields are the park's. It must stay where it is as long as it
 * is in the list.
 */
struct chani_watcher {
    struct chani_watcher *prev;
    struct chani_watcher *next;
    bool queued;
    struct chani_waiter *waiter;
    void (*observe)(struct chani_watcher *watcher); /* with a lock held: may not wait */
};

struct chani_park {
    /*
     * Epoch, waiters, watched and wake-ups under way: see park.c. Read by every notifier, written
     * by waiters that go to sleep, by watchers and by notifiers that wake one.
     */
    _Alignas(CHANI_LINE) _Atomic uint64_t word;

    /* Constant after start: how events are published. */
    _Alignas(CHANI_LINE) enum chani_publish publish;

    struct chani_spin spin;
    struct chani_lock lock;
    struct chani_watcher watchers; /* head of the list, guarded by lock */
};

enum chani_phase {
    CHANI_OUTSIDE,  /* of the park: spinning */
    CHANI_ENTERED,  /* attempts once more, and sleeps */
    CHANI_SEARCHING /* back from a sleep: spinning, perhaps with a claim */
};

/* One wait of one thread; lives on its stack. */
struct chani_wait {
    struct chani_park *park;
    int64_t deadline; /* CHANI_NOW and CHAN_FOREVER included */

    /* When an attempt may succeed by itself: the caller may set it before chani_wait_again. */
    int64_t event;

    struct chani_spinner spinner;
    uint32_t ticket; /* epoch at the entry */
    enum chani_phase phase;
    bool begun;   /* an attempt failed */
    bool fenced;  /* entered: the last attempt sees all that is published, CHANI_BUSY or not */
    bool expired; /* the deadline is over */
    bool slept;   /* was in the park: a wake-up may have been spent on this thread */
};

void chani_park_init(struct chani_park *park);

/* How events are published from now on; CHANI_PUBLISH_FENCED if never told. Before first use. */
void chani_park_set_publish(struct chani_park *park, enum chani_publish publish);

/* Number of threads that are asleep in the park or about to be. */
size_t chani_park_waiters(const struct chani_park *park);

/*
 * Enter and leave the list of watchers. After chani_park_watch attempt once more: what happened
 * before is not told. If that fails and chani_park_hides says so, call chani_barrier_heavy, once
 * for any number of parks, and attempt again. A watcher is notified of one event, and has left the
 * list then.
 * chani_park_unwatch tells whether it was notified: if the caller made no use of the event, it must
 * call chani_park_notify(park, 1) as long as an attempt could succeed. It may be called at any time
 * after chani_park_watch. Observers need not pass anything on. O(1).
 */
void chani_park_watch(struct chani_park *park, struct chani_watcher *watcher);
bool chani_park_unwatch(struct chani_park *park, struct chani_watcher *watcher);

/*
 * An attempt after chani_park_watch may have missed an event. `unsure` says that it was told
 * CHANI_BUSY, or only asked, which does not tell busy from blocked.
 */
static inline bool chani_park_hides(const struct chani_park *park, bool unsure)
{
    return park->publish == CHANI_PUBLISH_LIGHT ||
           (unsure && park->publish == CHANI_PUBLISH_CLAIMED);
}

/* Number of watchers in the list. */
size_t chani_park_watchers(struct chani_park *park);

/* The slow half of chani_park_notify. */
void chani_park_wake(struct chani_park *park, size_t n);

/*
 * n events happened: sees to it that up to n waiters attempt again, one after another, and then
 * watchers if there are fewer. A waiter that made use of an event and was in the park
 * (chani_wait.slept) must call chani_park_notify(park, 1) if another attempt could succeed.
 * SIZE_MAX wakes all at once. At most one system call for waiters.
 */
static inline void chani_park_notify(struct chani_park *park, size_t n)
{
    if (atomic_load(&park->word) >> 32 != 0)
        chani_park_wake(park, n);
}

static inline void chani_wait_init(struct chani_wait *wait, struct chani_park *park,
                                   int64_t deadline)
{
    wait->park = park;
    wait->deadline = deadline;
    wait->event = INT64_MAX;
    wait->phase = CHANI_OUTSIDE;
    wait->begun = false;
    wait->slept = false;
}

/*
 * The attempt failed: true when it should be repeated, false when the deadline is over. `busy` says
 * that a peer is in the middle of an operation and sure to finish it soon, so that the deadline
 * does not count.
 */
bool chani_wait_again(struct chani_wait *wait, bool busy);

/* The slow half of chani_wait_end. */
void chani_wait_leave(struct chani_wait *wait);

/* Ends the wait, after a success as well as after a failure. */
static inline void chani_wait_end(struct chani_wait *wait)
{
    if (wait->begun)
        chani_wait_leave(wait);
}

#endif
