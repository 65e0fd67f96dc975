/* plan.c: from a doc to stages that can run. */
#include "plan.h"

#include <stdio.h>

#include "../base/alloc.h"
#include "../base/number.h"
#include "../data/keeper.h"
#include "shape.h"

enum {
    DEFAULT_CAPACITY = 4,
    MAX_STAGES = CP_DOC_MAX_STAGES + 2, /* with a source and a sink that were left out */
    MAX_CAPACITY = 65536,
    MARKS_ARENA = 512 * 1024, /* of a batch; records beyond it are left without marks */
};

/* Where the walk stands. */
struct walk {
    struct cp_plan *plan;
    const struct cp_doc *doc;
    struct cp_diags *diags;
    struct cp_scope scope;
    struct cp_planner planner;
    size_t *slots_before; /* slots that existed before stage i was planned */
    struct wants_of *wants;
};

struct wants_of {
    struct cp_wants *wants;
    size_t stage;
    struct wants_of *next;
};

static struct walk *walk_of(struct cp_planner *p)
{
    return (struct walk *)(void *)((char *)p - offsetof(struct walk, planner));
}

/* ---- What stages call while planning ---- */

int cp_plan_bind(struct cp_planner *p, struct cp_expr *x)
{
    if (cp_expr_bind(x, p->scope, p->names, p->diags) < 0)
        return -1;
    if (cp_expr_makes_text(x))
        cp_plan_makes_text(p);
    return 0;
}

struct cp_expr *cp_plan_expr(struct cp_planner *p)
{
    struct cp_expr *x = cp_expr_parse(p->lexer);
    return x && cp_plan_bind(p, x) == 0 ? x : NULL;
}

struct cp_ref cp_plan_read(struct cp_planner *p, const struct cp_path *path, struct cp_pos pos)
{
    bool exists = true;
    struct cp_ref ref = cp_scope_read(p->scope, path, &exists);
    if (!exists)
        cp_scope_warn(p->scope, path, pos, p->diags);
    return ref;
}

int cp_plan_word_option(struct cp_planner *p, const struct cp_word *w)
{
    const struct cp_stage_type *type = p->stage->type;
    const struct cp_option *o = type->options ? cp_option_find(type->options, w->key) : NULL;
    if (!o)
        return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                             "%s has no option %.*s", type->name, (int)w->key.n, w->key.p);
    return cp_option_set_text(o, p->stage->self, &w->text, p->heap, p->diags);
}

static bool is_count(struct cp_slice s, uint64_t *n)
{
    return s.n > 0 && s.n <= 18 && cp_digits_parse(s.p, s.n, n);
}

int cp_plan_count(struct cp_planner *p, uint64_t *n, const char *expected)
{
    bool has_count = false;
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (w->key.n > 0) {
            if (cp_plan_word_option(p, w) < 0)
                return -1;
        } else if (has_count || !is_count(w->text.s, n)) {
            return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                                 "expected %s, not %.*s", expected, (int)w->text.s.n, w->text.s.p);
        } else {
            has_count = true;
        }
    }
    return 0;
}

void cp_plan_makes_text(struct cp_planner *p)
{
    p->stage->makes_text = true;
}

void cp_plan_memory(struct cp_planner *p, size_t bytes)
{
    p->stage->memory += bytes;
}

/* Where a setting of the stage was written, or the stage. */
static struct cp_pos setting_pos(const struct cp_planner *p, const char *key)
{
    for (size_t i = 0; i < p->item->n_settings; i++)
        if (cp_slice_is(p->item->settings[i].key.s, key))
            return p->item->settings[i].value->text.pos;
    return p->stage->pos;
}

int cp_plan_least_memory(struct cp_planner *p, uint64_t max_memory, size_t least, const char *hint)
{
    size_t kib = (least + 1023) / 1024;

    if (max_memory >= least)
        return 0;
    return cp_diag_error(p->diags, setting_pos(p, "max_memory"), hint,
                         "max_memory is at least %zu%s here", kib % 1024 ? kib : kib / 1024,
                         kib % 1024 ? "KiB" : "MiB");
}

