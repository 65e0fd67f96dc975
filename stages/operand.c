/* operand.c: values that stages read. */
#include "operand.h"

void operand_plan_path(struct cp_planner *p, struct operand *o, const struct cp_path *path,
                       struct cp_pos pos)
{
    *o = (struct operand){.path = path, .ref = cp_plan_read(p, path, pos)};
    cp_plan_memory(p, p->stage->records * sizeof *o->own);
}

int operand_plan(struct cp_planner *p, struct operand *o, struct cp_expr *x)
{
    const struct cp_path *path = cp_expr_path(x);

    if (path) {
        operand_plan_path(p, o, path, cp_expr_pos(x));
        return 0;
    }
    *o = (struct operand){.x = x};
    cp_plan_memory(p, p->stage->records * sizeof *o->own);
    return cp_plan_bind(p, x);
}

bool operand_equal(const struct operand *a, const struct operand *b)
{
    return !a->x && !b->x && cp_path_equal(a->path, b->path);
}

void operand_open(struct cp_stage *s, struct operand *o)
{
    cp_stage_prepare(s, o->x);
    o->own = cp_heap_take(s->heap, s->records * sizeof *o->own);
}

enum cp_eval_status operand_eval(struct operand *o, struct cp_eval *ev, const struct cp_batch *b)
{
    if (!o->x) {
        o->values = cp_ref_eval(&o->ref, ev, b->sel, b->n_sel, o->own);
        return CP_EVAL_OK;
    }
    o->values = o->own;
    return cp_expr_eval(o->x, ev, b->sel, b->n_sel, o->own);
}
