/* Chains of one network's weights and one activation that are measured together, and their results. With
 * W = rho W_unit and sigma = gamma phi / sup|phi'| all of them depends on the coupling kappa = rho gamma alone
 * (sweep/couplings.h), and is computed as if W were kappa W_unit and gamma 1; what d eps/dW has of gamma beside, a
 * factor, is put to the values of cells as the rows of their datasets say (gradient/measure.h). Not collective. */
#ifndef GRADSWEEP_GRADIENT_BATCH_H
#define GRADSWEEP_GRADIENT_BATCH_H

#include "gradient/chain_cost.h"
#include "gradient/jacobian.h"
#include "gradient/measure.h"

/* The chains: couplings and strengths of the drive, in any order and number. */
struct batch {
    struct weights *weights;         /* W_unit */
    struct weight_spectrum spectrum; /* of W as drawn, before rescaling */
    bool native;                     /* W_unit is W as drawn, and couplings are gammas */
    const struct model *model;
    const struct activation *activation;
    long count;
    const double *couplings;           /* [count] */
    const struct drive_scales *drives; /* [count]; NULL: all as the model says */
    const long *anchors;               /* [anchor_count], ascending: final times T of each chain's products */
    long anchor_count;                 /* 0: the model's T alone */
    const long *lags;                  /* [lag_count], ascending */
    long lag_count;
    double tolerance;
    unsigned measures; /* gradient/measure.h */
    struct measure_options options;
};

/* How each measure of a chain ended; JACOBIAN_FOUND for those that were not asked for. */
struct chain_outcomes {
    enum jacobian_outcome of[MEASURES];
};

/* Owned by the caller; of several anchors count * anchor_count long, all chains of one anchor before those of the next.
 * `values` has one array a dataset in the order of measure_dataset_at(measures), count * (values a
 * cell) long, C order, and filled with NaN and 255 beforehand; NULL for WEIGHT shapes. */
struct batch_results {
    void *const *values;
    struct chain_outcomes *outcomes; /* [count]; a measure that is not JACOBIAN_FOUND gets NaN and 255 there */
    enum jacobian_method *methods;   /* [count] */
};

/* The values of one chain in dataset `number` of the batch's measures; NULL for WEIGHT shapes. */
void *batch_values_at(const struct batch *batch, const struct batch_results *results, long chain, size_t number);

/* A failed measure has no results, rather than some that look like results: NaN and 255 in all its datasets; those of
 * other measures stay. */
void batch_erase_measure(const struct batch *batch, const struct batch_results *results, long chain, int measure);

/* Whether the weights change at every step. */
bool batch_is_untied(const struct batch *batch);

/* ln ||W_unit||_2, which a full decomposition found right to rounding, and the bound on a chain's step,
 * ln(kappa ||W_unit||_2) = ln(gamma ||W||_2); NaN for untied weights. Where norm and radius are one number by
 * construction their quotient is exactly 1. */
double batch_log_unit_norm(const struct batch *batch);
double batch_log_step_bound(const struct batch *batch, long chain);

#endif
