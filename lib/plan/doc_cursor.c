/* doc_cursor.c: where the arguments of a one-liner's stages end.
 *
 * DESIGN. Arguments are not parsed here: only their end is looked for. For that one must know what
 * a quote, a regex and a bracket are, no more; expr and words read the same bytes again. The cursor
 * works on a copy in which it overwrites comments, line breaks and tabs between words with blanks,
 * so that arguments are one line, but for quoted words, and every byte keeps its offset.
 */
#include "doc_cursor.h"

#include <string.h>

#include "words.h"

struct cp_cursor cp_cursor_of(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment)
{
    struct cp_cursor c = {.r = r, .t = t, .n = t->s.n, .may_comment = may_comment};

    c.p = cp_heap_copy(r->heap, t->s.p, t->s.n);
    return c;
}

int cp_cursor_wrong(struct cp_cursor *c, size_t off, size_t len, const char *hint,
                    const char *message)
{
    c->failed = true;
    return cp_diag_error(c->r->diags, cp_text_pos(c->t, off, len), hint, "%s", message);
}

void cp_cursor_lose(struct cp_cursor *c)
{
    c->at = c->n;
    c->failed = true;
    c->is_lost = true;
}

int cp_cursor_unclosed(struct cp_cursor *c, size_t off, const char *hint, const char *message)
{
    struct cp_doc_reader *r = c->r;

    cp_cursor_lose(c);
    if (!r->trap)
        return cp_cursor_wrong(c, off, 1, hint, message);
    r->trap_sprung = true;
    return cp_diag_error(r->diags, r->trap_pos, r->trap_hint, "%s", r->trap);
}

bool cp_cursor_is_end(const struct cp_cursor *c)
{
    char byte = c->at < c->n ? c->p[c->at] : '|';

    return byte == '|' || (c->r->depth > 0 && (byte == ';' || byte == '}'));
}

bool cp_cursor_sees(const struct cp_cursor *c, char byte)
{
    return c->at < c->n && c->p[c->at] == byte;
}

bool cp_cursor_sees_with(const struct cp_cursor *c)
{
    const char *p = c->p;
    size_t i = c->at;

    if (c->n - i < 7 || memcmp(p + i, "with", 4) != 0 || !cp_is_blank(p[i + 4]) ||
        (i > 0 && !cp_is_blank(p[i - 1])))
        return false;
    for (i += 4; i < c->n && cp_is_blank(p[i]);)
        i++;
    size_t end = i + cp_name_length(p + i, c->n - i);
    if (end == i || end >= c->n || p[end] != '=')
        return false;
    return end + 1 >= c->n || (p[end + 1] != '=' && p[end + 1] != '~');
}

static bool is_comment(const struct cp_cursor *c)
{
    return c->may_comment && cp_cursor_sees(c, '#') && (c->at == 0 || cp_is_blank(c->p[c->at - 1]));
}

void cp_cursor_skip_blanks(struct cp_cursor *c)
{
    for (;;) {
        while (c->at < c->n && cp_is_blank(c->p[c->at]))
            c->p[c->at++] = ' ';
        if (!is_comment(c))
            return;
        while (c->at < c->n && c->p[c->at] != '\n')
            c->p[c->at++] = ' ';
    }
}

struct cp_text cp_cursor_part(const struct cp_cursor *c, size_t off, size_t len)
{
    struct cp_text copy = *c->t;

    copy.s.p = c->p;
    return cp_text_part(&copy, off, len, c->r->heap);
}

struct cp_text cp_cursor_part_from(const struct cp_cursor *c, size_t off)
{
    size_t end = c->at;

    while (end > off && cp_is_blank(c->p[end - 1]))
        end--;
    return cp_cursor_part(c, off, end - off);
}

static const char no_branches[] = "only tee, merge and route have branches in { }";

/* ---- Arguments that are expressions ---- */

/* What is open, innermost last. */
struct brackets {
    size_t at[CP_DOC_MAX_DEPTH];
    int n;
    bool wants_value;  /* a `/` here begins a regex, else it divides */
    bool is_condition; /* `=>` ends it, and `with` does not */
};

