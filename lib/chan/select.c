/*
 * select.c - one of several sends and receives, the first that can be done.
 *
 * DESIGN
 *
 * A sweep attempts each case once, in an order that is shuffled as it goes, which makes the choice
 * among those that are ready uniform. A select that found nothing spins on sweeps, then registers
 * and sleeps on a word of its own (waiter.h). The order of registering matters:
 *
 *     1. watchers on the parks of the buffered channels
 *     2. a sweep, which sees what came before the watchers (park.h says when it takes two)
 *     3. with all rendezvous locks held: a search for partners, and an offer in each place if there
 *        is none
 *
 * Before all that, the cases of a select that is small are swept as the caller gave them, so that
 * one that need not wait prepares nothing.
 *
 * An offer may be taken from the moment the locks are free, so nothing may be attempted after it;
 * and a watcher that was notified in the meantime makes the offers void. Locks are taken in the
 * order of their addresses. Since offers are left only when the search is over, a select finds
 * none of its own. What woke it, it tries in a new shuffled sweep, so that several cases that
 * became ready during the sleep have the same chance. A case that was notified and not used passes
 * the wake-up on.
 *
 * `try` may say that nothing was ready only if that was so at some instant. Rings have tokens that
 * change when something may have become ready (ring.h): when they are the same before the sweep and
 * after it, then at its end every case was as the sweep found it. Rendezvous cases are looked at
 * once more together, under their locks, which gives the instant. Otherwise the sweep is repeated.
 * A slot that a peer is just copying is neither ready nor not; then the select waits for the peer.
 *
 * Rejected: one lock for every channel, as in Go, which makes every send pay for select; and
 * claiming a buffered value for the sleeping select, which needs a slot reserved for it.
 */
#include "barrier.h"
#include "chan_impl.h"

/* Selects of up to this many cases need no memory. */
#define SMALL 16

/* A case that is enabled. */
struct entry {
    struct chan *chan;
    enum chani_side side;
    void *elem;
    size_t which;   /* its place among the caller's cases */
    bool notified;  /* a wake-up may have been spent on it */
    uint64_t token; /* of the ring, before a sweep */
    struct chani_watcher watcher;
    struct chani_offer offer;
    struct chani_goal goal; /* of a debug build: linked with that of the next entry */
};

struct select {
    unsigned flags;
    size_t n;
    struct entry *entries;
    size_t *order;
    struct chani_meet **meets; /* of rendezvous cases, by address, each once */
    size_t n_meets;
    uint64_t random;

    struct entry *busy; /* of the last sweep: its slot was in use by a peer; or NULL */
    struct entry *chosen;
    enum chan_status status;
    struct chani_waiter waiter;
};

/* Room for the arrays of a select. */
struct small {
    struct entry entries[SMALL];
    size_t order[SMALL];
    struct chani_meet *meets[SMALL];
};

/* Where the random numbers of this thread go on; 0 before the first. */
static _Thread_local uint64_t thread_random;

static uint64_t first_random(void)
{
    uint64_t seed = (uint64_t)chan_now_ns() ^ (uintptr_t)&thread_random;

    seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
    return seed | 1;
}

/* A number below n: xorshift64*. */
static size_t random_below(uint64_t *random, size_t n)
{
    uint64_t x = *random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *random = x;
    return (size_t)((x * UINT64_C(0x2545f4914f6cdd1d) >> 32) * n >> 32);
}

static bool only_asks(const struct select *sel)
{
    return sel->flags & CHAN_READY;
}

/* The entry to look at as number i: one of those that were not looked at yet. */
static struct entry *pick(struct select *sel, size_t i)
{
    size_t j = i;
    size_t at;

    if (!(sel->flags & CHAN_BIASED) && i + 1 < sel->n)
        j += random_below(&sel->random, sel->n - i);
    at = sel->order[j];
    sel->order[j] = sel->order[i];
    sel->order[i] = at;
    return &sel->entries[at];
}

static enum chan_status status_of(enum chani_moved how)
{
    if (how == CHANI_SHUT)
        return CHAN_CLOSED;
    return how == CHANI_NOMEM ? CHAN_NOMEM : CHAN_OK;
}

/* True when the attempt decides the select. */
static bool choose(struct select *sel, struct entry *entry, enum chani_moved how)
{
    if (how == CHANI_BLOCKED || how == CHANI_BUSY)
        return false;
    sel->chosen = entry;
    sel->status = only_asks(sel) ? CHAN_OK : status_of(how);
    return true;
}

