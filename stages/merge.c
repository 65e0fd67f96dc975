/* merge: records of several inputs come together.
 *
 * Where they parted above (tee, route) they come together in the order they had: all batches of a
 * number are taken from all inputs and their records put into batches of this stage's own, record
 * by record. Columns that somebody reads below are filled from what each input calls that name;
 * bytes and texts stay where they are, held on to. Otherwise whole batches go on as they come.
 */
#include "../lib/base/scan.h"
#include "timeline.h"

enum by { FAIR, PRIORITY, ORDER, TIME };

/* One input, and what has come from it and not left yet. */
struct input {
    bool *brings;                 /* whether slot number k of s->live is filled in it */
    struct cp_batch *batch;       /* has a record that has not left, or NULL */
    uint32_t at;                  /* of its selection: the next record */
    bool is_held;                 /* by the batch that is being filled */
    uint64_t until[CP_MAX_DEPTH]; /* of each order: without a batch nothing below this key comes any
                                     more */
    uint32_t line_at;             /* how far the lines of the batch have been counted */
    uint64_t line;
};

struct merge {
    int by; /* option */
    const struct cp_wants *wants;
    struct input *inputs;
    struct cp_value *scratch;
    struct timeline timeline; /* by time */
    struct cp_batch *out;     /* being filled */
    uint64_t seq;             /* of the batch sent last */
    size_t order;             /* where the records parted that come together: of cp_batch.orders */
    uint64_t
        told[CP_MAX_DEPTH]; /* the orders that lie around it: up to which key all has been sent */
};

static const struct cp_option options[] = {
    {"by", CP_OPT_CHOICE, offsetof(struct merge, by), "fair priority order time", "fair",
     "fair: by turns; priority: the first input that has something; order: as they were before "
     "they parted; time: the oldest first"},
    {"max_disorder", CP_OPT_DURATION, offsetof(struct merge, timeline.max_disorder), NULL, "0s",
     "by=time: how far behind the latest before it a record of an input may be"},
    {"max_memory", CP_OPT_SIZE, offsetof(struct merge, timeline.max_memory), NULL, "256MiB",
     "by=time: records that wait for older ones take half of it at most; then the oldest leaves"},
    {NULL},
};

static const struct cp_wants no_wants = {0};

/* Those of one stage are put in their order first: which of them came first says nothing then. */
static int plan_times(struct cp_planner *p, struct merge *self)
{
    if (cp_plan_share_records(p->stage) && cp_plan_join_in_order(p) < 0)
        return -1;
    return timeline_plan(&self->timeline, p);
}

static int merge_plan(struct cp_planner *p, void *data)
{
    struct merge *self = data;

    if (p->stage->n_ins < 2 && self->by != TIME && p->diags->errors > 0)
        return -1; /* one of the inputs is wrong */
    if (p->stage->n_ins < 2 && self->by != TIME)
        return cp_diag_error(
            p->diags, p->stage->pos,
            "merge { files a ; files b }, or name the branches and write from: [a, b]",
            "merge needs several inputs");
    self->wants = p->stage->n_ins < 2 ? &no_wants : p->scope->wants;
    if (self->by == TIME) {
        cp_plan_needs_order(p); /* that of each input */
        return plan_times(p, self);
    }
    return self->by == ORDER ? cp_plan_join_in_order(p) : 0;
}

/* What is kept: columns that come in, and those filled here. */
static int open_times(struct cp_stage *s, struct merge *self, struct cp_err *err)
{
    size_t n = s->n_live;
    uint16_t *slots = cp_heap_take(s->heap, (n + self->wants->n + 1) * sizeof *slots);

    memcpy(slots, s->live, n * sizeof *slots);
    for (size_t w = 0; w < self->wants->n; w++)
        slots[n++] = self->wants->v[w].slot;
    return timeline_open(&self->timeline, s, s->parted_at ? 1 : s->n_ins, slots, n, err);
}

