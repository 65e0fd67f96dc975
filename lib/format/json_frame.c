/* json_frame.c: where JSON values end that span lines. */
#include "bits.h"
#include "json_scan.h"

enum inside { BETWEEN, BRACKETS, STRING_IN_BRACKETS, STRING_AT_TOP, WORD_AT_TOP };

static enum inside what_starts(char c)
{
    return c == '"' ? STRING_AT_TOP : c == '{' || c == '[' ? BRACKETS : WORD_AT_TOP;
}

/* Passes bytes of a string; true: behind its closing quote. */
static bool pass_string(struct cp_json_framer *f, const char **p, const char *end)
{
    if (f->is_escaped && *p < end) {
        f->is_escaped = false;
        ++*p;
    }
    for (const char *q = *p; (q = cp_json_string_stop(q, end)) < end; q++) {
        if (*q == '"') {
            *p = q + 1;
            return true;
        }
        if (*q == '\\' && ++q == end)
            f->is_escaped = true;
    }
    *p = end;
    return false;
}

/* Which bytes a backslash escapes; *carry: the byte before the first one is such a backslash, then
 * the last one. */
static uint64_t escaped_bits(uint64_t slashes, bool *carry)
{
    uint64_t escaped = *carry;

    slashes &= ~escaped;
    *carry = false;
    while (slashes != 0) {
        uint64_t first = slashes & -slashes;
        escaped |= first << 1;
        *carry = first >> 63;
        slashes &= ~(first | first << 1);
    }
    return escaped;
}

/* The bits from each set bit up to the one before the next, that is between pairs of them. */
static uint64_t between_bits(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* The offset behind the bracket that closes the last one open, 0 when none of these does. */
static size_t last_close(struct cp_json_framer *f, uint64_t opens, uint64_t closes)
{
    for (uint64_t left = opens | closes; left != 0; left &= left - 1) {
        if (opens & left & -left)
            f->depth++;
        else if (--f->depth == 0)
            return (size_t)__builtin_ctzll(left) + 1;
    }
    return 0;
}

/* Passes 64 bytes in brackets at once, or fewer when the document ends. Returns how many; 0, and
 * nothing changed, when there is a backslash outside of strings: then bytes are looked at one by
 * one, so that any split of the input gives the same. */
static size_t pass_block(struct cp_json_framer *f, const char *p, bool *found)
{
    cp_bytes64 bytes = cp_bytes64_load((const uint8_t *)p);
    uint64_t slashes = cp_bits_equal(&bytes, '\\');
    bool carry = f->is_escaped;
    uint64_t quotes = cp_bits_equal(&bytes, '"') & ~escaped_bits(slashes, &carry);
    uint64_t strings = between_bits(quotes) ^ (f->inside == STRING_IN_BRACKETS ? ~UINT64_C(0) : 0);

    if ((slashes & ~strings) != 0)
        return 0;
    size_t end = last_close(f, cp_bits_equal2(&bytes, '{', '[') & ~strings,
                            cp_bits_equal2(&bytes, '}', ']') & ~strings);
    *found = end > 0;
    f->inside = strings >> 63 ? STRING_IN_BRACKETS : BRACKETS;
    f->is_escaped = carry && !*found;
    return *found ? end : 64;
}

/* Passes bytes in brackets up to the next string; true: behind the last closing bracket. */
static bool pass_brackets(struct cp_json_framer *f, const char **p, const char *end)
{
    for (const char *q = *p; (q = cp_json_bracket_stop(q, end)) < end; q++) {
        *p = q + 1;
        if (*q == '"') {
            f->inside = STRING_IN_BRACKETS;
            return false;
        }
        if ((*q | 0x20) == '{')
            f->depth++;
        else if (--f->depth == 0)
            return true;
    }
    *p = end;
    return false;
}

/* True: at the byte behind the word. */
static bool pass_word(const char **p, const char *end)
{
    while (*p < end && !cp_json_is_blank(**p) && what_starts(**p) == WORD_AT_TOP)
        ++*p;
    return *p < end;
}

/* Passes what the framer stands in; true: the document has ended before *p. */
static bool pass(struct cp_json_framer *f, const char **p, const char *end)
{
    switch ((enum inside)f->inside) {
    case BRACKETS:
        return pass_brackets(f, p, end);
    case STRING_IN_BRACKETS:
        if (pass_string(f, p, end))
            f->inside = BRACKETS;
        return false;
    case STRING_AT_TOP:
        return pass_string(f, p, end);
    case WORD_AT_TOP:
        return pass_word(p, end);
    case BETWEEN:
        break;
    }
    return false;
}

size_t cp_json_frame(struct cp_json_framer *f, const char *p, size_t n, size_t *start, bool *found)
{
    const char *at = p, *end = p + n;

    *found = false;
    if (f->inside == BETWEEN) {
        at = cp_json_skip_blanks(p, end);
        if (at == end)
            return n;
        *start = (size_t)(at - p);
        f->inside = (uint8_t)what_starts(*at);
        if (f->inside == STRING_AT_TOP)
            at++;
    }
    while (at < end && !*found) {
        bool in_brackets = f->inside == BRACKETS || f->inside == STRING_IN_BRACKETS;
        size_t passed = in_brackets && end - at >= 64 ? pass_block(f, at, found) : 0;
        at += passed;
        if (passed == 0)
            *found = pass(f, &at, end);
    }
    if (*found)
        f->inside = BETWEEN;
    return (size_t)(at - p);
}

size_t cp_json_cut(struct cp_json_framer *f, const uint8_t *data, size_t from, size_t to,
                   bool at_end, struct cp_record *out, size_t max, size_t *next)
{
    const char *text = (const char *)data;
    size_t n = 0;

    while (n < max) {
        size_t start = 0;
        size_t resume = from + f->searched; /* the unfinished document starts at `from` */
        bool is_new = f->inside == BETWEEN;
        bool found;
        size_t end = resume + cp_json_frame(f, text + resume, to - resume, &start, &found);
        if (is_new)
            from = f->inside == BETWEEN && !found ? to : resume + start;
        f->searched = end - from;
        if (at_end && !found && from < to) {
            *f = (struct cp_json_framer){0};
            found = true;
        }
        if (!found)
            break;
        out[n++] = (struct cp_record){.off = (uint32_t)from, .len = (uint32_t)(end - from)};
        from = end;
        f->searched = 0;
    }
    *next = n == max ? (size_t)(cp_json_skip_blanks(text + from, text + to) - text) : from;
    return n;
}

size_t cp_json_cut_skip(struct cp_json_framer *f, const uint8_t *data, size_t from, size_t to,
                        bool *done)
{
    size_t start;
    size_t resume = from + f->searched;
    size_t end = resume + cp_json_frame(f, (const char *)data + resume, to - resume, &start, done);

    f->searched = 0; /* the next call is given only what follows */
    return end;
}
