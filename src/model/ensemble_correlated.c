/* Ensembles whose opposite entries are correlated: symmetric, antisymmetric and elliptic, all of the form a G + b G^T
 * with G ginibre. */
#include "model/ensemble_law.h"

#include <math.h>

enum { RUN = 512 };

/* W = own G + opposite G^T. With |own| = |opposite| it is symmetric or antisymmetric to the last bit. */
struct mixture {
    struct random_stream stream;
    long hidden_size;
    double scale; /* of G */
    double own, opposite;
};

/* values hold all of G: each entry is drawn once, which halves the cost. */
static void mix_whole(const struct mixture *mixture, double *values)
{
    const long d = mixture->hidden_size;
    for (long j = 0; j < d; j++)
        for (long i = 0; i <= j; i++) {
            double upper = values[j * d + i], lower = values[i * d + j];
            values[j * d + i] = mixture->own * upper + mixture->opposite * lower;
            values[i * d + j] = mixture->own * lower + mixture->opposite * upper;
        }
}

/* values hold a part of G; opposite to its column j lies row j of G, a run of the stream. */
static void mix_part(const struct mixture *mixture, const struct matrix_part *part, double *values)
{
    double opposite[RUN];
    for (long j = 0; j < part->columns; j++)
        for (long i = 0; i < part->rows; i += RUN) {
            const long count = part->rows - i < RUN ? part->rows - i : RUN;
            const uint64_t row = (uint64_t)(part->first_column + j), column = (uint64_t)(part->first_row + i);
            double *entries = values + j * part->rows + i;
            random_normal(&mixture->stream, 0, row * (uint64_t)mixture->hidden_size + column, (uint64_t)count,
                          opposite);
            for (long k = 0; k < count; k++)
                entries[k] = mixture->own * entries[k] + mixture->opposite * (mixture->scale * opposite[k]);
        }
}

static enum status draw_mixture(const struct network_key *key, double own, double opposite,
                                const struct matrix_part *part, double *values)
{
    const long hidden_size = key->hidden_size;
    const struct mixture mixture = { .stream = ensemble_stream(key, "weights"),
                                     .hidden_size = hidden_size,
                                     .scale = sqrt(1.0 / (double)hidden_size),
                                     .own = own,
                                     .opposite = opposite };
    ensemble_fill_normal(&mixture.stream, 0, hidden_size, mixture.scale, part, values);
    if (part->rows == hidden_size && part->columns == hidden_size)
        mix_whole(&mixture, values);
    else
        mix_part(&mixture, part, values);
    return STATUS_OK;
}

static enum status draw_symmetric(const struct network_key *key, long step, const struct matrix_part *part,
                                  double *values)
{
    (void)step;
    return draw_mixture(key, sqrt(0.125), sqrt(0.125), part, values);
}

static enum status draw_antisymmetric(const struct network_key *key, long step, const struct matrix_part *part,
                                      double *values)
{
    (void)step;
    return draw_mixture(key, sqrt(0.125), -sqrt(0.125), part, values);
}

/* own^2 + opposite^2 = 1 and 2 own opposite = tau give variance 1/d and correlation tau off the diagonal; on it the
 * same sum has variance (1 + tau)/d, as in the real elliptic law. */
static enum status draw_elliptic(const struct network_key *key, long step, const struct matrix_part *part,
                                 double *values)
{
    (void)step;
    double tau = key->ensemble->parameters[0], sum = sqrt(1 + tau), difference = sqrt(1 - tau),
           divisor = 2 * (1 + fabs(tau));
    return draw_mixture(key, (sum + difference) / divisor, (sum - difference) / divisor, part, values);
}

const struct ensemble_kind ensemble_kind_symmetric = {
    .name = "symmetric",
    .help = "(G + G^T)/sqrt 8, G ginibre",
    .spectrum = SPECTRUM_SYMMETRIC,
    .draw_part = draw_symmetric,
};

const struct ensemble_kind ensemble_kind_antisymmetric = {
    .name = "antisymmetric",
    .help = "(G - G^T)/sqrt 8, G ginibre",
    .spectrum = SPECTRUM_ANTISYMMETRIC,
    .draw_part = draw_antisymmetric,
};

const struct ensemble_kind ensemble_kind_elliptic = {
    .name = "elliptic",
    .help = "variance 1/d, corr(W_ij, W_ji) = tau, divided by 1 + |tau|",
    .parameter_count = 1,
    .parameters = { { .name = "tau",
                      .help = "correlation of opposite entries",
                      .default_value = 0.5,
                      .lowest = -1,
                      .highest = 1 } },
    .spectrum = SPECTRUM_COMPUTED,
    .draw_part = draw_elliptic,
};
