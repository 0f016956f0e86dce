/* The spectral norm of a matrix of which no rank may hold the whole. */
#include "linalg/lanczos.h"
#include "linalg/spectrum.h"

#include <math.h>

/* The largest singular values of random matrices lie d^(-2/3) apart, and take some sqrt(d^(2/3)) ln(1/u) iterations:
 * 200 at d = 4096, 500 at 65536. Beyond this many the basis would outgrow the matrix. */
enum { MOST_ITERATIONS = 4000 };

static const double LOG_2 = 0x1.62e42fefa39efp-1;

/* Columns leave the comfortable range only where the weights do. */
static void balance(struct block *columns, double *log_scales)
{
    for (long j = 0; j < columns->columns; j++) {
        struct block column = block_view(columns, j, 1);
        int64_t exponent = 0;
        block_balance_columns(&column, &exponent);
        log_scales[j] += (double)exponent * LOG_2;
    }
}

static enum status apply(void *context, const long *chains, const struct block *x, struct block *y, double *log_scales)
{
    (void)chains;
    TRY(matrix_apply(context, x, y));
    balance(y, log_scales);
    return STATUS_OK;
}

static enum status apply_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                    double *log_scales)
{
    (void)chains;
    TRY(matrix_apply_transposed(context, x, y));
    balance(y, log_scales);
    return STATUS_OK;
}

/* A tolerance of 0: lanczos.c takes it down to what rounding allows. */
enum status spectrum_norm_by_products(const struct matrix *matrix, uint64_t seed, bool (*stop_requested)(void),
                                      double *norm)
{
    const struct process_grid *grid = matrix_grid(matrix);
    const struct lanczos_operator products = { matrix_dimension(matrix), (void *)matrix, apply, apply_transposed };
    const struct lanczos_options options = { .max_iterations = MOST_ITERATIONS,
                                             .seed = seed,
                                             .stop_requested = stop_requested,
                                             .team = grid == NULL ? NULL : grid->team };
    double log_norm = NAN;
    enum lanczos_outcome outcome;
    TRY(lanczos_norms(&products, 1, &options, NULL, &log_norm, &outcome));
    if (outcome == LANCZOS_NOT_FINITE)
        return status_fail(STATUS_NUMERICAL, "spectral norm: the weights or their products are not finite");
    if (outcome == LANCZOS_UNRESOLVED)
        return status_fail(STATUS_NUMERICAL,
                           "spectral norm: the largest singular values lie too close together to be told apart in %d "
                           "products with the weights and as many with their transpose",
                           MOST_ITERATIONS);
    *norm = exp(log_norm);
    return STATUS_OK;
}
