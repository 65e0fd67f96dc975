/* stage.c: what the runtime offers to a stage at work beside sending: evaluation and record errors.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../base/alloc.h"
#include "../expr/expr.h"
#include "../stage.h"

struct cp_eval *cp_stage_eval(struct cp_stage *s, struct cp_batch *b)
{
    cp_eval_begin(s->eval, b);
    return s->eval;
}

void cp_stage_prepare(struct cp_stage *s, const struct cp_expr *x)
{
    if (!s->eval) {
        s->eval = cp_heap_take(s->heap, sizeof *s->eval);
        cp_eval_init(s->eval, s->heap, s->records, s->max_line);
    }
    if (x)
        cp_eval_prepare(s->eval, x);
}

/* "access.log:17: reason"; made records have no place. */
static void keep_first(struct cp_stage *s, const char *input, uint64_t line, const char *reason)
{
    if (s->first_error[0])
        return;
    if (input)
        snprintf(s->first_error, sizeof s->first_error, "%s:%llu: %s", input,
                 (unsigned long long)line, reason);
    else
        snprintf(s->first_error, sizeof s->first_error, "%s", reason);
}

void cp_stage_record_error(struct cp_stage *s, const struct cp_batch *b, uint32_t i,
                           const char *reason)
{
    if (s->first_error[0])
        return;
    s->first_error_at = cp_batch_position(b, i);
    const struct cp_input *in = cp_batch_input(b, i);
    if (in)
        keep_first(s, in->name, cp_batch_line(b, i), reason);
    else
        keep_first(s, NULL, 0, reason);
}

void cp_stage_input_error(struct cp_stage *s, const char *input, uint64_t line, const char *reason)
{
    keep_first(s, input, line, reason);
}

/* A padded copy of a static text; there are few of them. */
struct cp_reason {
    const char *reason;
    struct cp_reason *next;
    size_t len;
    char copy[];
};

struct cp_value cp_stage_reason(struct cp_stage *s, const char *reason)
{
    struct cp_reason *r;

    for (r = s->reasons; r; r = r->next)
        if (r->reason == reason)
            return cp_text(r->copy, r->len);
    r = cp_xcalloc(1, sizeof *r + strlen(reason) + 1 + CP_PAD);
    r->reason = reason;
    r->len = strlen(reason);
    memcpy(r->copy, reason, r->len);
    r->next = s->reasons;
    s->reasons = r;
    return cp_text(r->copy, r->len);
}

void cp_stage_forget_reasons(struct cp_stage *s)
{
    while (s->reasons) {
        struct cp_reason *next = s->reasons->next;
        free(s->reasons);
        s->reasons = next;
    }
}

static void settle_keep(struct cp_stage *s, struct cp_batch *b, const char *const *reason)
{
    struct cp_value *error = b->col[s->error_slot];
    for (uint32_t k = 0; k < b->n_sel; k++) {
        const char *r = reason ? reason[b->sel[k]] : NULL;
        error[b->sel[k]] = r ? cp_stage_reason(s, r) : (struct cp_value){.kind = CP_MISSING};
    }
}

/* Drops the records that failed. */
static void settle_skip(struct cp_stage *s, struct cp_batch *b, const char *const *reason)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < b->n_sel; k++)
        if (!reason[b->sel[k]])
            b->sel[kept++] = b->sel[k];
    s->account.errored += b->n_sel - kept;
    b->n_sel = kept;
}

enum cp_outcome cp_stage_stop_at(struct cp_stage *s, struct cp_batch *b, uint32_t kept,
                                 uint32_t rest)
{
    s->account.filtered += rest;
    b->n_sel = kept;
    cp_stage_fail(s, CP_EXIT_RECORDS, 0, "%s", s->first_error);
    return CP_OUTCOME_DONE;
}

/* Those before the first failure pass. */
static enum cp_outcome settle_stop(struct cp_stage *s, struct cp_batch *b,
                                   const char *const *reason)
{
    uint32_t k = 0;
    while (!reason[b->sel[k]])
        k++;
    s->account.errored++;
    return cp_stage_stop_at(s, b, k, b->n_sel - k - 1);
}

enum cp_outcome cp_stage_settle(struct cp_stage *s, struct cp_batch *b, struct cp_eval *ev)
{
    if (ev->n_failed == 0) {
        if (s->error_slot != CP_NO_SLOT)
            settle_keep(s, b, NULL);
        return CP_OUTCOME_OK;
    }
    for (uint32_t k = 0; k < b->n_sel && !s->first_error[0]; k++)
        if (ev->reason[b->sel[k]])
            cp_stage_record_error(s, b, b->sel[k], ev->reason[b->sel[k]]);
    switch (s->on_error) {
    case CP_ON_ERROR_SKIP:
        settle_skip(s, b, ev->reason);
        return CP_OUTCOME_OK;
    case CP_ON_ERROR_STOP:
        return settle_stop(s, b, ev->reason);
    case CP_ON_ERROR_KEEP:
        settle_keep(s, b, ev->reason);
        s->account.warned += ev->n_failed;
        return CP_OUTCOME_OK;
    default:
        s->account.warned += ev->n_failed;
        return CP_OUTCOME_OK;
    }
}

/* Whether a record passes: it was chosen, and on_error has nothing against it. */
static bool passes(const struct cp_stage *s, const char *reason, bool is_chosen)
{
    if (!reason || s->on_error == CP_ON_ERROR_DEFAULT)
        return is_chosen;
    return s->on_error == CP_ON_ERROR_KEEP;
}

/* Those of b's selection that pass. */
static size_t choose(const struct cp_stage *s, const struct cp_batch *b, const char *const *reason,
                     const uint16_t *keep, size_t kept, uint16_t *out)
{
    size_t n = 0, at = 0;
    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint16_t i = b->sel[k];
        bool is_chosen = at < kept && keep[at] == i;
        at += is_chosen;
        if (passes(s, reason[i], is_chosen))
            out[n++] = i;
    }
    return n;
}

enum cp_outcome cp_stage_pass(struct cp_stage *s, struct cp_batch *b, struct cp_eval *ev,
                              const uint16_t *keep, size_t kept)
{
    uint16_t chosen[CP_BATCH_RECORDS];
    struct cp_account before = s->account;
    uint32_t n = b->n_sel;
    enum cp_outcome step = CP_OUTCOME_OK;

    if (ev->n_failed > 0 || s->error_slot != CP_NO_SLOT)
        step = cp_stage_settle(s, b, ev); /* leaves those that may pass in b's selection */
    if (ev->n_failed > 0) {
        kept = choose(s, b, ev->reason, keep, kept, chosen);
        keep = chosen;
    }
    memmove(b->sel, keep, kept * sizeof *keep);
    b->n_sel = (uint32_t)kept;
    s->account.filtered = before.filtered + n - kept - (s->account.errored - before.errored);
    return step;
}

/* ---- Kept records ---- */

bool cp_stage_give(struct cp_stage *s, struct cp_keeper *k, const char *record)
{
    if (!k->to)
        k->to = cp_stage_batch(s);
    if (cp_keeper_read(k, k->to, record))
        return true;
    if (!cp_stage_give_end(s, k))
        return false;
    k->to = cp_stage_batch(s);
    return cp_keeper_read(k, k->to, record);
}

bool cp_stage_give_end(struct cp_stage *s, struct cp_keeper *k)
{
    struct cp_batch *b = k->to;

    k->to = NULL;
    return !b || cp_emit(s, b);
}
