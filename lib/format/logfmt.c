/* logfmt.c: key=value pairs between blanks (semantics 39, 54).
 *
 * DESIGN. Programs write the same keys in the same order, so decode guesses that pair k has the key that pair k of the
 * record before had: one comparison of 16 bytes replaces the search for `=` and the look-up among the wants. A wrong guess
 * costs a search and corrects itself. An index of all `=` and blanks of the line was rejected: values hold them too.
 *
 * walk reads a record once, in full, and notes where its members are: only then is it known which of them come again
 * later, with a value that counts instead.
 */
#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "fields.h"
#include "members.h"
#include "probe.h"

enum { GUESSES = 64, GUESS_SIZE = 16 };

/* What pair k of the record before was. */
struct guess {
    char key[GUESS_SIZE]; /* with its `=`, then zeros */
    char mask[GUESS_SIZE];
    uint32_t len; /* of key; 0: nothing can be guessed */
    int want;     /* index of the key, or -1 */
};

struct logfmt {
    int types; /* option */
    uint8_t flags;
    struct cp_slice *keys; /* that are wanted, each once */
    int *slots;            /* their columns */
    size_t n;
    struct cp_field_want *copies; /* further columns of the same keys */
    size_t n_copies;
    int *missing; /* columns of paths that are no keys */
    size_t n_missing;
    struct guess guess[GUESSES];
};

static const struct cp_option options[] = {
    CP_OPTION_TYPES(struct logfmt, types),
    {0},
};

static const char *const no_key = "no key before the =";
static const char *const no_quote = "no closing quote";
static const char *const text_behind = "text behind the closing quote";

/* ---- Pieces ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *any2(const char *p, const char *end, char a, char b)
{
    return (const char *)cp_scan_any2((const uint8_t *)p, (const uint8_t *)end, (uint8_t)a, (uint8_t)b);
}

static const char *any3(const char *p, const char *end, char a, char b, char c)
{
    return (const char *)cp_scan_any3((const uint8_t *)p, (const uint8_t *)end, (uint8_t)a, (uint8_t)b, (uint8_t)c);
}

/* Reads the value between quotes that starts at p, behind the opening one. Returns what is behind the closing one, or
 * NULL. */
static const char *take_quoted(const char *p, const char *end, struct cp_value *value)
{
    const char *start = p;
    uint8_t escape = CP_PLAIN;

    while ((p = any2(p, end, '"', '\\')) < end && *p != '"') {
        escape = CP_ESC_LOGFMT;
        p += 2;
    }
    if (p >= end)
        return NULL;
    *value = cp_text(start, (size_t)(p - start));
    value->esc = escape;
    return p + 1;
}

/* Reads the value at p, behind the `=`. Returns what is behind it, or NULL and why. */
static inline const char *take_value(const char *p, const char *end, uint8_t flags, struct cp_value *value,
                                     const char **why)
{
    if (p < end && *p == '"') {
        p = take_quoted(p + 1, end, value);
        *why = p == NULL ? no_quote : text_behind;
        return p == end || (p != NULL && is_blank(*p)) ? p : NULL;
    }
    const char *start = p;
    p = any2(p, end, ' ', '\t');
    *value = cp_text(start, (size_t)(p - start));
    value->flags = flags;
    return p;
}

static inline const char *pass_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* ---- Decoding ---- */

static void add_want(struct logfmt *l, struct cp_slice key, int slot)
{
    for (size_t k = 0; k < l->n; k++) {
        if (cp_slice_equal(l->keys[k], key)) {
            l->copies[l->n_copies++] = (struct cp_field_want){(uint32_t)l->slots[k], slot};
            return;
        }
    }
    l->keys[l->n] = key;
    l->slots[l->n++] = slot;
}

static int logfmt_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap, struct cp_err *err)
{
    struct logfmt *l = decoder;

    (void)err;
    l->flags = cp_types_flags(l->types);
    l->keys = cp_heap_take(heap, wants->n * sizeof(*l->keys));
    l->slots = cp_heap_take(heap, wants->n * sizeof(*l->slots));
    l->copies = cp_heap_take(heap, wants->n * sizeof(*l->copies));
    l->missing = cp_heap_take(heap, wants->n * sizeof(*l->missing));
    for (size_t k = 0; k < wants->n; k++) {
        struct cp_slice key;
        if (cp_path_key(wants->v[k].path, &key))
            add_want(l, key, wants->v[k].slot);
        else
            l->missing[l->n_missing++] = wants->v[k].slot;
    }
    return 0;
}

static int find_want(const struct logfmt *l, const char *key, size_t n)
{
    for (size_t k = 0; k < l->n; k++)
        if (l->keys[k].n == n && memcmp(l->keys[k].p, key, n) == 0)
            return (int)k;
    return -1;
}

