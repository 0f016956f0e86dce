/* The results file on any number of ranks: made, written by all, resumed, refused, damaged. */
#include "store/create.h"
#include "store/lock.h"
#include "store/results_file.h"
#include "store/store_fixture.h"
#include "sweep/grid.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct world world;
static struct sweep *sweep;
static char directory[64];
static char path[128];

#define assert_ok(expression)                                                                                          \
    do {                                                                                                               \
        enum status got_ = (expression);                                                                               \
        if (got_ != STATUS_OK)                                                                                         \
            fail_msg("%s: %s", #expression, status_message());                                                         \
    } while (0)

/* Other ranks look at the file system only after rank 0 changed it, and the other way round. */
static void meet(void)
{
    MPI_Barrier(world.communicator);
}

static bool exists(const char *name)
{
    struct stat state;
    return stat(name, &state) == 0;
}

static int remove_file(void **state)
{
    (void)state;
    meet();
    if (world.rank == 0)
        unlink(path);
    meet();
    return 0;
}

static void expect_refusal(const char *where, enum store_mode mode, const struct sweep *asked, const char *words)
{
    struct store *store;
    bool is_fresh;
    assert_int_equal(store_open(&world, asked, where, mode, false, &store, &is_fresh), STATUS_REFUSED);
    assert_null(store);
    if (!strstr(status_message(), words))
        fail_msg("\"%s\" does not say \"%s\"", status_message(), words);
}

/* Cells in pieces that cross every axis, dealt out to the ranks. */
static void write_all(struct store *store, uint64_t piece)
{
    const uint64_t cells = grid_cell_count(sweep);
    for (uint64_t first = 0, number = 0; first < cells; first += piece, number++) {
        struct cell_results results;
        if (number % (uint64_t)world.size != (uint64_t)world.rank)
            continue;
        assert_ok(fixture_results(sweep, first, cells - first < piece ? cells - first : piece, &results));
        assert_ok(store_write_cells(store, &results));
        store_free_results(sweep, &results);
    }
}

static void make_whole_file(uint64_t piece)
{
    struct store *store;
    bool is_fresh = false;
    assert_ok(store_open(&world, sweep, path, STORE_NEW, false, &store, &is_fresh));
    assert_true(is_fresh);
    write_all(store, piece);
    if (world.rank == 0)
        for (uint64_t i = 0; i < grid_weight_count(sweep); i++)
            assert_ok(store_write_weight(store, i, 1.0 + (double)i, 2.0 + (double)i));
    assert_ok(store_close(store));
}

static void a_new_file_is_untouched(void **state)
{
    (void)state;
    struct store *store;
    bool is_fresh = false;
    char temporary[160], lock_file[160];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    snprintf(lock_file, sizeof lock_file, "%s.lock", path);
    if (world.rank == 0) { /* what a killed run left */
        FILE *left_over = fopen(temporary, "w");
        fputs("garbage", left_over);
        fclose(left_over);
    }
    meet();
    assert_ok(store_open(&world, sweep, path, STORE_RESUME, false, &store, &is_fresh));
    assert_true(is_fresh);
    assert_false(exists(temporary));
    assert_true(exists(lock_file));

    const uint64_t cells = grid_cell_count(sweep);
    struct store_tally tally;
    assert_ok(store_count(store, &tally));
    assert_int_equal(tally.pending, cells);
    uint8_t *needed = calloc(cells, 1);
    assert_ok(store_cells_needed(store, 0, cells, false, needed));
    for (uint64_t i = 0; i < cells; i++)
        assert_int_equal(needed[i], 1);
    free(needed);
    double radius = 0, norm = 0;
    assert_ok(store_read_weight(store, grid_weight_count(sweep) - 1, &radius, &norm));
    assert_true(isnan(radius) && isnan(norm));
    assert_ok(store_close(store));
    meet();
    assert_false(exists(lock_file));
}

/* Everything that an untouched file holds is what store_allocate_results fills in. */
static void untouched_results_are_as_allocated(void **state)
{
    (void)state;
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, path, STORE_NEW, false, &store, &is_fresh));
    assert_ok(store_close(store));
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_results expected, found;
    struct results_file file;
    uint32_t *checksums = calloc(cells, sizeof *checksums);
    assert_ok(store_allocate_results(sweep, 0, cells, &expected));
    assert_ok(store_allocate_results(sweep, 0, cells, &found));
    memset(found.method, 1, cells);
    memset(found.values[0], 1, sizeof(double));
    assert_ok(results_file_open(path, sweep, NULL, &file));
    assert_ok(results_file_read_cells(&file, &found, checksums));
    assert_ok(results_file_close(&file));
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (found.values[i])
            assert_memory_equal(found.values[i], expected.values[i],
                                cells * store_values_per_cell(sweep, rule) *
                                    (rule->type == TYPE_FLOAT64 ? sizeof(double) : 1));
    assert_memory_equal(found.method, expected.method, cells);
    assert_memory_equal(found.failure_reason, expected.failure_reason, cells);
    assert_memory_equal(found.status, expected.status, cells);
    assert_memory_equal(found.team_size, expected.team_size, cells * sizeof(uint16_t));
    assert_memory_equal(found.cell_seconds, expected.cell_seconds, cells * sizeof(double));
    store_free_results(sweep, &found);
    store_free_results(sweep, &expected);
    free(checksums);
}

