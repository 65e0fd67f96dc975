/* multiline: joins lines that belong together into one record. */
#include <inttypes.h>
#include <stdio.h>

#include "../lib/base/regex.h"
#include "../lib/chan/chan.h"
#include "trace.h"

struct multiline {
    /* Options. */
    struct cp_slice start, go_on, end, separator;
    int preset;
    uint64_t max_lines, max_bytes;
    int64_t timeout;

    struct cp_regex *starts, *goes_on, *ends;
    struct cp_regex_scratch scratch;
    const char *reason; /* why a regex could not decide about the line at hand; or NULL */
    uint32_t before;    /* lines of its batch that came before it */
    bool must_stop;     /* that happened too often */
    struct trace trace;
    struct joiner joiner;
};

static const struct cp_option options[] = {
    {"start", CP_OPT_TEXT, offsetof(struct multiline, start), NULL, NULL,
     "a regex: a line that matches begins a record, others are appended to it"},
    {"continue", CP_OPT_TEXT, offsetof(struct multiline, go_on), NULL, NULL,
     "a regex: a line that matches is appended to the record before, others begin one"},
    {"end", CP_OPT_TEXT, offsetof(struct multiline, end), NULL, NULL,
     "a regex: a line that matches is the last of its record"},
    {"preset", CP_OPT_CHOICE, offsetof(struct multiline, preset), TRACE_CHOICES, "none",
     "what continues a record: a stack trace of that language, or an indented line"},
    {"max_lines", CP_OPT_COUNT, offsetof(struct multiline, max_lines), NULL, "500",
     "lines that a record may have; what goes on behind them is a record of its own"},
    {"max_bytes", CP_OPT_SIZE, offsetof(struct multiline, max_bytes), NULL, NULL,
     "the same in bytes; without it max_line of the source, which it cannot exceed"},
    {"timeout", CP_OPT_DURATION, offsetof(struct multiline, timeout), NULL, "0s",
     "how long a record waits for what may continue it when nothing comes; 0s: up to the end"},
    {"separator", CP_OPT_TEXT, offsetof(struct multiline, separator), NULL, NULL,
     "what stands between joined lines, with \\n and \\t; without it their line ends as they are"},
    {NULL},
};

/* ---- Planning ---- */

/* A bare regex is `start`: only there it may hold blanks and | without quotes. */
static bool is_start(const struct cp_word *w)
{
    return !w->quoted && w->key.n == 0 && w->text.s.n > 1 && w->text.s.p[0] == '/';
}

/* Where the value of an option was written, or the stage. */
static struct cp_pos option_pos(const struct cp_planner *p, const char *key, size_t at)
{
    for (size_t i = 0; i < p->words.n; i++) {
        const struct cp_word *w = &p->words.v[i];
        if (cp_slice_is(w->key, key) || (is_start(w) && strcmp(key, "start") == 0))
            return cp_text_pos(&w->text, at, 0);
    }
    for (size_t i = 0; i < p->item->n_settings; i++)
        if (cp_slice_is(p->item->settings[i].key.s, key))
            return cp_text_pos(&p->item->settings[i].value->text, at, 0);
    return p->stage->pos;
}

/* `/PATTERN/flags`, or the pattern alone. */
static int plan_regex(struct cp_planner *p, struct cp_slice s, const char *key,
                      struct cp_regex **regex)
{
    const char *close = s.n > 1 && s.p[0] == '/' ? memrchr(s.p + 1, '/', s.n - 1) : NULL, *why;
    struct cp_slice flags = {0};
    size_t at, skipped = close ? 1 : 0;

    if (s.n == 0)
        return 0;
    if (close) {
        flags = (struct cp_slice){close + 1, (size_t)(s.p + s.n - close) - 1};
        s = (struct cp_slice){s.p + 1, (size_t)(close - s.p) - 1};
    }
    *regex = cp_regex_new(s, flags, p->heap, &why, &at);
    if (*regex)
        return 0;
    return cp_diag_error(p->diags, option_pos(p, key, at + skipped), NULL, "in the regex of %s: %s",
                         key, why);
}

