/*
 * Scanning: finding bytes, line ends and literals at the speed of memory; UTF-8.
 *
 * DESIGN. Each level has a few kernels that turn 64 bytes into a mask of 64 bits. The loops over
 * them are written once, inlined into one function per level with the kernels as constant
 * arguments, so that the compiler builds each loop for its instructions. Functions of one level are
 * gathered in a table; a pointer to the table is set before main(). Indirect functions of the
 * linker (ifunc) were rejected, since tests could not change the level.
 *
 * Loops read whole blocks from the start of the input on, thus up to 63 bytes past its end, and
 * clear what is beyond from the last mask: no tail code, no unaligned head.
 */
#include "scan.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define BLOCK 64

/* The low n bits, n from 0 to 63. */
#define LOW_BITS(n) ((UINT64_C(1) << (n)) - 1)

/* The kernels: bit i of the result tells of byte i. */
struct kernels {
    uint64_t (*equal)(const uint8_t *p, uint8_t c);
    uint64_t (*any3)(const uint8_t *p, uint8_t c1, uint8_t c2, uint8_t c3);
    /* Both bytes of a literal at their places, each after setting the bits of its fold. */
    uint64_t (*pair)(const uint8_t *p, const struct cp_literal *lit);
};

/* ---- Loops ---- */

/* Stores the places of a mask's bits when there is room for more than can come. */
ALWAYS_INLINE size_t store_bits(uint64_t mask, uint32_t base, uint32_t *out)
{
    size_t count = (size_t)__builtin_popcountll(mask);

    /* Two without a branch: lines are seldom shorter than 32 bytes. Spare ones are overwritten. */
    out[0] = base + (uint32_t)__builtin_ctzll(mask);
    uint64_t rest = mask & (mask - 1);
    out[1] = base + (uint32_t)__builtin_ctzll(rest | UINT64_C(1) << 63);
    for (size_t i = 2; i < count; i++) {
        rest &= rest - 1;
        out[i] = base + (uint32_t)__builtin_ctzll(rest);
    }
    return count;
}

/* The same with room for `room` only; returns how many were stored. */
static size_t store_some_bits(uint64_t mask, uint32_t base, uint32_t *out, size_t room)
{
    size_t n = 0;

    for (; mask != 0 && n < room; mask &= mask - 1)
        out[n++] = base + (uint32_t)__builtin_ctzll(mask);
    return n;
}

ALWAYS_INLINE size_t loop_lines(const struct kernels k, const uint8_t *p, size_t n, uint32_t *ends,
                                size_t max, size_t *consumed)
{
    size_t count = 0, i;

    for (i = 0; i < n; i += BLOCK) {
        uint64_t mask = k.equal(p + i, '\n');
        if (n - i < BLOCK)
            mask &= LOW_BITS(n - i);
        if (mask == 0)
            continue;
        if (max - count >= BLOCK) {
            count += store_bits(mask, (uint32_t)i, ends + count);
            continue;
        }
        count += store_some_bits(mask, (uint32_t)i, ends + count, max - count);
        if (count == max) {
            *consumed = count > 0 ? ends[count - 1] + (size_t)1 : 0;
            return count;
        }
    }
    *consumed = n;
    return count;
}

ALWAYS_INLINE size_t loop_count(const struct kernels k, const uint8_t *p, size_t n, uint8_t c)
{
    size_t count = 0, i;

    for (i = 0; i + BLOCK <= n; i += BLOCK)
        count += (size_t)__builtin_popcountll(k.equal(p + i, c));
    if (i < n)
        count += (size_t)__builtin_popcountll(k.equal(p + i, c) & LOW_BITS(n - i));
    return count;
}

