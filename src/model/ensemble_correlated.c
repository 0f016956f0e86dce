/* Ensembles whose opposite entries are correlated: symmetric, antisymmetric and elliptic, all of the form a G + b G^T
 * with G ginibre. */
#include "model/ensemble_draw.h"

#include <math.h>

/* W := own G + opposite G^T. With |own| = |opposite| the result is symmetric or antisymmetric to the last bit. */
static void draw_mixture(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica, double own,
                         double opposite, double *values)
{
    struct random_stream stream = ensemble_stream(ensemble, seed, hidden_size, replica, "weights");
    ensemble_fill_normal(&stream, 0, hidden_size, sqrt(1.0 / (double)hidden_size), values);
    for (long j = 0; j < hidden_size; j++)
        for (long i = 0; i <= j; i++) {
            double upper = values[j * hidden_size + i], lower = values[i * hidden_size + j];
            values[j * hidden_size + i] = own * upper + opposite * lower;
            values[i * hidden_size + j] = own * lower + opposite * upper;
        }
}

enum status ensemble_draw_symmetric(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                    long step, double *values, double *radius)
{
    (void)step;
    (void)radius;
    draw_mixture(ensemble, seed, hidden_size, replica, sqrt(0.125), sqrt(0.125), values);
    return STATUS_OK;
}

enum status ensemble_draw_antisymmetric(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                        long step, double *values, double *radius)
{
    (void)step;
    (void)radius;
    draw_mixture(ensemble, seed, hidden_size, replica, sqrt(0.125), -sqrt(0.125), values);
    return STATUS_OK;
}

/* own^2 + opposite^2 = 1 and 2 own opposite = tau give variance 1/d and correlation tau off the diagonal; on it the
 * same sum has variance (1 + tau)/d, as in the real elliptic law. */
enum status ensemble_draw_elliptic(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                   long step, double *values, double *radius)
{
    (void)step;
    (void)radius;
    double tau = ensemble->parameters[0], sum = sqrt(1 + tau), difference = sqrt(1 - tau),
           divisor = 2 * (1 + fabs(tau));
    draw_mixture(ensemble, seed, hidden_size, replica, (sum + difference) / divisor, (sum - difference) / divisor,
                 values);
    return STATUS_OK;
}
