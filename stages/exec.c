/* exec: a program as a stage. Here: what all of them share, and the stage between others. */
#include "exec.h"

#include <stdio.h>

enum mode { AUTO, STREAM, EACH };

enum { SHOWN = 80, MOST_BACKOFF_MS = 10000 };

static const struct cp_option options[] = {
    {"mode", CP_OPT_CHOICE, offsetof(struct exec, mode), "auto stream each", NULL,
     "stream: every line that the program prints is a record; each: every line answers a record, "
     "and is joined to it; auto: stream, or by its place a source or a sink"},
    {"as", CP_OPT_TEXT, offsetof(struct exec, as), NULL, "answer",
     "with each, the field that holds the answer"},
    {"max_line", CP_OPT_SIZE, offsetof(struct exec, max_line), NULL, NULL,
     "bytes a line that the program prints may have; without it as many as those of the source. "
     "Longer ones are left out and counted; with each they end the pipeline"},
    SINK_OPTIONS(struct exec, sink),
    {"on_exit", CP_OPT_CHOICE, offsetof(struct exec, on_exit), "fail end restart", NULL,
     "when the program ends too early, or with an exit status that is not 0: fail ends the "
     "pipeline with status 4; end takes it for the end, as head would; restart starts it again"},
    {"restarts", CP_OPT_COUNT, offsetof(struct exec, restarts), NULL, "5",
     "how often it is started again without an answer in between; then it fails"},
    {"backoff", CP_OPT_DURATION, offsetof(struct exec, backoff), NULL, "100ms",
     "the pause before it is started again; twice as long each time, 10s at most"},
    {NULL},
};

/* ---- Programs ---- */

/* All arguments, shortened. */
static const char *name_of(struct cp_heap *heap, char *const *argv)
{
    const char *name = "";

    for (size_t i = 0; argv[i] && strlen(name) < SHOWN; i++)
        name = cp_heap_printf(heap, "%s%s%s", name, i > 0 ? " " : "", argv[i]);
    if (strlen(name) <= SHOWN)
        return name;
    size_t n = SHOWN - 3;
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--; /* no half character */
    return cp_heap_printf(heap, "%.*s...", (int)n, name);
}

/* A word as it was written: key=value is an option only before the program. */
static char *argument(struct cp_planner *p, const struct cp_option *table, const struct cp_word *w)
{
    if (w->key.n == 0)
        return cp_heap_copy(p->heap, w->text.s.p, w->text.s.n);
    if (!w->quoted && (cp_option_find(table, w->key) || cp_option_find(options, w->key)))
        cp_diag_warning(p->diags, cp_text_pos(&w->text, 0, w->text.s.n),
                        "an option of exec stands before the program",
                        "%.*s=%.*s is given to the program", (int)w->key.n, w->key.p,
                        (int)w->text.s.n, w->text.s.p);
    return cp_heap_printf(p->heap, "%.*s=%.*s", (int)w->key.n, w->key.p, (int)w->text.s.n,
                          w->text.s.p);
}

int exec_plan_program(struct cp_planner *p, const struct cp_option *table,
                      struct exec_program *program)
{
    size_t first = 0;

    if (p->stage->to.stage)
        return cp_diag_error(p->diags, p->stage->pos, "a file: on_error: {to: rejects.jsonl}",
                             "records that fail at exec can go to a file, but not to a stage");
    while (first < p->words.n && p->words.v[first].key.n > 0)
        first++;
    if (first == p->words.n || p->words.v[first].text.s.n == 0)
        return cp_diag_error(p->diags, p->stage->pos, "exec python3 -u enrich.py",
                             "exec needs a program");
    program->argv = cp_heap_take(p->heap, (p->words.n - first + 1) * sizeof *program->argv);
    for (size_t i = first; i < p->words.n; i++) {
        if (memchr(p->words.v[i].text.s.p, '\0', p->words.v[i].text.s.n))
            return cp_diag_error(p->diags, cp_text_pos(&p->words.v[i].text, 0, 1), NULL,
                                 "an argument of a program has no NUL");
        program->argv[i - first] = argument(p, table, &p->words.v[i]);
    }
    program->name = name_of(p->heap, program->argv);
    p->words.n = first;
    cp_plan_programs(p, 1);
    return 0;
}

