/* doc_yaml_nodes.c: from libyaml's events to nodes that know their place to the byte.
 *
 * DESIGN. libyaml counts characters, so a table of every 64th character's offset turns its marks
 * into offsets. It decodes scalars without telling which byte came from where, so the bytes of a
 * scalar are walked once more beside the decoded text (align_…); where the two do not fit, which
 * only rare kinds of line folding do, the place of the whole scalar has to do.
 *
 * libyaml has no limit for nesting and is quadratic in it. The walk stops at the first event that
 * is too deep; libyaml never reads more than a line or 1024 characters ahead of its events.
 */
#include "doc_yaml_nodes.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"

enum {
    STEP = 64,     /* characters between two entries of the table */
    KEY_MAX = 256, /* bytes of a key */
};

struct anchor {
    struct cp_slice name;
    struct cp_pos pos;
    struct cp_node *node; /* NULL while it is being read */
    bool is_used;
};

struct reader {
    struct cp_doc_reader *r;
    yaml_parser_t parser;
    size_t start;      /* of the source: what libyaml counts from */
    uint32_t *offsets; /* of every STEPth character; NULL: all characters are single bytes */
    size_t n_offsets;
    struct anchor anchors[CP_DOC_MAX_ANCHORS];
    size_t n_anchors;
    size_t values, bytes;
    int flow;         /* how many [ and { are open */
    size_t bad_alias; /* behind the last one that names nothing; 0: none */
    bool must_stop;
};

/* ---- Marks ---- */

static size_t char_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

static void make_offsets(struct reader *y)
{
    const struct cp_source *source = y->r->source;
    size_t n = 0, count = 0, i = y->start;

    while (i < source->len && (unsigned char)source->text[i] < 0x80)
        i++;
    if (i == source->len)
        return;
    y->offsets = cp_xcalloc((source->len - y->start) / STEP + 1, sizeof(*y->offsets));
    for (i = y->start; i < source->len; i += char_length((unsigned char)source->text[i]), count++)
        if (count % STEP == 0)
            y->offsets[n++] = (uint32_t)i;
    y->n_offsets = n;
}

static size_t offset_of(const struct reader *y, yaml_mark_t mark)
{
    const struct cp_source *source = y->r->source;

    if (!y->offsets)
        return y->start + mark.index < source->len ? y->start + mark.index : source->len;
    if (mark.index / STEP >= y->n_offsets)
        return source->len;
    size_t i = y->offsets[mark.index / STEP];
    for (size_t k = mark.index % STEP; k > 0 && i < source->len; k--)
        i += char_length((unsigned char)source->text[i]);
    return i < source->len ? i : source->len;
}

/* ---- Where the bytes of a scalar came from ---- */

/* A scalar while its source bytes are walked. */
struct align {
    const char *raw; /* the source */
    size_t at, end;  /* in raw */
    struct cp_slice s;
    size_t i; /* in s */
    struct cp_runs runs;
    struct cp_heap *heap;
};

static void step(struct align *a, size_t n, size_t len)
{
    cp_runs_add(&a->runs, n, a->at, len, a->heap);
    a->i += n;
    a->at += len;
}

/* A run of blanks with a line break in it: folded into one blank or fewer line breaks. */
static bool align_fold(struct align *a)
{
    size_t e = a->at, n = 0;

    while (e < a->end && cp_is_blank(a->raw[e]))
        e++;
    if (!memchr(a->raw + a->at, '\n', e - a->at) && !memchr(a->raw + a->at, '\r', e - a->at)) {
        if (a->raw[a->at] != a->s.p[a->i])
            return false;
        step(a, 1, 1);
        return true;
    }
    if (a->s.p[a->i] == ' ')
        n = 1;
    while (n == 0 || (a->s.p[a->i] == '\n' && a->i + n < a->s.n && a->s.p[a->i + n] == '\n')) {
        if (a->s.p[a->i] != '\n')
            return false;
        n++;
    }
    step(a, n, e - a->at);
    return true;
}

/* \n, \x41, \u00e9, or a backslash at the end of a line, which takes the line break away. */
static bool align_escape(struct align *a)
{
    char c = a->at + 1 < a->end ? a->raw[a->at + 1] : '\0';
    size_t len = c == 'x' ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2;

    if (c == '\n' || c == '\r') {
        for (a->at++; a->at < a->end && cp_is_blank(a->raw[a->at]);)
            a->at++;
        return true;
    }
    if (len > a->end - a->at)
        return false;
    step(a, char_length((unsigned char)a->s.p[a->i]), len);
    return a->i <= a->s.n;
}