static void learn(struct guess *g, const char *key, size_t n, int want)
{
    *g = (struct guess){.want = want};
    if (n + 1 > GUESS_SIZE)
        return;
    memcpy(g->key, key, n + 1);
    memset(g->mask, 0xFF, n + 1);
    g->len = (uint32_t)n + 1;
}

static inline bool is_right(const struct guess *g, const char *p)
{
#ifdef __SSE2__
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)g->mask);
    __m128i key = _mm_loadu_si128((const __m128i *)(const void *)g->key);

    return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(x, mask), key)) == 0xFFFF && g->len != 0;
#else
    return g->len != 0 && memcmp(p, g->key, g->len) == 0;
#endif
}

/* Fills all columns with "missing"; what is there is written over it. */
static inline void clear_row(const struct logfmt *l, const struct cp_row *row)
{
    for (size_t k = 0; k < l->n; k++)
        row->col[l->slots[k]][row->i] = (struct cp_value){.kind = CP_MISSING};
}

/* Columns that were asked for twice, and those that no record has. */
static inline void finish_row(const struct logfmt *l, const struct cp_row *row)
{
    for (size_t k = 0; k < l->n_copies; k++)
        row->col[l->copies[k].slot][row->i] = row->col[l->copies[k].field][row->i];
    for (size_t k = 0; k < l->n_missing; k++)
        row->col[l->missing[k]][row->i] = (struct cp_value){.kind = CP_MISSING};
}

/* Reads the key at p, which was not the one guessed. Returns what is behind it and its `=`; *bare: there is none. */
static const char *take_key(struct logfmt *l, struct guess *g, const char *p, const char *end, int *want, bool *bare)
{
    const char *stop = any3(p, end, '=', ' ', '\t');
    size_t n = (size_t)(stop - p);

    *want = find_want(l, p, n);
    *bare = stop == end || *stop != '=';
    if (*bare)
        return stop;
    if (g != NULL)
        learn(g, p, n, *want);
    return stop + 1;
}

static const char *logfmt_decode(void *decoder, const char *p, size_t n, const struct cp_row *row, size_t *at)
{
    struct logfmt *l = decoder;
    const char *start = p, *end = p + n, *why;
    struct guess *g = l->guess, *last = l->guess + GUESSES;

    clear_row(l, row);
    for (p = pass_blanks(p, end); p < end; p = pass_blanks(p, end), g++) {
        struct cp_value value = {.kind = CP_TRUE};
        const char *pair = p;
        bool bare = false;
        int want;

        if (g < last && is_right(g, p) && g->len <= (size_t)(end - p)) {
            want = g->want;
            p += g->len;
        } else {
            if (*p == '=')
                return cp_refuse(at, (size_t)(p - start), no_key);
            p = take_key(l, g < last ? g : NULL, p, end, &want, &bare);
        }
        if (!bare)
            p = take_value(p, end, l->flags, &value, &why);
        if (p == NULL)
            return cp_refuse(at, (size_t)(pair - start), why);
        if (want >= 0)
            row->col[l->slots[want]][row->i] = value;
    }
    finish_row(l, row);
    return NULL;
}

/* ---- Walking ---- */

/* Notes the next member from p on. Returns what is behind it, or NULL at the end. */
static const char *mark_member(const char *start, const char *p, const char *end, struct cp_walk_mark *m)
{
    struct cp_value value;
    const char *why;

    p = pass_blanks(p, end);
    if (p >= end)
        return NULL;
    m->key_at = (uint32_t)(p - start);
    p = any3(p, end, '=', ' ', '\t');
    m->key_len = (uint32_t)(p - start) - m->key_at;
    if (p < end && *p == '=')
        p = take_value(p + 1, end, 0, &value, &why);
    m->value_end = (uint32_t)(p - start);
    return p;
}

/* Reads all members; memory is taken when there are more than w has room for. */
static void mark_all(struct cp_walk *w)
{
    size_t cap = CP_WALK_MARKS;
    const char *p = w->p;

    w->marks = w->mark;
    w->n_marks = 0;
    for (;;) {
        if (w->n_marks == cap) {
            struct cp_walk_mark *more = cp_xrealloc(w->marks == w->mark ? NULL : w->marks, 2 * cap, sizeof(*more));
            if (w->marks == w->mark)
                memcpy(more, w->mark, sizeof(w->mark));
            w->marks = more;
            cap *= 2;
        }
        p = mark_member(w->p, p, w->end, &w->marks[w->n_marks]);
        if (p == NULL)
            return;
        w->marks[w->n_marks].value_of = (uint32_t)w->n_marks;
        w->n_marks++;
    }
}

