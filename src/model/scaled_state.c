#include "model/scaled_state.h"

#include "base/power_of_two.h"
#include "linalg/magnitude.h"
#include "linalg/vectorised.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

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

/* Elements at a time where something of them has to be kept meanwhile. */
enum { PIECE = 256 };

static long piece_length(long first, long count)
{
    return count - first < PIECE ? count - first : PIECE;
}

/* mantissas[count] * 2^exponent, infinite where that is beyond: the mantissas themselves, or in `room`. */
static const double *states_of(long count, const double *mantissas, int64_t exponent, double *room)
{
    if (exponent == 0)
        return mantissas;
    for (long i = 0; i < count; i++)
        room[i] = scale(mantissas[i], exponent);
    return room;
}

static bool is_bounded(const struct activation *activation)
{
    return activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
}

/* slopes[i] := slope_at_zero on the mantissa's side; a NaN stays. */
VECTORISED static void slopes_at_zero(const struct activation *activation, long count, const double *restrict mantissas,
                                      double *restrict slopes)
{
    const double left = activation->slope_at_zero[0], right = activation->slope_at_zero[1];
    for (long i = 0; i < count; i++)
        slopes[i] = mantissas[i] > 0 ? right : isnan(mantissas[i]) ? mantissas[i] : left;
}

VECTORISED static void scale_products(double factor, long count, const double *restrict mantissas,
                                      double *restrict values)
{
    for (long i = 0; i < count; i++)
        values[i] = factor * (values[i] * mantissas[i]);
}

/* values[i] /= 2^exponent, of an unbounded phi; its asymptote where x itself is beyond double precision. */
static void scale_exploding(const struct activation *activation, double factor, long count, const double *mantissas,
                            int64_t exponent, const double *x, double *values)
{
    for (long i = 0; i < count; i++)
        values[i] = isinf(x[i]) ? factor * (activation->slope_at_infinity[mantissas[i] > 0] * mantissas[i])
                                : scale(values[i], -exponent);
}

int64_t scaled_state_activate(const struct activation *activation, double gamma, long count, const double *mantissas,
                              int64_t exponent, double *values)
{
    const double factor = gamma / activation->derivative_supremum;
    if (exponent < 0 && activation->vanishes_at_zero) {
        slopes_at_zero(activation, count, mantissas, values);
        scale_products(factor, count, mantissas, values);
        return exponent;
    }
    const bool is_exploding = exponent > 0 && !is_bounded(activation);
    double room[PIECE];
    for (long first = 0; first < count; first += PIECE) {
        const long length = piece_length(first, count);
        const double *x = states_of(length, mantissas + first, exponent, room);
        activation_values(activation, length, x, factor, values + first);
        if (is_exploding)
            scale_exploding(activation, factor, length, mantissas + first, exponent, x, values + first);
    }
    return is_exploding ? exponent : 0; /* elsewhere phi(x) is of order 1 whatever the exponent */
}

void scaled_states_activate(const struct activation *activation, double gamma, const struct block *states,
                            struct block *values)
{
    activation_values(activation, states->stride * states->columns, states->values,
                      gamma / activation->derivative_supremum, values->values);
    block_clear_padding(values);
}

/* Derivatives with a shift, from logarithms. One that underflowed kept its sign. */
static double shifted_derivatives(const struct activation *activation, long count, const double *mantissas,
                                  int64_t exponent, double *derivatives)
{
    double room[PIECE], logarithms[PIECE], largest = -INFINITY;
    for (long first = 0; first < count; first += PIECE) {
        const long length = piece_length(first, count);
        const double *x = states_of(length, mantissas + first, exponent, room);
        activation_log_derivatives(activation, length, x, logarithms);
        for (long i = 0; i < length; i++)
            largest = fmax(largest, logarithms[i]);
    }
    if (largest == -INFINITY) /* all exactly zero, or not numbers */
        return 0;
    for (long first = 0; first < count; first += PIECE) {
        const long length = piece_length(first, count);
        const double *x = states_of(length, mantissas + first, exponent, room);
        activation_log_derivatives(activation, length, x, logarithms);
        for (long i = 0; i < length; i++)
            derivatives[first + i] =
                copysign(exp(logarithms[i] - largest), derivatives[first + i]) / activation->derivative_supremum;
    }
    return largest;
}

