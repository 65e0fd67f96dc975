/* doc_yaml_write.c: writes pipeline files.
 *
 * DESIGN. libyaml's emitter was rejected: it breaks lines and chooses quotes by rules of its own,
 * and what is written here must be the same bytes with any version of it. A collection is written
 * on one line where that fits into the page, else one member a line; which of the two depends on
 * nothing but the doc.
 */
#include "doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/scan.h"
#include "doc_impl.h"

enum { PAGE = 100 };

/* ---- Scalars ---- */

enum style { PLAIN, SINGLE, DOUBLE };

/* What single quotes and plain texts cannot hold: breaks (also the three of Unicode that YAML
 * knows), control bytes, the byte order mark. */
static bool needs_escapes(struct cp_slice s)
{
    uint32_t code;

    if (cp_find_unprintable(s.p, s.n) < s.n)
        return true;
    for (size_t i = 0; i < s.n;) {
        i += cp_utf8_decode(s.p + i, s.n - i, &code);
        if (code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029 ||
            code == 0xFEFF)
            return true;
    }
    return false;
}

/* `---` and `...` are markers of documents at the start of a line; it is simpler never to begin
 * with them. */
static bool starts_with_marker(struct cp_slice s)
{
    return s.n >= 3 && (memcmp(s.p, "---", 3) == 0 || memcmp(s.p, "...", 3) == 0);
}

static bool starts_plain(struct cp_slice s)
{
    if (cp_is_blank(s.p[0]) || strchr(",[]{}#&*!|>'\"%@`", s.p[0]) || starts_with_marker(s))
        return false;
    return !strchr("-?:", s.p[0]) || (s.n > 1 && !strchr(" \t,[]{}?", s.p[1]));
}

/* Whether YAML reads the text back without quotes. `in_flow`: also inside [ ] and { }. */
static bool is_plain(struct cp_slice s, bool in_flow)
{
    if (s.n == 0 || !starts_plain(s) || (in_flow && s.p[0] == ':') || cp_is_blank(s.p[s.n - 1]) ||
        s.p[s.n - 1] == ':')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (c == '\t' || (c == ':' && next == ' ') || (c == ' ' && next == '#'))
            return false;
        if (in_flow && (strchr(",[]{}?", c) || (c == ':' && strchr(",[]{}?", next))))
            return false;
    }
    return true;
}

static enum style style_of(struct cp_slice s, bool quoted, bool in_flow)
{
    if (needs_escapes(s))
        return DOUBLE;
    return is_plain(s, in_flow) && !(quoted && cp_is_typed_when_bare(s)) ? PLAIN : SINGLE;
}

static void put_single(struct cp_writer *w, struct cp_slice s)
{
    cp_puts(w, "'");
    for (size_t i = 0; i < s.n; i++)
        cp_put(w, s.p[i] == '\'' ? "''" : s.p + i, s.p[i] == '\'' ? 2 : 1);
    cp_puts(w, "'");
}

/* A code point inside double quotes. */
static void put_escaped(struct cp_writer *w, const char *p, size_t n, uint32_t code)
{
    static const char letters[] = "\n\t\r\"\\", escapes[] = "ntr\"\\";
    const char *letter = code > 0 && code < 0x80 ? strchr(letters, (int)code) : NULL;
    char text[16];

    if (letter)
        snprintf(text, sizeof(text), "\\%c", escapes[letter - letters]);
    else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
        snprintf(text, sizeof(text), "\\x%02X", (unsigned)code);
    else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF)
        snprintf(text, sizeof(text), "\\u%04X", (unsigned)code);
    else
        snprintf(text, sizeof(text), "%.*s", (int)n, p);
    cp_puts(w, text);
}

static void put_double(struct cp_writer *w, struct cp_slice s)
{
    uint32_t code;

    cp_puts(w, "\"");
    for (size_t i = 0, n; i < s.n; i += n) {
        n = cp_utf8_decode(s.p + i, s.n - i, &code);
        put_escaped(w, s.p + i, n, code);
    }
    cp_puts(w, "\"");
}

static void put_scalar(struct cp_writer *w, struct cp_slice s, bool quoted, bool in_flow)
{
    enum style style = style_of(s, quoted, in_flow);

    if (s.n == 0 && !quoted)
        cp_puts(w, "null");
    else if (style == PLAIN)
        cp_put(w, s.p, s.n);
    else if (style == SINGLE)
        put_single(w, s);
    else
        put_double(w, s);
}

static void put_key(struct cp_writer *w, struct cp_slice key, bool in_flow)
{
    put_scalar(w, key, key.n == 0, in_flow);
    cp_puts(w, ":");
}

/* ---- Values ---- */

