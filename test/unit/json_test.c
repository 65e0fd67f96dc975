/* json_test.c: the format json against tables, the JSON test suite and a parser that is too simple
 * to be wrong. TAP. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../lib/base/scan.h"
#include "../../lib/expr/expr.h"
#include "../../lib/format/format.h"
#include "../../lib/format/json.h"
#include "../../lib/format/json_encode.h"
#include "../../lib/format/json_scan.h"

extern const struct cp_format cp_format_json;

static int n_tests, n_failed;
static struct cp_heap heap;

static void ok(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++n_tests, name);
    n_failed += !passed;
}

static bool same(const char *what, const char *input, const char *got, size_t n, const char *want)
{
    if (n == strlen(want) && memcmp(got, want, n) == 0)
        return true;
    printf("# %s %s: got %.*s, want %s\n", what, input, (int)n, got, want);
    return false;
}

/* ---- Random numbers ---- */

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- Text with exactly CP_PAD bytes behind it, full of misleading ones ---- */

static char *pad(const char *text, size_t n, size_t offset, char **base)
{
    static const char noise[] = "\"7e.\\}]n,: true";

    *base = malloc(offset + n + CP_PAD);
    memcpy(*base + offset, text, n);
    for (size_t i = 0; i < CP_PAD; i++)
        (*base)[offset + n + i] = noise[below(sizeof noise - 1)];
    return *base + offset;
}

/* A padded copy that lives as long as the program. */
static struct cp_slice keep(const char *text)
{
    size_t n = strlen(text);
    char *copy = cp_heap_copy(&heap, text, n);

    return (struct cp_slice){copy, n};
}

/* ---- Paths, decoders, rows ---- */

/* a.b[0].c; no quoting. */
static struct cp_path *make_path(const char *text)
{
    struct cp_path *path = cp_heap_take(&heap, sizeof *path);
    const char *p = text;

    path->text = cp_slice_of(text);
    path->steps = cp_heap_take(&heap, 16 * sizeof *path->steps);
    while (*p) {
        struct cp_step *s = &path->steps[path->n++];
        if (*p == '[') {
            path->has_brackets = true;
            s->index = strtol(p + 1, (char **)&p, 10);
            p++;
        } else {
            s->name.p = p;
            s->name.n = strcspn(p, ".[");
            p += s->name.n;
        }
        p += *p == '.';
    }
    return path;
}

enum { MAX_WANTS = 8 };

struct reader {
    void *decoder;
    struct cp_value cells[MAX_WANTS][1];
    struct cp_value *col[MAX_WANTS];
    size_t n;
};

static void reader_init(struct reader *r, const char *const *paths, size_t n)
{
    struct cp_want want[MAX_WANTS];
    struct cp_wants wants = {.v = want, .n = n};
    struct cp_err err = {0};

    memset(r, 0, sizeof *r);
    r->n = n;
    for (size_t k = 0; k < n; k++) {
        r->col[k] = r->cells[k];
        want[k] = (struct cp_want){.path = make_path(paths[k]), .slot = (int)k};
    }
    r->decoder = cp_heap_take(&heap, cp_format_json.decoder_size);
    cp_format_json.open(r->decoder, &wants, &heap, &err);
}

static const char *reader_read(struct reader *r, const char *p, size_t n)
{
    struct cp_row row = {.col = r->col, .i = 0};
    size_t at = 0;
    const char *why = cp_format_json.decode(r->decoder, p, n, &row, &at);

    if (why && at > n)
        printf("# error beyond the end: %zu of %zu\n", at, n);
    return why && at > n ? NULL : why;
}

/* A value as text: its kind and its bytes. */
static size_t describe(const struct cp_value *v, char *out)
{
    static const char *const kinds[] = {
        [CP_MISSING] = "missing", [CP_NULL] = "null", [CP_FALSE] = "false", [CP_TRUE] = "true",
        [CP_NUMBER] = "num",      [CP_TEXT] = "text", [CP_LIST] = "list",   [CP_OBJECT] = "obj"};
    size_t n = (size_t)sprintf(out, "%s%s", kinds[v->kind], v->esc == CP_ESC_JSON ? "*" : "");

    if (!cp_is_spelled(v))
        return n;
    out[n++] = ':';
    memcpy(out + n, v->p, v->len);
    return n + v->len;
}

/* ---- The simple parser ---- */

static const char *ref_blanks(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p) && *p)
        p++;
    return p;
}

static const char *ref_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p != '\\')
            continue;
        if (++p == end || !*p || !strchr("\"\\/bfnrtu", *p))
            return NULL;
        for (int k = 0; *p == 'u' && k < 4; k++)
            if (end - p <= k + 1 || !p[k + 1] || !strchr("0123456789abcdefABCDEF", p[k + 1]))
                return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *ref_digits(const char *p, const char *end)
{
    const char *q = p;

    while (q < end && *q >= '0' && *q <= '9')
        q++;
    return q > p ? q : NULL;
}

static const char *ref_number(const char *p, const char *end)
{
    const char *q;

    p += *p == '-';
    q = ref_digits(p, end);
    if (!q || (*p == '0' && q > p + 1))
        return NULL;
    if (q < end && *q == '.' && !(q = ref_digits(q + 1, end)))
        return NULL;
    if (q < end && (*q == 'e' || *q == 'E')) {
        q++;
        q += q < end && (*q == '+' || *q == '-');
        q = ref_digits(q, end);
    }
    return q;
}

static const char *ref_value(const char *p, const char *end, int depth);

static const char *ref_brackets(const char *p, const char *end, int depth)
{
    bool is_object = *p == '{';
    char close = is_object ? '}' : ']';

    if (depth == CP_JSON_DEPTH)
        return NULL;
    p = ref_blanks(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        if (is_object) {
            if (p >= end || *p != '"' || !(p = ref_string(p, end)))
                return NULL;
            p = ref_blanks(p, end);
            if (p >= end || *p++ != ':')
                return NULL;
            p = ref_blanks(p, end);
        }
        if (!(p = ref_value(p, end, depth + 1)))
            return NULL;
        p = ref_blanks(p, end);
        if (p < end && *p == close)
            return p + 1;
        if (p >= end || *p++ != ',')
            return NULL;
        p = ref_blanks(p, end);
    }
}

