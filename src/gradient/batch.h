/* Cells of one network's weights and one activation that are measured together, and their results. Not collective. */
#ifndef GRADSWEEP_GRADIENT_BATCH_H
#define GRADSWEEP_GRADIENT_BATCH_H

#include "gradient/chain_cost.h"
#include "gradient/jacobian.h"
#include "gradient/measure.h"

/* The cells: points of the (rho, gamma) plane, in any order and number. */
struct batch {
    struct weights *weights;         /* W_unit */
    struct weight_spectrum spectrum; /* of W as drawn, before rescaling */
    bool native;                     /* W_unit is W as drawn and the gain is 1 */
    const struct model *model;
    const struct activation *activation;
    long count;
    const double *spectral_radii; /* [count], not read where native */
    const double *gammas;         /* [count] */
    const long *lags;             /* [lag_count], ascending */
    long lag_count;
    double tolerance;
    unsigned measures; /* gradient/measure.h */
    struct measure_options options;
};

/* How each measure of a cell ended; JACOBIAN_FOUND for those that were not asked for. */
struct cell_outcomes {
    enum jacobian_outcome of[MEASURES];
};

/* Owned by the caller. `values` has one array a dataset in the order of measure_dataset_at(measures), count * (values a
 * cell) long, C order, and filled with NaN and 255 beforehand; NULL for WEIGHT shapes. */
struct batch_results {
    void *const *values;
    struct cell_outcomes *outcomes; /* [count]; a measure that is not JACOBIAN_FOUND gets NaN and 255 there */
    enum jacobian_method *methods;  /* [count] */
};

/* The values of one cell in dataset `number` of the batch's measures; NULL for WEIGHT shapes. */
void *batch_values_at(const struct batch *batch, const struct batch_results *results, long cell, size_t number);

/* A failed measure has no results, rather than some that look like results: NaN and 255 in all its datasets; those of
 * other measures stay. */
void batch_erase_measure(const struct batch *batch, const struct batch_results *results, long cell, int measure);

/* Whether the weights change at every step; the gain that W_unit is multiplied by in a cell. */
bool batch_is_untied(const struct batch *batch);
double batch_gain(const struct batch *batch, long cell);

/* ln ||W_unit||_2, which a full decomposition found right to rounding, and ln ||W||_2 of a cell's swept W, as they
 * stand in the bound; NaN for untied weights. Where norm and radius are one number by construction their quotient is
 * exactly 1. */
double batch_log_unit_norm(const struct batch *batch);
double batch_log_weight_norm(const struct batch *batch, long cell);

#endif
