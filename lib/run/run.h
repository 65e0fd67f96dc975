/* run.h: a plan at work: one named thread per stage, joined by bounded channels. Workers of a stage
 * have a thread each, which they may share with those of the stage below (chain.h).
 *
 * DESIGN. Every stage has one loop: receive a batch, work on it in place, send it on. Close is
 * data: the last sender gone means end of input, after everything queued was read; the last
 * receiver gone means stop. A stage that ends (head has its ten records, a sink's reader left, a
 * failure) shuts the channel into it; that is passed up at once, channel by channel, to the source,
 * so that an idle pipeline ends too: its threads sleep in a receive or in poll, and a shut channel
 * or the source's stop descriptor wakes them. The first cause of a failure is kept; what follows
 * from it is silent.
 *
 * The calling thread waits for signals, watches standard output for a reader that leaves, and
 * collects the end.
 */
#ifndef CP_RUN_RUN_H
#define CP_RUN_RUN_H

#include "../plan/plan.h"

struct cp_run_options {
    int64_t grace; /* ns from the first SIGINT or SIGTERM, or from when_full: fail, until everything
                      is left as it is */
    void (*note)(const char *text); /* gets what cp_stage_note says, from any thread, one at a time;
                                       or NULL */
    void (*show)(const struct cp_plan *plan); /* SIGUSR1 came, in the calling thread; or NULL */
    /* A file that the caller writes after the run, or NULL. The pipeline may neither read nor write
     * it; it is emptied when all stages are open. */
    const char *report_path;
    int report_fd;
    bool handles_signals; /* SIGINT, SIGTERM, SIGPIPE are ours; tests of the library say no */
};

struct cp_run_result {
    struct cp_err err;     /* the first cause; exit 0: none */
    const char *err_stage; /* whose it is */
    int signal;  /* ended by this signal: to be raised again; SIGPIPE when the reader of stdout left
                  */
    bool is_cut; /* grace was over: threads still run; the process must end without releasing
                    anything */
    bool has_begun; /* all stages were open: what is reported is of a run */
    int64_t wall_ns;
};

/* Opens all stages, runs the plan to its end and joins its threads. The accounts of the stages hold
 * afterwards. Returns 0, or -1 when result->err is set. Blocks SIGINT, SIGTERM in the calling
 * thread for good. */
int cp_run(struct cp_plan *plan, const struct cp_run_options *options,
           struct cp_run_result *result);

/* After cp_run, unless is_cut: closes the stages and gives their pools back. Rows in flight may
 * point into stages, so this is a step of its own. */
void cp_run_close(struct cp_plan *plan);

/* Whether the accounts balance: in + made = out + filtered + dropped + errored + taken + held for
 * every stage, and for every edge sent = received + dropped + cut. Fills err with the first that
 * does not. */
int cp_run_check_account(const struct cp_plan *plan, struct cp_err *err);

/* Adds what the workers of a stage counted to the first one's account; after all have ended. The
 * first error is that of the record that came first. */
void cp_account_gather(struct cp_stage *s);

/* What all workers of a stage have counted up to their last batch. Any thread, while it runs. */
struct cp_account cp_account_now(const struct cp_stage *s);
/* Shows the account of one worker to other threads; that worker's thread. */
void cp_account_show(struct cp_stage *s);

/* Bytes that the pipeline can come to use while running: pools, tables, buffers, threads, the
 * program itself; from the sizes of what is allocated. SIZE_MAX: any number, for a
 * channel is unbounded. */
size_t cp_run_bound(const struct cp_plan *plan);

#endif
