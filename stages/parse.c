/* parse: reads records of a format, from the record's bytes or from a field. */
#include <stdio.h>

#include "parse_from.h"

struct parse {
    /* Options. */
    struct cp_slice time, tz;

    const struct cp_format *format;
    void *decoder;
    struct cp_wants *wants;
    struct cp_prefilter prefilter;
    int32_t zone_offset;
    bool skips_empty;

    /* on_error keep */
    int failed_slot, line_slot;

    bool has_from;
    struct parse_from from;
};

static const struct cp_option options[] = {
    {"time", CP_OPT_TEXT, offsetof(struct parse, time), NULL, NULL,
     "the field that holds the record's time"},
    {"tz", CP_OPT_TEXT, offsetof(struct parse, tz), NULL, NULL,
     "the zone of times without one, and of the clock of hour, day and the like: UTC, +02:00"},
    {NULL},
};

/* ---- Planning ---- */

static const struct cp_format *find_format(struct cp_planner *p)
{
    struct parse *self = p->stage->self;
    if (self->format || p->words.n == 0)
        return self->format;
    const struct cp_format *f = cp_format_find(p->words.v[0].text.s);
    if (!f || !f->decode)
        return NULL;
    p->stage->format = self->format = f;
    self->decoder = cp_heap_take(p->heap, f->decoder_size + 1);
    if (f->options)
        cp_options_init(f->options, self->decoder, p->heap);
    return f;
}

static int unknown_format(struct cp_planner *p)
{
    const char *names[64];
    size_t n = 0;
    char hint[128] = "`chanpipe list formats` shows them";

    for (size_t i = 0; cp_formats[i] && n < 64; i++)
        if (cp_formats[i]->decode)
            names[n++] = cp_formats[i]->name;
    if (p->words.n == 0)
        return cp_diag_error(p->diags, p->stage->pos, "parse json, parse combined, parse logfmt …",
                             "parse needs the name of a format");
    const struct cp_text *t = &p->words.v[0].text;
    const char *near = cp_nearest(t->s.p, t->s.n, names, n);
    if (near)
        snprintf(hint, sizeof hint, "did you mean %s?", near);
    return cp_diag_error(p->diags, cp_text_pos(t, 0, t->s.n), hint, "unknown format %.*s",
                         (int)t->s.n, t->s.p);
}

static int parse_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct parse *self = data;
    if (!find_format(p) || !self->format->options)
        return !self->format; /* the unknown format is said elsewhere */
    const struct cp_option *o = cp_option_find(self->format->options, set->key.s);
    if (!o)
        return 0;
    cp_option_set_node(o, self->decoder, set->value, p->heap, p->diags);
    return 1;
}

/* A word that is no key=value: the pattern of regex and pattern. */
static int plan_pattern(struct cp_planner *p, struct parse *self, const struct cp_word *w)
{
    const struct cp_option *o =
        self->format->options ? cp_option_find(self->format->options, CP_SLICE("pattern")) : NULL;
    if (!o)
        return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n),
                             "options are written key=value",
                             "parse %s takes no argument like %.*s", self->format->name,
                             (int)w->text.s.n, w->text.s.p);
    return cp_option_set_text(o, self->decoder, &w->text, p->heap, p->diags);
}

static int plan_key_value(struct cp_planner *p, struct parse *self, const struct cp_word *w)
{
    const struct cp_option *o =
        self->format->options ? cp_option_find(self->format->options, w->key) : NULL;
    void *base = self->decoder;
    if (!o) {
        o = cp_option_find(options, w->key);
        base = self;
    }
    if (!o)
        return cp_plan_no_option(p, w, cp_heap_printf(p->heap, "parse %s", self->format->name),
                                 self->format->options);
    return cp_option_set_text(o, base, &w->text, p->heap, p->diags);
}

struct parse_args {
    const struct cp_word *from, *as;
};

