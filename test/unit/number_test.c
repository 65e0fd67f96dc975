/* Tests of lib/base/number: reading, writing, comparing, exact sums. Prints TAP. */
#include "../../lib/base/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CASES 200000

static int tests, failures;

static void check(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
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

static double draw_bits(void)
{
    uint64_t bits;
    double d;

    do {
        bits = draw();
        memcpy(&d, &bits, sizeof d);
    } while (!isfinite(d));
    return d;
}

/* A copy of exactly n bytes, so that the sanitizer sees a read beyond them. */
static char *clone(const char *s, size_t n)
{
    char *copy = malloc(n > 0 ? n : 1);

    memcpy(copy, s, n);
    return copy;
}

static struct cp_num parse_bytes(const char *s, size_t n)
{
    struct cp_num num;
    char *copy = clone(s, n);

    if (cp_num_parse(copy, n, &num) != num.kind)
        abort();
    free(copy);
    return num;
}

static struct cp_num parse(const char *s)
{
    return parse_bytes(s, strlen(s));
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a == 0 && b == 0) || (a != a && b != b);
}

/* ---- Reading ---- */

static void test_kinds(void)
{
    static const struct {
        const char *text;
        enum cp_num_kind kind;
        double value;
    } cases[] = {
        {"0", CP_NUM_INT, 0},
        {"200", CP_NUM_INT, 200},
        {"-7", CP_NUM_INT, -7},
        {"+7", CP_NUM_INT, 7},
        {"007", CP_NUM_INT, 7},
        {"-0", CP_NUM_INT, 0},
        {"5.", CP_NUM_DBL, 5},
        {".5", CP_NUM_DBL, 0.5},
        {"-.5e1", CP_NUM_DBL, -5},
        {"1e3", CP_NUM_DBL, 1000},
        {"1E-3", CP_NUM_DBL, 0.001},
        {"12.345", CP_NUM_DBL, 12.345},
        {" 12 ", CP_NUM_INT, 12},
        {"\t-1.5\r\n", CP_NUM_DBL, -1.5},
        {"1e400", CP_NUM_DBL, INFINITY},
        {"-1e400", CP_NUM_DBL, -INFINITY},
        {"1e-400", CP_NUM_DBL, 0},
        {"0e999999999999999999999", CP_NUM_DBL, 0},
        {"9e999999999999999999999", CP_NUM_DBL, INFINITY},
        {"9e-999999999999999999999", CP_NUM_DBL, 0},
        {"", CP_NUM_NONE, 0},
        {" ", CP_NUM_NONE, 0},
        {"-", CP_NUM_NONE, 0},
        {".", CP_NUM_NONE, 0},
        {"+.", CP_NUM_NONE, 0},
        {"e5", CP_NUM_NONE, 0},
        {".e5", CP_NUM_NONE, 0},
        {"1e", CP_NUM_NONE, 0},
        {"1e+", CP_NUM_NONE, 0},
        {"1.2.3", CP_NUM_NONE, 0},
        {"1 2", CP_NUM_NONE, 0},
        {"0x10", CP_NUM_NONE, 0},
        {"inf", CP_NUM_NONE, 0},
        {"nan", CP_NUM_NONE, 0},
        {"Infinity", CP_NUM_NONE, 0},
        {"--1", CP_NUM_NONE, 0},
        {"12a", CP_NUM_NONE, 0},
        {"1,000", CP_NUM_NONE, 0},
        {"+-1", CP_NUM_NONE, 0},
        {"\xC2\xA0"
         "1",
         CP_NUM_NONE, 0},
        {"127.0.0.1", CP_NUM_NONE, 0},
        {"2026-11-20", CP_NUM_NONE, 0},
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cp_num num = parse(cases[i].text);
        bool good = num.kind == cases[i].kind &&
                    (num.kind == CP_NUM_NONE || cp_num_to_double(&num) == cases[i].value);
        if (!good)
            note("%s", cases[i].text);
        passed &= good;
    }
    check(passed, "text that looks like a number, and text that does not");
}

