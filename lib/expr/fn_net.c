/* fn_net.c: functions of addresses and URLs. */
#include "function.h"
#include "net.h"

/* ---- Addresses ---- */

static const char *fn_cidr(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice address, block;
    struct cp_net a, b;
    const char *why = cp_call_text(c, &args[0], &address);

    if (!why)
        why = cp_call_text(c, &args[1], &block);
    if (why)
        return why;
    if (!cp_net_parse(block, &b))
        return "cidr: not a block such as 10.0.0.0/8";
    *out = cp_bool(cp_address_parse(address, &a) && cp_net_contains(&b, &a));
    return NULL;
}

/* The part of `host:port`, `[host]:port` or `host` that is the host. */
static struct cp_slice without_port(struct cp_slice s)
{
    const char *colon;
    if (s.n > 0 && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        return end ? (struct cp_slice){s.p + 1, (size_t)(end - s.p - 1)} : s;
    }
    colon = memchr(s.p, ':', s.n);
    if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)))
        s.n = (size_t)(colon - s.p);
    return s;
}

static const char *fn_ip(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s;
    struct cp_net a;
    const char *why = cp_call_text(c, &args[0], &s);

    if (why)
        return why;
    s = without_port(s);
    if (!cp_address_parse(s, &a))
        return "ip: not an address";
    *out = cp_text(s.p, s.n);
    return NULL;
}

/* ---- URLs: scheme://user@host:port/path?query#fragment, all but the path optional ---- */

struct url {
    struct cp_slice host, path, query;
};

static struct cp_slice cut_at(struct cp_slice *s, const char *stops)
{
    size_t n = 0;
    while (n < s->n && !strchr(stops, s->p[n]))
        n++;
    struct cp_slice head = {s->p, n};
    s->p += n;
    s->n -= n;
    return head;
}

/* Where the host starts: behind `://` or a leading `//`. */
static bool skip_scheme(struct cp_slice *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != ':' && s->p[n] != '/' && s->p[n] != '?' && s->p[n] != '#')
        n++;
    n += n < s->n && s->p[n] == ':';
    if (s->n < n + 2 || memcmp(s->p + n, "//", 2) != 0)
        return false;
    s->p += n + 2;
    s->n -= n + 2;
    return true;
}

static struct url url_split(struct cp_slice s)
{
    struct url u = {0};

    if (skip_scheme(&s)) {
        u.host = cut_at(&s, "/?#");
        const char *user = memchr(u.host.p, '@', u.host.n);
        if (user) {
            u.host.n -= (size_t)(user + 1 - u.host.p);
            u.host.p = user + 1;
        }
        u.host = without_port(u.host);
    }
    u.path = cut_at(&s, "?#");
    if (s.n > 0 && *s.p == '?') {
        s.p++;
        s.n--;
        u.query = cut_at(&s, "#");
    }
    return u;
}

static const char *fn_host(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s;
    const char *why = cp_call_text(c, &args[0], &s);
    if (why)
        return why;
    struct url u = url_split(s);
    *out = u.host.p ? cp_text(u.host.p, u.host.n) : cp_null();
    return NULL;
}

static const char *fn_path(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s;
    const char *why = cp_call_text(c, &args[0], &s);
    if (why)
        return why;
    struct url u = url_split(s);
    *out = cp_text(u.path.p, u.path.n);
    return NULL;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %41 and + as forms write them; a % without two digits stays. */
static const char *decode(const struct cp_call *c, struct cp_slice s, struct cp_value *out)
{
    char *p, *o;
    const char *why = cp_call_room(c, s.n, &p);
    if (why)
        return why;
    o = p;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex(s.p[i + 2]) : -1;
        if (low >= 0)
            i += 2;
        *o++ = low >= 0 ? (char)(high << 4 | low) : s.p[i] == '+' ? ' ' : s.p[i];
    }
    *out = cp_text(p, (size_t)(o - p));
    return NULL;
}

/* The value of the first pair with that key. */
static const char *find_pair(const struct cp_call *c, struct cp_slice query, struct cp_slice key, struct cp_value *out)
{
    while (query.n > 0) {
        struct cp_slice pair = cut_at(&query, "&");
        struct cp_slice name = cut_at(&pair, "=");
        struct cp_value decoded;
        const char *why = decode(c, name, &decoded);
        if (why)
            return why;
        if (cp_slice_equal((struct cp_slice){decoded.p, decoded.len}, key)) {
            if (pair.n > 0) {
                pair.p++;
                pair.n--;
            }
            return decode(c, pair, out);
        }
        if (query.n > 0) {
            query.p++;
            query.n--;
        }
    }
    *out = cp_null();
    return NULL;
}

static const char *fn_query(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    struct cp_slice s, key;
    const char *why = cp_call_text(c, &args[0], &s);

    if (!why && c->n > 1)
        why = cp_call_text(c, &args[1], &key);
    if (why)
        return why;
    struct url u = url_split(s);
    if (c->n > 1)
        return find_pair(c, u.query, key, out);
    *out = u.query.p ? cp_text(u.query.p, u.query.n) : cp_null();
    return NULL;
}

const struct cp_function cp_functions_net[] = {
    {
        .name = "cidr",
        .signature = "cidr(address, block)",
        .doc = "Whether an address lies in a block; false for what is no address.",
        .min = 2,
        .max = 2,
        .flags = CP_FN_NULL_FALSE | CP_FN_MAKES_TEXT,
        .eval = fn_cidr,
        .examples = {{"cidr(\"10.1.2.3\", \"10.0.0.0/8\")", "true"}, {"cidr(\"::1\", \"10.0.0.0/8\")", "false"}},
    },
    {
        .name = "ip",
        .signature = "ip(text)",
        .doc = "The address in a text such as 1.2.3.4:80 or [::1]:80.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_ip,
        .examples = {{"ip(\"1.2.3.4:80\")", "\"1.2.3.4\""}, {"ip(\"[::1]:80\")", "\"::1\""},
                     {"ip(\"x\")", "error: ip: not an address"}},
    },
    {
        .name = "host",
        .signature = "host(url)",
        .doc = "The host of a URL, without user and port; null where it names none.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_host,
        .examples = {{"host(\"https://u@shop.example:8443/a?b=c\")", "\"shop.example\""}, {"host(\"/a\")", "null"}},
    },
    {
        .name = "path",
        .signature = "path(url)",
        .doc = "The path of a URL, without host and query.",
        .min = 1,
        .max = 1,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_path,
        .examples = {{"path(\"https://shop.example/a/b?c=d#e\")", "\"/a/b\""}, {"path(\"/a?x\")", "\"/a\""}},
    },
    {
        .name = "query",
        .signature = "query(url, key?)",
        .doc = "The query of a URL, or the decoded value of one of its keys; null where there is none.",
        .min = 1,
        .max = 2,
        .flags = CP_FN_MAKES_TEXT,
        .eval = fn_query,
        .examples = {{"query(\"/a?q=x%20y&z=1\", \"q\")", "\"x y\""}, {"query(\"/a?b=c\")", "\"b=c\""},
                     {"query(\"/a\", \"q\")", "null"}},
    },
    {.name = NULL},
};
