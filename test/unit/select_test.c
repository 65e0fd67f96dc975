/*
 * select_test.c - select, timers and descriptors. Writes TAP.
 */
#include "chan_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CASES(array) (array), sizeof(array) / sizeof((array)[0])

static void *run_select(void *arg)
{
    struct call *call = arg;

    if (call->timeout_ns > 0)
        call->status =
            chan_select_timeout(call->cases, call->n, call->flags, call->timeout_ns, &call->chosen);
    else
        call->status = chan_select(call->cases, call->n, call->flags, &call->chosen);
    return NULL;
}

/* A channel full up to its capacity. */
static void fill_up(chan_tx *tx)
{
    while (try_send_long(tx, 1) == CHAN_OK)
        ;
}

/* Without waiting. */

static void test_invalid(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct chan_case both = {.tx = pair.tx, .rx = pair.rx};
    struct chan_case off[2] = {{0}};
    size_t chosen;

    CHECK_STATUS(chan_select(&both, 1, 0, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_try_select(&both, 1, 0, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_select(off, 2, 0, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_select(NULL, 0, 0, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_select_deadline(off, 2, 0, CHAN_FOREVER, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_try_select(off, 2, 64, &chosen), CHAN_INVALID);
    CHECK_STATUS(chan_try_select(off, 2, 0, &chosen), CHAN_EMPTY);
    CHECK(chosen == 2);
    CHECK_STATUS(chan_try_select(NULL, 0, 0, &chosen), CHAN_EMPTY);
    CHECK_STATUS(chan_select_timeout(off, 2, 0, 1000, &chosen), CHAN_TIMEOUT);
    CHECK_STATUS(chan_select_timeout(NULL, 0, CHAN_READY, 1000, &chosen), CHAN_TIMEOUT);
    CHECK(chosen == 0);
    drop_pair(&pair);
}

static void test_try(bool one)
{
    struct pair a = open_pair(one, 2);
    struct pair b = open_pair(one, 1);
    long in = 5;
    long out = 0;
    struct chan_case cases[] = {{0}, {.rx = a.rx, .elem = &out}, {.tx = b.tx, .elem = &in}};
    size_t chosen;

    fill_up(b.tx);
    CHECK_STATUS(chan_try_select(CASES(cases), 0, &chosen), CHAN_EMPTY);
    CHECK_STATUS(chan_select_timeout(CASES(cases), 0, 0, &chosen), CHAN_TIMEOUT);
    CHECK_STATUS(chan_select_deadline(CASES(cases), 0, INT64_MIN, &chosen), CHAN_TIMEOUT);
    CHECK(chosen == 3 && out == 0);
    send_long(a.tx, 9);
    CHECK_STATUS(chan_select_timeout(CASES(cases), 0, 0, &chosen), CHAN_OK);
    CHECK(chosen == 1 && out == 9);
    next_long(b.rx);
    CHECK_STATUS(chan_select_deadline(CASES(cases), 0, 0, &chosen), CHAN_OK);
    CHECK(chosen == 2 && next_long(b.rx) == 5);
    drop_pair(&a);
    drop_pair(&b);
}

static void test_closed(bool one)
{
    struct pair a = open_pair(one, 1);
    struct pair b = open_pair(one, 0);
    long value = 3;
    struct chan_case recv = {.rx = a.rx, .elem = &value};
    struct chan_case send = {.tx = b.tx, .elem = &value};
    size_t chosen;

    send_long(a.tx, 4);
    chan_tx_drop(a.tx);
    CHECK_STATUS(chan_select(&recv, 1, 0, &chosen), CHAN_OK);
    CHECK(value == 4);
    CHECK_STATUS(chan_select(&recv, 1, 0, &chosen), CHAN_CLOSED);
    CHECK_STATUS(chan_try_select(&recv, 1, 0, &chosen), CHAN_CLOSED);
    CHECK_STATUS(chan_select(&recv, 1, CHAN_READY, &chosen), CHAN_OK);
    CHECK(chosen == 0 && value == 4);
    chan_rx_drop(b.rx);
    CHECK_STATUS(chan_select(&send, 1, 0, &chosen), CHAN_CLOSED);
    CHECK_STATUS(chan_try_select(&send, 1, CHAN_READY, &chosen), CHAN_OK);
    chan_rx_drop(a.rx);
    chan_tx_drop(b.tx);
}

static void test_biased(bool one)
{
    struct pair pairs[3];
    struct chan_case cases[3] = {{0}};
    long value;
    size_t chosen;

    for (size_t i = 0; i < 3; i++) {
        pairs[i] = open_pair(one, 64);
        cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = &value};
        if (i > 0)
            fill_up(pairs[i].tx);
    }
    for (int i = 0; i < 64; i++) {
        CHECK_STATUS(chan_select(CASES(cases), CHAN_BIASED, &chosen), CHAN_OK);
        CHECK(chosen == 1);
    }
    CHECK_STATUS(chan_select(CASES(cases), CHAN_BIASED, &chosen), CHAN_OK);
    CHECK(chosen == 2);
    for (size_t i = 0; i < 3; i++)
        drop_pair(&pairs[i]);
}

static void test_ready(bool one)
{
    struct pair a = open_pair(one, 1);
    struct pair b = open_pair(one, 1);
    long value = 7;
    struct chan_case cases[] = {{.rx = a.rx, .elem = &value}, {.tx = b.tx, .elem = &value}};
    size_t chosen;

    fill_up(b.tx);
    CHECK_STATUS(chan_try_select(CASES(cases), CHAN_READY, &chosen), CHAN_EMPTY);
    send_long(a.tx, 1);
    for (int i = 0; i < 3; i++)
        CHECK_STATUS(chan_select(CASES(cases), CHAN_READY, &chosen), CHAN_OK);
    CHECK(chosen == 0 && value == 7 && chan_rx_len(a.rx) == 1);
    next_long(b.rx);
    next_long(a.rx);
    CHECK_STATUS(chan_select(CASES(cases), CHAN_READY, &chosen), CHAN_OK);
    CHECK(chosen == 1 && chan_rx_len(b.rx) == 0);
    drop_pair(&a);
    drop_pair(&b);
}

/* 10,000 choices among 4 ready cases of 6: 2,500 of each, within 6 sigma. */
static void test_uniform(bool one)
{
    struct pair pairs[6];
    struct chan_case cases[6] = {{0}};
    long counts[6] = {0};
    long value = 1;
    size_t chosen;

    for (size_t i = 0; i < 6; i++) {
        pairs[i] = open_pair(one, i % 2 ? 1 : 64);
        cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = &value};
        if (i != 1 && i != 4)
            fill_up(pairs[i].tx);
    }
    for (int i = 0; i < 10000; i++) {
        CHECK_STATUS(chan_select(CASES(cases), 0, &chosen), CHAN_OK);
        counts[chosen]++;
        try_send_long(pairs[chosen].tx, 1);
    }
    CHECK(counts[1] == 0 && counts[4] == 0);
    for (size_t i = 0; i < 6; i++)
        CHECK(i == 1 || i == 4 || (counts[i] > 2240 && counts[i] < 2760));
    for (size_t i = 0; i < 6; i++)
        drop_pair(&pairs[i]);
}

/* Several of 40 cases: more than fit on the stack. */
static void test_wide(bool one)
{
    struct pair pairs[40];
    struct chan_case cases[40] = {{0}};
    struct call call = {0};
    long value = -1;
    size_t chosen;

    for (size_t i = 0; i < 40; i++) {
        pairs[i] = open_pair(one, i % 2);
        cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = &value};
    }
    CHECK_STATUS(chan_try_select(CASES(cases), 0, &chosen), CHAN_EMPTY);
    for (long i = 0; i < 40; i++) {
        call.tx = pairs[i].tx;
        call.values[0] = i;
        start(&call, run_send);
        CHECK_STATUS(chan_select(CASES(cases), 0, &chosen), CHAN_OK);
        CHECK(value == i && chosen == (size_t)i);
        join(&call);
    }
    for (size_t i = 0; i < 40; i++) {
        CHECK(is_quiet(pairs[i].rx->chan));
        drop_pair(&pairs[i]);
    }
}

/* Waiting. */

/* A thread that waits in a select over a receive of `a` and a send to `b`, which is full. */
static void start_blocked(struct call *call, struct pair *a, struct pair *b, unsigned flags)
{
    *call = (struct call){.n = 2, .flags = flags, .values = {-1, 77}};
    call->cases[0] = (struct chan_case){.rx = a->rx, .elem = &call->values[0]};
    call->cases[1] = (struct chan_case){.tx = b->tx, .elem = &call->values[1]};
    fill_up(b->tx);
    start(call, run_select);
    AWAIT(watching(a->rx->chan, CHANI_RECEIVING) + waiting(a->rx->chan, CHANI_RECEIVING) == 1);
    AWAIT(watching(b->rx->chan, CHANI_SENDING) + waiting(b->rx->chan, CHANI_SENDING) == 1);
}

static void check_woken(struct call *call, struct pair *a, struct pair *b, size_t chosen)
{
    join(call);
    CHECK_STATUS(call->status, CHAN_OK);
    CHECK(call->chosen == chosen);
    CHECK(is_quiet(a->rx->chan) && is_quiet(b->rx->chan));
    drop_pair(a);
    drop_pair(b);
}

static void check_blocked(bool one, size_t capacity)
{
    struct pair a = open_pair(one, capacity);
    struct pair b = open_pair(one, capacity);
    struct call call;

    start_blocked(&call, &a, &b, 0);
    CHECK_STATUS(try_send_long(a.tx, 8), CHAN_OK);
    check_woken(&call, &a, &b, 0);
    CHECK(call.values[0] == 8);

    a = open_pair(one, capacity);
    b = open_pair(one, capacity);
    start_blocked(&call, &a, &b, 0);
    for (size_t i = 0; i < capacity; i++)
        CHECK(next_long(b.rx) == 1);
    AWAIT(capacity > 0 ? chan_rx_len(b.rx) == 1 : next_long(b.rx) == 77);
    check_woken(&call, &a, &b, 1);
}

static void test_blocked(bool one)
{
    check_blocked(one, 0);
    check_blocked(one, 1);
    check_blocked(one, 64);
}

static void check_blocked_closed(bool one, size_t capacity)
{
    struct pair a = open_pair(one, capacity);
    struct pair b = open_pair(one, capacity);
    struct call call;

    start_blocked(&call, &a, &b, 0);
    chan_tx_drop(a.tx);
    join(&call);
    CHECK_STATUS(call.status, CHAN_CLOSED);
    CHECK(call.chosen == 0 && call.values[0] == -1);
    a.tx = NULL;
    drop_pair(&a);
    a = open_pair(one, capacity);
    start_blocked(&call, &a, &b, CHAN_READY);
    chan_rx_shutdown(b.rx);
    join(&call);
    CHECK_STATUS(call.status, CHAN_OK);
    CHECK(call.chosen == 1);
    drop_pair(&a);
    drop_pair(&b);
}

static void test_blocked_closed(bool one)
{
    check_blocked_closed(one, 0);
    check_blocked_closed(one, 1);
}

/* A select that sleeps is told of quiet sends with the others. */
static void test_quiet_sends(bool one)
{
    struct pair a = open_pair(one, 4);
    struct pair b = open_pair(one, 4);
    struct call call;
    long value = 8;

    start_blocked(&call, &a, &b, 0);
    CHECK_STATUS(chan_try_send_quiet(a.tx, &value), CHAN_OK);
    chan_tx_wake(a.tx);
    check_woken(&call, &a, &b, 0);
    CHECK(call.values[0] == 8);
}

/* At capacity 0 a partner that waits makes a case ready. */
static void test_blocked_ready(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call select = {.n = 1, .flags = CHAN_READY, .cases = {{.rx = pair.rx}}};
    struct call send = {.tx = pair.tx, .values = {5}};

    start(&select, run_select);
    AWAIT(watching(pair.rx->chan, CHANI_RECEIVING) == 1);
    CHECK_STATUS(try_send_long(pair.tx, 4), CHAN_FULL);
    start(&send, run_send);
    join(&select);
    CHECK_STATUS(select.status, CHAN_OK);
    CHECK(next_long(pair.rx) == 5);
    join(&send);
    CHECK(is_quiet(pair.rx->chan));
    drop_pair(&pair);
}

/* One of two waiting selects is woken for what it does not take; the other gets it. */
static void test_passes_on(bool one)
{
    struct pair pair = open_pair(false, 8);
    struct call ready = {.n = 1, .flags = CHAN_READY, .cases = {{.rx = pair.rx}}};
    struct call taker = {.n = 1, .cases = {{.rx = pair.rx}}};

    (void)one;
    taker.cases[0].elem = taker.values;
    start(&ready, run_select);
    AWAIT(watching(pair.rx->chan, CHANI_RECEIVING) == 1);
    start(&taker, run_select);
    AWAIT(watching(pair.rx->chan, CHANI_RECEIVING) == 2);
    CHECK_STATUS(send_long(pair.tx, 6), CHAN_OK);
    join(&ready);
    join(&taker);
    CHECK(taker.values[0] == 6);
    drop_pair(&pair);
}

static void test_timeout(bool one)
{
    struct pair a = open_pair(one, 1);
    struct pair b = open_pair(one, 0);
    long value = 3;
    struct chan_case cases[] = {
        {.rx = a.rx, .elem = &value}, {.rx = b.rx, .elem = &value}, {.tx = b.tx, .elem = &value}};
    int64_t begin = chan_now_ns();
    size_t chosen = 0;

    CHECK_STATUS(chan_select_timeout(CASES(cases), 0, 2 * MS, &chosen), CHAN_TIMEOUT);
    CHECK(chan_now_ns() >= begin + 2 * MS && chosen == 3);
    begin = chan_now_ns();
    CHECK_STATUS(chan_select_deadline(CASES(cases), CHAN_READY, begin + 2 * MS, &chosen),
                 CHAN_TIMEOUT);
    CHECK(chan_now_ns() >= begin + 2 * MS);
    CHECK(is_quiet(a.rx->chan) && is_quiet(b.rx->chan));
    drop_pair(&a);
    drop_pair(&b);
}

#define MEETINGS 10000

/* Meets the other thread; what it receives is never its own. */
static void *run_self(void *arg)
{
    struct call *call = arg;

    for (int i = 0; i < MEETINGS; i++) {
        CHECK_STATUS(chan_select(call->cases, 2, 0, &call->chosen), CHAN_OK);
        CHECK(call->chosen == 1 || call->values[0] == 1 - call->values[1]);
    }
    return NULL;
}

/* Both sides of a rendezvous in one select: no transfer to itself, but to another such. */
static void test_self(bool one)
{
    struct pair pair = open_pair(false, 0);
    struct call calls[2] = {{.n = 2}, {.n = 2}};
    long value = 1;
    struct chan_case self[] = {{.rx = pair.rx, .elem = &value}, {.tx = pair.tx, .elem = &value}};
    size_t chosen;

    (void)one;
    CHECK_STATUS(chan_try_select(CASES(self), 0, &chosen), CHAN_EMPTY);
    CHECK_STATUS(chan_select_timeout(CASES(self), 0, MS, &chosen), CHAN_TIMEOUT);
    for (long i = 0; i < 2; i++) {
        calls[i].values[1] = i;
        calls[i].cases[0] = (struct chan_case){.rx = pair.rx, .elem = &calls[i].values[0]};
        calls[i].cases[1] = (struct chan_case){.tx = pair.tx, .elem = &calls[i].values[1]};
        start(&calls[i], run_self);
    }
    for (long i = 0; i < 2; i++)
        join(&calls[i]);
    CHECK(is_quiet(pair.rx->chan));
    drop_pair(&pair);
}

/* Under load. */

/* Moves a token between two channels, so that one of them at least is never empty. */
struct mover {
    pthread_t thread;
    struct pair pairs[2];
    atomic_bool stop;
};

static void *run_mover(void *arg)
{
    struct mover *mover = arg;
    long value;

    for (size_t to = 1; !atomic_load(&mover->stop); to = 1 - to) {
        CHECK_STATUS(send_long(mover->pairs[to].tx, 1), CHAN_OK);
        CHECK_STATUS(chan_recv(mover->pairs[1 - to].rx, &value), CHAN_OK);
    }
    return NULL;
}

/* Cases of an empty channel between the others, so that a sweep takes its time. */
#define BETWEEN 30

static void check_linear(size_t capacity, unsigned flags, long rounds)
{
    struct mover mover = {.pairs = {open_pair(false, capacity), open_pair(false, capacity)}};
    struct pair idle = open_pair(false, 1);
    long value;
    struct chan_case cases[BETWEEN + 2];
    size_t chosen;

    for (size_t i = 1; i <= BETWEEN; i++)
        cases[i] = (struct chan_case){.rx = idle.rx, .elem = &value};
    cases[0] = (struct chan_case){.rx = mover.pairs[0].rx, .elem = &value};
    cases[BETWEEN + 1] = (struct chan_case){.rx = mover.pairs[1].rx, .elem = &value};

    CHECK_STATUS(send_long(mover.pairs[0].tx, 1), CHAN_OK);
    pthread_create(&mover.thread, NULL, run_mover, &mover);
    for (long i = 0; i < rounds; i++) {
        CHECK_STATUS(chan_try_select(CASES(cases), flags, &chosen), CHAN_OK);
        if (!(flags & CHAN_READY) && chosen < BETWEEN + 2)
            CHECK_STATUS(send_long(mover.pairs[chosen > 0].tx, 1), CHAN_OK);
    }
    atomic_store(&mover.stop, true);
    pthread_join(mover.thread, NULL);
    drop_pair(&mover.pairs[0]);
    drop_pair(&mover.pairs[1]);
    drop_pair(&idle);
}

static void test_linear(bool one)
{
    (void)one;
    check_linear(2, 0, 20000);
    check_linear(2, CHAN_READY, 20000);
    check_linear(64, CHAN_BIASED, 20000);
    check_linear(64, CHAN_READY | CHAN_BIASED, 20000);
}

/* A send that takes long: each page of its value is touched for the first time. */
#define BIG ((size_t)1 << 20)

static void *run_slow_send(void *arg)
{
    struct call *call = arg;
    void *elem = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(elem != MAP_FAILED);
    CHECK_STATUS(chan_send(call->tx, elem), CHAN_OK);
    munmap(elem, BIG);
    return NULL;
}

/* A value behind one that is still being copied: the channel is not empty, so try waits for it. */
static void test_busy(bool one)
{
    struct chan_options options = {.size = sizeof(options), .capacity = 2, .elem_size = BIG};
    struct pair pairs[2];
    struct chan_case cases[2];
    struct call call = {0};
    unsigned char *elem = calloc(2, BIG);
    size_t chosen;

    (void)one;
    memset(elem, 1, BIG);
    for (size_t i = 0; i < 2; i++) {
        CHECK_STATUS(chan_open(&options, &pairs[i].tx, &pairs[i].rx), CHAN_OK);
        cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = elem + BIG};
    }
    call.tx = pairs[1].tx;
    for (int round = 0; round < 30; round++) {
        start(&call, run_slow_send);
        AWAIT(chan_rx_len(pairs[1].rx) == 1);
        CHECK_STATUS(chan_send(pairs[1].tx, elem), CHAN_OK);
        CHECK_STATUS(chan_try_select(CASES(cases), 0, &chosen), CHAN_OK);
        CHECK(chosen == 1 && elem[BIG] == 0);
        CHECK_STATUS(chan_try_select(cases + 1, 1, 0, &chosen), CHAN_OK);
        CHECK(chosen == 0 && elem[BIG] == 1);
        join(&call);
    }
    drop_pair(&pairs[0]);
    drop_pair(&pairs[1]);
    free(elem);
}

#define ROUNDS 5000

static void *run_echo(void *arg)
{
    struct call *call = arg;
    unsigned seed = 3;
    long value;

    while (chan_recv(call->rx, &value) == CHAN_OK) {
        for (unsigned i = next_random(&seed) % 256; i > 0; i--)
            chani_relax();
        CHECK_STATUS(chan_send(call->tx, &value), CHAN_OK);
    }
    return NULL;
}

/* Answers come at any moment of a select that begins to sleep: none is overlooked. */
static void check_wakes(bool one, size_t capacity, unsigned flags)
{
    struct pair ask = open_pair(one, 1);
    struct pair answer = open_pair(one, capacity);
    struct pair idle = open_pair(one, 1);
    struct call call = {.rx = ask.rx, .tx = answer.tx};
    struct chan_case cases[BETWEEN];
    long value = 0;
    size_t chosen;

    for (size_t i = 0; i < BETWEEN; i++)
        cases[i] = (struct chan_case){.rx = i == 0 ? answer.rx : idle.rx, .elem = &value};
    start(&call, run_echo);
    for (long i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(send_long(ask.tx, i), CHAN_OK);
        CHECK_STATUS(chan_select(CASES(cases), flags, &chosen), CHAN_OK);
        if (flags & CHAN_READY)
            value = next_long(answer.rx);
        CHECK(chosen == 0 && value == i);
    }
    chan_tx_drop(ask.tx);
    join(&call);
    chan_rx_drop(ask.rx);
    drop_pair(&answer);
    drop_pair(&idle);
}

static void test_wakes(bool one)
{
    check_wakes(one, 1, CHAN_BIASED);
    check_wakes(one, 1, CHAN_BIASED | CHAN_READY);
    check_wakes(one, 0, CHAN_BIASED);
    check_wakes(one, 0, CHAN_READY);
}

static void test_leaves_nothing(bool one)
{
    struct pair a = open_pair(one, 1);
    struct pair b = open_pair(one, 0);
    long value = 3;
    struct chan_case cases[] = {
        {.rx = a.rx, .elem = &value}, {.rx = b.rx, .elem = &value}, {.tx = b.tx, .elem = &value}};
    size_t before = 0;
    size_t chosen;

    for (int i = 0; i < 100000; i++) {
        if (i == 100)
            before = mallinfo2().uordblks;
        if (i % 4 > 0)
            chan_try_select(CASES(cases), i % 4 == 1 ? CHAN_READY : 0, &chosen);
        else
            chan_select_timeout(CASES(cases), i % 8 == 0 ? CHAN_READY : 0, 1, &chosen);
    }
    CHECK(mallinfo2().uordblks == before);
    CHECK(is_quiet(a.rx->chan) && is_quiet(b.rx->chan));
    drop_pair(&a);
    drop_pair(&b);
}

static int64_t cpu_ns(pthread_t thread)
{
    struct timespec used = {0};
    clockid_t clock;

    CHECK(pthread_getcpuclockid(thread, &clock) == 0 && clock_gettime(clock, &used) == 0);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static int64_t cpu_ns_of(const struct call *calls, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += cpu_ns(calls[i].thread);
    return sum;
}

/* Threads that wait for one second, on channels of all kinds: less than 1 ms of processor time. */
static void test_idle(bool one)
{
    static const size_t capacities[] = {0, 1, 64, CHAN_UNBOUNDED};
    struct call calls[9] = {{0}};
    struct call *select = &calls[8];
    struct pair pairs[4];
    size_t n = 0;
    int64_t before;

    for (size_t i = 0; i < 4; i++) {
        pairs[i] = open_pair(one, capacities[i]);
        select->cases[i] = (struct chan_case){.rx = pairs[i].rx, .elem = select->values};
        for (int j = one; j < 2; j++) {
            calls[n].rx = pairs[i].rx;
            start(&calls[n++], run_recv);
        }
        AWAIT(waiting(pairs[i].rx->chan, CHANI_RECEIVING) == (one ? 1 : 2));
    }
    if (!one) {
        select->n = 4;
        start(select, run_select);
        n++;
        AWAIT(watching(pairs[3].rx->chan, CHANI_RECEIVING) == 1);
    }
    usleep(100000); /* counted as waiting they may still spin */
    before = cpu_ns_of(calls, n);
    usleep(1000000);
    CHECK(cpu_ns_of(calls, n) - before < MS);
    for (size_t i = 0; i < 4; i++)
        chan_tx_drop(pairs[i].tx);
    while (n > 0)
        join(&calls[--n]);
    for (size_t i = 0; i < 4; i++)
        chan_rx_drop(pairs[i].rx);
}

/* Threads that send to, or receive from, three channels by select. */
#define CHANNELS 3
#define WORKERS 3

struct worker {
    pthread_t thread;
    struct pair handles[CHANNELS];
    bool sends;
    long limit;
    unsigned seed;
    long n;
    long sum;
};

/* False when all channels are closed. */
static bool work_once(struct worker *worker)
{
    struct chan_case cases[CHANNELS] = {{0}};
    unsigned random = next_random(&worker->seed);
    long value = (long)random;
    enum chan_status status;
    size_t open = 0;
    size_t chosen;

    for (size_t i = 0; i < CHANNELS; i++) {
        cases[i].tx = worker->sends ? worker->handles[i].tx : NULL;
        cases[i].rx = worker->sends ? NULL : worker->handles[i].rx;
        cases[i].elem = &value;
        open += worker->handles[i].tx != NULL || worker->handles[i].rx != NULL;
    }
    if (open == 0)
        return false;
    if (random % 3 == 0)
        status = chan_select_timeout(CASES(cases), random % 2 ? CHAN_BIASED : 0, random / 8 % 20000,
                                     &chosen);
    else
        status = chan_select(CASES(cases), 0, &chosen);
    if (status == CHAN_OK) {
        worker->n++;
        worker->sum += value;
    } else if (status == CHAN_CLOSED) {
        drop_pair(&worker->handles[chosen]);
        worker->handles[chosen] = (struct pair){NULL, NULL};
    }
    return true;
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;

    while (worker->n < worker->limit && work_once(worker))
        ;
    for (size_t i = 0; i < CHANNELS; i++)
        drop_pair(&worker->handles[i]);
    return NULL;
}

static void give_handles(struct worker *worker, const struct pair *pairs)
{
    for (size_t i = 0; i < CHANNELS; i++) {
        if (worker->sends)
            chan_tx_clone(pairs[i].tx, &worker->handles[i].tx);
        else
            chan_rx_clone(pairs[i].rx, &worker->handles[i].rx);
    }
}

static void check_crowd(const size_t *capacities, long send_limit, long recv_limit)
{
    struct worker workers[2 * WORKERS] = {{0}};
    struct pair pairs[CHANNELS];
    long n = 0;
    long sum = 0;

    for (size_t i = 0; i < CHANNELS; i++)
        pairs[i] = open_pair(false, capacities[i]);
    for (size_t i = 0; i < 2 * WORKERS; i++) {
        workers[i].sends = i % 2;
        workers[i].limit = i % 2 ? send_limit : recv_limit;
        workers[i].seed = (unsigned)i;
        give_handles(&workers[i], pairs);
    }
    for (size_t i = 0; i < CHANNELS; i++)
        drop_pair(&pairs[i]);
    for (size_t i = 0; i < 2 * WORKERS; i++)
        pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
    for (size_t i = 0; i < 2 * WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        n += workers[i].sends ? workers[i].n : -workers[i].n;
        sum += workers[i].sends ? workers[i].sum : -workers[i].sum;
    }
    CHECK(recv_limit < send_limit || (n == 0 && sum == 0));
}

static void test_mixed(bool one)
{
    (void)one;
    check_crowd((size_t[]){0, 1, 64}, 3000, 1L << 40);
    check_crowd((size_t[]){0, 0, 0}, 3000, 1L << 40);
    check_crowd((size_t[]){1, 1, 2}, 3000, 1L << 40);
    for (long i = 0; i < 50; i++)
        check_crowd((size_t[]){0, 1, 64}, i % 2 ? 1L << 40 : i, i % 2 ? i : 1L << 40);
}

/* Threads that offer both directions of one rendezvous until all have had their number. */
struct peer {
    pthread_t thread;
    struct pair handles;
    atomic_long *balance;
    atomic_bool *stop;
};

static void *run_peer(void *arg)
{
    struct peer *peer = arg;
    long in;
    long out = 1;
    struct chan_case cases[] = {{.rx = peer->handles.rx, .elem = &in},
                                {.tx = peer->handles.tx, .elem = &out}};
    size_t chosen;

    for (int i = 0; i < 5000; i++)
        if (chan_select_timeout(CASES(cases), 0, 50000, &chosen) == CHAN_OK)
            atomic_fetch_add(peer->balance, chosen == 0 ? 1 : -1);
    return NULL;
}

static void test_peers(bool one)
{
    struct pair pair = open_pair(false, 0);
    atomic_long balance = 0;
    struct peer peers[4];

    (void)one;
    for (size_t i = 0; i < 4; i++) {
        peers[i] = (struct peer){.handles = pair, .balance = &balance};
        pthread_create(&peers[i].thread, NULL, run_peer, &peers[i]);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(peers[i].thread, NULL);
    CHECK(balance == 0 && is_quiet(pair.rx->chan));
    drop_pair(&pair);
}

/* Timers. */

static void test_after(bool one)
{
    int64_t begin = chan_now_ns();
    int64_t due = 0;
    chan_rx *rx = NULL;

    (void)one;
    CHECK_STATUS(chan_after(2 * MS, &rx), CHAN_OK);
    CHECK(chan_rx_capacity(rx) == 1 && !chan_rx_is_closed(rx));
    CHECK_STATUS(chan_recv(rx, &due), CHAN_OK);
    CHECK(due >= begin + 2 * MS && chan_now_ns() >= due);
    CHECK_STATUS(chan_try_recv(rx, &due), CHAN_EMPTY);
    CHECK_STATUS(chan_recv_timeout(rx, &due, MS), CHAN_TIMEOUT);
    chan_rx_drop(rx);
    CHECK_STATUS(chan_at(begin, &rx), CHAN_OK);
    CHECK(chan_rx_len(rx) == 1);
    CHECK_STATUS(chan_try_recv(rx, &due), CHAN_OK);
    CHECK(due == begin && chan_rx_is_empty(rx));
    chan_rx_drop(rx);
    CHECK_STATUS(chan_after(-1, &rx), CHAN_OK);
    CHECK_STATUS(chan_recv_timeout(rx, &due, 0), CHAN_OK);
    chan_rx_drop(rx);
}

static void test_timer_deadline(bool one)
{
    int64_t due = 0;
    chan_rx *rx = NULL;

    (void)one;
    CHECK_STATUS(chan_after(LONG_NS, &rx), CHAN_OK);
    CHECK_STATUS(chan_recv_timeout(rx, &due, MS), CHAN_TIMEOUT);
    CHECK_STATUS(chan_try_recv(rx, &due), CHAN_EMPTY);
    chan_rx_drop(rx);
    CHECK_STATUS(chan_after(2 * MS, &rx), CHAN_OK);
    CHECK_STATUS(chan_recv_timeout(rx, &due, LONG_NS), CHAN_OK);
    chan_rx_drop(rx);
}

/* Ticks are on their grid; one that was missed waits, those after it are left out. */
static void test_tick(bool one)
{
    int64_t period = MS;
    int64_t first;
    int64_t due;
    int64_t last;
    int64_t taken;
    int64_t late;
    chan_rx *rx = NULL;

    (void)one;
    CHECK_STATUS(chan_tick(0, &rx), CHAN_INVALID);
    CHECK_STATUS(chan_tick(-1, &rx), CHAN_INVALID);
    CHECK(rx == NULL);
    CHECK_STATUS(chan_tick(period, &rx), CHAN_OK);
    CHECK_STATUS(chan_recv(rx, &first), CHAN_OK);
    last = first;
    for (int i = 0; i < 5; i++) {
        CHECK_STATUS(chan_recv(rx, &due), CHAN_OK);
        CHECK(due > last && (due - first) % period == 0 && chan_now_ns() >= due);
        last = due;
    }
    taken = chan_now_ns();
    AWAIT(chan_now_ns() > taken + 10 * period);
    late = chan_now_ns();
    CHECK_STATUS(chan_try_recv(rx, &due), CHAN_OK);
    CHECK(due > last && due <= taken + period && (due - first) % period == 0);
    CHECK_STATUS(chan_recv(rx, &due), CHAN_OK);
    CHECK(due > late && (due - first) % period == 0);
    chan_rx_drop(rx);
}

static void *run_ticks(void *arg)
{
    struct call *call = arg;

    for (int i = 0; i < 20; i++)
        CHECK_STATUS(chan_recv(call->rx, &call->values[i]), CHAN_OK);
    return NULL;
}

/* Clones share the ticks: each goes to one of them. */
static void test_timer_clones(bool one)
{
    struct call calls[2] = {{0}};
    chan_rx *rx = NULL;

    (void)one;
    CHECK_STATUS(chan_tick(MS / 4, &rx), CHAN_OK);
    CHECK_STATUS(chan_rx_clone(rx, &calls[0].rx), CHAN_OK);
    calls[1].rx = rx;
    for (int i = 0; i < 2; i++)
        start(&calls[i], run_ticks);
    for (int i = 0; i < 2; i++)
        join(&calls[i]);
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 20; j++)
            CHECK(calls[0].values[i] != calls[1].values[j]);
    for (int i = 0; i < 2; i++)
        chan_rx_drop(calls[i].rx);
}

static void test_timer_select(bool one)
{
    struct pair pair = open_pair(one, 0);
    chan_rx *never = NULL;
    chan_rx *idle = NULL;
    int64_t begin = chan_now_ns();
    int64_t due = 0;
    long value;
    size_t chosen;

    CHECK_STATUS(chan_never(&never), CHAN_OK);
    CHECK_STATUS(chan_after(2 * MS, &idle), CHAN_OK);
    {
        struct chan_case cases[] = {{.rx = pair.rx, .elem = &value},
                                    {.rx = never, .elem = &due},
                                    {.rx = idle, .elem = &due}};

        CHECK_STATUS(chan_select(CASES(cases), 0, &chosen), CHAN_OK);
        CHECK(chosen == 2 && due >= begin + 2 * MS && chan_now_ns() >= due);
        CHECK_STATUS(chan_select_timeout(CASES(cases), 0, MS, &chosen), CHAN_TIMEOUT);
        CHECK_STATUS(chan_try_select(CASES(cases), 0, &chosen), CHAN_EMPTY);
    }
    chan_rx_drop(never);
    chan_rx_drop(idle);
    drop_pair(&pair);
}

static void test_timer_shutdown(bool one)
{
    struct call call = {0};
    chan_rx *rx = NULL;

    (void)one;
    CHECK_STATUS(chan_never(&rx), CHAN_OK);
    call.rx = rx;
    start(&call, run_recv);
    AWAIT(waiting(rx->chan, CHANI_RECEIVING) == 1);
    chan_rx_shutdown(rx);
    join(&call);
    CHECK_STATUS(call.status, CHAN_CLOSED);
    CHECK(chan_rx_is_closed(rx));
    chan_rx_drop(rx);
}

/* Descriptors. */

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static void await_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    CHECK(poll(&poll_fd, 1, (int)(LIMIT_NS / MS)) == 1);
}

static void test_descriptor_rx(bool one)
{
    struct pair pair = open_pair(one, 2);
    int fd;

    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_INVALID);
    fd = chan_rx_fd(pair.rx);
    CHECK(fd >= 0 && chan_rx_fd(pair.rx) == fd);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_EMPTY);
        CHECK(!is_readable(fd));
        CHECK_STATUS(send_long(pair.tx, i), CHAN_OK);
        CHECK(is_readable(fd));
        CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_OK);
        CHECK(is_readable(fd));
        CHECK(next_long(pair.rx) == i);
    }
    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_EMPTY);
    CHECK(!is_readable(fd));
    chan_tx_drop(pair.tx);
    CHECK(is_readable(fd));
    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_OK);
    chan_rx_drop(pair.rx);
    CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}

