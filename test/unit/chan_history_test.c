/*
 * chan_history_test.c - random threads on a channel, and a checker of what they saw. Writes TAP.
 *
 * Every call is recorded with the time of its beginning and its end (ticks of one global counter).
 * After each round the whole history is checked:
 *
 *     conservation   a value that was sent was received or destroyed once, no other value ever was
 *     order          values of one sender come in the order they were sent
 *     empty          an answer "empty" (or a timeout) is wrong if at every instant of the call some
 *                    value was certainly inside: its send had returned, its receive not begun
 *     full           an answer "full" (or a timeout) is wrong if at every instant of the call there
 *                    was certainly room: sends begun less receives returned are below the capacity
 *     capacity       never more than the capacity certainly inside; at capacity 0 no send returns
 *                    before the receive of its value begins
 *     closed         only when the other side has begun to drop its last handle, and for receivers
 *                    when nothing comes afterwards
 *
 * That the checker sees something is shown by planted faults: a layer between the threads and the
 * library that loses, repeats, reorders, or lies.
 *
 *     CHAN_HISTORY_OPS   calls in all (100,000)
 *     CHAN_HISTORY_SEED  what the threads do; their timing is the system's
 */
#include "../../lib/chan/chan.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIDE 4    /* threads of a side */
#define MAX_CALLS 400 /* calls of a thread in a round; a receiver may need more to drain */
#define MAX_BATCH 6
#define MAX_VALUES (MAX_CALLS * MAX_BATCH)
#define STALL_S 300

enum fault {
    FAULT_NONE,
    FAULT_LOSE,      /* a received value is forgotten */
    FAULT_REPEAT,    /* a value is received again */
    FAULT_REORDER,   /* two values are received the other way round */
    FAULT_TEAR,      /* half of a value is of another one */
    FAULT_LIE_EMPTY, /* "empty" without asking */
    FAULT_LIE_FULL,  /* "full" without asking */
    FAULT_LIE_CLOSED,
    FAULT_LIE_SENT,   /* "ok" without sending */
    FAULT_LIE_UNSENT, /* sent, and "timeout" */
};

static const char *const fault_names[] = {
    [FAULT_LOSE] = "a lost value",         [FAULT_REPEAT] = "a repeated value",
    [FAULT_REORDER] = "a wrong order",     [FAULT_TEAR] = "a torn value",
    [FAULT_LIE_EMPTY] = "a false empty",   [FAULT_LIE_FULL] = "a false full",
    [FAULT_LIE_CLOSED] = "a false closed", [FAULT_LIE_SENT] = "a false ok",
    [FAULT_LIE_UNSENT] = "a false timeout"};

/* What goes through the channel; behind it the lowest byte of check, again and again. */
struct value {
    uint32_t producer;
    uint32_t number;
    uint64_t check;
};

/* Bytes behind a value: in some rounds a copy takes its time. */
static const size_t fills[] = {0, 0, 0, 0, 4096, 65536};

/* The life of a value, by its number. Written by the producer, by the checker from `taken` on. */
struct life {
    uint32_t sent_begin, sent_end;
    bool sent; /* the library said that it took it */
    uint32_t takers;
    uint32_t taken_begin, taken_end;
    uint32_t place; /* within a batch */
};

/* One value that came out. */
struct take {
    struct value value;
    uint32_t begin, end, place;
};

/* One answer without a value. */
struct answer {
    enum chan_status status;
    bool sending;
    uint32_t begin, end;
};

struct thread {
    pthread_t id;
    struct round *round;
    uint64_t random;
    bool sending;
    chan_tx *tx;
    chan_rx *rx;
    uint32_t producer;
    size_t quota;
    bool drains; /* a receiver that goes on until the channel is closed */
    enum fault fault;
    struct value held; /* of FAULT_REORDER and FAULT_REPEAT */
    bool holds;

    size_t calls;
    unsigned char *batch; /* values of a call, and what they were before */
    unsigned char *copy;
    struct life *lives;
    size_t n_lives;
    struct take *takes;
    size_t n_takes, cap_takes;
    struct answer *answers;
    size_t n_answers, cap_answers;
    uint32_t dropped_at; /* when it began to give its handle up */
};

