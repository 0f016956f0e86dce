#include "store/create.h"

#include "base/memory.h"
#include "h5/file.h"
#include "h5/scope.h"
#include "parallel/stop.h"
#include "store/disk.h"
#include "store/output.h"
#include "store/publish.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Small enough for any rank's memory, large enough for the disk to be busy. */
enum { FILL_BYTES = 4 << 20 };
/* After so many bytes a rank, all agree whether to go on: a failure or a stop request on one of them ends the filling.
 */
enum { AGREED_BYTES = 64 << 20 };

struct filling {
    const struct world *world; /* NULL: this process alone */
    const struct layout *layout;
    const struct shard_cells *shard;
    int rank, ranks;
    hid_t file;
    char *buffer;
    uint64_t since_agreed; /* bytes of the largest share, so that all ranks agree at the same places */
    enum status status;    /* of this rank, since then */
};

static enum status agree(const struct world *world, enum status status)
{
    return world ? world_agree(world, status) : status;
}

static enum status agree_on_filling(struct filling *filling)
{
    filling->since_agreed = 0;
    if (filling->status == STATUS_OK && stop_requested())
        filling->status = status_fail(STATUS_STOPPED, "stopped%s%s before it was made; run again to make it",
                                      stop_reason()[0] ? " by " : "", stop_reason());
    return filling->status = agree(filling->world, filling->status);
}

static enum status write_piece(const struct filling *filling, const struct layout_dataset *rule, hid_t dataset,
                               uint64_t first, uint64_t count)
{
    if (count == 0)
        return STATUS_OK;
    return status_prefix(h5_dataset_write(dataset, rule->element, first, count, filling->buffer), "filling %s",
                         rule->name);
}

/* This rank's share of a dataset, in rounds of `piece` elements: as many as the first rank's, whose share is the
 * largest. A rank that failed goes on without writing until all agree: the others count on it there. */
static enum status fill_share(struct filling *filling, const struct layout_dataset *rule, hid_t dataset,
                              uint64_t elements)
{
    const size_t size = h5_element_size(rule->element);
    const uint64_t piece = FILL_BYTES / size;
    uint64_t first, left, largest_share;
    world_share(elements, 0, filling->ranks, &first, &largest_share);
    world_share(elements, filling->rank, filling->ranks, &first, &left);
    for (uint64_t done = 0; done < largest_share; done += piece) {
        const uint64_t count = left < piece ? left : piece;
        if (filling->status == STATUS_OK)
            filling->status = write_piece(filling, rule, dataset, first, count);
        first += count;
        left -= count;
        filling->since_agreed += piece * size;
        if (filling->since_agreed >= AGREED_BYTES)
            TRY(agree_on_filling(filling));
    }
    return STATUS_OK;
}

/* This rank's share of the places of a shard's cells: every so-manyth of its ranges. All ranks agree after the same
 * number of ranges, when these have AGREED_BYTES on average. */
static enum status fill_ranges(struct filling *filling, const struct layout_dataset *rule, hid_t dataset)
{
    const struct shard_cells *shard = filling->shard;
    const size_t size = h5_element_size(rule->element);
    const uint64_t elements = layout_elements_per_cell(filling->layout, rule), piece = FILL_BYTES / size;
    for (uint64_t round = 0; round < shard->range_count; round += (uint64_t)filling->ranks) {
        const uint64_t range = round + (uint64_t)filling->rank;
        uint64_t first = 0, cells = 0;
        if (range < shard->range_count)
            shard->range_at(shard->context, range, &first, &cells);
        for (uint64_t at = first * elements, end = (first + cells) * elements, count; at < end; at += count) {
            count = end - at < piece ? end - at : piece;
            if (filling->status == STATUS_OK)
                filling->status = write_piece(filling, rule, dataset, at, count);
        }
        filling->since_agreed += shard->mark.cells * elements * size / shard->range_count + 1;
        if (filling->since_agreed >= AGREED_BYTES)
            TRY(agree_on_filling(filling));
    }
    return STATUS_OK;
}

/* buffer := so many untouched elements, or all that it has room for. */
static void fill_buffer(const struct layout_dataset *rule, uint64_t elements, char *buffer)
{
    const size_t size = h5_element_size(rule->element), most = FILL_BYTES / size;
    const size_t bytes = (elements < most ? elements : most) * size;
    if (bytes > 0)
        layout_fill_element(rule, buffer);
    for (size_t filled = size; filled < bytes; filled *= 2)
        memcpy(buffer + filled, buffer, bytes - filled < filled ? bytes - filled : filled);
}

static enum status fill_dataset(struct filling *filling, const struct layout_dataset *rule)
{
    const uint64_t elements = h5_shape_elements(&rule->shape);
    fill_buffer(rule, elements, filling->buffer);
    SCOPED_ID dataset = H5I_INVALID_HID;
    if (filling->status == STATUS_OK)
        filling->status = h5_dataset_open(filling->file, rule->name, rule->element, &rule->shape, &dataset);
    return filling->shard && layout_is_of_cells(rule) ? fill_ranges(filling, rule, dataset)
                                                      : fill_share(filling, rule, dataset, elements);
}

/* Of a small sweep's buffer no more than is written of it: fresh pages take longer than their writing. */
static size_t buffer_bytes(const struct layout *layout)
{
    uint64_t largest = 1;
    for (size_t i = 0; i < layout->count; i++) {
        const struct layout_dataset *rule = &layout->datasets[i];
        const uint64_t bytes = h5_shape_elements(&rule->shape) * h5_element_size(rule->element);
        largest = bytes > largest ? bytes : largest;
    }
    return largest < FILL_BYTES ? (size_t)largest : FILL_BYTES;
}

