/* plan.c: plans a pipeline with what it is told from outside: variables, the environment, the time.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/base/moment.h"
#include "cmd.h"

/* ---- Variables ---- */

static size_t name_length(const char *def)
{
    return strcspn(def, "=");
}

/* The last -D of a name holds; all of them count as used. */
static const char *find_def(struct cmd_vars *v, struct cp_slice name)
{
    const char *value = NULL;
    for (size_t i = 0; i < v->defs->n; i++) {
        const char *def = v->defs->v[i];
        size_t n = name_length(def);
        if (cp_slice_equal(name, (struct cp_slice){def, n})) {
            v->is_used[i] = true;
            value = def + n + 1;
        }
    }
    return value;
}

static const char *find_var(void *ctx, struct cp_slice name)
{
    struct cmd_vars *v = ctx;
    const char *value = find_def(v, name);

    for (size_t i = 0; !value && v->node && i < v->node->n; i++)
        if (cp_slice_equal(v->node->keys[i].s, name))
            value = v->node->items[i]->text.s.p;
    return value;
}

static const char *find_env(void *ctx, struct cp_slice name)
{
    char buf[256];
    (void)ctx;
    if (name.n >= sizeof buf)
        return NULL;
    memcpy(buf, name.p, name.n);
    buf[name.n] = '\0';
    return getenv(buf);
}

static bool is_name(const char *p, size_t n)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";

    return n > 0 && strchr(first, p[0]) && strspn(p, more) >= n;
}

static int check_def(const char *def)
{
    size_t n = name_length(def);

    if (is_name(def, n) && def[n] == '=')
        return 0;
    cmd_fail(CP_EXIT_USAGE, "-D cannot be %s", def[0] ? def : "empty");
    return cmd_hint(CP_EXIT_USAGE,
                    "a name (letters, digits, _ and -), then = and the value, as in -D "
                    "level=warn");
}

/* ---- Time ---- */

static int read_now(int64_t *now)
{
    const char *text = getenv("CHANPIPE_TEST_NOW");
    struct timespec t;

    if (text && text[0]) {
        if (cp_time_parse_iso(text, strlen(text), NULL, now))
            return 0;
        return cmd_fail(CP_EXIT_USAGE, "CHANPIPE_TEST_NOW is no time: %s", text);
    }
    clock_gettime(CLOCK_REALTIME, &t);
    *now = t.tv_sec * CP_NS_PER_SECOND + t.tv_nsec;
    return 0;
}

static int init_names(struct cmd_pipeline *p, const struct cmd_texts *defs)
{
    for (size_t i = 0; i < defs->n; i++)
        if (check_def(defs->v[i]) != 0)
            return CP_EXIT_USAGE;
    p->vars = (struct cmd_vars){p->doc.vars, defs, cp_heap_take(&p->heap, defs->n + 1)};
    p->names = (struct cp_expr_names){find_var, find_env, &p->vars, 0};
    return read_now(&p->names.now);
}

/* -D of a variable that the pipeline does not read is a slip, not to be passed over. */
static int check_used(const struct cmd_vars *v)
{
    for (size_t i = 0; i < v->defs->n; i++) {
        if (v->is_used[i])
            continue;
        int n = (int)name_length(v->defs->v[i]);
        cmd_fail(CP_EXIT_USAGE, "the pipeline has no variable %.*s", n, v->defs->v[i]);
        return cmd_hint(CP_EXIT_USAGE, "it would be read as var.%.*s or ${%.*s}", n, v->defs->v[i],
                        n, v->defs->v[i]);
    }
    return 0;
}

/* ---- Settings of tests ---- */

static int read_setting(const char *name, size_t least, size_t most, size_t *value)
{
    const char *text = getenv(name);
    uint64_t n;

    if (!text || !text[0])
        return 0;
    if (!cp_size_parse(text, strlen(text), &n) || n < least || n > most)
        return cmd_fail(CP_EXIT_USAGE, "%s must be a number from %zu to %zu, not %s", name, least,
                        most, text);
    *value = (size_t)n;
    return 0;
}

