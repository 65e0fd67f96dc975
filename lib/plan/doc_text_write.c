/* doc_text_write.c: writes one-liners. */
#include "doc.h"

#include <string.h>

#include "doc_impl.h"
#include "words.h"

/* ---- Settings ---- */

/* Where a value stands: what ends a text without quotes differs. */
enum place { IN_LINE, IN_BRANCH, IN_BRACKETS };

/* Whether the reader of `with` takes the text as it is. */
static bool can_be_bare(struct cp_slice s, enum place place)
{
    static const char never[] = " \t\"|#", never_nested[] = " \t\"|#,[]{}:";

    if (s.n == 0 || strchr(place == IN_BRACKETS ? "[{" : "[{=~", s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr(place == IN_BRACKETS ? never_nested : never, s.p[i]))
            return false;
    return place != IN_BRANCH || cp_word_end(s.p, s.n, false, true).end == s.n;
}

static void put_text(struct cp_writer *w, struct cp_slice s, bool quoted, enum place place)
{
    if (s.n == 0 && !quoted)
        cp_puts(w, "null");
    else if (can_be_bare(s, place) && !(quoted && cp_is_typed_when_bare(s)))
        cp_put(w, s.p, s.n);
    else
        cp_put_word_quoted(w, s);
}

static void put_value(struct cp_writer *w, const struct cp_node *node, enum place place)
{
    if (node->kind == CP_NODE_SCALAR) {
        put_text(w, node->text.s, node->quoted, place);
        return;
    }
    cp_puts(w, node->kind == CP_NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < node->n; i++) {
        cp_puts(w, i > 0 ? ", " : "");
        if (node->kind == CP_NODE_MAP) {
            put_text(w, node->keys[i].s, node->keys[i].s.n == 0, IN_BRACKETS);
            cp_puts(w, ": ");
        }
        put_value(w, node->items[i], IN_BRACKETS);
    }
    cp_puts(w, node->kind == CP_NODE_LIST ? "]" : "}");
}

/* ---- Stages ---- */

static void put_name(struct cp_writer *w, struct cp_slice name)
{
    if (name.n == 0)
        return;
    cp_put(w, name.p, name.n);
    cp_puts(w, ": ");
}

static void put_items(struct cp_writer *w, const struct cp_item *items, size_t n, enum place place);

static void put_branch(struct cp_writer *w, const struct cp_branch *b)
{
    put_name(w, b->name.s);
    if (b->is_else)
        cp_puts(w, "else");
    else
        cp_put_condition(w, b);
    cp_puts(w, b->is_else || b->when.s.n > 0 ? " => " : "");
    put_items(w, b->items, b->n, IN_BRANCH);
}

static void put_branches(struct cp_writer *w, const struct cp_item *item)
{
    for (size_t i = 0; i < item->n_branches; i++) {
        cp_puts(w, i == 0 ? " { " : " ; ");
        put_branch(w, &item->branches[i]);
    }
    cp_puts(w, item->n_branches > 0 ? " }" : "");
}

static void put_item(struct cp_writer *w, const struct cp_item *item, enum place place)
{
    put_name(w, item->name.s);
    cp_put(w, item->kind.s.p, item->kind.s.n);
    if (item->args.s.n > 0) {
        cp_puts(w, " ");
        cp_put_args(w, item);
    }
    put_branches(w, item);
    for (size_t i = 0; i < item->n_settings; i++) {
        cp_puts(w, i == 0 ? " with " : " ");
        cp_put(w, item->settings[i].key.s.p, item->settings[i].key.s.n);
        cp_puts(w, "=");
        put_value(w, item->settings[i].value, place);
    }
}

static void put_items(struct cp_writer *w, const struct cp_item *items, size_t n, enum place place)
{
    for (size_t i = 0; i < n; i++) {
        cp_puts(w, i > 0 ? " | " : "");
        put_item(w, &items[i], place);
    }
}

/* ---- What a one-liner cannot hold ---- */

/* What is left out ends up in a list: "name, vars, a line break in header of parse". */
static void add_to_list(struct cp_writer *list, const char *what)
{
    cp_puts(list, list->n > 0 ? ", " : "");
    cp_puts(list, what);
}

static bool has_unwritable(struct cp_slice s)
{
    return cp_find_unprintable(s.p, s.n) < s.n || memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n);
}

