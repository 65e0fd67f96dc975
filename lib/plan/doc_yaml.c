/* doc_yaml.c: reads pipeline files.
 *
 * DESIGN. libyaml's events are made into nodes (doc_yaml_nodes.c), then the nodes into a doc here.
 * libyaml's own loader was rejected: it takes duplicate keys, unfolds aliases without limit and
 * forgets where a text came from. What YAML does to expressions behind the user's back cannot be
 * seen in the nodes alone; the bytes around a scalar are looked at again when its text turns out to
 * be broken.
 */
#include "doc.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "doc_impl.h"
#include "doc_yaml_nodes.h"
#include "words.h"

/* ---- Traps: what YAML did to a plain text ---- */

/* Notes what may have cut this scalar short, for the case that it turns out to be unfinished. */
static void set_trap(struct cp_doc_reader *r, const struct cp_node *node)
{
    const struct cp_yaml_node *y = cp_yaml_node_of(node);
    const struct cp_source *source = r->source;
    size_t i = y->end;

    r->trap = NULL;
    if (!y->is_plain)
        return;
    while (i < source->len && (source->text[i] == ' ' || source->text[i] == '\t'))
        i++;
    if (i == source->len)
        return;
    r->trap_pos = cp_doc_pos(r, i, 1);
    if (source->text[i] == '#' && i > y->end) {
        r->trap = "YAML takes ` #` for a comment, so the text ends before it";
        r->trap_hint = "put the whole text in single quotes: '…'";
    } else if (y->in_flow && source->text[i] == ',') {
        r->trap = "inside [ ] and { } YAML splits at every comma, so the text ends before this one";
        r->trap_hint = "put the whole text in single quotes: '…', or write one item in each line";
    }
}

/* A key that is no name: most often a text that YAML cut at `: `. */
static int odd_key(struct cp_doc_reader *r, const struct cp_text *key)
{
    struct cp_pos colon = cp_text_pos(key, key->s.n, 0);

    if (r->source->text[colon.off] == ',' || r->source->text[colon.off] == '}')
        return cp_diag_error(r->diags, key->pos, "put the whole text in single quotes: '…'",
                             "inside { } YAML splits at every comma, so this became a key");
    colon.len = 1;
    return cp_diag_error(r->diags, colon, "put the whole text in single quotes: '…'",
                         "YAML takes `: ` for the end of a key, so this text became a map");
}

static bool is_name(struct cp_slice s)
{
    return s.n > 0 && cp_name_length(s.p, s.n) == s.n;
}

/* ---- Arguments ---- */

/* A word of a list as it must stand in args. */
static void put_word(struct cp_writer *w, struct cp_slice s, bool regex)
{
    size_t key = cp_name_length(s.p, s.n);

    if (cp_word_is_plain(s, regex)) {
        cp_put(w, s.p, s.n);
        return;
    }
    if (key > 0 && key < s.n && s.p[key] == '=') {
        cp_put(w, s.p, key + 1);
        s = (struct cp_slice){s.p + key + 1, s.n - key - 1};
    }
    cp_put_word_quoted(w, s);
}

/* Adds one member of a list to the args that are being joined. */
static void join(struct cp_doc_reader *r, struct cp_writer *w, struct cp_runs *runs,
                 const struct cp_text *t, enum cp_args_form form)
{
    bool is_expr = form == CP_ARGS_EXPR;
    size_t before = w->n;

    if (before > 0)
        cp_puts(w, is_expr ? ", " : " ");
    cp_runs_add(runs, w->n - before, t->pos.off, 0, r->heap);
    before = w->n;
    if (is_expr)
        cp_put(w, t->s.p, t->s.n);
    else
        put_word(w, t->s, form == CP_ARGS_WORDS_REGEX);
    if (w->n - before == t->s.n && t->verbatim)
        cp_runs_add(runs, t->s.n, t->pos.off, t->s.n, r->heap);
    else if (w->n - before == t->s.n)
        cp_runs_add_text(runs, t, r->heap);
    else
        cp_runs_add(runs, w->n - before, t->pos.off, t->pos.len, r->heap);
}

