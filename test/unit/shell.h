/* shell.h: for tests that run chanpipe as a program: TAP lines, files, and commands with a time
 * limit. */
#ifndef CP_TEST_SHELL_H
#define CP_TEST_SHELL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int shell_tests, shell_failures;
static char shell_dir[] = "/tmp/chanpipe-test-XXXXXX";

static inline void shell_begin(void)
{
    if (!mkdtemp(shell_dir) || chdir(shell_dir) < 0)
        exit(99);
    if (!getenv("CHANPIPE")) {
        puts("1..0 # SKIP CHANPIPE is not set");
        exit(0);
    }
    setenv("LC_ALL", "C", 1);
}

static inline int shell_end(void)
{
    char cmd[64];
    printf("1..%d\n", shell_tests);
    snprintf(cmd, sizeof cmd, "rm -rf %s", shell_dir);
    if (!getenv("KEEP") && system(cmd) != 0)
        return 1;
    return shell_failures > 0;
}

static inline bool shell_ok(bool ok, const char *what, const char *detail)
{
    printf("%sok %d - ", ok ? "" : "not ", ++shell_tests);
    for (const char *p = what; *p; p++)
        putchar(*p == '\n' ? ' ' : *p == '#' ? '.' : *p);
    putchar('\n');
    shell_failures += !ok;
    for (const char *p = ok ? NULL : detail; p && *p;) {
        size_t n = strcspn(p, "\n");
        printf("# %.*s\n", (int)(n > 400 ? 400 : n), p);
        p += n + (p[n] == '\n');
    }
    return ok;
}

static inline void shell_write(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
        exit(98);
}

/* The bytes of a file, at most cap - 1, ended by NUL; returns their number. */
static inline size_t shell_read(const char *path, char *buf, size_t cap)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(buf, 1, cap - 1, f) : 0;
    if (f)
        fclose(f);
    buf[n] = '\0';
    return n;
}

/* Runs `cmd` by sh with standard output in `out` and standard error in `err`; the exit status, 124
 * when it hangs. */
static inline int shell_run(const char *cmd)
{
    static char line[1 << 16];
    shell_write("cmd", cmd, strlen(cmd));
    snprintf(line, sizeof line, "timeout -k 2 %s sh cmd >out 2>err",
             getenv("LIMIT") ? getenv("LIMIT") : "20");
    int rc = system(line);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc);
}

/* A text as one word of the shell. */
static inline char *shell_quote(const char *s)
{
    static char ring[4][8192];
    static int at;
    char *buf = ring[at++ % 4], *o = buf;
    *o++ = '\'';
    for (; *s && o < buf + sizeof ring[0] - 8; s++) {
        if (*s == '\'')
            o += sprintf(o, "'\\''");
        else
            *o++ = *s;
    }
    strcpy(o, "'");
    return buf;
}

#endif
