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

/* Empties the buffer, or gets another one. */
static int give_away(struct cp_out *o, enum cp_out_why why)
{
    size_t n = (size_t)(o->p - o->base), size = (size_t)(o->end - o->base);

    if (!o->give)
        hand_over(o, o->base, n);
    else if (!o->failed) {
        o->base = o->give(o->ctx, o->base, n, why, &o->failed);
        o->end = o->base + size;
        o->bytes += o->failed ? 0 : n;
    }
    o->p = o->base;
    return o->failed ? -1 : 0;
}

int cp_out_flush(struct cp_out *o)
{
    return give_away(o, CP_OUT_FLUSHES);
}

int cp_out_end(struct cp_out *o)
{
    return give_away(o, CP_OUT_ENDS);
}

void cp_out_make_room(struct cp_out *o)
{
    give_away(o, CP_OUT_IS_FULL);
}

void cp_out_put_far(struct cp_out *o, const char *p, size_t n)
{
    size_t room;

    while (n > (room = (size_t)(o->end - o->p))) {
        if (!o->give && o->p == o->base) {
            hand_over(o, p, n);
            return;
        }
        size_t k = o->give ? room : 0;
        memcpy(o->p, p, k);
        o->p += k;
        p += k;
        n -= k;
        cp_out_make_room(o);
    }
    memcpy(o->p, p, n);
    o->p += n;
}
