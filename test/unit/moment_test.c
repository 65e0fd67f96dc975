/* Tests of lib/base/moment: calendar, times, durations, sizes. Prints TAP. */
#include "../../lib/base/moment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CASES 200000
#define UNTOUCHED INT64_C(-123456789)

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

/* A copy of exactly n bytes, so that the sanitizer sees a read beyond them. */
static char *clone(const char *s, size_t n)
{
    char *copy = malloc(n > 0 ? n : 1);

    memcpy(copy, s, n);
    return copy;
}

/* 2026-11-20T18:00:00Z, which most cases mean. */
#define EVENING INT64_C(1795197600)
static const struct cp_time_zone east = {.offset = 7200, .reference = EVENING * CP_NS_PER_SECOND};

static int64_t read_time(const char *text, const struct cp_time_zone *zone)
{
    size_t n = strlen(text);
    char *copy = clone(text, n);
    int64_t ns = UNTOUCHED;

    if (!cp_time_parse(copy, n, zone, &ns) && ns != UNTOUCHED)
        abort();
    free(copy);
    return ns;
}

static bool time_is(const char *text, int64_t ns)
{
    int64_t got = read_time(text, &east);

    if (got != ns)
        note("%s: %" PRId64 " instead of %" PRId64, text, got, ns);
    return got == ns;
}

#define S(seconds) ((seconds)*CP_NS_PER_SECOND)

static void test_forms(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"20/Nov/2026:18:00:00 +0000", S(EVENING)},
        {"20/nov/2026:20:30:00 +0230", S(EVENING)},
        {"20/Nov/2026:16:00:00 -0200", S(EVENING)},
        {"20/Nov/2026:20:00:00", S(EVENING)},
        {"20/Nov/2026:18:00:00.250 +0000", S(EVENING) + 250000000},
        {"1/Nov/2026:00:00:00 +0000", S(EVENING - 19 * 86400 - 18 * 3600)},
        {"2026-11-20T18:00:00Z", S(EVENING)},
        {"2026-11-20t18:00:00z", S(EVENING)},
        {"2026-11-20 20:00:00", S(EVENING)},
        {"2026-11-20 20:00", S(EVENING)},
        {"2026-11-20T18:00:00.1Z", S(EVENING) + 100000000},
        {"2026-11-20T18:00:00,123Z", S(EVENING) + 123000000},
        {"2026-11-20T18:00:00.123456789Z", S(EVENING) + 123456789},
        {"2026-11-20T18:00:00.1234567899999Z", S(EVENING) + 123456789},
        {"2026-11-20T19:30:00+01:30", S(EVENING)},
        {"2026-11-20T16:30:00-0130", S(EVENING)},
        {"2026-11-20 18:00:00 +0000", S(EVENING)},
        {"2026-11-20 18:00:00+00", S(EVENING)},
        {"2026-11-20 18:00:00 UTC", S(EVENING)},
        {"  2026-11-20 18:00:00Z ", S(EVENING)},
        {"2026-11-20", S(EVENING - 18 * 3600)},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.5Z", -500000000},
        {"2016-12-31T23:59:60Z", S(1483228800)},
        {"2024-02-29T00:00:00Z", S(1709164800)},
        {"2000-02-29", S(951782400)},
        {"2026/11/20 20:00:00", S(EVENING)},
        {"Nov 20 20:00:00", S(EVENING)},
        {"Nov  2 20:00:00", S(EVENING - 18 * 86400)},
        {"Nov 02 20:00:00", S(EVENING - 18 * 86400)},
        {"Nov 2 20:00:00.5", S(EVENING - 18 * 86400) + 500000000},
        {"Nov 21 20:00:00", S(EVENING + 86400)},
        {"Nov 21 20:00:01", S(EVENING + 1 - 364 * 86400)},
        {"Feb 29 00:00:00", S(1709164800 - 7200)},
        {"Nov 20 2026 20:00:00", S(EVENING)},
        {"Fri, 20 Nov 2026 18:00:00 GMT", S(EVENING)},
        {"Fri, 20 Nov 2026 20:00:00 +0200", S(EVENING)},
        {"20 Nov 2026 20:00", S(EVENING)},
        {"Wed Oct 11 14:32:52.123456 2000", S(971274772 - 7200) + 123456000},
        {"Wed Oct 11 14:32:52 2000", S(971274772 - 7200)},
        {"Wed Oct 11 14:32:52 UTC 2000", S(971274772)},
        {"Wed Oct 11 14:32:52 +0200 2000", S(971274772 - 7200)},
        {"1795197600", S(EVENING)},
        {"1795197600.123456789", S(EVENING) + 123456789},
        {"1795197600123", S(EVENING) + 123000000},
        {"1795197600123.5", S(EVENING) + 123500000},
        {"1795197600123456", S(EVENING) + 123456000},
        {"1795197600123456789", S(EVENING) + 123456789},
        {"1.7951976e9", S(EVENING)},
        {"-1.5", -1500000000},
        {"0", 0},
        {"9223372036", S(INT64_C(9223372036))},
        {"100000000000", S(100000000)},
        {"100000000000000", S(100000000)},
        {"100000000000000000", S(100000000)},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
        {"1677-09-21T00:12:43.145224192Z", INT64_MIN},
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        passed &= time_is(cases[i].text, cases[i].ns);
    }
    check(passed, "all forms of times");
}

