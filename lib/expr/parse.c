/* parse.c: from tokens to the tree of an expression (semantics 1, 3, 4, 6, 8, 42). */
#include "lexer.h"
#include "node.h"

/* How tightly operators bind; each level's operands are of the next. */
enum level {
    LEVEL_OR = 1,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARE,
    LEVEL_COALESCE,
    LEVEL_ADD,
    LEVEL_MULTIPLY,
    LEVEL_UNARY
};

struct operator
{
    const char *sign;
    bool is_word;
    enum level level;
    enum cp_op op;
};

static const struct operator operators[] = {
    {"or", true, LEVEL_OR, CP_OP_OR},
    {"||", false, LEVEL_OR, CP_OP_OR},
    {"and", true, LEVEL_AND, CP_OP_AND},
    {"&&", false, LEVEL_AND, CP_OP_AND},
    {"<", false, LEVEL_COMPARE, CP_OP_LT},
    {"<=", false, LEVEL_COMPARE, CP_OP_LE},
    {">", false, LEVEL_COMPARE, CP_OP_GT},
    {">=", false, LEVEL_COMPARE, CP_OP_GE},
    {"==", false, LEVEL_COMPARE, CP_OP_EQ},
    {"!=", false, LEVEL_COMPARE, CP_OP_NE},
    {"=~", false, LEVEL_COMPARE, CP_OP_MATCH},
    {"!~", false, LEVEL_COMPARE, CP_OP_NOMATCH},
    {"~", false, LEVEL_COMPARE, CP_OP_GLOB},
    {"in", true, LEVEL_COMPARE, CP_OP_IN},
    {"?\?", false, LEVEL_COALESCE, CP_OP_COALESCE},
    {"+", false, LEVEL_ADD, CP_OP_ADD},
    {"-", false, LEVEL_ADD, CP_OP_SUB},
    {"..", false, LEVEL_ADD, CP_OP_JOIN},
    {"*", false, LEVEL_MULTIPLY, CP_OP_MUL},
    {"/", false, LEVEL_MULTIPLY, CP_OP_DIV},
    {"%", false, LEVEL_MULTIPLY, CP_OP_MOD},
};

static const char *const reserved[] = {"and", "as",   "by", "false", "in",
                                       "not", "null", "or", "true",  NULL};

static bool is_reserved(struct cp_slice word)
{
    for (size_t i = 0; reserved[i]; i++)
        if (cp_slice_is(word, reserved[i]))
            return true;
    return false;
}

/* ---- Nodes ---- */

static struct cp_expr *node_new(struct cp_lexer *lx, enum cp_op op, size_t from)
{
    struct cp_expr *x = cp_heap_take(lx->heap, sizeof *x);

    x->op = op;
    x->pos = cp_lexer_span(lx, from, lx->last_end > from ? lx->last_end : from);
    x->height = 1;
    return x;
}

static struct cp_expr *too_deep(struct cp_lexer *lx, struct cp_pos pos)
{
    cp_diag_error(lx->diags, pos, NULL, "the expression is nested more than %d levels deep",
                  CP_EXPR_DEPTH);
    return NULL;
}

/* Adds an operand. False after a diagnostic. */
static bool node_add(struct cp_lexer *lx, struct cp_expr *x, struct cp_expr *arg)
{
    if ((x->n & (x->n + 1)) == 0) { /* 0, 1, 3, 7 …: full */
        struct cp_expr **more = cp_heap_take(lx->heap, (2 * x->n + 1) * sizeof *more);
        if (x->n > 0)
            memcpy(more, x->args, x->n * sizeof *more);
        x->args = more;
    }
    x->args[x->n++] = arg;
    if (x->height <= arg->height)
        x->height = arg->height + 1;
    return x->height <= CP_EXPR_DEPTH || too_deep(lx, x->pos) != NULL;
}

