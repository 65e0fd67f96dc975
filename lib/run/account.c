/* account.c: proving that nothing vanished, and how much memory there can be. */
#include <assert.h>
#include <string.h>

#include "../base/alloc.h"
#include "edge.h"
#include "run.h"

/* ---- The account ---- */

static int check_stage(const struct cp_stage *s, struct cp_err *err)
{
    const struct cp_account *a = &s->account;
    uint64_t came = a->in + a->made;
    uint64_t went = a->out + a->filtered + a->dropped + a->errored + a->taken + a->held;

    if (came == went && a->filtered <= came && a->errored <= came && a->taken <= came)
        return 0;
    return cp_err_set(
        err, CP_EXIT_ACCOUNT, 0,
        "the account of %s does not balance: %llu records came, %llu are accounted for", s->name,
        (unsigned long long)came, (unsigned long long)went);
}

static int check_edge(const struct cp_edge *e, struct cp_err *err)
{
    struct cp_edge_account a = cp_edge_account(e);

    if (a.sent == a.received + a.dropped + a.cut)
        return 0;
    return cp_err_set(err, CP_EXIT_ACCOUNT, 0,
                      "between %s and %s %llu records were sent, %llu are accounted for",
                      e->from->name, e->to->name, (unsigned long long)a.sent,
                      (unsigned long long)(a.received + a.dropped + a.cut));
}

static_assert(sizeof(struct cp_account) % sizeof(uint64_t) == 0, "terms are of one type");

/* All terms are numbers of records and the like. */
static void add_account(struct cp_account *to, const struct cp_account *from)
{
    uint64_t *sum = (uint64_t *)(void *)to;
    const uint64_t *more = (const uint64_t *)(const void *)from;

    for (size_t i = 0; i < CP_ACCOUNT_TERMS; i++)
        sum[i] += more[i];
}

/* Counting goes on without atomics; what others see is a copy, made once a batch. */
void cp_account_show(struct cp_stage *s)
{
    const uint64_t *terms = (const uint64_t *)(const void *)&s->account;

    for (size_t i = 0; i < CP_ACCOUNT_TERMS; i++)
        atomic_store_explicit(&s->shown[i], terms[i], memory_order_relaxed);
}

struct cp_account cp_account_now(const struct cp_stage *s)
{
    struct cp_account a = {0};
    uint64_t *sum = (uint64_t *)(void *)&a;

    for (size_t k = 0; k < s->n_workers; k++)
        for (size_t i = 0; i < CP_ACCOUNT_TERMS; i++)
            sum[i] += atomic_load_explicit(&s->workers[k]->shown[i], memory_order_relaxed);
    return a;
}

void cp_account_gather(struct cp_stage *s)
{
    for (size_t k = 1; k < s->n_workers; k++) {
        const struct cp_stage *w = s->workers[k];
        add_account(&s->account, &w->account);
        if (w->first_error[0] && (!s->first_error[0] || w->first_error_at < s->first_error_at)) {
            memcpy(s->first_error, w->first_error, sizeof s->first_error);
            s->first_error_at = w->first_error_at;
        }
    }
}

int cp_run_check_account(const struct cp_plan *plan, struct cp_err *err)
{
    for (size_t i = 0; i < plan->n; i++)
        if (check_stage(plan->stages[i], err) < 0)
            return -1;
    for (size_t i = 0; i < plan->n_edges; i++)
        if (check_edge(plan->edges[i], err) < 0)
            return -1;
    return 0;
}

/* ---- Memory ---- */

enum {
    /* Text, data and libraries as far as they are touched; measured 4.1 MiB. */
    PROGRAM = 6 << 20,
    /* Stack, thread descriptor, the allocator's own; stacks are reserved larger. */
    PER_THREAD = 192 << 10,
};

static bool is_bounded(const struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n_edges; i++)
        if (plan->edges[i]->capacity == CP_UNBOUNDED)
            return false;
    return true;
}

size_t cp_run_bound(const struct cp_plan *plan)
{
    size_t bytes = PROGRAM + plan->heap.bytes;

    if (!is_bounded(plan))
        return SIZE_MAX;

    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        bytes += s->n_workers * (s->memory + (cp_stage_has_threads(s) ? PER_THREAD : 0));
        if (s->pool_size.batches > 0)
            bytes += cp_pool_bytes(&s->pool_size);
    }
    for (size_t i = 0; i < plan->n_edges; i++)
        if (plan->edges[i]->view_size.batches > 0)
            bytes += cp_pool_bytes(&plan->edges[i]->view_size);
    return bytes;
}
