/* What the methods of jacobian.h share. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_INTERNAL_H
#define GRADSWEEP_GRADIENT_JACOBIAN_INTERNAL_H

#include "gradient/jacobian.h"
#include "linalg/lanczos.h"

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

/* The logarithm that a chain's derivatives leave out at step T - step_index (model/trajectory.h). */
double jacobian_log_shift(const struct jacobian_problem *problem, long step_index, long chain);

/* The options of every Lanczos run here: start vectors are keyed by the network, so that nothing else moves a bit. */
struct lanczos_options jacobian_lanczos_options(const struct jacobian_problem *problem,
                                                const struct gradient_context *context);

/* jacobian_norms_explicit for networks of at most LANES_LARGEST_DIMENSION units on a rank alone. */
CHECKED enum status jacobian_norms_in_lanes(const struct jacobian_problem *problem, struct gradient_context *context,
                                            double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes);

#endif
