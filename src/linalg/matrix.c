#include "linalg/matrix.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct matrix {
    long dimension;
    double *values;     /* [dimension, dimension], column-major */
    double *transposed; /* its transpose, or NULL */
};

enum status matrix_create(long dimension, const double *values, bool transposed, struct matrix **matrix)
{
    enum status status = STATUS_OK;
    struct matrix *made = NULL;
    *matrix = NULL;
    TRY(memory_allocate(&made, 1, "a matrix"));
    made->dimension = dimension;
    TRY_OR(failed, memory_allocate(&made->values, dimension * dimension, "a packed matrix"));
    memcpy(made->values, values, (size_t)(dimension * dimension) * sizeof *values);
    if (transposed) {
        TRY_OR(failed, memory_allocate(&made->transposed, dimension * dimension, "a packed matrix"));
        for (long i = 0; i < dimension; i++)
            for (long k = 0; k < dimension; k++)
                made->transposed[i + k * dimension] = values[k + i * dimension];
    }
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
    memory_free(matrix->values);
    memory_free(matrix->transposed);
    memory_free(matrix);
}

long matrix_dimension(const struct matrix *matrix)
{
    return matrix->dimension;
}

static enum status multiply(long dimension, const double *values, const struct block *x, struct block *y)
{
    assert(x->rows == dimension && y->rows == dimension && x->columns == y->columns);
    memset(y->values, 0, (size_t)(y->stride * y->columns) * sizeof *y->values);
    for (long j = 0; j < x->columns; j++)
        for (long k = 0; k < dimension; k++)
            for (long i = 0; i < dimension; i++) {
                double *sum = block_column(y, j) + i;
                *sum = __builtin_fma(values[i + k * dimension], block_column(x, j)[k], *sum);
            }
    return STATUS_OK;
}

enum status matrix_apply(const struct matrix *matrix, const struct block *x, struct block *y)
{
    return multiply(matrix->dimension, matrix->values, x, y);
}

enum status matrix_apply_transposed(const struct matrix *matrix, const struct block *x, struct block *y)
{
    assert(matrix->transposed != NULL);
    return multiply(matrix->dimension, matrix->transposed, x, y);
}

bool matrix_kernel_select(enum matrix_kernel kernel)
{
    return kernel == MATRIX_KERNEL_PLAIN;
}

const char *matrix_kernel_name(void)
{
    return "plain";
}