static int check_member(struct cp_doc_reader *r, const struct cp_node *node, enum cp_args_form form)
{
    if (node->kind != CP_NODE_SCALAR)
        return cp_diag_error(r->diags, node->text.pos, NULL,
                             "lists and maps inside arguments are not available in this version");
    if (cp_node_is_null(node) && node->text.s.n == 0)
        return cp_diag_error(r->diags, node->text.pos, NULL, "this argument is empty");
    set_trap(r, node);
    if (form == CP_ARGS_EXPR && r->trap && !cp_expr_is_closed(node->text.s))
        return cp_diag_error(r->diags, r->trap_pos, r->trap_hint, "%s", r->trap);
    return 0;
}

/* kind: [a, b] */
static int read_list_args(struct cp_doc_reader *r, const struct cp_node *list, struct cp_item *item)
{
    struct cp_writer w = {0};
    struct cp_runs runs = {0};
    int result = 0;

    for (size_t i = 0; i < list->n && result == 0; i++) {
        result = check_member(r, list->items[i], item->form);
        if (result == 0)
            join(r, &w, &runs, &list->items[i]->text, item->form);
    }
    struct cp_text args = {.pos = list->text.pos, .runs = runs.v, .n_runs = runs.n, .s.n = w.n};
    args.s.p = cp_writer_finish(&w, r->heap);
    r->trap = NULL;
    return result < 0 ? -1 : cp_read_args(r, &args, item);
}

static int read_setting(struct cp_doc_reader *r, struct cp_item *item, const struct cp_text *key,
                        struct cp_node *value)
{
    if (cp_yaml_node_of(value)->is_bad)
        return -1;
    if (!is_name(key->s))
        return odd_key(r, key);
    return cp_item_add_setting(r, item, key, value);
}

static int read_map_settings(struct cp_doc_reader *r, const struct cp_node *map,
                             struct cp_item *item)
{
    int result = 0;

    for (size_t i = 0; i < map->n; i++)
        if (read_setting(r, item, &map->keys[i], map->items[i]) < 0)
            result = -1;
    return result;
}

/* The value of the stage key. */
static int read_stage_value(struct cp_doc_reader *r, const struct cp_node *value,
                            struct cp_item *item)
{
    struct cp_slice s = value->text.s;

    item->args = value->text;
    if (cp_yaml_node_of(value)->is_bad)
        return -1;
    if (value->kind != CP_NODE_SCALAR)
        item->args = (struct cp_text){.s = CP_SLICE(""), .pos = value->text.pos};
    if (value->kind == CP_NODE_LIST)
        return read_list_args(r, value, item);
    if (value->kind == CP_NODE_MAP)
        return read_map_settings(r, value, item);
    if (!value->quoted && cp_slice_is(s, "~")) {
        item->args.s = CP_SLICE("");
        return 0;
    }
    set_trap(r, value);
    return cp_read_args(r, &value->text, item);
}

/* ---- Which key is the stage ---- */

static bool is_stage_key(const struct cp_doc_reader *r, struct cp_slice key)
{
    const char *hint;

    return r->kinds->is_kind(key) || cp_is_future_kind(key, &hint);
}

/* Whether all other keys that are kinds are options of this one. */
static bool owns_other_kinds(const struct cp_doc_reader *r, const struct cp_node *map, size_t k)
{
    for (size_t i = 0; i < map->n; i++)
        if (i != k && is_stage_key(r, map->keys[i].s) &&
            !(r->kinds->has_option && r->kinds->has_option(map->keys[k].s, map->keys[i].s)))
            return false;
    return true;
}

