/* doc_cursor.h: a place in the text of a one-liner that moves on: over blanks and comments, and
 * over arguments to where they end. */
#ifndef CP_PLAN_DOC_CURSOR_H
#define CP_PLAN_DOC_CURSOR_H

#include "doc_impl.h"

struct cp_cursor {
    struct cp_doc_reader *r;
    const struct cp_text *t;
    char *p; /* a copy of the text */
    size_t n, at;
    bool may_comment;
    bool failed; /* something is wrong with the stage that is being read */
    bool
        is_lost; /* it went to the end in search of a closing quote or bracket; that was reported */
    size_t open; /* braces of branches */
};

/* At the start of a text. */
struct cp_cursor cp_cursor_of(struct cp_doc_reader *r, const struct cp_text *t, bool may_comment);
/* What stands at [off, off + len) is wrong. -1. */
int cp_cursor_wrong(struct cp_cursor *c, size_t off, size_t len, const char *hint,
                    const char *message);
/* What begins at off is not closed: goes to the end. -1. */
int cp_cursor_unclosed(struct cp_cursor *c, size_t off, const char *hint, const char *message);
/* To the end: what comes cannot be understood any more, and that has been reported. */
void cp_cursor_lose(struct cp_cursor *c);
/* At the end of a stage: of the text, at a `|`, in a branch also at a `;` or `}`. */
bool cp_cursor_is_end(const struct cp_cursor *c);
/* At this byte. */
bool cp_cursor_sees(const struct cp_cursor *c, char byte);
/* At `with key=`: otherwise it is a word or field like others. */
bool cp_cursor_sees_with(const struct cp_cursor *c);
/* Over blanks, line breaks and comments; all become blanks of the copy. */
void cp_cursor_skip_blanks(struct cp_cursor *c);
/* A part of the text as it is in the copy; the text's own positions. */
struct cp_text cp_cursor_part(const struct cp_cursor *c, size_t off, size_t len);
/* The part from off to the cursor, without the blanks at its end. */
struct cp_text cp_cursor_part_from(const struct cp_cursor *c, size_t off);

/* Over arguments, up to the end of the stage or `with key=`. -1 after a diagnostic. */
int cp_cursor_skip_expr(struct cp_cursor *c);
int cp_cursor_skip_words(struct cp_cursor *c, bool regex);
/* Over the condition of a case, up to `=>` or the end of a stage. -1 after a diagnostic. */
int cp_cursor_skip_condition(struct cp_cursor *c);

/* ---- doc_setting.c ---- */

/* At `with`: all settings behind it. -1 where it makes no sense to read on. */
int cp_cursor_read_settings(struct cp_cursor *c, struct cp_item *item);

#endif
