/* net.c: addresses and blocks of addresses. */
#include "net.h"

#include <arpa/inet.h>
#include <string.h>

/* Four numbers below 256 in decimal, without leading zeros. */
static bool parse_v4(struct cp_slice s, uint8_t out[4])
{
    size_t i = 0;

    for (size_t part = 0; part < 4; part++) {
        unsigned v = 0;
        size_t from = i;
        while (i < s.n && i - from < 4 && s.p[i] >= '0' && s.p[i] <= '9')
            v = v * 10 + (unsigned)(s.p[i++] - '0');
        if (i == from || v > 255 || (s.p[from] == '0' && i - from > 1))
            return false;
        out[part] = (uint8_t)v;
        if (part < 3 && (i >= s.n || s.p[i++] != '.'))
            return false;
    }
    return i == s.n;
}

static bool parse_v6(struct cp_slice s, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];

    if (s.n >= sizeof text || !memchr(s.p, ':', s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return strlen(text) == s.n && inet_pton(AF_INET6, text, out) == 1;
}

bool cp_address_parse(struct cp_slice s, struct cp_net *out)
{
    if (s.n < 2)
        return false;
    out->size = parse_v4(s, out->bytes) ? 4 : parse_v6(s, out->bytes) ? 16 : 0;
    out->bits = (uint8_t)(out->size * 8);
    return out->size > 0;
}

bool cp_net_parse(struct cp_slice s, struct cp_net *out)
{
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    unsigned bits = 0;

    if (!slash)
        return cp_address_parse(s, out);
    if (!cp_address_parse((struct cp_slice){s.p, (size_t)(slash - s.p)}, out))
        return false;
    size_t digits = (size_t)(s.p + s.n - slash - 1);
    if (digits == 0 || digits > 3)
        return false;
    for (const char *p = slash + 1; p < s.p + s.n; p++) {
        if (*p < '0' || *p > '9')
            return false;
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    if (bits > out->bits)
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

bool cp_net_contains(const struct cp_net *net, const struct cp_net *address)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;

    if (net->size != address->size || memcmp(net->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || (net->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

size_t cp_address_format(const struct cp_net *address, char buf[CP_ADDRESS_MAX])
{
    inet_ntop(address->size == 4 ? AF_INET : AF_INET6, address->bytes, buf, CP_ADDRESS_MAX);
    return strlen(buf);
}