/* Writes this rank's share of untouched elements into every dataset of the file, of those with a place for each cell
 * only to the shard's, and flushes it. All ranks end it together, soon after one of them failed or heard of a stop
 * request. Collective where a world is given; the closing and flushing are not agreed. */
static enum status fill_all(const struct world *world, const struct layout *layout, const struct shard_cells *shard,
                            const char *path)
{
    SCOPED_MEMORY char *buffer = NULL;
    struct filling filling = { .world = world,
                               .layout = layout,
                               .shard = shard,
                               .rank = world ? world->rank : 0,
                               .ranks = world ? world->size : 1,
                               .file = H5I_INVALID_HID };
    TRY(agree(world, memory_allocate(&buffer, buffer_bytes(layout), "the buffer to fill the results file from")));
    filling.buffer = buffer;
    enum status status = agree(world, world ? h5_file_open_parallel(path, world->communicator, &filling.file)
                                            : h5_file_open_alone(path, &filling.file));
    for (size_t i = 0; status == STATUS_OK && i < layout->count; i++)
        status = fill_dataset(&filling, &layout->datasets[i]);
    if (status == STATUS_OK)
        status = agree_on_filling(&filling);
    /* Closing is collective: a rank that failed comes here as well. */
    enum status closed = h5_file_close(filling.file, path);
    TRY(status);
    TRY(closed);
    return disk_sync(path);
}

/* Bytes that the file will take on the disk. */
static uint64_t needed_bytes(const struct layout *layout, const struct shard_cells *shard)
{
    return layout_file_bytes(layout) +
           (shard ? layout_data_bytes_of(layout, shard->mark.cells) : layout_data_bytes(layout));
}

/* Rank 0 makes the file, and holds it from the first moment. */
static enum status begin(const struct layout *layout, const struct shard_cells *shard, struct unpublished *unpublished)
{
    const struct shard mark = shard ? shard->mark : (struct shard){ 0 };
    const char *temporary = unpublished->temporary;
    /* Found now, and not in the middle of writing: HDF5 does not recover from a file that it cannot close. */
    TRY(disk_require_space(temporary, needed_bytes(layout, shard)));
    TRY(create_structure(layout, &mark, temporary));
    return hold_take(temporary, &unpublished->hold);
}

enum status create_publish(const struct unpublished *unpublished, const struct identity *replaces, bool *is_taken)
{
    return publish_file(unpublished->temporary, unpublished->path, replaces, is_taken);
}

void create_discard(struct unpublished *unpublished)
{
    struct identity there;
    const bool is_known = unpublished->hold.exclusive >= 0; /* whatever else has come to bear its name is not ours */
    if (unpublished->temporary[0] && (!is_known || (hold_identify(unpublished->temporary, &there) == STATUS_OK &&
                                                    hold_is_same(&there, &unpublished->hold.identity))))
        unlink(unpublished->temporary);
    unpublished->temporary[0] = '\0';
}

/* All ranks know what rank 0 has begun. */
static enum status begin_together(const struct world *world, const struct layout *layout,
                                  const struct shard_cells *shard, const struct owner *owner,
                                  struct unpublished *unpublished)
{
    enum status status = STATUS_OK;
    if (world == NULL || world->rank == 0) {
        status = output_temporary(unpublished->path, owner, unpublished->temporary, sizeof unpublished->temporary);
        if (status == STATUS_OK)
            status = begin(layout, shard, unpublished);
    }
    TRY(agree(world, status));
    return world ? world_broadcast(world->communicator, 0, unpublished->temporary, sizeof unpublished->temporary,
                                   "telling the name of the file in the making")
                 : STATUS_OK;
}

static enum status make_whole(const struct world *world, const struct layout *layout, const struct shard_cells *shard,
                              const char *path, const struct owner *owner, struct unpublished *unpublished)
{
    char directory[PATH_MAX] = "";
    TRY(begin_together(world, layout, shard, owner, unpublished));
    enum status status = disk_directory(path, directory, sizeof directory);
    if (status == STATUS_OK)
        status = fill_all(world, layout, shard, unpublished->temporary);
    if (status == STATUS_STOPPED)
        status = status_prefix(status, "%s", path);
    else if (status != STATUS_OK)
        status = status_prefix(status, "%s: reserving %.1f MB, %.1f MB left on the file system", path,
                               (double)needed_bytes(layout, shard) / 1e6, (double)disk_available(directory) / 1e6);
    return agree(world, status);
}

enum status create_unpublished(const struct world *world, const struct layout *layout, const struct shard_cells *shard,
                               const char *path, const struct owner *owner, struct unpublished *unpublished)
{
    *unpublished = (struct unpublished){ .path = path, .hold = HOLD_NONE };
    enum status status = make_whole(world, layout, shard, path, owner, unpublished);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (world == NULL || world->rank == 0)
        create_discard(unpublished);
    hold_release(&unpublished->hold);
    return status;
}

enum status create_results_file(const struct world *world, const struct layout *layout, const struct shard_cells *shard,
                                const char *path, const struct owner *owner, const struct identity *replaces,
                                struct hold *hold)
{
    struct unpublished unpublished;
    bool is_taken = false;
    TRY(create_unpublished(world, layout, shard, path, owner, &unpublished));
    enum status status =
        world_agree(world, world->rank == 0 ? create_publish(&unpublished, replaces, &is_taken) : STATUS_OK);
    if (status == STATUS_OK) {
        *hold = unpublished.hold;
        return STATUS_OK;
    }
    if (world->rank == 0)
        create_discard(&unpublished);
    hold_release(&unpublished.hold);
    return status;
}
