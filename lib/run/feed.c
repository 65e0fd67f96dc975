/* feed.c: reading and cutting. */
#include "feed.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "../base/scan.h"
#include "../format/detect.h"

void cp_feed_init(struct cp_feed *f, struct cp_stage *s, const struct cp_framing *framing)
{
    *f = (struct cp_feed){
        .stage = s, .planned = framing, .framing = framing, .counter = &s->account.in};
    if (framing->frame == CP_FRAME_REJECTS)
        f->lines = cp_heap_take(s->heap, s->records * sizeof *f->lines);
}

void cp_feed_release(struct cp_feed *f)
{
    cp_batch_release(f->batch);
    cp_block_release(f->block);
    cp_input_release(f->input);
    cp_input_release(f->rejected_in);
    cp_reject_reader_release(&f->rejects);
    f->rejected_in = NULL;
    f->batch = NULL;
    f->block = NULL;
    f->input = NULL;
    f->is_cutting = false;
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

/* raw: its bytes, where they are at hand. */
static void count_too_long(struct cp_feed *f, uint64_t line, uint64_t offset, struct cp_slice raw)
{
    char reason[64];
    snprintf(reason, sizeof reason, "record longer than max_line (%zu bytes)", f->stage->max_line);
    ++*f->counter;
    cp_stage_lost(f->stage, f->input, line, offset, raw, reason);
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
    uint32_t k = 0, n = b->n_sel;
    for (; k < n && f->stage->err.exit == CP_EXIT_OK; k++) {
        if (b->rec[b->sel[k]].len > f->stage->max_line)
            count_too_long(f, cp_batch_line(b, b->sel[k]), cp_batch_offset(b, b->sel[k]),
                           cp_batch_raw(b, b->sel[k]));
        else
            b->sel[kept++] = b->sel[k];
    }
    *f->counter -= k - kept;
    f->stage->account.filtered += n - k;
    b->n_sel = kept;
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
    count_too_long(f, f->line, f->offset, (struct cp_slice){0});
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

/* ---- Batches ---- */

static void take_header(struct cp_feed *f, struct cp_batch *b)
{
    const struct cp_framing *fr = f->framing;
    if (f->stage->err.exit != CP_EXIT_OK)
        return; /* the header was too long */
    struct cp_slice raw = cp_batch_raw(b, 0);
    const char *reason = fr->format->header(fr->decoder, raw.p, raw.n, f->input);

    cp_input_keep_header(f->input, raw);
    f->wants_header = false;
    f->stage->account.filtered++;
    memmove(b->sel, b->sel + 1, (b->n_sel - 1) * sizeof *b->sel);
    b->n_sel--;
    if (reason)
        cp_stage_fail(f->stage, CP_EXIT_RECORDS, 0, "%s:%llu: in the header: %s", f->input->name,
                      (unsigned long long)f->line, reason);
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
    *f->counter += n;
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

/* ---- Rejects files ---- */

/* The records of a batch come from one input, by whose header they are read. */
static bool is_same_input(const struct cp_input *in, const struct cp_reject *r)
{
    return cp_slice_is(r->file, in->name) && r->header.n == in->header_line.n &&
           memcmp(r->header.p ? r->header.p : "", in->header_line.p ? in->header_line.p : "",
                  r->header.n) == 0;
}

/* The input that the record came from. NULL, or why there is none like it. */
static const char *take_input(struct cp_feed *f, const struct cp_reject *r)
{
    const struct cp_framing *fr = f->framing;
    struct cp_input *in = cp_input_new(r->file.p, f->input->modified);
    const char *reason = NULL;

    if (r->header.p)
        cp_input_keep_header(in, r->header);
    if (fr->wants_header)
        reason = !r->header.p ? "there is no header beside this record"
                              : fr->format->header(fr->decoder, in->header_line.p, r->header.n, in);
    cp_input_release(f->rejected_in);
    f->rejected_in = reason ? NULL : in;
    if (reason)
        cp_input_release(in);
    return reason;
}

/* Puts the record in place of the line that held it: it is shorter. */
static void put_record(struct cp_feed *f, struct cp_batch *b, uint32_t off,
                       const struct cp_reject *r)
{
    char *p = (char *)f->block->data + off;
    uint32_t i = b->n++;

    memcpy(p, r->raw.p, r->raw.n);
    memcpy(p + r->raw.n, r->has_crlf ? "\r\n" : "\n\n", 2);
    b->rec[i] = (struct cp_record){off, (uint32_t)r->raw.n};
    b->origin[i] = (struct cp_origin){f->rejected_in, r->line, r->offset};
}

/* A batch that is to be filled. */
static struct cp_batch *begin_rejects(struct cp_feed *f)
{
    struct cp_batch *b = f->batch ? f->batch : cp_pool_batch(f->stage->pool);

    f->batch = NULL;
    b->block = f->block;
    cp_block_ref(f->block);
    b->input = f->rejected_in;
    cp_input_ref(b->input);
    b->start = (uint32_t)f->from;
    b->zone = (struct cp_time_zone){.reference = b->input->modified};
    return b;
}

static struct cp_batch *end_rejects(struct cp_feed *f, struct cp_batch *b)
{
    b->seq = f->stage->next_seq++;
    cp_batch_select_all(b);
    f->stage->account.in += b->n;
    fill_lines(f, b);
    return b;
}

/* A line without a record that can be tried again. */
static void count_unusable(struct cp_feed *f, struct cp_record line, const char *reason)
{
    const char *p = (const char *)f->block->data + line.off;

    f->stage->account.in++;
    cp_stage_lost(f->stage, f->input, f->line + f->at_line, f->offset + line.off - f->from,
                  (struct cp_slice){p, line.len}, reason);
}

/* The record in a line goes to *b. False: that is complete, the line belongs to the next. */
static bool take_line(struct cp_feed *f, struct cp_record line, struct cp_batch **b)
{
    const char *p = (const char *)f->block->data + line.off, *reason;
    struct cp_reject r;
    bool is_other;

    if (!(reason = cp_reject_read(&f->rejects, p, line.len, &r)) &&
        r.raw.n > f->framing->max_record)
        reason = "the record in it is longer than max_line";
    is_other = !reason && (!f->rejected_in || !is_same_input(f->rejected_in, &r));
    if (is_other && *b)
        return false;
    if (reason || (is_other && (reason = take_input(f, &r)))) {
        count_unusable(f, line, reason);
        return true;
    }
    if (!*b)
        *b = begin_rejects(f);
    put_record(f, *b, line.off, &r);
    return true;
}

/* All that can be cut has left. */
static void end_cutting(struct cp_feed *f, size_t next)
{
    advance(f, next);
    f->is_cutting = false;
    if (!f->at_end)
        make_room(f);
}

/* Cuts the lines that are there, as many as a batch could hold. */
static void take_lines(struct cp_feed *f)
{
    size_t next;

    if (!f->batch)
        f->batch = cp_pool_batch(f->stage->pool);
    f->n_lines = cut(f, f->at_end, &next);
    f->at_line = 0;
    f->lines_end = next;
    memcpy(f->lines, f->batch->rec, f->n_lines * sizeof *f->lines);
    if (f->n_lines == 0)
        end_cutting(f, next);
}

/* The records of the lines at hand that come from one input. */
static struct cp_batch *cut_rejects(struct cp_feed *f)
{
    struct cp_batch *b = NULL;

    if (f->at_line == f->n_lines)
        take_lines(f);
    if (f->n_lines == 0)
        return NULL;
    while (f->at_line < f->n_lines && f->stage->err.exit == CP_EXIT_OK &&
           take_line(f, f->lines[f->at_line], &b))
        f->at_line++;
    if (f->at_line == f->n_lines) {
        f->stage->account.bytes += f->lines_end - f->from;
        advance(f, f->lines_end);
    }
    return b ? end_rejects(f, b) : NULL;
}

/* ---- Cutting ---- */

/* As many whole records as a batch holds. */
static struct cp_batch *cut_records(struct cp_feed *f)
{
    size_t next, n;

    if (!f->batch)
        f->batch = cp_pool_batch(f->stage->pool);
    n = cut(f, f->at_end, &next);
    if (n == 0) {
        end_cutting(f, next);
        return NULL;
    }
    struct cp_batch *b = batch_of(f, n, next);
    drop_too_long(f, b);
    if (f->wants_header)
        take_header(f, b);
    fill_lines(f, b);
    if (f->framing->frame == CP_FRAME_LINE) {
        f->line += n;
        f->offset += next - f->from;
        f->from = next;
    } else {
        advance(f, next);
    }
    return b;
}

struct cp_batch *cp_feed_cut(struct cp_feed *f)
{
    struct cp_batch *b = NULL;

    while (f->is_cutting && !b && f->stage->err.exit == CP_EXIT_OK)
        b = f->framing->frame == CP_FRAME_REJECTS ? cut_rejects(f) : cut_records(f);
    return b;
}

/* ---- One input ---- */

static void skip_mark(struct cp_feed *f)
{
    bool keeps = f->framing->format == NULL || f->framing->format->flags & CP_FORMAT_KEEPS_EMPTY;
    f->is_first = false;
    if (!keeps)
        f->from = cp_frame_mark_length(f->block->data, f->have);
}

static void start_frames(struct cp_feed *f)
{
    const struct cp_framing *fr = f->framing;

    f->wants_header = fr->wants_header && fr->frame != CP_FRAME_REJECTS;
    if (fr->frame == CP_FRAME_REJECTS)
        cp_frame_init(&f->frame, CP_FRAME_LINE, 0);
    else if (fr->frame != CP_FRAME_DOCUMENT)
        cp_frame_init(&f->frame, fr->frame, fr->delimiter);
    f->documents = (struct cp_json_framer){0};
}

/* ---- parse auto ---- */

enum { PAUSE_MS = 50 };

bool cp_feed_is_coming(int fd, int stop_fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};

    return poll(fds, 2, PAUSE_MS) > 0;
}

static bool is_coming(const struct cp_reader *r)
{
    return r->is_regular || cp_feed_is_coming(r->fd, r->stop_fd);
}

/* Whether to read on before the format is chosen; makes room for that. */
static bool wants_more(struct cp_feed *f, bool may_follow)
{
    size_t enough = f->stage->max_line < CP_DETECT_SIZE ? f->stage->max_line : CP_DETECT_SIZE;

    if (f->have >= enough || !may_follow)
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

uint8_t *cp_feed_room(struct cp_feed *f, size_t *n)
{
    *n = f->block->cap - f->have;
    return f->block->data + f->have;
}

void cp_feed_put(struct cp_feed *f, size_t n, bool may_follow)
{
    f->have += n;
    f->at_end = n == 0;
    if (f->must_choose && n > 0 && wants_more(f, may_follow))
        return;
    if (f->must_choose)
        choose_format(f);
    if (f->is_first)
        skip_mark(f);
    if (f->is_skipping)
        skip_on(f);
    f->is_cutting = !f->is_skipping;
    if (f->is_skipping)
        f->from = f->have = 0;
    else if (f->at_end) /* cp_record_own expects it behind a last line without newline */
        f->block->data[f->have] = '\n';
}

/* Reads what comes next; waits for it. False: the source shall end. */
static bool read_more(struct cp_feed *f, struct cp_reader *r)
{
    size_t room;
    uint8_t *p = cp_feed_room(f, &room);
    ssize_t n = cp_reader_read(r, p, room, &f->stage->err);

    if (n < 0) {
        if (n != CP_READER_STOPPED)
            cp_stage_report(f->stage);
        return false;
    }
    cp_feed_put(f, (size_t)n, f->must_choose && is_coming(r));
    return true;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void cp_feed_begin(struct cp_feed *f, const char *name, int64_t modified)
{
    const struct cp_framing *fr = f->planned;

    f->input = cp_input_new(name, modified ? modified : now_ns());
    f->block = cp_pool_block(f->stage->pool);
    f->block_size = f->block->cap;
    f->from = f->have = 0;
    f->line = 1;
    f->offset = 0;
    f->is_first = true;
    f->is_skipping = f->at_end = false;
    f->n_lines = f->at_line = 0;
    f->framing = fr;
    f->must_choose = fr->format && fr->format->choose;
    start_frames(f);
}

struct cp_batch *cp_feed_next(struct cp_feed *f, struct cp_reader *r)
{
    struct cp_batch *b;

    if (!f->input)
        cp_feed_begin(f, r->name, r->modified);
    while (!(b = cp_feed_cut(f)) && f->stage->err.exit == CP_EXIT_OK && !f->at_end)
        if (!read_more(f, r))
            return NULL;
    return b;
}
