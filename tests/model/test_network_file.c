/* Networks in files: what is read, what it overrides, and what is refused when a file has changed. */
#include "model/network_file.h"

#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/file.h"
#include "model/loss.h"
#include "model/trajectory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "h5/dataset.h"
#include "model/support.h"

enum { SIZE = 3, INPUTS = 2, STEPS = 4 };

static char path[64];

/* Row = output; nothing symmetric, so that no transpose goes unseen. */
static const double weights_of_file[SIZE * SIZE] = { 0.5, -1, 0.25, 2, 0.125, -0.75, 0, 1.5, -0.5 };
static const double input_weights[SIZE * INPUTS] = { 1, -2, 0.5, 0.25, 3, -1 };
static const double bias[SIZE] = { 0.1, -0.2, 0.3 };
static const double initial_state[SIZE] = { 0.7, 0.8, -0.9 };
static const double inputs[STEPS * INPUTS] = { 1, 2, -1, 0.5, 0, 0.25, -2, 1 };
static const double error[SIZE] = { 1, -2, 3 };

static void write_array(hid_t file, enum network_array array, int rank, long first, long second, const double *values)
{
    struct h5_shape shape = { .rank = rank, .sizes = { (uint64_t)first, (uint64_t)second } };
    hid_t dataset = H5I_INVALID_HID;
    assert_int_equal(h5_dataset_create(file, network_array_name(array), ELEMENT_FLOAT64, &shape, NULL, &dataset),
                     STATUS_OK);
    assert_int_equal(h5_dataset_write(dataset, ELEMENT_FLOAT64, 0, h5_shape_elements(&shape), values), STATUS_OK);
}

/* Makes the file anew with some of its arrays. */
static void write_file(unsigned arrays, const double *weights)
{
    hid_t file = H5I_INVALID_HID;
    unlink(path);
    assert_int_equal(h5_file_create(path, &file), STATUS_OK);
    if (arrays & 1u << NETWORK_WEIGHTS)
        write_array(file, NETWORK_WEIGHTS, 2, SIZE, SIZE, weights);
    if (arrays & 1u << NETWORK_INPUT_WEIGHTS)
        write_array(file, NETWORK_INPUT_WEIGHTS, 2, SIZE, INPUTS, input_weights);
    if (arrays & 1u << NETWORK_BIAS)
        write_array(file, NETWORK_BIAS, 1, SIZE, 1, bias);
    if (arrays & 1u << NETWORK_INITIAL_STATE)
        write_array(file, NETWORK_INITIAL_STATE, 1, SIZE, 1, initial_state);
    if (arrays & 1u << NETWORK_INPUTS)
        write_array(file, NETWORK_INPUTS, 2, STEPS, INPUTS, inputs);
    if (arrays & 1u << NETWORK_ERROR)
        write_array(file, NETWORK_ERROR, 1, SIZE, 1, error);
    assert_int_equal(h5_file_close(file, path), STATUS_OK);
}

/* The source of the file as it is now. */
static struct network_source source_of_file(unsigned arrays)
{
    struct network_source source = { .path = path };
    struct network_file *file = NULL;
    assert_int_equal(network_file_open(path, &file), STATUS_OK);
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        if (arrays & 1u << array)
            assert_int_equal(network_file_read(file, (enum network_array)array, NULL, source.fingerprints[array]),
                             STATUS_OK);
    network_file_close(file);
    return source;
}

static const unsigned everything = (1u << NETWORK_ARRAYS) - 1;
static const unsigned only_weights = 1u << NETWORK_WEIGHTS;

static struct ensemble ensemble_of_file(unsigned arrays)
{
    struct ensemble ensemble = ensemble_of("file", NAN);
    write_file(arrays, weights_of_file);
    ensemble.source = source_of_file(arrays);
    return ensemble;
}

static struct weights *open_weights(const struct ensemble *ensemble, long replica)
{
    struct weights *weights = NULL;
    enum status status = weights_open(&(struct network_key){ ensemble, 1, SIZE, replica }, 1, &weights);
    if (status != STATUS_OK)
        print_error("%s\n", status_message());
    assert_int_equal(status, STATUS_OK);
    return weights;
}

