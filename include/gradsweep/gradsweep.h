/* gradsweep: exploding and vanishing gradients of recurrent networks, over whole grids of them.
 *
 * The public interface: read a sweep and plan it, run it, read a results file. Every function returns an exit code as
 * the command does, and wherever that is not 0 leaves a message, which gradsweep_message() returns:
 *
 * -  0: complete
 * -  1: failed: input or output, a computation, or some cells
 * -  2: wrong use, or a mistake in the sweep file; whatever is found before any work starts
 * -  3: gradsweep_check found something wrong
 * - 75: stopped before the end, resumable */
#ifndef GRADSWEEP_GRADSWEEP_H
#define GRADSWEEP_GRADSWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRADSWEEP_API __attribute__((visibility("default")))

/* A sweep file and the overrides of --set ("grid.gamma=[0.5,1]"). Strings are only read. */
struct gradsweep_sweep {
    const char *path;
    size_t override_count;
    const char *const *overrides;
};

enum gradsweep_existing {
    GRADSWEEP_REFUSE_EXISTING, /* an output that exists is refused */
    GRADSWEEP_RESUME,          /* go on with it; without a file start afresh */
    GRADSWEEP_OVERWRITE        /* replace it */
};

enum gradsweep_progress {
    GRADSWEEP_PROGRESS_AUTO, /* bar on a terminal, else a line now and then */
    GRADSWEEP_PROGRESS_BAR,
    GRADSWEEP_PROGRESS_JSON, /* one object a line */
    GRADSWEEP_PROGRESS_NONE
};

struct gradsweep_run_options {
    const char *output;
    enum gradsweep_existing existing;
    bool retry_failed;                /* compute failed cells again */
    bool break_lock;                  /* take the lock of a run on another host, which has ended */
    double max_seconds;               /* stop, resumable, after so long; 0: no limit */
    uint64_t max_failures;            /* stop at so many failed cells; 0: no limit */
    enum gradsweep_progress progress; /* on stderr */
    long shard_number, shard_count;   /* I/N, from 1: only every N-th unit of work, into a file that gradsweep_merge
                                       * takes; 0: the whole sweep */
};

/* Runs a sweep on all ranks and writes the results file. Starts and ends MPI itself (with argc and argv of main), works
 * without mpirun as one rank, and handles the signals that end a process by default (SIGUSR1, SIGTERM, SIGINT,
 * SIGHUP, ...) as requests to stop. Collective: every rank calls
 * it with the same arguments; rank 0 alone reads the sweep file. Once a process. */
GRADSWEEP_API int gradsweep_run(int *argc, char ***argv, const struct gradsweep_sweep *sweep,
                                const struct gradsweep_run_options *options);

struct gradsweep_plan_options {
    size_t count; /* of numbers of ranks, at least one */
    const int *ranks;
    int cores_per_node;     /* as many ranks share a node's memory */
    double memory_per_rank; /* bytes; a sweep that needs more is refused; 0: no limit */
};

/* Prints to `out` what the sweep will cost: cells, floating-point operations, file size, and for each number of ranks
 * the predicted time and efficiency, memory per rank and node, teams, and options for Slurm. Measures for 50 ms how
 * fast this machine is. Not collective, needs no MPI. */
GRADSWEEP_API int gradsweep_plan(const struct gradsweep_sweep *sweep, const struct gradsweep_plan_options *options,
                                 FILE *out);

/* Merges the files of a sweep's shards into `output`, which must not exist: the file that one run of the whole sweep
 * would have written, to the bit. Finished cells whose checksums are right are taken. Where two files have a cell, both
 * must have the same results; a done cell goes before a failed one. Cells that no file has stay pending, and 75 is
 * returned: gradsweep_run resumes `output`. What is missing is told on stderr. 1: a conflict (no file is made), failed
 * cells. Not collective, needs no MPI. */
GRADSWEEP_API int gradsweep_merge(const char *output, size_t count, const char *const *shards);

/* Makes the results file `output`, which must not exist, of a sweep whose axes (any but lag) are longer than those of
 * the results file `old`, and takes over every finished cell of that whose checksum is right. Any other difference is
 * refused, and so is an axis that lacks a value. gradsweep_run then resumes `output`. Not collective, needs no MPI. */
GRADSWEEP_API int gradsweep_extend(const struct gradsweep_sweep *sweep, const char *old, const char *output);

struct gradsweep_refine_options {
    const char *axis;     /* "spectral_radius", "input_scale", or another axis of real numbers */
    const char *quantity; /* "growth_rate", or "lyapunov_exponent": the largest; one number a cell */
    double width;         /* how near to each other the values around a crossing are to be */
};

/* Writes to `finer` the sweep of the results file at `path` with up to three more values of an axis wherever, at a
 * point of the other axes, the replicas' mean of a quantity passes zero between values further apart than the width;
 * gradsweep_extend takes it. Without anything to add it is the sweep as it was. Tells the crossings on `out`. `finer`
 * may exist only if it was written by this. Not collective, needs no MPI. */
GRADSWEEP_API int gradsweep_refine(const char *path, const struct gradsweep_refine_options *options, const char *finer,
                                   FILE *out);

/* Prints to `out` the axes, progress, rate, time to go, failures and provenance of a results file, of a running one
 * too; for people, or as one JSON object. Not collective. */
GRADSWEEP_API int gradsweep_info(const char *path, bool json, FILE *out);

/* Prints to `out` a table of what was checked: completeness, checksums, invariants, verdicts. Not collective. */
GRADSWEEP_API int gradsweep_check(const char *path, FILE *out);

/* Prints to `out` what may stand in a sweep file: every key, or one (NULL: all), or a section of them, with meaning,
 * form, range, default and choices; for people, or as one JSON object. 2 for a key that is none. Not collective. */
GRADSWEEP_API int gradsweep_help_sweep(const char *key, bool json, FILE *out);

/* The message of the last failure in this thread; "" if there was none. Valid until the next call. */
GRADSWEEP_API const char *gradsweep_message(void);

/* "0.2.0" */
GRADSWEEP_API const char *gradsweep_version(void);

#ifdef __cplusplus
}
#endif

#endif
