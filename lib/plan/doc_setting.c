/* doc_setting.c: the settings of a one-liner's stages, `with key=value …`. */
#include <string.h>

#include "doc_cursor.h"
#include "words.h"

static struct cp_node *read_value(struct cp_cursor *c, int depth);

static struct cp_node *node_new(struct cp_cursor *c, enum cp_node_kind kind, size_t off)
{
    struct cp_node *node = cp_heap_take(c->r->heap, sizeof(*node));

    node->kind = kind;
    node->text.s = CP_SLICE("");
    node->text.pos = cp_text_pos(c->t, off, 1);
    return node;
}

/* "…" at the cursor, as one word. */
static int read_quoted(struct cp_cursor *c, struct cp_text *text)
{
    size_t off = c->at, end = cp_quote_end(c->p + off, c->n - off);
    struct cp_words words;

    if (end == 0)
        return cp_cursor_unclosed(c, off, "a quote is closed in its own line",
                                  "no \" closes this quote");
    struct cp_text quoted = cp_cursor_part(c, off, end);
    c->at = off + end;
    if (cp_words_split(&quoted, false, c->r->heap, &words, c->r->diags) < 0) {
        c->failed = true;
        return -1;
    }
    *text = words.v[0].text;
    return 0;
}

/* Where a value without quotes ends: as a word does; in brackets also at , ] } and (keys) :. */
static size_t bare_value_end(const struct cp_cursor *c, int depth, bool is_key)
{
    size_t i = c->at;

    if (depth == 0)
        return i + cp_word_end(c->p + i, c->n - i, false, c->r->depth > 0).end;
    while (i < c->n && !cp_is_blank(c->p[i]) && !strchr(is_key ? "|,[]{}:" : "|,[]{}", c->p[i]))
        i++;
    return i;
}

static int read_bare(struct cp_cursor *c, int depth, bool is_key, struct cp_text *text)
{
    size_t off = c->at, end = bare_value_end(c, depth, is_key);

    if (end == off || (depth == 0 && cp_cursor_is_end(c)))
        return cp_cursor_wrong(c, off, 1, "\"\" is an empty text",
                               is_key ? "a key is missing here" : "a value is missing here");
    if (memchr(c->p + off, '"', end - off))
        return cp_cursor_wrong(c, off, end - off, "quote all of it, with \\\" for a quote inside",
                               "a quote inside a value");
    *text = cp_cursor_part(c, off, end - off);
    c->at = end;
    return 0;
}

static int read_text(struct cp_cursor *c, int depth, bool is_key, struct cp_text *text)
{
    if (c->at < c->n && c->p[c->at] == '"')
        return read_quoted(c, text);
    return read_bare(c, depth, is_key, text);
}

static int check_map_key(struct cp_cursor *c, const struct cp_node *map, const struct cp_text *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (!cp_slice_equal(map->keys[i].s, key->s))
            continue;
        c->failed = true;
        return cp_diag_error(c->r->diags, key->pos, NULL, "the key %.*s appears twice",
                             CP_SHOW(key->s));
    }
    if (map->n < CP_DOC_MAX_KEYS)
        return 0;
    return cp_cursor_wrong(c, c->at, 1, NULL, "too many keys in one map");
}

static int read_key(struct cp_cursor *c, int depth, struct cp_node *map)
{
    struct cp_text key;

    if (read_text(c, depth, true, &key) < 0 || check_map_key(c, map, &key) < 0)
        return -1;
    cp_cursor_skip_blanks(c);
    if (c->at == c->n || c->p[c->at] != ':')
        return cp_cursor_wrong(c, c->at, 1, "{key: value, key: value}",
                               "a : is missing behind the key");
    c->at++;
    cp_cursor_skip_blanks(c);
    map->keys = cp_heap_grow(c->r->heap, map->keys, map->n, sizeof(*map->keys));
    map->keys[map->n] = key;
    return 0;
}

