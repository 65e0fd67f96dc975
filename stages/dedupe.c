/* dedupe: passes the first record of each key. */
#include "seen.h"

struct dedupe {
    struct seen seen;
};

static const struct cp_option options[] = {
    SEEN_OPTIONS(struct dedupe, seen),
    {NULL},
};

static int dedupe_plan(struct cp_planner *p, void *data)
{
    struct seen *s = &((struct dedupe *)data)->seen;

    if (cp_lexer_at_end(p->lexer) && seen_plan_record(p, s) < 0)
        return -1;
    while (!cp_lexer_at_end(p->lexer)) {
        struct cp_pos pos = cp_lexer_pos(p->lexer);
        struct cp_path *path = cp_path_parse(p->lexer);
        if (!path || seen_plan_field(p, s, path, pos) < 0)
            return -1;
        cp_lexer_accept(p->lexer, ",");
    }
    return seen_plan_end(p, s);
}

static int dedupe_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    return seen_open(s, &((struct dedupe *)data)->seen, err);
}

static enum cp_outcome dedupe_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    return seen_process(s, &((struct dedupe *)data)->seen, b);
}

static int dedupe_finish(struct cp_stage *s, void *data)
{
    return seen_finish(s, &((struct dedupe *)data)->seen);
}

static void dedupe_close(void *data)
{
    seen_close(&((struct dedupe *)data)->seen);
}

const struct cp_stage_type cp_stage_dedupe = {
    .name = "dedupe",
    .kind = CP_FILTER,
    .summary = "Passes the first record of each key",
    .usage = "[FIELD ...]",
    .doc = "The key is the texts of the fields; null and missing are the same. Without fields it "
           "is the whole record: its bytes as "
           "long as nothing has changed it. Records need not be neighbours.\n"
           "Keys take at most max_memory; beyond it the oldest are given up, records like them "
           "pass again, and the summary says "
           "so.",
    .args = CP_ARGS_EXPR,
    .flags = CP_STAGE_COUNTS,
    .size = sizeof(struct dedupe),
    .options = options,
    .plan = dedupe_plan,
    .open = dedupe_open,
    .process = dedupe_process,
    .finish = dedupe_finish,
    .close = dedupe_close,
    .examples =
        (const struct cp_example[]){
            {"parse json | dedupe user",
             "{\"user\":\"a\",\"n\":1}\n{\"user\":\"b\",\"n\":2}\n{\"user\":\"a\",\"n\":3}\n",
             "{\"user\":\"a\",\"n\":1}\n{\"user\":\"b\",\"n\":2}\n",
             "the first record of each user"},
            {"dedupe", "a\nb\na\n", "a\nb\n", "lines that have not come before"},
            {"parse json | set n = null | dedupe",
             "{\"k\":1,\"n\":1}\n{\"k\":1,\"n\":2}\n{\"k\":2,\"n\":3}\n",
             "{\"k\":1,\"n\":null}\n{\"k\":2,\"n\":null}\n", "records as they are at this place"},
            {NULL},
        },
};
