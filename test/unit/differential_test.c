/* differential_test.c: 100,000 random records of JSON, logfmt and CSV through filters, with and
 * without prefilter, against a naive evaluator that knows what it generated: escapes, \u, blanks,
 * duplicate keys, 5e2, "500", nesting, damage.
 *
 * The generator writes a record and remembers what its fields mean; the evaluator below follows the
 * rules word by word, one record at a time, without any of the program's code. */
#include <stdint.h>

#include "shell.h"

enum { RECORDS = 100000, TEXT = 64 };

/* ---- What a field means ---- */

enum kind { MISSING, NUL, NUMBER, UNTYPED, STRING };

struct field {
    enum kind kind;
    double number;
    char text[TEXT]; /* the spelled number, or the text */
};

struct record {
    struct field status, level, msg, inner; /* inner: req.status */
    bool is_damaged;
};

static uint64_t seed = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

static bool looks_like_number(const char *s, double *d)
{
    char *end;
    if (!*s || !strchr("+-.0123456789", *s) || strpbrk(s, "xXnNiI"))
        return false;
    *d = strtod(s, &end);
    return *end == '\0';
}

/* ---- The evaluator ---- */

/* The order of a field and a number, or 2 where there is none. */
static int order(const struct field *f, const char *number)
{
    double a, b = strtod(number, NULL);
    if (f->kind <= NUL)
        return 2;
    if (f->kind == NUMBER)
        a = f->number;
    else if (!looks_like_number(f->text, &a))
        return strcmp(f->text, number) < 0 ? -1 : strcmp(f->text, number) > 0;
    return a < b ? -1 : a > b;
}

static bool is_text(const struct field *f, const char *text)
{
    return f->kind >= NUMBER && strcmp(f->text, text) == 0;
}

static bool has(const struct field *f, const char *part)
{
    return f->kind >= NUMBER && strstr(f->text, part);
}

static bool ge(const struct field *f, const char *n)
{
    return order(f, n) == 0 || order(f, n) == 1;
}

static bool e_ge(const struct record *r)
{
    return ge(&r->status, "500");
}
static bool e_eq(const struct record *r)
{
    return order(&r->status, "500") == 0;
}
static bool e_lt(const struct record *r)
{
    return order(&r->status, "300") == -1;
}
static bool e_level(const struct record *r)
{
    return is_text(&r->level, "error");
}
static bool e_in(const struct record *r)
{
    return is_text(&r->level, "warn") || is_text(&r->level, "err\"or");
}
static bool e_contains(const struct record *r)
{
    return has(&r->msg, "a/b");
}
static bool e_both(const struct record *r)
{
    return e_ge(r) && e_level(r);
}
static bool e_either(const struct record *r)
{
    return e_eq(r) || e_contains(r) || is_text(&r->level, "d\xc3\xa9j\xc3\xa0");
}
static bool e_not(const struct record *r)
{
    return !is_text(&r->level, "error") && !e_eq(r);
}
static bool e_inner(const struct record *r)
{
    return ge(&r->inner, "400");
}

static const struct expression {
    const char *text;
    bool (*holds)(const struct record *r);
} expressions[] = {
    {"status >= 500", e_ge},
    {"status == 500", e_eq},
    {"status < 300", e_lt},
    {"level == \"error\"", e_level},
    {"level in [\"warn\", \"err\\\"or\"]", e_in},
    {"contains(msg, \"a/b\")", e_contains},
    {"status >= 500 and level == \"error\"", e_both},
    {"status == 500 or contains(msg, \"a/b\") or level == \"d\xc3\xa9j\xc3\xa0\"", e_either},
    {"level != \"error\" and status != 500", e_not},
    {"req.status >= 400", e_inner},
};

/* ---- The generator ---- */

static const char *const numbers[] = {"200",    "500",
                                      "503",    "5e2",
                                      "5.0e2",  "500.0",
                                      "499.99", "0",
                                      "-1",     "404",
                                      "301",    "50000000000000000000",
                                      "1E3",    "500.000000000000000001"};
static const char *const texts[] = {
    "error", "warn",    "info",           "err\"or",     "erro", "errors", "d\xc3\xa9j\xc3\xa0",
    "a/b",   "x a/b y", "tab\there",      "back\\slash", "500",  "5e2",    "abc",
    "500x",  "a\\/b",   "\xe2\x82\xac 5", "line\nbreak"};

#define PICK(v) ((v)[rnd(sizeof(v) / sizeof *(v))])

static struct field number_field(void)
{
    struct field f = {.kind = NUMBER};
    strcpy(f.text, PICK(numbers));
    f.number = strtod(f.text, NULL);
    return f;
}

