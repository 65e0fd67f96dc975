/*
 * chan_test.c - the channel library: every case runs for each flavour it applies to. Writes TAP.
 */
#include "chan_tap.h"

#include <limits.h>

/* The flavour of the case: its channels have no capacity. */
static bool unbounded;

static size_t capacity_of(size_t capacity)
{
    return unbounded ? CHAN_UNBOUNDED : capacity;
}

static struct pair open_pair(bool one, size_t capacity)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity_of(capacity),
                                   .elem_size = sizeof(long),
                                   .drop = count_drop,
                                   .one_to_one = one};
    struct pair pair = {NULL, NULL};

    atomic_store(&dropped, 0);
    atomic_store(&dropped_sum, 0);
    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    return pair;
}

/* One call in a thread of its own. */
struct call {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    long values[32];
    size_t n;
    size_t count;
    int64_t timeout_ns;
    enum chan_status status;
};

static void start(struct call *call, void *(*run)(void *))
{
    if (pthread_create(&call->thread, NULL, run, call) != 0)
        abort();
}

static void join(struct call *call)
{
    pthread_join(call->thread, NULL);
}

static void *run_send(void *arg)
{
    struct call *call = arg;

    call->status = chan_send(call->tx, call->values);
    return NULL;
}

static void *run_send_many(void *arg)
{
    struct call *call = arg;

    call->status = chan_send_many(call->tx, call->values, call->n, &call->count);
    return NULL;
}

static void *run_send_timeout(void *arg)
{
    struct call *call = arg;

    call->status = chan_send_timeout(call->tx, call->values, call->timeout_ns);
    return NULL;
}

static void *run_recv(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv(call->rx, call->values);
    return NULL;
}

static void *run_recv_many(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv_many(call->rx, call->values, call->n, &call->count);
    return NULL;
}

static void *run_recv_timeout(void *arg)
{
    struct call *call = arg;

    call->status = chan_recv_timeout(call->rx, call->values, call->timeout_ns);
    return NULL;
}

/* Making channels. */

static void test_options_invalid(bool one)
{
    struct chan_options options = {.size = 8, .capacity = 1, .elem_size = 8, .one_to_one = one};
    chan_tx *tx = NULL;
    chan_rx *rx = NULL;

    CHECK_STATUS(chan_open(&options, &tx, &rx), CHAN_INVALID);
    CHECK_STATUS(chan_open(NULL, &tx, &rx), CHAN_INVALID);
    CHECK(tx == NULL && rx == NULL);
}

static void test_options_longer(bool one)
{
    struct {
        struct chan_options known;
        long unknown;
    } options = {.known = {.capacity = 1, .elem_size = 8, .one_to_one = one}};
    struct pair pair = {NULL, NULL};

    options.known.size = sizeof(options);
    CHECK_STATUS(chan_open(&options.known, &pair.tx, &pair.rx), CHAN_OK);
    drop_pair(&pair);
    options.unknown = 1;
    CHECK_STATUS(chan_open(&options.known, &pair.tx, &pair.rx), CHAN_INVALID);
}

static void test_options_too_big(bool one)
{
    struct chan_options options = {.size = sizeof(options), .one_to_one = one};
    chan_tx *tx = NULL;
    chan_rx *rx = NULL;

    options.capacity = SIZE_MAX / 4;
    options.elem_size = 64;
    CHECK_STATUS(chan_open(&options, &tx, &rx), CHAN_NOMEM);
    options.capacity = 64;
    options.elem_size = SIZE_MAX;
    CHECK_STATUS(chan_open(&options, &tx, &rx), CHAN_NOMEM);
    CHECK(tx == NULL && rx == NULL);
}

static void test_name(bool one)
{
    char name[] = "edge";
    struct chan_options options = {
        .size = sizeof(options), .capacity = 3, .elem_size = 1, .name = name, .one_to_one = one};
    struct pair pair;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    name[0] = 'X';
    CHECK(strcmp(chan_tx_name(pair.tx), "edge") == 0);
    CHECK(strcmp(chan_rx_name(pair.rx), "edge") == 0);
    CHECK(chan_tx_capacity(pair.tx) == 3 && chan_rx_capacity(pair.rx) == 3);
    drop_pair(&pair);
    pair = open_pair(one, 1);
    CHECK(strcmp(chan_tx_name(pair.tx), "") == 0);
    drop_pair(&pair);
}

static void test_status_names(bool one)
{
    (void)one;
    CHECK(strcmp(chan_status_name(CHAN_OK), "ok") == 0);
    CHECK(strcmp(chan_status_name(CHAN_NOMEM), "no memory") == 0);
    CHECK(strcmp(chan_status_name((enum chan_status)99), "unknown") == 0);
}

static void test_drop_null(bool one)
{
    (void)one;
    chan_tx_drop(NULL);
    chan_rx_drop(NULL);
}

/* Capacity and order. */

static void test_exact_capacity(bool one)
{
    for (size_t capacity = 1; capacity <= 70; capacity++) {
        struct pair pair = open_pair(one, capacity);

        for (int round = 0; round < 3; round++) {
            fill(pair.tx, (long)capacity);
            CHECK_STATUS(try_send_long(pair.tx, 99), CHAN_FULL);
            CHECK(chan_tx_len(pair.tx) == capacity && chan_tx_is_full(pair.tx));
            for (long i = 0; i < (long)capacity; i++)
                CHECK(next_long(pair.rx) == i);
            CHECK(next_long(pair.rx) == -1);
        }
        drop_pair(&pair);
    }
}

static void test_wrap_odd(bool one)
{
    struct pair pair = open_pair(one, 3);

    fill(pair.tx, 2);
    for (long i = 2; i < 1000; i++) {
        CHECK_STATUS(try_send_long(pair.tx, i), CHAN_OK);
        CHECK(chan_rx_len(pair.rx) == 3);
        CHECK(next_long(pair.rx) == i - 2);
    }
    drop_pair(&pair);
    CHECK(dropped == 2);
}

static void test_len(bool one)
{
    struct pair pair = open_pair(one, 5);

    CHECK(chan_rx_is_empty(pair.rx) && !chan_tx_is_full(pair.tx));
    for (size_t i = 1; i <= 5; i++) {
        CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
        CHECK(chan_tx_len(pair.tx) == i && chan_rx_len(pair.rx) == i);
    }
    CHECK(!chan_rx_is_empty(pair.rx) && chan_tx_is_full(pair.tx));
    next_long(pair.rx);
    CHECK(chan_rx_len(pair.rx) == 4 && !chan_tx_is_full(pair.tx));
    drop_pair(&pair);
}

