/* joiner.c: joining records where they lie, or in a block of the own pool. */
#include "joiner.h"

#include "../lib/base/scan.h"
#include "../lib/data/input.h"

enum { LINE_END = 2 }; /* bytes, at most */

void joiner_open(struct joiner *j, const struct cp_wants *wants)
{
    j->wants = wants;
}

/* ---- Batches that leave ---- */

/* A fresh block with room for `need` bytes, and the record being joined in it if it was copied. */
static void renew_home(struct cp_stage *s, struct joiner *j, size_t need)
{
    struct cp_block *old = j->home;
    struct joined *o = &j->open;

    j->home = need > cp_pool_block_size(s->pool) ? cp_pool_large_block(s->pool, need)
                                                 : cp_pool_block(s->pool);
    j->front = 0;
    if (o->lines > 0 && o->is_copied) {
        memcpy(j->home->data, old->data + o->off, o->len + o->line_end);
        o->off = 0;
    }
    cp_block_release(old);
}

/* Nothing is written any more to a block that has left. */
static void leave_home(struct cp_stage *s, struct joiner *j)
{
    if (j->open.lines > 0 && j->open.is_copied) {
        renew_home(s, j, j->open.len + LINE_END);
        return;
    }
    cp_block_release(j->home);
    j->home = NULL;
    j->front = 0;
}

static bool send(struct cp_stage *s, struct joiner *j)
{
    struct cp_batch *b = j->to;

    if (!b)
        return true;
    j->to = NULL;
    if (b->block == j->home)
        leave_home(s, j);
    return cp_emit(s, b);
}

static struct cp_block *block_of(const struct joiner *j)
{
    return j->open.is_copied ? j->home : j->from->block;
}

static void start_batch(struct cp_stage *s, struct joiner *j)
{
    struct cp_batch *b = cp_stage_batch(s);

    b->block = block_of(j);
    cp_block_ref(b->block);
    b->input = j->open.origin.input;
    if (b->input)
        cp_input_ref(b->input);
    b->start = 0;
    b->first_line = j->open.origin.line;
    b->first_offset = j->open.origin.offset;
    b->zone = j->open.zone;
    if (!j->from)
        b->seq = CP_LAST_SEQ;
    j->to = b;
}

static void fill_columns(const struct cp_stage *s, const struct joiner *j, uint32_t i)
{
    static const struct cp_value missing = {.kind = CP_MISSING};
    const struct cp_batch *b = j->to;
    struct cp_slice raw = cp_batch_raw(b, i);

    for (size_t k = 0; k < s->n_live; k++)
        b->col[s->live[k]][i] = missing;
    for (size_t w = 0; w < j->wants->n; w++)
        b->col[j->wants->v[w].slot][i] =
            cp_slice_is(j->wants->v[w].path->text, "line") ? cp_text(raw.p, raw.n) : missing;
}

/* Puts [off, off + len) of the block of the record being joined into the batch that leaves. */
static bool put(struct cp_stage *s, struct joiner *j, size_t off, size_t len,
                const struct cp_origin *origin)
{
    bool ok = true;
    size_t from = off - j->open.off;

    if (j->to &&
        (j->to->block != block_of(j) || j->to->n == s->records || j->to->input != origin->input))
        ok = send(s, j);
    if (!j->to)
        start_batch(s, j);
    struct cp_batch *b = j->to;
    uint32_t i = b->n++;
    b->rec[i] = (struct cp_record){j->open.off + (uint32_t)from, (uint32_t)len};
    b->origin[i] = *origin;
    b->branches[i] = 0;
    for (size_t d = 0; d < s->depth; d++)
        b->orders[d].places[i] = j->places[d];
    b->sel[b->n_sel++] = (uint16_t)i;
    fill_columns(s, j, i);
    if (s->error_slot != CP_NO_SLOT)
        b->col[s->error_slot][i] = j->open.reason ? cp_stage_reason(s, j->open.reason)
                                                  : (struct cp_value){.kind = CP_MISSING};
    return ok;
}

/* ---- Copying ---- */

/* Room for a record of `need` bytes with its line end, the one being joined, in home. */
static void make_room(struct cp_stage *s, struct joiner *j, size_t need)
{
    size_t most = j->max_bytes + LINE_END, cap = 2 * need < most ? 2 * need : most;

    if (j->home && need <= j->home->cap - j->front)
        return;
    if (cap < need || need <= cp_pool_block_size(s->pool))
        cap = need;
    if (j->home && j->home->is_large && j->front == 0)
        cp_block_grow(j->home, cap);
    else
        renew_home(s, j, cap);
}

/* The line end behind a record of the batch: what cp_record_own looks at. */
static uint8_t line_end_at(const uint8_t *p)
{
    return p[0] == '\r' && p[1] == '\n' ? 2 : 1;
}

/* Puts record r of the batch at p, with its line end. */
static void write_line(struct joiner *j, uint8_t *p, struct cp_record r)
{
    const uint8_t *data = j->from->block->data + r.off;

    j->open.line_end = line_end_at(data + r.len);
    memcpy(p, data, r.len);
    memcpy(p + r.len, j->open.line_end == 2 ? "\r\n" : "\n", j->open.line_end);
}

static void copy_open(struct cp_stage *s, struct joiner *j)
{
    struct joined *o = &j->open;
    struct cp_record r = {o->off, o->len};

    make_room(s, j, o->len + (size_t)LINE_END);
    write_line(j, j->home->data + j->front, r);
    o->off = j->front;
    o->is_copied = true;
}

/* ---- The record being joined ---- */