static struct cp_expr *node_const(struct cp_lexer *lx, size_t from, struct cp_value value)
{
    struct cp_expr *x = node_new(lx, CP_OP_CONST, from);

    x->value = value;
    return x;
}

static struct cp_expr *node_field(struct cp_lexer *lx, size_t from, struct cp_path *path)
{
    struct cp_expr *x = node_new(lx, CP_OP_FIELD, from);

    x->path = path;
    return x;
}

/* ---- What is not there ---- */

static struct cp_expr *refuse(struct cp_lexer *lx, const char *hint, const char *what)
{
    cp_diag_error(lx->diags, cp_lexer_pos(lx), hint, "%s", what);
    return NULL;
}

/* `$x`: says how the field is written. */
static struct cp_expr *refuse_dollar(struct cp_lexer *lx)
{
    struct cp_pos pos = cp_lexer_pos(lx);
    const struct cp_token *t;
    const char *hint = "fields are written as they are: status";

    cp_lexer_take(lx);
    t = cp_lexer_peek(lx);
    if (t->kind == CP_TOKEN_PATH)
        hint = cp_heap_printf(lx->heap, "write %.*s; environment and variables are env.X and var.X",
                              (int)t->len, lx->text->s.p + t->off);
    cp_diag_error(lx->diags, pos, hint, "$ is not used in expressions");
    return NULL;
}

static struct cp_expr *expected_value(struct cp_lexer *lx)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (t->kind == CP_TOKEN_BAD)
        return NULL;
    if (t->kind == CP_TOKEN_END)
        return refuse(lx, NULL, "expected a value, but here the expression ends");
    if (cp_lexer_peek_sign(lx, "!"))
        return refuse(lx, "write not", "! is not used in expressions");
    if (cp_lexer_peek_sign(lx, "$"))
        return refuse_dollar(lx);
    if (cp_lexer_peek_word(lx, "not"))
        return refuse(lx, "put it in brackets: (not …)",
                      "not binds less tightly than what is before it");
    const char *hint = NULL;
    if (t->kind == CP_TOKEN_PATH)
        hint = cp_heap_printf(lx->heap, "a field of this name is written .\"%.*s\"", (int)t->len,
                              lx->text->s.p + t->off);
    cp_diag_error(lx->diags, cp_lexer_pos(lx), hint, "expected a value, not %.*s", (int)t->len,
                  lx->text->s.p + t->off);
    return NULL;
}

static bool expect_sign(struct cp_lexer *lx, const char *sign, struct cp_pos open)
{
    const struct cp_token *t = cp_lexer_peek(lx);

    if (cp_lexer_accept(lx, sign))
        return true;
    if (t->kind == CP_TOKEN_END)
        cp_diag_error(lx->diags, open, NULL, "no closing %s", sign);
    else if (t->kind != CP_TOKEN_BAD)
        cp_diag_error(lx->diags, cp_lexer_pos(lx), NULL, "expected %s, not %.*s", sign, (int)t->len,
                      lx->text->s.p + t->off);
    return false;
}

/* ---- Values ---- */

static struct cp_expr *parse_level(struct cp_lexer *lx, enum level level);

/* The rest of `( a , b )` or `[ a , b ]`, the opening sign consumed. */
static struct cp_expr *parse_items(struct cp_lexer *lx, struct cp_expr *x, const char *close,
                                   struct cp_pos open, size_t from)
{
    if (!cp_lexer_accept(lx, close)) {
        do {
            struct cp_expr *arg = parse_level(lx, LEVEL_OR);
            if (!arg || !node_add(lx, x, arg))
                return NULL;
        } while (cp_lexer_accept(lx, ","));
        if (!expect_sign(lx, close, open))
            return NULL;
    }
    x->pos = cp_lexer_span(lx, from, lx->last_end);
    return x;
}

static struct cp_expr *parse_call(struct cp_lexer *lx, struct cp_slice name, size_t from)
{
    struct cp_expr *x = node_new(lx, CP_OP_CALL, from);
    struct cp_pos open = cp_lexer_pos(lx);

