/* set: gives fields new values. */
#include "place.h"

struct assignment {
    struct place place;
    struct cp_expr *value;
    int slot; /* nested: where the value is computed; else that of the place */
};

struct set {
    struct assignment *v;
    size_t n;
};

enum { MOST = 256 };

/* The value is bound before the field is written: in `a = a + 1` the second a is the old one. */
static int add_assignment(struct cp_planner *p, struct set *self)
{
    struct assignment *a = &self->v[self->n];

    if (place_parse(p, &a->place) < 0)
        return -1;
    if (self->n == MOST)
        return cp_diag_error(p->diags, a->place.pos, NULL, "set takes at most %d assignments",
                             MOST);
    if (!cp_lexer_accept(p->lexer, "="))
        return cp_lexer_expect_end(p->lexer, "= and a value") < 0
                   ? -1
                   : cp_diag_error(p->diags, cp_lexer_pos(p->lexer), "set status = 200",
                                   "%.*s gets no value", (int)a->place.path->text.n,
                                   a->place.path->text.p);
    a->value = cp_plan_expr(p);
    if (!a->value)
        return -1;
    place_write(p, &a->place);
    a->slot = a->place.is_nested ? cp_scope_new_slot(p->scope) : a->place.slot;
    self->n++;
    return 0;
}

static int set_plan(struct cp_planner *p, void *data)
{
    struct set *self = data;

    self->v = cp_heap_take(p->heap, (MOST + 1) * sizeof *self->v);
    do {
        if (add_assignment(p, self) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    return cp_lexer_expect_end(p->lexer, "a comma or the end of set");
}

static int set_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct set *self = data;

    (void)err;
    for (size_t k = 0; k < self->n; k++)
        cp_stage_prepare(s, self->v[k].value);
    return 0;
}

static enum cp_outcome set_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct set *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t k = 0; k < self->n; k++) {
        const struct assignment *a = &self->v[k];
        struct cp_value *value = b->col[a->slot];
        if (cp_expr_eval(a->value, ev, b->sel, b->n_sel, value) == CP_EVAL_FULL ||
            place_set(&a->place, ev, b->sel, b->n_sel, value) == CP_EVAL_FULL)
            return CP_OUTCOME_FULL;
    }
    return cp_stage_settle(s, b, ev);
}

const struct cp_stage_type cp_stage_set = {
    .name = "set",
    .kind = CP_TRANSFORM,
    .summary = "Gives fields new values",
    .usage = "FIELD = EXPRESSION [, FIELD = EXPRESSION ...]",
    .doc = "From left to right: each expression sees what those before it have set. A value that "
           "is only copied keeps its "
           "spelling; null is stored as null. A new field comes after the others.\n\n"
           "In JSON records user.id is the key \"user.id\" if the record has one, else id in the "
           "object user. Objects "
           "on the way that are missing or null are made. Where something else is on the way, the "
           "record has an error and "
           "this assignment is left out. Every byte that is not changed stays as it is.\n\n"
           "An expression that fails (a division by zero, a text that is no number) gives null and "
           "is counted; on_error "
           "says what becomes of the record.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct set),
    .plan = set_plan,
    .open = set_open,
    .process = set_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | set slow = ms > 500, ms = ms / 1000",
             "{\"path\":\"/a\",\"ms\":1500}\n{\"path\":\"/b\",\"ms\":20}\n",
             "{\"path\":\"/a\",\"ms\":1.5,\"slow\":true}\n{\"path\":\"/"
             "b\",\"ms\":0.02,\"slow\":false}\n",
             "a new field, and one that is computed anew"},
            {"parse json | set a = b, c = null", "{\"a\": 1, \"b\": 2.50}\n",
             "{\"a\": 2.50, \"b\": 2.50,\"c\":null}\n",
             "copied values keep their spelling, other bytes stay"},
            {"parse json | set user.id = 7, req.path = \"/\"",
             "{\"user\": {\"id\": 1, \"n\": \"x\"}}\n{\"user.id\":1}\n",
             "{\"user\": {\"id\": 7, \"n\": "
             "\"x\"},\"req\":{\"path\":\"/\"}}\n{\"user.id\":7,\"req\":{\"path\":\"/\"}}\n",
             "inside objects"},
            {"parse logfmt | set level = upper(level)", "level=warn msg=\"disk full\"\n",
             "{\"level\":\"WARN\",\"msg\":\"disk full\"}\n", NULL},
            {NULL},
        },
};
