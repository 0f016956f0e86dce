/* File ensembles: W as it stands in a file. */
#include "model/ensemble_draw.h"

enum status ensemble_draw_file(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                               long step, const struct matrix_part *part, double *values)
{
    (void)seed;
    (void)replica;
    (void)step;
    return network_weights_read_part(&ensemble->source, hidden_size, part, values);
}
