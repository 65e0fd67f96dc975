/* Tests of lib/base/scan at every level of the machine: bytes, lines, literals, UTF-8. TAP. */
#include "../../lib/base/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tests, failures;
static const char *const level_names[] = {"portable", "SSE2", "AVX2", "AVX-512"};
static int level;

static void check(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
    failures += !passed;
}

static void check_level(bool passed, const char *name)
{
    printf("%sok %d - %s (%s)\n", passed ? "" : "not ", ++tests, name, level_names[level]);
    failures += !passed;
}

static void note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
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

/*
 * Exactly the bytes that may be read: the input of n bytes, `shift` off the alignment, then the
 * padding, which is full of the bytes that are looked for.
 */
static uint8_t *make_input(size_t n, size_t shift, const char *alphabet, uint8_t **block)
{
    size_t kinds = strlen(alphabet);

    *block = malloc(shift + n + CP_SCAN_PADDING);
    for (size_t i = 0; i < shift + n + CP_SCAN_PADDING; i++)
        (*block)[i] = (uint8_t)alphabet[below((unsigned)kinds)];
    return *block + shift;
}

/* ---- Simple versions ---- */

static size_t simple_lines(const uint8_t *p, size_t n, uint32_t *ends)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (p[i] == '\n')
            ends[count++] = (uint32_t)i;
    return count;
}

static bool simple_matches(const uint8_t *p, const char *s, size_t n, bool ignore_case)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t a = p[i], b = (uint8_t)s[i];
        if (ignore_case && a >= 'A' && a <= 'Z')
            a += 32;
        if (ignore_case && b >= 'A' && b <= 'Z')
            b += 32;
        if (a != b)
            return false;
    }
    return true;
}

/* ---- Lines and bytes ---- */

static bool lines_agree(const uint8_t *p, size_t n, size_t max)
{
    uint32_t expected[2048], *ends = malloc((max + 1) * sizeof *ends);
    size_t total = simple_lines(p, n, expected), at = 0, found = 0, consumed;
    bool good = true;

    /* Offsets are relative to where a call begins. */
    do {
        size_t count = cp_scan_lines(p + at, n - at, ends, max, &consumed);
        good = count <= max && found + count <= total;
        for (size_t i = 0; i < count && good; i++)
            good = ends[i] + at == expected[found + i];
        if (count == max && good)
            good = consumed == (size_t)ends[max - 1] + 1;
        else if (good)
            good = consumed == n - at;
        found += count;
        at += consumed;
    } while (good && at < n);
    free(ends);
    return good && found == total;
}

static void test_lines(void)
{
    static const char *const alphabets[] = {"\n",
                                            "a",
                                            "\na",
                                            "\naaaaaaaa",
                                            "\n\x8A\x0B\x09",
                                            "\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    bool passed = true;

    for (size_t n = 0; n <= 300 && passed; n++) {
        for (size_t shift = 0; shift < 64 && passed; shift += n < 140 ? 1 : 7) {
            uint8_t *block, *p = make_input(n, shift, alphabets[below(6)], &block);
            passed = lines_agree(p, n, 1 + below(200)) && lines_agree(p, n, 1000);
            if (!passed)
                note("n %zu shift %zu", n, shift);
            free(block);
        }
    }
    for (int i = 0; i < 2000 && passed; i++) {
        size_t n = below(2000);
        uint8_t *block, *p = make_input(n, below(64), alphabets[below(6)], &block);
        passed = lines_agree(p, n, 1 + below(1500));
        free(block);
    }
    size_t consumed = 1;
    uint8_t padding[CP_SCAN_PADDING] = "\n\n";
    passed &= cp_scan_lines(padding, 0, NULL, 0, &consumed) == 0 && consumed == 0;
    check_level(passed, "lines");
}

static bool bytes_agree(const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n, *first[3] = {end, end, end}, *last = NULL;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == 'a') {
            count++;
            last = p + i;
        }
        for (int k = 0; k < 3; k++)
            if (p[i] >= 'a' && p[i] <= 'a' + k && first[k] == end)
                first[k] = p + i;
    }
    return cp_scan_count(p, n, 'a') == count && cp_scan_last(p, n, 'a') == last &&
           cp_scan_byte(p, end, 'a') == first[0] && cp_scan_any2(p, end, 'a', 'b') == first[1] &&
           cp_scan_any3(p, end, 'c', 'a', 'b') == first[2] &&
           cp_scan_byte_far(p, end, 'a') == first[0] &&
           cp_scan_any2_far(p, end, 'b', 'a') == first[1] &&
           cp_scan_any3_far(p, end, 'a', 'b', 'c') == first[2];
}

