/* frame.c: cutting the bytes of an input into records.
 *
 * DESIGN. Lines are found by cp_scan_lines, a few hundred at a time, and turned into records in a
 * loop of their own: the search runs at the speed of memory and the loop at a nanosecond a line.
 * csv walks the bits of newlines and quotes, 64 bytes at a time; a byte of parity per block (as
 * simdjson counts quotes) was rejected, because a quote inside a bare cell is literal (semantics
 * 53) and parity cannot tell.
 */
#include "frame.h"

#include <assert.h>

#include "../base/scan.h"
#include "bits.h"

enum { BARE, QUOTED, BEHIND_QUOTE }; /* cp_frame_state.quote */

enum { ENDS = 512 }; /* line ends found at a time */

void cp_frame_init(struct cp_frame_state *s, enum cp_frame kind, uint8_t delimiter)
{
    assert(kind != CP_FRAME_DOCUMENT);
    *s = (struct cp_frame_state){.kind = kind, .delimiter = delimiter == 0 ? ',' : delimiter};
}

static struct cp_record record_of(size_t from, size_t to)
{
    return (struct cp_record){(uint32_t)from, (uint32_t)(to - from)};
}

/* The line data[from..to), whose \n stands at `to`, without a \r at its end. */
static struct cp_record line_of(const uint8_t *data, size_t from, size_t to)
{
    return record_of(from, to - (to > from && data[to - 1] == '\r'));
}

static void forget(struct cp_frame_state *s)
{
    s->searched = 0;
    s->quote = BARE;
    s->quote_at = 0;
}

/* ---- line ---- */

static size_t cut_lines(struct cp_frame_state *s, const uint8_t *data, size_t *from, size_t to,
                        struct cp_record *out, size_t max)
{
    uint32_t ends[ENDS];
    size_t n = 0, start = *from, at = start + s->searched, consumed;

    while (n < max && at < to) {
        size_t found =
            cp_scan_lines(data + at, to - at, ends, max - n < ENDS ? max - n : ENDS, &consumed);
        for (size_t k = 0; k < found; k++) {
            size_t end = at + ends[k];
            out[n++] = line_of(data, start, end);
            start = end + 1;
        }
        at += consumed;
    }
    s->searched = at > start ? at - start : 0;
    *from = start;
    return n;
}

/* ---- nul ---- */

static size_t cut_nul(struct cp_frame_state *s, const uint8_t *data, size_t *from, size_t to,
                      struct cp_record *out, size_t max)
{
    size_t n = 0, start = *from, at = start + s->searched;

    while (n < max && at < to) {
        at = (size_t)(cp_scan_byte(data + at, data + to, 0) - data);
        if (at == to)
            break;
        out[n++] = record_of(start, at);
        start = ++at;
    }
    s->searched = at - start;
    *from = start;
    return n;
}

/* ---- blank ---- */

/* Offset of the first line in data[from..to) that is not known to be empty. A \r without the byte
 * behind it is left. */
static size_t pass_empty_lines(const uint8_t *data, size_t from, size_t to)
{
    for (;;) {
        size_t at = from + (from + 1 < to && data[from] == '\r');
        if (at >= to || data[at] != '\n')
            return from;
        from = at + 1;
    }
}

/* The length of the line end that the run data[start..to) stops with. */
static size_t line_end_length(const uint8_t *data, size_t start, size_t to)
{
    if (to == start || data[to - 1] != '\n')
        return 0;
    return to - start >= 2 && data[to - 2] == '\r' ? 2 : 1;
}

/* Runs of lines: at is the start of a line inside the run that began at start. */
static size_t cut_blank(struct cp_frame_state *s, const uint8_t *data, size_t *from, size_t to,
                        struct cp_record *out, size_t max)
{
    size_t n = 0, start = *from, at;

    if (s->searched == 0)
        start = pass_empty_lines(data, start, to);
    at = start + s->searched;
    while (n < max && at < to) {
        size_t end = (size_t)(cp_scan_byte(data + at, data + to, '\n') - data);
        if (end == to)
            break;
        if (line_of(data, at, end).len > 0) {
            at = end + 1;
            continue;
        }
        out[n++] = record_of(start, at - line_end_length(data, start, at));
        start = at = pass_empty_lines(data, end + 1, to);
    }
    s->searched = at - start;
    *from = start;
    return n;
}

