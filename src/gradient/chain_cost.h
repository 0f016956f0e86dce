/* What chains and the measures on them cost (linalg/cost.h): it chooses the method, cuts the units and predicts times.
 * A function of the sweep alone, never of a measurement. Not collective. */
#ifndef GRADSWEEP_GRADIENT_CHAIN_COST_H
#define GRADSWEEP_GRADIENT_CHAIN_COST_H

#include "gradient/measure.h"
#include "linalg/cost.h"
#include "model/activation.h"
#include "model/ensemble.h"
#include "model/model.h"

#include <stdbool.h>

/* How ||J_l|| of a cell is computed; the values are those of the dataset `method`. */
enum jacobian_method { METHOD_EXPLICIT = 1, METHOD_IMPLICIT = 2, METHOD_CLOSED_FORM = 3 };

/* Columns of chains stand side by side in blocks of so many where there are enough: wide enough for the kernel's full
 * rate. */
enum { CHAINS_SIDE_BY_SIDE = 32 };

/* All that a chain's cost and method depend on. */
struct chain_question {
    const struct ensemble *ensemble;
    const struct activation *activation;
    const struct model *model;
    long hidden_size;
    const long *lags;
    long lag_count;
    unsigned measures;
    const struct measure_options *options;
    long anchors;      /* final times along the trajectory, the last the model's T; 0 counts as 1 */
    long anchor_span;  /* steps from the first of them to the last */
    int team_size;     /* ranks that hold whole matrices together; 0 counts as 1. Bytes depend on it, times do not */
    long side_by_side; /* chains of a block; 0 counts as CHAINS_SIDE_BY_SIDE. The method does not depend on it */
    double unlike;     /* share of them that have a product of their own (chain_cost_unlike); 0 counts as 1. Likewise */
    double moving;     /* share of their steps that trajectories take (chain_cost_moving); 0 counts as 1. Likewise */
    double cutting; /* what frames take more where derivatives are cut (chain_cost_cutting); 0 counts as 1. Likewise */
};

/* The share of chains, of all with these couplings, that are not like another one of their block
 * (gradient/chain_norms.h): without input and bias, states that vanish leave one product, and so does an activation of
 * two straight lines through 0. */
double chain_cost_unlike(const struct chain_question *question, bool native, long count, const double *couplings);

/* The share of the steps of chains with these couplings that they take before they settle (model/settling.h), where
 * their states are not asked for. */
double chain_cost_moving(const struct chain_question *question, bool native, long count, const double *couplings);

/* How many times longer a step of frames takes (gradient/exponents.h), the mean of chains with these couplings, since
 * derivatives that doubles do not hold beside each other are cut into parts. */
double chain_cost_cutting(const struct chain_question *question, long count, const double *couplings);

/* What of these chains' norms is one product's, so that each unit of them finds it for itself; nothing where no two are
 * alike. */
struct cost chain_cost_shared(const struct chain_question *question, bool native, long count, const double *couplings);

/* Iterations that Lanczos takes for ||J_l||_2. */
double chain_cost_iterations(const struct chain_question *question, double lag);

/* Closed form where ||W^l|| is known by construction (identity with a normal or nilpotent law, no Frobenius norm asked
 * for), explicit where W is drawn afresh at each step or Frobenius norms are wanted, else the cheaper of the two. */
enum jacobian_method chain_method(const struct chain_question *question);

/* The last steps whose derivatives are kept: over the largest lag, and what measures look back over; all, where they
 * need the states. */
long chain_window(const struct chain_question *question);

/* One chain: its trajectory, once, and at each anchor the norms at all lags, and proofs where they are asked for. For
 * identity one chain serves all cells of a network, and its norms all anchors, where W is one. */
struct cost chain_cost(const struct chain_question *question);

/* One chain's measures at all anchors: those that have functions of their own, by their rows, and for identity the
 * trajectory they need. */
struct cost chain_cost_measures(const struct chain_question *question);

/* Bytes that one more chain side by side needs beside its results: the window of its trajectory, its vectors and
 * products. */
double chain_cost_bytes(const struct chain_question *question);

/* How many chains stand side by side: few enough that the windows of their trajectories fit the memory set aside. */
long chain_cost_side_by_side(const struct chain_question *question);

/* Chains of a block, as the question says; and how many of them are unlike. */
double chain_cost_width(const struct chain_question *question);
double chain_cost_unlike_width(const struct chain_question *question);

/* A chain's share of drawing the weights of so many steps, where each step has its own: chains side by side share them.
 */
struct cost chain_cost_steps(const struct chain_question *question, double steps);

/* How many lags of so many chains Lanczos treats side by side, so that few chains fill a block as well. */
long chain_cost_lags_side_by_side(long chains, long lag_count);

/* Bytes that each rank needs for so many chains side by side, with their measures and proofs; without W and results. */
double chain_cost_block_bytes(const struct chain_question *question, double chains);

#endif
