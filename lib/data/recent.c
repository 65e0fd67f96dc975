/* recent.c: two tables of keys. */
#include "recent.h"

/* More than the number of any record of a batch. */
enum { POSITIONS = 65536 };

static void table_open(struct cp_recent *r, struct cp_recent_table *t)
{
    cp_store_init(&t->store, r->max_memory / 2);
    cp_groups_init(&t->keys, &t->store, r->width, r->state, r->max_memory / 2, cp_groups_seed());
}

static void table_close(struct cp_recent_table *t)
{
    cp_groups_release(&t->keys);
    cp_store_release(&t->store);
}

void cp_recent_init(struct cp_recent *r, size_t width, size_t state, size_t max_memory)
{
    *r = (struct cp_recent){.width = width, .state = state, .max_memory = max_memory};
    r->young = &r->table[0];
    r->old = &r->table[1];
    table_open(r, r->young);
}

void cp_recent_release(struct cp_recent *r)
{
    table_close(&r->table[0]);
    table_close(&r->table[1]);
}

size_t cp_recent_least(size_t width, size_t state)
{
    return 2 * cp_groups_least(width, state);
}

size_t cp_recent_scratch(size_t width, size_t max_text)
{
    return 2 * cp_groups_scratch(width, max_text);
}

static void give_up_old(struct cp_recent *r)
{
    struct cp_recent_table *t = r->old;

    r->given_up += t->keys.n;
    table_close(t);
    r->old = r->young;
    r->young = t;
    table_open(r, t);
    r->is_full = false;
}

/* The record that made the group: what the old table knows of the key is taken over. */
static void take_over(struct cp_recent *r, struct cp_group *group,
                      const struct cp_value *const *cols, uint32_t i)
{
    struct cp_group *known = cp_groups_seek(&r->old->keys, cols, i);

    if (known)
        memcpy(cp_group_state(group), cp_group_state(known), r->state);
}

/* An empty table has room for it for sure; one that is larger would make a table give up the others
 * for itself. */
static bool is_storable(const struct cp_recent *r, const struct cp_value *const *cols, uint32_t i)
{
    size_t bytes = 0;

    for (size_t c = 0; c < r->width; c++)
        bytes += cp_is_spelled(&cols[c][i]) ? cols[c][i].len : 0;
    return bytes <= r->max_memory / 8;
}

/* Records at the front whose keys a table can hold. */
static size_t count_storable(const struct cp_recent *r, const struct cp_value *const *cols,
                             const uint16_t *sel, size_t n)
{
    size_t k = 0;

    while (k < n && is_storable(r, cols, sel[k]))
        k++;
    return k;
}

size_t cp_recent_find(struct cp_recent *r, const struct cp_value *const *cols, const uint16_t *sel,
                      size_t n, struct cp_group **out)
{
    if (r->is_full)
        give_up_old(r);
    n = count_storable(r, cols, sel, n);
    if (n == 0) {
        out[0] = NULL;
        return 1;
    }
    struct cp_groups *keys = &r->young->keys;
    uint64_t first = r->looked_up += POSITIONS;

    cp_groups_find(keys, cols, sel, n, first, out);
    for (size_t k = 0; k < n; k++) {
        r->is_full = out[k] == keys->other;
        if (r->is_full && keys->n == 0) { /* not even that one, with hardly any memory */
            out[k] = NULL;
            return k + 1;
        }
        if (r->is_full)
            return k;
        if (out[k]->first == first + sel[k] && r->old->keys.n > 0)
            take_over(r, out[k], cols, sel[k]);
    }
    return n;
}
