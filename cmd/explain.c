/* explain.c: what a pipeline will do, without doing it. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

struct explain_options {
    struct cmd_input input;
    const char *format, *workers;
    bool no_prefilter;
};

static const struct cmd_option options[] = {
    {'o', NULL, CMD_TEXT, offsetof(struct explain_options, format), "FORMAT", "as with run"},
    CMD_INPUT_OPTIONS(struct explain_options, input),
    {0, "no-prefilter", CMD_FLAG, offsetof(struct explain_options, no_prefilter), NULL,
     "as with run"},
    {'w', "workers", CMD_TEXT, offsetof(struct explain_options, workers), "N|auto", "as with run"},
    {0},
};

static void put_head(const char *head)
{
    static bool is_later;
    printf("%s%s\n", is_later ? "\n" : "", head);
    is_later = true;
}

static void put_entry(const char *term, const char *text)
{
    cmd_put_entry(stdout, term, text, 2, 30);
}

static void put_row(struct cmd_table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->columns; i++)
        cmd_table_cell(t, "%s", cells[i]);
}

/* ---- Fields ---- */

/* Names behind each other, with commas; all of them are in the heap. */
static void append(struct cp_heap *heap, const char **text, struct cp_slice name)
{
    *text = cp_heap_printf(heap, "%s%s%.*s", *text, (*text)[0] ? ", " : "", (int)name.n, name.p);
}

/* The fields that a source or a parse stage makes columns of. */
static const char *fields_read(const struct cp_stage *s, struct cp_heap *heap)
{
    const char *text = "";

    for (size_t i = 0; s->wants && i < s->wants->n; i++)
        append(heap, &text, s->wants->v[i].path->text);
    return text;
}

/* A record's own bytes are what the sink writes. */
static bool is_untouched(const struct cp_stage *s)
{
    const struct cp_shape *shape = s->shape;

    return !shape->is_changed && !shape->is_made &&
           (shape->format == s->format || strcmp(s->format->name, "raw") == 0);
}

/* A field that is written, with the one whose place it takes. */
static struct cp_slice field_written(const struct cp_shape_field *f, struct cp_heap *heap)
{
    if (!f->key.p || cp_slice_equal(f->key, f->name))
        return f->name;
    return cp_slice_of(cp_heap_printf(heap, "%.*s (from %.*s)", (int)f->name.n, f->name.p,
                                      (int)f->key.n, f->key.p));
}

static bool is_written(const struct cp_shape *shape, struct cp_slice name)
{
    for (size_t i = 0; i < shape->n; i++)
        if (shape->fields[i].name.p && cp_slice_equal(shape->fields[i].name, name))
            return true;
    return false;
}

/* What is written: the records' own bytes, or these fields. */
static const char *fields_written(const struct cp_stage *s, struct cp_heap *heap)
{
    const struct cp_shape *shape = s->shape;
    const char *text = "", *removed = "";

    if (shape->n_branches > 0)
        return "what each branch made of the record";
    if (is_untouched(s))
        return "records as they came";
    for (size_t i = 0; i < shape->n; i++) {
        const struct cp_shape_field *f = &shape->fields[i];
        if (f->name.p)
            append(heap, &text, field_written(f, heap));
        else if (!is_written(shape, f->key))
            append(heap, &removed, f->key);
    }
    if (!shape->is_open)
        return text;
    return cp_heap_printf(heap, "%s%s of each record%s%s", text,
                          text[0] ? ", and all other fields" : "all fields",
                          removed[0] ? " but " : "", removed);
}

/* ---- Sections ---- */

static size_t count_programs(const struct cp_plan *plan)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++)
        n += plan->stages[i]->n_programs;
    return n;
}

