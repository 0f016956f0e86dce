/* For the tests of model/ on several ranks: the grid of all of them. */
#ifndef GRADSWEEP_TESTS_MODEL_TEAMS_H
#define GRADSWEEP_TESTS_MODEL_TEAMS_H

#include "linalg/process_grid.h"

#include "check.h"
#include "model/ensembles.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

typedef void grid_test(const struct process_grid *grid);

/* Runs tests one after the other on the grid of all ranks. */
static inline int run_on_all_ranks(int argc, char **argv, size_t count, grid_test *const *tests)
{
    struct world world;
    struct teams *teams;
    struct process_grid grid;
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    const int sizes[] = { world.size, 1 };
    REQUIRE(teams_create(&world, world.size > 1 ? 2 : 1, sizes, &teams) == STATUS_OK);
    REQUIRE(process_grid_create(teams_at(teams, 0), &grid) == STATUS_OK);
    team_enter(grid.team);
    for (size_t k = 0; k < count; k++)
        tests[k](&grid);
    process_grid_destroy(&grid);
    teams_destroy(teams);
    world_close(&world, 1, 10.0);
    return 0;
}

#endif