static bool align_flow(struct align *a, yaml_scalar_style_t style)
{
    bool ok = true;

    while (ok && a->i < a->s.n && a->at < a->end) {
        char c = a->raw[a->at];
        if (style == YAML_DOUBLE_QUOTED_SCALAR_STYLE && c == '\\')
            ok = align_escape(a);
        else if (style == YAML_SINGLE_QUOTED_SCALAR_STYLE && c == '\'')
            step(a, 1, 2);
        else if (cp_is_blank(c))
            ok = align_fold(a);
        else if ((ok = c == a->s.p[a->i]))
            step(a, 1, 1);
    }
    return ok && a->i == a->s.n;
}

static size_t line_end(const struct align *a)
{
    const char *nl = memchr(a->raw + a->at, '\n', a->end - a->at);

    return nl ? (size_t)(nl - a->raw) : a->end;
}

/* Each line of a | block ends with a line of the text. */
static bool align_literal(struct align *a)
{
    while (a->i < a->s.n && a->at < a->end) {
        const char *nl = memchr(a->s.p + a->i, '\n', a->s.n - a->i);
        size_t n = nl ? (size_t)(nl - a->s.p) - a->i : a->s.n - a->i, next = line_end(a), e = next;
        e -= e > a->at && a->raw[e - 1] == '\r';
        if (n > e - a->at || memcmp(a->raw + e - n, a->s.p + a->i, n) != 0)
            return false;
        a->at = e - n;
        step(a, n, n);
        if (nl)
            step(a, 1, 1);
        a->at = next + 1;
    }
    return a->i == a->s.n;
}

static size_t least_indent(const struct align *a)
{
    size_t least = SIZE_MAX;

    for (struct align b = *a; b.at < b.end; b.at = line_end(&b) + 1) {
        size_t n = 0, e = line_end(&b);
        while (b.at + n < e && b.raw[b.at + n] == ' ')
            n++;
        if (b.at + n < e && b.raw[b.at + n] != '\r' && n < least)
            least = n;
    }
    return least;
}

/* Lines of a > block are joined by a blank or keep some of their breaks. */
static bool align_folded(struct align *a)
{
    size_t indent = least_indent(a);

    while (a->i < a->s.n && a->at < a->end) {
        size_t next = line_end(a), e = next;
        e -= e > a->at && a->raw[e - 1] == '\r';
        a->at += e - a->at < indent ? e - a->at : indent;
        while (a->at < e && a->i < a->s.n && a->raw[a->at] == a->s.p[a->i])
            step(a, 1, 1);
        if (a->at < e)
            return false;
        if (a->i < a->s.n && (a->s.p[a->i] == ' ' || a->s.p[a->i] == '\n'))
            step(a, 1, 1);
        a->at = next + 1;
    }
    return a->i == a->s.n;
}

static bool align_block(struct align *a, yaml_scalar_style_t style)
{
    a->at = line_end(a) + 1;
    return style == YAML_LITERAL_SCALAR_STYLE ? align_literal(a) : align_folded(a);
}

/* The text of a scalar whose source, quotes included, is [from, end). */
static struct cp_text text_of(struct reader *y, const yaml_event_t *event, size_t from, size_t end)
{
    struct cp_doc_reader *r = y->r;
    yaml_scalar_style_t style = event->data.scalar.style;
    size_t n = event->data.scalar.length;
    struct cp_text t = {.s = {cp_heap_copy(r->heap, (const char *)event->data.scalar.value, n), n},
                        .pos = cp_doc_pos(r, from, end - from)};
    bool is_block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    size_t quotes =
        style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;

    if (!is_block && end - from == n + 2 * quotes &&
        memcmp(r->source->text + from + quotes, t.s.p, n) == 0) {
        t.pos = cp_doc_pos(r, from + quotes, n);
        t.verbatim = true;
        return t;
    }
    struct align a = {.raw = r->source->text,
                      .at = from + quotes,
                      .end = end - quotes,
                      .s = t.s,
                      .heap = r->heap};
    if (end >= from + 2 * quotes && (is_block ? align_block(&a, style) : align_flow(&a, style))) {
        t.runs = a.runs.v;
        t.n_runs = a.runs.n;
    }
    return t;
}

/* ---- Events ---- */

