/* Writes the results file of the fixture's sweep, cells in two blocks and the last ten left pending, for other programs
 * to read: make_results_file OUT.h5 */
#include "base/clock.h"
#include "store/store_fixture.h"
#include "sweep/grid.h"

static enum status write_block(struct store *store, const struct sweep *sweep, uint64_t first, uint64_t count)
{
    struct cell_results results;
    TRY(fixture_results(sweep, first, count, &results));
    enum status status = store_write_cells(store, &results);
    store_free_results(&results);
    return status;
}

static enum status write_file(const struct world *world, const char *path)
{
    struct sweep *sweep;
    struct store *store;
    bool is_fresh;
    TRY(fixture_sweep("[0.25, 0.5]", &sweep));
    TRY(store_open(world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh));
    const uint64_t cells = grid_cell_count(sweep);
    TRY(write_block(store, sweep, 0, 17));
    TRY(write_block(store, sweep, 17, cells - 27));
    for (uint64_t i = 0; i < grid_weight_count(sweep); i++)
        TRY(store_write_weights(store, i, 1,
                                &(struct weight_facts){ .radius = 1.0 + (double)i, .norm = 2.0 + (double)i }));
    TRY(store_write_provenance(store, "{\"host\": \"somewhere\"}"));
    TRY(store_close(store));
    sweep_close(sweep);
    return STATUS_OK;
}

static const double seconds_a_cell = 0.002; /* slow enough to be killed in between */

static enum status resume_file(const struct world *world, const char *path)
{
    struct sweep *sweep;
    struct store *store;
    bool is_fresh;
    TRY(fixture_sweep("[0.25, 0.5]", &sweep));
    TRY(store_open(world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
    for (uint64_t cell = 0; cell < grid_cell_count(sweep); cell++) {
        uint8_t needed = 0;
        TRY(store_cells_needed(store, cell, 1, false, &needed));
        if (!needed)
            continue;
        TRY(write_block(store, sweep, cell, 1));
        clock_sleep(seconds_a_cell);
    }
    TRY(store_close(store));
    sweep_close(sweep);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    struct world world;
    if (argc < 2)
        return 2;
    enum status status = world_open(&argc, &argv, &world);
    if (status == STATUS_OK)
        status = argc > 2 ? resume_file(&world, argv[1]) : write_file(&world, argv[1]);
    if (status != STATUS_OK)
        fprintf(stderr, "make_results_file: %s\n", status_message());
    world_close(&world, 1, 20);
    return status == STATUS_OK ? 0 : 1;
}
