/* outlet.c: writing by a thread of its own, or by whoever hands something over. */
#include "outlet.h"

#include <string.h>

#include "../base/wait.h"

enum {
    MAX_PIECES = 8,  /* of a worker that may wait: many are empty */
    SMALL_SHARE = 4, /* a piece of less than this part of a buffer is gathered with others */
};

/* What a worker hands over. */
struct piece {
    char *buffer; /* NULL: none */
    size_t n;
    uint64_t records;
    bool ends_turn;
    bool leaves; /* the worker's last one */
};

/* ---- Writing: one thread at a time ---- */

static void fail(struct cp_outlet *o)
{
    o->is_over = true;
    atomic_store(&o->has_failed, true);
    o->on_failure(o->ctx);
}

/* All that was taken has been written. */
static void settle(struct cp_outlet *o)
{
    for (size_t k = 0; k < o->n; k++)
        atomic_store_explicit(&o->lanes[k].written, o->lanes[k].taken, memory_order_relaxed);
}

static void write_now(struct cp_outlet *o, const char *p, size_t n)
{
    if (n > 0 && o->write(o->ctx, p, n) < 0)
        fail(o);
    else
        settle(o);
}

static void write_gathered(struct cp_outlet *o)
{
    size_t n = o->n_gathered;

    o->n_gathered = 0;
    if (!o->is_over)
        write_now(o, o->gathered, n);
}

static void put(struct cp_outlet *o, struct cp_outlet_lane *lane, const struct piece *piece)
{
    bool is_small = o->gathered && piece->n < o->size / SMALL_SHARE;

    if (!is_small || o->n_gathered + piece->n > o->size)
        write_gathered(o);
    if (o->is_over)
        return;
    lane->taken = piece->records;
    if (!is_small) {
        write_now(o, piece->buffer, piece->n);
    } else if (piece->n > 0) {
        memcpy(o->gathered + o->n_gathered, piece->buffer, piece->n);
        o->n_gathered += piece->n;
    }
}

/* Who leaves in its turn ends them all: what comes behind has no place any more. */
static void take(struct cp_outlet *o, size_t worker, const struct piece *piece)
{
    struct cp_outlet_lane *lane = &o->lanes[worker];

    if (!o->is_over)
        put(o, lane, piece);
    if (piece->leaves) {
        write_gathered(o);
        o->is_over |= !o->is_loose;
    }
    o->is_mid = !piece->ends_turn;
    o->turn = piece->ends_turn ? (worker + 1) % o->n : worker;
    if (piece->buffer)
        chan_send(lane->free_tx, &piece->buffer); /* there is room for all */
}

static bool is_there(struct cp_outlet *o, size_t worker, struct piece *piece)
{
    return chan_try_recv(o->lanes[worker].full_rx, piece) == CHAN_OK;
}

/* Finds what may be written now, or thrown away. */
static bool next_piece(struct cp_outlet *o, size_t *worker, struct piece *piece)
{
    bool has_turns = !o->is_over && (!o->is_loose || o->is_mid);

    *worker = o->turn;
    if (is_there(o, *worker, piece))
        return true;
    for (size_t k = 1; k < o->n && !has_turns; k++) {
        *worker = (o->turn + k) % o->n;
        if (is_there(o, *worker, piece))
            return true;
    }
    return false;
}

/* Who calls while somebody writes has that one look again. Who asks to flush has handed over
 * before: looked at in the other order, the request could be met without what it is for. */
static void write_what_is_there(struct cp_outlet *o)
{
    struct piece piece;
    size_t worker, seen = 1;

    if (atomic_fetch_add(&o->calls, 1) > 0)
        return;
    cp_before_wait();
    do {
        bool flushes = atomic_exchange(&o->must_flush, false);
        while (next_piece(o, &worker, &piece))
            take(o, worker, &piece);
        if (flushes)
            write_gathered(o);
        seen = atomic_fetch_sub(&o->calls, seen) - seen;
    } while (seen > 0);
}

static void *write_all(void *arg)
{
    struct cp_outlet *o = arg;
    struct piece piece;

    while (chan_recv(o->lanes[0].full_rx, &piece) == CHAN_OK)
        take(o, 0, &piece);
    return NULL;
}

/* ---- Handing over ---- */

static void hand_over(struct cp_outlet *o, size_t worker, const struct piece *piece)
{
    chan_tx *tx = o->lanes[worker].full_tx;

    if (chan_try_send(tx, piece) == CHAN_FULL) {
        cp_before_wait();
        chan_send(tx, piece);
    }
    if (!o->has_thread)
        write_what_is_there(o);
}

static char *wait_for_buffer(struct cp_outlet_lane *lane)
{
    char *buffer = NULL;

    if (chan_try_recv(lane->free_rx, &buffer) != CHAN_OK) {
        cp_before_wait();
        chan_recv(lane->free_rx, &buffer);
    }
    return buffer;
}

