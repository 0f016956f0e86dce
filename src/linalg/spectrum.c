#include "linalg/spectrum.h"

#include "base/memory.h"
#include "linalg/lapack.h"
#include "linalg/matrix.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* LAPACK's own iterations can hang on a NaN, so it is looked for first. */
enum status spectrum_check_rows(long dimension, long first_row, long rows, const double *values, const char *purpose)
{
    /* Workspaces grow like a panel width (at most 128) times the dimension, in 32-bit integers. */
    if (dimension < 1 || dimension > INT_MAX / 256)
        return status_fail(STATUS_NUMERICAL, "%s: a dimension of %ld is outside 1..%d", purpose, dimension,
                           INT_MAX / 256);
    for (long j = 0; j < dimension; j++)
        for (long i = 0; i < rows; i++)
            if (!isfinite(values[i + j * rows]))
                return status_fail(STATUS_NUMERICAL,
                                   "%s: element [%ld, %ld] of the matrix is %g; finite elements are needed", purpose,
                                   first_row + i, j, values[i + j * rows]);
    return STATUS_OK;
}

enum status spectrum_check_matrix(long dimension, const double *values, const char *purpose)
{
    return spectrum_check_rows(dimension, 0, dimension, values, purpose);
}

/* LAPACK overwrites its matrix, and may round differently at another alignment: it works on an aligned copy. */
static enum status copy_matrix(long dimension, const double *values, double **copy)
{
    TRY(memory_allocate(copy, dimension * dimension, "a copy of a weight matrix"));
    memcpy(*copy, values, (size_t)(dimension * dimension) * sizeof *values);
    return STATUS_OK;
}

/* Eigenvalue moduli of a general matrix; `a` is overwritten. */
static enum status largest_general_modulus(long dimension, double *a, double *radius)
{
    const int n = (int)dimension, one = 1, query = -1;
    SCOPED_MEMORY double *re = NULL, *im = NULL, *work = NULL;
    double optimum = 0;
    int info = 0;
    dgeev_("N", "N", &n, a, &n, NULL, NULL, NULL, &one, NULL, &one, &optimum, &query, &info, 1, 1);
    TRY(lapack_check(info, "dgeev", dimension));
    const int length = (int)optimum;
    TRY(memory_allocate(&re, dimension, "eigenvalues"));
    TRY(memory_allocate(&im, dimension, "eigenvalues"));
    TRY(memory_allocate(&work, length, "eigenvalue workspace"));
    dgeev_("N", "N", &n, a, &n, re, im, NULL, &one, NULL, &one, work, &length, &info, 1, 1);
    TRY(lapack_check(info, "dgeev", dimension));
    *radius = 0;
    for (long i = 0; i < dimension; i++)
        *radius = fmax(*radius, hypot(re[i], im[i]));
    return STATUS_OK;
}

enum status spectrum_radius(long dimension, const double *values, double *radius)
{
    bool found = false;
    TRY(spectrum_radius_by_range(dimension, values, &found, radius));
    if (found)
        return STATUS_OK;
    SCOPED_MEMORY double *copy = NULL;
    TRY(copy_matrix(dimension, values, &copy));
    return largest_general_modulus(dimension, copy, radius);
}

enum status spectrum_singular_values(long dimension, const double *values, double *singular_values)
{
    const int n = (int)dimension, one = 1, query = -1;
    SCOPED_MEMORY double *copy = NULL, *work = NULL;
    SCOPED_MEMORY int *integers = NULL;
    double optimum = 0;
    int info = 0;
    TRY(spectrum_check_matrix(dimension, values, "singular values"));
    TRY(copy_matrix(dimension, values, &copy));
    TRY(memory_allocate(&integers, 8 * dimension, "singular value workspace"));
    dgesdd_("N", &n, &n, copy, &n, singular_values, NULL, &one, NULL, &one, &optimum, &query, integers, &info, 1);
    TRY(lapack_check(info, "dgesdd", dimension));
    const int length = (int)optimum;
    TRY(memory_allocate(&work, length, "singular value workspace"));
    dgesdd_("N", &n, &n, copy, &n, singular_values, NULL, &one, NULL, &one, work, &length, integers, &info, 1);
    return lapack_check(info, "dgesdd", dimension);
}

