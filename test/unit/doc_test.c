/* Tests of lib/plan/doc and words, lib/base/err and diag_print: both forms of a pipeline, their
 * mistakes, limits and round trips. Prints TAP. With CHANPIPE_SHARED set, every file of the YAML
 * test suite there is read too. */
#include "../../lib/plan/doc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../../lib/base/diag_print.h"
#include "../../lib/plan/words.h"

static int tests, failures;

static void check(bool passed, const char *name)
{
    tests++;
    failures += !passed;
    printf("%sok %d - %s\n", passed ? "" : "not ", tests, name);
}

static bool same(const char *got, const char *want)
{
    if (got && strcmp(got, want) == 0)
        return true;
    printf("# got:  %s\n# want: %s\n", got ? got : "(nothing)", want);
    return false;
}

/* ---- Kinds, as the registry has them ---- */

static const char *const names[] = {"count", "discard", "exec",  "file",  "files", "filter", "grep",
                                    "head",  "keep",    "merge", "parse", "route", "set",    "sort",
                                    "stats", "stdout",  "tail",  "tee",   "top"};
enum { N_NAMES = sizeof(names) / sizeof(*names) };

static bool is_kind(struct cp_slice s)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (cp_slice_is(s, names[i]))
            return true;
    return false;
}

static enum cp_args_form args_form(struct cp_slice s)
{
    if (cp_slice_is(s, "grep") || cp_slice_is(s, "parse"))
        return CP_ARGS_WORDS_REGEX;
    if (cp_slice_is(s, "files") || cp_slice_is(s, "file") || cp_slice_is(s, "exec") ||
        cp_slice_is(s, "stdout") || cp_slice_is(s, "discard"))
        return CP_ARGS_WORDS;
    return CP_ARGS_EXPR;
}

static bool has_option(struct cp_slice kind, struct cp_slice key)
{
    return cp_slice_is(kind, "top") && cp_slice_is(key, "count");
}

static enum cp_branches_form branches_form(struct cp_slice kind)
{
    if (cp_slice_is(kind, "route"))
        return CP_BRANCHES_CASES;
    return cp_slice_is(kind, "tee") || cp_slice_is(kind, "merge") ? CP_BRANCHES_PLAIN
                                                                  : CP_BRANCHES_NONE;
}

static const struct cp_kinds kinds = {names,     N_NAMES,    is_kind,
                                      args_form, has_option, branches_form};

/* ---- Reading in one line ---- */

/* The last text read. */
static struct {
    struct cp_heap heap;
    struct cp_doc doc;
    struct cp_diags diags;
    int result;
} last;

static void forget(void)
{
    cp_diags_release(&last.diags);
    cp_heap_release(&last.heap);
}

static void read_bytes(bool is_yaml, const char *text, size_t n)
{
    struct cp_source source = {"x", text, n};

    forget();
    last.result = is_yaml ? cp_doc_read_yaml(&last.doc, &last.heap, source, &kinds, &last.diags)
                          : cp_doc_read_text(&last.doc, &last.heap, source, &kinds, &last.diags);
    cp_diags_sort(&last.diags);
}

static void read_yaml(const char *text)
{
    read_bytes(true, text, strlen(text));
}

static void read_text(const char *text)
{
    read_bytes(false, text, strlen(text));
}

static void show_diags(void)
{
    for (size_t i = 0; i < last.diags.n; i++) {
        size_t line, col;
        cp_pos_line(last.diags.v[i].pos, &line, &col);
        printf("# %zu:%zu: %s\n", line, col, last.diags.v[i].message);
    }
}

/* The last reading failed with `errors` errors; the first is at that place and has these words, its
 * hint those. */
static void check_error(const char *name, size_t errors, size_t line, size_t col, const char *words,
                        const char *hint)
{
    size_t at_line = 0, at_col = 0;
    const struct cp_diag *d = last.diags.n > 0 ? &last.diags.v[0] : NULL;

    if (d)
        cp_pos_line(d->pos, &at_line, &at_col);
    bool passed = last.result < 0 && d && last.diags.errors == errors && at_line == line &&
                  at_col == col && strstr(d->message, words) &&
                  (!hint || (d->hint && strstr(d->hint, hint)));
    if (!passed)
        show_diags();
    check(passed, name);
}

static const char *yaml_of_last(void)
{
    return cp_doc_write_yaml(&last.doc, &last.heap);
}

static const char *text_of_last(void)
{
    struct cp_err err = {0};
    const char *text = cp_doc_write_text(&last.doc, &last.heap, &err);

    if (!text)
        printf("# %s\n", err.message);
    return text;
}

/* The text is read without mistakes and leaves as these. yaml or text NULL: not looked at. */
static void check_forms(const char *name, bool is_yaml, const char *in, const char *yaml,
                        const char *text)
{
    read_bytes(is_yaml, in, strlen(in));
    show_diags();
    bool passed = last.result == 0;
    if (passed && yaml)
        passed = same(yaml_of_last(), yaml);
    if (passed && text)
        passed = same(text_of_last(), text);
    check(passed, name);
}

/* Both forms of the last doc, read again, give the same bytes. Text only where a one-liner can hold
 * it. */
static bool is_stable(void)
{
    struct cp_err err = {0};
    char *yaml = strdup(cp_doc_write_yaml(&last.doc, &last.heap));
    char *text = cp_doc_write_text(&last.doc, &last.heap, &err);
    bool ok = true;

    text = text ? strdup(text) : NULL;
    read_yaml(yaml);
    ok = last.result == 0 && same(yaml_of_last(), yaml) && (!text || same(text_of_last(), text));
    if (ok && text) {
        read_text(text);
        ok = last.result == 0 && same(text_of_last(), text) && same(yaml_of_last(), yaml);
    }
    if (!ok) {
        show_diags();
        printf("# of: %s\n", text ? text : yaml);
    }
    free(yaml);
    free(text);
    return ok;
}

/* ---- base ---- */

static void test_heap(void)
{
    struct cp_heap heap = {0};
    bool ok = true;

    for (size_t n = 0; n < 3000 && ok; n++) {
        char *p = cp_heap_take(&heap, n);
        ok = ((uintptr_t)p & 15) == 0;
        for (size_t i = 0; i < n + 64 && ok; i++)
            ok = p[i] == 0;
        memset(p, 'x', n);
    }
    check(ok, "what a heap gives is zeroed, aligned and padded");
    check(same(cp_heap_copy(&heap, "abcdef", 3), "abc"), "a copy ends in NUL");
    check(same(cp_heap_printf(&heap, "%d-%s", 7, "x"), "7-x"), "printf into a heap");
    cp_heap_release(&heap);
    check(heap.head == NULL && heap.bytes == 0, "a released heap is empty");
}

static void test_err(void)
{
    struct cp_err e = {0};
    char longest[600];

    check(cp_err_set(&e, CP_EXIT_IO, 2, "open %s", "x") == -1 &&
              same(e.message, "open x: No such file or directory"),
          "an error ends with the system's reason");
    cp_err_hint(&e, "look at %d", 5);
    cp_err_set(&e, CP_EXIT_USAGE, 0, "second");
    check(e.exit == CP_EXIT_IO && e.sys == 2 && same(e.hint, "look at 5"), "the first error stays");
    memset(longest, 'x', sizeof(longest));
    memcpy(longest + 509, "\xE2\x82\xAC", 4);
    e = (struct cp_err){0};
    cp_err_set(&e, CP_EXIT_USAGE, 0, "%s", longest);
    check(strlen(e.message) == 509, "a message is cut between code points");
}

static void check_near(const char *word, const char *want)
{
    char name[80];
    const char *near = cp_nearest(word, strlen(word), names, N_NAMES);

    snprintf(name, sizeof(name), "%s is near %s", word, want ? want : "nothing");
    check(want ? near && strcmp(near, want) == 0 : near == NULL, name);
}

static void test_nearest(void)
{
    check_near("fliter", "filter");
    check_near("filtre", "filter");
    check_near("FILTER", "filter");
    check_near("hed", "head");
    check_near("sotr", "sort");
    check_near("discrad", "discard");
    check_near("filt", "filter");
    check_near("stdoutt", "stdout");
    check_near("wc", NULL);
    check_near("x", NULL);
    check_near("", NULL);
    check_near("somethingelse", NULL);
}

static void test_diags(void)
{
    struct cp_source source = {"f", "a\n\xC3\xA9\xC3\xA9 x\r\n", 10};
    struct cp_diags d = {0};
    size_t line, col;

    cp_pos_line((struct cp_pos){&source, 7, 1}, &line, &col);
    check(line == 2 && col == 4, "columns count code points");
    cp_diag_warning(&d, (struct cp_pos){&source, 7, 1}, NULL, "w");
    cp_diag_error(&d, (struct cp_pos){&source, 0, 1}, "h", "e%d", 1);
    cp_diag_error(&d, (struct cp_pos){&source, 0, 1}, NULL, "e2");
    cp_diags_sort(&d);
    check(d.errors == 2 && d.n == 3 && same(d.v[0].message, "e1") && same(d.v[1].message, "e2"),
          "diagnostics are sorted by place and keep their order");
    cp_diags_release(&d);
    for (int i = 0; i < CP_DIAGS_MAX + 5; i++)
        cp_diag_error(&d, (struct cp_pos){0}, NULL, "x");
    check(d.n == CP_DIAGS_MAX && d.errors == CP_DIAGS_MAX + 5,
          "beyond a limit errors are only counted");
    cp_diags_release(&d);
}

static void check_printed(const char *name, const char *text, size_t off, size_t len,
                          const char *message, const char *want)
{
    struct cp_source source = {"f\033", text, strlen(text)};
    struct cp_diags d = {0};
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);

    cp_diag_error(&d, (struct cp_pos){&source, off, len}, "h", "%s", message);
    cp_diags_print(f, &d, false);
    fclose(f);
    check(same(out, want), name);
    free(out);
    cp_diags_release(&d);
}

static void test_diag_print(void)
{
    check_printed("the caret is under the columns", "a\n  bcd e\n", 4, 3, "m",
                  "f\\x1b:2:3: error: m\n    bcd e\n    ^~~\n  hint: h\n");
    check_printed("tabs stay, multi-byte text is counted in code points", "\t\xC3\xA9\xC3\xA9 x", 6,
                  1, "m", "f\\x1b:1:5: error: m\n  \t\xC3\xA9\xC3\xA9 x\n  \t   ^\n  hint: h\n");
    check_printed("escape sequences, bidi marks and bad bytes are shown as text",
                  "\033[2J\xE2\x80\xAE\xFF x", 9, 1, "\033m\n",
                  "f\\x1b:1:8: error: \\x1bm\\n\n  \\x1b[2J\\u{202e}\\xff x\n                      "
                  "^\n  hint: h\n");
    check_printed("the end of the text", "ab", 2, 1, "m",
                  "f\\x1b:1:3: error: m\n  ab\n    ^\n  hint: h\n");
    check_printed("a length beyond the line", "ab\ncd", 1, 4, "m",
                  "f\\x1b:1:2: error: m\n  ab\n   ^\n  hint: h\n");
}

/* ---- product.md ---- */

static const char product_yaml[] =
    "# 5xx by path for nginx or Apache combined logs\n"
    "name: nginx-5xx\n"
    "vars: {log: /var/log/nginx/access.log}\n"
    "defaults: {capacity: 4, on_error: skip}\n"
    "stages:                       # the only required key\n"
    "  - files: ${log}             # left out: FILE operands or stdin\n"
    "  - parse: combined\n"
    "    workers: 2                # one stage key + common keys\n"
    "  - filter: status >= 500\n"
    "  - count by path             # a stage may also be one string: the one-liner's text\n"
    "  - sort: -count\n"
    "  - head: 10                  # left out: the last stage gets stdout\n"
    "tests:\n"
    "  - name: counts by path\n"
    "    input: ['1.2.3.4 - - [20/Nov/2026:18:00:00 +0000] \"GET /a HTTP/1.1\" 500 12 \"-\" "
    "\"x\"']\n"
    "    expect: [{path: /a, count: 1}]\n";

