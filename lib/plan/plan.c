/* plan.c: from a doc to stages that can run. */
#include "plan_impl.h"

#include "../format/rejects.h"

/* ---- One stage ---- */

static bool is_regex(const struct cp_planner *p, const struct cp_word *w)
{
    return p->stage->type->args == CP_ARGS_WORDS_REGEX && !w->quoted && w->text.s.n > 0 &&
           w->text.s.p[0] == '/';
}

/* The words of `files` with the operands of the command line in place of its paths: its options
 * stay. */
static struct cp_words with_operands(const struct cp_planner *p, const struct cp_words *own)
{
    const struct cp_plan_options *o = p->options;
    struct cp_words w = {cp_heap_take(p->heap, (own->n + o->n_operands + 1) * sizeof *w.v), 0};

    for (size_t i = 0; i < own->n; i++)
        if (own->v[i].key.n > 0)
            w.v[w.n++] = own->v[i];
    for (size_t i = 0; i < o->n_operands; i++) {
        struct cp_word *word = &w.v[w.n++];
        word->text.s = cp_slice_of(o->operands[i]);
        word->quoted = true; /* a name as it is, no pattern */
    }
    return w;
}

/* Only double quotes are quotes in words. */
static void warn_of_quotes(struct cp_planner *p)
{
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (!w->quoted && w->text.s.n > 1 && w->text.s.p[0] == '\'')
            cp_diag_warning(p->diags, cp_text_pos(&w->text, 0, 1), "write \"…\"",
                            "a single quote does not quote a word: it is part of the word");
    }
}

static int plan_words(struct cp_planner *p)
{
    int rc = cp_words_split(&p->item->args, p->stage->type->args == CP_ARGS_WORDS_REGEX, p->heap,
                            &p->words, p->diags);
    warn_of_quotes(p);
    for (size_t i = 0; i < p->words.n; i++)
        if (!is_regex(p, &p->words.v[i]) && plan_expand(p, &p->words.v[i].text) < 0)
            rc = -1;
    if (p->stage->index == 0 && p->options->n_operands > 0)
        p->words = with_operands(p, &p->words);
    return rc;
}

static int plan_args(struct cp_planner *p)
{
    p->lexer = NULL;
    if (p->stage->type->args == CP_ARGS_EXPR)
        p->lexer = cp_lexer_new(&p->item->args, p->heap, p->diags);
    else
        return plan_words(p);
    return 0;
}

/* The stage's own name, or its kind with a number from the second on (semantics 2). */
static const char *stage_name(struct cp_plan *plan, const struct cp_item *item)
{
    size_t same = 1;
    if (item->name.s.n > 0)
        return cp_heap_copy(&plan->heap, item->name.s.p, item->name.s.n);
    for (size_t i = 0; i < plan->n; i++)
        same +=
            cp_slice_is(item->kind.s, plan->stages[i]->type->name) && !plan->stages[i]->is_front;
    if (same == 1)
        return cp_heap_copy(&plan->heap, item->kind.s.p, item->kind.s.n);
    return cp_heap_printf(&plan->heap, "%.*s%zu", (int)item->kind.s.n, item->kind.s.p, same);
}

static void check_name(struct walk *w, const struct cp_item *item, const char *name)
{
    for (size_t i = 0; i < w->plan->n; i++)
        if (strcmp(w->plan->stages[i]->name, name) == 0)
            cp_diag_error(w->diags, item->name.pos, NULL, "two stages are named %s", name);
}

struct cp_stage *plan_stage_new(struct walk *w, const struct cp_item *item,
                                const struct cp_stage_type *type)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage *s = cp_heap_take(&plan->heap, sizeof *s);

    s->type = type;
    s->name = stage_name(plan, item);
    check_name(w, item, s->name);
    s->index = plan->n;
    s->self = cp_heap_take(&plan->heap, type->size);
    s->item = item;
    s->pos = item->kind.pos;
    s->error_slot = CP_NO_SLOT;
    s->to = (struct cp_error_to){
        .output = CP_NO_OUTPUT, .error_slot = CP_NO_SLOT, .line_slot = CP_NO_SLOT};
    s->max_errors = (struct cp_max_errors){UINT64_MAX, UINT64_MAX};
    s->stop_fd = -1;
    s->max_line = w->planner.max_line;
    s->records = plan->batch_records;
    s->reports_values = plan->options.counts_values;
    s->heap = &plan->heap;
    w->slots_before[plan->n] = plan->n_slots;
    plan->stages[plan->n++] = s;
    return s;
}

