/* kept.h: a value that a state keeps as it is spelled, and replaces in place. Internal to lib/agg.
 */
#ifndef CP_AGG_KEPT_H
#define CP_AGG_KEPT_H

#include "aggregate.h"

struct kept {
    struct cp_value v; /* CP_MISSING: none yet */
    char *bytes;       /* v.p, when it is spelled */
    size_t cap;
};

/* Keeps a copy of v; what was kept before is forgotten. False: no memory, counted as lost, and
 * nothing has changed. */
bool kept_set(struct cp_agg_env *env, struct kept *k, const struct cp_value *v);

/* A value as it is to be written. */
static inline struct cp_value kept_value(const struct kept *k)
{
    return k->v.kind == CP_MISSING ? cp_null() : k->v;
}

#endif
