/* lexer.c: from the text of an expression to tokens. */
#include "lexer.h"

#include "../base/moment.h"
#include "../base/number.h"
#include "../base/scan.h"

static const struct cp_token bad_token = {.kind = CP_TOKEN_BAD};

struct cp_lexer *cp_lexer_new(const struct cp_text *text, struct cp_heap *heap,
                              struct cp_diags *diags)
{
    struct cp_lexer *lx = cp_heap_take(heap, sizeof *lx);

    *lx = (struct cp_lexer){.text = text, .heap = heap, .diags = diags};
    return lx;
}

struct cp_pos cp_lexer_span(const struct cp_lexer *lx, size_t off, size_t end)
{
    return cp_text_pos(lx->text, off, end - off);
}

/* ---- Characters ---- */

static char char_at(const struct cp_lexer *lx, size_t i)
{
    return i < lx->text->s.n ? lx->text->s.p[i] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool starts_name(char c)
{
    return is_letter(c) || c == '_' || c == '@' || (unsigned char)c >= 0x80;
}

static bool is_in_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

static struct cp_slice slice_of(const struct cp_lexer *lx, size_t from, size_t to)
{
    return (struct cp_slice){lx->text->s.p + from, to - from};
}

static struct cp_token token_at(size_t from, size_t to, enum cp_token_kind kind)
{
    return (struct cp_token){.kind = kind, .off = from, .len = to - from};
}

/* ---- Numbers, durations, sizes, times ---- */

static size_t skip_digits(const struct cp_lexer *lx, size_t i)
{
    while (is_digit(char_at(lx, i)))
        i++;
    return i;
}

/* The end of 4-2-2 digits at i; 0 when there is no date. */
static size_t date_end(const struct cp_lexer *lx, size_t i)
{
    if (skip_digits(lx, i) != i + 4 || char_at(lx, i + 4) != '-' ||
        skip_digits(lx, i + 5) != i + 7 || char_at(lx, i + 7) != '-' ||
        skip_digits(lx, i + 8) != i + 10)
        return 0;
    return i + 10;
}

/* Behind `T10:00:00.5+02:00`, as far as it goes. */
static size_t clock_end(const struct cp_lexer *lx, size_t i)
{
    if ((char_at(lx, i) != 'T' && char_at(lx, i) != 't') || !is_digit(char_at(lx, i + 1)))
        return i;
    for (i++; is_digit(char_at(lx, i)) || char_at(lx, i) == ':' ||
              (char_at(lx, i) == '.' && is_digit(char_at(lx, i + 1)));)
        i++;
    if (char_at(lx, i) == 'Z' || char_at(lx, i) == 'z')
        return i + 1;
    if ((char_at(lx, i) == '+' || char_at(lx, i) == '-') && is_digit(char_at(lx, i + 1)))
        for (i++; is_digit(char_at(lx, i)) || char_at(lx, i) == ':';)
            i++;
    return i;
}

static struct cp_token lex_time(struct cp_lexer *lx, size_t from, size_t date)
{
    size_t end = clock_end(lx, date);
    struct cp_token t = token_at(from, end, CP_TOKEN_VALUE);
    int64_t ns = 0;

    while (is_in_name(char_at(lx, end)))
        end++;
    if (end != from + t.len || !cp_time_parse_iso(lx->text->s.p + from, t.len, NULL, &ns)) {
        cp_diag_error(lx->diags, cp_lexer_span(lx, from, end),
                      "as in 2026-11-20 or 2026-11-20T10:00:00Z", "%.*s is no date or time",
                      (int)(end - from), lx->text->s.p + from);
        t.kind = CP_TOKEN_BAD;
    }
    t.value = cp_time(ns);
    return t;
}

static struct cp_token lex_hex(struct cp_lexer *lx, size_t from)
{
    uint64_t v = 0;
    size_t i = from + 2, digits = 0;

    for (; is_in_name(char_at(lx, i)); i++) {
        char c = char_at(lx, i);
        int digit = is_digit(c)                              ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : 16;
        digits = digit < 16 && digits < 17 ? digits + 1 : 17;
        v = v * 16 + (uint64_t)digit;
    }
    struct cp_token t = token_at(from, i, CP_TOKEN_VALUE);
    t.value = cp_int((int64_t)v);
    if (digits == 0 || digits > 16 || v > INT64_MAX) {
        cp_diag_error(lx->diags, cp_lexer_span(lx, from, i),
                      "0x and hexadecimal digits, at most 0x7fffffffffffffff", "%.*s is no number",
                      (int)t.len, lx->text->s.p + from);
        t.kind = CP_TOKEN_BAD;
    }
    return t;
}

/* Behind a decimal numeral: digits, a fraction, an exponent. */
static size_t decimal_end(const struct cp_lexer *lx, size_t i)
{
    size_t exponent;

    i = skip_digits(lx, i);
    if (char_at(lx, i) == '.' && is_digit(char_at(lx, i + 1)))
        i = skip_digits(lx, i + 1);
    if ((char_at(lx, i) | 0x20) != 'e')
        return i;
    exponent = i + 1;
    if (char_at(lx, exponent) == '+' || char_at(lx, exponent) == '-')
        exponent++;
    return is_digit(char_at(lx, exponent)) ? skip_digits(lx, exponent) : i;
}

/* Integers are computed values; other numerals keep their spelling. */
static struct cp_value decimal_value(struct cp_slice s)
{
    struct cp_num num;

    cp_num_parse(s.p, s.n, &num);
    if (num.kind == CP_NUM_INT && (s.p[0] != '0' || s.n == 1))
        return cp_int(num.i);
    return cp_span(CP_NUMBER, s.p, s.n);
}

static struct cp_value duration_value(int64_t ns)
{
    struct cp_num num;
    struct cp_value v;

    cp_duration_to_number(ns, &num);
    v = num.kind == CP_NUM_INT ? cp_int(num.i) : cp_double(num.d);
    v.flags = CP_SECONDS;
    return v;
}

/* A numeral with letters behind it: a duration or a size. */
static struct cp_token lex_unit(struct cp_lexer *lx, size_t from, size_t unit)
{
    size_t end = unit;
    int64_t ns;
    uint64_t bytes;

    while (is_in_name(char_at(lx, end)) ||
           (char_at(lx, end) == '.' && is_digit(char_at(lx, end + 1))))
        end++;
    struct cp_token t = token_at(from, end, CP_TOKEN_VALUE);
    if (cp_duration_parse(lx->text->s.p + from, t.len, &ns)) {
        t.value = duration_value(ns);
        t.duration = ns;
        return t;
    }
    if (cp_size_parse(lx->text->s.p + from, t.len, &bytes) && bytes <= INT64_MAX) {
        t.value = cp_int((int64_t)bytes);
        return t;
    }
    bool is_lone_k = end - unit == 1 && char_at(lx, unit) == 'k';
    cp_diag_error(lx->diags, cp_lexer_span(lx, from, end),
                  is_lone_k ? "K is 1024, kB is 1000"
                            : "durations are as in 5s 250ms 1h30m, sizes as in 10K 10MiB 10MB",
                  "%.*s is no number, duration or size", (int)t.len, lx->text->s.p + from);
    t.kind = CP_TOKEN_BAD;
    return t;
}

static struct cp_token lex_number(struct cp_lexer *lx, size_t from)
{
    size_t end = date_end(lx, from);

    if (end)
        return lex_time(lx, from, end);
    if (char_at(lx, from) == '0' && (char_at(lx, from + 1) | 0x20) == 'x')
        return lex_hex(lx, from);
    end = decimal_end(lx, from);
    if (is_in_name(char_at(lx, end)))
        return lex_unit(lx, from, end);
    struct cp_token t = token_at(from, end, CP_TOKEN_VALUE);
    t.value = decimal_value(slice_of(lx, from, end));
    t.is_digits = skip_digits(lx, from) == end;
    return t;
}

/* ---- Texts ---- */

static int hex_value(const struct cp_lexer *lx, size_t at, size_t n, uint32_t *code)
{
    *code = 0;
    for (size_t i = at; i < at + n; i++) {
        char c = char_at(lx, i);
        int lower = c | 0x20;
        if (!is_digit(c) && (lower < 'a' || lower > 'f'))
            return -1;
        *code = *code * 16 + (uint32_t)(is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return 0;
}

/* `\uXXXX` at `at`, with its second half where it is the first of a pair. Returns the bytes read,
 * or 0. */
static size_t unicode_escape(const struct cp_lexer *lx, size_t at, char *out, size_t *n)
{
    uint32_t code, low;
    size_t read = 6;

    if (hex_value(lx, at + 2, 4, &code) < 0)
        return 0;
    if (code >= 0xD800 && code < 0xDC00 && char_at(lx, at + 6) == '\\' &&
        char_at(lx, at + 7) == 'u' && hex_value(lx, at + 8, 4, &low) == 0 && low >= 0xDC00 &&
        low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        read = 12;
    }
    *n += cp_utf8_encode(out + *n, code);
    return read;
}

/* One escape of "…": appends what it stands for. Returns the bytes read, or 0: there is no such
 * escape. */
static size_t text_escape(const struct cp_lexer *lx, size_t at, char *out, size_t *n)
{
    static const char from[] = "\"\\/bfnrt'0", to[] = "\"\\/\b\f\n\r\t'\0";
    char c = char_at(lx, at + 1);
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code;

    if (known) {
        out[(*n)++] = to[known - from];
        return 2;
    }
    if (c == 'u')
        return unicode_escape(lx, at, out, n);
    if (c != 'x' || hex_value(lx, at + 2, 2, &code) < 0)
        return 0;
    out[(*n)++] = (char)code;
    return 4;
}

/* "…" with escapes, '…' without. */
static struct cp_token lex_text(struct cp_lexer *lx, size_t from)
{
    char quote = char_at(lx, from);
    size_t i = from + 1, n = 0;
    char *out = cp_heap_take(lx->heap, lx->text->s.n - from + 1);

    while (i < lx->text->s.n && char_at(lx, i) != quote) {
        if (quote == '\'' || char_at(lx, i) != '\\') {
            out[n++] = char_at(lx, i++);
            continue;
        }
        size_t read = text_escape(lx, i, out, &n);
        if (!read) {
            cp_diag_error(lx->diags, cp_lexer_span(lx, i, i + 2 <= lx->text->s.n ? i + 2 : i + 1),
                          "a backslash is \\\\, or quote with '…', which has no escapes",
                          "unknown escape \\%c", char_at(lx, i + 1) ? char_at(lx, i + 1) : ' ');
            return token_at(from, lx->text->s.n, CP_TOKEN_BAD);
        }
        i += read;
    }
    if (i >= lx->text->s.n) {
        cp_diag_error(lx->diags, cp_lexer_span(lx, from, from + 1), NULL, "no closing %c", quote);
        return token_at(from, lx->text->s.n, CP_TOKEN_BAD);
    }
    struct cp_token t = token_at(from, i + 1, CP_TOKEN_TEXT);
    t.value = cp_text(out, n);
    return t;
}

/* ---- Names ---- */

struct cp_path *cp_path_append(struct cp_heap *heap, const struct cp_path *path,
                               struct cp_step step)
{
    struct cp_path *more = cp_heap_take(heap, sizeof *more);

    *more = *path;
    more->steps = cp_heap_take(heap, (path->n + 1) * sizeof *more->steps);
    memcpy(more->steps, path->steps, path->n * sizeof *more->steps);
    more->steps[more->n++] = step;
    if (step.name.p)
        more->text.p = cp_heap_printf(heap, "%.*s.%.*s", (int)path->text.n, path->text.p,
                                      (int)step.name.n, step.name.p);
    else
        more->text.p = cp_heap_printf(heap, "%.*s[%lld]", (int)path->text.n, path->text.p,
                                      (long long)step.index);
    more->text.n = strlen(more->text.p);
    return more;
}

/* `p99.9(`, the one name with a point in it; 0 when there is none. */
static size_t percentile_end(const struct cp_lexer *lx, size_t from)
{
    size_t i = skip_digits(lx, from + 1);

    if (char_at(lx, from) != 'p' || i == from + 1 || char_at(lx, i) != '.' ||
        !is_digit(char_at(lx, i + 1)))
        return 0;
    i = skip_digits(lx, i + 1);
    return char_at(lx, i) == '(' ? i : 0;
}

/* One name at *i, bare or quoted. False after a diagnostic. */
static bool lex_name(struct cp_lexer *lx, size_t *i, struct cp_slice *name)
{
    size_t from = *i;

    if (char_at(lx, from) == '"') {
        struct cp_token t = lex_text(lx, from);
        *i = from + t.len;
        *name = (struct cp_slice){t.value.p, t.value.len};
        if (t.kind == CP_TOKEN_TEXT && memchr(t.value.p, 0, t.value.len))
            return cp_diag_error(lx->diags, cp_lexer_span(lx, from, *i), NULL,
                                 "a name has no NUL byte") == 0;
        return t.kind == CP_TOKEN_TEXT;
    }
    *i = percentile_end(lx, from);
    if (!*i)
        for (*i = from + 1; is_in_name(char_at(lx, *i));)
            ++*i;
    *name = slice_of(lx, from, *i);
    return true;
}

static struct cp_path *path_start(struct cp_lexer *lx, struct cp_slice name, bool is_own)
{
    struct cp_path *path = cp_path_literal(lx->heap, name);

    path->is_own = is_own;
    return path;
}

static bool continues_path(const struct cp_lexer *lx, size_t i)
{
    return char_at(lx, i) == '.' && (starts_name(char_at(lx, i + 1)) || char_at(lx, i + 1) == '"');
}

/* A word, or names joined by points; a leading point is allowed. */
static struct cp_token lex_path(struct cp_lexer *lx, size_t from)
{
    bool is_own = char_at(lx, from) == '.';
    size_t i = from + is_own, steps = 1;
    struct cp_slice name;

    if (!lex_name(lx, &i, &name))
        return token_at(from, i, CP_TOKEN_BAD);
    struct cp_path *path = path_start(lx, name, is_own);
    for (; continues_path(lx, i) && steps < CP_PATH_STEPS; steps++) {
        i++;
        if (!lex_name(lx, &i, &name))
            return token_at(from, i, CP_TOKEN_BAD);
        path = cp_path_append(lx->heap, path, (struct cp_step){.name = name});
    }
    struct cp_token t = token_at(from, i, CP_TOKEN_PATH);
    t.path = path;
    t.is_word = !is_own && path->n == 1;
    t.text = path->text;
    if (continues_path(lx, i)) {
        cp_diag_error(lx->diags, cp_lexer_span(lx, from, i), NULL, "a name has at most %d parts",
                      CP_PATH_STEPS);
        t.kind = CP_TOKEN_BAD;
    } else if (char_at(lx, i) == '.' && is_digit(char_at(lx, i + 1))) {
        size_t end = skip_digits(lx, i + 1);
        char *hint =
            cp_heap_printf(lx->heap, "write %.*s[%.*s]", (int)(i - from), lx->text->s.p + from,
                           (int)(end - i - 1), lx->text->s.p + i + 1);
        cp_diag_error(lx->diags, cp_lexer_span(lx, i, end), hint,
                      "a name cannot begin with a digit");
        t.kind = CP_TOKEN_BAD;
    }
    return t;
}

/* ---- Signs ---- */

static size_t sign_length(const struct cp_lexer *lx, size_t i)
{
    static const char first[] = ".?<>=!=!&|=", second[] = ".?====~~&|>";

    for (size_t k = 0; first[k]; k++)
        if (char_at(lx, i) == first[k] && char_at(lx, i + 1) == second[k])
            return 2;
    return 1;
}

static struct cp_token lex_sign(struct cp_lexer *lx, size_t from)
{
    struct cp_token t = token_at(from, from + sign_length(lx, from), CP_TOKEN_SIGN);

    t.text = slice_of(lx, from, from + t.len);
    char c = char_at(lx, from);
    if (t.len == 1 && (c == '\0' || !strchr("()[]{},+-*/%<>=!~?:;|$.&", c))) {
        if (c > ' ' && c < 0x7f)
            cp_diag_error(lx->diags, cp_lexer_span(lx, from, from + 1), NULL, "unexpected %c", c);
        else
            cp_diag_error(lx->diags, cp_lexer_span(lx, from, from + 1), NULL,
                          "unexpected byte 0x%02x", (unsigned char)c);
        t.kind = CP_TOKEN_BAD;
    }
    return t;
}

static struct cp_token lex(struct cp_lexer *lx)
{
    size_t i = lx->at;
    char c, next;

    while (is_blank(char_at(lx, i)))
        i++;
    if (i >= lx->text->s.n)
        return token_at(i, i, CP_TOKEN_END);
    c = char_at(lx, i);
    next = char_at(lx, i + 1);
    if (is_digit(c) || (c == '.' && is_digit(next)))
        return lex_number(lx, i);
    if (c == '"' || c == '\'')
        return lex_text(lx, i);
    if (starts_name(c) || (c == '.' && (starts_name(next) || next == '"')))
        return lex_path(lx, i);
    return lex_sign(lx, i);
}

/* ---- The parser's side ---- */

const struct cp_token *cp_lexer_peek(struct cp_lexer *lx)
{
    if (!lx->has_token) {
        lx->token = lex(lx);
        lx->has_token = true;
        lx->at = lx->token.off + lx->token.len;
    }
    return &lx->token;
}

struct cp_token cp_lexer_take(struct cp_lexer *lx)
{
    struct cp_token t = *cp_lexer_peek(lx);

    /* What is wrong stays where it is, so that it is reported once and nothing reads on behind it.
     */
    if (t.kind == CP_TOKEN_BAD)
        return bad_token;
    lx->has_token = false;
    lx->last_end = t.off + t.len;
    return t;
}

const struct cp_token *cp_lexer_peek_regex(struct cp_lexer *lx)
{
    size_t from = lx->token.off, i = from + 1, end;
    bool in_class = false;

    for (; i < lx->text->s.n && (in_class || char_at(lx, i) != '/'); i++) {
        char c = char_at(lx, i);
        if (c == '\\')
            i++;
        else if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
    }
    if (i >= lx->text->s.n) {
        cp_diag_error(lx->diags, cp_lexer_span(lx, from, from + 1), "a / in a regex is written \\/",
                      "no closing / of the regex");
        lx->token.kind = CP_TOKEN_BAD;
        return &lx->token;
    }
    for (end = i + 1; is_in_name(char_at(lx, end));)
        end++;
    lx->token = token_at(from, end, CP_TOKEN_REGEX);
    lx->token.text = slice_of(lx, from + 1, i);
    lx->token.flags = slice_of(lx, i + 1, end);
    lx->at = end;
    return &lx->token;
}

bool cp_lexer_peek_sign(struct cp_lexer *lx, const char *sign)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    return t->kind == CP_TOKEN_SIGN && cp_slice_is(t->text, sign);
}

bool cp_lexer_is_adjacent(struct cp_lexer *lx)
{
    return cp_lexer_peek(lx)->off == lx->last_end;
}

/* ---- Stages' side ---- */

bool cp_lexer_accept(struct cp_lexer *lx, const char *sign)
{
    if (!cp_lexer_peek_sign(lx, sign))
        return false;
    cp_lexer_take(lx);
    return true;
}

bool cp_lexer_peek_word(struct cp_lexer *lx, const char *word)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    return t->kind == CP_TOKEN_PATH && t->is_word && cp_slice_is(t->text, word);
}

bool cp_lexer_accept_word(struct cp_lexer *lx, const char *word)
{
    if (!cp_lexer_peek_word(lx, word))
        return false;
    cp_lexer_take(lx);
    return true;
}

bool cp_lexer_at_end(struct cp_lexer *lx)
{
    return cp_lexer_peek(lx)->kind == CP_TOKEN_END;
}

bool cp_lexer_accept_count(struct cp_lexer *lx, uint64_t *n)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (t->kind != CP_TOKEN_VALUE || !t->is_digits || t->value.kind != CP_INT)
        return false;
    *n = (uint64_t)t->value.i;
    cp_lexer_take(lx);
    return true;
}

