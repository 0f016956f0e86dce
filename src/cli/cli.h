/* The commands of gradsweep: arguments in, exit code out, nothing else. Each gets its own argument vector, argv[0]
 * being "gradsweep COMMAND", and returns an exit code (include/gradsweep/gradsweep.h). */
#ifndef GRADSWEEP_CLI_CLI_H
#define GRADSWEEP_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

enum { CLI_EXIT_USAGE = 2, CLI_MAX_OVERRIDES = 256 };

int cli_run(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_merge(int argc, char **argv);
int cli_extend(int argc, char **argv);
int cli_refine(int argc, char **argv);
int cli_help(int argc, char **argv);
int cli_new(int argc, char **argv);

/* Parses with argp; on wrong use prints one message, from the first process of a parallel run only, and exits with 2.
 */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* "gradsweep: error: text" on stderr, from the first process of a parallel run only. Returns 2. */
int cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For commands that only read: of the processes of one launch (mpirun -n 4 gradsweep check OUT.h5) the first prints,
 * and the others find the same in silence, for its exit code. */
void cli_print_once(void);

/* Prints the library's message as an error unless exit_code is 0; returns exit_code. */
int cli_report(int exit_code);

#endif
