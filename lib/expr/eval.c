/* eval.c: walking the tree, one node at a time for all selected records; reading fields. */
#include "eval.h"

#include "../base/moment.h"
#include "../base/scan.h"
#include "../data/input.h"
#include "../format/json.h"

/* ---- The evaluator ---- */

void cp_eval_init(struct cp_eval *ev, struct cp_heap *heap, size_t records, size_t max_text)
{
    *ev = (struct cp_eval){.heap = heap, .records = records, .max_text = max_text};
    ev->reason = cp_heap_take(heap, records * sizeof *ev->reason);
}

/* What evaluating a tree takes at most of the stacks, and of regexes. */
struct room {
    size_t columns, selections;
    uint32_t groups;
    bool has_regex;
};

enum { SELECTIONS_PER_NODE = 3 };

static struct room room_for(const struct cp_expr *x)
{
    struct room r = {.columns = 1, .selections = SELECTIONS_PER_NODE};
    size_t held = 1, columns = 0, selections = 0;

    if (x->regex) {
        r.has_regex = true;
        r.groups = x->regex->groups;
    }
    for (size_t i = 0; i < x->n; i++) {
        if (cp_expr_is_const(x->args[i]))
            continue;
        struct room arg = room_for(x->args[i]);
        columns = held + arg.columns > columns ? held + arg.columns : columns;
        selections = arg.selections > selections ? arg.selections : selections;
        r.groups = arg.groups > r.groups ? arg.groups : r.groups;
        r.has_regex = r.has_regex || arg.has_regex;
        held++;
    }
    r.columns += columns;
    r.selections += selections;
    return r;
}

static void room_for_columns(struct cp_eval *ev, size_t n)
{
    struct cp_value **more;

    if (n <= ev->n_scratch)
        return;
    more = cp_heap_take(ev->heap, n * sizeof *more);
    for (size_t i = 0; i < n; i++)
        more[i] = i < ev->n_scratch ? ev->scratch[i]
                                    : cp_heap_take(ev->heap, ev->records * sizeof **more);
    ev->scratch = more;
    ev->n_scratch = n;
}

static void room_for_selections(struct cp_eval *ev, size_t n)
{
    uint16_t **more;

    if (n <= ev->n_selections)
        return;
    more = cp_heap_take(ev->heap, n * sizeof *more);
    for (size_t i = 0; i < n; i++)
        more[i] = i < ev->n_selections ? ev->selections[i]
                                       : cp_heap_take(ev->heap, ev->records * sizeof **more);
    ev->selections = more;
    ev->n_selections = n;
}

void cp_eval_prepare(struct cp_eval *ev, const struct cp_expr *x)
{
    struct room r = room_for(x);

    room_for_columns(ev, r.columns + 1);
    room_for_selections(ev, r.selections + 1);
    if (!r.has_regex)
        return;
    if (!ev->regex)
        ev->regex = cp_heap_take(ev->heap, sizeof *ev->regex);
    cp_regex_scratch_init(ev->regex, r.groups, ev->heap);
}

void cp_eval_begin(struct cp_eval *ev, struct cp_batch *b)
{
    if (ev->n_failed > 0)
        memset(ev->reason, 0, ev->records * sizeof *ev->reason);
    ev->n_failed = 0;
    ev->scratch_top = ev->selections_top = 0;
    ev->batch = b;
    ev->zone = &b->zone;
}

size_t cp_selection_without(const uint16_t *sel, size_t n, const uint16_t *less, size_t m,
                            uint16_t *out)
{
    size_t left = 0, j = 0;

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        if (j < m && less[j] == i)
            j++;
        else
            out[left++] = i;
    }
    return left;
}

/* ---- Fields ---- */

static void fill_value(const uint16_t *sel, size_t n, struct cp_value v, struct cp_value *out)
{
    for (size_t k = 0; k < n; k++)
        out[sel[k]] = v;
}

static void fill_nested(const struct cp_ref *ref, const struct cp_batch *b, const uint16_t *sel,
                        size_t n, struct cp_value *out)
{
    const struct cp_value *root = b->col[ref->root];
    const struct cp_value *literal = ref->literal >= 0 ? b->col[ref->literal] : NULL;

    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        if (literal && literal[i].kind != CP_MISSING)
            out[i] = literal[i];
        else if (root[i].kind >= CP_LIST)
            out[i] = cp_json_get(&root[i], ref->path->steps + 1, ref->path->n - 1);
        else
            out[i] = (struct cp_value){.kind = CP_MISSING};
    }
}

static void fill_raw(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_value *out)
{
    for (size_t k = 0; k < n; k++) {
        struct cp_slice raw = cp_batch_raw(b, sel[k]);
        out[sel[k]] = cp_text(raw.p, raw.n);
    }
}

