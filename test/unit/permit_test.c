/*
 * permit_test.c - permits, sends that evict, and the wrap of positions. Writes TAP.
 *
 * To stop a thread in the middle of copying a value, a case lets it copy from or to a page that
 * may not be touched; the thread waits in the signal handler until the page is opened.
 */
#include "chan_tap.h"

#include <limits.h>
#include <poll.h>
#include <sys/mman.h>

/* The flavour of a case. */
enum flavour { ONE, MANY, WRAP, ONE_UNBOUNDED, UNBOUNDED };

static bool is_one(enum flavour flavour)
{
    return flavour == ONE || flavour == ONE_UNBOUNDED;
}

static bool is_unbounded(enum flavour flavour)
{
    return flavour == ONE_UNBOUNDED || flavour == UNBOUNDED;
}

/* WRAP: the positions wrap after two laps. */
static struct pair open_pair(enum flavour flavour, size_t capacity)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = is_unbounded(flavour) ? CHAN_UNBOUNDED : capacity,
                                   .elem_size = sizeof(long),
                                   .drop = count_drop,
                                   .one_to_one = is_one(flavour)};
    struct pair pair = {NULL, NULL};

    atomic_store(&dropped, 0);
    atomic_store(&dropped_sum, 0);
    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    if (flavour == WRAP) {
        pair.tx->chan->ring->ops->free(pair.tx->chan->ring);
        pair.tx->chan->ring = chani_ring_many_new_at(capacity, sizeof(long), 2);
    }
    return pair;
}

static enum chan_status commit_long(struct chan_permit *permit, long value)
{
    return chan_commit(permit, &value);
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

/* Capacity. */

/* With k permits out exactly capacity - k sends succeed. */
static void check_exact(enum flavour flavour, long capacity, long k)
{
    struct pair pair = open_pair(flavour, (size_t)capacity);
    struct chan_permit permits[40];
    struct chan_permit more;

    for (int round = 0; round < 4; round++) {
        for (long i = 0; i < k; i++)
            CHECK_STATUS(chan_try_reserve(pair.tx, &permits[i]), CHAN_OK);
        CHECK(chan_tx_len(pair.tx) == 0 && chan_tx_is_full(pair.tx) == (k == capacity));
        fill(pair.tx, capacity - k);
        CHECK_STATUS(try_send_long(pair.tx, 99), CHAN_FULL);
        CHECK_STATUS(chan_try_reserve(pair.tx, &more), CHAN_FULL);
        CHECK(chan_tx_is_full(pair.tx) && chan_tx_len(pair.tx) == (size_t)(capacity - k));
        for (long i = 0; i < k; i++) {
            CHECK_STATUS(commit_long(&permits[i], capacity - k + i), CHAN_OK);
            CHECK_STATUS(try_send_long(pair.tx, 99), CHAN_FULL);
        }
        CHECK(chan_tx_len(pair.tx) == (size_t)capacity);
        for (long i = 0; i < capacity; i++)
            CHECK(next_long(pair.rx) == i);
        CHECK(next_long(pair.rx) == -1);
    }
    drop_pair(&pair);
    CHECK(dropped == 0);
}

static void test_exact(enum flavour flavour)
{
    static const long capacities[] = {1, 2, 3, 4, 5, 7, 8, 16, 33, 40};

    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++)
        for (long k = 0; k <= capacities[i]; k++)
            check_exact(flavour, capacities[i], k);
}

static void test_release(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 3);
    struct chan_permit permits[3];

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            CHECK_STATUS(chan_try_reserve(pair.tx, &permits[i]), CHAN_OK);
        CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_FULL);
        chan_permit_release(&permits[1]);
        CHECK(!chan_tx_is_full(pair.tx));
        CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_OK);
        CHECK_STATUS(try_send_long(pair.tx, 2), CHAN_FULL);
        CHECK_STATUS(commit_long(&permits[2], 3), CHAN_OK);
        chan_permit_release(&permits[0]);
        CHECK_STATUS(try_send_long(pair.tx, 4), CHAN_OK);
        CHECK(next_long(pair.rx) == 1 && next_long(pair.rx) == 3 && next_long(pair.rx) == 4);
    }
    drop_pair(&pair);
}

/* A permit is no place in the order, and delays nobody. */
static void test_order(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 4);
    struct chan_permit early;
    struct chan_permit late;

    CHECK_STATUS(chan_reserve(pair.tx, &early), CHAN_OK);
    CHECK_STATUS(chan_reserve(pair.tx, &late), CHAN_OK);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    CHECK(next_long(pair.rx) == 1);
    CHECK_STATUS(send_long(pair.tx, 2), CHAN_OK);
    CHECK_STATUS(commit_long(&late, 3), CHAN_OK);
    CHECK_STATUS(send_long(pair.tx, 4), CHAN_OK);
    CHECK_STATUS(commit_long(&early, 5), CHAN_OK);
    for (long i = 2; i <= 5; i++)
        CHECK(next_long(pair.rx) == i);
    drop_pair(&pair);
}

