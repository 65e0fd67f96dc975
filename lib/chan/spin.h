/*
 * spin.h - the few microseconds that a waiter looks again and again before it sleeps.
 *
 * A place where threads wait has a chani_spin, which remembers whether spinning paid; each wait has
 * a chani_spinner:
 *
 *     struct chani_spinner spinner;
 *     chani_spinner_init(&spinner, &place->spin);
 *     while (!attempt())
 *         if (!chani_spinner_turn(&spinner))
 *             sleep
 *     chani_spinner_end(&spinner, &place->spin, whether the attempt succeeded);
 */
#ifndef CHANI_SPIN_H
#define CHANI_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chani_spin {
    /*
     * Hints (relaxed): how long to spin, how many waits did without; how many shall not yield, and
     * how many after the next yield that is slow.
     */
    _Atomic uint32_t ns;
    _Atomic uint32_t unspun;
    _Atomic uint32_t unyielding;
    _Atomic uint32_t abstinence;

    /* Constant after start: more than one processor may run us; the first pause of a spin. */
    bool allowed;
    uint32_t first;
};

/* One spin of one thread. */
struct chani_spinner {
    int64_t until;   /* 0 before the clock was read */
    uint32_t budget; /* nanoseconds to spin; 0 for a few pauses */
    uint32_t pauses; /* of the next turn */
    uint32_t yields; /* turns in which another thread ran */
    uint32_t idle;   /* turns in which none wanted to */
    bool spinning;   /* more turns are left, before the yields */
    bool begun;      /* a turn was spent spinning */
    bool may_yield;
    bool slow; /* a yield took too long */
};

void chani_spin_init(struct chani_spin *spin);

/*
 * Who waits at this place waits for room in a queue of that many values, and may look as late as
 * the other side needs for half of them. Before first use.
 */
void chani_spin_set_queue(struct chani_spin *spin, size_t capacity);

/* A deadline that is over leaves no time to spin: give NULL for the place then. */
void chani_spinner_init(struct chani_spinner *spinner, struct chani_spin *spin);

/* Lets a moment pass, or another thread run; false when it is time to sleep. */
bool chani_spinner_turn(struct chani_spinner *spinner);

/* Remembers for later waits whether this spin was worth it. */
void chani_spinner_end(const struct chani_spinner *spinner, struct chani_spin *spin, bool paid);

/* Tells the processor that this is a spin loop. */
static inline void chani_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

#endif
