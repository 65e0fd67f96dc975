/* groups.c: the hash table of keys. */
#include "groups.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../base/alloc.h"

enum {
    BLOCK = 128, /* records looked up together */
    ROWS = 128,  /* of one piece */
    FIRST_SLOTS = 256,
    NO_GROUP = UINT32_MAX,  /* an empty slot */
    NULL_PART = UINT32_MAX, /* length of a null in a composed key */
    FIRST_SCRATCH = 4096,
};

struct cp_group_slot {
    uint32_t tag, number;
};

struct key {
    const char *p; /* NULL: null */
    uint32_t len;
};

/* What is known of the records of a block. */
struct block {
    struct key key[BLOCK];
    uint64_t hash[BLOCK];
    struct cp_group *guess[BLOCK];
};

/* ---- Rows ---- */

uint64_t cp_groups_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)time(NULL) * 0x9E3779B97F4A7C15u ^ (uintptr_t)&seed;
    return seed;
}

struct cp_group *cp_groups_at(const struct cp_groups *g, uint32_t i)
{
    if (i >= g->n)
        return g->other;
    return (struct cp_group *)(void *)(g->rows[i / ROWS] + i % ROWS * g->stride);
}

static struct cp_value *values_of(const struct cp_groups *g, struct cp_group *group)
{
    return (struct cp_value *)(void *)((char *)(group + 1) + g->state);
}

/* The list of pieces of rows is small; its old copy is counted until the new one stands. */
static bool grow_rows(struct cp_groups *g)
{
    size_t cap = g->cap_rows ? 2 * g->cap_rows : 8;
    if (!cp_store_reserve(g->store, cap * sizeof *g->rows))
        return false;
    g->rows = cp_xrealloc(g->rows, cap, sizeof *g->rows);
    cp_store_unreserve(g->store, g->cap_rows * sizeof *g->rows);
    g->cap_rows = cap;
    return true;
}

/* The row for group n; zeroed. NULL: refused. It counts only when g->n is raised. */
static struct cp_group *row_next(struct cp_groups *g)
{
    size_t piece = g->n / ROWS;
    if (g->n % ROWS == 0) {
        if (piece == g->cap_rows && !grow_rows(g))
            return NULL;
        if (!(g->rows[piece] = cp_store_take(g->store, ROWS * g->stride)))
            return NULL;
    }
    return (struct cp_group *)(void *)(g->rows[piece] + g->n % ROWS * g->stride);
}

/* ---- Slots ---- */

static void slot_put(struct cp_groups *g, uint64_t hash, uint32_t number)
{
    size_t at = hash & g->mask;
    while (g->slots[at].number != NO_GROUP)
        at = (at + 1) & g->mask;
    g->slots[at] = (struct cp_group_slot){(uint32_t)(hash >> 32), number};
}

static void slots_set(struct cp_groups *g, size_t n)
{
    free(g->slots);
    g->slots = cp_xmalloc(n * sizeof *g->slots);
    memset(g->slots, 0xFF, n * sizeof *g->slots);
    g->mask = n - 1;
    for (uint32_t i = 0; i < g->n; i++) {
        const struct cp_group *group = cp_groups_at(g, i);
        if (group->key)
            slot_put(g, group->hash, i);
    }
}

/* Room for one more: at 5/8 the table is doubled; where the store refuses that it may fill up to
 * 7/8. */
static bool slots_have_room(struct cp_groups *g)
{
    size_t slots = g->mask + 1;
    if (g->n + 1 <= slots / 8 * 5)
        return true;
    if (g->store->used + slots * sizeof *g->slots <= g->limit && g->mask < UINT32_MAX / 2) {
        g->store->used += slots * sizeof *g->slots;
        slots_set(g, 2 * slots);
        return true;
    }
    return g->n + 1 <= slots / 8 * 7;
}

/* ---- New groups ---- */

static bool is_own_text(const struct cp_value *v)
{
    return cp_is_spelled(v) && v->esc == CP_PLAIN;
}

/* The value as it is kept: over the text in the key, or over a copy where the key has it decoded.
 */
static bool keep_value(struct cp_groups *g, struct cp_value *to, struct cp_value v,
                       const char *text)
{
    if (cp_is_null(&v)) {
        v = cp_null();
    } else if (is_own_text(&v)) {
        v.p = text;
    } else if (cp_is_spelled(&v)) {
        v.p = cp_store_copy(g->store, v.p, v.len);
        if (!v.p)
            return false;
    }
    *to = v;
    return true;
}

static bool keep_values(struct cp_groups *g, struct cp_group *group,
                        const struct cp_value *const *cols, uint32_t i)
{
    struct cp_value *values = values_of(g, group);
    const char *at = group->key;

    if (g->width == 1)
        return keep_value(g, values, cols[0][i], at);
    for (size_t k = 0; k < g->width; k++) {
        uint32_t len;
        memcpy(&len, at, sizeof len);
        at += sizeof len;
        if (!keep_value(g, &values[k], cols[k][i], at))
            return false;
        at += len == NULL_PART ? 0 : len;
    }
    return true;
}

