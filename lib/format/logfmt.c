/* logfmt.c: key=value pairs between blanks (semantics 39, 54).
 *
 * DESIGN. Programs write the same keys in the same order, so decode guesses that pair k has the key
 * that pair k of the record before had: one comparison of 32 bytes replaces the search for `=` and
 * the look-up among the wants. A wrong guess costs a search and corrects itself. An index of all
 * `=` and blanks of the line was rejected: values hold them too.
 *
 * Decode goes over all bytes, so it leaves the marks of the members for a writer as well: looking
 * for them again took as long as decode itself. A record in which a key comes again is left to
 * walk. Whether one does is not looked for while all keys are the guessed ones and those were found
 * to be different before.
 *
 * walk reads a record once, in full, and notes where its members are: only then is it known which
 * of them come again later, with a value that counts instead.
 */
#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/scan.h"
#include "bits.h"
#include "detect.h"
#include "fields.h"
#include "members.h"
#include "probe.h"

enum { GUESSES = 64, GUESS_SIZE = 32 };

/* What pair k of the record before was. */
struct guess {
    char key[GUESS_SIZE]; /* with its `=`; blanks: nothing can be guessed, no key is like that */
    uint32_t mask;        /* a bit for each byte of it that counts */
    uint32_t len;
    int want; /* index of the key, or -1 */
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
    size_t n_distinct; /* the keys of guess[0..n_distinct) are known and no two are the same */
    struct guess guess[GUESSES + 1]; /* the last stands for all further pairs and is never right */
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

#ifdef __SSE2__
/* Which of the 32 bytes at p are a or b. */
static inline uint32_t bits_of(const char *p, char a, char b)
{
    const __m128i *v = (const __m128i *)(const void *)p;
    __m128i x = _mm_set1_epi8(a), y = _mm_set1_epi8(b), low = _mm_loadu_si128(v),
            high = _mm_loadu_si128(v + 1);

    low = _mm_or_si128(_mm_cmpeq_epi8(low, x), _mm_cmpeq_epi8(low, y));
    high = _mm_or_si128(_mm_cmpeq_epi8(high, x), _mm_cmpeq_epi8(high, y));
    return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
}
#else
static inline uint32_t bits_of(const char *p, char a, char b)
{
    uint32_t bits = 0;

    for (int k = 0; k < 32; k++)
        bits |= (uint32_t)(p[k] == a || p[k] == b) << k;
    return bits;
}
#endif

/* The first a or b, or end. Most values are short: no call for those of up to 32 bytes. */
static inline const char *any2(const char *p, const char *end, char a, char b)
{
    uint32_t bits = bits_of(p, a, b);
    const char *hit = p + (bits != 0 ? __builtin_ctz(bits) : 32);

    if (__builtin_expect(bits == 0 && hit < end, 0))
        return (const char *)cp_scan_any2_far((const uint8_t *)hit, (const uint8_t *)end,
                                              (uint8_t)a, (uint8_t)b);
    return hit < end ? hit : end;
}

static const char *any3(const char *p, const char *end, char a, char b, char c)
{
    return (const char *)cp_scan_any3((const uint8_t *)p, (const uint8_t *)end, (uint8_t)a,
                                      (uint8_t)b, (uint8_t)c);
}

/* Reads the value between quotes that starts at p, behind the opening one. Returns what is behind
 * the closing one, or NULL. */
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
static inline const char *take_value(const char *p, const char *end, uint8_t flags,
                                     struct cp_value *value, const char **why)
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

static void forget_guesses(struct logfmt *l)
{
    l->n_distinct = 0;
    for (size_t k = 0; k <= GUESSES; k++) {
        l->guess[k] = (struct guess){.mask = UINT32_MAX, .len = GUESS_SIZE};
        memset(l->guess[k].key, ' ', GUESS_SIZE);
    }
}

static int logfmt_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                       struct cp_err *err)
{
    struct logfmt *l = decoder;

    (void)err;
    l->flags = cp_types_flags(l->types);
    l->keys = cp_heap_take(heap, wants->n * sizeof(*l->keys));
    l->slots = cp_heap_take(heap, wants->n * sizeof(*l->slots));
    l->copies = cp_heap_take(heap, wants->n * sizeof(*l->copies));
    l->missing = cp_heap_take(heap, wants->n * sizeof(*l->missing));
    forget_guesses(l);
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

/* The pair will have this key again. False: it is too long, or there are too many pairs. */
static bool learn(struct logfmt *l, struct guess *g, const char *key, size_t n, int want)
{
    size_t k = (size_t)(g - l->guess);

    if (k == GUESSES || n + 1 > GUESS_SIZE)
        return false;
    g->want = want;
    g->len = (uint32_t)n + 1;
    g->mask = UINT32_MAX >> (GUESS_SIZE - g->len);
    memcpy(g->key, key, g->len);
    if (l->n_distinct > k)
        l->n_distinct = k;
    return true;
}

static inline bool is_right(const struct guess *g, const char *p)
{
#ifdef __SSE2__
    const __m128i *v = (const __m128i *)(const void *)p, *key = (const void *)g->key;
    __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(v), _mm_loadu_si128(key));
    __m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(v + 1), _mm_loadu_si128(key + 1));
    uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;

    return (~same & g->mask) == 0;
