/* The couplings of a sweep: kappa = rho gamma, native gamma alone. With W = rho W_unit and sigma = gamma phi /
 * sup|phi'| x_t = W sigma(x_{t-1}) + w_in i_t + b = kappa W_unit phi(x_{t-1}) / sup|phi'| + w_in i_t + b, so that cells
 * of one network that differ in rho and gamma alone, and not in their product, are one chain. Not collective. */
#ifndef GRADSWEEP_SWEEP_COUPLINGS_H
#define GRADSWEEP_SWEEP_COUPLINGS_H

#include "base/status.h"

#include <stdbool.h>

struct arena;

/* Products of radii and gammas, [radii][gammas] in C order like the (spectral_radius, gamma) plane, rounded to 12
 * significant digits, so that 0.6 * 0.5 and 1.2 * 0.25 are one. */
struct couplings {
    long count;       /* of those that are distinct */
    double *distinct; /* [count], ascending */
    double *values;   /* [radii * gammas] */
    long *numbers;    /* [radii * gammas]: values[i] = distinct[numbers[i]]; they do not fall along gamma */
    long *before;     /* [count + 1]: how many of the plane have a lower number */
};

/* Of ascending radii and gammas; native: one radius, which is not read. Memory comes from the arena. Errors:
 * STATUS_MEMORY. */
CHECKED enum status couplings_find(struct arena *arena, bool native, long radius_count, const double *radii,
                                   long gamma_count, const double *gammas, struct couplings *couplings);

#endif
