/* The run's ranks as teams: one team and process grid a rank for each team size of the schedule, made at the start. */
#ifndef GRADSWEEP_RUN_CREW_H
#define GRADSWEEP_RUN_CREW_H

#include "linalg/process_grid.h"
#include "run/schedule.h"

struct crew;

/* Makes teams and grids of all levels of the schedule. Collective, and agreed. `world` and `schedule` must outlive it.
 * Release with crew_close. Errors: STATUS_PARALLEL, STATUS_MEMORY; STATUS_REFUSED where the ranks of teams run on
 * different kinds of CPU, whose mathematical functions differ in their last bits: a team's ranks decide by equal
 * numbers. */
CHECKED enum status crew_open(const struct world *world, const struct schedule *schedule, struct crew **crew);
void crew_close(struct crew *crew); /* collective */
SCOPED_HANDLE(crew, crew_close)

/* This rank's team of a level; NULL where it is left over. Its process grid; NULL for a team of one. */
const struct team *crew_team(const struct crew *crew, int level);
const struct process_grid *crew_grid(const struct crew *crew, int level);

/* BLAS threads of this rank on a process grid: the cores bound to it. */
int crew_threads(const struct crew *crew);

/* Says, on rank 0, how ranks are bound to cores and what teams there are. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status crew_describe(const struct crew *crew);

#endif
