/* timer.c: times two shell commands in turn.
 *
 *     timer RUNS OUT_A COMMAND_A OUT_B COMMAND_B
 *
 * Each runs once to warm up, then A B A B … RUNS times; standard output goes to OUT_A and OUT_B,
 * which are made anew before the clock starts. Prints a line for each: median wall seconds, median
 * CPU seconds, the largest process in KiB, and 0, or the last bad wait status (an exit status of 1
 * is what grep says without a match). With COMMAND_B empty only A runs. What takes longer than
 * LIMIT seconds is killed and not run again.
 *
 * In turn, because a shared machine changes its speed by the minute: both see the same weather.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_RUNS = 1000,
    LIMIT = 300,
};

extern char **environ;

struct command {
    char *out, *text;
    double wall[MOST_RUNS], cpu[MOST_RUNS];
    long rss;
    int status;
};

static volatile pid_t child;

/* Ends the command with all its processes: it took too long, or we are asked to stop. */
static void on_signal(int signo)
{
    if (child > 0)
        kill(-child, SIGKILL);
    if (signo != SIGALRM)
        _exit(128 + signo);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* In a process group of its own. */
static int spawn(const struct command *c, int out, pid_t *pid)
{
    char sh[] = "sh", option[] = "-c";
    char *args[] = {sh, option, c->text, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;

    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int rc = posix_spawn(pid, "/bin/sh", &actions, &attr, args, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* One run; i < 0 is the warm-up. */
static int run(struct command *c, int i)
{
    pid_t pid;
    int status;
    struct rusage use;

    unlink(c->out);
    int out = open(c->out, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (out < 0) {
        perror(c->out);
        return -1;
    }
    double start = now();
    int rc = spawn(c, out, &pid);
    if (rc == 0) {
        child = pid;
        alarm(LIMIT);
        rc = wait4(pid, &status, 0, &use) < 0;
        alarm(0);
        child = 0;
    }
    double wall = now() - start;
    close(out);
    if (rc != 0) {
        fprintf(stderr, "timer: cannot run the shell\n");
        return -1;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        c->status = status;
    if (i < 0)
        return 0;
    c->wall[i] = wall;
    c->cpu[i] = seconds(use.ru_utime) + seconds(use.ru_stime);
    if (use.ru_maxrss > c->rss)
        c->rss = use.ru_maxrss;
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
    static struct command commands[2];
    int runs = argc == 6 ? atoi(argv[1]) : 0;

    if (runs < 1 || runs > MOST_RUNS) {
        fprintf(stderr, "usage: timer RUNS OUT_A COMMAND_A OUT_B COMMAND_B\n");
        return 2;
    }
    int n = argv[5][0] ? 2 : 1;
    for (int k = 0; k < n; k++) {
        commands[k].out = argv[2 + 2 * k];
        commands[k].text = argv[3 + 2 * k];
    }
    catch_signals();
    for (int i = -1; i < runs; i++)
        for (int k = 0; k < n; k++)
            if (!WIFSIGNALED(commands[k].status) && run(&commands[k], i) != 0)
                return 4;
    for (int k = 0; k < n; k++) {
        struct command *c = &commands[k];
        printf("%.6f %.6f %ld %d\n", median(c->wall, runs), median(c->cpu, runs), c->rss,
               c->status);
    }
    return 0;
}
