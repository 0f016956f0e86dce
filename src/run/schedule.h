/* Who takes which unit when: team sizes and queues of one run. A function of the list of units and of the number of
 * ranks alone, so that run.c and plan.c follow the very same schedule. Not collective, needs no MPI.
 *
 * Every unit wishes for a team size, decided from its hidden size alone and lowered to what the run has. Each size has
 * a queue: its weight units, then its chain units, dearest first. A team takes from the queue of its size; when that is
 * empty its ranks go on in their teams of the next size. No rank is a master, and nobody waits between sizes. */
#ifndef GRADSWEEP_RUN_SCHEDULE_H
#define GRADSWEEP_RUN_SCHEDULE_H

#include "run/unit.h"

enum { SCHEDULE_MAX_LEVELS = 8 };

struct schedule;

/* Release with schedule_close; the list must outlive it. Errors: STATUS_MEMORY. */
CHECKED enum status schedule_open(const struct unit_list *list, int ranks, struct schedule **schedule);
void schedule_close(struct schedule *schedule);
SCOPED_HANDLE(schedule, schedule_close)

/* The run does only every so-manyth unit of each queue, 1/share: more of them are claimed at once. */
void schedule_set_share(struct schedule *schedule, double share);

/* Levels 0 .. count-1 have descending team sizes, each dividing the one before; the last one is 1. */
int schedule_level_count(const struct schedule *schedule);
const int *schedule_team_sizes(const struct schedule *schedule);

/* The level of the units that wish for so many ranks: the first whose teams are no larger. */
int schedule_level_of(const struct schedule *schedule, int wish);

/* The queue of a level: how many units, and the number (unit_list_at) of the one at a position. */
uint64_t schedule_queue_length(const struct schedule *schedule, int level);
uint64_t schedule_unit(const struct schedule *schedule, int level, uint64_t position);

/* Predicted wall seconds of that unit on a team of its level, and the time that all ranks together spend on all units.
 */
double schedule_seconds(const struct schedule *schedule, int level, uint64_t position);
double schedule_core_seconds(const struct schedule *schedule);

/* The level at which a rank begins: the first whose queue is not empty and where the rank is in a team; the last one
 * where there is none. */
int schedule_first_level(const struct schedule *schedule, int rank);

/* The first unit of each team is given, so that nobody has to ask for it: the position in the queue of a team that
 * begins at this level, or -1 where its ranks begin at another. Counters start behind those. */
int64_t schedule_given_position(const struct schedule *schedule, int level, int team_number);
int64_t schedule_counter_start(const struct schedule *schedule, int level);

/* How many units to claim at once when the next position is `position` or a later one: at most about a second of work,
 * of the dearest units that are left, and never so much that the other teams could run dry at the end. */
int64_t schedule_claim(const struct schedule *schedule, int level, uint64_t position);

#endif
