/* graph.c: draws a pipeline: which stages there are, and what flows where.
 *
 * DESIGN. The drawing in text is a list of rows, each a chain of stages with one output and one
 * input. Where records part, every branch is a row below the one that ends there; where they come
 * together, the branches end with the name of that stage, and a row beside them goes on with it.
 * The rows are made first, and drawn when it is known which has others beside it. Lines that cross,
 * as programs that lay out graphs draw them, are for dot and mermaid.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/diag_print.h"
#include "../lib/base/scan.h"
#include "cmd.h"

enum format { AUTO = -1, TEXT, ASCII, DOT, MERMAID };
enum { LABEL = 40 }; /* characters of arguments and conditions; more are cut */

struct graph_options {
    struct cmd_input input;
    const char *workers;
    int format;
};

static const struct cmd_option options[] = {
    {0, "format", CMD_CHOICE, offsetof(struct graph_options, format), "text|ascii|dot|mermaid",
     "a drawing, the same without box-drawing characters, or the input of Graphviz or Mermaid; "
     "default: text where the locale is UTF-8, else ascii"},
    CMD_INPUT_OPTIONS(struct graph_options, input),
    {'w', "workers", CMD_TEXT, offsetof(struct graph_options, workers), "N|auto", "as with run"},
    {0},
};

/* ---- Labels ---- */

/* In one line, without control bytes and bytes that are no UTF-8, at most LABEL characters. */
static const char *clean(struct cp_heap *heap, struct cp_slice s)
{
    char *out = cp_heap_take(heap, s.n * 3 + 4);
    size_t n = 0, count = 0;
    uint32_t code;

    for (size_t i = 0; i < s.n;) {
        i += cp_utf8_decode(s.p + i, s.n - i, &code);
        bool is_blank = code <= ' ' || (code >= 0x7f && code < 0xa0);
        if (is_blank && (n == 0 || out[n - 1] == ' '))
            continue;
        if (count++ == LABEL) {
            memcpy(out + n, "...", 3);
            return out;
        }
        n += cp_utf8_encode(out + n, is_blank ? ' ' : code);
    }
    out[n] = '\0';
    return out;
}

static bool has_cases(const struct cp_stage *s)
{
    return s->type->branches == CP_BRANCHES_CASES;
}

static bool is_of_failed(const struct cp_edge *e)
{
    return e->port == e->from->to.output;
}

/* Which case of route the records are that go over it, or that they failed; NULL: it has no name.
 */
static const char *case_label(const struct cp_edge *e, struct cp_heap *heap)
{
    if (is_of_failed(e))
        return "failed";
    if (!has_cases(e->from))
        return NULL;
    if (e->port >= e->from->item->n_branches)
        return "no case";
    const struct cp_branch *b = &e->from->item->branches[e->port];
    if (b->is_else)
        return "else";
    const char *when = clean(heap, b->when.s);
    if (b->name.s.n > 0)
        return cp_heap_printf(heap, "%.*s: %s", (int)b->name.s.n, b->name.s.p, when);
    return cp_heap_printf(heap, "%zu: %s", e->port + 1, when);
}

/* A setting of the channel as it was written, unless that is what it is anyway; or NULL. */
static const char *written(const struct cp_doc *doc, const struct cp_stage *s, const char *key,
                           const char *fallback, struct cp_heap *heap)
{
    const struct cp_node *v = NULL;

    for (size_t i = 0; doc->defaults && i < doc->defaults->n; i++)
        if (cp_slice_is(doc->defaults->keys[i].s, key))
            v = doc->defaults->items[i];
    for (size_t i = 0; i < s->item->n_settings; i++)
        if (cp_slice_is(s->item->settings[i].key.s, key))
            v = s->item->settings[i].value;
    return v && !cp_slice_is(v->text.s, fallback) ? clean(heap, v->text.s) : NULL;
}

/* Capacity and policy of a channel where the user chose them; or NULL. */
static const char *channel_label(const struct cp_doc *doc, const struct cp_edge *e,
                                 struct cp_heap *heap)
{
    const char *capacity = written(doc, e->to, "capacity", "4", heap),
               *policy = written(doc, e->to, "when_full", "wait", heap);

    if (!capacity || !policy)
        return capacity ? capacity : policy;
    return cp_heap_printf(heap, "%s, %s", capacity, policy);
}

