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
 * with a seq_cst store or read-modify-write: see DESIGN in park.c.
 */
#ifndef CHANI_PARK_H
#define CHANI_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields that different threads write are kept this far apart. */
#define CHANI_LINE 64

/* A deadline that was over before the wait began: try, do not wait. */
#define CHANI_NOW INT64_MIN

struct chani_park {
    /*
     * Epoch, waiters and wake-ups under way: see park.c. Read by every notifier, written by waiters
     * that go to sleep and by notifiers that wake one.
     */
    _Alignas(CHANI_LINE) _Atomic uint64_t word;

    /* Hints of the waiters (relaxed): how long to spin, and how many waits did without. */
    _Alignas(CHANI_LINE) _Atomic uint32_t spin_ns;
    _Atomic uint32_t unspun;

    /* Constant after start: more than one processor may run us. */
    bool can_spin;
};

enum chani_phase { CHANI_SPINNING, CHANI_ENTERED, CHANI_WOKEN };

/* One wait of one thread; lives on its stack. */
struct chani_wait {
    struct chani_park *park;
    int64_t deadline;   /* CHANI_NOW and CHAN_FOREVER included */
    int64_t spin_until; /* 0 before the clock was read */
    uint32_t spins;     /* attempts made while spinning */
    uint32_t yields;    /* attempts made after a yield */
    uint32_t budget;    /* nanoseconds to spin */
    uint32_t ticket;    /* epoch at the entry */
    enum chani_phase phase;
    bool begun;   /* an attempt failed */
    bool expired; /* the deadline is over */
    bool slept;   /* a wake-up may have been spent on this thread */
};

void chani_park_init(struct chani_park *park);

/* Number of threads that are asleep in the park or about to be. */
size_t chani_park_waiters(const struct chani_park *park);

/* The slow half of chani_park_notify. */
void chani_park_wake(struct chani_park *park, size_t n);

/* n events happened: wakes up to n waiters, with at most one system call. SIZE_MAX wakes all. */
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
    wait->phase = CHANI_SPINNING;
    wait->begun = false;
    wait->slept = false;
}

/*
 * The attempt failed: true when it should be repeated, false when the deadline is over. `busy` says
 * that a peer is in the middle of an operation and sure to notify soon, so that the deadline does
 * not count.
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

/* Tells the processor that this is a spin loop. */
static inline void chani_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

#endif
