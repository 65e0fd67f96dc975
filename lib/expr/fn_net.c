/* fn_net.c: functions of the group net. */
#include "bind.h"
#include "net.h"

/* ---- Addresses ---- */

static int prepare_cidr(struct cp_binder *b, struct cp_expr *x, void **prepared)
{
    const struct cp_expr *block = x->args[1];
    struct cp_net net;

    if (!cp_expr_is_const(block) || cp_is_null(&block->value))
        return 0;
    if (block->value.kind != CP_TEXT ||
        !cp_net_parse((struct cp_slice){block->value.p, block->value.len}, &net))
        return cp_bind_error(b, block, "as in \"10.0.0.0/8\" or \"fe80::/10\"",
                             "not a block of addresses");
    struct cp_net *keep = cp_heap_take(b->heap, sizeof *keep);
    *keep = net;
    *prepared = keep;
    x->is_infallible = x->args[0]->is_infallible;
    return 0;
}

static const char *fn_cidr(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice text;
    struct cp_net address, block;

    *out = cp_bool(false);
    if (!c->prepared) {
        if (cp_call_text(c, &args[1], &text))
            return cp_call_full;
        if (!cp_net_parse(text, &block))
            return "not a block of addresses";
    }
    if (args[0].kind != CP_TEXT)
        return NULL;
    if (cp_call_text(c, &args[0], &text))
        return cp_call_full;
    *out = cp_bool(cp_address_parse(text, &address) &&
                   cp_net_contains(c->prepared ? c->prepared : &block, &address));
    return NULL;
}

/* Without brackets, port and zone: `[::1]:80`, `10.0.0.1:80`, `fe80::1%eth0`. */
static struct cp_slice bare_address(struct cp_slice s)
{
    const char *colon, *end;

    if (s.n > 0 && s.p[0] == '[') {
        end = memchr(s.p, ']', s.n);
        return end ? (struct cp_slice){s.p + 1, (size_t)(end - s.p) - 1} : s;
    }
    colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (colon && !memchr(colon + 1, ':', (size_t)(s.p + s.n - colon - 1)))
        s.n = (size_t)(colon - s.p);
    end = s.n ? memchr(s.p, '%', s.n) : NULL;
    if (end)
        s.n = (size_t)(end - s.p);
    return s;
}

static const char *fn_ip(const struct cp_call *c, const struct cp_value *args, struct cp_value *out)
{
    char buf[CP_ADDRESS_MAX];
    struct cp_slice text;
    struct cp_net address;
    struct cp_builder t;

    if (cp_call_text(c, &args[0], &text))
        return cp_call_full;
    if (!cp_address_parse(bare_address(text), &address))
        return "not an address";
    cp_builder_init(&t, c);
    cp_builder_put(&t, buf, cp_address_format(&address, buf));
    return cp_builder_give(&t, CP_TEXT, out);
}

/* ---- URLs ---- */

struct url {
    struct cp_slice host, path, query; /* p == NULL: it has none */
};

static bool is_scheme(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = p[i] | 0x20;
        bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && (i == 0 || !((p[i] >= '0' && p[i] <= '9') || p[i] == '+' || p[i] == '-' ||
                                       p[i] == '.')))
            return false;
    }
    return n > 0;
}

/* Where the authority begins: behind `http://`; NULL: there is none. `//x` is a path: requests are
 * logged so. */
static const char *authority_of(struct cp_slice s)
{
    const char *at = memmem(s.p, s.n, "//", 2);

    if (!at || at == s.p || at[-1] != ':' || !is_scheme(s.p, (size_t)(at - s.p) - 1))
        return NULL;
    return at + 2;
}

static const char *first_of(const char *p, const char *end, const char *any)
{
    while (p < end && !(*p && strchr(any, *p)))
        p++;
    return p;
}

/* The host in user:password@host:port. */
static struct cp_slice host_of(const char *p, const char *end)
{
    const char *at = memrchr(p, '@', (size_t)(end - p)), *close;

    if (at)
        p = at + 1;
    if (p < end && *p == '[' && (close = memchr(p, ']', (size_t)(end - p))))
        return (struct cp_slice){p + 1, (size_t)(close - p) - 1};
    return (struct cp_slice){p, (size_t)(first_of(p, end, ":") - p)};
}

static struct url url_split(struct cp_slice s)
{
    const char *p = s.p, *end = s.p + s.n, *authority = s.n ? authority_of(s) : NULL, *at;
    static const char slash[CP_PAD + 2] = "/";
    struct url u = {0};

    if (authority) {
        p = first_of(authority, end, "/?#");
        u.host = host_of(authority, p);
    }
    at = first_of(p, end, "?#");
    u.path = (struct cp_slice){p, (size_t)(at - p)};
    if (authority && u.path.n == 0)
        u.path = (struct cp_slice){slash, 1};
    if (at < end && *at == '?')
        u.query = (struct cp_slice){at + 1, (size_t)(first_of(at + 1, end, "#") - at - 1)};
    return u;
}

static const char *give_slice(struct cp_slice s, struct cp_value *out)
{
    *out = s.p ? cp_text(s.p, s.n) : cp_null();
    return NULL;
}