/* A word without a key. */
static int plan_bare(struct cp_planner *p, struct multiline *self, const struct cp_word *w)
{
    bool is_regex = is_start(w);

    if (is_regex ? self->start.n > 0 : self->preset != TRACE_NONE)
        return cp_diag_error(p->diags, cp_text_pos(&w->text, 0, w->text.s.n), NULL,
                             "multiline takes one %s", is_regex ? "pattern for start" : "preset");
    return cp_option_set_text(
        cp_option_find(options, is_regex ? CP_SLICE("start") : CP_SLICE("preset")), self, &w->text,
        p->heap, p->diags);
}

static int plan_words(struct cp_planner *p, struct multiline *self)
{
    for (size_t i = 0; i < p->words.n; i++)
        if (p->words.v[i].key.n > 0 && cp_plan_word_option(p, &p->words.v[i]) < 0)
            return -1;
    for (size_t i = 0; i < p->words.n; i++)
        if (p->words.v[i].key.n == 0 && plan_bare(p, self, &p->words.v[i]) < 0)
            return -1;
    return 0;
}

static int check_rules(struct cp_planner *p, const struct multiline *self)
{
    bool has_regex = self->start.n > 0 || self->go_on.n > 0 || self->end.n > 0;

    if (has_regex == (self->preset != TRACE_NONE))
        return cp_diag_error(
            p->diags, p->stage->pos,
            "multiline java, multiline /^\\d{4}-/, multiline continue=/^\\s/",
            has_regex ? "multiline takes a preset or patterns, not both"
                      : "multiline needs a pattern (start, continue, end) or a preset (java, "
                        "python, go, indent)");
    if (self->max_lines == 0)
        return cp_diag_error(p->diags, option_pos(p, "max_lines", 0), NULL,
                             "max_lines is at least 1");
    if (self->timeout < 0)
        return cp_diag_error(p->diags, option_pos(p, "timeout", 0), NULL,
                             "timeout is a duration that is not negative");
    if (self->max_bytes > p->max_line)
        return cp_diag_error(p->diags, option_pos(p, "max_bytes", 0),
                             "raise max_line of the source",
                             "max_bytes is at most max_line, %zu bytes here", p->max_line);
    return 0;
}

/* What a regex cannot decide about stays in its record. */
static int check_errors(struct cp_planner *p)
{
    if (!p->stage->to.stage)
        return 0;
    return cp_diag_error(p->diags, p->stage->pos, "parse, below, can send what it cannot read",
                         "multiline lets every line go on: none can go to %s", p->stage->to.stage);
}

/* Only lines as they came: with fields it would not be clear what the record's are. */
static int check_place(struct cp_planner *p)
{
    const struct cp_scope *s = p->scope;

    if (s->is_parsed || !cp_scope_is_own(s))
        return cp_diag_error(p->diags, p->stage->pos, "put it before parse, set and the like",
                             "multiline joins lines as they came");
    if (cp_plan_is_mixed(p))
        return cp_diag_error(p->diags, p->stage->pos,
                             "merge { files a | multiline java ; files b | multiline java }",
                             "lines of several inputs come here by turns: join them before merge");
    if (p->framing && p->framing->is_chosen && p->framing->frame == CP_FRAME_WHOLE)
        return cp_diag_error(
            p->diags, p->stage->pos, "leave out frame or this stage",
            "with frame: whole each input is one record: there is nothing to join");
    return 0;
}

/* The escapes of the option separator. */
static struct cp_slice unescape(struct cp_heap *heap, struct cp_slice s)
{
    static const char names[] = "ntr\\", bytes[] = "\n\t\r\\";
    char *out = cp_heap_copy(heap, s.p, s.n);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        const char *name = s.p[i] == '\\' && i + 1 < s.n ? memchr(names, s.p[i + 1], 4) : NULL;
        out[n++] = name ? bytes[name - names] : s.p[i];
        i += name != NULL;
    }
    return (struct cp_slice){out, n};
}

/* Behind it there are lines again, but those that were joined. The source goes on cutting lines
 * whatever parses them later. */
static void plan_lines(struct cp_planner *p)
{
    struct cp_wants *wants = cp_plan_wants(p, cp_format_find(CP_SLICE("line")), NULL);

    cp_scope_close(p->scope);
    p->scope->wants = wants;
    cp_scope_declare(p->scope, CP_SLICE("line"));
    if (p->framing)
        p->framing->is_chosen = true;
}

