/* Ensembles without chance: the cyclic shift, and the chain. */
#include "model/ensemble_law.h"

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

static enum status draw_cycle(const struct network_key *key, long step, const struct matrix_part *part, double *values)
{
    (void)step;
    const struct shift shift = { key->hidden_size, 1, true };
    ensemble_fill_part(part, fill_shift, &shift, values);
    return STATUS_OK;
}

static enum status draw_chain(const struct network_key *key, long step, const struct matrix_part *part, double *values)
{
    (void)step;
    const struct shift shift = { key->hidden_size, key->ensemble->parameters[0], false };
    ensemble_fill_part(part, fill_shift, &shift, values);
    return STATUS_OK;
}

const struct ensemble_kind ensemble_kind_cycle = {
    .name = "cycle",
    .help = "the cyclic shift",
    .spectrum = SPECTRUM_ALL_ONE,
    .draw_part = draw_cycle,
};

const struct ensemble_kind ensemble_kind_chain = {
    .name = "chain",
    .help = "one superdiagonal; its spectral radius is 0",
    .parameter_count = 1,
    .parameters = { { .name = "coupling",
                      .help = "the superdiagonal's value",
                      .default_value = 1,
                      .lowest = -1e100,
                      .highest = 1e100 } },
    .spectrum = SPECTRUM_NILPOTENT,
    .is_far_from_normal = true,
    .draw_part = draw_chain,
};
