/* Blocks of columns: what every algorithm of gradient/ moves.
 *
 * A column is one vector of one chain; chains that share a weight matrix stand side by side. A column's bits depend on
 * nothing but that column: not on its neighbours, on the block's width or on its place in it. All sums over a column
 * run in one fixed order. None of these functions is collective. */
#ifndef GRADSWEEP_LINALG_BLOCK_H
#define GRADSWEEP_LINALG_BLOCK_H

#include "base/memory.h"
#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { BLOCK_ROW_UNIT = 8 };

/* Shape [rows, columns], column-major. `stride` (doubles from one column to the next) is rows rounded up to a multiple
 * of 8 so that columns are 64-byte aligned; the padding below each column is kept zero. */
struct block {
    long rows;
    long columns;
    long stride;
    double *values;
};

/* Makes a zeroed block that owns its values; release with block_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status block_create(long rows, long columns, struct block *block);
void block_destroy(struct block *block);
SCOPED_VALUE(block, block_destroy)

/* The doubles from one column to the next in a block of that many rows. */
static inline long block_stride(long rows)
{
    return (rows + BLOCK_ROW_UNIT - 1) / BLOCK_ROW_UNIT * BLOCK_ROW_UNIT;
}

/* Rows of a column, which all instruction sets treat alike, and their bits. */
typedef double block_rows __attribute__((vector_size(BLOCK_ROW_UNIT * sizeof(double)), may_alias, aligned(8)));
typedef uint64_t block_words __attribute__((vector_size(BLOCK_ROW_UNIT * sizeof(uint64_t))));

/* Column `column`: a pointer to `rows` doubles, 64-byte aligned. */
static inline double *block_column(const struct block *block, long column)
{
    return (double *)__builtin_assume_aligned(block->values + column * block->stride, MEMORY_ALIGNMENT);
}

/* A view of columns first .. first+count-1; owns nothing. */
struct block block_view(const struct block *block, long first, long count);

/* to := from, of equal shape. */
void block_copy(const struct block *from, struct block *to);

/* Column j := diag(diagonals[j]) column j; each diagonal holds `rows` doubles. Forms D X in W D X. */
void block_scale_rows(struct block *block, const double *const *diagonals);

/* Column j := factors[j] * column j. */
void block_scale_columns(struct block *block, const double *factors);

/* dots[j] := x_j . y_j, and norms[j] := ||x_j||_2, free of overflow and underflow inside |x| = 2^-500 .. 2^500. */
void block_column_dots(const struct block *x, const struct block *y, double *dots);
void block_column_norms(const struct block *block, double *norms);

/* Where the largest |element| of a column leaves 2^-200 .. 2^200, multiplies the column by the power of two that brings
 * it to about 1 and adds that exponent to exponents[j]: true column = 2^exponents[j] * column. A column of zeros, or
 * one with an element that is not finite, is left alone. Scaling by powers of two is exact. */
void block_balance_columns(struct block *block, int64_t *exponents);

/* Whether a column with such a largest |element| is left alone for its size, or has nothing but zeros. */
static inline bool block_is_balanced(double largest)
{
    return (largest >= 0x1p-200 && largest <= 0x1p200) || largest == 0;
}

/* That exponent for a column with such a largest |element|; 0 where it is left alone. */
int block_balance_exponent(double largest);

/* Column j of `to` := diag(diagonals[j]) column j of `from`, balanced likewise, in one pass over the elements; `to` may
 * be `from`. The diagonals are padded as columns are. */
void block_scale_rows_balanced(const struct block *from, const double *const *diagonals, struct block *to,
                               int64_t *exponents);

/* Every column := diag(diagonal) times it, padded likewise; returns the largest |element| of what they are then. */
double block_scale_rows_alike(struct block *block, const double *diagonal);

/* As block_balance_columns for the whole block by one power of two. */
void block_balance(struct block *block, int64_t *exponent);

/* The same where `largest` is the largest |element| of the block and of others that are scaled with it. */
void block_balance_for(struct block *block, double largest, int64_t *exponent);

/* Every element *= 2^exponent. */
void block_scale_by_power_of_two(struct block *block, int exponent);

/* The padding below each column := 0, where a product has left a NaN. */
void block_clear_padding(struct block *block);

/* The largest |element| of values[count]; infinite or NaN where an element is. */
double block_largest_magnitude(const double *values, long count);

#endif
