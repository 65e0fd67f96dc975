/* fn_text.c: functions of the group text. */
#define XXH_INLINE_ALL
#include <stdio.h>
#include <xxhash.h>

#include "../base/base64.h"
#include "../base/scan.h"
#include "../format/json.h"
#include "bind.h"
#include "net.h"

/* Most functions begin so. */
#define TEXT_OR_RETURN(c, v, s)                                                                    \
    do {                                                                                           \
        if (cp_call_text((c), (v), (s)))                                                           \
            return cp_call_full;                                                                   \
    } while (0)

static const char *give_text(struct cp_slice s, struct cp_value *out)
{
    *out = cp_text(s.p, s.n);
    return NULL;
}

static const char *fn_len(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_json_iter it;
    struct cp_slice text;
    int64_t n = 0;

    if (args[0].kind >= CP_LIST) {
        cp_json_iter_init(&it, &args[0]);
        while (cp_json_iter_next(&it))
            n++;
    } else {
        TEXT_OR_RETURN(c, &args[0], &text);
        n = (int64_t)cp_utf8_length(text.p, text.n);
    }
    *out = cp_int(n);
    return NULL;
}

/* ---- Letters ---- */

/* The text with letters from..from+25 in the other case; itself when it has none. */
static const char *change_case(const struct cp_call *c, const struct cp_value *v, char from,
                               struct cp_value *out)
{
    struct cp_slice text;
    size_t i = 0;
    char *p;

    TEXT_OR_RETURN(c, v, &text);
    while (i < text.n && (unsigned char)(text.p[i] - from) >= 26)
        i++;
    if (i == text.n)
        return give_text(text, out);
    const char *why = cp_call_room(c, text.n, &p);
    if (why)
        return why;
    for (i = 0; i < text.n; i++)
        p[i] = (char)(text.p[i] ^ ((unsigned char)(text.p[i] - from) < 26 ? 0x20 : 0));
    return give_text((struct cp_slice){p, text.n}, out);
}

static const char *fn_lower(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    return change_case(c, &args[0], 'A', out);
}

static const char *fn_upper(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    return change_case(c, &args[0], 'a', out);
}

/* ---- Parts ---- */

static const char *fn_trim(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice s, any = CP_SLICE(" \t\r\n");

    TEXT_OR_RETURN(c, &args[0], &s);
    if (c->n > 1)
        TEXT_OR_RETURN(c, &args[1], &any);
    while (s.n > 0 && memchr(any.p, s.p[0], any.n)) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && memchr(any.p, s.p[s.n - 1], any.n))
        s.n--;
    return give_text(s, out);
}

static const char *fn_substr(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    struct cp_slice s;
    int64_t from, count = INT64_MAX;
    size_t len;
    const char *why = cp_call_integer(&args[1], &from);

    if (!why && c->n > 2)
        why = cp_call_integer(&args[2], &count);
    if (why)
        return why;
    if (count < 0)
        return "the number of characters is negative";
    TEXT_OR_RETURN(c, &args[0], &s);
    const char *p = cp_utf8_substr(s.p, s.n, from, (size_t)count, &len);
    return give_text((struct cp_slice){p, len}, out);
}

/* The length of the next piece of s and of the separator behind it. */
static size_t next_piece(struct cp_slice s, struct cp_slice separator, size_t *skip)
{
    const char *hit;
    uint32_t code;

    *skip = 0;
    if (separator.n == 0)
        return cp_utf8_decode(s.p, s.n, &code);
    hit = memmem(s.p, s.n, separator.p, separator.n);
    if (!hit)
        return s.n;
    *skip = separator.n;
    return (size_t)(hit - s.p);
}

static const char *fn_split(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_slice s, separator;
    struct cp_builder t;
    size_t skip;

    TEXT_OR_RETURN(c, &args[0], &s);
    TEXT_OR_RETURN(c, &args[1], &separator);
    cp_builder_init(&t, c);
    cp_builder_put(&t, "[", 1);
    for (bool is_first = true, goes_on = separator.n > 0 || s.n > 0; goes_on && !t.why;
         is_first = false) {
        size_t n = next_piece(s, separator, &skip);
        struct cp_value piece = cp_text(s.p, n);
        cp_builder_put(&t, ",", !is_first);
        cp_builder_json(&t, &piece);
        s = (struct cp_slice){s.p + n + skip, s.n - n - skip};
        goes_on = skip > 0 || (separator.n == 0 && s.n > 0);
    }
    cp_builder_put(&t, "]", 1);
    return cp_builder_give(&t, CP_LIST, out);
}

