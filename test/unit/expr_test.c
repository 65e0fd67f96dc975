/* Tests of lib/expr: parsing, names, values of expressions, functions, prefilters. Prints TAP. */
#include "../../lib/expr/expr.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../lib/base/moment.h"
#include "../../lib/data/input.h"
#include "../../lib/data/text.h"
#include "../../lib/expr/function.h"
#include "../../lib/expr/glob.h"
#include "../../lib/expr/net.h"
#include "../../lib/format/json.h"

enum { RECORDS = 64, COLUMNS = 64, ARENA = 1 << 20, MAX_TEXT = 4096, RESULT = 2048 };

static int tests, failures;

static void check(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void check(bool passed, const char *format, ...)
{
    char name[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (char *p = name; *p; p++) /* TAP: one line, no directives */
        if (*p == '\n' || *p == '#')
            *p = ' ';
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tests, name);
    failures += !passed;
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

/* ---- A scope, a batch and an evaluator ---- */

struct bench {
    struct cp_heap heap;
    struct cp_scope scope;
    size_t n_slots;
    struct cp_diags diags;
    struct cp_batch batch;
    struct cp_block block;
    struct cp_input *input;
    struct cp_eval ev;
    uint16_t all[RECORDS];
};

static struct cp_value spelled(struct bench *b, enum cp_kind kind, const char *text, uint8_t flags,
                               enum cp_escape esc)
{
    struct cp_value v = cp_span(kind, cp_heap_copy(&b->heap, text, strlen(text)), strlen(text));

    v.flags = flags;
    v.esc = (uint8_t)esc;
    return v;
}

static void give_field(struct bench *b, const char *name, struct cp_value v)
{
    int slot = cp_scope_new_slot(&b->scope);

    cp_scope_put(&b->scope, cp_slice_of(name), slot);
    for (size_t i = 0; i < RECORDS; i++)
        b->batch.col[slot][i] = v;
}

/* The fields of the tables below; the same in all records. */
static void give_fields(struct bench *b)
{
    give_field(b, "nul", cp_null());
    give_field(b, "miss", (struct cp_value){.kind = CP_MISSING});
    give_field(b, "yes", cp_bool(true));
    give_field(b, "no", cp_bool(false));
    give_field(b, "n", spelled(b, CP_NUMBER, "500", 0, 0));
    give_field(b, "f", spelled(b, CP_NUMBER, "5.50", 0, 0));
    give_field(b, "big", spelled(b, CP_NUMBER, "12345678901234567890", 0, 0));
    give_field(b, "long", spelled(b, CP_NUMBER, "123456789012", 0, 0));
    give_field(b, "u", spelled(b, CP_TEXT, "500", CP_UNTYPED, 0));
    give_field(b, "ue", spelled(b, CP_TEXT, "5e2", CP_UNTYPED, 0));
    give_field(b, "uz", spelled(b, CP_TEXT, "0.0", CP_UNTYPED, 0));
    give_field(b, "ut", spelled(b, CP_TEXT, "abc", CP_UNTYPED, 0));
    give_field(b, "dur", spelled(b, CP_TEXT, "300ms", CP_UNTYPED, 0));
    give_field(b, "q", spelled(b, CP_TEXT, "500", 0, 0));
    give_field(b, "t", spelled(b, CP_TEXT, "hello world", 0, 0));
    give_field(b, "e", spelled(b, CP_TEXT, "a\\\"b\\u00e9", 0, CP_ESC_JSON));
    give_field(b, "e5", spelled(b, CP_TEXT, "\\u0035", 0, CP_ESC_JSON));
    give_field(b, "empty", spelled(b, CP_TEXT, "", 0, 0));
    give_field(b, "ip4", spelled(b, CP_TEXT, "10.1.2.3", CP_UNTYPED, 0));
    give_field(b, "url", spelled(b, CP_TEXT, "https://a.org/p/q?k=v%21", 0, 0));
    give_field(b, "list", spelled(b, CP_LIST, "[1,\"a\",null,[2,3],\"10.0.0.0/8\"]", 0, 0));
    give_field(b, "obj",
               spelled(b, CP_OBJECT, "{\"b\":1,\"c\":{\"d\":\"x\"},\"in\":7,\"k k\":[5,6]}", 0, 0));
    give_field(b, "obj.c", spelled(b, CP_TEXT, "literal", 0, 0));
    give_field(b, "odd name", cp_int(1));
    give_field(b, "stamp", spelled(b, CP_STAMP, "20/Nov/2026:18:47:11 +0000", 0, 0));
    give_field(b, "time", cp_time(INT64_C(1795200431) * CP_NS_PER_SECOND));
    give_field(b, "@v", cp_int(3));
    give_field(b, "count", cp_int(4));
    give_field(b, "_own", cp_int(9));
}

static void bench_init(struct bench *b, size_t arena)
{
    static uint8_t lines[RECORDS * 8 + CP_PAD];

    memset(b, 0, sizeof *b);
    b->scope = (struct cp_scope){.heap = &b->heap,
                                 .n_slots = &b->n_slots,
                                 .failed_slot = CP_NO_SLOT,
                                 .line_slot = CP_NO_SLOT};
    b->batch.col = cp_heap_take(&b->heap, COLUMNS * sizeof *b->batch.col);
    for (size_t c = 0; c < COLUMNS; c++)
        b->batch.col[c] = cp_heap_take(&b->heap, RECORDS * sizeof **b->batch.col);
    b->batch.rec = cp_heap_take(&b->heap, RECORDS * sizeof *b->batch.rec);
    b->batch.arena =
        (struct cp_arena){.base = cp_heap_take(&b->heap, arena + CP_PAD), .cap = arena};
    for (size_t i = 0; i < RECORDS; i++) {
        memcpy(lines + 8 * i, "line 00\n", 8);
        lines[8 * i + 5] = (uint8_t)('0' + i / 10);
        lines[8 * i + 6] = (uint8_t)('0' + i % 10);
        b->batch.rec[i] = (struct cp_record){(uint32_t)(8 * i), 7};
        b->all[i] = (uint16_t)i;
    }
    b->block = (struct cp_block){.data = lines, .cap = sizeof lines - CP_PAD};
    b->batch.block = &b->block;
    b->batch.first_line = 100;
    b->batch.first_offset = 1000;
    b->batch.n = RECORDS;
    b->batch.input = b->input = cp_input_new("a.log", 0);
    cp_eval_init(&b->ev, &b->heap, RECORDS, MAX_TEXT);
}

static void bench_release(struct bench *b)
{
    cp_diags_release(&b->diags);
    cp_input_release(b->input);
    cp_heap_release(&b->heap);
}

static const char *test_var(void *ctx, struct cp_slice name)
{
    (void)ctx;
    return cp_slice_is(name, "limit") ? "400" : NULL;
}

static const char *test_env(void *ctx, struct cp_slice name)
{
    (void)ctx;
    return cp_slice_is(name, "HOME") ? "/home/u" : NULL;
}

static const struct cp_expr_names names = {test_var, test_env, NULL,
                                           INT64_C(1795200000) * CP_NS_PER_SECOND};

static struct cp_text *text_of(struct bench *b, const char *s, size_t n)
{
    struct cp_text *t = cp_heap_take(&b->heap, sizeof *t);
    struct cp_source *source = cp_heap_take(&b->heap, sizeof *source);

    t->s = (struct cp_slice){cp_heap_copy(&b->heap, s, n), n};
    *source = (struct cp_source){"-e", t->s.p, n};
    t->pos = (struct cp_pos){source, 0, n};
    t->verbatim = true;
    return t;
}

/* Parses all of the text and binds it; NULL: there are diagnostics. */
static struct cp_expr *expr_of(struct bench *b, const char *s)
{
    struct cp_lexer *lx = cp_lexer_new(text_of(b, s, strlen(s)), &b->heap, &b->diags);
    struct cp_expr *x = cp_expr_parse(lx);

    if (!x || cp_lexer_expect_end(lx, "an operator") < 0 ||
        cp_expr_bind(x, &b->scope, &names, &b->diags) < 0)
        return NULL;
    cp_eval_prepare(&b->ev, x);
    return x;
}

static const char *first_message(const struct bench *b)
{
    for (size_t i = 0; i < b->diags.n; i++)
        if (b->diags.v[i].severity == CP_ERROR)
            return b->diags.v[i].message;
    return "";
}

/* The value as JSON, or `error: reason`. */
static void show(const struct cp_value *v, const char *reason, char out[RESULT])
{
    if (reason) {
        snprintf(out, RESULT, "error: %s", reason);
        return;
    }
    size_t n = cp_json_format(v, out, RESULT - 1);
    out[n < RESULT ? n : RESULT - 1] = '\0';
}

static bool same(const struct cp_value *a, const struct cp_value *b)
{
    char x[RESULT], y[RESULT];

    show(a, NULL, x);
    show(b, NULL, y);
    return strcmp(x, y) == 0 && a->kind == b->kind && a->flags == b->flags;
}

/* ---- Values of expressions ---- */

struct example {
    const char *expression, *result;
};

static const struct example values[] = {
    /* literals */
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {"12", "12"},
    {"0x1f", "31"},
    {"0xFF", "255"},
    {"0x7fffffffffffffff", "9223372036854775807"},
    {"1.5e3", "1.5e3"},
    {"1.50", "1.50"},
    {".5 + 0", "0.5"},
    {"1e3 + 0", "1000"},
    {"-2", "-2"},
    {"-1.50", "-1.50"},
    {"- 2", "-2"},
    {"--2", "2"},
    {"\"a\\n\\t\\u0041\\x42\\'\\\"\\/\\\\\"", "\"a\\n\\tAB'\\\"/\\\\\""},
    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    {"\"\\ud83d\"", "\"\xef\xbf\xbd\""},
    {"\"\\0\"", "\"\\u0000\""},
    {"'a\\nb\"'", "\"a\\\\nb\\\"\""},
    {"5s", "5"},
    {"250ms", "0.25"},
    {"1h30m", "5400"},
    {"7d", "604800"},
    {"-5s", "-5"},
    {"10MiB", "10485760"},
    {"10K", "10240"},
    {"10kB", "10000"},
    {"5m", "300"},
    {"5M", "5242880"},
    {"2026-11-20", "\"2026-11-20T00:00:00Z\""},
    {"2026-11-20T10:00:00Z", "\"2026-11-20T10:00:00Z\""},
    {"2026-11-20T10:00:00.25+02:00", "\"2026-11-20T08:00:00.250Z\""},
    {"[1, \"a\", null]", "[1,\"a\",null]"},
    {"[]", "[]"},
    {"[n, t]", "[500,\"hello world\"]"},
    {"[[1], [n]]", "[[1],[500]]"},
    /* fields */
    {"n", "500"},
    {".n", "500"},
    {"f", "5.50"},
    {"miss", "null"},
    {"nul", "null"},
    {".\"odd name\"", "1"},
    {"@v", "3"},
    {"count", "4"},
    {"_own", "9"},
    {"obj.b", "1"},
    {"obj[\"b\"]", "1"},
    {"obj.c", "\"literal\""},
    {"obj.c.d", "\"x\""},
    {"obj.in", "7"},
    {"obj.\"k k\"[1]", "6"},
    {"obj[\"k k\"][-1]", "6"},
    {"obj.zz", "null"},
    {"obj.zz.y", "null"},
    {"obj[0]", "null"},
    {"list[0]", "1"},
    {"list[1]", "\"a\""},
    {"list[-2][1]", "3"},
    {"list[9]", "null"},
    {"list[-9]", "null"},
    {"list.b", "null"},
    {"n.b", "null"},
    {"list[0 + 1]", "\"a\""},
    {"list[obj.b]", "\"a\""},
    {"obj[\"b\" .. \"\"]", "1"},
    {"list[t]", "error: the index of a list is no whole number"},
    {"t[0]", "null"},
    {"list[nul]", "null"},
    {"_raw", "\"line 00\""},
    {"_file", "\"a.log\""},
    {"_line", "100"},
    {"_offset", "1000"},
    {"_time", "\"2026-11-20T18:47:11Z\""},
    {"._time", "null"},
    {"_error", "null"},
    {"env.HOME", "\"/home/u\""},
    {"env.NONE", "null"},
    {"var.limit", "400"},
    {".env.HOME", "null"},
    /* arithmetic */
    {"1 + 2 * 3", "7"},
    {"(1 + 2) * 3", "9"},
    {"7 - 2 - 1", "4"},
    {"6 / 3", "2"},
    {"7 / 2", "3.5"},
    {"2 * 3 / 4 * 2", "3"},
    {"7 % 3", "1"},
    {"-7 % 3", "-1"},
    {"7 % -3", "1"},
    {"7.5 % 2", "1.5"},
    {"1 / 0", "error: division by zero"},
    {"1 % 0", "error: division by zero"},
    {"1 / 0.0", "error: division by zero"},
    {"1 + null", "null"},
    {"null * 2", "null"},
    {"-null", "null"},
    {"-miss", "null"},
    {"n + 1", "501"},
    {"u + 1", "501"},
    {"q + 1", "501"},
    {"ue * 2", "1000"},
    {"e5 + 1", "6"},
    {"t + 1", "error: not a number"},
    {"-t", "error: not a number"},
    {"-n", "-500"},
    {"-f", "-5.5"},
    {"yes + 1", "error: not a number"},
    {"list + 1", "error: not a number"},
    {"obj * 1", "error: not a number"},
    {"empty + 1", "error: not a number"},
    {"9223372036854775807 + 1", "9223372036854776000"},
    {"-9223372036854775807 - 2", "-9223372036854776000"},
    {"9223372036854775807 * 2", "18446744073709552000"},
    {"0 - 9223372036854775807 - 1", "-9223372036854775808"},
    {"(0 - 9223372036854775807 - 1) / -1", "9223372036854776000"},
    {"(0 - 9223372036854775807 - 1) % -1", "0"},
    {"1e308 * 10", "error: the result is no finite number"},
    {"0.1 + 0.2", "0.30000000000000004"},
    {"1.5 * 2", "3"},
    {"1e21 + 0", "1e+21"},
    {"-n.b", "null"},
    {"2 * 5s", "10"},
    {"time + 1h", "\"2026-11-20T19:47:11Z\""},
    {"1h + time", "\"2026-11-20T19:47:11Z\""},
    {"time - 1h", "\"2026-11-20T17:47:11Z\""},
    {"time + 0.5", "\"2026-11-20T18:47:11.500Z\""},
    {"stamp - 2026-11-20", "67631"},
    {"time - stamp", "0"},
    {"1h - time", "error: a time takes no part in this"},
    {"time * 2", "error: a time takes no part in this"},
    {"-time", "error: not a number"},
    {"time + time", "error: two times cannot be added"},
    {"time + t", "error: not a duration"},
    {"time + 1e300", "error: the time is out of range"},
    {"time + nul", "null"},
    /* join */
    {"\"a\" .. 1 .. \"b\"", "\"a1b\""},
    {"t .. \"!\"", "\"hello world!\""},
    {"nul .. \"x\" .. miss", "\"x\""},
    {"e .. 1", "\"a\\\"b\xc3\xa9"
               "1\""},
    {"1 .. 2 + 3", "15"}, /* (1 .. 2) + 3 */
    {"list .. \"\"", "\"[1,\\\"a\\\",null,[2,3],\\\"10.0.0.0/8\\\"]\""},
    {"yes .. no", "\"truefalse\""},
    {"time .. \"\"", "\"2026-11-20T18:47:11Z\""},
    /* ?? */
    {"nul ?\? 1", "1"},
    {"miss ?\? nul ?\? 2", "2"},
    {"0 ?\? 1", "0"},
    {"no ?\? 1", "false"},
    {"nul ?\? 0 > 5", "false"},
    {"n ?\? 1/0", "500"},
    {"1/0 ?\? 7", "error: division by zero"},
    {"nul ?\? nul", "null"},
    /* comparing */
    {"n >= 500", "true"},
    {"n > 500", "false"},
    {"n < 500.5", "true"},
    {"500 <= n", "true"},
    {"500 < n", "false"},
    {"n == 500", "true"},
    {"n == 5e2", "true"},
    {"n != 500", "false"},
    {"n == \"500\"", "true"},
    {"n == \"abc\"", "false"},
    {"u == 500", "true"},
    {"u == n", "true"},
    {"u == ue", "true"},
    {"u == \"5e2\"", "false"},
    {"ue == \"500\"", "false"},
    {"ue == 500", "true"},
    {"u == \"500\"", "true"},
    {"q == ue", "false"},
    {"q == 500", "true"},
    {"u < 1000", "true"},
    {"u < \"1000\"", "false"},
    {"u < ut", "true"},
    {"big > long", "true"},
    {"long > 500", "true"},
    {"long == 123456789012", "true"},
    {"big == 12345678901234567890", "true"},
    {"9007199254740993 == 9007199254740992.0", "false"},
    {"ut == \"abc\"", "true"},
    {"ut != \"abc\"", "false"},
    {"ut > 500", "true"},
    {"t == \"hello world\"", "true"},
    {"t == \"hello worle\"", "false"},
    {"t == \"hello\"", "false"},
    {"\"hello world\" == t", "true"},
    {"t != \"hello\"", "true"},
    {"e == \"a\\\"b\\u00e9\"", "true"},
    {"e != \"a\\\"b\\u00e9\"", "false"},
    {"e < \"b\"", "true"},
    {"empty == \"\"", "true"},
    {"t == \"\"", "false"},
    {"nul == null", "true"},
    {"miss == null", "true"},
    {"nul != null", "false"},
    {"nul == 0", "false"},
    {"nul != 0", "true"},
    {"nul == \"\"", "false"},
    {"nul != \"\"", "true"},
    {"nul < 1", "false"},
    {"nul <= null", "false"},
    {"nul >= 0", "false"},
    {"1 > nul", "false"},
    {"n == null", "false"},
    {"yes == true", "true"},
    {"no < yes", "true"},
    {"yes == \"true\"", "true"},
    {"yes == 1", "false"},
    {"yes != 1", "true"},
    {"yes < 2", "false"},
    {"dur == 300ms", "true"},
    {"dur > 2s", "false"},
    {"dur < 1m", "true"},
    {"3 > 2s", "true"},
    {"time == 1795200431", "true"},
    {"time > 2026-11-20", "true"},
    {"time < 2026-11-21", "true"},
    {"stamp == time", "true"},
    {"stamp >= \"2026-11-20T18:47:11Z\"", "true"},
    {"stamp == \"2026-11-20 18:47:11\"", "true"},
    {"list == \"[1]\"", "false"},
    {"[1] == \"[1]\"", "true"},
    {"list == 1", "false"},
    {"list != 1", "true"},
    {"list < 1", "false"},
    {"uz == 0", "true"},
    {"u >= var.limit", "true"},
    {"u < var.limit", "false"},
    {"not n == 1", "true"},
    {"(not n) == 1", "false"},
    /* and, or, not */
    {"n > 1 and t == \"hello world\"", "true"},
    {"n > 1 and no", "false"},
    {"no or n", "true"},
    {"no or nul or uz or empty", "false"},
    {"yes && n", "true"},
    {"no || n", "true"},
    {"not no", "true"},
    {"not not n", "true"},
    {"not nul", "true"},
    {"no and 1/0 > 1", "false"},
    {"yes or 1/0 > 1", "true"},
    {"no or yes and no", "false"},
    {"yes or yes and no", "true"},
    {"not no and yes", "true"},
    {"1/0 == null", "error: division by zero"},
    {"(1/0 == null) .. \"\"", "error: division by zero"},
    {"uz", "0.0"},
    {"not uz", "true"},
    {"not \"false\"", "true"},
    {"not []", "false"},
    /* in */
    {"n in [1, 500]", "true"},
    {"n in [1, 2]", "false"},
    {"u in [500]", "true"},
    {"ut in [\"abc\", \"d\"]", "true"},
    {"ut in [\"abd\", \"ab\"]", "false"},
    {"e in [\"x\", \"a\\\"b\\u00e9\"]", "true"},
    {"nul in [1, null]", "true"},
    {"nul in [1]", "false"},
    {"n in []", "false"},
    {"1 in [n, 1]", "true"},
    {"ip4 in \"10.0.0.0/8\"", "true"},
    {"ip4 in \"11.0.0.0/8\"", "false"},
    {"ip4 in [\"192.168.0.0/16\", \"10.1.0.0/16\"]", "true"},
    {"ip4 in [\"10.1.2.3\"]", "true"},
    {"ip4 in list", "true"},
    {"\"a\" in list", "true"},
    {"2 in list", "false"},
    {"1 in list", "true"},
    {"nul in list", "true"},
    {"t in n", "false"},
    {"ip4 in t", "false"},
    {"not n in [1]", "true"},
    /* regexes and globs */
    {"t =~ /wor/", "true"},
    {"t =~ /WOR/", "false"},
    {"t =~ /WOR/i", "true"},
    {"t =~ /^hello/", "true"},
    {"t =~ /^world/", "false"},
    {"t =~ \"w.rld$\"", "true"},
    {"t =~ \"plain\"", "false"},
    {"t !~ /wor/", "false"},
    {"t !~ /xyz/", "true"},
    {"nul =~ /a/", "false"},
    {"nul !~ /a/", "true"},
    {"n =~ /^5\\d\\d$/", "true"},
    {"e =~ /b\xc3\xa9$/", "true"},
    {"e =~ /b.$/", "false"},
    {"e =~ /b.$/u", "true"},
    {"url =~ /\\/p\\/q/", "true"},
    {"t =~ /(a|b|hello) w/", "true"},
    {"t =~ /hel{2}o/", "true"},
    {"t =~ /x*/", "true"},
    {"t =~ /[/]/", "false"},
    {"\"a\\nb\" =~ /^b/", "false"},
    {"\"a\\nb\" =~ /^b/m", "true"},
    {"\"a\\nb\" =~ /a.b/", "false"},
    {"\"a\\nb\" =~ /a.b/s", "true"},
    {"t ~ \"hello*\"", "true"},
    {"t ~ \"hello\"", "false"},
    {"t ~ \"*world\"", "true"},
    {"t ~ \"*o w*\"", "true"},
    {"t ~ \"h?llo*\"", "true"},
    {"t ~ \"[g-i]ello w[!x]rld\"", "true"},
    {"url ~ \"https*/q?k*\"", "true"},
    {"nul ~ \"*\"", "false"},
    {"empty ~ \"*\"", "true"},
    {"empty ~ \"\"", "true"},
    {"t ~ t", "true"},
    {"t ~ nul", "false"},
    {"e ~ \"a*\"", "true"},
    {"(t =~ /(?<g>w\\w+)/ and g == \"world\") .. g", "\"trueworld\""},
    {"if(t =~ /(?<a>hel)(?<b>z)?/, a .. \"|\" .. (b ?\? \"null\"), \"no\")", "\"hel|null\""},
    {"(t =~ /(?<n>zzz)/) .. n", "\"false500\""},
    {"(t =~ /(?<k>o)/ or t =~ /(?<k>h)/) .. k", "\"trueo\""},
    {"(t =~ /(?<k>zz)/ or t =~ /(?<k>h)/) .. k", "\"trueh\""},
    /* if, coalesce, nulls in functions */
    {"if(n > 1, \"a\", \"b\")", "\"a\""},
    {"if(no, 1/0, 2)", "2"},
    {"if(nul, 1)", "null"},
    {"coalesce(nul, miss, n, 1/0)", "500"},
    {"lower(nul)", "null"},
    {"substr(t, nul)", "null"},
    {"contains(nul, \"a\")", "false"},
    {"contains(t, nul)", "false"},
    {"starts(miss, \"\")", "false"},
    {"ends(t, \"\")", "true"},
    {"cidr(nul, \"10.0.0.0/8\")", "false"},
    {"cidr(ip4, \"10.0.0.0/8\")", "true"},
    {"cidr(ip4, t)", "error: not a block of addresses"},
    {"cidr(\"::ffff:10.0.0.1\", \"10.0.0.0/8\")", "false"},
    {"max(nul, miss)", "null"},
    {"max(n, 5.5)", "500"},
    {"min(f, n)", "5.50"},
    {"type(u)", "\"number\""},
    {"type(ut)", "\"text\""},
    {"type(q)", "\"text\""},
    {"type(obj)", "\"object\""},
    {"type(stamp)", "\"time\""},
    {"type(miss)", "\"null\""},
    {"type(no)", "\"bool\""},
    {"exists(miss)", "false"},
    {"exists(empty)", "true"},
    /* functions on fields */
    {"len(t)", "11"},
    {"len(e)", "4"},
    {"len(list)", "5"},
    {"len(obj)", "4"},
    {"len(empty)", "0"},
    {"lower(\"\\u00c9A\")", "\"\xc3\x89"
                            "a\""},
    {"upper(e)", "\"A\\\"B\xc3\xa9\""},
    {"trim(\"\")", "\"\""},
    {"trim(\"  \")", "\"\""},
    {"substr(t, 20)", "\"\""},
    {"substr(t, -100, 5)", "\"hello\""},
    {"substr(e, 3)", "\"\xc3\xa9\""},
    {"substr(t, 1.5)", "error: not a whole number"},
    {"substr(t, 0, -1)", "error: the number of characters is negative"},
    {"split(t, \" \")", "[\"hello\",\"world\"]"},
    {"split(empty, \",\")", "[\"\"]"},
    {"split(empty, \"\")", "[]"},
    {"split(\",\", \",\")", "[\"\",\"\"]"},
    {"split(\"\\\"x\\\"\", \"x\")", "[\"\\\"\",\"\\\"\"]"},
    {"split(t, \" \")[1]", "\"world\""},
    {"join(split(t, \" \"), \"+\")", "\"hello+world\""},
    {"join(list, \",\")", "\"1,a,,[2,3],10.0.0.0/8\""},
    {"join([e, e], \"\")", "\"a\\\"b\xc3\xa9"
                           "a\\\"b\xc3\xa9\""},
    {"join([], \",\")", "\"\""},
    {"replace(t, \"l\", \"\")", "\"heo word\""},
    {"replace(t, \"zz\", \"y\")", "\"hello world\""},
    {"replace(t, \"\", \"y\")", "\"hello world\""},
    {"replace(t, /o/, \"0\")", "\"hell0 w0rld\""},
    {"replace(t, /(\\w+) (\\w+)/, \"$2 $1\")", "\"world hello\""},
    {"replace(t, /z/, \"$0\")", "\"hello world\""},
    {"replace(t, /o/, \"$9$$\")", "\"hell$9$ w$9$rld\""},
    {"replace(t, /^/, \">\")", "\">hello world\""},
    {"replace(t, /$/, \"<\")", "\"hello world<\""},
    {"replace(\"h\\u00e9\", /x*/u, \"-\")", "\"-h-\xc3\xa9-\""},
    {"match(t, \"o .\")", "\"o w\""},
    {"match(t, /(z)?h/)", "null"},
    {"match(e, /b(.*)/)", "\"\xc3\xa9\""},
    {"match(t, /(l+)(o)/, 2)", "\"o\""},
    {"contains(t, \"o w\")", "true"},
    {"contains(t, \"\")", "true"},
    {"contains(t, t)", "true"},
    {"contains(empty, \"a\")", "false"},
    {"contains(e, \"\\\"b\")", "true"},
    {"contains(n, \"50\")", "true"},
    {"starts(t, \"hello\")", "true"},
    {"starts(t, \"hello world!\")", "false"},
    {"ends(e, \"\\u00e9\")", "true"},
    {"pad(n, -6)", "\"   500\""},
    {"pad(t, 3)", "\"hello world\""},
    {"pad(\"\\u00e9\", 3, \"\\u00e9\")", "\"\xc3\xa9\xc3\xa9\xc3\xa9\""},
    {"pad(\"a\", 8, \"\\u00e9\")", "\"a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\""},
    {"pad(\"a\", -6, \"0\")", "\"00000a\""},
    {"pad(t, 20, \"ab\")", "error: the fill is not one character"},
    {"pad(t, 1e9)", "error: the width is above 100000"},
    {"pad(t, 5000)", "error: text too long"},
    {"hash(n) == hash(\"500\")", "true"},
    {"len(hash(t))", "16"},
    {"urldecode(\"%zz%4\")", "\"%zz%4\""},
    {"urldecode(\"%41%6a+\")", "\"Aj+\""},
    {"b64(\"\")", "\"\""},
    {"b64(\"a\")", "\"YQ==\""},
    {"b64(\"ab\")", "\"YWI=\""},
    {"b64(\"YQ\", \"decode\")", "\"a\""},
    {"b64(b64(t), \"decode\") == t", "true"},
    {"b64(\"A\", \"decode\")", "error: not base64"},
    {"b64(t, \"x\")", "error: b64 encodes or decodes"},
    {"printf(\"%s=%d\", t, n)", "\"hello world=500\""},
    {"printf(\"%5.1f|%-6d|%06.2f|%+d\", 2.25, n, -1.5, 3)", "\"  2.2|500   |-01.50|+3\""},
    {"printf(\"%X %e %g\", 255, 1.5, 0.1)", "\"FF 1.500000e+00 0.1\""},
    {"printf(\"%.3s|\", t)", "\"hel|\""},
    {"printf(\"%4s|\", \"\\u00e9\")", "\"   \xc3\xa9|\""},
    {"printf(\"%d\", t)", "error: not a number"},
    {"printf(\"%d\", nul)", "null"},
    {"printf(t)", "\"hello world\""},
    {"printf(t .. \"%d\")", "error: printf: too few arguments"},
    {"int(f)", "5"},
    {"int(\"-7.9\")", "-7"},
    {"int(ut)", "error: not a number"},
    {"int(1e30)", "1e+30"},
    {"int(big)", "12345678901234567000"},
    {"int(time)", "1795200431"},
    {"float(u)", "500"},
    {"round(f)", "6"},
    {"round(-0.5)", "-1"},
    {"round(2.345, 2)", "2.35"},
    {"round(1e300, 5)", "1e+300"},
    {"round(n, -2)", "500"},
    {"floor(f)", "5"},
    {"ceil(-0.5)", "0"},
    {"abs(-f)", "5.5"},
    {"log(-1)", "error: the result is no finite number"},
    {"bytes(\"1GiB\")", "1073741824"},
    {"bytes(t)", "error: not a size"},
    {"bytes(u)", "500"},
    {"day(stamp)", "\"2026-11-20\""},
    {"hour(time)", "18"},
    {"minute(stamp)", "47"},
    {"hour(\"2026-11-20 07:00:00\")", "7"},
    {"hour(t)", "error: not a time"},
    {"day(1795200431000)", "\"2026-11-20\""},
    {"trunc(time, 1h)", "\"2026-11-20T18:00:00Z\""},
    {"trunc(stamp, 15m)", "\"2026-11-20T18:45:00Z\""},
    {"trunc(time, 1d)", "\"2026-11-20T00:00:00Z\""},
    {"trunc(time, 7d)", "\"2026-11-16T00:00:00Z\""},
    {"trunc(time, \"year\")", "\"2026-01-01T00:00:00Z\""},
    {"trunc(time, \"5m\")", "\"2026-11-20T18:45:00Z\""},
    {"trunc(time, 0)", "error: trunc takes a duration above zero"},
    {"trunc(time)", "error: trunc of a time needs a duration"},
    {"trunc(t, 1h)", "error: neither a number nor a time"},
    {"trunc(f)", "5"},
    {"trunc(-7, 5)", "-10"},
    {"trunc(7.5, 2)", "6"},
    {"strftime(time, \"%H:%M\")", "\"18:47\""},
    {"time(t)", "error: not a time"},
    {"time(stamp) == time", "true"},
    {"time(\"18h\", \"%Hh%M\")", "error: the text does not fit the time format"},
    {"now()", "\"2026-11-20T18:40:00Z\""},
    {"ago(1h)", "\"2026-11-20T17:40:00Z\""},
    {"ago(dur)", "\"2026-11-20T18:39:59.700Z\""},
    {"ago(t)", "error: not a duration"},
    {"ip(ip4)", "\"10.1.2.3\""},
    {"ip(\"fe80::1%eth0\")", "\"fe80::1\""},
    {"host(url)", "\"a.org\""},
    {"host(\"http://[::1]:80/\")", "\"::1\""},
    {"path(url)", "\"/p/q\""},
    {"path(\"http://a\")", "\"/\""},
    {"query(url, \"k\")", "\"v!\""},
    {"query(url)", "\"k=v%21\""},
    {"query(\"/a\")", "null"},
    {"query(\"/a\", \"k\")", "null"},
    {"query(\"/a?%6b=1\", \"k\")", "\"1\""},
    {"json(\"[1,2]\")[0]", "1"},
    {"json(\" 12 \") + 1", "13"},
    {"json(\"\\\"x\\\\ny\\\"\") .. \"\"", "\"x\\ny\""},
    {"json(ut)", "error: not JSON"},
    {"tojson(t)", "\"\\\"hello world\\\"\""},
    {"tojson(obj.b)", "\"1\""},
    {"tojson(nul)", "null"},
    {"keys(obj)", "[\"b\",\"c\",\"in\",\"k k\"]"},
    {"keys(t)", "error: not an object"},
    {"substr(pad(t, 3000) .. pad(t, 3000), 0, 1)", "error: text too long"},
};

/* The truth of what show() wrote. */
static bool is_true(const struct bench *b, const struct cp_value *v, uint16_t i)
{
    return !(b->ev.n_failed && b->ev.reason[i] && cp_is_null(v)) && cp_value_truth(v);
}

static void test_value(const struct example *e)
{
    struct bench b;
    struct cp_value out[RECORDS];
    char got[RESULT], other[RESULT];
    uint16_t keep[RECORDS];
    size_t kept = 0;

    bench_init(&b, ARENA);
    give_fields(&b);
    struct cp_expr *x = expr_of(&b, e->expression);
    if (!x) {
        check(false, "%s: %s", e->expression, first_message(&b));
        bench_release(&b);
        return;
    }
    cp_eval_begin(&b.ev, &b.batch);
    bool ok = cp_expr_eval(x, &b.ev, b.all, RECORDS, out) == CP_EVAL_OK;
    show(&out[0], b.ev.n_failed ? b.ev.reason[0] : NULL, got);
    for (size_t i = 1; i < RECORDS && !strchr("_", e->expression[0]); i++) {
        show(&out[i], b.ev.n_failed ? b.ev.reason[i] : NULL, other);
        ok = ok && strcmp(got, other) == 0;
    }
    size_t expected = is_true(&b, &out[0], 0) ? RECORDS : 0;
    ok = ok && cp_expr_select(x, &b.ev, b.all, RECORDS, keep, &kept) == CP_EVAL_OK &&
         kept == expected;
    ok = ok && !(cp_expr_is_infallible(x) && b.ev.n_failed);
    ok = ok && b.ev.scratch_top == 0 && b.ev.selections_top == 0;
    check(ok && strcmp(got, e->result) == 0, "%s is %s, not %s (%zu true)", e->expression,
          e->result, got, kept);
    bench_release(&b);
}

static void test_values(void)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        test_value(&values[i]);
}

/* Every example of every function; the results are written as JSON, perhaps with escapes. */
static void test_functions(void)
{
    for (const struct cp_function_group *g = cp_function_groups; g->name; g++) {
        for (const struct cp_function *f = g->functions; f->name; f++) {
            check(f->examples[0].expression && f->doc && f->signature &&
                      f->max <= CP_FUNCTION_ARGS && (f->eval || f->op) &&
                      cp_function_find(cp_slice_of(f->name)) == f,
                  "%s is complete", f->name);
            for (size_t i = 0; i < CP_FUNCTION_EXAMPLES && f->examples[i].expression; i++) {
                struct example e = {f->examples[i].expression, f->examples[i].result};
                struct cp_value v;
                size_t at;
                char plain[RESULT];
                if (e.result[0] == '[' ||
                    e.result[0] == '"') { /* \u in the tables is for readers */
                    struct bench b;
                    bench_init(&b, ARENA);
                    char *copy = cp_heap_copy(&b.heap, e.result, strlen(e.result));
                    if (e.result[0] == '"' && !cp_json_value(copy, strlen(copy), &v, &at))
                        plain[cp_json_format(&v, plain, RESULT - 1)] = '\0';
                    else
                        plain[cp_text_decode(strstr(copy, "\\u") ? CP_ESC_JSON : CP_PLAIN, copy,
                                             strlen(copy), plain)] = '\0';
                    e.result = plain;
                    test_value(&e);
                    bench_release(&b);
                    continue;
                }
                test_value(&e);
            }
        }
    }
}

/* ---- Mistakes ---- */

struct mistake {
    const char *text;
    size_t off, len;
    const char *message, *hint;
};

static const struct mistake mistakes[] = {
    {"", 0, 0, "expected a value, but here the expression ends", NULL},
    {"n >", 3, 0, "expected a value, but here the expression ends", NULL},
    {"n > )", 4, 1, "expected a value, not )", NULL},
    {"(n", 0, 1, "no closing )", NULL},
    {"(n]", 2, 1, "expected ), not ]", NULL},
    {"[1, 2", 0, 1, "no closing ]", NULL},
    {"list[1", 4, 1, "no closing ]", NULL},
    {"len(n", 3, 1, "no closing )", NULL},
    {"1 < n < 3", 6, 1, "comparisons do not chain", "write a < b and b < c"},
    {"n == 1 == true", 7, 2, "comparisons do not chain", "write a < b and b < c"},
    {"!n", 0, 1, "! is not used in expressions", "write not"},
    {"n and !n", 6, 1, "! is not used in expressions", "write not"},
    {"n ! 3", 2, 1, "! is not used in expressions", "write not, or != to compare"},
    {"n ? 1 : 2", 2, 1, "?: is not used in expressions", "write if(condition, a, b)"},
    {"$n > 1", 0, 1, "$ is not used in expressions",
     "write n; environment and variables are env.X and var.X"},
    {"n = 3", 2, 1, "a single = does not compare", "write == to compare"},
    {"n == = 3", 5, 1, "expected a value, not =", NULL},
    {"n AND t", 2, 3, "unexpected AND; expected an operator", "write and"},
    {"n n", 2, 1, "unexpected n; expected an operator", NULL},
    {"n not in [1]", 2, 3, "not goes before the whole comparison", "write not x in list"},
    {"n == not t", 5, 3, "not binds less tightly than what is before it",
     "put it in brackets: (not …)"},
    {"n == by", 5, 2, "expected a value, not by", "a field of this name is written .\"by\""},
    {"in == 1", 0, 2, "expected a value, not in", "a field of this name is written .\"in\""},
    {"n > 5k", 4, 2, "5k is no number, duration or size", "K is 1024, kB is 1000"},
    {"5 5x", 2, 2, "5x is no number, duration or size",
     "durations are as in 5s 250ms 1h30m, sizes as in 10K 10MiB 10MB"},
    {"0x", 0, 2, "0x is no number", "0x and hexadecimal digits, at most 0x7fffffffffffffff"},
    {"0xfg", 0, 4, "0xfg is no number", "0x and hexadecimal digits, at most 0x7fffffffffffffff"},
    {"0x8000000000000000", 0, 18, "0x8000000000000000 is no number",
     "0x and hexadecimal digits, at most 0x7fffffffffffffff"},
    {"2026-13-20", 0, 10, "2026-13-20 is no date or time",
     "as in 2026-11-20 or 2026-11-20T10:00:00Z"},
    {"2026-11-20Tx", 0, 12, "2026-11-20Tx is no date or time",
     "as in 2026-11-20 or 2026-11-20T10:00:00Z"},
    {"t == \"a", 5, 1, "no closing \"", NULL},
    {"t == 'a", 5, 1, "no closing '", NULL},
    {"t == \"a\\d\"", 7, 2, "unknown escape \\d",
     "a backslash is \\\\, or quote with '…', which has no escapes"},
    {"t == \"\\u12\"", 6, 2, "unknown escape \\u",
     "a backslash is \\\\, or quote with '…', which has no escapes"},
    {"t == \"\\", 6, 1, "unknown escape \\ ",
     "a backslash is \\\\, or quote with '…', which has no escapes"},
    {"t =~ /abc", 5, 1, "no closing / of the regex", "a / in a regex is written \\/"},
    {"t =~ /a(b/", 9, 1, "regex: missing closing parenthesis", NULL},
    {"t =~ /a/x", 8, 1, "regex: a regex has no flag x, only i m s u", NULL},
    {"t =~ t", 5, 1, "the pattern is neither a regex nor a constant text",
     "as in /^GET/ or \"^GET\""},
    {"t ~ /x/", 4, 3, "~ takes a shell pattern", "write =~ for regular expressions"},
    {"/x/", 0, 3, "a regex is no value", "as in path =~ /^\\/api/"},
    {"t == /x/", 5, 3, "a regex is no value", "as in path =~ /^\\/api/"},
    {"a.0", 1, 2, "a name cannot begin with a digit", "write a[0]"},
    {"n ^ 2", 2, 1, "unexpected ^", NULL},
    {"n > \x01", 4, 1, "unexpected byte 0x01", NULL},
    {"lowr(t)", 0, 4, "there is no function lowr", "did you mean lower?"},
    {"qqqqq(t)", 0, 5, "there is no function qqqqq", "`chanpipe list functions` shows them all"},
    {"a.b(t)", 0, 3, "there is no function a.b", NULL},
    {"sum(n)", 0, 3, "sum is an aggregate: it has no value for one record",
     "aggregates stand in stats, count and top"},
    {"p99.9(n) > 1", 0, 5, "p99.9 is an aggregate: it has no value for one record",
     "aggregates stand in stats, count and top"},
    {"lower()", 0, 7, "lower takes 1 argument, not 0", "lower(text)"},
    {"substr(t)", 0, 9, "substr takes 2 to 3 arguments, not 1", "substr(text, from, count?)"},
    {"min()", 0, 5, "min takes at least 1 argument, not 0", "min(a, b, ...)"},
    {"var.none", 0, 8, "the variable none is not set", "set it with -D name=value or under vars:"},
    {"env.A.B", 0, 7, "env takes one name, as in env.HOME",
     "a field of the record is written with a leading point: .env.x"},
    {"t in \"abc\"", 5, 5, "in takes a list or a block of addresses",
     "as in [\"a\", \"b\"] or \"10.0.0.0/8\"; a part of a text: contains(text, part)"},
    {"n in 5", 5, 1, "in takes a list or a block of addresses", "as in [1, 2]"},
    {"cidr(ip4, \"10.0.0.0/33\")", 10, 13, "not a block of addresses",
     "as in \"10.0.0.0/8\" or \"fe80::/10\""},
    {"match(t, /(a)/, 2)", 16, 1, "the regex has no group of this number", "0 is the whole match"},
    {"printf(\"%q\", n)", 7, 4, "printf has no such conversion",
     "as in %s %d %x %f %5d %-10s %.2f %%"},
    {"printf(\"%d\")", 0, 12, "the format takes 1 values, but 0 are given", NULL},
    {"~uniq", 0, 1, "expected a value, not ~", NULL},
    {".", 0, 1, "expected a value, not .", NULL},
    {"t == \"x\" #", 9, 1, "unexpected #", NULL},
};

static void test_mistakes(void)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];
        struct bench b;
        const struct cp_diag *d = NULL;

        bench_init(&b, ARENA);
        give_fields(&b);
        bool refused = !expr_of(&b, m->text);
        for (size_t k = 0; k < b.diags.n && !d; k++)
            d = b.diags.v[k].severity == CP_ERROR ? &b.diags.v[k] : NULL;
        bool ok = refused && d && b.diags.errors == 1 && strcmp(d->message, m->message) == 0 &&
                  d->pos.off == m->off && d->pos.len == m->len &&
                  (m->hint ? d->hint && strcmp(d->hint, m->hint) == 0 : !d->hint);
        check(ok, "mistake: %s", m->text);
        if (!ok && d)
            printf("# %zu errors, at %zu+%zu: %s (%s)\n", b.diags.errors, d->pos.off, d->pos.len,
                   d->message, d->hint ? d->hint : "no hint");
        bench_release(&b);
    }
}