void cp_plan_keeps_records(struct cp_planner *p)
{
    p->stage->keeps_records = true;
}

void cp_plan_at_end(struct cp_planner *p, int (*fn)(struct cp_stage *, void *, struct cp_err *))
{
    p->stage->at_end = fn;
}

struct cp_wants *cp_plan_wants(struct cp_planner *p, const struct cp_format *format, void *decoder)
{
    struct walk *w = walk_of(p);
    struct wants_of *o = cp_heap_take(p->heap, sizeof *o);
    o->wants = cp_heap_take(p->heap, sizeof *o->wants);
    o->wants->format = format;
    o->wants->decoder = decoder;
    o->wants->marks_slot = CP_NO_SLOT;
    o->stage = p->stage->index;
    p->stage->wants = o->wants;
    o->next = w->wants;
    w->wants = o;
    return o->wants;
}

struct cp_shape *cp_plan_shape_raw(struct cp_planner *p)
{
    struct cp_shape *shape = cp_shape_of_bytes(p->heap, p->scope);
    return shape->format && shape->format->choices ? cp_plan_shape(p) : shape;
}

/* Has the parser search the members of its records for a writer that will write them all: the
 * writer's thread is the busiest as it is. Not where a filter stands between: it may leave few to
 * write. */
static int plan_marks(struct cp_planner *p, const struct cp_scope *s)
{
    struct walk *w = walk_of(p);
    const struct wants_of *o = w->wants;

    while (o && o->wants != s->wants)
        o = o->next;
    if (!s->is_open || !o || s->wants->outer || !s->wants->format->mark)
        return CP_NO_SLOT;
    for (size_t i = o->stage + 1; i < p->stage->index; i++)
        if (w->plan->stages[i]->type->kind == CP_FILTER)
            return CP_NO_SLOT;
    if (o->wants->marks_slot == CP_NO_SLOT)
        o->wants->marks_slot = cp_scope_new_slot(p->scope);
    w->plan->stages[o->stage]->makes_marks = true;
    return o->wants->marks_slot;
}

struct cp_shape *cp_plan_shape(struct cp_planner *p)
{
    struct cp_shape *shape = cp_shape_of(p->heap, p->scope);
    if (shape->format && shape->n_variants == 0)
        shape->marks_slot = plan_marks(p, p->scope);
    return shape;
}

/* ---- Settings that every stage has ---- */

struct common {
    uint64_t capacity;
    int on_error;
    struct cp_slice workers;
    bool order;
};

static const struct cp_option common_options[] = {
    {"capacity", CP_OPT_COUNT, offsetof(struct common, capacity), NULL, NULL,
     "batches in each channel into this stage"},
    {"on_error", CP_OPT_CHOICE, offsetof(struct common, on_error), "default skip keep stop", NULL,
     "what becomes of a record that fails"},
    {"workers", CP_OPT_TEXT, offsetof(struct common, workers), NULL, NULL,
     "threads that share the work of this stage; auto: as many as pay"},
    {"order", CP_OPT_BOOL, offsetof(struct common, order), NULL, "true",
     "false: records may leave in another order than they came in"},
    {NULL},
};

static const char *const future_keys[] = {"when_full", "from"};

static bool is_future_key(struct cp_slice key)
{
    for (size_t i = 0; i < sizeof future_keys / sizeof *future_keys; i++)
        if (cp_slice_is(key, future_keys[i]))
            return true;
    return false;
}

/* Values of the keys of a later version that say what is done anyway. */
static bool is_default_value(struct cp_slice key, const struct cp_node *v)
{
    return v->kind == CP_NODE_SCALAR && cp_slice_is(key, "when_full") &&
           cp_slice_is(v->text.s, "wait");
}

