/* trace.c: stack traces line by line: small state machines, as their first bytes tell most lines.
 */
#include "trace.h"

static bool starts(const char *p, size_t n, const char *with)
{
    size_t len = strlen(with);
    return n >= len && memcmp(p, with, len) == 0;
}

static bool ends(const char *p, size_t n, const char *with)
{
    size_t len = strlen(with);
    return n >= len && memcmp(p + n - len, with, len) == 0;
}

static bool is_indented(const char *p, size_t n)
{
    return n > 0 && (p[0] == ' ' || p[0] == '\t');
}

/* ---- java, and what prints like it ---- */

static bool goes_on_in_java(const char *p, size_t n)
{
    if (n == 0)
        return false;
    switch (p[0]) {
    case ' ':
    case '\t':
        return true;
    case 'C':
        return starts(p, n, "Caused by:");
    case 'S':
        return starts(p, n, "Suppressed:");
    case 'W':
        return starts(p, n, "Wrapped by:");
    case 'n':
        return starts(p, n, "nested exception is:");
    case '.':
        return starts(p, n, "... ");
    case '-':
        return starts(p, n, "--- End of ");
    default:
        return false;
    }
}

/* ---- python ---- */

enum python {
    PYTHON_NONE,
    PYTHON_FRAMES, /* behind the headline: indented lines, then the exception */
    PYTHON_GROUP,  /* the same of an exception group, all of which is indented */
    PYTHON_END,    /* behind the exception */
    PYTHON_GAP,    /* behind the empty line that follows it */
    PYTHON_CHAIN,  /* behind the sentence that leads to another traceback */
};

/* `ValueError: no such …`, `pkg.Timeout`. */
static bool is_exception(const char *p, size_t n)
{
    size_t k = 0;

    while (k < n && (p[k] == '_' || p[k] == '.' || (p[k] >= '0' && p[k] <= '9') ||
                     ((p[k] | 0x20) >= 'a' && (p[k] | 0x20) <= 'z')))
        k++;
    return k > 0 && !(p[0] >= '0' && p[0] <= '9') && (k == n || p[k] == ':');
}

static bool is_headline(const char *p, size_t n)
{
    return n >= 34 && p[n - 1] == ':' && ends(p, n, "Traceback (most recent call last):");
}

static bool leads_on(const char *p, size_t n)
{
    return starts(p, n, "During handling of the above exception") ||
           starts(p, n, "The above exception was the direct cause");
}

static enum join become(struct trace *t, int state, enum join how)
{
    t->state = state;
    return how;
}

static enum join python_next(struct trace *t, const char *p, size_t n)
{
    if (is_headline(p, n)) {
        bool in_group = t->state == PYTHON_GROUP && is_indented(p, n);
        bool is_group =
            in_group || ends(p, n, "Exception Group Traceback (most recent call last):");
        enum join how = in_group || t->state == PYTHON_CHAIN ? JOIN_APPEND : JOIN_BEGIN;
        return become(t, is_group ? PYTHON_GROUP : PYTHON_FRAMES, how);
    }
    if (t->state == PYTHON_NONE)
        return JOIN_BEGIN;
    if (is_indented(p, n) && t->state <= PYTHON_END)
        return JOIN_APPEND;
    if (t->state == PYTHON_FRAMES && is_exception(p, n))
        return become(t, PYTHON_END, JOIN_APPEND);
    if ((t->state == PYTHON_END || t->state == PYTHON_GROUP) && n == 0)
        return become(t, PYTHON_GAP, JOIN_MAYBE);
    if (t->state == PYTHON_GAP && leads_on(p, n))
        return become(t, PYTHON_CHAIN, JOIN_APPEND);
    if (t->state == PYTHON_CHAIN && n == 0)
        return JOIN_APPEND;
    return become(t, PYTHON_NONE, JOIN_BEGIN);
}

/* ---- go ---- */

enum go {
    GO_NONE,
    GO_PANIC,  /* behind the headline */
    GO_FRAMES, /* behind `goroutine 1 [running]:` */
    GO_GAP,    /* behind an empty line */
};

/* `goroutine 7 [select]:`. */
static bool is_goroutine(const char *p, size_t n)
{
    return starts(p, n, "goroutine ") && p[n - 1] == ':' && p[10] >= '0' && p[10] <= '9';
}

static bool is_panic(const char *p, size_t n)
{
    const char *at;

    if (starts(p, n, "panic: ") || starts(p, n, "fatal error: ") || is_goroutine(p, n))
        return true;
    at = n > 7 ? memmem(p, n, "panic", 5) : NULL;
    return at && (at == p || at[-1] == ' ' || at[-1] == '\t') &&
           (starts(at, n - (size_t)(at - p), "panic: ") ||
            starts(at, n - (size_t)(at - p), "panic serving "));
}

/* `net/http.(*conn).serve(0xc0, {0x1, 0x2})`: nothing but a name before the first bracket. */
static bool is_call(const char *p, size_t n)
{
    const char *bracket = n > 2 && p[n - 1] == ')' ? memchr(p, '(', n) : NULL;

    return bracket && bracket > p && !memchr(p, ' ', (size_t)(bracket - p)) &&
           !memchr(p, ':', (size_t)(bracket - p));
}

static bool goes_on_in_go(const struct trace *t, const char *p, size_t n)
{
    if (is_indented(p, n))
        return true;
    if (t->state == GO_PANIC)
        return starts(p, n, "[signal ") || starts(p, n, "[recovered") || starts(p, n, "PC=");
    return is_call(p, n) || starts(p, n, "created by ") || starts(p, n, "...");
}

static enum join go_next(struct trace *t, const char *p, size_t n)
{
    if (t->state != GO_NONE && (is_goroutine(p, n) || starts(p, n, "runtime stack:")))
        return become(t, GO_FRAMES, JOIN_APPEND);
    if (t->state != GO_NONE && t->state != GO_GAP && n == 0)
        return become(t, GO_GAP, JOIN_MAYBE);
    if ((t->state == GO_PANIC || t->state == GO_FRAMES) && goes_on_in_go(t, p, n))
        return JOIN_APPEND;
    if (!is_panic(p, n))
        return become(t, GO_NONE, JOIN_BEGIN);
    return become(t, is_goroutine(p, n) ? GO_FRAMES : GO_PANIC, JOIN_BEGIN);
}

enum join trace_next(struct trace *t, const char *p, size_t n)
{
    switch (t->kind) {
    case TRACE_JAVA:
        return goes_on_in_java(p, n) ? JOIN_APPEND : JOIN_BEGIN;
    case TRACE_PYTHON:
        return python_next(t, p, n);
    case TRACE_GO:
        return go_next(t, p, n);
    default:
        return is_indented(p, n) ? JOIN_APPEND : JOIN_BEGIN;
    }
}