static void test_depth(void)
{
    static const struct {
        const char *open, *middle, *close;
        size_t n;
        bool fits;
    } cases[] = {
        {"(", "1", ")", 200, true},       {"(", "1", ")", 5000, false},
        {"not ", "1", "", 5000, false},   {"- ", "n", "", 200, true},
        {"- ", "n", "", 5000, false},     {"[", "1", "]", 5000, false},
        {"n + ", "n", "", 200, true},     {"n + ", "n", "", 5000, false},
        {"n or ", "n", "", 5000, true},   {"n ?\? ", "n", "", 5000, true},
        {"t .. ", "t", "", 2000, true},   {"len(", "t", ")", 5000, false},
        {"list[", "0", "]", 5000, false}, {"if(n, ", "1", ")", 5000, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = cases[i].n, open = strlen(cases[i].open), close = strlen(cases[i].close);
        char *text = malloc(n * (open + close) + 8), *p = text;
        struct bench b;
        for (size_t k = 0; k < n; k++, p += open)
            memcpy(p, cases[i].open, open);
        *p++ = cases[i].middle[0];
        for (size_t k = 0; k < n; k++, p += close)
            memcpy(p, cases[i].close, close);
        *p = '\0';
        bench_init(&b, ARENA);
        give_fields(&b);
        bool parsed = expr_of(&b, text) != NULL;
        check(parsed == cases[i].fits && (parsed || strstr(first_message(&b), "levels deep")),
              "%zu times %s", n, cases[i].open);
        bench_release(&b);
        free(text);
    }
}

/* ---- The stages' side of the lexer ---- */

static void test_stage_grammar(void)
{
    struct bench b;
    struct cp_slice name;
    struct cp_expr *const *args;
    uint64_t count;
    size_t n;

    bench_init(&b, ARENA);
    struct cp_lexer *lx =
        cp_lexer_new(text_of(&b, "10 sum(a.b) as total, count by day(time), ~uniq(x) -y", 53),
                     &b.heap, &b.diags);
    check(cp_lexer_accept_count(lx, &count) && count == 10, "a count");
    struct cp_expr *x = cp_expr_parse(lx);
    check(x && cp_expr_call(x, &name, &args, &n) && cp_slice_is(name, "sum") && n == 1,
          "an aggregate is a call");
    check(cp_expr_field_name(x, &name) && cp_slice_is(name, "a.b"), "its field");
    check(cp_lexer_accept_word(lx, "as") && cp_lexer_name(lx, &name) && cp_slice_is(name, "total"),
          "as NAME");
    check(cp_lexer_accept(lx, ","), "a comma");
    x = cp_expr_parse(lx);
    check(x && cp_expr_call(x, &name, &args, &n) && cp_slice_is(name, "count") && n == 0,
          "count alone is a call");
    check(cp_expr_path(x) && cp_slice_is(cp_expr_path(x)->text, "count"), "and a path");
    check(cp_lexer_peek_word(lx, "by") && cp_lexer_accept_word(lx, "by"), "by");
    x = cp_expr_parse(lx);
    check(x && cp_expr_field_name(x, &name) && cp_slice_is(name, "time") && !cp_expr_path(x),
          "day(time)");
    check(cp_expr_pos(x).off == 31 && cp_expr_pos(x).len == 9, "its position");
    check(cp_lexer_accept(lx, ",") && (x = cp_expr_parse(lx)), "~uniq");
    /* ~uniq(x) - y is a difference: what stands before a minus is a value */
    check(x && !cp_expr_call(x, &name, &args, &n) && cp_lexer_at_end(lx), "a minus subtracts");
    lx = cp_lexer_new(text_of(&b, "~uniq(x)", 8), &b.heap, &b.diags);
    x = cp_expr_parse(lx);
    check(x && cp_expr_call(x, &name, &args, &n) && cp_slice_is(name, "~uniq") && n == 1,
          "~uniq(x) is a call");
    lx = cp_lexer_new(text_of(&b, "a.\"b c\"[0] , .\"x.y\" by", 22), &b.heap, &b.diags);
    struct cp_path *path = cp_path_parse(lx);
    check(path && path->n == 3 && cp_slice_is(path->text, "a.b c[0]"), "a path");
    check(cp_lexer_accept(lx, ",") && (path = cp_path_parse(lx)) && path->n == 1 && path->is_own &&
              cp_slice_is(path->text, "x.y"),
          "a quoted path");
    check(!cp_path_parse(lx) && b.diags.errors == 1, "a reserved word is no path");
    bench_release(&b);
}

/* ---- Scopes ---- */

static struct cp_path *path_of(struct bench *b, const char *s)
{
    return cp_path_parse(cp_lexer_new(text_of(b, s, strlen(s)), &b->heap, &b->diags));
}

static struct cp_ref read_path(struct bench *b, const char *s, bool *exists)
{
    return cp_scope_read(&b->scope, path_of(b, s), exists);
}

static bool wants(const struct cp_wants *w, int slot, const char *text, size_t steps)
{
    const struct cp_want *want = cp_wants_find(w, slot);

    return want && cp_slice_is(want->path->text, text) && want->path->n == steps;
}

static void test_open_scope(void)
{
    struct bench b;
    struct cp_wants w = {0};
    struct cp_ref r, again;
    bool exists;

    bench_init(&b, 0);
    b.scope.is_open = true;
    b.scope.wants = &w;
    r = read_path(&b, "a.b", &exists);
    again = read_path(&b, "a.b", &exists);
    check(exists && r.slot >= 0 && r.slot == again.slot && wants(&w, r.slot, "a.b", 2),
          "open: a path is asked for once");
    r = read_path(&b, ".\"a.b\"", &exists);
    check(r.slot != again.slot && wants(&w, r.slot, "a.b", 1),
          "open: a literal key is another want");
    int a = cp_scope_write(&b.scope, CP_SLICE("a"));
    r = read_path(&b, "a.b", &exists);
    check(r.slot < 0 && r.root == a && wants(&w, r.literal, "a.b", 1),
          "open: b in a new a, the literal key before it");
    check(read_path(&b, "a", &exists).slot == a && b.scope.is_changed, "open: a is the new one");
    int literal = cp_scope_write(&b.scope, CP_SLICE("c.d"));
    r = read_path(&b, "c.d", &exists);
    check(r.slot < 0 && r.literal == literal && wants(&w, r.root, "c", 1),
          "open: a listed literal, b in a behind it");
    cp_scope_remove(&b.scope, CP_SLICE("c.d"));
    r = read_path(&b, "c.d", &exists);
    check(r.literal < 0 && wants(&w, r.root, "c", 1), "open: a removed literal leaves b in a");
    cp_scope_remove(&b.scope, CP_SLICE("x"));
    r = read_path(&b, "x", &exists);
    check(exists && r.slot < 0 && r.root < 0, "open: what was removed is null");
    r = read_path(&b, "x.y", &exists);
    check(wants(&w, r.slot, "x.y", 1), "open: of a removed object only the literal is left");
    int x = cp_scope_write(&b.scope, CP_SLICE("x"));
    const struct cp_field *f = &b.scope.fields[b.scope.n - 1];
    check(read_path(&b, "x", &exists).slot == x && !f->key.p,
          "open: written again it is a new key");
    cp_scope_rename(&b.scope, CP_SLICE("from"), CP_SLICE("to"));
    r = read_path(&b, "to", &exists);
    check(wants(&w, r.slot, "from", 1), "open: a renamed field is asked for under its old name");
    check(read_path(&b, "from", &exists).slot < 0, "open: the old name is gone");
    cp_scope_rename(&b.scope, CP_SLICE("to"), CP_SLICE("third"));
    check(read_path(&b, "third", &exists).slot == r.slot && read_path(&b, "to", &exists).slot < 0,
          "open: renamed twice");
    r = read_path(&b, "_time", &exists);
    check(r.meta == CP_META_TIME && wants(&w, r.times[0], "time", 1) &&
              wants(&w, r.times[3], "@timestamp", 1),
          "open: _time looks at four fields");
    r = read_path(&b, "._time", &exists);
    check(r.meta == CP_META_NONE && wants(&w, r.slot, "_time", 1), "open: ._time is the record's");
    cp_scope_close(&b.scope);
    check(read_path(&b, "a", &exists).slot < 0 && !exists, "a closed scope has no fields");
    bench_release(&b);
}

static void test_closed_scope(void)
{
    struct bench b;
    struct cp_wants w = {0};
    struct cp_ref r;
    bool exists;

    bench_init(&b, 0);
    b.scope.wants = &w;
    cp_scope_declare(&b.scope, CP_SLICE("status"));
    cp_scope_declare(&b.scope, CP_SLICE("a.b"));
    cp_scope_declare(&b.scope, CP_SLICE("obj"));
    cp_scope_declare(&b.scope, CP_SLICE("ts"));
    check(w.n == 0, "closed: nothing is asked for yet");
    r = read_path(&b, "status", &exists);
    check(exists && wants(&w, r.slot, "status", 1), "closed: a declared field is asked for");
    r = read_path(&b, "a.b", &exists);
    check(exists && wants(&w, r.slot, "a.b", 1), "closed: a dotted name is a literal");
    r = read_path(&b, "obj.x", &exists);
    check(exists && r.slot < 0 && r.literal < 0 && wants(&w, r.root, "obj", 1), "closed: x in obj");
    r = read_path(&b, "nope", &exists);
    check(!exists && r.slot < 0, "closed: no such field");
    r = read_path(&b, "nope.x", &exists);
    check(!exists && r.slot < 0 && r.root < 0, "closed: no such path");
    cp_scope_rename(&b.scope, CP_SLICE("obj"), CP_SLICE("status"));
    check(b.scope.n == 3 && cp_slice_is(b.scope.fields[1].name, "status"),
          "closed: rename keeps the place, the other goes");
    cp_scope_remove(&b.scope, CP_SLICE("a.b"));
    check(b.scope.n == 2 && !read_path(&b, "a.b", &exists).path->is_own && !exists,
          "closed: removed");
    r = read_path(&b, "_time", &exists);
    check(wants(&w, r.times[0], "ts", 1) && r.times[1] == CP_NO_SLOT,
          "closed: _time reads what there is");
    b.scope.time = CP_SLICE("status");
    r = read_path(&b, "_time", &exists);
    check(wants(&w, r.times[0], "obj", 1) && r.times[1] == CP_NO_SLOT,
          "closed: _time reads the named field");
    b.scope.failed_slot = 7;
    check(read_path(&b, "_error", &exists).slot == 7, "_error of failed records");
    bench_release(&b);
}

/* ---- Prefilters ---- */

static const struct example needs[] = {
    {"status >= 500", "status>=500"},
    {"500 <= status", "status>=500"},
    {"status < 5", "status<5"},
    {"status == 500", "status==500"},
    {"status > 1.5", ""},
    {"dur > 2s", ""},
    {"status != 500", ""},
    {"level == \"error\"", "level:error"},
    {"\"error\" == level", "level:error"},
    {"level != \"error\"", ""},
    {"level == \"500\"", ""},
    {"level == \"2026-11-20\"", ""},
    {"level == \"\"", ""},
    {"level == null", ""},
    {"path == \"/api/users/x\"", "path:users"},
    {"level == \"a\\\"bc\\\\def\\u0001gh\"", "level:def"},
    {"level in [\"a\", \"bb\"]", "level:a level:bb"},
    {"status in [500, \"x\"]", "status==500 status:x"},
    {"level in [\"a\", null]", ""},
    {"level in [\"10.0.0.0/8\"]", ""},
    {"level in \"10.0.0.0/8\"", ""},
    {"contains(msg, \"time out\")", "msg:time out"},
    {"contains(lower(msg), \"x\")", ""},
    {"starts(msg, \"abc\")", "msg:abc"},
    {"ends(msg, \"abc\")", "msg:abc"},
    {"msg =~ /timeout after \\d+/", "msg:timeout after "},
    {"msg =~ /TIMEOUT/i", ""},
    {"msg =~ /a|bcd/", ""},
    {"msg =~ /(a|bcd)efg?/", "msg:ef"},
    {"msg =~ /(a+)+b/", ""},
    {"msg !~ /abc/", ""},
    {"msg ~ \"*abc*de\"", "msg:abc"},
    {"msg ~ \"*a?c*\"", ""},
    {"status >= 500 and level == \"information\"", "level:information"},
    {"level == \"x\" and status >= 500", "status>=500"},
    {"exists(a) and level == \"xy\"", "level:xy"},
    {"status >= 500 or level == \"x\"", "status>=500 level:x"},
    {"status >= 500 or exists(a)", ""},
    {"not status >= 500", ""},
    {"(status ?\? 0) >= 500", ""},
    {"status / 2 > 5 and level == \"x\"", ""},
    {"level == \"x\" and int(status) > 5", ""},
    {"level", ""},
    {"made == \"x\"", ""},
    {"new == \"x\"", "old:x"},
    {"user.id == \"x1\"", "user.id:x1"},
    {"_raw == \"x\"", ""},
    {"if(status >= 500, true)", ""},
};

static void show_needs(const struct cp_expr *x, char out[RESULT])
{
    struct cp_need v[8];
    size_t n = cp_expr_needs(x, v, 8);
    char *p = out;

    *p = '\0';
    for (size_t i = 0; i < n; i++) {
        p += sprintf(p, "%s%.*s", i ? " " : "", (int)v[i].path->text.n, v[i].path->text.p);
        if (v[i].kind == CP_NEED_LITERAL)
            p += sprintf(p, ":%.*s", (int)v[i].literal.n, v[i].literal.p);
        else
            p += sprintf(p, "%s%lld", v[i].op, (long long)v[i].bound);
    }
}

static void test_needs(void)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        struct bench b;
        struct cp_wants w = {0};
        char got[RESULT];

        bench_init(&b, ARENA);
        b.scope.is_open = true;
        b.scope.wants = &w;
        cp_scope_write(&b.scope, CP_SLICE("made"));
        cp_scope_rename(&b.scope, CP_SLICE("old"), CP_SLICE("new"));
        struct cp_expr *x = expr_of(&b, needs[i].expression);
        if (x)
            show_needs(x, got);
        check(x && strcmp(got, needs[i].result) == 0, "needs of %s are [%s], not [%s]",
              needs[i].expression, needs[i].result, x ? got : first_message(&b));
        bench_release(&b);
    }
}

