/* Tests of lib/data/value and text: numbers, times, texts and truths of values, and their order.
 * Prints TAP. */
#include "../../lib/data/value.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../lib/base/arena.h"
#include "../../lib/base/moment.h"
#include "../../lib/base/number.h"
#include "../../lib/data/text.h"

static int tests, failures;

static void check(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
    failures += !passed;
}

static struct cp_heap heap;

/* A spelled value whose bytes are padded. */
static struct cp_value spelled(enum cp_kind kind, const char *text, uint8_t flags,
                               enum cp_escape esc)
{
    struct cp_value v = cp_span(kind, cp_heap_copy(&heap, text, strlen(text)), strlen(text));

    v.flags = flags;
    v.esc = (uint8_t)esc;
    return v;
}

static struct cp_value text(const char *s)
{
    return spelled(CP_TEXT, s, 0, CP_PLAIN);
}

static struct cp_value untyped(const char *s)
{
    return spelled(CP_TEXT, s, CP_UNTYPED, CP_PLAIN);
}

static struct cp_value json(const char *s)
{
    return spelled(CP_TEXT, s, 0, CP_ESC_JSON);
}

static struct cp_value number(const char *s)
{
    return spelled(CP_NUMBER, s, 0, CP_PLAIN);
}

static struct cp_value stamp(const char *s)
{
    return spelled(CP_STAMP, s, 0, CP_PLAIN);
}

static struct cp_value seconds(struct cp_value v)
{
    v.flags = CP_SECONDS;
    return v;
}

/* ---- Escapes ---- */

static void decodes(enum cp_escape esc, const char *from, const char *to)
{
    char out[256];
    char name[600];
    size_t n = cp_text_decode(esc, from, strlen(from), out);
    struct cp_slice escaped = cp_slice_of(from), plain = cp_slice_of(to);

    snprintf(name, sizeof name, "escape %d: %s", esc, from);
    for (char *p = name; *p; p++)
        if (*p == '#' || *p == '\n')
            *p = '?';
    check(n == plain.n && memcmp(out, to, n) == 0 && cp_text_equals(esc, escaped, plain) &&
              cp_text_compare(esc, escaped, CP_PLAIN, plain) == 0 &&
              cp_text_compare(CP_PLAIN, plain, esc, escaped) == 0,
          name);
}

static void test_escapes(void)
{
    decodes(CP_PLAIN, "a\\n", "a\\n");
    decodes(CP_ESC_JSON, "a\\n\\t\\r\\b\\f\\/\\\\\\\"b", "a\n\t\r\b\f/\\\"b");
    decodes(CP_ESC_JSON, "\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac");
    decodes(CP_ESC_JSON, "\\ud83d\\ude00!", "\xf0\x9f\x98\x80!");
    decodes(CP_ESC_JSON, "\\ud83d", "\xef\xbf\xbd");
    decodes(CP_ESC_JSON, "\\ude00x", "\xef\xbf\xbdx");
    decodes(CP_ESC_JSON, "\\ud83d\\u0041",
            "\xef\xbf\xbd"
            "A");
    decodes(CP_ESC_JSON, "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80");
    decodes(CP_ESC_LOGFMT, "a\\qb\\n\\u12", "a\\qb\n\\u12");
    decodes(CP_ESC_LOGFMT, "end\\", "end\\");
    decodes(CP_ESC_CSV, "say \"\"hi\"\"", "say \"hi\"");
    decodes(CP_ESC_CSV, "back\\n", "back\\n");
    decodes(CP_ESC_TSV, "a\\tb\\nc\\rd\\\\e\\x", "a\tb\nc\rd\\e\\x");
    check(!cp_text_equals(CP_ESC_JSON, CP_SLICE("\\u0041"), CP_SLICE("B")), "escaped text differs");
    check(!cp_text_equals(CP_ESC_JSON, CP_SLICE("\\u0041b"), CP_SLICE("A")),
          "escaped text is longer");
    check(cp_text_compare(CP_ESC_JSON, CP_SLICE("\\u0041z"), CP_ESC_CSV, CP_SLICE("Az\"\"")) < 0,
          "two forms compare");
}

/* ---- Numbers, times, texts, truths ---- */

