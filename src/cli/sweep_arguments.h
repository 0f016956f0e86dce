/* What run and plan share: the sweep file and its --set overrides. */
#ifndef GRADSWEEP_CLI_SWEEP_ARGUMENTS_H
#define GRADSWEEP_CLI_SWEEP_ARGUMENTS_H

#include "cli/cli.h"
#include "gradsweep/gradsweep.h"

struct sweep_arguments {
    const char *path;
    size_t override_count;
    const char *overrides[CLI_MAX_OVERRIDES];
};

/* A child parser for argp that fills a struct sweep_arguments. */
extern const struct argp cli_sweep_argp;

/* The library's form of it; points into `arguments`. */
struct gradsweep_sweep cli_sweep(const struct sweep_arguments *arguments);

#endif
