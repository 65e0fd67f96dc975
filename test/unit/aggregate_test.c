/* Tests of lib/agg: every aggregate against a naive reference, merging in any order, error bounds,
 * memory. Prints TAP. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../lib/agg/aggregate.h"
#include "../../lib/agg/quantile.h"
#include "../../lib/base/alloc.h"
#include "../../lib/base/arena.h"
#include "../../lib/format/json.h"

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

static struct cp_heap heap;

static struct cp_value json(const char *p, size_t n)
{
    char *copy = cp_heap_copy(&heap, p, n);
    struct cp_value v = {.kind = CP_MISSING};
    size_t at;
    cp_json_value(copy, n, &v, &at);
    return v;
}

/* ---- Using an aggregate ---- */

static struct cp_agg_call call_of(const char *name, const char *param)
{
    struct cp_agg_call call;
    if (!cp_aggregate_find(cp_slice_of(name), &call) ||
        (param && cp_aggregate_param(&call, cp_slice_of(param)))) {
        printf("Bail out! no aggregate %s\n", name);
        exit(1);
    }
    return call;
}

static void add(struct cp_agg_env *env, const struct cp_agg_call *call, void *state,
                const struct cp_value *v, uint64_t position)
{
    struct cp_num num = {.kind = CP_NUM_NONE};
    if (cp_is_null(v))
        return;
    if (call->type->flags & CP_AGG_NUMBERS && !cp_value_number(v, &num))
        return;
    if (call->type->flags & CP_AGG_TRUTHS && !cp_value_truth(v))
        return;
    call->type->add(env, call, state, v, &num, position);
}

/* The result as JSON, in the heap. */
static char *finish(struct cp_agg_env *env, const struct cp_agg_call *call, void *state)
{
    struct cp_value v = call->type->finish(env, call, state);
    size_t n = cp_json_format(&v, NULL, 0);
    char *text = cp_heap_take(&heap, n + 1);
    cp_json_format(&v, text, n);
    return text;
}

enum { STATE = 512, PARTS = 5 };

struct bench {
    struct cp_store store;
    struct cp_agg_env env;
    _Alignas(16) char state[STATE];
};

static void bench_open(struct bench *b, size_t max)
{
    memset(b, 0, sizeof *b);
    cp_store_init(&b->store, max);
    b->env = (struct cp_agg_env){.store = &b->store, .seed = draw()};
}

static char *whole(const struct cp_agg_call *call, const struct cp_value *v, size_t n)
{
    struct bench b;
    bench_open(&b, 256 << 20);
    for (size_t i = 0; i < n; i++)
        add(&b.env, call, b.state, &v[i], i);
    char *result = finish(&b.env, call, b.state);
    cp_store_release(&b.store);
    return result;
}

/* The same from parts that are merged in any order; all of them in one store, as its texts must
 * live. */
static char *in_parts(const struct cp_agg_call *call, const struct cp_value *v, size_t n)
{
    struct bench b;
    _Alignas(16) char states[PARTS][STATE] = {{0}};
    unsigned first = below(PARTS);

    bench_open(&b, 256 << 20);
    for (size_t i = 0; i < n; i++)
        add(&b.env, call, states[below(PARTS)], &v[i], i);
    for (unsigned k = 1; k < PARTS; k++)
        call->type->merge(&b.env, call, states[first], states[(first + k * 2) % PARTS]);
    char *result = finish(&b.env, call, states[first]);
    cp_store_release(&b.store);
    return result;
}

/* ---- Examples of the table ---- */

static size_t read_values(const char *text, struct cp_value *out)
{
    size_t n = 0;
    for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
        end = strchr(p, ' ');
        if (!end)
            end = p + strlen(p);
        out[n++] = json(p, (size_t)(end - p));
    }
    return n;
}

static void test_examples(void)
{
    for (const struct cp_aggregate *a = cp_aggregates; a->name; a++) {
        struct cp_value values[64];
        const char *name = strcmp(a->name, "pN") == 0 ? "p50" : a->name;
        struct cp_agg_call call = call_of(
            name, a->flags & CP_AGG_PARAM ? (strcmp(name, "topk") == 0 ? "3" : "50") : NULL);
        char title[64];
        if (!a->values)
            continue;
        snprintf(title, sizeof title, "the example of %s", a->name);
        char *result = whole(&call, values, read_values(a->values, values));
        check(strcmp(result, a->result) == 0, title);
        if (strcmp(result, a->result) != 0)
            printf("# %s, not %s\n", result, a->result);
    }
}

