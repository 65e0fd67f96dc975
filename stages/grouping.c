/* grouping.c: groups of records and aggregates over them. */
#include "grouping.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Planning: aggregates ---- */

static int unknown_aggregate(struct cp_planner *p, struct cp_pos pos, struct cp_slice name)
{
    char hint[128] = "`chanpipe help stats` lists them";
    const char *near = cp_aggregate_nearest(name);

    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    return cp_diag_error(p->diags, pos, hint, "there is no aggregate %.*s", (int)name.n, name.p);
}

static struct cp_slice pos_text(struct cp_pos pos)
{
    return (struct cp_slice){pos.source->text + pos.off, pos.len};
}

static int plan_param(struct cp_planner *p, struct cp_agg_call *call, struct cp_pos pos,
                      const struct cp_expr *x)
{
    const char *wanted;

    if (!x)
        return cp_diag_error(p->diags, pos, NULL, "%s needs a second argument: %s",
                             call->type->name, call->type->usage);
    if (!(wanted = cp_aggregate_param(call, pos_text(cp_expr_pos(x)))))
        return 0;
    return cp_diag_error(p->diags, cp_expr_pos(x), NULL, "the second argument of %s is %s",
                         call->type->name, wanted);
}

static int check_args(struct cp_planner *p, const struct cp_aggregate *type, struct cp_pos pos,
                      size_t n)
{
    size_t most = (type->flags & CP_AGG_VALUE ? 1 : 0) + (type->flags & CP_AGG_PARAM ? 1 : 0);

    if (n == 0 && !(type->flags & CP_AGG_BARE))
        return cp_diag_error(p->diags, pos, NULL, "%s needs a value: %s", type->name, type->usage);
    if (n > most)
        return cp_diag_error(p->diags, pos, NULL, "too many arguments: %s", type->usage);
    return 0;
}

int grouping_parse_call(struct cp_planner *p, struct cp_agg_call *call, struct cp_expr **x,
                        struct cp_slice *name)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);
    struct cp_expr *parsed, *const *args;
    size_t n;

    if (cp_lexer_peek_word(p->lexer, "every"))
        return cp_diag_error(p->diags, pos, NULL,
                             "windows (every) are not available in this version");
    if (!(parsed = cp_expr_parse(p->lexer)))
        return -1;
    if (!cp_expr_call(parsed, name, &args, &n))
        return cp_diag_error(p->diags, cp_expr_pos(parsed), "as in count(), sum(bytes), p99(dur)",
                             "expected an aggregate");
    if (!cp_aggregate_find(*name, call))
        return unknown_aggregate(p, cp_expr_pos(parsed), *name);
    if (check_args(p, call->type, cp_expr_pos(parsed), n) < 0)
        return -1;
    *x = n > 0 ? args[0] : NULL;
    if (call->type->flags & CP_AGG_PARAM)
        return plan_param(p, call, cp_expr_pos(parsed), n > 1 ? args[1] : NULL);
    return 0;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

/* sum_bytes, p99_9_dur, uniq_user_id (semantics 32, 42): runs of other bytes are one `_`. */
static struct cp_slice call_name(struct cp_planner *p, struct cp_slice function,
                                 struct cp_slice field)
{
    char *name =
        cp_heap_printf(p->heap, "%.*s_%.*s", (int)function.n, function.p, (int)field.n, field.p);
    size_t n = 0;

    for (const char *c = name; *c; c++) {
        if (is_name_byte(*c))
            name[n++] = *c;
        else if (n > 0 && name[n - 1] != '_')
            name[n++] = '_';
    }
    while (n > 0 && name[n - 1] == '_')
        n--;
    return (struct cp_slice){name, n};
}

static int plan_call_name(struct cp_planner *p, struct cp_slice function, const struct cp_expr *x,
                          struct cp_slice *out)
{
    struct cp_slice field;

