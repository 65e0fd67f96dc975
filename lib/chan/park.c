/*
 * park.c - waiting for the other side of a channel.
 *
 * DESIGN
 *
 * No lost wake-ups. A notifier publishes its event, then reads the word of the park; a waiter
 * enters itself into the word, then attempts once more. All four are seq_cst operations, so they
 * have one order: either the notifier sees the waiter, or the attempt sees the event. The event is
 * published by a seq_cst store or read-modify-write rather than by a release store and a fence
 * because that is the same barrier on the processors we care about, serves ThreadSanitizer (which
 * does not understand fences) with the code that is shipped, and lets the index ring detect closing
 * in the same instruction. Rejected for now: membarrier on the sleeping side, which some sandboxes
 * refuse.
 *
 * The word holds {epoch: 32, waiters: 16, claimed: 16}. A waiter adds itself to `waiters` and
 * sleeps only while the epoch is what it was then. A notifier that finds waiters > claimed claims
 * some: claimed += k, epoch += 1, and asks the system to wake k. While all waiters are claimed no
 * further call is made, so a burst of sends to one sleeper makes one. A waiter that leaves, for
 * whatever reason, subtracts itself, and a claim if there is one. A claim is not bound to a certain
 * waiter; what holds is
 *
 *     claimed <= returning + min(calls, sleeping)
 *
 * where `returning` counts waiters that are awake and will find the epoch changed, `sleeping` those
 * asleep and `calls` the wake-ups on their way to the system. A claim adds a call and turns all
 * waiters that are still awake into returning ones, a call turns a sleeping one into a returning
 * one (a wake-up that reaches more than it was meant for turns more), and leaving takes one from
 * each side. So at least as many waiters come back as were claimed, and each of them attempts again
 * before it sleeps or gives up.
 *
 * One event wakes one waiter, and it may be that this waiter can do nothing with it because an
 * operation before it in the queue is not finished. It sleeps again; whoever finishes that
 * operation wakes one, and every waiter that slept and then succeeds passes a wake-up on if there
 * is more to take (pass_on in transfer.c).
 *
 * Spinning pays when the other side runs at this moment on another processor: a wake-up costs tens
 * of microseconds, a cache line less than a tenth of one. A spin that succeeds restores the full
 * time, one that fails cuts it by a quarter until nothing is left; after that one wait in
 * SPIN_PROBE tries a full spin again. Between spin and sleep a waiter yields the processor YIELDS
 * times: the other side often waits for just this processor, and a yield is cheaper than a sleep
 * and a wake-up. It also leaves both sides runnable, so that the system moves one to an idle
 * processor, where spinning pays again; without it two threads that were once woken on the same
 * processor stay there (measured: 617 instead of about 50 ns per value at capacity 64). What comes
 * in during the yields counts as a spin that paid.
 */
#include "park.h"

#include "chan.h"
#include "futex.h"

#include <sched.h>

#define WAITER ((uint64_t)1 << 32)
#define CLAIM ((uint64_t)1 << 48)

#define SPIN_MAX_NS 4000u
#define SPIN_MIN_NS 500u
#define SPIN_PROBE 8u
#define YIELDS 4u
#define SPINS_PER_CLOCK 8u

static uint32_t word_epoch(uint64_t word)
{
    return (uint32_t)word;
}

static uint64_t word_waiters(uint64_t word)
{
    return word >> 32 & 0xffff;
}

static uint64_t word_claimed(uint64_t word)
{
    return word >> 48;
}

/* The half of the word that waiters sleep on. */
static _Atomic uint32_t *epoch_address(struct chani_park *park)
{
    _Atomic uint32_t *halves = (_Atomic uint32_t *)(void *)&park->word;

    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? halves : halves + 1;
}

static void park_enter(struct chani_wait *wait)
{
    wait->ticket = word_epoch(atomic_fetch_add(&wait->park->word, WAITER));
    wait->phase = CHANI_ENTERED;
}

static void park_leave(struct chani_park *park)
{
    uint64_t word = atomic_load(&park->word);
    uint64_t next;

    do {
        next = word - WAITER;
        if (word_claimed(word) > 0)
            next -= CLAIM;
    } while (!atomic_compare_exchange_weak(&park->word, &word, next));
}

