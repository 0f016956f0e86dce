/* What the methods of jacobian.h share. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_INTERNAL_H
#define GRADSWEEP_GRADIENT_JACOBIAN_INTERNAL_H

#include "gradient/jacobian.h"
#include "linalg/cost.h"
#include "linalg/lanczos.h"
#include "linalg/truncation.h"

#define LOG_2 0.69314718055994530942

/* STATUS_STOPPED where a stop was requested. */
CHECKED enum status jacobian_check_stop(const struct gradient_context *context);

/* Which of the trajectory's chains one of the problem's is, and a problem that has it alone. */
long jacobian_member(const struct jacobian_problem *problem, long chain);
struct jacobian_problem jacobian_problem_of_one(const struct jacobian_problem *problem, long chain);

/* The diagonal of the step Jacobian S_{T - step_index} of one of the problem's chains (it must have a trajectory). */
const double *jacobian_diagonal(const struct jacobian_problem *problem, long step_index, long chain);

/* The same with powers of two of their own where they need them (model/trajectory.h). */
const double *jacobian_wide_diagonal(const struct jacobian_problem *problem, long step_index, long chain,
                                     const int64_t **exponents);

/* The logarithm that a chain's derivatives leave out at step T - step_index (model/trajectory.h), and over a lag. */
double jacobian_log_shift(const struct jacobian_problem *problem, long step_index, long chain);
double jacobian_log_shifts(const struct jacobian_problem *problem, long chain, long lag);

/* The options of every Lanczos run here: start vectors are keyed by the network, so that nothing else moves a bit. */
struct lanczos_options jacobian_lanczos_options(const struct jacobian_problem *problem,
                                                const struct gradient_context *context);

/* jacobian_norms_explicit for networks of at most LANES_LARGEST_DIMENSION units on a rank alone. */
CHECKED enum status jacobian_norms_in_lanes(const struct jacobian_problem *problem, struct gradient_context *context,
                                            double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes);

/* One chain of these: its products, and the norms at all lags. */
struct cost jacobian_lanes_cost(long hidden_size, long lag_count, const long *lags);

/* The lag at which the directions of a product are looked at first, how far it is from there to the next one, and for
 * how many steps with as many columns as now the rest of the way must stand, so that a look pays: it takes as long as
 * some fifteen of them. */
enum { TRUNCATION_FIRST_LOOK = 16, TRUNCATION_LOOK_AS_STEPS = 75 };
#define TRUNCATION_LOOK_RATIO 1.25

/* Whether a look pays at all on the way to that lag. */
static inline bool jacobian_is_long(long largest_lag)
{
    return largest_lag >= TRUNCATION_FIRST_LOOK + TRUNCATION_LOOK_AS_STEPS;
}

/* Random columns that the errors of steps are made of. */
enum {
    TRUNCATION_ROUNDING_PATTERNS = 8,
    TRUNCATION_ROUNDING_COLUMNS = TRUNCATION_ROUNDING_PATTERNS * TRUNCATION_PROBES
};

/* How many chains go side by side through truncated products of networks of that size. */
long jacobian_truncated_group(long hidden_size);

/* jacobian_norms_explicit for long lags on a rank alone, without the directions that have become negligible. */
CHECKED enum status jacobian_norms_truncated(const struct jacobian_problem *problem, struct gradient_context *context,
                                             double *log_norms, enum jacobian_outcome *outcomes);

#endif
