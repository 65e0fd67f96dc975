/* regex.c: the named groups of a regular expression (semantics 49). */
#include "../base/regex.h"
#include "../base/err.h"
#include "detect.h"
#include "fields.h"

struct regex {
    struct cp_slice option;
    int types;
    uint8_t flags;
    const struct cp_regex *regex;
    struct cp_regex_scratch scratch;
    struct cp_fields fields;
};

static const struct cp_option options[] = {
    {"pattern", CP_OPT_TEXT, offsetof(struct regex, option), NULL, NULL,
     "The regex, as (?<name>...) or /regex/flags"},
    CP_OPTION_TYPES(struct regex, types),
    {0},
};

/* ---- Planning ---- */

/* Takes /regex/flags apart. Text that is not between slashes is the regex itself. */
static struct cp_slice split_flags(struct cp_slice *regex)
{
    size_t last = regex->n;

    if (regex->n < 2 || regex->p[0] != '/')
        return (struct cp_slice){"", 0};
    while (regex->p[last - 1] != '/')
        last--;
    if (last == 1)
        return (struct cp_slice){"", 0};
    struct cp_slice flags = {regex->p + last, regex->n - last};
    *regex = (struct cp_slice){regex->p + 1, last - 2};
    return flags;
}

static int regex_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                      struct cp_err *err)
{
    struct regex *x = decoder;
    struct cp_slice pattern = x->option, flags = split_flags(&pattern);
    const char *why;
    size_t at;

    x->flags = cp_types_flags(x->types);
    if (pattern.n == 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "parse regex needs a regex");
        return cp_err_hint(err, "as in parse regex \"(?<level>[A-Z]+): (?<msg>.*)\"");
    }
    if (!(x->regex = cp_regex_new(pattern, flags, heap, &why, &at)))
        return cp_err_set(err, CP_EXIT_USAGE, 0, "the regex is wrong at its byte %zu: %s", at + 1,
                          why);
    if (x->regex->n_names == 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "the regex has no named group");
        return cp_err_hint(err, "a group that becomes a field is written (?<name>...)");
    }
    *n = x->regex->n_names;
    *names = cp_heap_take(heap, *n * sizeof(**names));
    for (size_t k = 0; k < *n; k++)
        (*names)[k] = x->regex->names[k].name;
    return 0;
}

static int regex_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                      struct cp_err *err)
{
    struct regex *x = decoder;
    size_t n = x->regex->n_names;
    struct cp_slice *names = cp_heap_take(heap, n * sizeof(*names));

    (void)err;
    for (size_t k = 0; k < n; k++)
        names[k] = x->regex->names[k].name;
    cp_regex_scratch_init(&x->scratch, x->regex->groups, heap);
    cp_fields_open(&x->fields, wants, names, n, heap);
    return 0;
}

/* ---- Decoding ---- */

static const char *regex_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                size_t *at)
{
    struct regex *x = decoder;
    int found = cp_regex_find(x->regex, &x->scratch, p, n, 0);

    if (found <= 0)
        return cp_refuse(at, 0, found == 0 ? "the regex does not match" : cp_regex_limit);
    for (size_t k = 0; k < x->fields.n; k++) {
        struct cp_field_want want = x->fields.v[k];
        const size_t *pair = x->scratch.found + 2 * x->regex->names[want.field].number;
        size_t from = pair[0], to = pair[1];
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
    .doc = "The regex is one of PCRE2, as text or as /regex/flags with the flags i m s u; it is "
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
};
