/* top: the groups with the largest count, or the largest of another aggregate. */
#include <inttypes.h>
#include <stdlib.h>

#include "grouping.h"

enum { MOST = 1000000 };

struct ranked {
    struct cp_value result;
    struct cp_group *group;
};

struct top {
    struct grouping g;
    uint64_t n;
    struct ranked *heap; /* the best so far; the worst of them is on top */
    size_t used;
};

static const struct cp_option options[] = {
    GROUPING_OPTIONS(struct top, g),
    {NULL},
};

/* ---- Planning ---- */

static int plan_count(struct cp_planner *p, struct top *self)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);

    self->n = 10;
    cp_lexer_accept_count(p->lexer, &self->n);
    if (self->n == 0 || self->n > MOST)
        return cp_diag_error(p->diags, pos, NULL, "top takes a number from 1 to %d", MOST);
    if (cp_lexer_at_end(p->lexer) || cp_lexer_peek_word(p->lexer, "by"))
        return cp_diag_error(p->diags, cp_lexer_pos(p->lexer), "top 10 path", "top needs a field");
    return 0;
}

/* [by AGGREGATE [as NAME]] */
static int plan_order(struct cp_planner *p, struct grouping *g)
{
    struct cp_agg_call call;

    if (cp_lexer_accept_word(p->lexer, "by"))
        return grouping_plan_call(p, g);
    cp_aggregate_find(CP_SLICE("count"), &call);
    return grouping_add_call(p, g, call, NULL, CP_SLICE("count"));
}

static int top_plan(struct cp_planner *p, void *data)
{
    struct top *self = data;

    if (plan_count(p, self) < 0)
        return -1;
    do {
        if (grouping_plan_key(p, &self->g) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    cp_plan_memory(p, self->n * sizeof *self->heap);
    return plan_order(p, &self->g) < 0 ? -1 : grouping_plan_end(p, &self->g);
}

static int top_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct top *self = data;
    (void)err;
    self->heap = cp_heap_take(s->heap, self->n * sizeof *self->heap);
    return grouping_open(s, &self->g);
}

/* ---- Choosing ---- */

/* <0: a leaves before b. The larger result first, null last; ties in the order in which the groups
 * came. */
static int ranked_compare(const struct ranked *a, const struct ranked *b,
                          const struct cp_time_zone *zone)
{
    bool a_null = cp_is_null(&a->result), b_null = cp_is_null(&b->result);
    int c =
        a_null || b_null ? a_null - b_null : -cp_value_sort_compare(&a->result, &b->result, zone);

    return c != 0 ? c : (a->group->first > b->group->first) - (a->group->first < b->group->first);
}

static void swap(struct ranked *a, struct ranked *b)
{
    struct ranked t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(struct top *self, size_t i)
{
    for (; i > 0 && ranked_compare(&self->heap[i], &self->heap[(i - 1) / 2], &self->g.zone) > 0;
         i = (i - 1) / 2)
        swap(&self->heap[i], &self->heap[(i - 1) / 2]);
}

/* Puts the worst of heap[0..n) on top. */
static void sift_down(struct top *self, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n &&
            ranked_compare(&self->heap[child + 1], &self->heap[child], &self->g.zone) > 0)
            child++;
        if (ranked_compare(&self->heap[child], &self->heap[i], &self->g.zone) <= 0)
            return;
        swap(&self->heap[child], &self->heap[i]);
    }
}

static void offer(struct top *self, struct cp_group *group)
{
    struct ranked r = {grouping_result(&self->g, &self->g.calls[0], group), group};

    if (self->used < self->n) {
        self->heap[self->used++] = r;
        sift_up(self, self->used - 1);
    } else if (ranked_compare(&r, &self->heap[0], &self->g.zone) < 0) {
        self->heap[0] = r;
        sift_down(self, self->used);
    }
}

/* Heap sort: the worst goes to the end. */
static void put_in_order(struct top *self)
{
    for (size_t n = self->used; n > 1;) {
        swap(&self->heap[0], &self->heap[--n]);
        sift_down(self, n);
    }
}

/* `other` is no group of its own and takes no place. */
static int top_finish(struct cp_stage *s, void *data)
{
    struct top *self = data;
    struct grouping *g = &self->g;
    struct grouping_walk w = {.g = g};
    struct cp_group *group;
    bool is_wanted = true;

    g->env.zone = &g->zone;
    while ((group = grouping_next(&w)) && group != g->groups.other)
        offer(self, group);
    put_in_order(self);
    g->env.estimates = 0;
    for (size_t i = 0; i < self->used && is_wanted; i++)
        is_wanted = grouping_emit(s, g, self->heap[i].group);
    if (is_wanted)
        grouping_emit_end(s, g);
    grouping_note(s, g);
    return 0;
}

static enum cp_outcome top_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    return grouping_process(s, &((struct top *)data)->g, b);
}

static void top_fork(struct cp_stage *s, void *data)
{
    const struct top *planned = s->workers[0]->self;

    grouping_fork(&((struct top *)data)->g, &planned->g);
}

static void top_merge(struct cp_stage *s, void *data, void *other)
{
    (void)s;
    grouping_merge(&((struct top *)data)->g, &((struct top *)other)->g);
}

static void top_close(void *data)
{
    grouping_close(&((struct top *)data)->g);
}

const struct cp_stage_type cp_stage_top = {
    .name = "top",
    .kind = CP_AGGREGATE,
    .summary = "Finds the values that come most often, or for which an aggregate is largest",
    .usage = "[N] EXPRESSION [as NAME], ... [by AGGREGATE [as NAME]]",
    .doc = "Without N, 10. top 10 path is count by path, sorted from the largest count down, its "
           "first ten; ties in the order in "
           "which the values first came. by takes any aggregate of stats in place of the count.\n"
           "Groups take at most max_memory; records of groups beyond it are left out, and the "
           "summary says so.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_MAKES,
    .size = sizeof(struct top),
    .options = options,
    .plan = top_plan,
    .fork = top_fork,
    .open = top_open,
    .process = top_process,
    .merge = top_merge,
    .finish = top_finish,
    .close = top_close,
    .examples =
        (const struct cp_example[]){
            {"parse logfmt | top 2 path", "path=/a\npath=/b\npath=/c\npath=/c\npath=/b\n",
             "{\"path\":\"/b\",\"count\":2}\n{\"path\":\"/c\",\"count\":2}\n",
             "the most frequent values"},
            {"parse json | top 1 path by sum(bytes)",
             "{\"path\":\"/a\",\"bytes\":1}\n{\"path\":\"/b\",\"bytes\":9}\n{\"path\":\"/"
             "a\",\"bytes\":2}\n",
             "{\"path\":\"/b\",\"sum_bytes\":9}\n", "by another figure"},
            {NULL},
        },
};
