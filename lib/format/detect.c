/* detect.c: which format an input has. */
#include "detect.h"

#include "../base/scan.h"
#include "fields.h"
#include "frame.h"

extern const struct cp_format cp_format_json;

enum { LINES = 100 }; /* looked at by cp_sniff_lines */

int cp_sniff_lines(const char *p, size_t n, bool (*look)(void *ctx, const char *p, size_t n),
                   void *ctx)
{
    struct cp_record lines[LINES];
    struct cp_frame_state frame;
    size_t next, found, seen = 0, good = 0;

    cp_frame_init(&frame, CP_FRAME_LINE, 0);
    found = cp_frame_cut(&frame, (const uint8_t *)p, 0, n, true, lines, LINES, &next);
    for (size_t k = 0; k < found; k++) {
        if (lines[k].len == 0)
            continue;
        seen++;
        good += look(ctx, p + lines[k].off, lines[k].len);
    }
    return seen == 0 ? 0 : (int)(good * 100 / seen);
}

/* A decoder that wants nothing. */
struct trial {
    const struct cp_format *format;
    void *decoder;
};

static bool is_taken(void *ctx, const char *p, size_t n)
{
    const struct trial *t = ctx;
    struct cp_row row = {0};
    size_t at;

    return t->format->decode(t->decoder, p, n, &row, &at) == NULL;
}

int cp_sniff_decode(const struct cp_format *format, const char *p, size_t n)
{
    struct cp_heap heap = {0};
    struct trial t = {format, cp_heap_take(&heap, format->decoder_size)};
    struct cp_wants wants = {.format = format, .decoder = t.decoder};
    struct cp_err err = {0};
    int score = 0;

    if (format->open == NULL || format->open(t.decoder, &wants, &heap, &err) == 0)
        score = cp_sniff_lines(p, n, is_taken, &t);
    if (format->close != NULL)
        format->close(t.decoder);
    cp_heap_release(&heap);
    return score;
}

/* Bytes up to and with the last newline, or all when there is none. */
static size_t whole_lines(const uint8_t *p, size_t n)
{
    const uint8_t *last = cp_scan_last(p, n, '\n');

    return last == NULL ? n : (size_t)(last - p) + 1;
}

/* A line of JSON starts with a bracket: bare numbers and words are JSON too, but nobody logs them.
 */
static int sniff_json(const struct cp_format *json, const char *p, size_t n)
{
    return p[0] == '{' || p[0] == '[' ? cp_sniff_decode(json, p, n) : 0;
}

static int score(const struct cp_format *format, const char *p, size_t n)
{
    if (format->sniff != NULL)
        return format->sniff(format, p, n);
    return format == &cp_format_json ? sniff_json(format, p, n) : 0;
}

const struct cp_format *cp_format_detect(const uint8_t *p, size_t n)
{
    const struct cp_format *best = cp_format_find(CP_SLICE("line"));
    size_t mark = cp_frame_mark_length(p, n);
    int best_score = 0;

    n = whole_lines(p, n < CP_DETECT_SIZE ? n : CP_DETECT_SIZE);
    for (size_t k = 0; cp_formats[k] != NULL && n > mark; k++) {
        int found = score(cp_formats[k], (const char *)p + mark, n - mark);
        if (found > best_score) {
            best = cp_formats[k];
            best_score = found;
        }
    }
    return best;
}