static int plan_args(struct cp_planner *p, struct parse *self, struct parse_args *args)
{
    for (size_t i = 1; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        bool is_from = !w->quoted && cp_slice_is(w->text.s, "from"),
             is_as = !w->quoted && cp_slice_is(w->text.s, "as");
        int rc = 0;
        if (w->key.n > 0)
            rc = plan_key_value(p, self, w);
        else if ((is_from || is_as) && i + 1 == p->words.n)
            rc = cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                               "a %s is missing behind %.*s", is_from ? "field" : "prefix",
                               (int)w->text.s.n, w->text.s.p);
        else if (is_from)
            args->from = &p->words.v[++i];
        else if (is_as)
            args->as = &p->words.v[++i];
        else
            rc = plan_pattern(p, self, w);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int format_error(struct cp_planner *p, const struct cp_err *err)
{
    return cp_diag_error(p->diags, p->stage->pos, err->hint[0] ? err->hint : NULL, "%s",
                         err->message);
}

static size_t count_names(const char *const *names)
{
    size_t n = 0;
    while (names && names[n])
        n++;
    return n;
}

/* The names that the format makes whatever the record. */
static int plan_names(struct cp_planner *p, struct parse *self, struct cp_slice **names, size_t *n)
{
    const struct cp_format *f = self->format;
    struct cp_err err = {0};

    *n = count_names(f->fields);
    *names = cp_heap_take(p->heap, (*n + 1) * sizeof **names);
    for (size_t i = 0; i < *n; i++)
        (*names)[i] = cp_slice_of(f->fields[i]);
    if (f->plan && f->plan(self->decoder, p->heap, names, n, &err) < 0)
        return format_error(p, &err);
    return 0;
}

static void claim_framing(struct cp_planner *p, struct parse *self, bool names_by_header)
{
    struct cp_framing *fr = p->framing;
    if (!fr || fr->format)
        return;
    fr->format = self->format;
    fr->decoder = self->decoder;
    if (!fr->is_chosen)
        fr->frame = self->format->frame;
    fr->delimiter = self->format->delimiter ? self->format->delimiter(self->decoder) : ',';
    fr->wants_header = names_by_header;
}

static void plan_keep(struct cp_planner *p, struct parse *self)
{
    if (p->stage->on_error != CP_ON_ERROR_KEEP)
        return;
    p->scope->failed_slot = self->failed_slot = cp_scope_new_slot(p->scope);
    p->scope->line_slot = self->line_slot = cp_scope_new_slot(p->scope);
}

/* Without `from`: the record is what its bytes say. */
static int plan_record(struct cp_planner *p, struct parse *self, const struct cp_slice *names,
                       size_t n)
{
    struct cp_scope *s = p->scope;
    const struct cp_format *f = self->format;
    bool by_header = f->flags & CP_FORMAT_HEADER && n == 0;

    if (s->is_made)
        return cp_diag_error(p->diags, p->stage->pos, "parse FORMAT from FIELD reads a field",
                             "the records here were made by a stage: they have no bytes to parse");
    if (f->choices && (!p->framing || p->framing->format))
        return cp_diag_error(p->diags, p->stage->pos, "name the format",
                             "parse auto is the first parse stage or none");
    if (f->choices && p->framing->frame == CP_FRAME_REJECTS)
        return cp_diag_error(p->diags, p->stage->pos, "name the format",
                             "records of a rejects file have no beginning that tells their format");
    if (by_header && !p->framing)
        return cp_diag_error(
            p->diags, p->stage->pos, "put parse above, or name the columns: header=a,b,c",
            "records that parted or came together above have no first line to take the names from");
    if (by_header && p->framing->format)
        return cp_diag_error(p->diags, p->stage->pos, "name the columns: header=a,b,c",
                             "a second parse stage cannot take the names from the first line");
    self->wants = cp_plan_wants(p, self->format, self->decoder);
    claim_framing(p, self, by_header);
    cp_scope_close(s);
    for (size_t i = 0; i < n; i++)
        cp_scope_declare(s, names[i]);
    s->wants = self->wants;
    s->is_open = f->flags & CP_FORMAT_OPEN || by_header;
    s->is_changed = s->was_changed = false;
    s->is_parsed = true;
    s->is_json = strcmp(f->name, "json") == 0 || f->choices;
    plan_keep(p, self);
    cp_plan_fails_as_lines(p);
    self->skips_empty = !(f->flags & CP_FORMAT_KEEPS_EMPTY);
    if (p->stage->on_error == CP_ON_ERROR_DEFAULT || p->stage->on_error == CP_ON_ERROR_SKIP) {
        self->prefilter =
            (struct cp_prefilter){.can_probe = f->can_probe, .decoder = self->decoder};
        bool may = f->probe && !p->options->no_prefilter && !p->options->counts_errors &&
                   !cp_plan_limits_errors(p);
        p->prefilter = may ? &self->prefilter : NULL;
    }
    return 0;
}

static int parse_at_end(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct parse *self = data;
    if (self->has_from)
        return parse_from_at_end(s, &self->from, err);
    return self->format->open ? self->format->open(self->decoder, self->wants, s->heap, err) : 0;
}

static int plan_zone(struct cp_planner *p, struct parse *self)
{
    if (self->tz.n == 0 || cp_zone_parse(self->tz.p, self->tz.n, &self->zone_offset))
        return 0;
    return cp_diag_error(p->diags, p->stage->pos, "UTC or an offset such as +02:00",
                         "unknown time zone %.*s", (int)self->tz.n, self->tz.p);
}

static int parse_plan(struct cp_planner *p, void *data)
{
    struct parse *self = data;
    struct parse_args args = {0};
    struct cp_slice *names;
    size_t n;

    self->failed_slot = self->line_slot = CP_NO_SLOT;
    if (!find_format(p))
        return unknown_format(p);
    if (plan_args(p, self, &args) < 0 || plan_zone(p, self) < 0 ||
        plan_names(p, self, &names, &n) < 0)
        return -1;
    cp_plan_at_end(p, parse_at_end);
    if (!args.from && args.as)
        return cp_diag_error(p->diags, cp_text_pos(&args.as->text, 0, args.as->text.s.n),
                             "parse json from msg as m_", "a prefix goes with `from FIELD`");
    if (!args.from) {
        int rc = plan_record(p, self, names, n);
        p->scope->time = self->time;
        return rc;
    }
    self->has_from = true;
    self->from.format = self->format;
    self->from.decoder = self->decoder;
    return parse_from_plan(p, &self->from, names, n, args.from, args.as);
}

static int parse_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    const struct parse *self = data;

    (void)err;
    if (self->has_from)
        cp_stage_prepare(s, NULL);
    return 0;
}

