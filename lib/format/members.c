/* members.c: a record as its writer sees it.
 *
 * DESIGN. An open record is walked: each raw member is looked up in the shape, which says whether
 * it was removed, renamed or given a new value; fields that no raw member made room for come after
 * the last one. A closed one is its shape's fields in order. A record that could not be read has
 * its line and why. One that stands on more than its bytes is listed first (overlay.h).
 */
#include "members.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/arena.h"
#include "../base/moment.h"

enum { RAW, NEW, LISTED, FAILED_LINE, FAILED_ERROR, OVERLAY }; /* cp_members.phase */

enum {
    MET_MAX = 64
}; /* fields that cp_members.met has bits for; records with more are listed first */

extern const struct cp_format cp_format_line;

static const struct cp_value *value_of(const struct cp_batch *b, uint32_t i, int slot)
{
    return &b->col[slot][i];
}

bool cp_record_is_failed(const struct cp_batch *b, uint32_t i)
{
    const struct cp_shape *s = b->shape;

    return s->failed_slot >= 0 && value_of(b, i, s->failed_slot)->kind != CP_MISSING;
}

bool cp_record_is_own(const struct cp_batch *b, uint32_t i, const struct cp_format *format)
{
    const struct cp_shape *s = b->shape;

    return !s->is_changed && !s->is_made && s->format == format && b->block != NULL &&
           !cp_record_is_failed(b, i);
}

/* ---- Own bytes ---- */

void cp_put_own(struct cp_out *out, const struct cp_batch *b, const uint16_t *sel, size_t n)
{
    for (size_t k = 0; k < n;) {
        struct cp_slice run = cp_record_own(b, sel[k]);
        const char *end = run.p + run.n;
        while (++k < n && b->rec[sel[k]].len < CP_OUT_ROOM && *end == '\n' &&
               (const char *)b->block->data + b->rec[sel[k]].off == end + 1) {
            struct cp_slice next = cp_record_own(b, sel[k]);
            end = next.p + next.n;
        }
        cp_out_put(out, run.p, (size_t)(end - run.p));
        cp_out_byte(out, '\n');
    }
}

/* ---- Members ---- */

const struct cp_shape_field *cp_shape_find(const struct cp_shape *shape, struct cp_slice key,
                                           enum cp_escape escape)
{
    char room[256 + CP_PAD];
    struct cp_arena arena = {.base = room, .cap = 256};
    struct cp_value v = cp_text(key.p, key.n);

    v.esc = (uint8_t)escape;
    if (escape != CP_PLAIN && (shape->n == 0 || !cp_value_text(&v, &arena, &key)))
        return NULL;
    for (size_t k = 0; k < shape->n; k++)
        if (shape->fields[k].key.p != NULL && cp_slice_equal(shape->fields[k].key, key))
            return &shape->fields[k];
    return NULL;
}

const struct cp_shape_field *cp_shape_find_of(const struct cp_shape *shape, struct cp_slice key,
                                              enum cp_escape escape, const struct cp_batch *b,
                                              uint32_t i)
{
    const struct cp_shape_field *f = cp_shape_find(shape, key, escape);

    return f ? &shape->fields[cp_shape_stand_in(shape, (size_t)(f - shape->fields), b, i)] : NULL;
}

/* Starts a walk over the raw bytes of the record. */
static void start_walk(struct cp_members *m)
{
    const struct cp_format *format = m->shape->format != NULL ? m->shape->format : &cp_format_line;

    cp_walk_record(m->shape, format, m->batch, m->i, &m->walk);
}

static bool walk_on(struct cp_members *m)
{
    const struct cp_format *format = m->shape->format != NULL ? m->shape->format : &cp_format_line;

    return cp_walk_next(format, &m->walk);
}

static bool can_walk(const struct cp_members *m)
{
    const struct cp_shape *s = m->shape;

    return !s->is_made && m->batch->block != NULL && (s->format == NULL || s->format->walk != NULL);
}

void cp_members_init(struct cp_members *m, const struct cp_batch *b, uint32_t i)
{
    m->batch = b;
    m->shape = b->shape;
    m->i = i;
    m->at = 0;
    m->met = 0;
    m->name_escape = CP_PLAIN;
    m->phase = LISTED;
    if (m->shape->layer != NULL || (m->shape->is_open && m->shape->n > MET_MAX)) {
        m->phase = OVERLAY;
        m->overlay = cp_xmalloc(sizeof *m->overlay);
        cp_overlay_init(m->overlay);
        cp_overlay_fill(m->overlay, b, m->shape, i);
    } else if (cp_record_is_failed(b, i)) {
        m->phase = FAILED_LINE;
    } else if (m->shape->is_open && can_walk(m)) {
        m->phase = RAW;
        start_walk(m);
    }
}

static uint64_t field_bit(const struct cp_members *m, const struct cp_shape_field *f)
{
    return UINT64_C(1) << ((size_t)(f - m->shape->fields) % MET_MAX);
}

