/* value.c: what values mean: as numbers, times, texts and truths, and how they compare (semantics
 * 19-28, 34, 52). */
#include "value.h"

#include "../base/arena.h"
#include "../base/moment.h"
#include "../base/number.h"
#include "text.h"

/* Escaped text that may be a number or a time is decoded to the stack; longer text is neither. */
enum { DECODE_MAX = 512 };

static struct cp_slice bytes_of(const struct cp_value *v)
{
    return (struct cp_slice){v->p, v->len};
}

/* The text of a CP_TEXT without memory of its own: decoded into buf where it has escapes. False:
 * too long for buf. */
static bool short_text(const struct cp_value *v, char buf[DECODE_MAX], struct cp_slice *out)
{
    *out = bytes_of(v);
    if (v->esc == CP_PLAIN)
        return true;
    if (v->len > DECODE_MAX)
        return false;
    *out = (struct cp_slice){buf, cp_text_decode(v->esc, v->p, v->len, buf)};
    return true;
}

bool cp_value_number(const struct cp_value *v, struct cp_num *out)
{
    char buf[DECODE_MAX];
    struct cp_slice s;

    switch (v->kind) {
    case CP_INT:
        *out = (struct cp_num){.kind = CP_NUM_INT, .i = v->i};
        return true;
    case CP_DOUBLE:
        *out = (struct cp_num){.kind = CP_NUM_DBL, .d = v->d};
        return true;
    case CP_NUMBER:
        return cp_num_parse(v->p, v->len, out) != CP_NUM_NONE;
    case CP_TEXT:
        return short_text(v, buf, &s) && cp_num_parse(s.p, s.n, out) != CP_NUM_NONE;
    default:
        return false;
    }
}

bool cp_value_time(const struct cp_value *v, const struct cp_time_zone *zone, int64_t *ns)
{
    char buf[DECODE_MAX];
    struct cp_slice s;

    switch (v->kind) {
    case CP_TIME:
        *ns = v->i;
        return true;
    case CP_STAMP:
        return cp_time_parse(v->p, v->len, zone, ns);
    case CP_TEXT:
        return short_text(v, buf, &s) && cp_time_parse(s.p, s.n, zone, ns);
    default:
        return false;
    }
}

/* The text of a computed value, in buf. */
static struct cp_slice computed_text(const struct cp_value *v, char buf[CP_TIME_MAX])
{
    _Static_assert((int)CP_TIME_MAX >= (int)CP_NUM_MAX, "one buffer serves both");
    switch (v->kind) {
    case CP_FALSE:
        return CP_SLICE("false");
    case CP_TRUE:
        return CP_SLICE("true");
    case CP_INT:
        return (struct cp_slice){buf, cp_num_format_int(buf, v->i)};
    case CP_DOUBLE:
        return (struct cp_slice){buf, cp_num_format_double(buf, v->d)};
    case CP_TIME:
        return (struct cp_slice){buf, cp_time_format(buf, v->i)};
    default:
        return CP_SLICE("");
    }
}

static bool text_copy(struct cp_slice s, struct cp_arena *a, struct cp_slice *out)
{
    char *p = cp_arena_take(a, s.n);

    if (!p)
        return false;
    memcpy(p, s.p, s.n);
    *out = (struct cp_slice){p, s.n};
    return true;
}

/* Takes the room that the escaped text has and gives back what is left. */
static bool text_decode(const struct cp_value *v, struct cp_arena *a, struct cp_slice *out)
{
    char *p = cp_arena_take(a, v->len);

    if (!p)
        return false;
    *out = (struct cp_slice){p, cp_text_decode(v->esc, v->p, v->len, p)};
    a->used -= v->len - out->n;
    return true;
}

/* 64 readable bytes behind each of them (PADDING). */
static const char padded_words[3][CP_PAD + 8] = {"", "false", "true"};

