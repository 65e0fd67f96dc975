/* help.c: the manual on the screen, from the tables of stages, formats, functions and commands. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

enum { TERM = 22, MOST_NAMES = 512 };

/* ---- Texts that are in no table ---- */

static const char expressions[] =
    "Expressions are what filter, set and other stages take.\n"
    "\n"
    "Values:\n"
    "  null true false 12 0x1f 1.5e3 \"text\\n\" 'raw' /regex/ims [1, 2]\n"
    "  5s 10MiB 2026-11-20T10:00:00Z\n"
    "\n"
    "Fields:\n"
    "  status  user.id  items[0]  items[-1]  .status (the same)  .\"odd name\"\n"
    "  _raw _file _line _offset _time _error   env.HOME   var.name\n"
    "  A missing field is null.\n"
    "\n"
    "Operators, tightest first:\n"
    "  x[i] f(x)               members, calls\n"
    "  -                       negation\n"
    "  * / %\n"
    "  + - ..                  .. joins texts\n"
    "  ??                      the left side, or the right one where it is null\n"
    "  < <= > >= == !=         comparisons; they do not chain\n"
    "  =~ !~                   regular expression; its named groups become fields\n"
    "  ~                       shell pattern, of the whole value\n"
    "  in                      member of a list; an address in a CIDR block\n"
    "  not\n"
    "  and\n"
    "  or\n"
    "\n"
    "Comparing:\n"
    "  A number against text that looks like one compares as numbers, other text by\n"
    "  its bytes. null == null is true; < > =~ with null are false.\n"
    "\n"
    "Null:\n"
    "  Arithmetic with null gives null; sum, avg and the like skip it.\n"
    "\n"
    "Errors:\n"
    "  x/0 and int(\"abc\") give null and are counted, the first one is shown; the\n"
    "  record goes on. on_error at the stage changes that.\n"
    "\n"
    "`chanpipe list functions` shows the functions and the aggregates of stats.\n";

static const char settings[] =
    "Settings that every stage takes: in a pipeline file as keys beside the stage, in a one-liner "
    "behind the word with, as in `parse json with on_error=keep`.\n"
    "\n"
    "  name       how messages call the stage; default: its kind, then kind2, kind3\n"
    "  from       what the stage reads, when that is not what stands before it: the\n"
    "             name of a stage above, [a, b], or a case of route: NAME.CASE\n"
    "  workers    threads that share its work: a number, or auto; default 1, or -w\n"
    "  order      true (default): what workers send leaves in the order it came in;\n"
    "             false: as it is ready, so that a slow worker holds up no other\n"
    "  capacity   batches in the channel into the stage; default 4. 0: each is\n"
    "             handed over; 4MiB: as many as blocks of so many bytes together;\n"
    "             unbounded: any number, and memory is not bounded\n"
    "  when_full  what the stage above does when that channel is full: wait\n"
    "             (default), drop_new (lose the batch), drop_old (lose the oldest\n"
    "             batch in it), sample N (keep every Nth record of the batch, then\n"
    "             wait), fail (end the pipeline with status 4). Lost records are\n"
    "             counted; the summary says how many\n"
    "  on_error   what becomes of a record that fails:\n"
    "             skip (left out and counted), keep (it goes on with the field\n"
    "             _error), stop (the pipeline ends with status 3), {to: FILE} (it is\n"
    "             written to a rejects file; `run --retry` reads that), {to: NAME} (it\n"
    "             goes to the stage of that name below, with _error); default: parse\n"
    "             stages skip, an expression that fails gives null\n"
    "  max_errors more failed records than this number, or than this share of those\n"
    "             seen (5%), end the pipeline with status 3\n";

static const char branches[] =
    "Pipelines part with tee (every branch gets every record) and route (the first case that is "
    "true gets it), and begin with several sources in merge.\n"
    "\n"
    "In a one-liner:\n"
    "  tee { filter a > 1 | file a.log ; file all.log }\n"
    "  route { bad: status >= 500 => file bad.log ; else => set ok = true }\n"
    "  merge { files a.log | parse combined ; files b.log | parse json }\n"
    "\n"
    "In a file:\n"
    "  - tee:\n"
    "      - [filter a > 1, file a.log]\n"
    "      - [file all.log]\n"
    "  - route:\n"
    "      - {when: status >= 500, name: bad, do: file bad.log}\n"
    "      - else: set ok = true\n"
    "\n"
    "Branches that do not end in a sink come together below, in the order of the input; what a "
    "branch's sort or aggregate makes at its end leaves behind all others. Where all branches of "
    "tee end in sinks, and for records of no case, the records go on below.\n"
    "A later stage reads any stage above with from: NAME, or one case with from: NAME.CASE. "
    "merge with by=time puts records in the order of their times.\n"
    "`chanpipe graph PIPELINE` draws it.\n";

