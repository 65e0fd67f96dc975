/* input.h: one input of a source: a file, standard input. Shared by the batches that came from it;
 * constant once its first batch has been sent. */
#ifndef CP_DATA_INPUT_H
#define CP_DATA_INPUT_H

#include <stdatomic.h>

#include "../base/arena.h"
#include "../base/moment.h"
#include "../base/slice.h"

/* How bytes are cut into records (semantics 10, 12, 55). */
enum cp_frame {
    CP_FRAME_LINE,     /* at \n; a \r before it belongs to the line end */
    CP_FRAME_NUL,      /* at NUL; \r is kept */
    CP_FRAME_BLANK,    /* runs of lines that are not empty */
    CP_FRAME_WHOLE,    /* the whole input, without its last newline */
    CP_FRAME_CSV,      /* at \n outside quotes */
    CP_FRAME_DOCUMENT, /* JSON values, which may span lines */
    CP_FRAME_REJECTS,  /* the records in the lines of a rejects file (format/rejects.h) */
};

struct cp_input {
    _Atomic uint32_t refs;
    char *name;          /* for messages: the path, or "-" */
    struct cp_heap heap; /* the header lives here */
    int64_t modified; /* ns; the file's, or when the pipeline started: for times without a year */
    struct cp_slice *header; /* names of its columns, decoded; NULL where the format has none */
    size_t n_header;
    struct cp_slice header_line;    /* the record they were read from; p == NULL: none */
    const struct cp_choice *choice; /* `parse auto`: what this input is; else NULL */
    void *by_want;                  /* decoder's map from header to wants; in the heap */
};

struct cp_input *cp_input_new(const char *name, int64_t modified);
/* Keeps a copy of the record that its header was read from; before its first batch is sent. */
void cp_input_keep_header(struct cp_input *in, struct cp_slice raw);
void cp_input_ref(struct cp_input *in);
void cp_input_release(struct cp_input *in); /* NULL is allowed */

#endif
