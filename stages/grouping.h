/* grouping.h: what count, stats and top share: groups of records, and aggregates over each.
 *
 *     plan     grouping_plan_call / grouping_plan_by …, then grouping_plan_end: the scope is that
 * of the rows open     grouping_open process  grouping_process finish   grouping_emit for each
 * group, grouping_emit_end, grouping_note
 */
#ifndef CP_STAGES_GROUPING_H
#define CP_STAGES_GROUPING_H

#include "../lib/agg/aggregate.h"
#include "../lib/data/groups.h"
#include "operand.h"

enum { GROUPING_CALLS = 64, GROUPING_KEYS = 32 };

struct grouping_key {
    struct operand operand;
    struct cp_slice name;
    int slot;
};

/* The value of aggregates; those of the same field share it. */
struct grouping_arg {
    struct operand operand;
    bool has_numbers;      /* some aggregate adds numbers */
    struct cp_num *number; /* of the batch, by record */
};

struct grouping_call {
    struct cp_agg_call call;
    struct grouping_arg *arg; /* NULL: none */
    size_t offset;            /* of its state */
    bool is_shared;           /* another call keeps this state */
    struct cp_slice name;
    int slot;
};

struct grouping {
    uint64_t max_memory; /* option */
    uint64_t seed;       /* of hashes: the same for all workers */

    struct grouping_key keys[GROUPING_KEYS];
    struct grouping_call calls[GROUPING_CALLS];
    struct grouping_arg args[GROUPING_CALLS];
    size_t n_keys, n_calls, n_args;
    size_t state; /* bytes of a group's */
    bool grows, has_times;
    struct operand time; /* _time, for rates */

    struct cp_store store;
    struct cp_groups groups;
    struct cp_agg_env env;
    struct cp_group **found; /* by place in the selection */
    bool *is_bad;            /* by record: a value that is no number */
    struct cp_time_zone zone;
    struct cp_batch *row_batch; /* being filled */

    /* The other workers, whose groups leave with these: each group stands in one of them. */
    struct grouping *others[CP_MAX_WORKERS - 1];
    size_t n_others;
};

#define GROUPING_OPTIONS(type, member)                                                             \
    {                                                                                              \
        "max_memory", CP_OPT_SIZE, offsetof(type, member.max_memory), NULL, "256MiB",              \
            "bytes for groups; beyond it new ones are counted together as other"                   \
    }

/* Parses `AGG [as NAME]` and adds it. */
int grouping_plan_call(struct cp_planner *p, struct grouping *g);
/* Adds an aggregate over x (NULL: none) that was parsed otherwise. */
int grouping_add_call(struct cp_planner *p, struct grouping *g, struct cp_agg_call call,
                      struct cp_expr *x, struct cp_slice name);
/* `EXPR [as NAME]`, adds a key. */
int grouping_plan_key(struct cp_planner *p, struct grouping *g);
/* `by EXPR [as NAME], …` when it is next. */
int grouping_plan_by(struct cp_planner *p, struct grouping *g);
/* After all of them: the fields of the rows. */
int grouping_plan_end(struct cp_planner *p, struct grouping *g);
/* An aggregate that has just been parsed; NULL for *x: it has no value. */
int grouping_parse_call(struct cp_planner *p, struct cp_agg_call *call, struct cp_expr **x,
                        struct cp_slice *name);

/* g is a copy of `planned` for another worker. */
void grouping_fork(struct grouping *g, const struct grouping *planned);
int grouping_open(struct cp_stage *s, struct grouping *g);
enum cp_outcome grouping_process(struct cp_stage *s, struct grouping *g, struct cp_batch *b);

/* Adds the groups of another worker, which must live as long. Afterwards g can only be walked. */
void grouping_merge(struct grouping *g, struct grouping *other);

/* All groups in the order in which they came, `other` last:
 *     struct grouping_walk w = {g};
 *     while ((group = grouping_next(&w))) */
struct grouping_walk {
    struct grouping *g;
    uint32_t at[CP_MAX_WORKERS]; /* the next group of g, then of each of the others */
};
struct cp_group *grouping_next(struct grouping_walk *w);

/* The result of a call for a group. */
struct cp_value grouping_result(struct grouping *g, const struct grouping_call *c,
                                struct cp_group *group);
/* Sends a group's row. False: nobody wants more. */
bool grouping_emit(struct cp_stage *s, struct grouping *g, struct cp_group *group);
bool grouping_emit_end(struct cp_stage *s, struct grouping *g);
/* All groups in order. */
int grouping_finish(struct cp_stage *s, struct grouping *g);
/* What the summary says of them. */
void grouping_note(struct cp_stage *s, const struct grouping *g);
void grouping_close(struct grouping *g);

#endif