#else
    return memcmp(p, g->key, g->len) == 0;
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

/* One pair, as it is read. */
struct pair {
    const char *key;
    size_t key_len;
    int want;
    bool is_guessed; /* or will be the next time */
    struct cp_value value;
};

/* Reads the key of a pair, which was not the one guessed. Returns what is behind it and its `=`;
 * *is_bare: there is none. */
static const char *take_key(struct logfmt *l, struct guess *g, struct pair *pair, const char *end,
                            bool *is_bare)
{
    const char *stop = any3(pair->key, end, '=', ' ', '\t');

    pair->key_len = (size_t)(stop - pair->key);
    pair->want = find_want(l, pair->key, pair->key_len);
    *is_bare = stop == end || *stop != '=';
    pair->is_guessed = !*is_bare && learn(l, g, pair->key, pair->key_len, pair->want);
    return stop + !*is_bare;
}

/* Reads the pair at p. Returns what is behind it, or NULL and why. */
static inline const char *take_pair(struct logfmt *l, struct guess *g, const char *p,
                                    const char *end, struct pair *pair, const char **why)
{
    bool is_bare = false;

    pair->key = p;
    if (__builtin_expect(is_right(g, p) && g->len <= (size_t)(end - p), 1)) {
        pair->key_len = g->len - 1;
        pair->want = g->want;
        pair->is_guessed = true;
        return take_value(p + g->len, end, l->flags, &pair->value, why);
    }
    *why = no_key;
    if (*p == '=')
        return NULL;
    p = take_key(l, g, pair, end, &is_bare);
    pair->value = cp_span(CP_TRUE, p, 0);
    return is_bare ? p : take_value(p, end, l->flags, &pair->value, why);
}

static inline struct cp_mark mark_of(const struct pair *pair, const char *start)
{
    return (struct cp_mark){
        .key_at = (uint16_t)(pair->key - start),
        .key_len = (uint16_t)pair->key_len,
        .value_at = (uint16_t)(pair->value.p - start),
        .value_len = (uint16_t)pair->value.len,
        .kind = pair->value.kind,
        .flags = pair->value.flags,
        .esc = pair->value.esc,
    };
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

/* Whether a member before k has the same key. */
static bool is_repeated(const char *p, const struct cp_mark *marks, size_t k)
{
    const struct cp_mark *m = &marks[k];

    for (size_t j = 0; j < k; j++)
        if (marks[j].key_len == m->key_len &&
            memcmp(p + marks[j].key_at, p + m->key_at, m->key_len) == 0)
            return true;
    return false;
}

/* Whether a key comes again: looked for only when its bit has been set before. 256 bits are enough
 * for most records. */
static bool has_repeated(const char *p, const struct cp_marks *marks)
{
    uint64_t seen[4] = {0};

    for (size_t k = 0; k < marks->n; k++) {
        uint32_t h = hash_key(p + marks->v[k].key_at, marks->v[k].key_len);
        uint64_t *word = &seen[h >> 6 & 3], bit = UINT64_C(1) << (h & 63);
        if (*word & bit && is_repeated(p, marks->v, k))
            return true;
        *word |= bit;
    }
    return false;
}

/* n pairs were read. Marks do not say which value a repeated key has: then there are none. */
static inline void finish_marks(struct logfmt *l, struct cp_marks *marks, const char *p, size_t n,
                                bool is_guessed)
{
    marks->n = n;
    if (n > marks->max || (is_guessed && n <= l->n_distinct))
        return;
    if (has_repeated(p, marks))
        marks->n = SIZE_MAX;
    else if (is_guessed)
        l->n_distinct = n;
}

static const char *logfmt_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                 size_t *at)
{
    struct logfmt *l = decoder;
    struct cp_marks none = {0}, *marks = row->marks != NULL ? row->marks : &none;
    const char *start = p, *end = p + n, *why = NULL;
    struct guess *g = l->guess, *last = l->guess + GUESSES;
    bool is_guessed = true;
    size_t k = 0;

    clear_row(l, row);
    for (p = pass_blanks(p, end); p < end; p = pass_blanks(p, end), k++, g += g < last) {
        const char *pair_at = p;
        struct pair pair;
        p = take_pair(l, g, p, end, &pair, &why);
        if (p == NULL)
            return cp_refuse(at, (size_t)(pair_at - start), why);
        is_guessed &= pair.is_guessed;
        if (pair.want >= 0)
            row->col[l->slots[pair.want]][row->i] = pair.value;
        if (k < marks->max)
            marks->v[k] = mark_of(&pair, start);
    }
    finish_row(l, row);
    finish_marks(l, marks, start, k, is_guessed);
    return NULL;
}

