#include "linalg/reflections.h"

#include "base/memory.h"
#include "linalg/householder.h"
#include "linalg/panels.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <string.h>

enum {
    NARROW = 24, /* reflections of a block: a panel of the kernel, or two where there are many columns */
    WIDE = 48,
    WIDE_FROM = 384,
    COLUMNS_AT_ONCE = 32 /* that a block of reflections is applied to: they stay in the cache meanwhile */
};

/* Q_b = I - V U^T and its transpose I - U V^T, U = V T^T, of the rows from `first` on. */
struct reflection_block {
    long first, count;
    struct panels v_transposed, u;
    struct panels u_transposed, v; /* for vectors of Q */
};

struct reflections {
    long rows, columns, width, count;
    bool with_vectors;
    struct reflection_block *blocks;
    double *panel, *triangle;
    struct reflectors reflectors; /* of a panel */
    double *scratch;              /* packed columns */
    struct panels panel_rows;     /* V, while U is made */
    double *product;              /* [rows, COLUMNS_AT_ONCE] */
    double *coefficients;         /* [width, COLUMNS_AT_ONCE] */
};

/* By shape alone, as bits depend on it. */
static long width_of(long columns)
{
    const long width = columns >= WIDE_FROM ? WIDE : NARROW;
    return columns < width ? block_stride(columns) : width;
}

/* ---- room ---- */

static void block_of_reflections_free(struct reflection_block *block)
{
    panels_destroy(&block->v_transposed);
    panels_destroy(&block->u);
    panels_destroy(&block->u_transposed);
    panels_destroy(&block->v);
}

void reflections_destroy(struct reflections *reflections)
{
    if (reflections == NULL)
        return;
    for (long b = 0; reflections->blocks && b < reflections->count; b++)
        block_of_reflections_free(&reflections->blocks[b]);
    memory_free(reflections->blocks);
    memory_free(reflections->panel);
    memory_free(reflections->triangle);
    memory_free(reflections->reflectors.values);
    memory_free(reflections->scratch);
    panels_destroy(&reflections->panel_rows);
    memory_free(reflections->product);
    memory_free(reflections->coefficients);
    memory_free(reflections);
}

static enum status create_block(const struct reflections *reflections, long first, struct reflection_block *block)
{
    const long left = reflections->columns - first, rows = reflections->rows - first;
    block->first = first;
    block->count = left < reflections->width ? left : reflections->width;
    TRY(panels_create(block->count, rows, 1, &block->v_transposed));
    TRY(panels_create(rows, block->count, 1, &block->u));
    if (!reflections->with_vectors)
        return STATUS_OK;
    TRY(panels_create(block->count, rows, 1, &block->u_transposed));
    return panels_create(rows, block->count, 1, &block->v);
}

enum status reflections_create(long rows, long columns, bool with_vectors, struct reflections **made)
{
    SCOPED(reflections) *reflections = NULL;
    assert(columns <= rows);
    *made = NULL;
    TRY(memory_allocate(&reflections, 1, "reflections"));
    const long width = width_of(columns), stride = block_stride(width);
    *reflections = (struct reflections){ .rows = rows,
                                         .columns = columns,
                                         .width = width,
                                         .count = (columns + width - 1) / width,
                                         .with_vectors = with_vectors };
    TRY(memory_allocate(&reflections->blocks, reflections->count, "reflections"));
    for (long b = 0; b < reflections->count; b++)
        TRY(create_block(reflections, b * width, &reflections->blocks[b]));
    TRY(memory_allocate(&reflections->panel, rows * stride, "a panel"));
    TRY(memory_allocate(&reflections->triangle, stride * stride, "a panel"));
    reflections->reflectors.stride = householder_stride(rows);
    TRY(memory_allocate(&reflections->reflectors.values, householder_stride(rows) * width, "a panel"));
    TRY(memory_allocate(&reflections->scratch, panels_scratch_size(rows), "packed columns"));
    TRY(panels_create(rows, width, 1, &reflections->panel_rows));
    TRY(memory_allocate(&reflections->product, block_stride(rows) * COLUMNS_AT_ONCE, "a product"));
    TRY(memory_allocate(&reflections->coefficients, stride * COLUMNS_AT_ONCE, "a product"));
    *made = scope_keep(&reflections);
    return STATUS_OK;
}

double reflections_bytes(long rows, long columns, bool with_vectors)
{
    const double width = (double)width_of(columns), m = (double)rows, n = (double)columns;
    const double packed = (2.0 * m * n - n * n) * (with_vectors ? 2.0 : 1.0);
    return 8.0 * (packed + 2.0 * m * width + (double)panels_scratch_size(rows) + m * COLUMNS_AT_ONCE);
}

/* ---- application ---- */

VECTORISED static void subtract(long rows, const double *from, double *to)
{
    for (long i = 0; i < rows; i++)
        to[i] -= from[i];
}

