/* fn_json.c: functions between text and JSON. */
#include "../format/json.h"
#include "function.h"

static const char *fn_json(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s;
    size_t at;
    const char *why = cp_call_text(c, &args[0], &s);
    return why ? why : cp_json_value(s.p, s.n, out, &at);
}

static const char *fn_tojson(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    char *p;
    size_t n = cp_json_format(&args[0], NULL, 0);
    const char *why = cp_call_room(c, n, &p);
    if (why)
        return why;
    cp_json_format(&args[0], p, n);
    *out = cp_text(p, n);
    return NULL;
}

/* Whether a key has come before: a key that stands twice is one. */
static bool is_repeated(const struct cp_value *object, const struct cp_json_iter *at)
{
    struct cp_json_iter it;
    cp_json_iter_init(&it, object);
    while (cp_json_iter_next(&it) && it.key.p < at->key.p)
        if (cp_slice_equal(it.key, at->key))
            return true;
    return false;
}

/* The keys are written as they stand, escapes and all, so the list is never longer than the object. */
static const char *fn_keys(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_json_iter it;
    char *p, *at;

    if (args[0].kind != CP_OBJECT)
        return "keys: not an object";
    const char *why = cp_call_room(c, args[0].len, &p);
    if (why)
        return why;
    at = p;
    *at++ = '[';
    cp_json_iter_init(&it, &args[0]);
    while (cp_json_iter_next(&it)) {
        if (is_repeated(&args[0], &it))
            continue;
        if (at > p + 1)
            *at++ = ',';
        *at++ = '"';
        memcpy(at, it.key.p, it.key.n);
        at += it.key.n;
        *at++ = '"';
    }
    *at++ = ']';
    *out = cp_span(CP_LIST, p, (size_t)(at - p));
    return NULL;
}

const struct cp_function cp_functions_json[] = {
    {
        .name = "json",
        .signature = "json(text)",
        .doc = "The value that a JSON text stands for; its members can be read with a path.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_json,
        .examples = {{"json(\"[1,2]\")[1]", "2"}, {"json(\"{\")", "error: expected a key"}},
    },
    {
        .name = "tojson",
        .signature = "tojson(value)",
        .doc = "The JSON text of a value.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_tojson,
        .examples = {{"tojson([1, \"a\"])", "\"[1,\\\"a\\\"]\""}, {"tojson(\"x\")", "\"\\\"x\\\"\""}},
    },
    {
        .name = "keys",
        .signature = "keys(object)",
        .doc = "The keys of an object as a list, in their order.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_keys,
        .examples = {{"keys(json(\"{\\\"b\\\":1,\\\"a\\\":2}\"))", "[\"b\",\"a\"]"}},
    },
    {.name = NULL},
};
