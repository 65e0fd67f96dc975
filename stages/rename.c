/* rename: gives fields other names.
 *
 * DESIGN. A name alone changes in the scope, for nothing at run time. Only where the new name may
 * exist already, or where a path leads into an object, values are moved record by record, so that a
 * record without the field stays as it is.
 */
#include "place.h"

struct renaming {
    struct place from, to;
    struct cp_ref value;  /* of `from` */
    struct cp_ref old_to; /* of `to` when it is a key: what a record without `from` keeps */
    int slot;             /* where the value is read to when it has no column of its own */
    bool keeps_place;     /* both are keys: `to` stands where `from` stood */
    int mark;             /* then: CP_MISSING in records without `from`; or CP_NO_SLOT */
};

struct rename {
    struct renaming *v; /* those with something to do while running */
    size_t n;
};

enum { MOST = 256 };

/* ---- Planning ---- */

static struct cp_ref read_name(struct cp_planner *p, struct cp_slice name, bool *exists)
{
    struct cp_path *path = cp_path_literal(p->heap, name);
    path->is_own = true;
    return cp_scope_read(p->scope, path, exists);
}

static void rename_key(struct cp_planner *p, struct rename *self, struct renaming *r)
{
    bool from_exists, to_exists;

    r->value = read_name(p, r->from.name, &from_exists);
    if (!from_exists) {
        cp_scope_warn(p->scope, cp_path_literal(p->heap, r->from.name), r->from.pos, p->diags);
        return;
    }
    r->old_to = read_name(p, r->to.name, &to_exists);
    p->scope->is_changed = true;
    if (!to_exists || r->old_to.slot == CP_NO_SLOT) { /* an open record, but without that field */
        cp_scope_rename(p->scope, r->from.name, r->to.name);
        return;
    }
    r->mark = cp_scope_rename_over(p->scope, r->from.name, r->to.name);
    r->keeps_place = true;
    r->to.slot = cp_scope_write(p->scope, r->to.name);
    self->n++;
}

static void rename_nested(struct cp_planner *p, struct rename *self, struct renaming *r)
{
    bool exists;

    r->value = cp_scope_read(p->scope, r->from.path, &exists);
    r->slot = cp_scope_new_slot(p->scope);
    if (r->from.is_nested) {
        place_plan_unset(p, &r->from);
    } else {
        r->from.slot = cp_scope_write(p->scope, r->from.name);
    }
    if (!r->to.is_nested)
        r->old_to = read_name(p, r->to.name, &exists);
    place_write(p, &r->to);
    self->n++;
}

static int add_renaming(struct cp_planner *p, struct rename *self)
{
    struct renaming *r = &self->v[self->n];

    *r = (struct renaming){.slot = CP_NO_SLOT, .mark = CP_NO_SLOT};
    if (place_parse(p, &r->from) < 0)
        return -1;
    if (self->n == MOST)
        return cp_diag_error(p->diags, r->from.pos, NULL, "rename takes at most %d fields", MOST);
    if (!cp_lexer_accept_word(p->lexer, "to"))
        return cp_diag_error(p->diags, cp_lexer_pos(p->lexer), "rename msg to message",
                             "`to` and a new name are missing");
    if (place_parse(p, &r->to) < 0)
        return -1;
    if (r->from.is_nested || r->to.is_nested)
        rename_nested(p, self, r);
    else if (!cp_slice_equal(r->from.name, r->to.name))
        rename_key(p, self, r);
    return 0;
}

