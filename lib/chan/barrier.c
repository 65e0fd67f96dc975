/*
 * barrier.c - a memory barrier on all other threads of the process: membarrier(2).
 *
 * DESIGN
 *
 * While the system call runs, every other thread of the process passes a point B where all that it
 * did before is visible and nothing that comes after has been done: by an interrupt if it runs, by
 * the switch that takes it off or onto a processor if it does not. Take a frequent thread that
 * stores S and then loads L, and a rare one that writes W, calls this, and then loads. If B lies
 * before L, then W, which is older than the call, is visible to L. If not, B lies behind L and so
 * behind S, and the load after the call sees S. The compiler must keep S before L, which is what
 * the signal fence of chani_barrier_light_store is for.
 *
 * It takes 0.4 us when no other thread is running, and 16 us on a virtual machine when one is.
 * So it is for those who are about to sleep, and whom the
 * other side meets rarely (measured: DESIGN in ring_1to1.c).
 *
 * Some sandboxes refuse the call. That is asked for when the first channel is made. A sandbox may
 * also begin later, when there are sides already that rely on it. For these there is another way to
 * B, slow but as certain: the calling thread moves to each processor in turn. When it runs on one,
 * whoever ran there when the call began has been taken off it, and a switch is a full barrier; so
 * has everybody who runs elsewhere by then, on the way there. Where the thread may not go, nobody
 * of this process runs. Channels made from then on do without. If that is refused, too, nothing is
 * left that keeps what these channels promise, and the process is stopped with a message; chan(7)
 * says what a sandbox must leave.
 *
 * ThreadSanitizer does not know of it, nor does the portable build have it: there it is never
 * possible.
 */
#include "barrier.h"

#if defined(__linux__) && !defined(CHAN_PORTABLE) && !defined(CHANI_TSAN)

#include <errno.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A set of processors, of more than a machine has. */
#define WORD_BITS (long)(CHAR_BIT * sizeof(unsigned long))
#define MASK_WORDS 256

enum { UNKNOWN, POSSIBLE, REFUSED };

static _Atomic int known = UNKNOWN;

static bool membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool chani_barrier_is_possible(void)
{
    int is = atomic_load(&known);
    int saved = errno;
    int expected = UNKNOWN;

    if (is == UNKNOWN) {
        is = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
                     membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
                 ? POSSIBLE
                 : REFUSED;
        if (!atomic_compare_exchange_strong(&known, &expected, is))
            is = expected;
        errno = saved;
    }
    return is == POSSIBLE;
}

static _Noreturn void give_up(void)
{
    fputs("libchan: membarrier and sched_setaffinity are refused since a channel was made; "
          "see Sandboxes in chan(7)\n",
          stderr);
    abort();
}

/* Runs on every processor once, and then where it may again. */
static void visit_processors(void)
{
    unsigned long before[MASK_WORDS] = {0};
    unsigned long one[MASK_WORDS] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(before), before); /* as many as it has */
    size_t visited = 0;

    for (long cpu = 0; cpu < bytes * CHAR_BIT; cpu++) {
        one[cpu / WORD_BITS] = 1ul << cpu % WORD_BITS;
        visited += syscall(SYS_sched_setaffinity, 0, (size_t)bytes, one) == 0;
        one[cpu / WORD_BITS] = 0;
    }
    if (visited == 0 || syscall(SYS_sched_setaffinity, 0, (size_t)bytes, before) != 0)
        give_up();
}

void chani_barrier_heavy(void)
{
    int saved = errno;

    atomic_thread_fence(memory_order_seq_cst);
    if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) {
        atomic_store(&known, REFUSED);
        visit_processors();
    }
    errno = saved;
}

#else

bool chani_barrier_is_possible(void)
{
    return false;
}

void chani_barrier_heavy(void)
{
}

#endif