static void check_elem_size(bool one, size_t size)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = capacity_of(3), .elem_size = size, .one_to_one = one};
    unsigned char in[200];
    unsigned char out[200];
    struct pair pair;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    for (int round = 0; round < 10; round++) {
        memset(in, 'a' + round, sizeof(in));
        memset(out, '-', sizeof(out));
        CHECK_STATUS(chan_send(pair.tx, in), CHAN_OK);
        CHECK_STATUS(chan_recv(pair.rx, out), CHAN_OK);
        CHECK(memcmp(in, out, size) == 0);
        CHECK(out[size] == '-');
    }
    drop_pair(&pair);
}

static void test_elem_sizes(bool one)
{
    for (size_t size = 0; size < 130; size++)
        check_elem_size(one, size);
}

static void test_signals(bool one)
{
    struct chan_options options = {.size = sizeof(options), .capacity = 2, .one_to_one = one};
    struct pair pair;
    size_t count;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    CHECK_STATUS(chan_send_many(pair.tx, NULL, 2, &count), CHAN_OK);
    CHECK(count == 2);
    CHECK_STATUS(chan_try_send(pair.tx, NULL), CHAN_FULL);
    CHECK_STATUS(chan_recv(pair.rx, NULL), CHAN_OK);
    CHECK_STATUS(chan_recv_many(pair.rx, NULL, 5, &count), CHAN_OK);
    CHECK(count == 1);
    drop_pair(&pair);
}

static void check_aligned(void *elem, void *ctx)
{
    CHECK((uintptr_t)elem % _Alignof(max_align_t) == 0);
    ++*(int *)ctx;
}

static void test_drop_aligned(bool one)
{
    int calls = 0;
    max_align_t value;
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity_of(5),
                                   .elem_size = sizeof(value),
                                   .drop = check_aligned,
                                   .drop_ctx = &calls,
                                   .one_to_one = one};
    struct pair pair;

    memset(&value, 0, sizeof(value));
    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    for (int i = 0; i < 5; i++)
        CHECK_STATUS(chan_send(pair.tx, &value), CHAN_OK);
    drop_pair(&pair);
    CHECK(calls == 5);
}

/* Statuses without waiting. */

static void test_try_recv(bool one)
{
    struct pair pair = open_pair(one, 2);
    long value = 7;

    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_EMPTY);
    CHECK(value == 7);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_OK);
    CHECK(value == 1);
    chan_tx_drop(pair.tx);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK(value == 1);
    chan_rx_drop(pair.rx);
}

static void test_try_send(bool one)
{
    struct pair pair = open_pair(one, 1);

    CHECK_STATUS(try_send_long(pair.tx, 1), CHAN_OK);
    CHECK_STATUS(try_send_long(pair.tx, 2), CHAN_FULL);
    chan_rx_drop(pair.rx);
    CHECK_STATUS(try_send_long(pair.tx, 3), CHAN_CLOSED);
    CHECK(dropped == 1 && dropped_sum == 1);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 1);
}

static void test_closed_before_full(bool one)
{
    struct pair pair = open_pair(one, 1);
    long value = 2;

    CHECK_STATUS(send_long(pair.tx, 1), CHAN_OK);
    chan_rx_shutdown(pair.rx);
    CHECK_STATUS(chan_try_send(pair.tx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, 0), CHAN_CLOSED);
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, 0), CHAN_CLOSED);
    drop_pair(&pair);
}

static void test_success_before_timeout(bool one)
{
    struct pair pair = open_pair(one, 2);
    long value = 5;

    CHECK_STATUS(chan_send_timeout(pair.tx, &value, 0), CHAN_OK);
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, INT64_MIN), CHAN_OK);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, -5), CHAN_OK);
    CHECK_STATUS(chan_recv_deadline(pair.rx, &value, 0), CHAN_OK);
    drop_pair(&pair);
}

static void test_success_before_closed(bool one)
{
    struct pair pair = open_pair(one, 2);
    long value;

    CHECK_STATUS(send_long(pair.tx, 5), CHAN_OK);
    chan_tx_drop(pair.tx);
    CHECK(!chan_rx_is_closed(pair.rx));
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 0), CHAN_OK);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 0), CHAN_CLOSED);
    CHECK_STATUS(chan_recv_deadline(pair.rx, &value, 0), CHAN_CLOSED);
    CHECK(chan_rx_is_closed(pair.rx));
    chan_rx_drop(pair.rx);
}

static void test_timeout_zero(bool one)
{
    struct pair pair = open_pair(one, 1);
    long value = 3;

    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 0), CHAN_TIMEOUT);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, INT64_MIN), CHAN_TIMEOUT);
    CHECK_STATUS(chan_recv_deadline(pair.rx, &value, INT64_MIN), CHAN_TIMEOUT);
    CHECK_STATUS(chan_send(pair.tx, &value), CHAN_OK);
    CHECK_STATUS(chan_send_timeout(pair.tx, &value, -1), CHAN_TIMEOUT);
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, INT64_MIN), CHAN_TIMEOUT);
    CHECK(value == 3);
    drop_pair(&pair);
}

static void test_timeout_passes(bool one)
{
    struct pair pair = open_pair(one, 1);
    int64_t before = chan_now_ns();
    long value = 3;

    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, 2000000), CHAN_TIMEOUT);
    CHECK(chan_now_ns() - before >= 2000000);
    CHECK_STATUS(chan_send(pair.tx, &value), CHAN_OK);
    before = chan_now_ns();
    CHECK_STATUS(chan_send_deadline(pair.tx, &value, before + 2000000), CHAN_TIMEOUT);
    CHECK(chan_now_ns() - before >= 2000000);
    CHECK(senders_waiting(pair.rx) == 0 && receivers_waiting(pair.tx) == 0);
    CHECK(next_long(pair.rx) == 3 && next_long(pair.rx) == -1);
    drop_pair(&pair);
}

/* Closing. */

static void test_close_keeps_queued(bool one)
{
    struct pair pair = open_pair(one, 4);
    long value;

    fill(pair.tx, 4);
    chan_tx_drop(pair.tx);
    for (long i = 0; i < 4; i++) {
        CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
        CHECK(value == i);
    }
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_CLOSED);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 0);
}

static void test_rx_drop_destroys(bool one)
{
    struct pair pair = open_pair(one, 4);

    fill(pair.tx, 4);
    CHECK(next_long(pair.rx) == 0);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 3 && dropped_sum == 6);
    CHECK(chan_tx_is_closed(pair.tx) && chan_tx_len(pair.tx) == 0);
    CHECK_STATUS(send_long(pair.tx, 9), CHAN_CLOSED);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 3);
}

static void test_rx_drop_after_tx_drop(bool one)
{
    struct pair pair = open_pair(one, 4);

    fill(pair.tx, 3);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 0);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 3 && dropped_sum == 3);
}

static void test_no_drop_function(bool one)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity_of(2),
                                   .elem_size = sizeof(long),
                                   .one_to_one = one};
    struct pair pair;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    fill(pair.tx, 2);
    drop_pair(&pair);
}

