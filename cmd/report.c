/* report.c: what is said about a run: failed records, statistics, the account. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/base/scan.h"
#include "../lib/run/edge.h"
#include "cmd.h"

/* ---- Failed records (semantics 41) ---- */

static void say_dropped(const struct cp_edge *e)
{
    struct cp_edge_account a = cp_edge_account(e);

    if (a.dropped > 0)
        cmd_say("%s: %" PRIu64 " of %" PRIu64 " record%s from %s dropped, since it was too slow",
                e->to->name, a.dropped, a.sent, a.sent == 1 ? "" : "s", e->from->name);
}

static void say_failed(const struct cp_stage *s, uint64_t n, const char *what)
{
    uint64_t all = s->account.in > 0 ? cp_stage_tried(s) : s->account.made;

    cmd_say("%s: %" PRIu64 " of %" PRIu64 " record%s %s%s%s%s", s->name, n, all,
            all == 1 ? "" : "s", what, s->first_error[0] ? " (first: " : "", s->first_error,
            s->first_error[0] ? ")" : "");
}

/* Failed records that on_error sent elsewhere are not lost. Returns how many of the errored ones
 * these are. */
static uint64_t say_rejected(const struct cp_stage *s, bool is_broken)
{
    uint64_t n = s->account.rejected;
    char what[512];

    if (is_broken && s->to.file)
        snprintf(what, sizeof what, "failed; not all of them are in %s", s->to.file);
    else
        snprintf(what, sizeof what, "failed and went to %s", s->to.file ? s->to.file : s->to.stage);
    if (n > 0)
        say_failed(s, n, what);
    return s->to.file ? n : 0;
}

void cmd_report_errors(const struct cp_plan *plan, const char *but, const char *broken)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        const struct cp_account *a = &s->account;
        uint64_t kept = say_rejected(s, broken && strcmp(s->name, broken) == 0);
        if (but && strcmp(s->name, but) == 0)
            continue;
        if (a->errored > kept)
            say_failed(s, a->errored - kept, "skipped");
        if (a->warned > 0)
            say_failed(s, a->warned, "went on with an error");
        if (a->dropped > 0)
            cmd_say("%s: %" PRIu64 " records dropped because it was too slow", s->name, a->dropped);
        if (s->note[0])
            cmd_say("%s: %s", s->name, s->note);
    }
    for (size_t i = 0; i < plan->n_edges; i++)
        say_dropped(plan->edges[i]);
}

/* ---- The numbers of a stage ---- */

enum shown { ALWAYS, IF_ANY, NEVER };

/* The numbers of a stage: all are in the account, most are columns of --stats. */
static const struct term {
    const char *name;
    size_t offset; /* in struct cp_account */
    enum shown shown;
} terms[] = {
    {"in", offsetof(struct cp_account, in), ALWAYS},
    {"made", offsetof(struct cp_account, made), IF_ANY},
    {"out", offsetof(struct cp_account, out), ALWAYS},
    {"filtered", offsetof(struct cp_account, filtered), ALWAYS},
    {"dropped", offsetof(struct cp_account, dropped), IF_ANY},
    {"errored", offsetof(struct cp_account, errored), ALWAYS},
    {"taken", offsetof(struct cp_account, taken), IF_ANY},
    {"held", offsetof(struct cp_account, held), IF_ANY},
    {"warned", offsetof(struct cp_account, warned), IF_ANY},
    {"rejected", offsetof(struct cp_account, rejected), IF_ANY},
    {"unparsed", offsetof(struct cp_account, unparsed), NEVER},
    {"bad_utf8", offsetof(struct cp_account, bad_utf8), NEVER},
    {"bytes", offsetof(struct cp_account, bytes), NEVER},
    {"batches", offsetof(struct cp_account, batches), ALWAYS},
};

/* At the end of a run, or as other threads show it while they run. */
static struct cp_account account_of(const struct cp_stage *s, bool is_running)
{
    return is_running ? cp_account_now(s) : s->account;
}

static uint64_t term_of(const struct cp_account *a, const struct term *t)
{
    return *(const uint64_t *)(const void *)((const char *)a + t->offset);
}

/* ---- --stats ---- */

static bool is_column(const struct cp_plan *plan, const struct term *t, bool is_running)
{
    for (size_t i = 0; i < plan->n && t->shown == IF_ANY; i++) {
        struct cp_account a = account_of(plan->stages[i], is_running);
        if (term_of(&a, t) > 0)
            return true;
    }
    return t->shown == ALWAYS;
}

static void put_ratio(struct cmd_table *t, double over, double under)
{
    if (over > 0 && under > 0)
        cmd_table_cell(t, "%.1f", over / under);
    else
        cmd_table_cell(t, "-");
}

static void put_stats_row(struct cmd_table *t, const char *name, const struct cp_account *a,
                          const bool *is_shown, int64_t wall_ns)
{
    cmd_table_cell(t, "%s", name);
    for (size_t k = 0; k < CMD_COUNT(terms); k++)
        if (is_shown[k])
            cmd_table_cell(t, "%" PRIu64, term_of(a, &terms[k]));
    put_ratio(t, (double)a->values, (double)(a->in - a->unparsed));
    put_ratio(t, (double)a->bytes * 1e3, (double)wall_ns);
}

