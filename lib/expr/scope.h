/* scope.h: what names mean at one place of a pipeline.
 *
 * DESIGN. The planner walks the stages from the source down and hands a scope from one to the next:
 * the fields that a record has there, and the slot (column of the batch) that holds each. Every
 * write gets a new slot, so that a stage can be run again on the same batch (cp_arena) and `keep`
 * and `rename` cost nothing at run time: they only change the scope.
 *
 * A scope is closed when it lists all fields of a record (combined, csv with a known header, after
 * keep or an aggregate), and open when the record's bytes may hold more (json, logfmt): then it
 * lists only what stages have changed since. The bytes stay the truth for everything else. A slot
 * of a listed field is the truth about that field: CP_MISSING means that the record does not have
 * it (any more).
 *
 * A parser makes only columns that somebody reads: reading a name asks it (`want`) for a slot. So
 * there is no pass over the plan that works out who reads what: what is never asked for is never
 * made.
 */
#ifndef CP_EXPR_SCOPE_H
#define CP_EXPR_SCOPE_H

#include "../base/arena.h"
#include "../base/err.h"
#include "../base/slice.h"
#include "../data/path.h"
#include "../data/value.h"
#include "../format/wants.h"

/* What the reader of a name gets. One of:
 *   slot >= 0               the column has the value
 *   slot < 0, root >= 0     the value is inside the JSON object or list in column root (the steps
 * after the first), unless column literal (>= 0) has a value: a literal key `a.b` goes before b in
 * a all < 0                 there is no such field: null meta                    _raw _file _line
 * _offset _time; _time is the first of columns times[] (CP_NO_SLOT: none) that has a value, as a
 * time */
enum { CP_TIME_FIELDS = 4, CP_PATH_STEPS = 64, CP_MAX_BRANCHES = 255 };
enum cp_meta {
    CP_META_NONE,
    CP_META_RAW,
    CP_META_FILE,
    CP_META_LINE,
    CP_META_OFFSET,
    CP_META_TIME
};
struct cp_ref {
    int slot, literal, root;
    enum cp_meta meta;
    int times[CP_TIME_FIELDS];
    const struct cp_path *path;
};

struct cp_field {
    struct cp_slice name; /* as a writer spells it; n == 0 and p == NULL: removed */
    struct cp_slice key;  /* open scopes: the key of the record's bytes whose place it takes; p ==
                             NULL: a new one, at the end */
    int slot; /* CP_NO_SLOT: not asked for yet (closed scopes of a parser: want makes it) */
    int id;   /* > 0: others name it */
    int stand_in, unless; /* removed: where column `unless` has nothing the field with the id
                             stand_in has this key's place; 0: none has */
};

/* The names that a stage uses, each once: for people who want to know. */
struct cp_names {
    struct cp_slice *v;
    size_t n;
};
struct cp_uses {
    struct cp_names read, made, left; /* left: all that the records have behind it */
};

struct cp_scope {
    struct cp_heap *heap;   /* of the plan */
    size_t *n_slots;        /* counts the columns of the plan */
    struct cp_wants *wants; /* the parser; NULL when no bytes can be asked any more */
    struct cp_field *fields;
    size_t n, cap;
    bool is_open;     /* names that are not listed are looked up in the record's bytes */
    bool is_changed;  /* the record's bytes are not the record any more */
    bool was_changed; /* nor were they for some of those that came together above */
    bool is_json;     /* a record of parse json (semantics 48) */
    bool is_parsed;   /* some parse stage ran: decides the default output format */
    bool is_made;     /* rows of an aggregate: there are no bytes */
    int failed_slot;  /* parse with on_error keep: `_error` of records whose bytes are no record; or
                         CP_NO_SLOT */
    int line_slot;    /* then: their `line`. Where failed_slot is set, `_error` reads it */
    struct cp_uses *uses; /* what is read, written and put is noted there; or NULL */
    struct cp_slice
        time; /* the field that _time reads; n == 0: the first of time, ts, timestamp, @timestamp */
};

/* A new column. */
int cp_scope_new_slot(struct cp_scope *s);

/* How to read a path here. Never fails: a name that does not exist reads as null (the caller may
 * warn: *exists = false only where the scope is closed and has no such field). */
struct cp_ref cp_scope_read(struct cp_scope *s, const struct cp_path *path, bool *exists);
/* Notes in s->uses that somebody reads it. */
void cp_scope_note_read(const struct cp_scope *s, struct cp_slice name);
/* The warning for a field that does not exist, with the nearest one that does. */
void cp_scope_warn(const struct cp_scope *s, const struct cp_path *path, struct cp_pos pos,
                   struct cp_diags *diags);

/* Gives the top-level field `name` a new value: adds or replaces its entry, with a new slot, which
 * is returned. Its old value can still be read through refs got before. */
int cp_scope_write(struct cp_scope *s, struct cp_slice name);

/* Adds a field that the parser makes when asked (closed scopes): listed with CP_NO_SLOT. */
void cp_scope_declare(struct cp_scope *s, struct cp_slice name);

/* Appends a field whose values are in a column already (keep, aggregates; after cp_scope_close). */
void cp_scope_put(struct cp_scope *s, struct cp_slice name, int slot);

/* Removes, renames a top-level field. rename: the old value's slot stays; an existing `to` goes. */
void cp_scope_remove(struct cp_scope *s, struct cp_slice name);
void cp_scope_rename(struct cp_scope *s, struct cp_slice from, struct cp_slice to);
/* The same where records may have `to` and no `from`: in those it keeps its place. Returns the
 * column that is to have CP_MISSING for them; CP_NO_SLOT: places do not differ. */
int cp_scope_rename_over(struct cp_scope *s, struct cp_slice from, struct cp_slice to);

/* Makes s the scope of records that came from several: a name is asked for in the record's own.
 * wants: of the stage where they come together; the scopes are copied into it. Names are known when
 * all list the same. They have at most CP_MAX_BRANCHES in all. */
void cp_scope_join(struct cp_scope *s, struct cp_wants *wants, struct cp_scope *const *from,
                   size_t n);
/* All records are still their bytes. */
static inline bool cp_scope_is_own(const struct cp_scope *s)
{
    return !s->is_changed && !s->is_made && !s->was_changed;
}
/* How many branches the records of s came by. */
size_t cp_scope_branches(const struct cp_scope *s);
/* A copy that can be changed by itself. */
struct cp_scope cp_scope_copy(const struct cp_scope *s);
/* The scope of the records that came by branch k of s, with what has been changed since. */
struct cp_scope cp_scope_branch(const struct cp_scope *s, size_t k);

/* From here on the record has no fields and no bytes (keep, aggregates): the caller writes those it
 * has. */
void cp_scope_close(struct cp_scope *s);

/* The slot of field i; asks the parser for it when nobody has yet. */
int cp_scope_slot(struct cp_scope *s, size_t i);

/* Asks a parser for the column of a path, literal key first; the same path gets the same column. */
int cp_wants_slot(struct cp_wants *w, const struct cp_path *path, struct cp_heap *heap,
                  size_t *n_slots);
/* The want that fills a column, or NULL: the column comes from elsewhere. */
const struct cp_want *cp_wants_find(const struct cp_wants *w, int slot);

bool cp_path_equal(const struct cp_path *a, const struct cp_path *b);

/* A path from its text: the parser of names that expressions use is cp_expr's; this makes a
 * one-step literal path. */
struct cp_path *cp_path_literal(struct cp_heap *heap, struct cp_slice name);

#endif
