/* probe.h: searching the raw bytes of a batch for what a prefilter needs, at the speed of memory.
 *
 * A probe searches the bytes of all selected records in one go, not record by record, and maps the
 * hits to records by merging. It may keep too many records, it never rules out one that satisfies
 * the need. All functions write to `keep`, which may be `sel` itself, in ascending order; they are
 * thread safe and allocate nothing.
 */
#ifndef CP_FORMAT_PROBE_H
#define CP_FORMAT_PROBE_H

#include "../data/batch.h"
#include "need.h"

/* ---- Literals ---- */

/* Which of the records sel[0..n) contain the literal. An empty literal is contained in all. Only
 * the first CP_LITERAL_MAX bytes are searched. */
size_t cp_probe_literal(const struct cp_batch *b, const uint16_t *sel, size_t n,
                        struct cp_slice literal, uint16_t *keep);

/* The same for formats that may spell a byte as an escape of JSON: the longest part without quotes,
 * `/`, backslashes and control bytes is searched; records with a \u are kept too. */
size_t cp_probe_escaped(const struct cp_batch *b, const uint16_t *sel, size_t n,
                        struct cp_slice literal, uint16_t *keep);

/* The longest part of a literal that holds none of the bytes of `cut` and no control byte. */
struct cp_slice cp_probe_piece(struct cp_slice literal, const char *cut);

/* ---- Numbers ---- */

/* The numbers that satisfy a CP_NEED_NUMBER: low to high. */
struct cp_probe_range {
    int64_t low, high;
};
struct cp_probe_range cp_probe_range(const struct cp_need *need);

/* Which records may have a number in the range as the value of `key`: key, separator, value,
 * between quotes or not: `status=500`. `ends` are the bytes that end a value; they include the
 * newline. A number of up to 18 digits is read; whatever else stands there, also a key without
 * separator, is kept. */
size_t cp_probe_number(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_slice key,
                       char separator, const char *ends, struct cp_probe_range range,
                       uint16_t *keep);

/* Which records may have a number in the range behind `" `, where it starts with a digit: the
 * status of a combined log. Other than three digits are kept. */
size_t cp_probe_status(const struct cp_batch *b, const uint16_t *sel, size_t n,
                       struct cp_probe_range range, uint16_t *keep);

/* ---- Merging, for probes that find their own hits ---- */

struct cp_probe_merge {
    const struct cp_batch *batch;
    const uint16_t *sel;
    size_t n, at; /* sel[at..n) have not been passed yet */
    uint16_t *keep;
    size_t kept;
};

/* Keeps the records in which a hit lies. hits: ascending offsets in the block, above those of the
 * calls before. */
void cp_probe_take(struct cp_probe_merge *m, const uint32_t *hits, size_t n);

/* The bytes to search: of the block, from the first selected record to the end of the last. n must
 * be above 0. */
struct cp_record cp_probe_extent(const struct cp_batch *b, const uint16_t *sel, size_t n);

/* Chooses instructions, as cp_scan_init does (scan.h): for tests. */
int cp_probe_init(int level);

#endif
