/* need.h: conditions on the raw bytes of records, for prefilters. */
#ifndef CP_FORMAT_NEED_H
#define CP_FORMAT_NEED_H

#include "../data/path.h"

/* A condition on raw bytes that holds for every record for which the expression can be true. */
enum cp_need_kind {
    CP_NEED_LITERAL, /* the field's text contains these bytes (== in contains starts ends, regex
                        literal) */
    CP_NEED_NUMBER,  /* the field compares with a number: op and bound */
};
struct cp_need {
    enum cp_need_kind kind;
    const struct cp_path *path;
    struct cp_slice literal;
    char op[3];    /* CP_NEED_NUMBER: "<" "<=" ">" ">=" "==" */
    int64_t bound; /* integers only */
};

#endif
