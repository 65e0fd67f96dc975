/* origin.c: from a place in a text to the place in its source. */
#include "origin.h"

/* ---- Texts and where they came from ---- */

static const struct cp_text_run *run_of(const struct cp_text *t, size_t off)
{
    size_t low = 0, high = t->n_runs;

    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (t->runs[mid].off <= off)
            low = mid;
        else
            high = mid;
    }
    return &t->runs[low];
}

size_t cp_text_run_length(const struct cp_text *t, const struct cp_text_run *run)
{
    const struct cp_text_run *next = run + 1;

    return (next < t->runs + t->n_runs ? next->off : t->s.n) - run->off;
}

/* Of the source bytes that byte `off` came from, the first or (is_end) the one behind the last. */
static size_t source_offset(const struct cp_text *t, size_t off, bool is_end)
{
    const struct cp_text_run *run = run_of(t, off);
    size_t in = off < run->off ? 0 : off - run->off;

    if (cp_text_run_length(t, run) != run->len)
        return in >= cp_text_run_length(t, run) || is_end ? run->at + run->len : run->at;
    in += is_end;
    return run->at + (in < run->len ? in : run->len);
}

struct cp_pos cp_text_pos(const struct cp_text *t, size_t off, size_t len)
{
    struct cp_pos pos = t->pos;

    if (t->verbatim) {
        pos.off += off;
        pos.len = len;
    } else if (t->n_runs > 0) {
        pos.off = source_offset(t, off, false);
        pos.len = len == 0 ? 0 : source_offset(t, off + len - 1, true) - pos.off;
    }
    return pos;
}

/* The runs that cover [off, off + len), moved so that they start at 0. */
static void copy_runs(struct cp_text *part, const struct cp_text *t, size_t off,
                      struct cp_heap *heap)
{
    const struct cp_text_run *first = run_of(t, off), *end = t->runs + t->n_runs;
    size_t n = 0;

    while (first + n < end && (n == 0 || first[n].off < off + part->s.n))
        n++;
    struct cp_text_run *runs = cp_heap_take(heap, n * sizeof(*runs));
    for (size_t i = 0; i < n; i++) {
        bool is_exact = cp_text_run_length(t, &first[i]) == first[i].len;
        size_t cut = first[i].off < off ? off - first[i].off : 0;
        runs[i] = (struct cp_text_run){first[i].off + cut - off, first[i].at, first[i].len};
        if (!is_exact)
            continue;
        size_t next = i + 1 < n ? first[i + 1].off : off + part->s.n;
        runs[i].at += cut;
        runs[i].len = next - (first[i].off + cut);
    }
    part->runs = runs;
    part->n_runs = n;
}

struct cp_text cp_text_part(const struct cp_text *t, size_t off, size_t len, struct cp_heap *heap)
{
    struct cp_text part = {
        .s = {cp_heap_copy(heap, t->s.p + off, len), len},
        .pos = cp_text_pos(t, off, len),
        .verbatim = t->verbatim,
    };

    if (!t->verbatim && t->n_runs > 0)
        copy_runs(&part, t, off, heap);
    return part;
}
