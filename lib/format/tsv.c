/* tsv.c: cells between tabs; \t \n \r \\ are escapes, quotes mean nothing (semantics 38, 53). */
#include "../base/scan.h"
#include "cells.h"
#include "columns.h"
#include "detect.h"
#include "frame.h"
#include "probe.h"

extern const struct cp_format cp_format_tsv;

static const struct cp_option options[] = {
    {"header", CP_OPT_LIST, offsetof(struct cp_cells, header), NULL, NULL,
     "Names of the columns; without it the first line has them"},
    CP_OPTION_TYPES(struct cp_cells, types),
    {0},
};

/* ---- Decoding ---- */

static uint8_t tsv_delimiter(const void *decoder)
{
    (void)decoder;
    return '\t';
}

static int tsv_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                    struct cp_err *err)
{
    (void)err;
    return cp_cells_plan(decoder, heap, names, n);
}

static int tsv_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                    struct cp_err *err)
{
    (void)err;
    return cp_cells_open(decoder, wants, heap);
}

static inline struct cp_value cell_value(const char *p, const char *end, uint8_t flags)
{
    struct cp_value v = cp_text(p, (size_t)(end - p));

    if (p == end)
        return cp_null();
    v.flags = flags;
    v.esc = cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, '\\') < (const uint8_t *)end
                ? CP_ESC_TSV
                : CP_PLAIN;
    return v;
}

static const char *tsv_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                              size_t *at)
{
    const struct cp_cells *c = decoder;
    const struct cp_columns_map *map = cp_cells_map(c, row->input);
    struct cp_delimiters d;
    size_t cell = 0;

    if (map == NULL)
        return cp_refuse(at, 0, cp_cells_no_header);
    const struct cp_field_want *want = map->fields.v;
    cp_delimiters_init(&d, p, p + n, '\t');
    for (;; p++, cell++) {
        const char *stop = cp_delimiters_next(&d);
        for (; want->field == cell; want++)
            row->col[want->slot][row->i] = cell_value(p, stop, c->flags);
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
static struct cp_slice header_name(const char *from, size_t len, struct cp_heap *heap)
{
    char *p = cp_heap_copy(heap, from, len);
    size_t n = 0;

    for (size_t k = 0; k < len; k++) {
        const char *at = p[k] == '\\' && k + 1 < len ? memchr("tnr\\", p[k + 1], 4) : NULL;
        k += at != NULL;
        p[n++] = at == NULL ? p[k] : "\t\n\r\\"[at - "tnr\\"];
    }
    return (struct cp_slice){p, n};
}

static const char *tsv_header(void *decoder, const char *p, size_t n, struct cp_input *input)
{
    const char *end = p + n, *stop;
    struct cp_delimiters d;
    size_t cells;

    p += cp_frame_mark_length((const uint8_t *)p, n);
    cells = cp_scan_count((const uint8_t *)p, (size_t)(end - p), '\t') + 1;
    struct cp_slice *names = cp_heap_take(&input->heap, cells * sizeof(*names));
    cp_delimiters_init(&d, p, end, '\t');
    for (size_t k = 0; k < cells; k++, p = stop + 1) {
        stop = cp_delimiters_next(&d);
        names[k] = header_name(p, (size_t)(stop - p), &input->heap);
    }
    cp_cells_set_header(decoder, input, names, cells);
    return NULL;
}

/* ---- Walking ---- */

static void tsv_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
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

static bool tsv_next(struct cp_walk *w)
{
    const char *p = w->p, *stop;

    if (p > w->end)
        return false;
    stop = (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)w->end, '\t');
    w->key = cp_cells_name(w->decoder, w->input, w->index++);
    w->value = cell_value(p, stop, (uint8_t)w->state);
    w->key_at = p;
    w->p = stop + 1;
    return true;
}

/* ---- Probes ---- */

static bool tsv_can_probe(const void *decoder, const struct cp_need *need)
{
    struct cp_slice key;

    (void)decoder;
    return need->kind == CP_NEED_LITERAL && cp_path_key(need->path, &key);
}

static size_t tsv_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                        const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    return cp_probe_literal(b, sel, n, cp_probe_piece(need->literal, "\\"), keep);
}

