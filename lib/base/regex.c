/* regex.c: regular expressions.
 *
 * DESIGN. Calling pcre2 costs about as much as scanning a kilobyte for a literal. So the pattern is
 * looked through once for text that every match must contain: a plain pattern is searched without
 * pcre2, others only where that text stands. The look is shallow: it gives up on whatever it does
 * not know, which costs speed and nothing else.
 */
#include "regex.h"

#include <string.h>

enum {
    MATCH_LIMIT = 10 * 1000 * 1000,
    DEPTH_LIMIT = 100 * 1000,
    JIT_STACK_MIN = 32 * 1024,
    JIT_STACK_MAX = 1024 * 1024,
    MOST_UNBOUNDED = 3, /* repeats without upper bound in a simple pattern */
};

/* ---- What a pattern must contain ---- */

struct look {
    const char *p, *end;
    char run[CP_LITERAL_MAX], best[CP_LITERAL_MAX];
    size_t n_run, n_best;
    bool is_utf;
    bool is_plain;   /* nothing but literal bytes so far */
    bool knows_none; /* no literal is certain */
    bool is_risky;   /* matching may take exponential time */
    unsigned unbounded;
};

static void run_end(struct look *l)
{
    if (l->n_run > l->n_best) {
        memcpy(l->best, l->run, l->n_run);
        l->n_best = l->n_run;
    }
    l->n_run = 0;
}

static void run_add(struct look *l, char c)
{
    if (l->n_run == CP_LITERAL_MAX) {
        l->is_plain = false;
        run_end(l);
    }
    l->run[l->n_run++] = c;
}

/* The last literal is not certain any more; in UTF-8 it may be several bytes. */
static void run_drop_last(struct look *l)
{
    if (l->n_run == 0)
        return;
    bool is_ascii = (unsigned char)l->run[l->n_run - 1] < 0x80;
    l->n_run--;
    while (l->is_utf && !is_ascii && l->n_run > 0 && (unsigned char)l->run[l->n_run - 1] >= 0x80)
        l->n_run--;
}

static void look_special(struct look *l)
{
    l->is_plain = false;
    run_end(l);
}

/* The length of `{n}`, `{n,}`, `{n,m}` or `{,m}` at p; 0: the brace is a literal. */
static size_t braces_length(const char *p, const char *end)
{
    const char *q = p + 1;

    while (q < end && ((*q >= '0' && *q <= '9') || *q == ','))
        q++;
    return q < end && *q == '}' && q > p + 1 ? (size_t)(q - p + 1) : 0;
}

static bool is_quantifier(const struct look *l, const char *p)
{
    return p < l->end &&
           (*p == '*' || *p == '+' || *p == '?' || (*p == '{' && braces_length(p, l->end) > 0));
}

static void count_quantifier(struct look *l, const char *p)
{
    size_t n = *p == '{' ? braces_length(p, l->end) : 0;

    if (*p == '*' || *p == '+' || (n >= 2 && p[n - 2] == ','))
        l->unbounded++;
}

static void look_quantifier(struct look *l)
{
    size_t n = *l->p == '{' ? braces_length(l->p, l->end) : 1;
    bool may_be_none =
        *l->p == '*' || *l->p == '?' || (*l->p == '{' && (l->p[1] == '0' || l->p[1] == ','));

    count_quantifier(l, l->p);
    if (may_be_none)
        run_drop_last(l);
    look_special(l);
    l->p += n;
    if (l->p < l->end && (*l->p == '?' || *l->p == '+')) /* lazy, possessive */
        l->p++;
}

/* `\.` is a literal; `\d` is not; of most others too much depends. */
static void look_escape(struct look *l)
{
    char c = l->end - l->p > 1 ? l->p[1] : '\0';
    bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    if (l->end - l->p < 2) { /* for pcre2 to refuse */
        look_special(l);
        l->p++;
        return;
    }
    l->p += 2;
    if (!is_alnum) {
        run_add(l, c);
        return;
    }
    look_special(l);
    if (!strchr("dDwWsShHvVbBAzZGnrtaefRX", c)) {
        l->knows_none = true;
        l->is_risky = true;
    }
}

