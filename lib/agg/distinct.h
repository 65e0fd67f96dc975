/* distinct.h: which values there are: uniq, ~uniq, topk. Internal to lib/agg.
 *
 * DESIGN. Values are the same when their texts are. uniq and topk know a text by its 128-bit
 * fingerprint, seeded per run: two texts share one with a chance below 2^-80 for a hundred million
 * values, and a value costs 16 bytes whatever its length. ~uniq hashes with a fixed seed, as its
 * result depends on it: up to SPARSE_MAX hashes are kept, which counts exactly; then HyperLogLog
 * with 2^14 registers and Ertl's estimator, which needs no table of corrections (standard error 0.8
 * %).
 */
#ifndef CP_AGG_DISTINCT_H
#define CP_AGG_DISTINCT_H

#include "aggregate.h"

struct fingerprint {
    uint64_t a, b; /* both 0: an empty place */
};

/* A set of entries that begin with a fingerprint. */
struct marks {
    char *p;
    uint32_t cap, n;
};

void uniq_add(struct cp_agg_env *env, struct marks *m, const struct cp_value *v);
void uniq_merge(struct cp_agg_env *env, struct marks *m, const struct marks *other);

struct sketch {
    uint64_t *hashes;   /* an open table; 0: empty */
    uint8_t *registers; /* or NULL */
    uint32_t cap, n;
};

void sketch_add(struct cp_agg_env *env, struct sketch *s, const struct cp_value *v);
void sketch_merge(struct cp_agg_env *env, struct sketch *s, const struct sketch *other);
uint64_t sketch_count(const struct sketch *s);

struct ranking {
    struct marks marks;
    struct cp_value text; /* the finished list */
};

void ranking_add(struct cp_agg_env *env, struct ranking *r, const struct cp_value *v,
                 uint64_t position);
void ranking_merge(struct cp_agg_env *env, struct ranking *r, const struct ranking *other);
struct cp_value ranking_list(struct cp_agg_env *env, struct ranking *r, uint64_t n);

#endif
