/* What things cost, from a table of rates in the source: it chooses the method, cuts the units and predicts times. A
 * function of the sweep alone, never of a measurement, so that numbers do not depend on the machine's mood.
 * Not collective. */
#ifndef GRADSWEEP_GRADIENT_COST_H
#define GRADSWEEP_GRADIENT_COST_H

#include "gradient/measure.h"
#include "model/activation.h"
#include "model/ensemble.h"
#include "model/model.h"

#include <stdbool.h>

/* How ||J_l|| of a cell is computed; the values are those of the dataset `method`. */
enum jacobian_method { METHOD_EXPLICIT = 1, METHOD_IMPLICIT = 2, METHOD_CLOSED_FORM = 3 };

/* Columns of chains stand side by side in blocks of so many where there are enough: wide enough for the kernel's full
 * rate. */
enum { COST_SIDE_BY_SIDE = 32 };

/* All that a chain's cost and method depend on. */
struct cost_question {
    const struct ensemble *ensemble;
    const struct activation *activation;
    const struct model *model;
    long hidden_size;
    const long *lags;
    long lag_count;
    unsigned measures;
    struct measure_options options;
    int team_size;     /* ranks that hold whole matrices together; 0 counts as 1. Bytes depend on it, times do not */
    long side_by_side; /* chains of a block; 0 counts as COST_SIDE_BY_SIDE. The method does not depend on it */
};

/* What a piece of work takes. Its seconds are those of one core that does everything; on a team some of them are
 * shared, some not, and there is communication: cost_seconds. */
struct cost {
    double flops;
    double seconds; /* on one core */
    /* Of these seconds: */
    double lapack;     /* in LAPACK; in ScaLAPACK on a team */
    double squares;    /* in products of whole matrices; in PDGEMM on a team */
    double replicated; /* in element-wise work on whole vectors, which every rank of a team does for itself */
    /* Of a team: */
    double gathered_bytes; /* that each rank receives of vectors */
    double panel_bytes;    /* of the matrices that PDGEMM multiplies, both factors */
    double messages;       /* collective calls */
};

/* How many times longer work takes than on the machine that the rates were measured on. */
struct cost_speed {
    double kernel; /* all but LAPACK */
    double lapack;
};

/* Closed form where ||W^l|| is known by construction (identity with a normal or nilpotent law, no Frobenius norm asked
 * for), explicit where W is drawn afresh at each step or Frobenius norms are wanted, else the cheaper of the two. */
enum jacobian_method cost_method(const struct cost_question *question);

/* One chain: its trajectory, the norms at all lags, and proofs where they are asked for. For identity one chain serves
 * all cells of a network. */
struct cost cost_of_chain(const struct cost_question *question);

/* One cell: the measures that have functions of their own, and for identity the trajectory they need. */
struct cost cost_of_measures(const struct cost_question *question);

/* Drawing and packing W once. */
struct cost cost_of_weights(const struct ensemble *ensemble, long hidden_size);

/* Spectral radius and norm of W, with its draw. */
struct cost cost_of_spectrum(const struct ensemble *ensemble, long hidden_size, long distribute_from);

/* All eigenvalues of W with their vectors, beside its draw. */
struct cost cost_of_eigenvalues(long hidden_size);

struct cost cost_add(struct cost a, struct cost b);

/* All of it `times` times. */
struct cost cost_times(struct cost cost, double times);

/* The same work on another machine: seconds are scaled, communication is not. */
struct cost cost_on(struct cost cost, const struct cost_speed *speed);

/* Wall seconds on a team of so many ranks; 1: cost.seconds. */
double cost_seconds(const struct cost *cost, int team_size);

/* Bytes that one more chain side by side needs beside its results: the window of its trajectory, its vectors and
 * products. */
double cost_chain_bytes(const struct cost_question *question);

/* How many chains stand side by side: few enough that the windows of their trajectories fit the memory set aside. */
long cost_side_by_side(const struct cost_question *question);

/* How many lags of so many chains Lanczos treats side by side, so that few chains fill a block as well. */
long cost_lags_side_by_side(long chains, long lag_count);

/* Bytes that each rank needs for so many chains side by side, with their measures and proofs; without W and results. */
double cost_chains_bytes(const struct cost_question *question, double chains);

/* Bytes that each rank of a team needs at most to draw W and to keep it packed, and to find its spectrum. */
double cost_weights_bytes(const struct ensemble *ensemble, long hidden_size, int team_size);
double cost_spectrum_bytes(const struct ensemble *ensemble, long hidden_size, int team_size, long distribute_from);

#endif
