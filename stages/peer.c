/* peer.c: a program that answers each line with a line. */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Its life ---- */

int peer_start(struct peer *peer, const struct exec_program *program, struct cp_err *err)
{
    int rc = cp_process_start(&peer->process, program->argv,
                              CP_PROCESS_IN | CP_PROCESS_OUT | CP_PROCESS_GROUP, err);

    peer->again_at = 0;
    peer->runs = rc == 0;
    return rc;
}

void peer_start_later(struct peer *peer, int64_t now_ms, int pause_ms)
{
    peer->deaths++;
    peer->again_at = now_ms + pause_ms;
    peer->sent = peer->lines.from;
    peer->answers.from = peer->answers.to = peer->looked = 0;
}

bool peer_is_at_end(const struct peer *peer)
{
    return peer->runs && peer->again_at == 0 && peer->process.out < 0;
}

bool peer_is_finished(const struct peer *peer)
{
    return peer_is_at_end(peer) && peer->open == 0;
}

void peer_close_drained(struct peer *peer)
{
    struct pollfd fd = {.fd = peer->process.out, .events = POLLIN};

    if (peer->process.pid == 0 && peer->process.out >= 0 && poll(&fd, 1, 0) == 0)
        cp_process_close_out(&peer->process);
}

void peer_end_line(struct peer *peer)
{
    struct bytes *a = &peer->answers;

    *bytes_room(a, 1, &peer->looked) = '\n';
    a->to++;
}

void peer_release(struct peer *peer)
{
    free(peer->lines.p);
    free(peer->answers.p);
}

/* ---- Lines and answers ---- */

bool peer_has_room(const struct peer *peer)
{
    return peer->weight < PEER_WEIGHT && peer->process.in >= 0 && peer->process.out >= 0;
}

bool peer_has_lines(const struct peer *peer)
{
    return peer->process.in >= 0 && peer->sent < peer->lines.to;
}

bool peer_next_answer(struct peer *peer, size_t *n)
{
    struct bytes *a = &peer->answers;
    const char *p = a->p + a->from,
               *end = peer->looked < a->to ? memchr(a->p + peer->looked, '\n', a->to - peer->looked)
                                           : NULL;

    if (!end) {
        peer->looked = a->to;
        return false;
    }
    *n = (size_t)(end - p);
    return true;
}

void peer_pass_answer(struct peer *peer, size_t n, size_t line)
{
    peer->answers.from += n + 1;
    peer->looked = peer->answers.from;
    peer->lines.from += line;
    peer->deaths = 0;
}

/* ---- Waiting ---- */

void peer_watch(const struct peer *peer, size_t most, struct pollfd *fds)
{
    const struct cp_process *p = &peer->process;
    bool may_read = bytes_held(&peer->answers) <= most;

    fds[PEER_OUT] = (struct pollfd){.fd = may_read ? p->out : -1, .events = POLLIN};
    fds[PEER_IN] = (struct pollfd){.fd = peer_has_lines(peer) ? p->in : -1, .events = POLLOUT};
    fds[PEER_END] = (struct pollfd){.fd = peer->runs ? p->ended_fd : -1, .events = POLLIN};
}

static const char *read_answers(struct peer *peer)
{
    struct bytes *a = &peer->answers;
    char *to = bytes_room(a, PEER_READ_SIZE, &peer->looked);
    ssize_t n = read(peer->process.out, to, PEER_READ_SIZE);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? NULL : "read what is printed by";
    a->to += (size_t)n;
    peer->silent_since = 0;
    if (n == 0)
        cp_process_close_out(&peer->process);
    return NULL;
}

static const char *write_lines(struct peer *peer)
{
    ssize_t n = write(peer->process.in, peer->lines.p + peer->sent, peer->lines.to - peer->sent);

    if (n >= 0)
        peer->sent += (size_t)n;
    else if (errno == EPIPE)
        cp_process_close_in(&peer->process); /* what it prints, or that it ends, says more */
    else if (errno != EINTR && errno != EAGAIN)
        return "write to";
    return NULL;
}

/* What a program has started may hold its pipes open after it: what it has not printed by its end
 * it will not. */
static void see_end(struct peer *peer)
{
    if (cp_process_wait(&peer->process, 0, -1))
        cp_process_close_in(&peer->process);
}

const char *peer_attend(struct peer *peer, const struct pollfd *fds)
{
    const char *what = NULL;

    if (fds[PEER_OUT].revents)
        what = read_answers(peer);
    if (!what && fds[PEER_IN].revents && peer_has_lines(peer))
        what = write_lines(peer);
    if (!what && (fds[PEER_END].revents || (peer->runs && peer->process.ended_fd < 0)))
        see_end(peer);
    return what;
}

bool peer_cannot_tell(const struct peer *peer)
{
    return peer->process.pid != 0 && peer->process.ended_fd < 0;
}

/* ---- Silence ---- */

bool peer_is_suspect(const struct peer *peer)
{
    return peer->weight >= PEER_WEIGHT && peer->sent == peer->lines.to && peer->process.in >= 0 &&
           peer->process.out >= 0;
}

/* Nothing of what it was given or has said is in a pipe. */
static bool is_stuck(const struct peer *peer)
{
    struct pollfd fd = {.fd = peer->process.out, .events = POLLIN};

    return cp_process_unread(&peer->process) == 0 && poll(&fd, 1, 0) == 0;
}

bool peer_is_silent(struct peer *peer, int64_t now_ms)
{
    if (!is_stuck(peer))
        peer->silent_since = 0;
    else if (peer->silent_since == 0)
        peer->silent_since = now_ms;
    return peer->silent_since > 0 && now_ms - peer->silent_since >= PEER_SILENCE_MS;
}
