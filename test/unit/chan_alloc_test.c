/*
 * chan_alloc_test.c - every allocation of the channel library fails once, and from then on. Writes
 * TAP.
 *
 * The program is linked so that the library's allocations come here. A call is made with allocation
 * number 1, 2, 3, ... failing, until one passes without a failure: each failed call must give
 * CHAN_NOMEM, leave its outputs alone and the heap as it was, and work when it is repeated.
 */
#include "../../lib/chan/chan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The allocator. */

static long blocks;     /* alive */
static size_t calls;    /* allocations since the countdown was set */
static size_t fail_at;  /* number of the one that fails; 0 for none */
static bool fail_after; /* the later ones fail, too */

void *__real_malloc(size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **block, size_t align, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static bool fails(void)
{
    calls++;
    if (fail_at == 0 || calls < fail_at || (calls > fail_at && !fail_after))
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    if (block != NULL)
        blocks++;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *block = __wrap_malloc(n * size);

    return block != NULL ? memset(block, 0, n * size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    if (old == NULL)
        return __wrap_malloc(size);
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : counted(__real_aligned_alloc(align, size));
}

int __wrap_posix_memalign(void **block, size_t align, size_t size)
{
    void *made = __wrap_aligned_alloc(align, (size + align - 1) / align * align);

    if (made == NULL)
        return ENOMEM;
    *block = made;
    return 0;
}

char *__wrap_strdup(const char *text)
{
    char *copy = __wrap_malloc(strlen(text) + 1);

    return copy != NULL ? strcpy(copy, text) : NULL;
}

void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

/* The calls. */

static int failures;

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            failures++;                                                                            \
            printf("# line %d: %s\n", __LINE__, #claim);                                           \
        }                                                                                          \
    } while (0)

struct elem {
    long number;
    char rest[600];
};

/* What a call works on; made with all memory there is. */
struct world {
    size_t capacity;
    bool one;
    chan_tx *tx;
    chan_rx *rx;
    chan_weak *weak;
};

static chan_tx *const no_tx = (chan_tx *)(void *)"no sender";
static chan_rx *const no_rx = (chan_rx *)(void *)"no receiver";

static enum chan_status open_channel(size_t capacity, bool one, const char *name, chan_tx **tx,
                                     chan_rx **rx)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity,
                                   .elem_size = sizeof(struct elem),
                                   .name = name,
                                   .one_to_one = one};

    return chan_open(&options, tx, rx);
}

static enum chan_status call_open(struct world *world)
{
    chan_tx *tx = no_tx;
    chan_rx *rx = no_rx;
    enum chan_status status = open_channel(world->capacity, world->one, "a name", &tx, &rx);

    if (status != CHAN_OK) {
        CHECK(tx == no_tx && rx == no_rx);
        return status;
    }
    chan_tx_drop(tx);
    chan_rx_drop(rx);
    return status;
}

static enum chan_status end_tx(enum chan_status status, chan_tx *tx)
{
    if (status == CHAN_OK)
        chan_tx_drop(tx);
    else
        CHECK(tx == no_tx);
    return status;
}

static enum chan_status end_rx(enum chan_status status, chan_rx *rx)
{
    if (status == CHAN_OK)
        chan_rx_drop(rx);
    else
        CHECK(rx == no_rx);
    return status;
}

static enum chan_status call_tx_clone(struct world *world)
{
    chan_tx *tx = no_tx;
    enum chan_status status = chan_tx_clone(world->tx, &tx);

    return end_tx(status, tx);
}

static enum chan_status call_rx_clone(struct world *world)
{
    chan_rx *rx = no_rx;
    enum chan_status status = chan_rx_clone(world->rx, &rx);

    return end_rx(status, rx);
}

static enum chan_status end_weak(enum chan_status status, chan_weak *weak)
{
    if (status == CHAN_OK)
        chan_weak_drop(weak);
    else
        CHECK((void *)weak == (void *)no_tx);
    return status;
}

static enum chan_status call_downgrade(struct world *world)
{
    chan_weak *weak = (chan_weak *)(void *)no_tx;
    enum chan_status status = chan_tx_downgrade(world->tx, &weak);

    return end_weak(status, weak);
}

