/* convert.c: one-liner to pipeline file, and back. */
#include <string.h>

#include "cmd.h"

enum { TO_OTHER = -1, TO_YAML, TO_TEXT };

struct convert_options {
    struct cmd_input input;
    int to;
};

static const struct cmd_option options[] = {
    {0, "to", CMD_CHOICE, offsetof(struct convert_options, to), "yaml|text",
     "write a pipeline file, or a one-liner; default: the other form than the one given"},
    CMD_INPUT_OPTIONS(struct convert_options, input),
    {0},
};

static int write_doc(struct cmd_pipeline *p, int to)
{
    struct cp_err err = {0};

    if (to == TO_YAML || (to == TO_OTHER && !p->is_yaml)) {
        fputs(cp_doc_write_yaml(&p->doc, &p->heap), stdout);
        return 0;
    }
    const char *text = cp_doc_write_text(&p->doc, &p->heap, &err);
    if (!text)
        return cmd_fail_err(NULL, &err);
    puts(text);
    return 0;
}

static int convert_main(int argc, char **argv)
{
    struct convert_options o = {.to = TO_OTHER};
    struct cmd_texts args;
    struct cmd_pipeline p;
    enum cmd_form form = CMD_GUESS;
    const char *arg;
    int status;

    if (!cmd_parse(&cmd_convert, argc, argv, &o, &args, &status))
        return status;
    if ((status = cmd_pick(&cmd_convert, &o.input, &args, &arg, &form)) != 0)
        return status;
    if (args.n > 0)
        return cmd_fail(CP_EXIT_USAGE, "convert takes one pipeline, not also %s", args.v[0]);
    if ((status = cmd_load(&p, arg, form)) == 0 &&
        (status = cmd_report(&p, cmd_has_color(o.input.color), false)) == 0)
        status = write_doc(&p, o.to);
    cmd_unload(&p);
    return status;
}

const struct cmd cmd_convert = {
    .name = "convert",
    .usage = "[OPTION ...] PIPELINE",
    .summary = "Writes a one-liner as a pipeline file, or a pipeline file as a one-liner",
    .doc = "The result goes to standard output and does the same. Comments are not kept. What a "
           "one-liner cannot hold (name, vars, defaults, tests) is an error that lists it.",
    .options = options,
    .main = convert_main,
};
