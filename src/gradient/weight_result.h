/* What a results file keeps of each WEIGHT, W as drawn or loaded, before rescaling. Measures name what they need of
 * these (gradient/measure.h); what several name is kept once. Not collective. */
#ifndef GRADSWEEP_GRADIENT_WEIGHT_RESULT_H
#define GRADSWEEP_GRADIENT_WEIGHT_RESULT_H

#include "gradient/measure.h"

/* All that is known of a W. */
struct weight_facts {
    double radius, norm; /* rho(W), ||W||_2; NaN: not found, or there is no one W */
    long hidden_size;
    double *eigenvalue_re, *eigenvalue_im; /* [hidden_size] by descending modulus; NULL: not asked for. A NaN at the
                                            * beginning: not found */
};

/* rho(W) and ||W||_2; all eigenvalues of W. */
extern const struct weight_result weight_result_norms, weight_result_eigenvalues;

/* Whether requested measures need all eigenvalues of W. */
bool weight_result_needs_eigenvalues(unsigned requested);

/* The facts of a WEIGHT, to and from its values in the datasets of the requested measures that are of WEIGHT shape, one
 * after the other as a record: each as long as measure_value_count says. */
void weight_result_put(unsigned requested, const struct measure_options *options, const struct weight_facts *facts,
                       double *record);
void weight_result_get(unsigned requested, const struct measure_options *options, const double *record,
                       struct weight_facts *facts);

#endif
