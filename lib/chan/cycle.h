/*
 * cycle.h - finds threads that wait for each other; costs nothing unless the library is built with
 * CHAN_DEBUG.
 *
 * Threads that sleep in channel calls without a deadline, and that only each other could wake, are
 * a wait cycle. Once a cycle has stood for a second, one line per member is printed and the process
 * aborts:
 *
 *     chan: wait cycle: thread 'a' receives from 'x'
 *     chan: wait cycle: thread 'b' receives from 'y'
 *
 * See DESIGN in cycle.c for what counts as a cycle and what cannot be known.
 */
#ifndef CHANI_CYCLE_H
#define CHANI_CYCLE_H

#include "side.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chan;

/* One thing that a thread waits for, and the others of a select. */
struct chani_goal {
    const struct chan *chan;
    enum chani_side side;
    const struct chani_goal *next;
};

#ifdef CHAN_DEBUG

/* Threads remembered per handle; with more than these its users count as unknown. */
#define CHANI_USERS 4

/* What is remembered of a handle. It is part of the handle's guard. */
struct chani_handle {
    struct chani_handle *next;  /* guarded by the lock in cycle.c, as is prev */
    struct chani_handle **prev; /* NULL: not known to its channel */
    _Atomic uint64_t users[CHANI_USERS];
    atomic_bool many_users;
};

/* The handles of both sides of a channel, guarded by the lock in cycle.c. */
struct chani_handles {
    struct chani_handle *first[2];
};

/* A new handle of a side; before anybody else knows it. */
void chani_cycle_add(struct chani_handle *handle, struct chani_handles *handles,
                     enum chani_side side);

/* The handle is dropped now. */
void chani_cycle_remove(struct chani_handle *handle);

/* The calling thread uses the handle. */
void chani_cycle_use(struct chani_handle *handle);

/*
 * The calling thread is going to sleep until one of the goals is reached, which stay where they
 * are. Nothing happens when there is a deadline, since the wait will end then, and when the thread
 * is known to sleep already.
 */
void chani_cycle_sleep(const struct chani_goal *goals, int64_t deadline);

/* Its wait is over, if there was one. */
void chani_cycle_awake(void);

#else

static inline void chani_cycle_sleep(const struct chani_goal *goals, int64_t deadline)
{
    (void)goals;
    (void)deadline;
}

static inline void chani_cycle_awake(void)
{
}

#endif

#endif