static void test_refused(void)
{
    static const char *const cases[] = {
        "",
        " ",
        "x",
        "Fri",
        "Nov ",
        "2026-02-30T00:00:00Z",
        "2026-02-31",
        "2025-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-1-1",
        "2026-11-20T24:00:00Z",
        "2026-11-20T18:60:00Z",
        "2026-11-20T18:00:61Z",
        "2026-11-20T18:00:00.Z",
        "2026-11-20T18:00:00+24:00",
        "2026-11-20T18:00:00+01:60",
        "2026-11-20T18:00:00+1",
        "2026-11-20T18:00:00ZZ",
        "2026-11-20T18",
        "2026-11-20T",
        "2026-11-20Z",
        "2026-11-20x",
        "2026-11-20T18:00:00 CET",
        "20/Nov/2026:18:00:00 +00x0",
        "20/Nox/2026:18:00:00 +0000",
        "31/Nov/2026:18:00:00 +0000",
        "20/Nov/2026 18:00:00 +0000",
        "20/Nov/2026:18:00:00 +2400",
        "20/Nov/2026:1a:00:00 +0000",

        "20-Nov-2026:18:00:00 +0000",
        "Nov 31 00:00:00",
        "Nov 20 18:00",
        "Nov 20 18:00:00 x",
        "Nob 20 18:00:00",
        "Fri, 20 Nov 2026",
        "Fry, 20 Nov 2026 18:00:00 GMT",
        "Wed Oct 11 14:32:52",
        "Wed Oct 32 14:32:52 2000",
        "2263-01-01",
        "0001-01-01",
        "1e30",
        "-",
        ".",
        "1.2.3",
        "0x10",
        "127.0.0.1",
        "10000000000000000000",
        "99999999999999999999999",
        "nan",
        "12:30:00",
        "99999999999",
        "99999999999999",
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        passed &= time_is(cases[i], UNTOUCHED);
    check(passed, "what is no time");
}

/* Every truncation and every changed byte of the forms: no over-read, no crash. */
static void test_damage(void)
{
    static const char *const forms[] = {
        "20/Nov/2026:18:00:00 +0000",
        "2026-11-20T18:00:00.123456789+01:00",
        "2026/11/20 18:00:00",
        "Mar 27 13:06:56",
        "Fri, 20 Nov 2026 18:00:00 GMT",
        "Wed Oct 11 14:32:52.123456 2000",
        "1700000000.25",
        "1.7e9",
    };
    char text[64];

    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        size_t n = strlen(forms[f]);
        for (size_t i = 0; i <= n; i++) {
            memcpy(text, forms[f], n + 1);
            text[i] = '\0';
            read_time(text, NULL);
            for (int c = 1; c < 256 && i < n; c++) {
                memcpy(text, forms[f], n + 1);
                text[i] = (char)c;
                read_time(text, &east);
            }
        }
    }
    check(true, "damaged times are read without harm");
}