static void test_numbers(void)
{
    struct cp_num n;
    struct cp_value v;

    v = number("12");
    check(cp_value_number(&v, &n) && n.kind == CP_NUM_INT && n.i == 12, "spelled integer");
    v = untyped(" 1.5 ");
    check(cp_value_number(&v, &n) && n.kind == CP_NUM_DBL && n.d == 1.5,
          "untyped text with blanks");
    v = text("5.");
    check(cp_value_number(&v, &n), "literal text");
    v = json("\\u0035");
    check(cp_value_number(&v, &n) && n.i == 5, "escaped text");
    v = number("1e999");
    check(cp_value_number(&v, &n) && n.kind == CP_NUM_DBL, "beyond double");
    const char *const none[] = {"", "abc", "0x1f", "inf", "nan", "1 2", "-", "."};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        v = untyped(none[i]);
        check(!cp_value_number(&v, &n), none[i]);
    }
    v = cp_bool(true);
    check(!cp_value_number(&v, &n), "a boolean is no number");
    v = cp_time(5);
    check(!cp_value_number(&v, &n), "a time is no number");
}

static void test_times(void)
{
    int64_t ns = 0;
    struct cp_value v = stamp("20/Nov/2026:18:00:00 +0000");
    struct cp_time_zone zone = {.offset = 3600};

    check(cp_value_time(&v, NULL, &ns) && ns == INT64_C(1795197600) * CP_NS_PER_SECOND, "stamp");
    v = text("2026-11-20T18:00:00");
    check(cp_value_time(&v, &zone, &ns) && ns == INT64_C(1795194000) * CP_NS_PER_SECOND,
          "text in the zone");
    v = text("soon");
    check(!cp_value_time(&v, NULL, &ns), "no time");
    v = cp_int(5);
    check(!cp_value_time(&v, NULL, &ns), "a number is no time here");
}

static bool reads(struct cp_value v, const char *expected)
{
    char room[256];
    struct cp_arena a = {.base = room, .cap = sizeof room - CP_PAD};
    struct cp_slice s;

    return cp_value_text(&v, &a, &s) && cp_slice_is(s, expected);
}

static void test_texts(void)
{
    char room[CP_PAD + 4];
    struct cp_arena small = {.base = room, .cap = 4};
    struct cp_slice s;
    struct cp_value v = json("abcdef\\n");

    check(reads(cp_null(), "") && reads((struct cp_value){.kind = CP_MISSING}, ""),
          "null is empty");
    check(reads(cp_bool(true), "true") && reads(cp_bool(false), "false"), "booleans");
    check(reads(cp_int(-7), "-7") && reads(cp_double(3), "3") && reads(cp_double(1e21), "1e+21"),
          "numbers");
    check(reads(cp_time(0), "1970-01-01T00:00:00Z"), "time");
    check(reads(number("1.50"), "1.50") && reads(spelled(CP_LIST, "[1]", 0, 0), "[1]"),
          "spelled values stay");
    check(reads(json("a\\\"b"), "a\"b"), "escapes are decoded");
    check(!cp_value_text(&v, &small, &s) && small.full && small.used == 0, "a full arena is told");
    cp_arena_reset(&small, 0);
    v = text("long enough");
    check(cp_value_text(&v, &small, &s) && small.used == 0, "plain text is borrowed");
}

static void test_truth(void)
{
    const struct cp_value no[] = {cp_null(),     cp_bool(false),      cp_int(0),       cp_double(0),
                                  number("0.0"), untyped("0"),        text("0"),       text(""),
                                  text("false"), json("f\\u0061lse"), untyped(" -0 "), {0}};
    const struct cp_value yes[] = {cp_bool(true),    cp_int(-1),    cp_double(0.5),
                                   number("1e-300"), untyped("no"), text("a"),
                                   text("False"),    cp_time(0),    spelled(CP_LIST, "[]", 0, 0),
                                   text(" ")};
    bool ok = true;

    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ok = ok && !cp_value_truth(&no[i]);
    check(ok, "what is false");
    ok = true;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ok = ok && cp_value_truth(&yes[i]);
    check(ok, "what is true");
}

/* ---- Order ---- */