static uint32_t hash_key(const char *p, size_t n)
{
    uint64_t h = n * UINT64_C(0x9E3779B97F4A7C15), x;

    for (; n > 8; p += 8, n -= 8) {
        memcpy(&x, p, 8);
        h = (h ^ x) * UINT64_C(0x9FB21C651E98DF25);
        h ^= h >> 32;
    }
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    x = n == 0 ? 0 : x << (64 - 8 * n);
#else
    x = n == 0 ? 0 : x >> (64 - 8 * n);
#endif
    h = (h ^ x) * UINT64_C(0x9FB21C651E98DF25);
    return (uint32_t)(h >> 32);
}

static const uint32_t HIDDEN = UINT32_MAX; /* value_of: shown earlier */

/* Member k comes again: an earlier one takes its value. */
static void hide_member(struct cp_walk *w, size_t first, size_t k)
{
    w->marks[first].value_of = (uint32_t)k;
    w->marks[k].value_of = HIDDEN;
}

/* Finds keys that come again. table: size entries, a power of 2 above the number of members, all zero. */
static void find_repeated(struct cp_walk *w, uint32_t *table, size_t size)
{
    for (size_t k = 0; k < w->n_marks; k++) {
        const struct cp_walk_mark *m = &w->marks[k];
        const char *key = w->p + m->key_at;
        size_t at = hash_key(key, m->key_len) & (size - 1);

        for (; table[at] != 0; at = (at + 1) & (size - 1)) {
            const struct cp_walk_mark *other = &w->marks[table[at] - 1];
            if (other->key_len == m->key_len && memcmp(w->p + other->key_at, key, m->key_len) == 0)
                break;
        }
        if (table[at] != 0)
            hide_member(w, table[at] - 1, k);
        else
            table[at] = (uint32_t)k + 1;
    }
}

static void logfmt_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                        struct cp_walk *w)
{
    const struct logfmt *l = decoder;
    uint32_t few[64] = {0};
    size_t size = 64;

    w->p = p;
    w->end = p + n;
    w->decoder = decoder;
    w->input = input;
    w->index = 0;
    w->state = l == NULL ? CP_UNTYPED : l->flags;
    w->key_escape = CP_PLAIN;
    mark_all(w);
    if (w->n_marks <= CP_WALK_MARKS) {
        find_repeated(w, few, size);
        return;
    }
    while (size < 2 * w->n_marks)
        size *= 2;
    uint32_t *many = cp_xcalloc(size, sizeof(*many));
    find_repeated(w, many, size);
    free(many);
}

/* The value of a member, of which is known that it is right. */
static struct cp_value marked_value(const struct cp_walk *w, const struct cp_walk_mark *m)
{
    const char *p = w->p + m->key_at + m->key_len, *end = w->p + m->value_end;
    struct cp_value value;

    if (p == end)
        return cp_bool(true);
    p++;
    if (p < end && *p == '"') {
        value = cp_text(p + 1, (size_t)(end - p - 2));
        value.esc = any2(p + 1, end, '\\', '\\') < end ? CP_ESC_LOGFMT : CP_PLAIN;
        return value;
    }
    value = cp_text(p, (size_t)(end - p));
    value.flags = (uint8_t)w->state;
    return value;
}

static bool logfmt_next(struct cp_walk *w)
{
    while (w->index < w->n_marks && w->marks[w->index].value_of == HIDDEN)
        w->index++;
    if (w->index == w->n_marks) {
        if (w->marks != w->mark)
            free(w->marks);
        w->marks = w->mark;
        w->index = w->n_marks = 0;
        return false;
    }
    const struct cp_walk_mark *m = &w->marks[w->marks[w->index++].value_of];
    w->key = (struct cp_slice){w->p + m->key_at, m->key_len};
    w->value = marked_value(w, m);
    w->key_at = w->p + m->key_at;
    w->value_end = w->p + m->value_end;
    w->value_at = w->key_at + m->key_len + (w->value_end > w->key_at + m->key_len);
    return true;
}

/* ---- Probes ---- */

static bool logfmt_can_probe(const void *decoder, const struct cp_need *need)
{
    struct cp_slice key;

    (void)decoder;
    return cp_path_key(need->path, &key) && key.n > 0;
}

static size_t logfmt_probe(const void *decoder, const struct cp_need *need, const struct cp_batch *b,
                           const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_slice key;

    (void)decoder;
    if (need->kind == CP_NEED_LITERAL)
        return cp_probe_escaped(b, sel, n, need->literal, keep);
    cp_path_key(need->path, &key);
    return cp_probe_number(b, sel, n, key, '=', " \t\r\n", cp_probe_range(need), keep);
}
