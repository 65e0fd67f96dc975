/* pipe.c: the kernel's queue. Its capacity is a number of pages, exact for 1024 words on most
 * machines; for a ping-pong any will do. */
#include "workloads.h"

#include <fcntl.h>
#include <unistd.h>

struct queue {
    int in, out;
};

static bool is_of_size(int fd, size_t bytes)
{
    return bytes <= INT32_MAX && fcntl(fd, F_SETPIPE_SZ, (int)bytes) == (int)bytes;
}

static struct queue *queue_new(const struct setup *setup)
{
    struct queue *queue = malloc(sizeof(*queue));
    bool any_size = strcmp(setup->workload, "ping") == 0 && setup->capacity > 0;
    int ends[2];

    if (queue == NULL || pipe(ends) != 0)
        fail("no pipe");
    if (!any_size && !is_of_size(ends[1], setup->capacity * sizeof(uint64_t)))
        return NULL;
    *queue = (struct queue){.in = ends[1], .out = ends[0]};
    return queue;
}

static void queue_free(struct queue *queue)
{
    close(queue->out);
    free(queue);
}

/* A short write goes in as a whole, or the call waits. */
static void queue_send_many(struct queue *queue, const uint64_t *words, size_t n)
{
    if (write(queue->in, words, n * sizeof(*words)) != (ssize_t)(n * sizeof(*words)))
        fail("write failed");
}

static void queue_send(struct queue *queue, uint64_t word)
{
    queue_send_many(queue, &word, 1);
}

static void queue_close(struct queue *queue)
{
    close(queue->in);
}

static size_t queue_recv_many(struct queue *queue, uint64_t *words, size_t n)
{
    ssize_t got = read(queue->out, words, n * sizeof(*words));

    if (got < 0 || (size_t)got % sizeof(*words) != 0)
        fail("read failed");
    return (size_t)got / sizeof(*words);
}

static bool queue_recv(struct queue *queue, uint64_t *word)
{
    return queue_recv_many(queue, word, 1) == 1;
}
