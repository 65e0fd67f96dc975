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
 * Some sandboxes refuse the call. That is asked for once, when the first channel is made. Where a
 * sandbox begins later and takes it away, the call is replaced by a sleep of BLUNT_NS: processors
 * do not hold stores back longer than microseconds.
 *
 * ThreadSanitizer does not know of it, nor does the portable build have it: there it is never
 * possible.
 */
#include "barrier.h"

#if defined(__linux__) && !defined(CHAN_PORTABLE) && !defined(CHANI_TSAN)

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLUNT_NS 1000000

enum { UNKNOWN, POSSIBLE, REFUSED };

static long membarrier(int command)
{
    int saved = errno;
    long rc = syscall(SYS_membarrier, command, 0, 0);

    errno = saved;
    return rc;
}

bool chani_barrier_is_possible(void)
{
    static _Atomic int known = UNKNOWN;
    int is = atomic_load(&known);
    int expected = UNKNOWN;

    if (is == UNKNOWN) {
        is = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
                     membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0
                 ? POSSIBLE
                 : REFUSED;
        if (!atomic_compare_exchange_strong(&known, &expected, is))
            is = expected;
    }
    return is == POSSIBLE;
}

void chani_barrier_heavy(void)
{
    struct timespec blunt = {.tv_nsec = BLUNT_NS};
    int saved = errno;

    atomic_thread_fence(memory_order_seq_cst);
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
        nanosleep(&blunt, NULL);
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
