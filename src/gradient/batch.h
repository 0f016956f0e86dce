/* Everything that is measured on cells of one network's weights and one activation: trajectories, Jacobian norms by the
 * method that chain_cost.h chooses, bounds, verdicts, conditions, growth rates. Not collective. */
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

/* Owned by the caller. `values` has one array a dataset in the order of measure_dataset_at(measures), count * (values a
 * cell) long, C order, and filled with NaN and 255 beforehand; NULL for WEIGHT shapes. */
struct batch_results {
    void *const *values;
    enum jacobian_outcome *outcomes; /* [count]; a cell that is not JACOBIAN_FOUND gets NaN and 255 everywhere */
    enum jacobian_method *methods;   /* [count] */
};

/* The values of one cell in a dataset; NULL where it was not asked for. */
void *batch_values(const struct batch *batch, const struct batch_results *results, long cell, const char *dataset);

/* A failed cell has no results, rather than some that look like results: NaN and 255 everywhere. */
void batch_erase_cell(const struct batch *batch, const struct batch_results *results, long cell);

/* Measures all cells. Bits of a cell do not depend on the others in the batch. Errors: STATUS_MEMORY, STATUS_STOPPED,
 * STATUS_NUMERICAL. */
CHECKED enum status batch_measure(const struct batch *batch, struct gradient_context *context,
                                  const struct batch_results *results);

#endif