static const char *ref_value(const char *p, const char *end, int depth)
{
    static const char *const words[] = {"true", "false", "null"};

    if (p >= end)
        return NULL;
    if (*p == '"')
        return ref_string(p, end);
    if (*p == '{' || *p == '[')
        return ref_brackets(p, end, depth);
    for (int k = 0; k < 3; k++)
        if ((size_t)(end - p) >= strlen(words[k]) && memcmp(p, words[k], strlen(words[k])) == 0)
            return p + strlen(words[k]);
    return ref_number(p, end);
}

static bool ref_is_valid(const char *p, size_t n)
{
    const char *end = p + n;
    const char *q = ref_value(ref_blanks(p, end), end, 0);

    return q && ref_blanks(q, end) == end;
}

static struct cp_value ref_make(const char *p, const char *end)
{
    struct cp_value v = {.p = p, .len = (uint32_t)(end - p)};

    switch (*p) {
    case '"':
        v = cp_text(p + 1, (size_t)(end - p - 2));
        v.esc = memchr(p, '\\', (size_t)(end - p)) ? CP_ESC_JSON : CP_PLAIN;
        return v;
    case '{':
    case '[':
        v.kind = *p == '{' ? CP_OBJECT : CP_LIST;
        return v;
    case 't':
    case 'f':
        return cp_bool(*p == 't');
    case 'n':
        return cp_null();
    }
    v.kind = CP_NUMBER;
    return v;
}

/* Decodes a key that holds no \u beyond ASCII. */
static size_t ref_decode(const char *p, const char *end, char *out)
{
    size_t n = 0;

    for (; p < end; p++) {
        if (*p != '\\') {
            out[n++] = *p;
            continue;
        }
        if (*++p == 'u') {
            char hex[5] = {p[1], p[2], p[3], p[4]};
            out[n++] = (char)strtol(hex, NULL, 16);
            p += 4;
        } else {
            out[n++] = strchr("bfnrt", *p) ? "\b\f\n\r\t"[strchr("bfnrt", *p) - "bfnrt"] : *p;
        }
    }
    return n;
}

/* The value at the end of a step in a valid object or list at p; false: none. Sets *to to its
 * bytes. */
static bool ref_step(const char *p, const char *end, const struct cp_step *step,
                     struct cp_slice *to)
{
    bool found = false;
    int64_t total = 0;
    char key[4096];

    if (*p != (step->name.p ? '{' : '['))
        return false;
    for (int pass = 0; pass < 2; pass++) {
        const char *q = ref_blanks(p + 1, end);
        int64_t k = 0;
        while (*q != '}' && *q != ']') {
            bool is_it = k == (step->index < 0 ? total + step->index : step->index);
            if (step->name.p) {
                const char *close = ref_string(q, end);
                size_t n = ref_decode(q + 1, close - 1, key);
                is_it = n == step->name.n && memcmp(key, step->name.p, n) == 0;
                q = ref_blanks(ref_blanks(close, end) + 1, end);
            }
            const char *stop = ref_value(q, end, 0);
            if (is_it && pass == 1) {
                *to = (struct cp_slice){q, (size_t)(stop - q)};
                found = true;
            }
            k++;
            q = ref_blanks(stop, end);
            if (*q == ',')
                q = ref_blanks(q + 1, end);
        }
        total = k;
    }
    return found;
}

static bool ref_find(struct cp_slice at, const struct cp_step *steps, size_t n, struct cp_value *v)
{
    for (size_t k = 0; k < n; k++)
        if (!ref_step(at.p, at.p + at.n, &steps[k], &at))
            return false;
    *v = ref_make(at.p, at.p + at.n);
    return true;
}

static struct cp_value ref_want(const char *p, size_t n, const char *text)
{
    struct cp_value v = {.kind = CP_MISSING};
    const struct cp_path *path = make_path(text);
    const char *end = p + n;
    struct cp_step literal = {.name = path->text};
    bool has_index = strchr(text, '[') != NULL;

    p = ref_blanks(p, end);
    struct cp_slice root = {p, (size_t)(ref_value(p, end, 0) - p)};
    if (*p != '{') {
        if (cp_slice_is(path->steps[0].name, "value"))
            ref_find(root, path->steps + 1, path->n - 1, &v);
        return v;
    }
    if (path->n > 1 && !has_index && ref_find(root, &literal, 1, &v))
        return v;
    ref_find(root, path->steps, path->n, &v);
    return v;
}

/* ---- Random documents ---- */

struct doc {
    char text[8192];
    size_t n;
    bool is_plain; /* few blanks, few escapes: as logs are */
};

static void add(struct doc *d, const char *s)
{
    size_t n = strlen(s);

    if (d->n + n < sizeof d->text - 600) {
        memcpy(d->text + d->n, s, n);
        d->n += n;
    }
}

static void add_blanks(struct doc *d)
{
    if (below(d->is_plain ? 200 : 6) == 0)
        for (uint32_t k = below(4) + 1; k > 0; k--)
            add(d, (const char *[]){" ", "\t", "\n", "\r", "  "}[below(5)]);
}

static void add_string(struct doc *d)
{
    static const char *const parts[] = {
        "a", "b",   "GET",  " ",    "/x/y.html", "\xC3\xA9", "\xFF",           "{",      "]", ",",
        ":", "\\n", "\\\"", "\\\\", "\\/",       "\\u0041",  "\\ud83d\\ude00", "\\uDC00"};
    static const uint32_t lengths[] = {3, 8, 20, 70};

    add(d, "\"");
    for (uint32_t k = below(lengths[below(4)]); k > 0; k--)
        add(d, parts[below(d->is_plain && below(20) ? 11 : 18)]);
    add(d, "\"");
}

static void add_scalar(struct doc *d)
{
    static const char *const words[] = {"true", "false", "null"};
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "200",
                                          "-17",
                                          "1.0",
                                          "0.5",
                                          "1e5",
                                          "-1.5E-3",
                                          "12345678901234567890",
                                          "0.000000000000000001",
                                          "1446249499322",
                                          "999999999999999",
                                          "9999999999999999",
                                          "1.25e+10",
                                          "63.162"};

    switch (below(4)) {
    case 0:
        add(d, words[below(3)]);
        return;
    case 1:
    case 2:
        add(d, numbers[below(16)]);
        return;
    default:
        add_string(d);
    }
}

static void add_value(struct doc *d, int depth);

