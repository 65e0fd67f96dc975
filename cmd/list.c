/* list.c: what there is: stages, formats, functions, pipelines. */
#include <string.h>

#include "../lib/base/diag_print.h"
#include "cmd.h"

enum { TERM = 18 }; /* the column where summaries begin */

/* ---- Stages ---- */

static const char *const kind_names[] = {
    [CP_SOURCE] = "source", [CP_PARSE] = "parse",         [CP_TRANSFORM] = "transform",
    [CP_FILTER] = "filter", [CP_AGGREGATE] = "aggregate", [CP_FLOW] = "flow",
    [CP_SINK] = "sink",
};

const char *cmd_kind_name(enum cp_stage_kind kind)
{
    return kind_names[kind];
}

/* The stage of that name and kind, or NULL. */
static const struct cp_stage_type *of_kind(const struct cp_stage_type *t, enum cp_stage_kind kind)
{
    if (t->kind == kind)
        return t;
    for (size_t k = 0; t->others && t->others[k]; k++)
        if (t->others[k]->kind == kind)
            return t->others[k];
    return NULL;
}

static void list_kind(enum cp_stage_kind kind)
{
    bool is_first = true;

    for (size_t i = 0; cp_stage_types[i]; i++) {
        const struct cp_stage_type *t = of_kind(cp_stage_types[i], kind);
        if (!t)
            continue;
        if (is_first)
            printf("%s\n", kind_names[kind]);
        is_first = false;
        cmd_put_entry(stdout, t->name, t->summary, 2, TERM);
    }
}

static void list_stages(void)
{
    for (size_t kind = 0; kind < CMD_COUNT(kind_names); kind++)
        list_kind((enum cp_stage_kind)kind);
}

/* ---- Formats ---- */

static void list_formats(void)
{
    struct cmd_table t = {.columns = 3};

    cmd_table_cell(&t, "name");
    cmd_table_cell(&t, "use");
    cmd_table_cell(&t, "summary");
    for (size_t i = 0; cp_formats[i]; i++) {
        const struct cp_format *f = cp_formats[i];
        cmd_table_cell(&t, "%s", f->name);
        cmd_table_cell(&t, "%s", f->decode && f->encode ? "in, out" : f->decode ? "in" : "out");
        cmd_table_cell(&t, "%s", f->summary);
    }
    cmd_table_print(stdout, &t, 2);
}

/* ---- Pipelines ---- */

/* The first comment line of a pipeline file, without its #; empty when there is none at the top. */
static const char *first_comment(const char *path, struct cp_heap *heap)
{
    struct cp_err err = {0};
    struct cp_slice text;

    if (cmd_read_file(path, 4096, heap, &text, &err) < 0)
        return err.message[0] ? cp_heap_copy(heap, err.message, strlen(err.message)) : "";
    const char *p = text.p + strspn(text.p, " \t\r\n");
    if (*p != '#')
        return "";
    p += strspn(p, "# \t");
    return cp_heap_copy(heap, p, strcspn(p, "\r\n"));
}

static void list_pipelines(void)
{
    struct cp_heap heap = {0};
    struct cmd_table t = {.columns = 2};
    struct cmd_found *found;
    size_t n = cmd_pipelines_find(&heap, &found);

    for (size_t i = 0; i < n; i++) {
        cmd_table_cell(&t, "%s", found[i].name);
        cmd_table_cell(&t, "%s", first_comment(found[i].path, &heap));
    }
    cmd_table_print(stdout, &t, 2);
    fputs(n == 0 ? "  none; they are looked for in" : "  (looked for in", stdout);
    const char **folders = cmd_pipeline_folders(&heap);
    for (size_t i = 0; folders[i]; i++) {
        fputs(i ? ", " : " ", stdout);
        cp_print_safe(stdout, folders[i], strlen(folders[i]));
    }
    puts(n == 0 ? "" : ")");
    cp_heap_release(&heap);
}

/* ---- The command ---- */

static const struct topic {
    const char *name, *head;
    void (*list)(void);
} topics[] = {
    {"stages", "Stages", list_stages},
    {"formats", "Formats", list_formats},
    {"functions", "Functions", cmd_list_functions},
    {"pipelines", "Pipelines", list_pipelines},
};

static int unknown_topic(const char *name)
{
    const char *names[CMD_COUNT(topics)];

    for (size_t i = 0; i < CMD_COUNT(topics); i++)
        names[i] = topics[i].name;
    const char *near = cp_nearest(name, strlen(name), names, CMD_COUNT(topics));
    cmd_fail(CP_EXIT_USAGE, "there is no list of %s", name);
    return near ? cmd_hint(CP_EXIT_USAGE, "did you mean %s?", near)
                : cmd_hint(CP_EXIT_USAGE, "stages, formats, functions or pipelines");
}

static int list_topic(const char *name)
{
    for (size_t i = 0; i < CMD_COUNT(topics); i++) {
        if (strcmp(topics[i].name, name) == 0) {
            topics[i].list();
            return 0;
        }
    }
    return unknown_topic(name);
}

static void list_all(void)
{
    for (size_t i = 0; i < CMD_COUNT(topics); i++) {
        printf("%s%s:\n", i ? "\n" : "", topics[i].head);
        topics[i].list();
    }
}

static int list_main(int argc, char **argv)
{
    struct cmd_texts args;
    int status = 0;

    if (!cmd_parse(&cmd_list, argc, argv, NULL, &args, &status))
        return status;
    if (args.n == 0)
        list_all();
    for (size_t i = 0; i < args.n; i++)
        status |= list_topic(args.v[i]);
    return status;
}

const struct cmd cmd_list = {
    .name = "list",
    .usage = "[stages|formats|functions|pipelines]",
    .summary = "Shows what there is",
    .doc = "`chanpipe help NAME` tells more about any of them. Pipelines are the files that "
           "`chanpipe run NAME` finds, with the comment in their first line.",
    .main = list_main,
};