/* ---- Random expressions on random data ---- */

static const char *const fields[] = {"a", "b", "c", "d", "e.f", "g[0]", "_line", "a.x"};
static const char *const constants[] = {
    "0",    "1",     "-3",      "2.5", "\"x\"",  "\"10\"", "\"\"",       "null",
    "true", "false", "\"abc\"", "5s",  "[1, 2]", "500",    "2026-11-20", "\"a\\\"b\""};
static const char *const binary[] = {
    "+", "-", "*", "/", "%", "..", "?\?", "<", "<=", ">", ">=", "==", "!=", "~", "and", "or", "in"};
static const char *const unary_calls[] = {"len",    "lower",  "upper", "int",  "abs",    "type",
                                          "exists", "tojson", "trim",  "hash", "b64",    "keys",
                                          "round",  "ip",     "host",  "day",  "split_", "json"};

static char *put(char *p, const char *s)
{
    size_t n = strlen(s);

    memcpy(p, s, n);
    return p + n;
}

/* Writes a random expression; bounded depth keeps it short. */
static char *random_expr(char *p, int depth)
{
    unsigned kind = depth == 0 ? below(2) : below(10);

    if (kind == 0)
        return put(p, fields[below(sizeof fields / sizeof *fields)]);
    if (kind == 1)
        return put(p, constants[below(sizeof constants / sizeof *constants)]);
    p = put(p, "(");
    if (kind < 6) {
        const char *op = binary[below(sizeof binary / sizeof *binary)];
        p = put(random_expr(p, depth - 1), " ");
        p = put(put(p, op), " ");
        p = strcmp(op, "in") == 0 ? put(p, "[1, \"x\", null, \"10\"]") : random_expr(p, depth - 1);
    } else if (kind == 6) {
        p = random_expr(put(p, "not "), depth - 1);
    } else if (kind == 7) {
        const char *name = unary_calls[below(sizeof unary_calls / sizeof *unary_calls)];
        if (strcmp(name, "split_") == 0)
            p = put(random_expr(put(p, "split("), depth - 1), ", \"b\")[0]");
        else
            p = put(random_expr(put(put(p, name), "("), depth - 1), ")");
    } else if (kind == 8) {
        p = put(random_expr(put(p, "if("), depth - 1), ", ");
        p = put(random_expr(p, depth - 1), ", ");
        p = put(random_expr(p, depth - 1), ")");
    } else {
        static const char *const patterns[] = {"=~ /(?<m>[a-c]+)/", "=~ /1/", "!~ /x|0$/",
                                               "=~ /^\\S+$/"};
        p = put(random_expr(p, depth - 1), " ");
        p = put(p, patterns[below(4)]);
    }
    return put(p, ")");
}

