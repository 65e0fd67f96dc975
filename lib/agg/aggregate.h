/* aggregate.h: functions of many values: count, sum, p99 and the others that stats knows.
 *
 * An aggregate is one entry of the table cp_aggregates. It has a state of `size` bytes per group,
 * zeroed at first; what grows beyond that comes out of the stage's store. Values are added one by
 * one; two states are merged when workers made them. The result depends on the set of values and
 * their positions alone, never on batching, the number of workers or the order of merging
 * (semantics 33).
 *
 *     call = cp_aggregate_find(name, &call)       which function, with which parameter
 *     call.type->add(&env, &call, state, …)       for every value that is not null
 *     call.type->merge(&env, &call, state, other)
 *     value = call.type->finish(&env, &call, state)
 */
#ifndef CP_AGG_AGGREGATE_H
#define CP_AGG_AGGREGATE_H

#include "../base/number.h"
#include "../base/slice.h"
#include "../data/store.h"
#include "../data/value.h"

struct cp_time_zone;

/* What the aggregates of a stage share. One thread's. */
struct cp_agg_env {
    struct cp_store *store;
    const struct cp_time_zone *zone; /* of the records being added */
    uint64_t seed;                   /* per run; no result depends on it */
    char *scratch;                   /* for texts that must be decoded; a piece of the store */
    size_t scratch_cap;
    uint64_t lost;                 /* values for which there was no memory */
    uint64_t estimates;            /* finished results that a histogram gave */
    bool has_time;                 /* rate: */
    int64_t first_time, last_time; /* the event time that the records span */
};

struct cp_aggregate;

/* A use of an aggregate. */
struct cp_agg_call {
    const struct cp_aggregate *type;
    uint64_t param, scale; /* pN, pct: the percentage is param / scale; topk: param is the number */
};

enum cp_agg_flags {
    CP_AGG_BARE = 1,  /* may be called without a value: add gets every record, with value NULL */
    CP_AGG_VALUE = 2, /* may be called with one */
    CP_AGG_PARAM = 4, /* has a number as its second argument */
    CP_AGG_NUMBERS =
        8, /* the value must be a number: add gets it as num; others are counted and left out */
    CP_AGG_TRUTHS = 16, /* the value is a condition: add is called where it is true */
    CP_AGG_TIMES = 32,  /* the stage keeps env.first_time and last_time */
    CP_AGG_GROWS = 64,  /* the state takes memory from the store */
};

struct cp_aggregate {
    const char *name;
    const char *usage;   /* sum(x); further forms behind blanks */
    const char *summary; /* one sentence */
    /* A tested example: values of x, one JSON value for each record, and the result. */
    const char *values, *result;
    unsigned flags;
    size_t size; /* of the state; a multiple of 8 */

    /* v is not null (NULL for CP_AGG_BARE calls). position: where the record stands in the order of
     * all. */
    void (*add)(struct cp_agg_env *env, const struct cp_agg_call *call, void *state,
                const struct cp_value *v, const struct cp_num *num, uint64_t position);
    /* Adds what `other` has. It stays valid; state may point into its store, which must live as
     * long. */
    void (*merge)(struct cp_agg_env *env, const struct cp_agg_call *call, void *state,
                  const void *other);
    /* The result; may be called more than once. Texts lie in the store or where they were;
     * NULL-like when there is none. */
    struct cp_value (*finish)(struct cp_agg_env *env, const struct cp_agg_call *call, void *state);
};

/* Ended by name == NULL. The entry for p50 … p99.9 is named pN. */
extern const struct cp_aggregate cp_aggregates[];

/* The aggregate of that name, with what the name itself says (p99.9). False: there is none. */
bool cp_aggregate_find(struct cp_slice name, struct cp_agg_call *call);
/* Takes the second argument, the text of a number. NULL, or what it should be: a static text. */
const char *cp_aggregate_param(struct cp_agg_call *call, struct cp_slice text);
/* Two calls that keep the same state when they are given the same value. */
bool cp_aggregate_same_state(const struct cp_agg_call *a, const struct cp_agg_call *b);
/* The name for "did you mean", or NULL. */
const char *cp_aggregate_nearest(struct cp_slice name);

#endif