static const char *fn_host(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice text;

    return cp_call_text(c, &args[0], &text) ? cp_call_full : give_slice(url_split(text).host, out);
}

static const char *fn_path(const struct cp_call *c, const struct cp_value *args,
                           struct cp_value *out)
{
    struct cp_slice text;

    return cp_call_text(c, &args[0], &text) ? cp_call_full : give_slice(url_split(text).path, out);
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t cp_url_decode(struct cp_slice s, bool plus_is_blank, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_of(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_of(s.p[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = plus_is_blank && s.p[i] == '+' ? ' ' : s.p[i];
        }
    }
    return n;
}

/* The decoded part; taken from the arena only as far as it is needed. */
static const char *decode_part(const struct cp_call *c, struct cp_slice s, struct cp_slice *out)
{
    struct cp_arena *arena = &c->ev->batch->arena;
    char *p;
    const char *why = cp_call_room(c, s.n, &p);

    if (why)
        return why;
    *out = (struct cp_slice){p, cp_url_decode(s, true, p)};
    arena->used -= s.n - out->n;
    return NULL;
}

/* The first part of the query whose key, decoded, is this one. */
static const char *find_key(const struct cp_call *c, struct cp_slice query, struct cp_slice key,
                            struct cp_value *out)
{
    const char *p = query.p, *end = query.p + query.n;
    struct cp_arena *arena = &c->ev->batch->arena;
    struct cp_slice part;
    const char *why;

    *out = cp_null();
    while (p < end) {
        const char *stop = first_of(p, end, "&"), *equal = first_of(p, stop, "=");
        size_t mark = arena->used;
        why = decode_part(c, (struct cp_slice){p, (size_t)(equal - p)}, &part);
        if (why)
            return why;
        bool is_it = cp_slice_equal(part, key);
        arena->used = mark;
        if (is_it) {
            const char *value = equal < stop ? equal + 1 : stop;
            why = decode_part(c, (struct cp_slice){value, (size_t)(stop - value)}, &part);
            return why ? why : give_slice(part, out);
        }
        p = stop < end ? stop + 1 : end;
    }
    return NULL;
}

static const char *fn_query(const struct cp_call *c, const struct cp_value *args,
                            struct cp_value *out)
{
    struct cp_slice text, key;
    struct url u;

    if (cp_call_text(c, &args[0], &text))
        return cp_call_full;
    u = url_split(text);
    if (c->n == 1 || !u.query.p)
        return give_slice(u.query, out);
    if (cp_call_text(c, &args[1], &key))
        return cp_call_full;
    return find_key(c, u.query, key, out);
}

const struct cp_function cp_functions_net[] = {
    {.name = "cidr",
     .signature = "cidr(address, block)",
     .doc = "Whether an address lies in a block; what is no address lies in none.",
     .min = 2,
     .max = 2,
     .flags = CP_FN_NULL_FALSE | CP_FN_MAKES_TEXT,
     .eval = fn_cidr,
     .prepare = prepare_cidr,
     .examples = {{"cidr(\"10.1.2.3\", \"10.0.0.0/8\")", "true"},
                  {"cidr(\"fe80::1\", \"fe80::/10\")", "true"},
                  {"cidr(\"host\", \"10.0.0.0/8\")", "false"}}},
    {.name = "ip",
     .signature = "ip(text)",
     .doc = "The address in text such as 10.0.0.1:80 or [::1]:80, in its usual spelling.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_ip,
     .examples = {{"ip(\"10.0.0.1:8080\")", "\"10.0.0.1\""},
                  {"ip(\"[0:0:0::1]:80\")", "\"::1\""},
                  {"ip(\"localhost\")", "error: not an address"}}},
    {.name = "host",
     .signature = "host(url)",
     .doc = "The host of a URL, null where it has none.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_host,
     .examples = {{"host(\"https://u:p@example.org:8443/a?b=1\")", "\"example.org\""},
                  {"host(\"/a/b\")", "null"}}},
    {.name = "path",
     .signature = "path(url)",
     .doc = "The path of a URL, without query and fragment.",
     .min = 1,
     .max = 1,
     .flags = CP_FN_INFALLIBLE | CP_FN_MAKES_TEXT,
     .eval = fn_path,
     .examples = {{"path(\"https://example.org/a/b?c=1\")", "\"/a/b\""},
                  {"path(\"/a?b\")", "\"/a\""}}},
    {.name = "query",
     .signature = "query(url, key?)",
     .doc = "The query of a URL, or the decoded value of one of its keys; null where there is "
            "none.",
     .min = 1,
     .max = 2,
     .flags = CP_FN_MAKES_TEXT,
     .eval = fn_query,
     .examples = {{"query(\"/s?q=a%20b+c&x=1\", \"q\")", "\"a b c\""},
                  {"query(\"/s?q=1&x\", \"x\")", "\"\""},
                  {"query(\"/s?q=1#top\")", "\"q=1\""},
                  {"query(\"/s?q=1\", \"y\")", "null"}}},
    {.name = NULL},
};
