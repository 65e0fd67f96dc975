/*
 * Numbers: text to number and back, exact comparison, exact sums.
 *
 * A number is a 64-bit integer or a double (rule 19). Nothing here allocates, keeps state, reads
 * beyond the given length or depends on the locale. Every function may be called from any thread;
 * only a struct cp_sum belongs to one thread at a time.
 */
#ifndef CP_NUMBER_H
#define CP_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Room for any formatted number; the formatters write no final NUL. */
#define CP_NUM_MAX 32

enum cp_num_kind {
    CP_NUM_NONE, /* the text is no number */
    CP_NUM_INT,
    CP_NUM_DBL,
};

struct cp_num {
    enum cp_num_kind kind;
    union {
        int64_t i;
        double d;
    };
};

/* ---- Reading ---- */

/*
 * The general reader behind cp_num_parse(); call that one. It is correct for every input, only
 * slower for the shortest integers.
 */
enum cp_num_kind cp_num_parse_any(const char *s, size_t n, struct cp_num *out);

/* Whether the 8 bytes of x, loaded from text, are all digits. */
static inline bool cp_digits8_are_valid(uint64_t x)
{
    return (((x & 0xF0F0F0F0F0F0F0F0u) |
             (((x + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) == 0x3333333333333333u);
}

/* The value of 8 digits in little-endian order: the first digit in the lowest byte. */
static inline uint32_t cp_digits8_value(uint64_t x)
{
    x = (x & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
    x = (x & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    return (uint32_t)((x & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32);
}

/*
 * Reads n bytes of decimal digits, n at most 18, into *v. Returns false, with *v undefined, when
 * any byte is not a digit. No bytes give true and 0.
 */
static inline bool cp_digits_parse(const char *s, size_t n, uint64_t *v)
{
    uint64_t value = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t x;
        memcpy(&x, s, 8);
        if (!cp_digits8_are_valid(x))
            return false;
        value = value * 100000000 + cp_digits8_value(x);
    }
#endif
    for (; n > 0; s++, n--) {
        unsigned digit = (unsigned char)*s - (unsigned)'0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *v = value;
    return true;
}

/*
 * Reads text that looks like a number (rule 20): an optional sign, decimal digits with at most one
 * point (`5.` and `.5` are fine, `.` is not), an optional exponent. Blanks, tabs, CR and LF around
 * it are passed over (rule 51); hexadecimal, inf and nan are no numbers.
 *
 * Text without point and exponent that fits int64 becomes CP_NUM_INT, everything else CP_NUM_DBL,
 * correctly rounded for numerals of any length. Beyond the range of doubles the result is an
 * infinity of the right sign, below it zero. `-0` is the integer 0, `-0.0` a double zero.
 *
 * Returns the kind, which is also out->kind; CP_NUM_NONE is zero, so the result reads as a boolean.
 */
static inline enum cp_num_kind cp_num_parse(const char *s, size_t n, struct cp_num *out)
{
    uint64_t value;

    if (n == 0 || (unsigned char)*s > '9') {
        out->kind = CP_NUM_NONE;
        return CP_NUM_NONE;
    }
    if (n > 18 || !cp_digits_parse(s, n, &value))
        return cp_num_parse_any(s, n, out);
    out->kind = CP_NUM_INT;
    out->i = (int64_t)value;
    return CP_NUM_INT;
}

/*
 * cp_num_is_json() tells whether the text is exactly one number of JSON's grammar, without blanks.
 * cp_num_is_plain() tells whether it may be written to JSON as its own bytes (rule 21): JSON's
 * grammar, no exponent, at most 18 digits.
 */
bool cp_num_is_json(const char *s, size_t n);
bool cp_num_is_plain(const char *s, size_t n);

/* ---- Writing ---- */

/*
 * Write the shortest decimal text that reads back as the same number; return its length. Doubles
 * look as in JavaScript: 3.0 is `3`, -0.0 is `0`, from 1e21 on and below 1e-6 there is an exponent
 * (`1e+21`, `1.5e-7`). Infinities are `Infinity` and `-Infinity`, not-a-number is `NaN`; no stage
 * writes these, since such results are errors (rule 19).
 */
size_t cp_num_format_int(char buf[CP_NUM_MAX], int64_t i);
size_t cp_num_format_double(char buf[CP_NUM_MAX], double d);

/* Either of the two, by kind. CP_NUM_NONE gives no bytes. */
size_t cp_num_format(char buf[CP_NUM_MAX], const struct cp_num *num);

/* ---- Comparing and converting ---- */

/*
 * Returns a value below, equal to or above zero as a is less than, equal to or greater than b. The
 * comparison is exact for an integer against a double too. Not-a-number is above everything and
 * equal to itself, so that the order is total. Neither may be CP_NUM_NONE.
 */
int cp_num_compare(const struct cp_num *a, const struct cp_num *b);

/* The number as a double; an integer above 2^53 is rounded. */
static inline double cp_num_to_double(const struct cp_num *num)
{
    return num->kind == CP_NUM_INT ? (double)num->i : num->d;
}

/* ---- Exact sums ---- */

#define CP_SUM_LIMBS 34

/*
 * An exact sum of integers and doubles. Its result depends on the set of added values alone: not on
 * their order, not on how they were spread over sums merged later (rule 33). Up to 2^63 values may
 * be added in all.
 *
 * It is a plain value: no release, copies by assignment, zero bytes are an empty sum. The limbs are
 * not touched before the first double arrives.
 */
struct cp_sum {
    uint64_t int_low; /* the integers: a 128-bit two's complement number */
    uint64_t int_high;
    bool has_double; /* a double was added: the limbs are in use */
    bool has_pos_inf;
    bool has_neg_inf;
    bool has_nan;
    uint64_t limbs[CP_SUM_LIMBS]; /* the doubles: two's complement in units of 2^-1074 */
};

/* Makes an empty sum; writes the head of the struct only. */
static inline void cp_sum_init(struct cp_sum *sum)
{
    memset(sum, 0, offsetof(struct cp_sum, limbs));
}

static inline void cp_sum_add_int(struct cp_sum *sum, int64_t i)
{
    uint64_t low = sum->int_low + (uint64_t)i;

    sum->int_high += (uint64_t)(i >> 63) + (low < sum->int_low);
    sum->int_low = low;
}

void cp_sum_add_double(struct cp_sum *sum, double d);

/* Adds a number of either kind; CP_NUM_NONE adds nothing. */
void cp_sum_add(struct cp_sum *sum, const struct cp_num *num);

/*
 * Adds d * d, exact unless its low part is below 2^-1074: for sums of squares. The order of
 * additions does not matter in any case.
 */
void cp_sum_add_square(struct cp_sum *sum, double d);

/* Adds all that was added to `other`, which stays as it is. */
void cp_sum_merge(struct cp_sum *sum, const struct cp_sum *other);

/*
 * The sum: an integer when only integers were added and it fits int64, else a double rounded once,
 * to nearest even. The result may be infinite or not-a-number; for the caller that is an error
 * (rule 43). An empty sum is the integer 0. Returns out->kind.
 */
enum cp_num_kind cp_sum_result(const struct cp_sum *sum, struct cp_num *out);

/* The sum divided by count, rounded once from the exact quotient. The count must not be 0. */
double cp_sum_divide(const struct cp_sum *sum, uint64_t count);

/* The greatest common divisor; of 0 and n it is n. */
static inline size_t cp_greatest_divisor(size_t a, size_t b)
{
    return b == 0 ? a : cp_greatest_divisor(b, a % b);
}

#endif
