/* main.c: finds the command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

/* In the order of the help. */
const struct cmd *const cmds[] = {
    &cmd_run,  &cmd_check, &cmd_explain, &cmd_graph, &cmd_convert,
    &cmd_list, &cmd_help,  &cmd_version, NULL,
};

bool cmd_stdin_is_closed, cmd_stdout_is_closed, cmd_stderr_is_closed;

const struct cmd *cmd_find(const char *name)
{
    for (size_t i = 0; cmds[i]; i++)
        if (strcmp(cmds[i]->name, name) == 0)
            return cmds[i];
    return NULL;
}

/* A file that is opened must not become descriptor 0, 1 or 2: a log would be read as the pipeline's
 * input, or records be written into it. What was closed becomes a descriptor that cannot be read,
 * or written; standard error one that takes everything. */
static void occupy_standard_descriptors(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_WRONLY};

    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        cmd_stdin_is_closed |= fd == STDIN_FILENO;
        cmd_stdout_is_closed |= fd == STDOUT_FILENO;
        cmd_stderr_is_closed |= fd == STDERR_FILENO;
        if (open("/dev/null", flags[fd]) != fd)
            _exit(CP_EXIT_IO);
    }
}

/* Into a file or a pipe, what commands print leaves at the end, so that the reason of a failure is
 * known there. A reader that left ends them, also where the parent ignores SIGPIPE. */
static void open_stdout(void)
{
    static char buffer[1 << 16];

    signal(SIGPIPE, SIG_DFL);
    if (!isatty(STDOUT_FILENO))
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
}

/* What commands printed must have arrived. */
static int close_stdout(int status)
{
    bool is_bad = ferror(stdout);

    errno = 0;
    if (fflush(stdout) == 0 && !is_bad)
        return status;
    if (cmd_stdout_is_closed)
        return cmd_fail(CP_EXIT_IO, "cannot write standard output: it is closed");
    return cmd_fail(CP_EXIT_IO, "cannot write standard output%s%s", errno ? ": " : "",
                    errno ? strerror(errno) : "");
}

/* The command may be left out: then the arguments are those of run. */
static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        cmd_fail(CP_EXIT_USAGE, "a pipeline or a command is missing");
        return cmd_hint(CP_EXIT_USAGE, "`chanpipe help` shows the commands and some examples");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help.main(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return cmd_version.main(argc - 1, argv + 1);
    const struct cmd *c = cmd_find(argv[1]);
    return c ? c->main(argc - 1, argv + 1) : cmd_run_short(argc, argv);
}

/* Who asks for the account before there is one gets it a little later, and does not end us. */
static void hold_back_usr1(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
    hold_back_usr1();
    occupy_standard_descriptors();
    open_stdout();
    return close_stdout(dispatch(argc, argv));
}
