/* detect.h: which format an input has (`parse auto`). */
#ifndef CP_FORMAT_DETECT_H
#define CP_FORMAT_DETECT_H

#include "format.h"

/* Bytes of an input that are looked at, at most. */
enum { CP_DETECT_SIZE = 64 * 1024 };

/* The format that p[0..n), the first bytes of an input, look most like, by the sniff functions of
 * the registry; `line` when no other does. A cut last line is passed over unless it is the only
 * one. Nothing is kept; thread safe. CP_PAD bytes behind p[n] must be readable. */
const struct cp_format *cp_format_detect(const uint8_t *p, size_t n);

/* For sniff functions: calls `look` for up to 100 lines of p[0..n) that are not empty and returns
 * how many per cent of them it says true for; 0 when there is none. */
int cp_sniff_lines(const char *p, size_t n, bool (*look)(void *ctx, const char *p, size_t n),
                   void *ctx);

/* The per cent of lines that decode takes, without options. */
int cp_sniff_decode(const struct cp_format *format, const char *p, size_t n);

#endif
