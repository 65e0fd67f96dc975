/* bytes.c: bytes that come in at the end and leave at the front. */
#include "bytes.h"

#include <string.h>

#include "../lib/base/alloc.h"

/* To the front, where that moves no more than has left. */
static void move_down(struct bytes *b, size_t *mark)
{
    memmove(b->p, b->p + b->from, bytes_held(b));
    b->to -= b->from;
    if (mark)
        *mark -= b->from;
    b->from = 0;
}

char *bytes_room(struct bytes *b, size_t n, size_t *mark)
{
    size_t held = bytes_held(b);

    if (b->from > 0 && held <= b->from && (held == 0 || n > b->cap - b->to))
        move_down(b, mark);
    if (n > b->cap - b->to) {
        b->cap = b->to + n + (b->to + n) / 4;
        b->p = cp_xrealloc(b->p, b->cap, 1);
    }
    return b->p + b->to;
}