static enum chan_status call_weak_clone(struct world *world)
{
    chan_weak *weak = (chan_weak *)(void *)no_tx;
    enum chan_status status = chan_weak_clone(world->weak, &weak);

    return end_weak(status, weak);
}

static enum chan_status call_upgrade(struct world *world)
{
    chan_tx *tx = no_tx;
    enum chan_status status = chan_weak_upgrade(world->weak, &tx);

    return end_tx(status, tx);
}

static enum chan_status call_after(struct world *world)
{
    chan_rx *rx = no_rx;
    enum chan_status status = chan_after(1, &rx);

    (void)world;
    return end_rx(status, rx);
}

static enum chan_status call_at(struct world *world)
{
    chan_rx *rx = no_rx;
    enum chan_status status = chan_at(1, &rx);

    (void)world;
    return end_rx(status, rx);
}

static enum chan_status call_tick(struct world *world)
{
    chan_rx *rx = no_rx;
    enum chan_status status = chan_tick(1000000, &rx);

    (void)world;
    return end_rx(status, rx);
}

static enum chan_status call_never(struct world *world)
{
    chan_rx *rx = no_rx;
    enum chan_status status = chan_never(&rx);

    (void)world;
    return end_rx(status, rx);
}

/* Takes out what was sent: the numbers from 0 on. */
static void drain(struct world *world, size_t n)
{
    struct elem elem;

    for (size_t i = 0; i < n; i++) {
        CHECK(chan_try_recv(world->rx, &elem) == CHAN_OK && elem.number == (long)i);
    }
    CHECK(chan_try_recv(world->rx, &elem) == CHAN_EMPTY);
}

#define MANY 40

static enum chan_status call_send(struct world *world)
{
    enum chan_status status = CHAN_OK;
    struct elem elem = {.number = 0};
    size_t sent = 0;

    while (sent < MANY && status == CHAN_OK) {
        elem.number = (long)sent;
        status = chan_try_send(world->tx, &elem);
        sent += status == CHAN_OK;
    }
    drain(world, sent);
    return status;
}

static enum chan_status call_send_many(struct world *world)
{
    static struct elem elems[MANY];
    enum chan_status status;
    size_t sent = 12345;

    for (size_t i = 0; i < MANY; i++)
        elems[i].number = (long)i;
    status = chan_send_many(world->tx, elems, MANY, &sent);
    CHECK(status == CHAN_OK ? sent == MANY : sent < MANY);
    drain(world, sent);
    return status;
}

static enum chan_status call_evict(struct world *world)
{
    enum chan_status status = CHAN_OK;
    struct elem elem = {.number = 0};
    struct elem evicted;
    bool did_evict = false;
    size_t sent = 0;

    while (sent < MANY && status == CHAN_OK) {
        elem.number = (long)sent;
        status = chan_send_evict(world->tx, &elem, &evicted, &did_evict);
        CHECK(!did_evict);
        sent += status == CHAN_OK;
    }
    drain(world, sent);
    return status;
}

static enum chan_status call_permit(struct world *world)
{
    enum chan_status status = CHAN_OK;
    struct elem elem = {.number = 0};
    struct chan_permit permit;
    size_t sent = 0;

    while (sent < MANY && status == CHAN_OK) {
        elem.number = (long)sent;
        status = chan_reserve(world->tx, &permit);
        if (status != CHAN_OK)
            break;
        status = chan_commit(&permit, &elem);
        sent += status == CHAN_OK;
    }
    drain(world, sent);
    return status;
}

/* Nothing is ready, so that CHAN_EMPTY is the success of this one. */
static enum chan_status call_select(struct world *world)
{
    struct chan_case cases[MANY];
    struct elem elem = {.number = 77};
    enum chan_status status;
    size_t chosen = 0;

    for (size_t i = 0; i < MANY; i++)
        cases[i] = (struct chan_case){.rx = world->rx, .elem = &elem};
    status = chan_try_select(cases, MANY, 0, &chosen);
    CHECK(elem.number == 77 && chosen == MANY);
    return status == CHAN_EMPTY ? CHAN_OK : status;
}

static enum chan_status end_fd(int fd)
{
    if (fd >= 0)
        return CHAN_OK;
    CHECK(errno == ENOMEM);
    return CHAN_NOMEM;
}