static void put_flow(struct cp_writer *w, const struct cp_node *node)
{
    if (node->kind == CP_NODE_SCALAR) {
        put_scalar(w, node->text.s, node->quoted, true);
        return;
    }
    cp_puts(w, node->kind == CP_NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < node->n; i++) {
        cp_puts(w, i > 0 ? ", " : "");
        if (node->kind == CP_NODE_MAP) {
            put_key(w, node->keys[i].s, true);
            cp_puts(w, " ");
        }
        put_flow(w, node->items[i]);
    }
    cp_puts(w, node->kind == CP_NODE_LIST ? "]" : "}");
}

static void put_line(struct cp_writer *w, size_t indent)
{
    cp_puts(w, "\n");
    for (size_t i = 0; i < indent; i++)
        cp_puts(w, " ");
}

/* Several lines that a | block gives back as they are. */
static bool is_block_text(struct cp_slice s)
{
    struct cp_slice rest = s;

    if (s.n < 3 || cp_is_blank(s.p[0]) || !memchr(s.p, '\n', s.n - 1))
        return false;
    if (s.p[s.n - 1] == '\n' && s.p[s.n - 2] == '\n')
        return false;
    for (const char *nl; (nl = memchr(rest.p, '\n', rest.n));
         rest.n -= (size_t)(nl + 1 - rest.p), rest.p = nl + 1)
        if (needs_escapes((struct cp_slice){rest.p, (size_t)(nl - rest.p)}))
            return false;
    return !needs_escapes(rest);
}

static void put_block_text(struct cp_writer *w, struct cp_slice s, size_t indent)
{
    bool ends = s.p[s.n - 1] == '\n';

    cp_puts(w, ends ? "|" : "|-");
    s.n -= ends;
    for (size_t i = 0; i < s.n; i++) {
        bool begins = i == 0 || s.p[i - 1] == '\n';
        if (begins && s.p[i] == '\n')
            cp_puts(w, "\n");
        else if (begins)
            put_line(w, indent);
        if (s.p[i] != '\n')
            cp_put(w, s.p + i, 1);
    }
}

static void put_value(struct cp_writer *w, const struct cp_node *node, size_t indent,
                      size_t column);

/* Members one a line, at that indentation; the first stands where the writer is. */
static void put_members(struct cp_writer *w, const struct cp_node *node, size_t indent)
{
    for (size_t i = 0; i < node->n; i++) {
        if (i > 0)
            put_line(w, indent);
        if (node->kind == CP_NODE_LIST) {
            cp_puts(w, "-");
            put_value(w, node->items[i], indent + 2, indent + 1);
            continue;
        }
        size_t before = w->n;
        put_key(w, node->keys[i].s, false);
        put_value(w, node->items[i], indent + 2, indent + w->n - before);
    }
}

/* A value behind `-` or `key:`, blank included; indent is that of its lines when it takes several.
 */
static void put_value(struct cp_writer *w, const struct cp_node *node, size_t indent, size_t column)
{
    bool is_scalar = node->kind == CP_NODE_SCALAR;
    size_t before = w->n;

    cp_puts(w, " ");
    if (is_scalar && is_block_text(node->text.s))
        put_block_text(w, node->text.s, indent);
    else if (is_scalar)
        put_scalar(w, node->text.s, node->quoted, false);
    else
        put_flow(w, node);
    if (is_scalar || node->n == 0 || column + w->n - before <= PAGE)
        return;
    w->n = before;
    if (w->n > 0 && w->p[w->n - 1] == '-')
        cp_puts(w, " ");
    else
        put_line(w, indent);
    put_members(w, node, indent);
}

/* ---- Stages ---- */

/* A stage or branch is written from the column where its first line stands, `indent`: those are
 * also the blanks before its other lines. */
static void put_items(struct cp_writer *w, const struct cp_item *items, size_t n, size_t indent);

/* Args read back as nothing when they look like YAML's null. */
static void put_args(struct cp_writer *w, const struct cp_item *item)
{
    struct cp_writer args = {0};

    cp_put_args(&args, item);
    struct cp_slice s = {args.p, args.n};
    put_scalar(w, s, cp_slice_is(s, "~"), false);
    free(args.p);
}

/* A branch that is one stage without more than arguments: its text. */
static bool is_one_text(const struct cp_branch *b, struct cp_writer *text)
{
    const struct cp_item *item = b->items;

    if (b->n != 1 || item->name.s.n > 0 || item->n_settings > 0 || item->n_branches > 0)
        return false;
    cp_put(text, item->kind.s.p, item->kind.s.n);
    cp_puts(text, item->args.s.n > 0 ? " " : "");
    cp_put_args(text, item);
    return true;
}