static void fill_file(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_value *out)
{
    const struct cp_input *last = NULL;
    struct cp_value name = cp_null();

    for (size_t k = 0; k < n; k++) {
        const struct cp_input *in = cp_batch_input(b, sel[k]);
        if (in != last) {
            last = in;
            name = in ? cp_text(in->name, strlen(in->name)) : cp_null();
        }
        out[sel[k]] = name;
    }
}

/* Counts on from record to record, so that a batch is scanned once. */
static void fill_line(const struct cp_batch *b, const uint16_t *sel, size_t n, struct cp_value *out)
{
    uint32_t at = b->start;
    uint64_t line = b->first_line;

    for (size_t k = 0; k < n; k++) {
        uint32_t to = b->rec[sel[k]].off;
        if (to < at) {
            line = cp_batch_line(b, sel[k]);
        } else {
            line += cp_scan_count(b->block->data + at, to - at, '\n');
        }
        at = to;
        out[sel[k]] = cp_int((int64_t)line);
    }
}

static void fill_origin(const struct cp_batch *b, enum cp_meta meta, const uint16_t *sel, size_t n,
                        struct cp_value *out)
{
    for (size_t k = 0; k < n; k++) {
        const struct cp_origin *o = &b->origin[sel[k]];
        out[sel[k]] =
            !o->input ? cp_null() : cp_int((int64_t)(meta == CP_META_LINE ? o->line : o->offset));
    }
}

static void fill_offset(const struct cp_batch *b, const uint16_t *sel, size_t n,
                        struct cp_value *out)
{
    for (size_t k = 0; k < n; k++)
        out[sel[k]] = cp_int((int64_t)cp_batch_offset(b, sel[k]));
}

/* The first of the columns that has a value, as a time. */
static void fill_time(const struct cp_ref *ref, struct cp_eval *ev, const uint16_t *sel, size_t n,
                      struct cp_value *out)
{
    for (size_t k = 0; k < n; k++) {
        const struct cp_value *v = NULL;
        uint16_t i = sel[k];
        struct cp_num num;
        int64_t ns;

        for (size_t t = 0; t < CP_TIME_FIELDS && ref->times[t] >= 0 && (!v || cp_is_null(v)); t++)
            v = &ev->batch->col[ref->times[t]][i];
        out[i] = cp_null();
        if (!v || cp_is_null(v))
            continue;
        if (cp_value_time(v, ev->zone, &ns) ||
            (cp_value_number(v, &num) && cp_time_from_number(&num, &ns)))
            out[i] = cp_time(ns);
        else
            cp_eval_fail(ev, i, "_time: the field is no time");
    }
}

static void fill_meta(const struct cp_ref *ref, struct cp_eval *ev, const uint16_t *sel, size_t n,
                      struct cp_value *out)
{
    const struct cp_batch *b = ev->batch;

    if (ref->meta == CP_META_TIME)
        fill_time(ref, ev, sel, n, out);
    else if (ref->meta == CP_META_FILE)
        fill_file(b, sel, n, out);
    else if (ref->meta != CP_META_RAW && b->origin)
        fill_origin(b, ref->meta, sel, n, out);
    else if (!b->block || !b->rec)
        fill_value(sel, n, cp_null(), out);
    else if (ref->meta == CP_META_RAW)
        fill_raw(b, sel, n, out);
    else if (ref->meta == CP_META_LINE)
        fill_line(b, sel, n, out);
    else
        fill_offset(b, sel, n, out);
}

const struct cp_value *cp_ref_eval(const struct cp_ref *ref, struct cp_eval *ev,
                                   const uint16_t *sel, size_t n, struct cp_value *out)
{
    if (ref->slot >= 0)
        return ev->batch->col[ref->slot];
    if (ref->meta != CP_META_NONE)
        fill_meta(ref, ev, sel, n, out);
    else if (ref->root >= 0)
        fill_nested(ref, ev->batch, sel, n, out);
    else
        fill_value(sel, n, (struct cp_value){.kind = CP_MISSING}, out);
    return out;
}

/* ---- Named groups ---- */

void cp_expr_init_groups(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel, size_t n)
{
    for (size_t g = 0; x->groups && g < x->groups->n; g++) {
        struct cp_value *to = ev->batch->col[x->groups->v[g].slot];
        const struct cp_value *from = cp_ref_eval(&x->groups->v[g].old, ev, sel, n, to);
        for (size_t k = 0; from != to && k < n; k++)
            to[sel[k]] = from[sel[k]];
    }
}

/* ---- Walking ---- */

enum cp_eval_status cp_operand_eval(const struct cp_expr *x, struct cp_eval *ev,
                                    const uint16_t *sel, size_t n, struct cp_operand *out)
{
    struct cp_value *column;

    out->mask = SIZE_MAX;
    if (cp_expr_is_const(x)) {
        *out = (struct cp_operand){&x->value, 0};
        return CP_EVAL_OK;
    }
    if (x->op == CP_OP_FIELD) {
        out->v = x->ref.slot >= 0 ? ev->batch->col[x->ref.slot]
                                  : cp_ref_eval(&x->ref, ev, sel, n, cp_eval_column(ev));
        return CP_EVAL_OK;
    }
    column = cp_eval_column(ev);
    out->v = column;
    return cp_expr_eval(x, ev, sel, n, column);
}

