/* The window of a trajectory: its room, and what is asked of it. */
#include "base/memory.h"
#include "model/trajectory_internal.h"

#include <string.h>

enum status trajectory_create(long hidden_size, long chains, long window, enum trajectory_keep keep,
                              struct trajectory *trajectory)
{
    *trajectory =
        (struct trajectory){ .hidden_size = hidden_size, .chains = chains, .window = window, .capacity = window };
    size_t columns = (size_t)window * (size_t)chains, stride = (size_t)block_stride(hidden_size);
    TRY(memory_allocate_unset(&trajectory->derivatives, columns * stride, "the derivatives of a trajectory"));
    TRY(memory_allocate(&trajectory->log_shifts, columns, "the derivatives of a trajectory"));
    TRY(memory_allocate(&trajectory->is_beyond, columns, "the derivatives of a trajectory"));
    TRY(memory_allocate(&trajectory->are_regular, columns, "the derivatives of a trajectory"));
    TRY(memory_allocate(&trajectory->may_be_wide, chains, "the derivatives of a trajectory"));
    TRY(memory_allocate(&trajectory->at_rest, chains, "the derivatives of a trajectory"));
    TRY(block_create(hidden_size, chains, &trajectory->final_state));
    TRY(memory_allocate(&trajectory->final_exponents, chains, "the states of a trajectory"));
    if (keep != KEEP_STATES)
        return STATUS_OK;
    TRY(memory_allocate(&trajectory->states, columns * stride, "the states of a trajectory"));
    TRY(memory_allocate(&trajectory->state_exponents, columns, "the states of a trajectory"));
    TRY(memory_allocate(&trajectory->activated, columns * stride, "the activations of a trajectory"));
    return memory_allocate(&trajectory->activated_exponents, columns, "the activations of a trajectory");
}

static void forget_wide(struct wide_derivatives *wide)
{
    memory_free(wide->mantissas);
    memory_free(wide->exponents);
    *wide = (struct wide_derivatives){ 0 };
}

void trajectory_destroy(struct trajectory *trajectory)
{
    memory_free(trajectory->derivatives);
    memory_free(trajectory->log_shifts);
    memory_free(trajectory->is_beyond);
    memory_free(trajectory->are_regular);
    memory_free(trajectory->may_be_wide);
    memory_free(trajectory->at_rest);
    for (long column = 0; trajectory->wide && column < trajectory->capacity * trajectory->chains; column++)
        forget_wide(&trajectory->wide[column]);
    memory_free(trajectory->wide);
    memory_free(trajectory->final_exponents);
    memory_free(trajectory->states);
    memory_free(trajectory->state_exponents);
    memory_free(trajectory->activated);
    memory_free(trajectory->activated_exponents);
    block_destroy(&trajectory->final_state);
    *trajectory = (struct trajectory){ 0 };
}

const double *trajectory_derivative(const struct trajectory *trajectory, long lag_index, long chain)
{
    return trajectory_kept_column(trajectory, trajectory->derivatives, lag_index, chain);
}

const double *trajectory_wide_derivative(const struct trajectory *trajectory, long lag_index, long chain,
                                         const int64_t **exponents)
{
    const struct wide_derivatives *wide =
        trajectory->wide ? &trajectory->wide[trajectory_column_number(trajectory, lag_index, chain)] : NULL;
    const bool is_wide = wide != NULL && wide->mantissas != NULL;
    *exponents = is_wide ? wide->exponents : NULL;
    return is_wide ? wide->mantissas : trajectory_derivative(trajectory, lag_index, chain);
}

bool trajectory_are_steps_equal(const struct trajectory *trajectory, long lag_index, long chain, long other_index,
                                long other)
{
    const double *derivatives = trajectory_derivative(trajectory, lag_index, chain);
    const double *others = trajectory_derivative(trajectory, other_index, other);
    if (memcmp(derivatives, others, sizeof *derivatives) != 0) /* as it is, as a rule */
        return false;
    const double *shift = trajectory->log_shifts + trajectory_column_number(trajectory, lag_index, chain);
    const double *other_shift = trajectory->log_shifts + trajectory_column_number(trajectory, other_index, other);
    return memcmp(derivatives, others, (size_t)trajectory->hidden_size * sizeof *derivatives) == 0 &&
           memcmp(shift, other_shift, sizeof *shift) == 0;
}

bool trajectory_is_wide(const struct trajectory *trajectory, long chain)
{
    for (long i = 0; trajectory->wide && i < trajectory->window; i++)
        if (trajectory->wide[trajectory_column_number(trajectory, i, chain)].mantissas != NULL)
            return true;
    return false;
}

