/* Where a factor loses rank: columns of F Q that depend on those before them, up to rounding, get no row of R.
 *
 * Their rows of T are the smaller ones: R is made in the order of T's rows, sorted, the large ones first, so that what
 * rounding leaves of a dependent column in the rows above it is small beside these. A column that is all rounding
 * itself has no rows above it, and must not be given one: times its row of T, which may be any size, it would outweigh
 * the rest. */
#include "base/memory.h"
#include "linalg/graded_internal.h"

#include <math.h>
#include <string.h>

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

/* What is left of a column from `row` on, beside the largest elements of these rows. */
static double remainder_of(const struct graded_product *product, long column, long row)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    double largest = 0;
    for (long i = row; i < d && space->order[i].size > 0; i++)
        largest = fmax(largest, fabs(space->factor[i + column * d]) / space->order[i].size);
    return largest;
}

/* Returns how many rows R got, and the largest remainder that was taken for rounding. A pivot that is small beside its
 * row is right to so many digits less, and so is what is left of the columns after it. */
static long decompose(const struct graded_product *product, double threshold, double *dropped)
{
    const long d = product->dimension;
    struct graded_workspace *space = product->workspace;
    double amplified = threshold;
    long rows = 0;
    *dropped = 0;
    for (long j = 0; j < d; j++) {
        double *values = space->factor + j * d;
        const double remainder = remainder_of(product, j, rows);
        if (product->exponents[j] == GRADED_ZERO_ROW) { /* meets nothing */
            memset(values, 0, (size_t)d * sizeof *values);
        } else if (rows < d && remainder > amplified) {
            eliminate(product, j, rows);
            amplified = fmax(amplified, threshold * space->order[rows].size / fabs(values[rows]));
            rows++;
        } else {
            memset(values + rows, 0, (size_t)(d - rows) * sizeof *values);
            *dropped = fmax(*dropped, remainder);
        }
    }
    return rows;
}

static void swap_columns(struct block *block, long a, long b)
{
    double *x = block_column(block, a), *y = block_column(block, b);
    for (long i = 0; i < block->stride; i++) {
        const double value = x[i];
        x[i] = y[i];
        y[i] = value;
    }
}

/* The rows of T, and the columns of F Q that meet them, by descending size; zeros last. */
static void sort_rows(struct graded_product *product, struct block *factor)
{
    for (long i = 0; i < product->dimension; i++) {
        long largest = i;
        for (long k = i + 1; k < product->dimension; k++)
            largest = product->exponents[k] > product->exponents[largest] ? k : largest;
        if (largest == i)
            continue;
        const int64_t exponent = product->exponents[i];
        product->exponents[i] = product->exponents[largest];
        product->exponents[largest] = exponent;
        swap_columns(&product->rows, i, largest);
        swap_columns(factor, i, largest);
    }
}

/* What is left of a column counts as rounding below a threshold beside the largest elements of F Q's rows: products of
 * F's rows with Q err by so much, and so do Householder's transformations of sorted rows. This finds a threshold at
 * which R has as many rows as the rank says: near what rounding is expected to be, which decides where several would
 * do. */
static bool find_threshold(struct graded_product *product, const struct block *factor, long rank)
{
    const double expected = 8 * (double)product->dimension * 0x1p-53, least = 0x1p-56, most = 1e-3;
    bool has_risen = false, has_fallen = false;
    for (double threshold = expected; threshold > least && threshold < most; threshold *= has_risen ? 2 : 0.5) {
        load(product, factor);
        double dropped;
        long rows = decompose(product, threshold, &dropped);
        if (rows == rank) {
            product->error += dropped;
            return true;
        }
        has_risen = has_risen || rows > rank;
        has_fallen = has_fallen || rows < rank;
        if (has_risen && has_fallen)
            return false;
    }
    return false;
}

enum status graded_decompose_echelon(struct graded_product *product, struct block *factor, long rank)
{
    struct graded_workspace *space = product->workspace;
    if (space->echelon == NULL)
        TRY(memory_allocate(&space->echelon, product->dimension * product->dimension, "a factor that loses rank"));
    sort_rows(product, factor);
    if (find_threshold(product, factor, rank))
        return STATUS_OK;
    return status_fail(STATUS_NUMERICAL,
                       "a product of dimension %ld has rank %ld, which cannot be told apart from rounding",
                       product->dimension, rank);
}