static void unknown_setting(struct cp_planner *p, const struct cp_text *key)
{
    const char *names[64];
    size_t n = 0;
    for (const struct cp_option *o = p->stage->type->options; o && o->name && n < 56; o++)
        names[n++] = o->name;
    for (const struct cp_option *o = common_options; o->name; o++)
        names[n++] = o->name;
    const char *near = cp_nearest(key->s.p, key->s.n, names, n);
    char hint[128];
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    else
        snprintf(hint, sizeof hint, "`chanpipe help %s` lists its options", p->stage->type->name);
    cp_diag_error(p->diags, cp_text_pos(key, 0, key->s.n), hint, "%s has no option %.*s",
                  p->stage->type->name, (int)key->s.n, key->s.p);
}

static const char *expand_lookup(void *ctx, struct cp_slice name)
{
    const struct cp_expr_names *names = ctx;
    const char *v = names->var(names->ctx, name);
    return v ? v : names->env(names->ctx, name);
}

static void plan_setting(struct cp_planner *p, const struct cp_setting *set, struct common *common)
{
    const struct cp_stage_type *type = p->stage->type;
    const struct cp_option *o = type->options ? cp_option_find(type->options, set->key.s) : NULL;

    if (cp_doc_expand_node(set->value, expand_lookup, (void *)(uintptr_t)p->names, p->heap,
                           p->diags) < 0)
        return;
    if (o) {
        cp_option_set_node(o, p->stage->self, set->value, p->heap, p->diags);
    } else if ((o = cp_option_find(common_options, set->key.s))) {
        cp_option_set_node(o, common, set->value, p->heap, p->diags);
    } else if (is_future_key(set->key.s)) {
        if (!is_default_value(set->key.s, set->value))
            cp_diag_error(p->diags, set->value->text.pos, NULL,
                          "this value of %.*s is not available in this version", (int)set->key.s.n,
                          set->key.s.p);
    } else if (!type->setting || type->setting(p, p->stage->self, set) == 0) {
        unknown_setting(p, &set->key);
    }
}

static bool can_share(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_STATELESS || s->type->merge;
}

/* `workers: N | auto`. What is decided later is left 0. */
static void plan_workers_setting(struct cp_planner *p, const struct common *common)
{
    struct cp_stage *s = p->stage;
    struct cp_slice text = common->workers;
    uint64_t n = 0;

    if (text.n == 0 || cp_slice_is(text, "auto")) {
        s->wants_workers = text.n > 0;
        return;
    }
    if (text.n > 4 || !cp_digits_parse(text.p, text.n, &n) || n == 0 || n > CP_MAX_WORKERS)
        cp_diag_error(p->diags, setting_pos(p, "workers"), NULL,
                      "workers is a number from 1 to %d, or auto", CP_MAX_WORKERS);
    else if (n > 1 && !can_share(s))
        cp_diag_error(p->diags, setting_pos(p, "workers"), NULL,
                      "%s has one worker: it must see all records in their order", s->type->name);
    else if (n > 1 && s->on_error == CP_ON_ERROR_STOP)
        cp_diag_error(p->diags, setting_pos(p, "workers"), NULL,
                      "with on_error: stop a stage has one worker");
    else
        s->n_workers = n;
}

static void plan_settings(struct cp_planner *p)
{
    struct common common = {.capacity = UINT64_MAX};
    const struct cp_item *item = p->item;
    const struct cp_node *defaults = walk_of(p)->doc->defaults;

    for (size_t i = 0; defaults && i < defaults->n; i++)
        plan_setting(p, &(struct cp_setting){defaults->keys[i], defaults->items[i]}, &common);
    for (size_t i = 0; i < item->n_settings; i++)
        plan_setting(p, &item->settings[i], &common);
    if (common.capacity == 0 || (common.capacity > MAX_CAPACITY && common.capacity != UINT64_MAX))
        cp_diag_error(p->diags, p->stage->pos, NULL, "capacity is a number of batches from 1 to %d",
                      MAX_CAPACITY);
    else if (common.capacity != UINT64_MAX)
        p->stage->capacity = common.capacity;
    p->stage->on_error = (enum cp_on_error)common.on_error;
    plan_workers_setting(p, &common);
}

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
        if (!is_regex(p, &p->words.v[i]) &&
            cp_doc_expand(&p->words.v[i].text, expand_lookup, (void *)(uintptr_t)p->names, p->heap,
                          p->diags) < 0)
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
        same += cp_slice_is(item->kind.s, plan->stages[i]->type->name);
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

