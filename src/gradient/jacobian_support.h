/* Where units have zero derivatives at all steps of a window, as relu's that stay negative, all factors of a product
 * but the outermost are those of a smaller network: with U the other units and D_i = 0 outside of them, J_l = W D_1 (W
 * D_2) ... (W D_l) = W[:, U] D_1 (W[U, U] D_2) ... (W[U, U] D_l)[:, U], so that a step costs (|U| / d)^2 of what it
 * does otherwise. What is left out of each sum are terms that are exactly zero: no bit is another. Private to
 * gradient/; not collective, and for a rank alone. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_SUPPORT_H
#define GRADSWEEP_GRADIENT_JACOBIAN_SUPPORT_H

#include "gradient/jacobian.h"
#include "linalg/matrix.h"

/* With more of the units than such a share, or at shorter lags, what is saved is not worth a copy of W. */
#define JACOBIAN_SUPPORT_LARGEST_SHARE 0.875
enum { JACOBIAN_SUPPORT_SHORTEST_WINDOW = 8 };

struct jacobian_support {
    long count;            /* of units in U; 0: nothing is gained, and the rest is not there */
    long *units;           /* [count], ascending */
    struct matrix *matrix; /* W[U, U] */
    double *diagonals;     /* [largest lag][chains][stride]: those of U in each D_i */
    long chains, stride;
};

/* U over all chains and steps of a problem. `support` is its owner's to close, also where this fails. Errors:
 * STATUS_MEMORY, and those of weights_at. */
CHECKED enum status jacobian_support_open(const struct jacobian_problem *problem, struct jacobian_support *support);
void jacobian_support_close(struct jacobian_support *support);

/* D_i of one of the problem's chains, i = step_index + 1, padded. */
const double *jacobian_support_diagonal(const struct jacobian_support *support, long step_index, long chain);

/* part[count] := what column[d] has of U, padded; and back, where column's other elements stay. */
void jacobian_support_gather(const struct jacobian_support *support, const double *column, double *part);
void jacobian_support_scatter(const struct jacobian_support *support, const double *part, double *column);

#endif