    x->name = name;
    x->has_parens = true;
    cp_lexer_take(lx);
    return parse_items(lx, x, ")", open, from);
}

static struct cp_expr *parse_brackets(struct cp_lexer *lx)
{
    struct cp_pos open = cp_lexer_pos(lx);
    struct cp_expr *x;

    cp_lexer_take(lx);
    x = parse_level(lx, LEVEL_OR);
    return x && expect_sign(lx, ")", open) ? x : NULL;
}

static struct cp_expr *parse_list(struct cp_lexer *lx, size_t from)
{
    struct cp_pos open = cp_lexer_pos(lx);

    cp_lexer_take(lx);
    return parse_items(lx, node_new(lx, CP_OP_LIST, from), "]", open, from);
}

static struct cp_expr *parse_regex(struct cp_lexer *lx, size_t from)
{
    struct cp_expr *x;

    if (cp_lexer_peek_regex(lx)->kind == CP_TOKEN_BAD)
        return NULL;
    struct cp_token t = cp_lexer_take(lx);
    x = node_new(lx, CP_OP_REGEX, from);
    x->regex_text = t.text;
    x->regex_flags = t.flags;
    return x;
}

/* `~uniq(x)`: the one kind of call that begins with a sign. */
static struct cp_expr *parse_estimate(struct cp_lexer *lx, size_t from)
{
    struct cp_pos pos = cp_lexer_pos(lx);

    cp_lexer_take(lx);
    const struct cp_token *t = cp_lexer_peek(lx);
    if (t->kind == CP_TOKEN_PATH && t->is_word && cp_lexer_is_adjacent(lx)) {
        struct cp_token name = cp_lexer_take(lx);
        if (cp_lexer_peek_sign(lx, "("))
            return parse_call(
                lx, (struct cp_slice){lx->text->s.p + from, name.off + name.len - from}, from);
    }
    cp_diag_error(lx->diags, pos, NULL, "expected a value, not ~");
    return NULL;
}

static struct cp_expr *parse_word(struct cp_lexer *lx)
{
    const struct cp_token *t = cp_lexer_peek(lx);
    bool is_word = t->is_word && is_reserved(t->text);
    struct cp_value v = cp_slice_is(t->text, "null")    ? cp_null()
                        : cp_slice_is(t->text, "true")  ? cp_bool(true)
                        : cp_slice_is(t->text, "false") ? cp_bool(false)
                                                        : (struct cp_value){.kind = CP_MISSING};

    if (is_word && v.kind == CP_MISSING)
        return expected_value(lx);
    struct cp_token name = cp_lexer_take(lx);
    if (is_word)
        return node_const(lx, name.off, v);
    if (!cp_lexer_peek_sign(lx, "("))
        return node_field(lx, name.off, name.path);
    if (name.is_word)
        return parse_call(lx, name.text, name.off);
    cp_diag_error(lx->diags, cp_lexer_span(lx, name.off, name.off + name.len), NULL,
                  "there is no function %.*s", (int)name.len, lx->text->s.p + name.off);
    return NULL;
}

static struct cp_expr *parse_primary(struct cp_lexer *lx)
{
    const struct cp_token *t = cp_lexer_peek(lx);
    size_t from = t->off;

    switch (t->kind) {
    case CP_TOKEN_VALUE:
    case CP_TOKEN_TEXT:
        return node_const(lx, from, cp_lexer_take(lx).value);
    case CP_TOKEN_PATH:
        return parse_word(lx);
    case CP_TOKEN_SIGN:
        if (cp_lexer_peek_sign(lx, "("))
            return parse_brackets(lx);
        if (cp_lexer_peek_sign(lx, "["))
            return parse_list(lx, from);
        if (cp_lexer_peek_sign(lx, "/"))
            return parse_regex(lx, from);
        if (cp_lexer_peek_sign(lx, "~"))
            return parse_estimate(lx, from);
        return expected_value(lx);
    default:
        return expected_value(lx);
    }
}

