/*
 * cycle_test.c - the debug build names the members of a wait cycle, and of nothing else. Writes
 * TAP; there is nothing to test without CHAN_DEBUG.
 *
 * Each case is a process of its own. All of them run at once, since to find a cycle, or none, takes
 * more than a second.
 */
#ifdef CHAN_DEBUG

#include "../../lib/chan/chan.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define QUIET_NS (2000 * MS) /* twice as long as a cycle stands before it is reported */
#define LIMIT_S 60

static void must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "not so: %s\n", what);
    _exit(3);
}

#define MUST(claim) must(claim, #claim)

static void pause_ns(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    while (nanosleep(&time, &time) != 0)
        continue;
}

/* A channel of signals. */
struct pair {
    chan_tx *tx;
    chan_rx *rx;
};

static struct pair open_pair(const char *name, size_t capacity)
{
    struct chan_options options = {.size = sizeof(options), .capacity = capacity, .name = name};
    struct pair pair;

    MUST(chan_open(&options, &pair.tx, &pair.rx) == CHAN_OK);
    return pair;
}

static void send(chan_tx *tx)
{
    MUST(chan_send(tx, NULL) == CHAN_OK);
}

static void recv(chan_rx *rx)
{
    MUST(chan_recv(rx, NULL) == CHAN_OK);
}

/* One send and one receive of the same thread, so that both handles are known to be its own. */
static void use(struct pair *pair)
{
    send(pair->tx);
    recv(pair->rx);
}

/* A thread of a case. */
struct actor {
    const char *name;
    void (*act)(struct actor *self);
    chan_tx *tx;
    chan_rx *rx;
    int64_t pause_ns;
    pthread_t thread;
};

static void *run_actor(void *arg)
{
    struct actor *self = arg;

    pthread_setname_np(pthread_self(), self->name);
    self->act(self);
    return NULL;
}

static void start(struct actor *actor)
{
    MUST(pthread_create(&actor->thread, NULL, run_actor, actor) == 0);
}

static void join(struct actor *actor)
{
    MUST(pthread_join(actor->thread, NULL) == 0);
}

/* What actors do. */

static void send_then_recv_twice(struct actor *self)
{
    send(self->tx);
    recv(self->rx);
    recv(self->rx);
}

static void send_once(struct actor *self)
{
    send(self->tx);
}

static void recv_twice(struct actor *self)
{
    recv(self->rx);
    recv(self->rx);
}

static void send_until_closed(struct actor *self)
{
    while (chan_send(self->tx, NULL) == CHAN_OK)
        continue;
}

static void fill_after_one(struct actor *self)
{
    recv(self->rx);
    send_until_closed(self);
}

static void answer(struct actor *self)
{
    while (chan_recv(self->rx, NULL) == CHAN_OK)
        send(self->tx);
}

static void send_pause_send(struct actor *self)
{
    send(self->tx);
    pause_ns(self->pause_ns);
    send(self->tx);
}

static void pause_then_send(struct actor *self)
{
    pause_ns(self->pause_ns);
    send(self->tx);
}

static void recv_send_recv(struct actor *self)
{
    recv(self->rx);
    send(self->tx);
    recv(self->rx);
}

static void recv_pause_send(struct actor *self)
{
    recv(self->rx);
    pause_ns(self->pause_ns);
    send(self->tx);
}

static void send_pause_drop(struct actor *self)
{
    send(self->tx);
    pause_ns(self->pause_ns);
    chan_tx_drop(self->tx);
}

static void wait_with_deadline(struct actor *self)
{
    send(self->tx);
    MUST(chan_recv_timeout(self->rx, NULL, self->pause_ns) == CHAN_TIMEOUT);
    send(self->tx);
}

/* Cycles. */

static void two_threads(void)
{
    struct pair x = open_pair("x", 4);
    struct pair y = open_pair("y", 4);
    struct actor a = {.name = "a", .act = send_then_recv_twice, .tx = y.tx, .rx = x.rx};
    struct actor b = {.name = "b", .act = send_then_recv_twice, .tx = x.tx, .rx = y.rx};

    start(&a);
    start(&b);
    join(&a);
}

static void oneself(void)
{
    struct pair x = open_pair("x", 1);

    pthread_setname_np(pthread_self(), "narcissus");
    use(&x);
    recv(x.rx);
}