/* Batches get what is not reserved. */
static void test_send_many(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 8);
    struct chan_permit permits[3];
    long values[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t count;

    for (int i = 0; i < 3; i++)
        CHECK_STATUS(chan_reserve_timeout(pair.tx, &permits[i], 0), CHAN_OK);
    CHECK_STATUS(chan_send_many(pair.tx, values, 5, &count), CHAN_OK);
    CHECK(count == 5 && chan_tx_is_full(pair.tx));
    CHECK_STATUS(chan_recv_many(pair.rx, values, 8, &count), CHAN_OK);
    CHECK(count == 5);
    for (int i = 0; i < 3; i++)
        chan_permit_release(&permits[i]);
    CHECK_STATUS(chan_send_many(pair.tx, values, 8, &count), CHAN_OK);
    CHECK(count == 8);
    drop_pair(&pair);
    CHECK(dropped == 8);
}

/* Statuses. */

static void test_statuses(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct chan_permit permit = {NULL};
    int64_t before = chan_now_ns();

    CHECK_STATUS(chan_reserve_deadline(pair.tx, &permit, INT64_MIN), CHAN_OK);
    chan_permit_release(&permit);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    CHECK_STATUS(chan_try_reserve(pair.tx, &permit), CHAN_FULL);
    CHECK_STATUS(chan_reserve_timeout(pair.tx, &permit, 0), CHAN_TIMEOUT);
    CHECK_STATUS(chan_reserve_timeout(pair.tx, &permit, INT64_MIN), CHAN_TIMEOUT);
    CHECK_STATUS(chan_reserve_deadline(pair.tx, &permit, INT64_MIN), CHAN_TIMEOUT);
    CHECK_STATUS(chan_reserve_timeout(pair.tx, &permit, 2000000), CHAN_TIMEOUT);
    CHECK(chan_now_ns() - before >= 2000000 && senders_waiting(pair.rx) == 0);
    chan_rx_shutdown(pair.rx);
    CHECK_STATUS(chan_try_reserve(pair.tx, &permit), CHAN_CLOSED);
    CHECK_STATUS(chan_reserve(pair.tx, &permit), CHAN_CLOSED);
    CHECK(permit.tx == NULL);
    drop_pair(&pair);
}

static void test_rendezvous(enum flavour flavour)
{
    struct chan_options options = {
        .size = sizeof(options), .elem_size = sizeof(long), .one_to_one = is_one(flavour)};
    struct pair pair;
    struct chan_permit permit;

    if (chan_open(&options, &pair.tx, &pair.rx) != CHAN_OK)
        return;
    CHECK_STATUS(chan_reserve(pair.tx, &permit), CHAN_INVALID);
    CHECK_STATUS(chan_try_reserve(pair.tx, &permit), CHAN_INVALID);
    drop_pair(&pair);
}

static void test_closed(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 4);
    struct chan_permit permits[3];
    long value = 41;

    for (int i = 0; i < 3; i++)
        CHECK_STATUS(chan_reserve(pair.tx, &permits[i]), CHAN_OK);
    CHECK_STATUS(commit_long(&permits[0], 1), CHAN_OK);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 1 && dropped_sum == 1);
    CHECK_STATUS(chan_commit(&permits[1], &value), CHAN_CLOSED);
    CHECK(value == 41);
    chan_permit_release(&permits[2]);
    CHECK_STATUS(chan_reserve(pair.tx, &permits[0]), CHAN_CLOSED);
    CHECK(chan_tx_len(pair.tx) == 0);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 1);
}

static void test_limit(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 40000);
    struct chan_permit *permits = calloc(32768, sizeof(*permits));
    long value = -1;
    bool did_evict;

    for (int i = 0; i < 32767; i++)
        CHECK_STATUS(chan_reserve(pair.tx, &permits[i]), CHAN_OK);
    CHECK_STATUS(chan_reserve(pair.tx, &permits[32767]), CHAN_INVALID);
    fill(pair.tx, 40000 - 32767);
    CHECK_STATUS(chan_try_reserve(pair.tx, &permits[32767]), CHAN_FULL);
    if (!is_one(flavour))
        CHECK_STATUS(chan_send_evict(pair.tx, &value, &value, &did_evict), CHAN_FULL);
    CHECK(!chan_tx_is_closed(pair.tx));
    for (int i = 0; i < 32767; i++)
        chan_permit_release(&permits[i]);
    fill(pair.tx, 32767);
    CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_FULL);
    free(permits);
    drop_pair(&pair);
}