static int multiline_plan(struct cp_planner *p, void *data)
{
    struct multiline *self = data;

    if (plan_words(p, self) < 0 || check_rules(p, self) < 0 || check_place(p) < 0 ||
        check_errors(p) < 0 || plan_regex(p, self->start, "start", &self->starts) < 0 ||
        plan_regex(p, self->go_on, "continue", &self->goes_on) < 0 ||
        plan_regex(p, self->end, "end", &self->ends) < 0)
        return -1;
    cp_plan_keeps_records(p);
    cp_plan_needs_order(p);
    plan_lines(p);
    self->trace.kind = (enum trace_kind)self->preset;
    if (self->separator.p)
        self->joiner.separator = unescape(p->heap, self->separator);
    self->joiner.max_lines = self->max_lines;
    self->joiner.max_bytes = self->max_bytes ? self->max_bytes : p->max_line;
    return 0;
}

static int multiline_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct multiline *self = data;
    struct cp_regex *all[] = {self->starts, self->goes_on, self->ends};

    (void)err;
    for (size_t k = 0; k < 3; k++)
        if (all[k])
            cp_regex_scratch_init(&self->scratch, all[k]->groups, s->heap);
    joiner_open(&self->joiner, s->wants);
    return 0;
}

/* ---- Working ---- */

/* A regex that gave up does not match: the first such line is shown. */
static bool matches(struct cp_stage *s, struct multiline *self, const struct cp_regex *re,
                    uint32_t i)
{
    struct cp_slice raw = cp_batch_raw(self->joiner.from, i);
    int rc = cp_regex_find(re, &self->scratch, raw.p, raw.n, 0);

    if (rc < 0) {
        self->must_stop |=
            cp_stage_passes_failed(s, self->joiner.from, i, self->before, cp_regex_limit);
        self->reason = cp_regex_limit;
    }
    return rc > 0;
}

static enum join decide(struct cp_stage *s, struct multiline *self, uint32_t i)
{
    struct cp_slice raw = cp_batch_raw(self->joiner.from, i);

    if (self->preset != TRACE_NONE)
        return trace_next(&self->trace, raw.p, raw.n);
    if (self->starts && matches(s, self, self->starts, i))
        return JOIN_BEGIN;
    return !self->goes_on || matches(s, self, self->goes_on, i) ? JOIN_APPEND : JOIN_BEGIN;
}

static bool take_line(struct cp_stage *s, struct multiline *self, uint32_t i)
{
    bool is_other = joiner_is_other_input(&self->joiner, i), ok;

    if (is_other)
        self->trace.state = 0;
    enum join how = decide(s, self, i);
    ok = joiner_add(s, &self->joiner, i, is_other ? JOIN_BEGIN : how);
    bool is_last = self->ends && matches(s, self, self->ends, i);
    if (self->reason)
        self->joiner.open.reason = self->reason;
    self->reason = NULL;
    return (!is_last || joiner_complete(s, &self->joiner)) && ok;
}

/* From when on the record being joined does not wait any more. A batch without lines changes
 * nothing. */
static void set_due(struct cp_stage *s, const struct multiline *self)
{
    int64_t now;

    if (self->timeout == 0)
        return;
    now = chan_now_ns();
    s->due_at = self->joiner.open.lines == 0         ? 0
                : self->timeout < CHAN_FOREVER - now ? now + self->timeout
                                                     : CHAN_FOREVER;
}

static enum cp_outcome multiline_process(struct cp_stage *s, void *data, struct cp_batch *b)
{
    struct multiline *self = data;
    uint32_t k = 0, n = b->n_sel;
    bool ok = true;

    joiner_begin_batch(&self->joiner, b);
    while (k < n && ok && !self->must_stop) {
        self->before = k;
        ok = take_line(s, self, b->sel[k++]);
    }
    ok = joiner_end_batch(s, &self->joiner) && ok;
    if (k > 0)
        set_due(s, self);
    b->n_sel = 0;
    if (self->must_stop)
        return cp_stage_stop_at(s, b, 0, n - k);
    s->account.filtered += n - k;
    return ok ? CP_OUTCOME_OK : CP_OUTCOME_DONE;
}

