/*
 * cycle.c - finds threads that wait for each other, in a debug build.
 *
 * DESIGN
 *
 * Who could wake a thread that sleeps in a receive? Whoever holds a sender of the channel: by a
 * send, or by dropping it. Nobody can see who holds a handle, but each handle remembers the threads
 * that used it. So a thread is stuck when everybody who used one of the handles on the other side
 * is stuck, too, and the stuck threads are the largest set for which that holds: begin with all
 * that sleep without a deadline and strike out, until nothing changes, everyone
 *
 *   - who could go on at once, and has merely not been scheduled;
 *   - for whom there is a handle that nobody has used yet, or that too many have: it may be held by
 *     a thread that is running;
 *   - for whom there is a handle whose users have ended: they left it to somebody;
 *   - for whom there is no handle at all (timers, and channels that are being closed);
 *   - for whom a handle was used by a living thread outside the set.
 *
 * A select is stuck when all of its cases are. A handle remembers all its users and not just the
 * last one: threads that share a handle may use it in turns, and the one that used it before the
 * last may be computing.
 *
 * A watchdog looks four times a second, as long as any thread sleeps without a deadline. A wait
 * that is found stuck each time for a whole second is stuck: events that are under way arrive
 * before, or end the wait. A new wait begins with a clean slate. Rejected: to look when a thread
 * goes to sleep. The last thread of a cycle may have been claimed by a wake-up then, and a cycle is
 * also completed by a drop or the end of a thread, in which nobody goes to sleep.
 *
 * What cannot be known: a handle that one thread used and then gave to another one, who keeps it
 * unused for a second while all its users wait, and a thread that is about to shut a receiver down.
 * Both give a false alarm. A clone for the other thread avoids it, since its users are unknown.
 */
#include "cycle.h"

#ifdef CHAN_DEBUG

#include "chan_impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STUCK_NS INT64_C(1000000000)
#define LOOK_NS 250000000L
#define THREAD_NAME_SIZE 64

/* A thread that used a channel; lives in its thread-local memory. */
struct sleeper {
    /* Constant once listed. */
    uint64_t id; /* 0: not listed */
    pthread_t thread;

    /* Guarded by mu. */
    struct sleeper *next;
    struct sleeper **prev;
    const struct chani_goal *goals; /* NULL: awake */
    bool suspected;                 /* still in the set that is being looked for */
    int64_t stuck_since;            /* 0: not stuck when the watchdog looked last */
};

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t somebody_sleeps = PTHREAD_COND_INITIALIZER;
static struct sleeper *sleepers; /* guarded by mu, as are the others below */
static size_t n_asleep;
static bool is_watched;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end; /* constant after start */
static _Atomic uint64_t last_id;
static _Thread_local struct sleeper self;

/* Looking. */

static const struct sleeper *find_sleeper(uint64_t id)
{
    for (const struct sleeper *s = sleepers; s != NULL; s = s->next)
        if (s->id == id)
            return s;
    return NULL;
}

/* Whether somebody who is not suspected may hold the handle. */
static bool is_held_outside(const struct chani_handle *handle)
{
    size_t suspects = 0;

    for (size_t i = 0; i < CHANI_USERS; i++) {
        const struct sleeper *user = find_sleeper(atomic_load(&handle->users[i]));

        if (user == NULL)
            continue;
        if (!user->suspected)
            return true;
        suspects++;
    }
    return suspects == 0 || atomic_load(&handle->many_users);
}

/* Whether somebody who is not suspected may hold a permit, which is room for a sender. */
static bool is_permit_outside(const struct chan *chan)
{
    const struct chani_handle *handle = chan->handles.first[CHANI_SENDING];

    for (; handle != NULL; handle = handle->next) {
        const struct chani_guard *guard =
            (const void *)((const char *)handle - offsetof(struct chani_guard, handle));

        if (atomic_load(&guard->permits) > 0 && is_held_outside(handle))
            return true;
    }
    return false;
}

/* Whether a thread that waits for this goal could be on its way, or be helped from outside. */
static bool is_within_reach(const struct chani_goal *goal)
{
    enum chani_side other = goal->side == CHANI_SENDING ? CHANI_RECEIVING : CHANI_SENDING;
    const struct chani_handle *handle = goal->chan->handles.first[other];

    if (handle == NULL || chani_is_ready(goal->chan, goal->side))
        return true;
    for (; handle != NULL; handle = handle->next)
        if (is_held_outside(handle))
            return true;
    return goal->side == CHANI_SENDING && is_permit_outside(goal->chan);
}

static bool is_hopeful(const struct sleeper *s)
{
    for (const struct chani_goal *goal = s->goals; goal != NULL; goal = goal->next)
        if (is_within_reach(goal))
            return true;
    return false;
}

/* Strikes out until the suspects can only be woken by suspects; false when none is left. */
static bool narrow_down(void)
{
    bool any;
    bool changed;

    do {
        any = false;
        changed = false;
        for (struct sleeper *s = sleepers; s != NULL; s = s->next) {
            if (!s->suspected)
                continue;
            s->suspected = !is_hopeful(s);
            any |= s->suspected;
            changed |= !s->suspected;
        }
    } while (changed);
    return any;
}

