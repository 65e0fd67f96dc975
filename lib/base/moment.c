/*
 * Moments: times, durations and sizes; their text forms and the calendar.
 *
 * DESIGN. The parsers read through a cursor whose take_ functions advance it on success; a form is
 * a chain of them joined by &&. The combined log's fixed form is read without a cursor, since it
 * stands in every line of the most common input. strptime() and timegm() were rejected: they need a
 * final NUL, know the locale and take a microsecond.
 */
#include "moment.h"

#include <endian.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define SECONDS_PER_DAY 86400

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* ---- Calendar ---- */

bool cp_year_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int cp_month_days(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && cp_year_is_leap(year));
}

/*
 * Years begin in March here, so that the leap day is the last one, and are counted from long before
 * year 0, so that no division sees a negative number.
 */
int64_t cp_days_from_civil(int64_t year, int month, int day)
{
    const int64_t eras = 6000000; /* of 400 years and 146097 days */
    uint64_t years = (uint64_t)(year - (month <= 2) + eras * 400);
    uint64_t days = years * 365 + years / 4 - years / 100 + years / 400;
    unsigned day_of_year = (153 * (unsigned)(month > 2 ? month - 3 : month + 9) + 2) / 5;

    return (int64_t)days + (int64_t)day_of_year + day - (eras * 146097 + 719469);
}

void cp_civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int32_t)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int32_t)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (int32_t)(era * 400 + year_of_era + (*month <= 2));
}

/* Division that rounds down; the remainder, not negative, goes to *rest. */
static int64_t divide_down(int64_t a, int64_t b, int64_t *rest)
{
    int64_t quotient = a / b, remainder = a % b;

    if (remainder < 0) {
        quotient--;
        remainder += b;
    }
    *rest = remainder;
    return quotient;
}

void cp_time_split(int64_t ns, int32_t offset, struct cp_time_parts *parts)
{
    int64_t nano, second;
    int64_t seconds = divide_down(ns, CP_NS_PER_SECOND, &nano) + offset;
    int64_t days = divide_down(seconds, SECONDS_PER_DAY, &second);

    cp_civil_from_days(days, &parts->year, &parts->month, &parts->day);
    parts->hour = (int32_t)(second / 3600);
    parts->minute = (int32_t)(second / 60 % 60);
    parts->second = (int32_t)(second % 60);
    parts->nano = (int32_t)nano;
    int64_t weekday;
    divide_down(days + 4, 7, &weekday);
    parts->weekday = (int32_t)weekday;
    parts->year_day = (int32_t)(days - cp_days_from_civil(parts->year, 1, 1)) + 1;
}

static bool parts_are_valid(const struct cp_time_parts *parts)
{
    return parts->month >= 1 && parts->month <= 12 && parts->day >= 1 &&
           (parts->day <= 28 || parts->day <= cp_month_days(parts->year, parts->month)) &&
           (uint32_t)parts->hour < 24 && (uint32_t)parts->minute < 60 &&
           (uint32_t)parts->second <= 60 && (uint32_t)parts->nano < CP_NS_PER_SECOND;
}

bool cp_time_join(const struct cp_time_parts *parts, int32_t offset, int64_t *ns)
{
    if (!parts_are_valid(parts))
        return false;
    int64_t days = cp_days_from_civil(parts->year, parts->month, parts->day);
    int64_t seconds =
        days * SECONDS_PER_DAY + parts->hour * 3600 + parts->minute * 60 + parts->second - offset;
    i128 total = (i128)seconds * CP_NS_PER_SECOND + parts->nano;
    if (total != (int64_t)total)
        return false;
    *ns = (int64_t)total;
    return true;
}

int64_t cp_time_trunc(int64_t ns, int64_t unit, int32_t offset)
{
    int64_t shift = offset * CP_NS_PER_SECOND, into_unit, shift_rest, result;

    /* 1970 began on a Thursday. */
    if (unit % (7 * CP_NS_PER_DAY) == 0)
        shift += 3 * CP_NS_PER_DAY;
    divide_down(ns, unit, &into_unit);
    divide_down(shift, unit, &shift_rest);
    uint64_t rest = (uint64_t)into_unit + (uint64_t)shift_rest;
    if (rest >= (uint64_t)unit)
        rest -= (uint64_t)unit;
    return __builtin_sub_overflow(ns, (int64_t)rest, &result) ? INT64_MIN : result;
}

int64_t cp_time_trunc_months(int64_t ns, int32_t months, int32_t offset)
{
    struct cp_time_parts parts;
    int64_t result;

    cp_time_split(ns, offset, &parts);
    int32_t month = parts.year * 12 + parts.month - 1;
    month -= month % months;
    parts = (struct cp_time_parts){.year = month / 12, .month = month % 12 + 1, .day = 1};
    return cp_time_join(&parts, offset, &result) ? result : INT64_MIN;
}

/* ---- The cursor ---- */

