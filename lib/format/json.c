/* json.c: the format json: one value per record. */
#include "json.h"

#include "../base/scan.h"
#include "detect.h"
#include "format.h"
#include "json_encode.h"
#include "json_scan.h"
#include "probe.h"

/* ---- decode ---- */

/* One column to fill. */
struct json_want {
    int slot;
    int capture;          /* the nested value, or the list or object that `rest` leads into */
    int literal;          /* of the key `a.b`, which goes first; or -1 */
    struct cp_step *rest; /* steps from the first index on */
    size_t n_rest;
    const struct cp_path *path;
};

struct json {
    struct cp_json_scanner *scanner;
    struct cp_value *found;
    size_t n_found;
    struct json_want *wants;
    size_t n_wants;
};

/* The target of a key under a parent; made when there is none. */
static struct cp_json_target *target_under(struct cp_json_target *parent, struct cp_slice key,
                                           struct cp_heap *heap)
{
    struct cp_json_target *t;

    for (t = parent->child; t; t = t->next)
        if (cp_slice_equal(t->key, key))
            return t;
    t = cp_heap_take(heap, sizeof *t);
    *t = (struct cp_json_target){.key = key, .capture = -1, .next = parent->child};
    parent->child = t;
    return t;
}

static int capture_of(struct json *j, struct cp_json_target *t)
{
    if (t->capture < 0)
        t->capture = (int)j->n_found++;
    return t->capture;
}

/* The names of a path joined by points; n == 0 when it has brackets or only one step. */
static struct cp_slice literal_key(const struct cp_path *path, struct cp_heap *heap)
{
    size_t n = 0;

    if (path->has_brackets || path->n == 1)
        return (struct cp_slice){0};
    for (size_t k = 0; k < path->n; k++)
        n += path->steps[k].name.n + 1;
    char *key = cp_heap_take(heap, n), *q = key;
    for (size_t k = 0; k < path->n; k++) {
        if (k > 0)
            *q++ = '.';
        memcpy(q, path->steps[k].name.p, path->steps[k].name.n);
        q += path->steps[k].name.n;
    }
    return (struct cp_slice){key, (size_t)(q - key)};
}

static void want_open(struct json *j, struct json_want *w, const struct cp_want *want,
                      struct cp_json_target *root, struct cp_heap *heap)
{
    const struct cp_path *path = want->path;
    struct cp_json_target *t = root;
    size_t k = 0;

    *w = (struct json_want){.slot = want->slot, .literal = -1, .path = path};
    while (k < path->n && path->steps[k].name.p)
        t = target_under(t, path->steps[k++].name, heap);
    w->capture = t == root ? -1 : capture_of(j, t);
    w->rest = path->steps + k;
    w->n_rest = path->n - k;
    struct cp_slice key = literal_key(path, heap);
    if (key.n > 0)
        w->literal = capture_of(j, target_under(root, key, heap));
}

static int json_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                     struct cp_err *err)
{
    struct json *j = decoder;
    struct cp_json_target *root = cp_heap_take(heap, sizeof *root);

    (void)err;
    root->capture = -1;
    j->n_wants = wants ? wants->n : 0;
    j->wants = cp_heap_take(heap, j->n_wants * sizeof *j->wants);
    for (size_t k = 0; k < j->n_wants; k++)
        want_open(j, &j->wants[k], &wants->v[k], root, heap);
    j->found = cp_heap_take(heap, j->n_found * sizeof *j->found);
    j->scanner = cp_heap_take(heap, sizeof *j->scanner);
    cp_json_scanner_init(j->scanner, root, j->found, true, heap);
    return 0;
}

/* A value that is no object: the field `value`. */
static const char *decode_bare(const struct json *j, const char *p, size_t n,
                               const struct cp_row *row, size_t *at)
{
    struct cp_value v;
    const char *why = cp_json_value(p, n, &v, at);

    for (size_t k = 0; k < j->n_wants; k++) {
        const struct cp_path *path = j->wants[k].path;
        bool is_inside = !why && path->n > 0 && path->steps[0].name.p &&
                         cp_slice_is(path->steps[0].name, "value");
        row->col[j->wants[k].slot][row->i] = is_inside
                                                 ? cp_json_get(&v, path->steps + 1, path->n - 1)
                                                 : (struct cp_value){.kind = CP_MISSING};
    }
    return why;
}

static struct cp_value want_value(const struct json *j, const struct json_want *w)
{
    if (w->literal >= 0 && j->found[w->literal].kind != CP_MISSING)
        return j->found[w->literal];
    if (w->capture < 0)
        return (struct cp_value){.kind = CP_MISSING};
    if (w->n_rest > 0)
        return cp_json_get(&j->found[w->capture], w->rest, w->n_rest);
    return j->found[w->capture];
}

