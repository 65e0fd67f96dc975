/*
 * chan_typed.h - channels of one type of values, so that the compiler rejects another type.
 *
 *     CHAN_TYPED(job_chan, struct job);
 *
 * at file level makes `struct job_chan_tx` and `struct job_chan_rx`, handles that hold a chan_tx or
 * a chan_rx and are passed by value, and functions on them:
 *
 *     struct chan_options options = {.size = sizeof(options), .capacity = 16};
 *     struct job_chan_tx tx;
 *     struct job_chan_rx rx;
 *     struct job job;
 *     if (job_chan_open(&options, &tx, &rx) != CHAN_OK)
 *         return -1;
 *     ...
 *     job_chan_send(tx, &job);                          one thread
 *     while (job_chan_recv(rx, &job) == CHAN_OK)        another thread
 *         run(&job);
 *
 * The functions do what those of chan.h do that have the same name with `chan_` for `name_`, and so
 * do statuses and ownership. Here T is the type:
 *
 *     name_open(const struct chan_options *, name_tx *, name_rx *)      knows elem_size itself
 *     name_tx_clone(tx, name_tx *clone)       name_rx_clone(rx, name_rx *clone)
 *     name_tx_drop(name_tx *)                 name_rx_drop(name_rx *)   leave NULL in the handle
 *     name_send(tx, const T *)                name_recv(rx, T *)
 *     name_try_send(tx, const T *)            name_try_recv(rx, T *)
 *     name_try_send_quiet(tx, const T *)
 *     name_send_deadline(tx, const T *, ns)   name_recv_deadline(rx, T *, ns)
 *     name_send_timeout(tx, const T *, ns)    name_recv_timeout(rx, T *, ns)
 *     name_send_many(tx, const T *, n, size_t *count)
 *     name_recv_many(rx, T *, n, size_t *count)
 *     name_send_evict(tx, const T *, T *evicted, bool *did_evict)
 *     name_commit(struct chan_permit *, const T *)
 *     name_tx_len(tx)                         name_rx_len(rx)
 *
 * For everything else there are the handles inside, tx.tx and rx.rx: chan_reserve(tx.tx, &permit).
 * A permit does not know its type; commit it with the functions of its channel.
 *
 *     CHAN_TYPED_PTR(job_chan, struct job);
 *
 * makes a channel of pointers, T being `struct job *`. What sends takes the address of the caller's
 * pointer, and sets that pointer to NULL when the value is sent and no longer the caller's; after
 * any other status it is untouched. name_send_many sets the first *count pointers of the array to
 * NULL, name_commit and name_send_evict the one that was sent.
 *
 *     struct job *job = job_new();
 *     if (job_chan_send(tx, &job) != CHAN_OK)
 *         job_free(job);
 *
 * The drop function of the options gets the address of a value: a T *, here a struct job **.
 *
 * Handles of another channel are an error to every compiler. Values of another type are one in C++,
 * and in C with gcc 14 or clang 16; older ones warn, and take -Werror=incompatible-pointer-types.
 * The header can be used in C++, too.
 */
#ifndef CHAN_TYPED_H
#define CHAN_TYPED_H

#include "chan.h"

#ifdef __GNUC__
#define CHAN_TYPED_FN_ static inline __attribute__((__unused__))
#else
#define CHAN_TYPED_FN_ static inline
#endif

