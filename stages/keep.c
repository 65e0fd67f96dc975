/* keep: leaves only the named fields, in the order given. */
#include "../lib/stage.h"

struct keep_item {
    struct cp_ref ref;
    int slot; /* where the value goes; CP_NO_SLOT: it is in a column already */
    struct cp_slice name;
    int from; /* that column */
    struct cp_pos pos;
};

struct keep {
    struct keep_item *items;
    size_t n;
};

enum { MOST = 256 };

static int add_item(struct cp_planner *p, struct keep *self)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);
    struct cp_path *path = cp_path_parse(p->lexer);

    if (!path)
        return -1;
    if (self->n == MOST)
        return cp_diag_error(p->diags, pos, NULL, "keep takes at most %d fields", MOST);
    struct keep_item *it = &self->items[self->n++];
    *it = (struct keep_item){.name = path->text, .pos = pos, .slot = CP_NO_SLOT};
    it->ref = cp_plan_read(p, path, pos);
    if (cp_lexer_accept_word(p->lexer, "as") && !cp_lexer_name(p->lexer, &it->name))
        return -1;
    for (size_t i = 0; i + 1 < self->n; i++)
        if (cp_slice_equal(self->items[i].name, it->name))
            return cp_diag_error(p->diags, pos, "give one of them another name with as",
                                 "two fields are named %.*s", (int)it->name.n, it->name.p);
    return 0;
}

/* From here on the record is these fields. Values that are in columns already stay there: nothing
 * is left to do while running. */
static void close_scope(struct cp_planner *p, struct keep *self)
{
    struct cp_slice time = p->scope->time;

    for (size_t i = 0; i < self->n; i++)
        if (self->items[i].ref.slot == CP_NO_SLOT)
            self->items[i].slot = cp_scope_new_slot(p->scope);
    cp_scope_close(p->scope);
    p->scope->is_changed = true;
    for (size_t i = 0; i < self->n; i++) {
        const struct keep_item *it = &self->items[i];
        cp_scope_put(p->scope, it->name, it->slot != CP_NO_SLOT ? it->slot : it->ref.slot);
        if (time.n > 0 && cp_slice_equal(it->ref.path->text, time))
            p->scope->time = it->name;
    }
}

static int keep_plan(struct cp_planner *p, void *data)
{
    struct keep *self = data;

    self->items = cp_heap_take(p->heap, MOST * sizeof *self->items);
    do {
        if (add_item(p, self) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ",") || !cp_lexer_at_end(p->lexer));
    close_scope(p, self);
    return 0;
}

static int keep_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    (void)data;
    (void)err;
    cp_stage_prepare(s, NULL);
    return 0;
}

static enum cp_outcome keep_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct keep *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t k = 0; k < self->n; k++) {
        const struct keep_item *it = &self->items[k];
        if (it->slot != CP_NO_SLOT) {
            const struct cp_value *v =
                cp_ref_eval(&it->ref, ev, b->sel, b->n_sel, b->col[it->slot]);
            for (uint32_t j = 0; v != b->col[it->slot] && j < b->n_sel; j++)
                b->col[it->slot][b->sel[j]] = v[b->sel[j]];
        }
    }
    return cp_stage_settle(s, b, ev);
}

const struct cp_stage_type cp_stage_keep = {
    .name = "keep",
    .kind = CP_TRANSFORM,
    .summary = "Leaves only the named fields, in the order given",
    .usage = "FIELD [as NAME] [, FIELD [as NAME] ...]",
    .doc = "Blanks or commas separate the fields. A field that a record does not have is not made. "
           "A nested field leaves under its whole name, user.id, unless as "
           "gives it another.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct keep),
    .plan = keep_plan,
    .open = keep_open,
    .process = keep_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | keep user.id as id, n", "{\"n\":1,\"user\":{\"id\":7,\"x\":0}}\n",
             "{\"id\":7,\"n\":1}\n", NULL},
            {"parse json | keep b a tags[0]", "{\"a\": 1.50, \"tags\": [\"x\"]}\n",
             "{\"a\":1.50,\"tags[0]\":\"x\"}\n",
             "a missing field stays missing, values keep their spelling"},
            {"parse logfmt | keep status as code", "status=200 path=/\n", "{\"code\":200}\n", NULL},
            {NULL},
        },
};