static void put_stats_table(const struct cp_plan *plan, int64_t wall_ns, bool is_running)
{
    struct cmd_table t = {.columns = 3};
    bool is_shown[CMD_COUNT(terms)];

    cmd_table_cell(&t, "stage");
    for (size_t k = 0; k < CMD_COUNT(terms); k++) {
        is_shown[k] = is_column(plan, &terms[k], is_running);
        t.columns += is_shown[k];
        if (is_shown[k])
            cmd_table_cell(&t, "%s", terms[k].name);
    }
    cmd_table_cell(&t, "values/rec");
    cmd_table_cell(&t, "MB/s");
    for (size_t k = 1; k < t.columns; k++)
        t.right[k] = true;
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_account a = account_of(plan->stages[i], is_running);
        put_stats_row(&t, plan->stages[i]->name, &a, is_shown, wall_ns);
    }
    cmd_table_print(stderr, &t, 0);
}

static void put_stats_notes(const char *name, const struct cp_account *a)
{
    if (a->unparsed > 0)
        cmd_say("%s: %" PRIu64 " of the filtered records were ruled out before they were parsed",
                name, a->unparsed);
    if (a->bad_utf8 > 0)
        cmd_say("%s: %" PRIu64 " bytes were no UTF-8", name, a->bad_utf8);
}

void cmd_report_stats(const struct cp_plan *plan, int64_t wall_ns, bool is_running)
{
    put_stats_table(plan, wall_ns, is_running);
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_account a = account_of(plan->stages[i], is_running);
        put_stats_notes(plan->stages[i]->name, &a);
    }
    fprintf(stderr, "%.3f s in all\n", (double)wall_ns / 1e9);
}

/* ---- --account ---- */

static void put_json_text(FILE *f, const char *s)
{
    size_t n = strlen(s);
    uint32_t code;

    fputc('"', f);
    for (size_t i = 0, k; i < n; i += k) {
        k = cp_utf8_decode(s + i, n - i, &code);
        if (code == '"' || code == '\\')
            fprintf(f, "\\%c", (char)code);
        else if (code < 0x20)
            fprintf(f, "\\u%04x", (unsigned)code);
        else if (code == CP_UTF8_REPLACEMENT)
            fputs("\xEF\xBF\xBD", f);
        else
            fwrite(s + i, 1, k, f);
    }
    fputc('"', f);
}

static void put_account(FILE *f, const struct cp_stage *s, const struct cp_account *a,
                        const char *first_error)
{
    fputs("{\"stage\":", f);
    put_json_text(f, s->name);
    fprintf(f, ",\"kind\":\"%s\"", s->type->name);
    for (size_t i = 0; i < CMD_COUNT(terms); i++)
        fprintf(f, ",\"%s\":%" PRIu64, terms[i].name, term_of(a, &terms[i]));
    if (first_error[0]) {
        fputs(",\"first_error\":", f);
        put_json_text(f, first_error);
    }
    fputs("}\n", f);
}

static void put_edge_account(FILE *f, const struct cp_edge *e)
{
    struct cp_edge_account a = cp_edge_account(e);
    char name[512];

    snprintf(name, sizeof name, "%s -> %s", e->from->name, e->to->name);
    fputs("{\"edge\":", f);
    put_json_text(f, name);
    fprintf(f,
            ",\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"dropped\":%" PRIu64
            ",\"cut\":%" PRIu64 "}\n",
            a.sent, a.received, a.dropped, a.cut);
}

bool cmd_report_account(FILE *f, const struct cp_plan *plan, bool is_running)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        struct cp_account a = account_of(s, is_running);
        put_account(f, s, &a, is_running ? "" : s->first_error);
    }
    for (size_t i = 0; i < plan->n_edges; i++)
        put_edge_account(f, plan->edges[i]);
    return fflush(f) == 0 && !ferror(f);
}

/* ---- -v ---- */

/* The planner adds a source or a sink where the pipeline names none: those stand nowhere in its
 * text. */
static bool is_added(const struct cp_stage *s)
{
    return s->pos.source == NULL;
}

static void report_choice(const struct cp_plan *plan, const struct cp_stage *s)
{
    bool is_sink = s->type->kind == CP_SINK;

    if (s->type->kind == CP_SOURCE && is_added(s) && plan->options.n_operands > 0)
        cmd_say("source: %zu file%s of the command line", plan->options.n_operands,
                plan->options.n_operands == 1 ? "" : "s");
    else if (s->type->kind == CP_SOURCE && is_added(s))
        cmd_say("source: standard input, since no file is given");
    if (is_sink && is_added(s))
        cmd_say("sink: standard output, since the pipeline names none");
    if (is_sink && s->format && !plan->options.format)
        cmd_say("output format: %s", s->format->name);
    if (s->prefilter && s->prefilter->n > 0)
        cmd_say("%s: records that no filter can pass are not parsed (see chanpipe explain)",
                s->name);
}

void cmd_report_choices(const struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        report_choice(plan, plan->stages[i]);
}
