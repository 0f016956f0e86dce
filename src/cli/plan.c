#include "cli/cli.h"
#include "cli/sweep_arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_RANK_COUNTS = 64, MAX_RANKS = 16384 };

struct plan_arguments {
    struct sweep_arguments sweep;
    size_t count;
    int ranks[MAX_RANK_COUNTS];
};

/* N[,N...] */
static error_t read_ranks(char *text, struct argp_state *state, struct plan_arguments *arguments)
{
    arguments->count = 0;
    for (char *place = text, *end;; place = end + 1) {
        errno = 0;
        long ranks = strtol(place, &end, 10);
        if (end == place || errno || ranks < 1 || ranks > MAX_RANKS || (*end != ',' && *end != '\0') ||
            arguments->count == MAX_RANK_COUNTS) {
            argp_error(state,
                       "--ranks '%s': expected up to %d numbers from 1 to %d with commas between, e.g. 1,64,1024", text,
                       MAX_RANK_COUNTS, MAX_RANKS);
            return EINVAL;
        }
        arguments->ranks[arguments->count++] = (int)ranks;
        if (*end == '\0')
            return 0;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct plan_arguments *arguments = state->input;
    switch (key) {
    case 'n':
        return read_ranks(argument, state, arguments);
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->sweep;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cli_plan(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "ranks", 'n', "N[,N...]", 0, "numbers of ranks to predict for (default: 1)", 0 },
        { 0 },
    };
    static const struct argp_child children[] = { { &cli_sweep_argp, 0, NULL, 0 }, { 0 } };
    static const struct argp argp = { .options = options,
                                      .parser = parse,
                                      .args_doc = "SWEEP.yaml",
                                      .doc = "Predicts what a sweep will cost, from rates measured on one core of a "
                                             "2.6 GHz machine with AVX-512.",
                                      .children = children };
    struct plan_arguments arguments = { .count = 1, .ranks = { 1 } };
    cli_parse(&argp, argc, argv, &arguments);
    struct gradsweep_sweep sweep = cli_sweep(&arguments.sweep);
    return cli_report(gradsweep_plan(&sweep, arguments.count, arguments.ranks, stdout));
}
