/* vars.c: what a pipeline is told from outside: variables, the environment, the time, settings of
 * tests. */
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
    return cmd_hint(CP_EXIT_USAGE, "a name (letters, digits, _ and -), then = and the value, as in -D "
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

int cmd_vars_init(struct cmd_vars *v, struct cp_expr_names *names, struct cmd_pipeline *p,
                  const struct cmd_texts *defs)
{
    for (size_t i = 0; i < defs->n; i++)
        if (check_def(defs->v[i]) != 0)
            return CP_EXIT_USAGE;
    *v = (struct cmd_vars){p->doc.vars, defs, cp_heap_take(&p->heap, defs->n + 1)};
    *names = (struct cp_expr_names){find_var, find_env, v, 0};
    return read_now(&names->now);
}

int cmd_vars_check(const struct cmd_vars *v)
{
    for (size_t i = 0; i < v->defs->n; i++) {
        if (v->is_used[i])
            continue;
        int n = (int)name_length(v->defs->v[i]);
        cmd_fail(CP_EXIT_USAGE, "the pipeline has no variable %.*s", n, v->defs->v[i]);
        return cmd_hint(CP_EXIT_USAGE, "it would be read as var.%.*s or ${%.*s}", n, v->defs->v[i], n,
                        v->defs->v[i]);
    }
    return 0;
}

/* ---- Settings of tests ---- */

static int read_setting(const char *name, size_t most, size_t *value)
{
    const char *text = getenv(name);
    uint64_t n;

    if (!text || !text[0])
        return 0;
    if (!cp_size_parse(text, strlen(text), &n) || n == 0 || n > most)
        return cmd_fail(CP_EXIT_USAGE, "%s must be a number from 1 to %zu, not %s", name, most, text);
    *value = (size_t)n;
    return 0;
}

int cmd_test_settings(struct cp_plan_options *options)
{
    int rc = read_setting("CHANPIPE_TEST_BLOCK", 1 << 30, &options->block_size);
    if (rc == 0)
        rc = read_setting("CHANPIPE_TEST_BATCH", CP_BATCH_RECORDS, &options->batch_records);
    if (rc == 0)
        rc = read_setting("CHANPIPE_TEST_CAPACITY", 65536, &options->capacity);
    return rc;
}
