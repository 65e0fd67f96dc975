/*
 * waiter.c - one thread that waits for the first of several things.
 *
 * DESIGN
 *
 * One word decides: whatever comes first changes the phase with a compare-and-exchange from
 * CHANI_WAITING, and all others fail. So a timeout that races with a partner either cancels, and
 * the partner finds nothing, or waits the moment until the partner is done. A bit beside the phase
 * says that the owner went to sleep, without which nobody needs to ask the system for a wake-up;
 * it is set once and stays, and a claim takes it along.
 */
#include "waiter.h"

#include "chan.h"

#define PHASE 7u
#define ASLEEP 8u

static enum chani_waiter_phase phase_of(uint32_t state)
{
    return (enum chani_waiter_phase)(state & PHASE);
}

/* From CHANI_WAITING to `phase`; *before is the state then. */
static bool leave_waiting(struct chani_waiter *waiter, enum chani_waiter_phase phase,
                          uint32_t *before)
{
    uint32_t state = atomic_load(&waiter->state);

    while (phase_of(state) == CHANI_WAITING)
        if (atomic_compare_exchange_weak(&waiter->state, &state, (state & ASLEEP) | phase)) {
            *before = state;
            return true;
        }
    return false;
}

bool chani_waiter_is_waiting(const struct chani_waiter *waiter)
{
    return phase_of(atomic_load(&waiter->state)) == CHANI_WAITING;
}

bool chani_waiter_notify(struct chani_waiter *waiter)
{
    uint32_t before;

    return leave_waiting(waiter, CHANI_NOTIFIED, &before) && (before & ASLEEP);
}

bool chani_waiter_claim(struct chani_waiter *waiter)
{
    uint32_t before;

    return leave_waiting(waiter, CHANI_CLAIMED, &before);
}

bool chani_waiter_finish(struct chani_waiter *waiter, size_t which, enum chani_moved how)
{
    waiter->which = which;
    waiter->how = how;
    return atomic_exchange(&waiter->state, CHANI_DONE) & ASLEEP;
}

/* Sleeps until the state changes; false when the deadline came first. */
static bool waiter_sleep(struct chani_waiter *waiter, uint32_t state, int64_t deadline)
{
    if (!(state & ASLEEP)) {
        if (!atomic_compare_exchange_strong(&waiter->state, &state, state | ASLEEP))
            return true;
        state |= ASLEEP;
    }
    return chani_futex_wait(&waiter->state, state, deadline);
}

enum chani_waiter_phase chani_waiter_wait(struct chani_waiter *waiter, struct chani_spin *spin,
                                          int64_t deadline)
{
    struct chani_spinner spinner;
    bool spinning = true;
    bool expired = false;
    uint32_t state;
    uint32_t before;

    chani_spinner_init(&spinner, spin);
    for (;;) {
        state = atomic_load(&waiter->state);
        if (phase_of(state) == CHANI_NOTIFIED || phase_of(state) == CHANI_DONE)
            break;
        if (expired && phase_of(state) == CHANI_WAITING) {
            if (leave_waiting(waiter, CHANI_CANCELLED, &before))
                return CHANI_CANCELLED;
            continue;
        }
        if (spinning) {
            if (chani_spinner_turn(&spinner))
                continue;
            spinning = false;
            chani_spinner_end(&spinner, spin, false);
        }
        if (!waiter_sleep(waiter, state,
                          phase_of(state) == CHANI_CLAIMED ? CHAN_FOREVER : deadline))
            expired = true;
    }
    if (spinning)
        chani_spinner_end(&spinner, spin, true);
    return phase_of(state);
}
