/* err.c: errors as values, collections of them, and what makes them helpful: positions and "did you
 * mean". */
#include "err.h"

#include "alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cp_regex_limit[] =
    "the regex takes too many steps on this record: avoid repeats inside repeats, as in (a+)+";

/* ---- One error ---- */

/* A text that was cut ends before the code point that did not fit. */
static void cut_to_code_point(char *text, size_t size)
{
    size_t n = size - 1;

    while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    if (n > 0 && (unsigned char)text[n - 1] >= 0xC0)
        n--;
    text[n] = '\0';
}

static void format_into(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);

    if (n < 0)
        out[0] = '\0';
    else if ((size_t)n >= size)
        cut_to_code_point(out, size);
}

static void append_reason(struct cp_err *e, int sys)
{
    char buf[128];
    size_t n = strlen(e->message), room = sizeof(e->message) - n;
    const char *reason = strerror_r(sys, buf, sizeof(buf));

    if ((size_t)snprintf(e->message + n, room, ": %s", reason) >= room)
        cut_to_code_point(e->message, sizeof(e->message));
}

int cp_err_set(struct cp_err *e, enum cp_exit exit, int sys, const char *fmt, ...)
{
    va_list args;

    assert(exit != CP_EXIT_OK);
    if (e->exit != CP_EXIT_OK)
        return -1;
    e->exit = exit;
    e->sys = sys;
    e->hint[0] = '\0';
    va_start(args, fmt);
    format_into(e->message, sizeof(e->message), fmt, args);
    va_end(args);
    if (sys != 0)
        append_reason(e, sys);
    return -1;
}

int cp_err_hint(struct cp_err *e, const char *fmt, ...)
{
    va_list args;

    if (e->hint[0] != '\0')
        return -1;
    va_start(args, fmt);
    format_into(e->hint, sizeof(e->hint), fmt, args);
    va_end(args);
    return -1;
}

/* ---- Many ---- */

static char *format_new(const char *fmt, va_list args)
{
    va_list again;

    assert(fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    size_t size = n < 0 ? 1 : (size_t)n + 1;
    char *text = cp_xcalloc(1, size);
    vsnprintf(text, size, fmt, again);
    va_end(again);
    return text;
}

static char *copy_new(const char *s)
{
    size_t size = strlen(s) + 1;

    return memcpy(cp_xmalloc(size), s, size);
}

static void add(struct cp_diags *d, enum cp_severity severity, struct cp_pos pos, const char *hint,
                const char *fmt, va_list args)
{
    if (severity == CP_ERROR)
        d->errors++;
    if (d->n >= CP_DIAGS_MAX)
        return;
    d->v = cp_xgrow(d->v, d->n, &d->cap, sizeof(*d->v));
    d->v[d->n++] = (struct cp_diag){
        .severity = severity,
        .pos = pos,
        .message = format_new(fmt, args),
        .hint = hint ? copy_new(hint) : NULL,
    };
}

int cp_diag_error(struct cp_diags *d, struct cp_pos pos, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(d, CP_ERROR, pos, hint, fmt, args);
    va_end(args);
    return -1;
}

void cp_diag_warning(struct cp_diags *d, struct cp_pos pos, const char *hint, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(d, CP_WARNING, pos, hint, fmt, args);
    va_end(args);
}

void cp_diag_hint(struct cp_diag *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    free(d->hint);
    d->hint = format_new(fmt, args);
    va_end(args);
}

/* What has no place goes before everything else. */
static bool is_before(const struct cp_diag *a, const struct cp_diag *b)
{
    const struct cp_source *x = a->pos.source, *y = b->pos.source;

    if (!x || !y)
        return !x && y;
    if (x != y) {
        int order = strcmp(x->name, y->name);
        if (order != 0)
            return order < 0;
    }
    return a->pos.off < b->pos.off;
}

/* By insertion: stable, nothing to allocate, and most often they are in order already. */
void cp_diags_sort(struct cp_diags *d)
{
    for (size_t i = 1; i < d->n; i++) {
        struct cp_diag x = d->v[i];
        size_t k = i;
        for (; k > 0 && is_before(&x, &d->v[k - 1]); k--)
            d->v[k] = d->v[k - 1];
        d->v[k] = x;
    }
}

void cp_diags_release(struct cp_diags *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->v[i].message);
        free(d->v[i].hint);
    }
    free(d->v);
    *d = (struct cp_diags){0};
}

/* ---- Positions ---- */

static bool has_bom(const struct cp_source *source)
{
    return source->len >= 3 && memcmp(source->text, "\xEF\xBB\xBF", 3) == 0;
}

void cp_pos_line(struct cp_pos pos, size_t *line, size_t *col)
{
    *line = *col = 1;
    if (!pos.source)
        return;
    const char *at = pos.source->text + (has_bom(pos.source) ? 3 : 0);
    const char *end = pos.source->text + (pos.off < pos.source->len ? pos.off : pos.source->len);
    for (const char *nl; at < end && (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1)
        ++*line;
    for (; at < end; at++)
        *col += ((unsigned char)*at & 0xC0) != 0x80;
}

/* ---- Did you mean ---- */

enum { WORD_MAX = 48 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b; upper and lower
 * case are one. Both are shorter than WORD_MAX. Three rows of the table: a swap looks two rows
 * back. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t k = 0; k <= nb; k++)
        before[k] = above[k] = k;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t k = 1; k <= nb; k++) {
            bool same = lower(a[i - 1]) == lower(b[k - 1]);
            row[k] = least(above[k] + 1, row[k - 1] + 1, above[k - 1] + !same);
            if (i > 1 && k > 1 && lower(a[i - 1]) == lower(b[k - 2]) &&
                lower(a[i - 2]) == lower(b[k - 1]) && before[k - 2] + 1 < row[k])
                row[k] = before[k - 2] + 1;
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[nb];
}

/* How many edits still count as a slip of the finger: fewer than there are letters. */
static size_t slips(size_t len)
{
    if (len <= 4)
        return len < 2 ? 0 : 1;
    return len / 3 > 2 ? len / 3 : 2;
}

static bool starts_with(const char *word, size_t len, const char *start, size_t n)
{
    if (n > len)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(word[i]) != lower(start[i]))
            return false;
    return true;
}

/* How far b is from what was typed: less than SIZE_MAX when it is near. A word that was left
 * unfinished is nearer than one with a slip, one with a tail too many is farther than both. */
static size_t cost_of(const char *typed, size_t len, const char *b, size_t nb)
{
    size_t edits = distance(typed, len, b, nb);

    if (edits == 0)
        return 0;
    if (len >= 3 && starts_with(b, nb, typed, len))
        return 1;
    if (edits <= slips(len))
        return 2 * edits;
    if (len >= 2 && starts_with(b, nb, typed, len))
        return WORD_MAX * 2;
    return nb >= 3 && starts_with(typed, len, b, nb) ? WORD_MAX * 3 : SIZE_MAX;
}

const char *cp_nearest(const char *word, size_t len, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t best_cost = SIZE_MAX;

    for (size_t i = 0; i < n && len <= WORD_MAX; i++) {
        size_t m = strlen(words[i]),
               cost = m <= WORD_MAX ? cost_of(word, len, words[i], m) : SIZE_MAX;
        if (cost < best_cost) {
            best = words[i];
            best_cost = cost;
        }
    }
    return best;
}