/* No capacity: permits are always there, and are no more than a promise. */
static void test_unbounded(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 0);
    struct chan_permit permits[100];

    for (int i = 0; i < 100; i++)
        CHECK_STATUS(chan_try_reserve(pair.tx, &permits[i]), CHAN_OK);
    CHECK(!chan_tx_is_full(pair.tx) && chan_tx_len(pair.tx) == 0);
    for (int i = 0; i < 50; i++)
        chan_permit_release(&permits[i]);
    for (int i = 50; i < 100; i++)
        CHECK_STATUS(commit_long(&permits[i], i), CHAN_OK);
    for (long i = 50; i < 100; i++)
        CHECK(next_long(pair.rx) == i);
    drop_pair(&pair);
}

/* Waking. */

struct call {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    struct chan_permit permit;
    long *value;
    long store;
    enum chan_status status;
    atomic_bool done;
};

static void start(struct call *call, void *(*run)(void *))
{
    if (call->value == NULL)
        call->value = &call->store;
    if (pthread_create(&call->thread, NULL, run, call) != 0)
        abort();
}

static enum chan_status join(struct call *call)
{
    pthread_join(call->thread, NULL);
    return call->status;
}

static void *run_reserve(void *arg)
{
    struct call *call = arg;

    call->status = chan_reserve(call->tx, &call->permit);
    return NULL;
}

static void *run_send(void *arg)
{
    struct call *call = arg;

    call->status = chan_send(call->tx, call->value);
    call->done = true;
    return NULL;
}

static void *run_recv(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv(call->rx, call->value);
    call->done = true;
    return NULL;
}

static void *run_commit(void *arg)
{
    struct call *call = arg;

    call->status = chan_commit(&call->permit, call->value);
    call->done = true;
    return NULL;
}

static void *run_evict(void *arg)
{
    struct call *call = arg;
    bool did_evict;
    long evicted;

    call->status = chan_send_evict(call->tx, call->value, &evicted, &did_evict);
    if (call->status == CHAN_OK)
        call->store = did_evict ? evicted : -1;
    call->done = true;
    return NULL;
}

static void test_recv_wakes_reserve(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 2);
    struct call call = {.tx = pair.tx};

    fill(pair.tx, 2);
    start(&call, run_reserve);
    AWAIT(senders_waiting(pair.rx) == 1);
    CHECK(next_long(pair.rx) == 0);
    CHECK_STATUS(join(&call), CHAN_OK);
    CHECK_STATUS(commit_long(&call.permit, 2), CHAN_OK);
    CHECK(next_long(pair.rx) == 1 && next_long(pair.rx) == 2);
    drop_pair(&pair);
}

static void test_close_wakes_reserve(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct call call = {.tx = pair.tx};

    fill(pair.tx, 1);
    start(&call, run_reserve);
    AWAIT(senders_waiting(pair.rx) == 1);
    chan_rx_drop(pair.rx);
    CHECK_STATUS(join(&call), CHAN_CLOSED);
    chan_tx_drop(pair.tx);
}

static void test_commit_wakes_receiver(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct call call = {.rx = pair.rx};
    struct chan_permit permit;

    CHECK_STATUS(chan_reserve(pair.tx, &permit), CHAN_OK);
    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    CHECK_STATUS(commit_long(&permit, 6), CHAN_OK);
    CHECK_STATUS(join(&call), CHAN_OK);
    CHECK(call.store == 6);
    drop_pair(&pair);
}

/* The capacity that a release frees wakes senders and those who reserve, one after the other. */
static void test_release_wakes(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 2);
    struct chan_permit permits[2];
    struct call sender = {.tx = pair.tx, .store = 7};
    struct call reserver = {.tx = pair.tx};

    for (int i = 0; i < 2; i++)
        CHECK_STATUS(chan_reserve(pair.tx, &permits[i]), CHAN_OK);
    start(&sender, run_send);
    start(&reserver, run_reserve);
    AWAIT(senders_waiting(pair.rx) == 2);
    chan_permit_release(&permits[0]);
    AWAIT(senders_waiting(pair.rx) == 1);
    chan_permit_release(&permits[1]);
    CHECK_STATUS(join(&sender), CHAN_OK);
    CHECK_STATUS(join(&reserver), CHAN_OK);
    CHECK(chan_tx_len(pair.tx) == 1 && chan_tx_is_full(pair.tx));
    chan_permit_release(&reserver.permit);
    drop_pair(&pair);
    CHECK(dropped == 1);
}

static void *run_select(void *arg)
{
    struct call *call = arg;
    struct chan_case cases[] = {{.rx = call->rx, .elem = &call->permit},
                                {.tx = call->tx, .elem = call->value}};
    size_t chosen = 9;

    call->status = chan_select(cases, 2, 0, &chosen);
    CHECK(chosen == 1);
    return NULL;
}

