/* reader.h: bytes of one input: a file, standard input, compressed or not.
 *
 * gzip is told by its first bytes and unpacked on the way (zlib, several members one after
 * another). Other compressions are told too, and refused by name. Not thread safe; one thread
 * reads. Never sets O_NONBLOCK: the descriptor may be shared.
 */
#ifndef CP_IO_READER_H
#define CP_IO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/err.h"

struct cp_gzip;

struct cp_reader {
    const char *name; /* for messages; borrowed */
    int fd;
    int stop_fd;     /* a read that would wait ends when this becomes readable; -1: none */
    bool is_regular; /* reads never wait */
    bool owns_fd;
    bool was_short;   /* the last read gave less than it could */
    bool is_started;  /* the first bytes have been looked at */
    int64_t modified; /* ns; of a regular file, else 0 */
    struct cp_gzip *gzip;
    uint64_t bytes; /* read from the descriptor */
};

/* Opens a path; "-" is standard input. 0, or -1 and err: missing, a directory, not allowed … */
int cp_reader_open(struct cp_reader *r, const char *path, int stop_fd, struct cp_err *err);
/* The bytes of a descriptor that stays the caller's. */
int cp_reader_open_fd(struct cp_reader *r, int fd, const char *name, int stop_fd,
                      struct cp_err *err);
void cp_reader_close(struct cp_reader *r);

/* Up to n bytes, as soon as there are any; 0: the end; -1: err is set; CP_READER_STOPPED: stop_fd
 * became readable first. */
enum { CP_READER_STOPPED = -2 };
ssize_t cp_reader_read(struct cp_reader *r, void *buf, size_t n, struct cp_err *err);

#endif
