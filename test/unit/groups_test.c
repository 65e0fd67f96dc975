/* Tests of lib/data: groups, store, sort keys and the sorter, against naive references. Prints TAP.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../lib/base/alloc.h"
#include "../../lib/data/groups.h"
#include "../../lib/data/sort_key.h"
#include "../../lib/data/sorter.h"

static int tests, failures;

static void check(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
    failures += !passed;
}

static uint64_t seed = 88172645463325252u;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 2685821657736338717u;
}

static unsigned below(unsigned n)
{
    return (unsigned)(draw() >> 33) % n;
}

/* ---- Values that stay ---- */

static struct cp_heap heap;

static struct cp_value text(const char *s)
{
    size_t n = strlen(s);
    return cp_text(cp_heap_copy(&heap, s, n), n);
}

static struct cp_value spelled(enum cp_kind kind, const char *s)
{
    struct cp_value v = text(s);
    v.kind = (uint8_t)kind;
    return v;
}

static struct cp_value escaped(const char *s)
{
    struct cp_value v = text(s);
    v.esc = CP_ESC_JSON;
    return v;
}

/* ---- Groups ---- */

enum { BATCH = 1000 };

struct table {
    struct cp_store store;
    struct cp_groups groups;
};

static void table_open(struct table *t, size_t max, size_t width)
{
    cp_store_init(&t->store, max);
    cp_groups_init(&t->groups, &t->store, width, sizeof(uint64_t), max, cp_groups_seed());
}

static void table_close(struct table *t)
{
    cp_groups_release(&t->groups);
    cp_store_release(&t->store);
}

/* Counts n <= BATCH records of one column. */
static void count_batch(struct table *t, const struct cp_value *const *cols, size_t n, uint64_t seq,
                        struct cp_group **found)
{
    uint16_t sel[BATCH];
    for (size_t i = 0; i < n; i++)
        sel[i] = (uint16_t)i;
    cp_groups_find(&t->groups, cols, sel, n, 100 * seq, found);
    for (size_t i = 0; i < n; i++)
        ++*(uint64_t *)cp_group_state(found[i]);
}

/* Whether two values are one key. */
static bool together(struct cp_value a, struct cp_value b)
{
    struct cp_value column[2] = {a, b};
    const struct cp_value *cols[] = {column};
    struct cp_group *found[2];
    struct table t;

    table_open(&t, 1 << 20, 1);
    count_batch(&t, cols, 2, 0, found);
    bool same = found[0] == found[1];
    table_close(&t);
    return same;
}

static void test_equality(void)
{
    struct cp_value missing = {.kind = CP_MISSING};

    check(together(cp_int(1), text("1")) && together(spelled(CP_NUMBER, "1"), cp_int(1)),
          "1 and \"1\" are one key");
    check(!together(cp_int(1), spelled(CP_NUMBER, "1.0")), "1 and 1.0 are two");
    check(together(cp_null(), missing), "null and missing are one");
    check(!together(cp_null(), text("")) && !together(cp_null(), text("null")), "null is no text");
    check(together(escaped("\\u0061\\n"), text("a\n")), "escapes are decoded");
    check(together(cp_bool(true), text("true")), "true and \"true\" are one");
    check(together(text(""), text("")), "empty texts are one");
}

/* A reference: all keys ever seen, in order. */
struct naive {
    char (*key)[160];
    uint64_t *count;
    size_t n;
};