struct cursor {
    const char *p;
    const char *end;
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static bool is_alpha(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool at_end(const struct cursor *c)
{
    return c->p == c->end;
}

static bool take_char(struct cursor *c, char expected)
{
    if (at_end(c) || *c->p != expected)
        return false;
    c->p++;
    return true;
}

static bool take_blanks(struct cursor *c)
{
    const char *start = c->p;

    while (!at_end(c) && is_blank(*c->p))
        c->p++;
    return c->p > start;
}

/* A number of `least` to `most` digits, at most 9. */
static bool take_number(struct cursor *c, int least, int most, int32_t *value)
{
    int32_t result = 0;
    int n = 0;

    for (; n < most && !at_end(c) && is_digit(*c->p); n++)
        result = result * 10 + (*c->p++ - '0');
    *value = result;
    return n >= least;
}

/* One or more digits as a fraction of a second. */
static bool take_fraction(struct cursor *c, int32_t *nano)
{
    int32_t unit = 100000000;

    if (at_end(c) || !is_digit(*c->p))
        return false;
    *nano = 0;
    for (; !at_end(c) && is_digit(*c->p); c->p++, unit /= 10)
        *nano += (*c->p - '0') * unit;
    return true;
}

static bool take_optional_fraction(struct cursor *c, int32_t *nano)
{
    *nano = 0;
    if (!take_char(c, '.') && !take_char(c, ','))
        return true;
    return take_fraction(c, nano);
}

/* `text` in any case; it consists of letters. */
static bool take_word(struct cursor *c, const char *text, size_t n)
{
    if ((size_t)(c->end - c->p) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((c->p[i] | 0x20) != (text[i] | 0x20))
            return false;
    c->p += n;
    return true;
}

/* One of a list of names, whole or its first three letters. */
static bool take_name(struct cursor *c, const char *const *names, int count, int32_t *index)
{
    for (int i = 0; i < count; i++) {
        if (take_word(c, names[i], strlen(names[i])) || take_word(c, names[i], 3)) {
            *index = i;
            return true;
        }
    }
    return false;
}

/* The month of three letters, 1 to 12; 0 when it is none. The hash is perfect for the twelve. */
static inline int32_t find_month(const char *s)
{
    static const struct {
        char name[4];
        int32_t month;
    } months[16] = {[0] = {"sep", 9},  [2] = {"jun", 6},   [5] = {"jul", 7},   [6] = {"jan", 1},
                    [7] = {"apr", 4},  [8] = {"feb", 2},   [9] = {"nov", 11},  [11] = {"mar", 3},
                    [12] = {"aug", 8}, [13] = {"oct", 10}, [14] = {"dec", 12}, [15] = {"may", 5}};
    uint32_t key =
        ((uint8_t)s[0] | (uint32_t)(uint8_t)s[1] << 8 | (uint32_t)(uint8_t)s[2] << 16) | 0x202020;
    uint32_t slot = key * 0x3B6FE507u >> 28;
    const uint8_t *name = (const uint8_t *)months[slot].name;
    uint32_t expected = name[0] | (uint32_t)name[1] << 8 | (uint32_t)name[2] << 16;
    return key == expected ? months[slot].month : 0;
}

static bool take_month(struct cursor *c, int32_t *month)
{
    if (c->end - c->p < 3 || (*month = find_month(c->p)) == 0)
        return false;
    c->p += 3;
    return true;
}

static bool take_weekday(struct cursor *c)
{
    for (int i = 0; i < 7; i++)
        if (take_word(c, day_names[i], 3))
            return true;
    return false;
}

/* HH:MM:SS, with optional seconds if so told, and an optional fraction of them. */
static bool take_clock(struct cursor *c, bool needs_seconds, struct cp_time_parts *parts)
{
    if (!take_number(c, 2, 2, &parts->hour) || !take_char(c, ':') ||
        !take_number(c, 2, 2, &parts->minute))
        return false;
    parts->second = parts->nano = 0;
    if (!take_char(c, ':'))
        return !needs_seconds;
    return take_number(c, 2, 2, &parts->second) && take_optional_fraction(c, &parts->nano);
}

static bool take_zone_name(struct cursor *c)
{
    return take_word(c, "UTC", 3) || take_word(c, "GMT", 3) || take_word(c, "Z", 1);
}

/* Z, UTC, GMT, +hh:mm, +hhmm or +hh */
static bool take_zone(struct cursor *c, int32_t *offset)
{
    int32_t hours, minutes = 0;

    if (take_zone_name(c)) {
        *offset = 0;
        return true;
    }
    bool is_west = take_char(c, '-');
    if (!is_west && !take_char(c, '+'))
        return false;
    if (!take_number(c, 2, 2, &hours))
        return false;
    if ((take_char(c, ':') || (!at_end(c) && is_digit(*c->p))) && !take_number(c, 2, 2, &minutes))
        return false;
    *offset = (hours * 60 + minutes) * (is_west ? -60 : 60);
    return hours < 24 && minutes < 60;
}

/* A zone, perhaps after blanks, up to the end; or nothing, which leaves *offset as it is. */
static bool take_optional_zone(struct cursor *c, int32_t *offset)
{
    return at_end(c) || (take_blanks(c), take_zone(c, offset) && at_end(c));
}

bool cp_zone_parse(const char *s, size_t n, int32_t *offset)
{
    struct cursor c = {s, s + n};
    int32_t result;

    if (!take_zone(&c, &result) || !at_end(&c))
        return false;
    *offset = result;
    return true;
}

/* ---- Reading times ---- */

static int32_t zone_offset(const struct cp_time_zone *zone)
{
    return zone != NULL ? zone->offset : 0;
}

static int64_t zone_reference(const struct cp_time_zone *zone)
{
    return zone != NULL ? zone->reference : 0;
}

/* Rule 27: the latest year that is not more than a day ahead of the reference. */
static bool join_without_year(struct cp_time_parts *parts, int32_t offset, int64_t reference,
                              int64_t *ns)
{
    struct cp_time_parts latest;
    int64_t limit, result;

    if (__builtin_add_overflow(reference, CP_NS_PER_DAY, &limit))
        limit = INT64_MAX;
    cp_time_split(limit, offset, &latest);
    /* Leap days are at most eight years apart. */
    for (int back = 0; back <= 8; back++) {
        parts->year = latest.year - back;
        if (cp_time_join(parts, offset, &result) && result <= limit) {
            *ns = result;
            return true;
        }
    }
    return false;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* 1 in each byte of x that is c, which is below 0x80 as all of x, else 0. */
ALWAYS_INLINE uint64_t find_bytes(uint64_t x, char c)
{
    return (~((x ^ EVERY_BYTE * (uint8_t)c) + EVERY_BYTE * 0x7F) >> 7) & EVERY_BYTE;
}

/*
 * Fixed forms are read 8 bytes at a time. A pattern has 0 where a digit must stand, * where
 * anything may and other bytes as they must be. Afterwards byte i of *pairs is the value of the two
 * digits at i and i + 1. Of the work on the pattern nothing is left for the run.
 */
ALWAYS_INLINE bool read_pairs(const char *s, const char *pattern, uint64_t *pairs)
{
    uint64_t text, expected;

    memcpy(&text, s, 8);
    memcpy(&expected, pattern, 8);
    text = le64toh(text);
    expected = le64toh(expected);
    uint64_t kept = ~(find_bytes(expected, '*') * 0xFF);
    /* What can be added before the top bit is set: a digit differs from 0 by up to 9. */
    uint64_t slack = EVERY_BYTE * 0x7F - find_bytes(expected, '0') * 9;
    text = (text ^ expected) & kept;
    *pairs = text * 10 + (text >> 8);
    return ((text | (text + slack)) & EVERY_BYTE * 0x80) == 0;
}

static inline int32_t pair_at(uint64_t pairs, int i)
{
    return (int32_t)(pairs >> (8 * i) & 0xFF);
}

/* Exactly `20/Nov/2026:18:00:00 +0000`, 26 bytes. */
static bool parse_clf_fixed(const char *s, int64_t *ns)
{
    uint64_t day, year, clock, zone;
    bool is_west = s[21] == '-';

    if (!read_pairs(s, "00/***/0", &day) || !read_pairs(s + 7, "0000:00:", &year) ||
        !read_pairs(s + 13, "0:00:00 ", &clock) || (!is_west && s[21] != '+') ||
        !read_pairs(s + 18, "00 *0000", &zone))
        return false;
    struct cp_time_parts parts = {.year = pair_at(year, 0) * 100 + pair_at(year, 2),
                                  .month = find_month(s + 3),
                                  .day = pair_at(day, 0),
                                  .hour = pair_at(year, 5),
                                  .minute = pair_at(clock, 2),
                                  .second = pair_at(clock, 5)};
    int32_t hours = pair_at(zone, 4), minutes = pair_at(zone, 6);
    int32_t offset = (hours * 60 + minutes) * (is_west ? -60 : 60);
    return hours < 24 && minutes < 60 && cp_time_join(&parts, offset, ns);
}

bool cp_time_parse_clf(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_time_parts parts;
    int32_t offset = zone_offset(zone);

    if (n == 26 && parse_clf_fixed(s, ns))
        return true;
    return take_number(&c, 1, 2, &parts.day) && take_char(&c, '/') &&
           take_month(&c, &parts.month) && take_char(&c, '/') &&
           take_number(&c, 4, 4, &parts.year) && take_char(&c, ':') &&
           take_clock(&c, true, &parts) && take_optional_zone(&c, &offset) &&
           cp_time_join(&parts, offset, ns);
}

/* T or blanks between date and time. */
static bool take_divider(struct cursor *c)
{
    return take_char(c, 'T') || take_char(c, 't') || take_blanks(c);
}

/* The first 19 bytes of RFC 3339, the most common form of all; takes nothing when they differ. */
static bool take_iso_fixed(struct cursor *c, struct cp_time_parts *parts)
{
    uint64_t date, minute, second;

    if (c->end - c->p < 19 || !read_pairs(c->p, "0000-00-", &date) ||
        !read_pairs(c->p + 8, "00*00:00", &minute) || !read_pairs(c->p + 11, "00:00:00", &second))
        return false;
    char divider = c->p[10];
    if (divider != 'T' && divider != ' ')
        return false;
    parts->year = pair_at(date, 0) * 100 + pair_at(date, 2);
    parts->month = pair_at(date, 5);
    parts->day = pair_at(minute, 0);
    parts->hour = pair_at(second, 0);
    parts->minute = pair_at(second, 3);
    parts->second = pair_at(second, 6);
    c->p += 19;
    return true;
}

/* Year, month and day with a separator, a time of day, a zone. */
static bool parse_ordered(struct cursor *c, char separator, int32_t offset, int64_t *ns)
{
    struct cp_time_parts parts = {0};

    if (!take_number(c, 4, 4, &parts.year) || !take_char(c, separator) ||
        !take_number(c, 2, 2, &parts.month) || !take_char(c, separator) ||
        !take_number(c, 2, 2, &parts.day))
        return false;
    if (at_end(c))
        return cp_time_join(&parts, 0, ns);
    return take_divider(c) && take_clock(c, false, &parts) && take_optional_zone(c, &offset) &&
           cp_time_join(&parts, offset, ns);
}

bool cp_time_parse_iso(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_time_parts parts;
    int32_t offset = zone_offset(zone);

    if (!take_iso_fixed(&c, &parts))
        return parse_ordered(&c, '-', offset, ns);
    return take_optional_fraction(&c, &parts.nano) && take_optional_zone(&c, &offset) &&
           cp_time_join(&parts, offset, ns);
}

bool cp_time_parse_slash(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};

    return parse_ordered(&c, '/', zone_offset(zone), ns);
}

/* A year followed by blanks; without one nothing is taken and *year is 0. */
static bool take_optional_year(struct cursor *c, int32_t *year)
{
    struct cursor ahead = *c;

    if (take_number(&ahead, 4, 4, year) && take_blanks(&ahead))
        *c = ahead;
    else
        *year = 0;
    return true;
}

bool cp_time_parse_syslog(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_time_parts parts;
    int32_t offset = zone_offset(zone);

    if (!take_month(&c, &parts.month) || !take_blanks(&c) || !take_number(&c, 1, 2, &parts.day) ||
        !take_blanks(&c) || !take_optional_year(&c, &parts.year) || !take_clock(&c, true, &parts) ||
        !at_end(&c))
        return false;
    if (parts.year != 0)
        return cp_time_join(&parts, offset, ns);
    return join_without_year(&parts, offset, zone_reference(zone), ns);
}

static bool take_mail_weekday(struct cursor *c)
{
    if (at_end(c) || !is_alpha(*c->p))
        return true;
    return take_weekday(c) && take_char(c, ',') && take_blanks(c);
}

bool cp_time_parse_mail(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_time_parts parts;
    int32_t offset = zone_offset(zone);

    return take_mail_weekday(&c) && take_number(&c, 1, 2, &parts.day) && take_blanks(&c) &&
           take_month(&c, &parts.month) && take_blanks(&c) && take_number(&c, 4, 4, &parts.year) &&
           take_blanks(&c) && take_clock(&c, false, &parts) && take_optional_zone(&c, &offset) &&
           cp_time_join(&parts, offset, ns);
}

/* A zone between the time and the year of ctime's form. */
static bool take_inner_zone(struct cursor *c, int32_t *offset)
{
    struct cursor ahead = *c;

    if (take_zone(&ahead, offset)) {
        if (!take_blanks(&ahead))
            return false;
        *c = ahead;
    }
    return true;
}

bool cp_time_parse_ctime(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_time_parts parts;
    int32_t offset = zone_offset(zone);

    return take_weekday(&c) && take_blanks(&c) && take_month(&c, &parts.month) && take_blanks(&c) &&
           take_number(&c, 1, 2, &parts.day) && take_blanks(&c) && take_clock(&c, true, &parts) &&
           take_blanks(&c) && take_inner_zone(&c, &offset) && take_number(&c, 4, 4, &parts.year) &&
           at_end(&c) && cp_time_join(&parts, offset, ns);
}

/* Nanoseconds in the unit that rule 27 takes for a number of this magnitude. */
static int64_t unit_of_number(uint64_t magnitude)
{
    if (magnitude < UINT64_C(100000000000))
        return CP_NS_PER_SECOND;
    if (magnitude < UINT64_C(100000000000000))
        return CP_NS_PER_MS;
    if (magnitude < UINT64_C(100000000000000000))
        return CP_NS_PER_US;
    return 1;
}

/* Negates a magnitude as told; false when it does not fit. */
static bool apply_sign(u128 magnitude, bool is_negative, int64_t *value)
{
    if (magnitude > (u128)INT64_MAX + is_negative)
        return false;
    *value = (int64_t)(is_negative ? 0 - (uint64_t)magnitude : (uint64_t)magnitude);
    return true;
}

/* Digits of any number; false when there are none or their value exceeds 64 bits. */
static bool take_magnitude(struct cursor *c, uint64_t *value)
{
    const char *start = c->p;

    for (*value = 0; !at_end(c) && is_digit(*c->p); c->p++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*c->p - '0'), value))
            return false;
    return c->p > start;
}

/* A decimal without exponent, exactly. */
static bool parse_decimal_time(struct cursor c, int64_t *ns)
{
    bool is_negative = take_char(&c, '-');
    uint64_t whole = 0;
    int32_t nano = 0;

    if (!is_negative)
        take_char(&c, '+');
    bool has_digits = take_magnitude(&c, &whole);
    if (take_char(&c, '.'))
        has_digits |= take_fraction(&c, &nano);
    if (!has_digits || !at_end(&c))
        return false;
    int64_t unit = unit_of_number(whole);
    int64_t part = nano / (CP_NS_PER_SECOND / unit);
    return apply_sign((u128)whole * (uint64_t)unit + (uint64_t)part, is_negative, ns);
}

bool cp_time_parse_number(const char *s, size_t n, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct cp_num num;

    if (n == 0 || is_blank(*s) || is_blank(s[n - 1]))
        return false;
    if (parse_decimal_time(c, ns))
        return true;
    bool has_exponent = memchr(s, 'e', n) != NULL || memchr(s, 'E', n) != NULL;
    return has_exponent && cp_num_parse(s, n, &num) == CP_NUM_DBL && cp_time_from_number(&num, ns);
}

bool cp_time_from_number(const struct cp_num *num, int64_t *ns)
{
    char text[CP_NUM_MAX];

    if (num->kind == CP_NUM_NONE)
        return false;
    if (num->kind == CP_NUM_INT) {
        uint64_t magnitude = num->i < 0 ? 0 - (uint64_t)num->i : (uint64_t)num->i;
        u128 total = (u128)magnitude * (uint64_t)unit_of_number(magnitude);
        return apply_sign(total, num->i < 0, ns);
    }
    if (num->d > -1e-6 && num->d < 1e-6) {
        *ns = (int64_t)(num->d * 1e9);
        return true;
    }
    /* From 1e21 on the text has an exponent and is refused. */
    struct cursor c = {text, text + cp_num_format_double(text, num->d)};
    return parse_decimal_time(c, ns);
}

/* Something that begins with a letter: the comma or the word after it tells. */
static bool parse_named(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    if (n < 5)
        return false;
    if (s[3] == ',')
        return cp_time_parse_mail(s, n, zone, ns);
    if (is_alpha(s[4]))
        return cp_time_parse_ctime(s, n, zone, ns);
    return cp_time_parse_syslog(s, n, zone, ns);
}

bool cp_time_parse(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns)
{
    size_t digits = 0;

    for (; n > 0 && is_blank(*s); n--)
        s++;
    while (n > 0 && is_blank(s[n - 1]))
        n--;
    if (n > 0 && is_alpha(*s))
        return parse_named(s, n, zone, ns);
    while (digits < n && digits < 5 && is_digit(s[digits]))
        digits++;
    char after = digits > 0 && digits < n ? s[digits] : '\0';
    if (digits == 4 && after == '-')
        return cp_time_parse_iso(s, n, zone, ns);
    if (digits == 4 && after == '/')
        return cp_time_parse_slash(s, n, zone, ns);
    if (digits <= 2 && after == '/')
        return cp_time_parse_clf(s, n, zone, ns);
    if (digits <= 2 && is_blank(after))
        return cp_time_parse_mail(s, n, zone, ns);
    return cp_time_parse_number(s, n, ns);
}

/* ---- Reading times by a format ---- */

/* What the conversions met so far have told. */
struct scanned {
    struct cp_time_parts parts;
    int32_t offset;
    int32_t hour_of_12;
    int32_t short_year;
    int32_t ignored;
    int64_t epoch;
    uint32_t seen; /* a bit for each letter of interest, see SEEN */
    bool is_pm;
};

#define SEEN(letter) (UINT32_C(1) << ((letter)&31))

/* The conversions that are numbers. `seen` is the letter under which they are noted. */
static const struct number_conversion {
    char letter;
    char seen;
    int8_t digits;
    int16_t low, high;
    size_t field;
} number_conversions[] = {
    {'Y', 'Y', 4, 0, 9999, offsetof(struct scanned, parts.year)},
    {'m', 'm', 2, 1, 12, offsetof(struct scanned, parts.month)},
    {'d', 'd', 2, 1, 31, offsetof(struct scanned, parts.day)},
    {'e', 'd', 2, 1, 31, offsetof(struct scanned, parts.day)},
    {'j', 'j', 3, 1, 366, offsetof(struct scanned, parts.year_day)},
    {'H', 'h', 2, 0, 23, offsetof(struct scanned, parts.hour)},
    {'M', 'n', 2, 0, 59, offsetof(struct scanned, parts.minute)},
    {'S', 'n', 2, 0, 60, offsetof(struct scanned, parts.second)},
    {'I', 'i', 2, 1, 12, offsetof(struct scanned, hour_of_12)},
    {'y', 'x', 2, 0, 99, offsetof(struct scanned, short_year)},
    {'u', 'n', 1, 1, 7, offsetof(struct scanned, ignored)},
    {'w', 'n', 1, 0, 6, offsetof(struct scanned, ignored)},
};

static const struct number_conversion *find_number_conversion(char letter)
{
    for (size_t i = 0; i < sizeof number_conversions / sizeof *number_conversions; i++)
        if (number_conversions[i].letter == letter)
            return &number_conversions[i];
    return NULL;
}

static bool scan_number(struct cursor *c, const struct number_conversion *conv, struct scanned *got)
{
    int32_t *field = (int32_t *)(void *)((char *)got + conv->field);

    take_blanks(c);
    got->seen |= SEEN(conv->seen);
    return take_number(c, 1, conv->digits, field) && *field >= conv->low && *field <= conv->high;
}

static bool scan_month(struct cursor *c, struct scanned *got)
{
    if (!take_name(c, month_names, 12, &got->parts.month))
        return false;
    got->parts.month++;
    got->seen |= SEEN('m');
    return true;
}

static bool scan_half(struct cursor *c, struct scanned *got)
{
    got->is_pm = take_word(c, "PM", 2);
    return got->is_pm || take_word(c, "AM", 2);
}

static bool scan_epoch(struct cursor *c, struct scanned *got)
{
    bool is_negative = take_char(c, '-');
    uint64_t magnitude;

    got->seen |= SEEN('s');
    return take_magnitude(c, &magnitude) && apply_sign(magnitude, is_negative, &got->epoch);
}

static bool scan_format(struct cursor *c, const char *fmt, size_t fn, struct scanned *got);

static bool scan_conversion(struct cursor *c, char letter, struct scanned *got)
{
    const struct number_conversion *conv = find_number_conversion(letter);

    if (conv != NULL)
        return scan_number(c, conv, got);
    switch (letter) {
    case 'f':
    case 'L':
    case 'N':
        return take_fraction(c, &got->parts.nano);
    case 'b':
    case 'B':
        return scan_month(c, got);
    case 'a':
    case 'A':
        return take_name(c, day_names, 7, &got->ignored);
    case 'p':
        return scan_half(c, got);
    case 'z':
    case 'Z':
        return take_zone(c, &got->offset);
    case 's':
        return scan_epoch(c, got);
    case 'T':
        return scan_format(c, "%H:%M:%S", 8, got);
    case 'F':
        return scan_format(c, "%Y-%m-%d", 8, got);
    case 'D':
        return scan_format(c, "%m/%d/%y", 8, got);
    case 'R':
        return scan_format(c, "%H:%M", 5, got);
    case 'n':
    case 't':
        take_blanks(c);
        return true;
    case '%':
        return take_char(c, '%');
    default:
        return false;
    }
}

static bool scan_format(struct cursor *c, const char *fmt, size_t fn, struct scanned *got)
{
    bool matches = true;

    for (size_t i = 0; i < fn && matches; i++) {
        if (fmt[i] == '%' && i + 1 < fn)
            matches = scan_conversion(c, fmt[++i], got);
        else if (is_blank(fmt[i]))
            take_blanks(c);
        else
            matches = take_char(c, fmt[i]);
    }
    return matches;
}

/* The date from the number of its day in the year. */
static bool set_year_day(struct cp_time_parts *parts)
{
    int64_t first = cp_days_from_civil(parts->year, 1, 1);

    if (parts->year_day > 365 + cp_year_is_leap(parts->year))
        return false;
    cp_civil_from_days(first + parts->year_day - 1, &parts->year, &parts->month, &parts->day);
    return true;
}

/* The date of the reference, as far as the text has none. */
static void fill_date(struct scanned *got, int64_t reference)
{
    struct cp_time_parts today;

    cp_time_split(reference, got->offset, &today);
    got->parts.year = today.year;
    if ((got->seen & SEEN('j')) == 0) {
        got->parts.month = today.month;
        got->parts.day = today.day;
    }
}

static bool join_scanned(struct scanned *got, int64_t reference, int64_t *ns)
{
    struct cp_time_parts *parts = &got->parts;

    if ((got->seen & SEEN('s')) != 0) {
        i128 total = (i128)got->epoch * CP_NS_PER_SECOND + parts->nano;
        if (total != (int64_t)total)
            return false;
        *ns = (int64_t)total;
        return true;
    }
    if ((got->seen & SEEN('i')) != 0)
        parts->hour = got->hour_of_12 % 12 + (got->is_pm ? 12 : 0);
    if ((got->seen & SEEN('x')) != 0)
        parts->year = got->short_year + (got->short_year < 69 ? 2000 : 1900);
    bool has_year = (got->seen & (SEEN('Y') | SEEN('x'))) != 0;
    bool has_date = (got->seen & (SEEN('m') | SEEN('d'))) != 0;
    if (!has_year && has_date)
        return join_without_year(parts, got->offset, reference, ns);
    if (!has_year)
        fill_date(got, reference);
    if ((got->seen & SEEN('j')) != 0 && !has_date && !set_year_day(parts))
        return false;
    return cp_time_join(parts, got->offset, ns);
}

bool cp_time_strptime(const char *s, size_t n, const char *fmt, size_t fn,
                      const struct cp_time_zone *zone, int64_t *ns)
{
    struct cursor c = {s, s + n};
    struct scanned got = {.parts = {.year = 1970, .month = 1, .day = 1},
                          .offset = zone_offset(zone)};

    return scan_format(&c, fmt, fn, &got) && at_end(&c) &&
           join_scanned(&got, zone_reference(zone), ns);
}

/* ---- Writing times ---- */

/* Writes `width` digits. */
static char *put_digits(char *p, uint32_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        p[i] = (char)('0' + value % 10);
    return p + width;
}

static char *put_date(char *p, const struct cp_time_parts *parts)
{
    p = put_digits(p, (uint32_t)parts->year, 4);
    *p++ = '-';
    p = put_digits(p, (uint32_t)parts->month, 2);
    *p++ = '-';
    return put_digits(p, (uint32_t)parts->day, 2);
}

static char *put_clock(char *p, const struct cp_time_parts *parts)
{
    p = put_digits(p, (uint32_t)parts->hour, 2);
    *p++ = ':';
    p = put_digits(p, (uint32_t)parts->minute, 2);
    *p++ = ':';
    return put_digits(p, (uint32_t)parts->second, 2);
}

/* Nothing, or a point and 3, 6 or 9 digits. */
static char *put_fraction(char *p, uint32_t nano)
{
    if (nano == 0)
        return p;
    *p++ = '.';
    if (nano % 1000000 == 0)
        return put_digits(p, nano / 1000000, 3);
    if (nano % 1000 == 0)
        return put_digits(p, nano / 1000, 6);
    return put_digits(p, nano, 9);
}

size_t cp_time_format(char buf[CP_TIME_MAX], int64_t ns)
{
    struct cp_time_parts parts;

    cp_time_split(ns, 0, &parts);
    char *p = put_date(buf, &parts);
    *p++ = 'T';
    p = put_clock(p, &parts);
    p = put_fraction(p, (uint32_t)parts.nano);
    *p++ = 'Z';
    return (size_t)(p - buf);
}

/* A bounded buffer that goes on counting when it is full. */
struct output {
    char *buf;
    size_t cap;
    size_t length;
};

static void append(struct output *out, const char *s, size_t n)
{
    if (out->length < out->cap) {
        size_t room = out->cap - out->length;
        memcpy(out->buf + out->length, s, n < room ? n : room);
    }
    out->length += n;
}

static void append_number(struct output *out, int32_t value, int width)
{
    char digits[10];

    put_digits(digits, (uint32_t)value, width);
    append(out, digits, (size_t)width);
}

static void append_day(struct output *out, int32_t day)
{
    char text[2] = {day < 10 ? ' ' : (char)('0' + day / 10), (char)('0' + day % 10)};

    append(out, text, 2);
}

static void append_name(struct output *out, const char *name, bool is_long)
{
    append(out, name, is_long ? strlen(name) : 3);
}

static void append_zone(struct output *out, int32_t offset, bool has_colon)
{
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;

    if (has_colon && offset == 0) {
        append(out, "UTC", 3);
        return;
    }
    append(out, offset < 0 ? "-" : "+", 1);
    append_number(out, minutes / 60, 2);
    append(out, ":", has_colon);
    append_number(out, minutes % 60, 2);
}

static void append_epoch(struct output *out, int64_t ns)
{
    char digits[CP_NUM_MAX];
    int64_t rest;

    append(out, digits, cp_num_format_int(digits, divide_down(ns, CP_NS_PER_SECOND, &rest)));
}

/* The conversions that are numbers or names; false for others. */
static bool append_field(struct output *out, char letter, const struct cp_time_parts *parts)
{
    switch (letter) {
    case 'Y':
        return append_number(out, parts->year, 4), true;
    case 'y':
        return append_number(out, parts->year % 100, 2), true;
    case 'm':
        return append_number(out, parts->month, 2), true;
    case 'd':
        return append_number(out, parts->day, 2), true;
    case 'e':
        return append_day(out, parts->day), true;
    case 'j':
        return append_number(out, parts->year_day, 3), true;
    case 'H':
        return append_number(out, parts->hour, 2), true;
    case 'I':
        return append_number(out, (parts->hour + 11) % 12 + 1, 2), true;
    case 'M':
        return append_number(out, parts->minute, 2), true;
    case 'S':
        return append_number(out, parts->second, 2), true;
    case 'L':
        return append_number(out, parts->nano / 1000000, 3), true;
    case 'f':
        return append_number(out, parts->nano / 1000, 6), true;
    case 'N':
        return append_number(out, parts->nano, 9), true;
    case 'u':
        return append_number(out, (parts->weekday + 6) % 7 + 1, 1), true;
    case 'w':
        return append_number(out, parts->weekday, 1), true;
    case 'p':
        return append(out, parts->hour < 12 ? "AM" : "PM", 2), true;
    case 'b':
    case 'B':
        return append_name(out, month_names[parts->month - 1], letter == 'B'), true;
    case 'a':
    case 'A':
        return append_name(out, day_names[parts->weekday], letter == 'A'), true;
    default:
        return false;
    }
}

/* What the composed conversions stand for; NULL for others. */
static const char *find_composition(char letter)
{
    switch (letter) {
    case 'T':
        return "%H:%M:%S";
    case 'F':
        return "%Y-%m-%d";
    case 'D':
        return "%m/%d/%y";
    case 'R':
        return "%H:%M";
    case 'n':
        return "\n";
    case 't':
        return "\t";
    default:
        return NULL;
    }
}

static bool append_absolute(struct output *out, char letter, int64_t ns, int32_t offset)
{
    switch (letter) {
    case 's':
        return append_epoch(out, ns), true;
    case 'z':
        return append_zone(out, offset, false), true;
    case 'Z':
        return append_zone(out, offset, true), true;
    case '%':
        return append(out, "%", 1), true;
    default:
        return false;
    }
}

static void append_format(struct output *out, const char *fmt, size_t fn, int64_t ns,
                          int32_t offset, const struct cp_time_parts *parts)
{
    for (size_t i = 0; i < fn; i++) {
        if (fmt[i] != '%' || i + 1 == fn) {
            append(out, fmt + i, 1);
            continue;
        }
        char letter = fmt[++i];
        const char *composition = find_composition(letter);
        if (composition != NULL)
            append_format(out, composition, strlen(composition), ns, offset, parts);
        else if (!append_field(out, letter, parts) && !append_absolute(out, letter, ns, offset))
            append(out, fmt + i - 1, 2);
    }
}

size_t cp_time_strftime(char *buf, size_t cap, const char *fmt, size_t fn, int64_t ns,
                        int32_t offset)
{
    struct output out = {buf, cap, 0};
    struct cp_time_parts parts;

    cp_time_split(ns, offset, &parts);
    append_format(&out, fmt, fn, ns, offset, &parts);
    return out.length;
}

/* ---- Durations ---- */

static const struct unit {
    char name[4];
    int64_t ns;
} units[] = {
    {"w", 7 * CP_NS_PER_DAY},    {"d", CP_NS_PER_DAY},
    {"h", CP_NS_PER_HOUR},       {"m", CP_NS_PER_MINUTE},
    {"s", CP_NS_PER_SECOND},     {"ms", CP_NS_PER_MS},
    {"us", CP_NS_PER_US},        {"\xC2\xB5s", CP_NS_PER_US},
    {"\xCE\xBCs", CP_NS_PER_US}, {"ns", 1},
};

/* Everything up to the next digit or sign must be a unit's name. */
static bool take_unit(struct cursor *c, int64_t *ns)
{
    const char *start = c->p;

    while (!at_end(c) && !is_digit(*c->p) && *c->p != '.')
        c->p++;
    size_t n = (size_t)(c->p - start);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == n && memcmp(units[i].name, start, n) == 0) {
            *ns = units[i].ns;
            return true;
        }
    }
    return false;
}

