#include "linalg/tridiagonal.h"

#include "linalg/lapack.h"

#include <math.h>
#include <string.h>

static double away_from_zero(double pivot, double tiny)
{
    return fabs(pivot) < tiny ? tiny : pivot;
}

/* Eigenvector by the twisted factorisation of T - theta (Parlett and Dhillon, Linear Algebra Appl. 267 (1997) 247):
 * eliminate from both ends, meet where the last pivot is smallest, substitute outwards. No component is a difference of
 * large numbers. `down` and `up` hold the pivots of the two eliminations.
 * Returns the Rayleigh quotient of the vector less theta: the last pivot over the vector's square. */
static double twisted_eigenvector(long n, const double *diagonal, const double *off_diagonal, double theta,
                                  double *vector, double *down, double *up)
{
    const double tiny = 0x1p-110 * (fabs(theta) + 0x1p-900);
    down[0] = away_from_zero(diagonal[0] - theta, tiny);
    for (long i = 1; i < n; i++)
        down[i] = away_from_zero((diagonal[i] - theta) - off_diagonal[i - 1] / down[i - 1] * off_diagonal[i - 1], tiny);
    up[n - 1] = away_from_zero(diagonal[n - 1] - theta, tiny);
    for (long i = n - 2; i >= 0; i--)
        up[i] = away_from_zero((diagonal[i] - theta) - off_diagonal[i] / up[i + 1] * off_diagonal[i], tiny);

    long twist = 0;
    double smallest = INFINITY;
    for (long i = 0; i < n; i++) {
        double pivot = down[i] + (up[i] - (diagonal[i] - theta));
        if (fabs(pivot) < fabs(smallest)) {
            smallest = pivot;
            twist = i;
        }
    }
    vector[twist] = 1;
    double square = 1;
    for (long i = twist - 1; i >= 0; i--) {
        vector[i] = -off_diagonal[i] / down[i] * vector[i + 1];
        square += vector[i] * vector[i];
    }
    for (long i = twist + 1; i < n; i++) {
        vector[i] = -off_diagonal[i - 1] / up[i] * vector[i - 1];
        square += vector[i] * vector[i];
    }
    double norm = sqrt(square);
    for (long i = 0; i < n; i++)
        vector[i] /= norm;
    return smallest / square;
}

enum status tridiagonal_top(long n, const double *diagonal, const double *off_diagonal, double *eigenvalue,
                            double *vector, double *work)
{
    const int order = (int)n;
    int info = 0;
    double *d = work, *e = work + n;
    memcpy(d, diagonal, (size_t)n * sizeof *d);
    memcpy(e, off_diagonal, (size_t)(n - 1) * sizeof *e);
    dsterf_(&order, d, e, &info);
    if (info != 0)
        return status_fail(STATUS_NUMERICAL, "LAPACK's dsterf did not converge for a tridiagonal matrix of order %ld",
                           n);
    *eigenvalue = d[n - 1];
    twisted_eigenvector(n, diagonal, off_diagonal, *eigenvalue, vector, d, e);
    return STATUS_OK;
}

void tridiagonal_refine(long n, const double *diagonal, const double *off_diagonal, double *eigenvalue, double *vector,
                        double *work)
{
    *eigenvalue += twisted_eigenvector(n, diagonal, off_diagonal, *eigenvalue, vector, work, work + n);
}

bool tridiagonal_is_above_all(long n, const double *diagonal, const double *off_diagonal, double value)
{
    double pivot = diagonal[0] - value;
    for (long i = 1; i < n && pivot < 0; i++)
        pivot = (diagonal[i] - value) - off_diagonal[i - 1] / pivot * off_diagonal[i - 1];
    return pivot < 0;
}
