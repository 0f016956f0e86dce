/* How this process was started, before MPI: by a launcher of so many ranks, or alone. Not collective.
 *
 * A launcher that is not the one of this MPI library starts N processes of which each is a run of one rank, and all of
 * them would compute the same sweep into the same file. So what the launchers' variables say is compared with what MPI
 * says, and one rank where N were meant is refused:
 *
 * -  mpirun of Open MPI: OMPI_COMM_WORLD_SIZE = N, and MPI gives N
 * -  mpiexec of MPICH or Intel MPI: PMI_SIZE = N, and MPI gives 1: refused where N > 1
 * -  other launchers: MV2_COMM_WORLD_SIZE, JSM_NAMESPACE_SIZE, MPI_LOCALNRANKS; the same
 * -  srun --mpi=pmix: SLURM_STEP_NUM_TASKS = N and PMIX_RANK; N
 * -  srun --mpi=pmi2: SLURM_STEP_NUM_TASKS = N and PMI_FD; N, or MPI refuses
 * -  srun --mpi=none: SLURM_STEP_NUM_TASKS = N; N > 1 is refused before MPI starts
 * -  srun of one task, whatever --mpi: SLURM_STEP_NUM_TASKS = 1; 1, without the step's PMIx
 * -  a job script or salloc's shell, without srun: SLURM_NTASKS = N, but no SLURM_STEP_ID; 1, and rightly so
 * -  nothing: nothing; 1
 *
 * The first of these variables that is there decides. A step of one task does without Slurm's PMIx, which serves the
 * first program of a step alone and not the second one of a script. */
#ifndef GRADSWEEP_PARALLEL_LAUNCH_H
#define GRADSWEEP_PARALLEL_LAUNCH_H

#include "base/status.h"

#include <stdbool.h>

struct launch {
    const char *variable; /* that says how many ranks there are; NULL: none does */
    long ranks;           /* as it says; 1 where none does */
    bool is_first;        /* of them: the one to speak while MPI does not work */
};

/* Finds what the launcher says, and sets what the MPI library must find in the environment when it starts, as far as
 * the user has not set it. Before MPI_Init. Errors: STATUS_REFUSED where MPI cannot start as many ranks as were meant.
 */
CHECKED enum status launch_prepare(struct launch *launch);

/* What the launcher says, wherever its variables stand. */
struct launch launch_find(void);

/* Whether this process is the first, or the only, of those that were started together, as far as the launcher says. */
bool launch_is_first(void);

/* The same question once MPI has told its number of ranks. Errors: STATUS_REFUSED. */
CHECKED enum status launch_require(const struct launch *launch, int ranks);

/* Around MPI_Init, which waits for ever for a rank that does not call it: a process that is in there for too long says
 * so and ends with 2, for nothing was touched; a stop request that is not met in time ends it like any other stop.
 * Where Open MPI itself cannot start it ends the process with 1. Errors: STATUS_PARALLEL. */
CHECKED enum status launch_guard(const struct launch *launch);
void launch_guard_end(void);

#endif
