/* failed.c: records that fail in one stage and go to another: on_error: {to: NAME}. */
#include "plan_impl.h"

#include <stdio.h>

static bool can_fail_to_stage(struct walk *w, const struct cp_stage *s, struct cp_pos pos)
{
    const struct cp_node *own = plan_item_setting(s->item, "on_error");

    if (!own)
        cp_diag_error(w->diags, pos, "put it beside the stages whose records go there",
                      "a stage for failed records cannot be the default");
    else if (s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_JOINS)
        cp_diag_error(w->diags, pos, "{to: FILE} writes them to a file",
                      "%s cannot send records that fail to a stage", s->type->name);
    else
        return true;
    return false;
}

void plan_to_stage(struct walk *w, const char *name, struct cp_pos pos)
{
    struct cp_stage *s = w->planner.stage;

    if (!can_fail_to_stage(w, s, pos))
        return;
    w->failed = cp_heap_grow(&w->plan->heap, w->failed, w->n_failed, sizeof *w->failed);
    w->failed[w->n_failed] = (struct failed){name, pos, line_copy(&w->line), false};
    w->failed[w->n_failed++].line.scope.uses = NULL;
    s->to.stage = name;
}

/* The record as it came, with `_error`; where the stage reads its bytes it is a line. */
void plan_failed_end(struct walk *w)
{
    struct cp_stage *s = w->planner.stage;
    struct line *line;

    if (!s->to.stage)
        return;
    line = &w->failed[w->n_failed - 1].line;
    line->stage = s;
    line->port = PORT_OF_FAILED;
    line->is_ended = false;
    line->framing = NULL;
    line->prefilter = NULL;
    if (s->fails_as_lines) {
        s->to.line_slot = cp_scope_new_slot(&line->scope);
        cp_scope_close(&line->scope);
        cp_scope_put(&line->scope, CP_SLICE("line"), s->to.line_slot);
        line->scope.is_parsed = true;
        line->scope.is_json = false;
    }
    s->to.error_slot = cp_scope_write(&line->scope, CP_SLICE("_error"));
}

/* The lines whose records go to the stage of that name are inputs of it. */
void plan_failed_inputs(struct walk *w, const struct cp_text *name)
{
    for (size_t i = 0; name->s.n > 0 && i < w->n_failed; i++) {
        struct failed *f = &w->failed[i];
        if (f->is_taken || !cp_slice_is(name->s, f->name))
            continue;
        f->is_taken = true;
        w->inputs[w->n_inputs++] = line_copy(&f->line);
    }
}

/* The output for failed records is the last one. */
void plan_failed_outputs(struct walk *w)
{
    for (size_t i = 0; i < w->n_failed; i++) {
        struct cp_stage *s = w->failed[i].line.stage;
        s->to.output = s->n_outs++;
    }
    for (size_t i = 0; i < w->plan->n_edges; i++)
        if (w->plan->edges[i]->port == PORT_OF_FAILED)
            w->plan->edges[i]->port = w->plan->edges[i]->from->to.output;
}

/* The names that are written before stages, in branches too. */
static size_t list_names(const struct cp_item *items, size_t n_items, const char **names, size_t n,
                         struct cp_heap *heap)
{
    for (size_t i = 0; i < n_items; i++) {
        const struct cp_slice name = items[i].name.s;
        if (name.n > 0)
            names[n++] = cp_heap_copy(heap, name.p, name.n);
        for (size_t k = 0; k < items[i].n_branches; k++)
            n = list_names(items[i].branches[k].items, items[i].branches[k].n, names, n, heap);
    }
    return n;
}

static void unknown_stage(struct walk *w, const struct failed *f)
{
    const char *names[CP_DOC_MAX_STAGES], *from = f->line.stage->name;
    size_t n = list_names(w->doc->items, w->doc->n, names, 0, &w->plan->heap);
    const char *near = cp_nearest(f->name, strlen(f->name), names, n);
    char hint[128] = "a file has a dot or a slash in its name, as ./rejects";

    if (near && strcmp(near, f->name) == 0) {
        cp_diag_error(w->diags, f->pos, "a stage below can be named: NAME: KIND",
                      "%s cannot take what fails in %s: it does not stand below", f->name, from);
        return;
    }
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    cp_diag_error(w->diags, f->pos, hint, "there is no stage named %s below %s", f->name, from);
}

void plan_failed_check(struct walk *w)
{
    for (size_t i = 0; i < w->n_failed; i++)
        if (!w->failed[i].is_taken)
            unknown_stage(w, &w->failed[i]);
}