static void test_bytes(void)
{
    static const char *const alphabets[] = {
        "a",
        "x",
        "ab",
        "axxxxxxxxxxxxxxx",
        "bcxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "abcxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`\xE1\xE2\xE3",
        "`\xE1\x61\x62\x60",
    };
    bool passed = true;

    for (size_t n = 0; n <= 300 && passed; n++) {
        for (size_t shift = 0; shift < 64 && passed; shift += n < 140 ? 1 : 7) {
            uint8_t *block, *p = make_input(n, shift, alphabets[below(7)], &block);
            passed = bytes_agree(p, n);
            if (!passed)
                note("n %zu shift %zu", n, shift);
            free(block);
        }
    }
    check_level(passed, "count, last, byte, any2, any3");
}

/* Every byte value, each as what is looked for. */
static void test_all_values(void)
{
    uint8_t buf[256 + CP_SCAN_PADDING];
    bool passed = true;

    for (int i = 0; i < 256 + CP_SCAN_PADDING; i++)
        buf[i] = (uint8_t)i;
    for (int c = 0; c < 256; c++)
        passed &= cp_scan_count(buf, 256, (uint8_t)c) == 1 &&
                  cp_scan_last(buf, 256, (uint8_t)c) == buf + c &&
                  cp_scan_byte_far(buf, buf + 256, (uint8_t)c) == buf + c &&
                  cp_scan_any3_far(buf + c, buf + 256, (uint8_t)c, 0, 0) == buf + c;
    check_level(passed, "every byte value");
}

/* ---- Literals ---- */

static bool literal_agrees(const uint8_t *p, size_t n, const char *s, size_t length, unsigned flags,
                           size_t max)
{
    struct cp_literal lit;
    uint32_t *hits = malloc(max * sizeof *hits);
    size_t at = 0, resume = 0, wanted = 0;
    bool good = cp_literal_init(&lit, s, length, flags);

    while (good) {
        size_t count = cp_scan_literal(p + at, n - at, &lit, hits, max, &resume);
        for (size_t i = 0; i < count && good; i++, wanted++) {
            while (wanted + length <= n && !simple_matches(p + wanted, s, length, flags != 0))
                wanted++;
            good = wanted + length <= n && hits[i] + at == wanted;
        }
        size_t starts = n - at >= length ? n - at - length + 1 : 0;
        good = good && resume == (count == max ? (size_t)hits[max - 1] + 1 : starts);
        at += resume;
        if (count < max)
            break;
    }
    for (; wanted + length <= n && good; wanted++)
        good = !simple_matches(p + wanted, s, length, flags != 0);
    free(hits);
    return good;
}

/* A literal that often occurs: a part of the input, perhaps with a byte or its case changed. */
static size_t draw_literal(char *s, const uint8_t *p, size_t n, const char *alphabet)
{
    size_t most = n < CP_LITERAL_MAX ? n : CP_LITERAL_MAX;
    size_t length = 1 + below((unsigned)(below(8) == 0 ? most : most < 6 ? most : 6));

    memcpy(s, p + below((unsigned)(n - length + 1)), length);
    if (below(4) == 0)
        s[below((unsigned)length)] = alphabet[below((unsigned)strlen(alphabet))];
    return length;
}

static void test_literals(void)
{
    static const char *const alphabets[] = {"a",
                                            "ab",
                                            "aAbB",
                                            "abcdefgh",
                                            "aA@`[{zZ",
                                            "\x01\x21\xC1\xE1",
                                            "the quick brown FOX 0123456789=\"\n"};
    bool passed = true;
    char s[CP_LITERAL_MAX];

    for (int i = 0; i < 30000 && passed; i++) {
        size_t n = 1 + below(i % 16 ? 150 : 700);
        const char *alphabet = alphabets[below(7)];
        uint8_t *block, *p = make_input(n, below(64), alphabet, &block);
        size_t length = draw_literal(s, p, n, alphabet);
        passed = literal_agrees(p, n, s, length, below(2) ? CP_LITERAL_NOCASE : 0,
                                below(3) ? 1000 : 1 + below(5));
        if (!passed)
            note("n %zu literal %.*s", n, (int)length, s);
        free(block);
    }
    check_level(passed, "literals, random");
}