/* The booleans of an operator that selects. */
static enum cp_eval_status eval_selected(const struct cp_expr *x, struct cp_eval *ev,
                                         const uint16_t *sel, size_t n, struct cp_value *out)
{
    uint16_t *keep = cp_eval_selection(ev);
    size_t kept;
    enum cp_eval_status status = cp_expr_select(x, ev, sel, n, keep, &kept);

    ev->selections_top--;
    if (status != CP_EVAL_OK)
        return status;
    fill_value(sel, n, cp_bool(false), out);
    fill_value(keep, kept, cp_bool(true), out);
    return CP_EVAL_OK;
}

static enum cp_eval_status eval_field(const struct cp_expr *x, struct cp_eval *ev,
                                      const uint16_t *sel, size_t n, struct cp_value *out)
{
    const struct cp_value *v = cp_ref_eval(&x->ref, ev, sel, n, out);

    for (size_t k = 0; k < n; k++)
        out[sel[k]] = cp_as_result(v[sel[k]]);
    return CP_EVAL_OK;
}

static enum cp_eval_status eval_node(const struct cp_expr *x, struct cp_eval *ev,
                                     const uint16_t *sel, size_t n, struct cp_value *out)
{
    switch (x->op) {
    case CP_OP_CONST:
        fill_value(sel, n, x->value, out);
        return CP_EVAL_OK;
    case CP_OP_FIELD:
        return eval_field(x, ev, sel, n, out);
    case CP_OP_CALL:
        return cp_call_eval(x, ev, sel, n, out);
    case CP_OP_LIST:
    case CP_OP_INDEX:
    case CP_OP_JOIN:
        return cp_text_eval(x, ev, sel, n, out);
    case CP_OP_IF:
    case CP_OP_COALESCE:
        return cp_logic_eval(x, ev, sel, n, out);
    case CP_OP_MATCH:
    case CP_OP_NOMATCH:
        return cp_match_eval(x, ev, sel, n, out);
    case CP_OP_NEG:
    case CP_OP_MUL:
    case CP_OP_DIV:
    case CP_OP_MOD:
    case CP_OP_ADD:
    case CP_OP_SUB:
        return cp_arithmetic_eval(x, ev, sel, n, out);
    default:
        return eval_selected(x, ev, sel, n, out);
    }
}

enum cp_eval_status cp_expr_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out)
{
    size_t columns = ev->scratch_top, selections = ev->selections_top;
    enum cp_eval_status status;

    if (x->groups)
        cp_expr_init_groups(x, ev, sel, n);
    status = eval_node(x, ev, sel, n, out);

    ev->scratch_top = columns;
    ev->selections_top = selections;
    return status;
}

/* Those for which the value is true. */
static enum cp_eval_status select_true(const struct cp_expr *x, struct cp_eval *ev,
                                       const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    struct cp_operand v;
    size_t left = 0;

    if (cp_operand_eval(x, ev, sel, n, &v) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    for (size_t k = 0; k < n; k++) {
        uint16_t i = sel[k];
        keep[left] = i;
        left += cp_value_truth(cp_operand_at(&v, i));
    }
    *kept = left;
    return CP_EVAL_OK;
}

static enum cp_eval_status select_node(const struct cp_expr *x, struct cp_eval *ev,
                                       const uint16_t *sel, size_t n, uint16_t *keep, size_t *kept)
{
    switch (x->op) {
    case CP_OP_AND:
    case CP_OP_OR:
    case CP_OP_NOT:
        return cp_logic_select(x, ev, sel, n, keep, kept);
    case CP_OP_LT:
    case CP_OP_LE:
    case CP_OP_GT:
    case CP_OP_GE:
    case CP_OP_EQ:
    case CP_OP_NE:
        return cp_compare_select(x, ev, sel, n, keep, kept);
    case CP_OP_IN:
        return cp_in_select(x, ev, sel, n, keep, kept);
    case CP_OP_MATCH:
    case CP_OP_NOMATCH:
    case CP_OP_GLOB:
        return cp_match_select(x, ev, sel, n, keep, kept);
    default:
        return select_true(x, ev, sel, n, keep, kept);
    }
}

enum cp_eval_status cp_expr_select(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                   size_t n, uint16_t *keep, size_t *kept)
{
    size_t columns = ev->scratch_top, selections = ev->selections_top;
    enum cp_eval_status status;

    if (x->groups)
        cp_expr_init_groups(x, ev, sel, n);
    status = select_node(x, ev, sel, n, keep, kept);

    ev->scratch_top = columns;
    ev->selections_top = selections;
    return status;
}