static const char account[] =
    "The account says of every record that a stage took or made what became of it. run --account "
    "FILE writes it at the end, also one that a second Ctrl-C makes; SIGUSR1 writes that of the "
    "moment; run --stats shows most of it.\n"
    "\n"
    "Of a stage, in records:\n"
    "  in + made = out + filtered + dropped + errored + taken + held\n"
    "\n"
    "  in        it received them; a source: it has read them\n"
    "  made      it made them: an aggregate as its rows, exec from what its program\n"
    "            wrote, tee as copies beyond the first\n"
    "  out       they left it; of a sink: it has written them\n"
    "  filtered  left out as they should be: by a condition, by head; a csv header;\n"
    "            blank lines, which all formats but line pass over; what nobody\n"
    "            wanted any more\n"
    "  dropped   left out for want of time: none; see the channels\n"
    "  errored   they failed and were left out, or went to the file of on_error\n"
    "  taken     they became part of something larger: a row, a record of multiline,\n"
    "            what a program of exec read\n"
    "  held      they are kept in it, as by tail, or could not be written; none after\n"
    "            an end without failure\n"
    "\n"
    "No terms of that sum:\n"
    "\n"
    "  warned    records that failed in part and went on; in out\n"
    "  rejected  failed records that on_error sent to a file (in errored) or to a\n"
    "            stage (in out)\n"
    "  unparsed  records that were not parsed, since a filter was sure to drop them;\n"
    "            in filtered\n"
    "  bad_utf8  bytes that were no UTF-8\n"
    "  values    that a parser read; --stats has them as values/rec\n"
    "  bytes     that it read, unpacked\n"
    "  batches   with records, that it sent on\n"
    "\n"
    "Of a channel, in records:\n"
    "  sent = received + dropped + cut\n"
    "\n"
    "  sent      by the stage above\n"
    "  received  by the stage below\n"
    "  dropped   lost as when_full says, since the stage below was too slow\n"
    "  cut       the stage below wanted no more, as head after its last record\n";

static const struct {
    const char *name, *text;
} texts[] = {
    {"expressions", expressions},
    {"settings", settings},
    {"branches", branches},
    {"account", account},
};

/* The lines of one setting in that text: it stands at their first one, the others are indented
 * further. False: there is none of that name. */
static bool help_setting(const char *name, const char *gap)
{
    char head[64];
    int n = snprintf(head, sizeof head, "\n  %s ", name);
    const char *entry = n < (int)sizeof head ? strstr(settings, head) : NULL;

    if (!entry)
        return false;
    printf("%sA setting of every stage:\n\n", gap);
    for (const char *p = entry + 1; p == entry + 1 || strncmp(p, "   ", 3) == 0;
         p += strcspn(p, "\n") + 1)
        printf("%.*s\n", (int)strcspn(p, "\n"), p);
    puts("\nIt is a key beside the stage in a file and stands behind with in a one-liner;\n"
         "`chanpipe help settings` shows all of them.");
    return true;
}

/* ---- Options of stages and formats ---- */

static const char *type_name(enum cp_option_type type)
{
    switch (type) {
    case CP_OPT_TEXT:
        return "text";
    case CP_OPT_BOOL:
        return "true or false";
    case CP_OPT_COUNT:
        return "a number";
    case CP_OPT_SIZE:
        return "a size, as 64KiB";
    case CP_OPT_DURATION:
        return "a duration, as 5s";
    case CP_OPT_LIST:
        return "a list, as a,b,c";
    case CP_OPT_CHOICE:
        break;
    }
    return "";
}

/* "auto line" -> "auto, line" */
static void put_choices(char *out, size_t size, const char *choices)
{
    size_t n = 0;
    for (const char *p = choices; *p && n + 3 < size; p++) {
        if (*p == ' ')
            out[n++] = ',';
        out[n++] = *p;
    }
    out[n] = '\0';
}

