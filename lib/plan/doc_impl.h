/* doc_impl.h: what the readers and writers of docs share. Nobody else includes it. */
#ifndef CP_PLAN_DOC_IMPL_H
#define CP_PLAN_DOC_IMPL_H

#include "doc.h"

/* A reader at work. */
struct cp_doc_reader {
    struct cp_doc *doc;
    struct cp_heap *heap;
    const struct cp_kinds *kinds;
    struct cp_diags *diags;
    const struct cp_source *source; /* in the heap: what positions point at */
    /* What YAML may have done to the text that is being read: reported in place of "( is not
     * closed" and the like, because that is the true cause. NULL: nothing. */
    const char *trap, *trap_hint;
    struct cp_pos trap_pos;
    bool trap_sprung; /* it has been reported */
    size_t depth;    /* of the branches around what is read, in lists and maps of a file; 0: none */
    size_t n_stages; /* begun so far */
    bool is_full;    /* there were more than there may be: nothing more is read */
};

/* Stages that are being read. */
struct cp_items {
    struct cp_item *v;
    size_t n;
};

/* ---- doc.c ---- */

/* Starts a doc: nothing in it. */
void cp_doc_begin(struct cp_doc_reader *r, struct cp_doc *doc, struct cp_heap *heap,
                  struct cp_source source, const struct cp_kinds *kinds, struct cp_diags *diags);
struct cp_pos cp_doc_pos(const struct cp_doc_reader *r, size_t off, size_t len);
/* Refuses what no pipeline may hold: too many bytes, NUL and other control bytes, bad UTF-8. *start
 * is behind a byte order mark. -1 after a diagnostic. */
int cp_doc_check_bytes(struct cp_doc_reader *r, size_t *start);
/* The same for the bytes of one text. */
int cp_check_printable(struct cp_doc_reader *r, const struct cp_text *t);
/* The offset of the first byte that is neither printable UTF-8 nor tab, CR or LF; n: none. The set
 * is the one of YAML. */
size_t cp_find_unprintable(const char *p, size_t n);
/* A stage begins at pos. -1 after a diagnostic (the first time): there are too many. */
int cp_doc_count_stage(struct cp_doc_reader *r, struct cp_pos pos);
void cp_items_add(struct cp_doc_reader *r, struct cp_items *items, const struct cp_item *item);

/* The runs of a text that is being made. */
struct cp_runs {
    struct cp_text_run *v;
    size_t n;
    size_t out; /* bytes of the text so far */
};
/* The next n bytes came from `len` bytes at `at`. After some thousand runs the rest becomes one. */
void cp_runs_add(struct cp_runs *runs, size_t n, size_t at, size_t len, struct cp_heap *heap);

/* The next bytes are those of t. */
void cp_runs_add_text(struct cp_runs *runs, const struct cp_text *t, struct cp_heap *heap);

/* Adds a setting (the key `name` becomes the item's name); no key twice, no null. -1 after a
 * diagnostic. */
int cp_item_add_setting(struct cp_doc_reader *r, struct cp_item *item, const struct cp_text *key,
                        struct cp_node *value);

/* "did you mean X?" in the heap, or fallback. */
const char *cp_doc_did_you_mean(struct cp_doc_reader *r, struct cp_slice word, bool kinds,
                                bool common, const char *fallback);

/* Names of stages, options and variables: a letter or _, then letters, digits, _ and -. The length
 * of the one that p begins with, or 0. */
size_t cp_name_length(const char *p, size_t n);
/* A scalar that means something else when it is not quoted: true, false, null, ~, a number,
 * nothing. */
bool cp_is_typed_when_bare(struct cp_slice s);
bool cp_is_blank(char c); /* also a line break */

/* For messages: at most a line's worth of a text. */
#define CP_SHOW(slice) ((slice).n > 60 ? 60 : (int)(slice).n), (slice).p

/* ---- doc_branch.c ---- */

/* Of a kind that the readers know. */
enum cp_branches_form cp_branches_form_of(const struct cp_doc_reader *r, struct cp_slice kind);
/* Around the reading of branches that begin at pos. -1 after a diagnostic: they are too deep. */
int cp_branches_enter(struct cp_doc_reader *r, enum cp_branches_form form, struct cp_pos pos);
void cp_branches_leave(struct cp_doc_reader *r, enum cp_branches_form form);
/* Whether so many lists and maps in a setting are too many, with the branches around them. */
bool cp_is_too_deep(const struct cp_doc_reader *r, size_t levels);
/* A branch without stages is left out: what is wrong with it has been said. */
void cp_item_add_branch(struct cp_doc_reader *r, struct cp_item *item, const struct cp_branch *b);
/* NAME of a case: no name twice. -1 after a diagnostic. */
int cp_case_set_name(struct cp_doc_reader *r, const struct cp_item *item, struct cp_branch *b,
                     const struct cp_text *name);
/* When all cases are there: else stands last, and once. */
void cp_cases_check(struct cp_doc_reader *r, const struct cp_item *item);
/* No two stages have one name; of all stages of the doc. */
void cp_doc_check_names(struct cp_doc_reader *r);

/* ---- doc_text.c ---- */

/* Stages with `|` between them. may_comment: `#` starts a comment. -1 after diagnostics; the items
 * are those that were understood. */
int cp_read_pipeline(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment,
                     struct cp_items *items);
/* One stage with its kind. -1 after diagnostics. */
int cp_read_stage(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item);
/* The condition of a case. -1 after diagnostics. */
int cp_read_condition(struct cp_doc_reader *r, const struct cp_text *t, struct cp_text *when);
/* What stands behind the kind, which the item has. */
int cp_read_args(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item);
/* The kind of an item: checks that it exists and sets the form of its arguments. */
int cp_read_kind(struct cp_doc_reader *r, const struct cp_text *kind, struct cp_item *item);

/* ---- doc_cursor.c ---- */

/* Whether brackets, quotes and regexes of an expression are closed; says nothing. */
bool cp_expr_is_closed(struct cp_slice s);
/* Appends args with each run of blanks outside quotes and regexes as one. Returns the length; out
 * has room for all. */
size_t cp_args_canonical(char *out, struct cp_slice args, enum cp_args_form form);

/* ---- words.c ---- */

/* Where a text in quotes or slashes ends that begins at p[0]: the offset behind the closing one, or
 * 0. */
size_t cp_quote_end(const char *p, size_t n);

/* ---- A text that grows (writers) ---- */

struct cp_writer {
    char *p;
    size_t n, cap;
};

void cp_put(struct cp_writer *w, const char *p, size_t n);
void cp_puts(struct cp_writer *w, const char *s);
/* "…" with \" and \\ as words have it. */
void cp_put_word_quoted(struct cp_writer *w, struct cp_slice s);
/* The canonical args of an item. */
void cp_put_args(struct cp_writer *w, const struct cp_item *item);
/* The canonical condition of a case. */
void cp_put_condition(struct cp_writer *w, const struct cp_branch *b);
/* Moves the text into the heap, with a NUL. */
char *cp_writer_finish(struct cp_writer *w, struct cp_heap *heap);

#endif
