/* edge.c: the channels between two stages. */
#include "edge.h"

/* Whether sender i and receiver j ever have the same turn. */
static bool do_meet(const struct cp_edge *e, size_t i, size_t j)
{
    size_t d = cp_greatest_divisor(e->senders, e->receivers);
    return i % d == j % d;
}

static struct cp_edge_end *sender(const struct cp_edge *e, size_t worker)
{
    return &e->ends[worker];
}

static struct cp_edge_end *receiver(const struct cp_edge *e, size_t worker)
{
    return &e->ends[e->senders + worker];
}

/* A batch that nobody received. */
static void drop_batch(void *elem, void *ctx)
{
    struct cp_batch *b = *(struct cp_batch **)elem;
    struct cp_edge_end *end = ctx;

    end->lost += b->n_sel;
    cp_batch_release(b);
}

static int open_channel(struct cp_edge *e, size_t i, size_t j, struct cp_err *err)
{
    size_t k = i * e->receivers + j;
    struct chan_options o = {
        .size = sizeof o,
        .capacity = e->capacity,
        .elem_size = sizeof(struct cp_batch *),
        .drop = drop_batch,
        .drop_ctx = receiver(e, j),
        .name = e->to->name,
        .one_to_one = true,
    };
    enum chan_status st = chan_open(&o, &e->tx[k], &e->rx[k]);

    if (st == CHAN_OK)
        return 0;
    return cp_err_set(err, CP_EXIT_IO, 0, "cannot make the channel into %s: %s", e->to->name,
                      chan_status_name(st));
}

/* In the heap, each on cache lines of its own. */
static struct cp_edge_end *new_ends(struct cp_heap *heap, size_t n)
{
    char *p = cp_heap_take(heap, (n + 1) * sizeof(struct cp_edge_end));
    size_t align = _Alignof(struct cp_edge_end);

    return (struct cp_edge_end *)(void *)(p + (align - (uintptr_t)p % align) % align);
}

int cp_edge_open(struct cp_edge *e, struct cp_heap *heap, struct cp_err *err)
{
    size_t pairs = e->senders * e->receivers;

    e->ends = new_ends(heap, e->senders + e->receivers);
    e->tx = cp_heap_take(heap, pairs * sizeof(chan_tx *));
    e->rx = cp_heap_take(heap, pairs * sizeof(chan_rx *));
    if (e->view_size.batches > 0)
        e->views = cp_pool_new(&e->view_size);
    for (size_t i = 0; i < e->senders; i++)
        sender(e, i)->turn = i;
    for (size_t j = 0; j < e->receivers; j++)
        receiver(e, j)->turn = j;
    for (size_t k = 0; k < pairs; k++)
        if (do_meet(e, k / e->receivers, k % e->receivers) &&
            open_channel(e, k / e->receivers, k % e->receivers, err) < 0)
            return -1;
    return 0;
}

void cp_edge_close(struct cp_edge *e)
{
    for (size_t k = 0; k < e->senders * e->receivers; k++)
        chan_rx_drop(e->rx[k]);
}

/* ---- Turns ---- */

/* Somebody has to see it: it has records, or ends a group that is counted. */
static bool is_awaited(const struct cp_edge *e, const struct cp_batch *b)
{
    return b->n_sel > 0 || (e->is_counted && !b->has_more);
}

bool cp_edge_send(struct cp_edge *e, size_t worker, struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    uint32_t n = b->n_sel;
    bool has_more = b->has_more;

    if (!is_awaited(e, b)) {
        cp_batch_release(b);
        return true;
    }
    end->records += n;
    if (chan_send(e->tx[worker * e->receivers + end->turn % e->receivers], &b) != CHAN_OK) {
        end->lost += n;
        cp_batch_release(b);
        return false;
    }
    if (!has_more)
        end->turn += e->senders;
    return true;
}

chan_rx *cp_edge_next(const struct cp_edge *e, size_t worker)
{
    return e->rx[receiver(e, worker)->turn % e->senders * e->receivers + worker];
}

void cp_edge_count(struct cp_edge *e, size_t worker, const struct cp_batch *b)
{
    struct cp_edge_end *end = receiver(e, worker);

    end->records += b->n_sel;
    end->turn += b->has_more ? 0 : e->receivers;
}

enum chan_status cp_edge_try_receive(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    enum chan_status status = chan_try_recv(cp_edge_next(e, worker), b);

    if (status == CHAN_OK)
        cp_edge_count(e, worker, *b);
    return status;
}

enum chan_status cp_edge_receive(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    enum chan_status status = chan_recv(cp_edge_next(e, worker), b);

    if (status == CHAN_OK)
        cp_edge_count(e, worker, *b);
    return status;
}

/* ---- Ending ---- */

void cp_edge_end_sender(struct cp_edge *e, size_t worker)
{
    for (size_t j = 0; j < e->receivers; j++)
        chan_tx_drop(e->tx[worker * e->receivers + j]);
}

void cp_edge_end_receiver(struct cp_edge *e, size_t worker)
{
    for (size_t i = 0; i < e->senders; i++) {
        chan_rx *rx = e->rx[i * e->receivers + worker];
        if (rx) {
            chan_rx_shutdown(rx);
            chan_rx_discard(rx);
        }
    }
}

void cp_edge_shut(struct cp_edge *e)
{
    atomic_store(&e->is_shut, true);
    for (size_t k = 0; k < e->senders * e->receivers; k++)
        if (e->rx[k])
            chan_rx_shutdown(e->rx[k]);
}

/* ---- Counting ---- */

struct cp_edge_account cp_edge_account(const struct cp_edge *e)
{
    struct cp_edge_account a = {0};

    if (!e->ends) /* a stage could not be opened */
        return a;
    for (size_t i = 0; i < e->senders; i++) {
        a.sent += sender(e, i)->records;
        a.cut += sender(e, i)->lost;
    }
    for (size_t j = 0; j < e->receivers; j++) {
        a.received += receiver(e, j)->records;
        a.cut += receiver(e, j)->lost;
    }
    return a;
}
