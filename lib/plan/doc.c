/* doc.c: what both forms of a pipeline share: texts that know where they came from, items,
 * settings,
 * ${X}, and texts that grow. */
#include "doc.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/number.h"
#include "../base/scan.h"
#include "doc_impl.h"
#include "words.h"

enum { RUNS_MAX = 4096 };

void cp_runs_add(struct cp_runs *runs, size_t n, size_t at, size_t len, struct cp_heap *heap)
{
    struct cp_text_run *last = runs->n > 0 ? &runs->v[runs->n - 1] : NULL;
    bool goes_on =
        last && last->at + last->len == at && n == len && runs->out - last->off == last->len;

    if (n == 0)
        return;
    if (goes_on || runs->n == RUNS_MAX) {
        last->len = at + len - last->at;
    } else {
        runs->v = cp_heap_grow(heap, runs->v, runs->n, sizeof(*runs->v));
        runs->v[runs->n++] = (struct cp_text_run){runs->out, at, len};
    }
    runs->out += n;
}

void cp_runs_add_text(struct cp_runs *runs, const struct cp_text *t, struct cp_heap *heap)
{
    if (t->n_runs == 0)
        cp_runs_add(runs, t->s.n, t->pos.off, t->pos.len, heap);
    for (size_t i = 0; i < t->n_runs; i++)
        cp_runs_add(runs, cp_text_run_length(t, &t->runs[i]), t->runs[i].at, t->runs[i].len, heap);
}

/* ---- Words and letters ---- */

bool cp_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t cp_name_length(const char *p, size_t n)
{
    size_t i = 0;

    if (n == 0 || !is_name_start(*p))
        return 0;
    while (i < n && (is_name_start(p[i]) || (p[i] >= '0' && p[i] <= '9') || p[i] == '-'))
        i++;
    return i;
}

bool cp_is_typed_when_bare(struct cp_slice s)
{
    struct cp_num num;

    if (s.n == 0 || cp_slice_is(s, "true") || cp_slice_is(s, "false") || cp_slice_is(s, "null") ||
        cp_slice_is(s, "~"))
        return true;
    return !cp_is_blank(s.p[0]) && !cp_is_blank(s.p[s.n - 1]) &&
           cp_num_parse(s.p, s.n, &num) != CP_NUM_NONE;
}

bool cp_node_is_null(const struct cp_node *node)
{
    struct cp_slice s = node->text.s;

    return node->kind == CP_NODE_SCALAR && !node->quoted &&
           (s.n == 0 || cp_slice_is(s, "~") || cp_slice_is(s, "null"));
}

/* Stages of later versions, and what does their work until then. */
static const struct {
    const char *kind, *hint;
} future_kinds[] = {
    {"context", NULL},
    {"follow", "`tail -F FILE | chanpipe …` reads a file that grows"},
    {"generate", NULL},
    {"http", "pipe the output of chanpipe into a program that sends it"},
    {"listen", "pipe the output of a program that listens into chanpipe"},
    {"lookup", NULL},
    {"multiline", NULL},
    {"pair", NULL},
    {"patterns", NULL},
    {"redact", "`set msg = replace(msg, /…/, \"***\")` does it for one field"},
    {"sqlite", "write csv, which sqlite3 imports"},
    {"syslog", "pipe the output of chanpipe into logger"},
    {"tcp", "pipe the output of chanpipe into a program that sends it"},
    {"throttle", NULL},
    {"udp", "pipe the output of chanpipe into a program that sends it"},
    {"unix", "pipe the output of chanpipe into a program that sends it"},
    {"unnest", NULL},
};

bool cp_is_future_kind(struct cp_slice kind, const char **hint)
{
    for (size_t i = 0; i < sizeof future_kinds / sizeof *future_kinds; i++) {
        if (cp_slice_is(kind, future_kinds[i].kind)) {
            *hint = future_kinds[i].hint;
            return true;
        }
    }
    return false;
}

const char *const cp_common_keys[] = {"name",     "from",      "workers",  "order",
                                      "capacity", "when_full", "on_error", "max_errors"};
const size_t cp_n_common_keys = sizeof(cp_common_keys) / sizeof(*cp_common_keys);

bool cp_is_common_key(struct cp_slice key)
{
    for (size_t i = 0; i < cp_n_common_keys; i++)
        if (cp_slice_is(key, cp_common_keys[i]))
            return true;
    return false;
}

const char *cp_doc_did_you_mean(struct cp_doc_reader *r, struct cp_slice word, bool kinds,
                                bool common, const char *fallback)
{
    size_t n_kinds = kinds ? r->kinds->n : 0, n_common = common ? cp_n_common_keys : 0;
    const char **names = cp_xcalloc(n_kinds + n_common, sizeof(*names));

    for (size_t i = 0; i < n_kinds; i++)
        names[i] = r->kinds->names[i];
    for (size_t i = 0; i < n_common; i++)
        names[n_kinds + i] = cp_common_keys[i];
    const char *near = cp_nearest(word.p, word.n, names, n_kinds + n_common);
    free(names);
    return near ? cp_heap_printf(r->heap, "did you mean %s?", near) : fallback;
}

