/* base64.c: bytes as text. */
#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void cp_base64_encode(const char *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t x = (uint32_t)(unsigned char)p[i] << 16;
        x |= left > 1 ? (uint32_t)(unsigned char)p[i + 1] << 8 : 0;
        x |= left > 2 ? (unsigned char)p[i + 2] : 0;
        *out++ = digits[x >> 18];
        *out++ = digits[x >> 12 & 63];
        *out++ = left > 1 ? digits[x >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[x & 63] : '=';
    }
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return c == '-' ? 62 : c == '_' ? 63 : at ? (int)(at - digits) : -1;
}

bool cp_base64_decode(const char *p, size_t n, char *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;

    *len = 0;
    while (n > 0 && p[n - 1] == '=')
        n--;
    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        int v = digit_value(p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[(*len)++] = (char)(bits >> n_bits);
        }
    }
    return true;
}