static void test_is_closed(bool one)
{
    struct pair pair = open_pair(one, 2);

    CHECK(!chan_tx_is_closed(pair.tx) && !chan_rx_is_closed(pair.rx));
    chan_tx_drop(pair.tx);
    CHECK(chan_rx_is_closed(pair.rx));
    chan_rx_drop(pair.rx);
    pair = open_pair(one, 2);
    chan_rx_drop(pair.rx);
    CHECK(chan_tx_is_closed(pair.tx));
    chan_tx_drop(pair.tx);
}

/* A drop function that uses another channel. */
static void forward_drop(void *elem, void *ctx)
{
    CHECK_STATUS(chan_try_send(ctx, elem), CHAN_OK);
}

static void test_drop_uses_channel(bool one)
{
    struct pair other = open_pair(one, 4);
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity_of(2),
                                   .elem_size = sizeof(long),
                                   .drop = forward_drop,
                                   .drop_ctx = other.tx,
                                   .one_to_one = one};
    struct pair pair;

    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    fill(pair.tx, 2);
    chan_rx_drop(pair.rx);
    CHECK(next_long(other.rx) == 0 && next_long(other.rx) == 1);
    chan_tx_drop(pair.tx);
    drop_pair(&other);
}

/* Blocking and waking. */

static void test_send_wakes_receiver(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.rx = pair.rx};

    for (long i = 0; i < 20; i++) {
        start(&call, run_recv);
        AWAIT(receivers_waiting(pair.tx) == 1);
        CHECK_STATUS(send_long(pair.tx, i), CHAN_OK);
        join(&call);
        CHECK(call.status == CHAN_OK && call.values[0] == i);
    }
    drop_pair(&pair);
}

static void test_slot_wakes_sender(bool one)
{
    struct pair pair = open_pair(one, 2);
    struct call call = {.tx = pair.tx, .values = {2}};

    fill(pair.tx, 2);
    start(&call, run_send);
    AWAIT(senders_waiting(pair.rx) == 1);
    CHECK(next_long(pair.rx) == 0);
    join(&call);
    CHECK(call.status == CHAN_OK);
    CHECK(next_long(pair.rx) == 1 && next_long(pair.rx) == 2);
    drop_pair(&pair);
}

static void test_rx_drop_wakes_sender(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.tx = pair.tx, .values = {41}};

    fill(pair.tx, 1);
    start(&call, run_send);
    AWAIT(senders_waiting(pair.rx) == 1);
    chan_rx_drop(pair.rx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED && call.values[0] == 41);
    CHECK(dropped == 1 && dropped_sum == 0);
    chan_tx_drop(pair.tx);
}

static void test_tx_drop_wakes_receiver(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.rx = pair.rx, .values = {41}};

    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    chan_tx_drop(pair.tx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED && call.values[0] == 41);
    chan_rx_drop(pair.rx);
}

static void test_timed_send_wakes(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.tx = pair.tx, .values = {1}, .timeout_ns = LONG_NS};

    fill(pair.tx, 1);
    start(&call, run_send_timeout);
    AWAIT(senders_waiting(pair.rx) == 1);
    CHECK(next_long(pair.rx) == 0);
    join(&call);
    CHECK(call.status == CHAN_OK && next_long(pair.rx) == 1);
    drop_pair(&pair);
}

static void test_timed_recv_wakes(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.rx = pair.rx, .timeout_ns = INT64_MAX};

    start(&call, run_recv_timeout);
    AWAIT(receivers_waiting(pair.tx) == 1);
    CHECK_STATUS(send_long(pair.tx, 8), CHAN_OK);
    join(&call);
    CHECK(call.status == CHAN_OK && call.values[0] == 8);
    drop_pair(&pair);
}

static void test_timed_recv_closed(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.rx = pair.rx, .timeout_ns = LONG_NS};

    start(&call, run_recv_timeout);
    AWAIT(receivers_waiting(pair.tx) == 1);
    chan_tx_drop(pair.tx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED);
    chan_rx_drop(pair.rx);
}

/* Batches. */

static void test_many_nothing(bool one)
{
    struct pair pair = open_pair(one, 1);
    size_t count = 9;

    CHECK_STATUS(chan_send_many(pair.tx, NULL, 0, &count), CHAN_OK);
    CHECK(count == 0);
    count = 9;
    CHECK_STATUS(chan_recv_many(pair.rx, NULL, 0, &count), CHAN_OK);
    CHECK(count == 0);
    CHECK_STATUS(chan_send_many(pair.tx, NULL, 0, NULL), CHAN_OK);
    drop_pair(&pair);
}

static void test_many_wraps(bool one)
{
    struct pair pair = open_pair(one, 7);
    long in[5];
    long out[5];
    long next = 0;
    size_t count;

    for (long round = 0; round < 100; round++) {
        for (long i = 0; i < 5; i++)
            in[i] = round * 5 + i;
        CHECK_STATUS(chan_send_many(pair.tx, in, 5, &count), CHAN_OK);
        CHECK(count == 5);
        CHECK_STATUS(chan_recv_many(pair.rx, out, 5, &count), CHAN_OK);
        CHECK(count == 5);
        for (size_t i = 0; i < count; i++)
            CHECK(out[i] == next++);
    }
    drop_pair(&pair);
}

static void test_recv_many_takes_what_is_there(bool one)
{
    struct pair pair = open_pair(one, 8);
    long out[8];
    size_t count;

    fill(pair.tx, 3);
    CHECK_STATUS(chan_recv_many(pair.rx, out, 8, &count), CHAN_OK);
    CHECK(count == 3 && out[2] == 2);
    fill(pair.tx, 6);
    CHECK_STATUS(chan_recv_many(pair.rx, out, 4, &count), CHAN_OK);
    CHECK(count == 4 && chan_rx_len(pair.rx) == 2);
    chan_tx_drop(pair.tx);
    CHECK_STATUS(chan_recv_many(pair.rx, out, 8, &count), CHAN_OK);
    CHECK(count == 2 && out[0] == 4);
    CHECK_STATUS(chan_recv_many(pair.rx, out, 8, &count), CHAN_CLOSED);
    CHECK(count == 0);
    chan_rx_drop(pair.rx);
}

static void test_recv_many_waits(bool one)
{
    struct pair pair = open_pair(one, 8);
    struct call call = {.rx = pair.rx, .n = 8};

    start(&call, run_recv_many);
    AWAIT(receivers_waiting(pair.tx) == 1);
    CHECK_STATUS(send_long(pair.tx, 6), CHAN_OK);
    join(&call);
    CHECK(call.status == CHAN_OK && call.count == 1 && call.values[0] == 6);
    drop_pair(&pair);
}

