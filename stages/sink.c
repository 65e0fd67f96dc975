/* sink.c: encoding records and handing them to a descriptor. */
#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BUFFERS = CP_OUTLET_BUFFERS + 1 }; /* and what several workers gather */

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
    k->end = cp_heap_take(p->heap, sizeof *k->end);
    cp_plan_memory(p, MAX_BUFFERS * (CP_OUT_SIZE + CP_PAD));
    if (p->stage->type->kind == CP_SINK && k->format->flags & CP_FORMAT_IS_TABLE)
        return cp_plan_one_worker(p, "all lines have the columns of the first one");
    return 0;
}

void sink_stage_fork(struct cp_stage *s, void *self)
{
    struct sink *k = self;
    void *encoder = cp_heap_take(s->heap, k->format->encoder_size + 1);

    memcpy(encoder, k->encoder, k->format->encoder_size);
    k->encoder = encoder;
}

/* ---- Working ---- */

/* Writes, and notes where whole lines end for files that are cut back. */
static int write_bytes(void *ctx, const char *p, size_t n)
{
    struct sink_end *end = ctx;
    uint64_t before = end->writer.bytes;
    int rc = cp_writer_write(&end->writer, p, n);
    size_t done = (size_t)(end->writer.bytes - before);
    const char *last = end->cuts ? memrchr(p, '\n', done) : NULL;

    if (last)
        end->whole = before + (uint64_t)(last + 1 - p);
    return rc;
}

/* The workers may be waiting for input, and shall end. */
static void write_has_failed(void *ctx)
{
    struct sink_end *end = ctx;
    cp_stage_cut_input(end->stage);
}

/* What is given ends a turn when its portion does. */
static char *give(void *ctx, char *buffer, size_t n, enum cp_out_why why, bool *failed)
{
    struct sink *k = ctx;
    struct cp_outlet *outlet = &k->end->outlet;
    size_t worker = k->stage->worker;
    uint64_t records = k->stage->account.out;

    if (why == CP_OUT_FLUSHES)
        buffer = cp_outlet_flush(outlet, worker, buffer, n, records);
    else
        buffer = cp_outlet_give(outlet, worker, buffer, n, records, why == CP_OUT_ENDS);
    *failed = cp_outlet_has_failed(outlet);
    return buffer;
}

void sink_cuts(struct sink *k, uint64_t start)
{
    k->end->cuts = true;
    k->end->start = start;
}

int sink_open(struct cp_stage *s, struct sink *k, int fd, const char *path, struct cp_err *err)
{
    struct sink_end *end = k->end;

    snprintf(end->thread_name, sizeof end->thread_name, "cp:%.9s/w", s->name);
    end->path = path;
    end->stage = s;
    end->writer = (struct cp_writer){.fd = fd};
    end->outlet = (struct cp_outlet){
        .name = end->thread_name,
        .write = write_bytes,
        .on_failure = write_has_failed,
        .ctx = end,
        .n = s->n_workers,
        .is_loose = s->is_loose,
        .size = CP_OUT_SIZE + CP_PAD,
    };
    if (cp_outlet_open(&end->outlet, s->heap, err) < 0)
        return -1;
    return sink_join(s, k, err);
}

int sink_join(struct cp_stage *s, struct sink *k, struct cp_err *err)
{
    k->stage = s;
    cp_out_init(&k->out, cp_outlet_buffer(&k->end->outlet, s->worker), CP_OUT_SIZE, NULL, k);
    k->out.give = give;
    return k->format->encode_open ? k->format->encode_open(k->encoder, s->heap, err) : 0;
}

/* The file ends where we left it: nobody else has appended to it meanwhile. */
static bool is_ours(const struct sink_end *end)
{
    struct stat st;
    return fstat(end->writer.fd, &st) == 0 &&
           (uint64_t)st.st_size == end->start + end->writer.bytes;
}

static enum cp_outcome tell_failure(struct cp_stage *s, struct sink *k)
{
    struct sink_end *end = k->end;
    struct cp_writer *w = &end->writer;

    if (w->sys == EPIPE && k->reader_left)
        return k->reader_left(s, k);
    if (w->sys == EPIPE && w->fd == 1) {
        cp_stage_reader_left(s);
        return CP_OUTCOME_DONE;
    }
    if (end->cuts && is_ours(end) && ftruncate(w->fd, (off_t)(end->start + end->whole)) == 0)
        w->bytes = end->whole;
    return cp_stage_fail(s, CP_EXIT_IO, w->sys, "cannot write %s after %llu bytes", end->path,
                         (unsigned long long)w->bytes);
}

/* Records of buffers that were not written are held, not out. */
static void take_back(struct cp_stage *s, const struct sink *k)
{
    struct cp_account *a = &s->account;
    uint64_t written = cp_outlet_written(&k->end->outlet, s->worker);

    if (a->out <= written)
        return;
    a->held += a->out - written;
    a->out = written;
}

/* A write has failed. A reader that left is no failure. One worker tells of it. */
static enum cp_outcome write_failed(struct cp_stage *s, struct sink *k)
{
    enum cp_outcome step = CP_OUTCOME_DONE;

    cp_outlet_end(&k->end->outlet);
    if (!atomic_exchange(&k->end->is_told, true))
        step = tell_failure(s, k);
    take_back(s, k);
    return step;
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

/* Encodes what is selected. */
static enum cp_outcome encode_all(struct cp_stage *s, struct sink *k, struct cp_batch *b)
{
    const uint16_t *sel = b->sel;
    size_t n = b->n_sel, all = n;
    enum cp_outcome step = CP_OUTCOME_OK;

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
    return step;
}

/* Several workers write by turns, each what it has made of one group of batches. */
enum cp_outcome sink_process(struct cp_stage *s, struct sink *k, struct cp_batch *b)
{
    enum cp_outcome step = encode_all(s, k, b);

    if (s->n_workers > 1 && (s->is_loose || !b->has_more))
        cp_out_end(&k->out);
    if (!k->out.failed)
        return step;
    b->n_sel = 0;
    return write_failed(s, k);
}

int sink_idle(struct cp_stage *s, struct sink *k)
{
    if (cp_out_flush(&k->out) == 0)
        return 0;
    write_failed(s, k);
    return -1;
}

void sink_stage_leave(struct cp_stage *s, void *self)
{
    struct sink *k = self;
    struct cp_outlet *outlet = &k->end->outlet;

    cp_outlet_leave(outlet, s->worker, k->out.base, (size_t)(k->out.p - k->out.base),
                    s->account.out);
    k->out.p = k->out.base; /* nothing is encoded any more */
    if (cp_outlet_has_failed(outlet))
        s->has_failed |= write_failed(s, k) == CP_OUTCOME_FAILED;
    else
        take_back(s, k);
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
    if (s->n_workers > 1) /* what they had was written when they left */
        return cp_outlet_has_failed(&k->end->outlet) ? -1 : 0;
    if (!k->out.failed && k->format->encode_end)
        k->format->encode_end(k->encoder, &k->out);
    int rc = k->out.failed ? -1 : sink_idle(s, k);
    cp_outlet_end(&k->end->outlet);
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
    if (k->end)
        cp_outlet_close(&k->end->outlet);
    if (k->format && k->format->encode_close)
        k->format->encode_close(k->encoder);
}