/* on_error keep of a stage with expressions: `_error` becomes a field. Parse stages do it their own
 * way. */
static void plan_on_error(struct cp_planner *p)
{
    struct cp_stage *s = p->stage;
    if (s->on_error != CP_ON_ERROR_KEEP || s->type->kind == CP_PARSE)
        return;
    s->error_slot = cp_scope_write(p->scope, CP_SLICE("_error"));
}

/* Records that have no bytes are written as what their fields are before the stage. */
static bool may_be_made(const struct cp_scope *s)
{
    if (s->is_made)
        return true;
    for (size_t k = 0; s->wants && k < s->wants->n_branches; k++)
        if (s->wants->branches[k].is_made)
            return true;
    return false;
}

static void plan_rejects(struct cp_planner *p)
{
    struct cp_stage *s = p->stage;

    if (!s->to.file || plan_writes_rejects(p, s->to.file) < 0)
        return;
    if (s->type->kind != CP_SOURCE && may_be_made(p->scope))
        s->to.shape = cp_plan_shape(p);
    cp_plan_memory(p, CP_REJECTS_BUFFER);
}

/* A prefilter is for the parse stage while nothing but filters follows. */
static void end_prefilter(struct cp_planner *p, const struct cp_prefilter *before)
{
    const struct cp_stage_type *type = p->stage->type;

    if (p->prefilter != before)
        p->stage->prefilter = p->prefilter;
    if (type->flags & (CP_STAGE_COUNTS | CP_STAGE_JOINS) || type->kind == CP_AGGREGATE)
        p->prefilter = NULL;
    else if (p->stage->on_error == CP_ON_ERROR_TO || limits_errors(p->stage))
        p->prefilter = NULL; /* all that fails must be seen */
    else if (p->prefilter == before && type->kind != CP_FILTER && type->kind != CP_SOURCE)
        p->prefilter = NULL;
}

static void line_load(struct cp_planner *p, struct line *line)
{
    p->scope = &line->scope;
    p->framing = line->framing;
    p->prefilter = line->prefilter;
    p->max_line = line->max_line;
}

static void line_store(struct walk *w)
{
    const struct cp_planner *p = &w->planner;

    w->line.stage = p->stage;
    w->line.port = 0;
    w->line.is_ended = p->stage->type->kind == CP_SINK;
    w->line.framing = p->framing;
    w->line.prefilter = p->prefilter;
    w->line.max_line = p->max_line;
}

/* Whether a stage that leaves out what came before gets several workers, as far as that is decided
 * here: then it is the first of two. */
static bool is_front(const struct cp_stage *s, const struct cp_plan_options *o)
{
    return s->type->flags & CP_STAGE_SIFTS && plan_wanted_workers(o, s) > 1 && !limits_errors(s);
}

/* The settings of the stage, or of the second of two: the channel between them only hands over. */
static void plan_own_settings(struct cp_planner *p, const struct cp_stage *front)
{
    struct cp_stage *s = p->stage;
    size_t errors = p->diags->errors;

    plan_settings(p);
    if (front) {
        s->n_workers = 1;
        s->wants_workers = false;
        s->when_full = CP_FULL_WAIT;
    } else if (p->diags->errors == errors && is_front(s, p->options)) {
        s->is_front = true;
        s->name = cp_heap_printf(p->heap, "%s.part", s->name);
    }
}

/* front: the stage is the second of two, of which that is the first; or NULL. */
static void plan_one(struct walk *w, const struct cp_item *item, const struct cp_stage_type *type,
                     const struct cp_stage *front)
{
    struct cp_planner *p = &w->planner;

    w->is_second = front != NULL;
    p->stage = plan_stage_new(w, item, type);
    p->item = item;
    plan_connect(w);
    line_load(p, &w->line);
    struct cp_prefilter *prefilter = p->prefilter;
    p->scope->uses = &p->stage->uses;
    if (type->options)
        cp_options_init(type->options, p->stage->self, p->heap);
    if (plan_args(p) == 0) {
        plan_own_settings(p, front);
        plan_rejects(p);
        size_t diags = p->diags->n;
        type->plan(p, p->stage->self);
        plan_hint_settings(p, diags);
    }
    plan_on_error(p);
    plan_failed_end(w);
    p->scope->uses = NULL;
    end_prefilter(p, prefilter);
    p->words = (struct cp_words){0};
    p->stage->n_outs = type->kind != CP_SINK;
    line_store(w);
}

