/* grep: passes the records that contain a text or match a regex.
 *
 * DESIGN. Texts, and those that every match of a regex contains, are searched in the bytes of all
 * records of a batch at once, and hits are mapped to records; a regex itself looks only at the
 * records where its text stands.
 */
#include <stdlib.h>

#include "../lib/base/alloc.h"
#include "../lib/base/regex.h"
#include "../lib/stage.h"

/* Records without bytes of their own are searched as JSON. */
struct text {
    const struct cp_format *json;
    void *encoder;
    struct cp_shape *shape;
    struct cp_out out;
    char *p;
    size_t n, cap;
};

struct grep {
    bool inverts, ignores_case;
    bool is_made;
    struct cp_slice wanted; /* a text; else */
    struct cp_regex *regex;
    struct cp_literal literal; /* stands in every record that is found */
    bool has_literal;
    bool is_literal; /* and all records where it stands are found */
    struct cp_regex_scratch scratch;
    struct text text;
};

/* ---- Planning ---- */

/* `-v`, `-i`, `-vi`. */
static bool take_flags(struct grep *self, const struct cp_word *w)
{
    struct cp_slice s = w->text.s;

    if (w->quoted || w->key.n > 0 || s.n < 2 || s.p[0] != '-')
        return false;
    for (size_t k = 1; k < s.n; k++)
        if (s.p[k] != 'v' && s.p[k] != 'i')
            return false;
    self->inverts = self->inverts || memchr(s.p, 'v', s.n);
    self->ignores_case = self->ignores_case || memchr(s.p, 'i', s.n);
    return true;
}

static int take_regex(struct cp_planner *p, struct grep *self, const struct cp_text *t)
{
    const char *close = memrchr(t->s.p + 1, '/', t->s.n - 1), *why;
    struct cp_slice pattern = {t->s.p + 1, (size_t)(close - t->s.p) - 1};
    struct cp_slice flags = {close + 1, t->s.n - pattern.n - 2};
    size_t at;

    if (self->ignores_case && !memchr(flags.p, 'i', flags.n))
        flags = cp_slice_of(cp_heap_printf(p->heap, "%.*si", (int)flags.n, flags.p));
    self->regex = cp_regex_new(pattern, flags, p->heap, &why, &at);
    if (!self->regex)
        return cp_diag_error(p->diags, cp_text_pos(t, at + 1 < t->s.n ? at + 1 : t->s.n, 0), NULL,
                             "in the regex: %s", why);
    self->literal = self->regex->literal;
    self->has_literal = self->regex->has_literal;
    self->is_literal = self->regex->code == NULL;
    return 0;
}

/* `status=500` is a text like others. */
static struct cp_slice text_of(struct cp_planner *p, const struct cp_word *w)
{
    if (w->key.n == 0)
        return w->text.s;
    return cp_slice_of(cp_heap_printf(p->heap, "%.*s=%.*s", (int)w->key.n, w->key.p,
                                      (int)w->text.s.n, w->text.s.p));
}

static void take_text(struct cp_planner *p, struct grep *self, const struct cp_word *w)
{
    struct cp_slice s = text_of(p, w);
    size_t n = s.n < CP_LITERAL_MAX ? s.n : CP_LITERAL_MAX;

    self->wanted = s;
    self->has_literal =
        cp_literal_init(&self->literal, s.p, n, self->ignores_case ? CP_LITERAL_NOCASE : 0);
    self->is_literal = n == s.n;
}

static bool is_regex(const struct cp_word *w)
{
    return !w->quoted && w->key.n == 0 && w->text.s.n > 1 && w->text.s.p[0] == '/';
}

static int take_pattern(struct cp_planner *p, struct grep *self, size_t at)
{
    const struct cp_word *w = &p->words.v[at];

    if (at + 1 < p->words.n || (w->quoted && w->key.n > 0))
        return cp_diag_error(
            p->diags,
            cp_text_pos(&p->words.v[p->words.n - 1].text, 0, p->words.v[p->words.n - 1].text.s.n),
            "quote a text with blanks: grep \"two words\"", "grep looks for one text or regex");
    if (is_regex(w))
        return take_regex(p, self, &w->text);
    take_text(p, self, w);
    return 0;
}

