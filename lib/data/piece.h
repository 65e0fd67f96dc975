/* piece.h: copying texts that may overlap: the union of them is copied. Internal to lib/data.
 *
 * Texts of one record often are parts of each other (substr gives a piece of another text). Copied
 * one by one they could take more room than they had.
 */
#ifndef CP_DATA_PIECE_H
#define CP_DATA_PIECE_H

#include "value.h"

struct cp_piece {
    const char *p;
    size_t n;
    size_t to; /* where its copy begins: an offset, the caller's business */
};

/* Adds [p, p + len) to n pieces, sorted by address, and merges it with those it touches. Returns
 * how many there are now: one more at most. */
size_t cp_piece_add(struct cp_piece *v, size_t n, const char *p, size_t len);

/* Sets `to` of all pieces, one behind the other from 0 on; returns the bytes they take. */
size_t cp_piece_place(struct cp_piece *v, size_t n);

/* Where the copy of a text that was added begins. */
size_t cp_piece_find(const struct cp_piece *v, size_t n, const char *p);

#endif