enum cp_outcome exec_fail(struct cp_stage *s, const struct exec_program *program,
                          const struct cp_process *process, const char *when)
{
    char ending[128];

    cp_process_ending(process, ending, sizeof ending);
    cp_stage_blame_signal(s, cp_process_signal(process));
    return cp_stage_fail(s, CP_EXIT_IO, 0, "%s: %s%s", program->name, ending, when);
}

bool exec_may_have_ended(const struct cp_process *process, int on_exit)
{
    return cp_process_is_good(process) && on_exit != EXEC_END && cp_process_unread(process) <= 0;
}

/* ---- Which of the stages it is ---- */

/* The option mode says that it is none of those at the ends. */
static bool has_mode(const struct cp_item *item)
{
    struct cp_slice rest = item->args.s;

    for (size_t i = 0; i < item->n_settings; i++)
        if (cp_slice_is(item->settings[i].key.s, "mode"))
            return !cp_slice_is(item->settings[i].value->text.s, "auto");
    while (rest.n > 0) {
        if (rest.p[0] == ' ' || rest.p[0] == '\t' || rest.p[0] == '\n') {
            rest.p++;
            rest.n--;
            continue;
        }
        struct cp_word_end e = cp_word_end(rest.p, rest.n, false, false);
        if (e.key == 0)
            break;
        if (cp_slice_is((struct cp_slice){rest.p, e.key}, "mode"))
            return !cp_slice_is((struct cp_slice){rest.p + 5, e.end - 5}, "auto");
        rest = (struct cp_slice){rest.p + e.end, rest.n - e.end};
    }
    return false;
}

static const struct cp_stage_type *exec_by_place(const struct cp_item *item, bool is_first,
                                                 bool is_last)
{
    if ((!is_first && !is_last) || has_mode(item))
        return &cp_stage_exec;
    return is_first ? &exec_source : &exec_sink;
}

/* ---- Planning ---- */

static int exec_setting(struct cp_planner *p, void *data, const struct cp_setting *set)
{
    struct exec *self = data;
    return sink_setting(p, &self->sink, set, NULL);
}

/* Every record is to be one line. */
static int check_lines(struct cp_planner *p, const struct exec *self)
{
    if (self->sink.format->flags & CP_FORMAT_IS_TABLE)
        return cp_diag_error(p->diags, p->stage->pos, "format=json",
                             "with mode=each every record is one line: %s writes others",
                             self->sink.format->name);
    if (self->on_exit == EXEC_END)
        return cp_diag_error(p->diags, p->stage->pos, "on_exit=restart starts it again",
                             "with mode=each the program cannot end before it has answered");
    return 0;
}

/* Threads are not what more workers are here, but programs. */
static void plan_processes(struct cp_planner *p, struct exec *self)
{
    size_t processors = p->options->processors;

    self->n_processes = p->stage->n_workers;
    if (self->n_processes == 0)
        self->n_processes = !p->stage->wants_workers || processors == 0 ? 1 : processors;
    if (self->n_processes > CP_MAX_WORKERS)
        self->n_processes = CP_MAX_WORKERS;
    p->stage->n_workers = 1;
}

/* The option is written, before the program or as a setting. */
static bool is_given(const struct cp_planner *p, const char *key)
{
    const struct cp_item *item = p->stage->item;

    for (size_t i = 0; i < p->words.n; i++)
        if (cp_slice_is(p->words.v[i].key, key))
            return true;
    for (size_t i = 0; i < item->n_settings; i++)
        if (cp_slice_is(item->settings[i].key.s, key))
            return true;
    return false;
}

/* Of what the program prints. With each the records go on as they are, and may be longer. */
static int plan_max_line(struct cp_planner *p, const struct exec *self)
{
    size_t before = p->max_line;

    if (!is_given(p, "max_line"))
        return 0;
    if (source_plan_max_line(p, self->max_line) < 0)
        return -1;
    if (self->mode == EACH && p->max_line < before)
        p->max_line = before;
    return 0;
}

