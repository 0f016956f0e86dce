#include "linalg/matrix.h"

#include "base/memory.h"
#include "linalg/kernel.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum {
    PACKING_DIMENSION =
        128,              /* from here on columns are packed: eight of them, a power of two apart, evict each other */
    UNPACKED_COLUMNS = 4, /* so many never do */
    PACKED_GROUPS = 16    /* groups packed at a time: the panel in the second-level cache is used for all of them */
};

struct matrix {
    long dimension;
    double *panels;            /* A, by panels (kernel.h) */
    double *transposed_panels; /* A^T, or NULL */
    double *packed;            /* scratch: [PACKED_GROUPS][stride][KERNEL_COLUMNS] */
};

/* ---- the choice of a kernel ---- */

static const struct {
    const char *name;
    kernel_panel *const *function;
} kernels[] = {
    [MATRIX_KERNEL_AVX512] = { "avx512", &kernel_avx512 },
    [MATRIX_KERNEL_AVX2] = { "avx2", &kernel_avx2 },
    [MATRIX_KERNEL_PLAIN] = { "plain", &kernel_plain },
};

enum { NO_KERNEL = -1 };

static atomic_int selected_kernel = NO_KERNEL;

static bool is_supported(enum matrix_kernel kernel)
{
#ifdef __x86_64__
    switch (kernel) {
    case MATRIX_KERNEL_AVX512:
        return __builtin_cpu_supports("avx512f");
    case MATRIX_KERNEL_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case MATRIX_KERNEL_PLAIN:
        return true;
    }
#endif
    return kernel == MATRIX_KERNEL_PLAIN;
}

bool matrix_kernel_select(enum matrix_kernel kernel)
{
    if (!is_supported(kernel))
        return false;
    atomic_store(&selected_kernel, (int)kernel);
    return true;
}

static enum matrix_kernel current_kernel(void)
{
    int kernel = atomic_load_explicit(&selected_kernel, memory_order_relaxed);
    for (int best = MATRIX_KERNEL_AVX512; kernel == NO_KERNEL; best++)
        if (matrix_kernel_select((enum matrix_kernel)best))
            kernel = best;
    return (enum matrix_kernel)kernel;
}

const char *matrix_kernel_name(void)
{
    return kernels[current_kernel()].name;
}

/* ---- packing ---- */

/* The height of the panel that begins at `row`. 24 + 8 rows at the end are 16 + 16: a panel of 8 is slow. */
static int panel_height(long dimension, long row)
{
    const long left = block_stride(dimension) - row;
    if (left == KERNEL_PANEL_ROWS + KERNEL_ROW_UNIT)
        return 2 * KERNEL_ROW_UNIT;
    return left < KERNEL_PANEL_ROWS ? (int)left : KERNEL_PANEL_ROWS;
}

/* Element (i, k) is values[i * row_stride + k * column_stride]; rows beyond the last are zeros. */
static enum status pack(long dimension, const double *values, long row_stride, long column_stride, double **panels)
{
    TRY(memory_allocate(panels, block_stride(dimension) * dimension, "a packed weight matrix"));
    int height;
    for (long first = 0; first < dimension; first += height) {
        height = panel_height(dimension, first);
        const long rows = dimension - first < height ? dimension - first : height;
        double *panel = *panels + first * dimension;
        for (long k = 0; k < dimension; k++)
            for (long i = 0; i < rows; i++)
                panel[k * height + i] = values[(first + i) * row_stride + k * column_stride];
    }
    return STATUS_OK;
}

enum status matrix_create(long dimension, const double *values, bool transposed, struct matrix **matrix)
{
    enum status status = STATUS_OK;
    struct matrix *made = NULL;
    *matrix = NULL;
    TRY(memory_allocate(&made, 1, "a matrix"));
    made->dimension = dimension;
    TRY_OR(failed, pack(dimension, values, 1, dimension, &made->panels));
    if (transposed)
        TRY_OR(failed, pack(dimension, values, dimension, 1, &made->transposed_panels));
    if (dimension >= PACKING_DIMENSION)
        TRY_OR(failed, memory_allocate(&made->packed, PACKED_GROUPS * KERNEL_COLUMNS * block_stride(dimension),
                                       "packed columns"));
    *matrix = made;
    return STATUS_OK;
failed:
    matrix_destroy(made);
    return status;
}

void matrix_destroy(struct matrix *matrix)
{
    if (matrix == NULL)
        return;
    memory_free(matrix->panels);
    memory_free(matrix->transposed_panels);
    memory_free(matrix->packed);
    memory_free(matrix);
}

long matrix_dimension(const struct matrix *matrix)
{
    return matrix->dimension;
}

/* ---- multiplication ---- */

static int group_width(const struct block *x, long first)
{
    return x->columns - first < KERNEL_COLUMNS ? (int)(x->columns - first) : KERNEL_COLUMNS;
}

