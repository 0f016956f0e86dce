#include "cli/cli.h"

#include "gradsweep/gradsweep.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before MPI has started, the launchers' variables say which process this is. */
static bool is_first_process(void)
{
    static const char *const variables[] = { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID" };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *rank = getenv(variables[i]);
        if (rank)
            return strcmp(rank, "0") == 0;
    }
    return true;
}

int cli_usage_error(const char *format, ...)
{
    if (!is_first_process())
        return CLI_EXIT_USAGE;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "gradsweep: error: %s\n", text);
    return CLI_EXIT_USAGE;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = CLI_EXIT_USAGE;
    /* The other processes must end as the first does, --help included, but say nothing: argp's own flags for silence
     * make it go on behind --help. */
    FILE *out = stdout, *err = stderr, *nowhere = is_first_process() ? NULL : fopen("/dev/null", "w");
    if (nowhere)
        stdout = stderr = nowhere;
    error_t failed = argp_parse(argp, argc, argv, 0, NULL, input);
    stdout = out;
    stderr = err;
    if (nowhere)
        fclose(nowhere);
    if (failed)
        exit(CLI_EXIT_USAGE);
}

int cli_report(int exit_code)
{
    if (exit_code != 0 && gradsweep_message()[0])
        fprintf(stderr, "gradsweep: %s%s\n", exit_code == 75 ? "" : "error: ", gradsweep_message());
    return exit_code;
}
