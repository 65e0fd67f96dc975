/* Tests of lib/format, but for json: frames, decoders, walks, probes, encoders, detection. Prints
 * TAP. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../lib/base/alloc.h"
#include "../../lib/base/moment.h"
#include "../../lib/base/scan.h"
#include "../../lib/format/cells.h"
#include "../../lib/format/columns.h"
#include "../../lib/format/detect.h"
#include "../../lib/format/format.h"
#include "../../lib/format/frame.h"
#include "../../lib/format/members.h"
#include "../../lib/format/probe.h"

extern const struct cp_format cp_format_line, cp_format_combined, cp_format_common,
    cp_format_logfmt, cp_format_csv, cp_format_tsv, cp_format_ltsv, cp_format_syslog,
    cp_format_regex, cp_format_pattern, cp_format_table, cp_format_raw, cp_format_json;

/* ---- TAP ---- */

static int tests, failures, trouble; /* trouble: in the test that runs */

static void note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static void done(const char *name)
{
    printf("%sok %d - %s\n", trouble == 0 ? "" : "not ", ++tests, name);
    failures += trouble != 0;
    trouble = 0;
}

static void expect_text(const char *what, const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        return;
    if (trouble++ < 5)
        note("%s\n#   got      %s\n#   expected %s", what, got, wanted);
}

static void expect(bool good, const char *what)
{
    if (!good && trouble++ < 5)
        note("%s", what);
}

static uint64_t seed = 88172645463325252u;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 2685821657736338717u;
}

static size_t below(size_t n)
{
    return (size_t)(draw() >> 33) % n;
}

/* ---- Records in memory of their own, with the padding and nothing more ---- */

static char *own_copy(const char *p, size_t n)
{
    char *copy = cp_xmalloc(n + CP_PAD);

    memcpy(copy, p, n);
    memset(copy + n, '"', CP_PAD);
    return copy;
}

/* ---- A decoder and its columns ---- */

enum { COLUMNS = 16, RECORDS = 256 };

struct rig {
    const struct cp_format *format;
    struct cp_heap heap;
    void *decoder;
    struct cp_wants wants;
    struct cp_want want[COLUMNS];
    struct cp_value *col[COLUMNS];
    struct cp_input input;
    struct cp_err err;
    struct cp_slice *names; /* by plan */
    size_t n_names;
    const char *fields[COLUMNS + 1];
};

static struct cp_path *path_of(struct cp_heap *heap, const char *name)
{
    struct cp_step *step = cp_heap_take(heap, sizeof(*step));
    struct cp_path *path = cp_heap_take(heap, sizeof(*path));

    step->name = cp_slice_of(name);
    *path = (struct cp_path){.text = step->name, .steps = step, .n = 1};
    return path;
}

/* Prepares a decoder. set: fills in options, or NULL. */
static void rig_init(struct rig *r, const struct cp_format *format, const char *const *fields,
                     void (*set)(void *decoder, struct cp_heap *heap))
{
    *r = (struct rig){.format = format};
    r->decoder = cp_heap_take(&r->heap, format->decoder_size);
    if (set != NULL)
        set(r->decoder, &r->heap);
    r->wants = (struct cp_wants){.format = format, .decoder = r->decoder, .v = r->want};
    for (size_t k = 0; fields[k] != NULL; k++) {
        r->fields[k] = fields[k];
        r->want[r->wants.n++] =
            (struct cp_want){.path = path_of(&r->heap, fields[k]), .slot = (int)k};
    }
    for (size_t k = 0; k < COLUMNS; k++)
        r->col[k] = cp_xcalloc(RECORDS, sizeof(**r->col));
    if (format->plan != NULL &&
        format->plan(r->decoder, &r->heap, &r->names, &r->n_names, &r->err) != 0)
        return;
    if (format->open != NULL)
        format->open(r->decoder, &r->wants, &r->heap, &r->err);
}

static void rig_header(struct rig *r, const char *header)
{
    size_t n = strlen(header);
    char *copy = cp_heap_copy(&r->heap, header, n);
    const char *why = r->format->header(r->decoder, copy, n, &r->input);

    expect(why == NULL, "header refused");
}

static void rig_release(struct rig *r)
{
    if (r->format->close != NULL)
        r->format->close(r->decoder);
    for (size_t k = 0; k < COLUMNS; k++)
        free(r->col[k]);
    cp_heap_release(&r->heap);
    cp_heap_release(&r->input.heap);
}

static const char *rig_decode(struct rig *r, const char *p, size_t n, uint32_t i, size_t *at)
{
    struct cp_row row = {.col = r->col, .i = i, .input = &r->input};

    return r->format->decode(r->decoder, p, n, &row, at);
}

/* A value as text: ? missing, null, true, 12 numbers, @time, 'text', ~untyped; the escape in front.
 */
static size_t show(char *out, const struct cp_value *v)
{
    static const char *const escapes[] = {"", "json:", "logfmt:", "csv:", "tsv:"};
    const char *esc = v->kind == CP_TEXT ? escapes[v->esc] : "";

    switch ((enum cp_kind)v->kind) {
    case CP_MISSING:
        return (size_t)sprintf(out, "?");
    case CP_NULL:
        return (size_t)sprintf(out, "null");
    case CP_TRUE:
        return (size_t)sprintf(out, "true");
    case CP_NUMBER:
        return (size_t)sprintf(out, "%.*s", (int)v->len, v->p);
    case CP_STAMP:
        return (size_t)sprintf(out, "@%.*s", (int)v->len, v->p);
    case CP_TEXT:
        return (size_t)sprintf(out, "%s%s%.*s'", esc, v->flags & CP_UNTYPED ? "~'" : "'",
                               (int)v->len, v->p);
    default:
        return (size_t)sprintf(out, "kind %d", v->kind);
    }
}

/* Decodes a record and shows all columns, or why not: `!reason at N`. */
static void rig_show(struct rig *r, const char *record, size_t n, char *out)
{
    char *copy = own_copy(record, n);
    size_t at = 0, len = 0;
    const char *why = rig_decode(r, copy, n, 7, &at);

    *out = 0;
    if (why != NULL)
        sprintf(out, "!%s at %zu", why, at);
    for (size_t k = 0; why == NULL && k < r->wants.n; k++) {
        len += (size_t)sprintf(out + len, k == 0 ? "" : " ");
        len += show(out + len, &r->col[k][7]);
    }
    free(copy);
}

struct sample {
    const char *record, *wanted;
};

static void run_samples(struct rig *r, const struct sample *samples, size_t n, const char *name)
{
    static char out[8192];

    for (size_t k = 0; k < n; k++) {
        rig_show(r, samples[k].record, strlen(samples[k].record), out);
        expect_text(samples[k].record, out, samples[k].wanted);
    }
    done(name);
}
#define RUN(rig, samples, name)                                                                    \
    run_samples(rig, samples, sizeof(samples) / sizeof(*(samples)), name)

/* ---- Frames ---- */

/* Cuts by the rules, byte by byte. */
static size_t naive_csv_end(const uint8_t *p, size_t from, size_t n)
{
    bool quoted = false, start = true;

    for (size_t k = from; k < n; k++) {
        if (quoted) {
            if (p[k] == '"' && k + 1 < n && p[k + 1] == '"')
                k++;
            else if (p[k] == '"')
                quoted = false;
            start = false;
        } else {
            if (p[k] == '\n')
                return k;
            quoted = p[k] == '"' && start;
            start = p[k] == ',';
        }
    }
    return n;
}

static size_t naive_end(enum cp_frame kind, const uint8_t *p, size_t from, size_t n)
{
    if (kind == CP_FRAME_CSV)
        return naive_csv_end(p, from, n);
    while (from < n && p[from] != (kind == CP_FRAME_NUL ? 0 : '\n'))
        from++;
    return from;
}

static size_t naive_frame(enum cp_frame kind, const uint8_t *p, size_t n, struct cp_record *out)
{
    size_t count = 0, start = 0, run = SIZE_MAX, run_end = 0;

    if (kind == CP_FRAME_WHOLE && n > 0)
        out[count++] = (struct cp_record){0, (uint32_t)(n - (p[n - 1] == '\n'))};
    for (; kind != CP_FRAME_WHOLE && start < n;) {
        size_t end = naive_end(kind, p, start, n), text = end;
        if (kind != CP_FRAME_NUL && end < n && text > start && p[text - 1] == '\r')
            text--;
        if (kind != CP_FRAME_BLANK) {
            out[count++] = (struct cp_record){(uint32_t)start, (uint32_t)(text - start)};
        } else if (text > start) {
            run = run == SIZE_MAX ? start : run;
            run_end = text;
        } else if (run != SIZE_MAX) {
            out[count++] = (struct cp_record){(uint32_t)run, (uint32_t)(run_end - run)};
            run = SIZE_MAX;
        }
        start = end + 1;
    }
    if (run != SIZE_MAX)
        out[count++] = (struct cp_record){(uint32_t)run, (uint32_t)(run_end - run)};
    return count;
}

