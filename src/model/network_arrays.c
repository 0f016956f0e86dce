/* What a run reads from network files: arrays whose fingerprints the sweep knows. */
#include "base/memory.h"
#include "model/network_file.h"

#include <stdbool.h>
#include <string.h>

/* Failures of a file that was good when the sweep was read. */
static enum status as_io(enum status status)
{
    return status == STATUS_OK || status == STATUS_MEMORY ? status : STATUS_IO;
}

static enum status refuse_change(const struct network_source *source, enum network_array array)
{
    return status_fail(STATUS_IO, "%s: %s is no longer what it was when the sweep was read", source->path,
                       network_array_name(array));
}

static enum status read_verified(struct network_file *file, const struct network_source *source,
                                 enum network_array array, double *values)
{
    char fingerprint[NETWORK_FINGERPRINT_TEXT];
    TRY(network_file_read(file, array, values, fingerprint));
    return strcmp(fingerprint, source->fingerprints[array]) == 0 ? STATUS_OK : refuse_change(source, array);
}

/* Whether a file that was good still has a sequence; ALL_SEQUENCES it has. */
static bool has_sequence(const struct network_shape *shape, long sequence)
{
    return shape->rank > 0 && (shape->sequences == 0 || sequence < shape->sequences);
}

/* The values that are kept of an array. */
static long kept_values(const struct network_shape *shape, long sequence)
{
    const long kept = shape->sequences > 0 && sequence == ALL_SEQUENCES ? shape->sequences : 1;
    return kept * shape->sizes[0] * shape->sizes[1];
}

static enum status read_array(struct network_file *file, const struct network_source *source, enum network_array array,
                              long sequence, struct network_arrays *arrays)
{
    struct network_shape *shape = &arrays->shapes[array];
    TRY(network_file_shape(file, array, shape));
    if (!has_sequence(shape, sequence))
        return refuse_change(source, array);
    TRY(memory_allocate(&arrays->values[array], kept_values(shape, sequence), "an array of a network file"));
    if (shape->sequences == 0 || sequence == ALL_SEQUENCES)
        return read_verified(file, source, array, arrays->values[array]);
    TRY(read_verified(file, source, array, NULL));
    return network_file_read_sequence(file, array, sequence, arrays->values[array]);
}

enum status network_arrays_read(const struct network_source *source, long sequence, struct network_arrays *arrays)
{
    SCOPED(network_file) *file = NULL;
    SCOPED(network_arrays) read = { 0 };
    *arrays = read;
    TRY(network_file_open(source->path, &file));
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        if (array != NETWORK_WEIGHTS && source->fingerprints[array][0] != '\0')
            TRY(as_io(read_array(file, source, (enum network_array)array, sequence, &read)));
    *arrays = scope_keep(&read);
    return STATUS_OK;
}

static enum status turn_array(struct network_file *file, const struct network_source *source, enum network_array array,
                              long sequence, struct network_arrays *arrays)
{
    struct network_shape shape;
    TRY(network_file_shape(file, array, &shape));
    if (memcmp(shape.sizes, arrays->shapes[array].sizes, sizeof shape.sizes) != 0 || !has_sequence(&shape, sequence))
        return refuse_change(source, array);
    return network_file_read_sequence(file, array, sequence, arrays->values[array]);
}

enum status network_arrays_turn(const struct network_source *source, long sequence, struct network_arrays *arrays)
{
    SCOPED(network_file) *file = NULL;
    for (int array = 0; array < NETWORK_ARRAYS; array++) {
        if (arrays->values[array] == NULL || arrays->shapes[array].sequences == 0)
            continue;
        if (file == NULL)
            TRY(network_file_open(source->path, &file));
        TRY(as_io(turn_array(file, source, (enum network_array)array, sequence, arrays)));
    }
    return STATUS_OK;
}

void network_arrays_free(struct network_arrays *arrays)
{
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        memory_free(arrays->values[array]);
    *arrays = (struct network_arrays){ 0 };
}

static enum status require_shape(struct network_file *file, const struct network_source *source, long hidden_size)
{
    struct network_shape shape;
    TRY(network_file_shape(file, NETWORK_WEIGHTS, &shape));
    if (shape.rank != 2 || shape.sizes[0] != hidden_size || shape.sizes[1] != hidden_size)
        return refuse_change(source, NETWORK_WEIGHTS);
    return STATUS_OK;
}

/* A file whose W has the right shape; its owner's to close, also where this fails. */
static enum status open_weights(const struct network_source *source, long hidden_size, struct network_file **file)
{
    TRY(network_file_open(source->path, file));
    return as_io(require_shape(*file, source, hidden_size));
}

enum status network_weights_verify(const struct network_source *source, long hidden_size)
{
    SCOPED(network_file) *file = NULL;
    TRY(open_weights(source, hidden_size, &file));
    return as_io(read_verified(file, source, NETWORK_WEIGHTS, NULL));
}

/* Elements that are turned from the file's order to ours at a time. */
enum { PIECE_ELEMENTS = 1 << 21 };

static enum status read_part(struct network_file *file, const struct matrix_part *part, double *values)
{
    SCOPED_MEMORY double *piece = NULL;
    const long columns = part->columns, at_once = columns < PIECE_ELEMENTS ? PIECE_ELEMENTS / (columns + 1) + 1 : 1;
    const long most = part->rows < at_once ? part->rows : at_once;
    TRY(memory_allocate(&piece, most * columns, "rows of a network file"));
    for (long row = 0, rows; row < part->rows; row += rows) {
        rows = part->rows - row < most ? part->rows - row : most;
        const struct matrix_part lines = { part->first_row + row, rows, part->first_column, columns };
        TRY(network_file_read_part(file, NETWORK_WEIGHTS, &lines, piece));
        for (long j = 0; j < columns; j++)
            for (long i = 0; i < rows; i++)
                values[j * part->rows + row + i] = piece[i * columns + j];
    }
    return STATUS_OK;
}

enum status network_weights_read_part(const struct network_source *source, long hidden_size,
                                      const struct matrix_part *part, double *values)
{
    SCOPED(network_file) *file = NULL;
    TRY(open_weights(source, hidden_size, &file));
    return as_io(read_part(file, part, values));
}