static void test_int_limits(void)
{
    struct cp_num num = parse("9223372036854775807");
    bool passed = num.kind == CP_NUM_INT && num.i == INT64_MAX;

    num = parse("-9223372036854775808");
    passed &= num.kind == CP_NUM_INT && num.i == INT64_MIN;
    num = parse("9223372036854775808");
    passed &= num.kind == CP_NUM_DBL && num.d == 0x1p63;
    num = parse("-9223372036854775809");
    passed &= num.kind == CP_NUM_DBL && num.d == -0x1p63;
    num = parse("000000000000000000000000000000000000000042");
    passed &= num.kind == CP_NUM_INT && num.i == 42;
    num = parse("18446744073709551617");
    passed &= num.kind == CP_NUM_DBL && num.d == 0x1p64;
    check(passed, "integers within int64 are integers, others doubles");
}

static void test_random_ints(void)
{
    bool passed = true;
    char text[64];

    for (int i = 0; i < CASES && passed; i++) {
        int64_t value = (int64_t)draw() >> below(64);
        snprintf(text, sizeof text, "%s%" PRId64, value >= 0 && below(8) == 0 ? "+" : "", value);
        struct cp_num num = parse(text);
        passed = num.kind == CP_NUM_INT && num.i == value && num.i == strtoll(text, NULL, 10);
    }
    check(passed, "random integers as strtoll");
}

/* A random numeral with point or exponent. */
static void draw_numeral(char *text, unsigned most_digits)
{
    unsigned n = 1 + below(most_digits), point = below(n + 1);
    char *p = text;

    if (below(3) == 0)
        *p++ = below(2) ? '-' : '+';
    for (unsigned i = 0; i < n; i++) {
        if (i == point)
            *p++ = '.';
        *p++ = (char)('0' + (below(4) == 0 ? 0 : below(10)));
    }
    if (point == n)
        *p++ = '.';
    *p = '\0';
    if (below(2) == 0)
        sprintf(p, "%c%d", below(2) ? 'e' : 'E', (int)below(700) - 350);
    else if (below(2) == 0)
        sprintf(p, "e%d", (int)below(60) - 30);
}

static void test_random_doubles(void)
{
    bool passed = true;
    char text[1200];

    for (int i = 0; i < CASES && passed; i++) {
        draw_numeral(text, i % 100 == 0 ? 900 : i % 3 == 0 ? 30 : 17);
        struct cp_num num = parse(text);
        passed = num.kind == CP_NUM_DBL && same_double(num.d, strtod(text, NULL));
        if (!passed)
            note("%s", text);
    }
    check(passed, "random numerals as strtod");
}

static void test_printed_doubles(void)
{
    bool passed = true;
    char text[64];

    for (int i = 0; i < CASES && passed; i++) {
        double d = draw_bits();
        if (i % 2)
            d = (double)(int64_t)draw() / (1 + below(1000000));
        snprintf(text, sizeof text, "%.*e", 14 + (int)below(6), d);
        passed = same_double(parse(text).d, strtod(text, NULL));
        if (!passed)
            note("%s", text);
    }
    check(passed, "printed doubles as strtod");
}

/* Exact middles between two doubles, and a little more or less. */
static void test_middles(void)
{
    bool passed = true;
    char text[1600];

    for (int i = 0; i < 20000 && passed; i++) {
        double d = i % 2 ? fabs(draw_bits()) : ldexp((double)(draw() >> 11), (int)below(40) - 60);
        double next = nextafter(d, INFINITY);
        if (next > 1e300 || next < 1e-290)
            continue;
        long double middle = ((long double)d + (long double)next) / 2;
        int n = snprintf(text, sizeof text, "%.1100Lf", middle);
        while (text[n - 1] == '0')
            n--;
        text[n] = '\0';
        passed = same_double(parse(text).d, strtod(text, NULL));
        strcpy(text + n, "00000000001");
        passed &= same_double(parse(text).d, next);
        text[n] = '\0';
        if (text[n - 1] != '.') {
            text[n - 1]--;
            strcpy(text + n, "99999");
            passed &= same_double(parse(text).d, d);
        }
    }
    check(passed, "middles between doubles round to even, above and below them to their side");
}

