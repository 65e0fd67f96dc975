/*
 * spin.c - how long to spin before a sleep.
 *
 * DESIGN
 *
 * Spinning pays when the other side runs at this moment on another processor: a wake-up costs tens
 * of microseconds, a cache line less than a tenth of one. A spin that succeeds restores the full
 * time, one that fails cuts it by a quarter until nothing is left; after that one wait in
 * SPIN_PROBE tries a full spin again, and the others BRIEF_PAUSES, which cost less than a switch.
 *
 * Between spin and sleep a waiter yields the processor YIELDS times: the other side often waits for
 * just this processor, and a yield is cheaper than a sleep and a wake-up. It also leaves both sides
 * runnable, so that the system moves one to an idle processor, where spinning pays again; without
 * it two threads that were once woken on the same processor stay there (measured: 617 instead of
 * about 50 ns per value at capacity 64). What comes in after such a yield does not count as a spin
 * that paid: the other side had no processor, and spinning only kept it from one (measured on busy
 * processors: 252 ns per value with it counted, 143 without). A yield that is back at once let
 * nobody run: it is part of the spin, and there may be IDLE_YIELDS of them.
 *
 * Where other programs keep the processors busy a yield costs one of their time slices, and a sleep
 * is better: who is woken goes ahead of them. So a yield that took YIELD_SLOW_NS is the last of its
 * wait, and the next waits at this place do without: ABSTINENCE_MIN, for the slice may have been
 * one of our own threads', and twice as many after each further one, to ABSTINENCE_MAX, as long as
 * no yield in between was quick. Measured with a sender and four receivers that meet, always 256
 * waits and so: 12.8 and 3.5 sleeps per 1,000 values; on busy processors no difference.
 *
 * The pauses double, since every look takes the line away from the thread that is about to write
 * it; who comes soon is seen soon. Who waits for room in a queue begins with a long pause: the
 * other side has work for longer than that, and a sender that takes every slot as it becomes free
 * has both sides fight for the line with each value. Measured, ns per value with and without: 19
 * and 32 with two senders, one receiver and capacity 1024, 177 and 247 with a select over four
 * queues of 64.
 */
#include "spin.h"

#include "chan.h"
#include "futex.h"

#include <sched.h>
#include <stddef.h>

#define SPIN_MAX_NS 4000u
#define SPIN_MIN_NS 500u
#define SPIN_PROBE 8u
#define BRIEF_PAUSES 16u /* in the last turn; each had half of the next */
#define YIELDS 4u
#define IDLE_YIELDS 12u
#define YIELD_IDLE_NS 900 /* less than two switches take */
#define YIELD_SLOW_NS 1000000
#define ABSTINENCE_MIN 8u
#define ABSTINENCE_MAX 256u
#define MOST_PAUSES 64u

void chani_spin_init(struct chani_spin *spin)
{
    atomic_init(&spin->ns, SPIN_MAX_NS);
    atomic_init(&spin->unspun, 0);
    atomic_init(&spin->unyielding, 0);
    atomic_init(&spin->abstinence, ABSTINENCE_MIN);
    spin->allowed = chani_has_second_cpu();
    spin->first = 1;
}

void chani_spin_set_queue(struct chani_spin *spin, size_t capacity)
{
    while (spin->first < MOST_PAUSES && spin->first <= capacity / 4)
        spin->first *= 2;
}

static uint32_t spin_budget(struct chani_spin *spin)
{
    uint32_t budget = atomic_load_explicit(&spin->ns, memory_order_relaxed);
    uint32_t unspun;

    if (!spin->allowed || budget > 0)
        return budget;
    unspun = atomic_fetch_add_explicit(&spin->unspun, 1, memory_order_relaxed);
    return unspun % SPIN_PROBE == SPIN_PROBE - 1 ? SPIN_MAX_NS : 0;
}

/* Whether the yields of this place are no good for now: counts the waits that do without. */
static bool is_yieldless(struct chani_spin *spin)
{
    uint32_t left = atomic_load_explicit(&spin->unyielding, memory_order_relaxed);

    if (left > 0)
        atomic_store_explicit(&spin->unyielding, left - 1, memory_order_relaxed);
    return left > 0;
}

void chani_spinner_init(struct chani_spinner *spinner, struct chani_spin *spin)
{
    *spinner = (struct chani_spinner){.may_yield = true, .pauses = 1};
    if (spin == NULL)
        return;
    spinner->may_yield = !is_yieldless(spin);
    spinner->spinning = spin->allowed;
    spinner->budget = spin_budget(spin);
    spinner->pauses = spin->first;
}

/*
 * One turn of the spin; false when its time was over before. Each pauses twice as long as the one
 * before, and from the longest on the clock is read.
 */
static bool spin_more(struct chani_spinner *spinner)
{
    int64_t now;

    if (!spinner->spinning)
        return false;
    spinner->begun = true;
    for (uint32_t i = 0; i < spinner->pauses; i++)
        chani_relax();
    if (spinner->pauses < MOST_PAUSES) {
        spinner->pauses *= 2;
        spinner->spinning = spinner->budget > 0 || spinner->pauses <= BRIEF_PAUSES;
        return true;
    }
    now = chan_now_ns();
    if (spinner->until == 0)
        spinner->until = now + spinner->budget;
    spinner->spinning = now < spinner->until;
    return true;
}

/* Lets another thread run; false when that is no good here. */
static bool yield(struct chani_spinner *spinner)
{
    int64_t took;

    if (!spinner->may_yield || spinner->yields == YIELDS || spinner->idle == IDLE_YIELDS)
        return false;
    took = -chan_now_ns();
    sched_yield();
    took += chan_now_ns();
    if (took < YIELD_IDLE_NS)
        spinner->idle++;
    else
        spinner->yields++;
    if (took > YIELD_SLOW_NS) {
        spinner->slow = true;
        spinner->may_yield = false;
    }
    return true;
}

bool chani_spinner_turn(struct chani_spinner *spinner)
{
    return spin_more(spinner) || yield(spinner);
}

/* Learns from the yields of a wait how many waits shall do without. */
static void note_yields(const struct chani_spinner *spinner, struct chani_spin *spin)
{
    uint32_t old = atomic_load_explicit(&spin->abstinence, memory_order_relaxed);
    uint32_t now = ABSTINENCE_MIN;

    if (spinner->yields == 0)
        return;
    if (spinner->slow) {
        atomic_store_explicit(&spin->unyielding, old, memory_order_relaxed);
        now = old < ABSTINENCE_MAX ? 2 * old : old;
    }
    if (now != old)
        atomic_store_explicit(&spin->abstinence, now, memory_order_relaxed);
}

/* Writes only what changes. */
void chani_spinner_end(const struct chani_spinner *spinner, struct chani_spin *spin, bool paid)
{
    uint32_t old = atomic_load_explicit(&spin->ns, memory_order_relaxed);
    uint32_t now = paid && spinner->yields == 0 ? SPIN_MAX_NS : old - old / 4;

    note_yields(spinner, spin);
    if (!spinner->begun)
        return;
    if (now < SPIN_MIN_NS)
        now = 0;
    if (now != old)
        atomic_store_explicit(&spin->ns, now, memory_order_relaxed);
}
