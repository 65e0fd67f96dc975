/* table.c: columns for the eye (semantics 39).
 *
 * DESIGN. The first records, a screenful, are held back: they give the columns, in the order in
 * which they appear, and the widths. What comes later is written at once, in these columns; a
 * longer value pushes its line to the right. Waiting for all records was rejected: a table must
 * come out of an endless input too.
 */
#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "columns.h"

/* One cell that is held back. */
struct cell {
    size_t at, len, width; /* of its text in `text`; width in code points */
    bool is_right, is_null;
};

struct table {
    struct cp_columns columns;
    uint64_t rows;  /* option: a screenful */
    uint64_t width; /* option: of a line; 0: never cut */
    char *text;     /* of the cells that are held back, or of one row */
    size_t text_len, text_cap;
    struct cell *cells; /* row by row; row r has counts[r] of them */
    size_t n_cells, cells_cap;
    size_t *counts;
    size_t n_rows, rows_cap;
    size_t *widths; /* of the columns, once they are known */
    bool *is_right; /* a column of numbers: its name stands right too */
    bool has_widths;
};

static const struct cp_option encode_options[] = {
    {"rows", CP_OPT_COUNT, offsetof(struct table, rows), NULL, "50",
     "How many records decide the columns and widths"},
    {"width", CP_OPT_COUNT, offsetof(struct table, width), NULL, "0",
     "Cut lines to so many characters; 0: never"},
    {0},
};

/* ---- Texts ---- */

static void add_bytes(struct table *t, const char *p, size_t n)
{
    if (t->text_cap - t->text_len < n + CP_PAD) {
        t->text_cap = 2 * (t->text_cap + n + CP_PAD);
        t->text = cp_xrealloc(t->text, t->text_cap, 1);
    }
    memcpy(t->text + t->text_len, p, n);
    t->text_len += n;
}

/* Bytes of a control code at p: one, or two for those that UTF-8 writes as C2 80 to C2 9F; 0: it is
 * none. */
static size_t control_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x20 || p[0] == 0x7F)
        return 1;
    return n >= 2 && p[0] == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F ? 2 : 0;
}

