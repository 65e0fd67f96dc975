/*
 * chan_cases.h - what the tests of select and its kin share beyond chan_tap.h: waiters and watchers
 * of all kinds, and calls in threads of their own. Writes TAP.
 */
#ifndef CHAN_CASES_H
#define CHAN_CASES_H

#include "chan_tap.h"

#define MS INT64_C(1000000)

static inline struct pair open_pair(bool one, size_t capacity)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity,
                                   .elem_size = sizeof(long),
                                   .one_to_one = one};
    struct pair pair = {NULL, NULL};

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    return pair;
}

/* Threads that wait on one side, asleep in the park or with an offer. */
static inline size_t waiting(struct chan *chan, enum chani_side side)
{
    size_t n = chani_park_waiters(chani_park_of(chan, side));

    return chan->meet != NULL ? n + chani_meet_waiters(chan->meet, side) : n;
}

/* Selects and descriptors that watch one side. */
static inline size_t watching(struct chan *chan, enum chani_side side)
{
    return chani_park_watchers(chani_park_of(chan, side));
}

static inline bool is_quiet(struct chan *chan)
{
    return waiting(chan, CHANI_SENDING) + waiting(chan, CHANI_RECEIVING) +
               watching(chan, CHANI_SENDING) + watching(chan, CHANI_RECEIVING) ==
           0;
}

/* One call in a thread of its own. */
struct call {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    struct chan_case cases[4];
    unsigned flags;
    long values[32];
    size_t n;
    size_t count;
    size_t chosen;
    int64_t timeout_ns;
    enum chan_status status;
    atomic_bool done;
};

static inline void start(struct call *call, void *(*run)(void *))
{
    if (pthread_create(&call->thread, NULL, run, call) != 0)
        abort();
}

static inline void join(struct call *call)
{
    pthread_join(call->thread, NULL);
}

static inline void *run_send(void *arg)
{
    struct call *call = arg;

    call->status = chan_send(call->tx, call->values);
    return NULL;
}

static inline void *run_recv(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv(call->rx, call->values);
    return NULL;
}

static inline unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 8;
}

struct test {
    const char *name;
    void (*run)(bool one);
    bool both; /* for one_to_one channels, too */
};

static inline int run_tests(const struct test *tests, size_t n)
{
    int number = 0;
    int failed = 0;
    int before;

    for (size_t i = 0; i < n; i++)
        for (int one = tests[i].both; one >= 0; one--) {
            before = atomic_load(&failures);
            tests[i].run(one);
            failed += atomic_load(&failures) != before;
            printf("%sok %d - %s (%s)\n", atomic_load(&failures) == before ? "" : "not ", ++number,
                   tests[i].name, one ? "1:1" : "many");
            fflush(stdout);
        }
    printf("1..%d\n", number);
    return failed > 0;
}

#endif
