/* Blocks of cells: their checksums, and their way from and to the file. */
#include "base/crc32c.h"
#include "base/memory.h"
#include "store/results_file.h"

#include <math.h>
#include <string.h>

enum status cell_checksums_allocate(uint64_t count, struct cell_checksums *checksums)
{
    *checksums = (struct cell_checksums){ 0 };
    TRY(memory_allocate(&checksums->results, count, "checksums"));
    return memory_allocate(&checksums->runtime, count, "checksums");
}

void cell_checksums_free(struct cell_checksums *checksums)
{
    memory_free(checksums->results);
    memory_free(checksums->runtime);
    *checksums = (struct cell_checksums){ 0 };
}

static uint32_t begin_checksum(const struct results_file *results_file, const struct cell_results *results, uint64_t i)
{
    const uint64_t number = results->first + i;
    return crc32c(results_file->checksum_start, &number, sizeof number);
}

static uint32_t results_checksum(const struct results_file *results_file, const struct cell_results *results,
                                 uint64_t i)
{
    const struct layout *layout = &results_file->layout;
    uint32_t checksum = begin_checksum(results_file, results, i);
    for (size_t dataset = 0; dataset < layout->measured; dataset++) {
        const size_t bytes = layout->datasets[layout_measured_at(dataset)].bytes_per_cell;
        if (bytes > 0)
            checksum = crc32c(checksum, (const char *)results->values[dataset] + i * bytes, bytes);
    }
    const uint8_t verdict[] = { results->status[i], results->failure_reason[i], results->method[i] };
    return crc32c(checksum, verdict, sizeof verdict);
}

static uint32_t runtime_checksum(const struct results_file *results_file, const struct cell_results *results,
                                 uint64_t i)
{
    uint32_t checksum = begin_checksum(results_file, results, i);
    checksum = crc32c(checksum, &results->team_size[i], sizeof results->team_size[i]);
    checksum = crc32c(checksum, &results->cell_seconds[i], sizeof results->cell_seconds[i]);
    return crc32c(checksum, &results->predicted_seconds[i], sizeof results->predicted_seconds[i]);
}

void results_file_seal_cell(const struct results_file *results_file, const struct cell_results *results, uint64_t i,
                            struct cell_checksums *checksums)
{
    checksums->results[i] = results_checksum(results_file, results, i);
    checksums->runtime[i] = runtime_checksum(results_file, results, i);
}

bool results_file_cell_is_intact(const struct results_file *results_file, const struct cell_results *results,
                                 uint64_t i, const struct cell_checksums *checksums)
{
    if (results->status[i] != STORE_DONE && results->status[i] != STORE_FAILED)
        return false;
    return results_checksum(results_file, results, i) == checksums->results[i];
}

bool results_file_runtime_is_intact(const struct results_file *results_file, const struct cell_results *results,
                                    uint64_t i, const struct cell_checksums *checksums)
{
    return !layout_has_tail(&results_file->layout, TAIL_RUNTIME_CHECKSUM) ||
           runtime_checksum(results_file, results, i) == checksums->runtime[i];
}

/* The datasets of a cell beside the measured ones, with their arrays; status is not among them: it is written last. */
struct column {
    size_t number; /* in the layout */
    size_t size;
    void *values;
};

enum { PLAIN_COLUMNS = 5 };

static void plain_columns(const struct layout *layout, const struct cell_results *results,
                          struct column columns[PLAIN_COLUMNS])
{
    columns[0] = (struct column){ HEAD_FAILURE_REASON, sizeof(uint8_t), results->failure_reason };
    columns[1] = (struct column){ HEAD_METHOD, sizeof(uint8_t), results->method };
    columns[2] = (struct column){ HEAD_TEAM_SIZE, sizeof(uint16_t), results->team_size };
    columns[3] = (struct column){ layout_tail_at(layout, TAIL_CELL_SECONDS), sizeof(double), results->cell_seconds };
    columns[4] =
        (struct column){ layout_tail_at(layout, TAIL_PREDICTED_SECONDS), sizeof(double), results->predicted_seconds };
}

enum status results_file_read_cells(const struct results_file *results_file, struct cell_results *results,
                                    struct cell_checksums *checksums)
{
    const struct layout *layout = &results_file->layout;
    const struct sweep *sweep = layout->sweep;
    const uint64_t first = results->first, count = results->count;
    const struct dataset_rule *rule;
    TRY(results_file_read(results_file, HEAD_STATUS, first, count, results->status));
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++) {
        const uint64_t values = store_values_per_cell(sweep, rule);
        if (values > 0)
            TRY(results_file_read(results_file, layout_measured_at(i), first * values, count * values,
                                  results->values[i]));
    }
    struct column columns[PLAIN_COLUMNS];
    plain_columns(layout, results, columns);
    for (int i = 0; i < PLAIN_COLUMNS; i++)
        TRY(results_file_read(results_file, columns[i].number, first, count, columns[i].values));
    memset(checksums->runtime, 0, count * sizeof *checksums->runtime);
    if (layout_has_tail(layout, TAIL_RUNTIME_CHECKSUM))
        TRY(results_file_read(results_file, layout_tail_at(layout, TAIL_RUNTIME_CHECKSUM), first, count,
                              checksums->runtime));
    return results_file_read(results_file, HEAD_CHECKSUM, first, count, checksums->results);
}

/* Places that were finished become pending before anything in them changes: whoever reads meanwhile takes nothing torn
 * for damaged. */
static enum status withdraw_cells(const struct results_file *results_file, uint64_t first, uint64_t count)
{
    SCOPED_MEMORY uint8_t *statuses = NULL;
    bool any = false;
    TRY(memory_allocate(&statuses, count, "statuses"));
    TRY(results_file_read(results_file, HEAD_STATUS, first, count, statuses));
    for (uint64_t i = 0; i < count; i++)
        any = any || statuses[i] != STORE_PENDING;
    memset(statuses, STORE_PENDING, count);
    return any ? results_file_write(results_file, HEAD_STATUS, first, count, statuses) : STATUS_OK;
}

enum status results_file_write_cells(const struct results_file *results_file, const struct cell_results *results,
                                     uint64_t from, uint64_t count, const struct cell_checksums *checksums)
{
    const struct layout *layout = &results_file->layout;
    const struct sweep *sweep = layout->sweep;
    const uint64_t first = results->first + from;
    const struct dataset_rule *rule;
    TRY(withdraw_cells(results_file, first, count));
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++) {
        const uint64_t values = store_values_per_cell(sweep, rule);
        if (values > 0)
            TRY(results_file_write(results_file, layout_measured_at(i), first * values, count * values,
                                   (const char *)results->values[i] + from * store_bytes_per_cell(sweep, rule)));
    }
    struct column columns[PLAIN_COLUMNS];
    plain_columns(layout, results, columns);
    for (int i = 0; i < PLAIN_COLUMNS; i++)
        TRY(results_file_write(results_file, columns[i].number, first, count,
                               (const char *)columns[i].values + from * columns[i].size));
    TRY(results_file_write(results_file, layout_tail_at(layout, TAIL_RUNTIME_CHECKSUM), first, count,
                           checksums->runtime + from));
    TRY(results_file_write(results_file, HEAD_CHECKSUM, first, count, checksums->results + from));
    return results_file_write(results_file, HEAD_STATUS, first, count, results->status + from);
}
