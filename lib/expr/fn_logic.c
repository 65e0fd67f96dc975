/* fn_logic.c: functions of the group logic. */
#include "node.h"

static const char *fn_exists(const struct cp_call *c, const struct cp_value *args,
                             struct cp_value *out)
{
    (void)c;
    *out = cp_bool(!cp_is_null(&args[0]));
    return NULL;
}

static const char *type_name(const struct cp_value *v)
{
    /* Behind each there are CP_PAD readable bytes (PADDING in value.h). */
    static const char names[][CP_PAD + 8] = {"null", "bool", "number", "time",
                                             "text", "list", "object"};
    struct cp_num num;

    switch (v->kind) {
    case CP_MISSING:
    case CP_NULL:
        return names[0];
    case CP_FALSE:
    case CP_TRUE:
        return names[1];
    case CP_INT:
    case CP_DOUBLE:
    case CP_NUMBER:
        return names[2];
    case CP_TIME:
    case CP_STAMP:
        return names[3];
    case CP_TEXT:
        return names[(v->flags & CP_UNTYPED) && cp_value_number(v, &num) ? 2 : 4];
    default:
        return names[v->kind == CP_LIST ? 5 : 6];
    }
}

static const char *fn_type(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    const char *name = type_name(&args[0]);

    (void)c;
    *out = cp_text(name, strlen(name));
    return NULL;
}

const struct cp_function cp_functions_logic[] = {
    {.name = "if",
     .signature = "if(condition, a, b?)",
     .doc = "The value a where the condition is true, else b, or null without b; only the one "
            "that is needed is computed.",
     .min = 2,
     .max = 3,
     .op = CP_OP_IF,
     .examples = {{"if(5 > 3, \"more\", \"less\")", "\"more\""},
                  {"if(0, 1)", "null"},
                  {"if(true, 1, 1/0)", "1"}}},
    {.name = "coalesce",
     .signature = "coalesce(a, b, ...)",
     .doc = "The first of the values that is not null, as a ?\? b.",
     .min = 1,
     .max = CP_FUNCTION_ARGS,
     .op = CP_OP_COALESCE,
     .examples = {{"coalesce(null, 0, 1)", "0"}, {"coalesce(null)", "null"}}},
    {.name = "exists",
     .signature = "exists(x)",
     .doc = "Whether x is not null.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_TAKES_NULL,
     .eval = fn_exists,
     .examples = {{"exists(0)", "true"}, {"exists(null)", "false"}}},
    {.name = "type",
     .signature = "type(x)",
     .doc = "What kind of value x is: null, bool, number, text, time, list or object.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_TAKES_NULL,
     .eval = fn_type,
     .examples = {{"type(1.5)", "\"number\""},
                  {"type(\"1\")", "\"text\""},
                  {"type([1])", "\"list\""},
                  {"type(2026-11-20)", "\"time\""},
                  {"type(null)", "\"null\""}}},
    {.name = NULL},
};
