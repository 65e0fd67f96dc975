/* glob.c: shell patterns. */
#include "glob.h"

#include <string.h>

static size_t count_stars(struct cp_slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '*';
    return n;
}

static bool has_special(struct cp_slice s)
{
    return s.n && (memchr(s.p, '?', s.n) || memchr(s.p, '[', s.n) || memchr(s.p, '\\', s.n));
}

struct cp_glob *cp_glob_new(struct cp_slice pattern, struct cp_heap *heap)
{
    struct cp_glob *g = cp_heap_take(heap, sizeof *g);
    const char *at, *end, *star;

    g->pattern =
        (struct cp_slice){cp_heap_copy(heap, pattern.p ? pattern.p : "", pattern.n), pattern.n};
    g->is_plain = !has_special(g->pattern);
    if (!g->is_plain)
        return g;
    g->pieces = cp_heap_take(heap, (count_stars(g->pattern) + 1) * sizeof *g->pieces);
    at = g->pattern.p;
    end = at + g->pattern.n;
    for (;; at = star + 1) {
        star = memchr(at, '*', (size_t)(end - at));
        struct cp_slice *piece = &g->pieces[g->n++];
        *piece = (struct cp_slice){at, (size_t)((star ? star : end) - at)};
        if (piece->n > g->required.n)
            g->required = *piece;
        if (!star)
            return g;
    }
}

/* Pieces between stars: the first at the start, the last at the end, the others leftmost, one
 * behind the other. */
static bool plain_matches(const struct cp_glob *g, struct cp_slice text)
{
    const struct cp_slice *first = &g->pieces[0], *last = &g->pieces[g->n - 1];
    const char *at = text.p + first->n, *end;

    if (g->n == 1)
        return cp_slice_equal(text, *first);
    if (text.n < first->n + last->n || memcmp(text.p, first->p, first->n) != 0)
        return false;
    end = text.p + text.n - last->n;
    if (memcmp(end, last->p, last->n) != 0)
        return false;
    for (size_t i = 1; i + 1 < g->n; i++) {
        at = memmem(at, (size_t)(end - at), g->pieces[i].p, g->pieces[i].n);
        if (!at)
            return false;
        at += g->pieces[i].n;
    }
    return true;
}

bool cp_glob_matches(const struct cp_glob *g, struct cp_slice text)
{
    if (!text.p)
        text.p = "";
    return g->is_plain ? plain_matches(g, text) : cp_glob_match(g->pattern, text);
}

/* Whether c is in the class whose bracket opens at p[0]; *n is the length of the class, 0: it has
 * no closing bracket. */
static bool class_matches(const char *p, const char *end, unsigned char c, size_t *n)
{
    const char *q = p + 1;
    bool is_negated = q < end && (*q == '!' || *q == '^'), is_in = false, is_first = true;

    for (q += is_negated; q < end && (*q != ']' || is_first); is_first = false) {
        unsigned char low = (unsigned char)*q++, high = low;
        if (end - q > 1 && *q == '-' && q[1] != ']') {
            high = (unsigned char)q[1];
            q += 2;
        }
        is_in = is_in || (c >= low && c <= high);
    }
    *n = q < end ? (size_t)(q + 1 - p) : 0;
    return is_in != is_negated;
}

/* Whether the pattern at p, which is no star, matches byte c; *n is how much of the pattern that
 * took. */
static bool one_matches(const char *p, const char *end, char c, size_t *n)
{
    bool is_in;

    *n = 1;
    switch (*p) {
    case '?':
        return true;
    case '[':
        is_in = class_matches(p, end, (unsigned char)c, n);
        if (*n > 0)
            return is_in;
        *n = 1;
        return c == '[';
    case '\\':
        if (end - p > 1) {
            *n = 2;
            return c == p[1];
        }
        return c == '\\';
    default:
        return c == *p;
    }
}

/* Goes back to the last star only: earlier ones cannot do better. */
bool cp_glob_match(struct cp_slice pattern, struct cp_slice text)
{
    const char *p = pattern.p, *p_end = p + pattern.n, *star = NULL;
    const char *t = text.p, *t_end = t + text.n, *retry = NULL;
    size_t n;

    while (t < t_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            retry = t;
        } else if (p < p_end && one_matches(p, p_end, *t, &n)) {
            p += n;
            t++;
        } else if (star) {
            p = star;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}
