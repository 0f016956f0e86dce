#include "store/create.h"

#include "base/memory.h"
#include "h5/file.h"
#include "store/disk.h"
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Small enough for any rank's memory, large enough for the disk to be busy. */
enum { FILL_BYTES = 4 << 20 };

static enum status fill_dataset(const struct world *world, hid_t file, const struct layout_dataset *rule, char *buffer)
{
    const size_t size = h5_element_size(rule->element);
    const uint64_t elements = h5_shape_elements(&rule->shape), ranks = (uint64_t)world->size;
    const uint64_t share = elements / ranks, rest = elements % ranks, rank = (uint64_t)world->rank;
    uint64_t first = rank * share + (rank < rest ? rank : rest);
    const uint64_t end = first + share + (rank < rest);
    const uint64_t piece = FILL_BYTES / size;
    for (uint64_t i = 0; i < piece && i < end - first; i++)
        layout_fill_element(rule, buffer + i * size);

    hid_t dataset = H5I_INVALID_HID;
    TRY(h5_dataset_open(file, rule->name, rule->element, &rule->shape, &dataset));
    enum status status = STATUS_OK;
    for (uint64_t count; status == STATUS_OK && first < end; first += count) {
        count = end - first < piece ? end - first : piece;
        status = h5_dataset_write(dataset, rule->element, first, count, buffer);
    }
    H5Dclose(dataset);
    return status == STATUS_OK ? STATUS_OK : status_prefix(status, "filling %s", rule->name);
}

enum status create_fill(const struct world *world, const struct layout *layout, const char *path)
{
    hid_t file;
    char *buffer = NULL;
    enum status allocated = memory_allocate(&buffer, FILL_BYTES, "the buffer to fill the results file from");
    TRY(world_agree(world, allocated));
    enum status status = h5_file_open_parallel(path, world->communicator, &file);
    for (size_t i = 0; status == STATUS_OK && i < layout->count; i++)
        status = fill_dataset(world, file, &layout->datasets[i], buffer);
    memory_free(buffer);
    if (file < 0)
        return status;
    /* Closing is collective: a rank that failed comes here as well. */
    enum status closed = h5_file_close(file, path);
    if (status == STATUS_OK && closed == STATUS_OK)
        return disk_sync(path);
    return status == STATUS_OK ? closed : status;
}

static enum status begin(const struct layout *layout, const char *temporary)
{
    if (unlink(temporary) != 0 && errno != ENOENT)
        return status_fail(STATUS_IO, "%s: cannot remove what a dead run left: %s", temporary, strerror(errno));
    /* Found now, and not in the middle of writing: HDF5 does not recover from a file that it cannot close. */
    TRY(disk_require_space(temporary, store_predicted_bytes(layout->sweep)));
    return create_structure(layout, temporary);
}

static enum status publish(const char *directory, const char *path, const char *temporary)
{
    TRY(disk_sync(temporary));
    if (rename(temporary, path) != 0)
        return status_fail(STATUS_IO, "%s: cannot rename %s to it: %s", path, temporary, strerror(errno));
    return disk_sync(directory);
}

enum status create_results_file(const struct world *world, const struct layout *layout, const char *path)
{
    char directory[PATH_MAX], temporary[PATH_MAX + sizeof ".tmp"];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    enum status status = disk_directory(path, directory, sizeof directory);
    if (status == STATUS_OK && world->rank == 0)
        status = begin(layout, temporary);
    TRY_OR(failed, world_agree(world, status));

    status = create_fill(world, layout, temporary);
    if (status != STATUS_OK) {
        uint64_t needed = layout_data_bytes(layout), available = disk_available(directory);
        status = status_prefix(status, "%s: reserving %.1f MB, %.1f MB left on the file system", path,
                               (double)needed / 1e6, (double)available / 1e6);
    }
    TRY_OR(failed, world_agree(world, status));

    if (world->rank == 0)
        status = publish(directory, path, temporary);
    TRY_OR(failed, world_agree(world, status));
    return STATUS_OK;
failed:
    if (world->rank == 0)
        unlink(temporary);
    return status;
}