static enum chani_moved attempt(const struct select *sel, struct entry *entry)
{
    if (only_asks(sel))
        return chani_is_ready(entry->chan, entry->side) ? CHANI_MOVED : CHANI_BLOCKED;
    if (entry->side == CHANI_SENDING)
        return chani_push_now(entry->chan, entry->elem);
    return chani_pop_now(entry->chan, entry->elem);
}

static bool sweep(struct select *sel)
{
    struct entry *entry;
    enum chani_moved how;

    sel->busy = NULL;
    for (size_t i = 0; i < sel->n; i++) {
        entry = pick(sel, i);
        how = attempt(sel, entry);
        if (choose(sel, entry, how))
            return true;
        if (how == CHANI_BUSY)
            sel->busy = entry;
    }
    return false;
}

/* Rendezvous cases. */

static enum chani_moved attempt_locked(const struct select *sel, struct entry *entry,
                                       struct chani_waiter **wake)
{
    struct chani_meet *meet = entry->chan->meet;

    if (!only_asks(sel))
        return chani_meet_pair_locked(meet, entry->side, entry->elem, wake);
    return chani_meet_can_pair_locked(meet, entry->side) ? CHANI_MOVED : CHANI_BLOCKED;
}

static bool sweep_meets_locked(struct select *sel, struct chani_waiter **wake)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = pick(sel, i);
        if (entry->chan->meet != NULL && choose(sel, entry, attempt_locked(sel, entry, wake)))
            return true;
    }
    return false;
}

static void leave_offers_locked(struct select *sel)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = &sel->entries[i];
        if (entry->chan->meet == NULL)
            continue;
        entry->offer.waiter = &sel->waiter;
        entry->offer.elem = entry->elem;
        entry->offer.which = i;
        chani_meet_offer_locked(entry->chan->meet, entry->side, &entry->offer);
    }
}

/* Looks for a partner in all places at one instant, and leaves offers in them if there is none. */
static bool sweep_meets(struct select *sel, bool offer)
{
    struct chani_waiter *wake = NULL;
    bool found;

    for (size_t i = 0; i < sel->n_meets; i++)
        chani_meet_lock(sel->meets[i]);
    found = sweep_meets_locked(sel, &wake);
    if (!found && offer)
        leave_offers_locked(sel);
    for (size_t i = sel->n_meets; i-- > 0;)
        chani_meet_unlock(sel->meets[i]);
    if (wake != NULL)
        chani_waiter_wake(wake);
    return found;
}

static void announce_offers(struct select *sel)
{
    for (size_t i = 0; i < sel->n; i++)
        if (sel->entries[i].chan->meet != NULL)
            chani_meet_announce(sel->entries[i].chan->meet, sel->entries[i].side);
}

static void withdraw_offers(struct select *sel)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = &sel->entries[i];
        if (entry->chan->meet != NULL)
            chani_meet_withdraw(entry->chan->meet, entry->side, &entry->offer);
    }
}

/* Without waiting. */

static uint64_t entry_token(const struct select *sel, const struct entry *entry)
{
    const struct chan *chan = entry->chan;
    const struct chani_ring *ring = chan->ring;
    uint64_t token;

    if (chan->meet != NULL)
        return 0;
    if (entry->side == CHANI_SENDING)
        token = ring->ops->push_token(ring);
    else
        token = ring->ops->pop_token(ring) << 2 | atomic_load(&chan->state);
    /* To ask knows no busy slots, so what ends being busy must show as well. */
    return only_asks(sel) ? token << 1 | chani_is_ready(chan, entry->side) : token;
}

/* One case alone needs none: what the sweep found was so at some instant. */
static void note_tokens(struct select *sel)
{
    for (size_t i = 0; sel->n > 1 && i < sel->n; i++)
        sel->entries[i].token = entry_token(sel, &sel->entries[i]);
}

static bool tokens_same(const struct select *sel)
{
    for (size_t i = 0; sel->n > 1 && i < sel->n; i++)
        if (sel->entries[i].token != entry_token(sel, &sel->entries[i]))
            return false;
    return true;
}

/* A wait for the peer of a busy slot; `entry` is NULL when there is none. */
struct busy_wait {
    struct entry *entry;
    struct chani_wait wait;
};

static void busy_wait_end(struct busy_wait *busy)
{
    if (busy->entry == NULL)
        return;
    chani_wait_end(&busy->wait);
    busy->entry->notified |= busy->wait.slept;
}

