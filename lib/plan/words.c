/* words.c: arguments that are words, and the values of options. */
#include "words.h"

#include <string.h>

#include "../base/number.h"
#include "doc_impl.h"

/* ---- Where a word ends ---- */

/* Behind the " that closes the one at p; 0: there is none. */
static size_t find_quote_end(const char *p, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (p[i] == '\\')
            i++;
        else if (p[i] == '"')
            return i + 1;
    }
    return 0;
}

static size_t line_length(const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);

    return end ? (size_t)(end - p) : n;
}

/* A slash inside […] does not end the regex; a ] right behind [ or [^ is one of the set. */
static size_t find_regex_end(const char *p, size_t n)
{
    bool in_set = false;

    for (size_t i = 1; i < n && p[i] != '\n'; i++) {
        if (p[i] == '\\') {
            i += i + 1 < n && p[i + 1] != '\n';
        } else if (in_set) {
            in_set = p[i] != ']';
        } else if (p[i] == '[') {
            in_set = true;
            i += i + 1 < n && p[i + 1] == '^';
            i += i + 1 < n && p[i + 1] == ']';
        } else if (p[i] == '/') {
            return i + 1;
        }
    }
    return 0;
}

static size_t find_raw_end(const char *p, size_t n)
{
    for (size_t i = 1; i < n && p[i] != '\n'; i++)
        if (p[i] == '\'')
            return i + 1;
    return 0;
}

size_t cp_quote_end(const char *p, size_t n)
{
    if (*p == '/')
        return find_regex_end(p, n);
    return *p == '"' ? find_quote_end(p, line_length(p, n)) : find_raw_end(p, n);
}

/* The length of a ${…} at p that is closed in its line, else 0. */
static size_t variable_end(const char *p, size_t n)
{
    if (n < 3 || p[0] != '$' || p[1] != '{')
        return 0;
    for (size_t i = 2; i < n && p[i] != '\n'; i++)
        if (p[i] == '}')
            return i + 1;
    return 0;
}

/* The brackets of a word that are open. */
struct nest {
    int depth, braces; /* all of them; those that are { */
    bool in_branch;
};

/* Counts a byte. False: in a branch, a } that closes none of the word's own. */
static bool nest_step(struct nest *nest, char c)
{
    if (c == '}' && nest->in_branch && nest->braces == 0)
        return false;
    nest->braces += (c == '{') - (c == '}' && nest->braces > 0);
    nest->depth += c == '(' || c == '[' || c == '{';
    nest->depth -= nest->depth > 0 && (c == ')' || c == ']' || c == '}');
    return true;
}

/* Where the brackets that stand open are closed before the next blank: then a `|` up to there
 * belongs to the word. Else 0. */
static size_t brackets_end(const char *p, size_t n, struct nest nest)
{
    for (size_t i = 0; i < n && !cp_is_blank(p[i]) && nest_step(&nest, p[i]); i++)
        if (nest.depth == 0)
            return i + 1;
    return 0;
}

static size_t bare_end(const char *p, size_t n, bool in_branch)
{
    struct nest nest = {.in_branch = in_branch};
    size_t i = 0;
    bool may_close = true; /* a } may follow in this line */

    while (i < n && !cp_is_blank(p[i])) {
        bool is_variable = may_close && p[i] == '$' && i + 1 < n && p[i + 1] == '{';
        size_t skip = is_variable ? variable_end(p + i, n - i) : 0;
        may_close = may_close && (!is_variable || skip > 0);
        if (p[i] == '|' || (p[i] == ';' && in_branch)) {
            skip = nest.depth > 0 ? brackets_end(p + i, n - i, nest) : 0;
            if (skip == 0)
                break;
            nest = (struct nest){.in_branch = in_branch};
        } else if (!nest_step(&nest, p[i])) {
            break;
        }
        i += skip > 0 ? skip : 1;
    }
    return i;
}

/* The length of KEY in KEY=value, else 0. */
static size_t key_length(const char *p, size_t n)
{
    size_t k = cp_name_length(p, n);

    if (k == 0 || k == n || p[k] != '=')
        return 0;
    return k + 1 < n && (p[k + 1] == '=' || p[k + 1] == '~') ? 0 : k;
}

/* Whether a word may end before this byte. */
static bool is_behind_word(char c, bool in_branch)
{
    return cp_is_blank(c) || c == '|' || (in_branch && (c == ';' || c == '}'));
}

/* The length of "…" at p, which may go over lines. A quote in another line behind which text goes
 * on is more likely the beginning of the next one. */