void chani_park_wake(struct chani_park *park, size_t n)
{
    uint64_t word = atomic_load(&park->word);
    uint64_t next;
    uint64_t k;

    do {
        k = word_waiters(word) - word_claimed(word);
        if (k > n)
            k = n;
        if (k == 0)
            return;
        next = (word >> 32 << 32 | (uint32_t)(word_epoch(word) + 1)) + k * CLAIM;
    } while (!atomic_compare_exchange_weak(&park->word, &word, next));
    chani_futex_wake(epoch_address(park), (int)k);
}

size_t chani_park_waiters(const struct chani_park *park)
{
    return (size_t)word_waiters(atomic_load(&park->word));
}

void chani_park_init(struct chani_park *park)
{
    park->can_spin = chani_has_second_cpu();
    atomic_init(&park->word, 0);
    atomic_init(&park->spin_ns, SPIN_MAX_NS);
    atomic_init(&park->unspun, 0);
}

static uint32_t spin_budget(struct chani_park *park)
{
    uint32_t budget = atomic_load_explicit(&park->spin_ns, memory_order_relaxed);
    uint32_t unspun;

    if (!park->can_spin || budget > 0)
        return park->can_spin ? budget : 0;
    unspun = atomic_fetch_add_explicit(&park->unspun, 1, memory_order_relaxed);
    return unspun % SPIN_PROBE == SPIN_PROBE - 1 ? SPIN_MAX_NS : 0;
}

/* Remembers whether the spin was worth it; writes only what changes. */
static void spin_learn(struct chani_park *park, bool paid)
{
    uint32_t old = atomic_load_explicit(&park->spin_ns, memory_order_relaxed);
    uint32_t now = paid ? SPIN_MAX_NS : old - old / 4;

    if (now < SPIN_MIN_NS)
        now = 0;
    if (now != old)
        atomic_store_explicit(&park->spin_ns, now, memory_order_relaxed);
}

/* One turn of the spin; false when its time is over. Reads the clock now and then. */
static bool spin_more(struct chani_wait *wait)
{
    int64_t now;

    if (wait->budget == 0)
        return false;
    chani_relax();
    if (++wait->spins % SPINS_PER_CLOCK != 0)
        return true;
    now = chan_now_ns();
    if (wait->spin_until == 0)
        wait->spin_until = now + wait->budget;
    return now < wait->spin_until;
}

static void wait_begin(struct chani_wait *wait)
{
    wait->begun = true;
    wait->spins = 0;
    wait->yields = 0;
    wait->spin_until = 0;
    wait->expired = wait->deadline == CHANI_NOW ||
                    (wait->deadline != CHAN_FOREVER && chan_now_ns() >= wait->deadline);
    wait->budget = wait->expired ? 0 : spin_budget(wait->park);
}

bool chani_wait_again(struct chani_wait *wait, bool busy)
{
    if (!wait->begun)
        wait_begin(wait);
    if (wait->expired && !busy)
        return false;

    switch (wait->phase) {
    case CHANI_SPINNING:
        if (spin_more(wait))
            return true;
        if (wait->yields++ < YIELDS) {
            sched_yield();
            return true;
        }
        if (wait->budget > 0)
            spin_learn(wait->park, false);
        park_enter(wait);
        return true;
    case CHANI_ENTERED:
        if (!chani_futex_wait(epoch_address(wait->park), wait->ticket,
                              busy ? CHAN_FOREVER : wait->deadline))
            wait->expired = true;
        park_leave(wait->park);
        wait->phase = CHANI_WOKEN;
        wait->slept = true;
        return true;
    case CHANI_WOKEN:
        park_enter(wait);
        return true;
    }
    return true;
}

void chani_wait_leave(struct chani_wait *wait)
{
    if (wait->phase == CHANI_ENTERED) {
        park_leave(wait->park);
        wait->slept = true;
    } else if (wait->phase == CHANI_SPINNING && wait->spins > 0) {
        spin_learn(wait->park, true);
    }
}
