/* scope.c: what names mean at one place of a pipeline. */
#include "scope.h"

/* ---- Paths and wants ---- */

struct cp_path *cp_path_literal(struct cp_heap *heap, struct cp_slice name)
{
    struct cp_path *path = cp_heap_take(heap, sizeof *path);

    path->text = (struct cp_slice){cp_heap_copy(heap, name.p, name.n), name.n};
    path->steps = cp_heap_take(heap, sizeof *path->steps);
    path->steps[0].name = path->text;
    path->n = 1;
    return path;
}

static bool step_equal(const struct cp_step *a, const struct cp_step *b)
{
    if (!a->name.p || !b->name.p)
        return a->name.p == b->name.p && a->index == b->index;
    return cp_slice_equal(a->name, b->name);
}

bool cp_path_equal(const struct cp_path *a, const struct cp_path *b)
{
    if (a->n != b->n || a->has_brackets != b->has_brackets || !cp_slice_equal(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!step_equal(&a->steps[i], &b->steps[i]))
            return false;
    return true;
}

/* Makes an array in the heap twice as large; the old one stays behind: plans are small. */
static void *grown(struct cp_heap *heap, const void *v, size_t n, size_t *cap, size_t size)
{
    void *more;

    *cap = *cap ? 2 * *cap : 8;
    more = cp_heap_take(heap, *cap * size);
    if (n > 0)
        memcpy(more, v, n * size);
    return more;
}

int cp_wants_slot(struct cp_wants *w, const struct cp_path *path, struct cp_heap *heap,
                  size_t *n_slots)
{
    for (size_t i = 0; i < w->n; i++)
        if (cp_path_equal(w->v[i].path, path))
            return w->v[i].slot;
    if (w->n == w->cap)
        w->v = grown(heap, w->v, w->n, &w->cap, sizeof *w->v);
    w->v[w->n] =
        (struct cp_want){.path = path, .slot = (int)(*n_slots)++, .outer_slot = CP_NO_SLOT};
    return w->v[w->n++].slot;
}

const struct cp_want *cp_wants_find(const struct cp_wants *w, int slot)
{
    for (size_t i = 0; w && i < w->n; i++)
        if (w->v[i].slot == slot)
            return &w->v[i];
    return NULL;
}

/* ---- The list of fields ---- */

int cp_scope_new_slot(struct cp_scope *s)
{
    return (int)(*s->n_slots)++;
}

static struct cp_field *append(struct cp_scope *s, struct cp_slice name, struct cp_slice key,
                               int slot)
{
    if (s->n == s->cap)
        s->fields = grown(s->heap, s->fields, s->n, &s->cap, sizeof *s->fields);
    s->fields[s->n] = (struct cp_field){.name = name, .key = key, .slot = slot};
    return &s->fields[s->n++];
}

static void delete_at(struct cp_scope *s, size_t i)
{
    memmove(s->fields + i, s->fields + i + 1, (s->n - i - 1) * sizeof *s->fields);
    s->n--;
}

static struct cp_slice keep_name(struct cp_scope *s, struct cp_slice name)
{
    return (struct cp_slice){cp_heap_copy(s->heap, name.p, name.n), name.n};
}

/* The entry that has this name now, or -1. */
static int find_name(const struct cp_scope *s, struct cp_slice name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].name.p && cp_slice_equal(s->fields[i].name, name))
            return (int)i;
    return -1;
}

/* The record's bytes have this key perhaps, but the field was removed or has another name now. */
static bool is_gone(const struct cp_scope *s, struct cp_slice key)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].key.p && cp_slice_equal(s->fields[i].key, key))
            return true;
    return false;
}

static int want_literal(struct cp_scope *s, struct cp_slice name)
{
    if (!s->wants)
        return CP_NO_SLOT;
    return cp_wants_slot(s->wants, cp_path_literal(s->heap, name), s->heap, s->n_slots);
}

