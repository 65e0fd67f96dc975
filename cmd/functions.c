/* functions.c: the functions of expressions, for list and help. */
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

size_t cmd_function_names(const char **names, size_t most)
{
    size_t n = 0;

    for (const struct cp_function_group *g = cp_function_groups; g->name; g++)
        for (const struct cp_function *f = g->functions; f->name && n < most; f++)
            names[n++] = f->name;
    return n;
}