static void put_thread(struct cmd_table *t, const struct cp_stage *s, bool has_programs)
{
    cmd_table_cell(t, "%s", s->name);
    cmd_table_cell(t, "%s", cmd_kind_name(s->type->kind));
    if (s->type->next && !cp_stage_has_threads(s))
        cmd_table_cell(t, "-"); /* others call it */
    else
        cmd_table_cell(t, "%zu", s->n_workers);
    if (has_programs)
        cmd_table_cell(t, "%.0zu", s->n_programs); /* nothing for none */
    if (cp_stage_has_threads(s))
        cmd_table_cell(t, "%s", s->type->summary);
    else
        cmd_table_cell(t, "%s; in the threads of %s", s->type->summary, cp_stage_host(s)->name);
}

/* The programs of exec are not threads of ours, but work beside them. */
static void explain_threads(const struct cp_plan *plan)
{
    size_t n = 0, programs = count_programs(plan);
    struct cmd_table t = {.columns = programs > 0 ? 5 : 4,
                          .right = {[2] = true, [3] = programs > 0}};

    put_head("Threads");
    put_row(&t, programs > 0
                    ? (const char *[]){"stage", "kind", "workers", "programs", "what it does"}
                    : (const char *[]){"stage", "kind", "workers", "what it does"});
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        put_thread(&t, s, programs > 0);
        n += cp_stage_has_threads(s) ? s->n_workers : 0;
    }
    cmd_table_print(stdout, &t, 2);
    printf("  %zu threads in all", n);
    if (programs > 0)
        printf(", and %zu program%s", programs, programs == 1 ? "" : "s");
    printf("\n");
}

static const char *names_text(const struct cp_names *names, struct cp_heap *heap)
{
    const char *text = "";

    for (size_t i = 0; i < names->n; i++)
        append(heap, &text, names->v[i]);
    return text;
}

static void put_names(struct cp_heap *heap, const struct cp_stage *s, const char *verb,
                      const char *names)
{
    if (names[0])
        put_entry(cp_heap_printf(heap, "%s %s", s->name, verb), names);
}

/* Of what its branches made it needs only what is read below; the rest goes by as it is. */
static void explain_join(const struct cp_stage *s, struct cp_heap *heap)
{
    const char *read = fields_read(s, heap);

    put_names(heap, s, "brings",
              cp_heap_printf(heap, "%s%swhat each branch made of the record", read,
                             read[0] ? ", and else " : ""));
}

/* Parsers read from the bytes what anybody reads below, other stages what their arguments name. */
static void explain_uses(const struct cp_stage *s, struct cp_heap *heap)
{
    bool is_parse = s->type->kind == CP_PARSE, is_origin = s->type->kind == CP_SOURCE || is_parse;
    const char *read = is_origin ? fields_read(s, heap) : names_text(&s->uses.read, heap);

    if (is_parse)
        put_names(heap, s, "takes apart", names_text(&s->uses.read, heap));
    put_names(heap, s, "reads",
              is_parse && !read[0] ? "none; each record is checked all the same" : read);
    put_names(heap, s, "makes", names_text(&s->uses.made, heap));
    put_names(heap, s, s->type->kind == CP_AGGREGATE ? "makes" : "leaves",
              names_text(&s->uses.left, heap));
    if (s->type->kind == CP_SINK && s->format)
        put_names(heap, s, cp_heap_printf(heap, "writes %s", s->format->name),
                  fields_written(s, heap));
}

static void explain_fields(const struct cp_plan *plan)
{
    struct cp_heap heap = {0};

    put_head("Fields");
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        if (s->type->flags & CP_STAGE_JOINS)
            explain_join(s, &heap);
        else
            explain_uses(s, &heap);
    }
    cp_heap_release(&heap);
}

/* ---- Order ---- */

/* The stages whose records are made when the input has ended: they leave behind all others. */
static const char *late_inputs(const struct cp_stage *s, struct cp_heap *heap)
{
    const char *text = "";

    for (size_t k = 0; k < s->n_ins; k++)
        if (s->ins[k]->is_late)
            append(heap, &text, cp_slice_of(s->ins[k]->from->name));
    return text;
}

