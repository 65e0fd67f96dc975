/* syslog.c: RFC 3164 and RFC 5424, told apart record by record (semantics 40, 57).
 *
 * 3164   [<PRI>] TIME HOSTNAME APP[PID]: MSG     the time as `Mar 27 13:06:56` or as ISO
 * 5424   <PRI>VERSION TIME HOSTNAME APP PROCID MSGID SD [MSG]
 */
#include "../base/moment.h"
#include "../base/scan.h"
#include "detect.h"
#include "fields.h"
#include "probe.h"

enum { PRIORITY, FACILITY, SEVERITY, TIME, HOSTNAME, APP, PID, MSGID, SD, MSG, FIELDS };

static const char *const names[] = {"priority", "facility", "severity", "time", "hostname", "app",
                                    "pid",      "msgid",    "sd",       "msg",  NULL};

/* Texts that values point at: with the bytes behind them that value.h promises. */
static const struct {
    char facility[24][16];
    char severity[8][16];
    char pad[CP_PAD];
} keywords = {
    .facility = {"kern",   "user",     "mail",    "daemon",       "auth",     "syslog",
                 "lpr",    "news",     "uucp",    "cron",         "authpriv", "ftp",
                 "ntp",    "security", "console", "solaris-cron", "local0",   "local1",
                 "local2", "local3",   "local4",  "local5",       "local6",   "local7"},
    .severity = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"},
};

struct syslog {
    struct cp_fields fields;
    char day[8]; /* the last seen to be one: `Mar 27 ` */
};

/* What a field is in one record; p == NULL: null. */
struct span {
    const char *p;
    size_t n;
};

/* A record that is being read. */
struct reader {
    struct syslog *s;
    const char *start, *p, *end;
    struct span span[FIELDS];
    unsigned priority;
    const char *why;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *find(const char *p, const char *end, char c)
{
    return (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, (uint8_t)c);
}

static bool fail(struct reader *r, const char *why)
{
    r->why = why;
    return false;
}

/* ---- Pieces of both ---- */

/* `<13>`, which 3164 may leave out. */
static bool take_priority(struct reader *r)
{
    const char *p = r->p + 1;

    if (r->p == r->end || *r->p != '<')
        return true;
    for (; p < r->end && p - r->p <= 3 && is_digit(*p); p++)
        r->priority = r->priority * 10 + (unsigned)(*p - '0');
    if (p == r->p + 1 || p == r->end || *p != '>')
        return fail(r, "the priority is no number in < >");
    if (r->priority > 191)
        return fail(r, "the priority is above 191");
    r->span[PRIORITY] = (struct span){r->p + 1, (size_t)(p - r->p - 1)};
    r->p = p + 1;
    return true;
}

/* Text up to a blank or the end; with `-` for null. */
static struct span take_word(struct reader *r, bool dash_is_null)
{
    const char *p = r->p, *stop = find(p, r->end, ' ');
    struct span s = {p, (size_t)(stop - p)};