static void what_all_ranks_wrote_is_read_back_bit_for_bit(void **state)
{
    (void)state;
    make_whole_file(5);
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_results expected, found;
    struct results_file file;
    uint32_t *checksums = calloc(cells, sizeof *checksums);
    assert_ok(fixture_results(sweep, 0, cells, &expected));
    assert_ok(store_allocate_results(sweep, 0, cells, &found));
    assert_ok(results_file_open(path, sweep, NULL, &file));
    assert_ok(results_file_read_cells(&file, &found, checksums));
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (found.values[i])
            assert_memory_equal(found.values[i], expected.values[i],
                                cells * store_values_per_cell(sweep, rule) *
                                    (rule->type == TYPE_FLOAT64 ? sizeof(double) : 1));
    assert_memory_equal(found.status, expected.status, cells);
    assert_memory_equal(found.failure_reason, expected.failure_reason, cells);
    assert_memory_equal(found.method, expected.method, cells);
    assert_memory_equal(found.team_size, expected.team_size, cells * sizeof(uint16_t));
    assert_memory_equal(found.cell_seconds, expected.cell_seconds, cells * sizeof(double));
    assert_memory_equal(found.predicted_seconds, expected.predicted_seconds, cells * sizeof(double));
    assert_ok(results_file_close(&file));
    store_free_results(sweep, &found);
    store_free_results(sweep, &expected);
    free(checksums);
}

static void resume_finds_what_is_done_and_what_failed(void **state)
{
    (void)state;
    make_whole_file(48);
    struct store *store;
    bool is_fresh = true;
    assert_ok(store_open(&world, sweep, path, STORE_RESUME, false, &store, &is_fresh));
    assert_false(is_fresh);
    const uint64_t cells = grid_cell_count(sweep), first = 7;
    uint8_t *needed = malloc(cells);
    assert_ok(store_cells_needed(store, first, cells - first, false, needed));
    for (uint64_t i = 0; i < cells - first; i++)
        assert_int_equal(needed[i], 0);
    assert_ok(store_cells_needed(store, first, cells - first, true, needed));
    for (uint64_t i = 0; i < cells - first; i++)
        assert_int_equal(needed[i], fixture_status(first + i) == STORE_FAILED);
    free(needed);
    uint64_t failed = 0;
    for (uint64_t i = 0; i < cells; i++)
        failed += fixture_status(i) == STORE_FAILED;
    struct store_tally tally;
    assert_ok(store_count(store, &tally));
    assert_int_equal(tally.done, cells - failed);
    assert_int_equal(tally.failed, failed);
    assert_int_equal(tally.pending, 0);
    double radius = 0, norm = 0;
    assert_ok(store_read_weight(store, 3, &radius, &norm));
    assert_true(radius == 4.0 && norm == 5.0);
    assert_ok(store_close(store));
}

static void pending_cells_of_a_block_are_left_alone(void **state)
{
    (void)state;
    make_whole_file(48);
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, path, STORE_RESUME, false, &store, &is_fresh));
    if (world.rank == world.size - 1) {
        struct cell_results results;
        assert_ok(store_allocate_results(sweep, 10, 4, &results)); /* NaN, and pending but for cell 12 */
        results.status[2] = STORE_FAILED;
        results.failure_reason[2] = FAILURE_MEMORY;
        assert_ok(store_write_cells(store, &results));
        store_free_results(sweep, &results);
        uint8_t needed[4];
        assert_ok(store_cells_needed(store, 10, 4, true, needed));
        assert_memory_equal(needed, ((uint8_t[4]){ 0, 0, 1, 0 }), 4);
    }
    assert_ok(store_close(store));
}

/* Flips one bit of the file at element `element` of a dataset. */
static void damage(const char *dataset_name, uint64_t element, size_t size)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, dataset_name, H5P_DEFAULT);
    off_t offset = (off_t)(H5Dget_offset(dataset) + element * size);
    H5Dclose(dataset);
    H5Fclose(file);
    unsigned char byte = 0;
    int descriptor = open(path, O_RDWR);
    assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    close(descriptor);
}

