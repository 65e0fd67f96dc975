/* run.c: runs a pipeline. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/moment.h"
#include "../lib/base/number.h"
#include "cmd.h"

struct run_options {
    struct cmd_input input;
    const char *format, *workers, *account;
    bool quiet, verbose, stats, strict, exit_empty, no_prefilter, retry;
    int64_t grace;
};

static const struct cmd_option options[] = {
    {'o', NULL, CMD_TEXT, offsetof(struct run_options, format), "FORMAT",
     "output as json, logfmt, csv, tsv, table or raw; default: table for aggregates on a terminal, "
     "raw when nothing was parsed, else json"},
    CMD_INPUT_OPTIONS(struct run_options, input),
    {'q', "quiet", CMD_FLAG, offsetof(struct run_options, quiet), NULL,
     "no warnings and no summary of records that failed"},
    {'v', "verbose", CMD_FLAG, offsetof(struct run_options, verbose), NULL,
     "say what was chosen by default"},
    {'s', "stats", CMD_FLAG, offsetof(struct run_options, stats), NULL,
     "a table of what each stage did, at the end"},
    {0, "account", CMD_TEXT, offsetof(struct run_options, account), "FILE",
     "write where every record went to FILE, one JSON object per stage and channel; - is standard "
     "error"},
    {0, "strict", CMD_FLAG, offsetof(struct run_options, strict), NULL,
     "status 3 when any record failed"},
    {'x', "exit-empty", CMD_FLAG, offsetof(struct run_options, exit_empty), NULL,
     "status 1 when no record reached a sink"},
    {0, "grace", CMD_DURATION, offsetof(struct run_options, grace), "DURATION",
     "time to finish after SIGINT or SIGTERM, default 5s"},
    {0, "no-prefilter", CMD_FLAG, offsetof(struct run_options, no_prefilter), NULL,
     "parse every record, also those that no filter can pass"},
    {0, "retry", CMD_FLAG, offsetof(struct run_options, retry), NULL,
     "the inputs are files that on_error: {to: FILE} wrote: run over the records in them"},
    {'w', "workers", CMD_TEXT, offsetof(struct run_options, workers), "N|auto",
     "threads that share the work of each stage that can be shared"},
    {0},
};

/* A run from the command line to the exit status. */
struct run {
    struct run_options o;
    struct cmd_texts files;
    struct cmd_pipeline pipeline;
    struct cp_plan plan;
    struct cp_run_result result;
    FILE *account;
    size_t workers; /* -w */
};

/* ---- Before ---- */

static bool is_same_file(int a, int b)
{
    struct stat sa, sb;

    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* Standard output or standard error, if the file is open there as well; else -1. */
static int standard_of(int fd)
{
    return is_same_file(fd, STDOUT_FILENO)   ? STDOUT_FILENO
           : is_same_file(fd, STDERR_FILENO) ? STDERR_FILENO
                                             : -1;
}

/* A file of its own is emptied when the run begins; there the account follows what was written. */
static int open_account(struct run *r, struct cp_run_options *o)
{
    const char *path = r->o.account;

    if (!path)
        return 0;
    if (strcmp(path, "-") == 0) {
        r->account = stderr;
        return 0;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    int standard = fd < 0 ? -1 : standard_of(fd);
    if (standard >= 0) {
        close(fd);
        fd = fcntl(standard, F_DUPFD_CLOEXEC, 3);
    } else {
        o->report_path = path;
        o->report_fd = fd;
    }
    if (fd < 0 || !(r->account = fdopen(fd, "w")))
        return cmd_fail(CP_EXIT_IO, "cannot open %s for the account: %s", path, strerror(errno));
    return 0;
}

static int make_plan(struct run *r)
{
    struct cp_plan_options o = {
        .format = r->o.format,
        .operands = r->files.v,
        .n_operands = r->files.n,
        .is_terminal = isatty(STDOUT_FILENO),
        .no_prefilter = r->o.no_prefilter,
        .retries = r->o.retry,
        .counts_errors = r->o.strict || r->o.account,
        .counts_values = r->o.stats,
        .workers = r->workers,
    };
    return cmd_plan(&r->pipeline, &r->o.input, &o, r->o.quiet, &r->plan);
}

static bool is_kind(const struct cp_stage *s, const char *kind)
{
    return strcmp(s->type->name, kind) == 0;
}

/* The stages would find the descriptors that stand for closed ones. */
static int check_descriptors(const struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (cmd_stdin_is_closed && is_kind(plan->stages[i], "stdin"))
            return cmd_fail(CP_EXIT_IO, "cannot read standard input: it is closed");
        if (cmd_stdout_is_closed && is_kind(plan->stages[i], "stdout"))
            return cmd_fail(CP_EXIT_IO, "cannot write standard output: it is closed");
        if (cmd_stderr_is_closed && is_kind(plan->stages[i], "stderr"))
            return cmd_fail(CP_EXIT_IO, "cannot write standard error: it is closed");
    }
    return 0;
}

/* ---- After ---- */

/* Ends the process as the signal would have. */
static int end_by_signal(int signo)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signo);
    signal(signo, SIG_DFL);
    raise(signo);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return 128 + signo;
}