    r->p = stop;
    if (dash_is_null && s.n == 1 && *p == '-')
        s.p = NULL;
    return s;
}

/* ---- 3164 ---- */

static bool is_clock(const char *p)
{
    static const char low[] = "00:00:00", high[] = "29:59:59";
    unsigned bad = (unsigned)(p[0] == '2') & (unsigned)(p[1] > '3');

    for (int k = 0; k < 8; k++)
        bad |= (unsigned)(p[k] < low[k]) | (unsigned)(p[k] > high[k]);
    return bad == 0;
}

/* Where a time that starts with the name of a month stops: behind its third word, or the fourth
 * when a year is there. */
static const char *month_time_end(const char *p, const char *end)
{
    for (int word = 0; word < 4; word++) {
        const char *start = p;
        p = find(p, end, ' ');
        if (word >= 2 && !(word == 2 && p - start == 4 && is_digit(start[0])))
            return p;
        while (p < end && *p == ' ')
            p++;
    }
    return p;
}

/* The time is read once a day, the clock is checked by ranges. */
static bool take_month_time(struct reader *r)
{
    const char *p = r->p, *stop;
    int64_t ns;

    if (r->end - p > 15 && memcmp(p, r->s->day, 7) == 0 && p[15] == ' ' && is_clock(p + 7)) {
        r->p = p + 15;
        return true;
    }
    stop = month_time_end(p, r->end);
    if (!cp_time_parse_syslog(p, (size_t)(stop - p), NULL, &ns))
        return false;
    if (stop - p == 15 && p[6] == ' ')
        memcpy(r->s->day, p, 7);
    r->p = stop;
    return true;
}

static bool take_iso_time(struct reader *r)
{
    struct span s = take_word(r, false);
    int64_t ns;

    return s.n > 10 && cp_time_parse_iso(s.p, s.n, NULL, &ns);
}

/* APP[PID]: or APP: in front of the message; r->p stays where there is none. */
static void take_tag(struct reader *r)
{
    const char *p = r->p, *stop = (const char *)cp_scan_any3(
                              (const uint8_t *)p, (const uint8_t *)r->end, ' ', ':', '[');
    const char *close = stop;

    if (stop == r->end || stop == p || *stop == ' ')
        return;
    if (*stop == '[') {
        close =
            (const char *)cp_scan_any2((const uint8_t *)stop, (const uint8_t *)r->end, ']', ' ');
        if (close == r->end || *close == ' ')
            return;
        r->span[PID] = (struct span){stop + 1, (size_t)(close - stop - 1)};
        close++;
        close += close < r->end && *close == ':';
    } else if (++close < r->end && *close != ' ') {
        return;
    }
    r->span[APP] = (struct span){p, (size_t)(stop - p)};
    r->p = close + (close < r->end && *close == ' ');
}

static bool read_3164(struct reader *r)
{
    const char *time = r->p;
    bool is_time = r->p < r->end && (is_digit(*r->p) ? take_iso_time(r) : take_month_time(r));

    if (!is_time) {
        r->p = time;
        return fail(r, "no time");
    }
    r->span[TIME] = (struct span){time, (size_t)(r->p - time)};
    if (r->p == r->end || *r->p++ != ' ' || r->p == r->end)
        return fail(r, "nothing behind the time");
    struct span host = take_word(r, false);
    if (host.n == 0)
        return fail(r, "no hostname");
    if (host.p[host.n - 1] == ':') {
        r->p = host.p; /* a tag: programs on the same machine leave their host out */
    } else {
        r->span[HOSTNAME] = host;
        r->p += r->p < r->end;
    }
    take_tag(r);
    r->span[MSG] = (struct span){r->p, (size_t)(r->end - r->p)};
    return true;
}

/* ---- 5424 ---- */

/* A version behind the priority tells 5424: one to three digits and a blank. */
static bool take_version(struct reader *r)
{
    const char *p = r->p;

    while (p < r->end && p - r->p < 3 && is_digit(*p))
        p++;
    if (r->span[PRIORITY].p == NULL || p == r->p || *r->p == '0' || p == r->end || *p != ' ')
        return false;
    r->p = p;
    return true;
}

/* The end of one `[id name="value" …]`, behind its bracket, or NULL. */
static const char *element_end(const char *p, const char *end)
{
    bool is_quoted = false;

    for (p++; p < end; p++) {
        if (is_quoted && *p == '\\')
            p++;
        else if (*p == '"')
            is_quoted = !is_quoted;
        else if (*p == ']' && !is_quoted)
            return p + 1;
    }
    return NULL;
}

static bool take_data(struct reader *r)
{
    const char *p = r->p;

    if (p < r->end && *p == '-') {
        r->p++;
        return true;
    }
    if (p == r->end || *p != '[')
        return false;
    while (p != NULL && p < r->end && *p == '[')
        p = element_end(p, r->end);
    if (p == NULL)
        return false;
    r->span[SD] = (struct span){r->p, (size_t)(p - r->p)};
    r->p = p;
    return true;
}

/* The one blank in front of a word. */
static bool take_blank(struct reader *r)
{
    if (r->end - r->p < 2 || *r->p != ' ')
        return false;
    r->p++;
    return true;
}

static bool read_5424(struct reader *r)
{
    static const uint8_t words[] = {TIME, HOSTNAME, APP, PID, MSGID};
    int64_t ns;

    for (size_t k = 0; k < sizeof(words); k++) {
        if (!take_blank(r))
            return fail(r, "fewer fields than RFC 5424 has");
        r->span[words[k]] = take_word(r, true);
        if (r->span[words[k]].n == 0)
            return fail(r, "two blanks where RFC 5424 has one");
    }
    struct span time = r->span[TIME];
    if (time.p != NULL && (time.n < 11 || !cp_time_parse_iso(time.p, time.n, NULL, &ns))) {
        r->p = time.p;
        return fail(r, "the time is no date");
    }
    if (!take_blank(r) || !take_data(r))
        return fail(r, "no structured data");
    if (r->p == r->end)
        return true;
    if (*r->p++ != ' ')
        return fail(r, "text behind the structured data");
    if (r->end - r->p >= 3 && memcmp(r->p, "\xEF\xBB\xBF", 3) == 0)
        r->p += 3; /* says that the message is UTF-8 */
    r->span[MSG] = (struct span){r->p, (size_t)(r->end - r->p)};
    return true;
}

/* ---- The format ---- */

static struct cp_value keyword(const char *word)
{
    return cp_text(word, strlen(word));
}

static bool is_digits(struct span s)
{
    size_t k = 0;

    while (k < s.n && is_digit(s.p[k]))
        k++;
    return k == s.n && s.n > 0;
}

static struct cp_value value_of(const struct reader *r, uint32_t field)
{
    struct span s = r->span[field];