static struct cp_value random_value(struct bench *b)
{
    static const char *const texts[] = {"",      "x",          "abc",      "10",   "1.5",  "0",
                                        "300ms", "2026-11-20", "10.0.0.1", "-7e2", "false"};
    const char *s = texts[below(sizeof texts / sizeof *texts)];

    switch (below(12)) {
    case 0:
        return cp_null();
    case 1:
        return (struct cp_value){.kind = CP_MISSING};
    case 2:
        return cp_bool(below(2));
    case 3:
        return cp_int((int64_t)below(1000) - 500);
    case 4:
        return cp_double(below(100) / 8.0);
    case 5:
        return spelled(b, CP_NUMBER, below(2) ? "500" : "-1.50", 0, 0);
    case 6:
        return cp_time((int64_t)draw() / 4);
    case 7:
        return spelled(b, CP_LIST, "[1,\"x\",{\"f\":2}]", 0, 0);
    case 8:
        return spelled(b, CP_OBJECT, "{\"f\":\"abc\",\"x\":[1]}", 0, 0);
    case 9:
        return spelled(b, CP_TEXT, "a\\\"b\\u0063", 0, CP_ESC_JSON);
    case 10:
        return spelled(b, CP_TEXT, s, 0, 0);
    default:
        return spelled(b, CP_TEXT, s, CP_UNTYPED, 0);
    }
}

