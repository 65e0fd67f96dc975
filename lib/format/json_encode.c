/* json_encode.c: whole records as JSON.
 *
 * DESIGN. What can be known from the shape is prepared once per shape (struct cp_json_plan): which
 * of the five ways leads to the text, and the keys with their quotes, escapes, colon and comma.
 * Then a record is copying: records that leave as they came are found in runs and copied as one
 * piece; a closed shape is keys and values in turn; an edited JSON record is its own bytes with
 * other bytes at some places.
 */
#include "json_encode.h"

#include <assert.h>
#include <stdlib.h>

#include "../base/alloc.h"
#include "json.h"
#include "json_scan.h"
#include "members.h"

extern const struct cp_format cp_format_json;

enum way {
    OWN_BYTES, /* JSON that nobody changed */
    SPLICE,    /* JSON with edits */
    CLOSED,    /* all fields are columns */
    WALK,      /* other bytes than JSON, with or without edits */
    LINE,      /* bytes that were never parsed: the field line */
    LAYERED,   /* parts of other texts too */
};

/* One field of a shape. */
struct plan_field {
    const struct cp_shape_field *field;
    struct cp_slice key; /* `,"name":` with CP_PAD bytes behind it; p == NULL: removed */
};

enum { KNOWN_KEY = 32, KNOWN_KEYS = 32 }; /* the longest key that is remembered, and how many are */

/* A key, how it is written, and the field that is about it. Records of a log repeat their keys in
 * the same places: the encoder remembers what stood there last. */
struct known_key {
    uint8_t n;                /* 0: nothing is known */
    char text[KNOWN_KEY + 4]; /* `,"key":` */
    size_t edit;
};

struct cp_json_plan {
    const struct cp_shape *shape;
    size_t serial;
    enum way way;
    struct plan_field *fields;
    size_t n;
    size_t *last; /* SPLICE: for each field the last member that it is about, or NONE; WALK: written
                     or not */
    char *keys;
    /* SPLICE: looks for the members that fields are about; capture k belongs to field k. */
    struct cp_json_scanner *scanner;
    struct cp_value *found;
    size_t *order;                      /* the fields with a member, by where it stands */
    struct known_key known[KNOWN_KEYS]; /* WALK: by the number of the member */
};

static const size_t NONE = SIZE_MAX;

enum { MAX_PLANS = 64 };

/* A member of the record being edited. */
struct cp_json_member {
    const char *key_at, *key_end, *value_at, *value_end;
    size_t edit;     /* the field of the plan that is about it, or NONE */
    bool is_renamed; /* by that */
};

/* ---- Plans ---- */

static enum way way_of(const struct cp_shape *shape)
{
    bool is_json = shape->format == &cp_format_json;

    if (shape->layer)
        return LAYERED;
    if (!shape->is_made && is_json && !shape->is_changed)
        return OWN_BYTES;
    if (!shape->is_open || shape->is_made)
        return CLOSED;
    if (is_json)
        return SPLICE;
    return shape->format ? WALK : LINE;
}

/* Writes `,"name":` to p, where there is room for it; returns its length. */
static size_t put_key(char *p, struct cp_slice name)
{
    size_t n = cp_json_format_key(name, p + 1, 6 * name.n + 2);

    p[0] = ',';
    p[n + 1] = ':';
    return n + 2;
}

/* The field of the plan that is about a member of the record's bytes, or NONE. */
static size_t find_edit(const struct cp_json_plan *plan, struct cp_slice key, bool escaped)
{
    for (size_t k = 0; k < plan->n; k++) {
        const struct cp_shape_field *f = plan->fields[k].field;
        if (f->key.p && cp_json_key_is(key, escaped, f->key))
            return k;
    }
    return NONE;
}