void plan_stage(struct walk *w, const struct cp_item *item, const struct cp_stage_type *type)
{
    size_t errors = w->diags->errors;

    plan_one(w, item, type, NULL);
    if (w->planner.stage->is_front && w->diags->errors == errors)
        plan_one(w, item, type, w->planner.stage);
    line_name(w, w->planner.stage->name);
}

const struct cp_item *plan_implicit_item(struct cp_plan *plan, const char *kind)
{
    struct cp_item *item = cp_heap_take(&plan->heap, sizeof *item);
    item->kind.s = cp_slice_of(kind);
    item->args.s = CP_SLICE("");
    return item;
}

static const struct cp_stage_type *type_of(const struct cp_item *item)
{
    return cp_stage_type_find(item->kind.s);
}

/* The same, where the place says more than the name. */
static const struct cp_stage_type *type_at(const struct cp_item *item, bool is_first, bool is_last)
{
    const struct cp_stage_type *type = type_of(item);

    return type && type->by_place ? type->by_place(item, is_first, is_last) : type;
}

/* Where the walk over the items begins: 1 when the operands replace a source that the pipeline
 * names. */
static size_t plan_source(struct walk *w)
{
    const struct cp_doc *doc = w->doc;
    const struct cp_stage_type *first = doc->n > 0 ? type_at(&doc->items[0], true, false) : NULL;
    bool has_source = first && (first->kind == CP_SOURCE ||
                                (first->flags & CP_STAGE_JOINS && doc->items[0].n_branches > 0));
    bool has_operands = w->plan->options.n_operands > 0;

    if (has_source && !has_operands)
        return 0;
    if (has_operands) {
        if (has_source && strcmp(first->name, "files") == 0) {
            plan_stage(w, &doc->items[0], first);
            return 1;
        }
        if (has_source)
            cp_diag_error(w->diags, doc->items[0].kind.pos,
                          first->kind == type_of(&doc->items[0])->kind
                              ? "leave out the files or this stage"
                              : "leave out the files; or give it a mode, then it stands behind "
                                "them",
                          "the pipeline has a source of its own, %s", first->name);
    }
    const char *kind = has_operands ? "files" : "stdin";
    plan_stage(w, plan_implicit_item(w->plan, kind), cp_stage_type_find(cp_slice_of(kind)));
    return has_source && has_operands ? 1 : 0;
}

static bool check_place(struct walk *w, const struct cp_item *item,
                        const struct cp_stage_type *type)
{
    bool has_input = w->line.stage || w->n_inputs > 0;

    if (type->kind == CP_SOURCE && has_input)
        cp_diag_error(w->diags, item->kind.pos, "a source is the first stage",
                      "%s is a source, but stages come before it", type->name);
    else if (type->kind != CP_SOURCE && !has_input)
        cp_diag_error(w->diags, item->kind.pos, "begin the branch with a source: files, stdin",
                      "%s gets no records", type->name);
    else if (w->line.is_ended && w->n_inputs == 0)
        cp_diag_error(w->diags, item->kind.pos, NULL,
                      "nothing comes out of %s, so %s gets no records", w->line.stage->name,
                      type->name);
    else
        return true;
    return false;
}

static void plan_item(struct walk *w, const struct cp_item *item, bool is_last)
{
    const struct cp_stage_type *type = type_of(item);

    if (!type)
        return;
    plan_from(w, item);
    if (item->n_branches > 0 && type->flags & CP_STAGE_JOINS)
        plan_inputs(w, item);
    type = type_at(item, !w->line.stage && w->n_inputs == 0, is_last);
    if (!check_place(w, item, type))
        return;
    plan_stage(w, item, type);
    if (item->n_branches > 0 && !(type->flags & CP_STAGE_JOINS))
        plan_branches(w, item);
}

/* Whether nothing of these items reads what comes out of items[i]. */
static bool is_last(struct walk *w, const struct cp_item *items, size_t i, size_t n)
{
    const char *name = stage_name(w->plan, &items[i]);

    if (i + 1 < n && !plan_has_from(&items[i + 1]))
        return false;
    for (size_t k = i + 1; k < n; k++)
        if (plan_names_input(&items[k], name))
            return false;
    return true;
}

