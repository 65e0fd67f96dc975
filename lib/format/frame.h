/* frame.h: cutting the bytes of an input into records (semantics 10, 12, 53, 55).
 *
 * For all of enum cp_frame but CP_FRAME_DOCUMENT, which belongs to json. A source keeps one struct
 * cp_frame_state per input and calls cp_frame_cut on what it has read:
 *
 *     struct cp_frame_state s;
 *     cp_frame_init(&s, format->frame, delimiter);
 *     n = cp_frame_cut(&s, block->data, start, end, at_end, batch->rec, CP_BATCH_RECORDS, &next);
 *
 * Bytes [next, end) are the start of a record whose end has not been seen. The next call must be
 * given these bytes again, at any address and offset, and more bytes behind them; what has been
 * searched once is not searched again, so that a record of any length is read in linear time.
 * Between two calls nothing else of the buffer is remembered.
 *
 * Not thread safe per state; allocates nothing; CP_PAD bytes behind data[end] must be readable.
 */
#ifndef CP_FORMAT_FRAME_H
#define CP_FORMAT_FRAME_H

#include "../data/batch.h"
#include "../data/input.h"

struct cp_frame_state {
    enum cp_frame kind;
    uint8_t delimiter; /* CP_FRAME_CSV: the byte between cells */
    uint8_t quote; /* CP_FRAME_CSV: where the search stopped: outside quotes, inside, behind one */
    bool is_skipping; /* between two calls of cp_frame_skip */
    size_t searched;  /* bytes of the unfinished record in which no end was found */
    size_t quote_at;  /* CP_FRAME_CSV: of the last quote, from the start of the record */
};

/* Starts on a new input. delimiter: the byte between cells of CP_FRAME_CSV, else ignored (0:
 * comma). */
void cp_frame_init(struct cp_frame_state *s, enum cp_frame kind, uint8_t delimiter);

/* Finds records in data[from..to): writes at most max (above 0) of them to `out`, with offsets from
 * `data` (to must be below 4 GiB), and returns how many. *next is the offset of the first byte that
 * belongs to none of them and not to a line end or to empty lines that were passed over: from where
 * to go on when `out` is full, else the start of an unfinished record, or `to`.
 *
 * at_end: no bytes follow. Then a last record without its end is a record too, and *next is `to`
 * unless `out` is full.
 *
 * line   an empty line is a record of length 0; a \r before the \n is no part of the record
 * csv    as line, but a \n inside quotes is a byte of its cell
 * nul    an empty record is a record; \r is kept
 * blank  records are runs of lines that are not empty, without the end of the last line
 * whole  nothing before at_end, then one record without its last \n; no bytes at all make none */
size_t cp_frame_cut(struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                    bool at_end, struct cp_record *out, size_t max, size_t *next);

/* For a record that is longer than the source can hold: passes over it. The first call is given
 * data[from..to) as cp_frame_cut left it (the unfinished record from its start), each further one
 * the bytes behind those of the call before. Returns the offset behind the record's end, or `to`
 * with *done false while the end has not come. Quotes of csv are forgotten: the record ends at the
 * next \n behind what was searched, so that one quote too many does not swallow the input
 * (semantics 53). whole: everything is passed over. Afterwards cp_frame_cut starts afresh. */
size_t cp_frame_skip(struct cp_frame_state *s, const uint8_t *data, size_t from, size_t to,
                     bool *done);

/* The length of a byte order mark at the start of an input: 3 or 0 (semantics 11; not dropped for
 * `line`). */
static inline size_t cp_frame_mark_length(const uint8_t *p, size_t n)
{
    return n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF ? 3 : 0;
}

#endif
