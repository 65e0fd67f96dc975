/* columns.c: columns that are fixed by the first record. */
#include "columns.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "cells.h"

/* ---- Columns ---- */

void cp_columns_add(struct cp_columns *c, struct cp_slice name)
{
    char *copy = cp_xmalloc(name.n + CP_PAD);

    if (c->n == c->cap) {
        c->cap = c->cap == 0 ? 16 : 2 * c->cap;
        c->names = cp_xrealloc(c->names, c->cap, sizeof(*c->names));
        c->cells = cp_xrealloc(c->cells, c->cap, sizeof(*c->cells));
    }
    if (name.n > 0)
        memcpy(copy, name.p, name.n);
    c->names[c->n++] = (struct cp_slice){copy, name.n};
    c->has_shape = false;
}

uint32_t cp_columns_find(const struct cp_columns *c, struct cp_slice name, size_t guess)
{
    if (guess < c->n && cp_slice_equal(c->names[guess], name))
        return (uint32_t)guess;
    for (size_t k = 0; k < c->n; k++)
        if (cp_slice_equal(c->names[k], name))
            return (uint32_t)k;
    return CP_NO_COLUMN;
}

/* All fields of the records are in columns of the batch. */
static bool is_listed(const struct cp_shape *s)
{
    return !s->is_open && s->failed_slot < 0;
}

bool cp_columns_choose(struct cp_columns *c, const struct cp_batch *b, uint32_t i)
{
    struct cp_members m;

    if (is_listed(b->shape)) {
        for (size_t k = 0; k < b->shape->n; k++)
            if (b->shape->fields[k].name.p != NULL &&
                cp_columns_find(c, b->shape->fields[k].name, k) == CP_NO_COLUMN)
                cp_columns_add(c, b->shape->fields[k].name);
        return c->n > 0;
    }
    cp_members_init(&m, b, i);
    while (cp_members_next(&m)) {
        struct cp_slice name = cp_texts_name(&c->texts, m.name, m.name_escape);
        if (cp_columns_find(c, name, c->n) == CP_NO_COLUMN)
            cp_columns_add(c, name);
    }
    return c->n > 0;
}

/* Which column each field of the batch's shape has. */
static void learn_shape(struct cp_columns *c, const struct cp_shape *s)
{
    if (c->has_shape && c->serial == s->serial)
        return;
    if (c->of_field_cap < s->n) {
        c->of_field_cap = s->n;
        c->of_field = cp_xrealloc(c->of_field, s->n, sizeof(*c->of_field));
    }
    for (size_t k = 0; k < s->n; k++)
        c->of_field[k] =
            s->fields[k].name.p == NULL ? CP_NO_COLUMN : cp_columns_find(c, s->fields[k].name, k);
    c->serial = s->serial;
    c->has_shape = true;
}

static size_t leave_out(struct cp_columns *c, struct cp_slice name)
{
    if (c->first_left_out == NULL) {
        c->first_left_out = cp_xmalloc(name.n + 1);
        if (name.n > 0)
            memcpy(c->first_left_out, name.p, name.n);
        c->first_left_out[name.n] = 0;
    }
    return 1;
}

static size_t fill_listed(struct cp_columns *c, const struct cp_batch *b, uint32_t i)
{
    const struct cp_shape *s = b->shape;
    size_t left_out = 0;

    learn_shape(c, s);
    for (size_t k = 0; k < s->n; k++) {
        const struct cp_shape_field *f = &s->fields[k];
        if (f->name.p == NULL || f->slot < 0)
            continue;
        const struct cp_value *v = &b->col[f->slot][i];
        if (c->of_field[k] != CP_NO_COLUMN)
            c->cells[c->of_field[k]] = *v;
        else if (v->kind != CP_MISSING)
            left_out += leave_out(c, f->name);
    }
    return left_out;
}

size_t cp_columns_fill(struct cp_columns *c, const struct cp_batch *b, uint32_t i)
{
    struct cp_members m;
    size_t guess = 0, left_out = 0;

    for (size_t k = 0; k < c->n; k++)
        c->cells[k] = (struct cp_value){.kind = CP_MISSING};
    if (is_listed(b->shape)) {
        left_out = fill_listed(c, b, i);
    } else {
        cp_members_init(&m, b, i);
        while (cp_members_next(&m)) {
            struct cp_slice name = m.name_escape == CP_PLAIN
                                       ? m.name
                                       : cp_texts_name(&c->texts, m.name, m.name_escape);
            uint32_t column = cp_columns_find(c, name, guess);
            if (column == CP_NO_COLUMN) {
                left_out += leave_out(c, name);
                continue;
            }
            c->cells[column] = m.value;
            guess = column + 1;
        }
    }
    c->left_out += left_out;
    return left_out;
}

bool cp_columns_are(const struct cp_columns *c, const struct cp_slice *names, size_t n)
{
    if (names == NULL || n != c->n)
        return false;
    for (size_t k = 0; k < n; k++)
        if (!cp_slice_equal(names[k], c->names[k]))
            return false;
    return true;
}

