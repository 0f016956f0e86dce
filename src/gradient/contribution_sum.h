/* Sums of temporal contributions e (x) s, d x d matrices of rank one, whose sizes may lie any number of powers of two
 * apart: a matrix with a running scale, to which contributions are added a panel at a time. Private to gradient/.
 * Not collective, but for what says so. */
#ifndef GRADSWEEP_GRADIENT_CONTRIBUTION_SUM_H
#define GRADSWEEP_GRADIENT_CONTRIBUTION_SUM_H

#include "linalg/matrix_stack.h"

/* Contributions of a panel: as many dgemm adds at once. */
enum { CONTRIBUTION_PANEL = 64 };

/* A panel of factors, column i times 2^exponents[i]; norms[i] is that of the mantissas, 0 for an empty place. */
struct contribution_factors {
    struct block columns; /* [d, CONTRIBUTION_PANEL] */
    int64_t exponents[CONTRIBUTION_PANEL];
    double norms[CONTRIBUTION_PANEL];
};

/* Makes an empty panel; release with contribution_factors_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status contribution_factors_create(long hidden_size, struct contribution_factors *factors);
void contribution_factors_destroy(struct contribution_factors *factors);

/* Copies column[d] * 2^exponent to a place of the panel. The mantissas' norm must be within 2^-500 .. 2^500. */
void contribution_factors_put(struct contribution_factors *factors, long place, const double *column, int64_t exponent);

/* sum_k C_k = 2^exponent * matrix, and sum_k ||C_k||_F = 2^norm_exponent * norm. */
struct contribution_sum {
    struct matrix_stack matrix; /* one, element (i, j) in row i of column j; spread over the process grid of W */
    int64_t exponent;
    double norm;
    int64_t norm_exponent;
};

/* An empty sum, on the grid that W is on (NULL: a rank alone). Collective within its team, and agreed. Release with
 * contribution_sum_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status contribution_sum_create(const struct process_grid *grid, long hidden_size,
                                            struct contribution_sum *sum);
void contribution_sum_destroy(struct contribution_sum *sum);

/* Adds errors_i (x) activated_i for i = 0 .. count-1; the errors' panel is scaled in place, and spent. 2 d^2 count
 * flops. */
void contribution_sum_add(struct contribution_sum *sum, struct contribution_factors *errors,
                          const struct contribution_factors *activated, long count);

/* ln ||sum_k C_k||_F, and that norm relative to sum_k ||C_k||_F: NaN where both are 0. Collective within the team of
 * the grid. Errors: STATUS_PARALLEL. */
CHECKED enum status contribution_sum_norms(const struct contribution_sum *sum, double *log_norm, double *cancellation);

#endif
