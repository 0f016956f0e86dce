/* Haar distributed orthogonal matrices. */
#include "linalg/orthogonal_grid.h"
#include "linalg/spectrum.h"
#include "model/ensemble_law.h"

enum status ensemble_fill_haar(const struct random_stream *stream, long hidden_size, double *values)
{
    const struct matrix_part whole = ensemble_whole(hidden_size);
    ensemble_fill_normal(stream, 0, hidden_size, 1, &whole, values);
    return spectrum_orthogonalise(hidden_size, values);
}

/* What is decomposed. */
struct gaussian {
    const struct random_stream *stream;
    long hidden_size;
};

static enum status fill_gaussian(void *context, long first_row, long rows, long first_column, long columns,
                                 double *values)
{
    const struct gaussian *gaussian = context;
    const struct matrix_part part = {
        .first_row = first_row, .rows = rows, .first_column = first_column, .columns = columns
    };
    ensemble_fill_normal(gaussian->stream, 0, gaussian->hidden_size, 1, &part, values);
    return STATUS_OK;
}

enum status ensemble_fill_haar_on_grid(const struct process_grid *grid, const struct random_stream *stream,
                                       long hidden_size, double *rows, double *columns)
{
    struct gaussian gaussian = { .stream = stream, .hidden_size = hidden_size };
    return orthogonal_grid_factor(grid, hidden_size, fill_gaussian, &gaussian, rows, columns);
}

static enum status draw_orthogonal(const struct network_key *key, double *values, double *radius)
{
    (void)radius;
    struct random_stream stream = ensemble_stream(key, "weights");
    return ensemble_fill_haar(&stream, key->hidden_size, values);
}

static enum status draw_orthogonal_on_grid(const struct process_grid *grid, const struct network_key *key, double *rows,
                                           double *columns, double *radius)
{
    (void)radius;
    struct random_stream stream = ensemble_stream(key, "weights");
    return ensemble_fill_haar_on_grid(grid, &stream, key->hidden_size, rows, columns);
}

const struct ensemble_kind ensemble_kind_orthogonal = {
    .name = "orthogonal",
    .help = "Haar distributed",
    .spectrum = SPECTRUM_ALL_ONE,
    .is_from_qr = true,
    .draw = draw_orthogonal,
    .draw_on_grid = draw_orthogonal_on_grid,
};
