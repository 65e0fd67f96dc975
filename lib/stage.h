/* stage.h: the contract between a stage and the rest. All that a file in stages/ sees.
 *
 * A stage is one file with one const descriptor, `const struct cp_stage_type cp_stage_NAME`; there
 * is no other place to edit: the registry is made from the file list. From the descriptor come
 * validation of both pipeline forms, help, the manual page, completion, the schema and one test per
 * example.
 *
 * LIFE OF A STAGE
 *
 * plan: once, while the pipeline is checked, on one thread. Reads its arguments, binds its
 * expressions to the scope, changes the scope to what its records look like. Reports mistakes with
 * positions to diags.
 *
 * open: before any thread starts and after the whole plan stands. Opens files, makes tables.
 *
 * next: sources. The next batch, as soon as there is one; NULL at the end of the input, when the
 * stage shall stop (stop_fd) or has failed. One call at a time, from a thread of its own or, where
 * several workers follow, from theirs (run/pull.h).
 *
 * run: stages that join or wait: what they receive is up to them. Sends batches with cp_emit until
 * the input ends or cp_emit says stop.
 *
 * process: all others, in their thread, for every batch. Works on the batch in place: shortens the
 * selection, fills columns. The runtime sends the batch on. Aggregates take what they need and
 * clear the selection.
 *
 * idle: nothing more at hand right now: whatever was held back only to make larger portions must
 * leave (sinks). A stage that needs nothing more may say so.
 *
 * due: the time that the stage has set with s->due_at is over and nothing more is at hand: what was
 * held back for what may come must leave, with cp_emit; where branches meet it stands at
 * cp_stage_due_place. While batches come the time may be over without it. For CP_STAGE_STREAMS.
 *
 * leave: each of several workers, when it takes nothing more, whatever the reason: what it holds
 * back leaves, in its turn. It may wait for the others until then.
 *
 * finish: at the end of input or after CP_OUTCOME_DONE: aggregates emit their rows, sources give up
 * what they hold.
 *
 * close: after all threads have ended; also when open failed half-way.
 *
 * WORKERS. A stage may run in several threads, each with a private struct of its own: a copy of the
 * planned one, in which fork replaces what must not be shared; then at_end, open, process and close
 * are called for each. Which worker gets which batch follows from the order of the batches, and
 * what they send leaves in that order, unless order: false waives it. Aggregates have merge: when
 * all workers have ended, the last one adds what the others have to the first, and finishes that.
 * Stages that pass what is new (CP_STAGE_SIFTS) are planned twice when they have workers: each
 * worker of the first, whose is_front is set, passes what is new to that worker, and the second, in
 * one thread, sees to it that what several of them passed leaves once. What a record looks like is
 * the second one's business.
 *
 * WAITING. A stage that waits for something in its own way calls cp_before_wait (base/wait.h)
 * first; what is offered here does so.
 *
 * ERRORS. A stage tells of each record that fails, once per batch: with cp_stage_settle or
 * cp_stage_pass after evaluating expressions, else with cp_stage_failed or cp_stage_give_up. What
 * becomes of it is the runtime's business: where it goes, what is counted, and when it is too much
 * (on_error, max_errors).
 *
 * The private struct (descriptor.size bytes) is allocated zeroed by the planner; options are
 * already in it when plan is called. What a stage sends downstream may point into its memory until
 * close.
 */
#ifndef CP_STAGE_H
#define CP_STAGE_H

#include "base/err.h"
#include "base/number.h"
#include "base/option.h"
#include "data/batch.h"
#include "data/keeper.h"
#include "expr/expr.h"
#include "expr/scope.h"
#include "format/format.h"
#include "plan/doc.h"
#include "plan/words.h"

struct cp_stage;
struct cp_planner;

enum cp_stage_kind { CP_SOURCE, CP_PARSE, CP_TRANSFORM, CP_FILTER, CP_AGGREGATE, CP_FLOW, CP_SINK };