enum status spectrum_norm(long dimension, const double *values, double *norm)
{
    SCOPED_MEMORY double *singular_values = NULL;
    TRY(spectrum_check_matrix(dimension, values, "spectral norm"));
    TRY(memory_allocate(&singular_values, dimension, "singular values"));
    TRY(spectrum_singular_values(dimension, values, singular_values));
    *norm = singular_values[0];
    return STATUS_OK;
}

/* The values LAPACK returns are exact for A + E (Higham, Accuracy and Stability of Numerical Algorithms, ch. 19), and
 * by Weyl's inequality sigma_1 moves by at most ||E||_2. A is reduced to a bidiagonal by 2d Householder reflections.
 * One reflection H A rounds each element a few times, with results no larger than the columns they stand in: it adds an
 * error of norm c u ||A||_2 with c near 1, and the orthogonal factors that follow do not enlarge it. If all 2d errors
 * point the same way they sum to 2 d u; the bidiagonal's own values are found to a few u, covered by the constant.
 * Rounding errors really add like a random walk, c sqrt(2d) u, so that this is a bound with a margin that grows with d
 * (a proof without assumptions gives d^2 u, which no program has ever shown). */
double spectrum_norm_error(long dimension)
{
    const double unit_roundoff = 0x1p-53;
    return (2.0 * (double)dimension + 16.0) * unit_roundoff;
}

enum status spectrum_orthogonalise(long dimension, double *values)
{
    const int n = (int)dimension, query = -1;
    SCOPED_MEMORY double *q = NULL, *tau = NULL, *signs = NULL, *work = NULL;
    double optimum[2] = { 0 };
    int info = 0;
    TRY(spectrum_check_matrix(dimension, values, "QR decomposition"));
    TRY(copy_matrix(dimension, values, &q));
    TRY(memory_allocate(&tau, dimension, "Householder factors"));
    TRY(memory_allocate(&signs, dimension, "signs of the diagonal of R"));
    dgeqrf_(&n, &n, q, &n, tau, &optimum[0], &query, &info);
    TRY(lapack_check(info, "dgeqrf", dimension));
    dorgqr_(&n, &n, &n, q, &n, tau, &optimum[1], &query, &info);
    TRY(lapack_check(info, "dorgqr", dimension));
    const int length = (int)fmax(optimum[0], optimum[1]);
    TRY(memory_allocate(&work, length, "QR workspace"));
    dgeqrf_(&n, &n, q, &n, tau, work, &length, &info);
    TRY(lapack_check(info, "dgeqrf", dimension));
    for (long j = 0; j < dimension; j++)
        signs[j] = copysign(1.0, q[j + j * dimension]);
    dorgqr_(&n, &n, &n, q, &n, tau, work, &length, &info);
    TRY(lapack_check(info, "dorgqr", dimension));
    for (long j = 0; j < dimension; j++)
        for (long i = 0; i < dimension; i++)
            values[i + j * dimension] = signs[j] * q[i + j * dimension];
    return STATUS_OK;
}

/* Looked up by name in whatever is loaded: the program links one BLAS and may run with another. */
void spectrum_set_blas_threads(int threads)
{
    void (*set_int)(int) = NULL;
    void (*set_long)(int64_t) = NULL;
    /* FlexiBLAS hands it on to the BLAS that it stands before, whose own name is hidden then. */
    if ((*(void **)&set_int = dlsym(RTLD_DEFAULT, "flexiblas_set_num_threads")) != NULL)
        set_int(threads);
    if ((*(void **)&set_int = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) != NULL)
        set_int(threads);
    if ((*(void **)&set_int = dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads")) != NULL)
        set_int(threads);
    if ((*(void **)&set_long = dlsym(RTLD_DEFAULT, "bli_thread_set_num_threads")) != NULL)
        set_long(threads);
}