static void test_descriptor_tx(bool one)
{
    struct pair pair = open_pair(one, 1);
    int fd;

    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_INVALID);
    fd = chan_tx_fd(pair.tx);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_OK);
    CHECK(is_readable(fd));
    fill_up(pair.tx);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_FULL);
    CHECK(!is_readable(fd));
    CHECK(next_long(pair.rx) == 1);
    CHECK(is_readable(fd));
    fill_up(pair.tx);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_FULL);
    chan_rx_drop(pair.rx);
    CHECK(is_readable(fd));
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_OK);
    chan_tx_drop(pair.tx);
}

static void test_descriptor_rendezvous(bool one)
{
    struct pair pair = open_pair(one, 0);
    struct call call = {.tx = pair.tx, .values = {5}};
    int fd = chan_rx_fd(pair.rx);

    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_EMPTY);
    CHECK(!is_readable(fd));
    start(&call, run_send);
    await_readable(fd);
    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_OK);
    CHECK(next_long(pair.rx) == 5);
    join(&call);
    fd = chan_tx_fd(pair.tx);
    CHECK_STATUS(chan_tx_arm(pair.tx), CHAN_FULL);
    call.rx = pair.rx;
    start(&call, run_recv);
    await_readable(fd);
    CHECK_STATUS(try_send_long(pair.tx, 6), CHAN_OK);
    join(&call);
    drop_pair(&pair);
}

