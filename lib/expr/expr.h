/* expr.h: expressions, compiled once and evaluated column by column.
 *
 *     text ─ cp_lexer ─> struct cp_expr (tree) ─ cp_expr_bind(scope) ─> evaluated per batch
 *
 * The tree is evaluated one node at a time for all selected records of a batch, so that the
 * interpreter's cost is per batch. `and or if ?? coalesce` evaluate a side only for the records
 * that need it. The rules of values are in semantics.md (1-6, 19-28, 42, 51, 52).
 *
 * Everything is made in the plan's heap and is constant afterwards; what changes while evaluating
 * is in struct cp_eval, of which every thread has its own.
 */
#ifndef CP_EXPR_EXPR_H
#define CP_EXPR_EXPR_H

#include "../base/err.h"
#include "../base/origin.h"
#include "../data/batch.h"
#include "../format/need.h"
#include "scope.h"

struct cp_expr;

/* ---- Parsing ---- */

struct cp_lexer; /* defined in lexer.h; stages only pass it on */

struct cp_lexer *cp_lexer_new(const struct cp_text *text, struct cp_heap *heap,
                              struct cp_diags *diags);

/* One expression; NULL after a diagnostic. It ends before `,`, `by`, `as`, `)`, … or the end of the
 * text. */
struct cp_expr *cp_expr_parse(struct cp_lexer *lx);

/* A field path, as keep, by, rename, sort take it; NULL after a diagnostic. */
struct cp_path *cp_path_parse(struct cp_lexer *lx);

/* What stages with their own little grammar need: true when the next token was that word or sign
 * and is now consumed. */
bool cp_lexer_accept_word(struct cp_lexer *lx, const char *word);
bool cp_lexer_accept(struct cp_lexer *lx, const char *sign); /* "," "=" "-" "(" … */
bool cp_lexer_at_end(struct cp_lexer *lx);
bool cp_lexer_peek_word(struct cp_lexer *lx, const char *word);
/* A whole number such as the 10 of `head 10`. False (nothing consumed) when the next token is none.
 */
bool cp_lexer_accept_count(struct cp_lexer *lx, uint64_t *n);
/* The same for a duration above 0, such as 250ms. */
bool cp_lexer_accept_duration(struct cp_lexer *lx, int64_t *ns);
/* A bare name, for `as NAME`; false after a diagnostic. */
bool cp_lexer_name(struct cp_lexer *lx, struct cp_slice *name);
/* The position of the next token, and of what an expression was made from. */
struct cp_pos cp_lexer_pos(struct cp_lexer *lx);
struct cp_pos cp_expr_pos(const struct cp_expr *x);
/* -1 and "expected …" unless the text is used up. */
int cp_lexer_expect_end(struct cp_lexer *lx, const char *expected);

/* The call at the top of an expression: its function name and arguments; false when it is no call.
 * For aggregates: `count` alone and `~uniq(x)` are calls too (name "count", "~uniq"). */
bool cp_expr_call(const struct cp_expr *x, struct cp_slice *name, struct cp_expr *const **args,
                  size_t *n);

/* The name that a result gets without `as`: the one field that it reads (day(time) -> time); false
 * when there is not exactly one. */
bool cp_expr_field_name(const struct cp_expr *x, struct cp_slice *name);

/* The path when the expression is nothing but a field, else NULL. */
const struct cp_path *cp_expr_path(const struct cp_expr *x);

/* ---- Binding ---- */

/* Resolves names in the scope (named groups of =~ write fields into it), checks functions and
 * arguments, folds constants, compiles regexes. Returns -1 after diagnostics. `expr_env`: see
 * below. */
struct cp_expr_names {                                   /* var.X and env.X */
    const char *(*var)(void *ctx, struct cp_slice name); /* NULL: unset */
    const char *(*env)(void *ctx, struct cp_slice name);
    void *ctx;
    int64_t now; /* what now() gives, ns */
};
int cp_expr_bind(struct cp_expr *x, struct cp_scope *scope, const struct cp_expr_names *names,
                 struct cp_diags *diags);

