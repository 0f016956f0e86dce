/* Prints what the library computes for the first cell of a sweep, to be compared with other programs:
 *
 *     print_network SWEEP.yaml
 *
 * T lines of x_1 .. x_T, then d lines of d eps_T/dW and d lines of the gradient of the total loss, row = output. */
#include "gradient/backward.h"
#include "sweep/sweep.h"

#include <math.h>
#include <stdlib.h>

static void require(enum status status)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "print_network: %s\n", status_message());
    exit(status_exit_code(status));
}

static void print_states(const struct trajectory *trajectory)
{
    for (long lag_index = trajectory->window - 1; lag_index >= 0; lag_index--) {
        int64_t exponent = 0;
        const double *state = trajectory_state(trajectory, lag_index, 0, &exponent);
        for (long i = 0; i < trajectory->hidden_size; i++)
            printf("%.17g ", scalbn(state[i], (int)exponent));
        putchar('\n');
    }
}

static void print_gradient(const struct contribution_sum *gradient)
{
    for (long i = 0; i < gradient->matrix.dimension; i++) {
        for (long j = 0; j < gradient->matrix.dimension; j++)
            printf("%.17g ", scalbn(block_column(&gradient->matrix.part, j)[i], (int)gradient->exponent));
        putchar('\n');
    }
}

static void print_gradients(const struct model *model, struct weights *weights, const struct chain *chain,
                            const struct trajectory *trajectory)
{
    struct contribution_sum gradients[2];
    struct backward_column columns[2];
    struct gradient_context context = { 0 };
    struct loss *loss = NULL;
    require(loss_open(model, weights, &loss));
    struct backward_problem problem = {
        .weights = weights, .trajectory = trajectory, .chains = chain, .loss = loss, .steps = model->steps
    };
    for (int i = 0; i < 2; i++)
        columns[i] =
            (struct backward_column){ .last_step = model->steps, .is_total = i == 1, .gradient = &gradients[i] };
    require(backward_sweep(&problem, &context, 2, columns));
    for (int i = 0; i < 2; i++) {
        print_gradient(&gradients[i]);
        contribution_sum_destroy(&gradients[i]);
    }
    loss_close(loss);
}

int main(int argc, char **argv)
{
    struct sweep *sweep = NULL;
    struct weights *weights = NULL;
    struct trajectory trajectory;
    if (argc != 2) {
        fprintf(stderr, "usage: print_network SWEEP.yaml\n");
        return 2;
    }
    require(sweep_open(argv[1], 0, NULL, true, &sweep));
    require(sweep_load(sweep));
    require(weights_open(&(struct network_key){ &sweep->ensembles[0], sweep->seed, sweep->hidden_sizes[0], 0 }, 1,
                         &weights));
    struct chain chain = { .activation = sweep->activations[0], .gain = 1, .gamma = sweep->gammas[0] };
    require(trajectory_run(&sweep->model, weights, 1, &chain, sweep->model.steps, KEEP_STATES, NULL, &trajectory));
    print_states(&trajectory);
    print_gradients(&sweep->model, weights, &chain, &trajectory);
    trajectory_destroy(&trajectory);
    weights_close(weights);
    sweep_close(sweep);
    return 0;
}
