/* timeline.h: records put in the order of their times, as far as they are out of it: what merge
 * with by=time does.
 *
 * DESIGN. Records come in lines, each of which is in order but for a bound: none is more than
 * max_disorder behind the latest before it. So all lines together say up to which time nothing
 * comes any more; what is kept below that leaves. A record that is later than the bound allows is
 * counted and takes the place of one that comes just in time: the order does not depend on which
 * line was read how far. Records of one time leave in the order of their lines, one without a time
 * behind the one before it in its line.
 *
 * Records are copies (data/keeper.h) in one reserved range of memory, filled from below; the heap
 * of items fills it from above. Records that have left are holes: they are closed when they are
 * more than what is kept. What is kept takes at most half of the memory; beyond it the oldest
 * leaves early, and is counted.
 *
 *     plan     timeline_plan(&t, p)
 *     open     timeline_open(&t, s, n_lines, slots, n)
 *     run      line = timeline_least(&t)                            whose batch is wanted next
 *              timeline_add(&t, s, line, b), timeline_end(&t, line) at its end
 *              timeline_pass(&t, s)                                 before it waits
 *     close    timeline_close(&t)
 */
#ifndef CP_STAGES_TIMELINE_H
#define CP_STAGES_TIMELINE_H

#include "operand.h"

struct timeline_item;

/* How far a line is. */
struct timeline_line {
    int64_t latest; /* time of its records; INT64_MIN: none had one yet */
    int64_t last;   /* the time that its last record counts as */
    bool has_ended;
};

struct timeline {
    /* Constant after opening. */
    int64_t max_disorder; /* ns */
    uint64_t max_memory;  /* bytes */
    struct operand time;
    struct timeline_line *lines;
    size_t n_lines;

    struct cp_keeper keeper;
    char *memory;
    size_t used, live; /* bytes of records from below; of those that have not left */
    size_t n;          /* items, at the end of memory */
    uint64_t arrivals, late, early, untimed;
};

/* Reads `_time` of the records in p->scope. -1 after a diagnostic. */
int timeline_plan(struct timeline *t, struct cp_planner *p);
/* slots: the columns that are filled in what is added; must live as long as the timeline. */
int timeline_open(struct timeline *t, struct cp_stage *s, size_t n_lines, const uint16_t *slots,
                  size_t n_slots, struct cp_err *err);
/* The line that is least far, which holds back all others. SIZE_MAX: all have ended. */
size_t timeline_least(const struct timeline *t);
/* Keeps the records of b, which stays the caller's, and sends what is old enough. False: nobody
 * wants more. */
bool timeline_add(struct timeline *t, struct cp_stage *s, size_t line, struct cp_batch *b);
/* Nothing comes over that line any more. */
void timeline_end(struct timeline *t, size_t line);
/* Sends all that is old enough, also what does not fill a batch. */
bool timeline_pass(struct timeline *t, struct cp_stage *s);
/* Gives up what is kept. What was out of order is said in the summary. */
void timeline_finish(struct timeline *t, struct cp_stage *s);
void timeline_close(struct timeline *t);

#endif