/* ---- Docs and items ---- */

void cp_doc_begin(struct cp_doc_reader *r, struct cp_doc *doc, struct cp_heap *heap,
                  struct cp_source source, const struct cp_kinds *kinds, struct cp_diags *diags)
{
    *r = (struct cp_doc_reader){.doc = doc, .heap = heap, .kinds = kinds, .diags = diags};
    *doc = (struct cp_doc){.heap = heap};
    doc->source = source;
    struct cp_source *own = cp_heap_take(heap, sizeof(*own));
    *own = source;
    r->source = own;
}

int cp_doc_count_stage(struct cp_doc_reader *r, struct cp_pos pos)
{
    if (r->n_stages < CP_DOC_MAX_STAGES) {
        r->n_stages++;
        return 0;
    }
    if (!r->is_full)
        cp_diag_error(r->diags, pos, NULL, "a pipeline has at most %d stages", CP_DOC_MAX_STAGES);
    r->is_full = true;
    return -1;
}

void cp_items_add(struct cp_doc_reader *r, struct cp_items *items, const struct cp_item *item)
{
    items->v = cp_heap_grow(r->heap, items->v, items->n, sizeof(*items->v));
    items->v[items->n++] = *item;
}

struct cp_pos cp_doc_pos(const struct cp_doc_reader *r, size_t off, size_t len)
{
    return (struct cp_pos){r->source, off, len};
}

size_t cp_find_unprintable(const char *p, size_t n)
{
    uint32_t code;

    for (size_t i = 0, k; i < n; i += k) {
        k = 1;
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c < 0x7F)
            continue;
        k = cp_utf8_decode(p + i, n - i, &code);
        bool is_bad = code == CP_UTF8_REPLACEMENT && k == 1;
        bool is_control = (c < 0x20 && !cp_is_blank((char)c)) || c == 0x7F ||
                          (code >= 0x80 && code < 0xA0 && code != 0x85);
        if (is_bad || is_control || code == 0xFFFE || code == 0xFFFF)
            return i;
    }
    return n;
}

int cp_check_printable(struct cp_doc_reader *r, const struct cp_text *t)
{
    size_t at = cp_find_unprintable(t->s.p, t->s.n);

    if (at == t->s.n)
        return 0;
    unsigned char c = (unsigned char)t->s.p[at];
    struct cp_pos pos = cp_text_pos(t, at, 1);
    if (c == 0)
        return cp_diag_error(r->diags, pos, NULL, "a NUL byte");
    if (c < 0x20 || c == 0x7F)
        return cp_diag_error(r->diags, pos,
                             "in a \"text\" of an expression it can be written as \\xHH",
                             "a control byte (0x%02x)", c);
    return cp_diag_error(
        r->diags, pos,
        "save it as UTF-8; in a \"text\" of an expression a byte can be written as \\xHH",
        "bytes that are no text in UTF-8 (0x%02x)", c);
}

int cp_doc_check_bytes(struct cp_doc_reader *r, size_t *start)
{
    const struct cp_source *source = r->source;
    bool has_bom = source->len >= 3 && memcmp(source->text, "\xEF\xBB\xBF", 3) == 0;

    *start = has_bom ? 3 : 0;
    if (source->len > CP_DOC_MAX_BYTES)
        return cp_diag_error(r->diags, cp_doc_pos(r, 0, 0), NULL,
                             "a pipeline has at most %d bytes, this one has %zu", CP_DOC_MAX_BYTES,
                             source->len);
    if (source->len >= 2 &&
        (memcmp(source->text, "\xFF\xFE", 2) == 0 || memcmp(source->text, "\xFE\xFF", 2) == 0))
        return cp_diag_error(r->diags, cp_doc_pos(r, 0, 2), "save it as UTF-8",
                             "this is text in UTF-16");
    struct cp_text all = {.s = {source->text + *start, source->len - *start},
                          .pos = cp_doc_pos(r, *start, source->len - *start),
                          .verbatim = true};
    return cp_check_printable(r, &all);
}

/* ---- Settings ---- */

