/*
 * futex.c - sleeping on a word, on Linux and elsewhere; all that differs from system to system in
 * waiting is here.
 *
 * DESIGN
 *
 * Elsewhere a word has no queue in the system, so a table of buckets lends it one: its address
 * picks a mutex and a condition variable. The sleeper compares the word with the mutex held, the
 * waker takes the mutex after it changed the word, so that no wake-up falls in between. Words that
 * share a bucket wake one another, and a wake-up of one wakes the whole bucket; every wait is a
 * loop, so this costs time only. Rejected: a condition variable in each park, which a waker might
 * touch after the sleeper has freed it.
 */
#include "futex.h"

#include "chan.h"

#include <errno.h>
#include <time.h>

#if defined(__linux__) && !defined(CHAN_PORTABLE)
#define USE_FUTEX 1
#else
#define USE_FUTEX 0
#endif

#ifdef __linux__
#include <sched.h>
#else
#include <unistd.h>
#endif

#define NS_PER_S 1000000000

static struct timespec timespec_of(int64_t ns)
{
    if (ns < 0)
        ns = 0;
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

#if USE_FUTEX

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

bool chani_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    struct timespec when = timespec_of(deadline);
    int saved = errno;
    bool in_time = true;

    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
                deadline == CHAN_FOREVER ? NULL : &when, NULL, FUTEX_BITSET_MATCH_ANY) != 0)
        in_time = errno != ETIMEDOUT;
    errno = saved;
    return in_time;
}

void chani_futex_wake(_Atomic uint32_t *word, int n)
{
    int saved = errno;

    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
    errno = saved;
}

#else

#include <pthread.h>
#include <stdlib.h>

#define BUCKET_BITS 6
#define BUCKETS (1u << BUCKET_BITS)

struct bucket {
    pthread_mutex_t mu;
    pthread_cond_t changed;
};

static struct bucket buckets[BUCKETS];
static pthread_once_t buckets_once = PTHREAD_ONCE_INIT;

static void init_buckets(void)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr) != 0 || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0)
        abort();
    for (size_t i = 0; i < BUCKETS; i++)
        if (pthread_mutex_init(&buckets[i].mu, NULL) != 0 ||
            pthread_cond_init(&buckets[i].changed, &attr) != 0)
            abort();
    pthread_condattr_destroy(&attr);
}

static struct bucket *bucket_of(const _Atomic uint32_t *word)
{
    uint64_t address = (uintptr_t)word;

    pthread_once(&buckets_once, init_buckets);
    return &buckets[address * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKET_BITS)];
}

bool chani_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    struct bucket *bucket = bucket_of(word);
    struct timespec when = timespec_of(deadline);
    int rc = 0;

    pthread_mutex_lock(&bucket->mu);
    if (atomic_load(word) == value)
        rc = deadline == CHAN_FOREVER
                 ? pthread_cond_wait(&bucket->changed, &bucket->mu)
                 : pthread_cond_timedwait(&bucket->changed, &bucket->mu, &when);
    pthread_mutex_unlock(&bucket->mu);
    return rc != ETIMEDOUT;
}

void chani_futex_wake(_Atomic uint32_t *word, int n)
{
    struct bucket *bucket = bucket_of(word);

    (void)n;
    pthread_mutex_lock(&bucket->mu);
    pthread_cond_broadcast(&bucket->changed);
    pthread_mutex_unlock(&bucket->mu);
}

#endif

#ifdef __linux__

bool chani_has_second_cpu(void)
{
    cpu_set_t set;

    /* A machine with more processors than the set holds fails here, and has a second one. */
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return true;
    return CPU_COUNT(&set) > 1;
}

#else

bool chani_has_second_cpu(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN) != 1;
}

#endif

int64_t chan_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}