static const char product_canonical[] = "name: nginx-5xx\n"
                                        "vars: {log: /var/log/nginx/access.log}\n"
                                        "defaults: {capacity: 4, on_error: skip}\n"
                                        "stages:\n"
                                        "  - files: ${log}\n"
                                        "  - parse: combined\n"
                                        "    workers: 2\n"
                                        "  - filter: status >= 500\n"
                                        "  - count: by path\n"
                                        "  - sort: -count\n"
                                        "  - head: 10\n"
                                        "tests:\n"
                                        "  - name: counts by path\n"
                                        "    input: ['1.2.3.4 - - [20/Nov/2026:18:00:00 +0000] "
                                        "\"GET /a HTTP/1.1\" 500 12 \"-\" \"x\"']\n"
                                        "    expect: [{path: /a, count: 1}]\n";

static void test_product(void)
{
    struct cp_err err = {0};

    check_forms("the file of product.md", true, product_yaml, product_canonical, NULL);
    check(is_stable(), "the file of product.md is stable");
    read_yaml(product_yaml);
    check(!cp_doc_write_text(&last.doc, &last.heap, &err) &&
              same(err.message, "a one-liner cannot hold name, vars, defaults, tests"),
          "what a one-liner cannot hold is listed");
    check(last.doc.n == 6 && last.doc.items[1].n_settings == 1 &&
              cp_slice_is(last.doc.items[3].args.s, "by path"),
          "the tree of the file of product.md");
    check_forms("the one-liner of product.md", false,
                "parse combined | filter status >= 500 | count by path | sort -count | head 10",
                "stages:\n  - parse: combined\n  - filter: status >= 500\n  - count: by path\n  - "
                "sort: -count\n  - head: 10\n",
                "parse combined | filter status >= 500 | count by path | sort -count | head 10");
    check_forms(
        "block text", true,
        "stages: |\n  parse json   # comment | x\n    | filter a == \"#\"\n  # all\n  | head 3\n",
        NULL, "parse json | filter a == \"#\" | head 3");
    check_forms("the branches of product.md", true,
                "stages:\n"
                "  - tee:                                     # every branch gets every record\n"
                "      - [file all.log]\n"
                "      - [filter level == \"error\", file errors.log]\n"
                "  - route:                                   # the first true case wins\n"
                "      - when: status >= 500\n"
                "        do: file err.log\n"
                "      - when: dur > 2\n"
                "        do: set slow = true\n"
                "      - else: discard\n"
                "  - merge: [[files a.log, parse combined], [files b.log, parse json]]\n",
                "stages:\n"
                "  - tee:\n"
                "      - [file all.log]\n"
                "      - - filter: level == \"error\"\n"
                "        - file: errors.log\n"
                "  - route:\n"
                "      - when: status >= 500\n"
                "        do: file err.log\n"
                "      - when: dur > 2\n"
                "        do: set slow = true\n"
                "      - else: discard\n"
                "  - merge:\n"
                "      - - files: a.log\n"
                "        - parse: combined\n"
                "      - - files: b.log\n"
                "        - parse: json\n",
                "tee { file all.log ; filter level == \"error\" | file errors.log } | "
                "route { status >= 500 => file err.log ; dur > 2 => set slow = true ; else => "
                "discard } | "
                "merge { files a.log | parse combined ; files b.log | parse json }");
    check(is_stable(), "the branches of product.md are stable");
}

/* ---- Text ---- */

static void test_text(void)
{
    check_forms("a pipe in quotes, brackets and regexes is text", false,
                "filter a == \"|\" or b == '|' or c =~ /a|b/ or (d || e) or f[\"|\"]|grep "
                "\"|\"|grep (a|b)|grep /|/i",
                NULL,
                "filter a == \"|\" or b == '|' or c =~ /a|b/ or (d || e) or f[\"|\"] | grep \"|\" "
                "| grep (a|b) | grep /|/i");
    check_forms("|| is an operator", false, "filter a || b | head", NULL, "filter a || b | head");
    check_forms("a slash behind a value divides", false,
                "filter a / b | filter (a) / 2 | set x = a[0] / b / 3 | head", NULL,
                "filter a / b | filter (a) / 2 | set x = a[0] / b / 3 | head");
    check_forms(
        "a slash where a value must stand opens a regex", false,
        "filter a =~ /x|y/ and not b =~ /|/ | set z = if(a in [/|/], \"a/|\", 1) | filter not /|/",
        NULL,
        "filter a =~ /x|y/ and not b =~ /|/ | set z = if(a in [/|/], \"a/|\", 1) | filter not /|/");
    check_forms("a field that is named like an operator", false,
                "filter u.by / 2 | head | filter .in / 3", NULL,
                "filter u.by / 2 | head | filter .in / 3");
    check_forms("a slash in a set does not end a regex", false, "filter a =~ /^[^/|]+$/ | head",
                NULL, "filter a =~ /^[^/|]+$/ | head");
    check_forms("a slash is a path for words", false, "file /var/log/x | discard", NULL,
                "file /var/log/x | discard");
    check_forms("a regex for grep", false, "grep /a b|c/i | head", NULL, "grep /a b|c/i | head");
    check_forms("names", false, "in: parse json | big: filter a > 1",
                "stages:\n  - parse: json\n    name: in\n  - filter: a > 1\n    name: big\n",
                "in: parse json | big: filter a > 1");
    check_forms("settings", false,
                "parse csv with workers=2 header=[a, \"b c\"] on_error={to: \"x y\"} note=\"a | "
                "b\" e=\"\" t=\"true\"",
                "stages:\n  - parse: csv\n    workers: 2\n    header: [a, b c]\n    on_error: {to: "
                "x y}\n    note: a | b\n"
                "    e: ''\n    t: 'true'\n",
                "parse csv with workers=2 header=[a, \"b c\"] on_error={to: \"x y\"} note=\"a | "
                "b\" e=\"\" t=\"true\"");
    check_forms("name as a setting", false, "parse json with name=p workers=2", NULL,
                "p: parse json with workers=2");
    check_forms("with is a word where no k=v follows", false,
                "grep with a | filter with == 1 | keep with | filter x with", NULL,
                "grep with a | filter with == 1 | keep with | filter x with");
    check_forms("blanks are one, but not in quotes", false,
                "filter  a   ==  \"x  y\"  and\tb =~ /c  d/ |grep   a   \"b  c\" /d  e/", NULL,
                "filter a == \"x  y\" and b =~ /c  d/ | grep a \"b  c\" /d  e/");
    check_forms("a # in a single line is text", false, "grep #foo | head",
                "stages:\n  - grep: '#foo'\n  - head\n", "grep #foo | head");
    check_forms("several lines", false, "parse json\r\n | filter a # c\n  == 1 \n| head # x", NULL,
                "parse json | filter a == 1 | head");
    check_forms("a quoted word goes over lines", false,
                "grep \"a\n#\\\"b \" x # c\n | grep k=\"\n\"",
                "stages:\n  - grep: \"\\\"a\\n#\\\\\\\"b \\\" x\"\n  - grep: \"k=\\\"\\n\\\"\"\n",
                "grep \"a\n#\\\"b \" x | grep k=\"\n\"");
    check(is_stable(), "a quoted word that goes over lines is stable");
    check_forms("a stage without arguments", false, "stdout", "stages:\n  - stdout\n", "stdout");
    check_forms("blanks in ${} do not split", false, "files ${X:-a | b} | head with a=${Y:-c d}",
                NULL, NULL);
    check_forms("a byte order mark is passed over", false, "\xEF\xBB\xBFhead 1", NULL, "head 1");
}

static void test_text_errors(void)
{
    read_text("parse json | fliter a == 1 | hed 3");
    check_error("an unknown stage", 2, 1, 14, "there is no stage fliter", "did you mean filter?");
    read_text("");
    check_error("an empty pipeline", 1, 1, 1, "the pipeline is empty", NULL);
    read_text("# only\n# comments\n");
    check_error("nothing but comments", 1, 1, 1, "the pipeline is empty", NULL);
    read_text("head | | tail");
    check_error("a missing stage", 1, 1, 8, "a stage is missing here", NULL);
    read_text("head |");
    check_error("a | at the end", 1, 1, 6, "a stage is missing here", NULL);
    read_text("| head");
    check_error("a | at the start", 1, 1, 1, "a stage is missing before", NULL);
    read_text("filter (a == 1 | head");
    check_error("an open bracket", 1, 1, 8, "no ) closes this (", NULL);
    read_text("grep \"a\n| grep \"b c\"");
    check_error("an open quote with one in the next line", 1, 1, 6, "no \" closes this quote",
                "a quote is closed before a blank, a | or the end");
    read_text("head with a=\"b\nc\"");
    check_error("a value goes over a line", 1, 1, 13, "no \" closes this quote",
                "a quote is closed in its own line");
    read_text("filter a == \"x | head");
    check_error("an open quote", 1, 1, 13, "no \" closes this quote", NULL);
    read_text("filter a == 'x\ny' | head");
    check_error("a quote goes over a line", 1, 1, 13, "no ' closes this quote", NULL);
    read_text("filter a =~ /x | head");
    check_error("an open regex", 1, 1, 13, "no / closes this regex", NULL);
    read_text("grep \"a\"b | head");
    check_error("text behind a quote", 1, 1, 9, "behind the closing quote", NULL);
    read_text("grep /var/log | head");
    check_error("a path where a regex stands", 1, 1, 11, "behind the closing / of this regex",
                "quoted");
    read_text("head: 3");
    check_error("YAML's colon", 1, 1, 5, "a colon behind the kind", NULL);
    read_text("head(3)");
    check_error("no blank behind the kind", 1, 1, 5, "expected a blank", NULL);
    read_text("head 3 with workers=2 workers=3");
    check_error("a setting twice", 1, 1, 23, "workers is set twice", "column 13");
    read_text("head 3 with tail=2");
    check_error("a stage as a setting", 1, 1, 13, "head has no option tail", NULL);
    read_text("head 3 with workers=2 capacity");
    check_error("a setting without value", 1, 1, 23, "expected a setting", NULL);
    read_text("head 3 with workers=");
    check_error("an empty value", 1, 1, 21, "a value is missing", "\"\"");
    read_text("head 3 with on_error={to x}");
    check_error("no colon in a map", 1, 1, 26, "a : is missing", NULL);
    read_text("head 3 with on_error={to: x, to: y}");
    check_error("a key twice in a map", 1, 1, 30, "the key to appears twice", NULL);
    read_text("head 3 with from=[a, b");
    check_error("an open list", 1, 1, 18, "no ] closes this [", NULL);
    read_text("head 3 with name=\"a b\"");
    check_error("a bad name", 1, 1, 19, "no name for a stage", NULL);
    read_text("filter a {b}");
    check_error("braces in expressions", 1, 1, 10, "only tee, merge and route have", NULL);
    read_text("grep a { b");
    check_error("a brace among words", 1, 1, 8, "only tee, merge and route have", "quoted");
    read_text("set a = \"x\033\"");
    check_error("a control byte", 1, 1, 11, "a control byte (0x1b)", NULL);
    read_text("grep \xFF");
    check_error("bad UTF-8", 1, 1, 6, "no text in UTF-8 (0xff)", NULL);
    read_text("parse json\n  | filter x ==\n   \"\xC3\xA9\" \xC3\xA9\xC3\xA9 | fliter");
    check_error("a place in a later line, behind multi-byte text", 1, 3, 13,
                "there is no stage fliter", NULL);
}

/* ---- YAML ---- */