static int check_key_is_new(struct cp_doc_reader *r, const struct cp_item *item,
                            const struct cp_text *key)
{
    const struct cp_text *first =
        cp_slice_is(key->s, "name") && item->name.s.n > 0 ? &item->name : NULL;
    size_t line, col;

    for (size_t i = 0; i < item->n_settings && !first; i++)
        if (cp_slice_equal(item->settings[i].key.s, key->s))
            first = &item->settings[i].key;
    if (!first)
        return 0;
    cp_pos_line(first->pos, &line, &col);
    const char *hint =
        cp_heap_printf(r->heap, "the first one is in line %zu, column %zu", line, col);
    return cp_diag_error(r->diags, key->pos, hint, "%.*s is set twice", CP_SHOW(key->s));
}

/* In a file a key that is named like a stage is one, unless it is an option of the other. */
static int check_key_is_no_stage(struct cp_doc_reader *r, const struct cp_item *item,
                                 const struct cp_text *key)
{
    const struct cp_kinds *kinds = r->kinds;
    const char *hint;
    bool is_stage = kinds->is_kind(key->s) || cp_is_future_kind(key->s, &hint);

    if (!is_stage || (!cp_slice_equal(item->kind.s, key->s) && kinds->has_option &&
                      kinds->has_option(item->kind.s, key->s)))
        return 0;
    hint = cp_heap_printf(r->heap, "`chanpipe help %.*s` lists its options", CP_SHOW(item->kind.s));
    return cp_diag_error(r->diags, key->pos, hint, "%.*s has no option %.*s", CP_SHOW(item->kind.s),
                         CP_SHOW(key->s));
}

static int set_name(struct cp_doc_reader *r, struct cp_item *item, const struct cp_node *value)
{
    struct cp_slice s = value->text.s;

    if (value->kind != CP_NODE_SCALAR || s.n == 0 || cp_name_length(s.p, s.n) != s.n)
        return cp_diag_error(r->diags, value->text.pos,
                             "letters, digits, _ and -, first a letter or _",
                             "this is no name for a stage");
    item->name = value->text;
    return 0;
}

int cp_item_add_setting(struct cp_doc_reader *r, struct cp_item *item, const struct cp_text *key,
                        struct cp_node *value)
{
    if (check_key_is_new(r, item, key) < 0 || check_key_is_no_stage(r, item, key) < 0)
        return -1;
    if (cp_node_is_null(value))
        return cp_diag_error(r->diags, key->pos, "leave it out, or quote what is meant as text",
                             "%.*s has no value", CP_SHOW(key->s));
    if (cp_slice_is(key->s, "name"))
        return set_name(r, item, value);
    if (item->n_settings == CP_DOC_MAX_KEYS)
        return cp_diag_error(r->diags, key->pos, NULL, "a stage has at most %d settings",
                             CP_DOC_MAX_KEYS);
    item->settings =
        cp_heap_grow(r->heap, item->settings, item->n_settings, sizeof(*item->settings));
    item->settings[item->n_settings++] = (struct cp_setting){*key, value};
    return 0;
}

/* ---- ${X} ---- */

/* A text while its ${} are replaced. */
struct expansion {
    const struct cp_text *in;
    const char *(*lookup)(void *ctx, struct cp_slice name);
    void *ctx;
    struct cp_heap *heap;
    struct cp_diags *diags;
    struct cp_writer out;
    struct cp_runs runs;
};

/* Bytes [off, end) of the text as they are. */
static void keep(struct expansion *x, size_t off, size_t end)
{
    if (off == end)
        return;
    struct cp_text part = cp_text_part(x->in, off, end - off, x->heap);
    cp_runs_add_text(&x->runs, &part, x->heap);
    cp_put(&x->out, part.s.p, part.s.n);
}

/* What stands in the place of bytes [off, end). */
static void replace(struct expansion *x, size_t off, size_t end, struct cp_slice value)
{
    struct cp_pos pos = cp_text_pos(x->in, off, end - off);

    cp_runs_add(&x->runs, value.n, pos.off, pos.len, x->heap);
    cp_put(&x->out, value.p, value.n);
}

static size_t variable_length(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && (is_name_start(p[i]) || (i > 0 && p[i] >= '0' && p[i] <= '9')))
        i++;
    return i;
}

static int unset(struct expansion *x, size_t off, size_t end, struct cp_slice name,
                 struct cp_slice message)
{
    struct cp_pos pos = cp_text_pos(x->in, off, end - off);

    if (message.n > 0)
        return cp_diag_error(x->diags, pos, NULL, "%.*s: %.*s", CP_SHOW(name), (int)message.n,
                             message.p);
    const char *hint = cp_heap_printf(
        x->heap, "give it a value (-D %.*s=…, vars: or the environment) or a default: ${%.*s:-…}",
        CP_SHOW(name), CP_SHOW(name));
    return cp_diag_error(x->diags, pos, hint, "%.*s is not set", CP_SHOW(name));
}

