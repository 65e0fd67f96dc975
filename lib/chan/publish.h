/*
 * publish.h - how a ring makes known what the other side may wait for, a value or a free slot.
 */
#ifndef CHANI_PUBLISH_H
#define CHANI_PUBLISH_H

enum chani_publish {
    /* With seq_cst stores or read-modify-writes: who does not see it, did not miss it. */
    CHANI_PUBLISH_FENCED,

    /*
     * Lightly (barrier.h), after a seq_cst claim. Who sees neither the claim nor what it leads to
     * did not miss it. Who sees the claim alone is told CHANI_BUSY, and calls chani_barrier_heavy
     * and looks again before he sleeps.
     */
    CHANI_PUBLISH_CLAIMED,

    /* Lightly: who looks before a sleep calls chani_barrier_heavy before that. */
    CHANI_PUBLISH_LIGHT
};

#endif