static void damaged_cells_are_needed_again(void **state)
{
    (void)state;
    const uint64_t cells = grid_cell_count(sweep), lags = (uint64_t)sweep->lag_count;
    make_whole_file(48);
    if (world.rank == 0) {
        damage("log_jacobian_norm", 17 * lags + 1, sizeof(double));
        damage("growth_rate", 0, sizeof(double));
        damage("log_frobenius_norm", cells * lags - 1, sizeof(double));
        damage("method", 40, 1);
        damage("checksum", 50, sizeof(uint32_t));
        damage("team_size", 60, sizeof(uint16_t)); /* allowed to differ: not in the checksum */
        damage("cell_seconds", 61, sizeof(double));
    }
    meet();
    struct store *store;
    bool is_fresh;
    uint8_t *needed = malloc(cells);
    assert_ok(store_open(&world, sweep, path, STORE_RESUME, false, &store, &is_fresh));
    assert_ok(store_cells_needed(store, 0, cells, false, needed));
    for (uint64_t i = 0; i < cells; i++)
        assert_int_equal(needed[i], i == 17 || i == 0 || i == cells - 1 || i == 40 || i == 50);
    assert_ok(store_close(store));
    free(needed);
}

static void refusals_touch_nothing(void **state)
{
    (void)state;
    struct sweep *other;
    assert_ok(fixture_sweep("[0.25, 0.75]", &other));
    make_whole_file(48);
    expect_refusal(path, STORE_NEW, sweep, "--resume");
    expect_refusal(path, STORE_RESUME, other, "grid.gamma");
    char elsewhere[160];
    snprintf(elsewhere, sizeof elsewhere, "%s/missing/out.h5", directory);
    expect_refusal(elsewhere, STORE_NEW, sweep, "missing");
    snprintf(elsewhere, sizeof elsewhere, "%s.lock", path);
    assert_false(exists(elsewhere));
    sweep_close(other);
}

static void files_of_others_are_never_overwritten(void **state)
{
    (void)state;
    if (world.rank == 0) {
        FILE *file = fopen(path, "w");
        fputs("precious", file);
        fclose(file);
    }
    meet();
    expect_refusal(path, STORE_RESUME, sweep, "HDF5");
    expect_refusal(path, STORE_OVERWRITE, sweep, "untouched");
    meet();
    if (world.rank == 0) { /* HDF5, but not ours */
        unlink(path);
        hid_t file = H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
        H5Fclose(file);
    }
    meet();
    expect_refusal(path, STORE_OVERWRITE, sweep, "format_version");
    assert_true(exists(path));
}

static void overwriting_starts_afresh(void **state)
{
    (void)state;
    struct sweep *other;
    assert_ok(fixture_sweep("[0.25, 0.75]", &other));
    make_whole_file(48);
    struct store *store;
    bool is_fresh = false;
    assert_ok(store_open(&world, other, path, STORE_OVERWRITE, false, &store, &is_fresh));
    assert_true(is_fresh);
    struct store_tally tally;
    assert_ok(store_count(store, &tally));
    assert_int_equal(tally.pending, grid_cell_count(other));
    assert_ok(store_close(store));
    sweep_close(other);
}

static void a_locked_file_is_refused_and_the_lock_can_be_broken(void **state)
{
    (void)state;
    const int holder = world.size - 1; /* another process than rank 0, where there are several */
    if (world.size == 1)
        skip();
    struct lock lock = { .descriptor = -1 };
    if (world.rank == holder)
        assert_ok(lock_acquire(path, false, &lock));
    meet();
    expect_refusal(path, STORE_NEW, sweep, "--break-lock");
    assert_false(exists(path));
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, path, STORE_NEW, true, &store, &is_fresh));
    if (world.rank == holder)
        lock_release(&lock); /* not its own any more: must leave the new owner's file */
    meet();
    char lock_file[160];
    snprintf(lock_file, sizeof lock_file, "%s.lock", path);
    assert_true(exists(lock_file));
    assert_ok(store_close(store));
}

/* A limit on the size of files fails the writes of this process as a full disk does. */
static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_file_that_does_not_fit_is_an_error_everywhere_and_leaves_nothing(void **state)
{
    (void)state;
    char temporary[160];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    struct store *store;
    bool is_fresh;
    if (world.rank == world.size - 1)
        limit_file_size(65536);
    enum status status = store_open(&world, sweep, path, STORE_NEW, false, &store, &is_fresh);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(status, STATUS_IO);
    assert_non_null(strstr(status_message(), path));
    meet();
    assert_false(exists(path));
    assert_false(exists(temporary));
}

