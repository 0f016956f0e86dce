/* The check finds nothing in results that are consistent, and each kind of fault where one value is changed. */
#include "check/check.h"
#include "gradient/bound.h"
#include "measures.h"
#include "store/inspect.h"
#include "store/store_session.h"

#include <math.h>

/* Columns of the table of measures. */
enum { NORM, BOUND, VERDICT, VANISHING, SPECTRAL, GROWTH, RADIUS_COLUMN, WEIGHT_COLUMN, FROBENIUS };
enum { LAGS = 3, RADII = 3, GAMMAS = 2, CELL = 40 };

static const double ginibre_radius = 1.25, ginibre_norm = 2.5;

/* Norms (gamma rho)^l, below the bound for ginibre and equal to it for orthogonal weights. */
static void make_cell(uint64_t number, struct cell_results *results, uint64_t i)
{
    const struct cell at = grid_cell_at(sweep, number);
    const bool is_orthogonal = at.at[AXIS_ENSEMBLE] == 1;
    const double log_rho = log(grid_spectral_radius(sweep, &at)), log_gamma = log(grid_gamma(sweep, &at));
    const double log_norm = log_rho + (is_orthogonal ? 0 : log(ginibre_norm / ginibre_radius));
    double *norms = (double *)results->values[NORM] + i * LAGS;
    for (int k = 0; k < LAGS; k++) {
        const double lag = (double)sweep->lags[k];
        norms[k] = lag * (log_gamma + log_rho);
        ((double *)results->values[BOUND])[i * LAGS + k] = lag * (log_gamma + log_norm);
        ((uint8_t *)results->values[VERDICT])[i * LAGS + k] = is_orthogonal ? BOUND_WITHIN_ROUNDING : BOUND_HOLDS;
        ((double *)results->values[FROBENIUS])[i * LAGS + k] =
            norms[k] + 0.25 * log((double)grid_hidden_size(sweep, &at));
    }
    ((uint8_t *)results->values[VANISHING])[i] = log_gamma + log_norm < 0;
    ((uint8_t *)results->values[SPECTRAL])[i] = log_gamma + log_rho < 0;
    ((double *)results->values[GROWTH])[i] = bound_growth_rate(sweep->lags, norms, LAGS);
    results->status[i] = STORE_DONE;
    results->method[i] = METHOD_EXPLICIT;
    results->team_size[i] = 1;
}

static struct store *open_store(enum store_mode mode)
{
    struct store *store;
    bool is_fresh;
    assert_ok(store_open(&world, sweep, NULL, path, mode, false, &store, &is_fresh));
    return store;
}

static int make_consistent_file(void **state)
{
    (void)state;
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_results results;
    unlink(path);
    struct store *store = open_store(STORE_NEW);
    assert_ok(store_allocate_results(sweep, 0, cells, &results));
    for (uint64_t i = 0; i < cells; i++)
        make_cell(i, &results, i);
    assert_ok(store_write_cells(store, &results));
    store_free_results(&results);
    for (uint64_t i = 0; i < grid_weight_count(sweep); i++) {
        const struct weight_facts orthogonal = { .radius = 1, .norm = 1 };
        const struct weight_facts ginibre = { .radius = ginibre_radius, .norm = ginibre_norm };
        const bool is_orthogonal = i >= grid_weight_count(sweep) / 2;
        assert_ok(store_write_weights(store, i, 1, is_orthogonal ? &orthogonal : &ginibre));
    }
    assert_ok(store_write_provenance(store, "{\"host\": \"somewhere\"}"));
    assert_ok(store_close(store));
    return 0;
}

/* What a function prints, NUL-terminated; *status is what it returned. */
static char *printed_by(enum status (*print)(const char *, FILE *), enum status *status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    *status = print(path, out);
    fclose(out);
    return text;
}

static void expect_printed(enum status (*print)(const char *, FILE *), enum status expected, const char *words)
{
    enum status status;
    char *text = printed_by(print, &status);
    if (status != expected || !strstr(text, words))
        fail_msg("status %d (%s), and \"%s\" in:\n%s", status, status_message(), words, text);
    free(text);
}

/* Writes cell `number` anew, with one change. */
static void change_cell(uint64_t number, void (*change)(struct cell_results *results))
{
    struct cell_results results;
    struct store *store = open_store(STORE_RESUME);
    assert_ok(store_allocate_results(sweep, number, 1, &results));
    make_cell(number, &results, 0);
    change(&results);
    assert_ok(store_write_cells(store, &results));
    store_free_results(&results);
    assert_ok(store_close(store));
}

