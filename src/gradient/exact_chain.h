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

/* *first_zero := the least l up to the largest lag with J_l = 0, else one more than that lag. For untied weights, and
 * on a grid, where all derivatives of a step are zero, and not otherwise. Errors as above. */
CHECKED enum status exact_chain_first_zero(const struct jacobian_problem *problem, struct gradient_context *context,
                                           long chain, long *first_zero);

#endif
