/* total.h: exact sums that are small until the first double arrives. Internal to lib/agg. */
#ifndef CP_AGG_TOTAL_H
#define CP_AGG_TOTAL_H

#include "aggregate.h"

struct total {
    uint64_t n;                 /* numbers added */
    uint64_t int_low, int_high; /* the integers: 128 bits */
    struct cp_sum *doubles;     /* in the store; NULL: none yet */
};

void total_add_int(struct total *t, int64_t i);
void total_add(struct cp_agg_env *env, struct total *t, const struct cp_num *num);
/* Adds the square of a number. */
void total_add_square(struct cp_agg_env *env, struct total *t, const struct cp_num *num);
void total_merge(struct cp_agg_env *env, struct total *t, const struct total *other);

/* The whole as one sum. */
void total_sum(const struct total *t, struct cp_sum *out);

/* The standard deviation of the sample: from its sum and the sum of squares; null below two
 * numbers. */
struct cp_value total_deviation(const struct total *sum, const struct total *squares);

#endif
