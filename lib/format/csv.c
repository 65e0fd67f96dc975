/* csv.c: RFC 4180 (semantics 38, 53).
 *
 * DESIGN. Only a quote at the start of a cell means something outside quotes, so the search is for
 * delimiters alone, 64 bytes at a time; a quoted cell is passed over with a search for quotes.
 * Cells that nobody wants cost one bit.
 */
#include <stdlib.h>

#include "../base/scan.h"
#include "cells.h"
#include "columns.h"
#include "detect.h"
#include "frame.h"
#include "probe.h"

extern const struct cp_format cp_format_csv;

static const char *const no_quote = "no closing quote";
static const char *const text_behind = "text behind the closing quote";

static const struct cp_option options[] = {
    {"header", CP_OPT_LIST, offsetof(struct cp_cells, header), NULL, NULL,
     "Names of the columns; without it the first line has them"},
    {"delimiter", CP_OPT_TEXT, offsetof(struct cp_cells, option), NULL, ",",
     "The byte between cells"},
    CP_OPTION_TYPES(struct cp_cells, types),
    {0},
};

/* ---- Cells ---- */

/* Reads the quoted cell that starts at p, its quote. Returns the delimiter or the end behind it, or
 * NULL and why. */
static const char *take_quoted(const char *p, const char *end, char delimiter,
                               struct cp_value *value, const char **why)
{
    const char *start = ++p;
    uint8_t escape = CP_PLAIN;

    for (;; p += 2) {
        p = (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, '"');
        if (p >= end) {
            *why = no_quote;
            return NULL;
        }
        if (p + 1 == end || p[1] != '"')
            break;
        escape = CP_ESC_CSV;
    }
    *value = cp_text(start, (size_t)(p - start));
    value->flags = CP_QUOTED;
    value->esc = escape;
    *why = text_behind;
    return ++p == end || *p == delimiter ? p : NULL;
}

/* A bare cell: nothing is null. */
static inline struct cp_value bare_value(const char *p, size_t n, uint8_t flags)
{
    struct cp_value v = cp_text(p, n);

    v.kind = n == 0 ? CP_NULL : CP_TEXT;
    v.flags = n == 0 ? 0 : flags;
    return v;
}

/* Reads the cell at p. Returns the delimiter or the end behind it, or NULL and why. */
static inline const char *take_cell(struct cp_delimiters *d, const char *p, uint8_t flags,
                                    struct cp_value *value, const char **why)
{
    if (p < d->end && *p == '"') {
        p = take_quoted(p, d->end, (char)d->c, value, why);
        if (p != NULL && p < d->end)
            cp_delimiters_skip(d, p + 1);
        return p;
    }
    const char *stop = cp_delimiters_next(d);
    *value = bare_value(p, (size_t)(stop - p), flags);
    return stop;
}

/* ---- Decoding ---- */

static uint8_t csv_delimiter(const void *decoder)
{
    const struct cp_cells *c = decoder;

    return c == NULL || c->delimiter == 0 ? ',' : c->delimiter;
}

/* `delimiter`: one byte, or \t as people write it. */
static int read_delimiter(struct cp_slice option, uint8_t *delimiter, struct cp_err *err)
{
    if (cp_slice_is(option, "\\t"))
        option = CP_SLICE("\t");
    if (option.n > 1 || (option.n == 1 && strchr("\"\r\n", option.p[0]) != NULL))
        return cp_err_set(err, CP_EXIT_USAGE, 0,
                          "delimiter must be one byte, other than a quote or a line end");
    *delimiter = option.n == 0 ? ',' : (uint8_t)option.p[0];
    return 0;
}

static int csv_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                    struct cp_err *err)
{
    struct cp_cells *c = decoder;

    return read_delimiter(c->option, &c->delimiter, err) != 0 ? -1
                                                              : cp_cells_plan(c, heap, names, n);
}

static int csv_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                    struct cp_err *err)
{
    (void)err;
    return cp_cells_open(decoder, wants, heap);
}

static const char *csv_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                              size_t *at)
{
    const struct cp_cells *c = decoder;
    const struct cp_columns_map *map = cp_cells_map(c, row->input);
    const char *start = p, *why = NULL;
    struct cp_delimiters d;
    struct cp_value value;
    size_t cell = 0;

    if (map == NULL)
        return cp_refuse(at, 0, cp_cells_no_header);
    const struct cp_field_want *want = map->fields.v;
    cp_delimiters_init(&d, p, p + n, csv_delimiter(c));
    for (;; p++, cell++) {
        const char *stop = take_cell(&d, p, c->flags, &value, &why);
        if (stop == NULL)
            return cp_refuse(at, (size_t)(p - start), why);
        for (; want->field == cell; want++)
            row->col[want->slot][row->i] = value;
        p = stop;
        if (p == d.end)
            break;
    }
    if (cell + 1 != map->n)
        return cp_refuse(at, n, cell + 1 < map->n ? cp_cells_too_few : cp_cells_too_many);
    cp_fields_put_missing(&map->fields, row);
    return NULL;
}

