#include "cli/cli.h"
#include "cli/sweep_arguments.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK_COUNTS = 64, MAX_RANKS = 16384, MAX_CORES = 4096, CORES_PER_NODE = 64 };
enum { OPTION_CORES = 256, OPTION_MEMORY };

struct plan_arguments {
    struct sweep_arguments sweep;
    size_t count;
    int ranks[MAX_RANK_COUNTS];
    int cores_per_node;
    double memory_per_rank;
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

static error_t read_cores(const char *text, struct argp_state *state, struct plan_arguments *arguments)
{
    char *end;
    errno = 0;
    long cores = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno || cores < 1 || cores > MAX_CORES) {
        argp_error(state, "--cores-per-node '%s': expected a number from 1 to %d", text, MAX_CORES);
        return EINVAL;
    }
    arguments->cores_per_node = (int)cores;
    return 0;
}

/* A number of bytes, with K, M, G or T as Slurm's --mem takes them (powers of 1024). */
static error_t read_memory(const char *text, struct argp_state *state, struct plan_arguments *arguments)
{
    static const char letters[] = "KMGT";
    char *end;
    double bytes = strtod(text, &end);
    const char *letter = *end != '\0' ? strchr(letters, *end) : NULL;
    for (const char *each = letters; letter && each <= letter; each++)
        bytes *= 1024.0;
    end += letter != NULL;
    if (end == text || *end != '\0' || !(bytes >= 1.0) || isinf(bytes)) {
        argp_error(state, "--memory-per-rank '%s': expected bytes, or a number with K, M, G or T, e.g. 4G", text);
        return EINVAL;
    }
    arguments->memory_per_rank = bytes;
    return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct plan_arguments *arguments = state->input;
    switch (key) {
    case 'n':
        return read_ranks(argument, state, arguments);
    case OPTION_CORES:
        return read_cores(argument, state, arguments);
    case OPTION_MEMORY:
        return read_memory(argument, state, arguments);
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
        { "cores-per-node", OPTION_CORES, "N", 0, "ranks that share a node's memory (default: 64)", 0 },
        { "memory-per-rank", OPTION_MEMORY, "BYTES", 0, "refuse what needs more, e.g. 4G", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "SWEEP.yaml",
        .doc = "Predicts what a sweep will cost: the schedule of a run against a model of "
               "costs, scaled by a short measurement of this machine."
               "\vExample:\n  gradsweep plan sweep.yaml --ranks 1,64,1024 --memory-per-rank 4G\n",
        .children = cli_sweep_children
    };
    struct plan_arguments arguments = { .count = 1, .ranks = { 1 }, .cores_per_node = CORES_PER_NODE };
    cli_parse(&argp, argc, argv, &arguments);
    cli_print_once();
    struct gradsweep_sweep sweep = cli_sweep(&arguments.sweep);
    struct gradsweep_plan_options plan_options = { arguments.count, arguments.ranks, arguments.cores_per_node,
                                                   arguments.memory_per_rank };
    return cli_report(gradsweep_plan(&sweep, &plan_options, stdout));
}
