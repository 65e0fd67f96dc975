/* kinds.c: the registry of stages, as planners and readers of docs ask it. */
#include "../stage.h"

const struct cp_stage_type *cp_stage_type_find(struct cp_slice name)
{
    for (size_t i = 0; cp_stage_types[i]; i++)
        if (cp_slice_is(name, cp_stage_types[i]->name))
            return cp_stage_types[i];
    return NULL;
}

/* Kinds of later versions that can be read, checked and converted, but not planned: to be taken out
 * when their stage comes. */
static const struct {
    const char *name;
    enum cp_branches_form branches;
} later[] = {
    {"merge", CP_BRANCHES_PLAIN},
    {"route", CP_BRANCHES_CASES},
    {"tee", CP_BRANCHES_PLAIN},
};
enum { N_LATER = sizeof later / sizeof *later };

static enum cp_branches_form later_branches(struct cp_slice kind)
{
    for (size_t i = 0; i < N_LATER; i++)
        if (cp_slice_is(kind, later[i].name))
            return later[i].branches;
    return CP_BRANCHES_NONE;
}

static bool is_kind(struct cp_slice name)
{
    return cp_stage_type_find(name) != NULL || later_branches(name) != CP_BRANCHES_NONE;
}

static enum cp_args_form args_form(struct cp_slice kind)
{
    const struct cp_stage_type *type = cp_stage_type_find(kind);
    return type ? type->args : CP_ARGS_WORDS;
}

static bool has_option(struct cp_slice kind, struct cp_slice key)
{
    const struct cp_stage_type *type = cp_stage_type_find(kind);
    return type && type->options && cp_option_find(type->options, key);
}

static enum cp_branches_form branches_form(struct cp_slice kind)
{
    const struct cp_stage_type *type = cp_stage_type_find(kind);
    return type ? type->branches : later_branches(kind);
}

enum { MOST = 256 };

const struct cp_kinds *cp_stage_kinds(void)
{
    static const char *names[MOST];
    static struct cp_kinds kinds = {names, 0, is_kind, args_form, has_option, branches_form};

    if (kinds.n == 0) {
        for (size_t i = 0; i < N_LATER; i++)
            names[kinds.n++] = later[i].name;
        for (size_t i = 0; cp_stage_types[i] && kinds.n < MOST; i++)
            names[kinds.n++] = cp_stage_types[i]->name;
    }
    return &kinds;
}
