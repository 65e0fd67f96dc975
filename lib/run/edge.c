/* edge.c: the channels between two stages. */
#include "edge.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

#include "../base/alloc.h"
#include "chain.h"
#include "pull.h"

static_assert(CP_UNBOUNDED == CHAN_UNBOUNDED, "capacities are the channels' own");

/* Whether sender i and receiver j ever have the same turn; of a shared channel the first ones stand
 * for all. */
static bool do_meet(const struct cp_edge *e, size_t i, size_t j)
{
    if (e->is_shared)
        return i == 0 && j == 0;
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

/* There is one thread that writes a counter: it needs no atomic addition. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* A batch that nobody received. */
static void drop_batch(void *elem, void *ctx)
{
    struct cp_batch *b = *(struct cp_batch **)elem;
    struct cp_edge_end *end = ctx;

    /* Of a shared channel any receiver may be at it. */
    atomic_fetch_add_explicit(&end->lost, b->n_sel, memory_order_relaxed);
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
        /* With CP_FULL_DROP_OLD the sender takes batches out, too. */
        .one_to_one = e->when_full != CP_FULL_DROP_OLD && !e->is_shared,
    };
    enum chan_status st = chan_open(&o, &e->tx[k], &e->rx[k]);

    for (size_t n = 1; e->is_shared && n < e->senders && st == CHAN_OK; n++)
        st = chan_tx_clone(e->tx[0], &e->tx[n * e->receivers]);
    for (size_t n = 1; e->is_shared && n < e->receivers && st == CHAN_OK; n++)
        st = chan_rx_clone(e->rx[0], &e->rx[n]);
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
        if (!e->is_chained && do_meet(e, k / e->receivers, k % e->receivers) &&
            open_channel(e, k / e->receivers, k % e->receivers, err) < 0)
            return -1;
    return e->is_pulled ? cp_pull_open(e, heap, err) : 0;
}

void cp_edge_close(struct cp_edge *e)
{
    if (e->is_pulled)
        cp_pull_close(e);
    for (size_t k = 0; k < e->senders * e->receivers; k++)
        chan_rx_drop(e->rx[k]);
}

/* ---- Marks ---- */

/* Somebody has to see it: it has records, or is part of a group that is counted. */
static bool is_awaited(const struct cp_edge *e, const struct cp_batch *b)
{
    return b->n_sel > 0 || e->is_counted;
}

/* The end of s at its output k, which has a mark; or NULL. */
static struct cp_edge_end *marked(const struct cp_stage *s, size_t k)
{
    const struct cp_edge *e = s->outs[k];

    return s->worker < e->senders && sender(e, s->worker)->mark ? sender(e, s->worker) : NULL;
}

static bool has_marks(const struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_outs; k++)
        if (marked(s, k))
            return true;
    return false;
}

/* Replaces the mark of a sender. Earlier ones are implied by what comes later. */
static void set_mark(struct cp_edge_end *end, struct cp_batch *b)
{
    cp_batch_release(end->mark);
    end->mark = b;
}

/* One receiver: there is one channel per sender. */
static void add_marks(const struct cp_stage *s, struct chan_case *cases)
{
    for (size_t k = 0; k < s->n_outs; k++) {
        struct cp_edge_end *end = marked(s, k);
        cases[k] = (struct chan_case){0};
        if (end)
            cases[k] = (struct chan_case){.tx = s->outs[k]->tx[s->worker], .elem = &end->mark};
    }
}

static enum chan_status select_until(const struct cp_stage *s, struct chan_case *cases, size_t n,
                                     unsigned flags, int64_t deadline, size_t *chosen)
{
    for (;;) {
        add_marks(s, cases + n);
        enum chan_status status =
            chan_select_deadline(cases, n + s->n_outs, flags, deadline, chosen);
        if (*chosen < n || status == CHAN_INVALID || status == CHAN_TIMEOUT)
            return status;
        struct cp_edge_end *end = marked(s, *chosen - n);
        if (status == CHAN_OK)
            end->mark = NULL; /* the receiver's now */
        else
            set_mark(end, NULL);
    }
}

enum chan_status cp_edge_select(const struct cp_stage *s, struct chan_case *cases, size_t n,
                                unsigned flags, size_t *chosen)
{
    return select_until(s, cases, n, flags, CHAN_FOREVER, chosen);
}

enum chan_status cp_edge_await(const struct cp_stage *s, struct chan_case one, int64_t deadline)
{
    struct chan_case cases[1 + CP_PLAN_STAGES];
    size_t chosen;

    cases[0] = one;
    return select_until(s, cases, 1, 0, deadline, &chosen);
}

/* ---- When the channel is full ---- */

/* The receiver has closed. */
static enum chan_status cut(struct cp_edge_end *end, struct cp_batch *b)
{
    count(&end->lost, b->n_sel);
    cp_batch_release(b);
    return CHAN_CLOSED;
}

