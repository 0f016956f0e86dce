#include "linalg/lanes.h"

#include "linalg/instruction_set.h"
#include "linalg/lanes_internal.h"
#include "linalg/transpose.h"
#include "linalg/tridiagonal.h"
#include "linalg/vectorised.h"

#include <math.h>
#include <string.h>

static const struct lanes_loops *current_loops(void)
{
    switch (instruction_set()) {
    case INSTRUCTIONS_AVX512:
        return lanes_loops_avx512;
    case INSTRUCTIONS_AVX2:
        return lanes_loops_avx2;
    case INSTRUCTIONS_NEON: /* which the compiler assumes by itself */
    case INSTRUCTIONS_PLAIN:
        break;
    }
    return lanes_loops_plain;
}

/* Row i of A^T is column i of A; four rows beside each other, as a tile reads them. */
void lanes_pack_transposed(long d, const double *values, double *packed)
{
    const long padded = lanes_padded(d);
    memset(packed, 0, (size_t)(padded * padded) * sizeof *packed);
    for (long i = 0; i < d; i++)
        for (long k = 0; k < d; k++)
            packed[(i / LANES_STRIP * padded + k) * LANES_STRIP + i % LANES_STRIP] = values[k + i * d];
}

VECTORISED void lanes_set_rows(long d, const double *const *columns, double *rows)
{
    for (long row = 0; row < d; row += 4)
        for (int lane = 0; lane < LANES; lane += 4)
            transpose_square(columns + lane, row, rows + row * LANES + lane, LANES);
}

void lanes_step(long d, long columns, const double *packed, const double *from, const double *diagonals, double *to,
                double *largest)
{
    current_loops()->step(d, columns, packed, from, diagonals, to, largest);
}

static inline __attribute__((always_inline)) void collect(long d, const long parts, const double *from, double *to)
{
    const long padded = lanes_padded(d), columns = padded / parts;
    const long step = (columns < LANES_STRIP ? columns : LANES_STRIP) * LANES;
    for (long column = 0; column < padded; column++) {
        const double *source = from + lanes_place(d, columns, 0, column % columns) + column / columns;
        double *target = to + lanes_place(d, padded, 0, column);
        for (long row = 0; row < padded; row++)
            for (long matrix = 0; matrix < LANES / parts; matrix++)
                target[row * LANES_STRIP * LANES + matrix] = source[row * step + matrix * parts];
    }
}

VECTORISED void lanes_collect(long d, long parts, const double *from, int lane, double *to)
{
    switch (parts) { /* known to the compiler, whole groups of lanes move at once */
    case 2:
        collect(d, 2, from, to + lane);
        break;
    case 4:
        collect(d, 4, from, to + lane);
        break;
    case 8:
        collect(d, 8, from, to + lane);
        break;
    default:
        collect(d, parts, from, to + lane);
        break;
    }
}

void lanes_gram(long d, const double *matrices, double *grams)
{
    current_loops()->gram(d, matrices, grams);
}

/* Lanczos' vectors and numbers: more than the tridiagonals and two vectors of a reflection. */
long lanes_work_size(long d)
{
    return ((LANES_MOST_VECTORS + 2) * lanes_padded(d) + LANES_KRYLOV_ROWS * LANES_MOST_VECTORS) * LANES;
}

void lanes_top(long d, const double *grams, double *work, struct lanes_top *top)
{
    current_loops()->top(d, grams, work, top);
}

/* Where Laguerre's iteration is without proof: by halving. */
static double top_by_counts(long d, const double *diagonals, const double *squares)
{
    double diagonal[LANES_LARGEST_DIMENSION], off_diagonal[LANES_LARGEST_DIMENSION], top = NAN;
    double vector[LANES_LARGEST_DIMENSION], work[2 * LANES_LARGEST_DIMENSION];
    for (long i = 0; i < d; i++) {
        diagonal[i] = diagonals[i * LANES];
        off_diagonal[i] = i < d - 1 ? sqrt(squares[i * LANES]) : 0;
    }
    tridiagonal_top(d, diagonal, off_diagonal, &top, vector, work);
    return top;
}

void lanes_reduced_top(long d, double *grams, double *work, struct lanes_top *top)
{
    current_loops()->reduced_top(d, grams, work, top);
    for (int lane = 0; lane < LANES; lane++)
        if (isfinite(top->frobenius[lane]) && !lanes_top_is_proven(top, lane))
            top->square[lane] = top_by_counts(d, work + lane, work + lanes_padded(d) * LANES + lane);
}

void lanes_copy_gram(long d, const double *from, int from_lane, double *to, int to_lane)
{
    const long padded = lanes_padded(d);
    for (long row = 0; row < d; row++)
        for (long column = 0; column <= row; column++) {
            const long place = (row * padded + column) * LANES;
            to[place + to_lane] = from[place + from_lane];
        }
}
