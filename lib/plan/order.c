/* order.c: records that part at one stage come together in their order at another one.
 *
 * The stage where they part numbers batches. Those between it and the join keep these numbers, and
 * hand on batches without records, too, so that the join hears how far each of its inputs is. Where
 * a parting lies between another one and its join, batches have numbers of both: how many there are
 * is the depth of a stage.
 */
#include "plan_impl.h"

#include <stdlib.h>

/* The stage that has several outputs: one that nobody wrote stands below what several read. What
 * fails in a stage may go another way than what comes together. */
static struct cp_stage *parting_of(struct walk *w, const struct cp_stage *join)
{
    struct cp_stage *s = w->plan->stages[join->parted_at->index];

    while (cp_stage_outputs(s) == 1 && plan_is_above_all(s->outs[0]->to, join))
        s = s->outs[0]->to;
    if (cp_stage_outputs(s) == 1 && s->type->flags & CP_STAGE_MAKES)
        cp_diag_error(w->diags, join->pos, "leave out by=order",
                      "the records cannot come together in order: those that %s makes are others",
                      s->name);
    return s;
}

/* All that goes over an edge is made when an input has ended: by the stage above, or by those
 * between it and where the records parted. */
static bool is_late(const struct cp_edge *e, const struct cp_stage *parting)
{
    const struct cp_stage *s = e->from;

    if (s == parting || s->type->kind == CP_SOURCE)
        return false;
    if (s->type->flags & CP_STAGE_MAKES && !(s->type->flags & CP_STAGE_STREAMS) && !is_of_failed(e))
        return true;
    for (size_t k = 0; k < s->n_ins; k++)
        if (!is_late(s->ins[k], parting))
            return false;
    return true;
}

/* A way up from a join to where the records parted. */
struct way_up {
    struct walk *walk;
    const struct cp_stage *join, *parting;
    bool is_seen[CP_PLAN_STAGES]; /* by number of the stage */
};

static void check_stage(const struct way_up *up, const struct cp_stage *s)
{
    if (s->type->flags & CP_STAGE_JOINS && (!s->parted_at || s->keeps_records))
        cp_diag_error(up->walk->diags, up->join->pos, "merge by=order there, too",
                      "the records cannot come together in order: %s mixes them", s->name);
}

static void go_up(struct way_up *up, struct cp_stage *s)
{
    if (s == up->parting || up->is_seen[s->index])
        return;
    up->is_seen[s->index] = true;
    check_stage(up, s);
    if (s->depth < up->parting->depth + 1)
        s->depth = up->parting->depth + 1;
    for (size_t k = 0; k < s->n_ins; k++)
        go_up(up, s->ins[k]->from);
}

/* Every batch must be heard of, on all the ways that do not wait for the end of the input. */
static void count_groups(struct way_up *up, struct cp_edge *e)
{
    struct cp_stage *s = e->from;

    if (e->is_late)
        return;
    e->is_counted = true;
    if (s == up->parting || up->is_seen[s->index])
        return;
    up->is_seen[s->index] = true;
    for (size_t k = 0; k < s->n_ins; k++)
        count_groups(up, s->ins[k]);
}

static void order_join(struct walk *w, struct cp_stage *join, struct cp_stage *parting)
{
    struct way_up up = {w, join, parting, {false}};

    parting->numbers = true;
    join->joins_at = parting->depth;
    for (size_t k = 0; k < join->n_ins; k++)
        go_up(&up, join->ins[k]->from);
    memset(up.is_seen, 0, sizeof up.is_seen);
    for (size_t k = 0; k < join->n_ins; k++)
        count_groups(&up, join->ins[k]);
}

static void check_depth(struct walk *w, struct cp_stage *parting)
{
    if (parting->depth < CP_MAX_DEPTH)
        return;
    cp_diag_error(w->diags, parting->pos,
                  "end a branch in a sink, or name it and read it with from",
                  "more than %d partings within each other", CP_MAX_DEPTH);
    parting->depth = CP_MAX_DEPTH - 1;
}

/* From the top down: how deep a parting lies follows from those above. */
void plan_order(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage **parting = cp_heap_take(&plan->heap, plan->n * sizeof(struct cp_stage *));

    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        parting[i] = s->parted_at ? parting_of(w, s) : NULL;
        for (size_t k = 0; parting[i] && k < s->n_ins; k++)
            s->ins[k]->is_late = is_late(s->ins[k], parting[i]);
    }
    for (size_t t = 0; t < plan->n; t++)
        for (size_t i = 0; i < plan->n; i++)
            if (parting[i] == plan->stages[t]) {
                check_depth(w, plan->stages[t]);
                order_join(w, plan->stages[i], plan->stages[t]);
            }
}