static void put_option(const struct cp_option *o)
{
    char values[256], text[1024];

    if (o->type == CP_OPT_CHOICE)
        put_choices(values, sizeof values, o->choices);
    else
        snprintf(values, sizeof values, "%s", type_name(o->type));
    int first = o->type == CP_OPT_CHOICE ? (int)strcspn(o->choices, " ") : 0;
    const char *fallback = o->fallback ? o->fallback : o->choices;
    snprintf(text, sizeof text, "%s (%s%s%.*s)", o->summary, values,
             o->fallback || first > 0 ? "; default " : "",
             o->fallback ? (int)strlen(fallback) : first, fallback ? fallback : "");
    cmd_put_entry(stdout, o->name, text, 2, TERM);
}

static void put_options(const char *head, const struct cp_option *table)
{
    if (!table || !table->name)
        return;
    printf("\n%s:\n", head);
    for (const struct cp_option *o = table; o->name; o++)
        put_option(o);
}

/* ---- Examples ---- */

static void put_lines(const char *lines, int indent)
{
    for (const char *p = lines; *p;) {
        size_t n = strcspn(p, "\n");
        printf("%*s%.*s\n", indent, "", (int)n, p);
        p += n;
        p += *p == '\n';
    }
}

/* In quotes of the shell. */
static void put_quoted(const char *text)
{
    putchar('\'');
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*p);
    }
    putchar('\'');
}

static void put_example(const char *pipeline, const char *input, const char *output,
                        const char *summary)
{
    putchar('\n');
    if (summary)
        cmd_put_wrapped(stdout, summary, 2);
    fputs(strpbrk(pipeline, " |{") ? "  chanpipe " : "  chanpipe -e ", stdout);
    put_quoted(pipeline);
    putchar('\n');
    if (input && input[0]) {
        puts("    reads");
        put_lines(input, 6);
    }
    if (output) {
        puts(output[0] ? "    writes" : "    writes nothing");
        put_lines(output, 6);
    }
}

/* ---- Stages and formats ---- */

static void help_stage(const struct cp_stage_type *t)
{
    const struct cp_example *e = t->examples;

    printf("%s%s%s\n\n", t->name, t->usage[0] ? " " : "", t->usage);
    printf("%s (a stage: %s", t->summary, cmd_kind_name(t->kind));
    for (size_t k = 0; t->others && t->others[k]; k++)
        printf("%s %s", k == 0 ? "; by its place also" : ",", cmd_kind_name(t->others[k]->kind));
    puts(").");
    if (t->doc && t->doc[0]) {
        putchar('\n');
        cmd_put_wrapped(stdout, t->doc, 0);
    }
    put_options("Options", t->options);
    for (size_t k = 0; t->others && t->others[k]; k++) {
        char head[64];
        snprintf(head, sizeof head, "Options as a %s", cmd_kind_name(t->others[k]->kind));
        put_options(head, t->others[k]->options);
    }
    puts("\n`chanpipe help settings` shows what every stage takes.");
    if (e && e->pipeline)
        puts("\nExamples:");
    for (; e && e->pipeline; e++)
        put_example(e->pipeline, e->input, e->output, e->summary);
}

