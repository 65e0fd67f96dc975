/*
 * unbounded_test.c - unbounded channels, weak senders, counts of handles, and running out of
 * memory. Writes TAP. What holds for every channel is in chan_test.c.
 *
 * Linked with --wrap for the allocation calls, which are counted here and fail on demand.
 */
#include "chan_tap.h"

#include <limits.h>

/* Allocation. */

static atomic_long live;               /* blocks */
static atomic_long allocations;        /* so far */
static atomic_long fail_at = LONG_MAX; /* how many more succeed */

void *__real_malloc(size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static bool may_allocate(void)
{
    if (atomic_load(&fail_at) != LONG_MAX && atomic_fetch_sub(&fail_at, 1) <= 0) {
        atomic_fetch_add(&fail_at, 1);
        return false;
    }
    atomic_fetch_add(&live, 1);
    atomic_fetch_add(&allocations, 1);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return may_allocate() ? __real_aligned_alloc(align, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

void __wrap_free(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&live, 1);
    __real_free(block);
}

/* Graves of a debug build keep handles for a while. */
static bool is_leakfree(long before)
{
#ifdef CHAN_DEBUG
    (void)before;
    return true;
#else
    return atomic_load(&live) == before;
#endif
}

static struct pair open_sized(bool one, size_t elem_size)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = CHAN_UNBOUNDED,
                                   .elem_size = elem_size,
                                   .drop = elem_size == sizeof(long) ? count_drop : NULL,
                                   .one_to_one = one};
    struct pair pair = {NULL, NULL};

    atomic_store(&dropped, 0);
    atomic_store(&dropped_sum, 0);
    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    return pair;
}

static struct pair open_pair(bool one)
{
    return open_sized(one, sizeof(long));
}

static chan_tx *clone_tx(const chan_tx *tx)
{
    chan_tx *clone = NULL;

    CHECK_STATUS(chan_tx_clone(tx, &clone), CHAN_OK);
    return clone;
}

static chan_rx *clone_rx(const chan_rx *rx)
{
    chan_rx *clone = NULL;

    CHECK_STATUS(chan_rx_clone(rx, &clone), CHAN_OK);
    return clone;
}

/* The queue. */

static void test_never_full(bool one)
{
    struct pair pair = open_pair(one);

    CHECK(chan_tx_capacity(pair.tx) == CHAN_UNBOUNDED);
    CHECK(chan_rx_capacity(pair.rx) == CHAN_UNBOUNDED);
    for (long round = 0; round < 3; round++) {
        fill(pair.tx, 10000);
        CHECK(chan_tx_len(pair.tx) == 10000 && !chan_tx_is_full(pair.tx));
        for (long i = 0; i < 10000; i++)
            CHECK(next_long(pair.rx) == i);
        CHECK(next_long(pair.rx) == -1 && chan_rx_is_empty(pair.rx));
    }
    drop_pair(&pair);
    CHECK(dropped == 0);
}

static void test_signals(bool one)
{
    struct pair pair = open_sized(one, 0);
    size_t count;

    CHECK_STATUS(chan_send_many(pair.tx, NULL, 5000, &count), CHAN_OK);
    CHECK(count == 5000 && chan_rx_len(pair.rx) == 5000);
    CHECK_STATUS(chan_recv(pair.rx, NULL), CHAN_OK);
    CHECK_STATUS(chan_recv_many(pair.rx, NULL, 9999, &count), CHAN_OK);
    CHECK(count == 4999);
    CHECK_STATUS(chan_try_recv(pair.rx, NULL), CHAN_EMPTY);
    drop_pair(&pair);
}

static void test_timeouts(bool one)
{
    struct pair pair = open_pair(one);
    long value = 1;

    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 0), CHAN_TIMEOUT);
    CHECK_STATUS(chan_recv_deadline(pair.rx, &value, INT64_MIN), CHAN_TIMEOUT);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, -1), CHAN_OK);
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, 0), CHAN_OK);
    drop_pair(&pair);
    CHECK(dropped == 2);
}

/* Batches of every size up to several segments, at every offset. */
static void test_batches_cross_segments(bool one)
{
    struct pair pair = open_pair(one);
    static long in[700];
    static long out[700];
    long sent = 0;
    long next = 0;
    size_t count;

    for (size_t n = 1; n < 700; n += 13) {
        for (size_t i = 0; i < n; i++)
            in[i] = sent++;
        CHECK_STATUS(chan_send_many(pair.tx, in, n, &count), CHAN_OK);
        CHECK(count == n);
        CHECK_STATUS(chan_recv_many(pair.rx, out, n - n / 3, &count), CHAN_OK);
        CHECK(count == n - n / 3);
        for (size_t i = 0; i < count; i++)
            CHECK(out[i] == next++);
    }
    for (long value; (value = next_long(pair.rx)) != -1;)
        CHECK(value == next++);
    CHECK(next == sent);
    drop_pair(&pair);
}

