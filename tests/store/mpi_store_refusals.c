/* What the store refuses, and what it does where the disk fails, on any number of ranks. */
#include "store/lock.h"
#include "store/store_session.h"

#include <signal.h>
#include <sys/resource.h>

static void expect_refusal(const char *where, enum store_mode mode, const struct sweep *asked, const char *words)
{
    struct store *store;
    bool is_fresh;
    assert_int_equal(store_open(&world, asked, NULL, where, mode, false, &store, &is_fresh), STATUS_REFUSED);
    assert_null(store);
    if (!strstr(status_message(), words))
        fail_msg("\"%s\" does not say \"%s\"", status_message(), words);
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
    assert_ok(store_open(&world, other, NULL, path, STORE_OVERWRITE, false, &store, &is_fresh));
    assert_true(is_fresh);
    struct store_tally tally;
    assert_ok(store_count(store, &tally));
    assert_int_equal(tally.pending, grid_cell_count(other));
    assert_ok(store_close(store));
    sweep_close(other);
}

static void write_lock_of_another_host(void)
{
    char lock_file[160];
    snprintf(lock_file, sizeof lock_file, "%s.lock", path);
    FILE *file = fopen(lock_file, "w");
    fputs("host=elsewhere\npid=1\nboot=x\njob=\nrestarts=\n", file);
    fclose(file);
}

static void a_locked_file_is_refused_and_only_the_lock_of_others_can_be_broken(void **state)
{
    (void)state;
    const int holder = world.size - 1; /* another process than rank 0, where there are several */
    struct lock lock = { .descriptor = -1 };
    struct store *store;
    bool is_fresh;
    if (world.rank == holder)
        assert_ok(lock_acquire(path, false, &lock));
    meet();
    expect_refusal(path, STORE_NEW, sweep, "--break-lock");
    assert_int_equal(store_open(&world, sweep, NULL, path, STORE_NEW, true, &store, &is_fresh), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "it lives"));
    assert_false(exists(path));
    meet();
    lock_release(&lock);
    meet();
    if (world.rank == 0)
        write_lock_of_another_host();
    meet();
    expect_refusal(path, STORE_NEW, sweep, "elsewhere");
    assert_ok(store_open(&world, sweep, NULL, path, STORE_NEW, true, &store, &is_fresh));
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
    enum status status = store_open(&world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh);
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
    assert_ok(store_open(&world, sweep, NULL, path, STORE_NEW, false, &store, &is_fresh));
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
        store_free_results(&results);
    }
    assert_ok(store_close(store));
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        file_test(refusals_touch_nothing),
        file_test(files_of_others_are_never_overwritten),
        file_test(overwriting_starts_afresh),
        file_test(a_file_that_does_not_fit_is_an_error_everywhere_and_leaves_nothing),
        file_test(a_write_that_fails_says_where_and_the_file_stays_resumable),
    };
    const struct CMUnitTest tests_of_several_ranks[] = {
        file_test(a_locked_file_is_refused_and_only_the_lock_of_others_can_be_broken),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (world.size > 1)
        failures += cmocka_run_group_tests(tests_of_several_ranks, NULL, NULL);
    session_close();
    return failures;
}
