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

/* Datasets lie apart in the file, and the values of neighbours in each together: values[records][length] of those from
 * place `at` of a record on, to and from from[records][count]. */
static void spread(const struct layout *layout, uint64_t records, uint64_t at, uint64_t count, const double *from,
                   double *values)
{
    const uint64_t length = weight_record_length(layout);
    for (uint64_t i = 0; i < records; i++)
        memcpy(values + i * length + at, from + i * count, count * sizeof *values);
}

static void gather(const struct layout *layout, uint64_t records, uint64_t at, uint64_t count, const double *values,
                   double *to)
{
    const uint64_t length = weight_record_length(layout);
    for (uint64_t i = 0; i < records; i++)
        memcpy(to + i * count, values + i * length + at, count * sizeof *values);
}

/* checksums[records]: 0 in a file that has none. */
static enum status read_all(const struct results_file *file, uint64_t first, uint64_t records, double *values,
                            uint32_t *checksums)
{
    const struct layout *layout = &file->layout;
    const struct layout_dataset *dataset;
    SCOPED_MEMORY double *room = NULL;
    TRY(memory_allocate(&room, records * weight_record_length(layout), "values of weights"));
    for (size_t number = 0, at = 0; (dataset = next_dataset(layout, &number));) {
        const uint64_t count = layout_elements_per_weight(layout, dataset);
        TRY(results_file_read(file, number - 1, first * count, records * count, room));
        spread(layout, records, at, count, room, values);
        at += count;
    }
    memset(checksums, 0, records * sizeof *checksums);
    if (!layout_has_tail(layout, TAIL_WEIGHT_CHECKSUM))
        return STATUS_OK;
    return results_file_read(file, layout_tail_at(layout, TAIL_WEIGHT_CHECKSUM), first, records, checksums);
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

static enum weight_state state_of(const struct results_file *file, uint64_t weight, const double *values,
                                  uint32_t checksum)
{
    if (checksum == 0 && is_untouched(&file->layout, values))
        return WEIGHT_PENDING;
    const bool is_intact = layout_has_tail(&file->layout, TAIL_WEIGHT_CHECKSUM)
                               ? checksum == checksum_of(file, weight, values)
                               : is_consistent(file, weight, values);
    return is_intact ? WEIGHT_INTACT : WEIGHT_DAMAGED;
}

enum status weight_record_read(const struct results_file *file, uint64_t first, uint64_t count, double *values,
                               enum weight_state *states)
{
    SCOPED_MEMORY uint32_t *checksums = NULL;
    TRY(memory_allocate(&checksums, count, "checksums of weights"));
    TRY(read_all(file, first, count, values, checksums));
    for (uint64_t i = 0; i < count; i++)
        states[i] = state_of(file, first + i, values + i * weight_record_length(&file->layout), checksums[i]);
    return STATUS_OK;
}

/* Whether the file holds these values and checksums. */
static enum status require_arrived(const struct results_file *file, uint64_t first, uint64_t count,
                                   const double *values, const uint32_t *checksums)
{
    SCOPED_MEMORY double *stored = NULL;
    SCOPED_MEMORY uint32_t *stored_checksums = NULL;
    const uint64_t length = count * weight_record_length(&file->layout);
    TRY(memory_allocate(&stored, length, "numbers to be read back"));
    TRY(memory_allocate(&stored_checksums, count, "checksums to be read back"));
    TRY(read_all(file, first, count, stored, stored_checksums));
    if (memcmp(stored, values, length * sizeof *values) == 0 &&
        memcmp(stored_checksums, checksums, count * sizeof *checksums) == 0)
        return STATUS_OK;
    return status_fail(STATUS_IO, "%s: what was written of weights has not arrived; is the disk in order?", file->path);
}

enum status weight_record_write(const struct results_file *file, uint64_t first, uint64_t count, const double *values)
{
    const struct layout *layout = &file->layout;
    const struct layout_dataset *dataset;
    const uint64_t length = weight_record_length(layout);
    SCOPED_MEMORY double *room = NULL;
    SCOPED_MEMORY uint32_t *checksums = NULL;
    TRY(memory_allocate(&room, count * length, "values of weights"));
    TRY(memory_allocate(&checksums, count, "checksums of weights"));
    for (size_t number = 0, at = 0; (dataset = next_dataset(layout, &number));) {
        const uint64_t elements = layout_elements_per_weight(layout, dataset);
        gather(layout, count, at, elements, values, room);
        TRY(results_file_write(file, number - 1, first * elements, count * elements, room));
        at += elements;
    }
    for (uint64_t i = 0; i < count; i++)
        checksums[i] = checksum_of(file, first + i, values + i * length);
    TRY(results_file_write(file, layout_tail_at(layout, TAIL_WEIGHT_CHECKSUM), first, count, checksums));
    return require_arrived(file, first, count, values, checksums);
}

enum status weight_record_count_damaged(const struct results_file *file, uint64_t first, uint64_t count,
                                        uint64_t *damaged)
{
    enum { VALUES_AT_ONCE = 1 << 17 };
    const uint64_t length = weight_record_length(&file->layout), fit = VALUES_AT_ONCE / length;
    const uint64_t block = fit == 0 ? 1 : fit < count ? fit : count;
    SCOPED_MEMORY double *values = NULL;
    SCOPED_MEMORY enum weight_state *states = NULL;
    *damaged = 0;
    TRY(memory_allocate(&values, block * length, "values of weights"));
    TRY(memory_allocate(&states, block, "states of weights"));
    for (uint64_t done = 0, some; done < count; done += some) {
        some = count - done < block ? count - done : block;
        TRY(weight_record_read(file, first + done, some, values, states));
        for (uint64_t i = 0; i < some; i++)
            *damaged += states[i] == WEIGHT_DAMAGED;
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
        TRY(weight_record_read(file, i, 1, values, &state));
        if (state != WEIGHT_INTACT)
            TRY(has_done_cells(file, i, statuses, &is_wanted));
        *lacking += is_wanted;
    }
    return STATUS_OK;
}
