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
    static const struct activation name##_row = { __VA_ARGS__ };                                    \
    ALWAYS_INLINE double name##_argument(double x)                                                  \
    {                                                                                               \
        return name##_row.needs_no_clamps ? x : clamp(x, DBL_MAX);                                  \
    }                                                                                               \
    ALWAYS_INLINE double name##_slope(double argument)                                              \
    {                                                                                               \
        const double slope = name##_derivative(argument) / (supremum);                              \
        return name##_row.needs_no_clamps ? slope : clamp(slope, 1);                                \
    }                                                                                               \
    static void name##_values(long count, const double *x, double factor, double *restrict results) \
    {                                                                                               \
        for (long i = 0; i < count; i++)                                                            \
            results[i] = factor * name##_value(name##_argument(x[i]));                              \
    }                                                                                               \
    static void name##_derivatives(long count, const double *x, double *restrict results)           \
    {                                                                                               \
        for (long i = 0; i < count; i++)                                                            \
            results[i] = name##_slope(name##_argument(x[i]));                                       \
    }                                                                                               \
    static void name##_both(long count, const double *x, double factor, double *restrict values,    \
                            double *restrict derivatives)                                           \
    {                                                                                               \
        for (long i = 0; i < count; i++) {                                                          \
            const double argument = name##_argument(x[i]);                                          \
            values[i] = factor * name##_value(argument);                                            \
            derivatives[i] = name##_slope(argument);                                                \
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