/* The least and the largest |element|; a NaN is the largest. */
VECTORISED static void find_extremes(long count, const double *values, double *least, double *largest)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (long i = 0; i < count; i++) {
        low = magnitude_smaller(magnitude_of(values[i]), low);
        high = magnitude_larger(magnitude_of(values[i]), high);
    }
    *least = magnitude_value(low);
    *largest = magnitude_value(high);
}

/* The shift of the derivatives of a column of states that do not vanish, which it is applied to. */
static double shift_of(const struct activation *activation, long count, const double *mantissas, int64_t exponent,
                       double *derivatives, bool *may_be_wide)
{
    double least, largest;
    if (activation->is_piecewise_linear)
        return 0;
    find_extremes(count, derivatives, &least, &largest);
    *may_be_wide = least < LEAST_NEAR_DERIVATIVE;
    if (largest < LEAST_UNSHIFTED_DERIVATIVE)
        return shifted_derivatives(activation, count, mantissas, exponent, derivatives);
    return 0;
}

/* Whether nothing need be shifted in any column, nor looked at: the derivatives of 0, in the padding, are no obstacle.
 * One of both differences is negative where a magnitude is below the least or not finite. */
VECTORISED static bool are_all_near(long count, const double *derivatives)
{
    const uint64_t least = magnitude_of(LEAST_UNSHIFTED_DERIVATIVE), most = magnitude_of(DBL_MAX);
    uint64_t differences = 0;
    for (long i = 0; i < count; i++) {
        const uint64_t magnitude = magnitude_of(derivatives[i]);
        differences |= (magnitude - least) | (most - magnitude);
    }
    return differences >> 63 == 0;
}

/* What is known of phi'(x) / sup|phi'| as it comes from the activation, of columns whose exponents are 0. */
static bool judge_derivatives(const struct activation *activation, const struct block *states, double *derivatives,
                              double *shifts, bool *may_be_wide)
{
    struct block view = *states;
    view.values = derivatives;
    const bool are_near =
        !activation->is_piecewise_linear && are_all_near(states->stride * states->columns, derivatives);
    block_clear_padding(&view);
    for (long c = 0; c < states->columns; c++) {
        may_be_wide[c] = false;
        shifts[c] = are_near ? 0
                             : shift_of(activation, states->rows, block_column(states, c), 0, block_column(&view, c),
                                        &may_be_wide[c]);
    }
    return are_near;
}

bool scaled_states_differentiate(const struct activation *activation, double gamma, const struct block *states,
                                 struct block *values, double *derivatives, double *shifts, bool *may_be_wide)
{
    activation_values_and_derivatives(activation, states->stride * states->columns, states->values,
                                      gamma / activation->derivative_supremum, values->values, derivatives);
    block_clear_padding(values);
    return judge_derivatives(activation, states, derivatives, shifts, may_be_wide);
}

double scaled_state_derivative(const struct activation *activation, long count, const double *mantissas,
                               int64_t exponent, double *derivatives, bool *may_be_wide)
{
    double room[PIECE];
    *may_be_wide = false;
    if (exponent < 0) { /* x may underflow to 0, a kink of some activations */
        slopes_at_zero(activation, count, mantissas, derivatives);
        for (long i = 0; i < count; i++)
            derivatives[i] /= activation->derivative_supremum;
        return 0;
    }
    for (long first = 0; first < count; first += PIECE) {
        const long length = piece_length(first, count);
        activation_derivatives(activation, length, states_of(length, mantissas + first, exponent, room),
                               derivatives + first);
    }
    return shift_of(activation, count, mantissas, exponent, derivatives, may_be_wide);
}

