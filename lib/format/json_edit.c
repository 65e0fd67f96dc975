/* json_edit.c: a changed copy of an object, every other byte as it was. */
#include <assert.h>

#include "../base/arena.h"
#include "json.h"
#include "json_scan.h"

const char cp_json_full[] = "out of memory for texts";

/* Writes into an arena; after the first lack of room nothing more. */
struct editor {
    struct cp_arena *arena;
    char *start; /* of the copy */
};

static void put(struct editor *e, const char *p, size_t n)
{
    char *at = cp_arena_take(e->arena, n);

    if (at && n > 0)
        memcpy(at, p, n);
}

static void put_value(struct editor *e, const struct cp_value *v)
{
    size_t left = e->arena->cap - e->arena->used;
    size_t n = cp_json_format(v, e->arena->base + e->arena->used, left);

    cp_arena_take(e->arena, n);
}

static void put_key(struct editor *e, struct cp_slice name)
{
    size_t left = e->arena->cap - e->arena->used;

    cp_arena_take(e->arena, cp_json_format_key(name, e->arena->base + e->arena->used, left));
    put(e, ":", 1);
}

/* `value`, wrapped in an object for every step that is left. */
static void put_nested(struct editor *e, const struct cp_step *steps, size_t n,
                       const struct cp_value *value)
{
    for (size_t k = 0; k < n; k++) {
        put(e, "{", 1);
        put_key(e, steps[k].name);
    }
    put_value(e, value);
    for (size_t k = 0; k < n; k++)
        put(e, "}", 1);
}

/* What is known of the member that a step names. */
struct place {
    const char *value_at;    /* of the last one of that name or index; NULL: there is none */
    const char *members_end; /* behind the last member, or behind the opening bracket */
    size_t members;
};

static bool is_named(const struct cp_json_iter *it, const struct cp_step *step, int64_t number,
                     int64_t total)
{
    if (step->name.p)
        return it->is_object && cp_json_key_is(it->key, it->key_is_escaped, step->name);
    return !it->is_object && number == (step->index < 0 ? total + step->index : step->index);
}

static size_t count_members(const struct cp_value *v)
{
    struct cp_json_iter it;
    size_t n = 0;

    cp_json_iter_init(&it, v);
    while (cp_json_iter_next(&it))
        n++;
    return n;
}

static struct place find_place(const struct cp_value *v, const struct cp_step *step)
{
    struct place f = {.members_end = v->p + 1};
    int64_t total = step->name.p ? 0 : (int64_t)count_members(v);
    struct cp_json_iter it;

    for (cp_json_iter_init(&it, v); cp_json_iter_next(&it); f.members++) {
        if (is_named(&it, step, (int64_t)f.members, total))
            f.value_at = it.value_at;
        f.members_end = it.value_end;
    }
    return f;
}

static const char *edit(struct editor *e, const struct cp_value *v, const struct cp_step *steps,
                        size_t n, const struct cp_value *value);

/* Copies v without the members of a name: all of them, or all but the last. What is at the last
 * one's value when it stays is written by `edit` for the rest of the path. */
static const char *edit_member(struct editor *e, const struct cp_value *v,
                               const struct cp_step *steps, size_t n, const struct cp_value *value,
                               const struct place *f)
{
    bool removes_all = !value && n == 1, removes_others = n == 1;
    bool has_kept = false;
    const char *from = v->p, *before = NULL, *why = NULL;
    struct cp_json_iter it, ahead;

    cp_json_iter_init(&it, v);
    while (!why && cp_json_iter_next(&it)) {
        bool is_last = it.value_at == f->value_at;
        bool is_it =
            is_last || (it.is_object && cp_json_key_is(it.key, it.key_is_escaped, steps[0].name));
        if (is_it && (removes_all || (removes_others && !is_last))) {
            ahead = it;
            if (has_kept) {
                put(e, from, (size_t)(before - from));
                from = it.value_end;
            } else {
                put(e, from, (size_t)(it.key_at - from));
                from = cp_json_iter_next(&ahead) ? ahead.key_at : it.value_end;
            }
        } else {
            has_kept = true;
            if (is_last) {
                put(e, from, (size_t)(it.value_at - from));
                why = edit(e, &it.value, steps + 1, n - 1, value);
                from = it.value_end;
            }
        }
        before = it.value_end;
    }
    put(e, from, (size_t)(v->p + v->len - from));
    return why;
}

/* Adds a member behind the last one. */
static const char *append_member(struct editor *e, const struct cp_value *v,
                                 const struct cp_step *steps, size_t n,
                                 const struct cp_value *value, const struct place *f)
{
    put(e, v->p, (size_t)(f->members_end - v->p));
    if (f->members > 0)
        put(e, ",", 1);
    put_key(e, steps[0].name);
    put_nested(e, steps + 1, n - 1, value);
    put(e, f->members_end, (size_t)(v->p + v->len - f->members_end));
    return NULL;
}

static bool have_names(const struct cp_step *steps, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (!steps[k].name.p)
            return false;
    return true;
}

/* Writes v as it is after the edit. */
static const char *edit(struct editor *e, const struct cp_value *v, const struct cp_step *steps,
                        size_t n, const struct cp_value *value)
{
    if (n == 0) {
        put_value(e, value);
        return NULL;
    }
    bool fits = v->kind == (steps[0].name.p ? CP_OBJECT : CP_LIST);
    struct place f = {0};
    if (fits) {
        f = find_place(v, &steps[0]);
        if (f.value_at)
            return edit_member(e, v, steps, n, value, &f);
    }
    if (!value) { /* nothing to remove */
        put_value(e, v);
        return NULL;
    }
    if (!have_names(steps, n))
        return "no such item in the list";
    if (fits)
        return append_member(e, v, steps, n, value, &f);
    if (!cp_is_null(v))
        return "the path leads through a value that is no object";
    put_nested(e, steps, n, value);
    return NULL;
}

const char *cp_json_edit(const struct cp_value *v, const struct cp_step *steps, size_t n,
                         const struct cp_value *value, struct cp_arena *a, struct cp_value *out)
{
    size_t mark = a->used;
    struct editor e = {.arena = a, .start = a->base + mark};
    struct cp_value is_null = cp_null();

    assert(n > 0);
    const char *why = edit(&e, v, steps, n, value && value->kind == CP_MISSING ? &is_null : value);
    if (a->full)
        why = cp_json_full;
    if (why) {
        bool full = a->full;
        cp_arena_reset(a, mark);
        a->full = full;
        return why;
    }
    *out = cp_span(CP_OBJECT, e.start, a->used - mark);
    if (e.start[0] != '{')
        out->kind = CP_LIST;
    return NULL;
}
