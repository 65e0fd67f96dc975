/* gen.c: large log files for the benchmark, from built-in seeds.
 *
 *     gen DIR MB
 *
 * Writes access.log (combined), app.jsonl, app.logfmt, data.csv and syslog.log into DIR, each of MB
 * million bytes, the same bytes on every machine.
 *
 * DESIGN: a pool of events (path, referer, agent, …) is made once; each record takes one of them
 * and varies address, time, status and sizes. Making each record from nothing would have no popular
 * paths and agents, which is what real logs consist of and what grouping and branch prediction live
 * on. Lines are well formed and hold no quotes that a peer would trip over, with one exception:
 * some paths have commas, as the cells of a real CSV file do.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    EVENTS = 10007, /* prime, as is STRIDE: all of them are visited */
    STRIDE = 7919,
    LONGEST = 4096,
    FIRST_SECOND = 1794787200, /* 2026-11-16 00:00:00 UTC */
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- Random numbers ---- */

static uint64_t state = 88172645463325252ULL;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned draw_below(unsigned n)
{
    return (unsigned)((draw() >> 11) % n);
}

/* Small numbers more often. */
static unsigned draw_skewed(unsigned n)
{
    unsigned a = draw_below(n), b = draw_below(n);

    return a < b ? a : b;
}

static const char *draw_text(const char *const *texts, size_t n)
{
    return texts[draw_skewed((unsigned)n)];
}

/* ---- Lines ---- */

struct line {
    size_t n;
    char s[LONGEST];
};

__attribute__((format(printf, 2, 3))) static void line_add(struct line *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(l->s + l->n, sizeof l->s - l->n, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof l->s - l->n);
    l->n += (size_t)n;
}

/* As a CSV cell: in quotes where it holds a comma. */
static void line_add_cell(struct line *l, const char *text)
{
    line_add(l, strchr(text, ',') ? "\"%s\"" : "%s", text);
}

static char *line_dup(const struct line *l)
{
    char *text = malloc(l->n + 1);

    if (!text) {
        perror("gen");
        exit(1);
    }
    memcpy(text, l->s, l->n);
    text[l->n] = '\0';
    return text;
}

/* ---- Seeds ---- */

static const char *const pages[] = {
    "/",       "/favicon.ico",       "/assets/site.css", "/robots.txt",    "/login",    "/cart",
    "/search", "/assets/reset.css",  "/articles/",       "/api/v2/health", "/about",    "/feed.xml",
    "/logout", "/assets/app.min.js", "/sitemap.xml",     "/contact/",      "/checkout", "/pricing",
};
static const char *const words[] = {
    "notes",   "release", "network", "kernel",  "pipeline", "channel", "garden",  "summer",
    "harbour", "recipes", "letters", "archive", "mountain", "weather", "cycling", "database",
    "parsing", "winter",  "library", "travel",  "signal",   "metrics", "village", "concert",
};
static const char *const endings[] = {"png", "jpg", "js", "svg", "webp", "css", "woff2"};
static const char *const objects[] = {"users", "orders", "items", "sessions", "invoices"};
static const char *const users[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
static const char *const sites[] = {"https://www.example.com", "https://search.example.org",
                                    "http://example.net", "https://news.example.com"};
static const char *const systems[] = {
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "Windows NT 6.1; WOW64",
    "X11; Linux x86_64",
    "Linux; Android 14; SM-S911B Build/UP1A.231005.007",
    "iPhone; CPU iPhone OS 17_6 like Mac OS X",
};
static const char *const bots[] = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +http://bot.example/about.html)",
    "FeedFetcher/1.4 (+http://feeds.example.org/; 2 subscribers)",
    "curl/8.5.0",
    "Go-http-client/1.1",
};
static const char *const services[] = {"api",    "web", "auth",   "billing",
                                       "search", "cdn", "worker", "static"};
/* Written alike as JSON and as logfmt. */
static const char *const messages[] = {
    "request served",
    "cache \\\"miss\\\" for key",
    "slow upstream\\tretry=1",
    "path C:\\\\logs\\\\app opened",
    "caf\\u00e9 order accepted",
    "line one\\nline two",
    "token expired for user",
    "ok",
};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const hosts[] = {"gate", "web-1", "web-2", "db-primary", "ip-10-77-20-248"};

/* ---- Events ---- */

struct event {
    const char *method, *protocol, *user;
    char *path, *referer, *agent;
    unsigned
        net; /* the first two bytes of an address in 198.18.0.0/15, which is meant for benchmarks */
    int status;
    long bytes; /* -1: none */
};

static struct event events[EVENTS];