static int two_stages(struct cp_doc_reader *r, const struct cp_node *map)
{
    const struct cp_text *first = NULL, *second = NULL;

    for (size_t i = 0; i < map->n && !second; i++) {
        if (!is_stage_key(r, map->keys[i].s))
            continue;
        if (first)
            second = &map->keys[i];
        else
            first = &map->keys[i];
    }
    const char *hint =
        cp_heap_printf(r->heap, "begin an item of its own for it: - %.*s: …", CP_SHOW(second->s));
    return cp_diag_error(r->diags, second->pos, hint, "two stages in one item: %.*s and %.*s",
                         CP_SHOW(first->s), CP_SHOW(second->s));
}

/* The first word of a text, where it is a kind. */
static bool begins_with_kind(const struct cp_doc_reader *r, struct cp_slice s)
{
    struct cp_slice word = {s.p, cp_name_length(s.p, s.n)};

    return word.n > 0 && is_stage_key(r, word) && (word.n == s.n || cp_is_blank(s.p[word.n]));
}

static int no_stage(struct cp_doc_reader *r, const struct cp_node *map)
{
    size_t i = 0;

    while (i + 1 < map->n && cp_is_common_key(map->keys[i].s))
        i++;
    if (map->n == 0)
        return cp_diag_error(r->diags, map->text.pos, NULL, "this item has no stage");
    const struct cp_text *key = &map->keys[i];
    const struct cp_node *value = map->items[i];
    if (cp_is_common_key(key->s))
        return cp_diag_error(r->diags, key->pos, "as in `- filter: status >= 500`",
                             "this item has no stage");
    if (!is_name(key->s))
        return odd_key(r, key);
    if (value->kind == CP_NODE_SCALAR && begins_with_kind(r, value->text.s)) {
        const char *hint = cp_heap_printf(
            r->heap, "quote the whole item, or write the name below the stage: name: %.*s",
            CP_SHOW(key->s));
        return cp_diag_error(r->diags, key->pos, hint,
                             "in YAML NAME: KIND … is a map with the key NAME");
    }
    const char *hint =
        cp_doc_did_you_mean(r, key->s, true, true, "`chanpipe list stages` shows all of them");
    return cp_diag_error(r->diags, key->pos, hint, "there is no stage %.*s", CP_SHOW(key->s));
}

/* The index of the stage key; -1 after a diagnostic. */
static int find_stage_key(struct cp_doc_reader *r, const struct cp_node *map)
{
    size_t n = 0;

    for (size_t i = 0; i < map->n; i++)
        n += is_stage_key(r, map->keys[i].s);
    for (size_t i = 0; i < map->n; i++)
        if (is_stage_key(r, map->keys[i].s) && owns_other_kinds(r, map, i))
            return (int)i;
    return n == 0 ? no_stage(r, map) : two_stages(r, map);
}

/* ---- Stages ---- */

static int read_map_item(struct cp_doc_reader *r, const struct cp_node *map, struct cp_item *item)
{
    int stage = find_stage_key(r, map), result;

    if (stage < 0)
        return -1;
    result = cp_read_kind(r, &map->keys[stage], item);
    if (result == 0)
        result = read_stage_value(r, map->items[stage], item);
    for (size_t i = 0; i < map->n; i++)
        if (i != (size_t)stage && read_setting(r, item, &map->keys[i], map->items[i]) < 0)
            result = -1;
    return result;
}

static int read_item(struct cp_doc_reader *r, const struct cp_node *node, struct cp_item *item)
{
    if (cp_yaml_node_of(node)->is_bad)
        return -1;
    if (node->kind == CP_NODE_MAP)
        return read_map_item(r, node, item);
    if (node->kind == CP_NODE_LIST)
        return cp_diag_error(r->diags, node->text.pos, NULL,
                             "branches (a list in a list) are not available in this version");
    if (cp_node_is_null(node))
        return cp_diag_error(r->diags, node->text.pos, "as in `- filter: status >= 500`",
                             "this item is empty");
    set_trap(r, node);
    return cp_read_stage(r, &node->text, item);
}

/* After a text that a comma cut, the other pieces make no sense either. */
static bool is_cut_at_comma(const struct cp_doc_reader *r, const struct cp_node *node)
{
    return r->trap && r->source->text[r->trap_pos.off] == ',' && node->kind == CP_NODE_SCALAR;
}