static void test_yaml(void)
{
    check_forms("a stage with null, empty and no value", true,
                "stages:\n  - head:\n  - head: ~\n  - head: ''\n  - head\n  - head: {}\n", NULL,
                "head | head | head | head | head");
    check_forms("a list of expressions", true, "stages:\n  - set: [a = 1, 'b = if(x,1,2)']\n",
                "stages:\n  - set: a = 1, b = if(x,1,2)\n", "set a = 1, b = if(x,1,2)");
    check_forms("a list of words", true,
                "stages:\n  - files: [a.log, b c.log, 'd\"e', /x/y, 'h=1', 'with', '#x', 'k=l m', "
                "'|']\n  - grep: [-i, /a b/, /a b]\n",
                NULL,
                "files a.log \"b c.log\" d\"e /x/y h=1 \"with\" \"#x\" k=\"l m\" \"|\" | grep -i "
                "/a b/ \"/a b\"");
    check_forms("words of several lines", true,
                "stages:\n  - grep: [\"a\\nb\", '#x', \"k=c\\r\\n\\\"d\\\\\"]\n  - tee: "
                "[[grep: [\"};|\\n\"]]]\n",
                "stages:\n  - grep: \"\\\"a\\nb\\\" \\\"#x\\\" "
                "k=\\\"c\\r\\n\\\\\\\"d\\\\\\\\\\\"\"\n"
                "  - tee:\n      - - grep: \"\\\"};|\\n\\\"\"\n",
                "grep \"a\nb\" \"#x\" k=\"c\r\n\\\"d\\\\\" | tee { grep \"};|\n\" }");
    check(is_stable(), "words of several lines are stable");
    read_yaml("stages: ['grep #x', {grep: [\"a\\nb\"]}]\n");
    struct cp_err err = {0};
    check(!cp_doc_write_text(&last.doc, &last.heap, &err) &&
              same(err.message, "a one-liner cannot hold a word that begins with # beside one of "
                                "several lines: a comment there"),
          "a # that several lines would make a comment");
    check_forms("a map", true,
                "stages:\n  - parse: {format: csv, header: [a, b]}\n    workers: 2\n",
                "stages:\n  - parse:\n    format: csv\n    header: [a, b]\n    workers: 2\n",
                "parse with format=csv header=[a, b] workers=2");
    check_forms("with in a map's value", true, "stages:\n  - filter: a == 1 with workers=2\n",
                "stages:\n  - filter: a == 1\n    workers: 2\n", "filter a == 1 with workers=2");
    check_forms("a string with settings and name", true,
                "stages:\n  - 'e: filter a == 1 with workers=2'\n",
                "stages:\n  - filter: a == 1\n    name: e\n    workers: 2\n",
                "e: filter a == 1 with workers=2");
    check_forms("an option named like a kind", true, "stages:\n  - top: 10 path\n    count: 3\n",
                NULL, "top 10 path with count=3");
    check_forms("quotes of all kinds", true,
                "stages:\n  - filter: 'a == ''x'''\n  - filter: \"a == \\\"\\u00e9\\\"\"\n  - "
                "filter: |\n      a == 1 # no\n      and b\n"
                "  - filter: >\n      a ==\n      1\n  - filter: a\n      == 2\n",
                NULL,
                "filter a == 'x' | filter a == \"\xC3\xA9\" | filter a == 1 and b | filter a == 1 "
                "| filter a == 2");
    check_forms("text that YAML must quote", false,
                "filter \"a\" == b | filter x == 'y: z' | filter a == '#' | sort - b | filter [1] "
                "== a | filter @x == 1 | filter a:",
                "stages:\n  - filter: '\"a\" == b'\n  - filter: 'x == ''y: z'''\n  - filter: a == "
                "'#'\n  - sort: '- b'\n"
                "  - filter: '[1] == a'\n  - filter: '@x == 1'\n  - filter: 'a:'\n",
                NULL);
    check_forms("blank and # of an expression", false, "filter a == \"x #\" | filter ~",
                "stages:\n  - filter: 'a == \"x #\"'\n  - filter: '~'\n", NULL);
    check_forms("anchors and aliases", true, "vars: {a: &x 1, b: *x}\nstages: [head: *x]\n",
                "vars: {a: 1, b: 1}\nstages:\n  - head: 1\n", NULL);
    check_forms("null, numbers and quotes in tests", true,
                "stages: [head]\ntests:\n- {name: a, expect: [{a: null, b: ~, c: , d: 'null', e: "
                "'1', f: 1, g: 'x', h: \"true\", i: true}]}\n",
                "stages:\n  - head\ntests:\n  - name: a\n"
                "    expect: [{a: null, b: ~, c: null, d: 'null', e: '1', f: 1, g: x, h: 'true', "
                "i: true}]\n",
                NULL);
    check_forms("block text and long lists in tests", true,
                "stages: [head]\ntests:\n- name: a\n  input: |\n    a b\n\n     c #\n  expect: "
                "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, "
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, {c: d}]\n",
                "stages:\n  - head\ntests:\n  - name: a\n    input: |\n      a b\n\n       c #\n   "
                " expect:\n"
                "      - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n      - "
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n      - {c: d}\n",
                NULL);
    check(is_stable(), "block text and long lists are stable");
    check_forms("a byte order mark and CRLF", true,
                "\xEF\xBB\xBFstages:\r\n  - head: 1\r\n  - tail\r\n", NULL, "head 1 | tail");
    check_forms("a document marker", true, "---\nstages: [head]\n...\n", NULL, "head");
}

static void test_yaml_errors(void)
{
    read_yaml("naem: x\nstages:\n  - fliter: a\n  - head: 3\n    head: 4\n  - head: 1\n    "
              "workers:\ninclude: x\n");
    check_error("all errors in one run", 5, 1, 1, "no key naem", "did you mean name?");
    read_yaml("name: x\n");
    check_error("no stages", 1, 1, 1, "the key stages is missing", NULL);
    read_yaml("");
    check_error("an empty file", 1, 1, 1, "a map with the key stages", "empty");
    read_yaml("- head\n");
    check_error("only a list", 1, 1, 1, "a map with the key stages", "write `stages:`");
    read_yaml("parse json | head\n");
    check_error("only a one-liner", 1, 1, 1, "a map with the key stages", "stages: |");
    read_yaml("stages: []\n");
    check_error("no stage", 1, 1, 9, "is empty", NULL);
    read_yaml("stages:\n  head: 3\n");
    check_error("a map of stages", 1, 2, 3, "stages is a list", "- ");
    read_yaml("head: 3\nstages: [head]\n");
    check_error("a stage at the top", 1, 1, 1, "no key head", "stages:");
    read_yaml("workers: 3\nstages: [head]\n");
    check_error("a common key at the top", 1, 1, 1, "no key workers", "defaults:");
    read_yaml("stages:\n  - hed: 3\n    workers: 2\n");
    check_error("an unknown stage", 1, 2, 5, "there is no stage hed", "did you mean head?");
    read_yaml("stages:\n  - wrokers: 2\n");
    check_error("an unknown common key", 1, 2, 5, "there is no stage wrokers",
                "did you mean workers?");
    read_yaml("stages:\n  - workers: 2\n");
    check_error("an item without stage", 1, 2, 5, "this item has no stage", NULL);
    read_yaml("stages:\n  - head: 3\n    tail: 4\n");
    check_error("two stages in one item", 1, 3, 5, "two stages in one item: head and tail",
                "- tail: ");
    read_yaml("stages:\n  - head: 3\n    workers: 2\n    workers: 3\n");
    check_error("a key twice", 1, 4, 5, "workers appears twice", "line 3");
    read_yaml("stages:\n  - head: 3 with workers=2\n    workers: 3\n");
    check_error("a setting twice", 1, 3, 5, "workers is set twice", "line 2, column 18");
    read_yaml("stages:\n  - head: 3\n    name: a b\n");
    check_error("a bad name", 1, 3, 11, "no name for a stage", NULL);
    read_yaml("stages:\n  - head: 3 | tail\n");
    check_error("two stages in one text", 1, 2, 13, "a | ends this stage", NULL);
    read_yaml("stages:\n  - parse json | head\n");
    check_error("a one-liner as an item", 1, 2, 16, "a | ends this stage", NULL);
    read_yaml("stages:\n  - [head, tail]\n");
    check_error("a list in the list", 1, 2, 5, "a list stands here in place of a stage",
                "below tee");
    read_yaml("stages:\n  -\n");
    check_error("an empty item", 1, 2, 4, "this item is empty", NULL);
    read_yaml("stages: [head]\nvars: {a: [1], b: }\ndefaults: {capactiy: 1}\ntests: {}\n");
    check_error("wrong shapes", 4, 2, 11, "a variable is a text", NULL);
    read_yaml("stages: |\n  parse json\n  | fliter \xC3\xA9\n");
    check_error("an error in block text", 1, 3, 5, "there is no stage fliter", NULL);
    read_yaml("# \xC3\xA9\nstages:\n  - filter: '\xC3\xA9 == ''x'' and (b'\n");
    check_error("an error behind escapes and multi-byte text", 1, 3, 29, "no ) closes this (",
                NULL);
    read_yaml("stages:\n  - filter: \"\\u00e9 == \\\"x\\\" and (b\"\n");
    check_error("an error behind double-quoted escapes", 1, 2, 34, "no ) closes this (", NULL);
    read_yaml("stages:\n  - filter: |\n      a ==\n\n      (b\n");
    check_error("an error in a block", 1, 5, 7, "no ) closes this (", NULL);
    read_yaml("stages:\n  - filter: >-\n      a ==\n      (b\n");
    check_error("an error in a folded block", 1, 4, 7, "no ) closes this (", NULL);
    read_yaml("stages:\n  - filter: a ==\n      (b\n");
    check_error("an error in folded plain text", 1, 3, 7, "no ) closes this (", NULL);
    read_yaml("stages:\n  - set:\n    - a = 1\n    - b = (2\n");
    check_error("an error in a list of arguments", 1, 4, 11, "no ) closes this (", NULL);
    read_yaml("stages: [head]\n---\nstages: [head]\n");
    check_error("a second document", 1, 2, 1, "a second document", NULL);
    read_yaml("stages: [!x head]\nname: {? [a] : b}\n");
    check_error("tags and odd keys", 3, 1, 10, "YAML takes !x for a tag", NULL);
}

static void check_trap(const char *item, size_t col, const char *words, const char *hint)
{
    char text[256], name[128];

    snprintf(text, sizeof(text), "stages:\n  - %s\n  - head: 10\n", item);
    read_yaml(text);
    snprintf(name, sizeof(name), "trap: %.60s", item);
    for (char *p = name; *p; p++)
        *p = *p == '\n' || *p == '#' ? '_' : *p;
    check_error(name, 1, 2 + (strchr(item, '\n') != NULL), col, words, hint);
}

static void test_traps(void)
{
    check_trap("filter: msg =~ /error #\\d+/", 27, "for a comment", "single quotes");
    check_trap("filter: msg == \"a # b\"", 23, "for a comment", "single quotes");
    check_trap("filter msg =~ /error #\\d+/", 26, "for a comment", "single quotes");
    check_trap("filter: !ok", 13, "YAML takes !ok for a tag", "not");
    check_trap("filter: !ok and x", 13, "YAML takes !ok for a tag", "not");
    check_trap("!ok", 5, "for a tag", NULL);
    check_trap("filter: path =~ /(\\d+): /", 27, "`: ` inside a plain text", "single quotes");
    check_trap("filter path =~ /(\\d+): /", 26, "so this text became a map", "single quotes");
    check_trap("filter:\n      path =~ /a: /", 17, "so this text became a map", "single quotes");
    check_trap("set: [a = if(x,1,2)]", 19, "splits at every comma", "single quotes");
    check_trap("filter: [a[0] == 1]", 15, "ends at , [ ] { and }", "single quotes");
    check_trap("filter: \"a\" == b", 17, "begins with a quote ends with it", "'\"a\" == b'");
    check_trap("filter: 'a' == b", 17, "begins with a quote ends with it", NULL);
    check_trap("\"a\" == b", 9, "begins with a quote ends with it", NULL);
    check_trap("[\"a\" b]", 10, "begins with a quote ends with it", NULL);
    check_trap("filter: @x == 1", 13, "cannot begin with @", "single quotes");
    check_trap("filter: `x` == 1", 13, "cannot begin with `", "single quotes");
    check_trap("filter: %x == 1", 13, "cannot begin with %", "single quotes");
    check_trap("filter: *x == 1", 13, "YAML takes *x for an alias", "single quotes");
    check_trap("filter: * == 1", 13, "cannot begin with *", "single quotes");
    check_trap("filter: &x == 1", 13, "YAML takes &x for an anchor", "single quotes");
    check_trap("filter: & == 1", 13, "cannot begin with &", "single quotes");
    check_trap("filter: | x", 13, "cannot begin with |", "single quotes");
    check_trap("filter: > 5", 13, "cannot begin with >", "single quotes");
    check_trap("filter: , x", 13, "cannot begin with ,", "single quotes");
    check_trap("filter: ] x", 13, "cannot begin with ]", "single quotes");
    check_trap("filter: ? x", 13, "cannot begin with ?", "single quotes");
    check_trap("sort: - count", 11, "a list item cannot begin here", "single quotes");
    check_trap("filter: \"\\d\"", 14, "no escape of a text in double quotes", "single quotes");
    check_trap("e: filter a == 1", 5, "NAME: KIND", "name: e");
    check_trap("head: 3\n      workers: 2", 7, "indented too far", "workers");
    check_trap("head: 3\n   workers: 2", 4, "the indentation of this line", NULL);
    check_trap("head: 3\n\t workers: 2", 1, "a tab", "indent with blanks");
    read_yaml("stages:\n  - [x\nname: y\n");
    check(last.result < 0, "trap: an open bracket");
    read_yaml("stages:\n  - filter: \"x\n");
    check_error("trap: an open quote", 1, 2, 13, "no quote closes this one", NULL);
    read_yaml("stages: [parse json, set a = if(x,1,2), head 10]\n");
    check_error("trap: stages in brackets", 1, 1, 35 - 1, "splits at every comma", NULL);
    read_yaml(
        "stages:\n  - parse: json   # fine\n  - filter: a == 1 # fine too\n  - head # fine\n");
    check(last.result == 0 && last.doc.n == 3, "comments behind whole texts are no trap");
    read_yaml("stages\n  - head\n");
    check(last.result < 0 && last.diags.errors == 1, "trap: no colon");
    read_yaml("stages:\n- head\nname x\n");
    check(last.result < 0 && last.diags.errors == 1, "trap: no colon further down");
}

