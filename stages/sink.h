/* sink.h: what sinks that write records to a descriptor share: choosing a format, encoding,
 * flushing, failing. */
#ifndef CP_STAGES_SINK_H
#define CP_STAGES_SINK_H

#include "../lib/io/outlet.h"
#include "../lib/io/writer.h"
#include "../lib/stage.h"

/* What the workers of a sink share: where it all goes. */
struct sink_end {
    struct cp_outlet outlet;
    struct cp_stage *stage; /* the first worker */
    char thread_name[16];
    const char *path; /* for messages */

    /* Of who writes; after a failure of who tells it. */
    struct cp_writer writer;
    bool cuts;      /* after a failed write the file ends behind its last whole line */
    uint64_t start; /* then: size of the file before */
    uint64_t whole; /* and the bytes written up to the last newline */

    _Atomic bool is_told; /* somebody tells of the failure */
};

struct sink {
    struct cp_slice format_name; /* option */

    const struct cp_format *format;
    void *encoder;
    struct cp_shape *shape;
    struct cp_out out;
    struct sink_end *end;
    struct cp_stage *stage;
    /* Who reads has left (EPIPE), and nothing is written any more: says what that means. NULL: a
     * failed write; on standard output no failure. */
    enum cp_outcome (*reader_left)(struct cp_stage *s, struct sink *k);
};

#define SINK_OPTIONS(type, member)                                                                 \
    {                                                                                              \
        "format", CP_OPT_TEXT, offsetof(type, member.format_name), NULL, NULL,                     \
            "json, logfmt, csv, tsv, table or raw"                                                 \
    }

/* The usual end of a sink's descriptor. Its struct begins with the struct sink. */
#define SINK_FUNCTIONS                                                                             \
    .fork = sink_stage_fork, .process = sink_stage_process, .idle = sink_stage_idle,               \
    .leave = sink_stage_leave

void sink_stage_fork(struct cp_stage *s, void *self);
enum cp_outcome sink_stage_process(struct cp_stage *s, void *self, struct cp_batch *b);
int sink_stage_idle(struct cp_stage *s, void *self);
void sink_stage_leave(struct cp_stage *s, void *self);
int sink_stage_finish(struct cp_stage *s, void *self);
void sink_stage_close(void *self);

/* Chooses the format: the option, else `wanted` (-o, a file's suffix), else the default for these
 * records. */
int sink_plan(struct cp_planner *p, struct sink *k, const char *wanted);
/* For the descriptor's `setting`: options of the output format. */
int sink_setting(struct cp_planner *p, struct sink *k, const struct cp_setting *set,
                 const char *wanted);
/* Words key=value; `rest` gets the other words, in the heap, and their number. */
int sink_words(struct cp_planner *p, struct sink *k, const struct cp_option *table, void *base,
               struct cp_words *rest, const char *wanted);

/* Encodes the first records of sel[0..n): those that have one shape, up to one that cannot be
 * written. Returns why that cannot, or NULL; *done is how many before it were written. */
const char *sink_encode(struct sink *k, struct cp_batch *b, const uint16_t *sel, size_t n,
                        size_t *done);

/* The first worker. */
int sink_open(struct cp_stage *s, struct sink *k, int fd, const char *path, struct cp_err *err);
/* The others: it has been opened. */
int sink_join(struct cp_stage *s, struct sink *k, struct cp_err *err);
/* After sink_open, for a regular file that is ours alone and has `start` bytes. */
void sink_cuts(struct sink *k, uint64_t start);
enum cp_outcome sink_process(struct cp_stage *s, struct sink *k, struct cp_batch *b);
int sink_idle(struct cp_stage *s, struct sink *k);
int sink_finish(struct cp_stage *s, struct sink *k);
void sink_close(struct sink *k);

#endif