static bool node_has_unwritable(const struct cp_node *node)
{
    bool found = node->kind == CP_NODE_SCALAR && has_unwritable(node->text.s);

    for (size_t i = 0; i < node->n && !found; i++)
        found = (node->kind == CP_NODE_MAP && has_unwritable(node->keys[i].s)) ||
                node_has_unwritable(node->items[i]);
    return found;
}

static void list_settings(const struct cp_item *item, struct cp_heap *heap, struct cp_writer *list)
{
    for (size_t i = 0; i < item->n_settings; i++) {
        const struct cp_setting *set = &item->settings[i];
        bool is_name = cp_name_length(set->key.s.p, set->key.s.n) == set->key.s.n;
        if (!is_name)
            add_to_list(list, cp_heap_printf(heap, "the key %.*s of %.*s", CP_SHOW(set->key.s),
                                             CP_SHOW(item->kind.s)));
        else if (node_has_unwritable(set->value))
            add_to_list(list, cp_heap_printf(heap, "a line break or control byte in %.*s of %.*s",
                                             CP_SHOW(set->key.s), CP_SHOW(item->kind.s)));
    }
}

/* A word that is not quoted and begins with #. */
static bool has_hash(const struct cp_item *item)
{
    struct cp_slice rest = item->args.s;

    while (item->form != CP_ARGS_EXPR && rest.n > 0) {
        bool is_blank = cp_is_blank(rest.p[0]), is_regex = item->form == CP_ARGS_WORDS_REGEX;
        size_t n = is_blank ? 1 : cp_word_end(rest.p, rest.n, is_regex, false).end;
        if (rest.p[0] == '#' || n == 0)
            return n > 0;
        rest = (struct cp_slice){rest.p + n, rest.n - n};
    }
    return false;
}

static bool has_line_break(const struct cp_item *item)
{
    return item->args.s.n > 0 && memchr(item->args.s.p, '\n', item->args.s.n);
}

static bool is_any(const struct cp_item *items, size_t n, bool (*is)(const struct cp_item *))
{
    for (size_t i = 0; i < n; i++) {
        if (is(&items[i]))
            return true;
        for (size_t k = 0; k < items[i].n_branches; k++)
            if (is_any(items[i].branches[k].items, items[i].branches[k].n, is))
                return true;
    }
    return false;
}

static void list_items(const struct cp_item *items, size_t n, struct cp_heap *heap,
                       struct cp_writer *list)
{
    for (size_t i = 0; i < n; i++) {
        list_settings(&items[i], heap, list);
        for (size_t k = 0; k < items[i].n_branches; k++)
            list_items(items[i].branches[k].items, items[i].branches[k].n, heap, list);
    }
}

static void list_what_is_lost(const struct cp_doc *doc, struct cp_heap *heap,
                              struct cp_writer *list)
{
    if (doc->name.s.n > 0)
        add_to_list(list, "name");
    if (doc->vars)
        add_to_list(list, "vars");
    if (doc->defaults)
        add_to_list(list, "defaults");
    if (doc->tests)
        add_to_list(list, "tests");
    list_items(doc->items, doc->n, heap, list);
    if (is_any(doc->items, doc->n, has_line_break) && is_any(doc->items, doc->n, has_hash))
        add_to_list(list, "a word that begins with # beside one of several lines: a comment there");
}

char *cp_doc_write_text(const struct cp_doc *doc, struct cp_heap *heap, struct cp_err *err)
{
    struct cp_writer w = {0};

    list_what_is_lost(doc, heap, &w);
    if (w.n > 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "a one-liner cannot hold %s", cp_writer_finish(&w, heap));
        return NULL;
    }
    put_items(&w, doc->items, doc->n, IN_LINE);
    return cp_writer_finish(&w, heap);
}
