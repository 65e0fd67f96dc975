/* timeline.c: a heap of kept records by time. */
#include "timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

enum { MANY_HOLES = 1 << 20 }; /* bytes */

/* A record that is kept. Items are a heap: the root is the one that leaves first. */
struct timeline_item {
    int64_t time; /* that it counts as */
    uint64_t arrival;
    size_t at; /* its record in memory */
    size_t line;
};

/* ---- Planning and opening ---- */

static bool has_time(struct cp_planner *p, struct cp_scope *s)
{
    bool exists;
    struct cp_ref ref = cp_scope_read(s, cp_path_literal(p->heap, CP_SLICE("_time")), &exists);

    return ref.slot != CP_NO_SLOT || ref.times[0] != CP_NO_SLOT;
}

/* All inputs have times. */
static int check_times(struct cp_planner *p, struct cp_scope *s)
{
    size_t n = p->stage->n_ins < 2 ? 0 : p->stage->n_ins;
    const char *without = NULL;

    for (size_t k = 0; k < n && !without; k++)
        if (!has_time(p, &s->wants->inputs[k]))
            without = cp_plan_input_name(p, k);
    if (n > 0 ? !without : has_time(p, s))
        return 0;
    return cp_diag_error(p->diags, p->stage->pos,
                         "put parse before it, name the field with `time=FIELD` there, and keep it",
                         "by=time needs the time of the records: those %s have none",
                         without ? cp_heap_printf(p->heap, "from %s", without) : "here");
}

int timeline_plan(struct timeline *t, struct cp_planner *p)
{
    size_t least = 2 * (cp_plan_largest_record(p) + sizeof(struct timeline_item));

    if (t->max_disorder < 0)
        return cp_diag_error(p->diags, p->stage->pos, NULL, "max_disorder cannot be below zero");

    operand_plan_path(p, &t->time, cp_path_literal(p->heap, CP_SLICE("_time")), p->stage->pos);
    if (check_times(p, p->scope) < 0)
        return -1;
    if (cp_plan_least_memory(p, t->max_memory, least, "a smaller max_line of the source") < 0)
        return -1;
    cp_plan_keeps_records(p);
    cp_plan_memory(p, t->max_memory);
    return 0;
}

int timeline_open(struct timeline *t, struct cp_stage *s, size_t n_lines, const uint16_t *slots,
                  size_t n_slots, struct cp_err *err)
{
    operand_open(s, &t->time);
    cp_keeper_init(&t->keeper, slots, n_slots);
    t->lines = cp_heap_take(s->heap, n_lines * sizeof *t->lines);
    t->n_lines = n_lines;
    for (size_t k = 0; k < n_lines; k++)
        t->lines[k] = (struct timeline_line){.latest = INT64_MIN, .last = INT64_MIN};
    t->max_memory &= ~(uint64_t)7; /* items lie at its end */
    t->memory = mmap(NULL, t->max_memory + CP_PAD, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->memory != MAP_FAILED)
        return 0;
    t->memory = NULL;
    return cp_err_set(err, CP_EXIT_IO, errno, "no room for %" PRIu64 " bytes of max_memory",
                      t->max_memory);
}

void timeline_close(struct timeline *t)
{
    cp_keeper_release(&t->keeper);
    if (t->memory)
        munmap(t->memory, t->max_memory + CP_PAD);
}

/* ---- The heap; item 0 is the last in memory ---- */

static struct timeline_item *item(const struct timeline *t, size_t k)
{
    return (struct timeline_item *)(void *)(t->memory + t->max_memory) - 1 - k;
}

typedef bool is_first(const struct timeline_item *a, const struct timeline_item *b);

static bool leaves_first(const struct timeline_item *a, const struct timeline_item *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->line != b->line ? a->line < b->line : a->arrival < b->arrival;
}

static bool lies_last(const struct timeline_item *a, const struct timeline_item *b)
{
    return a->at > b->at;
}

static void swap(struct timeline_item *a, struct timeline_item *b)
{
    struct timeline_item c = *a;

    *a = *b;
    *b = c;
}

static void sift_up(const struct timeline *t, size_t k)
{
    for (; k > 0 && leaves_first(item(t, k), item(t, (k - 1) / 2)); k = (k - 1) / 2)
        swap(item(t, k), item(t, (k - 1) / 2));
}

/* Among the first n items. */
static void sift_down(const struct timeline *t, size_t k, size_t n, is_first *first)
{
    for (size_t next = 2 * k + 1; next < n; k = next, next = 2 * k + 1) {
        if (next + 1 < n && first(item(t, next + 1), item(t, next)))
            next++;
        if (!first(item(t, next), item(t, k)))
            return;
        swap(item(t, k), item(t, next));
    }
}

static void make_heap(const struct timeline *t, is_first *first)
{
    for (size_t k = t->n / 2; k-- > 0;)
        sift_down(t, k, t->n, first);
}

/* ---- Memory ---- */

/* Heapsort. */
static void sort_by_place(const struct timeline *t)
{
    make_heap(t, lies_last);
    for (size_t n = t->n; n > 1; n--) {
        swap(item(t, 0), item(t, n - 1));
        sift_down(t, 0, n - 1, lies_last);
    }
}

static void close_holes(struct timeline *t)
{
    sort_by_place(t);
    t->used = 0;
    for (size_t k = 0; k < t->n; k++) {
        struct timeline_item *it = item(t, k);
        size_t size = cp_kept_size(t->memory + it->at);
        memmove(t->memory + t->used, t->memory + it->at, size);
        it->at = t->used;
        t->used += size;
    }
    make_heap(t, leaves_first);
}

