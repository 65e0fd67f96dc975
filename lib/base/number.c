/*
 * Numbers: text to number and back, exact comparison, exact sums.
 *
 * DESIGN. Reading: up to 19 digits are gathered in one integer. When it and the power of ten are
 * exact doubles one operation rounds correctly; where long double has 64 bits of mantissa it does
 * the same for all 19 digits, unless its result lies at the middle between two doubles. The rest
 * goes to strtod() as digits and exponent, cut after the last digit that can matter.
 *
 * Writing: a double that is a decimal of at most 15 digits is recognised by one multiplication and
 * checked by one division. Others try 15, 16 and 17 digits, of long double for ordinary magnitudes
 * and of printf() for the rest. Ryu would treat all alike, at the price of ten kilobytes of tables.
 *
 * Sums: doubles are added into one fixed-point number that spans their whole range. An expansion
 * of doubles (Shewchuk) is smaller for benign data, but its size depends on the data and its parts
 * on the order, so that merging needs care; here a merge is an addition of 34 limbs.
 */
#include "number.h"

#include <assert.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 u128;

/* ---- Reading ---- */

/* The parts of a numeral, as they stand in its text. */
struct numeral {
    const char *whole; /* the digits before the point */
    size_t whole_length;
    const char *fraction; /* those after it */
    size_t fraction_length;
    int64_t exponent;  /* as written, saturated */
    uint64_t mantissa; /* all digits as one integer, if at most 19 of them are significant */
    bool is_negative;
    bool is_integer; /* neither point nor exponent */
};

/* No double has more significant decimal digits that decide its rounding. */
#define DIGITS_THAT_MATTER 770

/* Exponents beyond this are zero or infinity for any mantissa that fits memory. */
#define EXPONENT_LIMIT INT64_C(1000000000000000000)

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Passes over digits and appends them to the mantissa, which may wrap around. */
static inline const char *scan_digits(const char *p, const char *end, uint64_t *mantissa)
{
    uint64_t value = *mantissa;

    for (; p < end && is_digit(*p); p++)
        value = value * 10 + (uint64_t)(*p - '0');
    *mantissa = value;
    return p;
}

/* Reads what follows an e. Returns its end or NULL when there is no digit. */
static const char *scan_exponent(const char *p, const char *end, int64_t *exponent)
{
    bool is_negative = false;
    int64_t value = 0;

    if (p < end && (*p == '+' || *p == '-'))
        is_negative = *p++ == '-';
    if (p == end || !is_digit(*p))
        return NULL;
    for (; p < end && is_digit(*p); p++)
        if (value < EXPONENT_LIMIT / 10)
            value = value * 10 + (*p - '0');
    *exponent = is_negative ? -value : value;
    return p;
}

/* Takes apart the numeral that is the whole of p..end; false when there is none. */
static bool scan_numeral(const char *p, const char *end, struct numeral *num)
{
    num->is_negative = *p == '-';
    p += *p == '-' || *p == '+';
    num->mantissa = 0;
    num->whole = p;
    p = scan_digits(p, end, &num->mantissa);
    num->whole_length = (size_t)(p - num->whole);
    num->fraction = p;
    num->fraction_length = 0;
    num->exponent = 0;
    num->is_integer = p == end;
    if (p < end && *p == '.') {
        num->fraction = ++p;
        p = scan_digits(p, end, &num->mantissa);
        num->fraction_length = (size_t)(p - num->fraction);
    }
    if (num->whole_length + num->fraction_length == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E'))
        p = scan_exponent(p + 1, end, &num->exponent);
    return p == end;
}

/* Drops leading zeros, so that the number of digits is that of the significant ones. */
static void strip_zeros(struct numeral *num)
{
    while (num->whole_length > 0 && *num->whole == '0') {
        num->whole++;
        num->whole_length--;
    }
    if (num->whole_length > 0)
        return;
    /* The exponent counts from the end of the fraction, which stays where it is. */
    num->exponent -= (int64_t)num->fraction_length;
    while (num->fraction_length > 0 && *num->fraction == '0') {
        num->fraction++;
        num->fraction_length--;
    }
    num->exponent += (int64_t)num->fraction_length;
}

static bool has_nonzero(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] != '0')
            return true;
    return false;
}

