/* groups.h: from a key of one or more values to a group with a state: the table of aggregates, uniq
 * and dedupe.
 *
 * Two keys are the same when the texts of their values are (semantics 31): 1 and "1" together, 1
 * and 1.0 apart; null and missing are one, null and empty text are two. A group keeps the values as
 * spelled in its first record, and its groups are counted in the order of their first records.
 *
 * DESIGN. Open addressing with 8-byte slots: 32 bits of the hash and the number of the group. A
 * group is one row (hash, key, state, values) that never moves, so that output may point into it.
 * Records are looked up a block at a time: hash all, then fetch slots, rows and keys ahead of their
 * use, so that the waits for memory overlap. A key of one text is looked up where it lies; other
 * keys are composed in a scratch buffer. Storing each value's text apart was rejected: one
 * comparison of contiguous bytes is what a lookup should cost.
 *
 * Everything comes out of a store, the caller's. When that refuses, the table is closed: from then
 * on records with new keys belong to one group, `other`. While the table of slots grows the old one
 * is freed first: rows know their hashes.
 *
 * The hash is seeded per run; nothing that leaves depends on it. Not thread safe.
 */
#ifndef CP_DATA_GROUPS_H
#define CP_DATA_GROUPS_H

#include "../base/arena.h"
#include "batch.h"
#include "store.h"
#include "value.h"

enum { CP_MAX_KEY = 64 }; /* values of a key, at most */

struct cp_group {
    uint64_t hash;
    uint64_t first;  /* position of its first record */
    const char *key; /* NULL: a single null */
    uint32_t len;
    bool is_merged; /* its state was added to that of another table: it is no group any more */
    /* the state, zeroed at first; then `width` values */
};

struct cp_group_slot;

struct cp_groups {
    /* Constant after init. */
    size_t width, state, stride;
    struct cp_store *store;
    size_t limit; /* of store->used: no new groups beyond it */
    uint64_t seed;
    uint64_t hash_mask; /* all ones; tests make keys collide with it */

    uint32_t n;       /* groups, without other */
    bool is_closed;   /* no more of them */
    uint64_t n_other; /* records that belong to `other` */
    struct cp_group *null, *other;
    char **rows; /* by number, many in each */
    size_t cap_rows;
    struct cp_group_slot *slots;
    size_t mask;   /* number of slots - 1 */
    char *scratch; /* for keys that must be made */
    size_t cap_scratch;
};

/* A seed that nobody can guess. */
uint64_t cp_groups_seed(void);

/* width 0: one group without a key, which exists from the start. state: bytes, a multiple of 8.
 * limit: see above, at most store->max; what is between is left for the growth of states. The store
 * must hold cp_groups_least bytes and outlive the table. */
void cp_groups_init(struct cp_groups *g, struct cp_store *store, size_t width, size_t state,
                    size_t limit, uint64_t seed);
void cp_groups_release(struct cp_groups *g);
/* The smallest store that makes sense. */
size_t cp_groups_least(size_t width, size_t state);

/* The groups of records sel[0..n), in out[0..n); first: the position of record 0. cols: `width`
 * columns. New keys make new groups. */
void cp_groups_find(struct cp_groups *g, const struct cp_value *const *cols, const uint16_t *sel,
                    size_t n, uint64_t first, struct cp_group **out);

/* The group of record i, or NULL: none is made. */
struct cp_group *cp_groups_seek(struct cp_groups *g, const struct cp_value *const *cols,
                                uint32_t i);

/* Group number i < n; i == n: `other`, when it has any records. */
struct cp_group *cp_groups_at(const struct cp_groups *g, uint32_t i);
/* How many there are, with `other`. */
static inline uint32_t cp_groups_count(const struct cp_groups *g)
{
    return g->n + (g->n_other > 0);
}

static inline void *cp_group_state(struct cp_group *group)
{
    return group + 1;
}
static inline const struct cp_value *cp_group_values(const struct cp_groups *g,
                                                     const struct cp_group *group)
{
    return (const struct cp_value *)(const void *)((const char *)(group + 1) + g->state);
}

/* The group with the key of `group`, which belongs to another table of the same width, or NULL: for
 * merging what workers made. Not for `other`. */
struct cp_group *cp_groups_same(const struct cp_groups *g, const struct cp_group *group);

/* Memory beside the store: scratch for keys of texts of at most max_text bytes. */
size_t cp_groups_scratch(size_t width, size_t max_text);

#endif