/* Gives the first `split` bytes, then all, in batches of at most max records. */
static size_t cut_in_two(enum cp_frame kind, const uint8_t *p, size_t n, size_t split, size_t max,
                         struct cp_record *out)
{
    struct cp_frame_state s;
    size_t count = 0, at = 0, to = split, next, found;

    cp_frame_init(&s, kind, 0);
    for (;;) {
        bool at_end = to == n;
        found = cp_frame_cut(&s, p, at, to, at_end, out + count, max, &next);
        count += found;
        at = next;
        if (found == max)
            continue;
        if (at_end)
            return count;
        to = to + 1 + below(n - to);
    }
}

static size_t random_text(uint8_t *p, size_t max, const char *alphabet)
{
    size_t n = below(max + 1), letters = strlen(alphabet) + 1; /* with NUL */

    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)alphabet[below(letters - (below(4) != 0))];
    return n;
}

static void test_frame(enum cp_frame kind, const char *name)
{
    static struct cp_record wanted[1024], got[1024];

    for (int level = 0; level <= CP_SCAN_AVX512; level++) {
        cp_scan_init(level);
        for (int round = 0; round < 300 && trouble == 0; round++) {
            uint8_t text[300];
            size_t n = random_text(text, round < 200 ? 24 : 300,
                                   round % 3 == 0 ? "a\n\r" : "ab,\"\n\r\"x");
            uint8_t *p = (uint8_t *)own_copy((char *)text, n);
            size_t count = naive_frame(kind, p, n, wanted);
            for (size_t split = 0; split <= n && trouble == 0; split++) {
                size_t max = 1 + below(8) * below(8);
                size_t found = cut_in_two(kind, p, n, split, max, got);
                expect(found == count && memcmp(got, wanted, count * sizeof(*got)) == 0, name);
                if (trouble > 0)
                    note("split %zu of %zu, %zu records, %zu expected", split, n, found, count);
            }
            free(p);
        }
    }
    cp_scan_init(CP_SCAN_BEST);
    done(name);
}

static void test_frame_skip(void)
{
    static const struct {
        enum cp_frame kind;
        const char *text;
        size_t seen, behind;
    } samples[] = {
        {CP_FRAME_LINE, "aaaa\nb\n", 3, 5},       {CP_FRAME_NUL, "aa\naa b", 2, 7},
        {CP_FRAME_CSV, "a,\"b\nc\nd,e\nf", 5, 7}, {CP_FRAME_BLANK, "a\nb\nc\r\n\r\nd", 4, 9},
        {CP_FRAME_WHOLE, "a\nb\n", 2, 4},
    };

    for (size_t k = 0; k < sizeof(samples) / sizeof(*samples); k++) {
        size_t n = strlen(samples[k].text), at = 0;
        uint8_t *p = (uint8_t *)own_copy(samples[k].text, n);
        struct cp_frame_state s;
        struct cp_record out[4];
        size_t next;
        bool is_done = false;
        cp_frame_init(&s, samples[k].kind, ',');
        if (samples[k].kind == CP_FRAME_NUL)
            p[6] = 0;
        cp_frame_cut(&s, p, 0, samples[k].seen, false, out, 4, &next);
        for (size_t to = samples[k].seen; to <= n && !is_done; to++)
            at = cp_frame_skip(&s, p, at, to, &is_done);
        expect(at == samples[k].behind, samples[k].text);
        free(p);
    }
    done("frame: a record that is too long is passed over");
}

/* ---- combined, common ---- */

static const char *const combined_fields[] = {"host",   "ident",   "user",     "time",
                                              "method", "path",    "protocol", "status",
                                              "bytes",  "referer", "agent",    NULL};

#define WHEN "[20/Nov/2026:18:00:00 +0000]"
#define SHOWN "@20/Nov/2026:18:00:00 +0000"

static void test_combined_samples(void)
{
    static const struct sample samples[] = {
        {"1.2.3.4 - - " WHEN " \"GET /a HTTP/1.1\" 200 12 \"-\" \"x y\"",
         "'1.2.3.4' null null " SHOWN " 'GET' '/a' 'HTTP/1.1' 200 12 null 'x y'"},
        {"h i john doe " WHEN " \"GET /a b HTTP/2\" 200 - \"r\" \"\"",
         "'h' 'i' 'john doe' " SHOWN " 'GET' '/a b' 'HTTP/2' 200 null 'r' ''"},
        {"h - - " WHEN " \"-\" 400 0 \"-\" \"-\"",
         "'h' null null " SHOWN " null null null 400 0 null null"},
        {"h - - " WHEN " \"\" - 0 \"-\" \"-\"",
         "'h' null null " SHOWN " null '' null null 0 null null"},
        {"h - - " WHEN " \"GET /\" 200 0 \"-\" \"-\"",
         "'h' null null " SHOWN " null 'GET /' null 200 0 null null"},
        {"h - - " WHEN " \"a\\\"b\\\\\" 200 0 \"c\\\"\" \"\\x22\"",
         "'h' null null " SHOWN " null 'a\\\"b\\\\' null 200 0 'c\\\"' '\\x22'"},
        {"h - - " WHEN " \"GET a y HTTP/2\" 1000 1 \"-\" \"-\"",
         "'h' null null " SHOWN " 'GET' 'a y' 'HTTP/2' 1000 1 null null"},
        {"h - - [5/Nov/2026:18:00:00 +0000] \"-\" 200 1 \"-\" \"-\"",
         "'h' null null @5/Nov/2026:18:00:00 +0000 null null null 200 1 null null"},
        {"", "!no host at 0"},
        {" - - " WHEN, "!no host at 0"},
        {"h", "!no ident and user after the host at 1"},
        {"h -", "!no ident and user after the host at 1"},
        {"h - - 20/Nov", "!no [ before the time at 1"},
        {"h - - [20/Nov/2026:18:00:00 +0000", "!no `] \"` behind the time at 7"},
        {"h - - " WHEN " GET", "!no `] \"` behind the time at 7"},
        {"h - - [31/Feb/2026:18:00:00 +0000] \"-\" 200 1 \"-\" \"-\"", "!the time is no date at 7"},
        {"h - - [20/Nov/2026:24:00:00 +0000] \"-\" 200 1 \"-\" \"-\"", "!the time is no date at 7"},
        {"h - - [20/Nov/2026:18:00:00 ,0000] \"-\" 200 1 \"-\" \"-\"", "!the time is no date at 7"},
        {"h - - " WHEN " \"GET / HTTP/1.1", "!no closing quote at 35"},
        {"h - - " WHEN " \"GET / HTTP/1.1\\\"", "!no closing quote at 35"},
        {"h - - " WHEN " \"-\"", "!no status after the request at 38"},
        {"h - - " WHEN " \"-\" x 1 \"-\" \"-\"", "!the status is no number at 39"},
        {"h - - " WHEN " \"-\" 20x 1 \"-\" \"-\"", "!the status is no number at 39"},
        {"h - - " WHEN " \"-\" 200", "!no bytes after the status at 42"},
        {"h - - " WHEN " \"-\" 200 1x \"-\" \"-\"", "!bytes is no number at 43"},
        {"h - - " WHEN " \"-\" 200 1", "!no referer after the bytes at 44"},
        {"h - - " WHEN " \"-\" 200 1 \"-", "!no closing quote at 45"},
        {"h - - " WHEN " \"-\" 200 1 \"-\"", "!no agent after the referer at 48"},
        {"h - - " WHEN " \"-\" 200 1 \"-\" \"-", "!no closing quote at 49"},
        {"h - - " WHEN " \"-\" 200 1 \"-\" \"-\" x", "!text after the agent at 52"},
    };
    static const struct sample common[] = {
        {"h - - " WHEN " \"GET /a HTTP/1.0\" 200 5",
         "'h' null null " SHOWN " 'GET' '/a' 'HTTP/1.0' 200 5 ? ?"},
        {"h - - " WHEN " \"-\" 200 1 \"-\" \"-\"", "!text after the bytes at 44"},
    };
    struct rig r;

    rig_init(&r, &cp_format_combined, combined_fields, NULL);
    RUN(&r, samples, "combined: good and bad records");
    rig_release(&r);
    rig_init(&r, &cp_format_common, combined_fields, NULL);
    RUN(&r, common, "common: good and bad records");
    rig_release(&r);
}

