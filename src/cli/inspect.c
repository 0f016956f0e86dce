/* The commands that only read a results file: info and check. */
#include "cli/cli.h"

#include "gradsweep/gradsweep.h"

#include <errno.h>

struct inspected {
    const char *path;
    bool json;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct inspected *inspected = state->input;
    const char **path = &inspected->path;
    if (key == 'j') {
        inspected->json = true;
        return 0;
    }
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

static struct inspected read_arguments(int argc, char **argv, const struct argp_option *options, const char *doc)
{
    struct inspected inspected = { 0 };
    const struct argp argp = { .options = options, .parser = parse, .args_doc = "OUT.h5", .doc = doc };
    cli_parse(&argp, argc, argv, &inspected);
    cli_print_once();
    return inspected;
}

int cli_info(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "json", 'j', 0, 0, "one JSON object, for programs", 0 },
        { 0 },
    };
    const struct inspected asked = read_arguments(
        argc, argv, options,
        "Prints axes, progress, rate, time to go, failures and provenance of a results file, and where the time went."
        "\vExamples:\n  gradsweep info out.h5\n  gradsweep info --json out.h5 | jq .seconds_to_go\n");
    return cli_report(gradsweep_info(asked.path, asked.json, stdout));
}

int cli_check(int argc, char **argv)
{
    const struct inspected asked =
        read_arguments(argc, argv, NULL,
                       "Checks a results file: completeness, checksums, invariants, bound verdicts. Exit code 0: "
                       "all well; 3: pending, failed or wrong cells; 1: unreadable or not ours."
                       "\vExample:\n  gradsweep check out.h5\n");
    return cli_report(gradsweep_check(asked.path, stdout));
}
