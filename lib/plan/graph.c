/* graph.c: lines of stages that part and come together. */
#include "plan_impl.h"

#include <stdio.h>

/* ---- Lines ---- */

void line_begin(struct walk *w)
{
    struct cp_heap *heap = &w->plan->heap;

    w->line = (struct line){.framing = cp_heap_take(heap, sizeof *w->line.framing),
                            .max_line = 1 << 20,
                            .scope = {.heap = heap,
                                      .n_slots = &w->plan->n_slots,
                                      .failed_slot = CP_NO_SLOT,
                                      .line_slot = CP_NO_SLOT}};
}

struct line line_copy(const struct line *line)
{
    struct line copy = *line;

    copy.scope = cp_scope_copy(&line->scope);
    return copy;
}

void line_name(struct walk *w, const char *name)
{
    w->named = cp_heap_grow(&w->plan->heap, w->named, w->n_named, sizeof *w->named);
    w->named[w->n_named++] = (struct named){name, line_copy(&w->line)};
}

/* ---- Edges ---- */

static void add_edge(struct cp_heap *heap, struct cp_edge ***v, size_t *n, struct cp_edge *e)
{
    *v = cp_heap_grow(heap, *v, *n, sizeof(struct cp_edge *));
    (*v)[(*n)++] = e;
}

static void connect(struct walk *w, struct cp_stage *from, size_t port, struct cp_stage *to)
{
    struct cp_plan *plan = w->plan;
    struct cp_edge *e = cp_heap_take(&plan->heap, sizeof *e);

    *e = (struct cp_edge){.from = from, .to = to, .port = port, .input = to->n_ins};
    add_edge(&plan->heap, &plan->edges, &plan->n_edges, e);
    add_edge(&plan->heap, &to->ins, &to->n_ins, e);
}

/* The records of all inputs come together in the stage that is being planned. */
static void join_inputs(struct walk *w)
{
    struct cp_scope **scopes = cp_heap_take(&w->plan->heap, w->n_inputs * sizeof *scopes);
    struct line line = w->inputs[0];
    size_t branches = 0;

    for (size_t k = 0; k < w->n_inputs; k++) {
        connect(w, w->inputs[k].stage, w->inputs[k].port, w->planner.stage);
        branches += cp_scope_branches(&w->inputs[k].scope);
        scopes[k] = &w->inputs[k].scope;
        if (w->inputs[k].max_line > line.max_line)
            line.max_line = w->inputs[k].max_line;
    }
    line.framing = NULL;
    line.prefilter = NULL;
    if (branches > CP_MAX_BRANCHES) { /* so that those above do not go on doubling */
        cp_diag_error(w->diags, w->inputs[0].stage->pos,
                      "end branches in sinks, or bring records into one shape with keep",
                      "more than %d branches come together below", CP_MAX_BRANCHES);
        w->n_inputs = 1;
    }
    cp_scope_join(&line.scope, cp_plan_wants(&w->planner, NULL, NULL), scopes, w->n_inputs);
    w->line = line;
    w->n_inputs = 0;
}

void plan_connect(struct walk *w)
{
    struct cp_planner *p = &w->planner;

    p->above = w->n_inputs > 0 ? NULL : w->line.stage;
    if (w->n_inputs > 0)
        join_inputs(w);
    else if (w->line.stage)
        connect(w, w->line.stage, w->line.port, p->stage);
    p->stage->max_line = w->line.max_line;
}

/* ---- Branches ---- */

static void plan_join(struct walk *w, struct line *lines, size_t n)
{
    w->inputs = lines;
    w->n_inputs = n;
    plan_stage(w, plan_implicit_item(w->plan, "merge"), cp_stage_type_find(CP_SLICE("merge")));
}

static const char *case_name(struct cp_heap *heap, const struct cp_stage *s,
                             const struct cp_branch *b, size_t k)
{
    if (b->is_else)
        return cp_heap_printf(heap, "%s.else", s->name);
    if (b->name.s.n > 0)
        return cp_heap_printf(heap, "%s.%.*s", s->name, (int)b->name.s.n, b->name.s.p);
    return cp_heap_printf(heap, "%s.%zu", s->name, k + 1);
}

/* The line of output k of the stage: its records can be parsed anew, but not be cut anew. */
static struct line part(const struct line *start, size_t k)
{
    struct line line = line_copy(start);

    line.port = k;
    line.framing = NULL;
    line.prefilter = NULL;
    return line;
}

/* Whether branch k, in a list of bare stages, would go on with what stands before it. */
static bool goes_on(const struct cp_item *item, size_t k, bool needs_source)
{
    const struct cp_stage_type *first = cp_stage_type_find(item->branches[0].items[0].kind.s),
                               *type = cp_stage_type_find(item->branches[k].items[0].kind.s);

    if (!first || !type)
        return false;
    return needs_source ? type->kind != CP_SOURCE : type->kind == CP_SINK && first->kind != CP_SINK;
}

