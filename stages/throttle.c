/* throttle: passes at most so many records in a time.
 *
 * DESIGN. A bucket per key: each record that passes takes a part of its room, which comes back
 * evenly with time. Counting in fixed windows was rejected: a window that begins right behind a
 * burst would let the next one pass. By default the clock is that of the records, so that the same
 * input gives the same output. Beyond max_memory the oldest keys are given up (data/recent.h).
 */
#include <inttypes.h>
#include <stdio.h>

#include "../lib/chan/chan.h"
#include "../lib/data/recent.h"
#include "operand.h"

enum { MOST = 1000000000 }; /* records per duration */

enum clock_kind { BY_TIME, BY_ARRIVAL };

/* The state of a key. */
struct bucket {
    int64_t used;   /* of its room, in ns: what was taken, less the time that has passed since */
    int64_t latest; /* the latest time of its records */
    uint64_t input; /* the number of the input that this was of; 0: nothing came yet */
};

struct throttle {
    /* Options. */
    uint64_t burst, max_memory;
    int64_t per;
    int clock;
    bool waits;

    bool is_clock_chosen;
    bool is_off; /* it is not to wait any more: all pass */
    uint64_t rate;
    int64_t step; /* ns in which one record's room comes back */
    struct operand keys[CP_MAX_KEY];
    size_t n_keys;
    struct operand time;
    struct cp_recent recent;
    struct cp_group **found;
    int64_t now; /* of the record at hand, or the last one before it that has a time */
    struct cp_input *input;
    uint64_t n_inputs; /* how often another one came, from 1 */
};

static const struct cp_option options[] = {
    {"per", CP_OPT_DURATION, offsetof(struct throttle, per), NULL, "1s",
     "the time in which the number of records may pass"},
    {"burst", CP_OPT_COUNT, offsetof(struct throttle, burst), NULL, NULL,
     "records that may pass at once after a pause; without it as many as in the whole time"},
    {"on", CP_OPT_CHOICE, offsetof(struct throttle, clock), "time arrival", "time",
     "whose clock counts: the records' own _time, or that of their arrival here"},
    {"wait", CP_OPT_BOOL, offsetof(struct throttle, waits), NULL, "false",
     "what comes too soon waits instead of being left out; the clock is that of arrival"},
    {"max_memory", CP_OPT_SIZE, offsetof(struct throttle, max_memory), NULL, "64MiB",
     "bytes for keys; beyond it the oldest are given up, and may pass again at once"},
    {NULL},
};

/* ---- Planning ---- */

static int plan_rate(struct cp_planner *p, struct throttle *self)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);

    if (!cp_lexer_accept_count(p->lexer, &self->rate) || self->rate == 0 || self->rate > MOST)
        return cp_diag_error(p->diags, pos, "throttle 100 per 1s by host",
                             "throttle takes a number of records from 1 to %d", MOST);
    return 0;
}

/* `per 10s`. */
static int plan_per(struct cp_planner *p, struct throttle *self)
{
    struct cp_pos pos = cp_lexer_pos(p->lexer);

    if (!cp_lexer_accept_word(p->lexer, "per") || cp_lexer_accept_duration(p->lexer, &self->per))
        return 0;
    return cp_diag_error(p->diags, pos, "throttle 100 per 1m", "per takes a duration");
}

static int plan_by(struct cp_planner *p, struct throttle *self)
{
    if (!cp_lexer_accept_word(p->lexer, "by"))
        return 0;
    do {
        struct cp_pos pos = cp_lexer_pos(p->lexer);
        struct cp_expr *x = cp_expr_parse(p->lexer);
        if (!x)
            return -1;
        if (self->n_keys == CP_MAX_KEY)
            return cp_diag_error(p->diags, pos, NULL, "throttle takes at most %d keys", CP_MAX_KEY);
        if (operand_plan(p, &self->keys[self->n_keys++], x) < 0)
            return -1;
    } while (cp_lexer_accept(p->lexer, ","));
    return 0;
}

static bool accept_burst(struct cp_planner *p, struct throttle *self)
{
    return cp_lexer_accept_count(p->lexer, &self->burst);
}

static bool accept_clock(struct cp_planner *p, struct throttle *self)
{
    self->is_clock_chosen = true;
    self->clock = cp_lexer_accept_word(p->lexer, "arrival") ? BY_ARRIVAL : BY_TIME;
    return self->clock == BY_ARRIVAL || cp_lexer_accept_word(p->lexer, "time");
}