/* One value of a list or map. */
static int read_member(struct cp_cursor *c, int depth, struct cp_node *node)
{
    if (node->kind == CP_NODE_MAP && read_key(c, depth, node) < 0)
        return -1;
    struct cp_node *value = read_value(c, depth);
    if (!value)
        return -1;
    node->items = cp_heap_grow(c->r->heap, node->items, node->n, sizeof(*node->items));
    node->items[node->n++] = value;
    return 0;
}

/* [a, b] or {k: v} */
static struct cp_node *read_collection(struct cp_cursor *c, int depth)
{
    size_t off = c->at++;
    bool is_list = c->p[off] == '[';
    char close = is_list ? ']' : '}';
    struct cp_node *node = node_new(c, is_list ? CP_NODE_LIST : CP_NODE_MAP, off);

    if (cp_is_too_deep(c->r, (size_t)depth)) {
        cp_cursor_wrong(c, off, 1, NULL, "nested deeper than 64 levels");
        return NULL;
    }
    for (;;) {
        cp_cursor_skip_blanks(c);
        if (c->at < c->n && c->p[c->at] == close && node->n == 0)
            break;
        if (c->at == c->n || c->p[c->at] == '|'
                ? cp_cursor_unclosed(c, off, NULL,
                                     is_list ? "no ] closes this [" : "no } closes this {")
                : read_member(c, depth, node))
            return NULL;
        cp_cursor_skip_blanks(c);
        if (c->at < c->n && c->p[c->at] == close)
            break;
        if (c->at < c->n && c->p[c->at] != ',') {
            cp_cursor_wrong(c, c->at, 1, "a text with blanks is \"quoted\" here",
                            is_list ? "expected , or ]" : "expected , or }");
            return NULL;
        }
        c->at += c->at < c->n;
    }
    c->at++;
    node->text.pos = cp_text_pos(c->t, off, c->at - off);
    return node;
}

static struct cp_node *read_value(struct cp_cursor *c, int depth)
{
    if (cp_cursor_sees(c, '[') || cp_cursor_sees(c, '{'))
        return read_collection(c, depth + 1);
    struct cp_node *node = node_new(c, CP_NODE_SCALAR, c->at);
    node->quoted = cp_cursor_sees(c, '"');
    return read_text(c, depth, false, &node->text) < 0 ? NULL : node;
}

static int read_setting(struct cp_cursor *c, struct cp_item *item)
{
    size_t off = c->at, n = cp_name_length(c->p + off, c->n - off);

    if (n == 0 || off + n >= c->n || c->p[off + n] != '=')
        return cp_cursor_wrong(
            c, off, n > 0 ? n : 1,
            "settings are k=v without blanks around the =; a value with blanks is \"quoted\"",
            "expected a setting key=value behind `with`");
    struct cp_text key = cp_cursor_part(c, off, n);
    size_t key_end = off + n + 1;
    c->at = key_end;
    struct cp_node *value = read_value(c, 0);
    if (!value) {
        if (!c->is_lost)
            c->at = key_end; /* what looks for the next stage sees all brackets of the value */
        return -1;
    }
    if (!cp_cursor_is_end(c) && !cp_is_blank(c->p[c->at]))
        return cp_cursor_wrong(c, c->at, 1, NULL, "expected a blank behind the value");
    if (cp_item_add_setting(c->r, item, &key, value) == 0)
        return 0;
    c->failed = true;
    return item->n_settings == CP_DOC_MAX_KEYS || c->r->diags->n == CP_DIAGS_MAX ? -1 : 0;
}

int cp_cursor_read_settings(struct cp_cursor *c, struct cp_item *item)
{
    c->at += 4;
    for (cp_cursor_skip_blanks(c); !cp_cursor_is_end(c); cp_cursor_skip_blanks(c))
        if (read_setting(c, item) < 0)
            return -1;
    return 0;
}
