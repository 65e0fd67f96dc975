/*
 * guard.h - finds misuse of handles; costs nothing unless the library is built with CHAN_DEBUG.
 *
 * Every handle has a guard. `call` is the name of the public function, for the message. A misuse
 * prints one line and aborts.
 */
#ifndef CHANI_GUARD_H
#define CHANI_GUARD_H

#include "cycle.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct chani_guard {
    _Atomic uint32_t state;   /* live or dropped; 0 without CHAN_DEBUG */
    _Atomic uint32_t users;   /* calls under way; 0 without CHAN_DEBUG */
    _Atomic uint32_t permits; /* taken and not ended; 0 without CHAN_DEBUG */
    bool alone;               /* constant: one thread at a time */
#ifdef CHAN_DEBUG
    struct chani_handle handle; /* who uses the handle */
#endif
};

#ifdef CHAN_DEBUG

#define CHANI_GUARDED true

/* `alone`: only one transfer at a time may be under way. */
void chani_guard_init(struct chani_guard *guard, bool alone);

/* The guard is that of a new handle of a side of the channel: see cycle.h. */
void chani_guard_join(struct chani_guard *guard, struct chan *chan, enum chani_side side);

/* Takes that back, for a handle that was never given to anybody. */
void chani_guard_part(struct chani_guard *guard);

/* The handle must be alive. */
void chani_guard_check(const struct chani_guard *guard, const char *call);

/* Begin and end a transfer. */
void chani_guard_enter(struct chani_guard *guard, const char *call);
void chani_guard_leave(struct chani_guard *guard);

/* One more permit of the handle is out; and one that was is ended. NULL is one ended before. */
void chani_guard_permit(struct chani_guard *guard);
void chani_guard_end_permit(struct chani_guard *guard, const char *call);

/* The handle must be alive, unused and without permits, and is dropped now. */
void chani_guard_drop(struct chani_guard *guard, const char *call);

/* Frees the handle, not at once, so that a late use of it is still found. */
void chani_guard_free(void *handle);

#else

#define CHANI_GUARDED false

static inline void chani_guard_init(struct chani_guard *guard, bool alone)
{
    guard->alone = alone;
    atomic_init(&guard->state, 0);
    atomic_init(&guard->users, 0);
    atomic_init(&guard->permits, 0);
}

static inline void chani_guard_join(struct chani_guard *guard, struct chan *chan,
                                    enum chani_side side)
{
    (void)guard;
    (void)chan;
    (void)side;
}

static inline void chani_guard_part(struct chani_guard *guard)
{
    (void)guard;
}

static inline void chani_guard_check(const struct chani_guard *guard, const char *call)
{
    (void)guard;
    (void)call;
}

static inline void chani_guard_enter(struct chani_guard *guard, const char *call)
{
    (void)guard;
    (void)call;
}

static inline void chani_guard_leave(struct chani_guard *guard)
{
    (void)guard;
}

static inline void chani_guard_permit(struct chani_guard *guard)
{
    (void)guard;
}

static inline void chani_guard_end_permit(struct chani_guard *guard, const char *call)
{
    (void)guard;
    (void)call;
}

static inline void chani_guard_drop(struct chani_guard *guard, const char *call)
{
    (void)guard;
    (void)call;
}

static inline void chani_guard_free(void *handle)
{
    free(handle);
}

#endif

#endif
