/* columns.h: what csv, tsv and table share when writing: columns that are fixed by the first
 * records. Internal to lib/format. */
#ifndef CP_FORMAT_COLUMNS_H
#define CP_FORMAT_COLUMNS_H

#include "members.h"

enum cp_new_fields { CP_NEW_FIELDS_COUNT, CP_NEW_FIELDS_IGNORE, CP_NEW_FIELDS_ERROR };

struct cp_columns {
    struct cp_slice *names; /* owned, decoded */
    struct cp_value *cells; /* of the record filled last; CP_MISSING where it has none */
    size_t n, cap;
    uint64_t left_out; /* members without a column */
    char *first_left_out;
    struct cp_texts texts;
    /* For the shape seen last: the column of each of its fields, or CP_NO_COLUMN. */
    uint32_t *of_field;
    size_t of_field_cap;
    size_t serial;
    bool has_shape;
};
#define CP_NO_COLUMN UINT32_MAX

/* Adds the columns that are not there yet: the shape's where it is closed, else those of record i.
 * False: there are still none; ask again with the next record. */
bool cp_columns_choose(struct cp_columns *c, const struct cp_batch *b, uint32_t i);

/* Adds a column; the name is copied. */
void cp_columns_add(struct cp_columns *c, struct cp_slice name);

/* The column of a name, or CP_NO_COLUMN; guess is tried first. */
uint32_t cp_columns_find(const struct cp_columns *c, struct cp_slice name, size_t guess);

/* Fills c->cells with record i. Returns how many members have no column; names the first of them.
 * Of a name that comes twice the last value counts. The values live as long as the batch. */
size_t cp_columns_fill(struct cp_columns *c, const struct cp_batch *b, uint32_t i);

/* Whether the columns are these names, in this order. */
bool cp_columns_are(const struct cp_columns *c, const struct cp_slice *names, size_t n);

void cp_columns_release(struct cp_columns *c);

/* ---- A writer of lines of cells: csv and tsv ---- */

struct cp_cells_writer {
    struct cp_columns columns;
    struct cp_slice option; /* `delimiter`, csv only */
    int new_fields;         /* option */
    uint8_t delimiter;
    bool has_columns;
    bool has_cr; /* lines end in \r\n: the first record came so and is written as it came */
    /* Writes one cell. record: its bytes when they are of the same format and delimiter, else p is
     * NULL. */
    void (*put)(struct cp_cells_writer *w, struct cp_out *out, const struct cp_value *v,
                struct cp_slice record);
};

/* The encode of both formats. */
const char *cp_cells_encode(struct cp_cells_writer *w, const struct cp_format *format,
                            const struct cp_batch *b, const uint16_t *sel, size_t n,
                            struct cp_out *out, size_t *done);

#define CP_OPTION_NEW_FIELDS                                                                       \
    {                                                                                              \
        "new_fields", CP_OPT_CHOICE, offsetof(struct cp_cells_writer, new_fields),                 \
            "count ignore error", "count",                                                         \
            "What becomes of a field that has no column: it is left out, and counted unless "      \
            "ignore; error: so is its record"                                                      \
    }

uint64_t cp_cells_left_out(const void *encoder, struct cp_slice *first);
void cp_cells_encode_close(void *encoder);

#endif
