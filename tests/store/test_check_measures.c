/* The check passes the results of real runs with every measure, and finds each fault by the rule that is made for it:
 * one cell (or the eigenvalues of one W) is changed so that just this rule is broken, and its checksum set right. */
#include "gradient/bound.h"
#include "run/run.h"
#include "store/check.h"
#include "store/inspect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAGS = 4, STEPS = 8, ROWS = 3, INDICES = 6, SMALL = 3 };
enum { IDENTITY, TANH };                 /* activations */
enum { GINIBRE, ORTHOGONAL, SYMMETRIC }; /* ensembles */

/* Lag 8 is T: its contribution does not exist. hidden_size 3 leaves half of `index` empty. */
static const char faulty_sweep[] =
    "name: faults\nseed: 11\nweights:\n  ensemble: [ginibre, orthogonal, symmetric]\nmodel:\n"
    "  activation: [identity, tanh]\n  input: {kind: gaussian, size: 2, scale: 0.5}\n  loss: linear\n  warmup: 0\n"
    "  steps: 8\ngrid:\n  hidden_size: [3, 6]\n  spectral_radius: 0.9\n  gamma: 1.0\n  lag: [1, 2, 4, 8]\n"
    "measure: [frobenius_norm, step_bound, gradient, {contribution_map: {steps: 3}}, expansion, singular_values]\n"
    "numerics: {certify: true}\n";

static const char broad_sweep[] =
    "name: broad\nseed: 12\nweights:\n  ensemble: [ginibre, uniform, orthogonal, symmetric, antisymmetric, cycle,\n"
    "    {kind: sparse, density: 0.5}, {kind: elliptic, tau: 0.5}, {kind: nonnormal, departure: 2}]\nmodel:\n"
    "  activation: [identity, tanh, relu, elu, sin]\n  bias: {kind: gaussian, scale: 0.1}\n  warmup: 10\ngrid:\n"
    "  hidden_size: [4, 17]\n  spectral_radius: [0.5, 1.6]\n  gamma: [0.5, 1.0]\n  lag: [1, 2, 3, 4, 8, 16, 48]\n"
    "measure: [frobenius_norm, step_bound, gradient, {contribution_map: {steps: 2}}, expansion, singular_values]\n";

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

static void real_results_pass(void **state)
{
    (void)state;
    run(broad_sweep, path);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum status status = store_check(path, out);
    fclose(out);
    fputs(text, stdout); /* the worst margins; longer than cmocka prints */
    free(text);
    if (status != STATUS_OK)
        fail_msg("%s", status_message());
}

/* The one cell whose results a fault changes. */
static double *values_of(struct cell_results *results, const char *name)
{
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (strcmp(rule->name, name) == 0)
            return results->values[i];
    fail_msg("no dataset %s", name);
    return NULL;
}

static long size_of(const struct cell_results *results)
{
    const struct cell at = grid_cell_at(sweep, results->first);
    return sweep->hidden_sizes[at.hidden_size];
}

/* The Frobenius norms that the singular values say. */
static void refit_frobenius(struct cell_results *results)
{
    const double *values = values_of(results, "log_singular_value");
    for (long i = 0; i < LAGS; i++) {
        double sum = 0;
        for (long j = 0; j < size_of(results); j++)
            sum += exp(2 * values[i * INDICES + j]);
        values_of(results, "log_frobenius_norm")[i] = 0.5 * log(sum);
    }
}

static void step_missing(struct cell_results *r)
{
    values_of(r, "log_step_bound")[1] = NAN;
}

static void step_sum_below_norm(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] = values_of(r, "log_jacobian_norm")[3] - 1e-3;
}

/* Where lag 1 is measured, a sum beyond l ln eta also has grown by too much somewhere. */
static void step_sum_above_power(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] = 8 * values_of(r, "log_step_norm_max")[3] + 1e-3;
}

static void step_power_above_bound(struct cell_results *r)
{
    values_of(r, "log_step_norm_max")[3] = values_of(r, "log_norm_bound")[3] / 8 + 1e-3;
}

static void step_largest_falls(struct cell_results *r)
{
    values_of(r, "log_step_norm_max")[2] = values_of(r, "log_step_norm_max")[3] + 1e-4;
}

