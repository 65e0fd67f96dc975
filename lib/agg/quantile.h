/* quantile.h: values of a group in order, for percentiles. Internal to lib/agg.
 *
 * DESIGN. Up to CP_QUANTILE_EXACT values are kept as they are spelled: the result is one of them.
 * Above that they are counted in buckets: the sign, the exponent and the first 7 bits of the
 * mantissa of the double name the bucket, so that its middle is within 0.4 % of every number in it.
 * That needs no logarithm, merges by adding counts, and both the step from one form to the other
 * and the result depend on the set of values alone. Buckets that adapt to the data (t-digest, KLL)
 * depend on the order.
 */
#ifndef CP_AGG_QUANTILE_H
#define CP_AGG_QUANTILE_H

#include "aggregate.h"

enum { CP_QUANTILE_EXACT = 4096 };

struct quantile_bucket {
    uint64_t key; /* in the order of numbers; 0: an empty place */
    uint64_t count;
};

struct quantile {
    uint64_t n;
    uint32_t cap;  /* values or buckets that there is room for */
    uint32_t used; /* buckets in use */
    bool is_buckets;
    bool is_sorted;  /* buckets: in order, at the end */
    double min, max; /* of buckets */
    union {
        struct cp_value *values;
        struct quantile_bucket *buckets;
    };
};

void quantile_add(struct cp_agg_env *env, struct quantile *q, const struct cp_value *v,
                  const struct cp_num *num);
void quantile_merge(struct cp_agg_env *env, struct quantile *q, const struct quantile *other);
/* The value of rank ceil(n * param / (100 * scale)), from 1; null when there is none. */
struct cp_value quantile_at(struct cp_agg_env *env, struct quantile *q, uint64_t param,
                            uint64_t scale);

#endif
