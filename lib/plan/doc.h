/* doc.h: a pipeline as it was written: the same tree from a YAML file and from a one-liner.
 *
 *     YAML file ─ cp_doc_read_yaml ─┐                ┌─ cp_doc_write_yaml
 *                                   ├─ struct cp_doc ┤
 *     one-liner ─ cp_doc_read_text ─┘                └─ cp_doc_write_text
 *
 * Nothing in it is typed yet: every scalar is text until the option table of a stage gives it a
 * type. Every node keeps the place it came from. What is written from a doc reads back as the same
 * doc: converting twice changes nothing.
 */
#ifndef CP_PLAN_DOC_H
#define CP_PLAN_DOC_H

#include "../base/arena.h"
#include "../base/err.h"
#include "../base/origin.h"
#include "../base/slice.h"

/* ---- The tree ---- */

enum cp_node_kind { CP_NODE_SCALAR, CP_NODE_LIST, CP_NODE_MAP };

/* A value of an option, of vars or of a test: a scalar, a list or a map of them. */
struct cp_node {
    enum cp_node_kind kind;
    struct cp_text text;    /* scalar; its pos is right for every kind */
    bool quoted;            /* scalar: was quoted or a block: never means true, false or null */
    struct cp_node **items; /* list: n items; map: n values */
    struct cp_text *keys;   /* map: n keys */
    size_t n;
};

/* One `key: value` of a stage: a common key or an option of its kind. */
struct cp_setting {
    struct cp_text key;
    struct cp_node *value;
};

/* How a kind spells its arguments. The same bytes mean other things: `/` is a path here and a regex
 * there. */
enum cp_args_form {
    CP_ARGS_WORDS,       /* words.h */
    CP_ARGS_WORDS_REGEX, /* words; one that starts with `/` is a regex (grep, parse) */
    CP_ARGS_EXPR,        /* the expression language */
};

/* How a kind spells its branches. A kind that has branches has nothing else as arguments. */
enum cp_branches_form {
    CP_BRANCHES_NONE,   /* it has none */
    CP_BRANCHES_PLAIN,  /* { P ; P }; in a file a list of P */
    CP_BRANCHES_INPUTS, /* the same, or none: then its inputs come from above, or from: names them
                         */
    CP_BRANCHES_CASES,  /* { COND => P ; NAME: COND => P ; else => P }; in a file a list of
                         * {when: COND, name: NAME, do: P} and {else: P} */
};

/* One branch of a stage: stages of its own, in their order. */
struct cp_branch {
    struct cp_text name; /* of a case; s.n == 0: nothing */
    struct cp_text when; /* of a case: its condition, an expression; empty: else, or no case */
    bool is_else;        /* only the last case */
    bool is_bare;        /* a file: a text, without a list of its own: [STAGE, STAGE] */
    struct cp_item *items;
    size_t n;          /* at least 1 */
    struct cp_pos pos; /* where it begins */
};

/* One stage as written. */
struct cp_item {
    struct cp_text name; /* what the user called it; s.n == 0: nothing */
    struct cp_text kind;
    struct cp_text args; /* the text after the kind, as the one-liner spells it, without `with …`;
                          * may be empty: its position is then where it would stand */
    enum cp_args_form form;      /* of the kind */
    struct cp_setting *settings; /* in the order written; no key twice; `name` is not among them */
    size_t n_settings;
    struct cp_branch *branches; /* at least one, where the kind has branches: its args are empty */
    size_t n_branches;
};

struct cp_doc {
    struct cp_source source;
    struct cp_heap *heap; /* everything of the doc lives here */
    struct cp_text name;
    struct cp_node *vars;     /* a map of texts, or NULL */
    struct cp_node *defaults; /* a map with keys among the common ones, or NULL */
    struct cp_node *tests;    /* a list, or NULL */
    struct cp_item *items;
    size_t n;
};

/* ---- Reading ---- */

/* The kinds of stages there are. Readers need them to tell the stage key from the settings beside
 * it, and a regex from a path. */
