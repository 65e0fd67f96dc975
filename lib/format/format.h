/* format.h: a format of records. One file per format, no other edit: the registry is made from the
 * file list.
 *
 * DESIGN. A format can do up to four things. `frame` says how the source cuts bytes into records.
 * `decode` turns one record into the values that somebody wants, and checks all of it. `walk` gives
 * all keys of a record in order, for writers that must write keys the plan does not know. `encode`
 * writes records. decode and walk work on one record at a time: the call costs two nanoseconds, a
 * record at least fifty; the loop over the batch, errors and selections are in the parse stage,
 * once. encode takes a selection: what depends on the shape alone is looked at once per batch, and
 * records that leave as they came are copied many at a time.
 */
#ifndef CP_FORMAT_FORMAT_H
#define CP_FORMAT_FORMAT_H

#include "../base/err.h"
#include "../base/option.h"
#include "../data/batch.h"

#include "../data/input.h"
#include "out.h"
#include "shape.h"
#include "wants.h"

enum cp_format_flags {
    CP_FORMAT_OPEN =
        1, /* decode: records may have any keys; else the fields are known when planning */
    CP_FORMAT_KEEPS_EMPTY = 2, /* decode: an empty line is a record (line) */
    CP_FORMAT_HEADER =
        4, /* decode: the first record of every input names the fields (cp_input.header) */
    CP_FORMAT_IS_TABLE =
        8, /* encode: wants to know all columns before the first record (csv, tsv, table) */
    CP_FORMAT_MARKS = 16, /* decode: leaves marks where it is asked for them */
};

/* A member as decode saw it, for writers: what walk would have to search again. Offsets are in the
 * record. Marks stand in arenas, which align nothing. */
struct cp_mark {
    uint16_t key_at, key_len, value_at, value_len;
    uint8_t kind, flags, esc; /* of the value: CP_TEXT, or a kind without bytes */
} __attribute__((packed));

/* The marks of one record. */
struct cp_marks {
    struct cp_mark *v; /* room for max: 0 for records longer than UINT16_MAX */
    size_t max;
    size_t n; /* > max: they do not say what walk would, nobody may use them */
};
enum {
    CP_MARKS_MAX = 24, /* of one record */
};

/* Where decode puts what it finds. */
struct cp_row {
    struct cp_value *const *col; /* of the batch; col[slot][i] */
    uint32_t i;
    struct cp_input *input; /* header; NULL when the text comes from a field */
    struct cp_marks *marks; /* NULL: nobody wants them; else decode sets n (CP_FORMAT_MARKS) */
};

/* Where a member stands, noted by walks that read ahead. */
struct cp_walk_mark {
    uint32_t key_at, key_len, value_end; /* offsets in the record */
    uint32_t value_of;                   /* the member whose value this one shows */
};
enum { CP_WALK_MARKS = 24 };

/* One step of a walk: a key and its value, and where they stand. */
struct cp_walk {
    struct cp_slice key;       /* as it stands; need not be padded */
    enum cp_escape key_escape; /* of the key */
    struct cp_value value;
    const char *key_at; /* where the member starts: its key, its quote, a cell */
    /* Private to cp_walk_record. */
    const struct cp_mark *left, *left_end; /* marks to go; NULL: the format walks */
    /* Private to the format. */
    const char *p, *end;
    const void *decoder;
    const struct cp_input *input;
    size_t index;
    int state;
    size_t n_marks;
    struct cp_walk_mark *marks; /* `mark`, or memory given back when next returns false */
    struct cp_walk_mark mark[CP_WALK_MARKS]; /* need not be initialized */
};

/* A tested example of decode: shown by help, run by the tests. */
struct cp_format_example {
    const char *input;   /* lines */
    const char *options; /* `k=v k=v` as in a one-liner, or NULL */
    const char *output;  /* the records as JSON, each with its newline */
};

/* One of the formats that auto chooses from, with a decoder of its own. */
struct cp_choice {
    const struct cp_format *format;
    void *decoder;
};

/* A condition on raw records for the prefilter; made by a format from a cp_need. */
struct cp_need;
struct cp_probe;

struct cp_format {
    const char *name;
    const char *summary; /* one sentence, no full stop */
    const char *doc;     /* paragraphs, mdoc-free plain text */
    unsigned flags;
    const struct cp_format_example *examples; /* ended by input == NULL; NULL: none */

    /* ---- decode ---- */
    enum cp_frame frame;
    size_t decoder_size; /* bytes of the private struct; the parse stage allocates it, zeroed */
    const struct cp_option *options; /* of decode: values in the private struct */
    const char *const
        *fields; /* names that this format makes, NULL-terminated; NULL when open or by options */

    /* After the options are set, while planning. Gives the names that the options determine
     * (header: [a, b], named groups of a regex): *names in the heap, *n; untouched where `fields`
     * holds. */
    int (*plan)(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                struct cp_err *err);
    /* decoder is a plain copy for another worker: what must not be shared is replaced. Before open.
     * NULL: nothing is. */
    void (*fork)(void *decoder, struct cp_heap *heap);
    /* When the plan is complete: wants says which columns to fill, by path and slot. */
    int (*open)(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                struct cp_err *err);
    /* One record: fills col[slot][i] of every want (missing ones with CP_MISSING). Returns NULL, or
     * why the bytes are no record of this format: a static text; *at is then the offset of the
     * trouble. Thread safe on a constant decoder except for scratch that it owns: workers have a
     * decoder each. */
    const char *(*decode)(void *decoder, const char *p, size_t n, const struct cp_row *row,
                          size_t *at);
    /* CP_FORMAT_HEADER: takes the first record of an input into input->header, before any batch of
     * the input is sent. Not called when plan gave names: then there is no header line. */
    const char *(*header)(void *decoder, const char *p, size_t n, struct cp_input *input);
    void (*close)(void *decoder);
    /* CP_FRAME_CSV: the byte between cells, for cp_frame_init; after the options are set. NULL: no
     * matter. */
    uint8_t (*delimiter)(const void *decoder);
    /* `parse auto`: how well the first whole lines of an input look like this format, 0 (not at
     * all) to 100. NULL: never. */
    int (*sniff)(const struct cp_format *self, const char *p, size_t n);