/* ---- Limits ---- */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *repeated(const char *head, const char *part, size_t n, const char *tail)
{
    size_t a = strlen(head), b = strlen(part), c = strlen(tail);
    char *text = malloc(a + b * n + c + 1), *p = text;

    memcpy(p, head, a);
    p += a;
    for (size_t i = 0; i < n; i++, p += b)
        memcpy(p, part, b);
    memcpy(p, tail, c + 1);
    return text;
}

/* What the limits are for: none of these may take long or much, whatever the result. */
static void check_bomb(const char *name, const char *head, const char *part, size_t n,
                       const char *tail, bool must_fail)
{
    char *text = repeated(head, part, n, tail);
    bool ok = true;

    for (int is_yaml = 0; is_yaml < 2; is_yaml++) {
        double start = seconds();
        read_bytes(is_yaml, text, strlen(text));
        double took = seconds() - start;
        ok = ok && took < 10 && last.heap.bytes < ((size_t)40 << 20) &&
             (!must_fail || last.result < 0);
        if (!ok)
            printf("# %s: %.3f s, %zu bytes, result %d\n", is_yaml ? "yaml" : "text", took,
                   last.heap.bytes, last.result);
    }
    check(ok, name);
    free(text);
}

/* A stage of so many bytes and n aliases of it. */
static void check_long_aliases(const char *name, size_t bytes, size_t n, bool must_fail)
{
    char *head = repeated("stages:\n- &a filter a == \"", "x", bytes, "\"\n");

    check_bomb(name, head, "- *a\n", n, "", must_fail);
    check(last.diags.n == must_fail &&
              (!must_fail || strstr(last.diags.v[0].message, "1048576 bytes of text")),
          name);
    free(head);
}

static void test_limits(void)
{
    struct rusage usage;

    check_bomb("100,000 open brackets", "", "[", 100000, "", true);
    check_bomb("100,000 open brackets, a line each", "", "[\n", 100000, "", true);
    check_bomb("1,000,000 open brackets behind a key", "stages: ", "[", 1000000, "", true);
    getrusage(RUSAGE_SELF, &usage);
    check(usage.ru_maxrss < 64 * 1024, "brackets take no memory");
    check_bomb("open braces", "", "{a: ", 100000, "", true);
    check_bomb("lists in lists", "", "- ", 100000, "", true);
    check_bomb("questions", "", "? ", 100000, "", true);
    check_bomb("many items", "a: [", "x, ", 300000, "]", true);
    check_bomb("many stages", "head", " | head", 140000, "", true);
    check_bomb("many stages in a list", "stages:\n", "- head\n", 140000, "", true);
    check_bomb("many keys", "", "a: b\n", 200000, "", true);
    check_bomb("many escapes", "a: \"", "\\n", 500000, "\"", true);
    check_bomb("many tags", "", "%TAG !a! b\n", 90000, "a: b\n", true);
    check_bomb("many anchors", "a: [", "&a b, ", 90000, "]\n", true);
    check_bomb("many aliases", "a: [&a b, ", "*a, ", 200000, "]\n", true);
    check_bomb("many quotes", "foo \"", "\\\"", 500000, "", true);
    check_bomb("many variables", "files ", "${", 500000, "", false);
    check_bomb("many pipes in brackets", "grep (", "|", 900000, ")", false);
    check_bomb("many slashes", "filter ", "/ ", 500000, "", false);
    check_bomb("many settings", "head with ", "a=b ", 250000, "", true);
    check_bomb("many bad items", "stages:\n", "- fo: x\n", 16000, "", true);
    check_bomb("too many bytes", "head ", "x", 1 << 20, "", true);
    check_bomb("brackets of an expression", "filter ", "(", 100000, "", true);
    check_bomb("brackets of a value", "head with a=", "[", 100000, "", true);

    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: "
                               "&c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                               "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e "
                               "[*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                               "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h "
                               "[*g,*g,*g,*g,*g,*g,*g,*g,*g]\ni: &i [*h,*h,*h,*h,*h,*h,*h,*h,*h]\n";
    read_yaml(bomb);
    check_error("an alias bomb", 1, 5, 23, "with its aliases written out", NULL);
    check_long_aliases("aliases of a long text", 500000, 250, true);
    check_long_aliases("aliases of shorter texts", 4000, 100, false);
    read_yaml("stages: &a [*a]\n");
    check_error("an alias inside its anchor", 1, 1, 13, "stands inside what it names", NULL);
    read_bytes(true, "stages: [a\0b]\n", 14);
    check_error("a NUL byte", 1, 1, 11, "a NUL byte", NULL);
    read_yaml("stages: [\"head\\0\"]\n");
    check_error("a NUL by an escape", 1, 1, 10, "a NUL byte", NULL);
    read_yaml("stages:\n- head \xC3\n");
    check_error("bad UTF-8", 1, 2, 8, "no text in UTF-8 (0xc3)", NULL);
    read_yaml("stages:\n- head \033\n");
    check_error("a control byte", 1, 2, 8, "a control byte (0x1b)", NULL);
    read_bytes(true, "\xFF\xFEs\0", 4);
    check_error("UTF-16", 1, 1, 1, "UTF-16", "UTF-8");
    read_yaml("stages:\n- 'set a = \"\\x1b\"'\n- \"set a = \\\"\\e\\\"\"\n");
    check_error("a control byte by an escape", 1, 3, 14, "a control byte (0x1b)", NULL);
}

/* ---- Branches ---- */

static void test_branches_in_text(void)
{
    check_forms("branches with as few blanks as possible", false, "tee{head;tail}|head",
                "stages:\n  - tee:\n      - [head]\n      - [tail]\n  - head\n",
                "tee { head ; tail } | head");
    check_forms(
        "settings and names around and in branches", false,
        "m: merge { a: files a;b: files b with k=v } with by=time max_disorder=5s|head",
        "stages:\n  - merge:\n      - - files: a\n          name: a\n"
        "      - - files: b\n          name: b\n          k: v\n"
        "    name: m\n    by: time\n    max_disorder: 5s\n  - head\n",
        "m: merge { a: files a ; b: files b with k=v } with by=time max_disorder=5s | head");
    check_forms("cases with names, else, and a last ;", false,
                "route { a > 1 => head ; slow: b => x: tail | sort c ; else => discard ; }",
                "stages:\n  - route:\n      - when: a > 1\n        do: head\n"
                "      - when: b\n        name: slow\n        do:\n          - tail:\n"
                "            name: x\n          - sort: c\n      - else: discard\n",
                "route { a > 1 => head ; slow: b => x: tail | sort c ; else => discard }");
    check_forms("=> is no part of >= > and ==", false,
                "route{a>=1=>head;a==b=>head;a>b=>head;a ==>b=>head}", NULL,
                "route { a>=1 => head ; a==b => head ; a>b => head ; a ==>b => head }");
    check_forms("; } => and | in quotes, regexes and brackets", false,
                "route { a == \";}=>|\" and b =~ /;}=>|\\// or c['=>'] || (d => e ; f) => set x = "
                "\"}\", y = /;/ ; else => grep \"}\" /;}|/i (a;b|c) {a,b}x ${X:-a;b} k=\";\"; }",
                NULL,
                "route { a == \";}=>|\" and b =~ /;}=>|\\// or c['=>'] || (d => e ; f) => set x = "
                "\"}\", y = /;/ ; else => grep \"}\" /;}|/i (a;b|c) {a,b}x ${X:-a;b} k=\";\" }");
    check_forms("a ; or } behind a word ends it in branches only", false,
                "grep a;b }c | tee { grep a;grep b|grep {c}}", NULL,
                "grep a;b }c | tee { grep a ; grep b | grep {c} }");
    check_forms(
        "values of settings in branches", false,
        "tee { head with a=x;tail with b=\"x;\" c=\"}\" d=[1;2, \"a }\"] e=${X:-;} f={k: v}} "
        "with g=; h=}",
        NULL,
        "tee { head with a=x ; tail with b=\"x;\" c=\"}\" d=[1;2, \"a }\"] e=${X:-;} f={k: "
        "v} } with g=; h=}");
    check_forms("branches in branches", false,
                "tee { tee { head ; route { a => tail ; else => merge { files a ; files b } } } ; "
                "head } | head",
                "stages:\n  - tee:\n      - - tee:\n            - [head]\n            - - route:\n"
                "                  - when: a\n                    do: tail\n"
                "                  - else:\n                      - merge:\n"
                "                          - [files a]\n                          - [files b]\n"
                "      - [head]\n  - head\n",
                "tee { tee { head ; route { a => tail ; else => merge { files a ; files b } } } ; "
                "head } | head");
    check_forms("several lines and comments", false,
                "parse json\n| route { # a ; }\n  # =>\n  a # x\n   == 1 => # b\n    head # c; "
                "}\n   | tail\n  ;\n  else =>\n    discard # }\n} | head\n",
                NULL, "parse json | route { a == 1 => head | tail ; else => discard } | head");
    check_forms("from: names, lists, cases", false,
                "r: route { e: a => head } | tail with from=r.e | sort with from=[r, r.e, r.else]",
                "stages:\n  - route:\n      - when: a\n        name: e\n        do: head\n"
                "    name: r\n  - tail:\n    from: r.e\n  - sort:\n    from: [r, r.e, r.else]\n",
                "r: route { e: a => head } | tail with from=r.e | sort with from=[r, r.e, r.else]");
    check(is_stable(), "from is stable");
}

static void test_branches_in_yaml(void)
{
    check_forms(
        "a branch is a list, a map or a text", true,
        "stages:\n- tee:\n  - [head, tail: 3]\n  - head: 5\n    name: x\n  - filter a | head "
        "# c\n  - |\n    tail # c\n    | head\n  - - head\n    - tail\n",
        NULL, "tee { head | tail 3 ; x: head 5 ; filter a | head ; tail | head ; head | tail }");
    check_forms("the text of branches", true,
                "stages:\n- tee: '{ head ; tail }'\n  name: x\n- 'tee { head } with a=b'\n- route: "
                "|\n    { a => head\n    ; else => tail }\n",
                NULL,
                "x: tee { head ; tail } | tee { head } with a=b | route { a => head ; else => tail "
                "}");
    check_forms("keys of a case in any order, and a case in { }", true,
                "stages:\n- route:\n  - do: [head]\n    name: x\n    when: |\n      a\n       == "
                "1\n  - {when: 'b', do: {head: 3}}\n  - else: [tail: 1]\n",
                NULL, "route { x: a == 1 => head ; b => head 3 ; else => tail 1 }");
    check_forms("what YAML must quote", false,
                "route { [1] == a => grep \"a: b\" ; a == \" #\" => set a = b, c = [1] ; ~ => head "
                "} | tee { set a = b, c = d ; grep {a} ; head }",
                "stages:\n  - route:\n      - when: '[1] == a'\n        do: 'grep \"a: b\"'\n"
                "      - when: 'a == \" #\"'\n        do: set a = b, c = [1]\n"
                "      - when: '~'\n        do: head\n  - tee:\n      - - set: a = b, c = d\n"
                "      - - grep: '{a}'\n      - [head]\n",
                NULL);
    check(is_stable(), "what YAML must quote is stable");
    check_forms("words of lists inside branches", true,
                "stages:\n- files: [a;b, 'x}']\n- tee: [[files: [a;b, 'x}', 'k=;']]]\n", NULL,
                "files a;b x} | tee { files \"a;b\" \"x}\" k=\";\" }");
    check(is_stable(), "words of lists inside branches are stable");
}