/* What a call of a channel with b said. */
static enum chan_status sent(struct cp_edge_end *end, struct cp_batch *b, enum chan_status status)
{
    if (status == CHAN_NOMEM)
        cp_oom();
    if (status != CHAN_OK)
        return cut(end, b);
    set_mark(end, NULL);
    return CHAN_OK;
}

/* The receiver may be waiting, far below, for a mark that this thread has for another edge. */
static enum chan_status send_wait(struct cp_edge *e, size_t worker, chan_tx *tx, struct cp_batch *b)
{
    const struct cp_stage *s = e->from->workers[worker];
    enum chan_status status =
        has_marks(s) ? cp_edge_await(s, (struct chan_case){.tx = tx, .elem = &b}, CHAN_FOREVER)
                     : chan_send(tx, &b);

    return sent(sender(e, worker), b, status);
}

/* Loses the records. The end of a group that a join waits for stays; not that of a source: nothing
 * has parted above it. */
static enum chan_status drop_records(const struct cp_edge *e, struct cp_edge_end *end,
                                     struct cp_batch *b)
{
    count(&end->dropped, b->n_sel);
    b->n_sel = 0;
    if (is_awaited(e, b) && e->from->type->kind != CP_SOURCE)
        set_mark(end, b);
    else
        cp_batch_release(b);
    return CHAN_OK;
}

static enum chan_status send_drop_new(struct cp_edge *e, size_t worker, chan_tx *tx,
                                      struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    enum chan_status status = chan_try_send(tx, &b);

    return status == CHAN_FULL ? drop_records(e, end, b) : sent(end, b, status);
}

/* Later batches imply the one that is taken out. One without records takes nobody's place. */
static enum chan_status send_drop_old(struct cp_edge *e, size_t worker, chan_tx *tx,
                                      struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    struct cp_batch *old;
    bool has_old = false;

    if (b->n_sel == 0)
        return send_drop_new(e, worker, tx, b);
    enum chan_status status = chan_send_evict(tx, &b, &old, &has_old);
    if (has_old) {
        count(&end->dropped, old->n_sel);
        cp_batch_release(old);
    }
    return sent(end, b, status);
}

/* Keeps every Nth record. */
static void thin(const struct cp_edge *e, struct cp_edge_end *end, struct cp_batch *b)
{
    uint32_t kept = 0;

    for (uint32_t k = 0; k < b->n_sel; k++)
        if (end->thinned++ % e->sample == 0)
            b->sel[kept++] = b->sel[k];
    count(&end->dropped, b->n_sel - kept);
    b->n_sel = kept;
}

static enum chan_status send_sample(struct cp_edge *e, size_t worker, chan_tx *tx,
                                    struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    enum chan_status status = chan_try_send(tx, &b);

    if (status != CHAN_FULL)
        return sent(end, b, status);
    thin(e, end, b);
    if (is_awaited(e, b))
        return send_wait(e, worker, tx, b);
    cp_batch_release(b);
    return CHAN_OK;
}

static enum chan_status send_fail(struct cp_edge *e, size_t worker, chan_tx *tx, struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    enum chan_status status = chan_try_send(tx, &b);

    if (status != CHAN_FULL)
        return sent(end, b, status);
    count(&end->dropped, b->n_sel);
    cp_batch_release(b);
    return CHAN_FULL;
}

/* ---- Bursts ---- */

enum { BURST_GAP_NS = 250000 }; /* a sender that takes longer for a batch wakes for each */

static_assert(CP_MAX_WORKERS <= 64, "a bit for each receiver");

void cp_edge_tell(const struct cp_stage *s)
{
    for (size_t k = 0; k < s->n_outs; k++) {
        struct cp_edge *e = s->outs[k];
        if (s->worker >= e->senders)
            continue;
        struct cp_edge_end *end = sender(e, s->worker);
        for (; end->untold; end->untold &= end->untold - 1)
            chan_tx_wake(e->tx[s->worker * e->receivers + (size_t)__builtin_ctzll(end->untold)]);
        end->n_untold = 0;
    }
}

/* Whether the next batch may be expected soon. */
static bool is_quick(struct cp_edge_end *end)
{
    int64_t now = chan_now_ns(), before = end->sent_at;

    end->sent_at = now;
    return now - before < BURST_GAP_NS;
}

/* Leaves a receiver that sleeps asleep until the burst is over. */
static enum chan_status send_in_burst(struct cp_edge *e, size_t worker, size_t to,
                                      struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    chan_tx *tx = e->tx[worker * e->receivers + to];
    bool may_wait = is_quick(end);
    enum chan_status status = chan_try_send_quiet(tx, &b);

    end->untold |= (uint64_t)1 << to;
    if (!may_wait || status != CHAN_OK || ++end->n_untold >= e->burst)
        cp_edge_tell(e->from->workers[worker]);
    return status == CHAN_FULL ? send_wait(e, worker, tx, b) : sent(end, b, status);
}

