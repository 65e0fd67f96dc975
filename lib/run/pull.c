/* pull.c: workers that read from a source by themselves. */
#include "pull.h"

#include "../base/wait.h"
#include "chain.h"
#include "run_impl.h"

struct cp_pull {
    chan_tx **tx; /* of the token; by worker */
    chan_rx **rx;

    /* Of who has the token. */
    size_t reader;         /* the worker that has it */
    struct cp_batch *kept; /* what it keeps */
    bool has_ended;        /* the source has; the token is gone */
};

static void give_back(struct cp_edge *e, size_t worker)
{
    char token = 0;

    chan_send(e->pull->tx[worker], &token); /* there is room: it is the only one */
}

int cp_pull_open(struct cp_edge *e, struct cp_heap *heap, struct cp_err *err)
{
    struct chan_options o = {
        .size = sizeof o, .capacity = 1, .elem_size = 1, .name = e->from->name};
    struct cp_pull *p = e->pull = cp_heap_take(heap, sizeof *p);

    p->tx = cp_heap_take(heap, e->receivers * sizeof(chan_tx *));
    p->rx = cp_heap_take(heap, e->receivers * sizeof(chan_rx *));
    enum chan_status st = chan_open(&o, &p->tx[0], &p->rx[0]);
    for (size_t k = 1; k < e->receivers && st == CHAN_OK; k++) {
        st = chan_tx_clone(p->tx[0], &p->tx[k]);
        if (st == CHAN_OK)
            st = chan_rx_clone(p->rx[0], &p->rx[k]);
    }
    if (st != CHAN_OK)
        return cp_err_set(err, CP_EXIT_IO, 0, "cannot make the channel into %s: %s", e->to->name,
                          chan_status_name(st));
    return 0;
}

void cp_pull_begin(struct cp_edge *e)
{
    give_back(e, 0);
}

static void end_source(struct cp_edge *e)
{
    e->pull->has_ended = true;
    if (!atomic_load(&e->from->must_stop))
        cp_stage_check_errors(e->from);
    cp_chain_end(e->from);
}

/* Whoever is slow keeps the reader waiting. */
static enum chan_status deal(chan_tx *tx, struct cp_batch **b)
{
    enum chan_status st = chan_try_send(tx, b);

    if (st != CHAN_FULL)
        return st;
    cp_before_wait();
    return chan_send(tx, b);
}

enum chan_status cp_pull_send(struct cp_edge *e, size_t to, struct cp_batch **b)
{
    if (!e->is_shared && to != e->pull->reader)
        return deal(e->tx[to], b);
    e->pull->kept = *b;
    return CHAN_OK;
}

/* Calls the source until there is a batch for that worker, which has the token. */
static enum chan_status read_on(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    struct cp_pull *p = e->pull;
    struct cp_stage *s = e->from;
    struct cp_batch *next;
    bool is_wanted = !atomic_load(&s->must_stop);

    p->reader = worker;
    p->kept = NULL;
    while (is_wanted && !p->kept)
        is_wanted = (next = s->type->next(s, s->self)) && cp_emit(s, next);
    cp_account_show(s);
    *b = p->kept;
    if (is_wanted)
        give_back(e, worker);
    else
        end_source(e);
    return *b ? CHAN_OK : CHAN_CLOSED;
}

/* The token is that worker's. What was dealt to it goes first. */
static enum chan_status take_turn(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    enum chan_status st = chan_try_recv(cp_edge_next(e, worker), b);

    if (st == CHAN_EMPTY)
        return read_on(e, worker, b);
    give_back(e, worker);
    return st;
}

enum chan_status cp_pull_take(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    enum chan_status st = chan_try_recv(cp_edge_next(e, worker), b);
    char token;

    if (st == CHAN_EMPTY && chan_try_recv(e->pull->rx[worker], &token) == CHAN_OK)
        return take_turn(e, worker, b);
    return st;
}

enum chan_status cp_pull_wait(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    char token;
    size_t chosen;
    struct chan_case cases[] = {
        {.rx = cp_edge_next(e, worker), .elem = (void *)b},
        {.rx = e->pull->rx[worker], .elem = &token},
    };
    enum chan_status st = chan_select(cases, 2, CHAN_BIASED, &chosen);

    return chosen == 0 ? st : take_turn(e, worker, b);
}

void cp_pull_abort(struct cp_edge *e)
{
    if (!e->pull->has_ended)
        end_source(e);
}

void cp_pull_close(struct cp_edge *e)
{
    cp_pull_abort(e);
    for (size_t k = 0; k < e->receivers; k++) {
        chan_tx_drop(e->pull->tx[k]);
        chan_rx_drop(e->pull->rx[k]);
    }
}