/* Appends a value's text; decoded in place. */
static void put_value(struct cp_builder *t, const struct cp_value *v)
{
    struct cp_arena *arena = &t->call->ev->batch->arena;
    struct cp_slice text;

    if (t->why)
        return;
    if (!cp_value_text(v, arena, &text))
        t->why = cp_call_full;
    else if (text.p == t->start + t->len && text.n > 0) /* it was made right here */
        t->len += text.n;
    else
        cp_builder_put(t, text.p, text.n);
    if (!t->why && t->len > t->call->ev->max_text)
        t->why = cp_call_too_long;
}

static const char *fn_join(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice separator;
    struct cp_json_iter it;
    struct cp_builder t;

    if (args[0].kind != CP_LIST)
        return "not a list";
    TEXT_OR_RETURN(c, &args[1], &separator);
    cp_builder_init(&t, c);
    cp_json_iter_init(&it, &args[0]);
    for (bool is_first = true; !t.why && cp_json_iter_next(&it); is_first = false) {
        cp_builder_put(&t, separator.p, is_first ? 0 : separator.n);
        put_value(&t, &it.value);
    }
    return cp_builder_give(&t, CP_TEXT, out);
}

/* ---- Searching ---- */

/* Both texts, then the answer; what was decoded for it is given back. */
static const char *search(const struct cp_call *c, const struct cp_value *args,
                          bool (*test)(struct cp_slice, struct cp_slice), struct cp_value *out)
{
    struct cp_arena *arena = &c->ev->batch->arena;
    size_t mark = arena->used;
    struct cp_slice s, part;

    TEXT_OR_RETURN(c, &args[0], &s);
    TEXT_OR_RETURN(c, &args[1], &part);
    *out = cp_bool(part.n <= s.n && test(s, part));
    arena->used = mark;
    return NULL;
}

static bool is_inside(struct cp_slice s, struct cp_slice part)
{
    return part.n == 0 || memmem(s.p, s.n, part.p, part.n) != NULL;
}

static bool is_start(struct cp_slice s, struct cp_slice part)
{
    return memcmp(s.p, part.p, part.n) == 0;
}

static bool is_end(struct cp_slice s, struct cp_slice part)
{
    return memcmp(s.p + s.n - part.n, part.p, part.n) == 0;
}

static int prepare_contains(struct cp_binder *b, struct cp_expr *x, void **prepared)
{
    const struct cp_expr *part = x->args[1];
    struct cp_literal *lit;

    if (!cp_expr_is_const(part) || part->value.kind != CP_TEXT)
        return 0;
    lit = cp_heap_take(b->heap, sizeof *lit);
    if (cp_literal_init(lit, part->value.p, part->value.len, 0))
        *prepared = lit;
    return 0;
}

static const char *fn_contains(const struct cp_call *c, const struct cp_value *args,
                               struct cp_value *out)
{
    struct cp_arena *arena = &c->ev->batch->arena;
    size_t mark = arena->used, resume;
    struct cp_slice s;
    uint32_t hit;

    if (!c->prepared)
        return search(c, args, is_inside, out);
    TEXT_OR_RETURN(c, &args[0], &s);
    *out = cp_bool(cp_scan_literal((const uint8_t *)s.p, s.n, c->prepared, &hit, 1, &resume) > 0);
    arena->used = mark;
    return NULL;
}

static const char *fn_starts(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    return search(c, args, is_start, out);
}

static const char *fn_ends(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    return search(c, args, is_end, out);
}

/* ---- match and replace ---- */

static int prepare_match(struct cp_binder *b, struct cp_expr *x, void **prepared)
{
    const struct cp_expr *group = x->n > 2 ? x->args[2] : NULL;
    struct cp_num num;

    (void)prepared;
    if (!x->regex && cp_bind_regex(b, x, x->args[1]) < 0)
        return -1;
    if (!group)
        return 0;
    if (!cp_expr_is_const(group) || !cp_value_number(&group->value, &num) ||
        num.kind != CP_NUM_INT || num.i < 0 || num.i > (int64_t)x->regex->groups)
        return cp_bind_error(b, group, "0 is the whole match",
                             "the regex has no group of this number");
    return 0;
}

