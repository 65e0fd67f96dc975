/* lexer.h: the words of expressions. Internal to lib/expr; stages use the functions of expr.h.
 *
 * One token is looked at ahead. A `/` is a sign until the parser, where it expects a value, asks to
 * read it again as the beginning of a regex (awk's rule).
 */
#ifndef CP_EXPR_LEXER_H
#define CP_EXPR_LEXER_H

#include "expr.h"

enum cp_token_kind {
    CP_TOKEN_END,
    CP_TOKEN_VALUE, /* a number, duration, size or time: value */
    CP_TOKEN_TEXT,  /* value: a quoted text */
    CP_TOKEN_PATH,  /* path: a word or a dotted name; is_word: one bare word */
    CP_TOKEN_REGEX, /* text: between the slashes; flags */
    CP_TOKEN_SIGN,  /* text */
    CP_TOKEN_BAD,   /* has been reported */
};

struct cp_token {
    enum cp_token_kind kind;
    size_t off, len;
    struct cp_slice text, flags;
    struct cp_value value;
    struct cp_path *path;
    bool is_word;
    bool is_digits;   /* VALUE: plain digits, for counts */
    int64_t duration; /* VALUE: of a duration, in ns; else 0 */
};

struct cp_lexer {
    const struct cp_text *text;
    struct cp_heap *heap;
    struct cp_diags *diags;
    size_t at;       /* behind the token looked at */
    size_t last_end; /* behind the last token consumed */
    struct cp_token token;
    bool has_token;
    unsigned depth; /* of the parser */
};

/* The next token, not consumed. Reports what is no token. */
const struct cp_token *cp_lexer_peek(struct cp_lexer *lx);
/* Consumes it. */
struct cp_token cp_lexer_take(struct cp_lexer *lx);
/* The next token was the sign `/`: reads it as a regex instead. */
const struct cp_token *cp_lexer_peek_regex(struct cp_lexer *lx);
/* The next token is this sign. */
bool cp_lexer_peek_sign(struct cp_lexer *lx, const char *sign);
/* It follows the last one without a blank. */
bool cp_lexer_is_adjacent(struct cp_lexer *lx);

/* The position of [off, end) of the text. */
struct cp_pos cp_lexer_span(const struct cp_lexer *lx, size_t off, size_t end);

/* A path of the first n steps of `path` and one more step. */
struct cp_path *cp_path_append(struct cp_heap *heap, const struct cp_path *path,
                               struct cp_step step);

#endif
