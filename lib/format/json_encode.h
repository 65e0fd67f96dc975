/* json_encode.h: whole records as JSON. Internal to lib/format: the format json, and raw for JSON
 * records. */
#ifndef CP_FORMAT_JSON_ENCODE_H
#define CP_FORMAT_JSON_ENCODE_H

#include "../data/batch.h"
#include "format.h"
#include "out.h"
#include "overlay.h"
#include "shape.h"

struct cp_json_plan;
struct cp_json_member;

/* What one thread needs to write records; zeroed is ready for cp_json_encode_open. */
struct cp_json_writer {
    struct cp_json_plan **plans; /* one for each shape that was seen */
    size_t n_plans, cap_plans;
    struct cp_json_plan *last;      /* of the shape seen last */
    struct cp_json_member *members; /* of the record being edited */
    size_t cap_members;
    struct cp_overlay *overlay; /* of the record, where the shape has layers */
    struct cp_heap heap;        /* of the plans' scanners */
};

int cp_json_encode_open(void *writer, struct cp_heap *heap, struct cp_err *err);
/* The encode of struct cp_format. No record is refused. */
const char *cp_json_encode(void *writer, const struct cp_batch *b, const uint16_t *sel, size_t n,
                           struct cp_out *out, size_t *done);
void cp_json_encode_close(void *writer);

/* Writes one record as JSON text without its newline, by b->shape. */
void cp_json_put_record(struct cp_json_writer *w, const struct cp_batch *b, uint32_t i,
                        struct cp_out *out);

#endif
