/* Cells as they are stored: their status, their results in memory, and which of them a file is for. Not collective. */
#ifndef GRADSWEEP_STORE_CELLS_H
#define GRADSWEEP_STORE_CELLS_H

#include "base/scope.h"
#include "gradient/measure.h"
#include "store/failure.h"
#include "sweep/grid.h"

#include <stdbool.h>
#include <stdint.h>

enum store_status { STORE_PENDING = 0, STORE_DONE = 1, STORE_FAILED = 2 };

/* How many of a file's own cells are done, failed, pending. */
struct store_tally {
    uint64_t done, failed, pending;
};

/* What becomes of a file that is there already. */
enum store_mode { STORE_NEW, STORE_OVERWRITE, STORE_RESUME };

/* One of `count` parts of a sweep that are computed apart, each into a file of its own (store/shard.h). Which cells are
 * its own is a function of the sweep, `number` and `count` alone. */
struct shard {
    long number, count; /* I of N, from 1; 0 of 0 is the whole sweep */
    uint64_t cells;     /* its own; of the whole, and as long as its units are not known, 0 */
};

static inline bool shard_is_whole(const struct shard *shard)
{
    return shard->count == 0;
}

/* The same with where its cells are. */
struct shard_cells {
    struct shard mark;
    uint64_t range_count;
    /* Range 0 .. range_count-1 of its cells; may be empty. Called from any rank with `context`. */
    void (*range_at)(const void *context, uint64_t range, uint64_t *first, uint64_t *count);
    const void *context;
};

/* The results of cells first .. first+count-1. */
struct cell_results {
    uint64_t first;
    uint64_t count;
    /* [dataset_count] one array a dataset, in the order of measure_dataset_at(sweep->measures), NULL for those of
     * WEIGHT shape: count * (values a cell) doubles or uint8_t, C order. */
    void **values;
    size_t dataset_count;
    uint8_t *status;         /* [count] enum store_status; STORE_PENDING: leave this cell's place in the file alone */
    uint8_t *failure_reason; /* [count] codes of store/failure.h */
    uint8_t *method;         /* [count] enum jacobian_method (gradient/chain_cost.h) */
    uint16_t *team_size;     /* [count] */
    double *cell_seconds;    /* [count] */
    double *predicted_seconds;
};

/* Values, and bytes of them, that a cell has in a dataset (measure_values_per_cell). */
uint64_t store_values_per_cell(const struct sweep *sweep, const struct dataset_rule *rule);
size_t store_bytes_per_cell(const struct sweep *sweep, const struct dataset_rule *rule);

/* Allocates results of `count` cells, filled as an untouched file is (NaN, 255, pending); store_free_results releases.
 * Errors: STATUS_MEMORY. */
CHECKED enum status store_allocate_results(const struct sweep *sweep, uint64_t first, uint64_t count,
                                           struct cell_results *results);
void store_free_results(struct cell_results *results);
SCOPED_VALUE(cell_results, store_free_results)

#endif
