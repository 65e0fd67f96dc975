/* cmd.h: the commands. This is the only layer that prints to the user and decides the exit status. */
#ifndef CP_CMD_H
#define CP_CMD_H

#include <stdio.h>

#include "../lib/plan/plan.h"
#include "../lib/run/run.h"

struct cmd {
    const char *name;
    const char *usage;   /* behind `chanpipe NAME` */
    const char *summary; /* one sentence without full stop */
    const char *doc;     /* paragraphs; options are added from the table */
    const struct cmd_option *options;
    int (*main)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

extern const struct cmd *const cmds[]; /* NULL-terminated */

/* A command-line option. */
struct cmd_option {
    char letter;          /* or 0 */
    const char *name;     /* without --; or NULL */
    const char *argument; /* its name in the help; NULL: takes none */
    const char *summary;
};

/* Calls fn for every option of argv; operands are moved to the front of argv + 1 and counted in *n_operands. `--` ends the
 * options, which may come in any place before it. Returns -1 after a message. */
int cmd_parse(const struct cmd *c, int argc, char **argv, int *n_operands,
              int (*fn)(void *ctx, const struct cmd_option *o, const char *value), void *ctx);

/* Prints "chanpipe: …" to standard error; returns status. */
int cmd_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A pipeline as a command got it: PIPELINE, -f FILE, -e TEXT. */
struct cmd_pipeline {
    struct cp_heap heap;
    struct cp_doc doc;
    struct cp_diags diags;
    struct cp_source source;
    char *text;
};

enum cmd_form { CMD_GUESS, CMD_FILE, CMD_TEXT };

/* Reads and parses it. 0, or an exit status after messages (diagnostics of the text are in p->diags, not yet printed:
 * then 0 is returned too). */
int cmd_load(struct cmd_pipeline *p, const char *arg, enum cmd_form form);
void cmd_unload(struct cmd_pipeline *p);
/* Prints the diagnostics; returns CP_EXIT_USAGE when one is an error, else 0. */
int cmd_report(struct cmd_pipeline *p);

/* Variables of -D and the file's `vars`, and the environment. */
struct cmd_vars {
    const struct cp_node *vars; /* of the doc, or NULL */
    const char *defs[64];       /* name=value */
    size_t n;
};
struct cp_expr_names cmd_names(struct cmd_vars *v);

/* -h of a command and `help COMMAND`. */
void cmd_usage(FILE *f, const struct cmd *c);

#endif
