/* Ensembles of independent entries: ginibre, untied, uniform and sparse. */
#include "model/ensemble_law.h"

#include <math.h>

/* Runs of so many entries, so many rows at a time: a tile stays in the first-level cache while it is turned. */
enum { TILE_ROWS = 16, TILE_COLUMNS = 256 };

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

struct matrix_part ensemble_whole(long hidden_size)
{
    return (struct matrix_part){ .rows = hidden_size, .columns = hidden_size };
}

/* values[rows] in a part of so many rows := the rows of the tile, of so many columns */
static void turn(long rows, long columns, const double *tile, long part_rows, double *values)
{
    for (long j = 0; j < columns; j++)
        for (long i = 0; i < rows; i++)
            values[j * part_rows + i] = tile[i * columns + j];
}

void ensemble_fill_part(const struct matrix_part *part, ensemble_fill_run *fill, const void *source, double *values)
{
    double tile[TILE_ROWS * TILE_COLUMNS];
    for (long row = 0; row < part->rows; row += TILE_ROWS) {
        const long rows = smaller(TILE_ROWS, part->rows - row);
        for (long column = 0; column < part->columns; column += TILE_COLUMNS) {
            const long columns = smaller(TILE_COLUMNS, part->columns - column);
            for (long i = 0; i < rows; i++)
                fill(source, part->first_row + row + i, part->first_column + column, columns, tile + i * columns);
            turn(rows, columns, tile, part->rows, values + column * part->rows + row);
        }
    }
}

/* The same where a row of so many entries is followed by the next one: short rows are drawn together, since numbers
 * cost less by the hundred. */
static void fill_rows(const struct matrix_part *part, long row_length, ensemble_fill_run *fill, const void *source,
                      double *values)
{
    double tile[TILE_COLUMNS];
    const long columns = part->columns, at_once = columns > 0 ? TILE_COLUMNS / columns : 0;
    if (columns < row_length || at_once < 2) {
        ensemble_fill_part(part, fill, source, values);
        return;
    }
    for (long row = 0; row < part->rows; row += at_once) {
        const long rows = smaller(at_once, part->rows - row);
        fill(source, part->first_row + row, 0, rows * columns, tile);
        turn(rows, columns, tile, part->rows, values + row);
    }
}

/* What the entries of a matrix are drawn from. */
struct entries {
    struct random_stream stream;
    struct random_stream pattern; /* of sparse ones */
    uint64_t step;
    long hidden_size;
    double scale;
    double density;
};

static uint64_t element(const struct entries *entries, long row, long column)
{
    return (uint64_t)row * (uint64_t)entries->hidden_size + (uint64_t)column;
}

static void fill_normal(const void *source, long row, long first_column, long count, double *values)
{
    const struct entries *entries = source;
    random_normal(&entries->stream, entries->step, element(entries, row, first_column), (uint64_t)count, values);
    for (long j = 0; j < count; j++)
        values[j] *= entries->scale;
}

static void fill_uniform(const void *source, long row, long first_column, long count, double *values)
{
    const struct entries *entries = source;
    random_uniform(&entries->stream, 0, element(entries, row, first_column), (uint64_t)count, values);
    for (long j = 0; j < count; j++)
        values[j] = entries->scale * (2 * values[j] - 1);
}

static void fill_sparse(const void *source, long row, long first_column, long count, double *values)
{
    const struct entries *entries = source;
    double chance[TILE_COLUMNS];
    fill_normal(source, row, first_column, count, values);
    random_uniform(&entries->pattern, 0, element(entries, row, first_column), (uint64_t)count, chance);
    for (long j = 0; j < count; j++)
        values[j] = chance[j] < entries->density ? values[j] : 0;
}

void ensemble_fill_normal(const struct random_stream *stream, long step, long hidden_size, double scale,
                          const struct matrix_part *part, double *values)
{
    const struct entries entries = {
        .stream = *stream, .step = (uint64_t)step, .hidden_size = hidden_size, .scale = scale
    };
    fill_rows(part, hidden_size, fill_normal, &entries, values);
}

static enum status draw_untied(const struct network_key *key, long step, const struct matrix_part *part, double *values)
{
    struct random_stream stream = ensemble_stream(key, "weights");
    ensemble_fill_normal(&stream, step, key->hidden_size, sqrt(1.0 / (double)key->hidden_size), part, values);
    return STATUS_OK;
}

/* The one matrix that ginibre keeps is what untied would draw at step 0. */
static enum status draw_ginibre(const struct network_key *key, long step, const struct matrix_part *part,
                                double *values)
{
    (void)step;
    return draw_untied(key, 0, part, values);
}

static enum status draw_uniform(const struct network_key *key, long step, const struct matrix_part *part,
                                double *values)
{
    (void)step;
    const struct entries entries = { .stream = ensemble_stream(key, "weights"),
                                     .hidden_size = key->hidden_size,
                                     .scale = sqrt(3.0 / (double)key->hidden_size) };
    fill_rows(part, key->hidden_size, fill_uniform, &entries, values);
    return STATUS_OK;
}

static enum status draw_sparse(const struct network_key *key, long step, const struct matrix_part *part, double *values)
{
    (void)step;
    const double density = key->ensemble->parameters[0];
    const struct entries entries = { .stream = ensemble_stream(key, "weights"),
                                     .pattern = ensemble_stream(key, "weights/pattern"),
                                     .hidden_size = key->hidden_size,
                                     .scale = sqrt(1.0 / (density * (double)key->hidden_size)),
                                     .density = density };
    fill_rows(part, key->hidden_size, fill_sparse, &entries, values);
    return STATUS_OK;
}

const struct ensemble_kind ensemble_kind_ginibre = {
    .name = "ginibre",
    .help = "independent N(0, 1/d)",
    .spectrum = SPECTRUM_COMPUTED,
    .draw_part = draw_ginibre,
};

const struct ensemble_kind ensemble_kind_uniform = {
    .name = "uniform",
    .help = "independent, uniform on +-sqrt(3/d)",
    .spectrum = SPECTRUM_COMPUTED,
    .draw_part = draw_uniform,
};

const struct ensemble_kind ensemble_kind_sparse = {
    .name = "sparse",
    .help = "each entry N(0, 1/(density d)) with probability `density`, else 0",
    .parameter_count = 1,
    .parameters = { { .name = "density",
                      .help = "probability of an entry",
                      .default_value = 0.1,
                      .lowest = 0,
                      .highest = 1,
                      .lowest_excluded = true } },
    .spectrum = SPECTRUM_COMPUTED,
    .is_far_from_normal = true, /* often nearly nilpotent */
    .draw_part = draw_sparse,
};

const struct ensemble_kind ensemble_kind_untied = {
    .name = "untied",
    .help = "a fresh ginibre at every step; the spectral radius is then a gain",
    .spectrum = SPECTRUM_NONE,
    .is_fresh_at_every_step = true,
    .draw_part = draw_untied,
};