static struct cp_stage *stage_new(struct walk *w, const struct cp_item *item,
                                  const struct cp_stage_type *type)
{
    struct cp_plan *plan = w->plan;
    struct cp_stage *s = cp_heap_take(&plan->heap, sizeof *s);

    s->type = type;
    s->name = stage_name(plan, item);
    check_name(w, item, s->name);
    s->index = plan->n;
    s->self = cp_heap_take(&plan->heap, type->size);
    s->pos = item->kind.pos;
    s->error_slot = CP_NO_SLOT;
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

static void plan_stage(struct walk *w, const struct cp_item *item, const struct cp_stage_type *type)
{
    struct cp_planner *p = &w->planner;
    struct cp_prefilter *prefilter = p->prefilter;

    p->stage = stage_new(w, item, type);
    p->item = item;
    if (type->options)
        cp_options_init(type->options, p->stage->self, p->heap);
    if (plan_args(p) == 0) {
        plan_settings(p);
        type->plan(p, p->stage->self);
    }
    plan_on_error(p);
    if (p->prefilter != prefilter)
        p->stage->prefilter = p->prefilter;
    if (type->flags & CP_STAGE_COUNTS || type->kind == CP_AGGREGATE)
        p->prefilter = NULL;
    else if (p->prefilter == prefilter && type->kind != CP_FILTER && type->kind != CP_SOURCE)
        p->prefilter = NULL;
    p->words = (struct cp_words){0};
}

static const struct cp_item *implicit_item(struct cp_plan *plan, const char *kind)
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

/* Where the walk over the items begins: 1 when the operands replace a source that the pipeline
 * names. */
static size_t plan_source(struct walk *w)
{
    const struct cp_doc *doc = w->doc;
    const struct cp_stage_type *first = doc->n > 0 ? type_of(&doc->items[0]) : NULL;
    bool has_source = first && first->kind == CP_SOURCE;
    bool has_operands = w->plan->options.n_operands > 0;

    if (has_source && !has_operands)
        return 0;
    if (has_operands) {
        if (has_source && strcmp(first->name, "files") == 0) {
            plan_stage(w, &doc->items[0], first);
            return 1;
        }
        if (has_source)
            cp_diag_error(w->diags, doc->items[0].kind.pos, "leave out the files or this stage",
                          "the pipeline has a source of its own, %s", first->name);
    }
    const char *kind = has_operands ? "files" : "stdin";
    plan_stage(w, implicit_item(w->plan, kind), cp_stage_type_find(cp_slice_of(kind)));
    return has_source && has_operands ? 1 : 0;
}

static bool check_place(struct walk *w, const struct cp_item *item,
                        const struct cp_stage_type *type)
{
    const struct cp_plan *plan = w->plan;
    const struct cp_stage *last = plan->n ? plan->stages[plan->n - 1] : NULL;

    if (type->kind == CP_SOURCE && plan->n > 0)
        cp_diag_error(w->diags, item->kind.pos, "a source is the first stage",
                      "%s is a source, but stages come before it", type->name);
    else if (last && last->type->kind == CP_SINK)
        cp_diag_error(w->diags, item->kind.pos, NULL,
                      "nothing comes out of %s, so %s gets no records", last->name, type->name);
    else
        return true;
    return false;
}

static void plan_items(struct walk *w, size_t from)
{
    for (size_t i = from; i < w->doc->n; i++) {
        const struct cp_item *item = &w->doc->items[i];
        const struct cp_stage_type *type = type_of(item);
        if (type && check_place(w, item, type))
            plan_stage(w, item, type);
    }
    if (w->plan->stages[w->plan->n - 1]->type->kind != CP_SINK)
        plan_stage(w, implicit_item(w->plan, "stdout"), cp_stage_type_find(CP_SLICE("stdout")));
}

/* ---- Layers ---- */

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
    }
}