static void plan_search(struct cp_json_plan *plan, struct cp_heap *heap)
{
    struct cp_json_target *root = cp_heap_take(heap, sizeof *root);

    root->capture = -1;
    plan->found = cp_heap_take(heap, plan->n * sizeof *plan->found);
    plan->order = cp_heap_take(heap, plan->n * sizeof *plan->order);
    plan->scanner = cp_heap_take(heap, sizeof *plan->scanner);
    for (size_t k = 0; k < plan->n; k++) {
        const struct cp_shape_field *f = plan->fields[k].field;
        if (!f->key.p || find_edit(plan, f->key, false) != k)
            continue;
        struct cp_json_target *t = cp_heap_take(heap, sizeof *t);
        *t = (struct cp_json_target){.key = f->key, .capture = (int)k, .next = root->child};
        root->child = t;
    }
    cp_json_scanner_init(plan->scanner, root, plan->found, true, heap);
}

static struct cp_json_plan *plan_new(const struct cp_shape *shape, struct cp_heap *heap)
{
    struct cp_json_plan *plan = cp_xcalloc(1, sizeof *plan);
    size_t room = CP_PAD;

    for (size_t k = 0; k < shape->n; k++)
        room += 6 * shape->fields[k].name.n + 4;
    *plan = (struct cp_json_plan){
        .shape = shape, .serial = shape->serial, .way = way_of(shape), .n = shape->n};
    plan->fields = cp_xcalloc(shape->n, sizeof *plan->fields);
    plan->last = cp_xcalloc(shape->n, sizeof *plan->last);
    plan->keys = cp_xcalloc(room, 1);
    char *p = plan->keys;
    for (size_t k = 0; k < shape->n; k++) {
        const struct cp_shape_field *f = &shape->fields[k];
        plan->fields[k].field = f;
        if (!f->name.p)
            continue;
        plan->fields[k].key = (struct cp_slice){p, put_key(p, f->name)};
        p += plan->fields[k].key.n;
    }
    if (plan->way == SPLICE)
        plan_search(plan, heap);
    return plan;
}

static void plan_free(struct cp_json_plan *plan)
{
    free(plan->fields);
    free(plan->last);
    free(plan->keys);
    free(plan);
}

static void forget_plans(struct cp_json_writer *w)
{
    for (size_t k = 0; k < w->n_plans; k++)
        plan_free(w->plans[k]);
    w->n_plans = 0;
    w->last = NULL;
    cp_heap_release(&w->heap);
}

static struct cp_json_plan *plan_for(struct cp_json_writer *w, const struct cp_shape *shape)
{
    if (w->last && w->last->serial == shape->serial)
        return w->last;
    for (size_t k = 0; k < w->n_plans; k++)
        if (w->plans[k]->serial == shape->serial)
            return w->last = w->plans[k];
    if (w->n_plans == MAX_PLANS)
        forget_plans(w);
    w->plans = cp_xgrow(w->plans, w->n_plans, &w->cap_plans, sizeof *w->plans);
    return w->last = w->plans[w->n_plans++] = plan_new(shape, &w->heap);
}

int cp_json_encode_open(void *writer, struct cp_heap *heap, struct cp_err *err)
{
    (void)heap;
    (void)err;
    *(struct cp_json_writer *)writer = (struct cp_json_writer){0};
    return 0;
}

void cp_json_encode_close(void *writer)
{
    struct cp_json_writer *w = writer;

    forget_plans(w);
    free(w->plans);
    free(w->members);
    if (w->overlay)
        cp_overlay_release(w->overlay);
    free(w->overlay);
    *w = (struct cp_json_writer){0};
}

/* ---- Fields ---- */

/* `,"name":` or, for the first member, without the comma. */
static inline void put_plan_key(struct cp_out *o, struct cp_slice key, bool is_first)
{
    const char *p = key.p + is_first;
    size_t n = key.n - is_first;

    if (__builtin_expect(n > 32, 0)) {
        cp_out_put(o, p, n);
        return;
    }
    memcpy(cp_out_room(o, n), p, 32);
    o->p += n;
}

static inline void put_field(struct cp_out *o, struct cp_slice key, const struct cp_value *v,
                             bool *is_first)
{
    put_plan_key(o, key, *is_first);
    *is_first = false;
    cp_json_put(o, v);
}

/* The value that field f of record i has in its column; NULL when it is not to be written from
 * there. */
static const struct cp_value *column_value(const struct cp_shape_field *f, const struct cp_batch *b,
                                           uint32_t i)
{
    if (f->slot < 0)
        return NULL;
    const struct cp_value *v = &b->col[f->slot][i];
    return v->kind == CP_MISSING ? NULL : v;
}

