/* out.h: bytes on their way out: a buffer that is given to a write function when it is full or
 * flushed, or exchanged for another one.
 *
 * Not thread safe; belongs to one sink. After the first error everything is swallowed and the error
 * stays. Behind the buffer lie CP_PAD bytes that may be scribbled on, so that encoders may copy
 * with wide stores.
 */
#ifndef CP_FORMAT_OUT_H
#define CP_FORMAT_OUT_H

#include "../base/slice.h"
#include "../data/value.h"

/* Why a buffer is given away. */
enum cp_out_why {
    CP_OUT_IS_FULL, /* it may be in the midst of a record */
    CP_OUT_FLUSHES, /* cp_out_flush: what has been given before shall leave, too */
    CP_OUT_ENDS,    /* cp_out_end: a portion of records is complete */
};

struct cp_out {
    char *p;   /* where the next byte goes */
    char *end; /* of the buffer */
    char *base;
    int (*write)(void *ctx, const char *p, size_t n); /* all of it; 0 or -1 */
    void *ctx;
    /* Instead of write, or NULL. Takes the buffer with its n bytes and returns the next one, of the
     * same size; *failed when it, or one before, could not be written. */
    char *(*give)(void *ctx, char *buffer, size_t n, enum cp_out_why why, bool *failed);
    bool failed;
    uint64_t bytes;  /* handed over */
    size_t bad_utf8; /* bytes replaced by U+FFFD */
};

enum { CP_OUT_SIZE = 256 * 1024, CP_OUT_ROOM = 64 * 1024 };

/* buffer: the caller's, `size` bytes, of which the last CP_PAD are never handed over; size >
 * CP_PAD. write gets all bytes of a call or fails. cp_out_room needs n <= size - CP_PAD:
 * CP_OUT_ROOM for a buffer of CP_OUT_SIZE. write may be NULL where give is set. */
void cp_out_init(struct cp_out *o, char *buffer, size_t size,
                 int (*write)(void *, const char *, size_t), void *ctx);
/* Hands the buffer over. 0, or -1 when this or an earlier write failed. */
int cp_out_flush(struct cp_out *o);
/* The same with CP_OUT_ENDS: also without any bytes. */
int cp_out_end(struct cp_out *o);

/* Slow paths, called by the inline functions below. */
void cp_out_make_room(struct cp_out *o);
void cp_out_put_far(struct cp_out *o, const char *p, size_t n);

/* Room for n bytes at o->p, and CP_PAD more to scribble on; n <= CP_OUT_ROOM. The caller advances
 * o->p. */
static inline char *cp_out_room(struct cp_out *o, size_t n)
{
    if (__builtin_expect((size_t)(o->end - o->p) < n, 0))
        cp_out_make_room(o);
    return o->p;
}

static inline void cp_out_byte(struct cp_out *o, char c)
{
    *cp_out_room(o, 1) = c;
    o->p++;
}

/* Any length. */
static inline void cp_out_put(struct cp_out *o, const char *p, size_t n)
{
    if (__builtin_expect(n > (size_t)(o->end - o->p), 0)) {
        cp_out_put_far(o, p, n);
        return;
    }
    memcpy(o->p, p, n);
    o->p += n;
}

static inline void cp_out_puts(struct cp_out *o, struct cp_slice s)
{
    cp_out_put(o, s.p, s.n);
}

#endif
