/* rejects.h: files that records go to which failed (on_error: {to: FILE}).
 *
 * DESIGN. Several stages and workers may write one file. Each has an end of its own with a buffer,
 * in which the lines of a batch are put together; the buffer is written under the file's lock. A
 * line that the buffer cannot hold keeps the lock until it is complete, so that no line is torn.
 * Lines of a stage stand in the order in which its records failed, those of different workers as
 * they come.
 */
#ifndef CP_RUN_REJECTS_H
#define CP_RUN_REJECTS_H

#include "../format/rejects.h"
#include "../stage.h"

struct cp_rejects;      /* the end of one worker */
struct cp_rejects_file; /* in a list of the run's */

/* Opens the file of a stage, or joins those that have it open, and makes the end of this worker
 * (s->rejects). When all stages are open: a file that one of them reads is refused. A file that
 * exists is replaced. */
int cp_rejects_open(struct cp_rejects_file **files, struct cp_stage *s, struct cp_err *err);

/* Adds record i of b, which failed. */
void cp_rejects_put(struct cp_stage *s, struct cp_batch *b, uint32_t i, const char *reason);
/* Adds a record that is in no batch. */
void cp_rejects_put_lost(struct cp_stage *s, const struct cp_reject *r);
/* Writes what was added, at the end of each batch. -1: that failed now or before, and the stage
 * with it. */
int cp_rejects_flush(struct cp_stage *s);

/* When all threads have ended. -1: what was written may not have reached the disk. */
int cp_rejects_close(struct cp_rejects_file *files, struct cp_err *err);
/* Gives the memory of an end back. */
void cp_rejects_release(struct cp_stage *s);

#endif
