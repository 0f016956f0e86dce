/* File ensembles: W as it stands in a file. */
#include "model/ensemble_draw.h"

enum status ensemble_draw_file(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                               long step, double *values, double *radius)
{
    (void)seed;
    (void)replica;
    (void)step;
    (void)radius;
    TRY(network_weights_read(&ensemble->source, hidden_size, values));
    ensemble_transpose(hidden_size, values); /* rows follow each other in the file, columns here */
    return STATUS_OK;
}
