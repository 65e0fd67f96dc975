/*
 * chan_typed_test.c - channels of one type: the wrappers do what the calls of chan.h do, and
 * pointers are taken from who sent them. Writes TAP. What must not compile is in chan_header.bats.
 */
#include "../../lib/chan/chan_typed.h"

#include "chan_tap.h"

struct job {
    int number;
    char text[20];
};

CHAN_TYPED(job_chan, struct job);
CHAN_TYPED(text_chan, const char *);
CHAN_TYPED_PTR(owned_chan, struct job);

static const struct chan_options four = {.size = sizeof(four), .capacity = 4};

static void test_values(void)
{
    struct job_chan_tx tx;
    struct job_chan_rx rx;
    struct job_chan_tx tx2;
    struct job_chan_rx rx2;
    struct job in[4] = {{1, "one"}, {2, "two"}, {3, "three"}, {4, "four"}};
    struct job out[4];
    struct chan_permit permit;
    bool did_evict;
    size_t count;

    CHECK_STATUS(job_chan_open(&four, &tx, &rx), CHAN_OK);
    CHECK_STATUS(job_chan_tx_clone(tx, &tx2), CHAN_OK);
    CHECK_STATUS(job_chan_rx_clone(rx, &rx2), CHAN_OK);
    CHECK_STATUS(job_chan_send(tx, &in[0]), CHAN_OK);
    CHECK_STATUS(job_chan_try_send_quiet(tx2, &in[1]), CHAN_OK);
    CHECK_STATUS(job_chan_send_deadline(tx, &in[2], 0), CHAN_OK);
    CHECK_STATUS(job_chan_send_timeout(tx, &in[3], 0), CHAN_OK);
    CHECK_STATUS(job_chan_try_send(tx, &in[0]), CHAN_FULL);
    CHECK_STATUS(job_chan_send_evict(tx, &in[0], &out[0], &did_evict), CHAN_OK);
    CHECK(did_evict && out[0].number == 1 && job_chan_tx_len(tx) == 4);
    CHECK_STATUS(job_chan_recv(rx, &out[0]), CHAN_OK);
    CHECK_STATUS(job_chan_try_recv(rx2, &out[1]), CHAN_OK);
    CHECK_STATUS(job_chan_recv_deadline(rx, &out[2], 0), CHAN_OK);
    CHECK_STATUS(job_chan_recv_timeout(rx, &out[3], 0), CHAN_OK);
    CHECK(out[1].number == 3 && strcmp(out[2].text, "four") == 0 && out[3].number == 1);
    CHECK_STATUS(job_chan_try_recv(rx, &out[0]), CHAN_EMPTY);
    CHECK_STATUS(chan_reserve(tx.tx, &permit), CHAN_OK);
    CHECK_STATUS(job_chan_commit(&permit, &in[1]), CHAN_OK);
    CHECK_STATUS(job_chan_send_many(tx, in, 3, &count), CHAN_OK);
    CHECK(count == 3 && job_chan_rx_len(rx) == 4);
    CHECK_STATUS(job_chan_recv_many(rx, out, 4, &count), CHAN_OK);
    CHECK(count == 4 && out[0].number == 2 && out[3].number == 3);
    job_chan_tx_drop(&tx);
    job_chan_tx_drop(&tx2);
    CHECK(tx.tx == NULL);
    CHECK_STATUS(job_chan_recv(rx, &out[0]), CHAN_CLOSED);
    job_chan_rx_drop(&rx);
    job_chan_rx_drop(&rx2);
}

/* A type that is a pointer, sent as a value. */
static void test_pointer_as_value(void)
{
    struct text_chan_tx tx;
    struct text_chan_rx rx;
    const char *in = "hello";
    const char *out;

    CHECK_STATUS(text_chan_open(&four, &tx, &rx), CHAN_OK);
    CHECK_STATUS(text_chan_send(tx, &in), CHAN_OK);
    CHECK_STATUS(text_chan_recv(rx, &out), CHAN_OK);
    CHECK(in == out);
    text_chan_tx_drop(&tx);
    text_chan_rx_drop(&rx);
}

