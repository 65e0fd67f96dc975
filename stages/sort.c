/* sort: all records in the order of some values. */
#include <stdlib.h>

#include "../lib/data/keeper.h"
#include "../lib/data/sort_key.h"
#include "../lib/data/sorter.h"
#include "operand.h"

enum { MOST_KEYS = 32 };

struct sort {
    uint64_t max_memory, limit; /* options */

    struct {
        struct operand operand;
        bool is_descending;
    } keys[MOST_KEYS];
    size_t n_keys;

    uint16_t *slots; /* columns that records are kept with */
    struct cp_keeper keeper;
    struct cp_sorter sorter;
    struct cp_sort_key key;
};

static const struct cp_option options[] = {
    {"limit", CP_OPT_COUNT, offsetof(struct sort, limit), NULL, "0",
     "how many of the first records leave; 0 is all"},
    {"max_memory", CP_OPT_SIZE, offsetof(struct sort, max_memory), NULL, "256MiB",
     "bytes for records; beyond it a temporary file is used"},
    {NULL},
};

/* ---- Planning ---- */

/* `-a -b` reads as a minus b, which seldom is what was meant. */
static void warn_of_minus(struct cp_planner *p, const struct cp_expr *x)
{
    struct cp_pos pos = cp_expr_pos(x);
    const char *text = pos.source ? pos.source->text + pos.off : NULL;

    for (size_t i = 1; text && i + 1 < pos.len && !strchr("\"'/", text[i]); i++) {
        if (text[i] != '-' || text[i - 1] != ' ' || text[i + 1] == ' ')
            continue;
        cp_diag_warning(p->diags, pos, "keys are separated by commas: sort -a, -b",
                        "this sorts by a difference");
        return;
    }
}

static int plan_key(struct cp_planner *p, struct sort *self)
{
    struct cp_expr *x;

    if (self->n_keys == MOST_KEYS)
        return cp_diag_error(p->diags, cp_lexer_pos(p->lexer), NULL, "sort takes at most %d keys",
                             MOST_KEYS);
    self->keys[self->n_keys].is_descending = cp_lexer_accept(p->lexer, "-");
    if (!(x = cp_expr_parse(p->lexer)))
        return -1;
    warn_of_minus(p, x);
    return operand_plan(p, &self->keys[self->n_keys++].operand, x);
}

static int check_options(struct cp_planner *p, const struct sort *self)
{
    size_t least = 8 * p->max_line;

    if (least < CP_SORT_MIN_MEMORY)
        least = CP_SORT_MIN_MEMORY;
    if (cp_plan_least_memory(p, self->max_memory, least, "the least is eight times max_line") < 0)
        return -1;
    if (self->limit > UINT32_MAX)
        return cp_diag_error(p->diags, p->stage->pos, NULL, "limit is at most %u", UINT32_MAX);
    return 0;
}