/* ---- csv ---- */

/* A quote at offset `at` of the record that begins at data[start]. */
static void csv_quote(struct cp_frame_state *s, const uint8_t *record, size_t at)
{
    if (s->quote == QUOTED)
        s->quote = BEHIND_QUOTE;
    else if (s->quote == BEHIND_QUOTE && s->quote_at + 1 == at)
        s->quote = QUOTED;
    else
        s->quote = at == 0 || record[at - 1] == s->delimiter ? QUOTED : BARE;
    s->quote_at = at;
}

static size_t cut_csv(struct cp_frame_state *s, const uint8_t *data, size_t *from, size_t to,
                      struct cp_record *out, size_t max)
{
    size_t n = 0, start = *from, at = start + s->searched;

    for (; at < to; at += 64) {
        cp_bytes64 block = cp_bytes64_load(data + at);
        uint64_t bits = cp_bits_equal2(&block, '\n', '"') & cp_bits_below(to - at);
        for (; bits != 0; bits &= bits - 1) {
            size_t hit = at + (size_t)__builtin_ctzll(bits);
            if (data[hit] == '"') {
                csv_quote(s, data + start, hit - start);
            } else if (s->quote != QUOTED) {
                out[n++] = line_of(data, start, hit);
                start = hit + 1;
                forget(s);
                if (n == max) {
                    *from = start;
                    return n;
                }
            }
        }
    }
    s->searched = to - start;
    *from = start;
    return n;
}

/* ---- All ---- */

/* The bytes data[from..to) that are left at the end of the input: 0 or 1 record. */
static size_t cut_last(const struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                       struct cp_record *out)
{
    if (from == to)
        return 0;
    if (s->kind == CP_FRAME_WHOLE)
        *out = record_of(from, to - (data[to - 1] == '\n'));
    else if (s->kind == CP_FRAME_BLANK)
        *out = record_of(from, to - line_end_length(data, from, to));
    else
        *out = record_of(from, to);
    return 1;
}

static size_t cut(struct cp_frame_state *s, const uint8_t *data, size_t *from, size_t to,
                  struct cp_record *out, size_t max)
{
    switch (s->kind) {
    case CP_FRAME_LINE:
        return cut_lines(s, data, from, to, out, max);
    case CP_FRAME_NUL:
        return cut_nul(s, data, from, to, out, max);
    case CP_FRAME_BLANK:
        return cut_blank(s, data, from, to, out, max);
    case CP_FRAME_CSV:
        return cut_csv(s, data, from, to, out, max);
    default:
        return 0;
    }
}

size_t cp_frame_cut(struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                    bool at_end, struct cp_record *out, size_t max, size_t *next)
{
    size_t n = cut(s, data, &from, to, out, max);

    if (at_end && n < max) {
        n += cut_last(s, data, from, to, out + n);
        from = to;
        forget(s);
    }
    *next = from;
    return n;
}

/* Passes over a run of lines; searched counts the bytes of the line it stands in. */
static size_t skip_run(struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                       bool *done)
{
    while (from < to && !*done) {
        size_t end = (size_t)(cp_scan_byte(data + from, data + to, '\n') - data);
        s->searched += end - from - (end > from && data[end - 1] == '\r');
        from = end;
        if (end < to) {
            *done = s->searched == 0;
            s->searched = 0;
            from++;
        }
    }
    return from;
}

size_t cp_frame_skip(struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                     bool *done)
{
    const uint8_t *at;

    if (!s->is_skipping && s->kind != CP_FRAME_BLANK)
        from += s->searched;
    if (!s->is_skipping)
        forget(s);
    *done = false;
    if (s->kind == CP_FRAME_BLANK) {
        from = skip_run(s, data, from, to, done);
    } else {
        at = s->kind == CP_FRAME_WHOLE
                 ? data + to
                 : cp_scan_byte(data + from, data + to, s->kind == CP_FRAME_NUL ? 0 : '\n');
        *done = at < data + to;
        from = (size_t)(at - data) + *done;
    }
    s->is_skipping = !*done;
    return from;
}
