/* Ensembles without chance: the cyclic shift, and the chain. */
#include "model/ensemble_draw.h"

#include <string.h>

/* x_i receives from its successor i + 1, in both. */
static void fill_superdiagonal(long hidden_size, double coupling, double *values)
{
    memset(values, 0, (size_t)(hidden_size * hidden_size) * sizeof *values);
    for (long i = 0; i + 1 < hidden_size; i++)
        values[(i + 1) * hidden_size + i] = coupling;
}

enum status ensemble_draw_cycle(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                long step, double *values, double *radius)
{
    (void)ensemble;
    (void)seed;
    (void)replica;
    (void)step;
    (void)radius;
    fill_superdiagonal(hidden_size, 1, values);
    values[hidden_size - 1] = 1; /* row d - 1, column 0 */
    return STATUS_OK;
}

enum status ensemble_draw_chain(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                long step, double *values, double *radius)
{
    (void)seed;
    (void)replica;
    (void)step;
    (void)radius;
    fill_superdiagonal(hidden_size, ensemble->parameters[0], values);
    return STATUS_OK;
}
