/* pattern.c: `<ip> - [<ts>] "<_>"`: fields between literals. */
#include "../base/scan.h"
#include "detect.h"
#include "fields.h"
#include "probe.h"

/* A field and the literal behind it. */
struct part {
    struct cp_slice name;  /* n == 0: `<_>` */
    struct cp_slice after; /* n == 0: the rest of the record */
    uint32_t field;        /* number of the name; CP_NO_FIELD for `<_>` */
};

struct pattern {
    struct cp_slice option;
    int types;
    uint8_t flags;
    struct cp_slice before; /* the literal in front of the first field */
    struct part *parts;
    size_t n_parts;
    struct cp_slice *names;
    size_t n_names;
    struct cp_fields fields;
};

static const struct cp_option options[] = {
    {"pattern", CP_OPT_TEXT, offsetof(struct pattern, option), NULL, NULL,
     "Literals with <name> for the fields"},
    CP_OPTION_TYPES(struct pattern, types),
    {0},
};

/* ---- Planning ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '@' || c == '-';
}

/* The `>` of a field whose `<` stands at p; NULL: the `<` is a byte like others. */
static const char *field_end(const char *p, const char *end)
{
    const char *start = ++p;

    while (p < end && is_name_byte(*p))
        p++;
    return p < end && p > start && *p == '>' ? p : NULL;
}

/* The next field from p on, or end. */
static const char *field_start(const char *p, const char *end)
{
    while (p < end && (*p != '<' || field_end(p, end) == NULL))
        p++;
    return p;
}

static int add_part(struct pattern *x, struct cp_slice name, struct cp_slice after,
                    struct cp_err *err)
{
    struct part *part = &x->parts[x->n_parts++];

    *part = (struct part){.after = after, .field = CP_NO_FIELD};
    if (cp_slice_is(name, "_"))
        return 0;
    for (size_t k = 0; k < x->n_names; k++)
        if (cp_slice_equal(x->names[k], name))
            return cp_err_set(err, CP_EXIT_USAGE, 0, "pattern has the field <%.*s> twice",
                              (int)name.n, name.p);
    part->name = name;
    part->field = (uint32_t)x->n_names;
    x->names[x->n_names++] = name;
    return 0;
}

static int read_pattern(struct pattern *x, const char *p, const char *end, struct cp_err *err)
{
    const char *next = field_start(p, end);

    x->before = (struct cp_slice){p, (size_t)(next - p)};
    while ((p = next) < end) {
        const char *close = field_end(p, end);
        struct cp_slice name = {p + 1, (size_t)(close - p - 1)};
        next = field_start(close + 1, end);
        struct cp_slice after = {close + 1, (size_t)(next - close - 1)};
        if (after.n == 0 && next < end)
            return cp_err_set(err, CP_EXIT_USAGE, 0,
                              "pattern has two fields with nothing between them");
        if (add_part(x, name, after, err) != 0)
            return -1;
    }
    if (x->n_names == 0) {
        cp_err_set(err, CP_EXIT_USAGE, 0, "pattern has no field");
        return cp_err_hint(err,
                           "a field is a name between < and >, as in pattern=\"<level>: <msg>\"");
    }
    return 0;
}

static int pattern_plan(void *decoder, struct cp_heap *heap, struct cp_slice **names, size_t *n,
                        struct cp_err *err)
{
    struct pattern *x = decoder;
    const char *text = cp_heap_copy(heap, x->option.n > 0 ? x->option.p : "", x->option.n);
    size_t most = 1;

    for (size_t k = 0; k < x->option.n; k++)
        most += text[k] == '<';
    x->flags = cp_types_flags(x->types);
    x->parts = cp_heap_take(heap, most * sizeof(*x->parts));
    x->names = cp_heap_take(heap, most * sizeof(*x->names));
    if (read_pattern(x, text, text + x->option.n, err) != 0)
        return -1;
    *names = x->names;
    *n = x->n_names;
    return 0;
}