static void a_write_that_fails_says_where_and_the_file_stays_resumable(void **state)
{
    (void)state;
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, path, STORE_NEW, false, &store, &is_fresh));
    if (world.rank == world.size - 1) {
        struct cell_results results;
        assert_ok(fixture_results(sweep, 20, 4, &results));
        limit_file_size(4096);
        assert_int_equal(store_write_cells(store, &results), STATUS_IO);
        limit_file_size(RLIM_INFINITY);
        assert_non_null(strstr(status_message(), path));
        uint8_t needed[4];
        assert_ok(store_cells_needed(store, 20, 4, false, needed));
        assert_memory_equal(needed, ((uint8_t[4]){ 1, 1, 1, 1 }), 4);
        assert_ok(store_write_cells(store, &results));
        assert_ok(store_cells_needed(store, 20, 4, false, needed));
        assert_memory_equal(needed, ((uint8_t[4]){ 0, 0, 0, 0 }), 4);
        store_free_results(sweep, &results);
    }
    assert_ok(store_close(store));
}

static char *read_whole(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void equal_sweeps_give_equal_files(void **state)
{
    (void)state;
    make_whole_file(5);
    char first[160];
    snprintf(first, sizeof first, "%s.first", path);
    meet();
    if (world.rank == 0)
        assert_int_equal(rename(path, first), 0);
    meet();
    make_whole_file(13);
    if (world.rank == 0) {
        size_t sizes[2];
        char *bytes[2] = { read_whole(first, &sizes[0]), read_whole(path, &sizes[1]) };
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(bytes[0], bytes[1], sizes[0]);
        double predicted = (double)store_predicted_bytes(sweep), actual = (double)sizes[0];
        /* To a percent, or what alignment can make of a file as small as this. */
        assert_true(fabs(predicted - actual) < 0.01 * actual + 65536);
        free(bytes[0]);
        free(bytes[1]);
        unlink(first);
    }
}

static void a_run_keeps_its_row_of_provenance(void **state)
{
    (void)state;
    char texts[3][PROVENANCE_CHARACTERS + 1] = { { 0 } };
    for (int run = 0; run < 2; run++) {
        struct store *store;
        bool is_fresh;
        assert_ok(store_open(&world, sweep, path, STORE_RESUME, false, &store, &is_fresh));
        if (world.rank == 0) {
            assert_ok(store_write_provenance(store, "{\"begun\": \"and a longer text\"}"));
            assert_ok(store_write_provenance(store, run == 0 ? "{\"run\": 0}" : "{\"run\": 1}"));
        }
        assert_ok(store_close(store));
    }
    struct results_file file;
    assert_ok(results_file_open(path, sweep, NULL, &file));
    for (uint64_t run = 0; run < 3; run++)
        assert_ok(results_file_read(&file, layout_tail_at(&file.layout, TAIL_PROVENANCE), run * PROVENANCE_CHARACTERS,
                                    PROVENANCE_CHARACTERS, texts[run]));
    assert_string_equal(texts[0], "{\"run\": 0}");
    assert_string_equal(texts[1], "{\"run\": 1}");
    assert_string_equal(texts[2], "");
    assert_ok(results_file_close(&file));
}

int main(int argc, char **argv)
{
    if (world_open(&argc, &argv, &world) != STATUS_OK || fixture_sweep("[0.25, 0.5]", &sweep) != STATUS_OK) {
        fprintf(stderr, "%s\n", status_message());
        return 1;
    }
    signal(SIGXFSZ, SIG_IGN);
    strcpy(directory, "/tmp/gradsweep-store-XXXXXX");
    if (world.rank == 0 && !mkdtemp(directory))
        return 1;
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, world.communicator);
    snprintf(path, sizeof path, "%s/out.h5", directory);
#define file_test(name) cmocka_unit_test_setup_teardown(name, remove_file, remove_file)
    const struct CMUnitTest tests[] = {
        file_test(a_new_file_is_untouched),
        file_test(untouched_results_are_as_allocated),
        file_test(what_all_ranks_wrote_is_read_back_bit_for_bit),
        file_test(resume_finds_what_is_done_and_what_failed),
        file_test(pending_cells_of_a_block_are_left_alone),
        file_test(damaged_cells_are_needed_again),
        file_test(refusals_touch_nothing),
        file_test(files_of_others_are_never_overwritten),
        file_test(overwriting_starts_afresh),
        file_test(a_locked_file_is_refused_and_the_lock_can_be_broken),
        file_test(a_file_that_does_not_fit_is_an_error_everywhere_and_leaves_nothing),
        file_test(a_write_that_fails_says_where_and_the_file_stays_resumable),
        file_test(equal_sweeps_give_equal_files),
        file_test(a_run_keeps_its_row_of_provenance),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (world.rank == 0)
        rmdir(directory);
    sweep_close(sweep);
    world_close(&world, 1, 20);
    return failures;
}