/* ---- Walking ---- */

/* The blanks and `=` of the 64 bytes at base: a record is looked at once, not once for each key and
 * value. */
struct signs {
    const char *base, *end;
    uint64_t blanks, equals;
};

static void signs_look(struct signs *s, const char *at)
{
    cp_bytes64 block = cp_bytes64_load((const uint8_t *)at);
    uint64_t inside = cp_bits_below((size_t)(s->end - at));

    s->base = at;
    s->blanks = cp_bits_equal2(&block, ' ', '\t') & inside;
    s->equals = cp_bits_equal(&block, '=') & inside;
}

/* The next blank from p on, or with equals != 0 also the next `=`; end when there is none. p < end
 * never goes back. */
static inline const char *signs_next(struct signs *s, const char *p, uint64_t equals)
{
    for (;; p = s->base + 64) {
        if (p >= s->end)
            return s->end;
        if (p - s->base >= 64)
            signs_look(s, p);
        uint64_t bits = (s->blanks | (s->equals & equals)) & ~cp_bits_below((size_t)(p - s->base));
        if (bits != 0)
            return s->base + __builtin_ctzll(bits);
    }
}

static struct signs signs_of(const char *p, const char *end)
{
    struct signs s = {.end = end};

    signs_look(&s, p);
    return s;
}

/* Notes the next member from p on, of which is known that it is right. Returns what is behind it,
 * or NULL at the end. */
static inline const char *mark_member(struct signs *s, const char *start, const char *p,
                                      struct cp_walk_mark *m)
{
    struct cp_value value;

    p = pass_blanks(p, s->end);
    if (p >= s->end)
        return NULL;
    m->key_at = (uint32_t)(p - start);
    p = signs_next(s, p, ~UINT64_C(0));
    m->key_len = (uint32_t)(p - start) - m->key_at;
    if (p < s->end && *p == '=') {
        p++;
        p = p < s->end && *p == '"' ? take_quoted(p + 1, s->end, &value) : signs_next(s, p, 0);
    }
    m->value_end = (uint32_t)(p - start);
    return p;
}

/* Reads all members; memory is taken when there are more than w has room for. */
static void mark_all(struct cp_walk *w)
{
    struct signs signs = signs_of(w->p, w->end);
    size_t cap = CP_WALK_MARKS;
    const char *p = w->p;

    w->marks = w->mark;
    w->n_marks = 0;
    for (;;) {
        if (w->n_marks == cap) {
            struct cp_walk_mark *more =
                cp_xrealloc(w->marks == w->mark ? NULL : w->marks, 2 * cap, sizeof(*more));
            if (w->marks == w->mark)
                memcpy(more, w->mark, sizeof(w->mark));
            w->marks = more;
            cap *= 2;
        }
        p = mark_member(&signs, w->p, p, &w->marks[w->n_marks]);
        if (p == NULL)
            return;
        w->marks[w->n_marks].value_of = (uint32_t)w->n_marks;
        w->n_marks++;
    }
}

static const uint32_t HIDDEN = UINT32_MAX; /* value_of: shown earlier */

/* Member k comes again: an earlier one takes its value. */
static void hide_member(struct cp_walk *w, size_t first, size_t k)
{
    w->marks[first].value_of = (uint32_t)k;
    w->marks[k].value_of = HIDDEN;
}

