/* order.c: records that part at one stage come together in their order at another one.
 *
 * The stage where they part numbers batches. Those between it and the join keep these numbers, and
 * hand on batches without records, too, so that the join hears how far each of its inputs is. Where
 * a parting lies between another one and its join, batches have numbers of both: how many there are
 * is the depth of a stage.
 */
#include "plan_impl.h"

#include <stdlib.h>

/* ---- Where they part ---- */

/* Stages by number, as a walk has seen them. */
struct seen {
    bool v[CP_PLAN_STAGES];
};

static bool see(struct seen *seen, const struct cp_stage *s)
{
    bool was_seen = seen->v[s->index];

    seen->v[s->index] = true;
    return was_seen;
}

/* Going up from s a source is reached by a way that does not pass `without`. */
static bool goes_around(const struct cp_stage *s, const struct cp_stage *without, struct seen *seen)
{
    if (s == without || see(seen, s))
        return false;
    for (size_t k = 0; k < s->n_ins; k++)
        if (goes_around(s->ins[k]->from, without, seen))
            return true;
    return s->n_ins == 0;
}

/* All that comes into a join has passed s. */
static bool dominates(const struct cp_stage *s, const struct cp_stage *join)
{
    struct seen seen = {{false}};

    return s != join && !goes_around(join, s, &seen);
}

static int no_order(struct cp_planner *p, struct cp_pos pos)
{
    return cp_diag_error(p->diags, pos,
                         "inputs that all part at one stage; or by=time with sources of their own",
                         "the inputs do not all come from one stage: they have no common order");
}

/* The nearest one: it lies on every way up. */
int cp_plan_join_in_order(struct cp_planner *p)
{
    const struct cp_stage *s = p->stage;

    while (s->n_ins > 0) {
        s = s->ins[0]->from;
        if (dominates(s, p->stage)) {
            p->stage->parted_at = s;
            return 0;
        }
    }
    return no_order(p, p->stage->pos);
}

void plan_join_parted(struct cp_planner *p, struct cp_stage *parting)
{
    if (dominates(parting, p->stage))
        p->stage->parted_at = parting;
    else
        no_order(p, parting->pos);
}

static void see_above(const struct cp_stage *s, struct seen *seen)
{
    if (see(seen, s))
        return;
    for (size_t k = 0; k < s->n_ins; k++)
        see_above(s->ins[k]->from, seen);
}

bool cp_plan_share_records(const struct cp_stage *s)
{
    struct seen above = {{false}};

    for (size_t k = 0; k < s->n_ins; k++) {
        struct seen seen = {{false}};
        see_above(s->ins[k]->from, &seen);
        for (size_t i = 0; i < CP_PLAN_STAGES; i++) {
            if (above.v[i] && seen.v[i])
                return true;
            above.v[i] |= seen.v[i];
        }
    }
    return false;
}

static bool mixes(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_JOINS && (!s->parted_at || s->keeps_records);
}

bool cp_plan_is_mixed(const struct cp_planner *p)
{
    const struct cp_stage *s = p->stage;

    while (s && s->n_ins > 0) {
        if (mixes(s))
            return true;
        s = s->n_ins > 1 ? s->parted_at : s->ins[0]->from;
    }
    return false;
}

/* ---- When the plan stands ---- */

/* The stage that has several outputs: one that nobody wrote stands below what several read. What
 * fails in a stage may go another way than what comes together. */
static struct cp_stage *parting_of(struct walk *w, const struct cp_stage *join)
{
    struct cp_stage *s = w->plan->stages[join->parted_at->index];

    while (cp_stage_outputs(s) == 1 && dominates(s->outs[0]->to, join))
        s = s->outs[0]->to;
    if (cp_stage_outputs(s) == 1 && s->type->flags & CP_STAGE_MAKES)
        cp_diag_error(w->diags, join->pos, "leave out by=order",
                      "the records cannot come together in order: those that %s makes are others",
                      s->name);
    return s;
}

/* Stages by number, for a parting: whether all that comes into them is late. */
struct lateness {
    const struct cp_stage *parting;
    struct seen known, late;
};

static bool comes_late(struct lateness *l, const struct cp_stage *s);

/* All that goes over an edge is made when an input has ended: by the stage above, or by those
 * between it and where the records parted. */
static bool is_late(struct lateness *l, const struct cp_edge *e)
{
    const struct cp_stage *s = e->from;

    if (s == l->parting || s->type->kind == CP_SOURCE)
        return false;
    if (s->type->flags & CP_STAGE_MAKES && !(s->type->flags & CP_STAGE_STREAMS) && !is_of_failed(e))
        return true;
    return comes_late(l, s);
}

static bool comes_late(struct lateness *l, const struct cp_stage *s)
{
    bool late = true;

    if (see(&l->known, s))
        return l->late.v[s->index];
    for (size_t k = 0; k < s->n_ins && late; k++)
        late = is_late(l, s->ins[k]);
    return l->late.v[s->index] = late;
}

/* A way up from a join to where the records parted. */
struct way_up {
    struct walk *walk;
    const struct cp_stage *join, *parting;
    struct seen seen;
};

static void check_stage(const struct way_up *up, const struct cp_stage *s)
{
    if (mixes(s))
        cp_diag_error(up->walk->diags, up->join->pos, "merge by=order there, too",
                      "the records cannot come together in order: %s mixes them", s->name);
}

static void go_up(struct way_up *up, struct cp_stage *s)
{
    if (s == up->parting || see(&up->seen, s))
        return;
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
    if (s == up->parting || see(&up->seen, s))
        return;
    for (size_t k = 0; k < s->n_ins; k++)
        count_groups(up, s->ins[k]);
}

static void order_join(struct walk *w, struct cp_stage *join, struct cp_stage *parting)
{
    struct way_up up = {w, join, parting, {{false}}};

    parting->numbers = true;
    join->joins_at = parting->depth;
    for (size_t k = 0; k < join->n_ins; k++)
        go_up(&up, join->ins[k]->from);
    memset(&up.seen, 0, sizeof up.seen);
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
        struct lateness l = {.parting = parting[i]};
        for (size_t k = 0; parting[i] && k < s->n_ins; k++)
            s->ins[k]->is_late = is_late(&l, s->ins[k]);
    }
    for (size_t t = 0; t < plan->n; t++)
        for (size_t i = 0; i < plan->n; i++)
            if (parting[i] == plan->stages[t]) {
                check_depth(w, plan->stages[t]);
                order_join(w, plan->stages[i], plan->stages[t]);
            }
}
