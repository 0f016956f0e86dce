/* Whatever value of a finished cell is exchanged, a number for NaN or NaN for a number, the check says so: every value
 * of every dataset of real runs in turn. Only where a value is 0/0 or not, which its neighbours do not tell for
 * certain, may it be either. */
#include "check/check.h"
#include "run/run.h"
#include "store/inspect.h"
#include "store/store_session.h"

#include <math.h>

/* Lag 8 is T, hidden_size 2 leaves half of `index` empty, and two activations are not identity. */
static const char all_measures[] =
    "name: all\nseed: 5\nweights:\n  ensemble: [ginibre, symmetric]\nmodel:\n  activation: [identity, tanh, relu]\n"
    "  warmup: 0\n  steps: 8\ngrid:\n  hidden_size: [2, 4]\n  spectral_radius: [0.7]\n  gamma: 1.0\n  lag: [1, 3, 8]\n"
    "measure: [frobenius_norm, step_bound, gradient, {contribution_map: {steps: 5}}, expansion, singular_values]\n";

/* Without one W, and where it has no basis of eigenvectors. */
static const char untied[] = "name: untied\nweights: {ensemble: [untied, ginibre]}\nmodel: {warmup: 2}\n"
                             "grid: {hidden_size: 3, spectral_radius: 0.9, gamma: 1.0, lag: [1, 2]}\n"
                             "measure: [step_bound, singular_values]\n";
static const char defective[] = "name: defective\nweights: {ensemble: {kind: chain}}\nmodel: {activation: identity}\n"
                                "grid: {hidden_size: 3, spectral_radius: native, gamma: 1.0, lag: [1, 2, 3, 4]}\n"
                                "measure: [gradient, expansion]\n";

struct subject {
    struct results_file file;
    struct check_applier *applier;
    struct cell_results results; /* all cells */
    struct check_presence *presence;
};

static void run_whole(const char *text)
{
    sweep_close(sweep);
    assert_ok(sweep_parse(text, &sweep));
    const struct run_options options = { .output = path, .mode = STORE_OVERWRITE, .progress = PROGRESS_NONE };
    assert_ok(run_sweep(&world, sweep, &options));
}

static void open_subject(struct subject *subject)
{
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_checksums checksums;
    assert_ok(cell_checksums_allocate(cells, &checksums));
    assert_ok(results_file_open(path, sweep, NULL, &subject->file));
    assert_ok(check_applier_open(&subject->file, &subject->applier));
    assert_ok(store_allocate_results(sweep, 0, cells, &subject->results));
    assert_ok(results_file_read_cells(&subject->file, &subject->results, &checksums));
    subject->presence = calloc(measure_dataset_count(sweep->measures), sizeof *subject->presence);
    cell_checksums_free(&checksums);
}

static void close_subject(struct subject *subject)
{
    free(subject->presence);
    store_free_results(&subject->results);
    check_applier_close(subject->applier);
    assert_ok(results_file_close(&subject->file));
}

static bool is_right(const struct subject *subject, uint64_t number)
{
    const struct cell position = grid_cell_at(sweep, number);
    struct rule_tally tally = { 0 };
    assert_ok(check_applier_read_weight(subject->applier, grid_weight_number(sweep, &position)));
    const struct measured_cell cell = check_applier_cell(subject->applier, position);
    const bool found = check_presence_of_cell(subject->applier, &cell, &subject->results, number, sweep->measures,
                                              subject->presence, &tally);
    assert_true(found == (tally.wrong == 0));
    assert_int_equal(tally.cells, 1);
    assert_int_equal(tally.wrong_cells, tally.wrong > 0);
    return found;
}

/* e_l = 0 leaves a residual without meaning, and whether it is 0 is another rule's to say. */
static bool may_be_either(const struct dataset_rule *rule, uint64_t number)
{
    const struct cell at = grid_cell_at(sweep, number);
    return strcmp(rule->name, "expansion_residual") == 0 && grid_activation(sweep, &at)->is_identity;
}

