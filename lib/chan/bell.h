/*
 * bell.h - a file descriptor that can be made readable, and silent again.
 *
 * Close-on-exec and nonblocking. A timed one becomes readable by itself as well.
 */
#ifndef CHANI_BELL_H
#define CHANI_BELL_H

#include <stdbool.h>
#include <stdint.h>

struct chani_bell {
    int fd;     /* to poll */
    int rope;   /* to write to; the same where the system allows it */
    bool timed; /* constant */
};

/* False with errno set; ENOSYS for a timed one where the system has none. */
bool chani_bell_open(struct chani_bell *bell, bool timed);
void chani_bell_close(struct chani_bell *bell);

/* Makes it readable. Any thread. errno is kept. */
void chani_bell_ring(const struct chani_bell *bell);

/* Makes it silent. errno is kept. */
void chani_bell_hush(const struct chani_bell *bell);

/* Lets a timed one become readable when the time comes, CHAN_FOREVER for never. errno is kept. */
void chani_bell_ring_at(const struct chani_bell *bell, int64_t when);

#endif
