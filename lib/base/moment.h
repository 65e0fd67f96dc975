/*
 * Moments: times, durations and sizes; their text forms and the calendar.
 *
 * A time is an int64_t: nanoseconds since 1970-01-01T00:00:00Z without leap seconds, which spans
 * the years 1677 to 2262. A duration is an int64_t of nanoseconds too. Nothing here allocates,
 * keeps state, reads beyond the given length or knows of locales; every function may be called from
 * any thread. Parsers return false for text that is not wholly of their form or is out of range,
 * and then leave their result untouched.
 */
#ifndef CP_MOMENT_H
#define CP_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "number.h"

#define CP_NS_PER_US INT64_C(1000)
#define CP_NS_PER_MS INT64_C(1000000)
#define CP_NS_PER_SECOND INT64_C(1000000000)
#define CP_NS_PER_MINUTE (60 * CP_NS_PER_SECOND)
#define CP_NS_PER_HOUR (3600 * CP_NS_PER_SECOND)
#define CP_NS_PER_DAY (86400 * CP_NS_PER_SECOND)

/* Room for cp_time_format() and cp_duration_format(); they write no final NUL. */
#define CP_TIME_MAX 40

/* How to read a time that does not say all (rule 27). NULL stands for a struct of zeros. */
struct cp_time_zone {
    int32_t offset;    /* seconds east of UTC, for text without a zone */
    int64_t reference; /* ns; the file's modification time or now, for text without a year */
};

/* A time taken apart. */
struct cp_time_parts {
    int32_t year;
    int32_t month;    /* 1 to 12 */
    int32_t day;      /* 1 to 31 */
    int32_t hour;     /* 0 to 23 */
    int32_t minute;   /* 0 to 59 */
    int32_t second;   /* 0 to 59; 60 is accepted when joining */
    int32_t nano;     /* 0 to 999999999 */
    int32_t weekday;  /* 0 is Sunday; ignored when joining */
    int32_t year_day; /* 1 to 366; ignored when joining */
};

/* ---- Calendar (proleptic Gregorian) ---- */

bool cp_year_is_leap(int64_t year);

/* The number of days of a month, 1 to 12. */
int cp_month_days(int64_t year, int month);

/* Days since 1970-01-01 of a valid date, and back. The year may be any of 32 bits. */
int64_t cp_days_from_civil(int64_t year, int month, int day);
void cp_civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day);

/* Takes a time apart as a clock `offset` seconds east of UTC shows it. Fills all fields. */
void cp_time_split(int64_t ns, int32_t offset, struct cp_time_parts *parts);

/*
 * The reverse. False when a field is out of its range (31 February is no time) or the result is
 * beyond int64; second 60 is the next second.
 */
bool cp_time_join(const struct cp_time_parts *parts, int32_t offset, int64_t *ns);

/*
 * The largest multiple of `unit` nanoseconds that is not after ns, by the clock `offset` seconds
 * east of UTC: days begin at its midnight, whole weeks on its Monday. The unit must be positive.
 * The months version does the same for whole months, counted from year 0 (3 gives quarters, 12
 * years). Results before the first time that int64 holds are that first time.
 */
int64_t cp_time_trunc(int64_t ns, int64_t unit, int32_t offset);
int64_t cp_time_trunc_months(int64_t ns, int32_t months, int32_t offset);

/* ---- Reading times ---- */

/*
 * Reads a time of any known form. The shape of the text selects one of the parsers below; no two
 * are tried. Blanks around the text are passed over.
 */
bool cp_time_parse(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);

/*
 * The forms. A fraction of seconds has one or more digits after `.` or `,`; digits beyond the ninth
 * are cut. A zone is Z, UTC, GMT, +hh:mm, +hhmm or +hh; where the form allows to leave it out the
 * offset of `zone` holds. Names of months and days are English, any case; days of the week are not
 * checked against the date.
 *
 *   clf     20/Nov/2026:18:00:00 +0000      combined log; also with a fraction or without a zone
 *   iso     2026-11-20T18:00:00.123Z        RFC 3339, ISO 8601; T or a blank, seconds and zone may
 *                                           be missing, `2026-11-20` is its UTC midnight
 *   slash   2026/11/20 18:00:00             nginx error log; as iso otherwise
 *   syslog  Mar 27 13:06:56                 RFC 3164; day padded with a blank or 0 or not at all;
 *                                           a year may follow the day, else rule 27 chooses it
 *   mail    Fri, 20 Nov 2026 18:00:00 GMT   RFC 2822, 1123; weekday, seconds, zone may be missing
 *   ctime   Wed Oct 11 14:32:52.123456 2000 Apache error log, asctime, date(1); a zone may stand
 *                                           before the year
 *   number  1700000000.25                   seconds below 1e11 in magnitude, milliseconds below
 *                                           1e14, microseconds below 1e17, else nanoseconds; exact
 */