static int sort_plan(struct cp_planner *p, void *data)
{
    struct sort *self = data;

    if (cp_lexer_at_end(p->lexer))
        return cp_diag_error(p->diags, p->stage->pos, "sort -count, path",
                             "sort needs something to sort by");
    do {
        if (plan_key(p, self) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    if (cp_lexer_expect_end(p->lexer, "a comma or the end") < 0 || check_options(p, self) < 0)
        return -1;
    cp_plan_keeps_records(p);
    cp_plan_memory(p, self->max_memory + CP_SORT_WRITE_SIZE);
    cp_plan_memory(p, self->n_keys * 4 * (p->max_line + CP_PAD));
    p->cut = (struct cp_cut){.limit = &self->limit, .stage = p->stage};
    return 0;
}

/* Beside the columns that are there on arrival, that of `_error`, which this stage fills. */
static void choose_slots(struct cp_stage *s, struct sort *self)
{
    size_t n = s->n_live;

    self->slots = cp_heap_take(s->heap, (n + 1) * sizeof *self->slots);
    if (n > 0)
        memcpy(self->slots, s->live, n * sizeof *self->slots);
    if (s->error_slot != CP_NO_SLOT)
        self->slots[n++] = (uint16_t)s->error_slot;
    cp_keeper_init(&self->keeper, self->slots, n);
}

static int sort_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct sort *self = data;
    (void)err;
    for (size_t i = 0; i < self->n_keys; i++)
        operand_open(s, &self->keys[i].operand);
    choose_slots(s, self);
    cp_sorter_init(&self->sorter, self->max_memory, self->limit);
    return 0;
}

/* ---- Taking ---- */

static void make_key(struct sort *self, const struct cp_batch *b, uint32_t i)
{
    cp_sort_key_clear(&self->key);
    for (size_t k = 0; k < self->n_keys; k++)
        cp_sort_key_add(&self->key, &self->keys[k].operand.values[i], self->keys[k].is_descending,
                        &b->zone);
}

static int take(struct cp_stage *s, struct sort *self, const struct cp_batch *b, uint32_t i)
{
    char *to;

    make_key(self, b, i);
    if (!cp_sorter_wants(&self->sorter, self->key.p, self->key.n))
        return 0;
    size_t size = cp_keeper_measure(&self->keeper, i);
    if (!(to = cp_sorter_add(&self->sorter, self->key.p, self->key.n, size, &s->err)))
        return -1;
    cp_keeper_write(&self->keeper, to);
    return 0;
}

static enum cp_outcome take_all(struct cp_stage *s, struct sort *self, struct cp_batch *b)
{
    uint32_t k = 0;

    cp_keeper_begin(&self->keeper, b);
    while (k < b->n_sel && take(s, self, b, b->sel[k]) == 0)
        k++;
    s->account.taken += k;
    b->n_sel -= k;
    if (b->n_sel == 0)
        return CP_OUTCOME_OK;
    cp_stage_report(s);
    return CP_OUTCOME_FAILED;
}

static enum cp_outcome sort_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct sort *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t i = 0; i < self->n_keys; i++)
        if (operand_eval(&self->keys[i].operand, ev, b) == CP_EVAL_FULL)
            return CP_OUTCOME_FULL;
    enum cp_outcome settled = cp_stage_settle(s, b, ev), taken = take_all(s, self, b);
    return taken == CP_OUTCOME_OK ? settled : taken;
}

/* ---- Giving back ---- */

static int sort_finish(struct cp_stage *s, void *data)
{
    struct sort *self = data;
    const char *record;

    if (cp_sorter_end(&self->sorter, &s->err) == 0) {
        while ((record = cp_sorter_next(&self->sorter, &s->err)) &&
               cp_stage_give(s, &self->keeper, record))
            s->account.made++;
        cp_stage_give_end(s, &self->keeper);
    }
    if (s->err.exit == CP_EXIT_OK)
        return 0;
    cp_stage_report(s);
    return -1;
}

static void sort_close(void *data)
{
    struct sort *self = data;
    cp_keeper_release(&self->keeper);
    cp_sorter_release(&self->sorter);
    cp_sort_key_release(&self->key);
}

const struct cp_stage_type cp_stage_sort = {
    .name = "sort",
    .kind = CP_AGGREGATE,
    .summary = "Puts all records in order",
    .usage = "[-]EXPRESSION, ...",
    .doc = "A minus before a key sorts from the largest down. The order is false, true, numbers "
           "and text that looks like one, "
           "times, text by its bytes, lists and objects; null is last in both directions. Records "
           "that are equal stay in the "
           "order in which they came.\n"
           "Records take at most max_memory; beyond it sorted runs go to a temporary file in "
           "$TMPDIR or /tmp and are merged at "
           "the end. head right behind sort makes it keep only the records that head lets pass.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_MAKES,
    .size = sizeof(struct sort),
    .options = options,
    .plan = sort_plan,
    .open = sort_open,
    .process = sort_process,
    .finish = sort_finish,
    .close = sort_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | sort -n, k",
             "{\"k\":\"b\",\"n\":1}\n{\"k\":\"a\"}\n{\"k\":\"c\",\"n\":10}\n{\"k\":\"a\",\"n\":1.0}"
             "\n",
             "{\"k\":\"c\",\"n\":10}\n{\"k\":\"a\",\"n\":1.0}\n{\"k\":\"b\",\"n\":1}\n{\"k\":\"a\"}"
             "\n",
             "the largest n first, then by k"},
            {"parse logfmt | count by path | sort -count | head 1", "path=/a\npath=/b\npath=/b\n",
             "{\"path\":\"/b\",\"count\":2}\n", "the most frequent value"},
            {NULL},
        },
};
