/* process.h: a program that runs beside us, with pipes to its standard input and output.
 *
 * DESIGN. A program is a list of arguments, found by PATH, never a line for a shell. It gets the
 * two pipes that were asked for and else our own standard descriptors; every other descriptor of
 * ours is close-on-exec. Signals that we block or ignore for our own sake are as usual in it.
 *
 * By default it belongs to our process group, as the programs of a pipeline of the shell do: it may
 * use the terminal, and the interrupt key reaches it, too. With CP_PROCESS_GROUP it has a group of
 * its own: it outlives the interrupt key until we are done with it, and what ends it ends what it
 * has started.
 *
 * One thread at a time for each struct; it must not move while the program runs. Every program
 * that was started is waited for: cp_process_wait or cp_process_stop.
 */
#ifndef CP_IO_PROCESS_H
#define CP_IO_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/err.h"

enum cp_process_flags {
    CP_PROCESS_IN = 1,    /* a pipe to its standard input */
    CP_PROCESS_OUT = 2,   /* a pipe from its standard output */
    CP_PROCESS_GROUP = 4, /* a process group of its own */
};

struct cp_process {
    pid_t pid;               /* 0: it does not run (any more) */
    int in;                  /* writes to it never block (EAGAIN); -1: none, or closed */
    int out;                 /* -1: none, or closed */
    int ended_fd;            /* readable when it has ended; -1: the system has no such descriptor */
    int status;              /* of the last one that ended, as waitpid(2) gives it */
    bool is_alone;           /* has its own group */
    struct cp_process *next; /* those that run */
};

/* What a struct is before anything was started. */
#define CP_PROCESS_NONE                                                                            \
    {                                                                                              \
        .in = -1, .out = -1, .ended_fd = -1                                                        \
    }

/* Starts argv[0] with the arguments argv, which NULL ends. 0, or -1 and err, which names it. */
int cp_process_start(struct cp_process *p, char *const *argv, unsigned flags, struct cp_err *err);

void cp_process_close_in(struct cp_process *p);
void cp_process_close_out(struct cp_process *p);

/* Bytes that were written to it and that it has not read, also when it has ended; -1: nobody can
 * tell, or its input is closed. */
int cp_process_unread(const struct cp_process *p);

/* Waits until it has ended, for at most timeout_ms (-1: as long as it takes), or until stop_fd (-1:
 * none) is readable. True: it has ended, p->status says how, and nothing is left of it. */
bool cp_process_wait(struct cp_process *p, int timeout_ms, int stop_fd);

/* Closes the pipes, gives it a moment to end by itself, then ends it: SIGTERM, then SIGKILL. May be
 * called when it does not run. */
void cp_process_stop(struct cp_process *p);
/* The same for several, which take no longer than one. */
void cp_process_stop_all(struct cp_process *const *list, size_t n);

/* Whether it ended as a program does that has nothing to complain about. */
bool cp_process_is_good(const struct cp_process *p);
/* The signal that ended it, or 0. */
int cp_process_signal(const struct cp_process *p);
/* "exit status 3", "signal 9 (Killed)"; written to text. */
const char *cp_process_ending(const struct cp_process *p, char *text, size_t size);

/* Sends SIGTERM to all that run: we are about to end without waiting for them. Any thread. */
void cp_process_leave_all(void);

#endif
