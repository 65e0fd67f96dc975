/* fields.h: what formats of flat records share: from the wants of a plan to the fields of a record.
 * Internal to lib/format. */
#ifndef CP_FORMAT_FIELDS_H
#define CP_FORMAT_FIELDS_H

#include "../base/arena.h"
#include "format.h"
#include "wants.h"

/* The key of a flat record that a path means: a.b is the literal key `a.b`. False: none can be
 * meant (a[0]). */
bool cp_path_key(const struct cp_path *path, struct cp_slice *key);

/* Wants, resolved to the numbers of fields. */
struct cp_field_want {
    uint32_t field;
    int slot;
};
#define CP_NO_FIELD UINT32_MAX
struct cp_fields {
    struct cp_field_want
        *v; /* in the order of the fields; one may come twice; ended by CP_NO_FIELD */
    size_t n;
    int *missing; /* slots of wants that no record of this format can have */
    size_t n_missing;
};

/* Fills f from the wants, for records with the given names. Memory comes from the heap. */
void cp_fields_open(struct cp_fields *f, const struct cp_wants *wants, const struct cp_slice *names,
                    size_t n, struct cp_heap *heap);
/* The same for the names of a descriptor, ended by NULL. */
void cp_fields_open_fixed(struct cp_fields *f, const struct cp_wants *wants,
                          const char *const *names, struct cp_heap *heap);

/* Whether a field, by number, is asked for. */
bool cp_fields_have(const struct cp_fields *f, uint32_t field);

/* The number of the name that a path means, or -1. */
int cp_fields_find(const char *const *names, const struct cp_path *path);

/* Fills the columns of f->missing for the record of the row. */
static inline void cp_fields_put_missing(const struct cp_fields *f, const struct cp_row *row)
{
    for (size_t k = 0; k < f->n_missing; k++)
        row->col[f->missing[k]][row->i] = (struct cp_value){.kind = CP_MISSING};
}

/* The option `types` of formats whose values have no types (semantics 20, 21): an int, enum
 * cp_types. */
enum cp_types { CP_TYPES_AUTO, CP_TYPES_TEXT };
#define CP_OPTION_TYPES(type, member)                                                              \
    {                                                                                              \
        "types", CP_OPT_CHOICE, offsetof(type, member), "auto text", "auto",                       \
            "`text`: values that look like numbers are text all the same"                          \
    }
/* The flags of a bare value then. */
static inline uint8_t cp_types_flags(int types)
{
    return types == CP_TYPES_TEXT ? 0 : CP_UNTYPED;
}

/* Refuses bytes: notes where and returns why. */
static inline const char *cp_refuse(size_t *at, size_t offset, const char *why)
{
    *at = offset;
    return why;
}

#endif