static void full_of_oneself(void)
{
    struct pair x = open_pair("x", 2);

    pthread_setname_np(pthread_self(), "narcissus");
    use(&x);
    send(x.tx);
    send(x.tx);
    send(x.tx);
}

static void full_both_ways(void)
{
    struct pair x = open_pair("x", 1);
    struct pair y = open_pair("y", 1);
    static struct actor a = {.name = "a", .act = fill_after_one};
    static struct actor b = {.name = "b", .act = fill_after_one};

    a.tx = y.tx;
    a.rx = x.rx;
    b.tx = x.tx;
    b.rx = y.rx;
    send(x.tx);
    send(y.tx);
    start(&a);
    start(&b);
    pthread_exit(NULL); /* it used the senders, too */
}

static void a_drop_completes_it(void)
{
    struct pair x = open_pair("x", 4);
    struct actor c = {.name = "c", .act = send_pause_drop, .pause_ns = QUIET_NS / 4};

    pthread_setname_np(pthread_self(), "main");
    use(&x);
    MUST(chan_tx_clone(x.tx, &c.tx) == CHAN_OK);
    start(&c);
    recv(x.rx);
    recv(x.rx);
}

static void the_end_of_a_thread_completes_it(void)
{
    struct pair x = open_pair("x", 4);
    struct actor c = {.name = "c", .act = send_pause_send, .tx = x.tx, .pause_ns = QUIET_NS / 4};

    pthread_setname_np(pthread_self(), "main");
    use(&x);
    start(&c);
    for (int i = 0; i < 3; i++)
        recv(x.rx);
}

/* A select waits for all its cases; one of them is a rendezvous. */
static void a_select(void)
{
    struct pair x = open_pair("x", 4);
    struct pair y = open_pair("y", 4);
    struct actor b = {.name = "b", .act = send_then_recv_twice, .tx = x.tx, .rx = y.rx};
    struct chan_case cases[] = {{.rx = x.rx}, {.tx = NULL}, {.rx = y.rx}};
    size_t chosen;

    pthread_setname_np(pthread_self(), "main");
    use(&y);
    send(y.tx);
    start(&b);
    recv(x.rx);
    chan_select(cases, 3, 0, &chosen);
}

static void meet(void)
{
    struct pair x = open_pair("x", 0);
    struct pair y = open_pair("y", 0);
    struct actor a = {.name = "a", .act = send_then_recv_twice, .tx = y.tx, .rx = x.rx};
    struct actor b = {.name = "b", .act = recv_send_recv, .tx = x.tx, .rx = y.rx};

    start(&a);
    start(&b);
    join(&a);
}

/* None. */

static void select_with_timer(void)
{
    struct pair x = open_pair("x", 1);
    struct chan_case cases[] = {{.rx = x.rx}, {.rx = NULL}};
    int64_t due;
    size_t chosen;

    use(&x);
    MUST(chan_after(QUIET_NS, &cases[1].rx) == CHAN_OK);
    cases[1].elem = &due;
    MUST(chan_select(cases, 2, 0, &chosen) == CHAN_OK && chosen == 1);
}

/* Threads that each wait for the next, and the last one, who used its sender before, works. */
static void work_elsewhere(void)
{
    struct pair x = open_pair("x", 4);
    struct actor c = {.name = "c", .act = send_pause_send, .tx = x.tx, .pause_ns = QUIET_NS};

    start(&c);
    recv(x.rx);
    recv(x.rx);
    join(&c);
}

/* The same with a sender that nobody has used. */
static void unused_sender_elsewhere(void)
{
    struct pair x = open_pair("x", 4);
    struct actor c = {.name = "c", .act = pause_then_send, .pause_ns = QUIET_NS};

    use(&x);
    MUST(chan_tx_clone(x.tx, &c.tx) == CHAN_OK);
    start(&c);
    recv(x.rx);
    join(&c);
}

/* The one that used the sender has ended and left it to somebody who does something else. */
static void inherited_sender(void)
{
    struct pair x = open_pair("x", 4);
    struct actor maker = {.name = "maker", .act = send_once, .tx = x.tx};
    struct actor a = {.name = "a", .act = recv_twice, .rx = x.rx};

    start(&maker);
    join(&maker);
    start(&a);
    pause_ns(QUIET_NS);
    send(x.tx);
    join(&a);
}

/* Two workers share one sender and take turns: the one that used it last sleeps, the other works.
 */
