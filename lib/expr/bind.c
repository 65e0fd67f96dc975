/* bind.c: resolves the names of a tree, compiles its patterns, folds its constants. */
#include "bind.h"

#include "../format/json.h"
#include "eval.h"

/* Room for the text of a constant that is folded, and its length at most. */
enum { FOLD_ROOM = 64 * 1024, FOLD_TEXT = 16 * 1024 };

static int bind(struct cp_binder *b, struct cp_expr *x);

int cp_bind_error(struct cp_binder *b, const struct cp_expr *x, const char *hint,
                  const char *message)
{
    return cp_diag_error(b->diags, x->pos, hint, "%s", message);
}

/* ---- Names ---- */

static void make_const(struct cp_expr *x, struct cp_value v)
{
    x->op = CP_OP_CONST;
    x->value = v;
    x->n = 0;
    x->regex = NULL;
    x->is_infallible = true;
    x->makes_text = false;
    x->number.kind = CP_NUM_NONE;
    cp_value_number(&v, &x->number);
}

/* env.X and var.X, texts that are not typed: constants. */
static bool is_ours(const struct cp_path *path, const char *name)
{
    return !path->is_own && path->n >= 2 && path->steps[0].name.p &&
           cp_slice_is(path->steps[0].name, name);
}

static int bind_variable(struct cp_binder *b, struct cp_expr *x)
{
    bool is_env = is_ours(x->path, "env");
    struct cp_slice name = x->path->steps[1].name;
    const char *(*find)(void *, struct cp_slice) = !b->names ? NULL
                                                   : is_env  ? b->names->env
                                                             : b->names->var;
    const char *v;

    if (x->path->n != 2 || !name.p)
        return cp_bind_error(b, x, "a field of the record is written with a leading point: .env.x",
                             is_env ? "env takes one name, as in env.HOME"
                                    : "var takes one name, as in var.limit");
    v = find ? find(b->names->ctx, name) : NULL;
    if (!v && !is_env)
        return cp_diag_error(b->diags, x->pos, "set it with -D name=value or under vars:",
                             "the variable %.*s is not set", (int)name.n, name.p);
    make_const(x, v ? cp_untyped(cp_heap_copy(b->heap, v, strlen(v)), strlen(v)) : cp_null());
    return 0;
}

static int bind_field(struct cp_binder *b, struct cp_expr *x)
{
    const struct cp_want *want;
    bool exists;

    if (is_ours(x->path, "env") || is_ours(x->path, "var"))
        return bind_variable(b, x);
    x->ref = cp_scope_read(b->scope, x->path, &exists);
    cp_scope_note_read(b->scope, x->path->text);
    if (!exists)
        cp_scope_warn(b->scope, x->path, x->pos, b->diags);
    want = x->ref.slot >= 0 ? cp_wants_find(b->scope->wants, x->ref.slot) : NULL;
    x->raw_path = want ? want->path : NULL;
    x->is_infallible = x->ref.meta != CP_META_TIME;
    return 0;
}

/* ---- Regexes ---- */

static struct cp_capture *group_of(struct cp_binder *b, struct cp_slice name)
{
    struct cp_captures *g = b->groups;
    bool exists;

    for (size_t i = 0; i < g->n; i++)
        if (cp_slice_equal(g->v[i].name, name))
            return &g->v[i];
    if (g->n == g->cap) {
        struct cp_capture *more;
        g->cap = g->cap ? 2 * g->cap : 8;
        more = cp_heap_take(b->heap, g->cap * sizeof *more);
        if (g->n > 0)
            memcpy(more, g->v, g->n * sizeof *more);
        g->v = more;
    }
    struct cp_capture *group = &g->v[g->n++];
    group->name = name;
    group->old = cp_scope_read(b->scope, cp_path_literal(b->heap, name), &exists);
    group->slot = cp_scope_write(b->scope, name);
    return group;
}

/* The named groups of =~ become fields. */
static void bind_groups(struct cp_binder *b, struct cp_expr *x)
{
    const struct cp_regex *re = x->regex;

    x->targets = cp_heap_take(b->heap, (re->n_names + 1) * sizeof *x->targets);
    x->n_targets = re->n_names;
    for (size_t i = 0; i < re->n_names; i++)
        x->targets[i] =
            (struct cp_capture_target){re->names[i].number, group_of(b, re->names[i].name)->slot};
}

