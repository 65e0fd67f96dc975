/* distinct.c: sets of values. */
#include "distinct.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../base/arena.h"
#include "../data/text.h"
#include "../format/json.h"

enum {
    FIRST_MARKS = 8,
    FIRST_HASHES = 16,
    SPARSE_MAX = 1024,
    INDEX_BITS = 14,
    REGISTERS = 1 << INDEX_BITS,
    TOP_RANK = 64 - INDEX_BITS + 1,
};

/* ---- Texts ---- */

static char *scratch(struct cp_agg_env *env, size_t n)
{
    if (n > env->scratch_cap || !env->scratch) {
        size_t cap = cp_store_piece_size(n);
        char *p = cp_store_piece(env->store, cap);
        if (!p)
            return NULL;
        cp_store_give(env->store, env->scratch, env->scratch_cap);
        env->scratch = p;
        env->scratch_cap = cap;
    }
    return env->scratch;
}

/* The text of a value; false when there is no memory to decode it. small: for computed values. */
static bool text_of(struct cp_agg_env *env, const struct cp_value *v, char small[64],
                    struct cp_slice *out)
{
    struct cp_arena a = {.base = small, .cap = 64};

    if (v->kind != CP_TEXT || v->esc == CP_PLAIN)
        return cp_value_text(v, &a, out);
    out->p = scratch(env, v->len);
    if (!out->p)
        return false;
    out->n = cp_text_decode(v->esc, v->p, v->len, env->scratch);
    return true;
}

/* ---- Marks ---- */

static void *mark_find(const struct marks *m, size_t stride, struct fingerprint f)
{
    size_t at = f.a & (m->cap - 1);
    for (;; at = (at + 1) & (m->cap - 1)) {
        struct fingerprint *e = (struct fingerprint *)(void *)(m->p + at * stride);
        if ((e->a == f.a && e->b == f.b) || (e->a | e->b) == 0)
            return e;
    }
}

static bool marks_grow(struct cp_agg_env *env, struct marks *m, size_t stride)
{
    struct marks old = *m;
    size_t cap = m->cap ? 2 * (size_t)m->cap : FIRST_MARKS;
    char *p = cp_store_piece(env->store, cap * stride);

    if (!p)
        return false;
    memset(p, 0, cap * stride);
    m->p = p;
    m->cap = (uint32_t)cap;
    for (size_t i = 0; i < old.cap; i++) {
        const struct fingerprint *e =
            (const struct fingerprint *)(const void *)(old.p + i * stride);
        if ((e->a | e->b) != 0)
            memcpy(mark_find(m, stride, *e), e, stride);
    }
    cp_store_give(env->store, old.p, old.cap * stride);
    return true;
}

/* The entry of f; a new one is zeroed but for f. NULL: no memory, counted as lost. */
static void *mark_of(struct cp_agg_env *env, struct marks *m, size_t stride, struct fingerprint f,
                     bool *is_new)
{
    struct fingerprint *e = m->cap ? mark_find(m, stride, f) : NULL;

    *is_new = !e || (e->a | e->b) == 0;
    if (!*is_new)
        return e;
    if (!e || m->n >= m->cap / 4 * 3) {
        if (!marks_grow(env, m, stride) && (!e || m->n + 1 >= m->cap)) {
            env->lost++;
            return NULL;
        }
        e = mark_find(m, stride, f);
    }
    *e = f;
    m->n++;
    return e;
}

static bool fingerprint_of(struct cp_agg_env *env, const struct cp_value *v, struct fingerprint *f)
{
    char small[64];
    struct cp_slice text;

    if (!text_of(env, v, small, &text)) {
        env->lost++;
        return false;
    }
    XXH128_hash_t h = XXH3_128bits_withSeed(text.p, text.n, env->seed);
    *f = (struct fingerprint){h.low64, h.high64 | 1};
    return true;
}

void uniq_add(struct cp_agg_env *env, struct marks *m, const struct cp_value *v)
{
    struct fingerprint f;
    bool is_new;
    if (fingerprint_of(env, v, &f))
        mark_of(env, m, sizeof f, f, &is_new);
}

void uniq_merge(struct cp_agg_env *env, struct marks *m, const struct marks *other)
{
    bool is_new;
    for (size_t i = 0; i < other->cap; i++) {
        struct fingerprint f;
        memcpy(&f, other->p + i * sizeof f, sizeof f);
        if ((f.a | f.b) != 0)
            mark_of(env, m, sizeof f, f, &is_new);
    }
}

/* ---- HyperLogLog ---- */

static void register_set(uint8_t *registers, uint64_t hash)
{
    size_t at = hash >> (64 - INDEX_BITS);
    uint64_t rest = hash << INDEX_BITS;
    uint8_t rank = rest ? (uint8_t)(__builtin_clzl(rest) + 1) : TOP_RANK;
    if (rank > registers[at])
        registers[at] = rank;
}

static bool sketch_thicken(struct cp_agg_env *env, struct sketch *s)
{
    uint8_t *registers = cp_store_piece(env->store, REGISTERS);

    if (!registers)
        return false;
    memset(registers, 0, REGISTERS);
    for (size_t i = 0; i < s->cap; i++)
        if (s->hashes[i])
            register_set(registers, s->hashes[i]);
    cp_store_give(env->store, s->hashes, s->cap * sizeof *s->hashes);
    *s = (struct sketch){.registers = registers};
    return true;
}

static uint64_t *hash_find(const struct sketch *s, uint64_t hash)
{
    size_t at = hash & (s->cap - 1);
    while (s->hashes[at] && s->hashes[at] != hash)
        at = (at + 1) & (s->cap - 1);
    return &s->hashes[at];
}

