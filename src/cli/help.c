/* What may stand in a sweep file: gradsweep help sweep [KEY] [--json]. */
#include "cli/cli.h"

#include "gradsweep/gradsweep.h"

#include <errno.h>
#include <string.h>

struct asked {
    const char *topic, *key;
    bool json;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct asked *asked = state->input;
    switch (key) {
    case 'j':
        asked->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (asked->topic == NULL)
            asked->topic = argument;
        else if (asked->key == NULL)
            asked->key = argument;
        else {
            argp_error(state, "one key at a time: '%s' after '%s'", argument, asked->key);
            return EINVAL;
        }
        return 0;
    case ARGP_KEY_END:
        if (asked->topic == NULL || strcmp(asked->topic, "sweep") != 0) {
            argp_error(state,
                       "there is help on 'sweep', the sweep file; each command has its own: gradsweep COMMAND --help");
            return EINVAL;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cli_help(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "json", 'j', 0, 0, "one JSON object, for programs", 0 },
        { 0 },
    };
    struct asked asked = { 0 };
    const struct argp argp = { .options = options,
                               .parser = parse,
                               .args_doc = "sweep [KEY]",
                               .doc = "Tells what may stand in a sweep file: its keys with form, range and default; "
                                      "ensembles, activations and measures with their parameters and datasets. KEY is "
                                      "one of them (grid.gamma), a section (grid), or the name of a kind (lyapunov)."
                                      "\vExamples:\n  gradsweep help sweep\n  gradsweep help sweep weights.ensemble\n"
                                      "  gradsweep help sweep measure --json\n" };
    cli_parse(&argp, argc, argv, &asked);
    cli_print_once();
    return cli_report(gradsweep_help_sweep(asked.key, asked.json, stdout));
}