ALWAYS_INLINE const uint8_t *loop_last(const struct kernels k, const uint8_t *p, size_t n,
                                       uint8_t c)
{
    size_t i = n / BLOCK * BLOCK;
    uint64_t mask = k.equal(p + i, c) & LOW_BITS(n - i);

    while (mask == 0 && i > 0) {
        i -= BLOCK;
        mask = k.equal(p + i, c);
    }
    return mask != 0 ? p + i + 63 - __builtin_clzll(mask) : NULL;
}

ALWAYS_INLINE const uint8_t *loop_byte(const struct kernels k, const uint8_t *p, const uint8_t *end,
                                       uint8_t c)
{
    for (; p < end; p += BLOCK) {
        uint64_t mask = k.equal(p, c);
        if (mask != 0) {
            p += __builtin_ctzll(mask);
            return p < end ? p : end;
        }
        if (end - p <= BLOCK)
            break;
    }
    return end;
}

ALWAYS_INLINE const uint8_t *loop_any3(const struct kernels k, const uint8_t *p, const uint8_t *end,
                                       uint8_t c1, uint8_t c2, uint8_t c3)
{
    for (; p < end; p += BLOCK) {
        uint64_t mask = k.any3(p, c1, c2, c3);
        if (mask != 0) {
            p += __builtin_ctzll(mask);
            return p < end ? p : end;
        }
        if (end - p <= BLOCK)
            break;
    }
    return end;
}

/* Stores those candidates of a mask that are hits. True when there is no room for another. */
static bool store_hits(const uint8_t *p, size_t base, uint64_t mask, const struct cp_literal *lit,
                       uint32_t *hits, size_t max, size_t *count)
{
    for (; mask != 0; mask &= mask - 1) {
        size_t at = base + (size_t)__builtin_ctzll(mask);
        if (!cp_literal_matches(lit, p + at))
            continue;
        hits[(*count)++] = (uint32_t)at;
        if (*count == max)
            return true;
    }
    return false;
}

ALWAYS_INLINE size_t loop_literal(const struct kernels k, const uint8_t *p, size_t n,
                                  const struct cp_literal *lit, uint32_t *hits, size_t max,
                                  size_t *resume)
{
    const struct cp_literal copy = *lit; /* no store to hits can alias it */
    size_t starts = n >= lit->length ? n - lit->length + 1 : 0, count = 0;

    for (size_t i = 0; i < starts && max > 0; i += BLOCK) {
        uint64_t mask = k.pair(p + i, &copy);
        if (starts - i < BLOCK)
            mask &= LOW_BITS(starts - i);
        if (mask != 0 && store_hits(p, i, mask, lit, hits, max, &count)) {
            *resume = hits[count - 1] + (size_t)1;
            return count;
        }
    }
    *resume = max > 0 ? starts : 0;
    return count;
}

/* ---- Levels ---- */

struct level {
    size_t (*lines)(const uint8_t *p, size_t n, uint32_t *ends, size_t max, size_t *consumed);
    size_t (*count)(const uint8_t *p, size_t n, uint8_t c);
    const uint8_t *(*last)(const uint8_t *p, size_t n, uint8_t c);
    const uint8_t *(*byte)(const uint8_t *p, const uint8_t *end, uint8_t c);
    const uint8_t *(*any3)(const uint8_t *p, const uint8_t *end, uint8_t c1, uint8_t c2,
                           uint8_t c3);
    size_t (*literal)(const uint8_t *p, size_t n, const struct cp_literal *lit, uint32_t *hits,
                      size_t max, size_t *resume);
};

