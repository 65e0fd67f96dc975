/* trace.h: which lines belong to a stack trace, and which are indented: the presets of multiline.
 */
#ifndef CP_STAGES_TRACE_H
#define CP_STAGES_TRACE_H

#include "joiner.h"

/* As the choices of the option. */
enum trace_kind { TRACE_NONE, TRACE_JAVA, TRACE_PYTHON, TRACE_GO, TRACE_INDENT };
#define TRACE_CHOICES "none java python go indent"

struct trace {
    enum trace_kind kind;
    int state; /* within a trace; 0: in none */
};

/* What becomes of the next line, without its line end; CP_PAD bytes behind it can be read. */
enum join trace_next(struct trace *t, const char *p, size_t n);

#endif
