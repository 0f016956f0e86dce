/* The loops of lanes.h for one instruction set. The file that includes it has defined, after its target pragma,
 *   vector, VECTOR_LANES               a vector of doubles and their number, 8 or a part of that
 *   vector_load(p), vector_store(p, v), vector_broadcast(p)
 *   vector_fma(a, b, c)                a b + c, rounded once; vector_fma_minus: c - a b
 *   vector_multiply, vector_add, vector_subtract, vector_divide, vector_root, vector_magnitude
 *   vector_larger(a, b)                a > b ? a : b in each lane, vector_smaller(a, b): a < b ? a : b
 *   vector_where_positive(x, a, b)     x > 0 ? a : b in each lane
 *   vector_is_any_positive(x)
 *   HOLD_IN_REGISTER(v)                keeps the compiler from loading v anew for each use
 *   TILE_COLUMNS                       columns of a tile, 4 or 2, of which the registers hold four rows
 *   LANES_LOOPS                        the name of the functions' table
 * What stands here is one order of operations, whatever the number of lanes. No include guard: it is meant to be
 * included once in each of them. */

#include "linalg/lanes_internal.h"

#define INLINED      static inline __attribute__((always_inline))
#define AT(p, i)     vector_load((p) + (i)*LANES)
#define PUT(p, i, v) vector_store((p) + (i)*LANES, v)

enum { TILE_ROWS = LANES_STRIP };

/* The loops below serve VECTOR_LANES lanes: all pointers are to the first of them. */

/* ---- products ---- */

/* sums[i][j] := sum over k < d of left row i times right column j: TILE_ROWS by `columns`. */
INLINED void multiply_tile(const int columns, const bool is_broadcast, long d, const double *left, const double *right,
                           long right_stride, vector sums[TILE_ROWS][TILE_COLUMNS])
{
#pragma GCC unroll 4
    for (int i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < columns; j++)
            sums[i][j] = vector_broadcast(0.0);
    for (long k = 0; k < d; k++) {
        vector elements[TILE_COLUMNS];
#pragma GCC unroll 4
        for (int j = 0; j < columns; j++)
            elements[j] = AT(right, j);
#pragma GCC unroll 4
        for (int i = 0; i < TILE_ROWS; i++) {
            vector factor = is_broadcast ? vector_broadcast(left[i]) : AT(left, i);
            HOLD_IN_REGISTER(factor);
#pragma GCC unroll 4
            for (int j = 0; j < columns; j++)
                sums[i][j] = vector_fma(factor, elements[j], sums[i][j]);
        }
        left += is_broadcast ? TILE_ROWS : TILE_ROWS * LANES;
        right += right_stride;
    }
}

/* One strip of a step, `width` columns wide, of which `columns` are taken at a time; `largest` is left where sizes are
 * not asked for. */
INLINED vector step_strip(const int width, const int columns, const bool is_sized, long d, const double *packed,
                          const double *from, const double *diagonals, double *to, vector largest)
{
    const long padded = lanes_padded(d);
    for (long row = 0; row < padded; row += TILE_ROWS)
        for (int column = 0; column < width; column += columns) {
            vector sums[TILE_ROWS][TILE_COLUMNS];
            multiply_tile(columns, true, d, packed + row * padded, from + column * LANES, width * LANES, sums);
#pragma GCC unroll 4
            for (int i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 4
                for (int j = 0; j < columns; j++) {
                    const vector value = diagonals ? vector_multiply(sums[i][j], AT(diagonals, row + i)) : sums[i][j];
                    if (is_sized)
                        largest = vector_larger(vector_magnitude(value), largest);
                    PUT(to, (row + i) * width + column + j, value);
                }
        }
    return largest;
}

INLINED void step_lanes(const bool is_sized, long d, long columns, const double *packed, const double *from,
                        const double *diagonals, double *to, double *largest)
{
    const long padded = lanes_padded(d);
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        vector most = vector_broadcast(0.0);
        const double *x = from + lane, *diagonal = diagonals ? diagonals + lane : NULL;
        double *y = to + lane;
        if (columns == 1)
            most = step_strip(1, 1, is_sized, d, packed, x, diagonal, y, most);
        else if (columns == 2)
            most = step_strip(2, 2, is_sized, d, packed, x, diagonal, y, most);
        else
            for (long strip = 0; strip < columns * padded * LANES; strip += LANES_STRIP * padded * LANES)
                most = step_strip(LANES_STRIP, TILE_COLUMNS, is_sized, d, packed, x + strip, diagonal, y + strip, most);
        if (is_sized)
            vector_store(largest + lane, most);
    }
}

/* The sizes of elements take as long as a quarter of the product at d = 8. */
static void step(long d, long columns, const double *packed, const double *from, const double *diagonals, double *to,
                 double *largest)
{
    if (largest)
        step_lanes(true, d, columns, packed, from, diagonals, to, largest);
    else
        step_lanes(false, d, columns, packed, from, diagonals, to, NULL);
}

/* The lower triangle of A^T A, row by row, of each lane. */
static void fill_gram(long d, const double *matrix, double *gram)
{
    const long padded = lanes_padded(d), strip = LANES_STRIP * padded * LANES;
    for (long row = 0; row < padded; row += TILE_ROWS)
        for (long column = 0; column < row + TILE_ROWS; column += TILE_COLUMNS) {
            vector sums[TILE_ROWS][TILE_COLUMNS];
            multiply_tile(TILE_COLUMNS, false, d, matrix + row / LANES_STRIP * strip,
                          matrix + column / LANES_STRIP * strip + column % LANES_STRIP * LANES, LANES_STRIP * LANES,
                          sums);
#pragma GCC unroll 4
            for (int i = 0; i < TILE_ROWS; i++)
#pragma GCC unroll 4
                for (int j = 0; j < TILE_COLUMNS; j++)
                    vector_store(gram + ((row + i) * padded + column + j) * LANES, sums[i][j]);
        }
}

static void gram(long d, const double *matrices, double *results)
{
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
        fill_gram(d, matrices + lane, results + lane);
}

#include "linalg/lanes_top.h"

static const struct lanes_loops LANES_LOOPS = { step, gram, top, reduced_top };

#undef INLINED
#undef AT
#undef PUT
