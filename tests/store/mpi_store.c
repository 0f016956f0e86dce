/* The results file on any number of ranks: made, written by all, resumed, damaged. */
#include "store/store_session.h"

#include <fcntl.h>

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
    assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
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
    struct weight_facts facts = { 0 };
    assert_ok(store_read_weights(store, grid_weight_count(sweep) - 1, 1, &facts, NULL));
    assert_true(isnan(facts.radius) && isnan(facts.norm));
    assert_ok(store_close(store));
    meet();
    assert_false(exists(lock_file));
}

/* The cells of the file, all of them, against `expected`, which is released. */
static void assert_file_holds(struct cell_results *expected)
{
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_results found;
    struct results_file file;
    struct cell_checksums checksums;
    assert_ok(cell_checksums_allocate(cells, &checksums));
    assert_ok(store_allocate_results(sweep, 0, cells, &found));
    memset(found.method, 1, cells); /* so that what is not read is not as expected */
    memset(found.values[0], 1, sizeof(double));
    assert_ok(results_file_open(path, sweep, NULL, &file));
    assert_ok(results_file_read_cells(&file, &found, &checksums));
    assert_ok(results_file_close(&file));
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (found.values[i])
            assert_memory_equal(found.values[i], expected->values[i], cells * store_bytes_per_cell(sweep, rule));
    assert_memory_equal(found.status, expected->status, cells);
    assert_memory_equal(found.failure_reason, expected->failure_reason, cells);
    assert_memory_equal(found.method, expected->method, cells);
    assert_memory_equal(found.team_size, expected->team_size, cells * sizeof(uint16_t));
    assert_memory_equal(found.cell_seconds, expected->cell_seconds, cells * sizeof(double));
    assert_memory_equal(found.predicted_seconds, expected->predicted_seconds, cells * sizeof(double));
    store_free_results(&found);
    store_free_results(expected);
    cell_checksums_free(&checksums);
}

/* Everything that an untouched file holds is what store_allocate_results fills in. */
static void untouched_results_are_as_allocated(void **state)
{
    (void)state;
    struct store *store;
    bool is_fresh;
    struct cell_results expected;
    assert_ok(store_open(&world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh));
    assert_ok(store_close(store));
    assert_ok(store_allocate_results(sweep, 0, grid_cell_count(sweep), &expected));
    assert_file_holds(&expected);
}

static void what_all_ranks_wrote_is_read_back_bit_for_bit(void **state)
{
    (void)state;
    struct cell_results expected;
    make_whole_file(5);
    assert_ok(fixture_results(sweep, 0, grid_cell_count(sweep), &expected));
    assert_file_holds(&expected);
}

static void resume_finds_what_is_done_and_what_failed(void **state)
{
    (void)state;
    make_whole_file(48);
    struct store *store;
    bool is_fresh = true;
    assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
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
    struct weight_facts facts = { 0 };
    assert_ok(store_read_weights(store, 3, 1, &facts, NULL));
    assert_true(facts.radius == 4.0 && facts.norm == 5.0);
    assert_ok(store_close(store));
}

static void pending_cells_of_a_block_are_left_alone(void **state)
{
    (void)state;
    make_whole_file(48);
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
    if (world.rank == world.size - 1) {
        struct cell_results results;
        assert_ok(store_allocate_results(sweep, 10, 4, &results)); /* NaN, and pending but for cell 12 */
        results.status[2] = STORE_FAILED;
        results.failure_reason[2] = FAILURE_MEMORY;
        assert_ok(store_write_cells(store, &results));
        store_free_results(&results);
        uint8_t needed[4];
        assert_ok(store_cells_needed(store, 10, 4, true, needed));
        assert_memory_equal(needed, ((uint8_t[4]){ 0, 0, 1, 0 }), 4);
        /* Its checksum fits: what was written is that cell's part of the block, not another's. */
        assert_ok(store_cells_needed(store, 10, 4, false, needed));
        assert_memory_equal(needed, ((uint8_t[4]){ 0, 0, 0, 0 }), 4);
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
        damage("team_size", 60, sizeof(uint16_t)); /* allowed to differ: these have a checksum of their own */
        damage("cell_seconds", 61, sizeof(double));
        damage("runtime_checksum", 62, sizeof(uint32_t));
    }
    meet();
    struct store *store;
    bool is_fresh;
    uint8_t *needed = malloc(cells);
    assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
    assert_ok(store_cells_needed(store, 0, cells, false, needed));
    for (uint64_t i = 0; i < cells; i++)
        assert_int_equal(needed[i], i == 17 || i == 0 || i == cells - 1 || i == 40 || i == 50 || (i >= 60 && i <= 62));
    assert_ok(store_close(store));
    free(needed);
}

/* Radius i + 1 and norm i + 2 of each but the damaged one; norms are neighbours in the file, as radii are. */
static void weights_are_written_and_read_together(void **state)
{
    (void)state;
    const uint64_t weights = grid_weight_count(sweep), bad = weights / 2;
    struct store *store;
    bool is_fresh, are_damaged[64];
    struct weight_facts facts[64] = { 0 };
    assert_in_range(weights, 4, 64);
    assert_ok(store_open(&world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh));
    for (uint64_t i = 0; i < weights; i++)
        facts[i] = (struct weight_facts){ .radius = 1.0 + (double)i, .norm = 2.0 + (double)i };
    if (world.rank == 0)
        assert_ok(store_write_weights(store, 1, weights - 1, facts + 1));
    assert_ok(store_close(store));
    meet();
    if (world.rank == 0)
        damage("weight_norm", bad, sizeof(double));
    meet();
    assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
    memset(facts, 0, sizeof facts);
    assert_ok(store_read_weights(store, 0, weights, facts, are_damaged));
    for (uint64_t i = 0; i < weights; i++) {
        const bool is_there = i != 0 && i != bad;
        assert_int_equal(are_damaged[i], i == bad);
        assert_true(is_there ? facts[i].radius == 1.0 + (double)i && facts[i].norm == 2.0 + (double)i
                             : isnan(facts[i].radius) && isnan(facts[i].norm));
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
        assert_true(fabs(predicted - actual) < 0.01 * actual + 8192);
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
        assert_ok(store_open(&world, sweep, NULL, path, STORE_RESUME, false, &store, &is_fresh));
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
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        file_test(a_new_file_is_untouched),
        file_test(untouched_results_are_as_allocated),
        file_test(what_all_ranks_wrote_is_read_back_bit_for_bit),
        file_test(resume_finds_what_is_done_and_what_failed),
        file_test(pending_cells_of_a_block_are_left_alone),
        file_test(damaged_cells_are_needed_again),
        file_test(weights_are_written_and_read_together),
        file_test(equal_sweeps_give_equal_files),
        file_test(a_run_keeps_its_row_of_provenance),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
