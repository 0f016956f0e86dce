#include "gradient/jacobian_support.h"

#include "base/memory.h"
#include "gradient/jacobian_internal.h"

void jacobian_support_close(struct jacobian_support *support)
{
    memory_free(support->units);
    matrix_destroy(support->matrix);
    memory_free(support->diagonals);
    *support = (struct jacobian_support){ 0 };
}

/* How many units there are in U; is_alive[d] tells which. Beyond `most` it is not looked further. */
static long count_alive(const struct jacobian_problem *problem, long most, bool *is_alive)
{
    const long d = weights_hidden_size(problem->weights), steps = problem->lags[problem->lag_count - 1];
    long count = 0;
    for (long step = 0; step < steps; step++)
        for (long chain = 0; chain < problem->chains && count <= most; chain++) {
            const double *diagonal = jacobian_diagonal(problem, step, chain);
            for (long i = 0; i < d; i++) {
                count += !is_alive[i] && diagonal[i] != 0;
                is_alive[i] = is_alive[i] || diagonal[i] != 0;
            }
        }
    return count;
}

static enum status allocate(const struct jacobian_problem *problem, long count, struct jacobian_support *support)
{
    const long steps = problem->lags[problem->lag_count - 1];
    *support = (struct jacobian_support){ .count = count, .chains = problem->chains, .stride = block_stride(count) };
    TRY(memory_allocate(&support->units, count, "units that derivatives let through"));
    return memory_allocate(&support->diagonals, steps * support->chains * support->stride, "derivatives of a window");
}

static void set_diagonals(const struct jacobian_problem *problem, struct jacobian_support *support)
{
    for (long step = 0; step < problem->lags[problem->lag_count - 1]; step++)
        for (long chain = 0; chain < problem->chains; chain++)
            jacobian_support_gather(support, jacobian_diagonal(problem, step, chain),
                                    support->diagonals + (step * support->chains + chain) * support->stride);
}

enum status jacobian_support_open(const struct jacobian_problem *problem, struct jacobian_support *support)
{
    const long d = weights_hidden_size(problem->weights), most = (long)(JACOBIAN_SUPPORT_LARGEST_SHARE * (double)d);
    const struct matrix *matrix;
    SCOPED_MEMORY bool *is_alive = NULL;
    *support = (struct jacobian_support){ 0 };
    if (problem->trajectory == NULL || weights_grid(problem->weights) != NULL ||
        problem->lags[problem->lag_count - 1] < JACOBIAN_SUPPORT_SHORTEST_WINDOW)
        return STATUS_OK;
    TRY(memory_allocate(&is_alive, d, "units that derivatives let through"));
    const long count = count_alive(problem, most, is_alive);
    if (count == 0 || count > most)
        return STATUS_OK;
    TRY(allocate(problem, count, support));
    for (long i = 0, place = 0; i < d; i++)
        if (is_alive[i])
            support->units[place++] = i;
    set_diagonals(problem, support);
    TRY(weights_at(problem->weights, problem->steps, &matrix));
    return matrix_create_part(matrix, count, support->units, &support->matrix);
}

const double *jacobian_support_diagonal(const struct jacobian_support *support, long step_index, long chain)
{
    return support->diagonals + (step_index * support->chains + chain) * support->stride;
}

void jacobian_support_gather(const struct jacobian_support *support, const double *column, double *part)
{
    for (long i = 0; i < support->count; i++)
        part[i] = column[support->units[i]];
    for (long i = support->count; i < support->stride; i++)
        part[i] = 0;
}

void jacobian_support_scatter(const struct jacobian_support *support, const double *part, double *column)
{
    for (long i = 0; i < support->count; i++)
        column[support->units[i]] = part[i];
}
