/* settings.c: `key: value` beside a stage. */
#include "plan_impl.h"

#include <stdio.h>

#include "../base/number.h"

enum { MAX_CAPACITY = 65536 };

struct cp_pos plan_setting_pos(const struct cp_planner *p, const char *key)
{
    for (size_t i = 0; i < p->item->n_settings; i++)
        if (cp_slice_is(p->item->settings[i].key.s, key))
            return p->item->settings[i].value->text.pos;
    return p->stage->pos;
}

struct common {
    struct cp_slice capacity, when_full;
    struct cp_pos capacity_pos, when_full_pos;
    int on_error;
    const struct cp_node *to; /* of on_error; or NULL */
    struct cp_slice max_errors;
    struct cp_pos max_errors_pos;
    struct cp_slice workers;
    struct cp_pos workers_pos;
    bool order;
};

static const struct cp_option common_options[] = {
    {"capacity", CP_OPT_TEXT, offsetof(struct common, capacity), NULL, NULL,
     "batches in each channel into this stage: a number, 0 (each is handed over), a size (blocks "
     "of "
     "so many bytes together), or unbounded"},
    {"when_full", CP_OPT_TEXT, offsetof(struct common, when_full), NULL, "wait",
     "what the stage above does when that channel is full: wait, drop_new, drop_old, sample N "
     "(keep every Nth record of the batch, then wait), fail"},
    {"on_error", CP_OPT_CHOICE, offsetof(struct common, on_error), "default skip keep stop", NULL,
     "what becomes of a record that fails; {to: NAME or FILE} is read apart"},
    {"max_errors", CP_OPT_TEXT, offsetof(struct common, max_errors), NULL, NULL,
     "when more records fail than this number, or this share (5%) of those seen, the stage stops"},
    {"workers", CP_OPT_TEXT, offsetof(struct common, workers), NULL, NULL,
     "threads that share the work of this stage; auto: as many as pay"},
    {"order", CP_OPT_BOOL, offsetof(struct common, order), NULL, "true",
     "false: records may leave in another order than they came in"},
    {NULL},
};

static void unknown_setting(struct cp_planner *p, const struct cp_text *key)
{
    const char *names[64];
    size_t n = 0;
    for (const struct cp_option *o = p->stage->type->options; o && o->name && n < 56; o++)
        names[n++] = o->name;
    for (size_t i = 0; i < cp_n_common_keys; i++)
        names[n++] = cp_common_keys[i];
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

int plan_expand(struct cp_planner *p, struct cp_text *text)
{
    return cp_doc_expand(text, expand_lookup, (void *)(uintptr_t)p->names, p->heap, p->diags);
}

/* Where it was written: beside the stage, or under defaults. */
static void note_pos(struct common *common, const struct cp_option *o, struct cp_pos pos)
{
    if (o->offset == offsetof(struct common, capacity))
        common->capacity_pos = pos;
    if (o->offset == offsetof(struct common, when_full))
        common->when_full_pos = pos;
    if (o->offset == offsetof(struct common, max_errors))
        common->max_errors_pos = pos;
    if (o->offset == offsetof(struct common, workers))
        common->workers_pos = pos;
}

/* on_error: {to: …}. Anything else is one word. */
static bool is_to(const struct cp_node *value)
{
    return value->kind == CP_NODE_MAP && value->n == 1 && cp_slice_is(value->keys[0].s, "to") &&
           value->items[0]->kind == CP_NODE_SCALAR && value->items[0]->text.s.n > 0;
}

/* It is no map, but was meant to be: on_error=to:FILE. */
static bool begins_with_to(struct cp_slice s)
{
    return s.n >= 2 && memcmp(s.p, "to", 2) == 0;
}

static void plan_on_error(struct cp_planner *p, const struct cp_option *o,
                          const struct cp_node *value, struct common *common)
{
    common->to = NULL;
    common->on_error = CP_ON_ERROR_DEFAULT;
    if (is_to(value)) {
        common->to = value->items[0];
        common->on_error = CP_ON_ERROR_TO;
    } else if (value->kind != CP_NODE_SCALAR || begins_with_to(value->text.s)) {
        cp_diag_error(p->diags, value->text.pos, "as in {to: rejects.jsonl}",
                      "on_error is skip, keep, stop or {to: NAME or FILE}");
    } else {
        cp_option_set_node(o, common, value, p->heap, p->diags);
    }
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
    } else if (cp_slice_is(set->key.s, "on_error")) {
        plan_on_error(p, cp_option_find(common_options, set->key.s), set->value, common);
    } else if ((o = cp_option_find(common_options, set->key.s))) {
        cp_option_set_node(o, common, set->value, p->heap, p->diags);
        note_pos(common, o, set->value->text.pos);
    } else if (cp_slice_is(set->key.s, "from")) {
        return; /* see graph.c */
    } else if (!type->setting || type->setting(p, p->stage->self, set) == 0) {
        unknown_setting(p, &set->key);
    }
}