/* The same by the rules, byte by byte: shows the fields, or nothing when the record is wrong. */
struct naive {
    const char *p, *end;
    char *out;
    bool bad;
};

static void naive_show(struct naive *x, const char *p, size_t n, char kind)
{
    bool is_null = n == 1 && *p == '-';

    if (is_null)
        x->out += sprintf(x->out, " null");
    else
        x->out += sprintf(x->out,
                          kind == 't'   ? " '%.*s'"
                          : kind == '@' ? " @%.*s"
                                        : " %.*s",
                          (int)n, p);
}

static void naive_literal(struct naive *x, const char *text)
{
    size_t n = strlen(text);

    x->bad = x->bad || (size_t)(x->end - x->p) < n || memcmp(x->p, text, n) != 0;
    if (!x->bad)
        x->p += n;
}

static struct cp_slice naive_until(struct naive *x, const char *stop, size_t least)
{
    const char *p = x->p;
    size_t n = strlen(stop), k = least;

    while (!x->bad && (size_t)(x->end - p) >= k + n && memcmp(p + k, stop, n) != 0)
        k++;
    x->bad = x->bad || (size_t)(x->end - p) < k + n;
    x->p = x->bad ? p : p + k;
    return (struct cp_slice){p, x->bad ? 0 : k};
}

static struct cp_slice naive_quoted(struct naive *x)
{
    const char *p;

    naive_literal(x, "\"");
    for (p = x->p; p < x->end && *p != '"'; p++)
        p += *p == '\\';
    x->bad = x->bad || p >= x->end;
    struct cp_slice s = {x->p, x->bad ? 0 : (size_t)(p - x->p)};
    if (!x->bad)
        x->p = p + 1;
    return s;
}

static struct cp_slice naive_digits(struct naive *x)
{
    const char *p = x->p;

    while (p < x->end && *p >= '0' && *p <= '9')
        p++;
    if (p == x->p && p < x->end && *p == '-')
        p++;
    x->bad = x->bad || p == x->p;
    struct cp_slice s = {x->p, (size_t)(p - x->p)};
    x->p = p;
    return s;
}

static void naive_request(struct naive *x, struct cp_slice s)
{
    const char *end = s.p + s.n, *first = memchr(s.p, ' ', s.n), *last = end;

    while (last > s.p && last[-1] != ' ')
        last--;
    if (first == NULL || first == s.p || last - 1 <= first + 1 || end - last < 6 ||
        memcmp(last, "HTTP/", 5) != 0) {
        x->out += sprintf(x->out, " null");
        naive_show(x, s.p, s.n, 't');
        x->out += sprintf(x->out, " null");
        return;
    }
    naive_show(x, s.p, (size_t)(first - s.p), 't');
    naive_show(x, first + 1, (size_t)(last - first - 2), 't');
    naive_show(x, last, (size_t)(end - last), 't');
}

static bool naive_combined(const char *p, size_t n, char *out)
{
    struct naive x = {.p = p, .end = p + n, .out = out};
    struct cp_slice s[9];
    int64_t ns;

    s[0] = naive_until(&x, " ", 1);
    x.bad = x.bad || memchr(s[0].p, ' ', s[0].n) != NULL;
    naive_literal(&x, " ");
    s[1] = naive_until(&x, " ", 1);
    x.bad = x.bad || memchr(s[1].p, ' ', s[1].n) != NULL;
    naive_literal(&x, " ");
    s[2] = naive_until(&x, " [", 1);
    naive_literal(&x, " [");
    s[3] = naive_until(&x, "]", 0);
    x.bad = x.bad || !cp_time_parse_clf(s[3].p, s[3].n, NULL, &ns);
    naive_literal(&x, "] ");
    s[4] = naive_quoted(&x);
    naive_literal(&x, " ");
    s[5] = naive_digits(&x);
    naive_literal(&x, " ");
    s[6] = naive_digits(&x);
    naive_literal(&x, " ");
    s[7] = naive_quoted(&x);
    naive_literal(&x, " ");
    s[8] = naive_quoted(&x);
    if (x.bad || x.p != x.end)
        return false;
    for (int k = 0; k < 9; k++) {
        if (k == 4)
            naive_request(&x, s[k]);
        else
            naive_show(&x, s[k].p, s[k].n, k == 3 ? '@' : k == 5 || k == 6 ? 'n' : 't');
    }
    return true;
}

/* Changes some bytes of a record. */
static size_t mutate(char *p, size_t n, const char *alphabet)
{
    for (size_t k = below(3); k > 0 && n > 0; k--) {
        size_t at = below(n), letters = strlen(alphabet);
        switch (below(3)) {
        case 0:
            p[at] = alphabet[below(letters)];
            break;
        case 1:
            memmove(p + at, p + at + 1, n - at - 1);
            n--;
            break;
        default:
            memmove(p + at + 1, p + at, n - at);
            p[at] = alphabet[below(letters)];
            n++;
        }
    }
    return n;
}

static size_t random_combined(char *out)
{
    static const char *const hosts[] = {"1.2.3.4", "2001:db8::12:34:56:78:9a", "-", "h"};
    static const char *const users[] = {"- -", "- bob", "id john doe", "- [x", "a -"};
    static const char *const times[] = {"20/Nov/2026:18:00:00 +0000", "20/Nov/2026:09:59:59 -1930",
                                        "9/Feb/2024:23:00:00 +0000",  "20/Nov/2026:23:59:60 +0000",
                                        "30/Feb/2026:18:00:00 +0000", "20/Nov/2026:18:00:00"};
    static const char *const requests[] = {
        "GET /a/long/path/that/needs/more/than/one/vector/of/bytes?x=1 HTTP/1.1",
        "-",
        "",
        "GET /",
        "GET / HTTP/",
        "POST a b c HTTP/2.0",
        "x HTTP/1.1",
        "GET  HTTP/1.1",
        "a\\\"b HTTP/1"};
    static const char *const texts[] = {
        "-", "", "Mozilla/5.0 (X11; Linux) \\\"quoted\\\" and a long text behind", "a b"};
    static const char *const numbers[] = {"200", "-", "0", "12345678901", "20", "5000", "12x"};
    size_t n =
        (size_t)sprintf(out, "%s %s [%s] \"%s\" %s %s \"%s\" \"%s\"", hosts[below(4)],
                        users[below(5)], times[below(6)], requests[below(9)], numbers[below(7)],
                        numbers[below(7)], texts[below(4)], texts[below(4)]);

    return mutate(out, n, " \"[]\\-09/:+aH");
}

static void test_combined_random(void)
{
    struct rig r;
    size_t good = 0;

    rig_init(&r, &cp_format_combined, combined_fields, NULL);
    for (int round = 0; round < 60000 && trouble < 3; round++) {
        char line[1024], wanted[2048], got[2048];
        size_t n = random_combined(line);
        wanted[0] = got[0] = 0;
        rig_show(&r, line, n, got + 1);
        got[0] = ' ';
        if (!naive_combined(line, n, wanted)) {
            expect(got[1] == '!', got);
            continue;
        }
        good++;
        line[n] = 0;
        expect_text(line, got, wanted);
    }
    expect(good > 5000, "too few good records");
    rig_release(&r);
    done("combined: random records, as a naive decoder reads them");
}

/* ---- logfmt ---- */

static const char *const abc[] = {"a", "b", "long_key_of_more_than_16", "a.b", NULL};

static void test_logfmt_samples(void)
{
    static const struct sample samples[] = {
        {"a=1 b=two", "~'1' ~'two' ? ?"},
        {"  a=1\tb=  ", "~'1' ~'' ? ?"},
        {"a b=\"x y\"", "true 'x y' ? ?"},
        {"a=\"\" b=\"q\\\"\\u0041\\z\"", "'' logfmt:'q\\\"\\u0041\\z' ? ?"},
        {"a=x=y\"z b=\\n", "~'x=y\"z' ~'\\n' ? ?"},
        {"a=1 b=2 a=3", "~'3' ~'2' ? ?"},
        {"long_key_of_more_than_16=7 a.b=8 aa=9", "? ? ~'7' ~'8'"},
        {"a", "true ? ? ?"},
        {"", "? ? ? ?"},
        {"a=1 =2", "!no key before the = at 4"},
        {"b=2 a=\"x", "!no closing quote at 4"},
        {"b=2 a=\"x\\\"", "!no closing quote at 4"},
        {"a=\"x\"y", "!text behind the closing quote at 0"},
    };
    struct rig r;

    rig_init(&r, &cp_format_logfmt, abc, NULL);
    RUN(&r, samples, "logfmt: good and bad records");
    rig_release(&r);
}