/* In the fixed forms each byte that is not a digit must be what it is, and each digit a digit. */
static void test_fixed_bytes(void)
{
    static const char *const forms[] = {"11/Nov/1111:11:11:11 +1111", "1111-11-11T11:11:11Z"};
    bool passed = true;
    char text[64];

    for (size_t f = 0; f < 2; f++) {
        size_t n = strlen(forms[f]);
        passed &= read_time(forms[f], NULL) == UNTOUCHED; /* the year 1111 is out of range */
        /* The first byte may be a blank. */
        for (size_t i = 1; i < n; i++) {
            for (int c = 1; c < 256; c++) {
                memcpy(text, forms[f], n + 1);
                memcpy(text + (f == 0 ? 7 : 0), "2001", 4);
                bool was_digit = text[i] >= '0' && text[i] <= '9';
                bool same_kind = was_digit ? c >= '0' && c <= '9' : (c | 0x20) == (text[i] | 0x20);
                text[i] = (char)c;
                bool good = same_kind || read_time(text, NULL) == UNTOUCHED ||
                            strchr("+- T,.Z", forms[f][i]) != NULL;
                if (!good)
                    note("%s", text);
                passed &= good;
            }
        }
    }
    check(passed, "no byte of the fixed forms can be another");
}

static int64_t draw_time(void)
{
    return (int64_t)draw() >> below(24);
}

static void break_down(int64_t ns, int32_t offset, struct tm *tm, int32_t *nano)
{
    int64_t seconds = ns / CP_NS_PER_SECOND - (ns % CP_NS_PER_SECOND < 0);
    time_t shifted = seconds + offset;

    *nano = (int32_t)((uint64_t)ns - (uint64_t)seconds * CP_NS_PER_SECOND);
    gmtime_r(&shifted, tm);
}

static void test_calendar(void)
{
    bool passed = cp_days_from_civil(1970, 1, 1) == 0 && cp_days_from_civil(2000, 3, 1) == 11017 &&
                  cp_days_from_civil(0, 3, 1) == -719468 && cp_year_is_leap(2000) &&
                  !cp_year_is_leap(1900) && cp_month_days(2024, 2) == 29 &&
                  cp_month_days(2023, 2) == 28 && cp_month_days(2023, 12) == 31;
    int32_t year, month, day;

    for (int64_t days = -1000000; days < 1000000 && passed; days++) {
        cp_civil_from_days(days, &year, &month, &day);
        passed = cp_days_from_civil(year, month, day) == days && month >= 1 && month <= 12 &&
                 day >= 1 && day <= cp_month_days(year, month);
    }
    check(passed, "days to dates and back");
}

static void test_split(void)
{
    bool passed = true;

    for (int i = 0; i < CASES && passed; i++) {
        struct cp_time_parts parts;
        struct tm tm;
        int32_t nano, offset = (int32_t)below(172800) - 86400;
        int64_t ns = draw_time(), back = 0;
        if (i < 2)
            ns = i == 0 ? INT64_MIN : INT64_MAX;
        break_down(ns, offset, &tm, &nano);
        cp_time_split(ns, offset, &parts);
        passed = parts.year == tm.tm_year + 1900 && parts.month == tm.tm_mon + 1 &&
                 parts.day == tm.tm_mday && parts.hour == tm.tm_hour && parts.minute == tm.tm_min &&
                 parts.second == tm.tm_sec && parts.nano == nano && parts.weekday == tm.tm_wday &&
                 parts.year_day == tm.tm_yday + 1 && cp_time_join(&parts, offset, &back) &&
                 back == ns;
    }
    check(passed, "times are split and joined as gmtime and timegm do");
}

