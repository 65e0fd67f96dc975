/* err.h: errors are values.
 *
 * lib and stages never print and never exit. What can fail returns 0 or -1 (or NULL) and fills a
 * struct cp_err: one error, the first; it is left untouched on success, so calls chain with ||. A
 * plan's check collects many of them, with positions, in struct cp_diags. cmd prints both.
 */
#ifndef CP_BASE_ERR_H
#define CP_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit status that an error asks for (product.md, section 1). */
enum cp_exit {
    CP_EXIT_OK = 0,
    CP_EXIT_EMPTY = 1,
    CP_EXIT_USAGE = 2,
    CP_EXIT_RECORDS = 3,
    CP_EXIT_IO = 4,
    CP_EXIT_ACCOUNT = 5,
};

struct cp_err {
    enum cp_exit exit; /* CP_EXIT_OK: no error */
    int sys;           /* errno, or 0; its text is part of message */
    int signal;        /* that ended a program of ours, which is the error; or 0 */
    char message[512]; /* one line, no final full stop */
    char hint[256];    /* what to do about it; may be empty */
};

/* Fills e, unless it already holds an error, and returns -1. sys != 0 appends ": " and its text. */
int cp_err_set(struct cp_err *e, enum cp_exit exit, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds a hint to the error just set and returns -1. */
int cp_err_hint(struct cp_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Why a record fails when a search with a regex is given up: the same words wherever there is one.
 */
extern const char cp_regex_limit[];

/* The text of a pipeline, as the user wrote it: a file or a one-liner. */
struct cp_source {
    const char *name; /* a path, or "-e" / "pipeline" for text from the command line */
    const char *text;
    size_t len;
};

/* Where in it: a byte offset and a length. source NULL: nowhere. */
struct cp_pos {
    const struct cp_source *source;
    size_t off, len;
};

enum cp_severity { CP_ERROR, CP_WARNING };

struct cp_diag {
    enum cp_severity severity;
    struct cp_pos pos;
    char *message;
    char *hint; /* or NULL */
};

/* More than these are counted in errors but not kept: a broken file of a megabyte shall not fill
 * the screen. */
enum { CP_DIAGS_MAX = 1000 };

struct cp_diags {
    struct cp_diag *v; /* in the order found; cp_diags_sort puts them in the order of the text */
    size_t n, cap;
    size_t errors; /* how many of them are not warnings */
};

/* Adds one; the texts are copied. cp_diag_error returns -1, so that a check can end with it. hint
 * may be NULL. */
int cp_diag_error(struct cp_diags *d, struct cp_pos pos, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void cp_diag_warning(struct cp_diags *d, struct cp_pos pos, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Gives it that hint, in place of any it has. */
void cp_diag_hint(struct cp_diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cp_diags_sort(struct cp_diags *d);
void cp_diags_release(struct cp_diags *d);

/* 1-based line and column (in code points) of a position. */
void cp_pos_line(struct cp_pos pos, size_t *line, size_t *col);

/* The nearest of the n words to `word`, or NULL when none is near: for "did you mean". Near is one
 * slip (a letter too many, too few, wrong, or two swapped), two or a third of the letters in words
 * of more than four, or the start of a word. */
const char *cp_nearest(const char *word, size_t len, const char *const *words, size_t n);

#endif