/* Of a derivative that is 0 or nearly so beside the others: what it is, from its logarithm. */
static enum derivative_spread spread_of(const struct activation *activation, double x, double logarithm,
                                        double derivative, double shift, double *wide, int64_t *wide_exponent)
{
    const double log2_high = 0x1.62e42fefa3800p-1, log2_low = 0x1.ef35793c76730p-45; /* ln 2, the first of 42 bits */
    const double most = 0x1p40; /* exponents up to which their product with the first is exact */
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

VECTORISED static bool is_any_below(double limit, long count, const double *values)
{
    int found = 0;
    for (long i = 0; i < count; i++)
        found |= fabs(values[i]) < limit;
    return found != 0;
}

enum derivative_spread scaled_state_spread(const struct activation *activation, long count, const double *mantissas,
                                           int64_t exponent, const double *derivatives, double shift, double *wide,
                                           int64_t *exponents)
{
    double room[PIECE], logarithms[PIECE];
    enum derivative_spread spread = SPREAD_NEAR;
    if (wide != NULL) {
        memcpy(wide, derivatives, (size_t)count * sizeof *wide);
        memset(exponents, 0, (size_t)count * sizeof *exponents);
    }
    for (long first = 0; exponent >= 0 && first < count; first += PIECE) { /* below are slopes at 0, of one size */
        const long length = piece_length(first, count);
        if (!is_any_below(LEAST_NEAR_DERIVATIVE, length, derivatives + first))
            continue;
        const double *x = states_of(length, mantissas + first, exponent, room);
        activation_log_derivatives(activation, length, x, logarithms);
        for (long i = first; i < first + length; i++) {
            if (!(fabs(derivatives[i]) < LEAST_NEAR_DERIVATIVE))
                continue;
            const enum derivative_spread own =
                spread_of(activation, x[i - first], logarithms[i - first], derivatives[i], shift,
                          wide ? &wide[i] : NULL, exponents ? &exponents[i] : NULL);
            spread = own > spread ? own : spread;
        }
    }
    return spread;
}

int64_t scaled_state_normalise(long count, double *mantissas, int64_t exponent)
{
    const double largest = block_largest_magnitude(mantissas, count);
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

/* The highest bit in *others is set where a number is neither 0 nor within the range where the exponent of a column is
 * 0. Written with differences: comparisons of such vectors become one of each element. */
static inline __attribute__((always_inline)) void find_others(const block_rows *rows, block_words *others)
{
    const uint64_t least = magnitude_of(power_of_two(-UNSCALED_RANGE)),
                   beyond = magnitude_of(power_of_two(UNSCALED_RANGE));
    const block_words magnitude = (block_words)*rows & UINT64_MAX >> 1;
    *others |= ((magnitude - least) | (beyond - 1 - magnitude)) & (0 - magnitude);
}

static bool are_none(const block_words *others)
{
    uint64_t any = 0;
    for (int lane = 0; lane < BLOCK_ROW_UNIT; lane++)
        any |= (*others)[lane];
    return any >> 63 == 0;
}

/* rows := gain * rows + drive (NULL: none) */
static inline __attribute__((always_inline)) void advance_rows(double gain, const double *drive, double *rows,
                                                               block_words *others)
{
    block_rows value = *(const block_rows *)rows * gain;
    if (drive != NULL)
        value += *(const block_rows *)drive;
    *(block_rows *)rows = value;
    find_others(&value, others);
}

/* Returns whether the exponents of all columns stay 0. */
VECTORISED static bool advance_columns(const double *gains, const double *drive, const struct block *states)
{
    block_words others = { 0 };
    for (long c = 0; c < states->columns; c++) {
        double *mantissas = block_column(states, c);
        const double gain = gains[c];
        for (long i = 0; i < states->stride; i += BLOCK_ROW_UNIT)
            advance_rows(gain, drive ? drive + i : NULL, mantissas + i, &others);
    }
    return are_none(&others);
}

/* Likewise. */
VECTORISED static bool are_columns_unscaled(const struct block *states)
{
    block_words others = { 0 };
    for (long i = 0; i < states->stride * states->columns; i += BLOCK_ROW_UNIT)
        find_others((const block_rows *)(states->values + i), &others);
    return are_none(&others);
}

bool scaled_states_advance(const double *gains, const double *drive, struct block *states, int64_t *exponents)
{
    const bool are_all_unscaled = advance_columns(gains, drive, states);
    for (long c = 0; !are_all_unscaled && c < states->columns; c++)
        exponents[c] = scaled_state_normalise(states->rows, block_column(states, c), 0);
    return are_all_unscaled;
}

bool scaled_states_normalise(struct block *states, bool are_moderate, int64_t *exponents, bool *are_lost)
{
    const bool stay_unscaled = are_moderate || are_columns_unscaled(states);
    bool are_all_unscaled = stay_unscaled;
    for (long c = 0; c < states->columns; c++) {
        if (exponents[c] != 0 || !stay_unscaled)
            exponents[c] = scaled_state_normalise(states->rows, block_column(states, c), exponents[c]);
        are_all_unscaled = are_all_unscaled && exponents[c] == 0;
    }
    *are_lost = !stay_unscaled && !isfinite(block_largest_magnitude(states->values, states->stride * states->columns));
    return are_all_unscaled;
}