static int next_event(struct reader *y, yaml_event_t *event)
{
    if (yaml_parser_parse(&y->parser, event))
        return 0;
    y->must_stop = true;
    if (y->parser.error == YAML_MEMORY_ERROR)
        cp_oom();
    size_t at = offset_of(y, y->parser.problem_mark);
    if (y->bad_alias > 0 && y->bad_alias <= at &&
        !memchr(y->r->source->text + y->bad_alias, '\n', at - y->bad_alias))
        return -1; /* the same mistake */
    return cp_yaml_explain(y->r, &y->parser, at, offset_of(y, y->parser.context_mark));
}

static struct cp_pos event_pos(const struct reader *y, const yaml_event_t *event)
{
    size_t from = offset_of(y, event->start_mark), end = offset_of(y, event->end_mark);

    return cp_doc_pos(y->r, from, end > from ? end - from : 1);
}

/* Ends the reading: a limit was passed. */
static int stop(struct reader *y, struct cp_pos pos, const char *message, int limit)
{
    y->must_stop = true;
    return cp_diag_error(y->r->diags, pos, NULL, message, limit);
}

static struct cp_yaml_node *node_new(struct reader *y, enum cp_node_kind kind, struct cp_pos pos)
{
    struct cp_yaml_node *node = cp_heap_take(y->r->heap, sizeof(*node));

    node->node.kind = kind;
    node->node.text = (struct cp_text){.s = CP_SLICE(""), .pos = pos};
    node->in_flow = y->flow > 0;
    node->weight = 1;
    if (++y->values > CP_DOC_MAX_VALUES)
        stop(y, pos, "the file has more than %d values", CP_DOC_MAX_VALUES);
    return node;
}

static void refuse_tag(struct reader *y, struct cp_yaml_node *node, const char *tag)
{
    struct cp_slice name = cp_slice_of(tag);

    if (!tag[0] || node->is_bad)
        return;
    node->is_bad = true;
    struct cp_pos pos = node->node.text.pos;
    pos.len = 1;
    cp_diag_error(
        y->r->diags, pos,
        "`not` negates in expressions; other text that begins with ! goes in single quotes: '…'",
        "YAML takes %.*s for a tag, not for text", CP_SHOW(name));
}

/* ---- Anchors and aliases ---- */

static struct anchor *find_anchor(struct reader *y, struct cp_slice name)
{
    for (size_t i = y->n_anchors; i > 0; i--)
        if (cp_slice_equal(y->anchors[i - 1].name, name))
            return &y->anchors[i - 1];
    return NULL;
}

/* The anchor of a node that begins, or NULL. */
static struct anchor *add_anchor(struct reader *y, const yaml_char_t *name, struct cp_pos pos)
{
    if (!name)
        return NULL;
    pos.len = 1;
    if (y->n_anchors == CP_DOC_MAX_ANCHORS) {
        stop(y, pos, "the file has more than %d anchors", CP_DOC_MAX_ANCHORS);
        return NULL;
    }
    struct anchor *a = &y->anchors[y->n_anchors++];
    size_t n = strlen((const char *)name);
    *a = (struct anchor){.name = {cp_heap_copy(y->r->heap, (const char *)name, n), n}, .pos = pos};
    return a;
}

static void check_anchors(struct reader *y)
{
    for (size_t i = 0; i < y->n_anchors; i++)
        if (!y->anchors[i].is_used)
            cp_diag_error(y->r->diags, y->anchors[i].pos,
                          "text that begins with & goes in single quotes: '…'",
                          "YAML takes &%.*s for an anchor, not for text, and nothing uses it",
                          CP_SHOW(y->anchors[i].name));
}

/* What an alias names counts as if it were written there. */
static void use_alias(struct reader *y, const struct cp_yaml_node *node, struct cp_pos pos)
{
    y->values += node->weight;
    y->bytes += node->bytes;
    if (y->values > CP_DOC_MAX_VALUES)
        stop(y, pos, "with its aliases written out the file has more than %d values",
             CP_DOC_MAX_VALUES);
    else if (y->bytes > CP_DOC_MAX_BYTES)
        stop(y, pos, "with its aliases written out the file has more than %d bytes of text",
             CP_DOC_MAX_BYTES);
}

static struct cp_node *read_alias(struct reader *y, const yaml_event_t *event)
{
    struct cp_slice name = cp_slice_of((const char *)event->data.alias.anchor);
    struct anchor *a = find_anchor(y, name);
    struct cp_pos pos = event_pos(y, event);