/* The loops for one level: NAME_lines and so on, and NAME_level, the table of them. */
#define DEFINE_LEVEL(NAME, TARGET)                                                                 \
    static const struct kernels NAME##_kernels = {NAME##_equal, NAME##_any3, NAME##_pair};         \
    TARGET static size_t NAME##_lines(const uint8_t *p, size_t n, uint32_t *ends, size_t max,      \
                                      size_t *consumed)                                            \
    {                                                                                              \
        return loop_lines(NAME##_kernels, p, n, ends, max, consumed);                              \
    }                                                                                              \
    TARGET static size_t NAME##_count(const uint8_t *p, size_t n, uint8_t c)                       \
    {                                                                                              \
        return loop_count(NAME##_kernels, p, n, c);                                                \
    }                                                                                              \
    TARGET static const uint8_t *NAME##_last(const uint8_t *p, size_t n, uint8_t c)                \
    {                                                                                              \
        return loop_last(NAME##_kernels, p, n, c);                                                 \
    }                                                                                              \
    TARGET static const uint8_t *NAME##_byte(const uint8_t *p, const uint8_t *end, uint8_t c)      \
    {                                                                                              \
        return loop_byte(NAME##_kernels, p, end, c);                                               \
    }                                                                                              \
    TARGET static const uint8_t *NAME##_find3(const uint8_t *p, const uint8_t *end, uint8_t c1,    \
                                              uint8_t c2, uint8_t c3)                              \
    {                                                                                              \
        return loop_any3(NAME##_kernels, p, end, c1, c2, c3);                                      \
    }                                                                                              \
    TARGET static size_t NAME##_literal(const uint8_t *p, size_t n, const struct cp_literal *lit,  \
                                        uint32_t *hits, size_t max, size_t *resume)                \
    {                                                                                              \
        return loop_literal(NAME##_kernels, p, n, lit, hits, max, resume);                         \
    }                                                                                              \
    static const struct level NAME##_level = {.lines = NAME##_lines,                               \
                                              .count = NAME##_count,                               \
                                              .last = NAME##_last,                                 \
                                              .byte = NAME##_byte,                                 \
                                              .any3 = NAME##_find3,                                \
                                              .literal = NAME##_literal}

/* ---- Portable kernels: 8 bytes in a word ---- */

#define EVERY_BYTE UINT64_C(0x0101010101010101)

static inline uint64_t load_word(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

/* The top bit of each byte of x that is zero, no other. */
static inline uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low7 = EVERY_BYTE * 0x7F;

    return ~(((x & low7) + low7) | x | low7);
}

/* The top bits of the 8 bytes as 8 bits. */
static inline uint64_t gather_bits(uint64_t tops)
{
    return (tops >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t portable_equal(const uint8_t *p, uint8_t c)
{
    uint64_t mask = 0;

    for (int i = 0; i < 8; i++)
        mask |= gather_bits(zero_bytes(load_word(p + 8 * i) ^ EVERY_BYTE * c)) << (8 * i);
    return mask;
}

static inline uint64_t portable_any3(const uint8_t *p, uint8_t c1, uint8_t c2, uint8_t c3)
{
    uint64_t mask = 0;

    for (int i = 0; i < 8; i++) {
        uint64_t x = load_word(p + 8 * i);
        uint64_t tops = zero_bytes(x ^ EVERY_BYTE * c1) | zero_bytes(x ^ EVERY_BYTE * c2) |
                        zero_bytes(x ^ EVERY_BYTE * c3);
        mask |= gather_bits(tops) << (8 * i);
    }
    return mask;
}

static inline uint64_t portable_pair(const uint8_t *p, const struct cp_literal *lit)
{
    uint64_t mask = 0;

    for (int i = 0; i < 8; i++) {
        uint64_t a = load_word(p + lit->at[0] + 8 * i) | EVERY_BYTE * lit->fold[0];
        uint64_t b = load_word(p + lit->at[1] + 8 * i) | EVERY_BYTE * lit->fold[1];
        uint64_t tops =
            zero_bytes(a ^ EVERY_BYTE * lit->byte[0]) & zero_bytes(b ^ EVERY_BYTE * lit->byte[1]);
        mask |= gather_bits(tops) << (8 * i);
    }
    return mask;
}

DEFINE_LEVEL(portable, );

#ifdef __x86_64__
#include <immintrin.h>

/* ---- SSE2 ---- */

static inline __m128i sse2_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* One mask of four comparisons. */
static inline uint64_t sse2_mask(__m128i a, __m128i b, __m128i c, __m128i d)
{
    uint64_t low =
        (uint64_t)(unsigned)_mm_movemask_epi8(a) | (uint64_t)(unsigned)_mm_movemask_epi8(b) << 16;
    uint64_t high =
        (uint64_t)(unsigned)_mm_movemask_epi8(c) | (uint64_t)(unsigned)_mm_movemask_epi8(d) << 16;

    return low | high << 32;
}

static inline uint64_t sse2_equal(const uint8_t *p, uint8_t c)
{
    __m128i x = _mm_set1_epi8((char)c);
    __m128i hit[4];

    for (int i = 0; i < 4; i++)
        hit[i] = _mm_cmpeq_epi8(sse2_load(p + 16 * i), x);
    return sse2_mask(hit[0], hit[1], hit[2], hit[3]);
}

static inline uint64_t sse2_any3(const uint8_t *p, uint8_t c1, uint8_t c2, uint8_t c3)
{
    __m128i x1 = _mm_set1_epi8((char)c1);
    __m128i x2 = _mm_set1_epi8((char)c2);
    __m128i x3 = _mm_set1_epi8((char)c3);
    __m128i hit[4];

    for (int i = 0; i < 4; i++) {
        __m128i x = sse2_load(p + 16 * i);
        hit[i] = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, x1), _mm_cmpeq_epi8(x, x2)),
                              _mm_cmpeq_epi8(x, x3));
    }
    return sse2_mask(hit[0], hit[1], hit[2], hit[3]);
}

static inline uint64_t sse2_pair(const uint8_t *p, const struct cp_literal *lit)
{
    __m128i byte0 = _mm_set1_epi8((char)lit->byte[0]), fold0 = _mm_set1_epi8((char)lit->fold[0]);
    __m128i byte1 = _mm_set1_epi8((char)lit->byte[1]), fold1 = _mm_set1_epi8((char)lit->fold[1]);
    __m128i hit[4];

    for (int i = 0; i < 4; i++) {
        __m128i a = _mm_or_si128(sse2_load(p + lit->at[0] + 16 * i), fold0);
        __m128i b = _mm_or_si128(sse2_load(p + lit->at[1] + 16 * i), fold1);
        hit[i] = _mm_and_si128(_mm_cmpeq_epi8(a, byte0), _mm_cmpeq_epi8(b, byte1));
    }
    __m128i any = _mm_or_si128(_mm_or_si128(hit[0], hit[1]), _mm_or_si128(hit[2], hit[3]));
    if (_mm_movemask_epi8(any) == 0)
        return 0;
    return sse2_mask(hit[0], hit[1], hit[2], hit[3]);
}

DEFINE_LEVEL(sse2, );

/* ---- AVX2 ---- */

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

AVX2 static inline __m256i avx2_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline uint64_t avx2_mask(__m256i a, __m256i b)
{
    return (uint64_t)(unsigned)_mm256_movemask_epi8(a) | (uint64_t)(unsigned)_mm256_movemask_epi8(b)
                                                             << 32;
}

AVX2 static inline uint64_t avx2_equal(const uint8_t *p, uint8_t c)
{
    __m256i x = _mm256_set1_epi8((char)c);

    return avx2_mask(_mm256_cmpeq_epi8(avx2_load(p), x), _mm256_cmpeq_epi8(avx2_load(p + 32), x));
}

AVX2 static inline __m256i avx2_any3_half(const uint8_t *p, __m256i x1, __m256i x2, __m256i x3)
{
    __m256i x = avx2_load(p);

    return _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(x, x1), _mm256_cmpeq_epi8(x, x2)),
                           _mm256_cmpeq_epi8(x, x3));
}

AVX2 static inline uint64_t avx2_any3(const uint8_t *p, uint8_t c1, uint8_t c2, uint8_t c3)
{
    __m256i x1 = _mm256_set1_epi8((char)c1);
    __m256i x2 = _mm256_set1_epi8((char)c2);
    __m256i x3 = _mm256_set1_epi8((char)c3);

    return avx2_mask(avx2_any3_half(p, x1, x2, x3), avx2_any3_half(p + 32, x1, x2, x3));
}

/* One byte of a literal at its place in 32 positions. */
AVX2 static inline __m256i avx2_pair_part(const uint8_t *p, const struct cp_literal *lit, int i)
{
    __m256i x = _mm256_or_si256(avx2_load(p + lit->at[i]), _mm256_set1_epi8((char)lit->fold[i]));

    return _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)lit->byte[i]));
}

