/* What keeping the results costs: the store's part of a run, without the run. One JSON object on stdout.
 *
 *   benchmark_store SWEEP.yaml OUT.h5           makes the file, writes every unit's cells and networks, verifies,
 * closes benchmark_store SWEEP.yaml OUT.h5 create    makes the file alone benchmark_store SWEEP.yaml OUT.h5 plain
 * writes as many bytes to OUT.h5 with pwrite, in pieces of 4 MiB, and fsync
 *
 * OUT.h5 is removed in the end. */
#include "base/clock.h"
#include "parallel/world.h"
#include "run/unit.h"
#include "store/store.h"
#include "sweep/grid.h"

#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 4 << 20 };

static void write_cells(const struct sweep *sweep, struct store *store, const struct unit *unit)
{
    for (uint64_t row = 0; row < grid_plane_rows(sweep); row++) {
        struct cell_results results;
        uint64_t first, count = unit_cells_in_row(sweep, unit, row, &first);
        if (count == 0)
            continue;
        REQUIRE(store_allocate_results(sweep, first, count, &results) == STATUS_OK);
        memset(results.status, STORE_DONE, count);
        REQUIRE(store_write_cells(store, &results) == STATUS_OK);
        store_free_results(&results);
    }
}

/* Every unit's results, as the ranks would write them. */
static void write_units(const struct world *world, const struct sweep *sweep, struct store *store)
{
    struct unit_list *list;
    REQUIRE(unit_list_open(sweep, &list) == STATUS_OK);
    for (uint64_t i = (uint64_t)world->rank; i < unit_list_count(list); i += (uint64_t)world->size) {
        const struct unit unit = unit_list_at(list, i);
        struct weight_facts facts = { 0 };
        if (unit.kind == UNIT_WEIGHT) {
            REQUIRE(store_write_weights(store, unit.weight, 1, &(struct weight_facts){ .radius = 1.0, .norm = 2.0 }) ==
                    STATUS_OK);
            continue;
        }
        REQUIRE(store_read_weights(store, unit.weight, 1, &facts, NULL) == STATUS_OK);
        write_cells(sweep, store, &unit);
    }
    unit_list_close(list);
}

static void measure_store(const struct world *world, const struct sweep *sweep, const char *path, bool creates_only)
{
    struct store *store;
    struct store_tally tally = { 0 };
    bool is_fresh;
    const double began = clock_seconds();
    REQUIRE(store_open(world, sweep, NULL, path, STORE_OVERWRITE, false, &store, &is_fresh) == STATUS_OK);
    const double opened = clock_seconds();
    if (!creates_only)
        write_units(world, sweep, store);
    REQUIRE(MPI_Barrier(world->communicator) == MPI_SUCCESS);
    const double written = clock_seconds();
    if (!creates_only)
        REQUIRE(store_count(store, &tally) == STATUS_OK && tally.pending == 0);
    REQUIRE(store_close_verified(store, creates_only ? NULL : &tally) == STATUS_OK);
    if (world->rank == 0)
        printf("{\"bytes\": %llu, \"create\": %.6f, \"write\": %.6f, \"close\": %.6f}\n",
               (unsigned long long)store_predicted_bytes(sweep), opened - began, written - opened,
               clock_seconds() - written);
}

static void measure_plain(const struct sweep *sweep, const char *path)
{
    static char piece[PIECE];
    const uint64_t bytes = store_predicted_bytes(sweep);
    memset(piece, 0x7f, sizeof piece);
    const double began = clock_seconds();
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    REQUIRE(descriptor >= 0);
    for (uint64_t done = 0; done < bytes;) {
        const ssize_t written = pwrite(descriptor, piece, bytes - done < PIECE ? bytes - done : PIECE, (off_t)done);
        REQUIRE(written > 0);
        done += (uint64_t)written;
    }
    REQUIRE(fsync(descriptor) == 0 && close(descriptor) == 0);
    printf("{\"bytes\": %llu, \"plain\": %.6f}\n", (unsigned long long)bytes, clock_seconds() - began);
}

int main(int argc, char **argv)
{
    struct world world;
    struct sweep *sweep;
    REQUIRE(world_open(&argc, &argv, &world) == STATUS_OK);
    REQUIRE(argc == 3 || argc == 4);
    REQUIRE(sweep_open(argv[1], 0, NULL, true, &sweep) == STATUS_OK);
    const char *what = argc == 4 ? argv[3] : "";
    if (strcmp(what, "plain") != 0)
        measure_store(&world, sweep, argv[2], strcmp(what, "create") == 0);
    else if (world.rank == 0)
        measure_plain(sweep, argv[2]);
    sweep_close(sweep);
    if (world.rank == 0)
        unlink(argv[2]);
    world_close(&world, 1, 600.0);
    return 0;
}