static char *make_path(void)
{
    struct line l = {0};
    const char *a = words[draw_below(COUNT(words))], *b = words[draw_below(COUNT(words))];
    unsigned kind = draw_below(100), n = draw_below(40);

    if (kind < 28)
        line_add(&l, "%s", draw_text(pages, COUNT(pages)));
    else if (kind < 52)
        line_add(&l, "/articles/%s/%s-and-%s/", objects[n % COUNT(objects)], a, b);
    else if (kind < 74)
        line_add(&l, "/assets/images/%s/%s-%u.%s", a, words[n % 4], n,
                 draw_text(endings, COUNT(endings)));
    else if (kind < 84)
        line_add(&l, "/api/v2/%s/%u", draw_text(objects, COUNT(objects)), 1000 + n);
    else if (kind < 94)
        line_add(&l, "/search?q=%s+%s&page=%u&sort=date", a, b, 1 + n % 9);
    else if (kind < 97)
        line_add(&l, "/forum/view.php?topic=%u&lang=en", 40000 + n);
    else if (kind < 99)
        line_add(&l, "/files/%s/%s-1.%u.tar.gz", a, a, n);
    else
        line_add(&l, "/map/48.%02u,16.%02u", n, 99 - n);
    return line_dup(&l);
}

static char *make_referer(void)
{
    struct line l = {0};
    const char *site = draw_text(sites, COUNT(sites));
    const char *a = words[draw_below(COUNT(words))], *b = words[draw_below(COUNT(words))];
    unsigned kind = draw_below(100);

    if (kind < 36)
        line_add(&l, "-");
    else if (kind < 50)
        line_add(&l, "%s/", site);
    else if (kind < 90)
        line_add(&l, "%s/articles/%s/%s-and-%s/", site, draw_text(objects, COUNT(objects)), a, b);
    else
        line_add(&l, "%s/search?q=%s%%20%s&source=web&cd=%u", site, a, b, draw_below(20));
    return line_dup(&l);
}

static char *make_agent(void)
{
    struct line l = {0};
    const char *system = draw_text(systems, COUNT(systems));
    unsigned kind = draw_below(100), version = 100 + draw_skewed(32);

    if (kind < 55)
        line_add(&l,
                 "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%u.0.%u.%u "
                 "Safari/537.36",
                 system, version, 4000 + version * 20, draw_below(3) * 37);
    else if (kind < 75)
        line_add(&l, "Mozilla/5.0 (%s; rv:%u.0) Gecko/20100101 Firefox/%u.0", system, version,
                 version);
    else if (kind < 88)
        line_add(&l,
                 "Mozilla/5.0 (%s) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%u.%u "
                 "Safari/605.1.15",
                 system, 14 + version % 5, version % 7);
    else
        line_add(&l, "%s", draw_text(bots, COUNT(bots)));
    return line_dup(&l);
}

static const char *make_method(void)
{
    unsigned kind = draw_below(1000);

    return kind < 920   ? "GET"
           : kind < 970 ? "POST"
           : kind < 985 ? "HEAD"
           : kind < 995 ? "PUT"
                        : "OPTIONS";
}

/* Those of 500 and more come with the records. */
static int make_status(void)
{
    static const int rare[] = {206, 400, 401, 403, 416};
    unsigned kind = draw_below(1000);

    return kind < 905   ? 200
           : kind < 950 ? 304
           : kind < 970 ? 404
           : kind < 988 ? 301
                        : rare[kind % COUNT(rare)];
}

static void make_events(void)
{
    for (struct event *e = events; e < events + EVENTS; e++) {
        *e = (struct event){
            .method = make_method(),
            .protocol = draw_below(100) < 93 ? "HTTP/1.1" : "HTTP/1.0",
            .user = draw_below(32) == 0 ? draw_text(users, COUNT(users)) : "-",
            .path = make_path(),
            .referer = make_referer(),
            .agent = make_agent(),
            .net = draw_skewed(512),
            .status = make_status(),
        };
        e->bytes = e->status == 304 ? -1 : 200 + (long)draw_skewed(400) * draw_skewed(400);
    }
}

/* ---- Records ---- */

struct record {
    const struct event *e;
    struct tm tm;
    unsigned millis, user, tag, pid;
    char address[40];
    int status;
    long bytes;
    double rt_ms;
    const char *service, *message;
    uint64_t r; /* the bits that the fields above left */
};

static int vary_status(uint64_t r, int status)
{
    static const int failures[] = {500, 502, 503, 504};

    return (r >> 16 & 1023) < 15 ? failures[r >> 26 & 3] : status;
}

/* Most are fast, few slow, some very slow. */
static double vary_time(uint64_t r)
{
    double x = (double)(r >> 40 & 0xffff) / 65536;

    return 1 + x * x * x * 900 + (r >> 56 == 0 ? 2500 : 0);
}

