/* plan_impl.h: what the files of the planner share. */
#ifndef CP_PLAN_PLAN_IMPL_H
#define CP_PLAN_PLAN_IMPL_H

#include "plan.h"

/* The wants of one parser, and whose they are. */
struct wants_of {
    struct cp_wants *wants;
    struct cp_stage *stage;
    struct wants_of *next; /* the one before it */
};

/* The place where the next stage is to be joined, and what is known there. */
struct line {
    struct cp_stage *stage; /* NULL: nothing is above */
    size_t port;            /* its output */
    bool is_ended;          /* nothing comes out there: a sink, or all branches end in sinks */
    struct cp_scope scope;
    struct cp_framing *framing;
    struct cp_prefilter *prefilter;
    size_t max_line;
};

/* A line that `from:` can name. */
struct named {
    const char *name;
    struct line line;
};

/* Records that fail in a stage and go to another one: on_error {to: NAME}. */
struct failed {
    const char *name;
    struct cp_pos pos;
    struct line line;
    bool is_taken;
};
#define PORT_OF_FAILED (CP_NO_OUTPUT - 1) /* until the number of outputs is known */

/* Where the walk over the stages stands. */
struct walk {
    struct cp_plan *plan;
    const struct cp_doc *doc;
    struct cp_diags *diags;
    struct line line;
    struct line *inputs; /* of the next stage, where it has several; else that is `line` */
    size_t n_inputs;
    struct named *named;
    size_t n_named;
    struct failed *failed;
    size_t n_failed;
    struct cp_planner planner;
    size_t *slots_before; /* slots that existed before stage i was planned */
    size_t inside;        /* of how many branches */
    bool is_left;         /* the next stage says itself what it reads: from */
    bool is_second;  /* the stage at hand is planned behind its own front: nothing new to say */
    bool comes_back; /* what is planned is a branch of merge: something stands below it */
    struct wants_of *wants;
    struct cp_pos warned; /* of an unbounded capacity, there */
};

static inline struct walk *walk_of(struct cp_planner *p)
{
    return (struct walk *)(void *)((char *)p - offsetof(struct walk, planner));
}

/* plan.c */
struct cp_stage *plan_stage_new(struct walk *w, const struct cp_item *item,
                                const struct cp_stage_type *type);
/* Plans the stage and joins it to the line, or the inputs; the line is behind it then. */
void plan_stage(struct walk *w, const struct cp_item *item, const struct cp_stage_type *type);
void plan_items(struct walk *w, const struct cp_item *items, size_t n);
/* An item that nobody wrote. */
const struct cp_item *plan_implicit_item(struct cp_plan *plan, const char *kind);

/* graph.c: lines that part and come together. */
void line_begin(struct walk *w);
struct line line_copy(const struct line *line);
/* Joins the lines that come into the stage which is being planned: the scope is theirs then. */
void plan_connect(struct walk *w);
/* The line, or the inputs, that `from:` names. */
void plan_from(struct walk *w, const struct cp_item *item);
bool plan_has_from(const struct cp_item *item);
/* Whether its `from:` names that stage. */
bool plan_names_input(const struct cp_item *item, const char *name);
/* The branches of merge: inputs of the stage that comes next. */
void plan_inputs(struct walk *w, const struct cp_item *item);
/* The branches of the stage just planned, and where they come together again. */
void plan_branches(struct walk *w, const struct cp_item *item);
void line_name(struct walk *w, const char *name);
/* When all stages are planned: outputs that several read, or nobody. */
void plan_outputs(struct walk *w);
/* The value that an item gives to a key, or NULL. */
const struct cp_node *plan_item_setting(const struct cp_item *item, const char *key);

/* failed.c: records that fail in one stage and go to another. */
/* What fails in the stage that is being planned goes to the stage `name` below. The line is still
 * that before it. */
void plan_to_stage(struct walk *w, const char *name, struct cp_pos pos);
/* When the stage is planned. */
void plan_failed_end(struct walk *w);
/* The lines that go to the stage of that name become inputs of the next stage. */
void plan_failed_inputs(struct walk *w, const struct cp_text *name);
/* When all stages are planned: their outputs are the last ones; all names are known. */
void plan_failed_outputs(struct walk *w);
void plan_failed_check(struct walk *w);

/* settings.c: the keys beside the stage; those of every stage go into p->stage. */
void plan_settings(struct cp_planner *p);
/* Where a setting of the stage was written, or the stage. */
struct cp_pos plan_setting_pos(const struct cp_planner *p, const char *key);
/* misplaced.c: says of the diagnostics of this stage from that one on where a setting was meant:
 * `head 3 workers=2`. */
void plan_hint_settings(const struct cp_planner *p, size_t from);
/* ${X} in words and option scalars. */
int plan_expand(struct cp_planner *p, struct cp_text *text);

/* planner.c: records that fail in the stage are written to that file. -1 after a diagnostic: a sink
 * above writes it; cp_plan_writes finds those below. */
int plan_writes_rejects(struct cp_planner *p, const char *path);

/* layout.c: when all stages are planned: workers, columns that are filled where, pools. */
void plan_layout(struct walk *w);
/* Threads that the user wants for a stage; 0: nothing was said. */
size_t plan_wanted_workers(const struct cp_plan_options *o, const struct cp_stage *s);
/* order.c: how records that parted come together again in their order: of all joins and partings.
 */
void plan_order(struct walk *w);
/* The stage at hand joins what parted at `parting`. */
void plan_join_parted(struct cp_planner *p, struct cp_stage *parting);

/* Whether so many errors end the stage: it counts them one after the other. */
static inline bool limits_errors(const struct cp_stage *s)
{
    return s->max_errors.n != UINT64_MAX || s->max_errors.million != UINT64_MAX;
}

/* What goes over an edge are records that failed in the stage above. */
static inline bool is_of_failed(const struct cp_edge *e)
{
    return e->port == e->from->to.output;
}

/* Whether batches of a stage's own come out of it. */
static inline bool is_origin(const struct cp_stage *s)
{
    return s->type->kind == CP_SOURCE || s->type->flags & CP_STAGE_MAKES || s->keeps_records;
}

/* Whether they go over this edge; else it is what came in there. */
static inline bool is_own(const struct cp_edge *e)
{
    return is_origin(e->from) && !is_of_failed(e);
}

/* Whether a stage may have workers. */
static inline bool can_share(const struct cp_stage *s)
{
    return s->type->flags & (CP_STAGE_STATELESS | CP_STAGE_SIFTS) || s->type->merge;
}

#endif
