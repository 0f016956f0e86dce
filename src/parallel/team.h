/* Teams: contiguous ranks that work on one unit together.
 *
 * Teams have a few sizes, each dividing the one before, so that a team of one size splits into whole teams of the next.
 * All of them are made once, at the start of a run: no communicator is made while it goes on. Ranks that are left over
 * at one size (world size modulo size) belong to smaller teams from the start. */
#ifndef GRADSWEEP_PARALLEL_TEAM_H
#define GRADSWEEP_PARALLEL_TEAM_H

#include "base/scope.h"
#include "parallel/binding.h"
#include "parallel/world.h"

#include <stdbool.h>
#include <stddef.h>

struct team {
    MPI_Comm communicator; /* its errors are returned */
    MPI_Comm agreement;    /* of the same ranks, for team_agree alone: what is sent elsewhere cannot be taken for it */
    int rank, size;        /* within the team */
    int number;            /* of this team among those of its size, from 0 */
    int first_rank;        /* of the team, in the world */
    int cores;             /* that this rank may keep busy: those it is bound to, shared with the ranks beside it */
};

struct teams;

/* Makes the teams of sizes[count], descending, each dividing the one before, the last one 1 and the first at most the
 * world's size. Collective. Release with teams_destroy. Errors: STATUS_PARALLEL, STATUS_MEMORY; STATUS_INTERNAL for
 * sizes that are not so. */
CHECKED enum status teams_create(const struct world *world, int count, const int *sizes, struct teams **teams);
void teams_destroy(struct teams *teams); /* collective */
SCOPED_HANDLE(teams, teams_destroy)

/* This rank's team of sizes[level]; NULL where it is left over there. Not collective. */
const struct team *teams_at(const struct teams *teams, int level);

/* How this rank is bound to cores. Not collective. */
const struct binding *teams_binding(const struct teams *teams);

/* The arithmetic behind it, for those who only plan: how many teams of a size a world of so many ranks has, and the
 * number of the one that holds `rank`, or -1. Not collective. */
int team_count(int world_size, int size);
int team_number_of(int world_size, int size, int rank);

/* For the next five `team` may be NULL: a rank on its own, which keeps what it has.
 *
 * What one rank of a team alone can see, all must know before the next collective call: as world_agree, ranks counted
 * as in the world. Collective within the team. */
CHECKED enum status team_agree(const struct team *team, enum status local);

/* bytes[count] of the team's rank 0, or of its rank `from`, to all. Collective within the team. */
CHECKED enum status team_broadcast(const struct team *team, void *bytes, size_t count);
CHECKED enum status team_broadcast_from(const struct team *team, int from, void *bytes, size_t count);

/* values[count] := the sums, or the largest, over the team's ranks: the same bits on each of them, for all decide by
 * them. Collective within the team. */
CHECKED enum status team_sum(const struct team *team, long count, double *values);
CHECKED enum status team_largest(const struct team *team, long count, double *values);

/* Whether a stop was requested, as the team's rank 0 has heard: all ranks of a team must leave a computation at the
 * same place, or some would wait for ever. team_enter says which team this rank computes in from now on (NULL: it is on
 * its own, and team_stop_requested is stop_requested); team_stop_requested is collective within that team. */
void team_enter(const struct team *team);
bool team_stop_requested(void);

#endif