/* One value makes the descriptors of all clones readable, and wakes a select besides. */
static void test_descriptor_clones(bool one)
{
    struct pair pair = open_pair(false, 1);
    struct call call = {.n = 1, .cases = {{.rx = pair.rx}}};
    chan_rx *clone = NULL;

    (void)one;
    call.cases[0].elem = call.values;
    CHECK_STATUS(chan_rx_clone(pair.rx, &clone), CHAN_OK);
    CHECK(chan_rx_fd(clone) != chan_rx_fd(pair.rx));
    start(&call, run_select);
    AWAIT(watching(pair.rx->chan, CHANI_RECEIVING) == 1);
    CHECK_STATUS(chan_rx_arm(pair.rx), CHAN_EMPTY);
    CHECK_STATUS(chan_rx_arm(clone), CHAN_EMPTY);
    CHECK_STATUS(send_long(pair.tx, 3), CHAN_OK);
    CHECK(is_readable(chan_rx_fd(pair.rx)) && is_readable(chan_rx_fd(clone)));
    join(&call);
    CHECK(call.values[0] == 3);
    CHECK_STATUS(chan_rx_arm(clone), CHAN_EMPTY);
    call.rx = pair.rx;
    start(&call, run_recv);
    AWAIT(waiting(pair.rx->chan, CHANI_RECEIVING) == 1);
    CHECK_STATUS(send_long(pair.tx, 4), CHAN_OK);
    CHECK(is_readable(chan_rx_fd(clone)));
    join(&call);
    CHECK_STATUS(chan_rx_arm(clone), CHAN_EMPTY);
    CHECK(watching(pair.rx->chan, CHANI_RECEIVING) == 1);
    chan_rx_drop(clone);
    CHECK(is_quiet(pair.rx->chan));
    drop_pair(&pair);
}