static int test_settings(struct cp_plan_options *options)
{
    int rc = read_setting("CHANPIPE_TEST_BLOCK", 1, 1 << 30, &options->block_size);

    options->capacity = SIZE_MAX;
    if (rc == 0)
        rc = read_setting("CHANPIPE_TEST_BATCH", 1, CP_BATCH_RECORDS, &options->batch_records);
    if (rc == 0)
        rc = read_setting("CHANPIPE_TEST_CAPACITY", 0, 65536, &options->capacity);
    if (rc == 0)
        rc = read_setting("CHANPIPE_TEST_LOSE", 1, SIZE_MAX, &options->lose);
    options->has_capacity = options->capacity != SIZE_MAX;
    return rc;
}

/* ---- Planning ---- */

static bool is_reported(const struct cp_diags *d, size_t n, struct cp_pos pos)
{
    for (size_t i = 0; i < n; i++)
        if (d->v[i].severity == CP_ERROR && d->v[i].pos.source == pos.source &&
            d->v[i].pos.off < pos.off + pos.len + 1 &&
            pos.off < d->v[i].pos.off + d->v[i].pos.len + 1)
            return true;
    return false;
}

/* Where the first error stands. */
static size_t first_error(const struct cp_diags *d)
{
    size_t off = SIZE_MAX;

    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].severity == CP_ERROR && d->v[i].pos.source && d->v[i].pos.off < off)
            off = d->v[i].pos.off;
    return off;
}

/* What is wrong with a default is found at each stage. */
static bool is_repeated(const struct cp_diags *d, size_t n, const struct cp_diag *diag)
{
    for (size_t i = 0; i < n; i++)
        if (diag->pos.source && d->v[i].pos.source == diag->pos.source &&
            d->v[i].pos.off == diag->pos.off && strcmp(d->v[i].message, diag->message) == 0)
            return true;
    return false;
}

/* Some of what the planner says is only a consequence: errors where the reader found one already,
 * and warnings behind an error (a field that no stage makes, since the stage that makes it is
 * wrong). */
static void drop_consequences(struct cp_diags *d, size_t n_read)
{
    size_t kept = n_read, off = first_error(d);

    for (size_t i = n_read; i < d->n; i++) {
        bool is_error = d->v[i].severity == CP_ERROR;
        bool is_news = is_error ? !is_reported(d, n_read, d->v[i].pos) : d->v[i].pos.off <= off;
        if (is_news && !is_repeated(d, kept, &d->v[i])) {
            d->v[kept++] = d->v[i];
            continue;
        }
        d->errors -= is_error;
        free(d->v[i].message);
        free(d->v[i].hint);
    }
    d->n = kept;
}

/* -o */
static int check_format(const char *name)
{
    const char *names[64], *near;
    size_t n = 0;

    for (size_t i = 0; cp_formats[i] && n < CMD_COUNT(names); i++)
        if (cp_formats[i]->encode)
            names[n++] = cp_formats[i]->name;
    for (size_t i = 0; i < n; i++)
        if (!name || strcmp(names[i], name) == 0)
            return 0;
    cmd_fail(CP_EXIT_USAGE, "-o cannot be %s", name[0] ? name : "empty");
    if ((near = cp_nearest(name, strlen(name), names, n)))
        return cmd_hint(CP_EXIT_USAGE, "did you mean %s?", near);
    return cmd_hint(CP_EXIT_USAGE, "`chanpipe list formats` shows those for output");
}

/* That this process may run on. */
static size_t processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 2;
}

int cmd_plan(struct cmd_pipeline *p, const struct cmd_input *in,
             const struct cp_plan_options *options, bool quiet, struct cp_plan *plan)
{
    struct cp_plan_options o = *options;
    size_t n_read = p->diags.n, errors = p->diags.errors;
    int rc = test_settings(&o);

    *plan = (struct cp_plan){0};
    if (rc == 0)
        rc = check_format(o.format);
    if (rc == 0)
        rc = init_names(p, &in->defs);
    if (rc != 0)
        return rc;
    o.names = &p->names;
    o.processors = processors();
    if (errors == 0 || p->doc.n > 0)
        cp_plan_make(plan, &p->doc, &o, &p->diags);
    if (p->diags.errors > 0)
        drop_consequences(&p->diags, n_read);
    rc = cmd_report(p, cmd_has_color(in->color), quiet);
    return rc == 0 ? check_used(&p->vars) : rc;
}
