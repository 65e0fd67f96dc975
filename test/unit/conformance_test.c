/* conformance_test.c: what every stage must bear, whatever it does: hostile inputs, a reader that
 * leaves, a source that fails, a wrong option; and the same bytes when every record crosses
 * batches. */
#include "../../lib/stage.h"
#include "shell.h"

struct input {
    const char *name;
    const char *bytes;
    size_t n;
};

#define INPUT(name, text)                                                                          \
    {                                                                                              \
        name, text, sizeof(text) - 1                                                               \
    }

static const struct input inputs[] = {
    INPUT("empty", ""),
    INPUT("one newline", "\n"),
    INPUT("no final newline", "{\"a\":1}\n{\"a\":2}"),
    INPUT("CRLF", "{\"a\":1}\r\na=1 b=2\r\n"),
    INPUT("NUL bytes", "a\0b\n\0\n{\"a\":\"x\0y\"}\n"),
    INPUT("bad UTF-8", "{\"a\":\"\xff\xfe\",\"b\":\"\xc3\"}\na=\xed\xa0\x80 b=\x80\n\xf8\x88\n"),
    INPUT("mixed formats", "{\"a\":1,\"b\":[1,{\"c\":null}]}\na=1 b=\"x y\" c=\n1.2.3.4 - - "
                           "[20/Nov/2026:18:00:00 +0000] \"GET / HTTP/1.1\" 500 1 "
                           "\"-\" \"x\"\na,b,c\n1,\"2,3\",\"\"\n<13>Nov 20 10:00:00 h app[1]: m\n"),
};

enum { LONG = 1 << 20 };

static const char *pipeline_of(const struct cp_stage_type *t)
{
    return t->examples && t->examples[0].pipeline ? t->examples[0].pipeline : NULL;
}

static const char *stderr_text(void)
{
    static char err[1 << 14];
    shell_read("err", err, sizeof err);
    return err;
}

/* Ends by itself, with no status but those the manual knows for bad records, twice with the same
 * bytes: as usual and with tiny blocks and batches. */
static void bears(const struct cp_stage_type *t, const char *input)
{
    char cmd[8192], what[256];
    snprintf(cmd, sizeof cmd,
             "\"$CHANPIPE\" -e %s <input >a 2>ea; s=$?; "
             "CHANPIPE_TEST_BLOCK=61 CHANPIPE_TEST_BATCH=3 \"$CHANPIPE\" -e %s <input >b 2>eb; "
             "t=$?; [ $s = $t ] || { echo status $s and $t >&2; cat ea eb >&2; exit 90; }; cmp a b "
             ">&2 || exit 91; cat ea >&2; exit $s",
             shell_quote(pipeline_of(t)), shell_quote(pipeline_of(t)));
    snprintf(what, sizeof what, "%s bears %s", t->name, input);
    int status = shell_run(cmd);
    if (status != 0 && status != 3)
        fprintf(stderr, "%s: status %d\n", what, status);
    shell_ok(status == 0 || status == 3, what, stderr_text());
}

static void bears_inputs(const struct cp_stage_type *t)
{
    static char record[LONG + 64];
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        shell_write("input", inputs[i].bytes, inputs[i].n);
        bears(t, inputs[i].name);
    }
    memset(record, 'x', sizeof record);
    memcpy(record, "{\"a\":\"", 6);
    memcpy(record + LONG - 3, "\"}\n", 3);
    shell_write("input", record, LONG);
    bears(t, "a record of 1 MiB");
    shell_write("input", record, LONG + 64);
    bears(t, "a record longer than max_line");
}

static void reader_leaves(const struct cp_stage_type *t)
{
    char cmd[8192], what[256];
    const struct cp_example *e = &t->examples[0];
    shell_write("one", e->input, strlen(e->input));
    snprintf(cmd, sizeof cmd,
             "{ while cat one; do :; done; } 2>/dev/null | { \"$CHANPIPE\" -q -e %s; echo $? "
             ">status; } | :; "
             "case $(cat status) in 0|141) ;; *) cat status >&2; exit 1;; esac",
             shell_quote(e->pipeline));
    snprintf(what, sizeof what, "%s ends when its reader leaves", t->name);
    /* Stages that write nothing before the end of their input notice an endless one only by their
     * reader's hang-up. */
    shell_ok(shell_run(cmd) == 0, what, stderr_text());
}

static void source_fails(const struct cp_stage_type *t)
{
    char cmd[8192], what[256];
    snprintf(cmd, sizeof cmd, "\"$CHANPIPE\" -e %s no-such-file", shell_quote(pipeline_of(t)));
    snprintf(what, sizeof what, "%s: a missing file is status 4 and named", t->name);
    int status = shell_run(cmd);
    shell_ok(status == 4 && strstr(stderr_text(), "no-such-file"), what, stderr_text());
}

/* What must stand behind the kind in a file. */
static const char *arguments_of(const struct cp_stage_type *t)
{
    if (t->branches == CP_BRANCHES_PLAIN)
        return " [[stdin, head]]";
    if (t->branches == CP_BRANCHES_CASES)
        return " [{else: head}]";
    return strcmp(t->name, "parse") == 0 ? " json" : "";
}

static void wrong_option(const struct cp_stage_type *t)
{
    char cmd[4096], what[256];
    snprintf(cmd, sizeof cmd,
             "printf 'stages:\\n  - %s:%s\\n    no_such_option: 1\\n' >bad.yaml; \"$CHANPIPE\" "
             "check bad.yaml",
             t->name, arguments_of(t));
    snprintf(what, sizeof what, "%s: an unknown option is an error with line and column", t->name);
    int status = shell_run(cmd);
    shell_ok(status == 2 && strstr(stderr_text(), "bad.yaml:3:5"), what, stderr_text());
}

int main(void)
{
    shell_begin();
    for (size_t i = 0; cp_stage_types[i]; i++) {
        const struct cp_stage_type *t = cp_stage_types[i];
        wrong_option(t);
        if (!pipeline_of(t) || t->kind == CP_SOURCE)
            continue;
        bears_inputs(t);
        source_fails(t);
        if (t->kind != CP_SINK)
            reader_leaves(t);
    }
    return shell_end();
}