AVX2 static inline uint64_t avx2_pair(const uint8_t *p, const struct cp_literal *lit)
{
    __m256i low = _mm256_and_si256(avx2_pair_part(p, lit, 0), avx2_pair_part(p, lit, 1));
    __m256i high = _mm256_and_si256(avx2_pair_part(p + 32, lit, 0), avx2_pair_part(p + 32, lit, 1));

    return avx2_mask(low, high);
}

DEFINE_LEVEL(avx2, AVX2);

/* ---- AVX-512 ---- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx2,bmi,popcnt")))

AVX512 static inline __m512i avx512_load(const uint8_t *p)
{
    return _mm512_loadu_si512((const void *)p);
}

AVX512 static inline uint64_t avx512_equal(const uint8_t *p, uint8_t c)
{
    return _mm512_cmpeq_epi8_mask(avx512_load(p), _mm512_set1_epi8((char)c));
}

AVX512 static inline uint64_t avx512_any3(const uint8_t *p, uint8_t c1, uint8_t c2, uint8_t c3)
{
    __m512i x = avx512_load(p);

    return _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8((char)c1)) |
           _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8((char)c2)) |
           _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8((char)c3));
}

/* Loads of 64 bytes off their alignment cross a cache line each time: half of it is faster. */
AVX512 static inline uint64_t avx512_pair(const uint8_t *p, const struct cp_literal *lit)
{
    return avx2_pair(p, lit);
}

