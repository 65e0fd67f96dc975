/* rejects.c: records that failed, as lines of JSON. */
#include "rejects.h"

#include <stdlib.h>

#include "../base/alloc.h"
#include "../base/base64.h"
#include "../base/number.h"
#include "../base/scan.h"
#include "../data/text.h"
#include "json.h"

extern const struct cp_format cp_format_json;

/* ---- Writing ---- */

struct cp_reject cp_reject_of(const struct cp_batch *b, uint32_t i, uint64_t line)
{
    const struct cp_input *in = cp_batch_input(b, i);

    if (!b->block || !in)
        return (struct cp_reject){0};
    struct cp_slice raw = cp_batch_raw(b, i), header = in->header_line;
    return (struct cp_reject){
        .file = cp_slice_of(in->name),
        .line = line,
        .offset = cp_batch_offset(b, i),
        .header = header,
        .raw = raw,
        .has_crlf = cp_record_own(b, i).n > raw.n,
    };
}

static void put_key(struct cp_out *out, const char *key)
{
    cp_out_byte(out, ',');
    cp_json_put_key(out, cp_slice_of(key), CP_PLAIN);
    cp_out_byte(out, ':');
}

static void put_number(struct cp_out *out, const char *key, uint64_t n)
{
    char text[CP_NUM_MAX];

    put_key(out, key);
    cp_out_put(out, text, cp_num_format_int(text, (int64_t)n));
}

/* Nothing need be readable behind these. */
static void put_name(struct cp_out *out, struct cp_slice s)
{
    cp_json_put_key(out, s, CP_PLAIN);
}

/* A JSON text can stand for these bytes, and is not much longer. */
static bool is_text(struct cp_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 && !memchr("\t\n\r", s.p[i], 3))
            return false;
    return cp_utf8_valid_prefix(s.p, s.n) == s.n;
}

static void put_base64(struct cp_out *out, struct cp_slice s)
{
    enum { STEP = 3 * 1024 };

    cp_out_byte(out, '"');
    for (size_t i = 0; i < s.n; i += STEP) {
        size_t n = s.n - i < STEP ? s.n - i : STEP;
        cp_base64_encode(s.p + i, n, cp_out_room(out, cp_base64_length(n)));
        out->p += cp_base64_length(n);
    }
    cp_out_byte(out, '"');
}

/* Any bytes. */
static void put_bytes(struct cp_out *out, const char *key, const char *key_base64,
                      struct cp_slice s)
{
    if (is_text(s)) {
        put_key(out, key);
        cp_json_put_text(out, s.p, s.n);
    } else {
        put_key(out, key_base64);
        put_base64(out, s);
    }
}

static void put_cause(struct cp_out *out, const struct cp_reject *r)
{
    put_key(out, "stage");
    put_name(out, r->stage);
    put_key(out, "reason");
    put_name(out, r->reason);
}

void cp_reject_put(struct cp_out *out, const struct cp_reject *r)
{
    cp_out_put(out, "{\"file\":", 8);
    put_name(out, r->file);
    put_number(out, "line", r->line);
    put_number(out, "offset", r->offset);
    put_cause(out, r);
    if (r->header.p)
        put_bytes(out, "header", "header_b64", r->header);
    if (r->has_crlf) {
        put_key(out, "crlf");
        cp_out_put(out, "true", 4);
    }
    if (r->raw.p)
        put_bytes(out, "raw", "raw_b64", r->raw);
    cp_out_put(out, "}\n", 2);
}

void cp_reject_put_made(struct cp_out *out, const struct cp_reject *r, void *json,
                        const struct cp_batch *b, uint16_t i)
{
    size_t done;

    cp_out_put(out, "{\"stage\":", 9);
    put_name(out, r->stage);
    put_key(out, "reason");
    put_name(out, r->reason);
    put_key(out, "record");
    cp_format_json.encode(json, b, &i, 1, out, &done);
    if (out->p > out->base && out->p[-1] == '\n')
        out->p--;
    cp_out_put(out, "}\n", 2);
}

/* ---- Reading ---- */

/* No text is longer than what it is read from: the room for a line is enough for all of it. */
static void make_room(struct cp_reject_reader *reader, size_t line)
{
    size_t need = line + 16 * CP_PAD;

    reader->used = 0;
    if (reader->size >= need)
        return;
    free(reader->room);
    reader->size = 2 * need;
    reader->room = cp_xcalloc(1, reader->size);
}

static struct cp_slice keep(struct cp_reject_reader *reader, char *p, size_t n)
{
    p[n] = '\0';
    reader->used += n + CP_PAD;
    return (struct cp_slice){p, n};
}

static bool read_text(struct cp_reject_reader *reader, const struct cp_value *v,
                      struct cp_slice *text)
{
    char *p = reader->room + reader->used;

    if (v->kind != CP_TEXT)
        return false;
    *text = keep(reader, p, cp_text_decode((enum cp_escape)v->esc, v->p, v->len, p));
    return true;
}

static bool read_base64(struct cp_reject_reader *reader, const struct cp_value *v,
                        struct cp_slice *text)
{
    char *p = reader->room + reader->used;
    size_t n;

    if (v->kind != CP_TEXT || !cp_base64_decode(v->p, v->len, p, &n))
        return false;
    *text = keep(reader, p, n);
    return true;
}

static bool read_number(const struct cp_value *v, uint64_t *n)
{
    return v->kind == CP_NUMBER && v->len <= 18 && cp_digits_parse(v->p, v->len, n);
}

/* False: the value is none of ours. */
static bool read_member(struct cp_reject_reader *reader, const struct cp_json_iter *it,
                        struct cp_reject *r)
{
    const struct cp_value *v = &it->value;

    if (cp_slice_is(it->key, "file"))
        return !r->file.p && read_text(reader, v, &r->file);
    if (cp_slice_is(it->key, "line"))
        return read_number(v, &r->line);
    if (cp_slice_is(it->key, "offset"))
        return read_number(v, &r->offset);
    if (cp_slice_is(it->key, "header"))
        return !r->header.p && read_text(reader, v, &r->header);
    if (cp_slice_is(it->key, "header_b64"))
        return !r->header.p && read_base64(reader, v, &r->header);
    if (cp_slice_is(it->key, "raw"))
        return !r->raw.p && read_text(reader, v, &r->raw);
    if (cp_slice_is(it->key, "raw_b64"))
        return !r->raw.p && read_base64(reader, v, &r->raw);
    if (cp_slice_is(it->key, "crlf"))
        r->has_crlf = v->kind == CP_TRUE;
    return true;
}

const char *cp_reject_read(struct cp_reject_reader *reader, const char *p, size_t n,
                           struct cp_reject *r)
{
    static const char wrong[] = "not a line of a rejects file";
    struct cp_json_iter it;
    struct cp_value v;
    size_t at;
    bool is_made = false;

    *r = (struct cp_reject){0};
    if (cp_json_value(p, n, &v, &at) || v.kind != CP_OBJECT)
        return wrong;
    make_room(reader, n);
    cp_json_iter_init(&it, &v);
    while (cp_json_iter_next(&it)) {
        if (!read_member(reader, &it, r))
            return wrong;
        is_made |= cp_slice_is(it.key, "record");
    }
    if (is_made)
        return "a record that a stage made cannot be tried again";
    if (!r->file.p)
        return wrong;
    return r->raw.p ? NULL : "the bytes of this record are not in the rejects file";
}

void cp_reject_reader_release(struct cp_reject_reader *reader)
{
    free(reader->room);
    *reader = (struct cp_reject_reader){0};
}
