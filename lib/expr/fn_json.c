/* fn_json.c: functions of the group json. */
#include "../format/json.h"
#include "node.h"

static const char *fn_json(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice text;
    size_t at;

    if (args[0].kind >= CP_LIST) {
        *out = args[0];
        return NULL;
    }
    if (cp_call_text(c, &args[0], &text))
        return cp_call_full;
    return cp_json_value(text.p, text.n, out, &at) ? "not JSON" : NULL;
}

static const char *fn_tojson(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    struct cp_builder t;

    cp_builder_init(&t, c);
    cp_builder_json(&t, &args[0]);
    return cp_builder_give(&t, CP_TEXT, out);
}

/* Keys are JSON already: they are copied as they stand. */
static const char *fn_keys(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_json_iter it;
    struct cp_builder t;

    if (args[0].kind != CP_OBJECT)
        return "not an object";
    cp_builder_init(&t, c);
    cp_json_iter_init(&it, &args[0]);
    cp_builder_put(&t, "[", 1);
    for (bool is_first = true; cp_json_iter_next(&it); is_first = false) {
        cp_builder_put(&t, ",", is_first ? 0 : 1);
        cp_builder_put(&t, "\"", 1);
        cp_builder_put(&t, it.key.p, it.key.n);
        cp_builder_put(&t, "\"", 1);
    }
    cp_builder_put(&t, "]", 1);
    return cp_builder_give(&t, CP_LIST, out);
}

const struct cp_function cp_functions_json[] = {
    {.name = "json",
     .signature = "json(text)",
     .doc = "The value that a JSON text stands for.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_json,
     .examples = {{"json('{\"a\":[1,2]}').a[1]", "2"}, {"json(\"{\")", "error: not JSON"}}},
    {.name = "tojson",
     .signature = "tojson(x)",
     .doc = "JSON text of x.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_tojson,
     .examples = {{"tojson(\"a\\\"b\")", "\"\\\"a\\\\\\\"b\\\"\""},
                  {"tojson([1, null])", "\"[1,null]\""}}},
    {.name = "keys",
     .signature = "keys(object)",
     .doc = "The list of an object's keys, in their order.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_keys,
     .examples = {{"keys(json('{\"b\":1,\"a\":2}'))", "[\"b\",\"a\"]"},
                  {"keys([])", "error: not an object"}}},
    {.name = NULL},
};