static void test_large_elements(bool one)
{
    static unsigned char in[100000];
    static unsigned char out[100000];
    struct pair pair = open_sized(one, sizeof(in));

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            memset(in, i + 1, sizeof(in));
            CHECK_STATUS(chan_send(pair.tx, in), CHAN_OK);
        }
        for (int i = 0; i < 20; i++) {
            memset(in, i + 1, sizeof(in));
            CHECK_STATUS(chan_recv(pair.rx, out), CHAN_OK);
            CHECK(memcmp(in, out, sizeof(in)) == 0);
        }
    }
    CHECK_STATUS(chan_send(pair.tx, in), CHAN_OK);
    drop_pair(&pair);
}

/* Senders that copy for long find each other at the lock. */
static void *run_large_send(void *arg)
{
    static _Thread_local unsigned char value[100000];

    for (int i = 0; i < 200; i++) {
        memset(value, i, sizeof(value));
        CHECK_STATUS(chan_send(arg, value), CHAN_OK);
    }
    chan_tx_drop(arg);
    return NULL;
}

static void *run_large_recv(void *arg)
{
    static _Thread_local unsigned char value[100000];
    long n = 0;

    while (chan_recv(arg, value) == CHAN_OK) {
        CHECK(memcmp(value, value + 1, sizeof(value) - 1) == 0);
        n++;
    }
    chan_rx_drop(arg);
    return (void *)n;
}

static void test_contended_locks(bool one)
{
    struct pair pair = open_sized(one, 100000);
    pthread_t senders[4];
    pthread_t receivers[4];
    void *received;
    long n = 0;

    for (int i = 0; i < 4; i++) {
        pthread_create(&receivers[i], NULL, run_large_recv, clone_rx(pair.rx));
        pthread_create(&senders[i], NULL, run_large_send, clone_tx(pair.tx));
    }
    drop_pair(&pair);
    for (int i = 0; i < 4; i++) {
        pthread_join(senders[i], NULL);
        pthread_join(receivers[i], &received);
        n += (long)received;
    }
    CHECK(n == 800);
}

/* Memory. */

static void test_memory_comes_back(bool one)
{
    struct pair pair = open_pair(one);
    long before = live;

    for (int round = 0; round < 3; round++) {
        fill(pair.tx, 100000);
        CHECK(live > before + 100);
        for (long i = 0; i < 99999; i++)
            CHECK(next_long(pair.rx) == i);
        CHECK(live <= before + 1);
        CHECK(next_long(pair.rx) == 99999);
        CHECK(live <= before + 1);
    }
    drop_pair(&pair);
}

static void test_steady_state(bool one)
{
    struct pair pair = open_pair(one);
    long before;

    fill(pair.tx, 100);
    for (long i = 0; i < 1000; i++) {
        next_long(pair.rx);
        CHECK_STATUS(try_send_long(pair.tx, i), CHAN_OK);
    }
    before = allocations;
    for (long i = 0; i < 10000; i++) {
        next_long(pair.rx);
        CHECK_STATUS(try_send_long(pair.tx, i), CHAN_OK);
    }
    CHECK(allocations == before);
    drop_pair(&pair);
}

static void test_send_without_memory(bool one)
{
    struct pair pair = open_pair(one);
    struct chan_permit permit;
    long value = 7;
    long sent = 0;

    fail_at = 3;
    while (try_send_long(pair.tx, sent) == CHAN_OK)
        sent++;
    CHECK(sent > 3);
    CHECK_STATUS(chan_send(pair.tx, &value), CHAN_NOMEM);
    CHECK_STATUS(chan_try_send(pair.tx, &value), CHAN_NOMEM);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, LONG_NS), CHAN_NOMEM);
    CHECK_STATUS(chan_reserve(pair.tx, &permit), CHAN_OK);
    CHECK_STATUS(chan_commit(&permit, &value), CHAN_NOMEM);
    CHECK(value == 7 && chan_tx_len(pair.tx) == (size_t)sent);
    fail_at = LONG_MAX;
    CHECK_STATUS(send_long(pair.tx, sent++), CHAN_OK);
    for (long i = 0; i < sent; i++)
        CHECK(next_long(pair.rx) == i);
    CHECK(next_long(pair.rx) == -1);
    drop_pair(&pair);
    CHECK(dropped == 0);
}