static void test_nothing(void)
{
    static const char *const expected[][2] = {
        {"count", "0"},    {"sum", "0"},      {"uniq", "0"},    {"~uniq", "0"},
        {"list", "[]"},    {"avg", "null"},   {"min", "null"},  {"p99", "null"},
        {"stdev", "null"}, {"first", "null"}, {"topk", "null"}, {"rate", "null"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct cp_agg_call call =
            call_of(expected[i][0], strcmp(expected[i][0], "topk") == 0 ? "3" : NULL);
        char title[64];
        snprintf(title, sizeof title, "%s of nothing is %s", expected[i][0], expected[i][1]);
        check(strcmp(whole(&call, NULL, 0), expected[i][1]) == 0, title);
    }
}

/* ---- References ---- */

/* Numbers as logs have them, in all spellings. */
static struct cp_value draw_number(void)
{
    char buf[64];
    size_t n;
    switch (below(6)) {
    case 0:
        return cp_int((int64_t)below(1000));
    case 1:
        n = (size_t)sprintf(buf, "%u.%u", below(100), below(1000));
        break;
    case 2:
        n = (size_t)sprintf(buf, "%u.0", below(50));
        break;
    case 3:
        n = (size_t)sprintf(buf, "\"%u\"", below(5000));
        break;
    case 4:
        n = (size_t)sprintf(buf, "-%u", below(100));
        break;
    default:
        n = (size_t)sprintf(buf, "%ue1", below(500));
    }
    return json(buf, n);
}

static struct cp_value draw_any(void)
{
    static const char *const some[] = {"null",        "true",  "false", "\"a\"",
                                       "\"\\u0061\"", "\"b\"", "[1]",   "{\"a\":1}",
                                       "\"\"",        "1",     "1.0"};
    const char *s = some[below(sizeof some / sizeof *some)];
    return below(2) ? draw_number() : json(s, strlen(s));
}

static double number_of(const struct cp_value *v)
{
    struct cp_num num;
    cp_value_number(v, &num);
    return cp_num_to_double(&num);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_near(const char *text, double expected, double relative)
{
    double d = strtod(text[0] == '"' ? text + 1 : text, NULL);
    return fabs(d - expected) <= relative * fabs(expected) + 1e-300;
}

enum { MANY = 3000 };

static void test_numbers(void)
{
    static struct cp_value v[MANY];
    static double d[MANY];
    static const unsigned percent[] = {0, 1, 25, 50, 75, 90, 99, 100};
    long double sum = 0, squares = 0;
    bool ok = true;

    for (size_t i = 0; i < MANY; i++) {
        v[i] = draw_number();
        sum += d[i] = number_of(&v[i]);
    }
    for (size_t i = 0; i < MANY; i++)
        squares += (d[i] - sum / MANY) * (d[i] - sum / MANY);
    struct cp_agg_call call = call_of("sum", NULL);
    check(is_near(whole(&call, v, MANY), (double)sum, 1e-15), "sum");
    call = call_of("avg", NULL);
    check(is_near(whole(&call, v, MANY), (double)(sum / MANY), 1e-15), "avg");
    call = call_of("stdev", NULL);
    check(is_near(whole(&call, v, MANY), (double)sqrtl(squares / (MANY - 1)), 1e-14), "stdev");
    qsort(d, MANY, sizeof *d, compare_doubles);
    for (size_t i = 0; i < sizeof percent / sizeof *percent; i++) {
        char name[8];
        sprintf(name, "p%u", percent[i]);
        size_t rank = (percent[i] * MANY + 99) / 100;
        call = call_of(name, NULL);
        ok &= is_near(whole(&call, v, MANY), d[rank ? rank - 1 : 0], 0);
    }
    check(ok, "percentiles are the nearest rank");
    call = call_of("min", NULL);
    check(is_near(whole(&call, v, MANY), d[0], 0), "min");
    call = call_of("max", NULL);
    check(is_near(whole(&call, v, MANY), d[MANY - 1], 0), "max");
}

/* Large numbers that differ little: what cancels must not eat the result. */
static void test_stdev(void)
{
    struct cp_value v[1000];
    struct cp_agg_call call = call_of("stdev", NULL);

    for (int i = 0; i < 1000; i++)
        v[i] = cp_int(INT64_C(1700000000000000) + i % 2);
    check(is_near(whole(&call, v, 1000), sqrt(250.0 / 999), 1e-12),
          "stdev of large integers that differ by one");
    for (int i = 0; i < 1000; i++)
        v[i] = cp_double(1e9 + 0.25 * (i % 2));
    check(is_near(whole(&call, v, 1000), 0.25 * sqrt(250.0 / 999), 1e-12),
          "stdev of doubles that differ little");
}

static void test_exact_sums(void)
{
    struct cp_value v[3000];
    struct cp_agg_call call = call_of("sum", NULL);

    for (int i = 0; i < 1000; i++) {
        v[i] = cp_int(INT64_MAX);
        v[1000 + i] = cp_int(INT64_MIN);
        v[2000 + i] = cp_int(i);
    }
    check(strcmp(whole(&call, v, 3000), "498500") == 0,
          "sums of integers do not overflow on the way");
    v[0] = cp_double(1e300);
    v[1] = cp_double(0.5);
    v[2] = cp_double(-1e300);
    check(strcmp(whole(&call, v, 3), "0.5") == 0, "sums of doubles are exact");
    v[1] = json("1e999", 5);
    check(strcmp(whole(&call, v, 3), "null") == 0, "an infinite sum is null");
}

/* ---- Histograms ---- */

static bool within_bound(size_t n, double (*sample)(void))
{
    struct cp_value *v = cp_xcalloc(n, sizeof *v);
    double *d = cp_xcalloc(n, sizeof *d), worst = 0;
    static const double percent[] = {0, 0.1, 1, 10, 50, 90, 99, 99.9, 100};

    for (size_t i = 0; i < n; i++)
        v[i] = cp_double(d[i] = sample());
    qsort(d, n, sizeof *d, compare_doubles);
    for (size_t i = 0; i < sizeof percent / sizeof *percent; i++) {
        char name[16];
        sprintf(name, "p%g", percent[i]);
        struct cp_agg_call call = call_of(name, NULL);
        size_t rank = (size_t)ceil(percent[i] * 10 * (double)n / 1000 - 1e-9);
        double exact = d[rank ? rank - 1 : 0], got = strtod(whole(&call, v, n), NULL);
        double error = exact != 0 ? fabs(got / exact - 1) : fabs(got);
        worst = error > worst ? error : worst;
    }
    printf("# worst error %.4f %%\n", worst * 100);
    free(v);
    free(d);
    return worst <= 0.005;
}

static double draw_unit(void)
{
    return (double)(draw() >> 11) * 0x1p-53;
}

static double draw_wide(void)
{
    return exp(draw_unit() * 60 - 30) * (below(2) ? 1 : -1);
}

static double draw_latency(void)
{
    return 0.001 / (draw_unit() + 1e-4);
}

static double draw_whole(void)
{
    return below(300);
}

static void test_histogram(void)
{
    static struct cp_value v[CP_QUANTILE_EXACT + 1];
    struct cp_agg_call call = call_of("p50", NULL);

    check(within_bound(100000, draw_wide),
          "estimates of numbers of all sizes and signs are within 0.5 %");
    check(within_bound(50000, draw_latency), "of latencies");
    check(within_bound(50000, draw_whole), "of small integers");
    for (int i = 0; i <= CP_QUANTILE_EXACT; i++)
        v[i] = json("7.50", 4);
    check(strcmp(whole(&call, v, CP_QUANTILE_EXACT), "7.50") == 0,
          "4096 values are exact, as they are spelled");
    check(strcmp(whole(&call, v, CP_QUANTILE_EXACT + 1), "7.5") == 0,
          "beyond that the smallest and the largest bound the estimate");
}

static void test_ranks(void)
{
    struct cp_value v[1000];
    struct cp_agg_call call = call_of("p99.9", NULL);

    for (int i = 0; i < 1000; i++)
        v[i] = cp_int(i + 1);
    check(strcmp(whole(&call, v, 1000), "999") == 0,
          "p99.9 of 1000 is the 999th: the rank is computed exactly");
    call = call_of("p100", NULL);
    check(strcmp(whole(&call, v, 1000), "1000") == 0, "p100 is the largest");
    check(!cp_aggregate_find(CP_SLICE("p101"), &call) && !cp_aggregate_find(CP_SLICE("p"), &call) &&
              !cp_aggregate_find(CP_SLICE("pN"), &call),
          "no p101");
}

/* ---- Counting different values ---- */

static void test_distinct(void)
{
    enum { N = 300000 };
    struct cp_value *v = cp_xcalloc(N, sizeof *v);
    struct cp_agg_call uniq = call_of("uniq", NULL), estimate = call_of("~uniq", NULL);
    double worst = 0;

    for (size_t i = 0; i < N; i++)
        v[i] = cp_int((int64_t)(i % (N / 3)));
    check(strtoull(whole(&uniq, v, N), NULL, 10) == N / 3, "uniq is exact");
    check(strtoull(whole(&estimate, v, 1024), NULL, 10) == 1024, "~uniq is exact up to 1024");
    for (size_t n = 1500; n <= N / 3; n = n * 3 / 2)
        worst = fmax(worst, fabs(strtod(whole(&estimate, v, n), NULL) / (double)n - 1));
    printf("# worst error of ~uniq %.2f %%\n", worst * 100);
    check(worst < 0.03, "~uniq is within three standard errors and a bit");
    char *first = whole(&estimate, v, N), *second = whole(&estimate, v, N);
    check(strcmp(first, second) == 0, "~uniq does not depend on the seed of the run");
    free(v);
}

/* ---- Merging ---- */

static void test_merge(void)
{
    static const char *const names[][2] = {{"count"}, {"sum"},       {"avg"},         {"min"},
                                           {"max"},   {"first"},     {"last"},        {"stdev"},
                                           {"p50"},   {"p99.9"},     {"pct", "12.5"}, {"uniq"},
                                           {"~uniq"}, {"topk", "5"}, {"list"},        {"rate"}};
    static const size_t sizes[] = {0, 1, 7, 500, 5000, 20000};
    struct cp_value *v = cp_xcalloc(20000, sizeof *v);

    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        struct cp_agg_call call = call_of(names[a][0], names[a][1]);
        bool ok = true;
        char title[64];
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (size_t i = 0; i < sizes[s]; i++)
                v[i] = draw_any();
            char *expected = whole(&call, v, sizes[s]);
            for (int k = 0; k < 3; k++)
                ok &= strcmp(in_parts(&call, v, sizes[s]), expected) == 0;
        }
        snprintf(title, sizeof title, "%s of parts, merged in any order, is that of the whole",
                 names[a][0]);
        check(ok, title);
    }
    free(v);
}

