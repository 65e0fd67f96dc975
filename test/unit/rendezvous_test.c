/*
 * rendezvous_test.c - channels of capacity 0. Writes TAP.
 */
#include "chan_cases.h"

#include <time.h>

#define CROWD 5

static void *run_recv_timeout(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv_timeout(call->rx, call->values, call->timeout_ns);
    atomic_store(&call->done, true);
    return NULL;
}

static void *run_send_timeout(void *arg)
{
    struct call *call = arg;

    call->status = chan_send_timeout(call->tx, call->values, call->timeout_ns);
    atomic_store(&call->done, true);
    return NULL;
}

static void *run_send_many(void *arg)
{
    struct call *call = arg;

    call->status = chan_send_many(call->tx, call->values, call->n, &call->count);
    return NULL;
}

static size_t senders_of(const struct pair *pair)
{
    return waiting(pair->rx->chan, CHANI_SENDING);
}

static size_t receivers_of(const struct pair *pair)
{
    return waiting(pair->rx->chan, CHANI_RECEIVING);
}

/* Statuses. */

static void test_nobody(bool one)
{
    struct pair pair = open_pair(one, 0);
    long value = 7;

    CHECK_STATUS(chan_try_send(pair.tx, &value), CHAN_FULL);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_EMPTY);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, 0), CHAN_TIMEOUT);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 100000), CHAN_TIMEOUT);
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, chan_now_ns() + 100000), CHAN_TIMEOUT);
    CHECK(value == 7 && is_quiet(pair.rx->chan));
    CHECK(chan_tx_is_full(pair.tx) && chan_rx_is_empty(pair.rx) && chan_tx_len(pair.tx) == 0);
    CHECK(chan_tx_capacity(pair.tx) == 0);
    drop_pair(&pair);
}

static void test_closed(bool one)
{
    struct pair pair = open_pair(one, 0);
    long value = 7;

    CHECK(!chan_tx_is_closed(pair.tx));
    chan_rx_drop(pair.rx);
    CHECK(chan_tx_is_closed(pair.tx));
    CHECK_STATUS(chan_try_send(pair.tx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_send(pair.tx, &value), CHAN_CLOSED);
    chan_tx_drop(pair.tx);
    pair = open_pair(one, 0);
    CHECK(!chan_rx_is_closed(pair.rx));
    chan_tx_drop(pair.tx);
    CHECK(chan_rx_is_closed(pair.rx));
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 0), CHAN_CLOSED);
    CHECK(value == 7);
    chan_rx_drop(pair.rx);
}

static void test_invalid(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct chan_options options = {.size = sizeof(options), .elem_size = SIZE_MAX};
    chan_tx *tx = NULL;
    chan_rx *rx = NULL;

    CHECK_STATUS(chan_tx_clone(pair.tx, &tx), one ? CHAN_INVALID : CHAN_OK);
    CHECK_STATUS(chan_rx_clone(pair.rx, &rx), one ? CHAN_INVALID : CHAN_OK);
    CHECK_STATUS(chan_try_send_quiet(pair.tx, &(long){1}), CHAN_INVALID);
    chan_tx_wake(pair.tx);
    drop_pair(&pair);
    chan_tx_drop(tx);
    chan_rx_drop(rx);
    CHECK_STATUS(chan_open(&options, &tx, &rx), CHAN_NOMEM);
}

/* Pairing. */

static void test_receiver_first(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {.rx = pair.rx};

    start(&call, run_recv);
    AWAIT(receivers_of(&pair) == 1);
    CHECK_STATUS(try_send_long(pair.tx, 5), CHAN_OK);
    CHECK_STATUS(try_send_long(pair.tx, 6), CHAN_FULL);
    join(&call);
    CHECK_STATUS(call.status, CHAN_OK);
    CHECK(call.values[0] == 5);
    drop_pair(&pair);
}

static void test_sender_first(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {.tx = pair.tx, .values = {5}};

    start(&call, run_send);
    AWAIT(senders_of(&pair) == 1);
    CHECK(chan_rx_is_empty(pair.rx));
    CHECK(next_long(pair.rx) == 5);
    CHECK(next_long(pair.rx) == -1);
    join(&call);
    CHECK_STATUS(call.status, CHAN_OK);
    drop_pair(&pair);
}

static void test_many(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {.tx = pair.tx, .n = 20};
    long values[32];
    size_t total = 0;
    size_t count;

    for (long i = 0; i < 20; i++)
        call.values[i] = i;
    start(&call, run_send_many);
    while (total < 20) {
        CHECK_STATUS(chan_recv_many(pair.rx, values, 32, &count), CHAN_OK);
        CHECK(count >= 1);
        for (size_t i = 0; i < count; i++)
            CHECK(values[i] == (long)total++);
    }
    join(&call);
    CHECK_STATUS(call.status, CHAN_OK);
    CHECK(call.count == 20);
    CHECK_STATUS(chan_send_many(pair.tx, values, 0, &count), CHAN_OK);
    CHECK(count == 0);
    drop_pair(&pair);
}

