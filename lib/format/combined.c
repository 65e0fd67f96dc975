/* combined.c: the combined log of web servers, and what it shares with common.
 *
 * DESIGN. One pass from left to right; every byte that separates fields is checked, whatever is
 * wanted. What nearly all lines have in common is tried first, with a comparison of a few bytes
 * each: ` - - [` behind the host, a time of 26 bytes on the day of the line before. A bit mask of
 * all blanks and quotes of the line, walked bit by bit, was rejected: agents and paths hold more
 * blanks than there are fields.
 */
#include "combined.h"

#include "../base/moment.h"
#include "../base/number.h"
#include "../base/scan.h"
#include "bits.h"
#include "detect.h"
#include "probe.h"

static const char *const names[] = {"host",     "ident",  "user",  "time",    "method", "path",
                                    "protocol", "status", "bytes", "referer", "agent",  NULL};

/* ---- Dates ---- */

#ifdef __SSE2__
/* Whether `10:05:04 +0000` stands at p, with a zone below 20 hours. */
static bool is_clock(const char *p)
{
    const __m128i low =
        _mm_setr_epi8('0', '0', ':', '0', '0', ':', '0', '0', ' ', '+', '0', '0', '0', '0', 0, 0);
    const __m128i high =
        _mm_setr_epi8('2', '9', ':', '5', '9', ':', '5', '9', ' ', '-', '1', '9', '5', '9', -1, -1);
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i inside = _mm_and_si128(_mm_cmpeq_epi8(_mm_max_epu8(x, low), x),
                                   _mm_cmpeq_epi8(_mm_min_epu8(x, high), x));

    return _mm_movemask_epi8(inside) == 0xFFFF && p[9] != ',' && (p[0] < '2' || p[1] < '4');
}
#else
static bool is_clock(const char *p)
{
    static const char low[] = "00:00:00 +0000", high[] = "29:59:59 -1959";

    for (int k = 0; k < 14; k++)
        if (p[k] < low[k] || p[k] > high[k])
            return false;
    return p[9] != ',' && (p[0] < '2' || p[1] < '4');
}
#endif

/* Logs run for days: the date is read once a day, the clock is checked by ranges. */
static bool is_date(struct cp_combined *c, const char *p, size_t n)
{
    int64_t ns;

    if (n == 26 && memcmp(c->day, p, 12) == 0 && is_clock(p + 12))
        return true;
    if (!cp_time_parse_clf(p, n, NULL, &ns))
        return false;
    if (n == 26 && p[11] == ':')
        memcpy(c->day, p, 12);
    return true;
}

/* ---- Pieces ---- */

static const char *find(const char *p, const char *end, char c)
{
    return (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, (uint8_t)c);
}

static const char *quote_end_escaped(const char *p, const char *end)
{
    while (p < end) {
        p = (const char *)cp_scan_any2((const uint8_t *)p, (const uint8_t *)end, '"', '\\');
        if (p == end || *p == '"')
            return p;
        p += 2;
    }
    return end;
}

const char *cp_combined_quote_end(const char *p, const char *end)
{
    for (; p < end; p += 64) {
        cp_bytes64 block = cp_bytes64_load((const uint8_t *)p);
        uint64_t bits = cp_bits_equal2(&block, '"', '\\') & cp_bits_below((size_t)(end - p));
        if (bits != 0) {
            p += __builtin_ctzll(bits);
            return *p == '"' ? p : quote_end_escaped(p, end);
        }
    }
    return end;
}