/* The digits after a point as numerator and denominator, at most 18 of them. */
static bool take_ratio(struct cursor *c, uint64_t *part, uint64_t *whole)
{
    const char *start = c->p;

    for (; !at_end(c) && is_digit(*c->p); c->p++) {
        if (*whole < UINT64_C(1000000000000000000)) {
            *part = *part * 10 + (uint64_t)(*c->p - '0');
            *whole *= 10;
        }
    }
    return c->p > start;
}

/* One number with its unit, which must be smaller than *limit and becomes the limit. */
static bool take_term(struct cursor *c, int64_t *limit, u128 *total)
{
    uint64_t whole, part = 0, of = 1;
    int64_t unit;

    if (!take_magnitude(c, &whole))
        return false;
    if (take_char(c, '.') && !take_ratio(c, &part, &of))
        return false;
    if (!take_unit(c, &unit) || unit >= *limit)
        return false;
    *limit = unit;
    *total += (u128)whole * (uint64_t)unit + (u128)part * (uint64_t)unit / of;
    return true;
}

bool cp_duration_parse(const char *s, size_t n, int64_t *ns)
{
    struct cursor c = {s, s + n};
    bool is_negative = take_char(&c, '-');
    int64_t limit = INT64_MAX;
    u128 total = 0;

    if (!is_negative)
        take_char(&c, '+');
    do {
        if (!take_term(&c, &limit, &total))
            return false;
    } while (!at_end(&c));
    return apply_sign(total, is_negative, ns);
}

