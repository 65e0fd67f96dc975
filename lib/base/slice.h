/* slice.h: a piece of text that somebody else owns. */
#ifndef CP_BASE_SLICE_H
#define CP_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* n bytes at p; need not end in NUL; p may be NULL when n is 0. */
struct cp_slice {
    const char *p;
    size_t n;
};

#define CP_SLICE(literal) ((struct cp_slice){(literal), sizeof(literal) - 1})

static inline struct cp_slice cp_slice_of(const char *s)
{
    return (struct cp_slice){s, strlen(s)};
}

static inline bool cp_slice_equal(struct cp_slice a, struct cp_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool cp_slice_is(struct cp_slice a, const char *s)
{
    return cp_slice_equal(a, cp_slice_of(s));
}

#endif
