/* options.c: command lines, read by the table of a command. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/base/moment.h"
#include "cmd.h"

enum { MOST_NAMES = 64 };

/* A command line being read. */
struct args {
    const struct cmd *cmd;
    char **v;
    int n, at;
    char *values;
    const char *given; /* the option as the user wrote it, for messages */
    int given_len;
};

static bool is_last(const struct cmd_option *o)
{
    return !o->letter && !o->name;
}

static const struct cmd_option *find_letter(const struct cmd *c, char letter)
{
    for (const struct cmd_option *o = c->options; o && !is_last(o); o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static const struct cmd_option *find_name(const struct cmd *c, const char *name, size_t n)
{
    for (const struct cmd_option *o = c->options; o && !is_last(o); o++)
        if (o->name && cp_slice_is((struct cp_slice){name, n}, o->name))
            return o;
    return NULL;
}

/* ---- Values ---- */

static int fail_value(const struct args *a, const struct cmd_option *o, const char *value,
                      const char *hint)
{
    cmd_fail(CP_EXIT_USAGE, "%.*s cannot be %s", a->given_len, a->given,
             value[0] ? value : "empty");
    return cmd_hint(CP_EXIT_USAGE, "%s", hint ? hint : o->argument);
}

static int set_choice(const struct args *a, const struct cmd_option *o, const char *value)
{
    int k = 0;
    for (const char *p = o->argument; *p; k++) {
        size_t n = strcspn(p, "|");
        if (cp_slice_is((struct cp_slice){p, n}, value)) {
            *(int *)(void *)(a->values + o->offset) = k;
            return 0;
        }
        p += n + (p[n] == '|');
    }
    return fail_value(a, o, value, NULL);
}

static int set_duration(const struct args *a, const struct cmd_option *o, const char *value)
{
    int64_t ns;
    if (!cp_duration_parse(value, strlen(value), &ns) || ns < 0)
        return fail_value(a, o, value, "a duration has a unit: 250ms, 5s, 1m30s");
    *(int64_t *)(void *)(a->values + o->offset) = ns;
    return 0;
}

static int set_list(const struct args *a, const struct cmd_option *o, const char *value)
{
    static struct cp_heap heap; /* lists live as long as the program */
    struct cmd_texts *list = (void *)(a->values + o->offset);

    if (!list->v)
        list->v = cp_heap_take(&heap, (size_t)a->n * sizeof *list->v);
    list->v[list->n++] = value;
    return 0;
}

static int set_value(const struct args *a, const struct cmd_option *o, const char *value)
{
    switch (o->type) {
    case CMD_FLAG:
        *(bool *)(a->values + o->offset) = true;
        return 0;
    case CMD_TEXT:
        *(const char **)(void *)(a->values + o->offset) = value;
        return 0;
    case CMD_LIST:
        return set_list(a, o, value);
    case CMD_CHOICE:
        return set_choice(a, o, value);
    case CMD_DURATION:
        return set_duration(a, o, value);
    }
    return 0;
}

/* The value that follows as an argument of its own. */
static int set_next(struct args *a, const struct cmd_option *o)
{
    if (a->at + 1 >= a->n)
        return cmd_fail(CP_EXIT_USAGE, "%.*s needs a value: %s", a->given_len, a->given,
                        o->argument);
    return set_value(a, o, a->v[++a->at]);
}

/* ---- Options ---- */

static int unknown_name(const struct args *a, const char *name, size_t n)
{
    const char *names[MOST_NAMES] = {"help"};
    size_t count = 1;
    for (const struct cmd_option *o = a->cmd->options; o && !is_last(o); o++)
        if (o->name && count < MOST_NAMES)
            names[count++] = o->name;
    const char *near = cp_nearest(name, n, names, count);
    cmd_fail(CP_EXIT_USAGE, "unknown option --%.*s", (int)n, name);
    if (near)
        return cmd_hint(CP_EXIT_USAGE, "did you mean --%s?", near);
    return cmd_hint(CP_EXIT_USAGE, "`chanpipe %s -h` lists the options", a->cmd->name);
}

static int parse_long(struct args *a, const char *arg)
{
    size_t n = strcspn(arg + 2, "=");
    const struct cmd_option *o = find_name(a->cmd, arg + 2, n);

    a->given = arg;
    a->given_len = (int)n + 2;
    if (!o)
        return unknown_name(a, arg + 2, n);
    if (arg[2 + n] != '=')
        return o->type == CMD_FLAG ? set_value(a, o, NULL) : set_next(a, o);
    if (o->type == CMD_FLAG)
        return cmd_fail(CP_EXIT_USAGE, "--%s takes no value", o->name);
    return set_value(a, o, arg + 2 + n + 1);
}

static int unknown_letter(const struct args *a, const char *arg, char letter)
{
    size_t n = strlen(arg + 1);

    cmd_fail(CP_EXIT_USAGE, "unknown option -%c%s%s", letter, n > 1 ? " in " : "",
             n > 1 ? arg : "");
    if (n > 2 && find_name(a->cmd, arg + 1, strcspn(arg + 1, "=")))
        return cmd_hint(CP_EXIT_USAGE, "did you mean -%s?", arg);
    if (access(arg, F_OK) == 0)
        return cmd_hint(CP_EXIT_USAGE, "a file whose name begins with - comes after --");
    return cmd_hint(CP_EXIT_USAGE, "`chanpipe %s -h` lists the options", a->cmd->name);
}

/* -s, -qs, -ojson */
static int parse_letters(struct args *a, const char *arg)
{
    for (const char *p = arg + 1; *p; p++) {
        const struct cmd_option *o = find_letter(a->cmd, *p);
        char given[3] = {'-', *p, 0};
        a->given = given;
        a->given_len = 2;
        if (!o)
            return unknown_letter(a, arg, *p);
        if (o->type != CMD_FLAG)
            return p[1] ? set_value(a, o, p + 1) : set_next(a, o);
        set_value(a, o, NULL);
    }
    return 0;
}

static bool is_help(const struct cmd *c, const char *arg)
{
    return strcmp(arg, "--help") == 0 || (strcmp(arg, "-h") == 0 && !find_letter(c, 'h'));
}

bool cmd_parse(const struct cmd *c, int argc, char **argv, void *values, struct cmd_texts *operands,
               int *status)
{
    struct args a = {.cmd = c, .v = argv, .n = argc, .values = values};
    bool is_ended = false;

    *operands = (struct cmd_texts){(const char **)(void *)(argv + 1), 0};
    *status = 0;
    for (a.at = 1; a.at < argc && *status == 0; a.at++) {
        const char *arg = argv[a.at];
        if (is_ended || arg[0] != '-' || arg[1] == '\0') {
            operands->v[operands->n++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            is_ended = true;
        } else if (is_help(c, arg)) {
            cmd_usage(stdout, c);
            return false;
        } else {
            *status = arg[1] == '-' ? parse_long(&a, arg) : parse_letters(&a, arg);
        }
    }
    return *status == 0;
}

/* ---- Help ---- */

static void put_option(FILE *f, const struct cmd_option *o)
{
    char term[80], letter[4] = "", name[40] = "";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c", o->letter);
    if (o->name)
        snprintf(name, sizeof name, "--%s", o->name);
    snprintf(term, sizeof term, "%s%s%s%s%s", letter, o->letter && o->name ? ", " : "", name,
             o->argument ? (o->name ? "=" : " ") : "", o->argument ? o->argument : "");
    cmd_put_entry(f, term, o->summary, 2, 24);
}

void cmd_usage(FILE *f, const struct cmd *c)
{
    static const struct cmd_option help = {'h', "help", CMD_FLAG, 0, NULL, "show this help"};

    fprintf(f, "chanpipe %s%s%s\n\n", c->name, c->usage[0] ? " " : "", c->usage);
    fprintf(f, "%s.\n", c->summary);
    if (c->doc && c->doc[0]) {
        fputc('\n', f);
        cmd_put_wrapped(f, c->doc, 0);
    }
    fputs("\nOptions:\n", f);
    for (const struct cmd_option *o = c->options; o && !is_last(o); o++)
        put_option(f, o);
    put_option(f, &help);
}

static const struct cmd_option *find_long(const struct cmd *c, const char *name)
{
    for (const struct cmd_option *o = c->options; o && !is_last(o); o++)
        if (o->name && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const char *cmd_help_option(const char *name, const char *gap)
{
    for (size_t i = 0; cmds[i]; i++) {
        const struct cmd_option *o = find_long(cmds[i], name);
        if (!o)
            continue;
        printf("%sAn option of chanpipe %s:\n", gap, cmds[i]->name);
        put_option(stdout, o);
        gap = "\n";
    }
    return gap;
}

/* ---- Values ---- */

int cmd_workers(const char *text, size_t *workers)
{
    uint64_t n = 0;

    *workers = 0;
    if (!text)
        return 0;
    if (strcmp(text, "auto") == 0) {
        *workers = CP_WORKERS_AUTO;
        return 0;
    }
    if (strlen(text) <= 4)
        cp_digits_parse(text, strlen(text), &n);
    if (n == 0 || n > CP_MAX_WORKERS) {
        cmd_fail(CP_EXIT_USAGE, "-w cannot be %s", text[0] ? text : "empty");
        return cmd_hint(CP_EXIT_USAGE, "a number from 1 to %d, or auto", CP_MAX_WORKERS);
    }
    *workers = n;
    return 0;
}