static void put_fields(const char *const *fields)
{
    char text[1024] = "Fields:";
    size_t n = strlen(text);

    for (size_t i = 0; fields && fields[i] && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", fields[i]);
    if (fields) {
        putchar('\n');
        cmd_put_wrapped(stdout, text, 0);
    }
}

static void help_format(const struct cp_format *f)
{
    const struct cp_format_example *e = f->examples;
    char pipeline[256];

    printf("%s\n\n%s (a format: %s).\n", f->name, f->summary,
           f->decode && f->encode ? "input and output"
           : f->decode            ? "input"
                                  : "output");
    if (f->doc && f->doc[0]) {
        putchar('\n');
        cmd_put_wrapped(stdout, f->doc, 0);
    }
    put_fields(f->fields);
    if (f->decode)
        put_options("Options of parse", f->options);
    if (f->encode)
        put_options("Options of sinks", f->encode_options);
    if (e && e->input)
        puts("\nExamples:");
    for (; e && e->input; e++) {
        snprintf(pipeline, sizeof pipeline, "parse %s%s%s", f->name, e->options ? " " : "",
                 e->options ? e->options : "");
        put_example(pipeline, e->input, e->output, NULL);
    }
}

/* ---- Topics ---- */

/* Prints the help on one word, in every meaning that it has. False: it has none. */
static bool help_word(const char *name)
{
    const struct cmd *c = cmd_find(name);
    const struct cp_stage_type *stage = cp_stage_type_find(cp_slice_of(name));
    const struct cp_format *format = cp_format_find(cp_slice_of(name));
    const char *gap = "";

    if (c)
        cmd_usage(stdout, c), gap = "\n";
    if (stage)
        fputs(gap, stdout), help_stage(stage), gap = "\n";
    if (format)
        fputs(gap, stdout), help_format(format), gap = "\n";
    if (cmd_help_function(name, gap))
        gap = "\n";
    if (cmd_help_aggregate(name, gap))
        gap = "\n";
    if (help_setting(name, gap))
        gap = "\n";
    gap = cmd_help_option(name, gap);
    if (strcmp(name, "aggregates") == 0)
        fputs(gap, stdout), cmd_list_aggregates(), gap = "\n";
    for (size_t i = 0; i < CMD_COUNT(texts); i++)
        if (strcmp(texts[i].name, name) == 0)
            fputs(gap, stdout), cmd_put_wrapped(stdout, texts[i].text, 0), gap = "\n";
    return gap[0] != '\0';
}

static size_t topic_names(const char **names)
{
    size_t n = 0;
    for (size_t i = 0; cmds[i] && n < MOST_NAMES; i++)
        names[n++] = cmds[i]->name;
    for (size_t i = 0; cp_stage_types[i] && n < MOST_NAMES; i++)
        names[n++] = cp_stage_types[i]->name;
    for (size_t i = 0; cp_formats[i] && n < MOST_NAMES; i++)
        names[n++] = cp_formats[i]->name;
    for (size_t i = 0; i < CMD_COUNT(texts) && n < MOST_NAMES; i++)
        names[n++] = texts[i].name;
    for (size_t i = 0; i < cp_n_common_keys && n < MOST_NAMES; i++)
        names[n++] = cp_common_keys[i];
    if (n < MOST_NAMES)
        names[n++] = "aggregates";
    return n + cmd_function_names(names + n, MOST_NAMES - n);
}

static int unknown_topic(const char *word)
{
    const char *names[MOST_NAMES];
    size_t n = topic_names(names);
    const char *near = cp_nearest(word, strlen(word), names, n);

    cmd_fail(CP_EXIT_USAGE, "there is no help on %s", word);
    return near ? cmd_hint(CP_EXIT_USAGE, "did you mean %s?", near)
                : cmd_hint(CP_EXIT_USAGE, "`chanpipe list` shows what there is");
}

static void help_start(void)
{
    puts("chanpipe [run] [OPTION ...] PIPELINE [FILE ...]\n"
         "chanpipe COMMAND ...\n"
         "\n"
         "Reads logs, and does with them what a pipeline of stages says.\n"
         "\n"
         "Commands:");
    for (size_t i = 0; cmds[i]; i++)
        cmd_put_entry(stdout, cmds[i]->name, cmds[i]->summary, 2, 12);
    puts("\n"
         "Examples:\n"
         "  chanpipe 'parse combined | filter status >= 500 | head 10' access.log\n"
         "  journalctl -o json | chanpipe 'parse json | keep _PID as pid, MESSAGE as msg'\n"
         "  chanpipe -o csv 'parse logfmt | filter dur > 250ms' app.log\n"
         "\n"
         "Help:\n"
         "  chanpipe help TOPIC    a command, a stage, a format, a function,\n"
         "                         expressions, aggregates, settings,\n"
         "                         branches, account\n"
         "  chanpipe list          all stages, formats, functions and pipelines");
}

static int help_main(int argc, char **argv)
{
    struct cmd_texts args;
    int status = 0;

    if (!cmd_parse(&cmd_help, argc, argv, NULL, &args, &status))
        return status;
    if (args.n == 0)
        help_start();
    for (size_t i = 0; i < args.n && status == 0; i++) {
        if (i > 0)
            putchar('\n');
        if (!help_word(args.v[i]))
            status = unknown_topic(args.v[i]);
    }
    return status;
}

const struct cmd cmd_help = {
    .name = "help",
    .usage = "[TOPIC ...]",
    .summary = "Shows how to use a command, a stage, a format, a function",
    .doc = "Topics are the names of commands and their options, stages, settings, formats, "
           "functions and aggregates, and the "
           "words expressions, aggregates, settings, branches and account.",
    .main = help_main,
};