static int merge_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct merge *self = data;

    if (s->parted_at && self->by != TIME)
        self->by = ORDER;
    self->order = s->joins_at;
    self->inputs = cp_heap_take(s->heap, s->n_ins * sizeof *self->inputs);
    for (size_t k = 0; k < s->n_ins; k++) {
        bool *brings = self->inputs[k].brings = cp_heap_take(s->heap, s->n_live + 1);
        for (size_t i = 0; i < s->n_live; i++)
            brings[i] = cp_stage_brings(s, k, s->live[i]);
    }
    self->scratch = cp_heap_take(s->heap, s->records * sizeof *self->scratch);
    cp_stage_prepare(s, NULL);
    return self->by == TIME ? open_times(s, self, err) : 0;
}

static void merge_close(void *data)
{
    struct merge *self = data;

    timeline_close(&self->timeline);
}

/* ---- What comes in ---- */

/* Fills the columns that are read below, from what this input calls them. */
static void fill_wants(struct cp_stage *s, const struct merge *self, size_t k, struct cp_batch *b)
{
    struct cp_eval *ev = cp_stage_eval(s, b);

    for (size_t w = 0; w < self->wants->n; w++) {
        const struct cp_want *want = &self->wants->v[w];
        const struct cp_value *v = cp_ref_eval(&want->refs[k], ev, b->sel, b->n_sel, self->scratch);
        for (uint32_t i = 0; i < b->n_sel; i++)
            b->col[want->slot][b->sel[i]] = v[b->sel[i]];
    }
}

/* Columns that only other inputs fill. */
static void fill_missing(const struct cp_stage *s, const struct input *in, struct cp_batch *b)
{
    for (size_t i = 0; i < s->n_live; i++) {
        struct cp_value *to = b->col[s->live[i]];
        for (uint32_t k = 0; !in->brings[i] && k < b->n_sel; k++)
            to[b->sel[k]] = (struct cp_value){.kind = CP_MISSING};
    }
}

/* The records of an input have come together before. */
static bool has_branches(const struct merge *self, size_t k)
{
    const struct cp_wants *inner = self->wants->inputs[k].wants;

    return inner && inner->branches;
}

/* The branch of a record, among those of all inputs. */
static uint8_t branch_of(const struct merge *self, size_t k, const struct cp_batch *b, uint32_t i)
{
    if (!has_branches(self, k))
        return self->wants->first[k];
    return (uint8_t)(self->wants->first[k] + cp_batch_branch(b, i));
}

/* Makes what comes over an input one of all inputs. */
static void adopt(const struct cp_stage *s, const struct merge *self, size_t k, struct cp_batch *b)
{
    if (s->n_ins < 2)
        return;
    fill_missing(s, &self->inputs[k], b);
    if (!has_branches(self, k)) {
        b->branches = NULL;
        b->branch = 0;
    }
    b->branch += self->wants->first[k];
}

/* The next batch of an input, with what is read below. */
static struct cp_batch *receive(struct cp_stage *s, const struct merge *self, size_t k)
{
    struct cp_batch *b = cp_stage_receive(s, k);

    if (b)
        fill_wants(s, self, k, b);
    return b;
}

/* ---- Whole batches ---- */

/* Sends b, or keeps its records until older ones have come. */
static bool send(struct cp_stage *s, struct merge *self, struct cp_batch *b)
{
    if (self->by != TIME)
        return cp_emit(s, b);
    bool is_wanted = timeline_add(&self->timeline, s, 0, b);
    cp_batch_release(b);
    return is_wanted;
}

/* Made when the input had ended, as far as any order around this one goes. */
static bool pass(struct cp_stage *s, struct merge *self, size_t k, struct cp_batch *b)
{
    adopt(s, self, k, b);
    b->has_more = false;
    b->seq = ++self->seq;
    b->ordinal = 0;
    for (size_t d = 0; d < s->depth; d++)
        b->orders[d] = (struct cp_order){.seq = CP_LAST_SEQ, .has_more = true};
    return send(s, self, b);
}

static void run_as_they_come(struct cp_stage *s, struct merge *self)
{
    struct cp_batch *b;
    size_t k;
    bool is_wanted = true;

    while (is_wanted && (b = cp_stage_receive_any(s, self->by == PRIORITY, &k))) {
        fill_wants(s, self, k, b);
        is_wanted = pass(s, self, k, b);
    }
}

/* ---- By time ---- */