static size_t naive_find(struct naive *r, const char *key, size_t *table, size_t cap)
{
    uint64_t h = 1469598103934665603u;
    for (const char *c = key; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    size_t at = h % cap;
    while (table[at] && strcmp(r->key[table[at] - 1], key) != 0)
        at = (at + 1) % cap;
    if (!table[at]) {
        strcpy(r->key[r->n], key);
        r->count[r->n] = 0;
        table[at] = ++r->n;
    }
    return table[at] - 1;
}

/* One value of a key, drawn from `kinds` of them; its text goes to buf. */
static struct cp_value draw_value(unsigned kinds, char *buf)
{
    unsigned k = below(kinds);
    if (k == 0) {
        strcpy(buf, "<null>");
        return cp_null();
    }
    sprintf(buf, "%u", k * 7919);
    if (k % 3 == 0)
        return cp_int(k * 7919);
    if (k % 3 == 1)
        sprintf(buf, "/a/rather/long/path/with/the/number/%u", k);
    return text(buf);
}

/* random records against the reference: same groups, same order, same counts */
static bool random_groups(size_t width, size_t records, unsigned kinds, uint64_t hash_mask)
{
    size_t cap = 400009;
    struct naive r = {cp_xcalloc(records + 1, 160), cp_xcalloc(records + 1, sizeof(uint64_t)), 0};
    size_t *table = cp_xcalloc(cap, sizeof *table);
    struct cp_value column[3][BATCH];
    const struct cp_value *cols[] = {column[0], column[1], column[2]};
    struct cp_group *found[BATCH];
    struct table t;
    bool ok = true;

    table_open(&t, 64 << 20, width);
    t.groups.hash_mask = hash_mask;
    for (size_t at = 0, n; at < records; at += n) {
        n = 1 + below(BATCH);
        size_t expected[BATCH];
        for (size_t i = 0; i < n; i++) {
            char key[256] = "", part[64];
            for (size_t k = 0; k < width; k++) {
                column[k][i] = draw_value(kinds, part);
                strcat(strcat(key, part), "|");
            }
            expected[i] = naive_find(&r, key, table, cap);
            r.count[expected[i]]++;
        }
        count_batch(&t, cols, n, at, found);
        for (size_t i = 0; i < n; i++)
            ok &= found[i] == cp_groups_at(&t.groups, expected[i]);
        if (r.n + BATCH > records)
            break;
    }
    ok &= t.groups.n == r.n && cp_groups_count(&t.groups) == r.n;
    for (uint32_t i = 0; i < t.groups.n && ok; i++)
        ok &= *(uint64_t *)cp_group_state(cp_groups_at(&t.groups, i)) == r.count[i];
    table_close(&t);
    free(r.key);
    free(r.count);
    free(table);
    return ok;
}

/* Distinct keys far beyond the memory. */
static void test_bound(void)
{
    struct cp_value column[BATCH];
    const struct cp_value *cols[] = {column};
    struct cp_group *found[BATCH];
    char buf[BATCH][80];
    uint64_t records = 0, counted = 0, most = 0;
    struct table t;

    table_open(&t, 1 << 20, 1);
    for (uint64_t seq = 0; seq < 200; seq++) {
        for (size_t i = 0; i < BATCH; i++) {
            int n = sprintf(buf[i], "a-key-that-never-comes-again-%" PRIu64, records++);
            column[i] = cp_text(buf[i], (size_t)n);
        }
        count_batch(&t, cols, BATCH, seq, found);
        most = t.store.used > most ? t.store.used : most;
    }
    for (uint32_t i = 0; i < cp_groups_count(&t.groups); i++)
        counted += *(uint64_t *)cp_group_state(cp_groups_at(&t.groups, i));
    check(most <= t.store.max, "distinct keys without end stay within the bound");
    check(counted == records && t.groups.n_other == records - t.groups.n,
          "no record of them is lost");
    check(t.groups.n > 5000, "the bound is used");
    printf("# %u groups in %" PRIu64 " of %zu bytes\n", t.groups.n, most, t.store.max);
    column[0] = text("a-key-that-never-comes-again-7");
    count_batch(&t, cols, 1, 0, found);
    check(found[0] == cp_groups_at(&t.groups, 7) && *(uint64_t *)cp_group_state(found[0]) == 2,
          "known keys are found after that");
    const struct cp_value *other = cp_group_values(&t.groups, t.groups.other);
    check(other->len == 5 && memcmp(other->p, "other", 5) == 0, "the group is called other");
    table_close(&t);
}

static void test_values(void)
{
    struct cp_value a[3] = {spelled(CP_NUMBER, "1.50"), escaped("x\\ty"), cp_null()},
                    b[3] = {cp_int(2), cp_time(5), text("")};
    const struct cp_value *cols[] = {a, b};
    struct cp_group *found[3];
    struct table t;

    table_open(&t, 1 << 20, 2);
    count_batch(&t, cols, 3, 9, found);
    const struct cp_value *v = cp_group_values(&t.groups, found[0]),
                          *w = cp_group_values(&t.groups, found[1]),
                          *x = cp_group_values(&t.groups, found[2]);
    check(v[0].kind == CP_NUMBER && v[0].len == 4 && memcmp(v[0].p, "1.50", 4) == 0 &&
              v[0].p != a[0].p && v[1].kind == CP_INT && v[1].i == 2,
          "values are kept as they are spelled");
    check(w[0].esc == CP_ESC_JSON && w[0].len == 4 && memcmp(w[0].p, "x\\ty", 4) == 0 &&
              w[1].kind == CP_TIME,
          "escapes are kept, too");
    check(x[0].kind == CP_NULL && x[1].kind == CP_TEXT && x[1].len == 0,
          "null and empty text in one key");
    check(found[2]->first == 902, "the position of the first record is known");
    table_close(&t);
}

static void test_long_keys(void)
{
    enum { LONG = 300000 };
    char *p = cp_xcalloc(1, LONG + CP_PAD);
    struct cp_value column[2][2];
    const struct cp_value *cols[] = {column[0], column[1]};
    struct cp_group *found[2];
    struct table t;

    memset(p, 'x', LONG);
    for (int k = 0; k < 2; k++)
        column[k][0] = column[k][1] = cp_text(p, LONG);
    column[1][1].len--;
    table_open(&t, 4 << 20, 2);
    count_batch(&t, cols, 2, 0, found);
    check(found[0] != found[1] && t.groups.n == 2, "long keys differ in their last byte");
    check(t.store.used <= t.store.max, "and are counted");
    table_close(&t);
    free(p);
}

static void test_same(void)
{
    struct cp_value first[3] = {text("a"), text("b"), cp_null()},
                    second[3] = {text("c"), cp_null(), text("a")};
    const struct cp_value *first_cols[] = {first}, *second_cols[] = {second};
    struct cp_group *found[3];
    struct table t, u;

    table_open(&t, 1 << 20, 1);
    table_open(&u, 1 << 20, 1);
    count_batch(&t, first_cols, 3, 5, found);
    struct cp_group *found_null = found[2];
    count_batch(&u, second_cols, 3, 4, found);
    check(!cp_groups_same(&t.groups, cp_groups_at(&u.groups, 0)),
          "a group that only the other table has is not found");
    check(cp_groups_same(&t.groups, cp_groups_at(&u.groups, 1)) == found_null &&
              cp_groups_same(&t.groups, cp_groups_at(&u.groups, 2)) == cp_groups_at(&t.groups, 0),
          "groups of two tables are told to be the same");
    table_close(&t);
    table_close(&u);
}

static void test_no_key(void)
{
    struct cp_group *found[3];
    struct table t;

    table_open(&t, 1 << 20, 0);
    check(cp_groups_count(&t.groups) == 1, "without a key there is one group from the start");
    count_batch(&t, NULL, 3, 0, found);
    check(*(uint64_t *)cp_group_state(cp_groups_at(&t.groups, 0)) == 3, "which has all records");
    table_close(&t);
}

/* ---- Sorting ---- */

/* Values of all classes, with many that are equal or nearly so. */
static struct cp_value draw_any(void)
{
    static const char *const texts[] = {
        "", "a", "ab", "b", "abcdefgh", "abcdefghi", "abcdefgh\x01", "12", "9", "1e3", "z"};
    char buf[64];

    switch (below(12)) {
    case 0:
        return cp_null();
    case 1:
        return cp_bool(below(2));
    case 2:
        return cp_int((int64_t)below(50) - 25);
    case 3:
        return cp_int((int64_t)draw());
    case 4:
        return cp_double((double)(int64_t)draw() / 3);
    case 5:
        return cp_int(INT64_C(9007199254740992) + below(5));
    case 6:
        return cp_double(9007199254740992.0 + 2 * below(3));
    case 7:
        return cp_time((int64_t)below(100));
    case 8:
        return spelled(CP_STAMP, below(2) ? "2026-11-20T10:00:00Z" : "1970-01-01");
    case 9:
        sprintf(buf, "[%u]", below(20));
        return spelled(CP_LIST, buf);
    case 10:
        return escaped(below(2) ? "a\\u0000b" : "a\\u0062");
    default:
        return text(texts[below(sizeof texts / sizeof *texts)]);
    }
}

static int sign(int c)
{
    return (c > 0) - (c < 0);
}

static int key_compare(const struct cp_sort_key *a, const struct cp_sort_key *b)
{
    int c = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
    return sign(c != 0 ? c : (a->n > b->n) - (a->n < b->n));
}

static void test_keys(void)
{
    struct cp_sort_key a = {0}, b = {0};
    bool up = true, down = true, prefix = true;

    for (int i = 0; i < 200000; i++) {
        struct cp_value v = draw_any(), w = draw_any();
        int c = cp_value_sort_compare(&v, &w, NULL);
        cp_sort_key_clear(&a);
        cp_sort_key_clear(&b);
        cp_sort_key_add(&a, &v, false, NULL);
        cp_sort_key_add(&b, &w, false, NULL);
        up &= key_compare(&a, &b) == sign(c);
        prefix &= a.n == b.n || memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) != 0;
        cp_sort_key_clear(&a);
        cp_sort_key_clear(&b);
        cp_sort_key_add(&a, &v, true, NULL);
        cp_sort_key_add(&b, &w, true, NULL);
        bool has_null = cp_is_null(&v) || cp_is_null(&w);
        down &= key_compare(&a, &b) == (has_null ? sign(c) : -sign(c));
    }
    check(up, "keys are in the order of values");
    check(down, "downwards in the reverse, null last");
    check(prefix, "no key is the beginning of another");
    cp_sort_key_release(&a);
    cp_sort_key_release(&b);
}

