/* text.c: decoding the escapes that formats leave in texts. */
#include "text.h"

#include "../base/scan.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind `\u`; -1 when they are not all there. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t code = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static bool is_surrogate(int32_t code, int32_t from)
{
    return code >= from && code < from + 0x400;
}

/* Decodes `\uXXXX` or a pair of them at p (on the backslash). Returns the bytes read, 0 when it is
 * none. */
static size_t decode_u(const char *p, const char *end, char out[4], size_t *len)
{
    int32_t code = hex4(p + 2, end);

    if (code < 0)
        return 0;
    if (is_surrogate(code, 0xD800) && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        int32_t low = hex4(p + 8, end);
        if (low >= 0 && is_surrogate(low, 0xDC00)) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            *len = cp_utf8_encode(out, (uint32_t)code);
            return 12;
        }
    }
    *len = cp_utf8_encode(out, (uint32_t)code);
    return 6;
}

static char json_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '/':
        return c;
    default:
        return 0;
    }
}

static char tsv_escape(char c)
{
    return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == '\\' ? '\\' : 0;
}

/* Decodes one escape at p, where the escape's first byte is. Returns the bytes read; what is no
 * escape stands for its first byte. */
static size_t decode_unit(enum cp_escape esc, const char *p, const char *end, char out[4],
                          size_t *len)
{
    char c;

    *len = 1;
    out[0] = *p;
    if (end - p < 2)
        return 1;
    if (esc == CP_ESC_CSV)
        return p[1] == '"' ? 2 : 1;
    if (esc != CP_ESC_TSV && p[1] == 'u') {
        size_t read = decode_u(p, end, out, len);
        return read ? read : 1;
    }
    c = esc == CP_ESC_TSV ? tsv_escape(p[1]) : json_escape(p[1]);
    if (!c)
        return 1;
    out[0] = c;
    return 2;
}

void cp_text_reader_init(struct cp_text_reader *r, enum cp_escape esc, const char *p, size_t n)
{
    *r = (struct cp_text_reader){.p = p, .end = p + n, .esc = esc};
}

bool cp_text_reader_next(struct cp_text_reader *r, struct cp_slice *piece)
{
    char mark = r->esc == CP_ESC_CSV ? '"' : '\\';
    const char *hit;

    if (r->p == r->end)
        return false;
    if (r->esc == CP_PLAIN) {
        hit = r->end;
    } else if (*r->p == mark) {
        size_t len, read = decode_unit(r->esc, r->p, r->end, r->unit, &len);
        r->p += read;
        *piece = (struct cp_slice){r->unit, len};
        return true;
    } else {
        hit = memchr(r->p, mark, (size_t)(r->end - r->p));
        if (!hit)
            hit = r->end;
    }
    *piece = (struct cp_slice){r->p, (size_t)(hit - r->p)};
    r->p = hit;
    return true;
}

size_t cp_text_decode(enum cp_escape esc, const char *p, size_t n, char *out)
{
    struct cp_text_reader r;
    struct cp_slice piece;
    char *at = out;

    cp_text_reader_init(&r, esc, p, n);
    while (cp_text_reader_next(&r, &piece)) {
        memcpy(at, piece.p, piece.n);
        at += piece.n;
    }
    return (size_t)(at - out);
}

int cp_slice_compare(struct cp_slice a, struct cp_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

int cp_text_compare(enum cp_escape a_esc, struct cp_slice a, enum cp_escape b_esc,
                    struct cp_slice b)
{
    struct cp_text_reader ra, rb;
    struct cp_slice pa = {0}, pb = {0};

    if (a_esc == CP_PLAIN && b_esc == CP_PLAIN)
        return cp_slice_compare(a, b);
    cp_text_reader_init(&ra, a_esc, a.p, a.n);
    cp_text_reader_init(&rb, b_esc, b.p, b.n);
    for (;;) {
        bool has_a = pa.n || cp_text_reader_next(&ra, &pa);
        bool has_b = pb.n || cp_text_reader_next(&rb, &pb);
        if (!has_a || !has_b)
            return has_a - has_b;
        size_t n = pa.n < pb.n ? pa.n : pb.n;
        int c = memcmp(pa.p, pb.p, n);
        if (c)
            return c;
        pa = (struct cp_slice){pa.p + n, pa.n - n};
        pb = (struct cp_slice){pb.p + n, pb.n - n};
    }
}

bool cp_text_equals(enum cp_escape esc, struct cp_slice text, struct cp_slice bytes)
{
    if (esc == CP_PLAIN)
        return cp_slice_equal(text, bytes);
    /* A decoded text is never longer, and an escape is at most twelve bytes for one. */
    if (text.n < bytes.n)
        return false;
    return cp_text_compare(esc, text, CP_PLAIN, bytes) == 0;
}
