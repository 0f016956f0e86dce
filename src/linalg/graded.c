#include "linalg/graded.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "linalg/graded_internal.h"
#include "linalg/lapack.h"
#include "linalg/spectrum.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void workspace_destroy(struct graded_workspace *workspace)
{
    if (workspace == NULL)
        return;
    memory_free(workspace->factor);
    memory_free(workspace->coefficients);
    memory_free(workspace->order);
    memory_free(workspace->columns);
    memory_free(workspace->reflections);
    memory_free(workspace->work);
    memory_free(workspace->echelon);
    memory_free(workspace);
}
SCOPED_HANDLE(graded_workspace, workspace_destroy)

void graded_destroy(struct graded_product *product)
{
    block_destroy(&product->rows);
    memory_free(product->exponents);
    workspace_destroy(product->workspace);
    *product = (struct graded_product){ 0 };
}

static enum status find_work_length(long dimension, int *length)
{
    const int n = (int)dimension, query = -1;
    double a = 0, tau = 0, optima[3] = { 0 };
    int column = 0, info = 0;
    dgeqp3_(&n, &n, &a, &n, &column, &tau, &optima[0], &query, &info);
    TRY(lapack_check(info, "dgeqp3", dimension));
    dgeqrf_(&n, &n, &a, &n, &tau, &optima[1], &query, &info);
    TRY(lapack_check(info, "dgeqrf", dimension));
    dorgqr_(&n, &n, &n, &a, &n, &tau, &optima[2], &query, &info);
    *length = (int)fmax(fmax(optima[0], optima[1]), optima[2]);
    return lapack_check(info, "dorgqr", dimension);
}

static enum status workspace_create(long dimension, struct graded_workspace **made)
{
    SCOPED(graded_workspace) *workspace = NULL;
    TRY(memory_allocate(&workspace, 1, "workspace of a graded product"));
    TRY(find_work_length(dimension, &workspace->work_length));
    TRY(memory_allocate(&workspace->factor, dimension * dimension, "a factor of a graded product"));
    TRY(memory_allocate(&workspace->coefficients, dimension * dimension, "a graded triangle"));
    TRY(memory_allocate(&workspace->order, dimension, "rows of a graded product"));
    TRY(memory_allocate(&workspace->columns, dimension, "columns of a graded product"));
    TRY(memory_allocate(&workspace->reflections, dimension, "reflections of a graded product"));
    TRY(memory_allocate(&workspace->work, workspace->work_length, "workspace of a graded product"));
    *made = scope_keep(&workspace);
    return STATUS_OK;
}

enum status graded_create(long dimension, struct graded_product *product)
{
    SCOPED(graded_product) made = { .dimension = dimension, .rank = dimension };
    if (dimension < 1 || dimension > INT_MAX / 256)
        return status_fail(STATUS_NUMERICAL, "a graded product of dimension %ld is outside 1..%d", dimension,
                           INT_MAX / 256);
    TRY(block_create(dimension, dimension, &made.rows));
    TRY(memory_allocate(&made.exponents, dimension, "exponents of a graded product"));
    TRY(workspace_create(dimension, &made.workspace));
    for (long i = 0; i < dimension; i++)
        block_column(&made.rows, i)[i] = 1.0;
    *product = scope_keep(&made);
    return STATUS_OK;
}

/* Descending; equal rows stay in their order. */
static int compare_rows(const void *left, const void *right)
{
    const struct sized_row *a = left, *b = right;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->row < b->row ? -1 : 1;
}

/* By the largest element of each row, which cannot underflow as a sum of squares does. False where not finite. */
static bool order_rows(const struct block *factor, struct sized_row *order)
{
    double check = 0;
    for (long i = 0; i < factor->rows; i++)
        order[i] = (struct sized_row){ 0, i };
    for (long j = 0; j < factor->columns; j++)
        for (long i = 0; i < factor->rows; i++) {
            double magnitude = fabs(block_column(factor, j)[i]);
            check += magnitude * 0.0; /* NaN for what is not finite */
            order[i].size = magnitude > order[i].size ? magnitude : order[i].size;
        }
    qsort(order, (size_t)factor->rows, sizeof *order, compare_rows);
    return check == 0;
}