/* ---- x[i] and x.name ---- */

/* The step that a constant stands for; false: it is not one. */
static bool step_of(const struct cp_expr *index, struct cp_step *step)
{
    if (index->op != CP_OP_CONST || index->value.flags)
        return false;
    if (index->value.kind == CP_INT)
        *step = (struct cp_step){.index = index->value.i};
    else if (index->value.kind == CP_TEXT)
        *step = (struct cp_step){.name = {index->value.p, index->value.len}};
    else
        return false;
    return true;
}

static struct cp_path *with_bracket(struct cp_lexer *lx, const struct cp_path *path,
                                    struct cp_step step)
{
    struct cp_path *more = cp_path_append(lx->heap, path, step);
    more->has_brackets = true;
    return more;
}

static struct cp_expr *add_index(struct cp_lexer *lx, struct cp_expr *x, struct cp_expr *index,
                                 size_t from)
{
    struct cp_step step;
    struct cp_expr *more;

    if (x->op == CP_OP_FIELD && x->path->n < CP_PATH_STEPS && step_of(index, &step) &&
        !(step.name.p && memchr(step.name.p, 0, step.name.n)))
        return node_field(lx, from, with_bracket(lx, x->path, step));
    more = node_new(lx, CP_OP_INDEX, from);
    return node_add(lx, more, x) && node_add(lx, more, index) ? more : NULL;
}

static struct cp_expr *parse_index(struct cp_lexer *lx, struct cp_expr *x, size_t from)
{
    struct cp_pos open = cp_lexer_pos(lx);
    struct cp_expr *index;

    cp_lexer_take(lx);
    index = parse_level(lx, LEVEL_OR);
    if (!index || !expect_sign(lx, "]", open))
        return NULL;
    return add_index(lx, x, index, from);
}

static struct cp_expr *parse_members(struct cp_lexer *lx, struct cp_expr *x, size_t from)
{
    struct cp_token t = cp_lexer_take(lx);

    for (size_t i = 0; x && i < t.path->n; i++) {
        struct cp_slice name = t.path->steps[i].name;
        x = add_index(lx, x, node_const(lx, t.off, cp_text(name.p, name.n)), from);
    }
    return x;
}

static struct cp_expr *parse_postfix(struct cp_lexer *lx)
{
    size_t from = cp_lexer_peek(lx)->off;
    struct cp_expr *x = parse_primary(lx);

    while (x && cp_lexer_is_adjacent(lx)) {
        const struct cp_token *t = cp_lexer_peek(lx);
        if (cp_lexer_peek_sign(lx, "["))
            x = parse_index(lx, x, from);
        else if (t->kind == CP_TOKEN_PATH && t->path->is_own && x->op != CP_OP_CONST)
            x = parse_members(lx, x, from);
        else
            break;
    }
    return x;
}

/* ---- Operators ---- */

/* Literals take the sign in: -2 is a constant as 2 is. */
static bool negate_const(struct cp_lexer *lx, struct cp_value *v)
{
    if (v->kind == CP_INT && v->i != INT64_MIN) {
        v->i = -v->i;
    } else if (v->kind == CP_DOUBLE) {
        v->d = -v->d;
    } else if (v->kind == CP_NUMBER && v->p[0] != '-') {
        v->p = cp_heap_printf(lx->heap, "-%.*s", (int)v->len, v->p);
        v->len++;
    } else {
        return false;
    }
    return true;
}

static struct cp_expr *parse_unary(struct cp_lexer *lx)
{
    size_t from = cp_lexer_peek(lx)->off;
    struct cp_expr *arg, *x;