static void add_object(struct doc *d, int depth)
{
    static const char *const keys[] = {
        "a",
        "b",
        "status",
        "a.b",
        "value",
        "c",
        "\\u0061",
        "b\\/",
        "",
        "x",
        "a_very_long_key_that_is_longer_than_any_vector_of_this_machine_in_bytes_really",
        "ts"};
    uint32_t n = below(6), first = below(12);

    add(d, "{");
    add_blanks(d);
    for (uint32_t k = 0; k < n; k++) {
        if (k > 0)
            add(d, ",");
        add_blanks(d);
        add(d, "\"");
        add(d, keys[d->is_plain && below(10) ? (first % 3 + k) % 12 : below(12)]);
        add(d, "\"");
        add_blanks(d);
        add(d, ":");
        add_blanks(d);
        add_value(d, depth);
        add_blanks(d);
    }
    add(d, "}");
}

static void add_list(struct doc *d, int depth)
{
    add(d, "[");
    add_blanks(d);
    for (uint32_t n = below(5), k = 0; k < n; k++) {
        if (k > 0)
            add(d, ",");
        add_blanks(d);
        add_value(d, depth);
        add_blanks(d);
    }
    add(d, "]");
}

static void add_value(struct doc *d, int depth)
{
    uint32_t kind = depth > 5 || d->n > 3000 ? 9 : below(10);

    if (kind < 3)
        add_object(d, depth + 1);
    else if (kind < 5)
        add_list(d, depth + 1);
    else
        add_scalar(d);
}

static void make_doc(struct doc *d)
{
    d->n = 0;
    d->is_plain = below(4) != 0;
    add_blanks(d);
    if (below(20) == 0)
        add_value(d, 0);
    else
        add_object(d, 0);
    add_blanks(d);
}

static void damage(struct doc *d)
{
    static const char bytes[] = "\"\\{}[],:0123.eE+-tfn \n\t\x01u\x80";
    size_t at;

    for (uint32_t times = below(2) + 1; times > 0 && d->n > 0; times--) {
        at = below((uint32_t)d->n);
        switch (below(4)) {
        case 0:
            d->text[at] = bytes[below(sizeof bytes - 1)];
            break;
        case 1:
            memmove(d->text + at, d->text + at + 1, --d->n - at);
            break;
        case 2:
            memmove(d->text + at + 1, d->text + at, d->n++ - at);
            d->text[at] = bytes[below(sizeof bytes - 1)];
            break;
        default:
            d->n = at;
        }
    }
}

static const char *const wanted[] = {"status", "a.b",     "a",     "b",
                                     "a[0]",   "a[-1].b", "value", "x.a.c"};

/* One text, read in all ways, against the simple parser. */
static bool agree(struct reader *none, struct reader *some, const char *text, size_t n,
                  size_t offset)
{
    char *base, *p = pad(text, n, offset, &base);
    char got[9000], want[9000];
    bool valid = ref_is_valid(p, n), passed = true;
    struct cp_value v;
    size_t at;

    passed = !reader_read(none, p, n) == valid && !reader_read(some, p, n) == valid &&
             !cp_json_value(p, n, &v, &at) == valid;
    for (size_t k = 0; passed && valid && k < some->n; k++) {
        struct cp_value expected = ref_want(p, n, wanted[k]);
        want[describe(&expected, want)] = 0;
        passed = same(wanted[k], "", got, describe(&some->cells[k][0], got), want);
    }
    if (!passed)
        printf("# valid %d: %.*s\n", valid, (int)n, text);
    free(base);
    return passed;
}

static void test_random(int level, const char *name)
{
    struct reader none, some;
    struct doc d;
    bool passed = true;
    char title[80];

    reader_init(&none, NULL, 0);
    reader_init(&some, wanted, MAX_WANTS);
    for (size_t k = 0; passed && k < 20000; k++) {
        make_doc(&d);
        if (below(3) == 0)
            damage(&d);
        passed = agree(&none, &some, d.text, d.n, k % 64);
    }
    sprintf(title, "random documents, %s (%d)", name, level);
    ok(passed, title);
}

/* The memory of glue fills up, is kept and is renewed. */
static void test_many_keys(void)
{
    struct reader r;
    bool passed = true;

    reader_init(&r, wanted, MAX_WANTS);
    for (int k = 0; passed && k < 150000; k++) {
        char text[200];
        int n =
            sprintf(text, "{\"k%u\":{\"id%u\":[1,{\"z%u\":2}]},\"status\":%d,\"a\":{\"b\":\"%d\"}}",
                    below(1u << 30), below(1u << 30), below(1000), k, k);
        char *base, *p = pad(text, (size_t)n, 0, &base), want[32];
        passed = !reader_read(&r, p, (size_t)n);
        sprintf(want, "%d", k);
        passed = passed && same("status", text, r.cells[0][0].p, r.cells[0][0].len, want) &&
                 same("a.b", text, r.cells[1][0].p, r.cells[1][0].len, want);
        free(base);
    }
    ok(passed, "keys that never repeat");
}

static void test_depth(void)
{
    char *text = malloc(3000), *base;
    struct reader r;
    bool passed = true;

    reader_init(&r, NULL, 0);
    for (int times = 0; times < 2; times++) {
        for (size_t depth = 1023; depth <= 1025; depth++) {
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            memcpy(text, "{\"", 1);
            char *t = malloc(3000);
            size_t n = (size_t)sprintf(t, "{\"a\":%.*s%.*s}", (int)depth - 1, text + 1,
                                       (int)depth - 1, text + depth);
            char *p = pad(t, n, 0, &base);
            passed = passed && !reader_read(&r, p, n) == (depth <= 1024);
            free(base);
            free(t);
        }
    }
    ok(passed, "depth 1024");
    free(text);
}

static void test_suite(void)
{
    const char *shared = getenv("CHANPIPE_SHARED");
    char dir[1000], file[2000], text[120000];
    size_t accepted = 0, refused = 0;
    struct dirent *entry;
    struct reader none, some;
    DIR *d;

    snprintf(dir, sizeof dir, "%s/corpora/json/test_parsing", shared ? shared : "");
    if (!shared || !(d = opendir(dir))) {
        printf("ok %d - JSON test suite # SKIP CHANPIPE_SHARED is not set\n", ++n_tests);
        return;
    }
    reader_init(&none, NULL, 0);
    reader_init(&some, wanted, MAX_WANTS);
    bool passed = true;
    while ((entry = readdir(d))) {
        snprintf(file, sizeof file, "%s/%s", dir, entry->d_name);
        FILE *f = strchr("yni", entry->d_name[0]) ? fopen(file, "r") : NULL;
        if (!f)
            continue;
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        passed = agree(&none, &some, text, n, 0) && passed;
        accepted += entry->d_name[0] == 'y' && ref_is_valid(text, n);
        refused += entry->d_name[0] == 'n' && !ref_is_valid(text, n);
    }
    closedir(d);
    printf("# %zu of 95 accepted, %zu of 188 refused\n", accepted, refused);
    ok(passed && accepted == 95 && refused == 188, "JSON test suite");
}

