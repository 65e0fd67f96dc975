/* batch.c: the pool of blocks and batches; moving records from one batch to another. */
#include "batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "../base/wait.h"
#include "input.h"
#include "piece.h"

enum { PAGE = 4096 };

/* Where the parts of one batch lie behind its struct. */
struct batch_layout {
    size_t rec, sel, col, columns, column, origin, branches, places, place, parts, arena, total;
};

/* Batches and blocks made at a time, in one piece of memory, which begins with this. */
struct chunk {
    struct chunk *next;
    struct cp_block *large; /* its first large block; the others lie behind */
};

struct cp_pool {
    /* Constant after cp_pool_new. */
    struct cp_pool_size size;
    struct batch_layout layout;

    /* Guarded by mu. Free ones lie on stacks. */
    pthread_mutex_t mu;
    pthread_cond_t freed;
    struct cp_batch *batches;
    struct cp_block *blocks, *large;
    size_t in_flight; /* batches */
    struct chunk *chunks;
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static struct batch_layout batch_layout_of(const struct cp_pool_size *s)
{
    struct batch_layout l;
    l.rec = round_up(sizeof(struct cp_batch), 64);
    l.sel = l.rec + round_up(s->records * sizeof(struct cp_record), 64);
    l.col = l.sel + round_up(s->records * sizeof(uint16_t), 64);
    l.columns = l.col + round_up(s->slots * sizeof(struct cp_value *), 64);
    l.column = round_up(s->records * sizeof(struct cp_value), 64);
    l.origin = l.columns + s->slots * l.column;
    l.branches = l.origin + (s->origins ? round_up(s->records * sizeof(struct cp_origin), 64) : 0);
    l.places = l.branches + (s->branches ? round_up(s->records, 64) : 0);
    l.place = round_up(s->records * sizeof(uint16_t), 64);
    l.parts = l.places + s->depth * l.place;
    l.arena = l.parts + round_up(s->parts * sizeof(struct cp_batch *), 64);
    l.total = round_up(l.arena + (s->arena ? s->arena + CP_PAD : 0), PAGE);
    return l;
}

/* Odd multiples of a page, so that the first bytes of all blocks do not compete for the same cache
 * sets. */
static size_t block_stride(const struct cp_pool_size *s)
{
    return round_up(s->block_size + CP_PAD, PAGE) | PAGE;
}

static size_t chunk_head_bytes(const struct cp_pool_size *s)
{
    return round_up(round_up(sizeof(struct chunk), 64) +
                        (s->blocks + s->large_blocks) * sizeof(struct cp_block),
                    PAGE);
}

static size_t chunk_bytes(const struct cp_pool_size *s)
{
    return chunk_head_bytes(s) + s->batches * batch_layout_of(s).total +
           s->blocks * block_stride(s);
}

size_t cp_pool_bytes(const struct cp_pool_size *s)
{
    return chunk_bytes(s) + s->large_blocks * (s->max_record + CP_PAD);
}

/* What a view replaces by that of another batch. */
static void batch_own(struct cp_batch *b)
{
    const struct batch_layout *l = &b->home->layout;
    char *at = (char *)b;

    b->rec = (struct cp_record *)(void *)(at + l->rec);
    for (size_t i = 0; i < b->home->size.slots; i++)
        b->col[i] = (struct cp_value *)(void *)(at + l->columns + i * l->column);
    b->origin = b->home->size.origins ? (struct cp_origin *)(void *)(at + l->origin) : NULL;
    b->branches = b->home->size.branches ? (uint8_t *)(at + l->branches) : NULL;
    for (size_t d = 0; d < CP_MAX_DEPTH; d++)
        b->orders[d].places =
            d < b->home->size.depth ? (uint16_t *)(void *)(at + l->places + d * l->place) : NULL;
}

static struct cp_batch *batch_init(struct cp_pool *p, char *at)
{
    const struct batch_layout *l = &p->layout;
    struct cp_batch *b = (struct cp_batch *)(void *)at;
    b->home = p;
    b->sel = (uint16_t *)(void *)(at + l->sel);
    b->col = (struct cp_value **)(void *)(at + l->col);
    b->parts = (struct cp_batch **)(void *)(at + l->parts);
    batch_own(b);
    b->arena = (struct cp_arena){.base = at + l->arena, .cap = p->size.arena};
    return b;
}

/* ---- Free ones; p->mu is held ---- */

static void push_batch_locked(struct cp_pool *p, struct cp_batch *b)
{
    b->next = p->batches;
    p->batches = b;
}

static struct cp_block **stack_of(struct cp_pool *p, bool is_large)
{
    return is_large ? &p->large : &p->blocks;
}

static void push_block_locked(struct cp_pool *p, struct cp_block *b)
{
    struct cp_block **stack = stack_of(p, b->is_large);

    b->next = *stack;
    *stack = b;
}

/* ---- Memory ---- */

static void chunk_carve(struct cp_pool *p, struct chunk *c)
{
    const struct cp_pool_size *s = &p->size;
    char *at = (char *)c;
    struct cp_block *block = (struct cp_block *)(void *)(at + round_up(sizeof *c, 64));

    at += chunk_head_bytes(s);
    for (size_t i = 0; i < s->batches; i++, at += p->layout.total)
        push_batch_locked(p, batch_init(p, at));
    for (size_t i = 0; i < s->blocks; i++, at += block_stride(s)) {
        *block = (struct cp_block){.cap = s->block_size, .data = (uint8_t *)at, .home = p};
        push_block_locked(p, block++);
    }
    c->large = block;
    for (size_t i = 0; i < s->large_blocks; i++) {
        *block = (struct cp_block){.is_large = true, .home = p};
        push_block_locked(p, block++);
    }
}

static void pool_extend_locked(struct cp_pool *p)
{
    struct chunk *c = mmap(NULL, chunk_bytes(&p->size), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c == MAP_FAILED)
        cp_oom();
    c->next = p->chunks;
    p->chunks = c;
    chunk_carve(p, c);
}

/* None is free. The first time (*is_told false) the caller has to look again. */
static void pool_want_locked(struct cp_pool *p, bool *is_told)
{
    if (p->size.grows) {
        pool_extend_locked(p);
    } else if (*is_told) {
        pthread_cond_wait(&p->freed, &p->mu);
    } else {
        pthread_mutex_unlock(&p->mu);
        cp_before_wait();
        *is_told = true;
        pthread_mutex_lock(&p->mu);
    }
}

struct cp_pool *cp_pool_new(const struct cp_pool_size *size)
{
    struct cp_pool *p = cp_xcalloc(1, sizeof *p);
    p->size = *size;
    p->layout = batch_layout_of(size);
    pthread_mutex_init(&p->mu, NULL);
    pthread_cond_init(&p->freed, NULL);
    pool_extend_locked(p);
    return p;
}

static void chunk_free(const struct cp_pool *p, struct chunk *c)
{
    for (size_t i = 0; i < p->size.large_blocks; i++)
        free(c->large[i].data);
    munmap(c, chunk_bytes(&p->size));
}

void cp_pool_free(struct cp_pool *p)
{
    if (!p)
        return;
    for (struct chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        chunk_free(p, c);
    }
    pthread_mutex_destroy(&p->mu);
    pthread_cond_destroy(&p->freed);
    free(p);
}

size_t cp_pool_block_size(const struct cp_pool *p)
{
    return p->size.block_size;
}

size_t cp_pool_records(const struct cp_pool *p)
{
    return p->size.records;
}

size_t cp_pool_in_flight(struct cp_pool *p)
{
    pthread_mutex_lock(&p->mu);
    size_t n = p->in_flight;
    pthread_mutex_unlock(&p->mu);
    return n;
}

struct cp_batch *cp_pool_batch(struct cp_pool *p)
{
    bool is_told = false;

