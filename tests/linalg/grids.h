/* For the tests of linalg/ on several ranks: every shape of process grid that the world allows, and matrices that each
 * rank holds whole, to compare with. */
#ifndef GRADSWEEP_TESTS_LINALG_GRIDS_H
#define GRADSWEEP_TESTS_LINALG_GRIDS_H

#include "base/memory.h"
#include "base/random.h"
#include "linalg/matrix.h"
#include "linalg/process_grid.h"

#include "check.h"

#include <math.h>
#include <string.h>

static const double UNIT_ROUNDOFF = 0x1p-53;

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Normal numbers, the same on every rank. */
static inline double *new_numbers(long count, const char *what)
{
    double *values = NULL;
    REQUIRE(memory_allocate(&values, count, "a test's numbers") == STATUS_OK);
    struct random_stream stream = random_stream_open(1, what);
    random_normal(&stream, 0, 0, (uint64_t)count, values);
    return values;
}

/* Columns of such numbers, their exponents spread over 2^-20 .. 2^20, so that every rounding shows. */
static inline struct block new_columns(long rows, long columns, const char *what)
{
    struct block block;
    double *numbers = new_numbers(rows * columns, what);
    REQUIRE(block_create(rows, columns, &block) == STATUS_OK);
    for (long j = 0; j < columns; j++)
        for (long i = 0; i < rows; i++)
            block_column(&block, j)[i] = ldexp(numbers[i + j * rows], (int)((i + j) * 7919 % 41) - 20);
    memory_free(numbers);
    return block;
}

/* What a rank is asked for of a matrix that it has whole. */
struct known_matrix {
    long dimension;
    const double *values;
    bool fails;
};

static inline enum status fill_from_known(void *context, long first_row, long rows, long first_column, long columns,
                                          double *values)
{
    const struct known_matrix *known = context;
    REQUIRE(first_row >= 0 && first_row + rows <= known->dimension && rows > 0);
    REQUIRE(first_column >= 0 && first_column + columns <= known->dimension && columns > 0);
    if (known->fails)
        return status_fail(STATUS_IO, "the disk is gone");
    for (long j = 0; j < columns; j++)
        memcpy(values + j * rows, known->values + first_row + (first_column + j) * known->dimension,
               (size_t)rows * sizeof *values);
    return STATUS_OK;
}

static inline struct matrix *new_matrix_on(const struct process_grid *grid, long d, const double *values)
{
    struct known_matrix known = { d, values, false };
    struct matrix *matrix;
    REQUIRE(matrix_create_on_grid(grid, d, fill_from_known, &known, true, &matrix) == STATUS_OK);
    REQUIRE(matrix_dimension(matrix) == d && matrix_grid(matrix) == grid);
    return matrix;
}

/* Whether all ranks hold the same bits. */
static inline bool same_on_all(const struct team *team, const double *values, long count)
{
    double *first = NULL, different = 0;
    REQUIRE(memory_allocate(&first, count, "the bits of rank 0") == STATUS_OK);
    memcpy(first, values, (size_t)count * sizeof *first);
    REQUIRE(team_broadcast(team, first, (size_t)count * sizeof *first) == STATUS_OK);
    different = memcmp(first, values, (size_t)count * sizeof *first) != 0;
    REQUIRE(team_sum(team, 1, &different) == STATUS_OK);
    memory_free(first);
    return different == 0;
}

typedef void grid_test(const struct process_grid *grid);

/* Runs a test on all grids rows x columns of the team, with that block size. */
static inline void on_all_shapes(const struct team *team, long block_size, grid_test *test)
{
    for (int rows = 1; rows <= team->size; rows++) {
        struct process_grid grid;
        if (team->size % rows != 0)
            continue;
        REQUIRE(process_grid_create_shaped(team, rows, team->size / rows, block_size, &grid) == STATUS_OK);
        test(&grid);
        process_grid_destroy(&grid);
    }
}

/* The body of main(): all ranks as one team. */
static inline int with_one_team(int argc, char **argv, void (*run)(const struct team *))
{
    struct world world;
    struct teams *teams;
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    const int sizes[] = { world.size, 1 };
    REQUIRE(teams_create(&world, world.size > 1 ? 2 : 1, sizes, &teams) == STATUS_OK);
    run(teams_at(teams, 0));
    teams_destroy(teams);
    world_close(&world, 1, 10.0);
    return 0;
}

#endif
