/* Whole products J_l^T, chains side by side, d columns each. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

/* Columns that go through the steps together: enough for the kernel's full rate, few enough to stay in the cache. */
enum { EXPLICIT_COLUMNS = 128 };

struct explicit_products {
    long hidden_size;
    long chains;
    struct block product; /* [d, d * chains]: chain c's J_l^T / 2^exponents[c] in columns c d .. c d + d - 1 */
    struct block next;
    int64_t *exponents;
    double *log_shifts; /* [chains]: logarithms that the derivatives left out, summed over the steps */
    const double **diagonals;
};

static void products_destroy(struct explicit_products *products)
{
    block_destroy(&products->product);
    block_destroy(&products->next);
    memory_free(products->exponents);
    memory_free(products->log_shifts);
    memory_free(products->diagonals);
}

static enum status products_create(long hidden_size, long chains, struct explicit_products *products)
{
    enum status status = STATUS_OK;
    long columns = hidden_size * chains;
    *products = (struct explicit_products){ .hidden_size = hidden_size, .chains = chains };
    TRY_OR(failed, block_create(hidden_size, columns, &products->product));
    TRY_OR(failed, block_create(hidden_size, columns, &products->next));
    TRY_OR(failed, memory_allocate(&products->exponents, chains, "exponents of products"));
    TRY_OR(failed, memory_allocate(&products->log_shifts, chains, "shifts of products"));
    TRY_OR(failed, memory_allocate(&products->diagonals, columns, "diagonals of a step"));
    for (long column = 0; column < columns; column++)
        block_column(&products->product, column)[column % hidden_size] = 1.0;
    return STATUS_OK;
failed:
    products_destroy(products);
    return status;
}

static struct block product_of(const struct explicit_products *products, long chain)
{
    return block_view(&products->product, chain * products->hidden_size, products->hidden_size);
}

/* J_l^T := D W^T J_{l-1}^T for chains first .. first+chains-1 of the problem. */
static enum status take_step(const struct jacobian_problem *problem, struct gradient_context *context, long first,
                             long step_index, struct explicit_products *products)
{
    const struct matrix *matrix;
    long d = products->hidden_size;
    TRY(weights_at(problem->weights, problem->steps - step_index, &matrix));
    TRY(matrix_apply_transposed(matrix, &products->product, &products->next));
    if (problem->trajectory) {
        for (long column = 0; column < d * products->chains; column++)
            products->diagonals[column] = jacobian_diagonal(problem, step_index, first + column / d);
        block_scale_rows(&products->next, products->diagonals);
        for (long chain = 0; chain < products->chains; chain++)
            products->log_shifts[chain] += jacobian_log_shift(problem, step_index, first + chain);
    }
    struct block swap = products->product;
    products->product = products->next;
    products->next = swap;
    for (long chain = 0; chain < products->chains; chain++) {
        struct block product = product_of(products, chain);
        block_balance(&product, &products->exponents[chain]);
    }
    context->flops += 2.0 * (double)d * (double)d * (double)d * (double)products->chains;
    return STATUS_OK;
}

struct explicit_operator {
    const struct explicit_products *products;
    struct gradient_context *context;
};

static void multiply_column(const struct explicit_operator *norm_map, const char *transposed, long chain,
                            const double *x, double *y)
{
    struct block product = product_of(norm_map->products, chain);
    int order = (int)product.rows, leading = (int)product.stride, increment = 1;
    double one = 1.0, zero = 0.0;
    dgemv_(transposed, &order, &order, &one, product.values, &leading, x, &increment, &zero, y, &increment);
    norm_map->context->flops += 2.0 * order * (double)order;
}

static enum status apply_product(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    for (long j = 0; j < x->columns; j++) {
        multiply_column(context, "N", chains[j], block_column(x, j), block_column(y, j));
        log_scales[j] = 0.0;
    }
    return STATUS_OK;
}