enum cp_stage_flags {
    CP_STAGE_STATELESS = 1, /* records do not depend on each other: may have workers, as stages with
                               merge may */
    CP_STAGE_MAKES = 2,     /* sends batches of its own with cp_stage_batch (aggregates, sort) */
    CP_STAGE_STREAMS = 8,   /* beside it: as the input comes, and not only at its end */
    CP_STAGE_JOINS = 16,    /* has several inputs: `run` takes from them (cp_stage_receive) */
    CP_STAGE_SIFTS = 32,    /* leaves out what has come before: may have workers, see above */
    CP_STAGE_POLLS = 64,    /* `run` takes its one input with cp_stage_poll, beside descriptors; has
                            one worker */
    CP_STAGE_SEES_ALL = 128, /* `process` gets all batches that come, also those without records:
                                they may end a group */
    CP_STAGE_COUNTS = 4,     /* what passes depends on how many came before (head, skip, sample): no
                                prefilter behind */
};

/* One tested example: what the stage makes of an input, in a one-liner. Run by the tests, shown by
 * help. */
struct cp_example {
    const char *pipeline; /* the whole one-liner */
    const char *input;
    const char *output;
    const char *summary; /* or NULL */
};

/* What process tells the runtime. */
enum cp_outcome {
    CP_OUTCOME_OK,
    CP_OUTCOME_DONE,   /* send this batch on, then take no more input: as if it had ended */
    CP_OUTCOME_FULL,   /* the batch's arena is full: nothing was changed but columns of this stage;
                          call again with fewer */
    CP_OUTCOME_FAILED, /* cp_stage_fail was called */
};

struct cp_stage_type {
    const char *name;
    enum cp_stage_kind kind;
    const char *summary; /* one sentence without full stop */
    const char *usage;   /* the arguments, as in `by FIELD [, FIELD …]` */
    const char *doc;     /* paragraphs of plain text */
    enum cp_args_form args;
    enum cp_branches_form branches; /* of cp_item; then the arguments are empty */
    unsigned flags;
    size_t size; /* of the private struct */
    const struct cp_option *options;
    const struct cp_example *examples; /* ended by pipeline == NULL */

    /* A setting that is neither a common key nor in `options` (parse: options of its format). 1:
     * taken, also after a diagnostic; 0: unknown. The words have been split. NULL: all such are
     * unknown. */
    int (*setting)(struct cp_planner *p, void *self, const struct cp_setting *set);
    /* A kind whose name means several stages: which one it is where nothing stands before it
     * (is_first), or nothing behind it in its pipeline or branch (is_last). They all have its name;
     * this one is that of the registry. NULL: it is this one everywhere. */
    const struct cp_stage_type *(*by_place)(const struct cp_item *item, bool is_first,
                                            bool is_last);
    const struct cp_stage_type *const *others; /* those by_place can give beside it; NULL ends */
    int (*plan)(struct cp_planner *p, void *self);
    void (*fork)(struct cp_stage *s, void *self); /* NULL: a plain copy will do */
    int (*open)(struct cp_stage *s, void *self, struct cp_err *err);
    struct cp_batch *(*next)(struct cp_stage *s, void *self);
    void (*run)(struct cp_stage *s, void *self);
    enum cp_outcome (*process)(struct cp_stage *s, void *self, struct cp_batch *b);
    int (*idle)(struct cp_stage *s, void *self); /* -1: it takes nothing more; due as well */
    int (*due)(struct cp_stage *s, void *self);
    void (*leave)(struct cp_stage *s, void *self); /* NULL: there is nothing to wait for */
    void (*merge)(struct cp_stage *s, void *self, void *other); /* NULL: there is nothing to add */
    int (*finish)(struct cp_stage *s, void *self);
    void (*close)(void *self);
};

/* The registry, sorted by name; NULL-terminated. */
extern const struct cp_stage_type *const cp_stage_types[];
const struct cp_stage_type *cp_stage_type_find(struct cp_slice name);
/* The same as the readers of docs need it. */
const struct cp_kinds *cp_stage_kinds(void);

/* ---- While planning ---- */

/* What a sender does with a batch when the channel is full. */
enum cp_when_full {
    CP_FULL_WAIT,
    CP_FULL_DROP_NEW, /* loses its records */
    CP_FULL_DROP_OLD, /* loses those of the oldest batch in the channel */
    CP_FULL_SAMPLE,   /* keeps every Nth of its records and waits */
    CP_FULL_FAIL,     /* ends the pipeline */
};

