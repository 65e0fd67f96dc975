/* common.c: the common log format: combined without referer and agent. */
#include "combined.h"
#include "detect.h"

static const char *const names[] = {"host", "ident",    "user",   "time",  "method",
                                    "path", "protocol", "status", "bytes", NULL};

static int common_open(void *decoder, const struct cp_wants *wants, struct cp_heap *heap,
                       struct cp_err *err)
{
    (void)err;
    return cp_combined_open(decoder, wants, names, heap);
}

static const char *common_decode(void *decoder, const char *p, size_t n, const struct cp_row *row,
                                 size_t *at)
{
    struct cp_combined_span span[CP_COMBINED_FIELDS];
    const char *rest, *why = cp_combined_head(decoder, p, n, span, &rest, at);

    if (why == NULL && rest != p + n)
        why = cp_refuse(at, (size_t)(rest - p), "text after the bytes");
    if (why == NULL)
        cp_combined_put(decoder, span, row);
    return why;
}

static bool common_can_probe(const void *decoder, const struct cp_need *need)
{
    (void)decoder;
    return cp_combined_can_probe(names, need);
}

static const struct cp_format_example examples[] = {
    {"1.2.3.4 - - [20/Nov/2026:18:00:00 +0000] \"GET / HTTP/1.0\" 304 -", NULL,
     "{\"host\":\"1.2.3.4\",\"ident\":null,\"user\":null,\"time\":\"20/Nov/2026:18:00:00 +0000\","
     "\"method\":\"GET\",\"path\":\"/\",\"protocol\":\"HTTP/"
     "1.0\",\"status\":304,\"bytes\":null}\n"},
    {NULL, NULL, NULL},
};

const struct cp_format cp_format_common = {
    .name = "common",
    .summary = "The common log format of web servers",
    .doc = "host ident user [time] \"method path protocol\" status bytes\n\n"
           "As combined, without referer and agent; text behind the bytes is an error.",
    .examples = examples,
    .frame = CP_FRAME_LINE,
    .decoder_size = sizeof(struct cp_combined),
    .fields = names,
    .open = common_open,
    .decode = common_decode,
    .can_probe = common_can_probe,
    .probe = cp_combined_probe,
    .sniff = cp_sniff_decode,
};
