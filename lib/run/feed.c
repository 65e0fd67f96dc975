/* feed.c: reading, cutting, sending. */
#include "feed.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "../base/scan.h"
#include "../format/detect.h"

void cp_feed_init(struct cp_feed *f, struct cp_stage *s, const struct cp_framing *framing)
{
    *f = (struct cp_feed){.stage = s, .planned = framing, .framing = framing};
}

void cp_feed_release(struct cp_feed *f)
{
    cp_batch_release(f->batch);
    cp_block_release(f->block);
    cp_input_release(f->input);
    f->batch = NULL;
    f->block = NULL;
    f->input = NULL;
}

/* ---- Frames: json's documents, and all others ---- */

static size_t cut(struct cp_feed *f, bool at_end, size_t *next)
{
    struct cp_record *out = f->batch->rec;
    const uint8_t *data = f->block->data;
    if (f->framing->frame == CP_FRAME_DOCUMENT)
        return cp_json_cut(&f->documents, data, f->from, f->have, at_end, out, f->stage->records,
                           next);
    return cp_frame_cut(&f->frame, data, f->from, f->have, at_end, out, f->stage->records, next);
}

static size_t skip(struct cp_feed *f, bool *done)
{
    const uint8_t *data = f->block->data;
    if (f->framing->frame == CP_FRAME_DOCUMENT)
        return cp_json_cut_skip(&f->documents, data, f->from, f->have, done);
    return cp_frame_skip(&f->frame, data, f->from, f->have, done);
}

/* ---- Records that are too long ---- */

static void count_too_long(struct cp_feed *f, uint64_t line)
{
    char reason[64];
    snprintf(reason, sizeof reason, "record longer than max_line (%zu bytes)", f->stage->max_line);
    f->stage->account.in++;
    f->stage->account.errored++;
    cp_stage_input_error(f->stage, f->input->name, line, reason);
    if (f->wants_header)
        cp_stage_fail(f->stage, CP_EXIT_RECORDS, 0, "%s:%llu: the header is longer than max_line",
                      f->input->name, (unsigned long long)f->line);
}

static void advance(struct cp_feed *f, size_t to)
{
    f->line += cp_scan_count(f->block->data + f->from, to - f->from, '\n');
    f->offset += to - f->from;
    f->from = to;
}

static void skip_on(struct cp_feed *f)
{
    bool done = false;
    advance(f, skip(f, &done));
    f->is_skipping = !done;
}

/* Takes the records out of the selection that fit the block, but are longer than allowed all the
 * same. */
static void drop_too_long(struct cp_feed *f, struct cp_batch *b)
{
    uint32_t kept = 0;
    if (f->stage->max_line >= f->block->cap)
        return;
    for (uint32_t k = 0; k < b->n_sel; k++) {
        if (b->rec[b->sel[k]].len > f->stage->max_line)
            count_too_long(f, cp_batch_line(b, b->sel[k]));
        else
            b->sel[kept++] = b->sel[k];
    }
    f->stage->account.in -= b->n_sel - kept;
    b->n_sel = kept;
}

/* ---- Sending ---- */

static bool take_header(struct cp_feed *f, struct cp_batch *b)
{
    const struct cp_framing *fr = f->framing;
    if (f->stage->err.exit != CP_EXIT_OK)
        return false; /* the header was too long */
    struct cp_slice raw = cp_batch_raw(b, 0);
    const char *reason = fr->format->header(fr->decoder, raw.p, raw.n, f->input);

    f->wants_header = false;
    f->stage->account.filtered++;
    memmove(b->sel, b->sel + 1, (b->n_sel - 1) * sizeof *b->sel);
    b->n_sel--;
    if (reason) {
        cp_stage_fail(f->stage, CP_EXIT_RECORDS, 0, "%s:%llu: in the header: %s", f->input->name,
                      (unsigned long long)f->line, reason);
        return false;
    }
    return true;
}

/* Fills in what f->batch holds: n records up to byte `next`. */
static struct cp_batch *batch_of(struct cp_feed *f, size_t n, size_t next)
{
    struct cp_batch *b = f->batch;

    f->batch = NULL;
    b->seq = f->stage->next_seq++;
    b->block = f->block;
    cp_block_ref(f->block);
    b->input = f->input;
    cp_input_ref(f->input);
    b->start = (uint32_t)f->from;
    b->first_line = f->line;
    b->first_offset = f->offset;
    b->zone = (struct cp_time_zone){.reference = f->input->modified};
    b->n = (uint32_t)n;
    cp_batch_select_all(b);
    f->stage->account.in += n;
    f->stage->account.bytes += next - f->from;
    return b;
}

/* The field `line`, where somebody reads it without a parse stage. */
static void fill_lines(const struct cp_feed *f, struct cp_batch *b)
{
    for (size_t w = 0; w < f->framing->lines->n; w++) {
        const struct cp_want *want = &f->framing->lines->v[w];
        bool is_line = cp_slice_is(want->path->text, "line");
        for (uint32_t i = 0; i < b->n; i++) {
            struct cp_slice raw = cp_batch_raw(b, i);
            b->col[want->slot][i] =
                is_line ? cp_text(raw.p, raw.n) : (struct cp_value){.kind = CP_MISSING};
        }
    }
}

static bool send(struct cp_feed *f, size_t n, size_t next)
{
    struct cp_batch *b = batch_of(f, n, next);

    drop_too_long(f, b);
    bool ok = !f->wants_header || take_header(f, b);
    fill_lines(f, b);
    if (f->framing->frame == CP_FRAME_LINE) {
        f->line += n;
        f->offset += next - f->from;
        f->from = next;
    } else {
        advance(f, next);
    }
    return cp_emit(f->stage, b) && ok;
}

