/* parse_from.c: parse … from FIELD. */
#include "parse_from.h"

/* ---- Planning ---- */

static int plan_field(struct cp_planner *p, struct parse_from *f, const struct cp_word *w)
{
    struct cp_pos pos = cp_text_pos(&w->text, 0, w->text.s.n);
    struct cp_path *path;

    if (w->quoted) {
        path = cp_path_literal(p->heap, w->text.s);
    } else {
        struct cp_lexer *lx = cp_lexer_new(&w->text, p->heap, p->diags);
        path = cp_path_parse(lx);
        if (!path || cp_lexer_expect_end(lx, "one field") < 0)
            return -1;
    }
    f->field = cp_plan_read(p, path, pos);
    f->text_slot = cp_scope_new_slot(p->scope);
    cp_plan_makes_text(p);
    return 0;
}

static struct cp_slice add_prefix(struct cp_planner *p, const struct parse_from *f,
                                  struct cp_slice name)
{
    return cp_slice_of(
        cp_heap_printf(p->heap, "%.*s%.*s", (int)f->prefix.n, f->prefix.p, (int)name.n, name.p));
}

static void add_inner(struct parse_from *f, const struct cp_path *path, int slot)
{
    f->inner.v[f->inner.n++] =
        (struct cp_want){.path = path, .slot = slot, .outer_slot = CP_NO_SLOT};
}

/* The names are known: each is a field from here on. */
static void plan_names(struct cp_planner *p, struct parse_from *f, const struct cp_slice *names,
                       size_t n)
{
    f->inner.v = cp_heap_take(p->heap, n * sizeof *f->inner.v);
    f->inner.cap = n;
    f->fields = cp_heap_take(p->heap, n * sizeof *f->fields);
    for (size_t k = 0; k < n; k++) {
        struct cp_path *path = cp_path_literal(p->heap, add_prefix(p, f, names[k]));
        bool exists;
        path->is_own = true;
        f->fields[f->n].outer_slot = cp_scope_read(p->scope, path, &exists).slot;
        f->fields[f->n].slot = cp_scope_write(p->scope, path->text);
        f->fields[f->n].is_asked = true;
        add_inner(f, cp_path_literal(p->heap, names[k]), f->fields[f->n++].slot);
    }
}

/* The scope becomes a layer on what it was. */
static void plan_layer(struct cp_planner *p, struct parse_from *f)
{
    struct cp_scope *s = p->scope, *outer = cp_heap_take(p->heap, sizeof *outer);
    struct cp_layer *layer = cp_heap_take(p->heap, sizeof *layer);
    struct cp_scope old = *s;

    *outer = old; /* its list of fields is its own from here on: the scope begins a new one */
    f->wants = cp_plan_wants(p, f->format, f->decoder);
    f->wants->outer = outer;
    f->wants->layer = layer;
    *layer = (struct cp_layer){
        .format = f->format, .decoder = f->decoder, .prefix = f->prefix, .slot = f->text_slot};
    cp_scope_close(s);
    s->wants = f->wants;
    s->is_open = s->is_changed = true;
    s->failed_slot = old.failed_slot;
    s->line_slot = old.line_slot;
    s->time = old.time;
}

int parse_from_plan(struct cp_planner *p, struct parse_from *f, const struct cp_slice *names,
                    size_t n, const struct cp_word *field, const struct cp_word *prefix)
{
    bool is_open = f->format->flags & CP_FORMAT_OPEN;

    f->error_slot = CP_NO_SLOT;
    if (n == 0 && f->format->flags & CP_FORMAT_HEADER)
        return cp_diag_error(p->diags, p->stage->pos, "name the columns: header=a,b,c",
                             "parse %s from a field cannot take the names from a first line",
                             f->format->name);
    if (f->format->choices)
        return cp_diag_error(p->diags, p->stage->pos, "name the format",
                             "parse auto reads whole inputs, no fields");
    if (prefix)
        f->prefix = prefix->text.s;
    if (plan_field(p, f, field) < 0)
        return -1;
    p->scope->is_parsed = true;
    p->scope->is_changed = true;
    if (is_open)
        plan_layer(p, f);
    else
        plan_names(p, f, names, n);
    if (p->stage->on_error == CP_ON_ERROR_KEEP)
        f->error_slot = cp_scope_write(p->scope, CP_SLICE("_error"));
    return 0;
}

/* What is asked of the text: names that begin with the prefix, without it. */
static void add_want(struct parse_from *f, const struct cp_want *want, struct cp_heap *heap)
{
    struct cp_slice name = want->path->steps[0].name;

    f->fields[f->n++] = (struct parse_from_field){want->slot, want->outer_slot, false};
    if (name.n < f->prefix.n || !cp_slice_equal((struct cp_slice){name.p, f->prefix.n}, f->prefix))
        return;
    f->fields[f->n - 1].is_asked = true;
    name = (struct cp_slice){name.p + f->prefix.n, name.n - f->prefix.n};
    add_inner(f, cp_path_literal(heap, name), want->slot);
}