/* tee: [filter a, file b] reads like one line of two stages, but is two branches. */
static void warn_of_row(struct walk *w, const struct cp_item *item, bool needs_source)
{
    size_t n = item->n_branches;

    for (size_t k = 0; k < n; k++)
        if (!item->branches[k].is_bare || item->branches[k].n != 1)
            return;
    if (n > 1 && goes_on(item, n - 1, needs_source))
        cp_diag_warning(w->diags, item->branches[0].pos,
                        "[[STAGE, STAGE]] is one branch of two stages, [[STAGE], [STAGE]] two "
                        "branches without doubt",
                        "each of these %zu stages is a branch of its own", n);
}

/* What goes on below: the branches that do not end in a sink; the records of no case; or, where no
 * branch comes back, the records themselves. Where the next stage names what it reads they do not
 * come together. */
void plan_branches(struct walk *w, const struct cp_item *item)
{
    struct cp_heap *heap = &w->plan->heap;
    struct cp_stage *s = w->planner.stage;
    struct line start = line_copy(&w->line),
                *open = cp_heap_take(heap, (item->n_branches + 1) * sizeof *open);
    bool has_else = false, is_left = w->is_left, comes_back = w->comes_back;
    size_t n = 0;

    warn_of_row(w, item, false);
    w->comes_back = false;
    for (size_t k = 0; k < item->n_branches; k++) {
        const struct cp_branch *b = &item->branches[k];
        w->line = part(&start, k);
        if (s->type->branches == CP_BRANCHES_CASES)
            line_name(w, case_name(heap, s, b, k));
        has_else |= b->is_else;
        plan_items(w, b->items, b->n);
        if (!w->line.is_ended)
            open[n++] = w->line;
    }
    w->comes_back = comes_back;
    s->n_outs = item->n_branches;
    if (s->type->branches == CP_BRANCHES_CASES ? !has_else : n == 0) {
        open[n] = part(&start, s->n_outs++);
        open[n++].framing = start.framing;
    }
    if (n > 1 && !is_left) {
        plan_join(w, open, n);
        plan_join_parted(&w->planner, s);
        return;
    }
    w->line = n == 1 ? open[0] : start;
    w->line.is_ended = n != 1;
}

void plan_inputs(struct walk *w, const struct cp_item *item)
{
    struct line *lines = cp_heap_take(&w->plan->heap, item->n_branches * sizeof *lines);
    bool comes_back = w->comes_back;
    size_t n = 0;

    if (w->line.stage)
        cp_diag_error(w->diags, item->kind.pos, "begin the pipeline with it, or name inputs: from",
                      "%.*s has inputs of its own, but stages come before it", (int)item->kind.s.n,
                      item->kind.s.p);
    warn_of_row(w, item, true);
    w->comes_back = true;
    for (size_t k = 0; k < item->n_branches; k++) {
        const struct cp_branch *b = &item->branches[k];
        line_begin(w);
        plan_items(w, b->items, b->n);
        if (w->line.is_ended)
            cp_diag_error(w->diags, b->pos, "leave out the sink",
                          "nothing comes out of %s, so there is nothing to merge",
                          w->line.stage->name);
        else if (w->line.stage)
            lines[n++] = w->line;
    }
    w->comes_back = comes_back;
    w->inputs = lines;
    w->n_inputs = n;
}

/* ---- from ---- */

const struct cp_node *plan_item_setting(const struct cp_item *item, const char *key)
{
    for (size_t i = 0; i < item->n_settings; i++)
        if (cp_slice_is(item->settings[i].key.s, key))
            return item->settings[i].value;
    return NULL;
}

static const struct named *find_named(const struct walk *w, struct cp_slice name)
{
    for (size_t i = 0; i < w->n_named; i++)
        if (cp_slice_is(name, w->named[i].name))
            return &w->named[i];
    return NULL;
}

static void unknown_input(struct walk *w, const struct cp_text *name)
{
    const char **names = cp_heap_take(&w->plan->heap, (w->n_named + 1) * sizeof *names);
    const char *near;
    char hint[128];

    for (size_t i = 0; i < w->n_named; i++)
        names[i] = w->named[i].name;
    near = cp_nearest(name->s.p, name->s.n, names, w->n_named);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    cp_diag_error(w->diags, name->pos,
                  near ? hint
                       : "name a stage that stands above: a stage cannot read what comes "
                         "out of a later one",
                  "there is no stage %.*s above", (int)name->s.n, name->s.p);
}

static bool is_input(const struct walk *w, const struct line *line)
{
    for (size_t k = 0; k < w->n_inputs; k++)
        if (w->inputs[k].stage == line->stage && w->inputs[k].port == line->port)
            return true;
    return false;
}