    if (a && a->node) {
        a->is_used = true;
        use_alias(y, cp_yaml_node_of(a->node), pos);
        return a->node;
    }
    struct cp_yaml_node *node = node_new(y, CP_NODE_SCALAR, pos);
    node->is_bad = true;
    y->bad_alias = pos.off + pos.len;
    if (a)
        a->is_used = true;
    cp_diag_error(y->r->diags, pos, "text that begins with * goes in single quotes: '…'",
                  a ? "the alias *%.*s stands inside what it names"
                    : "YAML takes *%.*s for an alias, not for text",
                  CP_SHOW(name));
    return &node->node;
}

/* ---- Nodes ---- */

static struct cp_node *read_node(struct reader *y, yaml_event_t *event, int depth);

/* Behind &anchor and !tag. */
static size_t skip_properties(const struct reader *y, size_t from, size_t end)
{
    const char *p = y->r->source->text;

    while (from < end && (p[from] == '&' || p[from] == '!')) {
        while (from < end && !cp_is_blank(p[from]))
            from++;
        while (from < end && cp_is_blank(p[from]))
            from++;
    }
    return from;
}

static struct cp_node *read_scalar(struct reader *y, const yaml_event_t *event)
{
    struct cp_pos pos = event_pos(y, event);
    size_t from = pos.off, end = offset_of(y, event->end_mark);
    struct cp_yaml_node *node = node_new(y, CP_NODE_SCALAR, pos);
    struct anchor *anchor = add_anchor(y, event->data.scalar.anchor, pos);

    if (event->data.scalar.anchor || event->data.scalar.tag)
        from = skip_properties(y, from, end);
    node->node.text = text_of(y, event, from, end);
    node->bytes = node->node.text.s.n;
    y->bytes += node->bytes;
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->node.quoted = !node->is_plain;
    node->end = end;
    if (memchr(node->node.text.s.p, '\0', node->node.text.s.n)) {
        node->is_bad = true;
        cp_diag_error(y->r->diags, pos, NULL, "a NUL byte in a text");
    }
    if (event->data.scalar.tag) {
        node->node.text.pos.off = pos.off;
        refuse_tag(y, node, (const char *)event->data.scalar.tag);
    }
    if (anchor)
        anchor->node = &node->node;
    return &node->node;
}

static int check_key(struct reader *y, const struct cp_yaml_node *map, const struct cp_node *key)
{
    size_t line, col;

    if (cp_yaml_node_of(key)->is_bad)
        return -1;
    if (key->kind != CP_NODE_SCALAR)
        return cp_diag_error(y->r->diags, key->text.pos,
                             "a text that begins with [, { or ? goes in single quotes: '…'",
                             "a key is a text, not a list or map");
    if (key->text.s.n > KEY_MAX || memchr(key->text.s.p, '\n', key->text.s.n))
        return cp_diag_error(y->r->diags, key->text.pos, NULL,
                             "a key has at most %d bytes and no line break", KEY_MAX);
    for (size_t i = 0; i < map->node.n; i++) {
        if (!cp_slice_equal(map->node.keys[i].s, key->text.s))
            continue;
        cp_pos_line(map->node.keys[i].pos, &line, &col);
        return cp_diag_error(y->r->diags, key->text.pos,
                             cp_heap_printf(y->r->heap, "the first one is in line %zu", line),
                             "the key %.*s appears twice", CP_SHOW(key->text.s));
    }
    if (map->node.n == CP_DOC_MAX_KEYS)
        return stop(y, key->text.pos, "a map has at most %d keys", CP_DOC_MAX_KEYS);
    return 0;
}

static void add_member(struct reader *y, struct cp_yaml_node *to, const struct cp_node *key,
                       struct cp_node *value)
{
    struct cp_node *node = &to->node;

    if (key) {
        node->keys = cp_heap_grow(y->r->heap, node->keys, node->n, sizeof(*node->keys));
        node->keys[node->n] = key->text;
    }
    node->items = cp_heap_grow(y->r->heap, node->items, node->n, sizeof(struct cp_node *));
    node->items[node->n++] = value;
    to->weight += cp_yaml_node_of(value)->weight + (key ? 1 : 0);
    to->bytes += cp_yaml_node_of(value)->bytes + (key ? key->text.s.n : 0);
}

