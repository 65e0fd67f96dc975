/*
 * chan_ring_test.c - the ring of many senders and receivers, from the inside: peers that are
 * stopped in the middle of a copy, and peers that come in between two loads; and the park behind
 * it. Writes TAP.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Every load of the ring first lets somebody else do something. */
static void (*before_load)(void);

static void load_hook(void)
{
    if (before_load != NULL)
        before_load();
}

#undef atomic_load
#define atomic_load(object) (load_hook(), atomic_load_explicit(object, memory_order_seq_cst))
#define chani_ring_many_new ring_new
#define chani_ring_many_new_at ring_new_at
#include "../../lib/chan/chan.h"
#include "../../lib/chan/ring_many.c"

static int failures;

#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            failures++;                                                                            \
            printf("# line %d: %s\n", __LINE__, #claim);                                           \
        }                                                                                          \
    } while (0)

static struct chani_ring *base;

static enum chani_moved push_long(long value)
{
    size_t moved;

    return push(base, &value, 1, &moved);
}

static enum chani_moved pop_long(void)
{
    long value;
    size_t moved;

    return pop(base, &value, 1, &moved);
}

/* A thread that has claimed a position and not finished its copy. */
static uint64_t start_push(void)
{
    struct place at;
    size_t run;

    CHECK(claim_push(ring_of(base), &at, 1, &run) == CHANI_MOVED);
    return at.pos;
}

static uint64_t start_pop(void)
{
    struct place at;
    size_t run;

    CHECK(claim_pop(ring_of(base), &at, 1, &run) == CHANI_MOVED);
    return at.pos;
}

static void finish_push(uint64_t pos)
{
    atomic_store(&slot_at(ring_of(base), pos)->stamp, pos + 1);
}

static void finish_pop(uint64_t pos)
{
    atomic_store(&slot_at(ring_of(base), pos)->stamp, lap_after(ring_of(base), pos));
}

/* A full ring whose oldest value is still being copied in is full, not a reason to spin. */
static void full_while_a_push_is_slow(size_t capacity)
{
    uint64_t pos = start_push();

    for (size_t i = 1; i < capacity; i++)
        CHECK(push_long(1) == CHANI_MOVED);
    CHECK(push_long(1) == CHANI_BLOCKED);
    CHECK(pop_long() == CHANI_BUSY);
    finish_push(pos);
    CHECK(push_long(1) == CHANI_BLOCKED);
    CHECK(pop_long() == CHANI_MOVED);
}

/* An empty ring whose last value is still being copied out is empty. */
static void empty_while_a_pop_is_slow(size_t capacity)
{
    uint64_t pos;

    for (size_t i = 0; i < capacity; i++)
        CHECK(push_long(1) == CHANI_MOVED);
    pos = start_pop();
    for (size_t i = 1; i < capacity; i++)
        CHECK(pop_long() == CHANI_MOVED);
    CHECK(pop_long() == CHANI_BLOCKED);
    CHECK(!can_push(base));
    CHECK(push_long(1) == CHANI_BUSY);
    finish_pop(pos);
    CHECK(push_long(1) == CHANI_MOVED);
}

static int countdown;

/* Somebody goes ahead before the load at which the countdown ends. */
static void somebody_pops(void)
{
    if (--countdown == 0)
        CHECK(pop_long() == CHANI_MOVED);
}

static void somebody_pushes(void)
{
    if (--countdown == 0)
        CHECK(push_long(1) == CHANI_MOVED);
}

/* Two values, or two free slots: whoever takes one while we look, the other is seen. */
static void looks_again(size_t capacity)
{
    if (capacity < 2)
        return;
    for (int when = 1; when <= 3; when++) {
        for (size_t i = 0; i < 2; i++)
            CHECK(push_long(1) == CHANI_MOVED);
        countdown = when;
        before_load = somebody_pops;
        CHECK(can_pop(base));
        before_load = NULL;
        while (pop_long() == CHANI_MOVED)
            ;
        for (size_t i = 2; i < capacity; i++)
            CHECK(push_long(1) == CHANI_MOVED);
        countdown = when;
        before_load = somebody_pushes;
        CHECK(can_push(base));
        before_load = NULL;
        while (pop_long() == CHANI_MOVED)
            ;
    }
}