static void test_long_numerals(void)
{
    size_t n = 1 << 20;
    char *text = malloc(n + 32);
    struct cp_num num;
    bool passed;

    memset(text, '9', n);
    passed = cp_num_parse(text, n, &num) == CP_NUM_DBL && isinf(num.d);
    text[1] = '.';
    passed &= cp_num_parse(text, n, &num) == CP_NUM_DBL && num.d == 10;
    memset(text, '0', n);
    memcpy(text + n, "42", 2);
    passed &= cp_num_parse(text, n + 2, &num) == CP_NUM_INT && num.i == 42;
    text[0] = '.';
    passed &= cp_num_parse(text, n + 2, &num) == CP_NUM_DBL && num.d == 0;
    n += 2;
    n += (size_t)sprintf(text + n, "e%d", 1 << 20);
    passed &= cp_num_parse(text, n, &num) == CP_NUM_DBL && num.d == 4.2;
    n = 1 << 20;
    memset(text, '0', n);
    memcpy(text, "9007199254740993.", 17);
    passed &= cp_num_parse(text, n, &num) == CP_NUM_DBL && num.d == 9007199254740992.0;
    text[n - 1] = '1';
    passed &= cp_num_parse(text, n, &num) == CP_NUM_DBL && num.d == 9007199254740994.0;
    free(text);
    check(passed, "numerals of a mebibyte");
}

static void test_json(void)
{
    static const struct {
        const char *text;
        bool is_json, is_plain;
    } cases[] = {
        {"0", true, true},
        {"-0", true, true},
        {"12.50", true, true},
        {"123456789012345678", true, true},
        {"-12345678901234567.8", true, true},
        {"1234567890123456789", true, false},
        {"1e5", true, false},
        {"1E+5", true, false},
        {"1.5e-5", true, false},
        {"007", false, false},
        {"+5", false, false},
        {".5", false, false},
        {"5.", false, false},
        {"5.e1", false, false},
        {"-", false, false},
        {"", false, false},
        {" 1", false, false},
        {"1 ", false, false},
        {"1e", false, false},
        {"-01", false, false},
        {"0x1", false, false},
        {"1.2.3", false, false},
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        char *copy = clone(cases[i].text, n);
        bool good = cp_num_is_json(copy, n) == cases[i].is_json &&
                    cp_num_is_plain(copy, n) == cases[i].is_plain;
        free(copy);
        if (!good)
            note("%s", cases[i].text);
        passed &= good;
    }
    check(passed, "JSON numbers and plain decimals");
}

/* ---- Writing ---- */

static bool formats_as(double d, const char *expected)
{
    char buf[CP_NUM_MAX + 1];

    buf[cp_num_format_double(buf, d)] = '\0';
    if (strcmp(buf, expected) == 0)
        return true;
    note("%s instead of %s", buf, expected);
    return false;
}

static void test_format_examples(void)
{
    bool passed = formats_as(3, "3") && formats_as(-0.0, "0") && formats_as(0.1, "0.1") &&
                  formats_as(-1.5, "-1.5") && formats_as(1e20, "100000000000000000000") &&
                  formats_as(1e21, "1e+21") && formats_as(1.5e300, "1.5e+300") &&
                  formats_as(1e-6, "0.000001") && formats_as(1e-7, "1e-7") &&
                  formats_as(1.25e-7, "1.25e-7") && formats_as(5e-324, "5e-324") &&
                  formats_as(DBL_MAX, "1.7976931348623157e+308") &&
                  formats_as(DBL_MIN, "2.2250738585072014e-308") &&
                  formats_as(0x1p-44, "5.684341886080802e-14") &&
                  formats_as(9007199254740993.0, "9007199254740992") &&
                  formats_as(0x1p53 * 3, "27021597764222976") &&
                  formats_as(123456789012345680000.0, "123456789012345680000") &&
                  formats_as(0.1 + 0.2, "0.30000000000000004") &&
                  formats_as(1.0 / 3, "0.3333333333333333") && formats_as(12.345, "12.345") &&
                  formats_as(0.000123, "0.000123") && formats_as(1e15, "1000000000000000") &&
                  formats_as(999999999999999.9, "999999999999999.9") &&
                  formats_as(2e-323, "2e-323") && formats_as(4.35, "4.35") &&
                  formats_as(INFINITY, "Infinity") && formats_as(-INFINITY, "-Infinity") &&
                  formats_as(NAN, "NaN") && formats_as(0x1p-1022 * 0.75, "1.668805393880401e-308");
    check(passed, "doubles as JavaScript writes them");
}