enum cp_on_error {
    CP_ON_ERROR_DEFAULT,
    CP_ON_ERROR_SKIP,
    CP_ON_ERROR_KEEP,
    CP_ON_ERROR_STOP,
    CP_ON_ERROR_TO,
};

#define CP_NO_OUTPUT SIZE_MAX

/* on_error: {to: …}: where records that fail go. */
struct cp_error_to {
    const char *file;             /* a rejects file (format/rejects.h); or NULL */
    const char *stage;            /* the name of a stage; or NULL */
    size_t output;                /* to a stage: the last output of this one; else CP_NO_OUTPUT */
    int error_slot;               /* `_error` in what goes over it */
    int line_slot;                /* `line` there, where the record is its bytes; else CP_NO_SLOT */
    const struct cp_shape *shape; /* to a file: of records without bytes of their own; else NULL */
};

/* max_errors: when more records have failed the stage stops. */
struct cp_max_errors {
    uint64_t n;       /* UINT64_MAX: any number may */
    uint64_t million; /* of so many, once CP_ERRORS_SEEN have been seen; UINT64_MAX: all may */
};
enum { CP_ERRORS_SEEN = 1000 };

/* How the source cuts and labels bytes; a parse stage sets it for its format. */
struct cp_framing {
    enum cp_frame frame;
    bool is_chosen;                 /* the user wrote `frame:` */
    uint8_t delimiter;              /* of CP_FRAME_CSV */
    bool wants_header;              /* the first record of every input names the columns */
    size_t max_record;              /* CP_FRAME_REJECTS: bytes a record may have */
    struct cp_wants *lines;         /* who reads `line` before any parse stage */
    const struct cp_format *format; /* the parser that reads the bytes; NULL: lines */
    void *decoder;                  /* for format->header */
};

enum { CP_MAX_WORKERS = 64 };
#define CP_WORKERS_AUTO SIZE_MAX
#define CP_UNBOUNDED SIZE_MAX /* a capacity */

struct cp_plan_options {
    const char *format;          /* -o; NULL: the default */
    const char *const *operands; /* FILE … of the command line */
    size_t n_operands;
    const struct cp_expr_names *names; /* var.X, env.X, ${X} */
    bool is_terminal;                  /* standard output is one */
    bool no_prefilter;
    bool retries;         /* the inputs are rejects files */
    bool counts_errors;   /* --strict, --account: every bad record must be seen, so no prefilter */
    bool counts_values;   /* -s: parsers count the values they make */
    size_t block_size;    /* 0: CP_BLOCK_SIZE; tests use smaller ones */
    size_t batch_records; /* 0: CP_BATCH_RECORDS */
    size_t capacity;      /* of channels whose stage does not say it */
    bool has_capacity;    /* false: that is 4 */
    size_t lose;          /* this batch over every edge is lost, to test the account; 0: none */
    size_t workers;       /* of each stage that can have them; 0: one; CP_WORKERS_AUTO */
    size_t processors;    /* that the threads run on: for CP_WORKERS_AUTO */
};

/* Where a stage that gives only the first records of what it took takes their number: sort. For
 * head right behind it. */
struct cp_cut {
    uint64_t *limit; /* 0: all; NULL: no such stage yet */
    const struct cp_stage *stage;
};

struct cp_planner {
    struct cp_stage *stage;
    const struct cp_stage *above; /* the one whose records come in; NULL: none, or several */
    const struct cp_item *item;
    struct cp_heap *heap; /* lives as long as the pipeline */
    struct cp_diags *diags;
    struct cp_scope *scope; /* what the records look like; plan changes it in place */
    struct cp_words words;  /* CP_ARGS_WORDS*: the arguments, ${} expanded */
    struct cp_lexer *lexer; /* CP_ARGS_EXPR: the arguments */
    const struct cp_expr_names *names;
    struct cp_framing *framing; /* of the source above; NULL when there is none */
    struct cp_prefilter
        *prefilter; /* of the parse stage above while conditions may be added; else NULL */
    const struct cp_plan_options *options;
    size_t max_line; /* bytes a record or a computed text may have; the source sets it */
    struct cp_cut cut;
};