/* value / unit as a decimal without trailing zeros, and a name; a zero value writes nothing. */
static char *put_term(char *p, uint64_t value, uint64_t unit, const char *name)
{
    if (value == 0)
        return p;
    p += cp_num_format_int(p, (int64_t)(value / unit));
    uint64_t rest = value % unit;
    if (rest != 0)
        *p++ = '.';
    for (; rest != 0; rest %= unit) {
        unit /= 10;
        *p++ = (char)('0' + rest / unit);
    }
    while (*name != '\0')
        *p++ = *name++;
    return p;
}

static char *put_below_second(char *p, uint64_t ns)
{
    if (ns >= CP_NS_PER_MS)
        return put_term(p, ns, CP_NS_PER_MS, "ms");
    if (ns >= CP_NS_PER_US)
        return put_term(p, ns, CP_NS_PER_US, "us");
    return put_term(p, ns, 1, "ns");
}

size_t cp_duration_format(char buf[CP_TIME_MAX], int64_t ns)
{
    uint64_t rest = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *p = buf;

    if (ns == 0) {
        memcpy(buf, "0s", 2);
        return 2;
    }
    if (ns < 0)
        *p++ = '-';
    if (rest < CP_NS_PER_SECOND)
        return (size_t)(put_below_second(p, rest) - buf);
    p = put_term(p, rest / CP_NS_PER_DAY, 1, "d");
    p = put_term(p, rest % CP_NS_PER_DAY / CP_NS_PER_HOUR, 1, "h");
    p = put_term(p, rest % CP_NS_PER_HOUR / CP_NS_PER_MINUTE, 1, "m");
    p = put_term(p, rest % CP_NS_PER_MINUTE, CP_NS_PER_SECOND, "s");
    return (size_t)(p - buf);
}