static const char *fn_match(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_slice s;
    struct cp_regex_scratch *scratch = c->ev->regex;
    size_t group = c->regex->groups > 0;
    struct cp_num num;
    int rc;

    if (c->n > 2 && cp_value_number(&args[2], &num))
        group = (size_t)num.i;
    TEXT_OR_RETURN(c, &args[0], &s);
    rc = cp_regex_find(c->regex, scratch, s.p, s.n, 0);
    if (rc < 0)
        return cp_regex_limit;
    *out = cp_null();
    if (rc > 0 && scratch->found[2 * group] != PCRE2_UNSET)
        *out = cp_text(s.p + scratch->found[2 * group],
                       scratch->found[2 * group + 1] - scratch->found[2 * group]);
    return NULL;
}

/* The group that `$1`, `${name}` or `${1}` at p means; *n is its length, 0: it is none. */
static size_t group_at(const struct cp_regex *re, const char *p, const char *end, size_t *n)
{
    const char *from = p + 1, *to;
    size_t number = 0;

    *n = 0;
    bool is_braced = from < end && *from == '{';
    from += is_braced;
    to = is_braced ? memchr(from, '}', (size_t)(end - from)) : from + 1;
    if (!to || to > end || to == from)
        return 0;
    *n = (size_t)(to - p) + is_braced;
    for (size_t i = 0; i < re->n_names; i++)
        if (is_braced &&
            cp_slice_equal(re->names[i].name, (struct cp_slice){from, (size_t)(to - from)}))
            return re->names[i].number;
    for (const char *q = from; q < to && number <= re->groups; q++)
        number = *q >= '0' && *q <= '9' ? number * 10 + (size_t)(*q - '0') : SIZE_MAX;
    if (number > re->groups)
        *n = 0;
    return number;
}

/* Appends the replacement of one match. `$$` is a dollar; what means no group stays. */
static void put_replacement(struct cp_builder *t, const struct cp_regex *re, const size_t *found,
                            struct cp_slice s, struct cp_slice with)
{
    const char *p = with.p, *end = with.p + with.n;

    while (p < end && !t->why) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));
        size_t n, group;
        cp_builder_put(t, p, (size_t)((dollar ? dollar : end) - p));
        if (!dollar)
            return;
        p = dollar;
        group = group_at(re, p, end, &n);
        if (n > 0) {
            if (found[2 * group] != PCRE2_UNSET && found[2 * group + 1] >= found[2 * group])
                cp_builder_put(t, s.p + found[2 * group], found[2 * group + 1] - found[2 * group]);
        } else {
            cp_builder_put(t, "$", 1);
            n = p + 1 < end && p[1] == '$' ? 2 : 1;
        }
        p += n;
    }
}

static const char *replace_regex(const struct cp_call *c, struct cp_slice s, struct cp_slice with,
                                 struct cp_value *out)
{
    struct cp_builder t;
    size_t at = 0, done = 0;
    int rc = 0;

    cp_builder_init(&t, c);
    while (!t.why && at <= s.n && (rc = cp_regex_find(c->regex, c->ev->regex, s.p, s.n, at)) > 0) {
        const size_t *found = c->ev->regex->found;
        size_t from = found[0] < done ? done : found[0], to = found[1] < from ? from : found[1];
        cp_builder_put(&t, s.p + done, from - done);
        put_replacement(&t, c->regex, found, s, with);
        done = to;
        at = to > from ? to : to + 1; /* an empty match: go on one character further */
        while (c->regex->is_utf && to == from && at < s.n && (s.p[at] & 0xC0) == 0x80)
            at++;
    }
    if (rc < 0)
        return cp_regex_limit;
    if (done == 0 && t.len == 0 && !t.why)
        return give_text(s, out);
    cp_builder_put(&t, s.p + done, s.n - done);
    return cp_builder_give(&t, CP_TEXT, out);
}

static const char *replace_text(const struct cp_call *c, struct cp_slice s, struct cp_slice what,
                                struct cp_slice with, struct cp_value *out)
{
    const char *p = s.p, *end = s.p + s.n, *hit;
    struct cp_builder t;

