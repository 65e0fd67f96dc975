/* joiner.h: records made of several that follow each other: what multiline does once it is known
 * which belong together.
 *
 * DESIGN. Lines that are neighbours in a block are joined where they lie: the joined record is a
 * longer piece of the same block, with the line ends that stand there. It leaves in a batch of the
 * stage's own pool that views the block of the batch it came in, so that nothing is copied. Copied
 * into a block of the own pool is only what cannot be one piece of a block: a record that goes on
 * in the next batch, and lines that are no neighbours, because a stage before took some out or
 * another separator is wanted. From the first of those on, all records of the batch are copied:
 * going to and fro would give a batch for each. Sending on the batches that came was rejected:
 * their pool does not reckon with what the stages below need (plan_pool).
 *
 *     open     joiner_open
 *     process  joiner_begin_batch, joiner_add for each record, joiner_end_batch
 *     due      joiner_pause
 *     finish   joiner_end
 *     close    joiner_close
 */
#ifndef CP_STAGES_JOINER_H
#define CP_STAGES_JOINER_H

#include "../lib/stage.h"

enum join {
    JOIN_BEGIN,  /* the record begins another one */
    JOIN_APPEND, /* it belongs to the one before */
    JOIN_MAYBE,  /* it is empty, and does if the next one is JOIN_APPEND; else it is a record of its
                    own */
};

/* The record that is being joined. */
struct joined {
    uint64_t lines; /* 0: there is none */
    uint32_t off, len;
    bool is_copied; /* it lies in `home`, not in the batch at hand */
    bool has_maybe; /* its last line is JOIN_MAYBE: without it it has `sure` bytes */
    uint32_t sure;
    uint8_t line_end; /* bytes of the line end behind it: 1, or 2 with a \r */
    struct cp_origin origin, maybe_origin;
    struct cp_time_zone zone;
    const char *reason; /* why the decision about one of its lines failed; or NULL */
};

struct joiner {
    /* Constant. */
    struct cp_slice separator; /* p == NULL: the line ends stay as they are */
    uint64_t max_lines, max_bytes;
    const struct cp_wants *wants; /* of the lines that leave */

    /* The batch at hand, and how far its lines have been counted. */
    struct cp_batch *from;
    uint32_t line_at;
    uint64_t line;
    uint16_t places[CP_MAX_DEPTH]; /* of the line at hand, which makes the record before it whole:
                                      where branches meet that record stands here, whatever the
                                      batches were */
    bool copies;                   /* from here on all are copied */

    struct cp_batch *to;   /* being filled; sent at the end of each batch */
    struct cp_block *home; /* of the own pool: copied records, the one being joined behind them */
    uint32_t front;        /* bytes of home that belong to others than that one */
    struct joined open;
    bool holds_input; /* a reference on its input: across batches */
    uint64_t cut;     /* records that were too long */
};

void joiner_open(struct joiner *j, const struct cp_wants *wants);
void joiner_begin_batch(struct joiner *j, struct cp_batch *b);
/* The input of record i is another one than that of the record being joined. */
bool joiner_is_other_input(const struct joiner *j, uint32_t i);
/* Adds record i of the batch. False: nobody wants more; it was added all the same. */
bool joiner_add(struct cp_stage *s, struct joiner *j, uint32_t i, enum join how);
/* The record being joined is whole. */
bool joiner_complete(struct cp_stage *s, struct joiner *j);
/* Sends what is whole and keeps the rest. */
bool joiner_end_batch(struct cp_stage *s, struct joiner *j);
/* Sends the record being joined: for now nothing more comes. */
bool joiner_pause(struct cp_stage *s, struct joiner *j);
/* Sends all. */
bool joiner_end(struct cp_stage *s, struct joiner *j);
void joiner_close(struct joiner *j);

#endif
