/* The check passes the results of real runs with every measure, and finds each fault by the rule that is made for it:
 * one cell (or the eigenvalues of one W) is changed so that just this rule is broken, and its checksum set right. */
#include "check/check.h"
#include "run/run.h"
#include "store/inspect.h"
#include "store/measure_faults.h"
#include "store/weight_record.h"

/* Lag 8 is T: its contribution does not exist. hidden_size 3 leaves half of `index` empty. */
static const char faulty_sweep[] =
    "name: faults\nseed: 11\nweights:\n  ensemble: [ginibre, orthogonal, symmetric]\nmodel:\n"
    "  activation: [identity, tanh]\n  input: {kind: gaussian, size: 2, scale: 0.5}\n  loss: linear\n  warmup: 0\n"
    "  steps: 8\ngrid:\n  hidden_size: [3, 6]\n  spectral_radius: 0.9\n  gamma: 1.0\n  lag: [1, 2, 4, 8]\n"
    "measure: [frobenius_norm, step_bound, gradient, {contribution_map: {steps: 3}}, expansion, singular_values]\n"
    "numerics: {certify: true}\n";

/* Proofs and exponents do not go together. */
static const char faulty_exponents[] =
    "name: faulty exponents\nseed: 13\nweights:\n  ensemble: [ginibre, orthogonal, symmetric]\nmodel:\n"
    "  activation: [identity, tanh]\n  input: {kind: gaussian, size: 2, scale: 0.5}\n  warmup: 5\ngrid:\n"
    "  hidden_size: [3, 6]\n  spectral_radius: 1.4\n  gamma: 1.0\n  lag: 1\n"
    "measure: [{lyapunov: {transient: 10, steps: 40, two_sided: true}}]\n";

/* elu runs away above kappa = 1.41; its derivatives at states far below 0 are then further apart than doubles reach. */
#define BROAD_SWEEP(activations, largest_radius)                                                                     \
    "name: broad\nseed: 12\nweights:\n  ensemble: [ginibre, uniform, orthogonal, symmetric, antisymmetric, cycle,\n" \
    "    {kind: sparse, density: 0.5}, {kind: elliptic, tau: 0.5}, {kind: nonnormal, departure: 2}]\nmodel:\n"       \
    "  activation: [" activations "]\n  bias: {kind: gaussian, scale: 0.1}\n  warmup: 10\ngrid:\n"                   \
    "  hidden_size: [4, 17]\n  spectral_radius: [0.5, " largest_radius                                               \
    "]\n  gamma: [0.5, 1.0]\n  lag: [1, 2, 3, 4, 8, 16, 48]\n"                                                       \
    "measure: [frobenius_norm, step_bound, gradient, {contribution_map: {steps: 2}}, expansion, singular_values]\n"
static const char *const broad_sweeps[] = { BROAD_SWEEP("identity, tanh, relu, sin", "1.6"),
                                            BROAD_SWEEP("identity, elu", "0.9") };

static void run(const char *text, const char *output)
{
    if (sweep)
        sweep_close(sweep);
    assert_ok(sweep_parse(text, &sweep));
    const struct run_options options = { .output = output, .mode = STORE_OVERWRITE, .progress = PROGRESS_NONE };
    assert_ok(run_sweep(&world, sweep, &options));
}

static int run_faulty_sweep(void **state)
{
    (void)state;
    run(faulty_sweep, path);
    return 0;
}

static int run_faulty_exponents(void **state)
{
    (void)state;
    run(faulty_exponents, path);
    return 0;
}

static void info_tells_parameters(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(store_info(path, out));
    fclose(out);
    assert_non_null(strstr(text, "gradient contribution_map {steps: 3} expansion"));
    assert_non_null(strstr(text, "steps 8, tolerance 1e-10"));
    free(text);
}

static void expect_good(const char *text_of_sweep)
{
    run(text_of_sweep, path);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum status status = check_file(path, out);
    fclose(out);
    fputs(text, stdout); /* the worst margins; longer than cmocka prints */
    free(text);
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
}

static void real_results_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broad_sweeps / sizeof *broad_sweeps; i++)
        expect_good(broad_sweeps[i]);
}

static bool begins_with(const char *text, const char *words)
{
    return strncmp(text, words, strlen(words)) == 0;
}

/* Just the rules named are broken, and the command says so. */
static void expect_broken(const char *rule, const char *also)
{
    struct results_file file;
    struct check_summary summary;
    bool is_rule = false;
    assert_ok(results_file_open(path, sweep, NULL, &file));
    assert_ok(check_results_file(&file, &summary));
    assert_ok(results_file_close(&file));
    for (size_t i = 0; i < check_rule_count(); i++) {
        const char *text = check_rule_at(i)->text;
        const bool expected = begins_with(text, rule);
        is_rule = is_rule || expected;
        if ((summary.rules[i].wrong > 0) != expected && !(also && begins_with(text, also)))
            fail_msg("%s: %llu of \"%s\" are wrong, worst margin %g", rule, (unsigned long long)summary.rules[i].wrong,
                     text, summary.rules[i].worst_margin);
    }
    assert_true(is_rule);
    check_summary_free(&summary);
    FILE *out = fopen("/dev/null", "w");
    assert_int_equal(status_exit_code(check_file(path, out)), 3);
    fclose(out);
}

static void write_cell(struct results_file *file, const struct cell_results *results)
{
    struct cell_checksums checksums;
    assert_ok(cell_checksums_allocate(1, &checksums));
    results_file_seal_cell(file, results, 0, &checksums);
    assert_ok(results_file_write_cells(file, results, 0, 1, &checksums));
    cell_checksums_free(&checksums);
}

