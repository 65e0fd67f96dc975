/* alloc.h: memory for everything above libchan, and the one way out when there is none.
 *
 * These never return NULL: out of memory ends the program (cp_oom). What is returned is given back
 * with free(). All of it is thread safe. libchan (lib/chan) does not use them: it returns the
 * error.
 */
#ifndef CP_BASE_ALLOC_H
#define CP_BASE_ALLOC_H

#include <stddef.h>

/* Writes "chanpipe: out of memory" to standard error and ends the process with status 4 at once:
 * nothing is flushed, no exit handler runs, no lock is taken. */
_Noreturn void cp_oom(void);

/* n bytes; n == 0 gives a pointer that can be freed. */
void *cp_xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
/* n objects of `size` bytes, zeroed; n * size may not fit size_t: that is out of memory too. */
void *cp_xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Room for n objects of `size` bytes, the old content kept; p may be NULL. */
void *cp_xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));

/* For arrays that grow one by one: the array v of *cap objects, made larger (twice, at least 8)
 * when n == *cap. */
void *cp_xgrow(void *v, size_t n, size_t *cap, size_t size) __attribute__((returns_nonnull));

#endif
