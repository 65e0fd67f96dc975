/* json_write.c: values as JSON text.
 *
 * DESIGN. Text is copied in vectors straight into the output buffer while the same vectors are
 * looked through for bytes that must be changed; what lies behind the first such byte is
 * overwritten. Bytes from 0x80 on are looked at only when there are any: then the rest of the text
 * is checked as UTF-8 once.
 */

#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/moment.h"
#include "../base/number.h"
#include "../base/scan.h"
#include "json.h"
#include "json_scan.h"

/* Bytes of text that are written in one go: each may become six. */
enum { PIECE = 512 };

#ifdef __SSE2__
/* Copies 32 bytes and returns which of them are no plain ASCII: quotes, backslashes, control bytes,
 * 0x80 and above. */
static inline unsigned copy32(char *out, const char *p)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  low = _mm_set1_epi8(0x20);
    unsigned bits = 0;

    for (int i = 0; i < 2; i++) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        /* As signed bytes those from 0x80 on are below 0x20 too. */
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)),
                                   _mm_cmplt_epi8(x, low));
        _mm_storeu_si128((__m128i *)(void *)(out + 16 * i), x);
        bits |= (unsigned)_mm_movemask_epi8(hit) << (16 * i);
    }
    return bits;
}
#else
static inline unsigned copy32(char *out, const char *p)
{
    unsigned bits = 0;

    memcpy(out, p, 32);
    for (int i = 0; i < 32; i++)
        bits |= (unsigned)(p[i] == '"' || p[i] == '\\' || (signed char)p[i] < 0x20) << i;
    return bits;
}
#endif

/* Copies plain bytes of p[0..n) to out, where room for them and CP_PAD more is; returns how many
 * until the first that is not plain. */
static inline size_t copy_plain(char *out, const char *p, size_t n)
{
    unsigned bits;
    size_t k = 0;

    for (; n - k > 32; k += 32) {
        bits = copy32(out + k, p + k);
        if (__builtin_expect(bits != 0, 0))
            return k + (unsigned)__builtin_ctz(bits);
    }
    /* What follows the text is often a quote, which no branch must depend on. */
    bits = copy32(out + k, p + k) & (unsigned)((UINT64_C(1) << (n - k)) - 1);
    return __builtin_expect(bits == 0, 1) ? n : k + (unsigned)__builtin_ctz(bits);
}