/* Columns of x from `first_column` on, their rows from `first` on, -= left (right x). */
static void subtract_product(struct reflections *reflections, long first, const struct panels *right,
                             const struct panels *left, struct block *x, long first_column)
{
    const long rows = reflections->rows - first, product_stride = block_stride(rows);
    for (long column = first_column; column < x->columns; column += COLUMNS_AT_ONCE) {
        const long columns = x->columns - column < COLUMNS_AT_ONCE ? x->columns - column : COLUMNS_AT_ONCE;
        const struct block part = { rows, columns, x->stride, block_column(x, column) + first };
        const struct block coefficients = { left->depth, columns, block_stride(left->depth),
                                            reflections->coefficients };
        panels_multiply(right, &part, reflections->scratch, coefficients.values, coefficients.stride);
        panels_multiply(left, &coefficients, reflections->scratch, reflections->product, product_stride);
        for (long j = 0; j < columns; j++)
            subtract(rows, reflections->product + j * product_stride, part.values + j * part.stride);
    }
}

static void apply_transposed(struct reflections *reflections, const struct reflection_block *block, struct block *x,
                             long first_column)
{
    subtract_product(reflections, block->first, &block->v_transposed, &block->u, x, first_column);
}

void reflections_apply_transposed(struct reflections *reflections, struct block *x)
{
    for (long b = 0; b < reflections->count; b++)
        apply_transposed(reflections, &reflections->blocks[b], x, 0);
}

/* The last blocks come first, and leave columns alone whose rows are still zero. */
void reflections_vectors(struct reflections *reflections, struct block *vectors)
{
    assert(reflections->with_vectors);
    memset(vectors->values, 0, (size_t)(vectors->stride * vectors->columns) * sizeof *vectors->values);
    for (long j = 0; j < vectors->columns; j++)
        block_column(vectors, j)[j] = 1;
    for (long b = reflections->count - 1; b >= 0; b--) {
        const struct reflection_block *block = &reflections->blocks[b];
        subtract_product(reflections, block->first, &block->u_transposed, &block->v, vectors, block->first);
    }
}

/* ---- decomposition ---- */

/* The columns of a block, their rows from its first on, as rows. */
static void take_panel(const struct reflections *reflections, const struct reflection_block *block,
                       const struct block *matrix)
{
    const long rows = reflections->rows - block->first, stride = block_stride(block->count);
    double *panel = reflections->panel;
    if (stride > block->count)
        memset(panel, 0, (size_t)(rows * stride) * sizeof *panel);
    for (long j = 0; j < block->count; j++) {
        const double *column = block_column(matrix, block->first + j) + block->first;
        for (long i = 0; i < rows; i++)
            panel[i * stride + j] = column[i];
    }
}

/* V and U = V T^T, COLUMNS_AT_ONCE of these at a time, to where they are applied from. */
static void pack(struct reflections *reflections, struct reflection_block *block)
{
    const long rows = reflections->rows - block->first, count = block->count, stride = block_stride(count);
    const long product_stride = block_stride(rows);
    struct panels v = { .rows = rows, .depth = count, .threads = 1, .values = reflections->panel_rows.values };
    const double *reflectors = reflections->reflectors.values;
    panels_set(&block->v_transposed, 0, count, 0, rows, reflectors, reflections->reflectors.stride - 1, 1);
    panels_set(&v, 0, rows, 0, count, reflectors, 1, reflections->reflectors.stride - 1);
    for (long first = 0; first < count; first += COLUMNS_AT_ONCE) {
        const long columns = count - first < COLUMNS_AT_ONCE ? count - first : COLUMNS_AT_ONCE;
        for (long j = 0; j < columns; j++)
            for (long k = 0; k < count; k++)
                reflections->coefficients[j * stride + k] = reflections->triangle[k * stride + first + j];
        const struct block triangle = { count, columns, stride, reflections->coefficients };
        panels_multiply(&v, &triangle, reflections->scratch, reflections->product, product_stride);
        panels_set(&block->u, 0, rows, first, columns, reflections->product, 1, product_stride);
        if (block->u_transposed.values)
            panels_set(&block->u_transposed, first, columns, 0, rows, reflections->product, product_stride, 1);
    }
    if (block->v.values)
        memcpy(block->v.values, v.values, (size_t)(block_stride(rows) * count) * sizeof *v.values);
}

void reflections_factor(struct reflections *reflections, struct block *matrix, const int *size_exponents,
                        double *diagonal)
{
    assert(matrix->rows == reflections->rows && matrix->columns == reflections->columns);
    for (long b = 0; b < reflections->count; b++) {
        struct reflection_block *block = &reflections->blocks[b];
        const long first = block->first, next = first + block->count;
        take_panel(reflections, block, matrix);
        reflections->reflectors.rows = reflections->rows - first;
        reflections->reflectors.columns = block->count;
        householder_factor(&reflections->reflectors, block_stride(block->count), reflections->panel,
                           size_exponents + first, diagonal + first);
        householder_triangle(&reflections->reflectors, block_stride(block->count), reflections->triangle);
        pack(reflections, block);
        apply_transposed(reflections, block, matrix, next);
    }
}