/* ---- Tables ---- */

static void test_get(void)
{
    static const char *const table[][3] = {
        {"{\"a\":1,\"a\":2}", "a", "num:2"},
        {"{\"a\":{\"b\":1}}", "a.b", "num:1"},
        {"[10,[20,30]]", "[1]", "list:[20,30]"},
        {"[10,[20,30]]", "[1][-1]", "num:30"},
        {"[10,[20,30]]", "[-2]", "num:10"},
        {"[10,[20,30]]", "[-3]", "missing"},
        {"{\"\\u0061\":\"x\\n\"}", "a", "text*:x\\n"},
        {"{\"a\": [ ] , \"b\" : { } }", "b", "obj:{ }"},
        {"{\"a\":{\"b\":1},\"a\":null}", "a.b", "missing"},
    };
    bool passed = true;

    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        struct cp_slice text = keep(table[k][0]);
        const struct cp_path *path = make_path(table[k][1]);
        struct cp_value v;
        size_t at;
        char got[200];
        passed = !cp_json_value(text.p, text.n, &v, &at) && passed;
        v = cp_json_get(&v, path->steps, path->n);
        passed = same("get", table[k][0], got, describe(&v, got), table[k][2]) && passed;
    }
    ok(passed, "cp_json_get");
}

static void test_put(void)
{
    static const struct {
        struct cp_value v;
        const char *want;
    } table[] = {
        {{.kind = CP_MISSING}, "null"},
        {{.kind = CP_TRUE}, "true"},
        {{.kind = CP_INT, .i = -5}, "-5"},
        {{.kind = CP_DOUBLE, .d = 3.0}, "3"},
        {{.kind = CP_DOUBLE, .d = 1e21}, "1e+21"},
        {{.kind = CP_TIME, .i = 0}, "\"1970-01-01T00:00:00Z\""},
        {{.kind = CP_NUMBER, .p = "1.0"}, "1.0"},
        {{.kind = CP_NUMBER, .p = "007"}, "7"},
        {{.kind = CP_NUMBER, .p = "1e999"}, "1e999"},
        {{.kind = CP_STAMP, .p = "20/Nov/2026"}, "\"20/Nov/2026\""},
        {{.kind = CP_TEXT, .p = "a\"b\\c/d\x01\n\x1f"}, "\"a\\\"b\\\\c/d\\u0001\\n\\u001f\""},
        {{.kind = CP_TEXT, .p = "\b\f\r\t\x7f"}, "\"\\b\\f\\r\\t\x7f\""},
        {{.kind = CP_TEXT, .p = "h\xC3\xA9\xFFllo"}, "\"h\xC3\xA9\xEF\xBF\xBDllo\""},
        {{.kind = CP_TEXT, .p = "cut \xE2\x82"}, "\"cut \xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{.kind = CP_TEXT, .p = "500"}, "\"500\""},
        {{.kind = CP_TEXT, .flags = CP_UNTYPED, .p = "500"}, "500"},
        {{.kind = CP_TEXT, .flags = CP_UNTYPED, .p = "-1.50"}, "-1.50"},
        {{.kind = CP_TEXT, .flags = CP_UNTYPED, .p = "007"}, "\"007\""},
        {{.kind = CP_TEXT, .flags = CP_UNTYPED, .p = "1e5"}, "\"1e5\""},
        {{.kind = CP_TEXT, .flags = CP_UNTYPED, .p = "true"}, "\"true\""},
        {{.kind = CP_TEXT, .esc = CP_ESC_JSON, .p = "a\\/\\u00e9\\\""}, "\"a\\/\\u00e9\\\"\""},
        {{.kind = CP_TEXT, .esc = CP_ESC_LOGFMT, .p = "a\\nb\\q\\u00e9\\u12"},
         "\"a\\nb\\\\q\xC3\xA9\\\\u12\""},
        {{.kind = CP_TEXT, .esc = CP_ESC_CSV, .p = "say \"\"hi\"\""}, "\"say \\\"hi\\\"\""},
        {{.kind = CP_TEXT, .esc = CP_ESC_TSV, .p = "a\\tb\\\\c\\x"}, "\"a\\tb\\\\c\\\\x\""},
        {{.kind = CP_LIST, .p = "[1, 2]"}, "[1, 2]"},
    };
    bool passed = true;
    char got[200];

    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        struct cp_value v = table[k].v;
        if (cp_is_spelled(&v)) {
            struct cp_slice text = keep(v.p);
            v.p = text.p;
            v.len = (uint32_t)text.n;
        }
        size_t n = cp_json_format(&v, got, sizeof got);
        passed = same("put", "", got, n, table[k].want) && passed;
        passed = cp_json_format(&v, NULL, 0) == n && passed;
    }
    ok(passed, "cp_json_put");
}

/* A byte at every place of a text of every length. */
static void test_put_places(void)
{
    static const char *const parts[] = {"\"", "\n", "\x01", "\xFF", "\xE2\x82\xAC", "\xE2\x82"};
    static const char *const wants[] = {"\\\"",         "\\n",          "\\u0001",
                                        "\xEF\xBF\xBD", "\xE2\x82\xAC", "\xEF\xBF\xBD\xEF\xBF\xBD"};
    char text[1400], want[1500], got[1500];
    bool passed = true;

    for (size_t n = 0; n < 1200; n += n < 140 ? 1 : 97) {
        for (size_t at = 0; at <= n; at += n < 140 ? 1 : 31) {
            size_t k = below(6), part = strlen(parts[k]);
            memset(text, 'x', n + part);
            memcpy(text + at, parts[k], part);
            char *base, *p = pad(text, n + part, at % 16, &base);
            struct cp_value v = cp_text(p, n + part);
            sprintf(want, "\"%.*s%s%.*s\"", (int)at, text, wants[k], (int)(n - at),
                    text + at + part);
            passed = same("text", text, got, cp_json_format(&v, got, sizeof got), want) && passed;
            free(base);
        }
    }
    ok(passed, "texts of every length");
}

