/* Where a factor loses rank: columns of F Q that depend on those before them, up to rounding, get no row of R.
 *
 * Columns are taken in the order of what is left of them times their row of T, the largest first (as Householder's
 * transformations of graded rows want it): what rounding leaves of a dependent column in the rows above it is then
 * small beside these. A column that is all rounding itself must not be given a row: times its row of T, which may be
 * any size, it would outweigh the rest. */
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
    for (long j = 0; j < d; j++) {
        space->columns[j] = (int)j;
        for (long i = 0; i < d; i++) {
            space->factor[i + j * d] = block_column(factor, j)[space->order[i].row];
            space->echelon[i + j * d] = i == j;
        }
    }
}

/* What is left of a column from `row` on: its size, and that beside the largest elements of these rows. */
static void measure_remainder(const struct graded_product *product, long column, long row, double *size,
                              double *relative)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    *size = *relative = 0;
    for (long i = row; i < d && space->order[i].size > 0; i++) {
        const double magnitude = fabs(space->factor[i + column * d]);
        *size = fmax(*size, magnitude);
        *relative = fmax(*relative, magnitude / space->order[i].size);
    }
}

static bool is_met(const struct graded_product *product, long column)
{
    return product->exponents[product->workspace->columns[column]] != GRADED_ZERO_ROW;
}

/* The column from `row` on of which, times its row of T, most is left, among those of which more than rounding is; -1
 * where there is none. */
static long find_pivot(const struct graded_product *product, long row, double rounding)
{
    double largest = -INFINITY;
    long pivot = -1;
    for (long j = row; j < product->dimension; j++) {
        double size, relative;
        measure_remainder(product, j, row, &size, &relative);
        if (!is_met(product, j) || !(relative > rounding))
            continue;
        const double weight = log2(size) + (double)product->exponents[product->workspace->columns[j]];
        if (weight > largest) {
            largest = weight;
            pivot = j;
        }
    }
    return pivot;
}

static void swap_columns(const struct graded_product *product, long a, long b)
{
    const long d = product->dimension;
    struct graded_workspace *space = product->workspace;
    const int number = space->columns[a];
    space->columns[a] = space->columns[b];
    space->columns[b] = number;
    for (long i = 0; a != b && i < d; i++) {
        const double value = space->factor[i + a * d];
        space->factor[i + a * d] = space->factor[i + b * d];
        space->factor[i + b * d] = value;
    }
}

/* Empties the columns that got no row from `row` on, and returns the largest remainder of them. What they have in the
 * rows above is emptied where it is rounding, too: their rows of T may be far larger than those of the pivots. */
static double drop_remainders(const struct graded_product *product, long row, double threshold)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    double dropped = 0;
    for (long j = row; j < d; j++) {
        double *values = space->factor + j * d, size, relative;
        measure_remainder(product, j, row, &size, &relative);
        if (is_met(product, j))
            dropped = fmax(dropped, relative);
        for (long i = 0; i < row; i++)
            if (!is_met(product, j) || fabs(values[i]) <= threshold * space->order[i].size)
                values[i] = 0;
        memset(values + row, 0, (size_t)(d - row) * sizeof *values);
    }
    return dropped;
}

/* Returns how many rows R got, and the largest remainder that was taken for rounding. A pivot that is small beside its
 * row is right to so many digits less, and so is what is left of the columns after it. */
static long decompose(const struct graded_product *product, double threshold, double *dropped)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    double rounding = threshold;
    long rows = 0, pivot;
    while (rows < d && (pivot = find_pivot(product, rows, rounding)) >= 0) {
        swap_columns(product, rows, pivot);
        eliminate(product, rows, rows);
        rounding = fmax(rounding, threshold * space->order[rows].size / fabs(space->factor[rows + rows * d]));
        rows++;
    }
    *dropped = drop_remainders(product, rows, threshold);
    return rows;
}

/* The rows of T follow the columns. */
static enum status permute_rows(struct graded_product *product)
{
    const long d = product->dimension;
    SCOPED(block) rows = { 0 };
    SCOPED_MEMORY int64_t *exponents = NULL;
    TRY(block_create(d, d, &rows));
    TRY(memory_allocate(&exponents, d, "exponents of rows"));
    for (long i = 0; i < d; i++) {
        const long from = product->workspace->columns[i];
        memcpy(block_column(&rows, i), block_column(&product->rows, from), (size_t)rows.stride * sizeof(double));
        exponents[i] = product->exponents[from];
    }
    block_copy(&rows, &product->rows);
    memcpy(product->exponents, exponents, (size_t)d * sizeof *exponents);
    return STATUS_OK;
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
        double dropped;
        load(product, factor);
        const long rows = decompose(product, threshold, &dropped);
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

enum status graded_decompose_echelon(struct graded_product *product, const struct block *factor, long rank)
{
    struct graded_workspace *space = product->workspace;
    if (space->echelon == NULL)
        TRY(memory_allocate(&space->echelon, product->dimension * product->dimension, "a factor that loses rank"));
    if (find_threshold(product, factor, rank))
        return permute_rows(product);
    return status_fail(STATUS_NUMERICAL,
                       "a product of dimension %ld has rank %ld, which cannot be told apart from rounding",
                       product->dimension, rank);
}