/* Each form printed by the C library and read back. */
static void test_round_trips(void)
{
    static const struct {
        const char *format;
        bool (*parse)(const char *, size_t, const struct cp_time_zone *, int64_t *);
    } forms[] = {
        {"%d/%b/%Y:%H:%M:%S +0000", cp_time_parse_clf},
        {"%Y-%m-%dT%H:%M:%SZ", cp_time_parse_iso},
        {"%Y-%m-%d %H:%M:%S", cp_time_parse_iso},
        {"%Y/%m/%d %H:%M:%S", cp_time_parse_slash},
        {"%a, %d %b %Y %H:%M:%S GMT", cp_time_parse_mail},
        {"%a %b %e %H:%M:%S %Y", cp_time_parse_ctime},
        {"%b %e %Y %H:%M:%S", cp_time_parse_syslog},
    };
    bool passed = true;

    for (int i = 0; i < CASES && passed; i++) {
        size_t f = (size_t)i % (sizeof forms / sizeof *forms);
        int64_t seconds = draw_time() / CP_NS_PER_SECOND, got = UNTOUCHED, direct = UNTOUCHED;
        struct tm tm;
        char text[64];
        time_t t = seconds;
        gmtime_r(&t, &tm);
        size_t n = strftime(text, sizeof text, forms[f].format, &tm);
        passed = cp_time_parse(text, n, NULL, &got) && got == S(seconds) &&
                 forms[f].parse(text, n, NULL, &direct) && direct == got && timegm(&tm) == seconds;
        if (!passed)
            note("%.*s", (int)n, text);
    }
    check(passed, "forms written by strftime are read back");
}

static void test_years(void)
{
    bool passed = true;
    char text[64];

    for (int i = 0; i < CASES && passed; i++) {
        struct cp_time_zone zone = {.offset = (int32_t)below(172800) - 86400,
                                    .reference = (int64_t)(draw() >> 2)};
        int64_t ago = (int64_t)below(363 * 86400) - 86400, got = UNTOUCHED;
        int64_t ns = zone.reference - S(ago);
        struct cp_time_parts parts;
        cp_time_split(ns, zone.offset, &parts);
        if (parts.month == 2 && parts.day == 29)
            continue;
        int n = snprintf(text, sizeof text, "%.3s %2d %02d:%02d:%02d.%09d",
                         &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * (parts.month - 1)], parts.day,
                         parts.hour, parts.minute, parts.second, parts.nano);
        passed = cp_time_parse(text, (size_t)n, &zone, &got) && got == ns;
    }
    /* 1900 was no leap year: from January 1904 the last 29 February is eight years back. */
    struct cp_time_zone zone = {.reference = -2082000000 * CP_NS_PER_SECOND};
    passed &= read_time("Feb 29 00:00:00", &zone) == -2330121600 * CP_NS_PER_SECOND;
    check(passed, "a missing year is the latest not more than a day ahead");
}

static void test_format(void)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {S(EVENING) + 120000000, "2026-11-20T18:00:00.120Z"},
        {S(EVENING) + 1000, "2026-11-20T18:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    };
    bool passed = true;
    char buf[CP_TIME_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cp_time_format(buf, cases[i].ns);
        passed &= n == strlen(cases[i].text) && memcmp(buf, cases[i].text, n) == 0;
    }
    for (int i = 0; i < CASES && passed; i++) {
        int64_t ns = draw_time() / (int64_t[]){1, 1000, 1000000, 1000000000}[i % 4], got = 0;
        ns *= (int64_t[]){1, 1000, 1000000, 1000000000}[i % 4];
        passed = cp_time_parse(buf, cp_time_format(buf, ns), NULL, &got) && got == ns;
    }
    check(passed, "RFC 3339 with the shortest fraction reads back");
}