int parse_from_at_end(struct cp_stage *s, struct parse_from *f, struct cp_err *err)
{
    f->inner.format = f->format;
    f->inner.decoder = f->decoder;
    if (f->wants) {
        f->inner.v = cp_heap_take(s->heap, f->wants->n * sizeof *f->inner.v);
        f->inner.cap = f->wants->n;
        f->fields = cp_heap_take(s->heap, f->wants->n * sizeof *f->fields);
        for (size_t k = 0; k < f->wants->n; k++)
            add_want(f, &f->wants->v[k], s->heap);
    }
    return f->format->open ? f->format->open(f->decoder, &f->inner, s->heap, err) : 0;
}

/* ---- Working ---- */

static const struct cp_value missing = {.kind = CP_MISSING};

/* Without the end of its line: docker's logs have one in every text. */
static struct cp_slice without_line_end(struct cp_slice s)
{
    if (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n > 0 && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

/* The texts to parse. False: the arena is full. */
static bool take_texts(struct cp_stage *s, const struct parse_from *f, struct cp_batch *b)
{
    struct cp_value *text = b->col[f->text_slot];
    const struct cp_value *from =
        cp_ref_eval(&f->field, cp_stage_eval(s, b), b->sel, b->n_sel, text);

    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint16_t i = b->sel[k];
        struct cp_slice t = {0};
        if (!cp_is_null(&from[i]) && !cp_value_text(&from[i], &b->arena, &t))
            return false;
        t = without_line_end(t);
        text[i] = t.n > 0 ? cp_text(t.p, t.n) : missing;
    }
    return true;
}

static void clear_inner(const struct parse_from *f, const struct cp_row *row)
{
    for (size_t k = 0; k < f->inner.n; k++)
        row->col[f->inner.v[k].slot][row->i] = missing;
}

/* Decodes the text of a record; NULL, or why it cannot be. */
static const char *decode(struct cp_stage *s, const struct parse_from *f, const struct cp_row *row)
{
    struct cp_value *text = &row->col[f->text_slot][row->i];
    const char *reason = NULL;
    size_t at;

    if (text->kind != CP_MISSING)
        reason = f->format->decode(f->decoder, text->p, text->len, row, &at);
    if (reason)
        *text = missing;
    if (text->kind == CP_MISSING)
        clear_inner(f, row);
    if (f->error_slot != CP_NO_SLOT)
        row->col[f->error_slot][row->i] = reason ? cp_stage_reason(s, reason) : missing;
    return reason;
}

/* What the text does not have is as it was. */
static void merge(const struct parse_from *f, struct cp_batch *b)
{
    for (size_t n = 0; n < f->n; n++) {
        struct cp_value *to = b->col[f->fields[n].slot];
        const struct cp_value *old =
            f->fields[n].outer_slot >= 0 ? b->col[f->fields[n].outer_slot] : NULL;
        for (uint32_t k = 0; k < b->n_sel; k++) {
            uint16_t i = b->sel[k];
            if (!f->fields[n].is_asked || to[i].kind == CP_MISSING)
                to[i] = old ? old[i] : missing;
        }
    }
}

static enum cp_fate record_failed(struct cp_stage *s, struct cp_batch *b, uint32_t i,
                                  uint32_t before, const char *reason)
{
    if (s->on_error == CP_ON_ERROR_KEEP)
        return cp_stage_failed(s, b, i, before, reason);
    return cp_stage_give_up(s, b, i, before, reason);
}

enum cp_outcome parse_from_process(struct cp_stage *s, struct parse_from *f, struct cp_batch *b)
{
    struct cp_row row = {.col = b->col};
    enum cp_outcome outcome = CP_OUTCOME_OK;
    uint32_t kept = 0, n = b->n_sel, k = 0;

    if (!take_texts(s, f, b))
        return CP_OUTCOME_FULL;
    for (; k < n && outcome == CP_OUTCOME_OK; k++) {
        row.i = b->sel[k];
        const char *reason = decode(s, f, &row);
        enum cp_fate fate = reason ? record_failed(s, b, row.i, k, reason) : CP_FATE_PASSES;
        if (fate == CP_FATE_PASSES)
            b->sel[kept++] = (uint16_t)row.i;
        else if (fate == CP_FATE_STOPS)
            outcome = cp_stage_stop_at(s, b, kept, n - k - 1);
    }
    b->n_sel = kept;
    merge(f, b);
    return outcome;
}