/* Writes the escape for a quote, backslash or control byte. */
static char *put_escape(char *out, unsigned char c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";

    *out++ = '\\';
    if (c >= 0x20 || letters[c] != 0) {
        *out++ = c >= 0x20 ? (char)c : letters[c];
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = hex[c >> 4];
    out[4] = hex[c & 15];
    return out + 5;
}

/* How one text is being written. */
struct text_writer {
    struct cp_out *out;
    const char *valid;  /* up to here bytes >= 0x80 are known to be good; NULL: nothing is known */
    enum cp_escape esc; /* of the bytes; CP_ESC_JSON: they stay as they are */
};

/* Bytes from 0x80 on at p; returns behind those that were written. */
static const char *put_high(struct text_writer *w, const char *p, const char *end,
                            const char *limit)
{
    struct cp_out *o = w->out;

    if (!w->valid || p >= w->valid)
        w->valid = p + cp_utf8_valid_prefix(p, (size_t)(end - p));
    if (p == w->valid) {
        memcpy(o->p, "\xEF\xBF\xBD", 3);
        o->p += 3;
        o->bad_utf8++;
        return p + 1;
    }
    const char *stop = w->valid < limit ? w->valid : limit;
    while (p < stop && (signed char)*p < 0)
        *o->p++ = *p++;
    return p;
}

/* Decodes what stands at p, an escape of logfmt, csv or tsv, into c; returns behind it. What is no
 * escape is one byte. */
static const char *decode_one(enum cp_escape esc, const char *p, const char *end, char c[4],
                              size_t *n)
{
    *c = *p;
    *n = 1;
    if (end - p < 2)
        return p + 1;
    if (esc == CP_ESC_CSV)
        return p + 1 + (p[0] == '"' && p[1] == '"');
    if (esc == CP_ESC_TSV) {
        const char *at = memchr("tnr\\", p[1], 4);
        if (p[0] != '\\' || !at)
            return p + 1;
        *c = "\t\n\r\\"[at - "tnr\\"];
        return p + 2;
    }
    if (esc != CP_ESC_LOGFMT || p[0] != '\\' || cp_json_escape_length(p, end) == 0)
        return p + 1;
    return cp_json_unescape(p, end, c, n);
}

/* A quote, backslash or control byte at p, with the escape that it may begin; returns behind it. */
static const char *put_special(struct text_writer *w, const char *p, const char *end)
{
    struct cp_out *o = w->out;
    char c[4] = {0};
    size_t n;

    if (w->esc == CP_ESC_JSON) {
        *o->p++ = *p;
        return p + 1;
    }
    if (w->esc == CP_ESC_LOGFMT && end - p >= 2 && memchr("\"\\bfnrt", p[1], 7)) {
        memcpy(o->p, p, 2); /* JSON's own way */
        o->p += 2;
        return p + 2;
    }
    p = decode_one(w->esc, p, end, c, &n);
    if (n == 1 && (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20)) {
        o->p = put_escape(o->p, (unsigned char)*c);
        return p;
    }
    memcpy(o->p, c, 4);
    o->p += n;
    return p;
}

/* The bytes from p to limit, at most PIECE, for whose longest form there is room, and the rest of
 * an escape that begins there. Returns behind what was written. `end` is that of the whole text. */
static const char *put_piece(struct text_writer *w, const char *p, const char *limit,
                             const char *end)
{
    struct cp_out *o = w->out;

    while (p < limit) {
        size_t k = copy_plain(o->p, p, (size_t)(limit - p));
        o->p += k;
        p += k;
        if (p < limit)
            p = (signed char)*p < 0 ? put_high(w, p, end, limit) : put_special(w, p, end);
    }
    return p;
}

/* Leaves room for the quote. */
static void put_rest(struct cp_out *o, const char *p, const char *end, enum cp_escape esc)
{
    struct text_writer w = {.out = o, .esc = esc};

    while (p < end) {
        cp_out_room(o, 6 * PIECE + 1);
        p = put_piece(&w, p, end - p > PIECE ? p + PIECE : end, end);
    }
}

/* A text with quotes around it. Most are short and plain. */
static inline void put_quoted(struct cp_out *o, const char *p, size_t n, enum cp_escape esc)
{
    char *out = cp_out_room(o, PIECE + 2);
    size_t k = n <= PIECE ? copy_plain(out + 1, p, n) : 0;

    *out = '"';
    o->p = out + 1 + k;
    if (__builtin_expect(k < n, 0))
        put_rest(o, p + k, p + n, esc);
    *o->p++ = '"';
}

void cp_json_put_text(struct cp_out *o, const char *p, size_t n)
{
    put_quoted(o, p, n, CP_PLAIN);
}

/* ---- Values ---- */

#ifdef __SSE2__
/* Which of the 32 bytes at p are digits. */
static inline unsigned digits32(const char *p)
{
    const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9);
    unsigned bits = 0;

    for (int i = 0; i < 2; i++) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        x = _mm_sub_epi8(x, zero);
        x = _mm_cmpeq_epi8(_mm_min_epu8(x, nine), x);
        bits |= (unsigned)_mm_movemask_epi8(x) << (16 * i);
    }
    return bits;
}
#else
static inline unsigned digits32(const char *p)
{
    unsigned bits = 0;

    for (int i = 0; i < 32; i++)
        bits |= (unsigned)((unsigned char)(p[i] - '0') <= 9) << i;
    return bits;
}
#endif

/* Whether untyped text is written as a number: cp_num_is_plain for text with padding, without a
 * loop. */
static inline bool is_number(const char *p, size_t n)
{
    unsigned sign = *p == '-';

    if (n - 1 > 19 || (!sign && (unsigned char)(*p - '0') > 9))
        return false;
    unsigned all = UINT32_MAX >> (32 - n), first = 1u << sign, last = all & ~(all >> 1);
    unsigned other = all & ~digits32(p) & ~sign; /* a point between digits */
    if ((other & (other - 1)) != 0 || (other & (first | last)) != 0 || n - sign - !!other - 1 > 17)
        return false;
    if (other != 0 && p[__builtin_ctz(other)] != '.')
        return false;
    return p[sign] != '0' || last == first || other == first << 1;
}

