/* total.c: exact sums. */
#include "total.h"

#include <float.h>
#include <math.h>

/* Integers below it have squares that are added as integers. */
static const int64_t small = INT64_C(1) << 31;

void total_add_int(struct total *t, int64_t i)
{
    uint64_t low = t->int_low + (uint64_t)i;

    t->int_high += (uint64_t)(i >> 63) + (low < t->int_low);
    t->int_low = low;
    t->n++;
}

/* The sum of doubles; NULL: no memory, counted as lost. */
static struct cp_sum *doubles_of(struct cp_agg_env *env, struct total *t)
{
    if (!t->doubles && !(t->doubles = cp_store_take(env->store, sizeof *t->doubles)))
        env->lost++;
    return t->doubles;
}

void total_add(struct cp_agg_env *env, struct total *t, const struct cp_num *num)
{
    if (num->kind == CP_NUM_INT) {
        total_add_int(t, num->i);
    } else if (doubles_of(env, t)) {
        cp_sum_add_double(t->doubles, num->d);
        t->n++;
    }
}

void total_add_square(struct cp_agg_env *env, struct total *t, const struct cp_num *num)
{
    if (num->kind == CP_NUM_INT && num->i > -small && num->i < small) {
        total_add_int(t, num->i * num->i);
    } else if (doubles_of(env, t)) {
        cp_sum_add_square(t->doubles, cp_num_to_double(num));
        t->n++;
    }
}

void total_merge(struct cp_agg_env *env, struct total *t, const struct total *other)
{
    uint64_t low = t->int_low + other->int_low;

    if (other->doubles && !doubles_of(env, t))
        return;
    t->int_high += other->int_high + (low < t->int_low);
    t->int_low = low;
    t->n += other->n;
    if (other->doubles)
        cp_sum_merge(t->doubles, other->doubles);
}

void total_sum(const struct total *t, struct cp_sum *out)
{
    cp_sum_init(out);
    out->int_low = t->int_low;
    out->int_high = t->int_high;
    if (t->doubles)
        cp_sum_merge(out, t->doubles);
}

/* ---- Deviation ---- */

/* Enough bits that the difference of two nearly equal sums means something. */
#if LDBL_MANT_DIG >= 113
typedef long double wide;
#else
__extension__ typedef __float128 wide;
#endif

/* The sum as a double and what its rounding left, also as a double. */
static wide wide_of(const struct total *t)
{
    struct cp_sum sum;
    struct cp_num high, low;

    total_sum(t, &sum);
    if (cp_sum_result(&sum, &high) == CP_NUM_INT)
        return (wide)high.i;
    if (!isfinite(high.d))
        return (wide)high.d;
    cp_sum_add_double(&sum, -high.d);
    cp_sum_result(&sum, &low);
    return (wide)high.d + (wide)cp_num_to_double(&low);
}

struct cp_value total_deviation(const struct total *sum, const struct total *squares)
{
    wide s = wide_of(sum), q = wide_of(squares), n = (wide)sum->n;
    double variance;

    if (sum->n < 2)
        return cp_null();
    variance = (double)((q - s * s / n) / (n - 1));
    if (!isfinite(variance))
        return cp_null();
    return cp_double(variance > 0 ? sqrt(variance) : 0);
}