static int open_bracket(struct cp_cursor *c, struct brackets *b)
{
    if (b->n == CP_DOC_MAX_DEPTH) {
        cp_cursor_wrong(c, c->at, 1, NULL, "nested deeper than 64 levels");
        cp_cursor_lose(c);
        return -1;
    }
    if (c->p[c->at] == '{' && c->at > 0 && c->p[c->at - 1] == '$')
        cp_cursor_wrong(c, c->at - 1, 2, "write var.X for a variable, env.X for the environment",
                        "${X} is not replaced in expressions");
    else if (c->p[c->at] == '{' && b->n == 0)
        cp_cursor_wrong(c, c->at, 1, NULL, no_branches);
    b->at[b->n++] = c->at++;
    b->wants_value = true;
    return 0;
}

/* A closing one that fits nothing is left to the parser of expressions. */
static void close_bracket(struct cp_cursor *c, struct brackets *b)
{
    char byte = c->p[c->at++];

    if (b->n > 0) {
        char open = c->p[b->at[b->n - 1]];
        b->n -= (open == '(' && byte == ')') || (open == '[' && byte == ']') ||
                (open == '{' && byte == '}');
    }
    b->wants_value = false;
}

static int skip_quote(struct cp_cursor *c, struct brackets *b)
{
    size_t off = c->at, length = cp_quote_end(c->p + off, c->n - off);
    char byte = c->p[off];

    b->wants_value = false;
    c->at += length;
    if (length > 0)
        return 0;
    if (byte == '/')
        return cp_cursor_unclosed(
            c, off, "a regex is closed in its own line; to divide, a value must stand before the /",
            "no / closes this regex");
    return cp_cursor_unclosed(c, off, "a quote is closed in its own line",
                              byte == '"' ? "no \" closes this quote" : "no ' closes this quote");
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '@' || (unsigned char)c >= 0x80;
}

/* Words behind which a value must follow; after a dot they are names of fields. */
static bool is_operator_word(const struct cp_cursor *c, size_t off, size_t n)
{
    static const char *const words[] = {"and", "or", "not", "in", "by"};
    struct cp_slice word = {c->p + off, n};
    bool after_dot = off > 0 && c->p[off - 1] == '.' && !(off > 1 && c->p[off - 2] == '.');

    for (size_t i = 0; i < sizeof(words) / sizeof(*words) && !after_dot; i++)
        if (cp_slice_is(word, words[i]))
            return true;
    return false;
}

static void skip_word(struct cp_cursor *c, struct brackets *b)
{
    size_t off = c->at;

    while (c->at < c->n && is_word_byte(c->p[c->at]))
        c->at++;
    b->wants_value = is_operator_word(c, off, c->at - off);
}

/* Signs of two bytes as the lexer of expressions takes them: `a >=> b` has no `=>`. */
static size_t sign_length(const struct cp_cursor *c)
{
    static const char first[] = "=!<>=!|=", second[] = "====~~|>";

    for (size_t i = 0; first[i] && c->at + 1 < c->n; i++)
        if (c->p[c->at] == first[i] && c->p[c->at + 1] == second[i])
            return 2;
    return 1;
}

static bool sees_arrow(const struct cp_cursor *c)
{
    return c->n - c->at >= 2 && memcmp(c->p + c->at, "=>", 2) == 0;
}

static bool is_expr_end(const struct cp_cursor *c, const struct brackets *b)
{
    if (b->n > 0)
        return false;
    if (cp_cursor_sees(c, '|'))
        return sign_length(c) == 1;
    return cp_cursor_is_end(c) || (b->is_condition ? sees_arrow(c) : cp_cursor_sees_with(c));
}

/* One token; false where the arguments end. */
static bool skip_token(struct cp_cursor *c, struct brackets *b)
{
    char byte = c->p[c->at];

    if (is_expr_end(c, b))
        return false;
    if (is_word_byte(byte)) {
        skip_word(c, b);
    } else if (byte == '"' || byte == '\'' || (byte == '/' && b->wants_value)) {
        return skip_quote(c, b) == 0;
    } else if (byte == '(' || byte == '[' || byte == '{') {
        return open_bracket(c, b) == 0;
    } else if (byte == ')' || byte == ']' || byte == '}') {
        close_bracket(c, b);
    } else {
        b->wants_value = byte != '.' || (c->at > 0 && c->p[c->at - 1] == '.');
        c->at += sign_length(c);
    }
    return true;
}

