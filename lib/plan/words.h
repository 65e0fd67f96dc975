/* words.h: the arguments of stages that take words (files, parse, file, grep …), and option tables.
 *
 *     parse csv from msg header=a,b "a quoted word" key="quoted value"
 */
#ifndef CP_PLAN_WORDS_H
#define CP_PLAN_WORDS_H

#include "../base/option.h"
#include "doc.h"

struct cp_word {
    struct cp_text text; /* quotes removed */
    bool quoted;
    struct cp_slice key; /* of key=value words (unquoted key): text is the value; else empty */
};

struct cp_words {
    struct cp_word *v;
    size_t n;
};

/* Splits args at blanks. "…" at the start of a word, or of the value behind `key=`, quotes and
 * knows \" and \\ (any other backslash is itself), and may go over lines; a quote elsewhere is a
 * byte like others.
 * /…/flags at the start of a word is one word (a regex, spelled as it stands) where regex is true;
 * a slash in it is \/. The blanks in ${X:-a b} do not split. `a==b` and `a=~b` have no key. Returns
 * -1 after a diagnostic. */
int cp_words_split(const struct cp_text *args, bool regex, struct cp_heap *heap,
                   struct cp_words *out, struct cp_diags *diags);

/* Where one word ends: the rules of cp_words_split, for the reader of one-liners. */
struct cp_word_end {
    size_t end; /* of the word from p[0] on, which is no blank; n at most */
    size_t key; /* bytes before the `=` of key=value; 0: none */
    bool is_quoted, is_regex;
    bool is_open;      /* wrong: nothing closes the quote or regex; end is n */
    const char *wrong; /* NULL, or a static sentence on what is wrong with the word: at is where */
    const char *hint;  /* or NULL */
    size_t at;
};
/* in_branch: words also end at a `;` outside of brackets and at a `}` that closes none of their
 * own; splitting such args finds the same words. */
struct cp_word_end cp_word_end(const char *p, size_t n, bool regex, bool in_branch);

/* Whether a text can stand in args as one word as it is; else it needs quotes. */
bool cp_word_is_plain(struct cp_slice s, bool regex, bool in_branch);

/* Gives an option the value of a node (YAML) or of a text (a word); says what is wrong with it in
 * diags and returns -1. */
int cp_option_set_node(const struct cp_option *o, void *base, const struct cp_node *value,
                       struct cp_heap *heap, struct cp_diags *diags);
int cp_option_set_text(const struct cp_option *o, void *base, const struct cp_text *value,
                       struct cp_heap *heap, struct cp_diags *diags);

#endif