/* ---- Sizes ---- */

/* Rows of an aggregate: nothing of the records before it is in them. */
static bool makes_rows(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_MAKES && !s->keeps_records;
}

/* Slots that are filled when a batch arrives at stage k: those that stages before it made, from the
 * last one on that makes rows. */
static void plan_live(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    uint16_t *maker = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *maker);
    for (size_t k = 0; k < plan->n; k++) {
        size_t end = k + 1 < plan->n ? w->slots_before[k + 1] : plan->n_slots;
        for (size_t slot = w->slots_before[k]; slot < end; slot++)
            maker[slot] = (uint16_t)k;
    }
    for (struct wants_of *o = w->wants; o; o = o->next) {
        for (size_t i = 0; i < o->wants->n; i++)
            maker[o->wants->v[i].slot] = (uint16_t)o->stage;
        if (o->wants->marks_slot != CP_NO_SLOT)
            maker[o->wants->marks_slot] = (uint16_t)o->stage;
    }
    for (size_t k = 0, first = 0; k < plan->n; k++) {
        struct cp_stage *s = plan->stages[k];
        s->live = cp_heap_take(&plan->heap, (plan->n_slots + 1) * sizeof *s->live);
        for (size_t slot = 0; slot < plan->n_slots; slot++)
            if (maker[slot] >= first && maker[slot] < k)
                s->live[s->n_live++] = (uint16_t)slot;
        if (makes_rows(s))
            first = k;
    }
}

static bool is_origin(const struct cp_stage *s)
{
    return s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_MAKES;
}

/* Blocks for a stage that gives kept records back. They hold what the batches they came in held of
 * a record. */
static void plan_kept_blocks(struct cp_plan *plan, size_t k, struct cp_pool_size *size)
{
    size_t above = k - 1;

    while (!is_origin(plan->stages[above]))
        above--;
    size->blocks = size->batches;
    size->block_size = plan->block_size;
    size->large_blocks = 2;
    size->max_record = cp_keeper_max_record(&plan->stages[above]->pool_size);
    size->origins = true;
}

/* The pool of origin k: one batch for every place that can hold one at a time, down to the next
 * origin. */
static void plan_pool(struct cp_plan *plan, size_t k)
{
    struct cp_stage *s = plan->stages[k];
    struct cp_pool_size *size = &s->pool_size;

    size->batches = 1;
    for (size_t i = k + 1; i < plan->n; i++) {
        const struct cp_stage *t = plan->stages[i];
        size->batches += t->capacity * cp_stage_channels(plan->stages[i - 1], t) +
                         t->n_workers * (t->makes_text ? 3 : 1); /* see work_shrink */
        if (t->makes_text)
            size->arena = 2 * t->max_line;
        else if (t->makes_marks && size->arena == 0)
            size->arena = MARKS_ARENA;
        if (is_origin(t))
            break;
    }
    size->records = plan->batch_records;
    size->slots = plan->n_slots;
    size->max_record = s->max_line;
    if (s->type->kind == CP_SOURCE) {
        size->blocks = size->batches + 1; /* and the one that the source fills */
        size->block_size = plan->block_size;
        size->large_blocks = 2;
    }
    if (s->keeps_records)
        plan_kept_blocks(plan, k, size);
}

/* `auto`: on the machines that there are, what parses and what follows it up to the sink is most of
 * the work. */
static size_t auto_workers(const struct cp_plan *plan, const struct cp_stage *s)
{
    (void)plan;
    (void)s;
    return 2;
}