static void add_input(struct walk *w, const struct cp_text *name)
{
    const struct named *found = find_named(w, name->s);

    if (!found)
        unknown_input(w, name);
    else if (found->line.is_ended)
        cp_diag_error(w->diags, name->pos, NULL, "nothing comes out of %s", found->name);
    else if (is_input(w, &found->line))
        cp_diag_error(w->diags, name->pos, NULL, "%s is read twice", found->name);
    else {
        w->inputs[w->n_inputs] = line_copy(&found->line);
        w->inputs[w->n_inputs++].framing = NULL;
    }
}

bool plan_has_from(const struct cp_item *item)
{
    return plan_item_setting(item, "from");
}

void plan_from(struct walk *w, const struct cp_item *item)
{
    const struct cp_node *from = plan_item_setting(item, "from");
    const struct cp_stage_type *type = cp_stage_type_find(item->kind.s);
    size_t n = from ? from->n : 0;

    if (from && from->kind == CP_NODE_MAP) {
        cp_diag_error(w->diags, from->text.pos, NULL, "from is a name or a list of names");
        return;
    }
    w->inputs = cp_heap_take(&w->plan->heap, (n + w->n_failed + 1) * sizeof *w->inputs);
    w->n_inputs = 0;
    if (from && from->kind == CP_NODE_SCALAR)
        add_input(w, &from->text);
    for (size_t i = 0; i < n; i++)
        add_input(w, &from->items[i]->text);
    plan_failed_inputs(w, &item->name);
    if (w->n_inputs == 1) {
        w->line = w->inputs[0];
        w->n_inputs = 0;
    } else if (w->n_inputs > 1 && !(type->flags & CP_STAGE_JOINS)) {
        plan_join(w, w->inputs, w->n_inputs);
    }
}

bool plan_names_input(const struct cp_item *item, const char *name)
{
    const struct cp_node *from = plan_item_setting(item, "from");

    if (!from)
        return false;
    for (size_t i = 0; from->kind == CP_NODE_LIST && i < from->n; i++)
        if (cp_slice_is(from->items[i]->text.s, name))
            return true;
    return from->kind == CP_NODE_SCALAR && cp_slice_is(from->text.s, name);
}

/* ---- Outputs ---- */

/* Several read the same output: each gets all records, as from a tee. */
static void part_output(struct walk *w, struct cp_stage *from, size_t port)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage *tee =
        plan_stage_new(w, plan_implicit_item(plan, "tee"), cp_stage_type_find(CP_SLICE("tee")));

    tee->max_line = from->max_line;
    for (size_t i = 0; i < plan->n_edges; i++) {
        struct cp_edge *e = plan->edges[i];
        if (e->from == from && e->port == port) {
            e->from = tee;
            e->port = tee->n_outs++;
        }
    }
    connect(w, from, port, tee);
}

static size_t count_readers(const struct cp_plan *plan, const struct cp_stage *s, size_t port)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n_edges; i++)
        n += plan->edges[i]->from == s && plan->edges[i]->port == port;
    return n;
}

/* What somebody else reads must not be spared from parsing. */
static void end_prefilters(struct walk *w, const struct cp_stage *s)
{
    for (size_t i = 0; i < w->n_named; i++) {
        const struct line *line = &w->named[i].line;
        if (line->stage == s && line->prefilter) {
            line->prefilter->is_off = true;
            line->prefilter->n = 0;
        }
    }
}

static void plan_output(struct walk *w, struct cp_stage *s, size_t port)
{
    size_t readers = count_readers(w->plan, s, port);

    if (readers == 0)
        cp_diag_error(w->diags, s->pos, "end it in a sink, or read it: from",
                      "nobody reads what comes out of %s", s->name);
    if (readers > 1) {
        end_prefilters(w, s);
        part_output(w, s, port);
    }
}

/* Where several write standard output, the bytes of one stand between those of another. */
static void check_stdout(struct walk *w)
{
    const struct cp_plan *plan = w->plan;
    const struct cp_stage *first = NULL;

    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        if (strcmp(s->type->name, "stdout") != 0)
            continue;
        if (first)
            cp_diag_error(w->diags, s->pos.source ? s->pos : first->pos,
                          "leave it out in the branches: what they make comes together below, and "
                          "is written there",
                          "%s and %s would write into each other", first->name, s->name);
        else
            first = s;
    }
}

void plan_outputs(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    size_t written = plan->n;

    check_stdout(w);
    plan_failed_check(w);
    plan_failed_outputs(w);
    for (size_t i = 0; i < written && w->diags->errors == 0; i++)
        for (size_t port = 0; port < plan->stages[i]->n_outs; port++)
            plan_output(w, plan->stages[i], port);
    for (size_t i = 0; i < plan->n; i++)
        plan->stages[i]->outs =
            cp_heap_take(&plan->heap, (plan->stages[i]->n_outs + 1) * sizeof(struct cp_edge *));
    for (size_t i = 0; i < plan->n_edges; i++)
        plan->edges[i]->from->outs[plan->edges[i]->port] = plan->edges[i];
}
