/* glob.h: shell patterns over a whole text (semantics 25, 58): `*` any bytes, `?` one, `[a-c]` one
 * of them, `[!a-c]` none of them, `\` takes the next byte as it is. */
#ifndef CP_EXPR_GLOB_H
#define CP_EXPR_GLOB_H

#include "../base/arena.h"
#include "../base/slice.h"

/* A pattern taken apart at its stars. Constant; lives in a heap. */
struct cp_glob {
    struct cp_slice pattern;
    bool is_plain;            /* no ? [ \: the pieces are compared as they are */
    struct cp_slice *pieces;  /* between the stars; the first and the last may be empty */
    size_t n;                 /* 1: no star */
    struct cp_slice required; /* the longest text that a matching text contains; n == 0: none */
};

struct cp_glob *cp_glob_new(struct cp_slice pattern, struct cp_heap *heap);
bool cp_glob_matches(const struct cp_glob *g, struct cp_slice text);
/* The same without taking it apart first: for patterns that differ from record to record. */
bool cp_glob_match(struct cp_slice pattern, struct cp_slice text);

#endif