static void test_send_many_waits(bool one)
{
    struct pair pair = open_pair(one, 3);
    struct call call = {.tx = pair.tx, .n = 32};
    long value;

    for (long i = 0; i < 32; i++)
        call.values[i] = i;
    start(&call, run_send_many);
    AWAIT(senders_waiting(pair.rx) == 1);
    CHECK(chan_rx_len(pair.rx) == 3);
    for (long i = 0; i < 32; i++) {
        CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
        CHECK(value == i);
    }
    join(&call);
    CHECK(call.status == CHAN_OK && call.count == 32);
    drop_pair(&pair);
}

static void test_send_many_closed(bool one)
{
    struct pair pair = open_pair(one, 3);
    struct call call = {.tx = pair.tx, .n = 10, .values = {1, 2, 3, 4, 5}};

    start(&call, run_send_many);
    AWAIT(senders_waiting(pair.rx) == 1);
    CHECK(next_long(pair.rx) == 1);
    AWAIT(senders_waiting(pair.rx) == 1 && chan_rx_len(pair.rx) == 3);
    chan_rx_drop(pair.rx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED && call.count == 4 && call.values[4] == 5);
    CHECK(dropped == 3 && dropped_sum == 9);
    chan_tx_drop(pair.tx);
}

/* Shutdown. */

static void test_shutdown(bool one)
{
    struct pair pair = open_pair(one, 4);
    long value = 7;
    size_t count = 9;

    fill(pair.tx, 3);
    chan_rx_shutdown(pair.rx);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_CLOSED);
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_CLOSED);
    CHECK_STATUS(chan_recv_timeout(pair.rx, &value, LONG_NS), CHAN_CLOSED);
    CHECK_STATUS(chan_recv_many(pair.rx, &value, 1, &count), CHAN_CLOSED);
    CHECK(value == 7 && count == 0);
    CHECK(chan_tx_is_closed(pair.tx) && chan_rx_is_closed(pair.rx));
    chan_rx_drop(pair.rx);
    CHECK(dropped == 3 && dropped_sum == 3);
    chan_tx_drop(pair.tx);
    CHECK(dropped == 3);
}

static void test_shutdown_idempotent(bool one)
{
    struct pair pair = open_pair(one, 4);

    fill(pair.tx, 2);
    chan_rx_shutdown(pair.rx);
    chan_rx_shutdown(pair.rx);
    chan_tx_drop(pair.tx);
    chan_rx_shutdown(pair.rx);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 2);
}

static void test_shutdown_wakes_receiver(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.rx = pair.rx};

    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    chan_rx_shutdown(pair.rx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED);
    drop_pair(&pair);
}

static void test_shutdown_wakes_sender(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call call = {.tx = pair.tx, .values = {5}};

    fill(pair.tx, 1);
    start(&call, run_send);
    AWAIT(senders_waiting(pair.rx) == 1);
    chan_rx_shutdown(pair.rx);
    join(&call);
    CHECK(call.status == CHAN_CLOSED && call.values[0] == 5);
    drop_pair(&pair);
    CHECK(dropped == 1);
}

struct flow {
    chan_tx *tx;
    chan_rx *rx;
    long limit;
    long moved;
    long sum;
    enum chan_status status;
};

static void *run_source(void *arg)
{
    struct flow *flow = arg;

    flow->status = CHAN_OK;
    for (long i = 0; i < flow->limit; i++) {
        flow->status = chan_send(flow->tx, &i);
        if (flow->status != CHAN_OK)
            break;
        flow->moved++;
        flow->sum += i;
    }
    chan_tx_drop(flow->tx);
    return NULL;
}

static void *run_sink(void *arg)
{
    struct flow *flow = arg;
    long value;

    while ((flow->status = chan_recv(flow->rx, &value)) == CHAN_OK) {
        flow->moved++;
        flow->sum += value;
    }
    return NULL;
}

/* Another thread shuts a running flow down; every value is received or dropped, once. */
static void test_shutdown_in_flow(bool one)
{
    for (long round = 0; round < 60; round++) {
        struct pair pair = open_pair(one, round % 2 == 0 ? 1 + (size_t)round % 5 : 16);
        struct flow source = {.tx = pair.tx, .limit = LONG_MAX};
        struct flow sink = {.rx = pair.rx};
        pthread_t threads[2];

        pthread_create(&threads[0], NULL, run_source, &source);
        pthread_create(&threads[1], NULL, run_sink, &sink);
        usleep((useconds_t)round);
        chan_rx_shutdown(pair.rx);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        chan_rx_drop(pair.rx);
        CHECK(source.status == CHAN_CLOSED && sink.status == CHAN_CLOSED);
        CHECK(source.moved == sink.moved + dropped);
        CHECK(source.sum == sink.sum + dropped_sum);
    }
}

/* Flows. */

static void check_flow(bool one, size_t capacity, long limit)
{
    struct pair pair = open_pair(one, capacity);
    struct flow source = {.tx = pair.tx, .limit = limit};
    pthread_t thread;
    long value;
    long next = 0;

    pthread_create(&thread, NULL, run_source, &source);
    while (chan_recv(pair.rx, &value) == CHAN_OK)
        CHECK(value == next++);
    pthread_join(thread, NULL);
    CHECK(next == limit && source.moved == limit);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 0);
}

static void test_flow_capacity_1(bool one)
{
    check_flow(one, 1, 3000);
}

static void test_flow_capacity_3(bool one)
{
    check_flow(one, 3, 10000);
}

static void test_flow_capacity_64(bool one)
{
    check_flow(one, 64, 100000);
}

/* Backpressure: never more sent than received + capacity. */
static void test_backpressure(bool one)
{
    struct pair pair = open_pair(one, 4);
    struct flow source = {.tx = pair.tx, .limit = 200};
    pthread_t thread;
    long value;

    pthread_create(&thread, NULL, run_source, &source);
    for (long i = 0; i + 4 < 200; i++) {
        AWAIT(senders_waiting(pair.rx) == 1 && chan_rx_len(pair.rx) == 4);
        CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
        CHECK(value == i);
    }
    pthread_join(thread, NULL);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 4);
}

static void *run_echo(void *arg)
{
    struct flow *flow = arg;
    long value;

    while (chan_recv(flow->rx, &value) == CHAN_OK)
        chan_send(flow->tx, &value);
    chan_tx_drop(flow->tx);
    chan_rx_drop(flow->rx);
    return NULL;
}

static void test_ping_pong(bool one)
{
    struct pair there = open_pair(one, 1);
    struct pair back = open_pair(one, 1);
    struct flow echo = {.tx = back.tx, .rx = there.rx};
    pthread_t thread;
    long value;

    pthread_create(&thread, NULL, run_echo, &echo);
    for (long i = 0; i < 2000; i++) {
        CHECK_STATUS(send_long(there.tx, i), CHAN_OK);
        CHECK_STATUS(chan_recv(back.rx, &value), CHAN_OK);
        CHECK(value == i);
    }
    chan_tx_drop(there.tx);
    CHECK_STATUS(chan_recv(back.rx, &value), CHAN_CLOSED);
    pthread_join(thread, NULL);
    chan_rx_drop(back.rx);
}