    pthread_mutex_lock(&p->mu);
    while (!p->batches)
        pool_want_locked(p, &is_told);
    struct cp_batch *b = p->batches;
    p->batches = b->next;
    p->in_flight++;
    pthread_mutex_unlock(&p->mu);
    b->block = b->texts = NULL;
    b->input = NULL;
    b->shape = NULL;
    b->n = b->n_sel = 0;
    b->has_more = false;
    b->branch = 0;
    b->ordinal = 0;
    atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
    cp_arena_reset(&b->arena, 0);
    if (p->size.parts > 0 || p->size.branches)
        batch_own(b);
    return b;
}

static struct cp_block *pool_take_block(struct cp_pool *p, bool is_large)
{
    struct cp_block **stack = stack_of(p, is_large);
    bool is_told = false;

    pthread_mutex_lock(&p->mu);
    while (!*stack)
        pool_want_locked(p, &is_told);
    struct cp_block *b = *stack;
    *stack = b->next;
    pthread_mutex_unlock(&p->mu);
    atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

struct cp_block *cp_pool_block(struct cp_pool *p)
{
    return pool_take_block(p, false);
}

struct cp_block *cp_pool_large_block(struct cp_pool *p, size_t need)
{
    struct cp_block *b = pool_take_block(p, true);
    cp_block_grow(b, need);
    return b;
}

void cp_block_grow(struct cp_block *b, size_t need)
{
    if (need <= b->cap)
        return;
    b->data = cp_xrealloc(b->data, need + CP_PAD, 1);
    memset(b->data + b->cap, 0, need + CP_PAD - b->cap);
    b->cap = need;
}

void cp_block_release(struct cp_block *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct cp_pool *p = b->home;
    pthread_mutex_lock(&p->mu);
    push_block_locked(p, b);
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->mu);
}

void cp_batch_release(struct cp_batch *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct cp_pool *p = b->home;
    for (; b->n_parts > 0; b->n_parts--)
        cp_batch_release(b->parts[b->n_parts - 1]);
    cp_block_release(b->block);
    cp_block_release(b->texts);
    cp_input_release(b->input);
    pthread_mutex_lock(&p->mu);
    push_batch_locked(p, b);
    p->in_flight--;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->mu);
}

