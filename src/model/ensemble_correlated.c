/* Ensembles whose opposite entries are correlated: symmetric, antisymmetric and elliptic, all of the form a G + b G^T
 * with G ginibre. */
#include "model/ensemble_draw.h"

#include "base/memory.h"

#include <math.h>

/* G and the G^T opposite to it are drawn a square at a time. */
enum { SQUARE = 128 };

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

/* W := own G + opposite G^T. With |own| = |opposite| the result is symmetric or antisymmetric to the last bit. */
static enum status draw_mixture(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                double own, double opposite, const struct matrix_part *part, double *values)
{
    struct random_stream stream = ensemble_stream(ensemble, seed, hidden_size, replica, "weights");
    const double scale = sqrt(1.0 / (double)hidden_size);
    double *here;
    TRY(memory_allocate(&here, 2 * SQUARE * SQUARE, "a square of a weight matrix"));
    double *there = here + SQUARE * SQUARE;
    for (long column = 0; column < part->columns; column += SQUARE)
        for (long row = 0; row < part->rows; row += SQUARE) {
            const struct matrix_part square = { .first_row = part->first_row + row,
                                                .rows = smaller(SQUARE, part->rows - row),
                                                .first_column = part->first_column + column,
                                                .columns = smaller(SQUARE, part->columns - column) };
            const struct matrix_part mirrored = { .first_row = square.first_column,
                                                  .rows = square.columns,
                                                  .first_column = square.first_row,
                                                  .columns = square.rows };
            ensemble_fill_normal(&stream, 0, hidden_size, scale, &square, here);
            ensemble_fill_normal(&stream, 0, hidden_size, scale, &mirrored, there);
            for (long j = 0; j < square.columns; j++)
                for (long i = 0; i < square.rows; i++)
                    values[(column + j) * part->rows + row + i] =
                        own * here[j * square.rows + i] + opposite * there[i * square.columns + j];
        }
    memory_free(here);
    return STATUS_OK;
}

enum status ensemble_draw_symmetric(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                    long step, const struct matrix_part *part, double *values)
{
    (void)step;
    return draw_mixture(ensemble, seed, hidden_size, replica, sqrt(0.125), sqrt(0.125), part, values);
}

enum status ensemble_draw_antisymmetric(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                        long step, const struct matrix_part *part, double *values)
{
    (void)step;
    return draw_mixture(ensemble, seed, hidden_size, replica, sqrt(0.125), -sqrt(0.125), part, values);
}

/* own^2 + opposite^2 = 1 and 2 own opposite = tau give variance 1/d and correlation tau off the diagonal; on it the
 * same sum has variance (1 + tau)/d, as in the real elliptic law. */
enum status ensemble_draw_elliptic(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                   long step, const struct matrix_part *part, double *values)
{
    (void)step;
    double tau = ensemble->parameters[0], sum = sqrt(1 + tau), difference = sqrt(1 - tau),
           divisor = 2 * (1 + fabs(tau));
    return draw_mixture(ensemble, seed, hidden_size, replica, (sum + difference) / divisor,
                        (sum - difference) / divisor, part, values);
}
