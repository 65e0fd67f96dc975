/* doc_text.c: reads one-liners, and the texts of stages and branches inside YAML files. */
#include "doc.h"

#include <string.h>

#include "doc_cursor.h"
#include "words.h"

/* ---- Kinds and names ---- */

int cp_read_kind(struct cp_doc_reader *r, const struct cp_text *kind, struct cp_item *item)
{
    const char *hint;

    item->kind = *kind;
    if (!r->kinds->is_kind(kind->s) && cp_is_future_kind(kind->s, &hint))
        return cp_diag_error(r->diags, kind->pos, hint, "%.*s is not available in this version",
                             CP_SHOW(kind->s));
    if (!r->kinds->is_kind(kind->s)) {
        hint = cp_doc_did_you_mean(r, kind->s, true, false,
                                   "`chanpipe list stages` shows all of them");
        return cp_diag_error(r->diags, kind->pos, hint, "there is no stage %.*s", CP_SHOW(kind->s));
    }
    item->form = r->kinds->args_form(kind->s);
    return 0;
}

/* The length of NAME in `NAME:` at the cursor, else 0. */
static size_t label_length(const struct cp_cursor *c)
{
    size_t n = cp_name_length(c->p + c->at, c->n - c->at);

    return n > 0 && c->at + n < c->n && c->p[c->at + n] == ':' ? n : 0;
}

/* NAME: of a stage. A colon behind a kind is YAML's. */
static int read_name(struct cp_cursor *c, size_t n, struct cp_item *item)
{
    struct cp_text name = cp_cursor_part(c, c->at, n);
    size_t off = c->at;

    c->at += n + 1;
    cp_cursor_skip_blanks(c);
    size_t next = cp_name_length(c->p + c->at, c->n - c->at);
    struct cp_slice kind = {c->p + c->at, next};
    if (c->r->kinds->is_kind(name.s) && !c->r->kinds->is_kind(kind))
        return cp_cursor_wrong(c, off + n, 1, "leave out the colon: NAME: KIND names a stage",
                               "a colon behind the kind of a stage");
    item->name = name;
    return 0;
}

/* What stands where a kind should: up to a blank or the end of the stage. */
static size_t junk_length(const struct cp_cursor *c)
{
    struct cp_cursor end = *c;

    while (!cp_cursor_is_end(&end) && !cp_is_blank(end.p[end.at]))
        end.at++;
    return end.at - c->at;
}

static int check_after_kind(struct cp_cursor *c, size_t n)
{
    struct cp_cursor end = *c;

    end.at += n;
    if (cp_cursor_is_end(&end) || cp_is_blank(end.p[end.at]) || cp_cursor_sees(&end, '{'))
        return 0;
    return cp_cursor_wrong(c, end.at, 1, NULL, "expected a blank behind the kind of the stage");
}

/* ---- Stages ---- */

static int read_branches(struct cp_cursor *c, struct cp_item *item, enum cp_branches_form form);

/* args up to the end of the stage or `with`; what stands behind is left to the caller. */
static int read_args(struct cp_cursor *c, struct cp_item *item)
{
    enum cp_branches_form form = cp_branches_form_of(c->r, item->kind.s);
    int result;

    cp_cursor_skip_blanks(c);
    size_t off = c->at;
    if (form != CP_BRANCHES_NONE)
        result = read_branches(c, item, form);
    else if (item->form == CP_ARGS_EXPR)
        result = cp_cursor_skip_expr(c);
    else
        result = cp_cursor_skip_words(c, item->form == CP_ARGS_WORDS_REGEX);
    item->args = form == CP_BRANCHES_NONE ? cp_cursor_part_from(c, off) : cp_cursor_part(c, off, 0);
    if (result == 0 && !cp_cursor_is_end(c))
        result = cp_cursor_read_settings(c, item);
    return c->failed ? -1 : result;
}

static int read_stage(struct cp_cursor *c, struct cp_item *item)
{
    size_t n = label_length(c);

    if (n > 0 && read_name(c, n, item) < 0)
        return -1;
    n = cp_name_length(c->p + c->at, c->n - c->at);
    if (n == 0)
        return cp_cursor_wrong(c, c->at, junk_length(c),
                               "a stage is `KIND arguments` or `NAME: KIND arguments`",
                               "expected the kind of a stage");
    struct cp_text kind = cp_cursor_part(c, c->at, n);
    if (cp_read_kind(c->r, &kind, item) < 0) {
        c->failed = true;
        return -1;
    }
    if (check_after_kind(c, n) < 0)
        return -1;
    c->at += n;
    return read_args(c, item);
}

/* ---- Stages with | between them ---- */

