/* option.h: the one table that describes the options of a stage or a format.
 *
 * From it come validation with "did you mean", the parsed values, `help`, the manual page and the
 * schema.
 */
#ifndef CP_BASE_OPTION_H
#define CP_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "slice.h"

enum cp_option_type {
    CP_OPT_TEXT,     /* struct cp_slice */
    CP_OPT_BOOL,     /* bool; only true and false are accepted */
    CP_OPT_COUNT,    /* uint64_t, not negative */
    CP_OPT_SIZE,     /* uint64_t, bytes; 64MiB */
    CP_OPT_DURATION, /* int64_t, nanoseconds; 5s */
    CP_OPT_CHOICE,   /* int: index into `choices` */
    CP_OPT_LIST, /* struct cp_list: texts; in words a,b,c; in YAML a list or a text with commas */
};

struct cp_list {
    struct cp_slice *v;
    size_t n;
};

struct cp_option {
    const char *name; /* NULL ends a table */
    enum cp_option_type type;
    size_t offset;        /* of the value in the private struct */
    const char *choices;  /* CP_OPT_CHOICE: words separated by blanks */
    const char *fallback; /* the value when it is left out, as a user would write it; NULL: zero */
    const char *summary;  /* one sentence without full stop */
};

/* The option of that name, or NULL. */
const struct cp_option *cp_option_find(const struct cp_option *table, struct cp_slice name);

/* Sets every option of the table to its fallback, which must be a value of it. base: the private
 * struct. */
void cp_options_init(const struct cp_option *table, void *base, struct cp_heap *heap);

/* Gives an option the value that a text stands for. Texts and lists end in NUL and live in the
 * heap; a list is split at commas, blanks around its parts dropped. False: the text is no value of
 * the option, which is left as it was (a list: may be cut). */
bool cp_option_set(const struct cp_option *o, void *base, struct cp_slice text,
                   struct cp_heap *heap);

/* Appends a copy of a text. */
void cp_list_add(struct cp_list *list, struct cp_slice text, struct cp_heap *heap);

#endif