static int write_account(struct run *r)
{
    if (!r->account)
        return 0;
    bool is_good =
        !r->result.has_begun || cmd_report_account(r->account, &r->plan, r->result.is_cut);
    int sys = errno;
    if (r->account != stderr && fclose(r->account) != 0) {
        sys = is_good ? errno : sys;
        is_good = false;
    }
    r->account = NULL;
    return is_good ? 0 : cmd_fail(CP_EXIT_IO, "cannot write %s: %s", r->o.account, strerror(sys));
}

/* What is under way in batches, and what stages hold. */
struct left {
    size_t batches;
    uint64_t records;
};

static struct left count_left(const struct cp_plan *plan)
{
    struct left left = {0};

    for (size_t i = 0; i < plan->n; i++) {
        if (plan->stages[i]->pool)
            left.batches += cp_pool_in_flight(plan->stages[i]->pool);
        left.records += cp_account_now(plan->stages[i]).held;
    }
    return left;
}

static void say_left(const struct run *r, struct left left)
{
    char why[64] = "ended", batches[96] = "", records[64] = "";
    bool is_any = left.batches > 0 || left.records > 0;

    if (r->result.signal != 0)
        snprintf(why, sizeof why, "ended by SIG%s", sigabbrev_np(r->result.signal));
    if (left.batches > 0)
        snprintf(batches, sizeof batches, "%zu batch%s of at most %zu records", left.batches,
                 left.batches == 1 ? "" : "es", r->plan.batch_records);
    if (left.records > 0)
        snprintf(records, sizeof records, "%" PRIu64 " record%s that stages held", left.records,
                 left.records == 1 ? "" : "s");
    cmd_say("%s before everything was written%s%s%s%s", why, is_any ? "; not delivered: " : "",
            batches, batches[0] && records[0] ? " and " : "", records);
}

/* Threads still run: nothing may be touched that they use. */
static int leave(struct run *r)
{
    if (r->result.signal == 0)
        cmd_fail_err(r->result.err_stage, &r->result.err);
    if (r->o.stats)
        cmd_report_stats(&r->plan, r->result.wall_ns, true);
    write_account(r);
    say_left(r, count_left(&r->plan));
    if (r->result.signal != 0)
        return end_by_signal(r->result.signal);
    fflush(NULL);
    _exit(r->result.err.exit);
}

static uint64_t count_failed(const struct cp_plan *plan)
{
    uint64_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_account *a = &plan->stages[i]->account;
        n += a->errored + a->warned + (plan->stages[i]->to.stage ? a->rejected : 0);
    }
    return n;
}

static uint64_t count_written(const struct cp_plan *plan)
{
    uint64_t n = 0;
    for (size_t i = 0; i < plan->n; i++) {
        const struct cp_stage *s = plan->stages[i];
        if (s->type->kind == CP_SINK)
            n += s->account.out - (s->to.stage ? s->account.rejected : 0);
    }
    return n;
}

/* The summary, the tables and the account. When the reader of standard output left, only what was
 * asked for is said. */