static void random_fields(struct bench *b)
{
    static const char *const all[] = {"a", "b", "c", "d", "e", "g", "m"};

    for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
        int slot = cp_scope_new_slot(&b->scope);
        cp_scope_put(&b->scope, cp_slice_of(all[f]), slot);
        for (size_t i = 0; i < RECORDS; i++)
            b->batch.col[slot][i] = random_value(b);
    }
}

/* One record at a time gives what the batch gives: value, error, truth. */
static bool batch_is_records(struct bench *b, const struct cp_expr *x)
{
    struct cp_value together[RECORDS], alone[RECORDS];
    const char *reason[RECORDS];
    uint16_t keep[RECORDS], one;
    size_t kept, hit, next = 0;

    cp_eval_begin(&b->ev, &b->batch);
    if (cp_expr_eval(x, &b->ev, b->all, RECORDS, together) == CP_EVAL_FULL)
        return true; /* test_full is for that */
    memcpy(reason, b->ev.reason, sizeof reason);
    if (b->ev.n_failed > 0 && cp_expr_is_infallible(x))
        return false;
    if (cp_expr_select(x, &b->ev, b->all, RECORDS, keep, &kept) == CP_EVAL_FULL)
        return true;
    for (uint16_t i = 0; i < RECORDS; i++) {
        cp_arena_reset(&b->batch.arena, b->batch.arena.used);
        cp_eval_begin(&b->ev, &b->batch);
        if (cp_expr_eval(x, &b->ev, &i, 1, alone) == CP_EVAL_FULL)
            return true;
        bool is_in = next < kept && keep[next] == i;
        next += is_in;
        if (!same(&together[i], &alone[i]) || reason[i] != b->ev.reason[i] ||
            is_in != cp_value_truth(&alone[i]))
            return false;
        if (cp_expr_select(x, &b->ev, &i, 1, &one, &hit) == CP_EVAL_FULL)
            return true;
        if ((hit == 1) != is_in)
            return false;
    }
    return next == kept;
}

