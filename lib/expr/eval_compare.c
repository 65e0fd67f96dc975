/* eval_compare.c: < <= > >= == != and in (semantics 20, 23, 25, 26). */
#include "../base/number.h"
#include "../data/text.h"
#include "../format/json.h"
#include "eval.h"
#include "net.h"

/* How two values stand to each other; an operator is the set of those for which it is true. */
enum standing { LESS, EQUAL, GREATER, UNORDERED, BOTH_NULL };

static unsigned accepted_by(enum cp_op op)
{
    switch (op) {
    case CP_OP_LT:
        return 1u << LESS;
    case CP_OP_LE:
        return 1u << LESS | 1u << EQUAL;
    case CP_OP_GT:
        return 1u << GREATER;
    case CP_OP_GE:
        return 1u << GREATER | 1u << EQUAL;
    case CP_OP_EQ:
        return 1u << EQUAL | 1u << BOTH_NULL;
    default:
        return 1u << LESS | 1u << GREATER | 1u << UNORDERED;
    }
}

static enum standing standing_of(const struct cp_value *a, const struct cp_value *b,
                                 const struct cp_time_zone *zone)
{
    int c;

    if (cp_is_null(a) && cp_is_null(b))
        return BOTH_NULL;
    c = cp_value_compare(a, b, zone, NULL);
    return c == CP_UNORDERED ? UNORDERED : (enum standing)(c + EQUAL);
}

static size_t select_any(const struct cp_operand *a, const struct cp_operand *b, unsigned accepted,
                         const struct cp_eval *ev, const uint16_t *sel, size_t n, uint16_t *keep)
{
    size_t left = 0;

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        keep[left] = i;
        left += accepted >> standing_of(cp_operand_at(a, i), cp_operand_at(b, i), ev->zone) & 1;
    }
    return left;
}

/* ---- A field against a constant number ---- */

/* Reads 1 to 8 digits at once (the bytes behind them can be read: PADDING). */
static inline bool short_digits(const char *p, size_t n, int64_t *v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t x, zeros = 0x3030303030303030u;
    unsigned missing = (unsigned)(8 - n) * 8;

    memcpy(&x, p, 8);
    if (missing)
        x = x << missing | zeros >> (64 - missing);
    if (!cp_digits8_are_valid(x))
        return false;
    *v = cp_digits8_value(x);
    return true;
#else
    uint64_t u;
    bool ok = cp_digits_parse(p, n, &u);
    *v = (int64_t)u;
    return ok;
#endif
}

static inline bool is_bare(const struct cp_value *v)
{
    return v->kind == CP_NUMBER || (v->kind == CP_TEXT && v->esc == CP_PLAIN);
}

static inline bool is_number(const struct cp_value *v)
{
    return v->kind == CP_INT || v->kind == CP_DOUBLE || v->kind == CP_NUMBER;
}

/* The number of a value without a look at escapes. */
static inline bool quick_number(const struct cp_value *v, struct cp_num *out)
{
    if (is_bare(v))
        return cp_num_parse(v->p, v->len, out) != CP_NUM_NONE;
    return (v->kind == CP_INT || v->kind == CP_DOUBLE) && cp_value_number(v, out);
}

static unsigned num_standing(const struct cp_num *a, const struct cp_num *b)
{
    int c = cp_num_compare(a, b);

    return EQUAL + (unsigned)(c > 0) - (unsigned)(c < 0);
}

/* Short digits against an integer are compared right here; what is no number, in general. */
static size_t select_number(const struct cp_value *column, const struct cp_expr *bound,
                            unsigned accepted, const struct cp_eval *ev, const uint16_t *sel,
                            size_t n, uint16_t *keep)
{
    bool is_int = bound->number.kind == CP_NUM_INT;
    int64_t b = bound->number.i, a;
    size_t left = 0;

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        const struct cp_value *v = &column[i];
        struct cp_num num;
        unsigned standing;

        if (is_int && is_bare(v) && v->len - 1 < 8 && short_digits(v->p, v->len, &a))
            standing = EQUAL + (unsigned)(a > b) - (unsigned)(a < b);
        else if (quick_number(v, &num))
            standing = num_standing(&num, &bound->number);
        else
            standing = standing_of(v, &bound->value, ev->zone);
        keep[left] = i;
        left += accepted >> standing & 1;
    }
    return left;
}

