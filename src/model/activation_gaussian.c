/* Activations made of the Gaussian density p(x) and its integral Phi(x): erf, and gelu = x Phi(x). */
#include "model/activation_functions.h"

#include <math.h>

/* exp(-scale x^2), scale a power of two. x^2 is split into its rounded value and the rest: the rounding alone, some
 * x^2 u, would cost three digits in the tails. */
static double exp_minus_square(double x, double scale)
{
    double square = x * x, rest = fma(x, x, -square);
    return exp(-scale * square) * (1 - scale * rest);
}

double activation_erf_value(double x)
{
    return erf(x);
}

double activation_erf_derivative(double x)
{
    if (fabs(x) > 28) /* below the smallest double; also keeps x^2 from overflowing */
        return 0;
    return M_2_SQRTPI * exp_minus_square(x, 1);
}

double activation_erf_log_derivative(double x)
{
    return log(M_2_SQRTPI) - x * x;
}

static const double inverse_sqrt_two_pi = 0.39894228040143267794;
static const double log_sqrt_two_pi = 0.91893853320467274178;

double activation_gelu_value(double x)
{
    return x * (0.5 * erfc(-M_SQRT1_2 * x));
}

/* Phi(x) + x p(x): negative left of x = -0.7518. The two terms differ in size there by x^2, so that they cancel next to
 * the zero alone. */
double activation_gelu_derivative(double x)
{
    if (fabs(x) > 40) /* both tails are beyond double precision; -0.0 keeps the sign of the lost value */
        return x > 0 ? 1 : -0.0;
    return 0.5 * erfc(-M_SQRT1_2 * x) + x * inverse_sqrt_two_pi * exp_minus_square(x, 0.5);
}

/* In the lower tail, with t = -x: |phi'| = p(t) (t - m(t)), m the Mills ratio (1 - Phi)/p, whose asymptotic series
 * 1/t - 1/t^3 + 3/t^5 - ... is right to 1e-16 of t from t = 37 on (its first neglected term is 945/t^11). */
double activation_gelu_log_derivative(double x)
{
    if (x > -37)
        return log(fabs(activation_gelu_derivative(x)));
    double a = 1 / (x * x);
    double mills_over_t = a * (1 - a * (1 - 3 * a * (1 - 5 * a * (1 - 7 * a))));
    return log(-x) - 0.5 * x * x - log_sqrt_two_pi + log1p(-mills_over_t);
}
