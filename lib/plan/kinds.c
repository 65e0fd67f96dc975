/* kinds.c: the registry of stages, as planners and readers of docs ask it. */
#include "../stage.h"

const struct cp_stage_type *cp_stage_type_find(struct cp_slice name)
{
    for (size_t i = 0; cp_stage_types[i]; i++)
        if (cp_slice_is(name, cp_stage_types[i]->name))
            return cp_stage_types[i];
    return NULL;
}

static bool is_kind(struct cp_slice name)
{
    return cp_stage_type_find(name) != NULL;
}

static enum cp_args_form args_form(struct cp_slice kind)
{
    return cp_stage_type_find(kind)->args;
}

static bool has_option(struct cp_slice kind, struct cp_slice key)
{
    const struct cp_option *o = cp_stage_type_find(kind)->options;
    return o && cp_option_find(o, key);
}

static enum cp_branches_form branches_form(struct cp_slice kind)
{
    return cp_stage_type_find(kind)->branches;
}

enum { MOST = 256 };

const struct cp_kinds *cp_stage_kinds(void)
{
    static const char *names[MOST];
    static struct cp_kinds kinds = {names, 0, is_kind, args_form, has_option, branches_form};

    if (kinds.n == 0)
        for (size_t i = 0; cp_stage_types[i] && i < MOST; i++)
            names[kinds.n++] = cp_stage_types[i]->name;
    return &kinds;
}
