/* diag_print.c: diagnostics as people read them. */
#include "diag_print.h"

#include <string.h>

#include "scan.h"

enum {
    WIDTH = 110, /* code points shown of a long line */
    BEFORE = 60, /* of them before the caret */
};

/* ---- Harmless text ---- */

/* Marks that change the direction of text, are not seen or end lines. */
static bool is_mark(uint32_t code)
{
    return code == 0x61C || code == 0xAD || (code >= 0x200B && code <= 0x200F) ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
           code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
           (code >= 0xE0000 && code <= 0xE007F);
}

/* A code point of n bytes at p as it may be shown; the length of what is shown, in columns of a
 * caret line. */
static size_t put_safe(char out[16], const char *p, size_t n, uint32_t code)
{
    unsigned char c = (unsigned char)*p;

    if (code == CP_UTF8_REPLACEMENT && n == 1)
        return (size_t)snprintf(out, 16, "\\x%02x", c);
    if (code == '\n' || code == '\r' || code == '\t')
        return (size_t)snprintf(out, 16, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    if (code < 0x20 || code == 0x7F)
        return (size_t)snprintf(out, 16, "\\x%02x", c);
    if ((code >= 0x80 && code < 0xA0) || is_mark(code))
        return (size_t)snprintf(out, 16, "\\u{%x}", (unsigned)code);
    memcpy(out, p, n);
    out[n] = '\0';
    return 1;
}

void cp_print_safe(FILE *out, const char *p, size_t n)
{
    char text[16];
    uint32_t code;

    for (size_t i = 0, k; i < n; i += k) {
        k = cp_utf8_decode(p + i, n - i, &code);
        put_safe(text, p + i, k, code);
        fputs(text, out);
    }
}

/* ---- The line and its caret ---- */

/* The part of a line that is shown, and the part of that which is wrong. */
struct view {
    const char *text;
    size_t from, to; /* shown */
    size_t mark, mark_end;
    bool is_cut_left, is_cut_right;
};

static size_t back(const char *text, size_t i, size_t start, size_t count)
{
    while (i > start && count-- > 0)
        do
            i--;
        while (i > start && ((unsigned char)text[i] & 0xC0) == 0x80);
    return i;
}

static struct view view_of(struct cp_pos pos)
{
    const struct cp_source *source = pos.source;
    struct view v = {.text = source->text, .mark = pos.off < source->len ? pos.off : source->len};
    size_t start = v.mark, end;

    while (start > 0 && v.text[start - 1] != '\n')
        start--;
    const char *nl = memchr(v.text + v.mark, '\n', source->len - v.mark);
    end = nl ? (size_t)(nl - v.text) : source->len;
    end -= end > v.mark && v.text[end - 1] == '\r';
    if (start == 0 && source->len >= 3 && memcmp(v.text, "\xEF\xBB\xBF", 3) == 0 && v.mark >= 3)
        start = 3;
    v.mark_end = pos.len < end - v.mark ? v.mark + pos.len : end;
    v.from = cp_utf8_length(v.text + start, v.mark - start) > BEFORE
                 ? back(v.text, v.mark, start, BEFORE)
                 : start;
    v.to = v.from + cp_utf8_offset(v.text + v.from, end - v.from, WIDTH);
    v.is_cut_left = v.from > start;
    v.is_cut_right = v.to < end;
    return v;
}

static void print_line(FILE *out, const struct view *v)
{
    char text[16];
    uint32_t code;

    fputs(v->is_cut_left ? "  …" : "  ", out);
    for (size_t i = v->from, n; i < v->to; i += n) {
        n = cp_utf8_decode(v->text + i, v->to - i, &code);
        if (code == '\t')
            fputc('\t', out);
        else {
            put_safe(text, v->text + i, n, code);
            fputs(text, out);
        }
    }
    fputs(v->is_cut_right ? "…\n" : "\n", out);
}

static void repeat(FILE *out, char c, size_t n)
{
    while (n-- > 0)
        fputc(c, out);
}

static void print_caret(FILE *out, const struct view *v, bool color)
{
    char text[16];
    uint32_t code;
    size_t width = 0, n;

    fputs(v->is_cut_left ? "   " : "  ", out);
    for (size_t i = v->from; i < v->mark; i += n) {
        n = cp_utf8_decode(v->text + i, v->mark - i, &code);
        if (code == '\t')
            fputc('\t', out);
        else
            repeat(out, ' ', put_safe(text, v->text + i, n, code));
    }
    for (size_t i = v->mark; i < v->mark_end && i < v->to; i += n) {
        n = cp_utf8_decode(v->text + i, v->mark_end - i, &code);
        width += code == '\t' ? 1 : put_safe(text, v->text + i, n, code);
    }
    fputs(color ? "\033[32m^" : "^", out);
    repeat(out, '~', width > 0 ? width - 1 : 0);
    fputs(color ? "\033[0m\n" : "\n", out);
}

/* ---- Diagnostics ---- */

static void print_place(FILE *out, struct cp_pos pos)
{
    size_t line, col;

    cp_pos_line(pos, &line, &col);
    cp_print_safe(out, pos.source->name, strlen(pos.source->name));
    fprintf(out, ":%zu:%zu: ", line, col);
}

static void print_one(FILE *out, const struct cp_diag *d, bool color)
{
    bool is_error = d->severity == CP_ERROR;
    const char *start = !color     ? ""
                        : is_error ? "\033[1;31m"
                                   : "\033[1;35m",
               *end = color ? "\033[0m" : "";

    if (d->pos.source)
        print_place(out, d->pos);
    fprintf(out, "%s%s:%s ", start, is_error ? "error" : "warning", end);
    cp_print_safe(out, d->message, strlen(d->message));
    fputc('\n', out);
    if (d->pos.source) {
        struct view v = view_of(d->pos);
        print_line(out, &v);
        print_caret(out, &v, color);
    }
    if (d->hint) {
        fputs("  hint: ", out);
        cp_print_safe(out, d->hint, strlen(d->hint));
        fputc('\n', out);
    }
}

void cp_diags_print(FILE *out, const struct cp_diags *diags, bool color)
{
    size_t errors = 0;

    for (size_t i = 0; i < diags->n; i++) {
        print_one(out, &diags->v[i], color);
        errors += diags->v[i].severity == CP_ERROR;
    }
    if (diags->errors > errors)
        fprintf(out, "and %zu errors more\n", diags->errors - errors);
}