static void print_member(const struct sleeper *s)
{
    char name[THREAD_NAME_SIZE] = "";

    pthread_getname_np(s->thread, name, sizeof(name));
    fprintf(stderr, "chan: wait cycle: thread '%s'", name);
    for (const struct chani_goal *goal = s->goals; goal != NULL; goal = goal->next)
        fprintf(stderr, "%s %s '%s'", goal != s->goals ? " or" : "",
                goal->side == CHANI_SENDING ? "sends to" : "receives from",
                goal->chan->name != NULL ? goal->chan->name : "");
    fputc('\n', stderr);
}

static _Noreturn void report(void)
{
    for (const struct sleeper *s = sleepers; s != NULL; s = s->next)
        if (s->suspected)
            print_member(s);
    abort();
}

static void look(int64_t now)
{
    for (struct sleeper *s = sleepers; s != NULL; s = s->next)
        s->suspected = s->goals != NULL;
    narrow_down();
    for (struct sleeper *s = sleepers; s != NULL; s = s->next) {
        if (!s->suspected)
            s->stuck_since = 0;
        else if (s->stuck_since == 0)
            s->stuck_since = now;
        s->suspected = s->stuck_since != 0 && now - s->stuck_since >= STUCK_NS;
    }
    if (narrow_down())
        report();
}

static void *watch(void *unused)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};

    (void)unused;
    pthread_setname_np(pthread_self(), "chan-watch");
    for (;;) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&mu);
        while (n_asleep == 0)
            pthread_cond_wait(&somebody_sleeps, &mu);
        look(chan_now_ns());
        pthread_mutex_unlock(&mu);
    }
    return NULL;
}

/* Without a watchdog nothing is found; the program works all the same. */
static void watch_locked(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all;
    sigset_t old;

    if (is_watched || pthread_attr_init(&attr) != 0)
        return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    is_watched = pthread_create(&thread, &attr, watch, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
}

/* Threads. */

static void forget_thread(void *value)
{
    struct sleeper *s = value;

    pthread_mutex_lock(&mu);
    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->id = 0;
    pthread_mutex_unlock(&mu);
}

static void before_fork(void)
{
    pthread_mutex_lock(&mu);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&mu);
}

/* Of all threads only this one is left, and it is awake. */
static void after_fork_in_child(void)
{
    n_asleep = 0;
    is_watched = false;
    sleepers = NULL;
    if (self.id != 0) {
        self.next = NULL;
        self.prev = &sleepers;
        sleepers = &self;
    }
    pthread_cond_init(&somebody_sleeps, NULL);
    pthread_mutex_unlock(&mu);
}

static void start(void)
{
    if (pthread_key_create(&at_thread_end, forget_thread) != 0)
        abort();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The number of the calling thread, never used again after its end. */
static uint64_t own_id(void)
{
    if (self.id != 0)
        return self.id;
    pthread_once(&once, start);
    pthread_mutex_lock(&mu);
    memset(&self, 0, sizeof(self));
    self.id = atomic_fetch_add(&last_id, 1) + 1;
    self.thread = pthread_self();
    self.next = sleepers;
    self.prev = &sleepers;
    if (sleepers != NULL)
        sleepers->prev = &self.next;
    sleepers = &self;
    pthread_mutex_unlock(&mu);
    pthread_setspecific(at_thread_end, &self);
    return self.id;
}

/* Only the thread itself writes its goals, so that it may look at them without the lock. */
void chani_cycle_sleep(const struct chani_goal *goals, int64_t deadline)
{
    if (goals == NULL || deadline != CHAN_FOREVER || self.goals != NULL)
        return;
    own_id();
    pthread_mutex_lock(&mu);
    self.goals = goals;
    self.stuck_since = 0;
    if (n_asleep++ == 0)
        pthread_cond_signal(&somebody_sleeps);
    watch_locked();
    pthread_mutex_unlock(&mu);
}

void chani_cycle_awake(void)
{
    if (self.goals == NULL)
        return;
    pthread_mutex_lock(&mu);
    self.goals = NULL;
    n_asleep--;
    pthread_mutex_unlock(&mu);
}

/* Handles. */

void chani_cycle_add(struct chani_handle *handle, struct chani_handles *handles,
                     enum chani_side side)
{
    struct chani_handle **first = &handles->first[side];

    for (size_t i = 0; i < CHANI_USERS; i++)
        atomic_init(&handle->users[i], 0);
    atomic_init(&handle->many_users, false);
    pthread_mutex_lock(&mu);
    handle->next = *first;
    handle->prev = first;
    if (*first != NULL)
        (*first)->prev = &handle->next;
    *first = handle;
    pthread_mutex_unlock(&mu);
}

void chani_cycle_remove(struct chani_handle *handle)
{
    pthread_mutex_lock(&mu);
    if (handle->prev != NULL) {
        *handle->prev = handle->next;
        if (handle->next != NULL)
            handle->next->prev = handle->prev;
        handle->prev = NULL;
    }
    pthread_mutex_unlock(&mu);
}

void chani_cycle_use(struct chani_handle *handle)
{
    uint64_t id = own_id();

    for (size_t i = 0; i < CHANI_USERS; i++) {
        uint64_t user = atomic_load(&handle->users[i]);

        if (user == 0 && atomic_compare_exchange_strong(&handle->users[i], &user, id))
            return;
        if (user == id)
            return;
    }
    atomic_store(&handle->many_users, true);
}

#endif