/* A release lets a select send that had found the channel full. */
static void test_release_wakes_select(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct chan_permit permit;
    struct call call = {.tx = pair.tx, .store = 7};
    chan_rx *never;
    struct chan_case cases[] = {{.tx = pair.tx, .elem = &call.store}, {.tx = NULL}};
    size_t chosen;

    CHECK_STATUS(chan_never(&never), CHAN_OK);
    call.rx = never;
    CHECK_STATUS(chan_reserve(pair.tx, &permit), CHAN_OK);
    cases[1].rx = never;
    cases[1].elem = &permit;
    CHECK_STATUS(chan_try_select(cases, 2, 0, &chosen), CHAN_EMPTY);
    CHECK_STATUS(chan_try_select(cases, 2, CHAN_READY, &chosen), CHAN_EMPTY);
    start(&call, run_select);
    AWAIT(chani_park_watchers(&pair.tx->chan->not_full) == 1);
    chan_permit_release(&permit);
    CHECK_STATUS(join(&call), CHAN_OK);
    CHECK(next_long(pair.rx) == 7);
    CHECK_STATUS(chan_try_select(cases, 2, CHAN_READY, &chosen), CHAN_OK);
    CHECK(chosen == 0);
    chan_rx_drop(never);
    drop_pair(&pair);
}

static bool is_readable(int fd)
{
    struct pollfd at = {.fd = fd, .events = POLLIN};

    return poll(&at, 1, 0) == 1;
}

static void test_release_rings(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 2);
    struct chan_permit permits[2];
    int fd = chan_tx_fd(pair.tx);

    CHECK_STATUS(chan_reserve(pair.tx, &permits[0]), CHAN_OK);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_OK);
    CHECK_STATUS(chan_reserve(pair.tx, &permits[1]), CHAN_OK);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_FULL);
    CHECK(!is_readable(fd));
    CHECK_STATUS(commit_long(&permits[0], 1), CHAN_OK);
    CHECK(!is_readable(fd));
    chan_permit_release(&permits[1]);
    CHECK(is_readable(fd));
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_OK);
    drop_pair(&pair);
}

/* Threads stopped in the middle of a copy. */

static long *page; /* its first value */
static _Atomic uint32_t is_shut;
static atomic_int stopped;

static void wait_for_page(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    if (info->si_addr != page)
        abort();
    atomic_fetch_add(&stopped, 1);
    while (atomic_load(&is_shut) == 1)
        chani_futex_wait(&is_shut, 1, CHAN_FOREVER);
    atomic_fetch_sub(&stopped, 1);
}

static void make_page(void)
{
    struct sigaction action = {.sa_sigaction = wait_for_page, .sa_flags = SA_SIGINFO | SA_NODEFER};

    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        abort();
    sigaction(SIGSEGV, &action, NULL);
}

static long *shut_page(long value)
{
    *page = value;
    atomic_store(&is_shut, 1);
    mprotect(page, 4096, PROT_NONE);
    return page;
}

static void open_page(void)
{
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    atomic_store(&is_shut, 0);
    chani_futex_wake(&is_shut, INT_MAX);
}

/* Gives threads that should stay where they are the time to go wrong. */
static void linger(void)
{
    usleep(1000);
}

/* Full is full and empty is empty, even if whose value it is is not done with it. */
static void test_stopped_peer(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct call slow_send = {.tx = pair.tx, .value = shut_page(1)};
    struct call slow_recv = {.rx = pair.rx, .value = page};
    struct chan_permit permit;
    long value = 2;

    start(&slow_send, run_send);
    AWAIT(stopped == 1);
    CHECK_STATUS(chan_try_send(pair.tx, &value), CHAN_FULL);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, 1000), CHAN_TIMEOUT);
    CHECK_STATUS(chan_try_reserve(pair.tx, &permit), CHAN_FULL);
    open_page();
    CHECK_STATUS(join(&slow_send), CHAN_OK);
    shut_page(0);
    start(&slow_recv, run_recv);
    AWAIT(stopped == 1);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_EMPTY);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 1000), CHAN_TIMEOUT);
    CHECK(chan_rx_len(pair.rx) == 0);
    open_page();
    CHECK_STATUS(join(&slow_recv), CHAN_OK);
    drop_pair(&pair);
}

/* A commit waits for the receiver that is copying out of its slot, and for nothing else. */
static void test_commit_waits_for_copy(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    struct call slow = {.rx = pair.rx, .value = shut_page(0)};
    struct call commit = {.tx = pair.tx, .store = 2};

    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    start(&slow, run_recv);
    AWAIT(stopped == 1);
    CHECK_STATUS(chan_reserve(pair.tx, &commit.permit), CHAN_OK);
    start(&commit, run_commit);
    linger();
    CHECK(!commit.done && !slow.done);
    open_page();
    CHECK_STATUS(join(&slow), CHAN_OK);
    CHECK_STATUS(join(&commit), CHAN_OK);
    CHECK(*slow.value == 1 && next_long(pair.rx) == 2);
    drop_pair(&pair);
}