/* ---- Encoding ---- */

/* Cells that are spelled with escapes of tsv stay as they are. */
static void put_cell(struct cp_cells_writer *w, struct cp_out *out, const struct cp_value *v,
                     struct cp_slice record)
{
    struct cp_slice s = {v->p, v->len};
    const char *at;
    size_t from = 0;

    (void)record;
    if (v->kind == CP_TEXT && v->esc == CP_ESC_TSV) {
        cp_out_puts(out, s);
        return;
    }
    s = cp_texts_of(&w->columns.texts, v);
    for (size_t k = 0; k < s.n; k++) {
        if ((unsigned char)s.p[k] > '\\' || (at = memchr("\t\n\r\\", s.p[k], 4)) == NULL)
            continue;
        cp_out_put(out, s.p + from, k - from);
        cp_out_byte(out, '\\');
        cp_out_byte(out, "tnr\\"[at - "\t\n\r\\"]);
        from = k + 1;
    }
    cp_out_put(out, s.p + from, s.n - from);
}

static int tsv_encode_open(void *encoder, struct cp_heap *heap, struct cp_err *err)
{
    struct cp_cells_writer *w = encoder;

    (void)heap;
    (void)err;
    w->put = put_cell;
    w->delimiter = '\t';
    return 0;
}

static const char *tsv_encode(void *encoder, const struct cp_batch *b, const uint16_t *sel,
                              size_t n, struct cp_out *out, size_t *done)
{
    return cp_cells_encode(encoder, &cp_format_tsv, b, sel, n, out, done);
}

static const struct cp_option encode_options[] = {
    CP_OPTION_NEW_FIELDS,
    {0},
};

/* ---- The format ---- */

struct shape {
    size_t tabs;
};

static bool looks_right(void *ctx, const char *p, size_t n)
{
    struct shape *s = ctx;
    size_t tabs = cp_scan_count((const uint8_t *)p, n, '\t');

    if (s->tabs == 0)
        s->tabs = tabs;
    return tabs > 0 && tabs == s->tabs;
}

static int tsv_sniff(const struct cp_format *self, const char *p, size_t n)
{
    struct shape s = {0};

    (void)self;
    return p[0] == '{' || p[0] == '[' || p[0] == '<'
               ? 0
               : cp_sniff_lines(p, n, looks_right, &s) * 95 / 100;
}

static const struct cp_format_example examples[] = {
    {"name\tn\ntwo\\nlines\t12\n\"\t", NULL,
     "{\"name\":\"two\\nlines\",\"n\":12}\n{\"name\":\"\\\"\",\"n\":null}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_tsv = {
    .name = "tsv",
    .summary = "Cells between tabs",
    .doc = "The first line of every input names the columns, unless the option header does. A name "
           "that comes again becomes "
           "name_2, an empty one is the number of its column. \\t \\n \\r and \\\\ in a cell are a "
           "tab, a newline, a "
           "carriage return and a backslash; quotes mean nothing. An empty cell is null. A wrong "
           "number of cells is an "
           "error.\n\n"
           "On output the first line names the columns: those that the plan knows, else those of "
           "the first record; without a record there is none. Lines end in \\r\\n where the first "
           "record is written as it came and ended so, else in \\n.",
    .examples = examples,
    .flags = CP_FORMAT_OPEN | CP_FORMAT_HEADER | CP_FORMAT_IS_TABLE,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct cp_cells),
    .options = options,
    .plan = tsv_plan,
    .open = tsv_open,
    .decode = tsv_decode,
    .header = tsv_header,
    .delimiter = tsv_delimiter,
    .sniff = tsv_sniff,
    .walk = tsv_walk,
    .next = tsv_next,
    .can_probe = tsv_can_probe,
    .probe = tsv_probe,
    .encoder_size = sizeof(struct cp_cells_writer),
    .encode_options = encode_options,
    .encode_open = tsv_encode_open,
    .encode = tsv_encode,
    .left_out = cp_cells_left_out,
    .encode_close = cp_cells_encode_close,
};