typedef double quad __attribute__((vector_size(32), aligned(32)));

/* Elements i, j, k, l of the eight that two quads have together. */
#ifdef __clang__
#define QUAD_PICK(left, right, i, j, k, l) __builtin_shufflevector(left, right, i, j, k, l)
#else
typedef long long quad_order __attribute__((vector_size(32)));
#define QUAD_PICK(left, right, i, j, k, l) __builtin_shuffle(left, right, (quad_order){ i, j, k, l })
#endif

/* Rows 0 .. 3 of four columns, transposed, to four rows of `packed`. */
static inline __attribute__((always_inline)) void pack_square(const double *columns, long stride, double *packed)
{
    const quad a = *(const quad *)columns, b = *(const quad *)(columns + stride);
    const quad c = *(const quad *)(columns + 2 * stride), d = *(const quad *)(columns + 3 * stride);
    const quad ab_even = QUAD_PICK(a, b, 0, 4, 2, 6);
    const quad ab_odd = QUAD_PICK(a, b, 1, 5, 3, 7);
    const quad cd_even = QUAD_PICK(c, d, 0, 4, 2, 6);
    const quad cd_odd = QUAD_PICK(c, d, 1, 5, 3, 7);
    *(quad *)packed = QUAD_PICK(ab_even, cd_even, 0, 1, 4, 5);
    *(quad *)(packed + KERNEL_COLUMNS) = QUAD_PICK(ab_odd, cd_odd, 0, 1, 4, 5);
    *(quad *)(packed + 2 * KERNEL_COLUMNS) = QUAD_PICK(ab_even, cd_even, 2, 3, 6, 7);
    *(quad *)(packed + 3 * KERNEL_COLUMNS) = QUAD_PICK(ab_odd, cd_odd, 2, 3, 6, 7);
}

/* Columns first .. first+width-1 of x as [stride][KERNEL_COLUMNS]. */
VECTORISED static void pack_columns(const struct block *x, long first, int width, double *packed)
{
    int j = 0;
    for (; j + 4 <= width; j += 4)
        for (long k = 0; k < x->stride; k += 4)
            pack_square(block_column(x, first + j) + k, x->stride, packed + k * KERNEL_COLUMNS + j);
    for (; j < width; j++) {
        const double *column = block_column(x, first + j);
        for (long k = 0; k < x->rows; k++)
            packed[k * KERNEL_COLUMNS + j] = column[k];
    }
}

/* Up to PACKED_GROUPS groups of columns, beginning with `first`: each panel stays in cache for all of them. */
static void multiply_groups(const struct matrix *matrix, const double *panels, const struct block *x, struct block *y,
                            long first, long end)
{
    kernel_panel *const multiply = *kernels[current_kernel()].function;
    const long dimension = matrix->dimension;
    struct kernel_columns groups[PACKED_GROUPS];
    int count = 0;
    for (long column = first; column < end; column += KERNEL_COLUMNS, count++) {
        groups[count] = (struct kernel_columns){ block_column(x, column), x->stride, group_width(x, column), false };
        if (matrix->packed != NULL && groups[count].count > UNPACKED_COLUMNS) {
            double *packed = matrix->packed + count * KERNEL_COLUMNS * x->stride;
            pack_columns(x, column, groups[count].count, packed);
            groups[count].values = packed;
            groups[count].packed = true;
        }
    }
    int height;
    for (long row = 0; row < dimension; row += height) {
        height = panel_height(dimension, row);
        for (int group = 0; group < count; group++)
            multiply(dimension, height, panels + row * dimension, &groups[group],
                     block_column(y, first + group * KERNEL_COLUMNS) + row, y->stride);
    }
}

/* A NaN in x reaches the padding too, where it must not stay. */
static void clear_padding(struct block *y)
{
    if (y->stride > y->rows)
        for (long j = 0; j < y->columns; j++)
            memset(block_column(y, j) + y->rows, 0, (size_t)(y->stride - y->rows) * sizeof(double));
}

static enum status multiply(const struct matrix *matrix, const double *panels, const struct block *x, struct block *y)
{
    assert(x->rows == matrix->dimension && y->rows == matrix->dimension && x->columns == y->columns);
    const long chunk = PACKED_GROUPS * KERNEL_COLUMNS;
    for (long first = 0; first < x->columns; first += chunk)
        multiply_groups(matrix, panels, x, y, first, first + chunk < x->columns ? first + chunk : x->columns);
    clear_padding(y);
    return STATUS_OK;
}

enum status matrix_apply(const struct matrix *matrix, const struct block *x, struct block *y)
{
    return multiply(matrix, matrix->panels, x, y);
}

enum status matrix_apply_transposed(const struct matrix *matrix, const struct block *x, struct block *y)
{
    assert(matrix->transposed_panels != NULL);
    return multiply(matrix, matrix->transposed_panels, x, y);
}