static void test_recv_many_takes_waiting(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call calls[CROWD] = {{0}};
    long values[32];
    size_t count;

    for (long i = 0; i < CROWD; i++) {
        calls[i].tx = pair.tx;
        calls[i].values[0] = i;
        start(&calls[i], run_send);
        AWAIT(senders_of(&pair) == (size_t)i + 1);
    }
    CHECK_STATUS(chan_recv_many(pair.rx, values, 3, &count), CHAN_OK);
    CHECK(count == 3);
    CHECK_STATUS(chan_recv_many(pair.rx, values + 3, 29, &count), CHAN_OK);
    CHECK(count == CROWD - 3);
    for (long i = 0; i < CROWD; i++) {
        CHECK(values[i] == i);
        join(&calls[i]);
        CHECK_STATUS(calls[i].status, CHAN_OK);
    }
    drop_pair(&pair);
}

static void test_elem_sizes(bool one)
{
    unsigned char in[130];
    struct call call = {0};

    for (size_t size = 0; size < 130; size += size < 17 ? 1 : 16) {
        struct chan_options options = {
            .size = sizeof(options), .elem_size = size, .one_to_one = one};
        struct pair pair;

        CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
        memset(in, (int)size + 1, sizeof(in));
        memset(call.values, 0, sizeof(call.values));
        call.rx = pair.rx;
        start(&call, run_recv);
        CHECK_STATUS(chan_send(pair.tx, in), CHAN_OK);
        join(&call);
        CHECK(memcmp(in, call.values, size) == 0 && ((unsigned char *)call.values)[size] == 0);
        drop_pair(&pair);
    }
}

/* Queues of waiters. */

static void test_fifo_receivers(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call calls[CROWD] = {{0}};

    for (size_t i = 0; i < CROWD; i++) {
        calls[i].rx = pair.rx;
        start(&calls[i], run_recv);
        AWAIT(receivers_of(&pair) == i + 1);
    }
    for (long i = 0; i < CROWD; i++)
        CHECK_STATUS(try_send_long(pair.tx, i), CHAN_OK);
    for (long i = 0; i < CROWD; i++) {
        join(&calls[i]);
        CHECK(calls[i].values[0] == i);
    }
    drop_pair(&pair);
}

/* The waiter in the middle gives up; the others stay in their order. */
static void check_middle_leaves(bool receivers)
{
    struct pair pair = open_pair(false, 0);
    struct call calls[CROWD] = {{0}};
    size_t queued = 0;

    for (long i = 0; i < CROWD; i++) {
        calls[i].rx = pair.rx;
        calls[i].tx = pair.tx;
        calls[i].values[0] = i;
        calls[i].timeout_ns = i == 2 ? 20 * MS : LONG_NS;
        start(&calls[i], receivers ? run_recv_timeout : run_send_timeout);
        queued = (size_t)i + 1;
        AWAIT((receivers ? receivers_of(&pair) : senders_of(&pair)) >=
              queued - atomic_load(&calls[2].done));
    }
    join(&calls[2]);
    CHECK_STATUS(calls[2].status, CHAN_TIMEOUT);
    for (long i = 0; i < CROWD; i++) {
        if (i == 2)
            continue;
        if (receivers)
            CHECK_STATUS(try_send_long(pair.tx, 10 + i), CHAN_OK);
        else
            CHECK(next_long(pair.rx) == i);
        join(&calls[i]);
        CHECK_STATUS(calls[i].status, CHAN_OK);
        CHECK(calls[i].values[0] == (receivers ? 10 + i : i));
    }
    CHECK(is_quiet(pair.rx->chan));
    drop_pair(&pair);
}

static void test_middle_leaves(bool one)
{
    (void)one;
    check_middle_leaves(true);
    check_middle_leaves(false);
}

/* Closing. */

static void start_senders(struct call *calls, size_t n, const struct pair *pair)
{
    for (size_t i = 0; i < n; i++) {
        calls[i].tx = pair->tx;
        calls[i].values[0] = (long)i;
        start(&calls[i], run_send);
    }
    AWAIT(senders_of(pair) == n);
}

static void start_receivers(struct call *calls, size_t n, const struct pair *pair)
{
    for (size_t i = 0; i < n; i++) {
        calls[i].rx = pair->rx;
        start(&calls[i], run_recv);
    }
    AWAIT(receivers_of(pair) == n);
}

static void join_closed(struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        join(&calls[i]);
        CHECK_STATUS(calls[i].status, CHAN_CLOSED);
        if (calls[i].tx != NULL)
            CHECK(calls[i].values[0] == (long)i);
    }
}

static void test_rx_drop_wakes(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call calls[20] = {{0}};
    size_t n = one ? 1 : 20;

    start_senders(calls, n, &pair);
    chan_rx_drop(pair.rx);
    join_closed(calls, n);
    chan_tx_drop(pair.tx);
}

static void test_tx_drop_wakes(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call calls[20] = {{0}};
    size_t n = one ? 1 : 20;

    start_receivers(calls, n, &pair);
    chan_tx_drop(pair.tx);
    join_closed(calls, n);
    chan_rx_drop(pair.rx);
}