int cp_scope_slot(struct cp_scope *s, size_t i)
{
    struct cp_field *f = &s->fields[i];

    if (f->slot == CP_NO_SLOT && f->name.p)
        f->slot = want_literal(s, f->key.p ? f->key : f->name);
    return f->slot;
}

/* The name must live as long as the heap. */
static void note(struct cp_heap *heap, struct cp_names *names, struct cp_slice name)
{
    struct cp_slice *more;

    for (size_t i = 0; i < names->n; i++)
        if (cp_slice_equal(names->v[i], name))
            return;
    more = cp_heap_take(heap, (names->n + 1) * sizeof *more);
    if (names->n > 0)
        memcpy(more, names->v, names->n * sizeof *more);
    more[names->n++] = name;
    names->v = more;
}

void cp_scope_note_read(const struct cp_scope *s, struct cp_slice name)
{
    if (s->uses)
        note(s->heap, &s->uses->read, name);
}

int cp_scope_write(struct cp_scope *s, struct cp_slice name)
{
    int slot = cp_scope_new_slot(s), at = find_name(s, name);
    struct cp_slice own;

    if (s->uses)
        note(s->heap, &s->uses->made, keep_name(s, name));
    s->is_changed = true;
    if (at >= 0) {
        s->fields[at].slot = slot;
        return slot;
    }
    own = keep_name(s, name);
    append(s, own, s->is_open && !is_gone(s, name) ? own : (struct cp_slice){0}, slot);
    return slot;
}

void cp_scope_declare(struct cp_scope *s, struct cp_slice name)
{
    if (find_name(s, name) < 0)
        append(s, keep_name(s, name), (struct cp_slice){0}, CP_NO_SLOT);
}

void cp_scope_put(struct cp_scope *s, struct cp_slice name, int slot)
{
    struct cp_slice own = keep_name(s, name);

    if (s->uses)
        note(s->heap, &s->uses->left, own);
    append(s, own, (struct cp_slice){0}, slot);
}

void cp_scope_remove(struct cp_scope *s, struct cp_slice name)
{
    int at = find_name(s, name);

    s->is_changed = true;
    if (at >= 0 && s->is_open && s->fields[at].key.p) {
        s->fields[at].name = (struct cp_slice){0};
        s->fields[at].slot = CP_NO_SLOT;
    } else if (at >= 0) {
        delete_at(s, (size_t)at);
    } else if (s->is_open && !is_gone(s, name)) {
        append(s, (struct cp_slice){0}, keep_name(s, name), CP_NO_SLOT);
    }
}

void cp_scope_rename(struct cp_scope *s, struct cp_slice from, struct cp_slice to)
{
    int at = find_name(s, from);

    if (cp_slice_equal(from, to) || (at < 0 && (!s->is_open || is_gone(s, from))))
        return;
    cp_scope_remove(s, to);
    at = find_name(s, from); /* it may have moved */
    if (at < 0) {
        append(s, keep_name(s, to), keep_name(s, from), CP_NO_SLOT);
        if (s->uses)
            note(s->heap, &s->uses->made, keep_name(s, to));
        return;
    }
    if (s->uses)
        note(s->heap, &s->uses->made, keep_name(s, to));
    cp_scope_slot(s, (size_t)at); /* while it is known under which name the parser has it */
    s->fields[at].name = keep_name(s, to);
}

/* The entry that has taken this key out of the record's bytes, or NULL. */
static struct cp_field *find_removed(struct cp_scope *s, struct cp_slice key)
{
    for (size_t i = 0; key.p && i < s->n; i++)
        if (!s->fields[i].name.p && s->fields[i].key.p && cp_slice_equal(s->fields[i].key, key))
            return &s->fields[i];
    return NULL;
}

