/* combined.h: what the formats combined and common share: everything but the referer and the agent.
 * Internal to lib/format. */
#ifndef CP_FORMAT_COMBINED_H
#define CP_FORMAT_COMBINED_H

#include "fields.h"

enum cp_combined_field {
    CP_COMBINED_HOST,
    CP_COMBINED_IDENT,
    CP_COMBINED_USER,
    CP_COMBINED_TIME,
    CP_COMBINED_METHOD,
    CP_COMBINED_PATH,
    CP_COMBINED_PROTOCOL,
    CP_COMBINED_STATUS,
    CP_COMBINED_BYTES,
    CP_COMBINED_REFERER,
    CP_COMBINED_AGENT,
    CP_COMBINED_FIELDS,
};

/* The decoder of both. */
struct cp_combined {
    struct cp_fields fields;
    bool splits_request; /* method, path or protocol are wanted */
    char day[16];        /* the last date seen to be one: `17/May/2015:` */
};

int cp_combined_open(struct cp_combined *c, const struct cp_wants *wants, const char *const *names,
                     struct cp_heap *heap);

bool cp_combined_can_probe(const char *const *names, const struct cp_need *need);
size_t cp_combined_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                         const uint16_t *sel, size_t n, uint16_t *keep);

/* Where a field stands in the record. */
struct cp_combined_span {
    const char *p;
    size_t n;
};

/* Reads the fields from host to bytes of p[0..n). Returns NULL and in *rest where it stopped: at
 * the end, or at the blank behind bytes. Else why not, as decode does. */
const char *cp_combined_head(struct cp_combined *c, const char *p, size_t n,
                             struct cp_combined_span *span, const char **rest, size_t *at);

/* Writes what is wanted. */
void cp_combined_put(const struct cp_combined *c, struct cp_combined_span *span,
                     const struct cp_row *row);

/* The end of the quoted text that starts at p: its closing quote, or end. A backslash takes the
 * byte behind it along. */
const char *cp_combined_quote_end(const char *p, const char *end);

#endif
