#include "base/memory.h"
#include "model/network.h"
#include "model/scaled_state.h"
#include "model/settling.h"
#include "model/trajectory_internal.h"

#include <math.h>
#include <string.h>

/* What a running trajectory needs besides its results. */
struct motion {
    struct network network;
    struct block activated; /* sigma(x_{t-1}), then unused until the next step */
    struct block product;   /* W_unit sigma(x_{t-1}), then x_t */
    double *drive;          /* [stride]: w_in i_t + b, as one chain after another has it */
    bool is_on_grid;        /* of the weights */
    bool are_unscaled;      /* the exponents of all chains are 0, as they are but for states that vanish or explode */
    bool are_lost;          /* some states were not finite: of two NaNs a product is either, as a compiler likes */
    double *gains;          /* [chains] */
    long *activated_ends, *driven_ends; /* [chains] */
    struct settling settling;
    long moving; /* chains before it have settled: they stay where they are, and their derivatives what they are */
};

static void motion_close(struct motion *motion)
{
    network_close(&motion->network);
    block_destroy(&motion->activated);
    block_destroy(&motion->product);
    memory_free(motion->drive);
    memory_free(motion->gains);
    memory_free(motion->activated_ends);
    memory_free(motion->driven_ends);
    settling_close(&motion->settling);
}

/* `motion` is its owner's to close, also where this fails. */
static enum status motion_open(const struct model *model, struct weights *weights, long count,
                               const struct chain *chains, enum trajectory_keep keep, struct motion *motion)
{
    long d = weights_hidden_size(weights);
    TRY(network_open(model, weights, &motion->network));
    TRY(block_create(d, count, &motion->activated));
    TRY(block_create(d, count, &motion->product));
    TRY(memory_allocate(&motion->drive, block_stride(d), "the drive of a network"));
    TRY(memory_allocate(&motion->gains, count, "the gains of chains"));
    TRY(memory_allocate(&motion->activated_ends, count, "chains that are alike"));
    TRY(memory_allocate(&motion->driven_ends, count, "chains that are alike"));
    motion->is_on_grid = weights_grid(weights) != NULL;
    chains_activated_ends(count, chains, motion->activated_ends);
    chains_driven_ends(count, chains, motion->driven_ends);
    for (long c = 0; c < count; c++)
        motion->gains[c] = chains[c].gain;
    if (keep != KEEP_DERIVATIVES_ALONE || network_is_driven(&motion->network))
        return STATUS_OK;
    return settling_open(weights, model->steps, count, chains, &motion->settling);
}

/* All chains of a network begin alike. */
static void start(const struct model *model, const struct weights *weights, struct motion *motion,
                  struct trajectory *trajectory)
{
    struct block *state = &trajectory->final_state;
    network_initial_state(model, weights, state->values);
    const int64_t exponent = scaled_state_normalise(state->rows, state->values, 0);
    for (long c = 0; c < trajectory->chains; c++) {
        if (c > 0)
            memcpy(block_column(state, c), state->values, (size_t)state->rows * sizeof *state->values);
        trajectory->final_exponents[c] = exponent;
    }
    motion->are_unscaled = exponent == 0;
}

/* How many chains from `first` on, before `end`, have exponents 0: at least 1, which may have another. */
static long count_unscaled(const struct motion *motion, const struct trajectory *trajectory, long first, long end)
{
    const int64_t *exponents = trajectory->final_exponents;
    long next = first + 1;
    if (motion->are_unscaled)
        return end - first;
    while (exponents[first] == 0 && next < end && exponents[next] == 0)
        next++;
    return next - first;
}

/* Leaves out chains that have settled, up to one that has not. They are in the order of their gains, as a rule, and so
 * in the order in which they settle. */
static void let_settle(struct motion *motion, struct trajectory *trajectory)
{
    const struct block *state = &trajectory->final_state;
    for (long c = motion->moving; c < trajectory->chains; c++, motion->moving++) {
        const double *column = block_column(state, c);
        if (!settling_has_settled(&motion->settling, c, state->rows, column, trajectory->final_exponents[c]))
            break;
        memcpy(block_column(&motion->product, c), column, (size_t)state->rows * sizeof *column);
    }
}

/* Of a column that is kept. */
static void clear_padding(const struct trajectory *trajectory, double *column)
{
    const long d = trajectory->hidden_size;
    memset(column + d, 0, (size_t)(block_stride(d) - d) * sizeof *column);
}