static int rename_plan(struct cp_planner *p, void *data)
{
    struct rename *self = data;

    self->v = cp_heap_take(p->heap, (MOST + 1) * sizeof *self->v);
    do {
        if (add_renaming(p, self) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    return cp_lexer_expect_end(p->lexer, "a comma or the end of rename");
}

static int rename_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    (void)data;
    (void)err;
    place_prepare(s);
    return 0;
}

/* ---- Working ---- */

/* The key `to` has the value of `from`, or its own where there is none. */
static void move_key(const struct renaming *r, struct cp_eval *ev, const uint16_t *sel, size_t n)
{
    struct cp_batch *b = ev->batch;
    struct cp_value *to = b->col[r->to.slot];
    const struct cp_value *from = cp_ref_eval(&r->value, ev, sel, n, to);
    const struct cp_value *old = b->col[r->old_to.slot];

    for (size_t k = 0; r->mark != CP_NO_SLOT && k < n; k++)
        b->col[r->mark][sel[k]].kind = from[sel[k]].kind == CP_MISSING ? CP_MISSING : CP_NULL;
    for (size_t k = 0; k < n; k++)
        to[sel[k]] = from[sel[k]].kind != CP_MISSING ? from[sel[k]] : old[sel[k]];
}

/* Leaves the records sel[0..n) as they are. */
static void leave(const struct renaming *r, struct cp_eval *ev, const struct cp_value *values,
                  const uint16_t *sel, size_t n)
{
    struct cp_value **col = ev->batch->col;

    if (r->from.is_nested)
        place_leave(&r->from, ev, sel, n);
    for (size_t k = 0; !r->from.is_nested && k < n; k++)
        col[r->from.slot][sel[k]] = values[sel[k]];
    if (r->to.is_nested) {
        place_leave(&r->to, ev, sel, n);
        return;
    }
    const struct cp_value *old = cp_ref_eval(&r->old_to, ev, sel, n, col[r->to.slot]);
    for (size_t k = 0; k < n; k++)
        col[r->to.slot][sel[k]] = old[sel[k]];
}

/* Unsets `from` and sets `to` in records sel[0..n), which have a value. */
static enum cp_eval_status move_values(const struct renaming *r, struct cp_eval *ev,
                                       const struct cp_value *values, const uint16_t *sel, size_t n)
{
    struct cp_value **col = ev->batch->col;

    if (r->from.is_nested && place_unset(&r->from, ev, sel, n) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    for (size_t k = 0; !r->from.is_nested && k < n; k++)
        col[r->from.slot][sel[k]] = (struct cp_value){.kind = CP_MISSING};
    return place_set(&r->to, ev, sel, n, values);
}

/* Records with an error, of this renaming or one before it, are left as they are. */
static bool has_failed(const struct cp_eval *ev, uint16_t i)
{
    return ev->n_failed > 0 && ev->reason[i];
}

static enum cp_eval_status move_nested(const struct renaming *r, struct cp_eval *ev)
{
    const struct cp_batch *b = ev->batch;
    uint16_t with[CP_BATCH_RECORDS], without[CP_BATCH_RECORDS];
    size_t n_with = 0, n_without = 0;
    const struct cp_value *values = cp_ref_eval(&r->value, ev, b->sel, b->n_sel, b->col[r->slot]);

    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint16_t i = b->sel[k];
        if (values[i].kind == CP_MISSING || has_failed(ev, i))
            without[n_without++] = i;
        else
            with[n_with++] = i;
    }
    leave(r, ev, values, without, n_without);
    if (move_values(r, ev, values, with, n_with) == CP_EVAL_FULL)
        return CP_EVAL_FULL;
    n_without = 0;
    for (size_t k = 0; k < n_with; k++)
        if (has_failed(ev, with[k]))
            without[n_without++] = with[k];
    leave(r, ev, values, without, n_without);
    return CP_EVAL_OK;
}

static enum cp_outcome rename_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct rename *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t k = 0; k < self->n; k++) {
        if (self->v[k].keeps_place)
            move_key(&self->v[k], ev, b->sel, b->n_sel);
        else if (move_nested(&self->v[k], ev) == CP_EVAL_FULL)
            return CP_OUTCOME_FULL;
    }
    return cp_stage_settle(s, b, ev);
}

const struct cp_stage_type cp_stage_rename = {
    .name = "rename",
    .kind = CP_TRANSFORM,
    .summary = "Gives fields other names",
    .usage = "FIELD to NAME [, FIELD to NAME ...]",
    .doc = "The field keeps its place; one that had the new name before goes. A record without the "
           "field stays as it is. A field "
           "inside an object, on either side of to, is taken out and set anew, after the others.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct rename),
    .plan = rename_plan,
    .open = rename_open,
    .process = rename_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | rename msg to message, lvl to level",
             "{\"lvl\": \"info\", \"msg\": \"up\"}\n{\"message\":\"x\"}\n",
             "{\"level\": \"info\", \"message\": \"up\"}\n{\"message\":\"x\"}\n", NULL},
            {"parse json | rename user.id to id", "{\"user\":{\"id\":7,\"n\":\"x\"},\"a\":1}\n",
             "{\"user\":{\"n\":\"x\"},\"a\":1,\"id\":7}\n", "out of an object"},
            {"parse csv | rename a to b", "a,b\n1,2\n", "{\"b\":1}\n", NULL},
            {NULL},
        },
};