/* `N | auto`; 0 after a diagnostic. */
static size_t read_workers(struct cp_planner *p, struct cp_slice text, struct cp_pos pos)
{
    uint64_t n = 0;

    if (cp_slice_is(text, "auto"))
        return CP_WORKERS_AUTO;
    if (text.n <= 4 && cp_digits_parse(text.p, text.n, &n) && n > 0 && n <= CP_MAX_WORKERS)
        return (size_t)n;
    cp_diag_error(p->diags, pos, NULL, "workers is a number from 1 to %d, or auto", CP_MAX_WORKERS);
    return 0;
}

/* For all stages that can have them. */
static void plan_default_workers(struct cp_planner *p, struct common *common)
{
    if (common->workers.n > 0)
        p->stage->default_workers = read_workers(p, common->workers, common->workers_pos);
    common->workers = (struct cp_slice){0};
}

/* `workers:` of the stage itself. What is decided later is left 0. */
static void plan_workers_setting(struct cp_planner *p, const struct common *common)
{
    struct cp_stage *s = p->stage;
    struct cp_pos pos = common->workers_pos;
    size_t n = common->workers.n > 0 ? read_workers(p, common->workers, pos) : 0;

    s->wants_workers = n == CP_WORKERS_AUTO;
    if (n == CP_WORKERS_AUTO)
        return;
    if (n > 1 && !can_share(s))
        cp_diag_error(p->diags, pos, NULL,
                      "%s has one worker: it must see all records in their order", s->type->name);
    else if (n > 1 && cp_plan_limits_errors(p))
        cp_diag_error(p->diags, pos, NULL, "with %s a stage has one worker",
                      s->on_error == CP_ON_ERROR_STOP ? "on_error: stop" : "max_errors");
    else
        s->n_workers = n;
}

int cp_plan_one_worker(struct cp_planner *p, const char *why)
{
    bool has_several = p->stage->n_workers > 1;

    p->stage->n_workers = 1;
    if (!has_several)
        return 0;
    return cp_diag_error(p->diags, plan_setting_pos(p, "workers"), NULL, "%s has one worker: %s",
                         p->stage->type->name, why);
}

/* Once for each place: defaults hold for many stages. */
static void warn_unbounded(struct cp_planner *p, struct cp_pos pos)
{
    struct walk *w = walk_of(p);

    if (w->warned.source == pos.source && w->warned.off == pos.off && w->warned.len == pos.len)
        return;
    w->warned = pos;
    cp_diag_warning(p->diags, pos, "a number of batches bounds it, and when_full says what then",
                    "memory is not bounded: what a slow stage cannot take yet is kept");
}

/* `capacity: N | SIZE | unbounded` */
static bool read_capacity(struct cp_planner *p, struct cp_slice s, size_t *batches)
{
    uint64_t n;

    if (cp_slice_is(s, "unbounded")) {
        *batches = CP_UNBOUNDED;
        return true;
    }
    if (cp_digits_parse(s.p, s.n, &n)) {
        *batches = (size_t)n;
        return n <= MAX_CAPACITY;
    }
    if (!cp_size_parse(s.p, s.n, &n) || n == 0)
        return false;
    *batches = (size_t)(n / walk_of(p)->plan->block_size);
    *batches = *batches < 1 ? 1 : *batches > MAX_CAPACITY ? MAX_CAPACITY : *batches;
    return n / CP_BLOCK_SIZE <= MAX_CAPACITY;
}

static void plan_capacity(struct cp_planner *p, const struct common *common)
{
    struct cp_stage *s = p->stage;

    s->has_capacity = common->capacity.n > 0;
    if (!s->has_capacity)
        return;
    if (!read_capacity(p, common->capacity, &s->capacity))
        cp_diag_error(p->diags, common->capacity_pos, "as in 8, 4MiB, or unbounded",
                      "capacity is a number of batches from 0 to %d, a size up to as many blocks, "
                      "or unbounded",
                      MAX_CAPACITY);
    else if (s->capacity == CP_UNBOUNDED && s->type->kind != CP_SOURCE)
        warn_unbounded(p, common->capacity_pos);
}