int cp_bind_regex(struct cp_binder *b, struct cp_expr *x, const struct cp_expr *pattern)
{
    struct cp_slice text, flags = {0};
    const char *why;
    size_t at;
    struct cp_pos pos = pattern->pos;

    if (pattern->op == CP_OP_REGEX) {
        text = pattern->regex_text;
        flags = pattern->regex_flags;
    } else if (pattern->op == CP_OP_CONST && pattern->value.kind == CP_TEXT) {
        text = (struct cp_slice){pattern->value.p, pattern->value.len};
    } else {
        return cp_bind_error(b, pattern, "as in /^GET/ or \"^GET\"",
                             "the pattern is neither a regex nor a constant text");
    }
    x->regex = cp_regex_new(text, flags, b->heap, &why, &at);
    if (x->regex)
        return 0;
    if (pattern->op == CP_OP_REGEX &&
        pos.len == text.n + flags.n + 2) { /* as it was written: point at the place */
        pos.off += 1 + at;
        pos.len = 1;
    }
    return cp_diag_error(b->diags, pos, NULL, "regex: %s", why);
}

static int bind_match(struct cp_binder *b, struct cp_expr *x)
{
    if (bind(b, x->args[0]) < 0 || (x->args[1]->op != CP_OP_REGEX && bind(b, x->args[1]) < 0) ||
        cp_bind_regex(b, x, x->args[1]) < 0)
        return -1;
    if (x->op == CP_OP_MATCH)
        bind_groups(b, x);
    x->is_infallible = x->args[0]->is_infallible && x->regex->is_simple;
    x->makes_text = true;
    return 0;
}

static int bind_glob(struct cp_binder *b, struct cp_expr *x)
{
    const struct cp_expr *pattern = x->args[1];

    if (pattern->op == CP_OP_REGEX)
        return cp_bind_error(b, pattern, "write =~ for regular expressions",
                             "~ takes a shell pattern");
    if (bind(b, x->args[0]) < 0 || bind(b, x->args[1]) < 0)
        return -1;
    if (pattern->op == CP_OP_CONST && pattern->value.kind == CP_TEXT)
        x->glob = cp_glob_new((struct cp_slice){pattern->value.p, pattern->value.len}, b->heap);
    x->is_infallible = x->args[0]->is_infallible && pattern->is_infallible;
    x->makes_text = true;
    return 0;
}

/* ---- in, lists ---- */

static bool has_const_args(const struct cp_expr *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (!cp_expr_is_const(x->args[i]))
            return false;
    return true;
}

static int bind_args(struct cp_binder *b, struct cp_expr *x)
{
    int rc = 0;

    x->is_infallible = true;
    for (size_t i = 0; i < x->n; i++) {
        if (bind(b, x->args[i]) < 0)
            rc = -1;
        x->is_infallible = x->is_infallible && x->args[i]->is_infallible;
        x->makes_text = x->makes_text || x->args[i]->makes_text;
    }
    return rc;
}

/* A list of constants of any length, as JSON. */
static void fold_list(struct cp_binder *b, struct cp_expr *x)
{
    size_t len = x->n == 0 ? 2 : x->n + 1;
    char *p, *at;

    for (size_t i = 0; i < x->n; i++)
        len += cp_json_format(&x->args[i]->value, NULL, 0);
    at = p = cp_heap_take(b->heap, len);
    *at++ = '[';
    for (size_t i = 0; i < x->n; i++) {
        if (i > 0)
            *at++ = ',';
        at += cp_json_format(&x->args[i]->value, at, (size_t)(p + len - at));
    }
    *at = ']';
    make_const(x, cp_span(CP_LIST, p, len));
}

static int bind_list(struct cp_binder *b, struct cp_expr *x)
{
    if (bind_args(b, x) < 0)
        return -1;
    if (has_const_args(x)) {
        fold_list(b, x);
        return 0;
    }
    if (x->n > CP_FUNCTION_ARGS)
        return cp_diag_error(b->diags, x->pos, NULL,
                             "a list with members that are no constants has at most %d",
                             CP_FUNCTION_ARGS);
    x->makes_text = true;
    x->is_infallible = false; /* it may become too long */
    return 0;
}