struct round {
    size_t capacity;
    size_t elem_size;
    size_t n_threads;
    struct thread threads[2 * MAX_SIDE];
    atomic_uint clock;

    /* Of the drop function. Guarded by mu. */
    pthread_mutex_t mu;
    struct take *destroyed;
    size_t n_destroyed, cap_destroyed;

    _Atomic(const char *) wrong; /* what was found first */
};

static uint64_t seed;
static const char *running = "";

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) % n);
}

static void *grow(void *array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return array;
    *capacity = *capacity == 0 ? 256 : *capacity * 2;
    array = realloc(array, *capacity * size);
    if (array == NULL)
        abort();
    return array;
}

static uint32_t tick(struct round *round)
{
    return atomic_fetch_add(&round->clock, 1);
}

static void blame(struct round *round, const char *what)
{
    const char *nothing = NULL;

    atomic_compare_exchange_strong(&round->wrong, &nothing, what);
}

static uint64_t check_of(const struct value *value)
{
    uint64_t state = (uint64_t)value->producer << 32 | value->number;

    return next_random(&state);
}

/* Values in the form in which they go through the channel. */

static void write_value(const struct round *round, unsigned char *batch, size_t i,
                        const struct value *value)
{
    unsigned char *at = batch + i * round->elem_size;

    memcpy(at, value, sizeof(*value));
    memset(at + sizeof(*value), (int)(value->check & 0xff), round->elem_size - sizeof(*value));
}

/* The fill must be whole. */
static struct value read_value(struct round *round, const unsigned char *at)
{
    struct value value;

    memcpy(&value, at, sizeof(value));
    for (size_t i = sizeof(value); i < round->elem_size; i++)
        if (at[i] != (value.check & 0xff)) {
            blame(round, "a torn value came");
            break;
        }
    return value;
}

/* Recording. */

static void note_answer(struct thread *thread, enum chan_status status, uint32_t begin,
                        uint32_t end)
{
    thread->answers =
        grow(thread->answers, thread->n_answers, &thread->cap_answers, sizeof(*thread->answers));
    thread->answers[thread->n_answers++] =
        (struct answer){.status = status, .sending = thread->sending, .begin = begin, .end = end};
}

static void note_take(struct thread *thread, const struct value *value, uint32_t begin,
                      uint32_t end, uint32_t place)
{
    thread->takes =
        grow(thread->takes, thread->n_takes, &thread->cap_takes, sizeof(*thread->takes));
    thread->takes[thread->n_takes++] =
        (struct take){.value = *value, .begin = begin, .end = end, .place = place};
}

static void destroy(void *elem, void *ctx)
{
    struct round *round = ctx;
    struct take *take;

    pthread_mutex_lock(&round->mu);
    round->destroyed =
        grow(round->destroyed, round->n_destroyed, &round->cap_destroyed, sizeof(*take));
    take = &round->destroyed[round->n_destroyed++];
    take->begin = tick(round);
    take->value = read_value(round, elem);
    take->end = tick(round);
    take->place = 0;
    pthread_mutex_unlock(&round->mu);
}

/* Planted faults: one call in sixteen, where the fault applies. */

static bool strikes(struct thread *thread, enum fault fault)
{
    return thread->fault == fault && below(&thread->random, 16) == 0;
}

static enum chan_status faulty_send(struct thread *thread, enum chan_status status)
{
    if (status == CHAN_OK && strikes(thread, FAULT_LIE_UNSENT))
        return CHAN_TIMEOUT;
    return status;
}

static enum chan_status faulty_take(struct thread *thread, enum chan_status status,
                                    struct value *value)
{
    struct value before = thread->held;

    if (status != CHAN_OK)
        return status;
    if (strikes(thread, FAULT_LOSE))
        return CHAN_TIMEOUT;
    if (strikes(thread, FAULT_TEAR))
        value->check ^= 1;
    if (thread->holds && strikes(thread, FAULT_REPEAT))
        *value = before;
    else if (thread->fault == FAULT_REPEAT)
        thread->held = *value;
    thread->holds = thread->fault == FAULT_REPEAT;
    return status;
}