/* The stages of branches know their places. */
static void test_branch_tree(void)
{
    read_text("head | r: route { x: a > 1 => tail | sort b ; else => top 3 } with k=v");
    const struct cp_item *item = &last.doc.items[1];
    bool ok = last.result == 0 && last.doc.n == 2 && item->n_branches == 2 && item->args.s.n == 0;
    check(ok && item->branches[0].n == 2 && !item->branches[0].is_else &&
              cp_slice_is(item->branches[0].name.s, "x") &&
              cp_slice_is(item->branches[0].when.s, "a > 1") && item->branches[1].is_else &&
              item->branches[1].when.s.n == 0 && item->branches[1].name.s.n == 0,
          "the tree of branches");
    check(ok && item->branches[0].pos.off == 18 && item->branches[0].name.pos.off == 18 &&
              item->branches[0].when.pos.off == 21 &&
              item->branches[0].items[1].kind.pos.off == 37 && item->branches[1].pos.off == 46 &&
              item->args.pos.off == 16,
          "the places of branches in a one-liner");
    read_yaml("stages:\n- route:\n  - when: a\n    do: [head, tail]\n  - else: |-\n      sort b\n  "
              "    | top 3\n");
    item = &last.doc.items[0];
    ok = last.result == 0 && item->n_branches == 2 && item->branches[1].n == 2;
    check(ok && item->branches[0].pos.off == 21 && item->branches[0].when.pos.off == 27 &&
              item->branches[0].items[1].kind.pos.off == 44 &&
              item->branches[1].items[1].kind.pos.off == 84,
          "the places of branches in a file");
    read_text("tee { fliter a | tail ; head } | top 3");
    check(last.result < 0 && last.doc.n == 2 && last.doc.items[0].n_branches == 2 &&
              last.doc.items[0].branches[0].n == 1,
          "what could be understood of branches is there");
}

static void check_text_error(const char *text, size_t errors, size_t col, const char *words,
                             const char *hint)
{
    read_text(text);
    check_error(text, errors, 1, col, words, hint);
}

static void test_branch_text_errors(void)
{
    check_text_error("tee { head ; fliter a | sotr b } | hed", 3, 14, "no stage fliter", "filter?");
    check_text_error("rute { a => head }", 1, 1, "there is no stage rute", "route?");
    check_text_error("head | tee | head", 1, 8, "tee has no branches", "tee { STAGE");
    check_text_error("route", 1, 1, "route has no branches", "route { CONDITION => ");
    check_text_error("tee file x", 1, 5, "expected { and the branches of tee", NULL);
    check_text_error("tee: { head }", 1, 4, "a colon behind the kind", NULL);
    check_text_error("tee { }", 1, 5, "no branch in these braces", NULL);
    check_text_error("tee { status >= 500 => head ; tail }", 1, 7,
                     "a branch of tee has no condition", "route has cases: route {");
    check_text_error("tee { head ; .a => head }", 1, 14, "a branch of tee has no condition",
                     "route");
    check_text_error("merge { a =~ /x/ => head }", 1, 9, "a branch of merge has no", "route");
    check_text_error("tee { nope \"=>\" ; head }", 1, 7, "there is no stage nope", NULL);
    check_forms("=> among the words of a branch", false, "tee { grep => ; x: grep \"=>\" }", NULL,
                "tee { grep => ; x: grep \"=>\" }");
    read_text("route { a => head ; els => tail }");
    check(last.result == 0 && last.diags.n == 1 &&
              strstr(last.diags.v[0].message, "whose field els") &&
              same(last.diags.v[0].hint, "did you mean else?"),
          "a word like else may be meant so");
    read_text("route { a => head ; e => tail ; level => sort b }");
    check(last.result == 0 && last.diags.n == 0, "other words are fields");
    check_text_error("tee { head", 1, 5, "no } closes this {", NULL);
    check_text_error("tee { head ; ", 1, 5, "no } closes this {", NULL);
    check_text_error("tee { tee { head } ; head", 1, 5, "no } closes this {", NULL);
    check_text_error("tee { tee { head ; head", 1, 11, "no } closes this {", NULL);
    check_text_error("tee { head with a=[b", 1, 19, "no ] closes this [", NULL);
    check_text_error("tee { filter (a ; head }", 1, 14, "no ) closes this (", NULL);
    check_text_error("tee { filter a == \"x ; head }", 1, 19, "no \" closes this quote", NULL);
    check_text_error("tee { ; head }", 1, 7, "this branch has no stages", NULL);
    check_text_error("tee { head ;; tail }", 1, 13, "this branch has no stages", NULL);
    check_text_error("tee { | head }", 1, 7, "a stage is missing before this |", NULL);
    check_text_error("tee { head | ; tail }", 1, 14, "a stage is missing here", NULL);
    check_text_error("tee { head | }", 1, 14, "a stage is missing here", NULL);
    check_text_error("tee { head } x", 1, 14, "the end of the stage behind the }", "with key");
    check_text_error("tee { head } }", 1, 14, "the end of the stage behind the }", NULL);
    check_text_error("tee { head with on_error={to x} ; tail } | hed", 2, 30, "a : is missing",
                     NULL);
    check_text_error("tee { head with a=b; tail with a=b a=c }", 1, 36, "a is set twice", NULL);
    check_text_error("route { a ; else => head }", 1, 11, "expected => and stages", NULL);
    check_text_error("route { a | file x ; b => hed }", 2, 11, "expected => and stages", NULL);
    check_text_error("route { a", 1, 9, "expected => and stages", NULL);
    check_text_error("route { a => head", 1, 7, "no } closes this {", NULL);
    check_text_error("route { => head }", 1, 9, "a condition is missing", NULL);
    check_text_error("route { x: => head }", 1, 12, "a condition is missing", NULL);
    check_text_error("route { a => ; b => head }", 1, 14, "this branch has no stages", NULL);
    check_text_error("route { a >=> head }", 1, 20, "expected => and stages", NULL);
    check_text_error("route { else => head ; a => tail }", 1, 9, "else is the last case", NULL);
    check_text_error("route { else => head ; else => tail }", 1, 24, "else stands here twice",
                     "column 9");
    check_text_error("route { x: else => head }", 1, 9, "else has no name", NULL);
    check_text_error("route { else: head }", 1, 9, "else is no name for a case", NULL);
    check_text_error("route { x: a => head ; x: b => tail }", 1, 24, "two cases are named x",
                     "column 9");
    check_text_error("a: head | tee { a: head ; b: tail } | b: head", 2, 17,
                     "two stages are named a", "line 1, column 1");
    check_text_error("tee { set a = ${X} }", 1, 15, "${X} is not replaced", NULL);
    read_text("tee {\n  head # }\n  ; tail\n  | fliter\n");
    check_error("a mistake and an open brace", 2, 1, 5, "no } closes this {", NULL);
}

static void check_branch_error(const char *name, const char *stages, size_t errors, size_t line,
                               size_t col, const char *words, const char *hint)
{
    char text[512];

    snprintf(text, sizeof(text), "stages:\n%s\n", stages);
    read_yaml(text);
    check_error(name, errors, line, col, words, hint);
}

static void test_branch_yaml_errors(void)
{
    check_branch_error("no value", "- tee:", 1, 2, 7, "tee has no branches", "- [STAGE");
    check_branch_error("no branch", "- tee: []", 1, 2, 8, "tee has no branches", NULL);
    check_branch_error("no case", "- route: ~", 1, 2, 10, "route has no branches", "when");
    check_branch_error("a text for branches", "- tee: head", 1, 2, 8, "takes a list of branches",
                       NULL);
    check_branch_error("a map for cases", "- route:\n    when: a\n    do: head", 1, 3, 5,
                       "route takes a list of cases", "put `- ` before every case");
    check_branch_error("a map for branches", "- tee:\n    head: 1", 1, 3, 5,
                       "takes a list of branches", "put `- `");
    check_branch_error("branches without stages", "- tee:\n  - []\n  -\n  - ~\n  - ''\n  - head", 4,
                       3, 5, "this branch has no stages", NULL);
    check_branch_error("a list in a branch", "- tee: [[head, [tail]]]", 1, 2, 16,
                       "a list stands here in place of a stage", NULL);
    check_branch_error("an empty stage in a branch", "- tee: [[head, ~]]", 1, 2, 16,
                       "this item is empty", NULL);
    check_branch_error("two stages in a text of a list", "- tee: [[head | tail]]", 1, 2, 15,
                       "a | ends this stage", NULL);
    check_branch_error("a ; in a text", "- tee: [head ; tail]", 1, 2, 14, "a ; ends this branch",
                       "of its own");
    check_branch_error("a } in words", "- tee:\n  - file: x}", 1, 3, 12, "this } closes nothing",
                       "quote");
    check_branch_error("mistakes in all forms of branches",
                       "- tee:\n  - [hed]\n  - hed: 1\n  - head | hed\n  - {head: 1, k: v}\n- hed",
                       4, 3, 6, "there is no stage hed", "head?");
    check_branch_error("a case that is a text", "- route: [head]", 1, 2, 11, "a case is a map",
                       NULL);
    check_branch_error("a case that is a list", "- route: [[head]]", 1, 2, 11, "a case is a map",
                       NULL);
    check_branch_error("a case without do", "- route:\n  - when: a", 1, 3, 5, "has no do", NULL);
    check_branch_error("a case without when", "- route:\n  - do: head", 1, 3, 5, "has no when",
                       "else");
    check_branch_error("a case without stages", "- route:\n  - when: a\n    do:", 1, 4, 8,
                       "this branch has no stages", NULL);
    check_branch_error("an unknown key", "- route:\n  - whne: a\n    do: head", 1, 3, 5,
                       "a case has no key whne", "did you mean when?");
    check_branch_error("a stage in place of do", "- route:\n  - when: a\n    head: 3", 1, 4, 5,
                       "a case has no key head", "do: {head: ");
    check_branch_error("when beside else", "- route:\n  - else: head\n    when: a", 1, 4, 5,
                       "when does not stand beside else", NULL);
    check_branch_error("a name beside else", "- route: [{else: head, name: x}]", 1, 2, 24,
                       "name does not stand beside else", NULL);
    check_branch_error("else is not last",
                       "- route:\n  - else: head\n  - when: a\n    do: head\n  - else: tail", 2, 3,
                       5, "else is the last case", NULL);
    check_branch_error(
        "two cases with one name",
        "- route:\n  - {when: a, do: head, name: x}\n  - {when: b, do: hed, name: x}", 2, 4, 19,
        "there is no stage hed", NULL);
    check_branch_error("a bad name", "- route: [{when: a, do: head, name: a b}]", 1, 2, 37,
                       "no name for a case", NULL);
    check_branch_error("else as a name", "- route: [{when: a, do: head, name: else}]", 1, 2, 37,
                       "else is no name", NULL);
    check_branch_error("else as a condition", "- route: [{when: else, do: head}]", 1, 2, 18,
                       "else is no condition", "else: ");
    check_branch_error("a name in a condition", "- route: [{when: 'x: a', do: head}]", 1, 2, 20,
                       "a : in a condition", "name: ");
    check_branch_error("a one-liner as a condition", "- route: [{when: a => head, do: head}]", 1, 2,
                       20, "a => ends this condition", "do: ");
    check_branch_error("a | in a condition", "- route: [{when: a | b, do: head}]", 1, 2, 20,
                       "the condition ends here", NULL);
    check_branch_error("a list as a condition", "- route: [{when: [a], do: head}]", 1, 2, 18,
                       "when is an expression, not a list", "quotes");
    check_branch_error("empty conditions",
                       "- route:\n  - {when: , do: head}\n  - {when: '', do: head}\n  - {when: "
                       "'# x', do: head}\n  - {when: ~, do: head}",
                       3, 3, 12, "this condition is empty", NULL);
    check_branch_error("an open bracket in a condition", "- route: [{when: '(a', do: head}]", 1, 2,
                       19, "no ) closes this (", NULL);
    check_branch_error("two stages with one name", "- head:\n  name: x\n- tee: ['x: head']", 1, 4,
                       10, "two stages are named x", "line 3");
}

