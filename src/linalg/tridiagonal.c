#include "linalg/tridiagonal.h"

#include <math.h>

static const double UNIT_ROUNDOFF = 0x1p-53;

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

/* No eigenvalue is larger, nor smaller than its negative (Gershgorin). */
static double largest_possible(long n, const double *diagonal, const double *off_diagonal)
{
    double largest = 0, before = 0;
    for (long i = 0; i < n; i++) {
        const double after = i < n - 1 ? fabs(off_diagonal[i]) : 0;
        largest = fmax(largest, before + fabs(diagonal[i]) + after);
        before = after;
    }
    return largest;
}

/* Laguerre's step from x down towards the largest eigenvalue, which it does not pass: n over
 * p'/p + sqrt((n - 1) (n ((p'/p)^2 - p''/p) - (p'/p)^2)), p the characteristic polynomial (Wilkinson, The Algebraic
 * Eigenvalue Problem, ch. 7). Of q, the ratio of two of its leading minors, and of the derivatives of q all terms have
 * the same sign. False where some q is not positive: x is not above all eigenvalues (Sturm). */
static bool laguerre_step(long n, const double *diagonal, const double *off_diagonal, double x, double *step)
{
    double q = x - diagonal[0], first = 1, second = 0; /* q, q', q'' */
    double sum = 0, sum_of_squares = 0;                /* of 1 / (x - eigenvalue) */
    for (long i = 0; q > 0; i++) {
        const double inverse = 1 / q, ratio = first * inverse;
        sum += ratio;
        sum_of_squares += ratio * ratio - second * inverse;
        if (i == n - 1)
            break;
        const double factor = off_diagonal[i] * inverse, square = factor * factor;
        q = (x - diagonal[i + 1]) - off_diagonal[i] * factor;
        second = square * (second - 2 * first * ratio);
        first = 1 + square * first;
    }
    const double order = (double)n, root = (order - 1) * fmax(0, order * sum_of_squares - sum * sum);
    *step = order / (sum + sqrt(root));
    return q > 0;
}

/* The largest eigenvalue between `low`, below which it is not, and `high`, to within `resolution`: by bisection. */
static double bisect(long n, const double *diagonal, const double *off_diagonal, double low, double high,
                     double resolution)
{
    while (high - low > resolution) {
        const double middle = low + (high - low) / 2;
        if (tridiagonal_is_above_all(n, diagonal, off_diagonal, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Cubic convergence takes some five steps; where eigenvalues lie so close that it is slow, bisection takes over. What
 * either finds is proven by Sturm's counts on both sides. */
void tridiagonal_top(long n, const double *diagonal, const double *off_diagonal, double *eigenvalue, double *vector,
                     double *work)
{
    enum { MOST_STEPS = 24 };
    const double largest = largest_possible(n, diagonal, off_diagonal), margin = 16 * UNIT_ROUNDOFF * largest;
    const double resolution = margin / 8;
    double x = largest + margin, step = 0;
    for (int i = 0; i < MOST_STEPS && laguerre_step(n, diagonal, off_diagonal, x, &step); i++) {
        x -= step;
        if (step <= resolution)
            break;
    }
    if (!tridiagonal_is_above_all(n, diagonal, off_diagonal, x + margin))
        x = bisect(n, diagonal, off_diagonal, x, largest + margin, resolution);
    else if (tridiagonal_is_above_all(n, diagonal, off_diagonal, x - margin))
        x = bisect(n, diagonal, off_diagonal, -largest - margin, x, resolution);
    const double correction = twisted_eigenvector(n, diagonal, off_diagonal, x, vector, work, work + n);
    *eigenvalue = x + fmax(-margin, fmin(correction, margin));
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
