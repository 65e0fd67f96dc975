/* auto.c: whatever an input looks like.
 *
 * DESIGN. A pipeline is planned before its inputs are known: so this format is open, any name may
 * be read, and every format that can be told from its bytes has a decoder of its own for the same
 * columns. The source chooses one per input, from its first bytes, and notes it in the input; what
 * parses and writes records asks the input.
 */
#include "../base/option.h"
#include "detect.h"
#include "fields.h"

enum { MOST = 32 };

struct auto_format {
    struct cp_choice choices[MOST];
    size_t n;
    const struct cp_choice *shared; /* those that inputs refer to; of the first worker */
};

static int add_choice(struct auto_format *a, const struct cp_format *f, struct cp_heap *heap,
                      struct cp_err *err)
{
    struct cp_slice *names = NULL;
    size_t n = 0;
    void *decoder = cp_heap_take(heap, f->decoder_size + 1);

    if (f->options != NULL)
        cp_options_init(f->options, decoder, heap);
    if (f->plan != NULL && f->plan(decoder, heap, &names, &n, err) < 0)
        return -1;
    a->choices[a->n++] = (struct cp_choice){f, decoder};
    return 0;
}

static int auto_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                     struct cp_err *err)
{
    struct auto_format *a = decoder;
    const struct cp_format *line = cp_format_find(CP_SLICE("line"));

    (void)names;
    (void)n;
    for (size_t k = 0; cp_formats[k] != NULL && a->n < MOST; k++)
        if ((cp_formats[k]->sniff != NULL || cp_formats[k] == line) &&
            add_choice(a, cp_formats[k], heap, err) < 0)
            return -1;
    a->shared = a->choices;
    return 0;
}

static void auto_fork(void *decoder, struct cp_heap *heap)
{
    struct auto_format *a = decoder;

    for (size_t k = 0; k < a->n; k++)
        a->choices[k].decoder = cp_decoder_fork(a->choices[k].format, a->choices[k].decoder, heap);
}

static int auto_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                     struct cp_err *err)
{
    struct auto_format *a = decoder;

    for (size_t k = 0; k < a->n; k++)
        if (a->choices[k].format->open != NULL &&
            a->choices[k].format->open(a->choices[k].decoder, wants, heap, err) < 0)
            return -1;
    return 0;
}

static void auto_close(void *decoder)
{
    struct auto_format *a = decoder;

    for (size_t k = 0; k < a->n; k++)
        if (a->choices[k].format->close != NULL)
            a->choices[k].format->close(a->choices[k].decoder);
}

static const struct cp_choice *auto_choices(const void *decoder, size_t *n)
{
    const struct auto_format *a = decoder;

    *n = a->n;
    return a->shared;
}

static const struct cp_choice *auto_choose(const void *decoder, const uint8_t *p, size_t n)
{
    const struct auto_format *a = decoder;
    const struct cp_format *best = cp_format_detect(p, n);
    size_t k = 0;

    while (k + 1 < a->n && a->choices[k].format != best)
        k++;
    return &a->shared[k];
}

static const char *auto_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                               size_t *at)
{
    const struct auto_format *a = decoder;
    const struct cp_choice *c = &a->choices[row->input->choice - a->shared];

    return c->format->decode(c->decoder, p, n, row, at);
}

static const struct cp_format_example examples[] = {
    {"{\"a\":1}\n{\"a\":2}\n", NULL, "{\"a\":1}\n{\"a\":2}\n"},
    {"level=info n=1\nlevel=warn n=2\n", NULL,
     "{\"level\":\"info\",\"n\":1}\n{\"level\":\"warn\",\"n\":2}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_auto = {
    .name = "auto",
    .summary = "The format that each input looks most like",
    .doc = "Each input is looked at by itself: its first 64 KiB, or what has come when it pauses. "
           "With -v it is said what was "
           "chosen. Lines that look like nothing known are the field line. Names of fields depend "
           "on the format, so that a "
           "mistyped one is not noticed. In set, unset and rename a dotted name leads into an "
           "object, as in JSON.",
    .examples = examples,
    .flags = CP_FORMAT_OPEN,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct auto_format),
    .plan = auto_plan,
    .fork = auto_fork,
    .open = auto_open,
    .decode = auto_decode,
    .close = auto_close,
    .choices = auto_choices,
    .choose = auto_choose,
};