/* The raw member that the walk stands on, as the shape wants it. False: it is not written. */
static bool take_raw(struct cp_members *m)
{
    const struct cp_shape_field *f =
        cp_shape_find_of(m->shape, m->walk.key, m->walk.key_escape, m->batch, m->i);

    m->name = m->walk.key;
    m->name_escape = m->walk.key_escape;
    m->value = m->walk.value;
    if (f == NULL)
        return true;
    if (f->name.p == NULL || (m->met & field_bit(m, f)) != 0)
        return false;
    m->name = f->name;
    m->name_escape = CP_PLAIN;
    if (f->slot >= 0) {
        m->met |= field_bit(m, f);
        m->value = *value_of(m->batch, m->i, f->slot);
    }
    return m->value.kind != CP_MISSING;
}

/* A field of the shape that is not in the record's bytes, or of a closed shape. False: it is not
 * written. */
static bool take_field(struct cp_members *m, const struct cp_shape_field *f)
{
    if (f->name.p == NULL || f->slot < 0 || (m->met & field_bit(m, f)) != 0)
        return false;
    m->name = f->name;
    m->name_escape = CP_PLAIN;
    m->value = *value_of(m->batch, m->i, f->slot);
    return m->value.kind != CP_MISSING;
}

static bool next_failed(struct cp_members *m)
{
    int slot = m->phase == FAILED_LINE ? m->shape->line_slot : m->shape->failed_slot;

    m->name = m->phase == FAILED_LINE ? CP_SLICE("line") : CP_SLICE("_error");
    m->phase = m->phase == FAILED_LINE ? FAILED_ERROR : LISTED;
    if (slot >= 0)
        m->value = *value_of(m->batch, m->i, slot);
    return slot >= 0 && m->value.kind != CP_MISSING;
}

static bool next_of_overlay(struct cp_members *m)
{
    while (m->at < m->overlay->n) {
        const struct cp_overlay_member *v = &m->overlay->v[m->at++];
        if (v->is_gone)
            continue;
        m->name = v->name;
        m->value = v->value;
        return true;
    }
    cp_overlay_release(m->overlay);
    free(m->overlay);
    m->phase = LISTED;
    m->at = m->shape->n;
    return false;
}

bool cp_members_next(struct cp_members *m)
{
    if (m->phase == OVERLAY)
        return next_of_overlay(m);
    while (m->phase == RAW) {
        if (!walk_on(m))
            m->phase = NEW;
        else if (take_raw(m))
            return true;
    }
    while (m->phase == FAILED_LINE || m->phase == FAILED_ERROR)
        if (next_failed(m))
            return true;
    while (m->at < m->shape->n)
        if (take_field(m, &m->shape->fields[m->at++]))
            return true;
    return false;
}

/* ---- Texts of values ---- */

static void grow(struct cp_texts *t, size_t size)
{
    free(t->room);
    t->room = cp_xmalloc(size + CP_PAD);
    t->size = size;
}

/* No escape stands for more than its own length; where the arena is full all the same it grows. */
static struct cp_slice decode(struct cp_texts *t, const struct cp_value *v)
{
    struct cp_slice s;

    if (t->size < v->len)
        grow(t, 2 * (size_t)v->len + 256);
    for (;;) {
        struct cp_arena arena = {.base = t->room, .cap = t->size};
        if (cp_value_text(v, &arena, &s))
            return s;
        grow(t, 2 * t->size + 256);
    }
}

struct cp_slice cp_texts_of(struct cp_texts *t, const struct cp_value *v)
{
    static const char words[][8 + CP_PAD] = {"false", "true"};
    struct cp_num num = {.kind = CP_NUM_DBL, .d = v->d};

    switch ((enum cp_kind)v->kind) {
    case CP_MISSING:
    case CP_NULL:
        return CP_SLICE("");
    case CP_FALSE:
        return (struct cp_slice){words[0], 5};
    case CP_TRUE:
        return (struct cp_slice){words[1], 4};
    case CP_INT:
        return (struct cp_slice){t->number, cp_num_format_int(t->number, v->i)};
    case CP_DOUBLE:
        return (struct cp_slice){t->number, cp_num_format(t->number, &num)};
    case CP_TIME:
        return (struct cp_slice){t->number, cp_time_format(t->number, v->i)};
    case CP_TEXT:
        if (v->esc != CP_PLAIN)
            return decode(t, v);
        break;
    default:
        break;
    }
    return (struct cp_slice){v->p, v->len};
}

struct cp_slice cp_texts_name(struct cp_texts *t, struct cp_slice name, enum cp_escape escape)
{
    struct cp_value v = cp_text(name.p, name.n);

    v.esc = (uint8_t)escape;
    return cp_texts_of(t, &v);
}

void cp_texts_release(struct cp_texts *t)
{
    free(t->room);
    *t = (struct cp_texts){0};
}