/* The last member of record i's own bytes under a key. */
static struct cp_value own_member(const struct cp_shape *shape, const struct cp_batch *b,
                                  uint32_t i, struct cp_slice key)
{
    struct cp_value found = {.kind = CP_MISSING};
    struct cp_walk w;

    if (!shape->format || !shape->format->walk || !b->block)
        return found;
    cp_walk_record(shape, shape->format, b, i, &w);
    while (cp_walk_next(shape->format, &w))
        if (cp_json_key_is(w.key, w.key_escape == CP_ESC_JSON, key))
            found = w.value;
    return found;
}

static void put_closed(const struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                       struct cp_out *o)
{
    bool is_first = true;

    cp_out_byte(o, '{');
    for (size_t k = 0; k < plan->n; k++) {
        const struct cp_shape_field *f = plan->fields[k].field;
        const struct cp_value *v = column_value(f, b, i);
        struct cp_value own;
        if (!f->name.p)
            continue;
        if (f->slot < 0 && f->key.p) {
            own = own_member(plan->shape, b, i, f->key);
            v = own.kind == CP_MISSING ? NULL : &own;
        }
        if (v)
            put_field(o, plan->fields[k].key, v, &is_first);
    }
    cp_out_byte(o, '}');
}

/* ---- Edits ---- */

/* Whether a member that field k is about leaves. */
static bool is_kept(const struct cp_json_plan *plan, size_t k, const struct cp_batch *b, uint32_t i)
{
    const struct cp_shape_field *f = plan->fields[k].field;

    return f->name.p && (f->slot < 0 || b->col[f->slot][i].kind != CP_MISSING);
}

/* The fields that take no member's place: new ones, and those whose member this record does not
 * have. */
static void put_appended(const struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                         bool *is_first, struct cp_out *o)
{
    for (size_t k = 0; k < plan->n; k++) {
        const struct cp_shape_field *f = plan->fields[k].field;
        const struct cp_value *v = column_value(f, b, i);
        if (f->name.p && v && (!f->key.p || plan->last[k] == NONE))
            put_field(o, plan->fields[k].key, v, is_first);
    }
}

static void begin_edits(struct cp_json_plan *plan)
{
    for (size_t k = 0; k < plan->n; k++)
        plan->last[k] = NONE;
}

/* Lists the members of an object and notes for each edit the last one. */
static size_t list_members(struct cp_json_writer *w, struct cp_json_plan *plan,
                           const struct cp_batch *b, uint32_t i, const struct cp_value *object)
{
    struct cp_json_iter it;
    size_t n = 0;

    begin_edits(plan);
    cp_json_iter_init(&it, object);
    while (cp_json_iter_next(&it)) {
        if (n == w->cap_members)
            w->members = cp_xgrow(w->members, n, &w->cap_members, sizeof *w->members);
        struct cp_json_member *m = &w->members[n];
        *m = (struct cp_json_member){.key_at = it.key_at,
                                     .key_end = it.key.p + it.key.n + 1,
                                     .value_at = it.value_at,
                                     .value_end = it.value_end,
                                     .edit = find_edit(plan, it.key, it.key_is_escaped)};
        if (m->edit != NONE) {
            m->edit = cp_shape_stand_in(plan->shape, m->edit, b, i);
            struct cp_slice name = plan->fields[m->edit].field->name;
            m->is_renamed = name.p && !cp_json_key_is(it.key, it.key_is_escaped, name);
            plan->last[m->edit] = n;
        }
        n++;
    }
    return n;
}

static void put_between(struct cp_out *o, const char **from, const char *to)
{
    cp_out_put(o, *from, (size_t)(to - *from));
    *from = to;
}

/* A member that stays, with the edit that is about it. *from is how far the record has been copied.
 */
