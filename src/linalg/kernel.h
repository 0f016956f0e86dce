/* The inner loops of matrix_apply, one implementation an instruction set (kernel_*.c, all made from kernel_tile.h).
 *
 * A matrix is packed in panels of KERNEL_PANEL_ROWS rows, the last ones of 16 or 8; a panel is [depth][height], so that
 * one step of k reads `height` consecutive doubles. The layout is the same for all instruction sets. Not collective. */
#ifndef GRADSWEEP_LINALG_KERNEL_H
#define GRADSWEEP_LINALG_KERNEL_H

#include "base/strict_arithmetic.h"

#include <stdbool.h>

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

/* `count` panels of such heights, one after the other, times a column alone, x[depth]: y[sum of heights], each element
 * the same chain. */
typedef void kernel_column(long depth, int count, const int *heights, const double *panels, const double *x, double *y);

/* NULL where the program was compiled for another kind of processor. */
extern kernel_panel *const kernel_avx512;
extern kernel_panel *const kernel_avx2;
extern kernel_panel *const kernel_neon;
extern kernel_panel *const kernel_plain;
extern kernel_column *const kernel_column_avx512;
extern kernel_column *const kernel_column_avx2;
extern kernel_column *const kernel_column_neon;
extern kernel_column *const kernel_column_plain;

#endif