static void a_consistent_file_passes(void **state)
{
    (void)state;
    expect_printed(check_file, STATUS_OK, "cells: 96 done, 0 failed, 0 pending, 0 damaged\n\n");
    expect_printed(check_file, STATUS_OK, "not_computed 0, holds 144, within_rounding 144, violated 0\n\n");
    /* gamma rho is at most 0.75, and every norm falls; of ginibre gamma ||W||_2 is 1 for gamma = 0.5, rho = 1, which
     * foretells nothing, and above for rho = 1.5. */
    expect_printed(check_file, STATUS_OK, "100.0% of 48              90.9% of 44\n");
}

static double *lags_of(struct cell_results *results, int column)
{
    return results->values[column];
}

/* A new file with one finished cell, of identity, ginibre, 6 units, rho = 1.5 and gamma = 0.5, whose norms are e^(rate
 * lag): gamma rho = 0.75 foretells none, gamma ||W||_2 = 1.5 foretells growth. */
static void make_one_cell_grow(double rate)
{
    const uint64_t number = 2 * RADII * GAMMAS + (RADII - 1) * GAMMAS + GAMMAS - 1;
    struct cell_results results;
    unlink(path);
    struct store *store = open_store(STORE_NEW);
    assert_ok(store_allocate_results(sweep, number, 1, &results));
    make_cell(number, &results, 0);
    for (int i = 0; i < LAGS; i++) {
        lags_of(&results, FROBENIUS)[i] += rate * (double)sweep->lags[i] - lags_of(&results, NORM)[i];
        lags_of(&results, NORM)[i] = rate * (double)sweep->lags[i];
    }
    ((double *)results.values[GROWTH])[0] = bound_growth_rate(sweep->lags, lags_of(&results, NORM), LAGS);
    const struct weight_facts ginibre = { .radius = ginibre_radius, .norm = ginibre_norm };
    assert_ok(store_write_weights(store, number / (RADII * GAMMAS), 1, &ginibre));
    assert_ok(store_write_cells(store, &results));
    store_free_results(&results);
    assert_ok(store_close(store));
}

static void expect_agreement(const char *by_radius, const char *by_norm)
{
    char rows[256];
    snprintf(rows, sizeof rows, "\n%-24s %24s %24s\n%-24s %24s %24s\n%-24s %24s %24s\n", "growth observed as by",
             "gamma rho(W) > 1", "gamma ||W||_2 > 1", "identity", by_radius, by_norm, "tanh", "-", "-");
    expect_printed(check_file, STATUS_CHECK_FOUND, rows);
}

/* Norms that stay the same do not grow. */
static void growth_is_what_was_foretold_or_not(void **state)
{
    (void)state;
    make_one_cell_grow(0);
    expect_agreement("100.0% of 1", "0.0% of 1");
    make_one_cell_grow(0.25);
    expect_agreement("0.0% of 1", "100.0% of 1");
}

static void norm_nan(struct cell_results *results)
{
    lags_of(results, NORM)[1] = NAN;
}

static void norm_above_bound(struct cell_results *results)
{
    lags_of(results, NORM)[0] = lags_of(results, BOUND)[0] + 1e-3;
}

static void bound_shifted(struct cell_results *results)
{
    lags_of(results, BOUND)[2] += 1e-6;
}

static void verdict_violated(struct cell_results *results)
{
    ((uint8_t *)results->values[VERDICT])[1] = BOUND_VIOLATED;
}

static void verdict_equality(struct cell_results *results)
{
    ((uint8_t *)results->values[VERDICT])[1] = BOUND_WITHIN_ROUNDING;
}

static void verdict_missing(struct cell_results *results)
{
    ((uint8_t *)results->values[VERDICT])[1] = BOUND_NOT_COMPUTED;
}

static void condition_flipped(struct cell_results *results)
{
    ((uint8_t *)results->values[SPECTRAL])[0] ^= 1;
}

static void growth_shifted(struct cell_results *results)
{
    ((double *)results->values[GROWTH])[0] += 1e-6;
}

static void frobenius_below(struct cell_results *results)
{
    lags_of(results, FROBENIUS)[2] = lags_of(results, NORM)[2] - 1e-3;
}

static void frobenius_above(struct cell_results *results)
{
    lags_of(results, FROBENIUS)[2] = lags_of(results, NORM)[2] + 0.5 * log(6) + 1e-3;
}

/* More than ||W||^2, and still below the bound. */
static void square_too_large(struct cell_results *results)
{
    lags_of(results, NORM)[1] += 1e-3;
    lags_of(results, NORM)[2] += 2e-3;
    ((double *)results->values[GROWTH])[0] = bound_growth_rate(sweep->lags, lags_of(results, NORM), LAGS);
}

