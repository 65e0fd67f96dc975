/* doc_text.c: reads one-liners, and the texts of single stages inside YAML files.
 *
 * DESIGN. The reader does not parse arguments: it finds where they end. For that it must know what
 * a quote, a regex and a bracket are, no more; expr and words read the same bytes again. It works
 * on a copy in which it overwrites comments, line breaks and tabs between words with blanks, so
 * that arguments are one line and every byte keeps its offset.
 */
#include "doc.h"

#include <string.h>

#include "doc_impl.h"
#include "words.h"

/* A text while it is read. */
struct scan {
    struct cp_doc_reader *r;
    const struct cp_text *t;
    char *p; /* the copy */
    size_t n, at;
    bool may_comment;
    bool failed;
    size_t stages; /* begun so far */
};

static struct scan scan_init(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment)
{
    struct scan sc = {.r = r, .t = t, .n = t->s.n, .may_comment = may_comment};

    sc.p = cp_heap_copy(r->heap, t->s.p, t->s.n);
    return sc;
}

static int wrong(struct scan *sc, size_t off, size_t len, const char *hint, const char *message)
{
    sc->failed = true;
    return cp_diag_error(sc->r->diags, cp_text_pos(sc->t, off, len), hint, "%s", message);
}

/* Something is open at the end of the text. */
static int unclosed(struct scan *sc, size_t off, const char *hint, const char *message)
{
    struct cp_doc_reader *r = sc->r;

    sc->at = sc->n;
    if (!r->trap)
        return wrong(sc, off, 1, hint, message);
    sc->failed = true;
    return cp_diag_error(r->diags, r->trap_pos, r->trap_hint, "%s", r->trap);
}

static bool is_end(const struct scan *sc)
{
    return sc->at >= sc->n || sc->p[sc->at] == '|';
}

static bool is_comment(const struct scan *sc)
{
    return sc->may_comment && sc->at < sc->n && sc->p[sc->at] == '#' &&
           (sc->at == 0 || cp_is_blank(sc->p[sc->at - 1]));
}

/* Blanks, line breaks and comments; all become blanks. */
static void skip_blanks(struct scan *sc)
{
    for (;;) {
        while (sc->at < sc->n && cp_is_blank(sc->p[sc->at]))
            sc->p[sc->at++] = ' ';
        if (!is_comment(sc))
            return;
        while (sc->at < sc->n && sc->p[sc->at] != '\n')
            sc->p[sc->at++] = ' ';
    }
}

/* A part of the copy; the text's own positions. */
static struct cp_text part(const struct scan *sc, size_t off, size_t len)
{
    struct cp_text copy = *sc->t;

    copy.s.p = sc->p;
    return cp_text_part(&copy, off, len, sc->r->heap);
}

/* ---- with k=v ---- */

static struct cp_node *read_value(struct scan *sc, int depth);

static struct cp_node *node_new(struct scan *sc, enum cp_node_kind kind, size_t off)
{
    struct cp_node *node = cp_heap_take(sc->r->heap, sizeof(*node));

    node->kind = kind;
    node->text.s = CP_SLICE("");
    node->text.pos = cp_text_pos(sc->t, off, 1);
    return node;
}

/* "…" at the scan's place, as one word. */
static int read_quoted(struct scan *sc, struct cp_text *text)
{
    size_t off = sc->at, end = cp_quote_end(sc->p + off, sc->n - off);
    struct cp_words words;

    if (end == 0)
        return unclosed(sc, off, "a quote is closed in its own line", "no \" closes this quote");
    struct cp_text quoted = part(sc, off, end);
    sc->at = off + end;
    if (cp_words_split(&quoted, false, sc->r->heap, &words, sc->r->diags) < 0) {
        sc->failed = true;
        return -1;
    }
    *text = words.v[0].text;
    return 0;
}

/* Where a value without quotes ends: as a word does; in brackets also at , ] } and (keys) :. */
static size_t bare_value_end(const struct scan *sc, int depth, bool is_key)
{
    size_t i = sc->at;

    if (depth == 0)
        return i + cp_word_end(sc->p + i, sc->n - i, false).end;
    while (i < sc->n && !cp_is_blank(sc->p[i]) && !strchr(is_key ? "|,[]{}:" : "|,[]{}", sc->p[i]))
        i++;
    return i;
}

