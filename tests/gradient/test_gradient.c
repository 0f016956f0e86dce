/* Gradients by W against derivatives taken from the outside: imaginary steps and central differences of the loss. */
#include "networks.h"

#include "backward_reference.h"

enum { STEPS = 7, LARGEST_SIZE = 9, REPLICA = 0 };

static const long lags[] = { 1, 2, 7 };

static struct model model_of(enum loss_kind loss)
{
    return (struct model){ .input = INPUT_GAUSSIAN,
                           .input_size = 2,
                           .input_scale = 0.5,
                           .bias = BIAS_GAUSSIAN,
                           .bias_scale = 0.3,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1,
                           .loss = loss,
                           .loss_classes = 4,
                           .steps = STEPS };
}

static struct weights *open_weights(const struct ensemble *ensemble, long d)
{
    struct weights *weights;
    require(weights_open(&(struct network_key){ ensemble, REFERENCE_SEED, d, REPLICA }, 1.0, &weights));
    return weights;
}

static void imaginary_steps_give_the_same_gradients(void **state)
{
    (void)state;
    double worst[2] = { 0 };
    struct ensemble ensemble = ensemble_named("ginibre");
    for (size_t a = 0; a < activation_count(); a++)
        for (long d = 1; d <= LARGEST_SIZE; d++)
            for (int kind = 0; kind < 3; kind++) {
                struct model model = model_of((enum loss_kind)kind);
                struct chain chain = { activation_at(a), 1.1, 0.8, NULL };
                struct reference_network network = reference_network_of(&ensemble, &model, chain, d, REPLICA, 1.0);
                struct weights *weights = open_weights(&ensemble, d);
                struct swept swept = sweep_back(&model, weights, NULL, 1, &chain, lags, 3);
                long double expected[2][LARGEST_SIZE * LARGEST_SIZE];
                reference_gradients(&network, expected[0], expected[1]);
                for (int total = 0; total < 2; total++) {
                    double distance = gradient_distance(d, &swept.gradients[total], expected[total]);
                    if (!(distance < 1e-12)) /* STEPS steps of d-term sums, and losses' curvature */
                        fail_msg("%s, d = %ld, loss %d, total %d: off by %g", chain.activation->name, d, kind, total,
                                 distance);
                    worst[total] = fmax(worst[total], distance);
                    long double norm = 0;
                    for (long i = 0; i < d * d; i++)
                        norm += expected[total][i] * expected[total][i];
                    if (norm > 0) /* the norm alone, too */
                        assert_true(fabs(swept.columns[total].log_gradient - 0.5 * (double)logl(norm)) < 1e-12);
                    else
                        assert_true(swept.columns[total].log_gradient == -INFINITY);
                }
                swept_destroy(&swept);
                weights_close(weights);
            }
    print_message("gradients from imaginary steps, all activations, d = 1..9: last loss %.1e, total loss %.1e\n",
                  worst[0], worst[1]);
}

/* eps_T and the sum of all eps_t by the forward code under test, with one entry of W moved. */
static void losses_with(const struct model *model, const struct chain *chain, double *values, long entry, double moved,
                        long d, double *last, double *total)
{
    struct ensemble given = ensemble_given();
    struct trajectory trajectory;
    struct loss *loss;
    double kept = values[entry];
    values[entry] = moved;
    given_values = values;
    struct weights *weights = open_weights(&given, d);
    require(trajectory_run(model, weights, 1, chain, model->steps, KEEP_STATES, NULL, &trajectory));
    require(loss_open(model, weights, &loss));
    *total = 0;
    for (long lag = model->steps - 1; lag >= 0; lag--) {
        int64_t exponent;
        const double *x = trajectory_state(&trajectory, lag, 0, &exponent);
        *last = loss_value(loss, x, exponent);
        *total += *last;
    }
    loss_close(loss);
    trajectory_destroy(&trajectory);
    weights_close(weights);
    values[entry] = kept;
}