/*
 * Copies at most `room` of n digits. Returns how many; sets *is_inexact when a digit that is not
 * zero was left behind.
 */
static size_t copy_digits(char *out, size_t room, const char *s, size_t n, bool *is_inexact)
{
    size_t taken = n < room ? n : room;

    memcpy(out, s, taken);
    if (has_nonzero(s + taken, n - taken))
        *is_inexact = true;
    return taken;
}

/* strtod() on digits and exponent. There is no point in the text, thus no locale in the result. */
static double digits_to_double(char *digits, size_t n, int64_t exponent)
{
    if (exponent > 100000)
        exponent = 100000;
    if (exponent < -100000)
        exponent = -100000;
    sprintf(digits + n, "e%d", (int)exponent);
    return strtod(digits, NULL);
}

/*
 * Any numeral without leading zeros. Of digits too many to matter only a 1 is kept that says
 * whether the value is above the middle between two doubles.
 */
static double numeral_to_double_slowly(const struct numeral *num)
{
    char digits[DIGITS_THAT_MATTER + 16];
    bool is_inexact = false;
    size_t n, total = num->whole_length + num->fraction_length;

    n = copy_digits(digits, DIGITS_THAT_MATTER, num->whole, num->whole_length, &is_inexact);
    n += copy_digits(digits + n, DIGITS_THAT_MATTER - n, num->fraction, num->fraction_length,
                     &is_inexact);
    if (n == 0)
        return 0;
    int64_t exponent = num->exponent - (int64_t)num->fraction_length + (int64_t)(total - n);
    if (is_inexact) {
        digits[n++] = '1';
        exponent--;
    }
    return digits_to_double(digits, n, exponent);
}

#if LDBL_MANT_DIG == 64
static const long double long_powers_of_ten[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                                 1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                                 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                                 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

/*
 * Rounds first to 64 bits, then to 53. That is the correct result unless the first rounding came
 * to lie at the middle of two doubles or next to it.
 */
static bool scale_in_long_double(uint64_t mantissa, int64_t exponent, double *d)
{
    long double value = (long double)mantissa;
    uint64_t bits;

    if (exponent < -27 || exponent > 27)
        return false;
    if (exponent < 0)
        value /= long_powers_of_ten[-exponent];
    else
        value *= long_powers_of_ten[exponent];
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FF) - 0x3FF <= 2)
        return false;
    *d = (double)value;
    return true;
}
#else
static bool scale_in_long_double(uint64_t mantissa, int64_t exponent, double *d)
{
    (void)mantissa, (void)exponent, (void)d;
    return false;
}
#endif

/* mantissa * 10^exponent, when that can be rounded correctly without much work. */
static bool scale_quickly(uint64_t mantissa, int64_t exponent, double *d)
{
    if (mantissa > UINT64_C(1) << 53 || exponent < -22 || exponent > 22)
        return scale_in_long_double(mantissa, exponent, d);
    *d = exponent < 0 ? (double)mantissa / powers_of_ten[-exponent]
                      : (double)mantissa * powers_of_ten[exponent];
    return true;
}

static double numeral_to_double(struct numeral *num, bool has_mantissa)
{
    double d;

    if (!has_mantissa ||
        !scale_quickly(num->mantissa, num->exponent - (int64_t)num->fraction_length, &d))
        d = numeral_to_double_slowly(num);
    return num->is_negative ? -d : d;
}

enum cp_num_kind cp_num_parse_any(const char *s, size_t n, struct cp_num *out)
{
    const char *end = s + n;
    struct numeral num;