static int read_bare(struct scan *sc, int depth, bool is_key, struct cp_text *text)
{
    size_t off = sc->at, end = bare_value_end(sc, depth, is_key);

    if (end == off || is_end(sc))
        return wrong(sc, off, 1, "\"\" is an empty text",
                     is_key ? "a key is missing here" : "a value is missing here");
    if (memchr(sc->p + off, '"', end - off))
        return wrong(sc, off, end - off, "quote all of it, with \\\" for a quote inside",
                     "a quote inside a value");
    *text = part(sc, off, end - off);
    sc->at = end;
    return 0;
}

static int read_text(struct scan *sc, int depth, bool is_key, struct cp_text *text)
{
    if (sc->at < sc->n && sc->p[sc->at] == '"')
        return read_quoted(sc, text);
    return read_bare(sc, depth, is_key, text);
}

static int check_map_key(struct scan *sc, const struct cp_node *map, const struct cp_text *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (!cp_slice_equal(map->keys[i].s, key->s))
            continue;
        sc->failed = true;
        return cp_diag_error(sc->r->diags, key->pos, NULL, "the key %.*s appears twice",
                             CP_SHOW(key->s));
    }
    if (map->n < CP_DOC_MAX_KEYS)
        return 0;
    return wrong(sc, sc->at, 1, NULL, "too many keys in one map");
}

static int read_key(struct scan *sc, int depth, struct cp_node *map)
{
    struct cp_text key;

    if (read_text(sc, depth, true, &key) < 0 || check_map_key(sc, map, &key) < 0)
        return -1;
    skip_blanks(sc);
    if (sc->at == sc->n || sc->p[sc->at] != ':')
        return wrong(sc, sc->at, 1, "{key: value, key: value}", "a : is missing behind the key");
    sc->at++;
    skip_blanks(sc);
    map->keys = cp_heap_grow(sc->r->heap, map->keys, map->n, sizeof(*map->keys));
    map->keys[map->n] = key;
    return 0;
}

/* One value of a list or map. */
static int read_member(struct scan *sc, int depth, struct cp_node *node)
{
    if (node->kind == CP_NODE_MAP && read_key(sc, depth, node) < 0)
        return -1;
    struct cp_node *value = read_value(sc, depth);
    if (!value)
        return -1;
    node->items = cp_heap_grow(sc->r->heap, node->items, node->n, sizeof(*node->items));
    node->items[node->n++] = value;
    return 0;
}

/* [a, b] or {k: v} */
static struct cp_node *read_collection(struct scan *sc, int depth)
{
    size_t off = sc->at++;
    bool is_list = sc->p[off] == '[';
    char close = is_list ? ']' : '}';
    struct cp_node *node = node_new(sc, is_list ? CP_NODE_LIST : CP_NODE_MAP, off);

    if (depth > CP_DOC_MAX_DEPTH) {
        wrong(sc, off, 1, NULL, "nested deeper than 64 levels");
        return NULL;
    }
    for (;;) {
        skip_blanks(sc);
        if (sc->at < sc->n && sc->p[sc->at] == close && node->n == 0)
            break;
        if (is_end(sc)
                ? unclosed(sc, off, NULL, is_list ? "no ] closes this [" : "no } closes this {")
                : read_member(sc, depth, node))
            return NULL;
        skip_blanks(sc);
        if (sc->at < sc->n && sc->p[sc->at] == close)
            break;
        if (sc->at < sc->n && sc->p[sc->at] != ',') {
            wrong(sc, sc->at, 1, "a text with blanks is \"quoted\" here",
                  is_list ? "expected , or ]" : "expected , or }");
            return NULL;
        }
        sc->at += sc->at < sc->n;
    }
    sc->at++;
    node->text.pos = cp_text_pos(sc->t, off, sc->at - off);
    return node;
}

static struct cp_node *read_value(struct scan *sc, int depth)
{
    char c = sc->at < sc->n ? sc->p[sc->at] : '|';

    if (c == '[' || c == '{')
        return read_collection(sc, depth + 1);
    struct cp_node *node = node_new(sc, CP_NODE_SCALAR, sc->at);
    node->quoted = c == '"';
    return read_text(sc, depth, false, &node->text) < 0 ? NULL : node;
}