/* After a mistake: to where the next stage seems to begin. */
static void skip_to_next(struct cp_cursor *c)
{
    size_t depth = 0;

    while (c->at < c->n && (depth > 0 || !cp_cursor_is_end(c))) {
        char byte = c->p[c->at];
        size_t length = byte == '"' ? cp_quote_end(c->p + c->at, c->n - c->at) : 1;
        if (length == 0) {
            cp_cursor_lose(c);
            return;
        }
        depth += byte == '{';
        depth -= byte == '}' && depth > 0;
        c->at += length;
    }
}

static int missing_stage(struct cp_cursor *c, bool is_first)
{
    size_t at = c->at < c->n || c->n == 0 ? c->at : c->n - 1;

    if (c->at == c->n && c->open > 0) {
        c->failed = true; /* the open brace is going to be reported */
        return -1;
    }
    if (is_first && !cp_cursor_sees(c, '|'))
        return c->r->depth > 0
                   ? cp_cursor_wrong(c, at, 1, NULL, "this branch has no stages")
                   : cp_cursor_wrong(c, 0, 0, "as in: parse json | filter status >= 500",
                                     "the pipeline is empty");
    return cp_cursor_wrong(
        c, at, 1, "a | as text is \"quoted\"; || is an operator of expressions only",
        is_first ? "a stage is missing before this |" : "a stage is missing here");
}

/* One stage and the | behind it. False: that was all. */
static bool read_next(struct cp_cursor *c, struct cp_items *items, bool is_first)
{
    struct cp_item item = {0};

    c->failed = false;
    cp_cursor_skip_blanks(c);
    if (cp_doc_count_stage(c->r, cp_text_pos(c->t, c->at, c->at < c->n)) < 0) {
        cp_cursor_lose(c);
        return false;
    }
    if (cp_cursor_is_end(c))
        missing_stage(c, is_first);
    else if (read_stage(c, &item) < 0)
        skip_to_next(c);
    if (!c->failed)
        cp_items_add(c->r, items, &item);
    if (!cp_cursor_sees(c, '|'))
        return false;
    c->at++;
    return true;
}

/* Up to the end of the text or of the branch. */
static void read_stages(struct cp_cursor *c, struct cp_items *items)
{
    for (bool is_first = true; read_next(c, items, is_first); is_first = false)
        ;
}

/* ---- Branches ---- */

static int no_arrow(struct cp_cursor *c, size_t off)
{
    size_t at = c->at < c->n ? c->at : off < c->n ? off : c->n - 1;

    if (c->at == c->n) /* the brace is open as well, but this is why */
        cp_cursor_lose(c);
    return cp_cursor_wrong(c, at, 1, "as in: status >= 500 => file err.log",
                           "expected => and stages behind the condition");
}

static int colon_in_condition(struct cp_cursor *c, const char *hint)
{
    return cp_cursor_wrong(c, c->at + label_length(c), 1, hint, "a : in a condition");
}

/* `els => …` would be a field of that name. */
static void warn_of_else(const struct cp_cursor *c, const struct cp_text *when)
{
    static const char *const words[] = {"else"};
    bool is_word = when->s.n > 2 && cp_name_length(when->s.p, when->s.n) == when->s.n;

    if (is_word && cp_nearest(when->s.p, when->s.n, words, 1))
        cp_diag_warning(c->r->diags, when->pos, "did you mean else?",
                        "this case is for records whose field %.*s is true", CP_SHOW(when->s));
}

/* `NAME: COND =>` or `else =>`. -1 after a diagnostic. */
static int read_case_head(struct cp_cursor *c, const struct cp_item *item, struct cp_branch *b)
{
    size_t off = c->at, n = label_length(c);

    c->failed = false;
    if (n > 0) {
        struct cp_text name = cp_cursor_part(c, c->at, n);
        c->failed = cp_case_set_name(c->r, item, b, &name) < 0;
        if (cp_slice_is(name.s, "else"))
            return -1;
        c->at += n + 1;
        cp_cursor_skip_blanks(c);
        off = c->at;
    }
    if (label_length(c) > 0)
        return colon_in_condition(c, "a case has one name");
    if (cp_cursor_skip_condition(c) < 0)
        return -1;
    struct cp_text when = cp_cursor_part_from(c, off);
    if (!cp_cursor_sees(c, '='))
        return no_arrow(c, off);
    if (when.s.n == 0)
        return cp_cursor_wrong(c, off, 2, "as in: status >= 500 => file err.log",
                               "a condition is missing before this =>");
    c->at += 2;
    b->is_else = cp_slice_is(when.s, "else");
    if (b->is_else && b->name.s.n > 0)
        return cp_diag_error(c->r->diags, b->name.pos, NULL, "else has no name");
    if (!b->is_else) {
        b->when = when;
        warn_of_else(c, &when);
    }
    return c->failed ? -1 : 0;
}

