/* net.h: addresses and blocks of addresses. Internal to lib/expr. Pure, thread safe, no allocation.
 */
#ifndef CP_EXPR_NET_H
#define CP_EXPR_NET_H

#include <stdint.h>

#include "../base/slice.h"

/* An address (bits 32 or 128), or the block of those that share its first `bits` bits. */
struct cp_net {
    uint8_t bytes[16];
    uint8_t size; /* 4 or 16 */
    uint8_t bits;
};

enum { CP_ADDRESS_MAX = 46 };

/* `10.0.0.1`, `::1`. */
bool cp_address_parse(struct cp_slice s, struct cp_net *out);
/* `10.0.0.0/8`, `fe80::/10`, or an address. Bits behind the prefix do not matter. */
bool cp_net_parse(struct cp_slice s, struct cp_net *out);
bool cp_net_contains(const struct cp_net *net, const struct cp_net *address);
/* The usual spelling of an address; returns its length. */
size_t cp_address_format(const struct cp_net *address, char buf[CP_ADDRESS_MAX]);

/* Decodes %XX into out, which has room for s.n bytes; what is no escape stays. Returns the length.
 */
size_t cp_url_decode(struct cp_slice s, bool plus_is_blank, char *out);

#endif