/* The digits of a numeral without exponent, leading and trailing zeros. Returns how many. */
static int copy_significant(char *out, const char *text)
{
    int n = 0, last = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
            continue;
        out[n++] = *text;
        if (*text != '0')
            last = n;
    }
    out[last] = '\0';
    return last;
}

static bool is_power_of_two(double d)
{
    int exponent;

    return fabs(frexp(d, &exponent)) == 0.5;
}

/* Reads back, no decimal with a digit less does, and of those as long it is the nearest. */
static bool is_shortest(double d)
{
    char buf[CP_NUM_MAX + 1], other[64], digits[64], nearest[64];
    size_t n = cp_num_format_double(buf, d);

    buf[n] = '\0';
    if (n >= CP_NUM_MAX || !same_double(strtod(buf, NULL), d))
        return false;
    struct cp_num num = parse_bytes(buf, n);
    if (cp_num_to_double(&num) != d)
        return false;
    int length = copy_significant(digits, buf);
    snprintf(other, sizeof other, "%.*e", length - 1, d);
    copy_significant(nearest, other);
    if (strcmp(digits, nearest) != 0 && !is_power_of_two(d))
        return false;
    if (length < 2)
        return true;
    snprintf(other, sizeof other, "%.*e", length - 2, d);
    return strtod(other, NULL) != d;
}

static void test_format_random(void)
{
    bool passed = true;

    for (int i = 0; i < CASES && passed; i++) {
        double d = draw_bits();
        if (i % 4 == 1)
            d = (double)(int64_t)(draw() >> below(64)) / pow(10, below(18));
        if (i % 4 == 2)
            d = (double)(draw() >> 40) / (1 + below(1000));
        if (i % 4 == 3)
            d = ldexp(1, (int)below(2098) - 1074);
        passed = d == 0 || is_shortest(d);
        if (!passed)
            note("%.17g", d);
    }
    check(passed, "random doubles read back from the shortest text");
}

static void test_format_ints(void)
{
    bool passed = true;
    char buf[CP_NUM_MAX + 1], expected[32];

    for (int i = 0; i < CASES && passed; i++) {
        int64_t value = (int64_t)draw() >> below(64);
        if (i < 4)
            value = (int64_t[]){0, INT64_MIN, INT64_MAX, -1}[i];
        buf[cp_num_format_int(buf, value)] = '\0';
        snprintf(expected, sizeof expected, "%" PRId64, value);
        passed = strcmp(buf, expected) == 0;
    }
    struct cp_num num = {CP_NUM_INT, {.i = -12}};
    passed &= cp_num_format(buf, &num) == 3 && memcmp(buf, "-12", 3) == 0;
    num = (struct cp_num){CP_NUM_DBL, {.d = 2.5}};
    passed &= cp_num_format(buf, &num) == 3 && memcmp(buf, "2.5", 3) == 0;
    check(passed, "integers as printf writes them");
}

/* ---- Comparing ---- */

static int compare_id(int64_t i, double d)
{
    struct cp_num a = {CP_NUM_INT, {.i = i}}, b = {CP_NUM_DBL, {.d = d}};
    int forth = cp_num_compare(&a, &b), back = cp_num_compare(&b, &a);

    return (forth > 0) - (forth < 0) == (back < 0) - (back > 0) ? forth : 99;
}

static void test_compare(void)
{
    bool passed = compare_id(1, 1.0) == 0 && compare_id(1, 1.5) < 0 && compare_id(-1, -1.5) > 0 &&
                  compare_id(0, -0.0) == 0 && compare_id(INT64_MAX, 0x1p63) < 0 &&
                  compare_id(INT64_MIN, -0x1p63) == 0 &&
                  compare_id((INT64_C(1) << 53) + 1, 0x1p53) > 0 &&
                  compare_id(INT64_MAX, INFINITY) < 0 && compare_id(INT64_MIN, -INFINITY) > 0 &&
                  compare_id(INT64_MIN, -0x1.0000000000001p63) > 0 && compare_id(5, NAN) < 0;

    for (int i = 0; i < CASES && passed; i++) {
        int64_t a = (int64_t)draw() >> below(64);
        double d =
            (double)a + (below(3) == 0 ? ldexp((double)below(3) - 1, (int)below(12) - 2) : 0);
        long double x = (long double)a, y = (long double)d;
        int result = compare_id(a, d);
        passed = (result > 0) - (result < 0) == (x > y) - (x < y);
    }
    check(passed, "an integer compares exactly with a double");
}

