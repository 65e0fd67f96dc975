/* mutex.c: the queue that everybody writes first, a ring with a mutex and two condition variables.
 */
#include "workloads.h"

struct queue {
    pthread_mutex_t mu;
    pthread_cond_t not_empty, not_full;

    size_t capacity; /* constant after start */

    /* Guarded by mu. */
    size_t head, len;
    bool is_closed;
    uint64_t words[];
};

static struct queue *queue_new(const struct setup *setup)
{
    size_t capacity = setup->capacity;
    struct queue *queue;

    if (capacity == 0 || capacity == UNBOUNDED)
        return NULL;
    queue = calloc(1, sizeof(*queue) + capacity * sizeof(queue->words[0]));
    if (queue == NULL)
        fail("out of memory");
    pthread_mutex_init(&queue->mu, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    queue->capacity = capacity;
    return queue;
}

static void queue_free(struct queue *queue)
{
    pthread_mutex_destroy(&queue->mu);
    pthread_cond_destroy(&queue->not_empty);
    pthread_cond_destroy(&queue->not_full);
    free(queue);
}

/* One word wakes one thread, several may serve several. */
static void notify(pthread_cond_t *cond, size_t n)
{
    if (n == 1)
        pthread_cond_signal(cond);
    else
        pthread_cond_broadcast(cond);
}

/* Sends 1..n words, as many as there is room for. */
static size_t send_some(struct queue *queue, const uint64_t *words, size_t n)
{
    size_t i;

    pthread_mutex_lock(&queue->mu);
    while (queue->len == queue->capacity)
        pthread_cond_wait(&queue->not_full, &queue->mu);
    for (i = 0; i < n && queue->len < queue->capacity; i++)
        queue->words[(queue->head + queue->len++) % queue->capacity] = words[i];
    pthread_mutex_unlock(&queue->mu);
    notify(&queue->not_empty, i);
    return i;
}

static void queue_send(struct queue *queue, uint64_t word)
{
    send_some(queue, &word, 1);
}

static void queue_send_many(struct queue *queue, const uint64_t *words, size_t n)
{
    for (size_t sent = 0; sent < n;)
        sent += send_some(queue, words + sent, n - sent);
}

static void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->mu);
    queue->is_closed = true;
    pthread_mutex_unlock(&queue->mu);
    pthread_cond_broadcast(&queue->not_empty);
}

static size_t queue_recv_many(struct queue *queue, uint64_t *words, size_t n)
{
    size_t i;

    pthread_mutex_lock(&queue->mu);
    while (queue->len == 0 && !queue->is_closed)
        pthread_cond_wait(&queue->not_empty, &queue->mu);
    for (i = 0; i < n && queue->len > 0; i++, queue->len--) {
        words[i] = queue->words[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
    }
    pthread_mutex_unlock(&queue->mu);
    notify(&queue->not_full, i);
    return i;
}

static bool queue_recv(struct queue *queue, uint64_t *word)
{
    return queue_recv_many(queue, word, 1) == 1;
}