static void every_fault_is_found(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct cell_results *results);
        const char *rule;
    } faults[] = {
        { norm_nan, "values are numbers" },
        { norm_above_bound, "ln ||J_l||_2 <= bound" },
        { bound_shifted, "bound = l ln(gamma ||W||_2)" },
        { verdict_violated, "ln ||J_l||_2 <= bound" },
        { verdict_equality, "verdict fits" },
        { verdict_missing, "verdict fits" },
        { condition_flipped, "conditions fit" },
        { growth_shifted, "growth_rate is the slope" },
        { frobenius_below, "ln ||J_l||_2 <= ln ||J_l||_F" },
        { frobenius_above, "ln ||J_l||_2 <= ln ||J_l||_F" },
        { square_too_large, "identity: ||W^(l+m)||" },
    };
    const uint64_t ginibre_cell = 2 * RADII * GAMMAS; /* identity, ginibre, 6 units */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char words[256];
        make_consistent_file(NULL);
        change_cell(ginibre_cell, faults[i].change);
        snprintf(words, sizeof words,
                 "cell %d (activation=identity, ensemble=ginibre, hidden_size=6, replica=0, "
                 "spectral_radius=0.5, gamma=0.25): %s",
                 (int)ginibre_cell, faults[i].rule);
        expect_printed(check_file, STATUS_CHECK_FOUND, words);
    }
}

/* With tanh J_{l+m} is not made of J_l and J_m: their norms say nothing about its. */
static void powers_are_only_compared_for_identity(void **state)
{
    (void)state;
    change_cell(grid_cell_count(sweep) / 2, square_too_large);
    expect_printed(check_file, STATUS_OK, "96 done");
}

static void a_product_that_is_zero_is_right(void **state)
{
    (void)state;
    struct store *store = open_store(STORE_RESUME);
    struct cell_results results;
    const uint64_t number = 2 * RADII * GAMMAS;
    assert_ok(store_allocate_results(sweep, number, 1, &results));
    make_cell(number, &results, 0);
    lags_of(&results, NORM)[2] = lags_of(&results, FROBENIUS)[2] = -INFINITY;
    ((double *)results.values[GROWTH])[0] = -INFINITY;
    assert_ok(store_write_cells(store, &results));
    store_free_results(&results);
    assert_ok(store_close(store));
    expect_printed(check_file, STATUS_OK, "96 done");
}

static void make_failed(struct cell_results *results)
{
    results->status[0] = STORE_FAILED;
    results->failure_reason[0] = FAILURE_ZERO_RADIUS;
}

static void failed_and_pending_cells_are_found(void **state)
{
    (void)state;
    change_cell(CELL, make_failed);
    expect_printed(check_file, STATUS_CHECK_FOUND, "zero_spectral_radius 1");
    expect_printed(store_info, STATUS_OK, "zero_spectral_radius 1");
    unlink(path);
    assert_ok(store_close(open_store(STORE_NEW)));
    expect_printed(check_file, STATUS_CHECK_FOUND, "0 done, 0 failed, 96 pending");
}

static void make_frobenius_failed(struct cell_results *results)
{
    enum jacobian_outcome outcomes[MEASURES] = { JACOBIAN_FOUND };
    outcomes[measure_number("frobenius_norm")] = JACOBIAN_OUT_OF_RANGE;
    results->status[0] = STORE_FAILED;
    results->failure_reason[0] = failure_of_measures(sweep->measures, outcomes);
    for (int i = 0; i < LAGS; i++)
        lags_of(results, FROBENIUS)[i] = NAN;
}

static void make_frobenius_failed_and_bound_wrong(struct cell_results *results)
{
    make_frobenius_failed(results);
    bound_shifted(results);
}

/* The values of the other measures are looked at as in any cell. */
static void a_failed_measure_spares_the_others(void **state)
{
    (void)state;
    change_cell(CELL, make_frobenius_failed);
    expect_printed(check_file, STATUS_CHECK_FOUND, "frobenius_norm_range 1");
    expect_printed(store_info, STATUS_OK, "frobenius_norm_range 1");
    char row[256];
    snprintf(row, sizeof row, "%-26s %12d %12d %12d", "log_frobenius_norm", 95 * LAGS, 0, 0);
    expect_printed(check_file, STATUS_CHECK_FOUND, row);
    snprintf(row, sizeof row, "%-76s %10d %12d %10d", "bound = l ln(gamma ||W||_2)", 96, 96 * LAGS, 0);
    expect_printed(check_file, STATUS_CHECK_FOUND, row);
    snprintf(row, sizeof row, "%-76s %10d %12d %10d", "ln ||J_l||_2 <= ln ||J_l||_F <= ln ||J_l||_2 + 0.5 ln d", 95,
             95 * LAGS, 0);
    expect_printed(check_file, STATUS_CHECK_FOUND, row);
    change_cell(CELL, make_frobenius_failed_and_bound_wrong);
    snprintf(row, sizeof row, "%-76s %10d %12d %10d", "bound = l ln(gamma ||W||_2)", 96, 96 * LAGS, 1);
    expect_printed(check_file, STATUS_CHECK_FOUND, row);
}