static void test_branch_traps(void)
{
    check_branch_error("trap in when: #", "- route:\n  - when: m =~ /a #b/\n    do: head", 1, 3, 19,
                       "for a comment", "single quotes");
    check_branch_error("trap in when: a tag", "- route:\n  - when: !ok\n    do: head", 1, 3, 11,
                       "YAML takes !ok for a tag", "not");
    check_branch_error("trap in when: a colon", "- route:\n  - when: p =~ /a: /\n    do: head", 1,
                       3, 18, "`: ` inside a plain text", "single quotes");
    check_branch_error("trap in when: a map", "- route:\n  - when:\n      p =~ /a: /\n    do: head",
                       1, 4, 14, "so this text became a map", "single quotes");
    check_branch_error("trap in when: a comma", "- route: [{when: if(a, b, c), do: head}]", 1, 2,
                       24, "this became a key", "single quotes");
    check_branch_error("trap in when: text behind a quote",
                       "- route:\n  - when: \"a\" == b\n    do: head", 1, 3, 15,
                       "begins with a quote ends with it", NULL);
    check_branch_error("trap in when: @", "- route:\n  - when: @x == 1\n    do: head", 1, 3, 11,
                       "cannot begin with @", NULL);
    check_branch_error("trap in when: an alias", "- route:\n  - when: *x\n    do: head", 1, 3, 11,
                       "YAML takes *x for an alias", NULL);
    check_branch_error("trap in when: twice", "- route:\n  - when: a\n    when: b\n    do: head", 1,
                       4, 5, "the key when appears twice", "line 3");
    check_branch_error("trap in a branch: #", "- tee:\n  - filter m =~ /a #b/ | head", 1, 3, 20,
                       "for a comment", "single quotes");
    check_branch_error("trap in a branch: # in [ ]", "- tee: [[filter m =~ /a #b/, head]]", 1, 2, 9,
                       "no ] closes this [", "` #` for a comment");
    check_branch_error("trap in a branch: # in braces", "- tee { head #x }", 1, 2, 14,
                       "for a comment", "single quotes");
    check_branch_error("trap in a branch: a tag", "- tee: [!head, [tail]]", 1, 2, 9, "for a tag",
                       NULL);
    check_branch_error("trap in a branch: a colon", "- tee:\n  - filter p =~ /a: / | head", 1, 3,
                       19, "so this text became a map", "single quotes");
    check_branch_error("trap in a branch: NAME: KIND", "- tee:\n  - x: head 3", 1, 3, 5,
                       "NAME: KIND", "name: x");
    check_branch_error(
        "trap in a branch: commas",
        "- tee: [set a = if(x, 1, 2), hed]\n- tee:\n  - [set a = if(x, 1), hed]\n  - "
        "[hed]",
        3, 2, 21, "splits at every comma", "single quotes");
    check_branch_error("trap: commas in do", "- route: [{when: a, do: set a = if(x, 1)}]", 1, 2, 39,
                       "this became a key", "single quotes");
    check_branch_error("trap: braces of a one-liner", "- tee: { head ; tail }", 1, 2, 8,
                       "takes a list of branches", "single quotes: '{ … }'");
    check_branch_error("trap: a case of a one-liner", "- route { x: a => head }", 1, 2, 12,
                       "so this text became a map", "single quotes");
}

static void test_branch_limits(void)
{
    char *text = repeated("", "route { a => ", 15, "head with a=[b]");
    char *closed = repeated(text, " }", 15, "");
    read_text(closed);
    check(last.result == 0 && is_stable(), "15 branches in each other are stable");
    free(text);
    free(closed);
    text = repeated("", "tee { ", 20, "head");
    closed = repeated(text, " }", 20, "");
    read_text(closed);
    check(last.result == 0 && is_stable(), "20 branches of tee in each other are stable");
    free(text);
    free(closed);
    check_text_error(
        "tee { tee { tee { tee { tee { tee { tee { tee { tee { tee { tee { tee { tee { "
        "tee { tee { tee { tee { tee { tee { tee { tee { head",
        1, 125, "too many levels deep", "64");
    text = repeated("tee { head", " ; head", 252, " } | hed");
    read_text(text);
    check_error("254 stages in branches and behind them, and one more", 1, 1, 1780,
                "at most 254 stages", NULL);
    free(text);
    text = repeated("stages:\n- tee:\n  - [head]\n", "  - - head\n", 252, "");
    read_yaml(text);
    check(last.result == 0, "254 stages in branches of a file");
    free(text);
    text = repeated("stages:\n- tee:\n  - [head]\n", "  - - head\n", 253, "- hed\n");
    read_yaml(text);
    check_error("255 stages in branches of a file", 1, 256, 7, "at most 254 stages", NULL);
    free(text);
    check_bomb("open braces of branches", "", "tee { ", 100000, "", true);
    check_bomb("branches in a list", "stages:\n- tee:\n", "  - hed\n", 100000, "", true);
    check_bomb("many branches", "tee { ", "hed ; ", 150000, "}", true);
    check_bomb("many empty branches", "tee {", ";", 900000, "}", true);
    check_bomb("many cases", "route { ", "a => hed;", 100000, "}", true);
    check_bomb("many cases without end", "route { ", "a ;", 300000, "}", true);
    check_bomb("many arrows", "route { ", "=>", 400000, "}", true);
    check_bomb("many open brackets in words", "tee { grep ", "(;", 400000, "}", true);
}

/* ---- ${X} ---- */

static const char *lookup(void *ctx, struct cp_slice name)
{
    (void)ctx;
    return cp_slice_is(name, "X")   ? "a b"
           : cp_slice_is(name, "E") ? ""
           : cp_slice_is(name, "D") ? "${X}"
                                    : NULL;
}

static struct cp_text expanded(const char *in, struct cp_source *source)
{
    struct cp_text t = {.s = cp_slice_of(in), .pos = {source, 0, strlen(in)}, .verbatim = true};

    forget();
    *source = (struct cp_source){"x", in, strlen(in)};
    last.result = cp_doc_expand(&t, lookup, NULL, &last.heap, &last.diags);
    return t;
}

static void check_expanded(const char *in, const char *want)
{
    struct cp_source source;
    struct cp_text t = expanded(in, &source);
    char name[128];

    snprintf(name, sizeof(name), "expanding %s", in);
    check(last.result == 0 && same(t.s.p, want) && t.s.n == strlen(want), name);
}

static void test_expand(void)
{
    struct cp_source source;

    check_expanded("plain", "plain");
    check_expanded("$1 $X $ {X} $", "$1 $X $ {X} $");
    check_expanded("x${X}y${X}", "xa bya b");
    check_expanded("${N:-d e}${E:-f}${X:-g}", "d efa b");
    check_expanded("${N:-}|${E}|", "||");
    check_expanded("$${X} $$${X} ${D}", "${X} $${X} ${X}");
    struct cp_text t = expanded("ab ${X} cd", &source);
    struct cp_pos pos = cp_text_pos(&t, 7, 2);
    check(pos.off == 8 && pos.len == 2, "a place behind what was put in");
    pos = cp_text_pos(&t, 4, 1);
    check(pos.off == 3 && pos.len == 4, "a place inside what was put in");
    pos = cp_text_pos(&t, t.s.n, 0);
    check(pos.off == 10 && pos.len == 0, "the place of the end");
    expanded("ab ${N} ${N:?give N} ${", &source);
    check_error("unset, with a message, and not closed", 3, 1, 4, "N is not set", "${N:-");
    check(same(last.diags.v[1].message, "N: give N"), "the message of ${X:?message}");
    expanded("${1}", &source);
    check_error("no name", 1, 1, 1, "names no variable", NULL);
    expanded("${X!}", &source);
    check_error("junk behind the name", 1, 1, 1, "names no variable", NULL);
}

/* ---- Words and options ---- */

static void check_words(const char *in, bool regex, const char *want)
{
    struct cp_source source = {"x", in, strlen(in)};
    struct cp_text args = {.s = cp_slice_of(in), .pos = {&source, 0, strlen(in)}, .verbatim = true};
    struct cp_words words;
    char out[512] = "", name[256];
    size_t n = 0;

    forget();
    bool ok = cp_words_split(&args, regex, &last.heap, &words, &last.diags) == 0;
    for (size_t i = 0; ok && i < words.n; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s%s%s[%s]", i > 0 ? " " : "",
                              (int)words.v[i].key.n, words.v[i].key.p,
                              words.v[i].key.n > 0 ? "=" : "", words.v[i].quoted ? "q" : "",
                              words.v[i].text.s.p);
    snprintf(name, sizeof(name), "words of %.200s", in);
    check(ok && same(out, want), name);
}

static void test_words(void)
{
    check_words("csv from msg header=a,b \"a quoted word\" key=\"quoted value\"", false,
                "[csv] [from] [msg] header=[a,b] q[a quoted word] key=q[quoted value]");
    check_words("  \"a \\\"b\\\" \\\\ \\d\"  ", false, "q[a \"b\" \\ \\d]");
    check_words("/a b/i c", true, "[/a b/i] [c]");
    check_words("/a b/i c", false, "[/a] [b/i] [c]");
    check_words("/a\\/[/ ]/ x/y", true, "[/a\\/[/ ]/] [x/y]");
    check_words("a==b a=~b a= http://x?a=b -n=3 a-b=c", false,
                "[a==b] [a=~b] a=[] [http://x?a=b] [-n=3] a-b=[c]");
    check_words("${X:-a b} k=${Y:-c d} 5\" it's", false, "[${X:-a b}] k=[${Y:-c d}] [5\"] [it's]");
    check_words("\"a\nb\\\"\n\" k=\"\n\"\nc", false, "q[a\nb\"\n] k=q[\n] [c]");
    check_words("", false, "");

    static const char in[] = "a \"x\\\"yz\" k=v";
    struct cp_source source = {"x", in, sizeof(in) - 1};
    struct cp_text args = {
        .s = cp_slice_of(in), .pos = {&source, 0, sizeof(in) - 1}, .verbatim = true};
    struct cp_words words;
    cp_words_split(&args, false, &last.heap, &words, &last.diags);
    struct cp_pos pos = cp_text_pos(&words.v[1].text, 2, 1);
    check(pos.off == 6 && pos.len == 1, "a place behind an escape of a word");
    pos = cp_text_pos(&words.v[1].text, 1, 1);
    check(pos.off == 4 && pos.len == 2, "the place of an escape of a word");
    check(words.v[2].text.pos.off == 12 && words.v[2].text.verbatim, "the place of a value");
}

struct options {
    struct cp_slice text;
    bool on;
    uint64_t count, size;
    int64_t duration;
    int choice;
    struct cp_list list;
};

static const struct cp_option table[] = {
    {"text", CP_OPT_TEXT, offsetof(struct options, text), NULL, "dflt", "x"},
    {"on", CP_OPT_BOOL, offsetof(struct options, on), NULL, "true", "x"},
    {"count", CP_OPT_COUNT, offsetof(struct options, count), NULL, "7", "x"},
    {"size", CP_OPT_SIZE, offsetof(struct options, size), NULL, "4KiB", "x"},
    {"time", CP_OPT_DURATION, offsetof(struct options, duration), NULL, "250ms", "x"},
    {"choice", CP_OPT_CHOICE, offsetof(struct options, choice), "one two three", "two", "x"},
    {"list", CP_OPT_LIST, offsetof(struct options, list), NULL, "a, b", "x"},
    {.name = NULL},
};

static int set_option(const char *name, const char *value, struct options *o)
{
    struct cp_text t = {.s = cp_slice_of(value)};

    cp_diags_release(&last.diags);
    return cp_option_set_text(cp_option_find(table, cp_slice_of(name)), o, &t, &last.heap,
                              &last.diags);
}

static void check_option_error(const char *name, const char *value, const char *words,
                               const char *hint)
{
    struct options o = {0};
    char label[128];

    snprintf(label, sizeof(label), "%s=%s is refused", name, value);
    int result = set_option(name, value, &o);
    check(result == -1 && strstr(last.diags.v[0].message, words) &&
              (!hint || (last.diags.v[0].hint && strstr(last.diags.v[0].hint, hint))),
          label);
}

