/* Activations made of lines, a rational piece, an exponential or a sine. */
#include "model/activation_functions.h"

#include <math.h>

/* `inside` where the condition holds, else `outside`; a NaN argument stays one, so that a lost state cannot pass for a
 * flat derivative. */
static double choose(double x, int condition, double inside, double outside)
{
    return isnan(x) ? x : condition ? inside : outside;
}

double activation_identity_value(double x)
{
    return x;
}

double activation_identity_derivative(double x)
{
    return choose(x, 1, 1, 1);
}

double activation_identity_log_derivative(double x)
{
    return choose(x, 1, 0, 0);
}

double activation_relu_value(double x)
{
    return choose(x, x > 0, x, 0);
}

double activation_relu_derivative(double x)
{
    return choose(x, x > 0, 1, 0);
}

double activation_relu_log_derivative(double x)
{
    return choose(x, x > 0, 0, -INFINITY);
}

double activation_leaky_relu_value(double x)
{
    return x > 0 ? x : ACTIVATION_LEAK * x;
}

double activation_leaky_relu_derivative(double x)
{
    return choose(x, x > 0, 1, ACTIVATION_LEAK);
}

double activation_leaky_relu_log_derivative(double x)
{
    return choose(x, x > 0, 0, log(ACTIVATION_LEAK));
}

double activation_hard_tanh_value(double x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}

double activation_hard_tanh_derivative(double x)
{
    return choose(x, fabs(x) < 1, 1, 0);
}

double activation_hard_tanh_log_derivative(double x)
{
    return choose(x, fabs(x) < 1, 0, -INFINITY);
}

double activation_elu_value(double x)
{
    return x > 0 ? x : expm1(x);
}

double activation_elu_derivative(double x)
{
    return x > 0 ? 1 : exp(x);
}

double activation_elu_log_derivative(double x)
{
    return x > 0 ? 0 : x;
}

double activation_softsign_value(double x)
{
    return x / (1 + fabs(x));
}

double activation_softsign_derivative(double x)
{
    double root = 1 / (1 + fabs(x));
    return root * root;
}

double activation_softsign_log_derivative(double x)
{
    return -2 * log1p(fabs(x));
}

double activation_sin_value(double x)
{
    return sin(x);
}

double activation_sin_derivative(double x)
{
    return cos(x);
}

/* Near |cos| = 1 the logarithm of a rounded cosine would keep no relative accuracy; the sine does. */
double activation_sin_log_derivative(double x)
{
    double cosine = fabs(cos(x)), sine = sin(x);
    return cosine > 0.5 ? 0.5 * log1p(-sine * sine) : log(cosine);
}