/* Whether a `=>` follows in this stage, outside quotes. */
static bool has_arrow(const struct cp_cursor *c)
{
    struct cp_cursor at = *c;

    while (!cp_cursor_is_end(&at)) {
        size_t length = at.p[at.at] == '"' ? cp_quote_end(at.p + at.at, at.n - at.at) : 1;
        if (length == 0)
            return false;
        if (at.n - at.at > 1 && memcmp(at.p + at.at, "=>", 2) == 0)
            return true;
        at.at += length;
    }
    return false;
}

/* `tee { status >= 500 => … }`: what begins like a case, and with no stage. -1 after a diagnostic.
 */
static int refuse_case(struct cp_cursor *c, const struct cp_item *item)
{
    struct cp_slice word = {c->p + c->at, cp_name_length(c->p + c->at, c->n - c->at)};

    if (label_length(c) > 0 || c->r->kinds->is_kind(word) || !has_arrow(c))
        return 0;
    c->failed = true;
    return cp_diag_error(c->r->diags, cp_text_pos(c->t, c->at, word.n > 0 ? word.n : 1),
                         "route has cases: route { CONDITION => STAGE ; else => STAGE }",
                         "a branch of %.*s has no condition", CP_SHOW(item->kind.s));
}

/* Up to the ; or } behind it. */
static void read_branch(struct cp_cursor *c, struct cp_item *item, enum cp_branches_form form)
{
    struct cp_branch b = {.pos = cp_text_pos(c->t, c->at, 1)};
    struct cp_items items = {0};
    bool is_bad =
        (form == CP_BRANCHES_CASES ? read_case_head(c, item, &b) : refuse_case(c, item)) < 0;

    if (!is_bad) {
        read_stages(c, &items);
        b.items = items.v;
        b.n = items.n;
        cp_item_add_branch(c->r, item, &b);
        return;
    }
    for (skip_to_next(c); cp_cursor_sees(c, '|'); skip_to_next(c))
        c->at++;
}

/* `merge by=time {` */
static const char *hint_behind(const struct cp_cursor *c, const struct cp_item *item)
{
    const char *p = c->p + c->at;
    size_t key = cp_name_length(p, c->n - c->at);

    if (key == 0 || key >= c->n - c->at || p[key] != '=')
        return NULL;
    size_t n = cp_word_end(p, c->n - c->at, false, c->r->depth > 0).end;
    return cp_heap_printf(c->r->heap, "settings stand behind the braces: %.*s { ... } with %.*s",
                          CP_SHOW(item->kind.s), (int)n, p);
}

static int no_brace(struct cp_cursor *c, const struct cp_item *item, enum cp_branches_form form)
{
    struct cp_doc_reader *r = c->r;
    bool is_end = cp_cursor_is_end(c);
    struct cp_pos pos = is_end ? item->kind.pos : cp_text_pos(c->t, c->at, 1);
    const char *hint = hint_behind(c, item);

    if (!hint)
        hint =
            cp_heap_printf(r->heap, "as in: %.*s { %s }", CP_SHOW(item->kind.s),
                           form == CP_BRANCHES_CASES ? "CONDITION => STAGE | STAGE ; else => STAGE"
                                                     : "STAGE | STAGE ; STAGE");

    c->failed = true;
    return cp_diag_error(r->diags, pos, hint,
                         is_end ? "%.*s has no branches" : "expected { and the branches of %.*s",
                         CP_SHOW(item->kind.s));
}

/* What is behind the branches: the end of the stage, or settings. */
static int check_behind_brace(struct cp_cursor *c)
{
    cp_cursor_skip_blanks(c);
    if (cp_cursor_is_end(c) || cp_cursor_sees_with(c))
        return 0;
    return cp_cursor_wrong(c, c->at, 1, "settings are `with key=value`",
                           "expected | or the end of the stage behind the }");
}

/* { P ; P }. 0 also after diagnostics of stages inside, where the braces are right. */
static int read_branches(struct cp_cursor *c, struct cp_item *item, enum cp_branches_form form)
{
    struct cp_doc_reader *r = c->r;
    size_t open = c->at, errors = r->diags->errors;

    if (form == CP_BRANCHES_INPUTS && (cp_cursor_is_end(c) || cp_cursor_sees_with(c)))
        return 0;
    if (!cp_cursor_sees(c, '{'))
        return no_brace(c, item, form);
    if (cp_branches_enter(r, form, cp_text_pos(c->t, open, 1)) < 0) {
        cp_cursor_lose(c);
        return -1;
    }
    c->open++;
    do {
        c->at++;
        cp_cursor_skip_blanks(c);
        if (c->at < c->n && c->p[c->at] != '}')
            read_branch(c, item, form);
    } while (cp_cursor_sees(c, ';'));
    c->open--;
    cp_branches_leave(r, form);
    cp_cases_check(r, item);
    if (c->is_lost) {
        c->failed = true;
        return -1;
    }
    if (c->at == c->n)
        return cp_cursor_unclosed(c, open, NULL, "no } closes this {");
    c->at++;
    if (item->n_branches == 0 && r->diags->errors == errors)
        return cp_cursor_wrong(c, open, 1, NULL, "there is no branch in these braces");
    c->failed = item->n_branches == 0;
    return check_behind_brace(c);
}

