/* Rules of the eigenvalues of W, which are kept once a WEIGHT. */
#include "store/check_rules.h"

#include <math.h>

/* Relative to ||W||: two runs of dgeev, with vectors and without; and where eigenvalues are ill conditioned. */
static const double eigenvalue_error = 1e-9;
static const double ill_conditioned_error = 1e-2;

/* Weights that are pending, or whose eigenvalues could not be found, have none; their cells tell. */
static bool are_there(const double *re)
{
    return !isnan(re[0]);
}

static void moduli_descend(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re))
        return;
    for (long i = 0; i + 1 < check_hidden_size(cell); i++) {
        const double modulus = hypot(re[i], im[i]);
        check_count_margin(tally, check_order_margin(hypot(re[i + 1], im[i + 1]), modulus, 1e-15 * modulus));
    }
}

/* W is real: each complex eigenvalue stands beside its conjugate, that with the positive imaginary part first. */
static void pairs_are_conjugate(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re))
        return;
    for (long i = 0; i < check_hidden_size(cell); i++) {
        if (im[i] == 0)
            continue;
        check_count(tally, i + 1 < check_hidden_size(cell) && im[i] > 0 && re[i + 1] == re[i] && im[i + 1] == -im[i]);
        i++;
    }
}

static void first_is_radius(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *re = data[0], *im = data[1];
    if (!are_there(re) || !(cell->weight_radius > 0)) /* 0 is known from the zeros of W alone */
        return;
    const double error = check_is_far_from_normal(cell) ? ill_conditioned_error : eigenvalue_error;
    check_count_margin(tally,
                       check_equality_margin(hypot(re[0], im[0]), cell->weight_radius, error * cell->weight_norm));
}

const struct check_rule check_eigenvalue_rules[] = {
    { .text = "|lambda_i| descend",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = moduli_descend },
    { .text = "complex eigenvalues come in conjugate pairs",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = pairs_are_conjugate },
    { .text = "|lambda_1| = rho(W)",
      .datasets = { "eigenvalue_re", "eigenvalue_im" },
      .is_for_weights = true,
      .test = first_is_radius },
    { .text = NULL },
};