static bool strftime_is(const char *fmt, int64_t ns, int32_t offset, const char *expected)
{
    char buf[128];
    size_t n = cp_time_strftime(buf, sizeof buf, fmt, strlen(fmt), ns, offset);
    bool good = n == strlen(expected) && memcmp(buf, expected, n) == 0;

    if (!good)
        note("%s: %.*s", fmt, (int)n, buf);
    return good;
}

static void test_strftime(void)
{
    int64_t ns = S(EVENING) + 12345678;
    bool passed = strftime_is("%f %L %N", ns, 0, "012345 012 012345678") &&
                  strftime_is("%z %Z", ns, 0, "+0000 UTC") &&
                  strftime_is("%z %Z", ns, 5400, "+0130 +01:30") &&
                  strftime_is("%z %Z %H", ns, -12600, "-0330 -03:30 14") &&
                  strftime_is("%s", -1, 0, "-1") && strftime_is("%n%t%%", ns, 0, "\n\t%") &&
                  strftime_is("%Q %", ns, 0, "%Q %") && strftime_is("", ns, 0, "");
    char buf[8] = "1234567";

    passed &= cp_time_strftime(buf, 5, "%Y-%F", 5, ns, 0) == 15 && memcmp(buf, "2026-67", 8) == 0;
    passed &= cp_time_strftime(NULL, 0, "%T%B", 4, ns, 0) == 16;
    check(passed, "strftime's conversions that the C library lacks, and its length");
}

static void test_strftime_random(void)
{
    static const char fmt[] = "%Y %m %d %e %j %y %H %M %S %I %p %b %B %a %A %u %w %T %F %D %R %s";
    bool passed = true;

    for (int i = 0; i < 50000 && passed; i++) {
        int64_t ns = draw_time();
        char expected[256];
        struct tm tm;
        int32_t nano;
        break_down(ns, 0, &tm, &nano);
        if (strftime(expected, sizeof expected, fmt, &tm) == 0)
            passed = false;
        passed = passed && strftime_is(fmt, ns, 0, expected);
    }
    check(passed, "strftime as the C library");
}

static bool strptime_is(const char *text, const char *fmt, int64_t ns)
{
    size_t n = strlen(text), fn = strlen(fmt);
    char *s = clone(text, n), *f = clone(fmt, fn);
    int64_t got = UNTOUCHED;
    bool found = cp_time_strptime(s, n, f, fn, &east, &got);

    free(s);
    free(f);
    if (got != ns || found != (ns != UNTOUCHED))
        note("%s %s: %" PRId64, text, fmt, got);
    return got == ns;
}

static void test_strptime(void)
{
    int64_t evening = S(EVENING);
    bool passed =
        strptime_is("2026-11-20 20:00:00", "%Y-%m-%d %H:%M:%S", evening) &&
        strptime_is("2026-11-20T18:00:00.5Z", "%FT%T.%f%z", evening + 500000000) &&
        strptime_is("20.11.26 18:00 UTC", "%d.%m.%y %R %Z", evening) &&
        strptime_is("Friday, 20 november 2026 08:00:00 pm", "%A, %d %B %Y %I:%M:%S %p", evening) &&
        strptime_is("Fri Nov  2 20:00:00 2026", "%a %b %e %H:%M:%S %Y", evening - S(18 * 86400)) &&
        strptime_is("11/20/26 20:00", "%D %R", evening) &&
        strptime_is("2026324 20", "%Y%j %H", evening) &&
        strptime_is("Nov 20 20:00:00", "%b %d %T", evening) &&
        strptime_is("20:00:00", "%T", evening) &&
        strptime_is("1795197600.25", "%s.%N", evening + 250000000) &&
        strptime_is("[100%]  1795197600", "[100%%] %s", evening) &&
        strptime_is("20261120180000+0000", "%Y%m%d%H%M%S%z", evening) &&
        strptime_is("12 AM 2026-11-20", "%I %p %F", evening - S(20 * 3600)) &&
        strptime_is("2026-11-20", "%Y-%m", UNTOUCHED) && strptime_is("2026", "%Y-%m", UNTOUCHED) &&
        strptime_is("2026-02-30", "%F", UNTOUCHED) && strptime_is("2026-13-01", "%F", UNTOUCHED) &&
        strptime_is("2025366", "%Y%j", UNTOUCHED) && strptime_is("x", "%Q", UNTOUCHED) &&
        strptime_is("99999999999", "%s", UNTOUCHED) && strptime_is("0 AM", "%I %p", UNTOUCHED);

    check(passed, "strptime");
}