int cp_scope_rename_over(struct cp_scope *s, struct cp_slice from, struct cp_slice to)
{
    int old = find_name(s, to), at;
    struct cp_slice key = old >= 0 ? s->fields[old].key : to;

    cp_scope_rename(s, from, to);
    struct cp_field *removed = find_removed(s, key);
    at = find_name(s, to);
    if (!s->is_open || !removed || at < 0 || !s->fields[at].key.p)
        return CP_NO_SLOT;
    removed->unless = cp_scope_new_slot(s);
    if (s->fields[at].id == 0)
        s->fields[at].id = removed->unless + 1;
    removed->stand_in = s->fields[at].id;
    return removed->unless;
}

void cp_scope_close(struct cp_scope *s)
{
    s->fields = NULL;
    s->n = s->cap = 0;
    s->is_open = false;
    s->wants = NULL;
    s->failed_slot = s->line_slot = CP_NO_SLOT;
    s->time = (struct cp_slice){0};
}

/* ---- Records that come together ---- */

struct cp_scope cp_scope_copy(const struct cp_scope *s)
{
    struct cp_scope copy = *s;

    copy.cap = s->n;
    copy.fields = cp_heap_take(s->heap, (s->n + 1) * sizeof *copy.fields);
    if (s->n > 0)
        memcpy(copy.fields, s->fields, s->n * sizeof *copy.fields);
    return copy;
}

/* Both list the same names in the same order. */
static bool lists_same(const struct cp_scope *a, const struct cp_scope *b)
{
    if (a->is_open || b->is_open || a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!cp_slice_equal(a->fields[i].name, b->fields[i].name))
            return false;
    return true;
}

static bool has_branches(const struct cp_scope *s)
{
    return s->wants && s->wants->branches;
}

size_t cp_scope_branches(const struct cp_scope *s)
{
    return has_branches(s) ? s->wants->n_branches : 1;
}

/* The branches of all inputs, one after the other. */
static void list_branches(struct cp_wants *wants, struct cp_heap *heap)
{
    size_t n = 0;

    for (size_t k = 0; k < wants->n_inputs; k++)
        n += cp_scope_branches(&wants->inputs[k]);
    wants->branches = cp_heap_take(heap, n * sizeof *wants->branches);
    wants->first = cp_heap_take(heap, wants->n_inputs);
    for (size_t k = 0; k < wants->n_inputs; k++) {
        const struct cp_scope *in = &wants->inputs[k];
        wants->first[k] = (uint8_t)wants->n_branches;
        if (!has_branches(in))
            wants->branches[wants->n_branches++] = cp_scope_copy(in);
        else
            for (size_t v = 0; v < in->wants->n_branches; v++)
                wants->branches[wants->n_branches++] = cp_scope_branch(in, v);
    }
}

void cp_scope_join(struct cp_scope *s, struct cp_wants *wants, struct cp_scope *const *from,
                   size_t n)
{
    *s = (struct cp_scope){.heap = from[0]->heap,
                           .n_slots = from[0]->n_slots,
                           .wants = wants,
                           .is_made = true,
                           .time = from[0]->time,
                           .failed_slot = CP_NO_SLOT,
                           .line_slot = CP_NO_SLOT};
    wants->inputs = cp_heap_take(s->heap, n * sizeof *wants->inputs);
    wants->n_inputs = n;
    for (size_t k = 0; k < n; k++) {
        wants->inputs[k] = cp_scope_copy(from[k]);
        s->is_open |= !lists_same(from[0], from[k]);
        s->is_json |= from[k]->is_json;
        s->is_parsed |= from[k]->is_parsed;
        s->is_made &= from[k]->is_made;
        s->was_changed |= !cp_scope_is_own(from[k]);
        if (!cp_slice_equal(s->time, from[k]->time))
            s->time = (struct cp_slice){0};
    }
    list_branches(wants, s->heap);
    for (size_t i = 0; !s->is_open && i < from[0]->n; i++)
        cp_scope_declare(s, from[0]->fields[i].name);
}