/* The text of a header cell, in the heap. */
static struct cp_slice header_name(const struct cp_value *v, struct cp_heap *heap)
{
    char *p = cp_heap_copy(heap, v->len == 0 ? "" : v->p, v->len);
    size_t n = 0;

    for (size_t k = 0; k < v->len; k++) {
        p[n++] = p[k];
        k += v->esc == CP_ESC_CSV && p[k] == '"';
    }
    return (struct cp_slice){p, n};
}

static const char *csv_header(void *decoder, const char *p, size_t n, struct cp_input *input)
{
    const struct cp_cells *c = decoder;
    size_t mark = cp_frame_mark_length((const uint8_t *)p, n), cells = 1;
    const char *why = NULL, *end = p + n;
    struct cp_delimiters d;
    struct cp_value value;

    p += mark;
    cp_delimiters_init(&d, p, end, csv_delimiter(c));
    while (cp_delimiters_next(&d) < end)
        cells++; /* those in quotes too: an upper bound */
    struct cp_slice *names = cp_heap_take(&input->heap, cells * sizeof(*names));
    cp_delimiters_init(&d, p, end, csv_delimiter(c));
    for (cells = 0;; p++) {
        p = take_cell(&d, p, 0, &value, &why);
        if (p == NULL)
            return why;
        names[cells++] = header_name(&value, &input->heap);
        if (p == end)
            break;
    }
    cp_cells_set_header(c, input, names, cells);
    return NULL;
}

/* ---- Walking ---- */

static void csv_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                     struct cp_walk *w)
{
    const struct cp_cells *c = decoder;

    w->p = p;
    w->end = p + n;
    w->decoder = decoder;
    w->input = input;
    w->index = 0;
    w->state = c == NULL ? CP_UNTYPED : c->flags;
    w->key_escape = CP_PLAIN;
}

static bool csv_next(struct cp_walk *w)
{
    char delimiter = (char)csv_delimiter(w->decoder);
    const char *p = w->p, *stop, *why;

    if (p > w->end)
        return false;
    if (p < w->end && *p == '"') {
        stop = take_quoted(p, w->end, delimiter, &w->value, &why);
    } else {
        stop = (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)w->end,
                                          (uint8_t)delimiter);
        w->value = bare_value(p, (size_t)(stop - p), (uint8_t)w->state);
    }
    w->key = cp_cells_name(w->decoder, w->input, w->index++);
    w->key_at = p;
    w->p = stop + 1;
    return true;
}

/* ---- Probes ---- */

/* A literal is looked for anywhere in the record; a quote in a cell is spelled as two. */
static bool csv_can_probe(const void *decoder, const struct cp_need *need)
{
    struct cp_slice key;

    (void)decoder;
    return need->kind == CP_NEED_LITERAL && cp_path_key(need->path, &key);
}

static size_t csv_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                        const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    return cp_probe_literal(b, sel, n, cp_probe_piece(need->literal, "\""), keep);
}

/* ---- Encoding ---- */

/* The spelling of a value that is a whole bare cell of the record it comes from: it may hold quotes
 * as they are. p is NULL when it is none. */
static struct cp_slice own_cell(const struct cp_value *v, struct cp_slice record, char delimiter)
{
    static const struct cp_slice none = {NULL, 0};

    if (record.p == NULL || v->kind != CP_TEXT)
        return none;
    const char *p = v->p, *q = v->p + v->len, *end = record.p + record.n;
    if (p < record.p || q > end)
        return none;
    if ((p > record.p && p[-1] != delimiter) || (q < end && *q != delimiter))
        return none;
    return (struct cp_slice){p, (size_t)(q - p)};
}

static bool needs_quotes(struct cp_slice s, uint8_t delimiter)
{
    for (size_t k = 0; k < s.n; k += 64) {
        cp_bytes64 block = cp_bytes64_load((const uint8_t *)s.p + k);
        uint64_t bits = cp_bits_equal3(&block, delimiter, '"', '\n') | cp_bits_equal(&block, '\r');
        if ((bits & cp_bits_below(s.n - k)) != 0)
            return true;
    }
    return s.n == 0;
}

static void put_quoted(struct cp_out *out, struct cp_slice s)
{
    const char *p = s.p, *end = s.p + s.n;

    cp_out_byte(out, '"');
    while (p < end) {
        const char *quote =
            (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, '"');
        quote += quote < end;
        cp_out_put(out, p, (size_t)(quote - p));
        if (quote[-1] == '"')
            cp_out_byte(out, '"');
        p = quote;
    }
    cp_out_byte(out, '"');
}