/*
 * A try that finds a slot in use enters the park like any waiter. When its next attempt fails and
 * an event comes then, the event counts as handed to it: it must attempt again, or a watcher behind
 * it is never told.
 */
static void try_looks_again(size_t capacity)
{
    static struct chani_park park;
    struct chani_wait wait;

    (void)capacity;
    chani_park_init(&park);
    chani_wait_init(&wait, &park, CHANI_NOW);
    while (wait.phase != CHANI_ENTERED)
        CHECK(chani_wait_again(&wait, true));
    chani_park_notify(&park, 1);
    CHECK(chani_wait_again(&wait, false));
    CHECK(!chani_wait_again(&wait, false));
    chani_wait_end(&wait);
    CHECK(chani_park_waiters(&park) == 0);
}

/* Waiters that were told of an event and have not attempted for good since. */
static unsigned claimed(struct chani_park *park)
{
    return (unsigned)(park->word >> 48);
}

/* Attempts without success until the waiter is about to sleep. */
static void enter(struct chani_wait *wait)
{
    do
        CHECK(chani_wait_again(wait, false));
    while (wait->phase != CHANI_ENTERED);
}

/*
 * A burst of events wakes one waiter. As long as that one searches, no event wakes the next; when
 * it has found something, or goes back to sleep, the next event wakes one again.
 */
static void one_searches(size_t capacity)
{
    static struct chani_park park;
    struct chani_wait first;
    struct chani_wait second;

    (void)capacity;
    chani_park_init(&park);
    chani_wait_init(&first, &park, CHAN_FOREVER);
    chani_wait_init(&second, &park, CHAN_FOREVER);
    enter(&first);
    enter(&second);
    chani_park_notify(&park, 1);
    chani_park_notify(&park, 2);
    CHECK(claimed(&park) == 1);

    CHECK(chani_wait_again(&first, false));
    CHECK(first.phase == CHANI_SEARCHING);
    chani_park_notify(&park, 1);
    CHECK(claimed(&park) == 1 && chani_park_waiters(&park) == 2);
    chani_wait_end(&first);
    CHECK(first.slept && claimed(&park) == 0 && chani_park_waiters(&park) == 1);

    chani_park_notify(&park, 1);
    CHECK(chani_wait_again(&second, false));
    enter(&second);
    CHECK(claimed(&park) == 0 && chani_park_waiters(&park) == 1);
    chani_park_notify(&park, 1);
    CHECK(claimed(&park) == 1);
    chani_wait_end(&second);
    CHECK(claimed(&park) == 0 && chani_park_waiters(&park) == 0);
}

/* Closing does not count on one to tell the others. */
static void all_are_woken(size_t capacity)
{
    static struct chani_park park;
    struct chani_wait waits[3];

    (void)capacity;
    chani_park_init(&park);
    for (size_t i = 0; i < 3; i++) {
        chani_wait_init(&waits[i], &park, CHAN_FOREVER);
        enter(&waits[i]);
    }
    chani_park_notify(&park, 1);
    chani_park_notify(&park, SIZE_MAX);
    CHECK(claimed(&park) == 3);
    for (size_t i = 0; i < 3; i++)
        chani_wait_end(&waits[i]);
    CHECK(claimed(&park) == 0 && chani_park_waiters(&park) == 0);
}

static const struct {
    const char *name;
    void (*run)(size_t capacity);
} cases[] = {
    {"a ring is full while its oldest push is slow", full_while_a_push_is_slow},
    {"a ring is empty while its last pop is slow", empty_while_a_pop_is_slow},
    {"who asks for others is not misled by one that goes ahead", looks_again},
    {"a try that waited for a peer looks again when it leaves", try_looks_again},
    {"of several waiters one searches at a time", one_searches},
    {"an event for all wakes all", all_are_woken},
};

int main(void)
{
    static const size_t capacities[] = {1, 2, 3, 4, 5};
    int number = 0;
    int failed = 0;

    alarm(60); /* the failure of the first two is a spin without end */
    printf("1..%zu\n", sizeof(cases) / sizeof(cases[0]));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        failures = 0;
        for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
            base = ring_new(capacities[c], sizeof(long));
            cases[i].run(capacities[c]);
            base->ops->free(base);
        }
        printf("%sok %d - %s\n", failures > 0 ? "not " : "", ++number, cases[i].name);
        fflush(stdout);
        failed += failures > 0;
    }
    return failed > 0;
}