/* Escapes at every place are written as the text that they stand for. */
static void test_put_escapes(void)
{
    static const char *const parts[] = {"\\n",     "\\\"", "\\u00e9", "\\ud83d\\ude00",
                                        "\\u0001", "\\q"};
    static const char *const wants[] = {"\\n",     "\\\"", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                        "\\u0001", "\\\\q"};
    char text[1400], want[1500], got[1500];
    bool passed = true;

    for (size_t n = 0; n < 1200; n += n < 70 ? 1 : 97) {
        for (size_t at = 0; at <= n; at++) {
            size_t k = below(6), part = strlen(parts[k]);
            memset(text, 'x', n + part);
            memcpy(text + at, parts[k], part);
            char *base, *p = pad(text, n + part, at % 16, &base);
            struct cp_value v = cp_text(p, n + part);
            v.esc = CP_ESC_LOGFMT;
            sprintf(want, "\"%.*s%s%.*s\"", (int)at, text, wants[k], (int)(n - at),
                    text + at + part);
            passed = same("text", text, got, cp_json_format(&v, got, sizeof got), want) && passed;
            free(base);
        }
    }
    ok(passed, "escapes at every place");
}

/* Untyped text is a number exactly when cp_num_is_plain says so. */
static void test_put_numbers(void)
{
    char text[32], want[40], got[40];
    bool passed = true;

    for (int round = 0; round < 200000 && passed; round++) {
        size_t n = below(4) ? below(6) : below(24);
        for (size_t k = 0; k < n; k++)
            text[k] = below(3) ? (char)('0' + below(10)) : "0000.-+e"[below(8)];
        char *base, *p = pad(text, n, 0, &base);
        struct cp_value v = cp_untyped(p, n);
        const char *quote = cp_num_is_plain(p, n) ? "" : "\"";
        sprintf(want, "%s%.*s%s", quote, (int)n, text, quote);
        passed = same("number", want, got, cp_json_format(&v, got, sizeof got), want);
        free(base);
    }
    ok(passed, "which untyped texts are numbers");
}

static void test_edit(void)
{
    static const char *const table[][4] = {
        /* object, path, value (NULL: removed), result or error */
        {"{\"a\":1}", "a", "2", "{\"a\":2}"},
        {"{ \"a\" : 1 , \"b\" : 2 }", "a", NULL, "{ \"b\" : 2 }"},
        {"{ \"a\" : 1 , \"b\" : 2 }", "b", NULL, "{ \"a\" : 1 }"},
        {"{ \"a\" : 1 }", "a", NULL, "{  }"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "a", NULL, "{\"b\":2}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "a", "4", "{\"b\":2,\"a\":4}"},
        {"{\"a\":1}", "b", "\"x\"", "{\"a\":1,\"b\":\"x\"}"},
        {"{}", "b.c.d", "1", "{\"b\":{\"c\":{\"d\":1}}}"},
        {"{\"b\":null}", "b.c", "1", "{\"b\":{\"c\":1}}"},
        {"{\"b\":5}", "b.c", "1", "the path leads through a value that is no object"},
        {"{\"b\":5}", "b.c", NULL, "{\"b\":5}"},
        {"{\"b\":{\"c\":1,\"d\":2},\"e\":3}", "b.c", NULL, "{\"b\":{\"d\":2},\"e\":3}"},
        {"{\"b\":[1,2,3]}", "b[1]", "9", "{\"b\":[1,9,3]}"},
        {"{\"b\":[1,2,3]}", "b[-1]", NULL, "{\"b\":[1,2]}"},
        {"{\"b\":[1,2,3]}", "b[3]", "9", "no such item in the list"},
        {"{\"u\":{\"id\":1},\"u\":{\"id\":2}}", "u.id", "3", "{\"u\":{\"id\":1},\"u\":{\"id\":3}}"},
    };
    bool passed = true;
    char room[4096 + CP_PAD];

    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        struct cp_slice text = keep(table[k][0]),
                        new_text = keep(table[k][2] ? table[k][2] : "null");
        const struct cp_path *path = make_path(table[k][1]);
        struct cp_arena arena = {.base = room, .cap = 4096};
        struct cp_value object, value, out = {0};
        size_t at;
        cp_json_value(text.p, text.n, &object, &at);
        cp_json_value(new_text.p, new_text.n, &value, &at);
        const char *why =
            cp_json_edit(&object, path->steps, path->n, table[k][2] ? &value : NULL, &arena, &out);
        passed = same("edit", table[k][0], why ? why : out.p, why ? strlen(why) : out.len,
                      table[k][3]) &&
                 passed;
        arena = (struct cp_arena){.base = room, .cap = 3};
        if (!why && out.len > 3)
            passed = cp_json_edit(&object, path->steps, path->n, table[k][2] ? &value : NULL,
                                  &arena, &out) == cp_json_full &&
                     arena.used == 0 && passed;
    }
    ok(passed, "cp_json_edit");
}

/* ---- Encoding batches ---- */

struct fixture {
    struct cp_batch batch;
    struct cp_block block;
    struct cp_record rec[64];
    uint16_t sel[64];
    struct cp_value cells[4][64];
    struct cp_value *col[4];
    struct cp_json_writer writer;
    char out[8192];
    size_t n_out;
};

static int collect(void *ctx, const char *p, size_t n)
{
    struct fixture *x = ctx;

    memcpy(x->out + x->n_out, p, n);
    x->n_out += n;
    return 0;
}

/* One record per line. */
static void fixture_init(struct fixture *x, const char *text, const struct cp_shape *shape)
{
    struct cp_slice copy = keep(text);

    memset(x, 0, sizeof *x);
    x->block.data = (uint8_t *)copy.p;
    x->batch = (struct cp_batch){
        .rec = x->rec, .sel = x->sel, .col = x->col, .block = &x->block, .shape = shape};
    for (size_t k = 0; k < 4; k++)
        x->col[k] = x->cells[k];
    for (const char *p = copy.p; *p; p += strcspn(p, "\n") + 1) {
        size_t n = strcspn(p, "\n");
        x->rec[x->batch.n] = (struct cp_record){.off = (uint32_t)(p - copy.p),
                                                .len = (uint32_t)(n - (n && p[n - 1] == '\r'))};
        x->sel[x->batch.n] = (uint16_t)x->batch.n;
        x->batch.n++;
    }
}