/* factor := QR of the rows in order. The first may interchange its columns as well: an orthogonal factor at the far end
 * of the product changes no singular value, and the triangle begins in the order in which it will be graded. */
static enum status decompose(const struct graded_product *product, const struct block *factor)
{
    struct graded_workspace *space = product->workspace;
    const int n = (int)product->dimension;
    int info = 0;
    for (long j = 0; j < n; j++)
        for (long i = 0; i < n; i++)
            space->factor[i + j * n] = block_column(factor, j)[space->order[i].row];
    if (product->factors == 1) {
        for (long j = 0; j < n; j++)
            space->columns[j] = 0;
        dgeqp3_(&n, &n, space->factor, &n, space->columns, space->reflections, space->work, &space->work_length, &info);
        return lapack_check(info, "dgeqp3", n);
    }
    dgeqrf_(&n, &n, space->factor, &n, space->reflections, space->work, &space->work_length, &info);
    return lapack_check(info, "dgeqrf", n);
}

/* coefficients row i := R row i diag(2^exponents) / 2^(returned exponent), its largest element within 1/2 .. 1. */
static int64_t scale_coefficients(const struct graded_product *product, long i)
{
    const long d = product->dimension;
    const double *triangle = product->workspace->factor;
    double *coefficients = product->workspace->coefficients;
    int64_t largest = GRADED_ZERO_ROW;
    for (long j = i; j < d; j++)
        if (triangle[i + j * d] != 0 && product->exponents[j] != GRADED_ZERO_ROW) {
            int64_t exponent = ilogb(triangle[i + j * d]) + 1 + product->exponents[j];
            largest = exponent > largest ? exponent : largest;
        }
    for (long j = i; j < d; j++) {
        bool is_zero = largest == GRADED_ZERO_ROW || product->exponents[j] == GRADED_ZERO_ROW;
        int64_t shift = is_zero ? 0 : product->exponents[j] - largest;
        coefficients[i + j * d] = is_zero || shift < INT_MIN ? 0 : scalbn(triangle[i + j * d], (int)shift);
    }
    return largest;
}

/* Brings the largest element of each row to 1 .. 2. */
static void normalise_rows(struct graded_product *product)
{
    for (long i = 0; i < product->dimension; i++) {
        double *row = block_column(&product->rows, i), largest = 0;
        for (long j = 0; j < product->dimension; j++)
            largest = fmax(largest, fabs(row[j]));
        if (largest == 0) {
            product->exponents[i] = GRADED_ZERO_ROW;
            continue;
        }
        int drift = ilogb(largest);
        for (long j = 0; j < product->dimension; j++)
            row[j] = scalbn(row[j], -drift);
        product->exponents[i] += drift;
    }
}

/* diag(2^exponents) T := R diag(2^exponents) T. Row i reads no exponent above its own, so that they can be replaced one
 * by one. */
static void multiply_triangles(struct graded_product *product)
{
    const int n = (int)product->dimension, stride = (int)product->rows.stride;
    const double one = 1;
    for (long i = 0; i < n; i++)
        product->exponents[i] = scale_coefficients(product, i);
    dtrmm_("R", "U", "T", "N", &n, &n, &one, product->workspace->coefficients, &n, product->rows.values, &stride, 1, 1,
           1, 1);
    normalise_rows(product);
}

/* Whether no row and no column of a factor has two elements that are not 0, as for shifts and other permutations with
 * weights. Rows [d]: that of each column's element, -1 for a column of zeros. */
static bool is_monomial(const struct block *factor, int *rows)
{
    for (long j = 0; j < factor->columns; j++) {
        rows[j] = -1;
        for (long i = 0; i < factor->rows; i++) {
            if (block_column(factor, j)[i] == 0)
                continue;
            if (rows[j] >= 0)
                return false;
            rows[j] = (int)i;
        }
        for (long earlier = 0; earlier < j; earlier++)
            if (rows[j] >= 0 && rows[earlier] == rows[j])
                return false;
    }
    return true;
}