static void add_control(struct table *t, unsigned char c)
{
    static const char letters[0x20] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";

    if (c < 0x20 && letters[c] != 0)
        add_bytes(t, (char[]){'\\', letters[c]}, 2);
    else
        add_bytes(t, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
}

/* Adds a text, with escapes for control codes. */
static void add_text(struct table *t, struct cp_slice s)
{
    size_t from = 0, n;

    for (size_t k = 0; k < s.n; k += n == 0 ? 1 : n) {
        n = control_length((const unsigned char *)s.p + k, s.n - k);
        if (n == 0)
            continue;
        add_bytes(t, s.p + from, k - from);
        add_control(t, (unsigned char)s.p[k + n - 1]);
        from = k + n;
    }
    if (s.n > from)
        add_bytes(t, s.p + from, s.n - from);
}

static bool is_number(const struct cp_value *v)
{
    struct cp_num num;

    if (v->kind == CP_INT || v->kind == CP_DOUBLE || v->kind == CP_NUMBER)
        return true;
    return v->kind == CP_TEXT && (v->flags & CP_UNTYPED) && cp_value_number(v, &num);
}

/* The text of a value, added to t->text. */
static struct cell make_cell(struct table *t, const struct cp_value *v)
{
    struct cell c = {.at = t->text_len, .is_right = is_number(v), .is_null = cp_is_null(v)};

    add_text(t, cp_is_null(v) ? CP_SLICE("-") : cp_texts_of(&t->columns.texts, v));
    c.len = t->text_len - c.at;
    c.width = cp_utf8_length(t->text + c.at, c.len);
    return c;
}

/* ---- Lines ---- */

/* A line that is being written: cut at `left` more code points. */
struct line {
    struct cp_out *out;
    size_t left;
    size_t blanks; /* owed: written before the next text */
};

static void put_blanks(struct line *l)
{
    size_t n = l->blanks < l->left ? l->blanks : l->left;

    l->left -= n;
    l->blanks = 0;
    for (; n > 0; n--)
        cp_out_byte(l->out, ' ');
}

/* A text that does not fit ends in `…`. */
static void put_text(struct line *l, struct cp_slice s, size_t width)
{
    if (s.n == 0)
        return;
    put_blanks(l);
    if (width > l->left) {
        if (l->left == 0)
            return;
        size_t n;
        const char *p = cp_utf8_substr(s.p, s.n, 0, l->left - 1, &n);
        cp_out_put(l->out, p, n);
        cp_out_puts(l->out, CP_SLICE("…"));
        l->left = 0;
        return;
    }
    l->left -= width;
    cp_out_puts(l->out, s);
}

/* The cell of one column: numbers right, two blanks between columns, none at the end of a line. */
static void put_cell(struct line *l, struct cp_slice s, size_t width, size_t column, bool is_right)
{
    size_t gap = column > width ? column - width : 0;

    if (is_right)
        l->blanks += gap;
    put_text(l, s, width);
    l->blanks += is_right ? 2 : gap + 2;
}

static struct line start_line(const struct table *t, struct cp_out *out)
{
    return (struct line){.out = out, .left = t->width == 0 ? SIZE_MAX : (size_t)t->width};
}

static void put_header(struct table *t, struct cp_out *out)
{
    struct line l = start_line(t, out);

    size_t mark = t->text_len; /* cells that are held back stand before it */

    for (size_t k = 0; k < t->columns.n; k++) {
        t->text_len = mark;
        add_text(t, t->columns.names[k]);
        struct cp_slice s = {t->text + mark, t->text_len - mark};
        put_cell(&l, s, cp_utf8_length(s.p, s.n), t->widths[k], t->is_right[k]);
    }
    t->text_len = mark;
    cp_out_byte(out, '\n');
}

static void put_row(struct table *t, struct cp_out *out, const struct cell *cells, size_t n)
{
    static const struct cell none = {.width = 1, .is_null = true};
    struct line l = start_line(t, out);

    for (size_t k = 0; k < t->columns.n; k++) {
        const struct cell *c = k < n ? &cells[k] : &none;
        struct cp_slice s = k < n ? (struct cp_slice){t->text + c->at, c->len} : CP_SLICE("-");
        put_cell(&l, s, c->width, t->widths[k], c->is_right || (c->is_null && t->is_right[k]));
    }
    cp_out_byte(out, '\n');
}

/* ---- The first screenful ---- */

static void add_cell(struct table *t, struct cell c)
{
    if (t->n_cells == t->cells_cap)
        t->cells = cp_xgrow(t->cells, t->n_cells, &t->cells_cap, sizeof(*t->cells));
    t->cells[t->n_cells++] = c;
}

static void hold_back(struct table *t, const struct cp_batch *b, uint32_t i)
{
    cp_columns_choose(&t->columns, b, i);
    cp_columns_fill(&t->columns, b, i);
    if (t->n_rows == t->rows_cap)
        t->counts = cp_xgrow(t->counts, t->n_rows, &t->rows_cap, sizeof(*t->counts));
    t->counts[t->n_rows++] = t->columns.n;
    for (size_t k = 0; k < t->columns.n; k++)
        add_cell(t, make_cell(t, &t->columns.cells[k]));
}

/* A column is one of numbers when it has one and nothing else but null. */
static void measure(struct table *t)
{
    size_t n = t->columns.n, at = 0;
    size_t *numbers = cp_xcalloc(n, sizeof(*numbers)), *texts = cp_xcalloc(n, sizeof(*texts));

    t->widths = cp_xcalloc(n, sizeof(*t->widths));
    t->is_right = cp_xcalloc(n, sizeof(*t->is_right));
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t k = 0; k < t->counts[r]; k++, at++) {
            const struct cell *c = &t->cells[at];
            numbers[k] += c->is_right;
            texts[k] += !c->is_right && !c->is_null;
            t->widths[k] = c->width > t->widths[k] ? c->width : t->widths[k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        size_t width = cp_utf8_length(t->columns.names[k].p, t->columns.names[k].n);
        t->widths[k] = width > t->widths[k] ? width : t->widths[k];
        t->is_right[k] = numbers[k] > 0 && texts[k] == 0;
    }
    free(numbers);
    free(texts);
    t->has_widths = true;
}

/* Writes what was held back; from now on the columns are fixed. */
static void release_rows(struct table *t, struct cp_out *out)
{
    size_t at = 0;

    if (t->has_widths || t->columns.n == 0)
        return;
    measure(t);
    put_header(t, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        put_row(t, out, t->cells + at, t->counts[r]);
        at += t->counts[r];
    }
    t->text_len = t->n_cells = t->n_rows = 0;
}

/* ---- The format ---- */

static void put_late(struct table *t, struct cp_out *out, const struct cp_batch *b, uint32_t i)
{
    cp_columns_fill(&t->columns, b, i);
    t->text_len = 0;
    t->n_cells = 0;
    for (size_t k = 0; k < t->columns.n; k++)
        add_cell(t, make_cell(t, &t->columns.cells[k]));
    put_row(t, out, t->cells, t->n_cells);
}

static int table_encode_open(void *encoder, struct cp_heap *heap, struct cp_err *err)
{
    struct table *t = encoder;

    (void)heap;
    (void)err;
    t->rows = t->rows == 0 ? 50 : t->rows;
    return 0;
}

static const char *table_encode(void *encoder, const struct cp_batch *b, const uint16_t *sel,
                                size_t n, struct cp_out *out, size_t *done)
{
    struct table *t = encoder;

    for (size_t k = 0; k < n; k++) {
        if (t->has_widths) {
            put_late(t, out, b, sel[k]);
            continue;
        }
        hold_back(t, b, sel[k]);
        if (t->n_rows >= t->rows)
            release_rows(t, out);
    }
    *done = n;
    return NULL;
}

static int table_encode_end(void *encoder, struct cp_out *out)
{
    release_rows(encoder, out);
    return out->failed ? -1 : 0;
}

static uint64_t table_left_out(const void *encoder, struct cp_slice *first)
{
    const struct table *t = encoder;

    if (t->columns.first_left_out != NULL)
        *first = cp_slice_of(t->columns.first_left_out);
    return t->columns.left_out;
}

static void table_encode_close(void *encoder)
{
    struct table *t = encoder;

    cp_columns_release(&t->columns);
    free(t->text);
    free(t->cells);
    free(t->counts);
    free(t->widths);
    free(t->is_right);
}

const struct cp_format cp_format_table = {
    .name = "table",
    .summary = "Columns for the eye",
    .doc = "The first line names the columns, in the order in which they first appear. Numbers "
           "stand right, null is -, control "
           "codes are escaped. The first records decide the columns and their widths; a longer "
           "value pushes its line to the "
           "right, and a field that appears later is left out and counted. On a terminal lines are "
           "cut to its width.",
    .flags = CP_FORMAT_IS_TABLE,
    .encoder_size = sizeof(struct table),
    .encode_options = encode_options,
    .encode_open = table_encode_open,
    .encode = table_encode,
    .encode_end = table_encode_end,
    .left_out = table_left_out,
    .encode_close = table_encode_close,
};
