/*
 * futex.h - what the library needs of the operating system to wait.
 *
 * On Linux these are futexes. With CHAN_PORTABLE, and on every other system, they are mutexes and
 * condition variables, in a table that is looked up by address.
 */
#ifndef CHANI_FUTEX_H
#define CHANI_FUTEX_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeps while *word is `value`, until the deadline (on the clock of chan_now_ns, CHAN_FOREVER
 * included); false when the deadline came first. It may return true for no reason: call it in a
 * loop. errno is kept.
 */
bool chani_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);

/*
 * Wakes at least `n` of the threads that sleep on the word, INT_MAX for all. Change the word first.
 * Only the address is used: the word itself may be gone by now. errno is kept.
 */
void chani_futex_wake(_Atomic uint32_t *word, int n);

/* More than one processor may run this process. */
bool chani_has_second_cpu(void);

#endif
