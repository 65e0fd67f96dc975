/* feed.h: from the bytes of an input to batches of records: what all sources of bytes share.
 *
 * Reads straight into blocks of the source's pool and cuts records (format/frame.h). A record that
 * a read cut in two is copied to the next block; one that is larger than a block gets a large
 * block; one that is longer than max_line is passed over, counted as an error. What a read brought
 * leaves at once: nothing waits for a block to fill.
 *
 * A rejects file is cut into lines. The record in each takes the place of its line in the block,
 * before anybody else sees that, with the file, line and offset that it had once.
 *
 * A source takes batch after batch of an input from a reader:
 *
 *     while ((b = cp_feed_next(&f, &r)))
 *         ...
 *     cp_feed_has_ended(&f)                      or the source shall end
 *     cp_feed_release(&f);
 *
 * A stage that reads on its own, when there is something to read, calls for each input
 *
 *     cp_feed_begin(&f, name, 0);
 *     p = cp_feed_room(&f, &n);                  read up to n bytes to p
 *     cp_feed_put(&f, got, may_follow);          got 0: that was the end
 *     while ((b = cp_feed_cut(&f)))
 *         ...
 *     cp_feed_release(&f);
 */
#ifndef CP_RUN_FEED_H
#define CP_RUN_FEED_H

#include "../format/frame.h"
#include "../format/json_scan.h"
#include "../format/rejects.h"
#include "../io/reader.h"
#include "../stage.h"

struct cp_feed {
    struct cp_stage *stage;
    const struct cp_framing *planned;
    const struct cp_framing
        *framing; /* of the input: `planned`, or `chosen` after it was looked at */
    struct cp_framing chosen;
    bool must_choose;
    struct cp_frame_state frame;
    struct cp_json_framer documents; /* CP_FRAME_DOCUMENT */
    struct cp_input *input;
    struct cp_block *block; /* being filled; its bytes [from, have) have not left yet */
    size_t from, have;
    size_t block_size;      /* of a block that is not large */
    uint64_t line, offset;  /* of byte `from` */
    struct cp_batch *batch; /* taken from the pool, still empty; or NULL */
    bool wants_header;      /* the next record names the columns */
    bool is_first;          /* nothing of the input has been cut yet */
    bool is_skipping;       /* within a record that is too long */
    bool at_end;            /* no bytes follow */
    bool is_cutting;        /* there may be whole records */

    /* CP_FRAME_REJECTS */
    struct cp_reject_reader rejects;
    struct cp_record *lines;      /* from byte `from` on, up to lines_end */
    size_t n_lines, at_line;      /* those before at_line have left */
    size_t lines_end;             /* in the block */
    struct cp_input *rejected_in; /* where the records at hand came from once; or NULL */

    /* The term of the account that counts the records: `in`; may be changed after cp_feed_init. */
    uint64_t *counter;
};

/* While the stage is opened. */
void cp_feed_init(struct cp_feed *f, struct cp_stage *s, const struct cp_framing *framing);
/* The next batch of an input, which begins with the first call; waits for its bytes. NULL: there is
 * none, for the input has ended, the stage shall stop, or it has failed. */
struct cp_batch *cp_feed_next(struct cp_feed *f, struct cp_reader *r);
/* All of the input has left. */
static inline bool cp_feed_has_ended(const struct cp_feed *f)
{
    return f->at_end && !f->is_cutting;
}

/* Starts on an input; modified: ns, 0 for now. */
void cp_feed_begin(struct cp_feed *f, const char *name, int64_t modified);
/* Where the next bytes go, and how many at most. */
uint8_t *cp_feed_room(struct cp_feed *f, size_t *n);
/* Takes n bytes that were put there; none: the end of the input. may_follow: more can be had at
 * once, which is of interest as long as the format of the input is being chosen. */
void cp_feed_put(struct cp_feed *f, size_t n, bool may_follow);
/* The next batch of what was put there. NULL: all whole records have left, or the stage has failed
 * (s->err). */
struct cp_batch *cp_feed_cut(struct cp_feed *f);
/* Whether bytes follow on fd at once; waits for them a little. stop_fd ends the wait. */
bool cp_feed_is_coming(int fd, int stop_fd);
/* The format is being chosen: cp_feed_put wants to know whether more can be had at once. */
static inline bool cp_feed_is_choosing(const struct cp_feed *f)
{
    return f->must_choose;
}
/* Gives up what it holds. */
void cp_feed_release(struct cp_feed *f);

#endif