/* ---- Text ---- */

struct row {
    size_t parent; /* its number, or NO_ROW */
    bool is_join;
    const char *text;
};
#define NO_ROW SIZE_MAX

struct drawing {
    const struct cp_plan *plan;
    const struct cp_doc *doc;
    struct cp_heap heap;
    struct row *rows; /* at most one for each edge, source and join */
    size_t n;
    size_t row_of[CP_PLAN_STAGES]; /* by number of the stage: the row that has it, from 1 on */
    const struct marks *marks;
};

static const struct marks {
    const char *arrow, *line, *times;          /* between stages; ×2 */
    const char *top, *middle, *last;           /* before rows beside each other */
    const char *join, *last_join, *bar, *none; /* before one that goes on with what came together */
} box = {" → ", " ─", " ×", "┌─ ", "├─ ", "└─ ", "├▶ ", "╰▶ ", "│  ", "   "},
  ascii = {" -> ", " -", " x", ".- ", "|- ", "`- ", "|> ", "`> ", "|  ", "   "};

static bool is_fork(const struct cp_stage *s)
{
    return s->n_outs > 1 || has_cases(s) || s->to.stage;
}

/* Workers, or the programs of exec: how many of the same work side by side. */
static size_t times_of(const struct cp_stage *s)
{
    return s->n_programs > s->n_workers ? s->n_programs : s->n_workers;
}

static const char *node_text(struct drawing *d, const struct cp_stage *s)
{
    if (times_of(s) == 1)
        return s->name;
    return cp_heap_printf(&d->heap, "%s%s%zu", s->name, d->marks->times, times_of(s));
}

static const char *arrow_text(struct drawing *d, const struct cp_edge *e)
{
    const char *label = channel_label(d->doc, e, &d->heap);

    if (!label)
        return d->marks->arrow;
    return cp_heap_printf(&d->heap, "%s[%s]%s", d->marks->line, label, d->marks->arrow + 1);
}

/* The stages from s on, down to one where the records part, come together or end. */
static const struct cp_stage *draw_chain(struct drawing *d, const char *start,
                                         const struct cp_stage *s, size_t row)
{
    const char *text = cp_heap_printf(&d->heap, "%s%s", start, node_text(d, s));

    d->row_of[s->index] = row + 1;
    while (s->n_outs == 1 && !is_fork(s)) {
        const struct cp_edge *e = s->outs[0];
        const char *name = e->to->n_ins > 1 ? e->to->name : node_text(d, e->to);
        text = cp_heap_printf(&d->heap, "%s%s%s", text, arrow_text(d, e), name);
        if (e->to->n_ins > 1)
            break;
        s = e->to;
        d->row_of[s->index] = row + 1;
    }
    d->rows[row].text = text;
    return s;
}

static size_t add_row(struct drawing *d, size_t parent, bool is_join)
{
    d->rows[d->n] = (struct row){parent, is_join, ""};
    return d->n++;
}

/* Whether all that comes into s stands in the rows behind `row`. */
static bool is_due(const struct drawing *d, const struct cp_stage *s, size_t row)
{
    if (s->n_ins < 2 || d->row_of[s->index] > 0)
        return false;
    for (size_t k = 0; k < s->n_ins; k++) {
        size_t of = d->row_of[s->ins[k]->from->index];
        if (of == 0 || (row != NO_ROW && of < row + 1))
            return false;
    }
    return true;
}

static void draw_fork(struct drawing *d, const struct cp_stage *s, size_t row);

static void draw_from(struct drawing *d, const char *start, const struct cp_stage *s, size_t row)
{
    s = draw_chain(d, start, s, row);
    if (is_fork(s))
        draw_fork(d, s, row);
}

/* What comes together of the rows below `row` goes on beside them. */
static void draw_joins(struct drawing *d, size_t row)
{
    for (size_t i = 0; i < d->plan->n; i++) {
        if (!is_due(d, d->plan->stages[i], row))
            continue;
        draw_from(d, "", d->plan->stages[i], add_row(d, row, true));
        i = 0; /* it may have been the last that another one waited for */
    }
}