/* Finds keys that come again. table: size entries, a power of 2 above the number of members, all
 * zero. */
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

static void walk_init(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                      struct cp_walk *w)
{
    const struct logfmt *l = decoder;

    w->p = p;
    w->end = p + n;
    w->decoder = decoder;
    w->input = input;
    w->index = 0;
    w->state = l == NULL ? CP_UNTYPED : l->flags;
    w->key_escape = CP_PLAIN;
}

static void logfmt_walk(const void *decoder, const struct cp_input *input, const char *p, size_t n,
                        struct cp_walk *w)
{
    uint32_t few[64] = {0};
    size_t size = 64;

    walk_init(decoder, input, p, n, w);
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
    return true;
}

/* ---- Probes ---- */

static bool logfmt_can_probe(const void *decoder, const struct cp_need *need)
{
    struct cp_slice key;

    (void)decoder;
    return cp_path_key(need->path, &key) && key.n > 0;
}

static size_t logfmt_probe(const void *decoder, const struct cp_need *need,
                           const struct cp_batch *b, const uint16_t *sel, size_t n, uint16_t *keep)
{
    struct cp_slice key;

    (void)decoder;
    if (need->kind == CP_NEED_LITERAL)
        return cp_probe_escaped(b, sel, n, need->literal, keep);
    cp_path_key(need->path, &key);
    return cp_probe_number(b, sel, n, key, '=', " \t\r\n", cp_probe_range(need), keep);
}

/* ---- Encoding ---- */

struct writer {
    struct cp_texts texts;
    bool *met; /* fields of the shape whose key stands in the record that is being edited */
    size_t met_cap;
};

/* Writes a key: bytes that would end it become `_`. */
static void put_key(struct cp_out *out, struct cp_slice key)
{
    if (key.n == 0)
        cp_out_byte(out, '_');
    for (size_t k = 0; k < key.n; k++) {
        unsigned char c = (unsigned char)key.p[k];
        cp_out_byte(out, c <= ' ' || c == '=' || c == '"' ? '_' : (char)c);
    }
}

/* Whether a text must be put in quotes. */
static bool needs_quotes(struct cp_slice s)
{
    for (size_t k = 0; k < s.n; k += 64) {
        cp_bytes64 block = cp_bytes64_load((const uint8_t *)s.p + k);
        uint64_t bits = cp_bits_upto(&block, ' ') | cp_bits_equal2(&block, '"', '=');
        if ((bits & cp_bits_below(s.n - k)) != 0)
            return true;
    }
    return s.n == 0;
}

static void put_escape(struct cp_out *out, unsigned char c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";
    char *p = cp_out_room(out, 6);

    *p++ = '\\';
    if (c >= 0x20) {
        *p++ = (char)c;
    } else if (letters[c] != 0) {
        *p++ = letters[c];
    } else {
        memcpy(p, "u00", 3);
        p[3] = hex[c >> 4];
        p[4] = hex[c & 15];
        p += 5;
    }
    out->p = p;
}

static void put_quoted(struct cp_out *out, struct cp_slice s)
{
    size_t from = 0;

    cp_out_byte(out, '"');
    for (size_t k = 0; k < s.n; k += 64) {
        cp_bytes64 block = cp_bytes64_load((const uint8_t *)s.p + k);
        uint64_t bits = cp_bits_upto(&block, 0x1F) | cp_bits_equal2(&block, '"', '\\');
        for (bits &= cp_bits_below(s.n - k); bits != 0; bits &= bits - 1) {
            size_t at = k + (size_t)__builtin_ctzll(bits);
            cp_out_put(out, s.p + from, at - from);
            put_escape(out, (unsigned char)s.p[at]);
            from = at + 1;
        }
    }
    if (s.n > from)
        cp_out_put(out, s.p + from, s.n - from);
    cp_out_byte(out, '"');
}

/* Writes a value; escapes that logfmt has too stay. */
static void put_value(struct writer *w, struct cp_out *out, const struct cp_value *v)
{
    if (v->kind == CP_TEXT && (v->esc == CP_ESC_JSON || v->esc == CP_ESC_LOGFMT)) {
        cp_out_byte(out, '"');
        cp_out_put(out, v->p, v->len);
        cp_out_byte(out, '"');
        return;
    }
    struct cp_slice s = cp_texts_of(&w->texts, v);
    if (needs_quotes(s))
        put_quoted(out, s);
    else
        cp_out_puts(out, s);
}