/* Of tee and merge: [KIND args], or one stage a line. */
static void put_branch(struct cp_writer *w, const struct cp_branch *b, size_t indent)
{
    struct cp_writer text = {0};

    if (is_one_text(b, &text) &&
        style_of((struct cp_slice){text.p, text.n}, false, true) == PLAIN) {
        cp_puts(w, "[");
        cp_put(w, text.p, text.n);
        cp_puts(w, "]");
    } else {
        put_items(w, b->items, b->n, indent);
    }
    free(text.p);
}

static void put_condition(struct cp_writer *w, const struct cp_branch *b, size_t indent)
{
    struct cp_writer when = {0};

    cp_put_condition(&when, b);
    struct cp_slice s = {when.p, when.n};
    cp_puts(w, "when: ");
    put_scalar(w, s, cp_slice_is(s, "~"), false);
    free(when.p);
    if (b->name.s.n > 0) {
        put_line(w, indent);
        cp_puts(w, "name: ");
        put_scalar(w, b->name.s, true, false);
    }
    put_line(w, indent);
}

/* Of route. */
static void put_case(struct cp_writer *w, const struct cp_branch *b, size_t indent)
{
    struct cp_writer text = {0};

    if (!b->is_else)
        put_condition(w, b, indent);
    cp_puts(w, b->is_else ? "else:" : "do:");
    if (is_one_text(b, &text)) {
        cp_puts(w, " ");
        put_scalar(w, (struct cp_slice){text.p, text.n}, false, false);
    } else {
        put_line(w, indent + 2);
        put_items(w, b->items, b->n, indent + 2);
    }
    free(text.p);
}

static void put_branches(struct cp_writer *w, const struct cp_item *item, size_t indent)
{
    for (size_t i = 0; i < item->n_branches; i++) {
        const struct cp_branch *b = &item->branches[i];
        put_line(w, indent);
        cp_puts(w, "- ");
        if (b->is_else || b->when.s.n > 0)
            put_case(w, b, indent + 2);
        else
            put_branch(w, b, indent + 2);
    }
}

static void put_item(struct cp_writer *w, const struct cp_item *item, size_t indent)
{
    bool is_alone = item->args.s.n == 0 && item->n_settings == 0 && item->name.s.n == 0 &&
                    item->n_branches == 0;

    cp_put(w, item->kind.s.p, item->kind.s.n);
    if (!is_alone)
        cp_puts(w, ":");
    if (item->args.s.n > 0) {
        cp_puts(w, " ");
        put_args(w, item);
    }
    put_branches(w, item, indent + 2);
    if (item->name.s.n > 0) {
        put_line(w, indent);
        cp_puts(w, "name: ");
        put_scalar(w, item->name.s, true, false);
    }
    for (size_t i = 0; i < item->n_settings; i++) {
        put_line(w, indent);
        size_t before = w->n;
        put_key(w, item->settings[i].key.s, false);
        put_value(w, item->settings[i].value, indent + 2, indent + w->n - before);
    }
}

static void put_items(struct cp_writer *w, const struct cp_item *items, size_t n, size_t indent)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            put_line(w, indent);
        cp_puts(w, "- ");
        put_item(w, &items[i], indent + 2);
    }
}

/* ---- The file ---- */

static void put_top(struct cp_writer *w, const char *key, const struct cp_node *node)
{
    if (!node)
        return;
    cp_puts(w, key);
    cp_puts(w, ":");
    put_value(w, node, 2, strlen(key) + 1);
    cp_puts(w, "\n");
}

/* Tests are never written on one line: a line each for name, input and expect. */
static void put_test(struct cp_writer *w, const struct cp_node *test)
{
    cp_puts(w, "  - ");
    if (test->kind == CP_NODE_MAP && test->n > 0)
        put_members(w, test, 4);
    else
        put_flow(w, test);
    cp_puts(w, "\n");
}

static void put_tests(struct cp_writer *w, const struct cp_node *tests)
{
    if (!tests || tests->kind != CP_NODE_LIST || tests->n == 0) {
        put_top(w, "tests", tests);
        return;
    }
    cp_puts(w, "tests:\n");
    for (size_t i = 0; i < tests->n; i++)
        put_test(w, tests->items[i]);
}

char *cp_doc_write_yaml(const struct cp_doc *doc, struct cp_heap *heap)
{
    struct cp_writer w = {0};

    if (doc->name.s.n > 0) {
        cp_puts(&w, "name: ");
        put_scalar(&w, doc->name.s, true, false);
        cp_puts(&w, "\n");
    }
    put_top(&w, "vars", doc->vars);
    put_top(&w, "defaults", doc->defaults);
    cp_puts(&w, "stages:\n  ");
    put_items(&w, doc->items, doc->n, 2);
    cp_puts(&w, "\n");
    put_tests(&w, doc->tests);
    return cp_writer_finish(&w, heap);
}