static bool accept_wait(struct cp_planner *p, struct throttle *self)
{
    self->waits = cp_lexer_accept_word(p->lexer, "true");
    return self->waits || cp_lexer_accept_word(p->lexer, "false");
}

static const struct {
    const char *name;
    bool (*accept)(struct cp_planner *p, struct throttle *self);
    const char *expected;
} behind[] = {
    {"burst", accept_burst, "burst takes a number of records"},
    {"on", accept_clock, "on takes time or arrival"},
    {"wait", accept_wait, "wait takes true or false"},
};

enum { N_BEHIND = sizeof behind / sizeof *behind };

/* `burst=20`, `on=arrival`, `wait=true` behind the rest. */
static int plan_options(struct cp_planner *p, struct throttle *self)
{
    for (bool has_any = false; !cp_lexer_at_end(p->lexer); has_any = true) {
        struct cp_pos pos = cp_lexer_pos(p->lexer);
        size_t i = 0;
        while (i < N_BEHIND && !cp_lexer_accept_word(p->lexer, behind[i].name))
            i++;
        if (i == N_BEHIND && has_any &&
            (cp_lexer_peek_word(p->lexer, "per") || cp_lexer_peek_word(p->lexer, "by")))
            return cp_diag_error(p->diags, pos, "as in: throttle 100 per 1s by ip on=arrival",
                                 "per and by stand before burst=, on= and wait=");
        if (i == N_BEHIND)
            return cp_lexer_expect_end(p->lexer, "per, by, burst=, on=, wait=");
        if (!cp_lexer_accept(p->lexer, "=") || !behind[i].accept(p, self))
            return cp_diag_error(p->diags, pos, "burst=20, on=time, on=arrival, wait=true", "%s",
                                 behind[i].expected);
    }
    return 0;
}

/* What waits does so here and now: the clock of the records says nothing about that. */
static int plan_wait(struct cp_planner *p, struct throttle *self)
{
    if (!self->waits)
        return 0;
    for (size_t i = 0; i < p->item->n_settings; i++)
        self->is_clock_chosen |= cp_slice_is(p->item->settings[i].key.s, "on");
    if (self->is_clock_chosen && self->clock == BY_TIME)
        return cp_diag_error(p->diags, p->stage->pos, "leave out on=time",
                             "with wait=true the clock is that of arrival");
    self->clock = BY_ARRIVAL;
    cp_plan_waits(p);
    return 0;
}

static int plan_time(struct cp_planner *p, struct throttle *self)
{
    if (self->clock != BY_TIME)
        return 0;
    operand_plan_path(p, &self->time, cp_path_literal(p->heap, CP_SLICE("_time")), p->stage->pos);
    if (self->time.ref.slot != CP_NO_SLOT || self->time.ref.times[0] != CP_NO_SLOT)
        return 0;
    return cp_diag_error(p->diags, p->stage->pos,
                         "put parse before it, name the field with `time=FIELD` there, or add "
                         "on=arrival",
                         "throttle needs the time of the records, and they have none here");
}

static int throttle_plan(struct cp_planner *p, void *data)
{
    struct throttle *self = data;
    size_t least = cp_recent_least(self->n_keys, sizeof(struct bucket));

    if (plan_rate(p, self) < 0 || plan_per(p, self) < 0 || plan_by(p, self) < 0 ||
        plan_options(p, self) < 0 || plan_wait(p, self) < 0 || plan_time(p, self) < 0 ||
        cp_plan_least_memory(p, self->max_memory, least, NULL) < 0)
        return -1;
    if (self->burst == 0)
        self->burst = self->rate;
    self->step = self->per / (int64_t)self->rate;
    if (self->step == 0)
        return cp_diag_error(p->diags, p->stage->pos, "write a longer time: per 1s",
                             "throttle counts in nanoseconds: that is less than one per record");
    if (self->burst > (uint64_t)(INT64_MAX / 4 / self->step))
        return cp_diag_error(p->diags, p->stage->pos, NULL,
                             "a burst of %" PRIu64 " is more than comes in a century", self->burst);
    cp_plan_memory(p, self->max_memory + cp_recent_scratch(self->n_keys, p->max_line) +
                          p->stage->records * sizeof *self->found);
    return 0;
}

