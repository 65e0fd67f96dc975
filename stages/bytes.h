/* bytes.h: bytes that come in at the end and leave at the front.
 *
 *     p = bytes_room(&b, n, NULL);      write up to n bytes to p
 *     b.to += written;
 *     … b.p[b.from] up to b.p[b.to] …
 *     b.from += done;
 *     free(b.p);                        at the end
 */
#ifndef CP_STAGES_BYTES_H
#define CP_STAGES_BYTES_H

#include <stddef.h>

struct bytes {
    char *p;
    size_t from, to, cap;
};

static inline size_t bytes_held(const struct bytes *b)
{
    return b->to - b->from;
}

/* Room for n more at the end; what they are may move. `mark` is a place in them that moves along,
 * or NULL. */
char *bytes_room(struct bytes *b, size_t n, size_t *mark);

#endif
