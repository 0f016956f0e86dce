#include "model/settling.h"

#include "base/memory.h"
#include "linalg/block.h"

#include <math.h>
#include <string.h>

enum { MOST_SQUARINGS = 5 }; /* W^32 shows nearly all that kappa up to 0.95 makes vanish */

static const double SHARE_OF_STEPS = 0.125, UNIT_ROUNDOFF = 0x1p-53;

/* Bounds on ||W_unit^(2^k)||, k = 0 .. count - 1. */
struct power_bounds {
    double of[MOST_SQUARINGS + 1];
    int count;
};

/* ||A||_F of values[count], not rounded down. */
static double frobenius(long count, const double *values)
{
    double sum = 0;
    for (long i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sqrt(sum) * (1 + (double)count * UNIT_ROUNDOFF);
}

/* power := its square. */
static enum status square(struct block *power)
{
    SCOPED(matrix) *left = NULL;
    SCOPED(block) product = { 0 };
    const long d = power->rows;
    TRY(block_create(d, d, &product));
    for (long j = 0; j < d; j++)
        memcpy(product.values + j * d, block_column(power, j), (size_t)d * sizeof *power->values);
    TRY(matrix_create(d, product.values, false, &left));
    TRY(matrix_apply(left, power, &product));
    block_copy(&product, power);
    return STATUS_OK;
}

/* As many as a chain of the largest kappa below 1 needs, and the work allows. `error` bounds what rounding has done to
 * a power: twice the norm times the error of the last, and d u times the square of its norm. */
static enum status bound_powers(struct weights *weights, int most, double largest, struct power_bounds *bounds)
{
    const long d = weights_hidden_size(weights);
    SCOPED(block) power = { 0 };
    const double *values;
    double error = 0;
    TRY(weights_values(weights, 1, &values));
    TRY(block_create(d, d, &power));
    for (long j = 0; j < d; j++)
        memcpy(block_column(&power, j), values + j * d, (size_t)d * sizeof *values);
    for (int k = 0; k <= most; k++) {
        if (k > 0) {
            const double last = bounds->of[k - 1];
            error = 2 * last * error + (double)d * UNIT_ROUNDOFF * last * last;
            TRY(square(&power));
        }
        bounds->of[bounds->count++] = frobenius(power.stride * d, power.values) + error;
        if (pow(largest, (double)(1 << k)) * bounds->of[k] <= 1)
            break;
    }
    return STATUS_OK;
}

/* K of a chain; infinite where these bounds do not tell. */
static double largest_growth(const struct power_bounds *bounds, double kappa)
{
    double growth = 1, factor = kappa;
    for (int k = 0; k < bounds->count; k++, factor *= factor) {
        const double of_power = factor * bounds->of[k];
        if (of_power <= 1)
            return growth;
        growth *= of_power;
    }
    return INFINITY;
}

/* The maximum norm is at least 1 / sqrt d of the Euclidean one. Half of the ball is left to (1 + K kappa ||F||)^steps;
 * rounding of the product, of phi and of the gain is less than (d + 16) u of kappa ||W||_F. */
static double radius_of(const struct power_bounds *bounds, const struct chain *chain, long d, long steps)
{
    const double kappa = chain->gain * chain->gamma, growth = largest_growth(bounds, kappa);
    const double drift = growth * kappa * bounds->of[0] * (double)(d + 16) * UNIT_ROUNDOFF * (double)steps;
    return drift < 0.5 ? chain->activation->linear_within / (2 * growth * sqrt((double)d)) : 0;
}

enum status settling_open(struct weights *weights, long steps, long count, const struct chain *chains,
                          struct settling *settling)
{
    const long d = weights_hidden_size(weights);
    struct power_bounds bounds = { 0 };
    double largest = 0;
    TRY(memory_allocate(&settling->radii, count, "chains that settle"));
    if (weights_grid(weights) != NULL || weights_ensemble(weights)->kind->is_fresh_at_every_step)
        return STATUS_OK;
    for (long c = 0; c < count; c++) {
        const double kappa = chains[c].gain * chains[c].gamma;
        if (chains[c].activation->linear_within > 0 && kappa < 1)
            largest = fmax(largest, kappa);
    }
    const double affordable = SHARE_OF_STEPS * (double)steps * (double)count / (double)d - 1;
    if (largest == 0 || affordable < 0)
        return STATUS_OK;
    TRY(bound_powers(weights, (int)fmin(affordable, MOST_SQUARINGS), largest, &bounds));
    for (long c = 0; c < count; c++)
        settling->radii[c] = radius_of(&bounds, &chains[c], d, steps);
    return STATUS_OK;
}

void settling_close(struct settling *settling)
{
    memory_free(settling->radii);
}

bool settling_has_settled(const struct settling *settling, long chain, long rows, const double *mantissas,
                          int64_t exponent)
{
    return settling->radii != NULL && settling->radii[chain] > 0 && exponent <= 0 &&
           block_largest_magnitude(mantissas, block_stride(rows)) <= settling->radii[chain];
}