    if (!cp_lexer_accept(lx, "-"))
        return parse_postfix(lx);
    if (++lx->depth > CP_EXPR_DEPTH)
        return too_deep(lx, cp_lexer_pos(lx));
    arg = parse_unary(lx);
    lx->depth--;
    if (arg && arg->op == CP_OP_CONST && negate_const(lx, &arg->value)) {
        arg->pos = cp_lexer_span(lx, from, lx->last_end);
        return arg;
    }
    x = node_new(lx, CP_OP_NEG, from);
    return arg && node_add(lx, x, arg) ? x : NULL;
}

static const struct operator* peek_operator(struct cp_lexer *lx, enum level level)
{
    const struct cp_token *t = cp_lexer_peek(lx);
    bool is_word = t->kind == CP_TOKEN_PATH && t->is_word;

    if (!is_word && t->kind != CP_TOKEN_SIGN)
        return NULL;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const struct operator* o = & operators[i];
        if (o->level == level && o->is_word == is_word && cp_slice_is(t->text, o->sign))
            return o;
    }
    return NULL;
}

static bool is_n_ary(enum cp_op op)
{
    return op == CP_OP_AND || op == CP_OP_OR || op == CP_OP_JOIN || op == CP_OP_COALESCE;
}

/* left OP right; chains of and, or, .. and ?? become one node. */
static struct cp_expr *combine(struct cp_lexer *lx, enum cp_op op, struct cp_expr *left,
                               struct cp_expr *right, size_t from, bool is_chain)
{
    struct cp_expr *x = left;

    /* All operands of .. are at hand at once: at most as many as a call has arguments. */
    if (!is_chain || left->op != op || !is_n_ary(op) ||
        (op == CP_OP_JOIN && left->n == CP_FUNCTION_ARGS)) {
        x = node_new(lx, op, from);
        if (!node_add(lx, x, left))
            return NULL;
    }
    x->pos = cp_lexer_span(lx, from, lx->last_end);
    return node_add(lx, x, right) ? x : NULL;
}

static struct cp_expr *refuse_chain(struct cp_lexer *lx)
{
    return refuse(lx, "write a < b and b < c", "comparisons do not chain");
}

/* left OP right OP … of one level. */
static struct cp_expr *parse_binary(struct cp_lexer *lx, enum level level)
{
    size_t from = cp_lexer_peek(lx)->off;
    struct cp_expr *x = parse_level(lx, (enum level)(level + 1));
    bool is_chain = false;

    while (x) {
        const struct operator* o = peek_operator(lx, level);
        if (!o)
            break;
        if (level == LEVEL_COMPARE && is_chain)
            return refuse_chain(lx);
        cp_lexer_take(lx);
        struct cp_expr *right = parse_level(lx, (enum level)(level + 1));
        x = right ? combine(lx, o->op, x, right, from, is_chain) : NULL;
        is_chain = true;
    }
    return x;
}

static struct cp_expr *parse_not(struct cp_lexer *lx)
{
    size_t from = cp_lexer_peek(lx)->off;
    struct cp_expr *arg, *x;

    if (!cp_lexer_accept_word(lx, "not"))
        return parse_level(lx, LEVEL_COMPARE);
    if (++lx->depth > CP_EXPR_DEPTH)
        return too_deep(lx, cp_lexer_pos(lx));
    arg = parse_not(lx);
    lx->depth--;
    x = node_new(lx, CP_OP_NOT, from);
    return arg && node_add(lx, x, arg) ? x : NULL;
}

static struct cp_expr *parse_level(struct cp_lexer *lx, enum level level)
{
    struct cp_expr *x;

    if (level == LEVEL_NOT)
        return parse_not(lx);
    if (level == LEVEL_UNARY)
        return parse_unary(lx);
    if (level != LEVEL_OR)
        return parse_binary(lx, level);
    if (++lx->depth > CP_EXPR_DEPTH)
        return too_deep(lx, cp_lexer_pos(lx));
    x = parse_binary(lx, level);
    lx->depth--;
    return x;
}

/* ---- Entry points ---- */