    while (s < end && is_blank(*s))
        s++;
    while (s < end && is_blank(end[-1]))
        end--;
    out->kind = CP_NUM_NONE;
    if (s == end || !scan_numeral(s, end, &num))
        return CP_NUM_NONE;
    if (num.whole_length + num.fraction_length > 19)
        strip_zeros(&num);
    bool has_mantissa = num.whole_length + num.fraction_length <= 19;
    if (num.is_integer && has_mantissa && num.mantissa <= (uint64_t)INT64_MAX + num.is_negative) {
        out->kind = CP_NUM_INT;
        out->i = (int64_t)(num.is_negative ? 0 - num.mantissa : num.mantissa);
        return CP_NUM_INT;
    }
    out->kind = CP_NUM_DBL;
    out->d = numeral_to_double(&num, has_mantissa);
    return CP_NUM_DBL;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* The end of JSON's number without its exponent, or NULL. Counts the digits. */
static const char *scan_json_decimal(const char *p, const char *end, size_t *digits)
{
    if (p < end && *p == '-')
        p++;
    const char *whole = p;
    p = skip_digits(p, end);
    *digits = (size_t)(p - whole);
    if (*digits == 0 || (*digits > 1 && *whole == '0'))
        return NULL;
    if (p == end || *p != '.')
        return p;
    const char *fraction = ++p;
    p = skip_digits(p, end);
    *digits += (size_t)(p - fraction);
    return p > fraction ? p : NULL;
}

bool cp_num_is_json(const char *s, size_t n)
{
    const char *end = s + n;
    size_t digits;
    int64_t exponent;
    const char *p = scan_json_decimal(s, end, &digits);

    if (p != NULL && p < end && (*p == 'e' || *p == 'E'))
        p = scan_exponent(p + 1, end, &exponent);
    return p == end && n > 0;
}

bool cp_num_is_plain(const char *s, size_t n)
{
    size_t digits;

    /* A sign, a point and 18 digits. */
    return n > 0 && n <= 20 && scan_json_decimal(s, s + n, &digits) == s + n && digits <= 18;
}

/* ---- Writing ---- */

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t value)
{
    size_t n = 1;

    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

static size_t write_digits(char *out, uint64_t value)
{
    size_t n = count_digits(value);
    char *p = out + n;

    while (value >= 100) {
        p -= 2;
        memcpy(p, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(out, digit_pairs + 2 * value, 2);
    else
        *out = (char)('0' + value);
    return n;
}

size_t cp_num_format_int(char buf[CP_NUM_MAX], int64_t i)
{
    if (i >= 0)
        return write_digits(buf, (uint64_t)i);
    *buf = '-';
    return 1 + write_digits(buf + 1, 0 - (uint64_t)i);
}

/* A decimal number: value * 10^exponent. */
struct decimal {
    uint64_t value;
    int exponent;
};

static void strip_trailing_zeros(struct decimal *dec)
{
    for (; dec->value % 10000 == 0; dec->value /= 10000)
        dec->exponent += 4;
    for (; dec->value % 10 == 0; dec->value /= 10)
        dec->exponent++;
}

/* `0.00ddd` or `dd.ddd` or `ddd00`, where the point stands behind `point` of n digits. */
static size_t write_fixed(char *out, const char *digits, size_t n, int point)
{
    char *p = out;

    if (point <= 0) {
        memcpy(p, "0.000000", 8);
        p += 2 - point;
        memcpy(p, digits, n);
        return (size_t)(p + n - out);
    }
    size_t whole = (size_t)point < n ? (size_t)point : n;
    memcpy(p, digits, whole);
    p += whole;
    for (size_t i = n; i < (size_t)point; i++)
        *p++ = '0';
    if (whole < n) {
        *p++ = '.';
        memcpy(p, digits + whole, n - whole);
        p += n - whole;
    }
    return (size_t)(p - out);
}

/* `d.ddde+X` */
static size_t write_exponential(char *out, const char *digits, size_t n, int exponent)
{
    char *p = out;

    *p++ = digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, n - 1);
        p += n - 1;
    }
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    p += write_digits(p, (uint64_t)abs(exponent));
    return (size_t)(p - out);
}

static size_t write_decimal(char *out, struct decimal dec)
{
    char digits[CP_NUM_MAX];

    strip_trailing_zeros(&dec);
    size_t n = write_digits(digits, dec.value);
    int point = (int)n + dec.exponent;
    if (point > 21 || point < -5)
        return write_exponential(out, digits, n, point - 1);
    return write_fixed(out, digits, n, point);
}

/*
 * The decimal of at most 15 digits that d, from 1e-6 to below 1e15, reads back from. There is at
 * most one; the product is close enough to it to find it, the quotient is rounded as a reader
 * would.
 */
static bool find_short_decimal(double d, struct decimal *dec)
{
    int places = 15;

    if (!(d >= 1e-6 && d < 1e15))
        return false;
    if (d >= 1)
        places -= (int)count_digits((uint64_t)d);
    else
        while (d * powers_of_ten[places] < 1e14)
            places++;
    dec->value = (uint64_t)(d * powers_of_ten[places] + 0.5);
    dec->exponent = -places;
    return (double)dec->value / powers_of_ten[places] == d;
}

/* d rounded to a number of decimal digits by printf(), whatever its decimal point. */
static struct decimal round_to_digits(double d, int digits)
{
    char text[64];
    struct decimal dec = {0, 0};
    const char *p = text;

    snprintf(text, sizeof text, "%.*e", digits - 1, d);
    for (; *p != 'e'; p++)
        if (is_digit(*p))
            dec.value = dec.value * 10 + (uint64_t)(*p - '0');
    dec.exponent = atoi(p + 1) - (digits - 1);
    return dec;
}

static bool reads_back(struct decimal dec, double d)
{
    char digits[CP_NUM_MAX];
    double back;

    if (!scale_quickly(dec.value, dec.exponent, &back))
        back = digits_to_double(digits, write_digits(digits, dec.value), dec.exponent);
    return back == d;
}

#if LDBL_MANT_DIG == 64
/*
 * d, which is about 10^magnitude, rounded to a number of digits. False when the rounding of the
 * product might have decided the last digit.
 */
static bool round_in_long_double(double d, int digits, int magnitude, struct decimal *dec)
{
    int scale = digits - 1 - magnitude;
    long double scaled = d;

    if (scale < -27 || scale > 27)
        return false;
    if (scale < 0)
        scaled /= long_powers_of_ten[-scale];
    else
        scaled *= long_powers_of_ten[scale];
    dec->value = (uint64_t)scaled;
    dec->exponent = -scale;
    /* Below 10^17 the product is exact to 2^-8. */
    long double fraction = scaled - (long double)dec->value;
    if (fraction > 0.5L - 0x1p-7L && fraction < 0.5L + 0x1p-7L)
        return false;
    dec->value += fraction > 0.5L;
    return true;
}

/*
 * The power of ten of the leading digit of d, from 1e-10 to below 1e22. Just below a negative power
 * it may be one too large, for which the trial below finds nothing.
 */
static int find_magnitude(double d)
{
    int magnitude = 0;

    while (magnitude < 21 && d >= powers_of_ten[magnitude + 1])
        magnitude++;
    while (d < 1 && d * powers_of_ten[-magnitude] < 1)
        magnitude--;
    return magnitude;
}

/* The shortest decimal of an ordinary double by trial, without printf(). */
static bool find_decimal_quickly(double d, struct decimal *dec)
{
    if (!(d >= 1e-10 && d < 1e22))
        return false;
    int magnitude = find_magnitude(d);
    for (int digits = 15; digits <= 17; digits++) {
        if (!round_in_long_double(d, digits, magnitude, dec))
            return false;
        if (reads_back(*dec, d))
            return true;
    }
    return false;
}
#else
static bool find_decimal_quickly(double d, struct decimal *dec)
{
    (void)d, (void)dec;
    return false;
}
#endif

/*
 * The shortest decimal by trial. Below a power of two the doubles are denser than above it, so that
 * the nearest decimal below may be another double's while the one above is still ours. Subnormal
 * numbers have fewer than 15 digits.
 */
static struct decimal find_decimal(double d)
{
    uint64_t bits;
    struct decimal dec;

    memcpy(&bits, &d, sizeof bits);
    bool is_power_of_two = (bits << 12) == 0;
    if (!is_power_of_two && find_decimal_quickly(d, &dec))
        return dec;
    for (int digits = d < DBL_MIN ? 1 : 15; digits < 17; digits++) {
        dec = round_to_digits(d, digits);
        if (reads_back(dec, d))
            return dec;
        dec.value++;
        if (is_power_of_two && reads_back(dec, d))
            return dec;
    }
    return round_to_digits(d, 17);
}

static size_t copy_text(char *out, const char *text)
{
    size_t n = strlen(text);

    memcpy(out, text, n);
    return n;
}

/* d is positive. */
static size_t write_double(char *out, double d)
{
    struct decimal dec;

    if (d > DBL_MAX)
        return copy_text(out, "Infinity");
    if (d < 0x1p53 && (double)(uint64_t)d == d)
        return write_digits(out, (uint64_t)d);
    if (!find_short_decimal(d, &dec))
        dec = find_decimal(d);
    return write_decimal(out, dec);
}

size_t cp_num_format_double(char buf[CP_NUM_MAX], double d)
{
    if (d != d)
        return copy_text(buf, "NaN");
    if (d == 0)
        return copy_text(buf, "0");
    if (d > 0)
        return write_double(buf, d);
    *buf = '-';
    return 1 + write_double(buf + 1, -d);
}

size_t cp_num_format(char buf[CP_NUM_MAX], const struct cp_num *num)
{
    switch (num->kind) {
    case CP_NUM_INT:
        return cp_num_format_int(buf, num->i);
    case CP_NUM_DBL:
        return cp_num_format_double(buf, num->d);
    case CP_NUM_NONE:
        break;
    }
    return 0;
}

/* ---- Comparing ---- */

static int compare_ints(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Not-a-number is above everything. */
static int compare_doubles(double a, double b)
{
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int compare_int_double(int64_t i, double d)
{
    if (d != d || d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    int64_t whole = (int64_t)d;
    if (i != whole)
        return i < whole ? -1 : 1;
    /* A double with a fraction is below 2^53, where the difference is exact. */
    return compare_doubles(0, d - (double)whole);
}

int cp_num_compare(const struct cp_num *a, const struct cp_num *b)
{
    assert(a->kind != CP_NUM_NONE && b->kind != CP_NUM_NONE);
    if (a->kind == CP_NUM_INT && b->kind == CP_NUM_INT)
        return compare_ints(a->i, b->i);
    if (a->kind == CP_NUM_INT)
        return compare_int_double(a->i, b->d);
    if (b->kind == CP_NUM_INT)
        return -compare_int_double(b->i, a->d);
    return compare_doubles(a->d, b->d);
}

/* ---- Exact sums ---- */

/* Bit 0 of limb 0 is 2^-1074, the smallest double; 2^0 is bit UNIT_BIT of the whole. */
#define UNIT_BIT 1074

static void add_with_carry(uint64_t *limbs, unsigned i, uint64_t low, uint64_t high)
{
    uint64_t sum = limbs[i] + low;
    unsigned carry = sum < low;

    limbs[i] = sum;
    u128 next = (u128)limbs[i + 1] + high + carry;
    limbs[i + 1] = (uint64_t)next;
    carry = (unsigned)(next >> 64);
    for (i += 2; carry != 0 && i < CP_SUM_LIMBS; i++)
        carry = ++limbs[i] == 0;
}

static void subtract_with_borrow(uint64_t *limbs, unsigned i, uint64_t low, uint64_t high)
{
    unsigned borrow = limbs[i] < low;

    limbs[i] -= low;
    u128 next = (u128)limbs[i + 1] - high - borrow;
    limbs[i + 1] = (uint64_t)next;
    borrow = (unsigned)(next >> 64) & 1;
    for (i += 2; borrow != 0 && i < CP_SUM_LIMBS; i++)
        borrow = limbs[i]-- == 0;
}

/* Adds or subtracts value * 2^(bit - 1074). */
static void add_bits(struct cp_sum *sum, uint64_t value, unsigned bit, bool is_negative)
{
    unsigned offset = bit % 64;
    uint64_t low = value << offset;
    uint64_t high = offset != 0 ? value >> (64 - offset) : 0;

    if (is_negative)
        subtract_with_borrow(sum->limbs, bit / 64, low, high);
    else
        add_with_carry(sum->limbs, bit / 64, low, high);
}

static void start_doubles(struct cp_sum *sum)
{
    if (!sum->has_double)
        memset(sum->limbs, 0, sizeof sum->limbs);
    sum->has_double = true;
}

static void note_special(struct cp_sum *sum, double d)
{
    sum->has_nan |= d != d;
    sum->has_pos_inf |= d > DBL_MAX;
    sum->has_neg_inf |= d < -DBL_MAX;
}

/* A finite double as mantissa * 2^(exponent - 1074); the exponent is not negative. */
static uint64_t split_double(double d, unsigned *exponent)
{
    uint64_t bits;

    memcpy(&bits, &d, sizeof bits);
    unsigned field = (unsigned)(bits >> 52) & 0x7FF;
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    *exponent = field != 0 ? field - 1 : 0;
    return field != 0 ? fraction | UINT64_C(1) << 52 : fraction;
}

void cp_sum_add_double(struct cp_sum *sum, double d)
{
    unsigned exponent;

    start_doubles(sum);
    if (!(d >= -DBL_MAX && d <= DBL_MAX)) {
        note_special(sum, d);
        return;
    }
    uint64_t mantissa = split_double(d, &exponent);
    add_bits(sum, mantissa, exponent, d < 0);
}

void cp_sum_add(struct cp_sum *sum, const struct cp_num *num)
{
    if (num->kind == CP_NUM_INT)
        cp_sum_add_int(sum, num->i);
    else if (num->kind == CP_NUM_DBL)
        cp_sum_add_double(sum, num->d);
}

void cp_sum_add_square(struct cp_sum *sum, double d)
{
    unsigned exponent;

    start_doubles(sum);
    if (!(d * d <= DBL_MAX)) {
        note_special(sum, d * d);
        return;
    }
    uint64_t mantissa = split_double(d, &exponent);
    u128 square = (u128)mantissa * mantissa;
    int bit = 2 * (int)exponent - UNIT_BIT;
    if (bit <= -128)
        return;
    if (bit < 0) {
        square >>= -bit;
        bit = 0;
    }
    add_bits(sum, (uint64_t)square, (unsigned)bit, false);
    if (square >> 64 != 0)
        add_bits(sum, (uint64_t)(square >> 64), (unsigned)bit + 64, false);
}

/* The integers of a sum, added to its doubles in `limbs`. */
static void fold_integers(const struct cp_sum *sum, uint64_t limbs[CP_SUM_LIMBS])
{
    uint64_t sign = (sum->int_high >> 63) != 0 ? UINT64_MAX : 0;
    unsigned first = UNIT_BIT / 64, shift = UNIT_BIT % 64;
    uint64_t parts[3] = {sum->int_low << shift,
                         sum->int_high << shift | sum->int_low >> (64 - shift),
                         sign << shift | sum->int_high >> (64 - shift)};
    u128 carry = 0;

    for (unsigned i = first; i < CP_SUM_LIMBS; i++) {
        carry += (u128)limbs[i] + (i - first < 3 ? parts[i - first] : sign);
        limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static void negate_limbs(uint64_t limbs[CP_SUM_LIMBS])
{
    unsigned carry = 1;

    for (unsigned i = 0; i < CP_SUM_LIMBS; i++) {
        limbs[i] = ~limbs[i] + carry;
        carry = carry != 0 && limbs[i] == 0;
    }
}

/* All that was added as sign and magnitude; the return value tells a negative one. */
static bool gather_sum(const struct cp_sum *sum, uint64_t limbs[CP_SUM_LIMBS])
{
    if (sum->has_double)
        memcpy(limbs, sum->limbs, sizeof sum->limbs);
    else
        memset(limbs, 0, sizeof sum->limbs);
    fold_integers(sum, limbs);
    if (limbs[CP_SUM_LIMBS - 1] >> 63 == 0)
        return false;
    negate_limbs(limbs);
    return true;
}

void cp_sum_merge(struct cp_sum *sum, const struct cp_sum *other)
{
    u128 carry = 0;

    sum->int_low += other->int_low;
    sum->int_high += other->int_high + (sum->int_low < other->int_low);
    if (!other->has_double)
        return;
    start_doubles(sum);
    sum->has_nan |= other->has_nan;
    sum->has_pos_inf |= other->has_pos_inf;
    sum->has_neg_inf |= other->has_neg_inf;
    for (unsigned i = 0; i < CP_SUM_LIMBS; i++) {
        carry += (u128)sum->limbs[i] + other->limbs[i];
        sum->limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

/*
 * A magnitude in limbs, with another limb `below` the unit and something smaller still if
 * has_rest, rounded to the nearest double, ties to even. Bits count from the lowest of `below`.
 */
static double round_limbs(const uint64_t *limbs, uint64_t below, bool has_rest)
{
    int top = CP_SUM_LIMBS - 1;

    while (top >= 0 && limbs[top] == 0)
        top--;
    if (top < 0)
        return below > UINT64_C(1) << 63 || (below == UINT64_C(1) << 63 && has_rest) ? 0x1p-1074
                                                                                     : 0;
    uint64_t high = limbs[top];
    int lead = __builtin_clzll(high);
    /* `word` has the leading bit on top, then the 63 bits that follow it. */
    uint64_t next = top > 0 ? limbs[top - 1] : below;
    uint64_t word = lead != 0 ? high << lead | next >> (64 - lead) : high;
    bool sticky = has_rest || (lead != 0 ? next << lead : next) != 0 || (top > 0 && below != 0);
    for (int i = top - 2; i >= 0 && !sticky; i--)
        sticky = limbs[i] != 0;
    /* Normal numbers keep 53 bits, subnormal ones what is above the unit. */
    int position = top * 64 + 63 - lead;
    int kept = position >= 52 ? 53 : position + 1;
    uint64_t mantissa = word >> (64 - kept);
    uint64_t cut = word << kept;
    mantissa +=
        cut > UINT64_C(1) << 63 || (cut == UINT64_C(1) << 63 && (sticky || (mantissa & 1) != 0));
    uint64_t bits = mantissa + ((uint64_t)(position + 1 - kept) << 52);
    if (bits > UINT64_C(0x7FF) << 52)
        bits = UINT64_C(0x7FF) << 52;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* Sums with infinities. False when there are none. */
static bool sum_is_special(const struct cp_sum *sum, double *d)
{
    double inf = DBL_MAX * 2;

    if (!sum->has_double || !(sum->has_nan || sum->has_pos_inf || sum->has_neg_inf))
        return false;
    if (sum->has_nan || (sum->has_pos_inf && sum->has_neg_inf))
        *d = inf - inf;
    else
        *d = sum->has_pos_inf ? inf : -inf;
    return true;
}

/* Whether the integers alone fit int64. */
static bool integers_fit(const struct cp_sum *sum)
{
    return sum->int_high == (sum->int_low >> 63 != 0 ? UINT64_MAX : 0);
}

enum cp_num_kind cp_sum_result(const struct cp_sum *sum, struct cp_num *out)
{
    uint64_t limbs[CP_SUM_LIMBS];

    if (!sum->has_double && integers_fit(sum)) {
        out->kind = CP_NUM_INT;
        out->i = (int64_t)sum->int_low;
        return CP_NUM_INT;
    }
    out->kind = CP_NUM_DBL;
    if (!sum_is_special(sum, &out->d)) {
        bool is_negative = gather_sum(sum, limbs);
        double d = round_limbs(limbs, 0, false);
        out->d = is_negative ? -d : d;
    }
    return CP_NUM_DBL;
}

/* Divides limbs in place; returns the remainder. */
static uint64_t divide_limbs(uint64_t limbs[CP_SUM_LIMBS], uint64_t divisor)
{
    uint64_t rest = 0;

    for (int i = CP_SUM_LIMBS - 1; i >= 0; i--) {
        u128 part = (u128)rest << 64 | limbs[i];
        limbs[i] = (uint64_t)(part / divisor);
        rest = (uint64_t)(part % divisor);
    }
    return rest;
}

double cp_sum_divide(const struct cp_sum *sum, uint64_t count)
{
    uint64_t limbs[CP_SUM_LIMBS];
    double d;

    assert(count != 0);
    if (sum_is_special(sum, &d))
        return d;
    bool is_negative = gather_sum(sum, limbs);
    u128 rest = (u128)divide_limbs(limbs, count) << 64;
    d = round_limbs(limbs, (uint64_t)(rest / count), rest % count != 0);
    return is_negative ? -d : d;
}
