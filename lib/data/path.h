/* path.h: paths to fields. */
#ifndef CP_DATA_PATH_H
#define CP_DATA_PATH_H

#include "../base/slice.h"
#include "value.h"

/* A path to a field: user.id, items[0], items[-1], ."odd name". */
struct cp_step {
    struct cp_slice name; /* a member; p == NULL: an index */
    int64_t index;
};
struct cp_path {
    struct cp_slice
        text; /* the canonical spelling; also the field's name as a literal key: `user.id` */
    struct cp_step *steps;
    size_t n;
    bool has_brackets; /* a step was written as [0] or ["k"]: no literal key is meant */
    bool is_own; /* written with a leading dot: a field of the record, never one of ours (`._time`)
                  */
};

enum { CP_NO_SLOT = -1 }; /* no column */

#endif