DEFINE_LEVEL(avx512, AVX512);
#endif

/* ---- Choice of the level ---- */

#ifdef __x86_64__
static const struct level *const levels[] = {&portable_level, &sse2_level, &avx2_level,
                                             &avx512_level};

static int find_best_level(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi"))
        return CP_SCAN_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
        return CP_SCAN_AVX2;
    return CP_SCAN_SSE2;
}
#else
static const struct level *const levels[] = {&portable_level};

static int find_best_level(void)
{
    return CP_SCAN_PORTABLE;
}
#endif

/* Set before main(), then constant outside of tests. */
static const struct level *current = &portable_level;

int cp_scan_init(int level)
{
    int best = find_best_level();

    if (level < 0 || level > best)
        level = best;
    current = levels[level];
    return level;
}

__attribute__((constructor)) static void init_at_start(void)
{
    cp_scan_init(CP_SCAN_BEST);
}

size_t cp_scan_lines(const uint8_t *p, size_t n, uint32_t *ends, size_t max, size_t *consumed)
{
    return current->lines(p, n, ends, max, consumed);
}

size_t cp_scan_count(const uint8_t *p, size_t n, uint8_t c)
{
    return current->count(p, n, c);
}

const uint8_t *cp_scan_last(const uint8_t *p, size_t n, uint8_t c)
{
    return current->last(p, n, c);
}

const uint8_t *cp_scan_byte_far(const uint8_t *p, const uint8_t *end, uint8_t c)
{
    return current->byte(p, end, c);
}

const uint8_t *cp_scan_any2_far(const uint8_t *p, const uint8_t *end, uint8_t c1, uint8_t c2)
{
    return current->any3(p, end, c1, c2, c2);
}