/* Swaps two neighbours of one batch. */
static void faulty_batch(struct thread *thread, struct value *values, size_t n)
{
    struct value first = values[0];

    if (n < 2 || !strikes(thread, FAULT_REORDER))
        return;
    values[0] = values[1];
    values[1] = first;
}

/* Calls. */

static bool send_call(struct thread *thread)
{
    struct value value = {.producer = thread->producer};
    unsigned char *batch = thread->batch;
    size_t how = below(&thread->random, 10);
    size_t n = how < 3 ? 1 + below(&thread->random, MAX_BATCH) : 1;
    size_t count = 0;
    enum chan_status status = CHAN_OK;
    uint32_t begin;
    uint32_t end;

    for (size_t i = 0; i < n; i++) {
        value.number = (uint32_t)(thread->n_lives + i);
        value.check = check_of(&value);
        write_value(thread->round, batch, i, &value);
    }
    memcpy(thread->copy, batch, n * thread->round->elem_size);
    begin = tick(thread->round);
    if (strikes(thread, FAULT_LIE_FULL))
        status = CHAN_FULL;
    else if (strikes(thread, FAULT_LIE_CLOSED))
        status = CHAN_CLOSED;
    else if (strikes(thread, FAULT_LIE_SENT))
        count = n;
    else if (how < 3)
        status = chan_send_many(thread->tx, batch, n, &count);
    else if (how < 5)
        status = chan_send(thread->tx, batch);
    else if (how < 8)
        status = chan_try_send(thread->tx, batch);
    else
        status = chan_send_timeout(thread->tx, batch, (int64_t)below(&thread->random, 50000));
    end = tick(thread->round);
    status = faulty_send(thread, status);
    if (how >= 3)
        count = status == CHAN_OK;
    if (memcmp(batch, thread->copy, n * thread->round->elem_size) != 0)
        blame(thread->round, "a send changed the caller's value");
    if (status == CHAN_OK && count != n)
        blame(thread->round, "a batch that is ok was sent in part");
    for (size_t i = 0; i < n; i++)
        thread->lives[thread->n_lives++] =
            (struct life){.sent_begin = begin, .sent_end = end, .sent = i < count};
    if (status != CHAN_OK)
        note_answer(thread, status, begin, end);
    return status != CHAN_CLOSED;
}

static bool recv_call(struct thread *thread)
{
    struct value values[MAX_BATCH];
    unsigned char *batch = thread->batch;
    size_t how = below(&thread->random, 10);
    size_t n = how < 3 ? 1 + below(&thread->random, MAX_BATCH) : 1;
    size_t count = 0;
    enum chan_status status;
    uint32_t begin = tick(thread->round);
    uint32_t end;

    if (strikes(thread, FAULT_LIE_EMPTY))
        status = CHAN_EMPTY;
    else if (strikes(thread, FAULT_LIE_CLOSED))
        status = CHAN_CLOSED;
    else if (how < 3)
        status = chan_recv_many(thread->rx, batch, n, &count);
    else if (how < 5)
        status = chan_recv(thread->rx, batch);
    else if (how < 8)
        status = chan_try_recv(thread->rx, batch);
    else
        status = chan_recv_timeout(thread->rx, batch, (int64_t)below(&thread->random, 50000));
    end = tick(thread->round);
    if (how >= 3)
        count = status == CHAN_OK;
    for (size_t i = 0; i < count && i < n; i++)
        values[i] = read_value(thread->round, batch + i * thread->round->elem_size);
    if ((status == CHAN_OK) != (count > 0) || count > n)
        blame(thread->round, "the count of a receive does not fit its status");
    if (count == 1)
        status = faulty_take(thread, status, values);
    else if (count > 1)
        faulty_batch(thread, values, count);
    for (size_t i = 0; status == CHAN_OK && i < count; i++)
        note_take(thread, &values[i], begin, end, (uint32_t)i);
    if (status != CHAN_OK)
        note_answer(thread, status, begin, end);
    return status != CHAN_CLOSED;
}

