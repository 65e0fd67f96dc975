/* raw.c: records as they came (semantics 37). */
#include "members.h"

extern const struct cp_format cp_format_json;

struct raw {
    struct cp_texts texts;
    void *json; /* its encoder, for records of parse json */
};

static int raw_encode_open(void *encoder, struct cp_heap *heap, struct cp_err *err)
{
    struct raw *r = encoder;

    r->json = cp_heap_take(heap, cp_format_json.encoder_size);
    return cp_format_json.encode_open == NULL ? 0 : cp_format_json.encode_open(r->json, heap, err);
}

/* A record that was changed or made: its values between tabs. */
static void put_values(struct raw *r, struct cp_out *out, const struct cp_batch *b, uint32_t i)
{
    struct cp_members m;
    bool is_first = true;

    cp_members_init(&m, b, i);
    while (cp_members_next(&m)) {
        if (!is_first)
            cp_out_byte(out, '\t');
        is_first = false;
        cp_out_puts(out, cp_texts_of(&r->texts, &m.value));
    }
    cp_out_byte(out, '\n');
}

static const char *raw_encode(void *encoder, const struct cp_batch *b, const uint16_t *sel,
                              size_t n, struct cp_out *out, size_t *done)
{
    struct raw *r = encoder;

    if (b->shape->is_json)
        return cp_format_json.encode(r->json, b, sel, n, out, done);
    for (size_t k = 0; k < n;) {
        size_t own = k;
        while (own < n && cp_record_is_own(b, sel[own], b->shape->format))
            own++;
        cp_put_own(out, b, sel + k, own - k);
        k = own;
        if (k < n)
            put_values(r, out, b, sel[k++]);
    }
    *done = n;
    return NULL;
}

static void raw_encode_close(void *encoder)
{
    struct raw *r = encoder;

    cp_texts_release(&r->texts);
    if (r->json != NULL && cp_format_json.encode_close != NULL)
        cp_format_json.encode_close(r->json);
}

const struct cp_format cp_format_raw = {
    .name = "raw",
    .summary = "Records as they came",
    .doc = "A record that no stage changed is written as its own line. One that was changed or "
           "made is written as its values "
           "between tabs, null as nothing; a changed record of parse json as JSON.",
    .encoder_size = sizeof(struct raw),
    .encode_open = raw_encode_open,
    .encode = raw_encode,
    .encode_close = raw_encode_close,
};