    if (cp_lexer_accept_word(p->lexer, "as"))
        return cp_lexer_name(p->lexer, out) ? 0 : -1;
    if (!x) {
        *out = function;
        return 0;
    }
    if (!cp_expr_field_name(x, &field))
        return cp_diag_error(p->diags, cp_expr_pos(x), "as in sum(a + b) as total",
                             "the result needs a name: as NAME");
    *out = call_name(p, function, field);
    return 0;
}

/* The argument's place; one that reads the same field as another is the same. */
static struct grouping_arg *plan_arg(struct cp_planner *p, struct grouping *g, struct cp_expr *x)
{
    struct grouping_arg *arg = &g->args[g->n_args];

    if (operand_plan(p, &arg->operand, x) < 0)
        return NULL;
    for (size_t i = 0; i < g->n_args; i++)
        if (operand_equal(&g->args[i].operand, &arg->operand))
            return &g->args[i];
    g->n_args++;
    return arg;
}

/* A state of its own, unless another call keeps the same. */
static void plan_state(struct grouping *g, struct grouping_call *c)
{
    for (const struct grouping_call *o = g->calls; o < c; o++) {
        if (o->arg == c->arg && cp_aggregate_same_state(&o->call, &c->call)) {
            c->offset = o->offset;
            c->is_shared = true;
            return;
        }
    }
    c->offset = g->state;
    g->state += c->call.type->size;
}

static void plan_times(struct cp_planner *p, struct grouping *g)
{
    if (!g->has_times)
        operand_plan_path(p, &g->time, cp_path_literal(p->heap, CP_SLICE("_time")), p->stage->pos);
    g->has_times = true;
}

int grouping_add_call(struct cp_planner *p, struct grouping *g, struct cp_agg_call call,
                      struct cp_expr *x, struct cp_slice name)
{
    struct grouping_call *c = &g->calls[g->n_calls];

    if (g->n_calls == GROUPING_CALLS)
        return cp_diag_error(p->diags, p->stage->pos, NULL, "at most %d aggregates",
                             GROUPING_CALLS);
    *c = (struct grouping_call){.call = call, .name = name};
    if (x && !(c->arg = plan_arg(p, g, x)))
        return -1;
    if (c->arg && call.type->flags & CP_AGG_NUMBERS)
        c->arg->has_numbers = true;
    if (call.type->flags & CP_AGG_TIMES)
        plan_times(p, g);
    g->grows |= call.type->size > sizeof(uint64_t);
    plan_state(g, c);
    g->n_calls++;
    return 0;
}

int grouping_plan_call(struct cp_planner *p, struct grouping *g)
{
    struct cp_agg_call call;
    struct cp_expr *x;
    struct cp_slice function, name;

    if (grouping_parse_call(p, &call, &x, &function) < 0 ||
        plan_call_name(p, function, x, &name) < 0)
        return -1;
    return grouping_add_call(p, g, call, x, name);
}

/* ---- Planning: keys ---- */

int grouping_plan_key(struct cp_planner *p, struct grouping *g)
{
    struct grouping_key *key = &g->keys[g->n_keys];
    struct cp_expr *x = cp_expr_parse(p->lexer);

    if (!x)
        return -1;
    if (g->n_keys == GROUPING_KEYS)
        return cp_diag_error(p->diags, cp_expr_pos(x), NULL, "at most %d values to group by",
                             GROUPING_KEYS);
    *key = (struct grouping_key){0};
    if (operand_plan(p, &key->operand, x) < 0)
        return -1;
    g->n_keys++;
    if (cp_lexer_accept_word(p->lexer, "as"))
        return cp_lexer_name(p->lexer, &key->name) ? 0 : -1;
    if (!cp_expr_field_name(x, &key->name))
        return cp_diag_error(p->diags, cp_expr_pos(x), "as in by a .. b as pair",
                             "what is grouped by needs a name: as NAME");
    return 0;
}