static int read_setting(struct scan *sc, struct cp_item *item)
{
    size_t off = sc->at, n = cp_name_length(sc->p + off, sc->n - off);

    if (n == 0 || off + n >= sc->n || sc->p[off + n] != '=')
        return wrong(
            sc, off, n > 0 ? n : 1,
            "settings are k=v without blanks around the =; a value with blanks is \"quoted\"",
            "expected a setting key=value behind `with`");
    struct cp_text key = part(sc, off, n);
    sc->at = off + n + 1;
    struct cp_node *value = read_value(sc, 0);
    if (!value)
        return -1;
    if (!is_end(sc) && !cp_is_blank(sc->p[sc->at]))
        return wrong(sc, sc->at, 1, NULL, "expected a blank behind the value");
    if (cp_item_add_setting(sc->r, item, &key, value) == 0)
        return 0;
    sc->failed = true;
    return item->n_settings == CP_DOC_MAX_KEYS || sc->r->diags->n == CP_DIAGS_MAX ? -1 : 0;
}

static int read_settings(struct scan *sc, struct cp_item *item)
{
    sc->at += 4;
    for (skip_blanks(sc); !is_end(sc); skip_blanks(sc))
        if (read_setting(sc, item) < 0)
            return -1;
    return 0;
}

/* Whether `with key=` begins at i: otherwise it is a word or field like others. */
static bool is_with(const struct scan *sc, size_t i)
{
    const char *p = sc->p;

    if (sc->n - i < 7 || memcmp(p + i, "with", 4) != 0 || !cp_is_blank(p[i + 4]) ||
        (i > 0 && !cp_is_blank(p[i - 1])))
        return false;
    for (i += 4; i < sc->n && cp_is_blank(p[i]);)
        i++;
    size_t end = i + cp_name_length(p + i, sc->n - i);
    if (end == i || end >= sc->n || p[end] != '=')
        return false;
    return end + 1 >= sc->n || (p[end + 1] != '=' && p[end + 1] != '~');
}

/* ---- Arguments that are expressions ---- */

/* What is open, innermost last. */
struct brackets {
    size_t at[CP_DOC_MAX_DEPTH];
    int n;
    bool wants_value; /* a `/` here begins a regex, else it divides */
};

static const char no_branches[] = "branches in { } are not available in this version";

static int open_bracket(struct scan *sc, struct brackets *b)
{
    if (b->n == CP_DOC_MAX_DEPTH) {
        wrong(sc, sc->at, 1, NULL, "nested deeper than 64 levels");
        sc->at = sc->n;
        return -1;
    }
    if (sc->p[sc->at] == '{' && sc->at > 0 && sc->p[sc->at - 1] == '$')
        wrong(sc, sc->at - 1, 2, "write var.X for a variable, env.X for the environment",
              "${X} is not replaced in expressions");
    else if (sc->p[sc->at] == '{' && b->n == 0)
        wrong(sc, sc->at, 1, NULL, no_branches);
    b->at[b->n++] = sc->at++;
    b->wants_value = true;
    return 0;
}

/* A closing one that fits nothing is left to the parser of expressions. */
static void close_bracket(struct scan *sc, struct brackets *b)
{
    char c = sc->p[sc->at++];

    if (b->n > 0) {
        char open = sc->p[b->at[b->n - 1]];
        b->n -= (open == '(' && c == ')') || (open == '[' && c == ']') || (open == '{' && c == '}');
    }
    b->wants_value = false;
}

static int skip_quote(struct scan *sc, struct brackets *b)
{
    size_t off = sc->at, length = cp_quote_end(sc->p + off, sc->n - off);
    char c = sc->p[off];

    b->wants_value = false;
    sc->at += length;
    if (length > 0)
        return 0;
    if (c == '/')
        return unclosed(
            sc, off,
            "a regex is closed in its own line; to divide, a value must stand before the /",
            "no / closes this regex");
    return unclosed(sc, off, "a quote is closed in its own line",
                    c == '"' ? "no \" closes this quote" : "no ' closes this quote");
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '@' || (unsigned char)c >= 0x80;
}

