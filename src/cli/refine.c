/* gradsweep refine: a sweep file with more values where a quantity passes zero. */
#include "cli/cli.h"

#include "gradsweep/gradsweep.h"

#include <errno.h>
#include <stdlib.h>

struct refine_arguments {
    const char *results, *output;
    struct gradsweep_refine_options options;
};

static error_t parse_width(const char *text, struct argp_state *state, double *width)
{
    char *end;
    *width = strtod(text, &end);
    if (end != text && *end == '\0' && *width > 0)
        return 0;
    argp_error(state, "--width takes a number above 0, not '%s'", text);
    return EINVAL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct refine_arguments *arguments = state->input;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case 'a':
        arguments->options.axis = argument;
        return 0;
    case 'q':
        arguments->options.quantity = argument;
        return 0;
    case 'w':
        return parse_width(argument, state, &arguments->options.width);
    case ARGP_KEY_ARG:
        if (arguments->results) {
            argp_error(state, "a second results file '%s' after '%s'; one is read at a time", argument,
                       arguments->results);
            return EINVAL;
        }
        arguments->results = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->results && arguments->output && arguments->output[0] != '\0')
            return 0;
        argp_error(state, arguments->results ? "no sweep file to be written given; say -o FINER.yaml"
                                             : "no results file given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cli_refine(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "output", 'o', "FINER.yaml", 0, "the sweep file to be written", 0 },
        { "axis", 'a', "AXIS", 0, "spectral_radius (the default), input_scale, or another axis of real numbers", 0 },
        { "quantity", 'q', "DATASET", 0, "growth_rate (the default), or lyapunov_exponent: the largest", 0 },
        { "width", 'w', "WIDTH", 0, "how near to each other the values around a crossing are to be (0.01)", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "OUT.h5",
        .doc = "Finds where along an axis the mean of a quantity over replicas and anchors passes "
               "zero, for each point of the other axes, and writes the sweep with up to three "
               "more values in each such place, which extend accepts. refine, extend and "
               "run --resume, repeated, close in on the critical line."
               "\vExample:\n  gradsweep refine out.h5 -o finer.yaml\n  gradsweep extend finer.yaml out.h5 -o finer.h5\n"
               "  mpirun gradsweep run finer.yaml -o finer.h5 --resume\n"
    };
    struct refine_arguments arguments = { .options = {
                                              .axis = "spectral_radius", .quantity = "growth_rate", .width = 0.01 } };
    cli_parse(&argp, argc, argv, &arguments);
    cli_print_once();
    return cli_report(gradsweep_refine(arguments.results, &arguments.options, arguments.output, stdout));
}