/* Parses one expression from p->lexer and binds it to p->scope; NULL after a diagnostic. Notes
 * whether it makes text. */
struct cp_expr *cp_plan_expr(struct cp_planner *p);
/* The same for an expression parsed already. */
int cp_plan_bind(struct cp_planner *p, struct cp_expr *x);
/* How to read a field here; warns when no stage makes it. */
struct cp_ref cp_plan_read(struct cp_planner *p, const struct cp_path *path, struct cp_pos pos);
/* For stages that take words: a word key=value sets that option of the stage. */
int cp_plan_word_option(struct cp_planner *p, const struct cp_word *w);
/* For those that have options elsewhere, too (more): says that `whose` has no such one. -1. */
int cp_plan_no_option(struct cp_planner *p, const struct cp_word *w, const char *whose,
                      const struct cp_option *more);
/* For stages that take a number and options, such as head: *n is left as it is without one. -1 and
 * "expected …". */
int cp_plan_count(struct cp_planner *p, uint64_t *n, const char *expected);
/* The stage takes memory in the batch's arena: batches get one, and the pool one batch more. */
void cp_plan_makes_text(struct cp_planner *p);
/* Records that do not come in order make no sense to the stage: nothing above waives that. */
void cp_plan_needs_order(struct cp_planner *p);
/* The stage may wait for a time, and put records off until then: cp_stage_wait, cp_stage_put_off.
 */
void cp_plan_waits(struct cp_planner *p);
/* The stage keeps records (data/keeper.h) and gives them back with cp_stage_give: its pool gets
 * blocks for them. It has CP_STAGE_MAKES. What it holds at most is told with cp_plan_memory. */
void cp_plan_keeps_records(struct cp_planner *p);
/* CP_STAGE_MAKES: records are cut from bytes that the stage reads (run/feed.h): they are lines, as
 * those of a source, whatever came in. Gives how to cut them. */
struct cp_framing *cp_plan_cuts_records(struct cp_planner *p);
/* CP_STAGE_JOINS: records leave in the order in which they were before they parted. -1: they do not
 * come from one stage. */
int cp_plan_join_in_order(struct cp_planner *p);
/* Of several inputs: the stage that number k comes from. */
const char *cp_plan_input_name(const struct cp_planner *p, size_t k);
/* The same records come over several inputs of the stage, for these part somewhere above. */
bool cp_plan_share_records(const struct cp_stage *s);
/* Sources: batches say of each record where it came from. */
void cp_plan_tells_origins(struct cp_planner *p);
/* Failed records of the stage are counted against a limit: each must be seen. */
bool cp_plan_limits_errors(const struct cp_planner *p);
/* Stages that read the records' bytes: with on_error {to: STAGE} they go there as `line`. */
void cp_plan_fails_as_lines(struct cp_planner *p);
/* Records of several inputs come to the stage by turns: those of one do not follow each other. */
bool cp_plan_is_mixed(const struct cp_planner *p);
/* Sinks: the stage writes the file of that name. -1 after a diagnostic: another one does. What lies
 * in /dev and /proc is no file. */
int cp_plan_writes(struct cp_planner *p, const char *path);
/* What a writer sees in the records of this scope; asks parsers for all fields that a writer
 * writes. Constant. */
struct cp_shape *cp_plan_shape(struct cp_planner *p);
/* Called when the whole plan stands (all fields that anybody reads are known), before open; in the
 * order of the stages. */
void cp_plan_at_end(struct cp_planner *p,
                    int (*fn)(struct cp_stage *s, void *self, struct cp_err *err));
/* The same for a writer that writes the records' own bytes: asks for nothing. Scope must be
 * unchanged. */
struct cp_shape *cp_plan_shape_raw(struct cp_planner *p);
/* The wants of a parser: its scope hands them what anybody reads. */
struct cp_wants *cp_plan_wants(struct cp_planner *p, const struct cp_format *format, void *decoder);
/* -1 after a diagnostic at the option max_memory, when it is less than the stage can do with. hint
 * may be NULL. */