void cp_columns_release(struct cp_columns *c)
{
    for (size_t k = 0; k < c->n; k++)
        free((char *)c->names[k].p);
    free(c->names);
    free(c->cells);
    free(c->of_field);
    free(c->first_left_out);
    cp_texts_release(&c->texts);
    *c = (struct cp_columns){0};
}

/* ---- Lines of cells ---- */

static void put_line_end(const struct cp_cells_writer *w, struct cp_out *out)
{
    if (w->has_cr)
        cp_out_byte(out, '\r');
    cp_out_byte(out, '\n');
}

static void put_header(struct cp_cells_writer *w, struct cp_out *out)
{
    for (size_t k = 0; k < w->columns.n; k++) {
        struct cp_value name = cp_text(w->columns.names[k].p, w->columns.names[k].n);
        if (k > 0)
            cp_out_byte(out, (char)w->delimiter);
        w->put(w, out, &name, (struct cp_slice){NULL, 0});
    }
    put_line_end(w, out);
}

static void put_row(struct cp_cells_writer *w, struct cp_out *out, struct cp_slice record)
{
    for (size_t k = 0; k < w->columns.n; k++) {
        if (k > 0)
            cp_out_byte(out, (char)w->delimiter);
        if (!cp_is_null(&w->columns.cells[k]))
            w->put(w, out, &w->columns.cells[k], record);
    }
    put_line_end(w, out);
}

/* The bytes of the batch are cells with our delimiter. */
static bool is_same_format(const struct cp_cells_writer *w, const struct cp_format *format,
                           const struct cp_batch *b)
{
    return b->shape->format == format && b->block != NULL && !b->shape->is_made &&
           format->delimiter(b->shape->decoder) == w->delimiter;
}

/* They have our columns too, so that records may leave as they came. */
static bool has_same_columns(const struct cp_cells_writer *w, const struct cp_batch *b)
{
    const struct cp_cells *c = b->shape->decoder;

    if (c != NULL && c->header.n > 0)
        return cp_columns_are(&w->columns, c->header.v, c->header.n);
    return b->input != NULL && cp_columns_are(&w->columns, b->input->header, b->input->n_header);
}

static bool ends_in_cr(const struct cp_batch *b, uint32_t i)
{
    return cp_record_own(b, i).n > cp_batch_raw(b, i).n;
}

/* How many records from sel[0] on leave as their own bytes. All lines of an output end alike. */
static size_t count_own(const struct cp_cells_writer *w, const struct cp_format *format,
                        const struct cp_batch *b, const uint16_t *sel, size_t n)
{
    size_t k = 0;

    while (k < n && cp_record_is_own(b, sel[k], format) && ends_in_cr(b, sel[k]) == w->has_cr)
        k++;
    return k;
}

/* The columns, when they are not known yet, from the first record that has any; returns how many
 * have none. */
static size_t start(struct cp_cells_writer *w, const struct cp_format *format,
                    const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_out *out)
{
    size_t k = 0;

    while (!w->has_columns && k < n) {
        w->has_columns = cp_columns_choose(&w->columns, b, sel[k]);
        if (!w->has_columns) {
            k++;
            continue;
        }
        w->has_cr = is_same_format(w, format, b) && has_same_columns(w, b) &&
                    cp_record_is_own(b, sel[k], format) && ends_in_cr(b, sel[k]);
        put_header(w, out);
    }
    return k;
}

const char *cp_cells_encode(struct cp_cells_writer *w, const struct cp_format *format,
                            const struct cp_batch *b, const uint16_t *sel, size_t n,
                            struct cp_out *out, size_t *done)
{
    bool is_same = is_same_format(w, format, b);
    size_t k = start(w, format, b, sel, n, out);
    bool may_copy = is_same && has_same_columns(w, b);

    while (k < n) {
        size_t own = may_copy ? count_own(w, format, b, sel + k, n - k) : 0;
        cp_put_own(out, b, sel + k, own);
        k += own;
        if (k == n)
            break;
        if (cp_columns_fill(&w->columns, b, sel[k]) > 0 && w->new_fields == CP_NEW_FIELDS_ERROR) {
            *done = k;
            return "a field has no column (new_fields: error)";
        }
        put_row(w, out, is_same ? cp_batch_raw(b, sel[k]) : (struct cp_slice){NULL, 0});
        k++;
    }
    *done = n;
    return NULL;
}

uint64_t cp_cells_left_out(const void *encoder, struct cp_slice *first)
{
    const struct cp_cells_writer *w = encoder;

    if (w->new_fields == CP_NEW_FIELDS_IGNORE)
        return 0;
    if (w->columns.first_left_out != NULL)
        *first = cp_slice_of(w->columns.first_left_out);
    return w->columns.left_out;
}

void cp_cells_encode_close(void *encoder)
{
    struct cp_cells_writer *w = encoder;

    cp_columns_release(&w->columns);
}