static bool encodes(struct fixture *x, const uint16_t *sel, size_t n, const char *want)
{
    static char buffer[CP_OUT_SIZE];
    struct cp_out out;
    size_t done;

    cp_out_init(&out, buffer, sizeof buffer, collect, x);
    cp_format_json.encode_open(&x->writer, &heap, NULL);
    const char *why = cp_format_json.encode(&x->writer, &x->batch, sel, n, &out, &done);
    cp_out_flush(&out);
    cp_format_json.encode_close(&x->writer);
    return !why && done == n && same("encode", "", x->out, x->n_out, want);
}

static void test_encode_own(void)
{
    static const struct cp_shape shape = {.format = &cp_format_json,
                                          .is_open = true,
                                          .is_json = true,
                                          .failed_slot = -1,
                                          .marks_slot = -1,
                                          .line_slot = -1,
                                          .serial = 1};
    struct fixture x;
    uint16_t some[] = {0, 2, 3};

    fixture_init(&x, " {\"a\":1}\r\n[2]\n3\n\n{\"b\": 4}\n", &shape);
    bool passed = encodes(&x, x.sel, 3, " {\"a\":1}\r\n[2]\n3\n");
    x.n_out = 0;
    some[2] = 4;
    some[1] = 2;
    passed = encodes(&x, some, 3, " {\"a\":1}\r\n3\n{\"b\": 4}\n") && passed;
    ok(passed, "records that leave as they came");
}

/* What is done to every record of a table: value 0 is column 0. */
static void test_encode_edits(void)
{
    static struct cp_shape_field fields[] = {
        {.name = CP_SLICE("a"), .key = CP_SLICE("a"), .slot = 0},
        {.key = CP_SLICE("gone"), .slot = CP_NO_SLOT},
        {.name = CP_SLICE("new"), .key = CP_SLICE("old"), .slot = CP_NO_SLOT},
        {.name = CP_SLICE("added"), .slot = 1},
    };
    static const struct cp_shape shape = {.format = &cp_format_json,
                                          .is_open = true,
                                          .is_changed = true,
                                          .failed_slot = 2,
                                          .marks_slot = -1,
                                          .line_slot = 3,
                                          .fields = fields,
                                          .n = 4,
                                          .serial = 2};
    static const char *const table[][2] = {
        {"{\"x\":1}", "{\"x\":1,\"a\":7,\"added\":\"t\"}"},
        {"{ \"a\" : 1 , \"b\":2 }", "{ \"a\" : 7 , \"b\":2,\"added\":\"t\" }"},
        {"{\"gone\":1, \"b\":2}", "{\"b\":2,\"a\":7,\"added\":\"t\"}"},
        {"{\"b\":1, \"gone\":2 }", "{\"b\":1,\"a\":7,\"added\":\"t\" }"},
        {"{\"gone\":1,\"gone\":2}", "{\"a\":7,\"added\":\"t\"}"},
        {"{ }", "{\"a\":7,\"added\":\"t\" }"},
        {"{\"a\":1,\"c\":[1, 2],\"a\":3}", "{\"c\":[1, 2],\"a\":7,\"added\":\"t\"}"},
        {"{\"old\":1.0,\"a\":0}", "{\"new\":1.0,\"a\":7,\"added\":\"t\"}"},
        {"{\"old\":1,\"z\":2,\"old\":{\"q\":[]}}",
         "{\"z\":2,\"new\":{\"q\":[]},\"a\":7,\"added\":\"t\"}"},
        {"{\"\\u0061\":1}", "{\"\\u0061\":7,\"added\":\"t\"}"},
        {"5", "{\"value\":5,\"a\":7,\"added\":\"t\"}"},
    };
    bool passed = true;
    struct fixture x;
    char want[300];

    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        fixture_init(&x, table[k][0], &shape);
        x.cells[0][0] = cp_int(7);
        struct cp_slice t = keep("t");
        x.cells[1][0] = cp_text(t.p, t.n);
        sprintf(want, "%s\n", table[k][1]);
        passed = encodes(&x, x.sel, 1, want) && passed;
    }
    fixture_init(&x, "{\"a\":1,\"b\":2}", &shape);
    passed = encodes(&x, x.sel, 1, "{\"b\":2}\n") && passed;
    fixture_init(&x, "broken", &shape);
    struct cp_slice why = keep("no value");
    x.cells[2][0] = cp_text(why.p, why.n);
    x.cells[3][0] = cp_text((const char *)x.block.data, 6);
    passed = encodes(&x, x.sel, 1, "{\"line\":\"broken\",\"_error\":\"no value\"}\n") && passed;
    ok(passed, "records with edits");
}

/* Random objects with one key set or removed, against cp_json_edit, which works otherwise. */
static void test_encode_random(void)
{
    static struct cp_shape_field fields[] = {
        {.name = CP_SLICE("a"), .key = CP_SLICE("a"), .slot = 0}};
    static const struct cp_shape shape = {.format = &cp_format_json,
                                          .is_open = true,
                                          .is_changed = true,
                                          .failed_slot = -1,
                                          .marks_slot = -1,
                                          .line_slot = -1,
                                          .fields = fields,
                                          .n = 1,
                                          .serial = 5};
    static char room[20000], want[20000], buffer[CP_OUT_SIZE];
    const struct cp_path *path = make_path("a");
    static struct fixture x;
    static struct doc d;
    struct cp_json_writer w;
    bool passed = true;

    fixture_init(&x, "", &shape);
    cp_json_encode_open(&w, NULL, NULL);
    for (int k = 0; passed && k < 20000; k++) {
        do
            make_doc(&d);
        while (d.n > 3800 || !ref_is_valid(d.text, d.n) ||
               *ref_blanks(d.text, d.text + d.n) != '{');
        char *base, *p = pad(d.text, d.n, 0, &base);
        const char *start = ref_blanks(p, p + d.n), *end = ref_value(start, p + d.n, 0);
        struct cp_value object = cp_span(CP_OBJECT, start, (size_t)(end - start)), edited;
        struct cp_value seven = cp_int(7);
        struct cp_arena arena = {.base = room, .cap = sizeof room - CP_PAD};
        struct cp_out out;
        x.block.data = (uint8_t *)p;
        x.rec[0] = (struct cp_record){.len = (uint32_t)d.n};
        x.cells[0][0] = k % 2 ? seven : (struct cp_value){.kind = CP_MISSING};
        passed = !cp_json_edit(&object, path->steps, 1, k % 2 ? &seven : NULL, &arena, &edited);
        sprintf(want, "%.*s%.*s%.*s", (int)(start - p), p, (int)edited.len, edited.p,
                (int)(p + d.n - end), end);
        p[d.n] = '\n';
        x.n_out = 0;
        cp_out_init(&out, buffer, sizeof buffer, collect, &x);
        cp_json_put_record(&w, &x.batch, 0, &out);
        cp_out_flush(&out);
        passed = same("edited", d.text, x.out, x.n_out, want) && passed;
        free(base);
    }
    cp_json_encode_close(&w);
    ok(passed, "random records with an edit");
}

