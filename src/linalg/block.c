#include "linalg/block.h"

#include "base/memory.h"
#include "linalg/magnitude.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Columns are padded with zeros to whole groups of eight, so that every loop below runs over the stride without a tail.
 */
enum { LANES = BLOCK_ROW_UNIT };

enum status block_create(long rows, long columns, struct block *block)
{
    *block = (struct block){ .rows = rows, .columns = columns, .stride = block_stride(rows) };
    long elements = 0;
    if (__builtin_mul_overflow(block->stride, columns, &elements))
        return status_fail(STATUS_MEMORY, "a block of %ld columns of %ld rows exceeds the address space", columns,
                           rows);
    return memory_allocate(&block->values, elements, "a block of columns");
}

void block_destroy(struct block *block)
{
    memory_free(block->values);
    *block = (struct block){ 0 };
}

struct block block_view(const struct block *block, long first, long count)
{
    assert(first >= 0 && count >= 0 && first + count <= block->columns);
    struct block view = *block;
    view.columns = count;
    view.values = block->values + first * block->stride;
    return view;
}

static void assert_equal_shape(const struct block *a, const struct block *b)
{
    assert(a->rows == b->rows && a->columns == b->columns);
    (void)a;
    (void)b;
}

void block_copy(const struct block *from, struct block *to)
{
    assert_equal_shape(from, to);
    memcpy(to->values, from->values, (size_t)(from->stride * from->columns) * sizeof *from->values);
}

VECTORISED void block_scale_rows(struct block *block, const double *const *diagonals)
{
    for (long j = 0; j < block->columns; j++) {
        double *restrict column = block_column(block, j);
        const double *restrict diagonal = diagonals[j];
        for (long i = 0; i < block->rows; i++)
            column[i] *= diagonal[i];
    }
}

VECTORISED void block_scale_columns(struct block *block, const double *factors)
{
    for (long j = 0; j < block->columns; j++) {
        double *column = block_column(block, j);
        double factor = factors[j];
        for (long i = 0; i < block->rows; i++)
            column[i] *= factor;
    }
}

/* Eight partial sums, by row number modulo eight, added pairwise at the end: one order, whatever the instruction set.
 */
VECTORISED static double dot(const double *x, const double *y, long stride)
{
    double sums[LANES] = { 0 };
    for (long i = 0; i < stride; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += x[i + lane] * y[i + lane];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; lane++)
            sums[lane] += sums[lane + half];
    return sums[0];
}

void block_column_dots(const struct block *x, const struct block *y, double *dots)
{
    assert_equal_shape(x, y);
    for (long j = 0; j < x->columns; j++)
        dots[j] = dot(block_column(x, j), block_column(y, j), x->stride);
}

void block_column_norms(const struct block *block, double *norms)
{
    for (long j = 0; j < block->columns; j++) {
        const double *column = block_column(block, j);
        norms[j] = sqrt(dot(column, column, block->stride));
    }
}

VECTORISED double block_largest_magnitude(const double *values, long count)
{
    uint64_t largest = 0;
    for (long i = 0; i < count; i++)
        largest = magnitude_larger(magnitude_of(values[i]), largest);
    return magnitude_value(largest);
}

/* values *= 2^exponent, in two steps because 2^exponent itself can lie beyond the range of doubles. */
VECTORISED static void scale_by_power_of_two(double *values, long count, int exponent)
{
    double first = ldexp(1.0, exponent / 2);
    double second = ldexp(1.0, exponent - exponent / 2);
    for (long i = 0; i < count; i++)
        values[i] = values[i] * first * second;
}

void block_scale_by_power_of_two(struct block *block, int exponent)
{
    scale_by_power_of_two(block->values, block->stride * block->columns, exponent);
}

int block_balance_exponent(double largest)
{
    int exponent = 0;
    if (!block_is_balanced(largest) && isfinite(largest))
        frexp(largest, &exponent);
    return exponent;
}

static void balance(double *values, long count, double largest, int64_t *exponent)
{
    const int shift = block_balance_exponent(largest);
    if (shift == 0)
        return;
    scale_by_power_of_two(values, count, -shift);
    *exponent += shift;
}

void block_balance_columns(struct block *block, int64_t *exponents)
{
    for (long j = 0; j < block->columns; j++) {
        double *column = block_column(block, j);
        balance(column, block->stride, block_largest_magnitude(column, block->stride), &exponents[j]);
    }
}

/* to := diag(diagonal) from, element by element; returns the largest magnitude. */
VECTORISED static uint64_t scale_column(const double *from, const double *restrict diagonal, double *to, long stride)
{
    uint64_t largest[LANES] = { 0 };
#ifdef __clang__
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
    for (long i = 0; i < stride; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const double value = from[i + lane] * diagonal[i + lane];
            largest[lane] = magnitude_larger(magnitude_of(value), largest[lane]);
            to[i + lane] = value;
        }
    for (int lane = 1; lane < LANES; lane++)
        largest[0] = magnitude_larger(largest[lane], largest[0]);
    return largest[0];
}

void block_scale_rows_balanced(const struct block *from, const double *const *diagonals, struct block *to,
                               int64_t *exponents)
{
    assert_equal_shape(from, to);
    for (long j = 0; j < to->columns; j++) {
        double *column = block_column(to, j);
        const uint64_t largest = scale_column(block_column(from, j), diagonals[j], column, to->stride);
        balance(column, to->stride, magnitude_value(largest), &exponents[j]);
    }
}

double block_scale_rows_alike(struct block *block, const double *diagonal)
{
    uint64_t largest = 0;
    for (long j = 0; j < block->columns; j++) {
        double *column = block_column(block, j);
        largest = magnitude_larger(scale_column(column, diagonal, column, block->stride), largest);
    }
    return magnitude_value(largest);
}

void block_balance_for(struct block *block, double largest, int64_t *exponent)
{
    balance(block->values, block->stride * block->columns, largest, exponent);
}

void block_balance(struct block *block, int64_t *exponent)
{
    block_balance_for(block, block_largest_magnitude(block->values, block->stride * block->columns), exponent);
}

void block_clear_padding(struct block *block)
{
    const size_t padding = (size_t)(block->stride - block->rows) * sizeof *block->values;
    for (long j = 0; padding > 0 && j < block->columns; j++)
        memset(block_column(block, j) + block->rows, 0, padding);
}