/* Words behind which a value must follow; after a dot they are names of fields. */
static bool is_operator_word(const struct scan *sc, size_t off, size_t n)
{
    static const char *const words[] = {"and", "or", "not", "in", "by"};
    struct cp_slice word = {sc->p + off, n};
    bool after_dot = off > 0 && sc->p[off - 1] == '.' && !(off > 1 && sc->p[off - 2] == '.');

    for (size_t i = 0; i < sizeof(words) / sizeof(*words) && !after_dot; i++)
        if (cp_slice_is(word, words[i]))
            return true;
    return false;
}

static void skip_word(struct scan *sc, struct brackets *b)
{
    size_t off = sc->at;

    while (sc->at < sc->n && is_word_byte(sc->p[sc->at]))
        sc->at++;
    b->wants_value = is_operator_word(sc, off, sc->at - off);
}

/* One token; false where the arguments end. */
static bool skip_token(struct scan *sc, struct brackets *b)
{
    char c = sc->p[sc->at];
    bool is_double_bar = c == '|' && sc->at + 1 < sc->n && sc->p[sc->at + 1] == '|';

    if (b->n == 0 && ((c == '|' && !is_double_bar) || is_with(sc, sc->at)))
        return false;
    if (is_word_byte(c)) {
        skip_word(sc, b);
    } else if (c == '"' || c == '\'' || (c == '/' && b->wants_value)) {
        return skip_quote(sc, b) == 0;
    } else if (c == '(' || c == '[' || c == '{') {
        return open_bracket(sc, b) == 0;
    } else if (c == ')' || c == ']' || c == '}') {
        close_bracket(sc, b);
    } else {
        b->wants_value = c != '.' || (sc->at > 0 && sc->p[sc->at - 1] == '.');
        sc->at += 1 + is_double_bar;
    }
    return true;
}

static int skip_expr(struct scan *sc)
{
    struct brackets b = {.wants_value = true};

    for (skip_blanks(sc); sc->at < sc->n; skip_blanks(sc))
        if (!skip_token(sc, &b))
            break;
    if (sc->failed || b.n == 0)
        return sc->failed ? -1 : 0;
    char open = sc->p[b.at[b.n - 1]];
    return unclosed(sc, b.at[b.n - 1], NULL,
                    open == '(' ? "no ) closes this (" : "no ] closes this [");
}

bool cp_expr_is_closed(struct cp_slice s)
{
    struct cp_diags none = {0};
    struct cp_heap heap = {0};
    struct cp_doc_reader r = {.heap = &heap, .diags = &none};
    struct cp_text t = {.s = s};
    struct scan sc = scan_init(&r, &t, false);
    bool is_closed = skip_expr(&sc) == 0 && sc.at == sc.n;

    cp_diags_release(&none);
    cp_heap_release(&heap);
    return is_closed;
}

/* ---- Arguments that are words ---- */

static int skip_one_word(struct scan *sc, bool regex)
{
    struct cp_word_end e = cp_word_end(sc->p + sc->at, sc->n - sc->at, regex);
    size_t off = sc->at;

    if (sc->p[off] == '{' && e.end == 1)
        wrong(sc, off, 1, "a word that is a single { is \"quoted\"", no_branches);
    sc->at += e.end;
    if (!e.wrong)
        return 0;
    return e.is_open ? unclosed(sc, off + e.at, e.hint, e.wrong)
                     : wrong(sc, off + e.at, 1, e.hint, e.wrong);
}

static int skip_words(struct scan *sc, bool regex)
{
    for (skip_blanks(sc); !is_end(sc) && !is_with(sc, sc->at); skip_blanks(sc))
        skip_one_word(sc, regex);
    return sc->failed ? -1 : 0;
}

/* ---- Canonical arguments ---- */

/* The scan goes over one token; blanks between tokens are one. */
static void skip_canonical(struct scan *sc, struct brackets *b, enum cp_args_form form)
{
    size_t off = sc->at;

    if (form == CP_ARGS_EXPR)
        skip_token(sc, b);
    else
        sc->at += cp_word_end(sc->p + off, sc->n - off, form == CP_ARGS_WORDS_REGEX).end;
    if (sc->at == off)
        sc->at = sc->n;
}

