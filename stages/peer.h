/* peer.h: a program that answers each line with a line, and what is on the way to it and from it.
 *
 * Lines are put behind peer->lines, and stay there until they are answered: a program that is
 * started again gets them again. peer_watch and peer_attend write them and read the answers, as
 * poll(2) allows; nothing here blocks but peer_stop. What the owner does with answers, with an end
 * of the program and with one that says nothing is its business (exec_each.c).
 *
 * One thread; a struct must not move while its program runs.
 */
#ifndef CP_STAGES_PEER_H
#define CP_STAGES_PEER_H

#include <poll.h>

#include "bytes.h"
#include "exec.h"

enum {
    PEER_WEIGHT = 1 << 20,      /* of what has been given to one and has not left: it is full */
    PEER_READ_SIZE = 64 * 1024, /* bytes that are read at once */
    PEER_SILENCE_MS = 5000,     /* of one that has read all and gets no more before it answers */
};

struct peer {
    struct cp_process process;
    struct bytes lines; /* of its records that have not left */
    size_t sent;        /* of them: the end of what is written */
    struct bytes answers;
    size_t looked;        /* of them: no line end before */
    uint64_t deaths;      /* without an answer in between */
    int64_t silent_since; /* it seems to wait for more, without an answer; 0: it does not */
    int64_t again_at;     /* when it is started again, in ms; 0: it is not to be */

    /* The owner's. */
    size_t weight; /* of its records that have not left */
    uint64_t open; /* how many those are */
    bool runs;     /* until how it ended has been judged, and it is not started again */
};

/* What one is before anything was started. */
#define PEER_NONE ((struct peer){.process = CP_PROCESS_NONE})

/* ---- Its life ---- */

int peer_start(struct peer *peer, const struct exec_program *program, struct cp_err *err);
/* After a pause: peer->again_at. What it has not answered is given to the next one; answers that
 * have come and not left come again. */
void peer_start_later(struct peer *peer, int64_t now_ms, int pause_ms);
/* It will print nothing more, and has answered all that it was given: whether that was too early is
 * for the next record to say. */
bool peer_is_finished(const struct peer *peer);
/* Nothing more can be read of what it prints, and how it has ended is to be judged. */
bool peer_is_at_end(const struct peer *peer);
/* All of its output that it has ended with was read: closes that. What it has started may hold the
 * pipe open. */
void peer_close_drained(struct peer *peer);
/* What it said last has no line end: takes it for an answer. */
void peer_end_line(struct peer *peer);
/* Gives the memory back. */
void peer_release(struct peer *peer);

/* ---- Lines and answers ---- */

/* It can be given more. */
bool peer_has_room(const struct peer *peer);
/* Not all lines are written. */
bool peer_has_lines(const struct peer *peer);
/* The next answer, peer->answers.p + peer->answers.from, and its length without the line end.
 * False: it is not there yet. */
bool peer_next_answer(struct peer *peer, size_t *n);
/* The answer of n bytes was to the first line, of so many bytes: both have left. */
void peer_pass_answer(struct peer *peer, size_t n, size_t line);

/* ---- Waiting ---- */

/* What there is to wait for: of that many descriptors. */
enum { PEER_OUT, PEER_IN, PEER_END, PEER_WATCHED };

/* Fills fds. Answers that are more than most bytes are left in the pipe. */
void peer_watch(const struct peer *peer, size_t most, struct pollfd *fds);
/* Reads and writes what poll(2) has allowed. NULL, or what cannot be done, and errno. */
const char *peer_attend(struct peer *peer, const struct pollfd *fds);
/* The system does not say when its program ends: to be asked again and again. */
bool peer_cannot_tell(const struct peer *peer);

/* It is full, and all was written to it: it may wait for more than it will get. */
bool peer_is_suspect(const struct peer *peer);
/* One that is suspect has read all, and said nothing for PEER_SILENCE_MS. To be asked again and
 * again: no descriptor tells that a pipe has become empty. */
bool peer_is_silent(struct peer *peer, int64_t now_ms);

#endif