/* Inputs of their own: the one that is least far holds all others back. */
static void run_by_time(struct cp_stage *s, struct merge *self)
{
    struct timeline *t = &self->timeline;
    bool is_wanted = true;
    size_t k;

    while (is_wanted && (k = timeline_least(t)) != SIZE_MAX) {
        struct cp_batch *b = receive(s, self, k);
        if (b) {
            adopt(s, self, k, b);
            is_wanted = timeline_add(t, s, k, b);
            cp_batch_release(b);
        } else {
            timeline_end(t, k);
        }
        is_wanted = is_wanted && timeline_pass(t, s);
    }
}

/* ---- In order ---- */

/* Records stand in an order that all inputs share (batch.h): by the number of the batch that
 * parted, then by their place in it. What an input has been heard of up to is told by its batches,
 * empty ones too, so an input without a record at hand need not be waited for once it is past the
 * record that comes next. Where several must be waited for, the one that is least far is: what
 * parts the records gives each batch to all outputs before the next, so that one is sure to hear.
 *
 * What this stage knows about orders around it, it tells likewise. What is made at the end of the
 * input stands behind all: it leaves last, input by input.
 */

enum { PLACE_BITS = 16 };

#define LAST_KEY (CP_LAST_SEQ << PLACE_BITS)

static uint64_t key_of(uint64_t seq, uint32_t place)
{
    return (seq << PLACE_BITS) + place;
}

/* In order d, of the record that is next. */
static uint64_t next_key(const struct input *in, size_t d)
{
    const struct cp_order *o = &in->batch->orders[d];

    return o->seq == CP_LAST_SEQ ? LAST_KEY
                                 : key_of(o->seq, cp_order_place(o, in->batch->sel[in->at]));
}

/* Nothing below that comes from it any more. */
static uint64_t heard_up_to(const struct input *in, size_t d)
{
    return in->batch ? next_key(in, d) : in->until[d];
}

static uint64_t all_heard_up_to(const struct cp_stage *s, const struct merge *self, size_t d)
{
    uint64_t least = LAST_KEY;

    for (size_t k = 0; k < s->n_ins; k++) {
        uint64_t up_to = heard_up_to(&self->inputs[k], d);
        if (!cp_stage_is_late(s, k) && up_to < least)
            least = up_to;
    }
    return least;
}

static void release(struct cp_batch **b)
{
    cp_batch_release(*b);
    *b = NULL;
}

/* What follows a batch in an order does not stand below that. */
static uint64_t end_key(const struct cp_order *o)
{
    return o->has_more ? key_of(o->seq, o->until) : key_of(o->seq + 1, 0);
}

/* A batch that has no record left has been heard of. */
static void put_aside(struct input *in)
{
    for (size_t d = 0; d < CP_MAX_DEPTH; d++) {
        uint64_t until = end_key(&in->batch->orders[d]);
        if (until > in->until[d])
            in->until[d] = until;
    }
    release(&in->batch);
}

/* The next batch of an input. */
static void look(struct cp_stage *s, struct merge *self, size_t k)
{
    struct input *in = &self->inputs[k];

    in->batch = receive(s, self, k);
    in->at = 0;
    in->is_held = false;
    if (!in->batch) {
        for (size_t d = 0; d < CP_MAX_DEPTH; d++)
            in->until[d] = UINT64_MAX;
        return;
    }
    in->line_at = in->batch->start;
    in->line = in->batch->first_line;
    if (in->batch->n_sel == 0)
        put_aside(in);
}

/* Sends b, whose records all stand below the keys. */
static bool tell(struct cp_stage *s, struct merge *self, struct cp_batch *b)
{
    b->seq = ++self->seq;
    for (size_t d = 0; d < s->depth; d++) {
        struct cp_order *o = &b->orders[d];
        uint64_t up_to = all_heard_up_to(s, self, d), start = key_of(o->seq, 0);
        o->has_more = up_to < key_of(o->seq + 1, 0);
        o->until = o->has_more && up_to > start ? (uint32_t)(up_to - start) : 0;
        if (end_key(o) > self->told[d])
            self->told[d] = end_key(o);
    }
    return send(s, self, b);
}

/* Sends what has been put together. */
static bool flush(struct cp_stage *s, struct merge *self)
{
    struct cp_batch *b = self->out;

    self->out = NULL;
    for (size_t k = 0; k < s->n_ins; k++)
        self->inputs[k].is_held = false;
    return !b || tell(s, self, b);
}