char *cp_outlet_buffer(struct cp_outlet *o, size_t worker)
{
    struct cp_outlet_lane *lane = &o->lanes[worker];

    return lane->n_spare > 0 ? lane->spare[--lane->n_spare] : wait_for_buffer(lane);
}

/* Waits until n buffers have come back. */
static void collect(struct cp_outlet_lane *lane, size_t n)
{
    while (lane->n_spare < n)
        lane->spare[lane->n_spare++] = wait_for_buffer(lane);
}

/* Where no thread can be had who hands over writes. */
static void start_thread(struct cp_outlet *o)
{
    o->has_thread = pthread_create(&o->thread, NULL, write_all, o) == 0;
    if (o->has_thread)
        pthread_setname_np(o->thread, o->name);
}

char *cp_outlet_give(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records,
                     bool ends_turn)
{
    struct piece piece = {n > 0 ? buffer : NULL, n, records, ends_turn, false};

    if (o->n == 1 && !o->has_thread)
        start_thread(o);
    hand_over(o, worker, &piece);
    return n > 0 ? cp_outlet_buffer(o, worker) : buffer;
}

/* A worker alone writes by itself: that spares a sink with little to say the thread. */
static void write_alone(struct cp_outlet *o, const struct piece *piece)
{
    collect(&o->lanes[0], CP_OUTLET_BUFFERS - 1);
    cp_before_wait();
    if (!o->is_over)
        put(o, &o->lanes[0], piece);
}

char *cp_outlet_flush(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records)
{
    if (o->n == 1) {
        write_alone(o, &(struct piece){.buffer = buffer, .n = n, .records = records});
        return buffer;
    }
    if (n > 0)
        buffer = cp_outlet_give(o, worker, buffer, n, records, false);
    atomic_store(&o->must_flush, true);
    write_what_is_there(o);
    return buffer;
}

void cp_outlet_leave(struct cp_outlet *o, size_t worker, char *buffer, size_t n, uint64_t records)
{
    hand_over(o, worker, &(struct piece){buffer, n, records, true, true});
    collect(&o->lanes[worker], CP_OUTLET_BUFFERS - 1);
    wait_for_buffer(&o->lanes[worker]);
}

uint64_t cp_outlet_written(const struct cp_outlet *o, size_t worker)
{
    return atomic_load_explicit(&o->lanes[worker].written, memory_order_relaxed);
}

bool cp_outlet_has_failed(const struct cp_outlet *o)
{
    return atomic_load(&o->has_failed);
}

void cp_outlet_end(struct cp_outlet *o)
{
    if (!o->has_thread)
        return;
    chan_tx_drop(o->lanes[0].full_tx);
    o->lanes[0].full_tx = NULL;
    pthread_join(o->thread, NULL);
    o->has_thread = false;
}

/* ---- Opening ---- */

static enum chan_status open_lane(struct cp_outlet *o, struct cp_outlet_lane *lane,
                                  struct cp_heap *heap)
{
    struct chan_options full = {.size = sizeof full,
                                .capacity = MAX_PIECES,
                                .elem_size = sizeof(struct piece),
                                .one_to_one = true,
                                .name = o->name};
    struct chan_options free = full;
    enum chan_status st = chan_open(&full, &lane->full_tx, &lane->full_rx);

    free.capacity = CP_OUTLET_BUFFERS;
    free.elem_size = sizeof(char *);
    if (st == CHAN_OK)
        st = chan_open(&free, &lane->free_tx, &lane->free_rx);
    for (size_t k = 0; k < CP_OUTLET_BUFFERS && st == CHAN_OK; k++) {
        char *buffer = cp_heap_take(heap, o->size);
        st = chan_send(lane->free_tx, &buffer);
    }
    return st;
}

int cp_outlet_open(struct cp_outlet *o, struct cp_heap *heap, struct cp_err *err)
{
    enum chan_status st = CHAN_OK;

    o->lanes = cp_heap_take(heap, o->n * sizeof *o->lanes);
    if (o->n > 1)
        o->gathered = cp_heap_take(heap, o->size);
    for (size_t k = 0; k < o->n && st == CHAN_OK; k++)
        st = open_lane(o, &o->lanes[k], heap);
    if (st == CHAN_OK)
        return 0;
    return cp_err_set(err, CP_EXIT_IO, 0, "cannot make a channel: %s", chan_status_name(st));
}

void cp_outlet_close(struct cp_outlet *o)
{
    cp_outlet_end(o);
    for (size_t k = 0; o->lanes && k < o->n; k++) {
        chan_tx_drop(o->lanes[k].full_tx);
        chan_rx_drop(o->lanes[k].full_rx);
        chan_tx_drop(o->lanes[k].free_tx);
        chan_rx_drop(o->lanes[k].free_rx);
    }
    o->lanes = NULL;
}
