/* The body of a kernel, for one instruction set. The file that includes it has defined, after its target pragma,
 *   vector, LANES                      a vector of doubles and their number
 *   vector_load(p), vector_store(p, v), vector_broadcast(p)
 *   vector_fma(a, b, c)                a b + c, rounded once
 *   HOLD_IN_REGISTER(v)                keeps the compiler from loading v anew for each use
 *   TILE_VECTORS, TILE_COLUMNS         the largest tile its registers hold
 *   SLICE_VECTORS(height)              the vectors of a tile in a panel of that height
 *   FOR_EACH_TILE(tile)                tile(vectors, columns) for all of these, and columns 1 .. TILE_COLUMNS
 *   KERNEL_FUNCTION                    the name of the kernel
 * No include guard: it is meant to be included once in each of them. */

#include "linalg/kernel.h"

/* A tile of vectors * LANES rows and `columns` columns; both are constants wherever this is inlined, the loops over
 * them unrolled and the sums kept in registers. */
static inline __attribute__((always_inline)) void tile(const int vectors, const int columns, const bool packed,
                                                       long depth, int height, const double *a, const double *x,
                                                       long x_stride, double *y, long y_stride)
{
    vector sums[TILE_VECTORS][TILE_COLUMNS] = { 0 };
    for (long k = 0; k < depth; k++) {
        vector rows[TILE_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            rows[v] = vector_load(a + v * LANES);
            HOLD_IN_REGISTER(rows[v]);
        }
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) {
            const vector factor = vector_broadcast(packed ? x + j : x + j * x_stride);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sums[v][j] = vector_fma(rows[v], factor, sums[v][j]);
        }
        a += height;
        x += packed ? KERNEL_COLUMNS : 1;
    }
#pragma GCC unroll 8
    for (int j = 0; j < columns; j++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            vector_store(y + j * y_stride + v * LANES, sums[v][j]);
}

#define TILE_CASE(vectors, columns)                                                \
    case 2 * (16 * (vectors) + (columns)):                                         \
        tile(vectors, columns, false, depth, height, a, x, x_stride, y, y_stride); \
        break;                                                                     \
    case 2 * (16 * (vectors) + (columns)) + 1:                                     \
        tile(vectors, columns, true, depth, height, a, x, x_stride, y, y_stride);  \
        break;

static void run_tile(int vectors, int columns, bool packed, long depth, int height, const double *a, const double *x,
                     long x_stride, double *y, long y_stride)
{
    switch (2 * (16 * vectors + columns) + packed) {
        FOR_EACH_TILE(TILE_CASE)
    default:
        __builtin_unreachable();
    }
}

static void KERNEL_FUNCTION(long depth, int height, const double *panel, const struct kernel_columns *x, double *y,
                            long y_stride)
{
    /* A panel of 24 rows is cut into tiles of TILE_VECTORS vectors, one of 16 or 8 rows into lower ones. */
    const int vectors = SLICE_VECTORS(height);
    for (int row = 0; row < height; row += vectors * LANES)
        for (int j = 0; j < x->count; j += TILE_COLUMNS) {
            const int columns = x->count - j < TILE_COLUMNS ? x->count - j : TILE_COLUMNS;
            run_tile(vectors, columns, x->packed, depth, height, panel + row,
                     x->values + (x->packed ? j : j * x->stride), x->stride, y + row + j * y_stride, y_stride);
        }
}

#undef TILE_CASE
