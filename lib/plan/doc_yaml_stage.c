/* doc_yaml_stage.c: the stages of a pipeline file, from nodes to items. */
#include "doc_yaml_stage.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "words.h"

/* ---- Traps: what YAML did to a plain text ---- */

void cp_yaml_set_trap(struct cp_doc_reader *r, const struct cp_node *node)
{
    const struct cp_yaml_node *y = cp_yaml_node_of(node);
    const struct cp_source *source = r->source;
    size_t i = y->end;

    r->trap = NULL;
    r->trap_sprung = false;
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

/* Whether a comma of { } made this text a key: it has no colon. */
static bool is_cut_key(const struct cp_doc_reader *r, const struct cp_text *key)
{
    size_t end = cp_text_pos(key, key->s.n, 0).off;

    return end < r->source->len && (r->source->text[end] == ',' || r->source->text[end] == '}');
}

/* A key that is no name: most often a text that YAML cut at `: `. */
static int odd_key(struct cp_doc_reader *r, const struct cp_text *key)
{
    struct cp_pos colon = cp_text_pos(key, key->s.n, 0);

    if (is_cut_key(r, key))
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
static void put_word(struct cp_writer *w, struct cp_slice s, bool regex, bool in_branch)
{
    size_t key = cp_name_length(s.p, s.n);

    if (cp_word_is_plain(s, regex, in_branch)) {
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
        put_word(w, t->s, form == CP_ARGS_WORDS_REGEX, r->depth > 0);
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
    cp_yaml_set_trap(r, node);
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

static int read_branches(struct cp_doc_reader *r, const struct cp_node *value, struct cp_item *item,
                         enum cp_branches_form form);

/* The value of the stage key. */
static int read_stage_value(struct cp_doc_reader *r, const struct cp_node *value,
                            struct cp_item *item)
{
    enum cp_branches_form form = cp_branches_form_of(r, item->kind.s);
    struct cp_slice s = value->text.s;

    item->args = value->text;
    if (cp_yaml_node_of(value)->is_bad)
        return -1;
    if (value->kind != CP_NODE_SCALAR || form != CP_BRANCHES_NONE)
        item->args = (struct cp_text){.s = CP_SLICE(""), .pos = value->text.pos};
    if (form != CP_BRANCHES_NONE)
        return read_branches(r, value, item, form);
    if (value->kind == CP_NODE_LIST)
        return read_list_args(r, value, item);
    if (value->kind == CP_NODE_MAP)
        return read_map_settings(r, value, item);
    if (!value->quoted && cp_slice_is(s, "~")) {
        item->args.s = CP_SLICE("");
        return 0;
    }
    cp_yaml_set_trap(r, value);
    return cp_read_args(r, &value->text, item);
}

/* ---- Which key is the stage ---- */

bool cp_yaml_is_stage_key(const struct cp_doc_reader *r, struct cp_slice key)
{
    const char *hint;

    return r->kinds->is_kind(key) || cp_is_future_kind(key, &hint);
}

/* Whether all other keys that are kinds are options of this one. */
static bool owns_other_kinds(const struct cp_doc_reader *r, const struct cp_node *map, size_t k)
{
    for (size_t i = 0; i < map->n; i++)
        if (i != k && cp_yaml_is_stage_key(r, map->keys[i].s) &&
            !(r->kinds->has_option && r->kinds->has_option(map->keys[k].s, map->keys[i].s)))
            return false;
    return true;
}

static int two_stages(struct cp_doc_reader *r, const struct cp_node *map)
{
    const struct cp_text *first = NULL, *second = NULL;

    for (size_t i = 0; i < map->n && !second; i++) {
        if (!cp_yaml_is_stage_key(r, map->keys[i].s))
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

    return word.n > 0 && cp_yaml_is_stage_key(r, word) &&
           (word.n == s.n || cp_is_blank(s.p[word.n]));
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
        n += cp_yaml_is_stage_key(r, map->keys[i].s);
    for (size_t i = 0; i < map->n; i++)
        if (cp_yaml_is_stage_key(r, map->keys[i].s) && owns_other_kinds(r, map, i))
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
        return cp_diag_error(r->diags, node->text.pos,
                             "stages one after the other need no list of their own; branches stand "
                             "below tee, merge or route",
                             "a list stands here in place of a stage");
    if (cp_node_is_null(node))
        return cp_diag_error(r->diags, node->text.pos, "as in `- filter: status >= 500`",
                             "this item is empty");
    cp_yaml_set_trap(r, node);
    return cp_read_stage(r, &node->text, item);
}

/* After a text that a comma cut, the other pieces make no sense either. */
static bool is_cut_at_comma(const struct cp_doc_reader *r, const struct cp_node *node)
{
    return r->trap && r->source->text[r->trap_pos.off] == ',' && node->kind == CP_NODE_SCALAR;
}

void cp_yaml_read_items(struct cp_doc_reader *r, const struct cp_node *list, struct cp_items *items)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct cp_node *node = list->items[i];
        struct cp_item item = {0};
        r->trap = NULL;
        if (cp_doc_count_stage(r, node->text.pos) < 0)
            break;
        if (read_item(r, node, &item) == 0)
            cp_items_add(r, items, &item);
        else if (is_cut_at_comma(r, node) && !cp_expr_is_closed(node->text.s))
            break;
    }
    r->trap = NULL;
}

/* ---- Branches ---- */

static int no_stages(struct cp_doc_reader *r, struct cp_pos pos)
{
    return cp_diag_error(r->diags, pos, "a list of stages, one stage, or the text of a one-liner",
                         "this branch has no stages");
}

/* A list of stages, one stage as a map, or the text of a one-liner. */
static void read_branch_body(struct cp_doc_reader *r, struct cp_node *node, struct cp_branch *b)
{
    struct cp_node *one[] = {node};
    const struct cp_node list = {.kind = CP_NODE_LIST, .items = one, .n = 1};
    struct cp_items items = {0};

    r->trap = NULL;
    if (cp_yaml_node_of(node)->is_bad)
        return;
    if (node->kind == CP_NODE_LIST ? node->n == 0 : cp_node_is_null(node)) {
        no_stages(r, node->text.pos);
    } else if (node->kind != CP_NODE_SCALAR) {
        cp_yaml_read_items(r, node->kind == CP_NODE_LIST ? node : &list, &items);
    } else {
        cp_yaml_set_trap(r, node);
        cp_read_pipeline(r, &node->text, memchr(node->text.s.p, '\n', node->text.s.n), &items);
    }
    b->items = items.v;
    b->n = items.n;
}

/* ---- Cases ---- */

enum case_key { CASE_WHEN, CASE_DO, CASE_ELSE, CASE_NAME, N_CASE_KEYS };
static const char *const case_keys[] = {"when", "do", "else", "name"};

/* A case while it is read. */
struct case_reader {
    struct cp_doc_reader *r;
    const struct cp_node *map;
    struct cp_node *value[N_CASE_KEYS]; /* NULL: the key is not there */
    const struct cp_text *key[N_CASE_KEYS];
    bool is_cut; /* YAML cut a text into keys: nothing else in the map makes sense */
};

static int unknown_case_key(struct cp_doc_reader *r, const struct cp_text *key)
{
    const char *near = cp_nearest(key->s.p, key->s.n, case_keys, N_CASE_KEYS),
               *hint = "a case has the keys when, do and name, or the key else";

    if (near)
        hint = cp_heap_printf(r->heap, "did you mean %s?", near);
    else if (cp_yaml_is_stage_key(r, key->s))
        hint = cp_heap_printf(r->heap, "the stages of a case stand in its key do: {%.*s: …}",
                              CP_SHOW(key->s));
    return cp_diag_error(r->diags, key->pos, hint, "a case has no key %.*s", CP_SHOW(key->s));
}

static int find_case_keys(struct case_reader *cr)
{
    const struct cp_node *map = cr->map;
    int result = 0;

    for (size_t i = 0; i < map->n; i++) {
        size_t k = 0;
        while (k < N_CASE_KEYS && !cp_slice_is(map->keys[i].s, case_keys[k]))
            k++;
        if (!is_name(map->keys[i].s) || (k == N_CASE_KEYS && is_cut_key(cr->r, &map->keys[i]))) {
            cr->is_cut = true;
            return odd_key(cr->r, &map->keys[i]);
        } else if (k == N_CASE_KEYS) {
            result = unknown_case_key(cr->r, &map->keys[i]);
        } else {
            cr->value[k] = map->items[i];
            cr->key[k] = &map->keys[i];
        }
    }
    return result;
}

static int check_case_keys(const struct case_reader *cr)
{
    struct cp_diags *diags = cr->r->diags;
    struct cp_pos pos = cr->map->text.pos;

    if (cr->value[CASE_ELSE]) {
        for (size_t k = 0; k < N_CASE_KEYS; k++)
            if (cr->value[k] && k != CASE_ELSE)
                return cp_diag_error(diags, cr->key[k]->pos,
                                     "a case is {when: …, do: …} or {else: …}",
                                     "%s does not stand beside else", case_keys[k]);
        return 0;
    }
    if (!cr->value[CASE_WHEN])
        cp_diag_error(diags, pos, "as in {when: status >= 500, do: …}; the last may be {else: …}",
                      "this case has no when");
    if (!cr->value[CASE_DO])
        cp_diag_error(diags, pos, "as in {when: status >= 500, do: file err.log}",
                      "this case has no do");
    return cr->value[CASE_WHEN] && cr->value[CASE_DO] ? 0 : -1;
}

static int read_when(struct cp_doc_reader *r, const struct cp_node *node, struct cp_branch *b)
{
    if (cp_yaml_node_of(node)->is_bad)
        return -1;
    if (node->kind == CP_NODE_MAP && node->n > 0 && !is_name(node->keys[0].s))
        return odd_key(r, &node->keys[0]);
    if (node->kind != CP_NODE_SCALAR)
        return cp_diag_error(
            r->diags, node->text.pos, "a text that begins with [ or { is put in single quotes: '…'",
            "when is an expression, not a %s", node->kind == CP_NODE_LIST ? "list" : "map");
    cp_yaml_set_trap(r, node);
    if (node->text.s.n == 0 || (!node->quoted && cp_slice_is(node->text.s, "~")))
        return cp_diag_error(r->diags, node->text.pos, "as in `when: status >= 500`",
                             "this condition is empty");
    return cp_read_condition(r, &node->text, &b->when);
}

static int read_case_name(struct cp_doc_reader *r, const struct cp_node *node,
                          const struct cp_item *item, struct cp_branch *b)
{
    struct cp_text name = node->text;

    if (cp_yaml_node_of(node)->is_bad)
        return -1;
    if (node->kind != CP_NODE_SCALAR)
        name.s = CP_SLICE("");
    return cp_case_set_name(r, item, b, &name);
}

/* {when: COND, name: NAME, do: P} or {else: P} */
static void read_case(struct cp_doc_reader *r, struct cp_node *node, struct cp_item *item)
{
    struct case_reader cr = {.r = r, .map = node};
    struct cp_branch b = {.pos = node->text.pos};
    int result;

    if (cp_yaml_node_of(node)->is_bad)
        return;
    if (node->kind != CP_NODE_MAP) {
        cp_diag_error(r->diags, node->text.pos, "as in `- {when: status >= 500, do: file err.log}`",
                      "a case is a map with the keys when and do, or else");
        return;
    }
    result = find_case_keys(&cr);
    if (cr.is_cut)
        return;
    if (result == 0)
        result = check_case_keys(&cr);
    if (cr.value[CASE_WHEN] && read_when(r, cr.value[CASE_WHEN], &b) < 0)
        result = -1;
    if (cr.value[CASE_NAME] && read_case_name(r, cr.value[CASE_NAME], item, &b) < 0)
        result = -1;
    b.is_else = cr.value[CASE_ELSE] != NULL;
    if (cr.value[CASE_DO] || b.is_else)
        read_branch_body(r, cr.value[b.is_else ? CASE_ELSE : CASE_DO], &b);
    if (result == 0)
        cp_item_add_branch(r, item, &b);
}

/* ---- Lists of branches ---- */

static int no_branch_list(struct cp_doc_reader *r, const struct cp_node *value,
                          const struct cp_item *item, enum cp_branches_form form)
{
    const char *hint = form == CP_BRANCHES_CASES ? "put `- ` before every case: - {when: …, do: …}"
                                                 : "put `- ` before every branch: - [STAGE, STAGE]";

    if (value->kind == CP_NODE_MAP && r->source->text[value->text.pos.off] == '{')
        hint = "in YAML { } is a map: put the braces of a one-liner in single quotes: '{ … }'";
    if (cp_node_is_null(value) || value->kind == CP_NODE_LIST)
        return cp_diag_error(r->diags, value->text.pos, hint, "%.*s has no branches",
                             CP_SHOW(item->kind.s));
    return cp_diag_error(r->diags, value->text.pos, hint, "%.*s takes a list of %s",
                         CP_SHOW(item->kind.s), form == CP_BRANCHES_CASES ? "cases" : "branches");
}

static void read_branch(struct cp_doc_reader *r, struct cp_node *node, struct cp_item *item)
{
    struct cp_branch b = {.pos = node->text.pos, .is_bare = node->kind == CP_NODE_SCALAR};

    read_branch_body(r, node, &b);
    cp_item_add_branch(r, item, &b);
}

/* -1 also where nothing in them was understood. */
static int read_branches(struct cp_doc_reader *r, const struct cp_node *value, struct cp_item *item,
                         enum cp_branches_form form)
{
    if (value->kind == CP_NODE_SCALAR && value->text.s.n > 0 && value->text.s.p[0] == '{') {
        cp_yaml_set_trap(r, value);
        return cp_read_args(r, &value->text, item);
    }
    if (form == CP_BRANCHES_INPUTS && cp_node_is_null(value))
        return 0;
    if (value->kind != CP_NODE_LIST || value->n == 0)
        return no_branch_list(r, value, item, form);
    if (cp_branches_enter(r, form, value->text.pos) < 0)
        return -1;
    for (size_t i = 0; i < value->n && !r->is_full; i++) {
        if (form == CP_BRANCHES_CASES)
            read_case(r, value->items[i], item);
        else
            read_branch(r, value->items[i], item);
        if (is_cut_at_comma(r, value->items[i]) && r->trap_sprung)
            break;
    }
    r->trap = NULL;
    cp_branches_leave(r, form);
    cp_cases_check(r, item);
    return item->n_branches > 0 ? 0 : -1;
}