/* The right side of `in`: a list of constants is prepared as it is, not as JSON. */
static int bind_in_list(struct cp_binder *b, struct cp_expr *x)
{
    struct cp_expr *list = x->args[1];

    if (list->op != CP_OP_LIST)
        return bind(b, list);
    if (bind_args(b, list) < 0)
        return -1;
    return has_const_args(list) ? 0 : bind_list(b, list);
}

static int bind_in(struct cp_binder *b, struct cp_expr *x)
{
    struct cp_expr *right = x->args[1];

    if (bind(b, x->args[0]) < 0 || bind_in_list(b, x) < 0)
        return -1;
    if (right->op == CP_OP_LIST && has_const_args(right)) {
        x->in = cp_in_prepare(right, b->heap);
    } else if (right->op == CP_OP_CONST && right->value.kind == CP_TEXT) {
        x->in = cp_in_prepare(right, b->heap);
        if (!cp_in_has_nets(x->in) && !right->value.flags)
            return cp_bind_error(
                b, right,
                "as in [\"a\", \"b\"] or \"10.0.0.0/8\"; a part of a text: contains(text, part)",
                "in takes a list or a block of addresses");
    } else if (right->op == CP_OP_CONST && right->value.kind != CP_LIST) {
        return cp_bind_error(b, right, "as in [1, 2]", "in takes a list or a block of addresses");
    }
    x->is_infallible = x->args[0]->is_infallible && (x->in || right->is_infallible);
    x->makes_text = x->args[0]->makes_text || (!x->in && right->makes_text);
    return 0;
}

/* ---- Calls ---- */

static const char *const aggregates[] = {"avg",  "count", "first", "last", "list", "pct",
                                         "rate", "stdev", "sum",   "topk", "uniq", "~uniq"};

static bool is_percentile(struct cp_slice name)
{
    size_t i = 1;

    while (i < name.n && ((name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '.'))
        i++;
    return name.n > 1 && name.p[0] == 'p' && i == name.n;
}

static int no_function(struct cp_binder *b, const struct cp_expr *x)
{
    const char *near, *hint = "`chanpipe list functions` shows them all";
    struct cp_pos pos = x->pos;

    if (pos.len > x->name.n)
        pos.len = x->name.n;
    for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++)
        if (cp_slice_is(x->name, aggregates[i]) || is_percentile(x->name))
            return cp_diag_error(b->diags, pos, "aggregates stand in stats, count and top",
                                 "%.*s is an aggregate: it has no value for one record",
                                 (int)x->name.n, x->name.p);
    near = cp_function_nearest(x->name);
    if (near)
        hint = cp_heap_printf(b->heap, "did you mean %s?", near);
    return cp_diag_error(b->diags, pos, hint, "there is no function %.*s", (int)x->name.n,
                         x->name.p);
}

static int check_count(struct cp_binder *b, const struct cp_expr *x, const struct cp_function *f)
{
    bool is_few = x->n < f->min;
    int bound = is_few ? f->min : f->max;

    if (!is_few && x->n <= f->max)
        return 0;
    if (f->min < f->max && f->max < CP_FUNCTION_ARGS)
        return cp_diag_error(b->diags, x->pos, f->signature, "%s takes %d to %d arguments, not %zu",
                             f->name, f->min, f->max, x->n);
    return cp_diag_error(b->diags, x->pos, f->signature, "%s takes %s%d argument%s, not %zu",
                         f->name,
                         f->min == f->max ? ""
                         : is_few         ? "at least "
                                          : "at most ",
                         bound, bound == 1 ? "" : "s", x->n);
}

/* Binds all arguments but a regex where the function takes one. */
static int bind_call_args(struct cp_binder *b, struct cp_expr *x, const struct cp_function *f)
{
    int rc = 0;

    x->is_infallible = true;
    for (size_t i = 0; i < x->n; i++) {
        struct cp_expr *arg = x->args[i];
        if (arg->op == CP_OP_REGEX && i == 1 && (f->flags & CP_FN_REGEX)) {
            if (cp_bind_regex(b, x, arg) < 0)
                rc = -1;
            else
                x->is_infallible = x->is_infallible && x->regex->is_simple;
            continue;
        }
        if (bind(b, arg) < 0)
            rc = -1;
        x->is_infallible = x->is_infallible && arg->is_infallible;
        x->makes_text = x->makes_text || arg->makes_text;
    }
    return rc;
}

