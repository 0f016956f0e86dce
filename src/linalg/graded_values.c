/* One-sided Jacobi on the rows of a graded triangle. Rows that are exactly zero are left out; two that are collinear up
 * to rounding end it, because it would never end by itself. */
#include "base/memory.h"
#include "linalg/basis.h"
#include "linalg/graded.h"
#include "linalg/vectorised.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SWEEPS = 60 };

/* Rows x_i = 2^exponents[i] rows[i], turned until they are orthogonal to each other: x = U diag(s) V^T then has the
 * rows' norms as its singular values. */
struct rotated_rows {
    struct block rows;
    int64_t *exponents;
    double *norms;    /* ||rows[i]|| */
    double tolerance; /* |cosine| below which two rows are orthogonal */
    bool is_lost;     /* rows were collinear to rounding: nothing is known of the smaller one */
};

static void rotated_destroy(struct rotated_rows *rotated)
{
    block_destroy(&rotated->rows);
    memory_free(rotated->exponents);
    memory_free(rotated->norms);
}
SCOPED_VALUE(rotated_rows, rotated_destroy)

/* The norm of a row, its largest power of two moved into the exponent. A row that the rotations emptied is zero. */
static void renew_norm(struct rotated_rows *rotated, long i)
{
    double *row = block_column(&rotated->rows, i), norm = basis_norm(row, rotated->rows.stride);
    if (norm > 0 && (norm < 0x1p-30 || norm > 0x1p30)) {
        int drift = ilogb(norm);
        basis_scale(row, rotated->rows.stride, scalbn(1.0, -drift));
        rotated->exponents[i] += drift;
        norm = basis_norm(row, rotated->rows.stride);
    }
    rotated->norms[i] = norm;
}

/* `rotated` is its owner's to release, also where this fails. */
static enum status rotated_create(const struct graded_product *product, struct rotated_rows *rotated)
{
    const long d = product->dimension;
    *rotated = (struct rotated_rows){ .tolerance = fmax((double)d, 8.0) * 0x1p-53 };
    TRY(block_create(d, d, &rotated->rows));
    TRY(memory_allocate(&rotated->exponents, d, "exponents of rotated rows"));
    TRY(memory_allocate(&rotated->norms, d, "norms of rotated rows"));
    block_copy(&product->rows, &rotated->rows);
    for (long i = 0; i < d; i++) {
        rotated->exponents[i] = product->exponents[i];
        if (product->exponents[i] != GRADED_ZERO_ROW)
            renew_norm(rotated, i);
    }
    return STATUS_OK;
}

/* large := cosine (large + a small), small := cosine (small - b large) */
VECTORISED static void rotate(long stride, double cosine, double a, double b, double *restrict large,
                              double *restrict small)
{
    for (long i = 0; i < stride; i++) {
        double l = large[i], s = small[i];
        large[i] = cosine * (l + a * s);
        small[i] = cosine * (s - b * l);
    }
}

/* Makes rows i and j orthogonal; false where they were already. Written for rows of any two sizes: with delta = 2^(e_j
 * - e_i) <= 1 and p the product of their mantissas, the tangent of the angle is delta q, and mantissas change by
 * delta^2 q and q alone, so that nothing is lost where delta underflows. */
static bool orthogonalise(struct rotated_rows *rotated, long i, long j)
{
    if (rotated->norms[i] == 0 || rotated->norms[j] == 0)
        return false;
    if (rotated->exponents[j] > rotated->exponents[i]) {
        long swap = i;
        i = j;
        j = swap;
    }
    double *large = block_column(&rotated->rows, i), *small = block_column(&rotated->rows, j), product;
    double large_norm = rotated->norms[i], small_norm = rotated->norms[j];
    basis_overlaps(large, rotated->rows.stride, 1, small, &product);
    if (!(fabs(product) > rotated->tolerance * large_norm * small_norm))
        return false;
    const int64_t exponent = rotated->exponents[j], difference = exponent - rotated->exponents[i];
    double delta = difference < -1100 ? 0.0 : scalbn(1.0, (int)difference);
    double cotangent = (large_norm * large_norm - delta * delta * small_norm * small_norm) / (2 * product);
    double q = copysign(1.0, cotangent) / (fabs(cotangent) + hypot(delta, cotangent));
    double tangent = delta * q, cosine = 1 / sqrt(1 + tangent * tangent);
    rotate(rotated->rows.stride, cosine, delta * tangent, q, large, small);
    renew_norm(rotated, i);
    renew_norm(rotated, j);
    /* Rounding that is turned against its neighbours never comes to rest. */
    if (scalbn(rotated->norms[j], (int)(rotated->exponents[j] - exponent)) <= rotated->tolerance * small_norm) {
        rotated->is_lost = true;
        rotated->norms[j] = 0;
    }
    return true;
}

static int compare_descending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? 1 : a > b ? -1 : 0;
}

enum status graded_singular_values(const struct graded_product *product, double *log_values, int *sweeps)
{
    const long d = product->dimension;
    SCOPED(rotated_rows) rotated = { 0 };
    TRY(rotated_create(product, &rotated));
    bool turned = true;
    for (*sweeps = 0; turned && *sweeps < MAX_SWEEPS; ++*sweeps) {
        turned = false;
        for (long i = 0; i < d; i++)
            for (long j = i + 1; j < d; j++)
                turned = orthogonalise(&rotated, i, j) || turned;
    }
    for (long i = 0; i < d; i++)
        log_values[i] = rotated.norms[i] > 0 ? log(rotated.norms[i]) + (double)rotated.exponents[i] * M_LN2 : -INFINITY;
    qsort(log_values, (size_t)d, sizeof *log_values, compare_descending);
    if (rotated.is_lost)
        return status_fail(STATUS_NUMERICAL,
                           "singular values of a product of dimension %ld: rows are collinear to rounding", d);
    if (turned)
        return status_fail(STATUS_NUMERICAL,
                           "singular values of a product of dimension %ld: %d sweeps of rotations did not end", d,
                           MAX_SWEEPS);
    return STATUS_OK;
}
