/* regex.h: regular expressions (semantics 9, 25): pcre2 with its JIT, or plain search where the
 * pattern is plain text.
 *
 * A compiled regex is constant and shared by threads; what a search writes is in struct
 * cp_regex_scratch, one per thread. Both live in a heap and need no release.
 */
#ifndef CP_BASE_REGEX_H
#define CP_BASE_REGEX_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "arena.h"
#include "scan.h"
#include "slice.h"

struct cp_regex_name {
    struct cp_slice name;
    uint32_t number;
};

struct cp_regex {
    pcre2_code *code; /* NULL: the pattern is the text `literal` */
    bool has_jit;     /* pcre2_jit_match may be used */
    bool is_utf;      /* flag u */
    bool has_literal; /* every match contains `literal`: looked for first */
    bool is_simple;   /* cannot reach the limits of matching with a record of ordinary size:
                         infallible */
    struct cp_literal literal;
    struct cp_slice
        required; /* the same, where it is found in exactly this spelling; n == 0: nothing known */
    uint32_t groups;
    struct cp_regex_name *names;
    size_t n_names;
};

struct cp_regex_scratch {
    size_t *found; /* after a match: start and end of the whole, then of each group; PCRE2_UNSET
                      where not taken */
    pcre2_match_data *data;
    pcre2_match_context *limits;
    uint32_t groups;
    size_t plain[2];
};

/* Compiles a pattern. flags: any of i m s u. NULL after filling *why (in the heap) and *at: where
 * in the pattern, or behind it and one byte for its delimiter in the flags. */
struct cp_regex *cp_regex_new(struct cp_slice pattern, struct cp_slice flags, struct cp_heap *heap,
                              const char **why, size_t *at);

/* Makes room for searching with regexes of up to `groups` groups; may be called again. */
void cp_regex_scratch_init(struct cp_regex_scratch *s, uint32_t groups, struct cp_heap *heap);

/* Searches p[0..n) from byte `from` on; CP_PAD bytes behind it must be readable. 1: found, see
 * s->found; 0: not; -1: a limit was reached. */
int cp_regex_find(const struct cp_regex *re, struct cp_regex_scratch *s, const char *p, size_t n,
                  size_t from);

#endif