static inline void put_text_value(struct cp_out *o, const struct cp_value *v)
{
    if ((v->flags & CP_UNTYPED) && v->esc == CP_PLAIN && is_number(v->p, v->len)) {
        memcpy(cp_out_room(o, 32), v->p, 32); /* it has at most 18 digits */
        o->p += v->len;
    } else {
        put_quoted(o, v->p, v->len, (enum cp_escape)v->esc);
    }
}

static void put_computed(struct cp_out *o, const struct cp_num *num)
{
    o->p += cp_num_format(cp_out_room(o, CP_NUM_MAX), num);
}

/* The spelling when JSON allows it, else the shortest form. */
static void put_number(struct cp_out *o, const struct cp_value *v)
{
    struct cp_num num;

    if (cp_num_is_json(v->p, v->len))
        cp_out_put(o, v->p, v->len);
    else if (cp_num_parse(v->p, v->len, &num) &&
             (num.kind == CP_NUM_INT || __builtin_isfinite(num.d)))
        put_computed(o, &num);
    else
        cp_json_put_text(o, v->p, v->len);
}

static void put_time(struct cp_out *o, int64_t ns)
{
    char *p = cp_out_room(o, CP_TIME_MAX + 2);
    size_t n = cp_time_format(p + 1, ns);

    p[0] = p[n + 1] = '"';
    o->p += n + 2;
}

/* All but text. */
static void put_other(struct cp_out *o, const struct cp_value *v)
{
    switch ((enum cp_kind)v->kind) {
    case CP_NUMBER:
        put_number(o, v);
        return;
    case CP_STAMP:
    case CP_TEXT:
        cp_json_put_text(o, v->p, v->len);
        return;
    case CP_MISSING:
    case CP_NULL:
        cp_out_put(o, "null", 4);
        return;
    case CP_FALSE:
        cp_out_put(o, "false", 5);
        return;
    case CP_TRUE:
        cp_out_put(o, "true", 4);
        return;
    case CP_INT:
        put_computed(o, &(struct cp_num){.kind = CP_NUM_INT, .i = v->i});
        return;
    case CP_DOUBLE:
        put_computed(o, &(struct cp_num){.kind = CP_NUM_DBL, .d = v->d});
        return;
    case CP_TIME:
        put_time(o, v->i);
        return;
    case CP_LIST:
    case CP_OBJECT:
        cp_out_put(o, v->p, v->len);
        return;
    }
}

void cp_json_put(struct cp_out *o, const struct cp_value *v)
{
    if (__builtin_expect(v->kind == CP_TEXT, 1))
        put_text_value(o, v);
    else
        put_other(o, v);
}

void cp_json_put_key(struct cp_out *o, struct cp_slice key, enum cp_escape escape)
{
    char padded[PIECE + CP_PAD];
    bool fits = key.n <= PIECE;
    char *copy = fits ? padded : cp_xmalloc(key.n + CP_PAD);
    struct cp_value v = cp_text(copy, key.n);

    memcpy(copy, key.p, key.n);
    memset(copy + key.n, 0, CP_PAD);
    v.esc = (uint8_t)escape;
    cp_json_put(o, &v);
    if (!fits)
        free(copy);
}

/* ---- Into memory ---- */

struct sink {
    char *buf;
    size_t n, max;
};

static int sink_write(void *ctx, const char *p, size_t n)
{
    struct sink *s = ctx;

    if (s->n < s->max)
        memcpy(s->buf + s->n, p, n < s->max - s->n ? n : s->max - s->n);
    s->n += n;
    return 0;
}

/* Of the buffer before a sink: the largest piece, and what may be scribbled on behind it. */
enum { SINK_ROOM = 6 * PIECE + 2 + CP_PAD };

size_t cp_json_format(const struct cp_value *v, char *buf, size_t max)
{
    char room[SINK_ROOM];
    struct sink s = {.buf = buf, .max = max};
    struct cp_out o;

    cp_out_init(&o, room, sizeof room, sink_write, &s);
    cp_json_put(&o, v);
    cp_out_flush(&o);
    return s.n;
}

size_t cp_json_format_key(struct cp_slice key, char *buf, size_t max)
{
    char room[SINK_ROOM];
    struct sink s = {.buf = buf, .max = max};
    struct cp_out o;

    cp_out_init(&o, room, sizeof room, sink_write, &s);
    cp_json_put_key(&o, key, CP_PLAIN);
    cp_out_flush(&o);
    return s.n;
}
