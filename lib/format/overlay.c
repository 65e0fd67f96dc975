/* overlay.c: records that stand on more than their bytes. */
#include "overlay.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "members.h"

extern const struct cp_format cp_format_line;

void cp_overlay_init(struct cp_overlay *o)
{
    o->v = o->few;
    o->n = 0;
    o->cap = CP_OVERLAY_FEW;
    o->bucket = o->few_buckets;
    o->n_buckets = CP_OVERLAY_BUCKETS;
    o->target = NULL;
    o->n_target = 0;
    o->heap = (struct cp_heap){0};
}

void cp_overlay_release(struct cp_overlay *o)
{
    if (o->v != o->few)
        free(o->v);
    if (o->bucket != o->few_buckets)
        free(o->bucket);
    free(o->target);
    cp_heap_release(&o->heap);
    cp_overlay_init(o);
}

const struct cp_shape *cp_shape_base(const struct cp_shape *shape)
{
    while (shape->layer != NULL)
        shape = shape->layer->outer;
    return shape;
}

/* ---- The list ---- */

static size_t hash(struct cp_slice name)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t k = 0; k < name.n; k++)
        h = (h ^ (unsigned char)name.p[k]) * UINT64_C(0x100000001B3);
    return (size_t)(h ^ (h >> 32));
}

static void link_member(struct cp_overlay *o, size_t at)
{
    uint32_t *bucket = &o->bucket[hash(o->v[at].name) & (o->n_buckets - 1)];

    o->v[at].link = *bucket;
    *bucket = (uint32_t)at + 1;
}

static void unlink_member(struct cp_overlay *o, size_t at)
{
    uint32_t *link = &o->bucket[hash(o->v[at].name) & (o->n_buckets - 1)];

    while (*link != at + 1)
        link = &o->v[*link - 1].link;
    *link = o->v[at].link;
}

static void grow(struct cp_overlay *o)
{
    struct cp_overlay_member *old = o->v == o->few ? NULL : o->v;

    o->cap *= 2;
    o->v = cp_xrealloc(old, o->cap, sizeof *o->v);
    if (old == NULL)
        memcpy(o->v, o->few, sizeof o->few);
    if (o->bucket != o->few_buckets)
        free(o->bucket);
    while (o->n_buckets < o->cap)
        o->n_buckets *= 2;
    o->bucket = cp_xcalloc(o->n_buckets, sizeof *o->bucket);
    for (size_t k = 0; k < o->n; k++)
        if (!o->v[k].is_gone)
            link_member(o, k);
}

static void add(struct cp_overlay *o, struct cp_slice name, struct cp_value value,
                const char *key_at)
{
    if (o->n == o->cap)
        grow(o);
    o->v[o->n] = (struct cp_overlay_member){.name = name, .value = value, .key_at = key_at};
    link_member(o, o->n++);
}

/* The last member of that name, plus one; 0: none. `from`: a member of that name: the one before
 * it. */
static size_t find(const struct cp_overlay *o, struct cp_slice name, size_t from)
{
    size_t at = from > 0 ? o->v[from - 1].link : o->bucket[hash(name) & (o->n_buckets - 1)];

    while (at > 0 && !cp_slice_equal(o->v[at - 1].name, name))
        at = o->v[at - 1].link;
    return at;
}

static void drop(struct cp_overlay *o, size_t at)
{
    unlink_member(o, at);
    o->v[at].is_gone = true;
}

/* Drops all but the last member of a name; returns that, plus one. */
static size_t keep_last(struct cp_overlay *o, struct cp_slice name)
{
    size_t last = find(o, name, 0), other;

    while (last > 0 && (other = find(o, name, last)) > 0)
        drop(o, other - 1);
    return last;
}

static void set_value(struct cp_overlay *o, size_t at, struct cp_value value)
{
    o->v[at].value = value;
    o->v[at].is_changed = true;
}

/* ---- Names ---- */

static struct cp_slice decoded(struct cp_overlay *o, struct cp_slice key, enum cp_escape escape)
{
    char *room = cp_heap_take(&o->heap, 4 * key.n + 1); /* more than any escape stands for */
    struct cp_arena arena = {.base = room, .cap = 4 * key.n + 1};
    struct cp_value v = cp_text(key.p, key.n);

    v.esc = (uint8_t)escape;
    cp_value_text(&v, &arena, &key);
    return key;
}

static struct cp_slice with_prefix(struct cp_overlay *o, struct cp_slice prefix,
                                   struct cp_slice name)
{
    char *p = cp_heap_take(&o->heap, prefix.n + name.n);

    memcpy(p, prefix.p, prefix.n);
    if (name.n > 0)
        memcpy(p + prefix.n, name.p, name.n);
    return (struct cp_slice){p, prefix.n + name.n};
}