/* Goes on with a clone of its handle. */
static void change_handle(struct thread *thread)
{
    chan_tx *tx;
    chan_rx *rx;

    if (thread->sending && chan_tx_clone(thread->tx, &tx) == CHAN_OK) {
        chan_tx_drop(thread->tx);
        thread->tx = tx;
    } else if (!thread->sending && chan_rx_clone(thread->rx, &rx) == CHAN_OK) {
        chan_rx_drop(thread->rx);
        thread->rx = rx;
    }
}

static void *run_thread(void *arg)
{
    struct thread *thread = arg;
    bool open = true;

    while (open && (thread->calls < thread->quota || (!thread->sending && thread->drains))) {
        switch (below(&thread->random, 32)) {
        case 0:
            change_handle(thread);
            break;
        case 1:
            sched_yield();
            break;
        default:
            thread->calls++;
            open = thread->sending ? send_call(thread) : recv_call(thread);
        }
    }
    thread->dropped_at = tick(thread->round);
    chan_tx_drop(thread->tx);
    chan_rx_drop(thread->rx);
    return NULL;
}

/* The checker. */

static struct life *life_of(const struct round *round, const struct value *value)
{
    const struct thread *thread;

    if (value->producer >= round->n_threads || value->check != check_of(value))
        return NULL;
    thread = &round->threads[value->producer];
    return value->number < thread->n_lives ? &thread->lives[value->number] : NULL;
}

static void bring_home(struct round *round, const struct take *takes, size_t n)
{
    struct life *life;

    for (size_t i = 0; i < n; i++) {
        life = life_of(round, &takes[i].value);
        if (life == NULL) {
            blame(round, "a value came that nobody sent, or torn");
            continue;
        }
        if (life->takers++ > 0)
            blame(round, "a value came twice");
        if (!life->sent)
            blame(round, "a value came that was not taken from its sender");
        life->taken_begin = takes[i].begin;
        life->taken_end = takes[i].end;
        life->place = takes[i].place;
        if (life->taken_end < life->sent_begin)
            blame(round, "a value came before it was sent");
        if (round->capacity == 0 && life->taken_begin > life->sent_end)
            blame(round, "a send at capacity 0 returned before the receive began");
    }
}

static void check_conservation(struct round *round)
{
    for (size_t t = 0; t < round->n_threads; t++)
        bring_home(round, round->threads[t].takes, round->threads[t].n_takes);
    bring_home(round, round->destroyed, round->n_destroyed);
    for (size_t t = 0; t < round->n_threads; t++)
        for (size_t i = 0; i < round->threads[t].n_lives; i++)
            if (round->threads[t].lives[i].sent && round->threads[t].lives[i].takers == 0)
                blame(round, "a value was lost");
}

/* No value was out before the receive of an earlier one of the same producer began. */
static void check_order(struct round *round)
{
    for (size_t t = 0; t < round->n_threads; t++) {
        struct thread *thread = &round->threads[t];
        uint32_t out = UINT32_MAX;
        struct life *later = NULL;

        for (size_t i = thread->n_lives; i-- > 0;) {
            struct life *life = &thread->lives[i];
            if (life->takers == 0)
                continue;
            if (life->taken_begin > out)
                blame(round, "values came in the wrong order");
            if (later != NULL && later->taken_begin == life->taken_begin &&
                later->place < life->place)
                blame(round, "a batch came in the wrong order");
            if (life->taken_end < out)
                out = life->taken_end;
            later = life;
        }
    }
}

/*
 * What the times say, by tick: how many values were inside at least and at most just after it.
 * The length of the stretches in which something was certainly inside, or certainly room.
 */
struct levels {
    size_t n;
    int *certain;     /* send had returned, receive not begun */
    int *possible;    /* send begun, receive not returned */
    uint32_t *filled; /* last tick of the stretch without a possibly empty instant; 0 = none */
    uint32_t *roomy;  /* the same for possibly full */
};

