/* unset: removes fields. */
#include "place.h"

struct unset {
    struct place *v; /* the nested ones: the others are gone from the scope, nothing is left to do
                        while running */
    size_t n;
};

enum { MOST = 256 };

static int remove_field(struct cp_planner *p, struct unset *self)
{
    struct place place;

    if (place_parse(p, &place) < 0)
        return -1;
    if (!place.is_nested) {
        cp_scope_remove(p->scope, place.name);
        return 0;
    }
    if (self->n == MOST)
        return cp_diag_error(p->diags, place.pos, NULL, "unset takes at most %d nested fields",
                             MOST);
    place_plan_unset(p, &place);
    self->v[self->n++] = place;
    return 0;
}

static int unset_plan(struct cp_planner *p, void *data)
{
    struct unset *self = data;

    self->v = cp_heap_take(p->heap, MOST * sizeof *self->v);
    do {
        if (remove_field(p, self) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ",") || !cp_lexer_at_end(p->lexer));
    return 0;
}

static int unset_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    (void)data;
    (void)err;
    place_prepare(s);
    return 0;
}

static enum cp_outcome unset_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct unset *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t k = 0; k < self->n; k++)
        if (place_unset(&self->v[k], ev, b->sel, b->n_sel) == CP_EVAL_FULL)
            return CP_OUTCOME_FULL;
    return cp_stage_settle(s, b, ev);
}

const struct cp_stage_type cp_stage_unset = {
    .name = "unset",
    .kind = CP_TRANSFORM,
    .summary = "Removes fields",
    .usage = "FIELD [FIELD ...]",
    .doc = "Blanks or commas separate the fields. A field that a record does not have is no error. "
           "In JSON records user.id "
           "is the key \"user.id\" if the record has one, else id in the object user; all members "
           "of that name go, every other "
           "byte stays.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct unset),
    .plan = unset_plan,
    .open = unset_open,
    .process = unset_process,
    .examples =
        (const struct cp_example[]){
            {"parse json | unset password, user.email",
             "{\"user\": {\"id\": 1, \"email\": \"x@y\"}, \"password\": \"p\", \"n\": 1}\n",
             "{\"user\": {\"id\": 1}, \"n\": 1}\n", "a field, and one inside an object"},
            {"parse logfmt | unset a b", "a=1 b=2 c=3\n", "{\"c\":3}\n", NULL},
            {NULL},
        },
};