/* A descriptor stays with its handle, hence a handle for each. */
static enum chan_status call_tx_fd(struct world *world)
{
    return end_fd(chan_tx_fd(world->tx));
}

static enum chan_status call_rx_fd(struct world *world)
{
    return end_fd(chan_rx_fd(world->rx));
}

struct test {
    const char *name;
    enum chan_status (*call)(struct world *world);
    size_t capacity;
    bool one;
    bool keeps;   /* what the call allocates stays with the channel */
    bool retries; /* the call goes on after one failure */
};

#define UNBOUNDED CHAN_UNBOUNDED

static const struct test tests[] = {
    {"open", call_open, 3, false, false, false},
    {"open, 1:1", call_open, 3, true, false, false},
    {"open, capacity 0", call_open, 0, false, false, false},
    {"open, unbounded", call_open, UNBOUNDED, false, false, false},
    {"open, unbounded, 1:1", call_open, UNBOUNDED, true, false, false},
    {"clone of a sender", call_tx_clone, 3, false, false, false},
    {"clone of a receiver", call_rx_clone, 3, false, false, false},
    {"downgrade", call_downgrade, 3, false, false, false},
    {"clone of a weak sender", call_weak_clone, 3, false, false, false},
    {"upgrade", call_upgrade, 3, false, false, false},
    {"after", call_after, 3, false, false, false},
    {"at", call_at, 3, false, false, false},
    {"tick", call_tick, 3, false, false, false},
    {"never", call_never, 3, false, false, false},
    {"send, unbounded", call_send, UNBOUNDED, false, true, false},
    {"send, unbounded, 1:1", call_send, UNBOUNDED, true, true, false},
    {"send_many, unbounded", call_send_many, UNBOUNDED, false, true, true},
    {"send_many, unbounded, 1:1", call_send_many, UNBOUNDED, true, true, true},
    {"send_evict, unbounded", call_evict, UNBOUNDED, false, true, false},
    {"commit, unbounded", call_permit, UNBOUNDED, false, true, false},
    {"commit", call_permit, 64, false, false, false},
    {"select of many cases", call_select, 3, false, false, false},
    {"descriptor of a sender", call_tx_fd, 3, false, true, false},
    {"descriptor of a receiver", call_rx_fd, 3, false, true, false},
};

static void world_open(struct world *world, const struct test *test)
{
    *world = (struct world){.capacity = test->capacity, .one = test->one};
    CHECK(open_channel(test->capacity, test->one, NULL, &world->tx, &world->rx) == CHAN_OK);
    if (!test->one)
        CHECK(chan_tx_downgrade(world->tx, &world->weak) == CHAN_OK);
}

static void world_close(struct world *world)
{
    chan_tx_drop(world->tx);
    chan_rx_drop(world->rx);
    chan_weak_drop(world->weak);
}

/* The call with allocation number `at` failing; false when it did not come to that. */
static bool run_once(const struct test *test, size_t at, bool after)
{
    struct world world;
    enum chan_status status;
    long at_first = blocks;
    long before;
    bool hit;

    world_open(&world, test);
    before = blocks;
    calls = 0;
    fail_at = at;
    fail_after = after;
    status = test->call(&world);
    fail_at = 0;
    hit = calls >= at;
    CHECK(status == (hit ? CHAN_NOMEM : CHAN_OK) || (test->retries && !after && status == CHAN_OK));
    CHECK(test->keeps || blocks == before);
    CHECK(test->call(&world) == CHAN_OK);
    world_close(&world);
    CHECK(blocks == at_first);
    return hit;
}

static int run_test(const struct test *test, int number)
{
    size_t at = 1;

    failures = 0;
    while (at < 1000 && failures == 0 && run_once(test, at, false)) {
        run_once(test, at, true);
        at++;
    }
    printf("# %zu allocations\n", at - 1);
    printf("%sok %d - %s\n", failures > 0 ? "not " : "", number, test->name);
    fflush(stdout);
    return failures > 0;
}

int main(void)
{
    size_t n = sizeof(tests) / sizeof(tests[0]);
    int failed = 0;

    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++)
        failed += run_test(&tests[i], (int)i + 1);
    return failed > 0;
}
