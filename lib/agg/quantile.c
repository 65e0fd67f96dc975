/* quantile.c: exact values, then buckets. */
#include "quantile.h"

#include <float.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 u128;

enum {
    FIRST_VALUES = 8,
    FIRST_BUCKETS = 128,
    MANTISSA_BITS = 52,
    BUCKET_BITS = 7,
    DROPPED_BITS = MANTISSA_BITS - BUCKET_BITS,
};

/* ---- Values ---- */

/* The number as it is written when it is computed: its text need not be kept. Decimals of at most
 * 15 digits are the shortest form of their double. */
static bool is_canonical(const struct cp_value *v, const struct cp_num *num)
{
    if (v->kind == CP_TEXT && !((v->flags & CP_UNTYPED) && v->esc == CP_PLAIN))
        return false;
    if (!cp_num_is_plain(v->p, v->len))
        return false;
    if (num->kind == CP_NUM_INT)
        return num->i != 0 || v->len == 1;
    return v->len <= 16 && v->p[v->len - 1] != '0' && (num->d >= 1e-5 || num->d <= -1e-5);
}

static bool value_copy(struct cp_agg_env *env, struct cp_value *to, const struct cp_value *v,
                       const struct cp_num *num)
{
    *to = *v;
    if (!cp_is_spelled(v))
        return true;
    if (is_canonical(v, num)) {
        *to = num->kind == CP_NUM_INT ? cp_int(num->i) : cp_double(num->d);
        return true;
    }
    return (to->p = cp_store_copy(env->store, v->p, v->len)) != NULL;
}

static bool values_grow(struct cp_agg_env *env, struct quantile *q)
{
    size_t cap = q->cap ? 2 * (size_t)q->cap : FIRST_VALUES;
    void *p =
        cp_store_grow(env->store, q->values, q->cap * sizeof *q->values, cap * sizeof *q->values);
    if (!p)
        return false;
    q->values = p;
    q->cap = (uint32_t)cap;
    return true;
}

static void values_add(struct cp_agg_env *env, struct quantile *q, const struct cp_value *v,
                       const struct cp_num *num)
{
    if ((q->n == q->cap && !values_grow(env, q)) || !value_copy(env, &q->values[q->n], v, num)) {
        env->lost++;
        return;
    }
    q->n++;
}

/* By number; equal ones by their spelling, so that the order of adding decides nothing. */
static int value_compare(const void *pa, const void *pb)
{
    const struct cp_value *a = pa, *b = pb;
    struct cp_num x, y;
    int c;

    if (a->kind == CP_INT && b->kind == CP_INT && ((a->flags ^ b->flags) == 0))
        return (a->i > b->i) - (a->i < b->i);
    cp_value_number(a, &x);
    cp_value_number(b, &y);
    if ((c = cp_num_compare(&x, &y)) != 0)
        return c;
    if (a->kind != b->kind || a->flags != b->flags || a->esc != b->esc)
        return a->kind != b->kind     ? a->kind - b->kind
               : a->flags != b->flags ? a->flags - b->flags
                                      : a->esc - b->esc;
    if (!cp_is_spelled(a))
        return 0;
    c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);
    return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

/* ---- Buckets ---- */

/* Names the bucket of d; larger numbers have larger keys; never 0. */
static uint64_t bucket_key(double d)
{
    uint64_t bits;
    d += 0.0; /* no negative zero */
    memcpy(&bits, &d, sizeof bits);
    bits >>= DROPPED_BITS;
    uint64_t sign = UINT64_C(1) << (63 - DROPPED_BITS);
    return (bits & sign ? ~bits & (2 * sign - 1) : bits | sign) + 1;
}

static double bucket_middle(uint64_t key)
{
    uint64_t sign = UINT64_C(1) << (63 - DROPPED_BITS), bits = key - 1;
    double d;

    bits = bits & sign ? bits & ~sign : ~bits & (2 * sign - 1);
    if ((bits & ~sign) == 0)
        return 0;
    bits = bits << DROPPED_BITS | UINT64_C(1) << (DROPPED_BITS - 1);
    memcpy(&d, &bits, sizeof d);
    return d;
}

static struct quantile_bucket *bucket_find(const struct quantile *q, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (q->cap - 1);
    while (q->buckets[at].key != 0 && q->buckets[at].key != key)
        at = (at + 1) & (q->cap - 1);
    return &q->buckets[at];
}

static bool buckets_grow(struct cp_agg_env *env, struct quantile *q)
{
    struct quantile old = *q;
    size_t cap = q->cap ? 2 * (size_t)q->cap : FIRST_BUCKETS;
    struct quantile_bucket *p = cp_store_piece(env->store, cap * sizeof *p);

    if (!p)
        return false;
    memset(p, 0, cap * sizeof *p);
    q->buckets = p;
    q->cap = (uint32_t)cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.buckets[i].key != 0)
            *bucket_find(q, old.buckets[i].key) = old.buckets[i];
    cp_store_give(env->store, old.buckets, old.cap * sizeof *p);
    return true;
}

static void bucket_add(struct cp_agg_env *env, struct quantile *q, uint64_t key, uint64_t count)
{
    struct quantile_bucket *b = q->cap ? bucket_find(q, key) : NULL;

    if (!b || (b->key == 0 && q->used >= q->cap / 4 * 3)) {
        if (!buckets_grow(env, q) && (!b || q->used + 1 >= q->cap)) {
            env->lost += count;
            return;
        }
        b = bucket_find(q, key);
    }
    q->used += b->key == 0;
    b->key = key;
    b->count += count;
    q->n += count;
}