/* ---- Memory ---- */

static void test_memory(void)
{
    static const char *const names[] = {"uniq", "list", "topk", "p99", "last"};
    for (size_t a = 0; a < sizeof names / sizeof *names; a++) {
        struct cp_agg_call call = call_of(names[a], strcmp(names[a], "topk") == 0 ? "3" : NULL);
        struct bench b;
        char buf[64 + 64] = {0}, title[64];
        uint64_t most = 0;

        bench_open(&b, 65536);
        for (uint64_t i = 0; i < 100000; i++) {
            struct cp_value v =
                cp_text(buf, (size_t)sprintf(buf, "%llu.50", (unsigned long long)i * i));
            add(&b.env, &call, b.state, &v, i);
            most = b.store.used > most ? b.store.used : most;
        }
        finish(&b.env, &call, b.state);
        snprintf(title, sizeof title, "%s stays within the bound", names[a]);
        bool may_lose = strcmp(names[a], "last") != 0;
        check(most <= b.store.max && (b.env.lost > 0) == may_lose, title);
        cp_store_release(&b.store);
    }
}

int main(void)
{
    test_examples();
    test_nothing();
    test_numbers();
    test_stdev();
    test_exact_sums();
    test_histogram();
    test_ranks();
    test_distinct();
    test_merge();
    test_memory();
    cp_heap_release(&heap);
    printf("1..%d\n", tests);
    return failures > 0;
}