/* Cuts and sends all whole records that are there. */
static bool send_all(struct cp_feed *f, bool at_end)
{
    for (;;) {
        size_t next;
        if (!f->batch)
            f->batch = cp_pool_batch(f->stage->pool);
        size_t n = cut(f, at_end, &next);
        if (n == 0) {
            advance(f, next);
            return true;
        }
        if (!send(f, n, next))
            return false;
    }
}

/* ---- Blocks ---- */

static void replace_block(struct cp_feed *f, struct cp_block *to)
{
    size_t rest = f->have - f->from;
    memcpy(to->data, f->block->data + f->from, rest);
    cp_block_release(f->block);
    f->block = to;
    f->from = 0;
    f->have = rest;
}

/* The unfinished record is too long already: passes over what is there of it, into a block that
 * nobody else sees. */
static void start_skipping(struct cp_feed *f)
{
    count_too_long(f, f->line);
    skip_on(f);
    replace_block(f, cp_pool_block(f->stage->pool));
}

/* Room for more bytes behind the unfinished record. Bytes that have left are not written again: a
 * new block, always. */
static void make_room(struct cp_feed *f)
{
    struct cp_pool *pool = f->stage->pool;
    size_t rest = f->have - f->from, most = f->stage->max_line + 2; /* and its line end */

    if (rest >= most) {
        start_skipping(f);
    } else if (rest < f->block_size) {
        replace_block(f, cp_pool_block(pool));
    } else {
        size_t need = rest * 2 < most ? rest * 2 : most;
        if (f->block->is_large && f->from == 0 && f->block->refs == 1)
            cp_block_grow(f->block, need);
        else
            replace_block(f, cp_pool_large_block(pool, need));
    }
}

/* ---- One input ---- */

static void skip_mark(struct cp_feed *f)
{
    bool keeps = f->framing->format == NULL || f->framing->format->flags & CP_FORMAT_KEEPS_EMPTY;
    f->is_first = false;
    if (!keeps)
        f->from = cp_frame_mark_length(f->block->data, f->have);
}

static bool take_bytes(struct cp_feed *f, bool at_end)
{
    if (f->is_first)
        skip_mark(f);
    if (f->is_skipping)
        skip_on(f);
    if (f->is_skipping) {
        f->from = f->have = 0;
        return true;
    }
    if (at_end) /* cp_record_own expects it behind a last line without newline */
        f->block->data[f->have] = '\n';
    if (!send_all(f, at_end))
        return false;
    if (!at_end)
        make_room(f);
    return f->stage->err.exit == CP_EXIT_OK;
}

static void start_frames(struct cp_feed *f)
{
    const struct cp_framing *fr = f->framing;

    f->wants_header = fr->wants_header;
    if (fr->frame != CP_FRAME_DOCUMENT)
        cp_frame_init(&f->frame, fr->frame, fr->delimiter);
    f->documents = (struct cp_json_framer){0};
}

/* ---- parse auto ---- */

enum { PAUSE_MS = 50 };

/* Bytes may follow at once. */
static bool is_coming(const struct cp_reader *r)
{
    struct pollfd fds[2] = {{.fd = r->fd, .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN}};

    return r->is_regular || poll(fds, 2, PAUSE_MS) > 0;
}

/* Whether to read on before the format is chosen; makes room for that. */
static bool wants_more(struct cp_feed *f, const struct cp_reader *r)
{
    size_t enough = f->stage->max_line < CP_DETECT_SIZE ? f->stage->max_line : CP_DETECT_SIZE;

    if (f->have >= enough || !is_coming(r))
        return false;
    if (f->have == f->block->cap)
        replace_block(f, cp_pool_large_block(f->stage->pool, enough));
    return true;
}

static void choose_format(struct cp_feed *f)
{
    const struct cp_framing *fr = f->planned;
    const struct cp_choice *c = fr->format->choose(fr->decoder, f->block->data, f->have);

    f->must_choose = false;
    f->chosen = *fr;
    f->chosen.format = c->format;
    f->chosen.decoder = c->decoder;
    if (!fr->is_chosen)
        f->chosen.frame = c->format->frame;
    f->chosen.delimiter = c->format->delimiter ? c->format->delimiter(c->decoder) : ',';
    f->chosen.wants_header = c->format->flags & CP_FORMAT_HEADER;
    f->framing = &f->chosen;
    f->input->choice = c;
    start_frames(f);
    cp_stage_note(f->stage, "%s is read as %s", f->input->name, c->format->name);
}

static bool feed_bytes(struct cp_feed *f, struct cp_reader *r)
{
    for (;;) {
        ssize_t n =
            cp_reader_read(r, f->block->data + f->have, f->block->cap - f->have, &f->stage->err);
        if (n < 0) {
            if (n != CP_READER_STOPPED)
                cp_stage_report(f->stage);
            return false;
        }
        f->have += (size_t)n;
        if (f->must_choose && n > 0 && wants_more(f, r))
            continue;
        if (f->must_choose)
            choose_format(f);
        if (!take_bytes(f, n == 0))
            return false;
        if (n == 0)
            return true;
    }
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

bool cp_feed_input(struct cp_feed *f, struct cp_reader *r)
{
    const struct cp_framing *fr = f->planned;

    f->input = cp_input_new(r->name, r->modified ? r->modified : now_ns());
    f->block = cp_pool_block(f->stage->pool);
    f->block_size = f->block->cap;
    f->from = f->have = 0;
    f->line = 1;
    f->offset = 0;
    f->is_first = true;
    f->is_skipping = false;
    f->framing = fr;
    f->must_choose = fr->format && fr->format->choose;
    start_frames(f);
    bool ok = feed_bytes(f, r);
    cp_feed_release(f);
    return ok;
}