static void test_batch_without_memory(bool one)
{
    struct pair pair = open_pair(one);
    static long values[2000];
    size_t count = 0;
    size_t more = 0;

    for (long i = 0; i < 2000; i++)
        values[i] = i;
    fail_at = 2;
    CHECK_STATUS(chan_send_many(pair.tx, values, 2000, &count), CHAN_NOMEM);
    CHECK(count > 0 && count < 2000 && chan_rx_len(pair.rx) == count);
    CHECK_STATUS(chan_send_many(pair.tx, values, 2000, &more), CHAN_NOMEM);
    CHECK(more == 0);
    fail_at = LONG_MAX;
    CHECK_STATUS(chan_send_many(pair.tx, values + count, 2000 - count, &more), CHAN_OK);
    for (long i = 0; i < 2000; i++)
        CHECK(next_long(pair.rx) == i);
    drop_pair(&pair);
}

/* Opens with fewer and fewer failures, until it works. */
static void check_open(size_t capacity, bool one)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity,
                                   .elem_size = 8,
                                   .name = "edge",
                                   .one_to_one = one};
    struct pair pair = {NULL, NULL};
    enum chan_status status;
    long before = live;
    long n = 0;

    do {
        fail_at = n++;
        status = chan_open(&options, &pair.tx, &pair.rx);
        fail_at = LONG_MAX;
        CHECK(status == CHAN_OK || (status == CHAN_NOMEM && live == before && pair.tx == NULL));
    } while (status == CHAN_NOMEM);
    CHECK(n >= 5);
    drop_pair(&pair);
    CHECK(is_leakfree(before));
}

static void test_open_without_memory(bool one)
{
    check_open(CHAN_UNBOUNDED, one);
    check_open(3, one);
}

static void test_too_large(bool one)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = CHAN_UNBOUNDED,
                                   .elem_size = SIZE_MAX / 2,
                                   .one_to_one = one};
    struct pair pair;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_NOMEM);
}

static void test_handles_without_memory(bool one)
{
    long before = live;
    struct pair pair = open_pair(one);
    chan_weak *weak = NULL;
    chan_weak *none = NULL;
    chan_tx *tx = NULL;
    chan_rx *rx = NULL;

    CHECK_STATUS(chan_tx_downgrade(pair.tx, &weak), CHAN_OK);
    fail_at = 0;
    CHECK_STATUS(chan_tx_clone(pair.tx, &tx), CHAN_NOMEM);
    CHECK_STATUS(chan_rx_clone(pair.rx, &rx), CHAN_NOMEM);
    CHECK_STATUS(chan_tx_downgrade(pair.tx, &none), CHAN_NOMEM);
    CHECK_STATUS(chan_weak_clone(weak, &none), CHAN_NOMEM);
    CHECK_STATUS(chan_weak_upgrade(weak, &tx), CHAN_NOMEM);
    fail_at = LONG_MAX;
    CHECK(tx == NULL && rx == NULL && none == NULL);
    CHECK(chan_tx_senders(pair.tx) == 1 && chan_tx_receivers(pair.tx) == 1);
    drop_pair(&pair);
    chan_weak_drop(weak);
    CHECK(is_leakfree(before));
}

/* Select. */

static void test_select(bool one)
{
    struct pair pairs[3] = {open_pair(one), open_pair(one), open_pair(one)};
    struct chan_case cases[4];
    long value = -1;
    size_t chosen = 9;

    for (int i = 0; i < 3; i++)
        cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = &value};
    CHECK_STATUS(chan_try_select(cases, 3, 0, &chosen), CHAN_EMPTY);
    CHECK_STATUS(send_long(pairs[1].tx, 5), CHAN_OK);
    CHECK_STATUS(chan_select(cases, 3, 0, &chosen), CHAN_OK);
    CHECK(chosen == 1 && value == 5);
    cases[3] = (struct chan_case){.tx = pairs[2].tx, .elem = &value};
    CHECK_STATUS(chan_select(cases, 4, 0, &chosen), CHAN_OK);
    CHECK(chosen == 3 && next_long(pairs[2].rx) == 5);
    chan_tx_drop(pairs[0].tx);
    CHECK_STATUS(chan_select(cases, 3, 0, &chosen), CHAN_CLOSED);
    CHECK(chosen == 0);
    chan_rx_drop(pairs[0].rx);
    drop_pair(&pairs[1]);
    drop_pair(&pairs[2]);
}

