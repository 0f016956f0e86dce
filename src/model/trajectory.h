/* Trajectories x_t = W sigma(x_{t-1}) + w_in i_t + b of many chains of one W_unit, side by side.
 *
 * A state is a mantissa times 2^e, with e = 0 while its largest element is within 1e-100 .. 1e100; beyond that phi is
 * its linear part at 0 or its asymptote and bias and inputs are multiplied by 2^-e: states that vanish or explode
 * exponentially stay right. Computed by the fixed-order kernel, so that chaotic networks give the same bits everywhere.
 * On weights that a team holds, states are whole on each of its ranks, with the bits of a rank alone; trajectory_run is
 * collective within that team, the others are not. */
#ifndef GRADSWEEP_MODEL_TRAJECTORY_H
#define GRADSWEEP_MODEL_TRAJECTORY_H

#include "linalg/block.h"
#include "model/chain.h"
#include "model/weights.h"

#include <stdbool.h>
#include <stdint.h>

/* What a trajectory remembers of its window beside the derivatives. */
enum trajectory_keep {
    KEEP_DERIVATIVES_ALONE, /* enough for Jacobian products; the final state of a chain whose derivatives have ended to
                               change (model/settling.h) is then the one that it had there */
    KEEP_DERIVATIVES,
    KEEP_STATES /* also the states and what they activate: gradients need both */
};

struct wide_derivatives {
    double *mantissas; /* [hidden_size]; NULL for the other steps */
    int64_t *exponents;
};

/* The window of the last `window` steps, and the final state. */
struct trajectory {
    long hidden_size;
    long chains;
    long window;
    long capacity; /* of steps: what window may grow to */
    /* [window][chains][stride]: phi'(x_{T-1-i}) / sup|phi'|, divided by exp(log_shift); the diagonal of the step
     * Jacobian S_{T-i} = gain gamma exp(log_shift) W_unit diag(derivative). One that underflows, as where a saturated
     * unit stands beside others, keeps its sign as +-0. */
    double *derivatives;
    /* [window * chains], NULL where there are none, which is usual: for a step whose derivatives lie so far apart that
     * `derivatives` has zeros in the place of some, all of them as mantissas and powers of two. Of W on a grid never.
     */
    struct wide_derivatives *wide;
    bool *is_beyond;          /* [window][chains]: the step's are further apart than can be held; may be NULL */
    bool *are_regular;        /* [window][chains]: the step's were seen to be finite, none 0; may be NULL */
    bool *may_be_wide;        /* [chains]: of the step that is being kept */
    long *at_rest;            /* [chains]: steps kept since it has settled (model/settling.h); may be NULL */
    double *log_shifts;       /* [window][chains]: 0 unless all derivatives of the step are below 1e-200 */
    struct block final_state; /* mantissas of x_T, one column a chain */
    int64_t *final_exponents; /* [chains]: x_T = 2^exponent * mantissa */
    /* With KEEP_STATES, else NULL; columns as in `derivatives`, each times 2^exponent: */
    double *states;           /* [window][chains][stride]: x_{T-i} */
    int64_t *state_exponents; /* [window][chains] */
    double *activated;        /* [window][chains][stride]: sigma(x_{T-1-i}), what W was applied to in step T-i */
    int64_t *activated_exponents;
};

/* Runs chains[count] for model->steps steps and keeps the last `window` (at most T). What is random (w_in, inputs, b,
 * x_0) is keyed by the weights' ensemble, d and replica. `stop_requested` (may be NULL; on a team collective, and equal
 * on all its ranks) is looked at once a step. Collective within the team of the weights, and agreed.
 * Release with trajectory_destroy. Errors: STATUS_MEMORY, STATUS_STOPPED, STATUS_INPUT (an input that cannot be read),
 * STATUS_INTERNAL (a window longer than T). A state that turns NaN leaves NaN derivatives: the cell's failure, not the
 * trajectory's. */
CHECKED enum status trajectory_run(const struct model *model, struct weights *weights, long count,
                                   const struct chain *chains, long window, enum trajectory_keep keep,
                                   bool (*stop_requested)(void), struct trajectory *trajectory);
void trajectory_destroy(struct trajectory *trajectory);
SCOPED_VALUE(trajectory, trajectory_destroy)

/* The same with stops on the way. course_open makes room in a trajectory for a window of up to `window` steps, at x_0;
 * course_go_on carries it to x_last, later than where it stands, with the last steps before that in its window: what
 * trajectory_run gives for a T of `last`, to the bit. All that is given must outlive the course, which is released with
 * course_close; the trajectory is its owner's to destroy, also where these fail. Collective and errors as above. */
struct course;
CHECKED enum status course_open(const struct model *model, struct weights *weights, long count,
                                const struct chain *chains, long window, enum trajectory_keep keep,
                                struct trajectory *trajectory, struct course **course);
CHECKED enum status course_go_on(struct course *course, long last, bool (*stop_requested)(void));
void course_close(struct course *course);
SCOPED_HANDLE(course, course_close)

/* The diagonal of S_{T-lag_index} of one chain: hidden_size doubles, aligned and padded as a block's column. lag_index
 * = 0 .. window-1. */
const double *trajectory_derivative(const struct trajectory *trajectory, long lag_index, long chain);

/* The same with powers of two of their own, *exponents[hidden_size]: NULL, and the derivatives above, where doubles
 * hold them beside each other. */
const double *trajectory_wide_derivative(const struct trajectory *trajectory, long lag_index, long chain,
                                         const int64_t **exponents);

/* Whether two step Jacobians, S_{T-lag_index} of a chain and S_{T-other_index} of another or the same, are equal to the
 * bit, with the logarithms that they leave out; wide derivatives are not looked at. */
bool trajectory_are_steps_equal(const struct trajectory *trajectory, long lag_index, long chain, long other_index,
                                long other);

/* Whether there is any step of a chain of which doubles do not hold the derivatives; and whether nothing here does. */
bool trajectory_is_wide(const struct trajectory *trajectory, long chain);
bool trajectory_is_beyond(const struct trajectory *trajectory, long chain);

/* Whether it is known of the derivatives of S_{T-lag_index} that all are finite and none is 0. */
bool trajectory_is_regular(const struct trajectory *trajectory, long lag_index, long chain);

/* The same of all of the last `steps` steps, at most the window's. */
bool trajectory_is_regular_throughout(const struct trajectory *trajectory, long steps, long chain);

/* The number of last steps of the window at which a chain is known to be settled at 0: at each its derivatives are one
 * number, and that of the first. */
long trajectory_steps_at_rest(const struct trajectory *trajectory, long chain);

/* x_{T-lag_index} and sigma(x_{T-1-lag_index}) = 2^*exponent * the mantissas returned: hidden_size doubles, aligned.
 * Need KEEP_STATES. */
const double *trajectory_state(const struct trajectory *trajectory, long lag_index, long chain, int64_t *exponent);
const double *trajectory_activated(const struct trajectory *trajectory, long lag_index, long chain, int64_t *exponent);

#endif
