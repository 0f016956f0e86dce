/* The commands that make one results file of others: merge and extend. Both print what they have to say on stderr
 * alone, and finish the file also where nobody reads that any more. */
#include "cli/cli.h"
#include "cli/sweep_arguments.h"

#include "gradsweep/gradsweep.h"
#include "store/once.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct merge_arguments {
    const char *output;
    size_t count;
    const char **shards;
};

static error_t parse_merge(int key, char *argument, struct argp_state *state)
{
    struct merge_arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (arguments->output == NULL)
            arguments->output = argument;
        else
            arguments->shards[arguments->count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->count > 0)
            return 0;
        argp_error(state, "%s", arguments->output ? "no shards given, only the file to be made" : "no files given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int merge(void *context)
{
    const struct merge_arguments *arguments = context;
    return cli_report(gradsweep_merge(arguments->output, arguments->count, arguments->shards));
}

int cli_merge(int argc, char **argv)
{
    static const struct argp argp = { .parser = parse_merge,
                                      .args_doc = "OUT.h5 SHARD.h5...",
                                      .doc =
                                          "Makes the results file of a sweep of its shards' files (run --shard I/N). "
                                          "Exit code 0: complete; 75: cells are missing, which run --resume computes "
                                          "into it; 1: two shards contradict each other, or cells have failed."
                                          "\vExample:\n  gradsweep merge out.h5 1.h5 2.h5 3.h5\n" };
    struct merge_arguments arguments = { .shards = calloc((size_t)argc, sizeof *arguments.shards) };
    if (arguments.shards == NULL)
        return cli_usage_error("no memory for %d names of files", argc);
    cli_parse(&argp, argc, argv, &arguments);
    signal(SIGPIPE, SIG_IGN);
    int exit_code = once_do(arguments.output, merge, &arguments);
    free(arguments.shards);
    return exit_code;
}

struct extend_arguments {
    struct sweep_arguments sweep;
    const char *old, *output;
};

/* The first argument is the sweep file, which the child parser takes. */
static error_t parse_extend(int key, char *argument, struct argp_state *state)
{
    struct extend_arguments *arguments = state->input;
    switch (key) {
    case 'o':
        arguments->output = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->sweep.path == NULL)
            return ARGP_ERR_UNKNOWN;
        if (arguments->old) {
            argp_error(state, "a second results file '%s' after '%s'; one is extended at a time", argument,
                       arguments->old);
            return EINVAL;
        }
        arguments->old = argument;
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->sweep;
        return 0;
    case ARGP_KEY_END:
        if (arguments->old && arguments->output && arguments->output[0] != '\0')
            return 0;
        argp_error(state,
                   arguments->old ? "no file to be made given; say -o NEW.h5" : "no results file to extend given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int extend(void *context)
{
    const struct extend_arguments *arguments = context;
    struct gradsweep_sweep sweep = cli_sweep(&arguments->sweep);
    return cli_report(gradsweep_extend(&sweep, arguments->old, arguments->output));
}

int cli_extend(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "output", 'o', "NEW.h5", 0, "the results file to be made", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_extend,
        .args_doc = "SWEEP.yaml OLD.h5",
        .doc = "Makes the results file of a sweep with longer axes (any but lag) than those of "
               "OLD.h5, with all that is finished there. run --resume then computes the "
               "rest into it."
               "\vExample:\n  gradsweep extend longer.yaml old.h5 -o new.h5\n"
               "  gradsweep run longer.yaml -o new.h5 --resume\n",
        .children = cli_sweep_children
    };
    struct extend_arguments arguments = { 0 };
    cli_parse(&argp, argc, argv, &arguments);
    signal(SIGPIPE, SIG_IGN);
    return once_do(arguments.output, extend, &arguments);
}
