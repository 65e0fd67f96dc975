/* stage.c: what the runtime offers to a stage at work beside sending: evaluation and record errors.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../base/alloc.h"
#include "../expr/expr.h"
#include "../stage.h"
#include "rejects.h"

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

/* ---- Records that fail ---- */

/* One more has failed, of so many that have been seen: that is more than max_errors allows. */
static bool are_too_many(const struct cp_stage *s, uint64_t seen)
{
    const struct cp_max_errors *most = &s->max_errors;

    if (s->failed > most->n)
        return true;
    return most->million != UINT64_MAX && seen > 0 &&
           (unsigned __int128)s->failed * 1000000 > (unsigned __int128)most->million * seen;
}

/* A share is not judged by the first few records. */
static bool must_stop(const struct cp_stage *s)
{
    return are_too_many(s, s->failed_at < CP_ERRORS_SEEN ? 0 : s->failed_at);
}

static enum cp_outcome fail_of_errors(struct cp_stage *s, uint64_t seen)
{
    const struct cp_max_errors *most = &s->max_errors;

    if (s->on_error == CP_ON_ERROR_STOP)
        return cp_stage_fail(s, CP_EXIT_RECORDS, 0, "%s", s->first_error);
    if (most->n != UINT64_MAX)
        return cp_stage_fail(s, CP_EXIT_RECORDS, 0, "more than %llu record%s failed (first: %s)",
                             (unsigned long long)most->n, most->n == 1 ? "" : "s", s->first_error);
    return cp_stage_fail(s, CP_EXIT_RECORDS, 0,
                         "%llu of %llu records failed, more than %.7g%% (first: %s)",
                         (unsigned long long)s->failed, (unsigned long long)seen,
                         (double)most->million / 1e4, s->first_error);
}

enum cp_outcome cp_stage_stop_at(struct cp_stage *s, struct cp_batch *b, uint32_t kept,
                                 uint32_t rest)
{
    s->account.filtered += rest;
    b->n_sel = kept;
    fail_of_errors(s, s->failed_at);
    return CP_OUTCOME_DONE;
}

void cp_stage_check_errors(struct cp_stage *s)
{
    if (are_too_many(s, cp_stage_tried(s)))
        fail_of_errors(s, cp_stage_tried(s));
}

static void note_failed(struct cp_stage *s, const struct cp_batch *b, uint32_t i, uint32_t before,
                        const char *reason)
{
    s->failed++;
    s->failed_at = s->seen + before + 1;
    cp_stage_record_error(s, b, i, reason);
}

/* It leaves in a view of the batch. */
static void send_to_stage(struct cp_stage *s, struct cp_batch *b, uint32_t i, const char *reason)
{
    if (!s->rejected)
        s->rejected = cp_stage_view(s, s->to.output, b);
    struct cp_batch *view = s->rejected;
    view->sel[view->n_sel++] = (uint16_t)i;
    view->col[s->to.error_slot][i] = cp_stage_reason(s, reason);
    if (s->to.line_slot != CP_NO_SLOT) {
        struct cp_slice raw = cp_batch_raw(b, i);
        view->col[s->to.line_slot][i] = cp_text(raw.p, raw.n);
    }
}

enum cp_fate cp_stage_give_up(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                              const char *reason)
{
    note_failed(s, b, i, before, reason);
    if (s->to.output != CP_NO_OUTPUT)
        send_to_stage(s, b, i, reason);
    else
        s->account.errored++;
    if (s->rejects)
        cp_rejects_put(s, b, i, reason);
    s->account.rejected += s->on_error == CP_ON_ERROR_TO;
    return must_stop(s) ? CP_FATE_STOPS : CP_FATE_GONE;
}

enum cp_fate cp_stage_failed(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                             const char *reason)
{
    if (s->on_error != CP_ON_ERROR_DEFAULT && s->on_error != CP_ON_ERROR_KEEP)
        return cp_stage_give_up(s, b, i, before, reason);
    if (!cp_stage_passes_failed(s, b, i, before, reason))
        return CP_FATE_PASSES;
    s->account.warned--;
    s->account.errored++;
    return CP_FATE_STOPS;
}

bool cp_stage_passes_failed(struct cp_stage *s, const struct cp_batch *b, uint32_t i,
                            uint32_t before, const char *reason)
{
    note_failed(s, b, i, before, reason);
    s->account.warned++;
    return must_stop(s);
}

void cp_stage_lost(struct cp_stage *s, const struct cp_input *input, uint64_t line, uint64_t offset,
                   struct cp_slice raw, const char *reason)
{
    s->failed++;
    s->account.errored++;
    cp_stage_input_error(s, input->name, line, reason);
    if (s->rejects) {
        const struct cp_reject r = {.file = cp_slice_of(input->name),
                                    .line = line,
                                    .offset = offset,
                                    .stage = cp_slice_of(s->name),
                                    .reason = cp_slice_of(reason),
                                    .raw = raw};
        s->account.rejected++;
        cp_rejects_put_lost(s, &r);
        cp_rejects_flush(s);
    }
    if (are_too_many(s, 0)) /* a share is judged at the end */
        fail_of_errors(s, cp_stage_tried(s));
}

/* ---- Expressions that fail ---- */

enum cp_outcome cp_stage_settle(struct cp_stage *s, struct cp_batch *b, struct cp_eval *ev)
{
    uint32_t kept = 0, n = b->n_sel;

    if (ev->n_failed == 0 && s->error_slot == CP_NO_SLOT)
        return CP_OUTCOME_OK;
    for (uint32_t k = 0; k < n; k++) {
        uint16_t i = b->sel[k];
        const char *reason = ev->n_failed > 0 ? ev->reason[i] : NULL;
        enum cp_fate fate = reason ? cp_stage_failed(s, b, i, k, reason) : CP_FATE_PASSES;
        if (fate == CP_FATE_STOPS)
            return cp_stage_stop_at(s, b, kept, n - k - 1);
        if (fate == CP_FATE_GONE)
            continue;
        if (s->error_slot != CP_NO_SLOT)
            b->col[s->error_slot][i] =
                reason ? cp_stage_reason(s, reason) : (struct cp_value){.kind = CP_MISSING};
        b->sel[kept++] = i;
    }
    b->n_sel = kept;
    return CP_OUTCOME_OK;
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
    uint64_t gone = s->account.errored - before.errored;
    if (s->to.output != CP_NO_OUTPUT)
        gone += s->account.rejected - before.rejected;
    s->account.filtered = before.filtered + n - kept - gone;
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
