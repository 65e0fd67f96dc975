/* cells.h: what csv and tsv share when reading: columns with names from a header. Internal to
 * lib/format. */
#ifndef CP_FORMAT_CELLS_H
#define CP_FORMAT_CELLS_H

#include "bits.h"
#include "fields.h"

/* The columns of one header, and which of them are wanted. */
struct cp_columns_map {
    struct cp_fields fields;
    const struct cp_slice *names;
    size_t n;
};

/* The decoder of both. */
struct cp_cells {
    struct cp_list header;  /* option; n == 0: the first record of every input */
    struct cp_slice option; /* `delimiter`, csv only */
    int types;              /* option */
    uint8_t delimiter;      /* 0: the default of the format */
    uint8_t flags;          /* of bare cells */
    const struct cp_wants *wants;
    struct cp_columns_map *map; /* of the option; NULL: in cp_input.by_want */
};

/* plan and open of both formats. */
int cp_cells_plan(struct cp_cells *c, struct cp_heap *heap, struct cp_slice **names, size_t *n);
int cp_cells_open(struct cp_cells *c, const struct cp_wants *wants, struct cp_heap *heap);

/* Takes the n names of a header, decoded, in the heap of the input: makes them unique (a, a_2; an
 * empty one is the number of its column) and sets header and by_want of the input. */
void cp_cells_set_header(const struct cp_cells *c, struct cp_input *input, struct cp_slice *names,
                         size_t n);

/* The columns of a record that came from the input; NULL when it has no header. */
static inline const struct cp_columns_map *cp_cells_map(const struct cp_cells *c,
                                                        const struct cp_input *input)
{
    if (c->map != NULL)
        return c->map;
    return input != NULL ? input->by_want : NULL;
}

/* The name of column k for a walk. decoder may be NULL. */
struct cp_slice cp_cells_name(const struct cp_cells *c, const struct cp_input *input, size_t k);

extern const char cp_cells_no_header[], cp_cells_too_few[], cp_cells_too_many[];

/* Finds delimiters one after the other: remembers those of the 64 bytes it stands in. */
struct cp_delimiters {
    const char *base, *end;
    uint64_t bits; /* those at base and behind that were not passed yet */
    uint8_t c;
};

static inline void cp_delimiters_look(struct cp_delimiters *d, const char *at)
{
    cp_bytes64 block = cp_bytes64_load((const uint8_t *)at);

    d->base = at;
    d->bits = cp_bits_equal(&block, d->c) & cp_bits_below((size_t)(d->end - at));
}

/* Starts at p <= end. */
static inline void cp_delimiters_init(struct cp_delimiters *d, const char *p, const char *end,
                                      uint8_t c)
{
    d->end = end;
    d->c = c;
    cp_delimiters_look(d, p);
}

/* The next delimiter, or end. */
static inline const char *cp_delimiters_next(struct cp_delimiters *d)
{
    while (d->bits == 0) {
        if (d->end - d->base <= 64)
            return d->end;
        cp_delimiters_look(d, d->base + 64);
    }
    const char *hit = d->base + __builtin_ctzll(d->bits);
    d->bits &= d->bits - 1;
    return hit;
}

/* Passes over all before p; p is not before what was returned last. */
static inline void cp_delimiters_skip(struct cp_delimiters *d, const char *p)
{
    if (p - d->base >= 64)
        cp_delimiters_look(d, p);
    else
        d->bits &= ~cp_bits_below((size_t)(p - d->base));
}

#endif