static void put_edited(const struct cp_json_plan *plan, const struct cp_json_member *m,
                       const struct cp_batch *b, uint32_t i, const char **from, struct cp_out *o)
{
    const struct plan_field *p = &plan->fields[m->edit];
    const struct cp_value *v = column_value(p->field, b, i);

    if (m->is_renamed) {
        put_between(o, from, m->key_at);
        cp_out_put(o, p->key.p + 1, p->key.n - 2);
        *from = m->key_end;
    }
    if (v) {
        put_between(o, from, m->value_at);
        cp_json_put(o, v);
        *from = m->value_end;
    }
}

/* Rule 17. A member that goes takes the comma before it along, or, when none is left before it, all
 * up to the next key. */
static void put_spliced(struct cp_json_writer *w, struct cp_json_plan *plan,
                        const struct cp_batch *b, uint32_t i, const struct cp_value *object,
                        struct cp_slice raw, struct cp_out *o)
{
    size_t n = list_members(w, plan, b, i, object);
    const char *from = raw.p;
    bool is_first = true;

    for (size_t k = 0; k < n; k++) {
        const struct cp_json_member *m = &w->members[k];
        if (m->edit == NONE || (plan->last[m->edit] == k && is_kept(plan, m->edit, b, i))) {
            is_first = false;
            if (m->edit != NONE)
                put_edited(plan, m, b, i, &from, o);
        } else if (is_first) {
            put_between(o, &from, m->key_at);
            from = k + 1 < n ? m[1].key_at : m->value_end;
        } else {
            put_between(o, &from, m[-1].value_end);
            from = m->value_end;
        }
    }
    put_between(o, &from, n > 0 ? w->members[n - 1].value_end : object->p + 1);
    put_appended(plan, b, i, &is_first, o);
    put_between(o, &from, raw.p + raw.n);
}

/* Remembers a key that is short and written as it is: bytes that are no UTF-8 must be counted each
 * time. False: it is another one. */
static bool learn_key(struct known_key *known, const struct cp_walk *w, size_t edit)
{
    char text[6 * KNOWN_KEY + 4];
    size_t n = w->key.n;

    if (w->key_escape != CP_PLAIN || n == 0 || n > KNOWN_KEY || put_key(text, w->key) != n + 4)
        return false;
    known->n = (uint8_t)n;
    known->edit = edit;
    memcpy(known->text, text, n + 4);
    return true;
}

/* The bits in which the first 8 or 4 bytes differ. */
static inline uint64_t differ8(const char *a, const char *b)
{
    uint64_t x, y;

    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return x ^ y;
}

static inline uint32_t differ4(const char *a, const char *b)
{
    uint32_t x, y;

    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return x ^ y;
}

/* Whether it is the same key, which need not be padded: its ends are compared, they overlap. */
static inline bool is_known(const struct known_key *known, struct cp_slice key)
{
    const char *a = known->text + 2, *b = key.p;
    size_t n = key.n;

    if (known->n != n || n == 0)
        return false;
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8)
        return (differ8(a, b) | differ8(a + n - 8, b + n - 8)) == 0;
    if (n >= 4)
        return (differ4(a, b) | differ4(a + n - 4, b + n - 4)) == 0;
    return a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1];
}

/* A member that a field is about. One whose key came before has been written at its first place. */
static void put_edit(struct cp_json_plan *plan, size_t k, const struct cp_value *own,
                     const struct cp_batch *b, uint32_t i, bool *is_first, struct cp_out *o)
{
    k = cp_shape_stand_in(plan->shape, k, b, i);
    const struct cp_value *v = column_value(plan->fields[k].field, b, i);
    bool is_again = plan->last[k] != NONE;

    plan->last[k] = 0;
    if (!is_again && is_kept(plan, k, b, i))
        put_field(o, plan->fields[k].key, v ? v : own, is_first);
}

static inline void put_known_key(struct cp_out *o, const struct known_key *known, bool is_first)
{
    put_plan_key(o, (struct cp_slice){known->text, known->n + 4u}, is_first);
}

/* A key that cannot be remembered. */
static void put_other_key(struct cp_out *o, struct cp_slice key, enum cp_escape escape,
                          bool is_first)
{
    if (!is_first)
        cp_out_byte(o, ',');
    cp_json_put_key(o, key, escape);
    cp_out_byte(o, ':');
}

