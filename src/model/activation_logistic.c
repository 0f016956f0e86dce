/* Activations made of the logistic function s(x) = 1 / (1 + exp(-x)): sigmoid, tanh and silu.
 *
 * 1 - s(x) is s(-x), and 1 - tanh^2 x is 4 e / (1 + e)^2 with e = exp(-2|x|): written so, nothing cancels in the tails,
 * where the textbook forms are exactly 0 from |x| = 19 or 37 on. */
#include "model/activation_functions.h"

#include <math.h>

double activation_sigmoid_value(double x)
{
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

double activation_sigmoid_derivative(double x)
{
    double e = exp(-fabs(x)), sum = 1 + e;
    return e / (sum * sum);
}

double activation_sigmoid_log_derivative(double x)
{
    return -(fabs(x) + 2 * log1p(exp(-fabs(x))));
}

double activation_tanh_value(double x)
{
    return tanh(x);
}

double activation_tanh_derivative(double x)
{
    double e = exp(-2 * fabs(x)), sum = 1 + e;
    return 4 * e / (sum * sum);
}

/* -2 ln cosh x. Near 0 the form for the tails cancels, and cosh^2 = 1 + sinh^2 does not. */
double activation_tanh_log_derivative(double x)
{
    if (fabs(x) < 1) {
        double sine = sinh(x);
        return -log1p(sine * sine);
    }
    return -2 * (fabs(x) + log1p(exp(-2 * fabs(x))) - M_LN2);
}

double activation_silu_value(double x)
{
    return x * activation_sigmoid_value(x);
}

/* s (1 + x (1 - s)): negative left of x = -1.278. */
double activation_silu_derivative(double x)
{
    return activation_sigmoid_value(x) * (1 + x * activation_sigmoid_value(-x));
}

double activation_silu_log_derivative(double x)
{
    double log_sigmoid = fmin(x, 0) - log1p(exp(-fabs(x)));
    return log_sigmoid + log(fabs(1 + x * activation_sigmoid_value(-x)));
}