/*
 * A commit and a send wait for the same slot; the send takes it. The commit must go on with the
 * slot behind it, which has long been free.
 */
static void test_commit_beside_send(enum flavour flavour)
{
    for (int round = 0; round < 5; round++) {
        struct pair pair = open_pair(flavour, 2);
        struct call slow = {.rx = pair.rx, .value = shut_page(0)};
        struct call commit = {.tx = pair.tx, .store = 3};
        struct call send = {.tx = pair.tx, .store = 4};
        long sum = 0;
        long value;

        fill(pair.tx, 2);
        start(&slow, run_recv);
        AWAIT(stopped == 1);
        CHECK_STATUS(chan_reserve(pair.tx, &commit.permit), CHAN_OK);
        start(&send, run_send);
        AWAIT(senders_waiting(pair.rx) == 1);
        start(&commit, run_commit);
        linger();
        CHECK(next_long(pair.rx) == 1);
        linger();
        CHECK(!commit.done && !send.done);
        open_page();
        CHECK_STATUS(join(&slow), CHAN_OK);
        CHECK_STATUS(join(&commit), CHAN_OK);
        CHECK_STATUS(join(&send), CHAN_OK);
        while ((value = next_long(pair.rx)) != -1)
            sum += value;
        CHECK(sum == 7);
        drop_pair(&pair);
    }
}

/* Evicting waits for the sender that is copying the oldest value, and for nothing else. */
static void test_evict_waits_for_copy(enum flavour flavour)
{
    long six = 6;
    struct pair pair = open_pair(flavour, 1);
    struct call slow = {.tx = pair.tx, .value = shut_page(5)};
    struct call evict = {.tx = pair.tx, .value = &six};

    start(&slow, run_send);
    AWAIT(stopped == 1);
    start(&evict, run_evict);
    linger();
    CHECK(!evict.done);
    open_page();
    CHECK_STATUS(join(&slow), CHAN_OK);
    CHECK_STATUS(join(&evict), CHAN_OK);
    CHECK(evict.store == 5 && next_long(pair.rx) == 6);
    drop_pair(&pair);
}

/* A receiver takes the value that an evicting send waited for: then nothing is evicted. */
static void test_evict_beside_recv(enum flavour flavour)
{
    long six = 6;

    for (int round = 0; round < 5; round++) {
        struct pair pair = open_pair(flavour, 1);
        struct call slow = {.tx = pair.tx, .value = shut_page(5)};
        struct call evict = {.tx = pair.tx, .value = &six};
        struct call recv = {.rx = pair.rx};
        long left;

        start(&slow, run_send);
        AWAIT(stopped == 1);
        start(&recv, run_recv);
        AWAIT(receivers_waiting(pair.tx) == 1);
        start(&evict, run_evict);
        linger();
        CHECK(!evict.done && !recv.done);
        open_page();
        CHECK_STATUS(join(&slow), CHAN_OK);
        CHECK_STATUS(join(&evict), CHAN_OK);
        CHECK_STATUS(join(&recv), CHAN_OK);
        left = next_long(pair.rx);
        CHECK((evict.store == 5 && recv.store == 6 && left == -1) ||
              (evict.store == -1 && recv.store == 5 && left == 6));
        drop_pair(&pair);
    }
}

/* Evicting. */

static void test_evict(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 3);
    bool did_evict = true;
    long evicted = -1;

    for (long i = 0; i < 3; i++) {
        CHECK_STATUS(chan_send_evict(pair.tx, &i, &evicted, &did_evict), CHAN_OK);
        CHECK(!did_evict && evicted == -1);
    }
    for (long i = 3; i < 50; i++) {
        CHECK_STATUS(chan_send_evict(pair.tx, &i, &evicted, &did_evict), CHAN_OK);
        CHECK(did_evict && evicted == i - 3 && chan_tx_len(pair.tx) == 3);
    }
    CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_FULL);
    for (long i = 47; i < 50; i++)
        CHECK(next_long(pair.rx) == i);
    drop_pair(&pair);
    CHECK(dropped == 0);
}

static void test_evict_statuses(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 2);
    struct chan_permit permits[2];
    bool did_evict = true;
    long evicted = -1;
    long value = 8;

    CHECK_STATUS(chan_reserve(pair.tx, &permits[0]), CHAN_OK);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    CHECK_STATUS(chan_send_evict(pair.tx, &value, &evicted, &did_evict), CHAN_OK);
    CHECK(did_evict && evicted == 1 && chan_tx_len(pair.tx) == 1);
    CHECK(next_long(pair.rx) == 8);
    CHECK_STATUS(chan_reserve(pair.tx, &permits[1]), CHAN_OK);
    evicted = -1;
    CHECK_STATUS(chan_send_evict(pair.tx, &value, &evicted, &did_evict), CHAN_FULL);
    CHECK(!did_evict && evicted == -1);
    for (int i = 0; i < 2; i++)
        CHECK_STATUS(commit_long(&permits[i], i), CHAN_OK);
    CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_FULL);
    chan_rx_drop(pair.rx);
    CHECK_STATUS(chan_send_evict(pair.tx, &value, &evicted, &did_evict), CHAN_CLOSED);
    CHECK(!did_evict && evicted == -1 && value == 8);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 2);
}