static int report(struct run *r)
{
    const struct cp_err *err = &r->result.err;
    const char *shown = err->exit == CP_EXIT_RECORDS ? r->result.err_stage : NULL;
    const char *broken = err->exit == CP_EXIT_IO ? r->result.err_stage : NULL;
    bool is_silent = r->o.quiet || r->result.signal == SIGPIPE;
    struct cp_err account = {0};

    if (err->exit != CP_EXIT_OK)
        cmd_fail_err(r->result.err_stage, err);
    if (!is_silent)
        cmd_report_errors(&r->plan, shown, broken);
    if (r->o.stats)
        cmd_report_stats(&r->plan, r->result.wall_ns, false);
    int status = write_account(r);
    if (cp_run_check_account(&r->plan, &account) < 0) {
        status = cmd_fail_err(NULL, &account);
        cmd_hint(status, "this is a fault of chanpipe: please report it with the pipeline");
    }
    return err->exit != CP_EXIT_OK ? (int)err->exit : status;
}

/* What the run was good for, when nothing went wrong with it. */
static int status_of_records(const struct run *r)
{
    if (r->o.strict && count_failed(&r->plan) > 0)
        return CP_EXIT_RECORDS;
    if (r->o.exit_empty && count_written(&r->plan) == 0)
        return CP_EXIT_EMPTY;
    return 0;
}

static int finish(struct run *r)
{
    int status = report(r), signo = r->result.signal;

    if (status == 0 && signo == 0)
        status = status_of_records(r);
    cp_run_close(&r->plan);
    return status == 0 && signo != 0 ? end_by_signal(signo) : status;
}

/* ---- All of it ---- */

static void show_account(const struct cp_plan *plan)
{
    cmd_report_account(stderr, plan, true);
}

static void show_note(const char *text)
{
    cmd_say("%s", text);
}

static int run_plan(struct run *r)
{
    struct cp_run_options o = {.grace = r->o.grace,
                               .handles_signals = true,
                               .show = show_account,
                               .note = r->o.verbose ? show_note : NULL};
    int rc = check_descriptors(&r->plan);

    if (rc == 0)
        rc = open_account(r, &o);
    if (rc != 0)
        return rc;
    if (r->o.verbose)
        cmd_report_choices(&r->plan);
    cp_run(&r->plan, &o, &r->result);
    return r->result.is_cut ? leave(r) : finish(r);
}

static int run_main(int argc, char **argv, enum cmd_form form)
{
    struct run r = {.o = {.grace = 5 * CP_NS_PER_SECOND}};
    const char *arg;
    int status;

    if (!cmd_parse(&cmd_run, argc, argv, &r.o, &r.files, &status))
        return status;
    if ((status = cmd_workers(r.o.workers, &r.workers)) != 0 ||
        (status = cmd_pick(&cmd_run, &r.o.input, &r.files, &arg, &form)) != 0)
        return status;
    if ((status = cmd_load(&r.pipeline, arg, form)) == 0 && (status = make_plan(&r)) == 0)
        status = run_plan(&r);
    cp_plan_release(&r.plan);
    cmd_unload(&r.pipeline);
    return status;
}

int cmd_run_short(int argc, char **argv)
{
    return run_main(argc, argv, CMD_SHORT);
}

static int run_named(int argc, char **argv)
{
    return run_main(argc, argv, CMD_GUESS);
}

const struct cmd cmd_run = {
    .name = "run",
    .usage = "[OPTION ...] PIPELINE [FILE ...]",
    .summary = "Runs a pipeline over files, or standard input",
    .doc = "PIPELINE is a one-liner (it contains a blank, | or {), a file *.yaml or *.yml, or the "
           "name of a pipeline found in ./pipelines, in $XDG_CONFIG_HOME/chanpipe/pipelines or "
           "among the installed ones. The word run may be left out before a one-liner or a file.\n"
           "Options may stand before or after PIPELINE. A FILE whose name begins with - comes "
           "after --.\n"
           "Exit status: 0 ran to the end; 1 with -x, nothing reached a sink; 2 wrong usage or a "
           "wrong pipeline, nothing was run; 3 records failed, with --strict, on_error: stop or "
           "max_errors; 4 input, output or system error, a program of exec that failed, or "
           "when_full: fail; 5 the account did not balance; "
           "128+N ended by signal N.\n"
           "SIGUSR1 writes the account of the moment to standard error.",
    .options = options,
    .main = run_named,
};
