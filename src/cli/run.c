#include "cli/cli.h"
#include "cli/sweep_arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_key {
    KEY_RESUME = 256,
    KEY_OVERWRITE,
    KEY_RETRY_FAILED,
    KEY_SHARD,
    KEY_MAX_TIME,
    KEY_MAX_FAILURES,
    KEY_BREAK_LOCK,
    KEY_PROGRESS
};

struct run_arguments {
    struct sweep_arguments sweep;
    struct gradsweep_run_options options;
    bool wants_resume, wants_overwrite;
};

/* HH:MM:SS, hours without limit; minutes and seconds below 60. */
static bool read_duration(const char *text, double *seconds)
{
    unsigned hours, minutes, rest;
    int length = 0;
    if (strspn(text, "0123456789:") != strlen(text) || strlen(text) > 16)
        return false;
    if (sscanf(text, "%u:%u:%u%n", &hours, &minutes, &rest, &length) != 3 || text[length] != '\0')
        return false;
    *seconds = 3600.0 * hours + 60.0 * minutes + rest;
    return minutes < 60 && rest < 60 && *seconds > 0.0;
}

static bool read_count(const char *text, uint64_t *count)
{
    char *end;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *count > 0;
}

/* I/N */
static bool read_shard(const char *text, struct gradsweep_run_options *options)
{
    enum { MAX_SHARDS = 1000000 };
    int length = 0;
    if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 16)
        return false;
    if (sscanf(text, "%ld/%ld%n", &options->shard_number, &options->shard_count, &length) != 2 || text[length] != '\0')
        return false;
    return options->shard_number >= 1 && options->shard_number <= options->shard_count &&
           options->shard_count <= MAX_SHARDS;
}

static bool read_progress(const char *text, enum gradsweep_progress *progress)
{
    static const char *const names[] = { [GRADSWEEP_PROGRESS_AUTO] = "auto",
                                         [GRADSWEEP_PROGRESS_BAR] = "bar",
                                         [GRADSWEEP_PROGRESS_JSON] = "json",
                                         [GRADSWEEP_PROGRESS_NONE] = "none" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *progress = (enum gradsweep_progress)i;
            return true;
        }
    return false;
}

static error_t check_complete(const struct run_arguments *arguments, struct argp_state *state)
{
    if (arguments->options.output == NULL || arguments->options.output[0] == '\0')
        argp_error(state, "no results file given; say -o OUT.h5");
    else if (arguments->wants_resume && arguments->wants_overwrite)
        argp_error(state, "--resume and --overwrite exclude each other");
    else
        return 0;
    return EINVAL;
}

static error_t refuse(struct argp_state *state, const char *option, const char *argument, const char *expected)
{
    argp_error(state, "%s '%s': expected %s", option, argument, expected);
    return EINVAL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct run_arguments *arguments = state->input;
    struct gradsweep_run_options *options = &arguments->options;
    switch (key) {
    case 'o':
        options->output = argument;
        return 0;
    case KEY_RESUME:
        arguments->wants_resume = true;
        options->existing = GRADSWEEP_RESUME;
        return 0;
    case KEY_OVERWRITE:
        arguments->wants_overwrite = true;
        options->existing = GRADSWEEP_OVERWRITE;
        return 0;
    case KEY_RETRY_FAILED:
        options->retry_failed = true;
        return 0;
    case KEY_BREAK_LOCK:
        options->break_lock = true;
        return 0;
    case KEY_SHARD:
        if (!read_shard(argument, options))
            return refuse(state, "--shard", argument, "I/N with 1 <= I <= N <= 1000000, e.g. 3/16");
        return 0;
    case KEY_MAX_TIME:
        if (!read_duration(argument, &options->max_seconds))
            return refuse(state, "--max-time", argument, "HH:MM:SS, e.g. 11:45:00");
        return 0;
    case KEY_MAX_FAILURES:
        if (!read_count(argument, &options->max_failures))
            return refuse(state, "--max-failures", argument, "a positive number of cells");
        return 0;
    case KEY_PROGRESS:
        if (!read_progress(argument, &options->progress))
            return refuse(state, "--progress", argument, "auto, bar, json or none");
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->sweep;
        return 0;
    case ARGP_KEY_END:
        return check_complete(arguments, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cli_run(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "output", 'o', "OUT.h5", 0, "the results file", 0 },
        { "resume", KEY_RESUME, NULL, 0, "go on with an existing results file; without one start afresh", 0 },
        { "overwrite", KEY_OVERWRITE, NULL, 0, "replace an existing results file", 0 },
        { "retry-failed", KEY_RETRY_FAILED, NULL, 0, "with --resume: compute failed cells again", 0 },
        { "max-time", KEY_MAX_TIME, "HH:MM:SS", 0, "stop, resumable, after so long (exit code 75)", 0 },
        { "max-failures", KEY_MAX_FAILURES, "N", 0, "stop when so many cells have failed (exit code 1)", 0 },
        { "break-lock", KEY_BREAK_LOCK, NULL, 0,
          "take the lock of the results file from a run on another host that has ended", 0 },
        { "progress", KEY_PROGRESS, "STYLE", 0,
          "auto (the default: a bar on a terminal, else lines), bar, json or none", 0 },
        { "shard", KEY_SHARD, "I/N", 0,
          "compute every N-th unit of work alone, from the I-th; gradsweep merge joins the files", 0 },
        { 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "SWEEP.yaml",
        .doc = "Computes a sweep and writes its results file. Start it under mpirun or srun "
               "to use several ranks; alone it is one rank."
               "\vExamples:\n  mpirun gradsweep run sweep.yaml -o out.h5\n"
               "  gradsweep run sweep.yaml -o out.h5 --resume --max-time 11:45:00\n"
               "  gradsweep run sweep.yaml -o try.h5 --set grid.hidden_size=16 --set weights.replicas=1\n"
               "Exit codes: 0 complete; 1 failed; 2 wrong use or a mistake in the sweep file; 75 stopped, resumable.\n",
        .children = cli_sweep_children
    };
    struct run_arguments arguments = { 0 };
    cli_parse(&argp, argc, argv, &arguments);
    struct gradsweep_sweep sweep = cli_sweep(&arguments.sweep);
    return gradsweep_run(&argc, &argv, &sweep, &arguments.options);
}
