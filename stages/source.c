/* source.c: the options that all sources of bytes share. */
#include "source.h"

#include "../lib/format/rejects.h"

enum { MOST = 1 << 30 };

int source_plan_max_line(struct cp_planner *p, uint64_t n)
{
    p->max_line = p->stage->max_line = n;
    if (n > 0 && n <= MOST)
        return 0;
    return cp_diag_error(p->diags, p->stage->pos, NULL, "max_line is a size from 1 byte to 1GiB");
}

void source_plan(struct cp_planner *p, const struct source_options *o)
{
    source_plan_max_line(p, o->max_line);
    *p->framing = (struct cp_framing){.frame = CP_FRAME_LINE, .max_record = o->max_line};
    p->framing->lines = p->scope->wants = cp_plan_wants(p, cp_format_find(CP_SLICE("line")), NULL);
    cp_scope_declare(p->scope, CP_SLICE("line"));
    if (o->frame > 0) {
        p->framing->frame = (enum cp_frame)(o->frame - 1);
        p->framing->is_chosen = true;
    }
    if (p->options->retries) {
        p->framing->frame = CP_FRAME_REJECTS;
        p->framing->is_chosen = true;
    }
    if (p->framing->frame == CP_FRAME_REJECTS) {
        p->stage->max_line = cp_reject_line_max(o->max_line);
        cp_plan_tells_origins(p);
        cp_plan_memory(p, 2 * p->stage->max_line);
    }
}