/* Pairs by the rules, byte by byte; false when the record is wrong. */
struct naive_pair {
    char key[64], value[256];
};

static bool naive_logfmt(const char *p, size_t n, struct naive_pair *pairs, size_t *count)
{
    const char *end = p + n;

    for (*count = 0;; ++*count) {
        struct naive_pair *x = &pairs[*count];
        size_t k = 0;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p == end)
            return true;
        while (p < end && *p != '=' && *p != ' ' && *p != '\t')
            x->key[k++] = *p++;
        x->key[k] = 0;
        if (p == end || *p != '=') {
            strcpy(x->value, "true");
            continue;
        }
        if (k == 0)
            return false;
        const char *start = ++p;
        bool escaped = false;
        if (p < end && *p == '"') {
            for (p++; p < end && *p != '"'; p++)
                if (*p == '\\') {
                    escaped = true;
                    p++;
                }
            if (p >= end || (p + 1 < end && p[1] != ' ' && p[1] != '\t'))
                return false;
            p++;
            sprintf(x->value, "%s'%.*s'", escaped ? "logfmt:" : "", (int)(p - start - 2),
                    start + 1);
            continue;
        }
        while (p < end && *p != ' ' && *p != '\t')
            p++;
        sprintf(x->value, "~'%.*s'", (int)(p - start), start);
    }
}

static const char *naive_last(const struct naive_pair *pairs, size_t n, const char *key)
{
    while (n-- > 0)
        if (strcmp(pairs[n].key, key) == 0)
            return pairs[n].value;
    return "?";
}

/* Compares a walk with the pairs: each key once, at its first place, with its last value. */
static void check_walk(struct rig *r, const char *p, size_t n, const struct naive_pair *pairs,
                       size_t count)
{
    struct cp_walk w;
    size_t at = 0;

    r->format->walk(r->decoder, &r->input, p, n, &w);
    while (r->format->next(&w)) {
        char value[512];
        while (at < count && naive_last(pairs, at, pairs[at].key)[0] != '?')
            at++;
        show(value, &w.value);
        expect(at < count && strlen(pairs[at].key) == w.key.n &&
                   memcmp(pairs[at].key, w.key.p, w.key.n) == 0,
               "walk: wrong key");
        if (at < count)
            expect_text("walk", value, naive_last(pairs, count, pairs[at].key));
        expect(p <= w.key_at && w.key_at <= p + n, "walk: wrong place");
        at++;
    }
    while (at < count && naive_last(pairs, at, pairs[at].key)[0] != '?')
        at++;
    expect(at == count, "walk: too few members");
}

/* The marks that decode leaves give what a walk does; there are none where a key comes again. */
static void check_marks(struct rig *r, const char *p, size_t n)
{
    struct cp_mark v[CP_MARKS_MAX];
    struct cp_marks marks = {.v = v, .max = below(CP_MARKS_MAX + 1)};
    struct cp_row row = {.col = r->col, .input = &r->input, .marks = &marks};
    struct cp_walk w, m = {.p = p, .left = v, .left_end = v};
    char wanted[512], got[512];
    size_t at, members = 0;
    bool is_same = true;

    r->format->decode(r->decoder, p, n, &row, &at);
    if (marks.n <= marks.max)
        m.left_end += marks.n;
    r->format->walk(r->decoder, &r->input, p, n, &w);
    for (; r->format->next(&w); members++) {
        if (marks.n > marks.max)
            continue;
        is_same = is_same && cp_walk_next(r->format, &m) && m.key.p == w.key.p &&
                  m.key.n == w.key.n && m.key_at == w.key_at;
        show(wanted, &w.value);
        show(got, &m.value);
        expect_text("marks", got, wanted);
    }
    expect(marks.n > marks.max ? marks.n >= members : is_same && !cp_walk_next(r->format, &m),
           "marks: other members");
}

static size_t random_logfmt(char *out)
{
    static const char *const keys[] = {"a",  "b",    "long_key_of_more_than_16", "a.b", "c", "ab",
                                       "x1", "level"};
    static const char *const values[] = {"=1",
                                         "=",
                                         "",
                                         "=\"two words\"",
                                         "=\"\"",
                                         "=\"e\\\"\\n\\u00e9\"",
                                         "=500",
                                         "=a=b",
                                         "=long-value-of-more-than-sixteen-bytes",
                                         "=\"tail\\\\\""};
    size_t n = 0, pairs = below(12) == 0 ? 60 : below(9);

    for (size_t k = 0; k < pairs; k++)
        n += (size_t)sprintf(out + n, "%s%s%s",
                             k == 0          ? ""
                             : below(9) == 0 ? "\t  "
                                             : " ",
                             below(2) == 0 ? keys[k % 8] : keys[below(8)], values[below(10)]);
    return below(2) == 0 ? n : mutate(out, n, " =\"\\a1\t");
}

static void test_logfmt_random(void)
{
    static struct naive_pair pairs[256];
    struct rig r;
    size_t good = 0;

    rig_init(&r, &cp_format_logfmt, abc, NULL);
    for (int round = 0; round < 40000 && trouble < 3; round++) {
        char line[4096], wanted[2048] = "", got[2048];
        size_t n = random_logfmt(line), count;
        bool is_good = naive_logfmt(line, n, pairs, &count);
        line[n] = 0;
        rig_show(&r, line, n, got);
        expect(is_good == (got[0] != '!'), line);
        if (!is_good)
            continue;
        good++;
        for (int k = 0; k < 4; k++) {
            strcat(wanted, k == 0 ? "" : " ");
            strcat(wanted, naive_last(pairs, count, abc[k]));
        }
        expect_text(line, got, wanted);
        char *copy = own_copy(line, n);
        check_walk(&r, copy, n, pairs, count);
        check_marks(&r, copy, n);
        free(copy);
    }
    expect(good > 5000, "too few good records");
    rig_release(&r);
    done("logfmt: random records, walks and marks, as a naive decoder reads them");
}

/* ---- csv, tsv ---- */

static const char *const columns[] = {"a", "b", "a_2", "4", "nothing", NULL};

static void test_csv_samples(void)
{
    static const struct sample samples[] = {
        {"1,2,3,4", "~'1' ~'2' ~'3' ~'4' ?"},
        {",\"\",x y,\"q\"", "null '' ~'x y' 'q' ?"},
        {"a\"b,\"c,d\",\"e\"\"f\",\"\n\"", "~'a\"b' 'c,d' csv:'e\"\"f' '\n' ?"},
        {",,,", "null null null null ?"},
        {"1,2,3", "!fewer cells than the header has at 5"},
        {"1,2,3,4,", "!more cells than the header has at 8"},
        {"1,\"2\"x,3,4", "!text behind the closing quote at 2"},
        {"1,2,3,\"4", "!no closing quote at 6"},
        {"1,2,3,\"4\"\"", "!no closing quote at 6"},
    };
    static const struct sample tabs[] = {
        {"1\t\"\tx\\ty\t", "~'1' ~'\"' tsv:~'x\\ty' null ?"},
        {"1\t2\t3", "!fewer cells than the header has at 5"},
        {"1\t2\t3\t4\t5", "!more cells than the header has at 9"},
    };
    struct rig r;

    rig_init(&r, &cp_format_csv, columns, NULL);
    rig_header(&r, "\xEF\xBB\xBF"
                   "a,\"b\",a,");
    RUN(&r, samples, "csv: good and bad records, header names");
    rig_release(&r);
    rig_init(&r, &cp_format_tsv, columns, NULL);
    rig_header(&r, "a\tb\ta\t");
    RUN(&r, tabs, "tsv: good and bad records, header names");
    rig_release(&r);
}

static void set_csv(void *decoder, struct cp_heap *heap)
{
    struct cp_cells *c = decoder;

    c->header.v = cp_heap_take(heap, 4 * sizeof(*c->header.v));
    c->header.n = 4;
    for (int k = 0; k < 4; k++)
        c->header.v[k] = cp_slice_of(columns[k]);
    c->option = CP_SLICE(";");
    c->types = CP_TYPES_TEXT;
}