const uint8_t *cp_scan_any3_far(const uint8_t *p, const uint8_t *end, uint8_t c1, uint8_t c2,
                                uint8_t c3)
{
    return current->any3(p, end, c1, c2, c3);
}

/* ---- Literals ---- */

/*
 * How common bytes are in logs: access logs, syslog, JSON and logfmt weighed equally; 255 is the
 * most common. Only the order matters.
 */
/* clang-format off */
static const uint8_t frequency[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,   1, 205,   0,   0,   1,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    255,   2, 244,   2,   2,   2, 136,   2, 183, 183,   2, 175, 209, 209, 234, 223,
    238, 242, 239, 227, 226, 227, 227, 222, 220, 220, 238, 176,   2, 215,   2, 136,
      2, 173,   4, 166, 124, 178,   4, 186, 180, 165,   4, 171, 157, 182, 196, 149,
    173,   4,   4, 184, 208,   4, 142, 171, 142,   4, 187, 194,   2, 194,   2, 194,
      2, 231, 213, 231, 227, 250, 216, 210, 205, 234,   4, 200, 230, 230, 232, 244,
    225, 187, 238, 238, 239, 223, 212, 213, 192, 199, 165, 186,   2, 186,   2,   0,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
      1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,   1,
};
/* clang-format on */

static bool is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

static uint8_t to_lower(uint8_t c)
{
    return (uint8_t)(c - 'A') < 26 ? c | 0x20 : c;
}

/* A byte to be found in either case is as common as both together. */
static unsigned literal_frequency(const struct cp_literal *lit, size_t i)
{
    uint8_t c = lit->bytes[i];

    if (!lit->ignore_case || !is_letter(c))
        return frequency[c];
    return frequency[c] + frequency[c ^ 0x20];
}

/* The rarest byte whose value is not that at `other`; `other` itself when there is none. */
static size_t find_rarest(const struct cp_literal *lit, size_t other)
{
    size_t best = other;

    for (size_t i = 0; i < lit->length; i++) {
        if (other < lit->length && lit->bytes[i] == lit->bytes[other])
            continue;
        if (best == other || literal_frequency(lit, i) < literal_frequency(lit, best))
            best = i;
    }
    return best;
}

static void set_filter(struct cp_literal *lit, int slot, size_t at)
{
    lit->at[slot] = (uint8_t)at;
    lit->byte[slot] = lit->bytes[at];
    lit->fold[slot] = lit->ignore_case && is_letter(lit->bytes[at]) ? 0x20 : 0;
}

bool cp_literal_init(struct cp_literal *lit, const void *bytes, size_t n, unsigned flags)
{
    if (n == 0 || n > CP_LITERAL_MAX)
        return false;
    memset(lit, 0, sizeof *lit);
    memcpy(lit->bytes, bytes, n);
    lit->length = (uint8_t)n;
    lit->ignore_case = (flags & CP_LITERAL_NOCASE) != 0;
    for (size_t i = 0; i < n && lit->ignore_case; i++)
        lit->bytes[i] = to_lower(lit->bytes[i]);
    size_t first = find_rarest(lit, CP_LITERAL_MAX + 1);
    size_t second = find_rarest(lit, first);
    /* The same byte all over: its first and last place tell the most. */
    if (second == first)
        first = n - 1 - first;
    set_filter(lit, 0, first);
    set_filter(lit, 1, second);
    return true;
}

bool cp_literal_matches(const struct cp_literal *lit, const uint8_t *p)
{
    if (!lit->ignore_case)
        return memcmp(p, lit->bytes, lit->length) == 0;
    for (size_t i = 0; i < lit->length; i++)
        if (to_lower(p[i]) != lit->bytes[i])
            return false;
    return true;
}

size_t cp_scan_literal(const uint8_t *p, size_t n, const struct cp_literal *lit, uint32_t *hits,
                       size_t max, size_t *resume)
{
    return current->literal(p, n, lit, hits, max, resume);
}