static enum status apply_product_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                            double *log_scales)
{
    for (long j = 0; j < x->columns; j++) {
        multiply_column(context, "T", chains[j], block_column(x, j), block_column(y, j));
        log_scales[j] = 0.0;
    }
    return STATUS_OK;
}

static double log_frobenius_of(struct block product)
{
    double sum = 0.0;
    for (long column = 0; column < product.columns; column++) {
        struct block one = block_view(&product, column, 1);
        double norm;
        block_column_norms(&one, &norm);
        sum += norm * norm;
    }
    return 0.5 * log(sum);
}

/* A full SVD, for a chain whose largest singular values lie too close for Lanczos. */
static enum status norm_by_svd(struct block product, double *log_norm)
{
    double *dense;
    long d = product.rows;
    TRY(memory_allocate(&dense, d * d, "a Jacobian product for its SVD"));
    for (long column = 0; column < d; column++)
        memcpy(dense + column * d, block_column(&product, column), (size_t)d * sizeof *dense);
    double norm = NAN;
    enum status status = spectrum_norm(d, dense, &norm);
    *log_norm = log(norm);
    memory_free(dense);
    return status;
}

/* The norms of the products as they stand, all chains of the group; results are written at lag position `lag`. */
static enum status measure_products(const struct jacobian_problem *problem, struct gradient_context *context,
                                    long first, long lag, const struct explicit_products *products, double *log_norms,
                                    double *log_frobenius, enum jacobian_outcome *outcomes)
{
    struct explicit_operator state = { products, context };
    struct lanczos_operator norm_map = { products->hidden_size, &state, apply_product, apply_product_transposed };
    struct lanczos_options options = jacobian_lanczos_options(problem, context);
    double norms[EXPLICIT_COLUMNS];
    enum lanczos_outcome found[EXPLICIT_COLUMNS];
    TRY(lanczos_norms(&norm_map, products->chains, &options, NULL, norms, found));
    for (long c = 0; c < products->chains; c++) {
        long chain = first + c, place = chain * problem->lag_count + lag;
        double log_scale = (double)products->exponents[c] * LOG_2 + products->log_shifts[c];
        if (found[c] == LANCZOS_UNRESOLVED && norm_by_svd(product_of(products, c), &norms[c]) != STATUS_OK)
            outcomes[chain] = JACOBIAN_NOT_CONVERGED;
        if (found[c] == LANCZOS_NOT_FINITE || isnan(norms[c]))
            outcomes[chain] = JACOBIAN_NOT_FINITE;
        log_norms[place] = norms[c] + log_scale;
        if (log_frobenius)
            log_frobenius[place] = log_frobenius_of(product_of(products, c)) + log_scale;
    }
    return STATUS_OK;
}

static enum status measure_group(const struct jacobian_problem *problem, struct gradient_context *context, long first,
                                 long chains, double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes)
{
    long d = weights_hidden_size(problem->weights), largest = problem->lags[problem->lag_count - 1];
    struct explicit_products products;
    enum status status = STATUS_OK;
    TRY(products_create(d, chains, &products));
    for (long step_index = 0, lag = 0; step_index < largest; step_index++) {
        TRY_OR(done, jacobian_check_stop(context));
        TRY_OR(done, take_step(problem, context, first, step_index, &products));
        if (problem->lags[lag] == step_index + 1) {
            TRY_OR(done, measure_products(problem, context, first, lag, &products, log_norms, log_frobenius, outcomes));
            lag++;
        }
    }
done:
    products_destroy(&products);
    return status;
}

enum status jacobian_norms_explicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes)
{
    long d = weights_hidden_size(problem->weights);
    long group = d >= EXPLICIT_COLUMNS ? 1 : EXPLICIT_COLUMNS / d;
    for (long chain = 0; chain < problem->chains; chain++)
        outcomes[chain] = JACOBIAN_FOUND;
    for (long first = 0; first < problem->chains; first += group) {
        long chains = problem->chains - first < group ? problem->chains - first : group;
        TRY(measure_group(problem, context, first, chains, log_norms, log_frobenius, outcomes));
    }
    return STATUS_OK;
}
