/* writer.c: write until all is out. */
#include "writer.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

static bool wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

int cp_writer_write(void *ctx, const char *p, size_t n)
{
    struct cp_writer *w = ctx;
    while (n > 0) {
        ssize_t k = write(w->fd, p, n);
        if (k >= 0) {
            p += k;
            n -= (size_t)k;
            w->bytes += (uint64_t)k;
        } else if (errno != EINTR && (errno != EAGAIN || !wait_writable(w->fd))) {
            w->sys = errno;
            return -1;
        }
    }
    return 0;
}