static void levels_init(struct levels *levels, const struct round *round)
{
    levels->n = atomic_load(&round->clock) + 1;
    levels->certain = calloc(levels->n, sizeof(*levels->certain));
    levels->possible = calloc(levels->n, sizeof(*levels->possible));
    levels->filled = calloc(levels->n + 1, sizeof(*levels->filled));
    levels->roomy = calloc(levels->n + 1, sizeof(*levels->roomy));
    if (levels->certain == NULL || levels->possible == NULL || levels->filled == NULL ||
        levels->roomy == NULL)
        abort();
    for (size_t t = 0; t < round->n_threads; t++)
        for (size_t i = 0; i < round->threads[t].n_lives; i++) {
            const struct life *life = &round->threads[t].lives[i];
            if (!life->sent)
                continue;
            levels->possible[life->sent_begin]++;
            if (life->takers == 0)
                continue; /* lost: found elsewhere */
            levels->possible[life->taken_end]--;
            if (life->taken_begin > life->sent_end) {
                levels->certain[life->sent_end]++;
                levels->certain[life->taken_begin]--;
            }
        }
    for (size_t i = 1; i < levels->n; i++) {
        levels->certain[i] += levels->certain[i - 1];
        levels->possible[i] += levels->possible[i - 1];
    }
    for (size_t i = levels->n; i-- > 0;) {
        if (levels->certain[i] > 0)
            levels->filled[i] = i + 1 < levels->n && levels->certain[i + 1] > 0
                                    ? levels->filled[i + 1]
                                    : (uint32_t)i;
        if (levels->possible[i] < 0 || (size_t)levels->possible[i] < round->capacity)
            levels->roomy[i] =
                i + 1 < levels->n && (size_t)levels->possible[i + 1] < round->capacity
                    ? levels->roomy[i + 1]
                    : (uint32_t)i;
    }
}

static void levels_free(struct levels *levels)
{
    free(levels->certain);
    free(levels->possible);
    free(levels->filled);
    free(levels->roomy);
}

/* The tick when the last thread of a side began to give its handle up. */
static uint32_t side_ends(const struct round *round, bool sending)
{
    uint32_t last = 0;

    for (size_t t = 0; t < round->n_threads; t++)
        if (round->threads[t].sending == sending && round->threads[t].dropped_at > last)
            last = round->threads[t].dropped_at;
    return last;
}

static void check_closed(struct round *round, const struct answer *answer)
{
    if (answer->end < side_ends(round, !answer->sending))
        blame(round, "closed, and the other side was still there");
    for (size_t t = 0; !answer->sending && t < round->n_threads; t++)
        for (size_t i = 0; i < round->threads[t].n_takes; i++)
            if (round->threads[t].takes[i].begin > answer->end)
                blame(round, "closed, and values came afterwards");
    for (size_t i = 0; !answer->sending && i < round->n_destroyed; i++)
        if (round->destroyed[i].begin > answer->end)
            blame(round, "closed, and something was still inside");
}

static void check_answer(struct round *round, const struct levels *levels,
                         const struct answer *answer)
{
    bool timed = answer->status == CHAN_TIMEOUT;

    if (answer->status == CHAN_CLOSED) {
        check_closed(round, answer);
    } else if (answer->sending && (timed || answer->status == CHAN_FULL)) {
        if (round->capacity == CHAN_UNBOUNDED)
            blame(round, "an unbounded channel was full");
        else if (round->capacity > 0 && levels->roomy[answer->begin] + 1 >= answer->end)
            blame(round, "full, and there was room all the time");
    } else if (!answer->sending && (timed || answer->status == CHAN_EMPTY)) {
        if (round->capacity > 0 && levels->filled[answer->begin] + 1 >= answer->end)
            blame(round, "empty, and something was inside all the time");
    } else {
        blame(round, "an answer that this call does not give");
    }
}

