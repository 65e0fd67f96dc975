/* misplaced.c: settings among the arguments, and options that do not exist: what was meant. */
#include "plan_impl.h"

#include <string.h>

enum { MOST_NAMES = 64, SHOWN = 60 };

/* `key=value` in a text, between blanks and brackets. */
struct key_value {
    size_t key, equals, end; /* offsets; a value in quotes or brackets ends where these do */
};

static bool is_key(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_comparison(char c)
{
    return c == '=' || c == '~' || c == '>';
}

/* Where a value ends; no further than SHOWN bytes, 0: it is longer. */
static size_t value_end(const struct cp_source *t, size_t at)
{
    size_t limit = t->len - at < SHOWN ? t->len : at + SHOWN, depth = 0;
    bool in_quotes = false;

    for (size_t i = at; i < limit; i++) {
        char c = t->text[i];
        bool is_stop = !in_quotes && depth == 0;
        if (c == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes && (c == '{' || c == '['))
            depth++;
        else if (is_stop && strchr(" \t\r\n|;,}]", c))
            return i;
        else if (!in_quotes && (c == '}' || c == ']'))
            depth--;
    }
    return limit == t->len ? limit : 0;
}

/* The = of what is written there, where off is that of its key, its = or (words) its value. */
static size_t find_equals(const struct cp_source *t, size_t off, bool is_word)
{
    size_t at = off;

    if (is_word && at > 1 && t->text[at - 1] == '"')
        at--;
    if (is_word && at > 0 && t->text[at - 1] == '=')
        return at - 1;
    for (at = off; at < t->len && is_key(t->text[at]);)
        at++;
    return at;
}

/* False: it is none. */
static bool find_key_value(const struct cp_source *t, size_t off, bool is_word,
                           struct key_value *kv)
{
    size_t equals = find_equals(t, off, is_word), key = equals;

    if (equals >= t->len || t->text[equals] != '=' ||
        (equals + 1 < t->len && is_comparison(t->text[equals + 1])))
        return false;
    while (key > 0 && is_key(t->text[key - 1]))
        key--;
    *kv = (struct key_value){key, equals, value_end(t, equals + 1)};
    return key < equals && (key == 0 || strchr(" \t\r\n|;{", t->text[key - 1]));
}

/* In conditions a name before a single = is more likely a field. */
static bool is_condition(const struct cp_planner *p, const struct cp_diag *d,
                         const struct key_value *kv)
{
    return p->stage->type->kind == CP_FILTER && d->hint && d->pos.off == kv->equals;
}

static void hint_setting(const struct cp_planner *p, struct cp_diag *d)
{
    bool is_word = p->stage->type->args != CP_ARGS_EXPR;
    struct key_value kv;

    if (d->severity != CP_ERROR || !d->pos.source ||
        !find_key_value(d->pos.source, d->pos.off, is_word, &kv) || is_condition(p, d, &kv))
        return;
    const char *text = d->pos.source->text;
    size_t shown = (kv.end > 0 ? kv.end : kv.equals + 1) - kv.key;
    if (cp_is_common_key((struct cp_slice){text + kv.key, kv.equals - kv.key}))
        cp_diag_hint(d, "a setting: with %.*s%s", (int)shown, text + kv.key,
                     kv.end > 0 ? "" : "...");
}

void plan_hint_settings(const struct cp_planner *p, size_t from)
{
    for (size_t i = from; i < p->diags->n; i++)
        hint_setting(p, &p->diags->v[i]);
}

static size_t add_names(const char **names, size_t n, const struct cp_option *table)
{
    for (const struct cp_option *o = table; o && o->name && n < MOST_NAMES; o++)
        names[n++] = o->name;
    return n;
}

int cp_plan_no_option(struct cp_planner *p, const struct cp_word *w, const char *whose,
                      const struct cp_option *more)
{
    const char *names[MOST_NAMES], *hint = NULL;
    size_t n = add_names(names, 0, p->stage->type->options);

    n = add_names(names, n, more);
    for (size_t i = 0; i < cp_n_common_keys && n < MOST_NAMES; i++)
        names[n++] = cp_common_keys[i];
    const char *near = cp_nearest(w->key.p, w->key.n, names, n);
    if (near && cp_is_common_key(cp_slice_of(near)))
        hint = cp_heap_printf(p->heap, "did you mean the setting: with %s=%.*s", near,
                              (int)w->text.s.n, w->text.s.p);
    else if (near)
        hint = cp_heap_printf(p->heap, "did you mean %s?", near);
    return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), hint,
                         "%s has no option %.*s", whose, (int)w->key.n, w->key.p);
}
