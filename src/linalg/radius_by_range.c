/* The spectral radius from what a high power of A maps to: a space of few dimensions that holds the leading
 * eigenvectors. */
#include "base/memory.h"
#include "linalg/basis.h"
#include "linalg/lapack.h"
#include "linalg/panels.h"
#include "linalg/range_finder.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

enum {
    LEAST_DIMENSION = 16, /* below, LAPACK has found all eigenvalues before */
    MORE_SQUARINGS = 8    /* so many more than most random matrices need */
};

/* An eigenvalue is accepted where A z - theta z is no longer than this times u ||A||_F: it is one of a matrix that
 * differs from A by as little. LAPACK's are no better. */
static const double RESIDUAL = 16;

struct powers {
    struct block power, square; /* A^(2^k) and its square, each up to a power of two */
    struct panels panels;       /* a factor, packed */
    double *scratch;
    struct block random, range, image; /* random columns; what they are mapped to, or a basis of that; A times it */
    double *ritz;                      /* A seen from that basis, and its eigenvectors */
    double *re, *im, *work;
};

static void powers_close(struct powers *powers)
{
    block_destroy(&powers->power);
    block_destroy(&powers->square);
    panels_destroy(&powers->panels);
    memory_free(powers->scratch);
    block_destroy(&powers->random);
    block_destroy(&powers->range);
    block_destroy(&powers->image);
    memory_free(powers->ritz);
    memory_free(powers->re);
    memory_free(powers->im);
    memory_free(powers->work);
}
SCOPED_VALUE(powers, powers_close)

/* So many random columns that the eigenvalues of what is seen from them cost less than a square. */
static long range_columns(long d)
{
    const long columns = d / 8 > 2 * RANGE_PROBES ? d / 8 : 2 * RANGE_PROBES;
    return columns < RANGE_MOST_COLUMNS ? columns : RANGE_MOST_COLUMNS;
}

static long work_size(long columns)
{
    return 8 * columns;
}

static enum status powers_open(long d, const double *values, struct powers *powers)
{
    const long columns = range_columns(d);
    TRY(block_create(d, d, &powers->power));
    TRY(block_create(d, d, &powers->square));
    TRY(panels_create(d, d, 1, &powers->panels));
    TRY(memory_allocate(&powers->scratch, panels_scratch_size(d), "packed columns"));
    TRY(block_create(d, columns, &powers->random));
    TRY(block_create(d, columns, &powers->range));
    TRY(block_create(d, columns, &powers->image));
    TRY(memory_allocate(&powers->ritz, 2 * columns * columns, "a matrix seen from a range"));
    TRY(memory_allocate(&powers->re, columns, "eigenvalues"));
    TRY(memory_allocate(&powers->im, columns, "eigenvalues"));
    TRY(memory_allocate(&powers->work, work_size(columns), "eigenvalue workspace"));
    for (long j = 0; j < d; j++)
        memcpy(block_column(&powers->power, j), values + j * d, (size_t)d * sizeof *values);
    range_finder_fill_random(&powers->random);
    return STATUS_OK;
}

/* Takes the power to elements of at most 1, dividing by 2^exponent; false where it has vanished or is not finite. */
static bool normalise(struct block *power, int *exponent)
{
    const double largest = block_largest_magnitude(power->values, power->stride * power->columns);
    if (!(largest > 0) || !isfinite(largest))
        return false;
    frexp(largest, exponent);
    block_scale_by_power_of_two(power, -*exponent);
    return true;
}

static void pack(struct powers *powers, const double *values, long stride)
{
    const long d = powers->power.rows;
    panels_set(&powers->panels, 0, d, 0, d, values, 1, stride);
}

static void multiply(struct powers *powers, const struct block *x, struct block *y)
{
    panels_multiply(&powers->panels, x, powers->scratch, y->values, y->stride);
}

static void take_square(struct powers *powers)
{
    const struct block power = powers->power;
    multiply(powers, &power, &powers->square);
    powers->power = powers->square;
    powers->square = power;
}