/* ---- UTF-8 ---- */

/* The end of the run of ASCII at s, perhaps too early but not when the next byte is ASCII. */
static size_t skip_ascii(const char *s, size_t n)
{
    size_t i = 0;
    uint64_t a, b;

    for (; n - i >= 16; i += 16) {
        memcpy(&a, s + i, 8);
        memcpy(&b, s + i + 8, 8);
        if (((a | b) & EVERY_BYTE * 0x80) != 0)
            break;
    }
    while (i < n && (uint8_t)s[i] < 0x80)
        i++;
    return i;
}

static bool is_continuation(char c)
{
    return ((uint8_t)c & 0xC0) == 0x80;
}

/* The range of the second byte after each lead byte, and the length: Unicode, table 3-7. */
static size_t sequence_length(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The length of the valid sequence at s, which does not begin with ASCII; 0 when there is none. */
static size_t check_sequence(const char *s, size_t n)
{
    uint8_t low, high;
    size_t length = sequence_length((uint8_t)*s, &low, &high);

    if (length == 0 || length > n || (uint8_t)s[1] < low || (uint8_t)s[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_continuation(s[i]))
            return 0;
    return length;
}

size_t cp_utf8_valid_prefix(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        i += skip_ascii(s + i, n - i);
        while (i < n && (uint8_t)s[i] >= 0x80) {
            size_t length = check_sequence(s + i, n - i);
            if (length == 0)
                return i;
            i += length;
        }
    }
    return n;
}

size_t cp_utf8_decode(const char *s, size_t n, uint32_t *code)
{
    uint8_t lead = (uint8_t)*s;

    assert(n > 0);
    *code = lead;
    if (lead < 0x80)
        return 1;
    size_t length = check_sequence(s, n);
    *code = CP_UTF8_REPLACEMENT;
    if (length == 0)
        return 1;
    uint32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        value = value << 6 | ((uint8_t)s[i] & 0x3F);
    *code = value;
    return length;
}

size_t cp_utf8_encode(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        code = CP_UTF8_REPLACEMENT;
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The length of the code point at s: that of a valid sequence, else 1. */
static size_t step_forward(const char *s, size_t n)
{
    size_t length = (uint8_t)*s < 0x80 ? 1 : check_sequence(s, n);

    return length != 0 ? length : 1;
}

size_t cp_utf8_length(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; count++) {
        size_t ascii = skip_ascii(s + i, n - i);
        i += ascii;
        count += ascii;
        if (i == n)
            break;
        i += step_forward(s + i, n - i);
    }
    return count;
}

size_t cp_utf8_offset(const char *s, size_t n, size_t index)
{
    size_t i = 0;

    while (i < n && index > 0) {
        size_t ascii = skip_ascii(s + i, index < n - i ? index : n - i);
        i += ascii;
        index -= ascii;
        if (i == n || index == 0)
            break;
        i += step_forward(s + i, n - i);
        index--;
    }
    return i;
}

const char *cp_utf8_substr(const char *s, size_t n, int64_t from, size_t count, size_t *length)
{
    size_t first = (size_t)from;

    if (from < 0) {
        size_t all = cp_utf8_length(s, n), back = 0 - (size_t)from;
        first = back < all ? all - back : 0;
    }
    size_t start = cp_utf8_offset(s, n, first);
    *length = cp_utf8_offset(s + start, n - start, count);
    return s + start;
}

size_t cp_utf8_repair(char *out, const char *s, size_t n, size_t *bad)
{
    size_t i = 0, length = 0;

    while (i < n) {
        size_t valid = cp_utf8_valid_prefix(s + i, n - i);
        memcpy(out + length, s + i, valid);
        i += valid;
        length += valid;
        if (i == n)
            break;
        length += cp_utf8_encode(out + length, CP_UTF8_REPLACEMENT);
        i++;
        (*bad)++;
    }
    return length;
}