static bool is_told(const struct cp_stage *s, const struct merge *self)
{
    for (size_t d = 0; d < s->depth; d++)
        if (all_heard_up_to(s, self, d) > self->told[d])
            return false;
    return true;
}

/* Before it waits: sends on all that is known, for a stage below may wait for just that. */
static bool tell_all(struct cp_stage *s, struct merge *self)
{
    bool is_wanted = flush(s, self);

    if (self->by == TIME)
        return timeline_pass(&self->timeline, s) && is_wanted;
    if (is_told(s, self))
        return is_wanted;
    struct cp_batch *mark = cp_stage_batch(s);
    for (size_t d = 0; d < s->depth; d++)
        mark->orders[d].seq = all_heard_up_to(s, self, d) >> PLACE_BITS;
    return tell(s, self, mark) && is_wanted;
}

/* Records of b can be put to those of out: their bytes lie in the same block. */
static bool can_join(const struct cp_stage *s, const struct merge *self, const struct input *in)
{
    const struct cp_batch *out = self->out, *b = in->batch;

    return out->orders[self->order].seq == b->orders[self->order].seq && out->block == b->block &&
           out->texts == b->texts && out->n < s->records &&
           (in->is_held || out->n_parts < 2 * s->n_ins);
}

/* Room for a record of that input. */
static bool make_room(struct cp_stage *s, struct merge *self, struct input *in)
{
    bool is_wanted = true;

    if (self->out && !can_join(s, self, in))
        is_wanted = flush(s, self);
    if (!self->out) {
        self->out = cp_stage_batch(s);
        cp_batch_like(self->out, in->batch);
        self->out->n = 0;
        self->out->branch = 0; /* each record has its own */
        self->out->ordinal = 0;
    }
    if (!in->is_held)
        cp_batch_hold(self->out, in->batch);
    in->is_held = true;
    return is_wanted;
}

/* Where a record came from. Line numbers are counted on from the one before. */
static struct cp_origin origin_of(struct input *in, uint32_t i)
{
    const struct cp_batch *b = in->batch;

    if (b->origin || !b->block)
        return b->origin ? b->origin[i] : (struct cp_origin){0};
    in->line += cp_scan_count(b->block->data + in->line_at, b->rec[i].off - in->line_at, '\n');
    in->line_at = b->rec[i].off;
    return (struct cp_origin){b->input, in->line, cp_batch_offset(b, i)};
}

static bool put_record(struct cp_stage *s, struct merge *self, size_t k)
{
    struct input *in = &self->inputs[k];
    const struct cp_batch *b = in->batch;
    bool is_wanted = make_room(s, self, in);
    struct cp_batch *out = self->out;
    uint16_t from = b->sel[in->at++], to = (uint16_t)out->n++;

    out->rec[to] = b->rec[from];
    if (out->origin)
        out->origin[to] = origin_of(in, from);
    out->branches[to] = branch_of(self, k, b, from);
    for (size_t d = 0; d < s->depth; d++)
        out->orders[d].places[to] = cp_order_place(&b->orders[d], from);
    for (size_t i = 0; i < s->n_live; i++)
        out->col[s->live[i]][to] =
            in->brings[i] ? b->col[s->live[i]][from] : (struct cp_value){.kind = CP_MISSING};
    for (size_t w = 0; w < self->wants->n; w++)
        out->col[self->wants->v[w].slot][to] = b->col[self->wants->v[w].slot][from];
    out->sel[out->n_sel++] = to;
    if (in->at == b->n_sel)
        put_aside(in);
    return is_wanted;
}

/* The input whose record comes next. SIZE_MAX: none is at hand. */
static size_t next_input(const struct cp_stage *s, const struct merge *self)
{
    size_t best = SIZE_MAX;

    for (size_t k = 0; k < s->n_ins; k++) {
        const struct input *in = &self->inputs[k];
        if (in->batch && (best == SIZE_MAX ||
                          next_key(in, self->order) < next_key(&self->inputs[best], self->order)))
            best = k;
    }
    return best;
}

