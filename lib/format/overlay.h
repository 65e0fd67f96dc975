/* overlay.h: the members of a record that stands on more than its bytes (shape.h, struct cp_layer),
 * as a list. Internal to lib/format; encoders that walk records use members.h, which uses this
 * where a shape has layers.
 *
 * DESIGN. A record with layers is built from the inside out: the raw members, the changes made to
 * them, the members of a text in place of those of the same name, the changes made to that, and so
 * on. Every step looks members up by name, so they are in a list with a hash index: a record may
 * have as many keys as fit a line. An iterator that asks each layer for each name was rejected: it
 * takes time in the square of the keys. Raw members remember where they stood, so that a writer of
 * the same format can copy the bytes around the changes.
 */
#ifndef CP_FORMAT_OVERLAY_H
#define CP_FORMAT_OVERLAY_H

#include "format.h"

struct cp_overlay_member {
    struct cp_slice name; /* decoded */
    struct cp_value value;
    const char *key_at; /* of the raw member; NULL: it is none and comes after them */
    bool is_gone;
    bool is_renamed, is_changed; /* against the raw member */
    uint32_t link;               /* the member before it with the same hash, plus one */
};

enum { CP_OVERLAY_FEW = 24, CP_OVERLAY_BUCKETS = 64 };

struct cp_overlay {
    struct cp_overlay_member *v; /* `few`, or memory of its own */
    size_t n, cap;
    uint32_t
        *bucket; /* `few_buckets`, or memory of its own: the last member with that hash, plus one */
    size_t n_buckets; /* a power of 2 */
    uint32_t *target; /* which member a field is about, plus one */
    size_t n_target;
    struct cp_heap heap; /* names that were decoded or got a prefix */
    struct cp_overlay_member few[CP_OVERLAY_FEW];
    uint32_t few_buckets[CP_OVERLAY_BUCKETS];
};

void cp_overlay_init(struct cp_overlay *o);
void cp_overlay_release(struct cp_overlay *o);

/* Lists the members of record i of a batch with this shape. Members with key_at stand in the order
 * of the raw bytes. What was listed before is forgotten. Names and values are borrowed from the
 * batch and from o. */
void cp_overlay_fill(struct cp_overlay *o, const struct cp_batch *b, const struct cp_shape *shape,
                     uint32_t i);

/* The shape of the record's own bytes. */
const struct cp_shape *cp_shape_base(const struct cp_shape *shape);

#endif
