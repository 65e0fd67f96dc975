/*
 * barrier_test.c - channels in a sandbox that begins after they were made. Writes TAP.
 *
 * Each case runs in a child, which makes channels, then has the system refuse calls that they use
 * (seccomp), and goes on. Nothing may be lost and nobody may sleep for ever.
 */
#include "../../lib/chan/barrier.h"
#include "chan_tap.h"

#if defined(__linux__) && !defined(CHAN_PORTABLE)
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define VALUES 20000

/* From now on the two calls give EPERM. False when there is no seccomp. */
static bool refuse(int first, int second)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)first, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)second, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void *run_sender(void *arg)
{
    for (long i = 1; i <= VALUES; i++)
        if (chan_send(arg, &i) != CHAN_OK)
            break;
    chan_tx_drop(arg);
    return NULL;
}

/* All values, in order, with many sleeps of both sides; then the close. */
static bool moves(size_t capacity, bool one, bool (*sandbox)(void))
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = capacity,
                                   .elem_size = sizeof(long),
                                   .one_to_one = one};
    struct pair pair;
    pthread_t thread;
    long expected = 1;
    long value;
    bool ok;

    if (chan_open(&options, &pair.tx, &pair.rx) != CHAN_OK || !sandbox() ||
        pthread_create(&thread, NULL, run_sender, pair.tx) != 0)
        return false;
    while (chan_recv(pair.rx, &value) == CHAN_OK && value == expected) {
        expected++;
        if (value % 1000 == 0)
            usleep(1000); /* lets the sender fall asleep */
    }
    ok = expected == VALUES + 1;
    chan_rx_drop(pair.rx);
    pthread_join(thread, NULL);
    return ok;
}

static atomic_long destroyed;

static void count(void *elem, void *ctx)
{
    (void)elem;
    (void)ctx;
    atomic_fetch_add(&destroyed, 1);
}

/* What was sent is destroyed when the receiver goes. */
static bool closes(bool (*sandbox)(void))
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = 64,
                                   .elem_size = sizeof(long),
                                   .drop = count,
                                   .one_to_one = true};
    struct pair pair;
    long sent = 0;

    if (chan_open(&options, &pair.tx, &pair.rx) != CHAN_OK || !sandbox())
        return false;
    while (sent < 50 && chan_send(pair.tx, &sent) == CHAN_OK)
        sent++;
    chan_rx_drop(pair.rx);
    if (atomic_load(&destroyed) != sent || chan_send(pair.tx, &sent) != CHAN_CLOSED)
        return false;
    chan_tx_drop(pair.tx);
    return true;
}

static bool no_membarrier(void)
{
    return refuse(SYS_membarrier, SYS_membarrier);
}

static bool neither(void)
{
    return refuse(SYS_membarrier, SYS_sched_setaffinity);
}

static bool run_closes(void)
{
    return closes(no_membarrier);
}

static bool run_1to1(void)
{
    return moves(64, true, no_membarrier);
}

static bool run_many(void)
{
    return moves(64, false, no_membarrier);
}

static bool run_unbounded_1to1(void)
{
    return moves(CHAN_UNBOUNDED, true, no_membarrier);
}

static bool run_unbounded(void)
{
    return moves(CHAN_UNBOUNDED, false, no_membarrier);
}

/* Channels that are made in the sandbox do not rely on what it refuses. */
static bool run_made_later(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 64, .elem_size = 1, .one_to_one = true};
    chan_tx *tx;
    chan_rx *rx;

    if (chan_open(&options, &tx, &rx) != CHAN_OK || !no_membarrier())
        return false;
    chan_rx_drop(rx);
    chan_tx_drop(tx);
    return !chani_barrier_is_possible() && moves(64, true, neither);
}

static bool run_sandbox_first(void)
{
    return neither() && !chani_barrier_is_possible() && moves(64, true, neither);
}

/* The processors that the thread may run on are what they were. */
static bool run_affinity(void)
{
    cpu_set_t before;
    cpu_set_t after;

    return chani_barrier_is_possible() && sched_getaffinity(0, sizeof(before), &before) == 0 &&
           no_membarrier() && (chani_barrier_heavy(), true) &&
           sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_EQUAL(&before, &after);
}

static void misuse(void)
{
    moves(64, true, neither);
}

static bool has_seccomp(void)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0)
        _exit(no_membarrier() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int number;

static bool report(bool ok, const char *name)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++number, name);
    fflush(stdout);
    return ok;
}

static bool check(bool (*run)(void), const char *name)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(100);
        _exit(run() ? 0 : 1);
    }
    return report(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, name);
}

/* The barrier is asked for in a child, so that each case begins without an answer. */
static bool is_possible_here(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(chani_barrier_is_possible() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
    bool ok;

    if (!has_seccomp() || !is_possible_here()) {
        printf("1..0 # SKIP no seccomp, or no membarrier\n");
        return 0;
    }
    ok = check(run_1to1, "1:1 channels go on without membarrier");
    ok &= check(run_many, "bounded channels go on without it");
    ok &= check(run_unbounded_1to1, "unbounded 1:1 channels go on without it");
    ok &= check(run_unbounded, "unbounded channels go on without it");
    ok &= check(run_closes, "closing destroys what was sent, without it");
    ok &= check(run_affinity, "the barrier leaves the thread's processors as they were");
    ok &= check(run_made_later, "channels made later do not need it");
    ok &= check(run_sandbox_first, "channels made in the sandbox need nothing");
    check_abort(misuse, "Sandboxes in chan(7)");
    ok &= report(atomic_load(&failures) == 0, "without both calls the process is stopped");
    printf("1..%d\n", number);
    return ok ? 0 : 1;
}

#else

int main(void)
{
    printf("1..0 # SKIP not on Linux, or the portable build\n");
    return 0;
}

#endif
