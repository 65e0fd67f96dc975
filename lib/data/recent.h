/* recent.h: keys that came of late, each with a state: for stages that remember keys without an end
 * to them.
 *
 * DESIGN. The keys lie in two tables of half the memory each. When the young one is full the old
 * one is given up and the young one becomes the old (semantics 35). A key found only in the old one
 * is taken over with its state, so that what comes often is not forgotten. A list of all keys in
 * the order of their last use would give up one key at a time, for 16 bytes more of each.
 *
 * Not thread safe.
 */
#ifndef CP_DATA_RECENT_H
#define CP_DATA_RECENT_H

#include "groups.h"

struct cp_recent_table {
    struct cp_store store;
    struct cp_groups keys;
};

struct cp_recent {
    /* Constant after init. */
    size_t width, state;
    size_t max_memory;

    struct cp_recent_table table[2];
    struct cp_recent_table *young, *old; /* old: empty at first */
    bool is_full;                        /* the young one */
    uint64_t looked_up;                  /* positions: each record that is looked up has its own */
    uint64_t given_up;                   /* keys */
};

/* As cp_groups_init; max_memory is at least cp_recent_least. */
void cp_recent_init(struct cp_recent *r, size_t width, size_t state, size_t max_memory);
/* A zeroed struct is allowed. */
void cp_recent_release(struct cp_recent *r);
size_t cp_recent_least(size_t width, size_t state);
/* Memory beside max_memory. */
size_t cp_recent_scratch(size_t width, size_t max_text);

/* The keys of records sel[0..n), in out: their states (cp_group_state) are zeroed where a key has
 * not come of late; NULL: a key that is not kept, for it is longer than an eighth of max_memory.
 * Returns how many were looked up, before the
 * table was full: the rest is for the next call. cols as for cp_groups_find. The states stay up to
 * that call. */
size_t cp_recent_find(struct cp_recent *r, const struct cp_value *const *cols, const uint16_t *sel,
                      size_t n, struct cp_group **out);

#endif