/* A group for the key of record i; NULL closes the table. */
static struct cp_group *group_new(struct cp_groups *g, struct key key, uint64_t hash,
                                  const struct cp_value *const *cols, uint32_t i)
{
    bool has_room =
        g->n < NO_GROUP - 1 && g->store->used + key.len <= g->limit && slots_have_room(g);
    struct cp_group *group = has_room ? row_next(g) : NULL;

    if (!group || (key.p && !(key.p = cp_store_copy(g->store, key.p, key.len))))
        return NULL;
    group->hash = hash;
    group->key = key.p;
    group->len = key.len;
    if (!keep_values(g, group, cols, i))
        return NULL;
    if (key.p)
        slot_put(g, hash, g->n);
    g->n++;
    return group;
}

static struct cp_group *group_of_new_key(struct cp_groups *g, struct key key, uint64_t hash,
                                         const struct cp_value *const *cols, uint32_t i,
                                         uint64_t position)
{
    struct cp_group *group = g->is_closed ? NULL : group_new(g, key, hash, cols, i);
    if (group) {
        group->first = position;
        return group;
    }
    g->is_closed = true;
    if (g->n_other++ == 0)
        g->other->first = position;
    return g->other;
}

/* ---- Finding ---- */

static bool key_is(const struct cp_group *group, struct key key)
{
    return group->len == key.len && memcmp(group->key, key.p, key.len) == 0;
}

static struct cp_group *probe(const struct cp_groups *g, struct key key, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t at = hash & g->mask; g->slots[at].number != NO_GROUP; at = (at + 1) & g->mask) {
        if (g->slots[at].tag != tag)
            continue;
        struct cp_group *group = cp_groups_at(g, g->slots[at].number);
        if (key_is(group, key))
            return group;
    }
    return NULL;
}

/* The group that the first slot names, if its tag is right; fetched ahead. */
static void guess(const struct cp_groups *g, struct block *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const struct cp_group_slot *slot = &g->slots[b->hash[k] & g->mask];
        b->guess[k] = NULL;
        if (slot->tag == (uint32_t)(b->hash[k] >> 32) && slot->number != NO_GROUP) {
            b->guess[k] = cp_groups_at(g, slot->number);
            __builtin_prefetch(b->guess[k], 1);
        }
    }
    for (size_t k = 0; k < n; k++)
        if (b->guess[k])
            __builtin_prefetch(b->guess[k]->key);
}

static struct cp_group *find_null(struct cp_groups *g, const struct cp_value *const *cols,
                                  uint32_t i, uint64_t position)
{
    if (g->null)
        return g->null;
    struct cp_group *group = group_of_new_key(g, (struct key){NULL, 0}, 0, cols, i, position);
    if (group != g->other)
        g->null = group;
    return group;
}

static void find_block(struct cp_groups *g, struct block *b, const struct cp_value *const *cols,
                       const uint16_t *sel, size_t n, uint64_t first, struct cp_group **out)
{
    guess(g, b, n);
    for (size_t k = 0; k < n; k++) {
        struct key key = b->key[k];
        uint64_t position = first + sel[k];
        if (!key.p)
            out[k] = find_null(g, cols, sel[k], position);
        else if (b->guess[k] && key_is(b->guess[k], key))
            out[k] = b->guess[k];
        else if (!(out[k] = probe(g, key, b->hash[k])))
            out[k] = group_of_new_key(g, key, b->hash[k], cols, sel[k], position);
    }
}

/* ---- Keys ---- */

/* The text of a value, where it lies or in the arena; a null has none. */
static bool text_of(const struct cp_value *v, struct cp_arena *a, struct key *out)
{
    struct cp_slice s;
    if (cp_is_null(v)) {
        *out = (struct key){NULL, 0};
        return true;
    }
    if (is_own_text(v)) {
        *out = (struct key){v->len > 0 ? v->p : "", v->len};
        return true;
    }
    if (!cp_value_text(v, a, &s))
        return false;
    *out = (struct key){s.n > 0 ? s.p : "", (uint32_t)s.n};
    return true;
}

/* Length and bytes of each part, one behind the other. */
static bool compose(const struct cp_groups *g, const struct cp_value *const *cols, uint32_t i,
                    struct cp_arena *a, struct key *out)
{
    const char *start = a->base + a->used;
    for (size_t k = 0; k < g->width; k++) {
        struct key part;
        char *len = cp_arena_take(a, sizeof part.len);
        size_t mark = a->used;
        if (!len || !text_of(&cols[k][i], a, &part))
            return false;
        if (!part.p)
            part.len = NULL_PART;
        memcpy(len, &part.len, sizeof part.len);
        a->used = mark;
        if (!part.p)
            continue;
        char *bytes = cp_arena_take(a, part.len);
        if (!bytes)
            return false;
        memmove(bytes, part.p, part.len);
    }
    *out = (struct key){start, (uint32_t)(a->base + a->used - start)};
    return true;
}

