/* The kernel beside the BLAS's dgemm on one core: GF/s of W (d x d) times a block of B columns, timed alternately,
 * medians.
 *
 *     benchmark_kernel [d...]         by default 16 64 128 256 1024 */
#include "base/memory.h"
#include "base/random.h"
#include "linalg/instruction_set.h"
#include "linalg/matrix.h"
#include "linalg/spectrum.h"

#include "benchmarks/cpu_time.h"
#include "benchmarks/dgemm.h"
#include "benchmarks/median.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 25, WIDEST = 128 };

static const double SECONDS_A_SAMPLE = 1e-3;

struct problem {
    long dimension;
    double *values;
    struct matrix *matrix;
    struct block x, y;
};

static enum status open_problem(long dimension, struct problem *problem)
{
    *problem = (struct problem){ .dimension = dimension };
    struct random_stream stream = random_stream_open(1, "benchmark");
    TRY(memory_allocate(&problem->values, dimension * dimension, "a matrix"));
    random_normal(&stream, 0, 0, (uint64_t)(dimension * dimension), problem->values);
    TRY(matrix_create(dimension, problem->values, false, &problem->matrix));
    TRY(block_create(dimension, WIDEST, &problem->x));
    TRY(block_create(dimension, WIDEST, &problem->y));
    for (long j = 0; j < WIDEST; j++)
        random_normal(&stream, 1 + (uint64_t)j, 0, (uint64_t)dimension, block_column(&problem->x, j));
    return STATUS_OK;
}

static void close_problem(struct problem *problem)
{
    memory_free(problem->values);
    matrix_destroy(problem->matrix);
    block_destroy(&problem->x);
    block_destroy(&problem->y);
}

static enum status run_kernel(struct problem *problem, long columns)
{
    struct block x = block_view(&problem->x, 0, columns), y = block_view(&problem->y, 0, columns);
    return matrix_apply(problem->matrix, &x, &y);
}

static enum status run_dgemm(struct problem *problem, long columns)
{
    dgemm_apply(problem->values, &problem->x, columns, &problem->y);
    return STATUS_OK;
}

typedef enum status multiplication(struct problem *, long);

static enum status rate(multiplication *multiply, struct problem *problem, long columns, double *flops_a_second)
{
    const double flops = 2.0 * (double)problem->dimension * (double)problem->dimension * (double)columns;
    const long calls = 1 + (long)(SECONDS_A_SAMPLE * 40e9 / flops);
    const double start = cpu_seconds();
    for (long call = 0; call < calls; call++)
        TRY(multiply(problem, columns));
    *flops_a_second = (double)calls * flops / (cpu_seconds() - start);
    return STATUS_OK;
}

static enum status compare(struct problem *problem, long columns)
{
    double kernel[REPETITIONS], dgemm[REPETITIONS], ratio[REPETITIONS];
    TRY(run_kernel(problem, columns));
    TRY(run_dgemm(problem, columns));
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        TRY(rate(run_kernel, problem, columns, &kernel[repetition]));
        TRY(rate(run_dgemm, problem, columns, &dgemm[repetition]));
        ratio[repetition] = kernel[repetition] / dgemm[repetition];
    }
    printf("%6ld %6ld %10.1f %10.1f %8.2f\n", problem->dimension, columns, median(REPETITIONS, kernel) / 1e9,
           median(REPETITIONS, dgemm) / 1e9, median(REPETITIONS, ratio));
    return STATUS_OK;
}

static enum status benchmark(long dimension)
{
    const long widths[] = { 1, 2, 4, 7, 8, 16, 32, 44, 64, 128 };
    struct problem problem;
    enum status status = open_problem(dimension, &problem);
    for (size_t n = 0; status == STATUS_OK && n < sizeof widths / sizeof *widths; n++)
        status = compare(&problem, widths[n]);
    close_problem(&problem);
    return status;
}

int main(int argc, char **argv)
{
    const long usual[] = { 16, 64, 128, 256, 1024 };
    const int count = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);
    spectrum_set_blas_threads(1);
    printf("kernel: %s, one thread, medians of %d\n%6s %6s %10s %10s %8s\n", instruction_set_name(), REPETITIONS, "d",
           "B", "kernel", "dgemm", "ratio");
    for (int n = 0; n < count; n++)
        if (benchmark(argc > 1 ? strtol(argv[n + 1], NULL, 10) : usual[n]) != STATUS_OK) {
            fprintf(stderr, "%s\n", status_message());
            return EXIT_FAILURE;
        }
    return EXIT_SUCCESS;
}
