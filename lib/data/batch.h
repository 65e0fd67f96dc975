/* batch.h: blocks, batches and the pool they live in.
 *
 * DESIGN. What crosses a channel is a batch, never a record. Bytes lie in a block (CP_BLOCK_SIZE,
 * reference counted, never moved, not written any more once framed). A batch is a view on one
 * block: up to CP_BATCH_RECORDS records (offset and length), a selection (which of them are still
 * there, ascending), one column of values per slot, an arena for texts that stages compute. Exactly
 * one thread owns a batch; sending gives it away. A filter shortens the selection, it moves
 * nothing. A column is an array of values indexed by the record's number (not by its place in the
 * selection).
 *
 * All batches and blocks that an origin (a source, or a stage that makes records) can have in
 * flight are made when the pipeline starts, in one piece of memory; they go back to the origin's
 * pool when released.
 *
 * Where a pipeline branches, all branches but one get views: batches with a selection and an arena
 * of their own that show records, columns and bytes of the batch they view. That is safe without
 * any copy because a column, once filled, is never written again: a stage writes new ones
 * (scope.h), and those lie in the view. Where branches meet again, records of several views stand
 * in one batch that holds on to them. What others hold on to goes back to its pool when the last of
 * them does.
 *
 * The pool is a stack, not a queue: what was released last is warm in the
 * cache, and a pipeline that keeps up touches only a few of its blocks. Memory that is never used
 * is never touched, so it is no part of the resident set. The pool of an origin with an unbounded
 * channel below it grows, by as much as it began with, where others would wait.
 */
#ifndef CP_DATA_BATCH_H
#define CP_DATA_BATCH_H

#include <stdatomic.h>

#include "../base/arena.h"
#include "../base/moment.h"
#include "value.h"

enum {
    CP_BLOCK_SIZE = 128 * 1024,
    CP_BATCH_RECORDS = 2048, /* at most 65536: selections are 16 bit */
    CP_MAX_SLOTS = 1024,     /* columns that a plan may have */
    CP_MAX_DEPTH = 8,        /* partings within partings */
};

/* The number of batches that are made when the input has ended: behind all others. */
#define CP_LAST_SEQ (UINT64_C(1) << 39)

struct cp_pool;
struct cp_shape;
struct cp_input;

struct cp_block {
    _Atomic uint32_t refs; /* batches that view it, plus one while the source fills it */
    bool is_large; /* one of the pool's large blocks; cap may grow while only the source holds it */
    size_t cap;    /* bytes of data; CP_PAD more can be read */
    uint8_t *data;
    struct cp_pool *home;
    struct cp_block *next; /* in the pool */
};

/* One record: bytes [off, off + len) of the block, without its line end. */
struct cp_record {
    uint32_t off, len;
};

/* Where a record came from, in batches that mix records of several places (keeper.h). */
struct cp_origin {
    struct cp_input *input; /* NULL: made */
    uint64_t line, offset;
};

/* Where a batch stands among those that parted at one stage, and come together again below in this
 * order. That stage numbers batches and their records; whatever is made of them on the way keeps
 * these numbers. */
struct cp_order {
    uint64_t seq;     /* number of the batch, or CP_LAST_SEQ */
    uint16_t *places; /* of each record: its number in the batch that parted; NULL: the same as here
                       */
    bool has_more;    /* the rest of that batch follows in another */
    uint32_t until;   /* then: all records of lower places are in this batch and those before it */
};

struct cp_batch {
    /* Constant since the pool was made. */
    struct cp_pool *home;
    struct cp_batch *next; /* in the pool */
    struct cp_record *rec;
    uint16_t *sel;
    struct cp_value **col; /* one column per slot of the plan */
    struct cp_arena arena; /* emptied when the batch is released */
    struct cp_origin
        *origin;       /* of each record; NULL: all are of `input`, lines follow from their bytes */
    uint8_t *branches; /* of each record: the one it came by, where it joined others, counted from
                          `branch`; NULL: all came by that */

    /* Atomic. The owner, and the batches that hold on to it. */
    _Atomic uint32_t refs;
    struct cp_batch **parts; /* batches that this one shows something of; it holds on to them */
    uint32_t n_parts;

    /* Set by the origin. */
    struct cp_block *block; /* NULL: made records, without bytes of their own */
    struct cp_block *texts; /* NULL, or where texts of made records lie that were kept */
    struct cp_input
        *input;          /* where the bytes came from; NULL for made records; see cp_batch_input */
    uint64_t seq;        /* number of the batch at its origin, from 0; or CP_LAST_SEQ */
    uint32_t start;      /* where this batch's bytes begin in the block */
    uint64_t first_line; /* line number, from 1, of the byte there */
    uint64_t first_offset;    /* its offset in the input */
    uint32_t ordinal;         /* records with the same seq in batches before this one */
    uint32_t n;               /* records */
    bool has_more;            /* a stage split what it received: the rest follows in another */
    struct cp_time_zone zone; /* for times without zone or year */

    /* Changed by the stages it passes. */
    uint32_t n_sel; /* records still there: sel[0..n_sel) */
    uint8_t branch;
    const struct cp_shape *shape;         /* which fields a writer sees (format/shape.h) */
    struct cp_order orders[CP_MAX_DEPTH]; /* as it parted from others: outermost first; the first
                                             cp_stage.depth of them are in use */
};

