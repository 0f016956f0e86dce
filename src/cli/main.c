#include "cli/cli.h"
#include "cli/external.h"
#include "cli/standard_streams.h"
#include "cli/start.h"

#include "gradsweep/gradsweep.h"
#include "run/provenance.h"
#include "sweep/suggest.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*function)(int argc, char **argv); /* NULL: a program of its own, gradsweep-NAME, of the analysis */
    const char *help;
} commands[] = {
    { "run", cli_run, "compute a sweep and write its results file; under mpirun or srun on all ranks" },
    { "plan", cli_plan, "what a sweep will cost: cells, operations, memory, file size, time" },
    { "check", cli_check, "completeness, checksums, invariants and bound verdicts of a results file" },
    { "info", cli_info, "axes, progress, failures and provenance of a results file" },
    { "merge", cli_merge, "the results files of a job array's shards into one" },
    { "extend", cli_extend, "a results file for longer axes, with all that is finished" },
    { "refine", cli_refine, "a sweep file with more values where a mean growth passes zero, for extend" },
    { "new", cli_new, "a commented sweep file to start from: gradsweep new NAME > SWEEP.yaml" },
    { "help", cli_help, "what may stand in a sweep file: gradsweep help sweep [KEY] [--json]" },
    { "report", NULL, "one page of a results file to explore in a browser, without a network" },
    { "plot", NULL, "one figure of a results file, as PDF, SVG or PNG" },
    { "export", NULL, "a results file as a table (CSV, Parquet) or a part of it as NetCDF" },
    { "watch", NULL, "progress, failures and a map of a sweep that runs, in the terminal" },
    { "torch", NULL, "a network file and a sweep from a PyTorch checkpoint" },
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

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse_unknown(const char *name)
{
    const char *names[COMMAND_COUNT];
    for (int i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *nearest = suggest_nearest(name, COMMAND_COUNT, names);
    if (nearest)
        return cli_usage_error("unknown command '%s'; did you mean '%s'? (gradsweep --help lists all)", name, nearest);
    return cli_usage_error("unknown command '%s'; gradsweep --help lists all", name);
}

/* What is no function of this program: one of the analysis, or of the user's own. Returns only where it is not there.
 */
static int call_external(const struct command *command, const char *name, char **argv)
{
    if (command != NULL && external_look(argv + 1) != STATUS_OK)
        return cli_report(1);
    const int failure = external_become(name, argv);
    if (failure != 0)
        return cli_usage_error("gradsweep-%s cannot be started: %s", name, strerror(failure));
    if (command == NULL)
        return refuse_unknown(name);
    return cli_usage_error(
        "'%s' is a command of the analysis, in Python, which is not installed: there is no "
        "gradsweep-%s in ../libexec/gradsweep beside this command, nor on PATH. cmake --install puts "
        "it there, and so does pip install ./analysis in gradsweep's source",
        name, name);
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
    const struct command *command = find_command(argv[1]);
    if (command == NULL || command->function == NULL)
        return call_external(command, argv[1], argv + 1);
    char name[32];
    snprintf(name, sizeof name, "gradsweep %s", command->name);
    argv[1] = name;
    return command->function(argc - 1, argv + 1);
}
