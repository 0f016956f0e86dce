/* Ensembles of independent entries: ginibre, untied, uniform and sparse. */
#include "model/ensemble_draw.h"

#include <math.h>

enum { TILE = 32 };

void ensemble_transpose(long hidden_size, double *values)
{
    /* by square tiles, so that both sides of a swap stay in cache at any size */
    for (long column_tile = 0; column_tile < hidden_size; column_tile += TILE)
        for (long row_tile = column_tile; row_tile < hidden_size; row_tile += TILE)
            for (long j = column_tile; j < column_tile + TILE && j < hidden_size; j++)
                for (long i = row_tile > j ? row_tile : j + 1; i < row_tile + TILE && i < hidden_size; i++) {
                    double kept = values[j * hidden_size + i];
                    values[j * hidden_size + i] = values[i * hidden_size + j];
                    values[i * hidden_size + j] = kept;
                }
}

void ensemble_fill_normal(const struct random_stream *stream, long step, long hidden_size, double scale, double *values)
{
    long count = hidden_size * hidden_size;
    random_normal(stream, (uint64_t)step, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] *= scale;
    ensemble_transpose(hidden_size, values); /* drawn row by row */
}

enum status ensemble_draw_untied(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                 long step, double *values, double *radius)
{
    (void)radius;
    struct random_stream stream = ensemble_stream(ensemble, seed, hidden_size, replica, "weights");
    ensemble_fill_normal(&stream, step, hidden_size, sqrt(1.0 / (double)hidden_size), values);
    return STATUS_OK;
}

/* The one matrix that ginibre keeps is what untied would draw at step 0. */
enum status ensemble_draw_ginibre(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                  long step, double *values, double *radius)
{
    (void)step;
    return ensemble_draw_untied(ensemble, seed, hidden_size, replica, 0, values, radius);
}

enum status ensemble_draw_uniform(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                  long step, double *values, double *radius)
{
    (void)step;
    (void)radius;
    struct random_stream stream = ensemble_stream(ensemble, seed, hidden_size, replica, "weights");
    long count = hidden_size * hidden_size;
    double half_width = sqrt(3.0 / (double)hidden_size);
    random_uniform(&stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] = half_width * (2 * values[i] - 1);
    ensemble_transpose(hidden_size, values);
    return STATUS_OK;
}

enum status ensemble_draw_sparse(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                 long step, double *values, double *radius)
{
    (void)step;
    (void)radius;
    enum { CHUNK = 512 };
    double density = ensemble->parameters[0], scale = sqrt(1.0 / (density * (double)hidden_size)), chance[CHUNK];
    struct random_stream entries = ensemble_stream(ensemble, seed, hidden_size, replica, "weights"),
                         pattern = ensemble_stream(ensemble, seed, hidden_size, replica, "weights/pattern");
    long count = hidden_size * hidden_size;
    random_normal(&entries, 0, 0, (uint64_t)count, values);
    for (long first = 0; first < count; first += CHUNK) {
        long taken = count - first < CHUNK ? count - first : CHUNK;
        random_uniform(&pattern, 0, (uint64_t)first, (uint64_t)taken, chance);
        for (long i = 0; i < taken; i++)
            values[first + i] = chance[i] < density ? scale * values[first + i] : 0;
    }
    ensemble_transpose(hidden_size, values);
    return STATUS_OK;
}