static void plan_text(struct cp_planner *p, struct text *t)
{
    t->json = cp_format_find(CP_SLICE("json"));
    t->shape = cp_plan_shape(p);
    cp_plan_memory(p, CP_OUT_SIZE);
}

static int grep_plan(struct cp_planner *p, void *data)
{
    struct grep *self = data;
    size_t at = 0;

    while (at < p->words.n && take_flags(self, &p->words.v[at]))
        at++;
    if (at == p->words.n)
        return cp_diag_error(p->diags, p->stage->pos,
                             "grep error, grep \"two words\", grep /time(d )?out/i",
                             "grep needs a text or a regex");
    self->is_made = p->scope->is_made;
    if (self->is_made)
        plan_text(p, &self->text);
    return take_pattern(p, self, at);
}

/* ---- Made records as text ---- */

static int text_write(void *ctx, const char *p, size_t n)
{
    struct text *t = ctx;

    if (t->cap - t->n < n + CP_PAD) {
        t->cap = 2 * (t->n + n) + CP_PAD;
        t->p = cp_xrealloc(t->p, t->cap, 1);
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    return 0;
}

static int text_open(struct cp_stage *s, struct text *t, struct cp_err *err)
{
    t->encoder = cp_heap_take(s->heap, t->json->encoder_size + 1);
    cp_out_init(&t->out, cp_heap_take(s->heap, CP_OUT_SIZE), CP_OUT_SIZE, text_write, t);
    return t->json->encode_open ? t->json->encode_open(t->encoder, s->heap, err) : 0;
}

static struct cp_slice text_make(struct text *t, struct cp_batch *b, uint16_t i)
{
    size_t done;

    b->shape = cp_shape_of_record(t->shape, b, i);
    t->n = 0;
    t->json->encode(t->encoder, b, &i, 1, &t->out, &done);
    cp_out_flush(&t->out);
    return (struct cp_slice){t->p, t->n > 0 ? t->n - 1 : 0};
}

static int grep_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct grep *self = data;

    if (self->regex)
        cp_regex_scratch_init(&self->scratch, self->regex->groups, s->heap);
    cp_stage_prepare(s, NULL);
    return self->is_made ? text_open(s, &self->text, err) : 0;
}

static void grep_close(void *data)
{
    struct grep *self = data;

    if (self->text.encoder && self->text.json->encode_close)
        self->text.json->encode_close(self->text.encoder);
    free(self->text.p);
}

/* ---- Searching ---- */

enum { HITS = 1024 };

/* Where the search in the bytes of all records stands. */
struct search {
    const struct cp_batch *b;
    uint32_t at;
    uint16_t *keep;
    size_t kept;
};

/* Keeps the records in which a hit lies as a whole. Hits ascend. */
static void take_hits(struct search *x, const uint32_t *hits, size_t n, size_t length)
{
    const struct cp_batch *b = x->b;

    for (size_t k = 0; k < n; k++) {
        size_t end = hits[k] + length;
        while (x->at < b->n_sel && b->rec[b->sel[x->at]].off + b->rec[b->sel[x->at]].len < end)
            x->at++;
        if (x->at == b->n_sel)
            return;
        if (b->rec[b->sel[x->at]].off <= hits[k])
            x->keep[x->kept++] = b->sel[x->at++];
    }
}

/* The records that contain the literal, by one search over the bytes of all of them. */
static size_t search_all(const struct grep *self, const struct cp_batch *b, uint16_t *keep)
{
    const struct cp_record *first = &b->rec[b->sel[0]], *last = &b->rec[b->sel[b->n_sel - 1]];
    size_t at = first->off, end = last->off + last->len;
    struct search x = {.b = b, .keep = keep};
    uint32_t hits[HITS];

    while (at < end && x.at < b->n_sel) {
        size_t resume,
            n = cp_scan_literal(b->block->data + at, end - at, &self->literal, hits, HITS, &resume);
        for (size_t k = 0; k < n; k++)
            hits[k] += (uint32_t)at;
        take_hits(&x, hits, n, self->literal.length);
        if (n == 0)
            break;
        at += resume;
    }
    return x.kept;
}