struct sample {
    struct cp_value v;
    uint64_t number;
};

static int sample_compare(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    int c = cp_value_sort_compare(&x->v, &y->v, NULL);
    return c != 0 ? c : (x->number > y->number) - (x->number < y->number);
}

/* Sorts n samples with so much memory; records of `size` bytes begin with the sample's number. */
static bool sorts(size_t n, size_t memory, uint64_t limit, size_t size, bool sample_is_text,
                  uint64_t *spilled)
{
    struct sample *samples = cp_xcalloc(n + 1, sizeof *samples);
    struct cp_sort_key key = {0};
    struct cp_err err = {0};
    struct cp_sorter s;
    uint64_t want = limit && limit < n ? limit : n, got = 0;
    bool ok = true;

    cp_sorter_init(&s, memory, limit);
    for (size_t i = 0; i < n; i++) {
        char buf[64];
        sprintf(buf, "/the/same/beginning/%u/%u", below(50), below(50));
        samples[i] = (struct sample){sample_is_text ? text(buf) : draw_any(), i};
        cp_sort_key_clear(&key);
        cp_sort_key_add(&key, &samples[i].v, false, NULL);
        if (!cp_sorter_wants(&s, key.p, key.n))
            continue;
        char *to = cp_sorter_add(&s, key.p, key.n, size, &err);
        if (!to)
            return false;
        memset(to, 'r', size);
        memcpy(to, &samples[i].number, sizeof samples[i].number);
    }
    ok &= cp_sorter_end(&s, &err) == 0;
    qsort(samples, n, sizeof *samples, sample_compare);
    for (const char *r; ok && (r = cp_sorter_next(&s, &err)); got++)
        ok &= got < want && memcmp(r, &samples[got].number, sizeof samples[got].number) == 0 &&
              r[size - 1] == 'r';
    *spilled = s.spilled;
    cp_sorter_release(&s);
    cp_sort_key_release(&key);
    free(samples);
    return ok && got == want && err.exit == CP_EXIT_OK;
}