int cp_plan_least_memory(struct cp_planner *p, uint64_t max_memory, size_t least, const char *hint);
/* Bytes that a kept record takes at most: its own, the texts made for it, its columns. */
size_t cp_plan_largest_record(const struct cp_planner *p);
/* The stage runs so many programs beside its thread: for explain and graph. */
void cp_plan_programs(struct cp_planner *p, size_t n);
/* The stage has one worker for that reason. -1 after a diagnostic: the user asked for more. */
int cp_plan_one_worker(struct cp_planner *p, const char *why);
/* Counts memory of the stage that is in no pool, for the bound that explain prints. */
void cp_plan_memory(struct cp_planner *p, size_t bytes);

/* The conditions that spare records from being parsed (architecture.md, decision 5). */
struct cp_prefilter {
    bool is_off;             /* somebody reads the records who does not stand behind the filter */
    struct cp_need needs[8]; /* at least one must hold; of the first filter that gave any */
    size_t n;
    bool (*can_probe)(const void *decoder, const struct cp_need *need);
    const void *decoder;
};

/* ---- While running ---- */

/* Terms of the account (product.md, section 6). Written by the stage's thread only; in and out by
 * the runtime. */
struct cp_account {
    uint64_t in, made, out, filtered, dropped, errored, taken, held;
    uint64_t unparsed; /* part of filtered: ruled out by the prefilter */
    uint64_t values;   /* columns filled by a parser */
    uint64_t warned;   /* records with an error that went on */
    uint64_t
        rejected; /* went where on_error says; to a file: part of errored, to a stage: of out */
    uint64_t bytes, batches;
    uint64_t bad_utf8;
};

enum { CP_ACCOUNT_TERMS = sizeof(struct cp_account) / sizeof(uint64_t) };

struct cp_run;
struct cp_edge;

struct cp_stage {
    /* Constant after planning. */
    const struct cp_stage_type *type;
    const char *name;
    size_t index;
    void *self;
    const struct cp_item *item; /* as written; without arguments where nobody wrote it */
    struct cp_pos pos;
    enum cp_on_error on_error;
    int error_slot; /* of _error, with on_error keep; else CP_NO_SLOT */
    struct cp_error_to to;
    struct cp_max_errors max_errors;
    bool fails_as_lines; /* cp_plan_fails_as_lines */
    bool tells_origins;  /* cp_plan_tells_origins */
    size_t capacity;     /* of the channel into it, in batches; CP_UNBOUNDED */
    bool has_capacity;
    enum cp_when_full when_full; /* of the channel into it */
    uint64_t sample;             /* N of CP_FULL_SAMPLE */
    size_t max_line;             /* bytes a text may have */
    size_t max_record;           /* bytes of the largest record that comes in */
    size_t records;              /* of a batch, at most */
    bool makes_text;
    bool makes_marks;                 /* parse: leaves marks for a writer (format.h) */
    bool keeps_records;               /* cp_plan_keeps_records */
    bool needs_order;                 /* cp_plan_needs_order */
    bool waits;                       /* cp_plan_waits */
    bool cuts_records;                /* cp_plan_cuts_records */
    const struct cp_stage *parted_at; /* where records join again in order: where they parted; else
                                         NULL */
    bool is_front;                    /* CP_STAGE_SIFTS: the first of two */
    size_t depth;        /* partings above it whose records join again in order below it: the orders
                            (batch.h) that its batches come and leave with */
    size_t joins_at;     /* where records join again in order: the depth of where they parted */
    bool numbers;        /* what parts here joins again in order: gives batches their numbers */
    bool is_ending;      /* its input has ended: what it makes now comes last */
    bool reports_values; /* somebody looks at account.values */
    const struct cp_shape *shape; /* sinks of records: what is written; else NULL */
    const char *writes;           /* cp_plan_writes; NULL: no file */
    const struct cp_format
        *format;         /* parse: what it reads; sinks of records: what they write; else NULL */
    struct cp_uses uses; /* the fields that it reads and makes */
    const struct cp_wants *wants; /* sources and parse: the fields that anybody reads; else NULL */
    const struct cp_prefilter
        *prefilter; /* parse: conditions that spare records from it, if any; else NULL */
    uint16_t *live; /* slots that have been filled when a batch arrives here */
    size_t n_live;
    size_t memory;     /* cp_plan_memory */
    size_t n_programs; /* cp_plan_programs */
    int (*at_end)(struct cp_stage *s, void *self, struct cp_err *err);
    struct cp_pool_size pool_size; /* of its own pool: sources and CP_STAGE_MAKES */
    struct cp_heap *heap;
    struct cp_stage **workers; /* all of this stage, each with a struct of its own; the plan lists
                                  the first */
    size_t n_workers, worker;  /* how many there are, and which one this is */
    struct cp_edge **ins, **outs; /* what comes in and goes out; shared by the workers. The last
                                     output is that of failed records, where there is one */
    size_t n_ins, n_outs;
    bool wants_workers;     /* workers: auto */
    size_t default_workers; /* what defaults say in place of -w; 0: nothing */
    bool waives_order;      /* order: false */
    bool is_loose; /* its workers take what comes next, and what they send leaves as it is ready;
                      else by turns */