static struct model drawn_model(void)
{
    return (struct model){ .input = INPUT_GAUSSIAN,
                           .input_size = INPUTS,
                           .input_scale = 1,
                           .bias = BIAS_GAUSSIAN,
                           .bias_scale = 1,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1,
                           .steps = STEPS };
}

static const struct chain *tanh_chain(void)
{
    static struct chain chain;
    chain = (struct chain){ .activation = activation_find("tanh"), .gain = 1, .gamma = 1 };
    return &chain;
}

/* x_STEPS of a network, into state[SIZE]. */
static void run(const struct model *model, struct weights *weights, double *state)
{
    struct trajectory trajectory;
    assert_int_equal(trajectory_run(model, weights, 1, tanh_chain(), 1, KEEP_DERIVATIVES, NULL, &trajectory),
                     STATUS_OK);
    assert_int_equal(trajectory.final_exponents[0], 0);
    memcpy(state, block_column(&trajectory.final_state, 0), SIZE * sizeof *state);
    trajectory_destroy(&trajectory);
}

static void everything_in_the_file_overrides_the_model(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_of_file(everything);
    struct weights *weights = open_weights(&ensemble, 5);
    struct model model = drawn_model();
    double x[SIZE], found[SIZE];
    memcpy(x, initial_state, sizeof x);
    for (long t = 0; t < STEPS; t++) {
        double next[SIZE];
        for (long i = 0; i < SIZE; i++) {
            next[i] = bias[i];
            for (long j = 0; j < INPUTS; j++)
                next[i] += input_weights[i * INPUTS + j] * inputs[t * INPUTS + j];
            for (long j = 0; j < SIZE; j++)
                next[i] += weights_of_file[i * SIZE + j] * tanh(x[j]);
        }
        memcpy(x, next, sizeof x);
    }
    run(&model, weights, found);
    for (long i = 0; i < SIZE; i++) /* a few roundings of values below 10, in another order */
        assert_true(fabs(found[i] - x[i]) <= 1e-14);
    weights_close(weights);
}

static void what_is_absent_comes_from_the_model(void **state)
{
    (void)state;
    struct ensemble bare = ensemble_of_file(only_weights);
    struct weights *first = open_weights(&bare, 0), *second = open_weights(&bare, 1);
    struct model drawn = drawn_model(), silent = { .steps = STEPS };
    double x[SIZE], y[SIZE];
    run(&silent, first, x);
    for (long i = 0; i < SIZE; i++)
        assert_true(x[i] == 0);
    run(&drawn, first, x);
    run(&drawn, second, y);
    for (long i = 0; i < SIZE; i++)
        assert_true(x[i] != y[i]); /* of two replicas W is the same, and what is drawn is not */
    const double *values = NULL, *others = NULL;
    assert_int_equal(weights_values(first, 0, &values), STATUS_OK);
    assert_int_equal(weights_values(second, 0, &others), STATUS_OK);
    assert_memory_equal(values, others, SIZE * SIZE * sizeof *values);
    for (long i = 0; i < SIZE; i++)
        for (long j = 0; j < SIZE; j++)
            assert_true(at(values, SIZE, i, j) == weights_of_file[i * SIZE + j]);
    weights_close(first);
    weights_close(second);
}