    hit = what.n ? memmem(p, s.n, what.p, what.n) : NULL;
    if (!hit)
        return give_text(s, out);
    cp_builder_init(&t, c);
    for (; hit && !t.why; hit = memmem(p, (size_t)(end - p), what.p, what.n)) {
        cp_builder_put(&t, p, (size_t)(hit - p));
        cp_builder_put(&t, with.p, with.n);
        p = hit + what.n;
    }
    cp_builder_put(&t, p, (size_t)(end - p));
    return cp_builder_give(&t, CP_TEXT, out);
}

static const char *fn_replace(const struct cp_call *c, const struct cp_value *args,
                              struct cp_value *out)
{
    struct cp_slice s, what, with;

    TEXT_OR_RETURN(c, &args[0], &s);
    TEXT_OR_RETURN(c, &args[2], &with);
    if (c->regex)
        return replace_regex(c, s, with, out);
    TEXT_OR_RETURN(c, &args[1], &what);
    return replace_text(c, s, what, with, out);
}

/* ---- Making ---- */

enum { PAD_MAX = 100000 };

/* The fill n times. What is there already is copied, so that the pieces double. */
static void put_fill(struct cp_builder *t, struct cp_slice fill, size_t n)
{
    size_t size = n * fill.n;
    char *p = n > 0 ? cp_builder_room(t, size) : NULL;

    if (!p)
        return;
    memcpy(p, fill.p, fill.n);
    for (size_t done = fill.n; done < size; done *= 2)
        memcpy(p + done, p, done < size - done ? done : size - done);
}

static const char *fn_pad(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_slice s, fill = CP_SLICE(" ");
    struct cp_builder t;
    int64_t width;
    size_t len, want;
    const char *why = cp_call_integer(&args[1], &width);

    if (why)
        return why;
    TEXT_OR_RETURN(c, &args[0], &s);
    if (c->n > 2)
        TEXT_OR_RETURN(c, &args[2], &fill);
    if (cp_utf8_length(fill.p, fill.n) != 1)
        return "the fill is not one character";
    if (width > PAD_MAX || width < -PAD_MAX)
        return "the width is above 100000";
    len = cp_utf8_length(s.p, s.n);
    want = (size_t)(width < 0 ? -width : width);
    if (len >= want)
        return give_text(s, out);
    cp_builder_init(&t, c);
    put_fill(&t, fill, width < 0 ? want - len : 0);
    cp_builder_put(&t, s.p, s.n);
    put_fill(&t, fill, width > 0 ? want - len : 0);
    return cp_builder_give(&t, CP_TEXT, out);
}

static const char *fn_hash(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    static const char digits[] = "0123456789abcdef";
    struct cp_slice s;
    char *p;

    TEXT_OR_RETURN(c, &args[0], &s);
    const char *why = cp_call_room(c, 16, &p);
    if (why)
        return why;
    uint64_t h = XXH64(s.p, s.n, 0);
    for (int i = 0; i < 16; i++)
        p[i] = digits[h >> (60 - 4 * i) & 15];
    return give_text((struct cp_slice){p, 16}, out);
}

static const char *fn_urldecode(const struct cp_call *c, const struct cp_value *args,
                                struct cp_value *out)
{
    struct cp_slice s;
    char *p;

    TEXT_OR_RETURN(c, &args[0], &s);
    if (!s.n || !memchr(s.p, '%', s.n))
        return give_text(s, out);
    const char *why = cp_call_room(c, s.n, &p);
    return why ? why : give_text((struct cp_slice){p, cp_url_decode(s, false, p)}, out);
}

static const char *b64_encode(const struct cp_call *c, struct cp_slice s, struct cp_value *out)
{
    size_t len = cp_base64_length(s.n);
    char *p;
    const char *why = cp_call_room(c, len, &p);

    if (why)
        return why;
    *out = cp_text(p, len);
    cp_base64_encode(s.p, s.n, p);
    return NULL;
}

static const char *b64_decode(const struct cp_call *c, struct cp_slice s, struct cp_value *out)
{
    size_t n;
    char *p;
    const char *why = cp_call_room(c, s.n, &p);

    if (why)
        return why;
    if (!cp_base64_decode(s.p, s.n, p, &n))
        return "not base64";
    *out = cp_text(p, n);
    return NULL;
}

static const char *fn_b64(const struct cp_call *c, const struct cp_value *args,
                          struct cp_value *out)
{
    struct cp_slice s, mode = CP_SLICE("encode");