/* ---- A field against a constant text ---- */

/* == and != with a literal, which is never taken for a number by a text. */
static size_t select_text(const struct cp_value *column, const struct cp_value *text, bool is_equal,
                          const struct cp_eval *ev, const uint16_t *sel, size_t n, uint16_t *keep)
{
    size_t len = text->len, head = len < 8 ? len : 8, left = 0;
    uint64_t mask = head == 8 ? UINT64_MAX : ((uint64_t)1 << head * 8) - 1, first = 0;

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    mask = head ? ~(UINT64_MAX >> (head * 8 - 1) >> 1) : 0;
#endif
    memcpy(&first, text->p, 8);
    first &= mask;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        const struct cp_value *v = &column[i];
        bool is_same;

        if (v->kind == CP_TEXT && v->esc == CP_PLAIN) {
            is_same = v->len == len;
            if (is_same && len > 0) {
                uint64_t x;
                memcpy(&x, v->p, 8);
                is_same = (x & mask) == first &&
                          (len <= 8 || memcmp(v->p + 8, text->p + 8, len - 8) == 0);
            }
        } else {
            is_same = standing_of(v, text, ev->zone) == EQUAL;
        }
        keep[left] = i;
        left += is_same == is_equal;
    }
    return left;
}

static enum cp_op mirrored(enum cp_op op)
{
    switch (op) {
    case CP_OP_LT:
        return CP_OP_GT;
    case CP_OP_LE:
        return CP_OP_GE;
    case CP_OP_GT:
        return CP_OP_LT;
    case CP_OP_GE:
        return CP_OP_LE;
    default:
        return op;
    }
}

