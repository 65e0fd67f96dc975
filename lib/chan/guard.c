/*
 * guard.c - finds misuse of handles in a debug build.
 *
 * Dropped handles wait in a small ring of graves before their memory is given back, so that a
 * second drop or a late use reads a guard that says "dropped", and not memory of somebody else.
 */
#include "guard.h"

#ifdef CHAN_DEBUG

#include "chan_impl.h"

#include <pthread.h>
#include <stdio.h>

#define LIVE 0x63686e6cu
#define DROPPED 0x64656164u
#define GRAVES 256

static pthread_mutex_t graves_mu = PTHREAD_MUTEX_INITIALIZER;
static void *graves[GRAVES]; /* guarded by graves_mu */
static size_t next_grave;    /* guarded by graves_mu */

static _Noreturn void misuse(const char *call, const char *what)
{
    fprintf(stderr, "chan: %s: %s\n", call, what);
    abort();
}

void chani_guard_init(struct chani_guard *guard, bool alone)
{
    guard->alone = alone;
    atomic_init(&guard->state, LIVE);
    atomic_init(&guard->users, 0);
    atomic_init(&guard->permits, 0);
    guard->handle.prev = NULL;
}

void chani_guard_join(struct chani_guard *guard, struct chan *chan, enum chani_side side)
{
    chani_cycle_add(&guard->handle, &chan->handles, side);
}

void chani_guard_part(struct chani_guard *guard)
{
    chani_cycle_remove(&guard->handle);
}

void chani_guard_check(const struct chani_guard *guard, const char *call)
{
    uint32_t state;

    if (guard == NULL)
        misuse(call, "the handle is NULL");
    state = atomic_load(&guard->state);
    if (state == DROPPED)
        misuse(call, "the handle was dropped before");
    if (state != LIVE)
        misuse(call, "this is not a handle of a channel");
}

void chani_guard_enter(struct chani_guard *guard, const char *call)
{
    chani_guard_check(guard, call);
    if (atomic_fetch_add(&guard->users, 1) > 0 && guard->alone)
        misuse(call, "two threads use one handle of a one_to_one channel at once");
    chani_cycle_use(&guard->handle);
}

void chani_guard_leave(struct chani_guard *guard)
{
    atomic_fetch_sub(&guard->users, 1);
}

void chani_guard_permit(struct chani_guard *guard)
{
    atomic_fetch_add(&guard->permits, 1);
}

void chani_guard_end_permit(struct chani_guard *guard, const char *call)
{
    uint32_t permits;

    if (guard == NULL)
        misuse(call, "the permit was ended before");
    chani_guard_check(guard, call);
    permits = atomic_load(&guard->permits);
    do {
        if (permits == 0)
            misuse(call, "the permit was ended before");
    } while (!atomic_compare_exchange_weak(&guard->permits, &permits, permits - 1));
}

void chani_guard_drop(struct chani_guard *guard, const char *call)
{
    chani_guard_check(guard, call);
    if (atomic_load(&guard->permits) > 0)
        misuse(call, "a permit of the handle is neither committed nor released");
    if (atomic_exchange(&guard->state, DROPPED) == DROPPED)
        misuse(call, "the handle was dropped before");
    if (atomic_load(&guard->users) > 0)
        misuse(call, "the handle is in use by another thread");
    chani_cycle_remove(&guard->handle);
}

void chani_guard_free(void *handle)
{
    void *old;

    pthread_mutex_lock(&graves_mu);
    old = graves[next_grave];
    graves[next_grave] = handle;
    next_grave = (next_grave + 1) % GRAVES;
    pthread_mutex_unlock(&graves_mu);
    free(old);
}

#endif