/* What was done to the field that a scope has under this name, or NULL. */
static const struct cp_field *find_edit(const struct cp_scope *edits, struct cp_slice name)
{
    for (size_t i = 0; i < edits->n; i++)
        if (edits->fields[i].key.p && cp_slice_equal(edits->fields[i].key, name))
            return &edits->fields[i];
    return NULL;
}

static void copy_places(struct cp_field *to, const struct cp_field *from)
{
    to->id = from->id;
    to->stand_in = from->stand_in;
    to->unless = from->unless;
}

/* The edits of an open scope, done to the fields that a scope lists; those that are left are about
 * others. */
static void edit_listed(struct cp_scope *to, const struct cp_scope *edits, bool *is_done)
{
    for (size_t i = 0; i < to->n; i++) {
        struct cp_field *f = &to->fields[i];
        const struct cp_field *edit = f->name.p ? find_edit(edits, f->name) : NULL;
        if (!edit)
            continue;
        is_done[edit - edits->fields] = true;
        f->name = edit->name;
        f->slot = edit->name.p ? edit->slot : CP_NO_SLOT;
        copy_places(f, edit);
    }
    for (size_t i = to->n; !to->is_open && i-- > 0;)
        if (!to->fields[i].name.p)
            delete_at(to, i);
}

struct cp_scope cp_scope_branch(const struct cp_scope *s, size_t k)
{
    struct cp_scope to = cp_scope_copy(&s->wants->branches[k]);
    bool *is_done = cp_heap_take(s->heap, s->n + 1);

    if (!s->is_changed)
        return to;
    to.is_changed = true;
    edit_listed(&to, s, is_done);
    for (size_t i = 0; i < s->n; i++) {
        const struct cp_field *f = &s->fields[i];
        if (!is_done[i] && (f->name.p || to.is_open))
            copy_places(append(&to, f->name, to.is_open ? f->key : (struct cp_slice){0}, f->slot),
                        f);
    }
    return to;
}

/* ---- Reading ---- */

enum found { FOUND, FOUND_GONE, FOUND_UNLISTED };

/* The column of a top-level name that the scope lists. */
static enum found find_column(struct cp_scope *s, struct cp_slice name, int *slot)
{
    int at = find_name(s, name);

    *slot = CP_NO_SLOT;
    if (at >= 0) {
        *slot = cp_scope_slot(s, (size_t)at);
        return FOUND;
    }
    return s->is_open && !is_gone(s, name) ? FOUND_UNLISTED : FOUND_GONE;
}

static enum cp_meta meta_of(const struct cp_path *path)
{
    static const char *const names[] = {
        [CP_META_RAW] = "_raw",       [CP_META_FILE] = "_file", [CP_META_LINE] = "_line",
        [CP_META_OFFSET] = "_offset", [CP_META_TIME] = "_time",
    };

    if (path->is_own || path->n != 1 || path->text.n == 0 || path->text.p[0] != '_')
        return CP_META_NONE;
    for (int m = CP_META_RAW; m <= CP_META_TIME; m++)
        if (cp_slice_is(path->text, names[m]))
            return (enum cp_meta)m;
    return CP_META_NONE;
}

/* The column of a top-level name, wherever it is. */
static int any_column(struct cp_scope *s, struct cp_slice name)
{
    int slot;

    if (find_column(s, name, &slot) == FOUND_UNLISTED)
        slot = want_literal(s, name);
    return slot;
}

static bool is_joined(const struct cp_scope *s)
{
    return s->wants && s->wants->inputs;
}

/* Semantics 27: the field that the format calls its time, else the first of the usual names. Of
 * records that came together: what was written since, else what it was for each of them. */
