/* The commands that only read a results file: info and check. */
#include "cli/cli.h"

#include "gradsweep/gradsweep.h"

#include <errno.h>

static error_t parse(int key, char *argument, struct argp_state *state)
{
    const char **path = state->input;
    if (key == ARGP_KEY_ARG && *path == NULL) {
        *path = argument;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "a second results file '%s' after '%s'; one is read at a time", argument, *path);
        return EINVAL;
    }
    if (key == ARGP_KEY_END && *path == NULL) {
        argp_error(state, "no results file given");
        return EINVAL;
    }
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static const char *read_path(int argc, char **argv, const char *doc)
{
    const char *path = NULL;
    struct argp argp = { .parser = parse, .args_doc = "OUT.h5", .doc = doc };
    cli_parse(&argp, argc, argv, &path);
    cli_print_once();
    return path;
}

int cli_info(int argc, char **argv)
{
    const char *path = read_path(argc, argv, "Prints axes, progress, failures and provenance of a results file.");
    return cli_report(gradsweep_info(path, stdout));
}

int cli_check(int argc, char **argv)
{
    const char *path =
        read_path(argc, argv,
                  "Checks a results file: completeness, checksums, invariants, bound verdicts. Exit code 0: "
                  "all well; 3: pending, failed or wrong cells; 1: unreadable or not ours.");
    return cli_report(gradsweep_check(path, stdout));
}