/* ---- Sums ---- */

static void add_shuffled(struct cp_sum *sum, double *values, size_t n, unsigned parts)
{
    struct cp_sum part[8];

    for (unsigned i = 0; i < parts; i++) {
        memset(&part[i], 0xAA, sizeof part[i]);
        cp_sum_init(&part[i]);
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = below((unsigned)i);
        double swap = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swap;
    }
    for (size_t i = 0; i < n; i++) {
        struct cp_num num = {CP_NUM_DBL, {.d = values[i]}};
        if (fabs(values[i]) < 0x1p62 && values[i] == trunc(values[i]) && below(2) == 0)
            cp_sum_add_int(&part[below(parts)], (int64_t)values[i]);
        else
            cp_sum_add(&part[below(parts)], &num);
    }
    cp_sum_init(sum);
    for (unsigned i = 0; i < parts; i++)
        cp_sum_merge(sum, &part[i]);
}

static double result_of(const struct cp_sum *sum)
{
    struct cp_num num;

    cp_sum_result(sum, &num);
    return cp_num_to_double(&num);
}

static void test_sum_order(void)
{
    double values[200];
    bool passed = true;

    for (int round = 0; round < 500 && passed; round++) {
        double first = 0, average = 0;
        for (int i = 0; i < 200; i++) {
            values[i] = round % 3 == 0 ? draw_bits() : (double)(int64_t)draw() / (1 + below(999));
            if (round % 3 == 2)
                values[i] = round + i;
            if (isinf(values[i] * 1024))
                values[i] = 1;
        }
        for (int order = 0; order < 4; order++) {
            struct cp_sum sum;
            add_shuffled(&sum, values, 200, 1 + below(8));
            if (order == 0) {
                first = result_of(&sum);
                average = cp_sum_divide(&sum, 200);
            }
            passed &= same_double(first, result_of(&sum)) &&
                      same_double(average, cp_sum_divide(&sum, 200));
        }
    }
    check(passed, "a sum does not depend on order and merging");
}

/* Sums that 128-bit integers hold: doubles k * 2^-20 with k below 2^53. */
static void test_sum_exact(void)
{
    bool passed = true;

    for (int round = 0; round < 2000 && passed; round++) {
        __extension__ __int128 exact = 0;
        struct cp_sum sum;
        unsigned n = 1 + below(100);
        cp_sum_init(&sum);
        for (unsigned i = 0; i < n; i++) {
            int64_t k = (int64_t)draw() >> (11 + below(50));
            exact += k;
            cp_sum_add_double(&sum, ldexp((double)k, -20));
        }
        double expected = ldexp((double)exact, -20);
        passed = same_double(result_of(&sum), expected);
        if (exact % n == 0)
            passed &= same_double(cp_sum_divide(&sum, n), ldexp((double)(exact / n), -20));
    }
    check(passed, "sums agree with 128-bit integers");
}

static void test_sum_cancels(void)
{
    struct cp_sum sum;

    cp_sum_init(&sum);
    cp_sum_add_double(&sum, 1e308);
    cp_sum_add_double(&sum, 1e308);
    cp_sum_add_double(&sum, 5e-324);
    cp_sum_add_double(&sum, 1);
    bool passed = isinf(result_of(&sum));
    cp_sum_add_double(&sum, -1e308);
    cp_sum_add_double(&sum, -1e308);
    passed &= result_of(&sum) == 1;
    cp_sum_add_int(&sum, -1);
    passed &= result_of(&sum) == 5e-324;
    cp_sum_add_double(&sum, -5e-324);
    passed &= result_of(&sum) == 0;
    cp_sum_add_double(&sum, -5e-324);
    passed &= result_of(&sum) == -5e-324;
    for (int i = 0; i < 10; i++)
        cp_sum_add_double(&sum, 0.1);
    passed &= result_of(&sum) == 1;
    check(passed, "large values cancel and leave the small ones");
}