static void test_descriptor_timer(bool one)
{
    chan_rx *rx = NULL;
    int64_t due;
    int fd;

    (void)one;
    CHECK_STATUS(chan_tick(2 * MS, &rx), CHAN_OK);
    errno = 0;
    fd = chan_rx_fd(rx);
    if (fd < 0) {
        CHECK(errno == ENOSYS);
        chan_rx_drop(rx);
        return;
    }
    for (int i = 0; i < 3; i++) {
        while (chan_rx_arm(rx) == CHAN_EMPTY)
            await_readable(fd);
        CHECK(is_readable(fd));
        CHECK_STATUS(chan_try_recv(rx, &due), CHAN_OK);
    }
    chan_rx_drop(rx);
    CHECK_STATUS(chan_never(&rx), CHAN_OK);
    fd = chan_rx_fd(rx);
    CHECK_STATUS(chan_rx_arm(rx), CHAN_EMPTY);
    CHECK(!is_readable(fd));
    chan_rx_shutdown(rx);
    CHECK(is_readable(fd));
    chan_rx_drop(rx);
}

#define EVENTS 2000

static void *run_sends(void *arg)
{
    struct call *call = arg;

    for (long i = 0; i < EVENTS; i++)
        CHECK_STATUS(send_long(call->tx, i), CHAN_OK);
    chan_tx_drop(call->tx);
    return NULL;
}

