/* wait.c: see wait.h. */
#include "wait.h"

#include <stddef.h>

static _Thread_local void (*on_wait)(void *ctx);
static _Thread_local void *on_wait_ctx;

void cp_on_wait(void (*fn)(void *ctx), void *ctx)
{
    on_wait = fn;
    on_wait_ctx = ctx;
}

void cp_before_wait(void)
{
    if (on_wait != NULL)
        on_wait(on_wait_ctx);
}