/* A timeout races with the value: it comes now or later, never twice, never not at all. */
static void test_timeout_race(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct flow source = {.tx = pair.tx, .limit = 2000};
    enum chan_status status;
    pthread_t thread;
    long value;
    long next = 0;

    pthread_create(&thread, NULL, run_source, &source);
    while ((status = chan_recv_timeout(pair.rx, &value, next % 40 * 1000)) != CHAN_CLOSED)
        if (status == CHAN_OK)
            CHECK(value == next++);
        else
            CHECK(status == CHAN_TIMEOUT);
    pthread_join(thread, NULL);
    CHECK(next == 2000);
    chan_rx_drop(pair.rx);
}

/* The receiver goes at some moment of a running flow. */
static void test_random_rx_drop(bool one)
{
    unsigned seed = 1;

    for (int round = 0; round < 100; round++) {
        struct pair pair = open_pair(one, 1 + (size_t)rand_r(&seed) % 32);
        struct flow source = {.tx = pair.tx, .limit = LONG_MAX};
        long n = rand_r(&seed) % 200;
        long sum = 0;
        long value;
        pthread_t thread;

        pthread_create(&thread, NULL, run_source, &source);
        for (long i = 0; i < n; i++) {
            CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
            sum += value;
        }
        chan_rx_drop(pair.rx);
        pthread_join(thread, NULL);
        CHECK(source.status == CHAN_CLOSED);
        CHECK(source.moved == n + dropped && source.sum == sum + dropped_sum);
    }
}

/* A value so large that most closes come in the middle of a copy. */
struct large {
    long value;
    char more[65528];
};

static void *run_large_source(void *arg)
{
    static struct large large;
    struct flow *flow = arg;

    while (chan_send(flow->tx, &large) == CHAN_OK)
        flow->moved++;
    return NULL;
}

/* A receiver that never waits for a value, and how often it was answered. */
struct asker {
    pthread_t thread;
    chan_rx *rx;
    size_t elem_size;
    atomic_long answers;
    atomic_bool over;
};

static void *run_asker(void *arg)
{
    struct asker *asker = arg;
    void *elem = malloc(asker->elem_size);
    bool timed = false;

    while (elem != NULL && !atomic_load(&asker->over)) {
        timed = !timed;
        if (timed)
            chan_recv_timeout(asker->rx, elem, 1000);
        else
            chan_try_recv(asker->rx, elem);
        atomic_fetch_add(&asker->answers, 1);
    }
    free(elem);
    chan_rx_drop(asker->rx);
    return NULL;
}

static void await_answers(struct asker *askers, size_t n)
{
    long before;

    for (size_t i = 0; i < n; i++) {
        before = atomic_load(&askers[i].answers);
        AWAIT(atomic_load(&askers[i].answers) > before + 1);
    }
}

/* Several wait for the end of one copy, which brings a value to one of them. */
static void test_askers_in_copy(bool one)
{
    struct asker askers[3] = {{0}};
    size_t size = 8 << 20;
    struct chan_options options = {
        .size = sizeof(options), .capacity = capacity_of(1), .elem_size = size};
    struct pair pair;
    void *elem = calloc(1, size);

    (void)one;
    CHECK_STATUS(chan_open(&options, &pair.tx, &pair.rx), CHAN_OK);
    for (size_t i = 0; i < 3; i++) {
        askers[i].elem_size = size;
        CHECK_STATUS(chan_rx_clone(pair.rx, &askers[i].rx), CHAN_OK);
        pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_STATUS(chan_send(pair.tx, elem), CHAN_OK);
        await_answers(askers, 3);
    }
    for (size_t i = 0; i < 3; i++)
        atomic_store(&askers[i].over, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(askers[i].thread, NULL);
    drop_pair(&pair);
    free(elem);
}

/* What was sent when the receiver goes is destroyed at once, what was not is the sender's. */
static void test_rx_drop_in_copy(bool one)
{
    static struct large large;

    for (long round = 0; round < 300; round++) {
        struct chan_options options = {.size = sizeof(options),
                                       .capacity = capacity_of(16),
                                       .elem_size = sizeof(large),
                                       .drop = count_drop,
                                       .one_to_one = one};
        struct flow source = {.moved = 0};
        pthread_t thread;
        chan_rx *rx;

        atomic_store(&dropped, 0);
        CHECK_STATUS(chan_open(&options, &source.tx, &rx), CHAN_OK);
        pthread_create(&thread, NULL, run_large_source, &source);
        for (long i = 0; i < round % 20; i++)
            CHECK_STATUS(chan_recv(rx, &large), CHAN_OK);
        chan_rx_drop(rx);
        pthread_join(thread, NULL);
        CHECK(source.moved == round % 20 + dropped);
        chan_tx_drop(source.tx);
    }
}

/* Clones. */

static void test_clone_one_to_one(bool one)
{
    struct pair pair = open_pair(one, 1);
    chan_tx *tx = NULL;
    chan_rx *rx = NULL;

    CHECK_STATUS(chan_tx_clone(pair.tx, &tx), CHAN_INVALID);
    CHECK_STATUS(chan_rx_clone(pair.rx, &rx), CHAN_INVALID);
    CHECK(tx == NULL && rx == NULL);
    drop_pair(&pair);
}

static void test_clone_tx(bool one)
{
    struct pair pair = open_pair(one, 2);
    chan_tx *clone = NULL;
    long value;

    CHECK_STATUS(chan_tx_clone(pair.tx, &clone), CHAN_OK);
    chan_tx_drop(pair.tx);
    CHECK_STATUS(send_long(clone, 4), CHAN_OK);
    CHECK_STATUS(chan_recv(pair.rx, &value), CHAN_OK);
    CHECK(value == 4);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_EMPTY);
    chan_tx_drop(clone);
    CHECK_STATUS(chan_try_recv(pair.rx, &value), CHAN_CLOSED);
    chan_rx_drop(pair.rx);
}

static void test_clone_rx(bool one)
{
    struct pair pair = open_pair(one, 2);
    chan_rx *clone = NULL;

    CHECK_STATUS(chan_rx_clone(pair.rx, &clone), CHAN_OK);
    fill(pair.tx, 2);
    chan_rx_drop(pair.rx);
    CHECK(dropped == 0 && !chan_tx_is_closed(pair.tx));
    CHECK(next_long(clone) == 0);
    chan_rx_drop(clone);
    CHECK(dropped == 1 && dropped_sum == 1);
    CHECK_STATUS(send_long(pair.tx, 1), CHAN_CLOSED);
    chan_tx_drop(pair.tx);
}