static size_t quote_length(const char *p, size_t n, bool in_branch)
{
    size_t end = find_quote_end(p, n);
    bool is_behind = end == n || is_behind_word(p[end], in_branch);

    return is_behind || end <= line_length(p, n) ? end : 0;
}

static struct cp_word_end quoted_end(const char *p, size_t n, size_t from, bool in_branch)
{
    struct cp_word_end e = {.is_quoted = p[from] == '"', .is_regex = p[from] == '/'};
    size_t length =
        e.is_regex ? cp_quote_end(p + from, n - from) : quote_length(p + from, n - from, in_branch);

    e.end = from + length;
    if (length == 0) {
        e.wrong = e.is_regex ? "no / closes this regex" : "no \" closes this quote";
        e.hint = e.is_regex
                     ? "a word that begins with / is a regex here; \"quote\" it if it is none"
                     : "a quote is closed before a blank, a | or the end";
        e.at = from;
        e.end = n;
        e.is_open = true;
        return e;
    }
    while (e.is_regex && e.end < n && p[e.end] != '\0' && strchr("imsux", p[e.end]))
        e.end++;
    if (e.end < n && !is_behind_word(p[e.end], in_branch)) {
        e.wrong = e.is_regex ? "text goes on behind the closing / of this regex"
                             : "text goes on behind the closing quote";
        e.hint = e.is_regex ? "a slash inside a regex is \\/; a path is \"quoted\" here"
                            : "put a blank between the words, or \\\" for a quote inside";
        e.at = e.end;
        e.end += bare_end(p + e.end, n - e.end, in_branch);
    }
    return e;
}

struct cp_word_end cp_word_end(const char *p, size_t n, bool regex, bool in_branch)
{
    if (n > 0 && (*p == '"' || (*p == '/' && regex)))
        return quoted_end(p, n, 0, in_branch);
    size_t key = key_length(p, n);
    if (key > 0 && key + 1 < n && p[key + 1] == '"') {
        struct cp_word_end e = quoted_end(p, n, key + 1, in_branch);
        e.key = key;
        return e;
    }
    struct cp_word_end e = {.end = bare_end(p, n, in_branch), .key = key};
    if (e.end == 0 && n > 0 && *p == '|') {
        e.wrong = "a | ends a stage";
        e.hint = "quote it: \"|\"";
        e.end = 1;
    }
    return e;
}

bool cp_word_is_plain(struct cp_slice s, bool regex, bool in_branch)
{
    struct cp_word_end e = cp_word_end(s.p, s.n, regex, in_branch);

    return s.n > 0 && s.p[0] != '#' && s.p[0] != '{' && !cp_slice_is(s, "with") && !e.wrong &&
           e.end == s.n && !e.is_quoted && !memchr(s.p, '\n', s.n);
}

/* ---- Splitting ---- */

/* The text between quotes at [off, end) of args. Verbatim unless there are escapes. */
static struct cp_text unquote(const struct cp_text *args, size_t off, size_t end,
                              struct cp_heap *heap)
{
    struct cp_text t = cp_text_part(args, off, end - off, heap);

    if (!memchr(t.s.p, '\\', t.s.n))
        return t;
    char *out = cp_heap_copy(heap, t.s.p, t.s.n);
    struct cp_runs runs = {0};
    size_t n = 0;
    for (size_t i = 0; i < t.s.n; i++) {
        bool is_escape =
            t.s.p[i] == '\\' && i + 1 < t.s.n && (t.s.p[i + 1] == '"' || t.s.p[i + 1] == '\\');
        struct cp_pos pos = cp_text_pos(&t, i, 1 + is_escape);
        i += is_escape;
        cp_runs_add(&runs, 1, pos.off, pos.len, heap);
        out[n++] = t.s.p[i];
    }
    out[n] = '\0';
    return (struct cp_text){.s = {out, n}, .pos = t.pos, .runs = runs.v, .n_runs = runs.n};
}

static void add_word(struct cp_words *out, const struct cp_text *args, size_t off,
                     const struct cp_word_end *e, struct cp_heap *heap)
{
    size_t from = off + (e->key > 0 ? e->key + 1 : 0), to = off + e->end;
    struct cp_word w = {.quoted = e->is_quoted};

    if (e->is_quoted)
        w.text = unquote(args, from + 1, to - 1, heap);
    else
        w.text = cp_text_part(args, from, to - from, heap);
    if (e->key > 0)
        w.key = (struct cp_slice){cp_heap_copy(heap, args->s.p + off, e->key), e->key};
    out->v = cp_heap_grow(heap, out->v, out->n, sizeof(*out->v));
    out->v[out->n++] = w;
}

