/* shape.c: from a scope to what writers see. */
#include "shape.h"

#include "../stage.h"

static size_t shape_serial(void)
{
    static _Atomic size_t serial;
    return ++serial;
}

/* One shape for each scope that the records may have. */
static void shape_branches(struct cp_heap *heap, const struct cp_scope *s, struct cp_shape *shape,
                           struct cp_shape *(*make)(struct cp_heap *, struct cp_scope *))
{
    shape->n_branches = s->wants->n_branches;
    shape->branches = cp_heap_take(heap, shape->n_branches * sizeof *shape->branches);
    for (size_t k = 0; k < shape->n_branches; k++) {
        struct cp_scope own = cp_scope_branch(s, k);
        shape->branches[k] = make(heap, &own);
    }
}

/* What is known of a shape without asking for anything. */
struct cp_shape *cp_shape_of_bytes(struct cp_heap *heap, struct cp_scope *s)
{
    struct cp_shape *shape = cp_heap_take(heap, sizeof *shape);

    shape->layer = s->wants ? s->wants->layer : NULL;
    shape->format = s->wants && !shape->layer ? s->wants->format : NULL;
    shape->decoder = shape->format ? s->wants->decoder : NULL;
    shape->is_open = s->is_open;
    shape->is_changed = s->is_changed;
    shape->is_json = s->is_json;
    shape->is_made = s->is_made;
    shape->failed_slot = s->failed_slot;
    shape->line_slot = s->line_slot;
    shape->marks_slot = CP_NO_SLOT;
    shape->serial = shape_serial();
    if (s->wants && s->wants->branches && (s->is_open || !s->is_changed))
        shape_branches(heap, s, shape, cp_shape_of_bytes);
    return shape;
}

/* The field of a scope that is about this key of the record, or NULL. */
static const struct cp_field *find_key(const struct cp_scope *s, struct cp_slice key)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].key.p && cp_slice_equal(s->fields[i].key, key))
            return &s->fields[i];
    return NULL;
}

static bool has_name(const struct cp_format *f, struct cp_slice name)
{
    for (size_t i = 0; f->fields[i]; i++)
        if (cp_slice_is(name, f->fields[i]))
            return true;
    return false;
}

/* Records of a format whose names are known, in a scope that does not know the format: its fields,
 * with what was done to them, then those that are new. */
static void list_variant(struct cp_heap *heap, struct cp_scope *s, struct cp_shape *shape)
{
    const struct cp_format *f = shape->format;
    size_t most = s->n;

    for (size_t i = 0; f->fields[i]; i++)
        most++;
    shape->fields = cp_heap_take(heap, (most + 1) * sizeof *shape->fields);
    shape->n = 0;
    for (size_t i = 0; f->fields[i]; i++) {
        struct cp_slice name = cp_slice_of(f->fields[i]);
        const struct cp_field *edit = find_key(s, name);
        int slot = edit ? edit->slot : CP_NO_SLOT;
        if (edit && !edit->name.p)
            continue;
        if (slot == CP_NO_SLOT)
            slot = cp_wants_slot(s->wants, cp_path_literal(heap, name), heap, s->n_slots);
        shape->fields[shape->n++] =
            (struct cp_shape_field){.name = edit ? edit->name : name, .slot = slot};
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct cp_field *e = &s->fields[i];
        if (e->name.p && e->slot != CP_NO_SLOT && !(e->key.p && has_name(f, e->key)))
            shape->fields[shape->n++] = (struct cp_shape_field){.name = e->name, .slot = e->slot};
    }
}

/* One shape for each format that an input may turn out to have. */
static void shape_variants(struct cp_heap *heap, struct cp_scope *s, struct cp_shape *shape)
{
    size_t n;
    const struct cp_choice *choices = shape->format->choices(shape->decoder, &n);

    shape->variants = cp_heap_take(heap, n * sizeof *shape->variants);
    for (size_t k = 0; k < n; k++) {
        struct cp_shape *v = cp_heap_take(heap, sizeof *v);
        *v = *shape;
        v->format = choices[k].format;
        v->decoder = choices[k].decoder;
        v->is_json = strcmp(v->format->name, "json") == 0;
        v->n_variants = 0;
        v->serial = shape_serial();
        v->is_open = v->format->fields == NULL;
        if (!v->is_open)
            list_variant(heap, s, v);
        shape->variants[shape->n_variants++] = v;
    }
}

/* The number of the field with that id, plus one; 0: there is none. */
static size_t find_id(const struct cp_scope *s, int id)
{
    for (size_t i = 0; id > 0 && i < s->n; i++)
        if (s->fields[i].id == id)
            return i + 1;
    return 0;
}

struct cp_shape *cp_shape_of(struct cp_heap *heap, struct cp_scope *s)
{
    struct cp_shape *shape = cp_shape_of_bytes(heap, s);

    if (shape->n_branches > 0) {
        shape_branches(heap, s, shape, cp_shape_of);
        return shape;
    }
    if (s->wants && s->wants->layer && !s->wants->layer->outer)
        s->wants->layer->outer = cp_shape_of(heap, s->wants->outer);
    shape->fields = cp_heap_take(heap, (s->n + 1) * sizeof *shape->fields);
    shape->n = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const struct cp_field *f = &s->fields[i];
        shape->fields[i] = (struct cp_shape_field){
            .name = f->name, .key = f->key, .slot = f->slot, .unless = f->unless};
        shape->fields[i].stand_in = find_id(s, f->stand_in);
        if (!s->is_open && f->name.p)
            shape->fields[i].slot = cp_scope_slot(s, i);
    }
    if (s->is_open && shape->format && shape->format->choices)
        shape_variants(heap, s, shape);
    return shape;
}