static int plan_each(struct cp_planner *p, struct exec *self)
{
    if (check_lines(p, self) < 0)
        return -1;
    if (self->as.n == 0)
        return cp_diag_error(p->diags, p->stage->pos, "as=geo", "the answer needs a name: as");
    cp_plan_programs(p, self->n_processes);
    cp_plan_keeps_records(p);
    cp_plan_makes_text(p);
    cp_plan_memory(p, exec_each_memory(p, self->n_processes));
    self->answer_slot = cp_scope_write(p->scope, self->as);
    return 0;
}

static int plan_stream(struct cp_planner *p, struct exec *self)
{
    if (self->n_processes > 1 || p->stage->wants_workers)
        return cp_diag_error(p->diags, p->stage->pos,
                             "mode=each runs several, each with a part of the records",
                             "exec runs one program here: what it prints depends on all records");
    if (p->stage->on_error == CP_ON_ERROR_KEEP)
        return cp_diag_error(p->diags, p->stage->pos, "mode=each keeps the record",
                             "on_error: keep cannot be had here: no record leaves but what the "
                             "program prints");
    if (self->on_exit == EXEC_RESTART && self->sink.format->flags & CP_FORMAT_IS_TABLE)
        return cp_diag_error(p->diags, p->stage->pos, "format=json",
                             "%s has a header, which a program that is started again does not get",
                             self->sink.format->name);
    self->framing = cp_plan_cuts_records(p);
    return 0;
}

static void warn_without(struct cp_planner *p, const char *key, const char *other)
{
    if (is_given(p, key))
        cp_diag_warning(p->diags, p->stage->pos, other, "%s says nothing without %s", key, other);
}

/* Options of which nothing comes are hardly meant like that. */
static void warn_idle(struct cp_planner *p, const struct exec *self)
{
    if (self->mode != EACH)
        warn_without(p, "as", "mode=each");
    if (self->on_exit != EXEC_RESTART) {
        warn_without(p, "restarts", "on_exit=restart");
        warn_without(p, "backoff", "on_exit=restart");
    }
}

static int exec_plan(struct cp_planner *p, void *data)
{
    struct exec *self = data;
    struct cp_words rest;

    plan_processes(p, self);
    if (exec_plan_program(p, options, &self->program) < 0 ||
        sink_words(p, &self->sink, options, self, &rest, NULL) < 0 ||
        sink_plan(p, &self->sink, NULL) < 0 || plan_max_line(p, self) < 0)
        return -1;
    warn_idle(p, self);
    return self->mode == EACH ? plan_each(p, self) : plan_stream(p, self);
}

/* ---- Working ---- */

int exec_open_encoder(struct cp_stage *s, struct exec *self,
                      int (*write)(void *ctx, const char *p, size_t n), void *ctx,
                      struct cp_err *err)
{
    struct sink *k = &self->sink;

    cp_out_init(&k->out, cp_heap_take(s->heap, CP_OUT_SIZE + CP_PAD), CP_OUT_SIZE, write, ctx);
    return k->format->encode_open ? k->format->encode_open(k->encoder, s->heap, err) : 0;
}

bool exec_record_failed(struct cp_stage *s, struct cp_batch *b, uint32_t i, uint32_t before,
                        const char *reason)
{
    if (cp_stage_give_up(s, b, i, before, reason) != CP_FATE_STOPS)
        return true;
    cp_stage_stop_at(s, b, b->n_sel, 0);
    return false;
}

int exec_pause_ms(const struct exec *self, uint64_t n)
{
    int64_t ms = self->backoff / 1000000;

    for (uint64_t k = 1; k < n && ms < MOST_BACKOFF_MS; k++)
        ms *= 2;
    return (int)(ms < MOST_BACKOFF_MS ? ms : MOST_BACKOFF_MS);
}