static void test_options(void)
{
    struct options o = {0};

    forget();
    cp_options_init(table, &o, &last.heap);
    check(same(o.text.p, "dflt") && o.on && o.count == 7 && o.size == 4096 &&
              o.duration == 250000000 && o.choice == 1 && o.list.n == 2 && same(o.list.v[1].p, "b"),
          "fallbacks");
    check(set_option("on", "false", &o) == 0 && !o.on, "false");
    check(set_option("size", "10MB", &o) == 0 && o.size == 10000000, "a size");
    check(set_option("list", "x", &o) == 0 && o.list.n == 1, "a list of one");
    check(set_option("list", "", &o) == 0 && o.list.n == 0, "an empty list");
    check(!cp_option_find(table, CP_SLICE("nope")), "no such option");
    check_option_error("on", "yes", "on takes true or false, not yes", NULL);
    check_option_error("count", "-1", "a whole number", NULL);
    check_option_error("count", "", "not an empty text", NULL);
    check_option_error("size", "4k", "a size", NULL);
    check_option_error("time", "5", "a duration", "5s");
    check_option_error("choice", "tow", "one of: one two three", "did you mean two?");
    check_option_error("list", "a,,b", "a list", NULL);
    read_yaml("stages:\n- head:\n  list: [a, b]\n  on: 'true'\n  number: {a: b}\n  text: [x]\n");
    const struct cp_setting *set = last.doc.items[0].settings;
    check(cp_option_set_node(&table[6], &o, set[0].value, &last.heap, &last.diags) == 0 &&
              o.list.n == 2,
          "a list of YAML");
    check(cp_option_set_node(&table[1], &o, set[1].value, &last.heap, &last.diags) < 0,
          "a quoted true is no boolean");
    check(cp_option_set_node(&table[2], &o, set[2].value, &last.heap, &last.diags) < 0,
          "a map is no number");
    check(cp_option_set_node(&table[0], &o, set[3].value, &last.heap, &last.diags) < 0,
          "a list is no text");
}

/* ---- Random round trips ---- */

static uint64_t seed = 42; /* DOC_SEED changes it */

static size_t rnd(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static const char *const exprs[] = {
    "a == 1",
    "b =~ /x|y: #/",
    "\"q: 'r' #\"",
    "not c",
    "'it # s'",
    "x[0] / 2",
    "if(a,1,2)",
    "- d",
    "@t",
    "..",
    "a .. b",
    "[1,2]",
    "(a || b)",
    "by path",
    ", e",
    "!x",
    "#z",
    "?",
    "with",
    "\xC3\xA9",
    "\"\xE2\x80\xA8\"",
    "\"\\x1b\"",
    "f:",
    "%",
    "&",
    "*",
    "{",
    "=",
    "~",
};
static const char *const words[] = {
    "a.log", "\"b c\"",   "/x",
    "k=v",   "k=\"v w\"", "#c",
    "-i",    "*",         "&x",
    "!y",    "(a|b)",     "it's",
    "\"#\"", "5\"",       "${X:-a b}",
    "with",  "[",         "]",
    "{",     "a:",        ":",
    "%",     "@",         "`",
    "?",     "\xC3\xA9",  "\"\\\\ \\\" |\"",
    "---",   "...",       "~",
    "null",
};
static const char *const scalars[] = {
    "a",
    "",
    "a b",
    "true",
    "null",
    "~",
    "1",
    "-5",
    "1e3",
    "a: b",
    "a #b",
    "#",
    "'",
    "\"",
    "\\",
    "[",
    "{x}",
    "a,b",
    "x:",
    ":x",
    "?",
    "? a",
    "-",
    "- a",
    "---",
    "...",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%",
    "@",
    "`",
    " a",
    "a ",
    "\t",
    "a\tb",
    "\n",
    "a\n",
    "a\nb",
    "a\n\nb\n",
    " a\nb",
    "a\n b \n",
    "a\n\n",
    "\r\n",
    "\xC3\xA9",
    "\xC2\x85",
    "\xE2\x80\xA8",
    "\xEF\xBB\xBF",
    "\033",
    "\x7F",
    "\xF0\x9F\x98\x80",
    "=",
    "<<",
    "a:b",
    "{",
    "}",
    "]",
    ",",
    "${X}",
    "with",
    "k=v",
    "yes",
    "012",
    "0x1f",
    ".5",
    "+1",
    "12:30",
    "a|b",
    "\\d",
};
#define PICK(array) (array)[rnd(sizeof(array) / sizeof(*(array)))]

static void random_text(char *out, size_t size)
{
    size_t n = 0, stages = 1 + rnd(4);

    for (size_t i = 0; i < stages; i++) {
        const char *kind = names[rnd(N_NAMES)];
        bool is_expr = args_form(cp_slice_of(kind)) == CP_ARGS_EXPR;
        n += (size_t)snprintf(out + n, size - n, "%s%s%s", i > 0 ? "|" : "",
                              rnd(5) == 0 ? "nm: " : " ", kind);
        for (size_t k = rnd(5); k > 0; k--)
            n += (size_t)snprintf(out + n, size - n, "%s%s", rnd(3) ? " " : "  ",
                                  is_expr ? PICK(exprs) : PICK(words));
        if (rnd(3) == 0)
            n += (size_t)snprintf(out + n, size - n,
                                  " with a=%s b=[x, \"%s\", {c: 1, \"d e\": \"2\"}]",
                                  rnd(2) ? "x" : "\"y z\"", rnd(2) ? "a" : ":");
    }
}

static void test_random_text(void)
{
    char text[1024];
    size_t good = 0;
    bool ok = true;

    for (int i = 0; i < 20000 && ok; i++) {
        random_text(text, sizeof(text));
        read_text(text);
        if (last.result < 0)
            continue;
        good++;
        ok = is_stable();
    }
    check(ok && good > 2000, "random one-liners survive text, YAML, text");
    printf("# %zu of 20000 were pipelines\n", good);
}

static struct cp_node *random_node(int depth)
{
    struct cp_node *node = cp_heap_take(&last.heap, sizeof(*node));
    size_t kind = depth > 3 ? 0 : rnd(4);

    node->kind = kind < 2 ? CP_NODE_SCALAR : kind == 2 ? CP_NODE_LIST : CP_NODE_MAP;
    if (node->kind == CP_NODE_SCALAR) {
        node->text.s = cp_slice_of(PICK(scalars));
        node->quoted = depth == 0 || node->text.s.n == 0 || rnd(2) == 0;
        return node;
    }
    node->n = rnd(5);
    node->items = cp_heap_take(&last.heap, (node->n + 1) * sizeof(*node->items));
    node->keys = cp_heap_take(&last.heap, (node->n + 1) * sizeof(*node->keys));
    for (size_t i = 0; i < node->n; i++) {
        node->items[i] = random_node(depth + 1);
        const char *key = PICK(scalars);
        node->keys[i].s = cp_slice_of(cp_heap_printf(
            &last.heap, "%s%zu", strchr(key, '\n') || strchr(key, '\r') ? "" : key, i));
    }
    return node;
}

static bool nodes_are_equal(const struct cp_node *a, const struct cp_node *b)
{
    static const char *const typed[] = {"true", "null", "~", "1", "-5", "1e3", "012", ".5", "+1"};

    if (a->kind != b->kind || a->n != b->n || !cp_slice_equal(a->text.s, b->text.s))
        return false;
    for (size_t i = 0; i < sizeof(typed) / sizeof(*typed); i++)
        if (cp_slice_is(a->text.s, typed[i]) && a->quoted != b->quoted)
            return false;
    for (size_t i = 0; i < a->n; i++)
        if ((a->kind == CP_NODE_MAP && !cp_slice_equal(a->keys[i].s, b->keys[i].s)) ||
            !nodes_are_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

/* A test of which any list of records is expected. */
static struct cp_node *random_test(void)
{
    struct cp_node *test = cp_heap_take(&last.heap, sizeof(*test));

    *test = (struct cp_node){.kind = CP_NODE_MAP,
                             .n = 1,
                             .items = cp_heap_take(&last.heap, sizeof(*test->items)),
                             .keys = cp_heap_take(&last.heap, sizeof(*test->keys))};
    test->keys[0].s = CP_SLICE("expect");
    do
        test->items[0] = random_node(1);
    while (test->items[0]->kind != CP_NODE_LIST);
    return test;
}

/* A doc with random values in settings, vars and tests, written, read and compared. */
static bool random_yaml(void)
{
    struct cp_setting set[3];
    struct cp_item item = {
        .kind.s = CP_SLICE("head"), .form = CP_ARGS_EXPR, .settings = set, .n_settings = 3};
    struct cp_node *tests_node = cp_heap_take(&last.heap, sizeof(*tests_node)), *items[2];
    struct cp_doc doc = {.items = &item, .n = 1};
    struct cp_heap heap = {0};
    struct cp_diags none = {0};
    struct cp_doc again;

    for (size_t i = 0; i < 3; i++) {
        set[i].key.s = cp_slice_of(cp_heap_printf(&last.heap, "k%zu", i));
        set[i].value = random_node(0);
    }
    *tests_node = (struct cp_node){.kind = CP_NODE_LIST, .n = 2, .items = items};
    for (size_t i = 0; i < 2; i++)
        items[i] = random_test();
    doc.tests = tests_node;
    const char *yaml = cp_doc_write_yaml(&doc, &heap);
    struct cp_source source = {"x", yaml, strlen(yaml)};
    bool ok = cp_doc_read_yaml(&again, &heap, source, &kinds, &none) == 0 && again.n == 1 &&
              again.items[0].n_settings == 3 && nodes_are_equal(again.tests, tests_node);
    for (size_t i = 0; i < 3 && ok; i++)
        ok = nodes_are_equal(again.items[0].settings[i].value, set[i].value);
    ok = ok && same(cp_doc_write_yaml(&again, &heap), yaml);
    for (size_t i = 0; i < none.n; i++)
        printf("# %s at %zu\n", none.v[i].message, none.v[i].pos.off);
    if (!ok)
        printf("# of: %s\n", yaml);
    if (ok) { /* without the tests a one-liner can hold it, unless there are line breaks */
        forget();
        last.doc = (struct cp_doc){0};
        again.tests = NULL;
        const char *bare = cp_doc_write_yaml(&again, &heap);
        read_yaml(bare);
        ok = last.result == 0 && is_stable();
    }
    cp_heap_release(&heap);
    cp_diags_release(&none);
    return ok;
}

static void test_random_yaml(void)
{
    bool ok = true;

    for (int i = 0; i < 5000 && ok; i++) {
        forget();
        ok = random_yaml();
    }
    check(ok, "random values survive YAML");
}

/* ---- Random docs with branches ---- */

static const char *const full_exprs[] = {
    "a == 1",
    "b =~ /x|y: #;}=>/i",
    "\"q; 'r' #}\"",
    "not c",
    "'it # => ;'",
    "x[0] / 2 >= 1",
    "if(a,1,2)",
    "a ?? 0 >5",
    "@t",
    "d || e && f",
    "m in [1, 2]",
    "(a => ; }",
    "with",
    "~",
    "null",
    "\xC3\xA9",
    "f:g",
    "else_",
    ".else",
    "else == 1",
    "- b",
    "[1] == \"\\u00e9\"",
    "g with h=1",
};
static const char *const full_words[] = {
    "a.log",       "\"b c\" x", "k=v",        "k=\"v ; w\"", "#c",         "-i *",
    "(a|b) (c;d)", "it's",      "\"#\" 5\"",  "${X:-a;b}",   "{a,b}*.log", "a[;]b",
    "\"; }\" x}",  "a: \"|\"",  "\"with\" =", "~",           "null",
};

/* A stage; with branches down to some depth. */
static struct cp_item random_item(size_t depth);
static size_t n_named;

static const char *fresh(const char *letter)
{
    return cp_heap_printf(&last.heap, "%s%zu", letter, n_named++);
}

static void random_branches(struct cp_item *item, size_t depth)
{
    bool has_cases = cp_slice_is(item->kind.s, "route");

    item->n_branches = 1 + rnd(3);
    item->branches = cp_heap_take(&last.heap, item->n_branches * sizeof(*item->branches));
    for (size_t i = 0; i < item->n_branches; i++) {
        struct cp_branch *b = &item->branches[i];
        b->is_else = has_cases && i + 1 == item->n_branches && rnd(2) == 0;
        if (has_cases && !b->is_else) {
            do
                b->when.s = cp_slice_of(PICK(full_exprs));
            while (cp_slice_is(b->when.s, "(a => ; }") || cp_slice_is(b->when.s, "f:g"));
            if (rnd(3) == 0)
                b->name.s = cp_slice_of(fresh("c"));
        }
        b->n = 1 + rnd(3);
        b->items = cp_heap_take(&last.heap, b->n * sizeof(*b->items));
        for (size_t k = 0; k < b->n; k++)
            b->items[k] = random_item(depth + 1);
    }
}

static bool has_lines_or_controls(const struct cp_node *node)
{
    bool found = node->text.s.n > 0 && strpbrk(node->text.s.p, "\n\r\033\x7F");

    for (size_t i = 0; i < node->n && !found; i++)
        found = has_lines_or_controls(node->items[i]) ||
                (node->keys[i].s.n > 0 && strpbrk(node->keys[i].s.p, "\n\r\033\x7F"));
    return found;
}

static void random_settings(struct cp_item *item)
{
    item->n_settings = rnd(3);
    item->settings = cp_heap_take(&last.heap, 3 * sizeof(*item->settings));
    for (size_t i = 0; i < item->n_settings; i++) {
        item->settings[i].key.s = cp_slice_of(cp_heap_printf(&last.heap, "k%zu", i));
        do
            item->settings[i].value = random_node(0);
        while (rnd(16) > 0 && has_lines_or_controls(item->settings[i].value));
    }
}

static struct cp_item random_item(size_t depth)
{
    struct cp_item item = {.args.s = CP_SLICE("")};

    do
        item.kind.s = cp_slice_of(names[rnd(N_NAMES)]);
    while (depth > 3 && branches_form(item.kind.s) != CP_BRANCHES_NONE);
    item.form = args_form(item.kind.s);
    if (rnd(4) == 0)
        item.name.s = cp_slice_of(fresh("n"));
    if (rnd(3) == 0)
        random_settings(&item);
    if (branches_form(item.kind.s) != CP_BRANCHES_NONE) {
        item.form = CP_ARGS_EXPR;
        random_branches(&item, depth);
    } else if (rnd(4) > 0) {
        do
            item.args.s =
                cp_slice_of(item.form == CP_ARGS_EXPR ? PICK(full_exprs) : PICK(full_words));
        while (strpbrk(item.args.s.p, "}") &&
               (item.args.s.p[0] == '(' || strstr(item.args.s.p, "x}")));
        if (strstr(item.args.s.p, " with "))
            item.args.s = CP_SLICE("h");
    }
    return item;
}

static bool items_are_equal(const struct cp_item *a, size_t n_a, const struct cp_item *b,
                            size_t n_b);

static bool branches_are_equal(const struct cp_branch *a, const struct cp_branch *b)
{
    return cp_slice_equal(a->name.s, b->name.s) && cp_slice_equal(a->when.s, b->when.s) &&
           a->is_else == b->is_else && items_are_equal(a->items, a->n, b->items, b->n);
}

static bool items_are_equal(const struct cp_item *a, size_t n_a, const struct cp_item *b,
                            size_t n_b)
{
    bool ok = n_a == n_b;

    for (size_t i = 0; i < n_a && ok; i++) {
        ok = cp_slice_equal(a[i].kind.s, b[i].kind.s) && cp_slice_equal(a[i].name.s, b[i].name.s) &&
             cp_slice_equal(a[i].args.s, b[i].args.s) && a[i].n_settings == b[i].n_settings &&
             a[i].n_branches == b[i].n_branches;
        for (size_t k = 0; ok && k < a[i].n_settings; k++)
            ok = cp_slice_equal(a[i].settings[k].key.s, b[i].settings[k].key.s) &&
                 nodes_are_equal(a[i].settings[k].value, b[i].settings[k].value);
        for (size_t k = 0; ok && k < a[i].n_branches; k++)
            ok = branches_are_equal(&a[i].branches[k], &b[i].branches[k]);
    }
    return ok;
}

/* Whether a form of the doc reads back as it is. */
static bool reads_back(const struct cp_doc *doc, bool is_yaml, const char *text)
{
    struct cp_heap heap = {0};
    struct cp_diags none = {0};
    struct cp_doc again;
    struct cp_source source = {"x", text, strlen(text)};
    int result = is_yaml ? cp_doc_read_yaml(&again, &heap, source, &kinds, &none)
                         : cp_doc_read_text(&again, &heap, source, &kinds, &none);
    struct cp_err err = {0};
    bool ok = result == 0 && items_are_equal(doc->items, doc->n, again.items, again.n);

    if (ok && is_yaml)
        ok = same(cp_doc_write_yaml(&again, &heap), text);
    else if (ok)
        ok = same(cp_doc_write_text(&again, &heap, &err), text);
    for (size_t i = 0; i < none.n; i++)
        printf("# %s at %zu\n", none.v[i].message, none.v[i].pos.off);
    if (!ok)
        printf("# of: %s\n", text);
    cp_heap_release(&heap);
    cp_diags_release(&none);
    return ok;
}

static void test_random_branches(void)
{
    bool ok = true;
    size_t texts = 0;

    for (int i = 0; i < 4000 && ok; i++) {
        struct cp_err err = {0};
        forget();
        last.doc = (struct cp_doc){0};
        struct cp_item items[3];
        struct cp_doc doc = {.items = items, .n = 1 + rnd(3)};
        for (size_t k = 0; k < doc.n; k++)
            items[k] = random_item(0);
        ok = reads_back(&doc, true, cp_doc_write_yaml(&doc, &last.heap));
        const char *text = cp_doc_write_text(&doc, &last.heap, &err);
        texts += text != NULL;
        ok = ok && (!text || reads_back(&doc, false, text));
    }
    check(ok && texts > 1000, "random docs with branches survive both forms");
    printf("# %zu of 4000 were one-liners\n", texts);
}

/* Tokens in any order, as a one-liner and as the text of a file: what is accepted is stable. */
static void test_random_tokens(void)
{
    static const char *const tokens[] = {
        "tee {",  "route {", "merge{",   "{",     "}",       "}",        "}",    ";",
        ";",      "|",       "=>",       "=>",    "else =>", "else",     "a =>", "x:",
        "head",   "head",    "tail",     "grep",  "a;b",     "a}",       "{b}",  "filter",
        "a == 1", "/x;}/",   "\"}\"",    "\"",    "'",       "(",        ")",    "[",
        "]",      "with",    "with k=v", "k=[a,", "k=}",     "k={a: b}", "#",    "\n  ",
    };
    char text[1024];
    size_t good = 0;
    bool ok = true;

    for (int i = 0; i < 40000 && ok; i++) {
        size_t n = 0;
        bool is_yaml = rnd(2) == 0;
        n += (size_t)snprintf(text, sizeof(text), "%s", is_yaml ? "stages: |\n  " : "");
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
                              rnd(2) ? "tee { head" : "route { a =>");
        for (size_t k = rnd(6); k > 0; k--)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", rnd(4) ? " " : "",
                                  PICK(tokens));
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", rnd(3) ? " }" : "");
        read_bytes(is_yaml, text, n);
        good += last.result == 0;
        ok = (last.result == 0) == (last.diags.errors == 0) && (last.result < 0 || is_stable());
        if (!ok)
            printf("# of: %s\n", text);
    }
    check(ok && good > 1000, "random tokens of branches neither crash nor change");
    printf("# %zu of 40000 were pipelines\n", good);
}