/* Loads keys of sel[0..n), as many as the scratch buffer has room for. */
static size_t load_keys(const struct cp_groups *g, struct block *b,
                        const struct cp_value *const *cols, const uint16_t *sel, size_t n)
{
    struct cp_arena a = {.base = g->scratch, .cap = g->cap_scratch};
    for (size_t k = 0; k < n; k++) {
        bool done = g->width == 1 ? text_of(&cols[0][sel[k]], &a, &b->key[k])
                                  : compose(g, cols, sel[k], &a, &b->key[k]);
        if (!done)
            return k;
    }
    return n;
}

static void hash_keys(const struct cp_groups *g, struct block *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        b->hash[k] = XXH3_64bits_withSeed(b->key[k].p, b->key[k].len, g->seed) & g->hash_mask;
        __builtin_prefetch(&g->slots[b->hash[k] & g->mask]);
    }
}

static void grow_scratch(struct cp_groups *g)
{
    g->cap_scratch = g->cap_scratch ? 2 * g->cap_scratch : FIRST_SCRATCH;
    free(g->scratch);
    g->scratch = cp_xmalloc(g->cap_scratch + CP_PAD);
    memset(g->scratch + g->cap_scratch, 0, CP_PAD);
}

void cp_groups_find(struct cp_groups *g, const struct cp_value *const *cols, const uint16_t *sel,
                    size_t n, uint64_t first, struct cp_group **out)
{
    struct block b;
    if (g->width == 0) {
        for (size_t k = 0; k < n; k++)
            out[k] = g->null;
        return;
    }
    while (n > 0) {
        size_t loaded = load_keys(g, &b, cols, sel, n < BLOCK ? n : BLOCK);
        if (loaded == 0) {
            grow_scratch(g);
            continue;
        }
        hash_keys(g, &b, loaded);
        find_block(g, &b, cols, sel, loaded, first, out);
        sel += loaded;
        out += loaded;
        n -= loaded;
    }
}

struct cp_group *cp_groups_seek(struct cp_groups *g, const struct cp_value *const *cols, uint32_t i)
{
    uint16_t sel = (uint16_t)i;
    struct block b;

    while (load_keys(g, &b, cols, &sel, 1) == 0)
        grow_scratch(g);
    if (!b.key[0].p)
        return g->null;
    hash_keys(g, &b, 1);
    return probe(g, b.key[0], b.hash[0]);
}

/* ---- The whole ---- */

/* What `other` shows in place of each value; bytes behind it can be read, as behind every text. */
static const char other_text[CP_PAD + 8] = "other";

static void other_new(struct cp_groups *g)
{
    g->other = cp_store_take(g->store, g->stride);
    for (size_t k = 0; k < g->width; k++)
        values_of(g, g->other)[k] = cp_text(other_text, strlen(other_text));
}

void cp_groups_init(struct cp_groups *g, struct cp_store *store, size_t width, size_t state,
                    size_t limit, uint64_t seed)
{
    *g = (struct cp_groups){
        .width = width,
        .state = state,
        .stride = sizeof(struct cp_group) + state + width * sizeof(struct cp_value),
        .store = store,
        .limit = limit,
        .seed = seed,
        .hash_mask = UINT64_MAX,
    };
    store->used += FIRST_SLOTS * sizeof *g->slots;
    slots_set(g, FIRST_SLOTS);
    grow_scratch(g);
    other_new(g);
    if (width == 0) {
        grow_rows(g);
        g->rows[0] = cp_store_take(store, g->stride);
        g->n = 1;
        g->null = cp_groups_at(g, 0);
    }
}

size_t cp_groups_least(size_t width, size_t state)
{
    return CP_STORE_MIN_BUDGET +
           2 * ROWS * (sizeof(struct cp_group) + state + width * sizeof(struct cp_value));
}

void cp_groups_release(struct cp_groups *g)
{
    free(g->slots);
    free(g->rows);
    free(g->scratch);
    *g = (struct cp_groups){0};
}

struct cp_group *cp_groups_same(const struct cp_groups *g, const struct cp_group *group)
{
    if (!group->key)
        return g->null;
    return probe(g, (struct key){group->key, group->len},
                 XXH3_64bits_withSeed(group->key, group->len, g->seed) & g->hash_mask);
}

size_t cp_groups_scratch(size_t width, size_t max_text)
{
    return 2 * (width * (max_text + sizeof(uint32_t)) + FIRST_SCRATCH) + CP_PAD;
}