size_t cp_args_canonical(char *out, struct cp_slice args, enum cp_args_form form)
{
    struct cp_diags none = {0};
    struct cp_heap heap = {0};
    struct cp_doc_reader r = {.heap = &heap, .diags = &none};
    struct cp_text t = {.s = args};
    struct scan sc = scan_init(&r, &t, false);
    struct brackets b = {.wants_value = true};
    size_t n = 0;

    for (skip_blanks(&sc); sc.at < sc.n;) {
        size_t off = sc.at;
        skip_canonical(&sc, &b, form);
        memcpy(out + n, sc.p + off, sc.at - off);
        n += sc.at - off;
        off = sc.at;
        skip_blanks(&sc);
        if (sc.at > off && sc.at < sc.n)
            out[n++] = ' ';
    }
    cp_diags_release(&none);
    cp_heap_release(&heap);
    return n;
}

/* ---- Stages ---- */

int cp_read_kind(struct cp_doc_reader *r, const struct cp_text *kind, struct cp_item *item)
{
    const char *hint;

    item->kind = *kind;
    if (!r->kinds->is_kind(kind->s) && cp_is_future_kind(kind->s, &hint))
        return cp_diag_error(r->diags, kind->pos, hint, "%.*s is not available in this version",
                             CP_SHOW(kind->s));
    if (!r->kinds->is_kind(kind->s)) {
        hint = cp_doc_did_you_mean(r, kind->s, true, false,
                                   "`chanpipe list stages` shows all of them");
        return cp_diag_error(r->diags, kind->pos, hint, "there is no stage %.*s", CP_SHOW(kind->s));
    }
    item->form = r->kinds->args_form(kind->s);
    return 0;
}

/* args up to the end of the stage or `with`; what stands behind is left to the caller. */
static int read_args(struct scan *sc, struct cp_item *item)
{
    size_t off, end;

    skip_blanks(sc);
    off = sc->at;
    int result = item->form == CP_ARGS_EXPR ? skip_expr(sc)
                                            : skip_words(sc, item->form == CP_ARGS_WORDS_REGEX);
    for (end = sc->at; end > off && cp_is_blank(sc->p[end - 1]);)
        end--;
    item->args = part(sc, off, end - off);
    if (result == 0 && sc->at < sc->n && sc->p[sc->at] != '|')
        result = read_settings(sc, item);
    return sc->failed ? -1 : result;
}

/* NAME: of a stage. A colon behind a kind is YAML's. */
static int read_name(struct scan *sc, size_t n, struct cp_item *item)
{
    struct cp_text name = part(sc, sc->at, n);
    size_t off = sc->at;

    sc->at += n + 1;
    skip_blanks(sc);
    size_t next = cp_name_length(sc->p + sc->at, sc->n - sc->at);
    struct cp_slice kind = {sc->p + sc->at, next};
    if (sc->r->kinds->is_kind(name.s) && !sc->r->kinds->is_kind(kind))
        return wrong(sc, off + n, 1, "leave out the colon: NAME: KIND names a stage",
                     "a colon behind the kind of a stage");
    item->name = name;
    return 0;
}

/* What stands where a kind should: up to a blank. */
static size_t junk_length(const struct scan *sc)
{
    size_t i = sc->at;

    while (i < sc->n && !cp_is_blank(sc->p[i]) && sc->p[i] != '|')
        i++;
    return i - sc->at;
}

static int check_after_kind(struct scan *sc, size_t n)
{
    size_t i = sc->at + n;

    if (i == sc->n || cp_is_blank(sc->p[i]) || sc->p[i] == '|' || sc->p[i] == '{')
        return 0;
    return wrong(sc, i, 1, NULL, "expected a blank behind the kind of the stage");
}

static int read_stage(struct scan *sc, struct cp_item *item)
{
    size_t n = cp_name_length(sc->p + sc->at, sc->n - sc->at);

    if (n > 0 && sc->at + n < sc->n && sc->p[sc->at + n] == ':') {
        if (read_name(sc, n, item) < 0)
            return -1;
        n = cp_name_length(sc->p + sc->at, sc->n - sc->at);
    }
    if (n == 0) {
        n = junk_length(sc);
        return wrong(sc, sc->at, n, "a stage is `KIND arguments` or `NAME: KIND arguments`",
                     "expected the kind of a stage");
    }
    struct cp_text kind = part(sc, sc->at, n);
    if (cp_read_kind(sc->r, &kind, item) < 0) {
        sc->failed = true;
        return -1;
    }
    if (check_after_kind(sc, n) < 0)
        return -1;
    sc->at += n;
    return read_args(sc, item);
}

