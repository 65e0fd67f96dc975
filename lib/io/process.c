/* process.c: starting programs, waiting for them, ending them. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/wait.h"

extern char **environ;

enum {
    PATIENCE_MS = 300,       /* to end by itself, once its pipes are closed */
    TERM_PATIENCE_MS = 1000, /* to end after SIGTERM */
    TICK_MS = 10,            /* where the system cannot tell of its end */
};

/* Those that run, and their numbers: a number is sent no signal once it was waited for. */
static pthread_mutex_t running_mu = PTHREAD_MUTEX_INITIALIZER;
static struct cp_process *running;

static void add_running(struct cp_process *p)
{
    pthread_mutex_lock(&running_mu);
    p->next = running;
    running = p;
    pthread_mutex_unlock(&running_mu);
}

/* With running_mu held. */
static void remove_running(struct cp_process *p)
{
    struct cp_process **at = &running;

    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
}

static void send_signal(const struct cp_process *p, int signo)
{
    kill(p->is_alone ? -p->pid : p->pid, signo);
}

void cp_process_leave_all(void)
{
    pthread_mutex_lock(&running_mu);
    for (const struct cp_process *p = running; p; p = p->next)
        send_signal(p, SIGTERM);
    pthread_mutex_unlock(&running_mu);
}

/* ---- Starting ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe whose ends are no standard descriptors: those may have been closed when we were started,
 * and are about to be replaced in the program. */
static int make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    for (int k = 0; k < 2; k++) {
        int fd = fds[k] > STDERR_FILENO ? fds[k] : fcntl(fds[k], F_DUPFD_CLOEXEC, 3);
        int sys = errno;
        if (fd != fds[k])
            close(fds[k]);
        fds[k] = fd;
        if (fd < 0) {
            close_fd(&fds[1 - k]);
            errno = sys;
            return -1;
        }
    }
    return 0;
}

/* The program's ends of the pipes; -1: none. */
struct ends {
    int in, out;
};

static int make_pipes(struct cp_process *p, struct ends *ends, unsigned flags)
{
    int fds[2];

    *ends = (struct ends){-1, -1};
    if (flags & CP_PROCESS_IN) {
        if (make_pipe(fds) < 0)
            return -1;
        ends->in = fds[0];
        p->in = fds[1];
        fcntl(p->in, F_SETFL, O_NONBLOCK);
    }
    if (flags & CP_PROCESS_OUT) {
        if (make_pipe(fds) < 0)
            return -1;
        p->out = fds[0];
        ends->out = fds[1];
    }
    return 0;
}

/* What a runtime of pipelines changes: it blocks the signals that it reads, and ignores two. */
static void set_signals(posix_spawnattr_t *attr)
{
    sigset_t none, usual;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &usual);
}

/* 0 or an errno. */
static int spawn(struct cp_process *p, char *const *argv, const struct ends *ends)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    posix_spawnattr_init(&attr);
    set_signals(&attr);
    if (p->is_alone)
        flags |= POSIX_SPAWN_SETPGROUP; /* the group 0: its own */
    posix_spawnattr_setflags(&attr, flags);
    if (ends->in >= 0)
        rc = posix_spawn_file_actions_adddup2(&actions, ends->in, STDIN_FILENO);
    if (ends->out >= 0 && rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, ends->out, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawnp(&p->pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int cp_process_start(struct cp_process *p, char *const *argv, unsigned flags, struct cp_err *err)
{
    struct ends ends;
    int rc;

    *p = (struct cp_process)CP_PROCESS_NONE;
    p->is_alone = flags & CP_PROCESS_GROUP;
    rc = make_pipes(p, &ends, flags) < 0 ? errno : spawn(p, argv, &ends);
    close_fd(&ends.in);
    close_fd(&ends.out);
    if (rc != 0) {
        p->pid = 0;
        close_fd(&p->in);
        close_fd(&p->out);
        return cp_err_set(err, CP_EXIT_IO, rc, "cannot run %s", argv[0]);
    }
    p->ended_fd = (int)syscall(SYS_pidfd_open, p->pid, 0); /* it has FD_CLOEXEC */
    add_running(p);
    return 0;
}

void cp_process_close_in(struct cp_process *p)
{
    close_fd(&p->in);
}

void cp_process_close_out(struct cp_process *p)
{
    close_fd(&p->out);
}

int cp_process_unread(const struct cp_process *p)
{
    int n;

    return p->in >= 0 && ioctl(p->in, FIONREAD, &n) == 0 ? n : -1;
}

/* ---- Waiting ---- */

/* Whether it has ended; then nothing is left of it. */
static bool is_over(struct cp_process *p)
{
    pthread_mutex_lock(&running_mu);
    pid_t pid;
    while ((pid = waitpid(p->pid, &p->status, WNOHANG)) < 0 && errno == EINTR)
        ;
    if (pid != 0)
        remove_running(p);
    pthread_mutex_unlock(&running_mu);
    if (pid == 0)
        return false;
    if (pid < 0)
        p->status = 0; /* somebody else has waited for it */
    p->pid = 0;
    close_fd(&p->ended_fd);
    return true;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

bool cp_process_wait(struct cp_process *p, int timeout_ms, int stop_fd)
{
    int64_t end = now_ms() + timeout_ms;

    cp_before_wait();
    while (p->pid != 0 && !is_over(p)) {
        struct pollfd fds[2] = {{.fd = p->ended_fd, .events = POLLIN},
                                {.fd = stop_fd, .events = POLLIN}};
        int64_t left = timeout_ms < 0 ? -1 : end - now_ms();
        if (timeout_ms >= 0 && left <= 0)
            return false;
        if (p->ended_fd < 0 && (left < 0 || left > TICK_MS))
            left = TICK_MS;
        if (poll(fds, 2, (int)left) > 0 && fds[1].revents != 0)
            return is_over(p);
    }
    return true;
}

/* True: all have ended. */
static bool wait_all(struct cp_process *const *list, size_t n, int timeout_ms)
{
    int64_t end = now_ms() + timeout_ms;
    bool have_ended = true;

    for (size_t k = 0; k < n; k++) {
        int64_t left = end - now_ms();
        have_ended &= cp_process_wait(list[k], left > 0 ? (int)left : 0, -1);
    }
    return have_ended;
}

static void signal_all(struct cp_process *const *list, size_t n, int signo)
{
    for (size_t k = 0; k < n; k++)
        if (list[k]->pid != 0)
            send_signal(list[k], signo);
}

void cp_process_stop_all(struct cp_process *const *list, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        cp_process_close_in(list[k]);
        cp_process_close_out(list[k]);
    }
    if (wait_all(list, n, PATIENCE_MS))
        return;
    signal_all(list, n, SIGTERM);
    if (wait_all(list, n, TERM_PATIENCE_MS))
        return;
    signal_all(list, n, SIGKILL);
    for (size_t k = 0; k < n; k++)
        cp_process_wait(list[k], -1, -1);
}

void cp_process_stop(struct cp_process *p)
{
    cp_process_stop_all(&p, 1);
}

/* ---- How it ended ---- */

bool cp_process_is_good(const struct cp_process *p)
{
    return WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0;
}

int cp_process_signal(const struct cp_process *p)
{
    return WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
}

const char *cp_process_ending(const struct cp_process *p, char *text, size_t size)
{
    int signo = cp_process_signal(p);
    const char *name = signo > 0 ? sigdescr_np(signo) : NULL;

    if (signo > 0)
        snprintf(text, size, "signal %d (%s)", signo, name ? name : "unknown");
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(p->status));
    return text;
}