struct cp_kinds {
    const char *const *names; /* for "did you mean" */
    size_t n;
    bool (*is_kind)(struct cp_slice name);
    enum cp_args_form (*args_form)(struct cp_slice kind); /* of a known kind */
    /* May be NULL. Kinds may have options that are named like kinds (`exec`, `count`): where two
     * keys of an item are kinds, the one that is an option of the other is no stage key. */
    bool (*has_option)(struct cp_slice kind, struct cp_slice key);
    enum cp_branches_form (*branches_form)(struct cp_slice kind); /* NULL: no kind has branches */
};

/* Limits of what is read; beyond them a pipeline is refused. */
enum {
    CP_DOC_MAX_BYTES =
        1 << 20,           /* of a file; and of its texts, each use of an alias counted in full */
    CP_DOC_MAX_DEPTH = 64, /* of lists, maps and brackets in each other; branches of a one-liner
                            * count as the lists and maps that they are in a file */
    CP_DOC_MAX_VALUES = 50000, /* of a file, each use of an alias counted in full */
    CP_DOC_MAX_KEYS = 1000,    /* of one map */
    CP_DOC_MAX_ANCHORS = 100,
    CP_DOC_MAX_STAGES = 254, /* those of branches too */
};

/* Each fills *doc, adds what it finds wrong to diags, all of it, and returns -1 if anything was;
 * the doc then holds what could be understood. The source's text must live as long as the doc. A
 * text that holds a line break may have comments: `#` at the start of a line or behind a blank, to
 * the end of the line. In branches `;` and `}` end a stage in both forms, as `|` does everywhere.
 */
int cp_doc_read_yaml(struct cp_doc *doc, struct cp_heap *heap, struct cp_source source,
                     const struct cp_kinds *kinds, struct cp_diags *diags);
int cp_doc_read_text(struct cp_doc *doc, struct cp_heap *heap, struct cp_source source,
                     const struct cp_kinds *kinds, struct cp_diags *diags);

/* The keys that every stage knows: name from workers order capacity when_full on_error max_errors.
 */
extern const char *const cp_common_keys[];
extern const size_t cp_n_common_keys;
bool cp_is_common_key(struct cp_slice key);

/* A kind that a later version has; *hint: what to do until then, or NULL. */
bool cp_is_future_kind(struct cp_slice kind, const char **hint);

/* A scalar that was not quoted and says nothing: empty, `~` or `null`. */
bool cp_node_is_null(const struct cp_node *node);

/* ---- ${X} ---- */

/* Replaces ${X}, ${X:-default}, ${X:?message} (as the shell: an empty value counts as unset) and
 * $${ (which becomes ${) in a text; anything else with a $ is plain. What was put in is not looked
 * at again. lookup gives the value or NULL. -1 after a diagnostic: unset without default, or a ${
 * that is not closed.
 *
 * For option scalars and for words after cp_words_split, so that a value with blanks stays one
 * word; never for expressions. */
int cp_doc_expand(struct cp_text *text, const char *(*lookup)(void *ctx, struct cp_slice name),
                  void *ctx, struct cp_heap *heap, struct cp_diags *diags);
/* The same for all scalars of a node. A node is changed in place. */
int cp_doc_expand_node(struct cp_node *node, const char *(*lookup)(void *ctx, struct cp_slice name),
                       void *ctx, struct cp_heap *heap, struct cp_diags *diags);

/* ---- Writing ---- */

/* The canonical text of a doc without mistakes, in the heap; it ends in a newline (YAML), in none
 * (text).
 *
 * What they make reads back as the same tree, and writing that gives the same bytes. Comments are
 * not kept. In YAML a stage is `- kind: args`, its settings stand below it; a list or map is
 * written on one line if it fits, a branch of one stage where a text can say it. In text, settings
 * follow `with` as k=v, where v is a word, a "quoted text", [a, b] or {k: v}.
 *
 * write_text returns NULL where a one-liner cannot hold the doc (name, vars, defaults, tests,
 * control bytes in a setting); the error lists what. */
char *cp_doc_write_yaml(const struct cp_doc *doc, struct cp_heap *heap);
char *cp_doc_write_text(const struct cp_doc *doc, struct cp_heap *heap, struct cp_err *err);

#endif
