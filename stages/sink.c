/* sink.c: encoding records and handing them to a descriptor. */
#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Planning ---- */

static const char *default_format(const struct cp_planner *p)
{
    bool is_shown = p->options->is_terminal && strcmp(p->stage->type->name, "stdout") == 0;
    if (p->scope->is_made && is_shown)
        return "table";
    return p->scope->is_parsed || p->scope->is_made ? "json" : "raw";
}

static int unknown_format(struct cp_planner *p, struct cp_slice name)
{
    const char *names[64];
    size_t n = 0;
    char hint[96] = "json, logfmt, csv, tsv, table or raw";

    for (size_t i = 0; cp_formats[i] && n < 64; i++)
        if (cp_formats[i]->encode)
            names[n++] = cp_formats[i]->name;
    const char *near = cp_nearest(name.p, name.n, names, n);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    return cp_diag_error(p->diags, p->stage->pos, hint, "unknown output format %.*s", (int)name.n,
                         name.p);
}

static int choose_format(struct cp_planner *p, struct sink *k, const char *wanted)
{
    struct cp_slice name = k->format_name;
    if (k->format)
        return 0;
    if (name.n == 0)
        name = cp_slice_of(wanted ? wanted : default_format(p));
    const struct cp_format *f = cp_format_find(name);
    if (!f || !f->encode)
        return unknown_format(p, name);
    k->format = f;
    k->encoder = cp_heap_take(p->heap, f->encoder_size + 1);
    if (f->encode_options)
        cp_options_init(f->encode_options, k->encoder, p->heap);
    return 0;
}

int sink_setting(struct cp_planner *p, struct sink *k, const struct cp_setting *set,
                 const char *wanted)
{
    if (choose_format(p, k, wanted) < 0)
        return 1;
    const struct cp_option *o =
        k->format->encode_options ? cp_option_find(k->format->encode_options, set->key.s) : NULL;
    if (!o)
        return 0;
    cp_option_set_node(o, k->encoder, set->value, p->heap, p->diags);
    return 1;
}

static int sink_word(struct cp_planner *p, struct sink *k, const struct cp_option *table,
                     void *base, const struct cp_word *w, const char *wanted)
{
    const struct cp_option *o = cp_option_find(table, w->key);
    if (!o) {
        if (choose_format(p, k, wanted) < 0)
            return -1;
        o = k->format->encode_options ? cp_option_find(k->format->encode_options, w->key) : NULL;
        base = k->encoder;
    }
    if (!o)
        return cp_plan_no_option(p, w, p->stage->type->name, k->format->encode_options);
    return cp_option_set_text(o, base, &w->text, p->heap, p->diags);
}

int sink_words(struct cp_planner *p, struct sink *k, const struct cp_option *table, void *base,
               struct cp_words *rest, const char *wanted)
{
    *rest = (struct cp_words){cp_heap_take(p->heap, (p->words.n + 1) * sizeof *rest->v), 0};
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (w->key.n == 0)
            rest->v[rest->n++] = *w;
        else if (sink_word(p, k, table, base, w, wanted) < 0)
            return -1;
    }
    return 0;
}

int sink_plan(struct cp_planner *p, struct sink *k, const char *wanted)
{
    if (choose_format(p, k, wanted) < 0)
        return -1;
    bool is_own = strcmp(k->format->name, "raw") == 0 && cp_scope_is_own(p->scope);
    k->shape = is_own ? cp_plan_shape_raw(p) : cp_plan_shape(p);
    p->stage->shape = k->shape;
    p->stage->format = k->format;
    cp_plan_memory(p, 2 * (CP_OUT_SIZE + CP_PAD));
    return 0;
}

/* ---- Working ---- */

/* Writes, and notes where whole lines end for files that are cut back. The writing thread's, or the
 * stage's while that one is idle. */
static int write_bytes(void *ctx, const char *p, size_t n)
{
    struct sink *k = ctx;
    uint64_t before = k->writer.bytes;
    int rc = cp_writer_write(&k->writer, p, n);
    size_t done = (size_t)(k->writer.bytes - before);
    const char *last = k->cuts ? memrchr(p, '\n', done) : NULL;

    if (last)
        k->whole = before + (uint64_t)(last + 1 - p);
    return rc;
}

/* The writing thread's: the stage may be waiting for input, and shall end. */
static void write_has_failed(void *ctx)
{
    struct sink *k = ctx;
    cp_stage_cut_input(k->stage);
}

static int write_now(void *ctx, const char *p, size_t n)
{
    struct sink *k = ctx;
    if (cp_async_drain(&k->async) < 0 || write_bytes(k, p, n) < 0)
        return -1;
    k->written = k->given = k->stage->account.out;
    return 0;
}

static char *give_buffer(void *ctx, char *buffer, size_t n, bool *failed)
{
    struct sink *k = ctx;
    char *next = cp_async_give(&k->async, buffer, n);

    *failed = atomic_load(&k->async.has_failed);
    if (!*failed)
        k->written = k->given; /* what was handed over before: the other buffer is free */
    k->given = k->stage->account.out;
    return next;
}

void sink_cuts(struct sink *k, uint64_t start)
{
    k->cuts = true;
    k->start = start;
}

