/* Gelfand's formula by repeated squaring, with the fixed-order kernel: bits that no BLAS, thread count or block width
 * can change. */
#include "base/memory.h"
#include "linalg/matrix.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

/* A complex leading pair makes the ratio's error fall like 2^-k only: 50 squarings bring it to rounding level. */
enum { SQUARINGS = 50 };

/* Below this ||A^2|| / ||A||^2 the leading eigenvalues drown in what was rounded away. */
static const double LEAST_SHRINKING = 1e-8;

static double largest_element(long count, const double *values)
{
    double largest = 0;
    for (long i = 0; i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

/* The power [dimension, dimension] and the room to square it. */
struct power {
    long dimension;
    double *values;       /* dense, column-major */
    struct block columns; /* the same, as a block */
    struct block square;
};

static void power_close(struct power *power)
{
    memory_free(power->values);
    block_destroy(&power->columns);
    block_destroy(&power->square);
}

/* Takes the columns of `from` divided by the power of two above their largest element, which is exact, so that neither
 * the squares nor their sum can overflow. Returns the exponent. */
static int power_set(struct power *power, const double *from, long stride)
{
    long d = power->dimension;
    int exponent = 0;
    double largest = 0;
    for (long j = 0; j < d; j++)
        largest = fmax(largest, largest_element(d, from + j * stride));
    frexp(largest, &exponent);
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++) {
            double scaled = ldexp(from[i + j * stride], -exponent);
            power->values[i + j * d] = scaled;
            block_column(&power->columns, j)[i] = scaled;
        }
    return exponent;
}

static enum status power_open(long dimension, const double *values, struct power *power, int *exponent)
{
    enum status status = STATUS_OK;
    *power = (struct power){ .dimension = dimension };
    TRY_OR(failed, memory_allocate(&power->values, dimension * dimension, "a power of the weight matrix"));
    TRY_OR(failed, block_create(dimension, dimension, &power->columns));
    TRY_OR(failed, block_create(dimension, dimension, &power->square));
    *exponent = power_set(power, values, dimension);
    return STATUS_OK;
failed:
    power_close(power);
    return status;
}

/* ||.||_F, the columns summed in their order. */
static double frobenius_norm(const struct block *block)
{
    double sum = 0;
    for (long j = 0; j < block->columns; j++) {
        struct block column = block_view(block, j, 1);
        double square = 0;
        block_column_dots(&column, &column, &square);
        sum += square;
    }
    return sqrt(sum);
}

/* power := power^2 up to a power of two; *shrinking = ||P^2||_F / ||P||_F^2. */
static enum status power_square(struct power *power, double *shrinking)
{
    struct matrix *matrix = NULL;
    TRY(matrix_create(power->dimension, power->values, false, &matrix));
    enum status status = matrix_apply(matrix, &power->columns, &power->square);
    matrix_destroy(matrix);
    TRY(status);
    double norm = frobenius_norm(&power->columns);
    *shrinking = frobenius_norm(&power->square) / (norm * norm);
    power_set(power, power->square.values, power->square.stride);
    return STATUS_OK;
}

/* With s_k = ||A^(2^k)||_F / ||A^(2^(k-1))||_F^2 it is ln||A^(2^k)||_F = 2^k (ln||A||_F + sum_{j<=k} 2^-j ln s_j), so
 * that the ratio asked for is ln||A||_F + sum_{j<=49} 2^-j ln s_j + 2^-49 ln s_50: no large logarithms are subtracted.
 */
enum status spectrum_radius_by_squaring(long dimension, const double *values, double *radius)
{
    TRY(spectrum_check_matrix(dimension, values, "spectral radius"));
    if (largest_element(dimension * dimension, values) == 0) {
        *radius = 0;
        return STATUS_OK;
    }
    struct power power;
    int exponent = 0;
    TRY(power_open(dimension, values, &power, &exponent));
    enum status status = STATUS_OK;
    double log_radius = log(frobenius_norm(&power.columns)), weight = 1;
    for (int k = 1; k <= SQUARINGS; k++) {
        double shrinking = 0;
        TRY_OR(done, power_square(&power, &shrinking));
        if (!(shrinking >= LEAST_SHRINKING)) {
            status = status_fail(
                STATUS_NUMERICAL,
                "spectral radius: ||A^2||/||A||^2 = %.1e after %d squarings, below %.0e: the matrix is nilpotent or "
                "strongly non-normal, and its radius is lost in rounding; use spectral_radius: native",
                shrinking, k - 1, LEAST_SHRINKING);
            goto done;
        }
        weight = k < SQUARINGS ? weight / 2 : weight;
        log_radius += weight * log(shrinking);
    }
    *radius = ldexp(exp(log_radius), exponent);
done:
    power_close(&power);
    return status;
}