/* The value with others in its place, one after the other; `presence` is what is counted of its dataset, `numbers` how
 * many of the cell's values there are numbers. */
static uint64_t exchange(const struct subject *subject, const struct dataset_rule *rule, uint64_t number, double *value,
                         const struct check_presence *presence, uint64_t numbers)
{
    const double kept = *value, others[] = { NAN, 0.5, INFINITY, -INFINITY };
    uint64_t exchanged = 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool expected = !isnan(others[i]) == !isnan(kept);
        if (isinf(others[i]))
            expected = !isnan(kept) && rule->infinity == (others[i] < 0 ? INFINITE_BELOW : INFINITE_ABOVE);
        if (isnan(others[i]) && may_be_either(rule, number))
            expected = true;
        *value = others[i];
        const struct check_presence before = *presence;
        if (is_right(subject, number) != expected)
            fail_msg("%s of cell %llu: %g in place of %g is %s", rule->name, (unsigned long long)number, others[i],
                     kept, expected ? "called wrong" : "not found");
        assert_int_equal(presence->missing - before.missing, !expected && !isnan(kept));
        assert_int_equal(presence->unexpected - before.unexpected, !expected && isnan(kept));
        assert_int_equal(presence->numbers - before.numbers, numbers - !isnan(kept) + (expected && !isnan(others[i])));
        exchanged++;
    }
    *value = kept;
    return exchanged;
}

static double *values_of(const struct subject *subject, const char *name, uint64_t number)
{
    size_t place;
    assert_true(measure_dataset_find(sweep->measures, name, &place));
    const uint64_t count = store_values_per_cell(sweep, measure_dataset_at(sweep->measures, place));
    return (double *)subject->results.values[place] + number * count;
}

/* Values that decide whether others are NaN: the two tests below change them. */
static bool decides_others(const struct subject *subject, const struct dataset_rule *rule, uint64_t number)
{
    static const char *const of_cancellation[] = { "cancellation", "log_gradient_norm", "log_contribution" };
    if (strcmp(rule->name, "eigenbasis_condition") == 0)
        return true;
    for (size_t i = 0; i < sizeof of_cancellation / sizeof *of_cancellation; i++)
        if (strcmp(rule->name, of_cancellation[i]) == 0)
            return isnan(*values_of(subject, "cancellation", number));
    return false;
}

static uint64_t exchange_all(const char *text)
{
    struct subject subject;
    uint64_t exchanged = 0;
    run_whole(text);
    open_subject(&subject);
    for (uint64_t number = 0; number < grid_cell_count(sweep); number++) {
        const struct dataset_rule *rule;
        assert_int_equal(subject.results.status[number], STORE_DONE);
        assert_true(is_right(&subject, number));
        for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++) {
            const uint64_t count = store_values_per_cell(sweep, rule);
            if (rule->type != TYPE_FLOAT64 || decides_others(&subject, rule, number))
                continue;
            double *values = (double *)subject.results.values[i] + number * count;
            uint64_t numbers = 0;
            for (uint64_t k = 0; k < count; k++)
                numbers += !isnan(values[k]);
            for (uint64_t k = 0; k < count; k++)
                exchanged += exchange(&subject, rule, number, &values[k], &subject.presence[i], numbers);
        }
    }
    close_subject(&subject);
    return exchanged;
}

static void every_value_is_where_it_must_be(void **state)
{
    (void)state;
    assert_true(exchange_all(all_measures) > 3000);
    exchange_all(untied);
    exchange_all(defective);
}

static void a_basis_decides_on_the_expansion(void **state)
{
    (void)state;
    struct subject subject;
    run_whole(defective);
    open_subject(&subject);
    assert_true(isnan(*values_of(&subject, "log_expansion_norm", 0)));
    double *condition = values_of(&subject, "eigenbasis_condition", 0);
    static const double wrong[] = { NAN, 1, -INFINITY };
    const double kept = *condition;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *condition = wrong[i];
        assert_false(is_right(&subject, 0));
    }
    *condition = kept;
    assert_true(is_right(&subject, 0));
    close_subject(&subject);
}