bool cp_value_text(const struct cp_value *v, struct cp_arena *a, struct cp_slice *out)
{
    char buf[CP_TIME_MAX];

    if (cp_is_spelled(v)) {
        *out = bytes_of(v);
        return v->kind != CP_TEXT || v->esc == CP_PLAIN || text_decode(v, a, out);
    }
    if (v->kind <= CP_TRUE) {
        size_t word = v->kind == CP_FALSE ? 1 : v->kind == CP_TRUE ? 2 : 0;
        *out = cp_slice_of(padded_words[word]);
        return true;
    }
    return text_copy(computed_text(v, buf), a, out);
}

static bool num_is_zero(const struct cp_num *num)
{
    return num->kind == CP_NUM_INT ? num->i == 0 : num->d == 0;
}

bool cp_value_truth(const struct cp_value *v)
{
    struct cp_num num;

    switch (v->kind) {
    case CP_MISSING:
    case CP_NULL:
    case CP_FALSE:
        return false;
    case CP_TEXT:
        if (v->len == 0 || cp_text_equals(v->esc, bytes_of(v), CP_SLICE("false")))
            return false;
        break;
    case CP_INT:
    case CP_DOUBLE:
    case CP_NUMBER:
        break;
    default:
        return true;
    }
    return !cp_value_number(v, &num) || !num_is_zero(&num);
}

/* ---- Comparing ---- */

/* Kinds that compare alike. */
enum class { CLASS_BOOL, CLASS_NUMBER, CLASS_TIME, CLASS_TEXT, CLASS_JSON, CLASS_NULL };

static const uint8_t class_of[] = {
    [CP_MISSING] = CLASS_NULL, [CP_NULL] = CLASS_NULL,     [CP_FALSE] = CLASS_BOOL,
    [CP_TRUE] = CLASS_BOOL,    [CP_INT] = CLASS_NUMBER,    [CP_DOUBLE] = CLASS_NUMBER,
    [CP_TIME] = CLASS_TIME,    [CP_NUMBER] = CLASS_NUMBER, [CP_STAMP] = CLASS_TIME,
    [CP_TEXT] = CLASS_TEXT,    [CP_LIST] = CLASS_JSON,     [CP_OBJECT] = CLASS_JSON,
};

/* By the bytes of their texts. */
static int compare_bytes(const struct cp_value *a, const struct cp_value *b)
{
    char abuf[CP_TIME_MAX], bbuf[CP_TIME_MAX];
    struct cp_slice as = cp_is_spelled(a) ? bytes_of(a) : computed_text(a, abuf);
    struct cp_slice bs = cp_is_spelled(b) ? bytes_of(b) : computed_text(b, bbuf);
    int c = cp_text_compare(a->kind == CP_TEXT ? a->esc : CP_PLAIN, as,
                            b->kind == CP_TEXT ? b->esc : CP_PLAIN, bs);

    return (c > 0) - (c < 0);
}

static int compare_int64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_num(const struct cp_num *a, const struct cp_num *b)
{
    int c = cp_num_compare(a, b);

    return (c > 0) - (c < 0);
}

static int compare_text(const struct cp_value *a, const struct cp_value *b)
{
    struct cp_num an, bn;

    if ((a->flags & b->flags & CP_UNTYPED) && cp_value_number(a, &an) && cp_value_number(b, &bn))
        return compare_num(&an, &bn);
    return compare_bytes(a, b);
}

/* The seconds of a text such as 300ms. */
static bool text_duration(const struct cp_value *v, struct cp_num *out)
{
    char buf[DECODE_MAX];
    struct cp_slice s;
    int64_t ns;

    if (!short_text(v, buf, &s) || !cp_duration_parse(s.p, s.n, &ns))
        return false;
    cp_duration_to_number(ns, out);
    return true;
}

static int compare_number_text(const struct cp_value *num, const struct cp_value *text)
{
    struct cp_num an, bn;

    if (cp_value_number(num, &an)) {
        if (cp_value_number(text, &bn) ||
            ((num->flags & CP_SECONDS) && num->kind != CP_NUMBER && text_duration(text, &bn)))
            return compare_num(&an, &bn);
    }
    return compare_bytes(num, text);
}