/* flags[steps][chains]: whether all of a chain's are the same as `flag`. What one chain is, all are, as a rule. */
static bool are_alike(const struct trajectory *trajectory, const bool *flags, bool flag, long steps, long chain)
{
    if (memchr(flags, !flag, (size_t)(steps * trajectory->chains) * sizeof *flags) == NULL)
        return true;
    for (long step = 0; step < steps; step++)
        if (flags[trajectory_column_number(trajectory, step, chain)] != flag)
            return false;
    return true;
}

bool trajectory_is_beyond(const struct trajectory *trajectory, long chain)
{
    return trajectory->is_beyond && !are_alike(trajectory, trajectory->is_beyond, false, trajectory->window, chain);
}

bool trajectory_is_regular(const struct trajectory *trajectory, long lag_index, long chain)
{
    return trajectory->are_regular && trajectory->are_regular[trajectory_column_number(trajectory, lag_index, chain)];
}

bool trajectory_is_regular_throughout(const struct trajectory *trajectory, long steps, long chain)
{
    return trajectory->are_regular && are_alike(trajectory, trajectory->are_regular, true, steps, chain);
}

long trajectory_steps_at_rest(const struct trajectory *trajectory, long chain)
{
    const long steps = trajectory->at_rest ? trajectory->at_rest[chain] : 0;
    return steps < trajectory->window ? steps : trajectory->window;
}

const double *trajectory_state(const struct trajectory *trajectory, long lag_index, long chain, int64_t *exponent)
{
    *exponent = trajectory->state_exponents[trajectory_column_number(trajectory, lag_index, chain)];
    return trajectory_kept_column(trajectory, trajectory->states, lag_index, chain);
}

const double *trajectory_activated(const struct trajectory *trajectory, long lag_index, long chain, int64_t *exponent)
{
    *exponent = trajectory->activated_exponents[trajectory_column_number(trajectory, lag_index, chain)];
    return trajectory_kept_column(trajectory, trajectory->activated, lag_index, chain);
}

void trajectory_keep_columns(const struct trajectory *trajectory, const struct block *block, const int64_t *exponents,
                             long lag_index, double *kept, int64_t *kept_exponents)
{
    for (long c = 0; c < trajectory->chains; c++) {
        memcpy(trajectory_kept_column(trajectory, kept, lag_index, c), block_column(block, c),
               (size_t)block->rows * sizeof *kept);
        kept_exponents[trajectory_column_number(trajectory, lag_index, c)] = exponents[c];
    }
}

/* Elements [steps, size] of an array of the window, moved by so many steps; what leaves it is lost. */
static void shift(void *array, long capacity, long steps, size_t size)
{
    if (array)
        memmove((char *)array + (size_t)steps * size, array, (size_t)(capacity - steps) * size);
}

void trajectory_shift_window(struct trajectory *trajectory, long steps)
{
    const long capacity = trajectory->capacity, chains = trajectory->chains;
    const size_t numbers = (size_t)chains * sizeof(double);
    const size_t columns = numbers * (size_t)block_stride(trajectory->hidden_size);
    steps = steps < capacity ? steps : capacity;
    for (long column = (capacity - steps) * chains; trajectory->wide && column < capacity * chains; column++)
        forget_wide(&trajectory->wide[column]);
    shift(trajectory->wide, capacity, steps, (size_t)chains * sizeof *trajectory->wide);
    for (long column = 0; trajectory->wide && column < steps * chains; column++)
        trajectory->wide[column] = (struct wide_derivatives){ 0 };
    shift(trajectory->is_beyond, capacity, steps, (size_t)chains * sizeof *trajectory->is_beyond);
    memset(trajectory->is_beyond, 0, (size_t)(steps * chains) * sizeof *trajectory->is_beyond);
    shift(trajectory->are_regular, capacity, steps, (size_t)chains * sizeof *trajectory->are_regular);
    shift(trajectory->derivatives, capacity, steps, columns);
    shift(trajectory->log_shifts, capacity, steps, numbers);
    shift(trajectory->states, capacity, steps, columns);
    shift(trajectory->state_exponents, capacity, steps, (size_t)chains * sizeof *trajectory->state_exponents);
    shift(trajectory->activated, capacity, steps, columns);
    shift(trajectory->activated_exponents, capacity, steps, (size_t)chains * sizeof *trajectory->activated_exponents);
}