    /* The runtime's. */
    struct cp_run *run;
    struct cp_pool *pool;
    _Atomic size_t workers_alive; /* of the first worker: how many have not ended */
    bool has_failed;              /* process said CP_OUTCOME_FAILED */
    bool has_stopped;             /* it takes nothing more, before its input ends */
    bool is_receiving;            /* it waits for input, or is about to */
    struct cp_eval *eval;         /* made by cp_stage_eval */
    _Atomic bool must_stop;       /* sources, CP_STAGE_POLLS: somebody asked it to end */
    int stop_fd;                  /* the same: readable when must_stop */
    uint64_t next_seq;
    struct cp_batch *current;            /* being processed, or NULL */
    struct cp_order heard[CP_MAX_DEPTH]; /* the orders of the batch received last */
    uint64_t heard_seq;                  /* its number, and the records that left with that */
    uint32_t heard_ordinal;
    struct cp_batch **rest;  /* of the batch being processed: what was put off */
    struct chan_tx *wake_tx; /* of a stage that waits: closed when it is not to wait any more */
    struct chan_rx *wake;
    bool is_due;    /* `due` is being called */
    int64_t due_at; /* the stage's: when it wants that, on the clock of chan_now_ns; 0: never */
    struct cp_batch *rejected;  /* a view of it with those that failed, or NULL */
    struct cp_rejects *rejects; /* run/rejects.h; or NULL */
    uint64_t failed;            /* records, whatever became of them */
    uint64_t failed_at;         /* the last of them: how many had been seen with it */
    uint64_t seen;              /* records of the batches before the one that is being processed */
    size_t portion; /* records to process at a time, after an arena was full; 0: all of a batch */
    struct cp_account account;
    _Atomic uint64_t shown[CP_ACCOUNT_TERMS]; /* the account as other threads see it; relaxed */
    struct cp_err err;                        /* why it failed */
    char first_error[256];                    /* the first record error: "file:line: reason" */
    uint64_t first_error_at;                  /* its record's place among all (cp_batch_position) */
    struct cp_reason *reasons;                /* see cp_stage_reason */
    char note[256]; /* said in the summary: what the stage had to do without (semantics 33, 35);
                       empty: nothing */
};

/* Sends a batch downstream; it is gone. False: nobody wants more, or the pipeline was stopped: end
 * soon. For sources and stages that make records; process never needs it. */
bool cp_emit(struct cp_stage *s, struct cp_batch *b);

/* How many outputs a stage has for records that did not fail. */
static inline size_t cp_stage_outputs(const struct cp_stage *s)
{
    return s->n_outs - (s->to.output != CP_NO_OUTPUT);
}

/* Stages with several outputs: sends a batch over one of them; it is gone. Not over the last one of
 * cp_stage_outputs: that gets the batch itself when process returns. */
void cp_emit_to(struct cp_stage *s, size_t output, struct cp_batch *b);
/* Whether anybody takes what goes over an output. */
bool cp_stage_is_taken(const struct cp_stage *s, size_t output);
/* A view of b to go over an output, with nothing selected. Blocks until one is free. */
struct cp_batch *cp_stage_view(struct cp_stage *s, size_t output, struct cp_batch *b);

