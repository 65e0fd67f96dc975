/* cmd.h: the commands. This is the only layer that prints to the user and decides the exit status.
 *
 * A command is one file with one descriptor, `const struct cmd cmd_NAME`, listed in main.c. Its
 * options are one const table: from it come parsing, -h, the help and the manual.
 *
 * Names that the user or the data gave (files, fields, texts in messages) may hold anything: all
 * functions below that print make them harmless with cp_print_safe.
 */
#ifndef CP_CMD_H
#define CP_CMD_H

#include <stdio.h>

#include "../lib/plan/plan.h"
#include "../lib/run/run.h"

#define CMD_COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Commands and their options ---- */

enum cmd_option_type {
    CMD_FLAG,     /* bool */
    CMD_TEXT,     /* const char *: the last one given; NULL when not */
    CMD_LIST,     /* struct cmd_texts: all that were given */
    CMD_CHOICE,   /* int: index into the words of `argument`, which are separated by | */
    CMD_DURATION, /* int64_t, nanoseconds */
};

struct cmd_texts {
    const char **v;
    size_t n;
};

struct cmd_option {
    char letter;      /* or 0 */
    const char *name; /* without --; or NULL */
    enum cmd_option_type type;
    size_t offset;        /* of the value in the command's struct */
    const char *argument; /* its name in the help; NULL for flags */
    const char *summary;  /* one sentence without full stop */
};