    TEXT_OR_RETURN(c, &args[0], &s);
    if (c->n > 1)
        TEXT_OR_RETURN(c, &args[1], &mode);
    if (cp_slice_is(mode, "decode"))
        return b64_decode(c, s, out);
    return cp_slice_is(mode, "encode") ? b64_encode(c, s, out) : "b64 encodes or decodes";
}

/* ---- printf ---- */

enum { VERB_MAX = 64, NUMBER_TEXT_MAX = 512, WIDTH_MAX = 1000, PRECISION_MAX = 60 };

/* One conversion: %-10.3s */
struct verb {
    bool is_left, has_zero, has_plus, has_precision;
    int width, precision;
    char conversion; /* 0: there is no such conversion */
    size_t len;
};

static int digits_at(const char **p, const char *end, int most)
{
    int v = 0;

    for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
        v = v > most ? v : v * 10 + (**p - '0');
    return v;
}

/* The conversion at p, behind the percent sign. */
static struct verb verb_parse(const char *p, const char *end)
{
    const char *from = p;
    struct verb v = {0};

    for (; p < end && (*p == '-' || *p == '0' || *p == '+'); p++) {
        v.is_left = v.is_left || *p == '-';
        v.has_zero = v.has_zero || *p == '0';
        v.has_plus = v.has_plus || *p == '+';
    }
    v.width = digits_at(&p, end, WIDTH_MAX);
    if (p < end && *p == '.') {
        p++;
        v.has_precision = true;
        v.precision = digits_at(&p, end, WIDTH_MAX);
    }
    if (p < end && *p && strchr("sdxXfeg%", *p) && v.width <= WIDTH_MAX &&
        (v.precision <= PRECISION_MAX || *p == 's'))
        v.conversion = *p++;
    v.len = (size_t)(p - from);
    return v;
}

/* A number as the verb shows it, without width. Returns the length. */
static size_t number_text(const struct verb *v, const struct cp_num *num, char *buf)
{
    int precision = v->has_precision ? v->precision : 6;
    double d = cp_num_to_double(num);
    int64_t i = num->kind == CP_NUM_INT ? num->i
                                        : (int64_t)(d > 9.2e18    ? 9.2e18
                                                    : d < -9.2e18 ? -9.2e18
                                                                  : d);
    bool plus = v->has_plus;

    switch (v->conversion) {
    case 'd':
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, plus ? "%+lld" : "%lld", (long long)i);
    case 'x':
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, "%llx", (unsigned long long)i);
    case 'X':
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, "%llX", (unsigned long long)i);
    case 'f':
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, plus ? "%+.*f" : "%.*f", precision, d);
    case 'e':
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, plus ? "%+.*e" : "%.*e", precision, d);
    default:
        return (size_t)snprintf(buf, NUMBER_TEXT_MAX, plus ? "%+.*g" : "%.*g", precision, d);
    }
}

/* Text of `chars` characters, filled up to the verb's width; zeros go behind the sign. */
static void put_padded(struct cp_builder *t, const struct verb *v, struct cp_slice s, size_t chars,
                       bool is_number)
{
    size_t fill = (size_t)v->width > chars ? (size_t)v->width - chars : 0;
    bool zeros = v->has_zero && is_number && !v->is_left;
    size_t sign = zeros && s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');

    cp_builder_put(t, s.p, sign);
    if (!v->is_left)
        put_fill(t, zeros ? CP_SLICE("0") : CP_SLICE(" "), fill);
    cp_builder_put(t, s.p + sign, s.n - sign);
    if (v->is_left)
        put_fill(t, CP_SLICE(" "), fill);
}

static void put_verb(struct cp_builder *t, const struct verb *v, const struct cp_value *arg,
                     struct cp_slice text)
{
    char buf[NUMBER_TEXT_MAX];
    struct cp_num num;

    if (v->conversion == 's') {
        size_t len = text.n;
        if (v->has_precision)
            len = cp_utf8_offset(text.p, text.n, (size_t)v->precision);
        put_padded(t, v, (struct cp_slice){text.p, len}, cp_utf8_length(text.p, len), false);
    } else if (!cp_value_number(arg, &num)) {
        t->why = "not a number";
    } else {
        size_t len = number_text(v, &num, buf);
        put_padded(t, v, (struct cp_slice){buf, len}, len, true);
    }
}