/* ---- Opening ---- */

static int throttle_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct throttle *self = data;

    (void)err;
    cp_stage_prepare(s, NULL);
    for (size_t k = 0; k < self->n_keys; k++)
        operand_open(s, &self->keys[k]);
    if (self->clock == BY_TIME)
        operand_open(s, &self->time);
    self->found = cp_heap_take(s->heap, s->records * sizeof *self->found);
    cp_recent_init(&self->recent, self->n_keys, sizeof(struct bucket), self->max_memory);
    return 0;
}

/* ---- Working ---- */

static enum cp_eval_status read_operands(struct throttle *self, struct cp_eval *ev,
                                         const struct cp_batch *b)
{
    for (size_t k = 0; k < self->n_keys; k++)
        if (operand_eval(&self->keys[k], ev, b) == CP_EVAL_FULL)
            return CP_EVAL_FULL;
    return self->clock == BY_TIME ? operand_eval(&self->time, ev, b) : CP_EVAL_OK;
}

/* The time of record i; one without counts as coming with the one before. */
static int64_t time_of(struct throttle *self, const struct cp_batch *b, uint16_t i)
{
    int64_t ns;

    if (self->clock == BY_TIME && cp_value_time(&self->time.values[i], &b->zone, &ns))
        self->now = ns;
    return self->now;
}

/* Numbers the inputs. A reference on the last one is held, so that its address is no other's. */
static void note_input(struct throttle *self, struct cp_input *in)
{
    if (in == self->input && self->n_inputs > 0)
        return;
    if (in)
        cp_input_ref(in);
    cp_input_release(self->input);
    self->input = in;
    self->n_inputs++;
}

/* Takes room for a record at time `now`. One that comes late counts as coming with the latest; but
 * where another file begins before this time the bucket begins anew. */
static bool bucket_take(struct bucket *k, int64_t now, const struct throttle *self)
{
    int64_t room = (int64_t)self->burst * self->step;
    uint64_t back = now < k->latest ? (uint64_t)k->latest - (uint64_t)now : 0;

    if (k->input == 0 || (k->input != self->n_inputs && back > (uint64_t)self->per))
        *k = (struct bucket){.latest = now};
    k->input = self->n_inputs;
    if (now > k->latest) {
        uint64_t passed = (uint64_t)now - (uint64_t)k->latest;
        k->used = passed < (uint64_t)k->used ? k->used - (int64_t)passed : 0;
        k->latest = now;
    }
    if (k->used + self->step > room)
        return false;
    k->used += self->step;
    return true;
}

/* When there is room for one more, if none comes before. */
static int64_t bucket_due(const struct bucket *k, const struct throttle *self)
{
    return k->latest + k->used + self->step - (int64_t)self->burst * self->step;
}

/* A key that no table can hold passes. */
static bool takes(struct throttle *self, struct cp_group *group, int64_t now)
{
    return !group || bucket_take(cp_group_state(group), now, self);
}

/* Leaves out what comes too soon. */
static void sift(struct throttle *self, struct cp_batch *b, const struct cp_value *const *cols,
                 uint16_t *keep, size_t *kept)
{
    size_t n;

    for (size_t at = 0; at < b->n_sel; at += n) {
        n = cp_recent_find(&self->recent, cols, b->sel + at, b->n_sel - at, self->found);
        for (size_t k = 0; k < n; k++) {
            uint16_t i = b->sel[at + k];
            note_input(self, cp_batch_input(b, i));
            if (takes(self, self->found[k], time_of(self, b, i)))
                keep[(*kept)++] = i;
        }
    }
}

/* How many of the records may leave now; waits for the first. */
static size_t wait_for_room(struct cp_stage *s, struct throttle *self, const struct cp_batch *b,
                            const struct cp_value *const *cols)
{
    size_t n;

    for (size_t at = 0; at < b->n_sel; at += n) {
        n = cp_recent_find(&self->recent, cols, b->sel + at, b->n_sel - at, self->found);
        for (size_t k = 0; k < n && !self->is_off; k++) {
            note_input(self, cp_batch_input(b, b->sel[at + k]));
            while (!self->is_off && !takes(self, self->found[k], self->now)) {
                if (at + k > 0)
                    return at + k;
                self->is_off = !cp_stage_wait(s, bucket_due(cp_group_state(self->found[k]), self));
                self->now = chan_now_ns();
            }
        }
    }
    return b->n_sel;
}