/* Waits between two sweeps if the last one found a busy slot. */
static void busy_wait_again(struct busy_wait *busy, struct entry *entry)
{
    if (busy->entry != entry) {
        busy_wait_end(busy);
        busy->entry = entry;
        if (entry != NULL)
            chani_wait_init(&busy->wait, chani_park_of(entry->chan, entry->side), CHANI_NOW);
    }
    if (entry != NULL)
        chani_wait_again(&busy->wait, true);
}

/* False only if at some instant nothing was ready. */
static bool try_now(struct select *sel)
{
    struct busy_wait busy = {.entry = NULL};
    bool found;

    for (;;) {
        note_tokens(sel);
        found = sweep(sel) || (sel->n > 1 && sel->n_meets > 0 && sweep_meets(sel, false));
        if (found || (sel->busy == NULL && tokens_same(sel)))
            break;
        busy_wait_again(&busy, sel->busy);
    }
    busy_wait_end(&busy);
    return found;
}

/* Waiting. */

/* An offer does what a watcher would do, unless the select only asks. */
static bool is_watched(const struct select *sel, const struct entry *entry)
{
    return entry->chan->meet == NULL || only_asks(sel);
}

static void watch(struct select *sel)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = &sel->entries[sel->order[i]];
        entry->notified = false;
        if (!is_watched(sel, entry))
            continue;
        entry->watcher.waiter = &sel->waiter;
        chani_park_watch(chani_park_of(entry->chan, entry->side), &entry->watcher);
    }
}

static void unwatch(struct select *sel)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = &sel->entries[i];
        if (is_watched(sel, entry))
            entry->notified =
                chani_park_unwatch(chani_park_of(entry->chan, entry->side), &entry->watcher);
    }
}

/* Whether the sweep after watching may have missed what was published before. */
static bool may_have_missed(struct select *sel)
{
    struct entry *entry;

    for (size_t i = 0; i < sel->n; i++) {
        entry = &sel->entries[i];
        if (is_watched(sel, entry) && chani_park_hides(chani_park_of(entry->chan, entry->side),
                                                       only_asks(sel) || sel->busy != NULL))
            return true;
    }
    return false;
}

/* The sweep after watching. */
static bool sweep_watched(struct select *sel)
{
    if (sweep(sel))
        return true;
    if (!may_have_missed(sel))
        return false;
    chani_barrier_heavy();
    return sweep(sel);
}

/* What other waiters might do with wake-ups that this select got. */
static void pass_on(struct select *sel)
{
    for (size_t i = 0; i < sel->n; i++)
        if (sel->entries[i].notified)
            chani_pass_on(sel->entries[i].chan, sel->entries[i].side);
}

/* When a timer among the cases is due, but not later than the deadline. */
static int64_t next_event(const struct select *sel, int64_t deadline)
{
    const struct chani_ring *ring;
    int64_t event;

    for (size_t i = 0; i < sel->n; i++) {
        ring = sel->entries[i].chan->ring;
        if (ring->ops->next_event == NULL)
            continue;
        event = ring->ops->next_event(ring);
        deadline = event < deadline ? event : deadline;
    }
    return deadline;
}

/* The place whose memory of spins this select shares; any will do. */
static struct chani_spin *spin_of(struct select *sel)
{
    static struct chani_spin none;

    if (sel->n == 0)
        return &none;
    return &chani_park_of(sel->entries[0].chan, sel->entries[0].side)->spin;
}

/* Sweeps for a few microseconds. */
static bool spin(struct select *sel)
{
    struct chani_spinner spinner;
    bool found;

    if (sweep(sel))
        return true;
    chani_spinner_init(&spinner, spin_of(sel));
    do
        found = sweep(sel);
    while (!found && chani_spinner_turn(&spinner));
    chani_spinner_end(&spinner, spin_of(sel), found);
    return found;
}

/* Sleeps until a partner comes or something may be done. */
static bool await(struct select *sel, int64_t deadline)
{
    if (chani_waiter_wait(&sel->waiter, spin_of(sel), deadline) != CHANI_DONE)
        return false;
    return choose(sel, &sel->entries[sel->waiter.which], sel->waiter.how);
}

