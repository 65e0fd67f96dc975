/* regex.c: the named groups of a regular expression (semantics 49). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "../base/err.h"
#include "detect.h"
#include "fields.h"

/* Limits of one match, so that no record can stop the pipeline. */
enum { MATCH_LIMIT = 1000 * 1000, DEPTH_LIMIT = 10 * 1000, JIT_STACK_MAX = 1024 * 1024 };

struct regex {
    struct cp_slice option;
    int types;
    uint8_t flags;
    struct cp_slice regex; /* without slashes and flags */
    uint32_t regex_flags;
    pcre2_code *code;
    pcre2_match_data *match; /* scratch */
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct cp_slice *names;
    uint32_t *groups; /* the number of the group of each name */
    size_t n;
    struct cp_fields fields;
};

static const struct cp_option options[] = {
    {"pattern", CP_OPT_TEXT, offsetof(struct regex, option), NULL, NULL,
     "The regex, as (?<name>...) or /regex/flags"},
    CP_OPTION_TYPES(struct regex, types),
    {0},
};

/* ---- Planning ---- */

static uint32_t flag_of(char c)
{
    switch (c) {
    case 'i':
        return PCRE2_CASELESS;
    case 'm':
        return PCRE2_MULTILINE;
    case 's':
        return PCRE2_DOTALL;
    case 'x':
        return PCRE2_EXTENDED;
    case 'u':
        return PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    default:
        return 0;
    }
}

/* Takes /regex/flags apart. Text that is not between slashes is the regex itself. */
static int read_flags(struct cp_slice *regex, uint32_t *flags, struct cp_err *err)
{
    size_t last = regex->n;

    if (regex->n < 2 || regex->p[0] != '/')
        return 0;
    while (regex->p[last - 1] != '/')
        last--;
    if (last == 1)
        return 0;
    for (size_t k = last; k < regex->n; k++) {
        uint32_t flag = flag_of(regex->p[k]);
        if (flag == 0)
            return cp_err_set(err, CP_EXIT_USAGE, 0,
                              "a regex has no flag `%c` (flags are i m s x u)", regex->p[k]);
        *flags |= flag;
    }
    *regex = (struct cp_slice){regex->p + 1, last - 2};
    return 0;
}

static int compile(struct regex *x, struct cp_slice regex, uint32_t flags, struct cp_err *err)
{
    PCRE2_UCHAR message[128];
    PCRE2_SIZE at;
    int code;

    x->code = pcre2_compile((PCRE2_SPTR)regex.p, regex.n, flags, &code, &at, NULL);
    if (x->code == NULL) {
        pcre2_get_error_message(code, message, sizeof(message));
        return cp_err_set(err, CP_EXIT_USAGE, 0, "the regex is wrong at its byte %zu: %s",
                          (size_t)at + 1, (const char *)message);
    }
    return 0;
}

/* The names in the order of their groups. */
static int read_names(struct regex *x, struct cp_heap *heap, struct cp_err *err)
{
    uint32_t count, size;
    PCRE2_SPTR table;

    pcre2_pattern_info(x->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(x->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(x->code, PCRE2_INFO_NAMETABLE, &table);
    if (count == 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "the regex has no named group");
        return cp_err_hint(err, "a group that becomes a field is written (?<name>...)");
    }
    x->names = cp_heap_take(heap, count * sizeof(*x->names));
    x->groups = cp_heap_take(heap, count * sizeof(*x->groups));
    for (uint32_t k = 0; k < count; k++, table += size) {
        const char *name = (const char *)table + 2;
        uint32_t group = (uint32_t)table[0] << 8 | table[1];
        size_t at = x->n++;
        for (; at > 0 && x->groups[at - 1] > group; at--) {
            x->names[at] = x->names[at - 1];
            x->groups[at] = x->groups[at - 1];
        }
        x->names[at] = (struct cp_slice){cp_heap_copy(heap, name, strlen(name)), strlen(name)};
        x->groups[at] = group;
    }
    return 0;
}

static int regex_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                      struct cp_err *err)
{
    struct regex *x = decoder;
    struct cp_slice regex = x->option;
    uint32_t flags = 0;

    x->flags = cp_types_flags(x->types);
    if (regex.n == 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "parse regex needs a regex");
        return cp_err_hint(err, "as in parse regex \"(?<level>[A-Z]+): (?<msg>.*)\"");
    }
    if (read_flags(&regex, &flags, err) != 0 || compile(x, regex, flags, err) != 0)
        return -1;
    int status = read_names(x, heap, err);
    pcre2_code_free(x->code); /* every worker compiles its own when it opens */
    x->code = NULL;
    x->regex = regex;
    x->regex_flags = flags;
    *names = x->names;
    *n = x->n;
    return status;
}