static void test_encode_closed(void)
{
    static struct cp_shape_field fields[] = {
        {.name = CP_SLICE("host"), .slot = 0},
        {.name = CP_SLICE("say \"x\""), .slot = 1},
        {.name = CP_SLICE("a key that is longer than thirty-two bytes"), .slot = 2},
        {.name = CP_SLICE("own"), .key = CP_SLICE("k"), .slot = CP_NO_SLOT},
    };
    static const struct cp_shape shape = {.format = &cp_format_json,
                                          .is_changed = true,
                                          .failed_slot = -1,
                                          .marks_slot = -1,
                                          .line_slot = -1,
                                          .fields = fields,
                                          .n = 4,
                                          .serial = 3};
    struct fixture x;
    struct cp_slice host = keep("1.2.3.4");

    fixture_init(&x, "{\"k\":[1]}\n{\"k\":\"v\"}\n{}\n", &shape);
    x.cells[0][0] = x.cells[0][1] = cp_text(host.p, host.n);
    x.cells[1][1] = cp_null();
    x.cells[2][0] = cp_int(1);
    ok(encodes(
           &x, x.sel, 3,
           "{\"host\":\"1.2.3.4\",\"a key that is longer than thirty-two bytes\":1,\"own\":[1]}\n"
           "{\"host\":\"1.2.3.4\",\"say \\\"x\\\"\":null,\"own\":\"v\"}\n{}\n"),
       "closed shapes");
}

static void test_encode_line(void)
{
    static const struct cp_shape shape = {
        .is_open = true, .failed_slot = -1, .marks_slot = -1, .line_slot = -1, .serial = 4};
    struct fixture x;

    fixture_init(&x, "say \"hi\"\n\tx\n", &shape);
    ok(encodes(&x, x.sel, 2, "{\"line\":\"say \\\"hi\\\"\"}\n{\"line\":\"\\tx\"}\n"),
       "lines that were never parsed");
}

/* ---- Walk, frames, probe ---- */

static void test_walk(void)
{
    struct cp_slice text = keep(" { \"a\" : [1, 2] , \"b\\n\":\"x\"} ");
    struct cp_walk w;
    bool passed;

    cp_format_json.walk(NULL, NULL, text.p, text.n, &w);
    passed = cp_format_json.next(&w) && same("key", "", w.key.p, w.key.n, "a") &&
             w.value.kind == CP_LIST && w.key_at == w.key.p - 1 &&
             same("value", "", w.value.p, w.value.len, "[1, 2]");
    passed = passed && cp_format_json.next(&w) && same("key", "", w.key.p, w.key.n, "b\\n") &&
             w.key_escape == CP_ESC_JSON && same("value", "", w.value.p, w.value.len, "x");
    ok(passed && !cp_format_json.next(&w), "walk");
}

static const char stream[] = "{\"a\":\"}\\\"{\",\n \"b\":[1,{}]} [1]\n\n\"x \\\\\" 12 "
                             "true{\"z\":[\"\\\\\"]}{}\"q\"null\n] 5";
static const char *const documents[] = {"{\"a\":\"}\\\"{\",\n \"b\":[1,{}]}",
                                        "[1]",
                                        "\"x \\\\\"",
                                        "12",
                                        "true",
                                        "{\"z\":[\"\\\\\"]}",
                                        "{}",
                                        "\"q\"",
                                        "null",
                                        "]",
                                        "5"};

/* Cuts the stream when its bytes come in pieces that end at the given places. */
static bool cuts(const size_t *places, size_t n_places, size_t max)
{
    struct cp_json_framer f = {0};
    char *base, *data = pad(stream, sizeof stream - 1, 0, &base);
    size_t from = 0, found = 0;
    bool passed = true;

    for (size_t k = 0; k <= n_places; k++) {
        size_t to = k < n_places ? places[k] : sizeof stream - 1, n, next;
        do {
            struct cp_record rec[16];
            n = cp_json_cut(&f, (uint8_t *)data, from, to, k == n_places, rec, max, &next);
            for (size_t i = 0; i < n; i++, found++)
                passed = passed && found < 11 &&
                         same("document", "", data + rec[i].off, rec[i].len, documents[found]);
            from = next;
        } while (n == max);
    }
    free(base);
    return passed && found == 11 && from == sizeof stream - 1;
}

/* Many random documents, in random pieces. */
static bool cuts_random(void)
{
    enum { DOCS = 30 };
    static char text[DOCS * 8192];
    struct cp_record docs[DOCS], rec[DOCS];
    struct cp_json_framer f = {0};
    size_t n = 0, n_docs = 0, from = 0, to = 0, found = 0, next;
    bool passed = true;
    struct doc d;
    char *base;

    while (n_docs < DOCS) {
        make_doc(&d);
        if (!ref_is_valid(d.text, d.n))
            continue;
        const char *start = ref_blanks(d.text, d.text + d.n);
        size_t len = (size_t)(ref_value(start, d.text + d.n, 0) - start);
        docs[n_docs++] = (struct cp_record){.off = (uint32_t)n, .len = (uint32_t)len};
        memcpy(text + n, start, len);
        n += len;
        text[n++] = " \n"[below(2)];
    }
    char *data = pad(text, n, below(64), &base);
    while (to < n) {
        to += 1 + below(below(4) ? 300 : 5000);
        to = to < n ? to : n;
        size_t k = cp_json_cut(&f, (uint8_t *)data, from, to, to == n, rec, DOCS, &next);
        for (size_t i = 0; i < k; i++, found++)
            passed = passed && found < DOCS && rec[i].off == docs[found].off &&
                     rec[i].len == docs[found].len;
        from = next;
    }
    free(base);
    return passed && found == DOCS;
}