static int multiline_due(struct cp_stage *s, void *data)
{
    struct multiline *self = data;

    self->trace.state = 0;
    return joiner_pause(s, &self->joiner) ? 0 : -1;
}

static int multiline_finish(struct cp_stage *s, void *data)
{
    struct multiline *self = data;

    joiner_end(s, &self->joiner);
    if (self->joiner.cut > 0)
        snprintf(s->note, sizeof s->note,
                 "a record was longer than max_lines or max_bytes %" PRIu64 " times: the rest is a "
                 "record of its own",
                 self->joiner.cut);
    return 0;
}

static void multiline_close(void *data)
{
    joiner_close(&((struct multiline *)data)->joiner);
}

const struct cp_stage_type cp_stage_multiline = {
    .name = "multiline",
    .kind = CP_TRANSFORM,
    .summary = "Joins lines that belong together into one record",
    .usage = "java | python | go | indent | [[start=]REGEX] [continue=REGEX] [end=REGEX] "
             "[KEY=VALUE ...]",
    .doc =
        "It stands before parse and joins lines as they came; a parse behind it reads the joined "
        "record, and _line, _offset and _file are those of its first line. With start a record "
        "goes on up to the next line that matches; with continue a line that does not match begins "
        "a record; with both a line continues one that matches continue and not start. A line that "
        "matches end is the last of its record. A regex is /PATTERN/FLAGS or the pattern alone. A "
        "bare /REGEX/ is start; behind a key a regex with blanks, or with a | outside brackets, is "
        "put in quotes.\n"
        "The presets: java joins indented lines, Caused by:, Suppressed:, ... 12 more and the like "
        "to the line before (also for C# and JavaScript); python a Traceback up to the exception, "
        "with the exceptions chained to it; go a panic or fatal error with its goroutines; indent "
        "lines that begin with a blank or tab. A logger that writes the time first needs start "
        "rather than a preset: then the message stands in the record too.\n"
        "Lines of different inputs are never joined. Nothing is lost: a record that would exceed "
        "max_lines or max_bytes leaves as it is, what follows is a record of its own, and the "
        "summary says how often. A single line longer than max_bytes stays whole. The record that "
        "is being joined leaves when the next one begins or the input ends, however long that "
        "takes: a pause never splits it. For what comes live timeout lets it leave when the input "
        "has paused for so long; what comes after begins a record.",
    .args = CP_ARGS_WORDS_REGEX,
    .flags = CP_STAGE_MAKES | CP_STAGE_STREAMS,
    .size = sizeof(struct multiline),
    .options = options,
    .plan = multiline_plan,
    .open = multiline_open,
    .process = multiline_process,
    .due = multiline_due,
    .finish = multiline_finish,
    .close = multiline_close,
    .examples =
        (const struct cp_example[]){
            {"multiline /^\\d{4}-/ | parse pattern \"<time> <level> <msg>\" | keep level, msg",
             "2026-11-20 INFO up\n2026-11-20 ERROR it failed:\nno room\n",
             "{\"level\":\"INFO\",\"msg\":\"up\"}\n{\"level\":\"ERROR\",\"msg\":\"it failed:\\nno "
             "room\"}\n",
             "records that begin with a date"},
            {"multiline java | filter line =~ /Caused by: (?<cause>[\\w.]+)/ | keep cause",
             "up\njava.lang.IllegalStateException: closed\n\tat a.B.c(B.java:7)\nCaused by: "
             "java.io.EOFException\n\t... 3 more\ndown\n",
             "java.io.EOFException\n", "the causes in stack traces"},
            {"multiline continue=/^\\s/ separator=\" \"", "a:\n\tb\n\tc\nd\n", "a: \tb \tc\nd\n",
             "indented lines, on one line"},
            {"multiline end=/}$/ | parse json | keep b", "{\"a\": 1,\n  \"b\": 2\n}\n{\"b\": 3}\n",
             "{\"b\":2}\n{\"b\":3}\n", "JSON over several lines"},
            {NULL},
        },
};
