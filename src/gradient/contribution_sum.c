#include "gradient/contribution_sum.h"

#include "base/power_of_two.h"
#include "gradient/jacobian_internal.h"
#include "linalg/basis.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum status contribution_factors_create(long hidden_size, struct contribution_factors *factors)
{
    *factors = (struct contribution_factors){ 0 };
    return block_create(hidden_size, CONTRIBUTION_PANEL, &factors->columns);
}

void contribution_factors_destroy(struct contribution_factors *factors)
{
    block_destroy(&factors->columns);
}

void contribution_factors_put(struct contribution_factors *factors, long place, const double *column, int64_t exponent)
{
    double *to = block_column(&factors->columns, place);
    memcpy(to, column, (size_t)factors->columns.rows * sizeof *to);
    factors->norms[place] = basis_norm(to, factors->columns.stride);
    factors->exponents[place] = exponent;
}

enum status contribution_sum_create(const struct process_grid *grid, long hidden_size, struct contribution_sum *sum)
{
    *sum = (struct contribution_sum){ .exponent = INT64_MIN, .norm_exponent = INT64_MIN };
    return matrix_stack_create(grid, hidden_size, 1, &sum->matrix);
}

void contribution_sum_destroy(struct contribution_sum *sum)
{
    matrix_stack_destroy(&sum->matrix);
}

/* The power of two of ||C_i||_F. */
static int64_t magnitude(const struct contribution_factors *errors, const struct contribution_factors *activated,
                         long i)
{
    return errors->exponents[i] + activated->exponents[i] + ilogb(errors->norms[i]) + ilogb(activated->norms[i]);
}

static bool is_nothing(const struct contribution_factors *errors, const struct contribution_factors *activated, long i)
{
    return errors->norms[i] == 0.0 || activated->norms[i] == 0.0;
}

/* *sum * 2^*exponent += term * 2^term_exponent */
static void add_scaled_number(double term, int64_t term_exponent, double *sum, int64_t *exponent)
{
    if (term_exponent > *exponent) {
        *sum = *exponent == INT64_MIN ? 0.0 : *sum * power_of_two(*exponent - term_exponent);
        *exponent = term_exponent;
    }
    *sum += term * power_of_two(term_exponent - *exponent);
}

/* Brings the errors to the sum's exponent, with what their partners leave out; beyond the range they underflow to
 * nothing beside the largest contribution. */
static void align_errors(struct contribution_factors *errors, const struct contribution_factors *activated, long count,
                         int64_t exponent)
{
    for (long i = 0; i < count; i++) {
        struct block column = block_view(&errors->columns, i, 1);
        int64_t shift = errors->exponents[i] + activated->exponents[i] - exponent;
        double factor = is_nothing(errors, activated, i) ? 0.0 : power_of_two(shift);
        block_scale_columns(&column, &factor);
    }
}

void contribution_sum_add(struct contribution_sum *sum, struct contribution_factors *errors,
                          const struct contribution_factors *activated, long count)
{
    int64_t largest = sum->exponent;
    for (long i = 0; i < count; i++) {
        if (is_nothing(errors, activated, i))
            continue;
        int64_t power = magnitude(errors, activated, i);
        largest = power > largest ? power : largest;
        int64_t exponents = errors->exponents[i] + activated->exponents[i];
        add_scaled_number(power_of_two_scale(errors->norms[i] * activated->norms[i], exponents - power), power,
                          &sum->norm, &sum->norm_exponent);
    }
    if (largest == INT64_MIN)
        return;
    double rescale = sum->exponent == INT64_MIN ? 0.0 : power_of_two(sum->exponent - largest);
    sum->exponent = largest;
    align_errors(errors, activated, count, largest);
    matrix_stack_add_outer(&sum->matrix, 0, rescale, &errors->columns, &activated->columns, count);
}

enum status contribution_sum_norms(const struct contribution_sum *sum, double *log_norm, double *cancellation)
{
    double norm;
    *log_norm = -INFINITY;
    *cancellation = NAN;
    if (sum->exponent == INT64_MIN)
        return STATUS_OK;
    TRY(matrix_stack_norm(&sum->matrix, 0, &norm));
    *log_norm = log(norm) + (double)sum->exponent * LOG_2;
    *cancellation = norm / sum->norm * power_of_two(sum->exponent - sum->norm_exponent);
    return STATUS_OK;
}