static struct field text_field(enum kind kind)
{
    struct field f = {.kind = kind};
    strcpy(f.text, PICK(texts));
    return f;
}

static struct field json_field(bool mostly_number)
{
    uint32_t k = rnd(10);
    if (k == 0)
        return (struct field){.kind = NUL};
    return (k < 8) == mostly_number ? number_field() : text_field(STRING);
}

static const struct field *put(struct field *to, struct field f)
{
    *to = f;
    return to;
}

static size_t utf8(const char *s, unsigned *code)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80)
        return *code = u[0], 1;
    if (u[0] < 0xe0)
        return *code = (u[0] & 31u) << 6 | (u[1] & 63u), 2;
    return *code = (u[0] & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u), 3;
}

/* A text as a JSON string, some characters escaped that need not be. */
static char *json_string(char *o, const char *s)
{
    *o++ = '"';
    while (*s) {
        unsigned code;
        size_t n = utf8(s, &code);
        bool must = code < 0x20 || code == '"' || code == '\\';
        if (code == '\n' && rnd(2))
            o += sprintf(o, "\\n");
        else if ((code == '"' || code == '\\' || code == '/') && rnd(2))
            o += sprintf(o, "\\%c", (char)code);
        else if (must || rnd(12) == 0)
            o += sprintf(o, rnd(2) ? "\\u%04x" : "\\u%04X", code);
        else
            memcpy(o, s, n), o += n;
        s += n;
    }
    *o++ = '"';
    return o;
}

static char *blanks(char *o)
{
    while (rnd(8) == 0)
        *o++ = " \t "[rnd(3)];
    return o;
}

static char *json_value(char *o, const struct field *f)
{
    if (f->kind == NUL)
        return o + sprintf(o, "null");
    return f->kind == NUMBER ? o + sprintf(o, "%s", f->text) : json_string(o, f->text);
}

static char *json_member(char *o, const char *key, const struct field *f)
{
    if (o[-1] != '{')
        *o++ = ',';
    o = blanks(o);
    o = rnd(20) == 0 ? json_string(o, key) : o + sprintf(o, "\"%s\"", key);
    o = blanks(o);
    *o++ = ':';
    return json_value(blanks(o), f);
}

static char *json_nested(char *o, struct record *r)
{
    struct field decoy = number_field();
    o += sprintf(o, ",\"req\":{\"x\":[1,{\"status\":999}],\"level\":\"error\"");
    r->inner = json_field(true);
    o = json_member(o, "status", &decoy);
    o = json_member(o, "status", &r->inner);
    *o++ = '}';
    return o;
}

static const char *const json_damage[] = {"}", ",", "\"", "{\"a\":01}", "\x01", "nul"};

static size_t json_record(char *buf, struct record *r)
{
    char *o = buf;
    *o++ = '{';
    o = json_member(o, "id", &(struct field){.kind = NUMBER, .text = "7"});
    if (rnd(5) == 0) {
        r->status = json_field(true);
        o = json_member(o, "status", &r->status); /* a duplicate: the last one counts */
    }
    if (rnd(8) > 0)
        o = json_member(o, "level", put(&r->level, json_field(false)));
    if (rnd(3) == 0)
        o = json_nested(o, r);
    if (rnd(12) > 0)
        o = json_member(o, "status", put(&r->status, json_field(true)));
    if (rnd(4) > 0)
        o = json_member(o, "msg", put(&r->msg, text_field(STRING)));
    o = blanks(o);
    *o++ = '}';
    if (rnd(40) == 0) {
        r->is_damaged = true;
        o += sprintf(o, "%s", PICK(json_damage));
    }
    return (size_t)(o - buf);
}

static struct field untyped_field(bool mostly_number)
{
    struct field f = (rnd(5) > 0) == mostly_number ? number_field() : text_field(UNTYPED);
    f.kind = UNTYPED;
    return f;
}

static char *logfmt_value(char *o, const char *s)
{
    if (!strpbrk(s, " \"\\\t\n=") && rnd(3) > 0)
        return o + sprintf(o, "%s", s);
    *o++ = '"';
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            *o++ = '\\', *o++ = *s;
        else if (*s == '\n')
            *o++ = '\\', *o++ = 'n';
        else
            *o++ = *s;
    }
    *o++ = '"';
    return o;
}

static char *logfmt_pair(char *o, const char *key, const struct field *f)
{
    o += sprintf(o, "%s%s=", rnd(6) ? " " : "  ", key);
    return logfmt_value(o, f->text);
}