static void read_times(struct cp_scope *s, struct cp_ref *ref)
{
    static const char *const usual[CP_TIME_FIELDS] = {"time", "ts", "timestamp", "@timestamp"};
    size_t n = 0;

    if (s->time.n > 0) {
        ref->times[0] = any_column(s, s->time);
        return;
    }
    for (size_t i = 0; i < CP_TIME_FIELDS; i++) {
        int slot = CP_NO_SLOT;
        if (!is_joined(s))
            slot = any_column(s, cp_slice_of(usual[i]));
        else if (find_column(s, cp_slice_of(usual[i]), &slot) != FOUND)
            slot = CP_NO_SLOT;
        if (slot != CP_NO_SLOT)
            ref->times[n++] = slot;
    }
    if (is_joined(s) && n < CP_TIME_FIELDS)
        ref->times[n] = want_literal(s, CP_SLICE("_time"));
}

/* One of ours that the scope does not list as a field. */
static bool read_ours(struct cp_scope *s, struct cp_ref *ref)
{
    if (!ref->path->is_own && ref->path->n == 1 && cp_slice_is(ref->path->text, "_error")) {
        ref->slot =
            s->wants && s->wants->inputs ? want_literal(s, ref->path->text) : s->failed_slot;
        return true;
    }
    ref->meta = meta_of(ref->path);
    if (ref->meta == CP_META_TIME)
        read_times(s, ref);
    return ref->meta != CP_META_NONE;
}

/* a.b: the literal key, else b in a. */
static void read_nested(struct cp_scope *s, struct cp_ref *ref)
{
    const struct cp_path *path = ref->path;
    int literal, root;
    enum found at_literal = path->has_brackets ? FOUND_GONE : find_column(s, path->text, &literal);
    enum found at_root = find_column(s, path->steps[0].name, &root);

    bool takes_paths = !s->wants || !s->wants->outer;
    if (path->has_brackets)
        literal = CP_NO_SLOT;
    if ((at_literal == FOUND_UNLISTED || path->has_brackets) && at_root == FOUND_UNLISTED &&
        takes_paths) {
        ref->slot = s->wants ? cp_wants_slot(s->wants, path, s->heap, s->n_slots) : CP_NO_SLOT;
        return;
    }
    if (at_literal == FOUND_UNLISTED)
        literal = want_literal(s, path->text);
    if (at_root == FOUND_UNLISTED)
        root = want_literal(s, path->steps[0].name);
    if (root == CP_NO_SLOT) {
        ref->slot = literal;
        return;
    }
    ref->literal = literal;
    ref->root = root;
}

struct cp_ref cp_scope_read(struct cp_scope *s, const struct cp_path *path, bool *exists)
{
    struct cp_ref ref = {
        .slot = CP_NO_SLOT, .literal = CP_NO_SLOT, .root = CP_NO_SLOT, .path = path};
    enum found at;

    for (size_t i = 0; i < CP_TIME_FIELDS; i++)
        ref.times[i] = CP_NO_SLOT;
    *exists = true;
    if (path->n > 1) {
        read_nested(s, &ref);
    } else {
        at = find_column(s, path->text, &ref.slot);
        if (at == FOUND || read_ours(s, &ref))
            return ref;
        if (at == FOUND_UNLISTED)
            ref.slot = want_literal(s, path->text);
    }
    *exists = s->is_open || ref.slot != CP_NO_SLOT || ref.root != CP_NO_SLOT;
    return ref;
}

/* The nearest name of the fields, in the heap, or NULL. */
static const char *nearest(const struct cp_scope *s, struct cp_slice word)
{
    const char **names = cp_heap_take(s->heap, (s->n + 1) * sizeof *names);
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].name.p)
            names[n++] = cp_heap_copy(s->heap, s->fields[i].name.p, s->fields[i].name.n);
    return cp_nearest(word.p, word.n, names, n);
}

void cp_scope_warn(const struct cp_scope *s, const struct cp_path *path, struct cp_pos pos,
                   struct cp_diags *diags)
{
    const char *near = s->is_open ? NULL : nearest(s, path->text);

    cp_diag_warning(diags, pos, near ? cp_heap_printf(s->heap, "did you mean %s?", near) : NULL,
                    "no stage before makes the field %.*s", (int)path->text.n, path->text.p);
}