bool cp_time_parse_clf(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_iso(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_slash(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_syslog(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_mail(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_ctime(const char *s, size_t n, const struct cp_time_zone *zone, int64_t *ns);
bool cp_time_parse_number(const char *s, size_t n, int64_t *ns);

/*
 * The same limits for a number. A double is taken as its shortest decimal form, so that
 * 1700000000.123 is 123 ms past the second and not 122999907 ns.
 */
bool cp_time_from_number(const struct cp_num *num, int64_t *ns);

/* A time as the number of seconds since 1970: an integer when whole, else the nearest double. */
void cp_time_to_number(int64_t ns, struct cp_num *out);

/*
 * Reads a time by a format: the conversions of cp_time_strftime() below. A blank in the format
 * matches any number of blanks, also none; other bytes match themselves; the whole text must be
 * used up. %Y takes up to 4 digits, %y is 1969 to 2068, %f %L %N take one or more digits as a
 * fraction of seconds, %p goes with %I, %Z and %z take any zone text, names any case and either
 * length. %s is absolute; %u %w %a %A are read and ignored. Without a year rule 27 chooses it,
 * without any date it is the day of the reference. An unknown conversion matches nothing.
 */
bool cp_time_strptime(const char *s, size_t n, const char *fmt, size_t fn,
                      const struct cp_time_zone *zone, int64_t *ns);

/*
 * Seconds east of UTC of a zone text: UTC, GMT, Z, +02:00, -0530, +02. IANA names are not known
 * here: false.
 */
bool cp_zone_parse(const char *s, size_t n, int32_t *offset);

/* ---- Writing times ---- */

/*
 * RFC 3339 in UTC with Z, the fraction with 0, 3, 6 or 9 digits, whichever is the shortest exact
 * one. Returns the length.
 */
size_t cp_time_format(char buf[CP_TIME_MAX], int64_t ns);

/*
 * Formats ns as the clock `offset` seconds east of UTC shows it. Writes at most cap bytes, no final
 * NUL, and returns the length of the whole text, which is above cap when it was cut.
 *
 *   %Y %m %d %e %j %y   year, month, day (01), day ( 1), day of the year, two digits of the year
 *   %H %M %S %I %p      hour, minute, second, hour of 12, AM or PM
 *   %f %L %N            fraction of the second in 6, 3, 9 digits
 *   %b %B %a %A %u %w   names of month and weekday, short and long; weekday 1-7 (Monday 1), 0-6
 *   %z %Z %s            +0200; UTC or +02:00; whole seconds since 1970
 *   %T %F %D %R         %H:%M:%S  %Y-%m-%d  %m/%d/%y  %H:%M
 *   %n %t %%            newline, tab, percent
 *
 * An unknown conversion is written as it stands.
 */
size_t cp_time_strftime(char *buf, size_t cap, const char *fmt, size_t fn, int64_t ns,
                        int32_t offset);

/* ---- Durations ---- */

/*
 * Reads a duration: an optional sign, then one or more decimal numbers each with a unit of w d h m
 * s ms us ns (also µs), largest unit first, without blanks: `250ms`, `1h30m`, `1.5h`. A bare number
 * is no duration. Parts below a nanosecond are cut.
 */
bool cp_duration_parse(const char *s, size_t n, int64_t *ns);

/*
 * The exact text of a duration: days to seconds as far as they are not zero (`1h30m`, `1m2.5s`,
 * `7d`), below a second ms, us or ns (`1.5ms`), nothing is `0s`. Reads back as the same duration.
 * Returns the length.
 */
size_t cp_duration_format(char buf[CP_TIME_MAX], int64_t ns);

/* A duration as a number of seconds (rule 6): an integer when whole, else the nearest double. */
void cp_duration_to_number(int64_t ns, struct cp_num *out);

/* ---- Sizes ---- */

/*
 * Reads a size in bytes: digits, then nothing, B, or a unit: K KiB M MiB G GiB T TiB are powers of
 * 1024; kB KB MB GB TB powers of 1000. Sizes are integers; no sign, no blanks. A lone k, and m,
 * which is minutes, are refused.
 */
bool cp_size_parse(const char *s, size_t n, uint64_t *bytes);

#endif