static int skip_tokens(struct cp_cursor *c, bool is_condition)
{
    struct brackets b = {.wants_value = true, .is_condition = is_condition};

    for (cp_cursor_skip_blanks(c); c->at < c->n; cp_cursor_skip_blanks(c))
        if (!skip_token(c, &b))
            break;
    if (c->failed || b.n == 0)
        return c->failed ? -1 : 0;
    char open = c->p[b.at[b.n - 1]];
    return cp_cursor_unclosed(c, b.at[b.n - 1], NULL,
                              open == '('   ? "no ) closes this ("
                              : open == '[' ? "no ] closes this ["
                                            : "no } closes this {");
}

int cp_cursor_skip_expr(struct cp_cursor *c)
{
    return skip_tokens(c, false);
}

int cp_cursor_skip_condition(struct cp_cursor *c)
{
    return skip_tokens(c, true);
}

bool cp_expr_is_closed(struct cp_slice s)
{
    struct cp_diags none = {0};
    struct cp_heap heap = {0};
    struct cp_doc_reader r = {.heap = &heap, .diags = &none};
    struct cp_text t = {.s = s};
    struct cp_cursor c = cp_cursor_of(&r, &t, false);
    bool is_closed = cp_cursor_skip_expr(&c) == 0 && c.at == c.n;

    cp_diags_release(&none);
    cp_heap_release(&heap);
    return is_closed;
}

/* ---- Arguments that are words ---- */

static int skip_one_word(struct cp_cursor *c, bool regex)
{
    struct cp_word_end e = cp_word_end(c->p + c->at, c->n - c->at, regex, c->r->depth > 0);
    size_t off = c->at;

    if (c->p[off] == '{' && e.end == 1)
        cp_cursor_wrong(c, off, 1, "a word that is a single { is \"quoted\"", no_branches);
    c->at += e.end;
    if (!e.wrong)
        return 0;
    return e.is_open ? cp_cursor_unclosed(c, off + e.at, e.hint, e.wrong)
                     : cp_cursor_wrong(c, off + e.at, 1, e.hint, e.wrong);
}

int cp_cursor_skip_words(struct cp_cursor *c, bool regex)
{
    cp_cursor_skip_blanks(c);
    while (!cp_cursor_is_end(c) && !cp_cursor_sees_with(c)) {
        skip_one_word(c, regex);
        cp_cursor_skip_blanks(c);
    }
    return c->failed ? -1 : 0;
}

/* ---- Canonical arguments ---- */

/* Over one token; blanks between tokens are one. */
static void skip_canonical(struct cp_cursor *c, struct brackets *b, enum cp_args_form form)
{
    size_t off = c->at;

    if (form == CP_ARGS_EXPR)
        skip_token(c, b);
    else
        c->at += cp_word_end(c->p + off, c->n - off, form == CP_ARGS_WORDS_REGEX, false).end;
    if (c->at == off)
        c->at = c->n;
}

size_t cp_args_canonical(char *out, struct cp_slice args, enum cp_args_form form)
{
    struct cp_diags none = {0};
    struct cp_heap heap = {0};
    struct cp_doc_reader r = {.heap = &heap, .diags = &none};
    struct cp_text t = {.s = args};
    struct cp_cursor c = cp_cursor_of(&r, &t, false);
    struct brackets b = {.wants_value = true};
    size_t n = 0;

    for (cp_cursor_skip_blanks(&c); c.at < c.n;) {
        size_t off = c.at;
        skip_canonical(&c, &b, form);
        memcpy(out + n, c.p + off, c.at - off);
        n += c.at - off;
        off = c.at;
        cp_cursor_skip_blanks(&c);
        if (c.at > off && c.at < c.n)
            out[n++] = ' ';
    }
    cp_diags_release(&none);
    cp_heap_release(&heap);
    return n;
}
