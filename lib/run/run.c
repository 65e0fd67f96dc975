/* run.c: start, failure and end of a pipeline; the calling thread. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/alloc.h"
#include "../io/process.h"
#include "chain.h"
#include "edge.h"
#include "pull.h"
#include "rejects.h"
#include "run_impl.h"

enum { STACK_SIZE = 256 * 1024 };

/* ---- Ending ---- */

static void source_stop(struct cp_stage *s)
{
    uint64_t one = 1;
    atomic_store(&s->must_stop, true);
    ssize_t n = write(s->stop_fd, &one, sizeof one);
    (void)n; /* cannot fail: the counter is far from its limit */
}

bool run_is_wanted(const struct cp_stage *s)
{
    if (s->type->kind == CP_SINK)
        return true;
    for (size_t k = 0; k < s->n_outs; k++)
        if (!atomic_load(&s->outs[k]->is_shut))
            return true;
    return false;
}

/* A stage that waits for a time does not any more. */
static void stage_wake(struct cp_stage *s)
{
    if (s->wake)
        chan_rx_shutdown(s->wake);
}

void run_wake(struct cp_run *run)
{
    uint64_t one = 1;
    ssize_t n = write(run->done_fd, &one, sizeof one);
    (void)n; /* cannot fail: the counter is far from its limit */
}

/* Nobody wants what comes into s any more: shuts those edges, and passes it up where nobody else
 * wants anything. Any thread: edges live until all threads have ended. */
void cp_stage_cut_input(struct cp_stage *s)
{
    if (s->stop_fd >= 0)
        source_stop(s);
    stage_wake(s);
    for (size_t k = 0; k < s->n_ins; k++)
        if (cp_edge_shut(s->ins[k]) && !run_is_wanted(s->ins[k]->from))
            cp_stage_cut_input(s->ins[k]->from);
}

static void run_stop_sources(struct cp_run *run)
{
    for (size_t i = 0; i < run->plan->n; i++) {
        if (run->plan->stages[i]->type->kind == CP_SOURCE)
            source_stop(run->plan->stages[i]);
        stage_wake(run->plan->stages[i]);
    }
}

void cp_stage_report(struct cp_stage *s)
{
    struct cp_run *run = s->run;
    pthread_mutex_lock(&run->mu);
    if (run->result->err.exit == CP_EXIT_OK) {
        run->result->err = s->err;
        run->result->err_stage = s->name;
    }
    pthread_mutex_unlock(&run->mu);
    run_stop_sources(run);
}

enum cp_outcome cp_stage_fail(struct cp_stage *s, enum cp_exit exit, int sys, const char *fmt, ...)
{
    char text[sizeof s->err.message];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cp_err_set(&s->err, exit, sys, "%s", text);
    cp_stage_report(s);
    return CP_OUTCOME_FAILED;
}

void cp_stage_blame_signal(struct cp_stage *s, int signo)
{
    s->err.signal = signo;
}

void cp_stage_reader_left(struct cp_stage *s)
{
    pthread_mutex_lock(&s->run->mu);
    if (s->run->result->signal == 0)
        s->run->result->signal = SIGPIPE;
    pthread_mutex_unlock(&s->run->mu);
    run_stop_sources(s->run);
}

void cp_stage_note(struct cp_stage *s, const char *fmt, ...)
{
    struct cp_run *run = s->run;
    char text[512];
    va_list ap;

    if (!run->options->note)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&run->mu);
    run->options->note(text);
    pthread_mutex_unlock(&run->mu);
}

/* ---- Files ---- */

static struct used_file *add_file(struct cp_stage *s, uint64_t device, uint64_t inode)
{
    struct used_file *f = cp_heap_take(s->heap, sizeof *f);
    *f = (struct used_file){.device = device, .inode = inode, .next = s->run->used_files};
    s->run->used_files = f;
    return f;
}

static const struct used_file *find_file(const struct cp_run *run, uint64_t device, uint64_t inode,
                                         bool is_written)
{
    for (const struct used_file *f = run->used_files; f; f = f->next)
        if (f->device == device && f->inode == inode && (f->writer != NULL) == is_written)
            return f;
    return NULL;
}

void cp_stage_reads(struct cp_stage *s, uint64_t device, uint64_t inode)
{
    add_file(s, device, inode);
}

bool cp_stage_is_read(const struct cp_stage *s, uint64_t device, uint64_t inode)
{
    return find_file(s->run, device, inode, false) != NULL;
}