static void step_sum_jumps(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] =
        values_of(r, "log_step_bound")[2] + 4 * values_of(r, "log_step_norm_max")[3] + 1e-6;
}

static void step_first_differs(struct cell_results *r)
{
    for (long i = 0; i < LAGS; i++)
        values_of(r, "log_step_norm_max")[i] += 1e-4;
    values_of(r, "log_step_bound")[0] += 1e-4;
}

static void step_identity_differs(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] -= 1e-3;
}

static void contribution_of_no_step(struct cell_results *r)
{
    values_of(r, "log_contribution")[3] = 0;
}

static void error_too_large(struct cell_results *r)
{
    values_of(r, "log_error_norm")[1] =
        *values_of(r, "log_initial_error_norm") + values_of(r, "log_jacobian_norm")[1] + 1e-3;
}

static void cancellation_negative(struct cell_results *r)
{
    *values_of(r, "cancellation") = -0.1;
}

static void cancellation_missing(struct cell_results *r)
{
    *values_of(r, "cancellation") = NAN;
}

static void contribution_too_large(struct cell_results *r)
{
    values_of(r, "log_contribution")[0] += 10;
    values_of(r, "log_contribution_map")[(ROWS - 1) * LAGS] += 10;
}

static void initial_error_not_unit(struct cell_results *r)
{
    *values_of(r, "log_initial_error_norm") += 1e-3;
}

static void map_missing(struct cell_results *r)
{
    values_of(r, "log_contribution_map")[1] = NAN;
}

static void map_row_differs(struct cell_results *r)
{
    values_of(r, "log_contribution_map")[(ROWS - 1) * LAGS + 1] += 1e-3;
}

static void map_gradient_differs(struct cell_results *r)
{
    values_of(r, "log_step_gradient_norm")[ROWS - 1] += 1e-3;
}

static void expansion_missing(struct cell_results *r)
{
    values_of(r, "log_expansion_norm")[1] = NAN;
}

static void expansion_of_tanh(struct cell_results *r)
{
    values_of(r, "log_expansion_norm")[0] = 0;
}

static void residual_large(struct cell_results *r)
{
    values_of(r, "expansion_residual")[2] = 1e-6;
}

static void residual_missing(struct cell_results *r)
{
    values_of(r, "expansion_residual")[2] = NAN;
}

static void coefficients_small(struct cell_results *r)
{
    for (long i = 0; i < INDICES; i++)
        values_of(r, "log_expansion_coefficient")[i] -= 5;
    for (long i = 0; i < LAGS; i++)
        values_of(r, "expansion_residual")[i] = 0;
}

static void expansion_of_other_error(struct cell_results *r)
{
    values_of(r, "log_error_norm")[2] -= 1e-3;
}

static double *singular_values_of(struct cell_results *r, long lag)
{
    return values_of(r, "log_singular_value") + lag * INDICES;
}

static void singular_value_too_many(struct cell_results *r)
{
    singular_values_of(r, 1)[SMALL] = -50;
}

static void singular_values_swapped(struct cell_results *r)
{
    double *values = singular_values_of(r, 1), first = values[2];
    values[2] = values[3];
    values[3] = first;
}

static void singular_value_above_norm(struct cell_results *r)
{
    singular_values_of(r, 1)[0] += 1e-6;
    refit_frobenius(r);
}

static void singular_value_below(struct cell_results *r)
{
    singular_values_of(r, 1)[1] -= 1e-6;
}

static void determinant_differs(struct cell_results *r)
{
    singular_values_of(r, 2)[INDICES - 1] -= 1e-3;
    refit_frobenius(r);
}

/* The determinant stays. */
static void normal_power_differs(struct cell_results *r)
{
    singular_values_of(r, 2)[1] += 1e-6;
    singular_values_of(r, 2)[2] -= 1e-6;
    refit_frobenius(r);
}

/* As a normal matrix may have it, but an orthogonal one may not. */
static void orthogonal_value_differs(struct cell_results *r)
{
    for (long i = 0; i < LAGS; i++)
        singular_values_of(r, i)[INDICES - 1] -= 1e-6 * (double)sweep->lags[i];
    refit_frobenius(r);
}