/* One member of other bytes than JSON, whatever its key; what is known of the place is learnt. */
static void put_walked(struct cp_json_plan *plan, const struct cp_walk *w, struct known_key *known,
                       const struct cp_batch *b, uint32_t i, bool *is_first, struct cp_out *o)
{
    size_t edit = find_edit(plan, w->key, w->key_escape == CP_ESC_JSON);
    bool is_learnt = learn_key(known, w, edit);

    if (edit != NONE) {
        put_edit(plan, edit, &w->value, b, i, is_first, o);
        return;
    }
    if (is_learnt)
        put_known_key(o, known, *is_first);
    else
        put_other_key(o, w->key, w->key_escape, *is_first);
    *is_first = false;
    cp_json_put(o, &w->value);
}

static void put_walk(struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                     struct cp_out *o)
{
    const struct cp_format *format = plan->shape->format;
    bool is_first = true;
    struct cp_walk w;

    begin_edits(plan);
    cp_out_byte(o, '{');
    cp_walk_record(plan->shape, format, b, i, &w);
    for (size_t member = 0; cp_walk_next(format, &w); member++) {
        struct known_key *known = &plan->known[member % KNOWN_KEYS];
        if (w.key_escape != CP_PLAIN || !is_known(known, w.key)) {
            put_walked(plan, &w, known, b, i, &is_first, o);
        } else if (known->edit != NONE) {
            put_edit(plan, known->edit, &w.value, b, i, &is_first, o);
        } else {
            put_known_key(o, known, is_first);
            is_first = false;
            cp_json_put(o, &w.value);
        }
    }
    put_appended(plan, b, i, &is_first, o);
    cp_out_byte(o, '}');
}

static void put_line(struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                     struct cp_out *o)
{
    struct cp_slice raw = cp_batch_raw(b, i);
    static const char key[4 + CP_PAD] = "line";
    struct cp_walk w = {.key = {key, 4}, .value = cp_text(raw.p, raw.n)};
    bool is_first = true;

    begin_edits(plan);
    cp_out_byte(o, '{');
    put_walked(plan, &w, &plan->known[0], b, i, &is_first, o);
    put_appended(plan, b, i, &is_first, o);
    cp_out_byte(o, '}');
}

/* The bytes of a found value, quotes and all. */
static const char *value_start(const struct cp_value *v)
{
    return v->p - (v->kind == CP_TEXT);
}

static const char *value_end(const struct cp_value *v)
{
    return v->p + v->len + (v->kind == CP_TEXT);
}

/* Finds what the fields are about. True when all that has to be done is to replace values: then
 * plan->order[0..*n) are the fields with a member, in the order of the bytes. */
static bool find_replaced(struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                          struct cp_slice raw, size_t *n)
{
    size_t at;

    *n = 0;
    for (size_t k = 0; k < plan->n; k++)
        plan->found[k] = (struct cp_value){.kind = CP_MISSING};
    if (cp_json_scan(plan->scanner, raw.p, raw.n, &at))
        return false;
    for (size_t k = 0; k < plan->n; k++) {
        const struct cp_shape_field *f = plan->fields[k].field;
        plan->last[k] = NONE;
        if (plan->found[k].kind == CP_MISSING)
            continue;
        if (!is_kept(plan, k, b, i) || !cp_slice_equal(f->name, f->key))
            return false;
        plan->last[k] = 0;
        size_t place = (*n)++;
        for (; place > 0 && plan->found[plan->order[place - 1]].p > plan->found[k].p; place--)
            plan->order[place] = plan->order[place - 1];
        plan->order[place] = k;
    }
    return plan->scanner->n_found == *n;
}

/* The usual edits: no member goes, none is renamed, no key is repeated. False: it is not so, or
 * there is no member. */
