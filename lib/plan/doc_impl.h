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
/* A new last item, zeroed; the pointer holds until the next one. */
struct cp_item *cp_doc_add_item(struct cp_doc_reader *r);

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
/* An array of the heap that grows by one: v of n elements of that size. */
void *cp_heap_grow(struct cp_heap *h, void *v, size_t n, size_t size);

/* "did you mean X?" in the heap, or fallback. */
const char *cp_doc_did_you_mean(struct cp_doc_reader *r, struct cp_slice word, bool kinds,
                                bool common, const char *fallback);

/* Names of stages, options and variables: a letter or _, then letters, digits, _ and -. The length
 * of the one that p begins with, or 0. */
size_t cp_name_length(const char *p, size_t n);
/* A scalar that means something else when it is not quoted: true, false, null, ~, a number,
 * nothing. */
bool cp_is_typed_when_bare(struct cp_slice s);
bool cp_is_blank(char c);                                        /* also a line break */
bool cp_is_future_kind(struct cp_slice kind, const char **hint); /* *hint: what to do; or NULL */

/* For messages: at most a line's worth of a text. */
#define CP_SHOW(slice) ((slice).n > 60 ? 60 : (int)(slice).n), (slice).p

/* ---- doc_text.c ---- */

/* The same with `|` between stages: adds the items. may_comment: `#` starts a comment. */
int cp_read_pipeline(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment);
/* One stage with its kind. -1 after diagnostics. */
int cp_read_stage(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item);
/* What stands behind the kind, which the item has. */
int cp_read_args(struct cp_doc_reader *r, const struct cp_text *t, struct cp_item *item);
/* The kind of an item: checks that it exists and sets the form of its arguments. */
int cp_read_kind(struct cp_doc_reader *r, const struct cp_text *kind, struct cp_item *item);
/* Whether brackets, quotes and regexes of an expression are closed; says nothing. */
bool cp_expr_is_closed(struct cp_slice s);
/* Appends args with each run of blanks outside quotes and regexes as one. Returns the length; out
 * has room for all. */
size_t cp_args_canonical(char *out, struct cp_slice args, enum cp_args_form form);
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
/* Moves the text into the heap, with a NUL. */
char *cp_writer_finish(struct cp_writer *w, struct cp_heap *heap);

#endif
