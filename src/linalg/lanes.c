#include "linalg/lanes.h"

#include "linalg/instruction_set.h"
#include "linalg/lanes_internal.h"
#include "linalg/transpose.h"
#include "linalg/vectorised.h"

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

/* The Gram matrix, the tridiagonal, and two vectors of a reflection. */
long lanes_work_size(long d)
{
    const long padded = lanes_padded(d);
    return (padded * padded + 4 * padded) * LANES;
}

void lanes_top(long d, const double *matrices, double *work, struct lanes_top *top)
{
    current_loops()->top(d, matrices, work, top);
}