/* The derivatives of those that have, of one step. */
static void keep_settled(const struct chain *chains, long lag_index, const struct motion *motion,
                         struct trajectory *trajectory)
{
    for (long c = 0; c < motion->moving; c++) {
        const double slope = chains[c].activation->slope_at_zero[0] / chains[c].activation->derivative_supremum;
        const size_t number = trajectory_column_number(trajectory, lag_index, c);
        double *derivatives = trajectory_kept_column(trajectory, trajectory->derivatives, lag_index, c);
        for (long i = 0; i < trajectory->hidden_size; i++)
            derivatives[i] = slope;
        clear_padding(trajectory, derivatives);
        trajectory->log_shifts[number] = 0;
        trajectory->are_regular[number] = true;
        trajectory->at_rest[c]++;
    }
}

/* sigma of all chains' states; their exponents become those of `activated`. */
static void activate(const struct chain *chains, struct motion *motion, struct trajectory *trajectory)
{
    const struct block *state = &trajectory->final_state;
    int64_t *exponents = trajectory->final_exponents;
    for (long c = motion->moving, count; c < trajectory->chains; c += count) {
        count = count_unscaled(motion, trajectory, c, motion->activated_ends[c]);
        const struct block from = block_view(state, c, count);
        struct block to = block_view(&motion->activated, c, count);
        if (exponents[c] == 0)
            scaled_states_activate(chains[c].activation, chains[c].gamma, &from, &to);
        else
            exponents[c] = scaled_state_activate(chains[c].activation, chains[c].gamma, state->rows, from.values,
                                                 exponents[c], to.values);
    }
}

/* Derivatives of one step that doubles do not hold beside each other, once more in full. No rank of a team has all of W
 * to make use of them. */
static enum status keep_wide(const struct chain *chain, long lag_index, long c, bool is_on_grid,
                             struct trajectory *trajectory)
{
    const struct block *state = &trajectory->final_state;
    const size_t number = trajectory_column_number(trajectory, lag_index, c);
    const double *derivatives = trajectory_derivative(trajectory, lag_index, c), shift = trajectory->log_shifts[number];
    const int64_t exponent = trajectory->final_exponents[c];
    enum derivative_spread spread = scaled_state_spread(chain->activation, state->rows, block_column(state, c),
                                                        exponent, derivatives, shift, NULL, NULL);
    if (spread == SPREAD_NEAR)
        return STATUS_OK;
    if (spread == SPREAD_BEYOND || is_on_grid) {
        trajectory->is_beyond[number] = true;
        return STATUS_OK;
    }
    if (trajectory->wide == NULL)
        TRY(memory_allocate(&trajectory->wide, trajectory->capacity * trajectory->chains, "wide derivatives"));
    struct wide_derivatives *wide = &trajectory->wide[number];
    TRY(memory_allocate(&wide->mantissas, block_stride(state->rows), "wide derivatives"));
    TRY(memory_allocate(&wide->exponents, state->rows, "wide derivatives"));
    scaled_state_spread(chain->activation, state->rows, block_column(state, c), exponent, derivatives, shift,
                        wide->mantissas, wide->exponents);
    return STATUS_OK;
}

/* sigma of one chain's state, and the diagonal of the step Jacobian that leaves it: of the exponent that it has before.
 */
static enum status differentiate_scaled(const struct chain *chain, long lag_index, long c, struct motion *motion,
                                        struct trajectory *trajectory)
{
    const struct block *state = &trajectory->final_state;
    int64_t *exponent = &trajectory->final_exponents[c];
    const size_t number = trajectory_column_number(trajectory, lag_index, c);
    double *derivatives = trajectory_kept_column(trajectory, trajectory->derivatives, lag_index, c);
    trajectory->are_regular[number] = false;
    trajectory->log_shifts[number] = scaled_state_derivative(chain->activation, state->rows, block_column(state, c),
                                                             *exponent, derivatives, &trajectory->may_be_wide[c]);
    clear_padding(trajectory, derivatives);
    if (trajectory->may_be_wide[c])
        TRY(keep_wide(chain, lag_index, c, motion->is_on_grid, trajectory));
    *exponent = scaled_state_activate(chain->activation, chain->gamma, state->rows, block_column(state, c), *exponent,
                                      block_column(&motion->activated, c));
    return STATUS_OK;
}

