/*
 * bell.c - a file descriptor that can be made readable: an eventfd or a timerfd on Linux, a pipe
 * elsewhere and with CHAN_PORTABLE.
 */
#include "bell.h"

#include "chan.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#if defined(__linux__) && !defined(CHAN_PORTABLE)

#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define NS_PER_S 1000000000

bool chani_bell_open(struct chani_bell *bell, bool timed)
{
    bell->timed = timed;
    bell->fd = timed ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
                     : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bell->rope = bell->fd;
    return bell->fd >= 0;
}

void chani_bell_close(struct chani_bell *bell)
{
    close(bell->fd);
}

/* 0 is never. A time that is over makes it readable at once. */
static void set_time(const struct chani_bell *bell, int64_t ns)
{
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}};
    int saved = errno;

    timerfd_settime(bell->fd, TFD_TIMER_ABSTIME, &spec, NULL);
    errno = saved;
}

void chani_bell_ring(const struct chani_bell *bell)
{
    int saved = errno;

    if (bell->timed)
        set_time(bell, 1);
    else
        eventfd_write(bell->rope, 1);
    errno = saved;
}

void chani_bell_hush(const struct chani_bell *bell)
{
    eventfd_t count;
    int saved = errno;

    if (bell->timed)
        set_time(bell, 0);
    else
        eventfd_read(bell->fd, &count);
    errno = saved;
}

void chani_bell_ring_at(const struct chani_bell *bell, int64_t when)
{
    if (when == CHAN_FOREVER)
        set_time(bell, 0);
    else
        set_time(bell, when > 0 ? when : 1);
}

#else

static bool set_flags(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

bool chani_bell_open(struct chani_bell *bell, bool timed)
{
    int fds[2];
    int saved;

    if (timed) {
        errno = ENOSYS;
        return false;
    }
    if (pipe(fds) != 0)
        return false;
    *bell = (struct chani_bell){.fd = fds[0], .rope = fds[1]};
    if (set_flags(fds[0]) && set_flags(fds[1]))
        return true;
    saved = errno;
    chani_bell_close(bell);
    errno = saved;
    return false;
}

void chani_bell_close(struct chani_bell *bell)
{
    close(bell->fd);
    close(bell->rope);
}

/* A pipe that is full is readable. */
void chani_bell_ring(const struct chani_bell *bell)
{
    int saved = errno;
    ssize_t n = write(bell->rope, "", 1);

    (void)n;
    errno = saved;
}

void chani_bell_hush(const struct chani_bell *bell)
{
    char bytes[64];
    int saved = errno;

    while (read(bell->fd, bytes, sizeof(bytes)) > 0)
        ;
    errno = saved;
}

void chani_bell_ring_at(const struct chani_bell *bell, int64_t when)
{
    (void)bell;
    (void)when;
}

#endif