static bool put_replaced(struct cp_json_plan *plan, const struct cp_batch *b, uint32_t i,
                         const struct cp_value *object, struct cp_slice raw, struct cp_out *o)
{
    const char *from = raw.p, *last = object->p + object->len - 1;
    bool is_first = false;
    size_t n;

    while (cp_json_is_blank(last[-1]))
        last--;
    if (last[-1] == '{' || !find_replaced(plan, b, i, cp_batch_raw(b, i), &n))
        return false;
    for (size_t k = 0; k < n; k++) {
        const struct cp_value *old = &plan->found[plan->order[k]];
        const struct cp_value *v = column_value(plan->fields[plan->order[k]].field, b, i);
        if (!v)
            continue;
        put_between(o, &from, value_start(old));
        cp_json_put(o, v);
        from = value_end(old);
    }
    put_between(o, &from, last);
    put_appended(plan, b, i, &is_first, o);
    put_between(o, &from, raw.p + raw.n);
    return true;
}

/* The bytes of record i as an object, without blanks around it; false: they are another value. */
static bool raw_object(const struct cp_batch *b, uint32_t i, struct cp_value *object)
{
    struct cp_slice raw = cp_batch_raw(b, i);
    const char *p = cp_json_skip_blanks(raw.p, raw.p + raw.n), *end = raw.p + raw.n;

    while (end > p && cp_json_is_blank(end[-1]))
        end--;
    *object = cp_span(CP_OBJECT, p, (size_t)(end - p));
    return p < end && *p == '{';
}

static void put_splice(struct cp_json_writer *w, struct cp_json_plan *plan,
                       const struct cp_batch *b, uint32_t i, struct cp_out *o)
{
    struct cp_value object;

    if (!raw_object(b, i, &object)) { /* the field `value` of an object that is made now */
        put_walk(plan, b, i, o);
        return;
    }
    if (!put_replaced(plan, b, i, &object, cp_record_own(b, i), o))
        put_spliced(w, plan, b, i, &object, cp_record_own(b, i), o);
}

static bool has_failed(const struct cp_shape *shape, const struct cp_batch *b, uint32_t i)
{
    return shape->failed_slot >= 0 && b->col[shape->failed_slot][i].kind != CP_MISSING;
}

/* ---- Layers ---- */

static void put_listed(const struct cp_overlay_member *m, bool *is_first, struct cp_out *o)
{
    if (!*is_first)
        cp_out_byte(o, ',');
    *is_first = false;
    cp_json_put_key(o, m->name, CP_PLAIN);
    cp_out_byte(o, ':');
    cp_json_put(o, &m->value);
}

/* The next member of the list from *at on, or NULL. */
static const struct cp_overlay_member *next_listed(const struct cp_overlay *l, size_t *at)
{
    while (*at < l->n && l->v[*at].is_gone)
        ++*at;
    return *at < l->n ? &l->v[*at] : NULL;
}

static void put_list(const struct cp_overlay *l, size_t at, bool *is_first, struct cp_out *o)
{
    const struct cp_overlay_member *m;

    for (; (m = next_listed(l, &at)) != NULL; at++)
        put_listed(m, is_first, o);
}

/* A raw member that stays, with what was done to it. */
static void put_kept(const struct cp_json_iter *it, const struct cp_overlay_member *m,
                     const char **from, struct cp_out *o)
{
    if (m->is_renamed) {
        put_between(o, from, it->key_at);
        cp_json_put_key(o, m->name, CP_PLAIN);
        *from = it->key.p + it->key.n + 1;
    }
    if (m->is_changed) {
        put_between(o, from, it->value_at);
        cp_json_put(o, &m->value);
        *from = it->value_end;
    }
}

/* The record's own bytes with the changes that the list shows (rule 17, as put_spliced). */
static void splice_list(const struct cp_overlay *l, const struct cp_value *object,
                        struct cp_slice raw, struct cp_out *o)
{
    const char *from = raw.p, *before = object->p + 1;
    struct cp_json_iter it, ahead;
    bool is_first = true;
    size_t at = 0;

    cp_json_iter_init(&it, object);
    for (; cp_json_iter_next(&it); before = it.value_end) {
        const struct cp_overlay_member *m = next_listed(l, &at);
        if (m && m->key_at == it.key_at) {
            is_first = false;
            put_kept(&it, m, &from, o);
            at++;
        } else if (is_first) {
            ahead = it;
            put_between(o, &from, it.key_at);
            from = cp_json_iter_next(&ahead) ? ahead.key_at : it.value_end;
        } else {
            put_between(o, &from, before);
            from = it.value_end;
        }
    }
    put_between(o, &from, before);
    put_list(l, at, &is_first, o);
    put_between(o, &from, raw.p + raw.n);
}

