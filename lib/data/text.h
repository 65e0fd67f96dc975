/* text.h: the bytes of a text against the text itself: escapes.
 *
 * Formats leave texts as they stand in the record (enum cp_escape). These functions decode them, or
 * compare them without decoding. All are pure and thread safe; none allocates.
 */
#ifndef CP_DATA_TEXT_H
#define CP_DATA_TEXT_H

#include "../base/slice.h"
#include "value.h"

/* Writes the text that the n bytes at p stand for to out, which has room for n bytes: a decoded
 * text is never longer. A lone surrogate becomes U+FFFD. Returns the length. */
size_t cp_text_decode(enum cp_escape esc, const char *p, size_t n, char *out);

/* Reads an escaped text piece by piece, for comparing and hashing without memory of its own. */
struct cp_text_reader {
    const char *p, *end;
    enum cp_escape esc;
    char unit[4]; /* what an escape stands for */
};
void cp_text_reader_init(struct cp_text_reader *r, enum cp_escape esc, const char *p, size_t n);
/* The next piece, never empty; valid until the next call. False at the end. */
bool cp_text_reader_next(struct cp_text_reader *r, struct cp_slice *piece);

/* Order by bytes of two texts: <0, 0, >0. */
int cp_text_compare(enum cp_escape a_esc, struct cp_slice a, enum cp_escape b_esc,
                    struct cp_slice b);

/* Whether an escaped text is these bytes. */
bool cp_text_equals(enum cp_escape esc, struct cp_slice text, struct cp_slice bytes);

/* Bytewise order of plain texts. */
int cp_slice_compare(struct cp_slice a, struct cp_slice b);

#endif