static void test_options(void)
{
    struct chan_options options = {.capacity = 1};
    struct job_chan_tx tx;
    struct job_chan_rx rx;

    CHECK_STATUS(job_chan_open(NULL, &tx, &rx), CHAN_INVALID);
    CHECK_STATUS(job_chan_open(&options, &tx, &rx), CHAN_INVALID);
}

static struct job *job_new(int number)
{
    struct job *job = calloc(1, sizeof(*job));

    job->number = number;
    return job;
}

static void job_drop(void *elem, void *ctx)
{
    free(*(struct job **)elem);
    ++*(int *)ctx;
}

static void test_pointers(void)
{
    int drops = 0;
    struct chan_options options = {
        .size = sizeof(options), .capacity = 2, .drop = job_drop, .drop_ctx = &drops};
    struct owned_chan_tx tx;
    struct owned_chan_rx rx;
    struct job *jobs[4];
    struct job *out = NULL;
    struct chan_permit permit;
    bool did_evict;
    size_t count;

    for (int i = 0; i < 4; i++)
        jobs[i] = job_new(i);
    CHECK_STATUS(owned_chan_open(&options, &tx, &rx), CHAN_OK);
    CHECK_STATUS(owned_chan_send(tx, &jobs[0]), CHAN_OK);
    CHECK_STATUS(owned_chan_try_send_quiet(tx, &jobs[1]), CHAN_OK);
    CHECK(jobs[0] == NULL && jobs[1] == NULL);
    CHECK_STATUS(owned_chan_try_send(tx, &jobs[2]), CHAN_FULL);
    CHECK_STATUS(owned_chan_send_timeout(tx, &jobs[2], 0), CHAN_TIMEOUT);
    CHECK_STATUS(owned_chan_send_deadline(tx, &jobs[2], 0), CHAN_TIMEOUT);
    CHECK(jobs[2] != NULL && jobs[2]->number == 2);
    CHECK_STATUS(owned_chan_send_evict(tx, &jobs[2], &out, &did_evict), CHAN_OK);
    CHECK(did_evict && jobs[2] == NULL && out->number == 0);
    jobs[0] = out;
    CHECK_STATUS(owned_chan_send_evict(tx, &jobs[0], &jobs[0], &did_evict), CHAN_OK);
    CHECK(did_evict && jobs[0] != NULL && jobs[0]->number == 1);
    CHECK_STATUS(owned_chan_recv(rx, &jobs[1]), CHAN_OK);
    CHECK_STATUS(owned_chan_recv(rx, &jobs[2]), CHAN_OK);
    CHECK(jobs[1]->number == 2 && jobs[2]->number == 0);
    CHECK_STATUS(chan_reserve(tx.tx, &permit), CHAN_OK);
    CHECK_STATUS(owned_chan_commit(&permit, &jobs[3]), CHAN_OK);
    CHECK(jobs[3] == NULL);
    CHECK_STATUS(owned_chan_send_many(tx, jobs, 1, &count), CHAN_OK);
    CHECK(count == 1 && jobs[0] == NULL && jobs[1] != NULL);
    owned_chan_rx_drop(&rx);
    CHECK(drops == 2);
    CHECK_STATUS(owned_chan_send_many(tx, jobs + 1, 2, NULL), CHAN_CLOSED);
    CHECK_STATUS(owned_chan_send(tx, &jobs[1]), CHAN_CLOSED);
    CHECK(jobs[1] != NULL && jobs[2] != NULL);
    free(jobs[1]);
    free(jobs[2]);
    owned_chan_tx_drop(&tx);
}

struct test {
    const char *name;
    void (*run)(void);
};

static const struct test tests[] = {
    {"values", test_values},
    {"a pointer as a value", test_pointer_as_value},
    {"options without sense are refused", test_options},
    {"pointers are taken from who sent them", test_pointers},
};

int main(void)
{
    int failed = 0;
    int number = 0;

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        int before = atomic_load(&failures);

        tests[i].run();
        failed += atomic_load(&failures) != before;
        printf("%sok %d - %s\n", atomic_load(&failures) == before ? "" : "not ", ++number,
               tests[i].name);
    }
    printf("1..%d\n", number);
    return failed > 0;
}
