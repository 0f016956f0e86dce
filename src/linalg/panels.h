/* Rows of a matrix packed for the fixed-order kernel, and their product with a block of columns: what a rank does of
 * every application, all rows where it is alone. Not collective. */
#ifndef GRADSWEEP_LINALG_PANELS_H
#define GRADSWEEP_LINALG_PANELS_H

#include "linalg/block.h"

#include <stdbool.h>

/* Packed rows; zeros below the last one up to a multiple of KERNEL_ROW_UNIT. */
struct panels {
    long rows;
    long depth; /* elements of a row */
    int threads;
    double *values;
    bool *from_end; /* whether the next product begins with the last row; NULL: never, where all stay in the cache */
};

/* Makes room for rows * depth elements, all zero, that `threads` threads will multiply by. Release with panels_destroy.
 * Errors: STATUS_MEMORY. */
CHECKED enum status panels_create(long rows, long depth, int threads, struct panels *panels);
void panels_destroy(struct panels *panels);
SCOPED_VALUE(panels, panels_destroy)

/* Rows first_row .. +rows-1, from the element first_k on: element (first_row + i, first_k + k) := values[i *
 * row_stride + k * k_stride]. */
void panels_set(struct panels *panels, long first_row, long rows, long first_k, long depth, const double *values,
                long row_stride, long k_stride);

/* Columns of all rows at once: column order[k], k = 0 .. depth - 1, := factors[order[k]] values[k * block_stride(rows)
 * ..], zeros behind the last row; factors NULL: ones. `values` is 64-byte aligned. */
void panels_set_columns(struct panels *panels, const long *order, const double *factors, const double *values);

/* The inverse for rows of A without gaps: to[i + k * to_stride] := element (i, first_k + k), all rows. */
void panels_get(const struct panels *panels, long first_k, long depth, double *to, long to_stride);

/* Room that packed columns need for a matrix of that many elements a row, in doubles; 0 where columns are not packed.
 */
long panels_scratch_size(long depth);

/* y := rows x, x [depth, columns], which may be a part of the rows of a block from a multiple of 8 on, and y
 * column-major, y_stride from one column to the next, block_stride(rows) values written in each: those below the last
 * row are zero, or NaN where x is not finite. y is 64-byte aligned, y_stride a multiple of KERNEL_ROW_UNIT; scratch as
 * above. One thread at a time multiplies by panels. Each element is one chain of fused multiply-adds over ascending k:
 * the number of threads changes no bit. */
void panels_multiply(const struct panels *panels, const struct block *x, double *scratch, double *y, long y_stride);

/* The same by one thread for a square matrix whose columns are not packed, y with the stride of x, and column j :=
 * factors[j] times it + added[rows], padded with zeros and 64-byte aligned, each rounded (NULL: nothing is added).
 * Whether all elements are seen to be within 2^-255 .. 2^257 in magnitude: quick to tell, for who has to look closer
 * elsewhere. */
bool panels_multiply_affine(const struct panels *panels, const struct block *x, const double *factors,
                            const double *added, double *y);

#endif