/* Such a factor is its own decomposition, a permutation times a diagonal, without any rounding. Householder's
 * transformations would leave 1e-16 where the truth is 0, and so make singular values of products that are exactly 0.
 */
static void absorb_monomial(struct graded_product *product, struct block *factor, const int *rows,
                            const int64_t *row_exponents)
{
    const long d = product->dimension;
    double *triangle = product->workspace->factor;
    long unused = 0;
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            triangle[i + j * d] = i == j && rows[j] >= 0 ? block_column(factor, j)[rows[j]] : 0;
    multiply_triangles(product);
    for (long j = 0; row_exponents && j < d; j++)
        if (product->exponents[j] != GRADED_ZERO_ROW)
            product->exponents[j] += row_exponents[rows[j]];
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            block_column(factor, j)[i] = i == rows[j];
    /* A column of zeros takes any unit vector that is left, so that Q is orthogonal. */
    for (long j = 0; j < d; j++) {
        if (rows[j] >= 0)
            continue;
        for (bool taken = true; taken; unused++) {
            taken = false;
            for (long k = 0; k < d; k++)
                taken = taken || block_column(factor, k)[unused] != 0;
            if (!taken)
                block_column(factor, j)[unused] = 1;
        }
    }
}

/* Rows from `rank` on := 0: what is left there is rounding. */
static void empty_last_rows(struct graded_product *product, long rank)
{
    for (long i = rank; i < product->dimension; i++) {
        product->exponents[i] = GRADED_ZERO_ROW;
        memset(block_column(&product->rows, i), 0, (size_t)product->rows.stride * sizeof(double));
    }
}

static void count_rank(struct graded_product *product)
{
    product->rank = 0;
    for (long i = 0; i < product->dimension; i++)
        product->rank += product->exponents[i] != GRADED_ZERO_ROW;
}

/* Whether rows of T stand so far out of their order, the large ones first, that a row of R times T would be led by a
 * later one. */
static bool is_out_of_order(const struct graded_product *product)
{
    const int64_t tolerated = 4; /* powers of two */
    int64_t least = INT64_MAX;
    for (long i = 0; i < product->dimension; i++) {
        const int64_t exponent = product->exponents[i];
        if (exponent == GRADED_ZERO_ROW)
            continue;
        if (least != INT64_MAX && exponent > least + tolerated)
            return true;
        least = exponent < least ? exponent : least;
    }
    return false;
}

/* Whether a factor other than the first, of a product that lacks rank, loses more of it than its rows of zeros say, has
 * a row for a column that meets nothing, or meets rows in another order than that of their size. */
static bool needs_echelon(const struct graded_product *product, long rank)
{
    long rows = 0, leading = 0;
    while (rows < product->dimension && product->workspace->order[rows].size > 0)
        rows++;
    while (leading < product->dimension && product->exponents[leading] != GRADED_ZERO_ROW)
        leading++;
    const long possible = rows < product->rank ? rows : product->rank;
    return product->factors > 1 && rank < product->dimension &&
           (rank < possible || leading < product->rank || is_out_of_order(product));
}

/* Of products that lack rank, where interchanges of columns may find a larger one. */
static const double SMALL_PIVOT = 1e-4;

/* Whether rounding is all that is known of a row of R: what is left on its diagonal is below u times the largest
 * element of that row of F Q, by which products of F's row with Q err. The first factor is exact, so that only its
 * decomposition errs: by u times the column, too. */
static bool has_lost_row(const struct graded_product *product, long rank)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    const double unit = rank < d && product->factors > 1 ? SMALL_PIVOT : (double)d * 0x1p-53;
    for (long k = 0; k < rank; k++) {
        double size = space->order[k].size, column = 0;
        for (long i = 0; i <= k; i++)
            column = fmax(column, fabs(space->factor[i + k * d]));
        if (product->factors == 1)
            size = fmin(size, column);
        if (fabs(space->factor[k + k * d]) <= unit * size)
            return true;
    }
    return false;
}

double graded_least_pivot(const struct graded_product *product, long rank)
{
    const long d = product->dimension;
    const struct graded_workspace *space = product->workspace;
    double least = 1;
    for (long i = 0; i < rank; i++) {
        long j = i; /* where the row begins */
        while (j < d - 1 && space->factor[i + j * d] == 0)
            j++;
        least = fmin(least, fabs(space->factor[i + j * d]) / space->order[i].size);
    }
    return least;
}