bool joiner_complete(struct cp_stage *s, struct joiner *j)
{
    struct joined *o = &j->open;
    bool ok = true;

    if (o->lines == 0)
        return true;
    if (j->copies && !o->is_copied)
        copy_open(s, j);
    if (o->has_maybe) {
        ok = put(s, j, o->off, o->sure, &o->origin);
        ok = put(s, j, o->off + o->len, 0, &o->maybe_origin) && ok;
    } else {
        ok = put(s, j, o->off, o->len, &o->origin);
    }
    s->account.taken += o->lines - 1 - o->has_maybe;
    if (o->is_copied)
        j->front = o->off + o->len + o->line_end;
    if (j->holds_input)
        cp_input_release(o->origin.input);
    j->holds_input = false;
    *o = (struct joined){0};
    return ok;
}

/* Where record i of the batch came from. Line numbers are counted on from the one before. */
static struct cp_origin origin_of(struct joiner *j, uint32_t i)
{
    const struct cp_batch *b = j->from;
    uint32_t off = b->rec[i].off;

    if (b->origin)
        return b->origin[i];
    j->line += cp_scan_count(b->block->data + j->line_at, off - j->line_at, '\n');
    j->line_at = off;
    return (struct cp_origin){b->input, j->line, b->first_offset + (off - b->start)};
}

static void begin(struct joiner *j, uint32_t i)
{
    const struct cp_record *r = &j->from->rec[i];

    j->open = (struct joined){
        .lines = 1, .off = r->off, .len = r->len, .origin = origin_of(j, i), .zone = j->from->zone};
}

/* Bytes between the record being joined and what is appended to it. */
static size_t gap(const struct joiner *j)
{
    const struct joined *o = &j->open;

    if (j->separator.p)
        return j->separator.n;
    return o->is_copied ? o->line_end : line_end_at(j->from->block->data + o->off + o->len);
}

/* Whether the record being joined and r are one piece of the block, with the separator between. */
static bool is_neighbour(const struct joiner *j, struct cp_record r)
{
    const struct joined *o = &j->open;
    const uint8_t *end = j->from->block->data + o->off + o->len;
    size_t between = gap(j);

    if (o->is_copied || j->copies || r.off != o->off + o->len + between)
        return false;
    if (j->separator.p)
        return memcmp(end, j->separator.p, between) == 0;
    return end[between - 1] == '\n';
}

static void append(struct cp_stage *s, struct joiner *j, struct cp_record r)
{
    struct joined *o = &j->open;
    size_t between = gap(j);

    o->lines++;
    if (is_neighbour(j, r)) {
        o->len += (uint32_t)between + r.len;
        return;
    }
    if (!o->is_copied) {
        j->copies = true;
        copy_open(s, j);
    }
    make_room(s, j, o->len + between + r.len + LINE_END);
    uint8_t *end = j->home->data + o->off + o->len;
    if (j->separator.p)
        memcpy(end, j->separator.p, between);
    write_line(j, end + between, r);
    o->len += (uint32_t)between + r.len;
}

static bool is_too_long(struct joiner *j, struct cp_record r)
{
    const struct joined *o = &j->open;

    return o->lines >= j->max_lines || o->len + gap(j) + r.len > j->max_bytes;
}

void joiner_begin_batch(struct joiner *j, struct cp_batch *b)
{
    j->from = b;
    j->line_at = b->start;
    j->line = b->first_line;
    j->copies = false;
}

bool joiner_is_other_input(const struct joiner *j, uint32_t i)
{
    return j->open.lines > 0 && j->open.origin.input != cp_batch_input(j->from, i);
}

bool joiner_add(struct cp_stage *s, struct joiner *j, uint32_t i, enum join how)
{
    struct cp_record r = j->from->rec[i];
    struct joined *o = &j->open;
    bool ok = true;

    for (size_t d = 0; d < s->depth; d++)
        j->places[d] = cp_order_place(&j->from->orders[d], i);
    if (how != JOIN_BEGIN && o->lines > 0 && is_too_long(j, r)) {
        j->cut++;
        how = JOIN_BEGIN;
    }
    if (how == JOIN_BEGIN || o->lines == 0) {
        ok = joiner_complete(s, j);
        begin(j, i);
        return ok;
    }
    o->has_maybe = how == JOIN_MAYBE;
    if (o->has_maybe) {
        o->sure = o->len;
        o->maybe_origin = origin_of(j, i);
    }
    append(s, j, r);
    return ok;
}

bool joiner_end_batch(struct cp_stage *s, struct joiner *j)
{
    bool ok = send(s, j);

    if (j->open.lines > 0 && !j->open.is_copied)
        copy_open(s, j);
    if (j->open.lines > 0 && !j->holds_input && j->open.origin.input) {
        cp_input_ref(j->open.origin.input);
        j->holds_input = true;
    }
    s->account.held = j->open.lines;
    return ok;
}

/* Sends what there is without a batch at hand. */
static bool leave(struct cp_stage *s, struct joiner *j)
{
    bool ok;

    j->from = NULL;
    ok = joiner_complete(s, j);
    ok = send(s, j) && ok;
    s->account.held = 0;
    return ok;
}

bool joiner_pause(struct cp_stage *s, struct joiner *j)
{
    for (size_t d = 0; d < s->depth; d++)
        j->places[d] = (uint16_t)cp_stage_due_place(s, d);
    return leave(s, j);
}

bool joiner_end(struct cp_stage *s, struct joiner *j)
{
    memset(j->places, 0, sizeof j->places);
    return leave(s, j);
}

void joiner_close(struct joiner *j)
{
    if (j->holds_input)
        cp_input_release(j->open.origin.input);
    cp_block_release(j->home);
    cp_batch_release(j->to);
    *j = (struct joiner){0};
}