/* Puts off what comes too soon. */
static void hold_up(struct cp_stage *s, struct throttle *self, struct cp_batch *b,
                    const struct cp_value *const *cols, uint16_t *keep, size_t *kept)
{
    *kept = wait_for_room(s, self, b, cols);
    if (*kept < b->n_sel)
        cp_stage_put_off(s, b, *kept);
    memcpy(keep, b->sel, *kept * sizeof *keep);
}

static enum cp_outcome throttle_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct throttle *self = data;
    const struct cp_value *cols[CP_MAX_KEY];
    uint16_t keep[CP_BATCH_RECORDS];
    size_t kept = 0;
    struct cp_eval *ev = cp_stage_eval(s, b);

    if (read_operands(self, ev, b) == CP_EVAL_FULL)
        return CP_OUTCOME_FULL;
    for (size_t k = 0; k < self->n_keys; k++)
        cols[k] = self->keys[k].values;
    if (self->clock == BY_ARRIVAL)
        self->now = chan_now_ns();
    if (self->waits)
        hold_up(s, self, b, cols, keep, &kept);
    else
        sift(self, b, cols, keep, &kept);
    return cp_stage_pass(s, b, ev, keep, kept);
}

static int throttle_finish(struct cp_stage *s, void *data)
{
    const struct throttle *self = data;

    if (self->recent.given_up > 0)
        snprintf(s->note, sizeof s->note,
                 "%" PRIu64 " of the oldest keys were given up, for max_memory was used up: their "
                 "records may have passed too soon",
                 self->recent.given_up);
    return 0;
}

static void throttle_close(void *data)
{
    struct throttle *self = data;

    cp_recent_release(&self->recent);
    cp_input_release(self->input);
}

const struct cp_stage_type cp_stage_throttle = {
    .name = "throttle",
    .kind = CP_FILTER,
    .summary = "Passes at most so many records in a time",
    .usage = "N [per DURATION] [by EXPRESSION, ...] [burst=N] [on=time|arrival] [wait=true]",
    .doc =
        "Without per it is N in a second. With by each value, or combination of values, has its "
        "own "
        "N. What comes above that is left out and counted as filtered. After a pause burst records "
        "may pass at once, N without it; each of them makes room again after the Nth part of the "
        "duration.\n"
        "The clock is that of the records, _time, so that the same input gives the same output. A "
        "record without a time, and one that is older than the one before it, count as coming with "
        "that; but where another input begins at an earlier time the count begins anew. on=arrival "
        "takes the time at which a record arrives: for what comes live.\n"
        "With wait=true nothing is left out: what comes too soon waits, and the records behind it, "
        "of other values too, wait with it. When the pipeline is asked to stop, what came leaves "
        "at "
        "once.\n"
        "Keys take at most max_memory; beyond it the oldest are given up, and the summary says so.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_COUNTS,
    .size = sizeof(struct throttle),
    .options = options,
    .plan = throttle_plan,
    .open = throttle_open,
    .process = throttle_process,
    .finish = throttle_finish,
    .close = throttle_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | throttle 1 per 10s by user",
             "{\"time\":\"2026-11-20T10:00:00Z\",\"user\":\"a\"}\n{\"time\":\"2026-11-20T10:00:"
             "01Z\","
             "\"user\":\"a\"}\n{\"time\":\"2026-11-20T10:00:02Z\",\"user\":\"b\"}\n{\"time\":"
             "\"2026-"
             "11-20T10:00:11Z\",\"user\":\"a\"}\n",
             "{\"time\":\"2026-11-20T10:00:00Z\",\"user\":\"a\"}\n{\"time\":\"2026-11-20T10:00:"
             "02Z\","
             "\"user\":\"b\"}\n{\"time\":\"2026-11-20T10:00:11Z\",\"user\":\"a\"}\n",
             "one record of each user in ten seconds"},
            {"throttle 2 per 1d on=arrival", "a\nb\nc\n", "a\nb\n", "by the time of arrival"},
            {"throttle 500 per 1s burst=1 wait=true", "a\nb\nc\n", "a\nb\nc\n",
             "no faster than that, without a loss"},
            {NULL},
        },
};