/* The input that must be heard first, before the record with that key can leave. SIZE_MAX: none. */
static size_t behind(const struct cp_stage *s, const struct merge *self, uint64_t key)
{
    size_t least = SIZE_MAX, d = self->order;

    for (size_t k = 0; k < s->n_ins; k++) {
        const struct input *in = &self->inputs[k];
        if (!in->batch && in->until[d] <= key && !cp_stage_is_late(s, k) &&
            (least == SIZE_MAX || in->until[d] < self->inputs[least].until[d]))
            least = k;
    }
    return least;
}

/* All that is made while the input lasts. In the end it is told that the rest comes last: a stage
 * below is not to wait for what is made when what it holds up has ended. */
static bool join_in_order(struct cp_stage *s, struct merge *self)
{
    bool is_wanted = true;

    while (is_wanted) {
        size_t next = next_input(s, self);
        uint64_t key = next == SIZE_MAX ? LAST_KEY : next_key(&self->inputs[next], self->order);
        size_t k = behind(s, self, key);
        if (k != SIZE_MAX) {
            is_wanted = tell_all(s, self);
            look(s, self, k);
        } else if (key < LAST_KEY) {
            is_wanted = put_record(s, self, next);
        } else {
            break;
        }
    }
    return tell_all(s, self) && is_wanted;
}

/* What is made at its end. */
static void pass_last(struct cp_stage *s, struct merge *self)
{
    bool is_wanted = true;

    for (size_t k = 0; is_wanted && k < s->n_ins; k++) {
        struct cp_batch *b = self->inputs[k].batch;
        self->inputs[k].batch = NULL;
        for (; is_wanted && (b || (b = receive(s, self, k))); b = NULL)
            is_wanted = pass(s, self, k, b) && tell_all(s, self);
    }
}

static void run_in_order(struct cp_stage *s, struct merge *self)
{
    if (!join_in_order(s, self))
        return;
    pass_last(s, self);
    if (self->by == TIME) {
        timeline_end(&self->timeline, 0);
        timeline_pass(&self->timeline, s);
    }
}

/* What is at hand and was not wanted any more. */
static void release_rest(struct cp_stage *s, struct merge *self)
{
    for (size_t k = 0; k < s->n_ins; k++) {
        struct input *in = &self->inputs[k];
        if (in->batch)
            s->account.filtered += in->batch->n_sel - in->at;
        release(&in->batch);
    }
}

static void merge_run(struct cp_stage *s, void *data)
{
    struct merge *self = data;

    if (s->parted_at)
        run_in_order(s, self);
    else if (self->by == TIME)
        run_by_time(s, self);
    else
        run_as_they_come(s, self);
    release_rest(s, self);
    if (self->by == TIME)
        timeline_finish(&self->timeline, s);
    cp_stage_cut_input(s);
}

const struct cp_stage_type cp_stage_merge = {
    .name = "merge",
    .kind = CP_FLOW,
    .summary = "Brings the records of several inputs together, or one in the order of time",
    .usage = "[{ PIPELINE ; PIPELINE ... }]",
    .doc =
        "Each branch begins with a source. Without branches its inputs are what comes from above, "
        "or the stages that from: names. Each input keeps its own order. Between inputs it is "
        "fair: "
        "what has come first leaves first, by turns where several have something. With by=priority "
        "the first input that has something goes first. With by=order records that parted above, "
        "in "
        "tee or route, leave in the order in which they were there.\n"
        "With by=time the oldest record leaves first, by _time. An input, also a single one, may "
        "be "
        "out of order by max_disorder: no record is further behind the latest before it. One that "
        "is "
        "later is counted, and leaves as if it had come in time. The input that is least far holds "
        "the others back, so one that pauses stops them all.",
    .args = CP_ARGS_WORDS,
    .branches = CP_BRANCHES_INPUTS,
    .flags = CP_STAGE_JOINS,
    .size = sizeof(struct merge),
    .options = options,
    .examples =
        (const struct cp_example[]){
            {"parse json | merge with by=time max_disorder=2s",
             "{\"time\":7,\"n\":1}\n{\"time\":9,\"n\":2}\n{\"time\":8,\"n\":3}\n",
             "{\"time\":7,\"n\":1}\n{\"time\":8,\"n\":3}\n{\"time\":9,\"n\":2}\n",
             "puts in order what is out of it by two seconds at most"},
            {NULL},
        },
    .plan = merge_plan,
    .open = merge_open,
    .run = merge_run,
    .close = merge_close,
};