/* Registers, sleeps until something may have changed, and leaves nothing behind. */
static bool sleep_once(struct select *sel, int64_t deadline)
{
    bool offers = sel->n_meets > 0 && !only_asks(sel);
    bool found;

    chani_waiter_init(&sel->waiter);
    watch(sel);
    found = sweep_watched(sel);
    if (!found && offers) {
        found = sweep_meets(sel, true);
        if (!found) {
            announce_offers(sel);
            found = await(sel, deadline);
            withdraw_offers(sel);
        }
    } else if (!found) {
        found = await(sel, deadline);
    }
    unwatch(sel);
    return found;
}

static bool run(struct select *sel, int64_t deadline)
{
    if (deadline == CHANI_NOW)
        return try_now(sel);
    if (spin(sel))
        return true;
    while (deadline == CHAN_FOREVER || chan_now_ns() < deadline)
        if (sleep_once(sel, next_event(sel, deadline)) || sweep(sel))
            return true;
    return try_now(sel);
}

/* Preparing. */

static void add_meet(struct select *sel, struct chani_meet *meet)
{
    size_t i = sel->n_meets;

    while (i > 0 && (uintptr_t)sel->meets[i - 1] > (uintptr_t)meet)
        i--;
    if (i > 0 && sel->meets[i - 1] == meet)
        return;
    memmove(&sel->meets[i + 1], &sel->meets[i], (sel->n_meets - i) * sizeof(*sel->meets));
    sel->meets[i] = meet;
    sel->n_meets++;
}

static void add_entry(struct select *sel, const struct chan_case *one, size_t which)
{
    struct entry *entry = &sel->entries[sel->n];

    entry->chan = one->tx != NULL ? one->tx->chan : one->rx->chan;
    entry->side = one->tx != NULL ? CHANI_SENDING : CHANI_RECEIVING;
    entry->elem = one->elem;
    entry->which = which;
    entry->notified = false;
    sel->order[sel->n] = sel->n;
    sel->n++;
    if (entry->chan->meet != NULL)
        add_meet(sel, entry->chan->meet);
}

/* Gives the select its arrays: `small` if that is large enough, else *block, which is owned. */
static bool alloc_arrays(struct select *sel, size_t n, struct small *small, void **block)
{
    size_t each = sizeof(struct entry) + sizeof(size_t) + sizeof(struct chani_meet *);
    size_t bytes;

    *block = NULL;
    sel->entries = small->entries;
    sel->order = small->order;
    sel->meets = small->meets;
    if (n <= SMALL)
        return true;
    if (__builtin_mul_overflow(n, each, &bytes) || (*block = malloc(bytes)) == NULL)
        return false;
    sel->entries = *block;
    sel->order = (size_t *)(void *)(sel->entries + n);
    sel->meets = (struct chani_meet **)(void *)(sel->order + n);
    return true;
}

static struct chani_guard *guard_of(const struct chan_case *one)
{
    if (one->tx != NULL)
        return &one->tx->guard;
    return one->rx != NULL ? &one->rx->guard : NULL;
}

/* A handle may be in several cases; its guard is entered for the first of them. */
static bool is_first_use(const struct chan_case *cases, size_t i)
{
    struct chani_guard *guard = guard_of(&cases[i]);

    for (size_t j = 0; j < i; j++)
        if (guard_of(&cases[j]) == guard)
            return false;
    return guard != NULL;
}

static void guards_enter(const struct chan_case *cases, size_t n, const char *call)
{
    for (size_t i = 0; CHANI_GUARDED && i < n; i++)
        if (is_first_use(cases, i))
            chani_guard_enter(guard_of(&cases[i]), call);
}

static void guards_leave(const struct chan_case *cases, size_t n)
{
    for (size_t i = 0; CHANI_GUARDED && i < n; i++)
        if (is_first_use(cases, i))
            chani_guard_leave(guard_of(&cases[i]));
}

static bool is_valid(const struct chan_case *cases, size_t n, unsigned flags, int64_t deadline)
{
    size_t enabled = 0;

    if (flags & ~(CHAN_BIASED | CHAN_READY))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (cases[i].tx != NULL && cases[i].rx != NULL)
            return false;
        enabled += cases[i].tx != NULL || cases[i].rx != NULL;
    }
    return enabled > 0 || deadline != CHAN_FOREVER;
}

/* All the cases are what this thread may sleep for. */
static void sleep_begin(struct select *sel, int64_t deadline)
{
    const struct chani_goal *next = NULL;

    for (size_t i = CHANI_GUARDED ? sel->n : 0; i-- > 0;) {
        sel->entries[i].goal =
            (struct chani_goal){sel->entries[i].chan, sel->entries[i].side, next};
        next = &sel->entries[i].goal;
    }
    chani_cycle_sleep(next, deadline);
}