/* `file2 (p.yaml:4:5)`. */
static void name_with_place(const struct cp_stage *s, char *out, size_t size)
{
    size_t line, col;

    if (!s->pos.source) {
        snprintf(out, size, "%s", s->name);
        return;
    }
    cp_pos_line(s->pos, &line, &col);
    snprintf(out, size, "%s (%s:%zu:%zu)", s->name, s->pos.source->name, line, col);
}

int cp_stage_writes(struct cp_stage *s, uint64_t device, uint64_t inode, bool appends,
                    struct cp_err *err)
{
    const struct used_file *f = find_file(s->run, device, inode, true);
    char first[160], second[160];

    if (!f) {
        struct used_file *own = add_file(s, device, inode);
        own->writer = s;
        own->appends = appends;
        return 0;
    }
    if (f->appends && appends && !f->writer->writes && !s->writes)
        return 0;
    name_with_place(f->writer, first, sizeof first);
    name_with_place(s, second, sizeof second);
    cp_err_set(err, CP_EXIT_IO, 0, "%s and %s would write into the same file", first, second);
    return cp_err_hint(err, "give each a file of its own");
}

void cp_stage_empties(struct cp_stage *s, int fd, const char *path)
{
    struct emptied_file *f = cp_heap_take(s->heap, sizeof *f);

    *f = (struct emptied_file){s, path, fd, s->run->emptied_files};
    s->run->emptied_files = f;
}

static int refuse_report(struct cp_run *run, const char *does)
{
    cp_err_set(&run->result->err, CP_EXIT_IO, 0, "cannot write %s: the pipeline %s this file",
               run->options->report_path, does);
    return cp_err_hint(&run->result->err, "give the account a file of its own");
}

