/* seen.h: which keys have come before: what dedupe and uniq share. Beyond max_memory the oldest are
 * given up (data/recent.h). */
#ifndef CP_STAGES_SEEN_H
#define CP_STAGES_SEEN_H

#include "../lib/data/recent.h"
#include "operand.h"

struct seen {
    uint64_t max_memory; /* option */

    struct operand *operands;
    size_t n, cap;
    bool is_whole; /* the key is the whole record, written as JSON: */
    const struct cp_format *format;
    void *encoder;
    struct cp_shape *shape;
    struct cp_out out;
    char *text; /* the batch's records */
    size_t text_n, text_cap;
    struct cp_value *column;

    struct cp_recent keys; /* the state: whether it has been seen before */
    struct cp_group **found;
};

#define SEEN_OPTIONS(type, member)                                                                 \
    {                                                                                              \
        "max_memory", CP_OPT_SIZE, offsetof(type, member.max_memory), NULL, "256MiB",              \
            "bytes for the keys seen; beyond it the oldest are given up"                           \
    }

/* Adds a field to the key. */
int seen_plan_field(struct cp_planner *p, struct seen *s, const struct cp_path *path,
                    struct cp_pos pos);
/* The key is the whole record. */
int seen_plan_record(struct cp_planner *p, struct seen *s);
/* After either. */
int seen_plan_end(struct cp_planner *p, struct seen *s);
/* What must not be shared by workers. */
void seen_fork(struct cp_stage *stage, struct seen *s);
int seen_open(struct cp_stage *stage, struct seen *s, struct cp_err *err);
/* Leaves the records whose key has not come before in the selection. */
enum cp_outcome seen_process(struct cp_stage *stage, struct seen *s, struct cp_batch *b);
/* For the summary. */
int seen_finish(struct cp_stage *stage, struct seen *s);
void seen_close(struct seen *s);

#endif
