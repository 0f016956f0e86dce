#include "cli/sweep_arguments.h"

#include <errno.h>

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct sweep_arguments *arguments = state->input;
    switch (key) {
    case 's':
        if (arguments->override_count == CLI_MAX_OVERRIDES) {
            argp_error(state, "more than %d --set options; write them into the sweep file", CLI_MAX_OVERRIDES);
            return EINVAL;
        }
        arguments->overrides[arguments->override_count++] = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->path) {
            argp_error(state, "a second sweep file '%s' after '%s'; one is run at a time", argument, arguments->path);
            return EINVAL;
        }
        arguments->path = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->path == NULL) {
            argp_error(state, "no sweep file given");
            return EINVAL;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "set", 's', "KEY=VALUE", 0, "override a key of the sweep file, e.g. --set grid.gamma=[0.5,1]", 0 },
    { 0 },
};

static const struct argp sweep_argp = { .options = options, .parser = parse };

const struct argp_child cli_sweep_children[] = { { &sweep_argp, 0, NULL, 0 }, { 0 } };

struct gradsweep_sweep cli_sweep(const struct sweep_arguments *arguments)
{
    return (struct gradsweep_sweep){ .path = arguments->path,
                                     .override_count = arguments->override_count,
                                     .overrides = arguments->overrides };
}
