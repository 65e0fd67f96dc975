/* shape.h: which fields a writer sees in the records of a batch. Made by the planner from a scope,
 * constant, shared by all batches that pass the same edge. */
#ifndef CP_FORMAT_SHAPE_H
#define CP_FORMAT_SHAPE_H

#include "../base/slice.h"
#include "../data/value.h"

struct cp_format;
struct cp_input;

struct cp_shape_field {
    struct cp_slice name; /* to write; p == NULL: the raw member `key` is removed */
    struct cp_slice key;  /* raw member whose place it takes; p == NULL: comes after the last one */
    int slot; /* its value; CP_MISSING there: not written. CP_NO_SLOT (with a key): the member's own
                 bytes */
    size_t stand_in; /* of a removed one: the field, plus one, that has the place of `key` where
                        column `unless` has CP_MISSING (cp_shape_stand_in); 0: none */
    int unless;
};

/* `parse FORMAT from FIELD` with a format whose keys the plan does not know: the members of a text
 * of the record are members of the record, in place of those of the same name, else after the last
 * one. */
struct cp_layer {
    const struct cp_format *format;
    const void *decoder;
    struct cp_slice prefix;       /* before each name */
    int slot;                     /* the text, decoded; CP_MISSING: it adds nothing */
    const struct cp_shape *outer; /* the record without it */
};

struct cp_shape {
    const struct cp_layer
        *layer; /* NULL: none. Else the record is the layer's, changed by fields as if it were
                 * bytes: format is NULL, is_open and is_changed are true */
    const struct cp_format *format; /* of the raw bytes; NULL: never parsed or made */
    const void *decoder;            /* of that format, for walk */
    bool is_open;                   /* raw members that no field names are written too */
    bool is_changed;                /* else a record's own bytes are the record */
    bool is_json;                   /* a record of parse json, for raw output (semantics 37, 48) */
    bool is_made;                   /* no bytes */
    int failed_slot, line_slot;     /* see cp_scope */
    int marks_slot;                 /* marks of the raw members (cp_walk_record), or CP_NO_SLOT */
    struct cp_shape_field *fields;
    size_t n;
    /* `parse auto`: the shapes of records of each of its formats; cp_shape_for finds the right one.
     */
    struct cp_shape **variants;
    size_t n_variants;
    /* Of records that came together (cp_batch.branch): each has a shape of its own. */
    struct cp_shape **branches;
    size_t n_branches;
    size_t serial; /* differs between shapes: lets a writer notice a change without comparing */
};

/* The shape of records that came from an input: another one only where the input's format was
 * chosen while running. */
const struct cp_shape *cp_shape_for(const struct cp_shape *shape, const struct cp_input *input);

#endif
