/* planner.c: what stages call while they are planned. */
#include "plan_impl.h"

#include <string.h>

#include "shape.h"

int cp_plan_bind(struct cp_planner *p, struct cp_expr *x)
{
    if (cp_expr_bind(x, p->scope, p->names, p->diags) < 0)
        return -1;
    if (cp_expr_makes_text(x))
        cp_plan_makes_text(p);
    return 0;
}

struct cp_expr *cp_plan_expr(struct cp_planner *p)
{
    struct cp_expr *x = cp_expr_parse(p->lexer);
    return x && cp_plan_bind(p, x) == 0 ? x : NULL;
}

struct cp_ref cp_plan_read(struct cp_planner *p, const struct cp_path *path, struct cp_pos pos)
{
    bool exists = true;
    struct cp_ref ref = cp_scope_read(p->scope, path, &exists);

    cp_scope_note_read(p->scope, path->text);
    if (!exists && !walk_of(p)->is_second)
        cp_scope_warn(p->scope, path, pos, p->diags);
    return ref;
}

int cp_plan_word_option(struct cp_planner *p, const struct cp_word *w)
{
    const struct cp_stage_type *type = p->stage->type;
    const struct cp_option *o = type->options ? cp_option_find(type->options, w->key) : NULL;
    if (!o)
        return cp_plan_no_option(p, w, type->name, NULL);
    return cp_option_set_text(o, p->stage->self, &w->text, p->heap, p->diags);
}

static bool is_count(struct cp_slice s, uint64_t *n)
{
    return s.n > 0 && s.n <= 18 && cp_digits_parse(s.p, s.n, n);
}

int cp_plan_count(struct cp_planner *p, uint64_t *n, const char *expected)
{
    bool has_count = false;
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (w->key.n > 0) {
            if (cp_plan_word_option(p, w) < 0)
                return -1;
        } else if (has_count || !is_count(w->text.s, n)) {
            return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                                 "expected %s, not %.*s", expected, (int)w->text.s.n, w->text.s.p);
        } else {
            has_count = true;
        }
    }
    return 0;
}

void cp_plan_makes_text(struct cp_planner *p)
{
    p->stage->makes_text = true;
}

void cp_plan_needs_order(struct cp_planner *p)
{
    p->stage->needs_order = true;
}

void cp_plan_waits(struct cp_planner *p)
{
    p->stage->waits = true;
}

void cp_plan_memory(struct cp_planner *p, size_t bytes)
{
    p->stage->memory += bytes;
}

void cp_plan_programs(struct cp_planner *p, size_t n)
{
    p->stage->n_programs = n;
}

size_t cp_plan_largest_record(const struct cp_planner *p)
{
    return 3 * p->max_line + 64 * 1024;
}

int cp_plan_least_memory(struct cp_planner *p, uint64_t max_memory, size_t least, const char *hint)
{
    size_t kib = (least + 1023) / 1024;

    if (max_memory > PTRDIFF_MAX / 2)
        return cp_diag_error(p->diags, plan_setting_pos(p, "max_memory"), NULL,
                             "max_memory is more than there can be");
    if (max_memory >= least)
        return 0;
    return cp_diag_error(p->diags, plan_setting_pos(p, "max_memory"), hint,
                         "max_memory is at least %zu%s here", kib % 1024 ? kib : kib / 1024,
                         kib % 1024 ? "KiB" : "MiB");
}

/* The next part of a path; empty at its end. Neither `.` nor a second / is one. */
static struct cp_slice next_part(const char **path)
{
    struct cp_slice part;

    do {
        *path += strspn(*path, "/");
        part = (struct cp_slice){*path, strcspn(*path, "/")};
        *path += part.n;
    } while (cp_slice_is(part, "."));
    return part;
}

static bool is_same_path(const char *a, const char *b)
{
    struct cp_slice part;

    if ((a[0] == '/') != (b[0] == '/'))
        return false;
    do {
        part = next_part(&a);
        if (!cp_slice_equal(part, next_part(&b)))
            return false;
    } while (part.n > 0);
    return true;
}

static bool is_no_file(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static int two_writers(struct cp_planner *p, const struct cp_stage *s, const char *path)
{
    size_t line, col;

    cp_pos_line(s->pos, &line, &col);
    return cp_diag_error(p->diags, p->stage->pos,
                         cp_heap_printf(p->heap, "%s is at %zu:%zu: give each a file of its own",
                                        s->name, line, col),
                         "%s and %s would write into the same file, %s", s->name, p->stage->name,
                         path);
}

int cp_plan_writes(struct cp_planner *p, const char *path)
{
    const struct cp_plan *plan = walk_of(p)->plan;

    if (is_no_file(path))
        return 0;
    p->stage->writes = path;
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        bool is_same = s != p->stage && s->writes && is_same_path(s->writes, path);
        if (is_same || (s->to.file && is_same_path(s->to.file, path)))
            return two_writers(p, s, path);
    }
    return 0;
}