static void explain_join_order(const struct cp_stage *s, struct cp_heap *heap)
{
    const char *late = late_inputs(s, heap);

    if (s->keeps_records)
        put_entry(s->name, "the order of their times");
    else if (!s->parted_at)
        put_entry(s->name, "each input keeps its own order");
    else if (late[0])
        put_entry(s->name,
                  cp_heap_printf(heap,
                                 "the order that records had in %s, for each record branch by "
                                 "branch; then what comes at the end of the input from %s",
                                 s->parted_at->name, late));
    else
        put_entry(s->name, cp_heap_printf(heap,
                                          "the order that records had in %s, for each record "
                                          "branch by branch",
                                          s->parted_at->name));
}

/* What becomes of the order in a stage with several workers. */
enum sharing { BY_TURNS, AS_READY, MERGED };

static enum sharing sharing_of(const struct cp_stage *s)
{
    return s->type->merge ? MERGED : s->is_loose ? AS_READY : BY_TURNS;
}

/* One entry for all stages that share their work so. */
static bool explain_workers(const struct cp_plan *plan, enum sharing sharing, struct cp_heap *heap)
{
    static const char *const words[] = {
        [BY_TURNS] = "in turns; what they send leaves in the order it came in",
        [AS_READY] = "each takes what comes next, and what they send leaves as it is ready",
        [MERGED] = "added up when the input has ended",
    };
    const char *names = "";

    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        if (s->n_workers > 1 && sharing_of(s) == sharing)
            append(heap, &names, cp_slice_of(s->name));
    }
    if (names[0])
        put_entry("workers", cp_heap_printf(heap, "%s: %s", names, words[sharing]));
    return names[0] != '\0';
}

static void explain_order(const struct cp_plan *plan)
{
    struct cp_heap heap = {0};

    put_head("Order");
    bool is_any = explain_workers(plan, BY_TURNS, &heap);
    is_any |= explain_workers(plan, AS_READY, &heap);
    is_any |= explain_workers(plan, MERGED, &heap);
    for (size_t i = 0; i < plan->n; i++) {
        if (!(plan->stages[i]->type->flags & CP_STAGE_JOINS))
            continue;
        explain_join_order(plan->stages[i], &heap);
        is_any = true;
    }
    if (!is_any)
        puts("  that of the input");
    cp_heap_release(&heap);
}

/* ---- Prefilters ---- */

static const char *condition(const struct cp_need *need, struct cp_heap *heap)
{
    struct cp_slice field = need->path->text, text = need->literal;

    if (need->kind == CP_NEED_NUMBER)
        return cp_heap_printf(heap, "%.*s %s %" PRId64, (int)field.n, field.p, need->op,
                              need->bound);
    return cp_heap_printf(heap, "%.*s holds \"%.*s\"", (int)field.n, field.p, (int)text.n, text.p);
}

/* Where one of these cannot hold, the record is not parsed. */
static void explain_prefilters(const struct cp_plan *plan)
{
    struct cp_heap heap = {0};
    bool is_any = false;

    put_head("Prefilters");
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        const char *text = "";
        for (size_t k = 0; s->prefilter && k < s->prefilter->n; k++)
            text = cp_heap_printf(&heap, "%s%s%s", text, k ? ", or " : "",
                                  condition(&s->prefilter->needs[k], &heap));
        if (text[0])
            put_entry(cp_heap_printf(&heap, "%s parses only where", s->name), text);
        is_any |= text[0] != '\0';
    }
    if (!is_any)
        puts("  none: every record is parsed");
    cp_heap_release(&heap);
}