static void test_strptime_random(void)
{
    static const char *const formats[] = {
        "%Y-%m-%d %H:%M:%S.%N %z",
        "%d/%b/%Y:%T.%N %z",
        "%A %B %e %Y %I:%M:%S %p %N %Z",
        "%j %Y %T %N%z",
        "%s.%N",
        "%a %w %u %F%t%T %N %z",
    };
    bool passed = true;

    for (int i = 0; i < CASES && passed; i++) {
        const char *fmt = formats[(size_t)i % (sizeof formats / sizeof *formats)];
        int64_t ns = draw_time(), got = UNTOUCHED;
        int32_t offset = ((int32_t)below(2 * 1439) - 1439) * 60;
        char text[128];
        if (fmt[1] == 's' && ns < 0)
            ns = -(ns + 1);
        size_t n = cp_time_strftime(text, sizeof text, fmt, strlen(fmt), ns, offset);
        passed = cp_time_strptime(text, n, fmt, strlen(fmt), NULL, &got) && got == ns;
        if (!passed)
            note("%s: %.*s", fmt, (int)n, text);
    }
    check(passed, "strptime reads what strftime writes");
}

static void test_trunc(void)
{
    int64_t evening = S(EVENING), day = evening - S(18 * 3600);
    bool passed = cp_time_trunc(evening + 5, CP_NS_PER_HOUR, 0) == evening &&
                  cp_time_trunc(evening, CP_NS_PER_DAY, 0) == day &&
                  cp_time_trunc(evening, CP_NS_PER_DAY, 7200) == day - S(7200) &&
                  cp_time_trunc(evening, CP_NS_PER_DAY, 8 * 3600) == day + S(16 * 3600) &&
                  cp_time_trunc(evening, 7 * CP_NS_PER_DAY, 0) == day - 4 * CP_NS_PER_DAY &&
                  cp_time_trunc(-1, CP_NS_PER_MINUTE, 0) == -CP_NS_PER_MINUTE &&
                  cp_time_trunc(INT64_MIN + 5, CP_NS_PER_DAY, 0) == INT64_MIN &&
                  cp_time_trunc(evening + 7, 1, 0) == evening + 7 &&
                  cp_time_trunc_months(evening, 1, 0) == day - 19 * CP_NS_PER_DAY &&
                  cp_time_trunc_months(evening, 3, 0) == day - 50 * CP_NS_PER_DAY &&
                  cp_time_trunc_months(evening, 12, 0) == S(INT64_C(1767225600)) &&
                  cp_time_trunc_months(INT64_MIN, 1, 0) == INT64_MIN;

    check(passed, "times are cut to their units");
}

