/* writer.h: bytes to a descriptor, all of them. */
#ifndef CP_IO_WRITER_H
#define CP_IO_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct cp_writer {
    int fd;
    uint64_t bytes; /* written */
    int sys;        /* errno of the write that failed; 0: none */
};

/* Writes all n bytes; waits as long as it takes, also on a descriptor that somebody made
 * non-blocking. 0, or -1 and w->sys. ctx is a struct cp_writer: this is the write function of a
 * cp_out. */
int cp_writer_write(void *ctx, const char *p, size_t n);

#endif