static void test_csv_options(void)
{
    static const struct sample samples[] = {{"1;2,5;\"3\";4", "'1' '2,5' '3' '4' ?"}};
    struct rig r;

    rig_init(&r, &cp_format_csv, columns, set_csv);
    expect(r.n_names == 4 && cp_slice_is(r.names[2], "a_2"), "names of the option");
    expect(cp_format_csv.delimiter(r.decoder) == ';', "delimiter");
    RUN(&r, samples, "csv: options header, delimiter, types");
    rig_release(&r);
}

static void test_header_names(void)
{
    struct rig r;
    char got[256];
    size_t n = 0;

    rig_init(&r, &cp_format_csv, columns, NULL);
    rig_header(&r, "a,a_2,a,a,,\"x \"\"y\"\"\",3,3");
    for (size_t k = 0; k < r.input.n_header; k++)
        n += (size_t)sprintf(got + n, "%s%.*s", k == 0 ? "" : "|", (int)r.input.header[k].n,
                             r.input.header[k].p);
    expect_text("names", got, "a|a_2|a_3|a_4|5|x \"y\"|3|3_2");
    rig_release(&r);
    done("csv: repeated, empty and quoted header names");
}

/* Cells by the rules, byte by byte. */
static bool naive_csv(const char *p, size_t n, char cells[][300], size_t *count)
{
    const char *end = p + n;

    for (*count = 0;;) {
        char *out = cells[(*count)++];
        const char *start = p;
        if (p < end && *p == '"') {
            bool doubled = false;
            for (p++;; p++) {
                if (p >= end)
                    return false;
                if (*p == '"' && p + 1 < end && p[1] == '"') {
                    doubled = true;
                    p++;
                } else if (*p == '"') {
                    break;
                }
            }
            p++;
            sprintf(out, "%s'%.*s'", doubled ? "csv:" : "", (int)(p - start - 2), start + 1);
            if (p < end && *p != ',')
                return false;
        } else {
            while (p < end && *p != ',')
                p++;
            sprintf(out, p == start ? "null" : "~'%.*s'", (int)(p - start), start);
        }
        if (p == end)
            return true;
        p++;
    }
}

static void test_csv_random(void)
{
    static char cells[128][300];
    struct rig r;
    size_t good = 0;

    rig_init(&r, &cp_format_csv, columns, NULL);
    rig_header(&r, "a,b,a,");
    for (int round = 0; round < 60000 && trouble < 3; round++) {
        static const char *const texts[] = {
            "",
            "1",
            "\"q\"",
            "\"a,b\"",
            "\"e\"\"\"",
            "plain text of more than sixteen bytes",
            "x\"y",
            "\"\"",
            "\"long quoted, with many bytes and a \"\"quote\"\", at last\""};
        char line[1024], wanted[2048], got[2048];
        size_t n = (size_t)sprintf(line, "%s,%s,%s,%s", texts[below(9)], texts[below(9)],
                                   texts[below(9)], texts[below(9)]);
        size_t count;
        n = mutate(line, n, ",\"a");
        bool is_good = naive_csv(line, n, cells, &count) && count == 4;
        line[n] = 0;
        rig_show(&r, line, n, got);
        expect(is_good == (got[0] != '!'), line);
        if (!is_good)
            continue;
        good++;
        snprintf(wanted, sizeof(wanted), "%s %s %s %s ?", cells[0], cells[1], cells[2], cells[3]);
        expect_text(line, got, wanted);
        char *copy = own_copy(line, n);
        struct cp_walk w;
        size_t k = 0;
        for (r.format->walk(r.decoder, &r.input, copy, n, &w); r.format->next(&w); k++) {
            show(got, &w.value);
            expect_text("walk", got, k < 4 ? cells[k] : "");
            expect(k < 4 && cp_slice_is(w.key, columns[k]), "walk: wrong key");
        }
        expect(k == 4, "walk: wrong number of cells");
        free(copy);
    }
    expect(good > 5000, "too few good records");
    rig_release(&r);
    done("csv: random records and walks, as a naive decoder reads them");
}

/* ---- The others ---- */

static void test_syslog(void)
{
    static const char *const fields[] = {"priority", "facility", "severity", "time",
                                         "hostname", "app",      "pid",      "msgid",
                                         "sd",       "msg",      NULL};
    static const struct sample samples[] = {
        {"<38>May 17 10:05:04 web sshd[12]: hi",
         "38 'auth' 'info' @May 17 10:05:04 'web' 'sshd' 12 null null 'hi'"},
        {"<191>May  7 10:05:04 web a/b: x",
         "191 'local7' 'debug' @May  7 10:05:04 'web' 'a/b' null null null 'x'"},
        {"<124>May 7 10:05:04 web x[-]:y",
         "124 'solaris-cron' 'warning' @May 7 10:05:04 'web' 'x' '-' null null 'y'"},
        {"May 17 10:05:04 web no tag here",
         "null null null @May 17 10:05:04 'web' null null null null 'no tag here'"},
        {"May 17 10:05:04 web http://x is",
         "null null null @May 17 10:05:04 'web' null null null null 'http://x is'"},
        {"May 17 10:05:04 cron[1]: x",
         "null null null @May 17 10:05:04 null 'cron' 1 null null 'x'"},
        {"May 17 10:05:04 web", "null null null @May 17 10:05:04 'web' null null null null ''"},
        {"<0>2026-11-20T10:00:00.5Z web a:  x",
         "0 'kern' 'emerg' @2026-11-20T10:00:00.5Z 'web' 'a' null null null ' x'"},
        {"<13>May 17 2026 10:05:04 web a: x",
         "13 'user' 'notice' @May 17 2026 10:05:04 'web' 'a' null null null 'x'"},
        {"<165>1 2026-10-11T22:14:15.003Z h su 12 ID47 [a b=\"]\\\"\"][c] m m",
         "165 'local4' 'notice' @2026-10-11T22:14:15.003Z 'h' 'su' 12 'ID47' '[a b=\"]\\\"\"][c]' "
         "'m m'"},
        {"<165>1 - - - - - -", "165 'local4' 'notice' null null null null null null null"},
        {"<165>1 - - - x - - \xEF\xBB\xBFm",
         "165 'local4' 'notice' null null null 'x' null null 'm'"},
        {"<192>May 17 10:05:04 web x", "!the priority is above 191 at 0"},
        {"<1x>May 17 10:05:04 web x", "!the priority is no number in < > at 0"},
        {"<>May 17 10:05:04 web x", "!the priority is no number in < > at 0"},
        {"", "!no time at 0"},
        {"hello world", "!no time at 0"},
        {"<13>May 32 10:05:04 web x", "!no time at 4"},
        {"<13>May 17 25:05:04 web x", "!no time at 4"},
        {"<13>May 17 10:05:04", "!nothing behind the time at 19"},
        {"<13>1 2026-10-11 h a p m - x", "!the time is no date at 6"},
        {"<13>1 - h a p", "!fewer fields than RFC 5424 has at 13"},
        {"<13>1 - h a p m", "!no structured data at 15"},
        {"<13>1 - h a p m [x", "!no structured data at 16"},
        {"<13>1 - h a p m -x", "!text behind the structured data at 18"},
    };
    struct rig r;

    rig_init(&r, &cp_format_syslog, fields, NULL);
    RUN(&r, samples, "syslog: good and bad records");
    rig_release(&r);
}

static void set_text(void *at, const char *text)
{
    *(struct cp_slice *)at = cp_slice_of(text);
}

static void set_regex(void *decoder, struct cp_heap *heap)
{
    (void)heap;
    set_text(decoder, "/^(?<b>[a-z]+)=(?<a>\\d+)( (?<c>x))?/i");
}

static void set_pattern(void *decoder, struct cp_heap *heap)
{
    (void)heap;
    set_text(decoder, "<a> - [<b>] \"<_>\"");
}