static bool give_first(struct timeline *t, struct cp_stage *s)
{
    const char *record = t->memory + item(t, 0)->at;

    if (!cp_stage_give(s, &t->keeper, record))
        return false;
    t->live -= cp_kept_size(record);
    s->account.held--;
    *item(t, 0) = *item(t, --t->n);
    sift_down(t, 0, t->n, leaves_first);
    return true;
}

/* ---- Times ---- */

/* Below it nothing comes over that line. */
static int64_t bound(const struct timeline *t, const struct timeline_line *l)
{
    if (l->has_ended)
        return INT64_MAX;
    return l->latest < INT64_MIN + t->max_disorder ? INT64_MIN : l->latest - t->max_disorder;
}

size_t timeline_least(const struct timeline *t)
{
    size_t least = SIZE_MAX;

    for (size_t k = 0; k < t->n_lines; k++)
        if (!t->lines[k].has_ended &&
            (least == SIZE_MAX || bound(t, &t->lines[k]) < bound(t, &t->lines[least])))
            least = k;
    return least;
}

/* The time that record i of b counts as. */
static int64_t time_as_kept(struct timeline *t, struct timeline_line *l, const struct cp_batch *b,
                            uint32_t i)
{
    int64_t ns, least = bound(t, l);

    if (!cp_value_time(&t->time.values[i], &b->zone, &ns)) {
        t->untimed++;
        ns = l->last;
    } else if (ns < least) {
        t->late++;
    }
    if (ns > l->latest)
        l->latest = ns;
    l->last = ns > least ? ns : least;
    return l->last;
}

/* ---- Working ---- */

static bool give_old(struct timeline *t, struct cp_stage *s)
{
    size_t least = timeline_least(t);
    int64_t until = least == SIZE_MAX ? INT64_MAX : bound(t, &t->lines[least]);
    bool is_wanted = true;

    while (is_wanted && t->n > 0 && (item(t, 0)->time < until || least == SIZE_MAX))
        is_wanted = give_first(t, s);
    return is_wanted;
}

static bool has_room(const struct timeline *t, size_t size)
{
    return t->live + size + (t->n + 1) * sizeof(struct timeline_item) <= t->max_memory / 2;
}

/* Room for `size` bytes and an item, which are less than half of the memory. False: nobody wants
 * what leaves for it. */
static bool make_room(struct timeline *t, struct cp_stage *s, size_t size)
{
    if (!has_room(t, size) && !give_old(t, s))
        return false;
    while (!has_room(t, size)) {
        if (!give_first(t, s))
            return false;
        t->early++;
    }
    if (t->used > 2 * t->live + MANY_HOLES ||
        t->used + size + (t->n + 1) * sizeof(struct timeline_item) > t->max_memory)
        close_holes(t);
    return true;
}

static void refuse(struct cp_stage *s, const struct cp_batch *b, uint32_t i)
{
    cp_stage_record_error(s, b, i, "it is larger than half of max_memory");
    s->account.errored++;
}

static bool keep(struct timeline *t, struct cp_stage *s, size_t line, struct cp_batch *b,
                 uint32_t i)
{
    size_t size = cp_keeper_measure(&t->keeper, i);
    int64_t time = time_as_kept(t, &t->lines[line], b, i);

    if (size + sizeof(struct timeline_item) > t->max_memory / 2) {
        refuse(s, b, i);
        return true;
    }
    if (!make_room(t, s, size)) {
        s->account.filtered++;
        return false;
    }
    cp_keeper_write(&t->keeper, t->memory + t->used);
    *item(t, t->n) = (struct timeline_item){time, t->arrivals++, t->used, line};
    t->used += size;
    t->live += size;
    s->account.held++;
    sift_up(t, t->n++);
    return true;
}

bool timeline_add(struct timeline *t, struct cp_stage *s, size_t line, struct cp_batch *b)
{
    bool is_wanted = true;

    operand_eval(&t->time, cp_stage_eval(s, b), b);
    cp_keeper_begin(&t->keeper, b);
    for (uint32_t k = 0; k < b->n_sel; k++) {
        if (is_wanted)
            is_wanted = keep(t, s, line, b, b->sel[k]);
        else
            s->account.filtered++;
    }
    return is_wanted && give_old(t, s);
}

void timeline_end(struct timeline *t, size_t line)
{
    t->lines[line].has_ended = true;
}

bool timeline_pass(struct timeline *t, struct cp_stage *s)
{
    bool is_wanted = give_old(t, s);

    return cp_stage_give_end(s, &t->keeper) && is_wanted;
}

/* Adds a sentence to the stage's note, where there is something to say. */
static void note(struct cp_stage *s, uint64_t n, const char *what)
{
    size_t used = strlen(s->note);

    if (n > 0)
        snprintf(s->note + used, sizeof s->note - used, "%s%" PRIu64 " %s %s", used ? "; " : "", n,
                 n == 1 ? "record" : "records", what);
}

void timeline_finish(struct timeline *t, struct cp_stage *s)
{
    cp_stage_give_end(s, &t->keeper);
    s->account.filtered += t->n;
    s->account.held = 0;
    note(s, t->late, "more than max_disorder late");
    note(s, t->early, "sent on too early, for max_memory");
    note(s, t->untimed, "without a time, left behind the one before");
}
