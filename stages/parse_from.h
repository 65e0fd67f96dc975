/* parse_from.h: parse … from FIELD: what a text of the record says is added to the record
 * (semantics 14, 46, 47).
 *
 * DESIGN. A format whose names are known writes them as fields: each gets a column. With another
 * the record becomes a layer (lib/format/shape.h): names that are read further down are looked for
 * in the text first, then in the record as it was before. The stage fills the columns of both, so
 * that readers see one value.
 */
#ifndef CP_STAGES_PARSE_FROM_H
#define CP_STAGES_PARSE_FROM_H

#include "../lib/format/shape.h"
#include "../lib/stage.h"

/* One column: the value in the text, or the one that the record had. */
struct parse_from_field {
    int slot;
    int outer_slot; /* CP_NO_SLOT: it had none */
    bool is_asked;  /* the text may have it */
};

struct parse_from {
    struct cp_ref field;
    int text_slot;  /* the text, decoded and without its line end; missing where there is nothing to
                       parse */
    int error_slot; /* `_error`, with on_error keep; else CP_NO_SLOT */
    struct cp_slice prefix;
    const struct cp_format *format;
    void *decoder;
    struct cp_wants inner;  /* what the decoder is asked for */
    struct cp_wants *wants; /* of the layer; NULL: the names are known */
    struct parse_from_field *fields;
    size_t n;
};

/* Plans it: names[0..n) are those the format makes, n == 0 when they are not known. field: the word
 * behind `from`; prefix: behind `as`, or NULL. f->format and f->decoder are set. */
int parse_from_plan(struct cp_planner *p, struct parse_from *f, const struct cp_slice *names,
                    size_t n, const struct cp_word *field, const struct cp_word *prefix);
/* When the whole plan stands: f->inner and f->fields are complete. Returns what the decoder's open
 * returns. */
int parse_from_at_end(struct cp_stage *s, struct parse_from *f, struct cp_err *err);
enum cp_outcome parse_from_process(struct cp_stage *s, struct parse_from *f, struct cp_batch *b);

#endif
