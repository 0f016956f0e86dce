/* All ranks of the run. */
#ifndef GRADSWEEP_PARALLEL_WORLD_H
#define GRADSWEEP_PARALLEL_WORLD_H

#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;

struct world {
    MPI_Comm communicator; /* a duplicate of MPI_COMM_WORLD, its errors returned */
    int rank;
    int size;
    bool is_first;       /* rank 0; where MPI does not work, what the launcher calls so: the one to say why */
    bool is_spoilt;      /* MPI_Finalize would crash here: world_close leaves without it, on all ranks */
    struct watch *watch; /* over its ranks (parallel/watch.h); NULL in copies with another communicator */
};

/* Starts MPI (MPI_THREAD_MULTIPLE; works without mpirun, as one rank) and the watch over the ranks. Collective. Errors:
 * STATUS_PARALLEL where the MPI library does not offer the thread level; those of watch_start; STATUS_REFUSED where
 * this is one rank and the launcher says that there are more (parallel/launch.h). */
CHECKED enum status world_open(int *argc, char ***argv, struct world *world);

/* Ends the watch and MPI. Collective; waits for the others at most `timeout` seconds, then aborts the job with
 * `exit_code`, so that nobody waits for ever for a rank that is gone; nor for MPI itself. */
void world_close(struct world *world, int exit_code, double timeout);

/* What one rank alone can see, all must know before the next collective call: the status of the lowest rank that
 * failed, with its message (prefixed by its rank unless all failed), on every rank. Collective. */
CHECKED enum status world_agree(const struct world *world, enum status local);

/* The same among some ranks alone, whose communicator, rank and size `members` holds; the message names them counted
 * from `first_rank`. Collective among them. */
CHECKED enum status world_agree_among(const struct world *members, int first_rank, enum status local);

/* Refuses a run whose ranks differ in this text: the message names the rank, its host and both texts, as in "rank 2:
 * the output on host b is 'x.h5', and that of rank 0 is 'y.h5'". Collective, and agreed. Errors: STATUS_REFUSED,
 * STATUS_MEMORY, STATUS_PARALLEL. */
CHECKED enum status world_require_equal(const struct world *world, const char *what, const char *text);

/* Rank `rank` of `ranks`' share of `count` things in a row, dealt out as evenly as can be, the first ranks having one
 * more where they do not come out even: *share of them from *first on. Arithmetic only. */
void world_share(uint64_t count, int rank, int ranks, uint64_t *first, uint64_t *share);

/* bytes[count] of rank `from` of a communicator to all its ranks; `what` as for world_check. Collective. */
CHECKED enum status world_broadcast(MPI_Comm communicator, int from, void *bytes, size_t count, const char *what);

/* Sends a NUL-terminated text from rank 0 to all; on the others *text is allocated (memory_free). Collective. */
CHECKED enum status world_broadcast_text(const struct world *world, char **text);

/* Turns an MPI return code into a status whose message names `what` and MPI's reason. Not collective. */
CHECKED enum status world_check(int mpi_code, const char *what);

/* Has the system end this process with the exit code in so many seconds, whatever its threads then wait for: the last
 * resort where MPI hangs. alarm(0) calls it off. Not collective. */
void world_exit_after(unsigned seconds, int exit_code);

/* Ends all ranks at once with the exit code; this one in any case, also where MPI_Abort hangs. Not collective. */
_Noreturn void world_abort(int exit_code);

#endif
