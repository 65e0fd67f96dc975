/* bits.h: which of the next 64 bytes are equal to a byte, as a bit mask. Internal to lib/format.
 *
 * Every read is of whole vectors: CP_PAD bytes behind the text must be readable. What is read there
 * is cut off with cp_bits_below. The baseline of x86-64 (SSE2) is used without dispatch: the masks
 * cost little beside what is done with them.
 */
#ifndef CP_FORMAT_BITS_H
#define CP_FORMAT_BITS_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

typedef struct {
    __m128i v[4];
} cp_bytes64;

static inline cp_bytes64 cp_bytes64_load(const uint8_t *p)
{
    cp_bytes64 b;

    for (int i = 0; i < 4; i++)
        b.v[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    return b;
}

static inline uint64_t cp_bits_equal(const cp_bytes64 *b, uint8_t c)
{
    __m128i x = _mm_set1_epi8((char)c);
    uint64_t bits = 0;

    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b->v[i], x)) << (16 * i);
    return bits;
}

static inline uint64_t cp_bits_equal2(const cp_bytes64 *b, uint8_t c1, uint8_t c2)
{
    __m128i x = _mm_set1_epi8((char)c1), y = _mm_set1_epi8((char)c2);
    uint64_t bits = 0;

    for (int i = 0; i < 4; i++) {
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(b->v[i], x), _mm_cmpeq_epi8(b->v[i], y));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
    }
    return bits;
}

static inline uint64_t cp_bits_equal3(const cp_bytes64 *b, uint8_t c1, uint8_t c2, uint8_t c3)
{
    __m128i x = _mm_set1_epi8((char)c1), y = _mm_set1_epi8((char)c2), z = _mm_set1_epi8((char)c3);
    uint64_t bits = 0;

    for (int i = 0; i < 4; i++) {
        __m128i hit =
            _mm_or_si128(_mm_cmpeq_epi8(b->v[i], x),
                         _mm_or_si128(_mm_cmpeq_epi8(b->v[i], y), _mm_cmpeq_epi8(b->v[i], z)));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
    }
    return bits;
}

/* Bytes from 0 to `last`: control bytes and the like. */
static inline uint64_t cp_bits_upto(const cp_bytes64 *b, uint8_t last)
{
    __m128i x = _mm_set1_epi8((char)last);
    uint64_t bits = 0;

    for (int i = 0; i < 4; i++) {
        __m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(b->v[i], x), b->v[i]);
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
    }
    return bits;
}
#else
typedef struct {
    uint8_t v[64];
} cp_bytes64;

static inline cp_bytes64 cp_bytes64_load(const uint8_t *p)
{
    cp_bytes64 b;

    memcpy(b.v, p, 64);
    return b;
}

static inline uint64_t cp_bits_equal(const cp_bytes64 *b, uint8_t c)
{
    uint64_t bits = 0;

    for (int i = 0; i < 64; i++)
        bits |= (uint64_t)(b->v[i] == c) << i;
    return bits;
}

static inline uint64_t cp_bits_equal2(const cp_bytes64 *b, uint8_t c1, uint8_t c2)
{
    return cp_bits_equal(b, c1) | cp_bits_equal(b, c2);
}

static inline uint64_t cp_bits_equal3(const cp_bytes64 *b, uint8_t c1, uint8_t c2, uint8_t c3)
{
    return cp_bits_equal(b, c1) | cp_bits_equal(b, c2) | cp_bits_equal(b, c3);
}

static inline uint64_t cp_bits_upto(const cp_bytes64 *b, uint8_t last)
{
    uint64_t bits = 0;

    for (int i = 0; i < 64; i++)
        bits |= (uint64_t)(b->v[i] <= last) << i;
    return bits;
}
#endif

/* The bits of the first n bytes; all of them for n >= 64. */
static inline uint64_t cp_bits_below(size_t n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

#endif