#define CHAN_TYPED(name, type)                                                                     \
    CHAN_TYPED_HANDLES_(name, type)                                                                \
    CHAN_TYPED_RECV_(name, type)                                                                   \
                                                                                                   \
    CHAN_TYPED_FN_ enum chan_status name##_send(struct name##_tx tx, type const *value)            \
    {                                                                                              \
        return chan_send(tx.tx, value);                                                            \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_try_send(struct name##_tx tx, type const *value)        \
    {                                                                                              \
        return chan_try_send(tx.tx, value);                                                        \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_try_send_quiet(struct name##_tx tx, type const *value)  \
    {                                                                                              \
        return chan_try_send_quiet(tx.tx, value);                                                  \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_deadline(struct name##_tx tx, type const *value,   \
                                                         int64_t deadline_ns)                      \
    {                                                                                              \
        return chan_send_deadline(tx.tx, value, deadline_ns);                                      \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_timeout(struct name##_tx tx, type const *value,    \
                                                        int64_t timeout_ns)                        \
    {                                                                                              \
        return chan_send_timeout(tx.tx, value, timeout_ns);                                        \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_many(struct name##_tx tx, type const *values,      \
                                                     size_t n, size_t *count)                      \
    {                                                                                              \
        return chan_send_many(tx.tx, values, n, count);                                            \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_evict(struct name##_tx tx, type const *value,      \
                                                      type *evicted, bool *did_evict)              \
    {                                                                                              \
        return chan_send_evict(tx.tx, value, evicted, did_evict);                                  \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_commit(struct chan_permit *permit, type const *value)   \
    {                                                                                              \
        return chan_commit(permit, value);                                                         \
    }                                                                                              \
    CHAN_TYPED_END_

#define CHAN_TYPED_PTR(name, type)                                                                 \
    CHAN_TYPED_HANDLES_(name, type *)                                                              \
    CHAN_TYPED_RECV_(name, type *)                                                                 \
                                                                                                   \
    CHAN_TYPED_FN_ enum chan_status name##_moved_(enum chan_status status, type **value)           \
    {                                                                                              \
        if (status == CHAN_OK)                                                                     \
            *value = NULL;                                                                         \
        return status;                                                                             \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send(struct name##_tx tx, type **value)                 \
    {                                                                                              \
        return name##_moved_(chan_send(tx.tx, value), value);                                      \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_try_send(struct name##_tx tx, type **value)             \
    {                                                                                              \
        return name##_moved_(chan_try_send(tx.tx, value), value);                                  \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_try_send_quiet(struct name##_tx tx, type **value)       \
    {                                                                                              \
        return name##_moved_(chan_try_send_quiet(tx.tx, value), value);                            \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_deadline(struct name##_tx tx, type **value,        \
                                                         int64_t deadline_ns)                      \
    {                                                                                              \
        return name##_moved_(chan_send_deadline(tx.tx, value, deadline_ns), value);                \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_timeout(struct name##_tx tx, type **value,         \
                                                        int64_t timeout_ns)                        \
    {                                                                                              \
        return name##_moved_(chan_send_timeout(tx.tx, value, timeout_ns), value);                  \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_many(struct name##_tx tx, type **values, size_t n, \
                                                     size_t *count)                                \
    {                                                                                              \
        size_t sent = 0;                                                                           \
        enum chan_status status = chan_send_many(tx.tx, values, n, &sent);                         \
        for (size_t i = 0; i < sent; i++)                                                          \
            values[i] = NULL;                                                                      \
        if (count != NULL)                                                                         \
            *count = sent;                                                                         \
        return status;                                                                             \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_send_evict(struct name##_tx tx, type **value,           \
                                                      type **evicted, bool *did_evict)             \
    {                                                                                              \
        type *sent = *value;                                                                       \
        enum chan_status status = chan_send_evict(tx.tx, &sent, evicted, did_evict);               \
        if (status == CHAN_OK && (evicted != value || !*did_evict))                                \
            *value = NULL;                                                                         \
        return status;                                                                             \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_commit(struct chan_permit *permit, type **value)        \
    {                                                                                              \
        return name##_moved_(chan_commit(permit, value), value);                                   \
    }                                                                                              \
    CHAN_TYPED_END_

/* The rest is the inside of the two. */

/* A declaration that says nothing new, for the semicolon that follows. */
#define CHAN_TYPED_END_ struct chan_options

#define CHAN_TYPED_HANDLES_(name, type)                                                            \
    struct name##_tx {                                                                             \
        chan_tx *tx;                                                                               \
    };                                                                                             \
    struct name##_rx {                                                                             \
        chan_rx *rx;                                                                               \
    };                                                                                             \
    CHAN_TYPED_FN_ enum chan_status name##_open(const struct chan_options *options,                \
                                                struct name##_tx *tx, struct name##_rx *rx)        \
    {                                                                                              \
        struct chan_options sized;                                                                 \
        if (options == NULL || options->size != sizeof(sized))                                     \
            return CHAN_INVALID;                                                                   \
        sized = *options;                                                                          \
        sized.elem_size = sizeof(type);                                                            \
        return chan_open(&sized, &tx->tx, &rx->rx);                                                \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_tx_clone(struct name##_tx tx, struct name##_tx *clone)  \
    {                                                                                              \
        return chan_tx_clone(tx.tx, &clone->tx);                                                   \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_rx_clone(struct name##_rx rx, struct name##_rx *clone)  \
    {                                                                                              \
        return chan_rx_clone(rx.rx, &clone->rx);                                                   \
    }                                                                                              \
    CHAN_TYPED_FN_ void name##_tx_drop(struct name##_tx *tx)                                       \
    {                                                                                              \
        chan_tx_drop(tx->tx);                                                                      \
        tx->tx = NULL;                                                                             \
    }                                                                                              \
    CHAN_TYPED_FN_ void name##_rx_drop(struct name##_rx *rx)                                       \
    {                                                                                              \
        chan_rx_drop(rx->rx);                                                                      \
        rx->rx = NULL;                                                                             \
    }                                                                                              \
    CHAN_TYPED_FN_ size_t name##_tx_len(struct name##_tx tx)                                       \
    {                                                                                              \
        return chan_tx_len(tx.tx);                                                                 \
    }                                                                                              \
    CHAN_TYPED_FN_ size_t name##_rx_len(struct name##_rx rx)                                       \
    {                                                                                              \
        return chan_rx_len(rx.rx);                                                                 \
    }

#define CHAN_TYPED_RECV_(name, type)                                                               \
    CHAN_TYPED_FN_ enum chan_status name##_recv(struct name##_rx rx, type *value)                  \
    {                                                                                              \
        return chan_recv(rx.rx, value);                                                            \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_try_recv(struct name##_rx rx, type *value)              \
    {                                                                                              \
        return chan_try_recv(rx.rx, value);                                                        \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_recv_deadline(struct name##_rx rx, type *value,         \
                                                         int64_t deadline_ns)                      \
    {                                                                                              \
        return chan_recv_deadline(rx.rx, value, deadline_ns);                                      \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_recv_timeout(struct name##_rx rx, type *value,          \
                                                        int64_t timeout_ns)                        \
    {                                                                                              \
        return chan_recv_timeout(rx.rx, value, timeout_ns);                                        \
    }                                                                                              \
    CHAN_TYPED_FN_ enum chan_status name##_recv_many(struct name##_rx rx, type *values, size_t n,  \
                                                     size_t *count)                                \
    {                                                                                              \
        return chan_recv_many(rx.rx, values, n, count);                                            \
    }

#endif
