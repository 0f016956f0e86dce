#include "model/scaled_state.h"

#include "linalg/block.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>

enum {
    UNSCALED_RANGE = 332, /* |log2| of the largest element up to which the exponent is 0 */
    MANTISSA_RANGE = 200  /* |log2| up to which the largest mantissa may drift before it is brought back to 1 */
};

static const double LEAST_UNSHIFTED_DERIVATIVE = 1e-200;
static const double LEAST_NEAR_DERIVATIVE = 0x1p-900;
/* Whoever is flat nowhere has zeros of phi', such as gelu's at -0.75, only near 0. */
static const double LEAST_FAR_STATE = 16;

/* mantissa * 2^exponent; exponents beyond an int give 0 or infinity, as much smaller ones do already. */
static double scale(double mantissa, int64_t exponent)
{
    int64_t limited = exponent > INT_MAX ? INT_MAX : exponent < INT_MIN ? INT_MIN : exponent;
    return scalbn(mantissa, (int)limited);
}

/* The element itself, the largest double where it is beyond. NaN stays. */
static double clamped(double mantissa, int64_t exponent)
{
    double x = exponent == 0 ? mantissa : scale(mantissa, exponent);
    return isinf(x) ? copysign(DBL_MAX, x) : x;
}

static bool is_bounded(const struct activation *activation)
{
    return activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
}

/* phi(x) / 2^exponent for an unbounded phi and exponent > 0: the asymptote where x itself is beyond double precision.
 */
static double exploding_value(const struct activation *activation, double mantissa, int64_t exponent)
{
    double x = scale(mantissa, exponent);
    return isinf(x) ? activation->slope_at_infinity[mantissa > 0] * mantissa : scale(activation->value(x), -exponent);
}

int64_t scaled_state_activate(const struct activation *activation, double gamma, long count, const double *mantissas,
                              int64_t exponent, double *values)
{
    double factor = gamma / activation->derivative_supremum;
    if (exponent < 0 && activation->vanishes_at_zero) {
        for (long i = 0; i < count; i++)
            values[i] = factor * (activation->slope_at_zero[mantissas[i] > 0] * mantissas[i]);
        return exponent;
    }
    if (exponent > 0 && !is_bounded(activation)) {
        for (long i = 0; i < count; i++)
            values[i] = factor * exploding_value(activation, mantissas[i], exponent);
        return exponent;
    }
    for (long i = 0; i < count; i++) /* phi(x) is of order 1 whatever the exponent */
        values[i] = factor * activation->value(clamped(mantissas[i], exponent));
    return 0;
}

/* phi'(x). Below the unscaled range x may underflow to 0, which is a kink of some activations; phi'(0) is the slope on
 * its left in all of them. */
static double derivative_at(const struct activation *activation, double mantissa, int64_t exponent)
{
    if (exponent < 0 && !isnan(mantissa))
        return activation->slope_at_zero[mantissa > 0];
    return activation->derivative(clamped(mantissa, exponent));
}

/* The same with a shift, from logarithms. A derivative that underflowed kept its sign. */
static double shifted_derivative(const struct activation *activation, long count, const double *mantissas,
                                 int64_t exponent, double *derivatives)
{
    double largest = -INFINITY;
    for (long i = 0; i < count; i++)
        largest = fmax(largest, activation->log_derivative(clamped(mantissas[i], exponent)));
    if (largest == -INFINITY) /* all exactly zero, or not numbers */
        return 0;
    for (long i = 0; i < count; i++) {
        double logarithm = activation->log_derivative(clamped(mantissas[i], exponent));
        derivatives[i] = copysign(exp(logarithm - largest), derivatives[i]) / activation->derivative_supremum;
    }
    return largest;
}

double scaled_state_derivative(const struct activation *activation, long count, const double *mantissas,
                               int64_t exponent, double *derivatives)
{
    for (long i = 0; i < count; i++)
        derivatives[i] = derivative_at(activation, mantissas[i], exponent);
    if (block_largest_magnitude(derivatives, count) < LEAST_UNSHIFTED_DERIVATIVE)
        return shifted_derivative(activation, count, mantissas, exponent, derivatives);
    for (long i = 0; i < count; i++)
        derivatives[i] /= activation->derivative_supremum;
    return 0;
}