/* The ${…} at off; *end is behind it. */
static int expand_one(struct expansion *x, size_t off, size_t *end)
{
    const char *p = x->in->s.p;
    size_t n = x->in->s.n, at = off + 2 + variable_length(p + off + 2, n - off - 2);
    const char *close = memchr(p + at, '}', n - at);
    struct cp_slice name = {p + off + 2, at - off - 2}, rest = {NULL, 0};

    *end = close ? (size_t)(close - p) + 1 : n;
    if (!close)
        return cp_diag_error(x->diags, cp_text_pos(x->in, off, 2), "$${ stands for the text ${",
                             "this ${ has no }");
    bool has_rest = close - (p + at) >= 2 && p[at] == ':' && (p[at + 1] == '-' || p[at + 1] == '?');
    if (name.n == 0 || (p[at] != '}' && !has_rest))
        return cp_diag_error(x->diags, cp_text_pos(x->in, off, *end - off),
                             "${X}, ${X:-default} or ${X:?message}; $${ stands for the text ${",
                             "this names no variable");
    if (has_rest)
        rest = (struct cp_slice){p + at + 2, (size_t)(close - p) - at - 2};
    const char *value = x->lookup(x->ctx, name);
    if (value && (*value || !has_rest))
        replace(x, off, *end, cp_slice_of(value));
    else if (has_rest && p[at + 1] == '-')
        replace(x, off, *end, rest);
    else
        return unset(x, off, *end, name, rest);
    return 0;
}

static int expand_all(struct expansion *x)
{
    const char *p = x->in->s.p;
    size_t n = x->in->s.n, done = 0, end;
    int result = 0;

    for (size_t i = 0; i + 1 < n; i++) {
        bool is_escape = i + 2 < n && memcmp(p + i, "$${", 3) == 0;
        if (!is_escape && memcmp(p + i, "${", 2) != 0)
            continue;
        keep(x, done, i);
        end = i + 3;
        if (is_escape)
            replace(x, i, end, CP_SLICE("${"));
        else if (expand_one(x, i, &end) < 0)
            result = -1;
        done = end;
        i = end - 1;
    }
    keep(x, done, n);
    return result;
}

int cp_doc_expand(struct cp_text *text, const char *(*lookup)(void *ctx, struct cp_slice name),
                  void *ctx, struct cp_heap *heap, struct cp_diags *diags)
{
    struct cp_text in = *text;
    struct expansion x = {.in = &in, .lookup = lookup, .ctx = ctx, .heap = heap, .diags = diags};

    if (in.s.n < 2 || !memmem(in.s.p, in.s.n, "${", 2))
        return 0;
    int result = expand_all(&x);
    text->s.n = x.out.n;
    text->s.p = cp_writer_finish(&x.out, heap);
    text->verbatim = false;
    text->runs = x.runs.v;
    text->n_runs = x.runs.n;
    return result;
}

int cp_doc_expand_node(struct cp_node *node, const char *(*lookup)(void *ctx, struct cp_slice name),
                       void *ctx, struct cp_heap *heap, struct cp_diags *diags)
{
    int result = 0;

    if (node->kind == CP_NODE_SCALAR)
        return cp_doc_expand(&node->text, lookup, ctx, heap, diags);
    for (size_t i = 0; i < node->n; i++)
        if (cp_doc_expand_node(node->items[i], lookup, ctx, heap, diags) < 0)
            result = -1;
    return result;
}

/* ---- Growing texts ---- */

static void make_room(struct cp_writer *w, size_t n)
{
    if (w->cap - w->n > n)
        return;
    w->cap = (w->cap + n + 1) * 2;
    w->p = cp_xrealloc(w->p, w->cap, 1);
}

void cp_put(struct cp_writer *w, const char *p, size_t n)
{
    make_room(w, n);
    if (n > 0)
        memcpy(w->p + w->n, p, n);
    w->n += n;
}

void cp_puts(struct cp_writer *w, const char *s)
{
    cp_put(w, s, strlen(s));
}

void cp_put_word_quoted(struct cp_writer *w, struct cp_slice s)
{
    cp_put(w, "\"", 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            cp_put(w, "\\", 1);
        cp_put(w, s.p + i, 1);
    }
    cp_put(w, "\"", 1);
}

static void put_canonical(struct cp_writer *w, struct cp_slice args, enum cp_args_form form)
{
    make_room(w, args.n);
    w->n += cp_args_canonical(w->p + w->n, args, form);
}

void cp_put_args(struct cp_writer *w, const struct cp_item *item)
{
    put_canonical(w, item->args.s, item->form);
}

void cp_put_condition(struct cp_writer *w, const struct cp_branch *b)
{
    put_canonical(w, b->when.s, CP_ARGS_EXPR);
}

char *cp_writer_finish(struct cp_writer *w, struct cp_heap *heap)
{
    char *text = cp_heap_copy(heap, w->p, w->n);

    free(w->p);
    *w = (struct cp_writer){0};
    return text;
}