static bool sketch_grow(struct cp_agg_env *env, struct sketch *s)
{
    struct sketch old = *s;
    size_t cap = s->cap ? 2 * (size_t)s->cap : FIRST_HASHES;
    uint64_t *p = cp_store_piece(env->store, cap * sizeof *p);

    if (!p)
        return false;
    memset(p, 0, cap * sizeof *p);
    s->hashes = p;
    s->cap = (uint32_t)cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.hashes[i])
            *hash_find(s, old.hashes[i]) = old.hashes[i];
    cp_store_give(env->store, old.hashes, old.cap * sizeof *p);
    return true;
}

static void sketch_add_hash(struct cp_agg_env *env, struct sketch *s, uint64_t hash)
{
    hash += hash == 0;
    if (!s->registers) {
        if (s->cap && *hash_find(s, hash))
            return;
        bool has_room =
            s->n < SPARSE_MAX ? s->n < s->cap / 2 || sketch_grow(env, s) : sketch_thicken(env, s);
        if (!has_room) {
            env->lost++;
            return;
        }
    }
    if (s->registers) {
        register_set(s->registers, hash);
        return;
    }
    *hash_find(s, hash) = hash;
    s->n++;
}

void sketch_add(struct cp_agg_env *env, struct sketch *s, const struct cp_value *v)
{
    char small[64];
    struct cp_slice text;

    if (text_of(env, v, small, &text))
        sketch_add_hash(env, s, XXH3_64bits(text.p, text.n));
    else
        env->lost++;
}

void sketch_merge(struct cp_agg_env *env, struct sketch *s, const struct sketch *other)
{
    for (size_t i = 0; i < other->cap; i++)
        if (other->hashes[i])
            sketch_add_hash(env, s, other->hashes[i]);
    if (!other->registers)
        return;
    if (!s->registers && !sketch_thicken(env, s)) {
        env->lost++;
        return;
    }
    for (size_t i = 0; i < REGISTERS; i++)
        if (other->registers[i] > s->registers[i])
            s->registers[i] = other->registers[i];
}

/* Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017). */
static double sigma(double x)
{
    double y = 1, z = x, before;
    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

uint64_t sketch_count(const struct sketch *s)
{
    const double m = REGISTERS, half_by_log2 = 0.72134752044448170368;
    uint32_t counts[TOP_RANK + 1] = {0};

    if (!s->registers)
        return s->n;
    for (size_t i = 0; i < REGISTERS; i++)
        counts[s->registers[i]]++;
    double z = m * tau(1 - counts[TOP_RANK] / m);
    for (size_t k = TOP_RANK - 1; k >= 1; k--)
        z = 0.5 * (z + counts[k]);
    z += m * sigma(counts[0] / m);
    return (uint64_t)(half_by_log2 * m * m / z + 0.5);
}

/* ---- topk ---- */

struct ranked {
    struct fingerprint f;
    uint64_t count, position;
    struct cp_value v; /* as spelled at `position` */
};

/* The entry keeps its own copy of the text; one for which there is no memory counts all the same
 * and shows null. */
static void ranked_spell(struct cp_agg_env *env, struct ranked *e, const struct cp_value *v,
                         uint64_t position)
{
    e->position = position;
    e->v = *v;
    if (cp_is_spelled(v) && !(e->v.p = cp_store_copy(env->store, v->p, v->len))) {
        e->v = cp_null();
        env->lost++;
    }
}

static void ranked_count(struct cp_agg_env *env, struct ranking *r, struct fingerprint f,
                         const struct cp_value *v, uint64_t position, uint64_t count)
{
    bool is_new;
    struct ranked *e = mark_of(env, &r->marks, sizeof *e, f, &is_new);

    if (!e)
        return;
    if (is_new || position < e->position)
        ranked_spell(env, e, v, position);
    e->count += count;
}

void ranking_add(struct cp_agg_env *env, struct ranking *r, const struct cp_value *v,
                 uint64_t position)
{
    struct fingerprint f;
    if (fingerprint_of(env, v, &f))
        ranked_count(env, r, f, v, position, 1);
}

void ranking_merge(struct cp_agg_env *env, struct ranking *r, const struct ranking *other)
{
    for (size_t i = 0; i < other->marks.cap; i++) {
        const struct ranked *e = (const struct ranked *)(const void *)other->marks.p + i;
        if ((e->f.a | e->f.b) != 0)
            ranked_count(env, r, e->f, &e->v, e->position, e->count);
    }
}

static int ranked_compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->position > y->position) - (x->position < y->position);
}

/* Sorts in place: nothing is found any more, and empty places, with count 0, come last. */
struct cp_value ranking_list(struct cp_agg_env *env, struct ranking *r, uint64_t n)
{
    struct ranked *e = (struct ranked *)(void *)r->marks.p;
    size_t len = 2, at = 1;

    if (r->text.kind != CP_MISSING)
        return r->text;
    if (r->marks.n == 0)
        return cp_null();
    qsort(e, r->marks.cap, sizeof *e, ranked_compare);
    n = n < r->marks.n ? n : r->marks.n;
    for (size_t i = 0; i < n; i++)
        len += cp_json_format(&e[i].v, NULL, 0) + 1;
    char *p = cp_store_piece(env->store, len);
    if (!p) {
        env->lost += n;
        return cp_null();
    }
    p[0] = '[';
    for (size_t i = 0; i < n; i++) {
        at += cp_json_format(&e[i].v, p + at, len - at);
        p[at++] = ',';
    }
    at -= n > 0;
    p[at++] = ']';
    r->text = cp_span(CP_LIST, p, at);
    return r->text;
}
