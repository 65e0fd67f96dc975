/* seen.c: keys that came before. */
#include "seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../lib/base/alloc.h"

enum { OUT_SIZE = CP_OUT_SIZE };

/* ---- Planning ---- */

int seen_plan_field(struct cp_planner *p, struct seen *s, const struct cp_path *path,
                    struct cp_pos pos)
{
    if (s->n == CP_MAX_KEY)
        return cp_diag_error(p->diags, pos, NULL, "%s takes at most %d fields",
                             p->stage->type->name, CP_MAX_KEY);
    if (!s->operands)
        s->operands = cp_heap_take(p->heap, CP_MAX_KEY * sizeof *s->operands);
    operand_plan_path(p, &s->operands[s->n++], path, pos);
    return 0;
}

static int plan_text(struct cp_planner *p, struct seen *s)
{
    s->is_whole = true;
    s->format = cp_format_find(CP_SLICE("json"));
    s->encoder = cp_heap_take(p->heap, s->format->encoder_size + 1);
    if (s->format->encode_options)
        cp_options_init(s->format->encode_options, s->encoder, p->heap);
    s->shape = cp_plan_shape(p);
    cp_plan_memory(p, OUT_SIZE +
                          2 * (p->options->block_size ? p->options->block_size : CP_BLOCK_SIZE) +
                          4 * p->max_line);
    return 0;
}

/* Records as they came are their bytes; those of which all fields are known are these; others must
 * be written. */
int seen_plan_record(struct cp_planner *p, struct seen *s)
{
    const struct cp_scope *scope = p->scope;

    if (cp_scope_is_own(scope))
        return seen_plan_field(p, s, cp_path_literal(p->heap, CP_SLICE("_raw")), p->stage->pos);
    if (scope->is_open || scope->n > CP_MAX_KEY)
        return plan_text(p, s);
    for (size_t i = 0; i < scope->n; i++)
        if (scope->fields[i].name.p &&
            seen_plan_field(p, s, cp_path_literal(p->heap, scope->fields[i].name), p->stage->pos) <
                0)
            return -1;
    return 0;
}

static size_t width_of(const struct seen *s)
{
    return s->is_whole ? 1 : s->n;
}

int seen_plan_end(struct cp_planner *p, struct seen *s)
{
    size_t least = cp_recent_least(width_of(s), sizeof(uint64_t));

    if (cp_plan_least_memory(p, s->max_memory, least, NULL) < 0)
        return -1;
    cp_plan_memory(p, s->max_memory + cp_recent_scratch(width_of(s), p->max_line));
    cp_plan_memory(p, p->stage->records * sizeof *s->found);
    return 0;
}

/* ---- Opening ---- */

void seen_fork(struct cp_stage *stage, struct seen *s)
{
    struct operand *operands = s->operands;
    const void *encoder = s->encoder;

    if (operands) {
        s->operands = cp_heap_take(stage->heap, CP_MAX_KEY * sizeof *operands);
        memcpy(s->operands, operands, s->n * sizeof *operands);
    }
    if (encoder) {
        s->encoder = cp_heap_take(stage->heap, s->format->encoder_size + 1);
        memcpy(s->encoder, encoder, s->format->encoder_size + 1);
    }
}

/* Takes what the writer hands over. */
static int keep_text(void *ctx, const char *p, size_t n)
{
    struct seen *s = ctx;
    if (s->text_n + n > s->text_cap) {
        s->text_cap = 2 * (s->text_n + n);
        s->text = cp_xrealloc(s->text, s->text_cap + CP_PAD, 1);
    }
    memcpy(s->text + s->text_n, p, n);
    s->text_n += n;
    return 0;
}

static int text_open(struct cp_stage *stage, struct seen *s, struct cp_err *err)
{
    s->column = cp_heap_take(stage->heap, stage->records * sizeof *s->column);
    cp_out_init(&s->out, cp_heap_take(stage->heap, OUT_SIZE + CP_PAD), OUT_SIZE, keep_text, s);
    return s->format->encode_open ? s->format->encode_open(s->encoder, stage->heap, err) : 0;
}

int seen_open(struct cp_stage *stage, struct seen *s, struct cp_err *err)
{
    cp_stage_prepare(stage, NULL);
    for (size_t i = 0; i < s->n; i++)
        operand_open(stage, &s->operands[i]);
    s->found = cp_heap_take(stage->heap, stage->records * sizeof *s->found);
    cp_recent_init(&s->keys, width_of(s), sizeof(uint64_t), s->max_memory);
    return s->is_whole ? text_open(stage, s, err) : 0;
}

void seen_close(struct seen *s)
{
    if (s->is_whole && s->format->encode_close)
        s->format->encode_close(s->encoder);
    cp_recent_release(&s->keys);
    free(s->text);
}

/* ---- Keys ---- */

/* The records as JSON. Lengths come first, as the text moves while it grows. */
static void write_records(struct seen *s, struct cp_batch *b)
{
    const struct cp_shape *shape = b->shape;
    const char *p;
    size_t done;

    s->text_n = 0;
    for (uint32_t k = 0; k < b->n_sel; k++) {
        size_t from = s->text_n;
        b->shape = cp_shape_of_record(s->shape, b, b->sel[k]);
        s->format->encode(s->encoder, b, &b->sel[k], 1, &s->out, &done);
        cp_out_flush(&s->out);
        s->column[b->sel[k]] = cp_text(NULL, s->text_n - from);
    }
    b->shape = shape;
    p = s->text;
    for (uint32_t k = 0; k < b->n_sel; k++) {
        s->column[b->sel[k]].p = p;
        p += s->column[b->sel[k]].len;
    }
}

static void read_keys(struct cp_stage *stage, struct seen *s, struct cp_batch *b,
                      const struct cp_value **cols)
{
    struct cp_eval *ev = cp_stage_eval(stage, b);

    if (s->is_whole) {
        write_records(s, b);
        cols[0] = s->column;
    }
    for (size_t i = 0; i < s->n; i++) {
        operand_eval(&s->operands[i], ev, b);
        cols[i] = s->operands[i].values;
    }
}

/* ---- Working ---- */

/* A key that no table can hold passes. */
static bool is_first(struct cp_group *group)
{
    uint64_t *was_seen = group ? cp_group_state(group) : NULL;

    if (was_seen && *was_seen)
        return false;
    if (was_seen)
        *was_seen = 1;
    return true;
}

enum cp_outcome seen_process(struct cp_stage *stage, struct seen *s, struct cp_batch *b)
{
    const struct cp_value *cols[CP_MAX_KEY];
    uint16_t keep[CP_BATCH_RECORDS];
    size_t kept = 0, n;

    read_keys(stage, s, b, cols);
    for (size_t at = 0; at < b->n_sel; at += n) {
        n = cp_recent_find(&s->keys, cols, b->sel + at, b->n_sel - at, s->found);
        for (size_t k = 0; k < n; k++)
            if (is_first(s->found[k]))
                keep[kept++] = b->sel[at + k];
    }
    return cp_stage_pass(stage, b, stage->eval, keep, kept);
}

int seen_finish(struct cp_stage *stage, struct seen *s)
{
    if (s->keys.given_up > 0 && !stage->is_front) /* what that passes again is looked up again */
        snprintf(stage->note, sizeof stage->note,
                 "%" PRIu64 " of the oldest keys were given up, for max_memory was used up: such "
                 "records passed again",
                 s->keys.given_up);
    return 0;
}