static void put_capacity(struct cmd_table *t, const struct cp_edge *e)
{
    size_t n = cp_edge_channels(e);
    const char *plural = e->capacity == 1 ? "" : "es";

    if (e->is_chained)
        cmd_table_cell(t, "-");
    else if (e->capacity == CP_UNBOUNDED)
        cmd_table_cell(t, "unbounded");
    else if (n > 1)
        cmd_table_cell(t, "%zu x %zu batch%s", n, e->capacity, plural);
    else
        cmd_table_cell(t, "%zu batch%s", e->capacity, plural);
}

static void put_when_full(struct cmd_table *t, const struct cp_edge *e)
{
    static const char *const words[] = {[CP_FULL_WAIT] = "wait",
                                        [CP_FULL_DROP_NEW] = "drop_new",
                                        [CP_FULL_DROP_OLD] = "drop_old",
                                        [CP_FULL_SAMPLE] = "sample",
                                        [CP_FULL_FAIL] = "fail"};

    if (e->is_chained)
        cmd_table_cell(t, "none: the same thread");
    else if (e->when_full == CP_FULL_SAMPLE)
        cmd_table_cell(t, "sample %" PRIu64, e->sample);
    else
        cmd_table_cell(t, "%s", words[e->when_full]);
}

static void explain_channels(const struct cp_plan *plan)
{
    struct cmd_table t = {.columns = 4, .right = {[2] = true}};

    put_head("Channels");
    put_row(&t, (const char *[]){"from", "to", "capacity", "when full"});
    for (size_t i = 0; i < plan->n_edges; i++) {
        const struct cp_edge *e = plan->edges[i];
        cmd_table_cell(&t, "%s%s", e->from->name, e->port == e->from->to.output ? ", failed" : "");
        cmd_table_cell(&t, "%s", e->to->name);
        put_capacity(&t, e);
        put_when_full(&t, e);
    }
    cmd_table_print(stdout, &t, 2);
}

static void explain_stalls(const struct cp_plan *plan)
{
    put_head("Branches");
    if (!cmd_put_stalls(stdout, plan))
        puts("  none: a slow stage holds up all that is above it");
}

static const char *fate(const struct cp_stage *s, struct cp_heap *heap)
{
    bool is_expr = s->type->kind != CP_PARSE && s->type->kind != CP_SINK;

    switch (s->on_error) {
    case CP_ON_ERROR_KEEP:
        return "go on with the reason in _error";
    case CP_ON_ERROR_STOP:
        return "end the pipeline";
    case CP_ON_ERROR_TO:
        return s->to.file ? cp_heap_printf(heap, "are written to %s", s->to.file)
                          : cp_heap_printf(heap, "go to %s", s->to.stage);
    case CP_ON_ERROR_DEFAULT:
        if (is_expr)
            return "go on, with null for what failed";
        /* fall through */
    default:
        return "are left out";
    }
}

static const char *limit(const struct cp_stage *s, struct cp_heap *heap)
{
    const struct cp_max_errors *most = &s->max_errors;

    if (s->on_error == CP_ON_ERROR_STOP)
        return "";
    if (most->n != UINT64_MAX)
        return cp_heap_printf(heap, "; more than %" PRIu64 " end the pipeline", most->n);
    if (most->million != UINT64_MAX)
        return cp_heap_printf(heap, "; more than %.7g%% end the pipeline",
                              (double)most->million / 1e4);
    return "";
}

/* Only where the pipeline says something about them. */
static void explain_errors(const struct cp_plan *plan)
{
    struct cp_heap heap = {0};
    bool is_any = false;

    put_head("Failed records");
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        const char *most = limit(s, &heap);
        if (s->on_error == CP_ON_ERROR_DEFAULT && !most[0])
            continue;
        put_entry(s->name, cp_heap_printf(&heap, "%s%s", fate(s, &heap), most));
        is_any = true;
    }
    if (!is_any)
        puts("  what does not parse is left out, an expression that fails gives null");
    cp_heap_release(&heap);
}

