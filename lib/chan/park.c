/*
 * park.c - waiting for the other side of a channel.
 *
 * DESIGN
 *
 * No lost wake-ups. A notifier publishes its event, then reads the word of the park; a waiter
 * enters itself into the word, then attempts once more. All four are seq_cst operations, so they
 * have one order: either the notifier sees the waiter, or the attempt sees the event. The event is
 * published by a seq_cst store or read-modify-write rather than by a release store and a fence
 * because that is the same barrier on the processors we care about, and serves ThreadSanitizer
 * (which does not understand fences) with the code that is shipped.
 *
 * In a park that is told CHANI_PUBLISH_LIGHT the notifier leaves its barrier to the waiter, which
 * calls chani_barrier_heavy between entering and attempting: the argument is in barrier.c. With
 * CHANI_PUBLISH_CLAIMED the seq_cst operation is the claim that comes before the event; so an
 * attempt that finds no claim may be believed, and one that finds a claim whose event it does not
 * see yet (CHANI_BUSY) is repeated behind the heavy barrier before the thread sleeps on it: a peer
 * in the middle of a copy is rare, and to wait for it a few times more so. test/model/light.pml.
 *
 * The word holds {epoch: 32, waiters: 15, watched: 1, claimed: 16}. A waiter adds itself to
 * `waiters` and sleeps only while the epoch is what it was then. A notifier that finds waiters but
 * none of them claimed claims one: claimed += 1, epoch += 1, and asks the system to wake one. A
 * waiter that leaves, for whatever reason, subtracts itself, and a claim if there is one. A claim
 * is not bound to a certain waiter; what holds is
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
 * While a claim is out, further events wake nobody: the one who comes back takes what it needs,
 * drops the claim, and passes a wake-up on if there is more to take (pass_on in transfer.c, which
 * has everybody do so who was in the park), so that sleepers come one after another and as many as
 * find work. A notifier that relies on a claim has its event visible before it reads the word once
 * more (chani_barrier_own), and who drops a claim attempts, or asks whether to pass on, after that.
 * Who comes back and finds nothing searches for a while, spinning as any waiter does at first, and
 * keeps the claim: with one thread that searches, a sender need not wake the next. Measured with
 * one sender and four receivers on two processors, capacity 1: 22 sleeps per 1,000 values without
 * this, 1 with it, and half the time. Closing wakes all.
 *
 * It may be that who comes back can do nothing because an operation before it in the queue is not
 * finished. It sleeps again; whoever finishes that operation wakes one.
 *
 * Watchers stand in for threads that wait for several things at once (waiter.h) and for
 * descriptors. They are in a list under a lock, and the bit WATCHED of the word says that the list
 * is not empty, so that a notifier that finds neither waiters nor watchers still reads one word
 * only. Watching sets the bit with a read-modify-write, after which the watcher attempts once more:
 * the argument is the same as for waiters. An event goes to a waiter first that is not claimed,
 * whether it is woken for it or not, and to a watcher if none is left. A watcher is notified once
 * and out of the list then; when its thread makes no use of the event, it passes the wake-up on, as
 * above. Observers (descriptors) are told of every event and use none up, since nobody knows when
 * somebody looks at them; they stand in front of the others. Rejected: a watcher in every
 * `waiters`, which would make one select look like several sleepers.
 */
#include "park.h"

#include "barrier.h"
#include "chan.h"
#include "futex.h"

#define WAITER ((uint64_t)1 << 32)
#define WATCHED ((uint64_t)1 << 47)
#define CLAIM ((uint64_t)1 << 48)

/* Waiters that are woken with the lock taken once. */
#define WAKE_BATCH 16

/* How long a thread whose time is over sleeps before it looks at a busy peer again. */
#define BUSY_NS 1000000

static uint32_t word_epoch(uint64_t word)
{
    return (uint32_t)word;
}