    /* auto: all it may choose from (in the decoder), and what p[0..n), the first bytes of an input,
     * look most like. */
    const struct cp_choice *(*choices)(const void *decoder, size_t *n);
    const struct cp_choice *(*choose)(const void *decoder, const uint8_t *p, size_t n);

    /* All members in order; next must be called until it returns false. decoder as opened
     * (constant), or NULL for the format's defaults. Only for records that decode accepted. */
    void (*walk)(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                 struct cp_walk *w);
    bool (*next)(struct cp_walk *w);

    /* Prefilter: whether it can search the raw bytes for what the need asks. Selects out of
     * sel[0..n) the records that may satisfy it: writes them to keep, returns their number. Never
     * rules out one that does. */
    bool (*can_probe)(const void *decoder, const struct cp_need *need);
    size_t (*probe)(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                    const uint16_t *sel, size_t n, uint16_t *keep);

    /* ---- encode ---- */
    size_t encoder_size;
    const struct cp_option *encode_options;
    /* shape NULL: not known yet */
    int (*encode_open)(void *encoder, struct cp_heap *heap, struct cp_err *err);
    /* Writes the records sel[0..n) of the batch, in this order, each with its line end. b->shape
     * says what is in them and may change from batch to batch. NULL: all are written. Else why
     * record sel[*done] cannot be (a static text); those before it are written, nothing of it is:
     * the caller counts the error and calls again with the rest, from sel + *done + 1. *done is set
     * in both cases. Never blocks except in out->write. */
    const char *(*encode)(void *encoder, const struct cp_batch *b, const uint16_t *sel, size_t n,
                          struct cp_out *out, size_t *done);
    /* Members of records that were left out because they have no column (semantics 38): how many,
     * and the name of the first. NULL: never. */
    uint64_t (*left_out)(const void *encoder, struct cp_slice *first);
    /* The end of all records (table: the rest of its screenful). */
    int (*encode_end)(void *encoder, struct cp_out *out);
    void (*encode_close)(void *encoder);
};

/* A decoder for another worker, made from one that is planned and not open. */
static inline void *cp_decoder_fork(const struct cp_format *f, const void *decoder,
                                    struct cp_heap *heap)
{
    void *copy = cp_heap_take(heap, f->decoder_size + 1);

    memcpy(copy, decoder, f->decoder_size);
    if (f->fork)
        f->fork(copy, heap);
    return copy;
}

/* The shape of record i of a batch, and of those beside it that came by the same branch. */
static inline const struct cp_shape *cp_shape_of_record(const struct cp_shape *shape,
                                                        const struct cp_batch *b, uint32_t i)
{
    if (shape->n_branches > 0)
        shape = shape->branches[cp_batch_branch(b, i)];
    return cp_shape_for(shape, b->input);
}

/* The bytes of record i for a writer that leaves it as it came, without the final newline: a \r
 * before that newline belongs to the line end, yet stays (semantics 10). So the two bytes behind a
 * record must be what the input had there: a source that meets a last line without newline puts one
 * behind it. */
static inline struct cp_slice cp_record_own(const struct cp_batch *b, uint32_t i)
{
    struct cp_slice s = cp_batch_raw(b, i);
    if (s.p[s.n] == '\r' && s.p[s.n + 1] == '\n')
        s.n++;
    return s;
}

/* Starts a walk over record i of a batch, by the marks that the parser left where there are any.
 * The shape's format must be able to walk. Goes on with cp_walk_next, until that returns false. */
static inline void cp_walk_record(const struct cp_shape *shape, const struct cp_format *format,
                                  const struct cp_batch *b, uint32_t i, struct cp_walk *w)
{
    struct cp_slice raw = cp_batch_raw(b, i);
    const struct cp_value *v = shape->marks_slot < 0 ? NULL : &b->col[shape->marks_slot][i];

    w->left = NULL;
    if (v && v->kind == CP_TEXT) {
        w->p = raw.p;
        w->left = (const void *)v->p;
        w->left_end = w->left + v->len / sizeof(struct cp_mark);
        w->key_escape = CP_PLAIN;
    } else {
        format->walk(shape->decoder, b->input, raw.p, raw.n, w);
    }
}

static inline bool cp_walk_next(const struct cp_format *format, struct cp_walk *w)
{
    const struct cp_mark *m = w->left;

    if (m == NULL)
        return format->next(w);
    if (m == w->left_end)
        return false;
    w->left = m + 1;
    w->key_at = w->p + m->key_at;
    w->key = (struct cp_slice){w->key_at, m->key_len};
    w->value = cp_span(m->kind, w->p + m->value_at, m->value_len);
    w->value.flags = m->flags;
    w->value.esc = m->esc;
    return true;
}

/* The registry, sorted by name; NULL-terminated. */
extern const struct cp_format *const cp_formats[];
const struct cp_format *cp_format_find(struct cp_slice name);

#endif
