#include "linalg/wide_rows.h"

#include "base/memory.h"
#include "base/power_of_two.h"

#include <string.h>

enum status wide_rows_create(long count, long columns, struct wide_rows *wide)
{
    SCOPED(wide_rows) made = { .exponents = NULL };
    TRY(block_create(columns, count, &made.rows));
    TRY(memory_allocate(&made.exponents, count, "exponents of rows"));
    for (long i = 0; i < count; i++)
        made.exponents[i] = WIDE_ZERO_ROW;
    *wide = scope_keep(&made);
    return STATUS_OK;
}

void wide_rows_destroy(struct wide_rows *wide)
{
    block_destroy(&wide->rows);
    memory_free(wide->exponents);
    wide->exponents = NULL;
}

/* Brings the largest element to 1 .. 2. NaN and infinities stay. */
static void normalise(struct wide_rows *wide, long i)
{
    double *row = block_column(&wide->rows, i);
    const double largest = block_largest_magnitude(row, wide->rows.rows);
    if (largest == 0)
        wide->exponents[i] = WIDE_ZERO_ROW;
    if (largest == 0 || !isfinite(largest))
        return;
    const int drift = ilogb(largest);
    for (long j = 0; drift != 0 && j < wide->rows.rows; j++)
        row[j] = scalbn(row[j], -drift);
    wide->exponents[i] += drift;
}

void wide_rows_set(struct wide_rows *wide, long i, const double *values, int64_t exponent)
{
    memcpy(block_column(&wide->rows, i), values, (size_t)wide->rows.rows * sizeof *values);
    wide->exponents[i] = exponent;
    normalise(wide, i);
}

/* row i := row i + factor 2^exponent values, where its own exponent is at least as large */
static void add_below(struct wide_rows *wide, long i, const double *values, double factor, int64_t exponent)
{
    double *restrict row = block_column(&wide->rows, i);
    const double scaled = power_of_two_scale(factor, exponent - wide->exponents[i]);
    for (long j = 0; scaled != 0 && j < wide->rows.rows; j++)
        row[j] += scaled * values[j];
}

void wide_rows_add(struct wide_rows *wide, long i, const double *values, int64_t exponent)
{
    double *row = block_column(&wide->rows, i);
    const double largest = block_largest_magnitude(values, wide->rows.rows);
    if (largest == 0)
        return;
    if (wide->exponents[i] == WIDE_ZERO_ROW) {
        wide_rows_set(wide, i, values, exponent);
        return;
    }
    const int64_t power = isfinite(largest) ? exponent + ilogb(largest) : exponent;
    if (power > wide->exponents[i]) {
        for (long j = 0; j < wide->rows.rows; j++)
            row[j] = power_of_two_scale(row[j], wide->exponents[i] - power);
        wide->exponents[i] = power;
    }
    add_below(wide, i, values, 1.0, exponent);
    normalise(wide, i);
}

void wide_rows_scale(struct wide_rows *wide, long i, double factor, int64_t exponent)
{
    double *row = block_column(&wide->rows, i);
    if (wide->exponents[i] == WIDE_ZERO_ROW)
        return;
    if (factor != 0 && isfinite(factor)) { /* a tiny factor times an element must not underflow */
        const int power = ilogb(factor);
        factor = scalbn(factor, -power);
        exponent += power;
    }
    for (long j = 0; j < wide->rows.rows; j++)
        row[j] *= factor;
    wide->exponents[i] += exponent;
    normalise(wide, i);
}

void wide_rows_apply_transposed(const double *values, const struct wide_rows *wide, struct wide_rows *result)
{
    const long d = wide->rows.columns;
    for (long i = 0; i < d; i++) {
        const double *column = values + i * d; /* row i of A^T */
        int64_t largest = WIDE_ZERO_ROW;
        for (long k = 0; k < d; k++)
            if (column[k] != 0 && wide->exponents[k] != WIDE_ZERO_ROW) {
                const int64_t power = wide->exponents[k] + ilogb(column[k]);
                largest = power > largest ? power : largest;
            }
        memset(block_column(&result->rows, i), 0, (size_t)result->rows.stride * sizeof(double));
        result->exponents[i] = largest;
        for (long k = 0; k < d; k++)
            if (column[k] != 0 && wide->exponents[k] != WIDE_ZERO_ROW)
                add_below(result, i, block_column(&wide->rows, k), column[k], wide->exponents[k]);
        normalise(result, i);
    }
}

int64_t wide_rows_largest(const struct wide_rows *wide)
{
    int64_t largest = WIDE_ZERO_ROW;
    for (long i = 0; i < wide->rows.columns; i++)
        largest = wide->exponents[i] > largest ? wide->exponents[i] : largest;
    return largest;
}

void wide_rows_copy(const struct wide_rows *wide, int64_t exponent, double *dense)
{
    const long rows = wide->rows.columns;
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < wide->rows.rows; j++)
            dense[i + j * rows] =
                wide->exponents[i] == WIDE_ZERO_ROW
                    ? 0
                    : power_of_two_scale(block_column(&wide->rows, i)[j], wide->exponents[i] - exponent);
}