static void read_stage_list(struct cp_doc_reader *r, const struct cp_node *list)
{
    if (list->n == 0)
        cp_diag_error(r->diags, list->text.pos, NULL, "the list of stages is empty");
    for (size_t i = 0; i < list->n; i++) {
        struct cp_item item = {0};
        r->trap = NULL;
        if (read_item(r, list->items[i], &item) == 0)
            *cp_doc_add_item(r) = item;
        else if (is_cut_at_comma(r, list->items[i]) && !cp_expr_is_closed(list->items[i]->text.s))
            break;
        if (i + 1 < list->n && r->doc->n == CP_DOC_MAX_STAGES) {
            cp_diag_error(r->diags, list->items[i]->text.pos, NULL,
                          "a pipeline has at most %d stages", CP_DOC_MAX_STAGES);
            break;
        }
    }
    r->trap = NULL;
}

static void read_stages(struct cp_doc_reader *r, struct cp_node *node)
{
    if (node->kind == CP_NODE_LIST) {
        read_stage_list(r, node);
    } else if (node->kind == CP_NODE_MAP) {
        cp_diag_error(r->diags, node->text.pos, "put `- ` before every stage",
                      "stages is a list, not a map");
    } else if (cp_node_is_null(node)) {
        cp_diag_error(r->diags, node->text.pos, NULL, "the list of stages is empty");
    } else {
        set_trap(r, node);
        cp_read_pipeline(r, &node->text, true);
        r->trap = NULL;
    }
}

/* ---- The other keys of the file ---- */

static void read_name(struct cp_doc_reader *r, struct cp_node *node)
{
    if (node->kind != CP_NODE_SCALAR || cp_node_is_null(node) || node->text.s.n == 0)
        cp_diag_error(r->diags, node->text.pos, "as in `name: nginx-5xx`", "name is a text");
    else
        r->doc->name = node->text;
}

static void read_vars(struct cp_doc_reader *r, struct cp_node *node)
{
    r->doc->vars = node;
    if (node->kind != CP_NODE_MAP) {
        cp_diag_error(r->diags, node->text.pos, "as in `vars: {log: access.log}`", "vars is a map");
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        if (!is_name(node->keys[i].s))
            cp_diag_error(r->diags, node->keys[i].pos,
                          "letters, digits, _ and -, first a letter or _",
                          "this is no name for a variable");
        if (!cp_yaml_node_of(node->items[i])->is_bad &&
            (node->items[i]->kind != CP_NODE_SCALAR || cp_node_is_null(node->items[i])))
            cp_diag_error(r->diags, node->items[i]->text.pos, "an empty text is ''",
                          "a variable is a text");
    }
}

static void read_defaults(struct cp_doc_reader *r, struct cp_node *node)
{
    r->doc->defaults = node;
    if (node->kind != CP_NODE_MAP) {
        cp_diag_error(r->diags, node->text.pos, "as in `defaults: {capacity: 8}`",
                      "defaults is a map");
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        struct cp_slice key = node->keys[i].s;
        if (!cp_is_common_key(key) || cp_slice_is(key, "name") || cp_slice_is(key, "from"))
            cp_diag_error(
                r->diags, node->keys[i].pos,
                cp_doc_did_you_mean(r, key, false, true,
                                    "workers, order, capacity, when_full and on_error have one"),
                "there is no default for %.*s", CP_SHOW(key));
        else if (!cp_yaml_node_of(node->items[i])->is_bad && cp_node_is_null(node->items[i]))
            cp_diag_error(r->diags, node->keys[i].pos, NULL, "%.*s has no value", CP_SHOW(key));
    }
}

static void read_tests(struct cp_doc_reader *r, struct cp_node *node)
{
    r->doc->tests = node;
    if (node->kind != CP_NODE_LIST) {
        cp_diag_error(r->diags, node->text.pos, "put `- ` before every test",
                      "tests is a list of maps");
        return;
    }
    for (size_t i = 0; i < node->n; i++)
        if (node->items[i]->kind != CP_NODE_MAP && !cp_yaml_node_of(node->items[i])->is_bad)
            cp_diag_error(r->diags, node->items[i]->text.pos,
                          "as in `- {name: …, input: […], expect: […]}`", "a test is a map");
}