static void test_others(void)
{
    static const char *const fields[] = {"a", "b", "c", NULL};
    static const struct sample lines[] = {{"x", "? ? ?"}, {"", "? ? ?"}};
    static const struct sample regexes[] = {{"Ab=12", "~'12' ~'Ab' null"},
                                            {"x=1 x", "~'1' ~'x' ~'x'"},
                                            {"12", "!the regex does not match at 0"}};
    static const struct sample patterns[] = {
        {"x - [y] \"z\"", "~'x' ~'y' ?"},
        {" - [] \"a\" \"b\"", "~'' ~'' ?"},
        {"x - y", "!does not match the pattern at 0"},
        {"x - [y] \"z", "!does not match the pattern at 9"},
    };
    static const struct sample labels[] = {
        {"a:1\tb:x:y\tc:", "~'1' ~'x:y' ~''"},
        {"b:1\tb:2", "? ~'2' ?"},
        {"a", "!no colon behind the label at 0"},
        {"a:1\t:2", "!no label before the colon at 4"},
    };
    struct rig r;

    rig_init(&r, &cp_format_line, fields, NULL);
    RUN(&r, lines, "line: only `line`");
    rig_release(&r);
    rig_init(&r, &cp_format_regex, fields, set_regex);
    RUN(&r, regexes, "regex: named groups");
    rig_release(&r);
    rig_init(&r, &cp_format_pattern, fields, set_pattern);
    RUN(&r, patterns, "pattern: fields between literals");
    rig_release(&r);
    rig_init(&r, &cp_format_ltsv, fields, NULL);
    RUN(&r, labels, "ltsv: good and bad records");
    rig_release(&r);
}

static void plan_fails(const struct cp_format *format, const char *text, const char *message)
{
    struct cp_heap heap = {0};
    struct cp_err err = {0};
    struct cp_slice *names = NULL;
    size_t n = 0;
    void *decoder = cp_heap_take(&heap, format->decoder_size);

    set_text(decoder, text);
    expect(format->plan(decoder, &heap, &names, &n, &err) != 0, text);
    expect_text(text, err.message, message);
    if (format->close != NULL)
        format->close(decoder);
    cp_heap_release(&heap);
}

static void test_plan_errors(void)
{
    plan_fails(&cp_format_pattern, "abc", "pattern has no field");
    plan_fails(&cp_format_pattern, "<a><b>", "pattern has two fields with nothing between them");
    plan_fails(&cp_format_pattern, "<a> <a>", "pattern has the field <a> twice");
    plan_fails(&cp_format_regex, "abc", "the regex has no named group");
    plan_fails(&cp_format_regex, "", "parse regex needs a regex");
    plan_fails(&cp_format_regex, "/(?<a>x)/q",
               "the regex is wrong at its byte 9: a regex has no flag q, only i m s u");
    done("regex, pattern: mistakes are told when planning");
}

/* ---- Batches ---- */

/* A batch over lines of a text; columns are the rig's. */
struct bed {
    struct cp_block block;
    struct cp_batch b;
    struct cp_record rec[RECORDS];
    uint16_t sel[RECORDS], keep[RECORDS];
    char *text;
};

static void bed_init(struct bed *bed, struct rig *r, const char *text, size_t n)
{
    struct cp_frame_state s;
    size_t next;

    memset(bed, 0, sizeof(*bed));
    bed->text = own_copy(text, n);
    bed->block.data = (uint8_t *)bed->text;
    bed->b.block = &bed->block;
    bed->b.rec = bed->rec;
    bed->b.sel = bed->sel;
    bed->b.col = r->col;
    bed->b.input = &r->input;
    cp_frame_init(&s, r->format->frame, 0);
    bed->b.n = (uint32_t)cp_frame_cut(&s, bed->block.data, 0, n, true, bed->rec, RECORDS, &next);
    for (uint32_t k = 0; k < bed->b.n; k++)
        bed->sel[k] = (uint16_t)k;
    bed->b.n_sel = bed->b.n;
}

static void bed_release(struct bed *bed)
{
    free(bed->text);
}

/* ---- Probes ---- */

static bool has_literal(struct cp_slice raw, struct cp_slice literal)
{
    return literal.n == 0 || memmem(raw.p, raw.n, literal.p, literal.n) != NULL;
}

static bool satisfies(const struct cp_value *v, const struct cp_need *need)
{
    struct cp_num num;

    if (need->kind == CP_NEED_LITERAL)
        return v->kind == CP_TEXT && v->esc == CP_PLAIN &&
               has_literal((struct cp_slice){v->p, v->len}, need->literal);
    if (cp_is_null(v) || v->kind == CP_TRUE || !cp_value_number(v, &num))
        return false;
    int c = cp_num_compare(&num, &(struct cp_num){.kind = CP_NUM_INT, .i = need->bound});
    switch (need->op[0]) {
    case '<':
        return c < 0 || (c == 0 && need->op[1] == '=');
    case '>':
        return c > 0 || (c == 0 && need->op[1] == '=');
    default:
        return c == 0;
    }
}

/* Probes a batch of random records at all levels: nothing that satisfies the need may be missing,
 * and the levels agree. */
static void probe_bed(struct rig *r, struct bed *bed, const struct cp_need *need, size_t column)
{
    uint16_t sel[RECORDS], first[RECORDS];
    size_t n = 0, n_first = 0;

    for (uint32_t i = 0; i < bed->b.n; i++)
        if (below(5) != 0)
            sel[n++] = (uint16_t)i;
    for (int level = CP_SCAN_PORTABLE; level <= CP_SCAN_AVX512; level++) {
        cp_scan_init(level);
        cp_probe_init(level);
        size_t kept = r->format->probe(r->decoder, need, &bed->b, sel, n, bed->keep), at = 0;
        if (level == CP_SCAN_PORTABLE) {
            memcpy(first, bed->keep, kept * sizeof(*first));
            n_first = kept;
        }
        expect(kept == n_first && memcmp(first, bed->keep, kept * sizeof(*first)) == 0,
               "the levels differ");
        for (size_t k = 0; k < n; k++) {
            struct cp_slice raw = cp_batch_raw(&bed->b, sel[k]);
            bool is_kept = at < kept && bed->keep[at] == sel[k];
            size_t where;
            at += is_kept;
            if (is_kept || rig_decode(r, raw.p, raw.n, sel[k], &where) != NULL)
                continue;
            if (satisfies(&r->col[column][sel[k]], need) && trouble++ < 5)
                note("ruled out: %.*s", (int)raw.n, raw.p);
        }
        expect(at == kept, "kept what was not selected, or out of order");
    }
    cp_scan_init(CP_SCAN_BEST);
    cp_probe_init(CP_SCAN_BEST);
}

static size_t random_lines(const struct cp_format *format, char *out)
{
    size_t n = 0, lines = below(60);

    for (size_t k = 0; k < lines; k++) {
        if (format == &cp_format_combined)
            n += random_combined(out + n);
        else if (format == &cp_format_logfmt)
            n += random_logfmt(out + n);
        else
            n += (size_t)sprintf(out + n, "%zu\ta\\tb%zu\t\t%s", below(100), below(20),
                                 below(2) == 0 ? "500" : "x");
        out[n++] = '\n';
    }
    return n;
}

static void test_probe(const struct cp_format *format, const char *const *fields,
                       const char *header, const char *name)
{
    static const char *const literals[] = {"/a/long", "Mozilla",   "a",   "b", "x1",
                                           "500",     "two words", "e\"", "1"};
    static const char *const ops[] = {"<", "<=", ">", ">=", "=="};
    static char text[RECORDS * 600];
    struct rig r;
    size_t probes = 0;

    rig_init(&r, format, fields, NULL);
    if (header != NULL)
        rig_header(&r, header);
    for (int round = 0; round < 1500 && trouble == 0; round++) {
        struct cp_need need = {.kind = below(2) == 0 ? CP_NEED_LITERAL : CP_NEED_NUMBER};
        struct bed bed;
        size_t column = below(r.wants.n);
        need.path = r.want[column].path;
        need.literal = cp_slice_of(literals[below(9)]);
        need.bound = (int64_t[]){500, 200, 1, -1, 20, 100000, INT64_MAX, INT64_MIN}[below(8)];
        strcpy(need.op, ops[below(5)]);
        if (!format->can_probe(r.decoder, &need))
            continue;
        probes++;
        bed_init(&bed, &r, text, random_lines(format, text));
        if (bed.b.n > 0)
            probe_bed(&r, &bed, &need, column);
        bed_release(&bed);
    }
    expect(probes > 100, "too few probes");
    rig_release(&r);
    done(name);
}

static void test_probe_range(void)
{
    static const struct {
        const char *op;
        int64_t bound, low, high;
    } samples[] = {
        {"<", 5, INT64_MIN, 4},  {"<=", 5, INT64_MIN, 5}, {">", 5, 6, INT64_MAX},
        {">=", 5, 5, INT64_MAX}, {"==", 5, 5, 5},
    };

    for (size_t k = 0; k < sizeof(samples) / sizeof(*samples); k++) {
        struct cp_need need = {.kind = CP_NEED_NUMBER, .bound = samples[k].bound};
        strcpy(need.op, samples[k].op);
        struct cp_probe_range range = cp_probe_range(&need);
        expect(range.low == samples[k].low && range.high == samples[k].high, samples[k].op);
    }
    done("probe: ranges of conditions");
}