int sink_open(struct cp_stage *s, struct sink *k, int fd, const char *path, struct cp_err *err)
{
    k->path = path;
    k->stage = s;
    k->writer = (struct cp_writer){.fd = fd};
    snprintf(k->thread_name, sizeof k->thread_name, "cp:%.9s/w", s->name);
    k->async = (struct cp_async){
        .name = k->thread_name,
        .write = write_bytes,
        .on_failure = write_has_failed,
        .ctx = k,
        .spare = cp_heap_take(s->heap, CP_OUT_SIZE + CP_PAD),
    };
    cp_out_init(&k->out, cp_heap_take(s->heap, CP_OUT_SIZE + CP_PAD), CP_OUT_SIZE, write_now, k);
    k->out.give = give_buffer;
    return k->format->encode_open ? k->format->encode_open(k->encoder, s->heap, err) : 0;
}

/* The file ends where we left it: nobody else has appended to it meanwhile. */
static bool is_ours(const struct sink *k)
{
    struct stat st;
    return fstat(k->writer.fd, &st) == 0 && (uint64_t)st.st_size == k->start + k->writer.bytes;
}

/* Records of buffers that were not written are held, not out. */
static void take_back(struct sink *k)
{
    struct cp_account *a = &k->stage->account;

    if (a->out <= k->written)
        return;
    a->held += a->out - k->written;
    a->out = k->written;
}

/* The write failed. A reader that left is no failure. */
static enum cp_outcome write_failed(struct cp_stage *s, struct sink *k)
{
    cp_async_close(&k->async);
    if (k->writer.sys == EPIPE && k->reader_left)
        return k->reader_left(s, k);
    if (k->writer.sys == EPIPE && k->writer.fd == 1) {
        cp_stage_reader_left(s);
        return CP_OUTCOME_DONE;
    }
    if (k->cuts && is_ours(k) && ftruncate(k->writer.fd, (off_t)(k->start + k->whole)) == 0)
        k->writer.bytes = k->whole;
    return cp_stage_fail(s, CP_EXIT_IO, k->writer.sys, "cannot write %s after %llu bytes", k->path,
                         (unsigned long long)k->writer.bytes);
}

/* How many of the records at the front were made by the same branch: they have one shape. */
static size_t same_branch(const struct cp_shape *shape, const struct cp_batch *b,
                          const uint16_t *sel, size_t n)
{
    size_t k = 1;

    if (shape->n_branches == 0 || !b->branches)
        return n;
    while (k < n && b->branches[sel[k]] == b->branches[sel[0]])
        k++;
    return k;
}

const char *sink_encode(struct sink *k, struct cp_batch *b, const uint16_t *sel, size_t n,
                        size_t *done)
{
    size_t same = same_branch(k->shape, b, sel, n);

    b->shape = cp_shape_of_record(k->shape, b, sel[0]);
    return k->format->encode(k->encoder, b, sel, same, &k->out, done);
}

enum cp_outcome sink_process(struct cp_stage *s, struct sink *k, struct cp_batch *b)
{
    const uint16_t *sel = b->sel;
    size_t n = b->n_sel, all = n;
    enum cp_outcome step = CP_OUTCOME_OK;
    struct cp_account before = s->account;
    uint64_t failed = s->failed;

    while (n > 0 && step == CP_OUTCOME_OK) {
        size_t done;
        const char *reason = sink_encode(k, b, sel, n, &done);
        s->account.out += done;
        sel += done;
        n -= done;
        if (!reason)
            continue;
        enum cp_fate fate = cp_stage_give_up(s, b, *sel, (uint32_t)(all - n), reason);
        sel++;
        n--;
        if (fate == CP_FATE_STOPS)
            step = cp_stage_stop_at(s, b, 0, (uint32_t)n);
    }
    s->account.bad_utf8 = k->out.bad_utf8;
    if (!k->out.failed)
        return step;
    step = write_failed(s, k);
    if (step == CP_OUTCOME_FAILED) { /* the runtime counts what is left in the batch */
        s->account.out = before.out;
        s->account.filtered = before.filtered;
        b->n_sel = (uint32_t)(all - (s->failed - failed));
        take_back(k);
    }
    return step;
}

int sink_idle(struct cp_stage *s, struct sink *k)
{
    if (cp_out_flush(&k->out) == 0)
        return 0;
    if (write_failed(s, k) == CP_OUTCOME_FAILED)
        take_back(k);
    return -1;
}

/* Members that found no column (csv, tsv, table) are named once. */
static void note_left_out(struct cp_stage *s, const struct sink *k)
{
    struct cp_slice first = {0};
    uint64_t n = k->format->left_out ? k->format->left_out(k->encoder, &first) : 0;
    if (n > 0)
        snprintf(s->note, sizeof s->note,
                 "%llu value%s had no column and %s left out (first: %.*s)", (unsigned long long)n,
                 n == 1 ? "" : "s", n == 1 ? "was" : "were", (int)first.n, first.p);
}

int sink_finish(struct cp_stage *s, struct sink *k)
{
    note_left_out(s, k);
    if (!k->out.failed && k->format->encode_end)
        k->format->encode_end(k->encoder, &k->out);
    int rc = k->out.failed ? -1 : sink_idle(s, k);
    cp_async_close(&k->async);
    return rc;
}

enum cp_outcome sink_stage_process(struct cp_stage *s, void *self, struct cp_batch *b)
{
    return sink_process(s, self, b);
}

int sink_stage_idle(struct cp_stage *s, void *self)
{
    return sink_idle(s, self);
}

int sink_stage_finish(struct cp_stage *s, void *self)
{
    return sink_finish(s, self);
}

void sink_stage_close(void *self)
{
    sink_close(self);
}

void sink_close(struct sink *k)
{
    if (k->stage)
        cp_async_close(&k->async);
    if (k->format && k->format->encode_close)
        k->format->encode_close(k->encoder);
}
