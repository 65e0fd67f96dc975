/* ltsv.c: label:value pairs between tabs. */
#include "../base/scan.h"
#include "detect.h"
#include "fields.h"
#include "probe.h"

/* A want and its key. */
struct want {
    struct cp_slice key;
    int slot;
};

struct ltsv {
    int types;
    uint8_t flags;
    struct want *wants;
    size_t n;
    int *missing; /* columns of paths that are no keys */
    size_t n_missing;
};

static const struct cp_option options[] = {
    CP_OPTION_TYPES(struct ltsv, types),
    {0},
};

static const char *find(const char *p, const char *end, char c)
{
    return (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end, (uint8_t)c);
}

static int ltsv_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                     struct cp_err *err)
{
    struct ltsv *l = decoder;

    (void)err;
    l->flags = cp_types_flags(l->types);
    l->wants = cp_heap_take(heap, wants->n * sizeof(*l->wants));
    l->missing = cp_heap_take(heap, wants->n * sizeof(*l->missing));
    for (size_t k = 0; k < wants->n; k++) {
        struct want w = {.slot = wants->v[k].slot};
        if (cp_path_key(wants->v[k].path, &w.key))
            l->wants[l->n++] = w;
        else
            l->missing[l->n_missing++] = w.slot;
    }
    return 0;
}

static void put(const struct ltsv *l, const struct cp_row *row, struct cp_slice key,
                const struct cp_value *value)
{
    for (size_t k = 0; k < l->n; k++)
        if (l->wants[k].key.n == key.n && memcmp(l->wants[k].key.p, key.p, key.n) == 0)
            row->col[l->wants[k].slot][row->i] = *value;
}

static const char *ltsv_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                               size_t *at)
{
    const struct ltsv *l = decoder;
    const char *start = p, *end = p + n;

    for (size_t k = 0; k < l->n; k++)
        row->col[l->wants[k].slot][row->i] = (struct cp_value){.kind = CP_MISSING};
    for (size_t k = 0; k < l->n_missing; k++)
        row->col[l->missing[k]][row->i] = (struct cp_value){.kind = CP_MISSING};
    for (; p <= end; p++) {
        const char *stop = find(p, end, '\t'), *colon = find(p, stop, ':');
        if (colon == stop && stop > p)
            return cp_refuse(at, (size_t)(p - start), "no colon behind the label");
        if (colon == p && stop > p)
            return cp_refuse(at, (size_t)(p - start), "no label before the colon");
        if (stop > p) {
            struct cp_value v = cp_text(colon + 1, (size_t)(stop - colon - 1));
            v.flags = l->flags;
            put(l, row, (struct cp_slice){p, (size_t)(colon - p)}, &v);
        }
        p = stop;
    }
    return NULL;
}

static void ltsv_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                      struct cp_walk *w)
{
    const struct ltsv *l = decoder;

    w->p = p;
    w->end = p + n;
    w->decoder = decoder;
    w->input = input;
    w->state = l == NULL ? CP_UNTYPED : l->flags;
    w->key_escape = CP_PLAIN;
}

static bool ltsv_next(struct cp_walk *w)
{
    const char *p = w->p, *stop, *colon;

    while (p < w->end && *p == '\t')
        p++;
    if (p >= w->end)
        return false;
    stop = find(p, w->end, '\t');
    colon = find(p, stop, ':');
    w->key = (struct cp_slice){p, (size_t)(colon - p)};
    w->value = cp_text(colon + 1, (size_t)(stop - colon - 1));
    w->value.flags = (uint8_t)w->state;
    w->key_at = p;
    w->p = stop + 1;
    return true;
}

static bool ltsv_can_probe(const void *decoder, const struct cp_need *need)
{
    struct cp_slice key;

    (void)decoder;
    return cp_path_key(need->path, &key) && key.n > 0;
}

static size_t ltsv_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                         const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_slice key;

    (void)decoder;
    if (need->kind == CP_NEED_LITERAL)
        return cp_probe_literal(b, sel, n, need->literal, keep);
    cp_path_key(need->path, &key);
    return cp_probe_number(b, sel, n, key, ':', "\t\r\n", cp_probe_range(need), keep);
}

/* Tabs between labels: a table of times has colons too, so the labels must be words. */
static bool looks_right(void *ctx, const char *p, size_t n)
{
    const char *end = p + n;
    size_t pairs = 0;

    (void)ctx;
    for (; p < end; p++, pairs++) {
        const char *stop = find(p, end, '\t'), *colon = find(p, stop, ':');
        if (colon == stop || colon == p || (*p >= '0' && *p <= '9') || find(p, colon, ' ') != colon)
            return false;
        p = stop;
    }
    return pairs >= 2;
}

static int ltsv_sniff(const struct cp_format *self, const char *p, size_t n)
{
    (void)self;
    return cp_sniff_lines(p, n, looks_right, NULL);
}

static const struct cp_format_example examples[] = {
    {"host:1.2.3.4\ttime:10:05\tstatus:200", NULL,
     "{\"host\":\"1.2.3.4\",\"time\":\"10:05\",\"status\":200}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_ltsv = {
    .name = "ltsv",
    .summary = "Labeled values between tabs",
    .doc = "Every cell is label:value; the value may hold colons and may be empty. There are no "
           "escapes. Of a repeated label "
           "the last value is read. A cell without a colon or without a label is an error.",
    .examples = examples,
    .flags = CP_FORMAT_OPEN,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct ltsv),
    .options = options,
    .open = ltsv_open,
    .decode = ltsv_decode,
    .walk = ltsv_walk,
    .next = ltsv_next,
    .can_probe = ltsv_can_probe,
    .probe = ltsv_probe,
    .sniff = ltsv_sniff,
};
