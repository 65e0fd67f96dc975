/* functions.c: the functions of expressions and the aggregates, for list and help. */
#include <string.h>

#include "../lib/agg/aggregate.h"
#include "../lib/expr/function.h"
#include "cmd.h"

enum { DOC = 30 }; /* the column where sentences begin */

void cmd_list_functions(void)
{
    for (const struct cp_function_group *g = cp_function_groups; g->name; g++) {
        printf("%s\n", g->name);
        for (const struct cp_function *f = g->functions; f->name; f++)
            cmd_put_entry(stdout, f->signature, f->doc, 2, DOC);
    }
    cmd_list_aggregates();
}

void cmd_list_aggregates(void)
{
    puts("aggregates");
    for (const struct cp_aggregate *a = cp_aggregates; a->name; a++)
        cmd_put_entry(stdout, a->usage, a->summary, 2, DOC);
}

static void put_examples(const struct cp_function *f)
{
    struct cmd_table t = {.columns = 2};

    for (size_t i = 0; i < CP_FUNCTION_EXAMPLES && f->examples[i].expression; i++) {
        cmd_table_cell(&t, "%s", f->examples[i].expression);
        cmd_table_cell(&t, "%s", f->examples[i].result);
    }
    if (t.n > 0)
        puts("\nExamples:");
    cmd_table_print(stdout, &t, 2);
}

bool cmd_help_function(const char *name, const char *gap)
{
    const struct cp_function *f = cp_function_find(cp_slice_of(name));

    if (!f)
        return false;
    printf("%s%s\n\n", gap, f->signature);
    cmd_put_wrapped(stdout, f->doc, 0);
    put_examples(f);
    return true;
}

bool cmd_help_aggregate(const char *name, const char *gap)
{
    struct cp_agg_call call;

    if (strcmp(name, "pN") != 0 && !cp_aggregate_find(cp_slice_of(name), &call))
        return false;
    if (strcmp(name, "pN") == 0)
        cp_aggregate_find(CP_SLICE("p50"), &call);
    printf("%s%s (an aggregate)\n\n", gap, call.type->usage);
    cmd_put_wrapped(stdout, call.type->summary, 0);
    if (call.type->values)
        printf("\nOf the values %s it gives %s.\n", call.type->values, call.type->result);
    return true;
}

size_t cmd_function_names(const char **names, size_t most)
{
    size_t n = 0;

    for (const struct cp_function_group *g = cp_function_groups; g->name; g++)
        for (const struct cp_function *f = g->functions; f->name && n < most; f++)
            names[n++] = f->name;
    for (const struct cp_aggregate *a = cp_aggregates; a->name && n < most; a++)
        names[n++] = a->name;
    return n;
}