enum cp_eval_status cp_compare_select(const struct cp_expr *x, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    const struct cp_expr *bound = x->args[1];
    struct cp_operand a, b;
    enum cp_op op = x->op;

    if (cp_operand_eval(x->args[0], ev, sel, n, &a) == CP_EVAL_FULL ||
        cp_operand_eval(x->args[1], ev, sel, n, &b) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    if (!a.mask && b.mask) {
        struct cp_operand swap = a;
        a = b;
        b = swap;
        op = mirrored(op);
        bound = x->args[0];
    }
    if (!b.mask && a.mask && is_number(b.v))
        *kept = select_number(a.v, bound, accepted_by(op), ev, sel, n, keep);
    else if (!b.mask && a.mask && b.v->kind == CP_TEXT && !b.v->flags &&
             (op == CP_OP_EQ || op == CP_OP_NE))
        *kept = select_text(a.v, b.v, op == CP_OP_EQ, ev, sel, n, keep);
    else
        *kept = select_any(&a, &b, accepted_by(op), ev, sel, n, keep);
    return CP_EVAL_OK;
}

/* ---- in ---- */

/* A constant list. Texts whose length no member has are passed over at once. */
struct cp_in_list {
    struct cp_value *members;
    size_t n;
    struct cp_num *numbers; /* of the members, where all are numbers; else NULL */
    struct cp_net *nets;
    size_t n_nets;
    bool has_only_texts;
    uint64_t lengths; /* bit min(length, 63) */
};

static uint64_t length_bit(size_t len)
{
    return (uint64_t)1 << (len < 63 ? len : 63);
}

static void in_add(struct cp_in_list *l, const struct cp_value *v)
{
    struct cp_slice s = {v->p, v->len};

    l->members[l->n++] = *v;
    if (v->kind != CP_TEXT || v->flags) {
        l->has_only_texts = false;
        return;
    }
    l->lengths |= length_bit(v->len);
    if (cp_net_parse(s, &l->nets[l->n_nets]))
        l->n_nets++;
}

static void in_numbers(struct cp_in_list *l, struct cp_heap *heap)
{
    struct cp_num *numbers = cp_heap_take(heap, (l->n + 1) * sizeof *numbers);

    for (size_t k = 0; k < l->n; k++)
        if (!is_number(&l->members[k]) || !cp_value_number(&l->members[k], &numbers[k]))
            return;
    l->numbers = numbers;
}

const struct cp_in_list *cp_in_prepare(const struct cp_expr *list, struct cp_heap *heap)
{
    struct cp_in_list *l = cp_heap_take(heap, sizeof *l);
    bool is_list = list->op == CP_OP_LIST;
    size_t n = is_list ? list->n : 1;

    l->members = cp_heap_take(heap, n * sizeof *l->members);
    l->nets = cp_heap_take(heap, n * sizeof *l->nets);
    l->has_only_texts = true;
    for (size_t k = 0; k < n; k++)
        in_add(l, is_list ? &list->args[k]->value : &list->value);
    if (!is_list) /* against a text: a block only */
        l->n = 0;
    in_numbers(l, heap);
    return l;
}

bool cp_in_has_nets(const struct cp_in_list *l)
{
    return l->n_nets > 0;
}

/* The text of a value when it may be an address; escapes never are. */
static bool address_of(const struct cp_value *v, struct cp_net *out)
{
    return v->kind == CP_TEXT && v->esc == CP_PLAIN &&
           cp_address_parse((struct cp_slice){v->p, v->len}, out);
}

static bool in_nets(const struct cp_in_list *l, const struct cp_value *v)
{
    struct cp_net address;

    if (l->n_nets == 0 || !address_of(v, &address))
        return false;
    for (size_t k = 0; k < l->n_nets; k++)
        if (cp_net_contains(&l->nets[k], &address))
            return true;
    return false;
}

static bool is_equal(const struct cp_value *a, const struct cp_value *b,
                     const struct cp_time_zone *zone)
{
    enum standing s = standing_of(a, b, zone);

    return s == EQUAL || s == BOTH_NULL;
}

static bool in_members(const struct cp_in_list *l, const struct cp_value *v,
                       const struct cp_time_zone *zone)
{
    struct cp_num num;

    if (l->has_only_texts && v->kind == CP_TEXT && v->esc == CP_PLAIN) {
        if (!(l->lengths & length_bit(v->len)))
            return false;
        for (size_t k = 0; k < l->n; k++)
            if (l->members[k].len == v->len && memcmp(l->members[k].p, v->p, v->len) == 0)
                return true;
        return false;
    }
    if (l->numbers && quick_number(v, &num)) {
        for (size_t k = 0; k < l->n; k++)
            if (cp_num_compare(&num, &l->numbers[k]) == 0)
                return true;
        return false;
    }
    for (size_t k = 0; k < l->n; k++)
        if (is_equal(v, &l->members[k], zone))
            return true;
    return false;
}

/* A member of a list that a record has: equal, or a block with the address. */
static bool in_json(const struct cp_value *list, const struct cp_value *v,
                    const struct cp_time_zone *zone)
{
    struct cp_json_iter it;
    struct cp_net address, net;
    bool is_address = address_of(v, &address);

    cp_json_iter_init(&it, list);
    while (cp_json_iter_next(&it)) {
        if (is_equal(v, &it.value, zone))
            return true;
        if (is_address && it.value.kind == CP_TEXT && it.value.esc == CP_PLAIN &&
            cp_net_parse((struct cp_slice){it.value.p, it.value.len}, &net) &&
            cp_net_contains(&net, &address))
            return true;
    }
    return false;
}

static bool in_value(const struct cp_value *right, const struct cp_value *v,
                     const struct cp_time_zone *zone)
{
    struct cp_net address, net;

    if (right->kind == CP_LIST)
        return in_json(right, v, zone);
    return right->kind == CP_TEXT && right->esc == CP_PLAIN && address_of(v, &address) &&
           cp_net_parse((struct cp_slice){right->p, right->len}, &net) &&
           cp_net_contains(&net, &address);
}

enum cp_eval_status cp_in_select(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, uint16_t *keep, size_t *kept)
{
    struct cp_operand a, b = {0};
    size_t left = 0;

    if (cp_operand_eval(x->args[0], ev, sel, n, &a) == CP_EVAL_FULL ||
        (!x->in && cp_operand_eval(x->args[1], ev, sel, n, &b) == CP_EVAL_FULL))
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        const struct cp_value *v = cp_operand_at(&a, i);
        bool is_in = x->in ? in_members(x->in, v, ev->zone) || in_nets(x->in, v)
                           : in_value(cp_operand_at(&b, i), v, ev->zone);
        keep[left] = i;
        left += is_in;
    }
    *kept = left;
    return CP_EVAL_OK;
}