static void *run_writes(void *arg)
{
    struct call *call = arg;

    for (long i = 0; i < EVENTS; i++)
        CHECK(write((int)call->n, "x", 1) == 1);
    close((int)call->n);
    return NULL;
}

/* Receives what is there; -1 when the channel is closed. */
static long drain_channel(chan_rx *rx, long next)
{
    long value;

    while (chan_rx_arm(rx) == CHAN_OK) {
        if (chan_try_recv(rx, &value) != CHAN_OK)
            return chan_rx_is_closed(rx) ? -1 : next;
        CHECK(value == next);
        next++;
    }
    return next;
}

/* One loop over a channel and a socket. */
static void check_epoll(bool one, size_t capacity)
{
    struct pair pair = open_pair(one, capacity);
    struct call calls[2] = {{.tx = pair.tx}, {0}};
    struct epoll_event events[2] = {{.events = EPOLLIN, .data = {.u32 = 0}},
                                    {.events = EPOLLIN, .data = {.u32 = 1}}};
    char bytes[256];
    long got[2] = {0, 0};
    long total = 0;
    ssize_t n = 1;
    int sockets[2];
    int epoll = epoll_create1(0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    calls[1].n = (size_t)sockets[1];
    epoll_ctl(epoll, EPOLL_CTL_ADD, chan_rx_fd(pair.rx), &events[0]);
    epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[0], &events[1]);
    start(&calls[0], run_sends);
    start(&calls[1], run_writes);
    while (got[0] >= 0 || n > 0) {
        total = got[0] >= 0 ? (got[0] = drain_channel(pair.rx, got[0])) : total;
        if (got[0] < 0)
            epoll_ctl(epoll, EPOLL_CTL_DEL, chan_rx_fd(pair.rx), NULL);
        if (got[0] < 0 && n == 0)
            break;
        for (int i = epoll_wait(epoll, events, 2, (int)(LIMIT_NS / MS)); i-- > 0;)
            if (events[i].data.u32 == 1 && (n = read(sockets[0], bytes, sizeof(bytes))) > 0)
                got[1] += n;
        if (n == 0)
            epoll_ctl(epoll, EPOLL_CTL_DEL, sockets[0], NULL);
    }
    CHECK(got[1] == EVENTS && total == -1);
    join(&calls[0]);
    join(&calls[1]);
    close(sockets[0]);
    close(epoll);
    chan_rx_drop(pair.rx);
}

