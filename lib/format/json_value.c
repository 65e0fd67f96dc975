/* json_value.c: one JSON text as a value; what is inside it. Everything but cp_json_value trusts
 * its text to be valid. */
#include "json.h"

#include <assert.h>

#include "json_scan.h"

const char *cp_json_value(const char *p, size_t n, struct cp_value *out, size_t *at)
{
    static const struct cp_json_target whole = {.capture = 0};
    struct cp_value found[1] = {{.kind = CP_MISSING}};
    struct cp_json_scanner s;

    cp_json_scanner_init(&s, &whole, found, false, NULL);
    const char *why = cp_json_scan(&s, p, n, at);
    if (!why)
        *out = found[0];
    return why;
}

/* The closing quote of a string whose content starts at p. */
static const char *string_close(const char *p, const char *end, bool *escaped)
{
    for (;;) {
        p = cp_json_string_stop(p, end);
        if (*p != '\\')
            return p;
        *escaped = true;
        p += 2;
    }
}

/* Behind the list or object at p. */
static const char *brackets_end(const char *p, const char *end)
{
    size_t depth = 0;
    bool escaped;

    for (; (p = cp_json_bracket_stop(p, end)) < end; p++) {
        if (*p == '"')
            p = string_close(p + 1, end, &escaped);
        else if ((*p | 0x20) == '{')
            depth++;
        else if (--depth == 0)
            return p + 1;
    }
    return end;
}

/* Behind a number or word. */
static const char *word_end(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != '}' && *p != ']' && !cp_json_is_blank(*p))
        p++;
    return p;
}

/* The value at p; returns behind it. */
static const char *read_value(const char *p, const char *end, struct cp_value *v)
{
    const char *q;
    bool escaped = false;

    switch (*p) {
    case '"':
        q = string_close(p + 1, end, &escaped);
        *v = cp_text(p + 1, (size_t)(q - p - 1));
        v->esc = escaped ? CP_ESC_JSON : CP_PLAIN;
        return q + 1;
    case '{':
    case '[':
        q = brackets_end(p, end);
        *v = cp_span(*p == '{' ? CP_OBJECT : CP_LIST, p, (size_t)(q - p));
        return q;
    case 't':
    case 'f':
        *v = cp_bool(*p == 't');
        return word_end(p, end);
    case 'n':
        *v = cp_null();
        return word_end(p, end);
    default:
        q = word_end(p, end);
        *v = cp_span(CP_NUMBER, p, (size_t)(q - p));
        return q;
    }
}

void cp_json_iter_init(struct cp_json_iter *it, const struct cp_value *v)
{
    *it = (struct cp_json_iter){0};
    if (v->kind == CP_OBJECT || v->kind == CP_LIST) {
        it->p = v->p + 1;
        it->end = v->p + v->len - 1;
        it->is_object = v->kind == CP_OBJECT;
    }
}

bool cp_json_iter_next(struct cp_json_iter *it)
{
    const char *p = it->p, *end = it->end;

    while (p < end && (cp_json_is_blank(*p) || *p == ','))
        p++;
    if (p >= end)
        return false;
    it->key_at = p;
    if (it->is_object) {
        it->key_is_escaped = false;
        const char *close = string_close(p + 1, end, &it->key_is_escaped);
        it->key = (struct cp_slice){p + 1, (size_t)(close - p - 1)};
        p = cp_json_skip_blanks(close + 1, end);
        p = cp_json_skip_blanks(p + 1, end);
    }
    it->value_at = p;
    it->p = it->value_end = read_value(p, end, &it->value);
    return true;
}

static struct cp_value get_member(const struct cp_value *v, struct cp_slice name)
{
    struct cp_value found = {.kind = CP_MISSING};
    struct cp_json_iter it;

    if (v->kind != CP_OBJECT)
        return found;
    cp_json_iter_init(&it, v);
    while (cp_json_iter_next(&it))
        if (cp_json_key_is(it.key, it.key_is_escaped, name))
            found = it.value;
    return found;
}

static struct cp_value get_item(const struct cp_value *v, int64_t index)
{
    struct cp_value missing = {.kind = CP_MISSING};
    struct cp_json_iter it;

    if (v->kind != CP_LIST)
        return missing;
    if (index < 0) {
        cp_json_iter_init(&it, v);
        while (cp_json_iter_next(&it))
            index++;
        if (index < 0)
            return missing;
        /* Now it is the number of items less the distance from the end: the index from the start.
         */
    }
    cp_json_iter_init(&it, v);
    while (cp_json_iter_next(&it))
        if (index-- == 0)
            return it.value;
    return missing;
}

struct cp_value cp_json_get(const struct cp_value *v, const struct cp_step *steps, size_t n)
{
    struct cp_value at = *v;

    for (size_t k = 0; k < n; k++)
        at = steps[k].name.p ? get_member(&at, steps[k].name) : get_item(&at, steps[k].index);
    return at;
}
