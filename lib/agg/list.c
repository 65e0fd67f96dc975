/* list.c: values one behind the other, as JSON, each with its position, so that lists can be
 * merged. */
#include "list.h"

#include <stdlib.h>

#include "../format/json.h"

enum { FIRST_BYTES = 64 };

struct item {
    uint64_t position;
    uint32_t len, spare;
};

static struct item item_at(const char *p)
{
    struct item it;
    memcpy(&it, p, sizeof it);
    return it;
}

static bool make_room(struct cp_agg_env *env, struct list *l, size_t n)
{
    size_t need = l->used + n, cap = l->cap ? l->cap : FIRST_BYTES;
    while (cap < need)
        cap *= 2;
    char *p = cap == l->cap ? l->p : cp_store_grow(env->store, l->p, l->cap, cap);
    if (!p) {
        env->lost++;
        return false;
    }
    l->p = p;
    l->cap = cap;
    return true;
}

static void note_added(struct list *l, uint64_t position, size_t bytes)
{
    l->is_mixed |= l->n > 0 && position < l->last;
    l->last = position;
    l->used += bytes;
    l->n++;
}

void list_add(struct cp_agg_env *env, struct list *l, const struct cp_value *v, uint64_t position)
{
    struct item it = {.position = position, .len = (uint32_t)cp_json_format(v, NULL, 0)};

    if (!make_room(env, l, sizeof it + it.len))
        return;
    memcpy(l->p + l->used, &it, sizeof it);
    cp_json_format(v, l->p + l->used + sizeof it, it.len);
    note_added(l, position, sizeof it + it.len);
}

void list_merge(struct cp_agg_env *env, struct list *l, const struct list *other)
{
    for (size_t at = 0; at < other->used;) {
        struct item it = item_at(other->p + at);
        size_t n = sizeof it + it.len;
        if (make_room(env, l, n)) {
            memcpy(l->p + l->used, other->p + at, n);
            note_added(l, it.position, n);
        }
        at += n;
    }
}

static int compare_items(const void *a, const void *b)
{
    struct item x = item_at(*(char *const *)a), y = item_at(*(char *const *)b);
    return (x.position > y.position) - (x.position < y.position);
}

/* The items in order; a piece of the store. */
static char **in_order(struct cp_agg_env *env, const struct list *l)
{
    char **v = cp_store_piece(env->store, (l->n + 1) * sizeof *v), *p = l->p;

    if (!v)
        return NULL;
    for (size_t i = 0; i < l->n; i++) {
        v[i] = p;
        p += sizeof(struct item) + item_at(p).len;
    }
    if (l->is_mixed)
        qsort(v, l->n, sizeof *v, compare_items);
    return v;
}

struct cp_value list_text(struct cp_agg_env *env, struct list *l)
{
    size_t bytes = l->used - l->n * sizeof(struct item) + l->n + 2, at = 0;
    char **v, *p;

    if (l->text.kind != CP_MISSING)
        return l->text;
    if (!(v = in_order(env, l)) || !(p = cp_store_piece(env->store, bytes))) {
        env->lost += l->n;
        return cp_null();
    }
    p[at++] = '[';
    for (size_t i = 0; i < l->n; i++) {
        struct item it = item_at(v[i]);
        memcpy(p + at, v[i] + sizeof it, it.len);
        at += it.len;
        p[at++] = ',';
    }
    at -= l->n > 0;
    p[at++] = ']';
    cp_store_give(env->store, v, (l->n + 1) * sizeof *v);
    return l->text = cp_span(CP_LIST, p, at);
}