static const char *json_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                               size_t *at)
{
    struct json *j = decoder;

    if (__builtin_expect(n == 0 || *p != '{', 0)) {
        const char *q = cp_json_skip_blanks(p, p + n);
        if (q == p + n || *q != '{')
            return decode_bare(j, p, n, row, at);
    }
    for (size_t k = 0; k < j->n_found; k++)
        j->found[k] = (struct cp_value){.kind = CP_MISSING};
    const char *why = cp_json_scan(j->scanner, p, n, at);
    if (__builtin_expect(why != NULL, 0))
        for (size_t k = 0; k < j->n_found; k++)
            j->found[k] = (struct cp_value){.kind = CP_MISSING};
    for (size_t k = 0; k < j->n_wants; k++)
        row->col[j->wants[k].slot][row->i] = want_value(j, &j->wants[k]);
    return why;
}

/* ---- walk ---- */

enum { WALK_MEMBERS, WALK_BARE, WALK_DONE };

static void json_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                      struct cp_walk *w)
{
    const char *end = p + n;

    (void)decoder;
    (void)input;
    p = cp_json_skip_blanks(p, end);
    while (end > p && cp_json_is_blank(end[-1]))
        end--;
    bool is_object = p < end && *p == '{';
    *w = (struct cp_walk){.p = is_object ? p + 1 : p,
                          .end = is_object ? end - 1 : end,
                          .state = is_object ? WALK_MEMBERS : WALK_BARE};
}

static bool walk_bare(struct cp_walk *w)
{
    struct cp_json_iter it = {.p = w->p, .end = w->end};

    w->state = WALK_DONE;
    if (!cp_json_iter_next(&it))
        return false;
    w->key = CP_SLICE("value");
    w->key_escape = CP_PLAIN;
    w->value = it.value;
    w->key_at = it.value_at;
    return true;
}

static bool json_next(struct cp_walk *w)
{
    if (w->state != WALK_MEMBERS)
        return w->state == WALK_BARE && walk_bare(w);
    struct cp_json_iter it = {.p = w->p, .end = w->end, .is_object = true};
    if (!cp_json_iter_next(&it))
        return false;
    w->p = it.p;
    w->key = it.key;
    w->key_escape = it.key_is_escaped ? CP_ESC_JSON : CP_PLAIN;
    w->value = it.value;
    w->key_at = it.key_at;
    w->index++;
    return true;
}

/* ---- probe ---- */

/* The last name of a path; p == NULL when it ends in an index, or when the value may stand without
 * a key. */
static struct cp_slice last_name(const struct cp_path *path)
{
    if (path->n == 0 ||
        (path->n == 1 && path->steps[0].name.p && cp_slice_is(path->steps[0].name, "value")))
        return (struct cp_slice){0};
    return path->steps[path->n - 1].name;
}

/* Whether a key can be searched as it stands between its quotes: writers may spell these bytes as
 * an escape other than \u, which is looked for anyway. */
static bool is_plain_key(struct cp_slice key)
{
    if (!key.p || key.n == 0 || key.n + 2 > CP_LITERAL_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] < 0x20 || strchr("\"\\/", key.p[i]))
            return false;
    return true;
}

static bool json_can_probe(const void *decoder, const struct cp_need *need)
{
    (void)decoder;
    if (need->kind == CP_NEED_LITERAL)
        return cp_probe_piece(need->literal, "\"/\\").n > 0;
    return need->path && is_plain_key(last_name(need->path));
}

/* Whether the number behind a key (its closing quote was just passed) may lie in the range; what is
 * no plain integer of at most 18 digits always may. */
static bool number_may_lie_in(const uint8_t *p, const uint8_t *end, struct cp_probe_range range)
{
    const char *q = cp_json_skip_blanks((const char *)p, (const char *)end);
    const char *stop = (const char *)end;
    uint64_t value = 0;

    if (q >= stop || *q != ':')
        return false; /* a string value that reads like the key */
    q = cp_json_skip_blanks(q + 1, stop);
    bool is_negative = q < stop && *q == '-';
    q += is_negative;
    const char *first = q;
    for (; q < stop && (unsigned char)(*q - '0') < 10; q++) {
        if (q - first == 18)
            return true;
        value = value * 10 + (uint64_t)(*q - '0');
    }
    if (q == first || (q < stop && (*q == '.' || (*q | 0x20) == 'e')))
        return true;
    int64_t number = is_negative ? -(int64_t)value : (int64_t)value;
    return number >= range.low && number <= range.high;
}

enum { PROBE_HITS = 1024 };

/* Two ascending searches that are merged: the key, and \u, which may hide it. */
struct number_search {
    struct cp_literal key, escape;
    const uint8_t *data;
    size_t end;
    uint32_t hits[PROBE_HITS];
};

