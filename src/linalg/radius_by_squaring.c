/* Gelfand's formula by repeated squaring, with the fixed-order kernel: bits that no BLAS, thread count, block width or
 * process grid can change. Every rank holds some rows of the power; its columns are gathered some at a time, multiplied
 * by the rows, and their norms added up whole and in their order on every rank. */
#include "base/memory.h"
#include "linalg/basis.h"
#include "linalg/panels.h"
#include "linalg/range_finder.h"
#include "linalg/row_gather.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

/* A complex leading pair makes the ratio's error fall like 2^-k only: 50 squarings bring it to rounding level. */
enum { SQUARINGS = 50 };

enum { COLUMNS_AT_ONCE = 128 }; /* the kernel's full rate */

/* Below this ||A^2|| / ||A||^2 the leading eigenvalues drown in what was rounded away. */
static const double LEAST_SHRINKING = 1e-8;

struct squaring {
    const struct process_grid *grid;
    bool (*stop_requested)(void);
    struct row_gather gather;
    struct block power, square; /* this rank's rows of A^(2^k) and of its square, each up to a power of two */
    struct panels panels;       /* those of the power, packed */
    struct block columns;       /* some of the power's, whole */
    struct block range;         /* whole too: the power times random columns; none where d is small */
    double *core;               /* the power seen from an orthonormal basis of its range */
    double *scratch;
};

static const struct team *team_of(const struct squaring *squaring)
{
    return squaring->grid == NULL ? NULL : squaring->grid->team;
}

static void squaring_close(struct squaring *squaring)
{
    row_gather_destroy(&squaring->gather);
    block_destroy(&squaring->power);
    block_destroy(&squaring->square);
    panels_destroy(&squaring->panels);
    block_destroy(&squaring->columns);
    block_destroy(&squaring->range);
    memory_free(squaring->core);
    memory_free(squaring->scratch);
}
SCOPED_VALUE(squaring, squaring_close)

/* So many that their product costs a fraction of a square. */
static long range_columns(long d)
{
    const long columns = d / 4 < RANGE_MOST_COLUMNS ? d / 4 : RANGE_MOST_COLUMNS;
    return columns >= 2 * RANGE_PROBES ? columns : 0;
}

static enum status allocate(struct squaring *squaring, long d)
{
    const int threads = squaring->grid == NULL ? 1 : squaring->grid->threads;
    TRY(row_gather_create(squaring->grid, d, COLUMNS_AT_ONCE, &squaring->gather));
    const long rows = squaring->gather.rows;
    TRY(block_create(rows, d, &squaring->power));
    TRY(block_create(rows, d, &squaring->square));
    TRY(panels_create(rows, d, threads, &squaring->panels));
    TRY(block_create(d, COLUMNS_AT_ONCE, &squaring->columns));
    if (range_columns(d) > 0) {
        TRY(block_create(d, range_columns(d), &squaring->range));
        TRY(memory_allocate(&squaring->core, range_columns(d) * range_columns(d), "a power seen from its range"));
    }
    return memory_allocate(&squaring->scratch, panels_scratch_size(d), "packed columns");
}

/* A NaN would run through all squarings before it shows, on some ranks alone. */
static enum status squaring_open(struct squaring *squaring, long d, const double *values)
{
    enum status status = allocate(squaring, d);
    if (status == STATUS_OK)
        status = spectrum_check_rows(d, squaring->gather.first, squaring->gather.rows, values, "spectral radius");
    TRY(team_agree(team_of(squaring), status));
    for (long j = 0; j < d; j++)
        memcpy(block_column(&squaring->square, j), values + j * squaring->gather.rows,
               (size_t)squaring->gather.rows * sizeof *values);
    return STATUS_OK;
}

/* power := square divided by the power of two above its largest element, which is exact, so that neither the squares
 * nor their sum can overflow. *exponent receives it; *largest is the element. */
static enum status take_square(struct squaring *squaring, int *exponent, double *largest)
{
    const struct block swap = squaring->power;
    *largest = block_largest_magnitude(squaring->square.values, squaring->square.stride * squaring->square.columns);
    TRY(team_largest(team_of(squaring), 1, largest));
    frexp(*largest, exponent);
    block_scale_by_power_of_two(&squaring->square, -*exponent);
    squaring->power = squaring->square;
    squaring->square = swap;
    panels_set(&squaring->panels, 0, squaring->power.rows, 0, squaring->power.columns, squaring->power.values, 1,
               squaring->power.stride);
    return STATUS_OK;
}

static enum status check_stop(const struct squaring *squaring)
{
    if (squaring->stop_requested != NULL && squaring->stop_requested())
        return status_fail(STATUS_STOPPED, "stopped on request while a spectral radius was computed");
    return STATUS_OK;
}