static void a_radius_above_the_norm_is_found(void **state)
{
    (void)state;
    struct store *store = open_store(STORE_RESUME);
    assert_ok(store_write_weights(store, 1, 1,
                                  &(struct weight_facts){ .radius = ginibre_norm + 0.002, .norm = ginibre_norm }));
    assert_ok(store_close(store));
    char row[256];
    snprintf(row, sizeof row, "%-76s %10d %12d %10d %12s\n", "rho(W) <= ||W||_2", 8, 8, 1, "-0.002");
    expect_printed(check_file, STATUS_CHECK_FOUND, row);
    enum status status;
    free(printed_by(check_file, &status));
    assert_non_null(strstr(status_message(), "faults of weights"));
}

static void info_tells_axes_progress_and_runs(void **state)
{
    (void)state;
    expect_printed(store_info, STATUS_OK, "spectral_radius       3  0.5, 1, 1.5");
    expect_printed(store_info, STATUS_OK, "96 cells done (100.0%), 0 failed, 0 pending");
    expect_printed(store_info, STATUS_OK,
                   "jacobian_norm frobenius_norm\n  steps 104, tolerance 1e-10, certify false, ");
    expect_printed(store_info, STATUS_OK, "runs: 1\n  {\"host\": \"somewhere\"}");
    expect_printed(store_info, STATUS_OK, sweep->hash);
    struct store *store = open_store(STORE_RESUME);
    expect_printed(store_info, STATUS_OK, "locked by");
    assert_ok(store_close(store));
}

static void other_files_are_not_ours(void **state)
{
    (void)state;
    FILE *file = fopen(path, "w");
    fputs("something else", file);
    fclose(file);
    enum status status;
    free(printed_by(check_file, &status));
    assert_int_equal(status_exit_code(status), 1);
    free(printed_by(store_info, &status));
    assert_int_equal(status_exit_code(status), 1);
    unlink(path);
    free(printed_by(check_file, &status));
    assert_int_equal(status_exit_code(status), 1);
    assert_non_null(strstr(status_message(), path));
}

static void expect_unreadable(const char *reason)
{
    enum status status;
    free(printed_by(check_file, &status));
    assert_int_equal(status_exit_code(status), 1);
    assert_non_null(strstr(status_message(), reason));
    assert_null(strchr(status_message(), '\n'));
    free(printed_by(store_info, &status));
    assert_int_equal(status_exit_code(status), 1);
    assert_non_null(strstr(status_message(), reason));
}

/* HDF5 would wait for a writer to a pipe, and says of a directory that it has no offset. */
static void what_is_no_results_file_is_named(void **state)
{
    (void)state;
    struct stat whole;
    assert_int_equal(stat(path, &whole), 0);
    assert_int_equal(truncate(path, whole.st_size / 2), 0);
    expect_unreadable("truncated file");
    assert_int_equal(truncate(path, 0), 0);
    expect_unreadable("the file is empty");
    unlink(path);
    expect_unreadable("No such file or directory");
    assert_int_equal(mkdir(path, 0777), 0);
    expect_unreadable("it is a directory");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    expect_unreadable("it is not a regular file");
    unlink(path);
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_consistent_file_passes, make_consistent_file),
        cmocka_unit_test(growth_is_what_was_foretold_or_not),
        cmocka_unit_test(every_fault_is_found),
        cmocka_unit_test_setup(powers_are_only_compared_for_identity, make_consistent_file),
        cmocka_unit_test_setup(a_product_that_is_zero_is_right, make_consistent_file),
        cmocka_unit_test_setup(failed_and_pending_cells_are_found, make_consistent_file),
        cmocka_unit_test_setup(a_failed_measure_spares_the_others, make_consistent_file),
        cmocka_unit_test_setup(a_radius_above_the_norm_is_found, make_consistent_file),
        cmocka_unit_test_setup(info_tells_axes_progress_and_runs, make_consistent_file),
        cmocka_unit_test(other_files_are_not_ours),
        cmocka_unit_test_setup(what_is_no_results_file_is_named, make_consistent_file),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