int grouping_plan_by(struct cp_planner *p, struct grouping *g)
{
    if (!cp_lexer_accept_word(p->lexer, "by"))
        return 0;
    do {
        if (grouping_plan_key(p, g) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    return 0;
}

/* ---- Planning: rows ---- */

static int check_names(struct cp_planner *p, const struct grouping *g)
{
    const struct cp_slice *names[GROUPING_KEYS + GROUPING_CALLS];
    size_t n = 0;

    for (size_t i = 0; i < g->n_keys; i++)
        names[n++] = &g->keys[i].name;
    for (size_t i = 0; i < g->n_calls; i++)
        names[n++] = &g->calls[i].name;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (cp_slice_equal(*names[i], *names[k]))
                return cp_diag_error(p->diags, p->stage->pos,
                                     "give one of them another name with as",
                                     "two fields are named %.*s", (int)names[i]->n, names[i]->p);
    return 0;
}

static int check_memory(struct cp_planner *p, const struct grouping *g)
{
    size_t least = cp_groups_least(g->n_keys, g->state);

    return cp_plan_least_memory(p, g->max_memory, least, NULL);
}

static int check_rest(struct cp_planner *p)
{
    if (cp_lexer_peek_word(p->lexer, "every"))
        return cp_diag_error(p->diags, cp_lexer_pos(p->lexer), NULL,
                             "windows (every) are not available in this version");
    if (p->stage->on_error == CP_ON_ERROR_KEEP)
        return cp_diag_error(p->diags, p->stage->pos, NULL,
                             "%s makes rows of many records: on_error cannot be keep",
                             p->stage->type->name);
    return cp_lexer_expect_end(p->lexer, "by, a comma or the end");
}

static void close_scope(struct cp_planner *p, struct grouping *g)
{
    for (size_t i = 0; i < g->n_keys; i++)
        g->keys[i].slot = cp_scope_new_slot(p->scope);
    for (size_t i = 0; i < g->n_calls; i++)
        g->calls[i].slot = cp_scope_new_slot(p->scope);
    cp_scope_close(p->scope);
    p->scope->is_changed = p->scope->is_made = true;
    p->scope->is_json = false;
    for (size_t i = 0; i < g->n_keys; i++)
        cp_scope_put(p->scope, g->keys[i].name, g->keys[i].slot);
    for (size_t i = 0; i < g->n_calls; i++)
        cp_scope_put(p->scope, g->calls[i].name, g->calls[i].slot);
}

int grouping_plan_end(struct cp_planner *p, struct grouping *g)
{
    size_t per_record = sizeof *g->found + sizeof *g->is_bad + g->n_args * sizeof(struct cp_num);

    if (check_rest(p) < 0 || check_names(p, g) < 0 || check_memory(p, g) < 0)
        return -1;
    cp_plan_memory(p, g->max_memory + p->stage->records * per_record);
    if (g->n_keys > 0)
        cp_plan_memory(p, cp_groups_scratch(g->n_keys, p->max_line));
    close_scope(p, g);
    g->seed = cp_groups_seed();
    return 0;
}

/* ---- Opening ---- */

void grouping_fork(struct grouping *g, const struct grouping *planned)
{
    for (size_t k = 0; k < g->n_calls; k++)
        if (g->calls[k].arg)
            g->calls[k].arg = &g->args[planned->calls[k].arg - planned->args];
}

int grouping_open(struct cp_stage *s, struct grouping *g)
{
    /* What states need to grow: without it the groups that exist would starve for the sake of new
     * ones. */
    size_t limit = g->grows ? g->max_memory / 4 * 3 : g->max_memory;

    for (size_t i = 0; i < g->n_keys; i++)
        operand_open(s, &g->keys[i].operand);
    for (size_t i = 0; i < g->n_args; i++) {
        operand_open(s, &g->args[i].operand);
        if (g->args[i].has_numbers)
            g->args[i].number = cp_heap_take(s->heap, s->records * sizeof(struct cp_num));
    }
    if (g->has_times)
        operand_open(s, &g->time);
    cp_stage_prepare(s, NULL);
    g->found = cp_heap_take(s->heap, s->records * sizeof *g->found);
    g->is_bad = cp_heap_take(s->heap, s->records * sizeof *g->is_bad);
    cp_store_init(&g->store, g->max_memory);
    cp_groups_init(&g->groups, &g->store, g->n_keys, g->state, limit, g->seed);
    g->env = (struct cp_agg_env){.store = &g->store, .seed = g->seed};
    return 0;
}

void grouping_close(struct grouping *g)
{
    cp_groups_release(&g->groups);
    cp_store_release(&g->store);
}

/* ---- Adding ---- */

static enum cp_eval_status eval_all(struct grouping *g, struct cp_eval *ev,
                                    const struct cp_batch *b)
{
    for (size_t i = 0; i < g->n_keys; i++)
        if (operand_eval(&g->keys[i].operand, ev, b) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    for (size_t i = 0; i < g->n_args; i++)
        if (operand_eval(&g->args[i].operand, ev, b) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    return g->has_times ? operand_eval(&g->time, ev, b) : CP_EVAL_OK;
}

/* The numbers of an argument; a value that is none, nor null, makes its record a bad one. */
static bool read_numbers(const struct grouping *g, const struct grouping_arg *arg,
                         const struct cp_batch *b)
{
    bool any_bad = false;

    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint32_t i = b->sel[k];
        const struct cp_value *v = &arg->operand.values[i];
        arg->number[i].kind = CP_NUM_NONE;
        if (!cp_value_number(v, &arg->number[i]) && !cp_is_null(v))
            g->is_bad[i] = any_bad = true;
    }
    return any_bad;
}

/* Records with a value that is no number: counted once, unless evaluating them failed already. */
static void count_bad(struct cp_stage *s, const struct grouping *g, const struct cp_batch *b)
{
    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint32_t i = b->sel[k];
        if (!g->is_bad[i])
            continue;
        g->is_bad[i] = false;
        if (s->eval->n_failed > 0 && s->eval->reason[i])
            continue;
        cp_stage_record_error(s, b, i, "a value that is no number was left out");
        s->account.warned++;
    }
}

static void read_all_numbers(struct cp_stage *s, struct grouping *g, const struct cp_batch *b)
{
    bool any_bad = false;

    for (size_t a = 0; a < g->n_args; a++)
        if (g->args[a].has_numbers && read_numbers(g, &g->args[a], b))
            any_bad = true;
    if (any_bad)
        count_bad(s, g, b);
}

static void read_times(struct grouping *g, const struct cp_batch *b)
{
    struct cp_agg_env *env = &g->env;
    int64_t ns;

    for (uint32_t k = 0; k < b->n_sel; k++) {
        const struct cp_value *v = &g->time.values[b->sel[k]];
        if (cp_is_null(v) || !cp_value_time(v, &b->zone, &ns))
            continue;
        if (!env->has_time || ns < env->first_time)
            env->first_time = ns;
        if (!env->has_time || ns > env->last_time)
            env->last_time = ns;
        env->has_time = true;
    }
}

static void *state_of(struct cp_group *group, const struct grouping_call *c)
{
    return (char *)cp_group_state(group) + c->offset;
}

static void add_bare(struct grouping *g, const struct grouping_call *c, const struct cp_batch *b)
{
    const struct cp_aggregate *type = c->call.type;

    for (uint32_t k = 0; k < b->n_sel; k++)
        type->add(&g->env, &c->call, state_of(g->found[k], c), NULL, NULL,
                  cp_batch_position(b, b->sel[k]));
}

static void add_values(struct grouping *g, const struct grouping_call *c, const struct cp_batch *b)
{
    const struct cp_aggregate *type = c->call.type;
    const struct cp_value *values = c->arg->operand.values;
    const struct cp_num *numbers = type->flags & CP_AGG_NUMBERS ? c->arg->number : NULL;

    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint32_t i = b->sel[k];
        if (cp_is_null(&values[i]) || (numbers && numbers[i].kind == CP_NUM_NONE) ||
            (type->flags & CP_AGG_TRUTHS && !cp_value_truth(&values[i])))
            continue;
        type->add(&g->env, &c->call, state_of(g->found[k], c), &values[i],
                  numbers ? &numbers[i] : NULL, cp_batch_position(b, i));
    }
}

static void add_all(struct grouping *g, const struct cp_batch *b)
{
    g->env.zone = &b->zone;
    for (size_t k = 0; k < g->n_calls; k++) {
        const struct grouping_call *c = &g->calls[k];
        if (c->is_shared)
            continue;
        if (c->arg)
            add_values(g, c, b);
        else
            add_bare(g, c, b);
    }
}

enum cp_outcome grouping_process(struct cp_stage *s, struct grouping *g, struct cp_batch *b)
{
    struct cp_eval *ev = cp_stage_eval(s, b);
    const struct cp_value *cols[GROUPING_KEYS];

    if (eval_all(g, ev, b) == CP_EVAL_FULL)
        return CP_OUTCOME_FULL;
    enum cp_outcome outcome = cp_stage_settle(s, b, ev);
    for (size_t i = 0; i < g->n_keys; i++)
        cols[i] = g->keys[i].operand.values;
    cp_groups_find(&g->groups, cols, b->sel, b->n_sel, cp_batch_position(b, 0), g->found);
    read_all_numbers(s, g, b);
    if (g->has_times)
        read_times(g, b);
    add_all(g, b);
    g->zone = b->zone;
    s->account.taken += b->n_sel;
    b->n_sel = 0;
    return outcome;
}

/* ---- Merging ---- */

/* Adds the states of a group of `from` to those of a group of `to`. */
static void merge_states(struct grouping *to, struct cp_group *group, struct cp_group *from)
{
    for (size_t k = 0; k < to->n_calls; k++) {
        const struct grouping_call *c = &to->calls[k];
        if (!c->is_shared)
            c->call.type->merge(&to->env, &c->call, state_of(group, c), state_of(from, c));
    }
    from->is_merged = true;
}

/* The same group in one of the workers merged so far. */
static struct cp_group *find_same(struct grouping *g, const struct cp_group *group,
                                  struct grouping **owner)
{
    for (size_t t = 0; t <= g->n_others; t++) {
        *owner = t == 0 ? g : g->others[t - 1];
        struct cp_group *same = cp_groups_same(&(*owner)->groups, group);
        if (same && !same->is_merged)
            return same;
    }
    return NULL;
}

static void merge_other(struct grouping *g, struct grouping *from)
{
    struct cp_groups *mine = &g->groups, *theirs = &from->groups;

    if (theirs->n_other == 0)
        return;
    if (mine->n_other == 0 || theirs->other->first < mine->other->first)
        mine->other->first = theirs->other->first;
    mine->n_other += theirs->n_other;
    merge_states(g, mine->other, theirs->other);
}

static void merge_env(struct grouping *g, const struct grouping *from)
{
    struct cp_agg_env *env = &g->env;
    const struct cp_agg_env *more = &from->env;

    env->lost += more->lost;
    if (more->has_time && (!env->has_time || more->first_time < env->first_time))
        env->first_time = more->first_time;
    if (more->has_time && (!env->has_time || more->last_time > env->last_time))
        env->last_time = more->last_time;
    env->has_time |= more->has_time;
    if (g->zone.reference == 0)
        g->zone = from->zone;
}

/* A group stays in the table of the worker that saw it first, so that each table keeps its order.
 */
void grouping_merge(struct grouping *g, struct grouping *other)
{
    struct grouping *owner;

    g->env.zone = &g->zone;
    other->env.zone = &other->zone;
    for (uint32_t i = 0; i < other->groups.n; i++) {
        struct cp_group *group = cp_groups_at(&other->groups, i),
                        *same = find_same(g, group, &owner);
        if (same && same->first <= group->first)
            merge_states(owner, same, group);
        else if (same)
            merge_states(other, group, same);
    }
    merge_other(g, other);
    merge_env(g, other);
    g->others[g->n_others++] = other;
}

static struct cp_group *table_head(const struct cp_groups *g, uint32_t *at)
{
    while (*at < g->n && cp_groups_at(g, *at)->is_merged)
        ++*at;
    return *at < g->n ? cp_groups_at(g, *at) : NULL;
}

struct cp_group *grouping_next(struct grouping_walk *w)
{
    struct grouping *g = w->g;
    struct cp_group *best = NULL;
    uint32_t *from = &w->at[0];

    for (size_t t = 0; t <= g->n_others; t++) {
        struct cp_group *head = table_head(&(t == 0 ? g : g->others[t - 1])->groups, &w->at[t]);
        if (head && (!best || head->first < best->first)) {
            best = head;
            from = &w->at[t];
        }
    }
    if (!best && *from == g->groups.n && g->groups.n_other > 0)
        best = g->groups.other;
    ++*from;
    return best;
}

/* ---- Rows ---- */

struct cp_value grouping_result(struct grouping *g, const struct grouping_call *c,
                                struct cp_group *group)
{
    return c->call.type->finish(&g->env, &c->call, state_of(group, c));
}

bool grouping_emit_end(struct cp_stage *s, struct grouping *g)
{
    struct cp_batch *b = g->row_batch;

    if (!b)
        return true;
    g->row_batch = NULL;
    cp_batch_select_all(b);
    s->account.made += b->n;
    return cp_emit(s, b);
}

static struct cp_batch *row_batch(struct cp_stage *s, struct grouping *g)
{
    if (!g->row_batch) {
        g->row_batch = cp_stage_batch(s);
        g->row_batch->zone = g->zone;
    }
    return g->row_batch;
}

bool grouping_emit(struct cp_stage *s, struct grouping *g, struct cp_group *group)
{
    struct cp_batch *b = row_batch(s, g);
    const struct cp_value *values = cp_group_values(&g->groups, group);
    uint32_t i = b->n++;

    for (size_t k = 0; k < g->n_keys; k++)
        b->col[g->keys[k].slot][i] = values[k];
    for (size_t k = 0; k < g->n_calls; k++)
        b->col[g->calls[k].slot][i] = grouping_result(g, &g->calls[k], group);
    return b->n < s->records || grouping_emit_end(s, g);
}

int grouping_finish(struct cp_stage *s, struct grouping *g)
{
    struct grouping_walk w = {.g = g};
    struct cp_group *group;
    bool is_wanted = true;

    g->env.zone = &g->zone;
    while (is_wanted && (group = grouping_next(&w)))
        is_wanted = grouping_emit(s, g, group);
    if (is_wanted)
        grouping_emit_end(s, g);
    grouping_note(s, g);
    return 0;
}

static void note_add(struct cp_stage *s, const char *fmt, uint64_t n)
{
    size_t at = strlen(s->note);

    if (at > 0)
        at += (size_t)snprintf(s->note + at, sizeof s->note - at, "; ");
    if (at < sizeof s->note)
        snprintf(s->note + at, sizeof s->note - at, fmt, n);
}

void grouping_note(struct cp_stage *s, const struct grouping *g)
{
    if (g->groups.n_other > 0)
        note_add(s,
                 "%" PRIu64
                 " records of new groups were counted as other, for max_memory was used up",
                 g->groups.n_other);
    if (g->env.lost > 0)
        note_add(s, "%" PRIu64 " values were left out, for max_memory was used up", g->env.lost);
    if (g->env.estimates > 0)
        note_add(s, "%" PRIu64 " percentiles of more than 4096 values are estimates within 0.5 %%",
                 g->env.estimates);
}