static uint64_t word_waiters(uint64_t word)
{
    return word >> 32 & 0x7fff;
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

/* The wait sleeps only while the epoch is that of `word`. */
static void take_ticket(struct chani_wait *wait, uint64_t word)
{
    wait->ticket = word_epoch(word);
    wait->fenced = wait->park->publish != CHANI_PUBLISH_CLAIMED;
    if (wait->park->publish == CHANI_PUBLISH_LIGHT)
        chani_barrier_heavy();
    wait->phase = CHANI_ENTERED;
}

static void park_enter(struct chani_wait *wait)
{
    take_ticket(wait, atomic_fetch_add(&wait->park->word, WAITER));
}

/* Takes `less` and a claim, if there is one, from the word; gives what the word is then. */
static uint64_t drop_claim(struct chani_park *park, uint64_t less)
{
    uint64_t word = atomic_load(&park->word);
    uint64_t next;

    do {
        next = word - less;
        if (word_claimed(word) > 0)
            next -= CLAIM;
    } while (!atomic_compare_exchange_weak(&park->word, &word, next));
    return next;
}

static void park_leave(struct chani_wait *wait)
{
    drop_claim(wait->park, WAITER);
    wait->phase = CHANI_OUTSIDE;
    wait->slept = true;
}

/* Leaves and enters at once. */
static void park_enter_again(struct chani_wait *wait)
{
    take_ticket(wait, drop_claim(wait->park, 0));
}

/* How many waiters to claim for n events. */
static uint64_t claims_for(uint64_t word, size_t n)
{
    uint64_t unclaimed = word_waiters(word) - word_claimed(word);

    if (n == SIZE_MAX || unclaimed == 0)
        return unclaimed;
    return word_claimed(word) == 0;
}

/*
 * Claims waiters for n events and wakes them. Gives how many of the events are for waiters that are
 * awake or wait to be passed them. *watched tells whether there were watchers.
 */
static size_t wake_waiters(struct chani_park *park, size_t n, bool *watched)
{
    uint64_t word;
    uint64_t next;
    uint64_t unclaimed;
    uint64_t k;

    chani_barrier_own(park->publish != CHANI_PUBLISH_FENCED);
    word = atomic_load(&park->word);
    do {
        *watched = word & WATCHED;
        unclaimed = word_waiters(word) - word_claimed(word);
        k = claims_for(word, n);
        if (k == 0)
            break;
        next = (word >> 32 << 32 | (uint32_t)(word_epoch(word) + 1)) + k * CLAIM;
    } while (!atomic_compare_exchange_weak(&park->word, &word, next));
    if (k > 0)
        chani_futex_wake(epoch_address(park), (int)k);
    return unclaimed < n ? (size_t)unclaimed : n;
}

static void unlink_locked(struct chani_park *park, struct chani_watcher *watcher)
{
    watcher->prev->next = watcher->next;
    watcher->next->prev = watcher->prev;
    watcher->queued = false;
    if (park->watchers.next == &park->watchers)
        atomic_fetch_and(&park->word, ~WATCHED);
}

/* Notifies all observers and up to n watchers; those that sleep are woken without the lock. */
static void notify_watchers(struct chani_park *park, size_t n)
{
    struct chani_waiter *asleep[WAKE_BATCH];
    struct chani_watcher *watcher;
    size_t count;

    do {
        count = 0;
        chani_lock_take(&park->lock);
        while (count < WAKE_BATCH && (watcher = park->watchers.next) != &park->watchers &&
               (n > 0 || watcher->waiter == NULL)) {
            unlink_locked(park, watcher);
            if (watcher->waiter == NULL) {
                watcher->observe(watcher);
                continue;
            }
            n--;
            if (chani_waiter_notify(watcher->waiter))
                asleep[count++] = watcher->waiter;
        }
        chani_lock_release(&park->lock);
        for (size_t i = 0; i < count; i++)
            chani_waiter_wake(asleep[i]);
    } while (count == WAKE_BATCH);
}

void chani_park_wake(struct chani_park *park, size_t n)
{
    bool watched;
    size_t taken = wake_waiters(park, n, &watched);

    if (watched)
        notify_watchers(park, n - taken);
}

void chani_park_watch(struct chani_park *park, struct chani_watcher *watcher)
{
    struct chani_watcher *before;

    chani_lock_take(&park->lock);
    before = watcher->waiter == NULL ? &park->watchers : park->watchers.prev;
    watcher->prev = before;
    watcher->next = before->next;
    before->next->prev = watcher;
    before->next = watcher;
    watcher->queued = true;
    atomic_fetch_or(&park->word, WATCHED);
    chani_lock_release(&park->lock);
}

bool chani_park_unwatch(struct chani_park *park, struct chani_watcher *watcher)
{
    bool queued;

    chani_lock_take(&park->lock);
    queued = watcher->queued;
    if (queued)
        unlink_locked(park, watcher);
    chani_lock_release(&park->lock);
    return !queued;
}

size_t chani_park_watchers(struct chani_park *park)
{
    size_t n = 0;

    chani_lock_take(&park->lock);
    for (struct chani_watcher *w = park->watchers.next; w != &park->watchers; w = w->next)
        n++;
    chani_lock_release(&park->lock);
    return n;
}

size_t chani_park_waiters(const struct chani_park *park)
{
    return (size_t)word_waiters(atomic_load(&park->word));
}

void chani_park_init(struct chani_park *park)
{
    atomic_init(&park->word, 0);
    park->publish = CHANI_PUBLISH_FENCED;
    chani_spin_init(&park->spin);
    chani_lock_init(&park->lock);
    park->watchers.prev = &park->watchers;
    park->watchers.next = &park->watchers;
}

void chani_park_set_publish(struct chani_park *park, enum chani_publish publish)
{
    park->publish = publish;
}

/* Beyond the deadline only busy peers are waited for, with yields. */
static void spin_begin(struct chani_wait *wait)
{
    chani_spinner_init(&wait->spinner, wait->expired ? NULL : &wait->park->spin);
}

static bool spin_again(struct chani_wait *wait)
{
    if (chani_spinner_turn(&wait->spinner))
        return true;
    chani_spinner_end(&wait->spinner, &wait->park->spin, false);
    return false;
}

static void wait_begin(struct chani_wait *wait)
{
    wait->begun = true;
    wait->expired = wait->deadline == CHANI_NOW ||
                    (wait->deadline != CHAN_FOREVER && chan_now_ns() >= wait->deadline);
    spin_begin(wait);
}

/*
 * The time when the wait is to attempt again in any case. Beyond its deadline a thread waits for a
 * busy peer alone; but what the peer ends with wakes one of those who wait for it.
 */
static int64_t wait_until(const struct chani_wait *wait)
{
    int64_t deadline = wait->expired ? chan_now_ns() + BUSY_NS : wait->deadline;

    return wait->event < deadline ? wait->event : deadline;
}

/* Leaves the park, perhaps with a claim, which an attempt must follow. */
static void wait_return(struct chani_wait *wait)
{
    park_leave(wait);
    spin_begin(wait);
}

static void wait_sleep(struct chani_wait *wait)
{
    int64_t until = wait_until(wait);

    if (!chani_futex_wait(epoch_address(wait->park), wait->ticket, until) &&
        until == wait->deadline)
        wait->expired = true;
    if (wait->expired) {
        wait_return(wait);
    } else {
        wait->phase = CHANI_SEARCHING;
        spin_begin(wait);
    }
}

bool chani_wait_again(struct chani_wait *wait, bool busy)
{
    if (!wait->begun)
        wait_begin(wait);
    if (wait->expired && !busy) {
        if (wait->phase == CHANI_OUTSIDE)
            return false;
        /* The peer is done, but since the attempt a wake-up may have been spent on this thread. */
        wait_return(wait);
        return true;
    }

    switch (wait->phase) {
    case CHANI_OUTSIDE:
        if (!spin_again(wait))
            park_enter(wait);
        break;
    case CHANI_ENTERED:
        if (busy && !wait->fenced) {
            chani_barrier_heavy();
            wait->fenced = true;
        } else {
            wait_sleep(wait);
        }
        break;
    case CHANI_SEARCHING:
        if (!spin_again(wait))
            park_enter_again(wait);
        break;
    }
    return true;
}

void chani_wait_leave(struct chani_wait *wait)
{
    if (wait->phase != CHANI_ENTERED)
        chani_spinner_end(&wait->spinner, &wait->park->spin, true);
    if (wait->phase != CHANI_OUTSIDE)
        park_leave(wait);
}