static int regex_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                      struct cp_err *err)
{
    struct regex *x = decoder;

    if (compile(x, x->regex, x->regex_flags, err) != 0)
        return -1;
    x->match = pcre2_match_data_create_from_pattern(x->code, NULL);
    x->context = pcre2_match_context_create(NULL);
    if (x->match == NULL || x->context == NULL)
        return cp_err_set(err, CP_EXIT_IO, 0, "out of memory");
    pcre2_set_match_limit(x->context, MATCH_LIMIT);
    pcre2_set_depth_limit(x->context, DEPTH_LIMIT);
    /* Where there is no JIT the interpreter does the same, slower. */
    if (pcre2_jit_compile(x->code, PCRE2_JIT_COMPLETE) == 0) {
        x->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, NULL);
        pcre2_jit_stack_assign(x->context, NULL, x->stack);
    }
    cp_fields_open(&x->fields, wants, x->names, x->n, heap);
    return 0;
}

static void regex_close(void *decoder)
{
    struct regex *x = decoder;

    pcre2_match_data_free(x->match);
    pcre2_match_context_free(x->context);
    pcre2_jit_stack_free(x->stack);
    pcre2_code_free(x->code);
    x->match = NULL;
    x->context = NULL;
    x->stack = NULL;
    x->code = NULL;
}

/* ---- Decoding ---- */

static const char *why_not(int code)
{
    if (code == PCRE2_ERROR_NOMATCH)
        return "the regex does not match";
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT ||
        code == PCRE2_ERROR_JIT_STACKLIMIT)
        return cp_regex_limit;
    return "the regex failed";
}

static const char *regex_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                size_t *at)
{
    struct regex *x = decoder;
    int code = pcre2_match(x->code, (PCRE2_SPTR)p, n, 0, 0, x->match, x->context);
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(x->match);

    if (code < 0)
        return cp_refuse(at, 0, why_not(code));
    for (size_t k = 0; k < x->fields.n; k++) {
        struct cp_field_want want = x->fields.v[k];
        PCRE2_SIZE from = offsets[2 * x->groups[want.field]],
                   to = offsets[2 * x->groups[want.field] + 1];
        struct cp_value v = cp_null();
        if (from != PCRE2_UNSET && from <= to) {
            v = cp_text(p + from, to - from);
            v.flags = x->flags;
        }
        row->col[want.slot][row->i] = v;
    }
    cp_fields_put_missing(&x->fields, row);
    return NULL;
}

static const struct cp_format_example examples[] = {
    {"WARN disk full (91%)", "\"(?<level>[A-Z]+) (?<msg>.*) \\((?<percent>\\d+)%\\)(?<more>!)?\"",
     "{\"level\":\"WARN\",\"msg\":\"disk full\",\"percent\":91,\"more\":null}\n"},
    {"Level=warn", "/level=(?<level>[a-z]+)/i", "{\"level\":\"warn\"}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_regex = {
    .name = "regex",
    .summary = "The named groups of a regular expression",
    .doc = "The regex is one of PCRE2, as text or as /regex/flags with the flags i m s x u; it is "
           "searched, not anchored. Its "
           "named groups are the fields; a group that took no part is null. A record that does not "
           "match is an error, and "
           "one that needs too many steps is too.",
    .examples = examples,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct regex),
    .options = options,
    .plan = regex_plan,
    .open = regex_open,
    .decode = regex_decode,
    .close = regex_close,
};