static int pattern_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                        struct cp_err *err)
{
    struct pattern *x = decoder;

    (void)err;
    cp_fields_open(&x->fields, wants, x->names, x->n_names, heap);
    return 0;
}

/* ---- Decoding ---- */

/* The first place of a literal in p..end, or NULL. Literals are short: their first byte is looked
 * for. */
static const char *find_literal(const char *p, const char *end, struct cp_slice literal)
{
    for (;; p++) {
        p = (const char *)cp_scan_byte((const uint8_t *)p, (const uint8_t *)end,
                                       (uint8_t)literal.p[0]);
        if ((size_t)(end - p) < literal.n)
            return NULL;
        if (memcmp(p, literal.p, literal.n) == 0)
            return p;
    }
}

/* Where the field at p stops. The last literal must be the end of the record. */
static const char *part_end(const struct pattern *x, const struct part *part, const char *p,
                            const char *end)
{
    if (part->after.n == 0)
        return end;
    if (part < x->parts + x->n_parts - 1)
        return find_literal(p, end, part->after);
    if ((size_t)(end - p) < part->after.n ||
        memcmp(end - part->after.n, part->after.p, part->after.n) != 0)
        return NULL;
    return end - part->after.n;
}

static const char *pattern_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                  size_t *at)
{
    const struct pattern *x = decoder;
    const struct cp_field_want *want = x->fields.v;
    const char *start = p, *end = p + n;

    if (n < x->before.n || memcmp(p, x->before.p, x->before.n) != 0)
        return cp_refuse(at, 0, "does not start as the pattern does");
    p += x->before.n;
    for (size_t k = 0; k < x->n_parts; k++) {
        const struct part *part = &x->parts[k];
        const char *stop = part_end(x, part, p, end);
        if (stop == NULL)
            return cp_refuse(at, (size_t)(p - start), "does not match the pattern");
        for (; part->field != CP_NO_FIELD && want->field == part->field; want++) {
            struct cp_value v = cp_text(p, (size_t)(stop - p));
            v.flags = x->flags;
            row->col[want->slot][row->i] = v;
        }
        p = stop + part->after.n;
    }
    cp_fields_put_missing(&x->fields, row);
    return NULL;
}

static bool pattern_can_probe(const void *decoder, const struct cp_need *need)
{
    const struct pattern *x = decoder;
    struct cp_slice key;

    if (need->kind != CP_NEED_LITERAL || !cp_path_key(need->path, &key))
        return false;
    for (size_t k = 0; k < x->n_names; k++)
        if (cp_slice_equal(x->names[k], key))
            return true;
    return false;
}

static size_t pattern_probe(const void *decoder, const struct cp_need *need,
                            const struct cp_batch *b, const uint16_t *sel, size_t n, uint16_t *keep)
{
    (void)decoder;
    return cp_probe_literal(b, sel, n, need->literal, keep);
}

static const struct cp_format_example examples[] = {
    {"1.2.3.4 - [10:05:04] \"GET /\" 200", "\"<ip> - [<ts>] \\\"<_>\\\" <status>\"",
     "{\"ip\":\"1.2.3.4\",\"ts\":\"10:05:04\",\"status\":200}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_pattern = {
    .name = "pattern",
    .summary = "Fields between literals, as in `<ip> - [<ts>] \"<_>\"`",
    .doc = "A name between < and > is a field: the shortest text up to the literal behind it; <_> "
           "is passed over. A field at "
           "the end takes the rest, and a literal at the end must be the end of the record. A < "
           "that no name follows is "
           "itself. A record that does not match is an error.",
    .examples = examples,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct pattern),
    .options = options,
    .plan = pattern_plan,
    .open = pattern_open,
    .decode = pattern_decode,
    .can_probe = pattern_can_probe,
    .probe = pattern_probe,
};
