/* probe.c: searching the raw bytes of a batch for what a prefilter needs.
 *
 * DESIGN. A search finds hits in the bytes of all selected records at once and a merge maps them to
 * records. Searching each record by itself was rejected: a call and a partial vector per record
 * cost more than the search.
 */
#include "probe.h"

#include "../base/scan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_X86 1
#endif

enum { HITS = 1024 }; /* found at a time */

/* ---- Merging ---- */

struct cp_record cp_probe_extent(const struct cp_batch *b, const uint16_t *sel, size_t n)
{
    const struct cp_record *first = &b->rec[sel[0]], *last = &b->rec[sel[n - 1]];

    return (struct cp_record){first->off, last->off + last->len - first->off};
}

void cp_probe_take(struct cp_probe_merge *m, const uint32_t *hits, size_t n)
{
    const struct cp_record *rec = m->batch->rec;
    size_t at = m->at;

    for (size_t k = 0; k < n && at < m->n; k++) {
        while (at < m->n && rec[m->sel[at]].off + rec[m->sel[at]].len <= hits[k])
            at++;
        if (at < m->n && rec[m->sel[at]].off <= hits[k])
            m->keep[m->kept++] = m->sel[at++];
    }
    m->at = at;
}

static size_t keep_all(const uint16_t *sel, size_t n, uint16_t *keep)
{
    memmove(keep, sel, n * sizeof(*sel));
    return n;
}

/* ---- Literals ---- */

/* Where the search for a literal stands. */
struct search {
    struct cp_literal literal;
    const uint8_t *data; /* of the block */
    size_t at, end;
};

static void search_init(struct search *s, const struct cp_batch *b, struct cp_record extent,
                        struct cp_slice literal)
{
    cp_literal_init(&s->literal, literal.p, literal.n < CP_LITERAL_MAX ? literal.n : CP_LITERAL_MAX,
                    0);
    s->data = b->block->data;
    s->at = extent.off;
    s->end = extent.off + extent.len;
}

/* The next hits as offsets in the block; 0 at the end. */
static size_t search_next(struct search *s, uint32_t hits[HITS])
{
    size_t resume,
        n = cp_scan_literal(s->data + s->at, s->end - s->at, &s->literal, hits, HITS, &resume);

    for (size_t k = 0; k < n; k++)
        hits[k] += (uint32_t)s->at;
    s->at += resume;
    return n;
}

size_t cp_probe_literal(const struct cp_batch *b, const uint16_t *sel, size_t n,
                        struct cp_slice literal, uint16_t *keep)
{
    struct cp_probe_merge merge = {.batch = b, .sel = sel, .n = n, .keep = keep};
    uint32_t hits[HITS];
    struct search s;
    size_t found;

    if (n == 0 || literal.n == 0)
        return keep_all(sel, n, keep);
    search_init(&s, b, cp_probe_extent(b, sel, n), literal);
    while (merge.at < n && (found = search_next(&s, hits)) > 0)
        cp_probe_take(&merge, hits, found);
    return merge.kept;
}

struct cp_slice cp_probe_piece(struct cp_slice literal, const char *cut)
{
    struct cp_slice best = {literal.p, 0};
    size_t start = 0;

    for (size_t k = 0; k <= literal.n; k++) {
        unsigned char c = k < literal.n ? (unsigned char)literal.p[k] : 0;
        if (c >= 0x20 && strchr(cut, c) == NULL)
            continue;
        if (k - start > best.n)
            best = (struct cp_slice){literal.p + start, k - start};
        start = k + 1;
    }
    return best;
}

/* The records of either of two ascending selections. out may be a. */
static size_t unite(const uint16_t *a, size_t na, const uint16_t *b, size_t nb, uint16_t *out)
{
    uint16_t both[CP_BATCH_RECORDS];
    size_t n = 0, i = 0, k = 0;

    while (i < na || k < nb) {
        if (k == nb || (i < na && a[i] < b[k])) {
            both[n++] = a[i++];
        } else {
            i += i < na && a[i] == b[k];
            both[n++] = b[k++];
        }
    }
    memcpy(out, both, n * sizeof(*out));
    return n;
}

size_t cp_probe_escaped(const struct cp_batch *b, const uint16_t *sel, size_t n,
                        struct cp_slice literal, uint16_t *keep)
{
    struct cp_slice piece = cp_probe_piece(literal, "\"/\\");
    uint16_t escaped[CP_BATCH_RECORDS];

    if (piece.n == 0 || n > CP_BATCH_RECORDS)
        return keep_all(sel, n, keep);
    size_t n_escaped = cp_probe_literal(b, sel, n, CP_SLICE("\\u"), escaped);
    size_t kept = cp_probe_literal(b, sel, n, piece, keep);
    return n_escaped == 0 ? kept : unite(keep, kept, escaped, n_escaped, keep);
}

