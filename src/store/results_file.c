#include "store/results_file.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/file.h"
#include "store/coordinates.h"
#include "store/create.h"
#include "store/disk.h"
#include "sweep/grid.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4 << 20 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "checksums are over little-endian numbers as they lie in memory");

static enum status open_datasets(struct results_file *results_file)
{
    const struct layout *layout = &results_file->layout;
    for (size_t i = 0; i < layout->count; i++) {
        const struct layout_dataset *rule = &layout->datasets[i];
        TRY(status_prefix(
            h5_dataset_open(results_file->file, rule->name, rule->element, &rule->shape, &results_file->datasets[i]),
            "%s", results_file->path));
    }
    return STATUS_OK;
}

static enum status prepare(const char *path, const struct sweep *sweep, struct results_file *results_file)
{
    *results_file = RESULTS_FILE_NONE;
    results_file->checksum_start = crc32c(0, sweep->hash, strlen(sweep->hash));
    TRY(memory_allocate(&results_file->path, strlen(path) + 1, "a path"));
    strcpy(results_file->path, path);
    return STATUS_OK;
}

static enum status read_version(hid_t file, int64_t *version)
{
    TRY(h5_attribute_read_integer(file, "format_version", version));
    if (*version < FORMAT_OLDEST || *version > FORMAT_VERSION)
        return status_fail(STATUS_FOREIGN_FILE, "its format version is %" PRId64 "; this program reads %d to %d",
                           *version, FORMAT_OLDEST, FORMAT_VERSION);
    return STATUS_OK;
}

static enum status look_at_layout(struct results_file *results_file, const struct sweep *sweep)
{
    int64_t version = 0;
    TRY(read_version(results_file->file, &version));
    TRY(layout_create(sweep, (long)version, &results_file->layout));
    results_file->layout.has_coupling = H5Lexists(results_file->file, coordinates_coupling, H5P_DEFAULT) > 0;
    TRY(memory_allocate(&results_file->datasets, results_file->layout.count, "the handles of the datasets"));
    return shard_read(results_file->file, grid_cell_count(sweep), &results_file->shard);
}

/* Of the opened file. */
static enum status look_into(struct results_file *results_file, const struct sweep *sweep)
{
    const uint64_t cells = grid_cell_count(sweep);
    TRY(status_prefix(look_at_layout(results_file, sweep), "%s", results_file->path));
    results_file->own_cells = shard_is_whole(&results_file->shard) ? cells : results_file->shard.cells;
    return open_datasets(results_file);
}

/* The way to the bytes of a file that is opened with MPI-IO beside it. */
static enum status open_past_mpi(struct results_file *results_file)
{
    const size_t count = results_file->layout.count;
    results_file->writes_past_mpi = !disk_is_nfs(results_file->path);
    TRY(memory_allocate(&results_file->places, count, "the places of the datasets"));
    for (size_t i = 0; i < count; i++)
        TRY(status_prefix(h5_dataset_find(results_file->datasets[i], &results_file->places[i]), "%s: dataset %s",
                          results_file->path, results_file->layout.datasets[i].name));
    return disk_open(results_file->path, results_file->writes_past_mpi, &results_file->descriptor);
}

enum status results_file_open(const char *path, const struct sweep *sweep, const struct world *world,
                              struct results_file *results_file)
{
    enum status status = prepare(path, sweep, results_file);
    if (world)
        status = world_agree(world, status); /* opening is collective */
    TRY(status);
    TRY(world ? h5_file_open_parallel(path, world->communicator, &results_file->file)
              : h5_file_open(path, &results_file->file));
    TRY(look_into(results_file, sweep));
    return world ? open_past_mpi(results_file) : STATUS_OK;
}

enum status results_file_open_alone(const char *path, const struct sweep *sweep, struct results_file *results_file)
{
    TRY(prepare(path, sweep, results_file));
    TRY(h5_file_open_alone(path, &results_file->file));
    return look_into(results_file, sweep);
}

/* The datasets are closed with their file (H5F_CLOSE_STRONG). */
void results_file_discard(struct results_file *results_file)
{
    h5_file_leave_scope(&results_file->file);
    if (results_file->descriptor >= 0)
        close(results_file->descriptor);
    memory_free(results_file->datasets);
    memory_free(results_file->places);
    memory_free(results_file->path);
    layout_destroy(&results_file->layout);
    *results_file = RESULTS_FILE_NONE;
}