static void shared_sender(void)
{
    struct pair jobs = open_pair("jobs", 4);
    struct pair done = open_pair("done", 4);
    struct actor fast = {.name = "fast", .act = answer, .tx = done.tx, .rx = jobs.rx};
    struct actor slow = {
        .name = "slow", .act = send_pause_send, .tx = done.tx, .pause_ns = QUIET_NS};

    start(&slow);
    recv(done.rx);
    start(&fast);
    send(jobs.tx);
    recv(done.rx);
    recv(done.rx);
    join(&slow);
    chan_tx_drop(jobs.tx);
    join(&fast);
}

static void request_and_slow_reply(void)
{
    struct pair x = open_pair("x", 1);
    struct pair y = open_pair("y", 1);
    struct actor server = {
        .name = "server", .act = recv_pause_send, .tx = y.tx, .rx = x.rx, .pause_ns = QUIET_NS};

    start(&server);
    send(x.tx);
    recv(y.rx);
    join(&server);
}

/* Both wait for each other, but one of them not for ever. */
static void a_deadline(void)
{
    struct pair x = open_pair("x", 4);
    struct pair y = open_pair("y", 4);
    struct actor a = {
        .name = "a", .act = wait_with_deadline, .tx = x.tx, .rx = y.rx, .pause_ns = QUIET_NS};

    use(&y);
    start(&a);
    recv(x.rx);
    recv(x.rx);
    join(&a);
}

static void slow_requests(void)
{
    struct pair x = open_pair("x", 1);
    struct pair y = open_pair("y", 1);
    struct actor a = {.name = "a", .act = answer, .rx = x.rx, .tx = y.tx};

    start(&a);
    for (int i = 0; i < 2; i++) {
        send(x.tx);
        recv(y.rx);
        pause_ns(QUIET_NS * 3 / 4);
    }
    chan_tx_drop(x.tx);
    join(&a);
}

static void reserve_pause_release(struct actor *self)
{
    struct chan_permit permit;

    MUST(chan_reserve(self->tx, &permit) == CHAN_OK);
    send(self->tx);
    pause_ns(self->pause_ns);
    chan_permit_release(&permit);
}

/* All receivers wait to send, but there is a permit that will be given back. */
static void a_permit(void)
{
    struct pair x = open_pair("x", 2);
    struct actor c = {.name = "c", .act = reserve_pause_release, .pause_ns = QUIET_NS};

    use(&x);
    MUST(chan_tx_clone(x.tx, &c.tx) == CHAN_OK);
    start(&c);
    recv(x.rx);
    send(x.tx);
    send(x.tx);
    join(&c);
}

static void end_well(int signo)
{
    (void)signo;
    _exit(0);
}

/* A weak sender that somebody may use. */
static void a_weak_sender(void)
{
    struct pair x = open_pair("x", 2);
    chan_weak *weak;

    use(&x);
    MUST(chan_tx_downgrade(x.tx, &weak) == CHAN_OK);
    MUST(chan_recv_timeout(x.rx, NULL, 1) == CHAN_TIMEOUT);
    signal(SIGALRM, end_well);
    alarm(2);
    recv(x.rx);
}

/* The handle that an upgrade makes and gives up again is forgotten. */
static void a_failed_upgrade(void)
{
    struct pair x = open_pair("x", 1);
    chan_weak *weak;
    chan_weak *clone;

    MUST(chan_tx_downgrade(x.tx, &weak) == CHAN_OK);
    chan_tx_drop(x.tx);
    MUST(chan_weak_upgrade(weak, &x.tx) == CHAN_CLOSED);
    MUST(chan_weak_clone(weak, &clone) == CHAN_OK);
    chan_weak_drop(weak);
    chan_weak_drop(clone);
    chan_rx_drop(x.rx);
}

/* Short waits, one after the other, for longer than a second. */
static void a_flow(void)
{
    struct pair x = open_pair("x", 1);
    struct pair y = open_pair("y", 1);
    struct actor a = {.name = "a", .act = answer, .rx = x.rx, .tx = y.tx};
    int64_t end = chan_now_ns() + QUIET_NS;

    start(&a);
    while (chan_now_ns() < end) {
        send(x.tx);
        recv(y.rx);
    }
    chan_tx_drop(x.tx);
    join(&a);
}

/* The table. */

struct test {
    const char *name;
    void (*run)(void);
    const char *messages[3]; /* of a cycle: its members, in any order */
};