/* The same of chains first .. first + count - 1, which are activated alike. */
static enum status differentiate_unscaled(const struct chain *chains, long lag_index, long first, long count,
                                          struct motion *motion, struct trajectory *trajectory)
{
    const struct block states = block_view(&trajectory->final_state, first, count);
    const size_t number = trajectory_column_number(trajectory, lag_index, first);
    struct block to = block_view(&motion->activated, first, count);
    const bool are_regular =
        scaled_states_differentiate(chains[first].activation, chains[first].gamma, &states, &to,
                                    trajectory_kept_column(trajectory, trajectory->derivatives, lag_index, first),
                                    trajectory->log_shifts + number, trajectory->may_be_wide + first);
    memset(trajectory->are_regular + number, are_regular, (size_t)count * sizeof *trajectory->are_regular);
    for (long c = first; !are_regular && c < first + count; c++)
        if (trajectory->may_be_wide[c])
            TRY(keep_wide(&chains[c], lag_index, c, motion->is_on_grid, trajectory));
    return STATUS_OK;
}

/* The same as `activate`, and keeps the diagonals of the step Jacobians that leave the present state: S_{T - lag_index}
 * does. */
static enum status differentiate(const struct chain *chains, long lag_index, struct motion *motion,
                                 struct trajectory *trajectory)
{
    keep_settled(chains, lag_index, motion, trajectory);
    for (long c = motion->moving, count; c < trajectory->chains; c += count) {
        count = count_unscaled(motion, trajectory, c, motion->activated_ends[c]);
        TRY(trajectory->final_exponents[c] == 0
                ? differentiate_unscaled(chains, lag_index, c, count, motion, trajectory)
                : differentiate_scaled(&chains[c], lag_index, c, motion, trajectory));
    }
    return STATUS_OK;
}

/* The drive of a chain at the step whose input was taken, in motion->drive; NULL where it is zero. */
static const double *drive_of(const struct chain *chain, struct motion *motion)
{
    const struct drive_scales scales = chain->drive ? *chain->drive : model_drive(motion->network.model);
    const bool is_driven =
        network_is_driven(&motion->network) && network_drive(&motion->network, scales, motion->drive);
    return is_driven ? motion->drive : NULL;
}

/* motion->product := gains times it + drives, x_step with its exponents. */
static void advance_states(const struct chain *chains, struct motion *motion, struct trajectory *trajectory)
{
    int64_t *exponents = trajectory->final_exponents;
    const double *drive = NULL;
    bool are_unscaled = true;
    for (long c = motion->moving, count; c < trajectory->chains; c += count) {
        if (c == motion->moving || motion->driven_ends[c - 1] == c)
            drive = drive_of(&chains[c], motion);
        count = count_unscaled(motion, trajectory, c, motion->driven_ends[c]);
        struct block states = block_view(&motion->product, c, count);
        if (exponents[c] == 0)
            are_unscaled = scaled_states_advance(motion->gains + c, drive, &states, exponents + c) && are_unscaled;
        else {
            exponents[c] = scaled_state_advance(chains[c].gain, drive, states.rows, states.values, exponents[c]);
            are_unscaled = are_unscaled && exponents[c] == 0;
        }
    }
    motion->are_unscaled = are_unscaled;
}

/* motion->product := x_step of the chains that move; in one pass where they are driven alike, as they are but for an
 * axis of drives, and no exponent stands between a state and its drive. */
static enum status multiply_and_advance(const struct matrix *unit, const struct chain *chains, struct motion *motion,
                                        struct trajectory *trajectory)
{
    const long first = motion->moving, count = trajectory->chains - first;
    const struct block from = block_view(&motion->activated, first, count);
    struct block to = block_view(&motion->product, first, count);
    if (count > 0 && motion->driven_ends[first] == trajectory->chains && matrix_is_small(unit)) {
        const double *drive = drive_of(&chains[first], motion);
        if (motion->are_unscaled || (drive == NULL && !motion->are_lost)) {
            const bool are_moderate = matrix_apply_affine(unit, &from, motion->gains + first, drive, &to);
            if (!are_moderate || !motion->are_unscaled)
                motion->are_unscaled =
                    scaled_states_normalise(&to, are_moderate, trajectory->final_exponents + first, &motion->are_lost);
            return STATUS_OK;
        }
    }
    TRY(matrix_apply(unit, &from, &to));
    advance_states(chains, motion, trajectory);
    return STATUS_OK;
}

