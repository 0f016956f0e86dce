#include "store/weight_record.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "gradient/weight_result.h"
#include "sweep/grid.h"

#include <math.h>
#include <string.h>

/* The measured datasets of WEIGHT shape, one call each: from `*number` on; NULL after the last. */
static const struct layout_dataset *next_dataset(const struct layout *layout, size_t *number)
{
    for (; *number < HEAD_COUNT + layout->measured; (*number)++)
        if (layout_is_of_weights(&layout->datasets[*number]))
            return &layout->datasets[(*number)++];
    return NULL;
}

uint64_t weight_record_length(const struct layout *layout)
{
    uint64_t length = 0;
    const struct layout_dataset *dataset;
    for (size_t number = 0; (dataset = next_dataset(layout, &number));)
        length += layout_elements_per_weight(layout, dataset);
    return length;
}

bool weight_record_find(const struct layout *layout, const char *name, uint64_t *place, uint64_t *count)
{
    const struct layout_dataset *dataset;
    *place = 0;
    for (size_t number = 0; (dataset = next_dataset(layout, &number)); *place += *count) {
        *count = layout_elements_per_weight(layout, dataset);
        if (strcmp(dataset->name, name) == 0)
            return true;
    }
    return false;
}

void weight_record_clear(const struct layout *layout, double *values)
{
    const uint64_t length = weight_record_length(layout);
    for (uint64_t i = 0; i < length; i++)
        values[i] = NAN;
}

/* 0 stands for an untouched record, and is nobody's checksum. */
static uint32_t checksum_of(const struct results_file *file, uint64_t weight, const double *values)
{
    uint32_t checksum = crc32c(file->checksum_start, &weight, sizeof weight);
    checksum = crc32c(checksum, values, weight_record_length(&file->layout) * sizeof *values);
    return checksum == 0 ? 1 : checksum;
}

static bool is_untouched(const struct layout *layout, const double *values)
{
    const uint64_t length = weight_record_length(layout);
    const double fill = NAN;
    for (uint64_t i = 0; i < length; i++)
        if (memcmp(&values[i], &fill, sizeof fill) != 0)
            return false;
    return true;
}

static enum status read_all(const struct results_file *file, uint64_t weight, double *values, uint32_t *checksum)
{
    const struct layout *layout = &file->layout;
    const struct layout_dataset *dataset;
    *checksum = 0;
    for (size_t number = 0; (dataset = next_dataset(layout, &number));) {
        const uint64_t count = layout_elements_per_weight(layout, dataset);
        TRY(results_file_read(file, number - 1, weight * count, count, values));
        values += count;
    }
    if (!layout_has_tail(layout, TAIL_WEIGHT_CHECKSUM))
        return STATUS_OK;
    return results_file_read(file, layout_tail_at(layout, TAIL_WEIGHT_CHECKSUM), weight, 1, checksum);
}

/* What can be said of a record without a checksum: kills and lost pages leave a part of it untouched, or zero. So what
 * runs along `index` is there throughout W's own size, or nowhere. */
static bool is_consistent(const struct results_file *file, uint64_t weight, const double *values)
{
    const struct layout *layout = &file->layout;
    const struct sweep *sweep = layout->sweep;
    const struct cell at = grid_weight_at(sweep, weight);
    const uint64_t d = (uint64_t)grid_hidden_size(sweep, &at);
    struct weight_facts facts = { .hidden_size = (long)d };
    uint64_t numbers = 0, places = 0;
    weight_result_get(sweep->measures, &sweep->options, values, &facts);
    if (isnan(facts.norm) || facts.norm < 0 || (isnan(facts.radius) && !sweep->native) ||
        facts.radius > facts.norm * (1 + 1e-9))
        return false;
    const struct layout_dataset *dataset;
    for (size_t number = 0; (dataset = next_dataset(layout, &number));) {
        const uint64_t count = layout_elements_per_weight(layout, dataset);
        const bool has_index = dataset->dimensions[dataset->shape.rank - 1] == DIMENSION_INDEX;
        for (uint64_t i = 0; has_index && i < d; i++, places++)
            numbers += !isnan(values[i]);
        values += count;
    }
    return numbers == 0 || numbers == places;
}

