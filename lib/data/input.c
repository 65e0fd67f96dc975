/* input.c: the life of an input. */
#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"

struct cp_input *cp_input_new(const char *name, int64_t modified)
{
    struct cp_input *in = cp_xcalloc(1, sizeof *in);
    atomic_init(&in->refs, 1);
    in->name = cp_heap_copy(&in->heap, name, strlen(name));
    in->modified = modified;
    return in;
}

void cp_input_keep_header(struct cp_input *in, struct cp_slice raw)
{
    in->header_line = (struct cp_slice){cp_heap_copy(&in->heap, raw.p, raw.n), raw.n};
}

void cp_input_ref(struct cp_input *in)
{
    atomic_fetch_add_explicit(&in->refs, 1, memory_order_relaxed);
}

void cp_input_release(struct cp_input *in)
{
    if (!in || atomic_fetch_sub_explicit(&in->refs, 1, memory_order_acq_rel) != 1)
        return;
    cp_heap_release(&in->heap);
    free(in);
}