static void test_select_without_memory(bool one)
{
    struct pair pair = open_pair(one);
    struct pair idle = open_pair(one);
    long value = 3;
    struct chan_case cases[] = {{.tx = pair.tx, .elem = &value}, {.rx = idle.rx, .elem = &value}};
    size_t chosen = 9;
    long sent = 0;

    fail_at = 0;
    while (try_send_long(pair.tx, 1) == CHAN_OK)
        sent++;
    CHECK_STATUS(chan_select(cases, 2, 0, &chosen), CHAN_NOMEM);
    CHECK(chosen == 0 && value == 3);
    chosen = 9;
    CHECK_STATUS(chan_try_select(cases, 2, 0, &chosen), CHAN_NOMEM);
    CHECK(chosen == 0 && chan_rx_len(pair.rx) == (size_t)sent);
    fail_at = LONG_MAX;
    CHECK_STATUS(chan_select(cases, 2, 0, &chosen), CHAN_OK);
    drop_pair(&pair);
    drop_pair(&idle);
}

/* Closing. */

static void test_rx_drop_destroys(bool one)
{
    long before = live;
    struct pair pair = open_pair(one);
    long most;

    fill(pair.tx, 5000);
    most = live;
    for (long i = 0; i < 10; i++)
        CHECK(next_long(pair.rx) == i);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 4990 && dropped_sum == 5000 * 4999 / 2 - 45);
    CHECK(live < most - 10);
    CHECK(chan_tx_len(pair.tx) == 0 && chan_tx_is_closed(pair.tx));
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_CLOSED);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 4990 && is_leakfree(before));
}

static void test_shutdown_discard(bool one)
{
    struct pair pair = open_pair(one);

    fill(pair.tx, 1000);
    chan_rx_shutdown(pair.rx);
    CHECK(dropped == 0);
    chan_rx_discard(pair.rx);
    CHECK(dropped == 1000);
    chan_rx_discard(pair.rx);
    drop_pair(&pair);
    CHECK(dropped == 1000);
}

struct worker {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    chan_weak *weak;
    long moved;
    long sum;
    unsigned seed;
};

static void *run_send_until_closed(void *arg)
{
    struct worker *worker = arg;
    long values[7] = {1, 2, 3, 4, 5, 6, 7};
    enum chan_status status;
    size_t count;

    do {
        status = chan_send_many(worker->tx, values, 1 + (size_t)rand_r(&worker->seed) % 7, &count);
        worker->moved += (long)count;
        for (size_t i = 0; i < count; i++)
            worker->sum += values[i];
    } while (status == CHAN_OK);
    CHECK(status == CHAN_CLOSED);
    chan_tx_drop(worker->tx);
    return NULL;
}

static void *run_recv_some(void *arg)
{
    struct worker *worker = arg;
    long n = rand_r(&worker->seed) % 300;
    long value;

    for (; n > 0 && chan_recv(worker->rx, &value) == CHAN_OK; n--) {
        worker->moved++;
        worker->sum += value;
    }
    if (rand_r(&worker->seed) % 4 == 0) {
        chan_rx_shutdown(worker->rx);
        chan_rx_discard(worker->rx);
    }
    chan_rx_drop(worker->rx);
    return NULL;
}

/* Whatever was sent is received or destroyed, once. */
static void test_close_races(bool one)
{
    long before = live;

    for (unsigned round = 0; round < 200; round++) {
        struct pair pair = open_pair(one);
        int n = one ? 1 : 3;
        struct worker senders[3];
        struct worker receivers[3];
        long moved = 0;
        long sum = 0;

        for (int i = 0; i < n; i++) {
            senders[i] = (struct worker){.tx = i == 0 ? pair.tx : clone_tx(pair.tx),
                                         .seed = round * 8 + (unsigned)i};
            receivers[i] = (struct worker){.rx = i == 0 ? pair.rx : clone_rx(pair.rx),
                                           .seed = round * 8 + 4 + (unsigned)i};
        }
        for (int i = 0; i < n; i++) {
            pthread_create(&senders[i].thread, NULL, run_send_until_closed, &senders[i]);
            pthread_create(&receivers[i].thread, NULL, run_recv_some, &receivers[i]);
        }
        for (int i = 0; i < n; i++) {
            pthread_join(senders[i].thread, NULL);
            pthread_join(receivers[i].thread, NULL);
            moved += senders[i].moved - receivers[i].moved;
            sum += senders[i].sum - receivers[i].sum;
        }
        CHECK(moved == dropped && sum == dropped_sum);
    }
    CHECK(is_leakfree(before));
}