enum status weight_record_read(const struct results_file *file, uint64_t weight, double *values,
                               enum weight_state *state)
{
    uint32_t checksum;
    TRY(read_all(file, weight, values, &checksum));
    if (checksum == 0 && is_untouched(&file->layout, values))
        *state = WEIGHT_PENDING;
    else if (layout_has_tail(&file->layout, TAIL_WEIGHT_CHECKSUM))
        *state = checksum == checksum_of(file, weight, values) ? WEIGHT_INTACT : WEIGHT_DAMAGED;
    else
        *state = is_consistent(file, weight, values) ? WEIGHT_INTACT : WEIGHT_DAMAGED;
    return STATUS_OK;
}

static enum status require_arrived(const struct results_file *file, uint64_t weight, const double *values)
{
    SCOPED_MEMORY double *stored = NULL;
    uint32_t checksum;
    const uint64_t length = weight_record_length(&file->layout);
    TRY(memory_allocate(&stored, length, "numbers to be read back"));
    TRY(read_all(file, weight, stored, &checksum));
    if (memcmp(stored, values, length * sizeof *values) == 0 && checksum == checksum_of(file, weight, values))
        return STATUS_OK;
    return status_fail(STATUS_IO, "%s: what was written of weights has not arrived; is the disk in order?", file->path);
}

enum status weight_record_write(const struct results_file *file, uint64_t weight, const double *values)
{
    const struct layout *layout = &file->layout;
    const struct layout_dataset *dataset;
    const double *from = values;
    for (size_t number = 0; (dataset = next_dataset(layout, &number));) {
        const uint64_t count = layout_elements_per_weight(layout, dataset);
        TRY(results_file_write(file, number - 1, weight * count, count, from));
        from += count;
    }
    TRY(results_file_write(file, layout_tail_at(layout, TAIL_WEIGHT_CHECKSUM), weight, 1,
                           &(uint32_t){ checksum_of(file, weight, values) }));
    return require_arrived(file, weight, values);
}

enum status weight_record_count_damaged(const struct results_file *file, uint64_t first, uint64_t count,
                                        uint64_t *damaged)
{
    SCOPED_MEMORY double *values = NULL;
    *damaged = 0;
    TRY(memory_allocate(&values, weight_record_length(&file->layout), "values of weights"));
    for (uint64_t i = first; i < first + count; i++) {
        enum weight_state state = WEIGHT_PENDING;
        TRY(weight_record_read(file, i, values, &state));
        *damaged += state == WEIGHT_DAMAGED;
    }
    return STATUS_OK;
}

/* statuses: room for those of a plane. */
static enum status has_done_cells(const struct results_file *file, uint64_t weight, uint8_t *statuses, bool *any)
{
    const struct sweep *sweep = file->layout.sweep;
    const uint64_t plane = grid_plane_size(sweep), step = grid_weight_count(sweep) * plane;
    *any = false;
    for (uint64_t first = weight * plane; first < grid_cell_count(sweep); first += step) {
        TRY(results_file_read(file, HEAD_STATUS, first, plane, statuses));
        for (uint64_t i = 0; i < plane; i++)
            *any = *any || statuses[i] == STORE_DONE;
    }
    return STATUS_OK;
}

enum status weight_record_count_lacking(const struct results_file *file, uint64_t *lacking)
{
    const struct sweep *sweep = file->layout.sweep;
    SCOPED_MEMORY double *values = NULL;
    SCOPED_MEMORY uint8_t *statuses = NULL;
    *lacking = 0;
    TRY(memory_allocate(&values, weight_record_length(&file->layout), "values of weights"));
    TRY(memory_allocate(&statuses, grid_plane_size(sweep), "statuses"));
    for (uint64_t i = 0; i < grid_weight_count(sweep); i++) {
        enum weight_state state = WEIGHT_PENDING;
        bool is_wanted = false;
        const struct cell at = grid_weight_at(sweep, i);
        if (grid_ensemble(sweep, &at)->kind->spectrum == SPECTRUM_NONE)
            continue;
        TRY(weight_record_read(file, i, values, &state));
        if (state != WEIGHT_INTACT)
            TRY(has_done_cells(file, i, statuses, &is_wanted));
        *lacking += is_wanted;
    }
    return STATUS_OK;
}