static void test_shutdown_wakes_all(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call calls[4];

    for (int i = 0; i < 4; i++) {
        calls[i] = (struct call){.rx = pair.rx};
        start(&calls[i], run_recv);
    }
    AWAIT(receivers_waiting(pair.tx) == 4);
    chan_rx_shutdown(pair.rx);
    for (int i = 0; i < 4; i++) {
        join(&calls[i]);
        CHECK(calls[i].status == CHAN_CLOSED);
    }
    drop_pair(&pair);
}

static void test_rx_drop_wakes_all(bool one)
{
    struct pair pair = open_pair(one, 1);
    struct call calls[4];

    fill(pair.tx, 1);
    for (int i = 0; i < 4; i++) {
        calls[i] = (struct call){.tx = pair.tx, .values = {i}};
        start(&calls[i], run_send);
    }
    AWAIT(senders_waiting(pair.rx) == 4);
    chan_rx_drop(pair.rx);
    for (int i = 0; i < 4; i++) {
        join(&calls[i]);
        CHECK(calls[i].status == CHAN_CLOSED && calls[i].values[0] == i);
    }
    chan_tx_drop(pair.tx);
    CHECK(dropped == 1);
}

/* Values whose sum tells that each was received once. */
static const long four[4] = {1, 2, 4, 8};

/* Four receivers that sleep. */
static void start_receivers(struct pair *pair, struct call calls[4])
{
    for (int i = 0; i < 4; i++) {
        calls[i] = (struct call){.rx = pair->rx};
        start(&calls[i], run_recv);
    }
    AWAIT(receivers_waiting(pair->tx) == 4);
}

/* They have received the four values. */
static void check_received(struct pair *pair, struct call calls[4])
{
    long sum = 0;

    for (int i = 0; i < 4; i++) {
        join(&calls[i]);
        sum += calls[i].values[0];
    }
    CHECK(sum == 15);
    drop_pair(pair);
}

/* One batch wakes as many receivers as it has values. */
static void test_batch_wakes_several(bool one)
{
    struct pair pair = open_pair(one, 4);
    struct call calls[4];

    start_receivers(&pair, calls);
    CHECK_STATUS(chan_send_many(pair.tx, four, 4, NULL), CHAN_OK);
    check_received(&pair, calls);
}

/* A quiet send is a send for whoever looks. */
static void test_quiet_send(bool one)
{
    struct pair pair = open_pair(one, 2);
    long values[3] = {1, 2, 3};

    CHECK_STATUS(chan_try_send_quiet(pair.tx, &values[0]), CHAN_OK);
    CHECK_STATUS(chan_try_send_quiet(pair.tx, &values[1]), CHAN_OK);
    if (chan_tx_capacity(pair.tx) == 2)
        CHECK_STATUS(chan_try_send_quiet(pair.tx, &values[2]), CHAN_FULL);
    CHECK(next_long(pair.rx) == 1 && next_long(pair.rx) == 2);
    chan_tx_wake(pair.tx);
    chan_rx_drop(pair.rx);
    CHECK_STATUS(chan_try_send_quiet(pair.tx, &values[2]), CHAN_CLOSED);
    chan_tx_wake(pair.tx);
    chan_tx_drop(pair.tx);
}

static void test_quiet_sends_wake_later(bool one)
{
    struct pair pair = open_pair(one, 2);
    struct call call = {.rx = pair.rx};

    for (long i = 0; i < 20; i++) {
        start(&call, run_recv);
        AWAIT(receivers_waiting(pair.tx) == 1);
        CHECK_STATUS(chan_try_send_quiet(pair.tx, &i), CHAN_OK);
        chan_tx_wake(pair.tx);
        join(&call);
        CHECK(call.status == CHAN_OK && call.values[0] == i);
    }
    drop_pair(&pair);
}

static void test_quiet_sends_close(bool one)
{
    struct pair pair = open_pair(one, 2);
    struct call call = {.rx = pair.rx};
    long value = 7;

    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    CHECK_STATUS(chan_try_send_quiet(pair.tx, &value), CHAN_OK);
    chan_tx_drop(pair.tx);
    join(&call);
    CHECK(call.status == CHAN_OK && call.values[0] == 7);
    chan_rx_drop(pair.rx);
}

/* One wake-up for all of them reaches as many receivers as there are values. */
static void test_quiet_sends_wake_several(bool one)
{
    struct pair pair = open_pair(one, 4);
    struct call calls[4];

    start_receivers(&pair, calls);
    for (int i = 0; i < 4; i++)
        CHECK_STATUS(chan_try_send_quiet(pair.tx, &four[i]), CHAN_OK);
    chan_tx_wake(pair.tx);
    check_received(&pair, calls);
}

static void test_slots_wake_senders(bool one)
{
    struct pair pair = open_pair(one, 4);
    struct call calls[4];
    long out[4];
    size_t count;

    fill(pair.tx, 4);
    for (int i = 0; i < 4; i++) {
        calls[i] = (struct call){.tx = pair.tx, .values = {10}};
        start(&calls[i], run_send);
    }
    AWAIT(senders_waiting(pair.rx) == 4);
    CHECK_STATUS(chan_recv_many(pair.rx, out, 4, &count), CHAN_OK);
    CHECK(count == 4 && out[3] == 3);
    for (int i = 0; i < 4; i++) {
        join(&calls[i]);
        CHECK(calls[i].status == CHAN_OK);
    }
    CHECK(chan_rx_len(pair.rx) == 4);
    drop_pair(&pair);
}

/* One waiter leaves on timeout, the others are still served. */
static void test_waiter_leaves(bool one)
{
    struct pair pair = open_pair(one, 4);
    struct call calls[3];

    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.rx = pair.rx, .timeout_ns = i == 1 ? 1000000 : LONG_NS};
        start(&calls[i], run_recv_timeout);
    }
    join(&calls[1]);
    CHECK(calls[1].status == CHAN_TIMEOUT);
    AWAIT(receivers_waiting(pair.tx) == 2);
    fill(pair.tx, 2);
    join(&calls[0]);
    join(&calls[2]);
    CHECK(calls[0].status == CHAN_OK && calls[2].status == CHAN_OK);
    CHECK(chan_rx_len(pair.rx) == 0);
    drop_pair(&pair);
}

/* Many threads. */

#define SENDERS 4
#define RECEIVERS 4
#define SOURCE_SHIFT 32

struct worker {
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    long id;
    long limit; /* how many before it goes */
    long moved;
    long batch;
    bool timed;
    bool disordered;
};

