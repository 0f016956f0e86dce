/* What run, plan and extend share: the sweep file and its --set overrides. */
#ifndef GRADSWEEP_CLI_SWEEP_ARGUMENTS_H
#define GRADSWEEP_CLI_SWEEP_ARGUMENTS_H

#include "cli/cli.h"
#include "gradsweep/gradsweep.h"

struct sweep_arguments {
    const char *path;
    size_t override_count;
    const char *overrides[CLI_MAX_OVERRIDES];
};

/* For an argp's children: one that fills the struct sweep_arguments that its parent names at ARGP_KEY_INIT. */
extern const struct argp_child cli_sweep_children[];

/* The library's form of it; points into `arguments`. */
struct gradsweep_sweep cli_sweep(const struct sweep_arguments *arguments);

#endif