/* One occurrence at each offset, in inputs of each length, also cut off by the end. */
static void test_literal_places(void)
{
    static const char word[] = "Needle";
    bool passed = true;

    for (size_t n = 0; n <= 200 && passed; n++) {
        for (size_t at = 0; at <= n && passed; at++) {
            uint8_t *block = malloc(n + CP_SCAN_PADDING);
            memset(block, '-', n + CP_SCAN_PADDING);
            memcpy(block + at, word, 6);
            passed = literal_agrees(block, n, "Needle", 6, 0, 2) &&
                     literal_agrees(block, n, "nEEDLE", 6, CP_LITERAL_NOCASE, 1);
            free(block);
        }
    }
    check_level(passed, "a literal at every place");
}

static void test_literal_memmem(void)
{
    size_t n = 1 << 16;
    uint8_t *block, *p = make_input(n, 3, "abcd", &block);
    bool passed = true;
    uint32_t *hits = malloc(n * sizeof *hits);

    for (int i = 0; i < 200 && passed; i++) {
        struct cp_literal lit;
        size_t length = 1 + below(12), resume, count;
        const uint8_t *s = p + below((unsigned)(n - length)), *at = p;
        cp_literal_init(&lit, s, length, 0);
        count = cp_scan_literal(p, n, &lit, hits, n, &resume);
        for (size_t k = 0; k < count && passed; k++) {
            at = memmem(at, (size_t)(p + n - at), s, length);
            passed = at == p + hits[k];
            at++;
        }
        passed = passed && memmem(at, (size_t)(p + n - at), s, length) == NULL;
    }
    free(hits);
    free(block);
    check_level(passed, "literals as memmem");
}

static void test_literal_init(void)
{
    struct cp_literal lit;
    char s[300];

    memset(s, 'x', sizeof s);
    bool passed = !cp_literal_init(&lit, s, 0, 0) && !cp_literal_init(&lit, s, 256, 0) &&
                  cp_literal_init(&lit, s, 255, 0) && lit.at[0] != lit.at[1] &&
                  cp_literal_init(&lit, "GET /a", 6, 0) && lit.byte[0] != ' ' &&
                  cp_literal_init(&lit, "ErrOr~", 6, CP_LITERAL_NOCASE) &&
                  cp_literal_matches(&lit, (const uint8_t *)"eRRoR~") &&
                  !cp_literal_matches(&lit, (const uint8_t *)"eRRoR^");
    check(passed, "what makes a literal");
}

/* ---- UTF-8 ---- */

/* The length of a valid sequence by the definition: decode and look whether it encodes back. */
static size_t simple_sequence(const char *s, size_t n)
{
    uint32_t code;
    char back[4];

    for (size_t length = 1; length <= 4 && length <= n; length++) {
        uint8_t lead = (uint8_t)s[0];
        code = length == 1 ? lead : lead & (0x7Fu >> length);
        for (size_t i = 1; i < length; i++)
            code = code << 6 | ((uint8_t)s[i] & 0x3F);
        if (code < 0x110000 && !(code >= 0xD800 && code < 0xE000) &&
            cp_utf8_encode(back, code) == length && memcmp(back, s, length) == 0)
            return length;
    }
    return 0;
}

static void test_code_points(void)
{
    bool passed = true;
    char s[4];
    uint32_t got;

    for (uint32_t code = 0; code < 0x110000 && passed; code++) {
        size_t n = cp_utf8_encode(s, code);
        uint32_t wanted = code >= 0xD800 && code < 0xE000 ? CP_UTF8_REPLACEMENT : code;
        passed = n == (wanted < 0x80      ? 1u
                       : wanted < 0x800   ? 2u
                       : wanted < 0x10000 ? 3u
                                          : 4u) &&
                 cp_utf8_decode(s, n, &got) == n && got == wanted &&
                 cp_utf8_valid_prefix(s, n) == n;
        for (size_t cut = 1; cut < n && passed; cut++)
            passed = cp_utf8_valid_prefix(s, cut) == 0 && cp_utf8_decode(s, cut, &got) == 1 &&
                     got == CP_UTF8_REPLACEMENT;
    }
    passed &= cp_utf8_encode(s, 0x110000) == 3 && memcmp(s, "\xEF\xBF\xBD", 3) == 0;
    check(passed, "every code point, whole and cut");
}