/* Of a derivative that is 0 or nearly so beside the others: what it is, from its logarithm. */
static enum derivative_spread spread_of(const struct activation *activation, double mantissa, int64_t exponent,
                                        double derivative, double shift, double *wide, int64_t *wide_exponent)
{
    const double log2_high = 0x1.62e42fefa3800p-1, log2_low = 0x1.ef35793c76730p-45; /* ln 2, the first of 42 bits */
    const double most = 0x1p40; /* exponents up to which their product with the first is exact */
    const double x = clamped(mantissa, exponent), logarithm = activation->log_derivative(x);
    if (exponent < 0) /* a slope at 0 */
        return SPREAD_NEAR;
    if (logarithm == -INFINITY)
        return activation->is_flat_somewhere || fabs(x) < LEAST_FAR_STATE ? SPREAD_NEAR : SPREAD_BEYOND;
    const double power = rint((logarithm - shift) / M_LN2);
    if (!(fabs(power) < most))
        return SPREAD_BEYOND;
    if (wide != NULL) {
        const double rest = (logarithm - shift - power * log2_high) - power * log2_low;
        *wide = copysign(exp(rest), derivative) / activation->derivative_supremum;
        *wide_exponent = (int64_t)power;
    }
    return SPREAD_WIDE;
}

enum derivative_spread scaled_state_spread(const struct activation *activation, long count, const double *mantissas,
                                           int64_t exponent, const double *derivatives, double shift, double *wide,
                                           int64_t *exponents)
{
    enum derivative_spread spread = SPREAD_NEAR;
    for (long i = 0; i < count; i++) {
        if (wide != NULL) {
            wide[i] = derivatives[i];
            exponents[i] = 0;
        }
        if (!(fabs(derivatives[i]) < LEAST_NEAR_DERIVATIVE))
            continue;
        enum derivative_spread own = spread_of(activation, mantissas[i], exponent, derivatives[i], shift,
                                               wide ? &wide[i] : NULL, exponents ? &exponents[i] : NULL);
        spread = own > spread ? own : spread;
    }
    return spread;
}

int64_t scaled_state_advance(double gain, const double *drive, long count, double *mantissas, int64_t exponent)
{
    /* A vanishing state is taken up to the drive's exponent, 0; what underflows there is beyond the drive's last bit.
     */
    int64_t sum_exponent = drive != NULL && exponent < 0 ? 0 : exponent;
    for (long i = 0; i < count; i++)
        mantissas[i] *= gain;
    if (sum_exponent != exponent)
        for (long i = 0; i < count; i++)
            mantissas[i] = scale(mantissas[i], exponent - sum_exponent);
    if (drive != NULL && sum_exponent == 0)
        for (long i = 0; i < count; i++)
            mantissas[i] += drive[i];
    else if (drive != NULL)
        for (long i = 0; i < count; i++)
            mantissas[i] += scale(drive[i], -sum_exponent);
    return scaled_state_normalise(count, mantissas, sum_exponent);
}

int64_t scaled_state_normalise(long count, double *mantissas, int64_t exponent)
{
    double largest = block_largest_magnitude(mantissas, count);
    if (!isfinite(largest))
        return exponent;
    if (largest == 0)
        return 0;
    int drift = ilogb(largest);
    int64_t magnitude = drift + exponent, wanted = exponent; /* of the largest element itself */
    if (-UNSCALED_RANGE <= magnitude && magnitude < UNSCALED_RANGE)
        wanted = 0;
    else if (exponent == 0 || drift < -MANTISSA_RANGE || drift > MANTISSA_RANGE)
        wanted = magnitude;
    if (wanted != exponent)
        for (long i = 0; i < count; i++)
            mantissas[i] = scale(mantissas[i], exponent - wanted);
    return wanted;
}
