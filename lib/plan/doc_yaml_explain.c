/* doc_yaml_explain.c: why a file is no YAML, for people who do not know libyaml.
 *
 * libyaml tells what it was looking for. What the user did wrong shows in the bytes around the
 * place, most often a text that should have been quoted.
 */
#include "doc_yaml_nodes.h"

#include <stdio.h>
#include <string.h>

static const char quote_it[] = "put the whole text in single quotes: '…'";

static const char comment_hint[] =
    "YAML takes ` #` for a comment: put the whole text in single quotes: '…'";

/* A file that is no YAML. */
struct failure {
    struct cp_doc_reader *r;
    const char *problem, *context; /* libyaml's words; never NULL */
    size_t at, context_at;         /* offsets of the source */
};

static int say(const struct failure *f, size_t at, const char *hint, const char *message)
{
    return cp_diag_error(f->r->diags, cp_doc_pos(f->r, at, 1), hint, "%s", message);
}

static char byte_at(const struct failure *f, size_t i)
{
    return i < f->r->source->len ? f->r->source->text[i] : '\0';
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static size_t line_start(const struct failure *f, size_t i)
{
    while (i > 0 && byte_at(f, i - 1) != '\n')
        i--;
    return i;
}

/* The offset of the first byte of the line that is neither blank nor the `- ` of a list. */
static size_t content_start(const struct failure *f, size_t i)
{
    i = line_start(f, i);
    while (byte_at(f, i) == ' ' || (byte_at(f, i) == '-' && byte_at(f, i + 1) == ' '))
        i++;
    return i;
}

/* Whether a closing quote stands before the place, in its line. */
static bool is_behind_quote(const struct failure *f)
{
    size_t i = f->at, start = line_start(f, f->at);

    if (i >= f->r->source->len || cp_is_blank(byte_at(f, i)) || strchr(",]}:#", byte_at(f, i)))
        return false;
    while (i > start && (byte_at(f, i - 1) == ' ' || byte_at(f, i - 1) == '\t'))
        i--;
    return i > start && (byte_at(f, i - 1) == '"' || byte_at(f, i - 1) == '\'');
}

static int explain_behind_quote(const struct failure *f)
{
    return say(f, f->at, "put the whole text in single quotes, quotes inside and all: '\"a\" == b'",
               "a text that begins with a quote ends with it, but here text goes on");
}

/* `a: b: c`: either the second colon is text, or the line is indented too far and belongs to the
 * text above. */
static int explain_colon(const struct failure *f)
{
    const char *text = f->r->source->text;
    size_t start = content_start(f, f->at),
           n = cp_name_length(text + start, f->r->source->len - start);

    if (start + n != f->at || byte_at(f, f->at) != ':')
        return say(f, f->at, quote_it, "YAML takes `: ` inside a plain text for the end of a key");
    const char *hint = cp_heap_printf(
        f->r->heap, "put %.*s straight below the key that it stands beside", (int)n, text + start);
    return say(f, start, hint,
               "this line is indented too far: YAML takes it for a part of the text above");
}

static int explain_first_byte(const struct failure *f)
{
    char c = byte_at(f, f->at), message[64];

    if (f->at >= f->r->source->len)
        return say(f, f->at, "a text that begins with [ or { is put in single quotes: '…'",
                   "the file ends, but a [ or { is still open");
    if (c == '\t')
        return say(f, f->at, "indent with blanks", "a tab where only blanks may stand");
    if (is_behind_quote(f))
        return explain_behind_quote(f);
    snprintf(message, sizeof(message), "a plain text cannot begin with %c", c);
    return say(f, f->at, quote_it, message);
}

static int explain_indentation(const struct failure *f)
{
    if (is_behind_quote(f))
        return explain_behind_quote(f);
    if (byte_at(f, f->at) == '-' && has(f->context, "mapping"))
        return say(f, f->at, "a key and its list: `stages:` above, the items indented below it",
                   "a list item where a key should stand");
    if (f->at == content_start(f, f->at))
        return say(f, f->at, "items of one list, and keys of one map, begin in the same column",
                   "the indentation of this line fits no line above");
    return say(f, f->at, quote_it, "this text does not fit here");
}

/* Whether YAML sees a comment in the line of the bracket. */
static bool has_comment(const struct failure *f)
{
    size_t i = f->context_at;

    while (i < f->r->source->len && byte_at(f, i) != '\n' &&
           !(byte_at(f, i) == ' ' && byte_at(f, i + 1) == '#'))
        i++;
    return byte_at(f, i) == ' ';
}

static int explain_brackets(const struct failure *f)
{
    bool is_list = has(f->context, "sequence");
    size_t i = f->at;

    if (is_behind_quote(f))
        return explain_behind_quote(f);
    if (i >= f->r->source->len || line_start(f, i) != line_start(f, f->context_at))
        return say(f, f->context_at, has_comment(f) ? comment_hint : quote_it,
                   is_list ? "no ] closes this [, which begins a list"
                           : "no } closes this {, which begins a map");
    return say(f, i, "put each text with brackets, braces or commas in single quotes: ['…', '…']",
               "inside [ ] and { } a plain text ends at , [ ] { and }");
}

static int explain_quoted(const struct failure *f)
{
    if (has(f->problem, "escape") || has(f->problem, "hexdecimal"))
        return say(f, f->at, "in single quotes a backslash is itself: '…'",
                   "this is no escape of a text in double quotes");
    return say(f, f->context_at, NULL, "no quote closes this one");
}

static int explain_block(const struct failure *f)
{
    char message[96], c = byte_at(f, f->context_at);

    if (has(f->problem, "tab"))
        return say(f, f->at, "indent with blanks", "a tab where only blanks may stand");
    snprintf(message, sizeof(message),
             "a plain text cannot begin with %c, which begins a block of lines", c);
    return say(f, f->context_at, quote_it, message);
}

static int explain_mark(const struct failure *f)
{
    char message[64];

    snprintf(message, sizeof(message), "a plain text cannot begin with %c",
             byte_at(f, f->context_at));
    return say(f, f->context_at, quote_it, message);
}

static int explain_tag(const struct failure *f)
{
    return say(
        f, f->context_at,
        "`not` negates in expressions; other text that begins with ! goes in single quotes: '…'",
        "YAML takes a text that begins with ! for a tag");
}

static int explain_no_key(const struct failure *f)
{
    return say(f, f->context_at, "a key ends with a colon and a blank", "expected `key: value`");
}

static int explain_item(const struct failure *f)
{
    return say(
        f, f->at,
        "begin it in a line of its own, or put a text that begins with `- ` in single quotes: '…'",
        "a list item cannot begin here");
}

static int explain_question(const struct failure *f)
{
    return say(f, f->at, quote_it, "a plain text cannot begin with ? and a blank");
}

static int explain_end(const struct failure *f)
{
    return say(f, f->at, NULL, "the file's content has ended before this");
}

/* The first row whose words are in libyaml's. */
static const struct {
    const char *context, *problem;
    int (*explain)(const struct failure *f);
} explanations[] = {
    {"", "tab character", explain_first_byte},
    {"", "mapping values are not allowed", explain_colon},
    {"", "block sequence entries are not allowed", explain_item},
    {"", "mapping keys are not allowed", explain_question},
    {"", "cannot start any token", explain_first_byte},
    {"anchor", "", explain_mark},
    {"alias", "", explain_mark},
    {"tag", "", explain_tag},
    {"", "tag", explain_tag},
    {"block scalar", "", explain_block},
    {"quoted scalar", "", explain_quoted},
    {"simple key", "", explain_no_key},
    {"flow sequence", "", explain_brackets},
    {"flow mapping", "", explain_brackets},
    {"", "expected node content", explain_first_byte},
    {"block mapping", "", explain_indentation},
    {"block collection", "", explain_indentation},
    {"", "document", explain_end},
};

int cp_yaml_explain(struct cp_doc_reader *r, const yaml_parser_t *parser, size_t problem,
                    size_t context)
{
    struct failure f = {
        .r = r,
        .problem = parser->problem ? parser->problem : "",
        .context = parser->context ? parser->context : "",
        .at = problem,
        .context_at = parser->context ? context : problem,
    };

    for (size_t i = 0; i < sizeof(explanations) / sizeof(*explanations); i++)
        if (has(f.context, explanations[i].context) && has(f.problem, explanations[i].problem))
            return explanations[i].explain(&f);
    return cp_diag_error(r->diags, cp_doc_pos(r, f.at, 1), NULL, "this is no YAML: %s", f.problem);
}