static void *run_worker_send(void *arg)
{
    struct worker *worker = arg;
    long values[16];
    size_t count;

    while (worker->moved < worker->limit) {
        long n = worker->limit - worker->moved;

        n = n < worker->batch ? n : worker->batch;
        for (long i = 0; i < n; i++)
            values[i] = worker->id << SOURCE_SHIFT | (worker->moved + i);
        if (worker->timed) {
            enum chan_status status = chan_send_timeout(worker->tx, values, 20000);

            if (status == CHAN_CLOSED)
                break;
            worker->moved += status == CHAN_OK;
            continue;
        }
        enum chan_status status = chan_send_many(worker->tx, values, (size_t)n, &count);

        worker->moved += (long)count;
        if (status != CHAN_OK)
            break;
    }
    chan_tx_drop(worker->tx);
    return NULL;
}

static void *run_worker_recv(void *arg)
{
    struct worker *worker = arg;
    long last[SENDERS] = {-1, -1, -1, -1};
    long values[16];
    enum chan_status status;
    size_t count;

    while (worker->moved < worker->limit) {
        count = 1;
        if (worker->timed)
            status = chan_recv_timeout(worker->rx, values, 20000);
        else
            status = chan_recv_many(worker->rx, values, (size_t)worker->batch, &count);
        if (status == CHAN_TIMEOUT)
            continue;
        if (status != CHAN_OK)
            break;
        for (size_t i = 0; i < count; i++) {
            long source = values[i] >> SOURCE_SHIFT;
            long number = values[i] & 0xffffffff;

            worker->disordered |= number <= last[source];
            last[source] = number;
        }
        worker->moved += (long)count;
    }
    chan_rx_drop(worker->rx);
    return NULL;
}

struct crowd {
    size_t capacity;
    long batch;
    long send_limit;
    long recv_limit;
    bool timed;
};

/* Runs the crowd; every value sent is received or dropped, and each sender's order is kept. */
static void check_crowd(const struct crowd *crowd, bool all_arrive)
{
    struct pair pair = open_pair(false, crowd->capacity);
    struct worker senders[SENDERS];
    struct worker receivers[RECEIVERS];
    long sent = 0;
    long received = 0;

    for (long i = 0; i < SENDERS; i++) {
        senders[i] = (struct worker){
            .id = i, .limit = crowd->send_limit, .batch = crowd->batch, .timed = crowd->timed};
        receivers[i] = (struct worker){
            .limit = crowd->recv_limit, .batch = crowd->batch, .timed = crowd->timed};
        CHECK_STATUS(chan_tx_clone(pair.tx, &senders[i].tx), CHAN_OK);
        CHECK_STATUS(chan_rx_clone(pair.rx, &receivers[i].rx), CHAN_OK);
    }
    drop_pair(&pair);
    for (long i = 0; i < SENDERS; i++) {
        pthread_create(&senders[i].thread, NULL, run_worker_send, &senders[i]);
        pthread_create(&receivers[i].thread, NULL, run_worker_recv, &receivers[i]);
    }
    for (long i = 0; i < SENDERS; i++) {
        pthread_join(senders[i].thread, NULL);
        pthread_join(receivers[i].thread, NULL);
        sent += senders[i].moved;
        received += receivers[i].moved;
        CHECK(!receivers[i].disordered);
    }
    CHECK(sent == received + dropped);
    if (all_arrive)
        CHECK(dropped == 0 && sent == SENDERS * crowd->send_limit);
}

static void test_crowd_capacity_1(bool one)
{
    (void)one;
    check_crowd(&(struct crowd){1, 1, 2000, LONG_MAX, false}, true);
}

static void test_crowd_capacity_3(bool one)
{
    (void)one;
    check_crowd(&(struct crowd){3, 1, 5000, LONG_MAX, false}, true);
}

static void test_crowd_capacity_64(bool one)
{
    (void)one;
    check_crowd(&(struct crowd){64, 1, 20000, LONG_MAX, false}, true);
}

static void test_crowd_batches(bool one)
{
    (void)one;
    check_crowd(&(struct crowd){5, 16, 20000, LONG_MAX, false}, true);
}

static void test_crowd_timed(bool one)
{
    (void)one;
    check_crowd(&(struct crowd){2, 1, 2000, LONG_MAX, true}, true);
}

static void test_crowd_random_close(bool one)
{
    unsigned seed = 7;

    (void)one;
    for (int round = 0; round < 100; round++) {
        struct crowd crowd = {1 + (size_t)rand_r(&seed) % 6, 1 + rand_r(&seed) % 4, LONG_MAX >> 32,
                              1 + rand_r(&seed) % 300, rand_r(&seed) % 4 == 0};

        check_crowd(&crowd, false);
    }
}