/* Any bytes: no crash, no hang; what is accepted is stable; every place is inside the source. */
static void test_mutants(void)
{
    static const char *const seeds[] = {
        product_yaml,
        "stages: |\n  parse json # c\n  | filter a =~ /x/ and \"b\" with workers=2\n  | head 3\n",
        "stages:\n- {set: ['a = 1', \"b\\t= \\u00e9\"], name: x, on_error: {to: &a y}}\n- files: "
        "[*a, >-\n  b\n  c\n ]\n",
        "in: parse csv header=a,b \"x y\" with from=[a, {b: c}] | grep /a b|c/ | set a = if(b, "
        "'c', \"d\") / 2 | file ${X:-a b}",
        "parse json | r: route { a >= 1 => head ; slow: b =~ /;}=>/ => set x = \"}\" | file a ; "
        "else "
        "=> tee { grep \"; }\" {a,b} with k=[a;b, \"c\"] ; x: tail } } with from=[a, r.slow] | "
        "head",
        "tee {\n  head # a }\n ; route { a => tail\n ; else => discard ; } # ;\n} | head\n",
        "stages:\n- route:\n  - when: a >= 1 # c\n    do: file x\n    name: x\n  - {when: 'b: c', "
        "do: "
        "[head, {tail: 1, k: v}]}\n  - else: |\n      head | tee { tail ; top 3 }\n- merge: "
        "[[files a, "
        "parse: x], files b | head]\n  by: time\n- tee: '{ head ; tail }'\n",
    };
    static const bool is_yaml_seed[] = {true, true, true, false, false, false, true};
    char text[2048];
    bool ok = true;
    size_t good = 0;

    for (int i = 0; i < 60000 && ok; i++) {
        size_t pick = rnd(sizeof(seeds) / sizeof(*seeds));
        const char *from = seeds[pick];
        size_t n = strlen(from);
        memcpy(text, from, n);
        for (size_t k = 1 + rnd(4); k > 0; k--) {
            static const char bytes[] = "\n \t'\"[]{}:,-#&*!|>%@`?$\\/()ax0;=\xC3\xA9\xFF";
            size_t at = rnd(n), len = rnd(8);
            if (rnd(3) == 0 && at + len < n) {
                memmove(text + at, text + at + len, n - at - len);
                n -= len;
            } else if (rnd(2) == 0 && n + 1 < sizeof(text)) {
                memmove(text + at + 1, text + at, n - at);
                text[at] = bytes[rnd(sizeof(bytes) - 1)];
                n++;
            } else {
                text[at] = bytes[rnd(sizeof(bytes) - 1)];
            }
        }
        char *exact = malloc(n);
        memcpy(exact, text, n);
        read_bytes(rnd(8) == 0 ? rnd(2) : is_yaml_seed[pick], exact, n);
        for (size_t k = 0; k < last.diags.n; k++)
            ok = ok && last.diags.v[k].pos.off <= n &&
                 last.diags.v[k].pos.off + last.diags.v[k].pos.len <= n + 1;
        ok = ok && (last.result == 0) == (last.diags.errors == 0);
        if (last.result == 0) {
            good++;
            ok = is_stable();
        }
        if (!ok) {
            show_diags();
            printf("# of: %.*s\n", (int)n, text);
        }
        forget();
        free(exact);
    }
    check(ok, "mutants neither crash nor change");
    printf("# %zu of 60000 were pipelines\n", good);
}

/* ---- The YAML test suite ---- */

static char *file_text(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);

    *n = f ? fread(text, 1, 1 << 20, f) : 0;
    if (f)
        fclose(f);
    return text;
}

static void test_suite(void)
{
    const char *shared = getenv("CHANPIPE_SHARED");
    char dir[1024], path[2048];
    size_t files = 0, n;
    double start = seconds();

    snprintf(dir, sizeof(dir), "%s/corpora/yaml-test-suite/src", shared ? shared : "");
    DIR *d = shared ? opendir(dir) : NULL;
    if (!d) {
        tests++;
        printf("ok %d - the YAML test suite # SKIP CHANPIPE_SHARED has none\n", tests);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        char *text = file_text(path, &n);
        read_bytes(true, text, n);
        /* Each case too: the value of its key yaml, which begins with 4 blanks. */
        for (char *p = text; (p = memmem(p, n - (size_t)(p - text), "  yaml: |\n", 10));) {
            size_t k = 0;
            p += 10;
            char *copy = malloc(n);
            for (char *q = p; q + 4 < text + n && memcmp(q, "    ", 4) == 0;) {
                char *nl = memchr(q, '\n', (size_t)(text + n - q));
                size_t length = nl ? (size_t)(nl + 1 - q) - 4 : (size_t)(text + n - q) - 4;
                memcpy(copy + k, q + 4, length);
                k += length;
                if (!nl)
                    break;
                q = nl + 1;
            }
            char *exact = malloc(k + 1);
            memcpy(exact, copy, k);
            read_bytes(true, exact, k);
            forget();
            free(exact);
            free(copy);
            files++;
        }
        forget();
        free(text);
    }
    closedir(d);
    printf("# %zu cases in %.2f s\n", files, seconds() - start);
    check(files > 300 && seconds() - start < 10, "the YAML test suite");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getenv("DOC_SEED"))
        seed = strtoull(getenv("DOC_SEED"), NULL, 10);
    test_heap();
    test_err();
    test_nearest();
    test_diags();
    test_diag_print();
    test_product();
    test_text();
    test_text_errors();
    test_yaml();
    test_yaml_errors();
    test_traps();
    test_limits();
    test_branches_in_text();
    test_branches_in_yaml();
    test_branch_tree();
    test_branch_text_errors();
    test_branch_yaml_errors();
    test_branch_traps();
    test_branch_limits();
    test_expand();
    test_words();
    test_options();
    test_random_text();
    test_random_yaml();
    test_random_branches();
    test_random_tokens();
    test_mutants();
    test_suite();
    forget();
    printf("1..%d\n", tests);
    return failures > 0;
}