static void test_evict_invalid(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 1);
    bool did_evict = true;
    long value = 1;

    CHECK_STATUS(chan_send_evict(pair.tx, &value, &value, &did_evict), CHAN_INVALID);
    CHECK(!did_evict && chan_tx_len(pair.tx) == 0);
    drop_pair(&pair);
}

static void test_evict_unbounded(enum flavour flavour)
{
    struct pair pair = open_pair(flavour, 0);
    bool did_evict = true;
    long evicted = -1;

    for (long i = 0; i < 500; i++) {
        CHECK_STATUS(chan_send_evict(pair.tx, &i, &evicted, &did_evict), CHAN_OK);
        CHECK(!did_evict && evicted == -1);
    }
    drop_pair(&pair);
    CHECK(dropped == 500);
}

/* Many threads. */

#define SENDERS 4
#define RECEIVERS 2
#define SOURCE_SHIFT 32

struct worker {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    size_t capacity;
    unsigned seed;
    long id;
    long limit;
    long sent;
    long taken; /* received or evicted */
    long full;  /* sends that found no room */
    bool permits;
    bool disordered;
    long last[SENDERS];
};

static long next_value(const struct worker *worker)
{
    return worker->id << SOURCE_SHIFT | worker->sent;
}

/* A value came: those of one source come in order. */
static void note_value(struct worker *worker, long value)
{
    long source = value >> SOURCE_SHIFT;
    long number = (value & 0xffffffff) + 1;

    worker->disordered |= number <= worker->last[source];
    worker->last[source] = number;
    worker->taken++;
}

/* Takes a permit and ends it in some way, maybe after other sends. */
static enum chan_status use_permit(struct worker *worker)
{
    struct chan_permit permit;
    enum chan_status status;
    long value;

    if (rand_r(&worker->seed) % 2)
        status = chan_reserve_timeout(worker->tx, &permit, rand_r(&worker->seed) % 50000);
    else
        status = chan_reserve(worker->tx, &permit);
    if (status != CHAN_OK)
        return status;
    if (rand_r(&worker->seed) % 4 == 0) {
        value = next_value(worker);
        worker->sent += chan_try_send(worker->tx, &value) == CHAN_OK;
    }
    if (rand_r(&worker->seed) % 4 == 0) {
        chan_permit_release(&permit);
        return CHAN_OK;
    }
    value = next_value(worker);
    status = chan_commit(&permit, &value);
    worker->sent += status == CHAN_OK;
    return status;
}

static enum chan_status send_some_way(struct worker *worker)
{
    long value = next_value(worker);
    enum chan_status status;

    switch (rand_r(&worker->seed) % 4) {
    case 0:
        status = chan_send(worker->tx, &value);
        break;
    case 1:
        status = chan_send_timeout(worker->tx, &value, rand_r(&worker->seed) % 50000);
        break;
    default:
        return use_permit(worker);
    }
    worker->sent += status == CHAN_OK;
    return status;
}

static void *run_sender(void *arg)
{
    struct worker *worker = arg;

    while (worker->sent < worker->limit && send_some_way(worker) != CHAN_CLOSED)
        CHECK(chan_tx_len(worker->tx) <= worker->capacity);
    chan_tx_drop(worker->tx);
    return NULL;
}

static void *run_receiver(void *arg)
{
    struct worker *worker = arg;
    long values[5];
    size_t count;

    while (worker->taken < worker->limit) {
        size_t n = 1 + (size_t)rand_r(&worker->seed) % 5;

        if (chan_recv_many(worker->rx, values, n, &count) != CHAN_OK)
            break;
        for (size_t i = 0; i < count; i++)
            note_value(worker, values[i]);
    }
    chan_rx_drop(worker->rx);
    return NULL;
}

static void *run_evicter(void *arg)
{
    struct worker *worker = arg;
    enum chan_status status = CHAN_OK;
    long evicted = -1;
    bool did_evict;

    while (worker->sent < worker->limit && status != CHAN_CLOSED) {
        long value = next_value(worker);

        if (worker->permits && rand_r(&worker->seed) % 4 == 0) {
            status = use_permit(worker);
            continue;
        }
        status = chan_send_evict(worker->tx, &value, &evicted, &did_evict);
        worker->sent += status == CHAN_OK;
        worker->full += status == CHAN_FULL;
        worker->taken += did_evict;
        if (value % 4 == 0)
            sched_yield();
    }
    chan_tx_drop(worker->tx);
    return NULL;
}

