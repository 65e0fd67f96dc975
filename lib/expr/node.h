/* node.h: the tree of an expression. Internal to lib/expr. */
#ifndef CP_EXPR_NODE_H
#define CP_EXPR_NODE_H

#include "../base/regex.h"
#include "expr.h"
#include "function.h"
#include "glob.h"

/* Trees are walked by recursion; also the nesting of brackets while parsing. */
enum { CP_EXPR_DEPTH = 256 };

enum cp_op {
    CP_OP_CONST, /* value */
    CP_OP_FIELD, /* path; ref when bound */
    CP_OP_REGEX, /* regex_text, regex_flags: only as an operand of =~ !~ and as an argument */
    CP_OP_LIST,  /* [a, b] */
    CP_OP_INDEX, /* args[0] inside, at args[1] */
    CP_OP_CALL,  /* name; function when bound */
    CP_OP_NEG,
    CP_OP_MUL,
    CP_OP_DIV,
    CP_OP_MOD,
    CP_OP_ADD,
    CP_OP_SUB,
    CP_OP_JOIN,     /* n operands */
    CP_OP_COALESCE, /* n operands; also coalesce() */
    CP_OP_LT,
    CP_OP_LE,
    CP_OP_GT,
    CP_OP_GE,
    CP_OP_EQ,
    CP_OP_NE,
    CP_OP_MATCH,
    CP_OP_NOMATCH,
    CP_OP_GLOB,
    CP_OP_IN,
    CP_OP_NOT,
    CP_OP_AND, /* n operands */
    CP_OP_OR,  /* n operands */
    CP_OP_IF,  /* if(c, a, b); b may be missing */
};

/* A named group of =~: a field. Nodes of one expression share the column of a name. */
struct cp_capture {
    struct cp_slice name;
    int slot;
    struct cp_ref old; /* the field's value before */
};
struct cp_captures {
    struct cp_capture *v;
    size_t n, cap;
};
/* Where a regex's groups go. */
struct cp_capture_target {
    uint32_t number; /* of the group */
    int slot;
};

struct cp_in_list; /* eval_compare.c */

struct cp_expr {
    enum cp_op op;
    struct cp_pos pos;
    struct cp_expr **args;
    size_t n;
    unsigned height;

    /* Parsed. */
    struct cp_value value;
    struct cp_slice name;
    struct cp_path *path;
    struct cp_slice regex_text, regex_flags;
    bool has_parens; /* CALL: not the bare word of `count` */

    /* Bound. */
    struct cp_ref ref;
    const struct cp_path
        *raw_path; /* FIELD: what the parser was asked for, when the value comes straight from it */
    const struct cp_function *function;
    void *prepared; /* CALL: what function->prepare made */
    const struct cp_regex *regex;
    const struct cp_glob *glob;
    const struct cp_in_list *in;
    struct cp_capture_target *targets;
    size_t n_targets;
    struct cp_captures *groups; /* of the root only; NULL: none */
    struct cp_num number;       /* CONST: its number; CP_NUM_NONE: it is none */
    bool is_infallible, makes_text;
};

static inline bool cp_expr_is_const(const struct cp_expr *x)
{
    return x->op == CP_OP_CONST;
}

/* What binding a tree needs. */
struct cp_binder {
    struct cp_scope *scope;
    const struct cp_expr_names *names;
    struct cp_diags *diags;
    struct cp_heap *heap;
    struct cp_captures *groups;
};

/* eval_compare.c: the constant right side of `in`, a list or one block of addresses. */
const struct cp_in_list *cp_in_prepare(const struct cp_expr *list, struct cp_heap *heap);
bool cp_in_has_nets(const struct cp_in_list *l);

#endif
