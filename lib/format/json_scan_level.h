/* json_scan_level.h: the fast half of the JSON scanner. Included by json_scan.c once per
 * instruction set, with LEVEL   the suffix of the names TARGET  the attribute that permits the
 * instructions WIDTH   bytes of a vector: 32, 16, or 0 for portable code
 */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(f) JOIN(f, LEVEL)

/* The first quote, backslash or control byte; at or behind end when there is none before it. */
TARGET static inline const char *NAME(string_stop)(const char *p, const char *end)
{
#if WIDTH == 32
    const __m256i low = _mm256_set1_epi8(0x1f);
    do {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p);
        __m256i hit = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('"')),
                                                      _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'))),
                                      _mm256_cmpeq_epi8(_mm256_max_epu8(x, low), low));
        unsigned mask = (unsigned)_mm256_movemask_epi8(hit);
        if (__builtin_expect(mask != 0, 1))
            return p + __builtin_ctz(mask);
        p += 32;
    } while (p < end);
    return p;
#elif WIDTH == 16
    return cp_json_string_stop(p, end);
#else
    const uint64_t ones = UINT64_C(0x0101010101010101);
    do {
        uint64_t x;
        memcpy(&x, p, 8);
        /* The high bit of a byte is set where the byte is 0 after the exclusive or, or below 0x20;
         * borrows can only set more bits behind the first hit. Bytes from 0x80 on are no hits. */
        uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';
        uint64_t hit = ((quote - ones) | (slash - ones) | (x - ones * 0x20)) & ~x & ones * 0x80;
        if (hit != 0)
            return first_byte(p, hit);
        p += 8;
    } while (p < end);
    return p;
#endif
}

/* Whether the glue of an edge stands at p. Reads CP_JSON_MAX_GLUE bytes of the text only as far as
 * they are equal. */
TARGET static inline bool NAME(glue_matches)(const struct cp_json_edge *e, const char *p,
                                             const char *end)
{
#if WIDTH == 32
    __m256i equal = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)p),
                                      _mm256_loadu_si256((const __m256i *)(const void *)e->glue));
    unsigned differ = ~(unsigned)_mm256_movemask_epi8(equal) & e->mask;
#elif WIDTH == 16
    __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)p),
                                   _mm_loadu_si128((const __m128i *)(const void *)e->glue));
    unsigned differ = ~(unsigned)_mm_movemask_epi8(equal) & e->mask & 0xFFFF;
#else
    bool differ = false;
#endif
    if (differ != 0)
        return false;
    if (__builtin_expect(e->n <= WIDTH, 1))
        return true;
    return (size_t)(end - p) >= e->n && memcmp(p + WIDTH, e->glue + WIDTH, e->n - WIDTH) == 0;
}

/* Behind the number at p, whose digits start at q; NULL when it is none. The usual ones are found
 * in the mask of the first 16 bytes. */
TARGET static inline const char *NAME(number_stop)(const char *p, const char *q, const char *end)
{
#if WIDTH > 0
    /* Digits become the ten least signed bytes: one comparison finds all others. */
    __m128i x =
        _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)q), _mm_set1_epi8(0x80 - '0'));
    unsigned others =
        (unsigned)_mm_movemask_epi8(_mm_cmpgt_epi8(x, _mm_set1_epi8(-128 + 9))) | 1u << 16;
    unsigned n = (unsigned)__builtin_ctz(others);

    if (n == 16 || n == 0 || (*q == '0' && n > 1))
        return cp_json_number_end(p, end);
    if (q[n] == '.') {
        unsigned point = n;
        others &= others - 1;
        n = (unsigned)__builtin_ctz(others);
        if (n == 16 || n == point + 1)
            return cp_json_number_end(p, end);
    }
    if ((q[n] | 0x20) == 'e')
        return cp_json_number_end(p, end);
    return q + n;
#else
    (void)q;
    return cp_json_number_end(p, end);
#endif
}

/* The state machine of a whole text. Every turn passes one piece of glue and one scalar. */
TARGET static const char *NAME(scan)(struct cp_json_scanner *s, const char *text, size_t n,
                                     size_t *at)
{
    const char *const end = text + n;
    const char *p = text, *q, *why, *bad;
    struct cp_json_state *t = s->start;
    enum scalar scalar;

    for (;;) {
        struct cp_json_edge *e;
        for (e = t->edges; e; e = e->next) {
            if (!NAME(glue_matches)(e, p, end))
                continue;
            q = p + e->n;
            if (__builtin_expect(q < end, 1)) {
                scalar = scalar_at[(unsigned char)*q];
                if (scalar != NO_SCALAR && !e->is_end)
                    break;
            } else if (q == end && e->is_end) {
                cp_json_act(s, e, p);
                return NULL;
            }
        }
        if (__builtin_expect(e != NULL, 1)) {
            if (__builtin_expect(e->n_actions != 0, 0))
                cp_json_act(s, e, p);
            t = e->to;
            p = q;
        } else {
            t = cp_json_cross(s, t, &p, &why);
            bad = p;
            if (!t)
                goto refused;
            if (t->is_end)
                return NULL;
            scalar = scalar_at[(unsigned char)*p];
        }

        switch (scalar) {
        case STRING: {
            bool escaped = false;
            q = NAME(string_stop)(++p, end);
            if (__builtin_expect(q >= end || *q != '"', 0)) {
                q = cp_json_string_end(q < end ? q : p, end, &escaped, &why, &bad);
                if (!q)
                    goto refused;
            }
            if (t->capture >= 0)
                found_text(s, t, p, q, escaped);
            p = q + 1;
            break;
        }
        case MINUS:
        case NUMBER:
            q = scalar == MINUS ? NAME(number_stop)(p, p + 1, end) : NAME(number_stop)(p, p, end);
            if (__builtin_expect(q > end, 0)) /* digits of something else behind the text */
                q = cp_json_number_end(p, end);
            why = "bad number";
            bad = p;
            if (!q)
                goto refused;
            if (t->capture >= 0)
                found_span(s, t, CP_NUMBER, p, q);
            p = q;
            break;
        default:
            q = word_end(p, end);
            why = "expected a value";
            bad = p;
            if (!q)
                goto refused;
            if (t->capture >= 0)
                found_span(s, t, *p == 't' ? CP_TRUE : *p == 'f' ? CP_FALSE : CP_NULL, p, q);
            p = q;
        }
    }

refused:
    *at = (size_t)(bad - text);
    return why;
}

#undef JOIN_
#undef JOIN
#undef NAME
#undef LEVEL
#undef TARGET
#undef WIDTH
