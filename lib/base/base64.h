/* base64.h: RFC 4648. */
#ifndef CP_BASE_BASE64_H
#define CP_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* The length that n bytes are written with. */
static inline size_t cp_base64_length(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* Writes cp_base64_length(n) characters to out. */
void cp_base64_encode(const char *p, size_t n, char *out);

/* Reads both alphabets; the signs = at the end may be left out. Writes *len bytes, fewer than n, to
 * out. False: it is not base64. */
bool cp_base64_decode(const char *p, size_t n, char *out, size_t *len);

#endif
