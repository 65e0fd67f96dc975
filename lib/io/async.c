/* async.c: the thread that writes. */
#include "async.h"

struct piece {
    char *buffer;
    size_t n;
};

static void write_piece(struct cp_async *a, const struct piece *piece)
{
    if (atomic_load(&a->has_failed) || a->write(a->ctx, piece->buffer, piece->n) == 0)
        return;
    atomic_store(&a->has_failed, true);
    a->on_failure(a->ctx);
}

static void *write_all(void *arg)
{
    struct cp_async *a = arg;
    struct piece piece;

    while (chan_recv(a->full_rx, &piece) == CHAN_OK) {
        write_piece(a, &piece);
        chan_send(a->free_tx, &piece.buffer);
    }
    return NULL;
}

static bool open_channel(chan_tx **tx, chan_rx **rx, size_t size)
{
    struct chan_options o = {
        .size = sizeof o, .capacity = 1, .elem_size = size, .one_to_one = true};
    return chan_open(&o, tx, rx) == CHAN_OK;
}

static void drop_channels(struct cp_async *a)
{
    chan_tx_drop(a->full_tx);
    chan_rx_drop(a->full_rx);
    chan_tx_drop(a->free_tx);
    chan_rx_drop(a->free_rx);
    a->full_tx = a->free_tx = NULL;
    a->full_rx = a->free_rx = NULL;
}

static bool start(struct cp_async *a)
{
    if (open_channel(&a->full_tx, &a->full_rx, sizeof(struct piece)) &&
        open_channel(&a->free_tx, &a->free_rx, sizeof(char *)) &&
        pthread_create(&a->thread, NULL, write_all, a) == 0) {
        pthread_setname_np(a->thread, a->name);
        return true;
    }
    drop_channels(a);
    return false;
}

char *cp_async_give(struct cp_async *a, char *buffer, size_t n)
{
    struct piece piece = {buffer, n};

    if (!a->is_running && !(a->is_running = start(a))) {
        /* No thread can be had: as if there were one that is done at once. */
        write_piece(a, &piece);
        return buffer;
    }
    cp_async_drain(a);
    chan_send(a->full_tx, &piece);
    char *next = a->spare;
    a->spare = NULL;
    return next;
}

int cp_async_drain(struct cp_async *a)
{
    if (a->is_running && !a->spare)
        chan_recv(a->free_rx, &a->spare);
    return atomic_load(&a->has_failed) ? -1 : 0;
}

int cp_async_close(struct cp_async *a)
{
    int rc = cp_async_drain(a);

    if (!a->is_running)
        return rc;
    chan_tx_drop(a->full_tx);
    a->full_tx = NULL;
    pthread_join(a->thread, NULL);
    drop_channels(a);
    a->is_running = false;
    return rc;
}
