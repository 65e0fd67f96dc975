/* load.c: from a PIPELINE argument to a doc. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/alloc.h"
#include "../lib/base/diag_print.h"
#include "cmd.h"

/* ---- Files ---- */

static ssize_t read_some(int fd, char *p, size_t n)
{
    ssize_t got;
    do
        got = read(fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads to the end, or until there are `most` bytes. */
static int read_all(int fd, size_t most, struct cp_heap *heap, struct cp_slice *text)
{
    size_t n = 0, cap = 0;
    char *p = NULL;
    ssize_t got = 1;

    while (got > 0 && n < most) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16384;
            p = cp_xrealloc(p, cap, 1);
        }
        size_t room = cap - n < most - n ? cap - n : most - n;
        got = read_some(fd, p + n, room);
        n += got > 0 ? (size_t)got : 0;
    }
    int sys = errno;
    *text = (struct cp_slice){cp_heap_copy(heap, p ? p : "", n), n};
    free(p);
    errno = sys;
    return got < 0 ? -1 : 0;
}

int cmd_read_file(const char *path, size_t most, struct cp_heap *heap, struct cp_slice *text,
                  struct cp_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cp_err_set(err, CP_EXIT_USAGE, errno, "cannot open %s", path);
    int rc = read_all(fd, most, heap, text);
    if (rc < 0)
        cp_err_set(err, CP_EXIT_USAGE, errno, "cannot read %s", path);
    if (!is_stdin)
        close(fd);
    return rc;
}

/* ---- What an argument means ---- */

static bool is_one_liner(const char *arg)
{
    return strpbrk(arg, " \t\r\n|{") != NULL;
}

static bool is_yaml_name(const char *arg)
{
    size_t n = strlen(arg);
    return (n > 5 && strcmp(arg + n - 5, ".yaml") == 0) ||
           (n > 4 && strcmp(arg + n - 4, ".yml") == 0);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int read_text(struct cmd_pipeline *p, const char *name, const char *text)
{
    size_t n = strlen(text);
    struct cp_source source = {name, cp_heap_copy(&p->heap, text, n), n};

    p->label = name;
    cp_doc_read_text(&p->doc, &p->heap, source, cp_stage_kinds(), &p->diags);
    return 0;
}

static int read_file(struct cmd_pipeline *p, const char *path)
{
    struct cp_err err = {0};
    struct cp_slice text;

    if (cmd_read_file(path, CP_DOC_MAX_BYTES + 1, &p->heap, &text, &err) < 0)
        return cmd_fail_err(NULL, &err);
    if (text.n > CP_DOC_MAX_BYTES)
        return cmd_fail(CP_EXIT_USAGE, "%s is too large for a pipeline: more than %d bytes", path,
                        CP_DOC_MAX_BYTES);
    struct cp_source source = {path, text.p, text.n};
    p->label = path;
    p->is_yaml = true;
    cp_doc_read_yaml(&p->doc, &p->heap, source, cp_stage_kinds(), &p->diags);
    return 0;
}

/* ---- Names ---- */

static const char *path_of(const struct cmd_found *found, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(found[i].name, name) == 0)
            return found[i].path;
    return NULL;
}

static const char *nearest(struct cp_heap *heap, const struct cmd_found *found, size_t n,
                           const char *word, bool with_commands)
{
    const char **names = cp_heap_take(heap, (n + 64) * sizeof *names);
    size_t count = 0;

    for (size_t i = 0; with_commands && cmds[i]; i++)
        names[count++] = cmds[i]->name;
    for (size_t i = 0; i < n; i++)
        names[count++] = found[i].name;
    return cp_nearest(word, strlen(word), names, count);
}

