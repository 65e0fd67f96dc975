/* text.c: how text gets on the screen: messages, paragraphs, columns. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/alloc.h"
#include "../lib/base/diag_print.h"
#include "../lib/base/scan.h"
#include "cmd.h"

enum { WIDTH = 80 };

/* ---- Messages ---- */

static void put_message(const char *start, const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    if (n < 0)
        cp_oom();
    flockfile(stderr);
    fputs(start, stderr);
    cp_print_safe(stderr, text, (size_t)n);
    fputc('\n', stderr);
    funlockfile(stderr);
    free(text);
}

int cmd_fail(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_message("chanpipe: ", fmt, ap);
    va_end(ap);
    return status;
}

int cmd_hint(int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_message("  hint: ", fmt, ap);
    va_end(ap);
    return status;
}

void cmd_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_message("chanpipe: ", fmt, ap);
    va_end(ap);
}

int cmd_fail_err(const char *stage, const struct cp_err *err)
{
    cmd_fail(err->exit, "%s%s%s", stage ? stage : "", stage ? ": " : "", err->message);
    if (err->hint[0])
        cmd_hint(err->exit, "%s", err->hint);
    return (int)err->exit;
}

bool cmd_has_color(int choice)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

    if (choice != 0)
        return choice == 1;
    return isatty(STDERR_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

char *cmd_size_text(char buf[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t k = 0;

    while (v >= 1024 && k + 1 < CMD_COUNT(units)) {
        v /= 1024;
        k++;
    }
    snprintf(buf, 32, v == (double)(uint64_t)v || k == 0 ? "%.0f %s" : "%.1f %s", v, units[k]);
    return buf;
}

/* ---- Wrapping ---- */

static void put_blanks(FILE *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fputc(' ', f);
}

/* Words of one paragraph from column `col` on, further lines behind `indent`. */
static void put_paragraph(FILE *f, const char *p, size_t n, size_t col, size_t indent)
{
    bool is_first = true;
    for (size_t i = 0; i < n;) {
        size_t len = strcspn(p + i, " \n");
        if (len > n - i)
            len = n - i;
        size_t width = cp_utf8_length(p + i, len);
        if (!is_first && col + 1 + width > WIDTH - 1) {
            fputc('\n', f);
            put_blanks(f, indent);
            col = indent;
            is_first = true;
        }
        if (!is_first) {
            fputc(' ', f);
            col++;
        }
        cp_print_safe(f, p + i, len);
        col += width;
        is_first = false;
        i += len;
        i += strspn(p + i, " ");
    }
    fputc('\n', f);
}

void cmd_put_wrapped(FILE *f, const char *text, int indent)
{
    bool is_after_paragraph = false;

    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        bool is_paragraph = n > 0 && *p != ' ';
        if (is_paragraph && is_after_paragraph)
            fputc('\n', f);
        is_after_paragraph = is_paragraph;
        put_blanks(f, (size_t)indent);
        if (*p == ' ') {
            cp_print_safe(f, p, n);
            fputc('\n', f);
        } else {
            put_paragraph(f, p, n, (size_t)indent, (size_t)indent);
        }
        p += n;
        p += *p == '\n';
    }
}

void cmd_put_entry(FILE *f, const char *term, const char *text, int indent, int column)
{
    size_t width = cp_utf8_length(term, strlen(term)), at = (size_t)indent + width;

    put_blanks(f, (size_t)indent);
    cp_print_safe(f, term, strlen(term));
    if (at + 2 > (size_t)column) {
        fputc('\n', f);
        at = 0;
    }
    put_blanks(f, (size_t)column - at);
    put_paragraph(f, text, strlen(text), (size_t)column, (size_t)column);
}

/* ---- Tables ---- */

void cmd_table_cell(struct cmd_table *t, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        cp_oom();
    t->cells = cp_xgrow(t->cells, t->n, &t->cap, sizeof *t->cells);
    t->cells[t->n++] = cp_heap_copy(&t->heap, text, (size_t)n);
    free(text);
}

static size_t cell_width(const char *s)
{
    return cp_utf8_length(s, strlen(s));
}

static void table_widths(const struct cmd_table *t, size_t widths[CMD_COLUMNS])
{
    for (size_t i = 0; i < t->n; i++) {
        size_t w = cell_width(t->cells[i]), *most = &widths[i % t->columns];
        if (w > *most)
            *most = w;
    }
}

static void put_cell(FILE *f, const struct cmd_table *t, size_t i, size_t width)
{
    const char *s = t->cells[i];
    size_t pad = width > cell_width(s) ? width - cell_width(s) : 0;

    if (t->right[i % t->columns])
        put_blanks(f, pad);
    cp_print_safe(f, s, strlen(s));
    if (!t->right[i % t->columns])
        put_blanks(f, pad);
}

static void put_row(FILE *f, const struct cmd_table *t, size_t from, const size_t *widths,
                    int indent)
{
    size_t col = (size_t)indent, last = t->columns - 1;

    put_blanks(f, (size_t)indent);
    for (size_t k = 0; k < last; k++) {
        put_cell(f, t, from + k, widths[k]);
        fputs("  ", f);
        col += widths[k] + 2;
    }
    if (t->right[last]) {
        put_cell(f, t, from + last, widths[last]);
        fputc('\n', f);
    } else {
        put_paragraph(f, t->cells[from + last], strlen(t->cells[from + last]), col, col);
    }
}

void cmd_table_print(FILE *f, struct cmd_table *t, int indent)
{
    size_t widths[CMD_COLUMNS] = {0};

    table_widths(t, widths);
    for (size_t i = 0; i + t->columns <= t->n; i += t->columns)
        put_row(f, t, i, widths, indent);
    free(t->cells);
    cp_heap_release(&t->heap);
}