/* Zero for zero, 0/0 is NaN. */
static void contributions_decide_on_cancellation(void **state)
{
    (void)state;
    struct subject subject;
    run_whole(all_measures);
    open_subject(&subject);
    double *gradient = values_of(&subject, "log_gradient_norm", 0), kept_gradient = *gradient;
    double *contributions = values_of(&subject, "log_contribution", 0), kept = contributions[0];
    *values_of(&subject, "cancellation", 0) = NAN;
    *gradient = -INFINITY;
    contributions[0] = contributions[1] = -INFINITY;
    assert_true(is_right(&subject, 0));
    contributions[0] = kept;
    assert_false(is_right(&subject, 0));
    contributions[0] = -INFINITY;
    *gradient = kept_gradient;
    assert_false(is_right(&subject, 0));
    close_subject(&subject);
}

/* Writes NaN over a value of WEIGHT shape, and counts what the check says of it. */
static uint64_t wrong_without(const char *name, uint64_t place)
{
    size_t number;
    struct results_file file;
    struct check_summary summary;
    double kept, nothing = NAN;
    assert_true(measure_dataset_find(sweep->measures, name, &number));
    assert_ok(results_file_open(path, sweep, &world, &file));
    assert_ok(results_file_read(&file, layout_measured_at(number), place, 1, &kept));
    assert_ok(results_file_write(&file, layout_measured_at(number), place, 1, &nothing));
    assert_ok(check_results_file(&file, &summary));
    assert_ok(results_file_write(&file, layout_measured_at(number), place, 1, &kept));
    const uint64_t wrong = summary.rules[CHECK_WEIGHT_PRESENCE].wrong;
    assert_int_equal(summary.presence[number].missing, wrong);
    check_summary_free(&summary);
    assert_ok(results_file_close(&file));
    return wrong;
}

/* Each of a finished cell's W is there, but for what was not found, or never was. */
static void weights_of_finished_cells_are_there(void **state)
{
    (void)state;
    run_whole(all_measures);
    for (uint64_t weight = 0; weight < grid_weight_count(sweep); weight++) {
        assert_int_equal(wrong_without("weight_norm", weight), 1);
        assert_int_equal(wrong_without("weight_spectral_radius", weight), 1);
        assert_int_equal(wrong_without("eigenvalue_re", 4 * weight + 1), 1);
        assert_int_equal(wrong_without("eigenvalue_im", 4 * weight), 1);
    }
    assert_int_equal(wrong_without("eigenvalue_re", 2), 0); /* hidden_size 2: beyond it already */
    run_whole(untied);
    assert_int_equal(wrong_without("weight_norm", 0), 0);
    assert_int_equal(wrong_without("weight_norm", 1), 1);
    run_whole(defective);
    assert_int_equal(wrong_without("weight_norm", 0), 1);
    assert_int_equal(wrong_without("weight_spectral_radius", 0), 0); /* native: a radius may be unknown */
}

static void what_is_not_known_foretells_nothing(void **state)
{
    (void)state;
    struct results_file file;
    struct check_summary summary;
    run_whole(untied);
    assert_ok(results_file_open(path, sweep, NULL, &file));
    assert_ok(check_results_file(&file, &summary));
    assert_int_equal(summary.tally.done, 2);
    assert_int_equal(summary.activations[0].by_radius.cells, 1);
    assert_int_equal(summary.activations[0].by_norm.cells, 1);
    check_summary_free(&summary);
    assert_ok(results_file_close(&file));
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_where_it_must_be),      cmocka_unit_test(a_basis_decides_on_the_expansion),
        cmocka_unit_test(contributions_decide_on_cancellation), cmocka_unit_test(weights_of_finished_cells_are_there),
        cmocka_unit_test(what_is_not_known_foretells_nothing),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
