/* Whole products J_l^T, chains side by side, d columns each. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"
#include "linalg/lanes.h"
#include "linalg/matrix_stack.h"
#include "linalg/spectrum.h"

#include <math.h>

/* Columns that go through the steps together: enough for the kernel's full rate, few enough to stay in the cache. */
enum { EXPLICIT_COLUMNS = 128 };

struct explicit_products {
    long hidden_size;
    long chains;
    struct matrix_stack product; /* matrix c: chain c's J_l^T / 2^exponents[c] */
    struct matrix_stack next;
    int64_t *exponents;
    double *log_shifts; /* [chains]: logarithms that the derivatives left out, summed over the steps */
    const double **diagonals;
};

static void products_destroy(struct explicit_products *products)
{
    matrix_stack_destroy(&products->product);
    matrix_stack_destroy(&products->next);
    memory_free(products->exponents);
    memory_free(products->log_shifts);
    memory_free(products->diagonals);
}
SCOPED_VALUE(explicit_products, products_destroy)

/* `products` are their owner's to destroy, also where this fails. */
static enum status products_create(const struct weights *weights, long chains, struct explicit_products *products)
{
    long hidden_size = weights_hidden_size(weights);
    const struct process_grid *grid = weights_grid(weights);
    *products = (struct explicit_products){ .hidden_size = hidden_size, .chains = chains };
    TRY(matrix_stack_create(grid, hidden_size, chains, &products->product));
    TRY(matrix_stack_create(grid, hidden_size, chains, &products->next));
    TRY(memory_allocate(&products->exponents, chains, "exponents of products"));
    TRY(memory_allocate(&products->log_shifts, chains, "shifts of products"));
    TRY(memory_allocate(&products->diagonals, chains, "diagonals of a step"));
    matrix_stack_set_identity(&products->product);
    return STATUS_OK;
}

/* J_l^T := D W^T J_{l-1}^T for chains first .. first+chains-1 of the problem. */
static enum status take_step(const struct jacobian_problem *problem, struct gradient_context *context, long first,
                             long step_index, struct explicit_products *products)
{
    const struct matrix *matrix;
    double d = (double)products->hidden_size;
    TRY(weights_at(problem->weights, problem->steps - step_index, &matrix));
    TRY(matrix_stack_apply_transposed(matrix, &products->product, &products->next));
    if (problem->trajectory) {
        for (long chain = 0; chain < products->chains; chain++) {
            products->diagonals[chain] = jacobian_diagonal(problem, step_index, first + chain);
            products->log_shifts[chain] += jacobian_log_shift(problem, step_index, first + chain);
        }
        TRY(matrix_stack_scale_rows_balanced(&products->next, products->diagonals, products->exponents));
    } else
        TRY(matrix_stack_balance(&products->next, products->exponents));
    struct matrix_stack swap = products->product;
    products->product = products->next;
    products->next = swap;
    context->flops += 2.0 * d * d * d * (double)products->chains;
    return STATUS_OK;
}

struct explicit_operator {
    const struct explicit_products *products;
    struct gradient_context *context;
};

static enum status multiply_columns(const struct explicit_operator *norm_map, bool transposed, const long *chains,
                                    const struct block *x, struct block *y, double *log_scales)
{
    for (long j = 0; j < x->columns; j++) {
        TRY(matrix_stack_multiply(&norm_map->products->product, chains[j], transposed, block_column(x, j),
                                  block_column(y, j)));
        log_scales[j] = 0.0;
    }
    norm_map->context->flops += 2.0 * (double)x->rows * (double)x->rows * (double)x->columns;
    return STATUS_OK;
}

static enum status apply_product(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    return multiply_columns(context, false, chains, x, y, log_scales);
}

static enum status apply_product_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                            double *log_scales)
{
    return multiply_columns(context, true, chains, x, y, log_scales);
}

/* A full SVD, for a chain whose largest singular values lie too close for Lanczos. For a rank alone: on a grid Lanczos
 * may go on to the end, since ScaLAPACK's SVD has no sound workspace query. */