static void put_layered(struct cp_json_writer *w, const struct cp_shape *shape,
                        const struct cp_batch *b, uint32_t i, struct cp_out *o)
{
    const struct cp_shape *base = cp_shape_for(cp_shape_base(shape), b->input);
    bool is_first = true;
    struct cp_value object;

    if (!w->overlay) {
        w->overlay = cp_xmalloc(sizeof *w->overlay);
        cp_overlay_init(w->overlay);
    }
    cp_overlay_fill(w->overlay, b, shape, i);
    if (base->format == &cp_format_json && base->is_open && !has_failed(base, b, i) &&
        raw_object(b, i, &object)) {
        splice_list(w->overlay, &object, cp_record_own(b, i), o);
        return;
    }
    cp_out_byte(o, '{');
    put_list(w->overlay, 0, &is_first, o);
    cp_out_byte(o, '}');
}

/* ---- Records ---- */

/* A record whose bytes are none of its format: its line, and why. */
static void put_failed(const struct cp_shape *shape, const struct cp_batch *b, uint32_t i,
                       struct cp_out *o)
{
    struct cp_value line = {.kind = CP_MISSING};

    if (shape->line_slot >= 0)
        line = b->col[shape->line_slot][i];
    cp_out_byte(o, '{');
    if (line.kind != CP_MISSING) {
        cp_out_puts(o, CP_SLICE("\"line\":"));
        cp_json_put(o, &line);
        cp_out_byte(o, ',');
    }
    cp_out_puts(o, CP_SLICE("\"_error\":"));
    cp_json_put(o, &b->col[shape->failed_slot][i]);
    cp_out_byte(o, '}');
}

static void put_record(struct cp_json_writer *w, struct cp_json_plan *plan,
                       const struct cp_batch *b, uint32_t i, struct cp_out *o)
{
    if (__builtin_expect(has_failed(plan->shape, b, i), 0)) {
        put_failed(plan->shape, b, i, o);
        return;
    }
    switch (plan->way) {
    case OWN_BYTES:
        cp_out_puts(o, cp_record_own(b, i));
        return;
    case SPLICE:
        put_splice(w, plan, b, i, o);
        return;
    case CLOSED:
        put_closed(plan, b, i, o);
        return;
    case WALK:
        put_walk(plan, b, i, o);
        return;
    case LINE:
        put_line(plan, b, i, o);
        return;
    case LAYERED:
        put_layered(w, plan->shape, b, i, o);
        return;
    }
}

void cp_json_put_record(struct cp_json_writer *w, const struct cp_batch *b, uint32_t i,
                        struct cp_out *out)
{
    put_record(w, plan_for(w, b->shape), b, i, out);
}

/* Copies the records of sel[0..n) that stand one behind the other in the block, newlines and all;
 * returns how many. At least one. */
static size_t put_run(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_out *o)
{
    struct cp_slice own = cp_record_own(b, sel[0]);
    const char *start = own.p, *end = own.p + own.n;
    size_t k = 1;

    for (; k < n && *end == '\n' && (const char *)b->block->data + b->rec[sel[k]].off == end + 1;
         k++) {
        own = cp_record_own(b, sel[k]);
        end = own.p + own.n;
    }
    cp_out_put(o, start, (size_t)(end - start));
    cp_out_byte(o, '\n');
    return k;
}

const char *cp_json_encode(void *writer, const struct cp_batch *b, const uint16_t *sel, size_t n,
                           struct cp_out *out, size_t *done)
{
    struct cp_json_writer *w = writer;
    struct cp_json_plan *plan = plan_for(w, b->shape);
    size_t k = 0;

    *done = n;
    if (plan->way == OWN_BYTES && plan->shape->failed_slot < 0)
        while (k < n)
            k += put_run(b, sel + k, n - k, out);
    for (; k < n; k++) {
        put_record(w, plan, b, sel[k], out);
        cp_out_byte(out, '\n');
    }
    return NULL;
}
