/* The body of a kernel, for one instruction set. The file that includes it has defined, after its target pragma,
 *   vector, LANES                      a vector of doubles and their number
 *   vector_load(p), vector_store(p, v), vector_broadcast(p)
 *   vector_fma(a, b, c)                a b + c, rounded once
 *   HOLD_IN_REGISTER(v)                keeps the compiler from loading v anew for each use
 *   TILE_VECTORS, TILE_COLUMNS         the largest tile its registers hold
 *   SLICE_VECTORS(height)              the vectors of a tile in a panel of that height
 *   FOR_EACH_TILE(tile)                tile(vectors, columns) for all of these, and columns 1 .. TILE_COLUMNS
 *   FOR_EACH_STACK(stack)              stack(first, second, third) for the row units of panels that a column alone
 *                                      takes together, STACK_PANELS at the most; 0: no such panel
 *   words                              as many 64-bit integers, where + and others do with each what they do with one
 *   KERNEL_FUNCTION, AFFINE_FUNCTION, COLUMN_FUNCTION   the names of the kernels
 * No include guard: it is meant to be included once in each of them. */

#include "linalg/kernel.h"

#include <string.h>

/* What a processor asks for ahead by itself ends with a page of 4096 bytes each time: a panel that is longer than the
 * first cache, and may come from beyond the second, is asked for so many doubles ahead. */
enum { AHEAD = 512, DEPTH_BEYOND_CACHE = 256 };

/* The sums of a tile of vectors * LANES rows and `columns` columns; both are constants wherever this is inlined, the
 * loops over them unrolled and the sums kept in registers. */
static inline __attribute__((always_inline)) void sum_tile(const int vectors, const int columns, const bool packed,
                                                           long depth, int height, const double *a, const double *x,
                                                           long x_stride, vector sums[TILE_VECTORS][TILE_COLUMNS])
{
    const bool is_beyond_cache = depth >= DEPTH_BEYOND_CACHE;
    for (long k = 0; k < depth; k++) {
        vector rows[TILE_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            rows[v] = vector_load(a + v * LANES);
            HOLD_IN_REGISTER(rows[v]);
            if (is_beyond_cache && v * LANES % KERNEL_ROW_UNIT == 0)
                __builtin_prefetch(a + v * LANES + AHEAD);
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
}

static inline __attribute__((always_inline)) void tile(const int vectors, const int columns, const bool packed,
                                                       long depth, int height, const double *a, const double *x,
                                                       long x_stride, double *y, long y_stride)
{
    vector sums[TILE_VECTORS][TILE_COLUMNS] = { 0 };
    sum_tile(vectors, columns, packed, depth, height, a, x, x_stride, sums);
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

/* A tile of an affine map; all pointers are to what is of its rows and columns. */
static inline __attribute__((always_inline)) void affine_tile(const int vectors, const int columns, long depth,
                                                              int height, const double *a, const double *x,
                                                              const double *factors, const double *added, double *y,
                                                              long stride, words *marks)
{
    vector sums[TILE_VECTORS][TILE_COLUMNS] = { 0 };
    sum_tile(vectors, columns, false, depth, height, a, x, stride, sums);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        words marked = marks[v];
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) {
            vector result = sums[v][j] * vector_broadcast(factors + j);
            if (added != NULL)
                result += vector_load(added + v * LANES);
            vector_store(y + j * stride + v * LANES, result);
            words bits;
            memcpy(&bits, &result, sizeof bits);
            marked |= KERNEL_MARK(bits);
        }
        marks[v] = marked;
    }
}

#define AFFINE_CASE(vectors, columns)                                                               \
    case 16 * (vectors) + (columns):                                                                \
        affine_tile(vectors, columns, depth, height, panel + row, x + j * stride, factors + j,      \
                    added ? added + row : NULL, y + row + j * stride, stride, marks + row / LANES); \
        break;

static uint64_t AFFINE_FUNCTION(long depth, int rows, int height, const double *panel, long count, const double *x,
                                const double *factors, const double *added, double *y, long stride)
{
    const int vectors = SLICE_VECTORS(height);
    words marks[KERNEL_PANEL_ROWS / LANES] = { 0 };
    uint64_t of_rows[KERNEL_PANEL_ROWS], all = 0;
    for (int row = 0; row < height; row += vectors * LANES)
        for (long j = 0; j < count; j += TILE_COLUMNS) {
            const int columns = count - j < TILE_COLUMNS ? (int)(count - j) : TILE_COLUMNS;
            switch (16 * vectors + columns) {
                FOR_EACH_TILE(AFFINE_CASE)
            default:
                __builtin_unreachable();
            }
        }
    memcpy(of_rows, marks, sizeof marks);
    for (int row = 0; row < rows; row++)
        all |= of_rows[row];
    return all;
}

#undef AFFINE_CASE

/* A column alone times up to three panels of so many row units each: the sums of one would wait for each other. */
static inline __attribute__((always_inline)) void stack(const int first, const int second, const int third, long depth,
                                                        const double *a, const double *x, double *y)
{
    enum { UNIT = KERNEL_ROW_UNIT / LANES };
    vector sums[3 * KERNEL_PANEL_ROWS / LANES] = { 0 };
    const double *b = a + first * KERNEL_ROW_UNIT * depth, *c = b + second * KERNEL_ROW_UNIT * depth;
    for (long k = 0; k < depth; k++) {
        const vector factor = vector_broadcast(x + k);
#pragma GCC unroll 24
        for (int v = 0; v < first * UNIT; v++)
            sums[v] = vector_fma(vector_load(a + v * LANES), factor, sums[v]);
#pragma GCC unroll 24
        for (int v = 0; v < second * UNIT; v++)
            sums[first * UNIT + v] = vector_fma(vector_load(b + v * LANES), factor, sums[first * UNIT + v]);
#pragma GCC unroll 24
        for (int v = 0; v < third * UNIT; v++)
            sums[(first + second) * UNIT + v] =
                vector_fma(vector_load(c + v * LANES), factor, sums[(first + second) * UNIT + v]);
        a += first * KERNEL_ROW_UNIT;
        b += second * KERNEL_ROW_UNIT;
        c += third * KERNEL_ROW_UNIT;
    }
#pragma GCC unroll 72
    for (int v = 0; v < (first + second + third) * UNIT; v++)
        vector_store(y + v * LANES, sums[v]);
}

#define STACK_CASE(first, second, third)                 \
    case 16 * (first) + 4 * (second) + (third):          \
        stack(first, second, third, depth, panel, x, y); \
        break;

static void COLUMN_FUNCTION(long depth, int count, const int *heights, const double *panel, const double *x, double *y)
{
    for (int done = 0, rows; done < count; done += STACK_PANELS, panel += rows * depth, y += rows) {
        int key = 0;
        rows = 0;
        for (int i = 0; i < 3; i++) {
            const int height = i < STACK_PANELS && done + i < count ? heights[done + i] : 0;
            key = 4 * key + height / KERNEL_ROW_UNIT;
            rows += height;
        }
        switch (key) {
            FOR_EACH_STACK(STACK_CASE)
        default:
            __builtin_unreachable();
        }
    }
}

#undef STACK_CASE
