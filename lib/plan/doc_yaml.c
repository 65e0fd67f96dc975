/* doc_yaml.c: reads pipeline files.
 *
 * DESIGN. libyaml's events are made into nodes (doc_yaml_nodes.c), then the nodes into a doc: the
 * stages in doc_yaml_stage.c, the rest here. libyaml's own loader was rejected: it takes duplicate
 * keys, unfolds aliases without limit and forgets where a text came from. What YAML does to
 * expressions behind the user's back cannot be seen in the nodes alone; the bytes around a scalar
 * are looked at again when its text turns out to be broken.
 */
#include "doc.h"

#include "doc_yaml_stage.h"

static bool is_name(struct cp_slice s)
{
    return s.n > 0 && cp_name_length(s.p, s.n) == s.n;
}

/* ---- The keys of the file ---- */

static void read_stages(struct cp_doc_reader *r, struct cp_node *node)
{
    struct cp_items items = {0};

    if (node->kind == CP_NODE_MAP) {
        cp_diag_error(r->diags, node->text.pos, "put `- ` before every stage",
                      "stages is a list, not a map");
    } else if (node->kind == CP_NODE_LIST ? node->n == 0 : cp_node_is_null(node)) {
        cp_diag_error(r->diags, node->text.pos, NULL, "the list of stages is empty");
    } else if (node->kind == CP_NODE_LIST) {
        cp_yaml_read_items(r, node, &items);
    } else {
        cp_yaml_set_trap(r, node);
        cp_read_pipeline(r, &node->text, true, &items);
        r->trap = NULL;
    }
    r->doc->items = items.v;
    r->doc->n = items.n;
    cp_doc_check_names(r);
}

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

static const char with_default[] =
    "workers, order, capacity, when_full, on_error and max_errors have one";

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
        if (cp_slice_is(key, "name") || cp_slice_is(key, "from"))
            cp_diag_error(r->diags, node->keys[i].pos, with_default, "there is no default for %.*s",
                          CP_SHOW(key));
        else if (!cp_is_common_key(key))
            cp_diag_error(r->diags, node->keys[i].pos,
                          cp_doc_did_you_mean(r, key, false, true, with_default),
                          "there is no default for %.*s", CP_SHOW(key));
        else if (!cp_yaml_node_of(node->items[i])->is_bad && cp_node_is_null(node->items[i]))
            cp_diag_error(r->diags, node->keys[i].pos, NULL, "%.*s has no value", CP_SHOW(key));
    }
}

static void check_test_name(struct cp_doc_reader *r, const struct cp_node *node)
{
    if (node->kind != CP_NODE_SCALAR || node->text.s.n == 0)
        cp_diag_error(r->diags, node->text.pos, "as in `name: counts by path`",
                      "name of a test is a text");
}

static void check_test_input(struct cp_doc_reader *r, const struct cp_node *node)
{
    bool is_right = node->kind != CP_NODE_MAP;

    for (size_t i = 0; i < node->n && is_right; i++)
        is_right = node->items[i]->kind == CP_NODE_SCALAR;
    if (!is_right)
        cp_diag_error(r->diags, node->text.pos, "as in `input: ['{\"a\":1}', '{\"a\":2}']`",
                      "input of a test is a text, or a list of lines");
}

static void check_test_expect(struct cp_doc_reader *r, const struct cp_node *node)
{
    if (node->kind == CP_NODE_MAP)
        cp_diag_error(r->diags, node->text.pos, "as in `expect: [{path: /a, count: 1}]`",
                      "expect of a test is a text, or a list of records");
}

static const struct {
    const char *name;
    void (*check)(struct cp_doc_reader *r, const struct cp_node *node);
} test_keys[] = {
    {"name", check_test_name},
    {"input", check_test_input},
    {"expect", check_test_expect},
};

enum { N_TEST_KEYS = sizeof(test_keys) / sizeof(*test_keys) };

static void unknown_test_key(struct cp_doc_reader *r, const struct cp_text *key)
{
    const char *names[N_TEST_KEYS], *near;

    for (size_t i = 0; i < N_TEST_KEYS; i++)
        names[i] = test_keys[i].name;
    near = cp_nearest(key->s.p, key->s.n, names, N_TEST_KEYS);
    cp_diag_error(r->diags, key->pos,
                  near ? cp_heap_printf(r->heap, "did you mean %s?", near)
                       : "a test has the keys name, input and expect",
                  "a test has no key %.*s", CP_SHOW(key->s));
}

static void check_test_key(struct cp_doc_reader *r, const struct cp_text *key,
                           const struct cp_node *value)
{
    size_t i = 0;

    while (i < N_TEST_KEYS && !cp_slice_is(key->s, test_keys[i].name))
        i++;
    if (i == N_TEST_KEYS)
        unknown_test_key(r, key);
    else if (cp_yaml_node_of(value)->is_bad)
        return;
    else if (cp_node_is_null(value))
        cp_diag_error(r->diags, key->pos, NULL, "%.*s has no value", CP_SHOW(key->s));
    else
        test_keys[i].check(r, value);
}

static void check_test(struct cp_doc_reader *r, const struct cp_node *test)
{
    if (test->kind != CP_NODE_MAP)
        cp_diag_error(r->diags, test->text.pos, "as in `- {name: …, input: […], expect: […]}`",
                      "a test is a map");
    for (size_t i = 0; test->kind == CP_NODE_MAP && i < test->n; i++)
        check_test_key(r, &test->keys[i], test->items[i]);
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
        if (!cp_yaml_node_of(node->items[i])->is_bad)
            check_test(r, node->items[i]);
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
    if (cp_yaml_is_stage_key(r, key->s))
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