struct crowd {
    enum flavour flavour;
    size_t capacity;
    long send_limit;
    long recv_limit;
    void *(*run)(void *); /* of senders */
    bool permits;
};

/* Every value is received, evicted or destroyed, once; gives how often there was no room. */
static long check_crowd(const struct crowd *crowd, unsigned seed)
{
    struct pair pair = open_pair(crowd->flavour, crowd->capacity);
    long n_senders = is_one(crowd->flavour) ? 1 : SENDERS;
    long n_receivers = is_one(crowd->flavour) ? 1 : RECEIVERS;
    struct worker workers[SENDERS + RECEIVERS];
    long balance = 0;
    long full = 0;

    for (long i = 0; i < n_senders + n_receivers; i++) {
        struct worker *worker = &workers[i];

        *worker = (struct worker){.seed = seed * 16 + (unsigned)i,
                                  .id = i,
                                  .permits = crowd->permits,
                                  .capacity = chan_tx_capacity(pair.tx)};
        worker->limit = i < n_senders ? crowd->send_limit : crowd->recv_limit;
        if (i < n_senders)
            worker->tx = i == 0 ? pair.tx : clone_tx(pair.tx);
        else
            worker->rx = i == n_senders ? pair.rx : clone_rx(pair.rx);
    }
    for (long i = 0; i < n_senders + n_receivers; i++)
        pthread_create(&workers[i].thread, NULL, i < n_senders ? crowd->run : run_receiver,
                       &workers[i]);
    for (long i = 0; i < n_senders + n_receivers; i++) {
        pthread_join(workers[i].thread, NULL);
        balance += workers[i].sent - workers[i].taken;
        full += workers[i].full;
        CHECK(!workers[i].disordered);
    }
    CHECK(balance == dropped);
    return full;
}

static void test_crowd(enum flavour flavour)
{
    unsigned seed = 1;

    for (size_t capacity = 1; capacity < 8; capacity++)
        check_crowd(&(struct crowd){.flavour = flavour,
                                    .capacity = capacity,
                                    .send_limit = 1500,
                                    .recv_limit = LONG_MAX,
                                    .run = run_sender},
                    seed++);
    CHECK(dropped == 0);
}

static void test_crowd_close(enum flavour flavour)
{
    for (unsigned seed = 0; seed < 60; seed++)
        check_crowd(&(struct crowd){.flavour = flavour,
                                    .capacity = 1 + seed % 6,
                                    .send_limit = LONG_MAX >> 32,
                                    .recv_limit = 1 + seed * 7 % 300,
                                    .run = run_sender},
                    seed);
}

/* Without permits an evicting send always finds room. */
static void test_crowd_evict(enum flavour flavour)
{
    for (size_t capacity = 1; capacity < 6; capacity++) {
        struct crowd crowd = {.flavour = flavour,
                              .capacity = capacity,
                              .send_limit = 2000,
                              .recv_limit = LONG_MAX,
                              .run = run_evicter};

        CHECK(check_crowd(&crowd, (unsigned)capacity) == 0);
        crowd.permits = true;
        check_crowd(&crowd, (unsigned)capacity);
    }
}

static void test_crowd_evict_close(enum flavour flavour)
{
    for (unsigned seed = 0; seed < 60; seed++)
        check_crowd(&(struct crowd){.flavour = flavour,
                                    .capacity = 1 + seed % 4,
                                    .send_limit = LONG_MAX >> 32,
                                    .recv_limit = 1 + seed % 50,
                                    .run = run_evicter,
                                    .permits = seed % 2},
                    seed);
}

/* The wrap of positions: it comes after two laps of every capacity. */
static void test_wrap(enum flavour flavour)
{
    for (size_t capacity = 1; capacity <= 70; capacity++) {
        struct pair pair = open_pair(flavour, capacity);

        for (int round = 0; round < 6; round++) {
            for (size_t offset = 0; offset < 2; offset++) {
                fill(pair.tx, (long)capacity);
                CHECK_STATUS(try_send_long(pair.tx, 99), CHAN_FULL);
                CHECK(chan_tx_len(pair.tx) == capacity && chan_tx_is_full(pair.tx));
                for (long i = 0; i < (long)capacity; i++)
                    CHECK(next_long(pair.rx) == i);
                CHECK(next_long(pair.rx) == -1 && chan_rx_is_empty(pair.rx));
                if (capacity > 1) {
                    CHECK_STATUS(try_send_long(pair.tx, 7), CHAN_OK);
                    CHECK(next_long(pair.rx) == 7);
                }
            }
        }
        fill(pair.tx, (long)capacity);
        drop_pair(&pair);
        CHECK(dropped == (long)capacity);
    }
}