/* Behind a class that begins at p. */
static const char *class_end(const char *p, const char *end)
{
    p++;
    if (p < end && *p == '^')
        p++;
    if (p < end && *p == ']')
        p++;
    while (p < end && *p != ']') {
        if (*p == '[' && end - p > 1 && p[1] == ':') {
            const char *close = memmem(p + 2, (size_t)(end - p - 2), ":]", 2);
            p = close ? close + 2 : p + 1;
        } else {
            p += *p == '\\' && end - p > 1 ? 2 : 1;
        }
    }
    return p < end ? p + 1 : end;
}

/* What is behind `(?`: only plain, named and looking groups are known. */
static bool group_is_known(const char *p, const char *end)
{
    if (p >= end || *p != '?')
        return p < end && *p != '*';
    if (end - p < 2)
        return false;
    return strchr(":=!><P'", p[1]) && !(p[1] == 'P' && (end - p < 3 || p[2] != '<'));
}

/* Passes over a group: nothing in it is certain. */
static void look_group(struct look *l)
{
    const char *p = l->p;
    size_t depth = 0;
    bool repeats = false;

    look_special(l);
    while (p < l->end) {
        if (*p == '(') {
            depth++;
            if (!group_is_known(p + 1, l->end))
                l->knows_none = l->is_risky = true;
            p += p + 1 < l->end && p[1] == '?' ? 2 : 1;
        } else if (*p == ')') {
            p++;
            if (--depth == 0)
                break;
            repeats = repeats || is_quantifier(l, p);
        } else if (*p == '\\') {
            char c = l->end - p > 1 ? p[1] : '\0';
            if (strchr("QEgk123456789", c))
                l->knows_none = l->is_risky = true;
            p += l->end - p > 1 ? 2 : 1;
        } else if (*p == '[') {
            p = class_end(p, l->end);
        } else {
            if (is_quantifier(l, p)) {
                count_quantifier(l, p);
                repeats = true;
            }
            repeats = repeats || *p == '|';
            p++;
        }
    }
    if (repeats && is_quantifier(l, p) && *p != '?')
        l->is_risky = true;
    l->p = p;
}

static void look_through(struct look *l)
{
    while (l->p < l->end) {
        char c = *l->p;
        if (c == '\\') {
            look_escape(l);
        } else if (c == '(') {
            look_group(l);
        } else if (c == '[') {
            look_special(l);
            l->p = class_end(l->p, l->end);
        } else if (is_quantifier(l, l->p)) {
            look_quantifier(l);
        } else if (c == '.' || c == '^' || c == '$' || c == '|' || c == ')') {
            l->knows_none = l->knows_none || c == '|';
            look_special(l);
            l->p++;
        } else {
            run_add(l, c);
            l->p++;
        }
    }
    run_end(l);
    if (l->knows_none)
        l->n_best = 0;
}

/* ---- Compiling ---- */

static void *regex_malloc(size_t n, void *heap)
{
    return cp_heap_take(heap, n);
}

static void regex_free(void *p, void *heap)
{
    (void)p;
    (void)heap; /* goes with the heap */
}

/* pcre2's options, from the flags; false: the one at *bad is none. */
static bool options_of(struct cp_slice flags, uint32_t *options, size_t *bad)
{
    *options = PCRE2_NEVER_BACKSLASH_C;
    bool is_utf = false;
    for (size_t i = 0; i < flags.n; i++) {
        switch (flags.p[i]) {
        case 'i':
            *options |= PCRE2_CASELESS;
            break;
        case 'm':
            *options |= PCRE2_MULTILINE;
            break;
        case 's':
            *options |= PCRE2_DOTALL;
            break;
        case 'u':
            is_utf = true;
            break;
        default:
            *bad = i;
            return false;
        }
    }
    *options |= is_utf ? PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF
                       : PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    return true;
}

static void take_names(struct cp_regex *re, struct cp_heap *heap)
{
    uint32_t n = 0, size = 0;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &n);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
    re->names = cp_heap_take(heap, (n + 1) * sizeof *re->names);
    re->n_names = n;
    /* The table is sorted by name; fields are made in the order of the groups. */
    for (uint32_t i = 0; i < n; i++, table += size) {
        uint32_t number = (uint32_t)table[0] << 8 | table[1], k = i;
        for (; k > 0 && re->names[k - 1].number > number; k--)
            re->names[k] = re->names[k - 1];
        const char *name = (const char *)table + 2;
        re->names[k] =
            (struct cp_regex_name){{cp_heap_copy(heap, name, strlen(name)), strlen(name)}, number};
    }
}

