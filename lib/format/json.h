/* json.h: what the rest of the core needs of JSON beside the format itself. */
#ifndef CP_FORMAT_JSON_H
#define CP_FORMAT_JSON_H

#include "../data/path.h"
#include "../data/value.h"
#include "out.h"

/* Checks one JSON text (RFC 8259, depth <= 1024, blanks around allowed) and gives it as a value:
 * objects and lists as raw text, strings with CP_ESC_JSON when they hold escapes. NULL, or why not;
 * *at is where. */
const char *cp_json_value(const char *p, size_t n, struct cp_value *out, size_t *at);

/* The value at steps[0..n) inside a valid object or list; CP_MISSING when there is none. Duplicate
 * keys: the last. Negative indexes count from the end. Returns value of the whole for n == 0. */
struct cp_value cp_json_get(const struct cp_value *v, const struct cp_step *steps, size_t n);

/* Iterates over members of an object or items of a list (key.p == NULL). */
struct cp_json_iter {
    const char *p, *end;
    bool is_object;
    struct cp_slice key; /* between the quotes */
    bool key_is_escaped;
    struct cp_value value;
    const char *key_at, *value_at, *value_end; /* bytes of the member */
};
void cp_json_iter_init(struct cp_json_iter *it, const struct cp_value *v);
bool cp_json_iter_next(struct cp_json_iter *it);

/* Writes a value as JSON (semantics 18, 21, 26, 48, 58): text quoted and escaped, untyped plain
 * decimals as numbers with their own bytes, bad UTF-8 as U+FFFD, missing as null. */
void cp_json_put(struct cp_out *o, const struct cp_value *v);
/* A key with its quotes; needs no padding behind it. escape: as it stands, of a walk (CP_PLAIN
 * otherwise). */
void cp_json_put_key(struct cp_out *o, struct cp_slice key, enum cp_escape escape);
/* A text with its quotes. */
void cp_json_put_text(struct cp_out *o, const char *p, size_t n);
/* The bytes that cp_json_put would write, at most max, into buf: for tojson and object edits.
 * Returns the length needed; nothing beyond max is written. */
size_t cp_json_format(const struct cp_value *v, char *buf, size_t max);
/* The same for a key. */
size_t cp_json_format_key(struct cp_slice key, char *buf, size_t max);

/* A copy of object v with the member at steps[0..n) set (value != NULL) or removed (value == NULL),
 * every other byte as it was; missing or null steps become objects. Into the arena. Returns NULL,
 * or why it cannot be done (a step through something else), or cp_json_full when the arena is full.
 */
extern const char cp_json_full[];
const char *cp_json_edit(const struct cp_value *v, const struct cp_step *steps, size_t n,
                         const struct cp_value *value, struct cp_arena *a, struct cp_value *out);

#endif
