/* What a run reads from network files: arrays whose fingerprints the sweep knows. */
#include "base/memory.h"
#include "model/network_file.h"

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

static enum status read_array(struct network_file *file, const struct network_source *source, enum network_array array,
                              struct network_arrays *arrays)
{
    struct network_shape *shape = &arrays->shapes[array];
    TRY(network_file_shape(file, array, shape));
    if (shape->rank == 0)
        return refuse_change(source, array);
    TRY(memory_allocate(&arrays->values[array], shape->sizes[0] * shape->sizes[1], "an array of a network file"));
    return read_verified(file, source, array, arrays->values[array]);
}

enum status network_arrays_read(const struct network_source *source, struct network_arrays *arrays)
{
    struct network_file *file = NULL;
    *arrays = (struct network_arrays){ 0 };
    TRY(network_file_open(source->path, &file));
    enum status status = STATUS_OK;
    for (int array = 0; array < NETWORK_ARRAYS && status == STATUS_OK; array++)
        if (array != NETWORK_WEIGHTS && source->fingerprints[array][0] != '\0')
            status = read_array(file, source, (enum network_array)array, arrays);
    network_file_close(file);
    if (status != STATUS_OK)
        network_arrays_free(arrays);
    return as_io(status);
}

void network_arrays_free(struct network_arrays *arrays)
{
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        memory_free(arrays->values[array]);
    *arrays = (struct network_arrays){ 0 };
}

static enum status read_weights(struct network_file *file, const struct network_source *source, long hidden_size,
                                double *values)
{
    struct network_shape shape;
    TRY(network_file_shape(file, NETWORK_WEIGHTS, &shape));
    if (shape.rank != 2 || shape.sizes[0] != hidden_size || shape.sizes[1] != hidden_size)
        return refuse_change(source, NETWORK_WEIGHTS);
    return read_verified(file, source, NETWORK_WEIGHTS, values);
}

enum status network_weights_read(const struct network_source *source, long hidden_size, double *values)
{
    struct network_file *file = NULL;
    TRY(network_file_open(source->path, &file));
    enum status status = read_weights(file, source, hidden_size, values);
    network_file_close(file);
    return as_io(status);
}
