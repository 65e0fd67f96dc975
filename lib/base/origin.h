/* origin.h: texts that know where they came from, so that a mistake in them can be shown in its
 * place. */
#ifndef CP_BASE_ORIGIN_H
#define CP_BASE_ORIGIN_H

#include "arena.h"
#include "err.h"
#include "slice.h"

/* From byte `off` of a text on (to the next run), it was made from `len` bytes at `at` of the
 * source: byte by byte where the lengths are equal, else (an escape, a replaced ${X}) as a whole.
 */
struct cp_text_run {
    size_t off, at, len;
};

/* A text with the place it came from. */
struct cp_text {
    struct cp_slice s; /* decoded: quotes, escapes and block indentation of YAML are gone; ends in
                          NUL, padded */
    struct cp_pos pos; /* of the whole scalar in the source; without the quotes when verbatim */
    bool verbatim;     /* byte k of s is byte pos.off + k of the source */
    const struct cp_text_run
        *runs; /* not verbatim: n_runs of them, in order; 0: only pos is known */
    size_t n_runs;
};

/* The position of bytes [off, off + len) of a text; off may be s.n (the end). Exact for all that
 * was read from a source; inside an escape or a replaced ${X} it is the whole of that. */
struct cp_pos cp_text_pos(const struct cp_text *t, size_t off, size_t len);

/* Bytes [off, off + len) of a text as a text of its own, copied into the heap. */
struct cp_text cp_text_part(const struct cp_text *t, size_t off, size_t len, struct cp_heap *heap);

/* How many bytes of a text a run of it covers. */
size_t cp_text_run_length(const struct cp_text *t, const struct cp_text_run *run);

#endif