static void test_epoll(bool one)
{
    check_epoll(one, 0);
    check_epoll(one, 1);
    check_epoll(one, 64);
}

static const struct test tests[] = {
    {"cases without sense are refused", test_invalid, true},
    {"try", test_try, true},
    {"a closed channel is ready", test_closed, true},
    {"biased", test_biased, true},
    {"ready transfers nothing", test_ready, true},
    {"the choice is uniform", test_uniform, true},
    {"40 cases", test_wide, true},
    {"a send, a slot, a partner wake a select", test_blocked, true},
    {"closing wakes a select", test_blocked_closed, true},
    {"a select is woken for quiet sends", test_quiet_sends, true},
    {"a waiting partner makes ready", test_blocked_ready, true},
    {"what is not taken is passed on", test_passes_on, false},
    {"timeout and deadline", test_timeout, true},
    {"never with itself", test_self, false},
    {"try says empty only when all are", test_linear, false},
    {"try waits for a value that is being copied", test_busy, false},
    {"answers at any moment", test_wakes, true},
    {"100,000 selects leave nothing behind", test_leaves_nothing, true},
    {"who waits uses no processor time", test_idle, true},
    {"capacities 0, 1 and 64, sends and receives", test_mixed, false},
    {"peers that offer both directions", test_peers, false},
    {"after and at", test_after, false},
    {"a timer and a deadline", test_timer_deadline, false},
    {"ticks keep their grid", test_tick, false},
    {"clones share the ticks", test_timer_clones, false},
    {"timers in a select", test_timer_select, true},
    {"shutdown of a timer", test_timer_shutdown, false},
    {"descriptor of a receiver", test_descriptor_rx, true},
    {"descriptor of a sender", test_descriptor_tx, true},
    {"descriptors of a rendezvous", test_descriptor_rendezvous, true},
    {"descriptors of clones", test_descriptor_clones, false},
    {"descriptor of a timer", test_descriptor_timer, false},
    {"a channel and a socket in one loop", test_epoll, true},
};

int main(void)
{
    return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
