/* json_scan.h: the scanner that checks JSON and picks values out of it in one pass. Internal to
 * lib/format.
 *
 * DESIGN. Records of a log repeat: the same keys in the same order, only the scalars differ. So a
 * record is read as scalars (strings, numbers, true, false, null) with *glue* between them:
 * everything from the end of one scalar to the start of the next, such as `},"status":`. The
 * grammar proper is in one slow function, cp_json_cross, which checks one piece of glue byte by
 * byte and knows the brackets that are open. What it found is remembered as an *edge* from the
 * *state* before the glue to the state behind it. The next time the same bytes stand there, one
 * vector comparison replaces all the work: a state implies which brackets are open, and which
 * scalar, if any, is wanted. So the graph of states is an automaton over glue, built while reading:
 * exact, since an edge is taken only on equal bytes, and never wrong for a record it has not seen:
 * that takes the slow function and adds to the graph. Lists are loops in it, optional keys are
 * further edges. The scalars themselves are checked each time, by vectors.
 *
 *     {"ts":"2015-05-17T10:05:04Z","status":200,"tags":["a","z1"]}
 *     ------                      ----------   ---------   -    --
 *
 * On the critical path is only the search for the end of each scalar; the length of the glue is
 * known from the edge, and the processor predicts which edge comes. The memory is of fixed size
 * (json_scan.c); when it is full it is cleared, or, when keys do not repeat at all, left alone for
 * a while.
 *
 * Measured on one core with 4 fields taken, in GB/s: 3.4 for 430-byte records of a web application,
 * 4.0 for 5.6-KB records of nginx status, 2.2 for the former with a third of the keys missing at
 * random, 0.9 for keys that are all random. Rejected: the slow function for all glue, an ordinary
 * recursive descent with vectors: 1.2, 1.1, 0.9, 0.9. A bitmap of quotes, escapes and brackets made
 * first, 64 bytes at a time, and turned into offsets, as simdjson does: 4.1 and 4.6 for that stage
 * alone, with AVX-512, before any grammar. Vectors of 64 bytes: 3.2 and 3.9, since every load
 * crosses a cache line, and no gain for texts of a kilobyte either (22 with 32 and with 64 bytes,
 * 17 with 16).
 */
#ifndef CP_FORMAT_JSON_SCAN_H
#define CP_FORMAT_JSON_SCAN_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "../base/arena.h"
#include "../data/batch.h"

enum { CP_JSON_DEPTH = 1024 };

/* A key that leads to something wanted: a tree over the keys of nested objects. Constant. */
struct cp_json_target {
    struct cp_slice key; /* decoded */
    int capture;         /* index into the scanner's `found`; or -1 */
    struct cp_json_target *child, *next;
};

/* An open bracket, or (depth 0) the document. */
struct cp_json_level {
    const struct cp_json_level *parent;
    const struct cp_json_target *target; /* of its value; NULL: nothing inside is wanted */
    uint16_t depth;
    bool is_object;
    bool is_known; /* it is the first member of a struct cp_json_context */
};

struct cp_json_edge;

/* The place before a scalar, or the end: what is wanted of it, and the glue seen behind it. */
struct cp_json_state {
    struct cp_json_edge *edges;
    const struct cp_json_level *level;
    int16_t capture;
    uint8_t n_edges;
    bool is_end;
    bool is_known; /* lives in the memo: may get edges */
    uint32_t hash;
    struct cp_json_state *next; /* in its bucket */
};

/* What has to be done when glue is passed, beside passing it. */
enum cp_json_op {
    CP_JSON_OPEN,   /* a wanted object or list starts at `at` */
    CP_JSON_CLOSE,  /* and ends before `at` */
    CP_JSON_FORGET, /* a key that leads to wanted ones: an earlier duplicate does not count */
};
struct cp_json_action {
    const struct cp_json_target *target;
    uint16_t at;
    uint8_t op;
};

struct cp_json_edge {
    struct cp_json_edge *next;
    struct cp_json_state *to;
    uint32_t mask; /* of the first 32 bytes */
    uint16_t n;
    bool is_end; /* leads to the end of the record */
    uint8_t n_actions;
    uint8_t glue[]; /* then the actions, aligned to 8 */
};

enum { CP_JSON_MAX_ACTIONS = 16, CP_JSON_MAX_GLUE = 256, CP_JSON_MAX_EDGES = 8 };

struct cp_json_memo;

/* Not thread safe: a scanner belongs to one thread at a time. */
struct cp_json_scanner {
    const char *end; /* of the text */

    /* The values by capture, CP_MISSING where there is none. The caller's, who also clears them
     * before each text. true, false and null have .p and .len too. */
    struct cp_value *found;
    size_t n_found; /* how often one was put there: above the number of values if keys repeat */

    const struct cp_json_target *root;
    struct cp_json_memo *memo; /* NULL: nothing is remembered */
    struct cp_json_state *start;
    /* Places that are not remembered: states left and reached, in turn, and the start; levels by
     * depth. */
    struct cp_json_state scratch[3];
    struct cp_json_level deep[CP_JSON_DEPTH + 1];

