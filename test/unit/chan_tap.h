/*
 * chan_tap.h - what the tests of the channel library share: checks, and channels of longs.
 *
 * No case depends on speed: to see that a thread is blocked, a case waits until the channel counts
 * it as a waiter.
 */
#ifndef CHAN_TAP_H
#define CHAN_TAP_H

#include "../../lib/chan/chan_impl.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_NS INT64_C(100000000000)
#define LONG_NS INT64_C(3600000000000)

static atomic_int failures;

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            atomic_fetch_add(&failures, 1);                                                        \
            printf("# line %d: %s\n", __LINE__, #claim);                                           \
        }                                                                                          \
    } while (0)

#define CHECK_STATUS(call, wanted)                                                                 \
    do {                                                                                           \
        enum chan_status status_ = (call);                                                         \
        if (status_ != (wanted)) {                                                                 \
            atomic_fetch_add(&failures, 1);                                                        \
            printf("# line %d: %s gives %s\n", __LINE__, #call, chan_status_name(status_));        \
        }                                                                                          \
    } while (0)

/* Waits until the claim holds, soon asleep for most of the time; a hang ends the program. */
#define AWAIT(claim)                                                                               \
    do {                                                                                           \
        int64_t limit_ = chan_now_ns() + LIMIT_NS;                                                 \
        useconds_t pause_ = 0;                                                                     \
        while (!(claim)) {                                                                         \
            if (chan_now_ns() > limit_) {                                                          \
                printf("Bail out! line %d: never: %s\n", __LINE__, #claim);                        \
                fflush(stdout);                                                                    \
                abort();                                                                           \
            }                                                                                      \
            usleep(pause_);                                                                        \
            pause_ = pause_ < 500 ? pause_ + 10 : 1000;                                            \
        }                                                                                          \
    } while (0)

/* A channel of a case. */
struct pair {
    chan_tx *tx;
    chan_rx *rx;
};

static atomic_long dropped;
static atomic_long dropped_sum;

static inline void count_drop(void *elem, void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&dropped, 1);
    atomic_fetch_add(&dropped_sum, *(long *)elem);
}

static inline void drop_pair(struct pair *pair)
{
    chan_tx_drop(pair->tx);
    chan_rx_drop(pair->rx);
}

static inline enum chan_status send_long(chan_tx *tx, long value)
{
    return chan_send(tx, &value);
}

static inline enum chan_status try_send_long(chan_tx *tx, long value)
{
    return chan_try_send(tx, &value);
}

/* The next value, or -1. */
static inline long next_long(chan_rx *rx)
{
    long value = -1;

    if (chan_try_recv(rx, &value) != CHAN_OK)
        return -1;
    return value;
}

static inline void fill(chan_tx *tx, long n)
{
    for (long i = 0; i < n; i++)
        CHECK_STATUS(try_send_long(tx, i), CHAN_OK);
}

static inline size_t senders_waiting(const chan_rx *rx)
{
    return chani_park_waiters(&rx->chan->not_full);
}

static inline size_t receivers_waiting(const chan_tx *tx)
{
    return chani_park_waiters(&tx->chan->not_empty);
}

/* Runs a misuse in a child and checks that it aborts with the message. */
static inline void check_abort(void (*misuse)(void), const char *message)
{
    char text[512] = "";
    size_t used = 0;
    ssize_t n;
    int status = 0;
    int fds[2];
    pid_t pid;

    fflush(stdout);
    CHECK(pipe(fds) == 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        misuse();
        _exit(0);
    }
    close(fds[1]);
    while (used < sizeof(text) - 1 && (n = read(fds[0], text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)n;
    close(fds[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(text, message) != NULL);
    if (strstr(text, message) == NULL)
        printf("# it says: %s\n", text);
}

#endif