struct cmd {
    const char *name;
    const char *usage;                /* behind `chanpipe NAME` */
    const char *summary;              /* one sentence without full stop */
    const char *doc;                  /* paragraphs, one a line; options are added from the table */
    const struct cmd_option *options; /* ended by a row without letter and name; NULL: only -h */
    int (*main)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

extern const struct cmd *const cmds[]; /* NULL-terminated */
extern const struct cmd cmd_run, cmd_check, cmd_explain, cmd_graph, cmd_convert, cmd_list, cmd_help,
    cmd_version;
/* Prints the options --NAME of all commands, each below its command and after *gap; what is gap
 * after them. */
const char *cmd_help_option(const char *name, const char *gap);
const struct cmd *cmd_find(const char *name);
/* `chanpipe PIPELINE …`: run without its name. */
int cmd_run_short(int argc, char **argv);

/* Parses argv[1..] into the struct at `values`; operands are put into *operands, in order (the
 * array is argv itself). Options may stand anywhere before `--`. True: go on; false: *status is the
 * exit status, after the help or a message. */
bool cmd_parse(const struct cmd *c, int argc, char **argv, void *values, struct cmd_texts *operands,
               int *status);

/* The value of -w (NULL: it was not given), as cp_plan_options has it. 0, or an exit status after a
 * message. */
int cmd_workers(const char *text, size_t *workers);

/* ---- Printing ---- */

/* Prints "chanpipe: …" to standard error, with control bytes escaped; returns status. */
int cmd_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What to do about it: a second line below the message. */
int cmd_hint(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A message that is no failure. */
void cmd_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints an error with its hint, behind the name of the stage (or NULL); returns its status. */
int cmd_fail_err(const char *stage, const struct cp_err *err);

/* Writes paragraphs, one for every line of text, wrapped at 80 columns behind `indent` blanks, with
 * an empty line between. Lines that begin with a blank stay as they are. */
void cmd_put_wrapped(FILE *f, const char *text, int indent);
/* `term` at `indent`, the text wrapped in a column that begins at `column`; below the term where
 * that is too long. */
void cmd_put_entry(FILE *f, const char *term, const char *text, int indent, int column);

/* A table whose columns are as wide as their widest cell. Cells are copied. */
enum { CMD_COLUMNS = 16 };
struct cmd_table {
    struct cp_heap heap;
    char **cells; /* row by row, `columns` each */
    size_t columns, n, cap;
    bool right[CMD_COLUMNS]; /* this column is set to the right */
};
void cmd_table_cell(struct cmd_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints the table behind `indent` blanks and releases it. The last column wraps at 80 columns when
 * it is set to the left. */
void cmd_table_print(FILE *f, struct cmd_table *t, int indent);

/* 1536 -> "1.5KiB". Returns buf. */
char *cmd_size_text(char buf[32], uint64_t bytes);

/* -h of a command and `help COMMAND`. */
void cmd_usage(FILE *f, const struct cmd *c);

/* Whether messages on standard error are coloured: `choice` is the index of --color. */
bool cmd_has_color(int choice);

/* source, parse, … */
const char *cmd_kind_name(enum cp_stage_kind kind);

/* Functions of expressions and aggregates, from their tables. list: name and summary of each, with
 * the aggregates as the last group. help: prints `gap`, then all about one; false: there is no such
 * function, or aggregate (pN stands for p50, p99.9 …). names: fills in at most `most`, returns how
 * many. */
void cmd_list_functions(void);
void cmd_list_aggregates(void);
bool cmd_help_function(const char *name, const char *gap);
bool cmd_help_aggregate(const char *name, const char *gap);
size_t cmd_function_names(const char **names, size_t most);

/* ---- Pipelines ---- */

/* What all commands that take a PIPELINE share. */
struct cmd_input {
    struct cmd_texts files, texts; /* -f, -e */
    struct cmd_texts defs;         /* -D */
    int color;
};
/* clang-format off */
#define CMD_INPUT_OPTIONS(type, member)                                                            \
    {'e', NULL, CMD_LIST, offsetof(type, member.texts), "TEXT",                                    \
     "the pipeline is TEXT, a one-liner"},                                                         \
    {'f', "file", CMD_LIST, offsetof(type, member.files), "FILE", "the pipeline is in FILE"},      \
    {'D', NULL, CMD_LIST, offsetof(type, member.defs), "NAME=VALUE",                               \
     "set a variable, which the pipeline reads as var.NAME or ${NAME}"},                           \
    {0, "color", CMD_CHOICE, offsetof(type, member.color), "auto|always|never",                    \
     "colours in messages; auto: on a terminal, unless NO_COLOR is set or TERM is dumb"}
/* clang-format on */

/* How a pipeline was given. */
enum cmd_form {
    CMD_GUESS, /* a one-liner, a file, or the name of a pipeline */
    CMD_SHORT, /* the same without the command `run`: names belong to commands */
    CMD_FILE,
    CMD_ONE_LINER,
};

/* The one PIPELINE of a command: -f, -e or the first operand, which is then taken away. 0, or an
 * exit status after a message. */
int cmd_pick(const struct cmd *c, const struct cmd_input *in, struct cmd_texts *operands,
             const char **arg, enum cmd_form *form);

/* Variables of -D and the file's `vars`. */
struct cmd_vars {
    const struct cp_node *node; /* the doc's vars, or NULL */
    const struct cmd_texts *defs;
    bool *is_used; /* one for each of defs */
};

struct cmd_pipeline {
    struct cp_heap heap;
    struct cp_doc doc;
    struct cp_diags diags;
    const char *label; /* for messages: the file's path, "-e" or "pipeline" */
    bool is_yaml;
    struct cmd_vars vars;
    struct cp_expr_names names; /* vars, the environment, the time */
};

/* Reads and parses it. 0, or an exit status after a message. Mistakes in its text are in p->diags
 * and not yet printed: then 0 is returned too. To be unloaded in any case. */
int cmd_load(struct cmd_pipeline *p, const char *arg, enum cmd_form form);
void cmd_unload(struct cmd_pipeline *p);
/* Prints the diagnostics, warnings too unless quiet; returns CP_EXIT_USAGE when one is an error,
 * else 0. */
int cmd_report(struct cmd_pipeline *p, bool color, bool quiet);

/* Folders where pipelines are looked for by name, first to last; in the heap, NULL-terminated. */
const char **cmd_pipeline_folders(struct cp_heap *heap);

/* The pipelines in these folders, sorted by name; of two with one name that of the earlier folder.
 * In the heap. */
struct cmd_found {
    const char *name, *path;
};
size_t cmd_pipelines_find(struct cp_heap *heap, struct cmd_found **found);

/* The bytes of a file (path "-": standard input), in the heap, at most `most` of them. -1: err is
 * set. */
int cmd_read_file(const char *path, size_t most, struct cp_heap *heap, struct cp_slice *text,
                  struct cp_err *err);

/* Plans a loaded pipeline and prints all that is wrong with it (cmd_report). The names and the
 * settings of tests (CHANPIPE_TEST_BLOCK, _BATCH, _CAPACITY, _NOW) are added to the options. 0, or
 * an exit status after messages; the plan must be released in any case, before the pipeline. */
int cmd_plan(struct cmd_pipeline *p, const struct cmd_input *in,
             const struct cp_plan_options *options, bool quiet, struct cp_plan *plan);

/* ---- Reports of a run ---- */

/* Standard input, output, error was closed when the program started. */
extern bool cmd_stdin_is_closed, cmd_stdout_is_closed, cmd_stderr_is_closed;

/* One line for every stage where records failed; except `but`, whose error was printed already.
 * What failed in `broken` may not have been written where it should. Both may be NULL. */
void cmd_report_errors(const struct cp_plan *plan, const char *but, const char *broken);
/* The table of --stats; is_running: threads run, and the numbers are those of the moment. */
void cmd_report_stats(const struct cp_plan *plan, int64_t wall_ns, bool is_running);
/* --account: one JSON object per stage and channel, likewise. False: f could not be written. */
bool cmd_report_account(FILE *f, const struct cp_plan *plan, bool is_running);
/* For each branch whom it can hold up. False: there is no branch. (stall.c) */
bool cmd_put_stalls(FILE *f, const struct cp_plan *plan);
/* -v: what was chosen by default. */
void cmd_report_choices(const struct cp_plan *plan);

#endif
