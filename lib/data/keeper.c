/* keeper.c: records as pieces of bytes. */
#include "keeper.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "input.h"

/* What a kept record begins with. Values, raw bytes with their line end, and texts follow. */
struct kept {
    uint32_t size; /* of all */
    uint32_t raw;  /* bytes of the record */
    uint32_t texts;
    uint8_t has_raw;        /* it has bytes of its own, be they none */
    uint8_t branch;         /* by which it came */
    uint8_t line_end;       /* bytes behind them: 1, or 2 with a \r */
    struct cp_input *input; /* NULL: made */
    uint64_t line, offset;
    struct cp_time_zone zone;
    struct cp_value value[];
};

/* Where the pointer of a kept value leads: in cp_value.spare. */
enum place { AS_IT_IS, IN_RAW, IN_TEXTS };

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static char *kept_raw(const struct cp_keeper *k, const struct kept *r)
{
    return (char *)(uintptr_t)(r->value + k->n_slots);
}

static char *kept_texts(const struct cp_keeper *k, const struct kept *r)
{
    return kept_raw(k, r) + (r->has_raw ? r->raw + r->line_end : 0);
}

void cp_keeper_init(struct cp_keeper *k, const uint16_t *slots, size_t n_slots)
{
    *k = (struct cp_keeper){.slots = slots, .n_slots = n_slots};
    k->pieces = cp_xcalloc(n_slots + 1, sizeof *k->pieces);
}

/* ---- Inputs ---- */