static void test_random(void)
{
    size_t bound = 0, bad = 0;

    for (int round = 0; round < 3000; round++) {
        struct bench b;
        char text[8192];

        bench_init(&b, ARENA);
        random_fields(&b);
        *random_expr(text, 1 + (int)below(4)) = '\0';
        struct cp_expr *x = expr_of(&b, text);
        bound += x != NULL;
        if (x && !batch_is_records(&b, x)) {
            if (bad++ < 5)
                printf("# batch and records differ: %s\n", text);
        }
        bench_release(&b);
    }
    check(bad == 0, "a batch is its records, one by one");
    check(bound > 2000, "%zu random expressions were evaluated", bound);
}

/* A full arena: fewer records, again, give the same values. */
static bool full_is_harmless(struct bench *b, const struct cp_expr *x,
                             const struct cp_value *expected)
{
    struct cp_value out[RECORDS];
    size_t from = 0, n = RECORDS;

    while (from < RECORDS) {
        cp_arena_reset(&b->batch.arena, 0);
        cp_eval_begin(&b->ev, &b->batch);
        if (n > RECORDS - from)
            n = RECORDS - from;
        if (cp_expr_eval(x, &b->ev, b->all + from, n, out) == CP_EVAL_FULL) {
            if (n == 1)
                return false;
            n /= 2;
            continue;
        }
        for (size_t i = from; i < from + n; i++)
            if (!same(&out[i], &expected[i]))
                return false;
        from += n;
    }
    return true;
}