/* How many workers a stage that may have several gets when it does not say so itself. */
static size_t default_workers(const struct cp_plan *plan, const struct cp_stage *s)
{
    size_t n = plan->options.workers;

    if (s->wants_workers)
        n = CP_WORKERS_AUTO;
    if (!can_share(s) || s->on_error == CP_ON_ERROR_STOP || n == 0)
        return 1;
    return n == CP_WORKERS_AUTO ? auto_workers(plan, s) : n;
}

/* The structs of all workers. */
static void plan_workers(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        if (s->n_workers == 0)
            s->n_workers = default_workers(plan, s);
        s->workers = cp_heap_take(&plan->heap, s->n_workers * sizeof *s->workers);
        s->workers[0] = s;
    }
}

static struct cp_stage *worker_copy(struct cp_plan *plan, const struct cp_stage *s)
{
    struct cp_stage *w = cp_heap_take(&plan->heap, sizeof *w);

    *w = *s;
    w->self = cp_heap_take(&plan->heap, s->type->size);
    memcpy(w->self, s->self, s->type->size);
    return w;
}

/* Copies of the planned structs for the other workers: when nothing is changed in them any more. */
static void plan_forks(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        for (size_t k = 1; k < s->n_workers; k++) {
            struct cp_stage *w = s->workers[k] = worker_copy(plan, s);
            w->worker = w->in_turn = w->out_turn = k;
            if (s->type->fork)
                s->type->fork(w, w->self);
        }
    }
}

static void plan_sizes(struct walk *w)
{
    struct cp_plan *plan = w->plan;
    size_t capacity = plan->options.capacity ? plan->options.capacity : DEFAULT_CAPACITY;

    for (size_t i = 0; i < plan->n; i++)
        if (plan->stages[i]->capacity == 0)
            plan->stages[i]->capacity = capacity;
    plan_workers(plan);
    for (size_t i = 0; i < plan->n; i++)
        if (is_origin(plan->stages[i]))
            plan_pool(plan, i);
    plan_live(w);
    plan_forks(plan);
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
    w->slots_before = cp_heap_take(&plan->heap, MAX_STAGES * sizeof *w->slots_before);
    w->scope = (struct cp_scope){.heap = &plan->heap,
                                 .n_slots = &plan->n_slots,
                                 .failed_slot = CP_NO_SLOT,
                                 .line_slot = CP_NO_SLOT};
    w->planner =
        (struct cp_planner){.heap = &plan->heap,
                            .diags = diags,
                            .scope = &w->scope,
                            .names = plan->options.names,
                            .framing = cp_heap_take(&plan->heap, sizeof(struct cp_framing)),
                            .options = &plan->options,
                            .max_line = 1 << 20};
}

int cp_plan_make(struct cp_plan *plan, const struct cp_doc *doc,
                 const struct cp_plan_options *options, struct cp_diags *diags)
{
    struct walk w = {0};

    *plan = (struct cp_plan){.options = *options};
    plan->block_size = options->block_size ? options->block_size : CP_BLOCK_SIZE;
    plan->batch_records = options->batch_records ? options->batch_records : CP_BATCH_RECORDS;
    plan->stages = cp_heap_take(&plan->heap, (MAX_STAGES + 2) * sizeof *plan->stages);
    if (doc->name.s.n > 0)
        plan->name = cp_heap_copy(&plan->heap, doc->name.s.p, doc->name.s.n);
    walk_init(&w, plan, doc, diags);
    plan_items(&w, plan_source(&w));
    plan_layers(&w);
    if (plan->n_slots > CP_MAX_SLOTS)
        cp_diag_error(diags, plan->stages[0]->pos, "split it: write to a file between the halves",
                      "the pipeline reads and makes %zu fields, more than %d", plan->n_slots,
                      CP_MAX_SLOTS);
    if (diags->errors == 0)
        plan_sizes(&w);
    return diags->errors ? -1 : plan_at_end(plan, diags);
}

void cp_plan_release(struct cp_plan *plan)
{
    cp_heap_release(&plan->heap);
    *plan = (struct cp_plan){0};
}
