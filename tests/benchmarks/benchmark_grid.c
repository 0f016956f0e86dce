/* Products on a process grid beside the same work done by ranks that do not speak to each other: as many dgemms as
 * ranks, timed alternately on the wall clock; medians of the ratios. 1 is a grid that costs nothing.
 *
 *     mpirun -n 2 benchmark_grid [d [block size...]]         by default 4096, and block sizes 32 64 128 256
 *
 * One core a rank. `square`: A^T X with a whole X [d, d] (PDGEMM), for each shape of grid. `block`: A x with x [d,
 * 128], by rows. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "linalg/matrix_stack.h"
#include "linalg/spectrum.h"

#include "benchmarks/dgemm.h"
#include "benchmarks/median.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 7, COLUMNS = 128 };

struct problem {
    const struct team *team;
    long dimension;
    double *values; /* this rank's [d, d], for its own dgemms */
    struct block x, y;
    struct matrix *matrix;
    struct matrix_stack from, to;
};

typedef enum status work(struct problem *);

/* Any numbers do: every rank fills its pieces with what it draws. */
static enum status fill(void *context, long first_row, long rows, long first_column, long columns, double *values)
{
    const struct random_stream *stream = context;
    for (long j = 0; j < columns; j++)
        random_normal(stream, (uint64_t)(first_column + j), (uint64_t)first_row, (uint64_t)rows, values + j * rows);
    return STATUS_OK;
}

static enum status open_local(struct problem *problem)
{
    const long d = problem->dimension;
    struct random_stream stream = random_stream_open(1, "benchmark");
    TRY(memory_allocate(&problem->values, d * d, "a matrix"));
    TRY(fill(&stream, 0, d, 0, d, problem->values));
    TRY(block_create(d, d / problem->team->size > COLUMNS ? d / problem->team->size : COLUMNS, &problem->x));
    TRY(block_create(d, problem->x.columns, &problem->y));
    return fill(&stream, 0, problem->x.stride, d, problem->x.columns, problem->x.values);
}

static enum status open_on_grid(const struct process_grid *grid, struct problem *problem)
{
    struct random_stream stream = random_stream_open(1, "benchmark");
    TRY(matrix_create_on_grid(grid, problem->dimension, fill, &stream, true, &problem->matrix));
    TRY(matrix_stack_create(grid, problem->dimension, 1, &problem->from));
    TRY(matrix_stack_create(grid, problem->dimension, 1, &problem->to));
    const struct block part = problem->from.part;
    return fill(&stream, 0, part.stride, 0, part.columns, part.values);
}

static void close_on_grid(struct problem *problem)
{
    matrix_destroy(problem->matrix);
    matrix_stack_destroy(&problem->from);
    matrix_stack_destroy(&problem->to);
}

static enum status run_dgemm(struct problem *problem, long columns)
{
    dgemm_apply(problem->values, &problem->x, columns, &problem->y);
    return STATUS_OK;
}

static enum status local_square(struct problem *problem)
{
    return run_dgemm(problem, problem->dimension / problem->team->size);
}

static enum status local_block(struct problem *problem)
{
    return run_dgemm(problem, COLUMNS);
}

static enum status grid_square(struct problem *problem)
{
    return matrix_stack_apply_transposed(problem->matrix, &problem->from, &problem->to);
}

static enum status grid_block(struct problem *problem)
{
    const struct block x = block_view(&problem->x, 0, COLUMNS);
    struct block y = block_view(&problem->y, 0, COLUMNS);
    return matrix_apply(problem->matrix, &x, &y);
}

/* Until the last rank is done. */
static enum status time_it(work *run, struct problem *problem, int calls, double *seconds)
{
    TRY(world_check(MPI_Barrier(problem->team->communicator), "a benchmark"));
    const double start = clock_seconds();
    for (int call = 0; call < calls; call++)
        TRY(run(problem));
    TRY(world_check(MPI_Barrier(problem->team->communicator), "a benchmark"));
    *seconds = (clock_seconds() - start) / calls;
    return STATUS_OK;
}