static inline struct cp_slice cp_batch_raw(const struct cp_batch *b, uint32_t i)
{
    return (struct cp_slice){(const char *)b->block->data + b->rec[i].off, b->rec[i].len};
}

/* The input of record i: for its name. (Its header and zone are those of b->input and b->zone too.)
 */
static inline struct cp_input *cp_batch_input(const struct cp_batch *b, uint32_t i)
{
    return b->origin ? b->origin[i].input : b->input;
}

/* Where record i of the batch stands in the order of all records that go the same way. */
static inline uint64_t cp_batch_position(const struct cp_batch *b, uint32_t i)
{
    return (b->seq << 24) + b->ordinal + i;
}

/* The branch that record i came by. */
static inline uint8_t cp_batch_branch(const struct cp_batch *b, uint32_t i)
{
    return (uint8_t)(b->branch + (b->branches ? b->branches[i] : 0));
}

/* The number of record i of the batch in the one that parted: what branches agree on. */
static inline uint16_t cp_order_place(const struct cp_order *o, uint32_t i)
{
    return o->places ? o->places[i] : (uint16_t)i;
}

/* Selects all n records. */
void cp_batch_select_all(struct cp_batch *b);

/* Sizes of one pool; computed by the plan, printed by explain. */
struct cp_pool_size {
    size_t batches; /* at least: capacities of the edges downstream + one per stage + one per stage
                       that splits */
    size_t blocks;  /* 0 for origins whose records have no bytes of their own */
    size_t block_size;   /* bytes */
    size_t large_blocks; /* for records longer than a block; made when first needed */
    size_t max_record;   /* bytes; the largest a large block grows to */
    size_t records;      /* per batch */
    size_t slots;        /* columns per batch */
    size_t arena;        /* bytes per batch; 0 where no stage makes text */
    bool origins;        /* batches say of each record where it came from */
    bool branches;       /* and by which branch */
    size_t depth;        /* orders in which they have places of their own */
    size_t parts;        /* batches that one of them holds on to, at most */
    bool grows;          /* makes more instead of waiting: these are the first ones */
};

/* The bytes that a pool of this size, which does not grow, can come to use; exactly what
 * cp_pool_new reserves plus its large blocks. */
size_t cp_pool_bytes(const struct cp_pool_size *size);

struct cp_pool *cp_pool_new(const struct cp_pool_size *size);
/* All batches must have come back. */
void cp_pool_free(struct cp_pool *p);
/* Bytes of a block that is not large; records of a batch, at most. */
size_t cp_pool_block_size(const struct cp_pool *p);
size_t cp_pool_records(const struct cp_pool *p);

/* Thread safe. Blocks until a batch is free, unless the pool grows; it comes empty: no block, no
 * input, n = 0, arena reset, columns undefined. */
struct cp_batch *cp_pool_batch(struct cp_pool *p);
/* Gives the batch back, unless another one holds on to it, and what it refers to. Thread safe; NULL
 * is allowed. */
void cp_batch_release(struct cp_batch *b);

/* A view of b, of a pool whose batches have a part: all its records, nothing selected. slots: the
 * columns that are filled. Blocks until a batch is free. */
struct cp_batch *cp_batch_view(struct cp_pool *p, struct cp_batch *b, const uint16_t *slots,
                               size_t n_slots);
/* An empty batch takes everything of b but its records and columns. */
void cp_batch_like(struct cp_batch *to, const struct cp_batch *b);
/* b holds on to part. */
void cp_batch_hold(struct cp_batch *b, struct cp_batch *part);
/* Batches that are not in the pool now. */
size_t cp_pool_in_flight(struct cp_pool *p);

/* Blocks until a block is free, unless the pool grows; the caller holds the one reference. */
struct cp_block *cp_pool_block(struct cp_pool *p);
/* The same for a record of at least `need` bytes (need <= max_record). */
struct cp_block *cp_pool_large_block(struct cp_pool *p, size_t need);
/* Makes a large block that nobody else refers to at least so large; its content stays, its data may
 * move. */
void cp_block_grow(struct cp_block *b, size_t need);
static inline void cp_block_ref(struct cp_block *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}
void cp_block_release(struct cp_block *b);

/* Moves the records sel[from..) of b, with the values of their columns `slots`, to the front of the
 * selection of `to`: a batch that an earlier call returned for the same b, or NULL for a new one of
 * the same pool (blocks until one is free: the plan counted it). Their texts that lie in b's arena
 * are copied to the other arena, where they take no more room than they took in b's. Returns to.
 * For a stage whose arena is full. */
struct cp_batch *cp_batch_move(struct cp_batch *b, size_t from, const uint16_t *slots,
                               size_t n_slots, struct cp_batch *to);

/* Line number and byte offset in its input of record i. O(bytes of the batch): for messages and
 * _line. */
uint64_t cp_batch_line(const struct cp_batch *b, uint32_t i);
uint64_t cp_batch_offset(const struct cp_batch *b, uint32_t i);

#endif