static void test_numbers(void)
{
    struct cp_num num;
    int64_t ns = 0;
    bool passed = true;

    cp_time_to_number(S(EVENING), &num);
    passed &= num.kind == CP_NUM_INT && num.i == EVENING;
    cp_time_to_number(S(EVENING) + 123000000, &num);
    passed &= num.kind == CP_NUM_DBL && num.d == 1795197600.123;
    passed &= cp_time_from_number(&num, &ns) && ns == S(EVENING) + 123000000;
    cp_time_to_number(-500000000, &num);
    passed &= num.kind == CP_NUM_DBL && num.d == -0.5 && cp_time_from_number(&num, &ns) &&
              ns == -500000000;
    cp_time_to_number(INT64_MIN, &num);
    passed &= num.kind == CP_NUM_DBL && num.d == -9223372036.854775808;
    num = (struct cp_num){CP_NUM_DBL, {.d = 1e300}};
    passed &= !cp_time_from_number(&num, &ns);
    num.d = 1e300 * 1e300;
    passed &= !cp_time_from_number(&num, &ns);
    num.d = num.d - num.d;
    passed &= !cp_time_from_number(&num, &ns);
    num.d = 1e-7;
    passed &= cp_time_from_number(&num, &ns) && ns == 100;
    num = (struct cp_num){CP_NUM_INT, {.i = INT64_C(1795197600123)}};
    passed &= cp_time_from_number(&num, &ns) && ns == S(EVENING) + 123000000;
    num.i = -1;
    passed &= cp_time_from_number(&num, &ns) && ns == -CP_NS_PER_SECOND;
    check(passed, "times as numbers");
}

static void test_zones(void)
{
    static const struct {
        const char *text;
        int32_t offset;
    } cases[] = {
        {"UTC", 0},        {"Z", 0},       {"gmt", 0},        {"+02:00", 7200},
        {"-0530", -19800}, {"+02", 7200},  {"-00:00", 0},     {"+23:59", 86340},
        {"CET", -1},       {"+24:00", -1}, {"+2", -1},        {"", -1},
        {"+02:0", -1},     {"0200", -1},   {"+02:00:00", -1}, {"Europe/Berlin", -1},
        {"UTC+2", -1},
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t offset = -1;
        size_t n = strlen(cases[i].text);
        char *copy = clone(cases[i].text, n);
        bool found = cp_zone_parse(copy, n, &offset);
        free(copy);
        passed &= offset == cases[i].offset && found == (offset != -1);
    }
    check(passed, "zones");
}

static bool duration_is(const char *text, int64_t ns)
{
    size_t n = strlen(text);
    char *copy = clone(text, n);
    int64_t got = UNTOUCHED;
    bool found = cp_duration_parse(copy, n, &got);

    free(copy);
    if (got != ns || found != (ns != UNTOUCHED))
        note("%s: %" PRId64, text, got);
    return got == ns;
}

static void test_durations(void)
{
    static const char *const refused[] = {
        "",
        "5",
        "s",
        "-",
        "5 s",
        "1h 30m",
        "30m1h",
        "1m1m",
        "5M",
        "5k",
        "1.s",
        ".5s",
        "1..5s",
        "5sec",
        "1h-3m",
        "1e3s",
        "300y",
        "99999999999w",
        "99999999999999999999999s",
        "5s ",
        " 5s",
        "1h30",
        "5m.5s",
    };
    bool passed = duration_is("250ms", 250000000) && duration_is("5s", S(5)) &&
                  duration_is("1h30m", S(5400)) && duration_is("7d", S(7 * 86400)) &&
                  duration_is("1m2s", S(62)) && duration_is("2us", 2000) && duration_is("3ns", 3) &&
                  duration_is("2w", S(14 * 86400)) && duration_is("1.5h", S(5400)) &&
                  duration_is("\xC2\xB5s", UNTOUCHED) && duration_is("5\xC2\xB5s", 5000) &&
                  duration_is("5\xCE\xBCs", 5000) && duration_is("-1m0.5s", -60500000000) &&
                  duration_is("+1s", S(1)) && duration_is("0.0000000019s", 1) &&
                  duration_is("0.1000000000000000000000000001s", 100000000) &&
                  duration_is("0s", 0) && duration_is("9223372036854775807ns", INT64_MAX) &&
                  duration_is("9223372036854775808ns", UNTOUCHED) &&
                  duration_is("-9223372036854775808ns", INT64_MIN);

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        passed &= duration_is(refused[i], UNTOUCHED);
    check(passed, "durations");
}