static const char *fn_printf(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    struct cp_slice text[CP_FUNCTION_ARGS];
    struct cp_builder t;
    size_t next = 1;

    for (size_t a = 0; a < c->n; a++)
        TEXT_OR_RETURN(c, &args[a], &text[a]);
    const char *p = text[0].p, *end = p + text[0].n;
    cp_builder_init(&t, c);
    while (p < end && !t.why) {
        const char *percent = memchr(p, '%', (size_t)(end - p));
        cp_builder_put(&t, p, (size_t)((percent ? percent : end) - p));
        if (!percent)
            break;
        struct verb v = verb_parse(percent + 1, end);
        p = percent + 1 + v.len;
        if (!v.conversion)
            return "printf: no such conversion";
        if (v.conversion == '%') {
            cp_builder_put(&t, "%", 1);
            continue;
        }
        if (next == c->n)
            return "printf: too few arguments";
        put_verb(&t, &v, &args[next], text[next]);
        next++;
    }
    return cp_builder_give(&t, CP_TEXT, out);
}

static int prepare_printf(struct cp_binder *b, struct cp_expr *x, void **prepared)
{
    const struct cp_value *format = &x->args[0]->value;
    const char *p, *end;
    size_t n = 1;

    (void)prepared;
    if (!cp_expr_is_const(x->args[0]) || format->kind != CP_TEXT)
        return 0;
    p = format->p;
    end = p + format->len;
    while ((p = memchr(p, '%', (size_t)(end - p)))) {
        struct verb v = verb_parse(p + 1, end);
        if (!v.conversion)
            return cp_bind_error(b, x->args[0], "as in %s %d %x %f %5d %-10s %.2f %%",
                                 "printf has no such conversion");
        n += v.conversion != '%';
        p += 1 + v.len;
    }
    if (n != x->n)
        return cp_diag_error(b->diags, x->pos, NULL,
                             "the format takes %zu values, but %zu are given", n - 1, x->n - 1);
    return 0;
}

/* ---- The table ---- */

