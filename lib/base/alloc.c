/* alloc.c: memory that is always there, or the end. */
#include "alloc.h"

#include "err.h"

#include <stdlib.h>
#include <unistd.h>

/* write and _exit only: stdio may need memory, and another thread may hold its lock. */
_Noreturn void cp_oom(void)
{
    static const char message[] = "chanpipe: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

    (void)ignored;
    _exit(CP_EXIT_IO);
}

void *cp_xmalloc(size_t n)
{
    void *p = malloc(n > 0 ? n : 1);

    if (!p)
        cp_oom();
    return p;
}

void *cp_xcalloc(size_t n, size_t size)
{
    void *p = n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1);

    if (!p)
        cp_oom();
    return p;
}

void *cp_xrealloc(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        cp_oom();
    void *q = realloc(p, bytes > 0 ? bytes : 1);
    if (!q)
        cp_oom();
    return q;
}

void *cp_xgrow(void *v, size_t n, size_t *cap, size_t size)
{
    if (v && n < *cap)
        return v;
    size_t want = *cap < 4 ? 8 : *cap * 2;
    v = cp_xrealloc(v, want, size);
    *cap = want;
    return v;
}
