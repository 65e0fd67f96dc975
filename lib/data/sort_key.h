/* sort_key.h: values as bytes that compare like the values (semantics 34): memcmp of two keys is
 * the order of sort.
 *
 * DESIGN. A key is the values one behind the other, each with a byte for its class: false and true,
 * numbers, times, texts, lists and objects, null. Numbers are a double that is not above the value,
 * and what an integer has beyond it, so that integers and doubles compare exactly. Texts end in 00
 * 00, a 00 in them is 00 FF. In descending order the bytes of a value are inverted, but for null,
 * which is last in both. So the sorter knows nothing of values, and keys can lie in a file.
 */
#ifndef CP_DATA_SORT_KEY_H
#define CP_DATA_SORT_KEY_H

#include "value.h"

struct cp_sort_key {
    char *p;
    size_t n, cap;
};

void cp_sort_key_release(struct cp_sort_key *k);
static inline void cp_sort_key_clear(struct cp_sort_key *k)
{
    k->n = 0;
}
/* Appends a value. */
void cp_sort_key_add(struct cp_sort_key *k, const struct cp_value *v, bool is_descending,
                     const struct cp_time_zone *zone);

#endif