const struct cp_function cp_functions_text[] = {
    {.name = "len",
     .signature = "len(x)",
     .doc = "The number of characters of a text, of items of a list, of members of an object.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_len,
     .examples = {{"len(\"h\\u00e9llo\")", "5"}, {"len([1,2,3])", "3"}}},
    {.name = "lower",
     .signature = "lower(text)",
     .doc = "The text with the letters A to Z in lower case.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_lower,
     .examples = {{"lower(\"GET /A\")", "\"get /a\""}}},
    {.name = "upper",
     .signature = "upper(text)",
     .doc = "The text with the letters a to z in upper case.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_upper,
     .examples = {{"upper(\"get\")", "\"GET\""}}},
    {.name = "trim",
     .signature = "trim(text, bytes?)",
     .doc = "The text without blanks, or without any of the given bytes, at both ends.",
     .min = 1,
     .max = 2,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_trim,
     .examples = {{"trim(\"  a b \")", "\"a b\""}, {"trim(\"[x]\", \"[]\")", "\"x\""}}},
    {.name = "substr",
     .signature = "substr(text, from, count?)",
     .doc = "A part of the text, counted in characters from 0; a negative from counts from the "
            "end.",
     .min = 2,
     .max = 3,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_substr,
     .examples = {{"substr(\"pipeline\", 4)", "\"line\""},
                  {"substr(\"pipeline\", 0, 4)", "\"pipe\""},
                  {"substr(\"pipeline\", -4, 2)", "\"li\""}}},
    {.name = "split",
     .signature = "split(text, separator)",
     .doc = "The list of the parts between the separators; an empty separator gives the "
            "characters.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_split,
     .examples = {{"split(\"a,b,,c\", \",\")", "[\"a\",\"b\",\"\",\"c\"]"},
                  {"split(\"h\\u00e9\", \"\")", "[\"h\",\"\xc3\xa9\"]"},
                  {"split(\"a/b\", \"/\")[-1]", "\"b\""}}},
    {.name = "join",
     .signature = "join(list, separator)",
     .doc = "The items of a list as one text.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_join,
     .examples = {{"join([\"a\", 1, true], \"-\")", "\"a-1-true\""},
                  {"join(\"a\", \"-\")", "error: not a list"}}},
    {.name = "replace",
     .signature = "replace(text, what, with)",
     .doc = "The text with all occurrences of a text or regex replaced; with a regex $1, "
            "${name} and $0 are its groups.",
     .min = 3,
     .max = 3,
     .flags = CP_FN_MAKES_TEXT | CP_FN_REGEX,
     .eval = fn_replace,
     .examples = {{"replace(\"a.b.c\", \".\", \"-\")", "\"a-b-c\""},
                  {"replace(\"user 17 of 20\", /\\d+/, \"<$0>\")", "\"user <17> of <20>\""},
                  {"replace(\"k=v\", /(?<a>\\w)=(\\w)/, \"$2=${a}\")", "\"v=k\""},
                  {"replace(\"abc\", /x*/, \"-\")", "\"-a-b-c-\""}}},
    {.name = "match",
     .signature = "match(text, regex, group?)",
     .doc = "What the regex finds in the text: the numbered group, else its first group, else "
            "the whole match; null where it finds nothing.",
     .min = 2,
     .max = 3,
     .flags = CP_FN_MAKES_TEXT | CP_FN_REGEX,
     .eval = fn_match,
     .prepare = prepare_match,
     .examples = {{"match(\"took 17 ms\", /\\d+/)", "\"17\""},
                  {"match(\"id=7;\", /id=(\\d+)/)", "\"7\""},
                  {"match(\"id=7;\", /id=(\\d+)/, 0)", "\"id=7\""},
                  {"match(\"x\", /\\d/)", "null"}}},
    {.name = "contains",
     .signature = "contains(text, part)",
     .doc = "Whether the text has the part in it.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT | CP_FN_NULL_FALSE | CP_FN_CONTAINS,
     .eval = fn_contains,
     .prepare = prepare_contains,
     .examples = {{"contains(\"timeout\", \"out\")", "true"}, {"contains(null, \"a\")", "false"}}},
    {.name = "starts",
     .signature = "starts(text, part)",
     .doc = "Whether the text begins with the part.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT | CP_FN_NULL_FALSE | CP_FN_CONTAINS,
     .eval = fn_starts,
     .examples = {{"starts(\"/api/v1\", \"/api/\")", "true"}}},
    {.name = "ends",
     .signature = "ends(text, part)",
     .doc = "Whether the text ends with the part.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT | CP_FN_NULL_FALSE | CP_FN_CONTAINS,
     .eval = fn_ends,
     .examples = {{"ends(\"a.log\", \".log\")", "true"}, {"ends(\"log\", \"a.log\")", "false"}}},
    {.name = "pad",
     .signature = "pad(text, width, fill?)",
     .doc = "The text filled up with blanks, or with the fill, to so many characters; a "
            "negative width fills on the left.",
     .min = 2,
     .max = 3,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_pad,
     .examples = {{"pad(\"ab\", 4)", "\"ab  \""}, {"pad(7, -3, \"0\")", "\"007\""}}},
    {.name = "hash",
     .signature = "hash(x)",
     .doc = "The xxh64 of the text as 16 hexadecimal digits.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_hash,
     .examples = {{"hash(\"\")", "\"ef46db3751d8e999\""}}},
    {.name = "urldecode",
     .signature = "urldecode(text)",
     .doc = "The text with every %XX decoded; what is no such escape stays.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_urldecode,
     .examples = {{"urldecode(\"a%20b%2Fc%\")", "\"a b/c%\""}}},
    {.name = "b64",
     .signature = "b64(text, mode?)",
     .doc = "The text in base64, or with \"decode\" the text that base64 stands for.",
     .min = 1,
     .max = 2,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_b64,
     .examples = {{"b64(\"hello\")", "\"aGVsbG8=\""},
                  {"b64(\"aGVsbG8=\", \"decode\")", "\"hello\""},
                  {"b64(\"!\", \"decode\")", "error: not base64"}}},
    {.name = "printf",
     .signature = "printf(format, x, ...)",
     .doc = "The values in a format with %s %d %x %X %f %e %g %%, with flags - 0 +, width and "
            "precision as in %-10s %05d %.2f.",
     .min = 1,
     .max = CP_FUNCTION_ARGS,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_printf,
     .prepare = prepare_printf,
     .examples = {{"printf(\"%5d|%-4s|%.2f|%x|%%\", 42, \"ab\", 3.14159, 255)",
                   "\"   42|ab  |3.14|ff|%\""},
                  {"printf(\"%05d\", -42)", "\"-0042\""}}},
    {.name = NULL},
};
