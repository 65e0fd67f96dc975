/* piece.c: the union of texts. */
#include "piece.h"

/* Takes piece at + 1 out and makes piece `at` reach to its end. */
static void merge_next(struct cp_piece *v, size_t n, size_t at)
{
    const char *end = v[at + 1].p + v[at + 1].n;

    if (end > v[at].p + v[at].n)
        v[at].n = (size_t)(end - v[at].p);
    memmove(v + at + 1, v + at + 2, (n - at - 2) * sizeof *v);
}

size_t cp_piece_add(struct cp_piece *v, size_t n, const char *p, size_t len)
{
    size_t at = n;

    while (at > 0 && v[at - 1].p > p)
        at--;
    if (at > 0 && v[at - 1].p + v[at - 1].n >= p) {
        at--;
        if (p + len > v[at].p + v[at].n)
            v[at].n = (size_t)(p + len - v[at].p);
    } else {
        memmove(v + at + 1, v + at, (n - at) * sizeof *v);
        v[at] = (struct cp_piece){.p = p, .n = len};
        n++;
    }
    for (; at + 1 < n && v[at].p + v[at].n >= v[at + 1].p; n--)
        merge_next(v, n, at);
    return n;
}

size_t cp_piece_place(struct cp_piece *v, size_t n)
{
    size_t to = 0;

    for (size_t k = 0; k < n; k++) {
        v[k].to = to;
        to += v[k].n;
    }
    return to;
}

size_t cp_piece_find(const struct cp_piece *v, size_t n, const char *p)
{
    size_t k = 0;

    while (k + 1 < n && p >= v[k + 1].p)
        k++;
    return v[k].to + (size_t)(p - v[k].p);
}
