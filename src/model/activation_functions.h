/* The functions behind the table of activation.c; private to it. Each file holds a family:
 * activation_piecewise.c, activation_logistic.c, activation_gaussian.c. All are scalar, so that a value's bits depend
 * on its argument alone, and all give NaN for NaN. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_FUNCTIONS_H
#define GRADSWEEP_MODEL_ACTIVATION_FUNCTIONS_H

#define ACTIVATION_LEAK 0.01 /* slope of leaky_relu for x <= 0 */

/* phi, phi' and ln |phi'| as activation.h describes them. */
#define ACTIVATION_DECLARE(name)                     \
    double activation_##name##_value(double x);      \
    double activation_##name##_derivative(double x); \
    double activation_##name##_log_derivative(double x)

ACTIVATION_DECLARE(identity);
ACTIVATION_DECLARE(tanh);
ACTIVATION_DECLARE(sigmoid);
ACTIVATION_DECLARE(relu);
ACTIVATION_DECLARE(leaky_relu);
ACTIVATION_DECLARE(softsign);
ACTIVATION_DECLARE(erf);
ACTIVATION_DECLARE(hard_tanh);
ACTIVATION_DECLARE(sin);
ACTIVATION_DECLARE(gelu);
ACTIVATION_DECLARE(silu);
ACTIVATION_DECLARE(elu);

#undef ACTIVATION_DECLARE

#endif
