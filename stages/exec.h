/* exec.h: programs as stages: what the three stages of that name share.
 *
 * DESIGN. Where nothing stands before it, exec is a source, where nothing stands behind it a sink,
 * and between other stages a co-process. A source reads what the program prints (exec_source.c), a
 * sink writes to it what a file would get (exec_sink.c). Between, one thread waits with poll(2) for
 * its input, for what the programs print and for room in their pipes; it never waits for one of
 * them alone, so no program can stall it by not reading or not writing. Threads that read and write
 * would say the same with two more threads for each program, and two more hands for each byte.
 */
#ifndef CP_STAGES_EXEC_H
#define CP_STAGES_EXEC_H

#include "../lib/io/process.h"
#include "../lib/run/rejects.h"
#include "sink.h"
#include "source.h"

/* A program and its arguments. */
struct exec_program {
    char **argv;
    const char *name; /* for messages: all of them, shortened */
};

/* What an end of the program means that nobody asked for. */
enum exec_on_exit { EXEC_FAIL, EXEC_END, EXEC_RESTART };

/* Takes the program and its arguments out of p->words: what is left are the options before it. */
int exec_plan_program(struct cp_planner *p, const struct cp_option *options,
                      struct exec_program *program);

/* Fails the stage for the way the program ended; when: "", or " before …". */
enum cp_outcome exec_fail(struct cp_stage *s, const struct exec_program *program,
                          const struct cp_process *process, const char *when);

/* Whether the stage may wait for more input although the program has ended: it ended well, and has
 * read all that it was given. Whether it ended too early the next record says. */
bool exec_may_have_ended(const struct cp_process *process, int on_exit);

/* ---- The co-process ---- */

struct exec {
    struct sink sink; /* the format, and its encoder; of the output only `out` is used */
    struct exec_program program;

    /* Options. */
    int mode, on_exit;
    struct cp_slice as;
    uint64_t restarts, max_line;
    int64_t backoff;

    struct cp_framing *framing; /* stream: of what the program prints */
    int answer_slot;            /* each */
    size_t n_processes;
    struct stream *stream;
    struct each *each;
};

/* Prepares self->sink.out to hand what is encoded to `write`. */
int exec_open_encoder(struct cp_stage *s, struct exec *self,
                      int (*write)(void *ctx, const char *p, size_t n), void *ctx,
                      struct cp_err *err);
/* Record i of b cannot be written, `before` came before it: does what on_error says. False: the
 * stage has failed. */
bool exec_record_failed(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                        const char *reason);
/* How long to wait before the program is started again for the nth time. */
int exec_pause_ms(const struct exec *self, uint64_t n);

/* exec_stream.c: each line that the program prints is a record. */
int exec_stream_open(struct cp_stage *s, struct exec *self, struct cp_err *err);
void exec_stream_run(struct cp_stage *s, struct exec *self);
void exec_stream_close(struct exec *self);

/* exec_each.c: each line answers a record. */
size_t exec_each_memory(const struct cp_planner *p, size_t n_processes);
int exec_each_open(struct cp_stage *s, struct exec *self, struct cp_err *err);
void exec_each_run(struct cp_stage *s, struct exec *self);
void exec_each_close(struct exec *self);

extern const struct cp_stage_type cp_stage_exec, exec_source, exec_sink;

#endif
