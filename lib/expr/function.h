/* function.h: the functions of expressions: one const table entry each.
 *
 * From the entries come binding, `list functions`, `help`, the manual page and one test per
 * example. A new function is one entry in the table of its group (fn_GROUP.c).
 */
#ifndef CP_EXPR_FUNCTION_H
#define CP_EXPR_FUNCTION_H

#include "../base/regex.h"
#include "expr.h"

struct cp_function;
struct cp_binder;

enum cp_function_flags {
    CP_FN_INFALLIBLE = 1, /* no error, whatever the arguments */
    CP_FN_MAKES_TEXT = 2, /* takes memory of the arena */
    CP_FN_TAKES_NULL = 4, /* is called with nulls too; others give null then (semantics 51) */
    CP_FN_NULL_FALSE = 8, /* gives false for a null argument */
    CP_FN_ZONE = 16,      /* depends on the input's clock: not folded */
    CP_FN_REGEX = 32,     /* the second argument may be /regex/ */
    CP_FN_CONTAINS =
        64, /* true only where the first argument's text contains the second's: for prefilters */
};

/* One call for one record. */
struct cp_call {
    struct cp_eval *ev;
    const struct cp_expr *x;
    const void *prepared;         /* what prepare made; NULL: nothing */
    const struct cp_regex *regex; /* the second argument; NULL: it is none */
    size_t n;                     /* arguments */
    int64_t now;
};

struct cp_function_example {
    const char *expression, *result; /* the result as JSON; an error is `error: reason` */
};

enum { CP_FUNCTION_ARGS = 16, CP_FUNCTION_EXAMPLES = 6 };

struct cp_function {
    const char *name;      /* NULL ends a table */
    const char *signature; /* as in `substr(text, from, count?)` */
    const char *doc;       /* a sentence, with a capital letter and a full stop */
    uint8_t min, max;      /* arguments; max at most CP_FUNCTION_ARGS */
    uint8_t op;            /* an operator in disguise (enum cp_op) that has no eval; else 0 */
    unsigned flags;
    /* The value for args[0..n). Returns NULL, or why there is none (a static text), or
     * cp_call_full. */
    const char *(*eval)(const struct cp_call *c, const struct cp_value *args, struct cp_value *out);
    /* While binding: looks at constant arguments, reports their mistakes, makes *prepared; may set
     * x->is_infallible. NULL: nothing to do. */
    int (*prepare)(struct cp_binder *b, struct cp_expr *x, void **prepared);
    struct cp_function_example examples[CP_FUNCTION_EXAMPLES];
};

struct cp_function_group {
    const char *name;
    const struct cp_function *functions;
};

/* All functions by group; ended by name NULL. */
extern const struct cp_function_group cp_function_groups[];
const struct cp_function *cp_function_find(struct cp_slice name);
/* The function with the nearest name, for "did you mean"; NULL: none is near. */
const char *cp_function_nearest(struct cp_slice name);

extern const struct cp_function cp_functions_text[], cp_functions_number[], cp_functions_time[],
    cp_functions_logic[], cp_functions_net[], cp_functions_json[];

/* ---- For evaluators ---- */

/* The arena is full. */
extern const char cp_call_full[];
extern const char cp_call_too_long[];

/* The text of an argument; made in the arena where it is not there. NULL or cp_call_full. */
const char *cp_call_text(const struct cp_call *c, const struct cp_value *v, struct cp_slice *out);
/* n bytes in the arena. NULL, cp_call_full or cp_call_too_long. */
const char *cp_call_room(const struct cp_call *c, size_t n, char **p);
/* A text that is made piece by piece in the arena, from where it is empty now. Nothing else may be
 * taken from the arena until it is finished. */
struct cp_builder {
    const struct cp_call *call;
    char *start;
    size_t len;
    const char *why; /* NULL: all went well so far */
};
void cp_builder_init(struct cp_builder *t, const struct cp_call *c);
/* Appends n bytes to be filled by the caller; NULL: no room, see t->why. */
char *cp_builder_room(struct cp_builder *t, size_t n);
void cp_builder_put(struct cp_builder *t, const char *p, size_t n);
/* Appends a value as JSON. */
void cp_builder_json(struct cp_builder *t, const struct cp_value *v);
/* Gives the text as a value of that kind; returns t->why. */
const char *cp_builder_give(struct cp_builder *t, enum cp_kind kind, struct cp_value *out);

/* An argument as a number. NULL or why it is none. */
const char *cp_call_number(const struct cp_value *v, struct cp_num *out);
/* An argument as a whole number. */
const char *cp_call_integer(const struct cp_value *v, int64_t *out);
/* A number as a value; infinite ones and not-a-number are errors. */
const char *cp_call_give(struct cp_value *out, const struct cp_num *num);
const char *cp_call_give_double(struct cp_value *out, double d);

#endif
