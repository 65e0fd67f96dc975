/* report.c: what is said about a run: failed records, statistics, the account. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/base/scan.h"
#include "cmd.h"

/* ---- Failed records (semantics 41) ---- */

static void say_failed(const struct cp_stage *s, uint64_t n, const char *what)
{
    uint64_t all = s->account.in + s->account.made;

    cmd_say("%s: %" PRIu64 " of %" PRIu64 " record%s %s%s%s%s", s->name, n, all,
            all == 1 ? "" : "s", what, s->first_error[0] ? " (first: " : "", s->first_error,
            s->first_error[0] ? ")" : "");
}

void cmd_report_errors(const struct cp_plan *plan, const char *but)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        const struct cp_account *a = &s->account;
        if (but && strcmp(s->name, but) == 0)
            continue;
        if (a->errored > 0)
            say_failed(s, a->errored, "skipped");
        if (a->warned > 0)
            say_failed(s, a->warned, "went on with an error");
        if (a->dropped > 0)
            cmd_say("%s: %" PRIu64 " records dropped because it was too slow", s->name, a->dropped);
        if (s->note[0])
            cmd_say("%s: %s", s->name, s->note);
    }
}

/* ---- --stats ---- */

static void put_count(struct cmd_table *t, uint64_t n)
{
    cmd_table_cell(t, "%" PRIu64, n);
}

static void put_ratio(struct cmd_table *t, double over, double under)
{
    if (over > 0 && under > 0)
        cmd_table_cell(t, "%.1f", over / under);
    else
        cmd_table_cell(t, "-");
}

static void put_stats_row(struct cmd_table *t, const struct cp_stage *s, int64_t wall_ns)
{
    const struct cp_account *a = &s->account;

    cmd_table_cell(t, "%s", s->name);
    put_count(t, a->in + a->made);
    put_count(t, a->out);
    put_count(t, a->filtered);
    put_count(t, a->errored);
    put_count(t, a->warned);
    put_count(t, a->batches);
    put_ratio(t, (double)a->values, (double)(a->in - a->unparsed));
    put_ratio(t, (double)a->bytes * 1e3, (double)wall_ns);
}

static void put_stats_notes(const struct cp_stage *s)
{
    const struct cp_account *a = &s->account;

    if (a->unparsed > 0)
        cmd_say("%s: %" PRIu64 " of the filtered records were ruled out before they were parsed",
                s->name, a->unparsed);
    if (a->bad_utf8 > 0)
        cmd_say("%s: %" PRIu64 " bytes were no UTF-8", s->name, a->bad_utf8);
}

void cmd_report_stats(const struct cp_plan *plan, int64_t wall_ns)
{
    static const char *const heads[] = {"stage",  "in",      "out",        "filtered", "errored",
                                        "warned", "batches", "values/rec", "MB/s"};
    struct cmd_table t = {.columns = CMD_COUNT(heads)};

    for (size_t i = 0; i < t.columns; i++) {
        t.right[i] = i > 0;
        cmd_table_cell(&t, "%s", heads[i]);
    }
    for (size_t i = 0; i < plan->n; i++)
        put_stats_row(&t, plan->stages[i], wall_ns);
    cmd_table_print(stderr, &t, 0);
    for (size_t i = 0; i < plan->n; i++)
        put_stats_notes(plan->stages[i]);
    fprintf(stderr, "%.3f s\n", (double)wall_ns / 1e9);
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

static void put_account(FILE *f, const struct cp_stage *s)
{
    const struct cp_account *a = &s->account;
    const struct {
        const char *name;
        uint64_t n;
    } terms[] = {
        {"in", a->in},
        {"made", a->made},
        {"out", a->out},
        {"filtered", a->filtered},
        {"dropped", a->dropped},
        {"errored", a->errored},
        {"taken", a->taken},
        {"held", a->held},
        {"unparsed", a->unparsed},
        {"warned", a->warned},
        {"refused", a->refused},
        {"cut", a->cut},
        {"bad_utf8", a->bad_utf8},
        {"bytes", a->bytes},
        {"batches", a->batches},
    };

    fputs("{\"stage\":", f);
    put_json_text(f, s->name);
    fprintf(f, ",\"kind\":\"%s\"", s->type->name);
    for (size_t i = 0; i < CMD_COUNT(terms); i++)
        fprintf(f, ",\"%s\":%" PRIu64, terms[i].name, terms[i].n);
    if (s->first_error[0]) {
        fputs(",\"first_error\":", f);
        put_json_text(f, s->first_error);
    }
    fputs("}\n", f);
}

bool cmd_report_account(FILE *f, const struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        put_account(f, plan->stages[i]);
    return fflush(f) == 0 && !ferror(f);
}

/* ---- -v ---- */

/* The planner adds a source or a sink where the pipeline names none: those stand nowhere in its
 * text. */
static bool is_added(const struct cp_stage *s)
{
    return s->pos.source == NULL;
}

void cmd_report_choices(const struct cp_plan *plan)
{
    const struct cp_stage *first = plan->stages[0], *last = plan->stages[plan->n - 1];

    if (is_added(first) && plan->options.n_operands > 0)
        cmd_say("source: %zu file%s of the command line", plan->options.n_operands,
                plan->options.n_operands == 1 ? "" : "s");
    else if (is_added(first))
        cmd_say("source: standard input, since no file is given");
    if (is_added(last))
        cmd_say("sink: standard output, since the pipeline names none");
}
