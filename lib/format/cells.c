/* cells.c: columns with names from a header. */
#include "cells.h"

#include <stdlib.h>

#include "../base/alloc.h"

const char cp_cells_no_header[] = "there is no header";
const char cp_cells_too_few[] = "fewer cells than the header has";
const char cp_cells_too_many[] = "more cells than the header has";

/* ---- Unique names ---- */

/* A set of names, by number: open addressing. */
struct names {
    struct cp_slice *v;
    uint32_t *table; /* number + 1; 0: free */
    size_t mask;
};

static size_t hash_name(struct cp_slice s)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t k = 0; k < s.n; k++)
        h = (h ^ (unsigned char)s.p[k]) * UINT64_C(0x100000001B3);
    return (size_t)(h ^ h >> 32);
}

/* The place of a name in the table: its own, or a free one. */
static uint32_t *find_name(const struct names *set, struct cp_slice name)
{
    size_t at = hash_name(name) & set->mask;

    while (set->table[at] != 0 && !cp_slice_equal(set->v[set->table[at] - 1], name))
        at = (at + 1) & set->mask;
    return &set->table[at];
}

/* The first of name_2, name_3 … that is free. `next` keeps where to go on, so that a header of
 * equal names stays linear. */
static uint32_t *find_free(const struct names *set, struct cp_slice *name, size_t *next,
                           struct cp_heap *heap)
{
    struct cp_slice base = *name;
    uint32_t *place;

    do {
        name->p = cp_heap_printf(heap, "%.*s_%zu", (int)base.n, base.p, (*next)++);
        name->n = strlen(name->p);
        place = find_name(set, *name);
    } while (*place != 0);
    return place;
}

static void make_unique(struct cp_slice *v, size_t n, struct cp_heap *heap)
{
    struct names set = {.v = v, .mask = 15};
    size_t *next = cp_xcalloc(n, sizeof(*next)); /* of the name that the column repeats */

    while (set.mask < 2 * n)
        set.mask = 2 * set.mask + 1;
    set.table = cp_xcalloc(set.mask + 1, sizeof(*set.table));
    for (size_t k = 0; k < n; k++) {
        if (v[k].n == 0) {
            v[k].p = cp_heap_printf(heap, "%zu", k + 1);
            v[k].n = strlen(v[k].p);
        }
        uint32_t *place = find_name(&set, v[k]);
        if (*place != 0) {
            size_t *counter = &next[*place - 1];
            *counter = *counter == 0 ? 2 : *counter;
            place = find_free(&set, &v[k], counter, heap);
        }
        *place = (uint32_t)k + 1;
    }
    free(set.table);
    free(next);
}

/* ---- Columns ---- */

static struct cp_columns_map *new_map(const struct cp_cells *c, const struct cp_slice *names,
                                      size_t n, struct cp_heap *heap)
{
    static const struct cp_wants none;
    struct cp_columns_map *map = cp_heap_take(heap, sizeof(*map));

    map->names = names;
    map->n = n;
    cp_fields_open(&map->fields, c->wants != NULL ? c->wants : &none, names, n, heap);
    return map;
}

int cp_cells_plan(struct cp_cells *c, struct cp_heap *heap, struct cp_slice **names, size_t *n)
{
    c->flags = cp_types_flags(c->types);
    if (c->header.n > 0) {
        *names = cp_heap_take(heap, c->header.n * sizeof(**names));
        memcpy(*names, c->header.v, c->header.n * sizeof(**names));
        *n = c->header.n;
        make_unique(*names, *n, heap);
        c->header.v = *names;
    }
    return 0;
}

int cp_cells_open(struct cp_cells *c, const struct cp_wants *wants, struct cp_heap *heap)
{
    c->wants = wants;
    if (c->header.n > 0)
        c->map = new_map(c, c->header.v, c->header.n, heap);
    return 0;
}

void cp_cells_set_header(const struct cp_cells *c, struct cp_input *input, struct cp_slice *names,
                         size_t n)
{
    make_unique(names, n, &input->heap);
    input->header = names;
    input->n_header = n;
    input->by_want = new_map(c, names, n, &input->heap);
}

struct cp_slice cp_cells_name(const struct cp_cells *c, const struct cp_input *input, size_t k)
{
    if (c != NULL && c->header.n > 0)
        return k < c->header.n ? c->header.v[k] : CP_SLICE("");
    return input != NULL && k < input->n_header ? input->header[k] : CP_SLICE("");
}