static enum status norm_by_svd(const struct matrix_stack *products, long chain, double *log_norm)
{
    SCOPED_MEMORY double *dense = NULL;
    double norm = NAN;
    long d = products->dimension;
    if (products->grid)
        return status_fail(STATUS_NUMERICAL, "Lanczos found no largest singular value");
    TRY(memory_allocate(&dense, d * d, "a Jacobian product for its SVD"));
    matrix_stack_copy_values(products, chain, dense);
    enum status status = spectrum_norm(d, dense, &norm);
    *log_norm = log(norm);
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
    if (products->product.grid)
        options.max_iterations = products->hidden_size;
    double norms[EXPLICIT_COLUMNS];
    enum lanczos_outcome found[EXPLICIT_COLUMNS];
    for (long c = 0; c < products->chains; c++)
        found[c] = LANCZOS_UNRESOLVED;
    if (!problem->are_close || products->product.grid)
        TRY(lanczos_norms(&norm_map, products->chains, &options, NULL, norms, found));
    for (long c = 0; c < products->chains; c++) {
        long chain = first + c, place = chain * problem->lag_count + lag;
        double log_scale = (double)products->exponents[c] * LOG_2 + products->log_shifts[c];
        if (found[c] == LANCZOS_UNRESOLVED && norm_by_svd(&products->product, c, &norms[c]) != STATUS_OK)
            outcomes[chain] = JACOBIAN_NOT_CONVERGED;
        if (found[c] == LANCZOS_NOT_FINITE || isnan(norms[c]))
            outcomes[chain] = JACOBIAN_NOT_FINITE;
        log_norms[place] = norms[c] + log_scale;
        if (!log_frobenius)
            continue;
        double frobenius;
        TRY(matrix_stack_norm(&products->product, c, &frobenius));
        log_frobenius[place] = log(frobenius) + log_scale;
    }
    return STATUS_OK;
}

static enum status measure_group(const struct jacobian_problem *problem, struct gradient_context *context, long first,
                                 long chains, double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes)
{
    long largest = problem->lags[problem->lag_count - 1];
    SCOPED(explicit_products) products = { 0 };
    SCOPED(phase_visit) visit = phases_visit(context->phases, PHASE_PRODUCTS);
    TRY(products_create(problem->weights, chains, &products));
    for (long step_index = 0, lag = 0; step_index < largest; step_index++) {
        TRY(jacobian_check_stop(context));
        TRY(take_step(problem, context, first, step_index, &products));
        if (problem->lags[lag] == step_index + 1) {
            SCOPED(phase_visit) norms = phases_visit(context->phases, PHASE_NORMS);
            TRY(measure_products(problem, context, first, lag, &products, log_norms, log_frobenius, outcomes));
            lag++;
        }
    }
    return STATUS_OK;
}

enum status jacobian_norms_explicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes)
{
    long d = weights_hidden_size(problem->weights);
    if (d <= LANES_LARGEST_DIMENSION && !weights_grid(problem->weights))
        return jacobian_norms_in_lanes(problem, context, log_norms, log_frobenius, outcomes);
    const bool may_truncate =
        problem->may_truncate && !log_frobenius && !problem->are_close && !weights_grid(problem->weights);
    if (may_truncate && jacobian_is_long(problem->lags[problem->lag_count - 1]))
        return jacobian_norms_truncated(problem, context, log_norms, outcomes);
    long group = d >= EXPLICIT_COLUMNS || weights_grid(problem->weights) ? 1 : EXPLICIT_COLUMNS / d;
    for (long chain = 0; chain < problem->chains; chain++)
        outcomes[chain] = JACOBIAN_FOUND;
    for (long first = 0; first < problem->chains; first += group) {
        long chains = problem->chains - first < group ? problem->chains - first : group;
        TRY(measure_group(problem, context, first, chains, log_norms, log_frobenius, outcomes));
    }
    return STATUS_OK;
}