/* The number of digits at p. */
static size_t digits_length(const char *p, const char *end)
{
    size_t n = 0, left = (size_t)(end - p);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t x, bad = 0;
    for (; n < left; n += 8) {
        memcpy(&x, p + n, 8);
        bad = ((x & 0xF0F0F0F0F0F0F0F0u) ^ 0x3030303030303030u) |
              (((x + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) ^ 0x3030303030303030u);
        if (bad != 0) {
            n += (size_t)__builtin_ctzll(bad) / 8;
            break;
        }
    }
#else
    while (n < left && (unsigned char)(p[n] - '0') <= 9)
        n++;
#endif
    return n < left ? n : left;
}

/* Digits or `-` up to a blank or the end; an empty span when it is neither. */
static struct cp_combined_span take_digits(const char *p, const char *end)
{
    size_t n = digits_length(p, end);

    if (n == 0 && p < end && *p == '-')
        n = 1;
    if (n < (size_t)(end - p) && p[n] != ' ')
        n = 0;
    return (struct cp_combined_span){p, n};
}

/* ---- The head of a line ---- */

/* Ident and user, where they are not both `-`: p is the blank behind the host. A user may hold
 * blanks. Returns what stands behind `[`. */
static const char *take_identity(const char *p, const char *end, struct cp_combined_span *span,
                                 const char **why)
{
    const char *ident = p + 1, *user = find(ident, end, ' ') + 1;

    *why = user > end || user == ident + 1 ? "no ident and user after the host"
                                           : "no [ before the time";
    if (user >= end)
        return NULL;
    for (p = find(user, end, '['); p < end; p = find(p + 1, end, '['))
        if (p - user >= 2 && p[-1] == ' ')
            break;
    if (p == end || user == ident + 1)
        return NULL;
    span[CP_COMBINED_IDENT] = (struct cp_combined_span){ident, (size_t)(user - 1 - ident)};
    span[CP_COMBINED_USER] = (struct cp_combined_span){user, (size_t)(p - 1 - user)};
    return p + 1;
}

/* Host, ident, user. Returns what stands behind `[`, or NULL. */
static const char *take_client(const char *p, const char *end, struct cp_combined_span *span,
                               const char **why)
{
    const char *host_end = find(p, end, ' ');

    span[CP_COMBINED_HOST] = (struct cp_combined_span){p, (size_t)(host_end - p)};
    if (host_end == p) {
        *why = "no host";
        return NULL;
    }
    if (end - host_end >= 6 && memcmp(host_end, " - - [", 6) == 0) {
        span[CP_COMBINED_IDENT] = (struct cp_combined_span){host_end + 1, 1};
        span[CP_COMBINED_USER] = (struct cp_combined_span){host_end + 3, 1};
        return host_end + 6;
    }
    return take_identity(host_end, end, span, why);
}

/* The end of the time that starts at p: its `]`, with ` "` behind it. NULL and why when there is
 * none. */
static const char *take_time(struct cp_combined *c, const char *p, const char *end,
                             const char **why)
{
    const char *close = p + 26;

    if (end - p > 28 && memcmp(close, "] \"", 3) == 0 && is_date(c, p, 26))
        return close;
    close = find(p, end, ']');
    *why = "no `] \"` behind the time";
    if (end - close < 3 || memcmp(close, "] \"", 3) != 0)
        return NULL;
    *why = "the time is no date";
    return is_date(c, p, (size_t)(close - p)) ? close : NULL;
}

const char *cp_combined_head(struct cp_combined *c, const char *p, size_t n,
                             struct cp_combined_span *span, const char **rest, size_t *at)
{
    const char *start = p, *end = p + n, *close, *why;

    p = take_client(p, end, span, &why);
    if (p == NULL)
        return cp_refuse(at, span[CP_COMBINED_HOST].n, why);
    close = take_time(c, p, end, &why);
    if (close == NULL)
        return cp_refuse(at, (size_t)(p - start), why);
    span[CP_COMBINED_TIME] = (struct cp_combined_span){p, (size_t)(close - p)};

    p = close + 3;
    close = cp_combined_quote_end(p, end);
    if (close >= end)
        return cp_refuse(at, (size_t)(p - 1 - start), "no closing quote");
    span[CP_COMBINED_PATH] = (struct cp_combined_span){p, (size_t)(close - p)};

    if (end - close < 3 || close[1] != ' ')
        return cp_refuse(at, (size_t)(close + 1 - start), "no status after the request");
    span[CP_COMBINED_STATUS] = take_digits(close + 2, end);
    if (span[CP_COMBINED_STATUS].n == 0)
        return cp_refuse(at, (size_t)(close + 2 - start), "the status is no number");
    p = close + 2 + span[CP_COMBINED_STATUS].n;
    if (end - p < 2)
        return cp_refuse(at, (size_t)(p - start), "no bytes after the status");
    span[CP_COMBINED_BYTES] = take_digits(p + 1, end);
    if (span[CP_COMBINED_BYTES].n == 0)
        return cp_refuse(at, (size_t)(p + 1 - start), "bytes is no number");
    *rest = p + 1 + span[CP_COMBINED_BYTES].n;
    return NULL;
}

/* ---- Values ---- */

/* Takes a request apart into METHOD path HTTP/x; another is path alone. */
static void split_request(struct cp_combined_span *span)
{
    const char *p = span[CP_COMBINED_PATH].p, *end = p + span[CP_COMBINED_PATH].n;
    const char *first = find(p, end, ' '), *last = end;

    span[CP_COMBINED_METHOD].p = span[CP_COMBINED_PROTOCOL].p = NULL;
    if (end - first > 9 && memcmp(end - 9, " HTTP/", 6) == 0)
        last = end - 9;
    else
        while (last > first && last[-1] != ' ')
            last--;
    last -= last > first && *last != ' ';
    if (first == p || last - first < 2 || end - last < 7 || memcmp(last, " HTTP/", 6) != 0 ||
        memchr(last + 1, ' ', (size_t)(end - last - 1)) != NULL)
        return;
    span[CP_COMBINED_METHOD] = (struct cp_combined_span){p, (size_t)(first - p)};
    span[CP_COMBINED_PATH] = (struct cp_combined_span){first + 1, (size_t)(last - first - 1)};
    span[CP_COMBINED_PROTOCOL] = (struct cp_combined_span){last + 1, (size_t)(end - last - 1)};
}

void cp_combined_put(const struct cp_combined *c, struct cp_combined_span *span,
                     const struct cp_row *row)
{
    static const uint8_t kinds[CP_COMBINED_FIELDS] = {
        [CP_COMBINED_HOST] = CP_TEXT,     [CP_COMBINED_IDENT] = CP_TEXT,
        [CP_COMBINED_USER] = CP_TEXT,     [CP_COMBINED_TIME] = CP_STAMP,
        [CP_COMBINED_METHOD] = CP_TEXT,   [CP_COMBINED_PATH] = CP_TEXT,
        [CP_COMBINED_PROTOCOL] = CP_TEXT, [CP_COMBINED_STATUS] = CP_NUMBER,
        [CP_COMBINED_BYTES] = CP_NUMBER,  [CP_COMBINED_REFERER] = CP_TEXT,
        [CP_COMBINED_AGENT] = CP_TEXT,
    };

    if (c->splits_request)
        split_request(span);
    for (size_t k = 0; k < c->fields.n; k++) {
        struct cp_field_want want = c->fields.v[k];
        struct cp_combined_span s = span[want.field];
        row->col[want.slot][row->i] = s.p == NULL || (s.n == 1 && *s.p == '-')
                                          ? cp_null()
                                          : cp_span((enum cp_kind)kinds[want.field], s.p, s.n);
    }
    cp_fields_put_missing(&c->fields, row);
}

int cp_combined_open(struct cp_combined *c, const struct cp_wants *wants, const char *const *fields,
                     struct cp_heap *heap)
{
    cp_fields_open_fixed(&c->fields, wants, fields, heap);
    c->splits_request = cp_fields_have(&c->fields, CP_COMBINED_METHOD) ||
                        cp_fields_have(&c->fields, CP_COMBINED_PATH) ||
                        cp_fields_have(&c->fields, CP_COMBINED_PROTOCOL);
    return 0;
}

/* ---- Probes ---- */

/* A literal is searched for fields of text only: numbers and times are equal to other spellings
 * too. */
bool cp_combined_can_probe(const char *const *fields, const struct cp_need *need)
{
    int field = cp_fields_find(fields, need->path);

    if (need->kind == CP_NEED_NUMBER)
        return field == CP_COMBINED_STATUS;
    return field >= 0 && field != CP_COMBINED_TIME && field != CP_COMBINED_STATUS &&
           field != CP_COMBINED_BYTES;
}

size_t cp_combined_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                         const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    if (need->kind == CP_NEED_NUMBER)
        return cp_probe_status(b, sel, n, cp_probe_range(need), keep);
    return cp_probe_literal(b, sel, n, need->literal, keep);
}

