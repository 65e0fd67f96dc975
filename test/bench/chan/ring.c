/* ring.c: the floor, an index ring and nothing else. One sender, one receiver, each remembers the
 * index of the other; who has to wait spins. No real program can wait like that. */
#include "workloads.h"

struct queue {
    size_t mask; /* constant after start */
    uint64_t *words;

    /* Of the sender. */
    _Alignas(64) _Atomic size_t tail;
    size_t seen_head;

    /* Of the receiver. */
    _Alignas(64) _Atomic size_t head;
    size_t seen_tail;

    _Alignas(64) atomic_bool is_closed;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static struct queue *queue_new(const struct setup *setup)
{
    size_t capacity = setup->capacity;
    struct queue *queue;

    if (setup->senders > 1 || setup->receivers > 1 || strcmp(setup->workload, "ping") == 0)
        return NULL;
    if (capacity < 2 || capacity == UNBOUNDED || (capacity & (capacity - 1)) != 0)
        return NULL;
    queue = aligned_alloc(64, sizeof(*queue));
    if (queue == NULL)
        fail("out of memory");
    memset(queue, 0, sizeof(*queue));
    queue->mask = capacity - 1;
    queue->words = calloc(capacity, sizeof(*queue->words));
    if (queue->words == NULL)
        fail("out of memory");
    return queue;
}

static void queue_free(struct queue *queue)
{
    free(queue->words);
    free(queue);
}

static void queue_send(struct queue *queue, uint64_t word)
{
    size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);

    while (tail - queue->seen_head > queue->mask) {
        queue->seen_head = atomic_load_explicit(&queue->head, memory_order_acquire);
        if (tail - queue->seen_head > queue->mask)
            relax();
    }
    queue->words[tail & queue->mask] = word;
    atomic_store_explicit(&queue->tail, tail + 1, memory_order_release);
}

static void queue_send_many(struct queue *queue, const uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        queue_send(queue, words[i]);
}

static void queue_close(struct queue *queue)
{
    atomic_store(&queue->is_closed, true);
}

static bool queue_recv(struct queue *queue, uint64_t *word)
{
    size_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);

    while (head == queue->seen_tail) {
        bool is_closed = atomic_load_explicit(&queue->is_closed, memory_order_acquire);

        queue->seen_tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
        if (head == queue->seen_tail) {
            if (is_closed)
                return false;
            relax();
        }
    }
    *word = queue->words[head & queue->mask];
    atomic_store_explicit(&queue->head, head + 1, memory_order_release);
    return true;
}

static size_t queue_recv_many(struct queue *queue, uint64_t *words, size_t n)
{
    (void)n;
    return queue_recv(queue, words);
}