/* *norm := ||power||_F and, where `multiply`, square := power^2. */
static enum status square(struct squaring *squaring, bool multiply, double *norm)
{
    const struct row_gather *gather = &squaring->gather;
    const long d = gather->dimension, stride = squaring->power.stride;
    double sum = 0;
    for (long first = 0; first < d; first += COLUMNS_AT_ONCE) {
        const long width = d - first < COLUMNS_AT_ONCE ? d - first : COLUMNS_AT_ONCE;
        struct block columns = block_view(&squaring->columns, 0, width);
        TRY(check_stop(squaring));
        memcpy(row_gather_own(gather, width), squaring->power.values + first * stride,
               (size_t)(stride * width) * sizeof(double));
        TRY(row_gather_run(gather, &columns));
        for (long j = 0; j < width; j++) {
            const struct block column = block_view(&columns, j, 1);
            double dot = 0;
            block_column_dots(&column, &column, &dot);
            sum += dot;
        }
        if (multiply)
            panels_multiply(&squaring->panels, &columns, squaring->scratch, squaring->square.values + first * stride,
                            stride);
    }
    *norm = sqrt(sum);
    return STATUS_OK;
}

/* image := power columns, both whole. */
static enum status multiply(struct squaring *squaring, const struct block *columns, struct block *image)
{
    const struct row_gather *gather = &squaring->gather;
    TRY(check_stop(squaring));
    panels_multiply(&squaring->panels, columns, squaring->scratch, row_gather_own(gather, columns->columns),
                    row_gather_stride(gather));
    return row_gather_run(gather, image);
}

/* Where the power A has but a few directions left, A = Q Q^T A up to what rounding leaves of a square too, and
 * Q^T A Q has the same eigenvalues but for zeros: *radius := rho(Q^T A Q), which every rank finds for itself; else 0.
 * Random matrices come to that after about log2(d) squarings. */
static enum status radius_of_range(struct squaring *squaring, double *radius)
{
    struct block random = block_view(&squaring->columns, 0, squaring->range.columns);
    long rank = 0;
    *radius = 0;
    if (random.columns == 0)
        return STATUS_OK;
    range_finder_fill_random(&random);
    TRY(multiply(squaring, &random, &squaring->range));
    const double norm = basis_norm(squaring->range.values, squaring->range.stride * random.columns) /
                        sqrt((double)random.columns); /* about ||A||_F */
    if (!range_finder_orthonormalise(&squaring->range, &rank) || rank == 0)
        return STATUS_OK;
    const struct block basis = block_view(&squaring->range, 0, rank);
    struct block image = block_view(&squaring->columns, 0, rank);
    TRY(multiply(squaring, &basis, &image));
    if (!(basis_norm(image.values, image.stride * rank) >= LEAST_SHRINKING * norm))
        return STATUS_OK; /* Q^T A Q is no more than rounding, as the next square will show */
    for (long j = 0; j < rank; j++)
        basis_overlaps(basis.values, basis.stride, rank, block_column(&image, j), squaring->core + j * rank);
    return team_agree(team_of(squaring), spectrum_radius_by_squaring(rank, squaring->core, NULL, radius));
}

/* With s_k = ||A^(2^k)||_F / ||A^(2^(k-1))||_F^2 it is ln||A^(2^k)||_F = 2^k (ln||A||_F + sum_{j<=k} 2^-j ln s_j), so
 * that the ratio asked for is ln||A||_F + sum_{j<=49} 2^-j ln s_j + 2^-49 ln s_50: no large logarithms are subtracted.
 * Where rho(A^(2^k)) is found, it stands in place of ||A^(2^k)||_F, and the sum, ln rho(A) itself, ends there. */
static enum status find_radius(struct squaring *squaring, double *radius)
{
    int first_exponent = 0, exponent = 0;
    double norm = 0, largest = 0, weight = 1;
    TRY(take_square(squaring, &first_exponent, &largest));
    if (largest == 0) {
        *radius = 0;
        return STATUS_OK;
    }
    TRY(square(squaring, true, &norm));
    double log_radius = log(norm);
    for (int k = 1; k <= SQUARINGS; k++) {
        double next = 0;
        TRY(take_square(squaring, &exponent, &largest));
        TRY(radius_of_range(squaring, &next));
        if (next > 0) {
            log_radius += weight / 2 * log(ldexp(next, exponent) / (norm * norm));
            break;
        }
        TRY(square(squaring, k < SQUARINGS, &next));
        const double shrinking = ldexp(next, exponent) / (norm * norm);
        if (!(shrinking >= LEAST_SHRINKING))
            return status_fail(
                STATUS_NUMERICAL,
                "spectral radius: ||A^2||/||A||^2 = %.1e after %d squarings, below %.0e: the matrix is nilpotent or "
                "strongly non-normal, and its radius is lost in rounding; use spectral_radius: native",
                shrinking, k - 1, LEAST_SHRINKING);
        weight = k < SQUARINGS ? weight / 2 : weight;
        log_radius += weight * log(shrinking);
        norm = next;
    }
    *radius = ldexp(exp(log_radius), first_exponent);
    return STATUS_OK;
}

enum status spectrum_radius_by_squaring_on_grid(const struct process_grid *grid, long dimension, const double *rows,
                                                bool (*stop_requested)(void), double *radius)
{
    SCOPED(squaring) squaring = { .grid = grid, .stop_requested = stop_requested };
    TRY(process_grid_check(grid, dimension));
    TRY(squaring_open(&squaring, dimension, rows));
    return find_radius(&squaring, radius);
}

enum status spectrum_radius_by_squaring(long dimension, const double *values, bool (*stop_requested)(void),
                                        double *radius)
{
    return spectrum_radius_by_squaring_on_grid(NULL, dimension, values, stop_requested, radius);
}