static void check_times(struct round *round)
{
    struct levels levels;

    levels_init(&levels, round);
    for (size_t i = 0; i < levels.n; i++)
        if (round->capacity != CHAN_UNBOUNDED && levels.certain[i] > (int)round->capacity)
            blame(round, "more values inside than the capacity");
    for (size_t t = 0; t < round->n_threads; t++)
        for (size_t i = 0; i < round->threads[t].n_answers; i++)
            check_answer(round, &levels, &round->threads[t].answers[i]);
    levels_free(&levels);
}

/* Rounds. */

struct flavour {
    const char *name;
    size_t capacity;
    bool one;
};

static const struct flavour flavours[] = {
    {"capacity 1", 1, false},
    {"capacity 2", 2, false},
    {"capacity 3", 3, false},
    {"capacity 64", 64, false},
    {"capacity 0", 0, false},
    {"unbounded", CHAN_UNBOUNDED, false},
    {"capacity 1, 1:1", 1, true},
    {"capacity 2, 1:1", 2, true},
    {"capacity 64, 1:1", 64, true},
    {"capacity 0, 1:1", 0, true},
    {"unbounded, 1:1", CHAN_UNBOUNDED, true},
};

static void thread_init(struct thread *thread, struct round *round, bool sending, uint64_t *random)
{
    *thread = (struct thread){.round = round,
                              .sending = sending,
                              .producer = (uint32_t)round->n_threads,
                              .random = next_random(random),
                              .quota = 1 + below(random, MAX_CALLS)};
    thread->lives = sending ? malloc(MAX_VALUES * sizeof(*thread->lives)) : NULL;
    thread->batch = malloc(MAX_BATCH * round->elem_size);
    thread->copy = malloc(MAX_BATCH * round->elem_size);
    if ((sending && thread->lives == NULL) || thread->batch == NULL || thread->copy == NULL)
        abort();
    round->n_threads++;
}

/* Gives each thread a handle of its own. */
static void hand_out(struct round *round, chan_tx *tx, chan_rx *rx)
{
    bool first_tx = true;
    bool first_rx = true;

    for (size_t t = 0; t < round->n_threads; t++) {
        struct thread *thread = &round->threads[t];
        if (thread->sending) {
            if (first_tx)
                thread->tx = tx;
            else if (chan_tx_clone(tx, &thread->tx) != CHAN_OK)
                abort();
            first_tx = false;
        } else {
            if (first_rx)
                thread->rx = rx;
            else if (chan_rx_clone(rx, &thread->rx) != CHAN_OK)
                abort();
            first_rx = false;
        }
    }
}

static void round_free(struct round *round)
{
    for (size_t t = 0; t < round->n_threads; t++) {
        free(round->threads[t].batch);
        free(round->threads[t].copy);
        free(round->threads[t].lives);
        free(round->threads[t].takes);
        free(round->threads[t].answers);
    }
    free(round->destroyed);
    pthread_mutex_destroy(&round->mu);
}

/* One channel from its opening to its end. *calls grows. NULL, or what is wrong. */
static const char *run_round(const struct flavour *flavour, uint64_t *random, enum fault fault,
                             size_t *calls)
{
    static struct round round;
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = flavour->capacity,
                                   .drop = destroy,
                                   .drop_ctx = &round,
                                   .one_to_one = flavour->one};
    size_t senders = flavour->one ? 1 : 1 + below(random, MAX_SIDE);
    size_t receivers = flavour->one ? 1 : 1 + below(random, MAX_SIDE);
    bool drains = below(random, 4) > 0;
    chan_tx *tx;
    chan_rx *rx;

    memset(&round, 0, sizeof(round));
    round.capacity = flavour->capacity;
    round.elem_size = sizeof(struct value) + fills[below(random, sizeof(fills) / sizeof(fills[0]))];
    options.elem_size = round.elem_size;
    pthread_mutex_init(&round.mu, NULL);
    atomic_init(&round.clock, 1);
    if (chan_open(&options, &tx, &rx) != CHAN_OK)
        abort();
    for (size_t i = 0; i < senders + receivers; i++) {
        struct thread *thread = &round.threads[i];
        thread_init(thread, &round, i < senders, random);
        thread->drains = drains;
        thread->fault = fault;
    }
    hand_out(&round, tx, rx);
    alarm(STALL_S);
    for (size_t i = 0; i < round.n_threads; i++)
        if (pthread_create(&round.threads[i].id, NULL, run_thread, &round.threads[i]) != 0)
            abort();
    for (size_t i = 0; i < round.n_threads; i++) {
        pthread_join(round.threads[i].id, NULL);
        *calls += round.threads[i].calls;
    }
    alarm(0);
    check_conservation(&round);
    check_order(&round);
    if (atomic_load(&round.wrong) == NULL)
        check_times(&round);
    round_free(&round);
    return atomic_load(&round.wrong);
}

