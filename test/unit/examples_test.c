/* examples_test.c: every example of every stage and format does what it says. */
#include "../../lib/stage.h"
#include "shell.h"

static void check(const char *what, const char *cmd, const char *expected)
{
    static char out[1 << 16], err[1 << 12], detail[1 << 17];
    int status = shell_run(cmd);
    shell_read("out", out, sizeof out);
    shell_read("err", err, sizeof err);
    snprintf(detail, sizeof detail, "status %d\nexpected:\n%s\ngot:\n%s\nstandard error:\n%s", status, expected, out, err);
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

int main(void)
{
    shell_begin();
    for (size_t i = 0; cp_stage_types[i]; i++)
        for (const struct cp_example *e = cp_stage_types[i]->examples; e && e->pipeline; e++)
            stage_example(cp_stage_types[i], e);
    for (size_t i = 0; cp_formats[i]; i++)
        for (const struct cp_format_example *e = cp_formats[i]->examples; e && e->input; e++)
            format_example(cp_formats[i], e);
    return shell_end();
}