static void put_cell(struct cp_cells_writer *w, struct cp_out *out, const struct cp_value *v,
                     struct cp_slice record)
{
    struct cp_slice s = own_cell(v, record, (char)w->delimiter);

    if (v->kind == CP_TEXT && v->flags & CP_QUOTED) {
        cp_out_byte(out, '"');
        cp_out_put(out, v->p, v->len); /* its quotes are doubled still */
        cp_out_byte(out, '"');
        return;
    }
    if (s.p != NULL) {
        cp_out_puts(out, s);
        return;
    }
    s = cp_texts_of(&w->columns.texts, v);
    if (needs_quotes(s, w->delimiter))
        put_quoted(out, s);
    else
        cp_out_puts(out, s);
}

static int csv_encode_open(void *encoder, struct cp_heap *heap, struct cp_err *err)
{
    struct cp_cells_writer *w = encoder;

    (void)heap;
    w->put = put_cell;
    return read_delimiter(w->option, &w->delimiter, err);
}

static const char *csv_encode(void *encoder, const struct cp_batch *b, const uint16_t *sel,
                              size_t n, struct cp_out *out, size_t *done)
{
    return cp_cells_encode(encoder, &cp_format_csv, b, sel, n, out, done);
}

static const struct cp_option encode_options[] = {
    {"delimiter", CP_OPT_TEXT, offsetof(struct cp_cells_writer, option), NULL, ",",
     "The byte between cells"},
    CP_OPTION_NEW_FIELDS,
    {0},
};

/* ---- The format ---- */

/* Lines with the same number of cells, at least two, as the first one. */
struct shape {
    size_t cells;
};

static bool looks_right(void *ctx, const char *p, size_t n)
{
    struct shape *s = ctx;
    struct cp_delimiters d;
    struct cp_value value;
    const char *why, *end = p + n;
    size_t cells = 0;

    cp_delimiters_init(&d, p, end, ',');
    for (;; p++) {
        p = take_cell(&d, p, 0, &value, &why);
        if (p == NULL)
            return false;
        cells++;
        if (p == end)
            break;
    }
    if (s->cells == 0)
        s->cells = cells;
    return cells > 1 && cells == s->cells;
}

/* Other formats hold commas too: never sure. */
static int csv_sniff(const struct cp_format *self, const char *p, size_t n)
{
    struct shape s = {0};

    (void)self;
    return p[0] == '{' || p[0] == '[' || p[0] == '<'
               ? 0
               : cp_sniff_lines(p, n, looks_right, &s) * 9 / 10;
}

static const struct cp_format_example examples[] = {
    {"name,n\nBob,12\n\"Bob \"\"B\"\" Lee\",", NULL,
     "{\"name\":\"Bob\",\"n\":12}\n{\"name\":\"Bob \\\"B\\\" Lee\",\"n\":null}\n"},
    {"1;x", "header=a,b delimiter=\";\"", "{\"a\":1,\"b\":\"x\"}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_csv = {
    .name = "csv",
    .summary = "Comma-separated cells of RFC 4180",
    .doc =
        "The first record of every input names the columns, unless the option header does. A "
        "name that comes again "
        "becomes name_2, an empty one is the number of its column. A cell in double quotes may "
        "hold delimiters, line "
        "ends, and quotes written twice; a quote inside a bare cell is itself. An empty bare "
        "cell is null, \"\" is empty "
        "text. Text behind a closing quote, no closing quote, and a wrong number of cells are "
        "errors.\n\n"
        "On output the first line names the columns: those that the plan knows, else those of "
        "the first record; without a record there is none. Quotes are written only where they are "
        "needed; cells of csv input that nobody changed keep their spelling. Lines end in "
        "\\r\\n where the first record is written as it came and ended so, else in \\n.",
    .examples = examples,
    .flags = CP_FORMAT_OPEN | CP_FORMAT_HEADER | CP_FORMAT_IS_TABLE,
    .frame = CP_FRAME_CSV,
    .decoder_size = sizeof(struct cp_cells),
    .options = options,
    .plan = csv_plan,
    .open = csv_open,
    .decode = csv_decode,
    .header = csv_header,
    .delimiter = csv_delimiter,
    .sniff = csv_sniff,
    .walk = csv_walk,
    .next = csv_next,
    .can_probe = csv_can_probe,
    .probe = csv_probe,
    .encoder_size = sizeof(struct cp_cells_writer),
    .encode_options = encode_options,
    .encode_open = csv_encode_open,
    .encode = csv_encode,
    .left_out = cp_cells_left_out,
    .encode_close = cp_cells_encode_close,
};