/* After a mistake: to where the next stage seems to begin. */
static void skip_to_next(struct scan *sc)
{
    struct brackets b = {.wants_value = false};

    while (sc->at < sc->n && (b.n > 0 || sc->p[sc->at] != '|')) {
        char c = sc->p[sc->at];
        size_t length = c == '"' ? cp_quote_end(sc->p + sc->at, sc->n - sc->at) : 1;
        if (c == '{' && b.n < CP_DOC_MAX_DEPTH)
            b.at[b.n++] = sc->at;
        b.n -= c == '}' && b.n > 0;
        sc->at += length > 0 ? length : sc->n - sc->at;
    }
}

static int missing_stage(struct scan *sc)
{
    bool is_first = sc->stages == 0;

    if (sc->at >= sc->n && is_first)
        return wrong(sc, 0, 0, "as in: parse json | filter status >= 500", "the pipeline is empty");
    return wrong(sc, sc->at < sc->n ? sc->at : sc->n - 1, 1,
                 "a | as text is \"quoted\"; || is an operator of expressions only",
                 is_first ? "a stage is missing before this |" : "a stage is missing here");
}

/* One stage and the | behind it. False: that was all. */
static bool read_next(struct scan *sc)
{
    struct cp_item item = {0};

    sc->failed = false;
    skip_blanks(sc);
    if (is_end(sc))
        missing_stage(sc);
    else if (read_stage(sc, &item) < 0)
        skip_to_next(sc);
    if (!sc->failed)
        *cp_doc_add_item(sc->r) = item;
    if (sc->at >= sc->n)
        return false;
    sc->at++;
    sc->stages++;
    return true;
}

int cp_read_pipeline(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment)
{
    struct scan sc = scan_init(r, t, may_comment);
    size_t errors = r->diags->errors;

    if (cp_check_printable(r, t) < 0)
        return -1;
    while (read_next(&sc)) {
        if (sc.stages < CP_DOC_MAX_STAGES)
            continue;
        cp_diag_error(r->diags, cp_text_pos(t, sc.at - 1, 1), NULL,
                      "a pipeline has at most %d stages", CP_DOC_MAX_STAGES);
        break;
    }
    return r->diags->errors > errors ? -1 : 0;
}

/* What is left of a text that should be one stage. */
static int expect_end(struct scan *sc)
{
    if (sc->at >= sc->n)
        return 0;
    return wrong(
        sc, sc->at, 1,
        "give the next stage an item (`- …`) of its own, or quote a | that is meant as text",
        "a | ends this stage, but text goes on");
}

int cp_read_stage(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item)
{
    struct scan sc = scan_init(r, t, memchr(t->s.p, '\n', t->s.n) != NULL);

    if (cp_check_printable(r, t) < 0)
        return -1;
    skip_blanks(&sc);
    if (is_end(&sc))
        return wrong(&sc, 0, t->s.n, NULL, "expected a stage");
    return read_stage(&sc, item) < 0 ? -1 : expect_end(&sc);
}

int cp_read_args(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item)
{
    struct scan sc = scan_init(r, t, memchr(t->s.p, '\n', t->s.n) != NULL);

    if (cp_check_printable(r, t) < 0)
        return -1;
    return read_args(&sc, item) < 0 ? -1 : expect_end(&sc);
}

int cp_doc_read_text(struct cp_doc *doc, struct cp_heap *heap, struct cp_source source,
                     const struct cp_kinds *kinds, struct cp_diags *diags)
{
    struct cp_doc_reader r;
    size_t start;

    cp_doc_begin(&r, doc, heap, source, kinds, diags);
    if (cp_doc_check_bytes(&r, &start) < 0)
        return -1;
    struct cp_text t = {
        .s = {source.text + start, source.len - start},
        .pos = cp_doc_pos(&r, start, source.len - start),
        .verbatim = true,
    };
    return cp_read_pipeline(&r, &t, memchr(t.s.p, '\n', t.s.n) != NULL);
}
