/* version.c: which chanpipe this is. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <yaml.h>
#include <zlib.h>

#include "cmd.h"

struct version_options {
    bool verbose;
};

static const struct cmd_option options[] = {
    {'v', "verbose", CMD_FLAG, offsetof(struct version_options, verbose), NULL,
     "also the versions of the libraries in use"},
    {0},
};

static void put_libraries(void)
{
    char pcre2[64] = "";

    pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    printf("libyaml %s\npcre2 %s\nzlib %s\n", yaml_get_version_string(), pcre2, zlibVersion());
}

static int version_main(int argc, char **argv)
{
    struct version_options o = {0};
    struct cmd_texts args;
    int status;

    if (!cmd_parse(&cmd_version, argc, argv, &o, &args, &status))
        return status;
    if (args.n > 0)
        return cmd_fail(CP_EXIT_USAGE, "version takes no argument like %s", args.v[0]);
    puts("chanpipe " CP_VERSION);
    if (o.verbose)
        put_libraries();
    return 0;
}

const struct cmd cmd_version = {
    .name = "version",
    .usage = "[-v]",
    .summary = "Shows the version",
    .doc = "",
    .options = options,
    .main = version_main,
};