static void draw_branch(struct drawing *d, const struct cp_edge *e, size_t parent)
{
    const char *label = case_label(e, &d->heap), *channel = channel_label(d->doc, e, &d->heap);
    size_t row = add_row(d, parent, false);
    const char *start = label ? cp_heap_printf(&d->heap, "%s%s", label, arrow_text(d, e))

                        : channel ? arrow_text(d, e) + strlen(d->marks->line)
                                  : "";

    if (e->to->n_ins > 1)
        d->rows[row].text = cp_heap_printf(&d->heap, "%s%s", start, e->to->name);
    else
        draw_from(d, start, e->to, row);
}

static void draw_fork(struct drawing *d, const struct cp_stage *s, size_t row)
{
    for (size_t k = 0; k < s->n_outs; k++)
        draw_branch(d, s->outs[k], row);
    draw_joins(d, row);
}

/* Sources beside each other, then what comes together of them. */
static void draw(struct drawing *d)
{
    for (size_t i = 0; i < d->plan->n; i++)
        if (d->plan->stages[i]->n_ins == 0)
            draw_from(d, "", d->plan->stages[i], add_row(d, NO_ROW, false));
    draw_joins(d, NO_ROW);
}

static bool has_next(const struct drawing *d, size_t row)
{
    for (size_t i = row + 1; i < d->n; i++)
        if (d->rows[i].parent == d->rows[row].parent)
            return true;
    return false;
}

static const char *mark_of(const struct drawing *d, size_t row)
{
    const struct row *r = &d->rows[row];
    const struct marks *m = d->marks;

    if (r->parent == NO_ROW && !has_next(d, 0))
        return "";
    if (r->is_join)
        return has_next(d, row) ? m->join : m->last_join;
    return row == 0 ? m->top : has_next(d, row) ? m->middle : m->last;
}

/* The bars of the rows above that have others below. */
static void put_bars(const struct drawing *d, size_t row)
{
    size_t parent = d->rows[row].parent;

    if (parent == NO_ROW)
        return;
    put_bars(d, parent);
    if (d->rows[parent].parent != NO_ROW || has_next(d, 0))
        fputs(has_next(d, parent) ? d->marks->bar : d->marks->none, stdout);
}

static void put_text(const struct cp_plan *plan, const struct cp_doc *doc,
                     const struct marks *marks)
{
    struct drawing d = {.plan = plan, .doc = doc, .marks = marks};

    d.rows = cp_heap_take(&d.heap, (plan->n_edges + plan->n + 1) * sizeof *d.rows);
    draw(&d);
    for (size_t i = 0; i < d.n; i++) {
        put_bars(&d, i);
        fputs(mark_of(&d, i), stdout);
        cp_print_safe(stdout, d.rows[i].text, strlen(d.rows[i].text));
        putchar('\n');
    }
    cp_heap_release(&d.heap);
}

/* ---- dot and Mermaid ---- */

/* A language that lays out graphs: what stands around the graph, and how labels are made harmless.
 */
static const struct language {
    const char *head, *tail, *line_break;
    const char *escaped;        /* characters */
    const char *const *escapes; /* what stands for each */
} dot = {"digraph pipeline {\n    node [shape=box];\n", "}\n", "\\n", "\"\\",
         (const char *const[]){"\\\"", "\\\\"}},
  mermaid = {
      "flowchart TD\n", "", "<br>", "\"\\#<>&`|",
      (const char *const[]){"#quot;", "#92;", "#35;", "#lt;", "#gt;", "#amp;", "#96;", "#124;"}};

static const char *escape(struct cp_heap *heap, const struct language *l, const char *text)
{
    const char *out = "";

    for (const char *p = text, *at; *p; p++) {
        size_t n = strcspn(p, l->escaped);
        out = cp_heap_printf(heap, "%s%.*s", out, (int)n, p);
        p += n;
        if (!*p)
            break;
        at = strchr(l->escaped, *p);
        out = cp_heap_printf(heap, "%s%s", out, l->escapes[at - l->escaped]);
    }
    return out;
}

static const char *node_label(struct cp_heap *heap, const struct language *l,
                              const struct cp_stage *s)
{
    const char *args = clean(heap, s->item->args.s), *text = escape(heap, l, s->name);

    if (times_of(s) > 1)
        text = cp_heap_printf(heap, "%s ×%zu", text, times_of(s));
    if (args[0])
        text = cp_heap_printf(heap, "%s%s%s", text, l->line_break, escape(heap, l, args));
    return text;
}

