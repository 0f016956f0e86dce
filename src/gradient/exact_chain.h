/* Where products of step Jacobians are exactly zero, and their exact ranks: over finite fields (linalg/exact_rank.h).
 *
 * The statement is about the exact product of the stored doubles: W as drawn or loaded, times a number, and the stored
 * derivatives D_i. A product can lack rank only where W does or where a derivative is exactly zero; all other chains
 * cost a look at their derivatives. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_EXACT_CHAIN_H
#define GRADSWEEP_GRADIENT_EXACT_CHAIN_H

#include "gradient/jacobian.h"

/* ranks[largest lag] := the rank of J_1, J_2, ... of one chain of the problem. Of untied weights it is the least number
 * of derivatives that are not zero in a step, as their law gives it but with probability 0; on a grid it is the same
 * number, an upper bound. Errors: STATUS_MEMORY, STATUS_IO, STATUS_STOPPED. */
CHECKED enum status exact_chain_ranks(const struct jacobian_problem *problem, struct gradient_context *context,
                                      long chain, long *ranks);

/* *rank := the last of these alone, that of the product over the largest lag. Errors as above. */
CHECKED enum status exact_chain_rank(const struct jacobian_problem *problem, struct gradient_context *context,
                                     long chain, long *rank);

/* *first_zero := the least l up to the largest lag with J_l = 0, else one more than that lag. For untied weights, and
 * on a grid, where all derivatives of a step are zero, and not otherwise. Errors as above. */
CHECKED enum status exact_chain_first_zero(const struct jacobian_problem *problem, struct gradient_context *context,
                                           long chain, long *first_zero);

/* Of the errors that are carried back from x_t, e_l = e_0 J_l with J_l = S_t ... S_(t-l+1): *first_zero := the least l
 * up to t with e_l = 0, 0 where e_0 = error[hidden_size] is; else t + 1. The trajectory has derivatives of all steps.
 * Of tied weights; -1 on a grid, and where derivatives are not finite: nothing is known then. Errors as above. */
CHECKED enum status exact_error_first_zero(struct weights *weights, const struct trajectory *trajectory,
                                           struct gradient_context *context, long chain, long last_step,
                                           const double *error, long *first_zero);

#endif