/* All sequences of three bytes, then a continuation byte. */
static void test_sequences(void)
{
    bool passed = true;
    char s[4] = {0, 0, 0, (char)0x80};
    uint32_t code;

    for (uint32_t i = 0x800000; i < 0x1000000 && passed; i += i % 0x10000 < 0x7F00 ? 0x101 : 1) {
        s[0] = (char)(i >> 16);
        s[1] = (char)(i >> 8);
        s[2] = (char)i;
        size_t wanted = simple_sequence(s, 4);
        size_t got = cp_utf8_decode(s, 4, &code);
        passed = wanted == 0 ? got == 1 && code == CP_UTF8_REPLACEMENT : got == wanted;
    }
    check(passed, "sequences of all lead bytes");
}

/* Text of ASCII, code points of all lengths and some bad bytes, without spare room behind it. */
static char *draw_text(size_t *n, bool has_bad)
{
    size_t length = 0, most = below(120);
    char *s = malloc(most + 4);

    while (length < most) {
        unsigned kind = below(12);
        if (kind < 8)
            s[length++] = (char)(' ' + below(95));
        else if (kind == 8 && has_bad)
            s[length++] = (char)(0x80 + below(128));
        else
            length += cp_utf8_encode(s + length, below(1u << (8 + below(14))));
    }
    *n = length;
    return realloc(s, length > 0 ? length : 1);
}

static bool text_agrees(const char *s, size_t n)
{
    char *expected = malloc(3 * n + 1), *got = malloc(3 * n + 1);
    size_t *places = malloc((n + 1) * sizeof *places);
    size_t valid = n, bad = 0, count = 0, length = 0, got_bad = 5, part;

    for (size_t i = 0; i < n; count++) {
        size_t step = simple_sequence(s + i, n - i);
        places[count] = i;
        if (step == 0 && bad++ == 0)
            valid = i;
        memcpy(expected + length, step > 0 ? s + i : "\xEF\xBF\xBD", step > 0 ? step : 3);
        length += step > 0 ? step : 3;
        i += step > 0 ? step : 1;
    }
    places[count] = n;
    bool good = cp_utf8_valid_prefix(s, n) == valid && cp_utf8_length(s, n) == count &&
                cp_utf8_repair(got, s, n, &got_bad) == length && got_bad == bad + 5 &&
                memcmp(got, expected, length) == 0;
    for (size_t i = 0; i <= count + 2 && good; i++)
        good = cp_utf8_offset(s, n, i) == places[i < count ? i : count];
    size_t from = below((unsigned)count + 1), take = below((unsigned)count + 3);
    size_t to = from + take < count ? from + take : count;
    good = good && cp_utf8_substr(s, n, (int64_t)from, take, &part) == s + places[from] &&
           part == places[to] - places[from];
    if (from < count)
        good =
            good &&
            cp_utf8_substr(s, n, (int64_t)from - (int64_t)count, take, &part) == s + places[from] &&
            part == places[to] - places[from];
    free(expected);
    free(got);
    free(places);
    return good;
}

static void test_texts(void)
{
    bool passed = true;

    for (int i = 0; i < 200000 && passed; i++) {
        size_t n;
        char *s = draw_text(&n, i % 2);
        passed = text_agrees(s, n);
        free(s);
    }
    check(passed, "texts with and without bad bytes");
}

static void test_text_limits(void)
{
    size_t n;
    const char *s = "h\xC3\xA9llo";
    bool passed = cp_utf8_substr(s, 6, -100, 2, &n) == s && n == 3 &&
                  cp_utf8_substr(s, 6, INT64_MIN, SIZE_MAX, &n) == s && n == 6 &&
                  cp_utf8_substr(s, 6, INT64_MAX, 5, &n) == s + 6 && n == 0 &&
                  cp_utf8_substr(s, 6, -2, 1, &n) == s + 4 && n == 1 &&
                  cp_utf8_length("", 0) == 0 && cp_utf8_valid_prefix("", 0) == 0;

    check(passed, "substr from before the start and behind the end");
}

int main(void)
{
    int best = cp_scan_init(CP_SCAN_BEST);

    for (level = 0; level <= best; level++) {
        check_level(cp_scan_init(level) == level, "level is in effect");
        test_lines();
        test_bytes();
        test_all_values();
        test_literals();
        test_literal_places();
        test_literal_memmem();
    }
    check(cp_scan_init(99) == best, "a level that does not exist is the best one");
    test_literal_init();
    test_code_points();
    test_sequences();
    test_texts();
    test_text_limits();
    printf("1..%d\n", tests);
    return failures > 0;
}
