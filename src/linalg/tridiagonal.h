/* The top eigenpair of a symmetric tridiagonal matrix T: what Lanczos asks of its projected operator. Not collective.
 */
#ifndef GRADSWEEP_LINALG_TRIDIAGONAL_H
#define GRADSWEEP_LINALG_TRIDIAGONAL_H

#include <stdbool.h>

/* The largest eigenvalue of T (diagonal[n], off_diagonal[n-1], finite and not changed), right to a few units of
 * roundoff of T's norm, and its unit eigenvector into vector[n], each of whose components is right to high relative
 * accuracy where the eigenvalue is isolated: the last ones, which are tiny, too. O(n). `work` holds 2 n doubles. */
void tridiagonal_top(long n, const double *diagonal, const double *off_diagonal, double *eigenvalue, double *vector,
                     double *work);

/* One step of Rayleigh quotient iteration in O(n): from an approximation *eigenvalue it makes a better one and its unit
 * vector. Converges to some eigenpair near by, which need not be the top one. `work` as above. */
void tridiagonal_refine(long n, const double *diagonal, const double *off_diagonal, double *eigenvalue, double *vector,
                        double *work);

/* True if no eigenvalue of T exceeds `value`: Sturm's count, O(n). */
bool tridiagonal_is_above_all(long n, const double *diagonal, const double *off_diagonal, double value);

#endif