/* The largest |eigenvalue| theta of Q^T A Q and the residual ||A z - theta z|| of z = Q y, y its unit eigenvector. With
 * R = A Q - Q Q^T A Q it is R y, of which a complex y gives two real columns. range: Q; image: A Q, then R. */
static enum status leading_ritz_value(struct powers *powers, long rank, double *modulus, double *residual)
{
    const int n = (int)rank, one = 1, length = (int)work_size(rank);
    const long stride = powers->range.stride;
    double *matrix = powers->ritz, *vectors = powers->ritz + rank * rank, *column = block_column(&powers->square, 0);
    int info = 0;
    for (long j = 0; j < rank; j++) /* gives the negative of Q^T A Q, whose eigenvalues have the same moduli */
        basis_orthogonalise(powers->range.values, stride, rank, block_column(&powers->image, j), matrix + j * rank);
    dgeev_("N", "V", &n, matrix, &n, powers->re, powers->im, NULL, &one, vectors, &n, powers->work, &length, &info, 1,
           1);
    TRY(lapack_check(info, "dgeev", rank));
    long leading = 0;
    for (long i = 1; i < rank; i++)
        if (hypot(powers->re[i], powers->im[i]) > hypot(powers->re[leading], powers->im[leading]))
            leading = i;
    *modulus = hypot(powers->re[leading], powers->im[leading]);
    *residual = 0;
    for (long part = 0; part < (powers->im[leading] == 0 ? 1 : 2); part++) { /* a pair's columns are neighbours */
        memset(column, 0, (size_t)stride * sizeof *column);
        basis_add(powers->image.values, stride, rank, vectors + (leading + part) * rank, column);
        *residual = hypot(*residual, basis_norm(column, stride));
    }
    return STATUS_OK;
}

/* Looks for the leading eigenvalue of A / 2^exponent in the range of its power, which is packed. */
static enum status look_in_range(struct powers *powers, const double *values, int exponent, double *modulus,
                                 double *residual)
{
    long rank = 0;
    *residual = INFINITY;
    multiply(powers, &powers->random, &powers->range);
    if (!range_finder_orthonormalise(&powers->range, &rank) || rank == 0)
        return STATUS_OK;
    const struct block basis = block_view(&powers->range, 0, rank);
    struct block image = block_view(&powers->image, 0, rank);
    pack(powers, values, powers->power.rows);
    multiply(powers, &basis, &image);
    pack(powers, powers->power.values, powers->power.stride);
    block_scale_by_power_of_two(&image, -exponent);
    return leading_ritz_value(powers, rank, modulus, residual);
}

/* Of n eigenvalues that fill a disc evenly, n (1 - u^(2/m)), about 73 n/m, have an m-th power above u of the largest.
 * The first squaring that may leave so few that they are seen from the random columns. */
static int first_look(long d)
{
    return (int)log2(73.0 * (double)d / (double)(range_columns(d) - RANGE_PROBES));
}

enum status spectrum_radius_by_range(long dimension, const double *values, bool *found, double *radius)
{
    *found = false;
    TRY(spectrum_check_matrix(dimension, values, "spectral radius"));
    if (dimension < LEAST_DIMENSION)
        return STATUS_OK;
    SCOPED(powers) powers = { 0 };
    TRY(powers_open(dimension, values, &powers));
    int exponent = 0, ignored;
    if (!normalise(&powers.power, &exponent))
        return STATUS_OK;
    const int first = first_look(dimension);
    const double norm = basis_norm(powers.power.values, powers.power.stride * dimension);
    pack(&powers, powers.power.values, powers.power.stride);
    for (int k = 1; k <= first + MORE_SQUARINGS && !*found; k++) {
        double modulus = 0, residual = INFINITY;
        take_square(&powers);
        if (!normalise(&powers.power, &ignored))
            return STATUS_OK;
        pack(&powers, powers.power.values, powers.power.stride);
        if (k >= first)
            TRY(look_in_range(&powers, values, exponent, &modulus, &residual));
        *found = residual <= RESIDUAL * 0x1p-53 * norm;
        if (*found)
            *radius = ldexp(modulus, exponent);
    }
    return STATUS_OK;
}
