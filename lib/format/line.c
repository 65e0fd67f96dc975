/* line.c: every line is one field. */
#include "fields.h"
#include "probe.h"

struct line {
    struct cp_fields fields;
};

static const char *const names[] = {"line", NULL};

static int line_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                     struct cp_err *err)
{
    struct line *l = decoder;

    (void)err;
    cp_fields_open_fixed(&l->fields, wants, names, heap);
    return 0;
}

static const char *line_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                               size_t *at)
{
    const struct line *l = decoder;

    (void)at;
    for (size_t k = 0; k < l->fields.n; k++)
        row->col[l->fields.v[k].slot][row->i] = cp_text(p, n);
    cp_fields_put_missing(&l->fields, row);
    return NULL;
}

static void line_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                      struct cp_walk *w)
{
    (void)decoder;
    (void)input;
    *w = (struct cp_walk){.p = p, .end = p + n};
}

static bool line_next(struct cp_walk *w)
{
    if (w->index++ > 0)
        return false;
    w->key = CP_SLICE("line");
    w->value = cp_text(w->p, (size_t)(w->end - w->p));
    w->key_at = w->p;
    return true;
}

static bool line_can_probe(const void *decoder, const struct cp_need *need)
{
    (void)decoder;
    return need->kind == CP_NEED_LITERAL && cp_fields_find(names, need->path) == 0;
}

static size_t line_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                         const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    return cp_probe_literal(b, sel, n, need->literal, keep);
}

const struct cp_format cp_format_line = {
    .name = "line",
    .summary = "Each line is one field, `line`",
    .doc = "Every line, also an empty one, is a record with the field line: the bytes without the "
           "line end. "
           "No line is an error.",
    .flags = CP_FORMAT_KEEPS_EMPTY,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct line),
    .fields = names,
    .open = line_open,
    .decode = line_decode,
    .walk = line_walk,
    .next = line_next,
    .can_probe = line_can_probe,
    .probe = line_probe,
};