/* ---- Without a channel ---- */

static enum chan_status send_on(struct cp_edge *e, size_t worker, struct cp_batch *b)
{
    if (atomic_load_explicit(&e->is_shut, memory_order_relaxed))
        return cut(sender(e, worker), b);
    cp_edge_count(e, worker, b);
    cp_chain_take(e->to->workers[worker], b);
    return CHAN_OK;
}

/* Each owns b, and says as cp_edge_send what became of it. */
static enum chan_status (*const senders[])(struct cp_edge *, size_t, chan_tx *,
                                           struct cp_batch *) = {
    [CP_FULL_WAIT] = send_wait,         [CP_FULL_DROP_NEW] = send_drop_new,
    [CP_FULL_DROP_OLD] = send_drop_old, [CP_FULL_SAMPLE] = send_sample,
    [CP_FULL_FAIL] = send_fail,
};

/* ---- Turns ---- */

/* To test the account: this batch is lost. */
static bool is_lost(const struct cp_edge *e, struct cp_edge_end *end, const struct cp_batch *b)
{
    return b->n_sel > 0 && ++end->batches == e->lose;
}

enum chan_status cp_edge_send(struct cp_edge *e, size_t worker, struct cp_batch *b)
{
    struct cp_edge_end *end = sender(e, worker);
    size_t to = e->is_shared ? 0 : end->turn % e->receivers;
    chan_tx *tx = e->tx[worker * e->receivers + to];
    bool has_more = b->has_more;

    if (!is_awaited(e, b)) {
        cp_batch_release(b);
        return CHAN_OK;
    }
    count(&end->records, b->n_sel);
    if (is_lost(e, end, b)) {
        cp_batch_release(b);
        return CHAN_OK;
    }
    enum chan_status status = e->is_chained  ? send_on(e, worker, b)
                              : e->is_pulled ? sent(end, b, cp_pull_send(e, to, &b))
                              : e->burst > 1 ? send_in_burst(e, worker, to, b)
                                             : senders[e->when_full](e, worker, tx, b);
    if (status == CHAN_OK && !has_more)
        end->turn += e->senders;
    return status;
}

chan_rx *cp_edge_next(const struct cp_edge *e, size_t worker)
{
    size_t from = e->is_shared ? 0 : receiver(e, worker)->turn % e->senders;

    return e->rx[from * e->receivers + worker];
}

void cp_edge_count(struct cp_edge *e, size_t worker, const struct cp_batch *b)
{
    struct cp_edge_end *end = receiver(e, worker);

    count(&end->records, b->n_sel);
    end->turn += b->has_more ? 0 : e->receivers;
}

static enum chan_status received(struct cp_edge *e, size_t worker, struct cp_batch *const *b,
                                 enum chan_status status)
{
    if (status == CHAN_OK)
        cp_edge_count(e, worker, *b);
    return status;
}

enum chan_status cp_edge_try_receive(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    enum chan_status status =
        e->is_pulled ? cp_pull_take(e, worker, b) : chan_try_recv(cp_edge_next(e, worker), b);

    return received(e, worker, b, status);
}

static enum chan_status wait_receive(struct cp_edge *e, size_t worker, int64_t deadline,
                                     struct cp_batch **b)
{
    const struct cp_stage *s = e->to->workers[worker];
    chan_rx *rx = cp_edge_next(e, worker);

    if (e->is_pulled)
        return cp_pull_wait(e, worker, b);
    if (has_marks(s))
        return cp_edge_await(s, (struct chan_case){.rx = rx, .elem = (void *)b}, deadline);
    return chan_recv_deadline(rx, b, deadline);
}

enum chan_status cp_edge_receive(struct cp_edge *e, size_t worker, struct cp_batch **b)
{
    return cp_edge_receive_until(e, worker, CHAN_FOREVER, b);
}

enum chan_status cp_edge_receive_until(struct cp_edge *e, size_t worker, int64_t deadline,
                                       struct cp_batch **b)
{
    return received(e, worker, b, wait_receive(e, worker, deadline, b));
}

/* ---- Waiting beside descriptors ---- */

/* Delivers the marks for which there is room. Those that have to wait are watched: adds what
 * becomes readable when there is. */