/* Writes a blank, unless it is the first, the name and the value. Null is left out, true is a name
 * alone. */
static bool put_pair(struct writer *w, struct cp_out *out, bool is_first, struct cp_slice name,
                     const struct cp_value *v)
{
    if (cp_is_null(v))
        return false;
    if (!is_first)
        cp_out_byte(out, ' ');
    put_key(out, name);
    if (v->kind == CP_TRUE)
        return true;
    cp_out_byte(out, '=');
    put_value(w, out, v);
    return true;
}

/* A record of another format. */
static void put_members(struct writer *w, struct cp_out *out, const struct cp_batch *b, uint32_t i)
{
    struct cp_members m;
    bool is_first = true;

    cp_members_init(&m, b, i);
    while (cp_members_next(&m)) {
        struct cp_slice name = cp_texts_name(&w->texts, m.name, m.name_escape);
        if (put_pair(w, out, is_first, name, &m.value))
            is_first = false;
    }
}

/* ---- Editing ---- */

/* A record of logfmt that is being copied with changes. */
struct edit {
    struct writer *w;
    struct cp_out *out;
    const struct cp_batch *b;
    uint32_t i;
    const char *start, *end;
    bool is_first; /* nothing was written yet */
};

/* No field has been met yet. */
static void forget_met(struct writer *w, size_t n)
{
    if (w->met_cap < n) {
        w->met = cp_xrealloc(w->met, n, sizeof(*w->met));
        w->met_cap = n;
    }
    if (n > 0)
        memset(w->met, 0, n * sizeof(*w->met));
}

/* The last member of the record, from `from` on, that has the key of m: its value counts. */
static struct cp_walk_mark last_of(const struct edit *e, const char *from, struct cp_walk_mark m)
{
    struct signs signs = signs_of(from, e->end);
    struct cp_walk_mark next, last = m;

    while ((from = mark_member(&signs, e->start, from, &next)) != NULL)
        if (next.key_len == m.key_len &&
            memcmp(e->start + next.key_at, e->start + m.key_at, m.key_len) == 0)
            last = next;
    return last;
}

/* Writes the member m, the first of its key, as field f has it. gap: the blanks before it. */
static void put_changed(struct edit *e, const struct cp_shape_field *f, struct cp_slice gap,
                        struct cp_walk_mark m, const char *behind)
{
    if (f->slot >= 0 && cp_is_null(&e->b->col[f->slot][e->i]))
        return;
    if (!e->is_first)
        cp_out_puts(e->out, gap);
    e->is_first = false;
    if (f->slot >= 0) {
        put_pair(e->w, e->out, true, f->name, &e->b->col[f->slot][e->i]);
        return;
    }
    m = last_of(e, behind, m);
    put_key(e->out, f->name);
    cp_out_put(e->out, e->start + m.key_at + m.key_len, m.value_end - m.key_at - m.key_len);
}

static void put_member(struct edit *e, const char *gap, struct cp_walk_mark m, const char *behind)
{
    struct cp_slice key = {e->start + m.key_at, m.key_len};
    struct cp_slice blanks = {gap, (size_t)(key.p - gap)};
    const struct cp_shape_field *f = cp_shape_find_of(e->b->shape, key, CP_PLAIN, e->b, e->i);

    if (f == NULL) {
        if (!e->is_first || gap == e->start)
            cp_out_puts(e->out, blanks);
        cp_out_put(e->out, key.p, (size_t)(behind - key.p));
        e->is_first = false;
    } else if (f->name.p != NULL && !e->w->met[f - e->b->shape->fields]) {
        e->w->met[f - e->b->shape->fields] = true;
        put_changed(e, f, blanks, m, behind);
    }
}

