/* source.h: the options that all sources of bytes share. */
#ifndef CP_STAGES_SOURCE_H
#define CP_STAGES_SOURCE_H

#include "../lib/stage.h"

struct source_options {
    int frame; /* 0: as the parser has it, else enum cp_frame + 1 */
    uint64_t max_line;
};

#define SOURCE_OPTIONS(type, member)                                                               \
    {"frame",                                                                                      \
     CP_OPT_CHOICE,                                                                                \
     offsetof(type, member.frame),                                                                 \
     "auto line nul blank whole csv document rejects",                                             \
     NULL,                                                                                         \
     "what a record is: a line, what ends in NUL, lines between empty ones, the whole file; "      \
     "auto: as the parser has it; rejects: the records in a file of on_error: {to: FILE}"},        \
    {                                                                                              \
        "max_line", CP_OPT_SIZE, offsetof(type, member.max_line), NULL, "1MiB",                    \
            "bytes a record may have; longer ones are left out and counted"                        \
    }

/* Records may have n bytes from here on. -1 after a diagnostic: that is no size for them. */
int source_plan_max_line(struct cp_planner *p, uint64_t n);
/* Applies the options to the plan. */
void source_plan(struct cp_planner *p, const struct source_options *o);

#endif