/* ---- Numbers ---- */

struct cp_probe_range cp_probe_range(const struct cp_need *need)
{
    struct cp_probe_range r = {INT64_MIN, INT64_MAX};
    int64_t below = need->bound - (need->bound > INT64_MIN),
            above = need->bound + (need->bound < INT64_MAX);

    if (need->op[0] == '=')
        r = (struct cp_probe_range){need->bound, need->bound};
    else if (need->op[0] == '<')
        r.high = need->op[1] == '=' ? need->bound : below;
    else
        r.low = need->op[1] == '=' ? need->bound : above;
    return r;
}

/* Whether what stands behind a key may be a number in the range, or text that compares with one. */
static bool may_be_in(const uint8_t *p, const uint8_t *end, const char *ends,
                      struct cp_probe_range range)
{
    bool is_quoted = p < end && *p == '"';
    int64_t value = 0;
    size_t n;

    p += is_quoted;
    for (n = 0; n < 18 && p + n < end && (uint8_t)(p[n] - '0') <= 9; n++)
        value = value * 10 + (p[n] - '0');
    if (n == 0)
        return true;
    if (p + n < end && (is_quoted ? p[n] != '"' : p[n] == 0 || strchr(ends, p[n]) == NULL))
        return true;
    return value >= range.low && value <= range.high;
}

/* Whether the name at p is followed by the separator and such a value, or stands alone. */
static bool may_hold(const uint8_t *p, const uint8_t *end, char separator, const char *ends,
                     struct cp_probe_range range)
{
    if (p < end && *p == (uint8_t)separator)
        return may_be_in(p + 1, end, ends, range);
    return p == end || *p == 0 || strchr(ends, *p) != NULL;
}

size_t cp_probe_number(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_slice key,
                       char separator, const char *ends, struct cp_probe_range range,
                       uint16_t *keep)
{
    struct cp_probe_merge merge = {.batch = b, .sel = sel, .n = n, .keep = keep};
    uint32_t hits[HITS];
    struct search s;
    size_t found;

    if (n == 0 || key.n == 0 || key.n > CP_LITERAL_MAX)
        return keep_all(sel, n, keep);
    search_init(&s, b, cp_probe_extent(b, sel, n), key);
    while (merge.at < n && (found = search_next(&s, hits)) > 0) {
        size_t good = 0;
        for (size_t k = 0; k < found; k++) {
            hits[good] = hits[k];
            good += may_hold(s.data + hits[k] + key.n, s.data + s.end, separator, ends, range);
        }
        cp_probe_take(&merge, hits, good);
    }
    return merge.kept;
}

/* ---- The status of a combined log ---- */

/* Finds `" ` with a digit behind it in p[from..to): stores the offsets of those whose three digits
 * are in the range and of those that are not three digits. Returns the offset to go on from; *n
 * hits. */
struct status_hits {
    uint32_t at[HITS + 64];
    size_t n;
};
typedef size_t status_kernel(const uint8_t *p, size_t from, size_t to, struct cp_probe_range range,
                             struct status_hits *hits);

/* A digit stands at p[at + 2]. Stores the hit always and counts it when it matters: there is
 * nothing to mispredict. */
static inline void status_hit(const uint8_t *p, size_t at, struct cp_probe_range range,
                              struct status_hits *hits)
{
    unsigned a = p[at + 2] - '0', b = (unsigned)p[at + 3] - '0', c = (unsigned)p[at + 4] - '0';
    int64_t value = (int64_t)(a * 100 + b * 10 + c);
    unsigned is_plain = (unsigned)(b <= 9) & (unsigned)(c <= 9) & (unsigned)(p[at + 5] == ' ');

    hits->at[hits->n] = (uint32_t)at;
    hits->n += (is_plain ^ 1u) | ((unsigned)(value >= range.low) & (unsigned)(value <= range.high));
}

static size_t status_portable(const uint8_t *p, size_t from, size_t to, struct cp_probe_range range,
                              struct status_hits *hits)
{
    for (; from < to && hits->n < HITS; from++)
        if (p[from] == '"' && p[from + 1] == ' ' && (uint8_t)(p[from + 2] - '0') <= 9)
            status_hit(p, from, range, hits);
    return from;
}

#ifdef HAVE_X86
static inline void status_hits_of(uint64_t bits, const uint8_t *p, size_t from,
                                  struct cp_probe_range range, struct status_hits *hits)
{
    for (; bits != 0; bits &= bits - 1)
        status_hit(p, from + (size_t)__builtin_ctzll(bits), range, hits);
}