static void read_include(struct cp_doc_reader *r, struct cp_node *node)
{
    cp_diag_error(r->diags, node->text.pos, NULL, "include is not available in this version");
}

static const struct {
    const char *name;
    void (*read)(struct cp_doc_reader *r, struct cp_node *node);
} top_keys[] = {
    {"name", read_name},     {"vars", read_vars},   {"defaults", read_defaults},
    {"stages", read_stages}, {"tests", read_tests}, {"include", read_include},
};

enum { N_TOP_KEYS = sizeof(top_keys) / sizeof(*top_keys) };

static void unknown_top_key(struct cp_doc_reader *r, const struct cp_text *key)
{
    const char *names[N_TOP_KEYS],
        *hint = "a file has the keys name, vars, defaults, stages and tests";

    for (size_t i = 0; i < N_TOP_KEYS; i++)
        names[i] = top_keys[i].name;
    const char *near = cp_nearest(key->s.p, key->s.n, names, N_TOP_KEYS);
    if (is_stage_key(r, key->s))
        hint = cp_heap_printf(r->heap, "stages are items of the list under `stages:`: - %.*s: …",
                              CP_SHOW(key->s));
    else if (cp_is_common_key(key->s))
        hint = cp_heap_printf(r->heap,
                              "write it below a stage, or for all of them: defaults: {%.*s: …}",
                              CP_SHOW(key->s));
    else if (near)
        hint = cp_heap_printf(r->heap, "did you mean %s?", near);
    cp_diag_error(r->diags, key->pos, hint, "a pipeline file has no key %.*s", CP_SHOW(key->s));
}

static void read_top_key(struct cp_doc_reader *r, const struct cp_text *key, struct cp_node *value)
{
    for (size_t i = 0; i < N_TOP_KEYS; i++) {
        if (!cp_slice_is(key->s, top_keys[i].name))
            continue;
        if (!cp_yaml_node_of(value)->is_bad)
            top_keys[i].read(r, value);
        return;
    }
    unknown_top_key(r, key);
}

static int no_map(struct cp_doc_reader *r, const struct cp_node *root)
{
    struct cp_pos pos = root ? root->text.pos : cp_doc_pos(r, 0, 0);
    const char *hint = !root ? "the file is empty"
                       : root->kind == CP_NODE_LIST
                           ? "write `stages:` in a line above the list"
                           : "a one-liner goes below a line `stages: |`, indented";

    return cp_diag_error(r->diags, pos, hint, "a pipeline file is a map with the key stages");
}

static void read_root(struct cp_doc_reader *r, const struct cp_node *root)
{
    bool has_stages = false;

    for (size_t i = 0; i < root->n; i++) {
        has_stages |= cp_slice_is(root->keys[i].s, "stages");
        read_top_key(r, &root->keys[i], root->items[i]);
    }
    if (!has_stages)
        cp_diag_error(r->diags, cp_doc_pos(r, root->text.pos.off, 1),
                      "stages is a list of stages, one item each", "the key stages is missing");
}

int cp_doc_read_yaml(struct cp_doc *doc, struct cp_heap *heap, struct cp_source source,
                     const struct cp_kinds *kinds, struct cp_diags *diags)
{
    struct cp_doc_reader r;
    struct cp_node *root;
    size_t start, errors = diags->errors;

    cp_doc_begin(&r, doc, heap, source, kinds, diags);
    if (cp_doc_check_bytes(&r, &start) < 0 || cp_yaml_read_nodes(&r, start, &root) < 0)
        return -1;
    if (!root || root->kind != CP_NODE_MAP)
        return root && cp_yaml_node_of(root)->is_bad ? -1 : no_map(&r, root);
    read_root(&r, root);
    return diags->errors > errors ? -1 : 0;
}
