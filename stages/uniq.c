/* uniq: one record of the named fields for each combination of their values. */
#include "seen.h"

struct uniq_field {
    struct cp_slice name;
    struct cp_pos pos;
    int slot;       /* where the value is */
    bool is_copied; /* it must be put there */
};

struct uniq {
    struct seen seen;
    struct uniq_field fields[CP_MAX_KEY];
};

static const struct cp_option options[] = {
    SEEN_OPTIONS(struct uniq, seen),
    {NULL},
};

static int plan_field(struct cp_planner *p, struct uniq *self)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);
    struct cp_path *path = cp_path_parse(p->lexer);

    if (!path || seen_plan_field(p, &self->seen, path, pos) < 0)
        return -1;
    struct uniq_field *f = &self->fields[self->seen.n - 1];
    *f = (struct uniq_field){.name = path->text, .pos = pos};
    if (cp_lexer_accept_word(p->lexer, "as") && !cp_lexer_name(p->lexer, &f->name))
        return -1;
    for (const struct uniq_field *o = self->fields; o < f; o++)
        if (cp_slice_equal(o->name, f->name))
            return cp_diag_error(p->diags, pos, "give one of them another name with as",
                                 "two fields are named %.*s", (int)f->name.n, f->name.p);
    return 0;
}

/* As keep does: values that are in a column already stay there. */
static void close_scope(struct cp_planner *p, struct uniq *self)
{
    for (size_t i = 0; i < self->seen.n; i++) {
        int slot = self->seen.operands[i].ref.slot;
        self->fields[i].is_copied = slot == CP_NO_SLOT;
        self->fields[i].slot = slot == CP_NO_SLOT ? cp_scope_new_slot(p->scope) : slot;
    }
    cp_scope_close(p->scope);
    p->scope->is_changed = true;
    for (size_t i = 0; i < self->seen.n; i++)
        cp_scope_put(p->scope, self->fields[i].name, self->fields[i].slot);
}

static int uniq_plan(struct cp_planner *p, void *data)
{
    struct uniq *self = data;

    if (cp_lexer_at_end(p->lexer))
        return seen_plan_record(p, &self->seen) < 0 ? -1 : seen_plan_end(p, &self->seen);
    do {
        cp_lexer_accept(p->lexer, ",");
        if (plan_field(p, self) < 0)
            return -1;
    } while (!cp_lexer_at_end(p->lexer));
    if (!p->stage->is_front)
        close_scope(p, self);
    return seen_plan_end(p, &self->seen);
}

static void uniq_fork(struct cp_stage *s, void *data)
{
    seen_fork(s, &((struct uniq *)data)->seen);
}

static int uniq_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    return seen_open(s, &((struct uniq *)data)->seen, err);
}

static enum cp_outcome uniq_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct uniq *self = data;
    enum cp_outcome outcome = seen_process(s, &self->seen, b);

    for (size_t f = 0; f < self->seen.n; f++)
        for (uint32_t k = 0; self->fields[f].is_copied && k < b->n_sel; k++)
            b->col[self->fields[f].slot][b->sel[k]] = self->seen.operands[f].values[b->sel[k]];
    return outcome;
}

static int uniq_finish(struct cp_stage *s, void *data)
{
    return seen_finish(s, &((struct uniq *)data)->seen);
}

static void uniq_close(void *data)
{
    seen_close(&((struct uniq *)data)->seen);
}

const struct cp_stage_type cp_stage_uniq = {
    .name = "uniq",
    .kind = CP_AGGREGATE,
    .summary = "Makes one record of the named fields for each combination of their values",
    .usage = "[FIELD [as NAME] ...]",
    .doc = "The record leaves when the combination first comes. Values are the same when their "
           "texts are; null and missing are the "
           "same. Without fields it is dedupe. Unlike uniq(1), records need not be neighbours.\n"
           "Combinations take at most max_memory; beyond it the oldest are given up, they leave "
           "again when they come again, and "
           "the summary says so. With workers it is two stages: the threads of NAME.part each "
           "leave out "
           "what they have seen themselves, and NAME, in one thread, what several of them have; "
           "each has "
           "a max_memory of its own.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_COUNTS | CP_STAGE_SIFTS,
    .size = sizeof(struct uniq),
    .options = options,
    .plan = uniq_plan,
    .fork = uniq_fork,
    .open = uniq_open,
    .process = uniq_process,
    .finish = uniq_finish,
    .close = uniq_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | uniq host, status",
             "{\"host\":\"a\",\"status\":200,\"n\":1}\n{\"host\":\"a\",\"status\":500}\n{\"host\":"
             "\"a\",\"status\":200}\n",
             "{\"host\":\"a\",\"status\":200}\n{\"host\":\"a\",\"status\":500}\n",
             "which combinations there are"},
            {NULL},
        },
};
