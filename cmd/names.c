/* names.c: pipelines that are called by name: the folders where they are, and what is in them. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/alloc.h"
#include "cmd.h"

#ifndef CP_DATADIR
#define CP_DATADIR "/usr/local/share/chanpipe"
#endif

const char **cmd_pipeline_folders(struct cp_heap *heap)
{
    const char **v = cp_heap_take(heap, 4 * sizeof *v);
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    size_t n = 0;

    v[n++] = "./pipelines";
    if (config && config[0] == '/')
        v[n++] = cp_heap_printf(heap, "%s/chanpipe/pipelines", config);
    else if (home && home[0])
        v[n++] = cp_heap_printf(heap, "%s/.config/chanpipe/pipelines", home);
    v[n++] = CP_DATADIR "/pipelines";
    return v;
}

/* The length of a file's name without .yaml or .yml; 0: it has neither. */
static size_t stem(const char *name)
{
    size_t n = strlen(name);

    if (n > 5 && strcmp(name + n - 5, ".yaml") == 0)
        return n - 5;
    if (n > 4 && strcmp(name + n - 4, ".yml") == 0)
        return n - 4;
    return 0;
}

struct list {
    struct cp_heap *heap;
    struct cmd_found *v;
    size_t n, cap;
};

static bool has_name(const struct list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].name, name) == 0)
            return true;
    return false;
}

static void add_file(struct list *l, const char *folder, const char *file)
{
    size_t n = stem(file);
    if (n == 0 || file[0] == '.')
        return;
    const char *name = cp_heap_copy(l->heap, file, n);
    if (has_name(l, name))
        return;
    l->v = cp_xgrow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = (struct cmd_found){name, cp_heap_printf(l->heap, "%s/%s", folder, file)};
}

static void add_folder(struct list *l, const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (const struct dirent *e; (e = readdir(dir));)
        add_file(l, folder, e->d_name);
    closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cmd_found *)a)->name, ((const struct cmd_found *)b)->name);
}

size_t cmd_pipelines_find(struct cp_heap *heap, struct cmd_found **found)
{
    struct list l = {.heap = heap};
    const char **folders = cmd_pipeline_folders(heap);

    for (size_t i = 0; folders[i]; i++)
        add_folder(&l, folders[i]);
    *found = cp_heap_take(heap, (l.n + 1) * sizeof **found);
    if (l.n > 0) {
        qsort(l.v, l.n, sizeof *l.v, by_name);
        memcpy(*found, l.v, l.n * sizeof *l.v);
    }
    free(l.v);
    return l.n;
}