static void a_model_may_read_its_inputs_alone(void **state)
{
    (void)state;
    unsigned wanted = 1u << NETWORK_INPUTS | 1u << NETWORK_INPUT_WEIGHTS;
    struct ensemble whole = ensemble_of_file(everything);
    struct weights *given = open_weights(&whole, 0);
    struct ensemble bare = whole;
    for (int array = NETWORK_INPUT_WEIGHTS; array < NETWORK_ARRAYS; array++)
        if (array != NETWORK_BIAS && array != NETWORK_INITIAL_STATE)
            bare.source.fingerprints[array][0] = '\0';
    struct weights *without_inputs = open_weights(&bare, 0);
    struct model silent = { .steps = STEPS }, fed = { .steps = STEPS, .input = INPUT_FILE };
    struct network_source source = source_of_file(wanted);
    assert_int_equal(network_arrays_read(&source, ALL_SEQUENCES, &fed.input_arrays), STATUS_OK);
    double x[SIZE], y[SIZE], z[SIZE];
    run(&silent, given, x);
    run(&fed, without_inputs, y);
    run(&silent, without_inputs, z);
    assert_memory_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x);
    network_arrays_free(&fed.input_arrays);
    weights_close(without_inputs);
    weights_close(given);
}

static void a_given_error_is_the_gradient(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_of_file(everything), bare = ensemble;
    bare.source.fingerprints[NETWORK_ERROR][0] = '\0';
    struct weights *with = open_weights(&ensemble, 0), *without = open_weights(&bare, 0);
    struct model model = { .steps = STEPS, .loss = LOSS_LINEAR };
    struct loss *given = NULL, *drawn = NULL;
    assert_int_equal(loss_open(&model, with, &given), STATUS_OK);
    assert_int_equal(loss_open(&model, without, &drawn), STATUS_OK);
    assert_true(loss_is_given(given));
    assert_false(loss_is_given(drawn));
    double gradient[SIZE], x[SIZE] = { 5, 6, 7 };
    assert_int_equal(loss_gradient(given, x, 40, gradient), 0);
    assert_memory_equal(gradient, error, sizeof gradient);
    assert_true(loss_value(given, x, 1) == 2 * (5 - 12 + 21));
    assert_int_equal(loss_gradient(drawn, x, 40, gradient), 0);
    assert_memory_not_equal(gradient, error, sizeof gradient);
    loss_close(given);
    loss_close(drawn);
    weights_close(with);
    weights_close(without);
}

/* MATLAB keeps matrices column by column: HDF5 sees them transposed. */
static void a_matrix_of_matlab_is_turned_round(void **state)
{
    (void)state;
    struct network_source plain, turned;
    double transposed[SIZE * SIZE], part[2 * SIZE];
    const struct h5_shape shape = { .rank = 2, .sizes = { SIZE, SIZE } };
    const struct matrix_part rows = { .first_row = 1, .rows = 2, .first_column = 0, .columns = SIZE };
    const struct matrix_part columns = { .first_row = 0, .rows = SIZE, .first_column = 1, .columns = 2 };
    hid_t file = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
    write_file(only_weights, weights_of_file);
    plain = source_of_file(only_weights);
    for (long i = 0; i < SIZE; i++)
        for (long j = 0; j < SIZE; j++)
            transposed[j * SIZE + i] = weights_of_file[i * SIZE + j];
    unlink(path);
    assert_int_equal(h5_file_create(path, &file), STATUS_OK);
    assert_int_equal(h5_dataset_create(file, "W", ELEMENT_FLOAT64, &shape, NULL, &dataset), STATUS_OK);
    assert_int_equal(h5_dataset_write(dataset, ELEMENT_FLOAT64, 0, SIZE * SIZE, transposed), STATUS_OK);
    assert_int_equal(h5_attribute_write_text(dataset, "MATLAB_class", "double"), STATUS_OK);
    assert_int_equal(h5_file_close(file, path), STATUS_OK);
    turned = source_of_file(only_weights);
    assert_string_equal(turned.fingerprints[NETWORK_WEIGHTS], plain.fingerprints[NETWORK_WEIGHTS]);
    assert_int_equal(network_weights_read_part(&turned, SIZE, &rows, part), STATUS_OK);
    for (long i = 0; i < 2; i++)
        for (long j = 0; j < SIZE; j++)
            assert_true(part[j * 2 + i] == weights_of_file[(1 + i) * SIZE + j]);
    assert_int_equal(network_weights_read_part(&turned, SIZE, &columns, part), STATUS_OK);
    for (long i = 0; i < SIZE; i++)
        for (long j = 0; j < 2; j++)
            assert_true(part[j * SIZE + i] == weights_of_file[i * SIZE + 1 + j]);
}