/* Handles. */

static void test_counts(bool one)
{
    struct pair pair = open_pair(one);
    chan_tx *tx = clone_tx(pair.tx);
    chan_rx *rx = clone_rx(pair.rx);

    CHECK(chan_tx_senders(tx) == 2 && chan_rx_senders(rx) == 2);
    CHECK(chan_tx_receivers(tx) == 2 && chan_rx_receivers(rx) == 2);
    chan_tx_drop(pair.tx);
    CHECK(chan_tx_senders(tx) == 1 && chan_rx_senders(rx) == 1);
    chan_rx_drop(pair.rx);
    CHECK(chan_tx_receivers(tx) == 1 && chan_rx_receivers(rx) == 1);
    chan_rx_drop(rx);
    CHECK(chan_tx_receivers(tx) == 0 && chan_tx_senders(tx) == 1);
    chan_tx_drop(tx);
}

static void test_is_same(bool one)
{
    struct pair a = open_pair(one);
    struct pair b = open_pair(one);
    chan_tx *tx = clone_tx(a.tx);
    chan_rx *rx = clone_rx(a.rx);

    CHECK(chan_tx_is_same(a.tx, tx) && !chan_tx_is_same(b.tx, tx));
    CHECK(chan_rx_is_same(a.rx, rx) && !chan_rx_is_same(b.rx, rx));
    CHECK(chan_is_same(tx, rx) && !chan_is_same(b.tx, rx));
    chan_tx_drop(tx);
    chan_rx_drop(rx);
    drop_pair(&a);
    drop_pair(&b);
}

static void test_weak(bool one)
{
    struct pair pair = open_pair(one);
    chan_weak *weak = NULL;
    chan_weak *other = NULL;
    chan_tx *tx = NULL;

    CHECK_STATUS(chan_tx_downgrade(pair.tx, &weak), CHAN_OK);
    CHECK_STATUS(chan_weak_clone(weak, &other), CHAN_OK);
    chan_weak_drop(weak);
    CHECK(chan_tx_senders(pair.tx) == 1);
    CHECK_STATUS(chan_weak_upgrade(other, &tx), CHAN_OK);
    CHECK(chan_tx_senders(pair.tx) == 2 && chan_tx_is_same(tx, pair.tx));
    chan_tx_drop(pair.tx);
    CHECK_STATUS(send_long(tx, 5), CHAN_OK);
    chan_tx_drop(tx);
    CHECK(!chan_rx_is_closed(pair.rx) && next_long(pair.rx) == 5);
    CHECK(chan_rx_is_closed(pair.rx) && chan_rx_senders(pair.rx) == 0);
    tx = NULL;
    CHECK_STATUS(chan_weak_upgrade(other, &tx), CHAN_CLOSED);
    CHECK(tx == NULL);
    chan_rx_drop(pair.rx);
    CHECK_STATUS(chan_weak_upgrade(other, &tx), CHAN_CLOSED);
    chan_weak_drop(other);
    chan_weak_drop(NULL);
}

/* The last receiver's going does not matter to an upgrade; the sender made finds out. */
static void test_weak_without_receiver(bool one)
{
    struct pair pair = open_pair(one);
    chan_weak *weak = NULL;
    chan_tx *tx = NULL;

    CHECK_STATUS(chan_tx_downgrade(pair.tx, &weak), CHAN_OK);
    fill(pair.tx, 3);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 3);
    CHECK_STATUS(chan_weak_upgrade(weak, &tx), CHAN_OK);
    CHECK_STATUS(send_long(tx, 1), CHAN_CLOSED);
    chan_tx_drop(tx);
    chan_tx_drop(pair.tx);
    chan_weak_drop(weak);
}

static void test_one_to_one(bool one)
{
    struct pair pair = open_pair(one);
    chan_weak *weak = NULL;

    CHECK_STATUS(chan_tx_downgrade(pair.tx, &weak), CHAN_INVALID);
    CHECK(weak == NULL && chan_tx_senders(pair.tx) == 1 && chan_is_same(pair.tx, pair.rx));
    drop_pair(&pair);
}