/* `shares`: how many times the grid's work all ranks together do locally. */
static enum status compare(const char *what, work *on_grid, work *local, double flops, int shares, int calls,
                           struct problem *problem)
{
    double grid[REPETITIONS], alone[REPETITIONS], ratio[REPETITIONS];
    TRY(on_grid(problem)); /* the first one spreads the matrix */
    TRY(local(problem));
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        TRY(time_it(local, problem, calls, &alone[repetition]));
        TRY(time_it(on_grid, problem, calls, &grid[repetition]));
        ratio[repetition] = alone[repetition] / shares / grid[repetition];
    }
    if (problem->team->rank == 0)
        printf("%-28s %10.1f %10.1f %8.2f\n", what, flops / median(REPETITIONS, grid) / 1e9,
               flops * shares / median(REPETITIONS, alone) / 1e9, median(REPETITIONS, ratio));
    fflush(stdout);
    return STATUS_OK;
}

static enum status compare_square(int rows, long block_size, struct problem *problem)
{
    const double d = (double)problem->dimension;
    struct process_grid grid;
    char what[64];
    TRY(process_grid_create_shaped(problem->team, rows, problem->team->size / rows, block_size, &grid));
    enum status status = open_on_grid(&grid, problem);
    snprintf(what, sizeof what, "square, %d x %d, blocks of %ld", rows, grid.columns, block_size);
    if (status == STATUS_OK)
        status = compare(what, grid_square, local_square, 2 * d * d * d, 1, 1, problem);
    close_on_grid(problem);
    process_grid_destroy(&grid);
    return status;
}

static enum status compare_block(struct problem *problem)
{
    const double d = (double)problem->dimension;
    struct process_grid grid;
    TRY(process_grid_create(problem->team, &grid));
    enum status status = open_on_grid(&grid, problem);
    if (status == STATUS_OK)
        status =
            compare("block of 128", grid_block, local_block, 2 * d * d * COLUMNS, problem->team->size, 10, problem);
    close_on_grid(problem);
    process_grid_destroy(&grid);
    return status;
}

static enum status benchmark(const struct team *team, int argc, char **argv)
{
    const long usual[] = { 32, 64, 128, 256 };
    const int count = argc > 2 ? argc - 2 : (int)(sizeof usual / sizeof *usual);
    struct problem problem = { .team = team, .dimension = argc > 1 ? strtol(argv[1], NULL, 10) : 4096 };
    enum status status = open_local(&problem);
    spectrum_set_blas_threads(1);
    if (team->rank == 0)
        printf("d = %ld, %d ranks, medians of %d, GF/s of all ranks\n%-28s %10s %10s %8s\n", problem.dimension,
               team->size, REPETITIONS, "", "grid", "dgemms", "ratio");
    if (status == STATUS_OK)
        status = compare_block(&problem);
    for (int n = 0; n < count; n++)
        for (int rows = 1; status == STATUS_OK && rows <= team->size; rows++)
            if (team->size % rows == 0)
                status = compare_square(rows, argc > 2 ? strtol(argv[n + 2], NULL, 10) : usual[n], &problem);
    memory_free(problem.values);
    block_destroy(&problem.x);
    block_destroy(&problem.y);
    return status;
}

int main(int argc, char **argv)
{
    struct world world;
    struct teams *teams = NULL;
    enum status status = world_open(&argc, &argv, &world);
    const int sizes[] = { world.size, 1 };
    if (status == STATUS_OK)
        status = teams_create(&world, world.size > 1 ? 2 : 1, sizes, &teams);
    if (status == STATUS_OK)
        status = benchmark(teams_at(teams, 0), argc, argv);
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", status_message());
    teams_destroy(teams);
    world_close(&world, 1, 10.0);
    return status == STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