/* The N of `sample N`; 0: it is none. */
static uint64_t sample_of(struct cp_slice s)
{
    static const char word[] = "sample ";
    size_t n = sizeof word - 1;
    uint64_t value = 0;

    if (s.n <= n || memcmp(s.p, word, n) != 0)
        return 0;
    while (n < s.n && s.p[n] == ' ')
        n++;
    if (s.n - n > 9 || !cp_digits_parse(s.p + n, s.n - n, &value))
        return 0;
    return value;
}

static void plan_when_full(struct cp_planner *p, const struct common *common)
{
    static const char *const words[] = {[CP_FULL_WAIT] = "wait",
                                        [CP_FULL_DROP_NEW] = "drop_new",
                                        [CP_FULL_DROP_OLD] = "drop_old",
                                        [CP_FULL_FAIL] = "fail"};
    struct cp_stage *s = p->stage;
    struct cp_slice text = common->when_full;
    bool is_known = text.n == 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i] && cp_slice_is(text, words[i])) {
            s->when_full = (enum cp_when_full)i;
            is_known = true;
        }
    if ((s->sample = sample_of(text)) > 0)
        s->when_full = CP_FULL_SAMPLE;
    else if (!is_known)
        cp_diag_error(p->diags, common->when_full_pos, NULL,
                      "when_full is wait, drop_new, drop_old, sample N or fail");
    if (s->when_full == CP_FULL_DROP_OLD && s->has_capacity && s->capacity == 0)
        cp_diag_error(p->diags, common->when_full_pos, "drop_new, or a capacity of 1",
                      "with capacity 0 there is no old batch to drop");
}

/* A name is that of a stage; a file has a dot or a slash in it, or anything else. */
static bool is_name(struct cp_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || (!is_digit && c != '-')))
            return false;
    }
    return s.n > 0;
}

static void plan_to(struct cp_planner *p, const struct common *common)
{
    struct cp_stage *s = p->stage;

    s->on_error = (enum cp_on_error)common->on_error;
    if (!common->to)
        return;
    struct cp_slice to = common->to->text.s;
    char *copy = cp_heap_copy(p->heap, to.p, to.n);
    if (cp_slice_is(to, "-"))
        cp_diag_error(p->diags, common->to->text.pos, "/dev/stderr is standard error",
                      "- is no file");
    else if (is_name(to))
        plan_to_stage(walk_of(p), copy, common->to->text.pos);
    else
        s->to.file = copy;
}

/* `5%`, `0.5%`: of a million. */
static bool read_share(struct cp_slice s, uint64_t *million)
{
    struct cp_num num;

    if (s.n < 2 || s.p[s.n - 1] != '%' || cp_num_parse(s.p, s.n - 1, &num) == CP_NUM_NONE ||
        s.p[0] == '-')
        return false;
    double percent = num.kind == CP_NUM_INT ? (double)num.i : num.d;
    *million = percent <= 100 ? (uint64_t)(percent * 1e4 + 0.5) : 0;
    return percent <= 100;
}

static void plan_max_errors(struct cp_planner *p, const struct common *common)
{
    struct cp_slice text = common->max_errors;
    struct cp_max_errors *most = &p->stage->max_errors;
    uint64_t n;

    if (p->stage->on_error == CP_ON_ERROR_STOP)
        most->n = 0;
    if (text.n == 0)
        return;
    if (p->stage->on_error == CP_ON_ERROR_STOP)
        cp_diag_error(p->diags, common->max_errors_pos, "leave out one of them",
                      "on_error: stop ends with the first error: max_errors has nothing to count");
    else if (text.n <= 18 && cp_digits_parse(text.p, text.n, &n))
        most->n = n;
    else if (!read_share(text, &most->million))
        cp_diag_error(p->diags, common->max_errors_pos, "as in 100, or 0.5%",
                      "max_errors is a number of records, or a share of them up to 100%%");
}

void plan_settings(struct cp_planner *p)
{
    struct common common = {.order = true};
    const struct cp_item *item = p->item;
    const struct cp_node *defaults = walk_of(p)->doc->defaults;

    for (size_t i = 0; defaults && i < defaults->n; i++)
        plan_setting(p, &(struct cp_setting){defaults->keys[i], defaults->items[i]}, &common);
    plan_default_workers(p, &common);
    for (size_t i = 0; i < item->n_settings; i++)
        plan_setting(p, &item->settings[i], &common);
    p->stage->waives_order = !common.order;
    plan_capacity(p, &common);
    plan_when_full(p, &common);
    plan_to(p, &common);
    plan_max_errors(p, &common);
    plan_workers_setting(p, &common);
}
