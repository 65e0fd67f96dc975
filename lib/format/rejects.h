/* rejects.h: lines of a rejects file: records that failed, with their exact bytes, and why.
 *
 * One JSON object per record:
 *
 *     {"file":"a.log","line":17,"offset":1204,"stage":"parse","reason":"…","raw":"…"}
 *
 * raw      the record's bytes without its line end, where they are UTF-8 without control bytes
 * other than tab and line ends; else raw_b64, the same in base64 crlf     true: its line ended in
 * \r\n header   the first record of that input, where it names the columns; or header_b64 record in
 * place of raw: a record without bytes of its own (a row of count), as JSON. It has no file, line
 * and offset
 *
 * A record whose bytes are gone (it was longer than max_line) has neither raw nor record.
 */
#ifndef CP_FORMAT_REJECTS_H
#define CP_FORMAT_REJECTS_H

#include "../data/batch.h"
#include "format.h"

struct cp_reject {
    struct cp_slice file; /* p == NULL: the record was made */
    uint64_t line, offset;
    struct cp_slice stage, reason;
    struct cp_slice header; /* p == NULL: its input has none */
    struct cp_slice raw;    /* p == NULL: none */
    bool has_crlf;
};

/* Record i of a batch, but for stage and reason. line: cp_batch_line of it, 0 for made records. */
struct cp_reject cp_reject_of(const struct cp_batch *b, uint32_t i, uint64_t line);

/* Writes one line, with its newline. CP_PAD bytes behind header and raw must be readable. */
void cp_reject_put(struct cp_out *out, const struct cp_reject *r);
/* The same for a made record: the encoder of json writes it; b->shape says what is in it. */
void cp_reject_put_made(struct cp_out *out, const struct cp_reject *r, void *json,
                        const struct cp_batch *b, uint16_t i);

/* Room that a line needs for a record of at most n bytes, with what usually stands beside it. */
static inline size_t cp_reject_line_max(size_t n)
{
    return 4 * n + 8192;
}

enum { CP_REJECTS_BUFFER = 256 * 1024 }; /* of who writes them: the encoder of json wants as much */

/* Reads lines. Zeroed at the start. Not thread safe. */
struct cp_reject_reader {
    char *room; /* what was decoded of a line */
    size_t size, used;
};

/* Reads p[0..n), a line without its newline. NULL, or why there is no record in it. Texts of *r
 * last until the next call and have CP_PAD bytes behind them; raw is shorter than the line. stage
 * and reason are not read. */
const char *cp_reject_read(struct cp_reject_reader *reader, const char *p, size_t n,
                           struct cp_reject *r);
void cp_reject_reader_release(struct cp_reject_reader *reader);

#endif