static size_t watch_marks(const struct cp_stage *s, struct pollfd *fds)
{
    size_t n = 0;

    for (size_t k = 0; k < s->n_outs; k++) {
        struct cp_edge_end *end = marked(s, k);
        chan_tx *tx = s->outs[k]->tx[s->worker];
        enum chan_status status = CHAN_FULL;
        int fd = end ? chan_tx_fd(tx) : -1;
        while (end && end->mark && (status = chan_try_send(tx, &end->mark)) == CHAN_FULL &&
               chan_tx_arm(tx) == CHAN_OK)
            ;
        if (end && status == CHAN_OK)
            end->mark = NULL;
        else if (end && status != CHAN_FULL)
            set_mark(end, NULL);
        else if (end)
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    return n;
}

/* Takes the next batch, or watches for it. */
static enum cp_came watch_input(const struct cp_stage *s, struct pollfd *fd, struct cp_batch **b)
{
    struct cp_edge *e = s->ins[0];
    chan_rx *rx = cp_edge_next(e, s->worker);
    int ready_fd = chan_rx_fd(rx);
    enum chan_status status;

    while ((status = cp_edge_try_receive(e, s->worker, b)) == CHAN_EMPTY &&
           chan_rx_arm(rx) == CHAN_OK)
        ;
    if (status == CHAN_OK)
        return CP_CAME_BATCH;
    if (status != CHAN_EMPTY)
        return CP_CAME_END;
    *fd = (struct pollfd){.fd = ready_fd, .events = POLLIN};
    return CP_CAME_NOTHING;
}

/* There are no more descriptors for one of the channels: it is looked at from time to time. */
static int limit_wait(const struct pollfd *fds, size_t n, int timeout_ms)
{
    enum { TICK_MS = 10 };

    for (size_t k = 0; k < n; k++)
        if (fds[k].fd < 0 && (timeout_ms < 0 || timeout_ms > TICK_MS))
            timeout_ms = TICK_MS;
    return timeout_ms;
}

static bool has_news(const struct pollfd *fds, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (fds[k].revents != 0)
            return true;
    return false;
}

/* What poll(2) has said of fds[0..n), and behind them of the descriptor that asks to stop. */
static enum cp_came hear(struct cp_stage *s, struct pollfd *fds, const struct pollfd *all, size_t n,
                         int ready)
{
    if (ready < 0 && errno != EINTR) {
        cp_stage_fail(s, CP_EXIT_IO, errno, "cannot wait for a descriptor");
        return CP_CAME_STOP;
    }
    for (size_t k = 0; k < n; k++)
        fds[k].revents = ready > 0 ? all[k].revents : 0;
    return ready > 0 && all[n].revents != 0 ? CP_CAME_STOP : CP_CAME_NOTHING;
}

enum cp_came cp_edge_poll(struct cp_stage *s, struct pollfd *fds, size_t n, int timeout_ms,
                          struct cp_batch **b)
{
    struct pollfd all[3 * CP_MAX_WORKERS + 2 + CP_PLAN_STAGES];
    enum cp_came came = CP_CAME_NOTHING;

    for (;;) {
        size_t total = n + 1;
        if (n > 0)
            memcpy(all, fds, n * sizeof *all);
        all[n] = (struct pollfd){.fd = s->stop_fd, .events = POLLIN};
        if (b && (came = watch_input(s, &all[total], b)) == CP_CAME_NOTHING)
            total++;
        total += watch_marks(s, all + total);
        int limit = limit_wait(all + n + 1, total - n - 1, timeout_ms);
        int ready = poll(all, total, came != CP_CAME_NOTHING ? 0 : limit);
        if (hear(s, fds, all, n, ready) == CP_CAME_STOP && came != CP_CAME_BATCH)
            return CP_CAME_STOP;
        bool is_over = ready == 0 && timeout_ms >= 0;
        if (came != CP_CAME_NOTHING || is_over || has_news(fds, n))
            return came;
    }
}

/* ---- Ending ---- */

/* That nothing comes any more implies the mark, too. */
void cp_edge_end_sender(struct cp_edge *e, size_t worker)
{
    set_mark(sender(e, worker), NULL);
    sender(e, worker)->untold = 0;
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

bool cp_edge_shut(struct cp_edge *e)
{
    bool was_open = !atomic_exchange(&e->is_shut, true);

    for (size_t k = 0; k < e->senders * e->receivers; k++)
        if (e->rx[k] && was_open)
            chan_rx_shutdown(e->rx[k]);
    return was_open;
}

/* ---- Counting ---- */

static uint64_t value(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct cp_edge_account cp_edge_account(const struct cp_edge *e)
{
    struct cp_edge_account a = {0};

    if (!e->ends) /* a stage could not be opened */
        return a;
    for (size_t i = 0; i < e->senders; i++) {
        a.sent += value(&sender(e, i)->records);
        a.dropped += value(&sender(e, i)->dropped);
        a.cut += value(&sender(e, i)->lost);
    }
    for (size_t j = 0; j < e->receivers; j++) {
        a.received += value(&receiver(e, j)->records);
        a.cut += value(&receiver(e, j)->lost);
    }
    return a;
}
