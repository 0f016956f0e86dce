/* Blocks whose rows are each a mantissa times a power of two of their own: for products of step Jacobians whose
 * derivatives lie further apart than doubles reach (tanh at bias 400: e^-801 beside 1), where one power of two for all
 * would flush to zero what later factors may leave as the largest. Slow, and seldom needed. Not collective. */
#ifndef GRADSWEEP_LINALG_WIDE_ROWS_H
#define GRADSWEEP_LINALG_WIDE_ROWS_H

#include "linalg/block.h"

/* Row i is 2^exponents[i] times column i of `rows`, whose largest |element| is within 1 .. 2; WIDE_ZERO_ROW for a row
 * of zeros. */
struct wide_rows {
    struct block rows; /* [elements of a row, number of rows] */
    int64_t *exponents;
};

#define WIDE_ZERO_ROW INT64_MIN

/* `count` rows of zeros, `columns` long each. Release with wide_rows_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status wide_rows_create(long count, long columns, struct wide_rows *wide);
void wide_rows_destroy(struct wide_rows *wide);
SCOPED_VALUE(wide_rows, wide_rows_destroy)

/* Row i := 2^exponent times values[columns]. */
void wide_rows_set(struct wide_rows *wide, long i, const double *values, int64_t exponent);

/* Row i += 2^exponent times values[columns]. */
void wide_rows_add(struct wide_rows *wide, long i, const double *values, int64_t exponent);

/* Row i := factor 2^exponent row i. */
void wide_rows_scale(struct wide_rows *wide, long i, double factor, int64_t exponent);

/* result := A^T wide, values[d * d] of A column-major: d^2 columns multiplications. Both have d rows. What is below
 * 2^-1074 of the largest term of a row is left out of it. */
void wide_rows_apply_transposed(const double *values, const struct wide_rows *wide, struct wide_rows *result);

/* The largest exponent; WIDE_ZERO_ROW where all is zero. */
int64_t wide_rows_largest(const struct wide_rows *wide);

/* dense[rows * columns] := the rows / 2^exponent, column-major; what is beyond the range of doubles becomes 0. */
void wide_rows_copy(const struct wide_rows *wide, int64_t exponent, double *dense);

#endif