static int bind_call(struct cp_binder *b, struct cp_expr *x)
{
    const struct cp_function *f = cp_function_find(x->name);

    if (!f)
        return no_function(b, x);
    if (check_count(b, x, f) < 0 || bind_call_args(b, x, f) < 0)
        return -1;
    if (f->op) {
        x->op = (enum cp_op)f->op;
        return 0;
    }
    x->function = f;
    x->is_infallible = x->is_infallible && (f->flags & CP_FN_INFALLIBLE);
    x->makes_text = x->makes_text || (f->flags & CP_FN_MAKES_TEXT);
    x->value = cp_time(b->names ? b->names->now : 0);
    return f->prepare ? f->prepare(b, x, &x->prepared) : 0;
}

/* ---- Folding ---- */

/* What does not change from record to record and from input to input. */
static bool can_fold(const struct cp_expr *x)
{
    if (x->op == CP_OP_CALL && (x->function->flags & CP_FN_ZONE))
        return false;
    if (x->op == CP_OP_FIELD || x->op == CP_OP_REGEX || x->n_targets > 0)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (!cp_expr_is_const(x->args[i]) && x->args[i]->op != CP_OP_REGEX && !(x->in && i == 1))
            return false;
    return true;
}

static struct cp_value keep_value(struct cp_heap *heap, struct cp_value v)
{
    if (cp_is_spelled(&v))
        v.p = cp_heap_copy(heap, v.p, v.len);
    return v;
}

/* Evaluates a node of constants once. One that fails stays: its error is one of the records. */
static void fold(struct cp_binder *b, struct cp_expr *x)
{
    static const uint16_t first = 0;
    struct cp_heap heap = {0};
    struct cp_batch batch = {.arena = {.cap = FOLD_ROOM}};
    struct cp_eval ev;
    struct cp_value v;

    batch.arena.base = cp_heap_take(&heap, FOLD_ROOM);
    cp_eval_init(&ev, &heap, 1, FOLD_TEXT);
    cp_eval_prepare(&ev, x);
    cp_eval_begin(&ev, &batch);
    if (cp_expr_eval(x, &ev, &first, 1, &v) == CP_EVAL_OK && ev.n_failed == 0)
        make_const(x, keep_value(b->heap, v));
    cp_heap_release(&heap);
}

/* ---- Nodes ---- */

static bool is_arithmetic(enum cp_op op)
{
    return op >= CP_OP_NEG && op <= CP_OP_SUB;
}

static int bind_node(struct cp_binder *b, struct cp_expr *x)
{
    switch (x->op) {
    case CP_OP_CONST:
        make_const(x, x->value);
        return 0;
    case CP_OP_FIELD:
        return bind_field(b, x);
    case CP_OP_REGEX:
        return cp_bind_error(b, x, "as in path =~ /^\\/api/", "a regex is no value");
    case CP_OP_LIST:
        return bind_list(b, x);
    case CP_OP_MATCH:
    case CP_OP_NOMATCH:
        return bind_match(b, x);
    case CP_OP_GLOB:
        return bind_glob(b, x);
    case CP_OP_IN:
        return bind_in(b, x);
    case CP_OP_CALL:
        return bind_call(b, x);
    default:
        if (bind_args(b, x) < 0)
            return -1;
        if (is_arithmetic(x->op) || x->op == CP_OP_JOIN || x->op == CP_OP_INDEX)
            x->is_infallible = false;
        x->makes_text = x->makes_text || x->op == CP_OP_JOIN || x->op == CP_OP_INDEX;
        return 0;
    }
}

static int bind(struct cp_binder *b, struct cp_expr *x)
{
    if (bind_node(b, x) < 0)
        return -1;
    if (x->op != CP_OP_CONST && can_fold(x))
        fold(b, x);
    return 0;
}

int cp_expr_bind(struct cp_expr *x, struct cp_scope *scope, const struct cp_expr_names *names,
                 struct cp_diags *diags)
{
    struct cp_captures *groups = cp_heap_take(scope->heap, sizeof *groups);
    struct cp_binder b = {
        .scope = scope, .names = names, .diags = diags, .heap = scope->heap, .groups = groups};

    if (bind(&b, x) < 0)
        return -1;
    x->groups = groups->n > 0 ? groups : NULL;
    return 0;
}

bool cp_expr_is_infallible(const struct cp_expr *x)
{
    return x->is_infallible;
}

bool cp_expr_makes_text(const struct cp_expr *x)
{
    return x->makes_text;
}