#ifdef CHAN_DEBUG

/* Misuse, found by a debug build only. */

static void misuse_commit_twice(void)
{
    struct pair pair = open_pair(MANY, 2);
    struct chan_permit permit;

    chan_reserve(pair.tx, &permit);
    commit_long(&permit, 1);
    commit_long(&permit, 2);
}

static void misuse_release_copy(void)
{
    struct pair pair = open_pair(ONE, 2);
    struct chan_permit permit;
    struct chan_permit copy;

    chan_reserve(pair.tx, &permit);
    copy = permit;
    commit_long(&permit, 1);
    chan_permit_release(&copy);
}

static void misuse_drop_with_permit(void)
{
    struct pair pair = open_pair(MANY, 2);
    struct chan_permit permit;

    chan_reserve(pair.tx, &permit);
    chan_tx_drop(pair.tx);
}

static void test_misuse(enum flavour flavour)
{
    (void)flavour;
    check_abort(misuse_commit_twice, "chan: chan_commit: the permit was ended before");
    check_abort(misuse_release_copy, "chan: chan_permit_release: the permit was ended before");
    check_abort(misuse_drop_with_permit, "chan: chan_tx_drop: a permit of the handle");
}

#endif

/* The table. */

#define IN(flavour) (1u << (flavour))
#define BOUNDED (IN(ONE) | IN(MANY) | IN(WRAP))
#define SHARED (IN(MANY) | IN(WRAP))
#define FREE (IN(ONE_UNBOUNDED) | IN(UNBOUNDED))

struct test {
    const char *name;
    void (*run)(enum flavour flavour);
    unsigned flavours;
};

static const struct test tests[] = {
    {"n - k sends beside k permits", test_exact, BOUNDED},
    {"release gives room back", test_release, BOUNDED},
    {"a permit has no place in the order", test_order, BOUNDED | FREE},
    {"batches beside permits", test_send_many, BOUNDED},
    {"statuses of reserve", test_statuses, BOUNDED},
    {"no permits at capacity 0", test_rendezvous, IN(ONE) | IN(MANY)},
    {"commit after the last receiver", test_closed, BOUNDED | FREE},
    {"32767 permits", test_limit, IN(ONE) | IN(MANY)},
    {"permits without capacity", test_unbounded, FREE},
    {"a receive wakes a reserve", test_recv_wakes_reserve, BOUNDED},
    {"the last receiver wakes a reserve", test_close_wakes_reserve, BOUNDED},
    {"a commit wakes a receiver", test_commit_wakes_receiver, BOUNDED | FREE},
    {"a release wakes", test_release_wakes, SHARED},
    {"a release wakes a select", test_release_wakes_select, SHARED},
    {"a release rings a descriptor", test_release_rings, BOUNDED},
    {"a peer stopped in a copy", test_stopped_peer, SHARED},
    {"a commit waits for a copy", test_commit_waits_for_copy, SHARED},
    {"a commit beside a send", test_commit_beside_send, SHARED},
    {"evicting", test_evict, SHARED},
    {"statuses of evicting", test_evict_statuses, SHARED},
    {"no evicting of one to one", test_evict_invalid, IN(ONE) | IN(ONE_UNBOUNDED)},
    {"nothing to evict without capacity", test_evict_unbounded, IN(UNBOUNDED)},
    {"evicting waits for a copy", test_evict_waits_for_copy, SHARED},
    {"evicting beside a receive", test_evict_beside_recv, SHARED},
    {"random sends and permits", test_crowd, BOUNDED | FREE},
    {"random sends and permits, random close", test_crowd_close, BOUNDED | FREE},
    {"many evict", test_crowd_evict, SHARED},
    {"many evict, random close", test_crowd_evict_close, SHARED},
    {"positions wrap", test_wrap, IN(WRAP)},
#ifdef CHAN_DEBUG
    {"misuse aborts", test_misuse, IN(MANY)},
#endif
};

static int run_test(const struct test *test, enum flavour flavour, int number)
{
    static const char *const names[] = {"1:1", "many", "many at the wrap", "1:1 unbounded",
                                        "many unbounded"};
    int before = atomic_load(&failures);
    bool ok;

    test->run(flavour);
    ok = atomic_load(&failures) == before;
    printf("%sok %d - %s (%s)\n", ok ? "" : "not ", number, test->name, names[flavour]);
    fflush(stdout);
    return ok ? 0 : 1;
}

int main(void)
{
    int number = 0;
    int failed = 0;

    make_page();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        for (enum flavour flavour = ONE; flavour <= UNBOUNDED; flavour++)
            if (tests[i].flavours & IN(flavour))
                failed += run_test(&tests[i], flavour, ++number);
    printf("1..%d\n", number);
    return failed > 0;
}