#define CYCLE "chan: wait cycle: thread "

static const struct test tests[] = {
    {"two threads receive",
     two_threads,
     {CYCLE "'a' receives from 'x'\n", CYCLE "'b' receives from 'y'\n"}},
    {"a thread receives from itself", oneself, {CYCLE "'narcissus' receives from 'x'\n"}},
    {"a thread sends to itself", full_of_oneself, {CYCLE "'narcissus' sends to 'x'\n"}},
    {"two threads send to each other",
     full_both_ways,
     {CYCLE "'a' sends to 'y'\n", CYCLE "'b' sends to 'x'\n"}},
    {"a drop completes the cycle", a_drop_completes_it, {CYCLE "'main' receives from 'x'\n"}},
    {"the end of a thread completes the cycle",
     the_end_of_a_thread_completes_it,
     {CYCLE "'main' receives from 'x'\n"}},
    {"a select",
     a_select,
     {CYCLE "'main' receives from 'x' or receives from 'y'\n", CYCLE "'b' receives from 'y'\n"}},
    {"rendezvous", meet, {CYCLE "'a' receives from 'x'\n", CYCLE "'b' receives from 'y'\n"}},
    {"no cycle: a select with a timer", select_with_timer, {NULL}},
    {"no cycle: a running thread has a sender", work_elsewhere, {NULL}},
    {"no cycle: a sender that nobody has used", unused_sender_elsewhere, {NULL}},
    {"no cycle: the users of a sender have ended", inherited_sender, {NULL}},
    {"no cycle: a shared sender, one of its users runs", shared_sender, {NULL}},
    {"no cycle: a slow reply", request_and_slow_reply, {NULL}},
    {"no cycle: a deadline", a_deadline, {NULL}},
    {"no cycle: slow requests", slow_requests, {NULL}},
    {"no cycle: a permit", a_permit, {NULL}},
    {"no cycle: a weak sender", a_weak_sender, {NULL}},
    {"no cycle: an upgrade that fails", a_failed_upgrade, {NULL}},
    {"no cycle: a flow", a_flow, {NULL}},
};

#define N_TESTS (sizeof(tests) / sizeof(tests[0]))

/* A case under way. */
struct child {
    pid_t pid;
    int fd; /* its standard error */
};

static void run_child(const struct test *test, int fd)
{
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    dup2(fd, STDERR_FILENO);
    alarm(LIMIT_S);
    test->run();
    _exit(0);
}

static bool begin(const struct test *test, struct child *child)
{
    int fds[2];

    if (pipe(fds) != 0)
        return false;
    child->fd = fds[0];
    child->pid = fork();
    if (child->pid == 0)
        run_child(test, fds[1]);
    close(fds[1]);
    return child->pid > 0;
}

/* What the case wrote, and how it ended. */
static bool is_right(const struct test *test, const char *text, int status)
{
    size_t length = 0;

    if (test->messages[0] == NULL)
        return text[0] == '\0' && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    for (size_t i = 0; test->messages[i] != NULL; i++) {
        if (strstr(text, test->messages[i]) == NULL)
            return false;
        length += strlen(test->messages[i]);
    }
    return strlen(text) == length && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static bool end(const struct test *test, struct child *child, size_t number)
{
    char text[2048] = "";
    size_t used = 0;
    int status = 0;
    ssize_t n;
    bool ok;

    while ((n = read(child->fd, text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)n;
    close(child->fd);
    ok = waitpid(child->pid, &status, 0) == child->pid && is_right(test, text, status);
    printf("%sok %zu - %s\n", ok ? "" : "not ", number, test->name);
    if (!ok)
        printf("# status %d, standard error: %s\n", status, text);
    return ok;
}

int main(void)
{
    struct child children[N_TESTS];
    size_t failed = 0;

    printf("1..%zu\n", N_TESTS);
    fflush(stdout);
    for (size_t i = 0; i < N_TESTS; i++) {
        if (!begin(&tests[i], &children[i])) {
            perror("cycle_test");
            return 1;
        }
    }
    for (size_t i = 0; i < N_TESTS; i++)
        failed += !end(&tests[i], &children[i], i + 1);
    return failed > 0;
}

#else

#include <stdio.h>

int main(void)
{
    puts("1..0 # skipped: only a debug build looks for cycles");
    return 0;
}

#endif
