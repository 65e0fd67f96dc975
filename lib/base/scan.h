/*
 * Scanning: finding bytes, line ends and literals at the speed of memory; UTF-8.
 *
 * All cp_scan_ functions read whole vectors: the 64 BYTES PAST THE END of their input must be
 * readable (their values do not matter). The blocks of chanpipe are padded so. The input itself
 * need not be aligned and may be empty. The cp_utf8_ functions never read beyond the length.
 *
 * On x86-64 there are versions for SSE2, AVX2 and AVX-512 (BW), chosen before main() for the
 * machine at hand; other machines use portable code. Results are the same at every level. All
 * functions may be called from any thread.
 */
#ifndef CP_SCAN_H
#define CP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Bytes that must be readable past the end of what is scanned. */
#define CP_SCAN_PADDING 64

enum cp_scan_level {
    CP_SCAN_BEST = -1,
    CP_SCAN_PORTABLE,
    CP_SCAN_SSE2,
    CP_SCAN_AVX2,
    CP_SCAN_AVX512,
};

/*
 * Selects the instructions to use: the given level or the best one below it that the machine has.
 * Returns the level in effect. The best level is in effect from the start; only tests and
 * measurements need this, while no other thread scans.
 */
int cp_scan_init(int level);

/* ---- Lines and bytes ---- */

/*
 * Finds newlines: stores their offsets, ascending, into `ends`, at most max of them, and returns
 * how many. *consumed is the offset behind the last one stored when `ends` is full, from where to
 * go on; else n. Full speed needs 64 free places in `ends`, so give room for some hundreds. n must
 * be below 4 GiB.
 */
size_t cp_scan_lines(const uint8_t *p, size_t n, uint32_t *ends, size_t max, size_t *consumed);

/* The number of bytes equal to c. */
size_t cp_scan_count(const uint8_t *p, size_t n, uint8_t c);

/* The last byte equal to c, or NULL. */
const uint8_t *cp_scan_last(const uint8_t *p, size_t n, uint8_t c);

/*
 * The general searches behind cp_scan_byte(), cp_scan_any2() and cp_scan_any3(): worth a direct
 * call only where the hit is known to be far.
 */
const uint8_t *cp_scan_byte_far(const uint8_t *p, const uint8_t *end, uint8_t c);
const uint8_t *cp_scan_any2_far(const uint8_t *p, const uint8_t *end, uint8_t c1, uint8_t c2);
const uint8_t *cp_scan_any3_far(const uint8_t *p, const uint8_t *end, uint8_t c1, uint8_t c2,
                                uint8_t c3);

/*
 * cp_scan_byte(), cp_scan_any2() and cp_scan_any3() return the first byte in p..end that is one of
 * the given, or end. The first 16 bytes are searched inline: for fields of ordinary length there is
 * neither a call nor a loop.
 */
#ifdef __SSE2__
static inline const uint8_t *cp_scan_first16(const uint8_t *p, const uint8_t *end, unsigned mask)
{
    const uint8_t *hit = p + __builtin_ctz(mask);

    return hit < end ? hit : end;
}

static inline const uint8_t *cp_scan_byte(const uint8_t *p, const uint8_t *end, uint8_t c)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8((char)c)));

    if (mask != 0)
        return cp_scan_first16(p, end, mask);
    return end - p <= 16 ? end : cp_scan_byte_far(p + 16, end, c);
}

static inline const uint8_t *cp_scan_any2(const uint8_t *p, const uint8_t *end, uint8_t c1,
                                          uint8_t c2)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8((char)c1)),
                               _mm_cmpeq_epi8(x, _mm_set1_epi8((char)c2)));
    unsigned mask = (unsigned)_mm_movemask_epi8(hit);

    if (mask != 0)
        return cp_scan_first16(p, end, mask);
    return end - p <= 16 ? end : cp_scan_any2_far(p + 16, end, c1, c2);
}