static size_t logfmt_record(char *buf, struct record *r)
{
    char *o = buf + sprintf(buf, "id=7");
    if (rnd(5) == 0)
        o = logfmt_pair(o, "status", put(&r->status, untyped_field(true)));
    if (rnd(8) > 0)
        o = logfmt_pair(o, "level", put(&r->level, untyped_field(false)));
    if (rnd(12) > 0)
        o = logfmt_pair(o, "status", put(&r->status, untyped_field(true)));
    if (rnd(4) > 0)
        o = logfmt_pair(o, "msg", put(&r->msg, untyped_field(false)));
    if (rnd(3) == 0)
        o = logfmt_pair(o, "req.status", put(&r->inner, untyped_field(true)));
    if (rnd(40) == 0) {
        r->is_damaged = true;
        o += sprintf(o, rnd(2) ? " x=\"open" : " x=\"a\"b");
    }
    return (size_t)(o - buf);
}

static char *csv_cell(char *o, struct field *f)
{
    bool quoted = strpbrk(f->text, ",\"\n") || rnd(6) == 0;
    if (!quoted)
        return o + sprintf(o, "%s", f->text);
    f->kind = STRING;
    *o++ = '"';
    for (const char *s = f->text; *s; s++) {
        if (*s == '"')
            *o++ = '"';
        *o++ = *s;
    }
    *o++ = '"';
    return o;
}

static size_t csv_record(char *buf, struct record *r)
{
    struct field *cells[] = {&r->status, &r->level, &r->msg, &r->inner};
    char *o = buf + sprintf(buf, "7");
    for (size_t i = 0; i < 4; i++) {
        *o++ = ',';
        *cells[i] = untyped_field(i != 1 && i != 2);
        if (rnd(12) == 0)
            *cells[i] = (struct field){.kind = NUL};
        else
            o = csv_cell(o, cells[i]);
    }
    if (rnd(40) == 0) {
        r->is_damaged = true;
        o += sprintf(o, rnd(2) ? ",more" : ",\"a\"b");
    }
    return (size_t)(o - buf);
}

static const struct format {
    const char *name, *header, *output;
    size_t (*record)(char *buf, struct record *r);
} formats[] = {
    {"json", "", "json", json_record},
    {"logfmt", "", "logfmt", logfmt_record},
    {"csv", "id,status,level,msg,req.status\n", "csv", csv_record},
};

/* ---- The comparison ---- */

static struct record records[RECORDS];
static char *input, *expected;
static size_t starts[RECORDS + 1];

static void generate(const struct format *f)
{
    size_t at = strlen(f->header);
    memcpy(input, f->header, at);
    for (size_t i = 0; i < RECORDS; i++) {
        starts[i] = at;
        records[i] = (struct record){0};
        at += f->record(input + at, &records[i]);
        input[at++] = '\n';
    }
    starts[RECORDS] = at;
    shell_write("input", input, at);
}

static void expect(const struct format *f, const struct expression *x)
{
    size_t n = strlen(f->header);
    memcpy(expected, f->header, n);
    for (size_t i = 0; i < RECORDS; i++) {
        if (records[i].is_damaged || !x->holds(&records[i]))
            continue;
        memcpy(expected + n, input + starts[i], starts[i + 1] - starts[i]);
        n += starts[i + 1] - starts[i];
    }
    shell_write("expected", expected, n);
}

static void compare(const struct format *f, const struct expression *x)
{
    static const char *const ways[] = {"", "--no-prefilter", "TINY"};
    char cmd[2048], what[768], pipeline[512], err[2048];
    snprintf(pipeline, sizeof pipeline, "parse %s | filter %s", f->name, x->text);
    for (size_t w = 0; w < 3; w++) {
        bool tiny = strcmp(ways[w], "TINY") == 0;
        snprintf(cmd, sizeof cmd,
                 "%s \"$CHANPIPE\" run -q -o %s %s -e %s input && cmp out expected >&2",
                 tiny ? "CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3" : "", f->output,
                 tiny ? "" : ways[w], shell_quote(pipeline));
        snprintf(what, sizeof what, "%s %s: equals the naive evaluator", pipeline, ways[w]);
        int status = shell_run(cmd);
        shell_read("err", err, sizeof err);
        shell_ok(status == 0, what, err);
    }
}

/* An argument selects one format. */
int main(int argc, char **argv)
{
    shell_begin();
    setenv("LIMIT", "60", 0);
    input = malloc((size_t)RECORDS * 1024);
    expected = malloc((size_t)RECORDS * 1024);
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        if (argc > 1 && strcmp(argv[1], formats[f].name) != 0)
            continue;
        generate(&formats[f]);
        for (size_t x = 0; x < sizeof expressions / sizeof *expressions; x++) {
            expect(&formats[f], &expressions[x]);
            compare(&formats[f], &expressions[x]);
        }
    }
    free(input);
    free(expected);
    return shell_end();
}