    if ((field == FACILITY || field == SEVERITY) && r->span[PRIORITY].p != NULL)
        return keyword(field == FACILITY ? keywords.facility[r->priority >> 3]
                                         : keywords.severity[r->priority & 7]);
    if (s.p == NULL)
        return cp_null();
    if (field == PRIORITY || (field == PID && is_digits(s)))
        return cp_span(CP_NUMBER, s.p, s.n);
    return cp_span(field == TIME ? CP_STAMP : CP_TEXT, s.p, s.n);
}

static int syslog_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                       struct cp_err *err)
{
    struct syslog *s = decoder;

    (void)err;
    cp_fields_open_fixed(&s->fields, wants, names, heap);
    return 0;
}

static const char *syslog_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                 size_t *at)
{
    struct reader r = {.s = decoder, .start = p, .p = p, .end = p + n};

    if (!take_priority(&r) || !(take_version(&r) ? read_5424(&r) : read_3164(&r)))
        return cp_refuse(at, (size_t)(r.p - r.start), r.why);
    for (size_t k = 0; k < r.s->fields.n; k++) {
        struct cp_field_want want = r.s->fields.v[k];
        row->col[want.slot][row->i] = value_of(&r, want.field);
    }
    cp_fields_put_missing(&r.s->fields, row);
    return NULL;
}

/* Literals are looked for where a field is text that stands in the record. */
static bool syslog_can_probe(const void *decoder, const struct cp_need *need)
{
    int field = cp_fields_find(names, need->path);

    (void)decoder;
    return need->kind == CP_NEED_LITERAL &&
           (field == HOSTNAME || field == APP || field == MSGID || field == SD || field == MSG);
}

static size_t syslog_probe(const void *decoder, const struct cp_need *need,
                           const struct cp_batch *b, const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    return cp_probe_literal(b, sel, n, need->literal, keep);
}

/* Many programs start their lines with a time: a priority or a tag must be there too. */
static bool looks_right(void *ctx, const char *p, size_t n)
{
    struct reader r = {.s = ctx, .start = p, .p = p, .end = p + n};

    return take_priority(&r) && (take_version(&r) ? read_5424(&r) : read_3164(&r)) &&
           (r.span[PRIORITY].p != NULL || r.span[APP].p != NULL);
}

static int syslog_sniff(const struct cp_format *self, const char *p, size_t n)
{
    struct syslog s = {0};

    (void)self;
    return cp_sniff_lines(p, n, looks_right, &s);
}

static const struct cp_format_example examples[] = {
    {"<38>May 17 10:05:04 web1 sshd[1291]: Server listening", NULL,
     "{\"priority\":38,\"facility\":\"auth\",\"severity\":\"info\",\"time\":\"May 17 "
     "10:05:04\",\"hostname\":\"web1\","
     "\"app\":\"sshd\",\"pid\":1291,\"msgid\":null,\"sd\":null,\"msg\":\"Server listening\"}\n"},
    {"<165>1 2026-10-11T22:14:15.003Z web1 su - ID47 [a x=\"1\"] no", NULL,
     "{\"priority\":165,\"facility\":\"local4\",\"severity\":\"notice\",\"time\":\"2026-10-11T22:"
     "14:15.003Z\","
     "\"hostname\":\"web1\",\"app\":\"su\",\"pid\":null,\"msgid\":\"ID47\",\"sd\":\"[a "
     "x=\\\"1\\\"]\",\"msg\":\"no\"}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_syslog = {
    .name = "syslog",
    .summary = "Syslog messages of RFC 3164 and RFC 5424",
    .doc = "Which of the two a record is, is seen at the version behind the priority. Facility and "
           "severity are keywords made "
           "from the priority; without one all three are null. An old message may have an ISO "
           "time, and no hostname when its "
           "tag comes first; without a tag app is null and all is msg. In new ones a - is null, "
           "and the structured data is one "
           "text. A pid that is not digits is text. A priority above 191, a time that is no date "
           "and missing fields are "
           "errors.",
    .examples = examples,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct syslog),
    .fields = names,
    .open = syslog_open,
    .decode = syslog_decode,
    .can_probe = syslog_can_probe,
    .probe = syslog_probe,
    .sniff = syslog_sniff,
};