static void test_full(void)
{
    static const char *const texts[] = {
        "a .. b .. c",
        "lower(a) .. upper(b)",
        "printf(\"%s-%s\", a ?\? 1, d ?\? 2)",
        "split(a .. d, \"b\")",
        "[a, b, c, d]",
        "replace(a .. \"xyz\", /[a-z]/, \"<$0>\")",
        "if(a .. b == c .. d, hash(a), tojson(d))",
        "(a .. \"\") in [\"x\" .. d] or b .. \"\" =~ /1(?<m>.)/",
        "join([a, b], tojson(c))",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bench b;
        struct cp_value expected[RECORDS];

        bench_init(&b, ARENA);
        random_fields(&b);
        struct cp_expr *x = expr_of(&b, texts[i]);
        if (!x) {
            check(false, "%s: %s", texts[i], first_message(&b));
            continue;
        }
        cp_eval_begin(&b.ev, &b.batch);
        cp_expr_eval(x, &b.ev, b.all, RECORDS, expected);
        b.batch.arena = (struct cp_arena){.base = cp_heap_take(&b.heap, 256 + CP_PAD), .cap = 256};
        check(full_is_harmless(&b, x, expected) && cp_expr_makes_text(x), "a small arena: %s",
              texts[i]);
        bench_release(&b);
    }
}

