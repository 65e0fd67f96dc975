/* tail: passes the last records.
 *
 * DESIGN. The last N records are kept as copies in one buffer, oldest first: new ones are written
 * behind, old ones are left behind in front. While the buffer may grow, what is left is moved to
 * the front when the buffer is full and at least half of it free, so that each byte is moved once
 * on average. At its final size it is a ring: a record that does not fit behind the others goes to
 * the front. The space lost at the end is what the ring is larger than max_memory, so that the
 * records kept depend on their sizes alone. Of a batch only its last N records are looked at.
 */
#include <stdlib.h>

#include "../lib/base/alloc.h"
#include "../lib/stage.h"

struct tail {
    uint64_t max_memory; /* option */

    uint64_t wanted;
    struct cp_keeper keeper;
    char *buffer;
    size_t cap, most;     /* bytes of it, now and at most */
    size_t from, to, end; /* kept are buffer[from..to); if end > 0 [from..end), then [0..to) */
    size_t used;          /* bytes of kept records */
    uint64_t n, seen;
};

static const struct cp_option options[] = {
    {"max_memory", CP_OPT_SIZE, offsetof(struct tail, max_memory), NULL, "256MiB",
     "bytes that the kept records may take; older ones are given up and counted as errors"},
    {NULL},
};

static int tail_plan(struct cp_planner *p, void *data)
{
    struct tail *self = data;

    self->wanted = 10;
    if (cp_plan_count(p, &self->wanted, "a number of records, as in tail 10") < 0)
        return -1;
    cp_plan_keeps_records(p);
    self->most = self->max_memory;
    self->most +=
        cp_plan_largest_record(p) < self->max_memory ? cp_plan_largest_record(p) : self->max_memory;
    cp_plan_memory(p, self->most);
    return 0;
}

static int tail_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct tail *self = data;

    (void)err;
    cp_keeper_init(&self->keeper, s->live, s->n_live);
    return 0;
}

/* ---- The buffer ---- */

static void pass_oldest(struct cp_stage *s, struct tail *self)
{
    size_t size = cp_kept_size(self->buffer + self->from);

    self->from += size;
    self->used -= size;
    if (self->from == self->end)
        self->from = self->end = 0;
    self->n--;
    s->account.held--;
}

static void drop_oldest(struct cp_stage *s, struct tail *self)
{
    pass_oldest(s, self);
    s->account.filtered++;
}

static void grow(struct tail *self, size_t need)
{
    size_t cap = self->cap ? self->cap * 2 : 64 * 1024;

    while (cap < need)
        cap *= 2;
    if (cap > self->most)
        cap = self->most;
    self->buffer = cp_xrealloc(self->buffer, cap + CP_PAD, 1);
    self->cap = cap;
}

static bool has_room(const struct tail *self, size_t size)
{
    return (self->end > 0 ? self->from : self->cap) - self->to >= size;
}

/* More room, for records that follow each other. */
static void open_room(struct tail *self, size_t size)
{
    if (self->cap == self->most) {
        self->end = self->to;
        self->to = 0;
        return;
    }
    if (self->used + size > self->cap / 2)
        grow(self, self->used + size);
    if (self->used > 0)
        memmove(self->buffer, self->buffer + self->from, self->used);
    self->from = 0;
    self->to = self->used;
}

/* Room for size bytes behind the kept records: NULL when max_memory does not allow it even for this
 * one alone. */
static char *make_room(struct cp_stage *s, struct tail *self, size_t size)
{
    while (self->n > 0 && self->used + size > self->max_memory)
        drop_oldest(s, self);
    if (size > self->max_memory)
        return NULL;
    if (self->n == 0)
        self->from = self->to = 0;
    while (!has_room(self, size)) {
        if (self->end > 0)
            drop_oldest(s, self);
        else
            open_room(self, size);
    }
    return self->buffer + self->to;
}

static void keep(struct cp_stage *s, struct tail *self, uint32_t i)
{
    size_t size = cp_keeper_measure(&self->keeper, i);
    char *at = make_room(s, self, size);

    if (!at) {
        s->account.filtered++;
        return;
    }
    cp_keeper_write(&self->keeper, at);
    self->to += size;
    self->used += size;
    self->n++;
    s->account.held++;
}

/* ---- Working ---- */

static enum cp_outcome tail_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct tail *self = data;
    uint32_t n = b->n_sel, first = n > self->wanted ? n - (uint32_t)self->wanted : 0;

    self->seen += n;
    s->account.filtered += first;
    while (self->n > 0 && self->n + (n - first) > self->wanted)
        drop_oldest(s, self);
    cp_keeper_begin(&self->keeper, b);
    for (uint32_t k = first; k < n; k++)
        keep(s, self, b->sel[k]);
    b->n_sel = 0;
    return CP_OUTCOME_OK;
}

/* Records that would have passed, had there been room. Counted only now: before, newer ones may
 * take their place. */
static void count_lost(struct cp_stage *s, const struct tail *self)
{
    uint64_t lost = (self->seen < self->wanted ? self->seen : self->wanted) - self->n;

    if (lost == 0)
        return;
    cp_stage_input_error(
        s, NULL, 0, "the last records need more than max_memory: the older ones were given up");
    s->account.errored += lost;
    s->account.filtered -= lost;
}

static int tail_finish(struct cp_stage *s, void *data)
{
    struct tail *self = data;
    bool is_wanted = true;

    count_lost(s, self);
    while (self->n > 0 && is_wanted) {
        is_wanted = cp_stage_give(s, &self->keeper, self->buffer + self->from);
        if (is_wanted)
            pass_oldest(s, self);
    }
    cp_stage_give_end(s, &self->keeper);
    s->account.filtered += self->n;
    s->account.held = 0;
    return 0;
}

static void tail_close(void *data)
{
    struct tail *self = data;

    cp_keeper_release(&self->keeper);
    free(self->buffer);
}

const struct cp_stage_type cp_stage_tail = {
    .name = "tail",
    .kind = CP_FILTER,
    .summary = "Passes the last records",
    .usage = "[N] [with max_memory=SIZE]",
    .doc = "Without N, 10. They leave in their order when the input ends. Over several files it "
           "counts over all of them.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_COUNTS | CP_STAGE_MAKES,
    .size = sizeof(struct tail),
    .options = options,
    .plan = tail_plan,
    .open = tail_open,
    .process = tail_process,
    .finish = tail_finish,
    .close = tail_close,
    .examples =
        (const struct cp_example[]){
            {"tail 2", "a\nb\nc\n", "b\nc\n", NULL},
            {"parse json | set n = n + 1 | tail 1", "{\"n\": 1}\n{\"n\": 2}\n", "{\"n\": 3}\n",
             "of changed records"},
            {"tail 3", "a\n", "a\n", "fewer than that are all"},
            {NULL},
        },
};