/* ---- combined ---- */

static int combined_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                         struct cp_err *err)
{
    (void)err;
    return cp_combined_open(decoder, wants, names, heap);
}

/* The referer and the agent; p is where the head stopped. */
static const char *take_tail(const char *start, const char *p, const char *end,
                             struct cp_combined_span *span, size_t *at)
{
    const char *close;

    if (end - p < 2 || p[0] != ' ' || p[1] != '"')
        return cp_refuse(at, (size_t)(p - start), "no referer after the bytes");
    close = cp_combined_quote_end(p + 2, end);
    if (close >= end)
        return cp_refuse(at, (size_t)(p + 1 - start), "no closing quote");
    span[CP_COMBINED_REFERER] = (struct cp_combined_span){p + 2, (size_t)(close - p - 2)};
    p = close + 1;
    if (end - p < 2 || p[0] != ' ' || p[1] != '"')
        return cp_refuse(at, (size_t)(p - start), "no agent after the referer");
    close = cp_combined_quote_end(p + 2, end);
    if (close >= end)
        return cp_refuse(at, (size_t)(p + 1 - start), "no closing quote");
    span[CP_COMBINED_AGENT] = (struct cp_combined_span){p + 2, (size_t)(close - p - 2)};
    return close + 1 == end ? NULL
                            : cp_refuse(at, (size_t)(close + 1 - start), "text after the agent");
}

