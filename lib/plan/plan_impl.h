/* plan_impl.h: what the files of the planner share. */
#ifndef CP_PLAN_PLAN_IMPL_H
#define CP_PLAN_PLAN_IMPL_H

#include "plan.h"

/* The wants of one parser, and whose they are. */
struct wants_of {
    struct cp_wants *wants;
    size_t stage;
    struct wants_of *next; /* the one before it */
};

/* Where the walk over the stages stands. */
struct walk {
    struct cp_plan *plan;
    const struct cp_doc *doc;
    struct cp_diags *diags;
    struct cp_scope scope;
    struct cp_planner planner;
    size_t *slots_before; /* slots that existed before stage i was planned */
    struct wants_of *wants;
};

static inline struct walk *walk_of(struct cp_planner *p)
{
    return (struct walk *)(void *)((char *)p - offsetof(struct walk, planner));
}

/* settings.c: the keys beside the stage; those of every stage go into p->stage. */
void plan_settings(struct cp_planner *p);
/* Where a setting of the stage was written, or the stage. */
struct cp_pos plan_setting_pos(const struct cp_planner *p, const char *key);
/* ${X} in words and option scalars. */
int plan_expand(struct cp_planner *p, struct cp_text *text);

/* layout.c: when all stages are planned: workers, columns that are filled where, pools. */
void plan_layout(struct walk *w);

/* Whether a stage may have workers. */
static inline bool can_share(const struct cp_stage *s)
{
    return s->type->flags & CP_STAGE_STATELESS || s->type->merge;
}

#endif
