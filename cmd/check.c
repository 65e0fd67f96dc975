/* check.c: finds all mistakes of pipelines and runs nothing. */
#include <stdlib.h>
#include <string.h>

#include "../lib/base/diag_print.h"
#include "cmd.h"

struct check_options {
    struct cmd_input input;
    bool quiet;
};

static const struct cmd_option options[] = {
    CMD_INPUT_OPTIONS(struct check_options, input),
    {'q', "quiet", CMD_FLAG, offsetof(struct check_options, quiet), NULL,
     "no warnings, and no line for pipelines without mistakes"},
    {0},
};

static int check_one(const struct check_options *o, const char *arg, enum cmd_form form)
{
    struct cmd_pipeline p;
    int status = cmd_load(&p, arg, form);

    struct cp_plan plan = {0};

    if (status == 0)
        status = cmd_plan(&p, &o->input, &(struct cp_plan_options){0}, o->quiet, &plan);
    if (status == 0 && !o->quiet) {
        cp_print_safe(stdout, p.label, strlen(p.label));
        fputs(": ok\n", stdout);
        cmd_put_stalls(stdout, &plan);
    }
    cp_plan_release(&plan);
    cmd_unload(&p);
    return status;
}

static int check_main(int argc, char **argv)
{
    struct check_options o = {0};
    struct cmd_texts args;
    int status, worst = 0;

    if (!cmd_parse(&cmd_check, argc, argv, &o, &args, &status))
        return status;
    if (args.n + o.input.files.n + o.input.texts.n == 0) {
        const char *arg;
        enum cmd_form form;
        return cmd_pick(&cmd_check, &o.input, &args, &arg, &form);
    }
    for (size_t i = 0; i < o.input.files.n; i++)
        worst |= check_one(&o, o.input.files.v[i], CMD_FILE);
    for (size_t i = 0; i < o.input.texts.n; i++)
        worst |= check_one(&o, o.input.texts.v[i], CMD_ONE_LINER);
    for (size_t i = 0; i < args.n; i++)
        worst |= check_one(&o, args.v[i], CMD_GUESS);
    return worst ? CP_EXIT_USAGE : 0;
}

const struct cmd cmd_check = {
    .name = "check",
    .usage = "[OPTION ...] PIPELINE ...",
    .summary = "Shows all mistakes of pipelines and runs nothing",
    .doc =
        "Every mistake and every warning is shown with its place. A pipeline without mistakes "
        "gives the line `PIPELINE: ok`; where it branches, lines below say which branch can hold "
        "up which. Exit status: 0, or 2 when there is a mistake.",
    .options = options,
    .main = check_main,
};