static void test_crowd_fan_in(bool one)
{
    struct pair pair = open_pair(one, 2);
    struct worker senders[SENDERS];
    long next[SENDERS] = {0};
    long value;
    long n = 0;

    for (long i = 0; i < SENDERS; i++) {
        senders[i] = (struct worker){.id = i, .limit = 2000, .batch = 3};
        CHECK_STATUS(chan_tx_clone(pair.tx, &senders[i].tx), CHAN_OK);
        pthread_create(&senders[i].thread, NULL, run_worker_send, &senders[i]);
    }
    chan_tx_drop(pair.tx);
    for (; chan_recv(pair.rx, &value) == CHAN_OK; n++)
        CHECK((value & 0xffffffff) == next[value >> SOURCE_SHIFT]++);
    for (long i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    CHECK(n == SENDERS * 2000);
    chan_rx_drop(pair.rx);
}

/* Misuse, found by a debug build only. */

#ifdef CHAN_DEBUG

static void misuse_drop_twice(void)
{
    struct pair pair = open_pair(true, 1);

    chan_tx_drop(pair.tx);
    chan_tx_drop(pair.tx);
}

static void misuse_use_after_drop(void)
{
    struct pair pair = open_pair(false, 1);
    long value;

    drop_pair(&pair);
    chan_recv(pair.rx, &value);
}

static void misuse_drop_in_use(void)
{
    struct pair pair = open_pair(false, 1);
    struct call call = {.rx = pair.rx};

    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    chan_rx_drop(pair.rx);
}

static void misuse_two_threads(void)
{
    struct pair pair = open_pair(true, 1);
    struct call call = {.rx = pair.rx};
    long value;

    start(&call, run_recv);
    AWAIT(receivers_waiting(pair.tx) == 1);
    chan_try_recv(pair.rx, &value);
}

static void test_misuse(bool one)
{
    (void)one;
    check_abort(misuse_drop_twice, "chan: chan_tx_drop: the handle was dropped before");
    check_abort(misuse_use_after_drop, "chan: chan_recv: the handle was dropped before");
    check_abort(misuse_drop_in_use, "chan: chan_rx_drop: the handle is in use");
    check_abort(misuse_two_threads, "chan: chan_try_recv: two threads");
}

#endif

/* The table. */

#define ONE 1u
#define MANY 2u
#define UNBOUNDED 4u /* those of ONE and MANY without a capacity, too */
#define BOTH (ONE | MANY)
#define ALL (BOTH | UNBOUNDED)

struct test {
    const char *name;
    void (*run)(bool one);
    unsigned flavours;
};

static const struct test tests[] = {
    {"options without sense are refused", test_options_invalid, BOTH},
    {"options of a newer caller", test_options_longer, BOTH},
    {"a channel too big for memory", test_options_too_big, BOTH},
    {"name and capacity", test_name, BOTH},
    {"names of statuses", test_status_names, ONE},
    {"drop of NULL", test_drop_null, ONE},
    {"exact capacity 1..70", test_exact_capacity, BOTH},
    {"odd capacity wraps", test_wrap_odd, ALL},
    {"len, is_full, is_empty", test_len, BOTH},
    {"element sizes 0..129", test_elem_sizes, ALL},
    {"signals: elements of no size", test_signals, BOTH},
    {"drop sees aligned elements", test_drop_aligned, ALL},
    {"try_recv: empty, ok, closed", test_try_recv, ALL},
    {"try_send: ok, full, closed", test_try_send, BOTH},
    {"closed comes before full and timeout", test_closed_before_full, ALL},
    {"success comes before timeout", test_success_before_timeout, ALL},
    {"success comes before closed", test_success_before_closed, ALL},
    {"timeout 0 and less", test_timeout_zero, BOTH},
    {"timeout passes", test_timeout_passes, BOTH},
    {"queued values survive the last sender", test_close_keeps_queued, ALL},
    {"the last receiver destroys queued values", test_rx_drop_destroys, ALL},
    {"both sides gone with values queued", test_rx_drop_after_tx_drop, ALL},
    {"no drop function", test_no_drop_function, ALL},
    {"is_closed", test_is_closed, ALL},
    {"a drop function uses a channel", test_drop_uses_channel, ALL},
    {"a send wakes a receiver", test_send_wakes_receiver, ALL},
    {"one freed slot wakes a sender", test_slot_wakes_sender, BOTH},
    {"the last receiver wakes a sender, value kept", test_rx_drop_wakes_sender, BOTH},
    {"the last sender wakes a receiver", test_tx_drop_wakes_receiver, ALL},
    {"a sender with timeout is woken", test_timed_send_wakes, BOTH},
    {"a receiver with timeout is woken", test_timed_recv_wakes, ALL},
    {"a receiver with timeout sees the close", test_timed_recv_closed, ALL},
    {"batches of nothing", test_many_nothing, ALL},
    {"batches wrap", test_many_wraps, ALL},
    {"recv_many takes what is there", test_recv_many_takes_what_is_there, ALL},
    {"recv_many waits for one", test_recv_many_waits, ALL},
    {"send_many waits for room", test_send_many_waits, BOTH},
    {"send_many tells how many went before the close", test_send_many_closed, BOTH},
    {"shutdown closes both ways", test_shutdown, ALL},
    {"shutdown again and late", test_shutdown_idempotent, ALL},
    {"shutdown wakes a receiver", test_shutdown_wakes_receiver, ALL},
    {"shutdown wakes a sender", test_shutdown_wakes_sender, BOTH},
    {"shutdown of a running flow", test_shutdown_in_flow, ALL},
    {"flow at capacity 1", test_flow_capacity_1, BOTH},
    {"flow at capacity 3", test_flow_capacity_3, ALL},
    {"flow at capacity 64", test_flow_capacity_64, ALL},
    {"backpressure", test_backpressure, BOTH},
    {"ping-pong", test_ping_pong, ALL},
    {"a timeout races with a value", test_timeout_race, ALL},
    {"the receiver goes at a random moment", test_random_rx_drop, ALL},
    {"the receiver goes in the middle of a copy", test_rx_drop_in_copy, BOTH},
    {"who does not wait is answered, with others in a copy", test_askers_in_copy, MANY | UNBOUNDED},
    {"one to one: no clones", test_clone_one_to_one, ONE | UNBOUNDED},
    {"clone of a sender", test_clone_tx, MANY | UNBOUNDED},
    {"clone of a receiver", test_clone_rx, MANY | UNBOUNDED},
    {"shutdown wakes all receivers", test_shutdown_wakes_all, MANY | UNBOUNDED},
    {"the last receiver wakes all senders", test_rx_drop_wakes_all, MANY},
    {"one batch wakes several receivers", test_batch_wakes_several, MANY | UNBOUNDED},
    {"a quiet send is there for who looks", test_quiet_send, ALL},
    {"quiet sends, and one wake-up", test_quiet_sends_wake_later, ALL},
    {"quiet sends, and the close", test_quiet_sends_close, ALL},
    {"one wake-up for quiet sends reaches several receivers", test_quiet_sends_wake_several,
     MANY | UNBOUNDED},
    {"several slots wake several senders", test_slots_wake_senders, MANY},
    {"a waiter leaves, the others stay", test_waiter_leaves, MANY | UNBOUNDED},
    {"4 senders, 4 receivers, capacity 1", test_crowd_capacity_1, MANY},
    {"4 senders, 4 receivers, capacity 3", test_crowd_capacity_3, MANY},
    {"4 senders, 4 receivers, capacity 64", test_crowd_capacity_64, MANY | UNBOUNDED},
    {"4 senders, 4 receivers, batches", test_crowd_batches, MANY | UNBOUNDED},
    {"4 senders, 4 receivers, timeouts", test_crowd_timed, MANY | UNBOUNDED},
    {"4 senders, 4 receivers, random close", test_crowd_random_close, MANY | UNBOUNDED},
    {"fan-in keeps each sender's order", test_crowd_fan_in, MANY | UNBOUNDED},
#ifdef CHAN_DEBUG
    {"misuse aborts", test_misuse, ONE},
#endif
};

static int run_test(const struct test *test, unsigned flavour, int number)
{
    static const char *const names[] = {[ONE] = "1:1",
                                        [MANY] = "many",
                                        [ONE | UNBOUNDED] = "1:1 unbounded",
                                        [MANY | UNBOUNDED] = "many unbounded"};
    int before = atomic_load(&failures);
    bool ok;

    unbounded = flavour & UNBOUNDED;
    test->run(flavour & ONE);
    ok = atomic_load(&failures) == before;
    printf("%sok %d - %s (%s)\n", ok ? "" : "not ", number, test->name, names[flavour]);
    fflush(stdout);
    return ok ? 0 : 1;
}

int main(void)
{
    static const unsigned flavours[] = {ONE, MANY, ONE | UNBOUNDED, MANY | UNBOUNDED};
    int number = 0;
    int failed = 0;

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        for (size_t j = 0; j < sizeof(flavours) / sizeof(flavours[0]); j++)
            if ((tests[i].flavours & flavours[j]) == flavours[j])
                failed += run_test(&tests[i], flavours[j], ++number);
    printf("1..%d\n", number);
    return failed > 0;
}