/* Stepping back through W instead of W^T: the mistake that a symmetric W would hide. */
static void central_differences_agree_and_refuse_the_transposed_jacobian(void **state)
{
    (void)state;
    const double h = 1e-6;
    double worst[2] = { 0 }, least_transposed = INFINITY, values[LARGEST_SIZE * LARGEST_SIZE],
           swapped[LARGEST_SIZE * LARGEST_SIZE], radius;
    struct ensemble ginibre = ensemble_named("ginibre"), given = ensemble_given();
    for (size_t a = 0; a < activation_count(); a++)
        for (long d = 1; d <= LARGEST_SIZE; d++) {
            struct model model = model_of((enum loss_kind)((a + (size_t)d) % 3));
            struct chain chain = { activation_at(a), 1.0, 0.9, NULL };
            long double expected[2][LARGEST_SIZE * LARGEST_SIZE];
            require(ensemble_draw(&(struct network_key){ &ginibre, REFERENCE_SEED, d, 3 }, 0, values, &radius));
            for (long entry = 0; entry < d * d; entry++) {
                double above[2], below[2];
                losses_with(&model, &chain, values, entry, values[entry] + h, d, &above[0], &above[1]);
                losses_with(&model, &chain, values, entry, values[entry] - h, d, &below[0], &below[1]);
                for (int total = 0; total < 2; total++)
                    expected[total][entry] = ((long double)above[total] - below[total]) / (2 * h);
                swapped[entry / d + entry % d * d] = values[entry];
            }
            given_values = swapped;
            struct weights *transposed = open_weights(&given, d);
            given_values = values;
            struct weights *weights = open_weights(&given, d);
            struct swept right = sweep_back(&model, weights, NULL, 1, &chain, lags, 3);
            struct swept wrong = sweep_back(&model, weights, transposed, 1, &chain, lags, 3);
            for (int total = 0; total < 2; total++) {
                double distance = gradient_distance(d, &right.gradients[total], expected[total]);
                if (!(distance < 1e-7)) /* u/h = 1e-10 relative to the loss, and h^2 of its third derivative */
                    fail_msg("%s, d = %ld, total %d: off by %g", chain.activation->name, d, total, distance);
                worst[total] = fmax(worst[total], distance);
                bool is_recurrent = right.columns[total].log_contributions[0] > -INFINITY; /* relu may be dead */
                if (d > 1 && is_recurrent)
                    least_transposed =
                        fmin(least_transposed, gradient_distance(d, &wrong.gradients[total], expected[total]));
            }
            swept_destroy(&right), swept_destroy(&wrong);
            weights_close(weights), weights_close(transposed);
        }
    print_message("gradients from central differences: last loss %.1e, total loss %.1e; transposed Jacobian at least "
                  "%.1e off\n",
                  worst[0], worst[1], least_transposed);
    assert_true(least_transposed > 1e-3);
}

/* After one step the gradient is the immediate derivative alone: row i of d+x_1/dW is sigma(x_0)^T. */
static void one_step_has_the_immediate_derivative(void **state)
{
    (void)state;
    const long d = 5;
    struct ensemble ensemble = ensemble_named("ginibre");
    struct model model = model_of(LOSS_SQUARED);
    model.steps = 1;
    struct chain chain = { activation_find("tanh"), 0.9, 0.7, NULL };
    struct weights *weights = open_weights(&ensemble, d);
    struct trajectory trajectory;
    struct swept swept = sweep_back(&model, weights, NULL, 1, &chain, lags, 1);
    require(trajectory_run(&model, weights, 1, &chain, 1, KEEP_STATES, NULL, &trajectory));
    int64_t exponent, sigma_exponent;
    const double *x = trajectory_state(&trajectory, 0, 0, &exponent);
    const double *sigma = trajectory_activated(&trajectory, 0, 0, &sigma_exponent);
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++) /* one product, rounded once */
            assert_true(scalbn(block_column(&swept.gradients[0].matrix.part, j)[i], (int)swept.gradients[0].exponent) ==
                        x[i] * sigma[j]);
    assert_true(fabs(swept.columns[0].cancellation - 1) < 1e-15); /* one contribution cancels nothing */
    assert_true(swept.columns[0].log_contributions[0] == 0);      /* left alone: there is no step 0 */
    trajectory_destroy(&trajectory);
    swept_destroy(&swept);
    weights_close(weights);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imaginary_steps_give_the_same_gradients),
        cmocka_unit_test(central_differences_agree_and_refuse_the_transposed_jacobian),
        cmocka_unit_test(one_step_has_the_immediate_derivative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