enum status results_file_close(struct results_file *results_file)
{
    enum status status = h5_file_close(scope_keep(&results_file->file), results_file->path);
    results_file_discard(results_file);
    return status;
}

static enum status read_sweep_text(hid_t file, char **text)
{
    int64_t version = 0;
    TRY(read_version(file, &version));
    return h5_attribute_read_text(file, "sweep", text);
}

/* Where it is not the one whose hash the file has, either of the two is damaged. */
static enum status require_hash(hid_t file, const struct sweep *sweep)
{
    SCOPED_MEMORY char *hash = NULL;
    TRY(h5_attribute_read_text(file, "sweep_hash", &hash));
    if (strcmp(hash, sweep->hash) == 0)
        return STATUS_OK;
    return status_fail(STATUS_FOREIGN_FILE, "its sweep and its sweep_hash, %.64s, do not belong together", hash);
}

static enum status read_sweep(hid_t file, struct sweep **sweep)
{
    SCOPED_MEMORY char *text = NULL;
    SCOPED(sweep) *read = NULL;
    TRY(read_sweep_text(file, &text));
    if (sweep_parse(text, &read) != STATUS_OK)
        return status_prefix(STATUS_FOREIGN_FILE, "its sweep cannot be read");
    TRY(require_hash(file, read));
    *sweep = scope_keep(&read);
    return STATUS_OK;
}

enum status results_file_read_sweep(const char *path, struct sweep **sweep)
{
    SCOPED_FILE file = H5I_INVALID_HID;
    *sweep = NULL;
    TRY(h5_file_open(path, &file));
    return status_prefix(read_sweep(file, sweep), "%s: not a results file of this program", path);
}

/* Past HDF5 nobody else looks whether elements are the dataset's own. */
static enum status require_within(const struct layout_dataset *rule, uint64_t first, uint64_t count)
{
    const uint64_t elements = h5_shape_elements(&rule->shape);
    if (first <= elements && count <= elements - first)
        return STATUS_OK;
    return status_fail(STATUS_INTERNAL, "elements %" PRIu64 " to %" PRIu64 " of %" PRIu64, first, first + count,
                       elements);
}

static enum status move_past_mpi(const struct results_file *file, size_t number, uint64_t first, uint64_t count,
                                 void *values, const void *to_write)
{
    const struct layout_dataset *rule = &file->layout.datasets[number];
    const uint64_t size = h5_element_size(rule->element), place = file->places[number] + first * size;
    TRY(require_within(rule, first, count));
    return values ? disk_read(file->descriptor, place, count * size, values)
                  : disk_write(file->descriptor, file->path, place, count * size, to_write);
}

enum status results_file_read(const struct results_file *results_file, size_t number, uint64_t first, uint64_t count,
                              void *values)
{
    const struct layout_dataset *rule = &results_file->layout.datasets[number];
    if (count == 0)
        return STATUS_OK;
    const enum status status =
        results_file->descriptor < 0
            ? h5_dataset_read(results_file->datasets[number], rule->element, first, count, values)
            : move_past_mpi(results_file, number, first, count, values, NULL);
    return status_prefix(status, "%s: dataset %s", results_file->path, rule->name);
}

enum status results_file_write(const struct results_file *results_file, size_t number, uint64_t first, uint64_t count,
                               const void *values)
{
    const struct layout_dataset *rule = &results_file->layout.datasets[number];
    enum status status = results_file->writes_past_mpi
                             ? move_past_mpi(results_file, number, first, count, NULL, values)
                             : h5_dataset_write(results_file->datasets[number], rule->element, first, count, values);
    if (status == STATUS_OK)
        return STATUS_OK;
    status = status_prefix(status, "dataset %s", rule->name);
    return disk_explain(status, results_file->path);
}

size_t results_file_find(const struct results_file *results_file, const char *name)
{
    const struct layout *layout = &results_file->layout;
    size_t number = 0;
    while (number < layout->count && strcmp(layout->datasets[number].name, name) != 0)
        number++;
    return number;
}

bool results_file_is_contiguous(const struct results_file *results_file)
{
    for (size_t i = 0; i < results_file->layout.count; i++)
        if (!h5_dataset_is_contiguous(results_file->datasets[i]))
            return false;
    return true;
}

uint64_t results_file_block(const struct sweep *sweep)
{
    uint64_t bytes = 32; /* status, times, ... */
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        bytes += store_values_per_cell(sweep, rule) * sizeof(double);
    return bytes < BLOCK_BYTES ? BLOCK_BYTES / bytes : 1;
}