/* Changes a cell, or puts it back as it was (`change` NULL: `kept` is what it was). */
static void change_cell(const struct fault *fault, bool put_back, struct cell_results *kept)
{
    struct results_file file;
    struct cell_results results;
    struct cell_checksums checksums;
    const struct cell at = { { fault->activation, fault->ensemble, fault->hidden_size } };
    const uint64_t number = grid_cell_number(sweep, &at);
    assert_ok(cell_checksums_allocate(1, &checksums));
    assert_ok(results_file_open(path, sweep, &world, &file));
    if (put_back) {
        write_cell(&file, kept);
        store_free_results(kept);
    } else {
        assert_ok(store_allocate_results(sweep, number, 1, kept));
        assert_ok(results_file_read_cells(&file, kept, &checksums));
        assert_ok(store_allocate_results(sweep, number, 1, &results));
        assert_ok(results_file_read_cells(&file, &results, &checksums));
        fault->change(&results);
        write_cell(&file, &results);
        store_free_results(&results);
    }
    cell_checksums_free(&checksums);
    assert_ok(results_file_close(&file));
}

static void expect_each_broken(size_t count, const struct fault *table)
{
    for (size_t i = 0; i < count; i++) {
        struct cell_results kept;
        change_cell(&table[i], false, &kept);
        expect_broken(table[i].rule, table[i].also);
        change_cell(&table[i], true, &kept);
    }
}

static void each_fault_breaks_its_rule(void **state)
{
    (void)state;
    expect_each_broken(sizeof faults / sizeof *faults, faults);
}

static void each_fault_of_exponents_breaks_its_rule(void **state)
{
    (void)state;
    expect_good(faulty_exponents);
    expect_each_broken(sizeof exponent_faults / sizeof *exponent_faults, exponent_faults);
}

static void too_many(double *re, double *im, long size)
{
    (void)im;
    re[size] = 0.5;
}

static void last_largest(double *re, double *im, long size)
{
    for (long i = size - (im[size - 1] != 0 ? 2 : 1); i < size; i++) {
        re[i] *= 1e3;
        im[i] *= 1e3;
    }
}

static void signs_swapped(double *re, double *im, long size)
{
    (void)re;
    for (long i = 0; i < size; i++)
        im[i] = -im[i];
}

static void all_larger(double *re, double *im, long size)
{
    for (long i = 0; i < size; i++) {
        re[i] *= 1.001;
        im[i] *= 1.001;
    }
}

static void write_record(uint64_t weight, const double *record)
{
    struct results_file file;
    assert_ok(results_file_open(path, sweep, &world, &file));
    assert_ok(weight_record_write(&file, weight, 1, record));
    assert_ok(results_file_close(&file));
}

static double *read_record(uint64_t weight, double **re, double **im)
{
    struct results_file file;
    uint64_t place, count;
    enum weight_state state;
    assert_ok(results_file_open(path, sweep, NULL, &file));
    double *record = calloc(weight_record_length(&file.layout), sizeof *record);
    assert_ok(weight_record_read(&file, weight, 1, record, &state));
    assert_int_equal(state, WEIGHT_INTACT);
    assert_true(weight_record_find(&file.layout, "eigenvalue_re", &place, &count));
    assert_int_equal(count, INDICES);
    *re = record + place;
    assert_true(weight_record_find(&file.layout, "eigenvalue_im", &place, &count));
    *im = record + place;
    assert_ok(results_file_close(&file));
    return record;
}

static void each_fault_of_eigenvalues_breaks_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint64_t weight; /* ginibre of size 3, and of size 6 */
        void (*change)(double *re, double *im, long size);
    } eigenvalue_faults[] = {
        { "the same of W", 0, too_many },
        { "|lambda_i| descend", 1, last_largest },
        { "complex eigenvalues come in conjugate pairs", 1, signs_swapped },
        { "|lambda_1| = rho(W)", 1, all_larger },
    };
    for (size_t i = 0; i < sizeof eigenvalue_faults / sizeof *eigenvalue_faults; i++) {
        const uint64_t weight = eigenvalue_faults[i].weight;
        double *re, *im, *kept = read_record(weight, &re, &im), *changed = read_record(weight, &re, &im);
        eigenvalue_faults[i].change(re, im, weight == 0 ? SMALL : INDICES);
        write_record(weight, changed);
        expect_broken(eigenvalue_faults[i].rule, NULL);
        write_record(weight, kept);
        free(changed);
        free(kept);
    }
}

/* Else a rule would be one that never applies. */
static void every_rule_reads_datasets_that_there_are(void **state)
{
    (void)state;
    const struct measure_rule *rule;
    for (size_t i = 0; (rule = check_rule_at(i)); i++)
        for (int k = 0; k < RULE_MAX_DATASETS && rule->datasets[k]; k++) {
            size_t number;
            if (!measure_dataset_find((1u << MEASURES) - 1, rule->datasets[k], &number))
                fail_msg("\"%s\" reads %s, which no measure has", rule->text, rule->datasets[k]);
        }
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_reads_datasets_that_there_are),
        cmocka_unit_test(real_results_pass),
        cmocka_unit_test_setup(info_tells_parameters, run_faulty_sweep),
        cmocka_unit_test_setup(each_fault_breaks_its_rule, run_faulty_sweep),
        cmocka_unit_test_setup(each_fault_of_eigenvalues_breaks_its_rule, run_faulty_sweep),
        cmocka_unit_test_setup(each_fault_of_exponents_breaks_its_rule, run_faulty_exponents),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
