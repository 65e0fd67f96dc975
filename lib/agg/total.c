/* total.c: exact sums. */
#include "total.h"

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

/* Parts that a sum is taken apart into: 53 bits each, more than two numbers that differ in their
 * last bit need. */
enum { PARTS = 5 };

/* The doubles whose sum it is, the largest first. False: it is not finite. */
static bool take_apart(const struct total *t, double part[PARTS])
{
    struct cp_sum sum;
    struct cp_num num;

    total_sum(t, &sum);
    for (size_t i = 0; i < PARTS; i++) {
        cp_sum_result(&sum, &num);
        part[i] = cp_num_to_double(&num);
        if (!isfinite(part[i]))
            return false;
        cp_sum_add_double(&sum, -part[i]);
    }
    return true;
}

/* Adds a * b, which is two doubles. */
static void add_product(struct cp_sum *sum, double a, double b)
{
    double high = a * b;
    cp_sum_add_double(sum, high);
    if (isfinite(high))
        cp_sum_add_double(sum, fma(a, b, -high));
}

/* n * (sum of squares) - (sum)^2, added up exactly: the two are nearly equal where numbers are
 * large and differ little. */
static double difference(double n, const double sum[PARTS], const double squares[PARTS])
{
    struct cp_sum whole;
    struct cp_num result;

    cp_sum_init(&whole);
    for (size_t i = 0; i < PARTS; i++) {
        add_product(&whole, n, squares[i]);
        for (size_t k = 0; k < PARTS; k++)
            add_product(&whole, -sum[i], sum[k]);
    }
    cp_sum_result(&whole, &result);
    return cp_num_to_double(&result);
}

struct cp_value total_deviation(const struct total *sum, const struct total *squares)
{
    double s[PARTS], q[PARTS], n = (double)sum->n;

    if (sum->n < 2 || !take_apart(sum, s) || !take_apart(squares, q))
        return cp_null();
    double variance = difference(n, s, q) / n / (n - 1);
    if (!isfinite(variance))
        return cp_null();
    return cp_double(variance > 0 ? sqrt(variance) : 0);
}