/* By less than all errors together, and so no other rule's matter. */
static void proof_without_room(struct cell_results *r)
{
    values_of(r, "log_jacobian_norm")[0] = values_of(r, "log_norm_bound")[0];
    ((uint8_t *)values_of(r, "bound_check"))[0] = BOUND_HOLDS;
}

struct fault {
    const char *rule;
    long activation, ensemble, hidden_size;
    void (*change)(struct cell_results *results);
    const char *also; /* a rule that cannot stand without this one */
};

static const struct fault faults[] = {
    { "step_bound: values", TANH, GINIBRE, 1, step_missing, NULL },
    { "ln ||J_l||_2 <= sum ln ||S_i||_2", TANH, GINIBRE, 1, step_sum_below_norm, NULL },
    { "sum ln ||S_i||_2 <= l ln eta", TANH, GINIBRE, 1, step_sum_above_power, "sum ln ||S_i||_2 grows" },
    { "l ln eta <= bound", TANH, GINIBRE, 1, step_power_above_bound, NULL },
    { "ln eta does not fall", TANH, GINIBRE, 1, step_largest_falls, NULL },
    { "sum ln ||S_i||_2 grows", TANH, GINIBRE, 1, step_sum_jumps, NULL },
    { "lag 1: ln ||J_1||_2 = ln ||S_T||_2", TANH, GINIBRE, 1, step_first_differs, NULL },
    { "identity: sum ln ||S_i||_2 = bound", IDENTITY, GINIBRE, 1, step_identity_differs, NULL },
    { "gradient: values", TANH, GINIBRE, 1, contribution_of_no_step, NULL },
    { "||e_l|| <= ||e_0|| ||J_l||_2", TANH, GINIBRE, 1, error_too_large, NULL },
    { "0 <= cancellation <= 1", TANH, GINIBRE, 1, cancellation_negative, NULL },
    { "cancellation is missing only where", TANH, GINIBRE, 1, cancellation_missing, NULL },
    { "contributions on the axis add up", TANH, GINIBRE, 1, contribution_too_large, NULL },
    { "linear loss: ||e_0|| = 1", TANH, GINIBRE, 1, initial_error_not_unit, NULL },
    { "contribution_map: values", TANH, GINIBRE, 1, map_missing, NULL },
    { "contribution_map at t = T = contributions", TANH, GINIBRE, 1, map_row_differs, NULL },
    { "contribution_map at t = T: ||d eps_T/dW||", TANH, GINIBRE, 1, map_gradient_differs, NULL },
    { "expansion: values", IDENTITY, GINIBRE, 1, expansion_missing, NULL },
    { "expansion: values", TANH, GINIBRE, 1, expansion_of_tanh, NULL },
    { "ln expansion_residual <= ln of its", IDENTITY, GINIBRE, 1, residual_large, NULL },
    { "expansion_residual is missing only", IDENTITY, GINIBRE, 1, residual_missing, NULL },
    { "ln ||expansion|| <= ln sum", IDENTITY, GINIBRE, 1, coefficients_small, NULL },
    { "| ||expansion|| / ||e_l|| - 1 |", IDENTITY, GINIBRE, 1, expansion_of_other_error, NULL },
    { "singular_values: values", TANH, GINIBRE, 0, singular_value_too_many, NULL },
    { "singular values descend", TANH, GINIBRE, 1, singular_values_swapped, NULL },
    { "largest singular value = ||J_l||_2", TANH, GINIBRE, 1, singular_value_above_norm, NULL },
    { "sum of squared singular values", TANH, GINIBRE, 1, singular_value_below, NULL },
    { "identity: sum of ln s_i", IDENTITY, GINIBRE, 1, determinant_differs, NULL },
    { "identity, normal W: each ln s_i", IDENTITY, SYMMETRIC, 1, normal_power_differs, NULL },
    { "identity, orthogonal or cyclic W", IDENTITY, ORTHOGONAL, 1, orthogonal_value_differs, NULL },
    { "certified: none violated", IDENTITY, ORTHOGONAL, 1, proof_without_room, NULL },
};

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
    assert_int_equal(status_exit_code(store_check(path, out)), 3);
    fclose(out);
}