void plan_items(struct walk *w, const struct cp_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w->is_left = i + 1 < n && plan_has_from(&items[i + 1]);
        plan_item(w, &items[i], !w->comes_back && is_last(w, items, i, n));
    }
}

static void plan_all(struct walk *w)
{
    size_t from = plan_source(w);

    plan_items(w, w->doc->items + from, w->doc->n - from);
    if (w->line.stage && !w->line.is_ended)
        plan_stage(w, plan_implicit_item(w->plan, "stdout"),
                   cp_stage_type_find(CP_SLICE("stdout")));
}

/* ---- Layers ---- */

/* Where the scopes of records that came together have what is read behind. */
static void plan_input_refs(struct cp_heap *heap, struct cp_wants *wants)
{
    for (size_t i = 0; wants->inputs && i < wants->n; i++) {
        struct cp_want *want = &wants->v[i];
        bool exists;
        want->refs = cp_heap_take(heap, wants->n_inputs * sizeof *want->refs);
        for (size_t k = 0; k < wants->n_inputs; k++)
            want->refs[k] = cp_scope_read(&wants->inputs[k], want->path, &exists);
    }
}

/* Where the scope before a layer has what is read behind it. The last layer first: it may ask the
 * ones before it. */
static void plan_layers(struct walk *w)
{
    for (struct wants_of *o = w->wants; o; o = o->next) {
        for (size_t i = 0; o->wants->outer && i < o->wants->n; i++) {
            struct cp_want *want = &o->wants->v[i];
            struct cp_path path = *want->path;
            bool exists;
            path.is_own = true;
            want->outer_slot = cp_scope_read(o->wants->outer, &path, &exists).slot;
        }
        plan_input_refs(&w->plan->heap, o->wants);
    }
}

static int worker_at_end(const struct cp_stage *s, struct cp_err *err)
{
    for (size_t k = 0; s->at_end && k < s->n_workers; k++)
        if (s->at_end(s->workers[k], s->workers[k]->self, err) < 0)
            return -1;
    return 0;
}

static int plan_at_end(struct cp_plan *plan, struct cp_diags *diags)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        struct cp_err err = {0};
        if (worker_at_end(s, &err) < 0)
            cp_diag_error(diags, s->pos, err.hint[0] ? err.hint : NULL, "%s", err.message);
    }
    return diags->errors ? -1 : 0;
}

/* ---- The whole ---- */

static void walk_init(struct walk *w, struct cp_plan *plan, const struct cp_doc *doc,
                      struct cp_diags *diags)
{
    w->plan = plan;
    w->doc = doc;
    w->diags = diags;
    w->slots_before = cp_heap_take(&plan->heap, CP_PLAN_STAGES * sizeof *w->slots_before);
    w->planner = (struct cp_planner){.heap = &plan->heap,
                                     .diags = diags,
                                     .names = plan->options.names,
                                     .options = &plan->options};
    line_begin(w);
}

int cp_plan_make(struct cp_plan *plan, const struct cp_doc *doc,
                 const struct cp_plan_options *options, struct cp_diags *diags)
{
    struct walk w = {0};

    *plan = (struct cp_plan){.options = *options};
    plan->block_size = options->block_size ? options->block_size : CP_BLOCK_SIZE;
    plan->batch_records = options->batch_records ? options->batch_records : CP_BATCH_RECORDS;
    plan->stages = cp_heap_take(&plan->heap, CP_PLAN_STAGES * sizeof *plan->stages);
    if (doc->name.s.n > 0)
        plan->name = cp_heap_copy(&plan->heap, doc->name.s.p, doc->name.s.n);
    walk_init(&w, plan, doc, diags);
    plan_all(&w);
    plan_outputs(&w);
    plan_layers(&w);
    if (plan->n_slots > CP_MAX_SLOTS)
        cp_diag_error(diags, plan->stages[0]->pos, "split it: write to a file between the halves",
                      "the pipeline reads and makes %zu fields, more than %d", plan->n_slots,
                      CP_MAX_SLOTS);
    if (diags->errors == 0)
        plan_layout(&w);
    return diags->errors ? -1 : plan_at_end(plan, diags);
}

void cp_plan_release(struct cp_plan *plan)
{
    cp_heap_release(&plan->heap);
    *plan = (struct cp_plan){0};
}