static void buckets_span(struct quantile *q, double min, double max)
{
    if (q->n == 0 || min < q->min)
        q->min = min;
    if (q->n == 0 || max > q->max)
        q->max = max;
}

/* ---- From values to buckets ---- */

static void number_add(struct cp_agg_env *env, struct quantile *q, const struct cp_num *num)
{
    double d = cp_num_to_double(num);
    d = d > DBL_MAX ? DBL_MAX : d < -DBL_MAX ? -DBL_MAX : d;
    buckets_span(q, d, d);
    bucket_add(env, q, bucket_key(d), 1);
}

/* False: no memory for the first buckets; the values stay. */
static bool to_buckets(struct cp_agg_env *env, struct quantile *q)
{
    struct quantile old = *q, made = {.is_buckets = true};

    if (q->is_buckets)
        return true;
    if (!buckets_grow(env, &made))
        return false;
    *q = made;
    for (size_t i = 0; i < old.n; i++) {
        struct cp_num num;
        cp_value_number(&old.values[i], &num);
        number_add(env, q, &num);
    }
    cp_store_give(env->store, old.values, old.cap * sizeof *old.values);
    return true;
}

void quantile_add(struct cp_agg_env *env, struct quantile *q, const struct cp_value *v,
                  const struct cp_num *num)
{
    if (!q->is_buckets && q->n < CP_QUANTILE_EXACT)
        values_add(env, q, v, num);
    else if (to_buckets(env, q))
        number_add(env, q, num);
    else
        env->lost++;
}

static void merge_buckets(struct cp_agg_env *env, struct quantile *q, const struct quantile *other)
{
    if (!to_buckets(env, q)) {
        env->lost += other->n;
        return;
    }
    buckets_span(q, other->min, other->max);
    for (size_t i = 0; i < other->cap; i++)
        if (other->buckets[i].key != 0)
            bucket_add(env, q, other->buckets[i].key, other->buckets[i].count);
}

void quantile_merge(struct cp_agg_env *env, struct quantile *q, const struct quantile *other)
{
    if (other->is_buckets) {
        merge_buckets(env, q, other);
        return;
    }
    for (size_t i = 0; i < other->n; i++) {
        struct cp_num num;
        cp_value_number(&other->values[i], &num);
        quantile_add(env, q, &other->values[i], &num);
    }
}

/* ---- The result ---- */

static int bucket_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct quantile_bucket *)a)->key,
             y = ((const struct quantile_bucket *)b)->key;
    return (x > y) - (x < y);
}

/* Sorts in place: empty buckets come first, as they have key 0. Nothing can be found by key any
 * more, and nothing is added after the end. */
static void sort_buckets(struct quantile *q)
{
    if (!q->is_sorted)
        qsort(q->buckets, q->cap, sizeof *q->buckets, bucket_compare);
    q->is_sorted = true;
}

static inline bool value_before(const struct cp_value *a, const struct cp_value *b)
{
    if (a->kind == CP_DOUBLE && b->kind == CP_DOUBLE)
        return a->d < b->d;
    return value_compare(a, b) < 0;
}

static void swap(struct cp_value *a, struct cp_value *b)
{
    struct cp_value t = *a;
    *a = *b;
    *b = t;
}

/* The median of the first, the middle and the last goes to the middle, which is not the last. */
static struct cp_value pivot_of(struct cp_value *v, size_t n)
{
    struct cp_value *middle = v + (n - 1) / 2, *last = v + n - 1;

    if (value_before(middle, v))
        swap(middle, v);
    if (value_before(last, middle))
        swap(last, middle);
    if (value_before(middle, v))
        swap(middle, v);
    return *middle;
}

/* Hoare's selection: value number k in order comes to its place; what is before it is not above it.
 */
static void select_value(struct cp_value *v, size_t n, size_t k)
{
    while (n > 1) {
        struct cp_value pivot = pivot_of(v, n);
        size_t i = 0, j = n - 1;
        for (;; i++, j--) {
            while (value_before(&v[i], &pivot))
                i++;
            while (value_before(&pivot, &v[j]))
                j--;
            if (i >= j)
                break;
            swap(&v[i], &v[j]);
        }
        if (k <= j) {
            n = j + 1;
        } else {
            v += j + 1;
            k -= j + 1;
            n -= j + 1;
        }
    }
}

static struct cp_value bucket_value(struct cp_agg_env *env, struct quantile *q, uint64_t rank)
{
    size_t at = 0;
    sort_buckets(q);
    for (uint64_t seen = q->buckets[0].count; seen < rank; seen += q->buckets[at].count)
        at++;
    env->estimates++;
    double d = bucket_middle(q->buckets[at].key);
    d = d < q->min ? q->min : d > q->max ? q->max : d;
    if (d >= -0x1p53 && d <= 0x1p53 && (double)(int64_t)d == d)
        return cp_int((int64_t)d);
    return cp_double(d);
}

struct cp_value quantile_at(struct cp_agg_env *env, struct quantile *q, uint64_t param,
                            uint64_t scale)
{
    u128 hundred = (u128)100 * scale;
    uint64_t rank = (uint64_t)(((u128)q->n * param + hundred - 1) / hundred);

    if (q->n == 0)
        return cp_null();
    rank = rank < 1 ? 1 : rank > q->n ? q->n : rank;
    if (q->is_buckets)
        return bucket_value(env, q, rank);
    select_value(q->values, q->n, rank - 1);
    return q->values[rank - 1];
}