static void test_sorter(void)
{
    uint64_t spilled;

    check(sorts(0, 1 << 20, 0, 16, false, &spilled) && sorts(1, 1 << 20, 0, 16, false, &spilled),
          "none and one");
    check(sorts(20000, 16 << 20, 0, 16, false, &spilled) && spilled == 0,
          "in memory as a stable sort of all values");
    check(sorts(20000, 16 << 20, 0, 16, true, &spilled), "texts with the same beginning");
    check(sorts(30000, 1 << 20, 0, 104, true, &spilled) && spilled > 0, "with a few runs");
    check(sorts(100000, 65536, 0, 40, false, &spilled),
          "with so many runs that they are merged in passes");
    printf("# %" PRIu64 " bytes written\n", spilled);
    check(sorts(3000, 65536, 0, 12000, true, &spilled), "with records of a fifth of the memory");
    check(sorts(20000, 16 << 20, 10, 16, false, &spilled) && spilled == 0, "the first ten");
    check(sorts(50000, 65536, 500, 40, true, &spilled) && spilled == 0,
          "the first 500 of many equal ones");
    check(sorts(50000, 65536, 5000, 40, true, &spilled) && spilled > 0,
          "a limit larger than the memory");
}

static void test_sorter_errors(void)
{
    struct cp_err err = {0};
    struct cp_sorter s;
    const char *old = getenv("TMPDIR");
    char none, *to = &none;

    setenv("TMPDIR", "/nonexistent/folder", 1);
    cp_sorter_init(&s, 65536, 0);
    for (int i = 0; i < 1000 && to; i++)
        if ((to = cp_sorter_add(&s, "k", 1, 4000, &err)))
            memset(to, 0, 4000);
    cp_sorter_release(&s);
    check(!to && err.exit == CP_EXIT_IO && strstr(err.message, "/nonexistent/folder") &&
              err.sys == ENOENT,
          "no folder for the temporary file: says which and why");
    err = (struct cp_err){0};
    cp_sorter_init(&s, 65536, 0);
    check(!cp_sorter_add(&s, "k", 1, 40000, &err) && err.exit == CP_EXIT_IO,
          "a record too large for the memory is refused");
    cp_sorter_release(&s);
    if (old)
        setenv("TMPDIR", old, 1);
    else
        unsetenv("TMPDIR");
}