static inline uint64_t below(size_t n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

static inline unsigned status_mask16(const uint8_t *p)
{
    __m128i q = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i s = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
    __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(p + 2));
    __m128i digit = _mm_sub_epi8(d, _mm_set1_epi8('0'));

    digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    q = _mm_and_si128(_mm_cmpeq_epi8(q, _mm_set1_epi8('"')), _mm_cmpeq_epi8(s, _mm_set1_epi8(' ')));
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(q, digit));
}

static size_t status_sse2(const uint8_t *p, size_t from, size_t to, struct cp_probe_range range,
                          struct status_hits *hits)
{
    for (; from < to && hits->n < HITS; from += 32) {
        uint64_t bits = status_mask16(p + from) | status_mask16(p + from + 16) << 16;
        status_hits_of(bits & below(to - from), p, from, range, hits);
    }
    return from;
}

__attribute__((target("avx2,bmi"))) static inline uint64_t status_mask32(const uint8_t *p)
{
    __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i s = _mm256_loadu_si256((const __m256i *)(const void *)(p + 1));
    __m256i d = _mm256_loadu_si256((const __m256i *)(const void *)(p + 2));
    __m256i digit = _mm256_sub_epi8(d, _mm256_set1_epi8('0'));

    digit = _mm256_cmpeq_epi8(_mm256_min_epu8(digit, _mm256_set1_epi8(9)), digit);
    q = _mm256_and_si256(_mm256_cmpeq_epi8(q, _mm256_set1_epi8('"')),
                         _mm256_cmpeq_epi8(s, _mm256_set1_epi8(' ')));
    return (unsigned)_mm256_movemask_epi8(_mm256_and_si256(q, digit));
}

__attribute__((target("avx2,bmi"))) static size_t status_avx2(const uint8_t *p, size_t from,
                                                              size_t to,
                                                              struct cp_probe_range range,
                                                              struct status_hits *hits)
{
    for (; from < to && hits->n < HITS; from += 64) {
        uint64_t bits = status_mask32(p + from) | status_mask32(p + from + 32) << 32;
        status_hits_of(bits & below(to - from), p, from, range, hits);
    }
    return from;
}

__attribute__((target("avx512bw,bmi"))) static size_t status_avx512(const uint8_t *p, size_t from,
                                                                    size_t to,
                                                                    struct cp_probe_range range,
                                                                    struct status_hits *hits)
{
    for (; from < to && hits->n < HITS; from += 64) {
        __mmask64 bits = below(to - from);
        __m512i digit = _mm512_sub_epi8(_mm512_loadu_si512(p + from + 2), _mm512_set1_epi8('0'));
        bits =
            _mm512_mask_cmpeq_epi8_mask(bits, _mm512_loadu_si512(p + from), _mm512_set1_epi8('"'));
        bits = _mm512_mask_cmpeq_epi8_mask(bits, _mm512_loadu_si512(p + from + 1),
                                           _mm512_set1_epi8(' '));
        bits = _mm512_mask_cmple_epu8_mask(bits, digit, _mm512_set1_epi8(9));
        status_hits_of(bits, p, from, range, hits);
    }
    return from;
}
#endif

static status_kernel *status = status_portable;

int cp_probe_init(int level)
{
    int best = CP_SCAN_PORTABLE;

    status = status_portable;
    if (level == CP_SCAN_BEST)
        level = CP_SCAN_AVX512;
#ifdef HAVE_X86
    __builtin_cpu_init();
    if (level >= CP_SCAN_SSE2) {
        status = status_sse2;
        best = CP_SCAN_SSE2;
    }
    if (level >= CP_SCAN_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) {
        status = status_avx2;
        best = CP_SCAN_AVX2;
    }
    if (level >= CP_SCAN_AVX512 && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("bmi")) {
        status = status_avx512;
        best = CP_SCAN_AVX512;
    }
#endif
    return best;
}

__attribute__((constructor)) static void choose_instructions(void)
{
    cp_probe_init(CP_SCAN_BEST);
}

size_t cp_probe_status(const struct cp_batch *b, const uint16_t *sel, size_t n,
                       struct cp_probe_range range, uint16_t *keep)
{
    struct cp_probe_merge merge = {.batch = b, .sel = sel, .n = n, .keep = keep};
    struct status_hits hits;

    if (n == 0)
        return 0;
    struct cp_record extent = cp_probe_extent(b, sel, n);
    size_t at = extent.off, end = at + extent.len;
    while (at < end && merge.at < n) {
        hits.n = 0;
        at = status(b->block->data, at, end, range, &hits);
        cp_probe_take(&merge, hits.at, hits.n);
    }
    return merge.kept;
}