static size_t search(struct number_search *x, const struct cp_literal *lit, size_t *at)
{
    size_t resume;
    size_t n = cp_scan_literal(x->data + *at, x->end - *at, lit, x->hits, PROBE_HITS, &resume);

    for (size_t k = 0; k < n; k++)
        x->hits[k] += (uint32_t)*at;
    *at = n == PROBE_HITS ? *at + resume : x->end;
    return n;
}

/* Which records have the key with a number that may satisfy. */
static size_t probe_key(struct number_search *x, const struct cp_batch *b, size_t start,
                        struct cp_probe_range range, const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_probe_merge m = {.batch = b, .sel = sel, .n = n, .keep = keep};

    for (size_t at = start; at < x->end;) {
        size_t hits = search(x, &x->key, &at), good = 0;
        for (size_t k = 0; k < hits; k++)
            if (number_may_lie_in(x->data + x->hits[k] + x->key.length, x->data + x->end, range))
                x->hits[good++] = x->hits[k];
        cp_probe_take(&m, x->hits, good);
    }
    return m.kept;
}

static size_t probe_escape(struct number_search *x, const struct cp_batch *b, size_t start,
                           const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_probe_merge m = {.batch = b, .sel = sel, .n = n, .keep = keep};

    for (size_t at = start; at < x->end;) {
        size_t hits = search(x, &x->escape, &at);
        cp_probe_take(&m, x->hits, hits);
    }
    return m.kept;
}

/* keep = the union of two ascending lists. */
static size_t merge(const uint16_t *a, size_t n, const uint16_t *b, size_t m, uint16_t *keep)
{
    size_t kept = 0;

    while (n > 0 || m > 0) {
        uint16_t next = m == 0 || (n > 0 && *a < *b) ? *a : *b;
        if (n > 0 && *a == next)
            a++, n--;
        if (m > 0 && *b == next)
            b++, m--;
        keep[kept++] = next;
    }
    return kept;
}

static size_t probe_number(const struct cp_need *need, const struct cp_batch *b,
                           const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_slice name = last_name(need->path);
    bool is_nested =
        need->path->n > 1; /* then it may be the end of a literal key: `"b"` or `"a.b"` */
    struct cp_record extent = cp_probe_extent(b, sel, n);
    struct number_search x;
    uint16_t with_key[CP_BATCH_RECORDS], with_escape[CP_BATCH_RECORDS];
    char key[CP_LITERAL_MAX];

    key[0] = '"';
    memcpy(key + 1, name.p, name.n);
    key[name.n + 1] = '"';
    cp_literal_init(&x.key, key + is_nested, name.n + 2 - is_nested, 0);
    cp_literal_init(&x.escape, "\\u", 2, 0);
    x.data = b->block->data;
    x.end = extent.off + extent.len;
    size_t n_key = probe_key(&x, b, extent.off, cp_probe_range(need), sel, n, with_key);
    size_t n_escape = probe_escape(&x, b, extent.off, sel, n, with_escape);
    return merge(with_key, n_key, with_escape, n_escape, keep);
}

static size_t json_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                         const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    if (n == 0)
        return 0;
    if (need->kind == CP_NEED_LITERAL)
        return cp_probe_escaped(b, sel, n, need->literal, keep);
    return probe_number(need, b, sel, n, keep);
}

/* ---- Detection ---- */

/* An object: words and numbers alone are values of JSON too, and yet most often something else. */
static bool looks_right(void *ctx, const char *p, size_t n)
{
    const char *start = cp_json_skip_blanks(p, p + n);
    struct cp_value v;
    size_t at;

    (void)ctx;
    return start < p + n && *start == '{' && cp_json_value(p, n, &v, &at) == NULL;
}

static int json_sniff(const struct cp_format *self, const char *p, size_t n)
{
    (void)self;
    return cp_sniff_lines(p, n, looks_right, NULL);
}

const struct cp_format cp_format_json = {
    .name = "json",
    .summary = "One JSON value per record",
    .doc = "Every record is one value of RFC 8259, checked strictly; blanks around it are allowed, "
           "brackets may be nested "
           "1024 deep. The keys of an object are the fields; a value that is no object is the "
           "field value. Of duplicate "
           "keys the last one is read. A key that is spelled a.b goes before b in a.\n\n"
           "On output a record that no stage changed is written as its own bytes, a changed one "
           "keeps every byte that was "
           "not changed. Other records become objects with their fields in order.",
    .flags = CP_FORMAT_OPEN,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct json),
    .open = json_open,
    .decode = json_decode,
    .walk = json_walk,
    .next = json_next,
    .can_probe = json_can_probe,
    .probe = json_probe,
    .sniff = json_sniff,
    .encoder_size = sizeof(struct cp_json_writer),
    .encode_open = cp_json_encode_open,
    .encode = cp_json_encode,
    .encode_close = cp_json_encode_close,
};