/* Signs and words that other languages would go on with. */
static bool check_end(struct cp_lexer *lx)
{
    if (cp_lexer_peek(lx)->kind == CP_TOKEN_BAD)
        return false;
    if (cp_lexer_peek_sign(lx, "="))
        return refuse(lx, "write == to compare", "a single = does not compare") != NULL;
    if (cp_lexer_peek_sign(lx, "?"))
        return refuse(lx, "write if(condition, a, b)", "?: is not used in expressions") != NULL;
    if (cp_lexer_peek_sign(lx, "!"))
        return refuse(lx, "write not, or != to compare", "! is not used in expressions") != NULL;
    if (cp_lexer_peek_sign(lx, "$"))
        return refuse_dollar(lx) != NULL;
    if (cp_lexer_peek_word(lx, "not"))
        return refuse(lx, "write not x in list", "not goes before the whole comparison") != NULL;
    return true;
}

struct cp_expr *cp_expr_parse(struct cp_lexer *lx)
{
    struct cp_expr *x;

    lx->depth = 0;
    x = parse_level(lx, LEVEL_OR);
    return x && check_end(lx) ? x : NULL;
}

/* The reserved word that was written as a name. */
static struct cp_path *refuse_reserved(struct cp_lexer *lx, const struct cp_token *t)
{
    char *hint = cp_heap_printf(lx->heap, "a field of this name is written .\"%.*s\"",
                                (int)t->text.n, t->text.p);

    cp_diag_error(lx->diags, cp_lexer_pos(lx), hint, "expected a field, not %.*s", (int)t->text.n,
                  t->text.p);
    return NULL;
}

struct cp_path *cp_path_parse(struct cp_lexer *lx)
{
    const struct cp_token *t = cp_lexer_peek(lx);
    struct cp_expr *x;

    if (t->kind == CP_TOKEN_BAD)
        return NULL;
    if (t->kind != CP_TOKEN_PATH) {
        if (cp_lexer_peek_sign(lx, "$"))
            refuse_dollar(lx);
        else
            refuse(lx, NULL,
                   t->kind == CP_TOKEN_END ? "expected a field, but here the text ends"
                                           : "expected a field");
        return NULL;
    }
    if (t->is_word && is_reserved(t->text))
        return refuse_reserved(lx, t);
    lx->depth = 0;
    struct cp_pos pos = cp_lexer_pos(lx);
    x = parse_postfix(lx);
    if (x && x->op != CP_OP_FIELD) {
        cp_diag_error(lx->diags, pos, "as in status, user.id, items[0]",
                      "expected a field, not an expression");
        return NULL;
    }
    return x ? x->path : NULL;
}

/* ---- Looking at a tree ---- */

struct cp_pos cp_expr_pos(const struct cp_expr *x)
{
    return x->pos;
}

bool cp_expr_call(const struct cp_expr *x, struct cp_slice *name, struct cp_expr *const **args,
                  size_t *n)
{
    bool is_word = x->op == CP_OP_FIELD && x->path->n == 1 && !x->path->is_own;

    if (!is_word && !x->has_parens)
        return false;
    *name = is_word ? x->path->text : x->name;
    *args = x->args;
    *n = x->n;
    return true;
}

const struct cp_path *cp_expr_path(const struct cp_expr *x)
{
    return x->op == CP_OP_FIELD ? x->path : NULL;
}

/* Whether all fields of the tree are the same one; *path is it. */
static bool has_one_field(const struct cp_expr *x, const struct cp_path **path)
{
    if (x->op == CP_OP_FIELD) {
        if (*path && !cp_path_equal(*path, x->path))
            return false;
        *path = x->path;
    }
    for (size_t i = 0; i < x->n; i++)
        if (!has_one_field(x->args[i], path))
            return false;
    return true;
}

bool cp_expr_field_name(const struct cp_expr *x, struct cp_slice *name)
{
    const struct cp_path *path = NULL;

    if (!has_one_field(x, &path) || !path)
        return false;
    *name = path->text;
    return true;
}
