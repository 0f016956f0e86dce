/* The inner loops of matrix_apply, one implementation an instruction set (kernel_*.c, all made from kernel_tile.h).
 *
 * A matrix is packed in panels of KERNEL_PANEL_ROWS rows, the last ones of 16 or 8; a panel is [depth][height], so that
 * one step of k reads `height` consecutive doubles. The layout is the same for all instruction sets. Not collective. */
#ifndef GRADSWEEP_LINALG_KERNEL_H
#define GRADSWEEP_LINALG_KERNEL_H

#include "base/strict_arithmetic.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    KERNEL_PANEL_ROWS =
        24, /* three vectors of AVX-512: 3 x 8 sums, their operands and one spare fill its 32 registers */
    KERNEL_ROW_UNIT = 8,
    KERNEL_COLUMNS = 8 /* columns of a group, and the stride of a packed one */
};

/* A group of columns, element k of column j: values[k * KERNEL_COLUMNS + j] if packed, else values[k + j * stride]. */
struct kernel_columns {
    const double *values;
    long stride;
    int count; /* 1 .. KERNEL_COLUMNS */
    bool packed;
};

/* One panel times one group: height (24, 16 or 8) rows of each column of y, columns `y_stride` apart; each element one
 * chain of fused multiply-adds over ascending k = 0 .. depth-1, begun at 0. */
typedef void kernel_panel(long depth, int height, const double *panel, const struct kernel_columns *x, double *y,
                          long y_stride);

/* The same for x[depth, count] that is not packed, and then column j := factors[j] times it + added[height] (64-byte
 * aligned; NULL: nothing is added), each rounded; columns of x and y are `stride` apart. Returns marks of the first
 * `rows` rows of y. */
typedef uint64_t kernel_affine(long depth, int rows, int height, const double *panel, long count, const double *x,
                               const double *factors, const double *added, double *y, long stride);

/* Marks are (bits + shift) ^ pattern of all elements, or'ed: two bits of that are 0 where an exponent field is 768 ..
 * 1279. */
#define KERNEL_MARK(bits) (((bits) + (UINT64_C(256) << 52)) ^ UINT64_C(1) << 62)

/* Whether no element with such marks is outside of 2^-255 .. 2^257 in magnitude, 0 or NaN. */
static inline bool kernel_is_moderate(uint64_t marks)
{
    return (marks & UINT64_C(3) << 61) == 0;
}

/* `count` panels of such heights, one after the other, times a column alone, x[depth]: y[sum of heights], each element
 * the same chain. */
typedef void kernel_column(long depth, int count, const int *heights, const double *panels, const double *x, double *y);

/* NULL where the program was compiled for another kind of processor. */
extern kernel_panel *const kernel_avx512;
extern kernel_panel *const kernel_avx2;
extern kernel_panel *const kernel_neon;
extern kernel_panel *const kernel_plain;
extern kernel_column *const kernel_column_avx512;
extern kernel_affine *const kernel_affine_avx512;
extern kernel_column *const kernel_column_avx2;
extern kernel_affine *const kernel_affine_avx2;
extern kernel_column *const kernel_column_neon;
extern kernel_affine *const kernel_affine_neon;
extern kernel_column *const kernel_column_plain;
extern kernel_affine *const kernel_affine_plain;

#endif