static void vary_address(struct record *x)
{
    unsigned net = x->e->net, last = x->r >> 8 & 255;

    if (net % 64 == 63)
        snprintf(x->address, sizeof x->address, "2001:db8:%x::%x", net, last);
    else
        snprintf(x->address, sizeof x->address, "198.%u.%u.%u", 18 + net / 256, net % 256, last);
}

/* The i-th record; time moves on by a second after eight records or so. */
static void record_make(struct record *x, uint64_t i, time_t *now)
{
    uint64_t r = draw();
    const struct event *e = &events[i * STRIDE % EVENTS];

    if ((r & 7) == 0 || i == 0) {
        *now += i != 0;
        gmtime_r(now, &x->tm);
    }
    x->e = e;
    x->r = r;
    x->millis = (unsigned)((r >> 20) % 1000);
    x->user = (unsigned)((r >> 10) % 50000);
    x->tag = r >> 5 & 3;
    x->pid = 300 + (unsigned)(r >> 44 & 0x7fff);
    x->status = vary_status(r, e->status);
    x->bytes = e->bytes < 0 ? -1 : e->bytes + (long)(r >> 30 & 1023);
    x->rt_ms = vary_time(r);
    x->service = services[r >> 33 & 7];
    x->message = messages[r >> 36 & 7];
    vary_address(x);
}

/* ---- Formats ---- */

static const char *level_of(int status)
{
    return status >= 500 ? "error" : status >= 400 ? "warn" : "info";
}

static void add_iso_time(struct line *l, const struct record *x)
{
    const struct tm *t = &x->tm;

    line_add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", t->tm_year + 1900, t->tm_mon + 1, t->tm_mday,
             t->tm_hour, t->tm_min, t->tm_sec, x->millis);
}

static void add_combined(struct line *l, const struct record *x)
{
    const struct event *e = x->e;
    const struct tm *t = &x->tm;

    line_add(l, "%s - %s [%02d/%s/%04d:%02d:%02d:%02d +0000] \"%s %s %s\" %d ", x->address, e->user,
             t->tm_mday, months[t->tm_mon], t->tm_year + 1900, t->tm_hour, t->tm_min, t->tm_sec,
             e->method, e->path, e->protocol, x->status);
    if (x->bytes < 0)
        line_add(l, "- \"%s\" \"%s\"\n", e->referer, e->agent);
    else
        line_add(l, "%ld \"%s\" \"%s\"\n", x->bytes, e->referer, e->agent);
}

static long size_of(const struct record *x)
{
    return x->bytes < 0 ? 0 : x->bytes;
}

static void add_json(struct line *l, const struct record *x)
{
    const struct event *e = x->e;

    line_add(l, "{\"ts\":\"");
    add_iso_time(l, x);
    line_add(l, "\",\"level\":\"%s\",\"svc\":\"%s\",\"ip\":\"%s\",", level_of(x->status),
             x->service, x->address);
    line_add(l, "\"req\":{\"method\":\"%s\",\"path\":\"%s\",\"proto\":\"%s\"},", e->method, e->path,
             e->protocol);
    line_add(l, "\"status\":%d,\"bytes\":%ld,\"rt_ms\":%.3f,", x->status, size_of(x), x->rt_ms);
    line_add(l, "\"user\":{\"id\":%u,\"agent\":\"%s\"},", x->user, e->agent);
    line_add(l, "\"tags\":[\"%s\",\"z%u\"],\"msg\":\"%s\"}\n", x->service, x->tag, x->message);
}

static void add_logfmt(struct line *l, const struct record *x)
{
    line_add(l, "ts=");
    add_iso_time(l, x);
    line_add(l, " level=%s svc=%s ip=%s method=%s path=\"%s\"", level_of(x->status), x->service,
             x->address, x->e->method, x->e->path);
    line_add(l, " status=%d bytes=%ld rt_ms=%.3f user_id=%u msg=\"%s\"\n", x->status, size_of(x),
             x->rt_ms, x->user, x->message);
}

static void add_csv(struct line *l, const struct record *x)
{
    add_iso_time(l, x);
    line_add(l, ",%s,%s,", x->address, x->e->method);
    line_add_cell(l, x->e->path);
    line_add(l, ",%d,%ld,%.3f,", x->status, size_of(x), x->rt_ms);
    line_add_cell(l, x->e->referer);
    line_add(l, ",");
    line_add_cell(l, x->e->agent);
    line_add(l, "\n");
}