void cp_duration_to_number(int64_t ns, struct cp_num *out)
{
    uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char text[CP_TIME_MAX], *p = text;

    if (ns % CP_NS_PER_SECOND == 0) {
        out->kind = CP_NUM_INT;
        out->i = ns / CP_NS_PER_SECOND;
        return;
    }
    /* The reader of decimals rounds correctly; a division of doubles would round twice. */
    if (ns < 0)
        *p++ = '-';
    p += cp_num_format_int(p, (int64_t)(magnitude / CP_NS_PER_SECOND));
    *p++ = '.';
    p = put_digits(p, (uint32_t)(magnitude % CP_NS_PER_SECOND), 9);
    cp_num_parse(text, (size_t)(p - text), out);
}

void cp_time_to_number(int64_t ns, struct cp_num *out)
{
    cp_duration_to_number(ns, out);
}

/* ---- Sizes ---- */

/* The factor of a unit, 0 for what is none. */
static uint64_t size_factor(const char *s, size_t n)
{
    static const struct {
        char name[4];
        uint64_t factor;
    } factors[] = {
        {"", 1},
        {"B", 1},
        {"K", UINT64_C(1) << 10},
        {"KiB", UINT64_C(1) << 10},
        {"kB", 1000},
        {"KB", 1000},
        {"M", UINT64_C(1) << 20},
        {"MiB", UINT64_C(1) << 20},
        {"MB", 1000000},
        {"G", UINT64_C(1) << 30},
        {"GiB", UINT64_C(1) << 30},
        {"GB", 1000000000},
        {"T", UINT64_C(1) << 40},
        {"TiB", UINT64_C(1) << 40},
        {"TB", UINT64_C(1000000000000)},
    };

    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (strlen(factors[i].name) == n && memcmp(factors[i].name, s, n) == 0)
            return factors[i].factor;
    return 0;
}

bool cp_size_parse(const char *s, size_t n, uint64_t *bytes)
{
    struct cursor c = {s, s + n};
    uint64_t value;

    if (!take_magnitude(&c, &value))
        return false;
    uint64_t factor = size_factor(c.p, (size_t)(c.end - c.p));
    if (factor == 0 || __builtin_mul_overflow(value, factor, &value))
        return false;
    *bytes = value;
    return true;
}
