/* value.h: one value of one field of one record, in 16 bytes.
 *
 * A value is plain data: it is copied by assignment and owns nothing. Text, spelled numbers and raw
 * JSON point into memory that lives at least as long as the batch that holds the value (the block,
 * the batch's arena, the plan or the state of the stage that made it).
 *
 * PADDING: at least CP_PAD bytes behind every text that a value points at can be read (not:
 * written; their content is undefined). Whoever makes memory for texts keeps this promise; whoever
 * reads may use wide loads because of it.
 */
#ifndef CP_DATA_VALUE_H
#define CP_DATA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/slice.h"

enum { CP_PAD = 64 };

enum cp_kind {
    CP_MISSING = 0, /* the record has no such field: reads as null, is not written */
    CP_NULL,
    CP_FALSE,
    CP_TRUE,
    CP_INT,    /* .i: a computed integer */
    CP_DOUBLE, /* .d: a computed number, always finite */
    CP_NUMBER, /* .p, .len: a number as it was spelled (typed by its format); converted when first
                  computed with */
    CP_TIME,   /* .i: a computed time, nanoseconds since 1970 UTC */
    CP_STAMP,  /* .p, .len: a time as it was spelled, of a format that defines it as a time */
    CP_TEXT,   /* .p, .len: bytes; see .esc and CP_UNTYPED */
    CP_LIST,   /* .p, .len: raw JSON text from [ to ] */
    CP_OBJECT, /* .p, .len: raw JSON text from { to } */
};

enum cp_value_flags {
    CP_UNTYPED = 1, /* CP_TEXT of a format without types (csv, logfmt, regex …): may look like a
                       number (semantics 20) */
    CP_SECONDS = 2, /* CP_INT, CP_DOUBLE: a duration in seconds; compares with text such as 300ms */
    CP_QUOTED =
        4, /* CP_TEXT of a cell that stood in quotes: csv writes it so again (semantics 38) */
};

/* How the bytes of a CP_TEXT stand for the text. Decoded only to compare, compute or re-encode:
 * cp_value_text(). */
enum cp_escape {
    CP_PLAIN = 0,  /* as they are */
    CP_ESC_JSON,   /* RFC 8259 escapes, validated; the bytes between the quotes */
    CP_ESC_LOGFMT, /* JSON's escapes, unknown ones stay as they are */
    CP_ESC_CSV,    /* "" for " */
    CP_ESC_TSV,    /* \t \n \r \\ */
};

struct cp_value {
    uint8_t kind;  /* enum cp_kind */
    uint8_t flags; /* enum cp_value_flags */
    uint8_t esc;   /* enum cp_escape, of CP_TEXT */
    uint8_t spare;
    uint32_t len;
    union {
        const char *p;
        int64_t i;
        double d;
    };
};

/* Constructors. */
static inline struct cp_value cp_null(void)
{
    return (struct cp_value){.kind = CP_NULL};
}
static inline struct cp_value cp_bool(bool b)
{
    return (struct cp_value){.kind = b ? CP_TRUE : CP_FALSE};
}
static inline struct cp_value cp_int(int64_t i)
{
    return (struct cp_value){.kind = CP_INT, .i = i};
}
static inline struct cp_value cp_double(double d)
{
    return (struct cp_value){.kind = CP_DOUBLE, .d = d};
}
static inline struct cp_value cp_time(int64_t ns)
{
    return (struct cp_value){.kind = CP_TIME, .i = ns};
}
/* A value of kind CP_TEXT, CP_NUMBER, CP_STAMP, CP_LIST or CP_OBJECT over the bytes p[0..n). */
static inline struct cp_value cp_span(enum cp_kind kind, const char *p, size_t n)
{
    return (struct cp_value){.kind = (uint8_t)kind, .len = (uint32_t)n, .p = p};
}
static inline struct cp_value cp_text(const char *p, size_t n)
{
    return cp_span(CP_TEXT, p, n);
}
static inline struct cp_value cp_untyped(const char *p, size_t n)
{
    return (struct cp_value){.kind = CP_TEXT, .flags = CP_UNTYPED, .len = (uint32_t)n, .p = p};
}

/* Null in the sense of expressions: null itself or missing. */
static inline bool cp_is_null(const struct cp_value *v)
{
    return v->kind <= CP_NULL;
}
/* The value is spelled by bytes (.p, .len). */
static inline bool cp_is_spelled(const struct cp_value *v)
{
    return v->kind == CP_NUMBER || v->kind >= CP_STAMP;
}

struct cp_num;       /* number.h */
struct cp_time_zone; /* moment.h */
struct cp_arena;     /* arena.h */

/* The number that a value stands for in arithmetic and numeric comparison: computed and spelled
 * numbers, text that looks like one (of any flag: the caller decides by semantics 20 whether text
 * may count). False: it is none. */
bool cp_value_number(const struct cp_value *v, struct cp_num *out);

/* The time that a value stands for: CP_TIME, CP_STAMP and text that is a time. zone: for times
 * without zone or year. */
bool cp_value_time(const struct cp_value *v, const struct cp_time_zone *zone, int64_t *ns);

/* The text of a value as expressions see it: spelled values as they are, escapes decoded, computed
 * numbers and times printed, booleans as true and false, null and missing as empty. Borrowed where
 * possible, else made in the arena. False: the arena is full; nothing is lost, see cp_arena. */
bool cp_value_text(const struct cp_value *v, struct cp_arena *a, struct cp_slice *out);

/* False by semantics 22: null, false, zero (also text that looks like it), empty text, the text
 * "false". */
bool cp_value_truth(const struct cp_value *v);

/* Equality and order of expressions (semantics 19-23, 26, 52). Null equals null; an order with null
 * is the caller's business. cp_value_compare returns -1, 0, 1 or CP_UNORDERED: null against
 * something else, or two that cannot be ordered (a list against a number …). Escaped texts are
 * compared as they are decoded: scratch is not used and may be NULL. */
enum { CP_UNORDERED = 2 };
int cp_value_compare(const struct cp_value *a, const struct cp_value *b,
                     const struct cp_time_zone *zone, struct cp_arena *scratch);

/* Order of sort, min and max (semantics 34): false, true, numbers, times, text by bytes, lists and
 * objects; null last. */
int cp_value_sort_compare(const struct cp_value *a, const struct cp_value *b,
                          const struct cp_time_zone *zone);

#endif
