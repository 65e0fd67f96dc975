/* json_scan.c: the scanner's slow half: the grammar, the memory of glue, escapes. The fast half is
 * json_scan_level.h. */
#include "json_scan.h"

#include <assert.h>

#include "../base/scan.h"

static const char ends_early[] = "the text ends inside a value";
static const char no_string_end[] = "no closing quote";

/* ---- Strings, numbers, escapes ---- */

static bool is_hex(char c)
{
    return (unsigned char)(c - '0') < 10 || (unsigned char)((c | 0x20) - 'a') < 6;
}

size_t cp_json_escape_length(const char *p, const char *end)
{
    static const bool simple[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                     ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};

    if (end - p >= 2 && simple[(unsigned char)p[1]])
        return 2;
    if (end - p >= 6 && p[1] == 'u' && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]))
        return 6;
    return 0;
}

const char *cp_json_string_end(const char *p, const char *end, bool *escaped, const char **why,
                               const char **bad)
{
    for (;;) {
        p = cp_json_string_stop(p, end);
        *bad = p < end ? p : end;
        if (p >= end) {
            *why = no_string_end;
            return NULL;
        }
        if (*p == '"')
            return p;
        if (*p != '\\') {
            *why = "control byte in a string";
            return NULL;
        }
        size_t n = cp_json_escape_length(p, end);
        if (n == 0) {
            *why = "bad escape in a string";
            return NULL;
        }
        *escaped = true;
        p += n;
    }
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const char *digits_end(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

const char *cp_json_number_end(const char *p, const char *end)
{
    const char *q;

    if (p < end && *p == '-')
        p++;
    q = digits_end(p, end);
    if (q == p || (*p == '0' && q > p + 1))
        return NULL;
    if (q < end && *q == '.') {
        p = q + 1;
        q = digits_end(p, end);
        if (q == p)
            return NULL;
    }
    if (q < end && (*q | 0x20) == 'e') {
        p = q + 1;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        q = digits_end(p, end);
        if (q == p)
            return NULL;
    }
    return q;
}

static uint32_t hex4(const char *p)
{
    uint32_t code = 0;

    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)(is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return code;
}

const char *cp_json_unescape(const char *p, const char *end, char out[4], size_t *n)
{
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

    if (p[1] != 'u') {
        out[0] = plain[(unsigned char)p[1]];
        *n = 1;
        return p + 2;
    }
    uint32_t code = hex4(p + 2);
    p += 6;
    if (code >> 10 == 0xD800 >> 10 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (low >> 10 == 0xDC00 >> 10) {
            code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
            p += 6;
        }
    }
    *n = cp_utf8_encode(out, code);
    return p;
}

bool cp_json_escaped_key_is(struct cp_slice raw, struct cp_slice name)
{
    const char *p = raw.p, *end = raw.p + raw.n, *q = name.p, *q_end = name.p + name.n;

    while (p < end) {
        char c[4] = {*p};
        size_t n = 1;
        if (*p == '\\')
            p = cp_json_unescape(p, end, c, &n);
        else
            p++;
        if ((size_t)(q_end - q) < n || memcmp(q, c, n) != 0)
            return false;
        q += n;
    }
    return q == q_end;
}

/* ---- The memory of glue ---- */

/* A level that is remembered. */
struct cp_json_context {
    struct cp_json_level level;
    uint32_t hash; /* of the key under which it was opened */
    struct cp_json_context *next;
};

enum {
    MEMO_SIZE = 256 * 1024,
    MEMO_BUCKETS = 512, /* a power of two */
    /* When the memory is full after so few records, their keys do not repeat: then what is known is
     * kept for a long while before it is given up for something newer. Does it not help either in
     * the next few records, with more than so many pieces of glue that it does not know in each, it
     * is not asked at all in that while. */
    MEMO_SHORT = 4096,
    MEMO_LONG = 65536,
    MEMO_TRIAL = 256,
    MEMO_MISSES = 4,
};

struct cp_json_memo {
    struct cp_json_state *states[MEMO_BUCKETS];
    struct cp_json_context *contexts[MEMO_BUCKETS];
    struct cp_json_context document;
    struct cp_json_state start, end;
    uint32_t records; /* since it was cleared */
    uint32_t wait;    /* it is not cleared before so many; 0: it is not full */
    uint32_t trial;   /* at so many it is decided whether it is asked */
    uint32_t misses;  /* glue that was not known since it was full */
    struct cp_arena arena;
};

static void memo_clear(struct cp_json_memo *m, const struct cp_json_target *root)
{
    memset(m->states, 0, sizeof m->states);
    memset(m->contexts, 0, sizeof m->contexts);
    m->document = (struct cp_json_context){.level = {.target = root, .is_known = true}};
    m->start = (struct cp_json_state){.level = &m->document.level, .capture = -1, .is_known = true};
    m->end = (struct cp_json_state){.level = &m->document.level, .capture = -1, .is_end = true};
    m->records = m->wait = 0;
    cp_arena_reset(&m->arena, 0);
}

/* The memory is full: it is given up, at once or later. At the start of a record, when no pointers
 * into it are held. */
static void memo_renew(struct cp_json_scanner *s, struct cp_json_memo *m)
{
    if (m->wait == 0) {
        m->wait = m->records < MEMO_SHORT ? MEMO_LONG : m->records;
        m->trial = m->records + MEMO_TRIAL;
        m->misses = 0;
    }
    if (m->records == m->trial && m->misses > MEMO_MISSES * MEMO_TRIAL)
        s->start = &s->scratch[2];
    if (m->records >= m->wait) {
        memo_clear(m, s->root);
        s->start = &m->start;
    }
}

/* Aligned to 8, with CP_PAD readable bytes behind it; NULL when the memory is full. */
static void *memo_take(struct cp_json_memo *m, size_t n)
{
    return m->arena.full ? NULL : cp_arena_take(&m->arena, (n + 7) & ~(size_t)7);
}

static uint32_t hash_key(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

static size_t bucket(const void *p, uint32_t hash)
{
    return ((uint32_t)((uintptr_t)p >> 3) * 0x9E3779B1u ^ hash * 0x85EBCA6Bu) >> 16 &
           (MEMO_BUCKETS - 1);
}

/* The bracket opened inside `level` under a key; NULL when it is not known and cannot be
 * remembered. */
static const struct cp_json_level *memo_level(struct cp_json_memo *m,
                                              const struct cp_json_level *want, uint32_t hash)
{
    struct cp_json_context **list = &m->contexts[bucket(want->parent, hash)];

    for (struct cp_json_context *c = *list; c; c = c->next)
        if (c->level.parent == want->parent && c->hash == hash && c->level.target == want->target &&
            c->level.is_object == want->is_object)
            return &c->level;
    struct cp_json_context *c = memo_take(m, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct cp_json_context){.level = *want, .hash = hash, .next = *list};
    c->level.is_known = true;
    *list = c;
    return &c->level;
}

/* The place before the scalar that stands inside `level` under a key. */
static struct cp_json_state *memo_state(struct cp_json_memo *m, const struct cp_json_level *level,
                                        uint32_t hash, int capture)
{
    struct cp_json_state **list = &m->states[bucket(level, hash)];

    for (struct cp_json_state *t = *list; t; t = t->next)
        if (t->level == level && t->hash == hash && t->capture == capture)
            return t;
    struct cp_json_state *t = memo_take(m, sizeof *t);
    if (!t)
        return NULL;
    *t = (struct cp_json_state){
        .level = level, .capture = (int16_t)capture, .hash = hash, .is_known = true, .next = *list};
    *list = t;
    return t;
}

static size_t actions_offset(size_t n)
{
    return (sizeof(struct cp_json_edge) + n + 7) & ~(size_t)7;
}

/* Remembers that the n bytes at p lead from one known state to another. */
static void memo_edge(struct cp_json_scanner *s, struct cp_json_state *from,
                      struct cp_json_state *to, const char *p, size_t n)
{
    if (n > CP_JSON_MAX_GLUE || s->n_actions > CP_JSON_MAX_ACTIONS ||
        from->n_edges == CP_JSON_MAX_EDGES)
        return;
    size_t actions = s->n_actions * sizeof *s->actions;
    struct cp_json_edge *e = memo_take(s->memo, actions_offset(n) + actions);
    if (!e)
        return;
    *e = (struct cp_json_edge){.to = to,
                               .mask = n >= 32 ? ~UINT32_C(0) : (UINT32_C(1) << n) - 1,
                               .n = (uint16_t)n,
                               .is_end = to->is_end,
                               .n_actions = (uint8_t)s->n_actions};
    memcpy(e->glue, p, n);
    memcpy((char *)e + actions_offset(n), s->actions, actions);
    struct cp_json_edge **last = &from->edges;
    while (*last)
        last = &(*last)->next;
    *last = e;
    from->n_edges++;
}

/* ---- Actions ---- */

static void forget(struct cp_json_scanner *s, const struct cp_json_target *t)
{
    for (t = t->child; t; t = t->next) {
        if (t->capture >= 0)
            s->found[t->capture] = (struct cp_value){.kind = CP_MISSING};
        forget(s, t);
    }
}

static void act(struct cp_json_scanner *s, const struct cp_json_action *a, const char *p)
{
    p += a->at;
    if (a->op == CP_JSON_FORGET) {
        forget(s, a->target);
        return;
    }
    struct cp_value *v = &s->found[a->target->capture];
    if (a->op == CP_JSON_OPEN) {
        *v = cp_span(*p == '{' ? CP_OBJECT : CP_LIST, p, 0);
        s->n_found++;
    } else
        v->len = (uint32_t)(p - v->p);
}

void cp_json_act(struct cp_json_scanner *s, const struct cp_json_edge *e, const char *p)
{
    const struct cp_json_action *a = (const void *)((const char *)e + actions_offset(e->n));

    for (size_t k = 0; k < e->n_actions; k++)
        act(s, &a[k], p);
}

/* Does it now and notes it for the edge. Glue too long for the offsets is never remembered. */
static void note(struct cp_json_scanner *s, enum cp_json_op op, const struct cp_json_target *target,
                 const char *glue, const char *p)
{
    act(s, &(struct cp_json_action){.target = target, .op = (uint8_t)op}, p);
    if (s->n_actions < CP_JSON_MAX_ACTIONS && p - glue <= CP_JSON_MAX_GLUE)
        s->actions[s->n_actions++] = (struct cp_json_action){
            .target = target, .at = (uint16_t)(p - glue), .op = (uint8_t)op};
    else
        s->n_actions = CP_JSON_MAX_ACTIONS + 1;
}

/* ---- The grammar ---- */

/* What is known while glue is crossed. */
struct crossing {
    struct cp_json_scanner *s;
    const char *glue; /* its start */
    const char *p, *end;
    const struct cp_json_level *level;
    const struct cp_json_target *target; /* of the value that comes */
    uint32_t hash;                       /* of its key */
    const char *why;
};

static bool refuse(struct crossing *c, const char *why)
{
    c->why = c->p < c->end ? why : ends_early;
    return false;
}

static const struct cp_json_target *find_target(const struct cp_json_target *parent,
                                                struct cp_slice key, bool escaped)
{
    if (parent)
        for (const struct cp_json_target *t = parent->child; t; t = t->next)
            if (cp_json_key_is(key, escaped, t->key))
                return t;
    return NULL;
}

/* A key and its colon. */
static bool cross_key(struct crossing *c)
{
    bool escaped = false;

    c->p = cp_json_skip_blanks(c->p, c->end);
    if (c->p >= c->end || *c->p != '"')
        return refuse(c, "expected a key in quotes");
    struct cp_slice key = {.p = c->p + 1};
    const char *close = cp_json_string_end(key.p, c->end, &escaped, &c->why, &c->p);
    if (!close)
        return false;
    key.n = (size_t)(close - key.p);
    c->p = cp_json_skip_blanks(close + 1, c->end);
    if (c->p >= c->end || *c->p != ':')
        return refuse(c, "expected a colon after the key");
    c->p++;
    c->target = find_target(c->level->target, key, escaped);
    c->hash = c->level->is_known ? hash_key(key.p, key.n) : 0;
    if (c->target && c->target->child)
        note(c->s, CP_JSON_FORGET, c->target, c->glue, c->p);
    return true;
}

/* The bracket at p. */
static bool cross_open(struct crossing *c)
{
    if (c->level->depth == CP_JSON_DEPTH)
        return refuse(c, "nested too deeply");
    struct cp_json_level want = {.parent = c->level,
                                 .target = c->target,
                                 .depth = (uint16_t)(c->level->depth + 1),
                                 .is_object = *c->p == '{'};
    if (c->target && c->target->capture >= 0)
        note(c->s, CP_JSON_OPEN, c->target, c->glue, c->p);
    const struct cp_json_level *known =
        c->level->is_known ? memo_level(c->s->memo, &want, c->hash) : NULL;
    if (!known) {
        c->s->deep[want.depth] = want;
        known = &c->s->deep[want.depth];
    }
    c->level = known;
    c->target = NULL;
    c->hash = 0;
    c->p++;
    return true;
}

static void cross_close(struct crossing *c)
{
    c->p++;
    if (c->level->target && c->level->target->capture >= 0)
        note(c->s, CP_JSON_CLOSE, c->level->target, c->glue, c->p);
    c->level = c->level->parent;
}

/* The state machine of the grammar between scalars. True: p stands at a scalar, or at the end at
 * depth 0 (is_end). */
static bool cross(struct crossing *c, bool at_start, bool *is_end)
{
    bool may_close = false; /* right behind an opening bracket */

    if (at_start)
        goto value;
behind:
    may_close = false;
    c->p = cp_json_skip_blanks(c->p, c->end);
    if (c->level->depth == 0) {
        *is_end = true;
        return c->p == c->end || refuse(c, "bytes after the value");
    }
    if (c->p < c->end && *c->p == (c->level->is_object ? '}' : ']')) {
        cross_close(c);
        goto behind;
    }
    if (c->p >= c->end || *c->p != ',')
        return refuse(c, "expected a comma or a closing bracket");
    c->p++;
    c->target = NULL;
    c->hash = 0;
    if (c->level->is_object && !cross_key(c))
        return false;
value:
    c->p = cp_json_skip_blanks(c->p, c->end);
    if (c->p >= c->end)
        return refuse(c, ends_early);
    if (may_close && *c->p == (c->level->is_object ? '}' : ']')) {
        cross_close(c);
        goto behind;
    }
    if (may_close && c->level->is_object) {
        may_close = false;
        if (!cross_key(c))
            return false;
        goto value;
    }
    may_close = *c->p == '{' || *c->p == '[';
    if (!may_close)
        return true;
    if (!cross_open(c))
        return false;
    goto value;
}

/* The state that was reached: a remembered one if that is possible. */
static struct cp_json_state *reached(struct crossing *c, bool is_end, struct cp_json_state *from)
{
    struct cp_json_scanner *s = c->s;
    int capture = c->target && !is_end ? c->target->capture : -1;

    if (s->memo && is_end)
        return &s->memo->end;
    struct cp_json_state *t =
        c->level->is_known ? memo_state(s->memo, c->level, c->hash, capture) : NULL;
    if (t)
        return t;
    t = &s->scratch[from == &s->scratch[0]];
    *t = (struct cp_json_state){.level = c->level, .capture = (int16_t)capture, .is_end = is_end};
    return t;
}

struct cp_json_state *cp_json_cross(struct cp_json_scanner *s, struct cp_json_state *from,
                                    const char **p, const char **why)
{
    bool is_end = false;
    bool at_start = from == s->start;
    struct crossing c = {.s = s, .glue = *p, .p = *p, .end = s->end, .level = from->level};

    c.target = at_start ? s->root : NULL;
    s->n_actions = 0;
    bool ok = cross(&c, at_start, &is_end);
    *p = c.p;
    if (!ok) {
        *why = c.why;
        return NULL;
    }
    struct cp_json_state *to = reached(&c, is_end, from);
    if (s->memo)
        s->memo->misses++;
    if (from->is_known && (to->is_known || (is_end && s->memo)))
        memo_edge(s, from, to, c.glue, (size_t)(c.p - c.glue));
    return to;
}

/* ---- The fast half, once per instruction set ---- */

/* What a first byte says about a scalar. */
enum scalar { NO_SCALAR, STRING, NUMBER, MINUS, WORD };

static const uint8_t scalar_at[256] = {
    ['"'] = STRING, ['-'] = MINUS,  ['0'] = NUMBER, ['1'] = NUMBER, ['2'] = NUMBER,
    ['3'] = NUMBER, ['4'] = NUMBER, ['5'] = NUMBER, ['6'] = NUMBER, ['7'] = NUMBER,
    ['8'] = NUMBER, ['9'] = NUMBER, ['t'] = WORD,   ['f'] = WORD,   ['n'] = WORD,
};

/* Behind true, false or null at p; NULL when there is none. */
static inline const char *word_end(const char *p, const char *end)
{
    const char *word = *p == 't' ? "true" : *p == 'f' ? "false" : "null";
    size_t n = *p == 'f' ? 5 : 4;

    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* A wanted scalar. */
static inline void found_span(struct cp_json_scanner *s, const struct cp_json_state *t,
                              enum cp_kind kind, const char *p, const char *q)
{
    s->found[t->capture] = cp_span(kind, p, (size_t)(q - p));
    s->n_found++;
}

static inline void found_text(struct cp_json_scanner *s, const struct cp_json_state *t,
                              const char *p, const char *q, bool escaped)
{
    found_span(s, t, CP_TEXT, p, q);
    s->found[t->capture].esc = escaped ? CP_ESC_JSON : CP_PLAIN;
}

/* The first of 8 bytes at p whose high bit is set in the word loaded from there; for big-endian
 * machines the bytes are looked at one by one, as borrows run the other way. */
static inline const char *first_byte(const char *p, uint64_t hit)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return p + __builtin_ctzll(hit) / 8;
#else
    (void)hit;
    while (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
#endif
}

typedef const char *scan_fn(struct cp_json_scanner *s, const char *p, size_t n, size_t *at);

#define LEVEL portable
#define TARGET
#define WIDTH 0
#include "json_scan_level.h"

#ifdef __SSE2__
#include <immintrin.h>

#define LEVEL sse2
#define TARGET
#define WIDTH 16
#include "json_scan_level.h"

#define LEVEL avx2
#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#define WIDTH 32
#include "json_scan_level.h"
#endif

static scan_fn *scan = scan_portable;

int cp_json_scan_init(int level)
{
    scan = scan_portable;
#ifdef __SSE2__
    __builtin_cpu_init();
    if (level == CP_SCAN_BEST || level > CP_SCAN_AVX2)
        level = CP_SCAN_AVX2;
    if (level == CP_SCAN_AVX2 &&
        !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")))
        level = CP_SCAN_SSE2;
    scan_fn *const by_level[] = {scan_portable, scan_sse2, scan_avx2};
    scan = by_level[level];
    return level;
#else
    (void)level;
    return CP_SCAN_PORTABLE;
#endif
}

__attribute__((constructor)) static void choose_level(void)
{
    cp_json_scan_init(CP_SCAN_BEST);
}

void cp_json_scanner_init(struct cp_json_scanner *s, const struct cp_json_target *root,
                          struct cp_value *found, bool memo, struct cp_heap *heap)
{
    /* Not cleared as a whole: `deep` is large and is written before it is read. */
    s->root = root;
    s->found = found;
    s->memo = NULL;
    s->deep[0] = (struct cp_json_level){.target = root};
    s->scratch[2] = (struct cp_json_state){.level = &s->deep[0], .capture = -1};
    s->start = &s->scratch[2];
    if (!memo)
        return;
    s->memo = cp_heap_take(heap, sizeof *s->memo);
    s->memo->arena = (struct cp_arena){.base = cp_heap_take(heap, MEMO_SIZE + CP_JSON_MAX_GLUE),
                                       .cap = MEMO_SIZE};
    memo_clear(s->memo, root);
    s->start = &s->memo->start;
}

const char *cp_json_scan(struct cp_json_scanner *s, const char *p, size_t n, size_t *at)
{
    if (s->memo) {
        s->memo->records++;
        if (__builtin_expect(s->memo->arena.full, 0))
            memo_renew(s, s->memo);
    }
    s->end = p + n;
    s->n_found = 0;
    return scan(s, p, n, at);
}
