/* main.c: finds the command and runs it. */
#include <stdarg.h>
#include <string.h>

#include "cmd.h"

extern const struct cmd cmd_run, cmd_check, cmd_explain, cmd_convert, cmd_list, cmd_help, cmd_version;

const struct cmd *const cmds[] = {
    &cmd_run, &cmd_check, &cmd_explain, &cmd_convert, &cmd_list, &cmd_help, &cmd_version, NULL,
};

int cmd_fail(int status, const char *fmt, ...)
{
    va_list ap;
    fputs("chanpipe: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return status;
}

static const struct cmd *find(const char *name)
{
    for (size_t i = 0; cmds[i]; i++)
        if (strcmp(cmds[i]->name, name) == 0)
            return cmds[i];
    return NULL;
}

/* The command may be left out: then the first argument is a pipeline, or an option of run. */
int main(int argc, char **argv)
{
    if (argc < 2) {
        cmd_usage(stderr, &cmd_help);
        return CP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help.main(1, argv);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return cmd_version.main(1, argv);
    const struct cmd *c = find(argv[1]);
    return c ? c->main(argc - 1, argv + 1) : cmd_run.main(argc, argv);
}
