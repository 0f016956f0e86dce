#include "cli/cli.h"
#include "cli/standard_streams.h"
#include "cli/start.h"

#include "gradsweep/gradsweep.h"
#include "run/provenance.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*function)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "run", cli_run, "compute a sweep and write its results file; under mpirun or srun on all ranks" },
    { "plan", cli_plan, "what a sweep will cost: cells, operations, memory, file size, time" },
    { "check", cli_check, "completeness, checksums, invariants and bound verdicts of a results file" },
    { "info", cli_info, "axes, progress, failures and provenance of a results file" },
    { "merge", cli_merge, "the results files of a job array's shards into one" },
    { "extend", cli_extend, "a results file for longer axes, with all that is finished" },
    { "help", cli_help, "what may stand in a sweep file: gradsweep help sweep [KEY] [--json]" },
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
    fprintf(out, "Usage: gradsweep COMMAND [OPTION...] FILE...\n"
                 "Exploding and vanishing gradients of recurrent networks, over whole grids of them.\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n  gradsweep COMMAND --help tells more of each; gradsweep --version its version.\n"
                 "  Exit codes: 0 complete, 1 failed, 2 wrong use or a mistake in the sweep file,\n"
                 "  3 check found something wrong, 75 stopped before the end, resumable.\n");
}

static void print_version(void)
{
    char build[4096];
    provenance_describe_build(build, sizeof build);
    printf("gradsweep %s\n%s", gradsweep_version(), build);
}

/* The known command that a mistyped one shares the most letters at the start with; NULL where there is none. */
static const char *nearest_command(const char *name)
{
    const char *nearest = NULL;
    size_t longest = 0;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        size_t common = 0;
        while (name[common] && name[common] == commands[i].name[common])
            common++;
        if (common > longest) {
            longest = common;
            nearest = commands[i].name;
        }
    }
    return nearest;
}

static int refuse_unknown(const char *name)
{
    const char *nearest = nearest_command(name);
    if (nearest)
        return cli_usage_error("unknown command '%s'; did you mean '%s'? (gradsweep --help lists all)", name, nearest);
    return cli_usage_error("unknown command '%s'; gradsweep --help lists all", name);
}

int main(int argc, char **argv)
{
    standard_streams_open();
    start_main();
    if (argc < 2)
        return cli_usage_error("no command given; gradsweep --help lists all");
    const bool is_bare_help = argc == 2 && strcmp(argv[1], "help") == 0;
    if (is_bare_help || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        print_version();
        return 0;
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            char name[32];
            snprintf(name, sizeof name, "gradsweep %s", commands[i].name);
            argv[1] = name;
            return commands[i].function(argc - 1, argv + 1);
        }
    return refuse_unknown(argv[1]);
}
