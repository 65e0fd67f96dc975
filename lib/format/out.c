/* out.c: the slow paths of out.h. */
#include "out.h"

#include <assert.h>

void cp_out_init(struct cp_out *o, char *buffer, size_t size,
                 int (*write)(void *, const char *, size_t), void *ctx)
{
    assert(size > CP_PAD);
    *o = (struct cp_out){
        .p = buffer, .base = buffer, .end = buffer + size - CP_PAD, .write = write, .ctx = ctx};
}

/* Gives bytes away; swallows them after an error. */
static void hand_over(struct cp_out *o, const char *p, size_t n)
{
    if (n == 0 || o->failed)
        return;
    o->failed = o->write(o->ctx, p, n) != 0;
    if (!o->failed)
        o->bytes += n;
}

int cp_out_flush(struct cp_out *o)
{
    hand_over(o, o->base, (size_t)(o->p - o->base));
    o->p = o->base;
    return o->failed ? -1 : 0;
}

void cp_out_make_room(struct cp_out *o)
{
    size_t n = (size_t)(o->p - o->base), size = (size_t)(o->end - o->base);

    if (!o->give || o->failed) {
        cp_out_flush(o);
        return;
    }
    o->p = o->base = o->give(o->ctx, o->base, n, &o->failed);
    o->end = o->base + size;
    o->bytes += o->failed ? 0 : n;
}

void cp_out_put_far(struct cp_out *o, const char *p, size_t n)
{
    cp_out_flush(o);
    if (n > (size_t)(o->end - o->base)) {
        hand_over(o, p, n);
        return;
    }
    memcpy(o->p, p, n);
    o->p += n;
}