static void test_frame(void)
{
    bool passed = cuts(NULL, 0, 16);
    size_t places[sizeof stream];

    for (size_t a = 0; a < sizeof stream; a++) {
        places[a] = a;
        for (size_t b = a; b < sizeof stream; b++)
            passed = cuts((size_t[]){a, b}, 2, 1 + b % 16) && passed;
    }
    passed = cuts(places, sizeof stream - 1, 16) && passed;
    for (int k = 0; k < 300; k++)
        passed = cuts_random() && passed;
    ok(passed, "documents at every split");
}

static bool holds(const struct cp_need *need, const struct cp_value *v)
{
    double x;

    if (cp_is_null(v) || v->kind == CP_LIST || v->kind == CP_OBJECT || v->kind == CP_TRUE ||
        v->kind == CP_FALSE)
        return false;
    char text[8300];
    memcpy(text, v->p, v->len);
    text[v->len] = 0;
    x = strtod(text, NULL);
    return strcmp(need->op, "<") == 0    ? x < (double)need->bound
           : strcmp(need->op, "<=") == 0 ? x <= (double)need->bound
           : strcmp(need->op, ">") == 0  ? x > (double)need->bound
           : strcmp(need->op, ">=") == 0 ? x >= (double)need->bound
                                         : x == (double)need->bound;
}

/* A batch of random records; those that satisfy the need must be kept. */
static bool probes(const struct cp_need *need, const char *path, size_t *kept_of)
{
    static struct fixture x;
    static char text[64 * 8192 + CP_PAD];
    uint16_t kept[64];
    size_t n = 0, k = 0;
    struct doc d;

    memset(&x, 0, sizeof x);
    x.block.data = (uint8_t *)text;
    x.batch = (struct cp_batch){.rec = x.rec, .sel = x.sel, .block = &x.block};
    for (uint32_t i = 0; i < 64; i++) {
        do
            make_doc(&d);
        while (!ref_is_valid(d.text, d.n));
        memcpy(text + n, d.text, d.n);
        x.rec[i] = (struct cp_record){.off = (uint32_t)n, .len = (uint32_t)d.n};
        n += d.n + 1;
        text[n - 1] = '\n';
        if (below(4) != 0)
            x.sel[x.batch.n_sel++] = (uint16_t)i;
    }
    size_t n_kept = cp_format_json.probe(NULL, need, &x.batch, x.sel, x.batch.n_sel, kept);
    for (size_t i = 0; i < x.batch.n_sel; i++) {
        struct cp_slice raw = cp_batch_raw(&x.batch, x.sel[i]);
        struct cp_value v = ref_want(raw.p, raw.n, path);
        bool is_kept = k < n_kept && kept[k] == x.sel[i];
        k += is_kept;
        if (!is_kept && holds(need, &v)) {
            printf("# probe %s %s %d rules out %.*s\n", path, need->op, (int)need->bound,
                   (int)raw.n, raw.p);
            return false;
        }
    }
    *kept_of += n_kept;
    return k == n_kept;
}

static void test_probe(void)
{
    static const char *const paths[] = {"status", "a.b", "b", "x.status"};
    static const char *const ops[] = {"<", "<=", ">", ">=", "=="};
    static const int64_t bounds[] = {0, 1, 200, -17, 500, 1446249499322};
    bool passed = true;
    size_t kept = 0;

    for (size_t k = 0; passed && k < 600; k++) {
        struct cp_need need = {.kind = CP_NEED_NUMBER, .bound = bounds[below(6)]};
        const char *path = paths[below(4)];
        need.path = make_path(path);
        strcpy(need.op, ops[below(5)]);
        passed = cp_format_json.can_probe(NULL, &need) && probes(&need, path, &kept);
    }
    printf("# %zu of about 28800 records kept\n", kept);
    ok(passed && kept > 0 && kept < 25000, "probe of numbers");
}

static void test_errors(void)
{
    static const struct {
        const char *text, *why;
        size_t at;
    } table[] = {
        {"", "the text ends inside a value", 0},
        {"  ", "the text ends inside a value", 2},
        {"{\"a\":1", "the text ends inside a value", 6},
        {"{\"a\":01}", "bad number", 5},
        {"{\"a\":\"x\ty\"}", "control byte in a string", 7},
        {"{\"a\":\"x\\y\"}", "bad escape in a string", 7},
        {"{\"a\":\"x", "no closing quote", 7},
        {"{\"a\":1}x", "bytes after the value", 7},
        {"{\"a\":1 2}", "expected a comma or a closing bracket", 7},
        {"{\"a\":nul}", "expected a value", 5},
        {"{\"a\" 1}", "expected a colon after the key", 5},
        {"{a:1}", "expected a key in quotes", 1},
    };
    struct reader r;
    bool passed = true;

    reader_init(&r, wanted, 1);
    for (size_t k = 0; k < 2 * sizeof table / sizeof *table; k++) {
        size_t e = k % (sizeof table / sizeof *table), at = 99;
        struct cp_slice text = keep(table[e].text);
        struct cp_row row = {.col = r.col};
        const char *why = cp_format_json.decode(r.decoder, text.p, text.n, &row, &at);
        passed =
            same("error", text.p, why ? why : "", why ? strlen(why) : 0, table[e].why) && passed;
        if (at != table[e].at) {
            printf("# error %s at %zu\n", text.p, at);
            passed = false;
        }
    }
    ok(passed, "errors and where they are");
}

int main(void)
{
    static const char *const levels[] = {"portable", "sse2", "avx2"};

    puts("TAP version 13");
    for (int level = 0; level < 3; level++)
        if (cp_json_scan_init(level) == level)
            test_random(level, levels[level]);
        else
            printf("ok %d - random documents, %s # SKIP not on this machine\n", ++n_tests,
                   levels[level]);
    test_suite();
    test_many_keys();
    test_depth();
    test_errors();
    test_get();
    test_put();
    test_put_places();
    test_put_escapes();
    test_put_numbers();
    test_edit();
    test_encode_own();
    test_encode_edits();
    test_encode_random();
    test_encode_closed();
    test_encode_line();
    test_walk();
    test_frame();
    test_probe();
    printf("1..%d\n", n_tests);
    cp_heap_release(&heap);
    return n_failed > 0;
}