/* CP_STAGE_JOINS: the next batch of an input; waits for it. NULL: the input has ended. */
struct cp_batch *cp_stage_receive(struct cp_stage *s, size_t input);
/* The next batch of any input; *input says of which. By turns, or the first that has one. NULL: all
 * have ended. */
struct cp_batch *cp_stage_receive_any(struct cp_stage *s, bool by_priority, size_t *input);
/* CP_STAGE_POLLS: waits until poll(2) has something to say of fds[0..n), the stage is asked to end,
 * or timeout_ms are over (-1: never); with b not NULL also for the next batch of the one input,
 * which goes before all else. Fills the revents in any case. At most 3 * CP_MAX_WORKERS
 * descriptors. */
enum cp_came {
    CP_CAME_NOTHING, /* see the revents; or the time is over */
    CP_CAME_BATCH,   /* *b */
    CP_CAME_END,     /* the input has ended */
    CP_CAME_STOP,    /* nobody wants more, or the stage has failed: it cannot wait */
};
struct pollfd;
enum cp_came cp_stage_poll(struct cp_stage *s, struct pollfd *fds, size_t n, int timeout_ms,
                           struct cp_batch **b);
/* Whether a slot of s->live is filled in what an input brings. */
bool cp_stage_brings(const struct cp_stage *s, size_t input, uint16_t slot);
/* Whether all that an input brings is made at the end of what comes in above it. */
bool cp_stage_is_late(const struct cp_stage *s, size_t input);

/* A batch of the stage's own pool, numbered; blocks until one is free. Sources and CP_STAGE_MAKES.
 */
struct cp_batch *cp_stage_batch(struct cp_stage *s);

/* Waits until a time on the clock of chan_now_ns. False: nobody wants what the stage sends, or the
 * pipeline was asked to stop or has failed: it is not to wait any more, and what came leaves at
 * once. In process, with nothing in the batch that could have left before. */
bool cp_stage_wait(struct cp_stage *s, int64_t until);
/* In process: the records sel[from..) of b come again in another batch, when b has left. Errors of
 * evaluating them are forgotten. */
void cp_stage_put_off(struct cp_stage *s, struct cp_batch *b, size_t from);

/* Gives a kept record back: adds it to the batch at hand, which is sent when it is full. False:
 * nobody wants more. To be ended by cp_stage_give_end, which sends the last batch. */
bool cp_stage_give(struct cp_stage *s, struct cp_keeper *k, const char *record);
bool cp_stage_give_end(struct cp_stage *s, struct cp_keeper *k);

/* Where a record that leaves in `due` stands in order d of the s->depth orders (batch.h): behind
 * all that has come. */
uint32_t cp_stage_due_place(const struct cp_stage *s, size_t d);

/* The evaluator of the stage's thread, ready for batch b, without errors. */
struct cp_eval *cp_stage_eval(struct cp_stage *s, struct cp_batch *b);

/* Makes room for evaluating x (NULL: for reading refs only), in open. */
void cp_stage_prepare(struct cp_stage *s, const struct cp_expr *x);

/* For stages that drop records: makes keep[0..kept), chosen from b's selection with ev, the
 * selection; counts the others as filtered and treats records with an error as on_error says (skip:
 * errored, keep: they pass with _error, to: they go there). */
enum cp_outcome cp_stage_pass(struct cp_stage *s, struct cp_batch *b, struct cp_eval *ev,
                              const uint16_t *keep, size_t kept);

/* After evaluating with ev: counts the records that had an error and treats them as on_error says:
 * skip and to shorten b's selection, keep fills _error, stop fails the stage. To be called once per
 * batch, after everything was evaluated and no CP_EVAL_FULL can come any more. */
enum cp_outcome cp_stage_settle(struct cp_stage *s, struct cp_batch *b, struct cp_eval *ev);

/* What becomes of a record that failed. */
enum cp_fate {
    CP_FATE_PASSES, /* with `_error`, where on_error is keep */
    CP_FATE_GONE,   /* the stage leaves it out of the selection */
    CP_FATE_STOPS,  /* it too, and ends with cp_stage_stop_at */
};