/* Bytes around the changes stay as they are; what goes takes the blanks before it along. */
static void put_edited(struct writer *w, struct cp_out *out, const struct cp_batch *b, uint32_t i)
{
    struct cp_slice raw = cp_batch_raw(b, i), own = cp_record_own(b, i);
    struct edit e = {
        .w = w, .out = out, .b = b, .i = i, .start = raw.p, .end = raw.p + raw.n, .is_first = true};
    struct signs signs = signs_of(raw.p, e.end);
    const char *p = raw.p, *behind;
    struct cp_walk_mark m;

    forget_met(w, b->shape->n);
    for (; (behind = mark_member(&signs, raw.p, p, &m)) != NULL; p = behind)
        put_member(&e, p, m, behind);
    for (size_t k = 0; k < b->shape->n; k++) {
        const struct cp_shape_field *f = &b->shape->fields[k];
        if (f->name.p != NULL && f->slot >= 0 && !w->met[k] &&
            put_pair(w, out, e.is_first, f->name, &b->col[f->slot][i]))
            e.is_first = false;
    }
    cp_out_put(out, p, (size_t)(own.p + own.n - p));
}

extern const struct cp_format cp_format_logfmt;

/* The number of records from sel[0] on that leave as their own bytes. */
static size_t count_own(const struct cp_batch *b, const uint16_t *sel, size_t n)
{
    size_t k = 0;

    while (k < n && cp_record_is_own(b, sel[k], &cp_format_logfmt))
        k++;
    return k;
}

static const char *logfmt_encode(void *encoder, const struct cp_batch *b, const uint16_t *sel,
                                 size_t n, struct cp_out *out, size_t *done)
{
    bool can_edit = b->shape->format == &cp_format_logfmt && b->shape->is_open && b->block != NULL;

    for (size_t k = 0; k < n;) {
        size_t own = count_own(b, sel + k, n - k);
        cp_put_own(out, b, sel + k, own);
        k += own;
        if (k == n)
            break;
        if (can_edit && !cp_record_is_failed(b, sel[k]))
            put_edited(encoder, out, b, sel[k]);
        else
            put_members(encoder, out, b, sel[k]);
        cp_out_byte(out, '\n');
        k++;
    }
    *done = n;
    return NULL;
}

static void logfmt_encode_close(void *encoder)
{
    struct writer *w = encoder;

    cp_texts_release(&w->texts);
    free(w->met);
}

/* ---- The format ---- */

/* A line of nothing but pairs; most of its words must be. */
static bool looks_right(void *ctx, const char *p, size_t n)
{
    const char *end = p + n, *why;
    struct cp_value value;
    size_t words = 0, pairs = 0;

    (void)ctx;
    for (; (p = pass_blanks(p, end)) < end; words++) {
        if (*p == '=' || *p == '"' || *p == '{' || *p == '[' || *p == '<')
            return false;
        p = any3(p, end, '=', ' ', '\t');
        if (p < end && *p == '=') {
            p = take_value(p + 1, end, 0, &value, &why);
            pairs++;
        }
        if (p == NULL)
            return false;
    }
    return pairs >= 2 && pairs * 2 > words;
}

static int logfmt_sniff(const struct cp_format *self, const char *p, size_t n)
{
    (void)self;
    return cp_sniff_lines(p, n, looks_right, NULL);
}

static const struct cp_format_example examples[] = {
    {"level=info msg=\"two words\" took=12 retry", NULL,
     "{\"level\":\"info\",\"msg\":\"two words\",\"took\":12,\"retry\":true}\n"},
    {"a=1 b=2 a=3", NULL, "{\"a\":3,\"b\":2}\n"},
    {"zip=01234 n=7", "types=text", "{\"zip\":\"01234\",\"n\":\"7\"}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_logfmt = {
    .name = "logfmt",
    .summary = "Pairs of key=value between blanks",
    .doc = "Values are bare or in double quotes, there with the escapes of JSON; unknown escapes "
           "stay as they are. A key "
           "without = is true. A bare value may hold = and quotes. Of a repeated key the last "
           "value counts, at the first "
           "place. No closing quote, text behind one, and no key before the = are errors.\n\n"
           "On output a record that no stage changed is written as its own bytes, a changed one "
           "keeps the bytes around "
           "the changes. Null is left out and true is the key alone. Values get quotes when they "
           "are empty or hold "
           "blanks, control bytes, = or quotes; such bytes in keys become _.",
    .examples = examples,
    .flags = CP_FORMAT_OPEN | CP_FORMAT_MARKS,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct logfmt),
    .options = options,
    .open = logfmt_open,
    .decode = logfmt_decode,
    .walk = logfmt_walk,
    .next = logfmt_next,
    .can_probe = logfmt_can_probe,
    .probe = logfmt_probe,
    .sniff = logfmt_sniff,
    .encoder_size = sizeof(struct writer),
    .encode = logfmt_encode,
    .encode_close = logfmt_encode_close,
};