/* ---- Store ---- */

static void test_store(void)
{
    struct cp_store s;
    void *piece[64] = {0};
    size_t size[64] = {0};
    bool ok = true;

    cp_store_init(&s, 8 << 20);
    for (int i = 0; i < 20000; i++) {
        unsigned k = below(64);
        size_t n = (size_t)1 << below(19);
        if (piece[k] && below(2)) {
            for (size_t j = 0; j < size[k]; j++)
                ok &= ((unsigned char *)piece[k])[j] == k;
            cp_store_give(&s, piece[k], size[k]);
            piece[k] = NULL;
        } else if (!piece[k] && (piece[k] = cp_store_piece(&s, n))) {
            memset(piece[k], (int)k, size[k] = n);
        }
        ok &= s.used <= s.max;
    }
    check(ok, "pieces keep what is in them, within the bound");
    cp_store_release(&s);
}

int main(void)
{
    test_equality();
    check(random_groups(1, 200000, 5000, UINT64_MAX), "one value as the reference");
    check(random_groups(2, 200000, 100, UINT64_MAX), "two values as the reference");
    check(random_groups(3, 100000, 20, UINT64_MAX), "three values as the reference");
    check(random_groups(1, 20000, 300, 0), "all hashes equal");
    check(random_groups(1, 50000, 3000, UINT64_C(7) << 32), "all in one slot, few tags");
    check(random_groups(2, 50000, 50, 3), "few slots, one tag");
    test_values();
    test_long_keys();
    test_same();
    test_no_key();
    test_bound();
    test_store();
    test_keys();
    test_sorter();
    test_sorter_errors();
    cp_heap_release(&heap);
    printf("1..%d\n", tests);
    return failures > 0;
}