static const char *edge_label(struct cp_heap *heap, const struct cp_doc *doc,
                              const struct language *l, const struct cp_edge *e)
{
    const char *name = case_label(e, heap), *channel = channel_label(doc, e, heap);

    if (name && channel)
        name = cp_heap_printf(heap, "%s [%s]", name, channel);
    else if (channel)
        name = cp_heap_printf(heap, "[%s]", channel);
    return name ? escape(heap, l, name) : NULL;
}

static void put_edge(const struct language *l, const struct cp_edge *e, const char *label)
{
    if (l == &mermaid && label)
        printf("    n%zu -->|\"%s\"| n%zu\n", e->from->index, label, e->to->index);
    else if (l == &mermaid)
        printf("    n%zu --> n%zu\n", e->from->index, e->to->index);
    else if (label)
        printf("    n%zu -> n%zu [label=\"%s\"];\n", e->from->index, e->to->index, label);
    else
        printf("    n%zu -> n%zu;\n", e->from->index, e->to->index);
}

static void put_language(const struct cp_plan *plan, const struct cp_doc *doc,
                         const struct language *l)
{
    struct cp_heap heap = {0};

    fputs(l->head, stdout);
    for (size_t i = 0; i < plan->n; i++) {
        const char *label = node_label(&heap, l, plan->stages[i]);
        if (l == &mermaid)
            printf("    n%zu[\"%s\"]\n", i, label);
        else
            printf("    n%zu [label=\"%s\"];\n", i, label);
    }
    for (size_t i = 0; i < plan->n; i++)
        for (size_t k = 0; k < plan->stages[i]->n_outs; k++)
            put_edge(l, plan->stages[i]->outs[k],
                     edge_label(&heap, doc, l, plan->stages[i]->outs[k]));
    fputs(l->tail, stdout);
    cp_heap_release(&heap);
}

/* ---- The command ---- */

/* What the terminal is said to show; box-drawing characters are no bytes of data, so that the
 * locale may decide. */
static bool is_utf8_locale(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < CMD_COUNT(names); i++) {
        const char *v = getenv(names[i]);
        if (v && v[0])
            return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
    }
    return false;
}

static void put_graph(const struct cp_plan *plan, const struct cp_doc *doc, int format)
{
    if (format == AUTO)
        format = is_utf8_locale() ? TEXT : ASCII;
    if (format == DOT || format == MERMAID)
        put_language(plan, doc, format == DOT ? &dot : &mermaid);
    else
        put_text(plan, doc, format == TEXT ? &box : &ascii);
}

static int plan_and_draw(struct cmd_pipeline *p, const struct graph_options *o,
                         const struct cmd_texts *files)
{
    struct cp_plan plan = {0};
    struct cp_plan_options po = {.operands = files->v, .n_operands = files->n};
    int rc = cmd_workers(o->workers, &po.workers);

    if (rc == 0)
        rc = cmd_plan(p, &o->input, &po, false, &plan);
    if (rc == 0)
        put_graph(&plan, &p->doc, o->format);
    cp_plan_release(&plan);
    return rc;
}

static int graph_main(int argc, char **argv)
{
    struct graph_options o = {.format = AUTO};
    struct cmd_texts args;
    struct cmd_pipeline p;
    enum cmd_form form = CMD_GUESS;
    const char *arg;
    int status;

    if (!cmd_parse(&cmd_graph, argc, argv, &o, &args, &status))
        return status;
    if ((status = cmd_pick(&cmd_graph, &o.input, &args, &arg, &form)) != 0)
        return status;
    if ((status = cmd_load(&p, arg, form)) == 0)
        status = plan_and_draw(&p, &o, &args);
    cmd_unload(&p);
    return status;
}

const struct cmd cmd_graph = {
    .name = "graph",
    .usage = "[OPTION ...] PIPELINE [FILE ...]",
    .summary = "Draws a pipeline, as text or for Graphviz and Mermaid",
    .doc = "Nothing is read and nothing is run. Branches stand below the stage that makes them; "
           "those that end with the same name come together there, and the line that begins with "
           "it goes on. Beside the stages: the workers where there are several, in brackets "
           "capacity and when_full of a channel where the pipeline sets them. dot and mermaid also "
           "have the arguments of the stages.",
    .options = options,
    .main = graph_main,
};
