/* File ensembles: W as it stands in a file. */
#include "model/ensemble_law.h"

static enum status draw_file(const struct network_key *key, long step, const struct matrix_part *part, double *values)
{
    (void)step;
    return network_weights_read_part(&key->ensemble->source, key->hidden_size, part, values);
}

const struct ensemble_kind ensemble_kind_file = {
    .name = "file",
    .help = "a network in an HDF5 file, whose hidden size is the only one of the sweep",
    .spectrum = SPECTRUM_COMPUTED,
    .is_file = true,
    .is_far_from_normal = true,
    .draw_part = draw_file,
};
