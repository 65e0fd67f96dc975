/* list.c: values one behind the other, as JSON, each with its position, so that lists can be
 * merged. What was taken can be given: a list is finished in its own memory. */
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

/* What there is room for of n bytes of items. */
static void append(struct cp_agg_env *env, struct list *l, const char *p, size_t n)
{
    for (size_t at = 0, size; at < n; at += size) {
        struct item it = item_at(p + at);
        size = sizeof it + it.len;
        if (!make_room(env, l, size))
            continue;
        memcpy(l->p + l->used, p + at, size);
        note_added(l, it.position, size);
    }
}

/* Into memory of its own, by position. False: there is none. */
static bool interleave(struct cp_agg_env *env, struct list *l, const struct list *other)
{
    struct list both = {.last = l->last > other->last ? l->last : other->last};
    size_t a = 0, b = 0;

    both.cap = cp_store_piece_size(l->used + other->used);
    if (!(both.p = cp_store_piece(env->store, both.cap)))
        return false;
    while (a < l->used || b < other->used) {
        bool is_mine = b == other->used ||
                       (a < l->used && item_at(l->p + a).position < item_at(other->p + b).position);
        const char *from = is_mine ? l->p + a : other->p + b;
        size_t size = sizeof(struct item) + item_at(from).len;
        memcpy(both.p + both.used, from, size);
        both.used += size;
        *(is_mine ? &a : &b) += size;
    }
    both.n = l->n + other->n;
    cp_store_give(env->store, l->p, l->cap);
    *l = both;
    return true;
}

/* Lists that are in order stay so: then no memory is needed when they are finished. */
void list_merge(struct cp_agg_env *env, struct list *l, const struct list *other)
{
    bool is_behind = other->n == 0 || l->n == 0 || item_at(other->p).position > l->last;

    if (is_behind || l->is_mixed || other->is_mixed)
        append(env, l, other->p, other->used);
    else if (!interleave(env, l, other))
        env->lost += other->n;
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
    qsort(v, l->n, sizeof *v, compare_items);
    return v;
}

/* As one text in memory of its own, by position; NULL: there is none. */
static char *text_in_order(struct cp_agg_env *env, const struct list *l, size_t bytes)
{
    char **v = in_order(env, l), *p = v ? cp_store_piece(env->store, bytes) : NULL;
    size_t at = 0;

    for (size_t i = 0; p && i < l->n; i++) {
        struct item it = item_at(v[i]);
        p[at++] = i > 0 ? ',' : '[';
        memcpy(p + at, v[i] + sizeof it, it.len);
        at += it.len;
    }
    if (p)
        p[at] = ']';
    if (v)
        cp_store_give(env->store, v, (l->n + 1) * sizeof *v);
    return p;
}

/* As one text in the place of the items, whose heads are larger than a comma. */
static char *text_in_place(const struct list *l)
{
    size_t from = 0, to = 0;

    for (size_t i = 0; i < l->n; i++) {
        struct item it = item_at(l->p + from);
        l->p[to++] = i > 0 ? ',' : '[';
        memmove(l->p + to, l->p + from + sizeof it, it.len);
        to += it.len;
        from += sizeof it + it.len;
    }
    l->p[to] = ']';
    return l->p;
}

/* Where there is no memory to put them in order, which only workers without order need, they stay
 * as they came. */
struct cp_value list_text(struct cp_agg_env *env, struct list *l)
{
    static const char empty[2 + CP_PAD] = "[]";
    size_t bytes = l->used - l->n * sizeof(struct item) + l->n + 1;
    char *p = NULL;

    if (l->text.kind != CP_MISSING)
        return l->text;
    if (l->n == 0)
        return l->text = cp_span(CP_LIST, empty, 2);
    if (l->is_mixed)
        p = text_in_order(env, l, bytes);
    if (!p)
        p = text_in_place(l);
    return l->text = cp_span(CP_LIST, p, bytes);
}