/* ---- Working ---- */

/* A record that is none: kept with `line` and `_error` where on_error says so. */
static enum cp_fate record_failed(struct cp_stage *s, struct parse *self, struct cp_batch *b,
                                  uint32_t i, uint32_t before, const char *reason)
{
    struct cp_slice raw = cp_batch_raw(b, i);

    if (s->on_error != CP_ON_ERROR_KEEP)
        return cp_stage_give_up(s, b, i, before, reason);
    for (size_t k = 0; k < self->wants->n; k++)
        b->col[self->wants->v[k].slot][i] = (struct cp_value){.kind = CP_MISSING};
    b->col[self->failed_slot][i] = cp_stage_reason(s, reason);
    b->col[self->line_slot][i] = cp_text(raw.p, raw.n);
    return cp_stage_failed(s, b, i, before, reason);
}

/* Rules out records by their raw bytes: those for which none of the needs can hold. Returns how
 * many. */
static uint32_t drop_unneeded(struct parse *self, struct cp_stage *s, struct cp_batch *b)
{
    const struct cp_prefilter *pre = &self->prefilter;
    uint16_t keep[CP_BATCH_RECORDS];
    uint8_t needed[CP_BATCH_RECORDS] = {0};
    uint32_t kept = 0, before = b->n_sel;

    if (pre->n == 0 || b->n_sel == 0)
        return 0;
    for (size_t k = 0; k < pre->n; k++) {
        size_t n = self->format->probe(self->decoder, &pre->needs[k], b, b->sel, b->n_sel, keep);
        for (size_t j = 0; j < n; j++)
            needed[keep[j]] = 1;
    }
    for (uint32_t k = 0; k < before; k++)
        if (needed[b->sel[k]])
            b->sel[kept++] = b->sel[k];
    b->n_sel = kept;
    s->account.unparsed += before - kept;
    return before - kept;
}

static void count_values(struct cp_stage *s, const struct parse *self, const struct cp_batch *b)
{
    for (size_t w = 0; s->reports_values && w < self->wants->n; w++)
        for (uint32_t k = 0; k < b->n_sel; k++)
            s->account.values += b->col[self->wants->v[w].slot][b->sel[k]].kind != CP_MISSING;
}

/* The free part of the arena is where decode leaves marks for the writer. */
static void offer_marks(struct cp_batch *b, size_t len, struct cp_marks *marks)
{
    size_t room = len > UINT16_MAX ? 0 : (b->arena.cap - b->arena.used) / sizeof *marks->v;

    *marks = (struct cp_marks){.v = (void *)(b->arena.base + b->arena.used),
                               .max = room < CP_MARKS_MAX ? room : CP_MARKS_MAX};
}

/* Keeps those that were left there. */
static void take_marks(struct cp_batch *b, const struct cp_marks *marks, struct cp_value *v)
{
    *v = (struct cp_value){.kind = CP_MISSING};
    if (marks->n > marks->max)
        return;
    size_t n = marks->n * sizeof *marks->v;
    *v = cp_text(cp_arena_take(&b->arena, n), n);
}

/* Decodes one record; returns why it is none. */
static inline const char *decode(struct parse *self, struct cp_batch *b, struct cp_slice raw,
                                 struct cp_row *row)
{
    int slot = self->wants->marks_slot;
    struct cp_marks marks;
    size_t at;

    if (slot == CP_NO_SLOT)
        return self->format->decode(self->decoder, raw.p, raw.n, row, &at);
    offer_marks(b, raw.n, &marks);
    row->marks = &marks;
    const char *reason = self->format->decode(self->decoder, raw.p, raw.n, row, &at);
    if (reason != NULL)
        marks.n = SIZE_MAX;
    take_marks(b, &marks, &b->col[slot][row->i]);
    return reason;
}

