/* What may stand in a sweep file, told from the tables that its reader follows. Not collective. */
#ifndef GRADSWEEP_SWEEP_HELP_H
#define GRADSWEEP_SWEEP_HELP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

/* Every key, or the one that `key` names (NULL: all), with meaning, form, range, default and choices: ensembles,
 * activations and measures with their parameters and datasets. For people, or as one JSON object. Errors: STATUS_INPUT
 * for a key that is none, with the nearest one. */
CHECKED enum status sweep_help(const char *key, bool json, FILE *out);

#endif
