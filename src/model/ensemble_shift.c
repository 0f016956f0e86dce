/* Ensembles without chance: the cyclic shift, and the chain. */
#include "model/ensemble_draw.h"

/* x_i receives from its successor i + 1 in both; in the cycle the last one from the first. */
struct shift {
    long hidden_size;
    double coupling;
    bool is_closed;
};

static void fill_shift(const void *source, long row, long first_column, long count, double *values)
{
    const struct shift *shift = source;
    for (long j = 0; j < count; j++) {
        const long column = first_column + j;
        const bool closes = shift->is_closed && column == 0 && row == shift->hidden_size - 1;
        values[j] = column == row + 1 || closes ? shift->coupling : 0;
    }
}

enum status ensemble_draw_cycle(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                long step, const struct matrix_part *part, double *values)
{
    (void)ensemble;
    (void)seed;
    (void)replica;
    (void)step;
    const struct shift shift = { hidden_size, 1, true };
    ensemble_fill_part(part, fill_shift, &shift, values);
    return STATUS_OK;
}

enum status ensemble_draw_chain(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                long step, const struct matrix_part *part, double *values)
{
    (void)seed;
    (void)replica;
    (void)step;
    const struct shift shift = { hidden_size, ensemble->parameters[0], false };
    ensemble_fill_part(part, fill_shift, &shift, values);
    return STATUS_OK;
}