/* The report is written when all is over: into no file that the pipeline has to do with. */
static int run_check_report(struct cp_run *run)
{
    const struct cp_run_options *o = run->options;
    struct stat st;

    if (!o->report_path || fstat(o->report_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    if (find_file(run, st.st_dev, st.st_ino, false))
        return refuse_report(run, "reads");
    return find_file(run, st.st_dev, st.st_ino, true) ? refuse_report(run, "writes") : 0;
}

static int run_empty_files(struct cp_run *run)
{
    for (const struct emptied_file *f = run->emptied_files; f; f = f->next) {
        if (ftruncate(f->fd, 0) == 0)
            continue;
        run->result->err_stage = f->writer->name;
        return cp_err_set(&run->result->err, CP_EXIT_IO, errno, "cannot write %s", f->path);
    }
    if (run->options->report_path)
        (void)!ftruncate(run->options->report_fd, 0); /* what is no file cannot be emptied */
    return 0;
}

/* ---- Setting up ---- */

static int open_wake(struct cp_stage *s, struct cp_err *err)
{
    struct chan_options o = {.size = sizeof o, .capacity = 1, .elem_size = 1, .name = s->name};
    enum chan_status st = chan_open(&o, &s->wake_tx, &s->wake);

    if (st == CHAN_OK)
        return 0;
    return cp_err_set(err, CP_EXIT_IO, 0, "cannot make a channel: %s", chan_status_name(st));
}

static int stage_open(struct cp_run *run, struct cp_stage *s, struct cp_err *err)
{
    s->run = run;
    s->stop_fd = -1;
    s->pool = s->workers[0]->pool;
    if (s->pool_size.batches > 0 && !s->pool)
        s->pool = cp_pool_new(&s->pool_size);
    if ((s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_POLLS) &&
        (s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return cp_err_set(err, CP_EXIT_IO, errno, "cannot make an event descriptor");
    if (s->waits && open_wake(s, err) < 0)
        return -1;
    return s->type->open ? s->type->open(s, s->self, err) : 0;
}

/* Those that have threads. */
static void run_list_heads(struct cp_run *run)
{
    struct cp_plan *plan = run->plan;
    size_t n = 0;

    for (size_t i = 0; i < plan->n; i++) {
        atomic_init(&plan->stages[i]->workers_alive, plan->stages[i]->n_workers);
        n += plan->stages[i]->n_workers;
    }
    run->heads = cp_heap_take(&plan->heap, n * sizeof *run->heads);
    for (size_t i = 0; i < plan->n; i++) {
        struct cp_stage *s = plan->stages[i];
        for (size_t k = 0; k < s->n_workers && cp_stage_has_threads(s); k++)
            run->heads[run->n_heads++] = s->workers[k];
    }
}

/* Calls fn for all workers, in the order of the plan. */
static int run_each(struct cp_run *run,
                    int (*fn)(struct cp_run *run, struct cp_stage *s, struct cp_err *err))
{
    for (size_t i = 0; i < run->plan->n; i++) {
        struct cp_stage *s = run->plan->stages[i];
        for (size_t k = 0; k < s->n_workers; k++) {
            if (fn(run, s->workers[k], &run->result->err) < 0) {
                run->result->err_stage = s->name;
                return -1;
            }
        }
    }
    return 0;
}

static int open_rejects(struct cp_run *run, struct cp_stage *s, struct cp_err *err)
{
    return cp_rejects_open(&run->rejects_files, s, err);
}

static int run_open(struct cp_run *run)
{
    run_list_heads(run);
    run->done_fd = eventfd(0, EFD_CLOEXEC);
    if (run->done_fd < 0)
        return cp_err_set(&run->result->err, CP_EXIT_IO, errno, "cannot make an event descriptor");
    return run_each(run, stage_open) < 0 ? -1 : run_each(run, open_rejects);
}

static int run_connect(struct cp_run *run)
{
    struct cp_plan *plan = run->plan;
    for (size_t i = 0; i < plan->n_edges; i++)
        if (cp_edge_open(plan->edges[i], &plan->heap, &run->result->err) < 0)
            return -1;
    return 0;
}

static void thread_name(const struct cp_stage *s, pthread_t thread)
{
    char name[16];
    snprintf(name, sizeof name, "cp:%.9s/%zu", s->name, s->worker + 1);
    pthread_setname_np(thread, name);
}

/* Starts the threads, sinks first, so that nothing is read before everybody is there. */
static int run_start(struct cp_run *run)
{
    pthread_attr_t attr;
    int rc = 0;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    run->threads = cp_xcalloc(run->n_heads, sizeof *run->threads);
    for (size_t i = run->n_heads; i-- > 0 && rc == 0;) {
        rc = pthread_create(&run->threads[i], &attr, worker_thread, run->heads[i]);
        if (rc == 0) {
            thread_name(run->heads[i], run->threads[i]);
            run->started++;
        }
    }
    pthread_attr_destroy(&attr);
    for (size_t i = 0; i < run->plan->n_edges && rc == 0; i++)
        if (run->plan->edges[i]->is_pulled)
            cp_pull_begin(run->plan->edges[i]);
    return rc == 0 ? 0 : cp_err_set(&run->result->err, CP_EXIT_IO, rc, "cannot start a thread");
}

/* Ends the workers whose threads could not be started: that ends those that run. */
static void run_unwind(struct cp_run *run)
{
    atomic_store(&run->is_aborted, true);
    run_stop_sources(run);
    for (size_t i = 0; i < run->plan->n_edges; i++)
        if (run->plan->edges[i]->is_pulled)
            cp_pull_abort(run->plan->edges[i]);
    for (size_t i = 0; i < run->n_heads - run->started; i++)
        cp_chain_end(run->heads[i]);
}

/* ---- The calling thread ---- */

/* The sink that writes to standard output, or NULL. */
static struct cp_stage *stdout_sink(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        if (strcmp(plan->stages[i]->type->name, "stdout") == 0)
            return plan->stages[i];
    return NULL;
}

struct watch {
    struct pollfd fds[3]; /* done, signals, standard output */
    struct cp_stage *sink;
    bool is_stopping; /* a signal came */
    int64_t deadline; /* of grace; INT64_MAX: none */
};

static void begin_grace(const struct cp_run *run, struct watch *w)
{
    if (w->deadline == INT64_MAX)
        w->deadline = chan_now_ns() + run->options->grace;
}

/* The first signal stops the sources; the second, or the end of grace, leaves everything as it is.
 */
static bool on_signal(struct cp_run *run, struct watch *w)
{
    struct signalfd_siginfo info;
    if (read(w->fds[1].fd, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo == SIGUSR1) {
        if (run->options->show)
            run->options->show(run->plan);
        return true;
    }
    pthread_mutex_lock(&run->mu);
    run->result->signal = (int)info.ssi_signo;
    pthread_mutex_unlock(&run->mu);
    if (w->is_stopping)
        return false;
    w->is_stopping = true;
    begin_grace(run, w);
    run_stop_sources(run);
    return true;
}

/* A thread ended, or has no time to wait for all. */
static void on_done(struct cp_run *run, struct watch *w)
{
    uint64_t n;
    if (read(run->done_fd, &n, sizeof n) == sizeof n && atomic_load(&run->is_late))
        begin_grace(run, w);
}

static void on_hangup(struct watch *w)
{
    w->fds[2].fd = -1;
    cp_stage_reader_left(w->sink);
    cp_stage_cut_input(w->sink);
}

static int wait_ms(const struct watch *w)
{
    if (w->deadline == INT64_MAX)
        return -1;
    int64_t left = w->deadline - chan_now_ns();
    if (left <= 0)
        return 0;
    return left / 1000000 < INT_MAX ? (int)(left / 1000000 + 1) : INT_MAX;
}

/* Until all threads have ended. False: they are left behind. */
static bool run_wait(struct cp_run *run, struct watch *w)
{
    while (atomic_load(&run->ended) < run->started) {
        int n = poll(w->fds, 3, wait_ms(w));
        if (n < 0)
            continue;
        if (n == 0)
            return false;
        if (w->fds[0].revents)
            on_done(run, w);
        if (w->fds[1].revents && !on_signal(run, w))
            return false;
        if (w->fds[2].revents & (POLLERR | POLLHUP))
            on_hangup(w);
    }
    return true;
}

/* A signal that was ignored when the program started stays so: nohup, jobs in the background of a
 * script. */
static void add_unless_ignored(sigset_t *set, int signo)
{
    struct sigaction old;
    if (sigaction(signo, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaddset(set, signo);
}

/* SIGPIPE would end the process in the middle of a write; a write then says EPIPE. */
static int signals_open(const struct cp_run_options *options)
{
    sigset_t set;
    if (!options->handles_signals)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    add_unless_ignored(&set, SIGINT);
    add_unless_ignored(&set, SIGTERM);
    add_unless_ignored(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run_join(struct cp_run *run)
{
    for (size_t i = run->n_heads - run->started; i < run->n_heads; i++)
        pthread_join(run->threads[i], NULL);
    for (size_t i = 0; i < run->plan->n_edges; i++)
        cp_edge_close(run->plan->edges[i]);
    for (size_t i = 0; i < run->plan->n; i++)
        cp_account_gather(run->plan->stages[i]);
}

/* The signal that ended us may have ended a program of a stage first, as the interrupt key does:
 * that is no failure. */
static void forgive_signal(struct cp_run *run, struct watch *w)
{
    struct cp_run_result *result = run->result;

    pthread_mutex_lock(&run->mu);
    int signo = result->err.signal;
    pthread_mutex_unlock(&run->mu);
    if (signo == 0)
        return;
    while (poll(&w->fds[1], 1, 0) > 0)
        if (!on_signal(run, w))
            break;
    pthread_mutex_lock(&run->mu);
    if (result->signal == signo)
        result->err = (struct cp_err){0};
    pthread_mutex_unlock(&run->mu);
}

static void run_threads(struct cp_run *run)
{
    struct watch w = {.sink = stdout_sink(run->plan), .deadline = INT64_MAX};
    int signal_fd = signals_open(run->options);

    w.fds[0] = (struct pollfd){.fd = run->done_fd, .events = POLLIN};
    w.fds[1] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    w.fds[2] = (struct pollfd){.fd = w.sink ? STDOUT_FILENO : -1};
    if (run_start(run) < 0)
        run_unwind(run);
    run->result->is_cut = !run_wait(run, &w);
    if (run->result->is_cut)
        cp_process_leave_all();
    else
        run_join(run);
    forgive_signal(run, &w);
    if (signal_fd >= 0)
        close(signal_fd);
}

int cp_run(struct cp_plan *plan, const struct cp_run_options *options, struct cp_run_result *result)
{
    struct cp_run *run = cp_heap_take(&plan->heap, sizeof *run);
    int64_t start = chan_now_ns();

    *result = (struct cp_run_result){0};
    *run = (struct cp_run){.plan = plan, .options = options, .result = result, .done_fd = -1};
    pthread_mutex_init(&run->mu, NULL);
    result->has_begun = run_open(run) == 0 && run_check_report(run) == 0 && run_connect(run) == 0 &&
                        run_empty_files(run) == 0;
    if (result->has_begun)
        run_threads(run);
    result->wall_ns = chan_now_ns() - start;
    if (!result->is_cut) {
        cp_rejects_close(run->rejects_files, &result->err);
        free(run->threads);
        close(run->done_fd);
    }
    return result->err.exit == CP_EXIT_OK ? 0 : -1;
}

static void worker_close(struct cp_stage *s)
{
    if (s->type->close)
        s->type->close(s->self);
    cp_stage_forget_reasons(s);
    chan_tx_drop(s->wake_tx);
    chan_rx_drop(s->wake);
    cp_rejects_release(s);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
}

void cp_run_close(struct cp_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        for (size_t k = 0; k < plan->stages[i]->n_workers; k++)
            worker_close(plan->stages[i]->workers[k]);
    for (size_t i = 0; i < plan->n_edges; i++)
        cp_pool_free(plan->edges[i]->views);
    for (size_t i = 0; i < plan->n; i++)
        cp_pool_free(plan->stages[i]->pool);
}