/* ---- Encoders ---- */

struct sink {
    char text[1 << 16];
    size_t n;
};

static int sink_write(void *ctx, const char *p, size_t n)
{
    struct sink *s = ctx;

    memcpy(s->text + s->n, p, n);
    s->n += n;
    return 0;
}

static struct sink sink;

/* A text value of a string, with padding; lives until the end. */
static struct cp_value padded(const char *text)
{
    static struct cp_heap heap;
    size_t n = strlen(text);

    return cp_text(cp_heap_copy(&heap, text, n), n);
}

/* Writes all records of a bed in a format; returns the text. */
static const char *encode(const struct cp_format *format, struct cp_batch *b,
                          const struct cp_shape *shape, void (*set)(void *encoder))
{
    static char buffer[CP_OUT_SIZE];
    struct cp_heap heap = {0};
    struct cp_err err = {0};
    struct cp_out out;
    void *encoder = cp_heap_take(&heap, format->encoder_size);
    size_t from = 0, at;

    b->shape = shape;
    sink.n = 0;
    if (set != NULL)
        set(encoder);
    cp_out_init(&out, buffer, sizeof(buffer), sink_write, &sink);
    if (format->encode_open != NULL && format->encode_open(encoder, &heap, &err) != 0)
        return err.message[0] != 0 ? "open failed" : "";
    while (from < b->n_sel) {
        const char *why = format->encode(encoder, b, b->sel + from, b->n_sel - from, &out, &at);
        if (why == NULL)
            break;
        cp_out_puts(&out, CP_SLICE("!"));
        from += at + 1;
    }
    if (format->encode_end != NULL)
        format->encode_end(encoder, &out);
    cp_out_flush(&out);
    if (format->encode_close != NULL)
        format->encode_close(encoder);
    cp_heap_release(&heap);
    sink.text[sink.n] = 0;
    return sink.text;
}

static void decode_all(struct rig *r, struct bed *bed)
{
    size_t at;

    for (uint32_t i = 0; i < bed->b.n; i++) {
        struct cp_slice raw = cp_batch_raw(&bed->b, i);
        expect(rig_decode(r, raw.p, raw.n, i, &at) == NULL, "bad record");
    }
}

#define FIELD(n, k, s)                                                                             \
    {                                                                                              \
        .name = {n, sizeof(n) - 1}, .key = {k, sizeof(k) - 1}, .slot = s                           \
    }
#define NEW(n, s)                                                                                  \
    {                                                                                              \
        .name = {n, sizeof(n) - 1}, .slot = s                                                      \
    }
#define GONE(k)                                                                                    \
    {                                                                                              \
        .key = {k, sizeof(k) - 1}, .slot = CP_NO_SLOT                                              \
    }

static void test_encode_logfmt(void)
{
    static const char text[] = "a=1  b=\"x y\" c\r\nb=2 a=3 a=4\nc=1\n";
    struct cp_shape_field edits[] = {FIELD("a", "a", 1), GONE("c"), FIELD("z", "b", CP_NO_SLOT),
                                     NEW("new", 0)};
    struct cp_shape own = {.format = &cp_format_logfmt,
                           .is_open = true,
                           .failed_slot = -1,
                           .marks_slot = -1,
                           .line_slot = -1};
    struct cp_shape changed = {.format = &cp_format_logfmt,
                               .is_open = true,
                               .is_changed = true,
                               .failed_slot = -1,
                               .marks_slot = -1,
                               .line_slot = -1,
                               .fields = edits,
                               .n = 4,
                               .serial = 2};
    struct cp_shape_field listed[] = {NEW("a b", 0), NEW("", 1), NEW("n", 2), NEW("t", 3)};
    struct cp_shape closed = {.is_changed = true,
                              .is_made = true,
                              .failed_slot = -1,
                              .marks_slot = -1,
                              .line_slot = -1,
                              .fields = listed,
                              .n = 4,
                              .serial = 3};
    struct rig r;
    struct bed bed;

    rig_init(&r, &cp_format_logfmt, abc, NULL);
    bed_init(&bed, &r, text, sizeof(text) - 1);
    decode_all(&r, &bed);
    expect_text("own bytes", encode(&cp_format_logfmt, &bed.b, &own, NULL), text);
    for (int i = 0; i < 3; i++) {
        r.col[0][i] = padded("q\" \x01\n");
        r.col[1][i] = i == 2 ? cp_null() : cp_int(7 + i);
    }
    expect_text("edits", encode(&cp_format_logfmt, &bed.b, &changed, NULL),
                "a=7  z=\"x y\" new=\"q\\\" \\u0001\\n\"\r\n"
                "z=2 a=8 new=\"q\\\" \\u0001\\n\"\n"
                "new=\"q\\\" \\u0001\\n\"\n");
    for (int i = 0; i < 3; i++) {
        r.col[0][i] = padded("");
        r.col[2][i] = cp_null();
        r.col[3][i] = cp_bool(i == 0);
    }
    expect_text("made", encode(&cp_format_logfmt, &bed.b, &closed, NULL),
                "a_b=\"\" _=7 t\na_b=\"\" _=8 t=false\na_b=\"\" t=false\n");
    bed_release(&bed);
    rig_release(&r);
    done("logfmt: own bytes, edits, made records");
}

static void set_strict(void *encoder)
{
    ((struct cp_cells_writer *)encoder)->new_fields = CP_NEW_FIELDS_ERROR;
}

static void test_encode_csv(void)
{
    static const char text[] = "1,\"q\",x\"y,\"a,b\"\r\n,\"\",\"e\"\"f\",4\n";
    static const char lines[] = "a=1 b=\"x, y\"\nb=2 c=3\na=\"\" b=\"\\\"\"\n";
    struct cp_shape own = {.format = &cp_format_csv,
                           .is_open = true,
                           .failed_slot = -1,
                           .marks_slot = -1,
                           .line_slot = -1};
    struct cp_shape_field edits[] = {FIELD("b", "b", 0), GONE("a_2"), NEW("new", 1)};
    struct cp_shape changed = {.format = &cp_format_csv,
                               .is_open = true,
                               .is_changed = true,
                               .failed_slot = -1,
                               .marks_slot = -1,
                               .line_slot = -1,
                               .fields = edits,
                               .n = 3,
                               .serial = 2};
    struct cp_shape pairs = {.format = &cp_format_logfmt,
                             .is_open = true,
                             .failed_slot = -1,
                             .marks_slot = -1,
                             .line_slot = -1,
                             .serial = 3};
    struct rig r;
    struct bed bed;

    rig_init(&r, &cp_format_csv, columns, NULL);
    rig_header(&r, "a,b,a,");
    bed_init(&bed, &r, text, sizeof(text) - 1);
    own.decoder = changed.decoder = r.decoder;
    decode_all(&r, &bed);
    expect_text("own bytes", encode(&cp_format_csv, &bed.b, &own, NULL),
                "a,b,a_2,4\r\n1,\"q\",x\"y,\"a,b\"\r\n,\"\",\"e\"\"f\",4\r\n");
    expect_text("as tsv", encode(&cp_format_tsv, &bed.b, &own, NULL),
                "a\tb\ta_2\t4\n1\tq\tx\"y\ta,b\n\t\te\"f\t4\n");
    for (int i = 0; i < 2; i++) {
        r.col[0][i] = padded("line\n\"");
        r.col[1][i] = i == 0 ? cp_null() : cp_double(1.5);
    }
    expect_text("edits", encode(&cp_format_csv, &bed.b, &changed, NULL),
                "a,b,4,new\n1,\"line\n\"\"\",\"a,b\",\n,\"line\n\"\"\",4,1.5\n");
    bed_release(&bed);
    rig_release(&r);

    rig_init(&r, &cp_format_logfmt, abc, NULL);
    bed_init(&bed, &r, lines, sizeof(lines) - 1);
    expect_text("ignore", encode(&cp_format_csv, &bed.b, &pairs, NULL),
                "a,b\n1,\"x, y\"\n,2\n\"\",\"\"\"\"\n");
    expect_text("error", encode(&cp_format_csv, &bed.b, &pairs, set_strict),
                "a,b\n1,\"x, y\"\n!\"\",\"\"\"\"\n");
    bed_release(&bed);
    rig_release(&r);
    done("csv, tsv: header line, own bytes, edits, new fields");
}

