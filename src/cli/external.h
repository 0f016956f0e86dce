/* Commands that are programs of their own: gradsweep NAME ... runs gradsweep-NAME, as git does. */
#ifndef GRADSWEEP_CLI_EXTERNAL_H
#define GRADSWEEP_CLI_EXTERNAL_H

#include "base/status.h"

/* Looks at those of the arguments (a list that ends with NULL) that are names of files, as first_look does, for the
 * programs of the analysis: what a damaged file does to HDF5 it does to them, too. Not at the output, which follows -o
 * or --output. Errors: STATUS_IO. */
CHECKED enum status external_look(char *const *arguments);

/* Becomes the program gradsweep-NAME with argv[1], argv[2], ... as its arguments: that in the folder
 * ../libexec/gradsweep of this executable (of an installation as of a build), else the first on PATH. Its exit code is
 * then the command's. Returns only where there is none: 0, or where one is there and does not start: its errno. */
int external_become(const char *name, char **argv);

#endif
