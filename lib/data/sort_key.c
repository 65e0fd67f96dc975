/* sort_key.c: values as bytes in order. */
#include "sort_key.h"

#include <math.h>
#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/moment.h"
#include "../base/number.h"
#include "text.h"

/* In the order of sort. None is the inverse of another or of null. */
enum class {
    CLASS_BOOL = 0x10,
    CLASS_NUMBER = 0x20,
    CLASS_TIME = 0x30,
    CLASS_STAMP = 0x31, /* that is no time after all */
    CLASS_TEXT = 0x40,
    CLASS_JSON = 0x50,
    CLASS_NULL = 0xFF,
};

void cp_sort_key_release(struct cp_sort_key *k)
{
    free(k->p);
    *k = (struct cp_sort_key){0};
}

static char *room(struct cp_sort_key *k, size_t n)
{
    if (k->n + n > k->cap) {
        k->cap = 2 * (k->n + n) + 64;
        k->p = cp_xrealloc(k->p, k->cap, 1);
    }
    return k->p + k->n;
}

static void put_byte(struct cp_sort_key *k, unsigned byte)
{
    *room(k, 1) = (char)byte;
    k->n++;
}

static void put_u64(struct cp_sort_key *k, uint64_t v)
{
    char *p = room(k, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, sizeof v);
    k->n += sizeof v;
}

static void put_text(struct cp_sort_key *k, struct cp_slice s)
{
    char *p = room(k, 2 * s.n);
    if (s.n == 0)
        return;
    if (!memchr(s.p, 0, s.n)) {
        memcpy(p, s.p, s.n);
        k->n += s.n;
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        p[0] = s.p[i];
        p[1] = (char)0xFF;
        p += s.p[i] ? 1 : 2;
    }
    k->n = (size_t)(p - k->p);
}

static void put_escaped(struct cp_sort_key *k, const struct cp_value *v)
{
    struct cp_text_reader r;
    struct cp_slice piece;

    cp_text_reader_init(&r, v->esc, v->p, v->len);
    while (cp_text_reader_next(&r, &piece))
        put_text(k, piece);
}

static void put_bytes(struct cp_sort_key *k, enum class class, const struct cp_value *v)
{
    put_byte(k, class);
    if (v->kind == CP_TEXT && v->esc != CP_PLAIN)
        put_escaped(k, v);
    else
        put_text(k, (struct cp_slice){v->p, v->len});
    put_byte(k, 0);
    put_byte(k, 0);
}

/* The largest double that is not above i. */
static double double_below(int64_t i)
{
    double d = (double)i;
    return d >= 0x1p63 || (int64_t)d > i ? nextafter(d, -INFINITY) : d;
}

static void put_number(struct cp_sort_key *k, const struct cp_num *num)
{
    double d = num->kind == CP_NUM_INT ? double_below(num->i) : num->d + 0.0; /* no negative zero */
    unsigned rest = num->kind == CP_NUM_INT ? (unsigned)(num->i - (int64_t)d) : 0;
    uint64_t bits;

    memcpy(&bits, &d, sizeof bits);
    put_byte(k, CLASS_NUMBER);
    put_u64(k, bits >> 63 ? ~bits : bits | UINT64_C(1) << 63);
    put_byte(k, rest >> 8);
    put_byte(k, rest & 0xFF);
}

static void put_time(struct cp_sort_key *k, const struct cp_value *v,
                     const struct cp_time_zone *zone)
{
    int64_t ns;

    if (!cp_value_time(v, zone, &ns)) {
        put_bytes(k, CLASS_STAMP, v);
        return;
    }
    put_byte(k, CLASS_TIME);
    put_u64(k, (uint64_t)ns ^ UINT64_C(1) << 63);
}

static void put_value(struct cp_sort_key *k, const struct cp_value *v,
                      const struct cp_time_zone *zone)
{
    struct cp_num num;

    switch (v->kind) {
    case CP_FALSE:
    case CP_TRUE:
        put_byte(k, CLASS_BOOL);
        put_byte(k, v->kind == CP_TRUE);
        return;
    case CP_TIME:
    case CP_STAMP:
        put_time(k, v, zone);
        return;
    case CP_LIST:
    case CP_OBJECT:
        put_bytes(k, CLASS_JSON, v);
        return;
    default:
        if (cp_value_number(v, &num))
            put_number(k, &num);
        else
            put_bytes(k, CLASS_TEXT, v);
    }
}

void cp_sort_key_add(struct cp_sort_key *k, const struct cp_value *v, bool is_descending,
                     const struct cp_time_zone *zone)
{
    size_t from = k->n;

    if (cp_is_null(v)) {
        put_byte(k, CLASS_NULL);
        return;
    }
    put_value(k, v, zone);
    if (is_descending)
        for (size_t i = from; i < k->n; i++)
            k->p[i] = (char)~k->p[i];
}