static struct cp_slice walked_name(struct cp_overlay *o, const struct cp_walk *w)
{
    return w->key_escape == CP_PLAIN ? w->key : decoded(o, w->key, w->key_escape);
}

/* ---- Steps ---- */

static const struct cp_value *column(const struct cp_batch *b, uint32_t i, int slot)
{
    const struct cp_value *v = slot >= 0 ? &b->col[slot][i] : NULL;
    return v != NULL && v->kind != CP_MISSING ? v : NULL;
}

static void add_column(struct cp_overlay *o, const struct cp_batch *b, uint32_t i,
                       struct cp_slice name, int slot)
{
    const struct cp_value *v = column(b, i, slot);

    if (v != NULL)
        add(o, name, *v, NULL);
}

static void add_raw(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *s,
                    uint32_t i)
{
    const struct cp_format *format = s->format != NULL ? s->format : &cp_format_line;
    struct cp_walk w;

    cp_walk_record(s, format, b, i, &w);
    while (cp_walk_next(format, &w))
        add(o, walked_name(o, &w), w.value, w.key_at);
}

/* What field f does to the member that it is about, or adds. */
static void apply_field(struct cp_overlay *o, const struct cp_shape_field *f,
                        const struct cp_value *value, size_t target)
{
    if (target == 0) {
        if (f->name.p != NULL && value != NULL)
            add(o, f->name, *value, NULL);
        return;
    }
    size_t at = target - 1;
    if (f->name.p == NULL || (f->slot >= 0 && value == NULL)) {
        drop(o, at);
        return;
    }
    if (f->slot >= 0)
        set_value(o, at, *value);
    if (cp_slice_equal(f->name, o->v[at].name))
        return;
    unlink_member(o, at);
    o->v[at].name = f->name;
    o->v[at].is_renamed = true;
    link_member(o, at);
}

/* Keys are those before any change: all are looked up before anything is changed. */
static void apply_fields(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *s,
                         uint32_t i)
{
    if (o->n_target < s->n) {
        o->target = cp_xrealloc(o->target, s->n, sizeof *o->target);
        o->n_target = s->n;
    }
    for (size_t k = 0; k < s->n; k++)
        o->target[k] = s->fields[k].key.p != NULL ? (uint32_t)keep_last(o, s->fields[k].key) : 0;
    for (size_t k = 0; k < s->n; k++) {
        size_t stand_in = cp_shape_stand_in(s, k, b, i);
        if (stand_in == k || o->target[stand_in] > 0)
            continue;
        o->target[stand_in] = o->target[k];
        o->target[k] = 0;
    }
    for (size_t k = 0; k < s->n; k++)
        apply_field(o, &s->fields[k], column(b, i, s->fields[k].slot), o->target[k]);
}

static void add_base(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *shape,
                     uint32_t i)
{
    const struct cp_shape *s = cp_shape_for(shape, b->input);
    bool can_walk =
        !s->is_made && b->block != NULL && (s->format == NULL || s->format->walk != NULL);

    if (s->failed_slot >= 0 && column(b, i, s->failed_slot) != NULL) {
        add_column(o, b, i, CP_SLICE("line"), s->line_slot);
        add_column(o, b, i, CP_SLICE("_error"), s->failed_slot);
    } else if (s->is_open && can_walk) {
        add_raw(o, b, s, i);
    }
    apply_fields(o, b, s, i);
}

static void add_layer(struct cp_overlay *o, const struct cp_batch *b, const struct cp_layer *l,
                      uint32_t i)
{
    const struct cp_value *text = column(b, i, l->slot);
    struct cp_walk w;

    if (text == NULL)
        return;
    l->format->walk(l->decoder, NULL, text->p, text->len, &w);
    while (l->format->next(&w)) {
        struct cp_slice name = walked_name(o, &w);
        if (l->prefix.n > 0)
            name = with_prefix(o, l->prefix, name);
        size_t at = keep_last(o, name);
        if (at > 0)
            set_value(o, at - 1, w.value);
        else
            add(o, name, w.value, NULL);
    }
}

static void add_shape(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *s,
                      uint32_t i)
{
    if (s->layer == NULL) {
        add_base(o, b, s, i);
        return;
    }
    add_shape(o, b, s->layer->outer, i);
    add_layer(o, b, s->layer, i);
    apply_fields(o, b, s, i);
}

void cp_overlay_fill(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *shape,
                     uint32_t i)
{
    o->n = 0;
    memset(o->bucket, 0, o->n_buckets * sizeof *o->bucket);
    if (o->heap.bytes > 0)
        cp_heap_release(&o->heap);
    add_shape(o, b, shape, i);
}