/* The members up to the event that ends the collection, which is left in *event. */
static void read_members(struct reader *y, struct cp_yaml_node *node, yaml_event_t *event,
                         int depth)
{
    bool is_map = node->node.kind == CP_NODE_MAP;
    struct cp_node *key = NULL;

    for (;;) {
        if (y->must_stop || next_event(y, event) < 0)
            return;
        if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
            return;
        struct cp_node *member = read_node(y, event, depth + 1);
        yaml_event_delete(event);
        if (y->must_stop) {
            return;
        } else if (is_map && !key) {
            key = member;
        } else {
            if (!is_map || check_key(y, node, key) == 0)
                add_member(y, node, key, member);
            key = NULL;
        }
    }
}

static struct cp_node *read_collection(struct reader *y, yaml_event_t *event, int depth)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    bool is_flow = is_list ? event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                           : event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    const yaml_char_t *tag =
        is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
    const yaml_char_t *name =
        is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    struct cp_pos pos = event_pos(y, event);
    yaml_event_t end = {0};

    pos.len = 1;
    struct cp_yaml_node *node = node_new(y, is_list ? CP_NODE_LIST : CP_NODE_MAP, pos);
    if (depth >= CP_DOC_MAX_DEPTH) {
        stop(y, pos, "nested deeper than %d levels", CP_DOC_MAX_DEPTH);
        return &node->node;
    }
    struct anchor *anchor = add_anchor(y, name, pos);
    if (tag)
        refuse_tag(y, node, (const char *)tag);
    y->flow += is_flow;
    read_members(y, node, &end, depth);
    y->flow -= is_flow;
    if (is_flow && !y->must_stop)
        node->node.text.pos.len = offset_of(y, end.end_mark) - pos.off;
    yaml_event_delete(&end);
    if (anchor)
        anchor->node = &node->node;
    return &node->node;
}

/* The node that begins with the event. The caller deletes the event. */
static struct cp_node *read_node(struct reader *y, yaml_event_t *event, int depth)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(y, event);
    return event->type == YAML_SCALAR_EVENT ? read_scalar(y, event)
                                            : read_collection(y, event, depth);
}

/* ---- The file ---- */

/* An event of the frame around the content. False: the file was refused. */
static bool expect(struct reader *y, yaml_event_type_t type)
{
    yaml_event_t event;

    if (y->must_stop || next_event(y, &event) < 0)
        return false;
    bool is_right = event.type == type;
    if (!is_right && event.type == YAML_DOCUMENT_START_EVENT)
        cp_diag_error(y->r->diags, event_pos(y, &event), "write one file for each pipeline",
                      "a second document begins here");
    yaml_event_delete(&event);
    return is_right;
}

static int read_file(struct reader *y, struct cp_node **root)
{
    yaml_event_t event;

    if (!expect(y, YAML_STREAM_START_EVENT) || next_event(y, &event) < 0)
        return -1;
    bool is_empty = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (is_empty)
        return 0;
    if (next_event(y, &event) < 0)
        return -1;
    *root = read_node(y, &event, 0);
    yaml_event_delete(&event);
    if (!expect(y, YAML_DOCUMENT_END_EVENT) || !expect(y, YAML_STREAM_END_EVENT))
        return -1;
    check_anchors(y);
    return 0;
}

/* %YAML and %TAG: nobody needs them here, and libyaml compares every one with every other. */
static int refuse_directives(struct cp_doc_reader *r, size_t start)
{
    const char *p = r->source->text, *end = p + r->source->len;

    for (const char *line = p + start; line && line < end; line++) {
        if (*line == '%')
            return cp_diag_error(r->diags, cp_doc_pos(r, (size_t)(line - p), 1), "leave it out",
                                 "a line that begins with %% is a YAML directive");
        line = memchr(line, '\n', (size_t)(end - line));
        if (!line)
            break;
    }
    return 0;
}

int cp_yaml_read_nodes(struct cp_doc_reader *r, size_t start, struct cp_node **root)
{
    struct reader *y = cp_xcalloc(1, sizeof(*y));
    int result = -1;

    *root = NULL;
    y->r = r;
    y->start = start;
    if (refuse_directives(r, start) < 0)
        goto out;
    if (!yaml_parser_initialize(&y->parser))
        cp_oom();
    make_offsets(y);
    yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)r->source->text + start,
                                 r->source->len - start);
    result = read_file(y, root);
    yaml_parser_delete(&y->parser);
    free(y->offsets);
out:
    free(y);
    return result;
}