/* What sshd, cron and sudo say. */
static void add_syslog_message(struct line *l, const struct record *x)
{
    const char *who = users[x->user % COUNT(users)];
    unsigned port = 1024 + x->user;

    switch (x->r >> 36 & 7) {
    case 0:
    case 1:
        line_add(l, "sshd[%u]: Failed password for invalid user %s from %s port %u ssh2", x->pid,
                 who, x->address, port);
        break;
    case 2:
        line_add(l, "sshd[%u]: Accepted publickey for %s from %s port %u ssh2: RSA SHA256:%08x%08x",
                 x->pid, who, x->address, port, (unsigned)(x->r >> 32), (unsigned)x->r);
        break;
    case 3:
        line_add(l, "sshd[%u]: Connection closed by %s port %u [preauth]", x->pid, x->address,
                 port);
        break;
    case 4:
        line_add(l, "CRON[%u]: pam_unix(cron:session): session opened for user root by (uid=0)",
                 x->pid);
        break;
    case 5:
        line_add(l,
                 "sudo: %8s : TTY=pts/%u ; PWD=/srv/%s ; USER=root ; COMMAND=/usr/sbin/service %s "
                 "restart",
                 who, x->tag, x->service, x->service);
        break;
    case 6:
        line_add(l, "systemd-logind[%u]: New session %u of user %s.", x->pid, x->user, who);
        break;
    default:
        line_add(l, "kernel: [%u.%06u] eth0: renamed from veth%07x", x->user, x->millis * 997,
                 (unsigned)(x->r >> 36 & 0xfffffff));
    }
}

static void add_syslog(struct line *l, const struct record *x)
{
    const struct tm *t = &x->tm;

    line_add(l, "<%u>%s %2d %02d:%02d:%02d %s ", 10 * 8 + (unsigned)(x->r >> 12 & 7),
             months[t->tm_mon], t->tm_mday, t->tm_hour, t->tm_min, t->tm_sec,
             hosts[(x->r >> 15 & 1023) % COUNT(hosts)]);
    add_syslog_message(l, x);
    line_add(l, "\n");
}

/* ---- Files ---- */

static struct output {
    const char *name, *head;
    void (*add)(struct line *, const struct record *);
    FILE *file;
    uint64_t size;
} outputs[] = {
    {"access.log", NULL, add_combined, NULL, 0},
    {"app.jsonl", NULL, add_json, NULL, 0},
    {"app.logfmt", NULL, add_logfmt, NULL, 0},
    {"data.csv", "ts,ip,method,path,status,bytes,rt_ms,ref,ua\n", add_csv, NULL, 0},
    {"syslog.log", NULL, add_syslog, NULL, 0},
};

static int fail(const char *what)
{
    fprintf(stderr, "gen: ");
    perror(what);
    return -1;
}

static int output_write(struct output *o, const char *s, size_t n)
{
    if (fwrite(s, 1, n, o->file) != n)
        return fail(o->name);
    o->size += n;
    return 0;
}

static int output_open(struct output *o, const char *dir)
{
    char path[LONGEST];

    snprintf(path, sizeof path, "%s/%s", dir, o->name);
    o->file = fopen(path, "we");
    if (!o->file)
        return fail(path);
    setvbuf(o->file, NULL, _IOFBF, 1 << 20);
    return o->head ? output_write(o, o->head, strlen(o->head)) : 0;
}

/* One line to every file that is not yet full; 0 when all of them are. */
static int write_record(const struct record *x, uint64_t limit)
{
    struct line l;
    int written = 0;

    for (struct output *o = outputs; o < outputs + COUNT(outputs); o++) {
        if (o->size >= limit)
            continue;
        l.n = 0;
        o->add(&l, x);
        if (output_write(o, l.s, l.n) != 0)
            return -1;
        written++;
    }
    return written;
}

static int write_all(const char *dir, uint64_t limit)
{
    struct record x;
    time_t now = FIRST_SECOND;
    int rc = 1;

    for (struct output *o = outputs; o < outputs + COUNT(outputs); o++)
        if (output_open(o, dir) != 0)
            return -1;
    make_events();
    for (uint64_t i = 0; rc > 0; i++) {
        record_make(&x, i, &now);
        rc = write_record(&x, limit);
    }
    for (struct output *o = outputs; o < outputs + COUNT(outputs); o++)
        if (fclose(o->file) != 0)
            rc = fail(o->name);
    return rc;
}

int main(int argc, char **argv)
{
    double mb = argc == 3 ? atof(argv[2]) : 0;

    if (!(mb > 0)) {
        fprintf(stderr, "usage: gen DIR MB\n");
        return 2;
    }
    return write_all(argv[1], (uint64_t)(mb * 1e6)) == 0 ? 0 : 4;
}