static int compare_numbers(const struct cp_value *a, const struct cp_value *b)
{
    struct cp_num an, bn;

    if (cp_value_number(a, &an) && cp_value_number(b, &bn))
        return compare_num(&an, &bn);
    return compare_bytes(a, b);
}

static int compare_time_number(const struct cp_value *time, const struct cp_value *num,
                               const struct cp_time_zone *zone)
{
    struct cp_num an, bn;
    int64_t ns;

    if (!cp_value_time(time, zone, &ns) || !cp_value_number(num, &bn))
        return CP_UNORDERED;
    cp_time_to_number(ns, &an);
    return compare_num(&an, &bn);
}

static int compare_times(const struct cp_value *a, const struct cp_value *b,
                         const struct cp_time_zone *zone)
{
    int64_t an, bn;

    if (cp_value_time(a, zone, &an) && cp_value_time(b, zone, &bn))
        return compare_int64(an, bn);
    return compare_bytes(a, b);
}

static int mirrored(int c)
{
    return c == CP_UNORDERED ? c : -c;
}

/* a's class is not above b's, and neither is null. */
static int compare_classes(const struct cp_value *a, const struct cp_value *b, enum class ac,
                           enum class bc, const struct cp_time_zone *zone)
{
    if (ac == bc) {
        switch (ac) {
        case CLASS_BOOL:
            return compare_int64(a->kind, b->kind);
        case CLASS_NUMBER:
            return compare_numbers(a, b);
        case CLASS_TIME:
            return compare_times(a, b, zone);
        case CLASS_TEXT:
            return compare_text(a, b);
        default:
            return compare_bytes(a, b);
        }
    }
    if (bc == CLASS_TEXT)
        return ac == CLASS_NUMBER ? compare_number_text(a, b)
               : ac == CLASS_TIME ? compare_times(a, b, zone)
                                  : compare_bytes(a, b);
    if (ac == CLASS_TEXT)
        return compare_bytes(a, b);
    if (ac == CLASS_NUMBER && bc == CLASS_TIME)
        return mirrored(compare_time_number(b, a, zone));
    return CP_UNORDERED;
}

int cp_value_compare(const struct cp_value *a, const struct cp_value *b,
                     const struct cp_time_zone *zone, struct cp_arena *scratch)
{
    (void)scratch;
    enum class ac = class_of[a->kind], bc = class_of[b->kind];

    if (ac == CLASS_NULL || bc == CLASS_NULL)
        return ac == bc ? 0 : CP_UNORDERED;
    if (ac > bc)
        return mirrored(compare_classes(b, a, bc, ac, zone));
    return compare_classes(a, b, ac, bc, zone);
}

/* Where a value stands among others when sorting; what is a number is given as one. */
static enum class sort_class(const struct cp_value *v, struct cp_num *num) {
    enum class c = class_of[v->kind];

    if ((c == CLASS_TEXT || c == CLASS_NUMBER) && cp_value_number(v, num)) return CLASS_NUMBER;
    return c == CLASS_NUMBER ? CLASS_TEXT : c;
}

int cp_value_sort_compare(const struct cp_value *a, const struct cp_value *b,
                          const struct cp_time_zone *zone)
{
    struct cp_num an, bn;
    enum class ac = sort_class(a, &an), bc = sort_class(b, &bn);

    if (ac != bc)
        return ac < bc ? -1 : 1;
    switch (ac) {
    case CLASS_NULL:
        return 0;
    case CLASS_BOOL:
        return compare_int64(a->kind, b->kind);
    case CLASS_NUMBER:
        return compare_num(&an, &bn);
    case CLASS_TIME:
        return compare_times(a, b, zone);
    default:
        return compare_bytes(a, b);
    }
}
