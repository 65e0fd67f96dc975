/* place.c: changing a key, or what is inside an object. */
#include "place.h"

#include "../lib/expr/eval.h"
#include "../lib/format/json.h"

/* ---- Planning ---- */

static bool is_ours(const struct cp_path *path)
{
    static const char *const names[] = {"_raw", "_file", "_line", "_offset", "_time", "_error"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cp_slice_is(path->steps[0].name, names[i]))
            return true;
    return path->n > 1 &&
           (cp_slice_is(path->steps[0].name, "env") || cp_slice_is(path->steps[0].name, "var"));
}

/* The steps as one key, joined by dots. False: one of them is an index. */
static bool join_steps(struct cp_heap *heap, const struct cp_path *path, struct cp_slice *key)
{
    size_t n = 0;

    for (size_t k = 0; k < path->n; k++) {
        if (!path->steps[k].name.p)
            return false;
        n += path->steps[k].name.n + 1;
    }
    char *p = cp_heap_take(heap, n), *q = p;
    for (size_t k = 0; k < path->n; k++) {
        if (k > 0)
            *q++ = '.';
        memcpy(q, path->steps[k].name.p, path->steps[k].name.n);
        q += path->steps[k].name.n;
    }
    *key = (struct cp_slice){p, (size_t)(q - p)};
    return true;
}

/* Outside JSON a dotted name is a key like any other. */
static int choose_kind(struct cp_planner *p, struct place *place)
{
    const struct cp_path *path = place->path;
    bool is_key = join_steps(p->heap, path, &place->key);

    place->name = path->steps[0].name;
    place->is_nested = path->n > 1;
    if (path->n == 1 || p->scope->is_json)
        return 0;
    if (!is_key)
        return cp_diag_error(p->diags, place->pos, NULL,
                             "only JSON records have lists: %.*s cannot be changed",
                             (int)path->text.n, path->text.p);
    place->name = place->key;
    place->is_nested = false;
    return 0;
}

int place_parse(struct cp_planner *p, struct place *place)
{
    *place =
        (struct place){.pos = cp_lexer_pos(p->lexer), .slot = CP_NO_SLOT, .key_slot = CP_NO_SLOT};
    place->path = cp_path_parse(p->lexer);
    if (!place->path)
        return -1;
    if (!place->path->steps[0].name.p)
        return cp_diag_error(p->diags, place->pos, NULL, "a field begins with a name");
    if (!place->path->is_own && is_ours(place->path))
        return cp_diag_error(
            p->diags, place->pos, "with a dot before it, it is a field of the record",
            "%.*s cannot be changed", (int)place->path->text.n, place->path->text.p);
    return choose_kind(p, place);
}

static struct cp_ref read_key(struct cp_planner *p, struct cp_slice name, bool *exists)
{
    struct cp_path *path = cp_path_literal(p->heap, name);
    path->is_own = true;
    return cp_scope_read(p->scope, path, exists);
}

/* What a nested place reads: both before either is written. */
static void read_old(struct cp_planner *p, struct place *place)
{
    bool exists;

    place->old = read_key(p, place->name, &exists);
    place->old_key = read_key(p, place->key, &place->has_key);
    place->has_key = place->has_key && place->key.n > 0;
}

static void write_nested(struct cp_planner *p, struct place *place)
{
    read_old(p, place);
    place->slot = cp_scope_write(p->scope, place->name);
    if (place->has_key)
        place->key_slot = cp_scope_write(p->scope, place->key);
    cp_plan_makes_text(p);
}

void place_write(struct cp_planner *p, struct place *place)
{
    if (place->is_nested)
        write_nested(p, place);
    else
        place->slot = cp_scope_write(p->scope, place->name);
}

void place_plan_unset(struct cp_planner *p, struct place *place)
{
    write_nested(p, place);
}

void place_prepare(struct cp_stage *s)
{
    cp_stage_prepare(s, NULL);
}

/* ---- Working ---- */

static void copy_column(struct cp_value *to, const struct cp_value *from, const uint16_t *sel,
                        size_t n)
{
    for (size_t k = 0; from != to && k < n; k++)
        to[sel[k]] = from[sel[k]];
}

/* Copies the old values to the new columns; returns the new column of the object. */
static struct cp_value *start_nested(const struct place *place, struct cp_eval *ev,
                                     const uint16_t *sel, size_t n)
{
    struct cp_value **col = ev->batch->col;

    if (place->key_slot != CP_NO_SLOT)
        copy_column(col[place->key_slot],
                    cp_ref_eval(&place->old_key, ev, sel, n, col[place->key_slot]), sel, n);
    copy_column(col[place->slot], cp_ref_eval(&place->old, ev, sel, n, col[place->slot]), sel, n);
    return col[place->slot];
}

void place_leave(const struct place *place, struct cp_eval *ev, const uint16_t *sel, size_t n)
{
    start_nested(place, ev, sel, n);
}

/* The record's value of the path as a key, or NULL: it has no such key. */
static struct cp_value *own_key(const struct place *place, struct cp_eval *ev, uint16_t i)
{
    struct cp_value *v = place->key_slot != CP_NO_SLOT ? &ev->batch->col[place->key_slot][i] : NULL;
    return v && v->kind != CP_MISSING ? v : NULL;
}

static struct cp_value or_null(struct cp_value v)
{
    return v.kind == CP_MISSING ? cp_null() : v;
}

/* Sets or removes (value NULL) the rest of the path in an object. */
static enum cp_eval_status edit(const struct place *place, struct cp_eval *ev, uint16_t i,
                                struct cp_value *object, const struct cp_value *value)
{
    const char *why = cp_json_edit(object, place->path->steps + 1, place->path->n - 1, value,
                                   &ev->batch->arena, object);

    if (why == cp_json_full)
        return CP_EVAL_FULL;
    if (why)
        cp_eval_fail(ev, i, why);
    return CP_EVAL_OK;
}

static enum cp_eval_status set_nested(const struct place *place, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, const struct cp_value *values)
{
    struct cp_value *object = start_nested(place, ev, sel, n);

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        struct cp_value value = or_null(values[i]), *key = own_key(place, ev, i);
        if (key)
            *key = value;
        else if (edit(place, ev, i, &object[i], &value) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    }
    return CP_EVAL_OK;
}

enum cp_eval_status place_set(const struct place *place, struct cp_eval *ev, const uint16_t *sel,
                              size_t n, const struct cp_value *values)
{
    struct cp_value *to = ev->batch->col[place->slot];

    if (place->is_nested)
        return set_nested(place, ev, sel, n, values);
    for (size_t k = 0; k < n; k++)
        to[sel[k]] = or_null(values[sel[k]]);
    return CP_EVAL_OK;
}

/* Whether there is something to remove: else the object stays as it is, byte for byte. */
static bool leads_somewhere(const struct place *place, const struct cp_value *object)
{
    if (object->kind != CP_OBJECT && object->kind != CP_LIST)
        return false;
    return cp_json_get(object, place->path->steps + 1, place->path->n - 1).kind != CP_MISSING;
}

enum cp_eval_status place_unset(const struct place *place, struct cp_eval *ev, const uint16_t *sel,
                                size_t n)
{
    struct cp_value *object = start_nested(place, ev, sel, n);

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        struct cp_value *key = own_key(place, ev, i);
        if (key)
            *key = (struct cp_value){.kind = CP_MISSING};
        else if (leads_somewhere(place, &object[i]) &&
                 edit(place, ev, i, &object[i], NULL) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    }
    return CP_EVAL_OK;
}
