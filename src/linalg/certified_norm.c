#include "linalg/certified_norm.h"

#include "base/memory.h"
#include "linalg/lanczos.h"
#include "linalg/lapack.h"

#include <math.h>

static const double UNIT_ROUNDOFF = 0x1p-53;

/* At least n u / (1 - n u), the relative error of a sum of n products in any order (Higham, Accuracy and Stability of
 * Numerical Algorithms, section 3.1); n u is far below 1e-3 for every size that fits into a memory. */
static double gamma_of(double n)
{
    return 1.001 * n * UNIT_ROUNDOFF;
}

/* Within 2^-200 .. 2^200 squares neither overflow nor lose anything that counts: what underflows in a sum of d^2 of
 * them is below d^2 2^-1074, against a sum of at least 2^-400. */
static bool is_in_range(double largest)
{
    return largest == 0 || (largest >= 0x1p-200 && largest <= 0x1p200);
}

/* ||A||_F as computed, NaN for elements out of range. */
static double frobenius(const struct block *a)
{
    double sum = 0, largest = 0;
    for (long j = 0; j < a->columns; j++) {
        const double *column = block_column(a, j);
        struct block one = block_view(a, j, 1);
        double norm;
        for (long i = 0; i < a->rows; i++)
            largest = fabs(column[i]) > largest || isnan(column[i]) ? fabs(column[i]) : largest;
        block_column_norms(&one, &norm);
        sum += norm * norm;
    }
    return is_in_range(largest) ? sqrt(sum) : NAN;
}

double certified_frobenius_upper(const struct block *a)
{
    /* Squares, their sum over a column, a root and its square, the sum over columns, the root: (2 d + 8) roundings. */
    double computed = frobenius(a);
    return isnan(computed) ? INFINITY : computed * (1 + gamma_of(2 * (double)a->rows + 8));
}

/* Why a Cholesky decomposition that runs to its end is a proof (after Rump, "Verified bounds for singular values, in
 * particular for the spectral norm of a matrix and its inverse", BIT 51, 2011, 367-384).
 *
 * 1. G = fl(A^T A) errs by |G - A^T A| <= gamma_d |A|^T |A|, in norm by at most gamma_d ||A||_F^2.
 * 2. M = fl(c I - G) rounds its diagonal alone: by at most u c (1 + u), since G_ii >= 0.
 * 3. If the decomposition M ~ R^T R completes, R^T R = M + E with |E_ij| <= g ||r_i|| ||r_j||, r_i the columns of R and
 *    g = gamma_{d+1}. Hence ||r_i||^2 <= M_ii / (1 - g), and ||E||_2 <= sum_i g ||r_i||^2 <= g / (1 - g) tr M. We take
 *    g = gamma_{2 (d + 8)}: a BLAS may multiply by reciprocals of diagonals, one rounding more a term.
 * 4. R^T R is positive semidefinite, so that A^T A <= (c + gamma_d ||A||_F^2 + 2 u c + g / (1 - g) d c) I.
 * 5. What underflows adds less than d^2 2^-1060, and c > 2^-800: below u c. */
static double largest_shift(double bound, double frobenius_upper, double d)
{
    double slack = 1.01 * gamma_of(2 * (d + 8)) * d + 4 * UNIT_ROUNDOFF;
    double rest = bound * bound * (1 - 8 * UNIT_ROUNDOFF) - 1.01 * gamma_of(d) * frobenius_upper * frobenius_upper;
    return rest / (1 + slack) * (1 - 8 * UNIT_ROUNDOFF);
}

enum status certified_norm_is_at_most(const struct block *a, double bound, bool *proven)
{
    const int d = (int)a->rows, stride = (int)a->stride;
    const double frobenius_upper = certified_frobenius_upper(a), minus_one = -1, zero = 0;
    const double c = largest_shift(bound, frobenius_upper, d);
    *proven = false;
    if (frobenius_upper <= bound)
        *proven = true;
    if (*proven || !(bound >= 0x1p-400 && bound <= 0x1p400) || !(c > 0x1p-800))
        return STATUS_OK;
    SCOPED_MEMORY double *m = NULL;
    TRY(memory_allocate(&m, a->rows * a->rows, "a matrix to be certified"));
    int info = 0;
    dsyrk_("L", "T", &d, &d, &minus_one, a->values, &stride, &zero, m, &d, 1, 1);
    for (long i = 0; i < a->rows; i++)
        m[i * a->rows + i] += c;
    dpotrf_("L", &d, m, &d, &info, 1);
    /* A NaN must not count as success, whatever dpotrf thinks of it: every diagonal of R is looked at. */
    *proven = info == 0;
    for (long i = 0; i < a->rows; i++)
        *proven = *proven && m[i * a->rows + i] > 0 && isfinite(m[i * a->rows + i]);
    return STATUS_OK;
}

/* y := A x or A^T x by plain loops: terms in a fixed order, whatever the BLAS. */
static void multiply(const struct block *a, const double *x, double *y)
{
    for (long i = 0; i < a->rows; i++)
        y[i] = 0;
    for (long j = 0; j < a->columns; j++) {
        const double *restrict column = block_column(a, j);
        double *restrict to = y;
        for (long i = 0; i < a->rows; i++)
            to[i] += column[i] * x[j];
    }
}

static enum status apply(void *context, const long *chains, const struct block *x, struct block *y, double *log_scales)
{
    (void)chains; /* there is one alone */
    multiply(context, block_column(x, 0), block_column(y, 0));
    log_scales[0] = 0;
    return STATUS_OK;
}

static enum status apply_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                    double *log_scales)
{
    (void)chains;
    const struct block *a = context;
    for (long j = 0; j < a->columns; j++) {
        struct block column = block_view(a, j, 1);
        block_column_dots(&column, x, block_column(y, 0) + j);
    }
    log_scales[0] = 0;
    return STATUS_OK;
}

enum status certified_norm_lower(const struct block *a, uint64_t seed, bool (*stop_requested)(void), double *lower)
{
    enum { MOST_ITERATIONS = 256 };
    const double d = (double)a->rows, frobenius_upper = certified_frobenius_upper(a);
    struct lanczos_operator operator= { a->rows, (void *)a, apply, apply_transposed };
    struct lanczos_options options = { .tolerance = d * d * UNIT_ROUNDOFF,
                                       .max_iterations = MOST_ITERATIONS,
                                       .seed = seed,
                                       .stop_requested = stop_requested };
    SCOPED(block) v = { 0 }, y = { 0 };
    enum lanczos_outcome outcome;
    double log_norm, v_norm, y_norm;
    *lower = 0;
    if (isinf(frobenius_upper) || frobenius_upper == 0)
        return STATUS_OK;
    TRY(block_create(a->rows, 1, &v));
    TRY(block_create(a->rows, 1, &y));
    TRY(lanczos_norms(&operator, 1, &options, &v, &log_norm, &outcome));
    multiply(a, block_column(&v, 0), block_column(&y, 0));
    block_column_norms(&v, &v_norm);
    block_column_norms(&y, &y_norm);
    /* |y - A v| <= gamma_d |A| |v| element by element, so ||A v|| >= ||y|| - gamma_d ||A||_F ||v||; the norms, their
     * quotient and the difference are right to gamma_{d+4}. */
    double error = 1.01 * gamma_of(d) * frobenius_upper;
    double found = y_norm / v_norm * (1 - 2 * gamma_of(d + 8)) - error;
    if (v_norm > 0.5 && v_norm < 2 && found > 0)
        *lower = found * (1 - 4 * UNIT_ROUNDOFF);
    return STATUS_OK;
}