static bool contains_text(const struct grep *self, struct cp_slice s)
{
    uint32_t hit;
    size_t resume;

    if (self->wanted.n == 0)
        return true;
    if (self->is_literal || !self->ignores_case)
        return self->is_literal ? cp_scan_literal((const uint8_t *)s.p, s.n, &self->literal, &hit,
                                                  1, &resume) > 0
                                : memmem(s.p, s.n, self->wanted.p, self->wanted.n) != NULL;
    for (size_t k = 0; k + self->wanted.n <= s.n; k++)
        if (strncasecmp(s.p + k, self->wanted.p, self->wanted.n) == 0)
            return true;
    return false;
}

/* 1: found, 0: not, -1: the regex gave up. */
static int is_found(struct grep *self, struct cp_slice s)
{
    if (self->regex)
        return cp_regex_find(self->regex, &self->scratch, s.p, s.n, 0);
    return contains_text(self, s);
}

/* Of the records from[0..n) those that are found; those for which the regex gave up are errors, in
 * neither list. */
static size_t search_each(struct grep *self, struct cp_batch *b, struct cp_eval *ev,
                          const uint16_t *from, size_t n, uint16_t *keep)
{
    size_t kept = 0;

    for (size_t k = 0; k < n; k++) {
        uint16_t i = from[k];
        int rc = is_found(self, self->is_made ? text_make(&self->text, b, i) : cp_batch_raw(b, i));
        if (rc > 0)
            keep[kept++] = i;
        if (rc < 0)
            cp_eval_fail(ev, i, cp_regex_limit);
    }
    return kept;
}

/* Those of b's selection that are not in keep and did not fail. */
static size_t invert(const struct cp_batch *b, const struct cp_eval *ev, const uint16_t *keep,
                     size_t kept, uint16_t *out)
{
    size_t n = 0, at = 0;

    for (uint32_t k = 0; k < b->n_sel; k++) {
        uint16_t i = b->sel[k];
        bool is_kept = at < kept && keep[at] == i;
        at += is_kept;
        if (!is_kept && !(ev->n_failed > 0 && ev->reason[i]))
            out[n++] = i;
    }
    return n;
}

static enum cp_outcome grep_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct grep *self = data;
    struct cp_eval *ev = cp_stage_eval(s, b);
    uint16_t keep[CP_BATCH_RECORDS], others[CP_BATCH_RECORDS];
    const uint16_t *from = b->sel;
    size_t n = b->n_sel;

    if (n == 0)
        return CP_OUTCOME_OK;
    if (self->has_literal && !self->is_made) {
        n = search_all(self, b, keep);
        from = keep;
    }
    if (self->is_made || !self->has_literal || !self->is_literal)
        n = search_each(self, b, ev, from, n, keep);
    if (!self->inverts)
        return cp_stage_pass(s, b, ev, keep, n);
    n = invert(b, ev, keep, n, others);
    return cp_stage_pass(s, b, ev, others, n);
}

const struct cp_stage_type cp_stage_grep = {
    .name = "grep",
    .kind = CP_FILTER,
    .summary = "Passes the records that contain a text or match a regex",
    .usage = "[-v] [-i] TEXT | /REGEX/FLAGS",
    .doc = "What is searched is the record's line, whatever was made of it since; rows of counts "
           "and the like are searched as "
           "JSON. -v passes the other records, -i takes small and capital letters as equal. A text "
           "with blanks, or that begins "
           "with a slash or a minus, is put in quotes. Flags of a regex are i (letters as equal), "
           "m (^ and $ also at line ends "
           "within a record), s (. also matches line ends) and u (UTF-8).",
    .args = CP_ARGS_WORDS_REGEX,
    .flags = CP_STAGE_STATELESS,
    .size = sizeof(struct grep),
    .plan = grep_plan,
    .open = grep_open,
    .process = grep_process,
    .close = grep_close,
    .examples =
        (const struct cp_example[]){
            {"grep error", "an error\nall well\nerrors\n", "an error\nerrors\n", NULL},
            {"grep -v -i \"all well\"", "an error\nAll WELL\n", "an error\n",
             "those without it, in any case"},
            {"grep /time(d )?out$/ | grep -v db",
             "web timeout\ndb timed out\ntimed out\ntimeouts\n", "web timeout\ntimed out\n",
             "a regex"},
            {"parse logfmt | grep status=500 | keep path",
             "path=/a status=200\npath=/b status=500\n", "{\"path\":\"/b\"}\n", NULL},
            {NULL},
        },
};