static size_t hash(const struct cp_input *in)
{
    return (size_t)((uint64_t)(uintptr_t)in * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* The place of an input in the table, or the free one where it belongs. */
static struct cp_input **find_input(struct cp_input **table, size_t cap, const struct cp_input *in)
{
    size_t at = hash(in) & (cap - 1);

    while (table[at] && table[at] != in)
        at = (at + 1) & (cap - 1);
    return &table[at];
}

static void grow_inputs(struct cp_keeper *k)
{
    size_t cap = k->cap_inputs ? k->cap_inputs * 2 : 16;
    struct cp_input **table = cp_xcalloc(cap, sizeof *table);

    for (size_t i = 0; i < k->cap_inputs; i++)
        if (k->inputs[i])
            *find_input(table, cap, k->inputs[i]) = k->inputs[i];
    free(k->inputs);
    k->inputs = table;
    k->cap_inputs = cap;
}

static void hold_input(struct cp_keeper *k, struct cp_input *in)
{
    if (k->n_inputs * 2 >= k->cap_inputs)
        grow_inputs(k);
    struct cp_input **at = find_input(k->inputs, k->cap_inputs, in);
    if (*at)
        return;
    *at = in;
    k->n_inputs++;
    cp_input_ref(in);
}

void cp_keeper_release(struct cp_keeper *k)
{
    for (size_t i = 0; i < k->cap_inputs; i++)
        cp_input_release(k->inputs[i]);
    free(k->inputs);
    free(k->pieces);
    *k = (struct cp_keeper){0};
}

/* ---- Taking ---- */

void cp_keeper_begin(struct cp_keeper *k, struct cp_batch *b)
{
    k->from = b;
    k->line_at = b->start;
    k->line = b->first_line;
    if (b->input && !b->origin)
        hold_input(k, b->input);
}

static bool lies_in(const char *p, const void *base, size_t n)
{
    return p >= (const char *)base && p < (const char *)base + n;
}

/* Memory of the batch, which somebody else will get: the arena, its blocks. */
static bool is_of_batch(const struct cp_batch *b, const char *p)
{
    if (lies_in(p, b->arena.base, b->arena.cap) ||
        (b->block && lies_in(p, b->block->data, b->block->cap)) ||
        (b->texts && lies_in(p, b->texts->data, b->texts->cap)))
        return true;
    for (uint32_t k = 0; k < b->n_parts; k++)
        if (is_of_batch(b->parts[k], p))
            return true;
    return false;
}

/* Which text a value points at, and where it lies. An empty one leads nowhere. */
static enum place place_of(const struct cp_batch *b, struct cp_slice raw, const struct cp_value *v)
{
    if (!cp_is_spelled(v) || v->len == 0)
        return AS_IT_IS;
    if (lies_in(v->p, raw.p, raw.n))
        return IN_RAW;
    return is_of_batch(b, v->p) ? IN_TEXTS : AS_IT_IS;
}

static struct cp_slice raw_of(const struct cp_batch *b, uint32_t i)
{
    return b->block ? cp_batch_raw(b, i) : (struct cp_slice){0};
}

/* Bytes of the line end that are kept: what cp_record_own looks at. */
static size_t line_end(struct cp_slice raw)
{
    return raw.p[raw.n] == '\r' && raw.p[raw.n + 1] == '\n' ? 2 : 1;
}

size_t cp_keeper_measure(struct cp_keeper *k, uint32_t i)
{
    const struct cp_batch *b = k->from;
    struct cp_slice raw = raw_of(b, i);
    size_t n = sizeof(struct kept) + k->n_slots * sizeof(struct cp_value);

    k->i = i;
    k->n_pieces = 0;
    for (size_t s = 0; s < k->n_slots; s++) {
        const struct cp_value *v = &b->col[k->slots[s]][i];
        if (place_of(b, raw, v) == IN_TEXTS)
            k->n_pieces = cp_piece_add(k->pieces, k->n_pieces, v->p, v->len);
    }
    k->texts = cp_piece_place(k->pieces, k->n_pieces);
    if (raw.p)
        n += raw.n + line_end(raw);
    k->size = round_up(n + k->texts, 8);
    return k->size;
}

/* Line numbers are counted on from the record before. */
static uint64_t line_of(struct cp_keeper *k)
{
    const struct cp_batch *b = k->from;
    uint32_t off;

    if (!b->block || b->origin)
        return b->block ? cp_batch_line(b, k->i) : 0;
    off = b->rec[k->i].off;
    if (off < k->line_at)
        return cp_batch_line(b, k->i);
    k->line += cp_scan_count(b->block->data + k->line_at, off - k->line_at, '\n');
    k->line_at = off;
    return k->line;
}

static void write_values(struct cp_keeper *k, struct kept *r, struct cp_slice raw)
{
    const struct cp_batch *b = k->from;

    for (size_t s = 0; s < k->n_slots; s++) {
        struct cp_value v = b->col[k->slots[s]][k->i];
        enum place place = place_of(b, raw, &v);
        if (place == IN_RAW)
            v.i = v.p - raw.p;
        else if (place == IN_TEXTS)
            v.i = (int64_t)cp_piece_find(k->pieces, k->n_pieces, v.p);
        v.spare = (uint8_t)place;
        r->value[s] = v;
    }
}

void cp_keeper_write(struct cp_keeper *k, char *to)
{
    const struct cp_batch *b = k->from;
    struct kept *r = (struct kept *)(void *)to;
    struct cp_slice raw = raw_of(b, k->i);

    *r = (struct kept){.size = (uint32_t)k->size,
                       .raw = (uint32_t)raw.n,
                       .texts = (uint32_t)k->texts,
                       .has_raw = raw.p != NULL,
                       .branch = cp_batch_branch(b, k->i),
                       .input = cp_batch_input(b, k->i),
                       .line = line_of(k),
                       .zone = b->zone};
    if (r->input && b->origin)
        hold_input(k, r->input);
    write_values(k, r, raw);
    if (raw.p) {
        r->offset = cp_batch_offset(b, k->i);
        r->line_end = (uint8_t)line_end(raw);
        memcpy(kept_raw(k, r), raw.p, raw.n);
        memcpy(kept_raw(k, r) + raw.n, r->line_end == 2 ? "\r\n" : "\n", r->line_end);
    }
    char *texts = kept_texts(k, r);
    for (size_t p = 0; p < k->n_pieces; p++)
        memcpy(texts + k->pieces[p].to, k->pieces[p].p, k->pieces[p].n);
}

/* ---- Giving back ---- */

static bool is_peculiar(const struct cp_input *in)
{
    return in && (in->header || in->choice);
}

/* Columns named by a header line, a format chosen for one input, and times without a year are read
 * by the batch's input and zone: records for which these differ are not mixed. A day more or less
 * does not change the year of a line, unless it is a year old. */
static bool can_share(const struct cp_batch *b, const struct kept *r)
{
    int64_t apart = b->zone.reference - r->zone.reference;

    if (r->has_raw != (b->block != NULL))
        return false;
    if (r->input != b->input && (is_peculiar(r->input) || is_peculiar(b->input)))
        return false;
    return b->zone.offset == r->zone.offset && apart < CP_NS_PER_DAY && apart > -CP_NS_PER_DAY;
}

/* Bytes of a block that the record takes: its own with their line end, and texts. */
static size_t block_need(const struct kept *r)
{
    return (r->has_raw ? r->raw + r->line_end : 0) + (size_t)r->texts;
}

static void start_batch(struct cp_keeper *k, struct cp_batch *b, const struct kept *r)
{
    size_t need = block_need(r);
    struct cp_block *block = need > cp_pool_block_size(b->home) ? cp_pool_large_block(b->home, need)
                                                                : cp_pool_block(b->home);
    if (r->has_raw)
        b->block = block;
    else
        b->texts = block;
    b->input = r->input;
    if (b->input)
        cp_input_ref(b->input);
    b->start = 0;
    b->first_line = r->line;
    b->first_offset = r->offset;
    b->zone = r->zone;
    k->front = 0;
    k->back = block->cap;
}

static void read_raw(struct cp_keeper *k, struct cp_batch *b, const struct kept *r)
{
    b->rec[b->n] = (struct cp_record){(uint32_t)k->front, r->raw};
    if (!r->has_raw)
        return;
    memcpy(b->block->data + k->front, kept_raw(k, r), r->raw + r->line_end);
    k->front += r->raw + r->line_end;
}

static char *read_texts(struct cp_keeper *k, struct cp_batch *b, const struct kept *r)
{
    struct cp_block *block = b->block ? b->block : b->texts;

    k->back -= r->texts;
    char *to = (char *)block->data + k->back;
    memcpy(to, kept_texts(k, r), r->texts);
    return to;
}

bool cp_keeper_read(struct cp_keeper *k, struct cp_batch *b, const char *record)
{
    const struct kept *r = (const struct kept *)(const void *)record;
    uint32_t i = b->n;

    if (i == 0)
        start_batch(k, b, r);
    else if (i == cp_pool_records(b->home) || block_need(r) > k->back - k->front ||
             !can_share(b, r))
        return false;
    read_raw(k, b, r);
    char *texts = read_texts(k, b, r);
    for (size_t s = 0; s < k->n_slots; s++) {
        struct cp_value v = r->value[s];
        if (v.spare == IN_RAW)
            v.p = (const char *)b->block->data + b->rec[i].off + v.i;
        else if (v.spare == IN_TEXTS)
            v.p = texts + v.i;
        v.spare = 0;
        b->col[k->slots[s]][i] = v;
    }
    b->origin[i] = (struct cp_origin){r->input, r->line, r->offset};
    b->branches[i] = r->branch;
    b->sel[b->n_sel++] = (uint16_t)i;
    b->n++;
    return true;
}

size_t cp_keeper_max_record(const struct cp_pool_size *from)
{
    return from->max_record + 2 + from->arena;
}
