/* For each of the last times t: the gradient d eps_t/dW, and the contributions that it is made of. */
#include "base/memory.h"
#include "gradient/backward.h"
#include "gradient/measure_functions.h"

struct cost measure_contribution_map_cost(const struct chain_question *question)
{
    double flops = 0.0;
    for (long i = 0; i < question->options.contribution_map_steps; i++)
        flops += backward_flops((double)question->hidden_size, (double)(question->model->steps - i));
    return backward_cost(question, flops);
}

double measure_contribution_map_bytes(const struct chain_question *question)
{
    return backward_block_bytes(question, (double)question->options.contribution_map_steps);
}

/* A rectangle of (chain, time): chains first_chain .. first_chain + chains - 1, and the times of rows first_row ..
 * first_row + rows - 1 of the map, whose last row is t = T. */
struct tile {
    long first_chain, chains;
    long first_row, rows;
};

/* The columns of a tile, the latest time first. */
static enum status sweep_tile(const struct measure_task *task, const struct backward_problem *problem,
                              const struct tile *tile, struct backward_column *columns)
{
    long steps = task->batch->options.contribution_map_steps, count = tile->chains * tile->rows;
    double *log_contributions = task_values(task, "log_contribution_map");
    double *log_gradients = task_values(task, "log_step_gradient_norm");
    for (long i = 0; i < count; i++) {
        long chain = tile->first_chain + i % tile->chains, row = tile->first_row + tile->rows - 1 - i / tile->chains;
        columns[i] = (struct backward_column){ .chain = chain, .last_step = problem->steps - (steps - 1 - row) };
        columns[i].log_contributions = log_contributions + (chain * steps + row) * problem->lag_count;
    }
    TRY(backward_sweep(problem, task->context, count, columns));
    for (long i = 0; i < count; i++) {
        long row = columns[i].last_step - 1 - (problem->steps - steps);
        log_gradients[columns[i].chain * steps + row] = columns[i].log_gradient;
        if (!columns[i].is_finite)
            task_fail(task, columns[i].chain, JACOBIAN_NOT_FINITE);
        else if (columns[i].is_lost)
            task_fail(task, columns[i].chain, JACOBIAN_OUT_OF_RANGE);
    }
    return STATUS_OK;
}

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

/* All tiles. As many times as possible together, because they share their chain's panel of activations. */
static enum status sweep_map(const struct measure_task *task, const struct backward_problem *problem, long width,
                             struct backward_column *columns)
{
    long steps = task->batch->options.contribution_map_steps;
    long rows = smaller(width, steps), chains = width / rows;
    for (long chain = 0; chain < task->count; chain += chains)
        for (long row = 0; row < steps; row += rows) {
            struct tile tile = { chain, smaller(chains, task->count - chain), row, smaller(rows, steps - row) };
            TRY(sweep_tile(task, problem, &tile, columns));
        }
    return STATUS_OK;
}

enum status measure_contribution_map(const struct measure_task *task)
{
    struct loss *loss;
    struct backward_column *columns;
    long width = backward_width(weights_hidden_size(task->batch->weights));
    TRY(memory_allocate(&columns, width, "errors carried back"));
    enum status status = loss_open(task->batch->model, task->batch->weights, &loss);
    /* An error that was given belongs to the last step alone: the map stays NaN. */
    if (status == STATUS_OK && !loss_is_given(loss)) {
        struct backward_problem problem = backward_problem_of(task, loss);
        status = sweep_map(task, &problem, width, columns);
    }
    loss_close(loss);
    memory_free(columns);
    return status;
}