static void test_shutdown_wakes(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {0};
    long value;

    start_senders(&call, 1, &pair);
    chan_rx_shutdown(pair.rx);
    join_closed(&call, 1);
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_CLOSED);
    chan_rx_discard(pair.rx);
    drop_pair(&pair);
    pair = open_pair(one, 0);
    start_receivers(&call, 1, &pair);
    chan_rx_shutdown(pair.rx);
    call.tx = NULL;
    join_closed(&call, 1);
    CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_CLOSED);
    CHECK(chan_tx_is_closed(pair.tx) && chan_rx_is_closed(pair.rx));
    drop_pair(&pair);
}

/* Under load. */

struct worker {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    long limit;
    bool timed;
    unsigned seed;
    long n;
    long sum;
};

static int64_t random_timeout(struct worker *worker)
{
    return worker->timed ? (int64_t)(next_random(&worker->seed) % 20000) : LONG_NS;
}

static void *work_send(void *arg)
{
    struct worker *worker = arg;
    enum chan_status status;
    long value;

    while (worker->n < worker->limit) {
        value = (long)next_random(&worker->seed);
        status = chan_send_timeout(worker->tx, &value, random_timeout(worker));
        if (status == CHAN_CLOSED)
            break;
        if (status != CHAN_OK)
            continue;
        worker->n++;
        worker->sum += value;
    }
    chan_tx_drop(worker->tx);
    return NULL;
}

static void *work_recv(void *arg)
{
    struct worker *worker = arg;
    enum chan_status status = CHAN_OK;
    long value;

    while (status != CHAN_CLOSED && worker->n < worker->limit) {
        status = chan_recv_timeout(worker->rx, &value, random_timeout(worker));
        if (status != CHAN_OK)
            continue;
        worker->n++;
        worker->sum += value;
    }
    chan_rx_drop(worker->rx);
    return NULL;
}

/* What was sent was received, whoever closes. */
static void check_crowd(bool one, size_t threads, long send_limit, long recv_limit, bool timed)
{
    struct pair pair = open_pair(one, 0);
    struct worker senders[4] = {{0}};
    struct worker receivers[4] = {{0}};
    long sum = 0;
    long n = 0;

    for (size_t i = 0; i < threads; i++) {
        senders[i] = (struct worker){
            .tx = pair.tx, .limit = send_limit, .timed = timed, .seed = (unsigned)i + 1};
        receivers[i] = (struct worker){
            .rx = pair.rx, .limit = recv_limit, .timed = timed, .seed = (unsigned)i + 9};
        if (i > 0) {
            chan_tx_clone(pair.tx, &senders[i].tx);
            chan_rx_clone(pair.rx, &receivers[i].rx);
        }
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_create(&senders[i].thread, NULL, work_send, &senders[i]);
        pthread_create(&receivers[i].thread, NULL, work_recv, &receivers[i]);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(senders[i].thread, NULL);
        pthread_join(receivers[i].thread, NULL);
        n += senders[i].n - receivers[i].n;
        sum += senders[i].sum - receivers[i].sum;
    }
    CHECK(n == 0 && sum == 0);
}

static void test_flow(bool one)
{
    check_crowd(one, one ? 1 : 4, 3000, 1L << 40, false);
}

static void test_timeout_race(bool one)
{
    check_crowd(one, one ? 1 : 4, 2000, 1L << 40, true);
}

static void test_close_race(bool one)
{
    for (long i = 0; i < 100; i++)
        check_crowd(one, one ? 1 : 3, i % 2 ? 1L << 40 : i, i % 2 ? i : 1L << 40, i % 4 > 1);
}

static void test_blocked_costs_nothing(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {.rx = pair.rx};
    struct timespec rest = {.tv_nsec = 200 * MS};
    struct timespec used;
    clockid_t clock;

    start(&call, run_recv);
    AWAIT(receivers_of(&pair) == 1);
    nanosleep(&rest, NULL);
    CHECK(pthread_getcpuclockid(call.thread, &clock) == 0);
    CHECK(clock_gettime(clock, &used) == 0);
    CHECK(used.tv_sec == 0 && used.tv_nsec < 50 * MS);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    join(&call);
    drop_pair(&pair);
}

static const struct test tests[] = {
    {"nobody there", test_nobody, true},
    {"closed", test_closed, true},
    {"clones and sizes", test_invalid, true},
    {"the receiver comes first", test_receiver_first, true},
    {"the sender comes first", test_sender_first, true},
    {"batches", test_many, true},
    {"recv_many takes what waits", test_recv_many_takes_waiting, false},
    {"element sizes", test_elem_sizes, true},
    {"receivers are served in order", test_fifo_receivers, false},
    {"one in the middle leaves", test_middle_leaves, false},
    {"the last receiver wakes senders, values kept", test_rx_drop_wakes, true},
    {"the last sender wakes receivers", test_tx_drop_wakes, true},
    {"shutdown wakes both sides", test_shutdown_wakes, true},
    {"flow", test_flow, true},
    {"timeouts race with pairings", test_timeout_race, true},
    {"closing races with pairings", test_close_race, true},
    {"a blocked thread costs nothing", test_blocked_costs_nothing, true},
};

int main(void)
{
    return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
