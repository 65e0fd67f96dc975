/* wants.h: which fields of its records a parser is asked for. */
#ifndef CP_FORMAT_WANTS_H
#define CP_FORMAT_WANTS_H

#include "../data/path.h"

struct cp_format;
struct cp_layer;
struct cp_ref;
struct cp_scope;

/* What anybody reads of the records of one parse stage. */
struct cp_wants {
    const struct cp_format *format;
    void *decoder;     /* the format's private struct: writers need it to walk records */
    struct cp_want *v; /* what has been asked for */
    size_t n, cap;
    int marks_slot; /* a writer will walk the records: their marks go here; CP_NO_SLOT: none does */
    struct cp_scope
        *outer; /* NULL: they read the record's bytes. Else a text of the record, and what that does
                 * not have is read from this scope; such wants are single keys, never paths */
    struct cp_layer *layer; /* of the text (format/shape.h) */
    /* NULL, or the scopes of records that came together: each is asked in its own. A scope that
     * records had which had come together before gives several branches. */
    struct cp_scope *inputs;
    size_t n_inputs;
    struct cp_scope *branches;
    size_t n_branches;
    uint8_t *first; /* the number of the first branch of each input */
};
struct cp_want {
    const struct cp_path *path; /* literal key first, then inside objects */
    int slot;
    struct cp_ref *refs; /* wants with inputs: where each has it; set when the plan stands */
    int outer_slot; /* wants with an outer scope: where that has it, or CP_NO_SLOT; set when the
                       plan stands */
};

#endif
