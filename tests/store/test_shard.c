/* Shards: what their files hold and refuse, and how their cells come together. */
#include "store/merge.h"
#include "store/resume.h"
#include "store_session.h"

#include <fcntl.h>

enum { PIECE = 5, RANGES = 10, NUMBER = 41 }; /* NUMBER: a cell of shard 1/2 that is done */

static char parts[2][128], merged[128];

/* Pieces of PIECE cells in turns; the last range of shard 2/2 is partly, one more wholly, beyond the grid. */
static void range_at(const void *number, uint64_t range, uint64_t *first, uint64_t *count)
{
    const uint64_t cells = grid_cell_count(sweep);
    *first = (2 * range + (uint64_t) * (const long *)number - 1) * PIECE;
    *count = *first >= cells ? 0 : cells - *first < PIECE ? cells - *first : PIECE;
}

static struct shard_cells shard_of(const long *number)
{
    struct shard_cells shard = {
        .mark = { .number = *number, .count = 2 }, .range_count = RANGES, .range_at = range_at, .context = number
    };
    for (uint64_t range = 0; range < RANGES; range++) {
        uint64_t first, count;
        range_at(number, range, &first, &count);
        shard.mark.cells += count;
    }
    return shard;
}

static struct store *open_part(long number, enum store_mode mode)
{
    const struct shard_cells shard = shard_of(&number);
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, &shard, parts[number - 1], mode, false, &store, &is_fresh));
    return store;
}

static void write_part(struct store *store, long number)
{
    for (uint64_t range = 0; range < RANGES; range++) {
        struct cell_results results;
        uint64_t first, count;
        range_at(&number, range, &first, &count);
        if (count == 0)
            continue;
        assert_ok(fixture_results(sweep, first, count, &results));
        assert_ok(store_write_cells(store, &results));
        store_free_results(&results);
    }
}

static void make_part(long number)
{
    struct store *store = open_part(number, STORE_OVERWRITE);
    write_part(store, number);
    for (uint64_t i = (uint64_t)number - 1; i < grid_weight_count(sweep); i += 2)
        assert_ok(store_write_weights(store, i, 1,
                                      &(struct weight_facts){ .radius = 1.0 + (double)i, .norm = 2.0 + (double)i }));
    assert_ok(store_close(store));
}

static int make_parts(void **state)
{
    (void)state;
    for (long number = 1; number <= 2; number++) {
        snprintf(parts[number - 1], sizeof parts[0], "%s/%ld.h5", directory, number);
        make_part(number);
    }
    snprintf(merged, sizeof merged, "%s/merged.h5", directory);
    return 0;
}

static int remove_parts(void **state)
{
    (void)state;
    unlink(parts[0]);
    unlink(parts[1]);
    unlink(merged);
    unlink(path);
    return 0;
}

/* Writes one cell of a part with another growth rate, and this status. */
static void rewrite_cell(long number, enum store_status status)
{
    const size_t growth_rate = 5; /* the column */
    struct store *store = open_part(number, STORE_RESUME);
    struct cell_results results;
    assert_ok(fixture_results(sweep, NUMBER, 1, &results));
    ((double *)results.values[growth_rate])[0] += 1.0;
    results.status[0] = (uint8_t)status;
    assert_ok(store_write_cells(store, &results));
    store_free_results(&results);
    assert_ok(store_close(store));
}

static void a_shard_counts_and_fills_its_own_cells(void **state)
{
    (void)state;
    const long number = 2;
    const struct shard_cells shard = shard_of(&number);
    struct store_tally tally;
    struct results_file file;
    unlink(parts[1]);
    struct store *store = open_part(number, STORE_NEW);
    assert_ok(store_count(store, &tally));
    assert_int_equal(tally.pending, shard.mark.cells);
    assert_ok(store_close(store));

    assert_ok(results_file_open(parts[1], sweep, NULL, &file));
    assert_int_equal(file.shard.number, 2);
    assert_int_equal(file.shard.count, 2);
    assert_int_equal(file.own_cells, shard.mark.cells);
    for (uint64_t cell = 0; cell < grid_cell_count(sweep); cell++) {
        double value = 1.0;
        assert_ok(results_file_read(&file, results_file_find(&file, "growth_rate"), cell, 1, &value));
        assert_true(cell / PIECE % 2 == 1 ? isnan(value) : value == 0.0);
    }
    for (uint64_t weight = 0; weight < grid_weight_count(sweep); weight++) {
        double value = 1.0;
        assert_ok(results_file_read(&file, results_file_find(&file, "weight_norm"), weight, 1, &value));
        assert_true(isnan(value));
    }
    assert_ok(results_file_close(&file));
}

static void a_shard_goes_on_as_itself_alone(void **state)
{
    (void)state;
    const long first = 1, second = 2;
    const struct shard_cells other = shard_of(&second), third = { .mark = { .number = 1, .count = 3 } };
    const struct shard_cells *const refused[] = { &other, &third, NULL };
    struct store *store;
    bool is_fresh;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_open(&world, sweep, refused[i], parts[0], STORE_RESUME, false, &store, &is_fresh),
                         STATUS_REFUSED);
        assert_non_null(strstr(status_message(), "the file is shard 1/2, and "));
    }
    const struct shard_cells same = shard_of(&first);
    assert_ok(store_open(&world, sweep, &same, parts[0], STORE_RESUME, false, &store, &is_fresh));
    assert_false(is_fresh);
    assert_ok(store_close(store));
    make_whole_file(7);
    assert_int_equal(store_open(&world, sweep, &same, path, STORE_RESUME, false, &store, &is_fresh), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "a whole results file, and shard 1/2"));
}

