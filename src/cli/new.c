/* Sweep files to start from: gradsweep new [NAME]. They stand in jobs/templates/ and are built in. */
#include "cli/cli.h"

#include "cli/templates.h"
#include "sweep/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static error_t parse(int key, char *argument, struct argp_state *state)
{
    const char **name = state->input;
    if (key == ARGP_KEY_ARG && *name == NULL) {
        *name = argument;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "one sweep file at a time: '%s' after '%s'", argument, *name);
        return EINVAL;
    }
    return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

/* The first line of a template says what it is: "# What it asks." */
static void print_names(FILE *out)
{
    for (size_t i = 0; i < template_count; i++) {
        const char *text = templates[i].text + strspn(templates[i].text, "# ");
        fprintf(out, "  %-16s %.*s\n", templates[i].name, (int)strcspn(text, "\n"), text);
    }
}

static int refuse(const char *name)
{
    enum { MOST = 64 };
    const char *names[MOST];
    size_t count = 0;
    for (; count < template_count && count < MOST; count++)
        names[count] = templates[count].name;
    const char *nearest = suggest_nearest(name, count, names);
    if (nearest)
        return cli_usage_error("no sweep file '%s' to start from; did you mean '%s'? (gradsweep new lists all)", name,
                               nearest);
    return cli_usage_error("no sweep file '%s' to start from; gradsweep new lists all", name);
}

int cli_new(int argc, char **argv)
{
    const char *name = NULL;
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[NAME]",
        .doc = "Prints a commented sweep file to start from; without a name, which ones there are."
               "\vExample:\n  gradsweep new phase > phase.yaml\n  gradsweep plan phase.yaml\n"
               "  mpirun gradsweep run phase.yaml -o phase.h5\n"
    };
    cli_parse(&argp, argc, argv, &name);
    cli_print_once();
    if (name == NULL) {
        print_names(stdout);
        return 0;
    }
    for (size_t i = 0; i < template_count; i++)
        if (strcmp(name, templates[i].name) == 0) {
            fputs(templates[i].text, stdout);
            return 0;
        }
    return refuse(name);
}