/* Rejects of several stages may share a file, but none that a sink writes. */
int plan_writes_rejects(struct cp_planner *p, const char *path)
{
    const struct cp_plan *plan = walk_of(p)->plan;

    for (size_t i = 0; i < plan->n && !is_no_file(path); i++) {
        const struct cp_stage *s = plan->stages[i];
        if (s->writes && is_same_path(s->writes, path))
            return two_writers(p, s, path);
    }
    return 0;
}

void cp_plan_keeps_records(struct cp_planner *p)
{
    p->stage->keeps_records = true;
}

void cp_plan_tells_origins(struct cp_planner *p)
{
    p->stage->tells_origins = true;
}

void cp_plan_fails_as_lines(struct cp_planner *p)
{
    p->stage->fails_as_lines = true;
}

bool cp_plan_limits_errors(const struct cp_planner *p)
{
    return limits_errors(p->stage);
}

const char *cp_plan_input_name(const struct cp_planner *p, size_t k)
{
    return p->stage->ins[k]->from->name;
}

struct cp_framing *cp_plan_cuts_records(struct cp_planner *p)
{
    struct cp_framing *framing = cp_heap_take(p->heap, sizeof *framing);
    struct cp_scope *s = p->scope;

    p->stage->cuts_records = true;
    cp_scope_close(s);
    s->is_parsed = s->is_changed = s->was_changed = s->is_made = s->is_json = false;
    s->failed_slot = s->line_slot = CP_NO_SLOT;
    s->time = (struct cp_slice){0};
    s->wants = cp_plan_wants(p, cp_format_find(CP_SLICE("line")), NULL);
    cp_scope_declare(s, CP_SLICE("line"));
    *framing = (struct cp_framing){.frame = CP_FRAME_LINE, .lines = s->wants};
    p->framing = framing;
    return framing;
}

void cp_plan_at_end(struct cp_planner *p, int (*fn)(struct cp_stage *, void *, struct cp_err *))
{
    p->stage->at_end = fn;
}

struct cp_wants *cp_plan_wants(struct cp_planner *p, const struct cp_format *format, void *decoder)
{
    struct walk *w = walk_of(p);
    struct wants_of *o = cp_heap_take(p->heap, sizeof *o);
    o->wants = cp_heap_take(p->heap, sizeof *o->wants);
    o->wants->format = format;
    o->wants->decoder = decoder;
    o->wants->marks_slot = CP_NO_SLOT;
    o->stage = p->stage;
    p->stage->wants = o->wants;
    o->next = w->wants;
    w->wants = o;
    return o->wants;
}

struct cp_shape *cp_plan_shape_raw(struct cp_planner *p)
{
    struct cp_shape *shape = cp_shape_of_bytes(p->heap, p->scope);
    return shape->format && shape->format->choices ? cp_plan_shape(p) : shape;
}

/* Has the parser leave the marks of all members for a writer that will write them all: the writer's
 * thread is the busiest as it is. Not where a filter stands between: it may leave few to
 * write. */
static int plan_marks(struct cp_planner *p, const struct cp_scope *s)
{
    struct walk *w = walk_of(p);
    const struct wants_of *o = w->wants;

    while (o && o->wants != s->wants)
        o = o->next;
    if (!s->is_open || !o || s->wants->outer || !s->wants->format ||
        !(s->wants->format->flags & CP_FORMAT_MARKS))
        return CP_NO_SLOT;
    for (size_t i = o->stage->index + 1; i < p->stage->index; i++)
        if (w->plan->stages[i]->type->kind == CP_FILTER)
            return CP_NO_SLOT;
    if (o->wants->marks_slot == CP_NO_SLOT)
        o->wants->marks_slot = cp_scope_new_slot(p->scope);
    o->stage->makes_marks = true;
    return o->wants->marks_slot;
}

struct cp_shape *cp_plan_shape(struct cp_planner *p)
{
    struct cp_shape *shape = cp_shape_of(p->heap, p->scope);
    if (shape->format && shape->n_variants == 0)
        shape->marks_slot = plan_marks(p, p->scope);
    return shape;
}