static bool is_known(const struct flavour *flavour)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = flavour->capacity,
                                   .elem_size = 1,
                                   .one_to_one = flavour->one};
    chan_tx *tx;
    chan_rx *rx;

    if (chan_open(&options, &tx, &rx) != CHAN_OK)
        return false;
    chan_tx_drop(tx);
    chan_rx_drop(rx);
    return true;
}

/* A lost wake-up shows as a hang. */
static void on_stall(int signal)
{
    char text[160];
    int n = snprintf(text, sizeof(text), "Bail out! %s: no progress for %d s, seed %llu\n", running,
                     STALL_S, (unsigned long long)seed);

    (void)signal;
    if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) > 0)
        _exit(1);
    _exit(2);
}

static int number;

static bool report(bool ok, const char *name, const char *more)
{
    printf("%sok %d - %s%s\n", ok ? "" : "not ", ++number, name, more);
    fflush(stdout);
    return ok;
}

static bool test_flavour(const struct flavour *flavour, size_t wanted)
{
    uint64_t random = seed;
    const char *wrong = NULL;
    size_t calls = 0;
    size_t rounds = 0;

    running = flavour->name;
    if (!is_known(flavour))
        return report(true, flavour->name, " # SKIP the library does not have it yet");
    while (wrong == NULL && calls < wanted) {
        wrong = run_round(flavour, &random, FAULT_NONE, &calls);
        rounds++;
    }
    if (wrong != NULL)
        printf("# %s: round %zu of seed %llu: %s\n", flavour->name, rounds,
               (unsigned long long)seed, wrong);
    printf("# %s: %zu calls in %zu rounds\n", flavour->name, calls, rounds);
    return report(wrong == NULL, flavour->name, "");
}

/* The fault must be found, within a number of rounds that is far more than enough. */
static bool test_fault(enum fault fault)
{
    static const struct flavour few = {"capacity 2", 2, false};
    static const struct flavour many = {"capacity 64", 64, false};
    uint64_t random = seed;
    const char *wrong = NULL;
    char more[160];
    size_t calls = 0;
    int rounds;

    running = fault_names[fault];
    for (rounds = 0; wrong == NULL && rounds < 400; rounds++)
        wrong = run_round(rounds % 2 ? &few : &many, &random, fault, &calls);
    snprintf(more, sizeof(more), " is found (%s, round %d)", wrong != NULL ? wrong : "no", rounds);
    return report(wrong != NULL, fault_names[fault], more);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
    size_t n_flavours = sizeof(flavours) / sizeof(flavours[0]);
    size_t ops = (size_t)number_of("CHAN_HISTORY_OPS", 100000);
    size_t known = 0;
    bool ok = true;

    seed = number_of("CHAN_HISTORY_SEED", (uint64_t)chan_now_ns() % 1000000007);
    signal(SIGALRM, on_stall);
    printf("# CHAN_HISTORY_SEED=%llu CHAN_HISTORY_OPS=%zu\n", (unsigned long long)seed, ops);
    for (size_t i = 0; i < n_flavours; i++)
        known += is_known(&flavours[i]);
    for (size_t i = 0; i < n_flavours; i++)
        ok = test_flavour(&flavours[i], ops / (known > 0 ? known : 1)) && ok;
    for (int fault = FAULT_NONE + 1; fault <= FAULT_LIE_UNSENT; fault++)
        ok = test_fault((enum fault)fault) && ok;
    printf("1..%d\n", number);
    return ok ? 0 : 1;
}