/* ---- Hostile input ---- */

static void test_regex_limit(void)
{
    struct bench b;
    struct cp_value out[RECORDS];
    uint16_t first = 0;

    bench_init(&b, ARENA);
    give_field(&b, "s",
               spelled(&b, CP_TEXT,
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 0, 0));
    struct cp_expr *x = expr_of(&b, "s =~ /^(a|aa|a?)+$/");
    cp_eval_begin(&b.ev, &b.batch);
    check(x && !cp_expr_is_infallible(x) && cp_expr_eval(x, &b.ev, &first, 1, out) == CP_EVAL_OK &&
              b.ev.n_failed == 1 && b.ev.reason[0] == cp_regex_limit && out[0].kind == CP_NULL,
          "a regex that would run for ever");
    bench_release(&b);
}

static void parse_anything(const char *p, size_t n)
{
    struct bench b;

    bench_init(&b, 1024);
    give_fields(&b);
    struct cp_lexer *lx = cp_lexer_new(text_of(&b, p, n), &b.heap, &b.diags);
    struct cp_expr *x = cp_expr_parse(lx);
    if (x && cp_expr_bind(x, &b.scope, &names, &b.diags) == 0) {
        struct cp_value out[RECORDS];
        cp_eval_prepare(&b.ev, x);
        cp_eval_begin(&b.ev, &b.batch);
        (void)!cp_expr_eval(x, &b.ev, b.all, RECORDS, out);
    } else if (b.diags.errors == 0) {
        check(false, "nothing said about %.*s", (int)n, p);
    }
    for (size_t i = 0; i < b.diags.n; i++)
        if (b.diags.v[i].pos.off > n || b.diags.v[i].pos.len > n)
            check(false, "a position outside of %.*s", (int)n, p);
    bench_release(&b);
}

static void test_fuzz(void)
{
    static const char *const parts[] = {
        "a",
        "t",
        "n",
        ".",
        "..",
        "(",
        ")",
        "[",
        "]",
        ",",
        "\"x\"",
        "'y'",
        "/a(b)c/",
        "/[/]i",
        "+",
        "-",
        "*",
        "/",
        "%",
        "?\?",
        "==",
        "=~",
        "!~",
        "~",
        "in",
        "not",
        "and",
        "or",
        "12",
        "1.5",
        "5s",
        "1K",
        "<",
        ">=",
        "if(",
        "len(",
        "list",
        "obj",
        ".b",
        "[0]",
        "[-1]",
        "null",
        "true",
        "2026-11-20",
        "~uniq(",
        "$",
        "!",
        "?",
        "=",
        "\\",
        "\"",
        "'",
        "printf(\"%d\",",
        "split(",
        "match(t,/(o)/",
        "replace(t,/o/,\"$0\")",
        "var.limit",
        "env.HOME",
        "_raw",
        "@v",
        "p99.9(",
        "0x",
        "\xc3\xa9",
        "\xff",
    };

    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t n = 0;
        for (unsigned k = below(12); k > 0; k--) {
            const char *s = parts[below(sizeof parts / sizeof *parts)];
            if (n + strlen(s) + 1 >= sizeof text)
                break;
            n = (size_t)(put(text + n, s) - text);
            if (below(3))
                text[n++] = ' ';
        }
        parse_anything(text, n);
    }
    for (int round = 0; round < 10000; round++) {
        char text[64];
        size_t n = below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(below(4) ? 32 + below(95) : draw());
        parse_anything(text, n);
    }
    check(true, "random tokens and bytes");
}

/* ---- Small parts ---- */

static void test_glob(void)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},           {"", "a", false},          {"*", "", true},
        {"**", "abc", true},      {"a*b", "ab", true},       {"a*b", "aXb", true},
        {"a*b", "abX", false},    {"*ab*ab*", "abab", true}, {"*ab*ab*", "ab", false},
        {"ab*ba", "aba", false},  {"?", "a", true},          {"?", "", false},
        {"[a-c]", "b", true},     {"[!a-c]", "b", false},    {"[]a]", "]", true},
        {"[a", "[a", true},       {"\\*", "*", true},        {"\\*", "a", false},
        {"a\\", "a\\", true},     {"*[0-9]?", "x12", true},  {"[a-]", "-", true},
        {"*a*b?", "aabbc", true},
    };
    struct cp_heap heap = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cp_glob *g = cp_glob_new(cp_slice_of(cases[i].pattern), &heap);
        check(cp_glob_matches(g, cp_slice_of(cases[i].text)) == cases[i].matches &&
                  cp_glob_match(cp_slice_of(cases[i].pattern), cp_slice_of(cases[i].text)) ==
                      cases[i].matches,
              "glob %s on %s", cases[i].pattern, cases[i].text);
    }
    cp_heap_release(&heap);
}

static void test_net(void)
{
    static const char *const good[] = {
        "1.2.3.4", "255.255.255.255", "::", "::1", "fe80::1", "::ffff:1.2.3.4"};
    static const char *const bad[] = {"",         "1",        "1.2.3", "1.2.3.256", "01.2.3.4",
                                      "1.2.3.4.", "1.2.3.4x", ":",     ":::",       "g::"};
    struct cp_net net, address;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check(cp_address_parse(cp_slice_of(good[i]), &net), "address %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(!cp_address_parse(cp_slice_of(bad[i]), &net), "no address: %s", bad[i]);
    check(cp_net_parse(CP_SLICE("10.128.0.0/9"), &net) &&
              cp_address_parse(CP_SLICE("10.200.1.1"), &address) && cp_net_contains(&net, &address),
          "inside of a block");
    check(cp_address_parse(CP_SLICE("10.127.1.1"), &address) && !cp_net_contains(&net, &address),
          "outside of it");
    check(cp_net_parse(CP_SLICE("0.0.0.0/0"), &net) && cp_net_contains(&net, &address),
          "everything");
    check(!cp_net_parse(CP_SLICE("1.2.3.4/33"), &net) && !cp_net_parse(CP_SLICE("1.2.3.4/"), &net),
          "no blocks");
}

int main(void)
{
    test_values();
    test_functions();
    test_mistakes();
    test_depth();
    test_stage_grammar();
    test_open_scope();
    test_closed_scope();
    test_needs();
    test_random();
    test_full();
    test_regex_limit();
    test_fuzz();
    test_glob();
    test_net();
    printf("1..%d\n", tests);
    return failures > 0;
}
