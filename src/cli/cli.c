#include "cli/cli.h"

#include "gradsweep/gradsweep.h"
#include "parallel/launch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A launcher ends all processes as soon as one ends with an error: the first must have said what is wrong by then. */
static void let_first_process_speak(void)
{
    sleep(1);
}

int cli_usage_error(const char *format, ...)
{
    if (!launch_is_first()) {
        let_first_process_speak();
        return CLI_EXIT_USAGE;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "gradsweep: error: %s\n", text);
    return CLI_EXIT_USAGE;
}

static bool is_parsing_silently;

static void at_exit_of_argp(int exit_code, void *unused)
{
    (void)unused;
    if (is_parsing_silently && exit_code != 0)
        let_first_process_speak();
}

/* As the first process does, --help included, but saying nothing; argp's own flags for silence make it go on behind
 * --help. */
static error_t parse_silently(const struct argp *argp, int argc, char **argv, void *input)
{
    FILE *out = stdout, *err = stderr, *nowhere = fopen("/dev/null", "w");
    if (nowhere)
        stdout = stderr = nowhere;
    is_parsing_silently = on_exit(at_exit_of_argp, NULL) == 0;
    error_t failed = argp_parse(argp, argc, argv, 0, NULL, input);
    is_parsing_silently = false;
    stdout = out;
    stderr = err;
    if (nowhere)
        fclose(nowhere);
    return failed;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = CLI_EXIT_USAGE;
    error_t failed =
        launch_is_first() ? argp_parse(argp, argc, argv, 0, NULL, input) : parse_silently(argp, argc, argv, input);
    if (failed)
        exit(CLI_EXIT_USAGE);
}

/* Not a script or a program, whose processes may each want something else. */
static bool is_started_by_launcher(void)
{
    static const char *const launchers[] = { "mpirun",         "mpiexec",   "orterun",       "orted",
                                             "prterun",        "prted",     "mpiexec.hydra", "hydra_pmi_proxy",
                                             "hydra_pmi_prox", "slurmstepd" };
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)getppid());
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    const bool is_read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    for (size_t i = 0; is_read && i < sizeof launchers / sizeof *launchers; i++)
        if (strcmp(name, launchers[i]) == 0)
            return true;
    return false;
}

void cli_print_once(void)
{
    if (launch_is_first() || !is_started_by_launcher())
        return;
    if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
        exit(CLI_EXIT_USAGE);
}

int cli_report(int exit_code)
{
    if (exit_code != 0 && gradsweep_message()[0])
        fprintf(stderr, "gradsweep: %s%s\n", exit_code == 75 ? "" : "error: ", gradsweep_message());
    return exit_code;
}