static void write_cell(struct results_file *file, const struct cell_results *results)
{
    uint32_t checksum = results_file_checksum(file, results, 0);
    assert_ok(results_file_write_cells(file, results, 0, 1, &checksum));
}

/* Changes a cell, or puts it back as it was (`change` NULL: `kept` is what it was). */
static void change_cell(const struct fault *fault, bool put_back, struct cell_results *kept)
{
    struct results_file file;
    struct cell_results results;
    uint32_t checksum;
    const struct cell at = { fault->activation, fault->ensemble, fault->hidden_size, 0, 0, 0 };
    const uint64_t number = grid_cell_number(sweep, &at);
    assert_ok(results_file_open(path, sweep, &world, &file));
    if (put_back) {
        write_cell(&file, kept);
        store_free_results(sweep, kept);
    } else {
        assert_ok(store_allocate_results(sweep, number, 1, kept));
        assert_ok(results_file_read_cells(&file, kept, &checksum));
        assert_ok(store_allocate_results(sweep, number, 1, &results));
        assert_ok(results_file_read_cells(&file, &results, &checksum));
        fault->change(&results);
        write_cell(&file, &results);
        store_free_results(sweep, &results);
    }
    assert_ok(results_file_close(&file));
}

static void each_fault_breaks_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct cell_results kept;
        change_cell(&faults[i], false, &kept);
        expect_broken(faults[i].rule, faults[i].also);
        change_cell(&faults[i], true, &kept);
    }
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

static size_t place_of(const char *name)
{
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (strcmp(rule->name, name) == 0)
            return layout_measured_at(i);
    fail_msg("no dataset %s", name);
    return 0;
}

static void each_fault_of_eigenvalues_breaks_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint64_t weight; /* ginibre of size 3, and of size 6 */
        void (*change)(double *re, double *im, long size);
    } eigenvalue_faults[] = {
        { "eigenvalues are numbers", 0, too_many },
        { "|lambda_i| descend", 1, last_largest },
        { "complex eigenvalues come in conjugate pairs", 1, signs_swapped },
        { "|lambda_1| = rho(W)", 1, all_larger },
    };
    for (size_t i = 0; i < sizeof eigenvalue_faults / sizeof *eigenvalue_faults; i++) {
        const uint64_t first = eigenvalue_faults[i].weight * INDICES;
        const size_t re_place = place_of("eigenvalue_re"), im_place = place_of("eigenvalue_im");
        double kept[2][INDICES], changed[2][INDICES];
        struct results_file file;
        assert_ok(results_file_open(path, sweep, &world, &file));
        assert_ok(results_file_read(&file, re_place, first, INDICES, kept[0]));
        assert_ok(results_file_read(&file, im_place, first, INDICES, kept[1]));
        memcpy(changed, kept, sizeof kept);
        eigenvalue_faults[i].change(changed[0], changed[1], eigenvalue_faults[i].weight == 0 ? SMALL : INDICES);
        assert_ok(results_file_write(&file, re_place, first, INDICES, changed[0]));
        assert_ok(results_file_write(&file, im_place, first, INDICES, changed[1]));
        assert_ok(results_file_close(&file));
        expect_broken(eigenvalue_faults[i].rule, NULL);
        assert_ok(results_file_open(path, sweep, &world, &file));
        assert_ok(results_file_write(&file, re_place, first, INDICES, kept[0]));
        assert_ok(results_file_write(&file, im_place, first, INDICES, kept[1]));
        assert_ok(results_file_close(&file));
    }
}

int main(int argc, char **argv)
{
    if (world_open(&argc, &argv, &world) != STATUS_OK) {
        fprintf(stderr, "%s\n", status_message());
        return 1;
    }
    strcpy(directory, "/tmp/gradsweep-check-XXXXXX");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/out.h5", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_results_pass),
        cmocka_unit_test_setup(info_tells_parameters, run_faulty_sweep),
        cmocka_unit_test_setup(each_fault_breaks_its_rule, run_faulty_sweep),
        cmocka_unit_test_setup(each_fault_of_eigenvalues_breaks_its_rule, run_faulty_sweep),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(directory);
    sweep_close(sweep);
    world_close(&world, 1, 20);
    return failures;
}