static int exec_open(struct cp_stage *s, void *data, struct cp_err *err)
{
    struct exec *self = data;
    return self->mode == EACH ? exec_each_open(s, self, err) : exec_stream_open(s, self, err);
}

static void exec_run(struct cp_stage *s, void *data)
{
    struct exec *self = data;

    if (self->mode == EACH)
        exec_each_run(s, self);
    else
        exec_stream_run(s, self);
}

static void exec_close(void *data)
{
    struct exec *self = data;

    exec_stream_close(self);
    exec_each_close(self);
    if (self->sink.format && self->sink.format->encode_close)
        self->sink.format->encode_close(self->sink.encoder);
}

const struct cp_stage_type cp_stage_exec = {
    .name = "exec",
    .kind = CP_TRANSFORM,
    .summary = "Gives the records to a program and takes what it prints",
    .usage = "[KEY=VALUE ...] PROGRAM [ARGUMENT ...]",
    .doc =
        "The program is found as the shell finds it, but no shell reads the arguments: what they "
        "hold is given to the program as it is. Options stand before the program. Where it is the "
        "first stage, exec is a source: what the program prints is the input. Where it is the last "
        "one of the pipeline or of a branch it is a sink: the program gets the records, and what "
        "it prints goes where the output of chanpipe goes. With mode it is neither.\n"
        "mode=stream: the records are written to the program as a sink writes them, and every "
        "line that it prints is a record, which can be parsed; what the records had before is "
        "gone. Reading and writing do not wait for each other: the program may print when, and as "
        "much as, it likes.\n"
        "mode=each: the program prints exactly one line for each line that it reads, in their "
        "order. The record goes on with the answer in the field as: a number or a text; an object, "
        "a list or a quoted text where it is JSON; null where it is empty. With workers: N there "
        "are N programs, each of which answers a part of the records; the order is kept. At "
        "most about 1MiB waits for the answers of a program, and then for as long as they take; "
        "but "
        "one that has read all of it and prints nothing for 5 seconds holds its answers back, "
        "which "
        "ends the pipeline: most languages buffer what goes into a pipe (stdbuf -oL, python3 -u, "
        "grep "
        "--line-buffered). After a restart the records without an answer are given to the new "
        "program; with mode=stream what the old one had read is lost, which the summary says, and "
        "formats with a header cannot be had.\n"
        "An exit status other than 0, and an end before all was read, ends the pipeline with "
        "status 4; on_exit says otherwise. Standard error of the program is that of chanpipe. When "
        "the pipeline ends early its pipes are closed; if it does not end then, it gets SIGTERM, "
        "and SIGKILL after that. The interrupt key does not reach it, so that the records on "
        "their way can still pass: it has a process group of its own, as sources and sinks have "
        "not.",
    .args = CP_ARGS_WORDS,
    .flags = CP_STAGE_STATELESS | CP_STAGE_MAKES | CP_STAGE_STREAMS | CP_STAGE_POLLS,
    .size = sizeof(struct exec),
    .options = options,
    .setting = exec_setting,
    .by_place = exec_by_place,
    .others = (const struct cp_stage_type *const[]){&exec_source, &exec_sink, NULL},
    .plan = exec_plan,
    .open = exec_open,
    .run = exec_run,
    .close = exec_close,
    .examples =
        (const struct cp_example[]){
            {"exec mode=stream tr a-z A-Z", "a line\nanother\n", "A LINE\nANOTHER\n",
             "any filter of the shell"},
            {"parse json | keep path | exec sort | parse json | head 1",
             "{\"path\":\"/b\"}\n{\"path\":\"/a\"}\n", "{\"path\":\"/a\"}\n",
             "the records are lines for it, and its lines records"},
            {"parse json | exec mode=each as=upper format=raw tr a-z A-Z | keep upper.PATH",
             "{\"path\":\"/b\"}\n{\"path\":\"/a\"}\n",
             "{\"upper.PATH\":\"/B\"}\n{\"upper.PATH\":\"/A\"}\n", "an answer for each record"},
            {"exec seq 3 | exec cat", "", "1\n2\n3\n", "a source and a sink"},
            {NULL},
        },
};