static void parse_fork(struct cp_stage *s, void *data)
{
    struct parse *self = data;

    self->decoder = cp_decoder_fork(self->format, self->decoder, s->heap);
    self->from.decoder = self->decoder;
}

static enum cp_outcome parse_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct parse *self = data;
    const struct cp_format *f = self->format;
    struct cp_row row = {.col = b->col, .input = b->input};
    bool skips_empty = self->skips_empty;
    uint32_t kept = 0, empty = 0, n;

    if (self->has_from) {
        if (self->tz.n > 0)
            b->zone.offset = self->zone_offset;
        return parse_from_process(s, &self->from, b);
    }
    b->zone.offset = self->zone_offset;
    if (f->choices)
        skips_empty = !(b->input->choice->format->flags & CP_FORMAT_KEEPS_EMPTY);
    s->account.filtered += drop_unneeded(self, s, b);
    n = b->n_sel;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = b->sel[k];
        struct cp_slice raw = cp_batch_raw(b, i);
        if (raw.n == 0 && skips_empty) {
            empty++;
            continue;
        }
        row.i = i;
        const char *reason = decode(self, b, raw, &row);
        if (self->failed_slot != CP_NO_SLOT)
            b->col[self->failed_slot][i] = b->col[self->line_slot][i] =
                (struct cp_value){.kind = CP_MISSING};
        enum cp_fate fate = reason ? record_failed(s, self, b, i, k, reason) : CP_FATE_PASSES;
        if (fate == CP_FATE_PASSES) {
            b->sel[kept++] = (uint16_t)i;
        } else if (fate == CP_FATE_STOPS) {
            s->account.filtered += empty;
            return cp_stage_stop_at(s, b, kept, n - k - 1);
        }
    }
    s->account.filtered += empty;
    b->n_sel = kept;
    count_values(s, self, b);
    return CP_OUTCOME_OK;
}

static void parse_close(void *data)
{
    struct parse *self = data;
    if (self->format && self->format->close)
        self->format->close(self->decoder);
}

const struct cp_stage_type cp_stage_parse = {
    .name = "parse",
    .kind = CP_PARSE,
    .summary = "Reads records of a format",
    .usage = "FORMAT [PATTERN] [from FIELD] [as PREFIX] [KEY=VALUE ...]",
    .doc = "Every record is checked, whatever is read of it later, but those that a filter behind "
           "it rules out by their bytes alone, as explain shows; with --strict, --account or "
           "--no-prefilter they are checked too. A record that is not of the format is left out, "
           "counted, and the first one is shown; with on_error: keep it goes on with the fields "
           "line and "
           "_error, with on_error: stop "
           "the pipeline ends with status 3, and with on_error: {to: ...} it goes to a file or "
           "another stage.\n"
           "Without from, the fields of the record are those of its bytes. With from, a field is "
           "read, and what is found is "
           "added to the record; as puts a prefix before each name.\n"
           "Times without a zone are read in tz, UTC unless it is given. The functions day, hour, "
           "minute, trunc and strftime use the same clock for all times; printed times are UTC.",
    .args = CP_ARGS_WORDS_REGEX,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct parse),
    .options = options,
    .setting = parse_setting,
    .plan = parse_plan,
    .fork = parse_fork,
    .open = parse_open,
    .process = parse_process,
    .close = parse_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | keep a", "{\"a\": 1, \"b\": 2}\n", "{\"a\":1}\n",
             "one field of JSON lines"},
            {"parse logfmt | filter level == \"warn\"", "level=info n=1\nlevel=warn n=2\n",
             "{\"level\":\"warn\",\"n\":2}\n", "logfmt to JSON"},
            {"parse json | parse logfmt from msg | keep id, level, n",
             "{\"id\":1,\"msg\":\"level=warn n=2\"}\n{\"id\":2}\n",
             "{\"id\":1,\"level\":\"warn\",\"n\":2}\n{\"id\":2}\n", "a text inside a record"},
            {"parse json | parse json from log as log_",
             "{\"log\": \"{\\\"a\\\":1}\\n\", \"n\": 1}\n",
             "{\"log\": \"{\\\"a\\\":1}\\n\", \"n\": 1,\"log_a\":1}\n",
             "the record keeps its bytes, new fields come after"},
            {"parse json with on_error={to: bad} | discard | bad: keep line, _error",
             "{\"a\":1}\na=1\n", "{\"line\":\"a=1\",\"_error\":\"expected a value\"}\n",
             "what is no JSON goes to another stage"},
            {"parse logfmt | parse regex \"(?<method>[A-Z]+) (?<path>.*)\" from req | unset req",
             "req=\"GET /a\" n=1\n", "{\"n\":1,\"method\":\"GET\",\"path\":\"/a\"}\n", NULL},
            {NULL},
        },
};