void cp_batch_select_all(struct cp_batch *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        b->sel[i] = (uint16_t)i;
    b->n_sel = b->n;
}

uint64_t cp_batch_line(const struct cp_batch *b, uint32_t i)
{
    if (b->origin)
        return b->origin[i].line;
    const uint8_t *start = b->block->data + b->start;
    return b->first_line + cp_scan_count(start, b->rec[i].off - b->start, '\n');
}

uint64_t cp_batch_offset(const struct cp_batch *b, uint32_t i)
{
    if (b->origin)
        return b->origin[i].offset;
    return b->first_offset + (b->rec[i].off - b->start);
}

/* Moving texts. The texts of one record in the old arena may overlap (substr gives a piece of
 * another text): the union of them is copied, so that the new arena never needs more than the old
 * one held. */

static bool lies_in(const struct cp_arena *a, const struct cp_value *v)
{
    return cp_is_spelled(v) && v->p >= a->base && v->p < a->base + a->used;
}

static void move_texts(struct cp_batch *to, const struct cp_arena *from, uint32_t i,
                       const uint16_t *slots, size_t n_slots)
{
    struct cp_piece pieces[CP_MAX_SLOTS + 1];
    size_t n = 0;

    for (size_t k = 0; k < n_slots; k++) {
        const struct cp_value *v = &to->col[slots[k]][i];
        if (lies_in(from, v))
            n = cp_piece_add(pieces, n, v->p, v->len);
    }
    char *copy = cp_arena_take(&to->arena, cp_piece_place(pieces, n));
    for (size_t k = 0; k < n; k++)
        memcpy(copy + pieces[k].to, pieces[k].p, pieces[k].n);
    for (size_t k = 0; k < n_slots; k++) {
        struct cp_value *v = &to->col[slots[k]][i];
        if (lies_in(from, v))
            v->p = copy + cp_piece_find(pieces, n, v->p);
    }
}

void cp_batch_hold(struct cp_batch *b, struct cp_batch *part)
{
    atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    b->parts[b->n_parts++] = part;
}