    /* The glue being crossed. */
    struct cp_json_action actions[CP_JSON_MAX_ACTIONS];
    size_t n_actions;
};

/* root: keys wanted, NULL for none; it and found must stay. memo false: for a single text. heap is
 * needed with memo. */
void cp_json_scanner_init(struct cp_json_scanner *s, const struct cp_json_target *root,
                          struct cp_value *found, bool memo, struct cp_heap *heap);

/* Checks the text p[0..n) and fills `found`. CP_PAD bytes behind it must be readable. NULL, or why
 * it is no JSON; *at is where. */
const char *cp_json_scan(struct cp_json_scanner *s, const char *p, size_t n, size_t *at);

/* Crosses the glue at *p, behind a scalar of state `from` (or at the start of the text). Returns
 * the state reached, *p is then the start of its scalar or the end; NULL: *why says what is wrong
 * at *p. */
struct cp_json_state *cp_json_cross(struct cp_json_scanner *s, struct cp_json_state *from,
                                    const char **p, const char **why);
/* Does what an edge asks for, passing glue that starts at p. */
void cp_json_act(struct cp_json_scanner *s, const struct cp_json_edge *e, const char *p);

/* Chooses instructions, as cp_scan_init does (base/scan.h): for tests and measurements. */
int cp_json_scan_init(int level);

/* ---- Pieces that others use too ---- */

/* The first quote, backslash or control byte at or behind p; some byte at or behind end when there
 * is none before it. CP_PAD bytes behind end must be readable. */
static inline const char *cp_json_string_stop(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  low = _mm_set1_epi8(0x1f);

    for (; p < end; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)),
                                   _mm_cmpeq_epi8(_mm_max_epu8(x, low), low));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    return p;
#else
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
#endif
}

/* The first quote or bracket, in the same way. */
static inline const char *cp_json_bracket_stop(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i fold = _mm_set1_epi8(0x20), open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');

    for (; p < end; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i y = _mm_or_si128(x, fold); /* [ and ] become { and } */
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(y, open), _mm_cmpeq_epi8(y, close)),
                                   _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    return p;
#else
    while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
        p++;
    return p;
#endif
}

/* The closing quote of the string whose content starts at p; NULL: *why, and *bad is where.
 * *escaped is set when there are escapes. */
const char *cp_json_string_end(const char *p, const char *end, bool *escaped, const char **why,
                               const char **bad);
/* Behind the number at p; NULL when there is none or it goes on beyond end. */
const char *cp_json_number_end(const char *p, const char *end);
/* The length of the escape at p (a backslash): 2 or 6; 0 when it is none of RFC 8259. */
size_t cp_json_escape_length(const char *p, const char *end);
/* Decodes the escape at p (a backslash; validated) into out; its length is put into *n; returns
 * behind it. */
const char *cp_json_unescape(const char *p, const char *end, char out[4], size_t *n);
/* Whether key text between quotes, with escapes or not, is `name`. */
bool cp_json_escaped_key_is(struct cp_slice raw, struct cp_slice name);
static inline bool cp_json_key_is(struct cp_slice raw, bool escaped, struct cp_slice name)
{
    return escaped ? cp_json_escaped_key_is(raw, name) : cp_slice_equal(raw, name);
}

static inline bool cp_json_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
static inline const char *cp_json_skip_blanks(const char *p, const char *end)
{
    while (p < end && cp_json_is_blank(*p))
        p++;
    return p;
}

/* ---- Values that span lines: frame document ---- */

/* Where the search stands. Zero is the start of an input. Nothing else is remembered: any split of
 * the input gives the same documents. */
struct cp_json_framer {
    uint32_t depth;  /* of open brackets */
    uint8_t inside;  /* what the last byte seen stands in: enum in json_frame.c */
    bool is_escaped; /* it is a backslash that escapes the next */
    size_t searched; /* cp_json_cut: bytes of the unfinished document that have been seen */
};

/* Looks for the end of a document in p[0..n), the bytes behind those of the call before. Documents
 * are values with or without blanks between them (`{} {}`, `{}{}`, `1\n2`). Whether they are valid
 * is the decoder's business: brackets are counted whatever their kind, and outside of them a run of
 * other bytes than blanks, quotes and opening brackets is one document. Returns the offset behind
 * the document's last byte and *found true, and the framer is ready for the next document; else n
 * and *found false. *start is set when the document starts in these bytes (blanks before it belong
 * to none). A word at the top ends only before the byte behind it, so at the end of the input the
 * caller takes what has started as a document: cp_json_cut does. CP_PAD bytes behind must be
 * readable. */
size_t cp_json_frame(struct cp_json_framer *f, const char *p, size_t n, size_t *start, bool *found);

/* The same calls for sources as cp_frame_cut and cp_frame_skip (frame.h), with the same contract:
 * records are documents without the blanks around them; at_end: one that is not closed is a record
 * too. */
size_t cp_json_cut(struct cp_json_framer *f, const uint8_t *data, size_t from, size_t to,
                   bool at_end, struct cp_record *out, size_t max, size_t *next);
size_t cp_json_cut_skip(struct cp_json_framer *f, const uint8_t *data, size_t from, size_t to,
                        bool *done);

#endif
