/* Cells of a file of format_version 1 are never taken over where their inputs were others than the same text means
 * today: sine inputs of several components. */
#include "store/transfer.h"
#include "store_session.h"

static const char sines[] = "model: {input: {kind: sine, size: 2}}\n"
                            "grid: {hidden_size: 2, spectral_radius: 1.0, gamma: 1.0, lag: [1, 2]}\n";

static void cells_of_other_inputs_stay_behind(void **state)
{
    (void)state;
    struct results_file source, target;
    struct transfer_tally tally = { 0 };
    struct transfer_conflict conflict = { 0 };
    sweep_close(sweep);
    assert_ok(sweep_parse(sines, &sweep));
    make_whole_file(1);
    assert_ok(results_file_open(path, sweep, NULL, &source));
    assert_ok(results_file_open(path, sweep, &world, &target));
    const struct transfer transfer = { .source = &source, .target = &target };
    assert_ok(transfer_cells(&transfer, &tally, &conflict));
    source.layout.version = 1;
    assert_int_equal(transfer_cells(&transfer, &tally, &conflict), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), path));
    assert_non_null(strstr(status_message(), "sine inputs of 2 components"));
    sweep->model.input_size = 1;
    assert_ok(transfer_cells(&transfer, &tally, &conflict));
    assert_ok(results_file_close(&source));
    assert_ok(results_file_close(&target));
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = { file_test(cells_of_other_inputs_stay_behind) };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
