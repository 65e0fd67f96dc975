/* needs.c: what an expression needs of the raw bytes of a record to be true (architecture.md,
 * decision 5).
 *
 * Every function here errs on one side: what it gives must hold for every record for which the
 * expression can be true.
 */
#include "../base/moment.h"
#include "node.h"

static size_t needs_of(const struct cp_expr *x, struct cp_need *out, size_t max);

/* ---- Literals ---- */

/* Bytes that a format may write in another way. */
static bool is_cut(unsigned char c)
{
    return c == '/' || c == '"' || c == '\\' || c < 0x20 || c == 0x7f;
}

/* The longest piece of a text that stands in the record as it is. */
static struct cp_slice longest_piece(struct cp_slice s)
{
    struct cp_slice best = {0};
    size_t from = 0;

    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && !is_cut((unsigned char)s.p[i]))
            continue;
        if (i - from > best.n)
            best = (struct cp_slice){s.p + from, i - from};
        from = i + 1;
    }
    return best;
}

static size_t need_literal(const struct cp_expr *field, struct cp_slice text, struct cp_need *out,
                           size_t max)
{
    struct cp_slice piece = longest_piece(text);

    if (max == 0 || piece.n == 0 || field->op != CP_OP_FIELD || !field->raw_path)
        return 0;
    *out = (struct cp_need){.kind = CP_NEED_LITERAL, .path = field->raw_path, .literal = piece};
    return 1;
}

static size_t need_number(const struct cp_expr *field, const char *op, const struct cp_value *bound,
                          struct cp_need *out, size_t max)
{
    if (max == 0 || field->op != CP_OP_FIELD || !field->raw_path || bound->kind != CP_INT ||
        bound->flags)
        return 0;
    *out = (struct cp_need){.kind = CP_NEED_NUMBER, .path = field->raw_path, .bound = bound->i};
    memcpy(out->op, op, strlen(op) + 1);
    return 1;
}

/* Text that is a number or a time also equals other spellings of it. */
static bool has_one_spelling(struct cp_slice s)
{
    struct cp_num num;
    int64_t ns;

    return !cp_num_parse(s.p, s.n, &num) && !cp_time_parse(s.p, s.n, NULL, &ns) &&
           !cp_duration_parse(s.p, s.n, &ns);
}

static bool is_literal_text(const struct cp_value *v)
{
    return v->kind == CP_TEXT && !(v->flags & CP_UNTYPED);
}

static size_t need_equal(const struct cp_expr *field, const struct cp_value *v, struct cp_need *out,
                         size_t max)
{
    struct cp_slice s = {v->p, v->len};

    if (v->kind == CP_INT)
        return need_number(field, "==", v, out, max);
    return v->kind == CP_TEXT && has_one_spelling(s) ? need_literal(field, s, out, max) : 0;
}

/* ---- Operators ---- */

static const char *sign_of(enum cp_op op, bool is_mirrored)
{
    switch (op) {
    case CP_OP_LT:
        return is_mirrored ? ">" : "<";
    case CP_OP_LE:
        return is_mirrored ? ">=" : "<=";
    case CP_OP_GT:
        return is_mirrored ? "<" : ">";
    default:
        return is_mirrored ? "<=" : ">=";
    }
}

static size_t needs_of_comparison(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    bool is_mirrored = cp_expr_is_const(x->args[0]);
    const struct cp_expr *field = x->args[is_mirrored], *bound = x->args[!is_mirrored];

    if (!cp_expr_is_const(bound))
        return 0;
    return x->op == CP_OP_EQ
               ? need_equal(field, &bound->value, out, max)
               : need_number(field, sign_of(x->op, is_mirrored), &bound->value, out, max);
}

/* Addresses have other spellings too when they are of version 6; blocks have no text in common. */
static bool is_address_like(struct cp_slice s)
{
    return memchr(s.p, ':', s.n) || memchr(s.p, '/', s.n);
}

static size_t needs_of_in(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    const struct cp_expr *list = x->args[1];
    size_t n = 0;

    if (!x->in || list->op != CP_OP_LIST)
        return 0;
    for (size_t k = 0; k < list->n; k++) {
        const struct cp_value *v = &list->args[k]->value;
        if (v->kind == CP_TEXT && v->len > 0 && is_address_like((struct cp_slice){v->p, v->len}))
            return 0;
        if (n == max || need_equal(x->args[0], v, &out[n], max - n) == 0)
            return 0;
        n++;
    }
    return n;
}

/* All sides must be supported. */
static size_t needs_of_or(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    size_t n = 0;

    for (size_t a = 0; a < x->n; a++) {
        size_t more = needs_of(x->args[a], out + n, max - n);
        if (more == 0)
            return 0;
        n += more;
    }
    return n;
}

/* Fewer conditions are better, then longer literals. */
static size_t weight_of(const struct cp_need *v, size_t n)
{
    size_t shortest = 64;

    for (size_t k = 0; k < n; k++) {
        size_t len = v[k].kind == CP_NEED_LITERAL ? v[k].literal.n
                                                  : 6; /* a probe of a number is as good as that */
        if (len < shortest)
            shortest = len;
    }
    return shortest * 64 + (64 - (n < 64 ? n : 63));
}

enum { MOST = 16 };

static size_t needs_of_and(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    struct cp_need found[MOST];
    size_t best = 0, weight = 0;

    for (size_t a = 0; a < x->n; a++) {
        size_t n = needs_of(x->args[a], found, max < MOST ? max : MOST);
        if (n == 0 || weight_of(found, n) <= weight)
            continue;
        weight = weight_of(found, n);
        best = n;
        memcpy(out, found, n * sizeof *out);
    }
    return best;
}

static size_t needs_of_call(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    const struct cp_expr *part = x->n > 1 ? x->args[1] : NULL;

    if (!(x->function->flags & CP_FN_CONTAINS) || !cp_expr_is_const(part) ||
        !is_literal_text(&part->value))
        return 0;
    return need_literal(x->args[0], (struct cp_slice){part->value.p, part->value.len}, out, max);
}

static size_t needs_of(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    if (max == 0)
        return 0;
    switch (x->op) {
    case CP_OP_AND:
        return needs_of_and(x, out, max);
    case CP_OP_OR:
        return needs_of_or(x, out, max);
    case CP_OP_LT:
    case CP_OP_LE:
    case CP_OP_GT:
    case CP_OP_GE:
    case CP_OP_EQ:
        return needs_of_comparison(x, out, max);
    case CP_OP_IN:
        return needs_of_in(x, out, max);
    case CP_OP_MATCH:
        return need_literal(x->args[0], x->regex->required, out, max);
    case CP_OP_GLOB:
        return x->glob ? need_literal(x->args[0], x->glob->required, out, max) : 0;
    case CP_OP_CALL:
        return needs_of_call(x, out, max);
    default:
        return 0;
    }
}

size_t cp_expr_needs(const struct cp_expr *x, struct cp_need *out, size_t max)
{
    return cp_expr_is_infallible(x) ? needs_of(x, out, max) : 0;
}
