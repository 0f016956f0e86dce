/* The loops of every activation, for one instruction set. The file that includes it has set its target and defined
 * ACTIVATION_LOOPS, the name of the array of loops. No include guard: it is meant to be included once in each of them.
 */

#include "model/activation_internal.h"

#include "model/activation_gaussian.h"
#include "model/activation_logistic.h"
#include "model/activation_piecewise.h"
#include "model/activation_sine.h"

/* NaN stays. */
ALWAYS_INLINE double clamp(double x, double largest)
{
    return copysign(fabs(x) > largest ? largest : fabs(x), x);
}

#define ACTIVATION(name, supremum, ...)                                                             \
    static void name##_values(long count, const double *x, double factor, double *restrict results) \
    {                                                                                               \
        for (long i = 0; i < count; i++)                                                            \
            results[i] = factor * name##_value(clamp(x[i], DBL_MAX));                               \
    }                                                                                               \
    static void name##_derivatives(long count, const double *x, double *restrict results)           \
    {                                                                                               \
        for (long i = 0; i < count; i++)                                                            \
            results[i] = clamp(name##_derivative(clamp(x[i], DBL_MAX)) / (supremum), 1);            \
    }                                                                                               \
    static void name##_both(long count, const double *x, double factor, double *restrict values,    \
                            double *restrict derivatives)                                           \
    {                                                                                               \
        for (long i = 0; i < count; i++) {                                                          \
            const double clamped = clamp(x[i], DBL_MAX);                                            \
            values[i] = factor * name##_value(clamped);                                             \
            derivatives[i] = clamp(name##_derivative(clamped) / (supremum), 1);                     \
        }                                                                                           \
    }                                                                                               \
    static void name##_log_derivatives(long count, const double *x, double *restrict results)       \
    {                                                                                               \
        for (long i = 0; i < count; i++)                                                            \
            results[i] = name##_log_derivative(clamp(x[i], DBL_MAX));                               \
    }
#include "model/activation_table.h"
#undef ACTIVATION

#define ACTIVATION(name, ...) { name##_values, name##_derivatives, name##_both, name##_log_derivatives },
static const struct activation_loops ACTIVATION_LOOPS[] = {
#include "model/activation_table.h"
};
#undef ACTIVATION