bool cp_lexer_accept_duration(struct cp_lexer *lx, int64_t *ns)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (t->kind != CP_TOKEN_VALUE || t->duration == 0)
        return false;
    *ns = t->duration;
    cp_lexer_take(lx);
    return true;
}

bool cp_lexer_name(struct cp_lexer *lx, struct cp_slice *name)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (t->kind == CP_TOKEN_BAD)
        return false;
    if (t->kind == CP_TOKEN_PATH && t->path->n == 1) {
        *name = cp_lexer_take(lx).path->text;
        return true;
    }
    cp_diag_error(lx->diags, cp_lexer_pos(lx), NULL, "expected a name");
    return false;
}

struct cp_pos cp_lexer_pos(struct cp_lexer *lx)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    return cp_lexer_span(lx, t->off, t->off + t->len);
}

/* What a foreign word or sign would be here. */
static const char *foreign_hint(const struct cp_token *t)
{
    static const char *const words[][2] = {
        {"AND", "write and"},
        {"OR", "write or"},
        {"NOT", "write not"},
        {"IN", "write in"},
        {"LIKE", "write ~ for shell patterns or =~ for regular expressions"},
        {"like", "write ~ for shell patterns or =~ for regular expressions"},
        {"eq", "write =="},
        {"ne", "write !="},
        {"is", "write =="},
        {"=", "write == to compare"},
        {"?", "write if(condition, a, b)"},
        {"&", "write and"},
        {"not", "write not (x in list)"},
        {"|", "a | begins the next stage"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((t->kind == CP_TOKEN_PATH || t->kind == CP_TOKEN_SIGN) &&
            cp_slice_is(t->text, words[i][0]))
            return words[i][1];
    return NULL;
}

int cp_lexer_expect_end(struct cp_lexer *lx, const char *expected)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (t->kind == CP_TOKEN_END)
        return 0;
    if (t->kind == CP_TOKEN_BAD)
        return -1;
    return cp_diag_error(lx->diags, cp_lexer_pos(lx), foreign_hint(t),
                         "unexpected %.*s; expected %s", (int)t->len, lx->text->s.p + t->off,
                         expected);
}