static enum status merge_two(const char *one, const char *other)
{
    return merge_shards(merged, 2, (const char *const[]){ one, other });
}

/* Every cell of the merged file, beside its formula. */
static void require_formula(void)
{
    struct results_file file;
    struct cell_results expected;
    struct cell_checksums checksums;
    assert_ok(fixture_results(sweep, 0, grid_cell_count(sweep), &expected));
    assert_ok(cell_checksums_allocate(expected.count, &checksums));
    assert_ok(results_file_open(merged, sweep, NULL, &file));
    for (uint64_t i = 0; i < expected.count; i++) {
        uint32_t checksum = 0;
        assert_ok(results_file_read(&file, HEAD_CHECKSUM, i, 1, &checksum));
        results_file_seal_cell(&file, &expected, i, &checksums);
        assert_int_equal(checksum, checksums.results[i]);
    }
    cell_checksums_free(&checksums);
    for (uint64_t i = 0; i < grid_weight_count(sweep); i++) {
        double norm = NAN;
        assert_ok(results_file_read(&file, results_file_find(&file, "weight_norm"), i, 1, &norm));
        assert_true(norm == 2.0 + (double)i);
    }
    uint64_t damaged = 1;
    assert_ok(resume_count_damaged(&file, 0, expected.count, &damaged));
    assert_int_equal(damaged, 0);
    assert_true(shard_is_whole(&file.shard));
    assert_ok(results_file_close(&file));
    store_free_results(&expected);
}

static void merged_parts_are_whole(void **state)
{
    (void)state;
    /* Some cells of the fixture have failed. */
    assert_int_equal(merge_two(parts[0], parts[1]), STATUS_FAILED_CELLS);
    require_formula();
    assert_int_equal(merge_two(parts[0], parts[1]), STATUS_REFUSED);
    unlink(merged);
    assert_int_equal(merge_two(parts[1], parts[0]), STATUS_FAILED_CELLS);
    require_formula();
}

static void a_done_cell_goes_before_a_failed_one(void **state)
{
    (void)state;
    char copy[128];
    snprintf(copy, sizeof copy, "%s/copy.h5", directory);
    assert_int_equal(rename(parts[0], copy), 0);
    make_part(1);
    rewrite_cell(1, STORE_FAILED);
    const char *const orders[][3] = { { parts[0], copy, parts[1] }, { copy, parts[0], parts[1] } };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(merge_shards(merged, 3, orders[i]), STATUS_FAILED_CELLS);
        require_formula();
        unlink(merged);
    }
    rewrite_cell(1, STORE_DONE); /* done twice, with different results */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(merge_shards(merged, 3, orders[i]), STATUS_IO);
        assert_non_null(strstr(status_message(), "contradict each other in cell 41 (activation="));
        assert_non_null(strstr(status_message(), parts[0]));
        assert_non_null(strstr(status_message(), copy));
        assert_false(exists(merged));
    }
    unlink(copy);
}

static void parts_that_lack_cells_leave_them_pending(void **state)
{
    (void)state;
    struct store_tally tally;
    struct results_file file;
    const char *const one[] = { parts[0] };
    const long number = 1;
    assert_int_equal(merge_shards(merged, 1, one), STATUS_STOPPED);
    assert_non_null(strstr(status_message(), "no file of shard 2/2;"));
    assert_ok(results_file_open(merged, sweep, NULL, &file));
    assert_ok(resume_count(&file, &tally));
    assert_int_equal(tally.done + tally.failed, shard_of(&number).mark.cells);
    assert_int_equal(tally.pending, grid_cell_count(sweep) - shard_of(&number).mark.cells);
    assert_ok(results_file_close(&file));
}

/* A lock, or what a killed merge left, is treated as a run treats it. */
static void merging_takes_the_lock(void **state)
{
    (void)state;
    char temporary[160], lock[160];
    snprintf(temporary, sizeof temporary, "%s.tmp", merged);
    snprintf(lock, sizeof lock, "%s.lock", merged);
    close(open(temporary, O_CREAT | O_WRONLY, 0666));
    assert_int_equal(merge_two(parts[0], parts[1]), STATUS_FAILED_CELLS);
    assert_false(exists(temporary));
    assert_false(exists(lock));
    unlink(merged);
    FILE *file = fopen(lock, "w");
    fprintf(file, "host=elsewhere\npid=1\nboot=x\njob=\nrestarts=\n");
    fclose(file);
    assert_int_equal(merge_two(parts[0], parts[1]), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "elsewhere"));
    assert_false(exists(merged));
    unlink(lock);
}

#define part_test(name) cmocka_unit_test_setup_teardown(name, make_parts, remove_parts)

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        part_test(a_shard_counts_and_fills_its_own_cells),
        part_test(a_shard_goes_on_as_itself_alone),
        part_test(merged_parts_are_whole),
        part_test(a_done_cell_goes_before_a_failed_one),
        part_test(parts_that_lack_cells_leave_them_pending),
        part_test(merging_takes_the_lock),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