static void compares(struct cp_value a, struct cp_value b, int expected, const char *name)
{
    int there = cp_value_compare(&a, &b, NULL, NULL), back = cp_value_compare(&b, &a, NULL, NULL);

    check(there == expected && back == (expected == CP_UNORDERED ? expected : -expected), name);
}

static void test_compare(void)
{
    compares(cp_null(), cp_null(), 0, "null and null");
    compares(cp_null(), (struct cp_value){0}, 0, "null and missing");
    compares(cp_null(), cp_int(0), CP_UNORDERED, "null and a number");
    compares(cp_int(2), cp_double(2.5), -1, "integer and double");
    compares(cp_int(INT64_MAX), cp_double(9223372036854775808.0), -1, "exact beyond 2^53");
    compares(number("10"), number("9"), 1, "spelled numbers");
    compares(number("1.0"), cp_int(1), 0, "spelled and computed");
    compares(number("1e999"), cp_double(1e308), 1, "beyond double is infinite");
    compares(untyped("10"), untyped("9"), 1, "untyped texts that look like numbers");
    compares(untyped("10"), text("9"), -1, "untyped and literal compare as bytes");
    compares(untyped("10"), cp_int(9), 1, "untyped and number");
    compares(text("10"), cp_int(9), 1, "literal and number");
    compares(text("5e2"), number("500"), 0, "text 5e2 and number");
    compares(text("abc"), cp_int(9), 1, "other text and number: bytes");
    compares(untyped("abc"), untyped("9"), 1, "one is no number: bytes");
    compares(text("a"), text("ab"), -1, "prefix");
    compares(json("\\u0061b"), text("ab"), 0, "escaped and plain");
    compares(cp_bool(false), cp_bool(true), -1, "booleans");
    compares(cp_bool(true), text("true"), 0, "boolean and text");
    compares(cp_bool(true), cp_int(1), CP_UNORDERED, "boolean and number");
    compares(seconds(cp_int(2)), untyped("1500ms"), 1, "duration and text");
    compares(seconds(cp_double(0.3)), text("300ms"), 0, "duration equals text");
    compares(cp_int(2), untyped("1500ms"), 1, "number and such text: bytes");
    compares(seconds(cp_int(2)), cp_double(1.5), 1, "duration and number");
    compares(cp_time(5 * CP_NS_PER_SECOND), cp_int(5), 0, "time and seconds");
    compares(cp_time(0), text("1970-01-01T00:00:01Z"), -1, "time and text");
    compares(stamp("20/Nov/2026:18:00:00 +0100"), text("2026-11-20T17:00:00Z"), 0,
             "stamp and text");
    compares(stamp("20/Nov/2026:18:00:00 +0100"), stamp("20/Nov/2026:17:00:00 +0000"), 0, "stamps");
    compares(cp_time(0), text("soon"), -1, "time and other text: bytes");
    compares(spelled(CP_LIST, "[1]", 0, 0), spelled(CP_LIST, "[2]", 0, 0), -1, "lists");
    compares(spelled(CP_LIST, "[1]", 0, 0), text("[1]"), 0, "list and text");
    compares(spelled(CP_LIST, "[1]", 0, 0), cp_int(1), CP_UNORDERED, "list and number");
    compares(spelled(CP_OBJECT, "{}", 0, 0), cp_time(1), CP_UNORDERED, "object and time");
}

static void test_sort(void)
{
    const struct cp_value order[] = {
        cp_bool(false),
        cp_bool(true),
        number("-3"),
        cp_int(2),
        untyped("10"),
        number("1e3"),
        cp_time(5),
        cp_time(9),
        text("a"),
        json("\\u0062"),
        spelled(CP_LIST, "[1]", 0, 0),
        spelled(CP_OBJECT, "{}", 0, 0),
        cp_null(),
    };
    size_t n = sizeof order / sizeof *order;
    bool ok = true;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int c = cp_value_sort_compare(&order[i], &order[j], NULL);
            ok = ok && (c > 0) - (c < 0) == (i > j) - (i < j);
        }
    check(ok, "sort order is total");
}

int main(void)
{
    test_escapes();
    test_numbers();
    test_times();
    test_texts();
    test_truth();
    test_compare();
    test_sort();
    cp_heap_release(&heap);
    printf("1..%d\n", tests);
    return failures > 0;
}