static enum status form_orthogonal(const struct graded_product *product)
{
    struct graded_workspace *space = product->workspace;
    const int n = (int)product->dimension;
    int info = 0;
    dorgqr_(&n, &n, &n, space->factor, &n, space->reflections, space->work, &space->work_length, &info);
    return lapack_check(info, "dorgqr", n);
}

enum status graded_absorb(struct graded_product *product, struct block *factor, long rank, bool *is_finite)
{
    struct graded_workspace *space = product->workspace;
    const long n = product->dimension;
    *is_finite = order_rows(factor, space->order);
    if (!*is_finite)
        return STATUS_OK;
    product->factors++;
    if (is_monomial(factor, space->columns)) {
        absorb_monomial(product, factor, space->columns, NULL);
        count_rank(product);
        return STATUS_OK;
    }
    bool is_in_echelon = needs_echelon(product, rank);
    if (!is_in_echelon) {
        TRY(decompose(product, factor));
        /* Rows whose leading columns depend on each other may still have later ones. */
        is_in_echelon = has_lost_row(product, rank);
    }
    if (is_in_echelon && product->factors == 1 && rank == n)
        return status_fail(STATUS_NUMERICAL,
                           "a matrix of dimension %ld has rank %ld, which cannot be told apart from rounding", n, rank);
    if (is_in_echelon)
        TRY(graded_decompose_echelon(product, factor, rank));
    product->error += sqrt((double)n) * 0x1p-53 / graded_least_pivot(product, rank);
    multiply_triangles(product);
    if (is_in_echelon)
        memcpy(space->factor, space->echelon, (size_t)(n * n) * sizeof *space->factor);
    else
        TRY(form_orthogonal(product));
    empty_last_rows(product, rank);
    count_rank(product);
    for (long j = 0; j < n; j++)
        for (long i = 0; i < n; i++)
            block_column(factor, j)[space->order[i].row] = space->factor[i + j * n];
    return STATUS_OK;
}

/* The rows' own powers of two go into a factor, beside *common for all. False where they do not fit. */
static bool scale_rows(const struct graded_product *product, struct block *factor, const int64_t *row_exponents,
                       int64_t *common)
{
    const int64_t reach = 900; /* below 2^-900 rows would begin to lose digits */
    const struct sized_row *order = product->workspace->order;
    int64_t largest = INT64_MIN, smallest = INT64_MAX;
    for (long k = 0; k < product->dimension && order[k].size > 0; k++) {
        const int64_t power = row_exponents[order[k].row] + ilogb(order[k].size);
        largest = power > largest ? power : largest;
        smallest = power < smallest ? power : smallest;
    }
    *common = largest == INT64_MIN ? 0 : largest;
    if (largest != INT64_MIN && largest - smallest > reach)
        return false;
    for (long j = 0; j < product->dimension; j++)
        for (long i = 0; i < product->dimension; i++)
            block_column(factor, j)[i] = power_of_two_scale(block_column(factor, j)[i], row_exponents[i] - *common);
    return true;
}

enum status graded_absorb_wide(struct graded_product *product, struct block *factor, const int64_t *row_exponents,
                               long rank, bool *is_finite, bool *is_in_range)
{
    struct graded_workspace *space = product->workspace;
    int64_t common;
    *is_in_range = true;
    *is_finite = order_rows(factor, space->order);
    if (!*is_finite)
        return STATUS_OK;
    if (is_monomial(factor, space->columns)) {
        product->factors++;
        absorb_monomial(product, factor, space->columns, row_exponents);
        count_rank(product);
        return STATUS_OK;
    }
    *is_in_range = scale_rows(product, factor, row_exponents, &common);
    if (!*is_in_range)
        return STATUS_OK;
    TRY(graded_absorb(product, factor, rank, is_finite));
    for (long i = 0; i < product->dimension; i++)
        if (product->exponents[i] != GRADED_ZERO_ROW)
            product->exponents[i] += common;
    return STATUS_OK;
}