/* The present state, in trajectory->final_state, becomes x_step. lag_index is the step's place in the window; negative
 * before that. */
static enum status advance(struct weights *weights, const struct chain *chains, long step, long lag_index,
                           enum trajectory_keep keep, struct motion *motion, struct trajectory *trajectory)
{
    struct block *state = &trajectory->final_state;
    int64_t *exponents = trajectory->final_exponents;
    const bool keeps_states = lag_index >= 0 && keep == KEEP_STATES;
    const struct matrix *unit = NULL;
    TRY(weights_at(weights, step, &unit));
    let_settle(motion, trajectory);
    if (lag_index >= 0)
        TRY(differentiate(chains, lag_index, motion, trajectory));
    else
        activate(chains, motion, trajectory);
    if (keeps_states)
        trajectory_keep_columns(trajectory, &motion->activated, exponents, lag_index, trajectory->activated,
                                trajectory->activated_exponents);
    network_take_input(&motion->network, step);
    TRY(multiply_and_advance(unit, chains, motion, trajectory));
    struct block previous = *state;
    *state = motion->product;
    motion->product = previous;
    if (keeps_states)
        trajectory_keep_columns(trajectory, state, exponents, lag_index, trajectory->states,
                                trajectory->state_exponents);
    return STATUS_OK;
}

/* Motion and trajectory, on all ranks of the weights' team or on none. */
static enum status open_together(const struct model *model, struct weights *weights, long count,
                                 const struct chain *chains, long window, enum trajectory_keep keep,
                                 struct motion *motion, struct trajectory *trajectory)
{
    enum status status = motion_open(model, weights, count, chains, keep, motion);
    if (status == STATUS_OK)
        status = trajectory_create(weights_hidden_size(weights), count, window, keep, trajectory);
    return team_agree(weights_team(weights), status);
}

struct course {
    struct weights *weights;
    const struct chain *chains;
    enum trajectory_keep keep;
    struct trajectory *trajectory;
    struct motion motion;
    long step; /* where it stands: x_step */
};

enum status course_open(const struct model *model, struct weights *weights, long count, const struct chain *chains,
                        long window, enum trajectory_keep keep, struct trajectory *trajectory, struct course **opened)
{
    SCOPED(course) *course = NULL;
    *opened = NULL;
    TRY(team_agree(weights_team(weights), memory_allocate(&course, 1, "the course of a trajectory")));
    *course = (struct course){ .weights = weights, .chains = chains, .keep = keep, .trajectory = trajectory };
    TRY(open_together(model, weights, count, chains, window, keep, &course->motion, trajectory));
    start(model, weights, &course->motion, trajectory);
    *opened = scope_keep(&course);
    return STATUS_OK;
}

void course_close(struct course *course)
{
    if (course == NULL)
        return;
    motion_close(&course->motion);
    memory_free(course);
}

enum status course_go_on(struct course *course, long last, bool (*stop_requested)(void))
{
    struct trajectory *trajectory = course->trajectory;
    const long window = trajectory->capacity;
    if (course->step > 0)
        trajectory_shift_window(trajectory, last - course->step);
    trajectory->window = window < last ? window : last;
    for (long step = course->step + 1; step <= last; step++) {
        if (stop_requested != NULL && stop_requested())
            return status_fail(STATUS_STOPPED, "stopped at step %ld of a trajectory of %ld", step, last);
        const long lag_index = step > last - window ? last - step : -1;
        TRY(advance(course->weights, course->chains, step, lag_index, course->keep, &course->motion, trajectory));
    }
    course->step = last;
    return STATUS_OK;
}

enum status trajectory_run(const struct model *model, struct weights *weights, long count, const struct chain *chains,
                           long window, enum trajectory_keep keep, bool (*stop_requested)(void),
                           struct trajectory *trajectory)
{
    SCOPED(trajectory) run = { 0 };
    SCOPED(course) *course = NULL;
    *trajectory = run;
    if (window > model->steps)
        return status_fail(STATUS_INTERNAL, "a window of %ld steps was asked of a trajectory of %ld", window,
                           model->steps);
    TRY(course_open(model, weights, count, chains, window, keep, &run, &course));
    TRY(course_go_on(course, model->steps, stop_requested));
    *trajectory = scope_keep(&run);
    return STATUS_OK;
}