/* Attempts one case: true when that is the end of the select. */
static bool try_case(const struct chan_case *one, enum chan_status *status)
{
    enum chani_moved how = CHANI_BLOCKED;

    if (one->rx != NULL)
        how = chani_pop_now(one->rx->chan, one->elem);
    else if (one->tx != NULL)
        how = chani_push_now(one->tx->chan, one->elem);
    *status = status_of(how);
    return how != CHANI_BLOCKED && how != CHANI_BUSY;
}

/* A sweep over the cases as they are: true when that is the end of the select. */
static bool try_cases(const struct chan_case *cases, size_t n, size_t *chosen,
                      enum chan_status *status)
{
    uint64_t random = thread_random != 0 ? thread_random : first_random();
    unsigned char order[SMALL];
    bool found = false;
    size_t j;

    for (size_t i = 0; i < n; i++)
        order[i] = (unsigned char)i;
    for (size_t i = 0; i < n && !found; i++) {
        j = i + random_below(&random, n - i);
        *chosen = order[j];
        order[j] = order[i];
        found = try_case(&cases[*chosen], status);
    }
    thread_random = random;
    return found;
}

/* All that a select does, with valid cases. */
static __attribute__((noinline)) enum chan_status select_all(const struct chan_case *cases,
                                                             size_t n, unsigned flags,
                                                             int64_t deadline, size_t *chosen)
{
    struct select sel = {.flags = flags};
    struct small small;
    void *block;

    if (!alloc_arrays(&sel, n, &small, &block))
        return CHAN_NOMEM;
    sel.random = thread_random != 0 ? thread_random : first_random();
    sel.status = deadline == CHANI_NOW ? CHAN_EMPTY : CHAN_TIMEOUT;
    for (size_t i = 0; i < n; i++)
        if (cases[i].tx != NULL || cases[i].rx != NULL)
            add_entry(&sel, &cases[i], i);
    sleep_begin(&sel, deadline);
    if (run(&sel, deadline))
        *chosen = sel.chosen->which;
    chani_cycle_awake();
    pass_on(&sel);
    thread_random = sel.random;
    free(block);
    return sel.status;
}

static enum chan_status select_cases(const struct chan_case *cases, size_t n, unsigned flags,
                                     int64_t deadline, size_t *chosen)
{
    enum chan_status status;

    *chosen = n;
    if (!is_valid(cases, n, flags, deadline))
        return CHAN_INVALID;
    if (n <= SMALL && flags == 0 && try_cases(cases, n, chosen, &status))
        return status;
    *chosen = n;
    return select_all(cases, n, flags, deadline, chosen);
}

static enum chan_status select_guarded(const struct chan_case *cases, size_t n, unsigned flags,
                                       int64_t deadline, size_t *chosen, const char *call)
{
    enum chan_status status;

    guards_enter(cases, n, call);
    status = select_cases(cases, n, flags, deadline, chosen);
    guards_leave(cases, n);
    return status;
}

enum chan_status chan_select(const struct chan_case *cases, size_t n, unsigned flags,
                             size_t *chosen)
{
    return select_guarded(cases, n, flags, CHAN_FOREVER, chosen, "chan_select");
}

enum chan_status chan_try_select(const struct chan_case *cases, size_t n, unsigned flags,
                                 size_t *chosen)
{
    return select_guarded(cases, n, flags, CHANI_NOW, chosen, "chan_try_select");
}

enum chan_status chan_select_deadline(const struct chan_case *cases, size_t n, unsigned flags,
                                      int64_t deadline_ns, size_t *chosen)
{
    return select_guarded(cases, n, flags, chani_deadline_public(deadline_ns), chosen,
                          "chan_select_deadline");
}

/* The clock is read only when nothing is ready. */
enum chan_status chan_select_timeout(const struct chan_case *cases, size_t n, unsigned flags,
                                     int64_t timeout_ns, size_t *chosen)
{
    enum chan_status status =
        select_guarded(cases, n, flags, CHANI_NOW, chosen, "chan_select_timeout");

    if (status != CHAN_EMPTY)
        return status;
    if (timeout_ns <= 0)
        return CHAN_TIMEOUT;
    return select_guarded(cases, n, flags, chani_deadline_after(timeout_ns), chosen,
                          "chan_select_timeout");
}
