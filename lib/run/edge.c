/* edge.c: the channels between two stages. */
#include "edge.h"

/* Whether sender i and receiver j ever have the same turn. */
static bool do_meet(const struct cp_edge *e, size_t i, size_t j)
{
    size_t d = cp_greatest_divisor(e->senders, e->receivers);
    return i % d == j % d;
}

/* A batch that nobody received. */
static void drop_batch(void *elem, void *ctx)
{
    struct cp_batch *b = *(struct cp_batch **)elem;
    struct cp_stage *to = ctx;
    to->account.cut += b->n_sel;
    cp_batch_release(b);
}

static int open_channel(struct cp_edge *e, size_t i, size_t j, struct cp_err *err)
{
    struct cp_stage *to = e->to->workers[j];
    struct chan_options o = {
        .size = sizeof o,
        .capacity = to->capacity,
        .elem_size = sizeof(struct cp_batch *),
        .drop = drop_batch,
        .drop_ctx = to,
        .name = to->name,
        .one_to_one = true,
    };
    enum chan_status st = chan_open(&o, &e->tx[i * e->receivers + j], &e->rx[i * e->receivers + j]);
    if (st == CHAN_OK)
        return 0;
    return cp_err_set(err, CP_EXIT_IO, 0, "cannot make the channel into %s: %s", to->name,
                      chan_status_name(st));
}

int cp_edge_open(struct cp_stage *from, struct cp_stage *to, struct cp_heap *heap,
                 struct cp_err *err)
{
    struct cp_edge *e = cp_heap_take(heap, sizeof *e);

    *e = (struct cp_edge){
        .from = from, .to = to, .senders = cp_stage_senders(from), .receivers = to->n_workers};
    e->is_turned = e->senders > 1 || e->receivers > 1;
    e->tx = cp_heap_take(heap, e->senders * e->receivers * sizeof *e->tx);
    e->rx = cp_heap_take(heap, e->senders * e->receivers * sizeof *e->rx);
    for (size_t i = 0; i < from->n_workers; i++)
        from->workers[i]->out = e;
    for (size_t j = 0; j < to->n_workers; j++)
        to->workers[j]->in = e;
    for (size_t i = 0; i < e->senders; i++)
        for (size_t j = 0; j < e->receivers; j++)
            if (do_meet(e, i, j) && open_channel(e, i, j, err) < 0)
                return -1;
    return 0;
}

void cp_edge_close(struct cp_edge *e)
{
    for (size_t k = 0; k < e->senders * e->receivers; k++)
        chan_rx_drop(e->rx[k]);
}

/* ---- Turns ---- */

bool cp_edge_send(struct cp_stage *s, struct cp_batch *b)
{
    struct cp_edge *e = s->out;
    bool has_more = b->has_more;
    chan_tx *tx = e->tx[s->worker * e->receivers + s->out_turn % e->receivers];

    if (chan_send(tx, &b) != CHAN_OK)
        return false;
    if (!has_more)
        s->out_turn += e->senders;
    return true;
}

static chan_rx *receiver(const struct cp_stage *s)
{
    struct cp_edge *e = s->in;
    return e->rx[s->in_turn % e->senders * e->receivers + s->worker];
}

static enum chan_status received(struct cp_stage *s, struct cp_batch *const *b,
                                 enum chan_status status)
{
    if (status == CHAN_OK && !(*b)->has_more)
        s->in_turn += s->in->receivers;
    return status;
}

enum chan_status cp_edge_try_receive(struct cp_stage *s, struct cp_batch **b)
{
    return received(s, b, chan_try_recv(receiver(s), b));
}

enum chan_status cp_edge_receive(struct cp_stage *s, struct cp_batch **b)
{
    return received(s, b, chan_recv(receiver(s), b));
}

/* ---- Ending ---- */

void cp_edge_end_sender(struct cp_stage *s)
{
    struct cp_edge *e = s->out;

    for (size_t j = 0; e && s->worker < e->senders && j < e->receivers; j++)
        chan_tx_drop(e->tx[s->worker * e->receivers + j]);
}

void cp_edge_end_receiver(struct cp_stage *s)
{
    struct cp_edge *e = s->in;

    for (size_t i = 0; i < e->senders; i++) {
        chan_rx *rx = e->rx[i * e->receivers + s->worker];
        if (rx) {
            chan_rx_shutdown(rx);
            chan_rx_discard(rx);
        }
    }
}

void cp_edge_shut(struct cp_edge *e)
{
    for (size_t k = 0; k < e->senders * e->receivers; k++)
        if (e->rx[k])
            chan_rx_shutdown(e->rx[k]);
}