static bool compile(struct cp_regex *re, struct cp_slice pattern, uint32_t options,
                    struct cp_heap *heap, const char **why, size_t *at)
{
    pcre2_general_context *memory = pcre2_general_context_create(regex_malloc, regex_free, heap);
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    int code;
    PCRE2_UCHAR text[160];

    re->code = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, options, &code,
                             at, context);
    if (!re->code) {
        pcre2_get_error_message(code, text, sizeof text);
        *why = cp_heap_printf(heap, "%s", (const char *)text);
        return false;
    }
    re->has_jit = pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0 && !(options & PCRE2_UTF);
    take_names(re, heap);
    return true;
}

struct cp_regex *cp_regex_new(struct cp_slice pattern, struct cp_slice flags, struct cp_heap *heap,
                              const char **why, size_t *at)
{
    struct cp_regex *re = cp_heap_take(heap, sizeof *re);
    struct look l = {.p = pattern.p, .end = pattern.p + pattern.n, .is_plain = true};
    uint32_t options;
    size_t bad;

    if (!options_of(flags, &options, &bad)) {
        *why = cp_heap_printf(heap, "a regex has no flag %c, only i m s u", flags.p[bad]);
        *at = pattern.n + 1 + bad;
        return NULL;
    }
    bool folds = options & PCRE2_CASELESS;
    re->is_utf = l.is_utf = options & PCRE2_UTF;
    look_through(&l);
    if (folds && l.is_utf) /* more than ASCII's letters fold to ASCII */
        l.n_best = 0;
    re->has_literal =
        cp_literal_init(&re->literal, l.best, l.n_best, folds ? CP_LITERAL_NOCASE : 0);
    if (re->has_literal && !folds)
        re->required = (struct cp_slice){cp_heap_copy(heap, l.best, l.n_best), l.n_best};
    re->is_simple = !l.is_risky && l.unbounded <= MOST_UNBOUNDED;
    if (re->has_literal && l.is_plain)
        return re;
    return compile(re, pattern, options, heap, why, at) ? re : NULL;
}

/* ---- Searching ---- */

void cp_regex_scratch_init(struct cp_regex_scratch *s, uint32_t groups, struct cp_heap *heap)
{
    if (s->data && groups <= s->groups)
        return;
    pcre2_general_context *memory = pcre2_general_context_create(regex_malloc, regex_free, heap);
    s->groups = groups;
    s->data = pcre2_match_data_create(groups + 1, memory);
    if (s->limits)
        return;
    s->limits = pcre2_match_context_create(memory);
    pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(s->limits, DEPTH_LIMIT);
    pcre2_jit_stack *stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, memory);
    if (stack)
        pcre2_jit_stack_assign(s->limits, NULL, stack);
}

static int find_plain(const struct cp_regex *re, struct cp_regex_scratch *s, const char *p,
                      size_t n, size_t from)
{
    uint32_t hit;
    size_t resume;

    if (cp_scan_literal((const uint8_t *)p + from, n - from, &re->literal, &hit, 1, &resume) == 0)
        return 0;
    s->plain[0] = from + hit;
    s->plain[1] = s->plain[0] + re->literal.length;
    s->found = s->plain;
    return 1;
}

int cp_regex_find(const struct cp_regex *re, struct cp_regex_scratch *s, const char *p, size_t n,
                  size_t from)
{
    int rc;

    if (re->has_literal) {
        rc = find_plain(re, s, p, n, from);
        if (rc == 0 || !re->code)
            return rc;
    }
    if (re->has_jit)
        rc = pcre2_jit_match(re->code, (PCRE2_SPTR)p, n, from, 0, s->data, s->limits);
    else
        rc = pcre2_match(re->code, (PCRE2_SPTR)p, n, from, 0, s->data, s->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return -1;
    s->found = pcre2_get_ovector_pointer(s->data);
    return 1;
}
