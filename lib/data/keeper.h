/* keeper.h: records that a stage keeps across batches (tail, sort): copied out of a batch, given
 * back as batches of the stage's own pool.
 *
 * DESIGN. A kept record is one contiguous piece of bytes: its raw bytes, the values of all slots
 * that were filled when it came, the texts they point at, and where it came from. It can be moved
 * by memcpy and written to a temporary file and read back in the same process; the keeper only says
 * how large it is, the memory is the stage's, which bounds and counts it. Values that point into
 * the raw bytes or into texts are stored as offsets; texts that overlap are stored once, so that a
 * kept record is never larger than what the batch held of it. Holding on to the batches themselves
 * was rejected: one record would pin a whole block, and the pool would run dry.
 *
 *     plan     cp_plan_keeps_records(p);                        the stage has CP_STAGE_MAKES
 *     open     cp_keeper_init(&k, s->live, s->n_live);
 *     process  cp_keeper_begin(&k, b);
 *              for each record i, ascending:
 *                  n = cp_keeper_measure(&k, i);                room for n bytes, aligned to 8
 *                  cp_keeper_write(&k, at);
 *     finish   cp_stage_give(s, &k, at);                       for each, in the order wanted
 *              cp_stage_give_end(s, &k);
 *     close    cp_keeper_release(&k);
 *
 * What a stage wrote into columns itself (slots that are not in s->live) is not kept. Not thread
 * safe. Allocates only when an input is seen for the first time; inputs are held to the end, also
 * when nothing of them is kept any more.
 */
#ifndef CP_DATA_KEEPER_H
#define CP_DATA_KEEPER_H

#include "batch.h"
#include "piece.h"

struct cp_keeper {
    /* Constant after cp_keeper_init. */
    const uint16_t *slots;
    size_t n_slots;

    /* Inputs that kept records came from: a reference is held on each. An open hash table. */
    struct cp_input **inputs;
    size_t n_inputs, cap_inputs;

    /* The batch that records are taken from, and how far its lines have been counted. */
    struct cp_batch *from;
    uint32_t line_at;
    uint64_t line;

    /* The record measured last. */
    uint32_t i;
    size_t size, texts;
    struct cp_piece *pieces; /* cap: one more than slots */
    size_t n_pieces;

    /* The batch that records are given back in, or NULL. Raw bytes fill its block from the front,
     * texts from the back, so that records which follow each other are neighbours there too. */
    struct cp_batch *to;
    size_t front, back;
};

/* slots: those to keep; must live as long as the keeper. */
void cp_keeper_init(struct cp_keeper *k, const uint16_t *slots, size_t n_slots);
/* All batches given back must be in their pool again (any time after the threads have ended). A
 * zeroed keeper is allowed. */
void cp_keeper_release(struct cp_keeper *k);

/* ---- Taking ---- */

/* Starts on a batch. */
void cp_keeper_begin(struct cp_keeper *k, struct cp_batch *b);
/* Bytes that record i of the batch takes; a multiple of 8. Fastest when i ascends. */
size_t cp_keeper_measure(struct cp_keeper *k, uint32_t i);
/* Writes the record measured last to `to`, which is aligned to 8. */
void cp_keeper_write(struct cp_keeper *k, char *to);

/* ---- Kept records ---- */

/* Its size: what cp_keeper_measure returned. Stands in its first 4 bytes, so that a reader of a
 * file knows how many follow. */
static inline size_t cp_kept_size(const char *record)
{
    uint32_t n;
    memcpy(&n, record, sizeof n);
    return n;
}

/* ---- Giving back ---- */

/* Appends the record to a batch of a pool whose size has `origins` set; b is k->to. False: it has
 * no room for it (never for an empty batch), or the record cannot share a batch with those before
 * it: send it and take the next one. Blocks until the pool has a block. cp_stage_give does this for
 * stages. */
bool cp_keeper_read(struct cp_keeper *k, struct cp_batch *b, const char *record);

/* The largest record that comes back out of batches of a pool of that size: for the pool of the
 * keeper's stage. */
size_t cp_keeper_max_record(const struct cp_pool_size *from);

#endif
