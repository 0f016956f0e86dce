/* Where numbers come from: one JSON text a run, for the results file. Not collective. */
#ifndef GRADSWEEP_RUN_PROVENANCE_H
#define GRADSWEEP_RUN_PROVENANCE_H

#include "run/account.h"
#include "run/shard_units.h"

#include <stddef.h>
#include <stdint.h>

struct provenance {
    char start[32]; /* UTC, ISO 8601 */
    char end[32];   /* "" while the run goes on */
    struct shard shard;
    uint64_t cells_before; /* done or failed before this run */
    int ranks;
    int team_count; /* sizes of teams */
    const int *team_sizes;
    int threads;                   /* of the BLAS, on a process grid */
    int exit_code;                 /* of an ended run */
    const struct account *account; /* of all ranks; NULL while the run goes on */
};

/* Version and revision of this program; a constant. */
const char *provenance_program(void);

/* The build that runs, for people, into text[size], a line each: revision, compiler, MPI, HDF5, BLAS and kernel as they
 * are loaded. "unknown" is what does not tell. Needs no MPI that was started. */
void provenance_describe_build(char *text, size_t size);

/* Writes the JSON object, NUL-terminated, into text[size]: times, host, CPU, ranks, teams, Slurm job, version,
 * compiler, library versions, exit code, and where the time went. */
void provenance_write(const struct provenance *provenance, char *text, size_t size);

/* What the last bits of results depend on (CPU type, version, revision, kernel, BLAS) and differs between two such
 * texts, for people, into differences[size]: "cpu: <earlier>, now <now>; ..."; "" where all is the same. */
void provenance_compare(const char *earlier, const char *now, char *differences, size_t size);

#endif
