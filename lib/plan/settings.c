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

static const char *const future_keys[] = {"when_full"};

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

int plan_expand(struct cp_planner *p, struct cp_text *text)
{
    return cp_doc_expand(text, expand_lookup, (void *)(uintptr_t)p->names, p->heap, p->diags);
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
    } else if (cp_slice_is(set->key.s, "from")) {
        return; /* see graph.c */
    } else if (is_future_key(set->key.s)) {
        if (!is_default_value(set->key.s, set->value))
            cp_diag_error(p->diags, set->value->text.pos, NULL,
                          "this value of %.*s is not available in this version", (int)set->key.s.n,
                          set->key.s.p);
    } else if (!type->setting || type->setting(p, p->stage->self, set) == 0) {
        unknown_setting(p, &set->key);
    }
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
        cp_diag_error(p->diags, plan_setting_pos(p, "workers"), NULL,
                      "workers is a number from 1 to %d, or auto", CP_MAX_WORKERS);
    else if (n > 1 && !can_share(s))
        cp_diag_error(p->diags, plan_setting_pos(p, "workers"), NULL,
                      "%s has one worker: it must see all records in their order", s->type->name);
    else if (n > 1 && s->on_error == CP_ON_ERROR_STOP)
        cp_diag_error(p->diags, plan_setting_pos(p, "workers"), NULL,
                      "with on_error: stop a stage has one worker");
    else
        s->n_workers = n;
}

void plan_settings(struct cp_planner *p)
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