/* ---- Whole texts ---- */

/* What is left of a text that should be one stage, or one branch. */
static int expect_end(struct cp_cursor *c)
{
    if (c->at >= c->n)
        return 0;
    if (c->p[c->at] == '}')
        return cp_cursor_wrong(c, c->at, 1, "quote a } that is meant as text",
                               "this } closes nothing");
    if (c->p[c->at] == ';')
        return cp_cursor_wrong(
            c, c->at, 1,
            "give the next branch an item (`- …`) of its own, or quote a ; that is meant as text",
            "a ; ends this branch, but text goes on");
    return cp_cursor_wrong(
        c, c->at, 1,
        "give the next stage an item (`- …`) of its own, or quote a | that is meant as text",
        "a | ends this stage, but text goes on");
}

static bool has_lines(const struct cp_text *t)
{
    return t->s.n > 0 && memchr(t->s.p, '\n', t->s.n);
}

int cp_read_pipeline(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment,
                     struct cp_items *items)
{
    struct cp_cursor c = cp_cursor_of(r, t, may_comment);
    size_t errors = r->diags->errors;

    if (cp_check_printable(r, t) < 0)
        return -1;
    read_stages(&c, items);
    expect_end(&c);
    return r->diags->errors > errors ? -1 : 0;
}

int cp_read_stage(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item)
{
    struct cp_cursor c = cp_cursor_of(r, t, has_lines(t));

    if (cp_check_printable(r, t) < 0)
        return -1;
    cp_cursor_skip_blanks(&c);
    if (cp_cursor_is_end(&c))
        return cp_cursor_wrong(&c, 0, t->s.n, NULL, "expected a stage");
    return read_stage(&c, item) < 0 ? -1 : expect_end(&c);
}

int cp_read_args(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item)
{
    struct cp_cursor c = cp_cursor_of(r, t, has_lines(t));

    if (cp_check_printable(r, t) < 0)
        return -1;
    return read_args(&c, item) < 0 ? -1 : expect_end(&c);
}

int cp_read_condition(struct cp_doc_reader *r, const struct cp_text *t, struct cp_text *when)
{
    struct cp_cursor c = cp_cursor_of(r, t, has_lines(t));

    if (cp_check_printable(r, t) < 0)
        return -1;
    cp_cursor_skip_blanks(&c);
    size_t off = c.at;
    if (label_length(&c) > 0)
        return colon_in_condition(&c, "the name of a case stands beside it: name: …");
    if (cp_cursor_skip_condition(&c) < 0)
        return -1;
    *when = cp_cursor_part_from(&c, off);
    if (cp_cursor_sees(&c, '='))
        return cp_cursor_wrong(&c, c.at, 2, "the stages of a case stand beside it: do: …",
                               "a => ends this condition, but text goes on");
    if (c.at < c.n)
        return cp_cursor_wrong(&c, c.at, 1, "quote what is meant as text; || is an operator",
                               "the condition ends here, but text goes on");
    if (when->s.n == 0)
        return cp_diag_error(r->diags, t->pos, "as in `when: status >= 500`",
                             "this condition is empty");
    if (cp_slice_is(when->s, "else"))
        return cp_diag_error(r->diags, t->pos, "write `else: …` in place of when and do",
                             "else is no condition");
    return 0;
}

int cp_doc_read_text(struct cp_doc *doc, struct cp_heap *heap, struct cp_source source,
                     const struct cp_kinds *kinds, struct cp_diags *diags)
{
    struct cp_doc_reader r;
    struct cp_items items = {0};
    size_t start, errors = diags->errors;

    cp_doc_begin(&r, doc, heap, source, kinds, diags);
    if (cp_doc_check_bytes(&r, &start) < 0)
        return -1;
    struct cp_text t = {
        .s = {source.text + start, source.len - start},
        .pos = cp_doc_pos(&r, start, source.len - start),
        .verbatim = true,
    };
    cp_read_pipeline(&r, &t, has_lines(&t), &items);
    doc->items = items.v;
    doc->n = items.n;
    cp_doc_check_names(&r);
    return diags->errors > errors ? -1 : 0;
}