/* Upgrades, sends and drops as long as it can; after one CHAN_CLOSED there is nothing else. */
static void *run_upgrade(void *arg)
{
    struct worker *worker = arg;
    enum chan_status status;
    chan_tx *tx;

    while ((status = chan_weak_upgrade(worker->weak, &tx)) == CHAN_OK) {
        CHECK_STATUS(send_long(tx, 1), CHAN_OK);
        worker->moved++;
        chan_tx_drop(tx);
    }
    CHECK(status == CHAN_CLOSED);
    CHECK_STATUS(chan_weak_upgrade(worker->weak, &tx), CHAN_CLOSED);
    chan_weak_drop(worker->weak);
    return NULL;
}

static void test_upgrade_races(bool one)
{
    long before = live;

    for (int round = 0; round < 100; round++) {
        struct pair pair = open_pair(one);
        struct worker workers[3];
        long sent = 0;
        long received = 0;
        long value;

        for (int i = 0; i < 3; i++) {
            workers[i] = (struct worker){0};
            CHECK_STATUS(chan_tx_downgrade(pair.tx, &workers[i].weak), CHAN_OK);
            pthread_create(&workers[i].thread, NULL, run_upgrade, &workers[i]);
        }
        for (; received < round; received++)
            CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
        chan_tx_drop(pair.tx);
        while (chan_recv(pair.rx, &value) == CHAN_OK)
            received++;
        CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_CLOSED);
        for (int i = 0; i < 3; i++) {
            pthread_join(workers[i].thread, NULL);
            sent += workers[i].moved;
        }
        CHECK(sent == received && chan_rx_senders(pair.rx) == 0);
        chan_rx_drop(pair.rx);
    }
    CHECK(is_leakfree(before));
}

#ifdef CHAN_DEBUG

static void misuse_weak(void)
{
    struct pair pair = open_pair(false);
    chan_weak *weak;
    chan_tx *tx;

    chan_tx_downgrade(pair.tx, &weak);
    chan_weak_drop(weak);
    chan_weak_upgrade(weak, &tx);
}

static void test_misuse(bool one)
{
    (void)one;
    check_abort(misuse_weak, "chan: chan_weak_upgrade: the handle was dropped before");
}

#endif

#define ONE 1u
#define MANY 2u
#define BOTH (ONE | MANY)

struct test {
    const char *name;
    void (*run)(bool one);
    unsigned flavours;
};

static const struct test tests[] = {
    {"never full, in order", test_never_full, BOTH},
    {"signals", test_signals, BOTH},
    {"timeouts", test_timeouts, BOTH},
    {"batches cross segments", test_batches_cross_segments, BOTH},
    {"large elements", test_large_elements, BOTH},
    {"contended locks", test_contended_locks, MANY},
    {"memory comes back as it drains", test_memory_comes_back, BOTH},
    {"a steady state allocates nothing", test_steady_state, BOTH},
    {"a send without memory", test_send_without_memory, BOTH},
    {"a batch without memory", test_batch_without_memory, BOTH},
    {"opening without memory", test_open_without_memory, BOTH},
    {"elements beyond all memory", test_too_large, BOTH},
    {"handles without memory", test_handles_without_memory, MANY},
    {"select", test_select, BOTH},
    {"a select without memory", test_select_without_memory, BOTH},
    {"the last receiver destroys queued values", test_rx_drop_destroys, BOTH},
    {"shutdown and discard", test_shutdown_discard, BOTH},
    {"closing races with sends", test_close_races, BOTH},
    {"counts of handles", test_counts, MANY},
    {"identity", test_is_same, MANY},
    {"weak senders", test_weak, MANY},
    {"weak sender without a receiver", test_weak_without_receiver, MANY},
    {"no weak senders of one to one", test_one_to_one, ONE},
    {"upgrades race with the last drop", test_upgrade_races, MANY},
#ifdef CHAN_DEBUG
    {"misuse aborts", test_misuse, MANY},
#endif
};

static int run_test(const struct test *test, bool one, int number)
{
    int before = atomic_load(&failures);
    bool ok;

    test->run(one);
    ok = atomic_load(&failures) == before;
    printf("%sok %d - %s (%s)\n", ok ? "" : "not ", number, test->name, one ? "1:1" : "many");
    fflush(stdout);
    return ok ? 0 : 1;
}

int main(void)
{
    int number = 0;
    int failed = 0;

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (tests[i].flavours & ONE)
            failed += run_test(&tests[i], true, ++number);
        if (tests[i].flavours & MANY)
            failed += run_test(&tests[i], false, ++number);
    }
    printf("1..%d\n", number);
    return failed > 0;
}