static bool duration_prints(int64_t ns, const char *expected)
{
    char buf[CP_TIME_MAX];
    size_t n = cp_duration_format(buf, ns);

    if (n != strlen(expected) || memcmp(buf, expected, n) != 0)
        note("%.*s instead of %s", (int)n, buf, expected);
    return n == strlen(expected) && memcmp(buf, expected, n) == 0;
}

static void test_duration_format(void)
{
    bool passed = duration_prints(0, "0s") && duration_prints(S(5400), "1h30m") &&
                  duration_prints(S(62) + 500000000, "1m2.5s") &&
                  duration_prints(S(7 * 86400), "7d") && duration_prints(1500000, "1.5ms") &&
                  duration_prints(250000000, "250ms") && duration_prints(2000, "2us") &&
                  duration_prints(3, "3ns") && duration_prints(-S(90), "-1m30s") &&
                  duration_prints(S(60) + 1, "1m0.000000001s") &&
                  duration_prints(INT64_MIN, "-106751d23h47m16.854775808s");
    char buf[CP_TIME_MAX];
    struct cp_num num;

    for (int i = 0; i < CASES && passed; i++) {
        int64_t ns = (int64_t)draw() >> below(64), got = UNTOUCHED;
        passed = cp_duration_parse(buf, cp_duration_format(buf, ns), &got) && got == ns;
    }
    cp_duration_to_number(S(62), &num);
    passed &= num.kind == CP_NUM_INT && num.i == 62;
    cp_duration_to_number(-300000000, &num);
    passed &= num.kind == CP_NUM_DBL && num.d == -0.3;
    check(passed, "durations are written and read back");
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"10", 10},
        {"10B", 10},
        {"4K", 4096},
        {"4KiB", 4096},
        {"1kB", 1000},
        {"1KB", 1000},
        {"2M", 2 << 20},
        {"2MiB", 2 << 20},
        {"2MB", 2000000},
        {"1G", 1 << 30},
        {"1GiB", 1 << 30},
        {"1GB", 1000000000},
        {"1T", UINT64_C(1) << 40},
        {"1TB", UINT64_C(1000000000000)},
        {"0", 0},
        {"18446744073709551615", UINT64_MAX},
        {"16777215T", UINT64_C(16777215) << 40},
    };
    static const char *const refused[] = {
        "",     "K",   "5k",    "5m",        "1.5M",
        "-1",   "+1",  " 1",    "1 K",       "1Ki",
        "1mb",  "1gb", "1KiBx", "16777216T", "18446744073709551616",
        "10BB", "5s",  "1P",
    };
    bool passed = true;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = 1;
        size_t n = strlen(cases[i].text);
        char *copy = clone(cases[i].text, n);
        bool good = cp_size_parse(copy, n, &bytes) && bytes == cases[i].bytes;
        free(copy);
        if (!good)
            note("%s", cases[i].text);
        passed &= good;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint64_t bytes = 77;
        bool good = !cp_size_parse(refused[i], strlen(refused[i]), &bytes) && bytes == 77;
        if (!good)
            note("%s", refused[i]);
        passed &= good;
    }
    check(passed, "sizes");
}

int main(void)
{
    test_calendar();
    test_split();
    test_forms();
    test_refused();
    test_damage();
    test_fixed_bytes();
    test_round_trips();
    test_years();
    test_format();
    test_strftime();
    test_strftime_random();
    test_strptime();
    test_strptime_random();
    test_trunc();
    test_numbers();
    test_zones();
    test_durations();
    test_duration_format();
    test_sizes();
    printf("1..%d\n", tests);
    return failures > 0;
}