static void a_changed_file_is_refused(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_of_file(everything);
    double other[SIZE * SIZE];
    memcpy(other, weights_of_file, sizeof other);
    other[7] += 1e-12;
    write_file(everything, other);
    struct weights *weights = NULL;
    struct weight_spectrum spectrum;
    const struct network_key key = { &ensemble, 1, SIZE, 0 };
    assert_int_equal(weights_open(&key, 1, &weights), STATUS_IO);
    assert_non_null(strstr(status_message(), "W is no longer what it was"));
    assert_null(weights);
    assert_int_equal(weights_spectrum(&key, 4096, &spectrum), STATUS_IO);
    write_file(everything & ~(1u << NETWORK_BIAS), weights_of_file);
    assert_int_equal(weights_open(&key, 1, &weights), STATUS_IO);
    assert_non_null(strstr(status_message(), "b is no longer what it was"));
    unlink(path);
    assert_int_equal(weights_open(&key, 1, &weights), STATUS_IO);
    assert_non_null(strstr(status_message(), path));
}

static void draws_depend_on_the_weights_and_not_on_the_path(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_of_file(everything), moved = ensemble, other = ensemble;
    char first[256], second[256];
    moved.source.path = (char *)"/elsewhere.h5";
    other.source.fingerprints[NETWORK_WEIGHTS][0] ^= 1;
    ensemble_describe_draw(&(struct network_key){ .ensemble = &ensemble, .hidden_size = SIZE, .replica = 0 }, "bias",
                           first, sizeof first);
    ensemble_describe_draw(&(struct network_key){ .ensemble = &moved, .hidden_size = SIZE, .replica = 0 }, "bias",
                           second, sizeof second);
    assert_string_equal(first, second);
    ensemble_describe_draw(&(struct network_key){ .ensemble = &other, .hidden_size = SIZE, .replica = 0 }, "bias",
                           second, sizeof second);
    assert_string_not_equal(first, second);
}

/* [[8, 8], [-8, -8]] squared is 0: what an eigenvalue routine finds for its radius is rounding. */
static void a_radius_of_rounding_alone_is_zero(void **state)
{
    (void)state;
    static const double nilpotent[SIZE * SIZE] = { 8, 8, 0, -8, -8, 0, 0, 0, 0 };
    static const double graded[SIZE * SIZE] = { 0, 1, 0, 0, 0, 1, 1e-12, 0, 0 };
    struct ensemble ensemble = ensemble_of_file(only_weights);
    struct weight_spectrum spectrum;
    write_file(only_weights, nilpotent);
    ensemble.source = source_of_file(only_weights);
    const struct network_key key = { &ensemble, 1, SIZE, 0 };
    assert_int_equal(weights_spectrum(&key, 4096, &spectrum), STATUS_OK);
    assert_true(spectrum.radius == 0);
    assert_true(fabs(spectrum.norm - 16) <= 1e-14);
    write_file(only_weights, graded); /* W^3 = 1e-12, whatever the norm */
    ensemble.source = source_of_file(only_weights);
    assert_int_equal(weights_spectrum(&key, 4096, &spectrum), STATUS_OK);
    assert_true(fabs(spectrum.radius - 1e-4) <= 1e-12);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_the_file_overrides_the_model),
        cmocka_unit_test(what_is_absent_comes_from_the_model),
        cmocka_unit_test(a_model_may_read_its_inputs_alone),
        cmocka_unit_test(a_given_error_is_the_gradient),
        cmocka_unit_test(a_matrix_of_matlab_is_turned_round),
        cmocka_unit_test(a_changed_file_is_refused),
        cmocka_unit_test(draws_depend_on_the_weights_and_not_on_the_path),
        cmocka_unit_test(a_radius_of_rounding_alone_is_zero),
    };
    snprintf(path, sizeof path, "/tmp/gradsweep-network-%ld.h5", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
