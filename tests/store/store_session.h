/* What the tests of the store, on one rank and several, share: the world, a sweep, and a directory of their own. */
#ifndef GRADSWEEP_TESTS_STORE_SESSION_H
#define GRADSWEEP_TESTS_STORE_SESSION_H

#include "store/results_file.h"
#include "store/store_fixture.h"
#include "sweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct world world;
static struct sweep *sweep;
static char directory[64];
static char path[128];

#define assert_ok(expression)                                  \
    do {                                                       \
        enum status got_ = (expression);                       \
        if (got_ != STATUS_OK)                                 \
            fail_msg("%s: %s", #expression, status_message()); \
    } while (0)

/* Other ranks look at the file system only after rank 0 changed it, and the other way round. */
static inline void meet(void)
{
    MPI_Barrier(world.communicator);
}

static inline bool exists(const char *name)
{
    struct stat state;
    return stat(name, &state) == 0;
}

static inline int remove_file(void **state)
{
    (void)state;
    meet();
    if (world.rank == 0)
        unlink(path);
    meet();
    return 0;
}

/* Cells in pieces that cross every axis, dealt out to the ranks. */
static inline void write_all(struct store *store, uint64_t piece)
{
    const uint64_t cells = grid_cell_count(sweep);
    for (uint64_t first = 0, number = 0; first < cells; first += piece, number++) {
        struct cell_results results;
        if (number % (uint64_t)world.size != (uint64_t)world.rank)
            continue;
        assert_ok(fixture_results(sweep, first, cells - first < piece ? cells - first : piece, &results));
        assert_ok(store_write_cells(store, &results));
        store_free_results(&results);
    }
}

static inline void make_whole_file(uint64_t piece)
{
    struct store *store;
    bool is_fresh = false;
    assert_ok(store_open(&world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh));
    assert_true(is_fresh);
    write_all(store, piece);
    if (world.rank == 0)
        for (uint64_t i = 0; i < grid_weight_count(sweep); i++)
            assert_ok(store_write_weights(
                store, i, 1, &(struct weight_facts){ .radius = 1.0 + (double)i, .norm = 2.0 + (double)i }));
    assert_ok(store_close(store));
}

/* Every test begins and ends without a file. */
#define file_test(name) cmocka_unit_test_setup_teardown(name, remove_file, remove_file)

static inline int session_open(int *argc, char ***argv)
{
    if (world_open(argc, argv, &world) != STATUS_OK || fixture_sweep("[0.25, 0.5]", &sweep) != STATUS_OK) {
        fprintf(stderr, "%s\n", status_message());
        return 1;
    }
    strcpy(directory, "/tmp/gradsweep-store-XXXXXX");
    if (world.rank == 0 && !mkdtemp(directory))
        return 1;
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, world.communicator);
    snprintf(path, sizeof path, "%s/out.h5", directory);
    return 0;
}

static inline void session_close(void)
{
    if (world.rank == 0) {
        unlink(path);
        rmdir(directory);
    }
    sweep_close(sweep);
    world_close(&world, 1, 20);
}

#endif