static const char *combined_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                   size_t *at)
{
    struct cp_combined_span span[CP_COMBINED_FIELDS];
    const char *rest, *why = cp_combined_head(decoder, p, n, span, &rest, at);

    if (why == NULL)
        why = take_tail(p, rest, p + n, span, at);
    if (why == NULL)
        cp_combined_put(decoder, span, row);
    return why;
}

static bool combined_can_probe(const void *decoder, const struct cp_need *need)
{
    (void)decoder;
    return cp_combined_can_probe(names, need);
}

static const struct cp_format_example examples[] = {
    {"1.2.3.4 - bob [20/Nov/2026:18:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 12 \"-\" \"curl/8.0\"",
     NULL,
     "{\"host\":\"1.2.3.4\",\"ident\":null,\"user\":\"bob\",\"time\":\"20/Nov/2026:18:00:00 "
     "+0000\","
     "\"method\":\"GET\",\"path\":\"/a?b\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":12,"
     "\"referer\":null,\"agent\":\"curl/8.0\"}\n"},
    {"::1 - - [20/Nov/2026:18:00:00 +0000] \"-\" 408 - \"-\" \"-\"", NULL,
     "{\"host\":\"::1\",\"ident\":null,\"user\":null,\"time\":\"20/Nov/2026:18:00:00 +0000\","
     "\"method\":null,\"path\":null,\"protocol\":null,\"status\":408,\"bytes\":null,"
     "\"referer\":null,\"agent\":null}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_combined = {
    .name = "combined",
    .summary = "The combined log of nginx and Apache",
    .doc = "host ident user [time] \"method path protocol\" status bytes \"referer\" \"agent\"\n\n"
           "A field that is - is null. In quotes a backslash takes the next byte along, so \\\" "
           "does not end the text. "
           "A request that is not METHOD path HTTP/x is the field path alone. A line that ends "
           "earlier or later, a "
           "status or bytes that are not digits, and a time that is no date are errors. The user "
           "may hold blanks.",
    .examples = examples,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct cp_combined),
    .fields = names,
    .open = combined_open,
    .decode = combined_decode,
    .can_probe = combined_can_probe,
    .probe = cp_combined_probe,
    .sniff = cp_sniff_decode,
};