/* What the user may have meant with a word that names nothing. */
static int hint_name(struct cmd_pipeline *p, const struct cmd_found *found, size_t n,
                     const char *word, bool is_short)
{
    const char *near = nearest(&p->heap, found, n, word, true);

    if (is_short && path_of(found, n, word))
        return cmd_hint(CP_EXIT_USAGE, "`chanpipe run %s` runs the pipeline of that name", word);
    if (cp_stage_type_find(cp_slice_of(word)))
        return cmd_hint(CP_EXIT_USAGE,
                        "-e %s runs the stage %s; a pipeline with blanks stands in quotes", word,
                        word);
    if (exists(word) && !is_folder(word))
        return cmd_hint(CP_EXIT_USAGE,
                        "the pipeline comes first, then the files; -f %s reads it as a "
                        "pipeline",
                        word);
    if (near && cmd_find(near))
        return cmd_hint(CP_EXIT_USAGE, "did you mean the command %s?", near);
    if (near)
        return cmd_hint(CP_EXIT_USAGE, "did you mean the pipeline %s?", near);
    return cmd_hint(CP_EXIT_USAGE,
                    is_short ? "`chanpipe help` lists the commands"
                             : "`chanpipe list pipelines` shows where they are looked for");
}

static int read_name(struct cmd_pipeline *p, const char *word, bool is_short)
{
    struct cmd_found *found;
    size_t n = cmd_pipelines_find(&p->heap, &found);
    const char *path = is_short ? NULL : path_of(found, n, word);

    if (path)
        return read_file(p, path);
    if (word[0] == '\0') {
        cmd_fail(CP_EXIT_USAGE, "the pipeline is empty");
        return cmd_hint(CP_EXIT_USAGE, "`chanpipe help` shows some examples");
    }
    if (is_short && cmd_find(word)) {
        cmd_fail(CP_EXIT_USAGE, "%s is a command, not a pipeline", word);
        return cmd_hint(CP_EXIT_USAGE, "the command comes first: chanpipe %s ...", word);
    }
    cmd_fail(CP_EXIT_USAGE,
             is_short ? "%s is neither a command nor a pipeline" : "there is no pipeline named %s",
             word);
    return hint_name(p, found, n, word, is_short);
}

/* ---- Loading ---- */

int cmd_load(struct cmd_pipeline *p, const char *arg, enum cmd_form form)
{
    *p = (struct cmd_pipeline){.label = arg};
    if (form == CMD_FILE)
        return read_file(p, arg);
    if (form == CMD_ONE_LINER)
        return read_text(p, "-e", arg);
    if (is_yaml_name(arg) && (exists(arg) || !is_one_liner(arg)))
        return read_file(p, arg);
    if (is_one_liner(arg))
        return read_text(p, "pipeline", arg);
    return read_name(p, arg, form == CMD_SHORT);
}

void cmd_unload(struct cmd_pipeline *p)
{
    cp_diags_release(&p->diags);
    cp_heap_release(&p->heap);
}

int cmd_report(struct cmd_pipeline *p, bool color, bool quiet)
{
    if (quiet && p->diags.errors == 0)
        return 0;
    cp_diags_sort(&p->diags);
    cp_diags_print(stderr, &p->diags, color);
    return p->diags.errors > 0 ? CP_EXIT_USAGE : 0;
}

int cmd_pick(const struct cmd *c, const struct cmd_input *in, struct cmd_texts *operands,
             const char **arg, enum cmd_form *form)
{
    if (in->files.n + in->texts.n > 1) {
        cmd_fail(CP_EXIT_USAGE, "more than one pipeline was given with -e and -f");
        return cmd_hint(CP_EXIT_USAGE, "%s takes one", c->name);
    }
    if (in->files.n + in->texts.n == 1) {
        *form = in->files.n ? CMD_FILE : CMD_ONE_LINER;
        *arg = in->files.n ? in->files.v[0] : in->texts.v[0];
        return 0;
    }
    if (operands->n == 0) {
        cmd_fail(CP_EXIT_USAGE, "a pipeline is missing");
        return cmd_hint(CP_EXIT_USAGE, "chanpipe %s %s", c->name, c->usage);
    }
    *arg = operands->v[0];
    operands->v++;
    operands->n--;
    return 0;
}