int cp_words_split(const struct cp_text *args, bool regex, struct cp_heap *heap,
                   struct cp_words *out, struct cp_diags *diags)
{
    const char *p = args->s.p;
    size_t n = args->s.n, i = 0;
    int result = 0;

    *out = (struct cp_words){0};
    for (;;) {
        while (i < n && cp_is_blank(p[i]))
            i++;
        if (i == n)
            return result;
        struct cp_word_end e = cp_word_end(p + i, n - i, regex, false);
        if (e.wrong)
            result = cp_diag_error(diags, cp_text_pos(args, i + e.at, 1), e.hint, "%s", e.wrong);
        else
            add_word(out, args, i, &e, heap);
        i += e.end;
    }
}

/* ---- Options ---- */

/* What a user may write, for "X takes …". */
static const char *expected(const struct cp_option *o, struct cp_heap *heap)
{
    switch (o->type) {
    case CP_OPT_TEXT:
        return "a text";
    case CP_OPT_BOOL:
        return "true or false";
    case CP_OPT_COUNT:
        return "a whole number";
    case CP_OPT_SIZE:
        return "a size such as 4096, 64KiB or 10MB";
    case CP_OPT_DURATION:
        return "a duration such as 250ms, 5s or 1h30m";
    case CP_OPT_CHOICE:
        return cp_heap_printf(heap, "one of: %s", o->choices);
    case CP_OPT_LIST:
        return "a list such as a,b,c";
    }
    return "";
}

static const char *near_choice(const struct cp_option *o, struct cp_slice word,
                               struct cp_heap *heap)
{
    const char *names[32];
    size_t n = 0;

    if (o->type != CP_OPT_CHOICE)
        return NULL;
    for (const char *p = o->choices; *p && n < sizeof(names) / sizeof(*names); p += p[0] == ' ') {
        size_t len = strcspn(p, " ");
        names[n++] = cp_heap_copy(heap, p, len);
        p += len;
    }
    const char *near = cp_nearest(word.p, word.n, names, n);
    return near ? cp_heap_printf(heap, "did you mean %s?", near) : NULL;
}

static const char *hint_for(const struct cp_option *o, struct cp_slice s, struct cp_heap *heap)
{
    uint64_t number;

    if (o->type == CP_OPT_DURATION && s.n > 0 && cp_digits_parse(s.p, s.n, &number))
        return cp_heap_printf(heap,
                              "a number alone is no duration: write the unit, %.*ss or %.*sms",
                              CP_SHOW(s), CP_SHOW(s));
    if (o->type == CP_OPT_LIST)
        return "a part of the list is empty";
    return near_choice(o, s, heap);
}

int cp_option_set_text(const struct cp_option *o, void *base, const struct cp_text *value,
                       struct cp_heap *heap, struct cp_diags *diags)
{
    struct cp_slice s = value->s;

    if (cp_option_set(o, base, s, heap))
        return 0;
    return cp_diag_error(diags, value->pos, hint_for(o, s, heap), "%s takes %s, not %.*s", o->name,
                         expected(o, heap), CP_SHOW(s.n > 0 ? s : CP_SLICE("an empty text")));
}

static int set_list_node(const struct cp_option *o, void *base, const struct cp_node *value,
                         struct cp_heap *heap, struct cp_diags *diags)
{
    struct cp_list *list = (struct cp_list *)(void *)((char *)base + o->offset);

    *list = (struct cp_list){0};
    for (size_t i = 0; i < value->n; i++) {
        const struct cp_node *item = value->items[i];
        if (item->kind != CP_NODE_SCALAR)
            return cp_diag_error(diags, item->text.pos, NULL,
                                 "%s takes a list of texts; this is a %s", o->name,
                                 item->kind == CP_NODE_LIST ? "list" : "map");
        cp_list_add(list, item->text.s, heap);
    }
    return 0;
}

int cp_option_set_node(const struct cp_option *o, void *base, const struct cp_node *value,
                       struct cp_heap *heap, struct cp_diags *diags)
{
    if (value->kind == CP_NODE_LIST && o->type == CP_OPT_LIST)
        return set_list_node(o, base, value, heap, diags);
    if (value->kind != CP_NODE_SCALAR)
        return cp_diag_error(diags, value->text.pos, NULL, "%s takes %s, not a %s", o->name,
                             expected(o, heap), value->kind == CP_NODE_LIST ? "list" : "map");
    if (value->quoted && o->type == CP_OPT_BOOL)
        return cp_diag_error(diags, value->text.pos, "leave the quotes out",
                             "%s takes true or false, not a quoted text", o->name);
    return cp_option_set_text(o, base, &value->text, heap, diags);
}
