/*
 * event_loop.c - one thread serves a socket and a channel: the receiver has a descriptor, which is
 * watched with epoll like any other. It is armed before each wait.
 *
 * Output:
 *     3 values from the channel, 10 bytes from the socket
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool claim)
{
    if (claim)
        return;
    perror("event_loop");
    exit(1);
}

static void *send_values(void *tx)
{
    for (int i = 0; i < 3; i++)
        must(chan_send(tx, &i) == CHAN_OK);
    chan_tx_drop(tx);
    return NULL;
}

/* Receives until a wait is needed. False when the channel is closed. */
static bool drain(chan_rx *rx, int *count)
{
    enum chan_status status = CHAN_OK;
    int value;

    while (status != CHAN_CLOSED && chan_rx_arm(rx) == CHAN_OK)
        if ((status = chan_try_recv(rx, &value)) == CHAN_OK)
            ++*count;
    return status != CHAN_CLOSED;
}

int main(void)
{
    struct chan_options options = {
        .size = sizeof(options), .capacity = 2, .elem_size = sizeof(int)};
    struct epoll_event event = {.events = EPOLLIN};
    bool is_open = true;
    int values = 0, bytes = 0, ends[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_t thread;
    chan_tx *tx;
    chan_rx *rx;
    char byte;

    must(chan_open(&options, &tx, &rx) == CHAN_OK);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    event.data.fd = ends[0];
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    event.data.fd = chan_rx_fd(rx);
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) == 0);
    must(pthread_create(&thread, NULL, send_values, tx) == 0);
    must(write(ends[1], "0123456789", 10) == 10);

    while (is_open || bytes < 10) {
        if (is_open && !drain(rx, &values)) {
            is_open = false; /* the descriptor would stay readable now */
            must(epoll_ctl(epoll, EPOLL_CTL_DEL, chan_rx_fd(rx), NULL) == 0);
            continue;
        }
        must(epoll_wait(epoll, &event, 1, -1) == 1);
        if (event.data.fd == ends[0])
            bytes += read(ends[0], &byte, 1) == 1;
    }
    printf("%d values from the channel, %d bytes from the socket\n", values, bytes);
    pthread_join(thread, NULL);
    chan_rx_drop(rx);
    return 0;
}