/* No error can come of it, whatever the record (for prefilters and constant folding). The limits of
 * regexes count where a pattern can reach them: nested repeats, back references, many unbounded
 * repeats. */
bool cp_expr_is_infallible(const struct cp_expr *x);
/* It may take memory in the batch's arena (also for a while only: to decode escapes). */
bool cp_expr_makes_text(const struct cp_expr *x);

/* ---- Evaluating ---- */

enum cp_eval_status {
    CP_EVAL_OK = 0,
    CP_EVAL_FULL =
        1, /* the batch's arena is full: reset it to where it was and evaluate fewer records */
};

/* What one thread needs to evaluate; made once, for all expressions of a stage. */
struct cp_eval {
    struct cp_batch *batch;          /* the one being evaluated */
    const struct cp_time_zone *zone; /* of its input: &batch->zone */
    size_t max_text;                 /* bytes a computed text may have */
    /* Errors of records (semantics 24): reason[i] is NULL or a static text, for record i of the
     * batch. Valid only while n_failed > 0; cp_eval_begin clears. The first record counted keeps
     * the first reason. */
    const char **reason;
    size_t n_failed;
    struct cp_value **scratch; /* temporary columns, a stack */
    uint16_t **selections;     /* temporary selections, a stack */
    size_t scratch_top, selections_top;
    size_t n_scratch, n_selections; /* how many there are */
    struct cp_regex_scratch *regex; /* regex.h; NULL: no regex in any expression */
    struct cp_heap *heap;
    size_t records; /* of a batch, at most */
};

void cp_eval_init(struct cp_eval *ev, struct cp_heap *heap, size_t records, size_t max_text);
/* Makes room for evaluating x, so that nothing is allocated later. */
void cp_eval_prepare(struct cp_eval *ev, const struct cp_expr *x);
/* Starts on a batch: no errors yet. Also after CP_EVAL_FULL, before evaluating fewer records:
 * nothing else is left behind by what was not finished. */
void cp_eval_begin(struct cp_eval *ev, struct cp_batch *b);

/* Named groups (semantics 25): evaluating a bound expression gives the fields that its regexes
 * write their old values, for all of sel[0..n), and then sets those of records that match. Only a
 * stage that evaluates x for some of the records that go on downstream calls cp_expr_init_groups,
 * for the others. */
void cp_expr_init_groups(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                         size_t n);

/* The value of x for records sel[0..n), written to out[sel[k]]; never CP_MISSING: a missing field
 * is null. out is no column that x reads. */
enum cp_eval_status cp_expr_eval(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                 size_t n, struct cp_value *out);
/* Narrows: writes those of sel[0..n) for which x is true to keep (may be sel itself) and their
 * number to *kept. */
enum cp_eval_status cp_expr_select(const struct cp_expr *x, struct cp_eval *ev, const uint16_t *sel,
                                   size_t n, uint16_t *keep, size_t *kept);

/* Reads a ref for records sel[0..n) into out (a column). For stages that read fields without an
 * expression. Returns a pointer to the column that holds the values: the batch's own where the ref
 * is a slot (nothing is copied), else out. */
const struct cp_value *cp_ref_eval(const struct cp_ref *ref, struct cp_eval *ev,
                                   const uint16_t *sel, size_t n, struct cp_value *out);

/* An error of record i. The first reason stays. */
static inline void cp_eval_fail(struct cp_eval *ev, uint16_t i, const char *reason)
{
    if (!ev->reason[i]) {
        ev->reason[i] = reason;
        ev->n_failed++;
    }
}

/* ---- Prefilters (architecture.md, decision 5) ---- */

/* The conditions of which at least one must hold (an `or` or `in` gives several; an `and` gives
 * those of its better side). Returns how many, 0: nothing can be said, or the expression is not
 * infallible. At most max. Paths are those that the parser was asked for: a field that a stage has
 * changed gives nothing, a renamed one its old name. */
size_t cp_expr_needs(const struct cp_expr *x, struct cp_need *out, size_t max);

#endif
