/* Where a factor loses rank: columns of F Q that depend on those before them, up to rounding, get no row of R.
 *
 * Their rows of T are the smaller ones: R is made in the order of T's rows, the large ones first, so that what rounding
 * leaves of a dependent column in the rows above it is small beside these. A column that is all rounding itself has no
 * rows above it, and must not be given one: times its row of T, which may be any size, it would outweigh the rest. */
#include "base/memory.h"
#include "linalg/graded_internal.h"

#include <math.h>
#include <string.h>

/* What is left of a column below `row` counts as rounding where each element is below `threshold` times the largest of
 * its row of F Q: products of F's row with Q err by so much, and so do Householder's transformations of sorted rows. */
static bool is_rounding(const struct graded_product *product, long column, long row, double threshold)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    for (long i = row; i < d; i++)
        if (fabs(space->factor[i + column * d]) > threshold * space->order[i].size)
            return false;
    return true;
}

/* values[d] := values - scale v (v^T values) from `row` on */
static void reflect(long d, long row, const double *v, double scale, double *values)
{
    double overlap = 0;
    for (long i = row; i < d; i++)
        overlap += v[i] * values[i];
    for (long i = row; i < d; i++)
        values[i] -= scale * overlap * v[i];
}

/* Householder's transformation that empties a column below `row`, applied to the columns from it on and, from the
 * right, to Q. */
static void eliminate(const struct graded_product *product, long column, long row)
{
    const long d = product->dimension;
    struct graded_workspace *space = product->workspace;
    double *values = space->factor + column * d, *v = space->reflections, largest = 0, norm = 0;
    for (long i = row; i < d; i++)
        largest = fmax(largest, fabs(values[i]));
    for (long i = row; i < d; i++) {
        v[i] = values[i] / largest;
        norm += v[i] * v[i];
    }
    norm = sqrt(norm);
    const double head = -copysign(norm, v[row]);
    v[row] -= head;
    const double scale = -1 / (head * v[row]);
    for (long j = column + 1; j < d; j++)
        reflect(d, row, v, scale, space->factor + j * d);
    values[row] = head * largest;
    memset(values + row + 1, 0, (size_t)(d - row - 1) * sizeof *values);
    for (long i = 0; i < d; i++) { /* Q := Q H */
        double overlap = 0;
        for (long k = row; k < d; k++)
            overlap += space->echelon[i + k * d] * v[k];
        for (long k = row; k < d; k++)
            space->echelon[i + k * d] -= scale * overlap * v[k];
    }
}

static void load(const struct graded_product *product, const struct block *factor)
{
    const long d = product->dimension;
    struct graded_workspace *space = product->workspace;
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++) {
            space->factor[i + j * d] = block_column(factor, j)[space->order[i].row];
            space->echelon[i + j * d] = i == j;
        }
}

/* Returns how many rows R got. */
static long decompose(const struct graded_product *product, double threshold)
{
    const long d = product->dimension;
    struct graded_workspace *space = product->workspace;
    long rows = 0;
    for (long j = 0; j < d; j++) {
        double *values = space->factor + j * d;
        if (product->exponents[j] == GRADED_ZERO_ROW) /* meets nothing */
            memset(values, 0, (size_t)d * sizeof *values);
        else if (rows < d && !is_rounding(product, j, rows, threshold))
            eliminate(product, j, rows++);
        else
            memset(values + rows, 0, (size_t)(d - rows) * sizeof *values);
    }
    return rows;
}

enum status graded_decompose_echelon(const struct graded_product *product, const struct block *factor, long rank)
{
    const double d = (double)product->dimension, first = 8 * d * 0x1p-53, last = 1e-3;
    struct graded_workspace *space = product->workspace;
    if (space->echelon == NULL)
        TRY(memory_allocate(&space->echelon, product->dimension * product->dimension, "a factor that loses rank"));
    for (double threshold = first; threshold < last; threshold *= 8) {
        load(product, factor);
        long rows = decompose(product, threshold);
        if (rows == rank)
            return STATUS_OK;
        if (rows < rank)
            break;
    }
    return status_fail(STATUS_NUMERICAL,
                       "a product of dimension %ld has rank %ld, which cannot be told apart from rounding",
                       product->dimension, rank);
}