static void explain_batches(const struct cp_plan *plan)
{
    char size[32];

    put_head("Batches");
    printf("  at most %zu records of one block of %s, %zu column%s\n", plan->batch_records,
           cmd_size_text(size, plan->block_size), plan->n_slots, plan->n_slots == 1 ? "" : "s");
}

static void put_size_row(struct cmd_table *t, const char *what, const char *stage, size_t bytes)
{
    char size[32];
    cmd_table_cell(t, "%s%s", what, stage);
    cmd_table_cell(t, "%s", bytes == CP_UNBOUNDED ? "unbounded" : cmd_size_text(size, bytes));
}

static size_t pool_bytes(const struct cp_pool_size *size)
{
    if (size->batches == 0)
        return 0;
    return size->grows ? CP_UNBOUNDED : cp_pool_bytes(size);
}

static void explain_memory(const struct cp_plan *plan)
{
    struct cmd_table t = {.columns = 2, .right = {[1] = true}};
    size_t bound = cp_run_bound(plan), rest = bound;

    put_head("Memory, at most");
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        size_t pool = pool_bytes(&s->pool_size);
        if (pool > 0)
            put_size_row(&t, "batches and blocks from ", s->name, pool);
        if (s->memory > 0)
            put_size_row(&t, "tables and buffers of ", s->name, s->memory * s->n_workers);
        rest -= bound == CP_UNBOUNDED ? 0 : pool + s->memory * s->n_workers;
    }
    for (size_t i = 0; i < plan->n_edges; i++) {
        const struct cp_edge *e = plan->edges[i];
        if (e->view_size.batches == 0)
            continue;
        put_size_row(&t, "views from ", e->from->name, pool_bytes(&e->view_size));
        rest -= bound == CP_UNBOUNDED ? 0 : pool_bytes(&e->view_size);
    }
    if (bound != CP_UNBOUNDED)
        put_size_row(&t, "threads, the plan and the program", "", rest);
    put_size_row(&t, "together", "", bound);
    cmd_table_print(stdout, &t, 2);
}

static void explain(const struct cp_plan *plan)
{
    explain_threads(plan);
    explain_fields(plan);
    explain_prefilters(plan);
    explain_channels(plan);
    explain_order(plan);
    explain_stalls(plan);
    explain_errors(plan);
    explain_batches(plan);
    explain_memory(plan);
}

/* ---- The command ---- */

static int plan_and_explain(struct cmd_pipeline *p, const struct explain_options *o,
                            const struct cmd_texts *files)
{
    struct cp_plan plan = {0};
    struct cp_plan_options po = {
        .format = o->format,
        .operands = files->v,
        .n_operands = files->n,
        .is_terminal = isatty(STDOUT_FILENO),
        .no_prefilter = o->no_prefilter,
    };
    int rc = cmd_workers(o->workers, &po.workers);

    if (rc == 0)
        rc = cmd_plan(p, &o->input, &po, false, &plan);
    if (rc == 0)
        explain(&plan);
    cp_plan_release(&plan);
    return rc;
}

static int explain_main(int argc, char **argv)
{
    struct explain_options o = {0};
    struct cmd_texts args;
    struct cmd_pipeline p;
    enum cmd_form form = CMD_GUESS;
    const char *arg;
    int status;

    if (!cmd_parse(&cmd_explain, argc, argv, &o, &args, &status))
        return status;
    if ((status = cmd_pick(&cmd_explain, &o.input, &args, &arg, &form)) != 0)
        return status;
    if ((status = cmd_load(&p, arg, form)) == 0)
        status = plan_and_explain(&p, &o, &args);
    cmd_unload(&p);
    return status;
}

const struct cmd cmd_explain = {
    .name = "explain",
    .usage = "[OPTION ...] PIPELINE [FILE ...]",
    .summary = "Shows what a pipeline would do: threads, channels, fields, memory",
    .doc = "Nothing is read and nothing is run.",
    .options = options,
    .main = explain_main,
};