static void test_encode_table(void)
{
    static const char text[] = "p=/a n=12\np=\"/long\\n\" n=5 x=1\nn=-1\n";
    struct cp_shape open = {.format = &cp_format_logfmt,
                            .is_open = true,
                            .failed_slot = -1,
                            .marks_slot = -1,
                            .line_slot = -1,
                            .serial = 1};
    struct rig r;
    struct bed bed;

    rig_init(&r, &cp_format_logfmt, abc, NULL);
    bed_init(&bed, &r, text, sizeof(text) - 1);
    expect_text("table", encode(&cp_format_table, &bed.b, &open, NULL),
                "p         n  x\n/a       12  -\n/long\\n   5  1\n-        -1  -\n");
    expect_text("raw", encode(&cp_format_raw, &bed.b, &open, NULL), text);
    open.is_changed = true;
    expect_text("raw, changed", encode(&cp_format_raw, &bed.b, &open, NULL),
                "/a\t12\n/long\n\t5\t1\n-1\n");
    bed_release(&bed);
    rig_release(&r);
    done("table, raw: columns and values");
}

/* What an encoder writes reads back as the same values. */
static void test_round_trip(const struct cp_format *format, const char *name)
{
    static const char *const texts[] = {"",     "a",  "two words", "\"", "a\"b", "x,y", "\n",
                                        "t\tb", "\\", "\\n",       "=",  "é",    "12"};
    static const char *const fields[] = {"a", "b", "c", NULL};
    struct cp_shape_field listed[] = {NEW("a", 0), NEW("b", 1), NEW("c", 2)};
    struct cp_shape made = {.is_changed = true,
                            .is_made = true,
                            .failed_slot = -1,
                            .marks_slot = -1,
                            .line_slot = -1,
                            .fields = listed,
                            .n = 3,
                            .serial = 9};
    struct cp_texts scratch = {0};
    struct rig r;
    struct bed bed;

    rig_init(&r, format, fields, NULL);
    if (format->header != NULL)
        rig_header(&r, format == &cp_format_csv ? "a,b,c" : "a\tb\tc");
    for (int round = 0; round < 2000 && trouble == 0; round++) {
        const char *wanted[3];
        bed_init(&bed, &r, "x\n", 2);
        for (int k = 0; k < 3; k++) {
            wanted[k] = texts[below(13)];
            r.col[k][0] = padded(wanted[k]);
        }
        bed.b.block = NULL;
        const char *text = encode(format, &bed.b, &made, NULL);
        bed_release(&bed);
        bed_init(&bed, &r, text, strlen(text));
        expect(bed.b.n == (format->header != NULL ? 2 : 1), text);
        uint32_t i = bed.b.n - 1;
        struct cp_slice raw = cp_batch_raw(&bed.b, i);
        size_t at;
        expect(rig_decode(&r, raw.p, raw.n, i, &at) == NULL, text);
        for (int k = 0; k < 3 && trouble == 0; k++) {
            struct cp_slice got = cp_texts_of(&scratch, &r.col[k][i]);
            expect(cp_slice_is(got, wanted[k]), text);
        }
        bed_release(&bed);
    }
    cp_texts_release(&scratch);
    rig_release(&r);
    done(name);
}

/* ---- Damaged records of every format: nothing may be read or written where it must not be ---- */

static void test_damaged(void)
{
    static const struct cp_format *const formats[] = {
        &cp_format_line, &cp_format_combined, &cp_format_common, &cp_format_logfmt,
        &cp_format_csv,  &cp_format_tsv,      &cp_format_ltsv,   &cp_format_syslog};
    static const char *const seeds[] = {
        "1.2.3.4 - - " WHEN " \"GET /a HTTP/1.1\" 200 12 \"-\" \"x y\"",
        "a=1 b=\"x\\\" y\" c d=",
        "1,\"2\"\"\",,\"x\"",
        "a:1\tb:2\tc:",
        "<165>1 2026-10-11T22:14:15.003Z h su 12 ID47 [a b=\"]\\\"\"] m",
        "May 17 10:05:04 web sshd[1]: x"};

    for (size_t f = 0; f < sizeof(formats) / sizeof(*formats); f++) {
        struct rig r;
        rig_init(&r, formats[f], columns, NULL);
        if (formats[f]->header != NULL)
            rig_header(&r, "a,b,c,d");
        for (int round = 0; round < 20000; round++) {
            char line[512];
            size_t n = strlen(strcpy(line, seeds[below(6)])), at = 0;
            n = mutate(line, mutate(line, n, "\"\\ =,:\t[]<>-\r"), "\"\\ a1");
            n = below(3) == 0 ? below(n + 1) : n;
            char *copy = own_copy(line, n);
            const char *why = rig_decode(&r, copy, n, 3, &at);
            expect(why == NULL || at <= n, "position behind the record");
            if (why == NULL && formats[f]->walk != NULL) {
                struct cp_walk w;
                formats[f]->walk(r.decoder, &r.input, copy, n, &w);
                while (formats[f]->next(&w))
                    expect(w.value.kind != CP_TEXT || w.value.p + w.value.len <= copy + n,
                           "a value behind the record");
            }
            free(copy);
        }
        rig_release(&r);
    }
    done("damaged records of all formats");
}

/* ---- Detection ---- */

static void test_detect(void)
{
    static const struct sample samples[] = {
        {"h - - " WHEN " \"GET /a HTTP/1.1\" 200 12 \"-\" \"x y\"\n", "combined"},
        {"h - - " WHEN " \"GET /a HTTP/1.1\" 200 12\n", "common"},
        {"{\"a\":1}\n{\"b\":[1,2]}\n{\"cut", "json"},
        {"ts=1 level=info msg=\"a b\"\nts=2 level=warn msg=x\n", "logfmt"},
        {"2026-11-20T10:00:00Z level=info msg=x n=1\n", "logfmt"},
        {"a,b,c\n1,2,3\n\"x,y\",2,3\n", "csv"},
        {"a\tb\n1,2\t3\n", "tsv"},
        {"host:1\tstatus:2\nhost:3\tstatus:4\n", "ltsv"},
        {"<38>May 17 10:05:04 web sshd[12]: hi\n", "syslog"},
        {"May 17 10:05:04 web sshd[12]: hi\n", "syslog"},
        {"just some words\nand others\n", "line"},
        {"2026-11-20T10:00:00Z INFO started up\n", "line"},
        {"", "line"},
    };

    for (size_t k = 0; k < sizeof(samples) / sizeof(*samples); k++) {
        char *copy = own_copy(samples[k].record, strlen(samples[k].record));
        expect_text(samples[k].record,
                    cp_format_detect((uint8_t *)copy, strlen(samples[k].record))->name,
                    samples[k].wanted);
        free(copy);
    }
    done("detect: formats of inputs");
}

int main(void)
{
    static const char *const cells[] = {"a", "b", "c", "d", NULL};

    test_frame(CP_FRAME_LINE, "frame: line, every split, all levels");
    test_frame(CP_FRAME_NUL, "frame: nul, every split, all levels");
    test_frame(CP_FRAME_BLANK, "frame: blank, every split, all levels");
    test_frame(CP_FRAME_WHOLE, "frame: whole, every split, all levels");
    test_frame(CP_FRAME_CSV, "frame: csv, every split, all levels");
    test_frame_skip();
    test_combined_samples();
    test_combined_random();
    test_logfmt_samples();
    test_logfmt_random();
    test_csv_samples();
    test_csv_options();
    test_header_names();
    test_csv_random();
    test_syslog();
    test_others();
    test_plan_errors();
    test_probe_range();
    test_probe(&cp_format_combined, combined_fields, NULL,
               "combined: a probe rules out no record that satisfies");
    test_probe(&cp_format_logfmt, abc, NULL, "logfmt: a probe rules out no record that satisfies");
    test_probe(&cp_format_tsv, cells, "a\tb\tc\td",
               "tsv: a probe rules out no record that satisfies");
    test_encode_logfmt();
    test_encode_csv();
    test_encode_table();
    test_round_trip(&cp_format_logfmt, "logfmt: what is written reads back");
    test_round_trip(&cp_format_csv, "csv: what is written reads back");
    test_damaged();
    test_detect();
    printf("1..%d\n", tests);
    return failures > 0;
}
