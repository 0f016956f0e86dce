#include "run/speed.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "linalg/lapack.h"
#include "linalg/matrix.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <stdlib.h>

/* Typical shapes: W in the second-level cache times a block of vectors; singular values of a small matrix. */
enum { KERNEL_SIZE = 256, KERNEL_COLUMNS = 32, LAPACK_SIZE = 96 };
static const double MEASURED_SECONDS = 0.025; /* each of the two */
enum { DGEMM_SIZE = 256, DGEMM_TRIALS = 6 };

/* Seconds on the reference machine. */
static const double REFERENCE_KERNEL_SECONDS = 7.35e-5, REFERENCE_LAPACK_SECONDS = 4.0e-4;

/* Beyond these something other than the processor's speed was measured. */
static const double SLOWEST = 20.0, FASTEST = 0.05;

struct speed_trial {
    struct matrix *matrix;
    struct block x, y;
    double *values; /* [LAPACK_SIZE * LAPACK_SIZE] */
};

static void trial_close(struct speed_trial *trial)
{
    matrix_destroy(trial->matrix);
    block_destroy(&trial->x);
    block_destroy(&trial->y);
    memory_free(trial->values);
}
SCOPED_VALUE(speed_trial, trial_close)

/* `trial` is its owner's to close, also where this fails. */
static enum status trial_open(struct speed_trial *trial)
{
    struct random_stream stream = random_stream_open(0, "a measurement of speed");
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, KERNEL_SIZE * KERNEL_SIZE, "a measurement of speed"));
    TRY(memory_allocate(&trial->values, LAPACK_SIZE * LAPACK_SIZE, "a measurement of speed"));
    random_normal(&stream, 0, 0, KERNEL_SIZE * KERNEL_SIZE, values);
    random_normal(&stream, 0, 0, LAPACK_SIZE * LAPACK_SIZE, trial->values);
    TRY(matrix_create(KERNEL_SIZE, values, false, &trial->matrix));
    TRY(block_create(KERNEL_SIZE, KERNEL_COLUMNS, &trial->x));
    TRY(block_create(KERNEL_SIZE, KERNEL_COLUMNS, &trial->y));
    for (long j = 0; j < KERNEL_COLUMNS; j++)
        random_normal(&stream, 1, (uint64_t)(j * KERNEL_SIZE), KERNEL_SIZE, block_column(&trial->x, j));
    return STATUS_OK;
}

static enum status try_kernel(struct speed_trial *trial)
{
    return matrix_apply(trial->matrix, &trial->x, &trial->y);
}

static enum status try_lapack(struct speed_trial *trial)
{
    double norm;
    return spectrum_norm(LAPACK_SIZE, trial->values, &norm);
}

/* The quickest of many trials: whatever else the machine does only ever makes them slower. */
static enum status quickest(enum status (*attempt)(struct speed_trial *), struct speed_trial *trial, double *seconds)
{
    double end = clock_seconds() + MEASURED_SECONDS, start;
    *seconds = INFINITY;
    do {
        start = clock_seconds();
        TRY(attempt(trial));
        *seconds = fmin(*seconds, clock_seconds() - start);
    } while (start < end);
    return STATUS_OK;
}

static double within_limits(double factor)
{
    return fmax(FASTEST, fmin(SLOWEST, factor));
}

enum status speed_measure(struct cost_speed *speed)
{
    SCOPED(speed_trial) trial = { 0 };
    double kernel, lapack;
    TRY(trial_open(&trial));
    TRY(quickest(try_kernel, &trial, &kernel));
    TRY(quickest(try_lapack, &trial, &lapack));
    *speed = (struct cost_speed){ .kernel = within_limits(kernel / REFERENCE_KERNEL_SECONDS),
                                  .lapack = within_limits(lapack / REFERENCE_LAPACK_SECONDS) };
    return STATUS_OK;
}

enum status speed_dgemm(double *rate)
{
    const int d = DGEMM_SIZE;
    const double one = 1.0, zero = 0.0;
    double quickest = INFINITY;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, 3 * d * d, "a measurement of speed")); /* whose values do not matter */
    for (int trial = 0; trial < DGEMM_TRIALS; trial++) {
        const double start = clock_seconds();
        dgemm_("N", "N", &d, &d, &d, &one, values, &d, values + d * d, &d, &zero, values + 2 * d * d, &d, 1, 1);
        quickest = fmin(quickest, clock_seconds() - start);
    }
    *rate = 2.0 * pow(d, 3.0) / quickest;
    return STATUS_OK;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* *value := the median of all ranks' values. Collective. */
static enum status agree_on_median(const struct world *world, double *all, double *value)
{
    TRY(world_check(MPI_Gather(value, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, 0, world->communicator),
                    "gathering measured speeds"));
    if (world->rank == 0) {
        qsort(all, (size_t)world->size, sizeof *all, compare_doubles);
        *value = all[world->size / 2];
    }
    return world_check(MPI_Bcast(value, 1, MPI_DOUBLE, 0, world->communicator), "telling the measured speed");
}

enum status speed_agree(const struct world *world, struct cost_speed *speed)
{
    SCOPED_MEMORY double *all = NULL;
    enum status status = memory_allocate(&all, world->rank == 0 ? world->size : 0, "measured speeds");
    if (status == STATUS_OK)
        status = speed_measure(speed);
    TRY(world_agree(world, status));
    TRY(agree_on_median(world, all, &speed->kernel));
    return agree_on_median(world, all, &speed->lapack);
}
