/* examples_test.c: every example of every stage, format, function and aggregate does what it says.
 */
#include "../../lib/agg/aggregate.h"
#include "../../lib/expr/function.h"
#include "../../lib/stage.h"
#include "shell.h"

static void check(const char *what, const char *cmd, const char *expected)
{
    static char out[1 << 16], err[1 << 12], detail[1 << 17];
    int status = shell_run(cmd);
    shell_read("out", out, sizeof out);
    shell_read("err", err, sizeof err);
    snprintf(detail, sizeof detail, "status %d\nexpected:\n%s\ngot:\n%s\nstandard error:\n%s",
             status, expected, out, err);
    shell_ok(status == 0 && strcmp(out, expected) == 0, what, detail);
}

static void stage_example(const struct cp_stage_type *t, const struct cp_example *e)
{
    char cmd[16384], what[512];
    snprintf(what, sizeof what, "stage %s: %s", t->name, e->pipeline);
    snprintf(cmd, sizeof cmd, "\"$CHANPIPE\" -q -e %s <input", shell_quote(e->pipeline));
    shell_write("input", e->input, strlen(e->input));
    check(what, cmd, e->output);
}

static void format_example(const struct cp_format *f, const struct cp_format_example *e)
{
    char cmd[16384], pipeline[4096], what[512];
    snprintf(pipeline, sizeof pipeline, "parse %s %s", f->name, e->options ? e->options : "");
    snprintf(what, sizeof what, "format %s: %.200s", f->name, e->input);
    snprintf(cmd, sizeof cmd, "\"$CHANPIPE\" -q -o json -e %s <input", shell_quote(pipeline));
    shell_write("input", e->input, strlen(e->input));
    check(what, cmd, e->output);
}

/* The result is JSON, or `error: reason`: then it is null and the reason is said. */
static void function_example(const struct cp_function *f, const struct cp_function_example *e)
{
    char cmd[16384], pipeline[4096], what[512], expected[4096];
    const char *reason = strncmp(e->result, "error: ", 7) == 0 ? e->result + 7 : NULL;
    snprintf(what, sizeof what, "function %s: %.300s", f->name, e->expression);
    snprintf(pipeline, sizeof pipeline, "parse json | set r = %s | keep r", e->expression);
    snprintf(cmd, sizeof cmd, "echo '{}' | \"$CHANPIPE\" -e %s && %s %s err", shell_quote(pipeline),
             reason ? "grep -qF --" : "test ! -s", reason ? shell_quote(reason) : "");
    snprintf(expected, sizeof expected, "{\"r\":%s}\n", reason ? "null" : e->result);
    check(what, cmd, expected);
}

/* The values are JSON, separated by blanks: one record each. */
static void aggregate_example(const struct cp_aggregate *a)
{
    char cmd[4096], what[512], call[128], expected[1024];
    if (strcmp(a->name, "pN") == 0)
        strcpy(call, "p50(x)");
    else if (strcmp(a->name, "pct") == 0)
        strcpy(call, "pct(x, 50)");
    else if (a->flags & CP_AGG_PARAM)
        snprintf(call, sizeof call, "%s(x, 3)", a->name);
    else
        snprintf(call, sizeof call, "%s(x)", a->name);
    snprintf(what, sizeof what, "aggregate %s of %s", call, a->values);
    shell_write("values", a->values, strlen(a->values));
    snprintf(cmd, sizeof cmd,
             "tr ' ' '\\n' <values | sed 's/.*/{\"x\":&}/' | \"$CHANPIPE\" -q 'parse json | stats "
             "%s as r'",
             call);
    snprintf(expected, sizeof expected, "{\"r\":%s}\n", a->result);
    check(what, cmd, expected);
}

int main(void)
{
    shell_begin();
    for (size_t i = 0; cp_stage_types[i]; i++)
        for (const struct cp_example *e = cp_stage_types[i]->examples; e && e->pipeline; e++)
            stage_example(cp_stage_types[i], e);
    for (size_t i = 0; cp_formats[i]; i++)
        for (const struct cp_format_example *e = cp_formats[i]->examples; e && e->input; e++)
            format_example(cp_formats[i], e);
    for (const struct cp_function_group *g = cp_function_groups; g->name; g++)
        for (const struct cp_function *f = g->functions; f->name; f++)
            for (size_t i = 0; i < CP_FUNCTION_EXAMPLES && f->examples[i].expression; i++)
                function_example(f, &f->examples[i]);
    for (const struct cp_aggregate *a = cp_aggregates; a->name; a++)
        if (a->values)
            aggregate_example(a);
    return shell_end();
}