static inline const uint8_t *cp_scan_any3(const uint8_t *p, const uint8_t *end, uint8_t c1,
                                          uint8_t c2, uint8_t c3)
{
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8((char)c1)),
                                            _mm_cmpeq_epi8(x, _mm_set1_epi8((char)c2))),
                               _mm_cmpeq_epi8(x, _mm_set1_epi8((char)c3)));
    unsigned mask = (unsigned)_mm_movemask_epi8(hit);

    if (mask != 0)
        return cp_scan_first16(p, end, mask);
    return end - p <= 16 ? end : cp_scan_any3_far(p + 16, end, c1, c2, c3);
}
#else
static inline const uint8_t *cp_scan_byte(const uint8_t *p, const uint8_t *end, uint8_t c)
{
    return cp_scan_byte_far(p, end, c);
}

static inline const uint8_t *cp_scan_any2(const uint8_t *p, const uint8_t *end, uint8_t c1,
                                          uint8_t c2)
{
    return cp_scan_any2_far(p, end, c1, c2);
}

static inline const uint8_t *cp_scan_any3(const uint8_t *p, const uint8_t *end, uint8_t c1,
                                          uint8_t c2, uint8_t c3)
{
    return cp_scan_any3_far(p, end, c1, c2, c3);
}
#endif

/* ---- Literals ---- */

#define CP_LITERAL_MAX 255

/* Flag: ASCII letters match in either case. */
#define CP_LITERAL_NOCASE 1u

/* A literal prepared for searching. Constant after cp_literal_init(); needs no release. */
struct cp_literal {
    uint8_t bytes[CP_LITERAL_MAX]; /* in lower case with CP_LITERAL_NOCASE */
    uint8_t length;
    uint8_t at[2];    /* offsets of the two rarest bytes, which the search looks for first */
    uint8_t byte[2];  /* those bytes */
    uint8_t fold[2];  /* 0x20 where the byte is a letter to be found in either case, else 0 */
    bool ignore_case; /* CP_LITERAL_NOCASE was given */
};

/* Prepares n bytes, 1 to CP_LITERAL_MAX, which are copied. False for any other n. */
bool cp_literal_init(struct cp_literal *lit, const void *bytes, size_t n, unsigned flags);

/* Whether the literal stands at p, where at least lit->length bytes follow. */
bool cp_literal_matches(const struct cp_literal *lit, const uint8_t *p);

/*
 * Finds all occurrences, overlapping ones too: stores their offsets, ascending, into `hits`, at
 * most max of them, and returns how many. *resume is the offset from where to go on: behind the
 * first byte of the last hit when `hits` is full, else the first offset where an occurrence would
 * need bytes beyond n. n must be below 4 GiB.
 */
size_t cp_scan_literal(const uint8_t *p, size_t n, const struct cp_literal *lit, uint32_t *hits,
                       size_t max, size_t *resume);

/* ---- UTF-8 ---- */

/* What a bad byte is replaced by: U+FFFD, 3 bytes long. */
#define CP_UTF8_REPLACEMENT 0xFFFDu

/*
 * The length of the longest prefix that is valid UTF-8 (no surrogates, no overlong forms, nothing
 * above U+10FFFF): n when all is valid, else the offset of the first bad byte. ASCII is passed at
 * vector speed.
 */
size_t cp_utf8_valid_prefix(const char *s, size_t n);

/*
 * Decodes the code point at s into *code and returns its length, 1 to 4. A bad byte gives 1 and
 * CP_UTF8_REPLACEMENT; the real U+FFFD has length 3. n must not be 0.
 */
size_t cp_utf8_decode(const char *s, size_t n, uint32_t *code);

/* Writes a code point and returns its length; surrogates and values too large give U+FFFD. */
size_t cp_utf8_encode(char out[4], uint32_t code);

/* The number of code points; every bad byte is one. */
size_t cp_utf8_length(const char *s, size_t n);

/* The byte offset of code point number `index`, counted from 0; n when there are not so many. */
size_t cp_utf8_offset(const char *s, size_t n, size_t index);

/*
 * The part of at most `count` code points from number `from` on; a negative `from` counts from the
 * end and stops at the start (rule 28). Returns its start within s, its bytes in *length.
 */
const char *cp_utf8_substr(const char *s, size_t n, int64_t from, size_t count, size_t *length);

/*
 * Copies n bytes and replaces every bad byte by U+FFFD (rule 11). `out` needs room for 3 * n bytes
 * and must not overlap s. Returns the length written; adds the number of bad bytes to *bad.
 */
size_t cp_utf8_repair(char *out, const char *s, size_t n, size_t *bad);

#endif
