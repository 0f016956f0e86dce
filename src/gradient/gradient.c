/* Errors carried back from the last step, their contributions, and the gradients of the last and of the total loss. */
#include "base/memory.h"
#include "gradient/backward.h"
#include "gradient/measure_functions.h"

#include <math.h>

/* Columns of one chain: the last loss, and the total of all. */
enum { LAST, TOTAL, COLUMNS };

struct cost measure_gradient_cost(const struct chain_question *question)
{
    return backward_cost(question,
                         COLUMNS * backward_flops((double)question->hidden_size, (double)question->model->steps));
}

double measure_gradient_bytes(const struct chain_question *question)
{
    return backward_block_bytes(question, COLUMNS);
}

static void store_chain(const struct measure_task *task, const struct backward_problem *problem, long chain,
                        const struct backward_column columns[COLUMNS])
{
    if (!columns[LAST].is_finite || !columns[TOTAL].is_finite)
        task_fail(task, chain, JACOBIAN_NOT_FINITE);
    else if (columns[LAST].is_lost)
        task_fail(task, chain, JACOBIAN_OUT_OF_RANGE);
    task_values(task, "log_initial_error_norm")[chain] = columns[LAST].log_initial_error;
    task_values(task, "log_gradient_norm")[chain] = columns[LAST].log_gradient;
    task_values(task, "cancellation")[chain] = columns[LAST].cancellation;
    /* An error that was given belongs to the last step: there is no loss at others to sum over. */
    task_values(task, "log_total_gradient_norm")[chain] =
        loss_is_given(problem->loss) ? NAN : columns[TOTAL].log_gradient;
}

/* Chains first .. first+chains-1 of the task. */
static enum status sweep_chains(const struct measure_task *task, const struct backward_problem *problem, long first,
                                long chains, struct backward_column *columns)
{
    double *log_errors = task_values(task, "log_error_norm"),
           *log_contributions = task_values(task, "log_contribution");
    for (long i = 0; i < chains; i++) {
        struct backward_column last = { .chain = first + i, .last_step = problem->steps }, total = last;
        last.log_errors = log_errors + (first + i) * problem->lag_count;
        last.log_contributions = log_contributions + (first + i) * problem->lag_count;
        total.is_total = true;
        columns[COLUMNS * i + LAST] = last;
        columns[COLUMNS * i + TOTAL] = total;
    }
    TRY(backward_sweep(problem, task->context, COLUMNS * chains, columns));
    for (long i = 0; i < chains; i++)
        store_chain(task, problem, first + i, columns + COLUMNS * i);
    return STATUS_OK;
}

enum status measure_gradient(const struct measure_task *task)
{
    struct backward_problem problem;
    struct loss *loss;
    struct backward_column *columns;
    long group = backward_width(weights_hidden_size(task->batch->weights)) / COLUMNS;
    TRY(memory_allocate(&columns, COLUMNS * group, "errors carried back"));
    enum status status = loss_open(task->batch->model, task->batch->weights, &loss);
    if (status == STATUS_OK)
        problem = backward_problem_of(task, loss);
    for (long first = 0; first < task->count && status == STATUS_OK; first += group)
        status =
            sweep_chains(task, &problem, first, task->count - first < group ? task->count - first : group, columns);
    loss_close(loss);
    memory_free(columns);
    return status;
}