/* All but the places. */
static void orders_like(struct cp_batch *to, const struct cp_batch *b)
{
    for (size_t d = 0; d < CP_MAX_DEPTH; d++) {
        to->orders[d].seq = b->orders[d].seq;
        to->orders[d].has_more = b->orders[d].has_more;
        to->orders[d].until = b->orders[d].until;
    }
}

void cp_batch_like(struct cp_batch *to, const struct cp_batch *b)
{
    orders_like(to, b);
    to->seq = b->seq;
    to->start = b->start;
    to->first_line = b->first_line;
    to->first_offset = b->first_offset;
    to->n = b->n;
    to->zone = b->zone;
    to->shape = b->shape;
    to->branch = b->branch;
    to->ordinal = b->ordinal;
    to->block = b->block;
    to->input = b->input;
    to->texts = b->texts;
    if (to->block)
        cp_block_ref(to->block);
    if (to->texts)
        cp_block_ref(to->texts);
    if (to->input)
        cp_input_ref(to->input);
}

static void show_places(struct cp_batch *to, const struct cp_batch *b)
{
    for (size_t d = 0; d < CP_MAX_DEPTH; d++)
        to->orders[d].places = b->orders[d].places;
}

struct cp_batch *cp_batch_view(struct cp_pool *p, struct cp_batch *b, const uint16_t *slots,
                               size_t n_slots)
{
    struct cp_batch *view = cp_pool_batch(p);

    cp_batch_like(view, b);
    cp_batch_hold(view, b);
    view->rec = b->rec;
    view->origin = b->origin;
    view->branches = b->branches;
    show_places(view, b);
    for (size_t k = 0; k < n_slots; k++)
        view->col[slots[k]] = b->col[slots[k]];
    return view;
}

/* Its records are those of a part. */
static bool shows_others(const struct cp_batch *b)
{
    return (const char *)b->rec != (const char *)b + b->home->layout.rec;
}

/* A batch whose records are its own has places of its own; where b has none they are the numbers of
 * the records. */
static void copy_places(struct cp_batch *to, const struct cp_batch *b)
{
    for (size_t d = 0; d < CP_MAX_DEPTH; d++) {
        if (b->orders[d].places)
            memcpy(to->orders[d].places, b->orders[d].places, b->n * sizeof(uint16_t));
        else
            to->orders[d].places = NULL;
    }
}

/* A batch with the same records, nothing selected. */
static struct cp_batch *batch_beside(const struct cp_batch *b)
{
    struct cp_batch *to = cp_pool_batch(b->home);

    cp_batch_like(to, b);
    for (uint32_t k = 0; k < b->n_parts; k++)
        cp_batch_hold(to, b->parts[k]);
    if (shows_others(b)) {
        to->rec = b->rec;
        to->origin = b->origin;
        to->branches = b->branches;
        show_places(to, b);
        return to;
    }
    if (!b->branches)
        to->branches = NULL;
    else
        memcpy(to->branches, b->branches, b->n);
    copy_places(to, b);
    memcpy(to->rec, b->rec, b->n * sizeof *b->rec);
    if (!b->origin) /* joined records of one input */
        to->origin = NULL;
    else if (to->origin)
        memcpy(to->origin, b->origin, b->n * sizeof *b->origin);
    return to;
}

struct cp_batch *cp_batch_move(struct cp_batch *b, size_t from, const uint16_t *slots,
                               size_t n_slots, struct cp_batch *to)
{
    uint32_t n = b->n_sel - (uint32_t)from;

    if (!to)
        to = batch_beside(b);
    memmove(to->sel + n, to->sel, to->n_sel * sizeof *to->sel);
    memcpy(to->sel, b->sel + from, n * sizeof *to->sel);
    to->n_sel += n;
    b->n_sel = (uint32_t)from;
    for (size_t k = 0; k < n_slots; k++)
        for (uint32_t s = 0; s < n; s++)
            to->col[slots[k]][to->sel[s]] = b->col[slots[k]][to->sel[s]];
    for (uint32_t s = 0; s < n; s++)
        move_texts(to, &b->arena, to->sel[s], slots, n_slots);
    return to;
}
