/* stall.c: which branch of a pipeline can hold up which. */
#include <string.h>

#include "cmd.h"

/* Names are added to a text in the heap, with commas. */
static const char *add_name(struct cp_heap *heap, const char *text, const char *name)
{
    return text[0] ? cp_heap_printf(heap, "%s, %s", text, name) : name;
}

static const char *siblings(struct cp_heap *heap, const struct cp_stage *s, size_t k)
{
    const char *text = "";

    for (size_t i = 0; i < s->n_outs; i++)
        if (i != k)
            text = add_name(heap, text, s->outs[i]->to->name);
    return text;
}

static bool can_fill(const struct cp_edge *e)
{
    return e->capacity != CP_UNBOUNDED && cp_edge_waits(e);
}

/* A walk down from an edge. Every stage is looked at once. */
struct reach {
    bool is_seen[CP_PLAN_STAGES];
    const struct cp_stage *parted_at; /* what comes together there is looked for */
    const struct cp_stage *join;      /* and found */
    bool has_sink;                    /* by channels that wait for it, all of them */
};

static void walk(struct reach *r, const struct cp_edge *e, bool waits)
{
    const struct cp_stage *s = e->to;

    waits &= can_fill(e);
    if (s->type->kind == CP_SINK && waits)
        r->has_sink = true;
    if (s->parted_at == r->parted_at && !e->is_late)
        r->join = s;
    if (r->is_seen[s->index])
        return;
    r->is_seen[s->index] = true;
    for (size_t k = 0; k < s->n_outs; k++)
        walk(r, s->outs[k], waits);
}

static const char *effect(struct cp_heap *heap, const struct cp_stage *s, size_t k)
{
    const struct cp_edge *e = s->outs[k];
    struct reach r = {.parted_at = s};
    const char *others = siblings(heap, s, k);

    walk(&r, e, true);
    if (e->when_full == CP_FULL_FAIL)
        return "ends the pipeline when it is too slow";
    if (r.join && !can_fill(e))
        return cp_heap_printf(heap, "does not stall %s, but %s waits for its records", s->name,
                              r.join->name);
    if (!can_fill(e))
        return "stalls nobody";
    if (r.has_sink || r.join)
        return cp_heap_printf(heap, "stalls %s when it is slow", others);
    return cp_heap_printf(heap, "stalls %s only by its own work, not by what is below", others);
}

bool cmd_put_stalls(FILE *f, const struct cp_plan *plan)
{
    struct cp_heap heap = {0};
    bool is_any = false;

    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        for (size_t k = 0; s->n_outs > 1 && k < s->n_outs; k++) {
            const char *term = cp_heap_printf(&heap, "%s: %s", s->name, s->outs[k]->to->name);
            cmd_put_entry(f, term, effect(&heap, s, k), 2, 30);
            is_any = true;
        }
    }
    cp_heap_release(&heap);
    return is_any;
}
