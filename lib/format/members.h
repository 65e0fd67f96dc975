/* members.h: a record as its writer sees it: names and values in order, whatever its format and its
 * shape. For encoders of other formats than the record's own; internal to lib/format. */
#ifndef CP_FORMAT_MEMBERS_H
#define CP_FORMAT_MEMBERS_H

#include "../base/number.h"
#include "format.h"
#include "overlay.h"

/* ---- Members ---- */

struct cp_members {
    struct cp_slice name;       /* of the current member; see name_escape */
    enum cp_escape name_escape; /* CP_PLAIN, but for keys of JSON */
    struct cp_value value;      /* never CP_MISSING */
    /* Private. */
    const struct cp_batch *batch;
    const struct cp_shape *shape;
    uint32_t i;
    int phase;
    size_t at;
    uint64_t met; /* fields, by number, whose key was met among the raw members */
    struct cp_overlay
        *overlay; /* of a shape with layers; memory given back when next returns false */
    struct cp_walk walk;
};

/* Before the first member of record i of the batch. The shape of the batch must be set. */
void cp_members_init(struct cp_members *m, const struct cp_batch *b, uint32_t i);

/* The next member; false at the end. Call it until then (cp_format.next). */
bool cp_members_next(struct cp_members *m);

/* The parser could not read record i and it goes on all the same (on_error keep): it has `line` and
 * `_error`. */
bool cp_record_is_failed(const struct cp_batch *b, uint32_t i);

/* The field of a shape whose key a raw member has, or NULL. */
const struct cp_shape_field *cp_shape_find(const struct cp_shape *shape, struct cp_slice key,
                                           enum cp_escape escape);

/* The field that takes the place of a raw member of record i under the key of field k: most often
 * that one. */
static inline size_t cp_shape_stand_in(const struct cp_shape *s, size_t k, const struct cp_batch *b,
                                       uint32_t i)
{
    size_t left = s->n; /* several renamings, one after the other */

    while (s->fields[k].stand_in > 0 && b->col[s->fields[k].unless][i].kind == CP_MISSING &&
           left-- > 0)
        k = s->fields[k].stand_in - 1;
    return k;
}

/* Both together. */
const struct cp_shape_field *cp_shape_find_of(const struct cp_shape *shape, struct cp_slice key,
                                              enum cp_escape escape, const struct cp_batch *b,
                                              uint32_t i);

/* Record i leaves in the given format as its own bytes: it is of this format and nothing was
 * changed. */
bool cp_record_is_own(const struct cp_batch *b, uint32_t i, const struct cp_format *format);

/* Writes the own bytes of records sel[0..n), each with a newline; neighbours in one copy. */
void cp_put_own(struct cp_out *out, const struct cp_batch *b, const uint16_t *sel, size_t n);

/* ---- Texts of values ---- */

/* Memory for texts that must be decoded. Zeroed at the start; it grows to the longest text seen. */
struct cp_texts {
    char *room;
    size_t size;
    char number[CP_NUM_MAX + 16 + CP_PAD];
};

/* The text of a value as semantics 37 to 39 write it: escapes decoded, computed numbers and times
 * printed, true and false, null as nothing. Borrowed from the value or from t, until the next call
 * with t; CP_PAD bytes behind it can be read. */
struct cp_slice cp_texts_of(struct cp_texts *t, const struct cp_value *v);
/* The same for a name. */
struct cp_slice cp_texts_name(struct cp_texts *t, struct cp_slice name, enum cp_escape escape);
void cp_texts_release(struct cp_texts *t);

#endif