/* Record i of b has failed: counts it, keeps the first one for the summary, and does what on_error
 * says. `before` records of the selection came before it. In process, once per record and batch. */
enum cp_fate cp_stage_failed(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                             const char *reason);
/* The same where the record cannot pass, whatever on_error says. */
enum cp_fate cp_stage_give_up(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                              const char *reason);
/* An error whose record the stage lets pass in its own way. True: it stops, as with CP_FATE_STOPS.
 */
bool cp_stage_passes_failed(struct cp_stage *s, const struct cp_batch *b, uint32_t i,
                            uint32_t before, const char *reason);
/* Keeps the first example of a failed record, for the summary, and counts nothing. */
void cp_stage_record_error(struct cp_stage *s, const struct cp_batch *b, uint32_t i,
                           const char *reason);
/* A reason as the value of `_error`: values need bytes behind them that can be read, which static
 * texts do not have. */
struct cp_value cp_stage_reason(struct cp_stage *s, const char *reason);
/* Gives what it took back. */
void cp_stage_forget_reasons(struct cp_stage *s);
/* The same for an error without a record of its own. */
void cp_stage_input_error(struct cp_stage *s, const char *input, uint64_t line, const char *reason);
/* Who cuts records: one failed that is in no batch (a line that is too long). Counts it as errored;
 * it may fail the stage. raw.p == NULL: its bytes are gone. */
void cp_stage_lost(struct cp_stage *s, const struct cp_input *input, uint64_t line, uint64_t offset,
                   struct cp_slice raw, const char *reason);
/* The records of which some may have failed: those that came in, and those that it has cut itself
 * (cp_plan_cuts_records). */
static inline uint64_t cp_stage_tried(const struct cp_stage *s)
{
    return s->account.in + (s->cuts_records ? s->account.made : 0);
}
/* When the input has ended: fails the stage if too many records did (max_errors). */
void cp_stage_check_errors(struct cp_stage *s);

/* Something that the user may want to know, shown with -v: one line, without the program's name. */
void cp_stage_note(struct cp_stage *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sources, in open: the pipeline reads this file. Sinks ask before they write: a pipeline never
 * eats its own input. */
void cp_stage_reads(struct cp_stage *s, uint64_t device, uint64_t inode);
bool cp_stage_is_read(const struct cp_stage *s, uint64_t device, uint64_t inode);
/* A file that is written anew, in open: it is emptied when all stages are open, so that a pipeline
 * which cannot start leaves it as it was. path must live as long. */
void cp_stage_empties(struct cp_stage *s, int fd, const char *path);
/* Sinks, in open: the stage writes this regular file, from its beginning or behind what it holds.
 * -1: another one does. appends: every write goes to its end (O_APPEND); so two may share a file
 * that neither of them names, as /dev/stdout beside standard output. */
int cp_stage_writes(struct cp_stage *s, uint64_t device, uint64_t inode, bool appends,
                    struct cp_err *err);

/* One error too many: it becomes the failure, the first `kept` records of the selection go on,
 * `rest` of them do not. Returns what process returns then. */
enum cp_outcome cp_stage_stop_at(struct cp_stage *s, struct cp_batch *b, uint32_t kept,
                                 uint32_t rest);

/* Ends the input of a stage as if it had said CP_OUTCOME_DONE. Any thread, while the pipeline runs.
 */
void cp_stage_cut_input(struct cp_stage *s);

/* A sink whose reader left (EPIPE): no failure, but the process ends by SIGPIPE. */
void cp_stage_reader_left(struct cp_stage *s);

/* The next failure has its cause in this signal, which ended a program of the stage: where it ends
 * us as well, that is no failure. */
void cp_stage_blame_signal(struct cp_stage *s, int signo);
/* The stage cannot go on: s->err has been filled. */
void cp_stage_report(struct cp_stage *s);
/* The stage cannot go on. Fills its error (the first stays) and returns CP_OUTCOME_FAILED. */
enum cp_outcome cp_stage_fail(struct cp_stage *s, enum cp_exit exit, int sys, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