static void test_sum_ints(void)
{
    struct cp_sum sum, other;
    struct cp_num num;

    cp_sum_init(&sum);
    bool passed = cp_sum_result(&sum, &num) == CP_NUM_INT && num.i == 0;
    for (int i = 0; i < 5; i++)
        cp_sum_add_int(&sum, INT64_MAX);
    passed &= cp_sum_result(&sum, &num) == CP_NUM_DBL && num.d == 5 * 0x1p63;
    passed &= cp_sum_divide(&sum, 5) == 0x1p63;
    other = sum;
    for (int i = 0; i < 10; i++)
        cp_sum_add_int(&sum, -INT64_MAX);
    cp_sum_merge(&sum, &other);
    cp_sum_add_int(&sum, INT64_MIN);
    passed &= cp_sum_result(&sum, &num) == CP_NUM_INT && num.i == INT64_MIN;
    cp_sum_add_int(&sum, -1);
    passed &= cp_sum_result(&sum, &num) == CP_NUM_DBL && num.d == -0x1p63;
    cp_sum_add_int(&sum, 1);
    cp_sum_add_double(&sum, 0.0);
    passed &= cp_sum_result(&sum, &num) == CP_NUM_DBL && num.d == -0x1p63;
    check(passed, "integers stay integers, beyond int64 they are a double");
}

static void test_sum_special(void)
{
    struct cp_sum sum, other;

    cp_sum_init(&sum);
    cp_sum_add_double(&sum, INFINITY);
    cp_sum_add_double(&sum, 5);
    bool passed = result_of(&sum) == INFINITY && cp_sum_divide(&sum, 2) == INFINITY;
    cp_sum_init(&other);
    cp_sum_add_double(&other, -INFINITY);
    passed &= result_of(&other) == -INFINITY;
    cp_sum_merge(&sum, &other);
    passed &= isnan(result_of(&sum));
    cp_sum_init(&sum);
    cp_sum_add_double(&sum, NAN);
    passed &= isnan(result_of(&sum)) && isnan(cp_sum_divide(&sum, 3));
    check(passed, "infinities and not-a-number pass through a sum");
}

static void test_sum_divide(void)
{
    bool passed = true;
    struct cp_sum sum;

    for (int i = 0; i < CASES && passed; i++) {
        double d = i % 4 == 0 ? draw_bits() : (double)((int64_t)draw() >> below(40));
        unsigned count = 1 + below(i % 2 ? 10 : 1000000);
        cp_sum_init(&sum);
        if (i % 4 == 1)
            cp_sum_add_int(&sum, (int64_t)(d = trunc(d / 2048)));
        else
            cp_sum_add_double(&sum, d);
        passed = same_double(cp_sum_divide(&sum, count), d / count);
        if (!passed)
            note("%a / %u = %a", d, count, cp_sum_divide(&sum, count));
    }
    for (int i = 1; i < 100; i++) {
        cp_sum_init(&sum);
        cp_sum_add_double(&sum, 5e-324 * i);
        for (unsigned count = 1; count < 100; count++)
            passed &= same_double(cp_sum_divide(&sum, count), 5e-324 * i / count);
    }
    check(passed, "averages are rounded once");
}

static void test_sum_squares(void)
{
    bool passed = true;
    struct cp_sum sum;

    for (int i = 0; i < CASES && passed; i++) {
        double d = draw_bits();
        cp_sum_init(&sum);
        cp_sum_add_square(&sum, d);
        /* What is below the smallest double is cut, which may decide a rounding down there. */
        passed = same_double(result_of(&sum), d * d) || d * d < 1e-290;
        if (i % 2)
            continue;
        double high = d * d, low = fma(d, d, -high);
        cp_sum_add_double(&sum, -high);
        passed &= isinf(high) || high < 1e-290 || same_double(result_of(&sum), low);
    }
    check(passed, "squares are added exactly");
}

int main(void)
{
    test_kinds();
    test_int_limits();
    test_random_ints();
    test_random_doubles();
    test_printed_doubles();
    test_middles();
    test_long_numerals();
    test_json();
    test_format_examples();
    test_format_random();
    test_format_ints();
    test_compare();
    test_sum_order();
    test_sum_exact();
    test_sum_cancels();
    test_sum_ints();
    test_sum_special();
    test_sum_divide();
    test_sum_squares();
    printf("1..%d\n", tests);
    return failures > 0;
}
